//! What one trial found: a record's parts, before chips are brought together.

use std::collections::BTreeMap;

use crate::record::{Better, Bound, Level, Map, Note, Series, Table};

/// A number that a trial found on one chip.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The number.
    pub value: f64,
    /// Its unit (`"%"`, `"1"`, `"s"`).
    pub unit: &'static str,
    /// What it is, in words.
    pub about: String,
    /// Which direction is better, if one is.
    pub better: Option<Better>,
    /// Whether it does not depend on the chip (a size, a digital reference): it then gets no interval.
    pub exact: bool,
}

/// What one trial found. All chips of a run must return the same scalars, lines and table shapes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Numbers by name.
    pub scalars: BTreeMap<String, Measure>,
    /// Figures, without intervals; lines marked `reference` are taken from the first chip.
    pub series: Vec<Series>,
    /// Tables. Numbers that differ from chip to chip get an interval.
    pub tables: Vec<Table>,
    /// Maps; the first chip's are kept.
    pub maps: Vec<Map>,
    /// What a reader should know; repeated ones are kept once.
    pub notes: Vec<Note>,
    /// The range in which a scalar or figure of that name must lie; intervals end there.
    pub limits: BTreeMap<String, [f64; 2]>,
    /// The 95 % interval that a scalar of that name has on this chip alone, by its method and its samples. Chips share
    /// both, so it is no narrower over many of them: its distances from the number are averaged and added in quadrature
    /// to what chips differ by.
    pub resolution: BTreeMap<String, [f64; 2]>,
    /// Scalars of which a bound alone was found on this chip. A mean that one of them is in is a bound as well.
    pub bounds: BTreeMap<String, Bound>,
    /// Events counted, by name; summed over chips.
    pub tally: BTreeMap<String, f64>,
    /// Files beside the record (`outputs.npy`) with their bytes; the first chip's are kept.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Outcome {
    /// Adds a number that depends on the chip.
    pub fn measure(
        &mut self,
        name: &str,
        value: f64,
        unit: &'static str,
        better: Option<Better>,
        about: impl Into<String>,
    ) {
        let measure = Measure { value, unit, about: about.into(), better, exact: false };
        self.scalars.insert(name.to_string(), measure);
    }

    /// Adds a number that is the same on every chip.
    pub fn exact(&mut self, name: &str, value: f64, unit: &'static str, about: impl Into<String>) {
        let measure = Measure { value, unit, about: about.into(), better: None, exact: true };
        self.scalars.insert(name.to_string(), measure);
    }

    /// Adds something that is good to know.
    pub fn info(&mut self, text: impl Into<String>) {
        self.notes.push(Note { level: Level::Info, text: text.into() });
    }

    /// Adds a reason to read the result with care.
    pub fn caution(&mut self, text: impl Into<String>) {
        self.notes.push(Note { level: Level::Caution, text: text.into() });
    }
}
