//! What points share: data, networks, digital references. Each is prepared once, and kept while points need it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use neurohm_num::Watch;

use crate::engine::{Prepared, prepare};
use crate::error::StudyError;
use crate::id::hex;
use crate::inputs::Inputs;
use crate::request::Request;
use crate::study::AnyStudy;

/// A preparation, or why there is none: in words, since all points that need it fail for it.
type Made<'s> = Result<Arc<Shared<'s>>, String>;

/// What points share.
pub(crate) struct Shared<'s> {
    /// A digest of what it depends on, but for the files.
    pub id: String,
    pub prepared: Prepared<'s>,
}

/// A place for a preparation; whoever comes first makes it, and the others wait.
type Slot<'s> = Arc<Mutex<Option<Made<'s>>>>;

/// The preparations that are kept.
pub(crate) struct Preparations<'s> {
    study: &'s dyn AnyStudy,
    /// How many are kept: points come in the order of what they share, so a few are enough.
    most: usize,
    /// By what they depend on; the one that was used last stands last.
    slots: Mutex<Vec<(String, Slot<'s>)>>,
}

impl<'s> Preparations<'s> {
    pub(crate) fn new(study: &'s dyn AnyStudy, most: usize) -> Self {
        Self { study, most, slots: Mutex::default() }
    }

    /// What a request needs of preparation; in words why it cannot be had.
    ///
    /// # Errors
    /// [`StudyError::Cancelled`] alone.
    pub(crate) fn of(
        &self,
        request: &Request,
        inputs: &dyn Inputs,
        watch: &dyn Watch,
    ) -> Result<Made<'s>, StudyError> {
        let key = self.key(request);
        let slot = self.slot(&key);
        let mut place = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*place {
            return Ok(made.clone());
        }
        let work = || prepare(self.study, &request.config, request.seed, inputs, watch);
        let made = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Err(StudyError::Cancelled)) => return Err(StudyError::Cancelled),
            Ok(made) => made.map(|made| shared(&key, made)).map_err(|e| in_words(&e)),
            Err(panic) => Err(panicked(panic)),
        };
        *place = Some(made.clone());
        Ok(made)
    }

    /// Prepares what all points share, so that the sweep fails as a single run does where it cannot be had.
    pub(crate) fn of_all(
        &self,
        request: &Request,
        inputs: &dyn Inputs,
        watch: &dyn Watch,
    ) -> Result<(), StudyError> {
        let key = self.key(request);
        let slot = self.slot(&key);
        let mut place = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_none() {
            let made = prepare(self.study, &request.config, request.seed, inputs, watch)?;
            *place = Some(Ok(shared(&key, made)));
        }
        Ok(())
    }

    fn key(&self, request: &Request) -> String {
        let seed = if self.study.prepares_by_seed() { request.seed } else { 0 };
        format!("{seed} {}", request.config)
    }

    fn slot(&self, key: &str) -> Slot<'s> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match slots.iter().position(|(other, _)| other == key) {
            Some(n) => slots.remove(n).1,
            None => Slot::default(),
        };
        slots.push((key.to_string(), slot.clone()));
        if slots.len() > self.most {
            slots.remove(0);
        }
        slot
    }
}

fn shared<'s>(key: &str, prepared: Prepared<'s>) -> Arc<Shared<'s>> {
    Arc::new(Shared { id: hex(key.as_bytes()), prepared })
}

/// An error with those below it that it does not already repeat.
pub(crate) fn in_words(error: &StudyError) -> String {
    let mut text = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(cause) = below {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += &format!(": {cause_text}");
        }
        below = cause.source();
    }
    text
}

/// What a panic said.
pub(crate) fn panicked(panic: Box<dyn std::any::Any + Send>) -> String {
    let said = panic.downcast_ref::<&str>().map(|s| s.to_string());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("the program has a mistake: it stopped at this point with {said:?}; please report it")
}
