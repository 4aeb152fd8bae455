//! What cells of a crossbar are: a memristor at a frozen state, and what gives access to it.
//!
//! Currents are monotone in the voltage, so that a crossbar of such cells has exactly one solution. `G` is the conductance at
//! low voltage.

use libm::{exp, expm1};
use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WireError;

/// Voltage times slope from which on an exponential goes on as a straight line, so that nothing overflows on the way to a
/// solution. A solution that lies there is refused ([`CellLaw::exponent`]).
pub(super) const STEEPEST: f64 = 80.0;

/// Current through a memristor at a frozen state for a voltage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Conduction {
    /// `I = G V`.
    #[default]
    Linear,
    /// `I = G sinh(a V) / a`: tunnelling and hopping (Simmons; Strukov and Williams, 2009), `a` in 1/V.
    Sinh {
        /// `a`, 1/V.
        per_v: f64,
    },
    /// `I = G (V + c2 |V| V + c3 V^3)`, a fit; no coefficient is negative.
    Polynomial {
        /// `c2`, 1/V.
        second_per_v: f64,
        /// `c3`, 1/V^2.
        third_per_v2: f64,
    },
    /// `I = G V exp(b sqrt|V|)`: Poole-Frenkel emission over a constant thickness, `b` in 1/sqrt(V).
    PooleFrenkel {
        /// `b`, 1/sqrt(V).
        per_root_v: f64,
    },
}

/// What is in series with a memristor, on the side of its bit line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Access {
    /// Nothing: a passive array.
    #[default]
    None,
    /// `I = I0 sinh(V / V0)`: a bidirectional exponential selector (mixed ionic-electronic conduction, for instance).
    Exponential {
        /// `I0`, A.
        #[serde(rename = "i0", with = "quantity::ampere")]
        #[schemars(with = "String")]
        scale_a: f64,
        /// `V0`, V.
        #[serde(rename = "v0", with = "quantity::volt")]
        #[schemars(with = "String")]
        scale_v: f64,
    },
    /// `I = I0 (exp(V / V0) - 1) + V G`: a diode that conducts from word line to bit line, with its leakage.
    Diode {
        /// `I0`, A.
        #[serde(rename = "i0", with = "quantity::ampere")]
        #[schemars(with = "String")]
        saturation_a: f64,
        /// `V0`, V: ideality factor times thermal voltage.
        #[serde(rename = "v0", with = "quantity::volt")]
        #[schemars(with = "String")]
        scale_v: f64,
        /// `G`, S.
        #[serde(rename = "leak", with = "quantity::siemens")]
        #[schemars(with = "String")]
        leak_s: f64,
    },
    /// A volatile switch: it conducts by `off_s` until more than `threshold_v` lie across it, then by `on_s` until less than
    /// `hold_a` flow.
    Threshold {
        /// V.
        #[serde(rename = "on_at", with = "quantity::volt")]
        #[schemars(with = "String")]
        threshold_v: f64,
        /// A.
        #[serde(rename = "hold", with = "quantity::ampere")]
        #[schemars(with = "String")]
        hold_a: f64,
        /// S.
        #[serde(rename = "off", with = "quantity::siemens")]
        #[schemars(with = "String")]
        off_s: f64,
        /// S.
        #[serde(rename = "on", with = "quantity::siemens")]
        #[schemars(with = "String")]
        on_s: f64,
    },
    /// An n-channel transistor, its source at the bit line: Shichman and Hodges (1968), level 1, without body effect:
    /// cut off below `threshold_v`, `beta ((Vgs - Vt) Vds - Vds^2 / 2)`, and `beta / 2 (Vgs - Vt)^2` from
    /// `Vds = Vgs - Vt` on, times `1 + lambda Vds`. Drain and source change places with the sign of the voltage: of a
    /// current that flows out of the bit line the source is the node between transistor and memristor.
    Transistor {
        /// Voltage of the gates of selected rows, V against ground; of others it is 0.
        #[serde(rename = "gate", with = "quantity::volt")]
        #[schemars(with = "String")]
        gate_v: f64,
        /// V.
        #[serde(rename = "threshold", with = "quantity::volt")]
        #[schemars(with = "String")]
        threshold_v: f64,
        /// A/V^2; in files the current at 1 V, such as `"400 uA"`.
        #[serde(rename = "gain", with = "quantity::ampere")]
        #[schemars(with = "String")]
        beta_a_per_v2: f64,
        /// Channel length modulation, 1/V.
        #[serde(rename = "lambda")]
        lambda_per_v: f64,
        /// What flows when it is cut off, S: SPICE's smallest conductance.
        #[serde(rename = "off", with = "quantity::siemens")]
        #[schemars(with = "String")]
        off_s: f64,
    },
}

/// One kind of cell for a whole crossbar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CellLaw {
    /// The memristor.
    pub conduction: Conduction,
    /// What is in series with it.
    pub access: Access,
}

/// Current of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CellCurrent {
    /// A.
    pub current_a: f64,
    /// How it follows the conductance of the memristor, `dI/dG`, V.
    pub per_conductance_v: f64,
}

/// Where a cell stands between its lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Voltage of its word-line node, V.
    pub word_v: f64,
    /// Voltage of its bit-line node, V.
    pub bit_v: f64,
    /// Voltage of its bit-line node as its transistor's gate sees it, V.
    pub seen_v: f64,
    /// Whether its row's transistors are on, or its switch is.
    pub on: bool,
}

/// A current and how it follows its voltage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Branch {
    pub i: f64,
    pub g: f64,
}

fn sinh_cosh(x: f64) -> (f64, f64) {
    let a = x.abs();
    if a > STEEPEST {
        // The tangent from there on.
        let e = 0.5 * exp(STEEPEST);
        return ((e * (1.0 + a - STEEPEST)).copysign(x), e);
    }
    // Without cancellation for small arguments.
    let e = expm1(a);
    let sinh = 0.5 * (e + e / (e + 1.0));
    (sinh.copysign(x), (1.0 + sinh * sinh).sqrt())
}

impl Conduction {
    pub(super) fn branch(&self, g: f64, v: f64) -> Branch {
        match *self {
            Self::Linear => Branch { i: g * v, g },
            Self::Sinh { per_v } => {
                let (sinh, cosh) = sinh_cosh(per_v * v);
                Branch { i: g * sinh / per_v, g: g * cosh }
            }
            Self::Polynomial { second_per_v: b, third_per_v2: c } => {
                let a = v.abs();
                Branch { i: g * v * (1.0 + a * (b + a * c)), g: g * (1.0 + a * (2.0 * b + a * 3.0 * c)) }
            }
            Self::PooleFrenkel { per_root_v } => {
                let x = per_root_v * v.abs().sqrt();
                let e = exp(x.min(STEEPEST));
                let slope = if x > STEEPEST { 1.0 } else { 1.0 + 0.5 * x };
                Branch { i: g * v * e, g: g * e * slope }
            }
        }
    }

    /// The exponent of its law at a voltage.
    fn exponent(&self, v: f64) -> f64 {
        match *self {
            Self::Linear | Self::Polynomial { .. } => 0.0,
            Self::Sinh { per_v } => per_v * v.abs(),
            Self::PooleFrenkel { per_root_v } => per_root_v * v.abs().sqrt(),
        }
    }

    fn check(&self) -> Result<(), WireError> {
        match *self {
            Self::Linear => Ok(()),
            Self::Sinh { per_v } => positive("the non-linearity of the cells, in 1/V,", per_v),
            Self::Polynomial { second_per_v, third_per_v2 } => {
                not_negative("the second coefficient of the cells' polynomial, in 1/V,", second_per_v)?;
                not_negative("the third coefficient of the cells' polynomial, in 1/V^2,", third_per_v2)
            }
            Self::PooleFrenkel { per_root_v } => {
                not_negative("the Poole-Frenkel coefficient of the cells, in 1/sqrt(V),", per_root_v)
            }
        }
    }
}

impl Access {
    /// Its current for a voltage across it; `None` where there is nothing.
    pub(super) fn branch(&self, v: f64, place: &Place) -> Option<Branch> {
        Some(match *self {
            Self::None => return None,
            Self::Exponential { scale_a, scale_v } => {
                let (sinh, cosh) = sinh_cosh(v / scale_v);
                Branch { i: scale_a * sinh, g: scale_a / scale_v * cosh }
            }
            Self::Diode { saturation_a, scale_v, leak_s } => {
                let x = v / scale_v;
                let (i, slope) = if x > STEEPEST {
                    let e = exp(STEEPEST);
                    (e * (1.0 + x - STEEPEST), e)
                } else {
                    (expm1(x), exp(x))
                };
                Branch { i: saturation_a * i + leak_s * v, g: saturation_a / scale_v * slope + leak_s }
            }
            Self::Threshold { off_s, on_s, .. } => {
                let g = if place.on { on_s } else { off_s };
                Branch { i: g * v, g }
            }
            Self::Transistor { gate_v, threshold_v, beta_a_per_v2: beta, lambda_per_v, off_s } => {
                let gate = if place.on { gate_v } else { 0.0 };
                let ds = v.abs();
                // The lower end is the source; where that is the memristor's, the overdrive grows with `ds`.
                let (own, follows) = if v < 0.0 { (ds, 1.0) } else { (0.0, 0.0) };
                let over = gate - place.seen_v + own - threshold_v;
                let (mut i, mut g) = (off_s * v, off_s);
                if over > 0.0 {
                    let (square, slope) = if ds < over {
                        (ds * (over - 0.5 * ds), over - ds + follows * ds)
                    } else {
                        (0.5 * over * over, follows * over)
                    };
                    let longer = 1.0 + lambda_per_v * ds;
                    i += (beta * square * longer).copysign(v);
                    g += beta * (slope * longer + square * lambda_per_v);
                }
                Branch { i, g }
            }
        })
    }

    /// The exponent of its law at a voltage.
    fn exponent(&self, v: f64) -> f64 {
        match *self {
            Self::Exponential { scale_v, .. } => v.abs() / scale_v,
            Self::Diode { scale_v, .. } => v / scale_v,
            Self::None | Self::Threshold { .. } | Self::Transistor { .. } => 0.0,
        }
    }

    pub(super) fn check(&self) -> Result<(), WireError> {
        match *self {
            Self::None => Ok(()),
            Self::Exponential { scale_a, scale_v } => {
                positive("the current scale of the selectors, in A,", scale_a)?;
                positive("the voltage scale of the selectors, in V,", scale_v)
            }
            Self::Diode { saturation_a, scale_v, leak_s } => {
                positive("the saturation current of the diodes, in A,", saturation_a)?;
                positive("the voltage scale of the diodes, in V,", scale_v)?;
                not_negative("the leakage of the diodes, in S,", leak_s)
            }
            Self::Threshold { threshold_v, hold_a, off_s, on_s } => {
                positive("the threshold of the selectors, in V,", threshold_v)?;
                not_negative("the holding current of the selectors, in A,", hold_a)?;
                positive("the conductance of selectors that are off, in S,", off_s)?;
                positive("the conductance of selectors that are on, in S,", on_s)
            }
            Self::Transistor { gate_v, threshold_v, beta_a_per_v2, lambda_per_v, off_s } => {
                for (what, value) in [
                    ("the gate voltage of the transistors, in V,", gate_v),
                    ("the threshold of the transistors, in V,", threshold_v),
                ] {
                    if !value.is_finite() {
                        return Err(WireError::Parameter { what, value, range: "finite" });
                    }
                }
                if gate_v <= threshold_v {
                    return Err(WireError::NoGateOpens { gate_v, threshold_v });
                }
                positive("the gain of the transistors, in A/V^2,", beta_a_per_v2)?;
                not_negative("the channel length modulation of the transistors, in 1/V,", lambda_per_v)?;
                positive("the conductance of transistors that are off, in S,", off_s)
            }
        }
    }
}

pub(super) fn positive(what: &'static str, value: f64) -> Result<(), WireError> {
    let range = "positive and finite";
    if value > 0.0 && value < f64::INFINITY {
        Ok(())
    } else {
        Err(WireError::Parameter { what, value, range })
    }
}

pub(super) fn not_negative(what: &'static str, value: f64) -> Result<(), WireError> {
    let range = "zero, or positive and finite";
    if (0.0..f64::INFINITY).contains(&value) {
        Ok(())
    } else {
        Err(WireError::Parameter { what, value, range })
    }
}

impl CellLaw {
    /// A memristor alone.
    pub fn passive(conduction: Conduction) -> Self {
        Self { conduction, access: Access::None }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// The first parameter that is out of range.
    pub fn check(&self) -> Result<(), WireError> {
        self.conduction.check()?;
        self.access.check()
    }

    /// Current of one cell of conductance `g_s` whose word line is at `v` and whose bit line is at ground, behind lines
    /// without resistance; its transistor is on. A threshold selector begins off, as for every input; one that turns on
    /// but cannot hold its current counts as off: it would relax and fire again, and what it lets through on average
    /// is not known.
    pub fn alone(&self, g_s: f64, v: f64) -> CellCurrent {
        self.alone_from(g_s, v, &mut 0.0)
    }

    /// The same from a guess of the voltage across the memristor, which becomes the solution.
    pub(crate) fn alone_from(&self, g_s: f64, v: f64, guess: &mut f64) -> CellCurrent {
        let begin = *guess;
        let through = |on: bool| {
            let place = Place { word_v: v, bit_v: 0.0, seen_v: 0.0, on };
            let mut inner = begin;
            (self.branch(g_s, &place, &mut inner), inner, place)
        };
        let (mut branch, mut inner, mut place) = through(!matches!(self.access, Access::Threshold { .. }));
        if let Access::Threshold { threshold_v, hold_a, .. } = self.access
            && (v - inner).abs() > threshold_v
        {
            let on = through(true);
            if on.0.i.abs() >= hold_a {
                (branch, inner, place) = on;
            }
        }
        *guess = inner;
        // Both currents are equal: g f(u) = a(v - u), so that dI/dg = f a' / (g f' + a').
        let memristor = self.conduction.branch(1.0, inner);
        let per_conductance_v = match self.access.branch(v - inner, &place) {
            Some(access) if access.g > 0.0 => memristor.i * (access.g / (g_s * memristor.g + access.g)),
            Some(_) => 0.0,
            None => memristor.i,
        };
        CellCurrent { current_a: branch.i, per_conductance_v }
    }

    /// The largest exponent of a cell's laws at `v` volts across it, `inner` of them across its memristor.
    pub(super) fn exponent(&self, v: f64, inner: f64) -> f64 {
        self.conduction.exponent(inner).max(self.access.exponent(v - inner))
    }

    /// The same of a cell of conductance `g_s` as in [`Self::alone`], where it is more than any law holds for.
    pub(crate) fn too_steep(&self, g_s: f64, v: f64) -> Option<f64> {
        let mut inner = 0.0;
        self.alone_from(g_s, v, &mut inner);
        Some(self.exponent(v, inner)).filter(|x| *x > STEEPEST)
    }

    /// Whether voltages against ground matter, and not only those across the cell.
    pub(super) fn sees_ground(&self) -> bool {
        matches!(self.access, Access::Transistor { .. })
    }

    /// Current of a cell of conductance `g`, and how it follows its voltage. `inner` is the voltage across the memristor: a
    /// guess before, the solution afterwards.
    pub(super) fn branch(&self, g: f64, place: &Place, inner: &mut f64) -> Branch {
        let v = place.word_v - place.bit_v;
        if self.access == Access::None || g == 0.0 {
            *inner = v;
            return self.conduction.branch(g, v);
        }
        let access = |v: f64| self.access.branch(v, place).unwrap_or(Branch { i: 0.0, g: 0.0 });
        // Both voltages have the sign of the sum, and the difference of currents grows with the memristor's.
        let (mut low, mut high) = if v < 0.0 { (v, 0.0) } else { (0.0, v) };
        let mut u = inner.clamp(low, high);
        let (mut m, mut a) = (self.conduction.branch(g, u), access(v - u));
        for _ in 0..200 {
            let apart = m.i - a.i;
            if apart > 0.0 {
                high = u
            } else {
                low = u
            }
            let step = apart / (m.g + a.g);
            let mut next = u - step;
            if !(next >= low && next <= high) {
                next = 0.5 * (low + high);
            }
            let moved = (next - u).abs();
            u = next;
            (m, a) = (self.conduction.branch(g, u), access(v - u));
            if moved <= 1e-15 * v.abs() || high - low <= 1e-16 * v.abs() {
                break;
            }
        }
        *inner = u;
        // Of the two currents that of the smaller slope is the less sensitive to what is left.
        let i = if m.g < a.g { m.i } else { a.i };
        Branch { i, g: if m.g + a.g > 0.0 { m.g * (a.g / (m.g + a.g)) } else { 0.0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAWS: [Conduction; 4] = [
        Conduction::Linear,
        Conduction::Sinh { per_v: 3.0 },
        Conduction::Polynomial { second_per_v: 0.5, third_per_v2: 2.0 },
        Conduction::PooleFrenkel { per_root_v: 1.5 },
    ];

    const ACCESS: [Access; 5] = [
        Access::None,
        Access::Exponential { scale_a: 1e-9, scale_v: 0.06 },
        Access::Diode { saturation_a: 1e-12, scale_v: 0.04, leak_s: 1e-10 },
        Access::Threshold { threshold_v: 0.5, hold_a: 1e-6, off_s: 1e-8, on_s: 1e-3 },
        Access::Transistor {
            gate_v: 1.8,
            threshold_v: 0.5,
            beta_a_per_v2: 4e-4,
            lambda_per_v: 0.05,
            off_s: 1e-12,
        },
    ];

    fn at(v: f64) -> Place {
        Place { word_v: v, bit_v: 0.0, seen_v: 0.0, on: true }
    }

    #[test]
    fn slopes_are_the_derivatives_of_currents_and_never_negative() {
        for conduction in LAWS {
            for access in ACCESS {
                let law = CellLaw { conduction, access };
                assert_eq!(law.check(), Ok(()));
                for v in [-1.2, -0.7, -0.3, -0.01, 0.013, 0.25, 0.8, 1.4] {
                    let (mut u, h) = (0.0, 1e-5);
                    let here = law.branch(1e-4, &at(v), &mut u);
                    let up = law.branch(1e-4, &at(v + h), &mut u).i;
                    let down = law.branch(1e-4, &at(v - h), &mut u).i;
                    let slope = (up - down) / (2.0 * h);
                    assert!(
                        here.g >= 0.0 && (here.g - slope).abs() < 1e-4 * here.g.max(1e-9),
                        "{law:?} at {v}: {} and {slope}",
                        here.g
                    );
                    assert!(here.i * v > 0.0, "{law:?} at {v}");
                }
            }
        }
    }

    #[test]
    fn a_cell_in_series_takes_the_current_of_both_of_its_parts() {
        for conduction in LAWS {
            for access in ACCESS.into_iter().skip(1) {
                for v in [-1.5, -0.2, 0.05, 0.6, 2.0] {
                    let (law, mut u) = (CellLaw { conduction, access }, 0.0);
                    let whole = law.branch(2e-5, &at(v), &mut u);
                    let memristor = conduction.branch(2e-5, u);
                    let selector = access.branch(v - u, &at(v)).unwrap();
                    // Each to what the last bit of its voltage means.
                    for part in [memristor, selector] {
                        let bit = part.g * 4e-15 * v.abs() + 1e-13 * whole.i.abs();
                        assert!((part.i - whole.i).abs() <= bit, "{law:?} at {v}: {part:?} {whole:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn sinh_and_cosh_are_the_library_ones() {
        for x in [-30.0, -2.0, -1e-3, 1e-12, 1e-6, 0.3, 5.0, 60.0] {
            let (sinh, cosh) = sinh_cosh(x);
            assert!(
                (sinh / libm::sinh(x) - 1.0).abs() < 4e-16 && (cosh / libm::cosh(x) - 1.0).abs() < 4e-16,
                "{x}"
            );
        }
        let (far, slope) = sinh_cosh(1000.0);
        assert!(far.is_finite() && slope.is_finite());
    }

    #[test]
    fn a_transistor_has_its_three_regions() {
        let nmos = ACCESS[4];
        let place = at(0.0);
        let over = 1.3;
        let i = |v: f64| nmos.branch(v, &place).unwrap().i;
        assert!((i(0.5) / (4e-4 * (over * 0.5 - 0.125) * 1.025) - 1.0).abs() < 1e-8);
        assert!((i(2.0) / (2e-4 * over * over * 1.1) - 1.0).abs() < 1e-8);
        let off = nmos.branch(1.0, &Place { on: false, ..place }).unwrap();
        assert_eq!(off, Branch { i: 1e-12, g: 1e-12 });
        // A source that rises by 0.4 V takes that from the overdrive.
        let risen = nmos.branch(3.0, &Place { seen_v: 0.4, ..place }).unwrap().i;
        assert!((risen / (2e-4 * 0.81 * 1.15) - 1.0).abs() < 1e-7);
        // It is the same from either end: what counts is which one is lower.
        for ds in [0.2, 1.0, 2.5] {
            let backwards = nmos.branch(-ds, &Place { seen_v: ds, ..place }).unwrap().i;
            assert!((backwards / i(ds) + 1.0).abs() < 1e-15, "{ds}: {backwards}");
        }
    }

    #[test]
    fn parameters_out_of_range_are_named() {
        let bad = |law: CellLaw| law.check().unwrap_err().to_string();
        assert!(bad(CellLaw::passive(Conduction::Sinh { per_v: 0.0 })).contains("non-linearity"));
        let access = Access::Threshold { threshold_v: 0.3, hold_a: -1.0, off_s: 1e-9, on_s: 1e-3 };
        assert!(bad(CellLaw { conduction: Conduction::Linear, access }).contains("holding current"));
    }
}
