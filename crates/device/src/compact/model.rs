//! The models, a file each: formula, symbols, units, source and valid range beside the code, published parameter sets
//! and check values below it.

mod ion_drift;
mod knowm;
mod messaris;
mod niobium;
mod nonlinear_drift;
mod pershin;
mod simmons;
mod stanford;
mod stt_mram;
mod team;
mod vteam;
mod window;
mod wox;
mod yakopcic;

pub use ion_drift::LinearIonDrift;
pub use knowm::MeanMetastableSwitch;
pub use messaris::Messaris;
pub use niobium::NiobiumThreshold;
pub use nonlinear_drift::NonlinearIonDrift;
pub use pershin::PershinDiVentra;
pub use simmons::SimmonsTunnelBarrier;
pub use stanford::StanfordPku;
pub use stt_mram::SttMram;
pub use team::Team;
pub use vteam::Vteam;
pub use window::Window;
pub use wox::TungstenOxide;
pub use yakopcic::Yakopcic;

/// What every model's file needs.
mod prelude {
    pub use super::super::constants::*;
    pub(crate) use super::super::parameters::{parameters, rising};
    pub use super::super::{At, CompactModel, Equations, ModelError, Response};
    pub use neurohm_num::{Key, quantity};
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
