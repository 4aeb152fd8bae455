//! From events to energy: the tally of what crossbars did, and what went between them.

use neurohm_array::{ENERGY_QUANTUM_J, Tally};
use serde::Serialize;

use crate::component::Array;
use crate::cost::{Bill, Component, Cost};
use crate::{Fabric, Layer, Technology};

/// What happened, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Events {
    /// What crossbars and converters did.
    pub tally: Tally,
    /// Bits in and out of buffers, and over the buses of tiles.
    pub buffer_bits: f64,
    /// Values that went through a function.
    pub activations: f64,
    /// Bits over links between tiles, each counted once for every hop.
    pub hop_bits: f64,
    /// Bits over the chip's link.
    pub link_bits: f64,
}

impl std::ops::AddAssign for Events {
    fn add_assign(&mut self, other: Self) {
        self.tally += other.tally;
        self.buffer_bits += other.buffer_bits;
        self.activations += other.activations;
        self.hop_bits += other.hop_bits;
        self.link_bits += other.link_bits;
    }
}

impl Events {
    /// What one sample of a layer does, as [`neurohm_array::AnalogMatrix`] would count it; of what goes between tiles it
    /// knows nothing. The cells' dissipation is that of mean inputs and weights.
    pub fn of_layer(layer: &Layer, fabric: &Fabric) -> Self {
        let matrices = layer.groups * layer.products;
        let (strips_in, strips_out) = strips(layer, fabric);
        let word_lines = fabric.word_lines(layer);
        let turns = u64::from(fabric.reads);
        let reads = matrices * word_lines * layer.columns * u64::from(fabric.lines_per_weight) * turns;
        let mut tally = Tally::default();
        tally.macs = layer.macs();
        tally.dac_conversions = matrices * word_lines * strips_out * turns;
        let conversions = strips_in * u64::from(fabric.conversions_per_output) * turns;
        tally.adc_conversions = matrices * layer.columns * conversions;
        tally.cell_reads = reads;
        tally.cell_read_energy = (reads as f64 * fabric.cell_read_j() / ENERGY_QUANTUM_J) as u128;
        tally.digital_adds = matrices * layer.columns * (conversions - 1);
        let read = (matrices * layer.rows) as f64 * f64::from(fabric.input_bits);
        let written = layer.values_out() as f64 * f64::from(fabric.input_bits);
        Self { activations: layer.values_out() as f64, buffer_bits: read + written, ..Self::of(tally) }
    }

    /// A tally alone: what an experiment counted.
    pub fn of(tally: Tally) -> Self {
        Self { tally, ..Self::default() }
    }
}

/// Crossbars that a group's matrix takes: along its inputs and along its outputs.
pub(crate) fn strips(layer: &Layer, fabric: &Fabric) -> (u64, u64) {
    (
        fabric.word_lines(layer).div_ceil(u64::from(fabric.rows)),
        layer.columns.div_ceil(u64::from(fabric.columns)),
    )
}

/// Energy of events, by component, J.
///
/// A conversion of the tally is one of the whole input; a technology whose DAC has fewer bits takes `turns` of them, and
/// reads and converts as often. Then the cells see full or no voltage, each in half of the turns, where the tally's
/// dissipation is that of inputs with the mean square of [`Activity`](crate::Activity).
pub fn energy(events: &Events, fabric: &Fabric, technology: &Technology) -> Bill {
    let (t, turns) = (&events.tally, f64::from(fabric.turns));
    let dac = t.dac_conversions as f64;
    let adc = t.adc_conversions as f64;
    let array_j = match &technology.array {
        Array::Published(a) => {
            let read_j = a.power_w.value * a.time_s.value / (f64::from(a.rows) * f64::from(a.columns));
            t.cell_reads as f64 * turns * read_j
        }
        Array::Ohmic(a) => {
            let square = fabric.mean_square_drive;
            let (cells, lines) =
                if fabric.turns > 1 { (turns * 0.5 / square, turns * 0.5) } else { (1.0, square) };
            let line_j =
                a.word_line_f(fabric.bit_lines().min(u64::from(u32::MAX)) as u32) * fabric.read_v.powi(2);
            t.cell_read_energy_j() * cells + dac * lines * line_j
        }
    };
    // Each bit of an input leaves its register once, and each value enters its own when all of its conversions are added.
    let input_j = technology.input_register.bit_j() * f64::from(fabric.input_bits) / f64::from(fabric.reads);
    let output_j =
        technology.output_register.bit_j() * f64::from(fabric.output_bits) / fabric.conversions_per_value();
    let registers = technology.input_register.each.known().max(technology.output_register.each.known());
    let conversions_j = adc * turns * fabric.conversion.energy_j;
    let part = |component, energy_j: f64, known| (component, energy_j, known);
    let parts = [
        part(Component::Array, array_j, technology.array.known()),
        part(Component::Dac, dac * turns * fabric.dac.energy_j, fabric.dac.known),
        part(
            Component::SampleHold,
            adc * turns * technology.sample_hold.operation().energy_j,
            technology.sample_hold.known(),
        ),
        part(Component::Adc, conversions_j * (1.0 - fabric.redundant), fabric.conversion.known),
        part(Component::Redundancy, conversions_j * fabric.redundant, fabric.conversion.known),
        part(
            Component::ShiftAdd,
            shift_adds(t, fabric) * technology.shift_add.operation().energy_j,
            technology.shift_add.known(),
        ),
        part(Component::Registers, dac * input_j + adc * output_j, registers),
        part(
            Component::Buffer,
            events.buffer_bits * technology.buffer.bit_j(),
            technology.buffer.each.known(),
        ),
        part(Component::Bus, events.buffer_bits * technology.bus.bit_j(), technology.bus.each.known()),
        part(
            Component::Activation,
            events.activations * technology.activation.operation().energy_j,
            technology.activation.known(),
        ),
        part(
            Component::Network,
            events.hop_bits * technology.router.bit_hop_j(),
            technology.router.each.known().max(technology.organisation.known),
        ),
        part(
            Component::Link,
            events.link_bits * technology.link.bit_j(),
            technology.link.power_w.known.max(technology.link.bits_per_second.known),
        ),
    ];
    let mut bill = Bill::default();
    let there = |component| component != Component::Redundancy || fabric.redundancy > 0;
    for (component, energy_j, known) in parts.into_iter().filter(|(component, ..)| there(*component)) {
        bill.add(component, Cost { energy_j, ..Cost::default() }, known);
    }
    bill
}

/// Every conversion is shifted and added, and so are values of several crossbars. The tally counts additions of digits and slices
/// too, which are those of their conversions.
fn shift_adds(tally: &Tally, fabric: &Fabric) -> f64 {
    let adc = tally.adc_conversions as f64;
    let once = adc * (1.0 - 1.0 / fabric.conversions_per_value());
    adc * f64::from(fabric.turns) + (tally.digital_adds as f64 - once).max(0.0)
}

/// What a tally costs on so many crossbars: energy of its events, area of these crossbars with all that belongs to them,
/// and the time that each part is busy, its units sharing the work evenly. The total time is that of parts which work one
/// after the other: an upper bound, which a [mapping](crate::Mapping) replaces by a pipeline's.
pub fn price(tally: &Tally, crossbars: u64, fabric: &Fabric, technology: &Technology) -> Bill {
    let mut bill = energy(&Events::of(*tally), fabric, technology);
    let plan = crate::Floorplan::new(fabric, technology);
    let crossbars = crossbars.max(1) as f64;
    for (component, area_mm2, known) in plan.area_mm2(crossbars) {
        bill.add(component, Cost { area_mm2, ..Cost::default() }, known);
    }
    let turns = f64::from(fabric.turns);
    let cores = (crossbars / f64::from(technology.organisation.crossbars_per_core)).ceil();
    let adders = cores * f64::from(technology.organisation.shift_adds_per_core);
    let adc = tally.adc_conversions as f64 * turns;
    let converting_s = adc / (crossbars * fabric.adcs) * fabric.conversion.time_s;
    let busy = [
        (
            Component::Array,
            (tally.cell_reads as f64 / (crossbars * fabric.cells() as f64)) * turns * fabric.read_s,
        ),
        (Component::Adc, converting_s * (1.0 - fabric.redundant)),
        (Component::Redundancy, converting_s * fabric.redundant),
        (Component::ShiftAdd, shift_adds(tally, fabric) / adders * technology.shift_add.time_s.value),
    ];
    for (component, latency_s) in busy.into_iter().filter(|(_, s)| *s > 0.0) {
        bill.add(component, Cost { latency_s, ..Cost::default() }, crate::Known::Published);
    }
    bill.sorted()
}
