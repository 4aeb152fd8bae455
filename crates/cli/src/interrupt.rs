//! Ctrl-C and termination: the first asks the work to stop at its next step, the second stops it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens for interrupts from now on.
pub fn listen() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            // The shell's convention for a process ended by an interrupt; files are written under temporary
            // names, so nothing half-written takes the place of a result.
            std::process::exit(130);
        }
    })
    .map_err(|e| Failure::failed(format!("cannot listen for interrupts: {e}")))
}

/// Whether somebody asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
