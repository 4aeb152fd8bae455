//! What a study is, and its object-safe face that the engine and the registry hold.

use neurohm_array::{ChipSpec, SettingError};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::StudyError;
use crate::inputs::Inputs;
use crate::outcome::Outcome;
use crate::record::Better;
use crate::run::Run;

/// How thorough a run is: which of a study's configurations it starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// Seconds: what `score` runs unless told otherwise. The configuration's defaults.
    #[default]
    Quick,
    /// Everything, at the sizes of a publication.
    Full,
    /// As little as still exercises every part: for tests.
    Smoke,
}

/// An application of memristors that can be simulated and judged. One file in `neurohm-studies`, one line
/// in its registry; the engine does chips, intervals, the ideal value, ablation and ids.
pub trait Study: Sync {
    /// Name on the command line.
    const NAME: &'static str;
    /// Raised whenever method or defaults change what a description means.
    const REVISION: u32;
    /// What can be configured. Its `Default` is the quick configuration, and what ids are pruned by.
    type Config: Serialize + DeserializeOwned + Default + JsonSchema + Clone + Send + Sync;
    /// What all chips share (data, trained networks, digital references).
    type Shared: Send + Sync;

    /// Title, for people.
    fn title(&self) -> &'static str;
    /// What the study asks and how it answers, a paragraph.
    fn about(&self) -> &'static str;
    /// The scalar that stands for the study in a report card.
    fn merit(&self) -> &'static str;
    /// The scalar that stands for this run of it, where that depends on the data.
    fn merit_of(&self, _config: &Self::Config, _shared: &Self::Shared) -> &'static str {
        self.merit()
    }
    /// What `merit` must reach, given its value on ideal devices.
    fn target(&self, merit: &str, ideal: f64) -> f64;
    /// The chip's sections that can matter under `config`; a setting in another one is refused.
    fn uses(&self, config: &Self::Config) -> &'static [&'static str];
    /// Settings within these sections that change nothing here, by path, each with the reason.
    fn idle(&self, _config: &Self::Config) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// The configuration of a thorough run.
    fn full(&self) -> Self::Config;
    /// The least that exercises every part.
    fn smoke(&self) -> Self::Config;
    /// The configuration of a quick report card's row, where that is a smaller one than a quick run's.
    fn of_a_card(&self) -> Self::Config {
        Self::Config::default()
    }
    /// Whether switching non-idealities off in turn tells anything.
    fn ablates(&self) -> bool {
        true
    }
    /// Whether `prepare` draws from the key of its run. A study that says no is given the same key for every seed, and a
    /// sweep over seeds prepares once.
    fn prepares_by_seed(&self) -> bool {
        true
    }
    /// Chips that are simulated where the request does not say.
    fn chips(&self, effort: Effort) -> usize {
        match effort {
            Effort::Smoke => 2,
            Effort::Quick => 5,
            Effort::Full => 10,
        }
    }
    /// What is wrong with a configuration that has the right types: a setting's path, and words.
    fn check(&self, _config: &Self::Config) -> Result<(), SettingError> {
        Ok(())
    }
    /// The longest time after programming at which devices are read, in s; the record says where the
    /// device's model is extrapolated.
    fn horizon_s(&self, _config: &Self::Config) -> Option<f64> {
        None
    }
    /// Whether all chips like `chip` give the same outcome, so that one is enough.
    fn deterministic(&self, _config: &Self::Config, _chip: &ChipSpec) -> bool {
        false
    }
    /// Units of work that a trial reports through `Run::step`; fewer, perhaps, if `merit_only`.
    fn work(&self, config: &Self::Config, shared: &Self::Shared, chip: &ChipSpec, merit_only: bool) -> u64;
    /// Prepares what all chips share.
    fn prepare(
        &self,
        config: &Self::Config,
        inputs: &dyn Inputs,
        run: &Run<'_>,
    ) -> Result<Self::Shared, StudyError>;
    /// Simulates one chip.
    fn trial(
        &self,
        config: &Self::Config,
        shared: &Self::Shared,
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError>;
}

/// Trials of a study whose configuration and shared parts are fixed.
pub trait Trials: Send + Sync {
    /// Units of work in a trial on `chip`.
    fn work(&self, chip: &ChipSpec, merit_only: bool) -> u64;
    /// Simulates one chip.
    fn trial(&self, chip: &ChipSpec, run: &Run<'_>) -> Result<Outcome, StudyError>;
    /// Whether all chips like `chip` give the same outcome.
    fn deterministic(&self, chip: &ChipSpec) -> bool;
    /// The scalar that stands for this run.
    fn merit(&self) -> &'static str;
}

/// A study behind an object-safe face; every [`Study`] has one.
pub trait AnyStudy: Sync {
    /// Name on the command line.
    fn name(&self) -> &'static str;
    /// Revision of method and defaults.
    fn revision(&self) -> u32;
    /// Title, for people.
    fn title(&self) -> &'static str;
    /// What the study asks, a paragraph.
    fn about(&self) -> &'static str;
    /// The scalar that stands for the study.
    fn merit(&self) -> &'static str;
    /// What `merit` must reach, given its value on ideal devices.
    fn target(&self, merit: &str, ideal: f64) -> f64;
    /// The configuration of a quick report card's row, as JSON.
    fn of_a_card(&self) -> Result<Value, StudyError>;
    /// Whether switching non-idealities off in turn tells anything.
    fn ablates(&self) -> bool;
    /// Whether `prepare` draws from the key of its run.
    fn prepares_by_seed(&self) -> bool;
    /// Chips that are simulated where the request does not say.
    fn chips(&self, effort: Effort) -> usize;
    /// JSON Schema of the configuration.
    fn schema(&self) -> Value;
    /// The configuration of an effort, as JSON.
    fn config(&self, effort: Effort) -> Result<Value, StudyError>;
    /// A configuration from its table, which must be complete.
    fn read(&self, config: toml::Table) -> Result<Value, Box<SettingError>>;
    /// What is wrong with a configuration.
    fn check(&self, config: &Value) -> Result<(), Box<SettingError>>;
    /// The chip's sections that can matter.
    fn uses(&self, config: &Value) -> Result<&'static [&'static str], StudyError>;
    /// Settings within these sections that change nothing here, by path, each with the reason.
    fn idle(&self, config: &Value) -> Result<&'static [(&'static str, &'static str)], StudyError>;
    /// The longest time after programming at which devices are read, in s.
    fn horizon_s(&self, config: &Value) -> Result<Option<f64>, StudyError>;
    /// Prepares trials.
    fn prepare<'a>(
        &'a self,
        config: &Value,
        inputs: &dyn Inputs,
        run: &Run<'_>,
    ) -> Result<Box<dyn Trials + 'a>, StudyError>;
}

struct Prepared<'a, S: Study> {
    study: &'a S,
    config: S::Config,
    shared: S::Shared,
}

impl<S: Study> Trials for Prepared<'_, S> {
    fn work(&self, chip: &ChipSpec, merit_only: bool) -> u64 {
        self.study.work(&self.config, &self.shared, chip, merit_only)
    }
    fn trial(&self, chip: &ChipSpec, run: &Run<'_>) -> Result<Outcome, StudyError> {
        self.study.trial(&self.config, &self.shared, chip, run)
    }
    fn deterministic(&self, chip: &ChipSpec) -> bool {
        self.study.deterministic(&self.config, chip)
    }
    fn merit(&self) -> &'static str {
        self.study.merit_of(&self.config, &self.shared)
    }
}

fn typed<S: Study>(config: &Value) -> Result<S::Config, StudyError> {
    serde_json::from_value(config.clone())
        .map_err(|e| StudyError::Invalid(format!("the configuration of {:?} is wrong: {e}", S::NAME)))
}

impl<S: Study> AnyStudy for S {
    fn name(&self) -> &'static str {
        S::NAME
    }
    fn revision(&self) -> u32 {
        S::REVISION
    }
    fn title(&self) -> &'static str {
        Study::title(self)
    }
    fn about(&self) -> &'static str {
        Study::about(self)
    }
    fn merit(&self) -> &'static str {
        Study::merit(self)
    }
    fn target(&self, merit: &str, ideal: f64) -> f64 {
        Study::target(self, merit, ideal)
    }
    fn of_a_card(&self) -> Result<Value, StudyError> {
        serde_json::to_value(Study::of_a_card(self))
            .map_err(|e| StudyError::Invalid(format!("the configuration of {:?}: {e}", S::NAME)))
    }
    fn ablates(&self) -> bool {
        Study::ablates(self)
    }
    fn prepares_by_seed(&self) -> bool {
        Study::prepares_by_seed(self)
    }
    fn chips(&self, effort: Effort) -> usize {
        Study::chips(self, effort)
    }
    fn schema(&self) -> Value {
        schemars::schema_for!(S::Config).to_value()
    }
    fn config(&self, effort: Effort) -> Result<Value, StudyError> {
        let config = match effort {
            Effort::Quick => S::Config::default(),
            Effort::Full => self.full(),
            Effort::Smoke => self.smoke(),
        };
        serde_json::to_value(config)
            .map_err(|e| StudyError::Invalid(format!("the configuration of {:?}: {e}", S::NAME)))
    }
    fn read(&self, config: toml::Table) -> Result<Value, Box<SettingError>> {
        let config: S::Config = neurohm_array::overlay::read(config)?;
        serde_json::to_value(config).map_err(|e| Box::new(SettingError::value("", e.to_string())))
    }
    fn check(&self, config: &Value) -> Result<(), Box<SettingError>> {
        let config: S::Config =
            serde_json::from_value(config.clone()).map_err(|e| SettingError::value("", e.to_string()))?;
        Ok(Study::check(self, &config)?)
    }
    fn uses(&self, config: &Value) -> Result<&'static [&'static str], StudyError> {
        Ok(Study::uses(self, &typed::<S>(config)?))
    }
    fn idle(&self, config: &Value) -> Result<&'static [(&'static str, &'static str)], StudyError> {
        Ok(Study::idle(self, &typed::<S>(config)?))
    }
    fn horizon_s(&self, config: &Value) -> Result<Option<f64>, StudyError> {
        Ok(Study::horizon_s(self, &typed::<S>(config)?))
    }
    fn prepare<'a>(
        &'a self,
        config: &Value,
        inputs: &dyn Inputs,
        run: &Run<'_>,
    ) -> Result<Box<dyn Trials + 'a>, StudyError> {
        let config = typed::<S>(config)?;
        Study::check(self, &config)?;
        let shared = Study::prepare(self, &config, inputs, run)?;
        Ok(Box::new(Prepared { study: self, config, shared }))
    }
}

/// Whether `a` is better than `b`.
pub(crate) fn better(a: f64, b: f64, direction: Option<Better>) -> bool {
    match direction {
        Some(Better::Lower) => a < b,
        _ => a > b,
    }
}
