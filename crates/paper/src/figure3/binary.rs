//! Figure 3a: SET and RESET, again and again.

use std::collections::BTreeMap;

use neurohm_device::compact::ParameterSpread;
use neurohm_device::{DeviceSpec, preset};
use neurohm_lab::{Bench, LabError};
use neurohm_num::{Key, quantity, stats};
use neurohm_study::record::{Axis, Line, Series};

use super::{AXIS_OHM, CELL, Cell, ohm_axis, published, rig};
use crate::claim::{Claim, Rule, axis, review};
use crate::{Effort, Entry, Evidence, Setting, ends};

/// Why a claim about r_set says nothing.
pub(super) const CHOSEN: &str = "a parameter of the cell, which was chosen after this axis";

/// Why a claim about absolute resistances says nothing.
pub(super) const RECALLED: &str = "the cell's sizes and the resistance of its glass are recalled or chosen: that they meet \
                                   an axis says nothing";

/// Assumed standard deviation of the logarithm of each part that scatters: no published number is at hand. The claims are
/// judged at the middle one, and the figure and a note show the others.
const ASSUMED: [f64; 3] = [0.03, 0.1, 0.3];
const MIDDLE: usize = 1;

/// What scatters: parameters by name, and whether from device to device (the heater's area, the dome's largest size, how
/// well heat is kept, the crystals' resistance, the traps) and from cycle to cycle (what is molten, frozen and
/// crystallised anew).
const PARTS: [(&str, bool, bool); 6] = [
    ("area", true, false),
    ("u_max", true, true),
    ("r_th_crystal", true, false),
    ("r_th_dome", true, false),
    ("r_set", true, true),
    ("traps", true, true),
];

pub(crate) const BINARY: Entry = Entry {
    figure: "3a",
    title: "Binary storage: SET and RESET, again and again",
    about: "Phase-change mushroom cells (electro-thermal equations) whose parts scatter from device to device and from \
            cycle to cycle by an assumed 10 % are melted and quenched, crystallised, and read after each. Intervals are \
            over cells.",
    claims: &[
        Claim {
            key: "window",
            claim: "A PCM device is switched repeatedly between a low and a high resistance: their ratio (geometric mean \
                    over cells and cycles)",
            published: axis("about 1e4 against 1e6 to 1e7 ohm"),
            unit: "1",
            rule: Rule::NotComparable(RECALLED),
        },
        Claim {
            key: "set",
            claim: "Resistance of the SET state (geometric mean)",
            published: axis("about 1e4 ohm"),
            unit: "ohm",
            rule: Rule::NotComparable(CHOSEN),
        },
        Claim {
            key: "reset",
            claim: "Resistance of the RESET state (geometric mean)",
            published: axis("1e6 to 1e7 ohm"),
            unit: "ohm",
            rule: Rule::NotComparable(RECALLED),
        },
        Claim {
            key: "repeatable",
            claim: "Both states come back: by how many standard deviations from cycle to cycle (of ln R, those of SET and \
                    RESET added) the states lie apart",
            published: review("switched between high and low resistance values in a repeatable manner"),
            unit: "1",
            rule: Rule::NotComparable("how the parts scatter is assumed, and the distance follows from it"),
        },
        Claim {
            key: "cycles",
            claim: "The window stands for more than 1e8 cycles",
            published: axis("cycles on the axis up to 1e8 and more"),
            unit: "1",
            rule: Rule::NotComparable(
                "a form of wear is published (an onset, then decades of resistance per decade of cycles), its parameters \
                 for phase-change cells are not known to us: with records of 1e8 to 1e12 cycles as the onset, what comes \
                 out would be what was put in",
            ),
        },
    ],
    run: binary,
};

/// One cell: ln R after SET and after RESET, cycle by cycle.
struct Life {
    set: Vec<f64>,
    reset: Vec<f64>,
}

impl Life {
    fn of(&self, state: State) -> &[f64] {
        match state {
            State::Set => &self.set,
            State::Reset => &self.reset,
        }
    }
}

#[derive(Clone, Copy)]
enum State {
    Set,
    Reset,
}

/// The preset with parts that scatter.
fn scattered(assumed: f64) -> Result<DeviceSpec, LabError> {
    let mut spec = preset(CELL)?;
    let of = |scatters: bool| if scatters { assumed } else { 0.0 };
    spec.spread = PARTS
        .iter()
        .map(|(name, d2d, c2c)| ((*name).to_owned(), ParameterSpread { d2d: of(*d2d), c2c: of(*c2c) }))
        .collect::<BTreeMap<_, _>>();
    Ok(spec)
}

fn lives(assumed: f64, cells: usize, cycles: usize, setting: &Setting) -> Result<Vec<Life>, LabError> {
    let spec = scattered(assumed)?;
    let key = Key::root(setting.seed).child("figure 3a", 0);
    let bench = Bench { spec: &spec, devices: cells, key, rig: rig(), watch: setting.watch };
    bench.each(|device| {
        let mut cell = Cell::of(device);
        let mut life = Life { set: Vec::new(), reset: Vec::new() };
        for _ in 0..cycles {
            cell.reset(500e-6, setting)?;
            life.reset.push(libm::log(cell.ohm()?));
            cell.set(setting)?;
            life.set.push(libm::log(cell.ohm()?));
        }
        Ok(life)
    })
}

/// Means over the cycles of each cell.
fn means(lives: &[&Life], state: State) -> Vec<f64> {
    lives.iter().map(|l| stats::mean(l.of(state))).collect()
}

/// Standard deviation of ln R within a cell, pooled over cells.
fn c2c(lives: &[&Life], state: State) -> f64 {
    let variances: Vec<f64> = lives.iter().map(|l| stats::sd(l.of(state)).powi(2)).collect();
    stats::mean(&variances).sqrt()
}

/// Standard deviation of ln R from cell to cell: of the cells' means, without what their few cycles add.
fn d2d(lives: &[&Life], state: State) -> f64 {
    let cycles = lives[0].of(state).len() as f64;
    (stats::sd(&means(lives, state)).powi(2) - c2c(lives, state).powi(2) / cycles).max(0.0).sqrt()
}

/// By how many standard deviations from cycle to cycle, both states' added, the states lie apart.
fn apart(lives: &[&Life]) -> f64 {
    let distance = stats::mean(&means(lives, State::Reset)) - stats::mean(&means(lives, State::Set));
    distance / (c2c(lives, State::Reset) + c2c(lives, State::Set))
}

/// A statistic of cells with its interval over cells.
fn over_cells(lives: &[Life], setting: &Setting, of: impl Fn(&[&Life]) -> f64) -> (f64, Option<[f64; 2]>) {
    let value = of(&lives.iter().collect::<Vec<_>>());
    let key = Key::root(setting.seed).child("figure 3a intervals", 0);
    let drawn = |units: &[usize]| of(&units.iter().map(|u| &lives[*u]).collect::<Vec<_>>());
    (value, ends(stats::bootstrap95(lives.len(), key, drawn)))
}

fn binary(setting: &Setting) -> Result<Evidence, LabError> {
    let quick = setting.effort == Effort::Quick;
    let (cells, cycles) = if quick { (24, 4) } else { (200, 10) };
    setting.watch.begin("figure 3a", Some((cells * ASSUMED.len()) as u64));
    let mut evidence = Evidence::default();
    let all = ASSUMED
        .iter()
        .map(|assumed| lives(*assumed, cells, cycles, setting))
        .collect::<Result<Vec<_>, LabError>>()?;
    let geometric = |ln: Vec<f64>| {
        let (mean, interval) = stats::mean_ci95(&ln);
        (libm::exp(mean), interval.map(|i| [libm::exp(i.low), libm::exp(i.high)]))
    };
    let chosen: Vec<&Life> = all[MIDDLE].iter().collect();
    let (set, reset) = (means(&chosen, State::Set), means(&chosen, State::Reset));
    let (value, ci95) = geometric(reset.iter().zip(&set).map(|(r, s)| r - s).collect());
    evidence.put("window", value, ci95);
    for (key, ln) in [("set", set), ("reset", reset)] {
        let (value, ci95) = geometric(ln);
        evidence.put(key, value, ci95);
    }
    let (value, ci95) = over_cells(&all[MIDDLE], setting, apart);
    evidence.put("repeatable", value, ci95);
    evidence.series.push(states(&all[MIDDLE], cycles));
    evidence.series.push(sensitivity(&all, setting));
    evidence.caution(
        "How much the parts of such cells scatter is not published where we could read it: the spreads are assumed, from \
         device to device of the heater's area, the dome's largest size, both thermal resistances, the crystals' \
         resistance and the traps, and from cycle to cycle of what is melted and crystallised anew.",
    );
    for (assumed, lives) in ASSUMED.into_iter().zip(&all) {
        evidence.info(outcome(assumed, lives, setting));
    }
    Ok(evidence)
}

/// What comes of an assumed spread, in a sentence.
fn outcome(assumed: f64, lives: &[Life], setting: &Setting) -> String {
    let ratios: Vec<f64> =
        lives.iter().flat_map(|l| l.reset.iter().zip(&l.set).map(|(r, s)| libm::exp(r - s))).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let narrow = ratios.iter().filter(|r| **r < 10.0).count();
    let (value, ci95) = over_cells(lives, setting, apart);
    let [low, high] = ci95.unwrap_or([value; 2]);
    format!(
        "Where parts scatter by {:.0} %, the states lie {value:.1} standard deviations apart ({low:.1} to {high:.1}); the \
         smallest ratio of a cycle is {}, and {narrow} of {} cycles stay below 10.",
        100.0 * assumed,
        quantity::rounded(least, 3),
        ratios.len(),
    )
}

/// Resistance over the cycles, with the band of 90 % of the cells.
fn states(lives: &[Life], cycles: usize) -> Series {
    let x: Vec<f64> = (1..=cycles).map(|n| n as f64).collect();
    let of = |name: &str, state: State| {
        let at = |p: f64| {
            let quantile = |n: usize| {
                let ln: Vec<f64> = lives.iter().map(|l| l.of(state)[n]).collect();
                libm::exp(stats::quantile(&ln, p).unwrap_or(f64::NAN))
            };
            (0..cycles).map(quantile).collect::<Vec<f64>>()
        };
        Line { low: at(0.05), high: at(0.95), ..Line::new(name, x.clone(), at(0.5)) }
    };
    Series {
        name: "figure_3a".into(),
        caption: "Resistance after every SET and RESET of mushroom cells whose parts scatter by an assumed 10 %: median, \
                  and the band of 90 % of the cells."
            .into(),
        x: Axis::linear("cycle", "1"),
        y: ohm_axis(),
        lines: vec![
            of("SET", State::Set),
            of("RESET", State::Reset),
            published("review: SET", &x, AXIS_OHM[0]),
            published("review: RESET", &x, AXIS_OHM[1]),
        ],
    }
}

/// Spread of ln R against the assumed spread of the parts.
fn sensitivity(all: &[Vec<Life>], setting: &Setting) -> Series {
    let x: Vec<f64> = ASSUMED.to_vec();
    let of = |name: &str, statistic: fn(&[&Life], State) -> f64, state: State| {
        let mut drawn = Line::new(name, x.clone(), Vec::new());
        for lives in all {
            let (value, ci95) = over_cells(lives, setting, |lives| statistic(lives, state));
            let [low, high] = ci95.unwrap_or([value; 2]);
            drawn.y.push(value);
            drawn.low.push(low);
            drawn.high.push(high);
        }
        drawn
    };
    let as_much = Line::new("as much as the parts", x.clone(), x.clone()).dashed();
    Series {
        name: "figure_3a_spread".into(),
        caption: "Standard deviation of ln R against the assumed one of the parts' logarithms.".into(),
        x: Axis::logarithmic("assumed spread of the parts", "1"),
        y: Axis::logarithmic("spread of ln R", "1"),
        lines: vec![
            of("SET, from cycle to cycle", c2c, State::Set),
            of("RESET, from cycle to cycle", c2c, State::Reset),
            of("SET, from device to device", d2d, State::Set),
            of("RESET, from device to device", d2d, State::Reset),
            as_much,
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_within_and_between_cells_are_told_apart() {
        // Cells with means of standard deviation 0.5 and cycles of 0.2, drawn.
        let key = Key::root(3);
        let lives: Vec<Life> = (0..400)
            .map(|cell| {
                let stream = key.stream(neurohm_num::Purpose::Data, cell);
                let ln: Vec<f64> = (0..4)
                    .map(|n| 9.0 + 0.5 * f64::from(stream.normal(0)) + 0.2 * f64::from(stream.normal(1 + n)))
                    .collect();
                Life { set: ln.clone(), reset: ln.iter().map(|v| v + 4.0).collect() }
            })
            .collect();
        let all: Vec<&Life> = lives.iter().collect();
        // Four standard errors: 0.2/sqrt(2 x 1200) and 0.5/sqrt(2 x 400).
        assert!((c2c(&all, State::Set) - 0.2).abs() < 0.017, "{}", c2c(&all, State::Set));
        assert!((d2d(&all, State::Set) - 0.5).abs() < 0.072, "{}", d2d(&all, State::Set));
        assert!((apart(&all) - 4.0 / 0.4).abs() < 0.9, "{}", apart(&all));
    }

    #[test]
    fn parts_that_do_not_scatter_give_cells_that_are_alike() {
        let setting = Setting {
            effort: Effort::Quick,
            seed: 1,
            inputs: &neurohm_study::Disk,
            watch: &neurohm_num::Unwatched,
        };
        let lives = lives(0.0, 2, 2, &setting).unwrap();
        let all: Vec<&Life> = lives.iter().collect();
        for state in [State::Set, State::Reset] {
            assert!(c2c(&all, state) < 1e-9 && d2d(&all, state) < 1e-9);
        }
    }
}
