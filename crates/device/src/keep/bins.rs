//! Measurements of many cells as moments by level: what a fit of means and spreads needs.

use std::collections::BTreeMap;

use super::{KeepError, celsius, seconds};

/// One row of a file: a cell read at a time. A row at time zero is the conductance after programming.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Which cell.
    pub cell: u64,
    /// Time since programming, s.
    pub time_s: f64,
    /// Conductance, S.
    pub g_s: f64,
    /// Temperature at which the time passed, K.
    pub t_k: f64,
}

/// A cell's conductance after programming and later.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kept {
    /// After programming, S.
    pub initial_s: f64,
    /// Later, S.
    pub later_s: f64,
    /// How much later, s.
    pub time_s: f64,
    /// At which temperature, K.
    pub t_k: f64,
}

/// Pairs rows: those of one cell at one temperature belong to its row at time zero (the last before them, where a cell
/// was programmed more than once).
///
/// # Errors
/// A cell without a row at time zero, a number that is none.
pub fn kept(readings: &[Reading]) -> Result<Vec<Kept>, KeepError> {
    let mut initial: BTreeMap<(u64, u64), f64> = BTreeMap::new();
    for r in readings.iter().filter(|r| r.time_s == 0.0) {
        initial.entry((r.cell, r.t_k.to_bits())).or_insert(r.g_s);
    }
    let mut pairs = Vec::new();
    let mut programmed = initial.clone();
    for r in readings {
        let key = (r.cell, r.t_k.to_bits());
        if r.time_s == 0.0 {
            programmed.insert(key, r.g_s);
            continue;
        }
        let Some(initial_s) = programmed.get(&key) else {
            return Err(KeepError::Value(format!(
                "cell {} at {} has no row at time 0: its conductance after programming is not known",
                r.cell,
                celsius(r.t_k)
            )));
        };
        pairs.push(Kept { initial_s: *initial_s, later_s: r.g_s, time_s: r.time_s, t_k: r.t_k });
    }
    Ok(pairs)
}

/// Moments of the cells of one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Cells.
    pub count: usize,
    /// Mean conductance after programming, S.
    pub initial_s: f64,
    /// Mean conductance later, S.
    pub mean_s: f64,
    /// Standard deviation of the change, S.
    pub sd_s: f64,
    /// Standard error of the mean, S.
    pub mean_error_s: f64,
    /// Standard error of the standard deviation, from the fourth moment, S.
    pub sd_error_s: f64,
}

/// All levels at one time and temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Temperature, K.
    pub t_k: f64,
    /// Time, s: the geometric mean of those taken together.
    pub time_s: f64,
    /// The levels, rising.
    pub levels: Vec<Level>,
}

/// Cells that a level needs for its standard deviation to mean something.
const FEWEST: usize = 10;

/// Sorts measurements by temperature and time (times within a factor of 1.6 are taken together) and cuts each into
/// at most `most` levels of equally many cells. Cells above `g_max_s` are left out where it is given.
///
/// # Errors
/// A number that is none, too few cells.
pub fn conditions(data: &[Kept], most: usize, g_max_s: Option<f64>) -> Result<Vec<Condition>, KeepError> {
    for (i, k) in data.iter().enumerate() {
        let whole = [k.initial_s, k.later_s, k.time_s, k.t_k].iter().all(|v| v.is_finite());
        if !whole || k.time_s <= 0.0 || k.initial_s < 0.0 || crate::limits::temperature(k.t_k).is_some() {
            return Err(KeepError::Value(format!(
                "measurement {i} is {} S after programming, {} S after {} s at {} K; conductances are not negative, \
                 times and temperatures above zero",
                k.initial_s, k.later_s, k.time_s, k.t_k
            )));
        }
    }
    let inside = |k: &&Kept| g_max_s.is_none_or(|g| k.initial_s <= 1.1 * g);
    let mut sorted: Vec<&Kept> = data.iter().filter(inside).collect();
    sorted.sort_by(|a, b| a.t_k.total_cmp(&b.t_k).then(a.time_s.total_cmp(&b.time_s)));
    let mut groups: Vec<Vec<&Kept>> = Vec::new();
    for k in sorted {
        match groups.last_mut() {
            Some(g) if (g[0].t_k - k.t_k).abs() < 0.5 && k.time_s <= 1.6 * g[0].time_s => g.push(k),
            _ => groups.push(vec![k]),
        }
    }
    let mut out = Vec::new();
    for mut group in groups {
        let n = group.len();
        if n < 2 * FEWEST {
            continue;
        }
        let count = n as f64;
        let time_s = libm::exp(group.iter().map(|k| libm::log(k.time_s)).sum::<f64>() / count);
        let t_k = group.iter().map(|k| k.t_k).sum::<f64>() / count;
        group.sort_by(|a, b| a.initial_s.total_cmp(&b.initial_s));
        let levels = (n / (2 * FEWEST)).clamp(1, most.max(1));
        let levels = (0..levels).map(|i| level(&group[i * n / levels..(i + 1) * n / levels])).collect();
        out.push(Condition { t_k, time_s, levels });
    }
    if out.is_empty() {
        return Err(KeepError::Few(format!(
            "{} measurements, and no time and temperature with {} cells: a spread needs more",
            data.len(),
            2 * FEWEST
        )));
    }
    Ok(out)
}

fn level(cells: &[&Kept]) -> Level {
    let n = cells.len() as f64;
    let initial_s = cells.iter().map(|k| k.initial_s).sum::<f64>() / n;
    let shift = cells.iter().map(|k| k.later_s - k.initial_s).sum::<f64>() / n;
    let power = |p: i32| cells.iter().map(|k| (k.later_s - k.initial_s - shift).powi(p)).sum::<f64>() / n;
    let (second, fourth) = (power(2), power(4));
    let sd_s = libm::sqrt(second * n / (n - 1.0));
    let least = 0.5 * second * second;
    let sd_error_s =
        if sd_s > 0.0 { libm::sqrt((fourth - second * second).max(least) / n) / (2.0 * sd_s) } else { 0.0 };
    Level {
        count: cells.len(),
        initial_s,
        mean_s: initial_s + shift,
        sd_s,
        mean_error_s: sd_s / libm::sqrt(n),
        sd_error_s,
    }
}

impl Condition {
    /// Time and temperature, in words.
    pub fn about(&self) -> String {
        format!("{} at {}", seconds(self.time_s), celsius(self.t_k))
    }
}
