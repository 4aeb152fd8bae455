//! `neurohm studies`: what can be run.

use neurohm::studies::REGISTRY;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::terminal::{Columns, Style, Terminal};

pub fn run(terminal: &Terminal) -> Result<(), Failure> {
    if terminal.json() {
        let list: Vec<Value> = REGISTRY
            .iter()
            .map(|s| json!({ "name": s.name(), "title": s.title(), "about": s.about(), "revision": s.revision(), "merit": s.merit() }))
            .collect();
        return terminal.print_json(&list);
    }
    let mut columns = Columns::new(&[]);
    for study in REGISTRY {
        columns.row([(Style::Strong, study.name()), (Style::Plain, study.title())]);
    }
    let more = "\nRun one with `neurohm run NAME`; `neurohm schema NAME` lists its settings.\n";
    terminal.print(&format!("{}{}", columns.show(terminal), terminal.styled(Style::Faint, more)))
}
