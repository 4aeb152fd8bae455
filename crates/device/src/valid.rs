//! Where a description is stated to hold, as numbers: what prose says in `valid_range`, for those who drive it.

use neurohm_num::quantity::{self, Dimension};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits;

/// Ranges in which a description is stated to hold; an absent one is not stated, which is not the same as unlimited.
/// How old and how hot cells were when their retention was measured stands with the law of retention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Valid {
    /// Smallest and largest voltage of the source that drives it, V, behind the operation's series resistor if it has one.
    #[serde(default, rename = "voltage", with = "volt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<[String; 2]>")]
    pub voltage_v: Option<[f64; 2]>,
    /// Shortest and longest time that a drive lasts, s: a pulse, or a period of a sweep.
    #[serde(default, rename = "time", with = "second", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<[String; 2]>")]
    pub time_s: Option<[f64; 2]>,
    /// Lowest and highest ambient temperature, K.
    #[serde(default, rename = "temperature", with = "kelvin", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<[String; 2]>")]
    pub temperature_k: Option<[f64; 2]>,
}

/// Both ends of a range as quantities with units.
macro_rules! ends {
    ($name:ident, $one:literal) => {
        mod $name {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            #[derive(Serialize, Deserialize)]
            #[serde(transparent)]
            struct One(#[serde(with = $one)] f64);

            pub(super) fn serialize<S: Serializer>(ends: &Option<[f64; 2]>, s: S) -> Result<S::Ok, S::Error> {
                ends.map(|ends| ends.map(One)).serialize(s)
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<[f64; 2]>, D::Error> {
                Ok(Option::<[One; 2]>::deserialize(d)?.map(|ends| ends.map(|one| one.0)))
            }
        }
    };
}

ends!(volt, "neurohm_num::quantity::volt");
ends!(second, "neurohm_num::quantity::second");
ends!(kelvin, "neurohm_num::quantity::kelvin");

/// Roughly room temperature, K, where a source says no more.
pub const NEAR_ROOM_K: [f64; 2] = [290.0, 310.0];

impl Valid {
    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        *self == Valid::default()
    }

    /// A sentence for each of the ranges that an experiment leaves: `what` (as "The sweep") went through these voltages,
    /// V, and times, s, at this temperature, K. An empty list and no temperature leave nothing.
    pub fn left(&self, what: &str, voltages_v: &[f64], times_s: &[f64], t_k: Option<f64>) -> Vec<String> {
        let temperature: Vec<f64> = t_k.into_iter().collect();
        let all = [
            (self.voltage_v, voltages_v, Dimension::Volt),
            (self.time_s, times_s, Dimension::Second),
            (self.temperature_k, &temperature, Dimension::Kelvin),
        ];
        let sentence = |(range, reached, dimension): (Option<[f64; 2]>, &[f64], Dimension)| {
            let [low, high] = range?;
            // Rounding leaves no range.
            let slack = 1e-6 * low.abs().max(high.abs());
            let show = |value: f64| quantity::format(quantity::rounded(value, 5), dimension);
            let beyond = |value: &f64| (low - value).max(value - high);
            let worst = reached.iter().copied().max_by(|a, b| beyond(a).total_cmp(&beyond(b)))?;
            (beyond(&worst) > slack).then(|| {
                let verb = if dimension == Dimension::Second { "lasts" } else { "reaches" };
                format!(
                    "{what} {verb} {}; the description is stated valid from {} to {}.",
                    show(worst),
                    show(low),
                    show(high)
                )
            })
        };
        all.into_iter().filter_map(sentence).collect()
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        let all = [
            ("voltage", self.voltage_v, Dimension::Volt),
            ("time", self.time_s, Dimension::Second),
            ("temperature", self.temperature_k, Dimension::Kelvin),
        ];
        all.into_iter().find_map(|(name, ends, dimension)| {
            let [low, high] = ends?;
            let show = |value: f64| quantity::format(value, dimension);
            let problem = if low > high {
                format!("is from {} to {}; the lower end comes first", show(low), show(high))
            } else {
                match dimension {
                    Dimension::Volt => [low, high]
                        .into_iter()
                        .find(|v| !(-1e4..=1e4).contains(v))
                        .map(|v| format!("holds {}; voltages lie between -10 kV and 10 kV", show(v)))?,
                    // The shortest may be zero: no shortest one.
                    Dimension::Second => {
                        [low, high].into_iter().filter(|t| *t != 0.0).find_map(limits::time)?
                    }
                    _ => [low, high]
                        .into_iter()
                        .find(|t| !(0.0..=3000.0).contains(t))
                        .map(|t| format!("holds {}; temperatures lie between 0 K and 3000 K", show(t)))?,
                }
            };
            Some((format!("valid.{name}"), problem))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse, preset, presets, to_toml};

    const HEAD: &str = "name = \"mine\"\n[cell]\ng_min = \"1 uS\"\ng_max = \"2 uS\"\n[valid]\n";

    #[test]
    fn ranges_are_read_and_written_with_their_units() {
        let text = format!(
            "{HEAD}voltage = [\"-1.5 V\", \"1 V\"]\ntime = [\"10 ns\", \"1 ms\"]\ntemperature = [\"20 C\", \"85 C\"]\n"
        );
        let spec = parse(&text, "mine").unwrap();
        assert_eq!(spec.valid.voltage_v, Some([-1.5, 1.0]));
        assert_eq!(spec.valid.time_s, Some([1e-8, 1e-3]));
        assert_eq!(spec.valid.temperature_k, Some([293.15, 358.15]));
        let written = to_toml(&spec);
        assert!(written.contains("\"-1.5 V\""), "{written}");
        assert_eq!(parse(&written, "written").as_ref(), Ok(&spec));
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<crate::DeviceSpec>(&json).unwrap(), spec);
        // Absent is not stated, and writes nothing.
        let silent = parse(&HEAD.replace("[valid]\n", ""), "mine").unwrap();
        assert!(silent.valid.is_empty() && !to_toml(&silent).contains("valid]"));
        let schema = crate::DeviceSpec::schema().to_string();
        assert!(schema.contains("\"temperature\"") && schema.contains("\"valid\""));
    }

    #[test]
    fn ranges_that_are_none_are_refused_by_name() {
        for (line, words) in [
            ("voltage = [\"1 V\", \"-1 V\"]", "the lower end comes first"),
            ("voltage = [\"1 V\"]", "2"),
            ("voltage = [-1.0, 1.0]", "has no unit"),
            ("voltage = [\"-1 s\", \"1 V\"]", "a voltage"),
            ("time = [\"-1 s\", \"1 s\"]", "time"),
            ("temperature = [\"300 K\", \"30000 K\"]", "3000 K"),
            ("current = [\"1 A\", \"2 A\"]", "current"),
        ] {
            let error = parse(&format!("{HEAD}{line}\n"), "mine").unwrap_err().to_string();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn what_leaves_a_range_is_said_with_the_farthest_value() {
        let valid = Valid {
            voltage_v: Some([-1.5, 1.0]),
            time_s: Some([0.0, 1e-3]),
            temperature_k: Some(NEAR_ROOM_K),
        };
        assert_eq!(
            valid.left("The sweep", &[-3.0, 3.0], &[1e-4], Some(300.0)),
            ["The sweep reaches 3 V; the description is stated valid from -1.5 V to 1 V."]
        );
        assert_eq!(
            valid.left("The sweep", &[-3.0, 1.0], &[2e-3], Some(358.15)),
            [
                "The sweep reaches -3 V; the description is stated valid from -1.5 V to 1 V.",
                "The sweep lasts 2 ms; the description is stated valid from 0 s to 1 ms.",
                "The sweep reaches 358.15 K; the description is stated valid from 290 K to 310 K."
            ]
        );
        assert!(valid.left("The sweep", &[-1.5, 1.0 + 1e-9], &[], None).is_empty());
        assert!(Valid::default().left("The sweep", &[1e9], &[1e9], Some(1e9)).is_empty());
    }

    #[test]
    fn every_preset_with_equations_says_where_they_hold_and_holds_under_its_own_pulses() {
        for p in presets() {
            let spec = preset(p.name).unwrap();
            let Some(operation) = spec.operation.filter(|_| spec.compact.is_some()) else { continue };
            assert!(spec.valid.voltage_v.is_some() && spec.valid.time_s.is_some(), "{}", p.name);
            for pulse in [Some(operation.set), operation.reset, Some(operation.read)].into_iter().flatten() {
                let left = spec.valid.left("A pulse", &[pulse.voltage_v], &[pulse.width_s], Some(300.0));
                assert!(left.is_empty(), "{}: {left:?}", p.name);
            }
        }
    }
}
