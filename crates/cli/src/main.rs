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
            let code = failure.code();
            terminal.fail(failure);
            ExitCode::from(code)
        }
    }
}

fn run(cli: Cli, terminal: &Terminal) -> Result<(), Failure> {
    interrupt::listen()?;
    if let Some(threads) = threads(cli.common.threads.map(|n| n.get()))? {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global();
        pool.map_err(|e| Failure::failed(format!("cannot start {threads} threads: {e}")))?;
    }
    commands::run(cli.command, terminal)
}

/// How many threads are asked for; `None` leaves all cores to rayon. The option wins over the environment, which is
/// read here because rayon takes a number that it cannot read for none.
fn threads(option: Option<u16>) -> Result<Option<u16>, Failure> {
    const NAME: &str = "RAYON_NUM_THREADS";
    let set = std::env::var_os(NAME).filter(|text| option.is_none() && !text.is_empty());
    let Some(text) = set else { return Ok(option) };
    match text.to_str().and_then(|text| text.trim().parse::<u16>().ok()) {
        Some(0) => Ok(None),
        Some(threads) => Ok(Some(threads)),
        None => {
            let message = format!("{NAME} is {text:?}, and a number of threads from 1 to 65535 is needed");
            Err(Failure::request(message)
                .help("0, or no such variable, means all cores; --threads N goes first"))
        }
    }
}
