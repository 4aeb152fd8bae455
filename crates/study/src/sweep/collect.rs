//! From the results of chunks to one record.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::design::{At, Design};
use super::figures;
use super::front::front;
use super::gathered::{Gathered, Objective, Value};
use super::plan::Plan;
use super::status::Failed;
use crate::csv;
use crate::engine::Finding;
use crate::error::StudyError;
use crate::experiment::{Findings, plain};
use crate::record::{Better, Cell, Record, Scalar, Table};

/// A sweep's record.
#[derive(Clone, Debug)]
pub struct Collection {
    /// The record, and the table of all points beside it.
    pub finding: Finding,
    /// Points that have no result yet.
    pub open: usize,
    /// Points that failed.
    pub failed: usize,
    /// Files in the place of results that are none, and why.
    pub damaged: Vec<(PathBuf, String)>,
}

/// Rows of the table of the best.
const BEST: usize = 10;
/// Rows of the table of those that failed.
const FAILED: usize = 20;
/// The table of all points.
const POINTS: &str = "points.csv";

/// Brings the results of `plan` in `dir` together. `objectives` are the numbers that are to become better: where none is
/// given, those of the sweep's file, or else the study's figure of merit. `command` made the record.
///
/// # Errors
/// No result at all, an objective that is none, results from files that have changed in between, results that cannot be read.
pub fn collect(
    plan: &Plan<'_>,
    dir: &Path,
    objectives: &[String],
    command: &str,
) -> Result<Collection, StudyError> {
    let gathered = Gathered::read(plan, dir)?;
    let objectives = gathered.objectives(objectives)?;
    gathered.record(&objectives, command)
}

impl Gathered<'_> {
    fn record(self, objectives: &[Objective], command: &str) -> Result<Collection, StudyError> {
        let plan = self.plan;
        let resolver = &plan.resolver;
        let first = objectives[0];
        let ranked = self.ranked(first);
        let Some(best) = ranked.first().copied() else {
            let name = &self.columns[first.column].name;
            return Err(StudyError::Invalid(format!("no point has a finite {name}: there is no best one")));
        };
        let mut found = Findings::default();
        for objective in objectives {
            let column = &self.columns[objective.column];
            let Some(point) = self.ranked(*objective).first().copied() else { continue };
            let Some(v) = self.value(point, objective.column) else { continue };
            let scalar = Scalar {
                value: v.value,
                ci95: v.ci95,
                unit: column.unit.clone(),
                ideal: v.ideal,
                about: format!("best: {} (point {point})", column.about),
                better: Some(objective.better),
                bound: v.bound,
            };
            found.scalars.insert(column.name.clone(), scalar);
        }
        let done = self.rows.iter().flatten().count();
        let open = plan.points() - done - self.failed.len();
        let exact = |n: usize| Some([n as f64; 2]);
        found.scalar("points", done as f64, exact(done), "1", None, "points with a result");
        let like = self.like_the_best(best, &ranked, first);
        if let Some(like) = like {
            let about = "points whose intervals reach that of the best";
            found.scalar("points_like_the_best", like as f64, exact(like), "1", None, about);
        }
        let failed = self.failed.len();
        if failed > 0 {
            found.scalar("points_failed", failed as f64, exact(failed), "1", None, "points that failed");
        }

        found.tables.push(self.best_table(&ranked, objectives));
        if objectives.len() > 1 {
            self.pareto(objectives, &mut found);
        }
        for objective in objectives {
            figures::marginals(&self, *objective, &mut found);
        }
        figures::maps(&self, objectives, &mut found);
        if failed > 0 {
            found.tables.push(self.failed_table());
        }
        self.notes(best, like, open, &mut found);
        found.files.push((POINTS.into(), csv::table(&self.points_table()).into_bytes()));
        let request = resolver.request(best)?;
        found.files.push(("best.toml".into(), request.description()?.into_bytes()));
        for (name, text) in resolver.files() {
            let stem = Path::new(name).file_name().unwrap_or_default().to_string_lossy();
            found.files.push((format!("described-{stem}"), text.clone().into_bytes()));
        }

        let study = plan.study();
        let files = found.files.clone();
        let one_device = !(resolver.description().axes.iter().flat_map(|axis| &axis.parts))
            .any(|part| part.path == "chip.preset" || part.path.starts_with("chip.device"));
        let device = &request.chip.device;
        let said = |text: &str| if one_device { text.to_string() } else { String::new() };
        let title = format!("Sweep: {}", study.title());
        let about = format!("{} {}", self.design(), study.about());
        let merit = self.columns[first.column].name.clone();
        let mut record = Record {
            study: format!("sweep-{}", study.name()),
            revision: study.revision(),
            id: plan.id().to_string(),
            device: said(&device.name),
            device_title: said(&device.title),
            device_source: said(&device.source),
            description: plan.file.sweep.clone(),
            version: plan.file.version.clone(),
            isa: plan.file.isa.clone(),
            chips: request.chips,
            wall_s: self.wall_s.iter().filter(|s| s.is_finite()).sum(),
            sample: None,
            ..plain("", &title, &about, &merit, command, resolver.seed(best)?, found)
        };
        if open > 0 {
            record.cut_short_with(format!(
                "{open} of {} points have no result yet: what is said here is of the other {}.",
                plan.points(),
                done + failed
            ));
        }
        Ok(Collection { finding: Finding { record, files }, open, failed, damaged: self.damaged })
    }

    /// How many points the best one cannot be told from, itself not counted; none where there are no intervals.
    fn like_the_best(&self, best: usize, ranked: &[usize], objective: Objective) -> Option<usize> {
        let ends = |point: usize| self.value(point, objective.column).and_then(|v| v.ci95);
        let [low, high] = ends(best)?;
        let reaches = |point: &&usize| ends(**point).is_some_and(|[l, h]| l <= high && low <= h);
        Some(ranked[1..].iter().filter(reaches).count())
    }

    /// How points were chosen, a sentence.
    fn design(&self) -> String {
        let description = self.plan.resolver.description();
        let levels = |n: Option<usize>| n.map_or("drawn".to_string(), |n| n.to_string());
        let axes: Vec<String> = description
            .axes
            .iter()
            .map(|axis| format!("{} ({})", axis.label, levels(axis.levels())))
            .collect();
        let how = match &description.options.design {
            Design::Grid {} => "Every value with every other".to_string(),
            Design::Random { points, seed } => format!("{points} random points (seed {seed})"),
            Design::LatinHypercube { points, seed } => {
                format!("A Latin hypercube of {points} points (seed {seed})")
            }
        };
        format!("{how}: {}; {} points in all.", axes.join(", "), self.plan.points())
    }

    fn notes(&self, best: usize, like: Option<usize>, open: usize, found: &mut Findings) {
        let plan = self.plan;
        if let Some(failed) = self.failed.first() {
            found.caution(format!(
                "{} of {} points failed and are in no figure; point {} ({}): {}",
                self.failed.len(),
                plan.points(),
                failed.point,
                plan.words(failed.point),
                failed.reason
            ));
        }
        if !self.damaged.is_empty() && open > 0 {
            found.caution(format!("{} files of results are damaged and count as none.", self.damaged.len()));
        }
        let done = self.rows.iter().flatten().count();
        for (text, points) in &self.cautions {
            let all = *points == done;
            found.caution(if all { text.clone() } else { format!("At {points} of {done} points: {text}") });
        }
        found.info(format!("The best point is {best}: {}. best.toml runs it again.", plan.words(best)));
        found.info(match like {
            Some(0) => "No other point's interval reaches that of the best one.".to_string(),
            Some(like) => format!(
                "The best of many numbers that are uncertain is partly luck, which its interval does not know of: {like} other \
                 points cannot be told from it. Run best.toml with another seed to see what it is worth."
            ),
            None => "There are no intervals: the best point may be so by chance.".to_string(),
        });
        for idle in plan.idle() {
            found.info(format!(
                "{} has no effect at {} of {} points: {}.",
                idle.path,
                idle.points,
                plan.points(),
                idle.why
            ));
        }
        if plan.resolver.description().base.get("ablate").and_then(toml::Value::as_bool) == Some(true) {
            found.info("Non-idealities were not switched off in turn: a sweep does not; run best.toml with ablate = true.");
        }
        found.info(format!("All points with all their numbers are in {POINTS}."));
    }

    /// The columns that say where points are, for people: one an axis.
    fn axis_columns(&self) -> Vec<crate::record::Column> {
        let axes = &self.plan.resolver.description().axes;
        let unit = |axis: &super::axis::Axis| axis.unit().unwrap_or_default().to_string();
        axes.iter().map(|axis| column(&axis.label, &unit(axis))).collect()
    }

    fn axis_cells(&self, point: usize) -> Vec<Cell> {
        let resolver = &self.plan.resolver;
        let axes = resolver.description().axes.iter().enumerate();
        let cell = |(n, axis): (usize, &super::axis::Axis)| {
            let at = resolver.points.at(point, n);
            axis.number(at).map_or_else(|| Cell::Text(axis.shown(at)), Cell::Number)
        };
        axes.map(cell).collect()
    }

    fn cell(&self, point: usize, column: usize) -> Cell {
        match self.value(point, column) {
            None => Cell::Text(String::new()),
            Some(Value { value, ci95: Some(ci95), .. }) if ci95[0] < ci95[1] => {
                Cell::Uncertain { value, ci95 }
            }
            Some(v) => Cell::Number(v.value),
        }
    }

    fn rows_of(
        &self,
        points: &[usize],
        objectives: &[Objective],
    ) -> (Vec<crate::record::Column>, Vec<Vec<Cell>>) {
        let mut columns = vec![column("point", "")];
        columns.extend(self.axis_columns());
        columns
            .extend(objectives.iter().map(|o| column(&self.short(o.column), &self.columns[o.column].unit)));
        let row = |point: &usize| {
            let mut row = vec![Cell::Text(point.to_string())];
            row.extend(self.axis_cells(*point));
            row.extend(objectives.iter().map(|o| self.cell(*point, o.column)));
            row
        };
        (columns, points.iter().map(row).collect())
    }

    fn best_table(&self, ranked: &[usize], objectives: &[Objective]) -> Table {
        let shown = &ranked[..ranked.len().min(BEST)];
        let (columns, rows) = self.rows_of(shown, objectives);
        let caption = format!("The best points by {}", self.about(objectives[0].column));
        Table { name: "best".into(), caption, columns, rows }
    }

    fn failed_table(&self) -> Table {
        let shown = &self.failed[..self.failed.len().min(FAILED)];
        let mut columns = vec![column("point", "")];
        columns.extend(self.axis_columns());
        columns.push(column("why", ""));
        let row = |failed: &Failed| {
            let mut row = vec![Cell::Text(failed.point.to_string())];
            row.extend(self.axis_cells(failed.point));
            row.push(Cell::Text(failed.reason.clone()));
            row
        };
        let caption = match self.failed.len() {
            n if n > FAILED => format!("The first {FAILED} of {n} points that failed"),
            _ => "Points that failed".to_string(),
        };
        Table { name: "failed".into(), caption, columns, rows: shown.iter().map(row).collect() }
    }

    /// The points that no other one beats, and a figure of each pair of the first objective and another.
    fn pareto(&self, objectives: &[Objective], found: &mut Findings) {
        let value = |point: usize, o: &Objective| self.value(point, o.column).map(|v| v.value);
        let mut points = Vec::new();
        let mut values = Vec::new();
        for point in 0..self.rows.len() {
            let row: Option<Vec<f64>> = objectives.iter().map(|o| value(point, o)).collect();
            if let Some(row) = row.filter(|row| row.iter().all(|v| v.is_finite())) {
                points.push(point);
                values.push(row);
            }
        }
        let better: Vec<Better> = objectives.iter().map(|o| o.better).collect();
        let front = front(&values, &better);
        for (n, other) in objectives.iter().enumerate().skip(1) {
            found.series.push(figures::front(self, [objectives[0], *other], &values, [0, n], &front));
        }
        let on_front: Vec<usize> = front.iter().map(|n| points[*n]).collect();
        let (columns, rows) = self.rows_of(&on_front, objectives);
        let names: Vec<&str> = objectives.iter().map(|o| self.about(o.column)).collect();
        let caption = format!("The Pareto front: points that no other beats in all of {}", names.join("; "));
        found.tables.push(Table { name: "front".into(), caption, columns, rows });
    }

    /// All points with all their numbers.
    fn points_table(&self) -> Table {
        let resolver = &self.plan.resolver;
        let parts: Vec<(usize, &super::axis::Part)> = (resolver.description().axes.iter().enumerate())
            .flat_map(|(n, axis)| axis.parts.iter().map(move |part| (n, part)))
            .collect();
        let units: Vec<Option<&str>> = parts.iter().map(|(_, part)| part.unit()).collect();
        // Each value is put into words once.
        let cell =
            |part: &super::axis::Part, unit: Option<&str>, at: At| match unit.and_then(|_| part.number(at)) {
                Some(number) => Cell::Number(number),
                None => Cell::Text(super::axis::shown(&part.value(at))),
            };
        let levels: Vec<Vec<Cell>> = (parts.iter().zip(&units))
            .map(|((_, part), unit)| {
                let levels = 0..part.levels().unwrap_or(0) as u32;
                levels.map(|level| cell(part, *unit, At::Level(level))).collect()
            })
            .collect();
        let mut columns = vec![column("point", ""), column("id", ""), column("state", "")];
        columns
            .extend(parts.iter().zip(&units).map(|((_, part), unit)| column(&part.path, unit.unwrap_or(""))));
        columns.extend(self.columns.iter().map(|c| column(&c.name, &c.unit)));
        let ideals: Vec<usize> = (0..self.columns.len())
            .filter(|c| {
                self.rows
                    .iter()
                    .flatten()
                    .any(|row| row.get(*c).copied().flatten().is_some_and(|v| v.ideal.is_some()))
            })
            .collect();
        columns.extend(
            ideals
                .iter()
                .map(|c| column(&format!("{} ideal", self.columns[*c].name), &self.columns[*c].unit)),
        );
        columns.extend([column("wall", "s"), column("failure", "")]);
        let reasons: HashMap<usize, &str> =
            self.failed.iter().map(|failed| (failed.point, failed.reason.as_str())).collect();
        let row = |point: usize| {
            let reason = reasons.get(&point).copied();
            let state = match (&self.rows[point], reason) {
                (Some(_), _) => super::State::Done,
                (None, Some(_)) => super::State::Failed,
                (None, None) => super::State::Open,
            };
            let mut row = vec![
                Cell::Text(point.to_string()),
                Cell::Text(self.ids[point].clone()),
                Cell::Text(state.word().into()),
            ];
            row.extend(parts.iter().enumerate().map(
                |(n, (axis, part))| match resolver.points.at(point, *axis) {
                    At::Level(level) => levels[n][level as usize].clone(),
                    at => cell(part, units[n], at),
                },
            ));
            row.extend((0..self.columns.len()).map(|c| self.cell(point, c)));
            row.extend(ideals.iter().map(|c| {
                let ideal = self.value(point, *c).and_then(|v| v.ideal);
                ideal.map_or(Cell::Text(String::new()), Cell::Number)
            }));
            let wall_s = self.wall_s[point];
            row.push(if wall_s.is_finite() { Cell::Number(wall_s) } else { Cell::Text(String::new()) });
            row.push(Cell::Text(reason.unwrap_or_default().into()));
            row
        };
        let rows = (0..self.rows.len()).map(row).collect();
        Table { name: "points".into(), caption: String::new(), columns, rows }
    }
}

pub(crate) fn column(name: &str, unit: &str) -> crate::record::Column {
    crate::record::Column { name: name.into(), unit: unit.into() }
}
