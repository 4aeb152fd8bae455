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
    /// What is missing, where somebody stopped the run; every record says it too.
    pub cut_short: Option<String>,
}

impl From<Finding> for Card {
    /// A single finding.
    fn from(finding: Finding) -> Self {
        Self { cut_short: finding.record.cut_short.clone(), findings: vec![finding] }
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
    let mut findings = Vec::new();
    let mut cut_short = None;
    for (study, request) in &resolved {
        match execute(*study, request, inputs, watch) {
            Ok(finding) => findings.push(finding),
            Err(StudyError::Cancelled) if !findings.is_empty() => cut_short = Some(String::new()),
            Err(error) => return Err(error),
        }
        let last = findings.last().and_then(|f: &Finding| f.record.cut_short.as_ref());
        if let Some(text) = last {
            cut_short = Some(format!("{}: {text} ", study.title()));
        }
        if let Some(text) = &mut cut_short {
            let missing: Vec<&str> = studies.iter().skip(findings.len()).map(|study| study.title()).collect();
            if !missing.is_empty() {
                let (done, all) = (findings.len(), resolved.len());
                *text += &format!(
                    "The card was cut short with {done} of {all} studies. Not run: {}.",
                    missing.join(", ")
                );
            }
            break;
        }
    }
    if let Some(text) = cut_short.as_mut() {
        *text = text.trim_end().to_string();
        for Finding { record, .. } in &mut findings {
            match &mut record.cut_short {
                // Its own note is there already.
                Some(own) => own.clone_from(text),
                None => record.cut_short_with(text.clone()),
            }
        }
    }
    Ok(Card { findings, cut_short })
}
