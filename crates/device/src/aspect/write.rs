//! What a device holds after it was programmed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::law::Deviation;

/// How exactly a target conductance is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Write {
    /// Exactly.
    Ideal {},
    /// Program and verify that ends with an error: G = max(0, G_target + d2d + c2c).
    Programmed {
        /// Error of one programming (cycle to cycle), new each time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        c2c: Option<Deviation>,
        /// Error that a device repeats at every programming (device to device).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        d2d: Option<Deviation>,
    },
}

impl Write {
    /// Cycle-to-cycle and device-to-device deviation that are not zero.
    pub(crate) fn deviations(&self) -> (Option<&Deviation>, Option<&Deviation>) {
        match self {
            Write::Ideal {} => (None, None),
            Write::Programmed { c2c, d2d } => {
                (c2c.as_ref().filter(|d| !d.is_zero()), d2d.as_ref().filter(|d| !d.is_zero()))
            }
        }
    }

    pub(crate) fn problem(&self, g_max_s: f64) -> Option<(String, String)> {
        let Write::Programmed { c2c, d2d } = self else { return None };
        let part = |name: &str, d: &Option<Deviation>| {
            d.as_ref().and_then(|d| d.problem(g_max_s)).map(|p| (format!("write.programmed.{name}"), p))
        };
        part("c2c", c2c).or_else(|| part("d2d", d2d))
    }
}
