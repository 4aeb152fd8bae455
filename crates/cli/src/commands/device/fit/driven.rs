//! Fits of what a device does under a drive: equations from loops, step laws from pulses; and what all fits share.

use neurohm::data::table::{Quantity, Table};
use neurohm::device::fit::iv::{IvOptions, Loop, fit_loop};
use neurohm::device::fit::pulses::{PulseFit, PulseOptions, Train, fit_pulses};
use neurohm::num::quantity;
use neurohm::study::experiment::Findings;
use neurohm::study::record::{Axis, Line, Series as Figure};

use super::{Options, Outcome, siemens};
use crate::failure::Failure;
use crate::progress::Progress;

/// A column that must be there, and what was assumed of it.
pub(super) fn column(
    table: &Table,
    quantity: Quantity,
    notes: &mut Vec<String>,
) -> Result<Vec<f64>, Failure> {
    let (values, note) = table.values_noted(quantity).map_err(|e| Failure::request(e.to_string()))?;
    notes.extend(note);
    Ok(values)
}

pub(super) fn optional(
    table: &Table,
    quantity: Quantity,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<f64>>, Failure> {
    if table.has(quantity) { column(table, quantity, notes).map(Some) } else { Ok(None) }
}

/// Conductances, or what resistances give.
pub(super) fn conductances(table: &Table, notes: &mut Vec<String>) -> Result<Vec<f64>, Failure> {
    if !table.has(Quantity::Conductance) && table.has(Quantity::Resistance) {
        let r = column(table, Quantity::Resistance, notes)?;
        return Ok(r.into_iter().map(|r| 1.0 / r).collect());
    }
    column(table, Quantity::Conductance, notes)
}

pub(super) fn models(options: &Options) -> Vec<String> {
    if options.model == "auto" {
        Vec::new()
    } else {
        options.model.split(',').map(|m| m.trim().to_owned()).collect()
    }
}

pub(super) fn name(options: &Options) -> String {
    let from = options.output.as_deref().unwrap_or(&options.data);
    let stem = || from.file_name().and_then(|n| n.to_str()).unwrap_or("fitted");
    let plain = |text: &str| text.split('.').next().unwrap_or(text).to_owned();
    options.name.clone().unwrap_or_else(|| plain(stem()))
}

pub(super) fn label(options: &Options) -> String {
    options.data.file_name().map_or_else(|| "measurements".into(), |n| n.to_string_lossy().into_owned())
}

pub(super) fn iv(options: &Options, table: &Table, progress: &Progress) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let time = optional(table, Quantity::Time, &mut notes)?;
    let voltage = column(table, Quantity::Voltage, &mut notes)?;
    let current = column(table, Quantity::Current, &mut notes)?;
    if let (None, Some(line)) = (&time, table.blank_line()) {
        return Err(Failure::request(format!(
            "line {line} of the file is empty, and there is no column of times: if a sample is missing there, all later \
             ones would lie at wrong times"
        ))
        .help("take the empty line out, if nothing is missing, or name a column of times"));
    }
    let series = options.series_ohm.unwrap_or(0.0);
    let data = Loop::new(time, voltage, current, options.frequency, series)?;
    let how = IvOptions {
        models: models(options),
        t_k: options.temperature.unwrap_or(300.0),
        name: name(options),
        label: label(options),
        ..IvOptions::default()
    };
    let fits = fit_loop(&data, &how, progress)?;
    let best = fits.first().ok_or_else(|| Failure::failed("no model could be fitted"))?;
    let mut found = Findings::default();
    notes.extend(data.notes.iter().cloned());
    for fit in &fits {
        let about = format!("{}: RMS error of the current, of the largest", fit.model);
        found.number(&format!("{}_rms", fit.model), 100.0 * fit.rms_relative, "%", about);
        let about = format!("{}: the same on samples that were not fitted ({})", fit.model, fit.held_out);
        let held = 100.0 * fit.held_out_a / data.full_scale_a();
        found.number(&format!("{}_held_out", fit.model), held, "%", about);
    }
    found.number(
        "held_out",
        100.0 * best.held_out_a / data.full_scale_a(),
        "%",
        "Error of the best model on samples that were not fitted, of the largest current",
    );
    for p in &best.parameters {
        let value = quantity::format(p.value, p.dimension);
        match (&p.interval95, &p.held) {
            (_, Some(why)) => notes.push(format!("{} = {value} {why}.", p.name)),
            (Some(i), None) => {
                let [low, high] =
                    [i.low, i.high].map(|v| quantity::format(quantity::rounded(v, 4), p.dimension));
                notes.push(format!(
                    "{} = {}, 95 % interval {low} to {high}.",
                    p.name,
                    quantity::format(quantity::rounded(p.value, 4), p.dimension)
                ));
            }
            (None, None) => notes.push(format!("{} = {value}.", p.name)),
        }
    }
    if best.step_error_a > 0.01 * data.full_scale_a() {
        found.caution(format!(
            "Steps between samples are long for this model: with four times as many, the current changes by up to {:.1} \
             % of the largest.",
            100.0 * best.step_error_a / data.full_scale_a()
        ));
    }
    notes.into_iter().for_each(|n| found.info(n));
    found.series.push(Figure {
        name: "loop".into(),
        caption: format!("Measured current, and that of {}.", best.model),
        x: Axis::linear("voltage", "V"),
        y: Axis::linear("current", "A"),
        lines: vec![
            plain_line("measured", &data.v, &data.i_a, true),
            plain_line(best.model, &data.v, &best.current_a, false),
        ],
    });
    let residual: Vec<f64> = best.current_a.iter().zip(&data.i_a).map(|(m, i)| m - i).collect();
    found.series.push(Figure {
        name: "residuals".into(),
        caption: "Model less measurement over time.".into(),
        x: Axis::linear("time", "s"),
        y: Axis::linear("residual", "A"),
        lines: vec![plain_line("residual", &data.t_s, &residual, false)],
    });
    Ok(Outcome { device: best.device.clone(), found, merit: "held_out" })
}

pub(super) fn plain_line(name: &str, x: &[f64], y: &[f64], reference: bool) -> Line {
    Line { reference, ..Line::new(name, x.to_vec(), y.to_vec()) }
}

pub(super) fn pulses(options: &Options, table: &Table, progress: &Progress) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let data = if table.has(Quantity::Up) || table.has(Quantity::Down) {
        Train::up_down(column(table, Quantity::Up, &mut notes)?, column(table, Quantity::Down, &mut notes)?)?
    } else {
        let values = match optional(table, Quantity::Weight, &mut notes)? {
            Some(weights) => weights,
            None => conductances(table, &mut notes)?,
        };
        let polarity = match optional(table, Quantity::Polarity, &mut notes)? {
            Some(polarity) => polarity,
            None => column(table, Quantity::Voltage, &mut notes)?,
        };
        let repeat = optional(table, Quantity::Cycle, &mut notes)?;
        Train::signed(&values, &polarity, repeat.as_deref())?
    };
    let range_s = match &options.range {
        None => None,
        Some(text) => {
            let parts: Vec<_> =
                text.split(',').map(siemens).collect::<Result<_, _>>().map_err(Failure::request)?;
            match parts[..] {
                [low, high] if low < high => Some((low, high)),
                _ => {
                    return Err(Failure::request(format!(
                        "--range {text} must be two conductances, the lower first"
                    )));
                }
            }
        }
    };
    let how = PulseOptions {
        laws: models(options),
        range_s,
        name: name(options),
        label: label(options),
        ..PulseOptions::default()
    };
    let fits = fit_pulses(&data, &how, progress)?;
    let best = fits.first().ok_or_else(|| Failure::failed("no law could be fitted"))?;
    let mut found = Findings::default();
    for fit in &fits {
        let about =
            format!("{}: RMS error of the mean trace on pulses that were not fitted, of the range", fit.law);
        found.number(&format!("{}_held_out", fit.law), 100.0 * fit.held_out_relative, "%", about);
    }
    found.number(
        "held_out",
        100.0 * best.held_out_relative,
        "%",
        format!("Error of the best law ({}) on {}", best.law, best.held_out),
    );
    found.number("noise", 100.0 * best.noise_relative, "%", "Noise of a single read, of the range");
    found.number("step_scatter", 100.0 * best.c2c_relative, "%", "Scatter of a single step, of the range");
    for e in &best.estimates {
        let interval = e
            .interval95
            .map_or_else(String::new, |i| format!(", 95 % interval {:.4} to {:.4}", i.low, i.high));
        notes.push(format!("{} = {:.5}{interval}: {}", e.name, e.value, verdict(&e.verdict)));
    }
    notes.into_iter().for_each(|n| found.info(n));
    found.series.extend(traces(&data, best));
    Ok(Outcome { device: best.device.clone(), found, merit: "held_out" })
}

/// Traces of each kind of pulse in their own colour, the law's mean traces dashed; and what is left between them.
fn traces(data: &Train, best: &PulseFit) -> [Figure; 2] {
    const SHOWN: usize = 6;
    let all = data.traces();
    let name = |k: usize| match &all[k].up[..] {
        up if up.iter().all(|u| *u) && all.len() <= 2 => "up".to_owned(),
        up if !up.contains(&true) && all.len() <= 2 => "down".to_owned(),
        _ => format!("trace {}", k + 1),
    };
    let (mut lines, mut fitted, mut residuals) = (Vec::new(), Vec::new(), Vec::new());
    for (k, (trace, mean)) in all.iter().zip(&best.mean).enumerate().take(SHOWN) {
        let x: Vec<f64> = (1..=trace.values.len()).map(|n| n as f64).collect();
        let left: Vec<f64> = mean.iter().zip(&trace.values).map(|(m, v)| m - v).collect();
        lines.push(plain_line(&format!("measured, {}", name(k)), &x, &trace.values, false));
        fitted.push(plain_line(&format!("{}, {}", best.law, name(k)), &x, mean, true));
        residuals.push(plain_line(&name(k), &x, &left, false));
    }
    lines.extend(fitted);
    let count = if all.len() > SHOWN {
        format!(" The first {SHOWN} of {} traces are shown.", all.len())
    } else {
        String::new()
    };
    let figure = |name: &str, caption: String, y: &str, lines| Figure {
        name: name.into(),
        caption: caption + &count,
        x: Axis::linear("pulse", "1"),
        y: Axis::linear(y, "1"),
        lines,
    };
    let caption = format!("Measured traces, and the mean traces of {} (dashed).", best.law);
    [
        figure("traces", caption, "value as in the data", lines),
        figure("residuals", "Mean trace of the law less measurement.".into(), "residual", residuals),
    ]
}

pub(super) fn verdict(verdict: &neurohm::num::fit::Verdict) -> &'static str {
    use neurohm::num::fit::Verdict;
    match verdict {
        Verdict::Determined => "determined",
        Verdict::NotDetermined => "not determined by these data",
        _ => "at its bound",
    }
}
