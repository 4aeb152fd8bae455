//! What can go wrong between a matrix and its crossbars.

use neurohm_device::DeviceError;

use crate::SettingError;

/// Why a matrix could not be programmed, read or multiplied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// Two shapes that must agree do not.
    #[error("{what}: expected {expected} columns or rows, found {found}")]
    Shape {
        /// Which argument.
        what: &'static str,
        /// Its size as the matrix demands it.
        expected: usize,
        /// Its size.
        found: usize,
    },
    /// A NaN or an infinity in a weight or an input.
    #[error("{what} [{row}, {column}] is {value}; only finite numbers can be put on a crossbar")]
    NotFinite {
        /// Which argument.
        what: &'static str,
        /// Row of the first such value; of an input, its place in the batch.
        row: usize,
        /// Column of the first such value.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A product was asked for before the cells were read.
    #[error("the cells were programmed but never read; call `read` before a product")]
    NotRead,
    /// Biases were asked for of a matrix whose devices hold none.
    #[error(
        "devices hold no biases here: program with biases, on a chip with `mapping.bias = \"word_line\"`"
    )]
    DigitalBias,
    /// A converter's range is to come from data and no data was seen.
    #[error(
        "the range of the {converter} is to be calibrated from data; call `calibrate` with typical inputs \
         before a product, or give the chip a fixed range"
    )]
    NotCalibrated {
        /// `"DAC"` or `"ADC"`.
        converter: &'static str,
    },
    /// The chip's description is not usable.
    #[error(transparent)]
    Chip(#[from] SettingError),
    /// A buffer does not hold what it should.
    #[error(transparent)]
    Buffer(#[from] neurohm_num::ShapeError),
    /// The lines of a crossbar could not be solved.
    #[error("the lines of a crossbar: {0}")]
    Wires(#[from] crate::wires::WireError),
    /// Cells whose law takes too many products.
    #[error(
        "products of these cells (cells.conduction, cells.access) would miss their {what} by {left:.1e} of the largest, and \
         {bound:.0e} is borne: they jump, or bend too sharply; with a DAC of up to 8 bits and without input_noise each level is \
         taken by itself, and where it is so already only another turn-on voltage or a gentler law helps"
    )]
    Response {
        /// Currents, or the noise on them.
        what: &'static str,
        /// What is left, as a part of the largest.
        left: f64,
        /// What is wanted.
        bound: f64,
    },
    /// A transposed product of cells that conduct one way, or are driven from one side.
    #[error(
        "cells with diodes or transistors (cells.access) are driven from their word lines: there is no product from the other \
         side"
    )]
    OneWay,
    /// The cells refused.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// The first value of `rows` that is NaN or infinite, as an error.
pub(crate) fn finite(what: &'static str, rows: neurohm_num::Rows) -> Result<(), ArrayError> {
    for row in 0..rows.rows() {
        let values = rows.row(row);
        // One pass without branches, so that the usual case runs at memory speed.
        let largest = crate::kernel::largest_magnitude_bits(values);
        if largest >= crate::kernel::INFINITY_BITS
            && let Some(column) = values.iter().position(|v| !v.is_finite())
        {
            return Err(ArrayError::NotFinite { what, row, column, value: values[column] });
        }
    }
    Ok(())
}
