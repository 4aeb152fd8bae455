//! What the commands that run studies share: from a draft to a folder of results.

use std::path::{Path, PathBuf};

use neurohm::studies::REGISTRY;
use neurohm::study::record::Record;
use neurohm::study::{Card, Disk, Draft, Effort, Finding, RunFolder, execute};

use crate::args::{EffortOptions, RunOptions};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::summary;
use crate::terminal::Terminal;

/// What a run is to become.
pub enum Form {
    /// The report card: every study, a row each.
    Card,
    /// The record of the draft's own study; its page is titled with the device that `subject` was run on, or with the
    /// study where there is no subject.
    Record { subject: Option<String> },
}

/// Carries a draft out: runs it, writes the folder that `out` or else `name` names, and prints the result. What was
/// finished before an interrupt is written and printed too; the command then fails, saying what is missing.
pub fn carry_out(
    draft: &Draft,
    form: Form,
    name: &str,
    out: Option<&Path>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let folder = folder(out, name, terminal)?;
    let progress = Progress::new(terminal);
    let card = match form {
        Form::Card => super::score::card(draft, &progress)?,
        Form::Record { .. } => {
            let (study, request) = draft.resolve(REGISTRY, &Disk)?;
            Card::from(execute(study, &request, &Disk, &progress)?)
        }
    };
    progress.finish();
    let records: Vec<Record> = card.findings.iter().map(|finding| finding.record.clone()).collect();
    let page = match &form {
        Form::Card => neurohm::report::card(&records)?,
        Form::Record { subject } => {
            let title = records.first().map(|record| match subject {
                Some(subject) => format!("{subject} on {}", record.device_title),
                None => record.title.clone(),
            });
            neurohm::report::html(&records, &title.unwrap_or_default())?
        }
    };
    let folder = match form {
        Form::Card => folder.map(RunFolder::of_a_card),
        Form::Record { .. } => folder,
    };
    let folder = match folder {
        Some(folder) if card.cut_short().is_some() => Some(folder.beside_an_earlier_run()?),
        folder => folder,
    };
    let kept = folder.as_ref().map(|folder| folder.path().display().to_string());
    if let Some(folder) = folder {
        let report = folder.path().join("report.html");
        let others = folder.write(&card.findings, Some(&page))?.len().saturating_sub(1);
        terminal.tell(&format!("Wrote {} and {others} more files beside it.", report.display()));
    }
    match (&form, &records[..]) {
        (Form::Record { .. }, [record]) if terminal.json() => terminal.print_json(record)?,
        (Form::Record { .. }, [record]) => terminal.print(&summary::record(terminal, record))?,
        _ if terminal.json() => terminal.print_json(&serde_json::json!({ "rows": records }))?,
        _ => terminal.print(&summary::card(terminal, &records))?,
    }
    match card.cut_short() {
        None => Ok(()),
        Some(text) => {
            let kept = kept.map_or("what was finished was printed".into(), |dir| {
                format!("what was finished is in {dir}")
            });
            Err(Failure::failed(format!("cancelled. {text}")).help(kept))
        }
    }
}

/// Writes and prints what an experiment on single devices found.
pub fn deliver(finding: Finding, folder: Option<RunFolder>, terminal: &Terminal) -> Result<(), Failure> {
    let record = finding.record.clone();
    let title = format!("{}: {}", record.title, record.device_title);
    let page = neurohm::report::html(std::slice::from_ref(&record), &title)?;
    if let Some(folder) = folder {
        let report = folder.path().join("report.html");
        let others = folder.write(&[finding], Some(&page))?.len().saturating_sub(1);
        terminal.tell(&format!("Wrote {} and {others} more files beside it.", report.display()));
    }
    if terminal.json() {
        terminal.print_json(&record)
    } else {
        terminal.print(&summary::record(terminal, &record))
    }
}

/// Writes what an experiment measured until it stopped for `failure`, which then says where that is.
pub fn keep(
    finding: &Finding,
    folder: Option<RunFolder>,
    failure: Failure,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let names: Vec<&str> = finding.files.iter().map(|(name, _)| name.as_str()).collect();
    let Some(folder) = folder else {
        let help = format!("--out DIR keeps what was measured until then ({})", names.join(", "));
        return Err(failure.help(help));
    };
    let folder = folder.beside_an_earlier_run()?;
    let dir = folder.path().to_path_buf();
    folder.write(std::slice::from_ref(finding), None)?;
    let kept: Vec<String> = names.iter().map(|name| dir.join(name).display().to_string()).collect();
    terminal.tell(&format!("Wrote {}.", kept.join(", ")));
    Err(failure.help(format!("what was measured until then is in {}", kept.join(", "))))
}

/// The folder that results go to: the one asked for, else one named after the request, else, where standard
/// output carries the result, none. Opened before the run, so that a folder that cannot be written costs
/// no hour of work; it goes again where the run gives nothing.
pub fn folder(out: Option<&Path>, name: &str, terminal: &Terminal) -> Result<Option<RunFolder>, Failure> {
    let dir = match out {
        Some(dir) => dir.to_path_buf(),
        None if terminal.json() => return Ok(None),
        None => PathBuf::from(plain(name)),
    };
    let folder = RunFolder::open(&dir)?;
    if let Some(earlier) = folder.earlier(&SUMMARIES) {
        terminal.remember(earlier);
    }
    Ok(Some(folder))
}

/// What says what is in a folder of results.
const SUMMARIES: [&str; 2] = ["run.json", "solve.json"];

/// The last part of a path without its ending, as part of a folder's name.
pub fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect()
}

/// A draft with the options that all studies share.
pub fn draft(run: &RunOptions) -> Draft {
    Draft { seed: run.seed, chips: run.chips, set: run.set.clone(), ..Draft::default() }
}

/// The same, for commands that can be more or less thorough.
pub fn draft_of_effort(run: &RunOptions, effort: &EffortOptions) -> Draft {
    Draft {
        effort: if effort.full { Effort::Full } else { Effort::Quick },
        ablate: effort.no_ablation.then_some(false),
        ..draft(run)
    }
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
