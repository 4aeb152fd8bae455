//! Descriptions from a user's own measurements.

pub mod iv;
pub mod pulses;

use neurohm_num::Cancelled;
use neurohm_num::fit::FitError;

use crate::DeviceError;

/// Why measurements give no description.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MeasurementError {
    /// The data lack something, or hold what cannot be.
    #[error("{0}")]
    Data(String),
    /// The fit failed.
    #[error("{model}: {source}")]
    Fit {
        /// The model or law.
        model: String,
        /// Why.
        source: FitError,
    },
    /// The description is none.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Told to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl MeasurementError {
    pub(crate) fn of(model: &str, source: FitError) -> MeasurementError {
        match source {
            FitError::Cancelled(c) => MeasurementError::Cancelled(c),
            source => MeasurementError::Fit { model: model.to_owned(), source },
        }
    }
}

/// Root of the mean square; NaN of nothing.
pub(crate) fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(s, n), v| (s + v * v, n + 1));
    (sum / count as f64).sqrt()
}
