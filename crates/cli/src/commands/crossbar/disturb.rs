//! `neurohm crossbar disturb`: what writing one cell again and again does to the others.

use std::path::PathBuf;
use std::time::Instant;

use neurohm::array::wires::{Disturbed, Together, Workspace};
use neurohm::study::experiment::{Asked, Findings};
use neurohm::study::record::{Axis, Better, Line, Series};
use toml::Value;

use super::devices::{DeviceOptions, Initial};
use crate::args::quoted;
use crate::commands::carry_out;
use crate::commands::device::bench::{self, chosen};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

/// Change of a conductance that counts as a disturb, as read disturb has it.
const TENTH: f64 = 0.1;
/// Looks a decade.
const LOOKS: u32 = 4;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm crossbar disturb team_pickett --rows 8 --columns 8 --word-line-ohm 1 --bit-line-ohm 1
  neurohm crossbar disturb stanford_pku_v1 --rows 16 --columns 16 --direction reset --initial on --bias third \\
    --word-line-ohm 1 --bit-line-ohm 1

One cell is written by the same pulse, up to 10^DECADES times; the others are looked at. Writes report.html and run.json.")]
pub struct Disturb {
    #[command(flatten)]
    devices: DeviceOptions,
    /// Word lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    rows: u32,
    /// Bit lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    columns: u32,
    /// Row and column of the cell that is written, counted from 0 [default: the nearest to driver and sense amplifier, whose
    /// neighbours see most]
    #[arg(long, value_name = "ROW,COLUMN", value_parser = cell)]
    cell: Option<(usize, usize)>,
    /// Which pulse it gets
    #[arg(long, value_name = "DIRECTION", default_value = "set")]
    direction: Direction,
    /// States that all cells begin with
    #[arg(long, value_name = "STATES", default_value = "off")]
    initial: Initial,
    /// Largest power of ten of writes
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=12))]
    decades: u32,
    /// Write report.html and run.json into DIR [default: named after the device; with --json: nothing is written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Direction {
    Set,
    Reset,
}

fn cell(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| format!("{text} is no row or column"));
    let (row, column) =
        text.split_once(',').ok_or("a row and a column with a comma between them are needed")?;
    Ok((number(row)?, number(column)?))
}

pub fn disturb(options: &Disturb, terminal: &Terminal) -> Result<(), Failure> {
    let started = Instant::now();
    let ready = options.devices.ready()?;
    let size = (options.rows as usize, options.columns as usize);
    let cell = options.cell.unwrap_or((size.0 - 1, 0));
    if size == (1, 1) {
        return Err(Failure::request("an array of one cell has no others that a write could disturb"));
    }
    let set = options.direction == Direction::Set;
    let idle = if set { Initial::On } else { Initial::Off };
    if options.initial == idle || options.initial == Initial::Fresh {
        let other = options.devices.pulses_given(!set);
        bench::without_effect(&other, "only pulses of --direction are given", "take the option out")?;
    }
    options.devices.fits([size.0, size.1], &ready)?;
    let name = format!("crossbar-disturb-{}", carry_out::stem(&options.devices.device));
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let progress = Progress::new(terminal);
    let workspace = Workspace::default();
    let mut array = ready.array(size, options.initial, options.devices.seed, &workspace, &progress)?;
    let writing = ready.writing(Together::Cell, 0.0);
    let seen = writing.disturb(&mut array, cell, set, (options.decades, LOOKS), ready.read_v, &progress)?;
    progress.finish();
    let mut found = Findings::default();
    tell(&seen, options.decades, &mut found);
    ready.notes(&mut found);
    found.info(
        "Changes are those from an array at rest for as long: what devices do by themselves is not in them.",
    );
    found.info(
        "Pulses follow one another without a pause: what devices would recover between them is left out.",
    );
    let mut settings = options.devices.settings(&ready);
    for (name, value) in [
        ("rows", size.0 as i64),
        ("columns", size.1 as i64),
        ("row", cell.0 as i64),
        ("column", cell.1 as i64),
        ("decades", options.decades.into()),
    ] {
        settings.insert(name.into(), Value::Integer(value));
    }
    settings.insert("direction".into(), Value::String(chosen(&options.direction)));
    settings.insert("initial".into(), Value::String(chosen(&options.initial)));
    let asked = Asked {
        name: "crossbar_disturb",
        title: "Disturb by half-selected writes",
        about: "A cell is written by the same pulse again and again. The cells of its lines see a part of each pulse, and how \
                far that moves them, by the device's own equations, bounds how often an array may be written before its \
                neighbours must be refreshed.",
        revision: 1,
        merit: "change",
        device: &ready.spec,
        settings,
        devices: size.0 * size.1,
        seed: options.devices.seed,
        command: quoted(options.words()),
        started,
    };
    carry_out::deliver(asked.finding(found)?, folder, terminal)
}

impl Disturb {
    fn words(&self) -> Vec<String> {
        let mut own =
            vec!["--rows".into(), self.rows.to_string(), "--columns".into(), self.columns.to_string()];
        own.extend(self.cell.iter().flat_map(|(row, column)| ["--cell".into(), format!("{row},{column}")]));
        if self.direction != Direction::Set {
            own.extend(["--direction".into(), chosen(&self.direction)]);
        }
        if self.initial != Initial::Off {
            own.extend(["--initial".into(), chosen(&self.initial)]);
        }
        own.extend(["--decades".into(), self.decades.to_string()]);
        self.devices.words("disturb", own)
    }
}

/// A class of cells: its name, what it is, and its change.
type Class = (&'static str, &'static str, fn(&Disturbed) -> f64);

const CLASSES: [Class; 3] = [
    ("word line", "other cells of the word line", |d| d.word),
    ("bit line", "other cells of the bit line", |d| d.bit),
    ("others", "cells of other lines", |d| d.others),
];

fn tell(seen: &[Disturbed], decades: u32, found: &mut Findings) {
    let worst = |d: &Disturbed| d.word.max(d.bit).max(d.others);
    if let Some(last) = seen.last() {
        let about = format!("Largest relative change of any other cell after 10^{decades} writes");
        found.scalar("change", 100.0 * worst(last), None, "%", Some(Better::Lower), about);
        for (name, what, of) in CLASSES {
            let about = format!("Largest relative change among {what}");
            found.number(&format!("change_{}", name.replace(' ', "_")), 100.0 * of(last), "%", about);
        }
    }
    match seen.iter().position(|d| worst(d) >= TENTH) {
        Some(0) => found.caution("The first write alone changes another cell by a tenth or more."),
        Some(n) => {
            // Between two looks along a straight line on logarithmic scales.
            let (a, b) = (&seen[n - 1], &seen[n]);
            let slope = (worst(b) / worst(a)).ln() / (b.writes / a.writes).ln();
            let writes = if worst(a) > 0.0 && slope > 0.0 {
                a.writes * ((TENTH / worst(a)).ln() / slope).exp()
            } else {
                b.writes
            };
            let about = "Writes until another cell has changed by a tenth";
            found.scalar("writes_to_a_tenth", writes, None, "1", Some(Better::Higher), about);
        }
        None => found.info(format!("No other cell changed by a tenth within 10^{decades} writes.")),
    }
    let x: Vec<f64> = seen.iter().map(|d| d.writes).collect();
    let lines = CLASSES.iter().filter(|(.., of)| seen.iter().any(|d| of(d) > 0.0)).map(|(_, what, of)| {
        let y = seen.iter().map(|d| if of(d) > 0.0 { 100.0 * of(d) } else { f64::NAN }).collect();
        Line::new(*what, x.clone(), y)
    });
    let mut lines: Vec<Line> = lines.collect();
    if lines.is_empty() {
        found.info(super::UNMOVED);
    } else {
        lines.push(Line::new("a tenth", x.clone(), vec![100.0 * TENTH; x.len()]).dashed());
        found.series.push(Series {
            name: "disturb".into(),
            caption: "Largest relative change of a conductance among the cells that were not written.".into(),
            x: Axis::logarithmic("writes", "1"),
            y: Axis::logarithmic("change", "%"),
            lines,
        });
    }
}
