//! Yakopcic's model with two branches of current.

use super::prelude::*;
use super::yakopcic::Yakopcic;

parameters! {
    /// Yakopcic's later model: two metal-insulator-metal branches share the current, the state moves as before.
    ///
    /// I = h(V; gmax, bmax) x + h(V; gmin, bmin) (1 - x) with h = g sinh(b V) and parameters of their own for either sign of
    /// V; dx/dt = eta g(V) f(x) as in [`Yakopcic`]. Yakopcic et al. 2020, as in thomastiotto/Memristor-Models (public code).
    /// Holds within the drive of the set.
    pub struct YakopcicTwoBranch
    units {
        /// Amplitude of the conducting branch at V >= 0, A.
        gmax_p_a: "gmax_p" in Ampere [0.0, 1e3];
        /// Curvature of the conducting branch at V >= 0, 1/V.
        bmax_p_per_v: "bmax_p" in PerVolt [1e-6, 100.0];
        /// Amplitude of the conducting branch at V < 0, A.
        gmax_n_a: "gmax_n" in Ampere [0.0, 1e3];
        /// Curvature of the conducting branch at V < 0, 1/V.
        bmax_n_per_v: "bmax_n" in PerVolt [1e-6, 100.0];
        /// Amplitude of the other branch at V >= 0, A.
        gmin_p_a: "gmin_p" in Ampere [0.0, 1e3];
        /// Curvature of the other branch at V >= 0, 1/V.
        bmin_p_per_v: "bmin_p" in PerVolt [1e-6, 100.0];
        /// Amplitude of the other branch at V < 0, A.
        gmin_n_a: "gmin_n" in Ampere [0.0, 1e3];
        /// Curvature of the other branch at V < 0, 1/V.
        bmin_n_per_v: "bmin_n" in PerVolt [1e-6, 100.0];
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

impl YakopcicTwoBranch {
    /// The fit to a Nb:SrTiO3 contact of 10 um, driven to -2 and 4 V (public code).
    pub fn nb_srtio3() -> Self {
        YakopcicTwoBranch {
            gmax_p_a: 9e-5,
            bmax_p_per_v: 4.96,
            gmax_n_a: 1.7e-4,
            bmax_n_per_v: 3.23,
            gmin_p_a: 1.5e-5,
            bmin_p_per_v: 6.91,
            gmin_n_a: 4.4e-7,
            bmin_n_per_v: 2.6,
            vp_v: 0.5,
            vn_v: 0.5,
            ap_per_s: 90.0,
            an_per_s: 10.0,
            xp: 0.1,
            xn: 0.242,
            alpha_p: 1.0,
            alpha_n: 1.0,
            eta: 1.0,
            x_initial: 0.0,
        }
    }

    /// The one-branch model of the same motion, whose current has no part in it.
    fn motion(&self) -> Yakopcic {
        Yakopcic {
            a1_a: 0.0,
            a2_a: 0.0,
            b_per_v: 1.0,
            vp_v: self.vp_v,
            vn_v: self.vn_v,
            ap_per_s: self.ap_per_s,
            an_per_s: self.an_per_s,
            xp: self.xp,
            xn: self.xn,
            alpha_p: self.alpha_p,
            alpha_n: self.alpha_n,
            eta: self.eta,
            x_initial: self.x_initial,
        }
    }

    /// Rate of the state, 1/s.
    fn rate(&self, x: f64, v: f64) -> f64 {
        let motion = self.motion();
        motion.eta * motion.g(v) * motion.f(x, v)
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| {
            (self.eta.abs() != 1.0)
                .then(|| ("eta".to_owned(), format!("is {}; it must be 1 or -1", self.eta)))
        })
    }
}

impl CompactModel for YakopcicTwoBranch {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.x_initial;
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let (gmax, bmax, gmin, bmin) = if v >= 0.0 {
            (self.gmax_p_a, self.bmax_p_per_v, self.gmin_p_a, self.bmin_p_per_v)
        } else {
            (self.gmax_n_a, self.bmax_n_per_v, self.gmin_n_a, self.bmin_n_per_v)
        };
        let (on, off) = (gmax * x[0], gmin * (1.0 - x[0]));
        out.dx[0] = self.rate(x[0], v);
        Ok(Response {
            i_a: on * libm::sinh(bmax * v) + off * libm::sinh(bmin * v),
            di_dv_s: on * bmax * libm::cosh(bmax * v) + off * bmin * libm::cosh(bmin * v),
            ..out
        })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let branches = |s: char| {
            format!("{{gmax_{s}}}*$x*sinh({{bmax_{s}}}*$v)+{{gmin_{s}}}*(1-$x)*sinh({{bmin_{s}}}*$v)")
        };
        let i = format!("$v>=0 ? {} : {}", branches('p'), branches('n'));
        Ok(Equations::new(self, i).bounded("x", self.motion().rate_spice()))
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
    fn with_equal_branches_of_one_sign_it_is_the_one_branch_model() {
        let one = Yakopcic::oblea_sine();
        let two = YakopcicTwoBranch {
            gmax_p_a: one.a1_a,
            bmax_p_per_v: one.b_per_v,
            gmax_n_a: one.a2_a,
            bmax_n_per_v: one.b_per_v,
            gmin_p_a: 0.0,
            gmin_n_a: 0.0,
            vp_v: one.vp_v,
            vn_v: one.vn_v,
            ap_per_s: one.ap_per_s,
            an_per_s: one.an_per_s,
            xp: one.xp,
            xn: one.xn,
            alpha_p: one.alpha_p,
            alpha_n: one.alpha_n,
            ..YakopcicTwoBranch::nb_srtio3()
        };
        for x in [0.0, 0.3, 0.9] {
            for v in [-0.4, -0.1, 0.0, 0.2, 0.45] {
                let at = At { x: &[x], v, t_k: 300.0 };
                assert_eq!(one.eval(&(), at, &mut 0.0).unwrap(), two.eval(&(), at, &mut 0.0).unwrap());
            }
        }
    }

    #[test]
    fn currents_are_those_of_the_formula_at_both_ends() {
        let model = YakopcicTwoBranch::nb_srtio3();
        let i = |x: f64, v: f64| model.eval(&(), At { x: &[x], v, t_k: 300.0 }, &mut 0.0).unwrap().i_a;
        for (x, v, exact) in [
            (1.0, 0.5, 9e-5 * (4.96_f64 * 0.5).sinh()),
            (1.0, -0.5, -1.7e-4 * (3.23_f64 * 0.5).sinh()),
            (0.0, 0.5, 1.5e-5 * (6.91_f64 * 0.5).sinh()),
            (0.0, -0.5, -4.4e-7 * (2.6_f64 * 0.5).sinh()),
        ] {
            assert!((i(x, v) / exact - 1.0).abs() < 1e-12, "{} {exact}", i(x, v));
        }
    }
}
