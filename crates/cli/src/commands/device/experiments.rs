//! The experiments as commands: their options, and what these leave to the device's description.

use neurohm::device::{DeviceSpec, Drive};
use neurohm::lab;
use neurohm::num::quantity::Dimension;
use neurohm::study::{Disk, Inputs};
use toml::Value;

use super::bench::{self, BenchOptions, Experiment, changed, hertz, second, text, volt};
use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm device sweep yakopcic_oblea_sine
  neurohm device sweep stanford_pku_v1 --waveform triangle --amplitude 2V --frequency 1MHz --compliance 100uA
  neurohm device sweep mine.toml --waveform drive.csv --out loop    writes loop/sweep.csv")]
pub struct Sweep {
    #[command(flatten)]
    bench: BenchOptions,
    /// sine, triangle, or a CSV file of one period with columns time (s) and voltage (V)
    #[arg(long, value_name = "WAVEFORM", default_value = "sine")]
    waveform: String,
    /// Amplitude, such as 1.5V; negative to begin with the negative half [default: the device's SET]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    amplitude: Option<f64>,
    /// Frequency, such as 1kHz [default: a quarter of a period is the device's SET]
    #[arg(long, value_name = "FREQUENCY", value_parser = hertz, allow_hyphen_values = true)]
    frequency: Option<f64>,
    /// Periods
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cycles: u32,
    /// Samples a period at least
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(8..=1_000_000))]
    samples: u32,
    /// Voltage at which on and off are compared [default: the device's read]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    read: Option<f64>,
    /// Do not look at other frequencies
    #[arg(long)]
    no_frequencies: bool,
}

pub fn sweep(options: Sweep, terminal: &Terminal) -> Result<(), Failure> {
    let spec = bench::device(&options.bench)?;
    spec.equations()?;
    let operation = || bench::operation(&spec, "--amplitude and --frequency");
    let (shape, amplitude_v, frequency_hz) = match options.waveform.as_str() {
        "sine" | "triangle" => {
            let amplitude_v =
                options.amplitude.map_or_else(|| Ok::<_, Failure>(operation()?.set.voltage_v), Ok)?;
            let set_s = || Ok::<_, Failure>(0.25 / operation()?.set.width_s);
            let frequency_hz = options.frequency.map_or_else(set_s, Ok)?;
            let sine = options.waveform == "sine";
            (if sine { lab::Shape::Sine } else { lab::Shape::Triangle }, amplitude_v, frequency_hz)
        }
        path => {
            for (name, given) in [("--amplitude", options.amplitude), ("--frequency", options.frequency)] {
                if given.is_some() {
                    let message = format!("{name} has no effect on a waveform from a file");
                    return Err(Failure::request(message).help("scale the file's columns"));
                }
            }
            let points = super::waveform::read(path, &Disk.bytes(path)?)?;
            let top = points.iter().fold(0.0_f64, |m, p| m.max(p.1.abs()));
            let period = points.last().map_or(0.0, |p| p.0) - points.first().map_or(0.0, |p| p.0);
            (lab::Shape::Points(points), top, 1.0 / period)
        }
    };
    let read = options.read.or(spec.operation.as_ref().map(|o| o.read.voltage_v));
    let sweep = lab::Sweep {
        shape,
        amplitude_v,
        frequency_hz,
        cycles: options.cycles,
        samples: options.samples,
        read_v: read.unwrap_or(0.1 * amplitude_v),
        frequencies: if options.no_frequencies {
            Vec::new()
        } else {
            (-4..=8).map(|n| 10_f64.powf(f64::from(n) / 2.0)).collect()
        },
    };
    let mut words = vec!["--waveform".into(), options.waveform.clone()];
    if !matches!(sweep.shape, lab::Shape::Points(_)) {
        words.extend(["--amplitude".into(), bench::word(amplitude_v, Dimension::Volt), "--frequency".into()]);
        words.push(bench::word(frequency_hz, Dimension::Hertz));
    }
    words.extend(["--cycles".into(), options.cycles.to_string()]);
    words.extend([
        "--samples".into(),
        options.samples.to_string(),
        "--read".into(),
        bench::word(sweep.read_v, Dimension::Volt),
    ]);
    words.extend(options.no_frequencies.then(|| "--no-frequencies".into()));
    let experiment = Experiment {
        name: "sweep",
        title: "Current against voltage",
        about: "What current flows while the voltage goes round and round, how wide the loop is between the two \
                ways, and how it closes as the drive becomes faster than the device: the fingerprint of a memristor.",
        revision: lab::Sweep::REVISION,
        merit: "hysteresis",
        settings: vec![
            ("waveform", Value::String(options.waveform.clone())),
            ("amplitude", text(amplitude_v, Dimension::Volt)),
            ("frequency", text(frequency_hz, Dimension::Hertz)),
            ("cycles", Value::Integer(options.cycles.into())),
            ("samples", Value::Integer(options.samples.into())),
            ("read", text(sweep.read_v, Dimension::Volt)),
        ],
        words,
        default_k: bench::ROOM_K,
    };
    bench::measure(&options.bench, &spec, experiment, |b| sweep.run(b), terminal)
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm device pulse tungsten_oxide_chang
  neurohm device pulse pcm_accumulate --count 20 --devices 1000000    a million cells
  neurohm device pulse vteam_memtorch --up -0.3V --up-width 0.1ns --down 0.1V --down-width 0.1us --count 20")]
pub struct Pulse {
    #[command(flatten)]
    bench: BenchOptions,
    /// Voltage of the pulses up [default: the device's SET]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    up: Option<f64>,
    /// Their width [default: a part of the device's SET]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    up_width: Option<f64>,
    /// Voltage of the pulses down [default: the device's RESET]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    down: Option<f64>,
    /// Their width [default: a part of the device's RESET]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    down_width: Option<f64>,
    /// Pulses up, and then down [default: 50; of cells that are known by their statistics as many as cross the range]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: Option<u32>,
    /// How often both trains are given
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    cycles: u32,
    /// Time between pulses [default: the width of the pulses up]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    gap: Option<f64>,
    /// Voltage of the reads [default: the device's read]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    read: Option<f64>,
    /// Devices whose conductances add up to a cell's, where cells are known by their statistics; a counter chooses
    /// which takes each pulse [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    devices_per_cell: Option<u32>,
}

pub fn pulse(options: Pulse, terminal: &Terminal) -> Result<(), Failure> {
    let spec = bench::device(&options.bench)?;
    if bench::by_statistics(&options.bench, &spec)? {
        return pulse_cells(&options, &spec, terminal);
    }
    spec.equations()?;
    if options.devices_per_cell.is_some() {
        let message =
            "--devices-per-cell has no effect on equations: cells of several devices are known by statistics";
        return Err(
            Failure::request(message).help("--statistics takes the device's statistics, where it has some")
        );
    }
    let complete = |v: Option<f64>, w: Option<f64>| Some(Drive { voltage_v: v?, width_s: w? });
    let own = complete(options.up, options.up_width).zip(options.read);
    let pulses = options.count.unwrap_or(50);
    let count = f64::from(pulses);
    // A train as a whole is as long as the pulse that switches the device.
    let part = |pulse: Drive| Drive { width_s: pulse.width_s / count, ..pulse };
    let (up, down, read_v) = match own {
        Some((up, read_v)) => (up, complete(options.down, options.down_width), read_v),
        None => {
            let operation = bench::operation(&spec, "--up, --up-width, --down, --down-width and --read")?;
            let up = changed(part(operation.set), options.up, options.up_width);
            let down = operation.reset.map(|r| changed(part(r), options.down, options.down_width));
            let down = down.or(complete(options.down, options.down_width));
            (up, down, options.read.unwrap_or(operation.read.voltage_v))
        }
    };
    let pulses = lab::Pulses {
        up,
        down,
        count: pulses,
        cycles: options.cycles,
        gap_s: options.gap.unwrap_or(up.width_s),
        read_v,
    };
    let mut settings = vec![
        ("up", text(up.voltage_v, Dimension::Volt)),
        ("up_width", text(up.width_s, Dimension::Second)),
        ("count", Value::Integer(pulses.count.into())),
        ("cycles", Value::Integer(options.cycles.into())),
        ("gap", text(pulses.gap_s, Dimension::Second)),
        ("read", text(read_v, Dimension::Volt)),
    ];
    let mut words = vec![
        "--up".into(),
        bench::word(up.voltage_v, Dimension::Volt),
        "--up-width".into(),
        bench::word(up.width_s, Dimension::Second),
    ];
    if let Some(down) = down {
        settings.push(("down", text(down.voltage_v, Dimension::Volt)));
        settings.push(("down_width", text(down.width_s, Dimension::Second)));
        words.extend(["--down".into(), bench::word(down.voltage_v, Dimension::Volt)]);
        words.extend(["--down-width".into(), bench::word(down.width_s, Dimension::Second)]);
    }
    words.extend(["--count".into(), pulses.count.to_string(), "--cycles".into(), options.cycles.to_string()]);
    words.extend([
        "--gap".into(),
        bench::word(pulses.gap_s, Dimension::Second),
        "--read".into(),
        bench::word(read_v, Dimension::Volt),
    ]);
    let revision = lab::Pulses::REVISION;
    let experiment = Experiment { revision, settings, words, ..PULSE };
    bench::measure(&options.bench, &spec, experiment, |b| pulses.run(b), terminal)
}

const PULSE: Experiment = Experiment {
    name: "pulse",
    title: "Potentiation and depression",
    about: "How the conductance follows trains of equal pulses up and down: the range between, how straight and how \
            alike both ways are, and what a pulse costs. Learning in place stands on these.",
    revision: 0,
    merit: "on_off_ratio",
    settings: Vec::new(),
    words: Vec::new(),
    default_k: bench::ROOM_K,
};

/// The same with cells that are known by their statistics.
fn pulse_cells(options: &Pulse, spec: &DeviceSpec, terminal: &Terminal) -> Result<(), Failure> {
    bench::idle(&[
        ("--up", options.up.is_some()),
        ("--up-width", options.up_width.is_some()),
        ("--down", options.down.is_some()),
        ("--down-width", options.down_width.is_some()),
        ("--gap", options.gap.is_some()),
        ("--read", options.read.is_some()),
        ("--temperature", options.bench.temperature.is_some()),
    ])?;
    let devices_per_cell = options.devices_per_cell.unwrap_or(1);
    let trains = lab::Trains { count: options.count, cycles: options.cycles, devices_per_cell };
    let mut settings = vec![("cycles", Value::Integer(options.cycles.into()))];
    let mut words = vec!["--cycles".to_string(), options.cycles.to_string()];
    if let Some(count) = options.count {
        settings.push(("count", Value::Integer(count.into())));
        words.extend(["--count".into(), count.to_string()]);
    }
    if devices_per_cell > 1 {
        settings.push(("devices_per_cell", Value::Integer(devices_per_cell.into())));
        words.extend(["--devices-per-cell".into(), devices_per_cell.to_string()]);
    }
    let experiment = Experiment { revision: lab::Trains::REVISION, settings, words, ..PULSE };
    bench::measure_cells(&options.bench, spec, experiment, |c| trains.run(c), terminal)
}

#[derive(clap::Args)]
pub struct Disturb {
    #[command(flatten)]
    bench: BenchOptions,
    /// Voltage of a read [default: the device's read]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    read: Option<f64>,
    /// Length of a read [default: the device's read]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    width: Option<f64>,
    /// Read up to 10^N times
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=18))]
    decades: u32,
}

pub fn disturb(options: Disturb, terminal: &Terminal) -> Result<(), Failure> {
    let spec = bench::device(&options.bench)?;
    spec.equations()?;
    let read =
        changed(bench::operation(&spec, "a description that has one")?.read, options.read, options.width);
    let disturb = lab::Disturb { read_v: read.voltage_v, width_s: read.width_s, decades: options.decades };
    let words = [
        ("--read", bench::word(read.voltage_v, Dimension::Volt)),
        ("--width", bench::word(read.width_s, Dimension::Second)),
        ("--decades", options.decades.to_string()),
    ];
    let experiment = Experiment {
        name: "disturb",
        title: "Read disturb",
        about: "What very many reads do to the on and the off state. A product reads every cell each time.",
        revision: lab::Disturb::REVISION,
        merit: "off_change",
        settings: vec![
            ("read", text(read.voltage_v, Dimension::Volt)),
            ("width", text(read.width_s, Dimension::Second)),
            ("decades", Value::Integer(options.decades.into())),
        ],
        words: words.into_iter().flat_map(|(k, v)| [k.to_string(), v]).collect(),
        default_k: bench::ROOM_K,
    };
    bench::measure(&options.bench, &spec, experiment, |b| disturb.run(b), terminal)
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm device retention pcm                            ten years
  neurohm device retention mine.toml --temperature 85C --time 1h")]
pub struct Retention {
    #[command(flatten)]
    bench: BenchOptions,
    /// How long
    #[arg(long, value_name = "TIME", default_value = "10years", value_parser = second, allow_hyphen_values = true)]
    time: f64,
    /// First look [default: 1 ms; of cells that are known by their statistics the first age that these know, or 1 s]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    first: Option<f64>,
    /// Levels of cells that are known by their statistics, evenly over the range [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    levels: Option<u32>,
}

pub fn retention(options: Retention, terminal: &Terminal) -> Result<(), Failure> {
    let spec = bench::device(&options.bench)?;
    if bench::by_statistics(&options.bench, &spec)? {
        return retention_of_cells(&options, &spec, terminal);
    }
    spec.equations()?;
    if options.levels.is_some() {
        let message = "--levels has no effect on equations: these are left alone at both ends of their range";
        return Err(Failure::request(message));
    }
    let read_v = bench::operation(&spec, "a description that has one")?.read.voltage_v;
    let retention = lab::Retention { time_s: options.time, first_s: options.first.unwrap_or(1e-3), read_v };
    let experiment = Experiment {
        revision: lab::Retention::REVISION,
        merit: "on_kept",
        settings: vec![
            ("time", text(options.time, Dimension::Second)),
            ("first", text(retention.first_s, Dimension::Second)),
        ],
        words: retention_words(options.time, retention.first_s),
        ..RETENTION
    };
    bench::measure(&options.bench, &spec, experiment, |b| retention.run(b), terminal)
}

const RETENTION: Experiment = Experiment {
    name: "retention",
    title: "Retention",
    about: "What programmed states become while nothing is applied.",
    revision: 0,
    merit: "",
    settings: Vec::new(),
    words: Vec::new(),
    default_k: lab::Keeping::HOT_K,
};

fn retention_words(time_s: f64, first_s: f64) -> Vec<String> {
    [
        "--time".into(),
        bench::word(time_s, Dimension::Second),
        "--first".into(),
        bench::word(first_s, Dimension::Second),
    ]
    .into()
}

/// The same with cells that are known by their statistics.
fn retention_of_cells(options: &Retention, spec: &DeviceSpec, terminal: &Terminal) -> Result<(), Failure> {
    let law = spec.statistics()?.retention.as_ref();
    let first_s = options.first.or(law.and_then(|law| law.known_ages_s().0)).unwrap_or(1.0);
    let keeping = lab::Keeping { levels: options.levels.unwrap_or(5), time_s: options.time, first_s };
    let mut words = retention_words(options.time, first_s);
    words.extend(["--levels".into(), keeping.levels.to_string()]);
    let experiment = Experiment {
        revision: lab::Keeping::REVISION,
        merit: "window_kept",
        settings: vec![
            ("time", text(options.time, Dimension::Second)),
            ("first", text(first_s, Dimension::Second)),
            ("levels", Value::Integer(keeping.levels.into())),
        ],
        words,
        ..RETENTION
    };
    bench::measure_cells(&options.bench, spec, experiment, |c| keeping.run(c), terminal)
}
