//! The building blocks of every aspect: a curve of one variable, and a deviation (a standard deviation that
//! depends on the conductance). Data, not code: a new fit is a new preset.

mod curve;
mod deviation;
pub(crate) mod step;

pub use curve::Curve;
pub(crate) use curve::{Argument, BLOCK};
pub(crate) use deviation::Amplitude;
pub use deviation::Deviation;
