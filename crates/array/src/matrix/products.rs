//! Products of a matrix on its crossbars, and what they need to know first: the ranges of converters.

use neurohm_num::{Rows, RowsMut};

use super::AnalogMatrix;
use crate::adc::Converters;
use crate::chip::DriftCompensation;
use crate::error::finite;
use crate::gemm::{gemm, gemm_wt};
use crate::mapping::Per;
use crate::product::{Crossbars, Ranges, Terms, agree};
use crate::{ArrayError, Tally, calibrate};

/// Values of the slices of some samples that are held at once.
const AT_ONCE: usize = 1 << 22;

impl AnalogMatrix {
    /// Sets the converters' ranges of [`forward`](Self::forward) from typical inputs, where the chip says that
    /// they come from data. Noise is not part of it.
    ///
    /// # Errors
    /// Inputs of another width, or not finite; cells that were never read.
    pub fn calibrate(&mut self, inputs: Rows) -> Result<(), ArrayError> {
        agree("inputs", self.inputs, inputs.cols())?;
        self.forward_ranges = Some(match &self.bias {
            Some(bias) => {
                let all = with_constant(inputs, bias.input);
                self.ranges_from(Rows::new(&all, inputs.rows(), self.word_lines())?, false)?
            }
            None => self.ranges_from(inputs, false)?,
        });
        Ok(())
    }

    /// As [`calibrate`](Self::calibrate), for [`transpose`](Self::transpose).
    ///
    /// # Errors
    /// As there.
    pub fn calibrate_transposed(&mut self, inputs: Rows) -> Result<(), ArrayError> {
        agree("transposed inputs", self.outputs, inputs.cols())?;
        self.transposed_ranges = Some(if self.slices() > 1 {
            let wide = self.wide(inputs);
            self.ranges_from(Rows::new(&wide, inputs.rows(), self.width())?, true)?
        } else {
            self.ranges_from(inputs, true)?
        });
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
        let view = self.view(transposed, ranges)?;
        if self.bias.is_none() && self.slices() == 1 {
            return view.product(x, y, first);
        }
        let (into, out) = if transposed { (self.outputs, self.inputs) } else { (self.inputs, self.outputs) };
        agree("inputs", into, x.cols())?;
        agree("outputs", out, y.cols())?;
        agree("samples of the output", x.rows(), y.rows())?;
        // Places of values are those that the caller knows, so they are looked at before any is added.
        finite("input", x)?;
        let mut tally = if transposed {
            let wide = self.wide(x);
            view.product(Rows::new(&wide, x.rows(), self.width())?, y, first)?
        } else {
            let all = self.bias.as_ref().map(|bias| with_constant(x, bias.input));
            let x = match &all {
                Some(all) => Rows::new(all, x.rows(), self.word_lines())?,
                None => x,
            };
            self.forward_slices(&view, x, y, first)?
        };
        tally.macs = self.macs(x);
        Ok(tally)
    }

    /// Outputs from the products of all slices, some samples at a time.
    fn forward_slices(
        &self,
        view: &Crossbars,
        x: Rows,
        y: &mut RowsMut,
        first: u64,
    ) -> Result<Tally, ArrayError> {
        let (slices, width) = (self.slices(), self.width());
        if slices == 1 {
            return view.product(x, y, first);
        }
        let step = (AT_ONCE / width.max(1)).max(256);
        let mut tally = Tally::default();
        let mut wide = Vec::new();
        for at in (0..x.rows()).step_by(step) {
            let samples = step.min(x.rows() - at);
            wide.resize(samples * width, 0.0);
            let mut parts = RowsMut::new(&mut wide, samples, width)?;
            tally += view.product(x.slice(at, samples), &mut parts, first.wrapping_add(at as u64))?;
            for (r, parts) in wide.chunks_exact(width.max(1)).enumerate() {
                self.add_slices(parts, y.row_mut(at + r));
            }
        }
        tally.digital_adds += x.rows() as u64 * self.outputs as u64 * (slices as u64 - 1);
        Ok(tally)
    }

    /// Inputs from the other side, given to every slice: each answers by itself.
    fn wide(&self, d: Rows) -> Vec<f32> {
        let mut wide = vec![0.0; d.rows() * self.width()];
        for (r, wide) in wide.chunks_exact_mut(self.width().max(1)).enumerate() {
            self.to_slices(d.row(r), wide);
        }
        wide
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
        let mut line = 0;
        if let Some(bias) = self.bias.as_ref().filter(|_| !transposed) {
            for r in 0..y.rows() {
                y.row_mut(r).iter_mut().zip(&bias.values).for_each(|(y, b)| *y += b);
            }
            line = 1;
        }
        let (samples, into, out) = (x.rows() as u64, into as u64 + line, out as u64);
        let rows = if transposed { &self.input_rows } else { &self.rows };
        let (strips_in, strips_out) = (rows.len() as u64, self.columns.len() as u64);
        let (strips_in, strips_out) =
            if transposed { (strips_out, strips_in) } else { (strips_in, strips_out) };
        Ok(Tally {
            macs: self.macs(x),
            dac_conversions: samples * into * strips_out,
            adc_conversions: samples * out * strips_in,
            cell_reads: samples * self.devices(),
            digital_adds: samples * out * strips_in.saturating_sub(1),
            ..Tally::default()
        })
    }

    /// What a product with inputs `x` from either side stands for; biases are none of it.
    fn macs(&self, x: Rows) -> u64 {
        x.rows() as u64 * self.inputs as u64 * self.outputs as u64
    }

    /// The crossbars as a product sees them, from one side.
    pub(super) fn view<'a>(
        &'a self,
        transposed: bool,
        ranges: &'a Ranges,
    ) -> Result<Crossbars<'a>, ArrayError> {
        let (lines, width) =
            if transposed { (&self.on_columns, self.width()) } else { (&self.on_rows, self.word_lines()) };
        if transposed && !self.chip.cells.both_ways() {
            return Err(ArrayError::OneWay);
        }
        let variances = (!self.variances.is_empty()).then_some(&self.variances);
        // The line of the biases is an input alone: nothing is read there from the other side.
        let (rows, used) =
            if transposed { (&self.input_rows, self.inputs) } else { (&self.rows, self.word_lines()) };
        let terms = |all| -> Result<Terms<'a>, ArrayError> {
            Ok(Terms::new(all, self.word_lines(), self.width())?.slice(0, used))
        };
        Ok(Crossbars {
            weights: terms(&self.weights)?,
            variances: variances.map(|v| terms(v)).transpose()?,
            response: self.response.as_deref(),
            rows,
            columns: &self.columns,
            slices: self.slices(),
            gains: Rows::new(&self.gains, self.rows.len(), self.width())?,
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
}

/// Inputs with one more behind them that is always the same.
fn with_constant(x: Rows, constant: f32) -> Vec<f32> {
    (0..x.rows()).flat_map(|r| x.row(r).iter().copied().chain([constant])).collect()
}
