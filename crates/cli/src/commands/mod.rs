//! One file a command, named as it is typed.

pub mod completions;
pub mod converter;
pub mod cost;
pub mod crossbar;
pub mod device;
pub mod doctor;
pub mod eval;
pub mod paper;
pub mod report;
pub mod run;
pub mod schema;
pub mod score;
pub mod studies;
pub mod sweep;
pub mod train;

mod carry_out;

use crate::args::Command;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Carries a command out.
pub fn run(command: Command, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        Command::Score(options) => score::run(options, terminal),
        Command::Eval(options) => eval::run(options, terminal),
        Command::Run(options) => run::run(options, terminal),
        Command::Sweep(options) => sweep::run(options, terminal),
        Command::Train(options) => train::run(options, terminal),
        Command::Cost(options) => cost::run(options, terminal),
        Command::Converter(options) => converter::run(options, terminal),
        Command::Device(options) => device::run(options, terminal),
        Command::Crossbar(options) => crossbar::run(options, terminal),
        Command::Paper(options) => paper::run(options, terminal),
        Command::Studies => studies::run(terminal),
        Command::Report(options) => report::run(options, terminal),
        Command::Schema(options) => schema::run(options, terminal),
        Command::Doctor => doctor::run(terminal),
        Command::Completions(options) => completions::run(options, terminal),
    }
}
