//! A matrix programmed into crossbars that age.

use std::ops::Range;
use std::sync::Arc;

use neurohm_num::{Key, Rows, RowsMut};
use rayon::prelude::*;

use crate::adc::Converters;
use crate::chip::DriftCompensation;
use crate::compensation::Baseline;
use crate::crossbar::{Crossbar, Held, LineSums, Reading, Targets, TermRows, rows_of_each};
use crate::error::finite;
use crate::gemm::{gemm, gemm_wt};
use crate::mapping::{Per, cuts};
use crate::product::{Crossbars, Periphery, Ranges, Terms, agree};
use crate::response::Response;
use crate::{ArrayError, ChipSpec, SarConverter, Tally, calibrate, kernel};

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
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
    /// Row strips outside; none on an exact chip, whose weights stay as they are.
    crossbars: Vec<Crossbar>,
    /// Digital factor of each row strip and output: its scale, and that divided by the drift compensation.
    scales: Vec<f32>,
    gains: Vec<f32>,
    /// What cells that do not obey Ohm's law do.
    response: Option<Arc<Response>>,
    /// What the cells hold as of the last read: inputs x outputs, in units of a full weight; one such matrix for each
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

impl AnalogMatrix {
    /// Programs `weights` (inputs x outputs) into the devices of `chip`; all randomness grows from `key`.
    ///
    /// # Errors
    /// A weight that is not finite, with its place; a chip or device out of range.
    pub fn program(weights: Rows, chip: &ChipSpec, key: Key) -> Result<Self, ArrayError> {
        chip.check()?;
        chip.device.validate()?;
        let (inputs, outputs) = (weights.rows(), weights.cols());
        let rows = cuts(inputs, chip.tile.rows as usize);
        let columns = cuts(outputs, chip.tile.columns as usize);
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
            crossbars: Vec::new(),
            scales: vec![1.0; rows.len() * outputs],
            gains: Vec::new(),
            response: Response::at_first(chip)?,
            weights: Vec::new(),
            variances: Vec::new(),
            on_rows: vec![0.0; (columns.len() + 1) * inputs],
            on_columns: vec![0.0; (rows.len() + 1) * outputs],
            forward_ranges: ranges.clone(),
            transposed_ranges: ranges,
            baseline: None,
            programmings: 0,
            was_read: false,
            events: Tally::default(),
            chip: chip.clone(),
            rows,
            columns,
        };
        if !chip.is_exact() {
            matrix.crossbars = matrix.blank()?;
        }
        matrix.reprogram(weights)?;
        Ok(matrix)
    }

    /// Programs other weights of the same shape into the same devices, now. Calibrated ranges stay as they are.
    ///
    /// # Errors
    /// Weights of another shape, or not finite.
    pub fn reprogram(&mut self, weights: Rows) -> Result<(), ArrayError> {
        agree("rows of the weights", self.inputs, weights.rows())?;
        agree("columns of the weights", self.outputs, weights.cols())?;
        finite("weight", weights)?;
        self.programmings += 1;
        self.was_read = false;
        self.events.cells_programmed += self.devices();
        if self.crossbars.is_empty() {
            self.weights = (0..self.inputs).flat_map(|r| weights.row(r)).copied().collect();
            self.was_read = true;
        } else {
            self.write(weights);
        }
        self.gains.clone_from(&self.scales);
        if self.chip.drift_compensation.probes() > 0 && !self.crossbars.is_empty() {
            self.take_baseline()?;
        }
        Ok(())
    }

    /// Every crossbar, not yet programmed.
    fn blank(&self) -> Result<Vec<Crossbar>, ArrayError> {
        let mut crossbars = Vec::with_capacity(self.tiles());
        for rows in &self.rows {
            for columns in &self.columns {
                let key = self.key.child("tile", crossbars.len() as u64);
                crossbars.push(Crossbar::new(&self.chip, rows.len(), columns.len(), key)?);
            }
        }
        Ok(crossbars)
    }

    /// Chooses the scales and programs every crossbar.
    fn write(&mut self, weights: Rows) {
        let outputs = self.outputs;
        let part = |rows: &Range<usize>, columns: &Range<usize>| {
            weights.slice(rows.start, rows.len()).columns(columns.start, columns.len())
        };
        for (strip, rows) in self.rows.iter().enumerate() {
            for columns in &self.columns {
                let scales = &mut self.scales[strip * outputs..][columns.clone()];
                self.chip.mapping.choose_scales(part(rows, columns), scales);
            }
        }
        let Self { rows, columns, scales, crossbars, .. } = self;
        crossbars.par_iter_mut().enumerate().for_each(|(tile, crossbar)| {
            let (strip, columns) = (tile / columns.len(), &columns[tile % columns.len()]);
            crossbar.program(part(&rows[strip], columns), &scales[strip * outputs..][columns.clone()]);
        });
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
        let Self { rows, columns, crossbars, weights, variances, .. } = self;
        let readings: Vec<_> = crossbars.iter_mut().map(Crossbar::observe).collect();
        let size = self.inputs * self.outputs;
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
        let size = self.inputs * self.outputs;
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
        let terms = self.terms();
        let Self { rows, columns, .. } = self;
        let (on_row_lines, on_column_lines) = (columns.len() + 1, rows.len() + 1);
        self.on_rows.clear();
        self.on_rows.resize(terms * on_row_lines * self.inputs, 0.0);
        self.on_columns.clear();
        self.on_columns.resize(terms * on_column_lines * self.outputs, 0.0);
        for (tile, sums) in sums.into_iter().enumerate() {
            let (r, c) = (tile / columns.len(), tile % columns.len());
            for (k, sums) in sums.into_iter().enumerate() {
                for line in [0, 1 + c].map(|line| k * on_row_lines + line) {
                    let on_rows = &mut self.on_rows[line * self.inputs..][rows[r].clone()];
                    on_rows.iter_mut().zip(&sums.rows).for_each(|(sum, g)| *sum += g);
                }
                for line in [0, 1 + r].map(|line| k * on_column_lines + line) {
                    let on_columns = &mut self.on_columns[line * self.outputs..][columns[c].clone()];
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

    /// Sets the converters' ranges of [`forward`](Self::forward) from typical inputs, where the chip says that
    /// they come from data. Noise is not part of it.
    ///
    /// # Errors
    /// Inputs of another width, or not finite; cells that were never read.
    pub fn calibrate(&mut self, inputs: Rows) -> Result<(), ArrayError> {
        agree("inputs", self.inputs, inputs.cols())?;
        self.forward_ranges = Some(self.ranges_from(inputs, false)?);
        Ok(())
    }

    /// As [`calibrate`](Self::calibrate), for [`transpose`](Self::transpose).
    ///
    /// # Errors
    /// As there.
    pub fn calibrate_transposed(&mut self, inputs: Rows) -> Result<(), ArrayError> {
        agree("transposed inputs", self.outputs, inputs.cols())?;
        self.transposed_ranges = Some(self.ranges_from(inputs, true)?);
        Ok(())
    }

    fn ranges_from(&self, inputs: Rows, transposed: bool) -> Result<Ranges, ArrayError> {
        if !self.was_read {
            return Err(ArrayError::NotRead);
        }
        if self.crossbars.is_empty() {
            return Ok(Ranges::NONE);
        }
        calibrate::ranges(&self.view(transposed, &Ranges::NONE)?, &self.chip, inputs)
    }

    /// `y = x W` through the crossbars: `x` is samples x inputs, `y` samples x outputs. The first row of `x` is
    /// sample number `first_sample`.
    ///
    /// # Errors
    /// Shapes that disagree, an input that is not finite (with its place), cells that were never read, ranges
    /// that were never calibrated.
    pub fn forward(&self, x: Rows, y: &mut RowsMut, first_sample: u64) -> Result<Tally, ArrayError> {
        self.product(false, x, y, first_sample)
    }

    /// `x = d W^T` through the same crossbars from their other side: `d` is samples x outputs, `x` samples x
    /// inputs.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn transpose(&self, d: Rows, x: &mut RowsMut, first_sample: u64) -> Result<Tally, ArrayError> {
        self.product(true, d, x, first_sample)
    }

    fn product(&self, transposed: bool, x: Rows, y: &mut RowsMut, first: u64) -> Result<Tally, ArrayError> {
        if !self.was_read {
            return Err(ArrayError::NotRead);
        }
        if self.crossbars.is_empty() {
            return self.exact_product(transposed, x, y);
        }
        let ranges = if transposed { &self.transposed_ranges } else { &self.forward_ranges };
        let Some(ranges) = ranges else {
            let converter = if self.chip.dac.needs_calibration() { "DAC" } else { "ADC" };
            return Err(ArrayError::NotCalibrated { converter });
        };
        self.view(transposed, ranges)?.product(x, y, first)
    }

    /// The plain product of an exact chip: conversions are counted, no energy is.
    fn exact_product(&self, transposed: bool, x: Rows, y: &mut RowsMut) -> Result<Tally, ArrayError> {
        let (into, out) = if transposed { (self.outputs, self.inputs) } else { (self.inputs, self.outputs) };
        agree("inputs", into, x.cols())?;
        agree("outputs", out, y.cols())?;
        agree("samples of the output", x.rows(), y.rows())?;
        finite("input", x)?;
        let w = Rows::new(&self.weights, self.inputs, self.outputs)?;
        if transposed {
            gemm_wt(x, w, y, 0.0)
        } else {
            gemm(x, w, y, 0.0)
        }
        let (samples, into, out) = (x.rows() as u64, into as u64, out as u64);
        let (strips_in, strips_out) = (self.rows.len() as u64, self.columns.len() as u64);
        let (strips_in, strips_out) =
            if transposed { (strips_out, strips_in) } else { (strips_in, strips_out) };
        Ok(Tally {
            macs: samples * into * out,
            dac_conversions: samples * into * strips_out,
            adc_conversions: samples * out * strips_in,
            cell_reads: samples * self.devices(),
            digital_adds: samples * out * strips_in.saturating_sub(1),
            ..Tally::default()
        })
    }

    /// The crossbars as a product sees them, from one side.
    fn view<'a>(&'a self, transposed: bool, ranges: &'a Ranges) -> Result<Crossbars<'a>, ArrayError> {
        let (lines, width) =
            if transposed { (&self.on_columns, self.outputs) } else { (&self.on_rows, self.inputs) };
        if transposed && !self.chip.cells.both_ways() {
            return Err(ArrayError::OneWay);
        }
        let variances = (!self.variances.is_empty()).then_some(&self.variances);
        Ok(Crossbars {
            weights: Terms::new(&self.weights, self.inputs, self.outputs)?,
            variances: variances.map(|v| Terms::new(v, self.inputs, self.outputs)).transpose()?,
            response: self.response.as_deref(),
            rows: &self.rows,
            columns: &self.columns,
            gains: Rows::new(&self.gains, self.rows.len(), self.outputs)?,
            gain_per_tile: self.chip.mapping.per == Per::Tile
                && !matches!(self.chip.drift_compensation, DriftCompensation::PerColumn { .. }),
            conductances: Rows::new(lines, lines.len() / width.max(1), width)?,
            transposed,
            periphery: &self.periphery,
            converters: self.converters[usize::from(transposed)].as_ref().map(Converters::behind),
            ranges,
            key: self.key.child("product", u64::from(transposed)),
        })
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
        let full = self.periphery.input.largest_code.unwrap_or(1.0);
        let parts = self.response.as_ref().map(|response| response.at_full(full));
        let mut held = vec![0.0; self.outputs];
        for (strip, rows) in self.rows.iter().enumerate() {
            for r in rows.clone() {
                let gains = &self.gains[strip * self.outputs..][..self.outputs];
                let row = &self.weights[r * self.outputs..][..self.outputs];
                let Some(parts) = &parts else {
                    kernel::multiply(row, gains, out.row_mut(r));
                    continue;
                };
                for (k, part) in parts.iter().enumerate() {
                    let term = &self.weights[(k * self.inputs + r) * self.outputs..][..self.outputs];
                    kernel::add_scaled(term, *part, k > 0, &mut held);
                }
                kernel::multiply(&held, gains, out.row_mut(r));
            }
        }
        Ok(())
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
    /// Outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
    /// Devices.
    pub fn devices(&self) -> u64 {
        devices(&self.chip, self.inputs, self.outputs)
    }
    /// Crossbars.
    pub fn tiles(&self) -> usize {
        self.rows.len() * self.columns.len()
    }
    /// Where inputs and outputs are cut into crossbars.
    pub fn cuts(&self) -> (&[Range<usize>], &[Range<usize>]) {
        (&self.rows, &self.columns)
    }
    /// The converter behind an output's column in the crossbars of a strip of inputs, where the chip's converters differ.
    pub fn converter(&self, strip: usize, output: usize) -> Option<&SarConverter> {
        let column = self.columns.iter().position(|columns| columns.contains(&output))?;
        let tile = (strip < self.rows.len()).then_some(strip * self.columns.len() + column)?;
        Some(self.converters[0].as_ref()?.of(tile, output - self.columns[column].start))
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

fn devices(chip: &ChipSpec, inputs: usize, outputs: usize) -> u64 {
    inputs as u64 * outputs as u64 * 2 * u64::from(chip.mapping.devices_per_polarity)
}
