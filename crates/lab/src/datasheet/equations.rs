//! A datasheet from the equations: devices that the operation's pulses switch, read and leave alone.

use neurohm_device::compact::Waveform;
use neurohm_device::{Drive, Operation};
use neurohm_num::quantity;
use neurohm_study::record::Status;

use super::statistics::{ASYMMETRY, labelled};
use super::{AGED_S, HOT_K, LONGEST_S, MOVED, ROOM_K, Reading, Readings, Source, trains};
use crate::figure::over;
use crate::rig::{Device, Rig};
use crate::switching::{Switching, ends};
use crate::{Bench, LabError};

/// Pulses of a train, each so much shorter than the operation's.
const TRAIN: u32 = 32;
/// Parts of a pulse that are looked at, at least.
const LOOKS: f64 = 400.0;
/// Shortest pulse whose effect on a device that switches by heat is looked at, s.
const SHORTEST_S: f64 = 1e-12;
/// Widths a decade of such pulses.
const WIDTHS_PER_DECADE: u32 = 20;
/// A conductance that changes by less than this part has not switched.
const SWITCHED: f64 = 1.1;
/// First look at a device that is left alone, s.
const FIRST_S: f64 = 1e-9;
/// Looks a decade at a device that is left alone.
const PER_DECADE: u32 = 2;

/// Why levels of devices without chance are not counted.
const STEADY: &str = "Nothing scatters in its equations, so that no noise limits the number of levels: they say no number. \
                      [spread] of its parameters, or a [noise] that was measured, would limit it.";

/// A pulse that switches, as it happened.
struct Switch {
    /// Until ln G was half way, s; none if the pulse hardly changed it.
    time_s: Option<f64>,
    energy_j: f64,
}

/// What one device did.
struct Measured {
    off_s: f64,
    on_s: f64,
    set: Switch,
    reset: Option<Switch>,
    up: Vec<f64>,
    down: Option<Vec<f64>>,
}

pub(super) fn read(source: &Source) -> Result<Readings, LabError> {
    let mut out = Readings::new();
    if !source.spec.scatters()? {
        for name in ["levels", "levels_aged"] {
            out.insert(name, Reading::unknown(STEADY));
        }
    }
    let Some(operation) = &source.spec.operation else { return Ok(out) };
    let sign = operation.set.voltage_v.signum();
    let rig = Rig {
        t_k: ROOM_K,
        series_ohm: operation.series_ohm.unwrap_or(0.0),
        compliance_a: sign * operation.compliance_a.unwrap_or(f64::INFINITY),
        parallel_f: 0.0,
    };
    let bench = Bench {
        spec: source.spec,
        devices: source.depth.devices as usize,
        key: source.key.child("bench", 0),
        rig,
        watch: source.watch,
    };
    match bench.each(|device| measure(device, operation, &bench)) {
        Ok(all) => switching(&all, operation, &mut out),
        Err(error) if error.is_cancelled() => return Err(error),
        Err(error) => {
            let how = format!("Its equations could not be driven: {error}.");
            for name in ["on_off_ratio", "set_time", "reset_time", "set_energy", "reset_energy"] {
                out.insert(name, Reading::unknown(how.clone()));
            }
        }
    }
    for (name, t_k) in [("retention", ROOM_K), ("retention_85c", HOT_K)] {
        let reading = match kept(&Bench { rig: Rig { t_k, ..rig }, devices: 1, ..bench }) {
            Ok(reading) => reading,
            Err(error) if error.is_cancelled() => return Err(error),
            Err(error) => Reading::unknown(format!("Its equations could not be left alone: {error}.")),
        };
        out.insert(name, reading);
    }
    Ok(out)
}

fn measure(device: Device, operation: &Operation, bench: &Bench) -> Result<Measured, LabError> {
    let read_v = operation.read.voltage_v;
    let [mut off, mut on] = ends(&device, bench)?;
    let (off_s, on_s) = (off.conductance_s(read_v, &bench.rig)?, on.conductance_s(read_v, &bench.rig)?);
    let set = switch(off.copy(), operation.set, on_s, operation, bench)?;
    let reset = operation.reset.map(|pulse| switch(on.copy(), pulse, off_s, operation, bench)).transpose()?;
    // Trains up and down in turn; the first ones bring the device into the range that they span.
    let mut trains = [Vec::new(), Vec::new()];
    for _ in 0..2 {
        trains[0] = train(&mut off, operation.set, operation, bench)?;
        if let Some(pulse) = operation.reset {
            trains[1] = train(&mut off, pulse, operation, bench)?;
        } else {
            break;
        }
    }
    let [up, down] = trains;
    let down = operation.reset.map(|_| down);
    Ok(Measured { off_s, on_s, set, reset, up, down })
}

/// A pulse, and when it has carried the device half way: of what switches by heat to `to_s`, which shows when it has
/// cooled; of others to where it is while the pulse ends.
fn switch(
    mut device: Device,
    pulse: Drive,
    to_s: f64,
    operation: &Operation,
    bench: &Bench,
) -> Result<Switch, LabError> {
    let waveform = Waveform::Constant(pulse.voltage_v);
    let width = pulse.width_s;
    let before = device.copy();
    let recording = device.apply(&waveform, width, width / LOOKS, &bench.rig, bench.watch)?;
    let energy_j = recording.energy_j();
    if operation.unipolar() {
        let voltages_v = vec![pulse.voltage_v.abs()];
        let times_s = [SHORTEST_S.min(0.5 * width), width];
        let switching =
            Switching { voltages_v, times_s, per_decade: WIDTHS_PER_DECADE, decades: 0.0, pulses: true };
        let time_s = switching.time(before, pulse.voltage_v, to_s, bench, operation.read.voltage_v)?;
        return Ok(Switch { time_s: time_s.filter(|t| *t > 0.0), energy_j });
    }
    let g: Vec<f64> = recording.i_a.iter().zip(&recording.device_v).map(|(i, v)| libm::log(i / v)).collect();
    let (first, last) = (g.first().copied().unwrap_or(f64::NAN), g.last().copied().unwrap_or(f64::NAN));
    let switched = (last - first).abs() > libm::log(SWITCHED);
    let half = |g: f64| (g - first) / (last - first) >= 0.5;
    let at = if switched { g.iter().position(|g| half(*g)).filter(|n| *n > 0) } else { None };
    let time_s = at.map(|n| {
        let part = (0.5 * (first + last) - g[n - 1]) / (g[n] - g[n - 1]);
        recording.t_s[n - 1] + part.clamp(0.0, 1.0) * (recording.t_s[n] - recording.t_s[n - 1])
    });
    Ok(Switch { time_s, energy_j })
}

/// Conductances after 0, 1, ... pulses that together are as long as `pulse`.
fn train(
    device: &mut Device,
    pulse: Drive,
    operation: &Operation,
    bench: &Bench,
) -> Result<Vec<f64>, LabError> {
    let read_v = operation.read.voltage_v;
    let part = Drive { width_s: pulse.width_s / f64::from(TRAIN), ..pulse };
    let waveform = Waveform::Constant(part.voltage_v);
    let mut trace = vec![device.conductance_s(read_v, &bench.rig)?];
    for _ in 0..TRAIN {
        if operation.unipolar() {
            device.pulse(part, operation.rest_s(), &bench.rig, bench.watch)?;
        } else {
            device.apply(&waveform, part.width_s, part.width_s, &bench.rig, bench.watch)?;
        }
        trace.push(device.conductance_s(read_v, &bench.rig)?);
    }
    Ok(trace)
}

fn volt(v: f64) -> String {
    quantity::format(v, quantity::Dimension::Volt)
}

fn time(s: f64) -> String {
    quantity::format(s, quantity::Dimension::Second)
}

fn switching(all: &[Measured], operation: &Operation, out: &mut Readings) {
    let n = all.len();
    let alike = all.iter().all(|m| m.on_s == all[0].on_s && m.set.energy_j == all[0].set.energy_j);
    let devices = match n {
        1 => "one device".to_string(),
        _ if alike => "one device, since nothing scatters".to_string(),
        n => format!("{n} devices"),
    };
    // Devices without any spread are one device many times: its numbers are exact.
    let mean = |values: &[f64], how: String| {
        let (value, ci95) = over(values);
        let alike = values.iter().all(|v| (v / values[0] - 1.0).abs() < 1e-12);
        if alike { Reading::exact(values[0], how) } else { Reading::sampled(value, ci95, how) }
    };
    let ratios: Vec<f64> = all.iter().map(|m| m.on_s / m.off_s).collect();
    let read = volt(operation.read.voltage_v);
    let off = if operation.reset.is_some() { "after RESET pulses" } else { "before any pulse" };
    let how = format!("Conductance at {read} after SET pulses over that {off}, {devices}.");
    if ratios.iter().all(|r| (r - 1.0).abs() < 1e-6) {
        let how = "The pulses of its [operation] leave no second state: give it others.";
        out.insert("on_off_ratio", Reading::unknown(how));
    } else if ratios.iter().all(|r| r.is_finite()) {
        out.insert("on_off_ratio", mean(&ratios, how));
    }
    let states: [(&str, &str, fn(&Measured) -> f64); 2] =
        [("on_spread", "on", |m| m.on_s), ("off_spread", "off", |m| m.off_s)];
    for (name, state, of) in states {
        let values: Vec<f64> = all.iter().map(of).collect();
        let spread = 100.0 * neurohm_num::stats::sd(&values) / neurohm_num::stats::mean(&values);
        if spread > 1e-9 {
            let how = format!("Standard deviation over mean of the {state} conductance, {devices}.");
            out.insert(name, Reading::sampled(spread, super::around(spread, super::of_spread(n)), how));
        } else {
            let how = "Simulated devices do not scatter in this state";
            out.insert(name, Reading::unknown(how));
        }
    }

    let rows: [(&str, &str, &str, Option<Drive>, fn(&Measured) -> Option<&Switch>); 2] = [
        ("set_time", "set_energy", "SET", Some(operation.set), |m| Some(&m.set)),
        ("reset_time", "reset_energy", "RESET", operation.reset, |m| m.reset.as_ref()),
    ];
    for (time_name, energy_name, word, pulse, of) in rows {
        let Some(pulse) = pulse else {
            for name in [time_name, energy_name] {
                let how =
                    format!("Its [operation] has no {word} pulse: it falls back by itself, or is not reset.");
                out.insert(name, Reading::without(Status::None, how));
            }
            continue;
        };
        let said = format!("{} for {}", volt(pulse.voltage_v), time(pulse.width_s));
        let energies: Vec<f64> = all.iter().filter_map(|m| of(m).map(|s| s.energy_j)).collect();
        let how = format!("∫ V I dt over the pulse of the operation, {said}; {devices}.");
        if energies.iter().all(|e| e.is_finite()) {
            out.insert(energy_name, mean(&energies, how));
        }
        let times: Vec<f64> = all.iter().filter_map(|m| of(m).and_then(|s| s.time_s)).collect();
        let reading = if times.len() == n {
            let until = if operation.unipolar() {
                "Width of the pulse that leaves ln G half way between its ends after a jump to 0 V and a rest"
            } else {
                "Until ln G is half way to where the pulse ends"
            };
            mean(&times, format!("{until}, {said}; {devices}."))
        } else {
            let how =
                format!("The pulse of its [operation], {said}, changed {} of {n} by a tenth.", times.len());
            Reading::unknown(how)
        };
        out.insert(time_name, reading);
    }

    let ups: Vec<&[f64]> = all.iter().map(|m| m.up.as_slice()).collect();
    let downs: Vec<&[f64]> = all.iter().filter_map(|m| m.down.as_deref()).collect();
    for (count, label, word, pulse, traces) in [
        ("pulses_up", "nonlinearity_up", "SET", Some(operation.set), &ups),
        ("pulses_down", "nonlinearity_down", "RESET", operation.reset, &downs),
    ] {
        let Some(pulse) = pulse else {
            for name in [count, label] {
                let how = format!("Its [operation] has no {word} pulse.");
                out.insert(name, Reading::without(Status::None, how));
            }
            continue;
        };
        let judged: Vec<_> = traces.iter().filter_map(|t| trains::judge(t)).collect();
        if judged.len() < traces.len() {
            continue;
        }
        let counts: Vec<f64> = judged.iter().map(|t| f64::from(t.pulses)).collect();
        let how = format!(
            "Of {TRAIN} pulses of {} for {}, those that cover 90 % of what all reach; the count depends on that width.",
            volt(pulse.voltage_v),
            time(pulse.width_s / f64::from(TRAIN))
        );
        out.insert(count, mean(&counts, how));
        let labels: Vec<f64> = judged.iter().filter_map(|t| t.label).collect();
        let reading = match judged.first() {
            Some(first) if labels.len() < judged.len() => labelled(&trains::Train { label: None, ..*first }),
            Some(first) => mean(&labels, labelled(first).how),
            None => continue,
        };
        out.insert(label, reading);
    }
    let sizes: Vec<f64> = all
        .iter()
        .filter_map(|m| {
            let down = m.down.as_deref()?;
            let ends = m.up.iter().chain(down);
            let range = ends.fold([f64::INFINITY, 0.0], |[low, high], g| [g.min(low), g.max(high)]);
            trains::asymmetry(range, |g| trains::step_at(&m.up, g), |g| trains::step_at(down, g))
        })
        .collect();
    let asymmetry = match operation.reset {
        None => Reading::without(Status::None, "Its [operation] has no RESET pulse."),
        Some(_) if sizes.len() == n => mean(&sizes, ASYMMETRY.into()),
        Some(_) => Reading::unknown("Trains up and down share less than half of their range."),
    };
    out.insert("asymmetry", asymmetry);
}

/// When on and off state have moved, by their root mean square, by [`MOVED`] of the window between them.
fn kept(bench: &Bench) -> Result<Reading, LabError> {
    let operation = bench.operation()?;
    let read_v = operation.read.voltage_v;
    // Written at room temperature, and kept where it is hotter: heat from a pulse adds to that around it.
    let written = Bench { rig: Rig { t_k: ROOM_K, ..bench.rig }, ..*bench };
    let mut states = ends(&Device::new(bench.spec, 0, bench.key)?, &written)?;
    let mut begin = [0.0; 2];
    for (g, device) in begin.iter_mut().zip(&mut states) {
        *g = device.conductance_s(read_v, &bench.rig)?;
    }
    let window = (begin[1] - begin[0]).abs();
    // NaN too has no window.
    if window.is_nan() || window <= 1e-9 * begin[1].abs() {
        return Ok(Reading::unknown("The pulses of its [operation] leave no second state: give it others."));
    }
    let looks = PER_DECADE * libm::ceil(libm::log10(LONGEST_S / FIRST_S)) as u32;
    let (mut at, mut before) = (0.0, 0.0);
    let said = "Until on and off state, left alone at 0 V, have moved by 10 % of the window between their \
                conductances, by the equations";
    for n in 0..=looks {
        let t = FIRST_S * libm::pow(LONGEST_S / FIRST_S, f64::from(n) / f64::from(looks));
        let mut square = 0.0;
        for (begin, device) in begin.iter().zip(&mut states) {
            device.apply(&Waveform::Constant(0.0), t - at, t - at, &bench.rig, bench.watch)?;
            let moved = (device.conductance_s(read_v, &bench.rig)? - begin) / window;
            square += 0.5 * moved * moved;
        }
        let moved = libm::sqrt(square);
        if moved >= MOVED {
            let part = (MOVED - before) / (moved - before);
            let value = if at > 0.0 { at * libm::pow(t / at, part) } else { t };
            let status = if at > 0.0 { Status::Value } else { Status::AtMost };
            return Ok(Reading::bound(status, value, format!("{said}.")));
        }
        (at, before) = (t, moved);
    }
    if before < 1e-9 {
        return Ok(Reading::unknown("Its equations let nothing relax: retention is not in the model"));
    }
    let how = format!("{said}: {:.1e} of it after ten years.", before);
    Ok(Reading::bound(Status::AtLeast, LONGEST_S.max(AGED_S), how))
}
