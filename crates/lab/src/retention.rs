//! Retention of the dynamic face: what states become when nobody touches them.

use neurohm_device::compact::Waveform;
use neurohm_num::quantity::Dimension;
use neurohm_study::experiment::Findings;
use neurohm_study::record::Better;

use crate::csv::{Csv, columns};
use crate::figure::{self, logarithmic, series};
use crate::switching::ends;
use crate::{Bench, LabError, Rig, positive};

/// Where devices are switched, K.
const ROOM_K: f64 = 300.0;

/// States left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retention {
    /// How long, s.
    pub time_s: f64,
    /// First look, s.
    pub first_s: f64,
    /// Voltage of the looks, V.
    pub read_v: f64,
}

impl Retention {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 2;
    /// Looks a decade.
    const LOOKS: u32 = 5;

    /// Carries it out, at the rig's temperature.
    ///
    /// # Errors
    /// Settings that cannot be; a device without equations or operation, or that cannot be driven on.
    pub fn run(&self, bench: &Bench) -> Result<Findings, LabError> {
        positive("the time", self.time_s)?;
        positive("the first look", self.first_s)?;
        positive("the read voltage's size", self.read_v.abs())?;
        if self.first_s >= self.time_s {
            return Err(LabError::Setting("the first look must come before the end".into()));
        }
        bench.operation()?;
        bench.watch.begin("waiting", Some(bench.devices as u64));
        let decades = libm::log10(self.time_s / self.first_s);
        let looks = libm::ceil(decades * f64::from(Self::LOOKS)).max(1.0) as u32;
        let times: Vec<f64> = (0..=looks)
            .map(|n| self.first_s * libm::pow(self.time_s / self.first_s, f64::from(n) / f64::from(looks)))
            .collect();
        let all = bench.each(|device| {
            let mut lines = Vec::new();
            // Written at room temperature, and kept where it is hotter: heat from a pulse adds to that around it.
            let rig = Rig { t_k: ROOM_K, ..bench.rig };
            for mut device in ends(&device, &Bench { rig, ..*bench })? {
                let mut at = 0.0;
                let mut line = Vec::new();
                for t in &times {
                    device.apply(&Waveform::Constant(0.0), t - at, t - at, &bench.rig, bench.watch)?;
                    at = *t;
                    line.push(device.conductance_s(self.read_v, &bench.rig)?);
                }
                lines.push(line);
            }
            Ok(lines)
        })?;
        let mut found = Findings::default();
        let mut csv = Csv::new(&columns(&["time_s", "off_conductance_s", "on_conductance_s", "device"]));
        for (id, lines) in all.iter().enumerate() {
            for (n, t) in times.iter().enumerate() {
                csv.row([*t, lines[0][n], lines[1][n], id as f64]);
            }
        }
        found.files.push(("retention.csv".into(), csv.bytes()));
        let mut lines = Vec::new();
        for (state, name) in [(0, "off"), (1, "on")] {
            let of: Vec<Vec<f64>> = all.iter().map(|l| l[state].clone()).collect();
            let kept: Vec<f64> = of.iter().map(|l| l[l.len() - 1] / l[0]).collect();
            let (mean, ci95) = figure::over(&kept);
            let about =
                format!("What is left of the {name} conductance at the end, of that at the first look");
            found.scalar(&format!("{name}_kept"), mean, ci95, "1", None, about);
            lines.push(figure::mean_line(format!("{name} state"), times.clone(), &of));
        }
        let window: Vec<f64> = all
            .iter()
            .map(|l| {
                let ratio = |n: usize| l[1][n] / l[0][n];
                libm::log(ratio(times.len() - 1)) / libm::log(ratio(0))
            })
            .filter(|w| w.is_finite())
            .collect();
        if !window.is_empty() {
            let (mean, ci95) = figure::over(&window);
            let about = "What is left of the window between on and off (of its logarithm)";
            found.scalar("window_kept", mean, ci95, "1", Some(Better::Higher), about);
        }
        let first = |state: usize| all.iter().map(|l| l[state][0]).sum::<f64>();
        if all.iter().flatten().all(|line| line.iter().all(|g| *g == line[0])) {
            found.info("Its equations let nothing relax: states keep by the model, not by measurement.");
        }
        if (first(1) / first(0) - 1.0).abs() < 0.01 {
            found.caution(
                "On and off are alike at the first look: the device had fallen back by then, or its pulses do not switch \
                 it. Look earlier (--first), or at `neurohm device pulse`.",
            );
        }
        if !bench.spec.follows_temperature()? {
            found.info(
                "Its equations know no temperature: the figure holds at the one that they were stated for.",
            );
        }
        bench.keep_within("The wait", &[self.read_v], &[self.time_s], &mut found)?;
        let caption = format!(
            "Conductance at {} while nothing is applied, at {} K; switched at {ROOM_K} K.",
            figure::said(self.read_v, Dimension::Volt),
            bench.rig.t_k
        );
        found.series.push(series(
            "states",
            caption,
            logarithmic("time", "s"),
            logarithmic("conductance", "S"),
            lines,
        ));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_device::preset;
    use neurohm_num::{Key, Unwatched};

    fn kept(name: &str, time_s: f64) -> Findings {
        let spec = preset(name).unwrap();
        let bench =
            Bench { spec: &spec, devices: 1, key: Key::root(1), rig: Rig::default(), watch: &Unwatched };
        let read_v = spec.operation.as_ref().unwrap().read.voltage_v;
        Retention { time_s, first_s: 1e-3, read_v }.run(&bench).unwrap()
    }

    #[test]
    fn what_does_not_forget_keeps_and_what_forgets_does_so_at_its_rate() {
        let found = kept("vteam_memtorch", 1e8);
        assert_eq!((found.scalars["on_kept"].value, found.scalars["off_kept"].value), (1.0, 1.0));
        // Tungsten oxide: w falls as e^(-t / 10 s), so after 300 s the window has closed.
        let found = kept("tungsten_oxide_chang", 300.0);
        assert!(found.scalars["window_kept"].value.abs() < 1e-3, "{:?}", found.scalars);
    }
}
