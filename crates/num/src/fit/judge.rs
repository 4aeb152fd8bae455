//! What a minimum is worth: standard errors, intervals, combinations that the data leave open.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::descend::{Coordinates, End};
use super::linear::{Columns, singular, triangle};
use super::{Combination, Estimate, Fit, Options, Variable, Verdict};
use crate::stats::Interval;

/// Singular values below this part of the largest are rounding.
const RANK: f64 = 1e-9;
/// Parts of a combination that are too small to be named.
const PART: f64 = 0.25;

pub(super) fn judge(variables: &[Variable], end: End, options: &Options) -> Fit {
    let at = Coordinates::new(variables);
    let n = variables.len();
    let free: Vec<usize> = (0..n).filter(|j| end.held[*j] == 0).collect();
    let degrees = end.residuals.len().saturating_sub(free.len());
    let scatter = scatter(&end.residuals, degrees, options);
    let rho = if options.series { correlation(&end.residuals) } else { 0.0 };
    let alike = (1.0 + rho) / (1.0 - rho);
    let effective = (end.residuals.len() as f64 / alike - free.len() as f64).max(degrees.min(1) as f64);
    let t = if degrees > 0 { StudentsT::new(0.0, 1.0, effective).ok() } else { None };
    let t = t.map(|t| t.inverse_cdf(0.975));

    // In units in which 1 is "not known at all", so that singular values compare.
    let measure: Vec<f64> = (0..n).map(|j| at.measure(j, end.values[j])).collect();
    let mut scaled = Columns::zeros(end.jacobian.rows, free.len());
    for (c, j) in free.iter().enumerate() {
        let to = scaled.column_mut(c);
        to.iter_mut().zip(end.jacobian.column(*j)).for_each(|(a, b)| *a = b * measure[*j]);
    }
    let mut unused = vec![0.0; scaled.rows];
    let (values, vectors) = if free.is_empty() {
        (Vec::new(), Columns::default())
    } else {
        singular(triangle(scaled, &mut unused))
    };
    let largest = values.iter().fold(0.0_f64, |m, s| m.max(*s));
    let open: Vec<bool> = values.iter().map(|s| *s <= RANK * largest || largest == 0.0).collect();

    let mut covariance = vec![0.0; n * n];
    let mut undetermined = Vec::new();
    let sigma = scatter.unwrap_or(0.0) * alike.sqrt();
    for (k, s) in values.iter().enumerate() {
        let v = vectors.column(k);
        let deviation = if open[k] { f64::INFINITY } else { sigma / s };
        for (a, i) in free.iter().enumerate() {
            for (b, j) in free.iter().enumerate() {
                let slope = |j: usize| at.slope(j, end.values[j]) * measure[j];
                let both = v[a] * v[b];
                // What takes no part in an open combination is none the worse for it.
                if open[k] {
                    if i == j && both > 1e-6 {
                        covariance[i * n + j] = f64::INFINITY;
                    }
                } else {
                    covariance[i * n + j] += both * deviation * deviation * slope(*i) * slope(*j);
                }
            }
        }
        if deviation * t.unwrap_or(2.0) > options.reach {
            let mut parts: Vec<_> =
                free.iter().zip(v).map(|(j, v)| (variables[*j].name.clone(), *v)).collect();
            parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
            parts.retain(|p| p.1.abs() >= PART);
            undetermined.push(Combination { parts, deviation });
        }
    }
    undetermined.sort_by(|a, b| b.deviation.total_cmp(&a.deviation));

    let estimate = |j: usize| {
        let (variable, value) = (&variables[j], end.values[j]);
        let name = variable.name.clone();
        let verdict = match end.held[j] {
            0 => Verdict::NotDetermined,
            h if h < 0 => Verdict::AtLow,
            _ => Verdict::AtHigh,
        };
        let open = Estimate { name, value, standard_error: None, interval95: None, verdict };
        let error = covariance[j * n + j].sqrt();
        let (Some(t), true) = (t, end.held[j] == 0 && error.is_finite() && scatter.is_some()) else {
            return open;
        };
        let inner = error / at.slope(j, value).abs();
        let ends = match variable.scale {
            super::Scale::Linear => [value - t * error, value + t * error],
            super::Scale::Log => [value * libm::exp(-t * inner), value * libm::exp(t * inner)],
        };
        let [a, b] = ends.map(|e| e.clamp(variable.low, variable.high));
        let known = t * inner / measure[j] <= options.reach;
        Estimate {
            standard_error: Some(error),
            interval95: Some(Interval { low: a.min(b), high: a.max(b) }),
            verdict: if known { Verdict::Determined } else { Verdict::NotDetermined },
            ..open
        }
    };
    Fit {
        estimates: (0..n).map(estimate).collect(),
        cost: end.cost,
        degrees,
        effective,
        scatter,
        covariance,
        undetermined,
        evaluations: end.evaluations,
        stop: end.stop,
        residuals: end.residuals,
    }
}

/// Correlation of each residual with the next, as far as it makes them alike.
fn correlation(r: &[f64]) -> f64 {
    let square: f64 = r.iter().map(|r| r * r).sum();
    let product: f64 = r.windows(2).map(|w| w[0] * w[1]).sum();
    if square > 0.0 { (product / square).clamp(0.0, 0.999) } else { 0.0 }
}

/// Scatter of the residuals; for a robust loss that of their influence, over its mean slope (Huber 1981, recalled).
fn scatter(r: &[f64], degrees: usize, options: &Options) -> Option<f64> {
    if degrees == 0 {
        return None;
    }
    let (mut square, mut slope) = (0.0, 0.0);
    for r in r {
        let (_, weight, bend) = options.loss.of(*r);
        square += (weight * r) * (weight * r);
        slope += bend;
    }
    let slope = slope / r.len() as f64;
    (slope > 0.0).then(|| (square / degrees as f64).sqrt() / slope)
}
