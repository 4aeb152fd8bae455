//! The report card: every study on one device.

use neurohm_num::Watch;

use crate::engine::{Finding, execute};
use crate::error::StudyError;
use crate::inputs::Inputs;
use crate::request::Draft;
use crate::study::AnyStudy;

/// Runs every study of `studies` as `draft` asks (its `device`, `effort`, `seed`; its `study` is ignored).
/// All requests are resolved before the first one runs, so that a wrong one costs nothing.
pub fn score(
    studies: &[&dyn AnyStudy],
    draft: &Draft,
    inputs: &dyn Inputs,
    watch: &dyn Watch,
) -> Result<Vec<Finding>, StudyError> {
    let resolved = studies.iter().map(|study| {
        let draft = Draft { study: Some(study.name().to_string()), ..draft.clone() };
        draft.resolve(studies, inputs)
    });
    let resolved: Vec<_> = resolved.collect::<Result<_, _>>()?;
    resolved.iter().map(|(study, request)| execute(*study, request, inputs, watch)).collect()
}
