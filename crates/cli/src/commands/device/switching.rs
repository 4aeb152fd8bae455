//! `neurohm device switching`: how long a voltage must last.

use neurohm::lab;
use neurohm::num::quantity::Dimension;
use toml::Value;

use super::bench::{self, BenchOptions, Experiment, second, text, volt};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Longest time that is waited for under a constant voltage, s.
const LONGEST_S: f64 = 1e3;
/// The same under pulses, of the longer of SET and RESET: six decades, as many as voltages are added for.
const LONGEST_PULSES: f64 = 1e6;

/// What lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum DriveName {
    /// A constant voltage, looked at while it is on
    Constant,
    /// Pulses of growing width, each from the same state, looked at after a jump to 0 V and a rest
    Pulses,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm device switching stanford_pku_v1
  neurohm device switching pcm_mushroom_gst_90nm --from 3V --to 6V")]
pub struct Switching {
    #[command(flatten)]
    bench: BenchOptions,
    /// How time is given [default: pulses where SET and RESET have the same sign: such a device switches by heat, and shows
    /// its state when it has cooled; constant otherwise]
    #[arg(long, value_name = "DRIVE")]
    drive: Option<DriveName>,
    /// Smallest size of the voltages [default: 0.3 of the device's SET, and as much lower as six decades of time take]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt)]
    from: Option<f64>,
    /// Largest size of the voltages [default: twice the device's SET]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt)]
    to: Option<f64>,
    /// Voltages between them
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(2..=1000))]
    voltages: u32,
    /// Longest time that is waited for [default: 1000s; with pulses a million times the longer of SET and RESET]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    longest: Option<f64>,
    /// Shortest time that is resolved
    #[arg(long, value_name = "TIME", default_value = "1ps", value_parser = second, allow_hyphen_values = true)]
    shortest: f64,
}

pub fn switching(options: Switching, terminal: &Terminal) -> Result<(), Failure> {
    let spec = bench::device(&options.bench)?;
    spec.equations()?;
    let operation = bench::operation(&spec, "a description that has one")?;
    let top = operation.set.voltage_v.abs();
    let by_rule = if operation.unipolar() { DriveName::Pulses } else { DriveName::Constant };
    let drive = options.drive.unwrap_or(by_rule);
    let (from, to) = (options.from.unwrap_or(0.3 * top), options.to.unwrap_or(2.0 * top));
    if !(from > 0.0 && to > from) {
        return Err(Failure::request(format!("--from {from} V must be positive and below --to {to} V")));
    }
    let longest = match drive {
        DriveName::Constant => LONGEST_S,
        DriveName::Pulses => LONGEST_PULSES * operation.rest_s(),
    };
    let longest = options.longest.unwrap_or(longest);
    let at = |n: u32| from * (to / from).powf(f64::from(n) / f64::from(options.voltages - 1));
    let switching = lab::Switching {
        voltages_v: (0..options.voltages).map(at).collect(),
        times_s: [options.shortest, longest],
        per_decade: 10,
        // Whoever says where to begin gets just these voltages.
        decades: if options.from.is_some() { 0.0 } else { 6.0 },
        pulses: drive == DriveName::Pulses,
    };
    // The same voltages again: without --from lower ones may be added.
    let first = options.from.map(|from| ("--from", bench::word(from, Dimension::Volt)));
    let words = [
        ("--drive", bench::chosen(&drive)),
        ("--to", bench::word(to, Dimension::Volt)),
        ("--voltages", options.voltages.to_string()),
        ("--longest", bench::word(longest, Dimension::Second)),
        ("--shortest", bench::word(options.shortest, Dimension::Second)),
    ];
    let experiment = Experiment {
        name: "switching",
        title: "Switching time against voltage",
        about: "How long a voltage must last to carry the device half way between its ends. A memory must be fast at its \
                write voltage and slow, by many decades, at its read voltage: the voltage-time dilemma.",
        revision: lab::Switching::REVISION,
        merit: "on_off_ratio",
        settings: vec![
            ("drive", Value::String(bench::chosen(&drive))),
            ("from", text(from, Dimension::Volt)),
            ("to", text(to, Dimension::Volt)),
            ("voltages", Value::Integer(options.voltages.into())),
            ("longest", text(longest, Dimension::Second)),
            ("shortest", text(options.shortest, Dimension::Second)),
            ("decades", Value::Float(switching.decades)),
        ],
        words: first.into_iter().chain(words).flat_map(|(k, v)| [k.to_string(), v]).collect(),
        default_k: bench::ROOM_K,
    };
    bench::measure(&options.bench, &spec, experiment, |b| switching.run(b), terminal)
}
