//! A device's datasheet as data: what it has, and beside that what applications ask for.

use serde::{Deserialize, Serialize};

use super::Better;

/// What a device has and what applications ask for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Datasheet {
    /// Properties, in the order of a datasheet.
    pub properties: Vec<Property>,
    /// Requirements, gathered by application.
    #[serde(default)]
    pub requirements: Vec<Requirement>,
}

/// A property of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Property {
    /// Short name, unique in the datasheet (`on_off_ratio`).
    pub name: String,
    /// The part of the datasheet that it stands in (`Range`).
    pub group: String,
    /// What it is, in words.
    pub about: String,
    /// What is known of it.
    pub status: Status,
    /// The number, or the bound of it that is known; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// 95 % interval of a number that was sampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci95: Option<[f64; 2]>,
    /// Unit (`"1"`, `"%"`, `"s"`, `"J"`).
    pub unit: String,
    /// Which direction is better, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better: Option<Better>,
    /// How the number was found; of one that is missing, why, and what would give it.
    pub how: String,
}

/// What is known of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A number.
    Value,
    /// The number is `value` or more.
    AtLeast,
    /// The number is `value` or less.
    AtMost,
    /// The description sets it no bound, by a law that is ideal on purpose.
    Unbounded,
    /// The description says nothing of it, which is not the same as ideal.
    NotMeasured,
    /// The device has no such thing (a RESET pulse, of a device that falls back by itself).
    None,
}

/// What an application asks of a device, beside what the device has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Requirement {
    /// The application.
    pub application: String,
    /// What is asked, in our words.
    pub asks: String,
    /// The property's name in the datasheet.
    pub property: String,
    /// The number that the source states, in words (`more than 1e12 cycles`); none where it states a quality only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
    /// Where it is stated.
    pub source: String,
    /// What the device has against it.
    pub verdict: Judgement,
}

/// A device's property against a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Judgement {
    /// The whole interval is on the good side of the stated number.
    #[serde(rename = "meets")]
    Meets,
    /// The whole interval is on the bad side.
    #[serde(rename = "misses")]
    Misses,
    /// The stated number lies within the interval, or beyond the bound that is known.
    #[serde(rename = "open")]
    Open,
    /// The device's property is not known.
    #[serde(rename = "not measured")]
    NotMeasured,
    /// The source states a quality and no number: nothing to judge by.
    #[serde(rename = "no number stated")]
    NoNumber,
}

impl Judgement {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Judgement::Meets => "meets",
            Judgement::Misses => "misses",
            Judgement::Open => "open",
            Judgement::NotMeasured => "not measured",
            Judgement::NoNumber => "no number stated",
        }
    }
}

impl Datasheet {
    /// The property called `name`.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|p| p.name == name)
    }

    /// Requirements with this verdict.
    pub fn count(&self, verdict: Judgement) -> usize {
        self.requirements.iter().filter(|r| r.verdict == verdict).count()
    }

    /// Whether the properties are names of their own and every requirement is of one of them.
    pub fn is_whole(&self) -> bool {
        let unique = |p: &Property| self.properties.iter().filter(|q| q.name == p.name).count() == 1;
        self.properties.iter().all(unique)
            && self.requirements.iter().all(|r| self.property(&r.property).is_some())
    }
}
