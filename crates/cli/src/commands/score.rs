//! `neurohm score DEVICE`: the report card.

use neurohm::study::record::Record;
use neurohm::study::{Draft, Effort};

use super::carry_out;
use crate::args::{EffortOptions, RunOptions, quoted};
use crate::failure::Failure;
use crate::summary;
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
        effort: effort(&options.effort),
        ablate: options.effort.no_ablation.then_some(false),
        command: Some(command(&options)),
        ..draft(&options.run)
    };
    let name = format!("score-{}", carry_out::stem(&options.device));
    let folder = carry_out::folder(options.run.out.as_deref(), &name, terminal)?.map(|f| f.of_a_card());
    let (findings, cancelled) = carry_out::every(&draft, terminal)?;
    let records: Vec<Record> = findings.iter().map(|finding| finding.record.clone()).collect();
    carry_out::write(folder, &findings, &neurohm::report::card(&records)?, terminal)?;
    if terminal.json() {
        terminal.print_json(&serde_json::json!({ "rows": records }))?;
    } else {
        terminal.print(&summary::card(terminal, &records))?;
    }
    cancelled.map_or(Ok(()), Err)
}

/// A draft with the options that all studies share.
pub fn draft(run: &RunOptions) -> Draft {
    Draft { seed: run.seed, chips: run.chips, set: run.set.clone(), ..Draft::default() }
}

pub fn effort(options: &EffortOptions) -> Effort {
    if options.full { Effort::Full } else { Effort::Quick }
}

/// The options that decide the result, as they would be typed again.
pub fn deciding(run: &RunOptions, effort: Option<&EffortOptions>) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(effort) = effort {
        words.extend(effort.full.then(|| "--full".to_string()));
        words.extend(effort.no_ablation.then(|| "--no-ablation".to_string()));
    }
    words.extend(run.seed.iter().flat_map(|seed| ["--seed".to_string(), seed.to_string()]));
    words.extend(run.chips.iter().flat_map(|chips| ["--chips".to_string(), chips.to_string()]));
    words.extend(run.set.iter().flat_map(|set| ["--set".to_string(), set.clone()]));
    words
}

fn command(options: &Options) -> String {
    let mut words = vec!["neurohm".to_string(), "score".into(), options.device.clone()];
    words.extend(options.chip.iter().flat_map(|chip| ["--chip".to_string(), chip.clone()]));
    words.extend(deciding(&options.run, Some(&options.effort)));
    quoted(words)
}
