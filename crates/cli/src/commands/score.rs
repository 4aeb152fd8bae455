//! `neurohm score DEVICE`: the report card.

use neurohm::study::Draft;

use super::carry_out::{self, Form};
use crate::args::{EffortOptions, RunOptions, quoted};
use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm score pcm                              a preset; writes score-pcm/report.html
  neurohm device show pcm > mine.toml            start a description of your own
  neurohm score ./mine.toml --full --out mine    judge it thoroughly")]
pub struct Options {
    /// Device: a preset (see `neurohm device list`) or the path of a description in TOML
    device: String,
    /// Chip to put it on: a preset or the path of a description [default: default]
    #[arg(long, value_name = "CHIP")]
    chip: Option<String>,
    #[command(flatten)]
    effort: EffortOptions,
    #[command(flatten)]
    run: RunOptions,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    if let Some(set) = options.run.set.iter().find(|set| set.trim_start().starts_with("config.")) {
        let message = format!("--set {set}: a score runs every study, and `config.` belongs to one");
        let help = "settings of the chip (chip.adc...) work here; for one study use `neurohm run STUDY --set config...`";
        return Err(Failure::request(message).help(help));
    }
    let draft = Draft {
        device: Some(options.device.clone()),
        chip: options.chip.clone(),
        command: Some(command(&options)),
        ..carry_out::draft_of_effort(&options.run, &options.effort)
    };
    let name = format!("score-{}", carry_out::stem(&options.device));
    carry_out::carry_out(&draft, Form::Card, &name, options.run.out.as_deref(), terminal)
}

fn command(options: &Options) -> String {
    let mut words = vec!["neurohm".to_string(), "score".into(), options.device.clone()];
    words.extend(options.chip.iter().flat_map(|chip| ["--chip".to_string(), chip.clone()]));
    words.extend(carry_out::deciding(&options.run, Some(&options.effort)));
    quoted(words)
}
