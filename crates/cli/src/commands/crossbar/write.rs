//! `neurohm crossbar write`: states written into an array of devices, through its lines.

use std::path::{Path, PathBuf};
use std::time::Instant;

use neurohm::array::wires::{Together, Verify, Workspace, Written};
use neurohm::data::npy;
use neurohm::num::quantity::Dimension;
use neurohm::num::stats;
use neurohm::study::experiment::{Asked, Findings};
use neurohm::study::record::{Axis, Better, Line, Map, Series};
use toml::Value;

use super::circuit;
use super::devices::{DeviceOptions, Initial, Ready};
use crate::args::quoted;
use crate::commands::carry_out;
use crate::commands::device::bench::{self, chosen, second, text};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm crossbar write vteam_memtorch --pattern P.npy --word-line-ohm 1 --bit-line-ohm 1
  neurohm crossbar write mean_metastable_switch_knowm --targets G.npy --tolerance 0.05 --set-width 100us \\
    --reset-width 100us --first 0.3 --word-line-ohm 1 --bit-line-ohm 1

A pattern holds 1 where a cell is set, 0 where it is reset and nan where it is left alone, and gives each cell
one pulse. Targets are conductances in S, nan where a cell is left alone: each cell is read through its lines and
pulsed until it is within the tolerance. Writes report.html, run.json and, as .npy, the conductances before and after
and as each cell's own write left them, the pulses of each cell, and the voltage that its first one had.")]
pub struct Write {
    #[command(flatten)]
    devices: DeviceOptions,
    #[command(flatten)]
    goal: Goal,
    /// States that all cells begin with
    #[arg(long, value_name = "STATES", default_value = "off")]
    initial: Initial,
    /// What gets its pulses at once: cell after cell, the cells of a word line, or those of a bit line
    #[arg(long, value_name = "CELLS", default_value = "row")]
    together: TogetherName,
    /// Time at 0 V after each pulse [default: the longer of the pulses]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    rest: Option<f64>,
    /// Largest error that counts as reached, of the target [default: 0.05]
    #[arg(long, value_name = "PART")]
    tolerance: Option<f64>,
    /// First pulse in a direction, of the pulse's voltage [default: 0.5]
    #[arg(long, value_name = "PART")]
    first: Option<f64>,
    /// What each further pulse in that direction adds, of the pulse's voltage [default: 0.05]
    #[arg(long, value_name = "PART")]
    increment: Option<f64>,
    /// Strongest pulse, of the pulse's voltage [default: 1.5]
    #[arg(long, value_name = "PART")]
    largest: Option<f64>,
    /// Most pulses a cell gets [default: 50]
    #[arg(long, value_name = "N")]
    max_pulses: Option<u32>,
    /// Write report.html, run.json and .npy files into DIR [default: named after the device; with --json: nothing is
    /// written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What is to be written: one of the two.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Goal {
    /// 1 to set, 0 to reset, nan to leave: a .npy file of (rows, columns)
    #[arg(long, value_name = "FILE.npy")]
    pattern: Option<PathBuf>,
    /// Conductances to reach, S: a .npy file of (rows, columns)
    #[arg(long, value_name = "FILE.npy")]
    targets: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum TogetherName {
    Cell,
    Row,
    Column,
}

/// What is to be written, read from its file.
enum Wanted {
    Pattern(Vec<Option<bool>>),
    Targets(Vec<f64>, Verify),
}

pub fn write(options: &Write, terminal: &Terminal) -> Result<(), Failure> {
    let started = Instant::now();
    let ready = options.devices.ready()?;
    let (wanted, rows, columns) = options.wanted(&ready)?;
    let name = format!("crossbar-write-{}", carry_out::stem(&options.devices.device));
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let together = match options.together {
        TogetherName::Cell => Together::Cell,
        TogetherName::Row => Together::Row,
        TogetherName::Column => Together::Column,
    };
    let rest_s = options.rest.unwrap_or_else(|| ready.rest_s());
    let writing = ready.writing(together, rest_s);
    let progress = Progress::new(terminal);
    let workspace = Workspace::default();
    let ends = ready.ends(&progress)?;
    let mut array =
        ready.array((rows, columns), options.initial, options.devices.seed, &workspace, &progress)?;
    let before = array.conductances(ready.read_v)?;
    let written = match &wanted {
        Wanted::Pattern(pattern) => writing.pattern(&mut array, pattern, ready.read_v, &progress)?,
        Wanted::Targets(targets, verify) => writing.verified(&mut array, targets, verify, &progress)?,
    };
    let after = array.conductances(ready.read_v)?;
    progress.finish();

    let mut found = Findings::default();
    let cells = Cells { rows, columns, before, after, written };
    cells.tell(&wanted, ends, &mut found);
    ready.notes(&mut found);
    found.info(
        "Reads do not move devices, and states between pulses are as they are after a rest: what fades longer than that is \
         not waited for.",
    );
    cells.files(&mut found)?;
    let mut settings = options.devices.settings(&ready);
    settings.insert("rows".into(), Value::Integer(rows as i64));
    settings.insert("columns".into(), Value::Integer(columns as i64));
    settings.insert("initial".into(), Value::String(chosen(&options.initial)));
    settings.insert("together".into(), Value::String(chosen(&options.together)));
    settings.insert("rest".into(), text(rest_s, Dimension::Second));
    if let Wanted::Targets(_, verify) = &wanted {
        for (name, value) in [
            ("tolerance", verify.tolerance),
            ("first", verify.first),
            ("increment", verify.increment),
            ("largest", verify.largest),
        ] {
            settings.insert(name.into(), Value::Float(value));
        }
        settings.insert("max_pulses".into(), Value::Integer(verify.max_pulses.into()));
    }
    let asked = Asked {
        name: "crossbar_write",
        title: "States written into an array",
        about: "Pulses on the lines of an array write its cells one after another, or a line at once. Wires take a part of \
                every pulse, cells that are not chosen see a part of it too, and all of them follow their own equations: \
                what stands in the array afterwards, and what that took.",
        revision: 1,
        merit: "reached",
        device: &ready.spec,
        settings,
        devices: rows * columns,
        seed: options.devices.seed,
        command: quoted(options.words()),
        started,
    };
    let stopped = cells.written.stopped_after;
    let finding = asked.finding(found)?;
    match stopped {
        None => carry_out::deliver(finding, folder, terminal),
        Some(done) => {
            let message = format!("cancelled after {done} cells were written");
            carry_out::keep(&finding, folder, Failure::failed(message), terminal)
        }
    }
}

impl Write {
    fn wanted(&self, ready: &Ready) -> Result<(Wanted, usize, usize), Failure> {
        if let Some(path) = &self.goal.pattern {
            let loops = [
                ("--tolerance", self.tolerance.is_some()),
                ("--first", self.first.is_some()),
                ("--increment", self.increment.is_some()),
                ("--largest", self.largest.is_some()),
                ("--max-pulses", self.max_pulses.is_some()),
            ];
            bench::without_effect(
                &loops,
                "a pattern gets one pulse a cell, without a read",
                "--targets take it",
            )?;
            let (values, rows, columns) = circuit::matrix_file(path, |size| self.devices.fits(size, ready))?;
            let good = |v: f64| v.is_nan() || v == 0.0 || v == 1.0;
            if let Some(k) = values.iter().position(|v| !good(*v)) {
                let (row, column) = (k / columns, k % columns);
                let message = format!("{} holds {} in row {row}, column {column}", path.display(), values[k]);
                return Err(Failure::request(message).help(
                    "a pattern is of 1 (set), 0 (reset) and nan (left alone); conductances go to --targets",
                ));
            }
            some(path, values.iter().all(|v| v.is_nan()))?;
            let pattern = values.iter().map(|v| (!v.is_nan()).then_some(*v == 1.0)).collect();
            return Ok((Wanted::Pattern(pattern), rows, columns));
        }
        let Some(path) = &self.goal.targets else {
            return Err(Failure::request("--pattern or --targets says what is to be written"));
        };
        let (values, rows, columns) = circuit::matrix_file(path, |size| self.devices.fits(size, ready))?;
        let good = |v: f64| v.is_nan() || (v > 0.0 && v.is_finite());
        if let Some(k) = values.iter().position(|v| !good(*v)) {
            let (row, column) = (k / columns, k % columns);
            let message = format!("{} holds {} S in row {row}, column {column}", path.display(), values[k]);
            return Err(Failure::request(message)
                .help("targets are positive conductances in S, or nan for a cell that is left alone"));
        }
        some(path, values.iter().all(|v| v.is_nan()))?;
        let part = |name: &str, given: Option<f64>, default: f64| match given.unwrap_or(default) {
            part if part > 0.0 && part.is_finite() => Ok(part),
            part => Err(Failure::request(format!("{name} {part} is no part: give one above zero"))),
        };
        let verify = Verify {
            read_v: ready.read_v,
            tolerance: part("--tolerance", self.tolerance, 0.05)?,
            first: part("--first", self.first, 0.5)?,
            increment: part("--increment", self.increment, 0.05)?,
            largest: part("--largest", self.largest, 1.5)?,
            max_pulses: self.max_pulses.unwrap_or(50),
        };
        if verify.first > verify.largest {
            let message = format!("--first {} is above --largest {}", verify.first, verify.largest);
            return Err(Failure::request(message));
        }
        Ok((Wanted::Targets(values, verify), rows, columns))
    }

    fn words(&self) -> Vec<String> {
        let mut own = Vec::new();
        let mut file = |name: &str, path: &Option<PathBuf>| {
            own.extend(path.iter().flat_map(|p| [name.to_owned(), p.display().to_string()]));
        };
        file("--pattern", &self.goal.pattern);
        file("--targets", &self.goal.targets);
        if self.initial != Initial::Off {
            own.extend(["--initial".to_owned(), chosen(&self.initial)]);
        }
        if self.together != TogetherName::Row {
            own.extend(["--together".to_owned(), chosen(&self.together)]);
        }
        let numbers = [
            ("--rest", self.rest),
            ("--tolerance", self.tolerance),
            ("--first", self.first),
            ("--increment", self.increment),
            ("--largest", self.largest),
            ("--max-pulses", self.max_pulses.map(f64::from)),
        ];
        own.extend(
            numbers
                .into_iter()
                .flat_map(|(name, v)| v.into_iter().flat_map(move |v| [name.to_owned(), v.to_string()])),
        );
        self.devices.words("write", own)
    }
}

fn some(path: &Path, none: bool) -> Result<(), Failure> {
    if none { Err(Failure::request(format!("{} leaves every cell alone", path.display()))) } else { Ok(()) }
}

/// The array before and after.
struct Cells {
    rows: usize,
    columns: usize,
    before: Vec<f64>,
    after: Vec<f64>,
    written: Written,
}

impl Cells {
    /// How far each cell moved without being written: since its own write where it had one, else since the begin.
    fn disturbed(&self) -> Vec<f64> {
        self.after.iter().zip(&self.written.left_s).map(|(after, left)| after / left - 1.0).collect()
    }

    fn tell(&self, wanted: &Wanted, [off, on]: [f64; 2], found: &mut Findings) {
        let written = &self.written;
        let chosen: Vec<usize> = match wanted {
            Wanted::Pattern(pattern) => (0..pattern.len()).filter(|k| pattern[*k].is_some()).collect(),
            Wanted::Targets(targets, _) => (0..targets.len()).filter(|k| !targets[*k].is_nan()).collect(),
        };
        let percent = |part: f64| 100.0 * part;
        let of_all = |count: usize| percent(count as f64 / chosen.len() as f64);
        match wanted {
            Wanted::Pattern(pattern) => {
                // Half way between the ends of the device, on the scale of ratios.
                let middle = (off * on).sqrt();
                let right = |k: &&usize| pattern[**k] == Some(self.after[**k] > middle);
                let about = format!(
                    "Cells that stand on their side of {middle:.3e} S, half way between the device without spread reset \
                     ({off:.3e} S) and set ({on:.3e} S)"
                );
                let right = chosen.iter().filter(right).count();
                found.scalar("reached", of_all(right), None, "%", Some(Better::Higher), about);
            }
            Wanted::Targets(targets, verify) => {
                let about = format!(
                    "Cells that a read saw within {} of their target",
                    quoted_percent(verify.tolerance)
                );
                let reached = chosen.len() - written.missed.len();
                found.scalar("reached", of_all(reached), None, "%", Some(Better::Higher), about);
                let error = |k: &usize| self.after[*k] / targets[*k] - 1.0;
                let errors: Vec<f64> = chosen.iter().map(error).collect();
                let rms = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
                let about = "RMS difference of the devices themselves from their targets at the end, of the target: what \
                             lines take from a read, and what later writes moved, is in it";
                found.scalar("error", percent(rms), None, "%", Some(Better::Lower), about);
                let pulses: Vec<f64> = chosen.iter().map(|k| f64::from(written.pulses[*k])).collect();
                found.number("pulses", stats::mean(&pulses), "1", "Pulses a cell");
                let most = pulses.iter().fold(0.0f64, |m, p| m.max(*p));
                found.number("most_pulses", most, "1", "Pulses of the cell that took most");
                found.number("reads", written.reads as f64, "1", "Reads of a line");
                found.series.push(self.progress(&pulses, most));
                let (low, high) = (off.min(on), off.max(on));
                let reach = |k: &&usize| {
                    let room = verify.tolerance * targets[**k];
                    targets[**k] + room < low || targets[**k] - room > high
                };
                let outside = chosen.iter().filter(reach).count();
                if outside > 0 {
                    found.caution(format!(
                        "{outside} of {} targets lie outside of what the device without spread has between its ends, \
                         {off:.3e} S and {on:.3e} S.",
                        chosen.len()
                    ));
                }
            }
        }
        let share = |k: usize| written.delivered_v[k] / written.wanted_v[k];
        let pulsed = || chosen.iter().copied().filter(|k| written.pulses[*k] > 0);
        if let Some(worst) = pulsed().min_by(|a, b| share(*a).total_cmp(&share(*b))) {
            let about = format!(
                "Part of a pulse's voltage that the device worst off had when its first one began: {}",
                self.place(worst)
            );
            found.scalar("delivered", percent(share(worst)), None, "%", Some(Better::Higher), about);
        }
        let disturbed = self.disturbed();
        if let Some(k) =
            (0..disturbed.len()).max_by(|a, b| disturbed[*a].abs().total_cmp(&disturbed[*b].abs()))
        {
            let place = if disturbed[k] == 0.0 { "none moved".to_owned() } else { self.place(k) };
            let about = format!(
                "Largest change of a conductance by other cells' pulses, after the cell's own write: {place}"
            );
            found.scalar("disturbed", percent(disturbed[k].abs()), None, "%", Some(Better::Lower), about);
        }
        let passed = written.passed;
        found.scalar(
            "energy",
            passed.energy_j,
            None,
            "J",
            Some(Better::Lower),
            "Energy from all lines, for all pulses",
        );
        let pulses: u32 = written.pulses.iter().sum();
        let each = passed.energy_j / f64::from(pulses.max(1));
        found.number(
            "energy_of_a_pulse",
            each,
            "J",
            "Energy for each pulse of a cell, half-selected cells included",
        );
        found.number("time", passed.t_s, "s", "Time of pulses and rests; reads take none");
        found.number("steps", f64::from(passed.steps), "1", "Steps of time that were solved");
        if let Some(done) = written.stopped_after {
            found.caution(format!("Cut short: {done} of {} cells were written.", chosen.len()));
        }
        self.maps(found);
    }

    fn place(&self, cell: usize) -> String {
        format!("row {}, column {}", cell / self.columns, cell % self.columns)
    }

    fn maps(&self, found: &mut Findings) {
        let mut map = |name: &str, caption: &str, label: &str, unit: &str, values: Vec<f64>, diverging| {
            let (name, caption, label, unit) = (name.into(), caption.into(), label.into(), unit.into());
            let values = values.into_iter().map(|v| v as f32).collect();
            found.maps.push(Map {
                name,
                caption,
                rows: self.rows,
                cols: self.columns,
                values,
                label,
                unit,
                diverging,
                axes: None,
                half: Vec::new(),
            });
        };
        let (low, high) =
            self.after.iter().fold((f64::INFINITY, 0.0f64), |(low, high), g| (low.min(*g), high.max(*g)));
        if high > 20.0 * low && low > 0.0 {
            let values = self.after.iter().map(|g| g.log10()).collect();
            map(
                "conductance",
                "Conductances at the end, on the scale of ratios.",
                "log10 of S",
                "",
                values,
                false,
            );
        } else {
            map("conductance", "Conductances at the end.", "conductance", "S", self.after.clone(), false);
        }
        let written = &self.written;
        let share = written.delivered_v.iter().zip(&written.wanted_v);
        let share = share.map(|(d, w)| if *w == 0.0 { f64::NAN } else { 100.0 * d / w }).collect();
        let caption = "Part of its first pulse's voltage that each device had when the pulse began; cells without a pulse are \
                       empty.";
        map("delivered", caption, "of the voltage", "%", share, false);
        let caption =
            "What other cells' pulses did to each conductance, since the cell's own write or from the begin.";
        let disturbed: Vec<f64> = self.disturbed().iter().map(|d| 100.0 * d).collect();
        if disturbed.iter().any(|d| *d != 0.0) {
            map("disturbed", caption, "change", "%", disturbed, true);
        } else {
            found.info(super::UNMOVED);
        }
    }

    /// How many cells needed how many pulses.
    fn progress(&self, pulses: &[f64], most: f64) -> Series {
        let missed = self.written.missed.len() as f64;
        let x: Vec<f64> = (0..=most as u32).map(f64::from).collect();
        let within = |n: f64| pulses.iter().filter(|p| **p <= n).count() as f64;
        let last = x.len() - 1;
        let y = x.iter().enumerate().map(|(k, n)| {
            // Those that took all their pulses in vain never came in.
            let count = if k == last { within(*n) - missed } else { within(*n) };
            100.0 * count / pulses.len() as f64
        });
        let y = y.collect();
        Series {
            name: "pulses".into(),
            caption: "Cells that were within the tolerance after so many pulses.".into(),
            x: Axis::linear("pulses", "1"),
            y: Axis::linear("cells within the tolerance", "%"),
            lines: vec![Line::new("cells", x, y)],
        }
    }

    fn files(&self, found: &mut Findings) -> Result<(), Failure> {
        let pulses: Vec<f64> = self.written.pulses.iter().map(|p| f64::from(*p)).collect();
        for (name, values) in [
            ("conductance_before_s.npy", &self.before),
            ("conductance_left_s.npy", &self.written.left_s),
            ("conductance_s.npy", &self.after),
            ("delivered_v.npy", &self.written.delivered_v),
            ("pulses.npy", &pulses),
        ] {
            let bytes = npy::write(&[self.rows, self.columns], values)
                .map_err(|e| Failure::failed(format!("{name}: {}", e.problem)))?;
            found.files.push((name.into(), bytes));
        }
        Ok(())
    }
}

fn quoted_percent(part: f64) -> String {
    format!("{} %", neurohm::num::quantity::rounded(100.0 * part, 3))
}
