//! A folder with the four IDX files of MNIST, or of a set in its form: Fashion-MNIST, KMNIST, EMNIST.

use std::path::{Path, PathBuf};

use crate::{DataError, Samples, Values, idx, unpack};

/// Where the files lie within the folder that users name, torchvision's layout included.
const FOLDERS: [&str; 3] = ["", "raw", "MNIST/raw"];

/// The part to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// 60 000 samples to learn from.
    Train,
    /// 10 000 samples to be judged on.
    Test,
}

impl Part {
    fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train"],
            Self::Test => &["t10k", "test"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Test => "test",
        }
    }
}

/// Reads one part, the first `limit` samples of it or all: grey images of shape `[rows, columns, 1]`.
pub fn read(folder: &Path, part: Part, limit: Option<usize>) -> Result<Samples, DataError> {
    let images_at = find(folder, part, "images", 3)?;
    let labels_at = find(folder, part, "labels", 1)?;
    let load = |path: &Path| {
        let bytes = unpack::read_file(path)?;
        idx::read_first(&bytes, limit).map_err(|e| e.in_file(path))
    };
    let images = load(&images_at)?;
    let [count, rows, columns] = images.shape[..] else {
        return Err(DataError::content(
            &images_at,
            format!("images have 3 dimensions, these {:?}", images.shape),
        ));
    };
    let Values::U8(pixels) = images.values else {
        let kind = images.values.type_name();
        return Err(DataError::content(&images_at, format!("pixels must be uint8, these are {kind}")));
    };
    let labels = load(&labels_at)?;
    if labels.shape != [count] {
        let problem = format!(
            "{count} labels belong to the images of {}, here are {:?}",
            images_at.display(),
            labels.shape
        );
        return Err(DataError::content(&labels_at, problem));
    }
    let Values::U8(labels) = labels.values else {
        let kind = labels.values.type_name();
        return Err(DataError::content(&labels_at, format!("labels must be uint8, these are {kind}")));
    };
    let x = pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
    let y = labels.iter().map(|&l| u32::from(l)).collect();
    Samples::new(x, vec![rows, columns, 1], Some(y))
        .filter(|s| !s.is_empty())
        .ok_or_else(|| DataError::content(&images_at, "it holds no pixels"))
}

/// The first of the usual names that exists.
fn find(folder: &Path, part: Part, kind: &str, dims: u8) -> Result<PathBuf, DataError> {
    let mut looked = Vec::new();
    for inside in FOLDERS {
        for prefix in part.prefixes() {
            for dot in ['-', '.'] {
                for packed in ["", ".gz"] {
                    let name = format!("{prefix}-{kind}{dot}idx{dims}-ubyte{packed}");
                    let path = folder.join(inside).join(&name);
                    if path.is_file() {
                        return Ok(path);
                    }
                    if inside.is_empty() {
                        looked.push(name);
                    }
                }
            }
        }
    }
    Err(DataError::Missing {
        what: format!("{} {kind} in IDX format", part.name()),
        folder: folder.to_owned(),
        looked,
        hint: format!(", there and in {}; `--data strokes` needs no files", FOLDERS[1..].join(" and ")),
    })
}
