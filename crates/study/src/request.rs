//! From what a user asks (a file, options) to a request in which everything is resolved.
//!
//! ```toml
//! study = "inference"
//! seed = 7
//! chips = 10
//!
//! [chip]
//! preset = "default"      # a chip preset, a chip file, or "none": all of it is written out here
//! device = "pcm"          # a device preset or a device file; or a table that changes a few numbers
//! adc.uniform.resolution.bits = 6   # anything else is laid over the preset
//!
//! [config]
//! images = 1000
//! ```
//!
//! Later wins: preset, file, options.

use std::sync::Arc;

use neurohm_array::overlay::{self, Document};
use neurohm_array::{ChipSpec, SettingError};
use serde_json::{Map, Value};
use toml::Table;

use crate::chip;
use crate::error::StudyError;
use crate::id;
use crate::inputs::Inputs;
use crate::study::{AnyStudy, Effort};

/// What a user asks, unresolved. `Default` asks for nothing in particular; fill in what is known.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Name of the study; a document may give it instead.
    pub study: Option<String>,
    /// A request as TOML, with the name of the file it came from.
    pub document: Option<(String, String)>,
    /// Which configuration to start from.
    pub effort: Effort,
    /// A chip preset, a chip file, or a device preset on the default chip.
    pub chip: Option<String>,
    /// A device preset or a device file, to put on the chip.
    pub device: Option<String>,
    /// Settings of the study that front ends make from options of their own, laid over the document: each with the
    /// option, as it was given, that errors then name.
    pub config: Vec<(String, Table)>,
    /// `key=value` options; keys are those of a document (`chip.adc.bits`, `config.images`, `seed`).
    pub set: Vec<String>,
    /// Seed of all randomness.
    pub seed: Option<u64>,
    /// How many chips to simulate.
    pub chips: Option<usize>,
    /// Whether to switch non-idealities off in turn; yes unless told otherwise.
    pub ablate: Option<bool>,
    /// The command line that asked, for the record.
    pub command: Option<String>,
}

/// A request in which everything is resolved: with the version, all that a result depends on.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name of the study.
    pub study: String,
    /// The chip, its device included.
    pub chip: ChipSpec,
    /// The study's configuration, complete, as JSON.
    pub config: Value,
    /// Seed of all randomness.
    pub seed: u64,
    /// How many chips to simulate.
    pub chips: usize,
    /// Whether to switch non-idealities off in turn.
    pub ablate: bool,
    /// Settings of the chip that the user made, by path, each with the text it came from; the no-effect check
    /// looks at these.
    pub chip_settings: Vec<(String, Origin)>,
    /// The command line that asked, for the record.
    pub command: Option<String>,
}

pub(crate) const KEYS: [&str; 6] = ["study", "seed", "chips", "ablate", "chip", "config"];

/// Where settings come from, to point there in errors.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A request's file.
    File(Arc<Document>),
    /// A chip's file, whose top level is what a request's `[chip]` is.
    Whole(Arc<Document>),
    /// A `--set` of the command line, as it was given.
    Option(String),
    /// An option of the command line that stands for a setting: its own name says more than the setting's path.
    Named(String),
    /// An axis of a sweep.
    Axis(Arc<AxisPlace>),
}

/// Where a sweep's description names a setting and one of its values.
#[derive(Clone, Debug)]
pub struct AxisPlace {
    /// The description.
    pub(crate) document: Arc<Document>,
    /// The setting, as a request's file would name it.
    pub(crate) path: String,
    /// Where the description names it.
    pub(crate) name_at: String,
    /// Where its value stands.
    pub(crate) value_at: String,
}

impl AxisPlace {
    /// The error, at the name that the axis gives to a setting if that is what is wrong, else at the value.
    fn locate(&self, error: SettingError) -> SettingError {
        let last = error.path.rsplit('.').next().unwrap_or_default();
        let within = self.path.strip_prefix(&error.path);
        let named = within.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            && error.message.contains(&format!("`{last}`"))
            && !error.allowed.is_empty();
        let at = if named { &self.name_at } else { &self.value_at };
        let mut found = self.document.locate(SettingError::value(at, ""));
        let mut error = error;
        (error.origin, error.place) = (found.origin.take(), found.place);
        error
    }
}

impl Origin {
    /// The error, with `prefix` before its path and the place where it stands.
    pub(crate) fn locate(&self, mut error: SettingError, prefix: &str) -> StudyError {
        error.path = overlay::join(prefix, &error.path);
        match self {
            Origin::File(document) => document.locate(error),
            Origin::Whole(document) => {
                error.path = error.path.strip_prefix("chip.").unwrap_or(&error.path).to_string();
                document.locate(error)
            }
            Origin::Option(text) => {
                error.origin.get_or_insert_with(|| text.clone());
                error
            }
            Origin::Named(text) => {
                error.path.clear();
                error.origin.get_or_insert_with(|| text.clone());
                error
            }
            Origin::Axis(place) => place.locate(error),
        }
        .into()
    }
}

/// A table of settings and where it comes from.
#[derive(Clone)]
pub(crate) struct Layer {
    pub origin: Origin,
    pub table: Table,
}

/// Tells an error that showed only when all layers were laid over one another with the place of the layer that is at
/// fault: the last one that sets its path, or else what is nearest around it.
pub(crate) fn blame(layers: &[Layer], error: SettingError, prefix: &str) -> StudyError {
    let parts: Vec<&str> = error.path.split(['.', '[']).map(|part| part.trim_end_matches(']')).collect();
    let depth = |table: &Table| {
        let (mut depth, mut here) = (0, Some(table));
        for part in &parts {
            let Some(value) = here.and_then(|table| table.get(*part)) else { break };
            (depth, here) = (depth + 1, value.as_table());
        }
        depth
    };
    let found = layers.iter().rev().map(|layer| (depth(&layer.table), layer));
    // Among equals the last of the reversed, the first, would win; what is set later counts.
    let found = found.fold(None, |best: Option<(usize, &Layer)>, (d, layer)| match best {
        Some((b, _)) if b >= d => best,
        _ => (d > 0 || layers.len() == 1).then_some((d, layer)).or(best),
    });
    match found {
        Some((_, layer)) => layer.origin.locate(error, prefix),
        None => {
            let mut error = error;
            error.path = overlay::join(prefix, &error.path);
            error.into()
        }
    }
}

impl Layer {
    pub(crate) fn wrong(&self, path: &str, problem: impl Into<String>) -> StudyError {
        self.origin.locate(SettingError::value(path, problem), "")
    }

    pub(crate) fn text(&self, path: &str, value: &toml::Value) -> Result<String, StudyError> {
        let text = value.as_str().map(str::to_string);
        text.ok_or_else(|| self.wrong(path, "a name in quotes is needed"))
    }

    pub(crate) fn whole(&self, path: &str, value: &toml::Value) -> Result<u64, StudyError> {
        let number = match value {
            toml::Value::Integer(i) => u64::try_from(*i).ok(),
            // TOML integers end at 2^63 - 1; a seed above is written as text.
            toml::Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.wrong(path, "a whole number from 0 to 18446744073709551615 is needed"))
    }

    fn table<'a>(&self, path: &str, value: &'a toml::Value) -> Result<&'a Table, StudyError> {
        value.as_table().ok_or_else(|| self.wrong(path, "a table of settings is needed"))
    }
}

impl Draft {
    fn layers(&self) -> Result<Vec<Layer>, StudyError> {
        let mut layers = Vec::new();
        if let Some((text, origin)) = &self.document {
            let document = Document::parse(text, origin)?;
            let table = document.table().clone();
            layers.push(Layer { origin: Origin::File(Arc::new(document)), table });
        }
        for text in &self.set {
            let origin = Origin::Option(format!("--set {text}"));
            let example =
                || SettingError::value("", "write key=value, such as chip.adc.uniform.resolution.bits=6");
            let (path, value) = text.split_once('=').ok_or_else(|| origin.locate(example(), ""))?;
            let table = overlay::assignment(path.trim(), value.trim()).map_err(|e| origin.locate(e, ""))?;
            layers.push(Layer { origin, table });
        }
        Ok(layers)
    }

    /// Resolves the request against the studies there are. `inputs` reads device and chip files.
    pub fn resolve<'s>(
        &self,
        studies: &[&'s dyn AnyStudy],
        inputs: &dyn Inputs,
    ) -> Result<(&'s dyn AnyStudy, Request), StudyError> {
        let Split { name, seed, chips, ablate, chip: chip_layers, config: mut config_layers } =
            split(&self.layers()?)?;
        let name = self.study.clone().or(name);
        let name = name.ok_or_else(|| {
            StudyError::Invalid("the request names no study; write study = \"NAME\"".to_string())
        })?;
        let study = find(studies, &name)?;

        let schema = study.schema();
        let mut config = to_table(&study.config(self.effort)?);
        let own = self.config.iter();
        config_layers
            .extend(own.map(|(o, table)| Layer { origin: Origin::Named(o.clone()), table: table.clone() }));
        for layer in &config_layers {
            overlay::merge(&schema, &mut config, &layer.table)
                .map_err(|e| layer.origin.locate(e, "config"))?;
        }
        // Read once all are there, since one setting may need another.
        let config = study.read(config).map_err(|e| blame(&config_layers, *e, "config"))?;
        study.check(&config).map_err(|e| blame(&config_layers, *e, "config"))?;

        let chips = self.chips.map(|c| c as u64).or(chips);
        let chips = check_chips(chips.unwrap_or(study.chips(self.effort) as u64))?;
        let (chip, chip_settings) =
            chip::resolve(self.chip.as_deref(), self.device.as_deref(), &chip_layers, inputs)?;
        let request = Request {
            study: name,
            chip,
            config,
            seed: self.seed.unwrap_or(seed),
            chips,
            ablate: self.ablate.unwrap_or(ablate),
            chip_settings,
            command: self.command.clone(),
        };
        no_effect(study, &request)?;
        Ok((study, request))
    }
}

/// Layers taken apart by what they are about; later ones win.
pub(crate) struct Split {
    pub name: Option<String>,
    pub seed: u64,
    pub chips: Option<u64>,
    pub ablate: bool,
    pub chip: Vec<Layer>,
    pub config: Vec<Layer>,
}

pub(crate) fn split(layers: &[Layer]) -> Result<Split, StudyError> {
    let (chip, config) = (Vec::new(), Vec::new());
    let mut split = Split { name: None, seed: 1, chips: None, ablate: true, chip, config };
    for layer in layers {
        let table_of = |key: &str, value: &toml::Value| -> Result<Layer, StudyError> {
            Ok(Layer { origin: layer.origin.clone(), table: layer.table(key, value)?.clone() })
        };
        for (key, value) in &layer.table {
            match key.as_str() {
                "study" => split.name = Some(layer.text(key, value)?),
                "seed" => split.seed = layer.whole(key, value)?,
                "chips" => split.chips = Some(layer.whole(key, value)?),
                "ablate" => {
                    let truth = value.as_bool().ok_or_else(|| layer.wrong(key, "true or false is needed"));
                    split.ablate = truth?;
                }
                "chip" => split.chip.push(table_of(key, value)?),
                "config" => split.config.push(table_of(key, value)?),
                _ => {
                    let allowed = KEYS.map(str::to_string).to_vec();
                    let what =
                        "unknown setting (of the chip they begin with `chip.`, of the study with `config.`)";
                    return Err(layer.origin.locate(SettingError::name(key, what, key, allowed), ""));
                }
            }
        }
    }
    Ok(split)
}

/// How many chips a request may ask for.
pub(crate) fn check_chips(chips: u64) -> Result<usize, StudyError> {
    match usize::try_from(chips) {
        Ok(chips) if (1..=100_000).contains(&chips) => Ok(chips),
        _ => Err(StudyError::Invalid(format!("chips = {chips} is outside 1 to 100000"))),
    }
}

/// The study of that name.
pub fn find<'s>(studies: &[&'s dyn AnyStudy], name: &str) -> Result<&'s dyn AnyStudy, StudyError> {
    studies.iter().find(|s| s.name() == name).copied().ok_or_else(|| StudyError::UnknownStudy {
        name: name.to_string(),
        nearest: neurohm_device::nearest(name, studies.iter().map(|s| s.name())).map(str::to_string),
        known: studies.iter().map(|s| s.name().to_string()).collect(),
    })
}

/// Refuses a setting of the chip that the user made and that changes nothing: in a section that the study, as
/// configured, never looks at, or one that this chip makes idle.
pub fn no_effect(study: &dyn AnyStudy, request: &Request) -> Result<(), StudyError> {
    let effects = Effects::of(study, &request.config)?;
    match idle(&request.study, effects, &request.chip, &request.chip_settings).into_iter().next() {
        None => Ok(()),
        Some((n, error)) => Err(request.chip_settings[n].1.locate(error, "chip")),
    }
}

/// What of a chip matters to a study as it is configured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Effects {
    /// The sections that do.
    uses: &'static [&'static str],
    /// Settings within them that do not, each with the reason.
    idle: &'static [(&'static str, &'static str)],
}

impl Effects {
    /// Those of a study under a configuration.
    pub(crate) fn of(study: &dyn AnyStudy, config: &Value) -> Result<Self, StudyError> {
        Ok(Self { uses: study.uses(config)?, idle: study.idle(config)? })
    }
}

/// Which of the settings that the user made of a chip change nothing, by their number, and why.
pub(crate) fn idle(
    study: &str,
    effects: Effects,
    chip: &ChipSpec,
    settings: &[(String, Origin)],
) -> Vec<(usize, SettingError)> {
    let uses = effects.uses;
    let idle: Vec<_> = chip.without_effect().into_iter().chain(effects.idle.iter().copied()).collect();
    let mut found = Vec::new();
    for (n, (path, _)) in settings.iter().enumerate() {
        let section = path.split('.').next().unwrap_or(path);
        let within =
            |whole: &str| path.strip_prefix(whole).is_some_and(|r| r.is_empty() || r.starts_with('.'));
        let (path, message) = if !uses.contains(&section) {
            let message = format!(
                "this has no effect in the study `{study}` as configured, which uses {} of a chip; take it out, or change \
                 the configuration so that it matters",
                uses.join(", ")
            );
            (section, message)
        } else if let Some((_, why)) = idle.iter().find(|(whole, _)| within(whole)) {
            (
                path.as_str(),
                format!("this has no effect: {why}; take it out, or change the chip or its device"),
            )
        } else {
            continue;
        };
        found.push((n, SettingError::value(path, message)));
    }
    found
}

impl Request {
    /// The whole description as TOML: a request that gives the same result again.
    pub fn description(&self) -> Result<String, StudyError> {
        let mut chip = json(&self.chip)?;
        if let Value::Object(map) = &mut chip {
            map.insert("preset".into(), chip::WRITTEN_OUT.into());
        }
        let whole = serde_json::json!({
            "study": self.study,
            "seed": self.seed,
            "chips": self.chips,
            "ablate": self.ablate,
            "chip": chip,
            "config": self.config,
        });
        toml::to_string(&to_table(&whole))
            .map_err(|e| StudyError::Invalid(format!("the description has no TOML form: {e}")))
    }

    /// The stable id of the description, given the digests of the files that it names.
    pub fn id(&self, study: &dyn AnyStudy, files: &Value) -> Result<String, StudyError> {
        let pruned = Pruned::new(study)?;
        let (chip, config) = (pruned.chip(&self.chip)?, pruned.config(&self.config));
        let files = id::pruned(files, &Value::Object(Map::new())).map(|files| files.to_string());
        Ok(pruned.id(chip.as_deref(), config.as_deref(), files.as_deref(), self.seed, self.chips))
    }
}

/// Ids of requests to one study, from parts that many of them share.
pub(crate) struct Pruned<'s> {
    study: &'s dyn AnyStudy,
    ideal: Value,
    config: Value,
    chips: usize,
}

impl<'s> Pruned<'s> {
    pub(crate) fn new(study: &'s dyn AnyStudy) -> Result<Self, StudyError> {
        let mut ideal = json(&ChipSpec::ideal())?;
        without_prose(&mut ideal);
        Ok(Self { study, ideal, config: study.config(Effort::Quick)?, chips: study.chips(Effort::Quick) })
    }

    /// What of a chip differs from the ideal one, as text.
    pub(crate) fn chip(&self, chip: &ChipSpec) -> Result<Option<String>, StudyError> {
        let mut chip = json(chip)?;
        without_prose(&mut chip);
        Ok(id::pruned(&chip, &self.ideal).map(|chip| chip.to_string()))
    }

    /// What of a configuration differs from the default, as text.
    pub(crate) fn config(&self, config: &Value) -> Option<String> {
        id::pruned(config, &self.config).map(|config| config.to_string())
    }

    /// The id of the whole: the digest of an object in JSON, its keys sorted, whose parts are there already.
    pub(crate) fn id(
        &self,
        chip: Option<&str>,
        config: Option<&str>,
        files: Option<&str>,
        seed: u64,
        chips: usize,
    ) -> String {
        let seed = (seed != 1).then(|| seed.to_string());
        let chips = (chips != self.chips).then(|| chips.to_string());
        let revision = self.study.revision().to_string();
        let name = Value::from(self.study.name()).to_string();
        let parts = [
            ("chip", chip),
            ("chips", chips.as_deref()),
            ("config", config),
            ("files", files),
            ("revision", Some(&revision)),
            ("seed", seed.as_deref()),
            ("study", Some(&name)),
        ];
        let parts = parts.into_iter().filter_map(|(key, part)| Some(format!("\"{key}\":{}", part?)));
        id::hex(format!("{{{}}}", parts.collect::<Vec<_>>().join(",")).as_bytes())
    }
}

/// Takes out words about a chip or a device, which change nothing that is computed.
fn without_prose(chip: &mut Value) {
    const PROSE: [&str; 7] = ["name", "title", "class", "source", "differences", "valid_range", "valid"];
    let Value::Object(chip) = chip else { return };
    PROSE.iter().for_each(|p| drop(chip.remove(*p)));
    if let Some(Value::Object(device)) = chip.get_mut("device") {
        PROSE.iter().for_each(|p| drop(device.remove(*p)));
    }
}

pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<Value, StudyError> {
    serde_json::to_value(value)
        .map_err(|e| StudyError::Invalid(format!("a description has no JSON form: {e}")))
}

pub(crate) fn to_table(value: &Value) -> Table {
    match to_toml(value) {
        Some(toml::Value::Table(table)) => table,
        _ => Table::new(),
    }
}

/// TOML knows no null: what is null is left out.
fn to_toml(value: &Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(b) => toml::Value::Boolean(*b),
        Value::String(s) => toml::Value::String(s.clone()),
        Value::Number(n) => match n.as_i64() {
            Some(i) => toml::Value::Integer(i),
            // A seed above i64::MAX has no TOML integer; it is written as text and read back as such.
            None if n.is_u64() => toml::Value::String(n.to_string()),
            None => toml::Value::Float(n.as_f64()?),
        },
        Value::Array(a) => toml::Value::Array(a.iter().filter_map(to_toml).collect()),
        Value::Object(o) => {
            toml::Value::Table(o.iter().filter_map(|(k, v)| Some((k.clone(), to_toml(v)?))).collect())
        }
    })
}
