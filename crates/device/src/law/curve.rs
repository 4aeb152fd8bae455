//! A function of one dimensionless variable.

use neurohm_num::dispatch;
use neurohm_num::simd::math;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits;

/// Cells that are worked on at once, so that intermediate values stay in the first-level cache.
pub(crate) const BLOCK: usize = 512;

/// Points of a table; a measurement of more levels is fitted with fewer.
const LONGEST: usize = 256;

/// Splits within splits; far more than any fit needs, and an end to hostile files.
const DEEPEST: usize = 8;

/// A function y(x). What x and y are, the law that holds the curve says; x is never negative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Curve {
    /// y everywhere.
    Constant(f64),
    /// y = c0 + c1 x + c2 x^2 + ...
    Polynomial(Vec<f64>),
    /// y = slope ln(x) + offset, kept within `low` and `high`.
    Logarithm {
        /// Change of y per factor e in x.
        slope: f64,
        /// y at x = 1.
        offset: f64,
        /// Smallest y.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        low: Option<f64>,
        /// Largest y.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        high: Option<f64>,
    },
    /// y = factor x^exponent, not above `high`.
    Power {
        /// y at x = 1.
        factor: f64,
        /// Exponent.
        exponent: f64,
        /// Largest y.
        high: f64,
    },
    /// y known at points, linear between them and held beyond the first and the last: what a fit writes.
    Table {
        /// Where y is known, rising.
        x: Vec<f64>,
        /// y there.
        y: Vec<f64>,
    },
    /// One curve for x < `at`, another from there on.
    Split {
        /// Where the second curve begins.
        at: f64,
        /// The curve for smaller x.
        below: Box<Curve>,
        /// The curve for x >= `at`.
        above: Box<Curve>,
    },
}

impl Curve {
    /// y at `x`, in double precision.
    pub fn value(&self, x: f64) -> f64 {
        let ln = || x.max(f64::from(f32::MIN_POSITIVE)).ln();
        match self {
            Curve::Constant(y) => *y,
            Curve::Polynomial(c) => c.iter().rev().fold(0.0, |y, c| y * x + c),
            Curve::Logarithm { slope, offset, low, high } => (slope * ln() + offset)
                .max(low.unwrap_or(f64::NEG_INFINITY))
                .min(high.unwrap_or(f64::INFINITY)),
            Curve::Power { factor, exponent, high } => (factor * (exponent * ln()).exp()).min(*high),
            Curve::Table { x: at, y } => {
                let ramps = at.windows(2).zip(y.windows(2));
                let rise = ramps
                    .map(|(at, y)| (y[1] - y[0]) * ((x - at[0]) / (at[1] - at[0])).clamp(0.0, 1.0))
                    .sum::<f64>();
                y.first().map_or(0.0, |first| first + rise)
            }
            Curve::Split { at, below, above } => {
                if x < *at {
                    below.value(x)
                } else {
                    above.value(x)
                }
            }
        }
    }

    /// The curve with y multiplied by `factor` (zero or more).
    pub fn scaled(&self, factor: f64) -> Curve {
        match self {
            Curve::Constant(y) => Curve::Constant(y * factor),
            Curve::Polynomial(c) => Curve::Polynomial(c.iter().map(|c| c * factor).collect()),
            Curve::Logarithm { slope, offset, low, high } => Curve::Logarithm {
                slope: slope * factor,
                offset: offset * factor,
                low: low.map(|y| y * factor),
                high: high.map(|y| y * factor),
            },
            Curve::Power { factor: y, exponent, high } => {
                Curve::Power { factor: y * factor, exponent: *exponent, high: high * factor }
            }
            Curve::Table { x, y } => Curve::Table { x: x.clone(), y: y.iter().map(|y| y * factor).collect() },
            Curve::Split { at, below, above } => Curve::Split {
                at: *at,
                below: Box::new(below.scaled(factor)),
                above: Box::new(above.scaled(factor)),
            },
        }
    }

    /// Whether y is zero everywhere.
    pub fn is_zero(&self) -> bool {
        match self {
            Curve::Constant(y) => *y == 0.0,
            Curve::Polynomial(c) => c.iter().all(|c| *c == 0.0),
            Curve::Logarithm { slope, offset, low, high } => {
                let inside = low.is_none_or(|y| y <= 0.0) && high.is_none_or(|y| y >= 0.0);
                inside && ((*slope == 0.0 && *offset == 0.0) || (*low == Some(0.0) && *high == Some(0.0)))
            }
            Curve::Power { factor, .. } => *factor == 0.0,
            Curve::Table { y, .. } => y.iter().all(|y| *y == 0.0),
            Curve::Split { below, above, .. } => below.is_zero() && above.is_zero(),
        }
    }

    /// What is wrong with the curve, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem_at(0)
    }

    fn problem_at(&self, depth: usize) -> Option<String> {
        let finite = |values: &[f64]| values.iter().find_map(|v| limits::curve(*v));
        match self {
            Curve::Constant(y) => finite(&[*y]),
            Curve::Polynomial(c) if c.is_empty() => Some("is a polynomial without coefficients".to_owned()),
            Curve::Polynomial(c) => finite(c),
            Curve::Logarithm { slope, offset, low, high } => {
                let crossed = || {
                    let (low, high) = low.zip(*high).filter(|(low, high)| low > high)?;
                    let (low, high) = (limits::plain(low), limits::plain(high));
                    Some(format!("has low = {low} above high = {high}"))
                };
                let ends: Vec<f64> = low.iter().chain(high).copied().collect();
                finite(&[*slope, *offset]).or_else(|| finite(&ends)).or_else(crossed)
            }
            Curve::Power { factor, exponent, high } => finite(&[*factor, *exponent, *high]),
            Curve::Table { x, y } if x.is_empty() || x.len() != y.len() || x.len() > LONGEST => {
                let (x, y) = (x.len(), y.len());
                Some(format!("is a table of {x} x and {y} y; give as many of both, 1 to {LONGEST}"))
            }
            Curve::Table { x, y } => finite(x).or_else(|| finite(y)).or_else(|| {
                let rises = x.windows(2).all(|w| w[0] < w[1]);
                (!rises).then(|| "is a table whose x do not rise".to_owned())
            }),
            Curve::Split { .. } if depth == DEEPEST => Some(format!("is split more than {DEEPEST} times")),
            Curve::Split { at, below, above } => {
                finite(&[*at]).or_else(|| below.problem_at(depth + 1)).or_else(|| above.problem_at(depth + 1))
            }
        }
    }

    /// y at every x of a block, in single precision.
    pub(crate) fn fill(&self, x: &mut Argument, y: &mut [f32]) {
        match self {
            Curve::Constant(value) => y.fill(*value as f32),
            Curve::Polynomial(c) => {
                let mut c32 = [0_f32; 8];
                match c32.get_mut(..c.len()) {
                    Some(head) => {
                        head.iter_mut().zip(c).for_each(|(a, b)| *a = *b as f32);
                        polynomial(head, &x.values[..x.len], y);
                    }
                    None => y
                        .iter_mut()
                        .zip(&x.values[..x.len])
                        .for_each(|(y, x)| *y = self.value(f64::from(*x)) as f32),
                }
            }
            Curve::Logarithm { slope, offset, low, high } => {
                let low = low.unwrap_or(f64::from(f32::MIN)) as f32;
                let high = high.unwrap_or(f64::from(f32::MAX)) as f32;
                logarithm(*slope as f32, *offset as f32, low, high, x.ln(), y);
            }
            Curve::Power { factor, exponent, high } => {
                power(*factor as f32, *exponent as f32, *high as f32, x.ln(), y);
            }
            Curve::Table { x: at, y: known } => {
                y.fill(known.first().copied().unwrap_or(0.0) as f32);
                for (at, known) in at.windows(2).zip(known.windows(2)) {
                    let per_x = 1.0 / (at[1] - at[0]);
                    let rise = (known[1] - known[0]) as f32;
                    ramp(at[0] as f32, per_x as f32, rise, &x.values[..x.len], y);
                }
            }
            Curve::Split { at, below, above } => {
                let mut other = [0_f32; BLOCK];
                below.fill(x, &mut other[..x.len]);
                above.fill(x, y);
                choose_below(*at as f32, &x.values[..x.len], &other[..x.len], y);
            }
        }
    }
}

/// The x of a block, with their logarithms once those are asked for: mean and spread share them.
pub(crate) struct Argument {
    values: [f32; BLOCK],
    ln: [f32; BLOCK],
    len: usize,
    ln_known: bool,
}

impl Argument {
    /// Room for one block; made once for many.
    pub(crate) fn new() -> Argument {
        Argument { values: [0.0; BLOCK], ln: [0.0; BLOCK], len: 0, ln_known: false }
    }

    /// x = g per_s for up to [`BLOCK`] conductances; the sign of g (the mark of a stuck cell) is ignored.
    pub(crate) fn set(&mut self, g: &[f32], per_s: f32) -> &mut Argument {
        self.len = g.len().min(BLOCK);
        self.ln_known = false;
        ratio(per_s, &g[..self.len], &mut self.values[..self.len]);
        self
    }

    fn ln(&mut self) -> &[f32] {
        if !self.ln_known {
            logarithms(&self.values[..self.len], &mut self.ln[..self.len]);
            self.ln_known = true;
        }
        &self.ln[..self.len]
    }
}

dispatch! {
    fn ratio(per_s: f32, g: &[f32], x: &mut [f32]) {
        for (x, g) in x.iter_mut().zip(g) {
            *x = g.abs() * per_s;
        }
    }

    fn logarithms(x: &[f32], ln: &mut [f32]) {
        for (ln, x) in ln.iter_mut().zip(x) {
            *ln = math::ln_positive(*x);
        }
    }

    fn polynomial(c: &[f32], x: &[f32], y: &mut [f32]) {
        // Padded with leading zeros to a fixed degree class, so that the loop over x is straight-line code.
        let at = |i: usize| c.get(i).copied().unwrap_or(0.0);
        let (c0, c1, c2, c3, c4) = (at(0), at(1), at(2), at(3), at(4));
        let (c5, c6, c7) = (at(5), at(6), at(7));
        if c.len() <= 3 {
            for (y, x) in y.iter_mut().zip(x) {
                *y = (c2 * x + c1) * x + c0;
            }
        } else if c.len() <= 5 {
            for (y, x) in y.iter_mut().zip(x) {
                *y = (((c4 * x + c3) * x + c2) * x + c1) * x + c0;
            }
        } else {
            for (y, x) in y.iter_mut().zip(x) {
                *y = ((((((c7 * x + c6) * x + c5) * x + c4) * x + c3) * x + c2) * x + c1) * x + c0;
            }
        }
    }

    fn logarithm(slope: f32, offset: f32, low: f32, high: f32, ln: &[f32], y: &mut [f32]) {
        for (y, ln) in y.iter_mut().zip(ln) {
            *y = math::min(math::max(slope * ln + offset, low), high);
        }
    }

    fn power(factor: f32, exponent: f32, high: f32, ln: &[f32], y: &mut [f32]) {
        for (y, ln) in y.iter_mut().zip(ln) {
            *y = math::min(factor * math::exp_moderate(exponent * ln), high);
        }
    }

    /// y += what of `rise` lies below x; the ramp begins at `at` and is 1 / `per_x` long.
    fn ramp(at: f32, per_x: f32, rise: f32, x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += rise * math::min(math::max((x - at) * per_x, 0.0), 1.0);
        }
    }

    fn choose_below(at: f32, x: &[f32], below: &[f32], y: &mut [f32]) {
        for ((y, x), below) in y.iter_mut().zip(x).zip(below) {
            // A select of two loaded values; written as a conditional store it would not vectorise.
            let above = *y;
            *y = if *x < at { *below } else { above };
        }
    }
}

#[cfg(test)]
mod tests;
