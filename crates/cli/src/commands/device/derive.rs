//! `neurohm device characterise`, `program`, `predict` and `export`: what follows from a description.

use std::path::PathBuf;
use std::time::Instant;

use neurohm::data::npy;
use neurohm::device::compact::{self, Waveform, spice_netlist};
use neurohm::device::fit::pulses::predict_pulses;
use neurohm::device::predict::{Reads, predict_noise, predict_retention};
use neurohm::device::program::{Program as Programming, Scheme};
use neurohm::device::{CellArray, DeviceSpec, to_toml};
use neurohm::lab::{Protocol, characterise};
use neurohm::num::quantity::{self, Dimension};
use neurohm::num::{Key, stats};
use neurohm::study::experiment::{Asked, Findings};
use neurohm::study::record::{Axis, Better, Line, Series};
use neurohm::study::{Disk, Inputs, named_device, write_file};
use toml::{Table, Value};

use super::bench::{hertz, kelvin, second};
use crate::args::quoted;
use crate::commands::carry_out;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm device characterise vteam_memtorch -o vteam.toml && neurohm score vteam.toml
  neurohm device pulse vteam.toml --statistics --devices 1000000    its cells under trains of pulses")]
pub struct Characterise {
    /// Device with equations: a preset or the path of a description
    device: String,
    /// Devices to measure, which differ by the description's spread
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    devices: u32,
    /// Pulses of a train; each is such that the train takes a device nine tenths of the way
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    count: u32,
    /// Ambient temperature [default: 300 K]
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin)]
    temperature: Option<f64>,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the description to FILE [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn characterised(options: Characterise, terminal: &Terminal) -> Result<(), Failure> {
    let mut spec = named_device(&options.device, &Disk)?;
    let key = Key::root(options.seed).child("characterise", 0);
    spec.equations()?;
    let operation = super::bench::operation(&spec, "a description that has one")?;
    let t_k = options.temperature.unwrap_or(300.0);
    let progress = Progress::new(terminal);
    let protocol = Protocol::search(&spec, operation, options.count, t_k, key, &progress)?;
    progress.finish();
    let progress = Progress::new(terminal);
    let done = characterise(&spec, &protocol, options.devices as usize, key, &progress)?;
    progress.finish();
    let at = quantity::format(t_k, Dimension::Kelvin);
    spec.differences.push(format!(
        "Statistics characterised from the equations by neurohm {}: {} devices at {at}, {} cycles of trains of {} \
         pulses up and {} down, seed {}.",
        neurohm::VERSION,
        options.devices,
        protocol.cycles,
        protocol.count[0],
        protocol.count[1],
        options.seed
    ));
    spec.differences.extend(done.remarks.iter().cloned());
    spec.cell = Some(done.cell);
    match &options.output {
        Some(path) => {
            write_file(path, to_toml(&spec).as_bytes())?;
            terminal.tell(&format!("Wrote {}.", path.display()));
        }
        None if terminal.json() => {}
        None => terminal.print(&to_toml(&spec))?,
    }
    if terminal.json() {
        return terminal.print_json(&serde_json::json!({
            "device": spec, "remarks": done.remarks, "unexplained": done.unexplained,
            "departure": done.departure.mean,
        }));
    }
    let part = |of: f64| format!("{:.2} %", 100.0 * of);
    terminal.tell(&format!(
        "Steps scatter about their mean curves by {} of the range; cells under the same trains depart from the devices by \
         {} more than samples do.",
        part(done.unexplained),
        part(done.departure.mean)
    ));
    done.remarks.iter().for_each(|remark| terminal.tell(&format!("  {remark}")));
    Ok(())
}

/// How cells are brought to their targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SchemeName {
    /// One pulse
    Single,
    /// A train that the nominal device would need, without reads
    OpenLoop,
    /// Read after each pulse, ever stronger pulses
    Incremental,
    /// Read after each pulse, the pulse that fits the error
    ClosedLoop,
}

#[derive(clap::Args)]
#[command(after_help = "\
Example:
  neurohm device program pcm_accumulate --scheme closed-loop --tolerance 0.02 --max-pulses 40")]
pub struct Program {
    /// Device with a law for pulses: a preset or the path of a description
    device: String,
    /// How
    #[arg(long, value_name = "SCHEME", default_value = "closed-loop")]
    scheme: SchemeName,
    /// Largest error that counts as reached, of the range
    #[arg(long, value_name = "PART", default_value_t = 0.02)]
    tolerance: f64,
    /// Most pulses a cell gets
    #[arg(long, value_name = "N", default_value_t = 50)]
    max_pulses: u16,
    /// Pulses of one direction only: an overshoot stays
    #[arg(long)]
    single_branch: bool,
    /// Levels, evenly over the range
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=4096))]
    levels: u32,
    /// Cells of each level
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    cells: u32,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write report.html, run.json and CSV files into DIR
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn program(options: Program, terminal: &Terminal) -> Result<(), Failure> {
    let started = Instant::now();
    let spec = named_device(&options.device, &Disk)?;
    let cell = spec.statistics()?.clone();
    let name = format!("program-{}", carry_out::stem(&options.device));
    if !(options.tolerance > 0.0 && options.tolerance < 1.0) {
        let message = format!("--tolerance {} is a part of the range, between 0 and 1", options.tolerance);
        return Err(Failure::request(message));
    }
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let (levels, each) = (options.levels as usize, options.cells as usize);
    let range = cell.g_max_s - cell.g_min_s;
    let level = |n: usize| cell.g_min_s + range * (n as f64 + 0.5) / levels as f64;
    let targets: Vec<f32> = (0..levels * each).map(|i| level(i / each) as f32).collect();
    let mut array = CellArray::new(&cell, targets.len(), Key::root(options.seed).child("program", 0))?;
    array.reset()?;
    let how = Programming {
        scheme: match options.scheme {
            SchemeName::Single => Scheme::Single,
            SchemeName::OpenLoop => Scheme::OpenLoop,
            SchemeName::Incremental => Scheme::Incremental,
            SchemeName::ClosedLoop => Scheme::ClosedLoop,
        },
        double_branch: !options.single_branch,
        tolerance_s: options.tolerance * range,
        max_pulses: options.max_pulses,
        ..Programming::default()
    };
    let done = how.run(&mut array, &targets)?;
    let mut found = Findings::default();
    let error = |n: usize| -> Vec<f64> {
        let of = n * each..(n + 1) * each;
        of.map(|i| (f64::from(done.g_s[i]) - level(n)) / range).collect()
    };
    let all: Vec<f64> = (0..levels).flat_map(error).collect();
    let rms = (all.iter().map(|e| e * e).sum::<f64>() / all.len() as f64).sqrt();
    let pulses: Vec<f64> = done.pulses.iter().map(|p| f64::from(*p)).collect();
    let reached = 1.0 - (done.failed.len() as f64) / targets.len() as f64;
    found.scalar(
        "error",
        100.0 * rms,
        None,
        "%",
        Some(Better::Lower),
        "RMS error of programming, of the range",
    );
    found.scalar(
        "pulses",
        stats::mean(&pulses),
        None,
        "1",
        Some(Better::Lower),
        "Mean number of pulses of a cell",
    );
    let interval = stats::wilson95((reached * targets.len() as f64) as u64, targets.len() as u64);
    let ci95 = Some([100.0 * interval.low, 100.0 * interval.high]);
    found.scalar("reached", 100.0 * reached, ci95, "%", Some(Better::Higher), "Cells that did not fail");
    found.number("stuck", done.stuck.len() as f64, "1", "Stuck cells");
    if let Some(energy) = done.energy_j {
        found.scalar(
            "energy",
            energy / targets.len() as f64,
            None,
            "J",
            Some(Better::Lower),
            "Energy of a cell's pulses",
        );
    } else {
        found.info("The description gives no voltage or width of its pulses: their energy is not known.");
    }
    found.number("time", done.time_s, "s", "Time that programming took, all cells at once");
    if !done.failed.is_empty() {
        let shown: Vec<_> = done.failed.iter().take(8).map(usize::to_string).collect();
        let more = if done.failed.len() > 8 { ", ..." } else { "" };
        found.caution(format!(
            "{} cells missed their target: {}{more}.",
            done.failed.len(),
            shown.join(", ")
        ));
    }
    if !done.stuck.is_empty() {
        let shown: Vec<_> = done.stuck.iter().take(8).map(usize::to_string).collect();
        let more = if done.stuck.len() > 8 { ", ..." } else { "" };
        found.caution(format!("{} cells are stuck: {}{more}.", done.stuck.len(), shown.join(", ")));
    }
    let axis = |label: &str, unit: &str| Axis { label: label.into(), unit: unit.into(), log: false };
    let line = |name: &str, x: Vec<f64>, y: Vec<f64>| Line {
        name: name.into(),
        x,
        y,
        low: vec![],
        high: vec![],
        reference: false,
    };
    let x: Vec<f64> = (0..levels).map(level).collect();
    found.series.push(Series {
        name: "errors".into(),
        caption: "Standard deviation and bias of programming by level, of the range.".into(),
        x: axis("target", "S"),
        y: axis("error", "1"),
        lines: vec![
            line("standard deviation", x.clone(), (0..levels).map(|n| stats::sd(&error(n))).collect()),
            line("bias", x, (0..levels).map(|n| stats::mean(&error(n))).collect()),
        ],
    });
    let count: Vec<f64> = done.histogram.iter().map(|c| *c as f64).collect();
    found.series.push(Series {
        name: "pulses".into(),
        caption: "How many cells took so many pulses.".into(),
        x: axis("pulses", "1"),
        y: axis("cells", "1"),
        lines: vec![line("cells", (0..count.len()).map(|n| n as f64).collect(), count)],
    });
    let scheme = format!("{:?}", options.scheme);
    let mut settings = Table::new();
    settings.insert("scheme".into(), Value::String(scheme));
    settings.insert("tolerance".into(), Value::Float(options.tolerance));
    settings.insert("max_pulses".into(), Value::Integer(options.max_pulses.into()));
    settings.insert("double_branch".into(), Value::Boolean(!options.single_branch));
    settings.insert("levels".into(), Value::Integer(options.levels.into()));
    settings.insert("cells".into(), Value::Integer(options.cells.into()));
    let asked = Asked {
        name: "program",
        title: "Programming with pulses",
        about: "Cells are reset and brought to levels evenly over the range: how near they come, in how many pulses, at \
                what energy, and which fail.",
        revision: 1,
        merit: "error",
        device: &spec,
        settings,
        devices: targets.len(),
        seed: options.seed,
        command: quoted(["neurohm", "device", "program", &options.device]),
        started,
    };
    carry_out::deliver(asked.finding(found)?, folder, terminal)
}

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Predicted {
    /// Conductances after a time at a temperature
    Retention,
    /// Conductances after pulses
    Pulses,
    /// Scatter of a series of reads
    Noise,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm device predict mine.toml --kind retention --temperature 180C --time 7200s --initial G.npy --out DIR
  neurohm device predict mine.toml --kind pulses --initial 1uS --pulses up:50,down:50 --out DIR
  neurohm device predict mine.toml --kind noise --initial G.npy --rate 400Hz --reads 100000 --out DIR")]
pub struct Predict {
    /// Device: a preset or the path of a description
    device: String,
    /// What to predict
    #[arg(long, value_name = "KIND")]
    kind: Predicted,
    /// Conductances at the beginning: a .npy file in S, or one value such as 10uS
    #[arg(long, value_name = "G")]
    initial: String,
    /// Temperature meanwhile (retention) [default: 25C]
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin)]
    temperature: Option<f64>,
    /// How long (retention)
    #[arg(long, value_name = "TIME", value_parser = second)]
    time: Option<f64>,
    /// Pulses as stimulus:count, such as up:50,down:50; a stimulus is a name or number of the device's law (pulses)
    #[arg(long, value_name = "TRAIN")]
    pulses: Option<String>,
    /// Cells that are simulated for each beginning (pulses)
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    cells: u32,
    /// Reads a second (noise)
    #[arg(long, value_name = "FREQUENCY", value_parser = hertz)]
    rate: Option<f64>,
    /// How many reads (noise)
    #[arg(long, value_name = "N")]
    reads: Option<u32>,
    /// Time from programming to the first read (noise)
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = second)]
    first: f64,
    /// Seed of the simulation (pulses)
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write mean_s.npy and std_s.npy into DIR
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn predict(options: Predict, terminal: &Terminal) -> Result<(), Failure> {
    let spec = named_device(&options.device, &Disk)?;
    let (shape, initial) = initial(&options.initial)?;
    let need = |what: &str| Failure::request(format!("this prediction needs {what}"));
    let cell = spec.statistics()?;
    let (shape, mean, std) = match options.kind {
        Predicted::Retention => {
            if cell.retention.is_none() {
                let message = format!("the retention of `{}` was not measured", spec.name);
                return Err(Failure::request(message).help("`neurohm device fit --kind retention` finds it"));
            }
            let time = options.time.ok_or_else(|| need("--time, such as 7200s"))?;
            let t_k = options.temperature.unwrap_or(neurohm::device::ROOM_K);
            let p = predict_retention(cell, &initial, t_k, time)?;
            if let Some(text) = spec.extrapolated_at(time, t_k) {
                terminal.tell(&text);
            }
            (shape, p.mean_s, p.std_s)
        }
        Predicted::Noise => {
            if cell.noise.is_none() {
                let message = format!("the noise of `{}` was not measured", spec.name);
                return Err(Failure::request(message).help("`neurohm device fit --kind noise` finds it"));
            }
            let rate_hz = options.rate.ok_or_else(|| need("--rate, such as 400Hz"))?;
            let count = options.reads.ok_or_else(|| need("--reads, such as 100000"))? as usize;
            let p = predict_noise(cell, &initial, &Reads { first_s: options.first, rate_hz, count })?;
            (shape, p.mean_s, p.std_s)
        }
        Predicted::Pulses => {
            let train = train(
                &spec,
                options.pulses.as_deref().ok_or_else(|| need("--pulses, such as up:50,down:50"))?,
            )?;
            let progress = Progress::new(terminal);
            let (mut mean, mut std) = (Vec::new(), Vec::new());
            for (n, g) in initial.iter().enumerate() {
                let key = Key::root(options.seed).child("predict", n as u64);
                let p = predict_pulses(&spec, *g, &train, options.cells as usize, key, &progress)?;
                mean.extend(p.mean_s);
                std.extend(p.std_s);
            }
            progress.finish();
            let mut shape = shape;
            shape.push(train.len());
            (shape, mean, std)
        }
    };
    if let Some(dir) = &options.out {
        std::fs::create_dir_all(dir)
            .map_err(|e| Failure::failed(format!("cannot make {}: {e}", dir.display())))?;
        for (name, values) in [("mean_s.npy", &mean), ("std_s.npy", &std)] {
            let bytes = npy::write(&shape, values).map_err(|e| Failure::failed(e.to_string()))?;
            write_file(&dir.join(name), &bytes)?;
        }
        terminal.tell(&format!("Wrote mean_s.npy and std_s.npy into {}.", dir.display()));
    }
    if terminal.json() {
        return terminal.print_json(&serde_json::json!({ "shape": shape, "mean_s": mean, "std_s": std }));
    }
    let show = |g: f64| quantity::format(quantity::rounded(g, 4), Dimension::Siemens);
    let (m, s) = (stats::mean(&mean), stats::mean(&std));
    terminal.print(&format!("{} values: mean {}, mean standard deviation {}\n", mean.len(), show(m), show(s)))
}

/// Conductances from a file, with its shape, or one value.
fn initial(text: &str) -> Result<(Vec<usize>, Vec<f64>), Failure> {
    if !text.ends_with(".npy") {
        let g = quantity::parse(text, Dimension::Siemens);
        let g =
            g.map_err(|e| Failure::request(format!("--initial {text}: {e}")).help("or name a .npy file"))?;
        return Ok((Vec::new(), vec![g]));
    }
    let array = npy::read(&Disk.bytes(text)?).map_err(|e| Failure::request(format!("{text}: {e}")))?;
    let values: Vec<f64> = (0..array.values.len()).filter_map(|i| array.values.get(i)).collect();
    if let Some(n) = values.iter().position(|g| !g.is_finite() || *g < 0.0) {
        return Err(Failure::request(format!(
            "{text}: value {} is {} S; conductances are finite and not negative",
            n + 1,
            values[n]
        )));
    }
    Ok((array.shape, values))
}

/// `up:50,down:50` as numbers of stimuli.
fn train(spec: &DeviceSpec, text: &str) -> Result<Vec<u16>, Failure> {
    let pulse = spec.statistics()?.pulse.as_ref().ok_or_else(|| {
        Failure::request(format!("what pulses do to `{}` was not measured", spec.name))
            .help("`neurohm device fit --kind pulses` or `neurohm device characterise` finds it")
    })?;
    let known: Vec<String> = pulse.stimuli().into_iter().map(|s| s.name).collect();
    let mut train = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (name, count) = part.split_once(':').unwrap_or((part, "1"));
        let number = known
            .iter()
            .position(|k| k == name)
            .or_else(|| name.parse::<usize>().ok().filter(|n| *n < known.len()));
        let number = number.ok_or_else(|| {
            Failure::request(format!("--pulses {text}: the device knows no stimulus {name:?}"))
                .help(format!("it knows {}", known.join(", ")))
        })?;
        let count: usize =
            count.parse().ok().filter(|c| (1..=10_000_000).contains(c)).ok_or_else(|| {
                Failure::request(format!("--pulses {text}: {count:?} is no number of pulses"))
            })?;
        train.extend(std::iter::repeat_n(number as u16, count));
    }
    Ok(train)
}

/// In which language a description is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A netlist for ngspice
    Spice,
}

#[derive(clap::Args)]
#[command(after_help = "\
Example:
  neurohm device export vteam_memtorch --format spice -o vteam.cir && ngspice -b vteam.cir")]
pub struct Export {
    /// Device with equations: a preset or the path of a description
    device: String,
    /// Language
    #[arg(long, value_name = "FORMAT", default_value = "spice")]
    format: Format,
    /// The subcircuit alone, without a source and a transient
    #[arg(long)]
    subcircuit: bool,
    /// Ambient temperature [default: 300 K]
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin)]
    temperature: Option<f64>,
    /// Write to FILE [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn export(options: Export, terminal: &Terminal) -> Result<(), Failure> {
    let spec = named_device(&options.device, &Disk)?;
    let dynamic = spec.equations()?;
    let t_k = options.temperature.unwrap_or(300.0);
    let Format::Spice = options.format;
    let text = if options.subcircuit {
        dynamic.spice(&spec.name, t_k, Key::root(0))?
    } else {
        let operation = super::bench::operation(&spec, "--subcircuit")?;
        let frequency_hz = 0.25 / operation.set.width_s;
        let waveform = Waveform::Sine { amplitude_v: operation.set.voltage_v, frequency_hz, offset_v: 0.0 };
        let period = 1.0 / frequency_hz;
        let how =
            compact::Drive { waveform: &waveform, t_end_s: 3.0 * period, t_k, max_step_s: period / 500.0 };
        spice_netlist(dynamic, &how)?
    };
    match &options.output {
        Some(path) => {
            write_file(path, text.as_bytes())?;
            terminal.tell(&format!("Wrote {}.", path.display()));
            Ok(())
        }
        None => terminal.print(&text),
    }
}
