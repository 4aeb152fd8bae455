//! `neurohm cost`: a network on a chip in joules, seconds and square millimetres, beside what it costs elsewhere.

mod findings;
mod network;

use std::path::PathBuf;

use neurohm::array::ChipSpec;
use neurohm::cost::map::Options as Mapping;
use neurohm::cost::{
    Activity, Fabric, Technology, baselines, map, parse_technology, technologies, technology,
};
use neurohm::num::quantity::{self, Dimension};
use neurohm::report::number::quantity as written;
use neurohm::study::record::{Cell, Level, Record, Table};
use neurohm::study::{Disk, Inputs, named_chip, named_device};

use super::carry_out;
use crate::args::quoted;
use crate::failure::Failure;
use crate::summary;
use crate::terminal::{Columns, Style, Terminal};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm cost resnet8                                        on the default chip in ISAAC's technology
  neurohm cost digits.onnx --chip pcm --technology neurosim_like_22nm
  neurohm cost --layers layers.csv --area 50mm2 --batch 16
  neurohm cost mlp --set technology.adc.point.power=3mW --set chip.tile.rows=128
  neurohm cost --technologies                                 what technologies there are

A table of layers has the columns name, rows, columns and, where they are not 1, products (a sample) and groups.")]
pub struct Options {
    /// The network: an ONNX file, an embedded one (strokes-mlp, strokes-cnn), or mlp, cnn or resnet8
    #[arg(value_name = "NETWORK", required_unless_present_any = ["layers", "technologies"])]
    network: Option<String>,
    /// A table of layers instead
    #[arg(long, value_name = "FILE.csv", conflicts_with = "network")]
    layers: Option<String>,
    /// Chip: a preset, a device's name (the default chip with it) or the path of a description
    #[arg(long, value_name = "CHIP", default_value = "default")]
    chip: String,
    /// Device to put on the chip: a preset or the path of a description
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Technology: a preset or the path of a description
    #[arg(long, value_name = "NAME", default_value = "isaac_32nm")]
    technology: String,
    /// Change a setting, such as technology.adc.point.power=3mW or chip.tile.rows=128; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Area that layers may be duplicated into, such as 50mm2 [default: the technology's chip]
    #[arg(long, value_name = "AREA", value_parser = area, allow_hyphen_values = true)]
    area: Option<f64>,
    /// Do not duplicate layers for throughput
    #[arg(long)]
    no_duplicates: bool,
    /// Samples that share a loading of weights, where they are loaded
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    batch: u64,
    /// Length of an axis of the network's input that its file leaves open, NAME=N or INPUT.AXIS=N; may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = crate::args::length)]
    shape: Vec<(String, usize)>,
    /// List the technologies; with --json, all of their constants
    #[arg(long)]
    technologies: bool,
    /// Write report.html, run.json and CSV files into DIR [default: named after the request; with --json: nothing is
    /// written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// An area in mm2.
fn area(text: &str) -> Result<f64, String> {
    let m2 = quantity::parse(text, Dimension::SquareMetre).map_err(|e| e.to_string())?;
    if m2 > 0.0 { Ok(m2 * 1e6) } else { Err(format!("{text} is no area: give one above zero")) }
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    if options.technologies {
        return list(terminal);
    }
    let (name, layers) =
        network::layers(options.network.as_deref(), options.layers.as_deref(), &options.shape)?;
    let (chip, technology) = described(&options)?;
    let folder_name = format!("cost-{}-{}", carry_out::stem(&name), carry_out::stem(&options.technology));
    let activity = Activity::default();
    let fabric = Fabric::new(&chip, &technology, activity)?;
    let how = Mapping { duplicate: !options.no_duplicates, area_mm2: options.area, batch: options.batch };
    let mapping = map(&layers, &fabric, &technology, how)?;
    let beside = baselines(&layers, options.batch)?;
    let folder = carry_out::folder(options.out.as_deref(), &folder_name, terminal)?;
    let found = findings::Found {
        name: &name,
        chip: &chip,
        technology: &technology,
        fabric: &fabric,
        mapping: &mapping,
        baselines: &beside,
    };
    let finding = found.finding(&command(&options))?;
    let record = finding.record.clone();
    let page = neurohm::report::html(std::slice::from_ref(&record), &record.title)?;
    if let Some(folder) = folder {
        let report = folder.path().join("report.html");
        let others = folder.write(&[finding], Some(&page))?.len().saturating_sub(1);
        terminal.tell(&format!("Wrote {} and {others} more files beside it.", report.display()));
    }
    if terminal.json() { terminal.print_json(&record) } else { terminal.print(&shown(&record, terminal)) }
}

/// Chip and technology with the settings of the options laid over.
fn described(options: &Options) -> Result<(ChipSpec, Technology), Failure> {
    let mut chip = named_chip(&options.chip, &Disk)?;
    if let Some(device) = &options.device {
        chip.device = named_device(device, &Disk)?;
    }
    let mut priced = match options.technology.as_str() {
        path if path.contains(['/', '\\']) || path.ends_with(".toml") => {
            let bytes = Disk.bytes(path)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| Failure::request(format!("{path} is not text, and a technology is TOML")))?;
            parse_technology(&text, path)?
        }
        name => technology(name)?,
    };
    let find = |name: &str| named_device(name, &Disk).map_err(|e| e.to_string());
    for setting in &options.set {
        let wrong = |what: String| Failure::request(format!("--set {setting}: {what}"));
        let (path, value) = setting
            .split_once('=')
            .ok_or_else(|| wrong("write it such as technology.adc.point.power=3mW".to_owned()))?;
        let done = match path.trim().split_once('.') {
            Some(("technology", path)) => priced.set(path, value.trim()),
            Some(("chip", path)) => chip.set(path, value.trim(), &find),
            _ => return Err(wrong("settings begin with `technology.` or `chip.`".to_owned())),
        };
        done.map_err(|e| wrong(e.to_string()))?;
    }
    Ok((chip, priced))
}

fn list(terminal: &Terminal) -> Result<(), Failure> {
    let all = technologies().iter().map(|preset| technology(preset.name));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    if terminal.json() {
        return terminal.print_json(&all);
    }
    let mut columns = Columns::new(&[]);
    for one in all {
        columns.row([(Style::Strong, one.name), (Style::Plain, one.title)]);
    }
    terminal.print(&columns.show(terminal))
}

/// The command that does it again.
fn command(options: &Options) -> String {
    let mut words: Vec<String> = ["neurohm", "cost"].map(str::to_owned).into();
    words.extend(options.network.clone());
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    if let Some(layers) = &options.layers {
        option("--layers", layers.clone());
    }
    option("--chip", options.chip.clone());
    if let Some(device) = &options.device {
        option("--device", device.clone());
    }
    option("--technology", options.technology.clone());
    for set in &options.set {
        option("--set", set.clone());
    }
    options.shape.iter().for_each(|(name, n)| option("--shape", format!("{name}={n}")));
    if let Some(area) = options.area {
        option("--area", format!("{area}mm2"));
    }
    if options.batch != 1 {
        option("--batch", options.batch.to_string());
    }
    words.extend(options.no_duplicates.then(|| "--no-duplicates".to_owned()));
    quoted(words)
}

/// What a person reads: the numbers, then the bill, the layers and the baselines.
fn shown(record: &Record, terminal: &Terminal) -> String {
    let mut out = summary::record(terminal, record);
    for table in record.tables.iter().filter(|t| t.name != "constants") {
        out += &format!("\n{}\n", terminal.styled(Style::Strong, &table.caption));
        out += &rows(table).show(terminal);
    }
    let remarks = record.notes.iter().filter(|note| note.level == Level::Info);
    let remarks = remarks.map(|note| format!("  {}\n", terminal.styled(Style::Faint, &note.text)));
    out + "\n" + &remarks.collect::<String>()
}

fn rows(table: &Table) -> Columns {
    let number = |i: &usize| table.rows.iter().any(|row| !matches!(row.get(*i), Some(Cell::Text(_))));
    let right: Vec<usize> = (0..table.columns.len()).filter(number).collect();
    let mut columns = Columns::new(&right);
    columns.row(table.columns.iter().map(|c| (Style::Faint, c.name.clone())));
    for row in &table.rows {
        let cells = row.iter().zip(&table.columns).map(|(cell, column)| match cell {
            Cell::Text(text) => (Style::Plain, text.clone()),
            // A zero is a number, here as on the page: a chip without power keeps its weights at 0 W.
            Cell::Number(v) => {
                let style = if *v == 0.0 { Style::Faint } else { Style::Plain };
                (style, written(*v, None, &column.unit).to_string())
            }
            Cell::Uncertain { value, ci95 } => {
                (Style::Plain, written(*value, Some(*ci95), &column.unit).to_string())
            }
        });
        columns.row(cells);
    }
    columns
}
