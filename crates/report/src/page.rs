//! What the page shows, as data for its template; everything a record says passes through the template's
//! escaping, except the drawings, which escape their own words.

use minijinja::value::Serde;
use minijinja::{Environment, Value};
use neurohm_study::record::{Level, Record, Scalar};
use serde::Serialize;

use crate::ReportError;
use crate::chart::{self, Drawn, Key};
use crate::datasheet::{self, SheetView};
use crate::judge::{self, Limit, Verdict};
use crate::number::{self, Shown, quantity};
use crate::table::{self, TableView};

/// All that the template is given.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    card: bool,
    rows: Vec<Row>,
    sections: Vec<Section>,
    one_device: bool,
    device: &'a str,
    source: &'a str,
    reached: usize,
    judged: usize,
    comparison: Option<TableView>,
    version: &'a str,
    cut_short: Option<&'a str>,
}

/// A row of the report card.
#[derive(Serialize)]
struct Row {
    anchor: String,
    title: String,
    device: String,
    what: String,
    value: Shown,
    ideal: Option<String>,
    target: Option<String>,
    target_sign: &'static str,
    gauge: Value,
    verdict: Option<Verdict>,
    words: &'static str,
    limit: Option<Limit>,
    cut_short: bool,
}

/// One record's part of the page.
#[derive(Serialize)]
struct Section {
    anchor: String,
    title: String,
    about: String,
    device: String,
    cautions: Vec<String>,
    notes: Vec<String>,
    /// Whether its numbers are those of a device.
    of_device: bool,
    /// Over what its intervals are, where the page knows.
    over: &'static str,
    numbers: Vec<Number>,
    has_ideal: bool,
    sheet: Option<SheetView>,
    figures: Vec<Figure>,
    tables: Vec<TableView>,
    facts: Vec<(&'static str, String)>,
    command: String,
    description: String,
    tally: Vec<(String, Shown)>,
}

#[derive(Serialize)]
struct Number {
    about: String,
    shown: Shown,
    ideal: Option<String>,
    merit: bool,
}

#[derive(Serialize)]
struct Figure {
    svg: Value,
    caption: String,
    legend: Vec<Key>,
    behind: Option<TableView>,
}

impl Figure {
    fn new(drawn: Drawn, caption: &str, behind: Option<TableView>) -> Figure {
        Figure {
            svg: Value::from_safe_string(drawn.svg),
            caption: caption.into(),
            legend: drawn.legend,
            behind,
        }
    }
}

pub(crate) fn render(records: &[Record], title: &str, card: bool) -> Result<String, ReportError> {
    let first = records.first().ok_or(ReportError::Empty)?;
    let sections = records.iter().enumerate().map(|(i, r)| section(r, i)).collect::<Result<Vec<_>, _>>()?;
    let rows = if card {
        let applications = records.iter().enumerate().filter(|(_, r)| r.datasheet.is_none());
        applications.map(|(i, r)| row(r, i)).collect::<Result<Vec<_>, _>>()?
    } else {
        Vec::new()
    };
    let one_device = records.iter().all(|r| r.device_title == first.device_title);
    let judged: Vec<Verdict> = records.iter().filter_map(judge::verdict).collect();
    let reached = judged.iter().filter(|v| **v == Verdict::Reached).count();

    let page = Page {
        title,
        card,
        rows,
        sections,
        one_device,
        device: &first.device,
        source: if one_device { &first.device_source } else { "" },
        reached,
        judged: judged.len(),
        comparison: if card { None } else { table::comparison(records)? },
        version: &first.version,
        cut_short: records.iter().find_map(|record| record.cut_short.as_deref()),
    };
    let mut environment = Environment::new();
    environment.add_template("style.css", include_str!("../templates/style.css"))?;
    environment.add_template("table.html", include_str!("../templates/table.html"))?;
    environment.add_template("datasheet.html", include_str!("../templates/datasheet.html"))?;
    environment.add_template("page.html", include_str!("../templates/page.html"))?;
    Ok(environment.get_template("page.html")?.render(Serde(page))?)
}

fn merit(record: &Record) -> Result<&Scalar, ReportError> {
    judge::merit(record)
        .ok_or_else(|| ReportError::Merit { study: record.study.clone(), merit: record.merit.clone() })
}

/// The anchors of two records of one study differ.
fn anchor(record: &Record, index: usize) -> String {
    let safe: String = record.study.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{safe}-{}", index + 1)
}

fn row(record: &Record, index: usize) -> Result<Row, ReportError> {
    let merit = merit(record)?;
    let anchor = anchor(record, index);
    let verdict = judge::verdict(record);
    let class = match verdict {
        Some(Verdict::Reached) => "reached",
        Some(Verdict::Open) => "open",
        Some(Verdict::Missed) => "missed",
        None => "unjudged",
    };
    let lower = merit.better == Some(neurohm_study::record::Better::Lower);
    let exact = |value| quantity(value, None, &merit.unit).to_string();
    Ok(Row {
        title: record.title.clone(),
        device: record.device_title.clone(),
        what: merit.about.clone(),
        value: number::scalar(merit),
        ideal: merit.ideal.map(exact),
        target: record.target.map(exact),
        target_sign: if lower { "at most" } else { "at least" },
        gauge: Value::from_safe_string(chart::gauge(
            merit,
            record.target,
            class,
            lower,
            &format!("{anchor}-gauge"),
        )),
        verdict,
        words: verdict.map_or("no target", Verdict::words),
        limit: judge::limit(record),
        cut_short: record.cut_short.is_some(),
        anchor,
    })
}

fn section(record: &Record, index: usize) -> Result<Section, ReportError> {
    let main = merit(record)?;
    let anchor = anchor(record, index);
    let notes = |level| {
        let of_level = record.notes.iter().filter(move |n| n.level == level);
        of_level.map(|n| n.text.clone()).collect::<Vec<_>>()
    };
    let numbers: Vec<Number> = judge::scalars(record)
        .into_iter()
        .map(|(key, s)| Number {
            about: s.about.clone(),
            shown: number::scalar(s),
            ideal: s.ideal.map(|ideal| quantity(ideal, None, &s.unit).to_string()),
            merit: key == record.merit,
        })
        .collect();

    let mut figures = Vec::new();
    for (i, plan) in record.plans.iter().enumerate() {
        figures.push(Figure::new(chart::plan(plan, &format!("{anchor}-p{i}"))?, &plan.caption, None));
    }
    let drawn = |i: usize, map| -> Result<Figure, ReportError> {
        Ok(Figure::new(chart::map(map, &format!("{anchor}-m{i}"))?, &map.caption, None))
    };
    // A table of results is what the lines behind it show in parts.
    let (results, pictures): (Vec<_>, Vec<_>) =
        record.maps.iter().enumerate().partition(|(_, map)| map.axes.is_some());
    for (i, map) in results {
        figures.push(drawn(i, map)?);
    }
    for (i, series) in record.series.iter().enumerate() {
        let drawn = chart::lines(series, &format!("{anchor}-s{i}"));
        figures.push(Figure::new(drawn, &series.caption, Some(table::behind(series)?)));
    }
    let by_cost = judge::by_cost(record);
    if !by_cost.is_empty() {
        let off = record.all_off.as_ref();
        let drawn = chart::bars(main, off, record.target, &by_cost, &format!("{anchor}-ablation"));
        let from = match chart::zero(main, off) {
            Some(("all off", v)) => format!(
                " “Only this” is measured from all off ({}): ideal devices, no converters, no noise.",
                quantity(v, None, &main.unit)
            ),
            Some((name, v)) => {
                format!(" “Only this” is measured from the {name} ({}).", quantity(v, None, &main.unit))
            }
            None => String::new(),
        };
        let caption = format!(
            "What each non-ideality costs. “All but this” is measured from all on ({}).{from}",
            quantity(main.value, None, &main.unit)
        );
        figures.push(Figure::new(drawn, &caption, Some(table::view(&ablation_table(record, main))?)));
    }
    for (i, map) in pictures {
        figures.push(drawn(i, map)?);
    }
    Ok(Section {
        title: record.title.clone(),
        about: record.about.clone(),
        device: record.device_title.clone(),
        cautions: notes(Level::Caution),
        notes: notes(Level::Info),
        of_device: !record.device.is_empty(),
        over: match (&record.sample, record.device.is_empty()) {
            (None, _) => " (Student t over chips)",
            (Some(_), false) => " (Student t over devices)",
            (Some(_), true) => "",
        },
        has_ideal: numbers.iter().any(|n| n.ideal.is_some()),
        // A datasheet has its numbers in a table of its own.
        numbers: if record.datasheet.is_some() { Vec::new() } else { numbers },
        sheet: record.datasheet.as_ref().map(datasheet::view),
        figures,
        tables: record.tables.iter().map(table::view).collect::<Result<_, _>>()?,
        facts: facts(record),
        command: record.command.clone(),
        description: record.description.clone(),
        tally: record.tally.iter().map(|(name, count)| tally(name, *count)).collect(),
        anchor,
    })
}

/// What is needed to find a record again. What is about no device has none to name or to count.
fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let counted = if record.sample.is_some() { "Devices" } else { "Chips" };
    let mut facts = vec![("Study", format!("{}, revision {}", record.study, record.revision))];
    if !record.device.is_empty() {
        facts.push(("Device", record.device.clone()));
    }
    facts.push(("Seed", record.seed.to_string()));
    if !record.device.is_empty() {
        facts.push((counted, record.chips.to_string()));
    }
    facts.extend([
        ("Version", format!("neurohm {}", record.version)),
        ("Instruction set", record.isa.clone()),
        ("Description id", record.id.clone()),
    ]);
    // Nobody took the time of a record that holds none.
    if record.wall_s != 0.0 {
        facts.push(("Wall time", quantity(record.wall_s, None, "s").to_string()));
    }
    facts
}

/// `cell_read_energy_j` is an energy in joules; other events are counts.
fn tally(name: &str, count: f64) -> (String, Shown) {
    let (stem, unit) = match name.strip_suffix("_j") {
        Some(stem) => (stem, "J"),
        None => (name, "1"),
    };
    let mut words = stem.replace('_', " ").replace("adc ", "ADC ").replace("dac ", "DAC ");
    if words == "macs" {
        words = "multiply-accumulates".into();
    }
    (words, quantity(count, None, unit))
}

/// The ablation as numbers, the costliest first.
fn ablation_table(record: &Record, merit: &Scalar) -> neurohm_study::record::Table {
    use neurohm_study::record::{Cell, Column, Table};
    let column = |name: &str, unit: &str| Column { name: name.into(), unit: unit.into() };
    let cell = |s: &Scalar| match s.ci95 {
        Some(ci95) => Cell::Uncertain { value: s.value, ci95 },
        None => Cell::Number(s.value),
    };
    let rows = judge::by_cost(record)
        .into_iter()
        .map(|a| {
            let required = a.required_scale.map_or_else(|| "–".into(), number::percent);
            vec![Cell::Text(a.path.clone()), cell(&a.without), cell(&a.alone), Cell::Text(required)]
        })
        .collect();
    Table {
        name: "ablation".into(),
        caption: format!("{} with all but one non-ideality, and with only that one", merit.about),
        columns: vec![
            column("non-ideality", ""),
            column("all but this", &merit.unit),
            column("only this", &merit.unit),
            column("must shrink to", ""),
        ],
        rows,
    }
}
