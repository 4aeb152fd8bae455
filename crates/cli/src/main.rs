//! The `neurohm` program: arguments in, records out. Everything that touches the terminal, the environment or
//! the clock is here; what a command computes is in the libraries, what it prints in `summary`.

mod args;
mod commands;
mod failure;
mod interrupt;
mod progress;
mod summary;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use failure::Failure;
use terminal::Terminal;

fn main() -> ExitCode {
    // Help, version and wrong arguments end here: clap prints them and exits with 0 or 2.
    let cli = Cli::parse();
    let terminal = Terminal::new(cli.common.json, cli.common.quiet);
    match run(cli, &terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.fail(&failure);
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli, terminal: &Terminal) -> Result<(), Failure> {
    interrupt::listen()?;
    if let Some(threads) = cli.common.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads.get())).build_global();
        pool.map_err(|e| Failure::failed(format!("cannot start {threads} threads: {e}")))?;
    }
    commands::run(cli.command, terminal)
}
