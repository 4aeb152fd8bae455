//! Many starts: drawn, screened by their cost, and the best refined.

use rayon::prelude::*;

use super::descend::{End, descend};
use super::{Fit, FitError, Options, Residuals, Scale, Variable, check, judge};
use crate::{Key, Purpose, Watch};

/// Where to start from besides the variables' own starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Starts {
    /// Starts given, a value for each variable.
    pub given: Vec<Vec<f64>>,
    /// Starts drawn from the variables' regions: a Latin hypercube, so that each variable is spread evenly.
    pub drawn: usize,
    /// How many of all starts are refined: those of least cost.
    pub refined: usize,
    /// What the draws grow from.
    pub key: Key,
}

/// Fits from many starts in parallel and returns the best minimum (the first of equal ones).
///
/// # Errors
/// As [`super::least_squares`]; a start that the model has no answer for is passed over unless it is the last.
pub fn multi_start(
    variables: &[Variable],
    count: usize,
    residuals: &Residuals,
    options: &Options,
    starts: &Starts,
    watch: &dyn Watch,
) -> Result<Fit, FitError> {
    check(variables, count, options)?;
    let n = variables.len();
    let mut all = vec![variables.iter().map(|v| v.start).collect::<Vec<_>>()];
    for given in &starts.given {
        if given.len() != n || given.iter().any(|g| !g.is_finite()) {
            return Err(FitError::Setting(format!("a start of {} values for {n} variables", given.len())));
        }
        all.push(given.iter().zip(variables).map(|(g, v)| g.clamp(v.low, v.high)).collect());
    }
    all.extend(hypercube(variables, starts.drawn, starts.key));
    let screened: Vec<(f64, String)> = all
        .par_iter()
        .map(|start| {
            watch.step(1)?;
            let mut r = vec![0.0; count];
            let cost =
                residuals(start, &mut r).map(|()| r.iter().map(|r| options.loss.of(*r).0).sum::<f64>());
            Ok(match cost {
                Ok(cost) if cost.is_finite() => (cost, String::new()),
                Ok(_) => (f64::INFINITY, "a residual is not finite".to_owned()),
                Err(why) => (f64::INFINITY, why),
            })
        })
        .collect::<Result<_, FitError>>()?;
    let mut order: Vec<usize> = (0..all.len()).filter(|i| screened[*i].0.is_finite()).collect();
    if order.is_empty() {
        let why = screened.into_iter().next().map(|s| s.1).unwrap_or_default();
        return Err(FitError::Start(why));
    }
    order.sort_by(|a, b| screened[*a].0.total_cmp(&screened[*b].0).then(a.cmp(b)));
    order.truncate(starts.refined.max(1));
    let ends: Vec<Result<End, FitError>> =
        order.par_iter().map(|i| descend(variables, &all[*i], count, residuals, options, watch)).collect();
    let mut best: Option<End> = None;
    let mut evaluations = all.len() as u64;
    for end in ends {
        let end = match end {
            Ok(end) => end,
            Err(FitError::Start(_)) => continue,
            Err(other) => return Err(other),
        };
        evaluations += end.evaluations;
        if best.as_ref().is_none_or(|b| end.cost < b.cost) {
            best = Some(end);
        }
    }
    let best = best.ok_or_else(|| FitError::Start("every start failed".to_owned()))?;
    let fit = judge::judge(variables, best, options);
    Ok(Fit { evaluations, ..fit })
}

/// `count` starts such that each variable visits each of `count` equal parts of its region once.
fn hypercube(variables: &[Variable], count: usize, key: Key) -> Vec<Vec<f64>> {
    let mut out = vec![Vec::with_capacity(variables.len()); count];
    for (j, v) in variables.iter().enumerate() {
        let stream = key.child("variable", j as u64).stream(Purpose::Start, 0);
        let mut order: Vec<(u32, usize)> = (0..count).map(|i| (stream.bits(i as u64), i)).collect();
        order.sort_unstable();
        for (part, (_, i)) in order.into_iter().enumerate() {
            let within = f64::from(stream.uniform((count + i) as u64));
            let u = (part as f64 + within) / count as f64;
            let (a, b) = (v.region.0.clamp(v.low, v.high), v.region.1.clamp(v.low, v.high));
            let value = match v.scale {
                Scale::Linear => a + (b - a) * u,
                Scale::Log => {
                    let sign = a.signum();
                    sign * libm::exp(libm::log(a.abs()) * (1.0 - u) + libm::log(b.abs()) * u)
                }
            };
            out[i].push(value.clamp(v.low, v.high));
        }
    }
    out
}
