//! What is claimed, how we know it, and how ours is judged.

use neurohm_num::quantity::{self, Dimension};
use serde::Serialize;

use crate::{Found, Judged};

/// How we know what was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// Written in the review's prose or a caption.
    Review,
    /// Written in another publication.
    Published,
    /// Computed independently of us from equations or statistics that were published.
    Computed,
    /// Read off the review's axes by machine: an order of magnitude.
    Axis,
}

/// What was published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// In words.
    pub words: &'static str,
    /// How we know it.
    pub known: Known,
}

/// When ours agrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Between these two, ends included.
    Between(f64, f64),
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// There is nothing to compare, and why.
    NotComparable(&'static str),
}

/// Whether ours agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// It does: with its whole interval, where it has one.
    #[serde(rename = "reproduced")]
    Reproduced,
    /// It does not, or not with its whole interval.
    #[serde(rename = "differs")]
    Differs,
    /// There is nothing to compare.
    #[serde(rename = "not comparable")]
    NotComparable,
}

impl Verdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Reproduced => "reproduced",
            Verdict::Differs => "differs",
            Verdict::NotComparable => "not comparable",
        }
    }
}

/// A claim of the review.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// Short name, unique in its entry.
    pub key: &'static str,
    /// In words.
    pub claim: &'static str,
    /// What was published.
    pub published: Published,
    /// Unit of ours.
    pub unit: &'static str,
    /// When ours agrees.
    pub rule: Rule,
}

impl Rule {
    fn holds(self, value: f64) -> bool {
        match self {
            Rule::Between(low, high) => (low..=high).contains(&value),
            Rule::AtLeast(low) => value >= low,
            Rule::AtMost(high) => value <= high,
            Rule::NotComparable(_) => false,
        }
    }

    fn words(self, unit: &str) -> String {
        let dimension = Dimension::ALL.into_iter().find(|d| d.symbol() == unit);
        let said = |value: f64| match dimension {
            Some(dimension) => quantity::format(value, dimension),
            None if unit == "1" => value.to_string(),
            None => format!("{value} {unit}"),
        };
        match self {
            Rule::Between(low, high) => format!("between {} and {}", said(low), said(high)),
            Rule::AtLeast(low) => format!("at least {}", said(low)),
            Rule::AtMost(high) => format!("at most {}", said(high)),
            Rule::NotComparable(why) => why.into(),
        }
    }
}

impl Claim {
    /// The claim beside what was found.
    pub(crate) fn judge(&self, found: Option<Found>) -> Judged {
        let verdict = match (self.rule, found) {
            (Rule::NotComparable(_), _) | (_, None) => Verdict::NotComparable,
            (rule, Some(f)) => {
                let ends = f.ci95.unwrap_or([f.value; 2]);
                if [f.value, ends[0], ends[1]].into_iter().all(|v| rule.holds(v)) {
                    Verdict::Reproduced
                } else {
                    Verdict::Differs
                }
            }
        };
        Judged {
            claim: self.claim,
            published: self.published.words,
            tag: self.published.known,
            ours: found.map(|f| f.value),
            ci95: found.and_then(|f| f.ci95),
            unit: self.unit,
            verdict,
            rule: self.rule.words(self.unit),
        }
    }
}

/// Written in the review.
pub(crate) const fn review(words: &'static str) -> Published {
    Published { words, known: Known::Review }
}

/// Read off the review's axes.
pub(crate) const fn axis(words: &'static str) -> Published {
    Published { words, known: Known::Axis }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_said_with_prefixes() {
        assert_eq!(Rule::Between(1e6, 1e7).words("ohm"), "between 1 Mohm and 10 Mohm");
        assert_eq!(Rule::Between(7.80e-6, 7.87e-6).words("S"), "between 7.8 uS and 7.87 uS");
        assert_eq!(Rule::Between(4.5, 6.5).words("years"), "between 4.5 years and 6.5 years");
        assert_eq!(Rule::AtMost(0.05).words("1"), "at most 0.05");
    }

    #[test]
    fn an_interval_counts_as_a_whole() {
        let claim =
            Claim { key: "k", claim: "c", published: review("p"), unit: "1", rule: Rule::AtLeast(10.0) };
        let verdict = |value, ci95| claim.judge(Some(Found { value, ci95 })).verdict;
        assert_eq!(verdict(11.0, None), Verdict::Reproduced);
        assert_eq!(verdict(11.0, Some([9.0, 13.0])), Verdict::Differs);
        assert_eq!(verdict(9.0, None), Verdict::Differs);
        assert_eq!(verdict(f64::NAN, None), Verdict::Differs);
        assert_eq!(claim.judge(None).verdict, Verdict::NotComparable);
    }
}
