//! One device under the needles.

use neurohm_device::Drive;
use neurohm_device::compact::Waveform;
use neurohm_num::Watch;

use super::Protocol;
use crate::{Device, LabError, Rig};

/// How much shorter than those of the trains program and verify makes its pulses, at most.
const FINEST: f64 = 1.0 / 64.0;

/// What a device did in one cycle, S: the low end before and after, the high end between the trains, and where it stood
/// after each pulse of the trains up and down, the start first.
#[derive(Clone, Debug, Default)]
pub(super) struct Cycle {
    pub low_s: [f64; 2],
    pub high_s: f64,
    pub trains: [Vec<f64>; 2],
}

/// A device that was programmed to a level and left alone.
pub(super) struct Kept {
    /// What program and verify reached, S.
    pub reached_s: f64,
    /// Whether it came within the tolerance.
    pub met: bool,
    /// At the ages, S.
    pub later_s: Vec<f64>,
    /// Standard deviation from read to read, S.
    pub noise_s: f64,
}

pub(super) struct Probe<'a> {
    pub device: Device,
    pub protocol: &'a Protocol,
    pub watch: &'a dyn Watch,
}

impl Probe<'_> {
    pub fn read(&mut self) -> Result<f64, LabError> {
        self.device.conductance_s(self.protocol.read.voltage_v, &self.protocol.rig)
    }

    /// A pulse and a pause as long.
    pub fn pulse(&mut self, pulse: Drive) -> Result<(), LabError> {
        let waveform = Waveform::pulse(pulse.voltage_v, pulse.width_s);
        let end = 2.0 * pulse.width_s;
        self.device.apply(&waveform, end, pulse.width_s, &self.protocol.rig, self.watch).map(|_| ())
    }

    /// Where it stands after each of `count` pulses, the start first.
    pub fn train(&mut self, pulse: Drive, count: u32) -> Result<Vec<f64>, LabError> {
        let mut train = vec![self.read()?];
        for _ in 0..count {
            self.pulse(pulse)?;
            train.push(self.read()?);
        }
        Ok(train)
    }

    /// From the low end on.
    fn cycle(&mut self) -> Result<Cycle, LabError> {
        let Protocol { steps: [up, down], ends: [set, reset], count, .. } = *self.protocol;
        let low_s = self.read()?;
        let rise = self.train(up, count[0])?;
        self.pulse(set)?;
        let high_s = self.read()?;
        let fall = self.train(down, count[1])?;
        self.pulse(reset)?;
        Ok(Cycle { low_s: [low_s, self.read()?], high_s, trains: [rise, fall] })
    }

    pub fn cycles(mut self) -> Result<Vec<Cycle>, LabError> {
        self.pulse(self.protocol.ends[0])?;
        self.pulse(self.protocol.ends[1])?;
        self.cycle()?;
        (0..self.protocol.cycles).map(|_| self.cycle()).collect()
    }

    /// Program and verify with pulses of both signs, then reads at once and at the ages. After an overshoot pulses are
    /// shorter, and longer again while the target stays away.
    pub fn program(mut self, levels: &[f64], [low, high]: [f64; 2]) -> Result<Vec<Kept>, LabError> {
        let margin = self.protocol.tolerance * (high - low);
        let mut all = Vec::new();
        self.pulse(self.protocol.ends[1])?;
        for level in levels {
            let mut g = self.read()?;
            let (mut best, mut state) = (g, self.device.copy());
            let (mut part, mut last) = (1.0, None);
            for _ in 0..self.protocol.most_pulses {
                if (best - level).abs() <= margin {
                    break;
                }
                let way = usize::from(g >= *level);
                part = match last {
                    Some(last) if last != way => FINEST.max(0.5 * part),
                    Some(_) => f64::min(1.0, 1.5 * part),
                    None => part,
                };
                last = Some(way);
                let pulse = self.protocol.steps[way];
                self.pulse(Drive { width_s: part * pulse.width_s, ..pulse })?;
                g = self.read()?;
                if (g - level).abs() < (best - level).abs() {
                    best = g;
                    state = self.device.copy();
                }
            }
            let met = (best - level).abs() <= margin;
            // A device that was left further off is where its last pulse put it.
            let reached_s = if met { best } else { g };
            let rest = if met { state } else { self.device.copy() };
            let before = std::mem::replace(&mut self.device, rest.copy());
            let noise_s = self.noise()?;
            self.device = rest;
            let mut later_s = Vec::new();
            let mut at = 0.0;
            for age in &self.protocol.ages_s {
                let (wait, still) = (age - at, Waveform::Constant(0.0));
                self.device.apply(
                    &still,
                    wait,
                    wait,
                    &Rig { t_k: self.protocol.rig.t_k, ..Rig::default() },
                    self.watch,
                )?;
                at = *age;
                later_s.push(self.read()?);
            }
            all.push(Kept { reached_s, met, later_s, noise_s });
            self.device = before;
        }
        Ok(all)
    }

    /// Standard deviation of reads one after the other, S: by second differences, so that neither a level nor a straight
    /// drift counts (white noise of variance s^2 gives them 6 s^2).
    fn noise(&mut self) -> Result<f64, LabError> {
        if self.protocol.reads < 3 {
            return Ok(0.0);
        }
        let rig = Rig { t_k: self.protocol.rig.t_k, ..Rig::default() };
        let Drive { voltage_v, width_s } = self.protocol.read;
        let mut reads = Vec::new();
        for _ in 0..self.protocol.reads {
            let waveform = Waveform::pulse(voltage_v, width_s);
            self.device.apply(&waveform, 2.0 * width_s, width_s, &rig, self.watch)?;
            reads.push(self.read()?);
        }
        let second: Vec<f64> = reads.windows(3).map(|r| r[0] - 2.0 * r[1] + r[2]).collect();
        Ok((second.iter().map(|d| d * d).sum::<f64>() / (6.0 * second.len() as f64)).sqrt())
    }
}
