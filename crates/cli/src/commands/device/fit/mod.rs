//! `neurohm device fit`: from a table of measurements to a description.

mod driven;
mod figures;
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
use super::bench::{hertz, kelvin, ohm, second, word};
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

/// The command that fits the same again: every option that has a say in the description, and none of where it goes.
fn command(options: &Options) -> String {
    let kind = format!("{:?}", options.kind).to_lowercase();
    let data = options.data.display().to_string();
    let mut words: Vec<String> = ["neurohm", "device", "fit", &data].map(str::to_string).into();
    let mut option = |name: &str, value: Option<String>| match value {
        // A value that begins like an option must stand in one word with its own.
        Some(value) if value.starts_with('-') => words.push(format!("{name}={value}")),
        Some(value) => words.extend([name.to_string(), value]),
        None => {}
    };
    option("--kind", Some(kind));
    option("--model", (options.model != "auto").then(|| options.model.clone()));
    option("--columns", options.columns.clone());
    for unit in &options.unit {
        option("--unit", Some(unit.clone()));
    }
    option("--frequency", options.frequency.map(|v| word(v, Dimension::Hertz)));
    option("--series-ohm", options.series_ohm.map(|v| word(v, Dimension::Ohm)));
    option("--range", options.range.clone());
    option("--temperature", options.temperature.map(|v| word(v, Dimension::Kelvin)));
    option("--rate", options.rate.map(|v| word(v, Dimension::Hertz)));
    option("--first", options.first.map(|v| word(v, Dimension::Second)));
    option("--series-in-rows", options.series_in_rows.map(|n| n.to_string()));
    option("--g-max", options.g_max.map(|v| word(v, Dimension::Siemens)));
    option("--onto", options.onto.clone());
    // The name of the output is that of the device.
    let named = options.name.is_some() || options.output.is_some();
    option("--name", named.then(|| driven::name(options)));
    quoted(words)
}

fn record(options: &Options, outcome: &Outcome) -> Record {
    let kind = format!("{:?}", options.kind).to_lowercase();
    let title = format!("Fit of {kind} to {}", label(options));
    let about = "What the data say of the device, what they leave open, and how far the fit is from them.";
    let mut record = plain("fit", &title, about, outcome.merit, &command(options), 1, outcome.found.clone());
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn read_back(words: &[String]) -> Options {
        Line::try_parse_from(words).unwrap_or_else(|e| panic!("{words:?}: {e}")).options
    }

    #[test]
    fn the_command_of_a_fit_reads_back_to_the_options_that_were_given() {
        for asked in [
            "loop.csv --kind iv --columns=-,voltage,current --unit current=uA --frequency 0.3Hz --series-ohm 33",
            "loop.csv --kind iv --model vteam,yakopcic --temperature 85C --unit voltage=mV --unit current=nA",
            "trains.csv --kind pulses --range 1uS,50uS --model soft_bounds --name mine",
            "reads.csv --kind noise --rate 400.7Hz --first 3.3ms --series-in-rows 2 --g-max 49.3uS",
            "bake.tsv.gz --kind retention --temperature 358.15K --g-max 0.3mS --onto pcm",
        ] {
            let line = format!("fit {asked}");
            let given = read_back(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
            let command = command(&given);
            let words: Vec<String> =
                command.split(' ').skip(2).map(|w| w.trim_matches('\'').to_owned()).collect();
            assert_eq!(words[0], "fit", "{command}");
            let again = read_back(&words);
            // Quantities are compared as bits by way of their shortest digits.
            let all = |o: &Options| {
                format!(
                    "{:?}",
                    (
                        (&o.data, o.kind, &o.model, &o.columns, &o.unit, &o.range, &o.onto, &o.name),
                        (
                            o.frequency,
                            o.series_ohm,
                            o.temperature,
                            o.rate,
                            o.first,
                            o.series_in_rows,
                            o.g_max
                        ),
                    )
                )
            };
            assert_eq!(all(&again), all(&given), "{command}");
        }
    }
}
