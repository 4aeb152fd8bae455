//! Straight lines between points, once or again and again.

use std::sync::Arc;

use crate::CircuitError;
use crate::waveform::{Side, wrong};

/// Points `(offset in the period, value)`; two at one offset are a jump. Every instant is computed by one formula,
/// [`edge`](Self::edge), so that a step that lands on an edge finds itself there to the bit.
#[derive(Clone, Debug)]
pub(crate) struct Polyline {
    points: Arc<[(f64, f64)]>,
    start_s: f64,
    period_s: f64,
    /// Repetitions as an f64, infinite for ever: they are compared with quotients of times.
    count: f64,
}

impl Polyline {
    pub fn constant(value: f64) -> Self {
        Self { points: [(0.0, value)].into(), start_s: 0.0, period_s: f64::INFINITY, count: 1.0 }
    }

    pub fn once(what: &'static str, points: Vec<(f64, f64)>) -> Result<Self, CircuitError> {
        check(what, &points)?;
        Ok(Self { points: points.into(), start_s: 0.0, period_s: f64::INFINITY, count: 1.0 })
    }

    pub fn periodic(
        what: &'static str,
        points: Vec<(f64, f64)>,
        start_s: f64,
        period_s: f64,
        count: Option<u64>,
    ) -> Result<Self, CircuitError> {
        check(what, &points)?;
        if !(period_s > 0.0 && period_s.is_finite() && start_s.is_finite()) {
            let problem = format!(
                "starts at {start_s} s with a period of {period_s} s; give finite times, a positive period"
            );
            return Err(wrong(what, problem));
        }
        if count == Some(0) {
            return Err(wrong(what, "none at all; give a count of one or more".into()));
        }
        let count = count.map_or(f64::INFINITY, |n| n as f64);
        Ok(Self { points: points.into(), start_s, period_s, count })
    }

    /// When point `k` of repetition `n` is, s.
    fn edge(&self, n: f64, k: usize) -> f64 {
        let offset = self.points[k].0;
        if n == 0.0 { self.start_s + offset } else { self.start_s + n * self.period_s + offset }
    }

    /// The repetition in which `t_s` falls; the first before the beginning, the last after the end.
    fn repetition(&self, t_s: f64, side: Side) -> f64 {
        let reached = |edge: f64| if side == Side::Before { edge < t_s } else { edge <= t_s };
        let last = self.count - 1.0;
        let mut n = ((t_s - self.start_s) / self.period_s).floor().clamp(0.0, last.max(0.0));
        while n > 0.0 && !reached(self.edge(n, 0)) {
            n -= 1.0;
        }
        while n < last && reached(self.edge(n + 1.0, 0)) {
            n += 1.0;
        }
        n
    }

    /// How many points of repetition `n` are reached at `t_s`.
    fn reached(&self, n: f64, t_s: f64, side: Side) -> usize {
        let (mut low, mut high) = (0, self.points.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let edge = self.edge(n, middle);
            if edge < t_s || (edge == t_s && side == Side::After) { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub fn at(&self, t_s: f64, side: Side) -> f64 {
        let n = self.repetition(t_s, side);
        let next = self.reached(n, t_s, side);
        if next == 0 {
            return self.points[0].1;
        }
        let from = self.points[next - 1].1;
        match self.points.get(next) {
            None => from,
            Some(&(_, to)) if to == from => from,
            Some(&(_, to)) => {
                let (begin, end) = (self.edge(n, next - 1), self.edge(n, next));
                if t_s >= end { to } else { from + (to - from) * ((t_s - begin) / (end - begin)) }
            }
        }
    }

    pub fn next_edge(&self, t_s: f64) -> Option<f64> {
        if self.points.len() == 1 {
            return None;
        }
        let n = self.repetition(t_s, Side::After);
        let within = |n: f64| {
            let k = self.reached(n, t_s, Side::After);
            (k < self.points.len()).then(|| self.edge(n, k))
        };
        // By rounding the next repetition may begin a little before this one ends.
        let next = if n + 1.0 < self.count { within(n + 1.0) } else { None };
        match (within(n), next) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub fn peak(&self) -> f64 {
        self.points.iter().map(|p| p.1.abs()).fold(0.0, f64::max)
    }

    /// Whether the value changes by jumps alone.
    pub fn is_stepwise(&self) -> bool {
        self.points.windows(2).all(|w| w[0].1 == w[1].1 || w[0].0 == w[1].0)
    }
}

fn check(what: &'static str, points: &[(f64, f64)]) -> Result<(), CircuitError> {
    if points.is_empty() {
        return Err(wrong(what, "no points at all; give one or more".into()));
    }
    for (row, (t, v)) in points.iter().enumerate() {
        if !t.is_finite() || !v.is_finite() {
            return Err(wrong(what, format!("point {row} is {v} at {t} s; give finite numbers")));
        }
        if row > 0 && *t < points[row - 1].0 {
            let problem = format!(
                "point {row} at {t} s comes before point {} at {} s; sort by time",
                row - 1,
                points[row - 1].0
            );
            return Err(wrong(what, problem));
        }
    }
    Ok(())
}
