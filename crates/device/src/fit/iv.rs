//! Equations from current-voltage loops.
//!
//! The measured voltage drives the model's states, and the parameters are those whose current is nearest to the measured
//! one. Models are ranked by their error on samples that the fit did not see. A parameter that the data do not determine
//! is held, and its verdict says so.

mod plan;
mod simulate;

use neurohm_num::fit::{
    Combination, Differences, Estimate, Fit, Loss, Options, Starts, Verdict, multi_start,
};
use neurohm_num::quantity::{self, Dimension};
use neurohm_num::stats::Interval;
use neurohm_num::{Key, Watch};

use super::{MeasurementError, rms};
use crate::compact::{Dynamic, Parameters, published};
use crate::error::nearest;
use crate::{DeviceSpec, Drive, Operation, Valid};
use simulate::simulate;

/// Models that are tried if none is asked for.
pub const CANDIDATES: &[&str] = &["vteam", "yakopcic", "mean_metastable_switch"];

/// A measured loop: samples of the voltage across the device and of the current through it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// Times, s, rising.
    pub t_s: Vec<f64>,
    /// Voltage across the device, V.
    pub v: Vec<f64>,
    /// Current through it, A.
    pub i_a: Vec<f64>,
    /// Cycles of the drive in the record.
    pub cycles: usize,
    /// What was assumed.
    pub notes: Vec<String>,
}

/// Of the usual distance of samples: from here on some are missing.
const GAP: f64 = 20.0;
/// Of full scale: a current whose ways up and down differ by less is a function of the voltage.
const NO_LOOP: f64 = 1e-3;

impl Loop {
    /// A loop from columns in SI units. Without times, `frequency_hz` is that of the drive, and the samples lie evenly
    /// over the whole number of its cycles that the voltage shows. With a series resistor, `voltage` is across both.
    ///
    /// # Errors
    /// Too few samples, values that are not finite, neither times nor frequency, times that do not rise, a voltage that
    /// does not change, no current.
    pub fn new(
        time: Option<Vec<f64>>,
        voltage: Vec<f64>,
        current: Vec<f64>,
        frequency_hz: Option<f64>,
        series_ohm: f64,
    ) -> Result<Loop, MeasurementError> {
        let error = |text: String| Err(MeasurementError::Data(text));
        let n = voltage.len();
        if current.len() != n || time.as_ref().is_some_and(|t| t.len() != n) {
            return error(format!("{n} voltages, {} currents: as many of each are needed", current.len()));
        }
        if n < 20 {
            return error(format!("{n} samples are too few for a loop: at least 20 are needed"));
        }
        for (what, values) in [("voltage", &voltage), ("current", &current)] {
            if let Some(row) = values.iter().position(|v| !v.is_finite()) {
                return error(format!("the {what} of row {} is {}", row + 1, values[row]));
            }
        }
        if !(series_ohm.is_finite() && series_ohm >= 0.0) {
            return error(format!("a series resistor of {series_ohm} ohm"));
        }
        let mut notes = Vec::new();
        let v: Vec<f64> = voltage.iter().zip(&current).map(|(v, i)| v - i * series_ohm).collect();
        if series_ohm > 0.0 {
            let ohm = quantity::format(series_ohm, Dimension::Ohm);
            notes.push(format!("The drop over {ohm} in series was taken off the voltage."));
        }
        let span = |x: &[f64]| {
            x.iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v))
                - x.iter().fold(f64::INFINITY, |m, v| m.min(*v))
        };
        if span(&v) == 0.0 || current.iter().all(|i| *i == 0.0) {
            return error("neither voltage nor current may be the same throughout".to_owned());
        }
        if opening(&v, &current).is_some_and(|open| open < NO_LOOP) {
            return error(format!(
                "the current is a function of the voltage: its ways up and down differ by less than {:.1} % of full \
                 scale, so that nothing tells what a state would do; measure further, faster or slower",
                100.0 * NO_LOOP
            ));
        }
        let cycles = cycles(&voltage);
        let t_s = match (time, frequency_hz) {
            (Some(t), _) => {
                if let Some(row) =
                    t.windows(2).position(|w| w[1] <= w[0] || !w[1].is_finite() || !w[0].is_finite())
                {
                    let (a, b) = (t[row], t[row + 1]);
                    return error(format!(
                        "the time of row {} is {b} s after {a} s: times must rise",
                        row + 2
                    ));
                }
                let mut steps: Vec<f64> = t.windows(2).map(|w| w[1] - w[0]).collect();
                steps.sort_by(f64::total_cmp);
                let usual_s = steps[steps.len() / 2];
                let longest =
                    t.windows(2).enumerate().max_by(|a, b| (a.1[1] - a.1[0]).total_cmp(&(b.1[1] - b.1[0])));
                if let Some((row, w)) = longest.filter(|(_, w)| w[1] - w[0] > GAP * usual_s) {
                    let second = |t_s: f64| quantity::format(quantity::rounded(t_s, 4), Dimension::Second);
                    notes.push(format!(
                        "Between rows {} and {} lie {}, where samples usually lie {} apart: the voltage was taken to go \
                         straight across.",
                        row + 1,
                        row + 2,
                        second(w[1] - w[0]),
                        second(usual_s)
                    ));
                }
                t
            }
            (None, Some(f)) if f.is_finite() && f > 0.0 => {
                let step = cycles as f64 / (f * n as f64);
                let hz = quantity::format(f, Dimension::Hertz);
                notes.push(format!(
                    "Without times, {n} samples were laid evenly over {cycles} cycles of {hz}."
                ));
                (0..n).map(|i| i as f64 * step).collect()
            }
            (None, Some(f)) => return error(format!("a frequency of {f} Hz")),
            (None, None) => {
                return error(
                    "the file carries no time: give the frequency of the drive, `--frequency 10Hz` for one, or name \
                     the column, `--columns time,voltage,current`"
                        .to_owned(),
                );
            }
        };
        Ok(Loop { t_s, v, i_a: current, cycles, notes })
    }

    fn largest(values: &[f64]) -> f64 {
        values.iter().fold(0.0, |m, v| v.abs().max(m))
    }

    /// Largest magnitude of the current, A.
    pub fn full_scale_a(&self) -> f64 {
        Loop::largest(&self.i_a)
    }

    /// The samples held out: of several cycles the last third, of a single one every third of 15 stretches.
    fn held_out(&self) -> (Vec<bool>, String) {
        let n = self.v.len();
        if self.cycles >= 2 {
            let kept = (2 * self.cycles).div_ceil(3).min(self.cycles - 1);
            let from = n * kept / self.cycles;
            let how = format!("cycles {} to {} of {}", kept + 1, self.cycles, self.cycles);
            return ((0..n).map(|i| i >= from).collect(), how);
        }
        let how =
            "every third of 15 stretches of the one cycle: it tells of interpolation, not of other drives";
        ((0..n).map(|i| (15 * i / n) % 3 == 1).collect(), how.to_owned())
    }
}

/// How far the ways up and down of a loop lie apart at most, of full scale; none where they share no voltage.
fn opening(v: &[f64], i: &[f64]) -> Option<f64> {
    let mut ways = [Vec::new(), Vec::new()];
    for n in 1..v.len() - 1 {
        let slope = v[n + 1] - v[n - 1];
        if slope != 0.0 {
            ways[usize::from(slope < 0.0)].push((v[n], i[n]));
        }
    }
    let [up, mut down] = ways;
    down.sort_by(|a, b| a.0.total_cmp(&b.0));
    let full = i.iter().fold(0.0_f64, |m, i| m.max(i.abs()));
    let apart = up.iter().filter_map(|(v, i)| {
        let next = down.partition_point(|d| d.0 < *v);
        let (a, b) = (down.get(next.checked_sub(1)?)?, down.get(next)?);
        let part = if b.0 > a.0 { (v - a.0) / (b.0 - a.0) } else { 0.0 };
        Some((i - (a.1 + part * (b.1 - a.1))).abs() / full)
    });
    apart.reduce(f64::max)
}

/// How often the voltage goes round: the strongest of its Fourier components.
fn cycles(v: &[f64]) -> usize {
    let stride = v.len().div_ceil(4000);
    let v: Vec<f64> = v.iter().step_by(stride).copied().collect();
    let n = v.len() as f64;
    let mean = v.iter().sum::<f64>() / n;
    let power = |k: usize| {
        let (mut a, mut b) = (0.0, 0.0);
        for (i, v) in v.iter().enumerate() {
            let phase = std::f64::consts::TAU * ((k * i) as f64 / n).fract();
            a += (v - mean) * libm::cos(phase);
            b += (v - mean) * libm::sin(phase);
        }
        a * a + b * b
    };
    let most = (v.len() / 8).clamp(1, 200);
    (1..=most).map(|k| (k, power(k))).fold((1, 0.0), |best, k| if k.1 > best.1 { k } else { best }).0
}

/// What to fit and how.
#[derive(Clone, Debug, PartialEq)]
pub struct IvOptions {
    /// Models by name; empty for [`CANDIDATES`].
    pub models: Vec<String>,
    /// Ambient temperature, K.
    pub t_k: f64,
    /// Starts drawn for each variant of a model.
    pub starts: usize,
    /// Of these, how many are refined.
    pub refined: usize,
    /// What the starts grow from.
    pub key: Key,
    /// Name of the device.
    pub name: String,
    /// What the data are called: the file's name.
    pub label: String,
}

impl Default for IvOptions {
    fn default() -> Self {
        IvOptions {
            models: Vec::new(),
            t_k: 300.0,
            starts: 300,
            refined: 4,
            key: Key::root(1).child("fit", 0),
            name: "fitted".to_owned(),
            label: "measurements".to_owned(),
        }
    }
}

/// A parameter after the fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Its name, as the description writes it.
    pub name: &'static str,
    /// What it measures.
    pub dimension: Dimension,
    /// Its value in the description.
    pub value: f64,
    /// Its 95 % interval, if the data determine it.
    pub interval95: Option<Interval>,
    /// Why it was not fitted or is not determined; None if it is.
    pub held: Option<String>,
}

/// A model fitted to a loop.
#[derive(Clone, Debug, PartialEq)]
pub struct IvFit {
    /// The model's name.
    pub model: &'static str,
    /// The description; of the device with its terminals exchanged if `reversed`.
    pub device: DeviceSpec,
    /// Whether the model's polarity is opposite to the data's, so that voltages and currents had to change sign.
    pub reversed: bool,
    /// All parameters.
    pub parameters: Vec<Fitted>,
    /// Combinations of parameters that the first fit left open.
    pub undetermined: Vec<Combination>,
    /// RMS error of the current over all samples, A.
    pub rms_a: f64,
    /// The same relative to the largest current.
    pub rms_relative: f64,
    /// RMS error over the held-out samples when fitted to the others, A.
    pub held_out_a: f64,
    /// Which samples those were.
    pub held_out: String,
    /// The model's current at the samples, A, in the data's sign.
    pub current_a: Vec<f64>,
    /// Largest change of the current when steps are four times as short, A.
    pub step_error_a: f64,
    /// Evaluations of the model.
    pub evaluations: u64,
}

/// Fits models to a loop; the one of least held-out error comes first, and those whose steps were never short enough last.
///
/// # Errors
/// A model of no such name, one that cannot be fitted, `watch`.
pub fn fit_loop(data: &Loop, options: &IvOptions, watch: &dyn Watch) -> Result<Vec<IvFit>, MeasurementError> {
    let names: Vec<&str> = if options.models.is_empty() {
        CANDIDATES.to_vec()
    } else {
        options.models.iter().map(String::as_str).collect()
    };
    let mut out = Vec::new();
    for name in names {
        watch.begin(&format!("fitting {name}"), None);
        let Some(model) = Dynamic::NAMES.iter().find(|n| **n == name) else {
            let hint = nearest(name, Dynamic::NAMES.iter().copied());
            let hint = hint.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default();
            let known = Dynamic::NAMES.join(", ");
            return Err(MeasurementError::Data(format!(
                "no model is called `{name}`{hint} (there are {known})"
            )));
        };
        out.push(fit_model(data, model, options, watch)?);
    }
    // A fit to what its steps made of the model comes behind those to the model.
    let rank = |fit: &IvFit| (fit.step_error_a > UNRELIABLE * data.full_scale_a(), fit.held_out_a);
    out.sort_by(|a, b| {
        let ((a_loose, a_error), (b_loose, b_error)) = (rank(a), rank(b));
        a_loose.cmp(&b_loose).then(a_error.total_cmp(&b_error))
    });
    Ok(out)
}

/// A model in one variant and polarity, fitted to the samples that are not held out.
struct Trained {
    plan: plan::Plan,
    reversed: bool,
    fit: Fit,
}

/// Change of the current by steps a quarter as long, of the largest current, that is small enough.
const STEP_ERROR: f64 = 2e-3;
/// Beyond this, the current is one of the steps and not of the model.
const UNRELIABLE: f64 = 0.02;
/// Most steps from a sample to the next.
const MOST_STEPS: usize = 64;

fn fit_model(
    data: &Loop,
    model: &'static str,
    options: &IvOptions,
    watch: &dyn Watch,
) -> Result<IvFit, MeasurementError> {
    let (held_out, how) = data.held_out();
    let full = data.full_scale_a();
    let search = Options {
        loss: Loss::SoftL1 { scale: 0.05 },
        differences: Differences::Forward,
        step: 1e-4,
        tolerance: 1e-6,
        evaluations: 1500,
        series: true,
        ..Options::default()
    };
    let mut best: Option<Trained> = None;
    let mut refused = None;
    let mut evaluations = 0;
    for (number, base) in plan::variants(model).into_iter().enumerate() {
        for reversed in [false, true] {
            if reversed && base.parameters().iter().any(|p| p.name == "eta") {
                continue;
            }
            let sign = if reversed { -1.0 } else { 1.0 };
            let plan = plan::Plan::new(base.clone(), data, sign);
            let seen: Vec<usize> = (0..data.v.len()).filter(|i| !held_out[*i]).collect();
            let residuals = |p: &[f64], r: &mut [f64]| {
                let mut i = vec![0.0; data.v.len()];
                simulate(&plan.with(p)?, data, sign, options.t_k, 1, &mut i)?;
                r.iter_mut().zip(&seen).for_each(|(r, n)| *r = (i[*n] - data.i_a[*n]) / full);
                Ok(())
            };
            let key = options.key.child(model, 2 * number as u64 + u64::from(reversed));
            let starts =
                Starts { given: Vec::new(), drawn: options.starts, refined: options.refined.max(1), key };
            match multi_start(&plan.variables, seen.len(), &residuals, &search, &starts, watch) {
                Ok(fit) => {
                    evaluations += fit.evaluations;
                    if best.as_ref().is_none_or(|b| fit.cost < b.fit.cost) {
                        best = Some(Trained { plan, reversed, fit });
                    }
                }
                Err(e) => match MeasurementError::of(model, e) {
                    stop @ MeasurementError::Cancelled(_) => return Err(stop),
                    other => refused = Some(other),
                },
            }
        }
    }
    let Some(Trained { mut plan, reversed, fit }) = best else {
        let nothing = || MeasurementError::Data(format!("{model} has no parameter set to start from"));
        return Err(refused.unwrap_or_else(nothing));
    };
    let sign = if reversed { -1.0 } else { 1.0 };
    let run = |device: &Dynamic, steps: usize| {
        let mut i = vec![0.0; data.v.len()];
        simulate(device, data, sign, options.t_k, steps, &mut i).map_err(MeasurementError::Data)?;
        Ok::<_, MeasurementError>(i)
    };
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
    let polish = Options { differences: Differences::Central, step: 1e-4, tolerance: 1e-7, ..search };
    let refit = |plan: &plan::Plan, from: &[f64], steps: usize, samples: &[usize]| {
        let residuals = |p: &[f64], r: &mut [f64]| {
            let mut i = vec![0.0; data.v.len()];
            simulate(&plan.with(p)?, data, sign, options.t_k, steps, &mut i)?;
            r.iter_mut().zip(samples).for_each(|(r, n)| *r = (i[*n] - data.i_a[*n]) / full);
            Ok(())
        };
        let starts = Starts { given: vec![from.to_vec()], drawn: 0, refined: 1, key: options.key };
        multi_start(&plan.variables, samples.len(), &residuals, &polish, &starts, watch)
            .map_err(|e| MeasurementError::of(model, e))
    };
    // Samples lie where somebody measured, not where steps are short enough: shorter ones until they do not matter.
    let (all, seen): (Vec<usize>, Vec<usize>) =
        ((0..data.v.len()).collect(), (0..data.v.len()).filter(|i| !held_out[*i]).collect());
    let (mut values, mut steps) = (fit.values(), 1);
    let trained = loop {
        let dynamic = plan.with(&values).map_err(MeasurementError::Data)?;
        let (coarse, fine) = (run(&dynamic, steps)?, run(&dynamic, 4 * steps)?);
        if apart(&coarse, &fine) <= STEP_ERROR * full || steps >= MOST_STEPS {
            break coarse;
        }
        steps *= 4;
        let next = refit(&plan, &values, steps, &seen)?;
        evaluations += next.evaluations;
        values = next.values();
    };
    let unseen = held_out.iter().zip(trained.iter().zip(&data.i_a)).filter(|(held, _)| **held);
    let held_out_a = rms(unseen.map(|(_, (a, b))| a - b));

    // All samples, from where the training ended; then whatever they leave open is held, the worst first.
    let whole = |plan: &plan::Plan, from: &[f64]| refit(plan, from, steps, &all);
    let mut fit = whole(&plan, &values)?;
    evaluations += fit.evaluations;
    let undetermined = fit.undetermined.clone();
    while let Some(worst) = worst(&fit) {
        if plan.variables.len() == 1 {
            break;
        }
        let at_default = plan.hold(worst, plan.variables[worst].start);
        let mut rest = fit.values();
        let stood = rest.remove(worst);
        let held = whole(&at_default, &rest);
        if let Ok(next) = held
            && next.cost <= 1.01 * fit.cost
        {
            evaluations += next.evaluations;
            (plan, fit) = (at_default, next);
            continue;
        }
        let there = plan.hold(worst, stood);
        let next = whole(&there, &rest)?;
        evaluations += next.evaluations;
        (plan, fit) = (there, next);
    }
    let mut dynamic = plan.with(&fit.values()).map_err(MeasurementError::Data)?;
    // Bounds and first state are searched apart; what is written is where the cell began.
    dynamic.settle_first_state();
    let current_a = run(&dynamic, steps)?;
    let step_error_a = apart(&current_a, &run(&dynamic, 4 * steps)?);
    let rms_a = rms(current_a.iter().zip(&data.i_a).map(|(a, b)| a - b));
    let parameters = plan.report(&dynamic, &fit.estimates);
    let errors = Errors { rms_a, held_out_a, step_error_a, full };
    let device = describe(data, options, dynamic, reversed, &parameters, &errors);
    device.validate()?;
    Ok(IvFit {
        model,
        device,
        reversed,
        parameters,
        undetermined,
        rms_a,
        rms_relative: rms_a / full,
        held_out_a,
        held_out: how,
        current_a,
        step_error_a,
        evaluations,
    })
}

/// The variable that the data determine least, if any is open.
fn worst(fit: &Fit) -> Option<usize> {
    let width =
        |e: &Estimate| e.standard_error.map_or(f64::INFINITY, |s| s / e.value.abs().max(f64::MIN_POSITIVE));
    let open = fit.estimates.iter().enumerate().filter(|(_, e)| e.verdict == Verdict::NotDetermined);
    open.max_by(|a, b| width(a.1).total_cmp(&width(b.1))).map(|(j, _)| j)
}

struct Errors {
    rms_a: f64,
    held_out_a: f64,
    step_error_a: f64,
    full: f64,
}

fn describe(
    data: &Loop,
    options: &IvOptions,
    dynamic: Dynamic,
    reversed: bool,
    parameters: &[Fitted],
    errors: &Errors,
) -> DeviceSpec {
    let ampere = |a: f64| quantity::format(quantity::rounded(a, 3), Dimension::Ampere);
    let volt = |v: f64| quantity::format((v * 1e3).round() / 1e3, Dimension::Volt);
    let percent = |a: f64| 100.0 * a / errors.full;
    let mut differences = data.notes.clone();
    if reversed {
        differences.push(
            "The model raises the conductance at the other polarity than the device: terminals are exchanged, voltages \
             and currents have the opposite sign of the data."
                .to_owned(),
        );
    }
    if errors.step_error_a > UNRELIABLE * errors.full {
        differences.push(format!(
            "Steps a quarter as long change its current by {:.2} % of the largest: the fit is to its steps and not to its \
             equations, which run away between samples.",
            percent(errors.step_error_a)
        ));
    }
    for p in parameters {
        if let Some(why) = &p.held {
            differences.push(format!("{} {why}.", p.name));
        }
    }
    let (low, high) =
        data.v.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    let took = data.t_s.last().zip(data.t_s.first()).map_or(0.0, |(b, a)| b - a);
    let each = took / data.cycles as f64 * data.v.len() as f64 / (data.v.len() as f64 - 1.0);
    let each = quantity::rounded(each, 4);
    DeviceSpec {
        name: options.name.clone(),
        title: format!("{} fitted to {}", dynamic.name(), options.label),
        class: "memristor".to_owned(),
        source: format!(
            "Fit of {} to {}: {} samples in {} cycle(s); RMS error of the current {} ({:.2} % of the largest), {} \
             ({:.2} %) on samples not fitted. Model: {}.",
            dynamic.name(),
            options.label,
            data.v.len(),
            data.cycles,
            ampere(errors.rms_a),
            percent(errors.rms_a),
            ampere(errors.held_out_a),
            percent(errors.held_out_a),
            dynamic.source()
        ),
        differences,
        valid_range: format!(
            "Voltages from {} to {}, currents up to {}, cycles of {}, {} K; nothing was measured beyond.",
            volt(low),
            volt(high),
            ampere(errors.full),
            quantity::format(each, Dimension::Second),
            options.t_k
        ),
        // Terminals that are exchanged exchange the ends.
        valid: Valid {
            voltage_v: Some(if reversed { [-high, -low] } else { [low, high] }),
            // From sample to sample, and once around.
            time_s: Some([quantity::rounded(took / (data.v.len() as f64 - 1.0), 4).min(each), each]),
            temperature_k: Some([options.t_k; 2]),
        },
        operation: Some(operation(&dynamic, if reversed { [-high, -low] } else { [low, high] }, 0.25 * each)),
        compact: Some(dynamic),
        spread: Default::default(),
        cell: None,
    }
}

/// The ends of the measured voltages as pulses, as long as a quarter of a cycle, and a read at a twentieth.
fn operation(dynamic: &Dynamic, [low, high]: [f64; 2], width_s: f64) -> Operation {
    let family = format!("{}/", dynamic.name());
    let sets = published().iter().find(|p| p.name.starts_with(&family)).and_then(|p| p.behaviour.bipolar);
    let largest = high.abs().max(low.abs());
    // Data of one polarity say nothing of the other: it is then taken to be alike.
    let high = if high > 0.05 * largest { high } else { largest };
    let low = if low < -0.05 * largest { low } else { -largest };
    let (set, reset) = if sets == Some(false) { (low, high) } else { (high, low) };
    let pulse = |voltage_v: f64| Drive { voltage_v, width_s };
    Operation {
        set: pulse(set),
        reset: Some(pulse(reset)),
        read: Drive { voltage_v: 0.05 * largest, width_s: 1e-3 * width_s },
        compliance_a: None,
        series_ohm: None,
    }
}

/// The published sets of a model, to start from.
fn sets(model: &str) -> impl Iterator<Item = Dynamic> + '_ {
    published().iter().map(|p| p.dynamic()).filter(move |d| d.name() == model)
}

#[cfg(test)]
mod tests;
