//! Joules, seconds and square millimetres, by component.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Known;

/// What something costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Energy, J.
    pub energy_j: f64,
    /// Time, s.
    pub latency_s: f64,
    /// Area, mm2.
    pub area_mm2: f64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.energy_j += other.energy_j;
        self.latency_s += other.latency_s;
        self.area_mm2 += other.area_mm2;
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |mut sum, cost| {
            sum += cost;
            sum
        })
    }
}

/// A part of a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Cells and their lines.
    Array,
    /// Converters in front of the word lines.
    Dac,
    /// Sample-and-hold of the bit lines.
    SampleHold,
    /// Converters behind the bit lines.
    Adc,
    /// Decisions of these beyond the number of bits.
    Redundancy,
    /// Shift-and-add.
    ShiftAdd,
    /// Registers of a core.
    Registers,
    /// Buffers between layers.
    Buffer,
    /// Bus of a tile.
    Bus,
    /// Functions of single values.
    Activation,
    /// Network between tiles.
    Network,
    /// What leads off the chip.
    Link,
}

impl Component {
    /// All, in the order of the signal.
    pub const ALL: [Component; 12] = [
        Component::Array,
        Component::Dac,
        Component::SampleHold,
        Component::Adc,
        Component::Redundancy,
        Component::ShiftAdd,
        Component::Registers,
        Component::Buffer,
        Component::Bus,
        Component::Activation,
        Component::Network,
        Component::Link,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Component::Array => "crossbars",
            Component::Dac => "DACs",
            Component::SampleHold => "sample-and-hold",
            Component::Adc => "ADCs",
            Component::Redundancy => "redundant decisions of ADCs",
            Component::ShiftAdd => "shift-and-add",
            Component::Registers => "registers",
            Component::Buffer => "buffers",
            Component::Bus => "bus",
            Component::Activation => "activation functions",
            Component::Network => "network",
            Component::Link => "chip link",
        }
    }
}

/// A line of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Item {
    /// The part.
    pub component: Component,
    /// What it costs.
    pub cost: Cost,
    /// How well the least well known constant behind it is known.
    pub known: Known,
}

/// What something costs, by component.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Bill {
    /// Its lines, one a component.
    pub items: Vec<Item>,
}

impl Bill {
    /// The sum of its lines.
    pub fn total(&self) -> Cost {
        self.items.iter().map(|item| item.cost).sum()
    }

    /// What one component costs; nothing where it is not on the bill.
    pub fn of(&self, component: Component) -> Cost {
        self.items.iter().filter(|item| item.component == component).map(|item| item.cost).sum()
    }

    /// How well the least well known constant behind any of its energy is known.
    pub fn known(&self) -> Known {
        let paid = self.items.iter().filter(|item| item.cost.energy_j > 0.0);
        paid.map(|item| item.known).max().unwrap_or(Known::Published)
    }

    /// Adds to the line of a component.
    pub(crate) fn add(&mut self, component: Component, cost: Cost, known: Known) {
        match self.items.iter_mut().find(|item| item.component == component) {
            Some(item) => {
                item.cost += cost;
                item.known = item.known.max(known);
            }
            None => self.items.push(Item { component, cost, known }),
        }
    }

    /// Puts the lines in the order of the signal.
    pub(crate) fn sorted(mut self) -> Self {
        self.items.sort_by_key(|item| item.component);
        self
    }
}

/// Figures of merit of a workload, at the precision stated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Efficiency {
    /// Bits of the inputs that were multiplied.
    pub input_bits: u32,
    /// Bits of the converters behind.
    pub output_bits: u32,
    /// Operations of one sample.
    pub operations: f64,
    /// Samples a second.
    pub samples_per_s: f64,
    /// Energy of a sample, J.
    pub energy_j: f64,
    /// Time from a sample's first input to its last output, s.
    pub latency_s: f64,
    /// Area, mm2.
    pub area_mm2: f64,
}

impl Efficiency {
    /// Operations a second, in 1e12.
    pub fn tops(&self) -> f64 {
        self.operations * self.samples_per_s * 1e-12
    }

    /// Operations a joule, in 1e12: TOPS/W.
    pub fn tops_per_watt(&self) -> f64 {
        self.operations / self.energy_j * 1e-12
    }

    /// Operations a second and square millimetre, in 1e12.
    pub fn tops_per_mm2(&self) -> f64 {
        self.tops() / self.area_mm2
    }

    /// Energy x latency of a sample, J s.
    pub fn energy_delay_js(&self) -> f64 {
        self.energy_j * self.latency_s
    }
}
