//! What can go wrong between a request and a record.

use std::path::PathBuf;

use neurohm_num::Cancelled;

/// Why a request gave no record. `is_request` tells a wrong request from a run that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// Somebody asked the run to stop.
    #[error("cancelled; nothing was written")]
    Cancelled,
    /// No study has this name.
    #[error("no study is called {name:?}{}; the studies are {}", hint(.nearest), .known.join(", "))]
    UnknownStudy {
        /// The name asked for.
        name: String,
        /// The name it was perhaps meant to be.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// A setting that cannot be used: an unknown name, a value of the wrong kind or out of range, text that
    /// is not TOML, a section that has no effect. Says where it stands.
    #[error("{0}")]
    Setting(#[source] Box<neurohm_array::SettingError>),
    /// A configuration or request that cannot be carried out.
    #[error("{0}")]
    Invalid(String),
    /// A chip or its arrays refused.
    #[error("{0}")]
    Array(#[source] Box<neurohm_array::ArrayError>),
    /// A device description refused.
    #[error("{0}")]
    Device(#[source] Box<neurohm_device::DeviceError>),
    /// A dataset could not be had.
    #[error("{0}")]
    Data(#[source] Box<neurohm_data::DataError>),
    /// A study stopped with an error of its own.
    #[error("{0}")]
    Study(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file could not be read.
    #[error("cannot read {}: {problem}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Results could not be written; what was begun has been removed again.
    #[error("cannot write {}: {problem}; nothing was left behind", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

impl From<Cancelled> for StudyError {
    fn from(_: Cancelled) -> Self {
        StudyError::Cancelled
    }
}

/// Boxed, so that a result stays small.
macro_rules! boxed {
    ($($variant:ident($error:ty)),*) => {$(
        impl From<$error> for StudyError {
            fn from(e: $error) -> Self {
                StudyError::$variant(Box::new(e))
            }
        }
    )*};
}

boxed!(
    Setting(neurohm_array::SettingError),
    Array(neurohm_array::ArrayError),
    Device(neurohm_device::DeviceError),
    Data(neurohm_data::DataError)
);

impl StudyError {
    /// Wraps an error of a study's own.
    pub fn study(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        StudyError::Study(Box::new(error))
    }

    /// Whether the request was wrong (exit code 2), rather than the run failing (exit code 1).
    pub fn is_request(&self) -> bool {
        !matches!(self, StudyError::Cancelled | StudyError::Study(_) | StudyError::Write { .. })
    }
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(" (did you mean {n:?}?)")).unwrap_or_default()
}
