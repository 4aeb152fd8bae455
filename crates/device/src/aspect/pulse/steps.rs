//! What the step laws share: the scale of the weight, the mean step, and how it scatters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Drive;

/// Scale, size and spread of the steps of a law in units of weight.
///
/// A device draws once: bounds b_max = |w_max| |1 + d2d.w_max xi| with the sign of w_max and b_min likewise, a gain
/// 1 + d2d.step xi (or exp(d2d.step xi) if `lognormal`), and r = d2d.up_down xi. Its steps are
/// D+ = step |min(up_down, 0) + gain + r| and D- = step |-max(up_down, 0) + gain - r|: a positive `up_down` makes
/// steps down smaller, a negative one steps up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// The weight that g_min stands for: the mean lower bound.
    pub w_min: f64,
    /// The weight that g_max stands for: the mean upper bound.
    pub w_max: f64,
    /// Mean step D of a device without asymmetry, in units of w.
    pub step: f64,
    /// Asymmetry of the steps that all devices share.
    #[serde(default)]
    pub up_down: f64,
    /// Cycle-to-cycle standard deviation of a step, relative to it.
    #[serde(default)]
    pub c2c: f64,
    /// Standard deviation, in units of `step`, of what a read sees beside the state that pulses move; it is drawn
    /// anew at each pulse and stays until the next.
    #[serde(default)]
    pub write_noise: f64,
    /// Device-to-device spread.
    #[serde(default)]
    pub d2d: StepSpread,
    /// How much of the law's dependence on the state is kept: 1 all of it, 0 none. In between, steps are a mixture of
    /// the law's and of its mean step at mid-range; ablation uses it.
    #[serde(default = "one")]
    pub shape: f64,
    /// Voltage and width of a pulse up, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<Drive>,
    /// Voltage and width of a pulse down, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Drive>,
}

/// Device-to-device standard deviations of what the step laws share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StepSpread {
    /// Of the gain, relative to it.
    pub step: f64,
    /// Whether the gain is lognormal.
    pub lognormal: bool,
    /// Of the asymmetry.
    pub up_down: f64,
    /// Of the upper bound, relative to it.
    pub w_max: f64,
    /// Of the lower bound, relative to it.
    pub w_min: f64,
}

fn one() -> f64 {
    1.0
}

impl Steps {
    /// Steps of `step` from `w_min` to `w_max` without any spread.
    pub fn new(w_min: f64, w_max: f64, step: f64) -> Steps {
        Steps {
            w_min,
            w_max,
            step,
            up_down: 0.0,
            c2c: 0.0,
            write_noise: 0.0,
            d2d: StepSpread::default(),
            shape: 1.0,
            up: None,
            down: None,
        }
    }

    /// Mean steps up and down, D+ and D-.
    pub fn means(&self) -> [f64; 2] {
        [self.step * (1.0 + self.up_down.min(0.0)).abs(), self.step * (1.0 - self.up_down.max(0.0)).abs()]
    }
}

impl StepSpread {
    pub(super) fn any(&self) -> bool {
        [self.step, self.up_down, self.w_max, self.w_min].iter().any(|v| *v != 0.0)
    }

    pub(super) fn scale(&mut self, factor: f64) {
        for v in [&mut self.step, &mut self.up_down, &mut self.w_max, &mut self.w_min] {
            *v *= factor;
        }
    }
}
