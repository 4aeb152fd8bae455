//! Figure 3c: equal SET pulses, one after another.

use neurohm_device::{CellArray, preset};
use neurohm_lab::LabError;
use neurohm_num::Key;
use neurohm_num::stats::{self, Interval};
use neurohm_study::record::{Axis, Line, Series};

use super::{EDGE_S, cell, ohm_axis};
use crate::claim::{Claim, Rule, axis, review};
use crate::{Effort, Entry, Evidence, Setting, ends};

pub(crate) const ACCUMULATION: Entry = Entry {
    figure: "3c",
    title: "Accumulation: equal SET pulses, one after another",
    about: "Many cells of the measured statistics of accumulation (Nandakumar et al. 2018; 20 pulses were measured, beyond \
            them the law is carried on) are reset and given equal SET pulses; beside them one mushroom cell of the \
            electro-thermal equations.",
    claims: &[
        Claim {
            key: "falls",
            claim: "Every pulse lowers the mean resistance: pulses among 20 that raise it",
            published: review(
                "progressively reduce the resistance by successive SET pulses of the same amplitude",
            ),
            unit: "1",
            rule: Rule::AtMost(0.0),
        },
        Claim {
            key: "ratio",
            claim: "Resistance of the RESET state over that after thirty pulses (of mean conductances)",
            published: axis("about a decade within 30 pulses, from the RESET state"),
            unit: "1",
            rule: Rule::Between(3.0, 30.0),
        },
        Claim {
            key: "after_ten",
            claim: "Mean conductance after ten pulses",
            published: crate::Published {
                words: "7.832 uS by an independent computation of the published statistics",
                known: crate::Known::Computed,
            },
            unit: "S",
            rule: Rule::Between(7.80e-6, 7.87e-6),
        },
        Claim {
            key: "physics",
            claim: "The equations accumulate too: pulses in a row, each of which lowers the resistance by more than a \
                    twentieth, until no dome is left",
            published: review("successive application of SET pulses with the same amplitude"),
            unit: "1",
            rule: Rule::AtLeast(2.0),
        },
        Claim {
            key: "physics_rises",
            claim: "And from the first pulse on: pulses after the RESET that raise the resistance instead",
            published: review(
                "progressively reduce the resistance by successive SET pulses of the same amplitude",
            ),
            unit: "1",
            rule: Rule::AtMost(0.0),
        },
    ],
    run: accumulation,
};

/// Pulses that are given, as many as the figure has.
const PULSES: usize = 30;
/// Pulses that the statistics were measured over.
const MEASURED: usize = 20;
/// A fall of the resistance that counts, relative.
const FALL: f64 = 0.05;

fn accumulation(setting: &Setting) -> Result<Evidence, LabError> {
    let mut evidence = Evidence::default();
    let statistics = statistics(setting, &mut evidence)?;
    let physics = physics(setting, &mut evidence)?;
    evidence.info(
        "The mushroom cell's equations hold no chance: its counts of pulses have no interval. All other numbers are of \
         cells that are drawn, and their intervals those of the draw.",
    );
    evidence.series.push(Series {
        name: "figure_3c".into(),
        caption: "Resistance after equal SET pulses, from RESET.".into(),
        x: Axis::linear("SET pulse", "1"),
        y: ohm_axis(),
        lines: vec![statistics, physics],
    });
    Ok(evidence)
}

/// Cells of the measured statistics.
fn statistics(setting: &Setting, evidence: &mut Evidence) -> Result<Line, LabError> {
    let cells = if setting.effort == Effort::Quick { 200_000 } else { 2_000_000 };
    setting.watch.begin("figure 3c", None);
    let spec = preset("pcm_accumulate")?;
    let mut array = CellArray::new(spec.statistics()?, cells, Key::root(setting.seed).child("figure 3c", 0))?;
    array.reset()?;
    let mut read = vec![0.0_f32; cells];
    let (mut mean, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
    // The mean's change by each pulse, of the same cells before and after.
    let mut changes = Vec::new();
    let (mut first, mut before): (Vec<f64>, Vec<f64>) = Default::default();
    for pulse in 0..=PULSES {
        if pulse > 0 {
            array.pulse_all(0, 1)?;
        }
        array.verify_into(&mut read)?;
        let g: Vec<f64> = read.iter().map(|g| f64::from(*g)).collect();
        let (m, interval) = stats::mean_ci95(&g);
        if pulse == 10 {
            evidence.put("after_ten", m, ends(interval));
        }
        mean.push(m);
        low.push(1.0 / stats::quantile(&g, 0.84).unwrap_or(m));
        high.push(1.0 / stats::quantile(&g, 0.16).unwrap_or(m));
        if pulse == 0 {
            first.clone_from(&g);
        } else {
            let change: Vec<f64> = g.iter().zip(&before).map(|(g, b)| g - b).collect();
            changes.push(stats::mean_ci95(&change));
        }
        before = g;
        setting.watch.step(1)?;
    }
    // A pulse raises the resistance for sure where its whole interval says so, and may where a part of it does.
    let count = |rises: &dyn Fn(&(f64, Option<Interval>)) -> bool| {
        changes[..MEASURED].iter().filter(|c| rises(c)).count() as f64
    };
    let sure = count(&|(m, i)| i.map_or(*m, |i| i.high) <= 0.0);
    let may = count(&|(m, i)| i.map_or(*m, |i| i.low) <= 0.0);
    evidence.put("falls", count(&|(m, _)| *m <= 0.0), Some([sure, may]));
    // The ratio of two means of the same cells (r the ratio): its deviations are those of (b - r a)/mean a.
    let ratio = mean[PULSES] / mean[0];
    let deviations: Vec<f64> = before.iter().zip(&first).map(|(b, a)| (b - ratio * a) / mean[0]).collect();
    let (_, interval) = stats::mean_ci95(&deviations);
    evidence.put("ratio", ratio, interval.map(|i| [ratio + i.low, ratio + i.high]));
    let x = (0..=PULSES).map(|n| n as f64).collect();
    let resistance = mean.iter().map(|m| 1.0 / m).collect();
    Ok(Line { low, high, ..Line::new("statistics of many cells (16 to 84 %)", x, resistance) })
}

/// One cell of the electro-thermal equations.
fn physics(setting: &Setting, evidence: &mut Evidence) -> Result<Line, LabError> {
    let mut cell = cell(setting)?;
    cell.set(setting)?;
    let crystalline = cell.ohm()?;
    cell.reset(450e-6, setting)?;
    let mut ohm = vec![cell.ohm()?];
    for _ in 0..PULSES {
        cell.pulse(250e-6, 10e-9, EDGE_S, setting)?;
        ohm.push(cell.ohm()?);
        setting.watch.step(0)?;
    }
    let (longest, rises) = progress(&ohm, crystalline);
    evidence.put("physics", longest as f64, None);
    evidence.put("physics_rises", rises as f64, None);
    if rises > 0 {
        evidence.caution(format!(
            "On the mushroom cell {rises} warm pulses let the glass just quenched relax, which raises its resistance more \
             than the crystals that grow lower it. The law of relaxation is known from drift near room temperature, and \
             carried on to these."
        ));
    }
    let x = (0..=PULSES).map(|n| n as f64).collect();
    Ok(Line::new("one mushroom cell", x, ohm))
}

/// Most pulses in a row each of which lowers the resistance, and pulses that raise it, both as long as a dome is left:
/// as the resistance is more than [`FALL`] above the crystalline one.
fn progress(ohm: &[f64], crystalline: f64) -> (usize, usize) {
    let (mut row, mut longest, mut rises) = (0, 0, 0);
    for pair in ohm.windows(2).take_while(|pair| pair[0] > (1.0 + FALL) * crystalline) {
        row = if pair[1] < (1.0 - FALL) * pair[0] { row + 1 } else { 0 };
        longest = longest.max(row);
        rises += usize::from(pair[1] > pair[0]);
    }
    (longest, rises)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_pulses_until_no_dome_is_left() {
        // Two rises, three falls of which the last removes the dome, and rounding that nobody counts.
        assert_eq!(progress(&[50.0, 60.0, 70.0, 40.0, 20.0, 10.0, 10.000_001, 10.0], 10.0), (3, 2));
        // A switch: one pulse does it all.
        assert_eq!(progress(&[50.0, 10.0, 10.0], 10.0), (1, 0));
        // Nothing measurable happens.
        assert_eq!(progress(&[50.0, 49.9, 49.8], 10.0), (0, 0));
        // A pause between falls begins a new row.
        assert_eq!(progress(&[90.0, 80.0, 70.0, 69.9, 60.0, 10.0], 10.0), (2, 0));
    }
}
