//! A crossbar as a circuit: cells between word lines and bit lines whose wires have resistance.
//!
//! Each word line is a chain of segments from its driver, one in front of every cell; each bit line is a chain with a segment
//! behind every cell, the last one to ground. Node voltages obey Kirchhoff's current law at every crossing, two equations a
//! cell. The far ends are open unless [`Ends::Both`] says that there is a driver, or a ground, behind one segment more.
//!
//! A linear array is exactly one matrix, `I = W V`. [`LinearCrossbar::eliminate`] computes it by merging blocks of cells (see
//! `tree`), in closed forms where lines have no resistance (`ladder`), and walks back to the voltage of every node
//! where those are asked for.
//!
//! ```
//! use neurohm_array::wires::{LinearCrossbar, Wires, Workspace};
//! use neurohm_num::{Rows, Unwatched};
//!
//! let g = [1e-3, 1e-4, 5e-4, 2e-4]; // 2 rows x 2 columns, S
//! let crossbar = LinearCrossbar::new(Rows::new(&g, 2, 2)?, Wires::new(10.0, 5.0))?;
//! let workspace = Workspace::default();
//! let eliminated = crossbar.eliminate(&workspace, &Unwatched)?;
//! let solution = eliminated.solve(Rows::new(&[0.2, 0.1], 1, 2)?)?;
//! assert!(solution.currents[0] < 0.2 * 1e-3 + 0.1 * 5e-4, "wires cost current");
//! assert!(solution.kcl < 1e-13);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod approximate;
mod back;
mod block;
mod cell;
mod check;
mod couple;
mod dense;
mod dynamic;
mod error;
mod follow;
mod gather;
mod iterate;
mod ladder;
mod lanes;
mod leaf;
mod linear;
mod margin;
mod newton;
mod nonlinear;
mod pool;
mod spice;
mod tree;
mod update;
mod verify;
mod write;

#[cfg(test)]
mod tests;

pub use approximate::{Approximation, ApproximationError};
pub use cell::{Access, CellCurrent, CellLaw, Conduction};
pub use dynamic::{DynamicCrossbar, Instant, Passed};
pub use error::WireError;
pub use follow::Followed;
pub use linear::{Effective, Eliminated, LinearCrossbar, Solution};
pub use margin::{Background, Ceiling, Margin, ReadArray, Scheme, ceiling};
pub use nonlinear::{NonlinearCrossbar, NonlinearSolution};
pub use spice::{Pulsed, Saved};
pub use tree::Workspace;
pub use verify::Verified;
pub use write::{Bias, Disturbed, Line, Together, Verify, Writing, Written};

/// Resistances of the lines of a crossbar, and what stands at their ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wires {
    /// Of each word-line segment, ohm: one in front of every cell.
    pub word_ohm: f64,
    /// Of each bit-line segment, ohm: one behind every cell.
    pub bit_ohm: f64,
    /// In series with each source, ohm.
    pub driver_ohm: f64,
    /// In series with each ground, ohm.
    pub sense_ohm: f64,
    /// Where word lines are driven.
    pub drivers: Ends,
    /// Where bit lines are grounded.
    pub grounds: Ends,
}

/// Which ends of a line are connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// The first of a word line, the last of a bit line.
    #[default]
    One,
    /// The far one too, behind a segment of its own.
    Both,
}

impl Wires {
    /// Segments of these resistances, ideal drivers and grounds, far ends open.
    pub fn new(word_ohm: f64, bit_ohm: f64) -> Self {
        Self { word_ohm, bit_ohm, driver_ohm: 0.0, sense_ohm: 0.0, drivers: Ends::One, grounds: Ends::One }
    }

    /// No resistance anywhere.
    pub const IDEAL: Self = Self {
        word_ohm: 0.0,
        bit_ohm: 0.0,
        driver_ohm: 0.0,
        sense_ohm: 0.0,
        drivers: Ends::One,
        grounds: Ends::One,
    };

    /// The lines of the array turned such that its bit lines are word lines.
    fn transposed(self) -> Self {
        Self {
            word_ohm: self.bit_ohm,
            bit_ohm: self.word_ohm,
            driver_ohm: self.sense_ohm,
            sense_ohm: self.driver_ohm,
            drivers: self.grounds,
            grounds: self.drivers,
        }
    }

    fn check(&self) -> Result<(), WireError> {
        let all = [
            ("the resistance of a word-line segment", self.word_ohm),
            ("the resistance of a bit-line segment", self.bit_ohm),
            ("the resistance of a driver", self.driver_ohm),
            ("the resistance of a sense amplifier", self.sense_ohm),
        ];
        match all.into_iter().find(|(_, r)| r.is_nan() || *r < 0.0) {
            Some((what, value)) => Err(WireError::Resistance { what, value }),
            None => Ok(()),
        }
    }
}
