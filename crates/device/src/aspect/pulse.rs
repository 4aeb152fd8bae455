//! What one pulse does to a device, from any state.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits;

mod accumulate;
mod check;
mod second_order;
mod steps;
mod table;

pub use accumulate::Accumulate;
pub use second_order::SecondOrder;
pub use steps::{StepSpread, Steps};
pub use table::{PulseTable, TableBounds, TableStimulus};

pub(crate) use check::Problem;

/// The response of a device to pulses. Each law knows a few stimuli by number; [`Pulse::stimuli`] names them. For
/// the step laws, 0 is a pulse that raises the conductance (SET, potentiation) and 1 one that lowers it (RESET,
/// depression).
///
/// A pulse acts on the state that was written, not on the drifted one, and begins the cell's age anew: drift is
/// structural relaxation, which a pulse undoes (Nandakumar et al., J. Appl. Phys. 124, 152135, 2018, restart the
/// drift clock in the same way).
///
/// The step laws keep the units of their sources: a weight w, linear in the conductance, that is `w_min` at g_min and
/// `w_max` at g_max. With s = +1 for up and -1 for down, a pulse makes w + s (step + sd xi) of w, held within the
/// device's own bounds, where xi is standard normal and new at each pulse. Equations after the pulsed devices of
/// IBM's aihwkit (Rasch et al., AICAS 2021, as read in its code).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Pulse {
    /// step = D, whatever the state (Gokmen and Vlasov, Frontiers in Neuroscience 10:333, 2016); sd = c2c D.
    ConstantStep {
        /// Size and spread of a step.
        steps: Steps,
    },
    /// step = D (1 - gamma w / w_max) up and D (1 - gamma w / w_min) down, of the mean bounds; sd = c2c step, or
    /// c2c D if `additive`.
    LinearStep {
        /// Size and spread of a step.
        steps: Steps,
        /// gamma of pulses up: 0 for constant steps, 1 for steps that vanish at w_max.
        gamma_up: f64,
        /// gamma of pulses down.
        gamma_down: f64,
        /// Device-to-device standard deviation of either gamma; a negative one counts by its size.
        #[serde(default)]
        gamma_d2d: f64,
        /// Whether the noise of a step does not depend on the state.
        #[serde(default)]
        additive: bool,
    },
    /// step = D (1 - w / b_max) up and D (1 - w / b_min) down, of the device's own bounds, where it vanishes;
    /// sd = c2c step, or c2c D if `additive`.
    SoftBounds {
        /// Size and spread of a step.
        steps: Steps,
        /// Whether the noise of a step does not depend on the state.
        #[serde(default)]
        additive: bool,
    },
    /// Soft bounds of a device whose weight is counted from a reference r: as `soft_bounds` for v = w + r.
    SoftBoundsReference {
        /// Size and spread of a step.
        steps: Steps,
        /// Mean of r.
        #[serde(default)]
        reference: f64,
        /// Device-to-device standard deviation of r.
        #[serde(default)]
        reference_d2d: f64,
        /// Whether each device's symmetry point (D+ - D-) / (D+ / b_max - D- / b_min) is added to r, so that w = 0
        /// is where up and down are alike.
        #[serde(default)]
        symmetric: bool,
        /// Whether the noise of a step does not depend on the state.
        #[serde(default)]
        additive: bool,
    },
    /// step = D max(1 - A exp(+-gamma z), 0), + for up, with z = 2 a w / (b_max - b_min) + b;
    /// sd = c2c (step + noise_offset + noise_slope |w|).
    ExpStep {
        /// Size and spread of a step.
        steps: Steps,
        /// A of pulses up.
        a_up: f64,
        /// A of pulses down.
        a_down: f64,
        /// gamma of pulses up.
        gamma_up: f64,
        /// gamma of pulses down.
        gamma_down: f64,
        /// Scale a of the argument.
        a: f64,
        /// Offset b of the argument.
        b: f64,
        /// Part of the noise that is there where the step vanishes, in units of w.
        #[serde(default)]
        noise_offset: f64,
        /// Part of the noise that grows with |w|.
        #[serde(default)]
        noise_slope: f64,
    },
    /// step = D u^gamma with u = (b_max - w) / (b_max - b_min) up and one minus that down; sd = c2c step.
    PowStep {
        /// Size and spread of a step.
        steps: Steps,
        /// gamma of pulses up.
        gamma_up: f64,
        /// gamma of pulses down.
        gamma_down: f64,
        /// Device-to-device standard deviation of gamma, relative to it.
        #[serde(default)]
        gamma_d2d: f64,
    },
    /// step = D y(w), y linear between knots on an even grid from b_min to b_max; sd = c2c step.
    PiecewiseStep {
        /// Size and spread of a step.
        steps: Steps,
        /// y of pulses up at the knots, two at least.
        up: Vec<f64>,
        /// y of pulses down at the knots, two at least.
        down: Vec<f64>,
    },
    /// Partial SET pulses that crystallise a phase-change cell, with memory of how many there were.
    Accumulate(Accumulate),
    /// Steps that a decaying hidden state enhances.
    SecondOrder(SecondOrder),
    /// Steps as they were measured or simulated.
    Table(PulseTable),
}

/// Voltage and width of a pulse, for energy and time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drive {
    /// Voltage, V; its sign is the polarity.
    #[serde(rename = "voltage", with = "quantity::volt")]
    #[schemars(with = "String")]
    pub voltage_v: f64,
    /// Width, s.
    #[serde(rename = "width", with = "quantity::second")]
    #[schemars(with = "String")]
    pub width_s: f64,
}

/// A stimulus that a device knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Stimulus {
    /// Its name, for people.
    pub name: String,
    /// Voltage and width, where the description has them.
    pub drive: Option<Drive>,
}

/// Highest number of stimuli in a table; numbers of stimuli are 16 bits wide and the last means none.
pub(crate) const MOST_STIMULI: usize = 4096;

impl Pulse {
    /// The stimuli, in the order of their numbers.
    pub fn stimuli(&self) -> Vec<Stimulus> {
        let two = |names: [&str; 2], drives: [Option<Drive>; 2]| {
            let both = names.into_iter().zip(drives);
            both.map(|(name, drive)| Stimulus { name: name.into(), drive }).collect::<Vec<_>>()
        };
        match self {
            Pulse::Accumulate(a) => two(["set", "reset"], [a.set, a.reset]),
            Pulse::Table(t) => {
                let stimulus = |s: &TableStimulus| Stimulus { name: s.name.clone(), drive: s.drive() };
                t.stimuli.iter().map(stimulus).collect()
            }
            Pulse::SecondOrder(law) => {
                let mut all = two(["up", "down"], [law.steps.up, law.steps.down]);
                all.push(Stimulus { name: "prime".into(), drive: None });
                all
            }
            _ => two(["up", "down"], self.steps().map_or([None, None], |s| [s.up, s.down])),
        }
    }

    /// Whether stimulus 1 begins anew, wherever a cell is: a RESET, and not a step.
    pub fn resets(&self) -> bool {
        matches!(self, Pulse::Accumulate(_))
    }

    /// Weight scale, size and spread of the steps, for the laws in units of weight.
    pub fn steps(&self) -> Option<&Steps> {
        match self {
            Pulse::ConstantStep { steps }
            | Pulse::LinearStep { steps, .. }
            | Pulse::SoftBounds { steps, .. }
            | Pulse::SoftBoundsReference { steps, .. }
            | Pulse::ExpStep { steps, .. }
            | Pulse::PowStep { steps, .. }
            | Pulse::PiecewiseStep { steps, .. } => Some(steps),
            Pulse::SecondOrder(law) => Some(&law.steps),
            Pulse::Accumulate(_) | Pulse::Table(_) => None,
        }
    }

    fn steps_mut(&mut self) -> Option<&mut Steps> {
        match self {
            Pulse::ConstantStep { steps }
            | Pulse::LinearStep { steps, .. }
            | Pulse::SoftBounds { steps, .. }
            | Pulse::SoftBoundsReference { steps, .. }
            | Pulse::ExpStep { steps, .. }
            | Pulse::PowStep { steps, .. }
            | Pulse::PiecewiseStep { steps, .. } => Some(steps),
            Pulse::SecondOrder(law) => Some(&mut law.steps),
            Pulse::Accumulate(_) | Pulse::Table(_) => None,
        }
    }

    /// Name of the law, as files have it.
    pub fn law(&self) -> &'static str {
        match self {
            Pulse::ConstantStep { .. } => "constant_step",
            Pulse::LinearStep { .. } => "linear_step",
            Pulse::SoftBounds { .. } => "soft_bounds",
            Pulse::SoftBoundsReference { .. } => "soft_bounds_reference",
            Pulse::ExpStep { .. } => "exp_step",
            Pulse::PowStep { .. } => "pow_step",
            Pulse::PiecewiseStep { .. } => "piecewise_step",
            Pulse::Accumulate(_) => "accumulate",
            Pulse::SecondOrder(_) => "second_order",
            Pulse::Table(_) => "table",
        }
    }

    /// Whether one pulse differs from the next.
    pub(crate) fn has_c2c(&self) -> bool {
        match self {
            Pulse::Accumulate(a) => a.has_c2c(),
            Pulse::Table(t) => t.has_c2c(),
            _ => self.steps().is_some_and(|s| s.c2c != 0.0 || s.write_noise != 0.0),
        }
    }

    /// Whether the pulses of one device differ from those of another.
    pub(crate) fn has_d2d(&self) -> bool {
        let own = match self {
            Pulse::LinearStep { gamma_d2d, .. } | Pulse::PowStep { gamma_d2d, .. } => *gamma_d2d != 0.0,
            Pulse::SoftBoundsReference { reference_d2d, .. } => *reference_d2d != 0.0,
            Pulse::Table(t) => t.has_d2d(),
            _ => false,
        };
        own || self.steps().is_some_and(|s| s.d2d.any())
    }

    /// Whether the size of a step depends on the state, as far as that can be switched off.
    pub(crate) fn has_shape(&self) -> bool {
        !matches!(self, Pulse::ConstantStep { .. }) && self.steps().is_some_and(|s| s.shape != 0.0)
    }

    pub(crate) fn scale_c2c(&mut self, factor: f64) {
        match self {
            Pulse::Accumulate(a) => a.scale_c2c(factor),
            Pulse::Table(t) => t.scale_c2c(factor),
            _ => {}
        }
        if let Some(steps) = self.steps_mut() {
            steps.c2c *= factor;
            steps.write_noise *= factor;
        }
    }

    pub(crate) fn scale_d2d(&mut self, factor: f64) {
        match self {
            Pulse::LinearStep { gamma_d2d, .. } | Pulse::PowStep { gamma_d2d, .. } => *gamma_d2d *= factor,
            Pulse::SoftBoundsReference { reference_d2d, .. } => *reference_d2d *= factor,
            Pulse::Table(t) => t.scale_d2d(factor),
            _ => {}
        }
        if let Some(steps) = self.steps_mut() {
            steps.d2d.scale(factor);
        }
    }

    pub(crate) fn scale_shape(&mut self, factor: f64) {
        if let Some(steps) = self.steps_mut() {
            steps.shape *= factor;
        }
    }

    /// What is wrong with it in a device from `g_min_s` to `g_max_s`, if anything.
    pub(crate) fn problem(&self, g_min_s: f64, g_max_s: f64) -> Problem {
        check::problem(self, g_min_s, g_max_s)
    }
}

impl Drive {
    pub(crate) fn problem(&self) -> Option<String> {
        if !(-1e3..=1e3).contains(&self.voltage_v) {
            return Some(format!("has a voltage of {} V; pulses stay within 1 kV", self.voltage_v));
        }
        limits::time(self.width_s).map(|p| format!("has a width that {p}"))
    }
}
