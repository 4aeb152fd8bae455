//! What a sweep's file says: a request, how points are chosen, and axes.

use std::sync::Arc;

use neurohm_array::SettingError;
use neurohm_array::overlay::{self, Document};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::axis::Axis;
use super::design::Design;
use crate::error::StudyError;
use crate::request::KEYS;

/// What stands beside a request in a sweep's file.
const OWN: [&str; 2] = ["sweep", "axis"];

/// The parts of a sweep's file that a request has not.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// How points are chosen and results told.
    sweep: Options,
    /// What is varied.
    axis: Vec<AxisSettings>,
}

/// How points are chosen and results told.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Which points are taken.
    pub design: Design,
    /// Names of the numbers that are to become better; the study's figure of merit where none is given.
    pub objectives: Vec<String>,
    /// Points a chunk; as many as make a thousand chunks where nothing is said.
    pub chunk: Option<usize>,
    /// What becomes of points at which a setting has no effect.
    pub idle: Idle,
    /// Whether each point is also run with ideal devices.
    pub ideal: bool,
}

/// What becomes of points at which a setting has no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Idle {
    /// The sweep is refused.
    #[default]
    Refuse,
    /// They are run, as long as the setting has an effect at some other point.
    Allow,
}

/// An axis, as written.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AxisSettings {
    /// What it is called in figures; the setting's path where nothing is said.
    pub name: Option<String>,
    /// What its values are called, one name a value.
    pub names: Vec<String>,
    /// The setting: `chip.` or `config.` and what follows, `seed` or `chips`.
    pub path: Option<String>,
    /// Its values.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub values: Vec<Value>,
    /// The first of a range of values.
    #[schemars(with = "Option<serde_json::Value>")]
    pub from: Option<Value>,
    /// The last of a range of values.
    #[schemars(with = "Option<serde_json::Value>")]
    pub to: Option<Value>,
    /// Values in the range; every whole number where nothing is said. Random designs take any value within.
    pub points: Option<usize>,
    /// How the range is divided.
    pub scale: Scale,
    /// Several settings that move together: as many values each.
    pub together: Vec<PartSettings>,
}

/// One of several settings that move together.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PartSettings {
    /// The setting.
    pub path: Option<String>,
    /// Its values.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub values: Vec<Value>,
    /// The first of a range of values.
    #[schemars(with = "Option<serde_json::Value>")]
    pub from: Option<Value>,
    /// The last of a range of values.
    #[schemars(with = "Option<serde_json::Value>")]
    pub to: Option<Value>,
    /// Values in the range.
    pub points: Option<usize>,
    /// How the range is divided.
    pub scale: Scale,
}

/// How a range is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scale {
    /// By even steps.
    #[default]
    Linear,
    /// By even factors.
    Log,
}

/// JSON Schema of what a sweep's file has beside a request.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Settings).to_value()
}

/// A sweep's file, read.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub document: Arc<Document>,
    /// The request that all points share.
    pub base: Table,
    pub options: Options,
    pub axes: Vec<Axis>,
}

impl Description {
    /// Reads a sweep's file; `origin` is how errors call it.
    pub(crate) fn parse(text: &str, origin: &str) -> Result<Self, StudyError> {
        let document = Document::parse(text, origin)?;
        let located = |e: SettingError| StudyError::from(document.locate(e));
        let (own, base): (Table, Table) =
            document.table().clone().into_iter().partition(|(key, _)| OWN.contains(&key.as_str()));
        if let Some(key) = base.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let allowed = KEYS.iter().chain(&OWN).map(|key| key.to_string()).collect();
            return Err(located(SettingError::name(key, "unknown setting", key, allowed)));
        }
        let mut table = Table::new();
        overlay::merge(&schema(), &mut table, &own).map_err(located)?;
        let Settings { sweep, axis } = overlay::read(table).map_err(located)?;
        sweep.design.check().map_err(located)?;
        if sweep.chunk == Some(0) {
            return Err(located(SettingError::value("sweep.chunk", "a chunk of no points does nothing")));
        }
        if axis.is_empty() {
            let problem = "there is no axis: name a setting and its values, such as [[axis]] path = \
                           \"chip.adc.uniform.resolution.bits\" values = [4, 6, 8]; `neurohm run` runs a single point";
            return Err(located(SettingError::value("", problem)));
        }
        let axes = axis.into_iter().enumerate();
        let axes = axes.map(|(n, axis)| Axis::new(axis, &format!("axis[{n}]"), &sweep.design));
        let axes = axes.collect::<Result<Vec<_>, _>>().map_err(located)?;
        check_paths(&axes).map_err(located)?;
        if !axes.iter().any(|axis| sweep.design.draws(axis)) && !matches!(sweep.design, Design::Grid {}) {
            let problem = "there is no axis to draw values of: seeds are crossed with what is drawn";
            return Err(located(SettingError::value("sweep.design", problem)));
        }
        Ok(Self { document: Arc::new(document), base, options: sweep, axes })
    }
}

/// Refuses a setting that is swept twice, as a whole or in part.
fn check_paths(axes: &[Axis]) -> Result<(), SettingError> {
    let parts: Vec<_> = axes.iter().flat_map(|axis| &axis.parts).collect();
    for (n, part) in parts.iter().enumerate() {
        let over = |whole: &str, path: &str| {
            path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let other = parts[..n].iter().find(|o| over(&o.path, &part.path) || over(&part.path, &o.path));
        if let Some(other) = other {
            let problem = if other.path == part.path {
                format!("{} is swept twice", part.path)
            } else {
                format!("{} is a part of what another axis sweeps: {}", part.path, other.path)
            };
            let problem =
                format!("{problem}; settings that move together stand in one axis, under `together`");
            return Err(SettingError::value(format!("{}.path", part.key), problem));
        }
    }
    Ok(())
}
