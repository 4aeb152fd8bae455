//! The report card: every study on one device.

use neurohm_num::Watch;

use crate::engine::{Finding, execute};
use crate::error::StudyError;
use crate::inputs::Inputs;
use crate::request::Draft;
use crate::study::AnyStudy;

/// What was found, and whether it is all that was asked for.
#[derive(Clone, Debug)]
pub struct Card {
    /// A finding a study, in the order of the studies.
    pub findings: Vec<Finding>,
    /// What is missing, where somebody stopped the run.
    pub cut_short: Option<String>,
}

impl From<Finding> for Card {
    /// A single finding.
    fn from(finding: Finding) -> Self {
        Self { cut_short: finding.cut_short.clone(), findings: vec![finding] }
    }
}

/// Runs every study of `studies` as `draft` asks (its `device`, `effort`, `seed`; its `study` is ignored).
/// All requests are resolved before the first one runs, so that a wrong one costs nothing.
///
/// An error from `watch.step` ends the run. What was finished until then comes back, see [`execute`];
/// [`StudyError::Cancelled`] says that nothing was.
pub fn score(
    studies: &[&dyn AnyStudy],
    draft: &Draft,
    inputs: &dyn Inputs,
    watch: &dyn Watch,
) -> Result<Card, StudyError> {
    let resolved = studies.iter().map(|study| {
        let draft = Draft { study: Some(study.name().to_string()), ..draft.clone() };
        draft.resolve(studies, inputs)
    });
    let resolved: Vec<_> = resolved.collect::<Result<_, _>>()?;
    let mut card = Card { findings: Vec::new(), cut_short: None };
    for (study, request) in &resolved {
        match execute(*study, request, inputs, watch) {
            Ok(finding) => card.findings.push(finding),
            Err(StudyError::Cancelled) if !card.findings.is_empty() => {
                let (done, all) = (card.findings.len(), resolved.len());
                card.cut_short = Some(format!("The run was cut short after {done} of {all} studies."));
                return Ok(card);
            }
            Err(error) => return Err(error),
        }
        if let Some(text) = card.findings.last().and_then(|f| f.cut_short.as_ref()) {
            card.cut_short = Some(format!("{}: {text}", study.title()));
            return Ok(card);
        }
    }
    Ok(card)
}
