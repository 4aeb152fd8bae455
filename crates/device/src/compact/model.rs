//! The models, a file each: formula, symbols, units, source and valid range beside the code, published parameter sets
//! and check values below it.

mod and_ts;
mod diffusive_ag;
mod ecm;
mod fefet;
mod filament_paths;
mod ion_drift;
mod jart_vcm;
mod knowm;
mod messaris;
mod messaris_quadratic;
mod mott_pillar;
mod niobium;
mod nonlinear_drift;
mod pcm_mushroom;
mod pershin;
mod schottky;
mod simmons;
mod soft_breakdown;
mod stanford;
mod stt_mram;
mod team;
mod thermochemical;
mod vteam;
mod window;
mod wox;
mod yakopcic;
mod yakopcic_two_branch;

pub use and_ts::AndTs;
pub use diffusive_ag::DiffusiveAg;
pub use ecm::Ecm;
pub use fefet::{Fefet, Gate};
pub use filament_paths::FilamentPaths;
pub use ion_drift::LinearIonDrift;
pub use jart_vcm::JartVcm;
pub use knowm::MeanMetastableSwitch;
pub use messaris::Messaris;
pub use messaris_quadratic::MessarisQuadratic;
pub use mott_pillar::MottPillar;
pub use niobium::NiobiumThreshold;
pub use nonlinear_drift::NonlinearIonDrift;
pub use pcm_mushroom::PcmMushroom;
pub use pershin::PershinDiVentra;
pub use schottky::SchottkyInterface;
pub use simmons::SimmonsTunnelBarrier;
pub use soft_breakdown::SoftBreakdown;
pub use stanford::StanfordPku;
pub use stt_mram::SttMram;
pub use team::Team;
pub use thermochemical::{Heating, Thermochemical};
pub use vteam::Vteam;
pub use window::Window;
pub use wox::TungstenOxide;
pub use yakopcic::Yakopcic;
pub use yakopcic_two_branch::YakopcicTwoBranch;

/// What every model's file needs.
mod prelude {
    pub use super::super::constants::*;
    pub(crate) use super::super::parameters::{parameters, rising};
    pub(super) use super::super::root::root;
    pub use super::super::{At, CompactModel, Equations, ModelError, Response};
    pub(super) use super::truncated;
    pub use neurohm_num::{Key, Purpose, quantity};
}

/// How a resistance lies between its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mixture {
    /// R = R_on + (R_off - R_on) s.
    Linear,
    /// R = R_on (R_off / R_on)^s.
    Exponential,
}

impl Mixture {
    /// The resistance at the part `s` of the way from `r_on` to `r_off`, ohm.
    pub fn resistance(self, r_on: f64, r_off: f64, s: f64) -> f64 {
        match self {
            Mixture::Linear => r_on + (r_off - r_on) * s,
            Mixture::Exponential => r_on * libm::exp(s * libm::log(r_off / r_on)),
        }
    }

    /// The same in SPICE's language, of the state `$w` between the parameters `on` and `off`.
    fn spice(self, on: &str, off: &str) -> String {
        let s = format!("(($w-{on})/({off}-{on}))");
        match self {
            Mixture::Linear => format!("({{r_on}}+({{r_off}}-{{r_on}})*{s})"),
            Mixture::Exponential => format!("({{r_on}}*exp({s}*ln({{r_off}}/{{r_on}})))"),
        }
    }
}

/// A normal number around `mean` with the standard deviation `sigma` that lies between `low` and `high`: the first of
/// the numbers `16 nth ..` of a stream that does, or the nearer end where none of 16 does.
fn truncated(stream: &neurohm_num::Stream, nth: u64, mean: f64, sigma: f64, low: f64, high: f64) -> f64 {
    let mut x = mean;
    for k in 0..16 {
        x = mean + sigma * f64::from(stream.normal(16 * nth + k));
        if (low..=high).contains(&x) {
            return x;
        }
    }
    x.max(low).min(high)
}

/// A rate above a threshold, `k (u / u_th - 1)^alpha`, and nothing below it.
fn above(k: f64, u: f64, threshold: f64, alpha: f64) -> f64 {
    let excess = u / threshold - 1.0;
    if excess > 0.0 { k * libm::pow(excess, alpha) } else { 0.0 }
}

/// The same in SPICE's language, `k`, `u` and the threshold being texts.
fn above_spice(k: &str, u: &str, threshold: &str, alpha: &str) -> String {
    format!("{k}*pwr(max({u}/{threshold}-1,0),{alpha})")
}

#[cfg(test)]
mod tests;
