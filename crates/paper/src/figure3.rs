//! Figure 3: what memristive devices do that computing in memory stands on, on phase-change memory.

use neurohm_device::compact::Waveform;
use neurohm_device::{CellArray, DeviceSpec, preset};
use neurohm_lab::{Device, LabError, Rig};
use neurohm_num::{Key, stats};
use neurohm_study::record::{Axis, Level, Line, Note, Series};

use crate::claim::{Claim, Rule, axis, review};
use crate::{Effort, Entry, Evidence, Setting};

/// The mushroom cell, and the load through which it is programmed.
const CELL: &str = "pcm_mushroom_gst_90nm";
const LOAD_OHM: f64 = 10e3;
/// Capacitance of the wires at the cell: behind the load it charges within 0.1 ns.
const WIRES_F: f64 = 10e-15;
/// Voltage of the cell while it is on: the source gives this much more than the load takes.
const ON_V: f64 = 0.85;
/// Voltage of a read, V.
const READ_V: f64 = 0.1;
/// Rise and fall of a programming pulse, s; the fall quenches.
const EDGE_S: f64 = 4e-9;

/// A PCM cell that current pulses program.
struct Cell {
    device: Device,
    rig: Rig,
}

impl Cell {
    fn new(spec: &DeviceSpec, key: Key) -> Result<Cell, LabError> {
        let rig = Rig { series_ohm: LOAD_OHM, parallel_f: WIRES_F, ..Rig::default() };
        Ok(Cell { device: Device::new(spec, 0, key)?, rig })
    }

    /// About `i_a` for `width_s` with the fall `fall_s`, and 20 ns to cool.
    fn pulse(&mut self, i_a: f64, width_s: f64, fall_s: f64, setting: &Setting) -> Result<(), LabError> {
        let top = i_a * LOAD_OHM + ON_V;
        let (up, down) = (EDGE_S + width_s, EDGE_S + width_s + fall_s);
        let end = down + 20e-9;
        let wave = Waveform::Points(vec![(0.0, 0.0), (EDGE_S, top), (up, top), (down, 0.0), (end, 0.0)]);
        self.device.apply(&wave, end, width_s / 20.0, &self.rig, setting.watch)?;
        Ok(())
    }

    /// Melts everything that can melt, and quenches.
    fn reset(&mut self, i_a: f64, setting: &Setting) -> Result<(), LabError> {
        self.pulse(i_a, 50e-9, EDGE_S, setting)
    }

    /// Crystallises: hot, and let down slowly through the temperatures at which crystals grow.
    fn set(&mut self, setting: &Setting) -> Result<(), LabError> {
        self.pulse(300e-6, 200e-9, 2e-6, setting)
    }

    /// Resistance at a read, ohm.
    fn ohm(&mut self) -> Result<f64, LabError> {
        Ok(1.0 / self.device.conductance_s(READ_V, &Rig::default())?)
    }
}

fn cell(setting: &Setting) -> Result<Cell, LabError> {
    Cell::new(&preset(CELL)?, Key::root(setting.seed).child("figure 3", 0))
}

fn ohm_axis() -> Axis {
    Axis { label: "resistance".into(), unit: "ohm".into(), log: true }
}

fn line(name: &str, x: Vec<f64>, y: Vec<f64>) -> Line {
    Line { name: name.into(), x, y, low: Vec::new(), high: Vec::new(), reference: false }
}

fn caution(evidence: &mut Evidence, text: &str) {
    evidence.notes.push(Note { level: Level::Caution, text: text.into() });
}

pub(crate) const BINARY: Entry = Entry {
    figure: "3a",
    title: "Binary storage: SET and RESET, again and again",
    about: "A phase-change mushroom cell (electro-thermal equations) is melted and quenched, crystallised, and read after \
            each, many times.",
    claims: &[
        Claim {
            key: "window",
            claim: "A PCM device is switched repeatedly between a low and a high resistance: smallest ratio of a cycle",
            published: axis("about 1e4 against 1e6 to 1e7 ohm"),
            unit: "1",
            rule: Rule::AtLeast(10.0),
        },
        Claim {
            key: "set",
            claim: "Resistance of the SET state",
            published: axis("about 1e4 ohm"),
            unit: "ohm",
            rule: Rule::NotComparable("a parameter of the cell, which was chosen after this axis"),
        },
        Claim {
            key: "reset",
            claim: "Resistance of the RESET state",
            published: axis("1e6 to 1e7 ohm"),
            unit: "ohm",
            rule: Rule::Between(1e6, 1e7),
        },
        Claim {
            key: "repeatable",
            claim: "Both states come back: spread of ln R over cycles, the larger one",
            published: review("switched between high and low resistance values in a repeatable manner"),
            unit: "1",
            rule: Rule::NotComparable(
                "the equations hold no chance: they come back to the same digits, which says nothing",
            ),
        },
        Claim {
            key: "cycles",
            claim: "The window stands for more than 1e8 cycles",
            published: axis("cycles on the axis up to 1e8 and more"),
            unit: "1",
            rule: Rule::NotComparable(
                "the equations have no wear: they would cycle for ever, which says nothing",
            ),
        },
    ],
    run: binary,
};

fn binary(setting: &Setting) -> Result<Evidence, LabError> {
    let cycles = if setting.effort == Effort::Quick { 30 } else { 300 };
    setting.watch.begin("figure 3a", Some(cycles));
    let mut cell = cell(setting)?;
    let (mut set, mut reset) = (Vec::new(), Vec::new());
    for _ in 0..cycles {
        cell.reset(500e-6, setting)?;
        reset.push(cell.ohm()?);
        cell.set(setting)?;
        set.push(cell.ohm()?);
        setting.watch.step(1)?;
    }
    let mut evidence = Evidence::default();
    let window = reset.iter().zip(&set).map(|(r, s)| r / s).fold(f64::INFINITY, f64::min);
    evidence.put("window", window, None);
    let ln = |v: &[f64]| v.iter().map(|r| libm::log(*r)).collect::<Vec<_>>();
    let median = |v: &[f64]| libm::exp(stats::mean(&ln(v)));
    evidence.put("set", median(&set), None);
    evidence.put("reset", median(&reset), None);
    evidence.put("repeatable", stats::sd(&ln(&set)).max(stats::sd(&ln(&reset))), None);
    let x: Vec<f64> = (1..=cycles).map(|n| n as f64).collect();
    evidence.series.push(Series {
        name: "figure_3a".into(),
        caption: "Resistance after every SET and RESET of a mushroom cell.".into(),
        x: Axis { label: "cycle".into(), unit: "1".into(), log: true },
        y: ohm_axis(),
        lines: vec![line("SET", x.clone(), set), line("RESET", x, reset)],
    });
    caution(
        &mut evidence,
        "One cell without spread: how repeatable cells are in silicon is not in the equations.",
    );
    Ok(evidence)
}

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
            rule: Rule::AtLeast(100.0),
        },
        Claim {
            key: "start",
            claim: "Resistance before melting sets in",
            published: axis("about 1e4 ohm"),
            unit: "ohm",
            rule: Rule::Between(3e3, 3e4),
        },
        Claim {
            key: "end",
            claim: "Resistance after the largest current (800 uA)",
            published: axis("1e6 to 1e7 ohm"),
            unit: "ohm",
            rule: Rule::Between(1e6, 1e7),
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
            claim: "A continuum: pulses of the curve that end between a twentieth and 95 % of the range (of log R)",
            published: review("a continuum of resistance levels"),
            unit: "1",
            rule: Rule::AtLeast(8.0),
        },
    ],
    run: continuum,
};

fn continuum(setting: &Setting) -> Result<Evidence, LabError> {
    let step_ua = if setting.effort == Effort::Quick { 5 } else { 1 };
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
    let within = ohm.iter().filter(|r| (0.05..=0.95).contains(&part(**r))).count();
    evidence.put("levels", within as f64, None);
    evidence.series.push(Series {
        name: "figure_3b".into(),
        caption: "Resistance after RESET pulses of rising amplitude, from the crystalline state.".into(),
        x: Axis { label: "programming current".into(), unit: "A".into(), log: false },
        y: ohm_axis(),
        lines: vec![line("mushroom cell", currents, ohm)],
    });
    Ok(evidence)
}

pub(crate) const ACCUMULATION: Entry = Entry {
    figure: "3c",
    title: "Accumulation: equal SET pulses, one after another",
    about: "Many cells of the measured statistics of accumulation (Nandakumar et al. 2018) are reset and given equal SET \
            pulses; beside them one mushroom cell of the electro-thermal equations.",
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
            claim: "Resistance of the RESET state over that after twenty pulses (of mean conductances)",
            published: axis("about a decade within 30 pulses, from the RESET state"),
            unit: "1",
            rule: Rule::Between(3.0, 30.0),
        },
        Claim {
            key: "after_ten",
            claim: "Mean conductance after ten pulses",
            published: crate::Published {
                words: "7.832 uS by an independent computation of the published statistics",
                known: crate::Known::Published,
            },
            unit: "uS",
            rule: Rule::Between(7.80, 7.87),
        },
        Claim {
            key: "physics",
            claim: "The equations accumulate too: SET pulses from RESET until the dome is gone",
            published: review("successive application of SET pulses with the same amplitude"),
            unit: "1",
            rule: Rule::AtLeast(4.0),
        },
    ],
    run: accumulation,
};

fn accumulation(setting: &Setting) -> Result<Evidence, LabError> {
    let cells = if setting.effort == Effort::Quick { 200_000 } else { 2_000_000 };
    setting.watch.begin("figure 3c", None);
    let spec = preset("pcm_accumulate")?;
    let mut array = CellArray::new(spec.statistics()?, cells, Key::root(setting.seed).child("figure 3c", 0))?;
    array.reset()?;
    let mut read = vec![0.0_f32; cells];
    let (mut mean, mut low, mut high, mut ci95) = (Vec::new(), Vec::new(), Vec::new(), None);
    for pulse in 0..=20_u16 {
        if pulse > 0 {
            array.pulse_all(0, 1)?;
        }
        array.verify_into(&mut read)?;
        let g: Vec<f64> = read.iter().map(|g| f64::from(*g)).collect();
        let (m, interval) = stats::mean_ci95(&g);
        if pulse == 10 {
            ci95 = interval.map(|i| [1e6 * i.low, 1e6 * i.high]);
        }
        mean.push(m);
        low.push(1.0 / stats::quantile(&g, 0.84).unwrap_or(m));
        high.push(1.0 / stats::quantile(&g, 0.16).unwrap_or(m));
        setting.watch.step(1)?;
    }
    let mut evidence = Evidence::default();
    let rises = mean.windows(2).filter(|w| w[1] <= w[0]).count();
    evidence.put("falls", rises as f64, None);
    evidence.put("ratio", mean[20] / mean[0], None);
    evidence.put("after_ten", 1e6 * mean[10], ci95);
    let mut cell = cell(setting)?;
    cell.reset(450e-6, setting)?;
    // The first warm pulses anneal the glass just quenched, which raises the resistance; crystals only lower it.
    for _ in 0..2 {
        cell.pulse(250e-6, 10e-9, EDGE_S, setting)?;
    }
    let mut physics = vec![cell.ohm()?];
    for _ in 0..20 {
        cell.pulse(250e-6, 10e-9, EDGE_S, setting)?;
        physics.push(cell.ohm()?);
    }
    let gone = physics.iter().position(|r| *r < 1.1e4).unwrap_or(physics.len());
    evidence.put("physics", gone as f64, None);
    let x: Vec<f64> = (0..=20).map(f64::from).collect();
    let statistics = Line {
        low,
        high,
        ..line("statistics of many cells (16 to 84 %)", x.clone(), mean.iter().map(|m| 1.0 / m).collect())
    };
    evidence.series.push(Series {
        name: "figure_3c".into(),
        caption: "Resistance after equal SET pulses, from RESET.".into(),
        x: Axis { label: "SET pulse".into(), unit: "1".into(), log: false },
        y: ohm_axis(),
        lines: vec![statistics, line("one mushroom cell", x, physics)],
    });
    Ok(evidence)
}
