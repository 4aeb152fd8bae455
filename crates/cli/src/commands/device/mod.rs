//! `neurohm device`: one device, its descriptions and what a probe station would measure of it.

pub(super) mod bench;
mod cycle;
mod derive;
mod experiments;
mod fit;
mod program;
mod switching;
mod waveform;

use neurohm::device::{presets, to_toml};
use neurohm::study::{Disk, named_device};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::terminal::{Columns, Style, Terminal};

#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the presets
    List,
    /// Print a device's description: `neurohm device show pcm > mine.toml` is how to start your own
    Show {
        /// Preset, or the path of a description
        name: String,
    },
    /// Draw the current-voltage loop, and how it closes with frequency
    Sweep(experiments::Sweep),
    /// Give trains of pulses up and down, and read after each
    Pulse(experiments::Pulse),
    /// Measure the switching time against the voltage
    Switching(switching::Switching),
    /// Cycle SET and RESET: voltages as Weibull plots, resistances
    Cycle(cycle::Cycle),
    /// Read a state very often
    Disturb(experiments::Disturb),
    /// Bring cells to levels with pulses, and verify
    Program(program::Program),
    /// Find a description from measurements
    Fit(fit::Options),
    /// Say what a description predicts: means and standard deviations
    Predict(derive::Predict),
    /// Derive statistics from equations, so that arrays can be made of them
    Characterise(derive::Characterise),
    /// Write equations for a circuit simulator
    Export(derive::Export),
    /// Leave states alone, for ten years at 85 C unless told otherwise
    Retention(experiments::Retention),
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    match options.command {
        Command::List => list(terminal),
        Command::Show { name } => show(&name, terminal),
        Command::Sweep(options) => experiments::sweep(options, terminal),
        Command::Pulse(options) => experiments::pulse(options, terminal),
        Command::Switching(options) => switching::switching(options, terminal),
        Command::Cycle(options) => cycle::cycle(options, terminal),
        Command::Disturb(options) => experiments::disturb(options, terminal),
        Command::Program(options) => program::program(options, terminal),
        Command::Fit(options) => fit::run(options, terminal),
        Command::Predict(options) => derive::predict(options, terminal),
        Command::Characterise(options) => derive::characterised(options, terminal),
        Command::Export(options) => derive::export(options, terminal),
        Command::Retention(options) => experiments::retention(options, terminal),
    }
}

fn list(terminal: &Terminal) -> Result<(), Failure> {
    let mut columns = Columns::new(&[]);
    let mut values: Vec<Value> = Vec::new();
    for preset in presets() {
        let spec = neurohm::device::preset(preset.name)?;
        columns.row([
            (Style::Strong, preset.name.to_owned()),
            (Style::Plain, spec.class.clone()),
            (Style::Faint, spec.aspects().join(" ")),
            (Style::Plain, spec.title.clone()),
        ]);
        values.push(json!({
            "name": spec.name,
            "class": spec.class,
            "title": spec.title,
            "source": spec.source,
            "aspects": spec.aspects(),
            "not_measured": spec.unmeasured(),
        }));
    }
    if terminal.json() { terminal.print_json(&values) } else { terminal.print(&columns.show(terminal)) }
}

fn show(name: &str, terminal: &Terminal) -> Result<(), Failure> {
    let spec = named_device(name, &Disk)?;
    if terminal.json() {
        return terminal.print_json(&spec);
    }
    terminal.print(&to_toml(&spec))
}
