//! A datasheet from the statistics of the cells: arrays that are programmed, pulsed, left alone and read, and closed
//! forms where a law has one.

use neurohm_device::predict::predict_retention;
use neurohm_device::{CellArray, CellSpec, Endurance, Noise, Nominal, Pulse, Retention, Write};
use neurohm_num::{Key, quantity, stats};
use neurohm_study::record::Status;

use super::levels::{self, Seen};
use super::{
    AGED_S, ERROR_RATE, HOT_K, LONGEST_S, MOVED, ROOM_K, Reading, Readings, Source, around, of_spread, trains,
};
use crate::LabError;

/// Targets over the range at which levels are looked at.
const TARGETS: usize = 33;
/// Pulses after which a train is given up.
const LONGEST_TRAIN: usize = 20_000;
/// Looks a decade of time.
const LOOKS: f64 = 20.0;

/// Cells at targets over the range, as reads see them.
struct Looks {
    /// At the fresh age, one list of levels an array.
    fresh: Vec<Vec<Seen>>,
    /// After a day.
    aged: Vec<Vec<Seen>>,
}

pub(super) fn read(cell: &CellSpec, source: &Source) -> Result<Readings, LabError> {
    let mut out = Readings::new();
    let looks = look(cell, source)?;
    range(cell, &looks, source, &mut out);
    levels_of(cell, &looks, &mut out);
    programming(cell, source, &mut out)?;
    if let Some(law) = &cell.pulse {
        pulses(law, cell, source, &mut out)?;
    }
    keeping(cell, source, &mut out)?;
    wear(cell, &mut out);
    Ok(out)
}

/// The first age that retention was measured at, or a second.
fn fresh_s(cell: &CellSpec) -> f64 {
    cell.retention.as_ref().and_then(|r| r.known_ages_s().0).unwrap_or(1.0)
}

fn time(s: f64) -> String {
    quantity::format(s, quantity::Dimension::Second)
}

/// Mean and standard deviation of the cells that are not stuck, level by level.
fn moments(array: &CellArray, g: &[f32], cells: usize) -> Vec<Seen> {
    let mut stuck = vec![false; g.len()];
    array.stuck().for_each(|i| stuck[i] = true);
    let level = |(g, stuck): (&[f32], &[bool])| {
        let free = g.iter().zip(stuck).filter(|(_, stuck)| !**stuck);
        let values: Vec<f64> = free.map(|(g, _)| f64::from(*g)).collect();
        Seen { mean_s: stats::mean(&values), sd_s: stats::sd(&values) }
    };
    g.chunks(cells).zip(stuck.chunks(cells)).map(level).filter(|s| s.sd_s.is_finite()).collect()
}

fn targets(cell: &CellSpec, count: usize) -> impl Iterator<Item = f64> {
    let (low, high) = (cell.g_min_s, cell.g_max_s);
    (0..count).map(move |n| low + (high - low) * n as f64 / (count - 1) as f64)
}

fn look(cell: &CellSpec, source: &Source) -> Result<Looks, LabError> {
    let cells = source.depth.cells as usize;
    let targets: Vec<f32> =
        targets(cell, TARGETS).flat_map(|g| std::iter::repeat_n(g as f32, cells)).collect();
    let mut looks = Looks { fresh: Vec::new(), aged: Vec::new() };
    let mut g = vec![0.0; targets.len()];
    let first = fresh_s(cell);
    for n in 0..source.depth.arrays {
        source.watch.step(0)?;
        let mut array = CellArray::new(cell, targets.len(), source.key.child("levels", u64::from(n)))?;
        array.set_temperature(ROOM_K)?;
        array.program(&targets)?;
        array.advance(first)?;
        array.observe_into(&mut g)?;
        looks.fresh.push(moments(&array, &g, cells));
        array.advance((AGED_S - first).max(0.0))?;
        array.observe_into(&mut g)?;
        looks.aged.push(moments(&array, &g, cells));
    }
    Ok(looks)
}

fn over(values: &[f64]) -> (f64, Option<[f64; 2]>) {
    crate::figure::over(values)
}

fn range(cell: &CellSpec, looks: &Looks, source: &Source, out: &mut Readings) {
    let age = time(fresh_s(cell));
    let end = |looks: &Vec<Seen>, on: bool| if on { looks.last().copied() } else { looks.first().copied() };
    let ends = |on: bool| looks.fresh.iter().filter_map(move |l| end(l, on)).collect::<Vec<Seen>>();
    let (on, off) = (ends(true), ends(false));
    let written = cell.write.is_some();
    let ratios: Vec<f64> = on.iter().zip(&off).map(|(on, off)| on.mean_s / off.mean_s).collect();
    let exact = !written || on.iter().chain(&off).all(|s| s.sd_s == 0.0);
    let ratio = if exact && cell.g_min_s == 0.0 && !written {
        let how = "The range begins at 0 S, and the error of programming is not in the description";
        Reading::unknown(how)
    } else if exact && cell.g_min_s == 0.0 {
        Reading::without(Status::Unbounded, "The description's range begins at 0 S.")
    } else if exact {
        let caveat = if written { "" } else { " (the error of programming was not measured)" };
        Reading::exact(cell.g_max_s / cell.g_min_s, format!("g_max / g_min of the description{caveat}."))
    } else {
        let (value, ci95) = over(&ratios);
        let how =
            format!("Mean conductance of cells programmed to g_max over that of cells at g_min, {age} old.");
        Reading::sampled(value, ci95, how)
    };
    out.insert("on_off_ratio", ratio);
    for (name, end, states) in [("on_spread", "g_max", &on), ("off_spread", "g_min", &off)] {
        let spreads: Vec<f64> = states.iter().map(|s| 100.0 * s.sd_s / s.mean_s).collect();
        let reading = if !written {
            Reading::unknown("The error of programming is not in the description")
        } else if states.iter().any(|s| s.mean_s == 0.0) {
            Reading::without(Status::None, "Its off state has no conductance to be relative to.")
        } else {
            let (value, ci95) = over(&spreads);
            let how = format!(
                "Standard deviation over mean of {} cells programmed to {end}, {age} old.",
                source.depth.cells * source.depth.arrays
            );
            Reading::sampled(value, ci95, how)
        };
        out.insert(name, reading);
    }
}

fn levels_of(cell: &CellSpec, looks: &Looks, out: &mut Readings) {
    let z = levels::z_of(ERROR_RATE);
    let parts = [("programming error", cell.write.is_some()), ("read noise", cell.noise.is_some())];
    let kept = ("retention", cell.retention.is_some());
    for (name, seen, age_s, parts) in [
        ("levels", &looks.fresh, fresh_s(cell), parts.to_vec()),
        ("levels_aged", &looks.aged, AGED_S, [parts.as_slice(), &[kept]].concat()),
    ] {
        let missing: Vec<&str> = parts.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
        let counts: Vec<f64> = seen.iter().map(|s| levels::count(s, z)).collect();
        let endless = counts.iter().all(|n| *n >= levels::MOST);
        let said = format!(
            "A read falls to a neighbour with probability {ERROR_RATE} at most: normal levels (μ, σ), {} after \
             programming, thresholds at their mean, neighbours {:.3} (σ₁ + σ₂) apart.",
            time(age_s),
            z
        );
        let reading = match (endless, missing.is_empty()) {
            (true, false) => Reading::unknown(format!("The description has no {}", missing.join(" and no "))),
            (true, true) => Reading::without(
                Status::Unbounded,
                "Writing, noise and retention are ideal in the description.",
            ),
            (false, whole) => {
                let (mean, ci95) = over(&counts);
                let ends = ci95.map(|ends| ends.map(|n| libm::floor(n.max(1.0))));
                let ends = ends.filter(|[low, high]| low < high);
                let value = libm::floor(mean);
                if whole {
                    Reading::sampled(value, ends, said)
                } else {
                    let how =
                        format!("{said} Not in the description and so not counted: {}.", missing.join(", "));
                    Reading { ci95: ends, ..Reading::bound(Status::AtMost, value, how) }
                }
            }
        };
        out.insert(name, reading);
    }
}

/// Values of `cells` cells at one conductance, of a description that keeps some of its aspects.
fn sample(cell: &CellSpec, target: f64, key: Key, cells: usize, program: bool) -> Result<Vec<f64>, LabError> {
    let mut array = CellArray::new(cell, cells, key)?;
    let targets = vec![target as f32; cells];
    if program {
        array.program(&targets)?
    } else {
        array.set(&targets)?
    }
    array.advance(fresh_s(cell))?;
    let mut g = vec![0.0; cells];
    array.observe_into(&mut g)?;
    Ok(g.into_iter().map(f64::from).collect())
}

fn middle(cell: &CellSpec) -> f64 {
    0.5 * (cell.g_min_s + cell.g_max_s)
}

fn programming(cell: &CellSpec, source: &Source, out: &mut Readings) -> Result<(), LabError> {
    let cells = (source.depth.cells * source.depth.arrays) as usize;
    let reading = match &cell.write {
        None => return Ok(()),
        Some(Write::Ideal {}) => Reading::exact(0.0, "Its description is written exactly."),
        Some(_) => {
            let alone =
                CellSpec { noise: None, retention: None, faults: None, endurance: None, ..cell.clone() };
            let g = sample(&alone, middle(cell), source.key.child("write", 0), cells, true)?;
            let sd = 100.0 * stats::sd(&g) / (cell.g_max_s - cell.g_min_s);
            let how = format!(
                "Standard deviation of {cells} cells programmed to mid-range, of g_max − g_min; without noise."
            );
            Reading::sampled(sd, around(sd, of_spread(cells)), how)
        }
    };
    out.insert("write_error", reading);
    Ok(())
}

/// The nominal device's train of one stimulus from an end of the range, until it gets no further.
fn train(law: &Pulse, cell: &CellSpec, stimulus: u16, from_s: f64) -> Vec<f64> {
    let mut device = Nominal::new(law, cell.g_min_s, cell.g_max_s, from_s);
    let mut trace = vec![device.g_s()];
    let least = 1e-9 * (cell.g_max_s - cell.g_min_s);
    while trace.len() <= LONGEST_TRAIN {
        let before = device.g_s();
        device.pulse(stimulus);
        if (device.g_s() - before).abs() <= least {
            break;
        }
        trace.push(device.g_s());
    }
    trace
}

/// The numbers of the stimuli that raise and lower the nominal device at mid-range.
fn ways(law: &Pulse, cell: &CellSpec) -> [Option<u16>; 2] {
    let device = Nominal::new(law, cell.g_min_s, cell.g_max_s, middle(cell));
    let way = |sign: f64| (0..law.stimuli().len() as u16).find(|n| sign * device.step_s(*n) > 0.0);
    [way(1.0), way(-1.0)]
}

fn pulses(law: &Pulse, cell: &CellSpec, source: &Source, out: &mut Readings) -> Result<(), LabError> {
    let [up, down] = ways(law, cell);
    let stimuli = law.stimuli();
    let rows = [
        ("pulses_up", "nonlinearity_up", "set_time", "set_energy", up, cell.g_min_s),
        ("pulses_down", "nonlinearity_down", "reset_time", "reset_energy", down, cell.g_max_s),
    ];
    for (count, label, width, energy, stimulus, from_s) in rows {
        let Some(stimulus) = stimulus else {
            let how = "No pulse of the law goes this way.";
            for name in [count, label, width, energy] {
                out.insert(name, Reading::without(Status::None, how));
            }
            continue;
        };
        let trace = train(law, cell, stimulus, from_s);
        let Some(judged) = trains::judge(&trace) else { continue };
        let word = &stimuli[usize::from(stimulus)].name;
        let how = format!(
            "Nominal pulses \"{word}\" from one end until 90 % of what {} reach is covered.",
            if trace.len() > LONGEST_TRAIN { "20000 pulses" } else { "such pulses" }
        );
        out.insert(count, Reading::exact(f64::from(judged.pulses), how));
        out.insert(label, labelled(&judged));
        if let Some(drive) = stimuli[usize::from(stimulus)].drive {
            let n = judged.pulses as usize;
            let mean = |w: &[f64]| 0.5 * (w[0] + w[1]);
            let sum_s: f64 = trace[..=n].windows(2).map(mean).sum();
            let said = format!("{n} pulses of {} V for {} each", drive.voltage_v, time(drive.width_s));
            out.insert(width, Reading::exact(n as f64 * drive.width_s, format!("{said}.")));
            let joule = drive.voltage_v * drive.voltage_v * drive.width_s * sum_s;
            let how = format!("{said}: the sum of V² G t, an ohmic device at every pulse.");
            out.insert(energy, Reading::exact(joule, how));
        }
    }
    if let (Some(up), Some(down)) = (up, down) {
        let step = |stimulus: u16, sign: f64| {
            move |g: f64| Some(sign * Nominal::new(law, cell.g_min_s, cell.g_max_s, g).step_s(stimulus))
        };
        let range = [cell.g_min_s, cell.g_max_s];
        if let Some(value) = trains::asymmetry(range, step(up, 1.0), step(down, -1.0)) {
            out.insert("asymmetry", Reading::exact(value, ASYMMETRY));
        }
    }
    if let Some(up) = up {
        out.insert("step_spread", step_spread(cell, up, source)?);
    }
    Ok(())
}

pub(super) const ASYMMETRY: &str = "Mean of |up − down| / (up + down) of the steps over nine tenths of the range; 0: alike, 1: one way only.";

pub(super) fn labelled(train: &trains::Train) -> Reading {
    match train.label {
        Some(label) => Reading::exact(
            label,
            "NeuroSim's label of that train: its largest distance from the diagonal over 0.09899; 0 is straight.",
        ),
        None => Reading::without(Status::None, "Abrupt: so few pulses have no curve."),
    }
}

/// Two pulses a cell from the same conductance: half the mean square of their difference is the variance from cycle
/// to cycle.
fn step_spread(cell: &CellSpec, up: u16, source: &Source) -> Result<Reading, LabError> {
    let cells = (source.depth.cells * source.depth.arrays) as usize;
    let alone = CellSpec { noise: None, retention: None, faults: None, endurance: None, ..cell.clone() };
    let mut array = CellArray::new(&alone, cells, source.key.child("steps", 0))?;
    let from = vec![middle(cell) as f32; cells];
    let mut ends = [vec![0.0_f32; cells], vec![0.0_f32; cells]];
    for end in &mut ends {
        array.set(&from)?;
        array.pulse_all(up, 1)?;
        array.verify_into(end)?;
    }
    let pairs = || ends[0].iter().zip(&ends[1]).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let n = cells as f64;
    let mean = pairs().map(|(a, b)| 0.5 * (a + b)).sum::<f64>() / n - f64::from(from[0]);
    let sd = libm::sqrt(pairs().map(|(a, b)| 0.5 * (a - b) * (a - b)).sum::<f64>() / n);
    let value = 100.0 * sd / mean.abs();
    // Both the spread and the mean step are estimates.
    let of_mean = 1.96 * sd / libm::sqrt(2.0 * n) / mean.abs();
    let relative = libm::sqrt(of_spread(cells) * of_spread(cells) + of_mean * of_mean);
    if !value.is_finite() || relative > 1.0 {
        return Ok(Reading::unknown("At mid-range the mean step is lost in its spread."));
    }
    let how = format!(
        "Standard deviation over mean of the change that a pulse up shows at mid-range, two on each of {cells} cells."
    );
    Ok(Reading::sampled(value, around(value, relative), how))
}

fn keeping(cell: &CellSpec, source: &Source, out: &mut Readings) -> Result<(), LabError> {
    match &cell.noise {
        None => {}
        Some(Noise::Ideal {}) => {
            out.insert("read_noise", Reading::exact(0.0, "Its description is read without noise."));
        }
        Some(_) => {
            let cells = (source.depth.cells * source.depth.arrays) as usize;
            let alone = CellSpec { write: None, faults: None, endurance: None, ..cell.clone() };
            let alone = CellSpec { retention: None, ..alone };
            let g = sample(&alone, middle(cell), source.key.child("noise", 0), cells, false)?;
            let value = 100.0 * stats::sd(&g) / stats::mean(&g);
            let how =
                format!("Standard deviation over mean of one read of {cells} cells, 1 s after programming.");
            out.insert("read_noise", Reading::sampled(value, around(value, of_spread(cells)), how));
        }
    }
    let Some(law) = &cell.retention else { return Ok(()) };
    if matches!(law, Retention::Ideal {}) {
        for name in ["retention", "retention_85c"] {
            out.insert(
                name,
                Reading::without(Status::Unbounded, "Its description keeps everything for ever."),
            );
        }
        return Ok(());
    }
    out.insert("retention", kept(cell, law, ROOM_K)?);
    let hot = if law.follows_temperature() {
        kept(cell, law, HOT_K)?
    } else {
        Reading::unknown("The law of retention does not know the temperature")
    };
    out.insert("retention_85c", hot);
    Ok(())
}

/// When the conductances have moved, by the root of the mean square over levels from g_min to g_max of mean shift and
/// spread since the first age, by [`MOVED`] of the range.
fn kept(cell: &CellSpec, law: &Retention, t_k: f64) -> Result<Reading, LabError> {
    let levels: Vec<f64> = targets(cell, TARGETS).collect();
    let first = fresh_s(cell);
    let begin = predict_retention(cell, &levels, t_k, first)?;
    let limit = MOVED * (cell.g_max_s - cell.g_min_s);
    let moved = |age_s: f64| -> Result<f64, LabError> {
        let now = predict_retention(cell, &levels, t_k, age_s)?;
        let square = |n: usize| {
            let shift = now.mean_s[n] - begin.mean_s[n];
            shift * shift + (now.std_s[n] * now.std_s[n] - begin.std_s[n] * begin.std_s[n]).max(0.0)
        };
        Ok(libm::sqrt((0..levels.len()).map(square).sum::<f64>() / levels.len() as f64))
    };
    let looks = libm::ceil(LOOKS * libm::log10(LONGEST_S / first)).max(1.0);
    let at = |n: f64| first * libm::pow(LONGEST_S / first, n / looks);
    let mut before = (first, 0.0);
    let known = law.known_ages_s().1;
    let said = "Until conductances have moved by 10 % of the range: root mean square of shift and spread over levels";
    let mut n = 1.0;
    while n <= looks {
        let now = (at(n), moved(at(n))?);
        if now.1 >= limit {
            // Between two looks, linear in the logarithm of time.
            let part = (limit - before.1) / (now.1 - before.1);
            let t = before.0 * libm::pow(now.0 / before.0, part);
            let beyond = known.filter(|last| t > *last);
            let caveat = beyond.map(|last| format!("; extrapolated from {}", time(last))).unwrap_or_default();
            return Ok(Reading::exact(t, format!("{said}, since {}{caveat}.", time(first))));
        }
        before = now;
        n += 1.0;
    }
    let percent = 100.0 * before.1 / (cell.g_max_s - cell.g_min_s);
    let beyond = known.filter(|last| LONGEST_S > *last);
    let caveat = beyond.map(|last| format!("; extrapolated from {}", time(last))).unwrap_or_default();
    let how = format!("{said}: {percent:.1} % after ten years{caveat}.");
    Ok(Reading::bound(Status::AtLeast, LONGEST_S, how))
}

fn wear(cell: &CellSpec, out: &mut Readings) {
    if let Some(law) = &cell.endurance {
        for (name, part) in [("endurance_first", 0.01), ("endurance_half", 0.5)] {
            let reading = match law.onset() {
                None => Reading::without(Status::Unbounded, "Its description does not wear."),
                Some(onset) => {
                    let begin = onset.of_device(1.0 - part);
                    let (factor, word) = lived(law, [cell.g_min_s, cell.g_max_s], begin);
                    let how = format!(
                        "{word} in {} % of the cells; Weibull distribution of the description's onset of {:.3e} cycles.",
                        100.0 * part,
                        onset.cycles()
                    );
                    match factor {
                        Some(cycles) => Reading::exact(cycles, how),
                        None => Reading::without(Status::Unbounded, "Its window does not close."),
                    }
                }
            };
            out.insert(name, reading);
        }
    }
    if let Some(faults) = &cell.faults {
        let value = 100.0 * (1.0 - faults.stuck());
        out.insert("yield", Reading::exact(value, "All but the stuck cells of the description."));
    }
}

/// Cycles until a device whose wear begins at `onset` is of no use, and why: it is stuck, or its window has halved.
fn lived(law: &Endurance, range_s: [f64; 2], onset: f64) -> (Option<f64>, &'static str) {
    match law {
        Endurance::Gradual { .. } => {
            let width = |cycles: f64| {
                let [low, high] = law.range_s(range_s, cycles, onset);
                high - low
            };
            let half = 0.5 * (range_s[1] - range_s[0]);
            let (mut low, mut high) = (0.0, libm::log(1e12));
            if width(onset * libm::exp(high)) > half {
                return (None, "The window has halved");
            }
            for _ in 0..100 {
                let middle = 0.5 * (low + high);
                if width(onset * libm::exp(middle)) > half { low = middle } else { high = middle }
            }
            (Some(onset * libm::exp(0.5 * (low + high))), "The window has halved")
        }
        _ => (Some(onset), "Stuck"),
    }
}
