//! Fit of [`Activated`] to conductances after programming and later: relaxation over time at one temperature, bakes over
//! temperatures, or both.

use std::cell::Cell;

use neurohm_num::fit::{Differences, Estimate, Fit, Loss as Cost, Options, Variable, Verdict, least_squares};
use neurohm_num::{Unwatched, quantity, stats};

use super::bins::{Condition, Kept, conditions};
use super::{KeepError, celsius, rms, seconds};
use crate::aspect::{Activated, ThermalLoss, climb};
use crate::law::Curve;

/// How to fit retention.
#[derive(Clone, Debug, PartialEq)]
pub struct RetentionOptions {
    /// Largest conductance of the device, S; without it the largest level (99.5 % of the cells).
    pub g_max_s: Option<f64>,
    /// Attempt time, s, where it is known from elsewhere. Else it is found where data at several times and temperatures
    /// determine it, and held at 0.1 ps (an inverse phonon frequency; recalled) where not.
    pub attempt_time_s: Option<f64>,
    /// Most points of the curves over the conductance.
    pub points: usize,
}

impl Default for RetentionOptions {
    fn default() -> Self {
        RetentionOptions { g_max_s: None, attempt_time_s: None, points: 9 }
    }
}

/// How well the law meets one condition, measured or held out.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionError {
    /// Temperature, K.
    pub t_k: f64,
    /// Time, s.
    pub time_s: f64,
    /// Cells.
    pub cells: usize,
    /// Root mean square over the levels of what no change at all would be wrong by in the mean, S.
    pub unchanged_s: f64,
    /// Root mean square error of the means of the levels, S, and what their scatter alone would make of it.
    pub mean_s: [f64; 2],
    /// Mean error of the means of the levels, S.
    pub mean_bias_s: f64,
    /// Root mean square error of the standard deviations, S, and what their scatter alone would make of it.
    pub sd_s: [f64; 2],
    /// Mean error of the standard deviations, S.
    pub sd_bias_s: f64,
}

/// Retention as fitted.
#[derive(Clone, Debug)]
pub struct FittedRetention {
    /// The law.
    pub law: Activated,
    /// Largest conductance it is scaled by, S.
    pub g_max_s: f64,
    /// Barriers, widths and times with their intervals; the curves' points are in `fit`.
    pub parameters: Vec<Estimate>,
    /// The fit as it ended.
    pub fit: Fit,
    /// Errors under each condition.
    pub errors: Vec<ConditionError>,
    /// What the data leave open, and what was held.
    pub notes: Vec<String>,
}

/// Where each variable stands, and what is held.
struct Layout {
    at: Vec<f64>,
    held_attempt_s: Option<f64>,
    loss: bool,
    unit_s: f64,
    g_max_s: f64,
    t_ref_s: f64,
    temperature_ref_k: f64,
}

impl Layout {
    fn law(&self, p: &[f64]) -> Activated {
        let n = self.at.len();
        let rest = Cell::new(2 * n);
        let next = || {
            rest.set(rest.get() + 1);
            p[rest.get() - 1]
        };
        let relaxation_energy_ev = next();
        let attempt_time_s = self.held_attempt_s.unwrap_or_else(next);
        let loss = self.loss.then(|| ThermalLoss {
            energy_ev: next(),
            energy_slope_ev: next(),
            energy_bend_ev: next(),
            width_ev: next(),
            rate_spread: next(),
        });
        Activated {
            attempt_time_s,
            t_ref_s: self.t_ref_s,
            temperature_ref_k: self.temperature_ref_k,
            relaxation_energy_ev,
            unit_s: self.unit_s,
            fitted_g_max_s: self.g_max_s,
            shift: Curve::Table { x: self.at.clone(), y: p[..n].to_vec() },
            spread: Curve::Table { x: self.at.clone(), y: p[n..2 * n].to_vec() },
            loss,
            known_from_s: None,
            known_to_s: None,
            coldest_k: None,
            hottest_k: None,
        }
    }
}

/// Typical attempt time, s.
const ATTEMPT_S: f64 = 1e-13;

/// Fits the law to the moments of each level under each condition by robust least squares: each moment weighs by its
/// standard error, and by 2 % of the typical spread at least, since no law of few numbers is better than that.
///
/// Loss by heat is taken into the law where it makes the fit better by more than its five numbers would by chance
/// (Akaike's criterion, doubled). The barrier of a mechanism and the attempt time are only told apart by several times
/// *and* several temperatures; elsewhere the attempt time is held and the notes say so.
///
/// # Errors
/// Numbers that none are, too few cells, measurements under a single condition (which determine no law of time), a
/// search that fails.
pub fn fit_retention(data: &[Kept], options: &RetentionOptions) -> Result<FittedRetention, KeepError> {
    let initial: Vec<f64> = data.iter().map(|k| k.initial_s).collect();
    let g_max_s = match options.g_max_s {
        Some(g) if g.is_finite() && g > 0.0 => g,
        Some(g) => return Err(KeepError::Value(format!("the largest conductance is {g} S"))),
        None => stats::quantile(&initial, 0.995).unwrap_or(0.0),
    };
    let conditions = conditions(data, 24, Some(g_max_s))?;
    let first = &conditions[0];
    let times_at = |t_k: f64| conditions.iter().filter(move |c| (c.t_k - t_k).abs() < 0.5);
    let several_temperatures = conditions.iter().any(|c| (c.t_k - first.t_k).abs() >= 0.5);
    let several_times = conditions.iter().any(|c| {
        times_at(c.t_k).map(|d| (libm::log(d.time_s) - libm::log(c.time_s)).abs()).fold(0.0, f64::max) > 2.0
    });
    if !several_temperatures && !several_times {
        return Err(KeepError::Undetermined {
            what: "relaxation_energy",
            why: format!(
                "all cells were kept for {}, and one condition says nothing of how a change goes on; measure at a \
                 second time (ten times longer, say) or a second temperature",
                first.about()
            ),
        });
    }
    let mut notes = Vec::new();
    let find_attempt = several_temperatures && several_times && options.attempt_time_s.is_none();
    let held_attempt_s = (!find_attempt).then(|| options.attempt_time_s.unwrap_or(ATTEMPT_S));
    if let (Some(t0), None) = (held_attempt_s, options.attempt_time_s) {
        let why = if several_temperatures {
            "each temperature was held for about one duration, so that the attempt time and the barriers trade off: a \
             tenfold attempt time lowers every barrier by kT ln 10 (0.08 to 0.1 eV here)"
        } else {
            "one temperature says nothing of barriers: the energy stands for the time at which relaxation begins, and \
             other temperatures are an extrapolation by theory"
        };
        notes.push(format!("attempt_time is held at {} and not fitted: {why}", seconds(t0)));
    }
    let plain = solve(&conditions, g_max_s, held_attempt_s, false, options)?;
    let best = if several_temperatures {
        match solve(&conditions, g_max_s, held_attempt_s, true, options) {
            // Five more numbers are worth 2 x 5 / 2 in cost by Akaike's criterion; twice that is asked.
            Ok(lossy) if lossy.1.cost < plain.1.cost - 10.0 => lossy,
            _ => {
                notes.push("no loss by heat can be told from relaxation in these data".to_owned());
                plain
            }
        }
    } else {
        plain
    };
    let (layout, fit) = best;
    let mut law = layout.law(&fit.values());
    let ends = |of: fn(&Condition) -> f64| {
        let all = conditions.iter().map(of);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((from, to), (cold, hot)) = (ends(|c| c.time_s), ends(|c| c.t_k));
    (law.known_from_s, law.known_to_s) = (Some(from), Some(to));
    (law.coldest_k, law.hottest_k) = (Some(cold), Some(hot));
    let parameters = fit.estimates[2 * layout.at.len()..].to_vec();
    for e in &parameters {
        match e.verdict {
            Verdict::Determined => {}
            Verdict::NotDetermined => notes.push(format!("{} is not determined by these data", e.name)),
            _ => notes.push(format!("{} lies at the end of its range, {}", e.name, shown(e))),
        }
    }
    for c in &fit.undetermined {
        notes.push(format!("left open: {c}"));
    }
    if several_temperatures && law.loss.is_some() {
        notes.push(format!(
            "bakes far from {} to {} extrapolate the onset of loss, where the fit is least certain",
            celsius(cold),
            celsius(hot)
        ));
    }
    let errors = conditions.iter().map(|c| error(&law, g_max_s, c)).collect();
    Ok(FittedRetention { law, g_max_s, parameters, fit, errors, notes })
}

fn shown(e: &Estimate) -> String {
    let unit = if e.name.ends_with("time") {
        quantity::Dimension::Second
    } else if e.name.ends_with("spread") {
        quantity::Dimension::Ratio
    } else {
        quantity::Dimension::ElectronVolt
    };
    quantity::format(e.value, unit)
}

/// Errors of a law under a condition, which may be one that it was not fitted to.
pub(super) fn error(law: &Activated, g_max_s: f64, condition: &Condition) -> ConditionError {
    let levels = &condition.levels;
    let moments: Vec<(f64, f64)> =
        levels.iter().map(|l| law.moments(l.initial_s, g_max_s, condition.time_s, condition.t_k)).collect();
    let of = |f: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..levels.len()).map(f).collect() };
    let means = of(&|i| moments[i].0 - levels[i].mean_s);
    let sds = of(&|i| moments[i].1 - levels[i].sd_s);
    ConditionError {
        t_k: condition.t_k,
        time_s: condition.time_s,
        cells: levels.iter().map(|l| l.count).sum(),
        unchanged_s: rms(levels.iter().map(|l| l.mean_s - l.initial_s)),
        mean_s: [rms(means.iter().copied()), rms(levels.iter().map(|l| l.mean_error_s))],
        mean_bias_s: stats::mean(&means),
        sd_s: [rms(sds.iter().copied()), rms(levels.iter().map(|l| l.sd_error_s))],
        sd_bias_s: stats::mean(&sds),
    }
}

impl FittedRetention {
    /// Errors under conditions that were not fitted.
    ///
    /// # Errors
    /// As [`conditions`].
    pub fn held_out(&self, data: &[Kept]) -> Result<Vec<ConditionError>, KeepError> {
        let conditions = conditions(data, 24, Some(self.g_max_s))?;
        Ok(conditions.iter().map(|c| error(&self.law, self.g_max_s, c)).collect())
    }
}

fn solve(
    conditions: &[Condition],
    g_max_s: f64,
    held_attempt_s: Option<f64>,
    loss: bool,
    options: &RetentionOptions,
) -> Result<(Layout, Fit), KeepError> {
    let attempt_s = held_attempt_s.unwrap_or(ATTEMPT_S);
    let front = |c: &Condition, barrier| climb(0.0, barrier, attempt_s, c.time_s, c.t_k);
    let mut order: Vec<&Condition> = conditions.iter().collect();
    order.sort_by(|a, b| front(a, 0.0).total_cmp(&front(b, 0.0)));
    let reference = order[order.len() / 2];
    let unit_s = g_max_s / 100.0;
    let at = points(conditions, g_max_s, options.points);
    let layout = Layout {
        at,
        held_attempt_s,
        loss,
        unit_s,
        g_max_s,
        t_ref_s: reference.time_s,
        temperature_ref_k: reference.t_k,
    };
    let (shallow, deep) = (front(order[0], 0.0), front(order[order.len() - 1], 0.0));
    let near = |x: f64, of: &dyn Fn(&super::Level) -> f64| {
        let distance = |l: &super::Level| (l.initial_s / g_max_s - x).abs();
        let nearest = reference.levels.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map_or(0.0, of) / unit_s
    };
    let typical = rms(conditions.iter().flat_map(|c| &c.levels).map(|l| l.sd_s));
    if typical <= 0.0 {
        return Err(KeepError::Undetermined {
            what: "spread",
            why: "no level scatters at all; are these measurements?".to_owned(),
        });
    }
    let floor = typical / unit_s;
    let mut variables = Vec::new();
    for x in &layout.at {
        let start = near(*x, &|l| l.mean_s - l.initial_s);
        variables.push(Variable::linear(format!("shift at {x:.3}"), start, -1000.0, 1000.0));
    }
    for x in &layout.at {
        let start = near(*x, &|l| l.sd_s).clamp(1e-3 * floor, 900.0);
        let name = format!("spread at {x:.3}");
        variables.push(Variable::log(name, start, 1e-4 * floor.min(1.0), 1000.0));
    }
    // Relaxation must have begun at the shallowest condition: a mechanism that nothing shows has no barrier.
    let ceiling = (shallow + 0.1).max(0.05);
    let begin = if conditions.iter().all(|c| (c.t_k - reference.t_k).abs() < 0.5) { 0.1 } else { 0.25 };
    let start = (shallow - begin).clamp(0.01, ceiling);
    variables.push(Variable::linear("relaxation_energy", start, 0.0, ceiling));
    if held_attempt_s.is_none() {
        variables.push(Variable::log("attempt_time", ATTEMPT_S, 1e-15, 1e-7));
    }
    let relaxing = variables.len();
    if loss {
        variables.push(Variable::linear("loss.energy", deep - 0.15, 0.0, deep + 1.0));
        variables.push(Variable::linear("loss.energy_slope", 0.1, -0.5, 0.5));
        variables.push(Variable::linear("loss.energy_bend", 0.0, -0.5, 0.5));
        variables.push(Variable::log("loss.width", 0.1, 0.005, 3.0));
        variables.push(Variable::log("loss.rate_spread", 1.0, 0.05, 4.0));
    }
    let moments = 2 * conditions.iter().map(|c| c.levels.len()).sum::<usize>();
    let points = layout.at.len();
    let rough = 2 * points.saturating_sub(2);
    let least = 0.02 * typical;
    let weigh = |v: f64, error: f64| v / libm::sqrt(error * error + least * least);
    let residuals = |p: &[f64], r: &mut [f64]| -> Result<(), String> {
        let law = layout.law(p);
        if law.reference_ev() < 1e-9 {
            return Err("nothing relaxes by the reference".to_owned());
        }
        let mut r = r.iter_mut();
        let mut put = |v: f64| {
            if let Some(r) = r.next() {
                *r = v;
            }
        };
        for c in conditions {
            for l in &c.levels {
                let (mean, sd) = law.moments(l.initial_s, g_max_s, c.time_s, c.t_k);
                put(weigh(mean - l.mean_s, l.mean_error_s));
                put(weigh(sd - l.sd_s, l.sd_error_s));
            }
        }
        // Neighbouring points that no level tells apart follow one another.
        for i in 1..points.saturating_sub(1) {
            put(0.05 * (p[i - 1] - 2.0 * p[i] + p[i + 1]) / floor);
            let ln = |i: usize| libm::log(p[points + i]);
            put(0.05 * (ln(i - 1) - 2.0 * ln(i) + ln(i + 1)));
        }
        Ok(())
    };
    let settings = Options {
        loss: Cost::SoftL1 { scale: 1.0 },
        differences: Differences::Forward,
        step: 1e-6,
        tolerance: 1e-7,
        evaluations: 6000,
        ..Options::default()
    };
    let mut best: Option<Fit> = None;
    let depths: &[f64] = if loss { &[0.15, 0.05, 0.3] } else { &[0.0] };
    for depth in depths {
        if loss {
            variables[relaxing].start = (deep - depth).max(0.0);
        }
        let fit = least_squares(&variables, moments + rough, &residuals, &settings, &Unwatched)?;
        if best.as_ref().is_none_or(|b| fit.cost < b.cost) {
            best = Some(fit);
        }
    }
    let fit = best.ok_or_else(|| KeepError::Few("no start".to_owned()))?;
    Ok((layout, fit))
}

/// Where the curves have their points: evenly over the levels that were measured, at most one for two levels.
fn points(conditions: &[Condition], g_max_s: f64, most: usize) -> Vec<f64> {
    let levels = || conditions.iter().flat_map(|c| &c.levels).map(|l| (l.initial_s / g_max_s).min(1.0));
    let low = levels().fold(f64::INFINITY, f64::min);
    let high = levels().fold(0.0, f64::max);
    let most = most.clamp(1, 64);
    let fewest = conditions.iter().map(|c| c.levels.len()).max().unwrap_or(1);
    let count = (fewest / 2).clamp(1, most);
    if count == 1 || high - low < 1e-6 {
        return vec![0.5 * (low + high)];
    }
    (0..count).map(|i| low + (high - low) * i as f64 / (count - 1) as f64).collect()
}
