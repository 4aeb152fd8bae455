//! How exactly a circuit is solved, and what that took.

use crate::CircuitError;

/// Tolerances and limits.
///
/// Errors of steps add up while a voltage moves one way: with the default a hundred periods of a relaxation oscillator
/// are right to about 5 in 10 000, and with a hundredth of it to 20 times less (they fall with the power 2/3).
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Allowed error of one step, relative to the largest voltage (current of an inductor) in the circuit.
    pub relative_tolerance: f64,
    /// Allowed error of one step in every voltage besides, V.
    pub voltage_tolerance_v: f64,
    /// Allowed error of one step in an inductor's current besides, A.
    pub current_tolerance_a: f64,
    /// Longest step, s; `None` is a fiftieth of the transient.
    pub max_step_s: Option<f64>,
    /// First step, s, which errors correct at once; `None` is a thousandth of the transient.
    pub first_step_s: Option<f64>,
    /// Ambient temperature of all cells, K.
    pub temperature_k: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            relative_tolerance: 1e-5,
            voltage_tolerance_v: 1e-6,
            current_tolerance_a: 1e-9,
            max_step_s: None,
            first_step_s: None,
            temperature_k: 300.0,
        }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), CircuitError> {
        let fields = [
            ("relative_tolerance", Some(self.relative_tolerance), 1e-12, 0.1, "1e-12 to 0.1"),
            (
                "voltage_tolerance_v",
                Some(self.voltage_tolerance_v),
                f64::MIN_POSITIVE,
                f64::MAX,
                "a positive voltage",
            ),
            (
                "current_tolerance_a",
                Some(self.current_tolerance_a),
                f64::MIN_POSITIVE,
                f64::MAX,
                "a positive current",
            ),
            ("max_step_s", self.max_step_s, f64::MIN_POSITIVE, f64::MAX, "a positive time, or None"),
            ("first_step_s", self.first_step_s, f64::MIN_POSITIVE, f64::MAX, "a positive time, or None"),
            (
                "temperature_k",
                Some(self.temperature_k),
                f64::MIN_POSITIVE,
                f64::MAX,
                "a positive temperature",
            ),
        ];
        for (option, value, low, high, allowed) in fields {
            if let Some(value) = value
                && !(low..=high).contains(&value)
            {
                return Err(CircuitError::Option { option, value, allowed });
            }
        }
        Ok(())
    }
}

/// What a transient took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Steps that count.
    pub steps: u64,
    /// Steps that were too long for the tolerance.
    pub rejected: u64,
    /// Steps for which a cell or Newton's iteration found no solution.
    pub failed: u64,
    /// Steps that were shortened to land on a jump of a cell.
    pub landings: u64,
    /// Instants at which cells jumped.
    pub jumps: u64,
    /// Newton iterations.
    pub iterations: u64,
    /// Factorisations of the matrix.
    pub factorisations: u64,
}
