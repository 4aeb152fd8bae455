//! The machines that figures 2 and 5 hold against one another: chips of crossbars, priced in our technologies, and a
//! processor whose memory is apart.

use neurohm_array::{ChipSpec, chip_preset};
use neurohm_cost::{
    Activity, Baseline, Component, CostError, Fabric, Layer, Programming, Technology, baselines, program,
    technology,
};
use neurohm_lab::LabError;
use neurohm_study::record::{Cell, Column, Table};

/// Why energies and times have nothing to be compared with.
pub(crate) const CONSTANTS: &str =
    "the constants behind it are recalled or assumed, and the review gives no number";

/// Parts of a chip that carry data, and do not compute.
const CARRIES: [Component; 5] =
    [Component::Registers, Component::Buffer, Component::Bus, Component::Network, Component::Link];

/// The part of a baseline that brings weights.
pub(crate) const WEIGHTS: &str = "weights from DRAM";

/// A chip of crossbars.
pub(crate) struct Crossbars {
    pub chip: ChipSpec,
    pub fabric: Fabric,
    pub technology: Technology,
}

/// The default chip in a technology.
pub(crate) fn crossbars(name: &str) -> Result<Crossbars, LabError> {
    let chip = chip_preset("default").map_err(|e| LabError::Setting(e.to_string()))?;
    let technology = technology(name).map_err(|e| LabError::Setting(e.to_string()))?;
    let fabric = Fabric::new(&chip, &technology, Activity::default()).map_err(failed)?;
    Ok(Crossbars { chip, fabric, technology })
}

/// A network, or a matrix, on a chip of crossbars, for one sample.
pub(crate) struct Placed {
    pub mapping: neurohm_cost::Mapping,
    pub energy_j: f64,
    pub latency_s: f64,
    /// Part of the energy that carries data.
    pub moving: f64,
    /// Bytes of weights that are moved.
    pub weight_bytes: f64,
    pub writing: Programming,
}

impl Crossbars {
    /// Places `layers`; copies for throughput only where `duplicate` says so.
    pub fn place(&self, layers: &[Layer], options: neurohm_cost::map::Options) -> Result<Placed, LabError> {
        let (fabric, technology) = (&self.fabric, &self.technology);
        let mapping = neurohm_cost::map(layers, fabric, technology, options).map_err(failed)?;
        let bill = mapping.bill(fabric, technology);
        let efficiency = mapping.efficiency(fabric, technology);
        let moved: f64 = CARRIES.iter().map(|part| bill.of(*part).energy_j).sum();
        // A network that exceeds the chip is written anew for every batch; its weights then come over the link.
        let weights: f64 = layers.iter().map(|l| l.weights() as f64).sum();
        let again = mapping.reload.as_ref().map_or(0.0, |r| 1.0 / r.batch as f64);
        let cells: f64 =
            mapping.layers.iter().map(|l| fabric.cells_of(&l.layer) as f64 * l.copies as f64).sum();
        let used = mapping.layers.iter().map(|l| l.crossbars * l.copies).sum();
        let writing = program(cells, used, fabric, technology);
        Ok(Placed {
            energy_j: efficiency.energy_j,
            latency_s: efficiency.latency_s,
            moving: moved / efficiency.energy_j,
            weight_bytes: again * weights * f64::from(fabric.input_bits) / 8.0,
            writing,
            mapping,
        })
    }
}

/// One of the baselines, with weights fetched once for `batch` samples.
pub(crate) fn baseline(name: &str, layers: &[Layer], batch: u64) -> Result<Baseline, LabError> {
    let all = baselines(layers, batch).map_err(failed)?;
    let none = || LabError::Setting(format!("there is no baseline {name:?}"));
    all.into_iter().find(|b| b.name == name).ok_or_else(none)
}

/// Energy of a baseline's arithmetic, J.
pub(crate) fn arithmetic_j(machine: &Baseline) -> f64 {
    part(machine, "multiply-accumulate").map_or(0.0, |p| p.energy_j)
}

/// The part of a baseline of that name.
pub(crate) fn part<'a>(machine: &'a Baseline, name: &str) -> Option<&'a neurohm_cost::baseline::Part> {
    machine.parts.iter().find(|p| p.name == name)
}

/// Bytes of weights that a baseline fetches from DRAM.
pub(crate) fn weight_bytes(machine: &Baseline) -> f64 {
    part(machine, WEIGHTS).map_or(0.0, |p| p.bytes)
}

pub(crate) fn failed(error: CostError) -> LabError {
    LabError::Setting(error.to_string())
}

/// A table from its columns (name and unit) and rows.
pub(crate) fn table(name: &str, caption: &str, columns: &[(&str, &str)], rows: Vec<Vec<Cell>>) -> Table {
    let column = |(name, unit): &(&str, &str)| Column { name: (*name).into(), unit: (*unit).into() };
    Table { name: name.into(), caption: caption.into(), columns: columns.iter().map(column).collect(), rows }
}
