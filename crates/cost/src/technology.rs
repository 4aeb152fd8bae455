//! A technology: the parts of a chip with their constants, how many there are, and the conventions by which they are
//! priced. TOML, as devices and chips are.

use std::sync::OnceLock;

use neurohm_array::SettingError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::component::{Adc, Array, Block, Dac, Memory, Router};
use crate::constant::{Constant, Joule, Known, Ratio, Second, SquareMetre, Watt};
use crate::cost::Component;
use crate::error::{not_negative, positive};

/// Everything that turns events into joules, seconds and square millimetres.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Technology {
    /// Short name.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// Where its numbers come from.
    pub source: String,
    /// What differs from that source.
    #[serde(default)]
    pub differences: Vec<String>,
    /// What is counted, and how.
    pub convention: Conventions,
    /// How many parts a chip has.
    pub organisation: Organisation,
    /// Crossbars.
    pub array: Array,
    /// Converters in front of the word lines.
    pub dac: Dac,
    /// Converters behind the bit lines.
    pub adc: Adc,
    /// Holds the value of a bit line until its converter takes it; one a bit line.
    pub sample_hold: Block,
    /// Adds what converters give, shifted by its significance.
    pub shift_add: Block,
    /// Holds the inputs of a core.
    pub input_register: Memory,
    /// Holds the outputs of a core.
    pub output_register: Memory,
    /// Holds what goes between layers; one a tile.
    pub buffer: Memory,
    /// From the buffer to the cores of a tile; one a tile.
    pub bus: Memory,
    /// Functions of single values between layers.
    pub activation: Block,
    /// Network between tiles.
    pub router: Router,
    /// Off the chip.
    pub link: Link,
    /// How cells are written.
    pub write: Write,
    /// Parts without an event of their own: they count in power and area.
    #[serde(default)]
    pub extras: Vec<Extra>,
}

/// A part without an event of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// What it is.
    pub name: String,
    /// What has one.
    pub per: Level,
    /// On which line of a bill it stands.
    pub component: Component,
    /// Power while it works.
    #[serde(rename = "power")]
    pub power_w: Constant<Watt>,
    /// Area.
    #[serde(rename = "area")]
    pub area_m2: Constant<SquareMetre>,
}

/// A level of the hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A core, with its crossbars and converters.
    Core,
    /// A tile, with its cores and buffer.
    Tile,
    /// The chip.
    Chip,
}

/// What is counted, and how. Printed with every result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conventions {
    /// Operations that a multiply-accumulate counts for: 2 (a product and a sum) or 1.
    pub operations_per_mac: u32,
    /// What a converter's rate counts.
    pub conversion: Periods,
}

/// What a converter's rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Periods {
    /// Conversions: one takes `1 / rate`.
    Rate,
    /// Cycles of single bits: one conversion takes `(bits + 2) / rate` (MNSIM 2.0).
    BitCycles,
}

impl Periods {
    /// Periods of a conversion.
    pub(crate) fn periods(self, bits: u32) -> f64 {
        match self {
            Self::Rate => 1.0,
            Self::BitCycles => f64::from(bits) + 2.0,
        }
    }
}

/// How many parts there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// How well these counts are known.
    pub known: Known,
    /// Where they come from.
    pub source: String,
    /// Tiles of a chip.
    pub tiles: u32,
    /// Cores of a tile.
    pub cores_per_tile: u32,
    /// Crossbars of a core.
    pub crossbars_per_core: u32,
    /// Converters behind the bit lines of a core, shared out over its crossbars.
    pub adcs_per_core: u32,
    /// Shift-and-add units of a core.
    pub shift_adds_per_core: u32,
    /// Shift-and-add units of a tile, beside those of its cores.
    pub shift_adds_per_tile: u32,
    /// Units for functions of single values, of a tile.
    pub activations_per_tile: u32,
    /// Tiles that share a router.
    pub tiles_per_router: u32,
}

/// What leads off the chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Bits that all of it carries in a second.
    pub bits_per_second: Constant<Ratio>,
    /// Power while it works.
    #[serde(rename = "power")]
    pub power_w: Constant<Watt>,
    /// Area.
    #[serde(rename = "area")]
    pub area_m2: Constant<SquareMetre>,
}

impl Link {
    /// Energy of a bit, J.
    pub fn bit_j(&self) -> f64 {
        self.power_w.value / self.bits_per_second.value
    }
}

/// How cells are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Energy of a pulse, at the cell and in its driver.
    #[serde(rename = "pulse_energy")]
    pub pulse_j: Constant<Joule>,
    /// Duration of a pulse with what comes before and after it.
    #[serde(rename = "pulse_time")]
    pub pulse_s: Constant<Second>,
    /// Pulses that a cell takes on average, the last one included.
    pub pulses: Constant<Ratio>,
    /// Reads that verify, for each pulse.
    pub verifies: Constant<Ratio>,
    /// Cells of a crossbar that are written at once.
    pub cells_at_once: u32,
    /// Crossbars that are written at once, as the supply allows.
    pub crossbars_at_once: u32,
}

impl Technology {
    /// Its JSON schema.
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
        SCHEMA.get_or_init(|| schemars::schema_for!(Technology).to_value())
    }

    /// Crossbars of a chip.
    pub fn crossbars(&self) -> u64 {
        let o = &self.organisation;
        u64::from(o.tiles) * u64::from(o.cores_per_tile) * u64::from(o.crossbars_per_core)
    }

    /// What is counted, and how, in sentences.
    pub fn conventions(&self) -> Vec<String> {
        let c = &self.convention;
        let operations = match c.operations_per_mac {
            1 => "A multiply-accumulate counts as one operation.".to_owned(),
            n => format!("A multiply-accumulate counts as {n} operations."),
        };
        let conversion = match (&self.adc, c.conversion) {
            (Adc::Survey(_), _) => "A conversion takes one period of the ADC's rate.",
            (Adc::Sar(_), _) => "A conversion takes a bit time for each bit and one more.",
            (_, Periods::Rate) => {
                "The ADC's rate counts conversions: one takes 1 / rate and costs power / rate."
            }
            (_, Periods::BitCycles) => {
                "The ADC's rate counts cycles of bits: one conversion takes (bits + 2) / rate and costs power times that."
            }
        };
        let array = match self.array {
            Array::Published(_) => {
                "Crossbars cost their published power for each read, shared out over their cells; what the cells of this \
                 device dissipate is not used."
            }
            Array::Ohmic(_) => {
                "Crossbars cost what their cells dissipate (G V^2 t) and the charge of their lines."
            }
        };
        let blocks = "Other parts cost power x time for each operation, and nothing while they stand idle.";
        vec![operations, conversion.to_owned(), array.to_owned(), blocks.to_owned()]
    }

    /// Checks every number.
    ///
    /// # Errors
    /// The first setting that is out of range, by path.
    pub fn check(&self) -> Result<(), SettingError> {
        if !(1..=2).contains(&self.convention.operations_per_mac) {
            let message = format!("{} is neither 1 nor 2", self.convention.operations_per_mac);
            return Err(SettingError::value("convention.operations_per_mac", message));
        }
        self.organisation.check()?;
        self.array.check()?;
        self.adc.check()?;
        self.dac.check()?;
        let blocks = [
            ("sample_hold", &self.sample_hold),
            ("shift_add", &self.shift_add),
            ("activation", &self.activation),
        ];
        blocks.into_iter().try_for_each(|(path, block)| block.check(path))?;
        let memories = [
            ("input_register", &self.input_register),
            ("output_register", &self.output_register),
            ("buffer", &self.buffer),
            ("bus", &self.bus),
        ];
        memories.into_iter().try_for_each(|(path, memory)| memory.check(path))?;
        self.router.check("router")?;
        positive("link.bits_per_second.value", self.link.bits_per_second.value)?;
        not_negative("link.power.value", self.link.power_w.value)?;
        not_negative("link.area.value", self.link.area_m2.value)?;
        for (i, extra) in self.extras.iter().enumerate() {
            not_negative(&format!("extras[{i}].power.value"), extra.power_w.value)?;
            not_negative(&format!("extras[{i}].area.value"), extra.area_m2.value)?;
        }
        self.write.check()
    }
}

impl Organisation {
    fn check(&self) -> Result<(), SettingError> {
        let counts = [
            ("tiles", self.tiles, 1, 4096),
            ("cores_per_tile", self.cores_per_tile, 1, 4096),
            ("crossbars_per_core", self.crossbars_per_core, 1, 4096),
            ("adcs_per_core", self.adcs_per_core, 1, 1 << 20),
            ("shift_adds_per_core", self.shift_adds_per_core, 1, 1 << 20),
            ("shift_adds_per_tile", self.shift_adds_per_tile, 0, 1 << 20),
            ("activations_per_tile", self.activations_per_tile, 1, 1 << 20),
            ("tiles_per_router", self.tiles_per_router, 1, 64),
        ];
        for (name, count, low, high) in counts {
            if !(low..=high).contains(&count) {
                let path = format!("organisation.{name}");
                return Err(SettingError::value(path, format!("{count} is not from {low} to {high}")));
            }
        }
        Ok(())
    }
}

impl Write {
    fn check(&self) -> Result<(), SettingError> {
        positive("write.pulse_energy.value", self.pulse_j.value)?;
        positive("write.pulse_time.value", self.pulse_s.value)?;
        positive("write.pulses.value", self.pulses.value)?;
        not_negative("write.verifies.value", self.verifies.value)?;
        for (name, count) in
            [("cells_at_once", self.cells_at_once), ("crossbars_at_once", self.crossbars_at_once)]
        {
            if !(1..=1 << 24).contains(&count) {
                let path = format!("write.{name}");
                return Err(SettingError::value(path, format!("{count} is not from 1 to 16777216")));
            }
        }
        Ok(())
    }
}
