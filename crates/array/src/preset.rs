//! Chip presets and the files that start from one.

use neurohm_device::DeviceSpec;
use neurohm_device::overlay::{self, Document};
use toml::{Table, Value};

use crate::{ChipSpec, SettingError};

/// A chip that comes with neurohm.
#[derive(Clone, Copy, Debug)]
pub struct ChipPreset {
    /// Its name.
    pub name: &'static str,
    /// Its file, comments included: where users start their own.
    pub toml: &'static str,
}

const PRESETS: [ChipPreset; 3] = [
    ChipPreset { name: "default", toml: include_str!("../presets/default.toml") },
    ChipPreset { name: "peer", toml: include_str!("../presets/peer.toml") },
    ChipPreset { name: "ideal", toml: include_str!("../presets/ideal.toml") },
];

/// All presets.
pub fn chip_presets() -> &'static [ChipPreset] {
    &PRESETS
}

/// The preset of that name.
///
/// # Errors
/// An unknown name, with those there are.
pub fn chip_preset(name: &str) -> Result<ChipSpec, SettingError> {
    let Some(preset) = PRESETS.iter().find(|p| p.name == name) else {
        let names = PRESETS.iter().map(|p| p.name.to_owned()).collect();
        return Err(SettingError::name("", "no chip preset is called", name, names));
    };
    let document = Document::parse(preset.toml, preset.name)?;
    overlay::read(document.table().clone()).map_err(|e| document.locate(e))
}

/// Finds a device by what a file calls it, where that is no preset: the engine looks for a file.
pub type FindDevice<'a> = &'a dyn Fn(&str) -> Result<DeviceSpec, String>;

/// For [`FindDevice`]: knows presets alone.
pub fn presets_only(name: &str) -> Result<DeviceSpec, String> {
    neurohm_device::preset(name).map_err(|e| e.to_string())
}

/// Reads a chip's file. What it does not say is taken from the preset that its line `preset = "..."` names,
/// `default` without one. See [`ChipSpec::lay_over`].
///
/// # Errors
/// Anything wrong with the text, with line and column in `origin`.
pub fn parse_chip(text: &str, origin: &str, find: FindDevice) -> Result<ChipSpec, SettingError> {
    let document = Document::parse(text, origin)?;
    let mut table = document.table().clone();
    let base = match table.remove("preset") {
        None => "default".to_owned(),
        Some(Value::String(name)) => name,
        Some(_) => {
            return Err(document.locate(SettingError::value("preset", "is not the name of a chip preset")));
        }
    };
    let chip = chip_preset(&base).map_err(|mut e| {
        e.path = "preset".to_owned();
        document.locate(e)
    })?;
    chip.lay_over(table, find).map_err(|e| document.locate(e))
}

/// A chip that settings are being laid over, one table after the other: names are held against the schema as they
/// come, values only when all are there, since one setting may need another.
#[derive(Clone, Debug)]
pub struct ChipLayers(Table);

impl ChipLayers {
    /// Begins with a chip.
    ///
    /// # Errors
    /// None for a chip that was checked.
    pub fn over(chip: &ChipSpec) -> Result<Self, SettingError> {
        Ok(Self(chip.to_table()?))
    }

    /// Lays more settings over. See [`ChipSpec::lay_over`].
    ///
    /// # Errors
    /// A name that a chip does not have, with those it has.
    pub fn lay(&mut self, mut over: Table, find: FindDevice) -> Result<(), SettingError> {
        if let Some(device) = over.remove("device") {
            over.extend(starting_device(device, &mut self.0, find)?);
        }
        overlay::merge(ChipSpec::schema(), &mut self.0, &over)
    }

    /// The chip that they make.
    ///
    /// # Errors
    /// A value that does not fit, with its path.
    pub fn read(self) -> Result<ChipSpec, SettingError> {
        let chip: ChipSpec = overlay::read(self.0)?;
        chip.check()?;
        chip.device.validate().map_err(|e| e.below("device"))?;
        chip.device.statistics().map_err(|e| e.below("device"))?;
        Ok(chip)
    }
}

impl ChipSpec {
    /// This chip with other settings laid over: tables merge, a choice with another tag replaces. A device that is
    /// a name, or a table with a name and a cell of its own, replaces the whole device; a device's table with
    /// `preset = "..."` starts from that preset; any other one changes this chip's device.
    ///
    /// # Errors
    /// A name that a chip does not have, with those it has; a value that does not fit, with its path.
    pub fn lay_over(&self, over: Table, find: FindDevice) -> Result<Self, SettingError> {
        let mut layers = ChipLayers::over(self)?;
        layers.lay(over, find)?;
        layers.read()
    }

    /// Sets one setting, such as `adc.uniform.resolution.bits` to `6` or `device` to `reram_cmo`.
    ///
    /// # Errors
    /// As [`lay_over`](Self::lay_over); nothing is changed then.
    pub fn set(&mut self, path: &str, value: &str, find: FindDevice) -> Result<(), SettingError> {
        *self = self.lay_over(overlay::assignment(path, value)?, find)?;
        Ok(())
    }

    /// The whole chip as TOML, its device included.
    ///
    /// # Errors
    /// None for a chip that was checked.
    pub fn to_toml(&self) -> Result<String, SettingError> {
        toml::to_string(&self.to_table()?).map_err(|e| SettingError::value("", e.to_string()))
    }

    fn to_table(&self) -> Result<Table, SettingError> {
        Table::try_from(self).map_err(|e| SettingError::value("", e.to_string()))
    }
}

/// Puts the device that `over` starts from into `base` and returns what is left to lay over it.
fn starting_device(
    over: Value,
    base: &mut Table,
    find: FindDevice,
) -> Result<Option<(String, Value)>, SettingError> {
    let key = "device".to_owned();
    let named = |name: &str, path: &str| {
        let device = neurohm_device::preset(name)
            .or_else(|unknown| find(name).map_err(|e| if e.is_empty() { unknown.to_string() } else { e }));
        let device = device.map_err(|e| SettingError::value(path, e))?;
        Value::try_from(&device).map_err(|e| SettingError::value(path, e.to_string()))
    };
    match over {
        Value::String(name) => {
            base.insert(key, named(&name, "device")?);
            Ok(None)
        }
        Value::Table(mut table) => {
            if let Some(preset) = table.remove("preset") {
                let name = preset.as_str().ok_or_else(|| {
                    SettingError::value("device.preset", "is not the name of a device preset")
                })?;
                base.insert(key.clone(), named(name, "device.preset")?);
            } else if table.contains_key("name") && table.contains_key("cell") {
                base.remove(&key);
            }
            Ok(Some((key, Value::Table(table))))
        }
        other => Ok(Some((key, other))),
    }
}
