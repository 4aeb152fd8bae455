//! Drift compensation: how much the crossbars' answers to known inputs have shrunk since programming.
//!
//! Probe inputs are random signs at full voltage. Right after programming they are read twice, later once a
//! read, always through the converters, the noise and the cells like any other input. With `a` and `b` the
//! answers of the two first reads and `c` those now, the factor is
//!
//! ```text
//! alpha = sum c a / sum b a
//! ```
//!
//! over probes and columns. Noise of different reads is independent, so neither sum has a bias, unlike the
//! usual ratio of summed magnitudes, which the noise floor pulls towards one. If all conductances shrink by
//! one factor, `alpha` is that factor.

use std::ops::Range;

use neurohm_num::{Key, Purpose, Rows, RowsMut};

use crate::chip::DriftCompensation;
use crate::product::{Crossbars, Ranges};
use crate::{ArrayError, ChipSpec, Tally, calibrate};

/// What was read right after programming.
#[derive(Clone, Debug)]
pub(crate) struct Baseline {
    probes: usize,
    per_column: bool,
    /// Ranges of the converters during probe reads.
    ranges: Ranges,
    /// Answers `a`: for each row strip, probes x outputs.
    answers: Vec<f32>,
    /// `sum b a` over the probes, for each row strip and output.
    products: Vec<f32>,
    /// Correlation of `a` and `b`: for each crossbar, and for each row strip and output.
    agreement: Vec<f32>,
    column_agreement: Vec<f32>,
    key: Key,
    reads: u64,
}

/// Where the two first reads agree less than this there is hardly more than noise, and no factor is taken: a
/// column takes that of its crossbar, a crossbar one.
const AGREEMENT: f32 = 0.5;

/// Smallest factor: dividing by less would only amplify noise.
const SMALLEST: f64 = 1e-3;

impl Baseline {
    /// Reads the probes twice, after the `programming`-th programming, as the chip's description says. Ranges that are to come from data fit the probes
    /// during probe reads.
    pub(crate) fn take(
        bars: &Crossbars,
        chip: &ChipSpec,
        programming: u64,
        tally: &mut Tally,
    ) -> Result<Self, ArrayError> {
        let mut baseline = Self {
            probes: chip.drift_compensation.probes(),
            per_column: matches!(chip.drift_compensation, DriftCompensation::PerColumn { .. }),
            ranges: Ranges::NONE,
            answers: Vec::new(),
            products: Vec::new(),
            agreement: Vec::new(),
            column_agreement: Vec::new(),
            key: bars.key.child("compensation", programming),
            reads: 0,
        };
        if chip.adc.needs_calibration() {
            let mut found = Vec::new();
            for strip in 0..bars.rows.len() {
                baseline.through(bars, strip, |view, x| {
                    found.extend(calibrate::currents(view, &Ranges::NONE, x, 100.0)?);
                    Ok(())
                })?;
            }
            baseline.ranges.output = Some(found);
        } else {
            baseline.ranges.output = Ranges::fixed_output(chip, bars.rows.len() * bars.columns.len());
        }
        let probes = baseline.probes;
        let a = baseline.read(bars, tally)?;
        let b = baseline.read(bars, tally)?;
        let outputs = bars.weights.cols();
        let sums = |a: &[f32], b: &[f32]| correlate(probes, outputs, a, b);
        let (ab, aa, bb) = (sums(&a, &b), sums(&a, &a), sums(&b, &b));
        let agreement = |span: Range<usize>| {
            let total = |sums: &[f32]| total(&sums[span.clone()]);
            (total(&ab) / (total(&aa) * total(&bb)).sqrt()) as f32
        };
        baseline.agreement = crossbars(bars).map(agreement).collect();
        baseline.column_agreement = (0..ab.len()).map(|i| agreement(i..i + 1)).collect();
        baseline.answers = a;
        baseline.products = ab;
        Ok(baseline)
    }

    /// Factor of every row strip and output now.
    pub(crate) fn factors(&mut self, bars: &Crossbars, tally: &mut Tally) -> Result<Vec<f32>, ArrayError> {
        let now = self.read(bars, tally)?;
        let now = correlate(self.probes, bars.weights.cols(), &self.answers, &now);
        let ratio = |span: Range<usize>| {
            let ratio = total(&now[span.clone()]) / total(&self.products[span]);
            if ratio.is_finite() { ratio.max(SMALLEST) as f32 } else { 1.0 }
        };
        let mut factors = vec![1.0; now.len()];
        for (crossbar, span) in crossbars(bars).enumerate() {
            // Written so that the NaN of an empty crossbar counts as no agreement.
            let common = if self.agreement[crossbar] >= AGREEMENT { ratio(span.clone()) } else { 1.0 };
            for i in span {
                let own = self.per_column && self.column_agreement[i] >= AGREEMENT;
                factors[i] = if own { ratio(i..i + 1) } else { common };
            }
        }
        Ok(factors)
    }

    /// Answers to the probes now: for each row strip, probes x outputs, in units of a full weight.
    fn read(&mut self, bars: &Crossbars, tally: &mut Tally) -> Result<Vec<f32>, ArrayError> {
        let outputs = bars.weights.cols();
        let mut answers = vec![0.0; bars.rows.len() * self.probes * outputs];
        let first_sample = self.reads.wrapping_mul(self.probes as u64);
        for (strip, answers) in answers.chunks_exact_mut((self.probes * outputs).max(1)).enumerate() {
            self.through(bars, strip, |view, x| {
                let mut y = RowsMut::new(answers, x.rows(), outputs)?;
                *tally += view.product(x, &mut y, first_sample)?;
                Ok(())
            })?;
        }
        self.reads += 1;
        Ok(answers)
    }

    /// Hands the crossbars of one row strip and its probes to `then`.
    fn through(
        &self,
        bars: &Crossbars,
        strip: usize,
        then: impl FnOnce(&Crossbars, Rows) -> Result<(), ArrayError>,
    ) -> Result<(), ArrayError> {
        let (span, columns) = (bars.rows[strip].clone(), bars.columns.len());
        let output = self.ranges.output.as_ref();
        let output = output.map(|all| all[strip * columns..(strip + 1) * columns].to_vec());
        let mut periphery = bars.periphery.clone();
        // A probe that overflows is repeated with less voltage, whatever is done with other inputs: clipping
        // would hide the drift. Its signs then still are codes, so that rounding does not look like drift either.
        periphery.output.repeats = periphery.output.repeats.max(8);
        periphery.input.whole = true;
        if let Some(serial) = &mut periphery.input.serial {
            // One digit says all about a sign. Its drivers know no lower voltage.
            serial.cycles = 1;
            periphery.input.largest_code = Some(serial.largest_digit);
            periphery.output.repeats = 0;
        }
        let ones = vec![1.0; bars.weights.cols()];
        let whole = 0..span.len();
        let view = Crossbars {
            weights: bars.weights.slice(span.start, span.len()),
            variances: bars.variances.map(|v| v.slice(span.start, span.len())),
            rows: std::slice::from_ref(&whole),
            gains: Rows::new(&ones, 1, ones.len())?,
            conductances: bars.conductances.columns(span.start, span.len()),
            periphery: &periphery,
            converters: bars.converters.map(|all| all.after(strip * columns)),
            ranges: &Ranges { input: None, output },
            key: self.key.child("strip", strip as u64),
            ..*bars
        };
        let signs = signs(self.key, strip, self.probes * span.len());
        then(&view, Rows::new(&signs, self.probes, span.len())?)
    }

    /// Numbers that it holds.
    pub(crate) fn floats(&self) -> usize {
        self.answers.len() + self.products.len() + self.agreement.len() + self.column_agreement.len()
    }
}

/// The probes of one row strip: random signs, the same at every read.
fn signs(key: Key, strip: usize, count: usize) -> Vec<f32> {
    let mut signs = vec![0.0; count];
    key.child("probe", strip as u64).stream(Purpose::Data, 0).fill_uniform(0, &mut signs);
    signs.iter_mut().for_each(|u| *u = if *u < 0.5 { -1.0 } else { 1.0 });
    signs
}

/// Where the outputs of every crossbar lie in a list over row strips and outputs.
fn crossbars<'a>(bars: &'a Crossbars) -> impl Iterator<Item = Range<usize>> + 'a {
    let outputs = bars.weights.cols();
    let strips = 0..bars.rows.len();
    strips.flat_map(move |s| bars.columns.iter().map(move |c| s * outputs + c.start..s * outputs + c.end))
}

fn total(sums: &[f32]) -> f64 {
    sums.iter().map(|v| f64::from(*v)).sum()
}

/// `sum_k a_k b_k` over the probes, for each row strip and output.
fn correlate(probes: usize, outputs: usize, a: &[f32], b: &[f32]) -> Vec<f32> {
    let strip = (probes * outputs).max(1);
    let mut sums = Vec::with_capacity(a.len() / probes.max(1));
    for (a, b) in a.chunks_exact(strip).zip(b.chunks_exact(strip)) {
        let mut sum = vec![0.0f32; outputs];
        for (a, b) in a.chunks_exact(outputs).zip(b.chunks_exact(outputs)) {
            for (s, (a, b)) in sum.iter_mut().zip(a.iter().zip(b)) {
                *s += a * b;
            }
        }
        sums.extend(sum);
    }
    sums
}
