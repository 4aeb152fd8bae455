//! Experiments on cells that are known by their statistics: what an array tester does, with thousands or millions of
//! cells at once.

use neurohm_device::multi::MultiCell;
use neurohm_device::{CellArray, CellSpec, DeviceSpec, Drive, Retention, nonlinearity};
use neurohm_num::quantity::{self, Dimension};
use neurohm_num::{Key, Watch, stats};
use neurohm_study::experiment::Findings;
use neurohm_study::record::{Better, Line};

use crate::csv::{Csv, columns};
use crate::figure::{self, linear, logarithmic, series};
use crate::{LabError, Moments, positive, pulses};

/// Single cells that a file and a figure show.
const SHOWN: usize = 4;

/// Cells on the tester.
#[derive(Clone, Copy)]
pub struct Cells<'a> {
    /// The device.
    pub spec: &'a DeviceSpec,
    /// How many cells.
    pub count: usize,
    /// From which all randomness grows.
    pub key: Key,
    /// Ambient temperature, K, where it was asked for.
    pub t_k: Option<f64>,
    /// Whom progress is told, and who may stop the work.
    pub watch: &'a dyn Watch,
}

impl Cells<'_> {
    /// The statistics, without the noise of reads: what cells are, not what one look at them sees.
    fn quiet(&self) -> Result<CellSpec, LabError> {
        if self.count == 0 {
            return Err(LabError::Setting("there are no cells: give one at least".into()));
        }
        Ok(CellSpec { noise: None, ..self.spec.statistics()?.clone() })
    }
}

/// A mean with the standard deviation of its cells as a band.
fn band(name: impl Into<String>, x: &[f64], moments: &[Moments]) -> Line {
    let of = |f: fn(&Moments) -> f64| moments.iter().map(f).collect::<Vec<f64>>();
    let spread = moments.iter().any(|m| m.sd_s > 0.0);
    let mut line = figure::line(name, x.to_vec(), of(|m| m.mean_s));
    if spread && line.x.len() == x.len() {
        (line.low, line.high) = (of(|m| m.mean_s - m.sd_s), of(|m| m.mean_s + m.sd_s));
    }
    line
}

/// Trains of equal pulses up, then down, on every cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trains {
    /// Pulses of each train, or as many as carry a nominal cell through its range; a RESET that begins anew is given
    /// once.
    pub count: Option<u32>,
    /// How often both trains are given.
    pub cycles: u32,
    /// Devices whose conductances add up to a cell's; a counter chooses which of them takes each pulse.
    pub devices_per_cell: u32,
}

impl Trains {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 1;

    /// Pulses of a train at most, where none are asked for.
    const MOST: u32 = 20_000;

    /// Carries it out.
    ///
    /// # Errors
    /// Settings that cannot be; a device without statistics or without a law for pulses; cancellation.
    pub fn run(&self, cells: &Cells) -> Result<Findings, LabError> {
        if self.count == Some(0) || self.cycles == 0 {
            return Err(LabError::Setting(
                "a train needs a pulse at least, and there is a cycle at least".into(),
            ));
        }
        let each = self.devices_per_cell;
        let devices = cells.count.checked_mul(each as usize).filter(|n| (1..=u32::MAX as usize).contains(n));
        let spec = cells.quiet()?;
        let devices = devices.ok_or_else(|| {
            LabError::Setting(format!(
                "{} cells of {each} devices: give a device at least, and 2^32 at most",
                cells.count
            ))
        })?;
        let mut array = CellArray::new(&spec, devices, cells.key.child("cells", 0))?;
        let [up, down] = array.train_stimuli()?;
        let stimuli = spec.pulse.as_ref().map(|law| law.stimuli()).unwrap_or_default();
        array.set(&vec![spec.g_min_s as f32; devices])?;
        let count = |stimulus: u16, from_s| match self.count {
            Some(count) => Ok(count),
            None => array.pulses_across(stimulus, from_s, Self::MOST).map(|n| each * n),
        };
        // One pulse of a law that begins anew is a train of a device.
        let anew = spec.pulse.as_ref().is_some_and(|law| law.resets());
        let up = up.map(|s| Ok::<_, LabError>((s, count(s, spec.g_min_s)?))).transpose()?;
        let fall = |s| if anew { Ok(each) } else { count(s, spec.g_max_s) };
        let down = down.map(|s| Ok::<_, LabError>((s, fall(s)?))).transpose()?;
        let trains = [up, down];
        let pulses: u64 = trains.iter().flatten().map(|(_, n)| u64::from(*n)).sum();
        cells.watch.begin("pulsing", Some(pulses * u64::from(self.cycles)));
        let mut array = MultiCell::new(array, each as usize)?;
        let mut g = vec![0.0; cells.count];
        array.verify_into(&mut g)?;
        let mut seen = vec![Moments::of(&g)];
        let mut first = vec![g[..g.len().min(SHOWN)].to_vec()];
        let mut given: Vec<Option<u16>> = vec![None];
        let mut energies = Vec::new();
        let mut time_s = Some(0.0);
        for _ in 0..self.cycles {
            for (stimulus, count) in trains.iter().flatten() {
                let drive = stimuli.get(usize::from(*stimulus)).and_then(|s| s.drive);
                for _ in 0..*count {
                    array.pulse_each(*stimulus)?;
                    array.verify_into(&mut g)?;
                    let before = seen[seen.len() - 1].mean_s;
                    seen.push(Moments::of(&g));
                    first.push(g[..g.len().min(SHOWN)].to_vec());
                    given.push(Some(*stimulus));
                    // One device of the cell takes the pulse.
                    let mean_s = 0.5 * (before + seen[seen.len() - 1].mean_s) / f64::from(each);
                    energies.extend(drive.map(|d: Drive| d.voltage_v.powi(2) * d.width_s * mean_s));
                    time_s = time_s.zip(drive).map(|(t, d)| t + d.width_s);
                    cells.watch.step(1)?;
                }
            }
        }
        let mut found = Findings::default();
        let name = |s: &Option<u16>| s.and_then(|s| stimuli.get(usize::from(s))).map_or("", |s| &s.name);
        let mut names = columns(&["pulse", "stimulus", "mean_conductance_s", "std_conductance_s"]);
        names.extend((0..first[0].len()).map(|n| format!("conductance_{n}_s")));
        let mut csv = Csv::new(&names);
        for (n, Moments { mean_s, sd_s }) in seen.iter().enumerate() {
            let number = given[n].map_or(f64::NAN, f64::from);
            csv.row(
                [n as f64, number, *mean_s, *sd_s].into_iter().chain(first[n].iter().map(|g| f64::from(*g))),
            );
        }
        found.files.push(("pulses.csv".into(), csv.bytes()));
        let x: Vec<f64> = (0..seen.len()).map(|n| n as f64).collect();
        let mut lines = vec![band("mean of all cells", &x, &seen)];
        lines.extend((0..first[0].len()).map(|cell| {
            let of: Vec<f64> = first.iter().map(|g| f64::from(g[cell])).collect();
            Line { reference: true, ..figure::line(format!("cell {cell}"), x.clone(), of) }
        }));
        let caption = format!(
            "Conductance after each pulse, without read noise: the mean of {} cells and their standard deviation, and \
             single cells. {} pulses up, {} down, {} times.",
            cells.count,
            up.map_or(0, |t| t.1),
            down.map_or(0, |t| t.1),
            self.cycles
        );
        let caption = if each == 1 {
            caption
        } else {
            format!(
                "{caption} A cell is {each} devices, whose conductances add; a counter chooses which takes a pulse."
            )
        };
        found.series.push(series(
            "conductance",
            caption,
            linear("pulse", "1"),
            linear("conductance", "S"),
            lines,
        ));
        let spreads = seen.iter().map(|m| m.sd_s).collect();
        found.series.push(series(
            "spread",
            "Standard deviation over the cells after each pulse.",
            linear("pulse", "1"),
            linear("standard deviation", "S"),
            vec![figure::line("over the cells", x.clone(), spreads)],
        ));
        for (way, train) in [("up", up), ("down", down)] {
            if train.is_none() {
                found.caution(format!("No stimulus moves a cell {way}: that train was left out."));
            }
        }
        if up.is_some() {
            self.judge(&seen, &given, [up, down].map(|t| Some(t?.0)), name, &mut found);
        }
        let working = array.devices().working();
        if working < 1.0 {
            found.number("working", 100.0 * working, "%", "Devices that work at the end");
        }
        if !energies.is_empty() {
            let mean = energies.iter().sum::<f64>() / energies.len() as f64;
            let about = "Mean energy of a pulse on a device of mean conductance, V^2 G t";
            found.scalar("energy", mean, None, "J", Some(Better::Lower), about);
        }
        if let Some(t) = time_s {
            found.number("time", t, "s", "Time of all pulses on a cell, reads not counted");
        }
        Ok(found)
    }

    /// Numbers of the last cycle.
    fn judge<'n>(
        &self,
        seen: &[Moments],
        given: &[Option<u16>],
        [up, down]: [Option<u16>; 2],
        name: impl Fn(&Option<u16>) -> &'n str,
        found: &mut Findings,
    ) {
        let start = seen.len() - 1 - (seen.len() - 1) / self.cycles as usize;
        let g: Vec<f64> = seen[start..].iter().map(|m| m.mean_s).collect();
        let rise = given[start + 1..].iter().take_while(|s| **s == up).count();
        let (low, high) = g.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
        let about = "Largest over smallest mean conductance of the last cycle";
        found.scalar("on_off_ratio", high / low, None, "1", Some(Better::Higher), about);
        found.number("g_min", low, "S", "Smallest mean conductance of the last cycle");
        found.number("g_max", high, "S", "Largest mean conductance of the last cycle");
        let spread = 100.0 * seen[start + rise].sd_s / (high - low);
        let about = format!("Spread of cells after the train up ({}), of the range", name(&up));
        found.scalar("spread_up", spread, None, "%", Some(Better::Lower), about);
        let mut bend = |name: &str, which: &str, part: &[f64]| {
            let bent = pulses::nonlinearity(part);
            if bent.is_finite() {
                let about = format!(
                    "Nonlinearity of the {which}: farthest point from the straight line, of the range"
                );
                found.scalar(name, bent, None, "1", Some(Better::Lower), about);
            }
            if let Some(label) = nonlinearity::label_of(part) {
                let about = format!("Nonlinearity label of the {which}, as NeuroSim counts it");
                found.scalar(&format!("label_{which}"), label, None, "1", None, about);
            }
        };
        bend("nonlinearity_up", "rise", &g[..=rise]);
        if down.is_some() && g.len() - 1 - rise > 1 {
            bend("nonlinearity_down", "fall", &g[rise..]);
            let about = "Asymmetry: mean distance between rise and mirrored fall, of the range";
            let asymmetry = pulses::asymmetry(&g[..=rise], &g[rise..]);
            found.scalar("asymmetry", asymmetry, None, "1", Some(Better::Lower), about);
        }
    }
}

/// Levels left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keeping {
    /// Levels, evenly over the range.
    pub levels: u32,
    /// How long, s.
    pub time_s: f64,
    /// First look, s.
    pub first_s: f64,
}

impl Keeping {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 1;
    /// Looks a decade.
    const LOOKS: u32 = 5;
    /// 85 C, at which memories are asked to keep for ten years, K.
    pub const HOT_K: f64 = 358.15;

    /// Carries it out: cells are programmed to their levels and looked at as time passes.
    ///
    /// # Errors
    /// Settings that cannot be; a device without statistics, or whose retention was not measured; a temperature for a
    /// law that follows none; cancellation.
    pub fn run(&self, cells: &Cells) -> Result<Findings, LabError> {
        positive("the time", self.time_s)?;
        positive("the first look", self.first_s)?;
        if self.first_s >= self.time_s {
            return Err(LabError::Setting("the first look must come before the end".into()));
        }
        if self.levels < 2 {
            return Err(LabError::Setting("there are two levels at least".into()));
        }
        let spec = cells.quiet()?;
        let Some(law) = &spec.retention else {
            return Err(LabError::Setting(format!(
                "the retention of `{}` was not measured ([retention.LAW] is absent): `neurohm device fit --kind \
                 retention` finds it from data",
                cells.spec.name
            )));
        };
        let mut found = Findings::default();
        let t_k = self.temperature(law, cells.t_k, &mut found)?;
        let levels = self.levels as usize;
        let target = |n: usize| spec.g_min_s + (spec.g_max_s - spec.g_min_s) * n as f64 / (levels - 1) as f64;
        let targets: Vec<f32> =
            (0..levels).flat_map(|n| std::iter::repeat_n(target(n) as f32, cells.count)).collect();
        let mut array = CellArray::new(&spec, targets.len(), cells.key.child("cells", 0))?;
        array.set_temperature(t_k)?;
        if spec.write.is_some() {
            array.program(&targets)?;
        } else {
            array.set(&targets)?;
            found.info("How exactly it is written was not measured: every cell begins at its level.");
        }
        let looks =
            libm::ceil(libm::log10(self.time_s / self.first_s) * f64::from(Self::LOOKS)).max(1.0) as u32;
        let part = |n: u32| libm::pow(self.time_s / self.first_s, f64::from(n) / f64::from(looks));
        let times: Vec<f64> = (0..=looks).map(|n| self.first_s * part(n)).collect();
        cells.watch.begin("waiting", Some(times.len() as u64));
        let mut g = vec![0.0; targets.len()];
        let mut seen: Vec<Vec<Moments>> = vec![Vec::new(); levels];
        for t in &times {
            array.advance(t - array.age_s())?;
            array.observe_into(&mut g)?;
            for (level, g) in seen.iter_mut().zip(g.chunks(cells.count)) {
                level.push(Moments::of(g));
            }
            cells.watch.step(1)?;
        }
        let mut csv = Csv::new(&columns(&["time_s", "target_s", "mean_conductance_s", "std_conductance_s"]));
        for (n, level) in seen.iter().enumerate() {
            for (t, Moments { mean_s, sd_s }) in times.iter().zip(level) {
                csv.row([*t, target(n), *mean_s, *sd_s]);
            }
        }
        found.files.push(("retention.csv".into(), csv.bytes()));
        self.judge(&spec, &seen, &mut found);
        let name = |n: usize| quantity::format(quantity::rounded(target(n), 4), Dimension::Siemens);
        let lines = seen.iter().enumerate().map(|(n, level)| band(name(n), &times, level)).collect();
        let at = if law.follows_temperature() { format!(" at {t_k} K") } else { String::new() };
        let caption = format!(
            "Conductance over time{at}, without read noise: the mean of {} cells a level and their standard deviation.",
            cells.count
        );
        found.series.push(series(
            "levels",
            caption,
            logarithmic("time", "s"),
            linear("conductance", "S"),
            lines,
        ));
        Ok(found)
    }

    /// The temperature that counts, and what a reader should know of it and of the ages.
    fn temperature(
        &self,
        law: &Retention,
        asked_k: Option<f64>,
        found: &mut Findings,
    ) -> Result<f64, LabError> {
        if let (_, Some(last)) = law.known_ages_s()
            && self.time_s > last
        {
            found.caution(format!(
                "Ages beyond {last:.3e} s are extrapolated: its law was not measured there."
            ));
        }
        if !law.follows_temperature() {
            if asked_k.is_some() {
                return Err(LabError::Setting(
                    "a temperature has no effect: this device's retention was measured at one temperature; a law \
                     [retention.activated] follows it, and `neurohm device fit --kind retention` finds one from bakes"
                        .into(),
                ));
            }
            found.info("Its law of retention knows no temperature: the figure holds at the one that it was measured at.");
            return Ok(300.0);
        }
        let t_k = asked_k.unwrap_or(Self::HOT_K);
        let (coldest, hottest) = law.known_temperatures_k();
        if coldest.is_some_and(|c| t_k < c) || hottest.is_some_and(|h| t_k > h) {
            let [c, h] = [coldest, hottest].map(|k| k.map_or("unknown".into(), |k| format!("{k} K")));
            found.caution(format!(
                "{t_k} K is outside of the temperatures that its law was measured at ({c} to {h})."
            ));
        }
        Ok(t_k)
    }

    fn judge(&self, spec: &CellSpec, seen: &[Vec<Moments>], found: &mut Findings) {
        let range = spec.g_max_s - spec.g_min_s;
        let ends = seen.iter().map(|level| (level[0], level[level.len() - 1]));
        let shift = ends
            .clone()
            .map(|(a, b)| (b.mean_s - a.mean_s) / range)
            .fold(0.0_f64, |m, s| if s.abs() > m.abs() { s } else { m });
        let about = "Largest mean shift of a level from first look to end, of the range";
        found.scalar("shift", 100.0 * shift, None, "%", None, about);
        let rms = |of: &dyn Fn((Moments, Moments)) -> f64| {
            let squares: Vec<f64> = ends.clone().map(|e| of(e).powi(2)).collect();
            100.0 * stats::mean(&squares).sqrt() / range
        };
        let about = "Spread of cells at the first look, RMS over levels, of the range";
        found.scalar("spread_first", rms(&|(a, _)| a.sd_s), None, "%", Some(Better::Lower), about);
        let about = "Spread of cells at the end, RMS over levels, of the range";
        found.scalar("spread_end", rms(&|(_, b)| b.sd_s), None, "%", Some(Better::Lower), about);
        let top = &seen[seen.len() - 1];
        let bottom = &seen[0];
        let window = |n: usize| top[n].mean_s - bottom[n].mean_s;
        let about = "What is left of the distance between the highest and the lowest level";
        found.scalar(
            "window_kept",
            100.0 * window(top.len() - 1) / window(0),
            None,
            "%",
            Some(Better::Higher),
            about,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_device::preset;
    use neurohm_num::Unwatched;

    fn cells(spec: &DeviceSpec, count: usize, t_k: Option<f64>) -> Cells<'_> {
        Cells { spec, count, key: Key::root(1), t_k, watch: &Unwatched }
    }

    #[test]
    fn drift_takes_what_its_exponent_says() {
        // One exponent for all: G(t) = G(t0) (t / t0)^-0.04 from 38.6 s on.
        let spec = preset("pcm_accumulate").unwrap();
        let keeping = Keeping { levels: 2, time_s: 38.6e4, first_s: 38.6 };
        let found = keeping.run(&cells(&spec, 10, None)).unwrap();
        let expected = 100.0 * 1e4_f64.powf(-0.04);
        assert!((found.scalars["window_kept"].value / expected - 1.0).abs() < 1e-5, "{:?}", found.scalars);
        let hot = keeping.run(&cells(&spec, 10, Some(400.0))).unwrap_err().to_string();
        assert!(hot.contains("no effect"), "{hot}");
        assert!(keeping.run(&cells(&preset("gokmen_vlasov").unwrap(), 10, None)).is_err());
    }

    #[test]
    fn accumulation_has_the_moments_of_its_source() {
        // Mean and standard deviation after so many pulses, uS, of 200 000 cells as the dossier computes them.
        let known =
            [(1, 2.056, 1.521), (2, 3.438, 1.972), (5, 5.921, 2.381), (10, 7.832, 2.463), (20, 9.396, 2.667)];
        let spec = preset("pcm_accumulate").unwrap();
        let trains = Trains { count: Some(20), cycles: 2, devices_per_cell: 1 };
        let found = trains.run(&cells(&spec, 20_000, None)).unwrap();
        let text = String::from_utf8(found.files[0].1.clone()).unwrap();
        assert_eq!(text.lines().count(), 1 + 1 + 2 * 21, "one RESET ends a train");
        for (pulses, mean, sd) in known {
            let line = text.lines().nth(pulses + 1).unwrap();
            let row: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
            // Sampling errors of 20 000 cells here, and rounding there.
            let error = 5.0 * sd / 20_000_f64.sqrt() + 0.005;
            assert!((row[2] * 1e6 - mean).abs() < error, "{pulses}: {row:?}");
            assert!((row[3] * 1e6 - sd).abs() < error, "{pulses}: {row:?}");
        }
    }

    #[test]
    fn a_straight_law_crosses_its_range_in_a_straight_line_and_without_spread() {
        let text = "name = \"straight\"\n[cell]\ng_min = \"1 uS\"\ng_max = \"11 uS\"\n\
                    [pulse.constant_step.steps]\nw_min = 0.0\nw_max = 1.0\nstep = 0.04\n";
        let spec = neurohm_device::parse(text, "straight").unwrap();
        let found =
            Trains { count: None, cycles: 1, devices_per_cell: 1 }.run(&cells(&spec, 100, None)).unwrap();
        let line = &found.series[0].lines[0];
        // 25 steps of 0.4 uS, and back, and the pulse at each end that finds nothing left to do.
        assert!((50..=53).contains(&line.y.len()), "{}", line.y.len());
        for n in 0..=25 {
            assert!((line.y[n] * 1e6 - (1.0 + 0.4 * n as f64)).abs() < 1e-4, "{:?}", line.y);
        }
        assert!(line.low.is_empty() && found.scalars["spread_up"].value == 0.0);
        assert!((found.scalars["on_off_ratio"].value - 11.0).abs() < 1e-4);
    }

    #[test]
    fn the_relative_spread_of_cells_falls_as_one_over_the_root_of_their_devices() {
        // Steps of 0.2 % of the range: after m on each device its rise is m s (1 + 0.3 z + 0.5 z' / sqrt(m)), so that
        // of n devices it scatters by sqrt((0.3^2 + 0.5^2 / m) / n) of its mean.
        let text = "name = \"straight\"\n[cell]\ng_min = \"1 uS\"\ng_max = \"101 uS\"\n\
                    [pulse.constant_step.steps]\nw_min = 0.0\nw_max = 1.0\nstep = 0.002\nc2c = 0.5\n\
                    [pulse.constant_step.steps.d2d]\nstep = 0.3\n";
        let spec = neurohm_device::parse(text, "straight").unwrap();
        let (count, m) = (4000, 25);
        for n in [1, 4, 9] {
            let trains = Trains { count: Some(n * m), cycles: 1, devices_per_cell: n };
            let found = trains.run(&cells(&spec, count, None)).unwrap();
            let text = String::from_utf8(found.files[0].1.clone()).unwrap();
            let line = text.lines().nth(1 + (n * m) as usize).unwrap();
            let row: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
            let rise = row[2] - f64::from(n) * 1e-6;
            assert!((rise / (f64::from(n * m) * 0.2e-6) - 1.0).abs() < 0.03, "{n}: {row:?}");
            let expected = ((0.3_f64.powi(2) + 0.5_f64.powi(2) / f64::from(m)) / f64::from(n)).sqrt();
            // Five times the sampling error of a standard deviation, 1 / sqrt(2 N).
            let error = 5.0 / (2.0 * count as f64).sqrt();
            assert!((row[3] / rise / expected - 1.0).abs() < error, "{n}: {} {expected}", row[3] / rise);
        }
        let none = Trains { count: Some(1), cycles: 1, devices_per_cell: 0 };
        assert!(none.run(&cells(&spec, 10, None)).is_err());
    }

    #[test]
    fn a_table_is_played_by_its_first_stimuli_and_not_by_the_strongest() {
        let text = "name = \"table\"\n[cell]\ng_min = \"1 uS\"\ng_max = \"11 uS\"\n[pulse.table]\nunit = \"1 uS\"\n\
                    stimuli = [\n{ name = \"up\", mean = [1.0, 1.0] }, { name = \"down\", mean = [-2.0, -2.0] },\n\
                    { name = \"set\", mean = [10.0, 0.0] }, { name = \"reset\", mean = [0.0, -10.0] },\n]\n";
        let spec = neurohm_device::parse(text, "table").unwrap();
        let found =
            Trains { count: None, cycles: 1, devices_per_cell: 1 }.run(&cells(&spec, 10, None)).unwrap();
        let y = &found.series[0].lines[0].y;
        assert!((y[1] * 1e6 - 2.0).abs() < 1e-4 && (y[10] * 1e6 - 11.0).abs() < 1e-4, "{y:?}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let spec = preset("pcm").unwrap();
        let error = Trains { count: Some(10), cycles: 1, devices_per_cell: 1 }
            .run(&cells(&spec, 10, None))
            .unwrap_err();
        assert!(error.to_string().contains("law for pulses"), "{error}");
        let keeping = Keeping { levels: 1, time_s: 1e4, first_s: 20.0 };
        assert!(keeping.run(&cells(&spec, 10, None)).is_err());
        assert!(Keeping { levels: 3, first_s: 1e5, ..keeping }.run(&cells(&spec, 10, None)).is_err());
        assert!(Keeping { levels: 3, ..keeping }.run(&cells(&spec, 0, None)).is_err());
    }
}
