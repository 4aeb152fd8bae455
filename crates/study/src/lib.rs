//! The engine of studies: a description becomes trials becomes a record.
//!
//! [`Draft`] is what a user asks; resolved, it is a [`Request`], on which with the version every result
//! depends. [`execute`] carries it out for any [`Study`] and returns a [`Finding`]: a [`record::Record`]
//! and the files beside it. [`RunFolder`] writes it, [`read_run`] reads it back.

mod ablation;
mod aggregate;
mod arrays;
mod chip;
mod csv;
mod engine;
mod error;
pub mod experiment;
mod folder;
mod id;
mod inputs;
mod outcome;
pub mod record;
mod request;
mod run;
mod score;
mod study;
pub mod sweep;

pub use arrays::{ArrayFile, Arrays};
pub use chip::{named_chip, named_device};
pub use csv::{series as series_csv, table as table_csv};
pub use engine::{Finding, execute};
pub use error::StudyError;
pub use folder::{Earlier, RunFolder, json, read_records, read_run, remove_file, write_file, write_run};
pub use id::{digest, hex, pruned};
pub use inputs::{Disk, Inputs};
pub use outcome::{Measure, Outcome};
pub use request::{Draft, Origin, Request, find, no_effect};
pub use run::Run;
pub use score::{Card, score};
pub use study::{AnyStudy, Effort, Study, Trials};
