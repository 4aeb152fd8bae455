use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{Activity, Component, technology};

fn fabric(technology: &Technology) -> Fabric {
    let mut chip = neurohm_array::chip_preset("default").unwrap();
    (chip.tile.rows, chip.tile.columns) = (128, 64);
    Fabric::new(&chip, technology, Activity::default()).unwrap()
}

fn layer(i: usize, rows: u64, columns: u64, groups: u64, products: u64) -> Layer {
    Layer {
        name: format!("layer{i}"),
        rows,
        columns,
        groups,
        products,
        values_in: rows * groups * products,
        after: i.checked_sub(1).into_iter().collect(),
        bias: false,
    }
}

fn networks() -> impl Strategy<Value = Vec<Layer>> {
    let shape = (1u64..600, 1u64..300, 1u64..4, 1u64..900);
    proptest::collection::vec(shape, 1..6)
        .prop_map(|shapes| shapes.iter().enumerate().map(|(i, &(r, c, g, p))| layer(i, r, c, g, p)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_crossbar_is_used_twice_and_every_weight_has_its_place(layers in networks(), tiles in 1u32..40) {
        let mut isaac = technology("isaac_32nm").unwrap();
        isaac.organisation.tiles = tiles;
        let fabric = fabric(&isaac);
        let found = map(&layers, &fabric, &isaac, Options::default()).unwrap();
        let mut taken = BTreeSet::new();
        for placed in &found.layers {
            // N = groups ceil(K / rows) ceil(C / columns), each copy.
            let crossbars = placed.layer.groups * placed.layer.rows.div_ceil(128) * placed.layer.columns.div_ceil(64);
            prop_assert_eq!(placed.pieces.len() as u64, crossbars * placed.copies);
            let pieces: BTreeSet<_> =
                placed.pieces.iter().map(|p| (p.copy, p.group, p.strip_in, p.strip_out)).collect();
            prop_assert_eq!(pieces.len(), placed.pieces.len());
            for p in &placed.pieces {
                prop_assert!(taken.insert((p.round, p.site)), "{:?} twice", p.site);
                prop_assert!(p.site.tile < tiles && p.site.core < 12 && p.site.crossbar < 8);
            }
        }
        prop_assert!(found.crossbars <= found.room);
        prop_assert!(found.utilisation > 0.0 && found.utilisation <= 1.0);
        let singles: u64 = found.layers.iter().map(|l| l.crossbars).sum();
        prop_assert_eq!(found.reload.is_some(), singles > found.room);
    }

    #[test]
    fn duplication_and_area_never_lower_the_throughput(layers in networks()) {
        let isaac = technology("isaac_32nm").unwrap();
        let fabric = fabric(&isaac);
        let plain = Options { duplicate: false, ..Options::default() };
        let alone = map(&layers, &fabric, &isaac, plain).unwrap();
        let found = map(&layers, &fabric, &isaac, Options::default()).unwrap();
        prop_assert!(found.throughput_per_s() >= alone.throughput_per_s());
        // No stage is slower than the pipeline.
        for placed in &found.layers {
            prop_assert!(placed.interval_s <= found.interval_s * (1.0 + 1e-12));
        }
        // Copies share a layer's work and change neither its operations nor the energy of its crossbars.
        prop_assert_eq!(found.events.tally, alone.events.tally);
    }

    #[test]
    fn a_bill_sums_to_its_total_and_pays_for_every_tile(layers in networks()) {
        let isaac = technology("isaac_32nm").unwrap();
        let fabric = fabric(&isaac);
        let found = map(&layers, &fabric, &isaac, Options::default()).unwrap();
        let bill = found.bill(&fabric, &isaac);
        let total = bill.total();
        let latency: f64 = bill.items.iter().map(|i| i.cost.latency_s).sum();
        prop_assert!((latency / total.latency_s - 1.0).abs() < 1e-12);
        // One sample takes at least as long as the slowest layer.
        prop_assert!(total.latency_s >= found.layers.iter().map(|l| l.interval_s).fold(0.0, f64::max));
        let plan = Floorplan::new(&fabric, &isaac);
        let tiles = found.tiles as f64 * plan.extent(Level::Tile).area_mm2;
        prop_assert!((total.area_mm2 / (tiles + 22.88) - 1.0).abs() < 1e-9);
    }
}

#[test]
fn a_layer_of_many_products_is_copied_until_the_next_is_slower() {
    let isaac = technology("isaac_32nm").unwrap();
    let fabric = fabric(&isaac);
    let layers = [layer(0, 100, 60, 1, 1000), layer(1, 100, 60, 1, 10)];
    // 8 turns of 100 ns a product; 64 conversions in 50 ns are hidden behind the read.
    let alone = map(&layers, &fabric, &isaac, Options { duplicate: false, ..Options::default() }).unwrap();
    assert!((alone.interval_s / (1000.0 * 8.0 * 100e-9) - 1.0).abs() < 1e-12);
    assert_eq!(alone.bottleneck, Bottleneck::Reads(0));
    // One tile has 96 crossbars: with 94 copies, 11 products each, the first is still the slower one; copies that bring
    // no product less are not made (1000 / 10 = 100 copies would be needed).
    let plan = Floorplan::new(&fabric, &isaac);
    let area_mm2 = Some(22.88 + 1.5 * plan.extent(Level::Tile).area_mm2);
    let found = map(&layers, &fabric, &isaac, Options { area_mm2, ..Options::default() }).unwrap();
    assert_eq!((found.room, found.layers[0].copies, found.layers[1].copies), (96, 91, 1));
    assert!(found.interval_s >= 11.0 * 8.0 * 100e-9 * (1.0 - 1e-12));
    let error = map(&layers, &fabric, &isaac, Options { area_mm2: Some(20.0), ..Options::default() });
    assert!(error.unwrap_err().to_string().contains("20 mm2"));
}

#[test]
fn copies_that_the_network_has_no_use_for_are_not_made() {
    let mut isaac = technology("isaac_32nm").unwrap();
    // A network a thousand times slower decides alone, whatever is copied.
    isaac.set("router.each.time", "10 us").unwrap();
    isaac.organisation.tiles_per_router = 1;
    let fabric = fabric(&isaac);
    let layers = [layer(0, 100, 60, 1, 1000), layer(1, 13_000, 60, 1, 10)];
    let found = map(&layers, &fabric, &isaac, Options::default()).unwrap();
    assert_eq!(found.bottleneck, Bottleneck::Network);
    assert_eq!(found.layers.iter().map(|l| l.copies).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn where_conversions_are_slower_than_reads_they_are_the_bottleneck() {
    let mut isaac = technology("isaac_32nm").unwrap();
    isaac.organisation.adcs_per_core = 1;
    let fabric = fabric(&isaac);
    // 60 columns of one crossbar, an eighth of a converter: 480 periods of 0.78 ns against a read of 100 ns.
    let found = map(&[layer(0, 100, 60, 1, 1)], &fabric, &isaac, Options::default()).unwrap();
    assert_eq!(found.bottleneck, Bottleneck::Conversions(0));
    assert!((found.interval_s / (8.0 * 480.0 / 1.28e9) - 1.0).abs() < 1e-12);
}

#[test]
fn a_tile_fetches_what_its_cores_need_and_no_faster_than_its_bus() {
    let mut isaac = technology("isaac_32nm").unwrap();
    isaac.set("bus.each.time", "1 us").unwrap();
    let fabric = fabric(&isaac);
    // Two crossbars side by side in one tile share their inputs: 100 x 8 bits, 384 at a time, for each of 10 products.
    let found = map(&[layer(0, 100, 128, 1, 10)], &fabric, &isaac, Options::default()).unwrap();
    assert!((found.traffic.fetched_bits - 8000.0).abs() < 1e-9);
    assert_eq!(found.bottleneck, Bottleneck::Buffer);
    assert!((found.interval_s / (8000.0 / 384.0 * 1e-6) - 1.0).abs() < 1e-12);
    assert!((found.events.buffer_bits - (8000.0 + 10.0 * 128.0 * 8.0)).abs() < 1e-9);
}

#[test]
fn a_network_beyond_the_chip_is_written_in_rounds() {
    let mut isaac = technology("isaac_32nm").unwrap();
    isaac.organisation.tiles = 1;
    let fabric = fabric(&isaac);
    // 60 + 60 + 200 crossbars on 96: 60, 60 (24 would be left), 96, 96, 8 of the last.
    let layers = [layer(0, 128 * 60, 64, 1, 1), layer(1, 128 * 60, 64, 1, 1), layer(2, 128 * 200, 64, 1, 1)];
    let found = map(&layers, &fabric, &isaac, Options::default()).unwrap();
    let reload = found.reload.as_ref().unwrap();
    assert_eq!(reload.rounds, 5);
    assert_eq!(found.layers.iter().map(|l| l.round).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(found.bottleneck, Bottleneck::Reload);
    // Every cell is written once: two a weight.
    assert!((reload.programming.cells / (2.0 * 320.0 * 128.0 * 64.0) - 1.0).abs() < 1e-12);
    // A batch shares the writing out.
    let batch = map(&layers, &fabric, &isaac, Options { batch: 100, ..Options::default() }).unwrap();
    let shared = batch.reload.unwrap();
    assert!((shared.energy_j * 100.0 / reload.energy_j - 1.0).abs() < 1e-12);
    assert!(batch.interval_s < found.interval_s / 50.0);
}

#[test]
fn traffic_is_bits_times_routers() {
    let mut isaac = technology("isaac_32nm").unwrap();
    isaac.organisation.tiles_per_router = 1;
    let fabric = fabric(&isaac);
    // Two layers of one whole tile each (96 crossbars), side by side: 96 x 128 inputs in 8 bits.
    let tall = |i: usize| layer(i, 96 * 128, 64, 1, 1);
    let layers = [tall(0), Layer { values_in: 64, ..tall(1) }];
    let plain = Options { duplicate: false, ..Options::default() };
    let found = map(&layers, &fabric, &isaac, plain).unwrap();
    assert_eq!(found.layers[1].pieces[0].site.tile, 1);
    // From tile 0 to tile 1: 64 values, over two routers; back to the first tile: 64 more.
    assert!((found.traffic.bits - 2.0 * 64.0 * 8.0).abs() < 1e-9);
    assert!((found.traffic.hop_bits - 2.0 * 2.0 * 64.0 * 8.0).abs() < 1e-9);
    assert_eq!(found.traffic.hops, [2, 2]);
    let busiest = found.traffic.busiest.as_ref().unwrap();
    assert!((busiest.bits - 512.0).abs() < 1e-9 && (busiest.time_s - 512.0 / 32e9).abs() < 1e-18);
    assert!((found.traffic.link_bits - (96.0 * 128.0 + 64.0) * 8.0).abs() < 1e-9);
    let bill = found.bill(&fabric, &isaac);
    // 42 mW for 1 ns, shared by 8 ports of 32 bits.
    let expected = found.traffic.hop_bits * 42e-3 * 1e-9 / 8.0 / 32.0;
    assert!((bill.of(Component::Network).energy_j / expected - 1.0).abs() < 1e-9);
}

#[test]
fn layers_that_are_none_are_named() {
    let isaac = technology("isaac_32nm").unwrap();
    let fabric = fabric(&isaac);
    let message =
        |layers: &[Layer]| map(layers, &fabric, &isaac, Options::default()).unwrap_err().to_string();
    assert!(
        message(&[layer(0, 4, 4, 1, 1), layer(1, 0, 4, 1, 1)]).starts_with("layer 1 `layer1`: rows is 0")
    );
    let late = Layer { after: vec![3], ..layer(0, 4, 4, 1, 1) };
    assert!(message(&[late]).contains("reads layer 3"));
    assert!(message(&[layer(0, 1 << 29, 1 << 20, 1, 1)]).contains("chip.tile"));
    assert!(message(&[]).contains("no layer"));
}

#[test]
fn waiting_grows_with_traffic_as_the_table_says() {
    let puma = technology("puma_32nm").unwrap();
    let table = puma.router.congestion.clone().unwrap();
    let factor = |rate| table.factor(rate);
    assert_eq!((factor(0.0), factor(0.001)), (Some(1.0), Some(1.0)));
    assert!((factor(0.02).unwrap() - 54.0 / 29.0).abs() < 1e-15);
    // Half way between 34 and 54 periods.
    assert!((factor(0.015).unwrap() - 44.0 / 29.0).abs() < 1e-12);
    assert_eq!(factor(0.0251), None);

    // Two layers of one tile each, as above: 1024 bits for a sample, over two routers.
    let mut one = puma.clone();
    one.organisation.tiles_per_router = 1;
    let fabric = fabric(&one);
    let o = &one.organisation;
    let rows = u64::from(o.cores_per_tile * o.crossbars_per_core) * 128;
    let layers = [layer(0, rows, 64, 1, 1), Layer { values_in: 64, ..layer(1, rows, 64, 1, 1) }];
    let plain = Options { duplicate: false, ..Options::default() };
    let found = map(&layers, &fabric, &one, plain).unwrap();
    let flits = found.traffic.bits / f64::from(one.router.width_bits);
    let periods = found.interval_s / one.router.each.time_s.value;
    assert!((found.traffic.injection / (flits / periods / 2.0) - 1.0).abs() < 1e-12);
    // Latency is that at rest times the factor.
    let late = |technology: &Technology| found.bill(&fabric, technology).of(Component::Network).latency_s;
    let mut calm = one.clone();
    calm.router.congestion = None;
    let busy = table.factor(found.traffic.injection).unwrap();
    assert!((late(&one) / late(&calm) / busy - 1.0).abs() < 1e-12);
    assert_eq!((found.saturates(&one), found.saturates(&calm)), (Some(false), None));
    // Past the end of the table.
    let mut crowded = found.clone();
    crowded.traffic.injection = 0.03;
    assert_eq!(crowded.saturates(&one), Some(true));
}

#[test]
fn tables_of_congestion_that_are_none_are_named() {
    let mut puma = technology("puma_32nm").unwrap();
    puma.router.congestion.as_mut().unwrap().periods.pop();
    let message = puma.check().unwrap_err().to_string();
    assert!(message.contains("router.congestion.periods"), "{message}");
}
