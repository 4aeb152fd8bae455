//! The mean steps of the laws that can be fitted, in a weight from -1 to 1 over the range of the data. Formulae and source
//! are those of [`Pulse`].

use neurohm_num::fit::Variable;

use crate::{Pulse, Steps};

/// Knots of a piecewise law.
const KNOTS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Law {
    Constant,
    Linear,
    SoftBounds,
    Exp,
    Pow,
    Piecewise,
}

impl Law {
    pub const ALL: [Law; 6] =
        [Law::Constant, Law::Linear, Law::SoftBounds, Law::Exp, Law::Pow, Law::Piecewise];

    pub fn name(self) -> &'static str {
        match self {
            Law::Constant => "constant_step",
            Law::Linear => "linear_step",
            Law::SoftBounds => "soft_bounds",
            Law::Exp => "exp_step",
            Law::Pow => "pow_step",
            Law::Piecewise => "piecewise_step",
        }
    }

    /// The law's own numbers, then the start of every trace.
    pub fn variables(self, pulses: usize, firsts: &[f64], floor: f64) -> Vec<Variable> {
        let usual = 2.0 / pulses as f64;
        // No step is longer than the range that a law's bounds leave at least.
        let size = |name: &str| {
            Variable::log(name, 2.0 * usual, 1e-4 * usual, (1e3 * usual).min(0.6))
                .within(0.3 * usual, 20.0 * usual)
        };
        let mut out = vec![size("step_up"), size("step_down")];
        // A bound of a conductance lies above 0.
        let low = floor.max(-5.0);
        let bounds = || {
            [
                Variable::linear("w_max", 1.0, 0.3, 5.0).within(0.5, 1.5),
                Variable::linear("w_min", -1.0, low, -0.3).within(-1.5, -0.5),
            ]
        };
        match self {
            Law::Constant => {}
            Law::Linear => {
                out.extend(["gamma_up", "gamma_down"].map(|n| Variable::linear(n, 0.3, -1.0, 1.0)))
            }
            Law::SoftBounds => out.extend(bounds()),
            Law::Exp => {
                out.extend(["a_up", "a_down"].map(|n| Variable::log(n, 0.2, 1e-3, 1.0)));
                out.extend(["gamma_up", "gamma_down"].map(|n| Variable::linear(n, 1.0, 0.0, 8.0)));
            }
            Law::Pow => {
                out.extend(
                    ["gamma_up", "gamma_down"].map(|n| Variable::log(n, 1.0, 0.05, 10.0).within(0.3, 4.0)),
                );
                out.extend(bounds());
            }
            Law::Piecewise => {
                out.clear();
                for way in ["up", "down"] {
                    let knot = |k| {
                        Variable::linear(format!("{way}[{k}]"), usual, 0.0, 50.0 * usual)
                            .within(0.0, 6.0 * usual)
                    };
                    out.extend((0..KNOTS).map(knot));
                }
            }
        }
        let first = |(k, w): (usize, &f64)| {
            Variable::linear(format!("start[{k}]"), w.clamp(-1.0, 1.0), -1.0, 1.0).within(w - 0.1, w + 0.1)
        };
        out.extend(firsts.iter().enumerate().map(first));
        out
    }

    /// Lowest and highest weight.
    pub fn bounds(self, p: &[f64]) -> (f64, f64) {
        match self {
            Law::SoftBounds => (p[3], p[2]),
            Law::Pow => (p[5], p[4]),
            _ => (-1.0, 1.0),
        }
    }

    /// The mean step at `w`, with its sign.
    pub fn step(self, p: &[f64], w: f64, up: bool) -> f64 {
        let (way, sign) = if up { (0, 1.0) } else { (1, -1.0) };
        let (low, high) = self.bounds(p);
        let size = match self {
            Law::Constant => p[way],
            Law::Linear => p[way] * (1.0 - p[2 + way] * w * sign),
            Law::SoftBounds => p[way] * (1.0 - w / if up { high } else { low }),
            Law::Exp => p[way] * (1.0 - p[2 + way] * libm::exp(sign * p[4 + way] * w)).max(0.0),
            Law::Pow => {
                let u = (if up { high - w } else { w - low }) / (high - low);
                p[way] * libm::pow(u.clamp(0.0, 1.0), p[2 + way])
            }
            Law::Piecewise => {
                let at = ((w - low) / (high - low)).clamp(0.0, 1.0) * (KNOTS - 1) as f64;
                let k = (at as usize).min(KNOTS - 2);
                let y = &p[way * KNOTS + k..];
                y[0] + (y[1] - y[0]) * (at - k as f64)
            }
        };
        sign * size
    }

    /// The mean trace from `start`, whose value comes first.
    pub fn walk(self, p: &[f64], start: f64, up: &[bool], mut each: impl FnMut(usize, f64)) {
        let (low, high) = self.bounds(p);
        let mut w = start;
        for (k, up) in up.iter().enumerate() {
            if k > 0 {
                w = (w + self.step(p, w, *up)).clamp(low, high);
            }
            each(k, w);
        }
    }

    /// The law as a description has it. `c2c` is relative to the steps, `noise` in units of weight.
    pub fn pulse(self, p: &[f64], pulses: usize, c2c: f64, noise: f64) -> Pulse {
        let (low, high) = self.bounds(p);
        let [up, down] = if self == Law::Piecewise { [2.0 / pulses as f64; 2] } else { [p[0], p[1]] };
        let step = up.max(down);
        let up_down = if up >= down { 1.0 - down / up } else { up / down - 1.0 };
        let steps = Steps { up_down, c2c, write_noise: noise / step, ..Steps::new(low, high, step) };
        match self {
            Law::Constant => Pulse::ConstantStep { steps },
            Law::Linear => {
                Pulse::LinearStep { steps, gamma_up: p[2], gamma_down: p[3], gamma_d2d: 0.0, additive: false }
            }
            Law::SoftBounds => Pulse::SoftBounds { steps, additive: false },
            Law::Exp => Pulse::ExpStep {
                steps,
                a_up: p[2],
                a_down: p[3],
                gamma_up: p[4],
                gamma_down: p[5],
                a: 1.0,
                b: 0.0,
                noise_offset: 0.0,
                noise_slope: 0.0,
            },
            Law::Pow => Pulse::PowStep { steps, gamma_up: p[2], gamma_down: p[3], gamma_d2d: 0.0 },
            Law::Piecewise => {
                let relative = |p: &[f64]| p.iter().map(|y| y / step).collect();
                Pulse::PiecewiseStep {
                    steps,
                    up: relative(&p[..KNOTS]),
                    down: relative(&p[KNOTS..2 * KNOTS]),
                }
            }
        }
    }
}
