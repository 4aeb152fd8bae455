//! The folder of results: one file a chunk, each whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::chunk::{Chunk, Head};
use crate::error::StudyError;
use crate::folder::refused;

/// The folder, within that of the sweep.
const FOLDER: &str = "results";
/// Ending of a result.
const ENDING: &str = ".jsonl";
/// Ending of what is being written.
const UNFINISHED: &str = ".unfinished";
/// Largest file of a result that is read, in bytes.
const LARGEST: u64 = 1 << 30;
/// Longest first line, in bytes.
const LONGEST: u64 = 1 << 24;
/// A file is written in one go: one that is still unfinished after so long was left behind.
const LEFT: Duration = Duration::from_secs(3600);

/// Makes the folder, if need be.
pub(crate) fn make(dir: &Path) -> Result<(), StudyError> {
    let folder = dir.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|e| refused(&folder, &e))
}

/// Where the result of a chunk lies.
pub(crate) fn path(dir: &Path, hash: &str) -> PathBuf {
    dir.join(FOLDER).join(format!("{hash}{ENDING}"))
}

/// What lies where a chunk's result belongs.
pub(crate) enum Found<T> {
    /// Nothing.
    Nothing,
    /// Something that is no result of it, and why.
    Damaged(String),
    /// Its result.
    Whole(T),
}

/// The first line of a chunk's result, and when the file was written. Its length is held against what the line says, the rest
/// is not looked at.
pub(crate) fn head(dir: &Path, hash: &str) -> Result<Found<(Head, Option<SystemTime>)>, StudyError> {
    let path = path(dir, hash);
    let wrong = |e: std::io::Error| StudyError::Read { path: path.clone(), problem: e.to_string() };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(e) => return Err(wrong(e)),
    };
    let meta = file.metadata().map_err(wrong)?;
    if meta.is_dir() {
        return Ok(Found::Damaged("a folder of that name is in the way".into()));
    }
    let mut line = Vec::new();
    let read = BufReader::new(file).take(LONGEST).read_until(b'\n', &mut line);
    read.map_err(wrong)?;
    let text = match (line.pop(), String::from_utf8(line)) {
        (Some(b'\n'), Ok(text)) => text,
        _ => return Ok(Found::Damaged("it ends within its first line, or is no text".into())),
    };
    Ok(match Head::read(&text, meta.len()).and_then(|head| belongs(head, hash)) {
        Ok(head) => Found::Whole((head, meta.modified().ok())),
        Err(problem) => Found::Damaged(problem),
    })
}

/// A chunk's result, every byte of it held against its digest.
pub(crate) fn whole(dir: &Path, hash: &str) -> Result<Found<Chunk>, StudyError> {
    let path = path(dir, hash);
    let wrong = |e: std::io::Error| StudyError::Read { path: path.clone(), problem: e.to_string() };
    match fs::metadata(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(e) => return Err(wrong(e)),
        Ok(meta) if meta.is_dir() => {
            return Ok(Found::Damaged("a folder of that name is in the way".into()));
        }
        Ok(meta) if meta.len() > LARGEST => {
            return Ok(Found::Damaged(format!("{} bytes are too many for a result", meta.len())));
        }
        Ok(_) => {}
    }
    let bytes = fs::read(&path).map_err(wrong)?;
    let chunk = String::from_utf8(bytes).map_err(|_| "it is no text".to_string());
    let chunk = chunk.and_then(|text| Chunk::read(&text));
    let held = |chunk: Chunk| belongs(chunk.head.clone(), hash).map(|_| chunk);
    Ok(match chunk.and_then(held) {
        Ok(chunk) => Found::Whole(chunk),
        Err(problem) => Found::Damaged(problem),
    })
}

/// Refuses the result of another chunk under this one's name.
fn belongs(head: Head, hash: &str) -> Result<Head, String> {
    if head.chunk == hash { Ok(head) } else { Err(format!("it is the result of chunk {}", head.chunk)) }
}

/// Writes a chunk's result, whole or not at all, in the place of what lies there: under a name that no other process on any
/// machine has, flushed to the disk, renamed.
pub(crate) fn write(dir: &Path, hash: &str, text: &str) -> Result<(), StudyError> {
    let target = path(dir, hash);
    let refused = |e: &std::io::Error| refused(&target, e);
    make(dir)?;
    let (temporary, mut file) = begin(&target).map_err(|e| refused(&e))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let done = written.and_then(|()| fs::rename(&temporary, &target));
    if let Err(e) = done {
        let _ = fs::remove_file(&temporary);
        return Err(match target.is_dir() {
            true => StudyError::Write {
                path: target.clone(),
                problem: "a folder of that name is in the way".into(),
            },
            false => refused(&e),
        });
    }
    // Renames are safe once the folder itself is on the disk; some file systems refuse to say.
    if let Some(Ok(folder)) = target.parent().map(File::open) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// A new file beside `target`. Process ids are not enough of a name: machines that share a disk have the same ones.
fn begin(target: &Path) -> std::io::Result<(PathBuf, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    loop {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}.{}-{now:x}-{count}{UNFINISHED}", std::process::id());
        let temporary = target.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            made => return Ok((temporary, made?)),
        }
    }
}

/// What else lies in the folder of results.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strays {
    /// Files that were begun and, for an hour, not finished.
    pub left: Vec<PathBuf>,
    /// Files that are nothing of this sweep's.
    pub foreign: Vec<PathBuf>,
}

/// Looks for what is no result of a chunk with one of these hashes.
pub(crate) fn strays(dir: &Path, ours: &dyn Fn(&str) -> bool) -> Result<Strays, StudyError> {
    let folder = dir.join(FOLDER);
    let wrong = |e: std::io::Error| StudyError::Read { path: folder.clone(), problem: e.to_string() };
    let mut strays = Strays::default();
    let entries = match fs::read_dir(&folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(strays),
        entries => entries.map_err(wrong)?,
    };
    for entry in entries {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_suffix(ENDING).is_some_and(ours) {
            continue;
        }
        if name.ends_with(UNFINISHED) {
            let written = entry.metadata().and_then(|meta| meta.modified());
            if written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT)) {
                strays.left.push(entry.path());
            }
        } else {
            strays.foreign.push(entry.path());
        }
    }
    strays.left.sort();
    strays.foreign.sort();
    Ok(strays)
}

/// Takes away what was begun and left behind.
pub(crate) fn clear(strays: &Strays) {
    // Already away is as good.
    strays.left.iter().for_each(|path| drop(fs::remove_file(path)));
}
