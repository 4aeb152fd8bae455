//! The aspects of a device, each a choice of law: how it is written, how it keeps, how it sounds when read,
//! what is broken. Separate measurements meet in one description, and laws compose.

mod activated;
mod endurance;
mod faults;
mod noise;
pub(crate) mod nominal;
mod pulse;
mod retention;
mod write;

pub(crate) use activated::climb;
pub use activated::{Activated, ThermalLoss};
pub use endurance::{Endurance, Onset};
pub use faults::{Faults, StuckAt};
pub use noise::Noise;
pub use nominal::Nominal;
pub use pulse::{
    Accumulate, Drive, Pulse, PulseTable, SecondOrder, StepSpread, Steps, Stimulus, TableBounds,
    TableStimulus,
};
pub use retention::{Anchor, Retention};
pub use write::Write;
