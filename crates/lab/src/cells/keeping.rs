//! Retention of programmed levels.

use neurohm_device::{CellArray, CellSpec, Retention, Valid};
use neurohm_num::quantity::{self, Dimension};
use neurohm_num::stats;
use neurohm_study::experiment::Findings;
use neurohm_study::record::Better;

use super::{Cells, band};
use crate::csv::{Csv, columns};
use crate::figure::{linear, logarithmic, series};
use crate::{LabError, Moments, positive};

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
        let t_k = self.temperature(law, &cells.spec.valid, cells.t_k, &mut found)?;
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
        valid: &Valid,
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
        for sentence in valid.left("The wait", &[], &[], Some(t_k)) {
            found.caution(sentence);
        }
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
