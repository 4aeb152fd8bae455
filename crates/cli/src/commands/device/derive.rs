//! `neurohm device characterise`, `predict` and `export`: what follows from a description.

use std::path::PathBuf;

use neurohm::data::npy;
use neurohm::device::compact::{self, Waveform, spice_netlist};
use neurohm::device::fit::pulses::predict_pulses;
use neurohm::device::predict::{Reads, predict_noise, predict_retention};
use neurohm::device::{DeviceSpec, to_toml};
use neurohm::lab::{Protocol, characterise};
use neurohm::num::quantity::{self, Dimension};
use neurohm::num::{Key, stats};
use neurohm::study::{Disk, Inputs, named_device, write_file};

use super::bench::{hertz, kelvin, second};
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
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin, allow_hyphen_values = true)]
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
    super::bench::knows_temperature(&spec, options.temperature)?;
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
        done.devices,
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
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin, allow_hyphen_values = true)]
    temperature: Option<f64>,
    /// How long (retention)
    #[arg(long, value_name = "TIME", value_parser = second, allow_hyphen_values = true)]
    time: Option<f64>,
    /// Pulses as stimulus:count, such as up:50,down:50; a stimulus is a name or number of the device's law (pulses)
    #[arg(long, value_name = "TRAIN")]
    pulses: Option<String>,
    /// Cells that are simulated for each beginning (pulses)
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    cells: u32,
    /// Reads a second (noise)
    #[arg(long, value_name = "FREQUENCY", value_parser = hertz, allow_hyphen_values = true)]
    rate: Option<f64>,
    /// How many reads (noise)
    #[arg(long, value_name = "N")]
    reads: Option<u32>,
    /// Time from programming to the first read (noise)
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = second, allow_hyphen_values = true)]
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
    let mut notes = beyond(&initial, cell.g_min_s, cell.g_max_s);
    let (shape, mean, std) = match options.kind {
        Predicted::Retention => {
            if cell.retention.is_none() {
                let message = format!("the retention of `{}` was not measured", spec.name);
                return Err(Failure::request(message).help("`neurohm device fit --kind retention` finds it"));
            }
            if options.temperature.is_some()
                && !cell.retention.as_ref().is_some_and(|r| r.follows_temperature())
            {
                // No refusal: commands that ask many descriptions for the same temperature go on.
                notes.push(format!(
                    "--temperature has no effect: the retention of `{}` was measured at one temperature. A law \
                     [retention.activated] follows it, and `neurohm device fit --kind retention` finds one from bakes.",
                    spec.name
                ));
            }
            let time = options.time.ok_or_else(|| need("--time, such as 7200s"))?;
            let t_k = options.temperature.unwrap_or(neurohm::device::ROOM_K);
            let p = predict_retention(cell, &initial, t_k, time)?;
            notes.extend(spec.extrapolated_at(time, t_k));
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
    notes.iter().for_each(|note| terminal.tell(&format!("caution: {note}")));
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
        return terminal.print_json(
            &serde_json::json!({ "shape": shape, "mean_s": mean, "std_s": std, "notes": notes }),
        );
    }
    let show = |g: f64| quantity::format(quantity::rounded(g, 4), Dimension::Siemens);
    let (m, s) = (stats::mean(&mean), stats::mean(&std));
    terminal.print(&format!("{} values: mean {}, mean standard deviation {}\n", mean.len(), show(m), show(s)))
}

/// A sentence where conductances lie outside of the device's range by more than a twentieth of it.
fn beyond(initial_s: &[f64], g_min_s: f64, g_max_s: f64) -> Vec<String> {
    let margin = 0.05 * (g_max_s - g_min_s);
    let outside = |g: &&f64| **g < g_min_s - margin || **g > g_max_s + margin;
    let count = initial_s.iter().filter(outside).count();
    let show = |g: f64| quantity::format(quantity::rounded(g, 4), Dimension::Siemens);
    let (low, high) = initial_s.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), g| (l.min(*g), h.max(*g)));
    let text = format!(
        "{count} of {} initial conductances, which reach from {} to {}, lie outside of the device's range, {} to {}: what \
         is said of these is extrapolated.",
        initial_s.len(),
        show(low),
        show(high),
        show(g_min_s),
        show(g_max_s)
    );
    (count > 0).then_some(text).into_iter().collect()
}

/// Conductances from a file, with its shape, or one value.
fn initial(text: &str) -> Result<(Vec<usize>, Vec<f64>), Failure> {
    if !text.ends_with(".npy") {
        let g = quantity::parse(text, Dimension::Siemens);
        let g =
            g.map_err(|e| Failure::request(format!("--initial {text}: {e}")).help("or name a .npy file"))?;
        if g.is_nan() || g < 0.0 {
            return Err(Failure::request(format!("--initial {text}: conductances are not negative")));
        }
        return Ok((Vec::new(), vec![g]));
    }
    let array = npy::read(&Disk.bytes(text)?).map_err(|e| Failure::request(format!("{text}: {e}")))?;
    let values: Vec<f64> = (0..array.values.len()).filter_map(|i| array.values.get(i)).collect();
    if values.is_empty() {
        return Err(Failure::request(format!("{text} holds no conductance: its shape is {:?}", array.shape)));
    }
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

/// Steps a period that an exported netlist asks for: threshold switches need that many for a thousandth of full scale.
const EXPORT_STEPS: f64 = 4000.0;

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
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin, allow_hyphen_values = true)]
    temperature: Option<f64>,
    /// Write to FILE [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn export(options: Export, terminal: &Terminal) -> Result<(), Failure> {
    let spec = named_device(&options.device, &Disk)?;
    let dynamic = spec.equations()?;
    super::bench::knows_temperature(&spec, options.temperature)?;
    let t_k = options.temperature.unwrap_or(300.0);
    let Format::Spice = options.format;
    let text = if options.subcircuit {
        dynamic.spice(&spec.name, t_k, Key::root(0))?
    } else {
        let operation = super::bench::operation(&spec, "--subcircuit")?;
        let frequency_hz = 0.25 / operation.set.width_s;
        let waveform = Waveform::Sine { amplitude_v: operation.set.voltage_v, frequency_hz, offset_v: 0.0 };
        let period = 1.0 / frequency_hz;
        let how = compact::Drive {
            waveform: &waveform,
            t_end_s: 3.0 * period,
            t_k,
            max_step_s: period / EXPORT_STEPS,
        };
        spice_netlist(dynamic, &how, operation.series_ohm.unwrap_or(0.0))?
    };
    match &options.output {
        Some(path) => {
            write_file(path, text.as_bytes())?;
            terminal.tell(&format!("Wrote {}.", path.display()));
            Ok(())
        }
        None if terminal.json() => terminal.print_json(&serde_json::json!({
            "device": spec.name, "format": "spice", "netlist": text,
        })),
        None => terminal.print(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::beyond;

    #[test]
    fn conductances_beyond_the_range_are_told_where_they_are_far_out() {
        assert!(beyond(&[0.6e-6, 10.4e-6, 5e-6], 1e-6, 10e-6).is_empty());
        let told = beyond(&[0.5e-6, 5e-6, 12e-6], 1e-6, 10e-6);
        assert!(told.len() == 1 && told[0].starts_with("2 of 3") && told[0].contains("12 uS"), "{told:?}");
    }
}
