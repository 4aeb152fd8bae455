//! What a person reads in the terminal when a run is done.

use neurohm::report::datasheet::{shown, tallied};
use neurohm::report::judge::{self, Verdict};
use neurohm::report::number::{self, Shown, quantity};
use neurohm::study::record::{Better, Datasheet, Judgement, Level, Record, Scalar, Status};

use crate::terminal::{Columns, Style, Terminal};

/// The report card: a block a study, verdict first.
pub fn card(terminal: &Terminal, records: &[Record]) -> String {
    let Some(first) = records.first() else { return String::new() };
    let mut out = format!("{} ({})\n", terminal.styled(Style::Strong, &first.device_title), first.device);
    for record in records {
        let title = terminal.styled(Style::Strong, &record.title);
        if let Some(sheet) = &record.datasheet {
            out += &format!("\n{title}\n{}", datasheet(terminal, sheet));
            out += &cautions(terminal, record);
            continue;
        }
        let verdict = judge::verdict(record);
        let words = verdict.map_or("no target", Verdict::words);
        out += &format!("\n{title}: {}\n", terminal.styled(style(verdict), words));
        if let Some(merit) = judge::merit(record) {
            let mut parts = vec![number::scalar(merit).to_string()];
            parts.extend(merit.ideal.map(|ideal| format!("ideal {}", exact(ideal, merit))));
            let sign = if merit.better == Some(Better::Lower) { "≤" } else { "≥" };
            parts.extend(record.target.map(|target| format!("target {sign} {}", exact(target, merit))));
            out += &format!("  {}  {}\n", merit.about, parts.join("   "));
        }
        if let Some(limit) = judge::limit(record) {
            let path = if limit.path.is_empty() { String::new() } else { format!(" ({})", limit.path) };
            let lead = if limit.path.is_empty() { "" } else { "costs most: " };
            out += &format!("  {lead}{}{path}\n", limit.what);
            for sentence in &limit.consequences {
                out += &format!("    {sentence}\n");
            }
        }
        out += &cautions(terminal, record);
    }
    out
}

/// One record: every number with its interval and its ideal value.
pub fn record(terminal: &Terminal, record: &Record) -> String {
    let title = terminal.styled(Style::Strong, &record.title);
    let sample = record.sample.as_deref().unwrap_or("chip");
    let plural = if record.chips == 1 { "" } else { "s" };
    let device = if record.device.is_empty() {
        String::new()
    } else {
        format!(" on {} ({}), {} {sample}{plural}", record.device_title, record.device, record.chips)
    };
    let mut out = format!("{title}{device}\n\n");
    let mut columns = Columns::new(&[1, 5]);
    let ideal = record.scalars.values().any(|s| s.ideal.is_some());
    if ideal {
        columns.row([
            (Style::Faint, ""),
            (Style::Faint, ""),
            (Style::Faint, ""),
            (Style::Faint, ""),
            (Style::Faint, "ideal"),
        ]);
    }
    for (name, scalar) in judge::scalars(record) {
        let Shown { value, half, power, unit } = number::scalar(scalar);
        let half = if half.is_empty() { String::new() } else { format!("± {half}") };
        let unit = [power, unit].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let strong = if name == record.merit { Style::Strong } else { Style::Plain };
        let ideal = scalar.ideal.map_or_else(String::new, |ideal| exact(ideal, scalar));
        columns.row([
            (strong, scalar.about.clone()),
            (strong, value),
            (Style::Faint, half),
            (Style::Plain, unit),
            (Style::Faint, ideal),
        ]);
    }
    out += &columns.show(terminal);
    if let Some(limit) = judge::limit(record).filter(|limit| !limit.path.is_empty()) {
        out +=
            &format!("\n  costs most: {} ({}). {}\n", limit.what, limit.path, limit.consequences.join(" "));
    }
    out + &cautions(terminal, record)
}

/// Columns of a list that runs on.
const WIDE: usize = 96;

/// A datasheet: a line a property that is known, the others by name, and what applications ask for.
fn datasheet(terminal: &Terminal, sheet: &Datasheet) -> String {
    let mut columns = Columns::new(&[]);
    let (unknown, known): (Vec<_>, Vec<_>) =
        sheet.properties.iter().partition(|p| p.status == Status::NotMeasured);
    for p in known {
        columns.row([(Style::Plain, p.about.clone()), (Style::Strong, shown(p))]);
    }
    let mut out = columns.show(terminal);
    if !unknown.is_empty() {
        out +=
            &format!("  {}\n", terminal.styled(Style::Faint, "not measured, see the report for what would:"));
        let mut line = String::new();
        for (n, p) in unknown.iter().enumerate() {
            if line.chars().count() + p.about.chars().count() > WIDE {
                out += &format!("    {}\n", line.trim_end());
                line.clear();
            }
            line += &p.about;
            line += if n + 1 < unknown.len() { "; " } else { "" };
        }
        out += &format!("    {line}\n");
    }
    let Some(tallied) = tallied(sheet) else { return out };
    out += &format!("\n{}\n  {tallied}\n", terminal.styled(Style::Strong, "What applications ask for"));
    let mut columns = Columns::new(&[]);
    let mut before = "";
    // Qualities without a number stand in the report: they fill a screen.
    for r in sheet.requirements.iter().filter(|r| r.bound.is_some()) {
        let property = sheet.property(&r.property);
        let has = property.map(shown).unwrap_or_default();
        let about = property.map_or("", |p| p.about.as_str());
        let style = match r.verdict {
            Judgement::Meets => Style::Good,
            Judgement::Misses => Style::Bad,
            Judgement::Open => Style::Open,
            Judgement::NotMeasured | Judgement::NoNumber => Style::Faint,
        };
        let verdict = match &r.bound {
            Some(bound) if r.verdict == Judgement::NotMeasured => format!("asks for {bound}"),
            Some(bound) => format!("{}: {bound}", r.verdict.words()),
            None => String::new(),
        };
        // An application's name stands once.
        let name = if r.application == before { "" } else { &r.application };
        before = &r.application;
        columns.row([
            (Style::Plain, name.to_string()),
            (Style::Plain, about.to_string()),
            (Style::Strong, has),
            (style, verdict),
        ]);
    }
    out + &columns.show(terminal)
}

pub fn cautions(terminal: &Terminal, record: &Record) -> String {
    let cautions = record.notes.iter().filter(|note| note.level == Level::Caution);
    cautions.map(|note| format!("  {} {}\n", terminal.styled(Style::Open, "caution:"), note.text)).collect()
}

fn exact(value: f64, scalar: &Scalar) -> String {
    quantity(value, None, &scalar.unit).to_string()
}

fn style(verdict: Option<Verdict>) -> Style {
    match verdict {
        None => Style::Plain,
        Some(Verdict::Reached) => Style::Good,
        Some(Verdict::Open) => Style::Open,
        Some(Verdict::Missed) => Style::Bad,
    }
}
