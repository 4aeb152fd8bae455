//! What a conversion from number to read voltage takes.

use std::sync::OnceLock;

use neurohm_array::SettingError;
use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Operation;
use crate::constant::{Constant, Second, SquareMetre, Watt};
use crate::data::{Design, Designs, once};
use crate::error::positive;
use crate::preset::Stated;

/// A converter in front of a word line. It converts some bits at a time; an input of more comes in as many turns as it
/// takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Dac {
    /// One design.
    Point(DacPoint),
    /// One design of the list in `constants/dac.toml`.
    Listed {
        /// Its name, such as `mnsim_4b`.
        design: String,
        /// How long a turn holds the word line.
        #[serde(rename = "time")]
        time_s: Constant<Second>,
    },
}

/// One design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DacPoint {
    /// Bits that it converts at a time.
    pub bits: u32,
    /// Power while it holds the word line.
    #[serde(rename = "power")]
    pub power_w: Constant<Watt>,
    /// How long a turn holds the word line.
    #[serde(rename = "time")]
    pub time_s: Constant<Second>,
    /// Its area.
    #[serde(rename = "area")]
    pub area_m2: Constant<SquareMetre>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedDesign {
    name: String,
    bits: u32,
    #[serde(rename = "power", with = "quantity::watt")]
    power_w: f64,
    #[serde(rename = "area", with = "quantity::square_metre")]
    area_m2: f64,
}

impl Design for ListedDesign {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Dac {
    /// Its design.
    ///
    /// # Errors
    /// A design that is not in the list, with those that are.
    pub fn point(&self) -> Result<DacPoint, SettingError> {
        static LIST: OnceLock<Result<Designs<ListedDesign>, SettingError>> = OnceLock::new();
        let (name, time_s) = match self {
            Self::Point(point) => return Ok(point.clone()),
            Self::Listed { design, time_s } => (design, time_s),
        };
        let list = once(&LIST, include_str!("../../constants/dac.toml"), "constants/dac.toml")?;
        let design = list.find(name, "dac.listed.design")?;
        Ok(DacPoint {
            bits: design.bits,
            power_w: Constant::new(design.power_w, list.known, &list.source),
            time_s: time_s.clone(),
            area_m2: Constant::new(design.area_m2, list.known, &list.source),
        })
    }

    /// What it takes from the list of designs, for a reader.
    pub(crate) fn tables(&self) -> Result<Vec<Stated>, SettingError> {
        let Self::Listed { design, .. } = self else { return Ok(Vec::new()) };
        let point = self.point()?;
        let stated = [("power", point.power_w.stated()), ("area", point.area_m2.stated())];
        Ok(stated.map(|(what, stated)| stated.at(format!("dac.listed.{what} ({design})"))).into())
    }

    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let point = self.point()?;
        let path = match self {
            Self::Point(_) => "dac.point",
            Self::Listed { .. } => "dac.listed",
        };
        positive(&format!("{path}.power.value"), point.power_w.value)?;
        positive(&format!("{path}.time.value"), point.time_s.value)?;
        positive(&format!("{path}.area.value"), point.area_m2.value)?;
        if !(1..=16).contains(&point.bits) {
            let message = format!("{} is not from 1 to 16", point.bits);
            return Err(SettingError::value(format!("{path}.bits"), message));
        }
        Ok(())
    }
}

impl DacPoint {
    /// One turn.
    pub fn operation(&self) -> Operation {
        Operation {
            energy_j: self.power_w.value * self.time_s.value,
            time_s: self.time_s.value,
            power_w: self.power_w.value,
            area_m2: self.area_m2.value,
            known: self.power_w.known.max(self.time_s.known).max(self.area_m2.known),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Known;

    #[test]
    fn listed_converters_take_twice_the_power_a_bit() {
        let listed = |name: &str| Dac::Listed {
            design: name.into(),
            time_s: Constant::new(1e-9, Known::Assumed, "test"),
        };
        let power = |name: &str| listed(name).point().unwrap().operation().power_w;
        assert_eq!(power("mnsim_1b"), 3.9e-6);
        // MNSIM's list doubles with each bit; its code has 0.4992 W for 8 bits, where the row leads to 0.4992 mW.
        for (bits, name) in [
            (1, "mnsim_1b"),
            (2, "mnsim_2b"),
            (3, "mnsim_3b"),
            (4, "mnsim_4b"),
            (6, "mnsim_6b"),
            (8, "mnsim_8b"),
        ] {
            let expected = 3.9e-6 * 2f64.powi(bits - 1);
            assert!((power(name) / expected - 1.0).abs() < 1e-9, "{name}");
        }
        let error = listed("mnsim_5b").check().unwrap_err().to_string();
        assert!(error.contains("mnsim_4b"), "{error}");
    }
}
