//! A study whose every number can be worked out by hand.

use neurohm_array::{ChipSpec, SettingError};
use neurohm_num::Purpose;
use neurohm_study::record::{Axis, Better, Line, Series};
use neurohm_study::{Inputs, Outcome, Run, Study, StudyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Error = 2 output noise + input noise + luck times a normal draw of the chip's key.
pub struct Toy;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToyConfig {
    pub luck: f64,
    pub steps: u32,
    pub target: f64,
    pub fail_on: Option<u64>,
    pub law: Law,
    pub list: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Law {
    Plain {},
    Doubled { by: f64, twice: bool },
}

impl Default for ToyConfig {
    fn default() -> Self {
        Self { luck: 0.001, steps: 3, target: 0.05, fail_on: None, law: Law::Plain {}, list: vec![] }
    }
}

impl Study for Toy {
    const NAME: &'static str = "toy";
    const REVISION: u32 = 4;
    type Config = ToyConfig;
    type Shared = f64;

    fn title(&self) -> &'static str {
        "Toy"
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
    fn uses(&self, _config: &ToyConfig) -> &'static [&'static str] {
        &["input_noise", "output_noise"]
    }
    fn full(&self) -> ToyConfig {
        ToyConfig { steps: 30, ..ToyConfig::default() }
    }
    fn smoke(&self) -> ToyConfig {
        ToyConfig { steps: 1, ..ToyConfig::default() }
    }
    fn check(&self, c: &ToyConfig) -> Result<(), SettingError> {
        if c.steps == 0 { Err(SettingError::value("steps", "steps = 0 does nothing")) } else { Ok(()) }
    }
    fn work(&self, c: &ToyConfig, _shared: &f64, _chip: &ChipSpec, _merit_only: bool) -> u64 {
        u64::from(c.steps)
    }
    fn prepare(&self, c: &ToyConfig, _inputs: &dyn Inputs, _run: &Run<'_>) -> Result<f64, StudyError> {
        Ok(match c.law {
            Law::Plain {} => 1.0,
            Law::Doubled { by, twice } => {
                if twice {
                    by * by
                } else {
                    by
                }
            }
        })
    }
    fn trial(
        &self,
        c: &ToyConfig,
        shared: &f64,
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError> {
        if c.fail_on == Some(run.chip) {
            return Err(StudyError::Invalid(format!("chip {} broke", run.chip)));
        }
        for _ in 0..c.steps {
            run.step(1)?;
        }
        let draw = f64::from(run.key.stream(Purpose::Data, 0).normal(0));
        let error = shared * (2.0 * chip.output_noise + chip.input_noise) + c.luck * draw;
        let mut out = Outcome::default();
        out.measure("error", error, "1", Some(Better::Lower), "the error");
        out.exact("steps", f64::from(c.steps), "1", "steps taken");
        out.tally.insert("draws".to_string(), 1.0);
        let line = Line::new("a", vec![1.0], vec![error]);
        out.series.push(Series {
            name: "line".into(),
            caption: String::new(),
            x: Axis::linear("x", "1"),
            y: Axis::linear("y", "1"),
            lines: vec![line],
        });
        Ok(out)
    }
}
