//! `neurohm sweep plan`: from a sweep's file to a folder with its plan.

use std::path::PathBuf;

use neurohm::studies::REGISTRY;
use neurohm::study::Disk;
use neurohm::study::sweep::{self, Saved};
use serde_json::json;

use super::{points, text};
use crate::commands::carry_out;
use crate::failure::Failure;
use crate::terminal::{Columns, Style, Terminal};

#[derive(clap::Args)]
pub struct Options {
    /// The sweep's file (see `neurohm sweep --help`)
    #[arg(value_name = "FILE.toml")]
    file: String,
    /// Write the plan into DIR, made if need be; results go there too [default: named after the file; with
    /// --json: nothing is written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let plan = sweep::plan(&text(&options.file)?, &options.file, REGISTRY, &Disk)?;
    let named = || PathBuf::from(carry_out::stem(&options.file));
    let dir = options.out.or_else(|| (!terminal.json()).then(named));
    let saved = dir.as_deref().map(|dir| plan.save(dir)).transpose()?;
    if terminal.json() {
        let axes = plan.axes().map(|(name, values)| json!({ "name": name, "values": values }));
        return terminal.print_json(&json!({
            "id": plan.id(),
            "study": plan.study().name(),
            "points": plan.points(),
            "chunks": plan.chunks(),
            "points_per_chunk": plan.chunk_size(),
            "preparations": plan.preparations(),
            "axes": axes.collect::<Vec<_>>(),
            "idle": plan.idle(),
            "folder": dir,
            "new": saved.map(|saved| saved == Saved::New),
        }));
    }
    let mut out = format!(
        "{}: {} in {} chunk{}\n",
        terminal.styled(Style::Strong, &format!("Sweep of {}", plan.study().title())),
        points(plan.points()),
        plan.chunks(),
        if plan.chunks() == 1 { "" } else { "s" }
    );
    let mut columns = Columns::new(&[1]);
    for (name, values) in plan.axes() {
        let (count, what) = match values {
            Some(1) => ("1".to_string(), "value"),
            Some(values) => (values.to_string(), "values"),
            None => (String::new(), "drawn from a range"),
        };
        columns.row([
            (Style::Plain, name.to_string()),
            (Style::Strong, count),
            (Style::Faint, what.to_string()),
        ]);
    }
    out += &columns.show(terminal);
    for idle in plan.idle() {
        out += &format!("  {} has no effect at {}: {}.\n", idle.path, points(idle.points), idle.why);
    }
    terminal.print(&out)?;
    if let Some(dir) = dir {
        let dir = dir.display();
        let said = match saved {
            Some(Saved::AlreadyThere) => format!("{dir} holds this plan already"),
            _ => format!("Wrote {dir}/plan.json"),
        };
        terminal.tell(&format!("{said}; `neurohm sweep run {dir}` computes its points."));
    }
    Ok(())
}
