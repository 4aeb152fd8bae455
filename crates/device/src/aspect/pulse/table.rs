//! Steps as they were measured or simulated.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Drive;

/// A table of stimuli. Of each, the mean and the spread of a step over the conductance, at knots on an even grid from
/// g_min to g_max, linear in between: G <- G + gain mean(G) + spread(G) xi, held between the device's bounds. The gain is
/// 1 + d2d z + cycle z': z belongs to the device and the stimulus, z' is drawn anew for each train, that is whenever a
/// pulse that raises the conductance follows one that lowers it, or the other way round (a negative gain counts as 0).
///
/// Devices may have `bounds` of their own around g_min and g_max. The law then holds between them: with
/// y = (G - low) / (high - low), the knots lie at y = 0 to 1 and a step is (high - low) / (g_max - g_min) times what
/// they say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PulseTable {
    /// What a number of `mean` or `spread` means, S.
    #[serde(rename = "unit", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub unit_s: f64,
    /// How the ends of the range differ; none if they don't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<TableBounds>,
    /// The stimuli, in the order of their numbers.
    pub stimuli: Vec<TableStimulus>,
}

/// How the ends of the range scatter: a device's low end is g_min + `low_d2d` z + `low_c2c` z', its high end g_max +
/// `high_d2d` z + `high_c2c` z', with z of the device and z' of the train towards that end. Ends come no closer to each
/// other than a hundredth of the range, and none lies below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableBounds {
    /// Device-to-device standard deviation of the low end, in `unit`.
    #[serde(default)]
    pub low_d2d: f64,
    /// Cycle-to-cycle standard deviation of the low end, in `unit`.
    #[serde(default)]
    pub low_c2c: f64,
    /// Device-to-device standard deviation of the high end, in `unit`.
    #[serde(default)]
    pub high_d2d: f64,
    /// Cycle-to-cycle standard deviation of the high end, in `unit`.
    #[serde(default)]
    pub high_c2c: f64,
}

/// One stimulus of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableStimulus {
    /// Its name.
    pub name: String,
    /// Voltage, V, where known.
    #[serde(
        default,
        rename = "voltage",
        with = "quantity::option_volt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub voltage_v: Option<f64>,
    /// Width, s, where known.
    #[serde(
        default,
        rename = "width",
        with = "quantity::option_second",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub width_s: Option<f64>,
    /// Mean step at the knots, in `unit`; two knots at least.
    pub mean: Vec<f64>,
    /// Cycle-to-cycle standard deviation of a step at its own knots, in `unit`; none if empty.
    #[serde(default)]
    pub spread: Vec<f64>,
    /// Device-to-device standard deviation of the size of a step, relative to it.
    #[serde(default)]
    pub d2d: f64,
    /// Cycle-to-cycle standard deviation of the size of all steps of a train, relative to them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cycle: f64,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl PulseTable {
    /// Whether anything is drawn anew for each train.
    pub(crate) fn has_cycles(&self) -> bool {
        self.bounds.is_some_and(|b| b.low_c2c != 0.0 || b.high_c2c != 0.0)
            || self.stimuli.iter().any(|s| s.cycle != 0.0)
    }

    pub(crate) fn has_c2c(&self) -> bool {
        self.has_cycles() || self.stimuli.iter().any(|s| s.spread.iter().any(|v| *v != 0.0))
    }

    pub(crate) fn has_d2d(&self) -> bool {
        self.bounds.is_some_and(|b| b.low_d2d != 0.0 || b.high_d2d != 0.0)
            || self.stimuli.iter().any(|s| s.d2d != 0.0)
    }

    pub(crate) fn scale_c2c(&mut self, factor: f64) {
        for s in &mut self.stimuli {
            s.spread.iter_mut().for_each(|v| *v *= factor);
            s.cycle *= factor;
        }
        if let Some(b) = &mut self.bounds {
            b.low_c2c *= factor;
            b.high_c2c *= factor;
        }
    }

    pub(crate) fn scale_d2d(&mut self, factor: f64) {
        self.stimuli.iter_mut().for_each(|s| s.d2d *= factor);
        if let Some(b) = &mut self.bounds {
            b.low_d2d *= factor;
            b.high_d2d *= factor;
        }
    }
}

impl TableStimulus {
    /// Whether it raises the conductance, all in all.
    pub fn raises(&self) -> bool {
        self.mean.iter().sum::<f64>() > 0.0
    }

    /// Voltage and width, where both are known.
    pub fn drive(&self) -> Option<Drive> {
        Some(Drive { voltage_v: self.voltage_v?, width_s: self.width_s? })
    }
}
