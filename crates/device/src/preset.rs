//! Presets, embedded as the TOML files that `device show` prints, and reading of such files.

use std::sync::LazyLock;

use toml::Table;

use crate::error::{DeviceError, nearest};
use crate::overlay::{self, Document};
use crate::spec::DeviceSpec;

mod dynamic;

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

/// Presets that are files; the published sets of the dynamic models follow them.
static FILES: [Preset; 18] = presets![
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

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let models = dynamic::all().map(|(name, spec)| Preset { name: name.leak(), toml: written(&spec).leak() });
    FILES.into_iter().chain(models).collect()
});

static PARSED: LazyLock<Vec<Result<DeviceSpec, DeviceError>>> =
    LazyLock::new(|| PRESETS.iter().map(|p| parse(p.toml, p.name)).collect());

/// All presets: first those of cells' statistics, then those of equations.
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
    written(spec)
}

fn written(spec: &DeviceSpec) -> String {
    match toml::to_string_pretty(spec) {
        Ok(body) => {
            format!("# {}\n# {}\n\n{}", one_line(&spec.title), one_line(&spec.source), legible(&body))
        }
        // Unreachable for any spec: it holds only strings, numbers, lists and tables.
        Err(e) => format!("# {e}\n"),
    }
}

/// The same TOML with numbers far from one as powers of ten: its writer spells out every zero.
fn legible(body: &str) -> String {
    let mut text = false;
    let mut out = String::with_capacity(body.len());
    for line in body.lines() {
        let whole = line.trim_end_matches(',');
        let start = whole.rfind([' ', '\t']).map_or(0, |at| at + 1);
        let far = |v: &f64| *v != 0.0 && !(1e-4..1e9).contains(&v.abs());
        match whole[start..].parse::<f64>().ok().filter(far) {
            // A whole number without a point is an integer, and stays one.
            Some(value) if !text && whole[start..].contains('.') => {
                out += &whole[..start];
                out += &format!("{value:e}");
                out += &line[whole.len()..];
            }
            _ => out += line,
        }
        out.push('\n');
        text ^= line.matches("\"\"\"").count() % 2 == 1;
    }
    out
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
