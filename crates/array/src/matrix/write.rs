//! Writing weights into the cells of crossbars.

use std::ops::Range;

use neurohm_num::Rows;
use rayon::prelude::*;

use super::AnalogMatrix;
use crate::ArrayError;
use crate::crossbar::Crossbar;
use crate::mapping::Slices;
use crate::mapping::pair::Pairs;

impl AnalogMatrix {
    /// Every crossbar, not yet programmed; of each slice one where slices have converters of their own.
    pub(super) fn blank(&self) -> Result<Vec<Crossbar>, ArrayError> {
        let shares = match &self.chip.mapping.slices {
            Some(slices) if self.slices() == 1 => slices.shares().into_iter().map(|s| s as f32).collect(),
            _ => vec![1.0],
        };
        let pairs = Pairs::of_chip(&self.chip)?;
        let mut crossbars = Vec::with_capacity(self.rows.len() * self.columns.len());
        for rows in &self.rows {
            for columns in &self.columns {
                let key = self.key.child("tile", crossbars.len() as u64);
                let (rows, columns, pairs) = (rows.len(), columns.len(), pairs.clone());
                crossbars.push(Crossbar::new(&self.chip, rows, columns, &shares, pairs, key)?);
            }
        }
        Ok(crossbars)
    }

    /// Chooses the scales and programs every crossbar.
    pub(super) fn write(&mut self, weights: Rows) -> Result<(), ArrayError> {
        let Some(bias) = &self.bias else { return self.write_lines(weights) };
        // A cell at the constant input adds what the bias asks for.
        let line = bias.values.iter().map(|b| b / bias.input);
        let lines: Vec<f32> = (0..self.inputs).flat_map(|r| weights.row(r)).copied().chain(line).collect();
        self.write_lines(Rows::new(&lines, self.word_lines(), self.outputs)?)
    }

    /// The same, of all word lines.
    fn write_lines(&mut self, weights: Rows) -> Result<(), ArrayError> {
        let (slices, width) = (self.slices(), self.width());
        let Self { rows, columns, output_columns, scales, crossbars, chip, .. } = self;
        let part = |rows: &Range<usize>, columns: &Range<usize>| {
            weights.slice(rows.start, rows.len()).columns(columns.start, columns.len())
        };
        let mapping = &chip.mapping;
        for (strip, rows) in rows.iter().enumerate() {
            for (outputs, columns) in output_columns.iter().zip(columns.chunks(slices)) {
                let scales = &mut scales[strip * width..][columns[0].start..columns[slices - 1].end];
                let (first, others) = scales.split_at_mut(outputs.len());
                mapping.choose_scales(part(rows, outputs), first);
                others.chunks_exact_mut(outputs.len()).for_each(|slice| slice.copy_from_slice(first));
            }
        }
        let tiles = output_columns.len();
        crossbars.par_chunks_mut(slices).enumerate().try_for_each(|(tile, crossbars)| {
            let (strip, tile) = (tile / tiles, tile % tiles);
            let scales = &scales[strip * width..][columns[tile * slices].clone()];
            let weights = part(&rows[strip], &output_columns[tile]);
            match &mapping.slices {
                None => crossbars[0].program(0, weights, scales),
                Some(slices) => write_slices(slices, crossbars, weights, scales),
            }
        })?;
        if let Some(of) = mapping.slices.as_ref().filter(|_| slices > 1) {
            let shares = of.shares();
            for scales in scales.chunks_exact_mut(width.max(1)) {
                for (strip, columns) in columns.iter().enumerate() {
                    let share = shares[strip % slices] as f32;
                    scales[columns.clone()].iter_mut().for_each(|scale| *scale *= share);
                }
            }
        }
        Ok(())
    }

    /// Outputs from the columns of all slices, whose gains hold what they are worth.
    pub(super) fn add_slices(&self, columns: &[f32], outputs: &mut [f32]) {
        let slices = self.slices();
        for (outputs_of, strips) in self.output_columns.iter().zip(self.columns.chunks(slices)) {
            let outputs = &mut outputs[outputs_of.clone()];
            outputs.copy_from_slice(&columns[strips[0].clone()]);
            for strip in &strips[1..] {
                outputs.iter_mut().zip(&columns[strip.clone()]).for_each(|(y, part)| *y += part);
            }
        }
    }

    /// Outputs given to the columns of all slices.
    pub(super) fn to_slices(&self, outputs: &[f32], columns: &mut [f32]) {
        let slices = self.slices();
        for (outputs_of, strips) in self.output_columns.iter().zip(self.columns.chunks(slices)) {
            strips.iter().for_each(|s| columns[s.clone()].copy_from_slice(&outputs[outputs_of.clone()]));
        }
    }
}

/// Writes the slices of one block of weights, one after the other: into a crossbar each, or into planes of one.
fn write_slices(
    slices: &Slices,
    crossbars: &mut [Crossbar],
    weights: Rows,
    scales: &[f32],
) -> Result<(), ArrayError> {
    let (rows, columns) = (weights.rows(), weights.cols());
    let over = |(w, s): (&f32, &f32)| f64::from(*w) / f64::from(*s);
    let mut rest: Vec<f64> = (0..rows).flat_map(|r| weights.row(r).iter().zip(scales).map(over)).collect();
    slices.round(&mut rest);
    let ones = vec![1.0; columns];
    let mut held = vec![0.0f32; rest.len()];
    for (k, share) in slices.shares().into_iter().enumerate() {
        let digits = slices.digits(k, &rest);
        let targets: Vec<f32> = digits.iter().map(|digit| *digit as f32).collect();
        let (crossbar, slice) =
            if crossbars.len() > 1 { (&mut crossbars[k], 0) } else { (&mut crossbars[0], k) };
        crossbar.program(slice, Rows::new(&targets, rows, columns)?, &ones)?;
        if slices.verify && k + 1 < slices.count() {
            crossbar.verify(slice, &mut held)?;
            rest.iter_mut().zip(&held).for_each(|(rest, held)| *rest -= share * f64::from(*held));
        } else {
            rest.iter_mut().zip(&digits).for_each(|(rest, digit)| *rest -= share * digit);
        }
    }
    Ok(())
}
