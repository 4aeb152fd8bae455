//! Run folders: `run.json`, one CSV a table and figure, `report.html` and what else a run brought.
//!
//! Every file is written under a temporary name in the same folder, flushed to the disk, and only when all
//! of them are complete are they renamed into place. A run that is killed, or a disk that is full, leaves
//! the folder as it was.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use crate::csv;
use crate::engine::Finding;
use crate::error::StudyError;
use crate::record::Record;

/// Ending of a file that is not complete yet.
const UNFINISHED: &str = ".unfinished";
/// Largest `run.json` that is read back, in bytes.
const LARGEST: u64 = 1 << 30;

/// A folder that results go to. Made before the run, so that a folder that cannot be written is known
/// before an hour of work; dropped without `write`, it takes away what it made.
#[derive(Debug)]
pub struct RunFolder {
    dir: PathBuf,
    /// Folders made on the way, outermost first.
    made: Vec<PathBuf>,
    /// Whether `run.json` is a list even of one record.
    list: bool,
}

/// Results of an earlier run in a folder.
#[derive(Clone, Debug)]
pub struct Earlier {
    file: PathBuf,
    written: Option<SystemTime>,
}

impl Earlier {
    /// Whether they are there as they were: nobody has written others meanwhile.
    pub fn stands(&self) -> bool {
        self.written.is_some() && written(&self.file) == self.written
    }

    /// The file that says what they are.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// When a file was last written; none where there is no such file.
fn written(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|file| file.modified()).ok()
}

/// The list form of `run.json`, for several studies in one folder.
#[derive(Deserialize)]
struct Rows {
    rows: Vec<Record>,
}

impl RunFolder {
    /// Makes `dir` if need be and proves that it can be written to.
    pub fn open(dir: &Path) -> Result<Self, StudyError> {
        let mut made = Vec::new();
        let mut missing: Vec<&Path> =
            dir.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
        missing.reverse();
        let folder = |made| Self { dir: dir.to_path_buf(), made, list: false };
        for path in missing {
            match fs::create_dir(path) {
                Ok(()) => made.push(path.to_path_buf()),
                // Somebody else made it meanwhile.
                Err(e) if e.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
                Err(e) => {
                    let _undo = folder(made);
                    return Err(refused(path, &e));
                }
            }
        }
        let folder = folder(made);
        if !dir.is_dir() {
            return Err(StudyError::Write {
                path: dir.to_path_buf(),
                problem: "it is a file, and a folder is needed; name another".to_string(),
            });
        }
        let probe = dir.join(format!(".neurohm-probe-{}{UNFINISHED}", std::process::id()));
        let tried = OpenOptions::new().write(true).create(true).truncate(true).open(&probe);
        tried.map_err(|e| refused(dir, &e))?;
        fs::remove_file(&probe).map_err(|e| refused(dir, &e))?;
        Ok(folder)
    }

    /// The folder of a report card: `run.json` holds a list and every study has a folder of its own, however many
    /// were finished.
    #[must_use]
    pub fn of_a_card(mut self) -> Self {
        self.list = true;
        self
    }

    /// A folder beside this one, where this one holds an earlier run: results that are not whole must not take the
    /// place of whole ones.
    pub fn beside_an_earlier_run(self) -> Result<Self, StudyError> {
        if !self.dir.join("run.json").exists() {
            return Ok(self);
        }
        let mut name = self.dir.file_name().unwrap_or_default().to_os_string();
        name.push("-cut-short");
        let mut beside = Self::open(&self.dir.with_file_name(name))?;
        beside.list = self.list;
        Ok(beside)
    }

    /// The results of an earlier run, if the folder holds a summary by one of these names, such as `run.json`.
    pub fn earlier(&self, summaries: &[&str]) -> Option<Earlier> {
        let files = summaries.iter().map(|name| self.dir.join(name));
        files.map(|file| Earlier { written: written(&file), file }).find(Earlier::stands)
    }

    /// Keeps what was made on the way: it has been filled.
    pub(crate) fn filled(mut self) {
        self.made.clear();
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Writes the findings and everything beside them; all or nothing. A single record and its files lie in the
    /// folder itself, several have a folder each, named after their study. What an earlier run left there goes, so
    /// that no file is taken for this run's; other files stay. Returns the files' paths.
    pub fn write(mut self, findings: &[Finding], html: Option<&str>) -> Result<Vec<PathBuf>, StudyError> {
        let list = self.list || findings.len() != 1;
        let earlier =
            read_listed(&self.dir.join("run.json")).map(|(records, list)| accounted(&records, list));
        let mut parts: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        for Finding { record, files, .. } in findings {
            let inside = place(record, list);
            for (name, bytes) in files {
                parts.push((inside.join(file_name(name)), bytes.clone()));
            }
            for t in &record.tables {
                parts.push((inside.join(format!("{}.csv", file_name(&t.name))), csv::table(t).into_bytes()));
            }
            for s in &record.series {
                parts.push((inside.join(format!("{}.csv", file_name(&s.name))), csv::series(s).into_bytes()));
            }
            parts.push((inside.join("description.toml"), record.description.clone().into_bytes()));
        }
        if let Some(html) = html {
            parts.push((PathBuf::from("report.html"), html.as_bytes().to_vec()));
        }
        // Last, so that a folder with a run.json is a whole one.
        let records: Vec<&Record> = findings.iter().map(|f| &f.record).collect();
        parts.push((PathBuf::from("run.json"), json(&records, list)?.into_bytes()));
        let mut unfinished = Unfinished::default();
        for (name, bytes) in &parts {
            let target = self.dir.join(name);
            if let Some(parent) = target.parent().filter(|p| !p.exists()) {
                fs::create_dir(parent).map_err(|e| refused(parent, &e))?;
                self.made.push(parent.to_path_buf());
            }
            unfinished.add(target, bytes)?;
        }
        let done = unfinished.finish()?;
        for stale in earlier.unwrap_or_default().into_iter().map(|name| self.dir.join(name)) {
            if !done.contains(&stale) {
                // Already away is as good; a folder that still holds something else stays.
                let _ = fs::remove_file(&stale);
                if let Some(parent) = stale.parent().filter(|p| *p != self.dir) {
                    let _ = fs::remove_dir(parent);
                }
            }
        }
        // Renames are safe once the folder itself is on the disk; some file systems refuse to say.
        if let Ok(handle) = File::open(&self.dir) {
            let _ = handle.sync_all();
        }
        self.made.clear();
        Ok(done)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        for path in self.made.iter().rev() {
            // Only empty folders go; anything else is somebody's.
            let _ = fs::remove_dir(path);
        }
    }
}

/// Writes `bytes` to `path`, whole or not at all.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StudyError> {
    let mut unfinished = Unfinished::default();
    unfinished.add(path.to_path_buf(), bytes)?;
    unfinished.finish().map(|_| ())
}

/// Takes a file away, if it is there.
pub fn remove_file(path: &Path) -> Result<(), StudyError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(refused(path, &e)),
        _ => Ok(()),
    }
}

/// Writes findings and page into `dir`; see [`RunFolder`].
pub fn write_run(dir: &Path, findings: &[Finding], html: Option<&str>) -> Result<Vec<PathBuf>, StudyError> {
    RunFolder::open(dir)?.write(findings, html)
}

/// Where in the folder a record's own files lie.
fn place(record: &Record, list: bool) -> PathBuf {
    if list { PathBuf::from(file_name(&record.study)) } else { PathBuf::new() }
}

/// The files that a run with these records wrote, `run.json` itself apart.
fn accounted(records: &[Record], list: bool) -> Vec<PathBuf> {
    let mut names = vec![PathBuf::from("report.html")];
    for record in records {
        let inside = place(record, list);
        let tables = record.tables.iter().map(|t| &t.name);
        let series = record.series.iter().map(|s| &s.name);
        names.extend(tables.chain(series).map(|name| inside.join(format!("{}.csv", file_name(name)))));
        names.push(inside.join("description.toml"));
        names.extend(record.files.iter().map(|name| inside.join(file_name(name))));
    }
    names
}

/// Reads the records of a run folder, or of a `run.json` itself.
pub fn read_run(path: &Path) -> Result<Vec<Record>, StudyError> {
    read_listed(path).map(|(records, _)| records)
}

/// The same, and whether they were written as a list.
fn read_listed(path: &Path) -> Result<(Vec<Record>, bool), StudyError> {
    let file = if path.is_dir() { path.join("run.json") } else { path.to_path_buf() };
    let wrong = |problem: String| StudyError::Read { path: file.clone(), problem };
    let meta = fs::metadata(&file).map_err(|e| wrong(e.to_string()))?;
    if meta.len() > LARGEST {
        return Err(wrong(format!("{} bytes are too many for a record", meta.len())));
    }
    let text = fs::read_to_string(&file).map_err(|e| wrong(e.to_string()))?;
    read_records(&text).map_err(wrong)
}

/// The records that a `run.json` with this text holds, and whether they were written as a list.
///
/// # Errors
/// What is wrong with the text, with line and column.
pub fn read_records(text: &str) -> Result<(Vec<Record>, bool), String> {
    let wrong = |e: serde_json::Error| e.to_string();
    let list = text.trim_start().starts_with('{') && {
        let value: serde_json::Value = serde_json::from_str(text).map_err(wrong)?;
        value.get("rows").is_some()
    };
    if list {
        serde_json::from_str::<Rows>(text).map(|r| (r.rows, true)).map_err(wrong)
    } else {
        serde_json::from_str::<Record>(text).map(|r| (vec![r], false)).map_err(wrong)
    }
}

/// The JSON form: one record as an object; several, or a `list` of one, as `{"rows": [...]}`.
pub fn json(records: &[&Record], list: bool) -> Result<String, StudyError> {
    let text = match records {
        [one] if !list => serde_json::to_string_pretty(one),
        several => serde_json::to_string_pretty(&serde_json::json!({ "rows": several })),
    };
    text.map(|t| t + "\n").map_err(|e| StudyError::Invalid(format!("a record has no JSON form: {e}")))
}

/// A name that is one plain part of a path, whatever a layer or study was called.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).take(100).collect();
    if name.starts_with('.') || name.is_empty() { format!("_{name}") } else { name }
}

pub(crate) fn refused(path: &Path, e: &std::io::Error) -> StudyError {
    let problem = match e.kind() {
        ErrorKind::StorageFull => "the disk is full".to_string(),
        ErrorKind::QuotaExceeded => "the disk quota is used up".to_string(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_string(),
        ErrorKind::PermissionDenied => "permission denied; is the folder read-only?".to_string(),
        ErrorKind::NotADirectory => "a part of the path is a file, not a folder".to_string(),
        _ => e.to_string(),
    };
    StudyError::Write { path: path.to_path_buf(), problem }
}

/// Files under temporary names, removed unless all were finished.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(Vec<(PathBuf, PathBuf)>);

impl Unfinished {
    pub(crate) fn add(&mut self, target: PathBuf, bytes: &[u8]) -> Result<(), StudyError> {
        let mut file = self.begin(&target)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| refused(&target, &e))
    }

    /// An empty file that will be `target`.
    pub(crate) fn begin(&mut self, target: &Path) -> Result<File, StudyError> {
        let target = target.to_path_buf();
        if target.is_dir() {
            let problem = "a folder of that name is in the way".to_string();
            return Err(StudyError::Write { path: target, problem });
        }
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}{UNFINISHED}", std::process::id()));
        let temporary = target.with_file_name(name);
        self.0.push((temporary.clone(), target.clone()));
        let made = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary);
        made.map_err(|e| refused(&target, &e))
    }

    pub(crate) fn finish(mut self) -> Result<Vec<PathBuf>, StudyError> {
        let mut done = Vec::new();
        for (temporary, target) in &self.0 {
            fs::rename(temporary, target).map_err(|e| refused(target, &e))?;
            done.push(target.clone());
        }
        self.0.clear();
        Ok(done)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        for (temporary, _) in &self.0 {
            let _ = fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What a full or read-only disk is called cannot be provoked everywhere; what is said of it can be held.
    #[test]
    fn what_the_system_refuses_is_said_with_its_reason() {
        let said = |kind: ErrorKind| refused(Path::new("out"), &std::io::Error::from(kind)).to_string();
        for (kind, reason) in [
            (ErrorKind::StorageFull, "the disk is full"),
            (ErrorKind::QuotaExceeded, "the disk quota is used up"),
            (ErrorKind::ReadOnlyFilesystem, "the file system is read-only"),
            (ErrorKind::PermissionDenied, "permission denied; is the folder read-only?"),
            (ErrorKind::NotADirectory, "a part of the path is a file, not a folder"),
        ] {
            let said = said(kind);
            assert!(said.contains("out") && said.contains(reason), "{said}");
        }
    }

    /// `/dev/full` refuses every byte: the nearest thing to a full disk on any Linux machine.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_called_one() {
        let e = std::fs::write("/dev/full", [0_u8; 4096]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::StorageFull);
        assert!(refused(Path::new("run.json"), &e).to_string().contains("the disk is full"));
    }

    #[test]
    fn a_second_run_takes_the_first_ones_files_away_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let first = with_outputs(Record { files: vec!["outputs.npy".to_string()], ..blank("first") });
        write_run(dir.path(), &[first], Some("page")).unwrap();
        std::fs::write(dir.path().join("mine.txt"), "kept").unwrap();
        write_run(dir.path(), &[blank("second").into()], None).unwrap();
        let there = |name: &str| dir.path().join(name).exists();
        assert!(!there("outputs.npy") && !there("report.html"));
        assert!(there("mine.txt") && there("run.json") && there("description.toml"));
        assert_eq!(read_run(dir.path()).unwrap()[0].study, "second");
    }

    #[test]
    fn a_card_cut_short_is_still_a_card() {
        let dir = tempfile::tempdir().unwrap();
        RunFolder::open(dir.path()).unwrap().of_a_card().write(&[blank("mvm").into()], None).unwrap();
        let text = std::fs::read_to_string(dir.path().join("run.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["rows"][0]["study"], "mvm");
        assert!(dir.path().join("mvm").join("description.toml").exists());
    }

    #[test]
    fn what_is_not_whole_does_not_take_the_place_of_what_is() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("card");
        let open = || RunFolder::open(&target).unwrap().of_a_card().beside_an_earlier_run().unwrap();
        assert_eq!(open().path(), target, "there is no earlier run");
        open().write(&[blank("mvm").into(), blank("inference").into()], None).unwrap();
        let beside = open();
        assert_eq!(beside.path(), dir.path().join("card-cut-short"));
        beside.write(&[blank("mvm").into()], None).unwrap();
        assert_eq!(read_run(&target).unwrap().len(), 2);
        assert_eq!(read_run(&dir.path().join("card-cut-short")).unwrap().len(), 1);
    }

    #[test]
    fn files_lie_with_the_study_that_brought_them() {
        let dir = tempfile::tempdir().unwrap();
        let two = ["mvm", "inference"]
            .map(|study| with_outputs(Record { files: vec!["outputs.npy".to_string()], ..blank(study) }));
        write_run(dir.path(), &two, None).unwrap();
        let there = |name: &str| dir.path().join(name).exists();
        assert!(there("mvm/outputs.npy") && there("inference/outputs.npy") && !there("outputs.npy"));
        write_run(dir.path(), &[blank("mvm").into()], None).unwrap();
        assert!(!there("inference") && !there("mvm"), "an earlier card's files go");
    }

    fn with_outputs(record: Record) -> Finding {
        Finding { files: vec![("outputs.npy".to_string(), vec![1, 2, 3])], ..record.into() }
    }

    fn blank(study: &str) -> Record {
        let text = serde_json::json!({
            "study": study, "title": "", "about": "", "revision": 1, "id": "0", "device": "", "device_title": "",
            "device_source": "", "description": "", "command": "", "seed": 1, "version": "", "isa": "", "chips": 1,
            "wall_s": 0.0, "merit": "", "scalars": {}
        });
        serde_json::from_value(text).unwrap()
    }
}
