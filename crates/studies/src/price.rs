//! What products on a device's crossbars cost: the row of a report card that `neurohm cost` tells in full.

use std::time::Instant;

use neurohm_array::ChipSpec;
use neurohm_cost::map::{Mapping, Options};
use neurohm_cost::{
    Activity, Baseline, CostError, Efficiency, Fabric, Known, Layer, Technology, baselines, map, program,
    technology,
};
use neurohm_nn::onnx;
use neurohm_study::experiment::{Asked, Findings};
use neurohm_study::record::{Axis, Better, Cell, Column, Line, Series, Table};
use neurohm_study::{Finding, StudyError};

use crate::networks::NETWORKS;
use crate::shapes;

/// In which crossbars cost what their cells dissipate, so that a device's conductances count.
pub(crate) const TECHNOLOGY: &str = "neurosim_like_22nm";
/// Rows and columns of the matrix that is multiplied.
const SIZE: u64 = 1024;

const ABOUT: &str = "What a product of a 1024 x 1024 matrix with a vector costs on crossbars of this device, and on a \
                     processor that fetches the matrix from DRAM for it: energy, time and area. Cells dissipate what their \
                     mean conductance takes at the chip's read voltage and time; converters, buffers and links cost what \
                     the technology says. The first network of `inference` is priced beside it.";

fn failed(error: CostError) -> StudyError {
    StudyError::study(error)
}

/// Crossbars of a chip in a technology, and what is placed on them.
struct Machine<'a> {
    fabric: Fabric,
    technology: &'a Technology,
}

impl Machine<'_> {
    fn place(&self, layers: &[Layer], duplicate: bool) -> Result<(Mapping, Efficiency), StudyError> {
        let options = Options { duplicate, ..Options::default() };
        let mapping = map(layers, &self.fabric, self.technology, options).map_err(failed)?;
        let efficiency = mapping.efficiency(&self.fabric, self.technology);
        Ok((mapping, efficiency))
    }
}

fn processor(layers: &[Layer]) -> Result<Baseline, StudyError> {
    let first = baselines(layers, 1).map_err(failed)?.into_iter().next();
    first.ok_or_else(|| StudyError::Invalid("there is no baseline".into()))
}

/// The row of a chip.
pub(crate) fn priced(
    chip: &ChipSpec,
    seed: u64,
    command: String,
    started: Instant,
) -> Result<Finding, StudyError> {
    let technology = technology(TECHNOLOGY).map_err(StudyError::study)?;
    let fabric = Fabric::new(chip, &technology, Activity::default()).map_err(failed)?;
    let machine = Machine { fabric, technology: &technology };
    let matrix = |n: u64| [Layer::dense("matrix", n, n, None)];
    let (mapping, product) = machine.place(&matrix(SIZE), false)?;
    let theirs = processor(&matrix(SIZE))?;
    let network = NETWORKS[0];
    let none = |file: &str| Err(format!("an embedded network names the file {file}"));
    let mut graph = onnx::read(network.onnx, &none).map_err(StudyError::study)?.graph;
    graph.fold_batch_norm();
    let layers = shapes(&graph);
    let (_, inference) = machine.place(&layers, true)?;

    let mut found = Findings::default();
    numbers(&mut found, &machine, &mapping, &product, &theirs);
    let (higher, lower) = (Some(Better::Higher), Some(Better::Lower));
    let exact = |v: f64| Some([v; 2]);
    let name = network.name;
    found.scalar(
        "inference_energy",
        inference.energy_j,
        exact(inference.energy_j),
        "J",
        lower,
        format!("energy of an inference of {name}"),
    );
    let ratio = processor(&layers)?.energy_j() / inference.energy_j;
    let about = format!("a processor's energy of an inference of {name} over this one's");
    found.scalar("inference_against_processor", ratio, exact(ratio), "1", higher, about);
    found.tables = vec![bill(&machine, &mapping)];
    let sizes: Vec<u64> = (6..=12).map(|log| 1 << log).collect();
    let mut ours = Vec::new();
    let mut other = Vec::new();
    for n in &sizes {
        ours.push(machine.place(&matrix(*n), false)?.1.energy_j);
        other.push(processor(&matrix(*n))?.energy_j());
    }
    let x: Vec<f64> = sizes.iter().map(|n| *n as f64).collect();
    found.series = vec![Series {
        name: "energy_over_size".into(),
        caption: "Energy of one product with a square matrix: on this device's crossbars, and on a processor that fetches \
                  the matrix for it."
            .into(),
        x: Axis::logarithmic("rows and columns", "1"),
        y: Axis::logarithmic("energy of a product", "J"),
        lines: vec![Line::new("this device", x.clone(), ours), Line::new("processor", x, other).dashed()],
    }];
    notes(&mut found, chip, &machine, &mapping);
    let settings = [
        ("technology", toml::Value::from(TECHNOLOGY)),
        ("size", toml::Value::from(SIZE as i64)),
        ("network", toml::Value::from(name)),
        ("chip", toml::Value::from(chip.name.as_str())),
    ];
    let asked = Asked {
        name: "price",
        title: "Energy, time and area",
        about: ABOUT,
        revision: 1,
        merit: "tops_per_watt",
        device: &chip.device,
        settings: settings.map(|(key, value)| (key.to_string(), value)).into_iter().collect(),
        devices: 1,
        seed,
        command,
        started,
    };
    asked.finding(found)
}

fn numbers(
    found: &mut Findings,
    machine: &Machine,
    mapping: &Mapping,
    product: &Efficiency,
    theirs: &Baseline,
) {
    let precision = format!(
        "{}-bit inputs, {}-bit conversions, 8-bit weights elsewhere",
        product.input_bits, product.output_bits
    );
    let weights = (SIZE * SIZE) as f64 * f64::from(machine.fabric.lines_per_weight);
    let writing = program(weights, mapping.crossbars, &machine.fabric, machine.technology);
    let pays = writing.energy_j / (theirs.energy_j() - product.energy_j);
    let (higher, lower) = (Better::Higher, Better::Lower);
    let of = format!("of a product with a {SIZE} x {SIZE} matrix");
    let rows: [(&str, f64, &str, Better, String); 11] = [
        (
            "tops_per_watt",
            product.tops_per_watt(),
            "TOPS/W",
            higher,
            format!("operations a joule {of}: {precision}"),
        ),
        (
            "tops_per_mm2",
            product.tops_per_mm2(),
            "TOPS/mm²",
            higher,
            format!("operations a second and area {of}"),
        ),
        ("product_energy", product.energy_j, "J", lower, format!("energy {of}")),
        ("product_time", product.latency_s, "s", lower, format!("time {of}")),
        (
            "area",
            product.area_mm2,
            "mm²",
            lower,
            "area of the tiles that hold it, and of the chip's link".into(),
        ),
        ("processor_energy", theirs.energy_j(), "J", lower, format!("energy {of} on a processor")),
        ("processor_time", theirs.time_s, "s", lower, format!("time {of} on a processor")),
        (
            "against_processor",
            theirs.energy_j() / product.energy_j,
            "1",
            higher,
            "the processor's energy over this one's".into(),
        ),
        (
            "write_energy",
            writing.energy_j,
            "J",
            lower,
            "energy to write the matrix, with assumed pulses".into(),
        ),
        ("write_time", writing.time_s, "s", lower, "time to write the matrix, with assumed pulses".into()),
        (
            "write_pays_after",
            pays.max(0.0).ceil(),
            "1",
            lower,
            "products after which writing has paid in energy".into(),
        ),
    ];
    for (name, value, unit, better, about) in rows {
        found.scalar(name, value, Some([value; 2]), unit, Some(better), about);
    }
}

fn bill(machine: &Machine, mapping: &Mapping) -> Table {
    let bill = mapping.bill(&machine.fabric, machine.technology);
    let total = bill.total().energy_j;
    let rows = bill.items.iter().map(|item| {
        vec![
            Cell::Text(item.component.words().into()),
            Cell::Number(item.cost.energy_j),
            Cell::Number(100.0 * item.cost.energy_j / total),
            Cell::Number(item.cost.latency_s),
            Cell::Number(item.cost.area_mm2),
            Cell::Text(item.known.words().into()),
        ]
    });
    let columns = [
        ("component", ""),
        ("energy", "J"),
        ("share", "%"),
        ("latency", "s"),
        ("area", "mm²"),
        ("least known constant", ""),
    ];
    Table {
        name: "bill".into(),
        caption: format!("A product with a {SIZE} x {SIZE} matrix, by component."),
        columns: columns.map(|(name, unit)| Column { name: name.into(), unit: unit.into() }).into(),
        rows: rows.collect(),
    }
}

fn notes(found: &mut Findings, chip: &ChipSpec, machine: &Machine, mapping: &Mapping) {
    let bill = mapping.bill(&machine.fabric, machine.technology);
    let total = bill.total().energy_j;
    if let Some(most) = bill.items.iter().max_by(|a, b| a.cost.energy_j.total_cmp(&b.cost.energy_j)) {
        found.info(format!(
            "Most of the energy goes into {}: {:.0} %.",
            most.component.words(),
            100.0 * most.cost.energy_j / total
        ));
    }
    let recalled = bill.items.iter().filter(|item| item.known > Known::PublicCode);
    let recalled: f64 = recalled.map(|item| item.cost.energy_j).sum();
    found.caution(format!(
        "{:.0} % of the energy rests on constants that are recalled or assumed (technology {TECHNOLOGY}): an order of \
         magnitude, and no reproduction. `neurohm cost --technologies` lists others; writing is assumed for every device.",
        100.0 * recalled / total
    ));
    found.info(format!(
        "Precision is that of the chip {}: {} bits of inputs and {} of conversions; where its converters are ideal, 8. \
         Whether the products are good enough is what the other rows say.",
        chip.name, machine.fabric.input_bits, machine.fabric.output_bits
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_array::chip_preset;

    fn energy(change: &str, value: &str) -> (f64, f64) {
        let mut chip = chip_preset("default").unwrap();
        chip.set(change, value, &|_| Err(String::new())).unwrap();
        let record = priced(&chip, 1, String::new(), Instant::now()).unwrap().record;
        let share = match &record.tables[0].rows[0][1] {
            Cell::Number(joule) => *joule,
            other => panic!("{other:?}"),
        };
        (record.scalars["product_energy"].value, share)
    }

    #[test]
    fn the_device_counts_in_what_a_product_costs() {
        let (plain, twice) = (energy("read.voltage", "0.2 V"), energy("read.voltage", "0.4 V"));
        // Cells take G V^2 t and lines C V^2; a SAR converter takes more of a larger voltage too.
        assert!((twice.1 / plain.1 - 4.0).abs() < 1e-6, "{plain:?} {twice:?}");
        assert!(twice.0 - plain.0 >= twice.1 - plain.1, "{plain:?} {twice:?}");
        let low = energy("device.cell.g_max", "2.5 uS");
        assert!(low.1 < plain.1 && low.0 < plain.0);
    }
}
