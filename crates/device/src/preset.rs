//! Presets, embedded as the TOML files that `device show` prints, and reading of such files.

use std::sync::LazyLock;

use toml::Table;

use crate::error::{DeviceError, nearest};
use crate::overlay::{self, Document};
use crate::spec::DeviceSpec;

/// A device description that comes with the crate.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Name.
    pub name: &'static str,
    /// The file, comments included.
    pub toml: &'static str,
}

macro_rules! presets {
    ($($name:literal),*) => {
        [$(Preset { name: $name, toml: include_str!(concat!("../presets/", $name, ".toml")) }),*]
    };
}

static PRESETS: [Preset; 18] = presets![
    "pcm",
    "hermes",
    "hermes_1",
    "reram_wan2022",
    "reram_cmo",
    "generic",
    "ideal",
    "pcm_accumulate",
    "pcm_exp",
    "reram_es",
    "reram_sb",
    "reram_array_om",
    "reram_array_hfo2",
    "ecram",
    "ecram_mo",
    "capacitor",
    "gokmen_vlasov",
    "idealized"
];

static PARSED: LazyLock<Vec<Result<DeviceSpec, DeviceError>>> =
    LazyLock::new(|| PRESETS.iter().map(|p| parse(p.toml, p.name)).collect());

/// All presets.
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// The preset called `name`.
///
/// # Errors
/// [`DeviceError::UnknownPreset`] with the nearest name.
pub fn preset(name: &str) -> Result<DeviceSpec, DeviceError> {
    match PRESETS.iter().position(|p| p.name == name) {
        Some(i) => PARSED[i].clone(),
        None => Err(DeviceError::UnknownPreset {
            name: name.to_owned(),
            nearest: nearest(name, PRESETS.iter().map(|p| p.name)).map(str::to_owned),
            known: PRESETS.iter().map(|p| p.name.to_owned()).collect(),
        }),
    }
}

/// Reads a device description; `origin` (a file name) appears in errors.
///
/// # Errors
/// [`DeviceError::Setting`] with line and column, and the allowed names where one is unknown.
pub fn parse(toml: &str, origin: &str) -> Result<DeviceSpec, DeviceError> {
    let document = Document::parse(toml, origin)?;
    let located = |e| document.locate(e);
    // Laid over nothing: that is where names are held against the schema.
    let mut table = Table::new();
    overlay::merge(DeviceSpec::schema(), &mut table, document.table()).map_err(located)?;
    let spec: DeviceSpec = overlay::read(table).map_err(located)?;
    spec.validate().map_err(|e| document.locate(e.below("")))?;
    Ok(spec)
}

/// Writes a device description as TOML that [`parse`] reads back. An unchanged preset comes with its comments.
pub fn to_toml(spec: &DeviceSpec) -> String {
    for (preset, parsed) in PRESETS.iter().zip(PARSED.iter()) {
        if parsed.as_ref() == Ok(spec) {
            return preset.toml.to_owned();
        }
    }
    match toml::to_string_pretty(spec) {
        Ok(body) => format!("# {}\n# {}\n\n{body}", one_line(&spec.title), one_line(&spec.source)),
        // Unreachable for any spec: it holds only strings, numbers, lists and tables.
        Err(e) => format!("# {e}\n"),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
