//! The aspects of a device, each a choice of law: how it is written, how it keeps, how it sounds when read,
//! what is broken. Separate measurements meet in one description, and laws compose.

mod activated;
mod faults;
mod noise;
mod retention;
mod write;

pub(crate) use activated::climb;
pub use activated::{Activated, ThermalLoss};
pub use faults::{Faults, StuckAt};
pub use noise::Noise;
pub use retention::{Anchor, Retention};
pub use write::Write;
