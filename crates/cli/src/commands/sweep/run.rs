//! `neurohm sweep run`: whatever is open of a sweep, by an engine.

use std::path::PathBuf;

use neurohm::study::Disk;
use neurohm::study::sweep::{self, Engine, Job, Local, State};

use super::{open, points, status, stopped, value};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Ctrl-C keeps what is finished, and so does anything worse: the same command goes on from there, needs
no option for it, and may run several times at once.")]
pub struct Options {
    /// Folder of a plan
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// What spreads the chunks: local means the threads of this process
    #[arg(long, value_enum, default_value_t = EngineName::Local)]
    engine: EngineName,
    /// Compute chunks again that hold points which failed
    #[arg(long)]
    retry_failed: bool,
}

/// The engines there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum EngineName {
    Local,
}

impl EngineName {
    fn engine(self) -> &'static dyn Engine {
        match self {
            EngineName::Local => &Local,
        }
    }
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let plan = open(&options.dir)?;
    let job = Job::new(&plan, &options.dir, &Disk, options.retry_failed)?;
    let progress = Progress::new(terminal);
    let ran = sweep::run(options.engine.engine(), &job, &progress);
    progress.finish();
    let found = ran.map_err(|error| stopped(error, &plan, &options.dir))?;
    if terminal.json() {
        terminal.print_json(&value(&plan, &found, None))?;
    } else {
        terminal.print(&status::shown(terminal, &plan, &found, None))?;
    }
    let dir = options.dir.display();
    let failed = found.count(State::Failed);
    if failed > 0 {
        terminal.tell(&format!("{} failed; the others do not depend on them.", points(failed)));
    }
    terminal.tell(&format!("`neurohm sweep collect {dir} -o OUT` brings the results together."));
    Ok(())
}
