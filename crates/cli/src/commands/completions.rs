//! `neurohm completions SHELL`: what the shell needs to complete arguments.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm completions bash > ~/.local/share/bash-completion/completions/neurohm
  neurohm completions zsh > \"${fpath[1]}/_neurohm\"
  neurohm completions fish > ~/.config/fish/completions/neurohm.fish")]
pub struct Options {
    /// The shell
    shell: Shell,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "neurohm", &mut script);
    terminal.print(&String::from_utf8_lossy(&script))
}
