//! Cells with equations under pulses: what `export` writes as a transient.

use std::path::{Path, PathBuf};

use neurohm::array::wires::{Pulsed, Saved, WireError};
use neurohm::device::DeviceSpec;
use neurohm::device::compact::{CellBank, Waveform};
use neurohm::num::Key;
use neurohm::study::{Disk, named_device};

use super::circuit::{self, CircuitOptions};
use super::memory;
use crate::commands::device::bench::{self, kelvin, second};
use crate::failure::Failure;

/// Options for cells that are devices with equations.
#[derive(clap::Args)]
#[command(next_help_heading = "Options of pulses on cells with equations")]
pub struct PulseOptions {
    /// Let each cell be a device with equations, a preset or the path of a description; the netlist is then a transient
    /// in which every input of --voltages is a pulse, one after the other
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["resistance", "conductance"])]
    device: Option<String>,
    /// An array of so many unused devices, such as 4x4
    #[arg(long, value_name = "ROWSxCOLUMNS", value_parser = size, group = "CellFile")]
    size: Option<[usize; 2]>,
    /// States of the devices at the beginning, in SI units: a .npy file of (rows, columns), or (rows, columns, states)
    #[arg(long, value_name = "FILE.npy", group = "CellFile")]
    states: Option<PathBuf>,
    /// How long a pulse is at its voltage [default: the device's own set pulse]
    #[arg(long, value_name = "TIME", value_parser = second)]
    pulse_width: Option<f64>,
    /// How long a pulse rises, and falls [default: a hundredth of its width]
    #[arg(long, value_name = "TIME", value_parser = second)]
    edge: Option<f64>,
    /// Time after each pulse without voltages [default: a tenth of the width]
    #[arg(long, value_name = "TIME", value_parser = second)]
    gap: Option<f64>,
    /// Voltages of the bit lines' ends during the pulses, V: a .npy file of (columns, pulses) or (columns,) [default: ground]
    #[arg(long, value_name = "FILE.npy")]
    bit_line_voltages: Option<PathBuf>,
    /// Longest step of the simulator [default: a hundredth of a pulse]
    #[arg(long, value_name = "TIME", value_parser = second)]
    max_step: Option<f64>,
    /// Ambient temperature [default: 300 K]
    #[arg(long, value_name = "TEMPERATURE", value_parser = kelvin, allow_hyphen_values = true)]
    temperature: Option<f64>,
    /// Seed of the devices' differences [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// A netlist and what it is of.
pub struct Netlist {
    pub text: String,
    pub rows: usize,
    pub columns: usize,
    pub pulses: usize,
}

/// `4x4`.
fn size(text: &str) -> Result<[usize; 2], String> {
    let wrong = || format!("{text} is no size; give rows and columns, such as 4x4");
    let (rows, columns) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
    let number = |n: &str| n.trim().parse::<usize>().ok().filter(|n| (1..=4096).contains(n));
    number(rows).zip(number(columns)).map(|(m, n)| [m, n]).ok_or_else(wrong)
}

impl PulseOptions {
    /// Whether a device is asked for; where not, none of these options is given.
    pub fn asked(&self) -> Result<bool, Failure> {
        if self.device.is_some() {
            return Ok(true);
        }
        let given = [
            ("--size", self.size.is_some()),
            ("--states", self.states.is_some()),
            ("--pulse-width", self.pulse_width.is_some()),
            ("--edge", self.edge.is_some()),
            ("--gap", self.gap.is_some()),
            ("--bit-line-voltages", self.bit_line_voltages.is_some()),
            ("--max-step", self.max_step.is_some()),
            ("--temperature", self.temperature.is_some()),
            ("--seed", self.seed.is_some()),
        ];
        let help = "cells with equations are given by --device; `neurohm device list` names them";
        bench::without_effect(&given, "cells of a resistance have no states and take no pulses", help)?;
        Ok(false)
    }

    /// Every cell as the first of its states, and the size of the array.
    fn cells(&self, spec: &DeviceSpec) -> Result<(Box<dyn CellBank>, [usize; 2]), Failure> {
        let key = Key::root(self.seed.unwrap_or(1)).child("crossbar", 0);
        let Some(path) = &self.states else {
            // clap asks for one of the two.
            let [m, n] = self.size.unwrap_or([1, 1]);
            return Ok((spec.bank(m * n, key)?, [m, n]));
        };
        let file = circuit::open(path)?;
        let found = circuit::shape(file.shape());
        let mismatch = |says: String| Failure::request(format!("{}: {says}", path.display()));
        let (m, n, given) = match *file.shape() {
            [m, n] => (m, n, 1),
            [m, n, states] => (m, n, states),
            _ => {
                return Err(mismatch(format!(
                    "the shape {found} is neither (rows, columns) nor (rows, columns, states)"
                )));
            }
        };
        if !(1..=4096).contains(&m) || !(1..=4096).contains(&n) {
            return Err(mismatch(format!("the shape is {found}; rows and columns are from 1 to 4096")));
        }
        let mut bank = spec.bank(m * n, key)?;
        let states = bank.state().len() / (m * n);
        if given != states {
            return Err(mismatch(format!(
                "there are {given} states a cell, and `{}` has {states}: the shape has to be {}",
                spec.name,
                if states == 1 { "(rows, columns)".to_owned() } else { format!("(rows, columns, {states})") }
            )));
        }
        let values = circuit::values(path, file)?;
        circuit::refuse(path, &values, n * states, |x| x.is_finite(), "", |_| ("states are finite", ""))?;
        for (k, own) in values.chunks_exact(states.max(1)).enumerate() {
            bank.set_state(k, own);
            let held = &bank.state()[k * states..(k + 1) * states];
            if let Some(at) = held.iter().zip(own).position(|(held, own)| held != own) {
                return Err(mismatch(format!(
                    "state {at} of the cell in row {}, column {} is {}, outside of what `{}` can be in; the nearest is {}",
                    k / n,
                    k % n,
                    own[at],
                    spec.name,
                    held[at]
                ))
                .help(super::COUNTED));
            }
        }
        Ok((bank, [m, n]))
    }

    /// An array of the device under the pulses of `voltages` as a netlist.
    pub fn netlist(
        &self,
        circuit: &CircuitOptions,
        voltages: &Path,
        saved: Saved,
    ) -> Result<Netlist, Failure> {
        let spec = named_device(self.device.as_deref().unwrap_or_default(), &Disk)?;
        spec.equations()?;
        bench::knows_temperature(&spec, self.temperature)?;
        let (cells, [m, n]) = self.cells(&spec)?;
        let width_s = match self.pulse_width {
            Some(width_s) => width_s,
            None => bench::operation(&spec, "--pulse-width")?.set.width_s,
        };
        if width_s <= 0.0 {
            return Err(Failure::request("--pulse-width has to be above zero"));
        }
        let edge_s = self.edge.unwrap_or(0.01 * width_s);
        let gap_s = self.gap.unwrap_or(0.1 * width_s);
        let max_step_s = self.max_step.unwrap_or(0.01 * width_s);
        if max_step_s <= 0.0 {
            return Err(Failure::request("--max-step has to be above zero"));
        }
        let (rows_v, pulses) = circuit::voltages(voltages, m, "rows")?;
        // Text alone: instances with their parameters, and four corners of each pulse.
        let bytes = |m: usize, n: usize| 2000 * (m * n) as u64 + 400 * (pulses as u64) * (m + n) as u64;
        memory::check([m, n], circuit.max_memory, bytes, "")?;
        let trains = |v: &[f64], lines: usize| -> Vec<Waveform> {
            (0..lines)
                .map(|line| train(&v[line * pulses..(line + 1) * pulses], [edge_s, width_s, gap_s]))
                .collect()
        };
        let grounds = match &self.bit_line_voltages {
            None => Vec::new(),
            Some(path) => {
                let (v, found) = circuit::voltages(path, n, "columns")?;
                if found != pulses {
                    return Err(Failure::request(format!(
                        "{} has {found} pulses and {} has {pulses}: each pulse is on both kinds of lines",
                        path.display(),
                        voltages.display()
                    )));
                }
                trains(&v, n)
            }
        };
        let pulsed = Pulsed {
            size: [m, n],
            wires: circuit.wires(),
            cells: cells.as_ref(),
            sources: &trains(&rows_v, m),
            grounds: &grounds,
            t_end_s: pulses as f64 * (2.0 * edge_s + width_s + gap_s),
            max_step_s,
            t_k: self.temperature.unwrap_or(300.0),
        };
        let text = pulsed.spice(saved).map_err(|e| match e {
            // The same for every cell of a device: what matters is why.
            WireError::NoSpice { reason, .. } => {
                Failure::request(format!("`{}` has no SPICE form: {reason}", spec.name))
            }
            other => other.into(),
        })?;
        Ok(Netlist { text, rows: m, columns: n, pulses })
    }
}

/// Pulses of these voltages, one after the other: an edge up, the width, an edge down and the gap.
fn train(v: &[f64], [edge_s, width_s, gap_s]: [f64; 3]) -> Waveform {
    let period_s = 2.0 * edge_s + width_s + gap_s;
    let pulse = |(number, v): (usize, &f64)| {
        let at_s = number as f64 * period_s;
        [
            (at_s, 0.0),
            (at_s + edge_s, *v),
            (at_s + edge_s + width_s, *v),
            (at_s + 2.0 * edge_s + width_s, 0.0),
        ]
    };
    Waveform::Points(v.iter().enumerate().flat_map(pulse).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rows_and_columns() {
        assert_eq!((size("4x3"), size("1X4096")), (Ok([4, 3]), Ok([1, 4096])));
        assert!(["4", "0x3", "4x", "9999x1", "-1x2"].iter().all(|text| size(text).is_err()));
    }

    #[test]
    fn a_train_has_its_pulses_one_after_the_other() {
        let train = train(&[1.0, -2.0], [0.1, 1.0, 0.3]);
        for (t_s, v) in [(0.05, 0.5), (0.6, 1.0), (1.3, 0.0), (1.55, -1.0), (2.0, -2.0), (2.9, 0.0)] {
            assert!((train.after(t_s) - v).abs() < 1e-12, "{t_s}: {}", train.after(t_s));
        }
    }
}
