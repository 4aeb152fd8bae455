//! `wires`: how much resistance of its lines a chip bears, by the size of its crossbars.
//!
//! A trained network is programmed with the same devices again and again, behind lines of different resistance and on
//! crossbars of different size; products then see the effective matrix of each crossbar's circuit, solved exactly.

use neurohm_array::{ChipSpec, Lines, ResistiveLines, SettingError, Tally};
use neurohm_num::quantity::{self, Dimension};
use neurohm_study::record::{Axis, Better, Cell, Column, Line, Map, MapAxes, Series, Table};
use neurohm_study::{Inputs, Outcome, Run, Study, StudyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::material::{self, Asked, Material};
use crate::networks::NETWORKS;
use crate::tolerance::{INTERVALS, Judged, judged, points, question, tolerated};

/// The study.
pub struct WireResistance;

/// What `wires` can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WiresConfig {
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
    /// Resistances of a segment, word line and bit line alike, from one device to the next.
    #[serde(with = "quantity::vec_ohm")]
    #[schemars(with = "Vec<String>")]
    pub segments: Vec<f64>,
    /// Rows and columns of square crossbars, beside the chip's own.
    pub tiles: Vec<u32>,
    /// Loss of accuracy that is borne, in points of a percentage.
    pub loss: f64,
}

impl Default for WiresConfig {
    fn default() -> Self {
        Self {
            model: NETWORKS[0].name.to_string(),
            data: NETWORKS[0].data.to_string(),
            images: 500,
            calibration: 128,
            at: 20.0,
            segments: vec![0.3, 1.0, 3.0, 10.0, 30.0],
            tiles: vec![64, 128, 512],
            loss: 1.0,
        }
    }
}

/// What stands for the study: the resistance that is borne.
const TOLERATED: &str = "tolerated_segment";

impl Study for WireResistance {
    const NAME: &'static str = "wires";
    const REVISION: u32 = 2;
    type Config = WiresConfig;
    type Shared = Material;

    fn title(&self) -> &'static str {
        "Resistance of wires"
    }
    fn about(&self) -> &'static str {
        "How much resistance may the lines of a crossbar have, and how large may it be? A trained network is programmed \
         onto the same devices behind lines of rising resistance and on crossbars of several sizes. Voltages fall along \
         the lines as the circuit of each crossbar has it, solved exactly at each read; its cells are linear. Converters \
         take their ranges and drift compensation its factor behind the lines, as on a chip."
    }
    fn merit(&self) -> &'static str {
        TOLERATED
    }
    /// A segment of two pitches of 40 nm copper: rho l / (w^2 aspect) with l = 80 nm, 29.7 nohm m and an aspect of 1.9
    /// (the table of wires in `crates/array/constants/copper.toml`) is 0.8 ohm; and one of 20 nm lines 2.1 ohm.
    fn target(&self, _merit: &str, _ideal: f64) -> f64 {
        1.0
    }
    fn uses(&self, _config: &WiresConfig) -> &'static [&'static str] {
        crate::LINEAR_CELLS
    }
    fn full(&self) -> WiresConfig {
        WiresConfig {
            images: 2000,
            segments: vec![0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0],
            tiles: vec![32, 64, 128, 512, 784],
            ..WiresConfig::default()
        }
    }
    fn smoke(&self) -> WiresConfig {
        let (segments, tiles) = (vec![3.0, 100.0], Vec::new());
        WiresConfig { images: 12, calibration: 8, segments, tiles, ..WiresConfig::default() }
    }
    /// The chip's own crossbars alone, read once, right after programming.
    fn of_a_card(&self) -> WiresConfig {
        let (segments, tiles) = (vec![3.0, 10.0, 30.0], Vec::new());
        WiresConfig { images: 200, at: 0.0, segments, tiles, ..WiresConfig::default() }
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
    fn check(&self, c: &WiresConfig) -> Result<(), SettingError> {
        let wrong = |path: String, problem: String| Err(SettingError::value(path, problem));
        if c.images == 0 || c.calibration == 0 {
            let path = if c.images == 0 { "images" } else { "calibration" };
            return wrong(path.into(), format!("{path} = 0 leaves nothing to run"));
        }
        if c.segments.len() < 2 || c.segments.windows(2).any(|w| w[0] >= w[1]) {
            return wrong(
                "segments".into(),
                "two resistances or more are needed, and they must increase".into(),
            );
        }
        if let Some(i) = c.segments.iter().position(|r| !(1e-6..=1e6).contains(r)) {
            return wrong(format!("segments[{i}]"), "a resistance from 1 uohm to 1 Mohm is needed".into());
        }
        if let Some(i) = c.tiles.iter().position(|n| !(1..=4096).contains(n)) {
            return wrong(format!("tiles[{i}]"), format!("a size of {} is outside 1 to 4096", c.tiles[i]));
        }
        if !(c.loss > 0.0 && c.loss <= 100.0) {
            return wrong("loss".into(), "a loss above 0 and up to 100 points is needed".into());
        }
        crate::check_times(c.at, &[])
    }
    fn horizon_s(&self, c: &WiresConfig) -> Option<f64> {
        Some(c.at)
    }
    fn prepares_by_seed(&self) -> bool {
        false
    }
    fn work(&self, c: &WiresConfig, shared: &Material, chip: &ChipSpec, merit_only: bool) -> u64 {
        let each = c.segments.len() + 1;
        // The chip's own lines once, where it has any and they are asked for.
        let tiles = if merit_only { 1 } else { sizes(c, chip).len() };
        let own = usize::from(!merit_only && chip.wires != Lines::Ideal {});
        ((tiles * each + own) * shared.samples()) as u64
    }

    fn prepare(&self, c: &WiresConfig, inputs: &dyn Inputs, run: &Run<'_>) -> Result<Material, StudyError> {
        material::prepare(Asked::new(&c.model, &c.data, c.images, c.calibration), inputs, run)
    }

    fn trial(
        &self,
        c: &WiresConfig,
        shared: &Material,
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError> {
        let mut out = Outcome::default();
        let sizes = if run.merit_only { vec![own(chip)] } else { sizes(c, chip) };
        let mut rows: Vec<Vec<Judged>> = Vec::new();
        for size in &sizes {
            let without = ChipSpec { tile: tile(*size), wires: Lines::Ideal {}, ..chip.clone() };
            let mut row = vec![judged(c.at, shared, &without, run)?];
            for ohm in &c.segments {
                row.push(judged(
                    c.at,
                    shared,
                    &ChipSpec { wires: lines(chip, *ohm), ..without.clone() },
                    run,
                )?);
            }
            rows.push(row);
        }
        let at = sizes.iter().position(|size| *size == own(chip)).unwrap_or(0);
        self.report(c, &sizes, &rows, at, &question(c.at, shared), run, &mut out);
        if !run.merit_only && chip.wires != (Lines::Ideal {}) {
            let found = judged(c.at, shared, chip, run)?;
            let about = "decisions that are right behind the chip's own lines";
            out.measure("own_lines", found.accuracy, "%", Some(Better::Higher), about);
            let about = "output error behind the chip's own lines";
            out.measure("output_error_own_lines", found.error, "1", Some(Better::Lower), about);
            out.limits.insert("own_lines".into(), [0.0, 100.0]);
        }
        let mut tally = Tally::default();
        rows.iter().flatten().for_each(|judged| tally += judged.tally);
        out.tally = tally.named().into_iter().map(|(k, v)| (k.to_string(), v)).collect();
        out.info(shared.about().to_string());
        out.info(INTERVALS);
        out.info(
            "Cells are linear: those that are not, or have selectors, make no matrix of a crossbar behind lines with \
             resistance. The study `selector` has them without lines, `neurohm crossbar solve --cell` both in single \
             crossbars.",
        );
        Ok(out)
    }
}

impl WireResistance {
    fn report(
        &self,
        c: &WiresConfig,
        sizes: &[(u32, u32)],
        rows: &[Vec<Judged>],
        at: usize,
        question: &str,
        run: &Run<'_>,
        out: &mut Outcome,
    ) {
        let own = &rows[at];
        let about = format!(
            "resistance of a segment at which the network has lost {} of accuracy, on the chip's own crossbars ({question})",
            points(c.loss)
        );
        let found = tolerated(&c.segments, own, c.loss);
        out.measure(TOLERATED, found.strength, "ohm", Some(Better::Higher), about);
        out.resolution.insert(TOLERATED.into(), found.ends);
        out.bounds.extend(found.bound().map(|bound| (TOLERATED.to_string(), bound)));
        let [first, last] = [c.segments[0], c.segments[c.segments.len() - 1]];
        out.limits.insert(TOLERATED.into(), [first, last]);
        match found.beyond {
            Some(true) => out.caution(
                "Of some chips the network bears more than the largest resistance that was asked for: that number stands \
                 for theirs. Give larger config.segments.",
            ),
            Some(false) => out.caution(
                "Of some chips the network bears less than the smallest resistance that was asked for: that number stands \
                 for theirs. Give smaller config.segments.",
            ),
            None => {}
        }
        out.measure(
            "without_lines",
            own[0].accuracy,
            "%",
            Some(Better::Higher),
            "decisions that are right without resistance",
        );
        out.limits.insert("without_lines".into(), [0.0, 100.0]);
        let about = "||y - y0|| / ||y0|| of all outputs against the digital run, without resistance, on the chip's own crossbars";
        out.measure("output_error", own[0].error, "1", Some(Better::Lower), about);
        if run.merit_only {
            return;
        }
        let said = |ohm: &f64| quantity::format(*ohm, Dimension::Ohm);
        let name = |&(rows, columns): &(u32, u32)| format!("{rows} x {columns}");
        let columns = ["none".to_string()].into_iter().chain(c.segments.iter().map(said));
        out.maps.push(Map {
            name: "accuracy".into(),
            caption: "Decisions that are right, by the size of crossbars and the resistance of each segment of their lines; \
                      mean and 95 % interval over chips."
                .into(),
            rows: sizes.len(),
            cols: c.segments.len() + 1,
            values: rows.iter().flatten().map(|v| v.accuracy as f32).collect(),
            label: "accuracy".into(),
            unit: "%".into(),
            diverging: false,
            axes: Some(MapAxes {
                rows: "crossbar".into(),
                row_names: sizes.iter().map(name).collect(),
                columns: "resistance of a segment".into(),
                column_names: columns.collect(),
            }),
            half: Vec::new(),
        });
        let lines = |of: fn(&Judged) -> f64| -> Vec<Line> {
            let line = |(size, row): (&(u32, u32), &Vec<Judged>)| {
                Line::new(name(size), c.segments.clone(), row[1..].iter().map(of).collect())
            };
            sizes.iter().zip(rows).map(line).collect()
        };
        let segment = || Axis::logarithmic("resistance of a segment", "ohm");
        out.series.push(Series {
            name: "accuracy_over_segment".into(),
            caption: "Decisions that are right against the resistance of a segment.".into(),
            x: segment(),
            y: Axis::linear("accuracy", "%"),
            lines: lines(|j| j.accuracy),
        });
        out.series.push(Series {
            name: "output_error_over_segment".into(),
            caption: "Distance of the network's outputs from the digital run, ||y - y0|| / ||y0||.".into(),
            x: segment(),
            y: Axis::logarithmic("output error", "1"),
            lines: lines(|j| j.error),
        });
        out.limits.insert("accuracy_over_segment".into(), [0.0, 100.0]);
        out.tables.push(Table {
            name: "tolerated".into(),
            caption: format!(
                "Resistance of a segment at which {} of accuracy is lost ({question}), a mean over chips. Chips that bear more than the \
                 largest resistance asked for ({} ohm), or less than the smallest ({} ohm), count as that: a mean near \
                 either end is a bound.",
                points(c.loss),
                c.segments[c.segments.len() - 1],
                c.segments[0]
            ),
            columns: [("crossbar", ""), ("without resistance", "%"), ("tolerated", "ohm")]
                .map(|(name, unit)| Column { name: name.into(), unit: unit.into() })
                .into(),
            rows: sizes
                .iter()
                .zip(rows)
                .map(|(size, row)| {
                    let found = tolerated(&c.segments, row, c.loss);
                    let ohm = Cell::Uncertain { value: found.strength, ci95: found.ends };
                    vec![Cell::Text(name(size)), Cell::Number(row[0].accuracy), ohm]
                })
                .collect(),
        });
    }
}

/// The chip's own crossbar.
fn own(chip: &ChipSpec) -> (u32, u32) {
    (chip.tile.rows, chip.tile.columns)
}

/// All sizes, the chip's own among them, from small to large.
fn sizes(c: &WiresConfig, chip: &ChipSpec) -> Vec<(u32, u32)> {
    let mut all: Vec<(u32, u32)> = c.tiles.iter().map(|n| (*n, *n)).chain([own(chip)]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn tile((rows, columns): (u32, u32)) -> neurohm_array::Tile {
    neurohm_array::Tile { rows, columns }
}

/// The chip's lines with segments of that resistance: its drivers and sense amplifiers stay as they are.
fn lines(chip: &ChipSpec, ohm: f64) -> Lines {
    let base = match &chip.wires {
        Lines::Resistive(r) => r.clone(),
        Lines::Ideal {} => ResistiveLines::default(),
    };
    Lines::Resistive(ResistiveLines { word_segment_ohm: ohm, bit_segment_ohm: ohm, ..base })
}
