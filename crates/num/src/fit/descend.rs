//! The search for a minimum: Levenberg-Marquardt steps within bounds.

use super::linear::{Columns, back, dot, norm, triangle};
use super::{Differences, FitError, Loss, Options, Residuals, Scale, Stop, Variable};
use crate::Watch;

/// Where a search ended.
pub(super) struct End {
    pub values: Vec<f64>,
    pub cost: f64,
    pub residuals: Vec<f64>,
    /// Derivatives of the residuals by the inner coordinates.
    pub jacobian: Columns,
    /// Variables that the gradient pushes against a bound: -1 the lower, 1 the upper, 0 free.
    pub held: Vec<i8>,
    pub evaluations: u64,
    pub stop: Stop,
}

/// Inner coordinates: logarithms, or values relative to where they started.
pub(super) struct Coordinates {
    unit: Vec<f64>,
    scale: Vec<Scale>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    bounds: Vec<(f64, f64)>,
}

impl Coordinates {
    pub fn new(variables: &[Variable]) -> Coordinates {
        let unit = |v: &Variable| match v.scale {
            Scale::Log => v.start.signum(),
            Scale::Linear if v.start != 0.0 => v.start.abs(),
            Scale::Linear if (v.high - v.low).is_finite() => v.high - v.low,
            Scale::Linear => 1.0,
        };
        let unit: Vec<f64> = variables.iter().map(unit).collect();
        let mut out = Coordinates {
            unit,
            scale: variables.iter().map(|v| v.scale).collect(),
            low: Vec::new(),
            high: Vec::new(),
            bounds: variables.iter().map(|v| (v.low, v.high)).collect(),
        };
        for (j, v) in variables.iter().enumerate() {
            let (a, b) = (out.inner(j, v.low), out.inner(j, v.high));
            out.low.push(a.min(b));
            out.high.push(a.max(b));
        }
        out
    }

    pub fn inner(&self, j: usize, value: f64) -> f64 {
        match self.scale[j] {
            Scale::Linear => value / self.unit[j],
            Scale::Log => libm::log(value * self.unit[j]),
        }
    }

    fn outer(&self, j: usize, u: f64) -> f64 {
        let (low, high) = self.bounds[j];
        let value = match self.scale[j] {
            Scale::Linear => u * self.unit[j],
            Scale::Log => libm::exp(u) * self.unit[j],
        };
        value.clamp(low, high)
    }

    fn values(&self, u: &[f64]) -> Vec<f64> {
        u.iter().enumerate().map(|(j, u)| self.outer(j, *u)).collect()
    }

    /// Derivative of the value by the inner coordinate.
    pub fn slope(&self, j: usize, value: f64) -> f64 {
        match self.scale[j] {
            Scale::Linear => self.unit[j],
            Scale::Log => value,
        }
    }

    /// What the inner coordinate is measured against when its uncertainty is judged.
    pub fn measure(&self, j: usize, value: f64) -> f64 {
        let (low, high) = self.bounds[j];
        match self.scale[j] {
            Scale::Log => 1.0,
            Scale::Linear if (high - low).is_finite() => 0.5 * (high - low) / self.unit[j],
            Scale::Linear => (value.abs() / self.unit[j]).max(1e-12),
        }
    }
}

fn cost(loss: Loss, r: &[f64]) -> f64 {
    r.iter().map(|r| loss.of(*r).0).sum()
}

/// The residuals at `u`; why not, where there are none.
fn evaluate(at: &Coordinates, u: &[f64], residuals: &Residuals, r: &mut [f64]) -> Result<(), String> {
    residuals(&at.values(u), r)?;
    match r.iter().position(|r| !r.is_finite()) {
        Some(i) => Err(format!("residual {} is {}", i + 1, r[i])),
        None => Ok(()),
    }
}

/// Derivatives at `u`, where the residuals are `r`. A variable that cannot be moved either way has none.
fn differentiate(
    at: &Coordinates,
    u: &[f64],
    r: &[f64],
    residuals: &Residuals,
    options: &Options,
    evaluations: &mut u64,
) -> Columns {
    let mut out = Columns::zeros(r.len(), u.len());
    let (mut up, mut down) = (vec![0.0; r.len()], vec![0.0; r.len()]);
    for j in 0..u.len() {
        let size = match at.scale[j] {
            Scale::Log => 1.0,
            Scale::Linear => u[j].abs().max(1e-2),
        };
        let step = options.step * size;
        let mut moved = u.to_vec();
        let mut try_at = |to: f64, out: &mut [f64]| {
            moved[j] = to.clamp(at.low[j], at.high[j]);
            *evaluations += 1;
            (moved[j] != u[j] && evaluate(at, &moved, residuals, out).is_ok()).then_some(moved[j])
        };
        let ahead = try_at(u[j] + step, &mut up).filter(|a| a - u[j] > 0.1 * step);
        let back = if options.differences == Differences::Central || ahead.is_none() {
            try_at(u[j] - step, &mut down).filter(|b| u[j] - b > 0.1 * step)
        } else {
            None
        };
        let column = out.column_mut(j);
        for (i, d) in column.iter_mut().enumerate() {
            *d = match (ahead, back) {
                (Some(a), Some(b)) => {
                    // Of second order for unequal steps too.
                    let (h, k) = (a - u[j], u[j] - b);
                    ((up[i] - r[i]) * k / h + (r[i] - down[i]) * h / k) / (h + k)
                }
                (Some(a), None) => (up[i] - r[i]) / (a - u[j]),
                (None, Some(b)) => (r[i] - down[i]) / (u[j] - b),
                (None, None) => 0.0,
            };
        }
    }
    out
}

/// The step that makes |q + R d|^2 + lambda |D d|^2 least within `low` and `high`: what would cross a bound is put
/// there, and the others are solved for again.
fn step(r: &Columns, q: &[f64], d: &[f64], lambda: f64, held: &[i8], low: &[f64], high: &[f64]) -> Vec<f64> {
    let n = q.len();
    let mut fixed: Vec<bool> = held.iter().map(|h| *h != 0).collect();
    let mut out = vec![0.0; n];
    for _ in 0..=n {
        let free: Vec<usize> = (0..n).filter(|j| !fixed[*j]).collect();
        if free.is_empty() {
            break;
        }
        let mut a = Columns::zeros(2 * n, free.len());
        let mut b = vec![0.0; 2 * n];
        for i in 0..n {
            b[i] = -q[i];
        }
        for (j, move_by) in out.iter().enumerate().filter(|(j, _)| fixed[*j]) {
            b[..n].iter_mut().zip(r.column(j)).for_each(|(b, r)| *b -= r * move_by);
        }
        for (c, j) in free.iter().enumerate() {
            a.column_mut(c)[..n].copy_from_slice(r.column(*j));
            a.column_mut(c)[n + j] = lambda.sqrt() * d[*j];
        }
        let r = triangle(a, &mut b);
        let x = back(&r, &b);
        let mut crossed = false;
        for (x, j) in x.iter().zip(&free) {
            out[*j] = x.clamp(low[*j], high[*j]);
            if out[*j] != *x {
                fixed[*j] = true;
                crossed = true;
            }
        }
        if !crossed {
            break;
        }
    }
    out
}

/// Searches from `start`.
pub(super) fn descend(
    variables: &[Variable],
    start: &[f64],
    count: usize,
    residuals: &Residuals,
    options: &Options,
    watch: &dyn Watch,
) -> Result<End, FitError> {
    let at = Coordinates::new(variables);
    let n = variables.len();
    let mut u: Vec<f64> =
        start.iter().enumerate().map(|(j, s)| at.inner(j, *s).clamp(at.low[j], at.high[j])).collect();
    let mut r = vec![0.0; count];
    evaluate(&at, &u, residuals, &mut r).map_err(FitError::Start)?;
    let mut best = cost(options.loss, &r);
    let (mut evaluations, mut told) = (1, 0);
    let mut grown = vec![0.0_f64; n];
    let (mut lambda, mut grow) = (1e-3, 2.0);
    let mut trial = vec![0.0; count];
    let tolerance = options.tolerance;
    let mut stop = None;
    loop {
        let jacobian = differentiate(&at, &u, &r, residuals, options, &mut evaluations);
        watch.step(evaluations - told)?;
        told = evaluations;
        // Weighted by the loss: the gradient is exact, the curvature that of Gauss and Newton.
        let mut weighted = jacobian.clone();
        let mut rest = r.clone();
        for (i, rest) in rest.iter_mut().enumerate() {
            let weight = options.loss.of(*rest).1.sqrt();
            *rest *= weight;
            if weight != 1.0 {
                (0..n).for_each(|j| weighted.column_mut(j)[i] *= weight);
            }
        }
        let gradient: Vec<f64> = (0..n).map(|j| dot(weighted.column(j), &rest)).collect();
        let held: Vec<i8> = (0..n)
            .map(|j| match gradient[j] {
                g if g > 0.0 && u[j] <= at.low[j] => -1,
                g if g < 0.0 && u[j] >= at.high[j] => 1,
                _ => 0,
            })
            .collect();
        let lengths: Vec<f64> = (0..n).map(|j| norm(weighted.column(j))).collect();
        let size = norm(&rest);
        let steep = (0..n).filter(|j| held[*j] == 0 && lengths[*j] > 0.0);
        let steepest = steep.fold(0.0_f64, |m, j| m.max(gradient[j].abs() / (lengths[j] * size)));
        if best == 0.0 || size == 0.0 || steepest <= tolerance {
            stop = Some(Stop::Gradient);
        } else if evaluations >= options.evaluations {
            stop = stop.or(Some(Stop::Evaluations));
        }
        if let Some(stop) = stop {
            // A logarithm's sign is that of its start: the bound on the left inside may be the upper one outside.
            let held = held
                .iter()
                .zip(variables)
                .map(|(h, v)| if v.scale == Scale::Log && v.high < 0.0 { -h } else { *h })
                .collect();
            let values = at.values(&u);
            return Ok(End { values, cost: best, residuals: r, jacobian, held, evaluations, stop });
        }
        let longest = lengths.iter().fold(0.0_f64, |m, l| m.max(*l));
        for (g, l) in grown.iter_mut().zip(&lengths) {
            *g = g.max(*l).max(1e-12 * longest);
        }
        let mut q = rest;
        let factor = triangle(weighted, &mut q);
        q.truncate(n);
        loop {
            let low: Vec<f64> = (0..n).map(|j| at.low[j] - u[j]).collect();
            let high: Vec<f64> = (0..n).map(|j| at.high[j] - u[j]).collect();
            let d = step(&factor, &q, &grown, lambda, &held, &low, &high);
            let next: Vec<f64> = (0..n).map(|j| (u[j] + d[j]).clamp(at.low[j], at.high[j])).collect();
            let scaled = |x: &[f64]| norm(&(0..n).map(|j| grown[j] * x[j]).collect::<Vec<_>>());
            if scaled(&d) <= tolerance * scaled(&u).max(f64::MIN_POSITIVE) {
                stop = Some(Stop::Step);
                break;
            }
            let mut after = q.clone();
            for j in 0..n {
                after.iter_mut().zip(factor.column(j)).for_each(|(a, f)| *a += f * d[j]);
            }
            let promised = 0.5 * (dot(&q, &q) - dot(&after, &after));
            evaluations += 1;
            let reached = match evaluate(&at, &next, residuals, &mut trial) {
                Ok(()) => cost(options.loss, &trial),
                Err(_) => f64::INFINITY,
            };
            let gain = (best - reached) / promised.max(f64::MIN_POSITIVE);
            if reached < best && gain > 1e-4 {
                let small = best - reached <= tolerance * tolerance * best && promised <= tolerance * best;
                let bent = 2.0 * gain - 1.0;
                lambda = (lambda * (1.0 - bent * bent * bent).max(1.0 / 3.0)).max(1e-15);
                grow = 2.0;
                u = next;
                std::mem::swap(&mut r, &mut trial);
                best = reached;
                if small {
                    stop = Some(Stop::Cost);
                }
                break;
            }
            if promised <= 1e-15 * best || lambda > 1e15 {
                stop = Some(Stop::Cost);
                break;
            }
            lambda *= grow;
            grow *= 2.0;
            if evaluations >= options.evaluations {
                stop = Some(Stop::Evaluations);
                break;
            }
        }
    }
}
