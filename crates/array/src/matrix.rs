//! A matrix programmed into crossbars that age.

use std::cell::Cell;
use std::ops::Range;

use neurohm_device::CellArray;
use neurohm_num::{Key, Rows, RowsMut};
use rayon::prelude::*;

use crate::chip::{DriftCompensation, ReadNoise};
use crate::compensation::Baseline;
use crate::error::finite;
use crate::gemm::{gemm, gemm_wt};
use crate::mapping::{Per, cuts};
use crate::product::{Crossbars, Periphery, Ranges, agree};
use crate::{ArrayError, ChipSpec, Tally, calibrate, kernel};

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
    key: Key,
    inputs: usize,
    outputs: usize,
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
    /// Planes of every crossbar; none on an exact chip, whose weights stay as they are.
    tiles: Vec<Vec<Plane>>,
    /// Digital factor of each row strip and output: its scale, and that divided by the drift compensation.
    scales: Vec<f32>,
    gains: Vec<f32>,
    /// What the cells hold as of the last read: inputs x outputs, in units of a full weight.
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

/// One of the device arrays whose weighted sum is a weight: `w = sum sign significance G / (g_max - g_min)`.
#[derive(Clone, Debug)]
struct Plane {
    sign: f32,
    significance: f32,
    cells: CellArray,
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
        let mut matrix = Self {
            periphery: Periphery::new(chip),
            key,
            inputs,
            outputs,
            tiles: Vec::new(),
            scales: vec![1.0; rows.len() * outputs],
            gains: Vec::new(),
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
            matrix.tiles = matrix.blank()?;
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
        if self.tiles.is_empty() {
            self.weights = (0..self.inputs).flat_map(|r| weights.row(r)).copied().collect();
            self.was_read = true;
        } else {
            self.write(weights)?;
        }
        self.gains.clone_from(&self.scales);
        if self.chip.drift_compensation.probes() > 0 && !self.tiles.is_empty() {
            self.take_baseline()?;
        }
        Ok(())
    }

    /// The planes of every crossbar, not yet programmed.
    fn blank(&self) -> Result<Vec<Vec<Plane>>, ArrayError> {
        let window_s = match self.chip.read.noise {
            ReadNoise::Frozen {} => None,
            ReadNoise::Split { window_s } => Some(window_s),
        };
        let polarities = self.chip.mapping.devices_per_polarity;
        let mut tiles = Vec::with_capacity(self.tiles());
        for (r, rows) in self.rows.iter().enumerate() {
            for (c, columns) in self.columns.iter().enumerate() {
                let key = self.key.child("tile", (r * self.columns.len() + c) as u64);
                let plane = |number: u32| {
                    let key = key.child("plane", number.into());
                    let mut cells = CellArray::new(&self.chip.device.cell, rows.len() * columns.len(), key)?;
                    cells.set_read_window(window_s);
                    let sign = if number.is_multiple_of(2) { 1.0 } else { -1.0 };
                    Ok(Plane { sign, significance: 1.0 / polarities as f32, cells })
                };
                tiles.push((0..2 * polarities).map(plane).collect::<Result<_, ArrayError>>()?);
            }
        }
        Ok(tiles)
    }

    /// Chooses the scales and programs every plane of every crossbar.
    fn write(&mut self, weights: Rows) -> Result<(), ArrayError> {
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
        let Self { rows, columns, scales, tiles, .. } = self;
        let cell = &self.chip.device.cell;
        let (g_min, g_max) = (cell.g_min_s as f32, cell.g_max_s as f32);
        tiles.par_iter_mut().enumerate().try_for_each(|(tile, planes)| {
            let (strip, columns) = (tile / columns.len(), &columns[tile % columns.len()]);
            let part = part(&rows[strip], columns);
            let scales = &scales[strip * outputs..][columns.clone()];
            planes.par_iter_mut().try_for_each(|plane| {
                with_buffer(part.rows() * part.cols(), |targets| {
                    for (r, targets) in targets.chunks_exact_mut(part.cols()).enumerate() {
                        kernel::targets(part.row(r), scales, plane.sign, g_min, g_max, targets);
                    }
                    plane.cells.program(targets)
                })
            })
        })?;
        Ok(())
    }

    /// Lets `dt_s` seconds pass, in an instant.
    ///
    /// # Errors
    /// A time that is negative or not finite.
    pub fn advance(&mut self, dt_s: f64) -> Result<(), ArrayError> {
        for plane in self.tiles.iter_mut().flatten() {
            plane.cells.advance(dt_s)?;
        }
        Ok(())
    }

    /// Reads all cells as they are now: what products until the next read see. Where the chip compensates
    /// drift, its probes are read too, and counted in [`events`](Self::events).
    ///
    /// # Errors
    /// None but what the cells report.
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
    fn refresh(&mut self) -> Result<(), ArrayError> {
        self.was_read = true;
        if self.tiles.is_empty() {
            return Ok(());
        }
        self.weights.resize(self.inputs * self.outputs, 0.0);
        let range = (self.chip.device.cell.g_max_s - self.chip.device.cell.g_min_s) as f32;
        let columns = &self.columns;
        let targets = tiles_of(&mut self.weights, &self.rows, columns);
        let work = self.tiles.par_iter_mut().zip(targets);
        let sums =
            work.map(|(planes, target)| read_tile(planes, target, range)).collect::<Result<Vec<_>, _>>()?;
        self.on_rows.fill(0.0);
        self.on_columns.fill(0.0);
        for (tile, (row_sums, column_sums)) in sums.into_iter().enumerate() {
            let (r, c) = (tile / columns.len(), tile % columns.len());
            for line in [0, 1 + c] {
                let sums = &mut self.on_rows[line * self.inputs..][self.rows[r].clone()];
                sums.iter_mut().zip(&row_sums).for_each(|(sum, g)| *sum += g);
            }
            for line in [0, 1 + r] {
                let sums = &mut self.on_columns[line * self.outputs..][columns[c].clone()];
                sums.iter_mut().zip(&column_sums).for_each(|(sum, g)| *sum += g);
            }
        }
        if self.tiles.iter().flatten().any(|plane| plane.cells.has_read_variance()) {
            self.variances.resize(self.inputs * self.outputs, 0.0);
            let targets = tiles_of(&mut self.variances, &self.rows, columns);
            let work = self.tiles.par_iter().zip(targets);
            work.map(|(planes, target)| read_variances(planes, target, range)).collect::<Result<(), _>>()?;
        } else {
            self.variances.clear();
        }
        Ok(())
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
        if self.tiles.is_empty() {
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
        if self.tiles.is_empty() {
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
        let variances = (!self.variances.is_empty()).then_some(&self.variances);
        Ok(Crossbars {
            weights: Rows::new(&self.weights, self.inputs, self.outputs)?,
            variances: variances.map(|v| Rows::new(v, self.inputs, self.outputs)).transpose()?,
            rows: &self.rows,
            columns: &self.columns,
            gains: Rows::new(&self.gains, self.rows.len(), self.outputs)?,
            gain_per_tile: self.chip.mapping.per == Per::Tile
                && !matches!(self.chip.drift_compensation, DriftCompensation::PerColumn { .. }),
            conductances: Rows::new(lines, lines.len() / width.max(1), width)?,
            transposed,
            periphery: &self.periphery,
            ranges,
            key: self.key.child("product", u64::from(transposed)),
        })
    }

    /// The weights that the crossbars hold as of the last read, scales and drift compensation included.
    ///
    /// # Errors
    /// An `out` of another shape than inputs x outputs; cells that were never read.
    pub fn weights(&self, out: &mut RowsMut) -> Result<(), ArrayError> {
        agree("inputs", self.inputs, out.rows())?;
        agree("outputs", self.outputs, out.cols())?;
        if !self.was_read {
            return Err(ArrayError::NotRead);
        }
        for (strip, rows) in self.rows.iter().enumerate() {
            for r in rows.clone() {
                let gains = &self.gains[strip * self.outputs..][..self.outputs];
                kernel::multiply(&self.weights[r * self.outputs..][..self.outputs], gains, out.row_mut(r));
            }
        }
        Ok(())
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
    /// What was counted outside of products: programming and the reads of drift compensation.
    pub fn events(&self) -> Tally {
        self.events
    }
    /// Bytes of memory that it holds for its devices and what follows from them.
    pub fn bytes(&self) -> usize {
        let cells = |p: &Plane| p.cells.len() * p.cells.bytes_per_device();
        let floats = [
            self.scales.len(),
            self.gains.len(),
            self.weights.len(),
            self.variances.len(),
            self.on_rows.len(),
            self.on_columns.len(),
            self.baseline.as_ref().map_or(0, Baseline::floats),
        ];
        self.tiles.iter().flatten().map(cells).sum::<usize>() + 4 * floats.iter().sum::<usize>()
    }
}

fn devices(chip: &ChipSpec, inputs: usize, outputs: usize) -> u64 {
    inputs as u64 * outputs as u64 * 2 * u64::from(chip.mapping.devices_per_polarity)
}

/// Cuts a matrix of full rows into the rows of each crossbar, row strips outside.
fn tiles_of<'a>(
    matrix: &'a mut [f32],
    rows: &[Range<usize>],
    columns: &[Range<usize>],
) -> Vec<Vec<&'a mut [f32]>> {
    let outputs = columns.last().map_or(0, |c| c.end);
    let mut tiles: Vec<Vec<&mut [f32]>> =
        rows.iter().flat_map(|r| columns.iter().map(|_| Vec::with_capacity(r.len()))).collect();
    let mut lines = matrix.chunks_exact_mut(outputs.max(1));
    for (strip, rows) in rows.iter().enumerate() {
        for mut line in lines.by_ref().take(rows.len()) {
            for (c, columns_of) in columns.iter().enumerate() {
                let (part, rest) = line.split_at_mut(columns_of.len());
                tiles[strip * columns.len() + c].push(part);
                line = rest;
            }
        }
    }
    tiles
}

/// Observes the planes of one crossbar; writes its weights and returns the sums of its conductances along rows
/// and along columns.
fn read_tile(
    planes: &mut [Plane],
    mut target: Vec<&mut [f32]>,
    range: f32,
) -> Result<(Vec<f32>, Vec<f32>), ArrayError> {
    let width = target.first().map_or(0, |row| row.len());
    let (mut row_sums, mut column_sums) = (vec![0.0; target.len()], vec![0.0; width]);
    with_buffer(target.len() * width, |g| {
        for (number, plane) in planes.iter_mut().enumerate() {
            plane.cells.observe_into(g)?;
            let factor = plane.sign * plane.significance / range;
            for ((r, row), g) in target.iter_mut().enumerate().zip(g.chunks_exact(width.max(1))) {
                row_sums[r] += kernel::accumulate(g, factor, number == 0, row, &mut column_sums);
            }
        }
        Ok((row_sums, column_sums))
    })
}

/// Variance of one read of each weight of a crossbar.
fn read_variances(planes: &[Plane], mut target: Vec<&mut [f32]>, range: f32) -> Result<(), ArrayError> {
    let width = target.first().map_or(0, |row| row.len());
    with_buffer(target.len() * width, |variance| {
        for (number, plane) in planes.iter().enumerate() {
            plane.cells.read_variance(variance)?;
            let factor = (plane.significance / range).powi(2);
            for (row, variance) in target.iter_mut().zip(variance.chunks_exact(width.max(1))) {
                if number == 0 {
                    row.fill(0.0);
                }
                kernel::add_scaled(variance, factor, row);
            }
        }
        Ok(())
    })
}

/// Hands out a buffer of this thread, kept between calls. It is taken, not borrowed: while `work` waits for other
/// threads, this one may come here again for them, and then gets another.
fn with_buffer<T>(len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    thread_local! {
        static BUFFER: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    }
    let mut buffer = BUFFER.take();
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer[..len]);
    BUFFER.set(buffer);
    result
}
