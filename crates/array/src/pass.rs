//! One pass of a batch through a strip of crossbars: what happens between a digital input and its share of
//! the digital sum.

use std::ops::Range;

use neurohm_num::{Purpose, Rows, RowsMut};

use crate::adc::Behind;
use crate::gemm::{gemm, gemm_wt};
use crate::kernel::{self, Voltages};
use crate::product::{Crossbars, Serial};
use crate::{ArrayError, Tally};

/// Buffers of one thread, kept between products.
#[derive(Default)]
pub(crate) struct Scratch {
    inputs: Vec<f32>,
    codes: Vec<f32>,
    /// Codes of which the others are digits, and what these have come to.
    whole: Vec<f32>,
    sums: Vec<f32>,
    /// Codes as a term of the cells' response sees them, or their squares.
    expanded: Vec<f32>,
    currents: Vec<f32>,
    variances: Vec<f32>,
    normals: Vec<f32>,
    full: Vec<f32>,
    /// Sum of the squared codes of each input over the samples of a pass; of each term, where cells have several.
    dissipation: Vec<f32>,
    gains: Vec<f32>,
    /// Products that left the converter's range: output strip and sample.
    pub(crate) overflowed: Vec<(usize, usize)>,
}

/// The inputs of one strip of crossbars.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub x: Rows<'a>,
    /// Place of the first sample in the caller's matrices.
    pub place: usize,
    /// Ordinal of the caller's first sample.
    pub first_sample: u64,
    /// Which samples of the chunk the rows of `x` are; all of them, in order, where `None`.
    pub samples: Option<&'a [usize]>,
}

impl Batch<'_> {
    fn sample(&self, row: usize) -> usize {
        self.samples.map_or(row, |samples| samples[row])
    }

    fn ordinal(&self, row: usize) -> u64 {
        self.first_sample.wrapping_add((self.place + self.sample(row)) as u64)
    }
}

/// Values that the passes behind a product work on while they stay in the nearest cache.
const NEAR: usize = 8192;

/// The first `len` values of a buffer that only grows.
fn room(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

/// Output strips whose converters have one range, and their columns among those of the pass.
struct Run {
    strips: Range<usize>,
    columns: Range<usize>,
}

/// One strip of inputs through some strips of outputs, for the `attempt`-th time.
pub(crate) struct Pass<'a> {
    pub bars: &'a Crossbars<'a>,
    pub b: usize,
    pub outs: Range<usize>,
    pub attempt: u32,
}

impl Pass<'_> {
    pub(crate) fn run(
        &self,
        batch: Batch,
        y: &mut RowsMut,
        scratch: &mut Scratch,
        tally: &mut Tally,
    ) -> Result<(), ArrayError> {
        if batch.x.rows() == 0 || self.outputs().is_empty() {
            return Ok(());
        }
        self.drive(batch, scratch)?;
        let runs = self.equal_ranges();
        let mut scale = 1.0;
        if let Some(serial) = self.bars.periphery.input.serial {
            scale = self.digits(serial, batch, &runs, scratch, tally);
        } else {
            self.disturb(batch, 0, scratch);
            self.multiply(batch.x.rows(), scratch);
            self.convert(batch, &runs, 0, scratch);
            self.count(batch.x.rows(), scratch, tally);
        }
        scratch.overflowed.sort_unstable();
        self.deliver(batch, &runs, scale, y, scratch);
        if self.b > 0 && self.attempt == 0 {
            tally.digital_adds += (batch.x.rows() * self.outputs().len()) as u64;
        }
        Ok(())
    }

    /// Reads digit by digit, and sums of their codes, each in its place. Returns what the sums count in units of a whole input.
    fn digits(
        &self,
        serial: Serial,
        batch: Batch,
        runs: &[Run],
        scratch: &mut Scratch,
        tally: &mut Tally,
    ) -> f32 {
        let rows = batch.x.rows();
        let len = rows * self.outputs().len();
        for turn in 0..serial.cycles * serial.phases {
            let place = self.digit(serial, turn, rows, scratch);
            self.disturb(batch, turn, scratch);
            self.multiply(rows, scratch);
            self.convert(batch, runs, turn, scratch);
            let Scratch { currents, sums, .. } = scratch;
            kernel::add_scaled(&currents[..len], place, turn > 0, room(sums, len));
            self.count(rows, scratch, tally);
            if turn > 0 {
                tally.digital_adds += len as u64;
            }
        }
        std::mem::swap(&mut scratch.currents, &mut scratch.sums);
        serial.largest_digit / self.bars.periphery.input.largest_code.unwrap_or(serial.largest_digit)
    }

    /// Makes one digit of the whole codes the codes. Returns what it counts.
    fn digit(&self, serial: Serial, turn: u32, rows: usize, scratch: &mut Scratch) -> f32 {
        let n = self.inputs().len();
        let Scratch { codes, whole, dissipation, .. } = scratch;
        if turn == 0 {
            std::mem::swap(codes, whole);
        }
        let sign = match (serial.phases, turn % serial.phases) {
            (1, _) => 0,
            (_, 0) => 1,
            _ => -1,
        };
        let shift = turn / serial.phases * serial.digit_bits;
        let squares = room(dissipation, n);
        squares.fill(0.0);
        let mask = serial.largest_digit as u32;
        kernel::digits(&whole[..rows * n], shift, mask, sign, room(codes, rows * n), squares);
        let place = (shift as f32).exp2();
        if sign < 0 { -place } else { place }
    }

    /// Hands out the currents of a batch without noise of the outputs, in units of a full weight at full voltage, read by read.
    pub(crate) fn currents(
        &self,
        batch: Batch,
        scratch: &mut Scratch,
        mut take: impl FnMut(&[f32]),
    ) -> Result<(), ArrayError> {
        self.drive(batch, scratch)?;
        let (rows, unit) = (batch.x.rows(), self.unit());
        let len = rows * self.outputs().len();
        let serial = self.bars.periphery.input.serial;
        for turn in 0..serial.map_or(1, |s| s.cycles * s.phases) {
            if let Some(serial) = serial {
                self.digit(serial, turn, rows, scratch);
            }
            self.disturb(batch, turn, scratch);
            self.multiply(rows, scratch);
            let currents = &mut scratch.currents[..len];
            currents.iter_mut().for_each(|current| *current *= unit);
            take(currents);
        }
        Ok(())
    }

    fn inputs(&self) -> Range<usize> {
        self.bars.strips().0[self.b].clone()
    }

    /// The outputs of all strips taken together.
    fn outputs(&self) -> Range<usize> {
        let out = self.bars.strips().1;
        out[self.outs.start].start..out[self.outs.end - 1].end
    }

    /// Value of one code: inputs are kept as integers, exact in `f32`.
    fn unit(&self) -> f32 {
        1.0 / self.bars.periphery.input.full_code()
    }

    /// How much lower the voltages are than at the first attempt.
    fn reduction(&self) -> f32 {
        let halved = (self.attempt as f32).exp2();
        match self.bars.periphery.input.largest_code {
            Some(code) if self.bars.periphery.input.whole => code / (code / halved).floor().max(1.0),
            _ => halved,
        }
    }

    /// Digital inputs to codes of read voltages.
    fn drive(&self, batch: Batch, scratch: &mut Scratch) -> Result<(), ArrayError> {
        let (rows, inputs) = (batch.x.rows(), self.inputs());
        let n = inputs.len();
        let bars = self.bars;
        let tile = bars.tile(self.b, self.outs.start);
        let side = bars.periphery.input;
        let mut x = batch.x;
        if bars.transposed && !bars.gain_per_tile {
            // The factor of each column stands behind it forwards, so in front of it here.
            let gains = &bars.gains.row(self.outs.start)[inputs.clone()];
            let scaled = room(&mut scratch.inputs, rows * n);
            for r in 0..rows {
                kernel::multiply(x.row(r), gains, &mut scaled[r * n..][..n]);
            }
            x = Rows::new(scaled, rows, n)?;
        }
        let voltages = Voltages {
            range: bars.ranges.input.as_ref().map(|ranges| ranges[tile]),
            reduction: self.reduction(),
            largest_code: side.largest_code,
        };
        let codes = room(&mut scratch.codes, rows * n);
        let (full, dissipation) = (room(&mut scratch.full, rows), room(&mut scratch.dissipation, n));
        dissipation.fill(0.0);
        if kernel::prepare(x, voltages, codes, full, dissipation) >= kernel::INFINITY_BITS {
            return Err(not_finite(batch, inputs.start));
        }
        Ok(())
    }

    /// What happens to codes on their way to the word lines, in the `turn`-th read.
    fn disturb(&self, batch: Batch, turn: u32, scratch: &mut Scratch) {
        let (rows, n, bars) = (batch.x.rows(), self.inputs().len(), self.bars);
        let (tile, side) = (bars.tile(self.b, self.outs.start), bars.periphery.input);
        if let Some(bend) = bars.response.and_then(|response| response.bend.as_ref()) {
            let codes = &mut scratch.codes[..rows * n];
            let bent = room(&mut scratch.expanded, rows * n);
            bend.expand(0, codes, bent);
            codes.copy_from_slice(bent);
        }
        if side.noise > 0.0 {
            let codes = &mut scratch.codes[..rows * n];
            let key = bars.key.child("input", tile as u64);
            let stream = key.stream(Purpose::InputNoise, self.event(turn));
            let sigma = side.noise / self.unit();
            let normals = room(&mut scratch.normals, n);
            for r in 0..rows {
                stream.fill_normal(batch.ordinal(r).wrapping_mul(n as u64), normals);
                kernel::add_scaled(normals, sigma, true, &mut codes[r * n..][..n]);
            }
        }
    }

    /// Noise is drawn anew in each read.
    fn event(&self, turn: u32) -> u64 {
        u64::from(turn) << 32 | u64::from(self.attempt)
    }

    /// Currents, and where cells are noisy the variances of their sums.
    fn multiply(&self, rows: usize, scratch: &mut Scratch) {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let (n, width) = (inputs.len(), outputs.len());
        let through = |x: &[f32], w: Rows, y: &mut Vec<f32>, beta: f32| {
            // The shapes hold by construction: every buffer was made for them.
            let (Ok(x), Ok(mut y)) =
                (Rows::new(x, rows, n), RowsMut::new(room(y, rows * width), rows, width))
            else {
                return;
            };
            if self.bars.transposed {
                let w = w.slice(outputs.start, width).columns(inputs.start, n);
                gemm_wt(x, w, &mut y, beta);
            } else {
                let w = w.slice(inputs.start, n).columns(outputs.start, width);
                gemm(x, w, &mut y, beta);
            }
        };
        let Scratch { inputs: inputs_of, codes, expanded, currents, variances, dissipation, .. } = scratch;
        let codes = &codes[..rows * n];
        let Some(response) = self.bars.response else {
            through(codes, self.bars.weights.term(0), currents, 0.0);
            if let Some(of) = self.bars.variances {
                let squares = room(expanded, rows * n);
                kernel::multiply(codes, codes, squares);
                through(squares, of.term(0), variances, 0.0);
            }
            return;
        };
        let expanded = room(expanded, rows * n);
        let dissipation = room(dissipation, response.current.terms() * n);
        dissipation.fill(0.0);
        let beta = |k: usize| if k > 0 { 1.0 } else { 0.0 };
        // Power is current times voltage.
        let volts = response.voltage.as_ref().map(|voltage| {
            let bent = room(inputs_of, rows * n);
            voltage.expand(0, codes, bent);
            &*bent
        });
        let volts = volts.unwrap_or(codes);
        for (k, sums) in dissipation.chunks_exact_mut(n.max(1)).enumerate() {
            response.current.basis.expand(k, codes, expanded);
            for (row, volts) in expanded.chunks_exact(n.max(1)).zip(volts.chunks_exact(n.max(1))) {
                let power = sums.iter_mut().zip(row.iter().zip(volts));
                power.for_each(|(sum, (current, volt))| *sum += current * volt);
            }
            through(expanded, self.bars.weights.term(k), currents, beta(k));
        }
        if let (Some(of), Some(noise)) = (self.bars.variances, &response.noise) {
            for k in 0..noise.terms() {
                noise.basis.expand(k, codes, expanded);
                through(expanded, of.term(k), variances, beta(k));
            }
            // A sum of terms of both signs may end below zero by what is left of it.
            variances[..rows * width].iter_mut().for_each(|v| *v = v.max(0.0));
        }
    }

    /// Noise and quantisation, in pieces that stay in the nearest cache; notes what left the range.
    fn convert(&self, batch: Batch, runs: &[Run], turn: u32, scratch: &mut Scratch) {
        let (rows, outputs) = (batch.x.rows(), self.outputs());
        let (width, all) = (outputs.len(), self.bars.sizes().1);
        let side = self.bars.periphery.output;
        let noisy = self.is_noisy();
        let stream =
            self.bars.key.child("output", self.b as u64).stream(Purpose::OutputNoise, self.event(turn));
        let unit = if noisy { 1.0 } else { self.unit() };
        let step = (NEAR / width).max(1);
        for first in (0..rows).step_by(step) {
            let count = step.min(rows - first);
            let piece = first * width..(first + count) * width;
            let values = &mut scratch.currents[piece.clone()];
            if noisy {
                let normals = room(&mut scratch.normals, values.len());
                if width == all && batch.samples.is_none() {
                    stream.fill_normal(batch.ordinal(first).wrapping_mul(all as u64), normals);
                } else {
                    for (r, normals) in normals.chunks_exact_mut(width).enumerate() {
                        let row = batch.ordinal(first + r).wrapping_mul(all as u64);
                        stream.fill_normal(row.wrapping_add(outputs.start as u64), normals);
                    }
                }
                match self.bars.variances {
                    Some(_) => {
                        let variances = &scratch.variances[piece];
                        kernel::add_noise_and_variance(values, self.unit(), side.noise, variances, normals);
                    }
                    None => kernel::add_noise(values, self.unit(), side.noise, normals),
                }
            }
            let (Some(limit), Some(ranges)) = (side.largest_code, &self.bars.ranges.output) else { continue };
            for Run { strips, columns } in runs {
                let range = ranges[self.bars.tile(self.b, strips.start)];
                let factor = limit / range * unit;
                let largest = if let Some(converters) = self.bars.converters {
                    self.convert_apart(converters, strips.clone(), values, factor)
                } else if columns.len() == width {
                    // Full rows are one long one, whatever their width.
                    kernel::convert(values, values.len(), 0, values.len(), factor, limit)
                } else {
                    kernel::convert(values, width, columns.start, columns.len(), factor, limit)
                };
                if largest >= limit && self.attempt < side.repeats {
                    self.note_overflow(strips.clone(), values, first, limit, batch, &mut scratch.overflowed);
                }
            }
        }
    }

    /// Currents to codes by converters that differ; the largest magnitude of a code.
    fn convert_apart(
        &self,
        converters: Behind,
        strips: Range<usize>,
        values: &mut [f32],
        factor: f32,
    ) -> f32 {
        let (out, outputs) = (self.bars.strips().1, self.outputs());
        let flags = self.attempt < self.bars.periphery.output.repeats;
        let mut largest = 0.0f32;
        for o in strips {
            let tile = self.bars.tile(self.b, o);
            let columns = out[o].start - outputs.start..out[o].end - outputs.start;
            for row in values.chunks_exact_mut(outputs.len()) {
                let currents = &mut row[columns.clone()];
                currents.iter_mut().for_each(|current| *current *= factor);
                largest = largest.max(converters.convert(tile, currents, flags));
            }
        }
        largest
    }

    fn is_noisy(&self) -> bool {
        self.bars.periphery.output.noise > 0.0 || self.bars.variances.is_some()
    }

    /// The output strips in runs of one converter range.
    fn equal_ranges(&self) -> Vec<Run> {
        let out = self.bars.strips().1;
        let origin = self.outputs().start;
        let range = |o: usize| {
            self.bars.ranges.output.as_ref().map(|ranges| ranges[self.bars.tile(self.b, o)].to_bits())
        };
        let strips: Vec<usize> = self.outs.clone().collect();
        strips
            .chunk_by(|a, b| range(*a) == range(*b))
            .map(|run| {
                let (first, last) = (run[0], run[run.len() - 1]);
                Run { strips: first..last + 1, columns: out[first].start - origin..out[last].end - origin }
            })
            .collect()
    }

    fn note_overflow(
        &self,
        strips: Range<usize>,
        codes: &[f32],
        first: usize,
        limit: f32,
        batch: Batch,
        overflowed: &mut Vec<(usize, usize)>,
    ) {
        let (out, outputs) = (self.bars.strips().1, self.outputs());
        for (r, row) in codes.chunks_exact(outputs.len()).enumerate() {
            for o in strips.clone() {
                let columns = out[o].start - outputs.start..out[o].end - outputs.start;
                if row[columns].iter().any(|code| code.abs() >= limit) {
                    overflowed.push((o, batch.sample(first + r)));
                }
            }
        }
    }

    /// Codes into the digital sum, but for those that will be repeated.
    fn deliver(&self, batch: Batch, runs: &[Run], scale: f32, y: &mut RowsMut, scratch: &mut Scratch) {
        let bars = self.bars;
        let (rows, outputs) = (batch.x.rows(), self.outputs());
        let (width, add) = (outputs.len(), self.b > 0);
        let Scratch { currents, full, gains, overflowed, .. } = scratch;
        let gains: &[f32] = if !bars.transposed {
            &bars.gains.row(self.b)[outputs.clone()]
        } else {
            let gains = room(gains, width);
            let column = self.inputs().start;
            for o in self.outs.clone() {
                let span = bars.strips().1[o].clone();
                let gain = if bars.gain_per_tile { bars.gains.row(o)[column] } else { 1.0 };
                gains[span.start - outputs.start..span.end - outputs.start].fill(gain);
            }
            gains
        };
        for Run { strips, columns } in runs {
            let per_code = match (bars.periphery.output.largest_code, &bars.ranges.output) {
                (Some(limit), Some(ranges)) => ranges[bars.tile(self.b, strips.start)] / limit,
                _ if self.is_noisy() => 1.0,
                _ => self.unit(),
            };
            let per_code = per_code * scale;
            if overflowed.is_empty() && batch.samples.is_none() {
                let stride = y.stride();
                let codes = &currents[columns.start..];
                let y = &mut y.data_mut()[outputs.start + columns.start..];
                let (full, gains) = (&full[..rows], &gains[columns.clone()]);
                kernel::deliver_rows(codes, width, full, per_code, gains, add, y, stride);
                continue;
            }
            for o in strips.clone() {
                let span = bars.strips().1[o].clone();
                let columns = span.start - outputs.start..span.end - outputs.start;
                for r in 0..rows {
                    let sample = batch.sample(r);
                    if overflowed.binary_search(&(o, sample)).is_err() {
                        let codes = &currents[r * width..][columns.clone()];
                        let y = &mut y.row_mut(sample)[span.clone()];
                        kernel::deliver_row(codes, full[r] * per_code, &gains[columns.clone()], add, y);
                    }
                }
            }
        }
    }

    fn count(&self, rows: usize, scratch: &Scratch, tally: &mut Tally) {
        let (inputs, outputs) = (self.inputs().len() as u64, self.outputs().len() as u64);
        let samples = rows as u64;
        // Slices of a crossbar share its word lines.
        let crossbars = self.outs.len().div_ceil(if self.bars.transposed { 1 } else { self.bars.slices });
        tally.dac_conversions += samples * inputs * crossbars as u64;
        tally.adc_conversions += samples * outputs;
        tally.cell_reads += samples * inputs * outputs * self.bars.periphery.devices_per_weight;
        // Row 0 of the conductances is the sum over all output strips.
        let all = self.outs.len() == self.bars.strips().1.len();
        let own = if all { 0..1 } else { 1 + self.outs.start..1 + self.outs.end };
        let terms = self.bars.response.map_or(1, |response| response.current.terms());
        let lines = self.bars.conductances.rows() / terms;
        let term = |k: usize| {
            let along = |line: usize| {
                let conductances = &self.bars.conductances.row(k * lines + line)[self.inputs()];
                let squares = scratch.dissipation[k * conductances.len()..].iter().zip(conductances);
                squares.map(|(s, g)| f64::from(*s) * f64::from(*g)).sum::<f64>()
            };
            own.clone().map(along).sum::<f64>()
        };
        let sum: f64 = (0..terms).map(term).sum();
        tally.add_energy_j(sum * f64::from(self.unit()).powi(2) * self.bars.periphery.volt2_second);
    }
}

/// The first NaN or infinity among the inputs.
fn not_finite(batch: Batch, first_column: usize) -> ArrayError {
    for r in 0..batch.x.rows() {
        if let Some(i) = batch.x.row(r).iter().position(|v| !v.is_finite()) {
            let row = batch.place + batch.sample(r);
            return ArrayError::NotFinite {
                what: "input",
                row,
                column: first_column + i,
                value: batch.x.row(r)[i],
            };
        }
    }
    // Finite inputs times finite factors can still leave the range of f32.
    ArrayError::NotFinite {
        what: "scaled input",
        row: batch.place,
        column: first_column,
        value: f32::INFINITY,
    }
}
