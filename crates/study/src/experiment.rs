//! Records of experiments on single devices: what a probe station measures, where a study measures chips.

use std::collections::BTreeMap;
use std::time::Instant;

use neurohm_device::DeviceSpec;
use toml::{Table as Settings, Value};

use crate::engine::Finding;
use crate::error::StudyError;
use crate::id::digest;
use crate::record::{Better, Level, Map, Note, Plan, Record, Scalar, Series, Table};

/// What an experiment found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Numbers by name.
    pub scalars: BTreeMap<String, Scalar>,
    /// Figures.
    pub series: Vec<Series>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Matrices, drawn as maps.
    pub maps: Vec<Map>,
    /// Floor plans.
    pub plans: Vec<Plan>,
    /// What a reader should know.
    pub notes: Vec<Note>,
    /// Files beside the record, by name.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Findings {
    /// Adds a number that is exact, or of one device.
    pub fn number(&mut self, name: &str, value: f64, unit: &str, about: impl Into<String>) {
        self.scalar(name, value, None, unit, None, about);
    }

    /// Adds a number with its 95 % interval, where there is one, and the direction that is better.
    pub fn scalar(
        &mut self,
        name: &str,
        value: f64,
        ci95: Option<[f64; 2]>,
        unit: &str,
        better: Option<Better>,
        about: impl Into<String>,
    ) {
        let (unit, about) = (unit.into(), about.into());
        let scalar = Scalar { value, ci95, unit, ideal: None, about, better, bound: None };
        self.scalars.insert(name.into(), scalar);
    }

    /// Adds something that is good to know.
    pub fn info(&mut self, text: impl Into<String>) {
        self.notes.push(Note { level: Level::Info, text: text.into() });
    }

    /// Adds a reason to read the result with care.
    pub fn caution(&mut self, text: impl Into<String>) {
        self.notes.push(Note { level: Level::Caution, text: text.into() });
    }
}

/// An experiment as it was asked for.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Its name, as the command line takes it.
    pub name: &'a str,
    /// Its title, for people.
    pub title: &'a str,
    /// What it asks and how it answers, a paragraph.
    pub about: &'a str,
    /// Raised whenever its method changes what a description means.
    pub revision: u32,
    /// The number that stands for it; a key of the scalars.
    pub merit: &'a str,
    /// The device.
    pub device: &'a DeviceSpec,
    /// All settings that decide the result, but for the seed.
    pub settings: Settings,
    /// Devices that were measured.
    pub devices: usize,
    /// Seed of all randomness.
    pub seed: u64,
    /// The command that does it again.
    pub command: String,
    /// When it began.
    pub started: Instant,
}

impl Asked<'_> {
    /// The record of what was found.
    ///
    /// # Errors
    /// A description without a TOML form.
    pub fn finding(&self, found: Findings) -> Result<Finding, StudyError> {
        let invalid =
            |e: &dyn std::error::Error| StudyError::Invalid(format!("a description has no form: {e}"));
        let device = Value::try_from(self.device).map_err(|e| invalid(&e))?;
        let mut table = Settings::new();
        table.insert("experiment".into(), Value::from(self.name));
        table.insert("seed".into(), Value::try_from(self.seed).map_err(|e| invalid(&e))?);
        table.insert("devices".into(), Value::try_from(self.devices).map_err(|e| invalid(&e))?);
        table.insert("settings".into(), Value::Table(self.settings.clone()));
        table.insert("device".into(), device);
        let description = toml::to_string_pretty(&table).map_err(|e| invalid(&e))?;
        let key = serde_json::json!({ "revision": self.revision, "description": table });
        let files = found.files.clone();
        let record = Record {
            revision: self.revision,
            id: digest(&key),
            device: self.device.name.clone(),
            device_title: self.device.title.clone(),
            device_source: self.device.source.clone(),
            description,
            chips: self.devices,
            wall_s: self.started.elapsed().as_secs_f64(),
            ..plain(self.name, self.title, self.about, self.merit, &self.command, self.seed, found)
        };
        Ok(Finding { record, files })
    }
}

/// The record of something that is about no single device.
pub fn plain(
    name: &str,
    title: &str,
    about: &str,
    merit: &str,
    command: &str,
    seed: u64,
    found: Findings,
) -> Record {
    Record {
        study: name.into(),
        title: title.into(),
        about: about.into(),
        revision: 1,
        id: digest(&serde_json::json!({ "name": name, "command": command, "seed": seed })),
        device: String::new(),
        device_title: String::new(),
        device_source: String::new(),
        description: String::new(),
        command: command.into(),
        seed,
        version: env!("CARGO_PKG_VERSION").to_string(),
        isa: neurohm_num::simd::isa().name().to_string(),
        chips: 1,
        sample: Some("device".into()),
        cut_short: None,
        wall_s: 0.0,
        merit: merit.into(),
        target: None,
        scalars: found.scalars,
        series: found.series,
        tables: found.tables,
        maps: found.maps,
        plans: found.plans,
        ablation: Vec::new(),
        all_off: None,
        notes: found.notes,
        tally: BTreeMap::new(),
        datasheet: None,
        files: found.files.iter().map(|(name, _)| name.clone()).collect(),
    }
}
