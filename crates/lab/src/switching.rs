//! Switching time against voltage: how long a voltage must last to carry the device half way.

use neurohm_device::Drive;
use neurohm_device::compact::Waveform;
use neurohm_num::quantity::Dimension;
use neurohm_study::experiment::Findings;
use neurohm_study::record::Better;
use rayon::prelude::*;

use crate::csv::{Csv, columns};
use crate::figure::{self, linear, logarithmic, series};
use crate::rig::Device;
use crate::{Bench, LabError, positive};

/// Switching under voltages that last.
#[derive(Clone, Debug, PartialEq)]
pub struct Switching {
    /// Sizes of the voltages, V; their sign is that of the operation's pulses.
    pub voltages_v: Vec<f64>,
    /// Shortest and longest time that is looked at, s.
    pub times_s: [f64; 2],
    /// Looks a decade.
    pub per_decade: u32,
    /// Decades of time that are to be covered: where the voltages give fewer, lower ones are added, between the slowest
    /// that switches and the next that does not, or below all, down to the read. Zero to take the voltages as they are.
    pub decades: f64,
    /// Whether each look is at what a pulse of that width leaves behind, after a jump to 0 V and a rest; else the device is
    /// looked at while the voltage is on. What is switched by heat shows its state only when it has cooled; whatever keeps
    /// what it was given shows the same either way.
    pub pulses: bool,
}

/// A voltage, V, and the time after which it switched, s: none if it took longer than the longest, zero if it was over
/// before the first look.
type Row = (f64, Option<f64>);

/// Most set or reset pulses that bring a device to its ends.
const PREPARE: u32 = 4;

/// A switching in one direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Set,
    Reset,
}

/// Logarithms of a conductance and of what lies half way from it to another.
struct Middle {
    from: f64,
    at: f64,
}

impl Middle {
    /// Whether `g_s` is half way or beyond.
    fn passed(&self, g_s: f64) -> bool {
        (libm::log(g_s) - self.at) * (self.at - self.from) >= 0.0
    }
}

/// What a voltage, V, did: after which time it switched, as in [`Row`], and whether a pulse as long as the operation's
/// own leaves the device there.
struct Told {
    way: Way,
    v: f64,
    t: Option<f64>,
    stays: bool,
}

impl Switching {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 3;
    /// Most voltages that are added.
    const MORE: usize = 32;
    /// Voltages this near to each other, relative, are one.
    const ALIKE: f64 = 1e-6;

    fn check(&self) -> Result<(), LabError> {
        for v in &self.voltages_v {
            positive("a voltage's size", *v)?;
        }
        let [shortest, longest] = self.times_s;
        positive("the shortest time", shortest)?;
        positive("the longest time", longest)?;
        if longest <= shortest || self.per_decade == 0 || self.voltages_v.is_empty() {
            return Err(LabError::Setting(
                "there must be voltages, the longest time beyond the shortest, and a look a decade at least"
                    .into(),
            ));
        }
        Ok(())
    }

    /// Half way from where `device` is to `to_s`.
    fn middle(&self, device: &mut Device, to_s: f64, bench: &Bench, read_v: f64) -> Result<Middle, LabError> {
        let from = libm::log(device.conductance_s(read_v, &bench.rig)?);
        Ok(Middle { from, at: (from + libm::log(to_s)) / 2.0 })
    }

    /// The time after which `v` has carried `device` from its conductance half way, on a logarithmic scale, to `to_s`; none
    /// if it takes longer than the longest time, 0 if it was over before the first look.
    pub(crate) fn time(
        &self,
        mut device: Device,
        v: f64,
        to_s: f64,
        bench: &Bench,
        read_v: f64,
    ) -> Result<Option<f64>, LabError> {
        let rest_s = bench.operation()?.rest_s();
        let middle = self.middle(&mut device, to_s, bench, read_v)?;
        let [mut t, longest] = self.times_s;
        let factor = libm::pow(10.0, 1.0 / f64::from(self.per_decade));
        let (mut before, mut at) = (0.0, t);
        let mut g_before = middle.from;
        loop {
            let r = device.apply(
                &Waveform::Constant(v),
                at - before,
                (at - before) / 2.0,
                &bench.rig,
                bench.watch,
            )?;
            drop(r);
            let g = if self.pulses {
                // A pulse that ends here; the device itself goes on to the next width.
                let mut pulsed = device.copy();
                pulsed.rest(rest_s, &bench.rig, bench.watch)?;
                pulsed.conductance_s(read_v, &bench.rig)?
            } else {
                device.conductance_s(read_v, &bench.rig)?
            };
            if middle.passed(g) {
                if before == 0.0 {
                    // Before the first look: faster than can be told.
                    return Ok(Some(0.0));
                }
                // Between two looks ln G is taken to be linear in time.
                let part = (middle.at - g_before) / (libm::log(g) - g_before);
                return Ok(Some(before + part.clamp(0.0, 1.0) * (at - before)));
            }
            g_before = libm::log(g);
            t *= factor;
            (before, at) = (at, t);
            if at > longest {
                return Ok(None);
            }
        }
    }

    /// Times under all voltages, and under those that are added to cover the decades, by rising size of the voltage.
    fn times(
        &self,
        time: impl Fn(f64) -> Result<Option<f64>, LabError> + Sync,
        read_v: f64,
    ) -> Result<Vec<Row>, LabError> {
        let row = |v: f64| Ok::<Row, LabError>((v, time(v)?));
        let rows: Vec<_> = self.voltages_v.par_iter().map(|v| row(*v)).collect();
        let mut rows = rows.into_iter().collect::<Result<Vec<Row>, LabError>>()?;
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        for _ in 0..Self::MORE {
            let told = rows.iter().filter_map(|row| row.1.filter(|t| *t > 0.0));
            let (fast, slow) = told.fold((f64::INFINITY, 0.0_f64), |(f, s), t| (f.min(t), s.max(t)));
            if slow == 0.0 || libm::log10(slow / fast) >= self.decades {
                break;
            }
            // The lowest voltage that switches, and what lies below it.
            let Some(at) = rows.iter().position(|row| row.1.is_some()) else { break };
            let high = rows[at].0;
            let v = match at.checked_sub(1).map(|below| rows[below].0) {
                Some(low) => 0.5 * (low + high),
                None => (0.5 * high).max(read_v.abs()),
            };
            if high - v < Self::ALIKE * high {
                break;
            }
            rows.insert(at, row(v)?);
        }
        Ok(rows)
    }

    /// Carries it out.
    ///
    /// # Errors
    /// Settings that cannot be; a device without equations or operation, or that cannot be driven on.
    pub fn run(&self, bench: &Bench) -> Result<Findings, LabError> {
        self.check()?;
        let operation = bench.operation()?.clone();
        let read_v = operation.read.voltage_v;
        let ways: Vec<(Way, f64)> = [(Way::Set, Some(operation.set)), (Way::Reset, operation.reset)]
            .into_iter()
            .filter_map(|(way, pulse)| Some((way, pulse?.voltage_v.signum())))
            .collect();
        bench.watch.begin("switching", Some(bench.devices as u64));
        let all = bench.each(|device| {
            let [off, on] = ends(&device, bench)?;
            let g = |device: &Device| device.copy().conductance_s(read_v, &bench.rig);
            let (g_off, g_on) = (g(&off)?, g(&on)?);
            let one = |(way, sign): &(Way, f64)| {
                let (from, to) = if *way == Way::Set { (&off, g_on) } else { (&on, g_off) };
                let time = |v: f64| self.time(from.copy(), sign * v, to, bench, read_v);
                let rows = self.times(time, read_v)?;
                let own_s = [Some(operation.set), operation.reset][usize::from(*way == Way::Reset)];
                let own_s = own_s.map_or(0.0, |pulse| pulse.width_s);
                let mut told = Vec::new();
                for (v, t) in rows {
                    // What a pulse has done a longer one may undo: what it melts crystallises again.
                    let longer = self.pulses && t.is_some_and(|t| t < own_s);
                    let stays = !longer || {
                        let mut device = from.copy();
                        let middle = self.middle(&mut device, to, bench, read_v)?;
                        let pulse = Drive { voltage_v: sign * v, width_s: own_s };
                        device.pulse(pulse, operation.rest_s(), &bench.rig, bench.watch)?;
                        middle.passed(device.conductance_s(read_v, &bench.rig)?)
                    };
                    told.push(Told { way: *way, v: sign * v, t, stays });
                }
                Ok(told)
            };
            let both: Vec<Result<Vec<_>, LabError>> = ways.par_iter().map(one).collect();
            let rows: Vec<Vec<_>> = both.into_iter().collect::<Result<_, _>>()?;
            Ok((rows.into_iter().flatten().collect::<Vec<_>>(), g_on / g_off))
        })?;
        let mut found = Findings::default();
        let mut names = columns(&["voltage_v", "time_s", "set"]);
        if bench.devices > 1 {
            names.push("device".into());
        }
        let mut csv = Csv::new(&names);
        for (id, (rows, _)) in all.iter().enumerate() {
            for &Told { way, v, t, .. } in rows {
                let Some(t) = t.filter(|t| *t > 0.0) else { continue };
                let device = (bench.devices > 1).then_some(id as f64);
                csv.row([v, t, f64::from(u8::from(way == Way::Set))].into_iter().chain(device));
            }
        }
        found.files.push(("switching.csv".into(), csv.bytes()));
        let mut lines = Vec::new();
        for (way, name) in [(Way::Set, "SET"), (Way::Reset, "RESET")] {
            for (id, (rows, _)) in all.iter().enumerate().take(figure::SHOWN) {
                let points = rows
                    .iter()
                    .filter(|r| r.way == way)
                    .filter_map(|r| Some((r.v.abs(), r.t.filter(|t| *t > 0.0)?)));
                let (x, y): (Vec<f64>, Vec<f64>) = points.unzip();
                if !x.is_empty() {
                    lines.push(figure::line(figure::device_name(id, bench.devices, name), x, y));
                }
            }
            let fastest = |rows: &[Told]| {
                rows.iter()
                    .filter(|r| r.way == way)
                    .filter_map(|r| r.t.filter(|t| *t > 0.0))
                    .fold(f64::INFINITY, f64::min)
            };
            let slowest =
                |rows: &[Told]| rows.iter().filter(|r| r.way == way).filter_map(|r| r.t).fold(0.0, f64::max);
            let undone = all.iter().flat_map(|(rows, _)| rows).filter(|r| r.way == way && !r.stays);
            let undone: Vec<f64> = undone.map(|r| r.v.abs()).collect();
            if !undone.is_empty() {
                let end = |f: fn(f64, f64) -> f64| {
                    figure::said(undone.iter().copied().reduce(f).unwrap_or(f64::NAN), Dimension::Volt)
                };
                found.caution(format!(
                    "At {} of the voltages of {name}, from {} to {}, a pulse as long as the operation's own does not \
                     switch although a shorter one does: the time is that of the shortest pulse that does.",
                    undone.len(),
                    end(f64::min),
                    end(f64::max)
                ));
            }
            let spans: Vec<f64> = all
                .iter()
                .map(|(rows, _)| libm::log10(slowest(rows) / fastest(rows)))
                .filter(|d| d.is_finite())
                .collect();
            if !spans.is_empty() {
                let (mean, ci95) = figure::over(&spans);
                let about = format!("Decades of time that the {name} voltages span");
                let key = format!("{}_decades", name.to_lowercase());
                found.scalar(&key, mean, ci95, "1", Some(Better::Higher), about);
            }
        }
        let fast = all.iter().flat_map(|(rows, _)| rows).filter(|r| r.t == Some(0.0)).count();
        if fast > 0 {
            found.info(format!(
                "{fast} voltages switched before the first look at {:e} s and are left out (--shortest looks earlier).",
                self.times_s[0]
            ));
        }
        let ratios: Vec<f64> = all.iter().map(|(_, ratio)| *ratio).collect();
        let (mean, ci95) = figure::over(&ratios);
        let about = "On over off conductance between which it is switched";
        found.scalar("on_off_ratio", mean, ci95, "1", Some(Better::Higher), about);
        if lines.is_empty() {
            let advice = if self.pulses || !operation.unipolar() {
                ""
            } else {
                " Its SET and RESET have the same sign, so it works by heat: look at it when it has cooled (--drive pulses)."
            };
            found.caution(format!(
                "Nothing switched: no voltage carried the device half way within the longest time.{advice}"
            ));
        }
        let used = || all.iter().flat_map(|(rows, _)| rows);
        let voltages: Vec<f64> = used().map(|row| row.v).collect();
        let times: Vec<f64> = used().filter_map(|row| row.t).collect();
        let what = if self.pulses { "A pulse" } else { "A constant voltage" };
        bench.keep_within(what, &voltages, &times, &mut found)?;
        let caption = if self.pulses {
            format!(
                "Width of the pulse that carries the device half way (of ln G) between its ends: each pulse from the same \
                 state, looked at after a jump to 0 V and a rest of {}.",
                figure::said(operation.rest_s(), Dimension::Second)
            )
        } else {
            "Time after which a constant voltage has carried the device half way (of ln G) between its ends."
                .into()
        };
        found.series.push(series(
            "switching_time",
            caption,
            linear("size of the voltage", "V"),
            logarithmic("switching time", "s"),
            lines,
        ));
        Ok(found)
    }
}

/// The device brought to its off and its on state by the operation's pulses, each followed by a rest at 0 V as long as the
/// longer of them. A volatile device is as it began, and on right after a pulse.
pub(crate) fn ends(device: &Device, bench: &Bench) -> Result<[Device; 2], LabError> {
    let operation = bench.operation()?.clone();
    let mut on = device.copy();
    let mut off = device.copy();
    let (rest_s, set) = (operation.rest_s(), operation.set);
    for _ in 0..PREPARE {
        if let Some(reset) = operation.reset {
            off.pulse(reset, rest_s, &bench.rig, bench.watch)?;
            on.pulse(set, rest_s, &bench.rig, bench.watch)?;
        } else {
            on.apply(&Waveform::Constant(set.voltage_v), set.width_s, set.width_s, &bench.rig, bench.watch)?;
        }
    }
    Ok([off, on])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rig;
    use neurohm_device::preset;
    use neurohm_num::{Key, Unwatched};

    #[test]
    fn vteam_switches_in_the_time_its_velocity_says() {
        // RESET from w = 0 to 3 nm at k_off (v/v_off - 1): half way of ln R between 50 and 1000 ohm is R = 223.6 ohm,
        // w = 3 nm (223.6 - 50) / 950.
        let spec = preset("vteam_memtorch").unwrap();
        let bench =
            Bench { spec: &spec, devices: 1, key: Key::root(1), rig: Rig::default(), watch: &Unwatched };
        let voltages_v = vec![0.1, 0.3, 1.0];
        let switching =
            Switching { voltages_v, times_s: [1e-13, 1.0], per_decade: 40, decades: 0.0, pulses: false };
        let found = switching.run(&bench).unwrap();
        let reset = found.series[0].lines.iter().find(|l| l.name == "RESET").unwrap();
        let way = 3e-9 * ((50.0_f64 * 1e3).sqrt() - 50.0) / 950.0;
        for (v, t) in reset.x.iter().zip(&reset.y) {
            let expected = way / (5e-4 * (v / 0.02 - 1.0));
            assert!((t / expected - 1.0).abs() < 0.01, "{t} s instead of {expected} s at {v} V");
        }
        assert_eq!(reset.x.len(), 3);
    }

    #[test]
    fn six_decades_of_time_are_found_above_a_threshold() {
        // Near the threshold t = way / (k_off (v/v_off - 1)) diverges: decades of time lie in a part of a volt.
        let spec = preset("vteam_memtorch").unwrap();
        let bench =
            Bench { spec: &spec, devices: 1, key: Key::root(1), rig: Rig::default(), watch: &Unwatched };
        let voltages_v = vec![0.01, 0.1, 0.3, 1.0];
        let switching =
            Switching { voltages_v, times_s: [1e-13, 1e3], per_decade: 10, decades: 6.0, pulses: false };
        let found = switching.run(&bench).unwrap();
        let reset = found.series[0].lines.iter().find(|l| l.name == "RESET").unwrap();
        assert!(reset.x.windows(2).all(|v| v[0] < v[1]) && reset.x[0] > 0.02, "{:?}", reset.x);
        let way = 3e-9 * ((50.0_f64 * 1e3).sqrt() - 50.0) / 950.0;
        for (v, t) in reset.x.iter().zip(&reset.y) {
            let expected = way / (5e-4 * (v / 0.02 - 1.0));
            assert!((t / expected - 1.0).abs() < 0.1, "{t} s instead of {expected} s at {v} V");
        }
        assert!(found.scalars["reset_decades"].value >= 6.0, "{:?}", found.scalars);
        // Without a threshold, t is as one over v: down to the read, and no farther.
        let spec = preset("linear_ion_drift_strukov").unwrap();
        let bench = Bench { spec: &spec, ..bench };
        let switching = Switching { voltages_v: vec![0.5, 1.0], ..switching };
        let found = switching.run(&bench).unwrap();
        let read_v = spec.operation.as_ref().unwrap().read.voltage_v;
        assert!(found.series[0].lines.iter().all(|l| l.x.iter().all(|v| *v >= read_v) && l.x.len() > 3));
    }
}
