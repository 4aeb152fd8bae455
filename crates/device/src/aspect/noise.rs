//! What a device adds each time it is read.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::law::Deviation;
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
}

impl Noise {
    pub(crate) fn amplitude(&self) -> Option<&Deviation> {
        match self {
            Noise::Ideal {} => None,
            Noise::OneOverF { amplitude, .. } | Noise::White { amplitude } => {
                Some(amplitude).filter(|a| !a.is_zero())
            }
        }
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        match self {
            Noise::Ideal {} => {}
            Noise::OneOverF { amplitude, .. } | Noise::White { amplitude } => {
                *amplitude = amplitude.scaled(factor)
            }
        }
    }

    pub(crate) fn problem(&self, g_max_s: f64) -> Option<(String, String)> {
        let (law, amplitude) = match self {
            Noise::Ideal {} => return None,
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
