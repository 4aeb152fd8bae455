//! Simmons tunnel barrier.

use super::Mixture;
use super::prelude::*;

/// Largest velocity, m/s: through the gap in less than a femtosecond. The formula has no end of its own.
const FASTEST: f64 = 1e6;

parameters! {
    /// Simmons tunnel barrier: a gap of width x between metal and a conducting channel, moved by the current.
    ///
    /// dx/dt = c_off sinh(i/i_off) exp(-exp((x - a_off)/w_c - |i|/b) - x/w_c) for i > 0,
    /// dx/dt = -c_on sinh(|i|/i_on) exp(-exp(-(x - a_on)/w_c - |i|/b) - x/w_c) for i < 0. Pickett et al. 2009
    /// (J. Appl. Phys. 106:074508). The current is the engineering form v = R(x) i of Kvatinsky 2013 between R_on at
    /// x_on and R_off at x_off, not Simmons's integral. Fitted to TiO2 with gaps of 1.1 to 1.9 nm.
    pub struct SimmonsTunnelBarrier
    units {
        /// Velocity toward off, m/s.
        c_off_m_per_s: "c_off" in MetrePerSecond [0.0, 1e6];
        /// Velocity toward on, m/s.
        c_on_m_per_s: "c_on" in MetrePerSecond [0.0, 1e6];
        /// Current scale toward off, A.
        i_off_a: "i_off" in Ampere [1e-15, 1.0];
        /// Current scale toward on, A.
        i_on_a: "i_on" in Ampere [1e-15, 1.0];
        /// Shoulder of the motion toward off, m.
        a_off_m: "a_off" in Metre [0.0, 1e-6];
        /// Shoulder of the motion toward on, m.
        a_on_m: "a_on" in Metre [0.0, 1e-6];
        /// Current that pushes the shoulders, A.
        b_a: "b" in Ampere [1e-15, 1e3];
        /// Length over which the motion dies, m.
        w_c_m: "w_c" in Metre [1e-15, 1e-6];
        /// Narrowest gap, m.
        x_on_m: "x_on" in Metre [0.0, 1e-6];
        /// Widest gap, m.
        x_off_m: "x_off" in Metre [0.0, 1e-6];
        /// Gap of a device that was never used, m.
        x_initial_m: "x_initial" in Metre [0.0, 1e-6];
        /// Resistance at the narrowest gap, ohm.
        r_on_ohm: "r_on" in Ohm [1e-3, 1e15];
        /// Resistance at the widest gap, ohm.
        r_off_ohm: "r_off" in Ohm [1e-3, 1e15];
    }
    pure {}
    other {
        /// How the resistance lies in between.
        resistance: Mixture;
    }
    first { "x_initial" in ["x_on", "x_off"] }
}

impl SimmonsTunnelBarrier {
    /// The parameters in figure 8 of the TEAM paper (published), with the 50 ohm to 1 kohm of its figure 10 (published)
    /// over a gap of 1.2 to 1.8 nm, which is ours (recalled).
    pub fn pickett() -> Self {
        SimmonsTunnelBarrier {
            c_off_m_per_s: 3.5e-6,
            c_on_m_per_s: 40e-6,
            i_off_a: 115e-6,
            i_on_a: 8.9e-6,
            a_off_m: 1.2e-9,
            a_on_m: 1.8e-9,
            b_a: 500e-6,
            w_c_m: 107e-12,
            x_on_m: 1.2e-9,
            x_off_m: 1.8e-9,
            x_initial_m: 1.5e-9,
            r_on_ohm: 50.0,
            r_off_ohm: 1e3,
            resistance: Mixture::Linear,
        }
    }

    /// Velocity of the gap at the width `x` (m) under the current `i` (A), m/s.
    pub fn velocity(&self, x: f64, i: f64) -> f64 {
        let (w, push) = (self.w_c_m, i.abs() / self.b_a);
        // sinh overflows long before the shoulder's double exponential takes it back: in logarithms.
        let ln_sinh = |u: f64| u + libm::log1p(-libm::exp(-2.0 * u)) - std::f64::consts::LN_2;
        if i > 0.0 {
            let shoulder = libm::exp((x - self.a_off_m) / w - push);
            (self.c_off_m_per_s * libm::exp(ln_sinh(i / self.i_off_a) - shoulder - x / w)).min(FASTEST)
        } else if i < 0.0 {
            let shoulder = libm::exp(-(x - self.a_on_m) / w - push);
            -(self.c_on_m_per_s * libm::exp(ln_sinh(-i / self.i_on_a) - shoulder - x / w)).min(FASTEST)
        } else {
            0.0
        }
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range()
            .or_else(|| rising("r_on", "must be below r_off", self.r_on_ohm, self.r_off_ohm))
            .or_else(|| rising("x_on", "must be below x_off", self.x_on_m, self.x_off_m))
    }
}

impl CompactModel for SimmonsTunnelBarrier {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.x_initial_m.clamp(self.x_on_m, self.x_off_m);
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let s = (x[0] - self.x_on_m) / (self.x_off_m - self.x_on_m);
        let r = self.resistance.resistance(self.r_on_ohm, self.r_off_ohm, s);
        out.dx[0] = self.velocity(x[0], v / r);
        Ok(Response { i_a: v / r, di_dv_s: 1.0 / r, ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let r = self.resistance.spice("{x_on}", "{x_off}");
        let side = |s: &str, sign: &str, shoulder: &str| {
            // sinh(u) is e^u (1 - e^-2u)/2, in logarithms as above.
            let (u, push) =
                (format!("max({sign}$v,0)/({r}*{{i_{s}}})"), format!("max({sign}$v,0)/({r}*{{b}})"));
            let ln_sinh = format!("{u}+ln(max(1-exp(-2*{u}),1e-30)/2)");
            let shoulder = format!("exp(min({shoulder}($w-{{a_{s}}})/{{w_c}}-{push},200))");
            format!("min({{c_{s}}}*exp(min({ln_sinh}-{shoulder}-$w/{{w_c}},200)),{FASTEST:e})")
        };
        let rate = format!("$v>0 ? {} : -{}", side("off", "", ""), side("on", "-", "-"));
        Ok(Equations::new(self, format!("$v/{r}")).bounded("w", rate))
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (self.x_on_m, self.x_off_m);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = self.x_off_m - self.x_on_m;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velocities_are_the_published_ones() {
        // The reference's values, computed with numpy from the same formula.
        let model = SimmonsTunnelBarrier::pickett();
        for (i, x, velocity) in [
            (200e-6, 1.3e-9, 9.2687e-12),
            (500e-6, 1.3e-9, 2.8050e-10),
            (1e-3, 1.5e-9, 9.1435e-10),
            (-50e-6, 1.6e-9, -5.0029e-12),
            (-100e-6, 1.6e-9, -2.4072e-9),
        ] {
            let got = model.velocity(x, i);
            assert!((got / velocity - 1.0).abs() < 2e-4, "{got} instead of {velocity} at {i} A, {x} m");
        }
        assert_eq!(model.velocity(1.5e-9, 0.0), 0.0);
        // A current at which sinh alone is infinite.
        assert!(model.velocity(1.5e-9, -0.1) == -FASTEST);
    }
}
