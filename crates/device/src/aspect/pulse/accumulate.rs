//! Accumulation in phase-change memory.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Drive;

/// Partial SET pulses of a phase-change cell (Nandakumar et al., J. Appl. Phys. 124, 152135, 2018; parameters as read
/// in the srnn-pcm code of Demirag).
///
/// Stimulus 0 is a SET pulse: P <- P exp(-1 / memory), mean = m_mean G + c_mean + a_mean P,
/// sd = m_sd G + c_sd + a_sd P, G <- G + mean + sd xi, held between `g_low` and g_max of the device. Stimulus 1 is a
/// RESET: G <- `reset_g` + `reset_sd` xi, P <- 1. Between RESETs P depends on the number of SET pulses alone, so a
/// cell keeps that number (up to 255, where nothing is left of P).
///
/// A cell that is put at a conductance in another way counts as one that the mean pulse train brought there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accumulate {
    /// Pulses in which the memory of the RESET decays by a factor e.
    pub memory: f64,
    /// Change of the mean step with G.
    pub m_mean: f64,
    /// Mean step at G = 0 and P = 0, S.
    #[serde(rename = "c_mean", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub c_mean_s: f64,
    /// What P = 1 adds to the mean step, S.
    #[serde(rename = "a_mean", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub a_mean_s: f64,
    /// Change of the standard deviation with G.
    pub m_sd: f64,
    /// Standard deviation at G = 0 and P = 0, S.
    #[serde(rename = "c_sd", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub c_sd_s: f64,
    /// What P = 1 adds to the standard deviation, S.
    #[serde(rename = "a_sd", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub a_sd_s: f64,
    /// Conductance below which no pulse leads, S.
    #[serde(rename = "g_low", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub g_low_s: f64,
    /// Mean conductance after RESET, S.
    #[serde(rename = "reset_g", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub reset_g_s: f64,
    /// Standard deviation of the conductance after RESET, S.
    #[serde(rename = "reset_sd", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub reset_sd_s: f64,
    /// Voltage and width of the SET pulse, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Drive>,
    /// Voltage and width of the RESET pulse, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Drive>,
}

impl Accumulate {
    /// Mean step from `g_s` of SET pulse number `count` (from 1) since RESET, S.
    pub fn mean_s(&self, g_s: f64, count: u32) -> f64 {
        self.m_mean * g_s + self.c_mean_s + self.a_mean_s * libm::exp(-f64::from(count) / self.memory)
    }

    /// Standard deviation of that step, S.
    pub fn sd_s(&self, g_s: f64, count: u32) -> f64 {
        self.m_sd * g_s + self.c_sd_s + self.a_sd_s * libm::exp(-f64::from(count) / self.memory)
    }

    pub(super) fn has_c2c(&self) -> bool {
        [self.m_sd, self.c_sd_s, self.a_sd_s, self.reset_sd_s].iter().any(|v| *v != 0.0)
    }

    pub(super) fn scale_c2c(&mut self, factor: f64) {
        for v in [&mut self.m_sd, &mut self.c_sd_s, &mut self.a_sd_s, &mut self.reset_sd_s] {
            *v *= factor;
        }
    }
}
