//! From a point to the request that it stands for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use neurohm_array::overlay;
use neurohm_array::{ChipSpec, SettingError};
use neurohm_data::{Dataset, Limits};
use neurohm_num::Watch;
use serde_json::Value;
use toml::Table;

use super::description::{Description, Idle};
use super::design::Points;
use crate::chip::Base;
use crate::error::StudyError;
use crate::inputs::Inputs;
use crate::request::{
    Effects, Layer, Origin, Pruned, Request, Split, blame, check_chips, find, idle, split, to_table,
};
use crate::study::{AnyStudy, Effort};

/// Resolves the points of a sweep.
pub(crate) struct Resolver<'s> {
    pub study: &'s dyn AnyStudy,
    pub pruned: Pruned<'s>,
    description: Description,
    pub points: Points,
    /// Device and chip files that the request names, by name.
    files: BTreeMap<String, String>,
    schema: Value,
    /// The configuration with the request's settings laid over it, not yet read.
    config: Table,
    config_layers: Vec<Layer>,
    /// The chip likewise; none where an axis names another chip, over which the request's settings are then laid.
    chip: Option<Base>,
    chip_layers: Vec<Layer>,
    seed: u64,
    chips: Option<u64>,
}

/// A setting of the chip, and where it was made.
pub(crate) type Made = (String, Origin);

impl<'s> Resolver<'s> {
    /// Resolves what all points share. `inputs` reads device and chip files.
    pub(crate) fn new(
        description: Description,
        studies: &[&'s dyn AnyStudy],
        inputs: &dyn Inputs,
    ) -> Result<Self, StudyError> {
        let document = &description.document;
        let points = Points::new(&description.options.design, &description.axes);
        let points = points.map_err(|e| document.locate(e))?;
        let layer = Layer { origin: Origin::File(document.clone()), table: description.base.clone() };
        let Split { name, seed, chips, ablate: _, chip, config: config_layers } = split(&[layer])?;
        let name = name.ok_or_else(|| {
            let problem = "the sweep names no study; write study = \"NAME\"";
            StudyError::from(document.locate(SettingError::value("", problem)))
        })?;
        let study = find(studies, &name)?;
        let schema = study.schema();
        let mut config = to_table(&study.config(Effort::Quick)?);
        for layer in &config_layers {
            overlay::merge(&schema, &mut config, &layer.table)
                .map_err(|e| layer.origin.locate(e, "config"))?;
        }
        let read = Reading { inputs, read: Mutex::default() };
        let names_chip = description.axes.iter().flat_map(|a| &a.parts).any(|p| p.path == "chip.preset");
        let base = match names_chip {
            true => None,
            false => Some(Base::new(None, None, &chip, &read)?),
        };
        let mut resolver = Self {
            study,
            pruned: Pruned::new(study)?,
            description,
            points,
            files: BTreeMap::new(),
            schema,
            config,
            config_layers,
            chip: base,
            chip_layers: chip,
            seed,
            chips,
        };
        // Whatever any value of an axis names is read once: a plan must hold all of it.
        for (n, axis) in resolver.description.axes.iter().enumerate() {
            for level in 0..axis.levels().unwrap_or(0) {
                let each = |part: &super::axis::Part| part.path.starts_with("chip.");
                if axis.parts.iter().any(each) && axis.parts.iter().any(|p| names_a_file(&p.path)) {
                    let point = resolver.first_at(n, level);
                    resolver.chip_with(point, &read)?;
                }
            }
        }
        resolver.files = read.read.into_inner().unwrap_or_default();
        Ok(resolver)
    }

    /// The files that were read.
    pub(crate) fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    /// The first point at a level of an axis.
    fn first_at(&self, axis: usize, level: usize) -> usize {
        let wanted = super::design::At::Level(level as u32);
        (0..self.points.len()).find(|point| self.points.at(*point, axis) == wanted).unwrap_or(0)
    }

    /// The layers that a point lays over a `section` of the request.
    fn layers(&self, point: usize, section: &str) -> Vec<Layer> {
        let axes = self.description.axes.iter().enumerate();
        let parts = axes.flat_map(|(n, axis)| {
            let at = self.points.at(point, n);
            axis.parts.iter().filter_map(move |part| part.layer(at, section, &self.description.document))
        });
        parts.collect()
    }

    /// What stands for a point in `section`: equal for equal settings.
    pub(crate) fn key(&self, point: usize, section: &str) -> Vec<u64> {
        let axes = self.description.axes.iter().enumerate();
        let within = |path: &str| path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
        let axes = axes.filter(|(_, axis)| axis.parts.iter().any(|part| within(&part.path)));
        axes.map(|(n, _)| self.points.at(point, n).bits()).collect()
    }

    /// A point's configuration.
    pub(crate) fn config(&self, point: usize) -> Result<Value, StudyError> {
        let own = self.layers(point, "config");
        let mut config = self.config.clone();
        for layer in &own {
            let merged = overlay::merge(&self.schema, &mut config, &layer.table);
            merged.map_err(|e| self.at(point, layer.origin.locate(e, "config")))?;
        }
        let wrong = |e: SettingError| {
            let all: Vec<Layer> = self.config_layers.iter().cloned().chain(own.iter().cloned()).collect();
            self.at(point, blame(&all, e, "config"))
        };
        // Read once all are there, since one setting may need another.
        let config = self.study.read(config).map_err(|e| wrong(*e))?;
        self.study.check(&config).map_err(|e| wrong(*e))?;
        Ok(config)
    }

    /// A point's chip, and which settings were made of it.
    pub(crate) fn chip(&self, point: usize) -> Result<(ChipSpec, Vec<Made>), StudyError> {
        self.chip_with(point, &Kept { files: &self.files, inputs: None })
    }

    fn chip_with(&self, point: usize, inputs: &dyn Inputs) -> Result<(ChipSpec, Vec<Made>), StudyError> {
        let own = self.layers(point, "chip");
        let read = || match &self.chip {
            Some(base) => {
                let mut base = base.clone();
                for layer in own {
                    base.lay(layer, inputs)?;
                }
                base.read()
            }
            None => {
                let all: Vec<Layer> = self.chip_layers.iter().cloned().chain(own).collect();
                Base::new(None, None, &all, inputs)?.read()
            }
        };
        read().map_err(|e| self.at(point, e))
    }

    /// A point's seed.
    pub(crate) fn seed(&self, point: usize) -> Result<u64, StudyError> {
        Ok(self.whole(point, "seed")?.unwrap_or(self.seed))
    }

    /// How many chips a point simulates.
    pub(crate) fn chips(&self, point: usize) -> Result<usize, StudyError> {
        let chips = self.whole(point, "chips")?.or(self.chips);
        check_chips(chips.unwrap_or(self.study.chips(Effort::Quick) as u64)).map_err(|e| self.at(point, e))
    }

    fn whole(&self, point: usize, path: &str) -> Result<Option<u64>, StudyError> {
        for (n, axis) in self.description.axes.iter().enumerate() {
            if let Some(part) = axis.parts.iter().find(|part| part.path == path) {
                let at = self.points.at(point, n);
                let origin = part.origin(at, &self.description.document);
                let layer = Layer { origin, table: Table::new() };
                return layer.whole(path, &part.value(at)).map(Some).map_err(|e| self.at(point, e));
            }
        }
        Ok(None)
    }

    /// A point as a request. Settings that have no effect at it are left out of those that must have one, where the sweep
    /// allows them.
    pub(crate) fn request(&self, point: usize) -> Result<Request, StudyError> {
        let config = self.config(point)?;
        let (chip, mut chip_settings) = self.chip(point)?;
        if self.description.options.idle == Idle::Allow {
            let effects = Effects::of(self.study, &config)?;
            let idle = idle(self.study.name(), effects, &chip, &chip_settings);
            for (n, _) in idle.into_iter().rev() {
                chip_settings.remove(n);
            }
        }
        Ok(Request {
            study: self.study.name().to_string(),
            chip,
            config,
            seed: self.seed(point)?,
            chips: self.chips(point)?,
            ablate: false,
            chip_settings,
            command: None,
        })
    }

    /// A point in words: its axes' values.
    pub(crate) fn words(&self, point: usize) -> String {
        let axes = self.description.axes.iter().enumerate();
        let value = |(n, axis): (usize, &super::axis::Axis)| {
            format!("{} = {}", axis.label, axis.shown(self.points.at(point, n)))
        };
        axes.map(value).collect::<Vec<_>>().join(", ")
    }

    /// The error, with the point that it is about.
    pub(crate) fn at(&self, point: usize, error: StudyError) -> StudyError {
        let words = format!(" (point {point}: {})", self.words(point));
        match error {
            // A name that is wrong is so at every point.
            StudyError::Setting(error) if names(&error) => StudyError::Setting(error),
            StudyError::Setting(mut error) => {
                error.message.push_str(&words);
                StudyError::Setting(error)
            }
            StudyError::Invalid(text) => StudyError::Invalid(text + &words),
            other => other,
        }
    }
}

/// Whether an error is about the name of a setting, rather than its value.
fn names(error: &SettingError) -> bool {
    let last = error.path.rsplit('.').next().unwrap_or_default();
    !error.allowed.is_empty() && error.message.contains(&format!("`{last}`"))
}

/// Whether values of a setting may be the names of files that are read when it is resolved.
fn names_a_file(path: &str) -> bool {
    matches!(path, "chip.preset" | "chip.device" | "chip.device.preset")
}

/// Reads, and keeps what was read.
struct Reading<'a> {
    inputs: &'a dyn Inputs,
    read: Mutex<BTreeMap<String, String>>,
}

impl Inputs for Reading<'_> {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, StudyError> {
        let bytes = self.inputs.bytes(path)?;
        if let (Ok(text), Ok(mut read)) = (std::str::from_utf8(&bytes), self.read.lock()) {
            read.insert(path.to_string(), text.to_string());
        }
        Ok(bytes)
    }
    fn beside(&self, path: &str, name: &str) -> Result<Vec<u8>, StudyError> {
        self.inputs.beside(path, name)
    }
    fn dataset(&self, source: &str, limits: Limits, watch: &dyn Watch) -> Result<Dataset, StudyError> {
        self.inputs.dataset(source, limits, watch)
    }
}

/// Files that were kept when the sweep was planned, before those of the disk.
pub(crate) struct Kept<'a> {
    pub files: &'a BTreeMap<String, String>,
    pub inputs: Option<&'a dyn Inputs>,
}

impl Kept<'_> {
    fn inputs(&self, path: &str) -> Result<&dyn Inputs, StudyError> {
        let problem = "the plan does not hold it";
        self.inputs.ok_or_else(|| StudyError::Read { path: path.into(), problem: problem.into() })
    }
}

impl Inputs for Kept<'_> {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, StudyError> {
        match self.files.get(path) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => self.inputs(path)?.bytes(path),
        }
    }
    fn beside(&self, path: &str, name: &str) -> Result<Vec<u8>, StudyError> {
        self.inputs(path)?.beside(path, name)
    }
    fn dataset(&self, source: &str, limits: Limits, watch: &dyn Watch) -> Result<Dataset, StudyError> {
        self.inputs(source)?.dataset(source, limits, watch)
    }
}

impl<'s> Resolver<'s> {
    /// The resolver of a plan that was made earlier, from the files that it holds.
    pub(crate) fn again(
        description: Description,
        files: &BTreeMap<String, String>,
        studies: &[&'s dyn AnyStudy],
    ) -> Result<Self, StudyError> {
        Self::new(description, studies, &Kept { files, inputs: None })
    }

    /// The document of the sweep's file.
    pub(crate) fn document(&self) -> &Arc<overlay::Document> {
        &self.description.document
    }
}
