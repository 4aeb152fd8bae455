//! `neurohm device fit`: from a table of measurements to a description.

use std::path::PathBuf;

use neurohm::data::table::{Quantity, Reading, Table, read};
use neurohm::device::fit::iv::{IvOptions, Loop, fit_loop};
use neurohm::device::fit::pulses::{PulseOptions, Train, fit_pulses};
use neurohm::device::keep::{
    KeepError, Kept, NoiseOptions, Programmed, Reading as Kept1, RetentionOptions, Series, fit_noise,
    fit_programming, fit_retention, kept,
};
use neurohm::device::{CellSpec, DeviceSpec, fit::MeasurementError, to_toml};
use neurohm::num::quantity::{self, Dimension};
use neurohm::study::experiment::{Findings, plain};
use neurohm::study::record::{Axis, Line, Record, Series as Figure};
use neurohm::study::{Disk, RunFolder, named_device, write_file};

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
    #[arg(long, value_name = "COLUMNS")]
    columns: Option<String>,
    /// Unit of a quantity or of a column, such as current=uA; may be repeated
    #[arg(long = "unit", value_name = "NAME=UNIT")]
    unit: Vec<String>,
    /// Frequency of the drive, where the table has no times (iv)
    #[arg(long, value_name = "FREQUENCY", value_parser = hertz)]
    frequency: Option<f64>,
    /// Resistor that the voltage was measured across too (iv)
    #[arg(long = "series-ohm", value_name = "RESISTANCE", value_parser = ohm)]
    series_ohm: Option<f64>,
    /// Conductances that the smallest and the largest weight stand for, such as 1uS,50uS (pulses)
    #[arg(long, value_name = "LOW,HIGH")]
    range: Option<String>,
    /// Temperature, where the table has none (retention, iv)
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin)]
    temperature: Option<f64>,
    /// Reads a second (noise)
    #[arg(long, value_name = "FREQUENCY", value_parser = hertz)]
    rate: Option<f64>,
    /// Time from programming to the first read (noise)
    #[arg(long, value_name = "TIME", value_parser = second)]
    first: Option<f64>,
    /// Each row is a cell's series of reads behind so many other columns (noise)
    #[arg(long, value_name = "N")]
    series_in_rows: Option<usize>,
    /// Largest conductance of the device, where it is known from elsewhere
    #[arg(long, value_name = "CONDUCTANCE", value_parser = siemens)]
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
        Kind::Iv => iv(&options, &table, &progress)?,
        Kind::Pulses => pulses(&options, &table, &progress)?,
        Kind::Retention => retention(&options, &table)?,
        Kind::Noise => noise(&options, &table)?,
        Kind::Programming => programming(&options, &table)?,
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

/// A column that must be there, and what was assumed of it.
fn column(table: &Table, quantity: Quantity, notes: &mut Vec<String>) -> Result<Vec<f64>, Failure> {
    let (values, note) = table.values_noted(quantity).map_err(|e| Failure::request(e.to_string()))?;
    notes.extend(note);
    Ok(values)
}

fn optional(table: &Table, quantity: Quantity, notes: &mut Vec<String>) -> Result<Option<Vec<f64>>, Failure> {
    if table.has(quantity) { column(table, quantity, notes).map(Some) } else { Ok(None) }
}

/// Conductances, or what resistances give.
fn conductances(table: &Table, notes: &mut Vec<String>) -> Result<Vec<f64>, Failure> {
    if !table.has(Quantity::Conductance) && table.has(Quantity::Resistance) {
        let r = column(table, Quantity::Resistance, notes)?;
        return Ok(r.into_iter().map(|r| 1.0 / r).collect());
    }
    column(table, Quantity::Conductance, notes)
}

fn models(options: &Options) -> Vec<String> {
    if options.model == "auto" {
        Vec::new()
    } else {
        options.model.split(',').map(|m| m.trim().to_owned()).collect()
    }
}

fn name(options: &Options) -> String {
    let from = options.output.as_deref().unwrap_or(&options.data);
    let stem = || from.file_name().and_then(|n| n.to_str()).unwrap_or("fitted");
    let plain = |text: &str| text.split('.').next().unwrap_or(text).to_owned();
    options.name.clone().unwrap_or_else(|| plain(stem()))
}

fn label(options: &Options) -> String {
    options.data.file_name().map_or_else(|| "measurements".into(), |n| n.to_string_lossy().into_owned())
}

fn iv(options: &Options, table: &Table, progress: &Progress) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let time = optional(table, Quantity::Time, &mut notes)?;
    let voltage = column(table, Quantity::Voltage, &mut notes)?;
    let current = column(table, Quantity::Current, &mut notes)?;
    let series = options.series_ohm.unwrap_or(0.0);
    let data = Loop::new(time, voltage, current, options.frequency, series)?;
    let how = IvOptions {
        models: models(options),
        t_k: options.temperature.unwrap_or(300.0),
        name: name(options),
        label: label(options),
        ..IvOptions::default()
    };
    let fits = fit_loop(&data, &how, progress)?;
    let best = fits.first().ok_or_else(|| Failure::failed("no model could be fitted"))?;
    let mut found = Findings::default();
    notes.extend(data.notes.iter().cloned());
    for fit in &fits {
        let about = format!("{}: RMS error of the current, of the largest", fit.model);
        found.number(&format!("{}_rms", fit.model), 100.0 * fit.rms_relative, "%", about);
        let about = format!("{}: the same on samples that were not fitted ({})", fit.model, fit.held_out);
        let held = 100.0 * fit.held_out_a / data.full_scale_a();
        found.number(&format!("{}_held_out", fit.model), held, "%", about);
    }
    found.number(
        "held_out",
        100.0 * best.held_out_a / data.full_scale_a(),
        "%",
        "Error of the best model on samples that were not fitted, of the largest current",
    );
    for p in &best.parameters {
        let value = quantity::format(p.value, p.dimension);
        match (&p.interval95, &p.held) {
            (_, Some(why)) => notes.push(format!("{} = {value} {why}.", p.name)),
            (Some(i), None) => {
                let [low, high] = [i.low, i.high].map(|v| quantity::format(short(v), p.dimension));
                notes.push(format!(
                    "{} = {}, 95 % interval {low} to {high}.",
                    p.name,
                    quantity::format(short(p.value), p.dimension)
                ));
            }
            (None, None) => notes.push(format!("{} = {value}.", p.name)),
        }
    }
    if best.step_error_a > 0.01 * data.full_scale_a() {
        found.caution(format!(
            "Steps between samples are long for this model: with four times as many, the current changes by up to {:.1} \
             % of the largest.",
            100.0 * best.step_error_a / data.full_scale_a()
        ));
    }
    notes.into_iter().for_each(|n| found.info(n));
    let axis = |label: &str, unit: &str| Axis { label: label.into(), unit: unit.into(), log: false };
    found.series.push(Figure {
        name: "loop".into(),
        caption: format!("Measured current, and that of {}.", best.model),
        x: axis("voltage", "V"),
        y: axis("current", "A"),
        lines: vec![
            plain_line("measured", &data.v, &data.i_a, true),
            plain_line(best.model, &data.v, &best.current_a, false),
        ],
    });
    let residual: Vec<f64> = best.current_a.iter().zip(&data.i_a).map(|(m, i)| m - i).collect();
    found.series.push(Figure {
        name: "residuals".into(),
        caption: "Model less measurement over time.".into(),
        x: axis("time", "s"),
        y: axis("residual", "A"),
        lines: vec![plain_line("residual", &data.t_s, &residual, false)],
    });
    Ok(Outcome { device: best.device.clone(), found, merit: "held_out" })
}

fn plain_line(name: &str, x: &[f64], y: &[f64], reference: bool) -> Line {
    Line { name: name.into(), x: x.to_vec(), y: y.to_vec(), low: vec![], high: vec![], reference }
}

/// Four digits, for people.
fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn pulses(options: &Options, table: &Table, progress: &Progress) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let data = if table.has(Quantity::Up) || table.has(Quantity::Down) {
        Train::up_down(column(table, Quantity::Up, &mut notes)?, column(table, Quantity::Down, &mut notes)?)?
    } else {
        let values = match optional(table, Quantity::Weight, &mut notes)? {
            Some(weights) => weights,
            None => conductances(table, &mut notes)?,
        };
        let polarity = match optional(table, Quantity::Polarity, &mut notes)? {
            Some(polarity) => polarity,
            None => column(table, Quantity::Voltage, &mut notes)?,
        };
        let repeat = optional(table, Quantity::Cycle, &mut notes)?;
        Train::signed(&values, &polarity, repeat.as_deref())?
    };
    let range_s = match &options.range {
        None => None,
        Some(text) => {
            let parts: Vec<_> =
                text.split(',').map(siemens).collect::<Result<_, _>>().map_err(Failure::request)?;
            match parts[..] {
                [low, high] if low < high => Some((low, high)),
                _ => {
                    return Err(Failure::request(format!(
                        "--range {text} must be two conductances, the lower first"
                    )));
                }
            }
        }
    };
    let how = PulseOptions {
        laws: models(options),
        range_s,
        name: name(options),
        label: label(options),
        ..PulseOptions::default()
    };
    let fits = fit_pulses(&data, &how, progress)?;
    let best = fits.first().ok_or_else(|| Failure::failed("no law could be fitted"))?;
    let mut found = Findings::default();
    for fit in &fits {
        let about =
            format!("{}: RMS error of the mean trace on pulses that were not fitted, of the range", fit.law);
        found.number(&format!("{}_held_out", fit.law), 100.0 * fit.held_out_relative, "%", about);
    }
    found.number(
        "held_out",
        100.0 * best.held_out_relative,
        "%",
        format!("Error of the best law ({}) on {}", best.law, best.held_out),
    );
    found.number("noise", 100.0 * best.noise_relative, "%", "Noise of a single read, of the range");
    found.number("step_scatter", 100.0 * best.c2c_relative, "%", "Scatter of a single step, of the range");
    for e in &best.estimates {
        let interval = e
            .interval95
            .map_or_else(String::new, |i| format!(", 95 % interval {:.4} to {:.4}", i.low, i.high));
        notes.push(format!("{} = {:.5}{interval}: {}", e.name, e.value, verdict(&e.verdict)));
    }
    notes.into_iter().for_each(|n| found.info(n));
    let axis = |label: &str| Axis { label: label.into(), unit: "1".into(), log: false };
    let lines = data.traces().iter().zip(&best.mean).enumerate().flat_map(|(k, (trace, mean))| {
        let x: Vec<f64> = (1..=trace.values.len()).map(|n| n as f64).collect();
        [
            plain_line(&format!("measured {}", k + 1), &x, &trace.values, true),
            plain_line(&format!("{} {}", best.law, k + 1), &x, mean, false),
        ]
    });
    found.series.push(Figure {
        name: "traces".into(),
        caption: format!("Measured traces, and the mean traces of {}.", best.law),
        x: axis("pulse"),
        y: axis("value as in the data"),
        lines: lines.take(12).collect(),
    });
    Ok(Outcome { device: best.device.clone(), found, merit: "held_out" })
}

fn verdict(verdict: &neurohm::num::fit::Verdict) -> &'static str {
    use neurohm::num::fit::Verdict;
    match verdict {
        Verdict::Determined => "determined",
        Verdict::NotDetermined => "not determined by these data",
        _ => "at its bound",
    }
}

/// A device of which one aspect is known.
fn of_range(options: &Options, what: &str, g_max_s: f64, notes: &[String], cell: CellSpec) -> DeviceSpec {
    DeviceSpec {
        name: name(options),
        title: format!("{what} fitted to {}", label(options)),
        class: "memristor".into(),
        source: format!("Fit of {what} to {}.", label(options)),
        differences: notes.to_vec(),
        valid_range: format!(
            "Conductances up to {}, as in the data.",
            quantity::format(short(g_max_s), Dimension::Siemens)
        ),
        compact: None,
        spread: Default::default(),
        operation: None,
        cell: Some(cell),
    }
}

fn unknown(g_max_s: f64) -> CellSpec {
    CellSpec {
        g_min_s: 0.0,
        g_max_s,
        write: None,
        pulse: None,
        retention: None,
        noise: None,
        endurance: None,
        faults: None,
    }
}

fn retention(options: &Options, table: &Table) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let g = conductances(table, &mut notes)?;
    let time = column(table, Quantity::Time, &mut notes)?;
    let t_k = match (optional(table, Quantity::Temperature, &mut notes)?, options.temperature) {
        (Some(t), _) => t,
        (None, Some(t)) => vec![t; g.len()],
        (None, None) => {
            let message = "the table has no column of temperatures";
            return Err(Failure::request(message)
                .help("give --temperature 25C, or say which column: --columns ...,temperature"));
        }
    };
    let data: Vec<Kept> = match optional(table, Quantity::Initial, &mut notes)? {
        Some(initial) => (0..g.len())
            .filter(|n| time[*n] > 0.0)
            .map(|n| Kept { initial_s: initial[n], later_s: g[n], time_s: time[n], t_k: t_k[n] })
            .collect(),
        None => {
            let cell = column(table, Quantity::Cell, &mut notes)?;
            let row = |n: usize| Kept1 { cell: cell[n] as u64, time_s: time[n], g_s: g[n], t_k: t_k[n] };
            kept(&(0..g.len()).map(row).collect::<Vec<_>>())?
        }
    };
    let how = RetentionOptions { g_max_s: options.g_max, ..RetentionOptions::default() };
    let fitted = fit_retention(&data, &how)?;
    notes.extend(fitted.notes.iter().cloned());
    let mut found = Findings::default();
    for e in &fitted.parameters {
        let interval = e
            .interval95
            .map_or_else(String::new, |i| format!(", 95 % interval {:.4e} to {:.4e}", i.low, i.high));
        found.info(format!("{} = {:.4e}{interval}: {}", e.name, e.value, verdict(&e.verdict)));
    }
    let rms = |pick: fn(&neurohm::device::keep::ConditionError) -> f64| {
        let squares = fitted.errors.iter().map(|e| pick(e).powi(2));
        (squares.sum::<f64>() / fitted.errors.len().max(1) as f64).sqrt()
    };
    found.number("mean_error", rms(|e| e.mean_s[0]), "S", "RMS error of the mean over levels and conditions");
    found.number("unchanged_error", rms(|e| e.unchanged_s), "S", "The same if nothing were to change");
    found.number("spread_error", rms(|e| e.sd_s[0]), "S", "RMS error of the standard deviation");
    notes.iter().for_each(|n| found.info(n.clone()));
    let cell = CellSpec {
        retention: Some(neurohm::device::Retention::Activated(Box::new(fitted.law.clone()))),
        ..unknown(fitted.g_max_s)
    };
    Ok(Outcome {
        device: of_range(options, "retention", fitted.g_max_s, &notes, cell),
        found,
        merit: "mean_error",
    })
}

fn noise(options: &Options, table: &Table) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let rate_hz = options.rate.ok_or_else(|| {
        Failure::request("a spectrum needs the rate of the reads").help("give --rate 400Hz")
    })?;
    let series: Vec<Series> = match options.series_in_rows {
        Some(skipped) => {
            let columns = table.columns();
            if columns.len() < skipped + 2 {
                return Err(Failure::request(format!(
                    "--series-in-rows {skipped}: rows have only {} columns",
                    columns.len()
                )));
            }
            (0..table.rows())
                .map(|row| Series {
                    name: format!("row {}", row + 1),
                    g_s: columns[skipped..].iter().map(|c| c.raw[row]).collect(),
                })
                .collect()
        }
        None => {
            let g = conductances(table, &mut notes)?;
            let cells = optional(table, Quantity::Cell, &mut notes)?.unwrap_or_else(|| vec![0.0; g.len()]);
            let mut names: Vec<f64> = cells.clone();
            names.sort_by(f64::total_cmp);
            names.dedup();
            let of = |name: f64| Series {
                name: format!("cell {name}"),
                g_s: g.iter().zip(&cells).filter(|(_, c)| **c == name).map(|(g, _)| *g).collect(),
            };
            names.into_iter().map(of).collect()
        }
    };
    let how = NoiseOptions {
        rate_hz,
        first_s: options.first.unwrap_or(1.0),
        g_max_s: options.g_max,
        band_hz: None,
    };
    let fitted = fit_noise(&series, &how)?;
    notes.extend(fitted.notes.iter().cloned());
    let mut found = Findings::default();
    for (n, s) in fitted.series.iter().enumerate() {
        let about = format!(
            "{}: slope of the spectrum at {}",
            s.name,
            quantity::format(short(s.mean_s), Dimension::Siemens)
        );
        let interval = [s.slope_interval95.low, s.slope_interval95.high];
        found.scalar(&format!("slope_{}", n + 1), s.slope, Some(interval), "1", None, about);
        let about = format!("{}: standard deviation over mean", s.name);
        found.number(&format!("relative_{}", n + 1), s.sd_s / s.mean_s, "1", about);
        if let Some(t) = &s.telegraph {
            notes.push(format!("{} jumps between {:.4e} S and {:.4e} S.", s.name, t.low_s, t.high_s));
        }
    }
    notes.iter().for_each(|n| found.info(n.clone()));
    let cell = CellSpec { noise: Some(fitted.noise.clone()), ..unknown(fitted.g_max_s) };
    Ok(Outcome {
        device: of_range(options, "read noise", fitted.g_max_s, &notes, cell),
        found,
        merit: "slope_1",
    })
}

fn programming(options: &Options, table: &Table) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let target = column(table, Quantity::Target, &mut notes)?;
    let reached = conductances(table, &mut notes)?;
    let cells = optional(table, Quantity::Cell, &mut notes)?;
    let data: Vec<Programmed> = (0..target.len())
        .map(|n| Programmed {
            cell: cells.as_ref().map(|c| c[n] as u64),
            target_s: target[n],
            reached_s: reached[n],
        })
        .collect();
    let fitted = fit_programming(&data, options.g_max)?;
    notes.extend(fitted.notes.iter().cloned());
    let mut found = Findings::default();
    let worst = fitted.levels.iter().map(|l| l.sd_s).fold(0.0, f64::max);
    found.number("largest_error", worst, "S", "Largest standard deviation of a level");
    notes.iter().for_each(|n| found.info(n.clone()));
    let (x, y): (Vec<f64>, Vec<f64>) = fitted.levels.iter().map(|l| (l.target_s, l.sd_s)).unzip();
    let axis = |label: &str| Axis { label: label.into(), unit: "S".into(), log: false };
    found.series.push(Figure {
        name: "errors".into(),
        caption: "Standard deviation of programming by level.".into(),
        x: axis("target"),
        y: axis("standard deviation"),
        lines: vec![plain_line("all", &x, &y, false)],
    });
    let cell = CellSpec { write: Some(fitted.write.clone()), ..unknown(fitted.g_max_s) };
    Ok(Outcome {
        device: of_range(options, "programming", fitted.g_max_s, &notes, cell),
        found,
        merit: "largest_error",
    })
}

/// Separate fits in one description: what was fitted now takes its place in `base`.
fn meet(mut base: DeviceSpec, new: DeviceSpec, options: &Options) -> Result<DeviceSpec, Failure> {
    base.differences.push(format!("Added from {}: {}", label(options), new.source));
    base.differences.extend(new.differences);
    if let Some(compact) = new.compact {
        base.compact = Some(compact);
        base.spread.clear();
        base.operation = new.operation;
    }
    let Some(new) = new.cell else { return Ok(base) };
    let Some(cell) = &mut base.cell else {
        base.cell = Some(new);
        return Ok(base);
    };
    if new.g_max_s > cell.g_max_s * 1.000_001 && new.pulse.is_some() {
        let show = |g: f64| quantity::format(short(g), Dimension::Siemens);
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
