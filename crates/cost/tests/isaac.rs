//! The sums of ISAAC's tile and chip (Shafiee et al., ISCA 2016, configuration CE).
//!
//! Two kinds of items are in them. Confirmed: those whose power or area also stands in the constants that PUMA's public
//! simulator took over from ISAAC; their sums are held against the published sums of the same items. Recalled: the rest,
//! told from memory of ISAAC's table. That all items together give ISAAC's totals of 330 mW and 0.372 mm2 a tile, 65.8 W
//! and 85.4 mm2 a chip shows that what was recalled fits together, and no more: it is not a reproduction.

use neurohm_array::{ChipSpec, chip_preset};
use neurohm_cost::{Activity, Component, Extent, Fabric, Floorplan, Known, Level, technology};

/// ISAAC's crossbar: 128 x 128 cells, 16-bit inputs, an 8-bit converter.
fn plan() -> Floorplan {
    let mut chip: ChipSpec = chip_preset("default").unwrap();
    (chip.tile.rows, chip.tile.columns) = (128, 64);
    chip.set_converter_bits(Some(16), Some(8));
    let isaac = technology("isaac_32nm").unwrap();
    let fabric = Fabric::new(&chip, &isaac, Activity::default()).unwrap();
    // 16 turns of one bit, 100 ns each, as published.
    assert_eq!((fabric.bit_lines(), fabric.turns, fabric.read_s), (128, 16, 100e-9));
    Floorplan::new(&fabric, &isaac)
}

fn sum<'a>(parts: impl Iterator<Item = &'a neurohm_cost::Parts>) -> Extent {
    parts.fold(Extent::default(), |e, p| Extent {
        power_w: e.power_w + p.count * p.power_w,
        area_mm2: e.area_mm2 + p.count * p.area_m2 * 1e6,
    })
}

#[test]
fn the_confirmed_items_of_a_core_give_their_published_power_and_area() {
    let plan = plan();
    let of = |component| sum(plan.parts.iter().filter(|p| p.per == Level::Core && p.component == component));
    // 8 ADCs 16 mW and 0.0096 mm2, 8 x 128 DACs 4 mW, sample-and-hold 10 uW, 8 crossbars 2.4 mW and 2e-4 mm2.
    for (component, power_mw, area_mm2) in [
        (Component::Adc, 16.0, Some(0.0096)),
        (Component::Dac, 4.0, None),
        (Component::SampleHold, 0.01, None),
        (Component::Array, 2.4, Some(2e-4)),
    ] {
        let found = of(component);
        // To the digits published: 4 mW is 3.99, 10 uW is 9.93.
        assert!((found.power_w * 1e3 / power_mw - 1.0).abs() < 0.01, "{component:?} {found:?}");
        if let Some(area_mm2) = area_mm2 {
            assert!((found.area_mm2 / area_mm2 - 1.0).abs() < 1e-9, "{component:?} {found:?}");
        }
    }
    let bus = sum(plan.parts.iter().filter(|p| p.component == Component::Bus));
    assert!((bus.power_w - 7e-3).abs() < 1e-12 && (bus.area_mm2 - 0.09).abs() < 1e-12);
    let link = sum(plan.parts.iter().filter(|p| p.component == Component::Link));
    assert!((link.power_w - 10.4).abs() < 1e-12 && (link.area_mm2 - 22.88).abs() < 1e-9);
}

#[test]
fn what_was_recalled_fits_together() {
    let plan = plan();
    // Within half of the last digit published.
    let near = |found: f64, published: f64, digit: f64| {
        assert!((found - published).abs() <= 0.5 * digit, "{found} {published}");
    };
    let (core, tile, chip) = (plan.extent(Level::Core), plan.extent(Level::Tile), plan.extent(Level::Chip));
    near(core.power_w * 12.0, 0.289, 1e-3);
    near(core.area_mm2 * 12.0, 0.157, 1e-3);
    near(tile.power_w, 0.330, 1e-3);
    near(tile.area_mm2, 0.372, 1e-3);
    near(chip.power_w, 65.8, 0.1);
    near(chip.area_mm2, 85.4, 0.1);
    // "ADC = 58 % of tile power."
    let adc = sum(plan.parts.iter().filter(|p| p.component == Component::Adc)).power_w * 12.0;
    assert!((adc / plan.extent(Level::Tile).power_w - 0.58).abs() < 0.005);
    assert!(plan.parts.iter().any(|p| p.known == Known::Recalled), "the file says which they are");
}
