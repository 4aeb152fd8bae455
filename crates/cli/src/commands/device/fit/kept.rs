//! Fits of what a device keeps when it is left alone, how it is read, and how it is programmed.

use neurohm::data::table::{Quantity, Table};
use neurohm::device::keep::{
    Kept, NoiseOptions, Programmed, Reading, RetentionOptions, Series, fit_noise, fit_programming,
    fit_retention, kept,
};
use neurohm::device::{CellSpec, DeviceSpec, Valid};
use neurohm::num::quantity::{self, Dimension};
use neurohm::study::experiment::Findings;

use super::driven::{column, conductances, label, name, optional, verdict};
use super::{Options, Outcome, figures};
use crate::failure::Failure;

/// A device of which one aspect is known.
fn of_range(options: &Options, what: &str, g_max_s: f64, notes: &[String], cell: CellSpec) -> DeviceSpec {
    DeviceSpec {
        name: name(options),
        title: format!("{what} fitted to {}", label(options)),
        class: "memristor".into(),
        source: format!("Fit of {what} to {}.", label(options)),
        differences: notes.to_vec(),
        valid_range: format!(
            "Conductances up to {}, as in the data.",
            quantity::format(quantity::rounded(g_max_s, 4), Dimension::Siemens)
        ),
        valid: Valid::default(),
        compact: None,
        spread: Default::default(),
        operation: None,
        cell: Some(cell),
    }
}

fn unknown(g_max_s: f64) -> CellSpec {
    CellSpec {
        g_min_s: 0.0,
        g_max_s,
        write: None,
        pulse: None,
        retention: None,
        noise: None,
        endurance: None,
        faults: None,
    }
}

pub(super) fn retention(options: &Options, table: &Table) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let g = conductances(table, &mut notes)?;
    let time = column(table, Quantity::Time, &mut notes)?;
    let t_k = match (optional(table, Quantity::Temperature, &mut notes)?, options.temperature) {
        (Some(t), _) => t,
        (None, Some(t)) => vec![t; g.len()],
        (None, None) => {
            let message = "the table has no column of temperatures";
            return Err(Failure::request(message)
                .help("give --temperature 25C, or say which column: --columns ...,temperature"));
        }
    };
    let data: Vec<Kept> = match optional(table, Quantity::Initial, &mut notes)? {
        Some(initial) => (0..g.len())
            .filter(|n| time[*n] > 0.0)
            .map(|n| Kept { initial_s: initial[n], later_s: g[n], time_s: time[n], t_k: t_k[n] })
            .collect(),
        None => {
            let cell = column(table, Quantity::Cell, &mut notes)?;
            let row = |n: usize| Reading { cell: cell[n] as u64, time_s: time[n], g_s: g[n], t_k: t_k[n] };
            kept(&(0..g.len()).map(row).collect::<Vec<_>>())?
        }
    };
    let how = RetentionOptions { g_max_s: options.g_max, ..RetentionOptions::default() };
    let fitted = fit_retention(&data, &how)?;
    notes.extend(fitted.notes.iter().cloned());
    let mut found = Findings::default();
    for e in &fitted.parameters {
        let interval = e
            .interval95
            .map_or_else(String::new, |i| format!(", 95 % interval {:.4e} to {:.4e}", i.low, i.high));
        found.info(format!("{} = {:.4e}{interval}: {}", e.name, e.value, verdict(&e.verdict)));
    }
    let rms = |pick: fn(&neurohm::device::keep::ConditionError) -> f64| {
        let squares = fitted.errors.iter().map(|e| pick(e).powi(2));
        (squares.sum::<f64>() / fitted.errors.len().max(1) as f64).sqrt()
    };
    found.number("mean_error", rms(|e| e.mean_s[0]), "S", "RMS error of the mean over levels and conditions");
    found.number("unchanged_error", rms(|e| e.unchanged_s), "S", "The same if nothing were to change");
    found.number("spread_error", rms(|e| e.sd_s[0]), "S", "RMS error of the standard deviation");
    notes.iter().for_each(|n| found.info(n.clone()));
    found.series.extend(figures::retention(&data, &fitted)?);
    let cell = CellSpec {
        retention: Some(neurohm::device::Retention::Activated(Box::new(fitted.law.clone()))),
        ..unknown(fitted.g_max_s)
    };
    let (coldest, hottest) = t_k.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), t| (a.min(*t), b.max(*t)));
    let device = of_range(options, "retention", fitted.g_max_s, &notes, cell);
    let valid = Valid { temperature_k: Some([coldest, hottest]), ..device.valid };
    Ok(Outcome { device: DeviceSpec { valid, ..device }, found, merit: "mean_error" })
}

pub(super) fn noise(options: &Options, table: &Table) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let rate_hz = options.rate.ok_or_else(|| {
        Failure::request("a spectrum needs the rate of the reads").help("give --rate 400Hz")
    })?;
    let series: Vec<Series> = match options.series_in_rows {
        Some(skipped) => {
            let columns = table.columns();
            if columns.len() < skipped + 2 {
                return Err(Failure::request(format!(
                    "--series-in-rows {skipped}: rows have only {} columns",
                    columns.len()
                )));
            }
            (0..table.rows())
                .map(|row| Series {
                    name: format!("row {}", row + 1),
                    g_s: columns[skipped..].iter().map(|c| c.raw[row]).collect(),
                })
                .collect()
        }
        None => {
            let g = conductances(table, &mut notes)?;
            let cells = optional(table, Quantity::Cell, &mut notes)?.unwrap_or_else(|| vec![0.0; g.len()]);
            let mut names: Vec<f64> = cells.clone();
            names.sort_by(f64::total_cmp);
            names.dedup();
            let of = |name: f64| Series {
                name: format!("cell {name}"),
                g_s: g.iter().zip(&cells).filter(|(_, c)| **c == name).map(|(g, _)| *g).collect(),
            };
            names.into_iter().map(of).collect()
        }
    };
    let how = NoiseOptions {
        rate_hz,
        first_s: options.first.unwrap_or(1.0),
        g_max_s: options.g_max,
        band_hz: None,
    };
    let fitted = fit_noise(&series, &how)?;
    notes.extend(fitted.notes.iter().cloned());
    let mut found = Findings::default();
    for (n, s) in fitted.series.iter().enumerate() {
        let about = format!(
            "{}: slope of the spectrum at {}",
            s.name,
            quantity::format(quantity::rounded(s.mean_s, 4), Dimension::Siemens)
        );
        let interval = [s.slope_interval95.low, s.slope_interval95.high];
        found.scalar(&format!("slope_{}", n + 1), s.slope, Some(interval), "1", None, about);
        let about = format!("{}: standard deviation over mean", s.name);
        found.number(&format!("relative_{}", n + 1), s.sd_s / s.mean_s, "1", about);
    }
    notes.iter().for_each(|n| found.info(n.clone()));
    found.series.extend(figures::noise(&fitted));
    let cell = CellSpec { noise: Some(fitted.noise.clone()), ..unknown(fitted.g_max_s) };
    Ok(Outcome {
        device: of_range(options, "read noise", fitted.g_max_s, &notes, cell),
        found,
        merit: "slope_1",
    })
}

pub(super) fn programming(options: &Options, table: &Table) -> Result<Outcome, Failure> {
    let mut notes = Vec::new();
    let target = column(table, Quantity::Target, &mut notes)?;
    let reached = conductances(table, &mut notes)?;
    let cells = optional(table, Quantity::Cell, &mut notes)?;
    let data: Vec<Programmed> = (0..target.len())
        .map(|n| Programmed {
            cell: cells.as_ref().map(|c| c[n] as u64),
            target_s: target[n],
            reached_s: reached[n],
        })
        .collect();
    let fitted = fit_programming(&data, options.g_max)?;
    notes.extend(fitted.notes.iter().cloned());
    let mut found = Findings::default();
    let worst = fitted.levels.iter().map(|l| l.sd_s).fold(0.0, f64::max);
    found.number("largest_error", worst, "S", "Largest standard deviation of a level");
    notes.iter().for_each(|n| found.info(n.clone()));
    found.series.extend(figures::programming(&data, &fitted));
    let cell = CellSpec { write: Some(fitted.write.clone()), ..unknown(fitted.g_max_s) };
    Ok(Outcome {
        device: of_range(options, "programming", fitted.g_max_s, &notes, cell),
        found,
        merit: "largest_error",
    })
}
