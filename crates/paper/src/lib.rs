//! The ledger: the claims of the field's review (Mehonic et al., "Memristors: from in-memory computing, deep learning
//! acceleration and spiking neural networks to the future of neuromorphic and bio-inspired computing", 2020), figure by
//! figure and sentence by sentence, each beside what our simulations give.
//!
//! A claim is data: words, what was published and how we know it, and the [`Rule`] by which ours is judged. An entry
//! gathers the claims of a figure or section and says how their numbers are found. `neurohm paper` walks [`LEDGER`]. A
//! claim that our simulation does not reproduce is an entry like any other.

mod claim;
mod figure2;
mod figure3;
mod figure5;
mod figure6;
mod landscape;
mod machines;
pub mod requirements;
mod section1;
mod section2;
mod section3;
mod section4;

pub use claim::{Claim, Known, Published, Rule, Verdict};

use std::collections::BTreeMap;

use neurohm_lab::LabError;
use neurohm_num::Watch;
use neurohm_num::stats::Interval;
use neurohm_study::Inputs;
use neurohm_study::record::{Level, Note, Plan, Series, Table};
use serde::Serialize;

/// A number that stands for a claim, with its 95 % interval where it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The number.
    pub value: f64,
    /// Its interval.
    pub ci95: Option<[f64; 2]>,
}

/// What a simulation gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Numbers by the claims' keys.
    pub found: BTreeMap<&'static str, Found>,
    /// Figures, ours beside the published.
    pub series: Vec<Series>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Floor plans.
    pub plans: Vec<Plan>,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

impl Evidence {
    /// Adds a number.
    pub fn put(&mut self, key: &'static str, value: f64, ci95: Option<[f64; 2]>) {
        self.found.insert(key, Found { value, ci95 });
    }

    /// Adds a remark: among others, why numbers have no interval.
    pub fn info(&mut self, text: impl Into<String>) {
        self.notes.push(Note { level: Level::Info, text: text.into() });
    }

    /// Adds what a reader must know to read the numbers right.
    pub fn caution(&mut self, text: impl Into<String>) {
        self.notes.push(Note { level: Level::Caution, text: text.into() });
    }
}

/// An interval's ends, as the ledger holds them.
pub(crate) fn ends(interval: Option<Interval>) -> Option<[f64; 2]> {
    interval.map(|i| [i.low, i.high])
}

/// How thorough a ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Seconds an entry.
    Quick,
    /// At the sizes of a publication.
    Full,
}

/// What an entry is given.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// How thorough to be.
    pub effort: Effort,
    /// Seed of all randomness.
    pub seed: u64,
    /// How files are read.
    pub inputs: &'a dyn Inputs,
    /// Whom progress is told, and who may stop the work.
    pub watch: &'a dyn Watch,
}

/// A figure or section of the review.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name, as the command takes it: `3a`, `s1`.
    pub figure: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// How ours is found, a paragraph.
    pub about: &'static str,
    /// Its claims.
    pub claims: &'static [Claim],
    /// Finds the numbers.
    pub run: fn(&Setting) -> Result<Evidence, LabError>,
}

/// A claim that was judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The claim, in words.
    pub claim: &'static str,
    /// What was published, in words.
    pub published: &'static str,
    /// How we know what was published.
    pub tag: Known,
    /// Our number; none where there is nothing to compare.
    pub ours: Option<f64>,
    /// Its 95 % interval.
    pub ci95: Option<[f64; 2]>,
    /// Unit of both.
    pub unit: &'static str,
    /// Whether they agree.
    pub verdict: Verdict,
    /// By which rule, or why there is nothing to compare.
    pub rule: String,
}

/// An entry that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// Its name.
    pub figure: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// How ours was found.
    pub about: &'static str,
    /// The claims.
    pub claims: Vec<Judged>,
    /// Figures.
    #[serde(skip)]
    pub series: Vec<Series>,
    /// Tables.
    #[serde(skip)]
    pub tables: Vec<Table>,
    /// Floor plans.
    #[serde(skip)]
    pub plans: Vec<Plan>,
    /// What a reader should know.
    #[serde(skip)]
    pub notes: Vec<Note>,
}

/// All entries, in the order of the review.
pub static LEDGER: &[Entry] = &[
    section1::ENTRY,
    landscape::ENTRY,
    section2::ENTRY,
    figure2::ENTRY,
    figure3::BINARY,
    figure3::CONTINUUM,
    figure3::ACCUMULATION,
    figure5::ENTRY,
    figure6::ENTRY,
    section3::ENTRY,
    section4::ENTRY,
];

impl Entry {
    /// Carries it out.
    ///
    /// # Errors
    /// A simulation that fails, or cancellation.
    pub fn page(&self, setting: &Setting) -> Result<Page, LabError> {
        let evidence = (self.run)(setting)?;
        let claims =
            self.claims.iter().map(|claim| claim.judge(evidence.found.get(claim.key).copied())).collect();
        Ok(Page {
            figure: self.figure,
            title: self.title,
            about: self.about,
            claims,
            series: evidence.series,
            tables: evidence.tables,
            plans: evidence.plans,
            notes: evidence.notes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_num::Unwatched;
    use neurohm_study::Disk;

    #[test]
    fn every_claim_is_answered_or_says_why_not() {
        let setting = Setting { effort: Effort::Quick, seed: 1, inputs: &Disk, watch: &Unwatched };
        for entry in LEDGER {
            let evidence = (entry.run)(&setting).unwrap_or_else(|e| panic!("{}: {e}", entry.figure));
            for claim in entry.claims {
                let silent = matches!(claim.rule, Rule::NotComparable(_));
                let found = evidence.found.contains_key(claim.key);
                assert!(silent || found, "{}: nothing answers {}", entry.figure, claim.key);
                if let Some(number) = evidence.found.get(claim.key) {
                    let said = evidence.notes.iter().any(|n| n.text.contains("no chance"));
                    assert!(
                        number.ci95.is_some() || said,
                        "{}: {} has no interval, and no note says why",
                        entry.figure,
                        claim.key
                    );
                    let ends = number.ci95.unwrap_or([number.value; 2]);
                    assert!(ends[0] <= number.value && number.value <= ends[1], "{}: {number:?}", claim.key);
                }
            }
            for key in evidence.found.keys() {
                assert!(
                    entry.claims.iter().any(|c| c.key == *key),
                    "{}: nobody asks for {key}",
                    entry.figure
                );
            }
            for pair in entry.claims.iter().enumerate() {
                let same = entry.claims.iter().filter(|c| c.key == pair.1.key).count();
                assert_eq!(same, 1, "{}: {} stands twice", entry.figure, pair.1.key);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for entry in LEDGER {
            assert_eq!(LEDGER.iter().filter(|e| e.figure == entry.figure).count(), 1, "{}", entry.figure);
        }
    }
}
