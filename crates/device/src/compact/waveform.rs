//! Voltages over time.

use std::f64::consts::TAU;

/// The voltage of an ideal source.
#[derive(Clone, Debug, PartialEq)]
pub enum Waveform {
    /// The same for ever, V.
    Constant(f64),
    /// `offset_v + amplitude_v sin(2 pi frequency_hz t)`.
    Sine {
        /// Amplitude, V.
        amplitude_v: f64,
        /// Frequency, Hz.
        frequency_hz: f64,
        /// Mean, V.
        offset_v: f64,
    },
    /// Straight lines between points (s, V) of times that don't fall, held before the first and after the last. Two
    /// points of one time are a jump.
    Points(Vec<(f64, f64)>),
}

impl Waveform {
    /// A triangle through 0, `high_v`, 0, `low_v`, 0, once a period, `cycles` times.
    pub fn triangle(high_v: f64, low_v: f64, frequency_hz: f64, cycles: u32) -> Waveform {
        let period = 1.0 / frequency_hz;
        let mut points = vec![(0.0, 0.0)];
        for n in 0..cycles {
            let at = |part: f64| (f64::from(n) + part) * period;
            points.extend([(at(0.25), high_v), (at(0.75), low_v), (at(1.0), 0.0)]);
        }
        Waveform::Points(points)
    }

    /// One rectangular pulse of `v`, from 0 to `width_s`, then nothing.
    pub fn pulse(v: f64, width_s: f64) -> Waveform {
        Waveform::Points(vec![(0.0, v), (width_s, v), (width_s, 0.0)])
    }

    /// The voltage just after `t_s`, V.
    pub fn after(&self, t_s: f64) -> f64 {
        match self {
            Waveform::Points(points) => {
                let next = points.partition_point(|p| p.0 <= t_s);
                between(points, next, t_s)
            }
            _ => self.before(t_s),
        }
    }

    /// The voltage just before `t_s`, V; differs from [`after`](Self::after) at jumps only.
    pub fn before(&self, t_s: f64) -> f64 {
        match self {
            Waveform::Constant(v) => *v,
            Waveform::Sine { amplitude_v, frequency_hz, offset_v } => {
                // The phase is taken out of whole periods first: sin(2 pi n) is to be 0.
                let phase = frequency_hz * t_s;
                offset_v + amplitude_v * libm::sin(TAU * (phase - libm::round(phase)))
            }
            Waveform::Points(points) => {
                let next = points.partition_point(|p| p.0 < t_s);
                between(points, next, t_s)
            }
        }
    }

    /// The first corner or jump after `t_s`, s; of a sine the next zero or extreme, so that samples lie there.
    pub fn next_break(&self, t_s: f64) -> Option<f64> {
        match self {
            Waveform::Points(points) => points.get(points.partition_point(|p| p.0 <= t_s)).map(|p| p.0),
            Waveform::Sine { frequency_hz, .. } => {
                let quarter = 0.25 / frequency_hz;
                // The next one but for rounding: from a landing on the last one, not that again.
                Some((libm::floor(t_s / quarter + 1e-9) + 1.0) * quarter)
            }
            Waveform::Constant(_) => None,
        }
    }

    /// The longest step between whose ends a straight line follows it to the part `within` of its amplitude, s: a sine
    /// bends away from a chord by an eighth of the square of the angle.
    pub fn longest_step_s(&self, within: f64) -> f64 {
        match self {
            Waveform::Sine { frequency_hz, .. } => (8.0 * within).sqrt() / (TAU * frequency_hz.abs()),
            _ => f64::INFINITY,
        }
    }

    /// Whether it is anything but straight lines between its breaks.
    pub(super) fn bends(&self) -> bool {
        matches!(self, Waveform::Sine { .. })
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Option<String> {
        match self {
            Waveform::Constant(v) => (!v.is_finite()).then(|| format!("a voltage of {v} V")),
            Waveform::Sine { amplitude_v, frequency_hz, offset_v } => {
                let fine = amplitude_v.is_finite() && offset_v.is_finite();
                let fine = fine && frequency_hz.is_finite() && *frequency_hz > 0.0;
                (!fine).then(|| format!("a sine of {amplitude_v} V at {frequency_hz} Hz around {offset_v} V"))
            }
            Waveform::Points(points) => {
                if points.is_empty() {
                    return Some("no points".to_owned());
                }
                if let Some(i) = points.iter().position(|(t, v)| !t.is_finite() || !v.is_finite()) {
                    return Some(format!("point {} at {} s is {} V", i + 1, points[i].0, points[i].1));
                }
                let falls = points.windows(2).position(|w| w[1].0 < w[0].0)?;
                let (a, b) = (points[falls].0, points[falls + 1].0);
                Some(format!("point {} at {b} s comes after {a} s", falls + 2))
            }
        }
    }
}

/// The voltage between the points before and at `next`.
fn between(points: &[(f64, f64)], next: usize, t_s: f64) -> f64 {
    match (next.checked_sub(1).and_then(|i| points.get(i)), points.get(next)) {
        (Some(a), Some(b)) if b.0 > a.0 => a.1 + (b.1 - a.1) * ((t_s - a.0) / (b.0 - a.0)),
        (Some(p), _) | (None, Some(p)) => p.1,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_have_two_sides_and_lines_meet_their_points() {
        let pulse = Waveform::pulse(1.5, 1e-7);
        assert_eq!((pulse.before(1e-7), pulse.after(1e-7)), (1.5, 0.0));
        assert_eq!((pulse.after(0.0), pulse.after(1.0)), (1.5, 0.0));
        let triangle = Waveform::triangle(1.0, -2.0, 10.0, 2);
        for (t, v) in [(0.025, 1.0), (0.05, -0.5), (0.075, -2.0), (0.1, 0.0), (0.125, 1.0), (9.0, 0.0)] {
            assert!((triangle.before(t) - v).abs() < 1e-12, "{t}");
        }
        assert!((triangle.next_break(0.03).unwrap() - 0.075).abs() < 1e-15);
        assert!(Waveform::Points(vec![(1.0, 0.0), (0.5, 0.0)]).problem().is_some());
    }
}
