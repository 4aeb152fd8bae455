//! What there is of a sweep: an index that is made from the files whenever it is asked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;

use super::plan::Plan;
use super::results::{self, Found};
use crate::error::StudyError;

/// What became of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It is still to be run.
    #[default]
    Open,
    /// It has a result.
    Done,
    /// It was run and failed.
    Failed,
}

impl State {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Done => "done",
            State::Failed => "failed",
        }
    }
}

/// A point that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its number.
    pub point: usize,
    /// Why.
    pub reason: String,
}

/// What there is of a sweep.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// What became of each point.
    pub states: Vec<State>,
    /// Those that failed, by number.
    pub failed: Vec<Failed>,
    /// Chunks that there are.
    pub chunks: usize,
    /// Chunks that have a result.
    pub chunks_done: usize,
    /// Files in the place of results that are none, and why; their chunks are done again.
    pub damaged: Vec<(PathBuf, String)>,
    /// Files among the results that are nothing of this sweep's; nobody looks at them.
    pub foreign: Vec<PathBuf>,
    /// Files that were begun and left behind.
    pub left: Vec<PathBuf>,
    /// Wall time of all points that were run, s; they may have run side by side.
    pub wall_s: f64,
    /// When the latest result was written.
    pub latest: Option<SystemTime>,
    /// Points a second that results of late came at.
    pub rate: Option<f64>,
}

/// Results from which the rate is told.
const LATE: usize = 100;

impl Status {
    /// Looks at the first line of every result of `plan` in `dir`.
    ///
    /// # Errors
    /// A result that cannot be read.
    pub fn of(plan: &Plan<'_>, dir: &Path) -> Result<Self, StudyError> {
        let hashes = &plan.file.chunks;
        let heads: Result<Vec<_>, StudyError> =
            hashes.par_iter().map(|hash| results::head(dir, hash)).collect();
        let mut status =
            Self { states: vec![State::Open; plan.points()], chunks: hashes.len(), ..Self::default() };
        let mut written: Vec<(SystemTime, usize)> = Vec::new();
        for (chunk, head) in heads?.into_iter().enumerate() {
            let (head, at) = match head {
                Found::Nothing => continue,
                Found::Damaged(problem) => {
                    status.damaged.push((results::path(dir, &hashes[chunk]), problem));
                    continue;
                }
                Found::Whole(found) => found,
            };
            let points = plan.of_chunk(chunk);
            status.chunks_done += 1;
            status.wall_s += head.wall_s;
            points.iter().for_each(|point| status.states[*point as usize] = State::Done);
            for (place, reason) in head.failed {
                let Some(point) = points.get(place) else { continue };
                status.states[*point as usize] = State::Failed;
                status.failed.push(Failed { point: *point as usize, reason });
            }
            written.extend(at.map(|at| (at, points.len())));
        }
        status.failed.sort_by_key(|failed| failed.point);
        written.sort_unstable();
        status.latest = written.last().map(|(at, _)| *at);
        let late = &written[written.len().saturating_sub(LATE)..];
        if let [(first, _), rest @ .., last] = late
            && let Ok(span) = last.0.duration_since(*first)
            && !span.is_zero()
        {
            let points = last.1 + rest.iter().map(|(_, points)| points).sum::<usize>();
            status.rate = Some(points as f64 / span.as_secs_f64());
        }
        let known: HashSet<&str> = hashes.iter().map(String::as_str).collect();
        let strays = results::strays(dir, &|hash| known.contains(hash))?;
        (status.left, status.foreign) = (strays.left, strays.foreign);
        Ok(status)
    }

    /// How many points are in a state.
    pub fn count(&self, state: State) -> usize {
        self.states.iter().filter(|other| **other == state).count()
    }
}
