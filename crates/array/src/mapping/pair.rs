//! Which two conductances stand for a weight.
//!
//! A weight `r` over its scale, from -1 to 1, is the difference of two conductances, and many pairs have the same one. What is
//! read of a pair of targets `(a, b)` after the time `t`, over the factor `alpha(t)` of the drift compensation, has the expected
//! squared error
//!
//! ```text
//! e(a, b) = [V(a, t) + V(b, t)] / (N alpha^2) + [(M(a, t) - M(b, t)) / alpha - r]^2
//! ```
//!
//! with mean `M` and variance `V` of what devices written to a target are read as, devices being independent, and `N` of them a
//! side. Both are sampled from the device's laws, with the same random numbers for every target, so that differences between
//! targets are known better than either; programming errors, drift and read noise are all in them, and their dependence on the
//! conductance. The pair of least mean error over the times that are asked for is taken at each of [`LEVELS`] levels, and only
//! where it gains a hundredth on the one-sided pair `(r, 0)`. Weights in between are interpolated.
//!
//! The idea of choosing pairs for the weights as they are read later is that of C. Mackin et al., "Optimised weight programming
//! for analogue memory-based deep neural networks", Nature Communications 13, 3765 (2022). There four conductances of two
//! significances are optimised by an evolutionary search on Monte-Carlo estimates of the whole network's weight errors, drift
//! compensation included; here each level by itself, by trying all pairs.

use std::sync::{Arc, Mutex, PoisonError};

use neurohm_device::{CellArray, CellSpec};
use neurohm_num::{Key, quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chip::{ChipSpec, ReadNoise};
use crate::{ArrayError, SettingError};

/// Levels above zero at which pairs are chosen.
const LEVELS: usize = 64;
/// Targets that pairs are chosen from, beyond the lowest.
const TARGETS: usize = 128;
/// Cells that each target is sampled with.
const CELLS: usize = 4096;
/// Most times.
const MOST_TIMES: usize = 16;
/// Standard deviations of weights that the largest is taken for, where the factor of the drift compensation is reckoned, which is
/// that of all weights of a crossbar.
const LARGEST_IN_SIGMA: f64 = 3.0;
/// Where another pair's error is no less than this part of the one-sided one's, nothing is gained.
const WORTH: f64 = 0.99;

/// Which two conductances stand for a weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pair {
    /// One device of a pair holds it and the other is at `g_min`.
    OneSided {},
    /// Those whose difference, as it is read later, has the least expected squared error, by the device's own statistics and
    /// after the chip's drift compensation.
    Optimised {
        /// Times after programming at which weights are to be right, one or more; their errors are averaged.
        #[serde(with = "quantity::vec_second")]
        #[schemars(with = "Vec<String>")]
        at: Vec<f64>,
    },
}

impl Default for Pair {
    fn default() -> Self {
        Self::OneSided {}
    }
}

impl Pair {
    pub(crate) fn is_one_sided(&self) -> bool {
        *self == Self::OneSided {}
    }

    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let Self::Optimised { at } = self else { return Ok(()) };
        let path = "mapping.pair.optimised.at";
        if !(1..=MOST_TIMES).contains(&at.len()) {
            let says = format!("{} times; allowed are 1 to {MOST_TIMES}", at.len());
            return Err(SettingError::value(path, says));
        }
        if at.iter().any(|t| !(0.0..=1e12).contains(t)) {
            return Err(SettingError::value(path, "times after programming are from 0 s to 1e12 s"));
        }
        Ok(())
    }
}

/// Parts of the range of conductance that stand for weights.
#[derive(Clone, Debug)]
pub(crate) struct Pairs {
    /// Of the device that holds a weight's sign and of the other, at every level.
    sides: [Vec<f32>; 2],
}

impl Pairs {
    /// Parts of the range of the positive and of the negative device of a weight over its scale.
    #[inline]
    pub(crate) fn of(&self, r: f32) -> [f32; 2] {
        let place = (r.abs() * LEVELS as f32).min(LEVELS as f32);
        let first = (place as usize).min(LEVELS - 1);
        let part = place - first as f32;
        let [with, against] = [0, 1].map(|side| {
            let levels = &self.sides[side];
            levels[first] + part * (levels[first + 1] - levels[first])
        });
        if r < 0.0 { [against, with] } else { [with, against] }
    }

    /// Those of a chip; `None` where pairs are one-sided, or every pair of one difference is as good.
    ///
    /// # Errors
    /// A device that is not usable.
    pub(crate) fn of_chip(chip: &ChipSpec) -> Result<Option<Arc<Self>>, ArrayError> {
        let Pair::Optimised { at } = &chip.mapping.pair else { return Ok(None) };
        if !chip.scatters_or_drifts() {
            return Ok(None);
        }
        // Stuck cells hold no weight, whatever the pair.
        let cell = CellSpec { faults: None, ..chip.device.statistics()?.clone() };
        let mut at_s = at.clone();
        at_s.sort_by(f64::total_cmp);
        let asked = Asked {
            cell,
            at_s,
            window_s: match chip.read.noise {
                ReadNoise::Frozen {} => None,
                ReadNoise::Split { window_s } => Some(window_s),
            },
            compensated: chip.drift_compensation.probes() > 0,
            devices: chip.mapping.devices_per_polarity,
        };
        // Held while one is found, so that others wait for it instead of finding it too. Nothing below shares out work.
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = last.iter().find(|(of, _)| *of == asked) {
            return Ok(Some(found.clone()));
        }
        let found = Arc::new(Self::find(&asked)?);
        if last.len() == KEPT {
            last.remove(0);
        }
        last.push((asked, found.clone()));
        Ok(Some(found))
    }

    fn find(asked: &Asked) -> Result<Self, ArrayError> {
        let seen = Seen::of(asked)?;
        let level = |l: usize| l as f64 / LEVELS as f64;
        let mut pairs: Vec<[f64; 2]> = (0..=LEVELS).map(|l| [level(l), 0.0]).collect();
        // The factor follows from all pairs, and each pair from the factor.
        for _ in 0..if asked.compensated { 3 } else { 1 } {
            let alpha = if asked.compensated { seen.factors(&pairs) } else { vec![1.0; asked.at_s.len()] };
            for (l, pair) in pairs.iter_mut().enumerate() {
                *pair = seen.best(level(l), &alpha);
            }
        }
        let sides = [0, 1].map(|side| pairs.iter().map(|pair| pair[side] as f32).collect());
        Ok(Self { sides })
    }
}

/// All that pairs follow from.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    cell: CellSpec,
    at_s: Vec<f64>,
    window_s: Option<f64>,
    compensated: bool,
    devices: u32,
}

/// The last few pairs: every layer of a network, and every chip of a study, asks for the same ones.
static LAST: Mutex<Vec<(Asked, Arc<Pairs>)>> = Mutex::new(Vec::new());

/// How many.
const KEPT: usize = 4;

/// What devices written to one target are read as at one time, in parts of the range.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    variance: f64,
    /// With what the same devices are read as right after writing.
    covariance: f64,
}

impl Moments {
    fn between(self, other: Self, part: f64) -> Self {
        let mix = |a: f64, b: f64| a + part * (b - a);
        Self {
            mean: mix(self.mean, other.mean),
            variance: mix(self.variance, other.variance),
            covariance: mix(self.covariance, other.covariance),
        }
    }
}

/// The same for every target, right after writing and at every time.
struct Seen {
    first: Vec<Moments>,
    later: Vec<Vec<Moments>>,
}

impl Seen {
    fn of(asked: &Asked) -> Result<Self, ArrayError> {
        let Asked { cell, at_s, window_s, devices, .. } = asked;
        let range_s = cell.g_max_s - cell.g_min_s;
        let n = f64::from(*devices);
        let mut seen =
            Self { first: Vec::new(), later: at_s.iter().map(|_| Vec::with_capacity(TARGETS + 1)).collect() };
        let (mut g, mut fast) = (vec![0.0f32; CELLS], vec![0.0f32; CELLS]);
        // The same key for all: the same errors, exponents and noise at every target.
        let key = Key::root(0x6e65_7572).child("pairs", 0);
        for target in 0..=TARGETS {
            let mut cells = CellArray::new(cell, CELLS, key)?;
            cells.set_read_window(*window_s);
            let wanted = cell.g_min_s + range_s * target as f64 / TARGETS as f64;
            cells.program_in(CELLS).into_iter().for_each(|piece| piece.write(&[wanted as f32; CELLS]));
            let mut read = |cells: &mut CellArray| -> (Vec<f64>, f64) {
                cells.observe_in(CELLS).into_iter().for_each(|piece| {
                    if piece.has_variance() {
                        piece.read_with_variance(&mut g, &mut fast);
                    } else {
                        piece.read(&mut g);
                    }
                });
                let part = |g: &f32| (f64::from(*g) - cell.g_min_s) / range_s;
                let fast = fast.iter().map(|v| f64::from(*v)).sum::<f64>() / CELLS as f64;
                (g.iter().map(part).collect(), fast / (range_s * range_s))
            };
            let moments = |values: &[f64], fast: f64, first: &[f64]| {
                let mean = |v: &mut dyn Iterator<Item = f64>| v.sum::<f64>() / CELLS as f64;
                let (of, of_first) = (mean(&mut values.iter().copied()), mean(&mut first.iter().copied()));
                let variance = mean(&mut values.iter().map(|v| (v - of).powi(2))) + fast;
                let covariance = mean(&mut values.iter().zip(first).map(|(v, f)| (v - of) * (f - of_first)));
                Moments { mean: of, variance: variance / n, covariance: covariance / n }
            };
            let (first, fast) = read(&mut cells);
            seen.first.push(moments(&first, fast, &first));
            let mut age_s = 0.0;
            for (t, later) in at_s.iter().zip(&mut seen.later) {
                cells.advance(t - age_s)?;
                age_s = *t;
                let (values, fast) = read(&mut cells);
                later.push(moments(&values, fast, &first));
            }
        }
        Ok(seen)
    }

    fn at(of: &[Moments], u: f64) -> Moments {
        let place = u.clamp(0.0, 1.0) * TARGETS as f64;
        let below = (place as usize).min(TARGETS - 1);
        of[below].between(of[below + 1], place - below as f64)
    }

    /// Expected factors of the drift compensation, `E[w(t) w(0)] / E[w(0)^2]` over normally distributed weights.
    fn factors(&self, pairs: &[[f64; 2]]) -> Vec<f64> {
        let product = |later: &[Moments]| {
            let one = |(l, [a, b]): (usize, &[f64; 2])| {
                let r = l as f64 / LEVELS as f64 * LARGEST_IN_SIGMA;
                let ends = if l == 0 || l == LEVELS { 0.5 } else { 1.0 };
                let [now, then] = [later, &self.first].map(|of| [Self::at(of, *a), Self::at(of, *b)]);
                let means = (now[0].mean - now[1].mean) * (then[0].mean - then[1].mean);
                ends * libm::exp(-0.5 * r * r) * (means + now[0].covariance + now[1].covariance)
            };
            pairs.iter().enumerate().map(one).sum::<f64>()
        };
        let first = product(&self.first);
        self.later.iter().map(|later| (product(later) / first).max(1e-3)).collect()
    }

    /// Mean over the times of the expected squared error of a weight.
    fn error(&self, r: f64, [a, b]: [f64; 2], alpha: &[f64]) -> f64 {
        let one = |(later, alpha): (&Vec<Moments>, &f64)| {
            let (a, b) = (Self::at(later, a), Self::at(later, b));
            (a.variance + b.variance) / (alpha * alpha) + ((a.mean - b.mean) / alpha - r).powi(2)
        };
        self.later.iter().zip(alpha).map(one).sum::<f64>() / alpha.len() as f64
    }

    /// The best pair of a weight.
    fn best(&self, r: f64, alpha: &[f64]) -> [f64; 2] {
        let plain = [r, 0.0];
        let limit = WORTH * self.error(r, plain, alpha);
        let (mut best, mut least) = (plain, f64::INFINITY);
        let part = |target: usize| target as f64 / TARGETS as f64;
        for b in (0..=TARGETS).map(part) {
            let at = |a: f64| self.error(r, [a, b], alpha);
            let errors = (0..=TARGETS).map(|a| (a, at(part(a))));
            let Some((a, _)) = errors.min_by(|x, y| x.1.total_cmp(&y.1)) else { continue };
            // Between targets, where the error bends upwards.
            let (mut low, mut high) = (part(a.saturating_sub(1)), part((a + 1).min(TARGETS)));
            for _ in 0..30 {
                let (one, two) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
                if at(one) < at(two) { high = two } else { low = one }
            }
            let a = 0.5 * (low + high);
            // Of pairs that are as good the one that conducts least.
            if at(a) < least * 0.999 - 1e-10 {
                (best, least) = ([a, b], at(a));
            }
        }
        if least < limit - 1e-10 { best } else { plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets_only;

    fn asked(settings: &[(&str, &str)], at_s: f64, compensated: bool) -> Asked {
        let mut chip = ChipSpec::ideal();
        settings.iter().for_each(|(path, value)| chip.set(path, value, &presets_only).unwrap());
        let cell = chip.device.cell.unwrap();
        Asked { cell, at_s: vec![at_s], window_s: None, compensated, devices: 1 }
    }

    /// Cells that drift alike and are not compensated are written as much higher as they will have shrunk, as far as they go;
    /// compensated there is nothing to gain.
    #[test]
    fn what_shrinks_is_written_higher_unless_it_is_compensated() {
        let drift = "{power_law = {t0 = \"1 s\", nu_mean.constant = 0.05, nu_spread.constant = 0.0}}";
        let shrunk = 1e4f64.powf(-0.05);
        let found =
            |compensated| Pairs::find(&asked(&[("device.retention", drift)], 1e4, compensated)).unwrap();
        let (bare, compensated) = (found(false), found(true));
        for l in 0..=LEVELS {
            let r = l as f64 / LEVELS as f64;
            let expected = (r / shrunk).min(1.0);
            assert!(
                (f64::from(bare.sides[0][l]) - expected).abs() < 1e-4,
                "{l}: {} {expected}",
                bare.sides[0][l]
            );
            assert!(bare.sides[1][l].abs() < 1e-4);
            assert_eq!((compensated.sides[0][l], compensated.sides[1][l]), (r as f32, 0.0));
        }
    }

    /// Errors of one size at every conductance are the same for every pair, but for conductances that cannot be below zero.
    #[test]
    fn errors_of_one_size_far_from_zero_leave_pairs_one_sided() {
        let settings = [
            ("device.cell.g_min", "10 uS"),
            ("device.cell.g_max", "35 uS"),
            ("device.write", "{programmed = {c2c = {independent.sd = \"0.5 uS\"}}}"),
        ];
        let found = Pairs::find(&asked(&settings, 1.0, false)).unwrap();
        assert!(found.sides[1].iter().all(|u| *u == 0.0), "{:?}", found.sides);
    }

    /// A device that is written worst where it hardly conducts, by hand: errors of `sd (1 - G / g_max)` make a pair of two high
    /// conductances better than one of a low one and none.
    #[test]
    fn two_high_conductances_stand_for_a_small_weight_where_low_ones_are_written_badly() {
        let write = "{programmed = {c2c = {scaled = {unit = \"1 uS\", fitted_g_max = \"25 uS\", curve.polynomial = [2.0, -2.0]}}}}";
        let found = Pairs::find(&asked(&[("device.write", write)], 1.0, false)).unwrap();
        for r in [0.1f32, 0.4, 0.5] {
            let [plus, minus] = found.of(r);
            // The higher the better: the larger one in full.
            assert!(plus > 0.97 && (plus - minus - r).abs() < 0.03, "{r}: {plus} {minus}");
            assert_eq!(found.of(-r), [minus, plus]);
        }
    }

    #[test]
    fn times_that_cannot_be_are_refused() {
        let said = |at: Vec<f64>| Pair::Optimised { at }.check().unwrap_err().to_string();
        assert!(said(vec![]).contains("0 times") && said(vec![1.0; 17]).contains("17 times"));
        for at in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(said(vec![at]).starts_with("mapping.pair.optimised.at: "));
        }
    }
}
