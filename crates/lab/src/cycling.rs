//! Cycle after cycle of SET and RESET: the voltages at which they happen, and the resistances between them.

use neurohm_device::Drive;
use neurohm_device::compact::Waveform;
use neurohm_num::quantity::Dimension;
use neurohm_num::stats;
use neurohm_study::experiment::Findings;
use neurohm_study::record::{Better, Line};

use crate::csv::{Csv, columns};
use crate::figure::{self, linear, logarithmic, series};
use crate::rig::Device;
use crate::{Bench, LabError, positive};

/// How SET and RESET are reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Approach {
    /// By a ramp, and as slow a fall.
    Ramps {
        /// Length of a ramp, s; it falls as fast again.
        ramp_s: f64,
    },
    /// By pulses of rising height. Each ends in a jump to 0 V and a rest as long as the longer of both widths: what is
    /// switched by heat is quenched by the jump, and would be annealed by a slow fall.
    Pulses {
        /// Width of the SET pulses, s.
        set_s: f64,
        /// Width of the RESET pulses, s.
        reset_s: f64,
    },
}

/// Cycles of SET and RESET.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cycling {
    /// Cycles of each device.
    pub cycles: u32,
    /// Height of the SET ramp or of the last SET pulse, V.
    pub set_v: f64,
    /// Height of the RESET ramp or of the last RESET pulse, V.
    pub reset_v: f64,
    /// Ramps or pulses.
    pub approach: Approach,
    /// Looks at the conductance on a ramp's way up, or heights of the pulses.
    pub looks: u32,
    /// Voltage of the looks, V.
    pub read_v: f64,
}

/// A way to SET or to RESET.
struct Climb {
    /// The voltage that switched, V; none if nothing did.
    switched_v: Option<f64>,
    /// Whether the device was half way only after the highest voltage.
    late: bool,
    /// Conductances before, and at each look on the way up, S.
    looks_s: Vec<f64>,
    /// Conductance at the end, S.
    end_s: f64,
}

/// One cycle.
struct Cycle {
    set: Climb,
    reset: Climb,
}

/// Both ways of a cycle, by name.
const WAYS: [(&str, fn(&Cycle) -> &Climb); 2] = [("SET", |c| &c.set), ("RESET", |c| &c.reset)];

impl Cycling {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 2;
    /// A change of ln G by less is no switching.
    const LEAST: f64 = 0.1;

    fn check(&self) -> Result<(), LabError> {
        let drive = match self.approach {
            Approach::Ramps { .. } => "ramp",
            Approach::Pulses { .. } => "pulses",
        };
        positive(&format!("the size of the SET {drive}"), self.set_v.abs())?;
        positive(&format!("the size of the RESET {drive}"), self.reset_v.abs())?;
        match self.approach {
            Approach::Ramps { ramp_s } => positive("the ramp's length", ramp_s)?,
            Approach::Pulses { set_s, reset_s } => {
                positive("the width of the SET pulses", set_s)?;
                positive("the width of the RESET pulses", reset_s)?
            }
        };
        positive("the read voltage's size", self.read_v.abs())?;
        if self.cycles == 0 || self.looks < 4 {
            return Err(LabError::Setting(
                "cycling needs a cycle at least, and 4 looks or heights a ramp at least".into(),
            ));
        }
        Ok(())
    }

    /// The voltage of look `n` of a way to `top`, V.
    fn at(&self, top: f64, n: u32) -> f64 {
        top * f64::from(n) / f64::from(self.looks)
    }

    fn set(&self, device: &mut Device, bench: &Bench) -> Result<Climb, LabError> {
        match self.approach {
            Approach::Ramps { ramp_s } => self.ramp(device, self.set_v, ramp_s, bench),
            Approach::Pulses { set_s, reset_s } => {
                self.pulses(device, self.set_v, set_s, set_s.max(reset_s), bench)
            }
        }
    }

    fn reset(&self, device: &mut Device, bench: &Bench) -> Result<Climb, LabError> {
        match self.approach {
            Approach::Ramps { ramp_s } => self.ramp(device, self.reset_v, ramp_s, bench),
            Approach::Pulses { set_s, reset_s } => {
                self.pulses(device, self.reset_v, reset_s, set_s.max(reset_s), bench)
            }
        }
    }

    /// A ramp up to `top` and down again.
    fn ramp(&self, device: &mut Device, top: f64, ramp_s: f64, bench: &Bench) -> Result<Climb, LabError> {
        let mut looks_s = vec![device.conductance_s(self.read_v, &bench.rig)?];
        let slice = ramp_s / f64::from(self.looks);
        for n in 0..self.looks {
            let waveform = Waveform::Points(vec![(0.0, self.at(top, n)), (slice, self.at(top, n + 1))]);
            device.apply(&waveform, slice, slice, &bench.rig, bench.watch)?;
            looks_s.push(device.conductance_s(self.read_v, &bench.rig)?);
        }
        let down = Waveform::Points(vec![(0.0, top), (ramp_s, 0.0)]);
        device.apply(&down, ramp_s, ramp_s / 10.0, &bench.rig, bench.watch)?;
        let end_s = device.conductance_s(self.read_v, &bench.rig)?;
        Ok(self.climbed(top, looks_s, end_s))
    }

    /// Pulses that rise to `top`.
    fn pulses(
        &self,
        device: &mut Device,
        top: f64,
        width_s: f64,
        rest_s: f64,
        bench: &Bench,
    ) -> Result<Climb, LabError> {
        let mut looks_s = vec![device.conductance_s(self.read_v, &bench.rig)?];
        for n in 1..=self.looks {
            let pulse = Drive { voltage_v: self.at(top, n), width_s };
            device.pulse(pulse, rest_s, &bench.rig, bench.watch)?;
            looks_s.push(device.conductance_s(self.read_v, &bench.rig)?);
        }
        let end_s = looks_s[looks_s.len() - 1];
        Ok(self.climbed(top, looks_s, end_s))
    }

    /// The largest voltage that was applied until ln G was half way from the first look to the end, if it moved at all:
    /// between two looks by a straight line, and `top` if half way was passed after the last look, while a ramp fell.
    fn climbed(&self, top: f64, looks_s: Vec<f64>, end_s: f64) -> Climb {
        let g: Vec<f64> = looks_s.iter().map(|g| libm::log(*g)).collect();
        let (from, to) = (g[0], libm::log(end_s));
        let middle = (from + to) / 2.0;
        let moved = (to - from).abs() > Self::LEAST;
        let passes = |n: &usize| (g[n + 1] - middle) * (middle - from) >= 0.0;
        let passed = (0..g.len() - 1).find(passes).map(|n| {
            let part = ((middle - g[n]) / (g[n + 1] - g[n])).clamp(0.0, 1.0);
            let (low, high) = (self.at(top, n as u32), self.at(top, n as u32 + 1));
            low + part * (high - low)
        });
        Climb {
            switched_v: moved.then_some(passed.unwrap_or(top)),
            late: moved && passed.is_none(),
            looks_s,
            end_s,
        }
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
            self.set(&mut device, bench)?;
            self.reset(&mut device, bench)?;
            let cycle = |n: u32| {
                let mut cycle =
                    Cycle { set: self.set(&mut device, bench)?, reset: self.reset(&mut device, bench)? };
                if n > 0 {
                    // The figure shows the first cycle's.
                    (cycle.set.looks_s, cycle.reset.looks_s) = (Vec::new(), Vec::new());
                }
                Ok(cycle)
            };
            (0..self.cycles).map(cycle).collect::<Result<Vec<_>, LabError>>()
        })?;
        let mut found = Findings::default();
        let names =
            ["device", "cycle", "set_voltage_v", "reset_voltage_v", "on_conductance_s", "off_conductance_s"];
        let mut csv = Csv::new(&columns(&names));
        for (id, cycles) in all.iter().enumerate() {
            for (n, c) in cycles.iter().enumerate() {
                let v = |climb: &Climb| climb.switched_v.unwrap_or(f64::NAN);
                csv.row([id as f64, n as f64, v(&c.set), v(&c.reset), c.set.end_s, c.reset.end_s]);
            }
        }
        found.files.push(("cycling.csv".into(), csv.bytes()));
        if let Approach::Pulses { .. } = self.approach {
            self.curves(bench, &all, &mut found);
        }
        self.resistances(bench, &all, &mut found);
        let voltages = |of: fn(&Cycle) -> &Climb| -> Vec<f64> {
            all.iter().flatten().filter_map(|c| of(c).switched_v).map(f64::abs).collect()
        };
        weibulls(&WAYS.map(|(name, of)| (name, voltages(of))), &mut found);
        self.failures(bench, &all, &mut found);
        let times_s = match self.approach {
            Approach::Ramps { ramp_s } => vec![2.0 * ramp_s],
            Approach::Pulses { set_s, reset_s } => vec![set_s, reset_s],
        };
        let what = if let Approach::Ramps { .. } = self.approach { "A ramp" } else { "A pulse" };
        bench.keep_within(what, &[self.set_v, self.reset_v], &times_s, &mut found)?;
        if bench.spec.spread.is_empty() {
            found.info("The description has no [spread]: cycles differ by the model's own randomness alone.");
        }
        Ok(found)
    }

    /// Says in which cycles nothing switched, and in which the switching voltage is no threshold.
    fn failures(&self, bench: &Bench, all: &[Vec<Cycle>], found: &mut Findings) {
        let cycles = self.cycles as usize * bench.devices;
        let failed = |c: &&Cycle| c.set.switched_v.is_none() || c.reset.switched_v.is_none();
        let failed = all.iter().flatten().filter(failed).count();
        if failed > 0 {
            let advice = match self.approach {
                Approach::Ramps { .. } if self.set_v * self.reset_v > 0.0 => {
                    " Its SET and RESET have the same sign, so it works by heat: what a ramp melts or dissolves, its \
                     slow fall may bring back. Pulses (--drive pulses) end in a jump to 0 V."
                }
                Approach::Ramps { .. } => {
                    " Longer ramps (--ramp) or higher ones (--set, --reset) take it farther."
                }
                Approach::Pulses { .. } => {
                    " Longer pulses (--set-width, --reset-width) or higher ones (--set, --reset) may take it farther."
                }
            };
            found.caution(format!(
                "In {failed} of {cycles} cycles the device did not switch both ways: its conductance changed by less \
                 than {:.0} %.{advice}",
                100.0 * libm::expm1(Self::LEAST)
            ));
        }
        for (name, of) in WAYS {
            let late = all.iter().flatten().filter(|c| of(c).late).count();
            if late > 0 {
                found.info(format!(
                    "In {late} of {cycles} cycles {name} was half way only while the ramp fell again: its voltage there is \
                     the ramp's height. A device without a threshold drifts as long as a voltage lasts, and switches at \
                     another for each --ramp."
                ));
            }
        }
    }

    /// Resistance after each pulse of the first cycle, against its height.
    fn curves(&self, bench: &Bench, all: &[Vec<Cycle>], found: &mut Findings) {
        let mut lines = Vec::new();
        for ((name, of), top) in WAYS.into_iter().zip([self.set_v, self.reset_v]) {
            let x: Vec<f64> = (0..=self.looks).map(|n| self.at(top, n).abs()).collect();
            for (id, cycles) in all.iter().enumerate().take(figure::SHOWN) {
                let r = cycles.iter().take(1).flat_map(|c| &of(c).looks_s).map(|g| 1.0 / g).collect();
                lines.push(figure::line(figure::device_name(id, bench.devices, name), x.clone(), r));
            }
        }
        let read = figure::said(self.read_v, Dimension::Volt);
        let caption = format!(
            "Programming curves of the first cycle: resistance at {read} after each pulse of rising height, a jump to 0 V and \
             a rest."
        );
        found.series.push(series(
            "programming_curve",
            caption,
            linear("size of the pulse", "V"),
            logarithmic("resistance", "ohm"),
            lines,
        ));
    }

    fn resistances(&self, bench: &Bench, all: &[Vec<Cycle>], found: &mut Findings) {
        let x: Vec<f64> = (1..=self.cycles).map(f64::from).collect();
        let mut lines = Vec::new();
        for (name, of) in WAYS {
            let name = format!("after {name}");
            for (id, cycles) in all.iter().enumerate().take(figure::SHOWN) {
                let r = cycles.iter().map(|c| 1.0 / of(c).end_s).collect();
                lines.push(figure::line(figure::device_name(id, bench.devices, &name), x.clone(), r));
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
                libm::exp(mean(|c| libm::log(c.set.end_s)) - mean(|c| libm::log(c.reset.end_s)))
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
        if values.is_empty() {
            continue;
        }
        let mean = stats::mean(values);
        found.scalar(
            &format!("{key}_voltage"),
            mean,
            None,
            "V",
            None,
            format!("Mean size of the {name} voltage"),
        );
        if values.len() < 3 {
            found.info(format!("Fewer than three {name} voltages have no spread to tell (--cycles)."));
            continue;
        }
        let sd = stats::sd(values);
        let about = format!("Spread of the {name} voltage: standard deviation over mean");
        // What rounding leaves is no spread.
        let differ = sd > 1e-9 * mean;
        let spread = if differ { sd / mean } else { 0.0 };
        found.scalar(&format!("{key}_spread"), spread, None, "1", Some(Better::Lower), about);
        if !differ {
            found.info(format!("All {name} voltages are equal: there is no distribution to plot."));
            continue;
        }
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        // Median ranks (Benard's approximation).
        let rank = |k: usize| (k as f64 + 0.7) / (n + 0.4);
        let y: Vec<f64> = (0..sorted.len()).map(|k| libm::log(-libm::log1p(-rank(k)))).collect();
        let (shape, scale) = weibull(&sorted);
        let about = format!("Weibull slope of the {name} voltage (maximum likelihood)");
        found.scalar(&format!("{key}_weibull_slope"), shape, None, "1", Some(Better::Higher), about);
        let about = format!("Voltage at which 63 % have made their {name}");
        found.scalar(&format!("{key}_weibull_voltage"), scale, None, "V", None, about);
        let ends = [sorted[0], sorted[sorted.len() - 1]];
        let fit = ends.map(|v| shape * libm::log(v / scale));
        lines.push(figure::dashed(format!("{name}, slope {shape:.1}"), ends.to_vec(), fit.to_vec()));
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
            approach: Approach::Ramps { ramp_s: set.width_s },
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
        let approach = Approach::Ramps { ramp_s: 1e-5 };
        let cycling = Cycling { cycles: 60, set_v: -0.4, reset_v: 0.2, approach, looks: 100, read_v: 0.005 };
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
