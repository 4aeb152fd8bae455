//! Datasets from files: what other programs wrote, and hostile input.
//!
//! One program: linking one a file took longer than the tests.

mod digits;
mod folders;
mod hostile;
mod numpy;
mod sources;
