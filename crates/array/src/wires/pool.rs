//! Buffers that are used again: returning large ones to the system and asking for them again costs more than what is
//! computed in them.

use std::sync::{Mutex, PoisonError};

/// Buffers that wait for their next use.
pub(super) struct Pool<T> {
    free: Mutex<Vec<Vec<T>>>,
    zero: T,
}

impl<T: Copy> Pool<T> {
    pub(super) fn new(zero: T) -> Self {
        Self { free: Mutex::new(Vec::new()), zero }
    }

    /// A buffer of at least so many values, whatever they are, and of few more.
    pub(super) fn take(&self, len: usize) -> Vec<T> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = free.iter().enumerate().filter(|(_, b)| (len..=len + len / 4 + 64).contains(&b.len()));
        let best = fits.min_by_key(|(_, b)| b.len()).map(|(place, _)| place);
        let found = best.map(|place| free.swap_remove(place));
        drop(free);
        found.unwrap_or_else(|| vec![self.zero; len])
    }

    /// Takes a buffer back.
    pub(super) fn give(&self, buffer: Vec<T>) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}
