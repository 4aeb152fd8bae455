//! Presets, embedded as the TOML files that `device show` prints, and reading of such files.

use std::sync::LazyLock;

use crate::error::{DeviceError, nearest};
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

static PRESETS: [Preset; 7] =
    presets!["pcm", "hermes", "hermes_1", "reram_wan2022", "reram_cmo", "generic", "ideal"];

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
/// [`DeviceError::Parse`] with line, column and the allowed names; [`DeviceError::Parameter`] for values that
/// physics does not allow.
pub fn parse(toml: &str, origin: &str) -> Result<DeviceSpec, DeviceError> {
    let spec: DeviceSpec = toml::from_str(toml)
        .map_err(|e| DeviceError::Parse { origin: origin.to_owned(), message: with_hint(&e.to_string()) })?;
    spec.validate()?;
    Ok(spec)
}

/// Adds the nearest allowed name to serde's "unknown field `x`, expected one of `a`, `b`".
fn with_hint(message: &str) -> String {
    let message = message.trim_end();
    let names: Vec<&str> = message
        .lines()
        .find(|l| l.starts_with("unknown field") || l.starts_with("unknown variant"))
        .map(|l| l.split('`').skip(1).step_by(2).collect())
        .unwrap_or_default();
    match names.split_first().and_then(|(wrong, allowed)| nearest(wrong, allowed.iter().copied())) {
        Some(name) => format!("{message}\ndid you mean `{name}`?"),
        None => message.to_owned(),
    }
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
