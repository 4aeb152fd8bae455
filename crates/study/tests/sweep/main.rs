//! Sweeps of a study whose every number can be worked out by hand.

mod collected;
mod kept;
mod planned;
mod ruler;

use std::path::Path;

use neurohm_num::Unwatched;
use neurohm_study::sweep::{self, Job, Local, Plan, Status};
use neurohm_study::{AnyStudy, Draft, StudyError, execute, record::Record};

use ruler::{Files, Ruler};

const STUDIES: &[&dyn AnyStudy] = &[&Ruler];

/// A base that needs no file, and what a test lays beside it.
fn text(more: &str) -> String {
    format!("study = \"ruler\"\nchips = 3\n[chip]\npreset = \"ideal\"\noutput_noise = 0.01\n{more}")
}

fn plan(more: &str) -> Result<Plan<'static>, StudyError> {
    sweep::plan(&text(more), "s.toml", STUDIES, &Files::default())
}

fn refused(more: &str) -> String {
    let error = plan(more).map(|_| ()).unwrap_err();
    assert!(error.is_request());
    error.to_string()
}

fn run(plan: &Plan<'_>, dir: &Path, files: &Files) -> Result<Status, StudyError> {
    let job = Job::new(plan, dir, files, false)?;
    sweep::run(&Local, &job, &Unwatched)
}

/// What `neurohm run` gives for the request with these settings laid over it.
fn alone(more: &str, set: &[String], files: &Files) -> Record {
    let document = Some((text(more), "s.toml".to_string()));
    let draft = Draft { document, set: set.to_vec(), ablate: Some(false), ..Draft::default() };
    let (study, request) = draft.resolve(STUDIES, files).unwrap();
    execute(study, &request, files, &Unwatched).unwrap().record
}

/// A CSV without quotes: its head and its rows.
fn csv(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_string).collect::<Vec<_>>());
    (lines.next().unwrap(), lines.collect())
}
