//! `neurohm report RUN...`: pages from records that lie on the disk.

use std::path::PathBuf;

use neurohm::study::record::Record;
use neurohm::study::{StudyError, read_run, write_file};

use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub struct Options {
    /// Folders of runs, or their run.json
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Write report.html into DIR [default: the run's own folder; for several runs, the working folder]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let mut records: Vec<Record> = Vec::new();
    for run in &options.runs {
        records.extend(read_run(run).map_err(|error| {
            match &error {
                StudyError::Read { path, .. } if !path.exists() => Failure::from(error)
                    .help("a run is a folder that `score`, `run` or `eval` wrote, with a run.json in it"),
                _ => Failure::from(error),
            }
        })?);
    }
    let title = match &records[..] {
        [one] => one.title.clone(),
        several => format!("{} records", several.len()),
    };
    // One run with several studies is a score; several runs are a comparison.
    let page = match (options.runs.len(), records.len()) {
        (1, 2..) => neurohm::report::card(&records)?,
        _ => neurohm::report::html(&records, &title)?,
    };
    let folder = match (options.out, &options.runs[..]) {
        (Some(out), _) => out,
        (None, [run]) if run.is_dir() => run.clone(),
        (None, [run]) => run.parent().map(PathBuf::from).unwrap_or_default(),
        (None, _) => PathBuf::new(),
    };
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    std::fs::create_dir_all(&folder)
        .map_err(|e| Failure::failed(format!("cannot make {}: {e}", folder.display())))?;
    let file = folder.join("report.html");
    write_file(&file, page.as_bytes())?;
    if terminal.json() {
        return terminal.print_json(&serde_json::json!({ "report": file, "records": records.len() }));
    }
    terminal.print(&format!("{}\n", file.display()))
}
