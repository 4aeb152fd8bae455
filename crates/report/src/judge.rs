//! What a report card says about a record: whether its figure of merit reaches the target, and which
//! non-ideality stands in the way.

use neurohm_study::record::{Ablation, Better, Bound, Record, Scalar};
use serde::Serialize;

use crate::number;

/// A figure of merit against its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The whole 95 % interval is on the good side.
    Reached,
    /// The target lies within the interval.
    Open,
    /// The whole interval is on the bad side.
    Missed,
}

impl Verdict {
    /// In two or three words.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Reached => "reaches the target",
            Verdict::Open => "too close to call",
            Verdict::Missed => "misses the target",
        }
    }
}

/// The scalar that stands for the study, if the record holds it.
pub fn merit(record: &Record) -> Option<&Scalar> {
    record.scalars.get(&record.merit)
}

/// The numbers of a record, its figure of merit first. A study may give that a second time under the name of its
/// condition (`accuracy_1_day` beside `accuracy`): people are shown it once.
pub fn scalars(record: &Record) -> Vec<(&str, &Scalar)> {
    let main = merit(record);
    let again = |s: &Scalar| main.is_some_and(|main| main.about == s.about);
    let mut list: Vec<(&str, &Scalar)> = record
        .scalars
        .iter()
        .map(|(key, s)| (key.as_str(), s))
        .filter(|(key, s)| *key == record.merit || !again(s))
        .collect();
    list.sort_by_key(|(key, _)| *key != record.merit);
    list
}

/// By how much `to` is better than `from`, in the scalar's unit; negative where it is worse.
pub fn gain(merit: &Scalar, from: f64, to: f64) -> f64 {
    if merit.better == Some(Better::Lower) { from - to } else { to - from }
}

/// The verdict on a record; `None` where its study sets no target.
pub fn verdict(record: &Record) -> Option<Verdict> {
    let (merit, target) = (merit(record)?, record.target?);
    let above = |value| gain(merit, target, value) >= 0.0;
    let [low, high] = merit.ci95.unwrap_or([merit.value; 2]);
    // What is a bound may lie anywhere on its side.
    let ends = match merit.bound {
        None => [low, high],
        Some(Bound::More) => [low, f64::INFINITY],
        Some(Bound::Less) => [f64::NEG_INFINITY, high],
    };
    let ends = ends.map(above);
    Some(match ends {
        [true, true] => Verdict::Reached,
        [false, false] => Verdict::Missed,
        _ => Verdict::Open,
    })
}

/// The ablation from the costliest non-ideality to the cheapest: by what switching each off would gain, where
/// equal by what it alone would lose.
pub fn by_cost(record: &Record) -> Vec<&Ablation> {
    let mut ablation: Vec<&Ablation> = record.ablation.iter().collect();
    let Some(merit) = merit(record) else { return ablation };
    let gained = |a: &Ablation| gain(merit, merit.value, a.without.value);
    let left = |a: &Ablation| gain(merit, merit.value, a.alone.value);
    ablation.sort_by(|a, b| gained(b).total_cmp(&gained(a)).then(left(a).total_cmp(&left(b))));
    ablation
}

/// What limits a record, in sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The costliest non-ideality in words, or why there is none.
    pub what: String,
    /// Its path, `""` where there is none.
    pub path: String,
    /// What the figure of merit would be without it, and what the non-ideality would have to become.
    pub consequences: Vec<String>,
}

/// What limits a record; `None` where no ablation was run.
pub fn limit(record: &Record) -> Option<Limit> {
    let (merit, worst) = (merit(record)?, *by_cost(record).first()?);
    let none = |what: &str| Some(Limit { what: what.into(), path: String::new(), consequences: Vec::new() });
    if gain(merit, merit.value, worst.without.value) <= 0.0 {
        return none("no single non-ideality costs anything here");
    }
    let overlap = |a: [f64; 2], b: [f64; 2]| a[0] <= b[1] && b[0] <= a[1];
    let within = match (merit.ci95, worst.without.ci95) {
        (Some(full), Some(without)) => overlap(full, without),
        _ => false,
    };
    let without = number::quantity(worst.without.value, worst.without.ci95, &merit.unit);
    let mut consequences = vec![format!(
        "Without it: {without}{}.",
        if within { ", which is within the uncertainty" } else { "" }
    )];
    if let Some(target) = record.target {
        let reached = |value| gain(merit, target, value) >= 0.0;
        let scaled = record.ablation.iter().find_map(|a| Some((a, a.required_scale?)));
        match scaled {
            Some((a, scale)) if a.path == worst.path => consequences.push(format!(
                "To reach the target it would have to shrink to {} of what it is.",
                number::percent(scale)
            )),
            Some((a, scale)) => consequences.push(format!(
                "The target is reached once {} shrinks to {} of what it is.",
                a.path,
                number::percent(scale)
            )),
            None if reached(merit.value) => {}
            None if !reached(worst.without.value) => {
                consequences
                    .push("Even without it the target is out of reach: more than one has to improve.".into());
            }
            None => {}
        }
    }
    Some(Limit { what: worst.about.clone(), path: worst.path.clone(), consequences })
}
