//! Events that follow from shapes are those that the analog product counts; parts of a bill sum to its total.

use neurohm_array::{AnalogMatrix, ChipSpec, chip_preset, presets_only};
use neurohm_cost::{Activity, Component, Events, Fabric, Layer, energy, map, price, technology};
use neurohm_num::{Key, Rows, RowsMut};
use proptest::prelude::*;

fn chip(rows: u32, columns: u32) -> ChipSpec {
    let mut chip = chip_preset("default").unwrap();
    (chip.tile.rows, chip.tile.columns) = (rows, columns);
    chip
}

/// A product of one sample on real crossbars.
fn counted(chip: &ChipSpec, rows: usize, columns: usize) -> neurohm_array::Tally {
    counted_with(chip, rows, columns, false).0
}

/// And its devices.
fn counted_with(chip: &ChipSpec, rows: usize, columns: usize, bias: bool) -> (neurohm_array::Tally, u64) {
    let weights: Vec<f32> = (0..rows * columns).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let bias = bias.then_some(&weights[..columns]);
    let view = Rows::new(&weights, rows, columns).unwrap();
    let mut matrix = AnalogMatrix::program_with_bias(view, bias, chip, Key::root(3)).unwrap();
    matrix.read().unwrap();
    let x: Vec<f32> = (0..rows).map(|i| (i * 29 % 64) as f32 / 63.0).collect();
    let x = Rows::new(&x, 1, rows).unwrap();
    matrix.calibrate(x).unwrap();
    let mut y = vec![0.0; columns];
    let tally = matrix.forward(x, &mut RowsMut::new(&mut y, 1, columns).unwrap(), 0).unwrap();
    (tally, matrix.devices())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_layers_events_are_those_that_the_product_counts(
        rows in 1usize..70, columns in 1usize..40, tile_rows in 4u32..40, tile_columns in 3u32..30, how in 0usize..7,
    ) {
        let mut chip = chip(tile_rows, tile_columns);
        let settings: &[(&str, &str)] = [
            &[][..],
            &[("mapping.bias", "word_line")],
            &[("mapping.slices.digits.bits", "[1, 2, 2]"), ("mapping.devices_per_polarity", "2")],
            &[("mapping.slices", "{digits.significance = [1.0, 0.2], combine = \"analog\"}")],
            &[("dac", "{bit_serial = {resolution.bits = 8, digit_bits = 3, range.abs_max = {}}}")],
            &[
                ("dac", "{bit_serial = {resolution.bits = 6, sign = \"two_phases\", range.abs_max = {}}}"),
                ("mapping.slices.digits.bits", "[2, 2]"),
            ],
            &[("device.faults.stuck_low", "0.01"), ("mapping.faults.remap.spare_columns", "2")],
        ][how];
        settings.iter().for_each(|(path, value)| chip.set(path, value, &presets_only).unwrap());
        let isaac = technology("isaac_32nm").unwrap();
        let fabric = Fabric::new(&chip, &isaac, Activity::default()).unwrap();
        let layer = Layer { bias: true, ..Layer::dense("x", rows as u64, columns as u64, None) };
        let found = Events::of_layer(&layer, &fabric).tally;
        let (tally, devices) = counted_with(&chip, rows, columns, true);
        prop_assert_eq!(fabric.cells_of(&layer), devices);
        prop_assert_eq!(
            (found.macs, found.dac_conversions, found.adc_conversions, found.cell_reads, found.digital_adds),
            (tally.macs, tally.dac_conversions, tally.adc_conversions, tally.cell_reads, tally.digital_adds)
        );
    }
}

#[test]
fn mean_cells_dissipate_what_cells_do_where_inputs_and_weights_are_even() {
    // Evenly spread weights of both signs and inputs from 0 to the largest: what `Activity::default` supposes.
    let chip = chip(256, 256);
    let isaac = technology("isaac_32nm").unwrap();
    let fabric = Fabric::new(&chip, &isaac, Activity::default()).unwrap();
    let found = Events::of_layer(&Layer::dense("x", 256, 200, None), &fabric).tally.cell_read_energy_j();
    let counted = counted(&chip, 256, 200).cell_read_energy_j();
    // Programmed devices scatter and the first read of PCM is below its target; within a tenth.
    assert!((found / counted - 1.0).abs() < 0.1, "{found:e} {counted:e}");
}

/// A product of 8-bit inputs bit by bit costs the same whether the technology's DAC has one bit or the chip says that inputs
/// come in bits: but for their sign, which is a bit of a whole input and a polarity of a digit.
#[test]
fn bits_cost_the_same_whoever_counts_them() {
    let isaac = technology("isaac_32nm").unwrap();
    let layer = Layer::dense("x", 128, 64, None);
    let bill = |settings: &[(&str, &str)]| {
        let mut chip = chip(128, 64);
        settings.iter().for_each(|(path, value)| chip.set(path, value, &presets_only).unwrap());
        let fabric = Fabric::new(&chip, &isaac, Activity::default()).unwrap();
        let reads = fabric.reads * fabric.turns;
        (reads, energy(&Events::of_layer(&layer, &fabric), &fabric, &isaac))
    };
    let (turns, whole) = bill(&[]);
    let (reads, bits) = bill(&[("dac", "{bit_serial = {resolution.bits = 8, range.abs_max = {}}}")]);
    assert_eq!((turns, reads), (8, 7));
    for component in
        [Component::Array, Component::Dac, Component::SampleHold, Component::Adc, Component::ShiftAdd]
    {
        let ratio = bits.of(component).energy_j / whole.of(component).energy_j;
        assert!((ratio / (7.0 / 8.0) - 1.0).abs() < 1e-9, "{component:?}: {ratio}");
    }
    for component in [Component::Registers, Component::Buffer] {
        let ratio = bits.of(component).energy_j / whole.of(component).energy_j;
        assert!((ratio - 1.0).abs() < 1e-9, "{component:?}: {ratio}");
    }
}

#[test]
fn energy_is_linear_in_the_tally_and_parts_sum_to_the_total() {
    let chip = chip_preset("default").unwrap();
    for name in ["isaac_32nm", "puma_32nm", "neurosim_like_22nm"] {
        let technology = technology(name).unwrap();
        let fabric = Fabric::new(&chip, &technology, Activity::default()).unwrap();
        let tally = Events::of_layer(&Layer::dense("x", 300, 300, None), &fabric).tally;
        let one = price(&tally, 4, &fabric, &technology);
        let two = energy(&Events::of(tally + tally), &fabric, &technology);
        assert!((two.total().energy_j / one.total().energy_j - 2.0).abs() < 1e-9, "{name}");
        let sum: f64 = one.items.iter().map(|i| i.cost.energy_j).sum();
        assert!((sum / one.total().energy_j - 1.0).abs() < 1e-12);
        let by_hand = tally.adc_conversions as f64 * f64::from(fabric.turns) * fabric.conversion.energy_j;
        assert!((one.of(Component::Adc).energy_j / by_hand - 1.0).abs() < 1e-12);
        assert!(one.items.iter().all(|i| i.cost.energy_j >= 0.0 && i.cost.area_mm2 >= 0.0));
    }
}

#[test]
fn an_isaac_crossbar_takes_its_published_power_times_its_read() {
    // All 128 x 128 cells read once: 0.3 mW x 100 ns, in each of the turns.
    let mut chip = chip(128, 64);
    chip.set_converter_bits(Some(8), Some(8));
    let isaac = technology("isaac_32nm").unwrap();
    let fabric = Fabric::new(&chip, &isaac, Activity::default()).unwrap();
    let events = Events::of_layer(&Layer::dense("x", 128, 64, None), &fabric);
    let bill = energy(&events, &fabric, &isaac);
    assert!((bill.of(Component::Array).energy_j / (8.0 * 0.3e-3 * 100e-9) - 1.0).abs() < 1e-9);
    // 64 conversions a turn of 2 mW / 1.28 GHz.
    assert!((bill.of(Component::Adc).energy_j / (8.0 * 64.0 * 1.5625e-12) - 1.0).abs() < 1e-9);
}

#[test]
fn chips_and_technologies_that_do_not_go_together_are_refused() {
    let isaac = technology("isaac_32nm").unwrap();
    let nine = chip_preset("peer").unwrap();
    let error = Fabric::new(&nine, &isaac, Activity::default()).unwrap_err().to_string();
    assert!(error.contains("8 bits") && error.contains("adc.survey"), "{error}");
    let mut dynamic = chip_preset("default").unwrap();
    dynamic.device = neurohm_array::presets_only("vteam_memtorch").unwrap();
    let error = Fabric::new(&dynamic, &isaac, Activity::default()).unwrap_err().to_string();
    assert!(error.contains("characterise"), "{error}");
    let chip = chip_preset("default").unwrap();
    let fabric = Fabric::new(&chip, &isaac, Activity::default()).unwrap();
    assert!(map(&[], &fabric, &isaac, Default::default()).unwrap_err().to_string().contains("no layer"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_that_passes_the_checks_panics_or_gives_no_number(
        counts in proptest::collection::vec(1u32..5000, 8),
        shapes in proptest::collection::vec((1u64..1 << 41, 1u64..1 << 30, 1u64..9, 1u64..1 << 20), 1..4),
        scale in prop::sample::select(vec![300u64, 20_000, 1 << 41]), batch in 1u64..1 << 40, tile in (1u32..1 << 21, 1u32..1 << 21), area in -1.0f64..1e6,
    ) {
        let small = scale < 1000;
        let mut technology = technology("neurosim_like_22nm").unwrap();
        let o = &mut technology.organisation;
        for (field, count) in [
            &mut o.tiles, &mut o.cores_per_tile, &mut o.crossbars_per_core, &mut o.adcs_per_core,
            &mut o.shift_adds_per_core, &mut o.shift_adds_per_tile, &mut o.activations_per_tile, &mut o.tiles_per_router,
        ].into_iter().zip(&counts) {
            *field = if small { count % 7 } else { count % 999 };
        }
        let layers: Vec<Layer> = shapes.iter().enumerate().map(|(i, &(rows, columns, groups, products))| {
            let fold = |n: u64| 1 + n % scale;
            let (rows, columns, products) = (fold(rows), fold(columns), fold(products));
            let after = i.checked_sub(1).into_iter().collect();
            Layer { name: "x".into(), rows, columns, groups, products, values_in: rows, after, bias: i % 2 == 1 }
        }).collect();
        let chip = if scale < 1 << 40 { chip(64, 32) } else { chip(tile.0, tile.1) };
        let Ok(fabric) = Fabric::new(&chip, &technology, Activity::default()) else { return Ok(()) };
        let options = neurohm_cost::map::Options { duplicate: true, area_mm2: (area > 0.0).then_some(area), batch };
        if let Ok(found) = map(&layers, &fabric, &technology, options) {
            let e = found.efficiency(&fabric, &technology);
            for number in [e.energy_j, e.latency_s, e.area_mm2, e.samples_per_s, e.tops_per_watt(), found.utilisation] {
                prop_assert!(number.is_finite() && number > 0.0, "{:?}", e);
            }
        }
        for b in neurohm_cost::baselines(&layers, batch).unwrap_or_default() {
            prop_assert!(b.energy_j().is_finite() && b.time_s > 0.0, "{:?}", b);
        }
    }
}
