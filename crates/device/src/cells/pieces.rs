//! Consecutive cells of an array as things of their own, so that threads can share an array, and whoever makes
//! targets or uses conductances can do so while they are in the cache.

use super::epochs::{Epoch, runs};
use super::model::{Model, Noises, ProgramStreams};
use super::pulses::Wear;
use crate::law::BLOCK;

/// Cells a thread takes at once where the caller has no wish: far more work than handing it over costs, and little
/// enough for the second-level cache.
pub(super) const PIECE: usize = 16_384;

/// Consecutive cells of an array that is being programmed, see [`CellArray::program_in`](super::CellArray::program_in).
#[derive(Debug)]
pub struct Programming<'a> {
    pub(super) model: &'a Model,
    pub(super) streams: ProgramStreams,
    pub(super) first: u64,
    pub(super) g: &'a mut [f32],
    pub(super) kept: &'a mut [i16],
    pub(super) wear: Wear<'a>,
}

impl Programming<'_> {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.g.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.g.is_empty()
    }

    /// Programs the cells to their targets, S, one a cell. A target beyond the device's range counts as the end of the
    /// range, NaN as the lower one.
    pub fn write(self, target_s: &[f32]) {
        self.model.program(&self.streams, self.first, target_s, self.g, self.kept);
        self.model.wear_row(self.first, &self.wear, self.g);
    }
}

/// Consecutive cells of an array that is being observed, see [`CellArray::observe_in`](super::CellArray::observe_in).
#[derive(Debug)]
pub struct Observation<'a> {
    pub(super) model: &'a Model,
    /// The instants at which cells were written, and each cell's number among them (none if all have the first).
    pub(super) epochs: &'a [Epoch],
    pub(super) of_cell: &'a [u32],
    /// Whether this observation walks the noise.
    pub(super) walks: bool,
    pub(super) first: u64,
    pub(super) g: &'a [f32],
    pub(super) kept: &'a [i16],
    pub(super) noise: &'a mut [i16],
}

impl Observation<'_> {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.g.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.g.is_empty()
    }

    /// Whether some noise is faster than the read window, so that variances are not zero everywhere.
    pub fn has_variance(&self) -> bool {
        self.epochs.iter().any(|e| e.seen.fast_factor > 0.0)
    }

    /// Walks the noise of these cells to now, and no more.
    pub(super) fn settle(self) {
        if !self.walks || self.noise.is_empty() {
            return;
        }
        let mut z = [0_f32; BLOCK];
        for (run, epoch) in runs(self.of_cell, self.g.len()) {
            let Some(step) = &self.epochs[epoch].walk else { continue };
            let mut first = self.first + run.start as u64;
            for noise in self.noise[run].chunks_mut(BLOCK) {
                self.model.walk(step, first, noise, &mut z[..noise.len()]);
                first += BLOCK as u64;
            }
        }
    }

    /// Conductances as one read sees them, S: [`CellArray::conductances`](super::CellArray::conductances) of these
    /// cells, one output a cell.
    pub fn read(self, out: &mut [f32]) {
        for (run, epoch) in runs(self.of_cell, self.g.len()) {
            let first = self.first + run.start as u64;
            let (epoch, count) = (&self.epochs[epoch], run.len());
            let noise = if self.noise.is_empty() { &mut [][..] } else { &mut self.noise[run.clone()] };
            let noise = match &epoch.walk {
                Some(step) if self.walks => Noises::Walked(step, first, noise),
                _ => Noises::Kept(first, noise),
            };
            let kept = part(self.kept, run.start, count);
            self.model.conductances(&epoch.seen, &self.g[run.clone()], kept, noise, &mut out[run]);
        }
    }

    /// [`read`](Self::read), and what [`CellArray::read_variance`](super::CellArray::read_variance) says, S^2.
    pub fn read_with_variance(self, out: &mut [f32], variance: &mut [f32]) {
        for (run, epoch) in runs(self.of_cell, self.g.len()) {
            let kept = part(self.kept, run.start, run.len());
            let seen = &self.epochs[epoch].seen;
            self.model.read_variance(seen, &self.g[run.clone()], kept, &mut variance[run]);
        }
        self.read(out);
    }
}

/// Takes the first `count` values off a column; an empty column gives empty pieces.
pub(super) fn cut<'a, T>(column: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let column_taken = std::mem::take(column);
    let (head, tail) = column_taken.split_at_mut(count.min(column_taken.len()));
    *column = tail;
    head
}

/// The part of a column that belongs to cells `first .. first + count`; an empty column gives empty parts.
pub(super) fn part<T>(column: &[T], first: usize, count: usize) -> &[T] {
    if column.is_empty() { column } else { &column[first..first + count] }
}
