//! `neurohm crossbar`: an array with its wires, as a circuit.

mod cells;
mod circuit;
mod devices;
mod disturb;
mod export;
mod map;
mod margin;
mod memory;
mod nonlinear;
mod pulses;
mod solve;
mod write;

pub use margin::array_size;

use neurohm::array::wires::{LinearCrossbar, WireError};
use serde_json::Value;

use crate::args::quoted;
use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Find all currents and node voltages, and the matrix that the array is
    Solve(solve::Solve),
    /// Write states into an array of devices, through its lines
    Write(Box<write::Write>),
    /// Find what writing one cell again and again does to the others
    Disturb(Box<disturb::Disturb>),
    /// Draw the voltages on every node
    Map(map::Map),
    /// Find up to which size cells can be read past sneak paths and through wires
    Margin(margin::Margin),
    /// Write the array for a circuit simulator
    Export(export::Export),
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    match options.command {
        Command::Solve(options) => solve::solve(&options, terminal),
        Command::Write(options) => write::write(&options, terminal),
        Command::Disturb(options) => disturb::disturb(&options, terminal),
        Command::Map(options) => map::map(&options, terminal),
        Command::Margin(options) => margin::margin(&options, terminal),
        Command::Export(options) => export::export(&options, terminal),
    }
}

/// The command that does it again: what was typed, without where results go and how they are shown.
fn again() -> String {
    let mut words = vec!["neurohm".to_owned()];
    let mut typed = std::env::args().skip(1);
    while let Some(word) = typed.next() {
        match word.as_str() {
            "--out" | "-o" => drop(typed.next()),
            "--json" | "--quiet" | "-q" => {}
            other if other.starts_with("--out=") => {}
            _ => words.push(word),
        }
    }
    quoted(words)
}

/// A request as TOML, without what is not given.
fn toml(mut request: Value) -> String {
    fn given(value: &mut Value) {
        if let Value::Object(fields) = value {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(given);
        }
    }
    given(&mut request);
    toml::to_string_pretty(&request).unwrap_or_default()
}

/// What to say of an array in which nothing flows because segments are cut.
fn cut(crossbar: &LinearCrossbar) -> Option<String> {
    let wires = crossbar.wires();
    let ends = match (wires.driver_ohm == f64::INFINITY, wires.sense_ohm == f64::INFINITY) {
        (true, true) => Some("All drivers and sense amplifiers are"),
        (true, false) => Some("All drivers are"),
        (false, true) => Some("All sense amplifiers are"),
        (false, false) => None,
    };
    if let Some(ends) = ends {
        return Some(format!("{ends} cut off: no current flows from any source to ground."));
    }
    let kind = match (wires.word_ohm == f64::INFINITY, wires.bit_ohm == f64::INFINITY) {
        (false, false) => return None,
        (true, true) => {
            let said = "Segments of both kinds are cut: every cell floats, from row 0, column 0 on. No current flows, and the \
                        node voltages, which nothing determines, are given as 0 V.";
            return Some(said.to_owned());
        }
        (true, false) => "word",
        (false, true) => "bit",
    };
    Some(format!("The segments of all {kind} lines are cut: no current flows from any source to ground."))
}

/// What stands for a figure of changes where there are none.
const UNMOVED: &str = "There is no figure of disturbed cells: none changed by other cells' pulses, to the resolution of the \
    numbers (2e-16 of a conductance).";

/// The way out where conjugate gradients end too early.
const ELIMINATE: &str = "--method eliminate keeps all digits";

/// Rows, columns and inputs in messages are those of numpy.
const COUNTED: &str = "rows, columns and inputs count from 0";

/// Inputs that a command to leave them out lists at most.
const LISTED: usize = 20;

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        let said = error.to_string();
        match error {
            WireError::Cancelled => Failure::failed("cancelled; nothing was written"),
            WireError::Residual { .. } => Failure::failed(said)
                .help("currents that break Kirchhoff's law are not written; wires or cells of less extreme values help"),
            WireError::TooStiff => Failure::request(said).help(ELIMINATE),
            WireError::Singular { .. } => {
                Failure::failed(said).help(format!("{COUNTED}; cells or wires of less extreme values help"))
            }
            WireError::Floating { .. } => Failure::request(said).help(format!(
                "{COUNTED}; an open cell (inf) behind a cut wire (inf) does that: give either a large resistance instead"
            )),
            WireError::NeverOn { ref inputs, of, .. } if inputs.len() < of.min(LISTED) => Failure::request(said).help(format!(
                "{COUNTED}; numpy.delete(V, {inputs:?}, axis=1) is an array of voltages without them"
            )),
            WireError::Conductance { .. } | WireError::Voltage { .. } => Failure::request(said).help(COUNTED),
            _ => Failure::request(said),
        }
    }
}
