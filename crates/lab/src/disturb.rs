//! Read disturb: what very many reads do to a state.

use neurohm_device::compact::Waveform;
use neurohm_num::quantity::Dimension;
use neurohm_study::experiment::Findings;
use neurohm_study::record::Better;

use crate::csv::{Csv, columns};
use crate::figure::{self, linear, logarithmic, series};
use crate::switching::ends;
use crate::{Bench, LabError, positive};

/// Up to 10^`decades` reads of one state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disturb {
    /// Voltage of a read, V.
    pub read_v: f64,
    /// Length of a read, s.
    pub width_s: f64,
    /// Largest power of ten of reads.
    pub decades: u32,
}

impl Disturb {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 2;
    /// Looks a decade.
    const LOOKS: u32 = 4;

    /// Carries it out. Reads follow one another without a pause: what a device would recover between them is left out.
    ///
    /// # Errors
    /// Settings that cannot be; a device without equations or operation, or that cannot be driven on.
    pub fn run(&self, bench: &Bench) -> Result<Findings, LabError> {
        positive("the read voltage's size", self.read_v.abs())?;
        positive("the read's length", self.width_s)?;
        if self.decades == 0 || self.decades > 18 {
            return Err(LabError::Setting("reads are counted up to 10^1 to 10^18".into()));
        }
        bench.operation()?;
        bench.watch.begin("reading", Some(bench.devices as u64));
        let counts: Vec<f64> = (0..=self.decades * Self::LOOKS)
            .map(|n| libm::pow(10.0, f64::from(n) / f64::from(Self::LOOKS)))
            .collect();
        let all = bench.each(|device| {
            let states = ends(&device, bench)?;
            let mut changes = Vec::new();
            for mut device in states {
                let first = device.conductance_s(self.read_v, &bench.rig)?;
                let mut done = 0.0;
                let mut line = Vec::new();
                for count in &counts {
                    let time = (count - done) * self.width_s;
                    device.apply(&Waveform::Constant(self.read_v), time, time, &bench.rig, bench.watch)?;
                    done = *count;
                    line.push(device.conductance_s(self.read_v, &bench.rig)? / first - 1.0);
                }
                changes.push(line);
            }
            Ok(changes)
        })?;
        let mut found = Findings::default();
        let mut csv = Csv::new(&columns(&["reads", "off_change", "on_change", "device"]));
        for (id, changes) in all.iter().enumerate() {
            for (n, count) in counts.iter().enumerate() {
                csv.row([*count, changes[0][n], changes[1][n], id as f64]);
            }
        }
        found.files.push(("disturb.csv".into(), csv.bytes()));
        let mut lines = Vec::new();
        for (state, name) in [(0, "off"), (1, "on")] {
            let of: Vec<Vec<f64>> = all.iter().map(|c| c[state].clone()).collect();
            lines.push(figure::mean_line(format!("{name} state"), counts.clone(), &of));
            let last: Vec<f64> = of.iter().map(|l| l[l.len() - 1]).collect();
            let (mean, ci95) = figure::over(&last);
            let about = format!("Relative change of the {name} state after 10^{} reads", self.decades);
            found.scalar(&format!("{name}_change"), mean, ci95, "1", None, about);
            // The first look with a tenth of change.
            let reads: Vec<f64> = of
                .iter()
                .map(|l| l.iter().position(|c| c.abs() > 0.1).map_or(f64::INFINITY, |n| counts[n]))
                .collect();
            let least = reads.iter().copied().fold(f64::INFINITY, f64::min);
            if least.is_finite() {
                let about =
                    format!("Reads that change the {name} state by a tenth, of the most sensitive device");
                found.scalar(&format!("{name}_reads"), least, None, "1", Some(Better::Higher), about);
            }
        }
        found.info(
            "Reads follow one another without a pause; what a device would recover between them is left out.",
        );
        let whole_s = self.width_s * counts[counts.len() - 1];
        bench.keep_within("All reads together", &[self.read_v], &[whole_s], &mut found)?;
        let caption = format!(
            "Relative change of the conductance after so many reads of {} and {}.",
            figure::said(self.read_v, Dimension::Volt),
            figure::said(self.width_s, Dimension::Second)
        );
        found.series.push(series(
            "read_disturb",
            caption,
            logarithmic("reads", "1"),
            linear("change", "1"),
            lines,
        ));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rig;
    use neurohm_device::preset;
    use neurohm_num::{Key, Unwatched};

    fn disturbed(name: &str) -> Findings {
        let spec = preset(name).unwrap();
        let bench =
            Bench { spec: &spec, devices: 1, key: Key::root(1), rig: Rig::default(), watch: &Unwatched };
        let read = spec.operation.as_ref().unwrap().read;
        Disturb { read_v: read.voltage_v, width_s: read.width_s, decades: 9 }.run(&bench).unwrap()
    }

    #[test]
    fn below_a_threshold_nothing_moves_and_without_one_everything_does() {
        // 0.015 V is below VTEAM's 0.02 V: exactly zero drift.
        let found = disturbed("vteam_memtorch");
        assert_eq!((found.scalars["off_change"].value, found.scalars["on_change"].value), (0.0, 0.0));
        // Linear ion drift has no threshold: 10^9 reads of 0.1 us at 0.05 V are a flux of 5 V s.
        let found = disturbed("linear_ion_drift_strukov");
        assert!(found.scalars["off_change"].value > 1.0, "{:?}", found.scalars);
        assert!(found.scalars["off_reads"].value < 1e9);
    }
}
