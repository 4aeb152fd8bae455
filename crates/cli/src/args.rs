//! What can be typed. First help lines are imperative, without a full stop.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;

/// Simulate computers made of memristors, from one device to the network that runs on a chip of them
#[derive(Parser)]
#[command(name = "neurohm", version, max_term_width = 100, propagate_version = false)]
#[command(after_help = "Exit codes: 0 done, 1 the run failed or was cancelled, 2 the request was wrong.")]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Print one JSON value to standard output and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// Show no progress and no remarks
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Use so many threads; results do not depend on it [default: RAYON_NUM_THREADS, or all cores]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroU16>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Judge a device: run every application on chips of it and write the report card
    Score(commands::score::Options),
    /// Run a trained network on a chip, over time
    Eval(commands::eval::Options),
    /// Run one study
    Run(commands::run::Options),
    /// Run one study at many points: grids, random designs, seeds
    Sweep(commands::sweep::Options),
    /// Train a small network and write it as ONNX
    Train(commands::train::Options),
    /// Price a network on a chip: energy, time and area by component, beside other machines
    Cost(commands::cost::Options),
    /// Measure a chip's output converters: non-linearity, offset, gain and effective bits
    Converter(commands::converter::Options),
    /// Describe, measure and fit single devices
    Device(commands::device::Options),
    /// Solve arrays with their wires, as circuits
    Crossbar(commands::crossbar::Options),
    /// Hold the review's figures and claims against our simulations
    Paper(commands::paper::Options),
    /// List the studies
    Studies,
    /// Write the report of runs again, or of several side by side
    Report(commands::report::Options),
    /// Print the JSON Schema of descriptions, for editors
    Schema(commands::schema::Options),
    /// Check this machine: processor, threads, folders, datasets, and a small computation
    Doctor,
    /// Print completions for a shell
    Completions(commands::completions::Options),
}

/// Options of the commands that run studies.
#[derive(Args)]
#[command(next_help_heading = "Run options")]
pub struct RunOptions {
    /// Write report.html, run.json and CSV files into DIR, made if need be [default: named after the
    /// request; with --json: nothing is written]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of all randomness [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Simulate so many chips [default: the study's own number]
    #[arg(long, value_name = "N")]
    pub chips: Option<usize>,
    /// Change a setting, such as chip.adc.uniform.resolution.bits=6 or config.size=128; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// How thorough to be.
#[derive(Args)]
#[command(next_help_heading = "Run options")]
pub struct EffortOptions {
    /// Run everything, at the sizes of a publication
    #[arg(long, conflicts_with = "quick")]
    pub full: bool,
    /// Run what takes seconds [default]
    #[arg(long)]
    pub quick: bool,
    /// Do not switch non-idealities off in turn
    #[arg(long)]
    pub no_ablation: bool,
}

/// A length of a network's input: `NAME=N`.
pub fn length(text: &str) -> Result<(String, usize), String> {
    let wrong = || "write it such as width=224, or as input.2=224 where the axis has no name".to_string();
    let (name, length) = text.split_once('=').ok_or_else(wrong)?;
    match length.trim().parse() {
        Ok(length) if length > 0 && !name.trim().is_empty() => Ok((name.trim().to_string(), length)),
        _ => Err(wrong()),
    }
}

/// Words quoted as a shell wants them.
pub fn quoted<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let quote = |word: S| match word.as_ref() {
        word if !word.is_empty() && word.chars().all(plain) => word.to_string(),
        word => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn quoting_survives_a_shell() {
        let words = ["run", "a b", "it's", "", "chip.adc=\"x\"", "$HOME", "--set=a.b=6"];
        let script = format!("printf '%s\\n' {}", quoted(words));
        let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(shell.stdout).unwrap().lines().collect::<Vec<_>>(), words);
    }

    /// Commands that the README shows are commands.
    #[test]
    fn shown_commands_are_taken() {
        let readme = include_str!("../../../README.md");
        let shown: Vec<&str> = readme.split('`').filter(|c| c.starts_with("neurohm ")).collect();
        assert!(shown.len() > 8, "{shown:?}");
        for command in shown {
            let words = command.split(" > ").next().unwrap_or_default();
            let taken = Cli::command().try_get_matches_from(words.split_whitespace());
            assert!(taken.is_ok(), "{command}: {}", taken.unwrap_err());
        }
    }

    /// Every command's help, as one text: the command line's reference.
    #[test]
    fn help() {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut out = String::new();
        let mut waiting = vec![command];
        while let Some(mut command) = waiting.pop() {
            out += &format!("{}\n\n", command.render_help());
            let inner: Vec<_> =
                command.get_subcommands().filter(|c| c.get_name() != "help").cloned().collect();
            waiting.extend(inner.into_iter().rev());
        }
        insta::assert_snapshot!(out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    }
}
