//! What can go wrong with a circuit.

use neurohm_device::compact::ModelError;
use neurohm_num::Cancelled;

/// An error of this crate: what, where, when, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CircuitError {
    /// A part's value outside of physics.
    #[error("{part}: {quantity} is {value}; give {allowed}")]
    Value {
        /// The part and its nodes.
        part: String,
        /// Which of its values, with unit.
        quantity: &'static str,
        /// The value given.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A node of another circuit.
    #[error("{part}: node {node} is not of this circuit, which has {nodes}; make it with `node`")]
    UnknownNode {
        /// The part that was to be connected.
        part: String,
        /// Its number.
        node: usize,
        /// Nodes of this circuit, ground included.
        nodes: usize,
    },
    /// An element that is no source or injection of this circuit.
    #[error("element {element} is no source or injection of this circuit; only those have a waveform")]
    NotDriven {
        /// Its number.
        element: usize,
    },
    /// A bank needs a pair of nodes for each cell.
    #[error("{pairs} pairs of nodes for a bank of {cells} cells: give one for each")]
    Pairs {
        /// Cells of the bank.
        cells: usize,
        /// Pairs given.
        pairs: usize,
    },
    /// A waveform that cannot be.
    #[error("{waveform}: {problem}")]
    Waveform {
        /// Its kind.
        waveform: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Options that cannot be.
    #[error("`{option}` is {value}; give {allowed}")]
    Option {
        /// The field of `Options`.
        option: &'static str,
        /// The value given.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// An end before the circuit's clock, or none.
    #[error(
        "the transient cannot end at {t_end_s} s: the circuit's clock is at {t_s} s; give a later finite time"
    )]
    End {
        /// The end asked for, s.
        t_end_s: f64,
        /// The circuit's clock, s.
        t_s: f64,
    },
    /// A source that has no number.
    #[error("{part} is {value} at {t_s} s; a waveform gives finite numbers, or None to let go")]
    SourceValue {
        /// The source and its nodes.
        part: String,
        /// The value, V or A.
        value: f64,
        /// When, s.
        t_s: f64,
    },
    /// Nodes that nothing ties to ground.
    #[error(
        "node{} {} float{} at {t_s} s: {}",
        if .nodes.len() == 1 { "" } else { "s" }, .nodes.join(", "), if .nodes.len() == 1 { "s" } else { "" },
        if *.direct { "no path for direct current leads to ground; add a resistor, or start the transient from the \
            capacitors' initial voltages" }
        else { "no path leads to ground; connect a resistor, capacitor, cell or driven source" }
    )]
    Floating {
        /// Their names.
        nodes: Vec<String>,
        /// When, s.
        t_s: f64,
        /// Whether only direct current counted (operating point).
        direct: bool,
    },
    /// Two ideal sources on one node.
    #[error("two voltage sources drive node {node} at {t_s} s; put a resistor between them, or let one go")]
    Conflict {
        /// The node.
        node: String,
        /// When, s.
        t_s: f64,
    },
    /// Equations that do not determine an unknown.
    #[error(
        "nothing determines {unknown} at {t_s} s: look for loops of inductors and sources, or cells that conduct nothing"
    )]
    Singular {
        /// The unknown.
        unknown: String,
        /// When, s.
        t_s: f64,
    },
    /// A cell that has no answer even for the shortest step.
    #[error(
        "cell {cell} of bank {bank} at {voltage_v} V, {t_s} s (step {step_s} s): {source}; its last good state, at \
         {} s, is {:?}",
        .good.t_s, .good.x
    )]
    Cell {
        /// The bank.
        bank: usize,
        /// The cell within it.
        cell: usize,
        /// Voltage across it, V.
        voltage_v: f64,
        /// When, s.
        t_s: f64,
        /// The step that failed, s; zero at the operating point.
        step_s: f64,
        /// Where the circuit stays.
        good: Box<Good>,
        /// Why.
        source: ModelError,
    },
    /// Newton's iteration without an end even for the shortest step.
    #[error("{unknown} does not settle at {t_s} s (step {step_s} s); voltages there: {}", list(.voltages_v))]
    NotConverged {
        /// The unknown that moves most.
        unknown: String,
        /// When, s.
        t_s: f64,
        /// The step that failed, s; zero at the operating point.
        step_s: f64,
        /// Nodes and voltages of the last iterate, V.
        voltages_v: Vec<(String, f64)>,
    },
    /// Errors above tolerance even for the shortest step.
    #[error(
        "steps of {step_s} s are still too long for {what} at {t_s} s (error {error} of what is allowed)"
    )]
    Tolerance {
        /// Whose error is largest.
        what: String,
        /// When, s.
        t_s: f64,
        /// The step that failed, s.
        step_s: f64,
        /// Error relative to tolerance.
        error: f64,
    },
    /// A bank that jumps without time going on.
    #[error(
        "bank {bank} has jumped {jumps} times at {t_s} s while time stood still; its thresholds have no hysteresis"
    )]
    Chatter {
        /// The bank.
        bank: usize,
        /// Jumps counted.
        jumps: u32,
        /// When, s.
        t_s: f64,
    },
    /// A part that cannot be written for SPICE.
    #[error("{part} has no SPICE form: {reason}")]
    NoSpice {
        /// The part.
        part: String,
        /// Why.
        reason: String,
    },
    /// The watch said stop. What was reached stays.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// A cell at the last instant that was solved.
#[derive(Clone, Debug, PartialEq)]
pub struct Good {
    /// When, s.
    pub t_s: f64,
    /// The cell's states.
    pub x: Vec<f64>,
}

fn list(voltages: &[(String, f64)]) -> String {
    const SHOWN: usize = 8;
    let mut text: Vec<String> = voltages.iter().take(SHOWN).map(|(n, v)| format!("{n} {v:.6e} V")).collect();
    if voltages.len() > SHOWN {
        text.push(format!("and {} more", voltages.len() - SHOWN));
    }
    text.join(", ")
}
