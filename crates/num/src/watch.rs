//! How long work reports its progress and learns that it should stop.

/// The work was told to stop; what was finished stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// Watches long work from outside. Takes `&self`, so that threads share it.
pub trait Watch: Sync {
    /// Reports `done` more units of work; an error asks the caller to stop and return it.
    fn step(&self, done: u64) -> Result<(), Cancelled>;

    /// Announces what follows, `total` units of it where that is known: a progress bar's title.
    fn begin(&self, _what: &str, _total: Option<u64>) {}
}

/// Never stops and shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn step(&self, _done: u64) -> Result<(), Cancelled> {
        Ok(())
    }
}

/// Passes on that work is to stop, and nothing of its progress: for parts that count in units of their own.
#[derive(Clone, Copy)]
pub struct Silent<'a>(pub &'a dyn Watch);

impl Watch for Silent<'_> {
    fn step(&self, _done: u64) -> Result<(), Cancelled> {
        self.0.step(0)
    }
}
