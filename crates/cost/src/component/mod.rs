//! Component models: what one operation of each part of a chip takes.

mod adc;
mod array;
mod block;
mod dac;

pub use adc::{Adc, Conversion, Point, Sar, Survey};
pub(crate) use array::ReadCell;
pub use array::{Array, OhmicArray, PublishedArray, elmore_s};
pub use block::{Block, Congestion, Memory, Router};
pub use dac::{Dac, DacPoint};

use crate::constant::Known;

/// One operation of a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operation {
    /// Its energy, J.
    pub energy_j: f64,
    /// How long it occupies the part, s.
    pub time_s: f64,
    /// Power of the part while it works, W.
    pub power_w: f64,
    /// Area of the part, m2.
    pub area_m2: f64,
    /// How well the least well known of its constants is known.
    pub known: Known,
}
