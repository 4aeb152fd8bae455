//! Any text as a request (`neurohm run FILE.toml`): an error that can be shown, or a request whose description is
//! written and resolves to the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurohm_data::{Dataset, Limits};
use neurohm_num::Watch;
use neurohm_studies::REGISTRY;
use neurohm_study::{Draft, Inputs, StudyError};

/// A disk without files: what a request names must not be looked for on this one.
struct Nothing;

impl Inputs for Nothing {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, StudyError> {
        Err(StudyError::Read { path: path.into(), problem: "there are no files here".into() })
    }
    fn beside(&self, _path: &str, name: &str) -> Result<Vec<u8>, StudyError> {
        self.bytes(name)
    }
    fn dataset(&self, source: &str, _limits: Limits, _watch: &dyn Watch) -> Result<Dataset, StudyError> {
        Err(StudyError::Read { path: source.into(), problem: "there are no data here".into() })
    }
}

fn draft(text: &str) -> Draft {
    Draft { document: Some((text.to_string(), "fuzz.toml".to_string())), ..Draft::default() }
}

fuzz_target!(|text: &str| {
    match draft(text).resolve(REGISTRY, &Nothing) {
        Ok((_, request)) => {
            let written = request.description().expect("a resolved request can be written");
            let (_, again) =
                draft(&written).resolve(REGISTRY, &Nothing).expect("what was written can be read");
            assert_eq!(again.description().expect("it can be written again"), written);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
