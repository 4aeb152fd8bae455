//! A chip from a preset, a file, a device and the settings laid over them.

use std::sync::Arc;

use neurohm_array::overlay::{Document, join};
use neurohm_array::{ChipLayers, ChipSpec, chip_preset, chip_presets};
use neurohm_device::{DeviceSpec, nearest};
use toml::{Table, Value};

use crate::error::StudyError;
use crate::inputs::Inputs;
use crate::request::{Layer, Origin, blame};

/// In place of a preset's name: the chip is written out in full.
pub(crate) const WRITTEN_OUT: &str = "none";
/// The chip where a request names none.
const DEFAULT: &str = "default";
/// What a chip says about itself and no study looks at.
const WORDS: [&str; 5] = ["preset", "name", "title", "source", "differences"];

/// The chip named `chip` with the device named `device` and `layers` laid over them; names given here win
/// over those in layers. Also which settings the layers make.
pub(crate) fn resolve(
    chip: Option<&str>,
    device: Option<&str>,
    layers: &[Layer],
    inputs: &dyn Inputs,
) -> Result<(ChipSpec, Vec<(String, Origin)>), StudyError> {
    Base::new(chip, device, layers, inputs)?.read()
}

/// A chip whose settings are laid over one another and not yet read.
#[derive(Clone)]
pub(crate) struct Base {
    whole: ChipLayers,
    /// Which settings were made.
    touched: Vec<(String, Origin)>,
    /// The layers, to say which of them is at fault.
    tables: Vec<Layer>,
}

impl Base {
    /// Lays `layers` over the chip and the device of these names, which win over those in layers.
    pub(crate) fn new(
        chip: Option<&str>,
        device: Option<&str>,
        layers: &[Layer],
        inputs: &dyn Inputs,
    ) -> Result<Self, StudyError> {
        let mut preset = None;
        let mut touched = Vec::new();
        let mut tables = Vec::new();
        for layer in layers {
            let mut table = layer.table.clone();
            let mut written_out = false;
            if let Some(name) = table.remove("preset") {
                let name = layer.text("chip.preset", &name)?;
                written_out = name == WRITTEN_OUT;
                preset = Some(name);
            }
            if device.is_some() {
                drop_device_name(&mut table);
            }
            if !written_out {
                touch(&mut touched, &table, &layer.origin);
            }
            tables.push(Layer { origin: layer.origin.clone(), table });
        }
        let preset = chip.map(str::to_string).or(preset);
        let mut chip = match preset.as_deref() {
            Some(WRITTEN_OUT) | None => chip_preset(DEFAULT)?,
            Some(name) => named_chip(name, inputs)?,
        };
        if let Some(name) = device {
            touched.push(("device".to_string(), Origin::Option(format!("device {name}"))));
            chip.device = named_device(name, inputs)?;
        }
        let whole = ChipLayers::over(&chip)?;
        let mut base = Self { whole, touched, tables: Vec::new() };
        for layer in tables {
            base.merge(layer, inputs)?;
        }
        Ok(base)
    }

    /// Lays one more layer over, which names no chip.
    pub(crate) fn lay(&mut self, layer: Layer, inputs: &dyn Inputs) -> Result<(), StudyError> {
        touch(&mut self.touched, &layer.table, &layer.origin);
        self.merge(layer, inputs)
    }

    fn merge(&mut self, layer: Layer, inputs: &dyn Inputs) -> Result<(), StudyError> {
        let find = |name: &str| match is_path(name) {
            true => named_device(name, inputs).map_err(|e| e.to_string()),
            // Empty: the array's own message about presets is the better one.
            false => Err(String::new()),
        };
        self.whole.lay(layer.table.clone(), &find).map_err(|e| layer.origin.locate(e, "chip"))?;
        self.tables.push(layer);
        Ok(())
    }

    /// The chip, and which settings were made.
    pub(crate) fn read(self) -> Result<(ChipSpec, Vec<(String, Origin)>), StudyError> {
        // Read once all are there, since one setting may need another.
        let chip = self.whole.read().map_err(|e| blame(&self.tables, e, "chip"))?;
        Ok((chip, self.touched))
    }
}

/// Notes the settings that a layer makes, but for what a chip says about itself. A chip that is written out in full is no
/// wish for its every section to matter.
fn touch(touched: &mut Vec<(String, Origin)>, table: &Table, origin: &Origin) {
    for (key, value) in table.iter().filter(|(k, _)| !WORDS.contains(&k.as_str())) {
        leaves(key, value, &mut |path| touched.push((path.to_string(), origin.clone())));
    }
}

/// Calls `each` with the path of every setting in `value`, which stands at `path`.
fn leaves(path: &str, value: &Value, each: &mut impl FnMut(&str)) {
    match value.as_table().filter(|table| !table.is_empty()) {
        Some(table) => table.iter().for_each(|(key, value)| leaves(&join(path, key), value, each)),
        None => each(path),
    }
}

/// Takes a device's name out of a chip's table; changes to the device stay.
fn drop_device_name(table: &mut Table) {
    match table.get_mut("device") {
        Some(Value::Table(inner)) => drop(inner.remove("preset")),
        Some(_) => drop(table.remove("device")),
        None => {}
    }
}

/// Whether a name means a file rather than a preset.
fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name.ends_with(".toml")
}

fn read(path: &str, inputs: &dyn Inputs) -> Result<String, StudyError> {
    String::from_utf8(inputs.bytes(path)?).map_err(|e| StudyError::Read {
        path: path.into(),
        problem: format!("it is not text: byte {} is not UTF-8", e.utf8_error().valid_up_to()),
    })
}

/// A chip preset, a chip file, or the default chip with a device preset of that name.
///
/// # Errors
/// An unknown name, with the nearest; a file that cannot be read or holds no chip.
pub fn named_chip(name: &str, inputs: &dyn Inputs) -> Result<ChipSpec, StudyError> {
    if is_path(name) {
        let document = Document::parse(&read(name, inputs)?, name)?;
        let table = document.table().clone();
        let layer = Layer { origin: Origin::Whole(Arc::new(document)), table };
        return Ok(resolve(None, None, &[layer], inputs)?.0);
    }
    let chips: Vec<&str> = chip_presets().iter().map(|p| p.name).collect();
    if chips.contains(&name) {
        return Ok(chip_preset(name)?);
    }
    let devices: Vec<&str> = neurohm_device::presets().iter().map(|p| p.name).collect();
    if devices.contains(&name) {
        return Ok(ChipSpec { device: neurohm_device::preset(name)?, ..chip_preset(DEFAULT)? });
    }
    let near = nearest(name, chips.iter().chain(&devices).copied());
    Err(StudyError::Invalid(format!(
        "there is no chip {name:?}{}; chips are {}; a device's name means the default chip with it: {}; \
         a path to a chip file needs a / or ends in .toml",
        near.map(|n| format!(" (did you mean {n:?}?)")).unwrap_or_default(),
        chips.join(", "),
        devices.join(", ")
    )))
}

/// A device preset or a device file.
///
/// # Errors
/// An unknown name, with the nearest; a file that cannot be read or holds no device.
pub fn named_device(name: &str, inputs: &dyn Inputs) -> Result<DeviceSpec, StudyError> {
    if is_path(name) {
        return Ok(neurohm_device::parse(&read(name, inputs)?, name)?);
    }
    Ok(neurohm_device::preset(name)?)
}
