//! Engines spread the chunks of a sweep over machines, or over the threads of this one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use neurohm_num::Watch;
use rayon::prelude::*;

use super::results;
use super::status::Status;
use super::work::Job;
use crate::error::StudyError;
use crate::run::Halting;

/// What carries chunks out.
///
/// An engine is handed the chunks that are open. It may do them in any order, anywhere, more than once and at the same time as
/// another engine: a chunk is done by [`Job::chunk`] in this process, or by `neurohm sweep work DIR --chunk N` in another, and
/// both find out by themselves what is done already. It returns once all were tried, with an error where results cannot be
/// written or somebody asked to stop. What was done is read from the folder afterwards, never from the engine.
pub trait Engine {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Carries the chunks out; `watch` is told of every point.
    ///
    /// # Errors
    /// What keeps all further work from being done.
    fn carry_out(&self, job: &Job<'_>, chunks: &[usize], watch: &dyn Watch) -> Result<(), StudyError>;
}

/// Threads of this process, as many as rayon has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl Engine for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn carry_out(&self, job: &Job<'_>, chunks: &[usize], watch: &dyn Watch) -> Result<(), StudyError> {
        let next = AtomicUsize::new(0);
        let halting = Halting { inner: watch, halt: AtomicBool::new(false) };
        let reason: Mutex<Option<StudyError>> = Mutex::new(None);
        let work = || {
            while !halting.halt.load(Ordering::Relaxed) {
                let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let Err(error) = job.chunk(*chunk, &halting) else { continue };
                halting.halt.store(true, Ordering::Relaxed);
                if let Ok(mut reason) = reason.lock() {
                    // Work that was stopped because other work failed is not the reason.
                    if reason.is_none() || matches!(*reason, Some(StudyError::Cancelled)) {
                        *reason = Some(error);
                    }
                }
            }
        };
        // Threads of their own, that wait for rayon's: a thread of the pool which waits for a preparation could be the one
        // that the preparation waits for.
        let threads = rayon::current_num_threads().min(chunks.len());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        reason.into_inner().unwrap_or_default().map_or(Ok(()), Err)
    }
}

/// Carries out what is open of a sweep, and says what there is then.
///
/// # Errors
/// What the engine reports; what was finished stays.
pub fn run(engine: &dyn Engine, job: &Job<'_>, watch: &dyn Watch) -> Result<Status, StudyError> {
    let plan = job.plan();
    results::clear(&results::strays(job.dir(), &|_| true)?);
    let open = |chunk: usize| Ok(job.is_open(chunk)?.then_some(chunk));
    let open: Result<Vec<Option<usize>>, StudyError> = (0..plan.chunks()).into_par_iter().map(open).collect();
    let mut open: Vec<usize> = open?.into_iter().flatten().collect();
    if !open.is_empty() {
        job.prepare(watch)?;
        let points = open.iter().map(|chunk| plan.of_chunk(*chunk).len()).sum::<usize>();
        let what = format!("sweep of {}, {points} of {} points", plan.study().name(), plan.points());
        watch.begin(&what, Some(points as u64));
        // Two runs at once begin in different places, and meet what the other has done.
        let start = std::process::id() as usize * 0x9e37_79b1 % open.len();
        open.rotate_left(start);
        engine.carry_out(job, &open, watch)?;
    }
    Status::of(plan, job.dir())
}
