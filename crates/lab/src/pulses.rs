//! Potentiation and depression: trains of equal pulses, and the conductance after each.

use neurohm_device::Drive;
use neurohm_device::compact::Waveform;
use neurohm_num::quantity::Dimension;
use neurohm_study::experiment::Findings;
use neurohm_study::record::Better;

use crate::csv::{Csv, columns};
use crate::figure::{self, linear, series};
use crate::rig::{Device, Recording, Rig};
use crate::{Bench, LabError, positive};

/// A train of pulses up, then one down, again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulses {
    /// The pulse that raises the conductance.
    pub up: Drive,
    /// The pulse that lowers it; without one the device is left alone as long as the train down would take.
    pub down: Option<Drive>,
    /// Pulses of each train.
    pub count: u32,
    /// How often both trains are given.
    pub cycles: u32,
    /// Time between the end of a pulse and the begin of the next, s.
    pub gap_s: f64,
    /// Voltage of the reads, V.
    pub read_v: f64,
}

/// The device after a pulse.
struct After {
    t_s: f64,
    v: f64,
    i_a: f64,
    g_s: f64,
    energy_j: f64,
}

impl Pulses {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 1;

    fn check(&self) -> Result<(), LabError> {
        for pulse in [Some(self.up), self.down].into_iter().flatten() {
            positive("the size of a pulse's voltage", pulse.voltage_v.abs())?;
            positive("a pulse's width", pulse.width_s)?;
        }
        positive("the gap", self.gap_s)?;
        positive("the read voltage's size", self.read_v.abs())?;
        if self.count == 0 || self.cycles == 0 {
            return Err(LabError::Setting(
                "a train needs a pulse at least, and there is a cycle at least".into(),
            ));
        }
        Ok(())
    }

    /// The trains on a device, up to where it cannot be driven on if there is such a place.
    fn train(&self, mut device: Device, bench: &Bench) -> Result<(Vec<After>, Option<LabError>), LabError> {
        let g_s = device.conductance_s(self.read_v, &bench.rig)?;
        let mut out = vec![After { t_s: 0.0, v: 0.0, i_a: 0.0, g_s, energy_j: 0.0 }];
        match self.pulses(&mut device, bench, &mut out) {
            Err(error) if error.until().is_none() => Err(error),
            done => Ok((out, done.err())),
        }
    }

    fn pulses(&self, device: &mut Device, bench: &Bench, out: &mut Vec<After>) -> Result<(), LabError> {
        let mut t_s = 0.0;
        for _ in 0..self.cycles {
            for (pulse, back) in [(Some(self.up), self.up), (self.down, self.up)] {
                for _ in 0..self.count {
                    let (v, width) = pulse.map_or((0.0, back.width_s), |p| (p.voltage_v, p.width_s));
                    let waveform = Waveform::pulse(v, width);
                    let end = width + self.gap_s;
                    let r = device.apply(&waveform, end, width, &bench.rig, bench.watch)?;
                    // The last sample within the pulse.
                    let last = r.source_v.iter().rposition(|u| *u == v && v != 0.0);
                    t_s += end;
                    out.push(After {
                        t_s,
                        v,
                        i_a: last.map_or(0.0, |n| r.i_a[n]),
                        g_s: device.conductance_s(self.read_v, &Rig { ..bench.rig })?,
                        energy_j: r.energy_j(),
                    });
                }
            }
        }
        Ok(())
    }

    fn csv(trains: &[Vec<After>]) -> Vec<u8> {
        let mut names = columns(&["pulse", "time_s", "voltage_v", "current_a", "conductance_s", "energy_j"]);
        let several = trains.len() > 1;
        if several {
            names.push("device".into());
        }
        let mut csv = Csv::new(&names);
        for (id, train) in trains.iter().enumerate() {
            for (n, a) in train.iter().enumerate() {
                let device = several.then_some(id as f64);
                csv.row([n as f64, a.t_s, a.v, a.i_a, a.g_s, a.energy_j].into_iter().chain(device));
            }
        }
        csv.bytes()
    }

    /// Carries it out.
    ///
    /// # Errors
    /// Settings that cannot be; a device without equations, or that cannot be driven on.
    pub fn run(&self, bench: &Bench) -> Result<Findings, LabError> {
        self.check()?;
        bench.spec.equations()?;
        bench.watch.begin("pulsing", Some(bench.devices as u64));
        let all = bench.each(|device| self.train(device, bench))?;
        let (trains, errors): (Vec<Vec<After>>, Vec<_>) = all.into_iter().unzip();
        if let Some(error) = errors.into_iter().flatten().next() {
            // The pulse that it did not go through, besides those that it did.
            let last = error.until().map(|until| Recording::csv(std::slice::from_ref(until)));
            let stopped = error.with_file("pulses.csv", Self::csv(&trains));
            return Err(match (stopped, last) {
                (LabError::Stopped { source, mut found }, Some(last)) => {
                    found.files.push(("last_pulse.csv".into(), last));
                    LabError::Stopped { source, found }
                }
                (stopped, _) => stopped,
            });
        }
        let mut found = Findings::default();
        found.files.push(("pulses.csv".into(), Self::csv(&trains)));
        let x: Vec<f64> = (0..trains.first().map_or(0, Vec::len)).map(|n| n as f64).collect();
        let g: Vec<Vec<f64>> = trains.iter().map(|t| t.iter().map(|a| a.g_s).collect()).collect();
        let mut lines: Vec<_> = (0..g.len().min(figure::SHOWN))
            .map(|id| figure::line(figure::device_name(id, g.len(), ""), x.clone(), g[id].clone()))
            .collect();
        if g.len() > 1 {
            lines.push(figure::Line { reference: true, ..figure::mean_line("mean", x.clone(), &g) });
        }
        let caption = format!(
            "Conductance at {} after each pulse: {} up, {} down, {} times.",
            figure::said(self.read_v, Dimension::Volt),
            self.count,
            self.count,
            self.cycles
        );
        found.series.push(series(
            "conductance",
            caption,
            linear("pulse", "1"),
            linear("conductance", "S"),
            lines,
        ));
        self.judge(&trains, &g, &mut found);
        let pulses: Vec<Drive> = [Some(self.up), self.down].into_iter().flatten().collect();
        let voltages: Vec<f64> = pulses.iter().map(|p| p.voltage_v).chain([self.read_v]).collect();
        let widths: Vec<f64> = pulses.iter().map(|p| p.width_s).collect();
        bench.keep_within("A pulse", &voltages, &widths, &mut found)?;
        Ok(found)
    }

    fn judge(&self, trains: &[Vec<After>], g: &[Vec<f64>], found: &mut Findings) {
        // The last cycle: of a first one the beginning is wherever the device began.
        let (count, cycles) = (self.count as usize, self.cycles as usize);
        let start = 2 * count * (cycles - 1);
        let mut scalar = |name: &str, value: &dyn Fn(usize) -> f64, unit: &str, better, about: &str| {
            let values: Vec<f64> = (0..g.len()).map(value).filter(|v| v.is_finite()).collect();
            if !values.is_empty() {
                let (mean, ci95) = figure::over(&values);
                found.scalar(name, mean, ci95, unit, better, about);
            }
        };
        let cycle = |id: usize| &g[id][start..];
        let low = |id: usize| cycle(id).iter().copied().fold(f64::INFINITY, f64::min);
        let high = |id: usize| cycle(id).iter().copied().fold(0.0, f64::max);
        let ratio = |id: usize| high(id) / low(id);
        let about = "Largest over smallest conductance of the last cycle";
        scalar("on_off_ratio", &ratio, "1", Some(Better::Higher), about);
        scalar("g_min", &low, "S", None, "Smallest conductance of the last cycle");
        scalar("g_max", &high, "S", None, "Largest conductance of the last cycle");
        let bend = |part: &[f64]| nonlinearity(part);
        let up = |id: usize| bend(&cycle(id)[..=count]);
        let about = "Nonlinearity of the rise: farthest point from the straight line, of the range";
        scalar("nonlinearity_up", &up, "1", Some(Better::Lower), about);
        if self.down.is_some() {
            let down = |id: usize| bend(&cycle(id)[count..]);
            let about = "Nonlinearity of the fall: farthest point from the straight line, of the range";
            scalar("nonlinearity_down", &down, "1", Some(Better::Lower), about);
            let asymmetry = |id: usize| asymmetry(&cycle(id)[..=count], &cycle(id)[count..]);
            let about = "Asymmetry: mean distance between rise and mirrored fall, of the range";
            scalar("asymmetry", &asymmetry, "1", Some(Better::Lower), about);
        }
        let energy = |id: usize| {
            let pulses = &trains[id][1..];
            pulses.iter().map(|a| a.energy_j).sum::<f64>() / pulses.len() as f64
        };
        scalar("energy", &energy, "J", Some(Better::Lower), "Mean energy of a pulse");
        if g.iter().all(|g| g.iter().all(|v| (v / g[0] - 1.0).abs() < 1e-6)) {
            found.caution("No pulse changed the conductance: try higher voltages or longer pulses.");
        }
    }
}

/// How far a train bends: the largest distance of the conductance from the straight line between its ends, of their
/// difference; NaN of a train that goes nowhere.
pub(crate) fn nonlinearity(g: &[f64]) -> f64 {
    let (Some(first), Some(last)) = (g.first(), g.last()) else { return f64::NAN };
    let range = last - first;
    let n = (g.len() - 1) as f64;
    let distance = |(k, g): (usize, &f64)| ((g - first) / range - k as f64 / n).abs();
    g.iter().enumerate().map(distance).fold(if range == 0.0 { f64::NAN } else { 0.0 }, f64::max)
}

/// Mean distance between a train up and the mirror of the train down, of the range of both.
pub(crate) fn asymmetry(up: &[f64], down: &[f64]) -> f64 {
    let all = up.iter().chain(down);
    let (low, high) = all.fold((f64::INFINITY, 0.0_f64), |(l, h), g| (l.min(*g), h.max(*g)));
    let pairs = up.iter().zip(down.iter().rev());
    let sum: f64 = pairs.map(|(u, d)| (u - d).abs()).sum();
    sum / up.len().min(down.len()) as f64 / (high - low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_device::preset;
    use neurohm_num::{Key, Unwatched};

    #[test]
    fn a_straight_train_does_not_bend_and_an_exponential_one_bends_as_it_must() {
        let straight: Vec<f64> = (0..11).map(f64::from).collect();
        assert!(nonlinearity(&straight) < 1e-12);
        // (1 - e^-ax)/(1 - e^-a) - x is largest where its slope is zero: x = ln(a / (1 - e^-a)) / a.
        let a = 3.0_f64;
        let curve = |x: f64| (1.0 - (-a * x).exp()) / (1.0 - (-a).exp());
        let train: Vec<f64> = (0..=10_000).map(|n| curve(f64::from(n) / 1e4)).collect();
        let x = (a / (1.0 - (-a).exp())).ln() / a;
        assert!((nonlinearity(&train) - (curve(x) - x)).abs() < 1e-6);
        assert!(nonlinearity(&[1.0, 1.0]).is_nan());
        let back: Vec<f64> = straight.iter().rev().copied().collect();
        assert!(asymmetry(&straight, &back) < 1e-12);
    }

    #[test]
    fn a_train_that_cannot_go_on_keeps_its_pulses() {
        let spec = preset("yakopcic_miao").unwrap();
        let stimulus = |voltage_v: f64| Drive { voltage_v, width_s: 1e-6 };
        // The first train goes well, the second meets an infinite sinh.
        let pulses = Pulses {
            up: stimulus(0.5),
            down: Some(stimulus(-3e3)),
            count: 5,
            cycles: 1,
            gap_s: 1e-6,
            read_v: 0.1,
        };
        let bench =
            Bench { spec: &spec, devices: 2, key: Key::root(1), rig: Rig::default(), watch: &Unwatched };
        let error = pulses.run(&bench).unwrap_err();
        let LabError::Stopped { source, found } = error else { panic!("{error}") };
        assert!(source.to_string().contains("-3 kV"), "{source}");
        let names: Vec<&str> = found.files.iter().map(|f| f.0.as_str()).collect();
        assert_eq!(names, ["pulses.csv", "last_pulse.csv"]);
        let text = String::from_utf8(found.files[0].1.clone()).unwrap();
        assert_eq!(text.lines().count(), 1 + 2 * 6, "{text}");
    }

    #[test]
    fn vteam_moves_by_what_its_velocity_says() {
        // 2e-3 m/s at 0.1 V: 0.1 us moves w by 0.2 nm of 3 nm, R by 950 ohm * 0.2 / 3.
        let spec = preset("vteam_memtorch").unwrap();
        let stimulus = |voltage_v: f64, width_s: f64| Drive { voltage_v, width_s };
        let pulses = Pulses {
            up: stimulus(-0.3, 1e-10),
            down: Some(stimulus(0.1, 1e-7)),
            count: 4,
            cycles: 1,
            gap_s: 1e-7,
            read_v: 0.01,
        };
        let bench =
            Bench { spec: &spec, devices: 1, key: Key::root(1), rig: Rig::default(), watch: &Unwatched };
        let found = pulses.run(&bench).unwrap();
        let g = &found.series[0].lines[0].y;
        let steps: Vec<f64> = g[4..].windows(2).map(|w| 1.0 / w[1] - 1.0 / w[0]).collect();
        for step in steps {
            assert!((step - 950.0 * 0.2 / 3.0).abs() < 1e-3, "{step}");
        }
        assert!(g[4] > g[0]);
    }
}
