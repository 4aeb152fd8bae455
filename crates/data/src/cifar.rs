//! CIFAR-10 in its binary version: records of a label byte and 32 x 32 pixels, red plane, green plane,
//! blue plane (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009).

use std::path::{Path, PathBuf};

use crate::mnist::Part;
use crate::{DataError, FormatError, Samples, unpack};

/// The classes in the order of their labels.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const PIXELS: usize = 32 * 32;
const RECORD: usize = 1 + 3 * PIXELS;
const FOLDERS: [&str; 2] = ["", "cifar-10-batches-bin"];

/// Reads a batch file's bytes and appends them to `samples`, channels last, at most `limit` samples in all.
pub fn read_batch(bytes: &[u8], samples: &mut Samples, limit: Option<usize>) -> Result<(), FormatError> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) {
        let whole = (bytes.len() / RECORD) as u64;
        return Err(FormatError::new(
            whole * RECORD as u64,
            format!(
                "{} bytes are {whole} records of {RECORD} bytes and {} more: the file is cut short or not a CIFAR-10 binary batch",
                bytes.len(),
                bytes.len() % RECORD
            ),
        ));
    }
    samples.shape = vec![32, 32, 3];
    let labels = samples.y.get_or_insert_default();
    let room = limit.map_or(usize::MAX, |n| n.saturating_sub(labels.len()));
    for (i, record) in bytes.chunks_exact(RECORD).enumerate().take(room) {
        if usize::from(record[0]) >= CLASSES.len() {
            let at = (i * RECORD) as u64;
            let problem = format!(
                "record {i} has label {}, CIFAR-10 has 0 to 9: this is another set, or damaged",
                record[0]
            );
            return Err(FormatError::new(at, problem));
        }
        labels.push(record[0].into());
        let (red, rest) = record[1..].split_at(PIXELS);
        let (green, blue) = rest.split_at(PIXELS);
        samples.x.extend(
            red.iter()
                .zip(green)
                .zip(blue)
                .flat_map(|((&r, &g), &b)| [r, g, b].map(|p| f32::from(p) / 255.0)),
        );
    }
    Ok(())
}

/// Reads one part, the first `limit` samples of it or all: shape `[32, 32, 3]`.
pub fn read(folder: &Path, part: Part, limit: Option<usize>) -> Result<Samples, DataError> {
    let names: Vec<String> = match part {
        Part::Train => (1..=5).map(|i| format!("data_batch_{i}.bin")).collect(),
        Part::Test => vec!["test_batch.bin".into()],
    };
    let mut samples = Samples::default();
    for name in &names {
        if limit.is_some_and(|n| samples.y.as_ref().is_some_and(|y| y.len() >= n)) {
            break;
        }
        let path = find(folder, name)?;
        let bytes = unpack::read_file(&path)?;
        read_batch(&bytes, &mut samples, limit).map_err(|e| e.in_file(path))?;
    }
    Ok(samples)
}

/// Whether the folder holds binary batches.
pub(crate) fn is_here(folder: &Path) -> bool {
    FOLDERS.iter().any(|inside| folder.join(inside).join("test_batch.bin").is_file())
}

fn find(folder: &Path, name: &str) -> Result<PathBuf, DataError> {
    let found = FOLDERS.iter().map(|inside| folder.join(inside).join(name)).find(|p| p.is_file());
    found.ok_or_else(|| {
        let stem = name.trim_end_matches(".bin");
        let pickled = ["", "cifar-10-batches-py"].iter().any(|f| folder.join(f).join(stem).is_file());
        let packed = ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"].iter().find(|f| folder.join(f).is_file());
        let hint = if pickled {
            format!("; {stem} is of the Python version, a pickle, which can run code and is not read: take the binary version, cifar-10-binary.tar.gz")
        } else if let Some(archive) = packed {
            format!("; unpack {archive} first, the binary version")
        } else {
            String::from(", there and in cifar-10-batches-bin, and for {train,test}/<class>/*.png or *.jpg; `--data strokes` needs no files")
        };
        DataError::Missing { what: "CIFAR-10 batch".into(), folder: folder.to_owned(), looked: vec![name.into()], hint }
    })
}
