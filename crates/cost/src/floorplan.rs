//! What a chip consists of: how many of each part a core, a tile and the chip have, with power and area.

use serde::Serialize;

use crate::component::Operation;
use crate::cost::Component;
use crate::technology::Level;
use crate::{Fabric, Known, Technology};

/// Some parts of one kind, of a core, a tile or the chip.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parts {
    /// What they are.
    pub name: String,
    /// What has them.
    pub per: Level,
    /// Their line on a bill.
    pub component: Component,
    /// How many.
    pub count: f64,
    /// Power of each while it works, W.
    pub power_w: f64,
    /// Area of each, m2.
    pub area_m2: f64,
    /// How well the least well known of their constants is known.
    pub known: Known,
}

/// The parts of a chip.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Floorplan {
    /// All of them.
    pub parts: Vec<Parts>,
    /// Cores of a tile, tiles of a chip, crossbars of a core.
    pub cores_per_tile: u32,
    /// Tiles of a chip.
    pub tiles: u32,
    /// Crossbars of a core.
    pub crossbars_per_core: u32,
}

/// Power and area of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Extent {
    /// Power with all parts at work, W.
    pub power_w: f64,
    /// Area, mm2.
    pub area_mm2: f64,
}

impl Floorplan {
    /// The parts of a chip of these crossbars.
    pub fn new(fabric: &Fabric, technology: &Technology) -> Self {
        let t = technology;
        let o = &t.organisation;
        let crossbars = f64::from(o.crossbars_per_core);
        let (rows, lines) = (f64::from(fabric.rows), fabric.bit_lines() as f64);
        let array = match &t.array {
            crate::component::Array::Published(a) => {
                a.power_w.value / (f64::from(a.rows) * f64::from(a.columns)) * rows * lines
            }
            // All cells at their mean conductance, half of the lines driven.
            crate::component::Array::Ohmic(_) => rows * lines * fabric.cell_s * fabric.read_v.powi(2) / 2.0,
        };
        let array = Operation {
            energy_j: array * fabric.read_s,
            time_s: fabric.read_s,
            power_w: array,
            area_m2: t.array.area_m2(fabric.rows, fabric.bit_lines().min(u64::from(u32::MAX)) as u32),
            known: t.array.known(),
        };
        let link = Operation {
            energy_j: t.link.bit_j(),
            time_s: 1.0 / t.link.bits_per_second.value,
            power_w: t.link.power_w.value,
            area_m2: t.link.area_m2.value,
            known: t.link.power_w.known.max(t.link.area_m2.known),
        };
        let part = |name: &str, per, component, count: f64, each: Operation| Parts {
            name: name.to_owned(),
            per,
            component,
            count,
            power_w: each.power_w,
            area_m2: each.area_m2,
            known: each.known,
        };
        use Component as C;
        use Level::{Chip, Core, Tile};
        let mut parts = vec![
            part("crossbars", Core, C::Array, crossbars, array),
            part("DACs", Core, C::Dac, crossbars * rows, fabric.dac),
            part("sample-and-hold", Core, C::SampleHold, crossbars * lines, t.sample_hold.operation()),
            part("ADCs", Core, C::Adc, f64::from(o.adcs_per_core), fabric.conversion),
            part(
                "shift-and-add",
                Core,
                C::ShiftAdd,
                f64::from(o.shift_adds_per_core),
                t.shift_add.operation(),
            ),
            part("input register", Core, C::Registers, 1.0, t.input_register.each.operation()),
            part("output register", Core, C::Registers, 1.0, t.output_register.each.operation()),
            part("buffer", Tile, C::Buffer, 1.0, t.buffer.each.operation()),
            part("bus", Tile, C::Bus, 1.0, t.bus.each.operation()),
            part(
                "activation functions",
                Tile,
                C::Activation,
                f64::from(o.activations_per_tile),
                t.activation.operation(),
            ),
            part(
                "shift-and-add of the tile",
                Tile,
                C::ShiftAdd,
                f64::from(o.shift_adds_per_tile),
                t.shift_add.operation(),
            ),
            part("router", Tile, C::Network, 1.0 / f64::from(o.tiles_per_router), t.router.each.operation()),
            part("chip link", Chip, C::Link, 1.0, link),
        ];
        parts.extend(t.extras.iter().map(|extra| Parts {
            name: extra.name.clone(),
            per: extra.per,
            component: extra.component,
            count: 1.0,
            power_w: extra.power_w.value,
            area_m2: extra.area_m2.value,
            known: extra.power_w.known.max(extra.area_m2.known),
        }));
        Self {
            parts,
            cores_per_tile: o.cores_per_tile,
            tiles: o.tiles,
            crossbars_per_core: o.crossbars_per_core,
        }
    }

    /// Everything that one core, tile or chip holds.
    pub fn extent(&self, level: Level) -> Extent {
        let own = |level| {
            let mut sum = Extent::default();
            for p in self.parts.iter().filter(|p| p.per == level) {
                sum.power_w += p.count * p.power_w;
                sum.area_mm2 += p.count * p.area_m2 * 1e6;
            }
            sum
        };
        let add = |a: Extent, b: Extent, times: f64| Extent {
            power_w: a.power_w + times * b.power_w,
            area_mm2: a.area_mm2 + times * b.area_mm2,
        };
        let core = own(Level::Core);
        let tile = add(own(Level::Tile), core, f64::from(self.cores_per_tile));
        match level {
            Level::Core => core,
            Level::Tile => tile,
            Level::Chip => add(own(Level::Chip), tile, f64::from(self.tiles)),
        }
    }

    /// Area by component of as much of the chip as `crossbars` take, in whole tiles, mm2; the chip's link is there once.
    pub fn area_mm2(&self, crossbars: f64) -> Vec<(Component, f64, Known)> {
        let cores = (crossbars / f64::from(self.crossbars_per_core)).ceil();
        let tiles = (cores / f64::from(self.cores_per_tile)).ceil().max(1.0);
        let whole = |p: &Parts| match p.per {
            Level::Core => tiles * f64::from(self.cores_per_tile),
            Level::Tile => tiles,
            Level::Chip => 1.0,
        };
        self.parts.iter().map(|p| (p.component, whole(p) * p.count * p.area_m2 * 1e6, p.known)).collect()
    }
}
