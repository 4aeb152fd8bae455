//! `neurohm sweep collect`: one record of all points.

use std::path::PathBuf;

use neurohm::study::sweep;

use super::open;
use crate::args::quoted;
use crate::commands::carry_out;
use crate::failure::Failure;
use crate::summary;
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub struct Options {
    /// Folder of a plan
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Write report.html, run.json, points.csv, best.toml and CSV files into OUT, made if need be [default: named
    /// after DIR; with --json: nothing is written]
    #[arg(short, long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// Make this number better, such as accuracy; may be repeated: two make a Pareto front [default: what the
    /// sweep's file says, or the study's figure of merit]
    #[arg(long = "objective", value_name = "NAME")]
    objectives: Vec<String>,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let plan = open(&options.dir)?;
    let name = format!("{}-collected", carry_out::stem(&options.dir.display().to_string()));
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let collection =
        sweep::collect(&plan, &options.dir, &options.objectives, &command(&options, plan.origin()))?;
    let record = collection.finding.record.clone();
    let page = neurohm::report::html(std::slice::from_ref(&record), &record.title)?;
    // What is not whole must not take the place of what is.
    let folder = match folder {
        Some(folder) if collection.open > 0 => Some(folder.beside_an_earlier_run()?),
        folder => folder,
    };
    if let Some(folder) = folder {
        let report = folder.path().join("report.html");
        let others = folder.write(&[collection.finding], Some(&page))?.len().saturating_sub(1);
        terminal.tell(&format!("Wrote {} and {others} more files beside it.", report.display()));
    }
    if terminal.json() {
        terminal.print_json(&record)?;
    } else {
        terminal.print(&summary::record(terminal, &record))?;
    }
    for (path, problem) in &collection.damaged {
        terminal.tell(&format!("{} is damaged and counts as none: {problem}", path.display()));
    }
    match record.cut_short {
        None => Ok(()),
        Some(text) => {
            let help = format!("`neurohm sweep run {}` computes the rest", options.dir.display());
            Err(Failure::failed(format!("the sweep is not complete: {text}")).help(help))
        }
    }
}

/// The commands, as they would be typed again.
fn command(options: &Options, file: &str) -> String {
    let dir = options.dir.display().to_string();
    let plan = quoted(["neurohm", "sweep", "plan", file, "-o", &dir]);
    let run = quoted(["neurohm", "sweep", "run", &dir]);
    let mut words = ["neurohm", "sweep", "collect", &dir].map(str::to_string).to_vec();
    words.extend(options.objectives.iter().flat_map(|name| ["--objective".to_string(), name.clone()]));
    format!("{plan} && {run} && {}", quoted(words))
}
