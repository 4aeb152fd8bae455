//! `neurohm crossbar export`: the array as a netlist.

use std::path::PathBuf;

use neurohm::array::wires::{LinearCrossbar, Saved, Workspace};
use neurohm::num::Rows;
use neurohm::study::write_file;
use serde_json::json;

use super::cells::CellOptions;
use super::circuit::{Circuit, CircuitOptions};
use super::memory;
use super::pulses::{Netlist, PulseOptions};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

/// In which language a circuit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A netlist for ngspice
    Spice,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm crossbar export --resistance R.npy --voltages V.npy --word-line-ohm 1 --bit-line-ohm 1 -o array.cir
  ngspice -b array.cir      writes the currents of each input to crossbar.data
  neurohm crossbar export --conductance G.npy --voltages V.npy --word-line-ohm 1 --bit-line-ohm 1 --cell sinh --nonlinearity 3
  neurohm crossbar export --device vteam_memtorch --size 4x4 --voltages V.npy --word-line-ohm 1 --bit-line-ohm 1 \\
      --pulse-width 1us     a transient: every input is a pulse, and states begin as the device says or as --states does")]
pub struct Export {
    #[command(flatten)]
    circuit: CircuitOptions,
    #[command(flatten)]
    cells: CellOptions,
    #[command(flatten)]
    pulses: PulseOptions,
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
    let Format::Spice = options.format;
    let Netlist { text, rows, columns, pulses } =
        if options.pulses.asked()? { pulsed(options)? } else { operating_points(options, terminal)? };
    if let Some(path) = &options.output {
        write_file(path, text.as_bytes())?;
        terminal.tell(&format!("Wrote {}.", path.display()));
    }
    let mut said = json!({ "format": "spice", "rows": rows, "columns": columns, "inputs": pulses });
    match (terminal.json(), &options.output) {
        (true, Some(path)) => said["file"] = json!(path),
        (true, None) => said["netlist"] = json!(text),
        (false, Some(_)) => return Ok(()),
        (false, None) => return terminal.print(&text),
    }
    terminal.print_json(&said)
}

fn saved(options: &Export) -> Saved {
    if options.node_voltages { Saved::Nodes } else { Saved::Currents }
}

/// A transient of cells with equations.
fn pulsed(options: &Export) -> Result<Netlist, Failure> {
    if options.cells.any() {
        let given = "--cell, --nonlinearity, --coefficients, --selector and --rows-on";
        return Err(Failure::request(format!("{given} do nothing to cells with equations"))
            .help("take them out, or give conductances instead of --device"));
    }
    options.pulses.netlist(&options.circuit, &options.voltages, saved(options))
}

/// Operating points of cells at frozen states.
fn operating_points(options: &Export, terminal: &Terminal) -> Result<Netlist, Failure> {
    let files = options.circuit.open(Some(&options.voltages))?;
    let (rows, columns, inputs) = (files.rows, files.columns, files.inputs);
    let cells = options.cells.nonlinear(rows)?;
    // The text once, and cells and voltages twice while they are read.
    let bytes = |m: usize, n: usize| {
        let voltages = inputs.saturating_mul(m).saturating_mul(30);
        (150 * m as u64).saturating_mul(n as u64).saturating_add(voltages as u64)
    };
    memory::check([rows, columns], options.circuit.max_memory, bytes, "")?;
    let Circuit { g, v } = options.circuit.read(files)?;
    let odd = |e: neurohm::num::ShapeError| Failure::failed(e.to_string());
    let crossbar = LinearCrossbar::new(Rows::new(&g, rows, columns).map_err(odd)?, options.circuit.wires())?;
    let inputs_v = Rows::new(&v, inputs, rows).map_err(odd)?;
    let text = match cells {
        None => crossbar.spice(inputs_v, saved(options))?,
        Some(cells) => {
            let progress = Progress::new(terminal);
            let text = cells.crossbar(&crossbar)?.spice(
                inputs_v,
                saved(options),
                &Workspace::default(),
                &progress,
            )?;
            progress.finish();
            text
        }
    };
    Ok(Netlist { text, rows, columns, pulses: inputs })
}
