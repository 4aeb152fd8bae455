//! What a chip of memristors is held against: a processor with its memory apart (the review's Figure 2), a systolic
//! array, and computing in charge-based memory. All with 8-bit integers, 45 nm unless their constants say otherwise.

mod charge;
mod systolic;
mod von_neumann;

use std::sync::OnceLock;

use neurohm_array::SettingError;
use serde::{Deserialize, Serialize};

use crate::constant::{Constant, Hertz, Joule, Known, Ratio, Second, Watt};
use crate::data::once;
use crate::{CostError, Layer, layer};

pub use systolic::{cycles, passes};

/// One part of what a baseline costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// What it is.
    pub name: &'static str,
    /// Bytes moved for one sample.
    pub bytes: f64,
    /// Energy of one sample, J.
    pub energy_j: f64,
    /// How well its constants are known.
    pub known: Known,
}

/// What a network costs elsewhere, for one sample.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// Short name.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Its parts.
    pub parts: Vec<Part>,
    /// Time of a sample, s: work and memory overlap, so the slower of both.
    pub time_s: f64,
    /// Part of its multipliers that work, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilisation: Option<f64>,
    /// Power that keeps the weights while nothing is done, W.
    pub idle_w: f64,
    /// Energy that brings the weights back after power was off, J.
    pub wake_j: f64,
    /// How it is counted.
    pub convention: &'static str,
}

impl Baseline {
    /// Energy of one sample, J.
    pub fn energy_j(&self) -> f64 {
        self.parts.iter().map(|p| p.energy_j).sum()
    }

    /// Bytes moved for one sample.
    pub fn bytes(&self) -> f64 {
        self.parts.iter().map(|p| p.bytes).sum()
    }

    /// How well the least well known of its constants is known.
    pub fn known(&self) -> Known {
        self.parts.iter().map(|p| p.known).max().unwrap_or(Known::Published)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    bits: Bits,
    logic: Logic,
    sram: Sram,
    dram: Dram,
    processor: Processor,
    systolic: Systolic,
    charge_sram: ChargeSram,
    charge_dram: ChargeDram,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bits {
    value: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logic {
    multiply: Constant<Joule>,
    accumulate: Constant<Joule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sram {
    width_bits: f64,
    access: Constant<Joule>,
    leakage_per_bit: Constant<Watt>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dram {
    width_bits: f64,
    access: Constant<Joule>,
    bits_per_second: Constant<Ratio>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Processor {
    macs_per_second: Constant<Ratio>,
    macs_per_operand: Constant<Ratio>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Systolic {
    rows: u64,
    columns: u64,
    clock: Constant<Hertz>,
    hop: Constant<Joule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargeSram {
    binary_mac: Constant<Joule>,
    macs_per_second: Constant<Ratio>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargeDram {
    row_bits: f64,
    row_operation: Constant<Joule>,
    row_operation_time: Constant<Second>,
    row_operations_per_mac: Constant<Ratio>,
    banks: Constant<Ratio>,
    refresh_per_bit: Constant<Joule>,
    refresh_period: Constant<Second>,
}

fn data() -> Result<&'static Data, SettingError> {
    static DATA: OnceLock<Result<Data, SettingError>> = OnceLock::new();
    once(&DATA, include_str!("../../constants/baselines.toml"), "constants/baselines.toml")
}

/// A network in numbers, of `batch` samples that share the fetching of weights.
struct Work<'a> {
    layers: &'a [Layer],
    batch: f64,
}

impl Work<'_> {
    fn sum(&self, of: impl Fn(&Layer) -> u64) -> f64 {
        self.layers.iter().map(|l| of(l) as f64).sum()
    }
    fn macs(&self) -> f64 {
        self.sum(Layer::macs)
    }
    fn weights(&self) -> f64 {
        self.sum(Layer::weights)
    }
}

impl Data {
    fn dram_byte_j(&self) -> f64 {
        self.dram.access.value * 8.0 / self.dram.width_bits
    }
    fn sram_byte_j(&self) -> f64 {
        self.sram.access.value * 8.0 / self.sram.width_bits
    }
    fn bytes(&self, values: f64) -> f64 {
        values * self.bits.value / 8.0
    }
    fn mac_j(&self) -> f64 {
        self.logic.multiply.value + self.logic.accumulate.value
    }
    fn macs(&self, macs: f64) -> Part {
        let known = self.logic.multiply.known.max(self.logic.accumulate.known);
        Part { name: "multiply-accumulate", bytes: 0.0, energy_j: macs * self.mac_j(), known }
    }
    fn weights_from_dram(&self, work: &Work) -> Part {
        let bytes = self.bytes(work.weights()) / work.batch;
        Part {
            name: "weights from DRAM",
            bytes,
            energy_j: bytes * self.dram_byte_j(),
            known: self.dram.access.known,
        }
    }
    /// The network's inputs and outputs, which come and go over DRAM as ours do over the chip's link.
    fn ends(&self, work: &Work) -> Part {
        let read = |i: usize| work.layers.iter().any(|l| l.after.contains(&i));
        let first = work.layers.iter().filter(|l| l.after.is_empty()).map(|l| l.values_in);
        let last = work.layers.iter().enumerate().filter(|(i, _)| !read(*i)).map(|(_, l)| l.values_out());
        let bytes = self.bytes(first.chain(last).sum::<u64>() as f64);
        Part {
            name: "inputs and outputs over DRAM",
            bytes,
            energy_j: bytes * self.dram_byte_j(),
            known: self.dram.access.known,
        }
    }
    fn in_sram(&self, name: &'static str, bytes: f64, known: Known) -> Part {
        Part { name, bytes, energy_j: bytes * self.sram_byte_j(), known: known.max(self.sram.access.known) }
    }
    fn dram_s(&self, bytes: f64) -> f64 {
        bytes * 8.0 / self.dram.bits_per_second.value
    }
    /// Power that keeps weights in SRAM, and energy that fetches them from DRAM.
    fn kept(&self, weights: f64) -> (f64, f64) {
        let bits = weights * self.bits.value;
        (bits * self.sram.leakage_per_bit.value, self.bytes(weights) * self.dram_byte_j())
    }
}

/// All baselines for a network, with weights fetched once for `batch` samples.
///
/// # Errors
/// A layer that is none; a batch of no samples.
pub fn baselines(layers: &[Layer], batch: u64) -> Result<Vec<Baseline>, CostError> {
    layer::check(layers)?;
    if batch == 0 {
        return Err(CostError::mismatch("batch", "it holds at least one sample"));
    }
    let data = data()?;
    let work = Work { layers, batch: batch as f64 };
    Ok(vec![
        von_neumann::baseline(data, &work),
        systolic::baseline(data, &work),
        charge::sram(data, &work),
        charge::dram(data, &work),
    ])
}

#[cfg(test)]
mod tests;
