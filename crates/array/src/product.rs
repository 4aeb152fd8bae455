//! The analog product: `x -> DAC -> crossbars -> noise -> ADC -> digital sum`, forwards and transposed.
//!
//! It is a function over any matrix; [`crate::AnalogMatrix`], which owns its cells, calls it, and so can the
//! owner of weights that live elsewhere ([`product`]). One GEMM per strip of crossbars and batch; converters
//! and noise are passes over its inputs and outputs while those are in cache.
//!
//! Noise is keyed by crossbar, the sample's ordinal and the output, so splitting a batch, or sharing it out
//! over threads, changes no bit. Noise of a sample's own reads is Gaussian and independent from cell to cell,
//! so at the output it is Gaussian with variance `sum_i x_i^2 sigma_ij^2`: a second GEMM gives exactly that
//! variance, and together with the output noise it takes one draw an output.

use std::cell::RefCell;
use std::ops::Range;

use neurohm_num::{Key, Rows, RowsMut};
use rayon::prelude::*;

use crate::adc::{Behind, Converters};
use crate::converter::{Adc, Dac, InputRange, OutputRange, Overflow, Resolution, UniformAdc};
use crate::mapping::cuts;
use crate::pass::{Batch, Pass, Scratch};
use crate::response::Response;
use crate::{ArrayError, ChipSpec, SettingError, Tally};

/// Converters, noise and ranges on the two sides of a set of crossbars.
#[derive(Clone, Debug)]
pub(crate) struct Periphery {
    pub input: InputSide,
    pub output: OutputSide,
    /// `V^2 t` of a full read voltage: times conductance it is energy, V^2 s.
    pub volt2_second: f64,
    /// Devices behind one word line and one converter.
    pub devices_per_weight: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct InputSide {
    /// Of whole inputs; `None` for an ideal converter.
    pub largest_code: Option<f32>,
    /// How they are presented digit by digit, where they are.
    pub serial: Option<Serial>,
    pub noise: f32,
    /// Whether lowered voltages are chosen such that the largest input is a code exactly.
    pub whole: bool,
}

/// Inputs in digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Serial {
    pub digit_bits: u32,
    pub largest_digit: f32,
    /// Digits of an input.
    pub cycles: u32,
    /// Reads of a digit.
    pub phases: u32,
}

impl InputSide {
    /// The code of the full read voltage.
    pub(crate) fn full_code(&self) -> f32 {
        self.serial.map(|serial| serial.largest_digit).or(self.largest_code).unwrap_or(1.0)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputSide {
    /// `None` for an ideal converter.
    pub largest_code: Option<f32>,
    pub noise: f32,
    /// Repetitions that may follow a product out of range.
    pub repeats: u32,
}

impl Periphery {
    pub(crate) fn new(chip: &ChipSpec) -> Self {
        let largest_input = chip.dac.resolution().map(Resolution::largest_code);
        let serial = match &chip.dac {
            Dac::BitSerial(dac) => Some(Serial {
                digit_bits: dac.digit_bits,
                largest_digit: dac.largest_digit(),
                cycles: dac.cycles(),
                phases: dac.phases(),
            }),
            _ => None,
        };
        let (largest_output, repeats) = match &chip.adc {
            Adc::Ideal {} => (None, 0),
            Adc::Uniform(adc) => (Some(adc.resolution.largest_code()), repeats(&adc.overflow, largest_input)),
        };
        Self {
            input: InputSide {
                largest_code: largest_input,
                serial,
                noise: chip.input_noise as f32,
                whole: false,
            },
            output: OutputSide { largest_code: largest_output, noise: chip.output_noise as f32, repeats },
            volt2_second: chip.read.voltage_v.powi(2) * chip.read.integration_time_s,
            devices_per_weight: u64::from(chip.mapping.devices_per_weight())
                / u64::from(chip.mapping.conversions_per_output()),
        }
    }
}

/// How often a product may be repeated with halved inputs: the last one is the first whose reduction
/// exceeds a limit.
fn repeats(overflow: &Overflow, largest_input: Option<f32>) -> u32 {
    let Overflow::HalveInput { largest_factor, coarsest_step } = *overflow else { return 0 };
    // One step of the DAC is 1 / (2 largest code) of its full range.
    let by_step = largest_input.map_or(f64::INFINITY, |code| coarsest_step * 2.0 * f64::from(code));
    let limit = largest_factor.min(by_step);
    (0..64).find(|n| 2f64.powi(*n) > limit).unwrap_or(63) as u32
}

/// Ranges of the converters of every crossbar, in its order: row strips outside, column strips inside.
#[derive(Clone, Debug)]
pub(crate) struct Ranges {
    /// `None` where each sample's largest magnitude is taken.
    pub input: Option<Vec<f32>>,
    /// `None` for ideal converters.
    pub output: Option<Vec<f32>>,
}

impl Ranges {
    /// Each sample's own largest magnitude, and ideal converters behind.
    pub(crate) const NONE: Self = Self { input: None, output: None };

    /// What the description fixes; `None` where data must decide.
    pub(crate) fn fixed(chip: &ChipSpec, tiles: usize) -> Option<Self> {
        let input = match chip.dac.range() {
            Some(InputRange::Fixed { bound }) => Some(vec![*bound as f32; tiles]),
            _ => None,
        };
        (!chip.needs_calibration()).then(|| Self { input, output: Self::fixed_output(chip, tiles) })
    }

    /// Fixed ranges of the converters behind the crossbars, if there are any.
    pub(crate) fn fixed_output(chip: &ChipSpec, tiles: usize) -> Option<Vec<f32>> {
        match &chip.adc {
            Adc::Uniform(UniformAdc { range: OutputRange::Fixed { bound }, .. }) => {
                Some(vec![*bound as f32; tiles])
            }
            _ => None,
        }
    }
}

/// A matrix, or one for each term of what cells do: terms outside, inputs, outputs.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    all: Rows<'a>,
    /// Rows from one term to the next.
    pitch: usize,
    first: usize,
    inputs: usize,
}

impl<'a> Terms<'a> {
    pub(crate) fn new(all: &'a [f32], inputs: usize, outputs: usize) -> Result<Self, ArrayError> {
        let terms = (all.len() / (inputs * outputs).max(1)).max(1);
        Ok(Self { all: Rows::new(all, terms * inputs, outputs)?, pitch: inputs, first: 0, inputs })
    }

    fn one(all: Rows<'a>) -> Self {
        Self { all, pitch: all.rows(), first: 0, inputs: all.rows() }
    }

    pub(crate) fn term(&self, k: usize) -> Rows<'a> {
        self.all.slice(k * self.pitch + self.first, self.inputs)
    }

    pub(crate) fn rows(&self) -> usize {
        self.inputs
    }

    pub(crate) fn cols(&self) -> usize {
        self.all.cols()
    }

    /// Some of the inputs of every term.
    pub(crate) fn slice(self, first: usize, inputs: usize) -> Self {
        Self { first: self.first + first, inputs, ..self }
    }
}

/// A matrix on crossbars, as one product sees it.
#[derive(Clone, Copy)]
pub(crate) struct Crossbars<'a> {
    /// Inputs x outputs, in units of a full weight.
    pub weights: Terms<'a>,
    /// Variance of one read of each, in the same units squared.
    pub variances: Option<Terms<'a>>,
    /// What cells that do not obey Ohm's law do; their weights and variances have its terms.
    pub response: Option<&'a Response>,
    /// Where inputs and outputs are cut; of every output each slice has a column of its own.
    pub rows: &'a [Range<usize>],
    pub columns: &'a [Range<usize>],
    /// Strips of columns, one behind the other, that are slices of one crossbar.
    pub slices: usize,
    /// Digital factor of each row strip (row) and output (column).
    pub gains: Rows<'a>,
    /// Whether that factor is one number for each crossbar.
    pub gain_per_tile: bool,
    /// Summed conductance on each line that carries inputs, S: row 0 over everything, row `1 + i` over
    /// the crossbars of strip `i` of the other side; so many rows for each term.
    pub conductances: Rows<'a>,
    /// Whether inputs enter at the columns.
    pub transposed: bool,
    pub periphery: &'a Periphery,
    /// The converters behind the outputs; `None` where they are ideal or evenly spaced.
    pub converters: Option<Behind<'a>>,
    pub ranges: &'a Ranges,
    pub key: Key,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Crossbars<'_> {
    /// Input strips and output strips.
    pub(crate) fn strips(&self) -> (&[Range<usize>], &[Range<usize>]) {
        if self.transposed { (self.columns, self.rows) } else { (self.rows, self.columns) }
    }

    /// Values of an input sample and of an output sample.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let (rows, columns) = (self.weights.rows(), self.weights.cols());
        if self.transposed { (columns, rows) } else { (rows, columns) }
    }

    /// Number of the crossbar where two strips cross.
    pub(crate) fn tile(&self, into: usize, out: usize) -> usize {
        let (row, column) = if self.transposed { (out, into) } else { (into, out) };
        row * self.columns.len() + column
    }

    /// Whether the crossbars along one strip of inputs see the same voltages: not where each has its
    /// own noise on them, or its own digital factors in front.
    fn share_inputs(&self) -> bool {
        self.periphery.input.noise == 0.0 && (!self.transposed || self.gain_per_tile)
    }

    /// Samples that one thread takes at a time: enough work to be worth a task, and to share the cost of reordering
    /// the weights, which is larger for the transposed product. Results do not depend on it.
    fn chunk(&self) -> usize {
        let (inputs, outputs) = self.sizes();
        let products = if self.transposed { 1 << 26 } else { 1 << 25 };
        (products / (inputs * outputs).max(1)).next_multiple_of(16).clamp(64, 1 << 16)
    }

    /// Samples that go through all passes together: few enough for their values to stay in a second-level cache.
    fn near(&self) -> usize {
        let longest = self.strips().0.iter().map(Range::len).max().unwrap_or(0).max(self.sizes().1).max(1);
        let values = if self.transposed { 1 << 17 } else { 1 << 16 };
        (values / longest).next_multiple_of(16).clamp(64, 4096)
    }

    /// `y = x W`, or `y = x W^T`, of every sample; `y` is overwritten.
    pub(crate) fn product(&self, x: Rows, y: &mut RowsMut, first_sample: u64) -> Result<Tally, ArrayError> {
        let (inputs, outputs) = self.sizes();
        agree("inputs", inputs, x.cols())?;
        agree("outputs", outputs, y.cols())?;
        agree("samples of the output", x.rows(), y.rows())?;
        // A small batch is cut finer, so that every thread has its share, but not so fine that handing out a piece, or
        // reordering the weights for it, shows. By the batch alone: energy is rounded piece by piece, and no bit of
        // a result may depend on the number of threads.
        let worthwhile = ((1 << 21) / (inputs * outputs).max(1)).max(32);
        let share = x.rows().div_ceil(4).max(worthwhile).next_multiple_of(16);
        let size = self.chunk().min(share);
        let near = self.near();
        let one = |place: usize, y: &mut RowsMut| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut tally = Tally::default();
                let (mut place, mut rest) = (place, y.reborrow());
                while rest.rows() > 0 {
                    let at = near.min(rest.rows());
                    let (mut y, after) = rest.split_at(at);
                    tally += self.block_product(x.slice(place, at), &mut y, place, first_sample, scratch)?;
                    (place, rest) = (place + at, after);
                }
                Ok::<_, ArrayError>(tally)
            })
        };
        let mut tally = if x.rows() <= size {
            one(0, y)?
        } else {
            let mut parts = Vec::with_capacity(x.rows().div_ceil(size));
            let mut rest = y.reborrow();
            while rest.rows() > 0 {
                let place = x.rows() - rest.rows();
                let (part, after) = {
                    let at = size.min(rest.rows());
                    rest.split_at(at)
                };
                parts.push((place, part));
                rest = after;
            }
            let tallies = parts.into_par_iter().map(|(place, mut part)| one(place, &mut part));
            tallies.try_reduce(Tally::default, |a, b| Ok(a + b))?
        };
        tally.macs = x.rows() as u64 * inputs as u64 * outputs as u64 / self.slices as u64;
        Ok(tally)
    }

    fn block_product(
        &self,
        x: Rows,
        y: &mut RowsMut,
        place: usize,
        first_sample: u64,
        scratch: &mut Scratch,
    ) -> Result<Tally, ArrayError> {
        let (into, out) = self.strips();
        let mut tally = Tally::default();
        if into.is_empty() {
            (0..y.rows()).for_each(|r| y.row_mut(r).fill(0.0));
        }
        for (b, span) in into.iter().enumerate() {
            let batch = Batch { x: x.columns(span.start, span.len()), place, first_sample, samples: None };
            // Slices of a crossbar hang on the same word lines.
            let together = match (self.share_inputs(), self.transposed) {
                (true, _) => out.len().max(1),
                (false, true) => 1,
                (false, false) => self.slices,
            };
            for o in (0..out.len()).step_by(together) {
                self.strip(batch, y, b, o..o + together, scratch, &mut tally)?;
            }
        }
        Ok(tally)
    }

    /// One strip of inputs through the crossbars of output strips `outs`, repetitions included.
    fn strip(
        &self,
        batch: Batch,
        y: &mut RowsMut,
        b: usize,
        outs: Range<usize>,
        scratch: &mut Scratch,
        tally: &mut Tally,
    ) -> Result<(), ArrayError> {
        scratch.overflowed.clear();
        Pass { bars: self, b, outs: outs.clone(), attempt: 0 }.run(batch, y, scratch, tally)?;
        for attempt in 1..=self.periphery.output.repeats {
            let pending = std::mem::take(&mut scratch.overflowed);
            if pending.is_empty() {
                break;
            }
            for same_strip in pending.chunk_by(|a, b| a.0 == b.0) {
                let o = same_strip[0].0;
                let samples: Vec<usize> = same_strip.iter().map(|(_, sample)| *sample).collect();
                let gathered: Vec<f32> = samples.iter().flat_map(|&s| batch.x.row(s)).copied().collect();
                let x = Rows::new(&gathered, samples.len(), batch.x.cols())?;
                let again = Batch { x, samples: Some(&samples), ..batch };
                Pass { bars: self, b, outs: o..o + 1, attempt }.run(again, y, scratch, tally)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn agree(what: &'static str, expected: usize, found: usize) -> Result<(), ArrayError> {
    if expected == found { Ok(()) } else { Err(ArrayError::Shape { what, expected, found }) }
}

/// The analog product over weights that live elsewhere, as one crossbar with the chip's converters and noise:
/// `y = x W`. `weights` (inputs x outputs) are in units of a full weight (`g_max - g_min`), `variances`, if
/// given, in that unit squared; they are what each single read adds. The chip's device and tile size play no
/// part, and no energy is counted, since no conductances are known.
///
/// # Errors
/// Shapes that disagree, an input that is not finite (with its place), a chip whose ranges come from data or whose cells do
/// not obey Ohm's law.
pub fn product(
    weights: Rows,
    variances: Option<Rows>,
    chip: &ChipSpec,
    x: Rows,
    y: &mut RowsMut,
    key: Key,
    first_sample: u64,
) -> Result<Tally, ArrayError> {
    chip.check()?;
    if !chip.cells.are_linear() {
        let message =
            "weights that no cells hold have no currents that could depart from Ohm's law; leave it out";
        return Err(SettingError::value("cells", message).into());
    }
    let (inputs, outputs) = (weights.rows(), weights.cols());
    if let Some(variances) = variances {
        agree("inputs of the variances", inputs, variances.rows())?;
        agree("outputs of the variances", outputs, variances.cols())?;
    }
    let Some(ranges) = Ranges::fixed(chip, 1) else {
        let converter = if chip.dac.needs_calibration() { "DAC" } else { "ADC" };
        return Err(ArrayError::NotCalibrated { converter });
    };
    let (ones, zeros) = (vec![1.0; outputs], vec![0.0; 2 * inputs]);
    let converters = Converters::draw(chip, std::iter::once(outputs), key.child("adc", 0))?;
    let bars = Crossbars {
        weights: Terms::one(weights),
        variances: variances.map(Terms::one),
        response: None,
        rows: &cuts(inputs, inputs),
        columns: &cuts(outputs, outputs),
        slices: 1,
        gains: Rows::new(&ones, 1, outputs)?,
        gain_per_tile: true,
        conductances: Rows::new(&zeros, 2, inputs)?,
        transposed: false,
        periphery: &Periphery::new(chip),
        converters: converters.as_ref().map(Converters::behind),
        ranges: &ranges,
        key,
    };
    bars.product(x, y, first_sample)
}
