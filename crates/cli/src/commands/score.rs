//! `neurohm score DEVICE`: the report card.

use std::time::Instant;

use neurohm::device::{DeviceError, DeviceSpec};
use neurohm::lab::datasheet::{self, Depth};
use neurohm::num::{Key, Watch};
use neurohm::paper::requirements::judged;
use neurohm::report::datasheet::shown;
use neurohm::studies::REGISTRY;
use neurohm::study::experiment::{Asked, Findings};
use neurohm::study::record::{Better, Cell, Column, Datasheet, Judgement, Table};
use neurohm::study::{Card, Disk, Draft, Effort, Finding, StudyError, named_device, table_csv};
use toml::Value;

use super::carry_out::{self, Form};
use crate::args::{EffortOptions, RunOptions, quoted};
use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm score pcm                              a preset; writes score-pcm/report.html
  neurohm score vteam_memtorch                   equations alone: the datasheet
  neurohm device show pcm > mine.toml            start a description of your own
  neurohm score ./mine.toml --full --out mine    judge it thoroughly

With --json it prints {\"rows\": [record, ...]}: first the datasheet, then one record a study
and one of the sizes of arrays, where the device has the statistics that these need. The datasheet's record has beside its
`scalars`, numbers by the properties' names, a key `datasheet` with two lists:
  properties     name, group, about, status, value, ci95, unit, better, how
  requirements   application, asks, property, bound, source, verdict")]
pub struct Options {
    /// Device: a preset (see `neurohm device list`) or the path of a description in TOML
    device: String,
    /// Chip to put it on: a preset or the path of a description [default: default]
    #[arg(long, value_name = "CHIP")]
    chip: Option<String>,
    #[command(flatten)]
    effort: EffortOptions,
    #[command(flatten)]
    run: RunOptions,
}

const ABOUT: &str = "What the device has, as numbers computed from its description, and beside them what the field's \
                     review (Mehonic et al., 2020) asks for by application, in our words.";

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    if let Some(set) = options.run.set.iter().find(|set| set.trim_start().starts_with("config.")) {
        let message = format!("--set {set}: a score runs every study, and `config.` belongs to one");
        let help = "settings of the chip (chip.adc...) work here; for one study use `neurohm run STUDY --set config...`";
        return Err(Failure::request(message).help(help));
    }
    let draft = Draft {
        device: Some(options.device.clone()),
        chip: options.chip.clone(),
        command: Some(command(&options)),
        ..carry_out::draft_of_effort(&options.run, &options.effort)
    };
    let name = format!("score-{}", carry_out::stem(&options.device));
    carry_out::carry_out(&draft, Form::Card, &name, options.run.out.as_deref(), terminal)
}

/// The datasheet, then a finding a study and the sizes of arrays; of a device without statistics the datasheet alone, which says why.
pub fn card(draft: &Draft, watch: &dyn Watch) -> Result<Card, Failure> {
    let (device, seed, lacking) = device(draft)?;
    let sheet = sheet(draft, &device, seed, lacking.as_ref(), watch)?;
    let mut card = match lacking {
        None => {
            // Before the studies: it takes no time, and an interrupt then costs nothing.
            let arrays = super::crossbar::array_size(&device, watch)?;
            let mut card = neurohm::studies::score(draft, &Disk, watch)?;
            // What was stopped is not added to.
            if card.cut_short().is_none() {
                card.findings.push(arrays);
            }
            card
        }
        Some(_) => Card { findings: Vec::new() },
    };
    card.findings.insert(0, sheet);
    Ok(card)
}

/// The device with all settings laid over it, the seed, and why no study can run on it, if none can.
fn device(draft: &Draft) -> Result<(DeviceSpec, u64, Option<DeviceError>), Failure> {
    let first = REGISTRY.first().map(|study| study.name().to_string());
    let resolved = Draft { study: first, ..draft.clone() }.resolve(REGISTRY, &Disk);
    let (device, seed) = match resolved {
        Ok((_, request)) => (request.chip.device, request.seed),
        // Studies refuse a device of equations; settings could have given it statistics, so their errors count.
        Err(error) => match draft.device.as_deref().map(|name| named_device(name, &Disk)) {
            Some(Ok(device)) if device.statistics().is_err() && draft.set.is_empty() => {
                (device, draft.seed.unwrap_or(1))
            }
            _ => return Err(error.into()),
        },
    };
    let lacking = device.statistics().err();
    Ok((device, seed, lacking))
}

fn sheet(
    draft: &Draft,
    device: &DeviceSpec,
    seed: u64,
    lacking: Option<&DeviceError>,
    watch: &dyn Watch,
) -> Result<Finding, Failure> {
    let started = Instant::now();
    let depth = if draft.effort == Effort::Full { Depth::FULL } else { Depth::QUICK };
    let sheet = datasheet::datasheet(device, depth, Key::root(seed).child("datasheet", 0), watch);
    let sheet = judged(sheet.map_err(|error| match error.is_cancelled() {
        true => Failure::from(StudyError::Cancelled),
        false => Failure::from(error),
    })?);
    let number = |n: u32| Value::from(i64::from(n));
    let settings = [("arrays", depth.arrays), ("cells", depth.cells), ("devices", depth.devices)];
    let asked = Asked {
        name: "datasheet",
        title: "Datasheet",
        about: ABOUT,
        revision: datasheet::REVISION,
        merit: "requirements_met",
        device,
        settings: settings.into_iter().map(|(name, n)| (name.to_string(), number(n))).collect(),
        devices: depth.devices as usize,
        seed,
        command: draft.command.clone().unwrap_or_default(),
        started,
    };
    let mut finding = asked.finding(findings(&sheet, lacking))?;
    finding.record.datasheet = Some(sheet);
    Ok(finding)
}

fn findings(sheet: &Datasheet, lacking: Option<&DeviceError>) -> Findings {
    let mut found = Findings::default();
    let count = |verdict| sheet.count(verdict) as f64;
    let met = count(Judgement::Meets);
    let about = "Requirements of the review with a number that it meets";
    found.scalar("requirements_met", met, None, "1", Some(Better::Higher), about);
    for p in &sheet.properties {
        if let Some(value) = p.value {
            found.scalar(&p.name, value, p.ci95, &p.unit, p.better, p.about.clone());
        }
    }
    if let Some(why) = lacking {
        let titles: Vec<&str> = REGISTRY.iter().map(|study| study.title()).collect();
        found.caution(format!("No study was run ({}): {why}.", titles.join(", ")));
    }
    found.files.push(("datasheet.csv".into(), table_csv(&properties(sheet)).into_bytes()));
    found.files.push(("requirements.csv".into(), table_csv(&requirements(sheet)).into_bytes()));
    found
}

fn table(name: &str, columns: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    let column = |name: &&str| Column { name: (*name).into(), unit: String::new() };
    Table { name: name.into(), caption: String::new(), columns: columns.iter().map(column).collect(), rows }
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

fn properties(sheet: &Datasheet) -> Table {
    let optional = |value: Option<f64>| value.map_or_else(|| text(""), Cell::Number);
    let rows = sheet.properties.iter().map(|p| {
        let [low, high] = p.ci95.map_or([None; 2], |ends| ends.map(Some));
        let status = serde_json::to_value(p.status).ok();
        let status = status.and_then(|s| s.as_str().map(str::to_string)).unwrap_or_default();
        vec![
            text(&p.name),
            text(status),
            optional(p.value),
            optional(low),
            optional(high),
            text(&p.unit),
            text(&p.how),
        ]
    });
    let columns = ["property", "status", "value", "ci95_low", "ci95_high", "unit", "how"];
    table("datasheet", &columns, rows.collect())
}

fn requirements(sheet: &Datasheet) -> Table {
    let rows = sheet.requirements.iter().map(|r| {
        let has = sheet.property(&r.property).map(shown).unwrap_or_default();
        vec![
            text(&r.application),
            text(&r.asks),
            text(&r.property),
            text(r.bound.clone().unwrap_or_default()),
            text(&r.source),
            text(has),
            text(r.verdict.words()),
        ]
    });
    let columns = ["application", "asks", "property", "bound", "source", "device", "verdict"];
    table("requirements", &columns, rows.collect())
}

fn command(options: &Options) -> String {
    let mut words = vec!["neurohm".to_string(), "score".into(), options.device.clone()];
    words.extend(options.chip.iter().flat_map(|chip| ["--chip".to_string(), chip.clone()]));
    words.extend(carry_out::deciding(&options.run, Some(&options.effort)));
    quoted(words)
}
