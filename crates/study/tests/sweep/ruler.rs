//! A study that reads a file, and files that count how often they are read.

use std::collections::BTreeMap;
use std::sync::Mutex;

use neurohm_array::{ChipSpec, SettingError};
use neurohm_data::{Dataset, Limits};
use neurohm_num::{Purpose, Watch};
use neurohm_study::record::Better;
use neurohm_study::{Inputs, Outcome, Run, Study, StudyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Error = scale x output noise + offset + luck x a normal draw of the chip's key; speed = 1 / output noise.
pub struct Ruler;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulerConfig {
    pub luck: f64,
    pub offset: f64,
    /// The file that holds the scale; 1 without one.
    pub file: Option<String>,
    pub breaks: Breaks,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Breaks {
    Not,
    ByError,
    ByPanic,
    /// Gives a number that is none.
    ByNothing,
}

impl Default for RulerConfig {
    fn default() -> Self {
        Self { luck: 0.001, offset: 0.0, file: None, breaks: Breaks::Not }
    }
}

impl Study for Ruler {
    const NAME: &'static str = "ruler";
    const REVISION: u32 = 2;
    type Config = RulerConfig;
    type Shared = f64;

    fn title(&self) -> &'static str {
        "Ruler"
    }
    fn about(&self) -> &'static str {
        "Adds noises up."
    }
    fn merit(&self) -> &'static str {
        "error"
    }
    fn target(&self, _merit: &str, _ideal: f64) -> f64 {
        0.05
    }
    fn uses(&self, _config: &RulerConfig) -> &'static [&'static str] {
        &["input_noise", "output_noise", "drift_compensation", "device"]
    }
    fn full(&self) -> RulerConfig {
        RulerConfig::default()
    }
    fn smoke(&self) -> RulerConfig {
        RulerConfig::default()
    }
    fn prepares_by_seed(&self) -> bool {
        false
    }
    fn check(&self, c: &RulerConfig) -> Result<(), SettingError> {
        if c.luck < 0.0 { Err(SettingError::value("luck", "luck is below zero")) } else { Ok(()) }
    }
    fn work(&self, _c: &RulerConfig, _shared: &f64, _chip: &ChipSpec, _merit_only: bool) -> u64 {
        1
    }
    fn prepare(&self, c: &RulerConfig, inputs: &dyn Inputs, _run: &Run<'_>) -> Result<f64, StudyError> {
        let Some(file) = &c.file else { return Ok(1.0) };
        let text = String::from_utf8(inputs.bytes(file)?).unwrap_or_default();
        text.trim().parse().map_err(|_| StudyError::Invalid(format!("{file} holds no number: {text:?}")))
    }
    fn trial(
        &self,
        c: &RulerConfig,
        shared: &f64,
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError> {
        run.step(1)?;
        let nothing = match c.breaks {
            Breaks::ByError if chip.output_noise > 0.015 => {
                return Err(StudyError::Invalid("the ruler broke".into()));
            }
            Breaks::ByPanic if chip.output_noise > 0.015 => panic!("the ruler burst"),
            Breaks::ByNothing => f64::NAN,
            _ => 0.0,
        };
        let draw = f64::from(run.key.stream(Purpose::Data, 0).normal(0));
        let mut out = Outcome::default();
        let error = shared * chip.output_noise + c.offset + c.luck * draw + nothing;
        out.measure("error", error, "1", Some(Better::Lower), "the error");
        out.measure("speed", 1.0 / chip.output_noise, "1/s", Some(Better::Higher), "the speed");
        out.exact("size", 3.0, "1", "the size");
        Ok(out)
    }
}

/// Files in memory.
#[derive(Default)]
pub struct Files {
    pub files: BTreeMap<String, String>,
    pub read: Mutex<BTreeMap<String, usize>>,
}

impl Files {
    pub fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        let files = files.map(|(name, text)| (name.to_string(), text.to_string())).into();
        Self { files, ..Self::default() }
    }

    /// How often a file was read.
    pub fn reads(&self, name: &str) -> usize {
        self.read.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

impl Inputs for Files {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, StudyError> {
        *self.read.lock().unwrap().entry(path.to_string()).or_default() += 1;
        match self.files.get(path) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => Err(StudyError::Read { path: path.into(), problem: "no such file".into() }),
        }
    }
    fn beside(&self, path: &str, _name: &str) -> Result<Vec<u8>, StudyError> {
        self.bytes(path)
    }
    fn dataset(&self, _source: &str, _limits: Limits, _watch: &dyn Watch) -> Result<Dataset, StudyError> {
        Err(StudyError::Invalid("there are no data".into()))
    }
}
