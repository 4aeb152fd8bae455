//! A chip: device, crossbar size, mapping, converters, read conditions and drift compensation, as a TOML
//! file that users start from a preset.

use std::sync::OnceLock;

use neurohm_device::{CellSpec, DeviceSpec, Nonidealities, Nonideality};
use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::SettingError;
use crate::adc::Mismatch;
use crate::cells::{Cells, Drive};
use crate::converter::{Adc, Dac, InputRange, OutputRange, Overflow, UniformAdc, UniformDac};
use crate::converter::{not_negative, positive};
use crate::lines::Lines;
use crate::mapping::{Bias, FaultMapping, Mapping, Pair, Per, Remap, Scale, Tile};
use crate::wires::{Access, Conduction};

/// Everything that decides what a matrix product on this chip gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipSpec {
    /// Short name.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// Where its numbers come from.
    pub source: String,
    /// What differs from that source.
    #[serde(default)]
    pub differences: Vec<String>,
    /// Standard deviation of the noise on every read voltage, in units of the full one; redrawn for
    /// every sample.
    pub input_noise: f64,
    /// Standard deviation of the noise on every output current before the ADC, in units of the current
    /// of one full weight at full read voltage; redrawn for every sample.
    pub output_noise: f64,
    /// Largest crossbar.
    pub tile: Tile,
    /// From weights to conductances.
    pub mapping: Mapping,
    /// Resistance of the crossbars' lines.
    #[serde(default)]
    pub wires: Lines,
    /// How the cells' currents follow their voltages, and what is in series with them.
    #[serde(default)]
    pub cells: Cells,
    /// Converter in front of the word lines.
    pub dac: Dac,
    /// Converter behind the bit lines.
    pub adc: Adc,
    /// How cells are read.
    pub read: Read,
    /// What the digital side does against drift.
    pub drift_compensation: DriftCompensation,
    /// The device: the name of a preset, or its description.
    #[serde(deserialize_with = "named_or_whole")]
    pub device: DeviceSpec,
}

/// How cells are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Voltage of the largest input, V.
    #[serde(rename = "voltage", with = "quantity::volt")]
    #[schemars(with = "String")]
    pub voltage_v: f64,
    /// How long one product drives the word lines, s; decides the energy.
    #[serde(rename = "integration_time", with = "quantity::second")]
    #[schemars(with = "String")]
    pub integration_time_s: f64,
    /// Which part of the cells' read noise changes from sample to sample.
    pub noise: ReadNoise,
}

/// Which part of the cells' read noise changes from sample to sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ReadNoise {
    /// None: whenever the matrix is read, each cell shows one draw of all its noise, and every product
    /// until the next read sees that (the convention of the published Monte-Carlo models).
    Frozen {},
    /// Noise slower than the window is frozen as above; the faster part is drawn anew for every sample,
    /// with the exact variance that it has at the output.
    Split {
        /// Duration of a batch of products, s.
        #[serde(rename = "window", with = "quantity::second")]
        #[schemars(with = "String")]
        window_s: f64,
    },
}

/// What the digital side does against drift: outputs are divided by how much the crossbar's answer to
/// known probe inputs has shrunk since right after programming. Probes go through the converters, the
/// noise and the cells like any input, and count in the tally.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DriftCompensation {
    /// Nothing.
    None {},
    /// One factor for each crossbar (Joshi et al., Nature Communications 11, 2473, 2020).
    Global {
        /// Probe inputs a read; more average more noise.
        #[serde(default = "default_probes")]
        probes: u32,
    },
    /// One factor for each column of each crossbar.
    PerColumn {
        /// Probe inputs a read; more average more noise.
        #[serde(default = "default_probes")]
        probes: u32,
    },
}

fn default_probes() -> u32 {
    32
}

impl DriftCompensation {
    /// Probe inputs a read; 0 for none.
    pub fn probes(&self) -> usize {
        match *self {
            Self::None {} => 0,
            Self::Global { probes } | Self::PerColumn { probes } => probes as usize,
        }
    }
}

/// A device written as a preset's name or as a table.
fn named_or_whole<'de, D: Deserializer<'de>>(d: D) -> Result<DeviceSpec, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = DeviceSpec;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the name of a device preset or a device's table")
        }
        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<DeviceSpec, E> {
            neurohm_device::preset(name).map_err(E::custom)
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DeviceSpec, A::Error> {
            DeviceSpec::deserialize(MapAccessDeserializer::new(map))
        }
    }
    d.deserialize_any(Either)
}

impl ChipSpec {
    /// A chip that adds nothing to the product: ideal devices, no converters, no noise.
    pub fn ideal() -> Self {
        Self {
            name: "ideal".to_owned(),
            title: "No converters, no noise, no wires, ideal devices".to_owned(),
            source: "definition".to_owned(),
            differences: Vec::new(),
            input_noise: 0.0,
            output_noise: 0.0,
            tile: Tile { rows: 512, columns: 512 },
            mapping: Mapping {
                devices_per_polarity: 1,
                per: Per::Tile,
                scale: Scale::Maximum {},
                bias: Bias::default(),
                slices: None,
                faults: FaultMapping::default(),
                pair: Pair::default(),
            },
            wires: Lines::Ideal {},
            cells: Cells::default(),
            dac: Dac::Ideal {},
            adc: Adc::Ideal {},
            read: Read { voltage_v: 0.2, integration_time_s: 1e-7, noise: ReadNoise::Frozen {} },
            drift_compensation: DriftCompensation::None {},
            device: DeviceSpec {
                name: "ideal".to_owned(),
                title: "A device without any law but its range".to_owned(),
                class: String::new(),
                source: "definition".to_owned(),
                differences: Vec::new(),
                valid_range: String::new(),
                valid: Default::default(),
                compact: None,
                spread: Default::default(),
                operation: None,
                cell: Some(CellSpec::ideal(0.0, 25e-6)),
            },
        }
    }

    /// This chip without any of its non-idealities: same crossbars, same device range.
    #[must_use]
    pub fn idealised(&self) -> Self {
        let mut chip = self.clone();
        chip.device = chip.device.idealised();
        chip.wires = Lines::Ideal {};
        chip.cells = Cells::default();
        (chip.dac, chip.adc) = (Dac::Ideal {}, Adc::Ideal {});
        (chip.input_noise, chip.output_noise) = (0.0, 0.0);
        chip
    }

    /// Whether a product on it is the plain product: nothing in it changes a number. Clipping of
    /// weights to a percentile and digits of weights do.
    pub fn is_exact(&self) -> bool {
        let whole = matches!(self.mapping.scale, Scale::Maximum {}) && self.mapping.slices.is_none();
        self.nonidealities().is_empty() && whole
    }

    /// Whether cells, once programmed, look the same at every read.
    pub(crate) fn stays(&self) -> bool {
        let moves = ["device.retention", "device.noise"];
        !self.nonidealities().iter().any(|n| moves.iter().any(|m| n.path.starts_with(m)))
    }

    /// Whether cells that are not stuck are ever read as something else than they were to be written to.
    pub(crate) fn scatters_or_drifts(&self) -> bool {
        let laws = ["device.write", "device.retention", "device.noise"];
        self.device.nonidealities().iter().any(|n| laws.iter().any(|law| n.path.starts_with(law)))
    }

    /// How weights are laid around stuck cells, where any are.
    pub(crate) fn remap(&self) -> Option<&Remap> {
        let FaultMapping::Remap(remap) = &self.mapping.faults else { return None };
        let faults = self.device.cell.as_ref().and_then(|cell| cell.faults.as_ref());
        faults.is_some_and(|faults| faults.stuck() > 0.0).then_some(remap)
    }

    /// Columns of weights that each crossbar has beyond those of its tile.
    pub fn spare_columns(&self) -> u32 {
        self.remap().map_or(0, |remap| remap.spare_columns)
    }

    /// Settings that can change nothing on this chip, by path, each with the reason. A user who wrote one of them meant
    /// something by it.
    pub fn without_effect(&self) -> Vec<(&'static str, &'static str)> {
        if self.is_exact() {
            // Products are computed from the weights themselves.
            let why = "nothing on this chip is less than ideal, so no cell is looked at";
            return ["read", "drift_compensation", "device.cell", "mapping.faults", "mapping.pair"]
                .map(|p| (p, why))
                .to_vec();
        }
        let has = |path: &str| self.nonidealities().iter().any(|n| n.path.starts_with(path));
        let mut list = Vec::new();
        if self.cells.are_linear() && self.cells.drive != Drive::Even {
            list.push((
                "cells.drive",
                "the currents of the cells are in proportion to their voltages as they are",
            ));
        }
        if !self.scatters_or_drifts() {
            list.push((
                "mapping.pair",
                "cells are read as they are written, so that all pairs of one difference are alike",
            ));
        }
        if !has("device.faults") {
            list.push(("mapping.faults", "no cell of the device is stuck"));
        }
        if !has("device.noise") {
            list.push(("read.noise", "the device has no read noise that could be split"));
        }
        // Probes then answer as they did right after programming: the factor is one.
        let moves = ["device.retention", "device.noise", "input_noise", "output_noise"];
        if !moves.into_iter().any(has) {
            list.push((
                "drift_compensation",
                "nothing on this chip changes after programming, so there is no drift to compensate",
            ));
        }
        list
    }

    /// How the converters behind the bit lines differ.
    pub(crate) fn mismatch(&self) -> Option<&Mismatch> {
        match &self.adc {
            Adc::Uniform(adc) => adc.mismatch.as_ref(),
            Adc::Ideal {} => None,
        }
    }

    /// Whether a converter takes its range from data, so that [`crate::AnalogMatrix::calibrate`] must
    /// come before a product.
    pub fn needs_calibration(&self) -> bool {
        self.dac.needs_calibration() || self.adc.needs_calibration()
    }

    /// Sets the bits of both converters where they have any; `None` makes one ideal. An ideal one gets
    /// the range of the default chip.
    pub fn set_converter_bits(&mut self, dac: Option<u32>, adc: Option<u32>) {
        use crate::Resolution::Bits;
        match (dac, &mut self.dac) {
            (None, old) => *old = Dac::Ideal {},
            (Some(bits), old @ Dac::Ideal {}) => {
                *old = Dac::Uniform(UniformDac { resolution: Bits(bits), range: InputRange::AbsMax {} });
            }
            (Some(bits), old) => old.set_resolution(Bits(bits)),
        }
        self.adc = match (adc, &self.adc) {
            (None, _) => Adc::Ideal {},
            (Some(bits), Adc::Uniform(old)) => {
                Adc::Uniform(UniformAdc { resolution: Bits(bits), ..old.clone() })
            }
            (Some(bits), Adc::Ideal {}) => Adc::Uniform(UniformAdc {
                resolution: Bits(bits),
                range: OutputRange::Calibrated { percentile: 100.0 },
                overflow: Overflow::default(),
                mismatch: None,
            }),
        };
    }

    /// Checks every number.
    ///
    /// # Errors
    /// The first setting that is out of range, by path.
    pub fn check(&self) -> Result<(), SettingError> {
        not_negative("input_noise", self.input_noise)?;
        not_negative("output_noise", self.output_noise)?;
        self.tile.check()?;
        self.mapping.check()?;
        self.wires.check()?;
        self.cells.check(self.read.voltage_v, self.device.statistics().ok())?;
        if !self.cells.are_linear() && self.wires.resistive().is_some() {
            return Err(SettingError::value(
                "cells",
                "cells that do not obey Ohm's law (cells.conduction, cells.access) behind lines with resistance \
                 (wires.resistive) are no matrix: every input would need a solution of its own; take one of the two out, or \
                 solve single crossbars with `neurohm crossbar solve`",
            ));
        }
        self.dac.check()?;
        self.adc.check()?;
        if let (Dac::BitSerial(_), Adc::Uniform(UniformAdc { overflow: Overflow::HalveInput { .. }, .. })) =
            (&self.dac, &self.adc)
        {
            let why = "halved inputs have their digits in other places (dac.bit_serial) and drive lines as high as before; \
                       take overflow.clip";
            return Err(SettingError::value("adc.uniform.overflow", why));
        }
        positive("read.voltage", self.read.voltage_v)?;
        positive("read.integration_time", self.read.integration_time_s)?;
        if let ReadNoise::Split { window_s } = self.read.noise {
            positive("read.noise.split.window", window_s)?;
        }
        let probes = self.drift_compensation.probes();
        if !matches!(self.drift_compensation, DriftCompensation::None {}) && !(2..=65_536).contains(&probes) {
            return Err(SettingError::value(
                "drift_compensation",
                format!("{probes} probes; allowed are 2 to 65536"),
            ));
        }
        Ok(())
    }

    /// Its JSON schema.
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
        SCHEMA.get_or_init(|| schemars::schema_for!(ChipSpec).to_value())
    }
}

/// What the chip adds to the device's own list.
const OWN: [(&str, &str); 8] = [
    ("wires", "resistance of the lines: voltages that fall along them, and currents that sneak"),
    ("cells.conduction", "currents of the cells that are not in proportion to their voltages"),
    ("cells.access", "selectors, diodes or transistors in series with the cells"),
    ("dac", "rounding and clipping of the inputs"),
    ("adc", "rounding and clipping of the outputs"),
    ("adc.uniform.mismatch", "capacitors, offsets and gains of the output converters that differ"),
    ("input_noise", "noise on the read voltages"),
    ("output_noise", "noise on the output currents"),
];

impl Nonidealities for ChipSpec {
    fn nonidealities(&self) -> Vec<Nonideality> {
        let has = |path: &str| match path {
            "wires" => self.wires.resistive().is_some(),
            "cells.conduction" => !self.cells.conducts_linearly(),
            "cells.access" => self.cells.access != Access::None,
            "dac" => self.dac != Dac::Ideal {},
            "adc" => self.adc != Adc::Ideal {},
            "adc.uniform.mismatch" => self.mismatch().is_some(),
            "input_noise" => self.input_noise > 0.0,
            _ => self.output_noise > 0.0,
        };
        let own = OWN.into_iter().filter(|(path, _)| has(path));
        let own = own.map(|(path, about)| Nonideality::new(path, about));
        self.device.nonidealities().into_iter().chain(own).collect()
    }

    fn without(&mut self, path: &str) -> bool {
        if !self.nonidealities().iter().any(|n| n.path == path) {
            return false;
        }
        match path {
            "wires" => self.wires = Lines::Ideal {},
            "cells.conduction" => self.cells.conduction = Conduction::Linear,
            "cells.access" => self.cells.access = Access::None,
            "dac" => self.dac = Dac::Ideal {},
            "adc" => self.adc = Adc::Ideal {},
            "adc.uniform.mismatch" => {
                if let Adc::Uniform(adc) = &mut self.adc {
                    adc.mismatch = None;
                }
            }
            "input_noise" => self.input_noise = 0.0,
            "output_noise" => self.output_noise = 0.0,
            _ => return self.device.without(path),
        }
        true
    }

    fn scale(&mut self, path: &str, factor: f64) -> bool {
        if factor == 0.0 {
            return self.without(path);
        }
        let usable = factor > 0.0 && factor.is_finite();
        if !usable || !self.nonidealities().iter().any(|n| n.path == path) {
            return false;
        }
        match (path, &mut self.dac, &mut self.adc) {
            ("dac", dac, _) => {
                if let Some(resolution) = dac.resolution() {
                    dac.set_resolution(resolution.coarser(factor));
                }
            }
            ("adc", _, Adc::Uniform(adc)) => adc.resolution = adc.resolution.coarser(factor),
            ("adc.uniform.mismatch", _, Adc::Uniform(adc)) => {
                if let Some(mismatch) = &mut adc.mismatch {
                    mismatch.scaled(factor);
                }
            }
            ("wires", ..) => self.wires.scaled(factor),
            ("cells.conduction", ..) => self.cells.scale_conduction(factor),
            ("cells.access", ..) => self.cells.scale_access(factor),
            ("input_noise", ..) => self.input_noise *= factor,
            ("output_noise", ..) => self.output_noise *= factor,
            _ => return self.device.scale(path, factor),
        }
        true
    }
}
