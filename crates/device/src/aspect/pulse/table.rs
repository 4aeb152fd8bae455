//! Steps as they were measured or simulated.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Drive;

/// A table of stimuli. Of each, the mean and the cycle-to-cycle spread of a step over the conductance, at knots on
/// an even grid from g_min to g_max, linear in between: G <- G + gain mean(G) + spread(G) xi, held between g_min and
/// g_max, with a gain 1 + d2d xi that a device draws once for each stimulus (a negative one counts as 0).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PulseTable {
    /// What a number of `mean` or `spread` means, S.
    #[serde(rename = "unit", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub unit_s: f64,
    /// The stimuli, in the order of their numbers.
    pub stimuli: Vec<TableStimulus>,
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
}

impl TableStimulus {
    /// Voltage and width, where both are known.
    pub fn drive(&self) -> Option<Drive> {
        Some(Drive { voltage_v: self.voltage_v?, width_s: self.width_s? })
    }
}
