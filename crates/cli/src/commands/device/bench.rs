//! What all experiments on single devices share: their options, and the way from a measurement to a folder.

use std::path::PathBuf;
use std::time::Instant;

use neurohm::device::{DeviceSpec, Drive, Operation};
use neurohm::lab::{Bench, Cells, LabError, Rig};
use neurohm::num::quantity::{self, Dimension};
use neurohm::num::{Key, Watch};
use neurohm::study::experiment::{Asked, Findings};
use neurohm::study::{Disk, named_device};
use toml::{Table, Value};

use crate::args::quoted;
use crate::commands::carry_out;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

/// Where experiments are done unless told otherwise, K.
pub const ROOM_K: f64 = 300.0;

/// Options of every experiment.
#[derive(clap::Args)]
#[command(next_help_heading = "Bench options")]
pub struct BenchOptions {
    /// Device: a preset (see `neurohm device list`) or the path of a description
    pub device: String,
    /// Largest current while the device is set, such as 100uA; the other polarity is not limited
    #[arg(long, value_name = "CURRENT", value_parser = ampere, allow_hyphen_values = true)]
    pub compliance: Option<f64>,
    /// Resistor between source and device, such as 1kohm
    #[arg(long = "series-ohm", value_name = "RESISTANCE", value_parser = ohm, allow_hyphen_values = true)]
    pub series_ohm: Option<f64>,
    /// Ambient temperature, such as 85C or 300K
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin, allow_hyphen_values = true)]
    pub temperature: Option<f64>,
    /// Measure so many devices, which differ by the description's spread; cells (of a level) where these are known by
    /// their statistics [default: 1; 1000 cells]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub devices: Option<u32>,
    /// Take the device's statistics though it has equations
    #[arg(long)]
    pub statistics: bool,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write report.html, run.json and CSV files into DIR [default: named after the request; with --json: nothing is
    /// written]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

fn read(text: &str, dimension: Dimension) -> Result<f64, String> {
    quantity::parse(text, dimension).map_err(|e| e.to_string())
}

/// A number without a unit is in the SI unit: the option's name says which.
fn with_unit(text: &str, dimension: Dimension) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => read(text, dimension),
    }
}

pub fn volt(text: &str) -> Result<f64, String> {
    with_unit(text, Dimension::Volt)
}

pub fn ampere(text: &str) -> Result<f64, String> {
    with_unit(text, Dimension::Ampere)
}

pub fn ohm(text: &str) -> Result<f64, String> {
    with_unit(text, Dimension::Ohm)
}

pub fn hertz(text: &str) -> Result<f64, String> {
    match with_unit(text, Dimension::Hertz)? {
        f if f > 0.0 => Ok(f),
        f => Err(format!("{f} Hz is no frequency: give one above zero")),
    }
}

pub fn second(text: &str) -> Result<f64, String> {
    match with_unit(text, Dimension::Second)? {
        t if t >= 0.0 => Ok(t),
        t => Err(format!("{t} s is no length of time: give one that is not negative")),
    }
}

/// Of a bare number nobody knows whether it is in kelvin or in degrees.
pub fn kelvin(text: &str) -> Result<f64, String> {
    let t = read(text, Dimension::Kelvin)?;
    if (1.0..=3000.0).contains(&t) {
        Ok(t)
    } else {
        Err(format!("{t} K is no temperature of a device: give 1 K to 3000 K, in K or C"))
    }
}

/// An experiment's own part.
pub struct Experiment<'a> {
    /// Its name, as it is typed.
    pub name: &'a str,
    /// Its title.
    pub title: &'a str,
    /// What it asks and how it answers.
    pub about: &'a str,
    /// Revision of its method.
    pub revision: u32,
    /// The number that stands for it.
    pub merit: &'a str,
    /// What was set, by name, with units.
    pub settings: Vec<(&'a str, Value)>,
    /// Options that decide the result, as they would be typed again.
    pub words: Vec<String>,
    /// Ambient temperature where no option gives one, K.
    pub default_k: f64,
}

/// Does an experiment on single devices: the record, the folder, the printed result.
pub fn measure(
    options: &BenchOptions,
    spec: &DeviceSpec,
    experiment: Experiment,
    run: impl FnOnce(&Bench) -> Result<Findings, LabError>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if options.statistics {
        let message =
            format!("`{}` is an experiment on equations: --statistics has no effect", experiment.name);
        let help = "`pulse` and `retention` work on statistics too";
        return Err(Failure::request(message).help(help));
    }
    for (name, value) in [("--series-ohm", options.series_ohm), ("--compliance", options.compliance)] {
        if value.is_some_and(|v| v <= 0.0) {
            return Err(Failure::request(format!("{name} must be positive; leave it out for none")));
        }
    }
    knows_temperature(spec, options.temperature)?;
    let operation = spec.operation.as_ref();
    // The limit acts while the device is set, whichever polarity does that.
    let sign = operation.map_or(1.0, |o| o.set.voltage_v.signum());
    let rig = Rig {
        t_k: options.temperature.unwrap_or(experiment.default_k),
        series_ohm: options.series_ohm.or(operation.and_then(|o| o.series_ohm)).unwrap_or(0.0),
        compliance_a: sign
            * options.compliance.or(operation.and_then(|o| o.compliance_a)).unwrap_or(f64::INFINITY),
        parallel_f: 0.0,
    };
    let mut settings: Table = Table::new();
    settings.insert("temperature".into(), text(rig.t_k, Dimension::Kelvin));
    if rig.series_ohm > 0.0 {
        settings.insert("series".into(), text(rig.series_ohm, Dimension::Ohm));
    }
    if rig.compliance_a.is_finite() {
        settings.insert("compliance".into(), text(rig.compliance_a.abs(), Dimension::Ampere));
    }
    let devices = options.devices.unwrap_or(1) as usize;
    let bench = |key, watch: &dyn Watch| run(&Bench { spec, devices, key, rig, watch });
    carry(options, spec, experiment, devices, settings, bench, terminal)
}

/// Cells of an experiment on statistics where no option says how many.
const CELLS: u32 = 1000;

/// Does an experiment on cells that are known by their statistics.
pub fn measure_cells(
    options: &BenchOptions,
    spec: &DeviceSpec,
    experiment: Experiment,
    run: impl FnOnce(&Cells) -> Result<Findings, LabError>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    for (name, given) in
        [("--series-ohm", options.series_ohm.is_some()), ("--compliance", options.compliance.is_some())]
    {
        if given {
            let message = format!("{name} has no effect: statistics know conductances and no circuit");
            return Err(Failure::request(message).help("a device with equations has both"));
        }
    }
    let mut settings = Table::new();
    if let Some(t_k) = options.temperature {
        settings.insert("temperature".into(), text(t_k, Dimension::Kelvin));
    }
    let count = options.devices.unwrap_or(CELLS) as usize;
    let cells = |key, watch: &dyn Watch| run(&Cells { spec, count, key, t_k: options.temperature, watch });
    carry(options, spec, experiment, count, settings, cells, terminal)
}

/// Whether an experiment that knows both looks at the statistics of `spec`: where these are all that it has, or as asked.
pub fn by_statistics(options: &BenchOptions, spec: &DeviceSpec) -> Result<bool, Failure> {
    if options.statistics {
        spec.statistics()?;
    }
    Ok(options.statistics || (spec.compact.is_none() && spec.cell.is_some()))
}

/// That none of an experiment's options on voltages and times is given where only statistics are looked at.
pub fn idle(given: &[(&str, bool)]) -> Result<(), Failure> {
    let why = "the description's statistics know their own pulses";
    without_effect(given, why, "a device with equations takes any voltage and width")
}

/// That no option is given which has no effect, and else why it has none, and what helps.
pub fn without_effect(given: &[(&str, bool)], why: &str, help: &str) -> Result<(), Failure> {
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Failure::request(format!("{name} has no effect: {why}")).help(help)),
        None => Ok(()),
    }
}

fn carry(
    options: &BenchOptions,
    spec: &DeviceSpec,
    experiment: Experiment,
    devices: usize,
    around: Table,
    run: impl FnOnce(Key, &dyn Watch) -> Result<Findings, LabError>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let started = Instant::now();
    let name = format!("{}-{}", experiment.name, carry_out::stem(&options.device));
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let progress = Progress::new(terminal);
    let (found, stopped) = match run(Key::root(options.seed).child("bench", 0), &progress) {
        Ok(found) => (found, None),
        Err(LabError::Stopped { source, found }) => (*found, Some(*source)),
        Err(error) => return Err(error.into()),
    };
    progress.finish();
    let mut settings: Table = experiment.settings.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    settings.extend(around);
    let asked = Asked {
        name: experiment.name,
        title: experiment.title,
        about: experiment.about,
        revision: experiment.revision,
        merit: experiment.merit,
        device: spec,
        settings,
        devices,
        seed: options.seed,
        command: command(options, experiment.name, experiment.words),
        started,
    };
    let finding = asked.finding(found)?;
    match stopped {
        None => carry_out::deliver(finding, folder, terminal),
        Some(error) => carry_out::keep(&finding, folder, error.into(), terminal),
    }
}

/// A quantity as a description writes it.
pub fn text(value: f64, dimension: Dimension) -> Value {
    Value::String(quantity::format(value, dimension))
}

/// A quantity as a word of a command, which reads back to the same bits.
pub fn word(value: f64, dimension: Dimension) -> String {
    quantity::format(value, dimension).replace(' ', "")
}

fn command(options: &BenchOptions, name: &str, own: Vec<String>) -> String {
    let mut words: Vec<String> = ["neurohm", "device", name, &options.device].map(str::to_string).into();
    words.extend(own);
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|v| [name.to_string(), v]));
    };
    option("--compliance", options.compliance.map(|v| word(v, Dimension::Ampere)));
    option("--series-ohm", options.series_ohm.map(|v| word(v, Dimension::Ohm)));
    option("--temperature", options.temperature.map(|v| word(v, Dimension::Kelvin)));
    option("--devices", options.devices.map(|n| n.to_string()));
    option("--seed", (options.seed != 1).then(|| options.seed.to_string()));
    words.extend(options.statistics.then(|| "--statistics".to_string()));
    quoted(words)
}

/// That equations follow the temperature that an option gives.
pub fn knows_temperature(spec: &DeviceSpec, given: Option<f64>) -> Result<(), Failure> {
    if given.is_none() || spec.follows_temperature()? {
        return Ok(());
    }
    let model = spec.equations()?.name();
    let message = format!(
        "--temperature has no effect: the equations of `{}` ({model}) know no temperature, currents and rates are the same \
         at any",
        spec.name
    );
    let mut known: Vec<&str> = Vec::new();
    for set in neurohm::device::compact::published() {
        let dynamic = set.dynamic();
        if dynamic.follows_temperature(set.behaviour.amplitude_v.abs())? && !known.contains(&dynamic.name()) {
            known.push(dynamic.name());
        }
    }
    Err(Failure::request(message).help(format!(
        "leave the option out, or take a model that knows one: {} (`neurohm device list`)",
        known.join(", ")
    )))
}

/// The device that is asked for.
pub fn device(options: &BenchOptions) -> Result<DeviceSpec, Failure> {
    Ok(named_device(&options.device, &Disk)?)
}

/// What the description says of its operation, or which option would stand in for it.
pub fn operation<'a>(spec: &'a DeviceSpec, options: &str) -> Result<&'a Operation, Failure> {
    spec.operation.as_ref().ok_or_else(|| {
        Failure::request(format!("device `{}` does not say how it is operated", spec.name))
            .help(format!("give {options}, or add [operation] with set, reset and read to its description"))
    })
}

/// What an option's value is called where it is typed.
pub fn chosen(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}

/// A pulse with another voltage or width.
pub fn changed(pulse: Drive, voltage_v: Option<f64>, width_s: Option<f64>) -> Drive {
    Drive { voltage_v: voltage_v.unwrap_or(pulse.voltage_v), width_s: width_s.unwrap_or(pulse.width_s) }
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        match error {
            LabError::Device(error) => Failure::from(error),
            LabError::Cancelled(_) => Failure::failed("cancelled; nothing was written"),
            error if error.is_request() => Failure::request(error.to_string()),
            error => Failure::failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_read_back_to_the_same_bits() {
        type Parser = fn(&str) -> Result<f64, String>;
        let parsers: [(Dimension, Parser, f64); 6] = [
            (Dimension::Volt, volt, -1.0),
            (Dimension::Ampere, ampere, 1.0),
            (Dimension::Ohm, ohm, 1.0),
            (Dimension::Hertz, hertz, 1.0),
            (Dimension::Second, second, 1.0),
            (Dimension::Kelvin, kelvin, 1.0),
        ];
        for (dimension, parser, sign) in parsers {
            for value in [0.3 * 1.5, 2.5e-7, 1.0 / 3.0, 358.15, 1e-12, 7164.76, 3600.0, 0.25 / 5e-9, 1.5e12] {
                if dimension == Dimension::Kelvin && !(1.0..=3000.0).contains(&value) {
                    continue;
                }
                let value = sign * value;
                let word = word(value, dimension);
                assert!(!word.contains(' '), "{word}");
                assert_eq!(parser(&word).unwrap().to_bits(), value.to_bits(), "{word}");
            }
        }
        assert_eq!(word(2.5e-7, Dimension::Second), "250ns");
    }

    #[test]
    fn times_and_frequencies_below_zero_are_refused() {
        assert!(second("-1s").is_err() && second("-1").is_err() && hertz("-1kHz").is_err());
        assert!(hertz("0Hz").is_err() && kelvin("-300C").is_err());
        assert_eq!((second("0s"), kelvin("-40C")), (Ok(0.0), Ok(233.15)));
    }
}
