//! Potentiation and depression of very many cells.

use neurohm_device::multi::MultiCell;
use neurohm_device::{CellArray, Drive, nonlinearity};
use neurohm_study::experiment::Findings;
use neurohm_study::record::{Better, Line};

use super::{Cells, band};
use crate::csv::{Csv, columns};
use crate::figure::{self, linear, series};
use crate::{LabError, Moments, pulses};

/// Single cells that a file and a figure show.
const SHOWN: usize = 4;

/// Trains of equal pulses up, then down, on every cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trains {
    /// Pulses of each train, or as many as carry a nominal cell through its range; a RESET that begins anew is given
    /// once.
    pub count: Option<u32>,
    /// How often both trains are given.
    pub cycles: u32,
    /// Devices whose conductances add up to a cell's; a counter of each direction chooses which of them takes a pulse.
    pub devices_per_cell: u32,
}

impl Trains {
    /// Method and defaults of this experiment.
    pub const REVISION: u32 = 2;

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
