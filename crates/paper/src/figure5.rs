//! Figure 5: the layers of a network on crossbars, with a communication network between them.

use std::collections::BTreeSet;

use neurohm_cost::map::{Bottleneck, Mesh, Options};
use neurohm_cost::{Baseline, Floorplan, Layer, Level, Mapping, baselines};
use neurohm_lab::LabError;
use neurohm_nn::{Graph, models, onnx};
use neurohm_num::Key;
use neurohm_studies::{NETWORKS, shapes};
use neurohm_study::record::{Axis, Block, Cell, Flow, Line, Plan, Series, Site};

use crate::claim::{Claim, Rule, review};
use crate::machines::{CONSTANTS, Crossbars, Placed, baseline, crossbars, failed, table, weight_bytes};
use crate::{Effort, Entry, Evidence, Setting};

/// The network that stands for all.
const SHOWN: &str = "resnet8";
const NO_NUMBER: &str = "the review gives no number";

pub(crate) const ENTRY: Entry = Entry {
    figure: "5",
    title: "Layers of a network on crossbars, with a network between them",
    about: "Networks are placed on a chip layer by layer: each matrix is cut into 256 x 256 crossbars of differential PCM \
            pairs in cores in tiles, tiles stand on a mesh, slow layers are copied where there is room until another is \
            the slowest. Values between layers go over the mesh, inputs and outputs over the chip's link. resnet8 \
            (CIFAR-10) stands for all where nothing else is said.",
    claims: &[
        Claim {
            key: "stored",
            claim: "Weights that stand in cells of their own, which no other layer or copy uses",
            published: review(
                "the synaptic weights are stored in the conductance state of the memristive devices",
            ),
            unit: "%",
            rule: Rule::Between(100.0, 100.0),
        },
        Claim {
            key: "devices",
            claim: "Devices a weight",
            published: review(
                "the synaptic weights are stored in the conductance state of the memristive devices",
            ),
            unit: "1",
            rule: Rule::NotComparable(NO_NUMBER),
        },
        Claim {
            key: "shuttled",
            claim: "Bytes of weights that the chip moves for an inference",
            published: review(
                "need to shuttle synaptic weight values between the memory and processing unit",
            ),
            unit: "B",
            rule: Rule::AtMost(0.0),
        },
        Claim {
            key: "fetched",
            claim: "Bytes of weights that a processor fetches for an inference, for each weight of 8 bits",
            published: review(
                "need to shuttle synaptic weight values between the memory and processing unit",
            ),
            unit: "1",
            rule: Rule::Between(1.0, 1.0),
        },
        Claim {
            key: "millions",
            claim: "Weights of the largest network placed here",
            published: review("millions of synaptic weight values"),
            unit: "1",
            rule: Rule::NotComparable("no network of millions of weights is placed here"),
        },
        Claim {
            key: "dense_steps",
            claim: "Products one after another in a dense layer, any of mlp",
            published: review("the propagation of data through each layer is performed in a single step"),
            unit: "1",
            rule: Rule::Between(1.0, 1.0),
        },
        Claim {
            key: "convolution_steps",
            claim: "Products one after another in the busiest convolution, copies included",
            published: review("the propagation of data through each layer is performed in a single step"),
            unit: "1",
            rule: Rule::Between(1.0, 1.0),
        },
        Claim {
            key: "turns",
            claim: "Reads one after another for a product of 8-bit inputs, with ISAAC's 1-bit DACs",
            published: review(
                "by inputting the data to the crossbar rows and deciphering the results at the columns",
            ),
            unit: "1",
            rule: Rule::Between(1.0, 1.0),
        },
        Claim {
            key: "growth",
            claim: "Reads for a product of the largest matrix over those of the smallest, all networks",
            published: review("the propagation of data through each layer is performed in a single step"),
            unit: "1",
            rule: Rule::Between(1.0, 1.0),
        },
        Claim {
            key: "carried",
            claim: "Bytes that network and link carry for an inference, for each byte of weights that a processor fetches",
            published: review(
                "a global communication network is used to send data from one array to another",
            ),
            unit: "1",
            rule: Rule::NotComparable(NO_NUMBER),
        },
        Claim {
            key: "hops",
            claim: "Routers that values pass at most",
            published: review(
                "a global communication network is used to send data from one array to another",
            ),
            unit: "1",
            rule: Rule::NotComparable(NO_NUMBER),
        },
        Claim {
            key: "utilisation",
            claim: "Cells of the tiles taken that hold weights",
            published: review("the layers are mapped to crossbars"),
            unit: "%",
            rule: Rule::NotComparable(NO_NUMBER),
        },
        Claim {
            key: "duplication",
            claim: "Throughput with copies of slow layers over that without",
            published: review("no copies are told of"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "energy_ratio",
            claim: "Energy of an inference on a processor over that on the chip",
            published: review("hence in-memory computing is being explored as an alternative approach"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
        Claim {
            key: "time_ratio",
            claim: "Time of an inference on a processor over that on the chip",
            published: review("hence in-memory computing is being explored as an alternative approach"),
            unit: "1",
            rule: Rule::NotComparable(CONSTANTS),
        },
    ],
    run,
};

/// The networks that are placed: those embedded, and of others the shapes.
fn networks() -> Result<Vec<(&'static str, Vec<Layer>)>, LabError> {
    let wrong = |e: &dyn std::fmt::Display| LabError::Setting(format!("a network that is placed: {e}"));
    let placed = |mut graph: Graph| {
        graph.fold_batch_norm();
        shapes(&graph)
    };
    let mut all = Vec::new();
    for network in NETWORKS {
        let none = |file: &str| Err(format!("an embedded network names the file {file}"));
        let graph = onnx::read(network.onnx, &none).map_err(|e| wrong(&e))?.graph;
        all.push((network.name, placed(graph)));
    }
    let (key, digits, pictures) = (Key::root(1), [28, 28, 1], [32, 32, 3]);
    for (name, shape) in [("mlp", digits), ("cnn", digits), (SHOWN, pictures)] {
        all.push((name, placed(models::by_name(name, &shape, 10, key).map_err(|e| wrong(&e))?)));
    }
    let mut deep = models::resnet(&pictures, &[16, 32, 64], 5, 10, key);
    deep.infer_shapes().map_err(|e| wrong(&e))?;
    all.push(("resnet32", placed(deep)));
    Ok(all)
}

fn run(setting: &Setting) -> Result<Evidence, LabError> {
    let networks = networks()?;
    setting.watch.begin("figure 5", Some(networks.len() as u64 + 1));
    let (isaac, like) = (crossbars("isaac_32nm")?, crossbars("neurosim_like_22nm")?);
    let shown = named(&networks, SHOWN)?;
    let mut evidence = Evidence::default();
    let placed = isaac.place(shown, Options::default())?;
    let alone = isaac.place(shown, Options { duplicate: false, ..Options::default() })?;
    numbers(&isaac, &networks, &placed, &alone, &mut evidence)?;
    let spread = like.place(shown, Options::default())?;
    evidence.plans.push(plan("floor_plan_small_tiles", &spread.mapping, &like));
    evidence.plans.push(plan("floor_plan_large_tiles", &placed.mapping, &isaac));
    evidence.series.push(pipeline(&placed.mapping, &alone.mapping));
    let budgets = if setting.effort == Effort::Quick { 16 } else { 48 };
    evidence.series.push(against_area(
        shown,
        &[("ISAAC's parts", &isaac), ("NeuroSim-like parts", &like)],
        budgets,
    )?);
    evidence.tables.push(layers(&placed.mapping));
    setting.watch.step(1)?;
    let mut rows = Vec::new();
    for (name, layers) in &networks {
        rows.push(network_row(name, layers, &isaac)?);
        setting.watch.step(1)?;
    }
    evidence.tables.push(table(
        "networks",
        "Networks on the chip with ISAAC's parts, beside the processor of figure 2 which fetches weights for each inference.",
        &[
            ("network", ""),
            ("weights", ""),
            ("multiply-accumulates", ""),
            ("crossbars", ""),
            ("tiles", ""),
            ("cells used", "%"),
            ("inferences a second", "1/s"),
            ("latency", "s"),
            ("slowest", ""),
            ("carried between", "B"),
            ("energy", "J"),
            ("energy, processor", "J"),
            ("time, processor", "s"),
        ],
        rows,
    ));
    Ok(evidence)
}

fn named<'a>(networks: &'a [(&str, Vec<Layer>)], name: &str) -> Result<&'a [Layer], LabError> {
    let found = networks.iter().find(|(n, _)| *n == name).map(|(_, layers)| layers.as_slice());
    found.ok_or_else(|| LabError::Setting(format!("there is no network {name:?}")))
}

fn processor(layers: &[Layer]) -> Result<Baseline, LabError> {
    baseline("von_neumann", layers, 1)
}

fn weights(layers: &[Layer]) -> f64 {
    layers.iter().map(|l| l.weights() as f64).sum()
}

/// Bytes between tiles and over the chip's link, for one sample.
fn carried(mapping: &Mapping) -> f64 {
    (mapping.traffic.bits + mapping.traffic.link_bits) / 8.0
}

/// Weights on crossbars that nothing else has, of all weights of all copies.
fn stored(mapping: &Mapping, machine: &Crossbars) -> f64 {
    let (rows, columns) = (u64::from(machine.fabric.rows), u64::from(machine.fabric.columns));
    let mut taken = BTreeSet::new();
    let (mut kept, mut all) = (0u64, 0u64);
    for placed in &mapping.layers {
        let layer = &placed.layer;
        all += layer.weights() * placed.copies;
        let part = |whole: u64, width: u64, strip: u64| width.min(whole.saturating_sub(strip * width));
        for piece in &placed.pieces {
            let held = part(layer.rows, rows, piece.strip_in) * part(layer.columns, columns, piece.strip_out);
            if taken.insert((piece.round, piece.site)) {
                kept += held;
            }
        }
    }
    100.0 * kept as f64 / all as f64
}

fn numbers(
    isaac: &Crossbars,
    networks: &[(&str, Vec<Layer>)],
    placed: &Placed,
    alone: &Placed,
    evidence: &mut Evidence,
) -> Result<(), LabError> {
    let (shown, mapping) = (named(networks, SHOWN)?, &placed.mapping);
    let theirs = processor(shown)?;
    evidence.put("stored", stored(mapping, isaac), None);
    evidence.put("devices", f64::from(isaac.fabric.lines_per_weight), None);
    evidence.put("shuttled", placed.weight_bytes, None);
    evidence.put("fetched", weight_bytes(&theirs) / weights(shown), None);
    let largest = networks.iter().map(|(_, layers)| weights(layers)).fold(0.0, f64::max);
    evidence.put("millions", largest, None);
    let steps = |mapping: &Mapping| {
        let each = mapping.layers.iter().map(|l| l.layer.products.div_ceil(l.copies));
        each.max().unwrap_or(0) as f64
    };
    let dense = isaac.place(named(networks, "mlp")?, Options::default())?;
    evidence.put("dense_steps", steps(&dense.mapping), None);
    evidence.put("convolution_steps", steps(mapping), None);
    let turns = f64::from(isaac.fabric.turns);
    evidence.put("turns", turns, None);
    let mut reads = Vec::new();
    for layer in networks.iter().flat_map(|(_, layers)| layers) {
        // Conversions of one output of the matrix, over the crossbars that share its inputs: the reads of a product.
        let tally = neurohm_cost::Events::of_layer(layer, &isaac.fabric).tally;
        let outputs = layer.values_out() * layer.rows.div_ceil(u64::from(isaac.fabric.rows));
        reads.push((layer.rows * layer.columns, turns * tally.adc_conversions as f64 / outputs as f64));
    }
    let of = |pick: Option<&(u64, f64)>| pick.map_or(f64::NAN, |(_, reads)| *reads);
    let growth = of(reads.iter().max_by_key(|r| r.0)) / of(reads.iter().min_by_key(|r| r.0));
    evidence.put("growth", growth, None);
    evidence.put("carried", carried(mapping) / weight_bytes(&theirs), None);
    evidence.put("hops", f64::from(mapping.traffic.most_hops), None);
    evidence.put("utilisation", 100.0 * mapping.utilisation, None);
    evidence.put("duplication", mapping.throughput_per_s() / alone.mapping.throughput_per_s(), None);
    evidence.put("energy_ratio", theirs.energy_j() / placed.energy_j, None);
    evidence.put("time_ratio", theirs.time_s / placed.latency_s, None);

    evidence.info("Shapes, places and constants: no chance in them, and no intervals.");
    evidence.info(format!(
        "A single step is what a dense layer on a crossbar takes with converters of its inputs' bits. The technologies \
         here feed 8-bit inputs bit by bit ({turns:.0} reads), and converters that serve many columns take those one after \
         another. A convolution multiplies its matrix with every position of the image: {:.0} products for the first \
         layers, one after another where there is one copy. Its weights serve so often that a processor fetches few bytes \
         for each operation: {SHOWN} has {:.0} operations a weight, mlp two.",
        steps(&alone.mapping),
        2.0 * shown.iter().map(|l| l.macs() as f64).sum::<f64>() / weights(shown),
    ));
    if theirs.time_s < placed.latency_s {
        evidence.info(format!(
            "For one {SHOWN} inference the processor is faster than the chip, as its constants are assumed: a sample passes \
             the layers one after another, {} in the array and converters, while a pipeline of samples gives one every {}. \
             Energy is where the chip is ahead.",
            neurohm_num::quantity::format(placed.latency_s, neurohm_num::quantity::Dimension::Second),
            neurohm_num::quantity::format(mapping.interval_s, neurohm_num::quantity::Dimension::Second),
        ));
    }
    evidence.caution(
        "Energies and times rest on constants that are recalled or assumed, so they are not compared; counts of bytes, \
         products, reads and cells rest on none.",
    );
    Ok(())
}

fn slowest(mapping: &Mapping) -> String {
    let layer = |i: &usize| mapping.layers.get(*i).map_or("", |l| l.layer.name.as_str());
    match &mapping.bottleneck {
        Bottleneck::Reads(i) => format!("reads of {}", layer(i)),
        Bottleneck::Conversions(i) => format!("conversions of {}", layer(i)),
        Bottleneck::Buffer => "a tile's buffer".into(),
        Bottleneck::Network => "the network".into(),
        Bottleneck::Link => "the chip's link".into(),
        Bottleneck::Reload => "writing anew".into(),
    }
}

fn network_row(name: &str, layers: &[Layer], isaac: &Crossbars) -> Result<Vec<Cell>, LabError> {
    let placed = isaac.place(layers, Options::default())?;
    let (m, theirs) = (&placed.mapping, processor(layers)?);
    Ok(vec![
        Cell::Text(name.into()),
        Cell::Number(weights(layers)),
        Cell::Number(layers.iter().map(|l| l.macs() as f64).sum()),
        Cell::Number(m.crossbars as f64),
        Cell::Number(m.tiles as f64),
        Cell::Number(100.0 * m.utilisation),
        Cell::Number(m.throughput_per_s()),
        Cell::Number(placed.latency_s),
        Cell::Text(slowest(m)),
        Cell::Number(carried(m)),
        Cell::Number(placed.energy_j),
        Cell::Number(theirs.energy_j()),
        Cell::Number(theirs.time_s),
    ])
}

fn layers(mapping: &Mapping) -> neurohm_study::record::Table {
    let rows = mapping.layers.iter().zip(&mapping.traffic.hops).map(|(l, hops)| {
        let tiles: BTreeSet<u32> = l.pieces.iter().map(|p| p.site.tile).collect();
        vec![
            Cell::Text(l.layer.name.clone()),
            Cell::Text(format!("{} x {}", l.layer.rows, l.layer.columns * l.layer.groups)),
            Cell::Number(l.layer.products as f64),
            Cell::Number(l.crossbars as f64),
            Cell::Number(l.copies as f64),
            Cell::Number(tiles.len() as f64),
            Cell::Number(100.0 * l.utilisation),
            Cell::Number(l.interval_s),
            Cell::Number(f64::from(*hops)),
        ]
    });
    table(
        "layers",
        "The layers of resnet8 on the chip with ISAAC's parts.",
        &[
            ("layer", ""),
            ("weights", ""),
            ("products", ""),
            ("crossbars a copy", ""),
            ("copies", ""),
            ("tiles", ""),
            ("cells used", "%"),
            ("time a sample", "s"),
            ("routers to its readers", ""),
        ],
        rows.collect(),
    )
}

/// Where each layer stands, and what the mesh carries.
fn plan(name: &str, mapping: &Mapping, machine: &Crossbars) -> Plan {
    let o = &machine.technology.organisation;
    let mesh = Mesh::of(&machine.technology);
    let per_tile = f64::from(o.cores_per_tile) * f64::from(o.crossbars_per_core);
    let none = vec![0.0; mapping.layers.len()];
    let mut tiles = vec![none; o.tiles as usize];
    for (layer, placed) in mapping.layers.iter().enumerate() {
        for piece in &placed.pieces {
            tiles[piece.site.tile as usize][layer] += 1.0 / per_tile;
        }
    }
    let used = tiles.iter().filter(|parts| parts.iter().any(|part| *part > 0.0)).count();
    let mut sites: Vec<Site> = Vec::new();
    for (tile, parts) in tiles.into_iter().enumerate() {
        let (x, y) = mesh.at(tile as u32);
        let at = [x as usize, y as usize];
        let block = Block { name: format!("tile {tile}"), parts };
        match sites.iter_mut().find(|site| site.at == at) {
            Some(site) => site.blocks.push(block),
            None => sites.push(Site { at, blocks: vec![block] }),
        }
    }
    let place = |(x, y): (u32, u32)| [x as usize, y as usize];
    let flows = mapping.traffic.links.iter();
    let flows: Vec<Flow> =
        flows.map(|l| Flow { from: place(l.from), to: place(l.to), amount: l.bits / 8.0 }).collect();
    let rows = sites.iter().map(|site| site.at[1] + 1).max().unwrap_or(1);
    let router = match o.tiles_per_router {
        1 => "a router for each".to_owned(),
        n => format!("{n} tiles a router"),
    };
    Plan {
        name: name.into(),
        caption: format!(
            "Floor plan of resnet8 in {}: {used} of {} tiles of {per_tile} crossbars, {router}, coloured by the layers that \
             they hold. Roads are as wide as the bytes that an inference sends along them, {:.1} kB at most.",
            machine.technology.name,
            o.tiles,
            flows.iter().map(|f| f.amount).fold(0.0, f64::max) / 1e3,
        ),
        columns: mesh.width as usize,
        rows,
        kinds: mapping.layers.iter().map(|l| l.layer.name.clone()).collect(),
        sites,
        flows,
        label: "of one inference".into(),
        unit: "B".into(),
        gate: "inputs and outputs, over the chip's link".into(),
    }
}

/// The time of each layer, with one copy of each and with as many as even them out.
fn pipeline(placed: &Mapping, alone: &Mapping) -> Series {
    let line = |name: &str, mapping: &Mapping| {
        let x = (1..=mapping.layers.len()).map(|i| i as f64).collect();
        Line::new(name, x, mapping.layers.iter().map(|l| l.interval_s).collect())
    };
    Series {
        name: "figure_5_pipeline".into(),
        caption: "Time that each layer of resnet8 takes for a sample, in the order of the floor plan's legend. The slowest \
                  one sets the pace, so it is copied first."
            .into(),
        x: Axis::linear("layer", "1"),
        y: Axis::logarithmic("time of a sample", "s"),
        lines: vec![line("one copy of each", alone), line("with copies", placed)],
    }
}

/// Inferences a second against the area that copies may take.
fn against_area(
    shown: &[Layer],
    machines: &[(&str, &Crossbars)],
    budgets: usize,
) -> Result<Series, LabError> {
    let mut lines = Vec::new();
    let mut ends = [f64::INFINITY, 0.0f64];
    for (name, machine) in machines {
        let floor = Floorplan::new(&machine.fabric, &machine.technology);
        let whole = floor.extent(Level::Chip).area_mm2;
        let tile = floor.extent(Level::Tile).area_mm2;
        let least = whole - f64::from(machine.technology.organisation.tiles - 1) * tile;
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for step in 0..=budgets {
            let area_mm2 = least * 1.001 * libm::pow(whole / least, step as f64 / budgets as f64);
            let options = Options { area_mm2: Some(area_mm2), ..Options::default() };
            let mapping = machine.place(shown, options)?.mapping;
            if mapping.reload.is_none() {
                x.push(area_mm2);
                y.push(mapping.throughput_per_s());
            }
        }
        let (first, last) = (x.first().copied(), x.last().copied());
        ends = [ends[0].min(first.unwrap_or(ends[0])), ends[1].max(last.unwrap_or(ends[1]))];
        lines.push(Line::new(*name, x, y));
    }
    for machine in baselines(shown, 1).map_err(failed)?.into_iter().take(2) {
        lines.push(Line::new(machine.title, ends.into(), vec![1.0 / machine.time_s; 2]).dashed());
    }
    Ok(Series {
        name: "figure_5_area".into(),
        caption: "Inferences a second of resnet8 against the area that copies of its layers may take; dashed, processor and \
                  systolic array, whose areas are not known here."
            .into(),
        x: Axis::logarithmic("area", "mm²"),
        y: Axis::logarithmic("inferences a second", "1/s"),
        lines,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_plan_holds_every_crossbar_that_is_taken() {
        let networks = networks().unwrap();
        let machine = crossbars("neurosim_like_22nm").unwrap();
        let placed = machine.place(named(&networks, SHOWN).unwrap(), Options::default()).unwrap();
        let plan = plan("p", &placed.mapping, &machine);
        let o = &machine.technology.organisation;
        let per_tile = f64::from(o.cores_per_tile * o.crossbars_per_core);
        let parts = plan.sites.iter().flat_map(|s| &s.blocks).flat_map(|b| &b.parts);
        assert!((parts.sum::<f64>() * per_tile - placed.mapping.crossbars as f64).abs() < 1e-6);
        // What enters a router leaves it, but for what its own tiles send and take: the busiest road is the traffic's.
        let most = plan.flows.iter().map(|f| f.amount * 8.0).fold(0.0, f64::max);
        assert_eq!(most, placed.mapping.traffic.busiest.unwrap().bits);
        let over: f64 = plan.flows.iter().map(|f| f.amount * 8.0).sum();
        // A path of r routers has r - 1 roads.
        let between = placed.mapping.traffic.hop_bits - placed.mapping.traffic.bits;
        assert!((over / between - 1.0).abs() < 1e-9, "{over} {between}");
    }

    #[test]
    fn resnet32_has_the_layers_of_its_paper() {
        let networks = networks().unwrap();
        let deep = named(&networks, "resnet32").unwrap();
        // 31 convolutions, two projections, class scores; 464 154 parameters with biases and norms (He et al. 2016 say
        // 0.46 M, with shortcuts that have none).
        assert_eq!(deep.len(), 34);
        assert!((weights(deep) / 0.46e6 - 1.0).abs() < 0.02, "{}", weights(deep));
    }
}
