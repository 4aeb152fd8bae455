//! `neurohm schema`: JSON Schema of what users write, for editors and other programs.

use neurohm::array::ChipSpec;
use neurohm::cost::Technology;
use neurohm::device::DeviceSpec;
use neurohm::studies::REGISTRY;
use neurohm::study::{find, sweep};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub struct Options {
    /// device, chip, technology, sweep, or the name of a study [default: all of them in one object]
    #[arg(value_name = "device|chip|technology|sweep|STUDY")]
    of: Option<String>,
}

pub fn run(options: Options, terminal: &Terminal) -> Result<(), Failure> {
    let device = || schemars::schema_for!(DeviceSpec).to_value();
    let schema = match options.of.as_deref() {
        Some("device") => device(),
        Some("chip") => ChipSpec::schema().clone(),
        Some("technology") => Technology::schema().clone(),
        Some("sweep") => sweep::schema(),
        Some(name) => find(REGISTRY, name)
            .map_err(|error| {
                Failure::from(error).help("`device`, `chip`, `technology` and `sweep` have schemas too")
            })?
            .schema(),
        None => {
            let studies: serde_json::Map<String, Value> =
                REGISTRY.iter().map(|study| (study.name().to_string(), study.schema())).collect();
            json!({ "device": device(), "chip": ChipSpec::schema(), "technology": Technology::schema(), "sweep": sweep::schema(), "studies": studies })
        }
    };
    terminal.print_json(&schema)
}
