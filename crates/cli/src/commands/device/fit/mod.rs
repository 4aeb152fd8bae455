//! `neurohm device fit`: from a table of measurements to a description.

mod driven;
mod kept;

use std::path::PathBuf;

use neurohm::data::table::{Reading, read};
use neurohm::device::fit::MeasurementError;
use neurohm::device::keep::KeepError;
use neurohm::device::{DeviceSpec, to_toml};
use neurohm::num::quantity::{self, Dimension};
use neurohm::study::experiment::{Findings, plain};
use neurohm::study::record::Record;
use neurohm::study::{Disk, RunFolder, named_device, write_file};

use self::driven::label;
use super::bench::{hertz, kelvin, ohm, second};
use crate::args::quoted;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::summary;
use crate::terminal::Terminal;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Current against voltage: equations
    Iv,
    /// Conductances or weights after pulses: what a pulse does
    Pulses,
    /// Conductances after programming and later, at one temperature or several: how it keeps
    Retention,
    /// Series of reads: read noise
    Noise,
    /// Targets and what was reached: error of programming
    Programming,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm device fit loop.csv --kind iv --columns voltage,current --unit current=uA --frequency 100Hz -o mine.toml
  neurohm device fit bake.tsv.gz --kind retention --columns cell,time,-,conductance,temperature \\
      --unit temperature=C -o mine.toml
  neurohm device fit trains.csv --kind pulses --onto mine.toml -o mine.toml    adds [pulse] to what is there")]
pub struct Options {
    /// Table of measurements: CSV or TSV, with or without a header, gzipped or not
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// What was measured
    #[arg(long, value_name = "KIND")]
    kind: Kind,
    /// Model or law, or auto to choose by the error on data that were not fitted; iv and pulses only
    #[arg(long, value_name = "NAME", default_value = "auto")]
    model: String,
    /// Which column is what: in order (time,-,voltage) or by name (voltage=V1,current=3)
    #[arg(long, value_name = "COLUMNS", allow_hyphen_values = true)]
    columns: Option<String>,
    /// Unit of a quantity or of a column, such as current=uA; may be repeated
    #[arg(long = "unit", value_name = "NAME=UNIT")]
    unit: Vec<String>,
    /// Frequency of the drive, where the table has no times (iv)
    #[arg(long, value_name = "FREQUENCY", value_parser = hertz, allow_hyphen_values = true)]
    frequency: Option<f64>,
    /// Resistor that the voltage was measured across too (iv)
    #[arg(long = "series-ohm", value_name = "RESISTANCE", value_parser = ohm, allow_hyphen_values = true)]
    series_ohm: Option<f64>,
    /// Conductances that the smallest and the largest weight stand for, such as 1uS,50uS (pulses)
    #[arg(long, value_name = "LOW,HIGH")]
    range: Option<String>,
    /// Temperature, where the table has none (retention, iv)
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin, allow_hyphen_values = true)]
    temperature: Option<f64>,
    /// Reads a second (noise)
    #[arg(long, value_name = "FREQUENCY", value_parser = hertz, allow_hyphen_values = true)]
    rate: Option<f64>,
    /// Time from programming to the first read (noise)
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    first: Option<f64>,
    /// Each row is a cell's series of reads behind so many other columns (noise)
    #[arg(long, value_name = "N")]
    series_in_rows: Option<usize>,
    /// Largest conductance of the device, where it is known from elsewhere
    #[arg(long, value_name = "CONDUCTANCE", value_parser = siemens, allow_hyphen_values = true)]
    g_max: Option<f64>,
    /// Description that gets what is fitted: separate fits meet in one file
    #[arg(long, value_name = "DEVICE")]
    onto: Option<String>,
    /// Name of the device [default: that of the output file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write the description to FILE [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write report.html with measurement, fit and residuals into DIR
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

fn siemens(text: &str) -> Result<f64, String> {
    quantity::parse(text, Dimension::Siemens).map_err(|e| e.to_string())
}

/// What a fit brings.
struct Outcome {
    device: DeviceSpec,
    found: Findings,
    merit: &'static str,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    refuse_idle(&options)?;
    let base = options.onto.as_deref().map(|name| named_device(name, &Disk)).transpose()?;
    let folder = options.report.as_deref().map(RunFolder::open).transpose()?;
    let mut reading = Reading::default();
    if let Some(columns) = &options.columns {
        reading = reading.with_columns(columns).map_err(|e| Failure::request(e.to_string()))?;
    }
    for unit in &options.unit {
        reading = reading.with_unit(unit).map_err(|e| Failure::request(e.to_string()))?;
    }
    let table = read(&options.data, &reading)?;
    let progress = Progress::new(terminal);
    let mut outcome = match options.kind {
        Kind::Iv => driven::iv(&options, &table, &progress)?,
        Kind::Pulses => driven::pulses(&options, &table, &progress)?,
        Kind::Retention => kept::retention(&options, &table)?,
        Kind::Noise => kept::noise(&options, &table)?,
        Kind::Programming => kept::programming(&options, &table)?,
    };
    progress.finish();
    if let Some(base) = base {
        outcome.device = meet(base, outcome.device, &options)?;
    }
    outcome.device.validate()?;
    let text = to_toml(&outcome.device);
    match &options.output {
        Some(path) => {
            write_file(path, text.as_bytes())?;
            terminal.tell(&format!("Wrote {}.", path.display()));
        }
        None if terminal.json() => {}
        None => terminal.print(&text)?,
    }
    let record = record(&options, &outcome);
    if let Some(folder) = folder {
        let html = neurohm::report::html(std::slice::from_ref(&record), &record.title)?;
        let report = folder.path().join("report.html");
        folder.write(&[record.clone().into()], Some(&html))?;
        terminal.tell(&format!("Wrote {}.", report.display()));
    }
    if terminal.json() {
        let all = serde_json::json!({ "device": outcome.device, "record": record });
        return terminal.print_json(&all);
    }
    if options.output.is_some() {
        terminal.print(&summary::record(terminal, &record))?;
        for note in &record.notes {
            terminal.tell(&format!("  {}", note.text));
        }
    }
    Ok(())
}

/// Options of another kind of data mean something that this fit cannot do.
fn refuse_idle(options: &Options) -> Result<(), Failure> {
    use Kind::{Iv, Noise, Pulses, Retention};
    let given = [
        ("--frequency", options.frequency.is_some(), &[Iv][..]),
        ("--series-ohm", options.series_ohm.is_some(), &[Iv]),
        ("--range", options.range.is_some(), &[Pulses]),
        ("--temperature", options.temperature.is_some(), &[Iv, Retention]),
        ("--rate", options.rate.is_some(), &[Noise]),
        ("--first", options.first.is_some(), &[Noise]),
        ("--series-in-rows", options.series_in_rows.is_some(), &[Noise]),
        ("--model", options.model != "auto", &[Iv, Pulses]),
        ("--g-max", options.g_max.is_some(), &[Retention, Noise, Kind::Programming]),
    ];
    match given.iter().find(|(_, given, kinds)| *given && !kinds.contains(&options.kind)) {
        Some((name, _, kinds)) => {
            let kinds: Vec<_> = kinds.iter().map(|k| format!("{k:?}").to_lowercase()).collect();
            let message = format!("{name} has no effect on this kind of data");
            Err(Failure::request(message).help(format!("it belongs to --kind {}", kinds.join(" or "))))
        }
        None => Ok(()),
    }
}

/// Separate fits in one description: what was fitted now takes its place in `base`.
fn meet(mut base: DeviceSpec, new: DeviceSpec, options: &Options) -> Result<DeviceSpec, Failure> {
    base.differences.push(format!("Added from {}: {}", label(options), new.source));
    base.differences.extend(new.differences);
    if let Some(compact) = new.compact {
        base.compact = Some(compact);
        base.spread.clear();
        base.operation = new.operation;
        base.valid = new.valid;
    }
    let Some(new) = new.cell else { return Ok(base) };
    let Some(cell) = &mut base.cell else {
        base.cell = Some(new);
        return Ok(base);
    };
    if new.g_max_s > cell.g_max_s * 1.000_001 && new.pulse.is_some() {
        let show = |g: f64| quantity::format(quantity::rounded(g, 4), Dimension::Siemens);
        let message =
            format!("these data reach {}, and the device {}", show(new.g_max_s), show(cell.g_max_s));
        return Err(Failure::request(message)
            .help("steps are relative to the range: give [cell] of the base the wider range first"));
    }
    if new.write.is_some() {
        cell.write = new.write;
    }
    if new.pulse.is_some() {
        cell.pulse = new.pulse;
        (cell.g_min_s, cell.g_max_s) = (new.g_min_s, new.g_max_s);
    }
    if new.retention.is_some() {
        cell.retention = new.retention;
    }
    if new.noise.is_some() {
        cell.noise = new.noise;
    }
    Ok(base)
}

fn record(options: &Options, outcome: &Outcome) -> Record {
    let kind = format!("{:?}", options.kind).to_lowercase();
    let data = options.data.display().to_string();
    let mut words =
        vec!["neurohm".to_string(), "device".into(), "fit".into(), data, "--kind".into(), kind.clone()];
    words.extend(options.columns.iter().flat_map(|c| ["--columns".to_string(), c.clone()]));
    words.extend(options.unit.iter().flat_map(|u| ["--unit".to_string(), u.clone()]));
    let title = format!("Fit of {kind} to {}", label(options));
    let about = "What the data say of the device, what they leave open, and how far the fit is from them.";
    let mut record = plain("fit", &title, about, outcome.merit, &quoted(words), 1, outcome.found.clone());
    record.device = outcome.device.name.clone();
    record.device_title = outcome.device.title.clone();
    record.device_source = outcome.device.source.clone();
    record.description = to_toml(&outcome.device);
    record
}

impl From<MeasurementError> for Failure {
    fn from(error: MeasurementError) -> Self {
        match error {
            MeasurementError::Cancelled(_) => Failure::failed("cancelled; nothing was written"),
            error => Failure::request(error.to_string()),
        }
    }
}

impl From<KeepError> for Failure {
    fn from(error: KeepError) -> Self {
        Failure::request(error.to_string())
    }
}
