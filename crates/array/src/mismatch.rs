//! Converters whose parts differ: a successive-approximation converter from its unit capacitors, with the curves of
//! non-linearity that a test bench would draw, and a calibration that measures the weights of its bits.
//!
//! Inputs are in steps of the ideal converter (LSB), from 0 to `2^bits`; the ideal converter gives `floor(x)`.
//!
//! A decision compares the input with the charge of the capacitors chosen so far and one more: bit `i` becomes 1 where
//! `(1 + g) x + o >= (sum of weights kept + w_i) S / sum C`, the largest first. A weight of `n` unit capacitors is normal
//! with mean `n` and variance `n sigma^2`, `sigma` being the relative standard deviation of one (Pelgrom et al., IEEE
//! JSSC 24, 1433, 1989: it falls with the root of the area); all of them and a terminating one make `sum C`, nominally
//! `S`. For binary weights the differential non-linearity is worst at mid-scale, where all capacitors change sides:
//! `sd(DNL) = sqrt(2^N - 1) sigma` LSB, and the integral one there is `sd(INL) = sqrt(2^N) sigma / 2`.
//!
//! ```
//! use neurohm_array::{Calibration, SarConverter, SarSpec};
//! use neurohm_num::Key;
//!
//! let spec = SarSpec { bits: 8, decisions: 10, unit_mismatch: 0.05, offset_lsb: 0.5, gain: 0.01 };
//! let mut converter = SarConverter::draw(&spec, Key::root(1), 0)?;
//! let before = converter.enob();
//! converter.calibrate(&Calibration { averages: 64, noise_lsb: 0.3 })?;
//! assert!(converter.enob() > before && converter.enob() > 7.5);
//! # Ok::<(), neurohm_array::SettingError>(())
//! ```

use neurohm_num::{Key, Purpose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::converter::not_negative;

/// How converters of one design differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SarSpec {
    /// Resolution; 2 to 16.
    pub bits: u32,
    /// Decisions of a conversion: as many as bits for binary weights, up to 8 more (and no
    /// more than there are steps) for weights that overlap, so that a
    /// weight which came out too large leaves no gap that no calibration could close.
    pub decisions: u32,
    /// Relative standard deviation of a unit capacitor.
    pub unit_mismatch: f64,
    /// Standard deviation of the offset, in steps.
    pub offset_lsb: f64,
    /// Standard deviation of the relative error of the gain.
    pub gain: f64,
}

/// How the weights of a converter's bits are measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Measurements of each weight, and of the offset, that are averaged.
    pub averages: u32,
    /// Standard deviation of one of them, in steps.
    pub noise_lsb: f64,
}

/// One converter.
#[derive(Clone, Debug, PartialEq)]
pub struct SarConverter {
    bits: u32,
    /// Weights by design, the largest first, in steps.
    nominal: Vec<f64>,
    /// Weights as they are, in steps of an input without offset and gain error.
    actual: Vec<f64>,
    offset: f64,
    gain: f64,
    /// What the digital side adds for each bit, and what it takes off: nominal until calibrated.
    digital: Vec<f64>,
    digital_offset: f64,
    key: Key,
    calibrations: u64,
}

/// Inputs that give one word of decisions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Lowest input, in steps.
    pub low: f64,
    /// Highest input, in steps.
    pub high: f64,
    /// What the digital side makes of it: the lower end of an ideal bin, in steps.
    pub word: f64,
}

/// Non-linearity over the codes, in steps, after offset and gain are taken off.
#[derive(Clone, Debug, PartialEq)]
pub struct Linearity {
    /// Differential: how much wider than the mean the bin of each code is, from code 1 to the last but one. -1 is a code that
    /// never comes. The outermost codes that come take whatever lies beyond the range, so that their bins have no width: they, and
    /// codes beyond them, which offset and gain keep from coming, are not a number.
    pub dnl: Vec<f64>,
    /// Integral: by how much each code lies above the line through all that have a number; of the same codes.
    pub inl: Vec<f64>,
}

impl Linearity {
    /// Largest magnitude of the differential one.
    pub fn worst_dnl(&self) -> f64 {
        worst(&self.dnl)
    }

    /// Largest magnitude of the integral one.
    pub fn worst_inl(&self) -> f64 {
        worst(&self.inl)
    }

    /// Codes that offset and gain keep from coming, or let overflow take, at the ends of the range, beyond the first and the
    /// last.
    pub fn cut_off(&self) -> usize {
        self.dnl.iter().filter(|d| d.is_nan()).count()
    }

    /// Codes within the range that never come.
    pub fn missing(&self) -> usize {
        self.dnl.iter().filter(|d| **d <= -1.0 + 1e-12).count()
    }
}

fn worst(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, v| most.max(v.abs()))
}

impl SarSpec {
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        if !(2..=16).contains(&self.bits) {
            return Err(SettingError::value("bits", format!("{} bits; allowed are 2 to 16", self.bits)));
        }
        let most = (self.bits + 8).min((1 << self.bits) - 1);
        if !(self.bits..=most).contains(&self.decisions) {
            let message = format!(
                "{} decisions for {} bits; allowed are {} to {most}",
                self.decisions, self.bits, self.bits
            );
            return Err(SettingError::value("decisions", message));
        }
        not_negative("unit_mismatch", self.unit_mismatch)?;
        not_negative("offset_lsb", self.offset_lsb)?;
        not_negative("gain", self.gain)?;
        // Five standard deviations must leave a capacitor a capacitor and the gain a gain.
        for (name, value) in [("unit_mismatch", self.unit_mismatch), ("gain", self.gain)] {
            if value > 0.2 {
                return Err(SettingError::value(name, format!("{value} is more than 0.2")));
            }
        }
        Ok(())
    }

    /// Weights by design, the largest first: whole numbers that sum to `2^bits - 1`, each at most one more than all
    /// below it together, in as even a ratio as that allows.
    pub(crate) fn nominal(&self) -> Vec<f64> {
        let whole = (1i64 << self.bits) - 1;
        let powers = |ratio: f64, n: u32| (0..n).map(move |i| libm::pow(ratio, f64::from(i)));
        let (mut low, mut high) = (1.0, 2.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if powers(middle, self.decisions).sum::<f64>() < whole as f64 {
                low = middle
            } else {
                high = middle
            }
        }
        let (mut left, mut weights) = (whole, Vec::with_capacity(self.decisions as usize));
        for below in (0..self.decisions).rev() {
            let even = left as f64 * libm::pow(high, f64::from(below)) / powers(high, below + 1).sum::<f64>();
            // What is left for the smaller ones must be 1 each at least, binary at most, and as much as this one less 1.
            let least = (left - ((1i64 << below) - 1)).max(1);
            let most = (left - i64::from(below)).min((left + 1) / 2);
            let weight = (even.round() as i64).clamp(least, most.max(least));
            weights.push(weight as f64);
            left -= weight;
        }
        weights
    }
}

impl Calibration {
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        if self.averages == 0 {
            return Err(SettingError::value("averages", "0 measurements tell nothing; 1 or more are needed"));
        }
        not_negative("noise_lsb", self.noise_lsb)
    }
}

impl SarConverter {
    /// Draws converter number `number` of a design.
    ///
    /// # Errors
    /// A setting out of range, by name.
    pub fn draw(spec: &SarSpec, key: Key, number: u64) -> Result<Self, SettingError> {
        spec.check()?;
        Ok(Self::of(spec, spec.nominal(), key, number))
    }

    /// As [`SarConverter::draw`], of a design that was checked and whose weights are known.
    pub(crate) fn of(spec: &SarSpec, nominal: Vec<f64>, key: Key, number: u64) -> Self {
        let key = key.child("converter", number);
        let stream = key.stream(Purpose::Converter, 0);
        let normal = |element: usize| f64::from(stream.normal(element as u64));
        let capacitor = |(i, units): (usize, f64)| units + spec.unit_mismatch * units.sqrt() * normal(i);
        let n = nominal.len();
        let drawn: Vec<f64> = nominal.iter().copied().enumerate().map(capacitor).collect();
        let total = drawn.iter().sum::<f64>() + capacitor((n, 1.0));
        let scale = (nominal.iter().sum::<f64>() + 1.0) / total;
        Self {
            bits: spec.bits,
            actual: drawn.iter().map(|w| w * scale).collect(),
            offset: spec.offset_lsb * normal(n + 1),
            gain: 1.0 + spec.gain * normal(n + 2),
            digital: nominal.clone(),
            digital_offset: 0.0,
            nominal,
            key,
            calibrations: 0,
        }
    }

    /// Measures the weight of every bit and the offset, and uses from now on what it found. The digital word keeps its
    /// fractions. Gaps between weights stay: no digital side can tell inputs apart that give the same decisions.
    ///
    /// # Errors
    /// No measurement, or noise that is no number.
    pub fn calibrate(&mut self, how: &Calibration) -> Result<(), SettingError> {
        how.check()?;
        let stream = self.key.stream(Purpose::Calibration, self.calibrations);
        self.calibrations += 1;
        let sd = how.noise_lsb / f64::from(how.averages).sqrt();
        for (i, digital) in self.digital.iter_mut().enumerate() {
            *digital = self.actual[i] / self.gain + sd * f64::from(stream.normal(i as u64));
        }
        let n = self.digital.len() as u64;
        self.digital_offset = self.offset / self.gain + sd * f64::from(stream.normal(n));
        Ok(())
    }

    /// The word that an input in steps gives: the lower end of an ideal bin, in steps; whole until calibrated.
    pub fn word(&self, input: f64) -> f64 {
        self.decide(input).0
    }

    /// The word, and whether all decisions were the same: the input may lie beyond the range.
    pub(crate) fn decide(&self, input: f64) -> (f64, bool) {
        let held = self.gain * input + self.offset;
        let (mut kept, mut word, mut ones) = (0.0, -self.digital_offset, 0);
        for (actual, digital) in self.actual.iter().zip(&self.digital) {
            if held >= kept + actual {
                kept += actual;
                word += digital;
                ones += 1;
            }
        }
        (word, ones == 0 || ones == self.actual.len())
    }

    /// The code that an input in steps gives: the word, rounded to what there is.
    pub fn code(&self, input: f64) -> u32 {
        self.rounded(self.word(input))
    }

    fn rounded(&self, word: f64) -> u32 {
        word.round().clamp(0.0, f64::from((1u32 << self.bits) - 1)) as u32
    }

    /// All inputs from 0 to `2^bits` by their words, upwards; words that no input gives are left out.
    pub fn bins(&self) -> Vec<Bin> {
        let mut bins = Vec::new();
        self.branch(0, 0.0, -self.digital_offset, (0.0, f64::from(1u32 << self.bits)), &mut bins);
        bins
    }

    /// The inputs in `range` from decision `at` on.
    fn branch(&self, at: usize, kept: f64, word: f64, range: (f64, f64), bins: &mut Vec<Bin>) {
        let (low, high) = range;
        if low >= high {
            return;
        }
        let Some(actual) = self.actual.get(at) else {
            bins.push(Bin { low, high, word });
            return;
        };
        let threshold = ((kept + actual - self.offset) / self.gain).clamp(low, high);
        self.branch(at + 1, kept, word, (low, threshold), bins);
        self.branch(at + 1, kept + actual, word + self.digital[at], (threshold, high), bins);
    }

    /// Its curves of non-linearity, as a code-density test with an even ramp gives them.
    pub fn linearity(&self) -> Linearity {
        let codes = 1usize << self.bits;
        let mut width = vec![0.0; codes];
        for bin in self.bins() {
            width[self.rounded(bin.word) as usize] += bin.high - bin.low;
        }
        // Without what comes at the ends.
        let first = width.iter().position(|w| *w > 0.0).unwrap_or(0) + 1;
        let last = width.iter().rposition(|w| *w > 0.0).unwrap_or(0);
        let inner = first..last.max(first);
        let mean = width[inner.clone()].iter().sum::<f64>() / inner.len().max(1) as f64;
        let (mut dnl, mut inl) = (vec![f64::NAN; codes - 2], vec![f64::NAN; codes - 2]);
        // The lower end of each code's bin against the line through the first and the last.
        let mut at = 0.0;
        for code in inner {
            let wider = if mean > 0.0 { width[code] / mean - 1.0 } else { -1.0 };
            (dnl[code - 1], inl[code - 1]) = (wider, at);
            at += wider;
        }
        Linearity { dnl, inl }
    }

    /// Offset, in steps, and relative error of the gain of what the digital side makes of inputs: the straight line of least
    /// squares through all inputs but those that the ends of the range hold (IEEE Std 1241 calls them independently based).
    /// Offset is what the line gives for no input, gain its slope less 1. 0 and 0 where fewer than two words come.
    pub fn offset_and_gain(&self) -> (f64, f64) {
        let bins = self.bins();
        let inner = bins.get(1..bins.len().saturating_sub(1)).unwrap_or_default();
        let (Some(first), Some(last)) = (inner.first(), inner.last()) else { return (0.0, 0.0) };
        // Integrals over the inputs, counted from the middle of them; the middle of an ideal bin is its word and a half.
        let middle = 0.5 * (first.low + last.high);
        let (mut sum, mut moment, mut square, mut width) = (0.0, 0.0, 0.0, 0.0);
        for bin in inner {
            let (a, b, y) = (bin.low - middle, bin.high - middle, bin.word + 0.5);
            width += b - a;
            sum += y * (b - a);
            moment += y * 0.5 * (b * b - a * a);
            square += (b * b * b - a * a * a) / 3.0;
        }
        if width <= 0.0 || square <= 0.0 {
            return (0.0, 0.0);
        }
        let slope = moment / square;
        (sum / width - slope * middle, slope - 1.0)
    }

    /// Effective number of bits: `N - log2(e sqrt(12))`, with `e` the rms in steps of what a sine of 90 % of the range
    /// leaves over when the best sine and offset are taken off (IEEE Std 1241; `1 / sqrt(12)` is the ideal converter's).
    /// The words are taken as they are, fractions included; offset and gain are no error.
    pub fn enob(&self) -> f64 {
        // Enough samples to meet every bin, at a number of periods that has no divisor in common with theirs.
        let samples = 1usize << (self.bits + 4).min(18);
        let periods = 127.0;
        let half = f64::from(1u32 << self.bits) / 2.0;
        let step = 2.0 * std::f64::consts::PI * periods / samples as f64;
        let (mut sum, mut in_phase, mut across, mut square) = (0.0, 0.0, 0.0, 0.0);
        for n in 0..samples {
            let (s, c) = (libm::sin(step * n as f64), libm::cos(step * n as f64));
            let word = self.word(half * (1.0 + 0.9 * s)) - half;
            sum += word;
            in_phase += word * s;
            across += word * c;
            square += word * word;
        }
        let n = samples as f64;
        let sine = 2.0 * (in_phase * in_phase + across * across) / (n * n);
        let rest = square / n - (sum / n).powi(2) - sine;
        f64::from(self.bits) - libm::log2((12.0 * rest).max(f64::MIN_POSITIVE).sqrt())
    }

    /// Weights by design, the largest first, in steps.
    pub fn nominal(&self) -> &[f64] {
        &self.nominal
    }
}

#[cfg(test)]
mod tests {
    use neurohm_num::stats::{mean, sd};

    use super::*;

    fn spec(bits: u32) -> SarSpec {
        SarSpec { bits, decisions: bits, unit_mismatch: 0.0, offset_lsb: 0.0, gain: 0.0 }
    }

    #[test]
    fn the_ideal_converter_is_ideal() {
        for bits in [2, 5, 8, 12] {
            let ideal = SarConverter::draw(&spec(bits), Key::root(1), 0).unwrap();
            let curves = ideal.linearity();
            assert!(curves.worst_dnl() < 1e-9 && curves.worst_inl() < 1e-9 && curves.missing() == 0);
            assert_eq!(curves.dnl.len(), (1 << bits) - 2);
            let all = 1u32 << bits;
            for code in (0..all).step_by(1 + all as usize / 100) {
                assert_eq!(ideal.code(f64::from(code) + 0.25), code);
            }
            // Rounding is an even error only where a sine crosses many steps.
            let tolerance = if bits < 8 { 0.3 } else { 0.02 };
            assert!((ideal.enob() - f64::from(bits)).abs() < tolerance, "{bits}: {}", ideal.enob());
        }
    }

    #[test]
    fn mid_scale_nonlinearity_is_that_of_all_capacitors_changing_sides() {
        let (bits, sigma) = (10, 0.004);
        let design = SarSpec { unit_mismatch: sigma, ..spec(bits) };
        let middle = (1usize << (bits - 1)) - 1;
        let draws = 4000;
        let curves: Vec<Linearity> =
            (0..draws).map(|n| SarConverter::draw(&design, Key::root(5), n).unwrap().linearity()).collect();
        // The step to code 512 is the width of code 511, which stands at place 510.
        let dnl: Vec<f64> = curves.iter().map(|c| c.dnl[middle - 1]).collect();
        let inl: Vec<f64> = curves.iter().map(|c| c.inl[middle]).collect();
        let count = f64::from(1 << bits);
        // 4000 draws know a standard deviation to 1.1 %; three of those.
        let (expected_dnl, expected_inl) = ((count - 1.0).sqrt() * sigma, count.sqrt() / 2.0 * sigma);
        assert!((sd(&dnl) / expected_dnl - 1.0).abs() < 0.035, "{} {expected_dnl}", sd(&dnl));
        assert!((sd(&inl) / expected_inl - 1.0).abs() < 0.035, "{} {expected_inl}", sd(&inl));
        assert!(mean(&dnl).abs() < 4.0 * expected_dnl / 4000f64.sqrt());
        // Where no carry runs the step is one unit capacitor's: code 512, that 513 follows.
        let quiet: Vec<f64> = curves.iter().map(|c| c.dnl[middle]).collect();
        assert!((sd(&quiet) / sigma - 1.0).abs() < 0.05, "{}", sd(&quiet));
    }

    #[test]
    fn offset_and_gain_shift_and_stretch_and_bend_nothing() {
        let design = SarSpec { offset_lsb: 3.0, gain: 0.01, ..spec(8) };
        for n in 0..20 {
            let c = SarConverter::draw(&design, Key::root(9), n).unwrap();
            let curves = c.linearity();
            // Codes that the range ends before are none; all others are even.
            assert!(curves.worst_dnl() < 1e-9 && curves.worst_inl() < 1e-9 && curves.missing() == 0);
            let ends = [c.offset, c.offset + 256.0 * (c.gain - 1.0)];
            let lost = ends[0].max(0.0).floor() + (-ends[1]).max(0.0).floor();
            assert!((curves.cut_off() as f64 - lost).abs() <= 1.0, "{} {ends:?}", curves.cut_off());
            assert!((c.code(128.25) as f64 - (c.gain * 128.25 + c.offset).floor()).abs() < 1e-9);
            // The line through what comes out says both; steps at its ends that are cut shift it by a little.
            let (offset, gain) = c.offset_and_gain();
            assert!(
                (offset - c.offset).abs() < 0.05 && (gain - c.gain + 1.0).abs() < 5e-4,
                "{offset} {gain}"
            );
        }
    }

    #[test]
    fn calibration_takes_offset_and_gain_off() {
        let design = SarSpec { decisions: 12, unit_mismatch: 0.02, offset_lsb: 3.0, gain: 0.02, ..spec(10) };
        for n in 0..10 {
            let mut c = SarConverter::draw(&design, Key::root(4), n).unwrap();
            let before = c.offset_and_gain();
            c.calibrate(&Calibration { averages: 100, noise_lsb: 0.1 }).unwrap();
            let (offset, gain) = c.offset_and_gain();
            assert!(offset.abs() < 0.2 && gain.abs() < 1e-3, "{offset} {gain}, before {before:?}");
        }
    }

    #[test]
    fn bins_are_what_inputs_give() {
        let design = SarSpec { decisions: 11, unit_mismatch: 0.1, offset_lsb: 2.0, gain: 0.02, ..spec(9) };
        for n in 0..10 {
            let mut c = SarConverter::draw(&design, Key::root(2), n).unwrap();
            for calibrated in [false, true] {
                let bins = c.bins();
                assert!(bins.windows(2).all(|w| w[0].high == w[1].low));
                assert_eq!((bins[0].low, bins[bins.len() - 1].high), (0.0, 512.0));
                for bin in &bins {
                    assert!((c.word((bin.low + bin.high) / 2.0) - bin.word).abs() < 1e-9, "{calibrated}");
                }
                c.calibrate(&Calibration { averages: 16, noise_lsb: 0.5 }).unwrap();
            }
        }
    }

    #[test]
    fn overlapping_weights_sum_up_and_leave_no_gap() {
        for bits in 2..=16 {
            for extra in (0..=8).filter(|extra| bits + extra < 1 << bits) {
                let weights = SarSpec { decisions: bits + extra, ..spec(bits) }.nominal();
                assert_eq!(weights.len(), (bits + extra) as usize, "{bits} {extra}");
                assert_eq!(weights.iter().sum::<f64>(), f64::from((1u32 << bits) - 1), "{bits} {extra}");
                for (i, w) in weights.iter().enumerate() {
                    let below: f64 = weights[i + 1..].iter().sum();
                    assert!(*w >= 1.0 && *w <= below + 1.0, "{bits} {extra}: {weights:?}");
                }
            }
        }
    }

    #[test]
    fn calibration_brings_the_bits_back_that_mismatch_took() {
        let design = SarSpec { decisions: 12, unit_mismatch: 0.05, offset_lsb: 1.0, gain: 0.01, ..spec(10) };
        let (mut raw, mut fine, mut coarse) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..40 {
            let mut c = SarConverter::draw(&design, Key::root(3), n).unwrap();
            raw.push(c.enob());
            c.calibrate(&Calibration { averages: 1, noise_lsb: 1.0 }).unwrap();
            coarse.push(c.enob());
            c.calibrate(&Calibration { averages: 1024, noise_lsb: 1.0 }).unwrap();
            fine.push(c.enob());
        }
        assert!(mean(&raw) < 9.3 && mean(&fine) > 9.8, "{} {}", mean(&raw), mean(&fine));
        // A noisy measurement is worth less than a careful one.
        assert!(mean(&coarse) < mean(&fine) - 0.3, "{}", mean(&coarse));
    }

    #[test]
    fn converters_are_drawn_alike_again_and_differ_from_one_another() {
        let design = SarSpec { unit_mismatch: 0.02, ..spec(8) };
        let draw = |seed, n| SarConverter::draw(&design, Key::root(seed), n).unwrap();
        assert_eq!(draw(1, 4), draw(1, 4));
        assert_ne!(draw(1, 4).actual, draw(1, 5).actual);
        assert_ne!(draw(1, 4).actual, draw(2, 4).actual);
    }

    #[test]
    fn impossible_converters_are_refused_by_name() {
        let message = |s: SarSpec| SarConverter::draw(&s, Key::root(1), 0).unwrap_err().to_string();
        assert!(message(spec(1)).starts_with("bits: 1 bits; allowed are 2 to 16"));
        assert!(message(SarSpec { decisions: 7, ..spec(8) }).contains("8 to 16"));
        assert!(message(SarSpec { unit_mismatch: f64::NAN, ..spec(8) }).starts_with("unit_mismatch"));
        assert!(message(SarSpec { gain: 0.5, ..spec(8) }).contains("0.2"));
        let mut c = SarConverter::draw(&spec(8), Key::root(1), 0).unwrap();
        let error = c.calibrate(&Calibration { averages: 0, noise_lsb: 0.1 }).unwrap_err().to_string();
        assert!(error.contains("averages"), "{error}");
    }
}
