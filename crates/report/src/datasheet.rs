//! A datasheet as page and terminal show it.

use neurohm_study::record::{Datasheet, Judgement, Property, Requirement, Status};
use serde::Serialize;

use crate::number::{plain, quantity};

/// What is known of a property, as people read it: `238 ± 5`, `≥ 10 years`, `not measured`.
pub fn shown(property: &Property) -> String {
    // What was counted has ends, and no half of a unit beside it.
    let counted = property.unit == "levels";
    if let (true, Some(value), Some([low, high])) = (counted, property.value, property.ci95)
        && property.status == Status::Value
    {
        return format!("{} ({} to {})", plain(value), plain(low), plain(high));
    }
    let unit = if counted { "1" } else { property.unit.as_str() };
    let number = |sign: &str| {
        let ci95 = property.ci95.filter(|_| property.status == Status::Value);
        let value = property.value.map(|v| match ci95 {
            Some(_) => quantity(v, ci95, unit).to_string(),
            None => quantity(four_digits(v), None, unit).to_string(),
        });
        value.map_or_else(|| "no value".into(), |value| format!("{sign}{value}"))
    };
    match property.status {
        Status::Value => number(""),
        Status::AtLeast => number("≥\u{a0}"),
        Status::AtMost => number("≤\u{a0}"),
        Status::Unbounded => "no bound".into(),
        Status::NotMeasured => "not measured".into(),
        Status::None => "none".into(),
    }
}

/// An exact number to four digits, as smaller numbers are shown: nobody reads the seventh of an on/off ratio.
fn four_digits(value: f64) -> f64 {
    if !(value.is_finite() && value.abs() >= 1e4) {
        return value;
    }
    let unit = 10_f64.powi(value.abs().log10().floor() as i32 - 3);
    (value / unit).round() * unit
}

/// How the requirements with a number stand, in a sentence; none where there are no requirements.
pub fn tallied(sheet: &Datasheet) -> Option<String> {
    let stated = sheet.requirements.iter().filter(|r| r.bound.is_some()).count();
    if sheet.requirements.is_empty() {
        return None;
    }
    let bounded = |verdict| {
        let of = |r: &&Requirement| r.bound.is_some() && r.verdict == verdict;
        sheet.requirements.iter().filter(of).count()
    };
    let parts = [
        (Judgement::Meets, "met"),
        (Judgement::Misses, "missed"),
        (Judgement::Open, "open"),
        (Judgement::NotMeasured, "not measured"),
    ];
    let counted: Vec<String> = parts
        .into_iter()
        .map(|(verdict, word)| (bounded(verdict), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    let all = sheet.requirements.len();
    Some(format!(
        "Of {all} requirements {stated} have a number: {}. The others state a quality, and the device's number \
         stands beside it unjudged.",
        counted.join(", ")
    ))
}

/// A datasheet for the page's template.
#[derive(Serialize)]
pub(crate) struct SheetView {
    pub groups: Vec<Group>,
    pub tallied: Option<String>,
    pub applications: Vec<Application>,
}

/// A part of the datasheet.
#[derive(Serialize)]
pub(crate) struct Group {
    pub name: String,
    pub rows: Vec<Row>,
}

#[derive(Serialize)]
pub(crate) struct Row {
    pub about: String,
    pub shown: String,
    /// Words and code in turn.
    pub how: Vec<String>,
    pub known: bool,
}

/// An application and what it asks.
#[derive(Serialize)]
pub(crate) struct Application {
    pub name: String,
    pub rows: Vec<Asked>,
}

#[derive(Serialize)]
pub(crate) struct Asked {
    pub asks: String,
    pub about: String,
    pub has: String,
    pub known: bool,
    pub bound: Option<String>,
    pub source: String,
    pub class: &'static str,
    pub words: &'static str,
}

pub(crate) fn view(sheet: &Datasheet) -> SheetView {
    let mut groups: Vec<Group> = Vec::new();
    for p in &sheet.properties {
        if groups.last().is_none_or(|g| g.name != p.group) {
            groups.push(Group { name: p.group.clone(), rows: Vec::new() });
        }
        let how = p.how.split('`').map(str::to_string).collect();
        let row = Row { about: p.about.clone(), shown: shown(p), how, known: known(p) };
        if let Some(last) = groups.last_mut() {
            last.rows.push(row);
        }
    }
    let mut applications: Vec<Application> = Vec::new();
    for r in &sheet.requirements {
        if applications.last().is_none_or(|a| a.name != r.application) {
            applications.push(Application { name: r.application.clone(), rows: Vec::new() });
        }
        let property = sheet.property(&r.property);
        let asked = Asked {
            asks: r.asks.clone(),
            about: property.map_or_else(|| r.property.clone(), |p| p.about.clone()),
            has: property.map_or_else(|| "not measured".into(), shown),
            known: property.is_some_and(known),
            bound: r.bound.clone(),
            source: r.source.replace("section ", "§\u{a0}"),
            class: class(r.verdict),
            words: r.verdict.words(),
        };
        if let Some(last) = applications.last_mut() {
            last.rows.push(asked);
        }
    }
    SheetView { groups, tallied: tallied(sheet), applications }
}

fn known(property: &Property) -> bool {
    !matches!(property.status, Status::NotMeasured | Status::None)
}

fn class(verdict: Judgement) -> &'static str {
    match verdict {
        Judgement::Meets => "reached",
        Judgement::Misses => "missed",
        Judgement::Open => "open",
        Judgement::NotMeasured | Judgement::NoNumber => "unjudged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_numbers_have_four_digits_and_counted_levels_their_ends() {
        for (value, shown) in [(1_953_064.0, 1_953_000.0), (12_345.0, 12_350.0), (9_999.9, 9_999.9)] {
            assert!((four_digits(value) - shown).abs() < 6.0, "{}", four_digits(value));
        }
        assert!((four_digits(1e12) / 1e12 - 1.0).abs() < 1e-12);
        let property = |status, value, ci95, unit: &str| Property {
            name: String::new(),
            group: String::new(),
            about: String::new(),
            status,
            value,
            ci95,
            unit: unit.into(),
            better: None,
            how: String::new(),
        };
        let shows = |p: &Property| shown(p).replace('\u{a0}', " ");
        assert_eq!(
            shows(&property(Status::Value, Some(16.0), Some([15.0, 16.0]), "levels")),
            "16 (15 to 16)"
        );
        assert_eq!(shows(&property(Status::Value, Some(16.0), None, "levels")), "16");
        assert_eq!(shows(&property(Status::AtMost, Some(9.0), Some([8.0, 9.0]), "levels")), "≤ 9");
        assert_eq!(shows(&property(Status::AtLeast, Some(315_360_000.0), None, "s")), "≥ 10 years");
        assert_eq!(shows(&property(Status::Value, Some(2e12), None, "cycles")), "2 × 10¹² cycles");
        assert_eq!(shows(&property(Status::NotMeasured, None, None, "s")), "not measured");
    }
}
