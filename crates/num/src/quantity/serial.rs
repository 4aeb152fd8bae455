//! Fields that are quantities: `#[serde(with = "neurohm_num::quantity::siemens")] pub g_max_s: f64`, beside
//! `#[schemars(with = "String")]`. The file holds `"25 uS"`, the field 2.5e-5.

use serde::de::{DeserializeSeed, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Dimension, QuantityError, format, parse};

struct Text(Dimension);

impl Text {
    fn bare<E: Error>(&self, text: String) -> E {
        let (what, example) = (self.0.what(), self.0.example());
        E::custom(QuantityError::NoUnit { text, what, example })
    }
}

impl Visitor<'_> for Text {
    type Value = f64;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} such as \"{}\"", self.0.what(), self.0.example())
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        parse(text, self.0).map_err(E::custom)
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        if self.0 == Dimension::Ratio && value.is_finite() {
            Ok(value)
        } else {
            Err(self.bare(value.to_string()))
        }
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        if self.0 == Dimension::Ratio { Ok(value as f64) } else { Err(self.bare(value.to_string())) }
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        if self.0 == Dimension::Ratio { Ok(value as f64) } else { Err(self.bare(value.to_string())) }
    }
}

/// Reads a quantity of this dimension, as the modules below do; a ratio may be a bare number.
impl<'de> DeserializeSeed<'de> for Dimension {
    type Value = f64;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<f64, D::Error> {
        d.deserialize_any(Text(self))
    }
}

macro_rules! fields {
    ($($name:ident, $option:ident, $vec:ident: $dimension:ident;)*) => {$(
        #[doc = concat!("An `f64` field holding ", stringify!($name), ", written as text with its unit.")]
        pub mod $name {
            use super::*;

            /// Writes the quantity with its unit.
            pub fn serialize<S: Serializer>(value: &f64, s: S) -> Result<S::Ok, S::Error> {
                if Dimension::$dimension == Dimension::Ratio {
                    s.serialize_f64(*value)
                } else {
                    s.serialize_str(&format(*value, Dimension::$dimension))
                }
            }
            /// Reads the quantity; a bare number or another unit is refused with a message that says what to write.
            pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
                d.deserialize_any(Text(Dimension::$dimension))
            }

            #[derive(Serialize, Deserialize)]
            #[serde(transparent)]
            pub(super) struct Wrap(#[serde(with = "self")] pub f64);
        }
        #[doc = concat!("An `Option<f64>` field holding ", stringify!($name), "; add `default` and `skip_serializing_if`.")]
        pub mod $option {
            use super::*;

            /// Writes the quantity with its unit, or nothing.
            pub fn serialize<S: Serializer>(value: &Option<f64>, s: S) -> Result<S::Ok, S::Error> {
                value.map($name::Wrap).serialize(s)
            }
            /// Reads the quantity if it is there.
            pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
                Ok(Option::<$name::Wrap>::deserialize(d)?.map(|w| w.0))
            }
        }
        #[doc = concat!("A `Vec<f64>` field holding ", stringify!($name), ".")]
        pub mod $vec {
            use super::*;

            /// Writes a list of quantities with their units.
            pub fn serialize<S: Serializer>(values: &[f64], s: S) -> Result<S::Ok, S::Error> {
                s.collect_seq(values.iter().map(|v| $name::Wrap(*v)))
            }
            /// Reads a list of quantities.
            pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<f64>, D::Error> {
                Ok(Vec::<$name::Wrap>::deserialize(d)?.into_iter().map(|w| w.0).collect())
            }
        }
    )*};
}

fields! {
    ohm, option_ohm, vec_ohm: Ohm;
    siemens, option_siemens, vec_siemens: Siemens;
    volt, option_volt, vec_volt: Volt;
    ampere, option_ampere, vec_ampere: Ampere;
    second, option_second, vec_second: Second;
    kelvin, option_kelvin, vec_kelvin: Kelvin;
    metre, option_metre, vec_metre: Metre;
    square_metre, option_square_metre, vec_square_metre: SquareMetre;
    joule, option_joule, vec_joule: Joule;
    watt, option_watt, vec_watt: Watt;
    hertz, option_hertz, vec_hertz: Hertz;
    farad, option_farad, vec_farad: Farad;
    coulomb, option_coulomb, vec_coulomb: Coulomb;
    metre_per_second, option_metre_per_second, vec_metre_per_second: MetrePerSecond;
    volt_per_metre, option_volt_per_metre, vec_volt_per_metre: VoltPerMetre;
    electron_volt, option_electron_volt, vec_electron_volt: ElectronVolt;
    kelvin_per_watt, option_kelvin_per_watt, vec_kelvin_per_watt: KelvinPerWatt;
    joule_per_kelvin, option_joule_per_kelvin, vec_joule_per_kelvin: JoulePerKelvin;
    per_second, option_per_second, vec_per_second: PerSecond;
    per_volt, option_per_volt, vec_per_volt: PerVolt;
    per_ohm, option_per_ohm, vec_per_ohm: PerOhm;
    per_kelvin, option_per_kelvin, vec_per_kelvin: PerKelvin;
    per_cubic_metre, option_per_cubic_metre, vec_per_cubic_metre: PerCubicMetre;
    ohm_per_second, option_ohm_per_second, vec_ohm_per_second: OhmPerSecond;
    ohm_per_volt, option_ohm_per_volt, vec_ohm_per_volt: OhmPerVolt;
    ohm_per_square_volt, option_ohm_per_square_volt, vec_ohm_per_square_volt: OhmPerSquareVolt;
    ohm_per_volt_second, option_ohm_per_volt_second, vec_ohm_per_volt_second: OhmPerVoltSecond;
    square_metre_per_volt_second, option_square_metre_per_volt_second, vec_square_metre_per_volt_second: SquareMetrePerVoltSecond;
    ohm_metre, option_ohm_metre, vec_ohm_metre: OhmMetre;
    farad_per_metre, option_farad_per_metre, vec_farad_per_metre: FaradPerMetre;
    ratio, option_ratio, vec_ratio: Ratio;
}
