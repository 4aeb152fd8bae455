//! What can go wrong between a network, a chip and a bill.

use neurohm_array::SettingError;

/// Why something could not be priced or placed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// A description that cannot be used; says where it stands.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A layer that makes no sense or does not fit.
    #[error("layer {index} `{layer}`: {problem}")]
    Layer {
        /// Its number, from 0.
        index: usize,
        /// Its name.
        layer: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A network without layers.
    #[error("the network has no layer with weights, so there is nothing to place")]
    Empty,
    /// Chip and technology do not go together.
    #[error("{setting}: {problem}")]
    Mismatch {
        /// The setting, with the description it stands in.
        setting: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// More than the chip, or a budget, holds.
    #[error("{what} needs {needed}, and there is room for {room}; {remedy}")]
    Room {
        /// What.
        what: String,
        /// How much it needs.
        needed: String,
        /// How much there is.
        room: String,
        /// What to do.
        remedy: String,
    },
    /// A line of a table of layers that cannot be read.
    #[error("line {line}: {problem}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl CostError {
    pub(crate) fn layer(index: usize, layer: &str, problem: impl Into<String>) -> Self {
        Self::Layer { index, layer: layer.to_owned(), problem: problem.into() }
    }

    pub(crate) fn mismatch(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Mismatch { setting: setting.into(), problem: problem.into() }
    }
}

/// Refuses what is not a finite number above zero and below 1e30.
pub(crate) fn positive(path: &str, value: f64) -> Result<(), SettingError> {
    if value > 0.0 && value < 1e30 {
        Ok(())
    } else {
        Err(SettingError::value(path, format!("{value:e} is not a finite number above 0, up to 1e30")))
    }
}

/// Refuses what is not a finite number from zero to 1e30.
pub(crate) fn not_negative(path: &str, value: f64) -> Result<(), SettingError> {
    if (0.0..1e30).contains(&value) {
        Ok(())
    } else {
        Err(SettingError::value(path, format!("{value:e} is not a finite number from 0 to 1e30")))
    }
}
