//! `neurohm crossbar export`: the array as a netlist.

use std::path::PathBuf;

use neurohm::array::wires::{LinearCrossbar, Saved};
use neurohm::num::Rows;
use neurohm::study::write_file;
use serde_json::json;

use super::circuit::{Circuit, CircuitOptions};
use super::memory;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// In which language a circuit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A netlist for ngspice
    Spice,
}

#[derive(clap::Args)]
#[command(after_help = "\
Example:
  neurohm crossbar export --resistance R.npy --voltages V.npy --word-line-ohm 1 --bit-line-ohm 1 -o array.cir
  ngspice -b array.cir      writes the currents of each input to crossbar.data")]
pub struct Export {
    #[command(flatten)]
    circuit: CircuitOptions,
    /// Voltages of the sources, V: a .npy file of (rows, inputs) or (rows,)
    #[arg(long, value_name = "FILE.npy")]
    voltages: PathBuf,
    /// Let the simulator write the voltages of all nodes too
    #[arg(long)]
    node_voltages: bool,
    /// Language
    #[arg(long, value_name = "FORMAT", default_value = "spice")]
    format: Format,
    /// Write to FILE [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn export(options: &Export, terminal: &Terminal) -> Result<(), Failure> {
    let files = options.circuit.open(Some(&options.voltages))?;
    let (rows, columns, inputs) = (files.rows, files.columns, files.inputs);
    // The text once, and cells and voltages twice while they are read.
    let bytes = |m: usize, n: usize| {
        let voltages = inputs.saturating_mul(m).saturating_mul(30);
        (150 * m as u64).saturating_mul(n as u64).saturating_add(voltages as u64)
    };
    memory::check([rows, columns], options.circuit.max_memory, bytes, "")?;
    let Circuit { g, v } = options.circuit.read(files)?;
    let odd = |e: neurohm::num::ShapeError| Failure::failed(e.to_string());
    let crossbar = LinearCrossbar::new(Rows::new(&g, rows, columns).map_err(odd)?, options.circuit.wires())?;
    let saved = if options.node_voltages { Saved::Nodes } else { Saved::Currents };
    let Format::Spice = options.format;
    let text = crossbar.spice(Rows::new(&v, inputs, rows).map_err(odd)?, saved)?;
    if let Some(path) = &options.output {
        write_file(path, text.as_bytes())?;
        terminal.tell(&format!("Wrote {}.", path.display()));
    }
    match (terminal.json(), &options.output) {
        (true, Some(path)) => terminal.print_json(&json!({
            "format": "spice", "rows": rows, "columns": columns, "inputs": inputs, "file": path,
        })),
        (true, None) => terminal.print_json(&json!({
            "format": "spice", "rows": rows, "columns": columns, "inputs": inputs, "netlist": text,
        })),
        (false, Some(_)) => Ok(()),
        (false, None) => terminal.print(&text),
    }
}
