//! How a programmed conductance changes with the time since it was programmed (the age t).

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Activated;
use crate::law::Curve;
use crate::limits;

/// Drift and relaxation after programming.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Retention {
    /// None.
    Ideal {},
    /// Drift of phase-change memory: G(t) = G (t / t0)^-nu with nu = |mean + spread xi|, one nu for each device
    /// and programming. Before `t0`, when G was determined, G is held.
    PowerLaw {
        /// Age at which the programmed conductance was determined, s.
        #[serde(rename = "t0", with = "quantity::second")]
        #[schemars(with = "String")]
        t0_s: f64,
        /// Mean drift exponent over the target G / g_max.
        nu_mean: Curve,
        /// Standard deviation of the drift exponent from device to device over the target G / g_max.
        nu_spread: Curve,
    },
    /// Relaxation with the logarithm of time that does not depend on the state:
    /// G(t) = G + shift + shift_per_ln ln(t/from) + (spread + spread_per_ln ln(t/from)) z, one z for each
    /// device and programming. Before `from` it is held.
    Logarithmic {
        /// First age for which the law holds, s.
        #[serde(rename = "from", with = "quantity::second")]
        #[schemars(with = "String")]
        from_s: f64,
        /// Mean shift at `from`, S.
        #[serde(rename = "shift", with = "quantity::siemens")]
        #[schemars(with = "String")]
        shift_s: f64,
        /// Mean shift per factor e in time, S.
        #[serde(rename = "shift_per_ln", with = "quantity::siemens")]
        #[schemars(with = "String")]
        shift_per_ln_s: f64,
        /// Standard deviation at `from`, S.
        #[serde(rename = "spread", with = "quantity::siemens")]
        #[schemars(with = "String")]
        spread_s: f64,
        /// Growth of the standard deviation per factor e in time, S.
        #[serde(rename = "spread_per_ln", with = "quantity::siemens")]
        #[schemars(with = "String")]
        spread_per_ln_s: f64,
    },
    /// Relaxation measured at several ages: G(t) = G + shift(t, G) + spread(t, G) z, one z for each device and
    /// programming. Between the ages, shift and spread are linear in ln t; before the first they are held, after
    /// the last they go on with the mean slope in ln t from the first to the last.
    Measured {
        /// What a curve's value of 1 means at `fitted_g_max`, S.
        #[serde(rename = "unit", with = "quantity::siemens")]
        #[schemars(with = "String")]
        unit_s: f64,
        /// Largest conductance of the device that was fitted, S; shift and spread grow with g_max / fitted_g_max.
        #[serde(rename = "fitted_g_max", with = "quantity::siemens")]
        #[schemars(with = "String")]
        fitted_g_max_s: f64,
        /// The ages, rising.
        anchors: Vec<Anchor>,
    },
    /// Relaxation with the logarithm of time and loss by heat, over time and temperature.
    Activated(Box<Activated>),
}

/// Relaxation at one age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Age, s.
    #[serde(rename = "age", with = "quantity::second")]
    #[schemars(with = "String")]
    pub age_s: f64,
    /// Mean shift in `unit` over the programmed G / g_max; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Curve>,
    /// Standard deviation in `unit` over the programmed G / g_max.
    pub spread: Curve,
}

impl Retention {
    /// First and last age that the law was measured at, s, as far as the description says.
    pub fn known_ages_s(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Retention::Ideal {} => (None, None),
            Retention::PowerLaw { t0_s, .. } => (Some(*t0_s), None),
            Retention::Logarithmic { from_s, .. } => (Some(*from_s), None),
            Retention::Measured { anchors, .. } => {
                (anchors.first().map(|a| a.age_s), anchors.last().map(|a| a.age_s))
            }
            Retention::Activated(a) => (a.known_from_s, a.known_to_s),
        }
    }

    /// Lowest and highest temperature that the law was measured at, K, as far as the description says. Only a law with
    /// an activation energy follows the temperature at all.
    pub fn known_temperatures_k(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Retention::Activated(a) => (a.coldest_k, a.hottest_k),
            _ => (None, None),
        }
    }

    /// Whether it depends on the temperature.
    pub fn follows_temperature(&self) -> bool {
        matches!(self, Retention::Activated(_))
    }

    /// Weights of the anchors at `age_s`; they sum to 1.
    pub(crate) fn weights(anchors: &[Anchor], age_s: f64) -> Vec<f64> {
        let mut weights = vec![0.0; anchors.len()];
        let Some(last) = anchors.len().checked_sub(1) else { return weights };
        let ln = |i: usize| anchors[i].age_s.ln();
        if age_s <= anchors[0].age_s || last == 0 {
            weights[0] = 1.0;
        } else if age_s >= anchors[last].age_s {
            let beyond = (age_s.ln() - ln(last)) / (ln(last) - ln(0));
            weights[last] += 1.0 + beyond;
            weights[0] -= beyond;
        } else {
            let i = anchors.iter().rposition(|a| a.age_s <= age_s).unwrap_or(0);
            let part = (age_s.ln() - ln(i)) / (ln(i + 1) - ln(i));
            weights[i] = 1.0 - part;
            weights[i + 1] = part;
        }
        weights
    }

    /// Sets the part that all devices share to zero.
    pub(crate) fn scale_mean(&mut self, factor: f64) {
        match self {
            Retention::Ideal {} => {}
            Retention::PowerLaw { nu_mean, .. } => *nu_mean = nu_mean.scaled(factor),
            Retention::Logarithmic { shift_s, shift_per_ln_s, .. } => {
                *shift_s *= factor;
                *shift_per_ln_s *= factor;
            }
            Retention::Measured { anchors, .. } => {
                for a in anchors {
                    a.shift = a.shift.as_ref().map(|c| c.scaled(factor));
                }
            }
            Retention::Activated(a) => a.scale_mean(factor),
        }
    }

    /// Multiplies the differences between devices.
    pub(crate) fn scale_spread(&mut self, factor: f64) {
        match self {
            Retention::Ideal {} => {}
            Retention::PowerLaw { nu_spread, .. } => *nu_spread = nu_spread.scaled(factor),
            Retention::Logarithmic { spread_s, spread_per_ln_s, .. } => {
                *spread_s *= factor;
                *spread_per_ln_s *= factor;
            }
            Retention::Measured { anchors, .. } => {
                for a in anchors {
                    a.spread = a.spread.scaled(factor);
                }
            }
            Retention::Activated(a) => a.scale_spread(factor),
        }
    }

    pub(crate) fn has_mean(&self) -> bool {
        match self {
            Retention::Ideal {} => false,
            Retention::PowerLaw { nu_mean, .. } => !nu_mean.is_zero(),
            Retention::Logarithmic { shift_s, shift_per_ln_s, .. } => {
                *shift_s != 0.0 || *shift_per_ln_s != 0.0
            }
            Retention::Measured { anchors, .. } => {
                anchors.iter().any(|a| a.shift.as_ref().is_some_and(|c| !c.is_zero()))
            }
            Retention::Activated(a) => a.has_mean(),
        }
    }

    pub(crate) fn has_spread(&self) -> bool {
        match self {
            Retention::Ideal {} => false,
            Retention::PowerLaw { nu_spread, .. } => !nu_spread.is_zero(),
            Retention::Logarithmic { spread_s, spread_per_ln_s, .. } => {
                *spread_s != 0.0 || *spread_per_ln_s != 0.0
            }
            Retention::Measured { anchors, .. } => anchors.iter().any(|a| !a.spread.is_zero()),
            Retention::Activated(a) => a.has_spread(),
        }
    }

    pub(crate) fn problem(&self, g_max_s: f64) -> Option<(String, String)> {
        let at = |field: &str, problem: Option<String>| problem.map(|p| (format!("retention.{field}"), p));
        let exponents = |curve: &Curve| {
            curve.problem().or_else(|| limits::levels().find_map(|x| limits::exponent(curve.value(x))))
        };
        let stray = |v: f64| limits::stray(v, g_max_s);
        match self {
            Retention::Ideal {} => None,
            Retention::Activated(a) => a.problem(g_max_s),
            Retention::PowerLaw { t0_s, nu_mean, nu_spread } => at("power_law.t0", limits::time(*t0_s))
                .or_else(|| at("power_law.nu_mean", exponents(nu_mean)))
                .or_else(|| at("power_law.nu_spread", exponents(nu_spread))),
            Retention::Logarithmic { from_s, shift_s, shift_per_ln_s, spread_s, spread_per_ln_s } => {
                at("logarithmic.from", limits::time(*from_s))
                    .or_else(|| at("logarithmic.shift", stray(*shift_s)))
                    .or_else(|| at("logarithmic.shift_per_ln", stray(*shift_per_ln_s)))
                    .or_else(|| at("logarithmic.spread", stray(*spread_s)))
                    .or_else(|| at("logarithmic.spread_per_ln", stray(*spread_per_ln_s)))
            }
            Retention::Measured { unit_s, fitted_g_max_s, anchors } => {
                let rising = anchors.windows(2).all(|w| w[0].age_s < w[1].age_s);
                let curve = |curve: &Curve| {
                    let scale = unit_s * g_max_s / fitted_g_max_s;
                    curve.problem().or_else(|| limits::levels().find_map(|x| stray(scale * curve.value(x))))
                };
                at("measured.unit", limits::unit(*unit_s))
                    .or_else(|| at("measured.fitted_g_max", limits::unit(*fitted_g_max_s)))
                    .or_else(|| at("measured.anchors", anchors.is_empty().then(|| "is empty".to_owned())))
                    .or_else(|| {
                        anchors.iter().enumerate().find_map(|(i, a)| {
                            at(&format!("measured.anchors[{i}].age"), limits::time(a.age_s))
                                .or_else(|| at(&format!("measured.anchors[{i}].spread"), curve(&a.spread)))
                                .or_else(|| {
                                    let shift = a.shift.as_ref().and_then(curve);
                                    at(&format!("measured.anchors[{i}].shift"), shift)
                                })
                        })
                    })
                    .or_else(|| at("measured.anchors", (!rising).then(|| "must have rising ages".to_owned())))
            }
        }
    }
}
