//! Values over time of sources and injections, with the instants on which steps have to land.

use std::fmt;
use std::sync::Arc;

use crate::CircuitError;
use crate::polyline::Polyline;

/// Which limit is meant where a waveform jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Coming from earlier times.
    Before,
    /// Going on to later times.
    After,
}

/// An instant on which a step has to land.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// When, s.
    pub t_s: f64,
    /// Whether value or slope jumps there, so that integration starts anew.
    pub corner: bool,
}

/// A voltage (V) or a current (A) over time (s).
#[derive(Clone, Debug)]
pub struct Waveform {
    shape: Shape,
    gate: Option<Polyline>,
}

#[derive(Clone)]
enum Shape {
    Sine { offset: f64, amplitude: f64, hz: f64, delay_s: f64 },
    Line(Polyline),
    Function { f: Arc<dyn Fn(f64) -> Option<f64> + Send + Sync>, breaks_s: Arc<[f64]> },
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sine { offset, amplitude, hz, delay_s } => {
                write!(f, "Sine({offset} + {amplitude} sin, {hz} Hz from {delay_s} s)")
            }
            Self::Line(line) => line.fmt(f),
            Self::Function { breaks_s, .. } => write!(f, "Function(breaks at {breaks_s:?} s)"),
        }
    }
}

/// A train of trapezoidal pulses from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulses {
    /// Value between pulses, V or A.
    pub low: f64,
    /// Value of a pulse, V or A.
    pub high: f64,
    /// Begin of the first pulse's rise, s.
    pub delay_s: f64,
    /// From `low` to `high`, s; zero is a jump.
    pub rise_s: f64,
    /// Time at `high`, s.
    pub width_s: f64,
    /// From `high` to `low`, s; zero is a jump.
    pub fall_s: f64,
    /// From one pulse's begin to the next one's, s.
    pub period_s: f64,
    /// Number of pulses; `None` goes on for ever.
    pub count: Option<u64>,
}

impl Waveform {
    /// The same value always.
    pub fn constant(value: f64) -> Self {
        Self::line(Polyline::constant(value))
    }

    /// `amplitude * sin(2 pi hz t)`. Steps land on zeros and crests.
    ///
    /// # Errors
    /// A frequency that is not positive and finite, an amplitude that is not finite.
    pub fn sine(amplitude: f64, hz: f64) -> Result<Self, CircuitError> {
        Self::sine_from(0.0, amplitude, hz, 0.0)
    }

    /// `offset` until `delay_s`, then `offset + amplitude * sin(2 pi hz (t - delay_s))`.
    ///
    /// # Errors
    /// A frequency that is not positive and finite; another value that is not finite.
    pub fn sine_from(offset: f64, amplitude: f64, hz: f64, delay_s: f64) -> Result<Self, CircuitError> {
        if !(hz > 0.0 && hz.is_finite()) {
            return Err(wrong("sine", format!("the frequency is {hz} Hz; give a positive finite one")));
        }
        if ![offset, amplitude, delay_s].iter().all(|x| x.is_finite()) {
            return Err(wrong("sine", "offset, amplitude and delay have to be finite".into()));
        }
        Ok(Self { shape: Shape::Sine { offset, amplitude, hz, delay_s }, gate: None })
    }

    /// A triangle without end: 0, `amplitude`, 0, `-amplitude`, 0 at the quarters of a period.
    ///
    /// # Errors
    /// A frequency that is not positive and finite, an amplitude that is not finite.
    pub fn triangle(amplitude: f64, hz: f64) -> Result<Self, CircuitError> {
        if !(hz > 0.0 && hz.is_finite()) {
            return Err(wrong("triangle", format!("the frequency is {hz} Hz; give a positive finite one")));
        }
        let period_s = 1.0 / hz;
        let points =
            vec![(0.0, 0.0), (0.25 * period_s, amplitude), (0.75 * period_s, -amplitude), (period_s, 0.0)];
        Polyline::periodic("triangle", points, 0.0, period_s, None).map(Self::line)
    }

    /// A train of pulses.
    ///
    /// # Errors
    /// Negative times, values that are not finite, a pulse that is longer than its period.
    pub fn pulses(p: Pulses) -> Result<Self, CircuitError> {
        let Pulses { low, high, delay_s, rise_s, width_s, fall_s, period_s, count } = p;
        if !(rise_s >= 0.0 && width_s >= 0.0 && fall_s >= 0.0) {
            return Err(wrong("pulses", "rise, width and fall have to be zero or more".into()));
        }
        let (top, down, end) = (rise_s, rise_s + width_s, rise_s + width_s + fall_s);
        if end.is_nan() || end > period_s * (1.0 + 1e-12) {
            return Err(wrong(
                "pulses",
                format!("a pulse lasts {end} s, longer than its period of {period_s} s"),
            ));
        }
        let points = vec![(0.0, low), (top, high), (down, high), (end.min(period_s), low), (period_s, low)];
        Polyline::periodic("pulses", points, delay_s, period_s, count).map(Self::line)
    }

    /// Straight lines between samples, the first value before them and the last after them. Two samples at one time
    /// are a jump.
    ///
    /// # Errors
    /// No samples, times and values of different number, times that decrease, anything that is not finite.
    pub fn samples(times_s: &[f64], values: &[f64]) -> Result<Self, CircuitError> {
        if times_s.len() != values.len() {
            let problem = format!("{} times for {} values: give as many", times_s.len(), values.len());
            return Err(wrong("samples", problem));
        }
        let points = times_s.iter().copied().zip(values.iter().copied()).collect();
        Polyline::once("samples", points).map(Self::line)
    }

    /// Any function of time; `None` is high impedance. It may jump at `breaks_s` alone, where its limit from the left
    /// is taken one rounding step earlier; jumps elsewhere cost many rejected steps, and pulses shorter than the
    /// longest step can be missed.
    ///
    /// # Errors
    /// Breaks that are not finite.
    pub fn function(
        f: impl Fn(f64) -> Option<f64> + Send + Sync + 'static,
        breaks_s: &[f64],
    ) -> Result<Self, CircuitError> {
        if let Some(t) = breaks_s.iter().find(|t| !t.is_finite()) {
            return Err(wrong("function", format!("a break at {t} s; give finite times")));
        }
        let mut sorted = breaks_s.to_vec();
        sorted.sort_by(f64::total_cmp);
        Ok(Self { shape: Shape::Function { f: Arc::new(f), breaks_s: sorted.into() }, gate: None })
    }

    /// The same waveform, connected only while `gate` is above zero: a switch in series with the source.
    ///
    /// # Errors
    /// A gate that does not switch at once (constants and pulses with neither rise nor fall do).
    pub fn gated(mut self, gate: &Self) -> Result<Self, CircuitError> {
        match (&gate.shape, &gate.gate) {
            (Shape::Line(line), None) if line.is_stepwise() => {
                self.gate = Some(line.clone());
                Ok(self)
            }
            _ => {
                Err(wrong("gate", "give pulses with neither rise nor fall, or samples that only jump".into()))
            }
        }
    }

    /// The value at `t_s`; `None` is high impedance (of a current: no current).
    pub fn at(&self, t_s: f64, side: Side) -> Option<f64> {
        if self.gate.as_ref().is_some_and(|gate| gate.at(t_s, side) <= 0.0) {
            return None;
        }
        match &self.shape {
            Shape::Sine { offset, amplitude, hz, delay_s } => {
                let cycles = (t_s - delay_s).max(0.0) * hz;
                Some(offset + amplitude * sine_of_turns(cycles - cycles.floor()))
            }
            Shape::Line(line) => Some(line.at(t_s, side)),
            Shape::Function { f, breaks_s } => {
                let at_break = breaks_s.binary_search_by(|b| b.total_cmp(&t_s)).is_ok();
                f(if at_break && side == Side::Before { t_s.next_down() } else { t_s })
            }
        }
    }

    /// The first mark after `t_s`.
    pub fn next_mark(&self, t_s: f64) -> Option<Mark> {
        let own = match &self.shape {
            Shape::Sine { hz, delay_s, .. } => Some(if t_s < *delay_s {
                Mark { t_s: *delay_s, corner: true }
            } else {
                let mut quarter = ((t_s - delay_s) * hz * 4.0).floor() + 1.0;
                let when = |quarter: f64| delay_s + quarter / (4.0 * hz);
                while when(quarter) <= t_s {
                    quarter += 1.0;
                }
                Mark { t_s: when(quarter), corner: false }
            }),
            Shape::Line(line) => line.next_edge(t_s).map(|t_s| Mark { t_s, corner: true }),
            Shape::Function { breaks_s, .. } => {
                breaks_s.iter().find(|&&b| b > t_s).map(|&t_s| Mark { t_s, corner: true })
            }
        };
        let gate = self.gate.as_ref().and_then(|g| g.next_edge(t_s)).map(|t_s| Mark { t_s, corner: true });
        match (own, gate) {
            (Some(a), Some(b)) => Some(if b.t_s <= a.t_s { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    /// The largest magnitude that is known beforehand; zero of a function.
    pub(crate) fn peak(&self) -> f64 {
        match &self.shape {
            Shape::Sine { offset, amplitude, .. } => offset.abs() + amplitude.abs(),
            Shape::Line(line) => line.peak(),
            Shape::Function { .. } => 0.0,
        }
    }

    /// Offset, amplitude, frequency (Hz) and delay (s) of a sine that is always connected.
    pub(crate) fn as_sine(&self) -> Option<(f64, f64, f64, f64)> {
        match &self.shape {
            Shape::Sine { offset, amplitude, hz, delay_s } if self.gate.is_none() => {
                Some((*offset, *amplitude, *hz, *delay_s))
            }
            _ => None,
        }
    }

    /// Whether it is made of straight lines and always connected.
    pub(crate) fn is_line(&self) -> bool {
        matches!(self.shape, Shape::Line(_)) && self.gate.is_none()
    }

    fn line(line: Polyline) -> Self {
        Self { shape: Shape::Line(line), gate: None }
    }
}

pub(crate) fn wrong(waveform: &'static str, problem: String) -> CircuitError {
    CircuitError::Waveform { waveform, problem }
}

/// `sin(2 pi turns)` for 0 to 1, exact at quarters. The system's sine differs in its last bit between processors; this
/// one (Taylor's series within an eighth of a turn of the next quarter, where it is exact to rounding) does not.
fn sine_of_turns(turns: f64) -> f64 {
    let quarter = (4.0 * turns).round();
    let x = std::f64::consts::TAU * (turns - 0.25 * quarter);
    // Terms x^n / n! from the first on, until they no longer count.
    let series = |first: f64, mut n: f64| {
        let (mut sum, mut term) = (first, first);
        for _ in 0..9 {
            term *= -x * x / ((n + 1.0) * (n + 2.0));
            sum += term;
            n += 2.0;
        }
        sum
    };
    match quarter as i32 & 3 {
        0 => series(x, 1.0),
        1 => series(1.0, 0.0),
        2 => -series(x, 1.0),
        _ => -series(1.0, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_is_the_sine() {
        for k in 0..=10_000 {
            let turns = f64::from(k) / 10_000.0;
            let difference = sine_of_turns(turns) - (std::f64::consts::TAU * turns).sin();
            // The system rounds its argument, by up to 2 pi 2^-53 = 7e-16.
            assert!(difference.abs() < 1e-15, "{turns}: {difference}");
        }
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(sine_of_turns).map(f64::abs), [0.0, 1.0, 0.0, 1.0, 0.0]);
    }
}
