//! Folders of arrays: results that are npy files and a summary in JSON, for computations that are no study.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use neurohm_data::npy;
use serde_json::Value;

use crate::error::StudyError;
use crate::folder::{RunFolder, Unfinished, refused};

/// Bytes that are put together before they are written.
const PIECE: usize = 1 << 20;

/// A folder that gets arrays. Nothing in it changes before [`Self::finish`].
#[derive(Debug)]
pub struct Arrays {
    // Goes first where this is dropped: a folder is taken away only while it is empty.
    unfinished: Unfinished,
    folder: RunFolder,
    names: Vec<String>,
}

/// An array of `f64` on its way to the disk: little-endian, in C order, written in any order of its parts.
#[derive(Debug)]
pub struct ArrayFile {
    file: File,
    target: PathBuf,
    /// Where its values begin.
    start: u64,
    /// How many it has.
    count: u64,
}

impl Arrays {
    /// Arrays for `folder`.
    pub fn new(folder: RunFolder) -> Self {
        Self { unfinished: Unfinished::default(), folder, names: Vec::new() }
    }

    /// Where they go.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Begins an array; parts that are never written are zero.
    ///
    /// # Errors
    /// A file that cannot be made, a shape that no file holds.
    pub fn begin(&mut self, name: &str, shape: &[usize]) -> Result<ArrayFile, StudyError> {
        let target = self.folder.path().join(name);
        let wrong = |problem: String| StudyError::Write { path: target.clone(), problem };
        let count = shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64));
        let bytes = count.and_then(|n| n.checked_mul(8)).filter(|b| *b < i64::MAX as u64 / 2);
        let (Some(count), Some(bytes)) = (count, bytes) else {
            return Err(wrong(format!("no file holds an array of the shape {shape:?}")));
        };
        let header = npy::header_of::<f64>(shape).map_err(|e| wrong(e.problem))?;
        let mut file = self.unfinished.begin(&target)?;
        let start = header.len() as u64;
        file.write_all(&header)
            .and_then(|()| file.set_len(start + bytes))
            .map_err(|e| refused(&target, &e))?;
        self.names.push(name.to_owned());
        Ok(ArrayFile { file, target, start, count })
    }

    /// Writes a whole array.
    ///
    /// # Errors
    /// As for [`Self::begin`], and another number of values than the shape has.
    pub fn write(&mut self, name: &str, shape: &[usize], values: &[f64]) -> Result<(), StudyError> {
        let mut file = self.begin(name, shape)?;
        file.put(0, values)?;
        file.end()
    }

    /// Puts all arrays in place, with `summary` beside them as `name`, which lists them under `"files"`. Arrays that an earlier
    /// summary of that name lists and that were not written again go, so that none is taken for one of these; everything
    /// else in the folder stays. Returns the files' paths.
    ///
    /// # Errors
    /// Files that cannot be written; then the folder is as it was.
    pub fn finish(mut self, name: &str, mut summary: Value) -> Result<Vec<PathBuf>, StudyError> {
        let target = self.folder.path().join(name);
        let earlier =
            fs::read_to_string(&target).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        summary["files"] = self.names.iter().map(String::as_str).collect();
        let text = serde_json::to_string_pretty(&summary).map_err(|e| StudyError::Invalid(e.to_string()))?;
        // Last, so that a folder with a summary is a whole one.
        self.unfinished.add(target, format!("{text}\n").as_bytes())?;
        let done = self.unfinished.finish()?;
        let listed = earlier.as_ref().and_then(|e| e["files"].as_array()).into_iter().flatten();
        for stale in listed.filter_map(Value::as_str) {
            // Names of ours are plain; anything else is somebody's own entry.
            let plain =
                Path::new(stale).file_name().is_some_and(|file| file == stale) && stale.ends_with(".npy");
            let path = self.folder.path().join(stale);
            if plain && !done.contains(&path) {
                let _ = fs::remove_file(path);
            }
        }
        self.folder.filled();
        Ok(done)
    }
}

impl ArrayFile {
    /// Writes values from element `first` (in C order) on.
    ///
    /// # Errors
    /// Values beyond the end of the array, and what the system refuses.
    pub fn put(&mut self, first: u64, values: &[f64]) -> Result<(), StudyError> {
        if first.checked_add(values.len() as u64).is_none_or(|end| end > self.count) {
            let problem = format!("{} values from {first} on go beyond its {}", values.len(), self.count);
            return Err(StudyError::Write { path: self.target.clone(), problem });
        }
        let mut piece = Vec::with_capacity(PIECE.min(8 * values.len()));
        let mut write = || {
            self.file.seek(SeekFrom::Start(self.start + 8 * first))?;
            for values in values.chunks(PIECE / 8) {
                piece.clear();
                values.iter().for_each(|v| piece.extend_from_slice(&v.to_le_bytes()));
                self.file.write_all(&piece)?;
            }
            Ok(())
        };
        write().map_err(|e| refused(&self.target, &e))
    }

    /// Waits until it is on the disk.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn end(self) -> Result<(), StudyError> {
        self.file.sync_all().map_err(|e| refused(&self.target, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> (Vec<usize>, Vec<f64>) {
        let array = npy::read(&fs::read(path).unwrap()).unwrap();
        (array.shape, array.values.into_f64())
    }

    #[test]
    fn arrays_come_in_parts_and_all_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new/deep");
        let mut arrays = Arrays::new(RunFolder::open(&target).unwrap());
        let mut parts = arrays.begin("parts.npy", &[2, 3]).unwrap();
        parts.put(4, &[5.0, f64::INFINITY]).unwrap();
        parts.put(0, &[1.0, -0.0]).unwrap();
        assert!(parts.put(5, &[0.0, 0.0]).unwrap_err().to_string().contains("beyond its 6"));
        parts.end().unwrap();
        arrays.write("whole.npy", &[2], &[7.0, 8.0]).unwrap();
        assert!(!target.join("parts.npy").exists(), "nothing is in place before all are");
        let done = arrays.finish("sum.json", serde_json::json!({"x": 1})).unwrap();
        assert_eq!(done.len(), 3);
        let (shape, values) = read(&target.join("parts.npy"));
        assert_eq!((shape, values), (vec![2, 3], vec![1.0, -0.0, 0.0, 0.0, 5.0, f64::INFINITY]));
        assert_eq!(read(&target.join("whole.npy")), (vec![2], vec![7.0, 8.0]));
        assert_eq!(fs::read_dir(&target).unwrap().count(), 3, "no temporary file stays");
    }

    #[test]
    fn what_is_dropped_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new");
        let mut arrays = Arrays::new(RunFolder::open(&target).unwrap());
        arrays.write("a.npy", &[1], &[1.0]).unwrap();
        assert!(arrays.begin("b.npy", &[usize::MAX, 2]).is_err());
        drop(arrays);
        assert!(!target.exists());
    }

    #[test]
    fn only_what_an_earlier_summary_lists_goes() {
        let dir = tempfile::tempdir().unwrap();
        let write = |names: &[&str]| {
            let mut arrays = Arrays::new(RunFolder::open(dir.path()).unwrap());
            names.iter().for_each(|name| arrays.write(name, &[1], &[1.0]).unwrap());
            arrays.finish("sum.json", serde_json::json!({})).unwrap();
        };
        fs::write(dir.path().join("mine.npy"), "kept").unwrap();
        write(&["a.npy", "b.npy"]);
        write(&["b.npy"]);
        let there = |name: &str| dir.path().join(name).exists();
        assert!(!there("a.npy") && there("b.npy") && there("mine.npy"));
        // A summary that somebody wrote cannot reach out of the folder, nor at other kinds of files.
        let inside = dir.path().join("in");
        fs::create_dir(&inside).unwrap();
        fs::write(inside.join("notes.txt"), "kept").unwrap();
        fs::write(inside.join("sum.json"), "{\"files\": [\"../b.npy\", \"notes.txt\", 3]}").unwrap();
        Arrays::new(RunFolder::open(&inside).unwrap()).finish("sum.json", serde_json::json!({})).unwrap();
        assert!(there("b.npy") && there("in/notes.txt"));
    }
}
