//! Cycle after cycle of SET and RESET: the voltages at which they happen, and the resistances between them.

use neurohm_device::compact::Waveform;
use neurohm_num::quantity::Dimension;
use neurohm_num::stats;
use neurohm_study::experiment::Findings;
use neurohm_study::record::{Better, Line};

use crate::csv::{Csv, columns};
use crate::figure::{self, linear, logarithmic, series};
use crate::rig::Device;
use crate::{Bench, LabError, positive};

/// Cycles of ramps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cycling {
    /// Cycles of each device.
    pub cycles: u32,
    /// Height of the SET ramp, V.
    pub set_v: f64,
    /// Height of the RESET ramp, V.
    pub reset_v: f64,
    /// Length of a ramp, s; it falls as fast again.
    pub ramp_s: f64,
    /// Looks at the conductance on the way up.
    pub looks: u32,
    /// Voltage of the looks, V.
    pub read_v: f64,
}

/// One cycle.
struct Cycle {
    set_v: Option<f64>,
    reset_v: Option<f64>,
    on_s: f64,
    off_s: f64,
}

impl Cycling {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 1;

    fn check(&self) -> Result<(), LabError> {
        positive("the SET ramp's size", self.set_v.abs())?;
        positive("the RESET ramp's size", self.reset_v.abs())?;
        positive("the ramp's length", self.ramp_s)?;
        positive("the read voltage's size", self.read_v.abs())?;
        if self.cycles == 0 || self.looks < 4 {
            return Err(LabError::Setting(
                "cycling needs a cycle at least, and 4 looks a ramp at least".into(),
            ));
        }
        Ok(())
    }

    /// A ramp up and down again: the voltage at which ln G was half way, if it moved by more than a tenth, and the
    /// conductance at its end.
    fn ramp(&self, device: &mut Device, top: f64, bench: &Bench) -> Result<(Option<f64>, f64), LabError> {
        let mut g = vec![libm::log(device.conductance_s(self.read_v, &bench.rig)?)];
        let slice = self.ramp_s / f64::from(self.looks);
        let at = |n: u32| top * f64::from(n) / f64::from(self.looks);
        for n in 0..self.looks {
            let waveform = Waveform::Points(vec![(0.0, at(n)), (slice, at(n + 1))]);
            device.apply(&waveform, slice, slice, &bench.rig, bench.watch)?;
            g.push(libm::log(device.conductance_s(self.read_v, &bench.rig)?));
        }
        let down = Waveform::Points(vec![(0.0, top), (self.ramp_s, 0.0)]);
        device.apply(&down, self.ramp_s, self.ramp_s / 10.0, &bench.rig, bench.watch)?;
        let end = device.conductance_s(self.read_v, &bench.rig)?;
        let (from, to) = (g[0], libm::log(end));
        let middle = (from + to) / 2.0;
        let moved = (to - from).abs() > 0.1;
        let passes = |n: &usize| (g[n + 1] - middle) * (middle - from) >= 0.0;
        let switched = (0..g.len() - 1).find(passes).filter(|_| moved).map(|n| {
            let part = ((middle - g[n]) / (g[n + 1] - g[n])).clamp(0.0, 1.0);
            at(n as u32) + part * (at(n as u32 + 1) - at(n as u32))
        });
        Ok((switched, end))
    }

    /// Carries it out.
    ///
    /// # Errors
    /// Settings that cannot be; a device without equations, or that cannot be driven on.
    pub fn run(&self, bench: &Bench) -> Result<Findings, LabError> {
        self.check()?;
        bench.spec.equations()?;
        bench.watch.begin("cycling", Some(bench.devices as u64));
        let all = bench.each(|mut device| {
            // One cycle to forget where it began.
            self.ramp(&mut device, self.set_v, bench)?;
            self.ramp(&mut device, self.reset_v, bench)?;
            let cycle = |_| {
                let (set_v, on_s) = self.ramp(&mut device, self.set_v, bench)?;
                let (reset_v, off_s) = self.ramp(&mut device, self.reset_v, bench)?;
                Ok(Cycle { set_v, reset_v, on_s, off_s })
            };
            (0..self.cycles).map(cycle).collect::<Result<Vec<_>, LabError>>()
        })?;
        let mut found = Findings::default();
        let names =
            ["device", "cycle", "set_voltage_v", "reset_voltage_v", "on_conductance_s", "off_conductance_s"];
        let mut csv = Csv::new(&columns(&names));
        for (id, cycles) in all.iter().enumerate() {
            for (n, c) in cycles.iter().enumerate() {
                let or_nan = |v: Option<f64>| v.unwrap_or(f64::NAN);
                csv.row([id as f64, n as f64, or_nan(c.set_v), or_nan(c.reset_v), c.on_s, c.off_s]);
            }
        }
        found.files.push(("cycling.csv".into(), csv.bytes()));
        self.resistances(bench, &all, &mut found);
        let sets: Vec<f64> = all.iter().flatten().filter_map(|c| c.set_v).map(f64::abs).collect();
        let resets: Vec<f64> = all.iter().flatten().filter_map(|c| c.reset_v).map(f64::abs).collect();
        weibulls(&[("SET", sets), ("RESET", resets)], &mut found);
        let failed = all.iter().flatten().filter(|c| c.set_v.is_none() || c.reset_v.is_none()).count();
        if failed > 0 {
            let cycles = self.cycles as usize * bench.devices;
            let heat = if self.set_v * self.reset_v > 0.0 {
                " Its SET and RESET have the same sign, so it works by heat: what a ramp melts or dissolves, its slow fall \
                 may bring back. `neurohm device pulse` drives it with its own pulses."
            } else {
                ""
            };
            found.caution(format!(
                "In {failed} of {cycles} cycles the device did not switch both ways.{heat}"
            ));
        }
        bench.keep_within("A ramp", &[self.set_v, self.reset_v], &[2.0 * self.ramp_s], &mut found)?;
        if bench.spec.spread.is_empty() {
            found.info("The description has no [spread]: cycles differ by the model's own randomness alone.");
        }
        Ok(found)
    }

    fn resistances(&self, bench: &Bench, all: &[Vec<Cycle>], found: &mut Findings) {
        let x: Vec<f64> = (1..=self.cycles).map(f64::from).collect();
        let mut lines = Vec::new();
        for (name, of) in [("after SET", true), ("after RESET", false)] {
            for (id, cycles) in all.iter().enumerate().take(figure::SHOWN) {
                let r = cycles.iter().map(|c| 1.0 / if of { c.on_s } else { c.off_s }).collect();
                lines.push(figure::line(figure::device_name(id, bench.devices, name), x.clone(), r));
            }
        }
        let read = figure::said(self.read_v, Dimension::Volt);
        let caption = format!("Resistance at {read} after every SET and RESET.");
        found.series.push(series(
            "resistance",
            caption,
            linear("cycle", "1"),
            logarithmic("resistance", "ohm"),
            lines,
        ));
        let window: Vec<f64> = all
            .iter()
            .map(|cycles| {
                let mean = |of: fn(&Cycle) -> f64| stats::mean(&cycles.iter().map(of).collect::<Vec<_>>());
                libm::exp(mean(|c| libm::log(c.on_s)) - mean(|c| libm::log(c.off_s)))
            })
            .collect();
        let (mean, ci95) = figure::over(&window);
        let about = "On over off conductance (geometric means over cycles)";
        found.scalar("on_off_ratio", mean, ci95, "1", Some(Better::Higher), about);
    }
}

/// Weibull plots: ln(-ln(1 - F)) against the voltage, with the fitted line, its slope and scale.
fn weibulls(kinds: &[(&str, Vec<f64>)], found: &mut Findings) {
    let mut lines: Vec<Line> = Vec::new();
    for (name, values) in kinds {
        let key = name.to_lowercase();
        if values.len() < 3 {
            continue;
        }
        let mean = stats::mean(values);
        let sd = stats::sd(values);
        found.scalar(&format!("{key}_voltage"), mean, None, "V", None, format!("Mean {name} voltage"));
        let about = format!("Spread of the {name} voltage: standard deviation over mean");
        found.scalar(&format!("{key}_spread"), sd / mean, None, "1", Some(Better::Lower), about);
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        // Median ranks (Benard's approximation).
        let rank = |k: usize| (k as f64 + 0.7) / (n + 0.4);
        let y: Vec<f64> = (0..sorted.len()).map(|k| libm::log(-libm::log1p(-rank(k)))).collect();
        if sd > 1e-9 * mean {
            let (shape, scale) = weibull(&sorted);
            let about = format!("Weibull slope of the {name} voltage (maximum likelihood)");
            found.scalar(&format!("{key}_weibull_slope"), shape, None, "1", Some(Better::Higher), about);
            let about = format!("Voltage at which 63 % have made their {name}");
            found.scalar(&format!("{key}_weibull_voltage"), scale, None, "V", None, about);
            let ends = [sorted[0], sorted[sorted.len() - 1]];
            let fit = ends.map(|v| shape * libm::log(v / scale));
            lines.push(figure::dashed(format!("{name}, slope {shape:.1}"), ends.to_vec(), fit.to_vec()));
        } else {
            found.caution(format!("All {name} voltages are equal: there is no distribution to plot."));
        }
        lines.push(figure::line(*name, sorted, y));
    }
    if lines.is_empty() {
        return;
    }
    let caption = "Weibull plot of the switching voltages: F is the part of cycles that have switched.";
    found.series.push(series(
        "weibull",
        caption,
        linear("size of the voltage", "V"),
        linear("ln(−ln(1 − F))", "1"),
        lines,
    ));
}

/// Slope and scale of the Weibull distribution that makes `values` likeliest: with w = v^k, the slope k solves
/// sum w ln v / sum w - 1/k - mean ln v = 0, whose left side rises with k; the scale is (mean w)^(1/k).
pub(crate) fn weibull(values: &[f64]) -> (f64, f64) {
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(*v));
    let ln: Vec<f64> = values.iter().map(|v| libm::log(v / largest)).collect();
    let mean_ln = stats::mean(&ln);
    let sums = |k: f64| {
        let w = ln.iter().map(|l| libm::exp(k * l));
        w.zip(&ln).fold((0.0, 0.0), |(w_sum, wl_sum), (w, l)| (w_sum + w, wl_sum + w * l))
    };
    let condition = |k: f64| {
        let (w, wl) = sums(k);
        wl / w - 1.0 / k - mean_ln
    };
    let (mut low, mut high) = (1e-6, 1.0);
    while condition(high) < 0.0 && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if condition(middle) < 0.0 { low = middle } else { high = middle }
    }
    let shape = (low + high) / 2.0;
    let mean_w = sums(shape).0 / values.len() as f64;
    (shape, largest * libm::exp(libm::log(mean_w) / shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rig;
    use neurohm_device::{compact::ParameterSpread, preset};
    use neurohm_num::{Key, Unwatched};

    #[test]
    fn weibull_parameters_are_recovered() {
        // Exact quantiles of slope 12, scale 0.8 V; maximum likelihood is biased by about 1.4 / n.
        let n = 4000;
        let quantile = |k: usize| 0.8 * (-(1.0 - (k as f64 + 0.5) / n as f64).ln()).powf(1.0 / 12.0);
        let values: Vec<f64> = (0..n).map(quantile).collect();
        let (shape, scale) = weibull(&values);
        assert!((shape / 12.0 - 1.0).abs() < 3e-3 && (scale / 0.8 - 1.0).abs() < 1e-4, "{shape} {scale}");
    }

    #[test]
    fn cells_whose_parameters_are_drawn_anew_switch_both_ways_in_every_cycle() {
        let spec = preset("jart_vcm_v1b_var").unwrap();
        let operation = spec.operation.as_ref().unwrap();
        let (set, reset) = (operation.set, operation.reset.unwrap());
        let cycling = Cycling {
            cycles: 20,
            set_v: set.voltage_v,
            reset_v: reset.voltage_v,
            ramp_s: set.width_s,
            looks: 100,
            read_v: operation.read.voltage_v,
        };
        let bench =
            Bench { spec: &spec, devices: 4, key: Key::root(1), rig: Rig::default(), watch: &Unwatched };
        let found = cycling.run(&bench).unwrap();
        assert!(found.notes.iter().all(|note| !note.text.contains("did not switch")), "{:?}", found.notes);
        assert!(found.scalars["reset_spread"].value > 0.03, "{:?}", found.scalars);
    }

    #[test]
    fn a_spread_of_thresholds_spreads_the_voltages() {
        let mut spec = preset("vteam_memtorch").unwrap();
        let cycling =
            Cycling { cycles: 60, set_v: -0.4, reset_v: 0.2, ramp_s: 1e-5, looks: 100, read_v: 0.005 };
        let run = |spec: &neurohm_device::DeviceSpec| {
            let bench = Bench { spec, devices: 2, key: Key::root(1), rig: Rig::default(), watch: &Unwatched };
            cycling.run(&bench).unwrap()
        };
        let alike = run(&spec);
        assert!(alike.scalars["set_spread"].value < 1e-6, "{:?}", alike.scalars);
        spec.spread.insert("v_on".into(), ParameterSpread { d2d: 0.0, c2c: 0.1 });
        let spread = run(&spec);
        // A fast device switches at its threshold: the voltage's spread is the threshold's.
        let got = spread.scalars["set_spread"].value;
        assert!((0.07..0.13).contains(&got), "{got}");
        assert!(spread.scalars["reset_spread"].value < 1e-3);
        assert!(spread.scalars["set_weibull_slope"].value > 5.0);
    }
}
