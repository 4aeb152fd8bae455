//! The nominal device of a pulse law: mean parameters, no spread, no noise, in double precision.

use super::Pulse;
use super::pulse::Steps;
use crate::law::step;

/// One nominal device that takes pulses: what a law says before anything scatters.
///
/// ```
/// use neurohm_device::{Nominal, preset};
///
/// let ecram = preset("ecram")?;
/// let cell = ecram.statistics()?;
/// let pulse = cell.pulse.as_ref().expect("a device that is pulsed");
/// let mut device = Nominal::new(pulse, cell.g_min_s, cell.g_max_s, cell.g_min_s);
/// device.pulse(0);
/// assert!(device.g_s() > cell.g_min_s);
/// # Ok::<(), neurohm_device::DeviceError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Nominal<'a> {
    law: &'a Pulse,
    low_s: f64,
    high_s: f64,
    g_s: f64,
    count: u32,
    hidden: f64,
}

/// What `shape` mixes a law's step with, in units of D: its mean step at mid-range, over both directions.
pub(crate) fn middle(law: &Pulse) -> f64 {
    let Some(s) = law.steps() else { return 1.0 };
    let w = 0.5 * (s.w_min + s.w_max);
    0.5 * (raw(law, s, w, 1.0, true) + raw(law, s, w, 1.0, false))
}

/// Reference r of the nominal device of a law with one.
pub(crate) fn reference(law: &Pulse) -> f64 {
    let Pulse::SoftBoundsReference { steps, reference, symmetric, .. } = law else { return 0.0 };
    let [up, down] = steps.means();
    if *symmetric { reference + (up - down) / (up / steps.w_max - down / steps.w_min) } else { *reference }
}

/// Mean step of a nominal device with mean step `delta` in this direction.
fn raw(law: &Pulse, s: &Steps, w: f64, delta: f64, is_up: bool) -> f64 {
    let either = |[up, down]: [f64; 2]| if is_up { up } else { down };
    let end = either([s.w_max, s.w_min]);
    match law {
        Pulse::LinearStep { gamma_up, gamma_down, .. } => {
            step::linear(w, delta, either([gamma_up.abs(), gamma_down.abs()]), end)
        }
        Pulse::SoftBounds { .. } | Pulse::SecondOrder(_) => step::linear(w, delta, 1.0, end),
        Pulse::SoftBoundsReference { .. } => step::linear(w + reference(law), delta, 1.0, end),
        Pulse::ExpStep { a_up, a_down, gamma_up, gamma_down, a, b, .. } => {
            let (amplitude, gamma) = (either([*a_up, *a_down]), either([*gamma_up, -gamma_down]));
            step::exponential(w, delta, s.w_min, s.w_max, [*a, *b], amplitude, gamma)
        }
        Pulse::PowStep { gamma_up, gamma_down, .. } => {
            step::power(w, delta, s.w_min, s.w_max, either([*gamma_up, *gamma_down]), is_up)
        }
        Pulse::PiecewiseStep { up, down, .. } => {
            let x = (w - s.w_min) / (s.w_max - s.w_min);
            delta * step::knots(x, if is_up { up } else { down })
        }
        Pulse::ConstantStep { .. } | Pulse::Accumulate(_) | Pulse::Table(_) => delta,
    }
}

impl<'a> Nominal<'a> {
    /// A device of the law in the range `g_min_s` to `g_max_s`, at `g_s`. A law that remembers pulses counts it as
    /// one that its mean pulses brought there.
    pub fn new(law: &'a Pulse, g_min_s: f64, g_max_s: f64, g_s: f64) -> Nominal<'a> {
        let count = match law {
            Pulse::Accumulate(_) => {
                let starts = starts(law, g_max_s);
                starts.iter().take_while(|start| g_s >= **start).count().saturating_sub(1) as u32
            }
            _ => 0,
        };
        Nominal::counted(law, [g_min_s, g_max_s], g_s, count)
    }

    /// The same where it is known how many pulses of a law that remembers them it counts as.
    pub(crate) fn counted(law: &'a Pulse, [low_s, high_s]: [f64; 2], g_s: f64, count: u32) -> Nominal<'a> {
        Nominal { law, low_s, high_s, g_s, count, hidden: 0.0 }
    }

    /// Its conductance, S.
    pub fn g_s(&self) -> f64 {
        self.g_s
    }

    /// Its weight, for a law in units of weight.
    pub fn weight(&self) -> Option<f64> {
        let s = self.law.steps()?;
        Some(s.w_min + (self.g_s - self.low_s) * (s.w_max - s.w_min) / (self.high_s - self.low_s))
    }

    /// What stimulus number `stimulus` would change its conductance by, S, before the ends of the range count; 0 for
    /// a stimulus that the law does not know.
    pub fn step_s(&self, stimulus: u16) -> f64 {
        match self.law {
            Pulse::Accumulate(a) => match stimulus {
                0 => a.mean_s(self.g_s, self.count + 1),
                1 => a.reset_g_s - self.g_s,
                _ => 0.0,
            },
            Pulse::Table(t) => t.stimuli.get(usize::from(stimulus)).map_or(0.0, |s| {
                let x = (self.g_s - self.low_s) / (self.high_s - self.low_s);
                t.unit_s * step::knots(x, &s.mean)
            }),
            law => {
                let (Some(s), Some(w), true) = (law.steps(), self.weight(), stimulus < 2) else { return 0.0 };
                let is_up = stimulus == 0;
                let delta = s.means()[usize::from(stimulus)];
                let raw = raw(law, s, w, delta, is_up);
                let mut step = delta * middle(law) * (1.0 - s.shape) + raw * s.shape;
                if let Pulse::SecondOrder(second) = law {
                    step *= 1.0 + second.facilitation * self.hidden;
                }
                let step = if is_up { step } else { -step };
                step * (self.high_s - self.low_s) / (s.w_max - s.w_min)
            }
        }
    }

    /// Applies one pulse.
    pub fn pulse(&mut self, stimulus: u16) {
        let (low, high) = match self.law {
            Pulse::Accumulate(a) => (a.g_low_s, self.high_s),
            Pulse::SoftBoundsReference { steps, .. } => {
                // The bounds hold for w + r.
                let shift = reference(self.law) * (self.high_s - self.low_s) / (steps.w_max - steps.w_min);
                (self.low_s - shift, self.high_s - shift)
            }
            _ => (self.low_s, self.high_s),
        };
        let moved = self.g_s + self.step_s(stimulus);
        match self.law {
            Pulse::Accumulate(_) if stimulus == 1 => (self.g_s, self.count) = (moved, 0),
            Pulse::Accumulate(_) if stimulus == 0 => {
                (self.g_s, self.count) = (moved.clamp(low, high), self.count.saturating_add(1).min(255));
            }
            Pulse::SecondOrder(law) => {
                if stimulus < 2 {
                    self.g_s = moved.clamp(low, high);
                }
                self.hidden += match stimulus {
                    0 | 1 => law.rise,
                    2 => law.prime,
                    _ => 0.0,
                };
            }
            law if usize::from(stimulus) < law.stimuli().len() => self.g_s = moved.clamp(low, high),
            _ => {}
        }
    }

    /// Lets `dt_s` seconds pass without a pulse: a hidden state decays.
    pub fn wait(&mut self, dt_s: f64) {
        if let Pulse::SecondOrder(law) = self.law {
            self.hidden *= libm::exp(-dt_s / law.tau_s);
        }
    }
}

/// Conductances after 0, 1, ... SET pulses since RESET, S, while they rise: from `starts[n]` on, a cell counts as one
/// that took n.
pub(crate) fn starts(law: &Pulse, g_max_s: f64) -> Vec<f64> {
    let Pulse::Accumulate(a) = law else { return vec![0.0] };
    let mut all = vec![f64::NEG_INFINITY];
    let mut g = a.reset_g_s;
    for count in 1..=255 {
        let next = (g + a.mean_s(g, count)).clamp(a.g_low_s, g_max_s);
        if next - g < 1e-6 * g_max_s {
            break;
        }
        // Halfway in between, so that what rounding does to a conductance does not change its number.
        all.push(0.5 * (g + next));
        g = next;
    }
    all
}

impl Pulse {
    /// The conductance at which the nominal device's first two stimuli, up and down, change it by the same amount, S.
    /// None where there is no such point in the range, as for a law whose stimulus down is a RESET.
    pub fn symmetric_point_s(&self, g_min_s: f64, g_max_s: f64) -> Option<f64> {
        if self.stimuli().len() < 2 || matches!(self, Pulse::Accumulate(_)) {
            return None;
        }
        let balance = |g_s: f64| {
            let device = Nominal::new(self, g_min_s, g_max_s, g_s);
            device.step_s(0) + device.step_s(1)
        };
        let (mut low, mut high) = (g_min_s, g_max_s);
        let (at_low, at_high) = (balance(low), balance(high));
        // Beside rounding, a device that is symmetric everywhere has no point of symmetry.
        let scale = 1e-12 * (g_max_s - g_min_s);
        if at_low.abs() < scale && at_high.abs() < scale || at_low * at_high > 0.0 {
            return None;
        }
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if (balance(middle) > 0.0) == (at_low > 0.0) { low = middle } else { high = middle }
        }
        Some(0.5 * (low + high))
    }

    /// The nominal device's conductances while it takes `count` pulses of one stimulus from `start_s`, S: one more
    /// than pulses.
    pub fn trace_s(&self, g_min_s: f64, g_max_s: f64, start_s: f64, stimulus: u16, count: u32) -> Vec<f64> {
        let mut device = Nominal::new(self, g_min_s, g_max_s, start_s);
        let mut trace = vec![device.g_s()];
        for _ in 0..count {
            device.pulse(stimulus);
            trace.push(device.g_s());
        }
        trace
    }
}
