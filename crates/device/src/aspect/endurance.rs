//! How a device wears out.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits;

/// Wear over cycles, of which a SET and a RESET make one: each pulse counts as half a cycle, each programming as one.
///
/// Forms of Lammie, Rahimi Azghadi and Ielmini (Semiconductor Science and Technology, 2021), as the dossier of this
/// project read them in code; the spread of the onset from device to device is a Weibull distribution. A device that
/// fails is stuck from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Endurance {
    /// None.
    Ideal {},
    /// Beyond its onset x_th a device's window closes: log10 R = log10 R0 + slope (log10 x - log10 x_th) after
    /// x cycles, for either end of the range with a slope of its own. A device whose ends meet is stuck there.
    Gradual {
        /// The onset x_th.
        onset: Onset,
        /// Decades of resistance that the upper end of the conductance range gains per decade of cycles.
        slope_on: f64,
        /// Decades of resistance that the lower end of the conductance range gains per decade of cycles; negative
        /// where it becomes a better conductor.
        slope_off: f64,
    },
    /// At its onset a device jumps to one conductance and stays.
    Sudden {
        /// The onset x_th.
        onset: Onset,
        /// Where it is stuck, S.
        #[serde(rename = "g", with = "quantity::siemens")]
        #[schemars(with = "String")]
        g_s: f64,
    },
}

/// When wear begins: x_th = p0 exp(p1 size / 1 nm + p2 min(T_th / T, 1)), the scale of a Weibull distribution
/// 1 - exp(-(x / x_th)^shape) over devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Onset {
    /// Cycles p0; the onset itself where neither size nor temperature counts.
    pub p0: f64,
    /// Dependence on the size of the cell, per nm.
    #[serde(default)]
    pub p1: f64,
    /// Dependence on the temperature.
    #[serde(default)]
    pub p2: f64,
    /// Size of the cell, m.
    #[serde(default = "nanometre", rename = "size", with = "quantity::metre")]
    #[schemars(with = "String")]
    pub size_m: f64,
    /// Temperature T_th up to which it does not count, K.
    #[serde(default = "room", rename = "threshold", with = "quantity::kelvin")]
    #[schemars(with = "String")]
    pub threshold_k: f64,
    /// Temperature T of operation, K.
    #[serde(default = "room", rename = "temperature", with = "quantity::kelvin")]
    #[schemars(with = "String")]
    pub temperature_k: f64,
    /// Weibull shape of the onset from device to device; without it all devices are alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<f64>,
}

fn nanometre() -> f64 {
    1e-9
}

fn room() -> f64 {
    300.0
}

impl Onset {
    /// An onset at `cycles`, with a Weibull shape.
    pub fn at(cycles: f64, shape: Option<f64>) -> Onset {
        let (size_m, threshold_k, temperature_k) = (nanometre(), room(), room());
        Onset { p0: cycles, p1: 0.0, p2: 0.0, size_m, threshold_k, temperature_k, shape }
    }

    /// x_th in cycles.
    pub fn cycles(&self) -> f64 {
        let temperature = (self.threshold_k / self.temperature_k).min(1.0);
        self.p0 * libm::exp(self.p1 * self.size_m / 1e-9 + self.p2 * temperature)
    }

    /// The onset of the device that drew `u`, uniform in (0, 1).
    pub fn of_device(&self, u: f64) -> f64 {
        let spread = self.shape.map_or(1.0, |shape| libm::pow(-libm::log(u), 1.0 / shape));
        self.cycles() * spread
    }

    fn problem(&self) -> Option<String> {
        let outside = |v: f64, low: f64, high: f64| !(low..=high).contains(&v);
        let cycles = self.cycles();
        if outside(self.size_m, 1e-10, 1e-2) {
            Some(format!("has a cell of {} m; give 0.1 nm to 1 cm", self.size_m))
        } else if outside(self.temperature_k, 1.0, 5000.0) || outside(self.threshold_k, 1.0, 5000.0) {
            Some("has a temperature outside 1 K to 5000 K".to_owned())
        } else if outside(cycles, 1.0, 1e30) {
            Some(format!("comes to {} cycles; give 1 to 1e30", limits::plain(cycles)))
        } else if self.shape.is_some_and(|shape| outside(shape, 0.05, 100.0)) {
            Some("has a Weibull shape outside 0.05 to 100".to_owned())
        } else {
            None
        }
    }
}

impl Endurance {
    /// When wear begins; none for a device that does not wear.
    pub fn onset(&self) -> Option<&Onset> {
        match self {
            Endurance::Ideal {} => None,
            Endurance::Gradual { onset, .. } | Endurance::Sudden { onset, .. } => Some(onset),
        }
    }

    /// The range that is left of `range_s` after `cycles` of a device whose wear begins at `onset`, S. Where the two
    /// ends are equal, the device is stuck.
    pub fn range_s(&self, range_s: [f64; 2], cycles: f64, onset: f64) -> [f64; 2] {
        if cycles <= onset {
            return range_s;
        }
        match self {
            Endurance::Ideal {} => range_s,
            Endurance::Sudden { g_s, .. } => [*g_s, *g_s],
            Endurance::Gradual { slope_on, slope_off, .. } => {
                let decades = libm::log10(cycles / onset);
                let worn = |g_s: f64, slope: f64| g_s * libm::pow(10.0, -slope * decades);
                let (low, high) = (worn(range_s[0], *slope_off), worn(range_s[1], *slope_on));
                // An end that passes the other has met it: halfway in the logarithm, or at the upper one from zero.
                if low < high {
                    [low, high]
                } else {
                    let met = (low * high).sqrt();
                    [met, met]
                }
            }
        }
    }

    /// Whether it wears at all.
    pub(crate) fn is_ideal(&self) -> bool {
        match self {
            Endurance::Ideal {} => true,
            Endurance::Gradual { slope_on, slope_off, .. } => *slope_on == 0.0 && *slope_off == 0.0,
            Endurance::Sudden { .. } => false,
        }
    }

    /// Wear begins so many times earlier (`factor` above 1) or later; never for 0.
    pub(crate) fn scale(&mut self, factor: f64) {
        match self {
            _ if factor == 0.0 => *self = Endurance::Ideal {},
            Endurance::Ideal {} => {}
            Endurance::Gradual { onset, .. } | Endurance::Sudden { onset, .. } => onset.p0 /= factor,
        }
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        let at = |field: &str, problem: String| Some((format!("endurance.{field}"), problem));
        match self {
            Endurance::Ideal {} => None,
            Endurance::Gradual { onset, slope_on, slope_off } => {
                let slope = [("gradual.slope_on", slope_on), ("gradual.slope_off", slope_off)];
                let wrong = slope.into_iter().find(|(_, v)| !(-100.0..=100.0).contains(*v));
                let wrong =
                    wrong.map(|(field, v)| (field, format!("is {}; give -100 to 100", limits::plain(*v))));
                onset
                    .problem()
                    .and_then(|p| at("gradual.onset", p))
                    .or_else(|| wrong.and_then(|(field, p)| at(field, p)))
            }
            Endurance::Sudden { onset, g_s } => {
                onset.problem().and_then(|p| at("sudden.onset", p)).or_else(|| {
                    let problem = || format!("is {}; give 0 S to 1 MS", limits::siemens(*g_s));
                    if (0.0..=1e6).contains(g_s) { None } else { at("sudden.g", problem()) }
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_onset_follows_its_formula() {
        // By hand: 1e5 exp(0.02 x 50 + 3 min(300 / 400, 1)) = 1e5 exp(3.25).
        let onset = Onset {
            p1: 0.02,
            p2: 3.0,
            size_m: 50e-9,
            threshold_k: 300.0,
            temperature_k: 400.0,
            ..Onset::at(1e5, None)
        };
        assert!((onset.cycles() / (1e5 * 25.790_339_9) - 1.0).abs() < 1e-8);
        // Below the threshold the temperature no longer counts.
        let cold = Onset { temperature_k: 200.0, ..onset.clone() };
        let colder = Onset { temperature_k: 100.0, ..onset };
        assert_eq!(cold.cycles(), colder.cycles());
    }

    #[test]
    fn a_window_closes_by_decades_and_then_is_stuck() {
        let wear = Endurance::Gradual { onset: Onset::at(1e6, None), slope_on: 0.5, slope_off: -1.0 };
        let fresh = [1e-6, 1e-4];
        assert_eq!(wear.range_s(fresh, 1e6, 1e6), fresh);
        let [low, high] = wear.range_s(fresh, 1e7, 1e6);
        assert!((low / 1e-5 - 1.0).abs() < 1e-12 && (high / (1e-4 / 10_f64.sqrt()) - 1.0).abs() < 1e-12);
        // Two decades apart, closing by 1.5 a decade: they meet after 4/3 of a decade, at 10^(-6 + 4/3).
        let [low, high] = wear.range_s(fresh, 1e6 * 10_f64.powf(4.0 / 3.0) * 1.000_001, 1e6);
        assert!(low == high && (low / 10_f64.powf(-6.0 + 4.0 / 3.0) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn onsets_of_devices_are_weibull() {
        // F(eta) = 0.6321 for any shape; for shape 2, F(0.1 eta) = 0.0100 (dossier).
        let onset = Onset::at(1e6, Some(2.0));
        let n = 100_000;
        let below = |x: f64| {
            (0..n).filter(|i| onset.of_device((f64::from(*i) + 0.5) / f64::from(n)) <= x).count() as f64
                / f64::from(n)
        };
        assert!((below(1e6) - 0.6321).abs() < 1e-4, "{}", below(1e6));
        assert!((below(1e5) - 0.0100).abs() < 1e-4, "{}", below(1e5));
    }
}
