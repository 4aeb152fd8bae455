//! One chunk of a sweep: what every engine comes down to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use neurohm_num::{Silent, Watch};

use super::chunk::{Chunk, Head};
use super::plan::{Plan, chunk_hash};
use super::preparations::{Preparations, in_words, panicked};
use super::resolve::Kept;
use super::results::{self, Found};
use crate::engine::carry_on;
use crate::error::StudyError;
use crate::inputs::Inputs;
use crate::request::Request;

/// Work on a plan that lies in a folder.
pub struct Job<'a> {
    plan: &'a Plan<'a>,
    dir: PathBuf,
    inputs: &'a dyn Inputs,
    preparations: Preparations<'a>,
    retry_failed: bool,
}

/// What became of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Points it has.
    pub points: usize,
    /// Those that failed.
    pub failed: usize,
    /// Whether its result was there already.
    pub before: bool,
}

impl<'a> Job<'a> {
    /// Work on `plan`, which lies in `dir`. `inputs` reads what studies name: data and networks. With `retry_failed`, chunks
    /// that hold points which failed are done again.
    ///
    /// # Errors
    /// A machine with another instruction set than the plan's.
    pub fn new(
        plan: &'a Plan<'a>,
        dir: &Path,
        inputs: &'a dyn Inputs,
        retry_failed: bool,
    ) -> Result<Self, StudyError> {
        plan.check_machine()?;
        let preparations = Preparations::new(plan.study(), rayon::current_num_threads() + 1);
        Ok(Self { plan, dir: dir.to_path_buf(), inputs, preparations, retry_failed })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan<'a> {
        self.plan
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Prepares what all points share, where that is one thing: a missing file then fails the sweep, and not every point.
    ///
    /// # Errors
    /// As for a run.
    pub fn prepare(&self, watch: &dyn Watch) -> Result<(), StudyError> {
        let Some(first) = self.plan.order.first().filter(|_| self.plan.preparations() == 1) else {
            return Ok(());
        };
        let request = self.plan.resolver.request(*first as usize)?;
        self.preparations.of_all(&request, &self.kept(), watch)
    }

    fn kept(&self) -> Kept<'_> {
        Kept { files: &self.plan.file.files, inputs: Some(self.inputs) }
    }

    /// Whether a chunk is to be done.
    ///
    /// # Errors
    /// A result that cannot be read.
    pub(crate) fn is_open(&self, chunk: usize) -> Result<bool, StudyError> {
        Ok(match results::whole(&self.dir, &self.plan.file.chunks[chunk])? {
            Found::Whole(found) => self.retry_failed && !found.head.failed.is_empty(),
            Found::Nothing | Found::Damaged(_) => true,
        })
    }

    /// Does one chunk by itself, as [`run`](super::run) does many.
    ///
    /// # Errors
    /// As for [`Self::chunk`], and a preparation that cannot be had where all points share it.
    pub fn work(&self, chunk: usize, watch: &dyn Watch) -> Result<Done, StudyError> {
        if chunk < self.plan.chunks() && self.is_open(chunk)? {
            self.prepare(watch)?;
        }
        watch.begin(&format!("chunk {chunk}"), Some(self.plan.of_chunk(chunk).len() as u64));
        self.chunk(chunk, watch)
    }

    /// Does one chunk, unless its result is there, and writes the result. A point that fails is written down with its reason;
    /// `watch` is told of every point.
    ///
    /// # Errors
    /// A chunk that there is not, a result that cannot be read or written, [`StudyError::Cancelled`].
    pub fn chunk(&self, chunk: usize, watch: &dyn Watch) -> Result<Done, StudyError> {
        let Some(hash) = self.plan.file.chunks.get(chunk) else {
            return Err(StudyError::Invalid(format!(
                "there is no chunk {chunk}: the plan has {}, from 0 to {}",
                self.plan.chunks(),
                self.plan.chunks().saturating_sub(1)
            )));
        };
        let points = self.plan.of_chunk(chunk);
        if !self.is_open(chunk)?
            && let Found::Whole((head, _)) = results::head(&self.dir, hash)?
        {
            watch.step(points.len() as u64)?;
            return Ok(Done { points: points.len(), failed: head.failed.len(), before: true });
        }
        let file = &self.plan.file;
        let mut out = Chunk::default();
        for point in points {
            self.point(*point as usize, &mut out, watch)?;
            watch.step(1)?;
        }
        let ids: Vec<&str> = out.points.iter().map(|point| point.id.as_str()).collect();
        let ideal = self.plan.resolver.description().options.ideal;
        if chunk_hash(file, ideal, &ids) != *hash {
            let problem = "its points are not those that were planned: plan the sweep anew in another folder";
            return Err(StudyError::Read { path: self.dir.join(super::plan::NAME), problem: problem.into() });
        }
        out.head = Head {
            chunk: hash.clone(),
            version: file.version.clone(),
            isa: file.isa.clone(),
            study: file.study.clone(),
            revision: file.revision,
            ..out.head
        };
        let text = out.write();
        let text = text.map_err(|e| StudyError::Invalid(format!("a result has no JSON form: {e}")))?;
        results::write(&self.dir, hash, &text)?;
        Ok(Done { points: points.len(), failed: out.head.failed.len(), before: false })
    }

    /// Runs a point and adds it to `out`.
    fn point(&self, point: usize, out: &mut Chunk, watch: &dyn Watch) -> Result<(), StudyError> {
        let started = Instant::now();
        let plan = self.plan;
        let request = plan.resolver.request(point)?;
        let id = request.id(plan.study(), &serde_json::json!({}))?;
        // Points are counted; what happens within one is only stopped.
        let silent = Silent(watch);
        let shared = match self.preparations.of(&request, &self.kept(), &silent)? {
            Ok(shared) => shared,
            Err(reason) => {
                out.fail(id, started.elapsed().as_secs_f64(), reason);
                return Ok(());
            }
        };
        if !shared.prepared.files.is_empty() {
            out.head.files.entry(shared.id.clone()).or_insert_with(|| shared.prepared.files.clone());
        }
        let ideal = plan.resolver.description().options.ideal;
        let work =
            |request: &Request| carry_on(plan.study(), request, &shared.prepared, &silent, ideal, started);
        match catch_unwind(AssertUnwindSafe(|| work(&request))) {
            // Part of a point is none.
            Ok(Ok(finding)) if finding.record.cut_short.is_some() => return Err(StudyError::Cancelled),
            Ok(Ok(finding)) => out.push(id, &finding.record),
            Ok(Err(StudyError::Cancelled)) => return Err(StudyError::Cancelled),
            Ok(Err(error)) => out.fail(id, started.elapsed().as_secs_f64(), in_words(&error)),
            Err(panic) => out.fail(id, started.elapsed().as_secs_f64(), panicked(panic)),
        }
        Ok(())
    }
}
