//! What the commands that run studies share: from a draft to a folder of results.

use std::path::{Path, PathBuf};

use neurohm::studies::REGISTRY;
use neurohm::study::record::Record;
use neurohm::study::{Disk, Draft, Finding, RunFolder, StudyError, execute};

use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

/// The folder that results go to: the one asked for, else one named after the request, else, where standard
/// output carries the result, none. Opened before the run, so that a folder that cannot be written costs
/// no hour of work.
pub fn folder(out: Option<&Path>, name: &str, terminal: &Terminal) -> Result<Option<RunFolder>, Failure> {
    let dir = match out {
        Some(dir) => dir.to_path_buf(),
        None if terminal.json() => return Ok(None),
        None => PathBuf::from(plain(name)),
    };
    Ok(Some(RunFolder::open(&dir)?))
}

/// The last part of a path without its ending, as part of a folder's name.
pub fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect()
}

/// Carries out one draft.
pub fn one(draft: &Draft, terminal: &Terminal) -> Result<Finding, Failure> {
    let (study, request) = draft.resolve(REGISTRY, &Disk)?;
    let progress = Progress::new(terminal);
    Ok(execute(study, &request, &Disk, &progress)?)
}

/// Carries out a draft for every study. A cancelled run keeps the studies that were finished: they come back
/// beside the failure.
pub fn every(draft: &Draft, terminal: &Terminal) -> Result<(Vec<Finding>, Option<Failure>), Failure> {
    // All are resolved first, so that a wrong one costs nothing.
    let drafts: Vec<Draft> = REGISTRY
        .iter()
        .map(|study| Draft { study: Some(study.name().to_string()), ..draft.clone() })
        .collect();
    let requests =
        drafts.iter().map(|draft| draft.resolve(REGISTRY, &Disk)).collect::<Result<Vec<_>, _>>()?;
    let progress = Progress::new(terminal);
    let mut findings = Vec::new();
    for (study, request) in &requests {
        match execute(*study, request, &Disk, &progress) {
            Ok(finding) => findings.push(finding),
            Err(StudyError::Cancelled) if !findings.is_empty() => {
                let (done, all) = (findings.len(), requests.len());
                let failure =
                    Failure::failed(format!("cancelled; {done} of {all} studies were finished and are kept"));
                return Ok((findings, Some(failure)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((findings, None))
}

/// Writes findings with their page and says where they are.
pub fn write(
    folder: Option<RunFolder>,
    findings: &[Finding],
    page: &str,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    let records: Vec<Record> = findings.iter().map(|finding| finding.record.clone()).collect();
    let files: Vec<(String, Vec<u8>)> = findings.iter().flat_map(|finding| finding.files.clone()).collect();
    let report = folder.path().join("report.html");
    let written = folder.write(&records, Some(page), &files)?;
    let others = written.len().saturating_sub(1);
    terminal.tell(&format!("Wrote {} and {others} more files beside it.", report.display()));
    Ok(())
}
