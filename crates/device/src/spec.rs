//! A device description: what it is, where the numbers come from, and the statistics of its cells.

use std::sync::OnceLock;

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aspect::{Faults, Noise, Retention, Write};
use crate::error::DeviceError;

/// A device: a preset, or one fitted to measurements. On disk a TOML file, see [`crate::parse`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "File", into = "File")]
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
    /// The statistics of its cells.
    pub cell: CellSpec,
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
    /// How it keeps.
    pub retention: Option<Retention>,
    /// Its read noise.
    pub noise: Option<Noise>,
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
    /// Range of conductance.
    cell: Range,
    /// How exactly it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    write: Option<Write>,
    /// How it keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention: Option<Retention>,
    /// Its read noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noise: Option<Noise>,
    /// Broken cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    faults: Option<Faults>,
}

/// Range of conductance that can be programmed.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
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

impl From<File> for DeviceSpec {
    fn from(f: File) -> Self {
        let cell = CellSpec {
            g_min_s: f.cell.g_min_s,
            g_max_s: f.cell.g_max_s,
            write: f.write,
            retention: f.retention,
            noise: f.noise,
            faults: f.faults,
        };
        DeviceSpec {
            name: f.name,
            title: f.title,
            class: f.class,
            source: f.source,
            differences: f.differences,
            valid_range: f.valid_range,
            cell,
        }
    }
}

impl From<DeviceSpec> for File {
    fn from(d: DeviceSpec) -> Self {
        let c = d.cell;
        File {
            name: d.name,
            title: d.title,
            class: d.class,
            source: d.source,
            differences: d.differences,
            valid_range: d.valid_range,
            cell: Range { g_min_s: c.g_min_s, g_max_s: c.g_max_s },
            write: c.write,
            retention: c.retention,
            noise: c.noise,
            faults: c.faults,
        }
    }
}

impl CellSpec {
    /// A cell with this range and neutral laws.
    pub fn ideal(g_min_s: f64, g_max_s: f64) -> CellSpec {
        CellSpec {
            g_min_s,
            g_max_s,
            write: Some(Write::Ideal {}),
            retention: Some(Retention::Ideal {}),
            noise: Some(Noise::Ideal {}),
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
            .or_else(|| self.faults.as_ref().and_then(Faults::problem));
        match problem {
            Some((field, problem)) => Err(DeviceError::Parameter { device: String::new(), field, problem }),
            None => Ok(()),
        }
    }
}

impl DeviceSpec {
    /// Checks every parameter.
    ///
    /// # Errors
    /// The first parameter that physics or its law does not allow, with the device's name.
    pub fn validate(&self) -> Result<(), DeviceError> {
        self.cell.validate().map_err(|e| match e {
            DeviceError::Parameter { field, problem, .. } => {
                DeviceError::Parameter { device: self.name.clone(), field, problem }
            }
            other => other,
        })
    }

    /// Its JSON schema.
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
        SCHEMA.get_or_init(|| schemars::schema_for!(DeviceSpec).to_value())
    }

    /// The same range with neutral laws: the ideal device beside this one.
    pub fn idealised(&self) -> DeviceSpec {
        DeviceSpec { cell: CellSpec::ideal(self.cell.g_min_s, self.cell.g_max_s), ..self.clone() }
    }

    /// Aspects that the description has. With [`unmeasured`](Self::unmeasured), all of them.
    pub fn aspects(&self) -> Vec<&'static str> {
        self.presence().into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
    }

    /// Aspects that nobody measured; reports must say so, since a study then treats them as ideal.
    pub fn unmeasured(&self) -> Vec<&'static str> {
        self.presence().into_iter().filter(|(_, there)| !*there).map(|(name, _)| name).collect()
    }

    fn presence(&self) -> [(&'static str, bool); 4] {
        let c = &self.cell;
        [
            ("write", c.write.is_some()),
            ("retention", c.retention.is_some()),
            ("noise", c.noise.is_some()),
            ("faults", c.faults.is_some()),
        ]
    }

    /// A sentence for the report if the device's retention at age `t_s` is outside what was measured.
    pub fn extrapolated(&self, t_s: f64) -> Option<String> {
        let retention = self.cell.retention.as_ref()?;
        let (first, last) = retention.known_ages_s();
        let time = |s: f64| quantity::format(s, quantity::Dimension::Second);
        if let Some(first) = first.filter(|first| t_s < *first) {
            return Some(format!(
                "The retention of `{}` is known from {} after programming; at {} it is held at that value.",
                self.name,
                time(first),
                time(t_s)
            ));
        }
        let last = last.filter(|last| t_s > *last)?;
        Some(format!(
            "The retention of `{}` was measured up to {} after programming; at {} it is extrapolated with the \
             logarithm of time.",
            self.name,
            time(last),
            time(t_s)
        ))
    }
}
