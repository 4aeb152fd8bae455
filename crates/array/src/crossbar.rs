//! One crossbar: the device arrays whose weighted sum is a block of weights, written and read a few rows at a time.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use neurohm_device::{CellArray, Observation};
use neurohm_num::{Key, Rows};
use rayon::prelude::*;

use crate::chip::ReadNoise;
use crate::lines::Behind;
use crate::mapping::faults::{Known, Order};
use crate::mapping::pair::Pairs;
use crate::response::{Curve, Response};
use crate::{ArrayError, ChipSpec, kernel};

mod around;

/// Cells of a plane that are written or read at once: with its targets or conductances they fill a part of the
/// second-level cache. Which rows go together never changes a result but the last bits of sums along columns.
const AT_ONCE: usize = 8192;

/// Rows of cells that do not obey Ohm's law which one task takes.
const ROWS: usize = 16;

/// A crossbar's planes; a weight is `w = sum sign significance G / (g_max - g_min)` over them.
#[derive(Clone, Debug)]
pub(crate) struct Crossbar {
    planes: Vec<Plane>,
    /// Of weights, spare ones included.
    columns: usize,
    /// Of weights that are wanted.
    outputs: usize,
    /// What is known of stuck cells, and where rows and columns of weights stand because of them.
    around: Option<(Known, Order)>,
    /// Which pair of conductances stands for a weight, where that is not the one-sided one.
    pairs: Option<Arc<Pairs>>,
    lines: Option<Behind>,
    g_min_s: f32,
    g_max_s: f32,
    /// g_max - g_min, S.
    range_s: f32,
}

#[derive(Clone, Debug)]
struct Plane {
    /// Which of the slices that meet in front of the converters.
    slice: usize,
    sign: f32,
    significance: f32,
    cells: CellArray,
}

/// A crossbar's rows as they are being read.
pub(crate) struct Reading<'a> {
    order: Option<&'a Order>,
    /// Of each group of rows, each plane's sign, factor from conductance to weight, and cells.
    groups: Vec<Vec<(f32, Observation<'a>)>>,
    columns: usize,
    range_s: f32,
    lines: Option<&'a mut Behind>,
}

/// Conductances of the planes of a crossbar as one read sees them.
pub(crate) struct Held {
    /// Each plane's sign times significance.
    shares: Vec<f32>,
    /// S; rows x columns of each plane.
    g: Vec<Vec<f32>>,
    /// Variances of reads, S^2; empty where there are none.
    noise: Vec<Vec<f32>>,
    columns: usize,
    order: Option<Order>,
}

/// What a read of a crossbar writes: its rows of the weights, and of their variances where there are any.
pub(crate) struct Targets<'a> {
    pub weights: Vec<&'a mut [f32]>,
    pub variances: Vec<&'a mut [f32]>,
}

/// Summed conductances of a crossbar along its rows and along its columns.
pub(crate) struct LineSums {
    pub rows: Vec<f32>,
    pub columns: Vec<f32>,
}

/// The rows of a crossbar in one term of the cells' response.
pub(crate) type TermRows<'a> = Vec<Vec<&'a mut [f32]>>;

impl Crossbar {
    /// A crossbar of this size, not yet programmed, of slices with these shares of a weight.
    pub(crate) fn new(
        chip: &ChipSpec,
        rows: usize,
        columns: usize,
        shares: &[f32],
        pairs: Option<Arc<Pairs>>,
        key: Key,
    ) -> Result<Self, ArrayError> {
        let window_s = match chip.read.noise {
            ReadNoise::Frozen {} => None,
            ReadNoise::Split { window_s } => Some(window_s),
        };
        let cell = chip.device.statistics()?;
        let polarities = chip.mapping.devices_per_polarity;
        let outputs = columns;
        let columns = columns + chip.spare_columns() as usize;
        let plane = |number: u32| {
            let mut cells = CellArray::new(cell, rows * columns, key.child("plane", number.into()))?;
            cells.set_read_window(window_s);
            let sign = if number.is_multiple_of(2) { 1.0 } else { -1.0 };
            let slice = (number / (2 * polarities)) as usize;
            Ok(Plane { slice, sign, significance: shares[slice] / polarities as f32, cells })
        };
        let planes = 0..2 * polarities * shares.len() as u32;
        let planes = planes.map(plane).collect::<Result<_, ArrayError>>()?;
        let range_s = (cell.g_max_s - cell.g_min_s) as f32;
        let lines = chip.wires.resistive().map(Behind::new);
        let mut crossbar = Self {
            planes,
            columns,
            outputs,
            around: None,
            pairs,
            lines,
            g_min_s: cell.g_min_s as f32,
            g_max_s: cell.g_max_s as f32,
            range_s,
        };
        if let Some(remap) = chip.remap() {
            let known = crossbar.look_for_stuck(rows, remap.rows)?;
            let order = Order { rows: (0..rows).collect(), columns: (0..outputs).collect() };
            crossbar.around = Some((known, order));
        }
        Ok(crossbar)
    }

    /// Programs all planes of a slice to `weights`, one scale a column.
    ///
    /// # Errors
    /// None for weights of its size.
    pub(crate) fn program(&mut self, slice: usize, weights: Rows, scales: &[f32]) -> Result<(), ArrayError> {
        self.lines.iter_mut().for_each(Behind::forget);
        if self.around.is_some() {
            return self.program_around(weights, scales);
        }
        let (columns, at_once) = (self.columns, rows_at_once(self.columns));
        let (g_min, g_max, range) = (self.g_min_s, self.g_max_s, self.range_s);
        let pairs = self.pairs.as_deref();
        let planes = self.planes.iter_mut().filter(|p| p.slice == slice);
        let planes = planes.map(|p| (p.sign, p.cells.program_in(at_once * columns)));
        by_groups(planes).into_par_iter().enumerate().for_each(|(group, planes)| {
            with_buffer(at_once * columns, |buffer| {
                for (sign, cells) in planes {
                    let targets = &mut buffer[..cells.len()];
                    for (r, targets) in targets.chunks_exact_mut(columns).enumerate() {
                        let weights = weights.row(group * at_once + r);
                        let Some(pairs) = pairs else {
                            kernel::targets(weights, scales, sign, g_min, g_max, targets);
                            continue;
                        };
                        for ((target, w), s) in targets.iter_mut().zip(weights).zip(scales) {
                            let u = pairs.of(w / s)[usize::from(sign < 0.0)];
                            *target = (g_min + u * range).min(g_max);
                        }
                    }
                    cells.write(targets);
                }
            });
        });
        Ok(())
    }

    /// What a read right after writing finds in a slice, in units of a full pair.
    ///
    /// # Errors
    /// An `out` that does not have its size.
    pub(crate) fn verify(&mut self, slice: usize, out: &mut [f32]) -> Result<(), ArrayError> {
        out.fill(0.0);
        let planes = self.planes.iter().filter(|p| p.slice == slice).count() / 2;
        let factor = 1.0 / (planes as f32 * self.range_s);
        let cells = self.planes.first().map_or(0, |p| p.cells.len());
        let (mut g, mut sum) = (vec![0.0; cells], vec![0.0; cells]);
        for plane in self.planes.iter_mut().filter(|p| p.slice == slice) {
            plane.cells.verify_into(&mut g)?;
            kernel::add_scaled(&g, plane.sign * factor, true, &mut sum);
        }
        match &self.around {
            Some((_, order)) => {
                let rows = out.chunks_exact_mut(self.outputs.max(1)).collect();
                order.gather(&sum, self.columns, rows);
            }
            None => out.copy_from_slice(&sum),
        }
        Ok(())
    }

    /// Lets `dt_s` seconds pass.
    pub(crate) fn advance(&mut self, dt_s: f64) -> Result<(), ArrayError> {
        self.planes.iter_mut().try_for_each(|plane| Ok(plane.cells.advance(dt_s)?))
    }

    /// From now on the devices are at this temperature.
    pub(crate) fn set_temperature(&mut self, t_k: f64) -> Result<(), ArrayError> {
        self.planes.iter_mut().try_for_each(|plane| Ok(plane.cells.set_temperature(t_k)?))
    }

    /// Wears every device by so many cycles at once.
    pub(crate) fn wear(&mut self, cycles: f64) -> Result<(), ArrayError> {
        self.planes.iter_mut().try_for_each(|plane| Ok(plane.cells.cycle(cycles)?))
    }

    /// Devices that are stuck.
    pub(crate) fn stuck(&self) -> usize {
        self.planes.iter().map(|plane| plane.cells.stuck().count()).sum()
    }

    /// Observes all planes, to be read.
    pub(crate) fn observe(&mut self) -> Reading<'_> {
        let (columns, range) = (self.columns, self.range_s);
        let cells = rows_at_once(columns) * columns;
        let factor = |p: &Plane| p.sign * p.significance / range;
        let planes = self.planes.iter_mut().map(|p| (factor(p), p.cells.observe_in(cells)));
        let order = self.around.as_ref().map(|(_, order)| order);
        Reading { order, groups: by_groups(planes), columns, range_s: range, lines: self.lines.as_mut() }
    }

    /// Bytes of its devices' state.
    pub(crate) fn bytes(&self) -> usize {
        let devices: usize = self.planes.iter().map(|p| p.cells.len() * p.cells.bytes_per_device()).sum();
        devices + self.lines.iter().map(Behind::bytes).sum::<usize>()
    }
}

impl Reading<'_> {
    /// Whether some noise is faster than a read, so that there are variances.
    pub(crate) fn has_variance(&self) -> bool {
        self.groups.iter().flatten().any(|(_, cells)| cells.has_variance())
    }

    /// Each plane's factor from conductance to weight.
    fn factors(&self) -> Vec<f32> {
        self.groups.first().map_or(Vec::new(), |planes| planes.iter().map(|p| p.0).collect())
    }

    /// Reads the conductances of so many rows, and variances where there are any.
    pub(crate) fn conductances(self, rows: usize) -> Held {
        let columns = self.columns;
        let shares: Vec<f32> = self.factors().iter().map(|factor| factor * self.range_s).collect();
        let cells = rows * columns;
        let mut g = vec![vec![0.0f32; cells]; shares.len()];
        let mut noise = vec![Vec::new(); shares.len()];
        let mut at = 0;
        for group in self.groups {
            let rows = at..(at + rows_at_once(columns) * columns).min(cells);
            for (plane, (_, observed)) in group.into_iter().enumerate() {
                let g = &mut g[plane][rows.clone()];
                if observed.has_variance() {
                    noise[plane].resize(cells, 0.0);
                    observed.read_with_variance(g, &mut noise[plane][rows.clone()]);
                } else {
                    observed.read(g);
                }
            }
            at = rows.end;
        }
        Held { shares, g, noise, columns, order: self.order.cloned() }
    }

    /// Reads all planes: writes the weights, and their variances if there are rows for them.
    ///
    /// # Errors
    /// Lines that cannot be solved.
    pub(crate) fn read(mut self, targets: Targets) -> Result<LineSums, ArrayError> {
        let Some(order) = self.order.take() else { return self.read_all(targets) };
        let columns = self.columns;
        let cells = targets.weights.len() * columns;
        let mut weights = vec![0.0; cells];
        let mut variances = vec![0.0; if targets.variances.is_empty() { 0 } else { cells }];
        let all = Targets {
            weights: weights.chunks_exact_mut(columns.max(1)).collect(),
            variances: variances.chunks_exact_mut(columns.max(1)).collect(),
        };
        let sums = self.read_all(all)?;
        order.gather(&weights, columns, targets.weights);
        if !variances.is_empty() {
            order.gather(&variances, columns, targets.variances);
        }
        Ok(order.of_lines(&sums))
    }

    /// The same of all physical rows and columns.
    fn read_all(mut self, targets: Targets) -> Result<LineSums, ArrayError> {
        let (columns, at_once) = (self.columns, rows_at_once(self.columns));
        let Targets { mut weights, mut variances } = targets;
        let mut rows = vec![0.0; weights.len()];
        // Rows without variances get none of them.
        variances.resize_with(weights.len(), Default::default);
        if let Some(lines) = self.lines.take() {
            return read_behind(lines, self, &mut weights, &mut variances);
        }
        let work = self.groups.into_par_iter();
        let work = work.zip(weights.par_chunks_mut(at_once)).zip(variances.par_chunks_mut(at_once));
        let partial: Vec<Vec<f32>> = work
            .zip(rows.par_chunks_mut(at_once))
            .map(|(((planes, weights), variances), rows)| {
                read_group(planes, columns, weights, variances, rows)
            })
            .collect();
        let mut sums = vec![0.0; columns];
        for partial in partial {
            sums.iter_mut().zip(partial).for_each(|(sum, g)| *sum += g);
        }
        Ok(LineSums { rows, columns: sums })
    }
}

impl Held {
    /// The largest conductance.
    pub(crate) fn largest(&self) -> f32 {
        self.g.iter().flatten().fold(0.0, |top, g| top.max(*g))
    }

    /// Writes the weights of every term of cells that do not obey Ohm's law, and their variances. Returns summed currents of
    /// each term along rows and along columns, as conductances.
    pub(crate) fn respond(
        &self,
        response: &Response,
        weights: TermRows,
        variances: TermRows,
    ) -> Vec<LineSums> {
        let Some(order) = &self.order else { return self.respond_all(response, weights, variances) };
        let cells = self.columns * weights.first().map_or(0, Vec::len);
        let room = |terms: &TermRows| vec![vec![0.0f32; cells]; terms.len()];
        let (mut all, mut noise) = (room(&weights), room(&variances));
        fn rows(terms: &mut [Vec<f32>], columns: usize) -> TermRows<'_> {
            terms.iter_mut().map(|term| term.chunks_exact_mut(columns.max(1)).collect()).collect()
        }
        let parts = [rows(&mut all, self.columns), rows(&mut noise, self.columns)];
        let [of_weights, of_noise] = parts;
        let sums = self.respond_all(response, of_weights, of_noise);
        for (found, wanted) in all.iter().zip(weights).chain(noise.iter().zip(variances)) {
            order.gather(found, self.columns, wanted);
        }
        sums.iter().map(|sums| order.of_lines(sums)).collect()
    }

    /// The same of all physical rows and columns.
    fn respond_all(&self, response: &Response, weights: TermRows, variances: TermRows) -> Vec<LineSums> {
        let rows = weights.first().map_or(0, Vec::len);
        let read = |curve: &Curve, of: TermRows, each: &(dyn Fn(usize, usize) -> f32 + Sync), sums: bool| {
            let mut by_row: TermRows = (0..rows).map(|_| Vec::with_capacity(curve.terms())).collect();
            of.into_iter()
                .for_each(|term| by_row.iter_mut().zip(term).for_each(|(row, part)| row.push(part)));
            let work = by_row.par_chunks_mut(ROWS).enumerate().map(|(chunk, rows)| {
                let mut along = vec![0.0f32; curve.terms() * rows.len()];
                let mut down = vec![0.0f32; if sums { curve.terms() * self.columns } else { 0 }];
                for (along, (at, terms)) in
                    along.chunks_mut(curve.terms().max(1)).zip(rows.iter_mut().enumerate())
                {
                    let first = (chunk * ROWS + at) * self.columns;
                    terms.iter_mut().for_each(|part| part.fill(0.0));
                    for (plane, g) in self.g.iter().enumerate() {
                        for (column, g) in g[first..][..self.columns].iter().enumerate() {
                            let share = each(plane, first + column);
                            let (a, b, part) = curve.at(g.max(0.0));
                            for (k, (a, b)) in a.iter().zip(b).enumerate() {
                                let value = a + part * (b - a);
                                terms[k][column] += share * value;
                                if sums {
                                    along[k] += value;
                                    down[k * self.columns + column] += value;
                                }
                            }
                        }
                    }
                }
                (along, down)
            });
            work.collect::<Vec<_>>()
        };
        let found = read(&response.current, weights, &|plane, _| self.shares[plane], true);
        if let Some(curve) = response.noise.as_ref().filter(|_| !variances.is_empty()) {
            // A plane without noise has variances of zero.
            let each = |plane: usize, cell: usize| {
                let variance = self.noise[plane].get(cell).copied().unwrap_or(0.0);
                let apart = self.g[plane][cell].max(0.0) + response.faint_s as f32;
                (self.shares[plane] / apart).powi(2) * variance
            };
            read(curve, variances, &each, false);
        }
        let full = response.full_s as f32;
        let terms = response.current.terms();
        (0..terms)
            .map(|k| {
                let along = found.iter().flat_map(|(along, _)| along.iter().skip(k).step_by(terms));
                let rows = along.map(|g| full * g).collect();
                let mut columns = vec![0.0; self.columns];
                for (_, down) in &found {
                    columns.iter_mut().zip(&down[k * self.columns..]).for_each(|(sum, g)| *sum += full * g);
                }
                LineSums { rows, columns }
            })
            .collect()
    }
}

/// Reads all planes behind lines with resistance. What a cell's noise adds to an output is scaled as its weight is: that is how
/// the output follows this cell's conductance but for currents that sneak through others. Summed conductances are those of
/// the effective matrix, so that energy is what reaches the grounds.
fn read_behind(
    lines: &mut Behind,
    reading: Reading,
    weights: &mut [&mut [f32]],
    variances: &mut [&mut [f32]],
) -> Result<LineSums, ArrayError> {
    let factors = reading.factors();
    let Held { mut g, noise, columns, .. } = reading.conductances(weights.len());
    let bare = g.clone();
    lines.see(&mut g, weights.len(), columns)?;
    let mut sums = LineSums { rows: vec![0.0; weights.len()], columns: vec![0.0; columns] };
    for (plane, factor) in factors.into_iter().enumerate() {
        for (row, weights) in weights.iter_mut().enumerate() {
            let span = row * columns..(row + 1) * columns;
            let effective = &g[plane][span.clone()];
            sums.rows[row] += kernel::accumulate(effective, factor, plane > 0, weights, &mut sums.columns);
            if noise[plane].is_empty() {
                continue;
            }
            let scaled: Vec<f32> = (effective.iter().zip(&bare[plane][span.clone()]))
                .zip(&noise[plane][span])
                .map(|((w, g), noise)| if *g > 0.0 { noise * (w / g) * (w / g) } else { 0.0 })
                .collect();
            kernel::add_scaled(&scaled, factor * factor, plane > 0, variances[row]);
        }
    }
    Ok(sums)
}

/// Reads some rows of all planes; returns what the rows contribute to the sums of columns.
fn read_group(
    planes: Vec<(f32, Observation)>,
    columns: usize,
    weights: &mut [&mut [f32]],
    variances: &mut [&mut [f32]],
    rows: &mut [f32],
) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    let cells = weights.len() * columns;
    with_buffer(2 * cells, |buffer| {
        let (g, variance) = buffer.split_at_mut(cells);
        for (number, (factor, observed)) in planes.into_iter().enumerate() {
            let add = number > 0;
            if observed.has_variance() {
                observed.read_with_variance(g, variance);
                for (row, variance) in variances.iter_mut().zip(variance.chunks_exact(columns)) {
                    kernel::add_scaled(variance, factor * factor, add, row);
                }
            } else {
                observed.read(g);
            }
            for ((row, sum), g) in weights.iter_mut().zip(&mut *rows).zip(g.chunks_exact(columns)) {
                *sum += kernel::accumulate(g, factor, add, row, &mut sums);
            }
        }
    });
    sums
}

/// Rows of a crossbar with so many columns that are written or read at once.
fn rows_at_once(columns: usize) -> usize {
    (AT_ONCE / columns.max(1)).max(1)
}

/// From each plane's list of groups, each group's list of planes; every item of a plane gets the plane's value.
fn by_groups<V: Copy, T>(planes: impl Iterator<Item = (V, Vec<T>)>) -> Vec<Vec<(V, T)>> {
    let mut groups = Vec::new();
    for (value, items) in planes {
        groups.resize_with(items.len(), Vec::new);
        for (group, item) in groups.iter_mut().zip(items) {
            group.push((value, item));
        }
    }
    groups
}

/// Cuts a matrix of full rows into the rows of each crossbar, row strips outside.
pub(crate) fn rows_of_each<'a>(
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
