//! `neurohm paper`: the ledger of the review's claims.

use std::path::PathBuf;

use neurohm::paper::{Effort, Entry, LEDGER, Page, Setting, Verdict};
use neurohm::report::number::quantity;
use neurohm::study::Disk;
use neurohm::study::record::{Cell, Column, Record, Table};
use serde_json::json;

use super::carry_out;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::{Columns, Style, Terminal};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm paper                    every claim, judged; writes paper/report.html
  neurohm paper 3b 3c --full       two figures, thoroughly
  neurohm paper --quick --json     the ledger for programs")]
pub struct Options {
    /// Figures and sections, such as 3a or s1 [default: all]
    #[arg(value_name = "FIGURE")]
    figures: Vec<String>,
    /// At the sizes of a publication
    #[arg(long, conflicts_with = "quick")]
    full: bool,
    /// What takes seconds [default]
    #[arg(long)]
    quick: bool,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// List the figures and sections, and run nothing
    #[arg(long)]
    list: bool,
    /// Write report.html, run.json and CSV files into DIR [default: paper; with --json: nothing is written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let entries = entries(&options.figures)?;
    if options.list {
        return list(&entries, terminal);
    }
    let folder = carry_out::folder(options.out.as_deref(), "paper", terminal)?;
    let effort = if options.full { Effort::Full } else { Effort::Quick };
    let progress = Progress::new(terminal);
    let setting = Setting { effort, seed: options.seed, inputs: &Disk, watch: &progress };
    let mut pages = Vec::new();
    let mut stopped = None;
    for entry in &entries {
        match entry.page(&setting) {
            Ok(page) => pages.push(page),
            // What was judged stays; a reader is told what is missing.
            Err(error) if error.is_cancelled() && !pages.is_empty() => {
                let missing: Vec<_> = entries.iter().skip(pages.len()).map(|e| e.figure).collect();
                stopped = Some(format!("cancelled. Not run: {}", missing.join(", ")));
                break;
            }
            Err(error) => return Err(Failure::from(error)),
        }
    }
    progress.finish();
    if let Some(folder) = folder {
        let folder = if stopped.is_some() { folder.beside_an_earlier_run()? } else { folder };
        let findings: Vec<_> = pages.iter().map(|page| record(page, &options).into()).collect();
        let records: Vec<Record> = pages.iter().map(|page| record(page, &options)).collect();
        let html = neurohm::report::html(&records, "The review's claims, and ours")?;
        let report = folder.path().join("report.html");
        folder.of_a_card().write(&findings, Some(&html))?;
        terminal.tell(&format!("Wrote {}.", report.display()));
    }
    if terminal.json() {
        let ledger: Vec<_> = pages
            .iter()
            .map(|page| json!({ "figure": page.figure, "title": page.title, "about": page.about, "claims": page.claims }))
            .collect();
        terminal.print_json(&ledger)?;
    } else {
        terminal.print(&shown(&pages, terminal))?;
    }
    stopped.map_or(Ok(()), |text| Err(Failure::failed(text)))
}

fn entries(names: &[String]) -> Result<Vec<&'static Entry>, Failure> {
    if names.is_empty() {
        return Ok(LEDGER.iter().collect());
    }
    let find = |name: &String| {
        let plain = name.trim().to_lowercase();
        LEDGER.iter().find(|e| e.figure == plain).ok_or_else(|| {
            let known: Vec<_> = LEDGER.iter().map(|e| e.figure).collect();
            let failure = Failure::request(format!("the ledger has no figure or section {name:?}"));
            match neurohm::device::nearest(&plain, known.iter().copied()) {
                Some(nearest) => failure.help(format!("did you mean `{nearest}`?")),
                None => failure,
            }
            .help(format!("it has {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

fn list(entries: &[&Entry], terminal: &Terminal) -> Result<(), Failure> {
    if terminal.json() {
        let all: Vec<_> = entries
            .iter()
            .map(|e| json!({ "figure": e.figure, "title": e.title, "claims": e.claims.len() }))
            .collect();
        return terminal.print_json(&all);
    }
    let mut columns = Columns::new(&[2]);
    for e in entries {
        columns.row([
            (Style::Strong, e.figure.to_string()),
            (Style::Plain, e.title.to_string()),
            (Style::Faint, format!("{} claims", e.claims.len())),
        ]);
    }
    terminal.print(&columns.show(terminal))
}

fn ours(claim: &neurohm::paper::Judged) -> String {
    claim.ours.map_or_else(|| "–".into(), |v| quantity(v, claim.ci95, claim.unit).to_string())
}

fn shown(pages: &[Page], terminal: &Terminal) -> String {
    let mut out = String::new();
    let (mut agree, mut judged, mut all) = (0, 0, 0);
    for page in pages {
        out += &format!("{}  {}\n", terminal.styled(Style::Strong, page.figure), page.title);
        let mut columns = Columns::new(&[]);
        for c in &page.claims {
            let style = match c.verdict {
                Verdict::Reproduced => Style::Good,
                Verdict::Differs => Style::Bad,
                Verdict::NotComparable => Style::Faint,
            };
            columns.row([
                (style, c.verdict.words().to_string()),
                (Style::Strong, ours(c)),
                (Style::Plain, c.claim.to_string()),
                (Style::Faint, format!("({})", c.published)),
            ]);
            all += 1;
            judged += usize::from(c.verdict != Verdict::NotComparable);
            agree += usize::from(c.verdict == Verdict::Reproduced);
        }
        out += &columns.show(terminal);
        out.push('\n');
    }
    out + &format!(
        "{agree} of {judged} comparable claims are reproduced; {} are not comparable.\n",
        all - judged
    )
}

/// An entry as a record, which the report draws.
fn record(page: &Page, options: &Options) -> Record {
    let column = |name: &str| Column { name: name.into(), unit: String::new() };
    let table = Table {
        name: "claims".into(),
        caption: "Each claim beside what our simulation gives.".into(),
        columns: ["claim", "published", "ours", "verdict", "reproduced if"].map(column).into(),
        rows: page
            .claims
            .iter()
            .map(|c| {
                let text = |t: &str| Cell::Text(t.into());
                vec![
                    text(c.claim),
                    text(c.published),
                    Cell::Text(ours(c)),
                    text(c.verdict.words()),
                    text(&c.rule),
                ]
            })
            .collect(),
    };
    let judged = page.claims.iter().filter(|c| c.verdict != Verdict::NotComparable).count();
    let agree = page.claims.iter().filter(|c| c.verdict == Verdict::Reproduced).count();
    let effort = if options.full { " --full" } else { "" };
    let seed = if options.seed == 1 { String::new() } else { format!(" --seed {}", options.seed) };
    let mut found = neurohm::study::experiment::Findings {
        series: page.series.clone(),
        tables: std::iter::once(table).chain(page.tables.iter().cloned()).collect(),
        plans: page.plans.clone(),
        notes: page.notes.clone(),
        ..Default::default()
    };
    found.number("reproduced", agree as f64, "1", "Claims that our simulation reproduces");
    found.number("judged", judged as f64, "1", "Claims that can be compared");
    neurohm::study::experiment::plain(
        &format!("paper-{}", page.figure),
        &format!("{}: {}", page.figure, page.title),
        page.about,
        "reproduced",
        &format!("neurohm paper {}{effort}{seed}", page.figure),
        options.seed,
        found,
    )
}
