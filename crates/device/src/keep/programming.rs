//! Fit of the error of programming: by level, from cycle to cycle and from device to device.

use std::collections::BTreeMap;

use super::{KeepError, rms};
use crate::aspect::Write;
use crate::law::{Curve, Deviation};

/// One programming: what was asked for and what was reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Programmed {
    /// Which cell, where that is known: repeats of one cell tell devices from cycles.
    pub cell: Option<u64>,
    /// The target, S.
    pub target_s: f64,
    /// The conductance read back, S.
    pub reached_s: f64,
}

/// Errors at one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProgrammingLevel {
    /// Mean target, S.
    pub target_s: f64,
    /// Programmings.
    pub count: usize,
    /// Mean error, S.
    pub bias_s: f64,
    /// Standard deviation of the error, all programmings together, S.
    pub sd_s: f64,
    /// Standard deviation from cycle to cycle, S: all of it where no cell was programmed twice.
    pub c2c_s: f64,
    /// Standard deviation from device to device, S, where cells were programmed twice and more.
    pub d2d_s: Option<f64>,
}

/// The error of programming as fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedProgramming {
    /// The aspect.
    pub write: Write,
    /// Largest conductance it is scaled by, S.
    pub g_max_s: f64,
    /// The levels, rising.
    pub levels: Vec<ProgrammingLevel>,
    /// What the data leave open.
    pub notes: Vec<String>,
}

/// Fewest programmings of a level.
const FEWEST: usize = 10;

/// Fits the standard deviation of reached less target conductance over the target. Where cells were programmed to a level
/// more than once, one-way analysis of variance parts what a cell repeats (d2d) from what each programming makes anew
/// (c2c); else everything counts as c2c and the notes say so. Targets closer than a fortieth of the range are one level.
///
/// # Errors
/// Numbers that none are, no level with ten programmings, no error at all.
pub fn fit_programming(data: &[Programmed], g_max_s: Option<f64>) -> Result<FittedProgramming, KeepError> {
    for (i, p) in data.iter().enumerate() {
        if !(p.target_s.is_finite() && p.reached_s.is_finite() && p.target_s >= 0.0) {
            let (target, reached) = (p.target_s, p.reached_s);
            return Err(KeepError::Value(format!("programming {i} reached {reached} S of {target} S")));
        }
    }
    let highest = data.iter().map(|p| p.target_s).fold(0.0, f64::max);
    let g_max_s = g_max_s.unwrap_or(highest);
    if !(g_max_s.is_finite() && g_max_s > 0.0) {
        return Err(KeepError::Value(format!("the largest conductance is {g_max_s} S")));
    }
    let mut sorted = data.to_vec();
    sorted.sort_by(|a, b| a.target_s.total_cmp(&b.target_s));
    let mut levels = Vec::new();
    let mut i = 0;
    while i < sorted.len() {
        let end = sorted[i..]
            .iter()
            .position(|p| p.target_s > sorted[i].target_s + 0.025 * g_max_s)
            .map_or(sorted.len(), |n| i + n);
        if end - i >= FEWEST {
            levels.push(level(&sorted[i..end]));
        }
        i = end;
    }
    if levels.is_empty() {
        return Err(KeepError::Few(format!(
            "{} programmings, and no level with {FEWEST}: a spread needs more",
            data.len()
        )));
    }
    if levels.iter().all(|l| l.sd_s == 0.0) {
        let why =
            "every programming reached its target to the last digit; are these measurements?".to_owned();
        return Err(KeepError::Undetermined { what: "write", why });
    }
    let mut notes = Vec::new();
    let bias = rms(levels.iter().map(|l| l.bias_s));
    let scatter = rms(levels.iter().map(|l| l.sd_s));
    if bias > 0.2 * scatter {
        notes.push(format!(
            "means miss their targets by {} in the root mean square over the levels; the law has no such error",
            super::siemens(bias)
        ));
    }
    let unit_s = g_max_s / 100.0;
    let deviation = |of: &dyn Fn(&ProgrammingLevel) -> Option<f64>| {
        let (x, y): (Vec<f64>, Vec<f64>) =
            levels.iter().filter_map(|l| Some((l.target_s / g_max_s, of(l)? / unit_s))).unzip();
        let curve = Curve::Table { x: x.clone(), y };
        (!x.is_empty()).then_some(Deviation::Scaled { unit_s, fitted_g_max_s: g_max_s, curve })
    };
    let c2c = deviation(&|l| Some(l.c2c_s));
    let d2d = deviation(&|l| l.d2d_s).filter(|d| !d.is_zero());
    if levels.iter().all(|l| l.d2d_s.is_none()) {
        notes.push(
            "no cell was programmed twice to a level: differences of devices cannot be told from those of cycles, and \
             all of the error counts as cycle to cycle"
                .to_owned(),
        );
    }
    Ok(FittedProgramming { write: Write::Programmed { c2c, d2d }, g_max_s, levels, notes })
}

fn level(cells: &[Programmed]) -> ProgrammingLevel {
    let n = cells.len() as f64;
    let error = |p: &Programmed| p.reached_s - p.target_s;
    let bias_s = cells.iter().map(error).sum::<f64>() / n;
    let total: f64 = cells.iter().map(|p| (error(p) - bias_s).powi(2)).sum();
    let sd_s = libm::sqrt(total / (n - 1.0));
    let mut by_cell: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for p in cells {
        if let Some(cell) = p.cell {
            by_cell.entry(cell).or_default().push(error(p));
        }
    }
    let repeated: Vec<&Vec<f64>> = by_cell.values().filter(|e| e.len() > 1).collect();
    let mut level = ProgrammingLevel {
        target_s: cells.iter().map(|p| p.target_s).sum::<f64>() / n,
        count: cells.len(),
        bias_s,
        sd_s,
        c2c_s: sd_s,
        d2d_s: None,
    };
    let cells = repeated.len() as f64;
    let count: f64 = repeated.iter().map(|e| e.len() as f64).sum();
    if repeated.len() < 3 || count - cells < 3.0 {
        return level;
    }
    // One-way analysis of variance with unequal numbers: E[MS within] = c2c^2, E[MS between] = c2c^2 + n0 d2d^2.
    let means: Vec<f64> = repeated.iter().map(|e| e.iter().sum::<f64>() / e.len() as f64).collect();
    let all = repeated.iter().zip(&means).map(|(e, m)| e.len() as f64 * m).sum::<f64>() / count;
    let within: f64 =
        repeated.iter().zip(&means).map(|(e, m)| e.iter().map(|e| (e - m).powi(2)).sum::<f64>()).sum();
    let between: f64 = repeated.iter().zip(&means).map(|(e, m)| e.len() as f64 * (m - all).powi(2)).sum();
    let squares: f64 = repeated.iter().map(|e| (e.len() * e.len()) as f64).sum();
    let n0 = (count - squares / count) / (cells - 1.0);
    let (within, between) = (within / (count - cells), between / (cells - 1.0));
    level.c2c_s = libm::sqrt(within);
    level.d2d_s = Some(libm::sqrt(((between - within) / n0).max(0.0)));
    level
}
