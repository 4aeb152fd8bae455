//! The dynamic face of a device: differential equations that a voltage drives.
//!
//! A [`CompactModel`] is one set of equations; a [`CellBank`] is many cells of one model as a circuit sees them: two
//! terminals each, solved together with the circuit and moved on only when the circuit accepts the step.

use neurohm_num::Key;

mod bank;
pub(crate) mod constants;
mod curve;
mod drive;
mod dynamic;
mod model;
mod parameters;
mod published;
mod rates;
mod root;
mod spice;
mod spread;
mod waveform;
mod wiener;

pub use bank::{Bank, INNER};
pub use curve::curve_distance;
pub use drive::{Drive, DriveError, Trace, drive, drive_into, drive_watched};
pub use dynamic::Dynamic;
pub use model::*;
pub use parameters::{FirstState, Parameter, Parameters};
pub use published::{Behaviour, Published, Tag, published};
pub use rates::Rates;
pub use spice::{Equations, spice_netlist, spice_points};
pub use spread::{ParameterSpread, Spread};
pub use waveform::Waveform;

/// Most states a model may have.
pub const MAX_STATES: usize = 4;
/// Most jump channels a model may have.
pub const MAX_CHANNELS: usize = 4;

/// Equations of one kind of memristor: `N` continuous states and `H` channels of random jumps.
///
/// Everything about one cell is in `Cell` (drawn once from device-to-device spread, redrawn in part at events from
/// cycle-to-cycle spread) and its states `x`. One `eval` answers everything at a voltage, because implicit models would
/// otherwise be solved twice.
pub trait CompactModel: Clone + Send + Sync + 'static {
    /// Number of continuous states, at most [`MAX_STATES`].
    const N: usize;
    /// Number of jump channels, at most [`MAX_CHANNELS`].
    const H: usize;
    /// What one cell has for its own.
    type Cell: Clone + Send + Sync;

    /// The `cell`-th cell of a population that grows from `key`.
    fn draw(&self, key: Key, cell: u64) -> Self::Cell;

    /// States of a cell that was never used.
    fn initial(&self, cell: &Self::Cell, x: &mut [f64]);

    /// What the cell does where it stands: current and its derivative, the states' rates of change, the hazards of the
    /// jump channels. `guess` is whatever the implicit part wants to start from next time.
    ///
    /// # Errors
    /// An implicit equation without a solution in range.
    fn eval(&self, cell: &Self::Cell, at: At, guess: &mut f64) -> Result<Response, ModelError>;

    /// Smallest and largest value of each state.
    fn bounds(&self, cell: &Self::Cell, low: &mut [f64], high: &mut [f64]);

    /// Typical size of each state, which tolerances are relative to.
    fn scale(&self, cell: &Self::Cell, x: &mut [f64]);

    /// Strength of the white noise that drives each state (the state's unit per square root of a second, Ito's sense),
    /// and whether there is any.
    fn noise(&self, cell: &Self::Cell, x: &[f64], v: f64, i_a: f64, t_k: f64, strength: &mut [f64]) -> bool {
        let _ = (cell, x, v, i_a, t_k, strength);
        false
    }

    /// The equations in SPICE's language, for circuits that are simulated elsewhere.
    ///
    /// # Errors
    /// Why there are none.
    fn spice(&self, cell: &Self::Cell) -> Result<Equations, &'static str> {
        let _ = cell;
        Err("its equations are not written in SPICE's language")
    }

    /// What chance decides beside noise, if anything: jumps, or parameters that are drawn anew.
    fn chance(&self) -> Option<&'static str> {
        (Self::H > 0).then_some("when its states jump")
    }

    /// A jump of `channel`, the `nth` of this cell.
    fn jump(&self, cell: &mut Self::Cell, x: &mut [f64], channel: usize, nth: u32, key: Key, id: u64) {
        let _ = (cell, x, channel, nth, key, id);
    }

    /// Called once after every accepted step from `before` to `x` under `v`, for what follows from the path:
    /// cycle-to-cycle redraws at the turn of a cycle. Says whether `cell` changed, so that what was evaluated before no
    /// longer holds.
    fn accept(
        &self,
        cell: &mut Self::Cell,
        before: &[f64],
        x: &mut [f64],
        v: f64,
        cycle: &mut u32,
        key: Key,
        id: u64,
    ) -> bool {
        let _ = (cell, before, x, v, cycle, key, id);
        false
    }
}

/// Where a cell stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At<'a> {
    /// Its states.
    pub x: &'a [f64],
    /// Voltage across the terminals, V.
    pub v: f64,
    /// Ambient temperature, K.
    pub t_k: f64,
}

/// What a cell does there. Entries beyond the model's states and channels mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Response {
    /// Current into the first terminal, A.
    pub i_a: f64,
    /// Its derivative by the voltage at constant states, S.
    pub di_dv_s: f64,
    /// Rates of change of the states, the state's unit per second.
    pub dx: [f64; MAX_STATES],
    /// Hazards of the jump channels, 1/s.
    pub hazard: [f64; MAX_CHANNELS],
}

/// Why a model has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// An implicit equation was not solved.
    #[error("{what} has no solution at {v} V with states {x:?}")]
    NoSolution {
        /// The equation.
        what: &'static str,
        /// Voltage across the cell, V.
        v: f64,
        /// States of the cell.
        x: Vec<f64>,
    },
    /// A current or rate that is no finite number.
    #[error("{what} is {value} at {v} V with states {x:?}")]
    NotFinite {
        /// The quantity.
        what: &'static str,
        /// Its value.
        value: f64,
        /// Voltage across the cell, V.
        v: f64,
        /// States of the cell.
        x: Vec<f64>,
    },
    /// The implicit step of the states did not converge; a shorter step may.
    #[error("a step of {dt_s} s does not converge at {v} V with states {x:?}")]
    Step {
        /// Its length, s.
        dt_s: f64,
        /// Voltage across the cell, V.
        v: f64,
        /// States of the cell at its begin.
        x: Vec<f64>,
    },
}

/// Cells as a circuit sees them. A step is solved as often as the circuit's iteration asks, and counts only once it is
/// accepted; rejecting is not accepting.
pub trait CellBank: Send + Sync {
    /// Number of cells.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// With the voltage of every cell `dt_s` after the last accepted instant: the currents then, and how each current
    /// follows its voltage, states included (the step solves their implicit equations). Within the step the voltage is
    /// taken to be linear in time, from the last accepted one. `dt_s = 0` is the operating point: states stay. Where
    /// voltages jump (an edge of a source, a switch), solve and accept the operating point after the jump before going
    /// on, or the first step sees a ramp. Under an ideal source nobody asks how currents follow: `g_total` may be empty
    /// then, which is cheaper.
    ///
    /// # Errors
    /// The cell, and why. The circuit then shortens the step.
    fn solve(
        &mut self,
        v: &[f64],
        t_k: f64,
        dt_s: f64,
        i: &mut [f64],
        g_total: &mut [f64],
    ) -> Result<(), (usize, ModelError)>;

    /// [`solve`](Self::solve) under ideal sources whose voltage bends within the step: `inner_v` is that of every cell at
    /// [`INNER`] of the step. Who has no inner stage there takes the straight line.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    fn solve_bent(
        &mut self,
        inner_v: &[f64],
        v: &[f64],
        t_k: f64,
        dt_s: f64,
        i: &mut [f64],
    ) -> Result<(), (usize, ModelError)> {
        let _ = inner_v;
        self.solve(v, t_k, dt_s, i, &mut [])
    }

    /// A cell's current (A) and states at [`INNER`] of the last solved step, where that is a sample as good as its end.
    fn inner(&self, cell: usize) -> Option<(f64, &[f64])> {
        let _ = cell;
        None
    }

    /// Error of the last solved step's states relative to tolerance 1: above 1 the step is too long.
    fn error(&self) -> f64;

    /// How long after the last accepted instant the first random jump falls within the last solved step, if one does.
    /// A jump at the step's very end (to a millionth of its length) is none: accepting carries it out. Whoever accepts
    /// a longer step has the jump at that step's end. Cells that never jump keep this answer.
    fn first_event(&self) -> Option<f64> {
        None
    }

    /// Takes the last solved step.
    fn accept(&mut self, v: &[f64]);

    /// States of all cells, cell by cell.
    fn state(&self) -> &[f64];

    /// Puts a cell into a state; each number is brought within the model's bounds. Numbers that are not finite and cells
    /// that are not there change nothing, and who has no states stays as it is.
    fn set_state(&mut self, cell: usize, x: &[f64]) {
        let _ = (cell, x);
    }

    /// Another tolerance for the states' errors, relative to their scale; who has none of its own stays as it is.
    fn set_tolerance(&mut self, tolerance: f64) {
        let _ = tolerance;
    }

    /// A cell, from its present states on, as a SPICE subcircuit `name` of the ports `p` and `n`.
    ///
    /// # Errors
    /// Why that cannot be.
    fn spice(&self, cell: usize, name: &str, t_k: f64) -> Result<String, String> {
        let _ = (cell, name, t_k);
        Err("its equations are not known".to_owned())
    }

    /// A copy that can be gone back to.
    fn snapshot(&self) -> Box<dyn CellBank>;
}
