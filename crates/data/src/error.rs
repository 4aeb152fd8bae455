//! What can be wrong with a dataset, said with the file, the place and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use neurohm_num::Cancelled;

/// Bytes that are not what their format asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {problem}")]
pub struct FormatError {
    /// Where in the (unpacked) bytes.
    pub offset: u64,
    /// What was found, what was expected, and what to do.
    pub problem: String,
}

impl FormatError {
    pub(crate) fn new(offset: u64, problem: impl Into<String>) -> Self {
        Self { offset, problem: problem.into() }
    }

    /// The same error, named as one of `file`.
    pub fn in_file(self, file: impl Into<PathBuf>) -> DataError {
        DataError::Format { file: file.into(), what: self }
    }
}

/// A dataset that could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The text after `--data` names no source.
    #[error("{0}")]
    Source(String),
    /// None of the files that would hold the dataset is there.
    #[error("no {what} in {}: looked for {}{hint}", folder.display(), Names(looked))]
    Missing {
        /// What was wanted, "training images" for one.
        what: String,
        /// The folder that was named.
        folder: PathBuf,
        /// Every file that would have done, relative to the folder.
        looked: Vec<String>,
        /// What to do instead, starting with its own punctuation; may be empty.
        hint: String,
    },
    /// The operating system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// A file's bytes are not in its format.
    #[error("{}, {what}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Where and what.
        what: FormatError,
    },
    /// A file is well-formed, but holds something a dataset cannot be made of.
    #[error("{}: {problem}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What was found, what was expected, and what to do.
        problem: String,
    },
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl DataError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn content(file: &Path, problem: impl Into<String>) -> Self {
        Self::Content { file: file.to_owned(), problem: problem.into() }
    }
}

/// Lists names as "a, b or c".
struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            let separator = match i {
                0 => "",
                _ if i + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{separator}{name}")?;
        }
        Ok(())
    }
}
