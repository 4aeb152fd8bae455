//! How far a conductance strays, as a function of the conductance.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Argument, Curve};
use crate::limits;

/// Standard deviation of a random deviation of the conductance G.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Deviation {
    /// The same for every conductance.
    Independent {
        /// Standard deviation, S.
        #[serde(rename = "sd", with = "quantity::siemens")]
        #[schemars(with = "String")]
        sd_s: f64,
    },
    /// Proportional to the conductance.
    Proportional {
        /// Standard deviation divided by G.
        #[serde(with = "quantity::ratio")]
        #[schemars(with = "f64")]
        ratio: f64,
    },
    /// G is multiplied by exp(sigma z): the median stays, the distribution of ln G is normal. For writes only.
    Lognormal {
        /// Standard deviation of ln G.
        #[serde(with = "quantity::ratio")]
        #[schemars(with = "f64")]
        sigma: f64,
    },
    /// sd = G curve(G / g_max).
    Relative {
        /// Relative standard deviation over G / g_max.
        curve: Curve,
    },
    /// sd = unit curve(G / g_max) g_max / fitted_g_max: a fit that grows with the device's range.
    Scaled {
        /// What a curve's value of 1 means at `fitted_g_max`, S.
        #[serde(rename = "unit", with = "quantity::siemens")]
        #[schemars(with = "String")]
        unit_s: f64,
        /// Largest conductance of the device that was fitted, S.
        #[serde(rename = "fitted_g_max", with = "quantity::siemens")]
        #[schemars(with = "String")]
        fitted_g_max_s: f64,
        /// Standard deviation in `unit` over G / g_max.
        curve: Curve,
    },
    /// sd = unit curve(G / unit), whatever the device's range.
    Absolute {
        /// Unit of G and of the standard deviation, S.
        #[serde(rename = "unit", with = "quantity::siemens")]
        #[schemars(with = "String")]
        unit_s: f64,
        /// Standard deviation in `unit` over G in `unit`.
        curve: Curve,
    },
}

impl Deviation {
    /// Standard deviation at conductance `g_s` of a device with range up to `g_max_s`, S; of a lognormal one, to
    /// first order.
    pub fn sd_s(&self, g_s: f64, g_max_s: f64) -> f64 {
        match self {
            Deviation::Independent { sd_s } => *sd_s,
            Deviation::Proportional { ratio } => ratio * g_s,
            Deviation::Lognormal { sigma } => sigma * g_s,
            Deviation::Relative { curve } => g_s * curve.value(g_s / g_max_s).max(0.0),
            Deviation::Scaled { unit_s, fitted_g_max_s, curve } => {
                unit_s * curve.value(g_s / g_max_s).max(0.0) * g_max_s / fitted_g_max_s
            }
            Deviation::Absolute { unit_s, curve } => unit_s * curve.value(g_s / unit_s).max(0.0),
        }
    }

    /// The same deviation, `factor` (zero or more) times as large.
    pub fn scaled(&self, factor: f64) -> Deviation {
        let mut this = self.clone();
        match &mut this {
            Deviation::Independent { sd_s } => *sd_s *= factor,
            Deviation::Proportional { ratio } => *ratio *= factor,
            Deviation::Lognormal { sigma } => *sigma *= factor,
            Deviation::Relative { curve }
            | Deviation::Scaled { curve, .. }
            | Deviation::Absolute { curve, .. } => *curve = curve.scaled(factor),
        }
        this
    }

    /// Whether there is no deviation at all.
    pub fn is_zero(&self) -> bool {
        match self {
            Deviation::Independent { sd_s } => *sd_s == 0.0,
            Deviation::Proportional { ratio } => *ratio == 0.0,
            Deviation::Lognormal { sigma } => *sigma == 0.0,
            Deviation::Relative { curve }
            | Deviation::Scaled { curve, .. }
            | Deviation::Absolute { curve, .. } => curve.is_zero(),
        }
    }

    /// What is wrong with it in a device whose largest conductance is `g_max_s`, if anything.
    pub(crate) fn problem(&self, g_max_s: f64) -> Option<String> {
        let size = |v: f64, shown: fn(f64) -> String| {
            (!v.is_finite() || v < 0.0)
                .then(|| format!("is {}; a standard deviation is finite and not negative", shown(v)))
        };
        let unit = |v: f64| limits::unit(v).map(|p| format!("has a unit that {p}"));
        let own = match self {
            Deviation::Independent { sd_s } => size(*sd_s, limits::siemens),
            Deviation::Proportional { ratio } => size(*ratio, limits::plain),
            Deviation::Lognormal { sigma } => size(*sigma, limits::plain),
            Deviation::Relative { curve } => curve.problem(),
            Deviation::Scaled { unit_s, fitted_g_max_s, curve } => {
                unit(*unit_s).or_else(|| unit(*fitted_g_max_s)).or_else(|| curve.problem())
            }
            Deviation::Absolute { unit_s, curve } => unit(*unit_s).or_else(|| curve.problem()),
        };
        own.or_else(|| limits::levels().find_map(|x| limits::stray(self.sd_s(x * g_max_s, g_max_s), g_max_s)))
    }

    /// The kernel's form: sd = scale curve(G per_s), times G if relative. Negative values count as 0.
    pub(crate) fn amplitude(&self, g_max_s: f64) -> Amplitude {
        let (curve, per_s, scale, relative) = match self {
            Deviation::Independent { sd_s } => (Curve::Constant(1.0), 1.0, *sd_s, false),
            Deviation::Proportional { ratio: r } | Deviation::Lognormal { sigma: r } => {
                (Curve::Constant(1.0), 1.0, *r, true)
            }
            Deviation::Relative { curve } => (curve.clone(), 1.0 / g_max_s, 1.0, true),
            Deviation::Scaled { unit_s, fitted_g_max_s, curve } => {
                (curve.clone(), 1.0 / g_max_s, unit_s * g_max_s / fitted_g_max_s, false)
            }
            Deviation::Absolute { unit_s, curve } => (curve.clone(), 1.0 / unit_s, *unit_s, false),
        };
        Amplitude { curve, per_s: per_s as f32, scale: scale as f32, relative }
    }
}

/// A deviation ready for blocks of cells: sd = `scale` curve(G `per_s`), in units of S, or of G if `relative`.
#[derive(Clone, Debug)]
pub(crate) struct Amplitude {
    curve: Curve,
    per_s: f32,
    pub scale: f32,
    pub relative: bool,
}

impl Amplitude {
    /// The curve's values for a block of conductances, before `scale` (and G) and before negative ones become 0.
    pub(crate) fn fill(&self, x: &mut Argument, g: &[f32], out: &mut [f32]) {
        if let Curve::Constant(value) = self.curve {
            out.fill(value as f32);
            return;
        }
        self.curve.fill(x.set(g, self.per_s), out);
    }
}
