//! How a device is operated: the pulses that switch and read it, which experiments use unless told otherwise.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aspect::Drive;
use crate::limits;

/// Typical operating conditions, as a data sheet gives them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The pulse that raises the conductance.
    pub set: Drive,
    /// The pulse that lowers it; a volatile device has none and falls back by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Drive>,
    /// The pulse that reads it and leaves it as it is.
    pub read: Drive,
    /// Current compliance while it is set, A.
    #[serde(
        default,
        rename = "compliance",
        with = "quantity::option_ampere",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub compliance_a: Option<f64>,
    /// Resistor in series with it, ohm.
    #[serde(
        default,
        rename = "series",
        with = "quantity::option_ohm",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub series_ohm: Option<f64>,
}

impl Operation {
    /// Whether SET and RESET have the same sign, as in a device that switches by heat.
    pub fn unipolar(&self) -> bool {
        self.reset.is_some_and(|reset| reset.voltage_v * self.set.voltage_v > 0.0)
    }

    /// The longer width of SET and RESET, s: a rest as long is one of the device's own time.
    pub fn rest_s(&self) -> f64 {
        self.reset.map_or(self.set.width_s, |reset| reset.width_s.max(self.set.width_s))
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        let pulses = [("set", Some(self.set)), ("reset", self.reset), ("read", Some(self.read))];
        for (name, pulse) in pulses.into_iter().filter_map(|(name, p)| Some((name, p?))) {
            let v = pulse.voltage_v;
            if !(1e-6..=1e4).contains(&v.abs()) {
                let problem = format!("is {v} V; a pulse has between 1 uV and 10 kV, of either sign");
                return Some((format!("operation.{name}.voltage"), problem));
            }
            if let Some(problem) = limits::time(pulse.width_s) {
                return Some((format!("operation.{name}.width"), problem));
            }
        }
        let positive = |name: &str, value: Option<f64>, unit: &str| {
            let value = value.filter(|v| !(1e-15..=1e12).contains(v))?;
            Some((
                format!("operation.{name}"),
                format!("is {value} {unit}; it must lie between 1e-15 and 1e12 {unit}"),
            ))
        };
        positive("compliance", self.compliance_a, "A").or_else(|| positive("series", self.series_ohm, "ohm"))
    }
}
