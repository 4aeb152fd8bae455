//! Parts that are priced by their power: an operation costs power x time.

use neurohm_array::SettingError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Operation;
use crate::constant::{Constant, Known, Second, SquareMetre, Watt};
use crate::error::positive;

/// A part that takes `power` while it works and `time` for one operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Power while it works.
    #[serde(rename = "power")]
    pub power_w: Constant<Watt>,
    /// How long an operation occupies it.
    #[serde(rename = "time")]
    pub time_s: Constant<Second>,
    /// Its area.
    #[serde(rename = "area")]
    pub area_m2: Constant<SquareMetre>,
}

impl Block {
    /// One operation.
    pub fn operation(&self) -> Operation {
        Operation {
            energy_j: self.power_w.value * self.time_s.value,
            time_s: self.time_s.value,
            power_w: self.power_w.value,
            area_m2: self.area_m2.value,
            known: self.known(),
        }
    }

    /// How well its least well known constant is known.
    pub fn known(&self) -> Known {
        self.power_w.known.max(self.time_s.known).max(self.area_m2.known)
    }

    pub(crate) fn check(&self, path: &str) -> Result<(), SettingError> {
        positive(&format!("{path}.power.value"), self.power_w.value)?;
        positive(&format!("{path}.time.value"), self.time_s.value)?;
        positive(&format!("{path}.area.value"), self.area_m2.value)
    }
}

/// A memory or bus that moves `width_bits` at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Bits of one access.
    pub width_bits: u32,
    /// What one access takes.
    pub each: Block,
}

impl Memory {
    /// Energy of a bit, J.
    pub fn bit_j(&self) -> f64 {
        self.each.operation().energy_j / f64::from(self.width_bits)
    }

    /// Time that so many bits take one after the other, s.
    pub fn time_s(&self, bits: f64) -> f64 {
        bits / f64::from(self.width_bits) * self.each.time_s.value
    }

    pub(crate) fn check(&self, path: &str) -> Result<(), SettingError> {
        width(path, self.width_bits)?;
        self.each.check(&format!("{path}.each"))
    }
}

/// A router of the network between tiles. Its power is that of all ports at work, so a flit costs the `ports`-th part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// Bits of a flit: what a link carries in one period.
    pub width_bits: u32,
    /// Ports.
    pub ports: u32,
    /// Periods from one router to the next, without congestion.
    pub hop_periods: Constant<crate::constant::Ratio>,
    /// How waiting grows with traffic; none where it is not known, and left out then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub congestion: Option<Congestion>,
    /// What it takes; `time` is a period.
    pub each: Block,
}

/// How long a message takes on a mesh whose routers are busy: measured on one mesh, and taken on another as the factor on its
/// latency at rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Congestion {
    /// Flits that each router injects in a period, rising.
    pub rates: Vec<f64>,
    /// Periods that a message takes at each of these rates; the first is that at rest.
    pub periods: Vec<f64>,
    /// How well that is known.
    pub known: Known,
    /// Where it is from.
    pub source: String,
}

impl Congestion {
    /// By what factor a message takes longer than at rest where each router injects `rate` flits in a period; none beyond the
    /// last rate of the table, where the network saturates.
    pub fn factor(&self, rate: f64) -> Option<f64> {
        let (rates, periods) = (&self.rates, &self.periods);
        let next = rates.partition_point(|r| *r < rate);
        let at = match next {
            0 => periods[0],
            next if next == rates.len() => return None,
            next => {
                let along = (rate - rates[next - 1]) / (rates[next] - rates[next - 1]);
                periods[next - 1] + along * (periods[next] - periods[next - 1])
            }
        };
        Some(at / periods[0])
    }

    fn check(&self, path: &str) -> Result<(), SettingError> {
        let rising = |values: &[f64]| {
            values.first().is_some_and(|v| *v > 0.0) && values.windows(2).all(|pair| pair[0] < pair[1])
        };
        let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
        for (name, values) in [("rates", &self.rates), ("periods", &self.periods)] {
            if !rising(values) || !finite(values) || values.len() != self.rates.len() {
                let message = "has to hold as many positive, rising numbers as there are rates";
                return Err(SettingError::value(format!("{path}.{name}"), message));
            }
        }
        Ok(())
    }
}

impl Router {
    /// Energy of a bit over one hop, J.
    pub fn bit_hop_j(&self) -> f64 {
        self.each.operation().energy_j / f64::from(self.ports) / f64::from(self.width_bits)
    }

    /// Bits that a link carries in a second.
    pub fn link_bits_per_s(&self) -> f64 {
        f64::from(self.width_bits) / self.each.time_s.value
    }

    /// Time from one router to the next, s.
    pub fn hop_s(&self) -> f64 {
        self.hop_periods.value * self.each.time_s.value
    }

    pub(crate) fn check(&self, path: &str) -> Result<(), SettingError> {
        width(path, self.width_bits)?;
        positive(&format!("{path}.hop_periods.value"), self.hop_periods.value)?;
        if !(2..=64).contains(&self.ports) {
            let message = format!("{} is not from 2 to 64", self.ports);
            return Err(SettingError::value(format!("{path}.ports"), message));
        }
        if let Some(congestion) = &self.congestion {
            congestion.check(&format!("{path}.congestion"))?;
        }
        self.each.check(&format!("{path}.each"))
    }
}

fn width(path: &str, bits: u32) -> Result<(), SettingError> {
    if (1..=65_536).contains(&bits) {
        return Ok(());
    }
    Err(SettingError::value(format!("{path}.width_bits"), format!("{bits} is not from 1 to 65536")))
}
