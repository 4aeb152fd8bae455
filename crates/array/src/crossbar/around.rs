//! Crossbars with stuck cells: how these are found, and how weights are laid around them.

use neurohm_num::Rows;

use super::{Crossbar, LineSums};
use crate::ArrayError;
use crate::mapping::faults::{Known, Order, around};

impl Crossbar {
    /// Looks for stuck cells as a tester does: writes every cell to both ends of its range and reads it back. One that moved by
    /// less than half of it is stuck, at the mean of what was read.
    pub(super) fn look_for_stuck(&mut self, rows: usize, turn_rows: bool) -> Result<Known, ArrayError> {
        let cells = rows * self.columns;
        let mut known =
            Known { columns: self.columns, planes: self.planes.len(), rows: turn_rows, ..Known::default() };
        let (mut low, mut high) = (vec![0.0f32; cells], vec![0.0f32; cells]);
        for (number, plane) in self.planes.iter_mut().enumerate() {
            for (end, found) in [(self.g_min_s, &mut low), (self.g_max_s, &mut high)] {
                plane.cells.program(&vec![end; cells])?;
                plane.cells.verify_into(found)?;
            }
            for (cell, (low, high)) in low.iter().zip(&high).enumerate() {
                if high - low < 0.5 * self.range_s {
                    let u = (0.5 * (low + high) - self.g_min_s) / self.range_s;
                    let place = (cell / self.columns, cell % self.columns);
                    known.stuck.entry(place).or_default().push((number, u));
                }
            }
        }
        Ok(known)
    }

    /// Programs weights where least of them is lost, and around stuck cells.
    pub(super) fn program_around(&mut self, weights: Rows, scales: &[f32]) -> Result<(), ArrayError> {
        let (rows, columns) = (weights.rows(), self.columns);
        let Some((known, order)) = &mut self.around else { return Ok(()) };
        let over = |(w, s): (&f32, &f32)| (w / s).clamp(-1.0, 1.0);
        let parts: Vec<f32> = (0..rows).flat_map(|r| weights.row(r).iter().zip(scales).map(over)).collect();
        let parts = Rows::new(&parts, rows, self.outputs)?;
        *order = known.order(parts, scales);
        // Devices of one side hold the same unless some are stuck; what is not used holds nothing.
        let mut held = [vec![0.0f32; rows * columns], vec![0.0f32; rows * columns]];
        for (row, physical_row) in order.rows.iter().enumerate() {
            for (r, physical) in parts.row(row).iter().zip(&order.columns) {
                let place = (*physical_row, *physical);
                let sides = match known.stuck.get(&place) {
                    Some(stuck) => around(*r, stuck, known.planes),
                    None => match &self.pairs {
                        Some(pairs) => pairs.of(*r),
                        None => [r.max(0.0), (-r).max(0.0)],
                    },
                };
                for (held, u) in held.iter_mut().zip(sides) {
                    held[place.0 * columns + place.1] = u;
                }
            }
        }
        let (low, range, high) = (self.g_min_s, self.range_s, self.g_max_s);
        let targets = held.map(|side| side.iter().map(|u| (low + u * range).min(high)).collect::<Vec<f32>>());
        for (number, plane) in self.planes.iter_mut().enumerate() {
            plane.cells.program(&targets[number % 2])?;
        }
        Ok(())
    }
}

impl Order {
    /// Rows and columns of weights from those of the crossbar.
    pub(super) fn gather(&self, all: &[f32], columns: usize, wanted: Vec<&mut [f32]>) {
        for (wanted, row) in wanted.into_iter().zip(&self.rows) {
            let row = &all[row * columns..][..columns];
            wanted.iter_mut().zip(&self.columns).for_each(|(wanted, column)| *wanted = row[*column]);
        }
    }

    pub(super) fn of_lines(&self, sums: &LineSums) -> LineSums {
        let of = |lines: &[f32], order: &[usize]| order.iter().map(|line| lines[*line]).collect();
        LineSums { rows: of(&sums.rows, &self.rows), columns: of(&sums.columns, &self.columns) }
    }
}
