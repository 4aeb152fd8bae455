//! `neurohm sweep work`: one chunk. Engines call it, in any order, anywhere, and more than once if they like.

use std::path::PathBuf;

use neurohm::study::Disk;
use neurohm::study::sweep::Job;
use serde_json::json;

use super::{open, points, stopped};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Exit code 0 means that the chunk's result is in DIR, whoever computed it and whether points of it
failed or not.

Example, with Slurm:
  sbatch --array=0-99 --wrap 'neurohm sweep work DIR --chunk $SLURM_ARRAY_TASK_ID'")]
pub struct Options {
    /// Folder of a plan
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Number of the chunk, from 0
    #[arg(long, value_name = "N")]
    chunk: usize,
    /// Compute it again if it holds points that failed
    #[arg(long)]
    retry_failed: bool,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let plan = open(&options.dir)?;
    let job = Job::new(&plan, &options.dir, &Disk, options.retry_failed)?;
    let progress = Progress::new(terminal);
    let done = job.work(options.chunk, &progress);
    progress.finish();
    let done = done.map_err(|error| stopped(error, &plan, &options.dir))?;
    if terminal.json() {
        return terminal.print_json(&json!({
            "chunk": options.chunk,
            "points": done.points,
            "failed": done.failed,
            "done_before": done.before,
        }));
    }
    let before = if done.before { " (done before)" } else { "" };
    let failed = if done.failed > 0 { format!(", {} failed", done.failed) } else { String::new() };
    terminal.print(&format!("chunk {}: {}{failed}{before}\n", options.chunk, points(done.points)))
}
