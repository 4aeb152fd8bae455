//! When each cell was last written. Cells that are written together share one instant at no cost; where they differ,
//! a cell keeps the number of its instant in a table.

use std::ops::Range;

use super::model::{Snapshot, Walk};

/// A number for each cell, kept once where all are equal.
#[derive(Clone, Debug)]
pub(super) enum Column<T> {
    Same(T),
    Each(Vec<T>),
}

impl<T: Copy> Column<T> {
    /// The numbers of all cells, to change single ones.
    pub(super) fn each(&mut self, len: usize) -> &mut Vec<T> {
        if let Column::Same(value) = self {
            *self = Column::Each(vec![*value; len]);
        }
        match self {
            Column::Each(values) => values,
            Column::Same(_) => unreachable!("made one of each above"),
        }
    }

    pub(super) fn get(&self, cell: usize) -> T {
        match self {
            Column::Same(value) => *value,
            Column::Each(values) => values[cell],
        }
    }

    /// Those of cells `first .. first + count`; empty where all are equal.
    pub(super) fn part(&self, first: usize, count: usize) -> &[T] {
        match self {
            Column::Same(_) => &[],
            Column::Each(values) => &values[first..first + count],
        }
    }

    pub(super) fn bytes(&self) -> usize {
        if matches!(self, Column::Same(_)) { 0 } else { size_of::<T>() }
    }
}

/// An instant at which cells were written, and how the last observation saw them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Epoch {
    pub at_s: f64,
    pub seen: Snapshot,
    /// How the noise walked there at that observation.
    pub walk: Option<Walk>,
}

/// The instants of an array's cells.
#[derive(Clone, Debug)]
pub(super) struct Epochs {
    pub all: Vec<Epoch>,
    pub of_cell: Column<u32>,
}

impl Epochs {
    pub(super) fn new() -> Epochs {
        Epochs { all: vec![Epoch::default()], of_cell: Column::Same(0) }
    }

    /// All cells are written now.
    pub(super) fn restart(&mut self, now_s: f64) {
        self.all.clear();
        self.all.push(Epoch { at_s: now_s, ..Epoch::default() });
        self.of_cell = Column::Same(0);
    }

    /// The number of this instant, for some of `len` cells that are written now.
    pub(super) fn now(&mut self, now_s: f64, len: usize) -> u32 {
        if self.all.last().is_none_or(|last| last.at_s != now_s) {
            if self.all.len() >= len.max(1024) {
                self.forget(len);
            }
            self.all.push(Epoch { at_s: now_s, ..Epoch::default() });
        }
        self.all.len() as u32 - 1
    }

    /// Drops instants that no cell has any more.
    fn forget(&mut self, len: usize) {
        let cells = self.of_cell.each(len);
        let mut new_number = vec![u32::MAX; self.all.len()];
        cells.iter().for_each(|e| new_number[*e as usize] = 0);
        let mut kept = Vec::new();
        for (number, epoch) in new_number.iter_mut().zip(&self.all) {
            if *number == 0 {
                *number = kept.len() as u32;
                kept.push(*epoch);
            }
        }
        cells.iter_mut().for_each(|e| *e = new_number[*e as usize]);
        self.all = kept;
    }
}

/// Runs of cells with the same instant: their places and its number. `of_cell` is empty where all `len` cells share
/// the first.
pub(super) fn runs(of_cell: &[u32], len: usize) -> impl Iterator<Item = (Range<usize>, usize)> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= len {
            return None;
        }
        let Some(number) = of_cell.get(start) else {
            let all = start..len;
            start = len;
            return Some((all, 0));
        };
        let count = of_cell[start..].iter().take_while(|n| *n == number).count();
        let run = start..start + count;
        start += count;
        Some((run, *number as usize))
    })
}
