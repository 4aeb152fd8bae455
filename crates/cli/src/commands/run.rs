//! `neurohm run STUDY`: any study, by name or from a request's file.

use neurohm::study::{Disk, Draft, Inputs, StudyError};

use super::carry_out::{self, Form};
use crate::args::{EffortOptions, RunOptions, quoted};
use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm run mvm --device reram_wan2022
  neurohm run inference --set config.images=2000 --set chip.adc.uniform.resolution.bits=6
  neurohm run ./request.toml --out result")]
pub struct Options {
    /// Study (see `neurohm studies`), or the path of a request in TOML
    #[arg(value_name = "STUDY|FILE.toml")]
    study: String,
    /// Device: a preset or the path of a description [default: the chip's own]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Chip: a preset or the path of a description [default: default]
    #[arg(long, value_name = "CHIP")]
    chip: Option<String>,
    #[command(flatten)]
    effort: EffortOptions,
    #[command(flatten)]
    run: RunOptions,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let is_file = options.study.contains(['/', '\\']) || options.study.ends_with(".toml");
    let document = match is_file {
        true => Some((text(&options.study)?, options.study.clone())),
        false => None,
    };
    let draft = Draft {
        study: (!is_file).then(|| options.study.clone()),
        document,
        device: options.device.clone(),
        chip: options.chip.clone(),
        command: Some(command(&options)),
        ..carry_out::draft_of_effort(&options.run, &options.effort)
    };
    let what = [Some(options.study.as_str()), options.chip.as_deref(), options.device.as_deref()];
    let name: Vec<&str> = what.into_iter().flatten().map(carry_out::stem).collect();
    let form = Form::Record { subject: None };
    carry_out::carry_out(&draft, form, &name.join("-"), options.run.out.as_deref(), terminal)
}

fn text(path: &str) -> Result<String, Failure> {
    let bytes = Disk.bytes(path)?;
    String::from_utf8(bytes).map_err(|e| {
        let problem = format!("it is not text: byte {} is not UTF-8", e.utf8_error().valid_up_to());
        Failure::from(StudyError::Read { path: path.into(), problem })
    })
}

fn command(options: &Options) -> String {
    let mut words = vec!["neurohm".to_string(), "run".into(), options.study.clone()];
    words.extend(options.device.iter().flat_map(|device| ["--device".to_string(), device.clone()]));
    words.extend(options.chip.iter().flat_map(|chip| ["--chip".to_string(), chip.clone()]));
    words.extend(carry_out::deciding(&options.run, Some(&options.effort)));
    quoted(words)
}
