//! The applications as studies, one file each, and the registry.
//!
//! A new study is a file here and a line in [`REGISTRY`]; command line, report card and contract tests walk
//! the registry.

mod committee;
mod inference;
pub mod layout;
mod material;
mod mvm;
mod networks;
mod price;
mod selector;
mod shapes;
mod tolerance;
mod upkeep;
mod views;
mod wires;

pub use committee::{Committee, CommitteeConfig, average, squared_error};
pub use inference::{Inference, InferenceConfig};
pub use material::{BatchNorm, Normalise};
pub use mvm::{Distribution, Mvm, MvmConfig};
pub use networks::{NETWORKS, Network, network};
pub use selector::{SelectorConfig, SelectorKind, Selectors};
pub use shapes::shapes;
pub use upkeep::{Mitigation, Stage, Upkeep, UpkeepConfig};
pub use wires::{WireResistance, WiresConfig};

use std::time::Instant;

use neurohm_array::SettingError;
use neurohm_num::{Watch, quantity};
use neurohm_study::{AnyStudy, Card, Draft, Inputs, StudyError};

/// All studies, in the order of a report card.
pub static REGISTRY: &[&dyn AnyStudy] = &[&Mvm, &Inference, &Upkeep, &Committee, &WireResistance, &Selectors];

/// The chip's sections: what a study that programs crossbars and reads them uses.
pub(crate) const ALL_SECTIONS: &[&str] = &[
    "device",
    "tile",
    "mapping",
    "wires",
    "cells",
    "dac",
    "adc",
    "output_noise",
    "input_noise",
    "read",
    "drift_compensation",
];

/// The same of a study that puts its cells behind lines with resistance.
pub(crate) const LINEAR_CELLS: &[&str] = &[
    "device",
    "tile",
    "mapping",
    "wires",
    "dac",
    "adc",
    "output_noise",
    "input_noise",
    "read",
    "drift_compensation",
];

/// The same of a study that gives its cells selectors, which needs lines without.
pub(crate) const IDEAL_LINES: &[&str] = &[
    "device",
    "tile",
    "mapping",
    "cells",
    "dac",
    "adc",
    "output_noise",
    "input_noise",
    "read",
    "drift_compensation",
];

/// The report card: every study on the device or chip that `draft` names (see [`neurohm_study::score`]), and what products
/// on it cost.
pub fn score(draft: &Draft, inputs: &dyn Inputs, watch: &dyn Watch) -> Result<Card, StudyError> {
    let started = Instant::now();
    let mut card = neurohm_study::score(REGISTRY, draft, inputs, watch)?;
    if card.cut_short().is_none() {
        let first = REGISTRY.first().map(|study| study.name().to_string());
        let (_, request) = Draft { study: first, ..draft.clone() }.resolve(REGISTRY, inputs)?;
        let command = draft.command.clone().unwrap_or_default();
        card.findings.push(price::priced(&request.chip, request.seed, command, started)?);
    }
    Ok(card)
}

/// When devices are read: at `at` and at `times`, sorted, each once; for the merit alone, which is measured
/// at `at`, not beyond. What was read before stays, since a read walks correlated noise.
pub(crate) fn instants(at: f64, times: &[f64], merit_only: bool) -> Vec<f64> {
    let wanted = |t: &f64| !merit_only || *t <= at;
    let mut all: Vec<f64> = times.iter().copied().chain([at]).filter(wanted).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// What is wrong with the times of a configuration: they must lie between 0 and 100 years.
pub(crate) fn check_times(at: f64, times: &[f64]) -> Result<(), SettingError> {
    const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;
    let outside = |path: &str, t: f64| {
        let t = quantity::format(t, quantity::Dimension::Second);
        Err(SettingError::value(path, format!("a time of {t} is outside 0 to 100 years")))
    };
    let inside = |t: &f64| (0.0..=LONGEST).contains(t);
    match times.iter().position(|t| !inside(t)) {
        Some(i) => outside(&format!("times[{i}]"), times[i]),
        None if !inside(&at) => outside("at", at),
        None if times.windows(2).any(|w| w[0] >= w[1]) => {
            Err(SettingError::value("times", "times must increase"))
        }
        None => Ok(()),
    }
}
