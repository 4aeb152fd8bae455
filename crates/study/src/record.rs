//! A record: what a study found, as data. Front ends print it, `report` draws it, nobody recomputes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod datasheet;
mod plan;

pub use datasheet::{Datasheet, Judgement, Property, Requirement, Status};
pub use plan::{Block, Flow, Plan, Site};

/// A number with its uncertainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scalar {
    /// Best estimate; the mean over chips.
    pub value: f64,
    /// 95 % confidence interval of `value`: of no width for exact numbers, none (`null`) from a single chip.
    #[serde(default)]
    pub ci95: Option<[f64; 2]>,
    /// Unit (`"%"`, `"1"`, `"s"`).
    pub unit: String,
    /// The same quantity on ideal devices, where that was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ideal: Option<f64>,
    /// What it is, in words.
    pub about: String,
    /// Which direction is better, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better: Option<Better>,
    /// Where only a bound was found: on which side of `value` the number lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

/// On which side of a bound a number lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// It is more than that.
    More,
    /// It is less than that.
    Less,
}

impl Bound {
    /// In words, before the number.
    pub fn words(self) -> &'static str {
        match self {
            Bound::More => "more than",
            Bound::Less => "less than",
        }
    }
}

/// Which direction is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Larger values are better.
    Higher,
    /// Smaller values are better.
    Lower,
}

/// An axis of a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// What is along it.
    pub label: String,
    /// Its unit, `"1"` for none. `"s"` on a logarithmic axis is drawn with minutes, days and years.
    pub unit: String,
    /// Logarithmic?
    pub log: bool,
}

impl Axis {
    /// An axis with even steps.
    pub fn linear(label: impl Into<String>, unit: impl Into<String>) -> Axis {
        Axis { label: label.into(), unit: unit.into(), log: false }
    }

    /// An axis with even factors.
    pub fn logarithmic(label: impl Into<String>, unit: impl Into<String>) -> Axis {
        Axis { label: label.into(), unit: unit.into(), log: true }
    }
}

/// Lines over a common pair of axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Short name, unique in the record; the CSV's file name.
    pub name: String,
    /// What the figure shows, a sentence.
    pub caption: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The lines.
    pub lines: Vec<Line>,
}

/// One line of a `Series`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Legend.
    pub name: String,
    /// Horizontal positions.
    pub x: Vec<f64>,
    /// Means.
    pub y: Vec<f64>,
    /// Lower end of the 95 % interval at each position, or empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub low: Vec<f64>,
    /// Upper end of the 95 % interval at each position, or empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub high: Vec<f64>,
    /// A reference (ideal, published): drawn dashed.
    #[serde(default)]
    pub reference: bool,
    /// A variant of the line before it: drawn in its colour, dashed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub variant: bool,
    /// Points that no line joins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scattered: bool,
}

impl Line {
    /// A line of what was found, without intervals.
    pub fn new(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Line {
        let (low, high) = (Vec::new(), Vec::new());
        Line { name: name.into(), x, y, low, high, reference: false, variant: false, scattered: false }
    }

    /// The same as a reference, drawn dashed.
    #[must_use]
    pub fn dashed(self) -> Line {
        Line { reference: true, ..self }
    }

    /// The same as points that no line joins.
    #[must_use]
    pub fn scattered(self) -> Line {
        Line { scattered: true, ..self }
    }

    /// The same as a variant of the line before it, drawn in its colour.
    #[must_use]
    pub fn variant(self) -> Line {
        Line { variant: true, ..self }
    }
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Short name, unique in the record; the CSV's file name.
    pub name: String,
    /// What it shows, a sentence.
    pub caption: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a `Table`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// Unit, `""` for none.
    pub unit: String,
}

/// A cell of a `Table`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A plain number.
    Number(f64),
    /// Words.
    Text(String),
    /// A number with a 95 % interval.
    Uncertain {
        /// The estimate.
        value: f64,
        /// Its 95 % interval.
        ci95: [f64; 2],
    },
}

/// A matrix of values drawn as a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// Short name, unique in the record.
    pub name: String,
    /// What it shows, a sentence.
    pub caption: String,
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns of the matrix.
    pub cols: usize,
    /// Values, row-major.
    pub values: Vec<f32>,
    /// What the values are.
    pub label: String,
    /// Their unit.
    pub unit: String,
    /// Whether zero is the middle of the colours.
    pub diverging: bool,
    /// What rows and columns stand for, where the map is a table of results: its cells are then numbers, averaged over
    /// chips and written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axes: Option<MapAxes>,
    /// Half the width of each value's 95 % interval, or empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub half: Vec<f32>,
}

/// What the rows and columns of a map stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapAxes {
    /// What rows are.
    pub rows: String,
    /// Each row's name, from the top.
    pub row_names: Vec<String>,
    /// What columns are.
    pub columns: String,
    /// Each column's name.
    pub column_names: Vec<String>,
}

/// What one non-ideality costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// Path of the non-ideality, as `--set` and `without` take it.
    pub path: String,
    /// In words.
    pub about: String,
    /// The figure of merit with all but this one.
    pub without: Scalar,
    /// The figure of merit with only this one.
    pub alone: Scalar,
    /// By how much the non-ideality would have to shrink (0.3: to 30 % of what it is) for the figure of
    /// merit to reach its target; `None` where the target is met already or cannot be met by this alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_scale: Option<f64>,
}

/// Something a reader should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// How much it matters.
    pub level: Level,
    /// A sentence.
    pub text: String,
}

/// How much a `Note` matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Info,
    /// The result must be read with care (extrapolated, not measured, saturated).
    Caution,
}

/// What a study found and what it takes to find it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the study.
    pub study: String,
    /// Its title.
    pub title: String,
    /// What the study asks, a paragraph.
    pub about: String,
    /// Revision of the study's method and defaults.
    pub revision: u32,
    /// Stable id of the description.
    pub id: String,
    /// Name of the device.
    pub device: String,
    /// Title of the device, for people.
    pub device_title: String,
    /// Where the device's numbers come from.
    #[serde(default)]
    pub device_source: String,
    /// The whole description, resolved, as TOML: enough to run it again.
    pub description: String,
    /// A command that runs it again.
    pub command: String,
    /// Seed of all randomness.
    pub seed: u64,
    /// Version of neurohm.
    pub version: String,
    /// Instruction set the matrix products ran on.
    pub isa: String,
    /// Chips that were simulated.
    pub chips: usize,
    /// What `chips` counts, where it is not chips: `device`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// What is missing of the run, or of the card that the record is a row of, where somebody stopped it; the notes
    /// say it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<String>,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// The scalar that stands for the study in a report card; a key of `scalars`.
    pub merit: String,
    /// What the figure of merit must reach, where the study sets a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// Numbers by name.
    pub scalars: BTreeMap<String, Scalar>,
    /// Figures.
    #[serde(default)]
    pub series: Vec<Series>,
    /// Tables.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// Maps.
    #[serde(default)]
    pub maps: Vec<Map>,
    /// Floor plans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<Plan>,
    /// What each non-ideality costs.
    #[serde(default)]
    pub ablation: Vec<Ablation>,
    /// The figure of merit with every non-ideality off, converters included: what each one alone is measured from.
    /// Present where an ablation is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_off: Option<Scalar>,
    /// What a reader should know.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Events counted while it ran, by name (conversions, cell reads, pulses).
    #[serde(default)]
    pub tally: BTreeMap<String, f64>,
    /// The device's datasheet, in the one record of a report card that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datasheet: Option<Datasheet>,
    /// Files that belong to the run beside its tables and figures (`outputs.npy`).
    #[serde(default)]
    pub files: Vec<String>,
}

impl Record {
    /// Says what is missing, in the record and first among its notes.
    pub(crate) fn cut_short_with(&mut self, text: String) {
        self.notes.insert(0, Note { level: Level::Caution, text: text.clone() });
        self.cut_short = Some(text);
    }
}
