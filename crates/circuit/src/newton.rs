//! Newton's iteration with damping.
//!
//! A step counts when the correction that would follow it with the same derivatives is smaller (the natural
//! monotonicity test; Deuflhard, Newton Methods for Nonlinear Problems, 2004, section 3.3): that compares voltages with
//! voltages, whatever units and sizes the equations have, and costs one substitution.

use crate::circuit::Circuit;
use crate::element::Part;
use crate::system::{Instant, Trouble};

const MAX_ITERATIONS: u32 = 50;
const SHORTEST: f64 = 1.0 / 1024.0;
/// Unknowns are solved for this much more exactly than steps are: slopes after a corner are differences over a
/// thousandth of a step.
const FRACTION: f64 = 1e-4;
/// But not beyond what rounding leaves.
const FLOOR: f64 = 1e-12;

impl Circuit {
    /// Solves for the unknowns at an instant from the guess `x`, which it replaces. All banks have then last solved
    /// the solution. Returns the number of iterations.
    pub(crate) fn newton(&mut self, x: &mut Vec<f64>, at: &Instant) -> Result<u64, Trouble> {
        if self.work.kinds.len() != self.unknowns() {
            self.know_kinds();
        }
        self.assemble(x, at)?;
        let mut space = std::mem::take(&mut self.work.newton);
        space.trial.clone_from(x);
        let result = self.iterate(x, at, &mut space);
        self.work.newton = space;
        result
    }

    fn iterate(&mut self, x: &mut Vec<f64>, at: &Instant, space: &mut Space) -> Result<u64, Trouble> {
        let Space { trial, next, full } = space;
        // A cell in the way is a better answer than that the iteration stopped in front of it.
        let (mut refused, mut last) = (None, 0);
        for iteration in 1..=MAX_ITERATIONS {
            self.work.matrix.factor().map_err(|unknown| Trouble::Singular { unknown })?;
            full.clone_from(&self.work.residual);
            self.work.matrix.solve(full);
            let (size, worst) = self.size(full, x);
            let mut length = 1.0;
            let left = loop {
                for ((t, x), d) in trial.iter_mut().zip(&*x).zip(&*full) {
                    *t = x - length * d;
                }
                let left = match self.assemble(trial, at) {
                    Ok(()) => {
                        next.clone_from(&self.work.residual);
                        self.work.matrix.solve(next);
                        self.size(next, trial).0
                    }
                    Err(trouble) => {
                        refused = Some(trouble);
                        f64::INFINITY
                    }
                };
                if left <= 1.0 || left <= (1.0 - 0.25 * length) * size {
                    break left;
                }
                length *= 0.5;
                if length < SHORTEST {
                    let at = std::mem::take(trial);
                    return Err(refused.unwrap_or(Trouble::NotConverged { unknown: worst, at }));
                }
            };
            std::mem::swap(x, trial);
            if left <= 1.0 {
                // What the voltages leave to the sources: exact, since their currents enter linearly.
                for (k, kind) in self.work.kinds.iter().enumerate() {
                    if *kind == Kind::Follows {
                        x[k] -= next[k];
                    }
                }
                return Ok(u64::from(iteration));
            }
            last = worst;
        }
        Err(refused.unwrap_or_else(|| Trouble::NotConverged { unknown: last, at: std::mem::take(x) }))
    }

    /// The largest correction in units of what is exact enough, and whose it is.
    fn size(&self, correction: &[f64], x: &[f64]) -> (f64, usize) {
        let mut largest = (0.0, 0);
        for (k, kind) in self.work.kinds.iter().enumerate() {
            let (absolute, scale) = match kind {
                Kind::Voltage => (self.options.voltage_tolerance_v, self.history.scale_v),
                Kind::Current => (self.options.current_tolerance_a, self.history.scale_a),
                Kind::Follows => continue,
            };
            let scale = scale.max(x[k].abs());
            let enough = FRACTION * (absolute + self.options.relative_tolerance * scale) + FLOOR * scale;
            let size = correction[k].abs() / enough;
            // A correction that is no number is infinite.
            if size.is_nan() {
                return (f64::INFINITY, k);
            }
            if size > largest.0 {
                largest = (size, k);
            }
        }
        largest
    }

    /// Finds out what each unknown is.
    fn know_kinds(&mut self) {
        let (nodes, unknowns) = (self.names.len() - 1, self.unknowns());
        let kinds = &mut self.work.kinds;
        kinds.clear();
        kinds.resize(nodes, Kind::Voltage);
        kinds.resize(unknowns, Kind::Follows);
        for part in &self.parts {
            if let Part::Inductor { branch, .. } = part {
                kinds[nodes + branch] = Kind::Current;
            }
        }
    }
}

/// Vectors of the iteration, kept from one to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Space {
    trial: Vec<f64>,
    next: Vec<f64>,
    full: Vec<f64>,
}

/// What an unknown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Voltage,
    Current,
    /// A source's current, which follows from the voltages.
    Follows,
}
