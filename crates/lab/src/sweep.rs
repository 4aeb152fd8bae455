//! Current against voltage under a periodic drive: the loop, and how it closes as the frequency grows.

use neurohm_device::compact::Waveform;
use neurohm_num::quantity::Dimension;
use neurohm_study::experiment::Findings;
use neurohm_study::record::Better;

use crate::figure::{self, linear, logarithmic, series};
use crate::rig::{Device, Recording};
use crate::{Bench, LabError, positive};

/// Form of the drive.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A sine.
    Sine,
    /// Straight ramps: up, down through zero, and back.
    Triangle,
    /// One period as points (s, V), repeated; `amplitude_v` and `frequency_hz` are then those of the points.
    Points(Vec<(f64, f64)>),
}

/// A sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Form of the drive.
    pub shape: Shape,
    /// Its amplitude, V; negative to begin with the negative half.
    pub amplitude_v: f64,
    /// Its frequency, Hz.
    pub frequency_hz: f64,
    /// How many periods.
    pub cycles: u32,
    /// Samples a period at least.
    pub samples: u32,
    /// Voltage at which on and off currents are compared, V.
    pub read_v: f64,
    /// Frequencies, relative to `frequency_hz`, at which the loop's area is looked at too; empty for none.
    pub frequencies: Vec<f64>,
}

impl Sweep {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 1;

    fn check(&self) -> Result<(), LabError> {
        if let Shape::Points(points) = &self.shape {
            let ordered = points.windows(2).all(|w| w[0].0 <= w[1].0);
            let finite = points.iter().all(|(t, v)| t.is_finite() && v.is_finite());
            if points.len() < 2 || !ordered || !finite || points[points.len() - 1].0 <= points[0].0 {
                return Err(LabError::Setting(
                    "a waveform needs at least two points, finite, of times that do not fall".into(),
                ));
            }
        } else {
            positive("the amplitude's size", self.amplitude_v.abs())?;
            positive("the frequency", self.frequency_hz)?;
        }
        if self.cycles == 0 || self.samples < 8 {
            return Err(LabError::Setting("a sweep needs a cycle at least, of 8 samples at least".into()));
        }
        positive("the read voltage's size", self.read_v.abs())?;
        Ok(())
    }

    /// Length of a period, s.
    fn period_s(&self, times: f64) -> f64 {
        match &self.shape {
            Shape::Points(points) => (points[points.len() - 1].0 - points[0].0) / times,
            _ => 1.0 / (self.frequency_hz * times),
        }
    }

    fn waveform(&self, times: f64, cycles: u32) -> Waveform {
        match &self.shape {
            Shape::Sine => Waveform::Sine {
                amplitude_v: self.amplitude_v,
                frequency_hz: self.frequency_hz * times,
                offset_v: 0.0,
            },
            Shape::Triangle => {
                Waveform::triangle(self.amplitude_v, -self.amplitude_v, self.frequency_hz * times, cycles)
            }
            Shape::Points(points) => {
                let (start, period) = (points[0].0, self.period_s(times));
                let at = |cycle: u32, t: f64| f64::from(cycle) * period + (t - start) / times;
                let once = |cycle: u32| points.iter().map(move |(t, v)| (at(cycle, *t), *v));
                let mut all: Vec<(f64, f64)> = (0..cycles).flat_map(once).collect();
                all.dedup();
                Waveform::Points(all)
            }
        }
    }

    fn record(
        &self,
        device: &mut Device,
        times: f64,
        cycles: u32,
        samples: u32,
        bench: &Bench,
    ) -> Result<Recording, LabError> {
        let period = self.period_s(times);
        let waveform = self.waveform(times, cycles);
        let (end, step) = (f64::from(cycles) * period, period / f64::from(samples));
        device.apply(&waveform, end, step, &bench.rig, bench.watch)
    }

    /// Carries it out.
    ///
    /// # Errors
    /// Settings that cannot be; a device without equations, or that cannot be driven on.
    pub fn run(&self, bench: &Bench) -> Result<Findings, LabError> {
        self.check()?;
        bench.spec.equations()?;
        bench.watch.begin("sweeping", Some((bench.devices * (1 + self.frequencies.len())) as u64));
        // A device that stops does not stop the others, and what it did until then is kept.
        let all = bench.each(|mut device| {
            match self.record(&mut device, 1.0, self.cycles, self.samples, bench) {
                Ok(recording) => Ok((recording, None)),
                Err(error) => match error.until().cloned() {
                    Some(until) => Ok((until, Some(error))),
                    None => Err(error),
                },
            }
        })?;
        let (recordings, errors): (Vec<Recording>, Vec<_>) = all.into_iter().unzip();
        if let Some(error) = errors.into_iter().flatten().next() {
            return Err(error.with_file("sweep.csv", Recording::csv(&recordings)));
        }
        let mut found = Findings::default();
        found.files.push(("sweep.csv".into(), Recording::csv(&recordings)));
        self.draw(bench, &recordings, &mut found);
        let from = f64::from(self.cycles - 1) * self.period_s(1.0) * (1.0 - 1e-9);
        let last: Vec<Recording> = recordings.into_iter().map(|r| r.from(from)).collect();
        self.judge(bench, &last, &mut found);
        match self.close(bench, &mut found) {
            Err(error) if error.until().is_some() => return Err(error.with(found)),
            closed => closed?,
        }
        let voltages: Vec<f64> = match &self.shape {
            Shape::Points(points) => points.iter().map(|point| point.1).collect(),
            _ => vec![self.amplitude_v, -self.amplitude_v],
        };
        bench.keep_within("The sweep", &voltages, &[self.period_s(1.0)], &mut found)?;
        Ok(found)
    }

    fn draw(&self, bench: &Bench, recordings: &[Recording], found: &mut Findings) {
        let shown = || recordings.iter().enumerate().take(figure::SHOWN);
        let name = |id: usize| figure::device_name(id, bench.devices, "");
        let loops: Vec<_> =
            shown().map(|(id, r)| figure::line(name(id), r.source_v.clone(), r.i_a.clone())).collect();
        let beyond = if recordings.len() > figure::SHOWN {
            format!(" The first {} of {} devices.", figure::SHOWN, recordings.len())
        } else {
            String::new()
        };
        let caption = format!("Current against the source's voltage over all cycles.{beyond}");
        found.series.push(series("loop", caption, linear("voltage", "V"), linear("current", "A"), loops));
        // Nothing can be drawn of a zero on a logarithmic axis; what is left shows the decades.
        let logs: Vec<_> = shown()
            .map(|(id, r)| {
                let floor = 1e-12 * r.i_a.iter().fold(0.0_f64, |m, i| m.max(i.abs()));
                let size = r.i_a.iter().map(|i| if i.abs() > floor { i.abs() } else { f64::NAN }).collect();
                figure::line(name(id), r.source_v.clone(), size)
            })
            .collect();
        let caption = "Size of the current on a logarithmic axis.";
        found.series.push(series(
            "loop_log",
            caption,
            linear("voltage", "V"),
            logarithmic("current", "A"),
            logs,
        ));
        let times: Vec<_> =
            shown().map(|(id, r)| figure::line(name(id), r.t_s.clone(), r.i_a.clone())).collect();
        found.series.push(series(
            "current",
            "Current over time.",
            linear("time", "s"),
            linear("current", "A"),
            times,
        ));
    }

    fn judge(&self, bench: &Bench, last: &[Recording], found: &mut Findings) {
        let mut scalar = |name: &str, values: Vec<f64>, unit: &str, better, about: &str| {
            let finite: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
            if finite.is_empty() {
                return;
            }
            let (mean, ci95) = figure::over(&finite);
            found.scalar(name, mean, ci95, unit, better, about);
        };
        scalar(
            "hysteresis",
            last.iter().map(lobes).collect(),
            "1",
            None,
            "Area of the loop's lobes, of the rectangle around it (last cycle)",
        );
        let ratio = |r: &Recording| on_off(r, self.read_v).unwrap_or(f64::NAN);
        let read = figure::said(self.read_v, Dimension::Volt);
        let about = format!("Largest over smallest current at {read} (last cycle)");
        scalar("on_off_ratio", last.iter().map(ratio).collect(), "1", Some(Better::Higher), &about);
        let top = |r: &Recording| r.i_a.iter().fold(0.0_f64, |m, i| m.max(i.abs()));
        scalar("largest_current", last.iter().map(top).collect(), "A", None, "Largest current (last cycle)");
        let energy = last.iter().map(Recording::energy_j).collect();
        scalar("energy", energy, "J", Some(Better::Lower), "Energy that the device takes up in a cycle");
        if last.iter().all(|r| lobes(r) < 1e-6) {
            found.caution("There is no hysteresis: at this amplitude and frequency the state does not move.");
        }
        if bench.rig.compliance_a.is_finite() {
            let limit = bench.rig.compliance_a;
            let held = |r: &Recording| r.i_a.iter().any(|i| i / limit > 0.9);
            let words = if last.iter().any(held) { "reached" } else { "not reached" };
            // The sign says which polarity is held: no size has one.
            let size = figure::said(limit.abs(), Dimension::Ampere);
            found.info(format!("The compliance of {size} was {words}."));
        }
    }

    /// The loop's area over the frequency.
    fn close(&self, bench: &Bench, found: &mut Findings) -> Result<(), LabError> {
        if self.frequencies.is_empty() {
            return Ok(());
        }
        let mut all = Vec::new();
        for times in &self.frequencies {
            let areas = bench.each(|mut device| {
                let recording = self.record(&mut device, *times, 2, self.samples.min(400), bench)?;
                Ok(lobes(&recording.from(self.period_s(*times) * (1.0 - 1e-9))))
            })?;
            all.push(areas);
        }
        let x: Vec<f64> = self.frequencies.iter().map(|times| 1.0 / self.period_s(*times)).collect();
        let by_device: Vec<Vec<f64>> =
            (0..bench.devices).map(|id| all.iter().map(|areas| areas[id]).collect()).collect();
        let line = figure::mean_line("hysteresis", x, &by_device);
        let caption =
            "Area of the loop's lobes, of the rectangle around it, against the frequency (second cycle).";
        found.series.push(series(
            "hysteresis",
            caption,
            logarithmic("frequency", "Hz"),
            linear("area of the lobes", "1"),
            vec![line],
        ));
        Ok(())
    }
}

/// Area of the lobes relative to the loop's extent: of the positive and of the negative half, added without sign.
pub(crate) fn lobes(r: &Recording) -> f64 {
    let mut area = [0.0; 2];
    for n in 1..r.source_v.len() {
        let v = (r.source_v[n] + r.source_v[n - 1]) / 2.0;
        area[usize::from(v < 0.0)] += v * (r.i_a[n] - r.i_a[n - 1]);
    }
    let extent = |x: &[f64]| x.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let whole = extent(&r.source_v) * extent(&r.i_a);
    if whole > 0.0 { (area[0].abs() + area[1].abs()) / whole } else { 0.0 }
}

/// Largest over smallest size of the currents with which the loop crosses the voltage `v`.
fn on_off(r: &Recording, v: f64) -> Option<f64> {
    let crossings = (1..r.source_v.len()).filter_map(|n| {
        let (a, b) = (r.source_v[n - 1], r.source_v[n]);
        let part = (v - a) / (b - a);
        (a != b && (0.0..1.0).contains(&part))
            .then(|| (r.i_a[n - 1] + part * (r.i_a[n] - r.i_a[n - 1])).abs())
    });
    let (low, high) = crossings.fold((f64::INFINITY, 0.0_f64), |(low, high), i| (low.min(i), high.max(i)));
    (low > 0.0 && high > 0.0).then(|| high / low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rig;
    use neurohm_device::preset;
    use neurohm_num::{Key, Unwatched};

    fn sweep(amplitude_v: f64, frequency_hz: f64) -> Sweep {
        Sweep {
            shape: Shape::Sine,
            amplitude_v,
            frequency_hz,
            cycles: 2,
            samples: 400,
            read_v: 0.1 * amplitude_v,
            frequencies: Vec::new(),
        }
    }

    fn on(name: &str, sweep: &Sweep, rig: Rig, devices: usize) -> Result<Findings, LabError> {
        let spec = preset(name).unwrap();
        sweep.run(&Bench { spec: &spec, devices, key: Key::root(1), rig, watch: &Unwatched })
    }

    fn rows(found: &Findings) -> Vec<Vec<f64>> {
        let text = String::from_utf8(found.files[0].1.clone()).unwrap();
        assert!(text.starts_with("time_s,voltage_v,current_a,"), "{text}");
        text.lines().skip(1).map(|l| l.split(',').map(|f| f.parse().unwrap()).collect()).collect()
    }

    #[test]
    fn linear_ion_drift_follows_its_closed_form() {
        // k phi(t) = (Ron - Roff)/2 (x^2 - x0^2) + Roff (x - x0), with phi the flux: dossier 1.1, x(0.25 s) = 0.218149.
        let found = on("linear_ion_drift_strukov", &sweep(1.0, 1.0), Rig::default(), 1).unwrap();
        let rows = rows(&found);
        let quarter = rows.iter().find(|r| (r[0] - 0.25).abs() < 1e-12).expect("a sample at the crest");
        assert!((quarter[2] / 7.9799e-5 - 1.0).abs() < 1e-4, "{}", quarter[2]);
        assert!((quarter[4] - 0.218149).abs() < 1e-5, "{}", quarter[4]);
    }

    #[test]
    fn a_series_resistor_takes_its_share() {
        let rig = Rig { series_ohm: 1e4, ..Rig::default() };
        let found = on("linear_ion_drift_strukov", &sweep(1.0, 1.0), rig, 1).unwrap();
        for row in rows(&found) {
            // Kirchhoff: the source's voltage is the device's and the resistor's.
            assert!((row[1] - row[3] - 1e4 * row[2]).abs() < 1e-9, "{row:?}");
        }
    }

    #[test]
    fn a_compliance_holds_the_current() {
        let free = on("stanford_pku_v1", &sweep(2.0, 1e6), Rig::default(), 1).unwrap();
        assert!(free.scalars["largest_current"].value > 1e-3);
        let rig = Rig { compliance_a: 1e-4, ..Rig::default() };
        let held = on("stanford_pku_v1", &sweep(2.0, 1e6), rig, 1).unwrap();
        let largest = rows(&held).iter().map(|r| r[2]).fold(0.0, f64::max);
        assert!(largest < 1.0001e-4, "{largest}");
        // Only the SET is held: the RESET takes what it needs.
        assert!(held.scalars["largest_current"].value > 2e-4);
        let told =
            |found: &Findings| found.notes.iter().any(|n| n.text == "The compliance of 100 uA was reached.");
        assert!(told(&held), "{:?}", held.notes);
        // A device that is set by negative voltages is held there; the limit is said without the sign.
        let rig = Rig { compliance_a: -1e-4, ..Rig::default() };
        let held = on("vteam_memtorch", &sweep(-0.3, 1e6), rig, 1).unwrap();
        assert!(told(&held), "{:?}", held.notes);
    }

    #[test]
    fn a_sweep_that_cannot_go_on_keeps_what_it_saw() {
        // The published sinh of Yakopcic's set is infinite far beyond its volts.
        let drive = Sweep { shape: Shape::Triangle, ..sweep(3e3, 1.0) };
        for (rig, devices) in
            [(Rig::default(), 1), (Rig::default(), 2), (Rig { series_ohm: 1e-3, ..Rig::default() }, 1)]
        {
            let error = on("yakopcic_miao", &drive, rig, devices).unwrap_err();
            assert!(!error.is_request());
            let LabError::Stopped { source, found } = error else { panic!("{error}") };
            let until = source.until().unwrap();
            let rows = rows(&found);
            assert!(rows.len() >= devices * until.t_s.len() && until.t_s.len() > 10);
            assert!(rows.iter().flatten().all(|v| v.is_finite()));
            // The last row of the first device is its last good sample, before the end of its ramps.
            let last = &rows[until.t_s.len() - 1];
            assert_eq!((last[0], last[4]), (*until.t_s.last().unwrap(), *until.x.last().unwrap()));
            assert!(last[0] > 0.0 && last[1].abs() > 1.0 && last[1].abs() < 3e3, "{last:?}");
            assert!(found.notes[0].text.contains("stopped"), "{:?}", found.notes);
        }
    }

    #[test]
    fn the_way_to_a_jump_is_shortened_where_it_has_no_answer() {
        // A hundred times slower than its own drive, a whole filament grows and shrinks in turns.
        let spec = preset("diffusive_ag_wang_stochastic").unwrap();
        let drive = Sweep { frequencies: vec![0.01], samples: 500, ..sweep(1.0, 0.05) };
        let key = Key::root(1).child("bench", 0);
        let bench = Bench { spec: &spec, devices: 1, key, rig: Rig::default(), watch: &Unwatched };
        let found = drive.run(&bench).unwrap();
        assert!(found.series.iter().any(|s| s.name == "hysteresis" && s.lines[0].y[0] > 0.0));
    }

    #[test]
    fn a_sweep_beyond_the_stated_range_says_so() {
        let mut spec = preset("linear_ion_drift_strukov").unwrap();
        spec.valid.voltage_v = Some([-1.5, 1.0]);
        let notes = |amplitude_v: f64, frequency_hz: f64, t_k: f64| {
            let rig = Rig { t_k, ..Rig::default() };
            let bench = Bench { spec: &spec, devices: 1, key: Key::root(1), rig, watch: &Unwatched };
            let found = sweep(amplitude_v, frequency_hz).run(&bench).unwrap();
            found.notes.into_iter().map(|note| note.text).filter(|t| t.contains("stated")).collect::<Vec<_>>()
        };
        assert!(notes(1.0, 1.0, 300.0).is_empty());
        let beyond = ["The sweep reaches 3 V; the description is stated valid from -1.5 V to 1 V."];
        assert_eq!(notes(3.0, 1.0, 300.0), beyond);
        // Its equations know no temperature: nothing is left by another one.
        assert!(notes(1.0, 1.0, 400.0).is_empty());
        assert_eq!(notes(1.0, 0.1, 300.0).len(), 1);
    }

    #[test]
    fn lobes_close_with_frequency() {
        let sweep = Sweep { frequencies: vec![0.1, 1.0, 10.0, 1e3, 1e5], ..sweep(1.0, 1.0) };
        let found = on("linear_ion_drift_joglekar", &sweep, Rig::default(), 1).unwrap();
        let line = &found.series.iter().find(|s| s.name == "hysteresis").unwrap().lines[0];
        assert!(line.y[4] < 1e-3 * line.y[1], "{:?}", line.y);
    }

    #[test]
    fn what_cannot_be_swept_is_said() {
        let error = |name: &str, s: Sweep| on(name, &s, Rig::default(), 1).unwrap_err().to_string();
        assert!(error("pcm", sweep(1.0, 1.0)).contains("no equations"));
        assert!(error("vteam_memtorch", sweep(0.0, 1.0)).contains("amplitude"));
        assert!(error("vteam_memtorch", sweep(1.0, f64::NAN)).contains("frequency"));
        let falling = Sweep { shape: Shape::Points(vec![(1.0, 0.0), (0.0, 1.0)]), ..sweep(1.0, 1.0) };
        assert!(error("vteam_memtorch", falling).contains("times that do not fall"));
    }
}
