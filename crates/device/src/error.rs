//! What can go wrong with a device description or an array of cells.

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
    /// The text is not a device description.
    #[error("{origin}: {message}")]
    Parse {
        /// Where the text came from.
        origin: String,
        /// Line, column and cause.
        message: String,
    },
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
        "cell {index} cannot be programmed to {value:e} S: the device reaches {g_min_s:e} S to {g_max_s:e} S; \
         scale the weights into that range"
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
    /// Time that is negative or not a number.
    #[error("time cannot advance by {dt_s} s: give a finite time of zero or more")]
    Time {
        /// The step asked for, s.
        dt_s: f64,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(", did you mean `{n}`?")).unwrap_or_default()
}

/// The candidate most like `name`, if it is like it at all (Jaro and Winkler).
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::jaro_winkler(&lower, &c.to_lowercase()), c))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}
