//! How studies get at files: they name them, the engine reads them and remembers their digests.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use neurohm_data::{Dataset, Limits, Source};
use neurohm_num::Watch;
use sha2::{Digest, Sha256};

use crate::error::StudyError;

/// Largest file that is read as a whole, in bytes.
const LARGEST: u64 = 8 << 30;

/// Files and datasets, for studies that must not touch the disk.
pub trait Inputs: Sync {
    /// The bytes of the file at `path`.
    fn bytes(&self, path: &str) -> Result<Vec<u8>, StudyError>;

    /// The bytes of the file `name` that lies beside `path` and was named inside it: never outside the
    /// folder of `path`, since names inside files are strangers' words.
    fn beside(&self, path: &str, name: &str) -> Result<Vec<u8>, StudyError>;

    /// The dataset that `source` names (`mnist:PATH`, `npz:FILE`, `strokes`).
    fn dataset(&self, source: &str, limits: Limits, watch: &dyn Watch) -> Result<Dataset, StudyError>;
}

/// The disk. Relative paths start at the working directory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Inputs for Disk {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, StudyError> {
        read(Path::new(path))
    }

    fn beside(&self, path: &str, name: &str) -> Result<Vec<u8>, StudyError> {
        let plain =
            Path::new(name).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if name.is_empty() || !plain {
            return Err(StudyError::Read {
                path: PathBuf::from(name),
                problem: format!("it is named inside {path} and lies outside that file's folder"),
            });
        }
        read(&Path::new(path).parent().unwrap_or(Path::new("")).join(name))
    }

    fn dataset(&self, source: &str, limits: Limits, watch: &dyn Watch) -> Result<Dataset, StudyError> {
        let source: Source = source.parse()?;
        neurohm_data::load(&source, limits, watch).map_err(|e| match e {
            neurohm_data::DataError::Cancelled(_) => StudyError::Cancelled,
            e => e.into(),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StudyError> {
    let wrong = |problem: String| StudyError::Read { path: path.to_path_buf(), problem };
    let meta = std::fs::metadata(path).map_err(|e| wrong(e.to_string()))?;
    if meta.is_dir() {
        return Err(wrong("it is a folder, and a file is needed".to_string()));
    }
    if meta.len() > LARGEST {
        return Err(wrong(format!("{} bytes are more than the {LARGEST} that are read", meta.len())));
    }
    std::fs::read(path).map_err(|e| wrong(e.to_string()))
}

/// Passes requests on and remembers a digest of everything that came back, for the run's id.
pub(crate) struct Witness<'a> {
    inner: &'a dyn Inputs,
    seen: Mutex<BTreeMap<String, String>>,
}

impl<'a> Witness<'a> {
    pub(crate) fn new(inner: &'a dyn Inputs) -> Self {
        Self { inner, seen: Mutex::default() }
    }

    /// Digest by role, sorted.
    pub(crate) fn digests(&self) -> BTreeMap<String, String> {
        self.seen.lock().map(|s| s.clone()).unwrap_or_default()
    }

    fn note(&self, what: &str, hash: Sha256) {
        let digest: String = hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
        if let Ok(mut seen) = self.seen.lock() {
            seen.insert(what.to_string(), digest);
        }
    }
}

impl Inputs for Witness<'_> {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, StudyError> {
        let bytes = self.inner.bytes(path)?;
        self.note(path, Sha256::new_with_prefix(&bytes));
        Ok(bytes)
    }

    fn beside(&self, path: &str, name: &str) -> Result<Vec<u8>, StudyError> {
        let bytes = self.inner.beside(path, name)?;
        self.note(&format!("{path} > {name}"), Sha256::new_with_prefix(&bytes));
        Ok(bytes)
    }

    fn dataset(&self, source: &str, limits: Limits, watch: &dyn Watch) -> Result<Dataset, StudyError> {
        let data = self.inner.dataset(source, limits, watch)?;
        let mut hash = Sha256::new();
        for samples in std::iter::once(&data.test).chain(&data.train) {
            for n in &samples.shape {
                hash.update((*n as u64).to_le_bytes());
            }
            let mut block = Vec::with_capacity(4 << 12);
            for chunk in samples.x.chunks(1 << 12) {
                block.clear();
                block.extend(chunk.iter().flat_map(|x| x.to_le_bytes()));
                hash.update(&block);
            }
            for label in samples.y.iter().flatten() {
                hash.update(label.to_le_bytes());
            }
        }
        self.note(source, hash);
        Ok(data)
    }
}
