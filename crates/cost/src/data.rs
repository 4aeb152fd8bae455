//! Tables of constants that come with the crate, read once.

use std::sync::OnceLock;

use neurohm_array::SettingError;
use neurohm_array::overlay::{self, Document};
use serde::de::DeserializeOwned;

/// Reads an embedded table.
pub(crate) fn embedded<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, SettingError> {
    let document = Document::parse(text, name)?;
    overlay::read(document.table().clone()).map_err(|e| document.locate(e))
}

/// The embedded table of `cell`, read at the first call; a table that is damaged says so at every call.
pub(crate) fn once<T: DeserializeOwned>(
    cell: &'static OnceLock<Result<T, SettingError>>,
    text: &str,
    name: &str,
) -> Result<&'static T, SettingError> {
    cell.get_or_init(|| embedded(text, name)).as_ref().map_err(Clone::clone)
}
