//! Fixed pieces of an array over threads: which piece a thread takes never changes a result.

use rayon::prelude::*;

/// Cells a task takes: big enough to cost far more than a task, small enough for the second-level cache.
const PIECE: usize = 16_384;

/// Columns that pieces are cut from; an empty one gives empty pieces.
pub(super) struct Columns<'a> {
    pub written: [&'a mut [f32]; 3],
    pub read: [&'a [f32]; 3],
}

/// Calls `work(first cell, written pieces, read pieces)` for every piece, on several threads if there are several
/// pieces. The first written column must hold all cells.
pub(super) fn for_pieces(columns: Columns<'_>, work: impl Fn(u64, [&mut [f32]; 3], [&[f32]; 3]) + Sync) {
    let cells = columns.written[0].len();
    if cells <= PIECE {
        work(0, columns.written, columns.read);
        return;
    }
    let mut written = columns.written;
    let mut tasks = Vec::with_capacity(cells.div_ceil(PIECE));
    for first in (0..cells).step_by(PIECE) {
        let count = PIECE.min(cells - first);
        let mut next = || -> [&mut [f32]; 3] {
            let mut cut = written.each_mut().map(|column| {
                let at = count.min(column.len());
                let (head, tail) = std::mem::take(column).split_at_mut(at);
                *column = tail;
                head
            });
            cut.each_mut().map(std::mem::take)
        };
        let read = columns.read.map(|c| if c.is_empty() { c } else { &c[first..first + count] });
        tasks.push((first as u64, next(), read));
    }
    tasks.into_par_iter().for_each(|(first, written, read)| work(first, written, read));
}
