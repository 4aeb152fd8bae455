//! `neurohm sweep`: one study at many points, planned once and carried out by whatever machines there are.

mod collect;
mod plan;
mod run;
mod status;
mod work;

use std::path::Path;

use neurohm::studies::REGISTRY;
use neurohm::study::sweep::{Plan, State, Status};
use neurohm::study::{Disk, Inputs, StudyError};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
A sweep's file is a study's request with axes beside it:
  study = \"mvm\"
  chips = 3
  [sweep]                        # may be left out
  design = \"grid\"                # or random = {points = 200}, latin_hypercube = {points = 200}
  objectives = [\"error\"]         # two of them: a Pareto front
  [[axis]]
  path = \"chip.adc.uniform.resolution.bits\"
  values = [4, 6, 8]
  [[axis]]
  path = \"chip.read.voltage\"
  from = \"0.1 V\"
  to = \"0.4 V\"
  points = 4                     # scale = \"log\" for even factors
  [[axis]]
  path = \"seed\"                  # every other setting meets every seed
  from = 1
  to = 20
Settings that move together stand in one axis: together = [{ path = ..., values = [...] }, ...].
[sweep] also takes chunk = 10 (points a file of results), ideal = true (run ideal devices beside each
point) and idle = \"allow\" (run points at which a setting has no effect). `neurohm schema sweep` has all.

  neurohm sweep plan FILE.toml -o DIR && neurohm sweep run DIR && neurohm sweep collect DIR -o OUT")]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Check every point of a sweep and cut them into chunks
    Plan(plan::Options),
    /// Compute what is open of a sweep
    Run(run::Options),
    /// Compute one chunk: what engines call
    Work(work::Options),
    /// Say what is done, what failed and what is open
    Status(status::Options),
    /// Bring all results together: a table, the best point, curves, maps, fronts
    Collect(collect::Options),
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    match options.command {
        Command::Plan(options) => plan::run(options, terminal),
        Command::Run(options) => run::run(options, terminal),
        Command::Work(options) => work::run(options, terminal),
        Command::Status(options) => status::run(options, terminal),
        Command::Collect(options) => collect::run(options, terminal),
    }
}

fn open(dir: &Path) -> Result<Plan<'static>, Failure> {
    Ok(Plan::open(dir, REGISTRY)?)
}

/// The text of a sweep's file.
fn text(path: &str) -> Result<String, Failure> {
    let bytes = Disk.bytes(path)?;
    String::from_utf8(bytes).map_err(|e| {
        let problem = format!("it is not text: byte {} is not UTF-8", e.utf8_error().valid_up_to());
        Failure::from(StudyError::Read { path: path.into(), problem })
    })
}

/// A failure while points were computed: what is kept, and how to go on.
fn stopped(error: StudyError, plan: &Plan<'_>, dir: &Path) -> Failure {
    let kept = Status::of(plan, dir).map(|status| plan.points() - status.count(State::Open));
    let kept = kept.map_or("what was finished".into(), |kept| format!("{kept} of {} points", plan.points()));
    let help = format!("{kept} are kept in {}; the same command goes on from there", dir.display());
    match error {
        StudyError::Cancelled => Failure::failed("cancelled").help(help),
        error @ StudyError::Write { .. } => Failure::from(error).help(help),
        error => Failure::from(error),
    }
}

/// A sweep's state as JSON.
fn value(plan: &Plan<'_>, status: &Status, eta_s: Option<f64>) -> Value {
    let failures = status.failed.iter().map(|failed| {
        json!({ "point": failed.point, "settings": settings(plan, failed.point), "reason": failed.reason })
    });
    let damaged = status.damaged.iter().map(|(path, problem)| json!({ "file": path, "problem": problem }));
    json!({
        "id": plan.id(),
        "study": plan.study().name(),
        "points": plan.points(),
        "done": status.count(State::Done),
        "failed": status.count(State::Failed),
        "open": status.count(State::Open),
        "chunks": status.chunks,
        "chunks_done": status.chunks_done,
        "wall_s": status.wall_s,
        "points_per_s": status.rate,
        "eta_s": eta_s,
        "failures": failures.collect::<Vec<_>>(),
        "damaged": damaged.collect::<Vec<_>>(),
        "foreign": status.foreign,
        "left_behind": status.left,
    })
}

/// Where a point stands, by axis.
fn settings(plan: &Plan<'_>, point: usize) -> Value {
    plan.settings(point)
        .map(|(axis, value)| (axis.to_string(), value.into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Points in words.
fn points(n: usize) -> String {
    format!("{n} point{}", if n == 1 { "" } else { "s" })
}
