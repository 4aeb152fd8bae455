//! What a trial knows of the run that it is part of.

use std::sync::atomic::{AtomicBool, Ordering};

use neurohm_num::{Cancelled, Key, Silent, Watch};

use crate::error::StudyError;

/// A trial's place in its run: which chip it is, where its randomness comes from, and who is watching.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Root of all randomness of this trial: `Key::root(seed).child("chip", chip)`. In `prepare`, the
    /// root of what all chips share: `Key::root(seed).child("shared", 0)`.
    pub key: Key,
    /// Which chip this is, from 0.
    pub chip: u64,
    /// Whether only the merit will be looked at, as in ablation: what fills figures may be left out. The
    /// merit must be the same to the bit: devices are read at the same instants, in the same order.
    pub merit_only: bool,
    watch: &'a dyn Watch,
}

impl<'a> Run<'a> {
    /// A run on `chip` with randomness from `key`, watched by `watch`.
    pub fn new(key: Key, chip: u64, watch: &'a dyn Watch) -> Self {
        Self { key, chip, merit_only: false, watch }
    }

    /// The same run, of which only the merit will be looked at.
    pub fn for_merit(self) -> Self {
        Self { merit_only: true, ..self }
    }

    /// Reports `done` units of the work that `Study::work` announced.
    pub fn step(&self, done: u64) -> Result<(), StudyError> {
        Ok(self.watch.step(done)?)
    }

    /// Announces what follows, in `prepare`.
    pub fn begin(&self, what: &str, total: Option<u64>) {
        self.watch.begin(what, total);
    }

    /// The watch itself, whose units are those of `Study::work`.
    pub fn watch(&self) -> &'a dyn Watch {
        self.watch
    }

    /// A watch for parts that count in units of their own: it cancels them and hides their counting.
    pub fn silent(&self) -> Silent<'a> {
        Silent(self.watch)
    }
}

/// Stops the trials that are still running once one has failed.
pub(crate) struct Halting<'a> {
    pub(crate) inner: &'a dyn Watch,
    pub(crate) halt: AtomicBool,
}

impl Watch for Halting<'_> {
    fn step(&self, done: u64) -> Result<(), Cancelled> {
        if self.halt.load(Ordering::Relaxed) { Err(Cancelled) } else { self.inner.step(done) }
    }
    fn begin(&self, what: &str, total: Option<u64>) {
        self.inner.begin(what, total);
    }
}
