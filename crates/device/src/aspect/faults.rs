//! Cells that do not obey.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits;

/// Cells stuck at a conductance whatever is written; which ones is a property of the chip. They neither drift
/// nor make noise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Fraction of cells stuck at g_min.
    #[serde(default, with = "quantity::ratio")]
    #[schemars(with = "f64")]
    pub stuck_low: f64,
    /// Fraction of cells stuck at g_max.
    #[serde(default, with = "quantity::ratio")]
    #[schemars(with = "f64")]
    pub stuck_high: f64,
    /// Cells stuck elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stuck_at: Vec<StuckAt>,
}

/// A fraction of cells stuck at one conductance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StuckAt {
    /// Fraction of cells.
    #[serde(with = "quantity::ratio")]
    #[schemars(with = "f64")]
    pub fraction: f64,
    /// Where they are stuck, S.
    #[serde(rename = "g", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub g_s: f64,
}

impl Faults {
    /// Fractions and conductances of every kind of stuck cell.
    pub(crate) fn kinds(&self, g_min_s: f64, g_max_s: f64) -> Vec<StuckAt> {
        let ends = [(self.stuck_low, g_min_s), (self.stuck_high, g_max_s)];
        let ends = ends.map(|(fraction, g_s)| StuckAt { fraction, g_s });
        ends.into_iter().chain(self.stuck_at.iter().cloned()).filter(|k| k.fraction > 0.0).collect()
    }

    /// Fraction of cells that are stuck.
    pub fn stuck(&self) -> f64 {
        self.stuck_low + self.stuck_high + self.stuck_at.iter().map(|s| s.fraction).sum::<f64>()
    }

    /// Probability that an array of `cells` has at most `tolerated` stuck ones: its yield. Cells fail independently.
    pub fn array_yield(&self, cells: u64, tolerated: u64) -> f64 {
        let p = self.stuck().clamp(0.0, 1.0);
        if p == 0.0 || tolerated >= cells {
            return 1.0;
        }
        if p == 1.0 {
            return 0.0;
        }
        // Terms of the binomial distribution, each from the one before, in logarithms.
        let n = cells as f64;
        let odds = libm::log(p) - libm::log1p(-p);
        let (mut ln, mut sum) = (n * libm::log1p(-p), 0.0);
        for k in 0..=tolerated {
            sum += libm::exp(ln);
            let k = k as f64;
            ln += odds + libm::log(n - k) - libm::log(k + 1.0);
        }
        sum.min(1.0)
    }

    /// Multiplies all fractions, at most until every cell is stuck.
    pub(crate) fn scale(&mut self, factor: f64) {
        let factor = if self.stuck() > 0.0 { factor.min(1.0 / self.stuck()) } else { factor };
        self.stuck_low *= factor;
        self.stuck_high *= factor;
        self.stuck_at.iter_mut().for_each(|s| s.fraction *= factor);
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        let fraction = |v: f64| !(0.0..=1.0).contains(&v);
        let wrong = |v: f64| format!("is {}; a fraction of cells lies between 0 and 1", limits::plain(v));
        if fraction(self.stuck_low) {
            return Some(("faults.stuck_low".to_owned(), wrong(self.stuck_low)));
        }
        if fraction(self.stuck_high) {
            return Some(("faults.stuck_high".to_owned(), wrong(self.stuck_high)));
        }
        for (i, s) in self.stuck_at.iter().enumerate() {
            if fraction(s.fraction) {
                return Some((format!("faults.stuck_at[{i}].fraction"), wrong(s.fraction)));
            }
            if !(0.0..=1e6).contains(&s.g_s) {
                let problem =
                    format!("is {}; a conductance lies between 0 S and 1 MS", limits::siemens(s.g_s));
                return Some((format!("faults.stuck_at[{i}].g"), problem));
            }
        }
        (self.stuck() > 1.0 + 1e-9).then(|| {
            ("faults".to_owned(), format!("make {} of the cells stuck; together at most 1", self.stuck()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yield_is_the_binomial_distribution() {
        let faults = Faults { stuck_low: 0.01, stuck_high: 0.01, stuck_at: Vec::new() };
        // By hand: 0.98^10 = 0.81707, and 10 x 0.02 x 0.98^9 = 0.16675 beside it.
        assert!((faults.array_yield(10, 0) - 0.817_073).abs() < 1e-6);
        assert!((faults.array_yield(10, 1) - 0.983_822).abs() < 1e-6);
        assert_eq!(faults.array_yield(10, 10), 1.0);
        // Of a million cells, 20000 are expected to fail; a median array has about that many.
        assert!((faults.array_yield(1_000_000, 20_000) - 0.5).abs() < 0.01);
        assert_eq!(Faults::default().array_yield(1 << 40, 0), 1.0);
    }
}
