//! The report card: every study on one device.

use neurohm_num::Watch;

use crate::engine::{Finding, carry_out};
use crate::error::StudyError;
use crate::inputs::Inputs;
use crate::request::{Draft, to_table};
use crate::study::{AnyStudy, Effort};

/// What was found.
#[derive(Clone, Debug)]
pub struct Card {
    /// A finding a study, in the order of the studies.
    pub findings: Vec<Finding>,
}

impl From<Finding> for Card {
    /// A single finding.
    fn from(finding: Finding) -> Self {
        Self { findings: vec![finding] }
    }
}

impl Card {
    /// What is missing, where somebody stopped the run; every record says it.
    pub fn cut_short(&self) -> Option<&str> {
        self.findings.iter().find_map(|finding| finding.record.cut_short.as_deref())
    }

    /// Says in every record what is missing of all `studies`, if anything is.
    fn say_what_is_missing(&mut self, studies: &[&dyn AnyStudy]) {
        let last = self.findings.last().map(|finding| &finding.record);
        let within = last.and_then(|r| Some(format!("{}: {}", r.title, r.cut_short.as_ref()?)));
        let (done, all) = (self.findings.len(), studies.len());
        let not_run: Vec<&str> = studies.iter().skip(done).map(|study| study.title()).collect();
        let behind = (done < all).then(|| {
            format!("The card was cut short with {done} of {all} studies. Not run: {}.", not_run.join(", "))
        });
        let text = within.into_iter().chain(behind).collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return;
        }
        for Finding { record, .. } in &mut self.findings {
            match &mut record.cut_short {
                // Its own note is there already.
                Some(own) => own.clone_from(&text),
                None => record.cut_short_with(text.clone()),
            }
        }
    }
}

/// Runs every study of `studies` as `draft` asks (its `device`, `effort`, `seed`; its `study` is ignored).
/// All requests are resolved before the first one runs, so that a wrong one costs nothing.
///
/// An error from `watch.step` ends the run. What was finished until then comes back, see [`execute`](crate::execute);
/// [`StudyError::Cancelled`] says that nothing was.
pub fn score(
    studies: &[&dyn AnyStudy],
    draft: &Draft,
    inputs: &dyn Inputs,
    watch: &dyn Watch,
) -> Result<Card, StudyError> {
    let resolved = studies.iter().map(|study| {
        let mut draft = Draft { study: Some(study.name().to_string()), ..draft.clone() };
        if draft.effort == Effort::Quick {
            draft.config.insert(0, ("the report card".into(), to_table(&study.of_a_card()?)));
            // A row that asks of one non-ideality alone is kept short, so that a card takes seconds.
            draft.chips = draft.chips.or((!study.ablates()).then_some(2));
        }
        draft.resolve(studies, inputs)
    });
    let resolved: Vec<_> = resolved.collect::<Result<_, _>>()?;
    let mut card = Card { findings: Vec::new() };
    for (study, request) in &resolved {
        let compare = draft.effort != Effort::Quick || study.ablates();
        match carry_out(*study, request, inputs, watch, compare) {
            Ok(finding) => card.findings.push(finding),
            Err(StudyError::Cancelled) if !card.findings.is_empty() => break,
            Err(error) => return Err(error),
        }
        if card.cut_short().is_some() {
            break;
        }
    }
    card.say_what_is_missing(studies);
    Ok(card)
}
