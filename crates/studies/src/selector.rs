//! `selector`: how much of the read voltage a selector may take, and how crooked cells may be, before a network fails.
//!
//! A trained network is programmed with the same devices again and again, behind access transistors and selectors that
//! take more and more of the voltage, and with cells whose current rises faster and faster. Currents follow the law of each
//! cell at the voltage of each input.

use neurohm_array::wires::Access;
use neurohm_array::{Cells, ChipSpec, Drive, Lines, SettingError, Tally};
use neurohm_num::quantity::{self, Dimension};
use neurohm_study::record::{Axis, Better, Bound, Column, Line, Map, MapAxes, Series, Table};
use neurohm_study::{Inputs, Outcome, Run, Study, StudyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::material::{self, Asked, Material};
use crate::networks::NETWORKS;
use crate::tolerance::{INTERVALS, Judged, judged, points, question, tolerated};

mod family;

pub use family::SelectorKind;
use family::{Family, InSeries, TRANSISTOR, asked, cells, families, full_s, has_levels, strengths};

/// The study.
pub struct Selectors;

/// What `selector` can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectorConfig {
    /// An embedded network (`strokes-mlp`, `strokes-cnn`) or the path of an ONNX file.
    pub model: String,
    /// The samples: `strokes`, `mnist:PATH`, `cifar10:PATH`, `npz:FILE`.
    pub data: String,
    /// At most so many test samples are run.
    pub images: usize,
    /// At most so many samples are shown to converters that take their range from data.
    pub calibration: usize,
    /// When devices are read, after programming.
    #[serde(with = "quantity::second")]
    #[schemars(with = "String")]
    pub at: f64,
    /// Kinds beside the access transistor, which is always run.
    pub kinds: Vec<SelectorKind>,
    /// Parts of the read voltage that lie across the selector of a cell of the largest conductance at the full read
    /// voltage; of a threshold selector, those at which it turns on.
    pub parts: Vec<f64>,
    /// Gate voltage of the transistors above their threshold, in read voltages.
    pub overdrive: f64,
    /// Voltage scale of exponential selectors and diodes.
    #[serde(with = "quantity::volt")]
    #[schemars(with = "String")]
    pub slope: f64,
    /// `a` of cells without selectors whose current is `G sinh(a V) / a`, 1/V.
    pub sinh_per_v: Vec<f64>,
    /// Loss of accuracy that is borne, in points of a percentage.
    pub loss: f64,
}

impl Default for SelectorConfig {
    fn default() -> Self {
        Self {
            model: NETWORKS[0].name.to_string(),
            data: NETWORKS[0].data.to_string(),
            images: 500,
            calibration: 128,
            at: 20.0,
            kinds: vec![SelectorKind::Exponential, SelectorKind::Threshold],
            parts: vec![0.1, 0.2, 0.4, 0.8, 0.95],
            overdrive: 5.0,
            slope: 0.025,
            sinh_per_v: vec![3.0, 10.0, 20.0, 40.0],
            loss: 1.0,
        }
    }
}

/// What stands for the study: the resistance of an access transistor that is borne.
const TOLERATED: &str = "tolerated_transistor";

impl Study for Selectors {
    const NAME: &'static str = "selector";
    const REVISION: u32 = 2;
    type Config = SelectorConfig;
    type Shared = Material;

    fn title(&self) -> &'static str {
        "Selectors and non-linear cells"
    }
    fn about(&self) -> &'static str {
        "What may be in series with a cell, and how crooked may its own current be? A trained network is programmed onto \
         the same devices behind access transistors, selectors and switches that take a rising part of the read voltage, and \
         with cells of rising non-linearity. Each cell carries the current of its law at the voltage of each input; lines \
         have no resistance. A full weight at full voltage is the unit, so that only departures from proportion count. \
         Predistorted inputs are voltages at which a cell of the largest conductance is in proportion."
    }
    fn merit(&self) -> &'static str {
        TOLERATED
    }
    /// The access resistance that NeuroSim takes by default (`resistanceAccess`).
    fn target(&self, _merit: &str, _ideal: f64) -> f64 {
        15e3
    }
    fn uses(&self, _config: &SelectorConfig) -> &'static [&'static str] {
        crate::IDEAL_LINES
    }
    fn full(&self) -> SelectorConfig {
        SelectorConfig {
            images: 2000,
            kinds: vec![SelectorKind::Exponential, SelectorKind::Diode, SelectorKind::Threshold],
            parts: vec![0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98],
            sinh_per_v: vec![0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0],
            ..SelectorConfig::default()
        }
    }
    fn smoke(&self) -> SelectorConfig {
        let (kinds, parts) = (Vec::new(), vec![0.2, 0.9]);
        SelectorConfig {
            images: 12,
            calibration: 8,
            kinds,
            parts,
            sinh_per_v: vec![10.0],
            ..SelectorConfig::default()
        }
    }
    /// Transistors and exponential selectors, read right after programming.
    fn of_a_card(&self) -> SelectorConfig {
        SelectorConfig {
            images: 200,
            at: 0.0,
            kinds: vec![SelectorKind::Exponential],
            parts: vec![0.2, 0.4, 0.8, 0.95],
            sinh_per_v: Vec::new(),
            ..SelectorConfig::default()
        }
    }
    /// What is asked is one non-ideality already.
    fn ablates(&self) -> bool {
        false
    }
    fn chips(&self, effort: neurohm_study::Effort) -> usize {
        match effort {
            neurohm_study::Effort::Smoke => 2,
            neurohm_study::Effort::Quick => 3,
            neurohm_study::Effort::Full => 5,
        }
    }
    fn check(&self, c: &SelectorConfig) -> Result<(), SettingError> {
        let wrong = |path: String, problem: String| Err(SettingError::value(path, problem));
        if c.images == 0 || c.calibration == 0 {
            let path = if c.images == 0 { "images" } else { "calibration" };
            return wrong(path.into(), format!("{path} = 0 leaves nothing to run"));
        }
        if c.parts.len() < 2 || c.parts.windows(2).any(|w| w[0] >= w[1]) {
            return wrong("parts".into(), "two parts or more are needed, and they must increase".into());
        }
        if let Some(i) = c.parts.iter().position(|p| !(1e-4..=0.99).contains(p)) {
            return wrong(
                format!("parts[{i}]"),
                "a part of the read voltage from 0.0001 to 0.99 is needed".into(),
            );
        }
        if let Some(i) = c.sinh_per_v.iter().position(|a| !(1e-3..=1e3).contains(a)) {
            return wrong(
                format!("sinh_per_v[{i}]"),
                "a non-linearity from 0.001 to 1000 1/V is needed".into(),
            );
        }
        if c.sinh_per_v.windows(2).any(|w| w[0] >= w[1]) {
            return wrong("sinh_per_v".into(), "they must increase".into());
        }
        if let Some(i) = (1..c.kinds.len()).find(|i| c.kinds[..*i].contains(&c.kinds[*i])) {
            return wrong(format!("kinds[{i}]"), "it is named twice".into());
        }
        // A transistor across which its whole overdrive lies carries no more than that.
        if !(1.0..=1e3).contains(&c.overdrive) {
            return wrong("overdrive".into(), "1 to 1000 read voltages are needed".into());
        }
        if !(1e-3..=1.0).contains(&c.slope) {
            return wrong("slope".into(), "a voltage scale from 1 mV to 1 V is needed".into());
        }
        if !(c.loss > 0.0 && c.loss <= 100.0) {
            return wrong("loss".into(), "a loss above 0 and up to 100 points is needed".into());
        }
        crate::check_times(c.at, &[])
    }
    fn horizon_s(&self, c: &SelectorConfig) -> Option<f64> {
        Some(c.at)
    }
    fn prepares_by_seed(&self) -> bool {
        false
    }
    fn work(&self, c: &SelectorConfig, shared: &Material, chip: &ChipSpec, merit_only: bool) -> u64 {
        let count = |family: &Family| strengths(c, family).len();
        let all: usize = if merit_only { c.parts.len() } else { families(c, chip).iter().map(count).sum() };
        let own = usize::from(!merit_only && !chip.cells.are_linear());
        ((1 + all + own) * shared.samples()) as u64
    }

    fn prepare(
        &self,
        c: &SelectorConfig,
        inputs: &dyn Inputs,
        run: &Run<'_>,
    ) -> Result<Material, StudyError> {
        material::prepare(Asked::new(&c.model, &c.data, c.images, c.calibration), inputs, run)
    }

    fn trial(
        &self,
        c: &SelectorConfig,
        shared: &Material,
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError> {
        let mut out = Outcome::default();
        let on_ideal_lines = ChipSpec { wires: Lines::Ideal {}, ..chip.clone() };
        let judge = |cells: Cells| judged(c.at, shared, &ChipSpec { cells, ..on_ideal_lines.clone() }, run);
        let without = judge(Cells::default())?;
        let families = if run.merit_only { vec![TRANSISTOR] } else { families(c, chip) };
        let mut rows: Vec<Vec<Judged>> = Vec::new();
        for family in &families {
            let mut row = vec![without.clone()];
            for strength in strengths(c, family) {
                row.push(judge(cells(c, family, *strength, chip)?)?);
            }
            rows.push(row);
        }
        self.report(c, chip, &families, &rows, &question(c.at, shared), run, &mut out)?;
        let mut all: Vec<Judged> = rows.iter().flat_map(|row| &row[1..]).cloned().chain([without]).collect();
        if !run.merit_only && !chip.cells.are_linear() {
            let found = judge(chip.cells.clone())?;
            let about = "decisions that are right with the chip's own cells";
            out.measure("own_cells", found.accuracy, "%", Some(Better::Higher), about);
            let about = "output error with the chip's own cells";
            out.measure("output_error_own_cells", found.error, "1", Some(Better::Lower), about);
            out.limits.insert("own_cells".into(), [0.0, 100.0]);
            all.push(found);
        }
        let mut tally = Tally::default();
        all.iter().for_each(|judged| tally += judged.tally);
        out.tally = tally.named().into_iter().map(|(k, v)| (k.to_string(), v)).collect();
        out.info(shared.about().to_string());
        out.info(INTERVALS);
        if let Some((terms, _)) =
            all.iter().filter_map(|j| j.expansion).reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)))
        {
            out.info(format!(
                "Up to {terms} products of matrices stand for one product of such cells; they miss less than 0.01 % of the \
                 current of a full weight at any cell and input."
            ));
        }
        if c.kinds.contains(&SelectorKind::Threshold) && !has_levels(chip) {
            out.info(
                "Threshold selectors were left out: their current jumps, so the chip needs a DAC of up to 8 bits and no \
                 input_noise.",
            );
        }
        Ok(out)
    }
}

impl Selectors {
    fn report(
        &self,
        c: &SelectorConfig,
        chip: &ChipSpec,
        families: &[Family],
        rows: &[Vec<Judged>],
        question: &str,
        run: &Run<'_>,
        out: &mut Outcome,
    ) -> Result<(), StudyError> {
        let full_s = full_s(chip)?;
        let ohm = |part: f64| part / (1.0 - part) / full_s;
        let found = tolerated(&c.parts, &rows[0], c.loss);
        let about = format!(
            "resistance of an access transistor behind which the network has lost {} of accuracy ({question})",
            points(c.loss)
        );
        out.measure(TOLERATED, ohm(found.strength), "ohm", Some(Better::Higher), about);
        out.resolution.insert(TOLERATED.into(), found.ends.map(ohm));
        out.bounds.extend(found.bound().map(|bound| (TOLERATED.to_string(), bound)));
        let [first, last] = [c.parts[0], c.parts[c.parts.len() - 1]];
        out.limits.insert(TOLERATED.into(), [ohm(first), ohm(last)]);
        let end = |more: bool| {
            let (what, given) = if more {
                ("more than the largest", "larger")
            } else {
                ("less than the smallest", "smaller")
            };
            format!(
                "Of some chips the network bears {what} transistor that was asked for: that number stands for theirs. Give \
                 {given} config.parts."
            )
        };
        if let Some(more) = found.beyond {
            out.caution(end(more));
        }
        let about = "decisions that are right with cells that obey Ohm's law";
        out.measure("without_selectors", rows[0][0].accuracy, "%", Some(Better::Higher), about);
        out.limits.insert("without_selectors".into(), [0.0, 100.0]);
        let about =
            "||y - y0|| / ||y0|| of all outputs against the digital run, with cells that obey Ohm's law";
        out.measure("output_error", rows[0][0].error, "1", Some(Better::Lower), about);
        if run.merit_only {
            return Ok(());
        }
        for (family, row) in families.iter().zip(rows) {
            let strengths = strengths(c, family);
            let found = tolerated(strengths, row, c.loss);
            let (scale, unit, what) = match family.series {
                InSeries::Nothing => (1.0, "1/V", "a, of I = G sinh(a V) / a"),
                InSeries::Selector(SelectorKind::Threshold) => {
                    (100.0, "%", "part of the read voltage at which it turns on")
                }
                _ => (100.0, "%", "part of the read voltage across it"),
            };
            // The number, what is open of it, and the ends of what was asked for.
            let mut put = |key: String, values: [f64; 5], unit: &'static str, better: Better, what: &str| {
                let about = format!("{}: {what}, where {} of accuracy is lost", family.name, points(c.loss));
                out.measure(&key, values[0], unit, Some(better), about);
                let sorted = |a: f64, b: f64| [a.min(b), a.max(b)];
                out.resolution.insert(key.clone(), sorted(values[1], values[2]));
                // A stronger selector carries less at the same voltage.
                let bound = found.bound().map(|bound| match (bound, better) {
                    (Bound::More, Better::Higher) | (Bound::Less, Better::Lower) => Bound::More,
                    _ => Bound::Less,
                });
                out.bounds.extend(bound.map(|bound| (key.clone(), bound)));
                out.limits.insert(key, sorted(values[3], values[4]));
            };
            if family.series == InSeries::Transistor {
                continue;
            }
            let [low, high] = found.ends;
            let ends = [found.strength, low, high, strengths[0], strengths[strengths.len() - 1]];
            put(format!("tolerated_{}", family.key), ends.map(|s| scale * s), unit, Better::Higher, what);
            let currents: Option<Vec<f64>> = ends
                .iter()
                .map(|strength| match cells(c, family, *strength, chip).ok()?.access {
                    Access::Exponential { scale_a, .. } => Some(scale_a),
                    _ => None,
                })
                .collect();
            if let Some(currents) = currents.and_then(|all| <[f64; 5]>::try_from(all).ok()) {
                let what = format!("its I0, with V0 = {}", quantity::format(c.slope, Dimension::Volt));
                put(format!("tolerated_{}_i0", family.key), currents, "A", Better::Lower, &what);
            }
        }
        let ends = |part: f64, per_v: Option<&f64>| {
            let transistor = quantity::format(ohm(part), Dimension::Ohm);
            let selectors =
                (!c.kinds.is_empty()).then(|| format!("selectors {} % of the read voltage", 100.0 * part));
            let sinh = per_v.map(|a| format!("sinh cells {a} 1/V"));
            let all = [Some(format!("transistors {transistor}")), selectors, sinh];
            all.into_iter().flatten().collect::<Vec<_>>().join(", ")
        };
        out.info(format!(
            "Chips that bear more than the most that was asked for ({}), or less than the least ({}), count as that, and the \
             number is a bound: more, or less, than that.",
            ends(last, c.sinh_per_v.last()),
            ends(first, c.sinh_per_v.first())
        ));
        out.tables.push(Table {
            name: "cells".into(),
            caption: "What is in series with the cells, or what they are, from the gentlest that was asked for to the strongest."
                .into(),
            columns: [("cells", ""), ("quantity", ""), ("from", ""), ("to", ""), ("unit", "")]
                .map(|(name, unit)| Column { name: name.into(), unit: unit.into() })
                .into(),
            rows: families.iter().map(|family| asked(c, family, chip)).collect::<Result<_, _>>()?,
        });
        self.figures(c, families, rows, out);
        self.currents(c, chip, families, out)
    }

    fn figures(&self, c: &SelectorConfig, families: &[Family], rows: &[Vec<Judged>], out: &mut Outcome) {
        let of = |in_series: bool| {
            families.iter().zip(rows).filter(move |(f, _)| (f.series != InSeries::Nothing) == in_series)
        };
        let percent: Vec<f64> = c.parts.iter().map(|p| 100.0 * p).collect();
        let lines = |in_series: bool, x: &[f64], value: fn(&Judged) -> f64| -> Vec<Line> {
            let line = |(f, row): (&Family, &Vec<Judged>)| {
                Line::new(f.name, x.to_vec(), row[1..].iter().map(value).collect())
            };
            of(in_series).map(line).collect()
        };
        let axis = || Axis::logarithmic("read voltage across the selector", "%");
        out.series.push(Series {
            name: "accuracy_over_part".into(),
            caption: "Decisions that are right against the part of the read voltage that lies across the selector of a cell of \
                      the largest conductance; of a threshold selector, at which it turns on."
                .into(),
            x: axis(),
            y: Axis::linear("accuracy", "%"),
            lines: lines(true, &percent, |j| j.accuracy),
        });
        out.limits.insert("accuracy_over_part".into(), [0.0, 100.0]);
        out.series.push(Series {
            name: "output_error_over_part".into(),
            caption: "Distance of the network's outputs from the digital run, ||y - y0|| / ||y0||.".into(),
            x: axis(),
            y: Axis::logarithmic("output error", "1"),
            lines: lines(true, &percent, |j| j.error),
        });
        if !c.sinh_per_v.is_empty() {
            out.series.push(Series {
                name: "accuracy_over_sinh".into(),
                caption:
                    "Decisions that are right with cells whose current is G sinh(a V) / a, without selectors."
                        .into(),
                x: Axis::logarithmic("a", "1/V"),
                y: Axis::linear("accuracy", "%"),
                lines: lines(false, &c.sinh_per_v, |j| j.accuracy),
            });
            out.limits.insert("accuracy_over_sinh".into(), [0.0, 100.0]);
        }
        let shown: Vec<_> = of(true).collect();
        let said = |part: &f64| format!("{} %", 100.0 * part);
        out.maps.push(Map {
            name: "accuracy".into(),
            caption: "Decisions that are right, by what is in series with the cells and the part of the read voltage across \
                      it; mean and 95 % interval over chips."
                .into(),
            rows: shown.len(),
            cols: c.parts.len() + 1,
            values: shown.iter().flat_map(|(_, row)| row.iter().map(|j| j.accuracy as f32)).collect(),
            label: "accuracy".into(),
            unit: "%".into(),
            diverging: false,
            axes: Some(MapAxes {
                rows: "in series".into(),
                row_names: shown.iter().map(|(f, _)| f.name.to_string()).collect(),
                columns: "read voltage across it".into(),
                column_names: ["none".to_string()].into_iter().chain(c.parts.iter().map(said)).collect(),
            }),
            half: Vec::new(),
        });
    }

    /// What the cells do: the current of a full cell against the input.
    fn currents(
        &self,
        c: &SelectorConfig,
        chip: &ChipSpec,
        families: &[Family],
        out: &mut Outcome,
    ) -> Result<(), StudyError> {
        let part = c.parts[c.parts.len() / 2];
        let (full_s, read_v) = (full_s(chip)?, chip.read.voltage_v);
        let x: Vec<f64> = (0..=50).map(|k| f64::from(k) / 50.0).collect();
        let mut lines = Vec::new();
        for family in families.iter().filter(|f| f.drive == Drive::Even) {
            let strengths = strengths(c, family);
            let in_series = family.series != InSeries::Nothing;
            let strength = if in_series { part } else { strengths[strengths.len() / 2] };
            let law = cells(c, family, strength, chip)?.law();
            let current = |x: &f64| law.alone(full_s, x * read_v).current_a;
            let top = current(&1.0);
            let name = if in_series {
                family.name.to_string()
            } else {
                format!("{}, a = {strength} 1/V", family.name)
            };
            lines.push(Line::new(name, x.clone(), x.iter().map(|x| current(x) / top).collect()));
        }
        lines.push(Line::new("Ohm's law", x.clone(), x).dashed());
        out.series.push(Series {
            name: "current_over_input".into(),
            caption: format!(
                "Current of a cell of the largest conductance against the input, as parts of the full ones, where {} % of the \
                 read voltage lie across the selector.",
                100.0 * part
            ),
            x: Axis::linear("input", "1"),
            y: Axis::linear("current", "1"),
            lines,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_take_the_part_of_the_voltage_that_is_asked_for() {
        let chip = neurohm_array::chip_preset("default").unwrap();
        let kinds = vec![SelectorKind::Exponential, SelectorKind::Diode, SelectorKind::Threshold];
        let c = SelectorConfig { kinds, ..SelectorConfig::default() };
        let full_s = full_s(&chip).unwrap();
        for family in families(&c, &chip).iter().filter(|f| f.series != InSeries::Nothing) {
            for part in [0.05, 0.3, 0.9] {
                let law = cells(&c, family, part, &chip).unwrap().law();
                let current = |v: f64| law.alone(full_s, v).current_a / full_s;
                if let Access::Threshold { .. } = law.access {
                    let v = 0.2 * part;
                    assert!(
                        current(0.999 * v) < 1e-5 * v && current(1.001 * v) > 0.998 * v,
                        "{}",
                        family.name
                    );
                } else {
                    assert!(
                        (current(0.2) / (0.2 * (1.0 - part)) - 1.0).abs() < 1e-6,
                        "{} {part}",
                        family.name
                    );
                }
            }
        }
    }
}
