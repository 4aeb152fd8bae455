//! Fits of what a device keeps, how it sounds and how exactly it is programmed, to a user's measurements. Each gives an
//! aspect of a description with intervals, errors under every condition, and notes on what the data leave open.

mod bins;
mod noise;
mod programming;
mod retention;
mod spectrum;

use neurohm_num::fit::FitError;
use neurohm_num::quantity;

pub use bins::{Condition, Kept, Level, Reading, conditions, kept};
pub use noise::{FittedNoise, NoiseOptions, Series, SeriesNoise, fit_noise};
pub use programming::{FittedProgramming, Programmed, ProgrammingLevel, fit_programming};
pub use retention::{ConditionError, FittedRetention, RetentionOptions, fit_retention};
pub use spectrum::{Spectrum, welch};

/// Why measurements give no aspect.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// Too little to say anything.
    #[error("{0}")]
    Few(String),
    /// A number that no measurement can give.
    #[error("{0}")]
    Value(String),
    /// The data leave something open that the law needs.
    #[error("the data do not determine {what}: {why}")]
    Undetermined {
        /// The parameter.
        what: &'static str,
        /// Why, and what would determine it.
        why: String,
    },
    /// The search failed.
    #[error(transparent)]
    Fit(#[from] FitError),
}

/// A temperature in degrees Celsius, as notes show it.
fn celsius(t_k: f64) -> String {
    format!("{:.4} C", t_k - 273.15).replace(".0000 C", " C")
}

fn seconds(t_s: f64) -> String {
    quantity::format(quantity::rounded(t_s, 4), quantity::Dimension::Second)
}

fn hertz(hz: f64) -> String {
    quantity::format(quantity::rounded(hz, 3), quantity::Dimension::Hertz)
}

fn siemens(g_s: f64) -> String {
    quantity::format(quantity::rounded(g_s, 4), quantity::Dimension::Siemens)
}

/// Root of the mean square; 0 of nothing.
fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for v in values {
        sum += v * v;
        count += 1.0;
    }
    if count > 0.0 { libm::sqrt(sum / count) } else { 0.0 }
}

#[cfg(test)]
mod tests;
