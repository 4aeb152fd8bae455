//! `neurohm device`: the presets, and one of them as a start for a description of one's own.

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
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    match options.command {
        Command::List => list(terminal),
        Command::Show { name } => show(&name, terminal),
    }
}

fn list(terminal: &Terminal) -> Result<(), Failure> {
    let mut columns = Columns::new(&[]);
    let mut values: Vec<Value> = Vec::new();
    for preset in presets() {
        let spec = neurohm::device::preset(preset.name)?;
        columns.row([
            (Style::Strong, preset.name),
            (Style::Plain, spec.class.as_str()),
            (Style::Plain, spec.title.as_str()),
        ]);
        values.push(json!({
            "name": spec.name,
            "class": spec.class,
            "title": spec.title,
            "source": spec.source,
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
