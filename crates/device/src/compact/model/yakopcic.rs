//! Yakopcic's model.

use super::prelude::*;

parameters! {
    /// Yakopcic's model: a hyperbolic sine for the current, exponential thresholds for the motion.
    ///
    /// I = a1 x sinh(b V) for V >= 0, a2 x sinh(b V) below; dx/dt = eta g(V) f(x) with g = Ap (e^V - e^Vp) above Vp,
    /// -An (e^-V - e^Vn) below -Vn, else 0 (V in volts in the exponents), and f = exp(-alpha_p (x - xp)) wp(x) for
    /// x >= xp where eta V >= 0, exp(alpha_n (x + xn - 1)) wn(x) for x <= 1 - xn where eta V < 0, else 1;
    /// wp = (xp - x)/(1 - xp) + 1, wn = x/(1 - xn). Yakopcic et al. 2011 (IEEE EDL 32:1436), 2013 (IEEE TCAD 32:1201).
    /// Holds within the drive of the set: see each.
    pub struct Yakopcic
    units {
        /// Amplitude of the current at positive voltages, A.
        a1_a: "a1" in Ampere [0.0, 1e3];
        /// Amplitude of the current at negative voltages, A.
        a2_a: "a2" in Ampere [0.0, 1e3];
        /// Curvature of the current, 1/V.
        b_per_v: "b" in PerVolt [1e-6, 100.0];
        /// Positive threshold, V.
        vp_v: "vp" in Volt [0.0, 100.0];
        /// Negative threshold as a positive number, V.
        vn_v: "vn" in Volt [0.0, 100.0];
        /// Rate above the positive threshold, 1/s.
        ap_per_s: "ap" in PerSecond [0.0, 1e15];
        /// Rate below the negative threshold, 1/s.
        an_per_s: "an" in PerSecond [0.0, 1e15];
    }
    pure {
        /// Where a rise slows down.
        xp [0.0, 0.9999];
        /// A fall slows down below 1 - xn.
        xn [0.0, 0.9999];
        /// How fast a rise dies beyond xp.
        alpha_p [0.0, 1e3];
        /// How fast a fall dies below 1 - xn.
        alpha_n [0.0, 1e3];
        /// 1 where a positive voltage raises x, -1 where it lowers it.
        eta [-1.0, 1.0];
        /// State of a device that was never used.
        x_initial [0.0, 1.0];
    }
}

impl Yakopcic {
    /// Oblea's AgSe device under a sine of 0.45 V and 100 Hz (public code).
    pub fn oblea_sine() -> Self {
        Yakopcic {
            a1_a: 0.17,
            a2_a: 0.17,
            b_per_v: 0.05,
            vp_v: 0.16,
            vn_v: 0.15,
            ap_per_s: 4000.0,
            an_per_s: 4000.0,
            xp: 0.3,
            xn: 0.5,
            alpha_p: 1.0,
            alpha_n: 5.0,
            eta: 1.0,
            x_initial: 0.11,
        }
    }

    /// The same device under triangles of 0.25 V and 100 Hz (public code).
    pub fn oblea_pulsed() -> Self {
        Yakopcic { a1_a: 0.097, a2_a: 0.097, x_initial: 0.001, ..Yakopcic::oblea_sine() }
    }

    /// Miao's TaOx device, 0.75 to -1.25 V in 20 s (public code). Its Vp of 0.09 V is that of public code; the paper may mean 0.9.
    pub fn miao() -> Self {
        Yakopcic {
            a1_a: 0.11,
            a2_a: 0.11,
            b_per_v: 0.5,
            vp_v: 0.09,
            vn_v: 0.75,
            ap_per_s: 7.5,
            an_per_s: 2.0,
            ..Yakopcic::oblea_sine()
        }
    }

    /// Jo's Ag in amorphous silicon, 4 to -2 V in 5 s (public code).
    pub fn jo() -> Self {
        Yakopcic {
            a1_a: 3.7e-7,
            a2_a: 4.35e-7,
            b_per_v: 0.7,
            vp_v: 1.5,
            vn_v: 0.5,
            ap_per_s: 0.005,
            an_per_s: 0.08,
            xp: 0.2,
            xn: 0.5,
            alpha_p: 1.2,
            alpha_n: 3.0,
            eta: 1.0,
            x_initial: 0.1,
        }
    }

    /// The thresholds: rate at `v` away from the ends, 1/s.
    pub fn g(&self, v: f64) -> f64 {
        if v > self.vp_v {
            self.ap_per_s * (libm::exp(v) - libm::exp(self.vp_v))
        } else if v < -self.vn_v {
            -self.an_per_s * (libm::exp(-v) - libm::exp(self.vn_v))
        } else {
            0.0
        }
    }

    /// How motion slows at the ends.
    pub fn f(&self, x: f64, v: f64) -> f64 {
        if self.eta * v >= 0.0 {
            if x < self.xp {
                return 1.0;
            }
            libm::exp(-self.alpha_p * (x - self.xp)) * ((self.xp - x) / (1.0 - self.xp) + 1.0)
        } else {
            if x > 1.0 - self.xn {
                return 1.0;
            }
            libm::exp(self.alpha_n * (x + self.xn - 1.0)) * (x / (1.0 - self.xn))
        }
    }

    /// The state's rate in SPICE's language.
    pub(super) fn rate_spice(&self) -> String {
        let rise = "($x<{xp} ? 1 : exp(-{alpha_p}*($x-{xp}))*(({xp}-$x)/(1-{xp})+1))";
        let fall = "($x>1-{xn} ? 1 : exp({alpha_n}*($x+{xn}-1))*$x/(1-{xn}))";
        let (positive, negative) = if self.eta > 0.0 { (rise, fall) } else { (fall, rise) };
        format!(
            "{{eta}}*({{ap}}*(exp(max($v,{{vp}}))-exp({{vp}}))*{positive}\
             -{{an}}*(exp(max(-$v,{{vn}}))-exp({{vn}}))*{negative})"
        )
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| {
            (self.eta.abs() != 1.0)
                .then(|| ("eta".to_owned(), format!("is {}; it must be 1 or -1", self.eta)))
        })
    }
}

impl CompactModel for Yakopcic {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.x_initial;
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let a = if v >= 0.0 { self.a1_a } else { self.a2_a };
        let b = self.b_per_v;
        out.dx[0] = self.eta * self.g(v) * self.f(x[0], v);
        Ok(Response { i_a: a * x[0] * libm::sinh(b * v), di_dv_s: a * x[0] * b * libm::cosh(b * v), ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let i = "$x*sinh({b}*$v)*($v>=0 ? {a1} : {a2})";
        Ok(Equations::new(self, i).bounded("x", self.rate_spice()))
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (0.0, 1.0);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_current_are_those_of_the_reference() {
        let model = Yakopcic::oblea_sine();
        for (v, g) in [(0.2, 191.568), (0.3, 705.392), (0.45, 1579.205)] {
            assert!((model.g(v) - g).abs() < 6e-4, "{} at {v} V", model.g(v));
        }
        let i = model.eval(&(), At { x: &[0.5], v: 0.3, t_k: 300.0 }, &mut 0.0).unwrap().i_a;
        assert!((i / 1.27505e-3 - 1.0).abs() < 5e-6, "{i}");
        // Both ends stop the motion toward them and no other: wp(1) = 0, wn(0) = 0.
        assert!(model.f(1.0, 0.3).abs() < 1e-15 && model.f(0.0, -0.3) == 0.0);
        assert!(model.f(1.0, -0.3) == 1.0 && model.f(0.0, 0.3) == 1.0);
    }
}
