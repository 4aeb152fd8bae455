//! A device description: what it is, where the numbers come from, its equations, and the statistics of its cells.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use neurohm_num::{Key, quantity};
use schemars::JsonSchema;
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};

use crate::aspect::{Endurance, Faults, Noise, Pulse, Retention, Write};
use crate::compact::{CellBank, Dynamic, ParameterSpread};
use crate::error::DeviceError;
use crate::operation::Operation;
use crate::valid::Valid;

/// A device: a preset, or one fitted to measurements. On disk a TOML file, see [`crate::parse`].
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "File")]
#[schemars(with = "File")]
pub struct DeviceSpec {
    /// Short name, as commands take it.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// Device class (`"PCM"`, `"ReRAM"`, ...).
    pub class: String,
    /// Where the numbers come from: authors, year, place.
    pub source: String,
    /// Where this description departs from its source.
    pub differences: Vec<String>,
    /// Where the numbers hold.
    pub valid_range: String,
    /// The same as numbers, of what drives it, as far as it is stated.
    pub valid: Valid,
    /// Its equations, the dynamic face: what it does under a voltage.
    pub compact: Option<Dynamic>,
    /// How parameters of the equations scatter, by their names.
    pub spread: BTreeMap<String, ParameterSpread>,
    /// The pulses that switch and read it.
    pub operation: Option<Operation>,
    /// The statistics of its cells, the statistical face: what arrays of it do.
    pub cell: Option<CellSpec>,
}

/// Range and aspects of a cell. An absent aspect was not measured, which is not the same as ideal.
#[derive(Clone, Debug, PartialEq)]
pub struct CellSpec {
    /// Lowest conductance that can be programmed, S.
    pub g_min_s: f64,
    /// Highest conductance that can be programmed, S.
    pub g_max_s: f64,
    /// How exactly it is written.
    pub write: Option<Write>,
    /// What a pulse does to it.
    pub pulse: Option<Pulse>,
    /// How it keeps.
    pub retention: Option<Retention>,
    /// Its read noise.
    pub noise: Option<Noise>,
    /// How it wears out.
    pub endurance: Option<Endurance>,
    /// Broken cells.
    pub faults: Option<Faults>,
}

/// The layout of the file: aspects are tables of their own beside `[cell]`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Device")]
struct File {
    /// Short name, as commands take it.
    name: String,
    /// What it is, in a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    title: String,
    /// Device class (`"PCM"`, `"ReRAM"`, ...).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    class: String,
    /// Where the numbers come from: authors, year, place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    source: String,
    /// Where this description departs from its source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
    /// Where the numbers hold.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    valid_range: String,
    /// Where the numbers hold, as numbers: ranges of voltage, time and temperature.
    #[serde(default, skip_serializing_if = "Valid::is_empty")]
    valid: Valid,
    /// Range of conductance; with the aspects below the statistical face.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cell: Option<Range>,
    /// Equations, the dynamic face.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compact: Option<Dynamic>,
    /// How parameters of the equations scatter, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    spread: BTreeMap<String, ParameterSpread>,
    /// The pulses that switch and read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<Operation>,
    /// How exactly it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    write: Option<Write>,
    /// What a pulse does to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pulse: Option<Pulse>,
    /// How it keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention: Option<Retention>,
    /// Its read noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noise: Option<Noise>,
    /// How it wears out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endurance: Option<Endurance>,
    /// Broken cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    faults: Option<Faults>,
}

/// Range of conductance that can be programmed.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Range {
    /// Lowest conductance, S.
    #[serde(rename = "g_min", with = "quantity::siemens")]
    #[schemars(with = "String")]
    g_min_s: f64,
    /// Highest conductance, S.
    #[serde(rename = "g_max", with = "quantity::siemens")]
    #[schemars(with = "String")]
    g_max_s: f64,
}

impl TryFrom<File> for DeviceSpec {
    type Error = String;

    fn try_from(f: File) -> Result<Self, String> {
        let aspects = [
            ("write", f.write.is_some()),
            ("pulse", f.pulse.is_some()),
            ("retention", f.retention.is_some()),
            ("noise", f.noise.is_some()),
            ("endurance", f.endurance.is_some()),
            ("faults", f.faults.is_some()),
        ];
        let cell = match f.cell {
            Some(range) => Some(CellSpec {
                g_min_s: range.g_min_s,
                g_max_s: range.g_max_s,
                write: f.write,
                pulse: f.pulse,
                retention: f.retention,
                noise: f.noise,
                endurance: f.endurance,
                faults: f.faults,
            }),
            None => match aspects.iter().find(|(_, there)| *there) {
                Some((aspect, _)) => {
                    return Err(format!(
                        "[{aspect}] needs the range of conductance: add [cell] with g_min and g_max"
                    ));
                }
                None if f.compact.is_none() => {
                    return Err(
                        "a device needs [cell] with g_min and g_max, or equations in [compact.MODEL]".into(),
                    );
                }
                None => None,
            },
        };
        if let (None, Some(name)) = (&f.compact, f.spread.keys().next()) {
            return Err(format!(
                "[spread.{name}] needs the equations whose parameter it is: add [compact.MODEL]"
            ));
        }
        Ok(DeviceSpec {
            name: f.name,
            title: f.title,
            class: f.class,
            source: f.source,
            differences: f.differences,
            valid_range: f.valid_range,
            valid: f.valid,
            compact: f.compact,
            spread: f.spread,
            operation: f.operation,
            cell,
        })
    }
}

/// Written as the table that it is, so that its many parts are compiled for one format only.
impl Serialize for DeviceSpec {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.to_table().map_err(S::Error::custom)?.serialize(s)
    }
}

impl DeviceSpec {
    /// Its description as a table of TOML, in the order of the file.
    ///
    /// # Errors
    /// A number that TOML cannot hold.
    pub fn to_table(&self) -> Result<toml::Table, toml::ser::Error> {
        toml::Table::try_from(File::from(self.clone()))
    }
}

impl From<DeviceSpec> for File {
    fn from(d: DeviceSpec) -> Self {
        let range = d.cell.as_ref().map(|c| Range { g_min_s: c.g_min_s, g_max_s: c.g_max_s });
        let (write, pulse, retention, noise, endurance, faults) = d
            .cell
            .map(|c| (c.write, c.pulse, c.retention, c.noise, c.endurance, c.faults))
            .unwrap_or_default();
        File {
            name: d.name,
            title: d.title,
            class: d.class,
            source: d.source,
            differences: d.differences,
            valid_range: d.valid_range,
            valid: d.valid,
            cell: range,
            compact: d.compact,
            spread: d.spread,
            operation: d.operation,
            write,
            pulse,
            retention,
            noise,
            endurance,
            faults,
        }
    }
}

impl CellSpec {
    /// A cell with this range and neutral laws, which takes no pulses.
    pub fn ideal(g_min_s: f64, g_max_s: f64) -> CellSpec {
        CellSpec {
            g_min_s,
            g_max_s,
            write: Some(Write::Ideal {}),
            pulse: None,
            retention: Some(Retention::Ideal {}),
            noise: Some(Noise::Ideal {}),
            endurance: None,
            faults: Some(Faults::default()),
        }
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// The first parameter that physics or its law does not allow.
    pub fn validate(&self) -> Result<(), DeviceError> {
        let (low, high) = (self.g_min_s, self.g_max_s);
        let siemens = |g: f64| quantity::format(g, quantity::Dimension::Siemens);
        let range = if !low.is_finite() || low < 0.0 {
            Some(("cell.g_min", format!("is {}; a conductance is finite and not negative", siemens(low))))
        } else if !high.is_finite() || high <= low {
            let (low, high) = (siemens(low), siemens(high));
            Some(("cell.g_max", format!("is {high}; it must be finite and above g_min = {low}")))
        } else if !(1e-15..=1e6).contains(&high) {
            Some(("cell.g_max", format!("is {}; single precision serves 1 fS to 1 MS", siemens(high))))
        } else {
            None
        };
        let range = range.map(|(field, problem)| (field.to_owned(), problem));
        let problem = range
            .or_else(|| self.write.as_ref().and_then(|w| w.problem(high)))
            .or_else(|| self.retention.as_ref().and_then(|r| r.problem(high)))
            .or_else(|| self.noise.as_ref().and_then(|n| n.problem(high)))
            .or_else(|| self.pulse.as_ref().and_then(|p| p.problem(low, high)))
            .or_else(|| self.endurance.as_ref().and_then(Endurance::problem))
            .or_else(|| self.faults.as_ref().and_then(Faults::problem));
        match problem {
            Some((field, problem)) => Err(DeviceError::Parameter { device: String::new(), field, problem }),
            None => Ok(()),
        }
    }
}

impl DeviceSpec {
    /// Checks every parameter, and that unused cells begin within the bounds of their state: a description that says
    /// otherwise would not be what is simulated. Bounds that [spread](Self::spread) draws for a cell may still pass
    /// its first state, which is then the nearest end.
    ///
    /// # Errors
    /// The first parameter that physics or its law does not allow, with the device's name.
    pub fn validate(&self) -> Result<(), DeviceError> {
        let cell = self.cell.as_ref().map_or(Ok(()), CellSpec::validate);
        let equations = |c: &Dynamic| c.validate_spread(&self.spread).and_then(|()| c.validate_first_state());
        let compact = || self.compact.as_ref().map_or(Ok(()), equations);
        let drive = || self.operation.as_ref().and_then(Operation::problem).or_else(|| self.valid.problem());
        let operation = || match drive() {
            Some((field, problem)) => Err(DeviceError::Parameter { device: String::new(), field, problem }),
            None => Ok(()),
        };
        cell.and_then(|()| compact()).and_then(|()| operation()).map_err(|e| match e {
            DeviceError::Parameter { field, problem, .. } => {
                DeviceError::Parameter { device: self.name.clone(), field, problem }
            }
            other => other,
        })
    }

    /// The statistics of its cells.
    ///
    /// # Errors
    /// [`DeviceError::Face`] for a device of which only equations are known.
    pub fn statistics(&self) -> Result<&CellSpec, DeviceError> {
        self.cell.as_ref().ok_or_else(|| DeviceError::Face {
            device: self.name.clone(),
            missing: "statistics of its cells ([cell] and aspects)",
            remedy: "`neurohm device characterise` derives them from the equations, `neurohm device fit` from \
                     measurements",
        })
    }

    /// Its equations.
    ///
    /// # Errors
    /// [`DeviceError::Face`] for a device of which only statistics are known.
    pub fn equations(&self) -> Result<&Dynamic, DeviceError> {
        self.compact.as_ref().ok_or_else(|| DeviceError::Face {
            device: self.name.clone(),
            missing: "equations ([compact.MODEL])",
            remedy: "`neurohm device fit --kind iv` finds them from current-voltage loops",
        })
    }

    /// Whether its equations follow the ambient temperature anywhere within twice the voltages that it is driven with.
    ///
    /// # Errors
    /// No equations, or a parameter that physics does not allow.
    pub fn follows_temperature(&self) -> Result<bool, DeviceError> {
        self.equations()?.follows_temperature(self.reach_v())
    }

    /// Whether its cells differ, or one from itself, anywhere within twice the voltages that it is driven with: without
    /// that one of them tells all.
    ///
    /// # Errors
    /// No equations, or a parameter that physics does not allow.
    pub fn scatters(&self) -> Result<bool, DeviceError> {
        let spread = self.spread.values().any(|s| s.d2d != 0.0 || s.c2c != 0.0);
        Ok(self.equations()?.holds_chance(self.reach_v())? || spread)
    }

    /// Twice the largest voltage that it is driven with or stated to hold at; a volt where none is known.
    fn reach_v(&self) -> f64 {
        let pulses = self.operation.iter().flat_map(|o| [Some(o.set), o.reset]).flatten();
        let stated = self.valid.voltage_v.into_iter().flatten();
        let voltages = pulses.map(|pulse| pulse.voltage_v).chain(stated);
        let reach_v = voltages.fold(0.0_f64, |reach, v| reach.max(v.abs()));
        if reach_v > 0.0 { 2.0 * reach_v } else { 1.0 }
    }

    /// `len` unused cells of the dynamic face that grow from `key`.
    ///
    /// # Errors
    /// No equations, or a parameter that physics does not allow.
    pub fn bank(&self, len: usize, key: Key) -> Result<Box<dyn CellBank>, DeviceError> {
        self.equations()?.bank_with(&self.spread, len, key)
    }

    /// Its JSON schema.
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
        SCHEMA.get_or_init(|| schemars::schema_for!(DeviceSpec).to_value())
    }

    /// The same range with neutral laws: the ideal device beside this one. Equations stay as they are, and a device
    /// that is pulsed keeps its mean step, without scatter and, where the law allows it, the same in every state.
    pub fn idealised(&self) -> DeviceSpec {
        let cell = self.cell.as_ref().map(|c| {
            let pulse = c.pulse.clone().map(|mut pulse| {
                pulse.scale_c2c(0.0);
                pulse.scale_d2d(0.0);
                pulse.scale_shape(0.0);
                pulse
            });
            CellSpec { pulse, ..CellSpec::ideal(c.g_min_s, c.g_max_s) }
        });
        DeviceSpec { cell, ..self.clone() }
    }

    /// Aspects that the description has: its equations and those of its statistics.
    pub fn aspects(&self) -> Vec<&'static str> {
        let equations = [("compact", self.compact.is_some()), ("spread", !self.spread.is_empty())];
        let cell = self.cell.as_ref();
        let cycled = [
            ("pulse", cell.is_some_and(|c| c.pulse.is_some())),
            ("endurance", cell.is_some_and(|c| c.endurance.is_some())),
        ];
        let all = equations.into_iter().chain(self.presence()).chain(cycled);
        all.filter(|(_, there)| *there).map(|(name, _)| name).collect()
    }

    /// Aspects of its statistics that nobody measured; reports must say so, since a study then treats them as ideal.
    /// Pulses are not among them: without a law for them, a study that needs them refuses the device. Nor is
    /// endurance, which only studies that cycle devices can miss.
    pub fn unmeasured(&self) -> Vec<&'static str> {
        self.presence().into_iter().filter(|(_, there)| !*there).map(|(name, _)| name).collect()
    }

    fn presence(&self) -> [(&'static str, bool); 4] {
        let c = self.cell.as_ref();
        [
            ("write", c.is_some_and(|c| c.write.is_some())),
            ("retention", c.is_some_and(|c| c.retention.is_some())),
            ("noise", c.is_some_and(|c| c.noise.is_some())),
            ("faults", c.is_some_and(|c| c.faults.is_some())),
        ]
    }

    /// A sentence for the report if the device's retention at age `t_s` is outside what was measured, by more
    /// than a percent.
    pub fn extrapolated(&self, t_s: f64) -> Option<String> {
        let retention = self.cell.as_ref()?.retention.as_ref()?;
        let (first, last) = retention.known_ages_s();
        let time = |s: f64| quantity::format(s, quantity::Dimension::Second);
        if let Some(first) = first.filter(|first| t_s < 0.99 * *first) {
            return Some(format!(
                "The retention of `{}` is known from {} after programming; at {} it is {}.",
                self.name,
                time(first),
                time(t_s),
                if retention.follows_temperature() { "extrapolated" } else { "held at that value" }
            ));
        }
        let last = last.filter(|last| t_s > 1.01 * *last)?;
        Some(format!(
            "The retention of `{}` was measured up to {} after programming; at {} it is extrapolated with the \
             logarithm of time.",
            self.name,
            time(last),
            time(t_s)
        ))
    }

    /// A sentence for the report if its retention at age `t_s` or temperature `t_k` is outside what was measured, by
    /// more than a percent.
    pub fn extrapolated_at(&self, t_s: f64, t_k: f64) -> Option<String> {
        let retention = self.cell.as_ref()?.retention.as_ref()?;
        let (coldest, hottest) = retention.known_temperatures_k();
        let out = coldest.is_some_and(|c| t_k < 0.99 * c) || hottest.is_some_and(|h| t_k > 1.01 * h);
        let age = self.extrapolated(t_s);
        if !out {
            return age;
        }
        let celsius =
            |k: f64| quantity::format((1e6 * (k - 273.15)).round() / 1e6, quantity::Dimension::Ratio);
        let (low, high) = (coldest.or(hottest).unwrap_or(t_k), hottest.or(coldest).unwrap_or(t_k));
        let text = format!(
            "The retention of `{}` was measured from {} C to {} C; at {} C it is extrapolated by its activation \
             energies.",
            self.name,
            celsius(low),
            celsius(high),
            celsius(t_k)
        );
        Some(age.map_or(text.clone(), |age| format!("{age} {text}")))
    }
}
