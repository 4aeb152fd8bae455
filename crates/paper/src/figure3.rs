//! Figure 3: what memristive devices do that computing in memory stands on, on phase-change memory.

mod accumulation;
mod binary;
mod continuum;

pub(crate) use accumulation::ACCUMULATION;
pub(crate) use binary::BINARY;
pub(crate) use continuum::CONTINUUM;

use neurohm_device::compact::Waveform;
use neurohm_device::preset;
use neurohm_lab::{Device, LabError, Rig};
use neurohm_num::Key;
use neurohm_study::record::{Axis, Line};

use crate::Setting;

/// The mushroom cell, and the load through which it is programmed.
const CELL: &str = "pcm_mushroom_gst_90nm";
const LOAD_OHM: f64 = 10e3;
/// Capacitance of the wires at the cell: behind the load it charges within 0.1 ns.
const WIRES_F: f64 = 10e-15;
/// Voltage of the cell while it is on: the source gives this much more than the load takes.
const ON_V: f64 = 0.85;
/// Voltage of a read, V.
const READ_V: f64 = 0.1;
/// Rise and fall of a programming pulse, s; the fall quenches.
const EDGE_S: f64 = 4e-9;

/// What stands around the cell.
fn rig() -> Rig {
    Rig { series_ohm: LOAD_OHM, parallel_f: WIRES_F, ..Rig::default() }
}

/// A PCM cell that current pulses program.
struct Cell {
    device: Device,
    rig: Rig,
}

impl Cell {
    fn of(device: Device) -> Cell {
        Cell { device, rig: rig() }
    }

    /// About `i_a` for `width_s` with the fall `fall_s`, and 20 ns to cool.
    fn pulse(&mut self, i_a: f64, width_s: f64, fall_s: f64, setting: &Setting) -> Result<(), LabError> {
        let top = i_a * LOAD_OHM + ON_V;
        let (up, down) = (EDGE_S + width_s, EDGE_S + width_s + fall_s);
        let end = down + 20e-9;
        let wave = Waveform::Points(vec![(0.0, 0.0), (EDGE_S, top), (up, top), (down, 0.0), (end, 0.0)]);
        self.device.apply(&wave, end, width_s / 20.0, &self.rig, setting.watch)?;
        Ok(())
    }

    /// Melts everything that can melt, and quenches.
    fn reset(&mut self, i_a: f64, setting: &Setting) -> Result<(), LabError> {
        self.pulse(i_a, 50e-9, EDGE_S, setting)
    }

    /// Crystallises: hot, and let down slowly through the temperatures at which crystals grow.
    fn set(&mut self, setting: &Setting) -> Result<(), LabError> {
        self.pulse(300e-6, 200e-9, 2e-6, setting)
    }

    /// Resistance at a read, ohm.
    fn ohm(&mut self) -> Result<f64, LabError> {
        Ok(1.0 / self.device.conductance_s(READ_V, &Rig::default())?)
    }
}

/// The cell as its preset has it: nothing in it is left to chance.
fn cell(setting: &Setting) -> Result<Cell, LabError> {
    Ok(Cell::of(Device::new(&preset(CELL)?, 0, Key::root(setting.seed).child("figure 3", 0))?))
}

fn ohm_axis() -> Axis {
    Axis::logarithmic("resistance", "ohm")
}

/// What the review's axis shows, as far as it was read off (a line or a band), from one end of ours to the other.
fn published(name: &str, x: &[f64], [low, high]: [f64; 2]) -> Line {
    let ends = vec![x[0], x[x.len() - 1]];
    let band = |of: f64| if low < high { vec![of; 2] } else { Vec::new() };
    let middle = libm::sqrt(low * high);
    Line { low: band(low), high: band(high), ..Line::new(name, ends, vec![middle; 2]).dashed() }
}

/// Resistances of the crystalline and of the melted state on the review's axis, ohm.
const AXIS_OHM: [[f64; 2]; 2] = [[1e4, 1e4], [1e6, 1e7]];
