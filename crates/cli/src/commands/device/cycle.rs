//! `neurohm device cycle`: SET and RESET, cycle after cycle.

use neurohm::lab::{self, Approach};
use neurohm::num::quantity::Dimension;
use toml::Value;

use super::bench::{self, BenchOptions, Experiment, second, text, volt};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Looks at the conductance on a ramp's way up.
const LOOKS: u32 = 200;
/// Heights of the pulses unless told otherwise.
const HEIGHTS: u32 = 50;

/// How SET and RESET are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum DriveName {
    /// A ramp up, and as slow a fall
    Ramps,
    /// Pulses of rising height, each with a jump to 0 V, a rest and a look
    Pulses,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm device cycle jart_vcm_v1b_var --devices 4
  neurohm device cycle pcm_mushroom_gst_90nm --cycles 10 --heights 100")]
pub struct Cycle {
    #[command(flatten)]
    bench: BenchOptions,
    /// Cycles of each device
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cycles: u32,
    /// How SET and RESET are reached [default: pulses where both have the same sign: such a device switches by heat, and
    /// what a ramp melts or dissolves its slow fall brings back; ramps otherwise]
    #[arg(long, value_name = "DRIVE")]
    drive: Option<DriveName>,
    /// Height of the SET ramp, or of the last SET pulse [default: the device's SET]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    set: Option<f64>,
    /// Height of the RESET ramp, or of the last RESET pulse [default: the device's RESET]
    #[arg(long, value_name = "VOLTAGE", value_parser = volt, allow_hyphen_values = true)]
    reset: Option<f64>,
    /// Length of a ramp [default: the width of the device's SET]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    ramp: Option<f64>,
    /// Heights of the pulses, evenly up to the last [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=100_000))]
    heights: Option<u32>,
    /// Width of the SET pulses [default: the device's SET]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    set_width: Option<f64>,
    /// Width of the RESET pulses [default: the device's RESET]
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    reset_width: Option<f64>,
}

pub fn cycle(options: Cycle, terminal: &Terminal) -> Result<(), Failure> {
    let spec = bench::device(&options.bench)?;
    spec.equations()?;
    let operation = bench::operation(&spec, "a description that has one")?;
    let reset_v = options.reset.or(operation.reset.map(|r| r.voltage_v)).ok_or_else(|| {
        Failure::request(format!("device `{}` has no RESET: it falls back by itself", spec.name))
            .help("cycle it with --reset, or look at `neurohm device retention`")
    })?;
    let set_v = options.set.unwrap_or(operation.set.voltage_v);
    let by_rule = if set_v * reset_v > 0.0 { DriveName::Pulses } else { DriveName::Ramps };
    let drive = options.drive.unwrap_or(by_rule);
    let mut words = vec![
        ("--cycles", options.cycles.to_string()),
        ("--drive", bench::chosen(&drive)),
        ("--set", bench::word(set_v, Dimension::Volt)),
        ("--reset", bench::word(reset_v, Dimension::Volt)),
    ];
    let mut settings = vec![
        ("cycles", Value::Integer(options.cycles.into())),
        ("drive", Value::String(bench::chosen(&drive))),
        ("set", text(set_v, Dimension::Volt)),
        ("reset", text(reset_v, Dimension::Volt)),
    ];
    let mut time = |option: &'static str, name: &'static str, value: f64| {
        words.push((option, bench::word(value, Dimension::Second)));
        settings.push((name, text(value, Dimension::Second)));
    };
    let (approach, looks) = match drive {
        DriveName::Ramps => {
            let given = [
                ("--heights", options.heights.is_some()),
                ("--set-width", options.set_width.is_some()),
                ("--reset-width", options.reset_width.is_some()),
            ];
            bench::without_effect(&given, "it is cycled by ramps", "--drive pulses takes it, or --ramp")?;
            let ramp_s = options.ramp.unwrap_or(operation.set.width_s);
            time("--ramp", "ramp", ramp_s);
            (Approach::Ramps { ramp_s }, LOOKS)
        }
        DriveName::Pulses => {
            let given = [("--ramp", options.ramp.is_some())];
            let help = "--drive ramps takes it, or --set-width and --reset-width";
            bench::without_effect(&given, "it is cycled by pulses", help)?;
            let set_s = options.set_width.unwrap_or(operation.set.width_s);
            let own_s = operation.reset.map_or(set_s, |reset| reset.width_s);
            let reset_s = options.reset_width.unwrap_or(own_s);
            time("--set-width", "set_width", set_s);
            time("--reset-width", "reset_width", reset_s);
            let heights = options.heights.unwrap_or(HEIGHTS);
            words.push(("--heights", heights.to_string()));
            settings.push(("heights", Value::Integer(heights.into())));
            (Approach::Pulses { set_s, reset_s }, heights)
        }
    };
    let read_v = operation.read.voltage_v;
    let cycling = lab::Cycling { cycles: options.cycles, set_v, reset_v, approach, looks, read_v };
    let experiment = Experiment {
        name: "cycle",
        title: "SET and RESET, cycle after cycle",
        about: match drive {
            DriveName::Ramps => {
                "Ramps up and down, again and again: at which voltages the device switches, how these scatter over cycles \
                 and devices (Weibull plots), and what resistances lie between."
            }
            DriveName::Pulses => {
                "Pulses of rising height, each with a jump to 0 V, a rest and a look, again and again: at which heights the \
                 device switches, how these scatter over cycles and devices (Weibull plots), and what resistances lie \
                 between."
            }
        },
        revision: lab::Cycling::REVISION,
        merit: "on_off_ratio",
        settings,
        words: words.into_iter().flat_map(|(k, v)| [k.to_string(), v]).collect(),
        default_k: bench::ROOM_K,
    };
    bench::measure(&options.bench, &spec, experiment, |b| cycling.run(b), terminal)
}
