//! Figure 3b: the resistance against the programming current, from the crystalline state.

use neurohm_lab::LabError;
use neurohm_study::record::{Axis, Line, Series};

use super::binary::{CHOSEN, RECALLED};
use super::{AXIS_OHM, cell, ohm_axis, published};
use crate::claim::{Claim, Rule, axis, review};
use crate::{Effort, Entry, Evidence, Setting};

pub(crate) const CONTINUUM: Entry = Entry {
    figure: "3b",
    title: "A continuum of resistance by the programming current",
    about: "The mushroom cell is crystallised fully; then RESET pulses follow whose amplitude rises progressively, and the \
            resistance is read after each, as the text tells it.",
    claims: &[
        Claim {
            key: "range",
            claim: "Largest over smallest resistance along the curve",
            published: axis("1e4 to 1e6..1e7 ohm"),
            unit: "1",
            rule: Rule::NotComparable(RECALLED),
        },
        Claim {
            key: "start",
            claim: "Resistance before melting sets in",
            published: axis("about 1e4 ohm"),
            unit: "ohm",
            rule: Rule::NotComparable(CHOSEN),
        },
        Claim {
            key: "end",
            claim: "Resistance after the largest current (800 uA)",
            published: axis("1e6 to 1e7 ohm"),
            unit: "ohm",
            rule: Rule::NotComparable(RECALLED),
        },
        Claim {
            key: "rising",
            claim: "The resistance never falls while the amplitude rises: largest fall between two pulses",
            published: review(
                "RESET pulses with progressively increasing amplitude give a continuum of resistance levels",
            ),
            unit: "1",
            rule: Rule::AtMost(0.05),
        },
        Claim {
            key: "levels",
            claim: "A continuum: pulses in steps of 5 uA that end between a twentieth and 95 % of the range (of log R)",
            published: review("a continuum of resistance levels"),
            unit: "1",
            rule: Rule::AtLeast(8.0),
        },
    ],
    run: continuum,
};

/// Steps of the current in which levels are counted, uA.
const STEP_UA: usize = 5;

fn continuum(setting: &Setting) -> Result<Evidence, LabError> {
    let step_ua = if setting.effort == Effort::Quick { STEP_UA } else { 1 };
    let currents: Vec<f64> = (100..=800).step_by(step_ua).map(|ua| f64::from(ua) * 1e-6).collect();
    setting.watch.begin("figure 3b", Some(currents.len() as u64));
    let mut cell = cell(setting)?;
    cell.set(setting)?;
    let mut ohm = Vec::new();
    for i in &currents {
        cell.reset(*i, setting)?;
        ohm.push(cell.ohm()?);
        setting.watch.step(1)?;
    }
    let mut evidence = Evidence::default();
    let (low, high) = ohm.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), r| (l.min(*r), h.max(*r)));
    evidence.put("range", high / low, None);
    evidence.put("start", ohm[0], None);
    evidence.put("end", ohm[ohm.len() - 1], None);
    let fall = ohm.windows(2).map(|w| 1.0 - w[1] / w[0]).fold(0.0, f64::max);
    evidence.put("rising", fall, None);
    let part = |r: f64| libm::log(r / low) / libm::log(high / low);
    // Of a finer curve too only these, so that the count does not depend on the steps.
    let coarse = ohm.iter().step_by(STEP_UA / step_ua);
    let within = coarse.filter(|r| (0.05..=0.95).contains(&part(**r))).count();
    evidence.put("levels", within as f64, None);
    evidence.info("One cell of equations that hold no chance: none of these numbers has an interval.");
    let [start, end] = [("review: before melting", 0), ("review: after the largest current", 1)]
        .map(|(name, n)| published(name, &currents, AXIS_OHM[n]));
    evidence.series.push(Series {
        name: "figure_3b".into(),
        caption: "Resistance after RESET pulses of rising amplitude, from the crystalline state.".into(),
        x: Axis::linear("programming current", "A"),
        y: ohm_axis(),
        lines: vec![Line::new("mushroom cell", currents, ohm), start, end],
    });
    Ok(evidence)
}
