//! What the chunks of a sweep gave, point by point.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use neurohm_array::SettingError;
use rayon::prelude::*;

use super::chunk::{Chunk, Column};
use super::plan::Plan;
use super::results::{self, Found};
use super::status::Failed;
use crate::error::StudyError;
use crate::record::{Better, Bound};

/// A number of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Value {
    pub value: f64,
    pub ci95: Option<[f64; 2]>,
    pub ideal: Option<f64>,
    pub bound: Option<Bound>,
}

/// All that was found, point by point.
pub(crate) struct Gathered<'a> {
    pub plan: &'a Plan<'a>,
    /// The numbers there are.
    pub columns: Vec<Column>,
    /// A row a point that has a result, a value a column.
    pub rows: Vec<Option<Vec<Option<Value>>>>,
    /// Points that failed, by number.
    pub failed: Vec<Failed>,
    /// Wall time of each point, s.
    pub wall_s: Vec<f64>,
    /// Ids of the points' descriptions.
    pub ids: Vec<String>,
    /// Cautions, and at how many points each was given.
    pub cautions: BTreeMap<String, usize>,
    /// Files in the place of results that are none, and why.
    pub damaged: Vec<(PathBuf, String)>,
}

/// A number that is to become better.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objective {
    /// Its column.
    pub column: usize,
    pub better: Better,
}

impl<'a> Gathered<'a> {
    /// Reads all results of `plan` in `dir`.
    pub(crate) fn read(plan: &'a Plan<'a>, dir: &Path) -> Result<Self, StudyError> {
        let hashes = &plan.file.chunks;
        let chunks: Result<Vec<Found<Chunk>>, StudyError> =
            hashes.par_iter().map(|hash| results::whole(dir, hash)).collect();
        let none = plan.points();
        let mut all = Self {
            plan,
            columns: Vec::new(),
            rows: vec![None; none],
            failed: Vec::new(),
            wall_s: vec![f64::NAN; none],
            ids: vec![String::new(); none],
            cautions: BTreeMap::new(),
            damaged: Vec::new(),
        };
        let mut by_name: HashMap<String, usize> = HashMap::new();
        let mut files: HashMap<(String, String), (String, usize)> = HashMap::new();
        for (n, chunk) in chunks?.into_iter().enumerate() {
            let chunk = match chunk {
                Found::Nothing => continue,
                Found::Damaged(problem) => {
                    all.damaged.push((results::path(dir, &hashes[n]), problem));
                    continue;
                }
                Found::Whole(chunk) => chunk,
            };
            for (preparation, read) in &chunk.head.files {
                for (name, digest) in read {
                    let key = (preparation.clone(), name.clone());
                    let (known, first) = files.entry(key).or_insert_with(|| (digest.clone(), n));
                    if known != digest {
                        return Err(changed(name, dir, [&hashes[*first], &hashes[n]]));
                    }
                }
            }
            let columns: Vec<usize> = (chunk.head.columns.iter())
                .map(|column| {
                    let place = *by_name.entry(column.name.clone()).or_insert_with(|| {
                        all.columns.push(column.clone());
                        all.columns.len() - 1
                    });
                    if all.columns[place].about != column.about {
                        // Points differ in what it is measured at; the name holds for all.
                        all.columns[place].about = column.name.replace('_', " ");
                    }
                    place
                })
                .collect();
            for (line, point) in chunk.points.into_iter().zip(plan.of_chunk(n)) {
                let point = *point as usize;
                (all.ids[point], all.wall_s[point]) = (line.id, line.wall_s);
                if let Some(reason) = line.error {
                    all.failed.push(Failed { point, reason });
                    continue;
                }
                let mut row = vec![None; all.columns.len()];
                for found in line.values {
                    let Some(place) = columns.get(found.column) else { continue };
                    row[*place] = Some(Value {
                        value: found.value.0,
                        ci95: found.ci95.map(|ends| ends.map(|end| end.0)),
                        ideal: found.ideal.map(|ideal| ideal.0),
                        bound: found.bound,
                    });
                }
                all.rows[point] = Some(row);
                for caution in line.cautions.iter().filter_map(|n| chunk.head.cautions.get(*n)) {
                    *all.cautions.entry(caution.clone()).or_insert(0) += 1;
                }
            }
        }
        all.failed.sort_by_key(|failed| failed.point);
        if all.rows.iter().all(Option::is_none) {
            let why = match all.failed.first() {
                Some(failed) => format!(
                    "all {} points that were run failed; point {} ({}): {}",
                    all.failed.len(),
                    failed.point,
                    plan.words(failed.point),
                    failed.reason
                ),
                None => format!(
                    "no point of the sweep has a result yet; `neurohm sweep run {}` computes them",
                    dir.display()
                ),
            };
            return Err(StudyError::Invalid(why));
        }
        Ok(all)
    }

    /// The numbers that are to become better: those of these names, or else those of the sweep's file, or else the study's
    /// figure of merit.
    pub(crate) fn objectives(&self, asked: &[String]) -> Result<Vec<Objective>, StudyError> {
        let written = &self.plan.resolver.description().options.objectives;
        let origin =
            if asked.is_empty() && !written.is_empty() { Some(self.plan.resolver.document()) } else { None };
        let merit = [self.plan.study().merit().to_string()];
        let names = [asked, written, &merit].into_iter().find(|names| !names.is_empty()).unwrap_or(asked);
        let one = |(n, name): (usize, &String)| {
            let path = format!("sweep.objectives[{n}]");
            let fits = |column: &&Column| column.better.is_some();
            match self.columns.iter().position(|column| column.name == *name) {
                Some(column) => match self.columns[column].better {
                    Some(better) => Ok(Objective { column, better }),
                    None => {
                        let problem = format!("of {name} the study does not say which direction is better");
                        Err(SettingError::value(path, problem))
                    }
                },
                None => {
                    let allowed =
                        self.columns.iter().filter(fits).map(|column| column.name.clone()).collect();
                    Err(SettingError::name(path, "the study gives no number called", name, allowed))
                }
            }
        };
        let objectives: Result<Vec<Objective>, SettingError> = names.iter().enumerate().map(one).collect();
        objectives.map_err(|error| match origin {
            Some(document) => document.locate(error).into(),
            None => {
                let mut error = error;
                error.path.clear();
                error.into()
            }
        })
    }

    /// A point's number.
    pub(crate) fn value(&self, point: usize, column: usize) -> Option<Value> {
        self.rows[point].as_ref()?.get(column).copied().flatten()
    }

    /// What a column is, in words.
    pub(crate) fn about(&self, column: usize) -> &str {
        &self.columns[column].about
    }

    /// What a column is, in a word or two.
    pub(crate) fn short(&self, column: usize) -> String {
        self.columns[column].name.replace('_', " ")
    }

    /// Points with a finite value of the objective, the best first; of equal ones the first.
    pub(crate) fn ranked(&self, objective: Objective) -> Vec<usize> {
        let value = |point: usize| self.value(point, objective.column).map(|v| v.value);
        let finite = |point: &usize| value(*point).is_some_and(f64::is_finite);
        let mut points: Vec<usize> = (0..self.rows.len()).filter(finite).collect();
        let cost = |point: usize| {
            let value = value(point).unwrap_or(f64::NAN);
            if objective.better == Better::Lower { value } else { -value }
        };
        points.sort_by(|a, b| cost(*a).total_cmp(&cost(*b)).then(a.cmp(b)));
        points
    }
}

/// Results that were computed from different contents of one file.
fn changed(name: &str, dir: &Path, hashes: [&String; 2]) -> StudyError {
    let [first, second] = hashes.map(|hash| results::path(dir, hash).display().to_string());
    StudyError::Invalid(format!(
        "{name} changed while the sweep ran: {first} and {second} were computed from different contents of it; take the \
         results away that are not wanted and run the sweep again, or plan it anew in another folder"
    ))
}
