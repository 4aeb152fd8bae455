//! A device whose hidden state remembers the last pulses.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Steps;

/// A second-order memristor: a hidden state h, the temperature of the filament say, rises at each pulse and decays
/// between pulses; while it is high, steps are larger (after Kim et al., Nano Letters 2015, recalled, who name the
/// mechanism; the form here is the simplest that shows it).
///
/// h <- h exp(-dt / tau) at each pulse, dt after the cell's last one; then
/// step = D (1 - w / b_max) (1 + facilitation h) up, and with b_min down; then h <- h + rise of the stimulus.
/// Stimulus 2 (`prime`) raises h and moves nothing: a pulse up that follows it within about tau is enhanced, so
/// pulses that do not overlap give plasticity that depends on their timing. Without history a pair of pulses up from
/// w = 0 has a paired-pulse ratio of (1 - D / b_max) (1 + facilitation rise exp(-dt / tau)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondOrder {
    /// Size and spread of a step.
    pub steps: Steps,
    /// Time in which the hidden state decays by a factor e, s.
    #[serde(rename = "tau", with = "quantity::second")]
    #[schemars(with = "String")]
    pub tau_s: f64,
    /// How much a hidden state of 1 enhances a step.
    pub facilitation: f64,
    /// What a pulse up or down adds to the hidden state.
    pub rise: f64,
    /// What a priming pulse adds to it.
    pub prime: f64,
}
