//! Tables of constants that come with the crate, read once.

use std::sync::OnceLock;

use neurohm_array::SettingError;
use neurohm_array::overlay::{self, Document};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Known;

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

/// Designs of one source, by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "D: DeserializeOwned")]
pub(crate) struct Designs<D> {
    pub known: Known,
    pub source: String,
    designs: Vec<D>,
}

/// A design of a list.
pub(crate) trait Design {
    fn name(&self) -> &str;
}

impl<D: Design> Designs<D> {
    /// The design of that name; `path` is the setting that asks for it.
    pub fn find(&self, name: &str, path: &str) -> Result<&D, SettingError> {
        self.designs.iter().find(|d| d.name() == name).ok_or_else(|| {
            let names = self.designs.iter().map(|d| d.name().to_owned()).collect();
            SettingError::name(path, "no converter of the list is called", name, names)
        })
    }
}
