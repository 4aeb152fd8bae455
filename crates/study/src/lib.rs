//! The engine of studies: a description becomes trials becomes a record.

pub mod record;
