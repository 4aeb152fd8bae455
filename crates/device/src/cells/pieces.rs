//! Consecutive cells of an array as things of their own, so that threads can share an array, and whoever makes
//! targets or uses conductances can do so while they are in the cache.

use super::model::{Model, Noises, ProgramStreams, Snapshot, Walk, walk};
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
    }
}

/// Consecutive cells of an array that is being observed, see [`CellArray::observe_in`](super::CellArray::observe_in).
#[derive(Debug)]
pub struct Observation<'a> {
    pub(super) model: &'a Model,
    pub(super) at: Snapshot,
    pub(super) walk: Option<Walk>,
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
        self.at.fast_factor > 0.0
    }

    /// Walks the noise of these cells to now, and no more.
    pub(super) fn settle(self) {
        let Some(step) = &self.walk else { return };
        let mut z = [0_f32; BLOCK];
        for (i, noise) in self.noise.chunks_mut(BLOCK).enumerate() {
            let z = &mut z[..noise.len()];
            walk(step, self.first + (i * BLOCK) as u64, noise, z);
        }
    }

    /// Conductances as one read sees them, S: [`CellArray::conductances`](super::CellArray::conductances) of these
    /// cells, one output a cell.
    pub fn read(self, out: &mut [f32]) {
        let noise = match &self.walk {
            Some(step) => Noises::Walked(step, self.first, self.noise),
            None => Noises::Kept(self.noise),
        };
        self.model.conductances(&self.at, self.first, self.g, self.kept, noise, out);
    }

    /// [`read`](Self::read), and what [`CellArray::read_variance`](super::CellArray::read_variance) says, S^2.
    pub fn read_with_variance(self, out: &mut [f32], variance: &mut [f32]) {
        self.model.read_variance(&self.at, self.first, self.g, self.kept, variance);
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
