//! What can go wrong with a device description or an array of cells.

use neurohm_num::quantity::{self, Dimension};

use crate::overlay::{self, SettingError};

/// An error of this crate: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No preset has this name.
    #[error("no device preset is called `{name}`{}; there are {}", hint(.nearest), .known.join(", "))]
    UnknownPreset {
        /// The name asked for.
        name: String,
        /// The known name that is most like it, if any is.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// A description that cannot be used: no TOML, an unknown name, a value of the wrong kind or outside of
    /// physics. Says where it stands.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A parameter outside what physics or the law allows.
    #[error("device `{device}`: {field} {problem}")]
    Parameter {
        /// Name of the device, empty where only its cell is known.
        device: String,
        /// Path of the parameter.
        field: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// An experiment on one of several devices that failed.
    #[error("device {number} of `{device}`: {problem}")]
    Experiment {
        /// Name of the kind.
        device: String,
        /// Which of the devices.
        number: usize,
        /// When, at which voltage, and why.
        problem: String,
    },
    /// Somebody stopped the work.
    #[error(transparent)]
    Cancelled(neurohm_num::Cancelled),
    /// What is asked for needs a face of the device that its description has not.
    #[error("device `{device}` has no {missing}; {remedy}")]
    Face {
        /// Name of the device.
        device: String,
        /// What is not there.
        missing: &'static str,
        /// How to get it.
        remedy: &'static str,
    },
    /// As many targets as cells are needed.
    #[error("{found} conductances for {expected} cells: give one for each")]
    Length {
        /// Cells in the array.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A conductance that the device cannot be programmed to.
    #[error(
        "cell {index} cannot be programmed to {}: the device reaches {} to {}; scale the weights into that range",
        siemens(f64::from(*.value)), siemens(*.g_min_s), siemens(*.g_max_s)
    )]
    Target {
        /// Index of the first such cell.
        index: usize,
        /// The conductance asked for, S.
        value: f32,
        /// Lowest programmable conductance, S.
        g_min_s: f64,
        /// Highest programmable conductance, S.
        g_max_s: f64,
    },
    /// A model that cannot be written for SPICE.
    #[error("`{model}` has no SPICE form: {reason}")]
    NoSpice {
        /// The model's name.
        model: String,
        /// Why.
        reason: String,
    },
    /// Pulses for a device of which nobody knows what they do.
    #[error(
        "the device has no law for pulses ([pulse.LAW]): `neurohm device fit --kind pulses` finds one from measured \
         pulse trains, `neurohm device characterise` from its equations"
    )]
    NoPulse,
    /// A stimulus that the device's law does not know.
    #[error("there is no stimulus {stimulus}: the device knows {}", list(.known))]
    Stimulus {
        /// The number asked for.
        stimulus: u16,
        /// Names of the stimuli, in the order of their numbers.
        known: Vec<String>,
    },
    /// A cell that is not there.
    #[error("there is no cell {cell}: the array has {len}")]
    Cell {
        /// The cell asked for.
        cell: u32,
        /// Cells in the array.
        len: usize,
    },
    /// A way of programming that makes no sense for the device.
    #[error("cannot program with pulses: {problem}")]
    Scheme {
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Time that is negative or not a number.
    #[error("time cannot advance by {dt_s} s: give a finite time of zero or more")]
    Time {
        /// The step asked for, s.
        dt_s: f64,
    },
}

impl DeviceError {
    /// The error as one of the settings at `prefix` of a larger description: a parameter has a path of its own there.
    #[must_use]
    pub fn below(self, prefix: &str) -> SettingError {
        match self {
            DeviceError::Parameter { field, problem, .. } => {
                let name = field.rsplit('.').next().unwrap_or(&field);
                SettingError::value(overlay::join(prefix, &field), format!("{name} {problem}"))
            }
            DeviceError::Setting(mut error) => {
                error.path = overlay::join(prefix, &error.path);
                error
            }
            other => SettingError::value(prefix, other.to_string()),
        }
    }
}

fn list(names: &[String]) -> String {
    let numbered: Vec<String> = names.iter().enumerate().map(|(i, name)| format!("{i} ({name})")).collect();
    numbered.join(", ")
}

/// Four digits and a prefix are enough for a message.
fn siemens(g: f64) -> String {
    quantity::format(quantity::rounded(g, 4), Dimension::Siemens)
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(", did you mean `{n}`?")).unwrap_or_default()
}

/// The candidate most like `name`, if it is like it at all: by common letters (Jaro and Winkler) or by the number of
/// slips of the finger between them (Damerau and Levenshtein).
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let slips = strsim::damerau_levenshtein(&lower, &candidate) as f64;
        strsim::jaro_winkler(&lower, &candidate).max(1.0 - slips / (1 + candidate.chars().count()) as f64)
    };
    candidates
        .into_iter()
        .map(|c| (likeness(c), c))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}
