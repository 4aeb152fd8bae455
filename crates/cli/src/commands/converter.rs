//! `neurohm converter`: the converters behind a chip's bit lines, as a test bench would measure them.

use std::path::PathBuf;
use std::time::Instant;

use neurohm::array::{Adc, Calibration, ChipSpec, Linearity, SarConverter, SarSpec, SettingError};
use neurohm::num::{Key, Watch};
use neurohm::study::experiment::{Findings, plain};
use neurohm::study::record::{Axis, Better, Cell, Column, Line, Record, Series, Table};
use neurohm::study::{Disk, Finding, digest, named_chip, named_device};
use rayon::prelude::*;
use serde_json::json;

use super::carry_out;
use crate::args::quoted;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm converter mychip.toml
  neurohm converter default --set chip.adc.uniform.mismatch.unit_capacitor=0.05
  neurohm converter default --set 'chip.adc.uniform.mismatch={unit_capacitor = 0.05, redundancy = 2}' \\
    --set 'chip.adc.uniform.mismatch.calibration={averages = 64, noise_lsb = 0.3}'

Draws converters of the chip's design and measures each: integral and differential non-linearity
of a code-density test with an even ramp, after offset and gain are taken off; offset and gain error
of the line of least squares; effective bits by a sine of 90 % of the range (IEEE Std 1241). Where
the chip calibrates its converters, before and after that.")]
pub struct Options {
    /// Chip: a preset, a device's name (the default chip with it) or the path of a description
    #[arg(value_name = "CHIP")]
    chip: String,
    /// Change a setting, such as chip.adc.uniform.resolution.bits=10; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Draw so many converters
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    converters: u32,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write report.html, run.json and CSV files into DIR [default: named after the chip; with --json: nothing is written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

const ABOUT: &str = "Each converter behind the bit lines is a draw of its own: its capacitors, its offset and its gain. Here many \
    of the chip's design are measured as a test bench would. Non-linearity is in steps (LSB) and without offset and gain \
    error; effective bits are what is left of the resolution once noise of rounding and non-linearity are in.";

/// Points of a figure's line; of more codes the worst of each stretch is drawn.
const POINTS: usize = 1024;

/// What a test bench finds of one converter.
struct Measured {
    curves: Linearity,
    offset_lsb: f64,
    gain: f64,
    enob: f64,
}

impl Measured {
    fn of(converter: &SarConverter) -> Self {
        let (offset_lsb, gain) = converter.offset_and_gain();
        Self { curves: converter.linearity(), offset_lsb, gain, enob: converter.enob() }
    }
}

/// All of them, as they came and as they work.
struct Bench {
    design: SarSpec,
    calibration: Option<Calibration>,
    before: Vec<Measured>,
    after: Option<Vec<Measured>>,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let started = Instant::now();
    let chip = described(&options)?;
    let (design, calibration) = design(&chip)?;
    let name = format!("converter-{}", carry_out::stem(&options.chip));
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let progress = Progress::new(terminal);
    let bench = measure(design, calibration, &options, &progress)?;
    progress.finish();
    let mut record = record(&chip, &bench, &options)?;
    record.wall_s = started.elapsed().as_secs_f64();
    carry_out::deliver(Finding { record, files: Vec::new() }, folder, terminal)
}

fn described(options: &Options) -> Result<ChipSpec, Failure> {
    let mut chip = named_chip(&options.chip, &Disk)?;
    let find = |name: &str| named_device(name, &Disk).map_err(|e| e.to_string());
    for setting in &options.set {
        let wrong = |what: String| Failure::request(format!("--set {setting}: {what}"));
        let named = setting
            .split_once('=')
            .and_then(|(path, value)| path.trim().strip_prefix("chip.").map(|path| (path, value.trim())));
        let (path, value) =
            named.ok_or_else(|| wrong("write it such as chip.adc.uniform.resolution.bits=10".to_owned()))?;
        chip.set(path, value, &find).map_err(|e| wrong(e.to_string()))?;
    }
    chip.check()?;
    Ok(chip)
}

/// The design of the chip's converters, and how they calibrate themselves.
fn design(chip: &ChipSpec) -> Result<(SarSpec, Option<Calibration>), Failure> {
    let mismatch = match &chip.adc {
        Adc::Uniform(adc) => adc.mismatch.as_ref().map(|mismatch| (mismatch, adc.resolution)),
        Adc::Ideal {} => None,
    };
    let (mismatch, resolution) = mismatch.ok_or_else(|| {
        let message = format!("the converters of the chip `{}` do not differ: each is ideal", chip.name);
        let help = "adc.uniform.mismatch says how they differ, for instance \
                    --set 'chip.adc.uniform.mismatch={unit_capacitor = 0.02}' where the chip has an adc.uniform";
        Failure::request(message).help(help)
    })?;
    Ok((mismatch.design(resolution), mismatch.calibration.clone()))
}

fn measure(
    design: SarSpec,
    calibration: Option<Calibration>,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Bench, Failure> {
    watch.begin("converters", Some(u64::from(options.converters)));
    let key = Key::root(options.seed).child("adc", 0);
    let one = |number: u32| -> Result<(Measured, Option<Measured>), Failure> {
        let mut converter = SarConverter::draw(&design, key, u64::from(number))?;
        let before = Measured::of(&converter);
        let after = match &calibration {
            None => None,
            Some(how) => {
                converter.calibrate(how)?;
                Some(Measured::of(&converter))
            }
        };
        watch.step(1).map_err(|_| Failure::failed("cancelled; nothing was written"))?;
        Ok((before, after))
    };
    let all: Vec<_> = (0..options.converters).into_par_iter().map(one).collect::<Result<_, _>>()?;
    let (before, after): (Vec<_>, Vec<Option<_>>) = all.into_iter().unzip();
    Ok(Bench { design, calibration, before, after: after.into_iter().collect() })
}

/// A number of a converter: its key, its name, its unit and how it is found; whether the larger one is the worse one.
type Quantity = (&'static str, &'static str, &'static str, fn(&Measured) -> f64, bool);

const QUANTITIES: [Quantity; 7] = [
    ("enob", "Effective bits", "bit", |m| m.enob, false),
    ("inl", "Integral non-linearity, its largest magnitude", "LSB", |m| m.curves.worst_inl(), true),
    ("dnl", "Differential non-linearity, its largest magnitude", "LSB", |m| m.curves.worst_dnl(), true),
    ("missing", "Codes within the range that never come", "1", |m| m.curves.missing() as f64, true),
    ("cut_off", "Codes beyond the ends of the range", "1", |m| m.curves.cut_off() as f64, true),
    ("offset", "Offset, its magnitude", "LSB", |m| m.offset_lsb.abs(), true),
    ("gain_error", "Gain error, its magnitude", "%", |m| 100.0 * m.gain.abs(), true),
];

/// Mean and worst of a number.
fn mean_and_worst(all: &[Measured], (_, _, _, of, larger): &Quantity) -> [f64; 2] {
    let mean = all.iter().map(of).sum::<f64>() / all.len() as f64;
    let worst = all.iter().map(of).reduce(|a, b| if (b > a) == *larger { b } else { a }).unwrap_or(f64::NAN);
    [mean, worst]
}

fn record(chip: &ChipSpec, bench: &Bench, options: &Options) -> Result<Record, Failure> {
    let mut found = Findings::default();
    let used = bench.after.as_deref().unwrap_or(&bench.before);
    found.number("bits", f64::from(bench.design.bits), "1", "Bits of a conversion");
    found.number("decisions", f64::from(bench.design.decisions), "1", "Decisions of a conversion");
    for quantity in &QUANTITIES {
        let (key, name, unit, _, larger) = quantity;
        let better = if *larger { Better::Lower } else { Better::Higher };
        let [_, worst] = mean_and_worst(used, quantity);
        found.scalar(key, worst, None, unit, Some(better), format!("{name}: worst converter"));
    }
    let [mean, _] = mean_and_worst(used, &QUANTITIES[0]);
    found.scalar("enob_mean", mean, None, "bit", Some(Better::Higher), "Effective bits: mean");
    found.tables = vec![table(bench)];
    found.series = vec![
        curves(bench, "inl", "integral non-linearity", |c| &c.inl, Linearity::worst_inl),
        curves(bench, "dnl", "differential non-linearity", |c| &c.dnl, Linearity::worst_dnl),
    ];
    notes(bench, &mut found);
    let described = |e: SettingError| Failure::from(e);
    let description = chip.to_toml().map_err(described)?;
    let request = json!({ "chip": description, "converters": options.converters, "seed": options.seed });
    let title = format!("Converters of {}", chip.name);
    let command = command(options);
    Ok(Record {
        id: digest(&request),
        device: chip.device.name.clone(),
        device_title: chip.title.clone(),
        description,
        sample: Some("converter".to_owned()),
        chips: bench.before.len(),
        ..plain("converter", &title, ABOUT, "enob", &command, options.seed, found)
    })
}

fn table(bench: &Bench) -> Table {
    let column = |name: &str| Column { name: name.into(), unit: String::new() };
    let mut columns = vec![column("of a converter"), column("unit"), column("mean"), column("worst")];
    if bench.after.is_some() {
        columns = ["of a converter", "unit", "mean before", "worst before", "mean after", "worst after"]
            .map(column)
            .into();
    }
    let rows = QUANTITIES.iter().map(|quantity| {
        let (_, name, unit, ..) = quantity;
        let unit = if *unit == "1" { "" } else { unit };
        let states = std::iter::once(&bench.before).chain(&bench.after);
        let numbers = states.flat_map(|all| mean_and_worst(all, quantity).map(Cell::Number));
        [Cell::Text((*name).into()), Cell::Text(unit.into())].into_iter().chain(numbers).collect()
    });
    let caption = match bench.after {
        Some(_) => "Converters before and after their calibration",
        None => "Converters as they come: this chip does not calibrate them",
    };
    Table { name: "converters".into(), caption: caption.into(), columns, rows: rows.collect() }
}

/// A curve over the codes of the converter that is worst in it, before and after calibration.
fn curves(
    bench: &Bench,
    name: &str,
    label: &str,
    of: fn(&Linearity) -> &Vec<f64>,
    worst: fn(&Linearity) -> f64,
) -> Series {
    let most = |all: &[Measured]| {
        let by = |a: &usize, b: &usize| worst(&all[*a].curves).total_cmp(&worst(&all[*b].curves));
        (0..all.len()).max_by(by).unwrap_or(0)
    };
    let shown = most(&bench.before);
    let line = |words: &str, measured: &Measured| {
        let values = of(&measured.curves);
        let every = values.len().div_ceil(POINTS).max(1);
        let stretch = |(n, values): (usize, &[f64])| {
            let size = |at: &usize| if values[*at].is_nan() { -1.0 } else { values[*at].abs() };
            let at = (0..values.len()).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(0);
            // Curves begin with code 1.
            ((n * every + at + 1) as f64, values[at])
        };
        let points = values.chunks(every).enumerate().map(stretch).filter(|(_, y)| y.is_finite());
        let (x, y) = points.unzip();
        Line::new(words, x, y)
    };
    let mut lines = Vec::new();
    match &bench.after {
        None => lines.push(line("worst converter", &bench.before[shown])),
        Some(after) => {
            lines.push(line("worst converter before calibration", &bench.before[shown]));
            lines.push(line("the same after it", &after[shown]));
            let now = most(after);
            if now != shown {
                lines.push(line("worst converter after calibration", &after[now]));
            }
        }
    }
    let thinned = if of(&bench.before[shown].curves).len() > POINTS {
        " Of neighbouring codes the worst one is drawn."
    } else {
        ""
    };
    Series {
        name: name.into(),
        caption: format!("The converter whose {label} is worst.{thinned}"),
        x: Axis::linear("code", "1"),
        y: Axis::linear(label, "LSB"),
        lines,
    }
}

fn notes(bench: &Bench, found: &mut Findings) {
    let d = &bench.design;
    found.info(format!(
        "{} converters of {} bits by successive approximation; unit capacitors differ by {} (one standard deviation), offsets by \
         {} LSB and gains by {}.",
        bench.before.len(),
        d.bits,
        percent(d.unit_mismatch),
        d.offset_lsb,
        percent(d.gain)
    ));
    match &bench.calibration {
        Some(how) => found.info(format!(
            "Calibration measures the weight of each decision and the offset {} times, each with a noise of {} LSB, and the \
             digital side uses what it found; gaps between weights stay. Non-linearity and codes are those of words \
             rounded to whole codes; the chip keeps their fractions, and so do effective bits, offset and gain.",
            how.averages, how.noise_lsb
        )),
        None => found.info("Non-linearity and effective bits are those of the converters as they come."),
    }
    // Redundancy is no remedy: it bears errors of decisions, and codes go missing with it nearly as often as without.
    let gaps = |all: &[Measured]| {
        let missing = |m: &Measured| m.curves.missing();
        let most = all.iter().map(missing).max().unwrap_or(0);
        (all.iter().filter(|m| missing(m) > 0).count(), most)
    };
    let (missing, most) = gaps(bench.after.as_deref().unwrap_or(&bench.before));
    if missing > 0 {
        let before = match (&bench.after, gaps(&bench.before)) {
            (None, _) => String::new(),
            (Some(_), (0, _)) => "; before calibration none had any".to_owned(),
            (Some(_), (count, most)) => format!("; before calibration {count} had, {most} at most"),
        };
        found.caution(format!(
            "{missing} of {} converters have codes that never come, {most} at most{before}.",
            bench.before.len()
        ));
    }
}

fn percent(part: f64) -> String {
    neurohm::report::number::quantity(100.0 * part, None, "%").to_string()
}

/// The command that does it again.
fn command(options: &Options) -> String {
    let mut words: Vec<String> = vec!["neurohm".into(), "converter".into(), options.chip.clone()];
    words.extend(options.set.iter().flat_map(|set| ["--set".to_owned(), set.clone()]));
    words.extend(["--converters".to_owned(), options.converters.to_string()]);
    words.extend(["--seed".to_owned(), options.seed.to_string()]);
    quoted(words)
}
