//! `neurohm device program`: cells brought to levels with pulses, and verified.

use std::path::PathBuf;
use std::time::Instant;

use neurohm::device::multi::MultiCell;
use neurohm::device::program::{Miss, Outcome, Program as Programming, Scheme};
use neurohm::device::{CellArray, DeviceError};
use neurohm::num::quantity::{self, Dimension};
use neurohm::num::{Key, stats};
use neurohm::study::experiment::{Asked, Findings};
use neurohm::study::record::{Axis, Better, Line, Series};
use neurohm::study::{Disk, named_device};
use toml::{Table, Value};

use super::bench::{self, chosen};
use crate::args::quoted;
use crate::commands::carry_out;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

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

impl SchemeName {
    /// Whether a read follows each pulse.
    fn looks(self) -> bool {
        matches!(self, SchemeName::Incremental | SchemeName::ClosedLoop)
    }
}

/// Where options of a loop count.
const CLOSED: &str = "--scheme closed-loop and --scheme incremental take it";

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
    /// Most pulses a cell gets [default: twice as many as carry the nominal device across its range, 50 at least]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max_pulses: Option<u16>,
    /// Pulses of one direction only: an overshoot stays
    #[arg(long)]
    single_branch: bool,
    /// Levels, evenly over the range
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=4096))]
    levels: u32,
    /// Cells of each level
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    cells: u32,
    /// Devices whose conductances add up to a cell's; a counter chooses which of them takes each pulse
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    devices_per_cell: u32,
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
    let (several, turns) = (options.scheme != SchemeName::Single, options.scheme.looks());
    let one = "it is the one pulse of --scheme single";
    let trains = "a train or a loop takes it (--scheme open-loop, incremental or closed-loop)";
    bench::without_effect(&[("--max-pulses", options.max_pulses.is_some() && !several)], one, trains)?;
    let straight = "nothing is read that a pulse back could answer to";
    bench::without_effect(&[("--single-branch", options.single_branch && !turns)], straight, CLOSED)?;
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let (levels, each) = (options.levels as usize, options.cells as usize);
    let devices = options.devices_per_cell as usize;
    // Of a cell: the conductances of its devices add.
    let [low, high] = [cell.g_min_s, cell.g_max_s].map(|g| g * devices as f64);
    let range = high - low;
    let level = |n: usize| low + range * (n as f64 + 0.5) / levels as f64;
    let targets: Vec<f32> = (0..levels * each).map(|i| level(i / each) as f32).collect();
    let many = targets.len() * devices;
    if u32::try_from(many).is_err() {
        let message = format!("{many} devices: 2^32 at most; ask for fewer levels, cells or devices a cell");
        return Err(Failure::request(message));
    }
    let mut array = CellArray::new(&cell, many, Key::root(options.seed).child("program", 0))?;
    array.reset()?;
    let enough = || Ok(array.enough_pulses()?.saturating_mul(options.devices_per_cell as u16));
    let max_pulses = options.max_pulses.map_or_else(enough, Ok::<_, DeviceError>)?;
    let mut array = MultiCell::new(array, devices)?;
    let how = Programming {
        scheme: match options.scheme {
            SchemeName::Single => Scheme::Single,
            SchemeName::OpenLoop => Scheme::OpenLoop,
            SchemeName::Incremental => Scheme::Incremental,
            SchemeName::ClosedLoop => Scheme::ClosedLoop,
        },
        double_branch: !options.single_branch,
        tolerance_s: options.tolerance * range,
        max_pulses,
        ..Programming::default()
    };
    let progress = Progress::new(terminal);
    let done = how.run_multi_watched(&mut array, &targets, &progress)?;
    progress.finish();
    let mut found = Findings::default();
    let error = |n: usize| -> Vec<f64> {
        let of = n * each..(n + 1) * each;
        of.map(|i| (f64::from(done.g_s[i]) - level(n)) / range).collect()
    };
    let all: Vec<f64> = (0..levels).flat_map(error).collect();
    let rms = (all.iter().map(|e| e * e).sum::<f64>() / all.len() as f64).sqrt();
    let pulses: Vec<f64> = done.pulses.iter().map(|p| f64::from(*p)).collect();
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
    let looks = options.scheme.looks();
    let reached = if looks {
        "Cells that reached their target: a verifying read saw them within the tolerance, whatever later reads saw"
    } else {
        "Cells that reached their target: the last read, the only one, saw them within the tolerance"
    };
    let within = "Cells within the tolerance at the last read of all cells";
    for (name, count, about) in [("reached", done.reached, reached), ("within", done.within, within)] {
        let part = 100.0 * count as f64 / targets.len() as f64;
        let interval = stats::wilson95(count as u64, targets.len() as u64);
        let ci95 = Some([100.0 * interval.low, 100.0 * interval.high]);
        found.scalar(name, part, ci95, "%", Some(Better::Higher), about);
    }
    found.number("stuck", done.stuck.len() as f64, "1", "Stuck cells");
    if let Some(energy) = done.energy_j {
        found.scalar(
            "energy",
            energy / targets.len() as f64,
            None,
            "J",
            Some(Better::Lower),
            "Energy of a cell's pulses, mean over the cells",
        );
    } else {
        found.info(
            "The description gives no voltage or width of its pulses: their energy and their time are not \
                    known.",
        );
    }
    let about = if done.energy_j.is_some() {
        "Time that programming took, all cells at once"
    } else {
        "Time of the reads alone, all cells at once"
    };
    found.number("time", done.time_s, "s", about);
    if !done.strayed.is_empty() {
        let about = "Cells that reached their target at a verifying read, and that the last read saw outside the tolerance";
        found.number("strayed", done.strayed.len() as f64, "1", about);
        found.info(format!(
            "{} of {} that reached their target at a verifying read {} outside the tolerance at the last read: reads \
             scatter, or cells moved after they had passed. They take no more pulses, and count as reached.",
            done.strayed.len(),
            cells_in_words(done.reached),
            if done.strayed.len() == 1 { "was" } else { "were" }
        ));
    }
    if !done.failed.is_empty() {
        for (miss, count) in counts(&done) {
            let about = format!("Cells that missed their target: they {}", miss.words());
            found.number(&format!("missed_{}", miss.name()), count as f64, "1", &about);
        }
        found.caution(format!(
            "{} missed their target: {}.{}",
            cells_in_words(done.failed.len()),
            first_of(&done.failed),
            why(&how, &done, &array)?
        ));
    }
    if !done.stuck.is_empty() {
        let (count, first) = (cells_in_words(done.stuck.len()), first_of(&done.stuck));
        found.caution(format!("{count} are stuck: {first}."));
    }
    let axis = |label: &str, unit: &str| Axis { label: label.into(), unit: unit.into(), log: false };
    let line = |name: &str, x: Vec<f64>, y: Vec<f64>| Line::new(name, x, y);
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
    settings.insert("max_pulses".into(), Value::Integer(max_pulses.into()));
    settings.insert("double_branch".into(), Value::Boolean(!options.single_branch));
    settings.insert("levels".into(), Value::Integer(options.levels.into()));
    settings.insert("cells".into(), Value::Integer(options.cells.into()));
    if devices > 1 {
        settings.insert("devices_per_cell".into(), Value::Integer(options.devices_per_cell.into()));
    }
    let asked = Asked {
        name: "program",
        title: "Programming with pulses",
        about: "Cells are reset and brought to levels evenly over the range: how near they come, in how many pulses, at \
                what energy, and which fail.",
        revision: 3,
        merit: "error",
        device: &spec,
        settings,
        devices: targets.len(),
        seed: options.seed,
        command: quoted(words(&options, max_pulses)),
        started,
    };
    carry_out::deliver(asked.finding(found)?, folder, terminal)
}

/// The command, as it would be typed again.
fn words(options: &Program, max_pulses: u16) -> Vec<String> {
    let mut words: Vec<String> = ["neurohm", "device", "program", &options.device].map(str::to_owned).into();
    for (name, value) in [
        ("--scheme", chosen(&options.scheme)),
        ("--tolerance", options.tolerance.to_string()),
        ("--levels", options.levels.to_string()),
        ("--cells", options.cells.to_string()),
        ("--seed", options.seed.to_string()),
    ] {
        words.extend([name.to_owned(), value]);
    }
    if options.scheme != SchemeName::Single {
        words.extend(["--max-pulses".to_owned(), max_pulses.to_string()]);
    }
    if options.devices_per_cell > 1 {
        words.extend(["--devices-per-cell".to_owned(), options.devices_per_cell.to_string()]);
    }
    words.extend(options.single_branch.then(|| "--single-branch".to_owned()));
    words
}

fn cells_in_words(count: usize) -> String {
    if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") }
}

/// The first few numbers of cells.
fn first_of(cells: &[usize]) -> String {
    let shown: Vec<_> = cells.iter().take(8).map(usize::to_string).collect();
    shown.join(", ") + if cells.len() > 8 { ", ..." } else { "" }
}

/// How many cells missed for each reason that there was.
fn counts(done: &Outcome) -> impl Iterator<Item = (Miss, usize)> {
    let count = |miss: Miss| (miss, done.misses.iter().filter(|m| **m == miss).count());
    Miss::ALL.into_iter().map(count).filter(|(_, count)| *count > 0)
}

/// Why cells missed, each reason with its number of cells and what would help.
fn why(how: &Programming, done: &Outcome, array: &MultiCell) -> Result<String, DeviceError> {
    let devices = array.devices_per_cell() as f64;
    let [low, high] = array.devices().range_s().map(|g| g * devices);
    let part = |s: f64| format!("{:.2} %", 100.0 * s / (high - low));
    let siemens = |g: f64| quantity::format(quantity::rounded(g, 3), Dimension::Siemens);
    let mut text = String::new();
    for (miss, count) in counts(done) {
        let cells = if count == done.misses.len() { "All".to_owned() } else { cells_in_words(count) };
        text += &format!(" {cells} {}", miss.words());
        text += &match miss {
            Miss::OutOfReach => {
                let [down, up] = array.devices().reach_s()?.map(|g| siemens(g * devices));
                format!(
                    ": the mean pulse carries it down to {down} and up to {up}, and what lies beyond is reached by chance. \
                     Targets between these two help, or a device with more stimuli."
                )
            }
            Miss::Overshot => ": both directions help.".to_owned(),
            Miss::AtItsEnd => ": their targets are beyond it.".to_owned(),
            Miss::Leaping => {
                let step = array.devices().largest_step_s()?;
                let band = part(how.tolerance_s);
                let part = part(step);
                if step > 2.0 * how.tolerance_s {
                    format!(
                        ": single steps of the nominal device are wider than the tolerance, up to {part} of the range \
                         where {band} to either side are tolerated."
                    )
                } else {
                    format!(
                        ": the steps of the nominal device, {part} of the range at most, fit into the {band} tolerated to \
                         either side, but those of single pulses or reads scatter by more."
                    )
                }
            }
            Miss::OutOfPulses => format!(", {} each: a larger --max-pulses helps.", how.max_pulses),
            Miss::Unverified => "; a loop with reads comes nearer (--scheme closed-loop).".to_owned(),
        };
    }
    Ok(text)
}
