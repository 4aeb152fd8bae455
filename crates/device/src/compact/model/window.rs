//! Windows: how drift slows at the ends of a device.

use super::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A factor on the drift of a state x in \[0, 1\].
///
/// Joglekar and Wolf 2009 (Eur. J. Phys. 30:661), Z. Biolek et al. 2009 (Radioengineering 18:210), Prodromakis et al.
/// 2011 (IEEE TED 58:3099), Kvatinsky et al. 2013 (IEEE TCAS-I 60:211); forms as in Kvatinsky's Verilog-A report,
/// table 3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Window {
    /// 1: a hard stop at the bounds.
    None {},
    /// 1 - (2x - 1)^(2p). Zero at both ends, so that a state that reaches an end never leaves it.
    Joglekar {
        /// Exponent, 1 to 100.
        p: f64,
    },
    /// 1 - (x - stp(-i))^(2p) with stp(z) = 1 for z >= 0: zero only at the end that the state moves to.
    Biolek {
        /// Exponent, 1 to 100.
        p: f64,
    },
    /// j (1 - ((x - 0.5)^2 + 0.75)^p).
    Prodromakis {
        /// Exponent, any real number above 0.
        p: f64,
        /// Height.
        j: f64,
    },
    /// exp(-exp((x - a_rise) / w_c)) where x rises, exp(-exp(-(x - a_fall) / w_c)) where it falls.
    Team {
        /// Where a rise slows down.
        a_rise: f64,
        /// Where a fall slows down.
        a_fall: f64,
        /// Over which distance.
        w_c: f64,
    },
}

impl Window {
    /// Its value at `x`, where `u` has the sign of the motion (and of the current, where a current of that sign moves
    /// the state upward).
    pub fn value(&self, x: f64, u: f64) -> f64 {
        match *self {
            Window::None {} => 1.0,
            Window::Joglekar { p } => 1.0 - libm::pow((2.0 * x - 1.0).abs(), 2.0 * p),
            Window::Biolek { p } => {
                let step = if u <= 0.0 { 1.0 } else { 0.0 };
                1.0 - libm::pow((x - step).abs(), 2.0 * p)
            }
            Window::Prodromakis { p, j } => j * (1.0 - libm::pow((x - 0.5) * (x - 0.5) + 0.75, p)),
            Window::Team { a_rise, a_fall, w_c } => {
                let z = if u > 0.0 { (x - a_rise) / w_c } else { -(x - a_fall) / w_c };
                libm::exp(-libm::exp(z))
            }
        }
    }

    /// The same in SPICE's language, `x` and `u` being texts.
    pub(super) fn spice(&self, x: &str, u: &str) -> String {
        match *self {
            Window::None {} => "1".to_owned(),
            Window::Joglekar { p } => format!("(1-pwr(abs(2*{x}-1),{:e}))", 2.0 * p),
            Window::Biolek { p } => format!("(1-pwr(abs({x}-({u}<=0 ? 1 : 0)),{:e}))", 2.0 * p),
            Window::Prodromakis { p, j } => format!("({j:e}*(1-pwr(({x}-0.5)*({x}-0.5)+0.75,{p:e})))"),
            Window::Team { a_rise, a_fall, w_c } => {
                format!("exp(-exp({u}>0 ? ({x}-({a_rise:e}))/{w_c:e} : -({x}-({a_fall:e}))/{w_c:e}))")
            }
        }
    }

    pub(super) fn problem(&self) -> Option<(String, String)> {
        let positive = |key: &str, value: f64, low: f64, high: f64| {
            (!(low..=high).contains(&value)).then(|| {
                (format!("window.{key}"), format!("is {value}; it must lie between {low} and {high}"))
            })
        };
        match *self {
            Window::None {} => None,
            Window::Joglekar { p } => positive("joglekar.p", p, 1.0, 100.0),
            Window::Biolek { p } => positive("biolek.p", p, 1.0, 100.0),
            Window::Prodromakis { p, j } => {
                positive("prodromakis.p", p, 1e-3, 100.0).or_else(|| positive("prodromakis.j", j, 0.0, 1e3))
            }
            Window::Team { a_rise, a_fall, w_c } => positive("team.a_rise", a_rise, -10.0, 10.0)
                .or_else(|| positive("team.a_fall", a_fall, -10.0, 10.0))
                .or_else(|| positive("team.w_c", w_c, 1e-4, 10.0)),
        }
    }
}

/// Kvatinsky's window in lengths: exp(-exp((x - a_off) / w_c)) toward off, exp(-exp(-(x - a_on) / w_c)) toward on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Taper {
    /// Where the motion toward off slows down, m.
    #[serde(rename = "a_off", with = "quantity::metre")]
    #[schemars(with = "String")]
    pub a_off_m: f64,
    /// Where the motion toward on slows down, m.
    #[serde(rename = "a_on", with = "quantity::metre")]
    #[schemars(with = "String")]
    pub a_on_m: f64,
    /// Over which distance, m.
    #[serde(rename = "w_c", with = "quantity::metre")]
    #[schemars(with = "String")]
    pub w_c_m: f64,
}

impl Taper {
    /// Both factors in SPICE's language, of the state `$w`; 1 where there is no taper.
    pub(super) fn spice(taper: Option<&Taper>) -> (String, String) {
        let Some(Taper { a_off_m, a_on_m, w_c_m }) = taper else { return ("1".to_owned(), "1".to_owned()) };
        let off = format!("exp(-exp(($w-({a_off_m:e}))/{w_c_m:e}))");
        (off, format!("exp(-exp(-($w-({a_on_m:e}))/{w_c_m:e}))"))
    }

    pub(super) fn off(&self, x: f64) -> f64 {
        libm::exp(-libm::exp((x - self.a_off_m) / self.w_c_m))
    }

    pub(super) fn on(&self, x: f64) -> f64 {
        libm::exp(-libm::exp(-(x - self.a_on_m) / self.w_c_m))
    }

    pub(super) fn problem(&self) -> Option<(String, String)> {
        let sizes =
            [("a_off", self.a_off_m, -1e-6), ("a_on", self.a_on_m, -1e-6), ("w_c", self.w_c_m, 1e-15)];
        sizes.into_iter().find_map(|(key, value, low)| {
            (!(low..=1e-6).contains(&value)).then(|| {
                (format!("taper.{key}"), format!("is {value:e} m; it must lie between {low:e} and 1e-6 m"))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_their_published_ends_and_middles() {
        for p in [1.0, 2.0, 7.0] {
            let w = Window::Joglekar { p };
            assert_eq!([0.0, 0.5, 1.0].map(|x| w.value(x, 1.0)), [0.0, 1.0, 0.0]);
            let w = Window::Biolek { p };
            assert_eq!([0.0, 1.0].map(|x| w.value(x, 1.0)), [1.0, 0.0]);
            assert_eq!([0.0, 1.0].map(|x| w.value(x, -1.0)), [0.0, 1.0]);
        }
        let w = Window::Prodromakis { p: 1.0, j: 1.0 };
        assert_eq!([0.0, 0.5, 1.0].map(|x| w.value(x, 1.0)), [0.0, 0.25, 0.0]);
        // exp(-exp(0)) = 1 / e at the shoulder.
        let w = Window::Team { a_rise: 0.9, a_fall: 0.1, w_c: 0.05 };
        assert!((w.value(0.9, 1.0) - (-1.0_f64).exp()).abs() < 1e-15);
        assert!((w.value(0.1, -1.0) - (-1.0_f64).exp()).abs() < 1e-15);
        assert!(w.value(0.1, 1.0) > 0.999 && w.value(0.9, -1.0) > 0.999);
    }
}
