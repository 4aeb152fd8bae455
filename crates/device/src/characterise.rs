//! The bridge between the two faces: from equations to the statistics that arrays are made of.
//!
//! Devices of the dynamic face are pulsed, programmed and left alone, as on a probe station, and what they do becomes
//! a description: range, mean and spread of a step over the conductance, error of program and verify, relaxation.

use neurohm_num::{Key, Watch};
use rayon::prelude::*;

use crate::aspect::{Anchor, Drive, Pulse, PulseTable, Retention, TableStimulus, Write};
use crate::compact::{self, CellBank, Waveform, drive};
use crate::error::DeviceError;
use crate::law::{Curve, Deviation};
use crate::operation::Operation;
use crate::spec::{CellSpec, DeviceSpec};

/// How devices are characterised.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    /// Pulse of the trains up.
    pub up: Drive,
    /// Pulse of the trains down.
    pub down: Drive,
    /// Voltage of the reads, V.
    pub read_v: f64,
    /// Ambient temperature, K.
    pub t_k: f64,
    /// Devices.
    pub devices: u32,
    /// Trains up and down of each; a first one that brings the device into its range is not counted.
    pub trains: u32,
    /// Pulses of a train.
    pub count: u32,
    /// Knots of the steps' curves over the conductance.
    pub knots: usize,
    /// Conductances that are programmed, evenly over the range.
    pub levels: u32,
    /// Pulses that program and verify may take.
    pub most_pulses: u32,
    /// Where program and verify stops, of the range.
    pub tolerance: f64,
    /// Ages at which programmed devices are read, s, rising.
    pub ages_s: Vec<f64>,
}

impl Protocol {
    /// Trains of `count` pulses that together are as long as the operation's SET and RESET.
    ///
    /// # Errors
    /// A device without a RESET: a volatile one has no conductance to keep.
    pub fn of(operation: &Operation, count: u32) -> Result<Protocol, DeviceError> {
        let reset = operation.reset.ok_or_else(|| DeviceError::Parameter {
            device: String::new(),
            field: "operation.reset".into(),
            problem: "is missing: a device that falls back by itself holds no conductance to characterise"
                .into(),
        })?;
        let part = |pulse: Drive| Drive { width_s: pulse.width_s / f64::from(count.max(1)), ..pulse };
        Ok(Protocol {
            up: part(operation.set),
            down: part(reset),
            read_v: operation.read.voltage_v,
            t_k: 300.0,
            devices: 64,
            trains: 4,
            count,
            knots: 33,
            levels: 9,
            most_pulses: 4 * count,
            tolerance: 0.01,
            ages_s: (0..=7).map(|decade| libm::pow(10.0, f64::from(decade))).collect(),
        })
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        let least = |name, value: u64, least: u64| {
            (value < least).then(|| (name, format!("is {value}; it must be {least} at least")))
        };
        least("devices", self.devices.into(), 1)
            .or_else(|| least("trains", self.trains.into(), 1))
            .or_else(|| least("count", self.count.into(), 2))
            .or_else(|| least("knots", self.knots as u64, 2))
            .or_else(|| least("levels", self.levels.into(), 2))
            .or_else(|| {
                let rising =
                    self.ages_s.windows(2).all(|w| w[0] < w[1]) && self.ages_s.iter().all(|t| *t > 0.0);
                (!rising).then(|| ("ages", "must be positive and rise".into()))
            })
            .or_else(|| {
                let fine = self.tolerance > 0.0 && self.tolerance < 0.5;
                (!fine).then(|| ("tolerance", format!("is {}; it is a part of the range", self.tolerance)))
            })
    }
}

/// What was found, and what a reader should know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Characterised {
    /// The statistics.
    pub cell: CellSpec,
    /// Sentences for `differences` and for a report.
    pub remarks: Vec<String>,
    /// Standard deviation of what the step's mean curve and gains leave unexplained, over the range.
    pub unexplained: f64,
}

/// A change of conductance by one pulse.
#[derive(Clone, Copy)]
struct Change {
    from_s: f64,
    by_s: f64,
}

/// What one device did in its trains: changes by pulses up and down.
type Trains = [Vec<Change>; 2];

/// Derives the statistics of a device's cells from its equations.
///
/// # Errors
/// A description without equations; a protocol that cannot be; devices that cannot be driven on, or whose conductance
/// no pulse changes; cancellation.
pub fn characterise(
    spec: &DeviceSpec,
    protocol: &Protocol,
    key: Key,
    watch: &dyn Watch,
) -> Result<Characterised, DeviceError> {
    if let Some((field, problem)) = protocol.problem() {
        let field = format!("protocol.{field}");
        return Err(DeviceError::Parameter { device: spec.name.clone(), field, problem });
    }
    spec.equations()?;
    watch.begin("characterising", Some(2 * u64::from(protocol.devices)));
    let station = Station { spec, protocol, key };
    let trains: Vec<Trains> = station.each(watch, |probe| probe.trains())?;
    let all = || trains.iter().flatten().flatten();
    let ends = all().flat_map(|c| [c.from_s, c.from_s + c.by_s]);
    let (low, high) = ends.fold((f64::INFINITY, 0.0_f64), |(low, high), g| (low.min(g), high.max(g)));
    if high.is_nan() || high <= low * (1.0 + 1e-9) {
        return Err(DeviceError::Parameter {
            device: spec.name.clone(),
            field: "operation".into(),
            problem: format!(
                "moves no device: after trains of {} pulses the conductance is still {low:e} S; give higher voltages \
                 or longer pulses",
                protocol.count
            ),
        });
    }
    let mut remarks = Vec::new();
    let mut unexplained = 0.0_f64;
    let drives = [("up", protocol.up), ("down", protocol.down)];
    let stimuli = drives
        .into_iter()
        .enumerate()
        .map(|(way, (name, drive))| {
            let changes: Vec<&[Change]> = trains.iter().map(|t| t[way].as_slice()).collect();
            let steps = Steps::of(&changes, low, high, protocol.knots);
            unexplained = unexplained.max(steps.unexplained / (high - low));
            TableStimulus {
                name: name.into(),
                voltage_v: Some(drive.voltage_v),
                width_s: Some(drive.width_s),
                mean: steps.mean.iter().map(|s| s / high).collect(),
                spread: if steps.spread.iter().all(|s| *s < 1e-9 * high) {
                    Vec::new()
                } else {
                    steps.spread.iter().map(|s| s / high).collect()
                },
                d2d: steps.d2d,
                cycle: 0.0,
            }
        })
        .collect();
    let pulse = Pulse::Table(PulseTable { unit_s: high, bounds: None, stimuli });

    let levels: Vec<f64> = (0..protocol.levels)
        .map(|n| low + (high - low) * f64::from(n) / f64::from(protocol.levels - 1))
        .collect();
    let kept: Vec<Vec<Kept>> = station.each(watch, |probe| probe.program_and_wait(&levels, [low, high]))?;
    let (write, missed) = write(&kept, &levels, high);
    if missed > 0 {
        remarks.push(format!(
            "Of {} programmings {missed} did not come within {} of the range of their target in {} pulses.",
            kept.len() * levels.len(),
            protocol.tolerance,
            protocol.most_pulses
        ));
    }
    let retention = retention(&kept, &levels, high, &protocol.ages_s);
    if retention == (Retention::Ideal {}) {
        remarks.push(
            "Its equations let nothing relax: retention is ideal by its model, not by measurement.".into(),
        );
    }
    remarks.push("Read noise was not characterised: [noise] is absent.".into());
    let cell = CellSpec {
        g_min_s: low,
        g_max_s: high,
        write: Some(write),
        pulse: Some(pulse),
        retention: Some(retention),
        noise: None,
        endurance: None,
        faults: None,
    };
    cell.validate()?;
    Ok(Characterised { cell, remarks, unexplained })
}

/// Devices, one at a time.
struct Station<'a> {
    spec: &'a DeviceSpec,
    protocol: &'a Protocol,
    key: Key,
}

/// One of them.
struct Probe<'a> {
    protocol: &'a Protocol,
    bank: Box<dyn CellBank>,
    id: usize,
    name: &'a str,
}

/// A device that was programmed to a level and left alone.
struct Kept {
    /// What program and verify reached, S.
    reached_s: f64,
    /// Whether it came within the tolerance.
    met: bool,
    /// At the ages, S.
    later_s: Vec<f64>,
}

impl Station<'_> {
    fn each<T: Send>(
        &self,
        watch: &dyn Watch,
        work: impl Fn(&mut Probe) -> Result<T, DeviceError> + Sync,
    ) -> Result<Vec<T>, DeviceError> {
        let one = |id: usize| {
            let bank = self.spec.bank(1, self.key.child("device", id as u64))?;
            let done = work(&mut Probe { protocol: self.protocol, bank, id, name: &self.spec.name })?;
            watch.step(1).map_err(DeviceError::Cancelled)?;
            Ok(done)
        };
        (0..self.protocol.devices as usize).into_par_iter().map(one).collect()
    }
}

impl Probe<'_> {
    fn failed(&self, problem: String) -> DeviceError {
        DeviceError::Experiment { device: self.name.into(), number: self.id, problem }
    }

    fn read(&mut self) -> Result<f64, DeviceError> {
        let (mut i, mut g) = ([0.0], [0.0]);
        let v = self.protocol.read_v;
        let read = self.bank.solve(&[v], self.protocol.t_k, 0.0, &mut i, &mut g);
        read.map_err(|(_, e)| self.failed(e.to_string()))?;
        Ok(i[0] / v)
    }

    fn apply(&mut self, waveform: &Waveform, t_end_s: f64, max_step_s: f64) -> Result<(), DeviceError> {
        let how = compact::Drive { waveform, t_end_s, t_k: self.protocol.t_k, max_step_s };
        drive(self.bank.as_mut(), &how).map(|_| ()).map_err(|e| self.failed(e.to_string()))
    }

    /// A pulse and a pause as long.
    fn pulse(&mut self, pulse: Drive) -> Result<(), DeviceError> {
        let waveform = Waveform::pulse(pulse.voltage_v, pulse.width_s);
        self.apply(&waveform, 2.0 * pulse.width_s, pulse.width_s)
    }

    fn trains(&mut self) -> Result<Trains, DeviceError> {
        let mut changes = Trains::default();
        for train in 0..=self.protocol.trains {
            for (way, pulse) in [self.protocol.up, self.protocol.down].into_iter().enumerate() {
                let mut from_s = self.read()?;
                for _ in 0..self.protocol.count {
                    self.pulse(pulse)?;
                    let g = self.read()?;
                    if train > 0 {
                        changes[way].push(Change { from_s, by_s: g - from_s });
                    }
                    from_s = g;
                }
            }
        }
        Ok(changes)
    }

    /// Program and verify with pulses of both signs, then reads at the ages.
    fn program_and_wait(&mut self, levels: &[f64], [low, high]: [f64; 2]) -> Result<Vec<Kept>, DeviceError> {
        let margin = self.protocol.tolerance * (high - low);
        let mut all = Vec::new();
        for level in levels {
            let mut best = self.read()?;
            let mut state = self.bank.snapshot();
            for _ in 0..self.protocol.most_pulses {
                if (best - level).abs() <= margin {
                    break;
                }
                let g = self.read()?;
                self.pulse(if g < *level { self.protocol.up } else { self.protocol.down })?;
                let g = self.read()?;
                if (g - level).abs() < (best - level).abs() || (best - level).abs() > margin {
                    best = g;
                    state = self.bank.snapshot();
                }
            }
            let before = std::mem::replace(&mut self.bank, state);
            let met = (best - level).abs() <= margin;
            let mut later_s = Vec::new();
            let mut at = 0.0;
            for age in &self.protocol.ages_s {
                self.apply(&Waveform::Constant(0.0), age - at, age - at)?;
                at = *age;
                later_s.push(self.read()?);
            }
            all.push(Kept { reached_s: best, met, later_s });
            self.bank = before;
        }
        Ok(all)
    }
}

/// The mean step over the conductance, its spread within a device, and how devices differ.
struct Steps {
    mean: Vec<f64>,
    spread: Vec<f64>,
    d2d: f64,
    unexplained: f64,
}

impl Steps {
    /// Least squares of changes on hat functions at even knots. A device's gain multiplies the mean.
    fn of(changes: &[&[Change]], low: f64, high: f64, knots: usize) -> Steps {
        let grid = Grid { low, high, knots };
        let mut gains = vec![1.0; changes.len()];
        let mut mean = Vec::new();
        // Mean and gains in turn; two rounds settle both, since gains are close to one.
        for _ in 0..3 {
            let weighted = changes
                .iter()
                .zip(&gains)
                .flat_map(|(changes, gain)| changes.iter().map(move |c| (c.from_s, *gain, c.by_s)));
            mean = grid.fit(weighted);
            let of = |changes: &&[Change]| {
                let products = changes.iter().map(|c| (grid.value(&mean, c.from_s), c.by_s));
                let (mm, my) = products.fold((0.0, 0.0), |(mm, my), (m, y)| (mm + m * m, my + m * y));
                if mm > 0.0 { (my / mm).max(0.0) } else { 1.0 }
            };
            gains = changes.iter().map(of).collect();
            let centre = gains.iter().sum::<f64>() / gains.len() as f64;
            if centre > 0.0 {
                gains.iter_mut().for_each(|g| *g /= centre);
            }
        }
        let residual = |c: &Change, gain: f64| c.by_s - gain * grid.value(&mean, c.from_s);
        let squares = changes.iter().zip(&gains).flat_map(|(changes, gain)| {
            changes.iter().map(move |c| (c.from_s, 1.0, residual(c, *gain).powi(2)))
        });
        let variance = grid.fit(squares.clone());
        let (sum, n) = squares.fold((0.0, 0.0), |(sum, n), (_, _, y)| (sum + y, n + 1.0));
        let spread: Vec<f64> = variance.iter().map(|v| v.max(0.0).sqrt()).collect();
        // A gain of few noisy steps scatters by itself: what residuals explain is taken off.
        let own = changes
            .iter()
            .map(|changes| {
                let mm: f64 = changes.iter().map(|c| grid.value(&mean, c.from_s).powi(2)).sum();
                let noise: f64 = changes
                    .iter()
                    .map(|c| (grid.value(&mean, c.from_s) * grid.value(&spread, c.from_s)).powi(2))
                    .sum();
                if mm > 0.0 { noise / (mm * mm) } else { 0.0 }
            })
            .sum::<f64>()
            / changes.len() as f64;
        let n_gains = gains.len() as f64;
        let centre = gains.iter().sum::<f64>() / n_gains;
        let variance = gains.iter().map(|g| (g - centre).powi(2)).sum::<f64>() / (n_gains - 1.0).max(1.0);
        let d2d = (variance - own).max(0.0).sqrt();
        let d2d = if d2d < 1e-6 { 0.0 } else { d2d };
        Steps { mean, spread, d2d, unexplained: (sum / n).sqrt() }
    }
}

/// Even knots over a range, linear in between.
struct Grid {
    low: f64,
    high: f64,
    knots: usize,
}

impl Grid {
    /// The knot below, and how far towards the next.
    fn place(&self, g: f64) -> (usize, f64) {
        let at = ((g - self.low) / (self.high - self.low)).clamp(0.0, 1.0) * (self.knots - 1) as f64;
        let knot = (at as usize).min(self.knots - 2);
        (knot, at - knot as f64)
    }

    fn value(&self, y: &[f64], g: f64) -> f64 {
        let (knot, part) = self.place(g);
        y[knot] + part * (y[knot + 1] - y[knot])
    }

    /// Values at the knots that fit (g, weight, weight x value) best; where there are no data, as straight as
    /// possible. The normal equations are tridiagonal with a pentadiagonal penalty; the matrix is small and dense.
    fn fit(&self, data: impl Iterator<Item = (f64, f64, f64)>) -> Vec<f64> {
        let n = self.knots;
        let mut m = vec![vec![0.0; n + 1]; n];
        let mut total = 0.0;
        for (g, weight, y) in data {
            let (knot, part) = self.place(g);
            let hats = [(knot, weight * (1.0 - part)), (knot + 1, weight * part)];
            for (i, a) in hats {
                for (j, b) in hats {
                    m[i][j] += a * b;
                }
                m[i][n] += a * y;
            }
            total += weight * weight;
        }
        let stiffness = 1e-7 * total / n as f64;
        for k in 1..n - 1 {
            for (i, a) in [(k - 1, 1.0), (k, -2.0), (k + 1, 1.0)] {
                for (j, b) in [(k - 1, 1.0), (k, -2.0), (k + 1, 1.0)] {
                    m[i][j] += stiffness * a * b;
                }
            }
        }
        for (i, row) in m.iter_mut().enumerate() {
            row[i] += 1e-14 * total;
        }
        // Symmetric and positive: elimination needs no pivots.
        for k in 0..n {
            for i in k + 1..n {
                let f = m[i][k] / m[k][k];
                for j in k..=n {
                    let above = m[k][j];
                    m[i][j] -= f * above;
                }
            }
        }
        let mut y = vec![0.0; n];
        for k in (0..n).rev() {
            let rest: f64 = (k + 1..n).map(|j| m[k][j] * y[j]).sum();
            y[k] = (m[k][n] - rest) / m[k][k];
        }
        y
    }
}

/// Errors of program and verify by level, and how many missed their target.
fn write(kept: &[Vec<Kept>], levels: &[f64], high: f64) -> (Write, usize) {
    let missed = kept.iter().flatten().filter(|k| !k.met).count();
    let error = |n: usize| {
        let squares = kept.iter().map(|k| (k[n].reached_s - levels[n]).powi(2));
        (squares.sum::<f64>() / kept.len() as f64).sqrt() / high
    };
    let curve = Curve::Table {
        x: levels.iter().map(|level| level / high).collect(),
        y: (0..levels.len()).map(error).collect(),
    };
    let deviation = Deviation::Scaled { unit_s: high, fitted_g_max_s: high, curve };
    (Write::Programmed { c2c: Some(deviation), d2d: None }, missed)
}

/// Shift and spread of the programmed levels at each age.
fn retention(kept: &[Vec<Kept>], levels: &[f64], high: f64, ages_s: &[f64]) -> Retention {
    let moved = |n: usize, age: usize| -> Vec<f64> {
        kept.iter().map(|k| (k[n].later_s[age] - k[n].reached_s) / high).collect()
    };
    let still =
        (0..levels.len()).all(|n| (0..ages_s.len()).all(|age| moved(n, age).iter().all(|m| m.abs() < 1e-6)));
    if still || ages_s.is_empty() {
        return Retention::Ideal {};
    }
    let anchors = ages_s
        .iter()
        .enumerate()
        .map(|(age, age_s)| {
            let moments = |n: usize| {
                let m = moved(n, age);
                let mean = m.iter().sum::<f64>() / m.len() as f64;
                let variance =
                    m.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (m.len() as f64 - 1.0).max(1.0);
                (mean, variance.sqrt())
            };
            let of = |pick: fn((f64, f64)) -> f64| Curve::Table {
                x: levels.iter().map(|level| level / high).collect(),
                y: (0..levels.len()).map(|n| pick(moments(n))).collect(),
            };
            Anchor { age_s: *age_s, shift: Some(of(|(mean, _)| mean)), spread: of(|(_, sd)| sd) }
        })
        .collect();
    Retention::Measured { unit_s: high, fitted_g_max_s: high, anchors }
}
