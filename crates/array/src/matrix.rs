//! A matrix programmed into crossbars that age.

use std::ops::Range;
use std::sync::Arc;

use neurohm_num::{Key, Rows, RowsMut};
use rayon::prelude::*;

use crate::adc::Converters;
use crate::compensation::Baseline;
use crate::crossbar::{Crossbar, Held, LineSums, Reading, Targets, TermRows, rows_of_each};
use crate::error::finite;
use crate::mapping::{Bias, cuts};
use crate::product::{Periphery, Ranges, agree};
use crate::response::Response;
use crate::{ArrayError, ChipSpec, SarConverter, Tally, kernel};

mod products;
mod write;

/// Weights (inputs x outputs) in the cells of crossbars.
///
/// Life of one: [`program`](Self::program), [`advance`](Self::advance) time, [`read`](Self::read) the cells,
/// [`calibrate`](Self::calibrate) where the chip's ranges come from data, then any number of products. A product
/// sees the cells as they were at the last read. Samples are known by their ordinal: noise of a sample does not
/// depend on the batch it comes in, nor on the thread.
#[derive(Clone, Debug)]
pub struct AnalogMatrix {
    chip: ChipSpec,
    periphery: Periphery,
    /// Behind the columns and, for the transposed product, behind the rows; `None` where they do not differ.
    converters: [Option<Converters>; 2],
    key: Key,
    inputs: usize,
    outputs: usize,
    /// The word line of the biases, where there are any on devices: behind the inputs.
    bias: Option<BiasLine>,
    rows: Vec<Range<usize>>,
    /// The same without the biases' line.
    input_rows: Vec<Range<usize>>,
    /// Strips of columns: where slices have converters of their own, those of each slice of a crossbar, one behind the other.
    columns: Vec<Range<usize>>,
    /// Strips of outputs, one a crossbar.
    output_columns: Vec<Range<usize>>,
    /// Row strips outside; none on an exact chip, whose weights stay as they are.
    crossbars: Vec<Crossbar>,
    /// Digital factor of each row strip and column: its scale times what its slice is worth, and that divided by the drift
    /// compensation.
    scales: Vec<f32>,
    gains: Vec<f32>,
    /// What cells that do not obey Ohm's law do.
    response: Option<Arc<Response>>,
    /// What the cells hold as of the last read: word lines x columns, in units of a full weight; one such matrix for each
    /// term of the cells' response.
    weights: Vec<f32>,
    /// Variance of one read of it; empty where none is redrawn.
    variances: Vec<f32>,
    /// Summed conductance on row and column lines, see [`Crossbars::conductances`].
    on_rows: Vec<f32>,
    on_columns: Vec<f32>,
    forward_ranges: Option<Ranges>,
    transposed_ranges: Option<Ranges>,
    baseline: Option<Baseline>,
    programmings: u64,
    was_read: bool,
    events: Tally,
}

/// A word line at a constant input, whose cells hold biases.
#[derive(Clone, Debug)]
struct BiasLine {
    /// The input, in units of the others.
    input: f32,
    /// The biases as they were asked for.
    values: Vec<f32>,
}

impl AnalogMatrix {
    /// Programs `weights` (inputs x outputs) into the devices of `chip`; all randomness grows from `key`.
    ///
    /// # Errors
    /// A weight that is not finite, with its place; a chip or device out of range.
    pub fn program(weights: Rows, chip: &ChipSpec, key: Key) -> Result<Self, ArrayError> {
        Self::program_with_bias(weights, None, chip, key)
    }

    /// As [`program`](Self::program), with a bias for each output. Where the chip keeps biases on devices
    /// ([`Bias::WordLine`]) they take a word line behind those of the inputs, and products contain them
    /// ([`holds_bias`](Self::holds_bias)); elsewhere they are left to the digital side.
    ///
    /// # Errors
    /// As there, and biases of another number than outputs.
    pub fn program_with_bias(
        weights: Rows,
        bias: Option<&[f32]>,
        chip: &ChipSpec,
        key: Key,
    ) -> Result<Self, ArrayError> {
        chip.check()?;
        chip.device.validate()?;
        let (inputs, outputs) = (weights.rows(), weights.cols());
        let bias = match chip.mapping.bias {
            Bias::WordLine { input } => {
                bias.map(|values| BiasLine { input: input as f32, values: values.to_vec() })
            }
            Bias::Digital {} => None,
        };
        let word_lines = inputs + usize::from(bias.is_some());
        let rows = cuts(word_lines, chip.tile.rows as usize);
        let input_rows = rows.iter().map(|r| r.start..r.end.min(inputs)).filter(|r| !r.is_empty()).collect();
        let output_columns = cuts(outputs, chip.tile.columns as usize);
        let columns = side_by_side(&output_columns, chip.mapping.conversions_per_output() as usize);
        let width = columns.last().map_or(0, |c| c.end);
        let ranges = Ranges::fixed(chip, rows.len() * columns.len());
        // One crossbar after the other, row strips outside.
        let behind_columns = rows.iter().flat_map(|_| columns.iter().map(Range::len));
        let behind_rows = rows.iter().flat_map(|strip| columns.iter().map(|_| strip.len()));
        let converters = [
            Converters::draw(chip, behind_columns, key.child("adc", 0))?,
            Converters::draw(chip, behind_rows, key.child("adc", 1))?,
        ];
        let mut matrix = Self {
            periphery: Periphery::new(chip),
            converters,
            key,
            inputs,
            outputs,
            bias,
            crossbars: Vec::new(),
            scales: vec![1.0; rows.len() * width],
            gains: Vec::new(),
            response: Response::at_first(chip)?,
            weights: Vec::new(),
            variances: Vec::new(),
            on_rows: vec![0.0; (columns.len() + 1) * word_lines],
            on_columns: vec![0.0; (rows.len() + 1) * width],
            forward_ranges: ranges.clone(),
            transposed_ranges: ranges,
            baseline: None,
            programmings: 0,
            was_read: false,
            events: Tally::default(),
            chip: chip.clone(),
            rows,
            input_rows,
            columns,
            output_columns,
        };
        if !chip.is_exact() {
            matrix.crossbars = matrix.blank()?;
            if chip.remap().is_some() {
                // Stuck cells were looked for.
                matrix.events.cells_programmed += 2 * matrix.devices();
            }
        }
        matrix.reprogram(weights)?;
        Ok(matrix)
    }

    /// Programs other weights of the same shape into the same devices, now, and the same biases where devices hold them.
    /// Calibrated ranges stay as they are.
    ///
    /// # Errors
    /// Weights of another shape, or not finite.
    pub fn reprogram(&mut self, weights: Rows) -> Result<(), ArrayError> {
        agree("rows of the weights", self.inputs, weights.rows())?;
        agree("columns of the weights", self.outputs, weights.cols())?;
        finite("weight", weights)?;
        if let Some(bias) = &self.bias {
            agree("biases", self.outputs, bias.values.len())?;
            finite("bias", Rows::new(&bias.values, 1, self.outputs)?)?;
        }
        self.programmings += 1;
        self.was_read = false;
        self.events.cells_programmed += self.devices();
        if self.crossbars.is_empty() {
            self.weights = (0..self.inputs).flat_map(|r| weights.row(r)).copied().collect();
            self.was_read = true;
        } else {
            self.write(weights)?;
        }
        self.gains.clone_from(&self.scales);
        if self.chip.drift_compensation.probes() > 0 && !self.crossbars.is_empty() {
            self.take_baseline()?;
        }
        Ok(())
    }

    /// Lets `dt_s` seconds pass, in an instant.
    ///
    /// # Errors
    /// A time that is negative or not finite.
    pub fn advance(&mut self, dt_s: f64) -> Result<(), ArrayError> {
        self.crossbars.iter_mut().try_for_each(|crossbar| crossbar.advance(dt_s))
    }

    /// Wears every device by so many cycles of SET and RESET at once, as its endurance has it; each programming is one
    /// cycle by itself.
    ///
    /// # Errors
    /// A number of cycles that is negative or not finite.
    pub fn wear(&mut self, cycles: f64) -> Result<(), ArrayError> {
        self.was_read = false;
        self.crossbars.iter_mut().try_for_each(|crossbar| crossbar.wear(cycles))
    }

    /// Devices that are stuck: faulty from the beginning, or worn out.
    pub fn stuck(&self) -> u64 {
        self.crossbars.iter().map(|crossbar| crossbar.stuck() as u64).sum()
    }

    /// From now on its devices are at `t_k` kelvin; they are made at room temperature. Only a retention with an
    /// activation energy follows it.
    ///
    /// # Errors
    /// A temperature out of range.
    pub fn set_temperature(&mut self, t_k: f64) -> Result<(), ArrayError> {
        self.crossbars.iter_mut().try_for_each(|crossbar| crossbar.set_temperature(t_k))
    }

    /// Reads all cells as they are now: what products until the next read see. Where the chip compensates
    /// drift, its probes are read too, and counted in [`events`](Self::events).
    ///
    /// # Errors
    /// Lines that cannot be solved.
    pub fn read(&mut self) -> Result<(), ArrayError> {
        self.refresh()?;
        let Some(mut baseline) = self.baseline.take() else { return Ok(()) };
        let mut tally = Tally::default();
        let factors = self.view(false, &Ranges::NONE).and_then(|bars| baseline.factors(&bars, &mut tally));
        self.baseline = Some(baseline);
        for ((gain, scale), factor) in self.gains.iter_mut().zip(&self.scales).zip(factors?) {
            *gain = scale / factor;
        }
        self.events += tally;
        Ok(())
    }

    /// Observes the cells and updates what follows from them.
    ///
    /// # Errors
    /// Lines that cannot be solved.
    fn refresh(&mut self) -> Result<(), ArrayError> {
        if self.crossbars.is_empty() || (self.was_read && self.chip.stays()) {
            self.was_read = true;
            return Ok(());
        }
        self.was_read = true;
        if self.response.is_some() {
            return self.refresh_curved();
        }
        let size = self.word_lines() * self.width();
        let Self { rows, columns, crossbars, weights, variances, .. } = self;
        let readings: Vec<_> = crossbars.iter_mut().map(Crossbar::observe).collect();
        weights.resize(size, 0.0);
        variances.resize(if readings.iter().any(Reading::has_variance) { size } else { 0 }, 0.0);
        let weights = rows_of_each(weights, rows, columns);
        let variances = rows_of_each(variances, rows, columns);
        let targets =
            weights.into_iter().zip(variances).map(|(weights, variances)| Targets { weights, variances });
        let work: Vec<_> = readings.into_iter().zip(targets).collect();
        let read = work.into_par_iter().map(|(reading, targets)| reading.read(targets));
        let sums = read.collect::<Result<Vec<_>, _>>()?;
        self.sum_lines(sums.into_iter().map(|sums| vec![sums]).collect());
        Ok(())
    }

    /// The same of cells that do not obey Ohm's law.
    fn refresh_curved(&mut self) -> Result<(), ArrayError> {
        let size = self.word_lines() * self.width();
        let Self { rows, columns, crossbars, weights, variances, .. } = self;
        let readings: Vec<_> = crossbars.iter_mut().map(Crossbar::observe).collect();
        let noisy = readings.iter().any(Reading::has_variance);
        let strips = rows.iter().flat_map(|rows| columns.iter().map(|_| rows.len()));
        let work: Vec<_> = readings.into_iter().zip(strips).collect();
        let held: Vec<Held> =
            work.into_par_iter().map(|(reading, rows)| reading.conductances(rows)).collect();
        let largest = f64::from(held.iter().map(Held::largest).fold(0.0, f32::max));
        // A cell that conducts more than was thought of needs another expansion, and noise one of its own.
        let fits =
            self.response.as_ref().is_some_and(|r| r.top_s >= largest && (r.noise.is_some() || !noisy));
        if !fits {
            self.response = Response::of(&self.chip, largest, noisy)?;
        }
        let Some(response) = &self.response else { return Ok(()) };
        weights.resize(response.current.terms() * size, 0.0);
        variances.resize(if noisy { response.noise_terms() * size } else { 0 }, 0.0);
        let mut parts: Vec<(TermRows, TermRows)> = held.iter().map(|_| Default::default()).collect();
        for term in weights.chunks_exact_mut(size.max(1)) {
            let tiles = rows_of_each(term, rows, columns);
            parts.iter_mut().zip(tiles).for_each(|(part, tile)| part.0.push(tile));
        }
        for term in variances.chunks_exact_mut(size.max(1)) {
            let tiles = rows_of_each(term, rows, columns);
            parts.iter_mut().zip(tiles).for_each(|(part, tile)| part.1.push(tile));
        }
        let work: Vec<_> = held.into_iter().zip(parts).collect();
        let sums = work
            .into_par_iter()
            .map(|(held, (weights, variances))| held.respond(response, weights, variances))
            .collect();
        self.sum_lines(sums);
        Ok(())
    }

    /// Terms of what a cell does.
    fn terms(&self) -> usize {
        self.response.as_ref().map_or(1, |response| response.current.terms())
    }

    /// Sums conductances on lines, from those of every crossbar and term.
    fn sum_lines(&mut self, sums: Vec<Vec<LineSums>>) {
        let (terms, word_lines, width) = (self.terms(), self.word_lines(), self.width());
        let Self { rows, columns, .. } = self;
        let (on_row_lines, on_column_lines) = (columns.len() + 1, rows.len() + 1);
        self.on_rows.clear();
        self.on_rows.resize(terms * on_row_lines * word_lines, 0.0);
        self.on_columns.clear();
        self.on_columns.resize(terms * on_column_lines * width, 0.0);
        for (tile, sums) in sums.into_iter().enumerate() {
            let (r, c) = (tile / columns.len(), tile % columns.len());
            for (k, sums) in sums.into_iter().enumerate() {
                for line in [0, 1 + c].map(|line| k * on_row_lines + line) {
                    let on_rows = &mut self.on_rows[line * word_lines..][rows[r].clone()];
                    on_rows.iter_mut().zip(&sums.rows).for_each(|(sum, g)| *sum += g);
                }
                for line in [0, 1 + r].map(|line| k * on_column_lines + line) {
                    let on_columns = &mut self.on_columns[line * width..][columns[c].clone()];
                    on_columns.iter_mut().zip(&sums.columns).for_each(|(sum, g)| *sum += g);
                }
            }
        }
    }

    /// Reads the probes of drift compensation right after programming.
    fn take_baseline(&mut self) -> Result<(), ArrayError> {
        self.refresh()?;
        let mut tally = Tally::default();
        let bars = self.view(false, &Ranges::NONE)?;
        self.baseline = Some(Baseline::take(&bars, &self.chip, self.programmings, &mut tally)?);
        self.events += tally;
        Ok(())
    }

    /// The weights that the crossbars hold as of the last read, scales and drift compensation included; of cells that do
    /// not obey Ohm's law those at full voltage.
    ///
    /// # Errors
    /// An `out` of another shape than inputs x outputs; cells that were never read.
    pub fn weights(&self, out: &mut RowsMut) -> Result<(), ArrayError> {
        agree("inputs", self.inputs, out.rows())?;
        agree("outputs", self.outputs, out.cols())?;
        if !self.was_read {
            return Err(ArrayError::NotRead);
        }
        for (strip, rows) in self.input_rows.iter().enumerate() {
            self.held(strip, rows.clone(), |r, row| out.row_mut(r).copy_from_slice(row));
        }
        Ok(())
    }

    /// The biases that devices hold as of the last read, as [`weights`](Self::weights) are.
    ///
    /// # Errors
    /// An `out` of another length than there are outputs; biases that are not on devices; cells that were never read.
    pub fn bias(&self, out: &mut [f32]) -> Result<(), ArrayError> {
        let Some(bias) = &self.bias else { return Err(ArrayError::DigitalBias) };
        agree("outputs", self.outputs, out.len())?;
        if !self.was_read {
            return Err(ArrayError::NotRead);
        }
        if self.crossbars.is_empty() {
            out.copy_from_slice(&bias.values);
        } else {
            self.held(self.rows.len() - 1, self.inputs..self.inputs + 1, |_, row| {
                out.iter_mut().zip(row).for_each(|(out, w)| *out = w * bias.input);
            });
        }
        Ok(())
    }

    /// Hands what some word lines of a strip hold to `take`, with the word line's number.
    fn held(&self, strip: usize, lines: Range<usize>, mut take: impl FnMut(usize, &[f32])) {
        let full = self.periphery.input.full_code();
        let parts = self.response.as_ref().map(|response| response.at_full(full));
        let width = self.width();
        let gains = &self.gains[strip * width..][..width];
        let (mut sum, mut scaled) = (vec![0.0; width], vec![0.0; width]);
        let mut whole = vec![0.0; self.outputs];
        for r in lines {
            let row = &self.weights[r * width..][..width];
            if let Some(parts) = &parts {
                for (k, part) in parts.iter().enumerate() {
                    let term = &self.weights[(k * self.word_lines() + r) * width..][..width];
                    kernel::add_scaled(term, *part, k > 0, &mut sum);
                }
                kernel::multiply(&sum, gains, &mut scaled);
            } else {
                kernel::multiply(row, gains, &mut scaled);
            }
            self.add_slices(&scaled, &mut whole);
            take(r, &whole);
        }
    }

    /// Of cells that do not obey Ohm's law: how many products of matrices stand for one, and how much of a cell's current
    /// they miss at most, as a part of that of the largest conductance at full voltage.
    pub fn expansion(&self) -> Option<(usize, f64)> {
        self.response.as_ref().map(|response| (response.current.terms(), response.current.left))
    }

    /// Inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }
    /// Word lines: one for each input, and one for the biases where devices hold them.
    fn word_lines(&self) -> usize {
        self.inputs + usize::from(self.bias.is_some())
    }
    /// Strips of columns that a strip of outputs has: one for each slice with converters of its own.
    fn slices(&self) -> usize {
        (self.columns.len() / self.output_columns.len().max(1)).max(1)
    }
    /// Columns of all slices.
    fn width(&self) -> usize {
        self.columns.last().map_or(0, |c| c.end)
    }
    /// Whether products contain the biases, because devices hold them.
    pub fn holds_bias(&self) -> bool {
        self.bias.is_some()
    }
    /// Outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
    /// Devices.
    pub fn devices(&self) -> u64 {
        // Each crossbar has its spare columns.
        let spare = self.chip.spare_columns() as usize * self.output_columns.len();
        let weights = self.word_lines() as u64 * (self.outputs + spare) as u64;
        weights * u64::from(self.chip.mapping.devices_per_weight())
    }
    /// Crossbars.
    pub fn tiles(&self) -> usize {
        self.rows.len() * self.output_columns.len()
    }
    /// Where word lines (of the inputs, and of the biases where devices hold them) and outputs are cut into crossbars.
    pub fn cuts(&self) -> (&[Range<usize>], &[Range<usize>]) {
        (&self.rows, &self.output_columns)
    }
    /// The converter behind an output's column in the crossbars of a strip of inputs, where the chip's converters differ; of
    /// slices with converters of their own that of the most significant one.
    pub fn converter(&self, strip: usize, output: usize) -> Option<&SarConverter> {
        let place = self.output_columns.iter().position(|columns| columns.contains(&output))?;
        let column = place * self.slices();
        let tile = (strip < self.rows.len()).then_some(strip * self.columns.len() + column)?;
        Some(self.converters[0].as_ref()?.of(tile, output - self.output_columns[place].start))
    }
    /// What was counted outside of products: programming and the reads of drift compensation.
    pub fn events(&self) -> Tally {
        self.events
    }
    /// Bytes of memory that it holds for its devices and what follows from them.
    pub fn bytes(&self) -> usize {
        let floats = [
            self.scales.len(),
            self.gains.len(),
            self.weights.len(),
            self.variances.len(),
            self.on_rows.len(),
            self.on_columns.len(),
            self.baseline.as_ref().map_or(0, Baseline::floats),
            self.response.as_deref().map_or(0, Response::floats),
        ];
        self.crossbars.iter().map(Crossbar::bytes).sum::<usize>() + 4 * floats.iter().sum::<usize>()
    }
}

/// Strips of columns for so many slices of each strip of outputs.
fn side_by_side(outputs: &[Range<usize>], slices: usize) -> Vec<Range<usize>> {
    let each = outputs.iter().flat_map(|o| (0..slices).map(move |k| (o, k)));
    each.map(|(o, k)| {
        let first = o.start * slices + k * o.len();
        first..first + o.len()
    })
    .collect()
}
