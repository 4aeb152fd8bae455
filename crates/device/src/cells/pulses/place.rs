//! Which cells a block of pulses is for, and their random numbers.

use neurohm_num::Stream;

/// Cells of a block, at most [`BLOCK`](crate::law::BLOCK), and the number of each one's pulse.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// Consecutive cells with equal numbers.
    Row { first: u64, ordinal: u32 },
    /// Consecutive cells.
    RowOf { first: u64, ordinals: &'a [u32] },
    /// Any cells.
    Some { cells: &'a [u32], ordinals: &'a [u32] },
}

impl Place<'_> {
    /// A standard normal number that a cell keeps, by its place: of event `event`.
    pub(super) fn by_cell(&self, stream: Stream, event: u32, room: &mut [u32], out: &mut [f32]) {
        match self {
            Place::Row { first, .. } | Place::RowOf { first, .. } => {
                stream.at(u64::from(event)).fill_normal(*first, out);
            }
            Place::Some { cells, .. } => {
                let room = &mut room[..cells.len()];
                room.fill(event);
                stream.gather_normal(cells, room, out);
            }
        }
    }

    /// A standard normal number of each cell's train; `by` counts from the present one.
    pub(super) fn by_train(
        &self,
        stream: Stream,
        trains: &[f32],
        by: f32,
        room: &mut [u32],
        out: &mut [f32],
    ) {
        let n = trains.len();
        let room = &mut room[..n];
        room.iter_mut().zip(trains).for_each(|(room, train)| *room = (train + by).max(0.0) as u32);
        let cell = |i: usize| match self {
            Place::Row { first, .. } | Place::RowOf { first, .. } => *first as u32 + i as u32,
            Place::Some { cells, .. } => cells[i],
        };
        let mut at = [0_u32; crate::law::BLOCK];
        at[..n].iter_mut().enumerate().for_each(|(i, at)| *at = cell(i));
        stream.gather_normal(&at[..n], room, &mut out[..n]);
    }

    /// A standard normal number of each cell's pulse.
    pub(super) fn by_pulse(&self, stream: Stream, room: &mut [u32], out: &mut [f32]) {
        match self {
            Place::Row { first, ordinal } => stream.at(u64::from(*ordinal)).fill_normal(*first, out),
            Place::RowOf { first, ordinals } => {
                let room = &mut room[..ordinals.len()];
                room.iter_mut().zip(*first as u32..).for_each(|(room, cell)| *room = cell);
                stream.gather_normal(room, ordinals, out);
            }
            Place::Some { cells, ordinals } => stream.gather_normal(cells, ordinals, out),
        }
    }
}
