//! What a training run does: optimiser, learning-rate schedule, augmentation.

use crate::error::NnError;
use serde::{Deserialize, Serialize};

/// Settings of a training run. The defaults train the built-in networks on digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Times that every sample is seen.
    pub epochs: usize,
    /// Samples of a step. Samples that do not fill a last batch wait for the next epoch's shuffle.
    pub batch: usize,
    /// How gradients move weights.
    pub optimiser: Optimiser,
    /// Highest learning rate.
    pub rate: f32,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Share of the target that is spread over all classes (Szegedy et al. 2016, section 7).
    pub label_smoothing: f32,
    /// Bound of weights after every step, in standard deviations of their layer; none where absent (V. Joshi et al. 2020
    /// use 2 and 2.5).
    pub clip: Option<f32>,
    /// How samples are varied.
    pub augment: Augment,
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            epochs: 10,
            batch: 128,
            optimiser: Optimiser::default(),
            rate: 0.1,
            schedule: Schedule::OneCycle { warm_up: 0.3 },
            label_smoothing: 0.0,
            clip: None,
            augment: Augment::default(),
        }
    }
}

/// How gradients move weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Optimiser {
    /// `v = momentum v + g`, `w -= rate v` (or `rate (g + momentum v)` with Nesterov's look-ahead), with
    /// `g` including `weight_decay w`: as PyTorch has it.
    Sgd {
        /// How much of the last step remains.
        momentum: f32,
        /// Nesterov's look-ahead.
        nesterov: bool,
        /// Pull of weights (not of biases and batch norms) towards zero.
        weight_decay: f32,
    },
    /// Kingma and Ba 2015, algorithm 1; the decay is decoupled from the gradient (AdamW, Loshchilov and
    /// Hutter 2019, algorithm 2).
    Adam {
        /// Decay of the first moment.
        beta1: f32,
        /// Decay of the second moment.
        beta2: f32,
        /// Added to the second moment's root.
        epsilon: f32,
        /// Decoupled pull of weights (not of biases and batch norms) towards zero.
        weight_decay: f32,
    },
}

impl Default for Optimiser {
    fn default() -> Self {
        Optimiser::Sgd { momentum: 0.9, nesterov: true, weight_decay: 5e-4 }
    }
}

impl Optimiser {
    /// Adam with its authors' settings and no decay.
    pub fn adam() -> Self {
        Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// How the learning rate changes over a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Schedule {
    /// Not at all.
    Constant {},
    /// From the highest to zero along half a cosine (Loshchilov and Hutter 2017, equation 5, no restarts).
    Cosine {},
    /// Up from a 25th of the highest over the first part of the run, then down to a 250 000th of it, both along
    /// half a cosine (Smith and Topin 2018, in the form of PyTorch's `OneCycleLR`).
    OneCycle {
        /// Share of the run in which the rate rises.
        warm_up: f32,
    },
}

impl Schedule {
    /// Learning rate of a step of `total`.
    pub fn rate(&self, peak: f32, step: u64, total: u64) -> f32 {
        let cosine = |from: f64, to: f64, share: f64| {
            to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * share.clamp(0.0, 1.0)).cos())
        };
        let (step, last, peak) = (step as f64, total.saturating_sub(1).max(1) as f64, f64::from(peak));
        let rate = match *self {
            Schedule::Constant {} => peak,
            Schedule::Cosine {} => cosine(peak, 0.0, step / (last + 1.0)),
            Schedule::OneCycle { warm_up } => {
                let top = (f64::from(warm_up) * (last + 1.0) - 1.0).max(0.0);
                let start = peak / 25.0;
                if step < top {
                    cosine(start, peak, step / top)
                } else {
                    cosine(peak, start / 1e4, (step - top) / (last - top).max(1.0))
                }
            }
        };
        rate as f32
    }
}

/// How images are varied, each time they are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Largest shift along each spatial axis, in pixels; what comes in from outside is 0.
    pub shift: usize,
    /// Whether half of all images are mirrored left to right.
    pub flip: bool,
}

impl TrainConfig {
    /// Names the first setting that makes no sense.
    pub fn check(&self) -> Result<(), NnError> {
        let bad = |name: &'static str, detail: String| Err(NnError::Setting { name, detail });
        let share = |v: f32| (0.0..1.0).contains(&v);
        if self.batch == 0 {
            return bad("batch", "must be at least 1".into());
        }
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return bad("rate", format!("must be positive, got {}", self.rate));
        }
        if !share(self.label_smoothing) {
            return bad("label_smoothing", format!("must lie in 0 .. 1, got {}", self.label_smoothing));
        }
        if let Some(clip) = self.clip.filter(|clip| !(0.1..=100.0).contains(clip)) {
            return bad("clip", format!("{clip} standard deviations; allowed are 0.1 to 100"));
        }
        let decay = match self.optimiser {
            Optimiser::Sgd { momentum, weight_decay, .. } => {
                if !share(momentum) {
                    return bad("momentum", format!("must lie in 0 .. 1, got {momentum}"));
                }
                weight_decay
            }
            Optimiser::Adam { beta1, beta2, epsilon, weight_decay } => {
                if !share(beta1) || !share(beta2) || epsilon <= 0.0 || !epsilon.is_finite() {
                    let detail = format!(
                        "betas must lie in 0 .. 1 and epsilon above 0, got {beta1}, {beta2}, {epsilon}"
                    );
                    return bad("optimiser", detail);
                }
                weight_decay
            }
        };
        if !(decay >= 0.0 && decay.is_finite()) {
            return bad("weight_decay", format!("must not be negative, got {decay}"));
        }
        match self.schedule {
            Schedule::OneCycle { warm_up } if !(0.0..=1.0).contains(&warm_up) => {
                bad("warm_up", format!("must lie in 0 ..= 1, got {warm_up}"))
            }
            _ => Ok(()),
        }
    }
}
