//! What a device adds each time it is read.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::law::{Curve, Deviation};
use crate::limits;

/// Read noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Noise {
    /// None.
    Ideal {},
    /// 1/f noise that accumulates since programming: at age t the standard deviation is `amplitude` times
    /// sqrt(ln(1 + t / (2 t_read))); reads at different ages are correlated (see [`crate::one_over_f`]).
    OneOverF {
        /// Time of a read; what is faster averages out, s.
        #[serde(rename = "t_read", with = "quantity::second")]
        #[schemars(with = "String")]
        t_read_s: f64,
        /// The amplitude Q as a deviation of the conductance, a property of the programmed state.
        amplitude: Deviation,
    },
    /// Noise without memory: independent from read to read.
    White {
        /// Standard deviation of one read.
        amplitude: Deviation,
    },
    /// Random telegraph noise: each device has one trap, and its conductance is G (1 + a (p - s)) with the trap
    /// filled (s = 1) or empty (s = 0). The trap is a two-state Markov process: filled after 1 / capture rate,
    /// emptied after 1 / emission rate, both exponential. p = tau_e / (tau_c + tau_e) is the fraction of time that it
    /// is filled, 1 / tau = 1 / tau_c + 1 / tau_e its rate, so the spectrum is a Lorentzian with its corner at
    /// 1 / (2 pi tau) (Machlup, J. Appl. Phys. 1954, recalled). A device draws once: a lognormal about `amplitude`,
    /// tau with a uniform logarithm, p uniform. A read shows one of the two levels, whatever its window.
    Telegraph {
        /// Median of the relative step a between the two levels, over G / g_max.
        amplitude: Curve,
        /// Device-to-device standard deviation of ln a.
        sigma: f64,
        /// Shortest time tau, s.
        #[serde(rename = "tau_low", with = "quantity::second")]
        #[schemars(with = "String")]
        tau_low_s: f64,
        /// Longest time tau, s.
        #[serde(rename = "tau_high", with = "quantity::second")]
        #[schemars(with = "String")]
        tau_high_s: f64,
        /// Smallest fraction p of time that a trap is filled.
        occupancy_low: f64,
        /// Largest fraction p.
        occupancy_high: f64,
    },
}

impl Noise {
    pub(crate) fn amplitude(&self) -> Option<&Deviation> {
        match self {
            Noise::Ideal {} | Noise::Telegraph { .. } => None,
            Noise::OneOverF { amplitude, .. } | Noise::White { amplitude } => {
                Some(amplitude).filter(|a| !a.is_zero())
            }
        }
    }

    /// Whether a read shows anything of it.
    pub(crate) fn is_ideal(&self) -> bool {
        match self {
            Noise::Telegraph { amplitude, .. } => amplitude.is_zero(),
            other => other.amplitude().is_none(),
        }
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        match self {
            Noise::Ideal {} => {}
            Noise::Telegraph { amplitude, .. } => *amplitude = amplitude.scaled(factor),
            Noise::OneOverF { amplitude, .. } | Noise::White { amplitude } => {
                *amplitude = amplitude.scaled(factor)
            }
        }
    }

    pub(crate) fn problem(&self, g_max_s: f64) -> Option<(String, String)> {
        let (law, amplitude) = match self {
            Noise::Ideal {} => return None,
            Noise::Telegraph { amplitude, sigma, tau_low_s, tau_high_s, occupancy_low, occupancy_high } => {
                let at = |field: &str, p: String| Some((format!("noise.telegraph.{field}"), p));
                let size = |x: f64| {
                    let a = amplitude.value(x);
                    let out = !(0.0..=2.0).contains(&a);
                    out.then(|| {
                        format!("comes to {}; the levels of a trap are 0 to 2 G apart", limits::plain(a))
                    })
                };
                if let Some(p) = amplitude.problem().or_else(|| limits::levels().find_map(size)) {
                    return at("amplitude", p);
                }
                for (field, time) in [("tau_low", tau_low_s), ("tau_high", tau_high_s)] {
                    if let Some(p) = limits::time(*time) {
                        return at(field, p);
                    }
                }
                for (field, p) in [("occupancy_low", occupancy_low), ("occupancy_high", occupancy_high)] {
                    if !(1e-3..=0.999).contains(p) {
                        return at(field, format!("is {}; give 0.001 to 0.999", limits::plain(*p)));
                    }
                }
                return if tau_high_s < tau_low_s {
                    at("tau_high", "is below tau_low".to_owned())
                } else if occupancy_high < occupancy_low {
                    at("occupancy_high", "is below occupancy_low".to_owned())
                } else if !(0.0..=3.0).contains(sigma) {
                    at("sigma", format!("is {}; give 0 to 3", limits::plain(*sigma)))
                } else {
                    None
                };
            }
            Noise::OneOverF { t_read_s, amplitude } => {
                if let Some(problem) = limits::time(*t_read_s) {
                    return Some(("noise.one_over_f.t_read".to_owned(), problem));
                }
                ("one_over_f", amplitude)
            }
            Noise::White { amplitude } => ("white", amplitude),
        };
        let problem = match amplitude {
            Deviation::Lognormal { .. } => {
                Some("is lognormal; read noise is Gaussian here, write `proportional`".to_owned())
            }
            other => other.problem(g_max_s),
        };
        problem.map(|p| (format!("noise.{law}.amplitude"), p))
    }
}
