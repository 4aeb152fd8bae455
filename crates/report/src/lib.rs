//! A record becomes figures becomes one HTML file: it opens offline, follows the reader's light or dark setting,
//! prints, fits a phone and runs no script. How a number was computed is nothing this crate knows.
//!
//! ```
//! # fn demo(records: &[neurohm_study::record::Record]) -> Result<(), neurohm_report::ReportError> {
//! let page: String = neurohm_report::card(records)?; // or `html` for runs that judge no device
//! # Ok(()) }
//! ```
//!
//! [`judge`] holds what a card says about a record, [`datasheet`] how a datasheet reads, [`number`] how numbers are
//! written; the terminal's summary uses them, so page and terminal never disagree.

mod chart;
mod colour;
pub mod datasheet;
pub mod judge;
pub mod number;
mod page;
mod scale;
mod svg;
mod table;

use neurohm_study::record::Record;

/// Why a record cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A page was asked of no records.
    #[error("there is nothing to report: no records were given")]
    Empty,
    /// A map holds another number of values than its shape says.
    #[error(
        "map {name:?} says {rows} x {cols} but holds {values} values; the record is damaged or was edited"
    )]
    MapShape {
        /// The map.
        name: String,
        /// Rows it says.
        rows: usize,
        /// Columns it says.
        cols: usize,
        /// Values it holds.
        values: usize,
    },
    /// A floor plan that contradicts itself.
    #[error("floor plan {name:?}: {problem}; the record is damaged or was edited")]
    Plan {
        /// The plan.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A row of a table has another number of cells than the table has columns.
    #[error(
        "row {row} of table {name:?} holds {cells} cells for {columns} columns; the record is damaged or was edited"
    )]
    TableShape {
        /// The table.
        name: String,
        /// Index of the row.
        row: usize,
        /// Cells it holds.
        cells: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// The record names a figure of merit that it does not hold.
    #[error(
        "the record of study {study:?} names {merit:?} as its figure of merit but holds no such scalar; the record is damaged or was edited"
    )]
    Merit {
        /// The study.
        study: String,
        /// The missing scalar.
        merit: String,
    },
    /// A picture could not be encoded.
    #[error("cannot encode a map as PNG")]
    Png(#[from] png::EncodingError),
    /// The page's template failed.
    #[error("cannot fill in the page's template")]
    Template(#[from] minijinja::Error),
}

/// One page on these records under `title`: their key numbers, figures, ablations, maps, tables and what it
/// takes to find them again. Several records of one study are compared in a table on top.
///
/// # Errors
/// No records, or one whose parts disagree with one another.
pub fn html(records: &[Record], title: &str) -> Result<String, ReportError> {
    page::render(records, title, false)
}

/// The report card of a device: what each study (one record each) says about it, then the records as in
/// [`html`].
///
/// # Errors
/// As [`html`].
pub fn card(records: &[Record]) -> Result<String, ReportError> {
    let first = records.first().ok_or(ReportError::Empty)?;
    page::render(records, &first.device_title, true)
}
