//! What can go wrong with a crossbar as a circuit.

use neurohm_num::Cancelled;
use neurohm_num::quantity::{self, Dimension};

/// Inputs that a message names one by one.
const NAMED: usize = 8;

/// A number as it was given, with an exponent where it would be long.
fn number(value: f64) -> String {
    quantity::format(value, Dimension::Ratio)
}

/// `input 3`, or `2 of 5 inputs (0, 3)`.
fn named(inputs: &[usize], of: usize) -> String {
    match inputs {
        [input] if of == 1 => format!("input {input}"),
        _ => {
            let names: Vec<String> = inputs.iter().take(NAMED).map(usize::to_string).collect();
            let more = match inputs.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{} of {of} inputs ({}{more})", inputs.len(), names.join(", "))
        }
    }
}

/// How to go on without such inputs, where there are others.
fn without(inputs: &[usize], of: usize) -> &'static str {
    if inputs.len() < of { ", or leave these inputs out" } else { "" }
}

/// Why a crossbar could not be solved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A matrix without rows or columns, or larger than 65536 a side.
    #[error(
        "a crossbar of {rows} rows and {columns} columns cannot be solved: each has to be from 1 to 65536"
    )]
    Size {
        /// Word lines.
        rows: usize,
        /// Bit lines.
        columns: usize,
    },
    /// A cell whose conductance is negative, infinite or not a number.
    #[error(
        "the conductance of the cell in row {row}, column {column} is {} S; it has to be zero (an open cell) or a \
         positive finite number",
        number(*value)
    )]
    Conductance {
        /// Row of the first such cell, from 0.
        row: usize,
        /// Its column.
        column: usize,
        /// Its value, S.
        value: f64,
    },
    /// A cell outside of the array.
    #[error(
        "there is no cell in row {row}, column {column} of {rows} rows and {columns} columns (counted from 0)"
    )]
    NoCell {
        /// Row asked for.
        row: usize,
        /// Column asked for.
        column: usize,
        /// Rows there are.
        rows: usize,
        /// Columns there are.
        columns: usize,
    },
    /// A resistance of a wire that is negative or not a number.
    #[error("{what} is {} ohm; it has to be zero, positive or infinite", number(*value))]
    Resistance {
        /// Which one.
        what: &'static str,
        /// Its value, ohm.
        value: f64,
    },
    /// A parameter of a cell that is out of range.
    #[error("{what} is {}; it has to be {range}", number(*value))]
    Parameter {
        /// Which one, with its unit.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Voltages for another number of lines.
    #[error("{found} voltages for {expected} {what}")]
    Voltages {
        /// Which lines.
        what: &'static str,
        /// Lines of the crossbar.
        expected: usize,
        /// Voltages given.
        found: usize,
    },
    /// A voltage that is infinite or not a number.
    #[error("input {input} at line {line} is {value} V; it has to be a finite number")]
    Voltage {
        /// Number of the input, from 0.
        input: usize,
        /// Its line.
        line: usize,
        /// Its value, V.
        value: f64,
    },
    /// A node without any path to a source or to ground.
    #[error(
        "the circuit is singular: the {line}-line node in row {row}, column {column} floats (no current can reach it from a \
         driver or from ground)"
    )]
    Floating {
        /// `"word"` or `"bit"`.
        line: &'static str,
        /// Row of the first such node, from 0.
        row: usize,
        /// Its column.
        column: usize,
    },
    /// An array that only elimination solves to all digits.
    #[error(
        "conjugate gradients need resistance in both kinds of lines, neither a billion times less than in the cells nor ten \
         thousand times more, drivers and sense amplifiers included; eliminate the array instead"
    )]
    TooStiff,
    /// Elimination met a pivot that is not a positive number.
    #[error(
        "the circuit is numerically singular around row {row}, column {column}: its conductances differ by too many orders of \
         magnitude for 64-bit floating point"
    )]
    Singular {
        /// Row of a cell beside the node, from 0.
        row: usize,
        /// Its column.
        column: usize,
    },
    /// A device whose equations have no answer.
    #[error(
        "the device in row {row}, column {column} cannot be followed {t_s:e} s after its lines were driven: {source}"
    )]
    Device {
        /// Its row, from 0.
        row: usize,
        /// Its column.
        column: usize,
        /// When, s after the voltages of the lines changed.
        t_s: f64,
        /// What went wrong.
        source: neurohm_device::compact::ModelError,
    },
    /// Devices that change faster than anyone follows.
    #[error(
        "{steps} steps follow the devices for {t_s:e} of {of_s:e} s only: they change too fast for pulses of that length"
    )]
    TooManySteps {
        /// Steps made.
        steps: u32,
        /// Time that they reach, s.
        t_s: f64,
        /// Time asked for, s.
        of_s: f64,
    },
    /// A matrix of another size than the array.
    #[error("{found} numbers for {expected} {what}")]
    Cells {
        /// What they are.
        what: &'static str,
        /// Cells of the array.
        expected: usize,
        /// Numbers given.
        found: usize,
    },
    /// Transistors that no gate turns on.
    #[error(
        "no selector turns on: the gates of the transistors are at {gate_v} V, not above their threshold of {threshold_v} V; raise \
         the voltage of the gates or lower the threshold"
    )]
    NoGateOpens {
        /// Voltage of the gates, V.
        gate_v: f64,
        /// Threshold, V.
        threshold_v: f64,
    },
    /// A number of devices that is not that of the cells.
    #[error("{devices} devices for the cells of {rows} rows and {columns} columns")]
    Devices {
        /// Devices given.
        devices: usize,
        /// Word lines.
        rows: usize,
        /// Bit lines.
        columns: usize,
    },
    /// Lines or selectors for which time has no meaning here.
    #[error("an array of devices in time cannot have {what}; {instead}")]
    NotInTime {
        /// What it has.
        what: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// Newton's iteration did not come to an end.
    #[error(
        "the voltages of non-linear cells did not settle in {steps} steps (the last one moved a node by {left:.1e} of the largest input): the law of the cells is too steep for these voltages"
    )]
    NotConverged {
        /// Steps taken.
        steps: u32,
        /// Largest move of the last step, as a part of the largest input.
        left: f64,
    },
    /// Cells at voltages for which no law is meant.
    #[error(
        "the cell in row {row}, column {column} is at {exponent:.0} in the exponent of its law; beyond 80, currents 1e34 times \
         those at low voltage, no law of a cell holds: lower the voltages or the non-linearity"
    )]
    TooSteep {
        /// Its row, from 0.
        row: usize,
        /// Its column.
        column: usize,
        /// The exponent.
        exponent: f64,
    },
    /// Threshold selectors none of which turns on.
    #[error(
        "no selector turns on with {}: the most strained one{}, in row {row}, column {column}, has {across_v:.4} V across it, less \
         than its threshold of {threshold_v} V; raise the voltages or lower the threshold{}",
        named(inputs, *of), match &inputs[..] { [first, _, ..] => format!(" of input {first}"), _ => String::new() },
        without(inputs, *of)
    )]
    NeverOn {
        /// Numbers of the inputs, from 0, in order.
        inputs: Vec<usize>,
        /// How many inputs were tried.
        of: usize,
        /// Row of the most strained selector of the first of them.
        row: usize,
        /// Its column.
        column: usize,
        /// Voltage across it, V.
        across_v: f64,
        /// Threshold, V.
        threshold_v: f64,
    },
    /// Threshold selectors that turn on and off without end.
    #[error(
        "the selectors do not come to rest with input {input}: some turn on, carry less than their holding current and turn off again (a relaxation oscillator)"
    )]
    Oscillates {
        /// Number of the input, from 0.
        input: usize,
    },
    /// An approximation that does not know these lines.
    #[error(
        "the approximation {by} knows neither lines that are connected at both ends nor cut ones; the exact solution does"
    )]
    NotApproximated {
        /// Its name.
        by: &'static str,
    },
    /// Rows were to be selected by gates that cells do not have.
    #[error("rows can be selected only where cells have transistors (1T1R)")]
    NoGates,
    /// A cell that a circuit simulator cannot be told.
    #[error("the cell in row {row}, column {column} has no SPICE form: {reason}")]
    NoSpice {
        /// Its row, from 0.
        row: usize,
        /// Its column.
        column: usize,
        /// Why.
        reason: String,
    },
    /// A waveform or a time that is none.
    #[error("{what} is {problem}")]
    Waveform {
        /// Which one.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The answer does not satisfy the circuit's equations.
    #[error(
        "the solution was refused: {what} is {value:e}, more than the {limit:e} that rounding explains, so the numbers cannot be \
         trusted"
    )]
    Residual {
        /// Which check failed.
        what: &'static str,
        /// What it gave.
        value: f64,
        /// What was allowed.
        limit: f64,
    },
    /// Told to stop.
    #[error("cancelled")]
    Cancelled,
}

impl WireError {
    /// The same of inputs that are counted from `first` on, of which those before all turn selectors on.
    #[must_use]
    pub fn counted_from(self, first: usize) -> Self {
        match self {
            Self::NeverOn { inputs, of, row, column, across_v, threshold_v } => Self::NeverOn {
                inputs: inputs.into_iter().map(|input| first + input).collect(),
                of: first + of,
                row,
                column,
                across_v,
                threshold_v,
            },
            Self::Oscillates { input } => Self::Oscillates { input: first + input },
            other => other,
        }
    }
}

impl From<Cancelled> for WireError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}
