//! Messaris's data-driven model with a quadratic approach.

use super::prelude::*;

parameters! {
    /// The later form of Messaris's model: the resistance nears its end with the square of the way that is left.
    ///
    /// i = a (1/R) sinh(b v); dR/dt = A (e^(|v|/t) - 1) d^2 with d = rp(v) - R for v > 0 and R - rn(v) for v < 0 while the
    /// end lies ahead, else 0; r(v) = r0 + r1 v. Form of MemTorch's Data_Driven2021 (public code; arXiv:2012.02267), whose
    /// t are negative: the voltage factor saturates. Here `saturation` is -t > 0 and the rates are positive, so that
    /// dR/dt = -rate_p (1 - e^(-v/saturation_p)) d^2 falls for v > 0 and rises likewise for v < 0. The rate's unit is 1/s
    /// per ohm of the way left: `rate` is that at 1 ohm. At a constant voltage it has a closed form,
    /// [`MessarisQuadratic::closed_form`].
    pub struct MessarisQuadratic
    units {
        /// Amplitude of the current, V.
        a_v: "a" in Volt [1e-9, 1e3];
        /// Curvature of the current, 1/V.
        b_per_v: "b" in PerVolt [1e-3, 100.0];
        /// Rate of the fall 1 ohm before its end at large v > 0, 1/s.
        rate_p_per_s: "rate_p" in PerSecond [0.0, 1e18];
        /// Rate of the rise 1 ohm before its end at large v < 0, 1/s.
        rate_n_per_s: "rate_n" in PerSecond [0.0, 1e18];
        /// Voltage over which the fall's rate saturates, V.
        saturation_p_v: "saturation_p" in Volt [1e-6, 100.0];
        /// Voltage over which the rise's rate saturates, V.
        saturation_n_v: "saturation_n" in Volt [1e-6, 100.0];
        /// End at v > 0: its constant, ohm.
        rp0_ohm: "rp0" in Ohm [-1e12, 1e12];
        /// End at v > 0: its slope, ohm/V.
        rp1_ohm_per_v: "rp1" in OhmPerVolt [-1e12, 1e12];
        /// End at v < 0: its constant, ohm.
        rn0_ohm: "rn0" in Ohm [-1e12, 1e12];
        /// End at v < 0: its slope, ohm/V.
        rn1_ohm_per_v: "rn1" in OhmPerVolt [-1e12, 1e12];
        /// Smallest resistance, ohm.
        r_min_ohm: "r_min" in Ohm [1e-3, 1e15];
        /// Largest resistance, ohm.
        r_max_ohm: "r_max" in Ohm [1e-3, 1e15];
        /// Resistance of a device that was never used, ohm.
        r_initial_ohm: "r_initial" in Ohm [1e-3, 1e15];
    }
    pure {}
    first { "r_initial" in ["r_min", "r_max"] }
}

impl MessarisQuadratic {
    /// MemTorch's defaults, 1.6 to 3 kohm (public code).
    pub fn memtorch() -> Self {
        MessarisQuadratic {
            a_v: 0.32046,
            b_per_v: 2.71690,
            rate_p_per_s: 600.10,
            rate_n_per_s: 34.599,
            saturation_p_v: 0.02120,
            saturation_n_v: 0.05344,
            rp0_ohm: 2699.23,
            rp1_ohm_per_v: -672.93,
            rn0_ohm: 649.41,
            rn1_ohm_per_v: -1474.32,
            r_min_ohm: 1.6e3,
            r_max_ohm: 3e3,
            r_initial_ohm: 2.5e3,
        }
    }

    /// The end at `v` (ohm) and the rate 1 ohm before it, 1/s.
    fn law(&self, v: f64) -> (f64, f64) {
        if v > 0.0 {
            let rate = -self.rate_p_per_s * libm::expm1(-v / self.saturation_p_v);
            (self.rp0_ohm + self.rp1_ohm_per_v * v, rate)
        } else {
            let rate = -self.rate_n_per_s * libm::expm1(v / self.saturation_n_v);
            (self.rn0_ohm + self.rn1_ohm_per_v * v, rate)
        }
    }

    /// Rate of the resistance `r` (ohm), ohm/s.
    fn rate(&self, r: f64, v: f64) -> f64 {
        let (end, rate) = self.law(v);
        let left = if v > 0.0 { (r - end).max(0.0) } else { (end - r).max(0.0) };
        if v > 0.0 { -rate * left * left } else { rate * left * left }
    }

    /// The resistance `t_s` after `r0` at the constant voltage `v`: d' = -s d^2 gives d = d0/(1 + s d0 t). Ohm.
    pub fn closed_form(&self, r0: f64, v: f64, t_s: f64) -> f64 {
        let (end, rate) = self.law(v);
        let d0 = if v > 0.0 { (r0 - end).max(0.0) } else { (end - r0).max(0.0) };
        let gone = d0 - d0 / (1.0 + rate * d0 * t_s);
        if v > 0.0 { r0 - gone } else { r0 + gone }
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| rising("r_min", "must be below r_max", self.r_min_ohm, self.r_max_ohm))
    }
}

impl CompactModel for MessarisQuadratic {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.r_initial_ohm.clamp(self.r_min_ohm, self.r_max_ohm);
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let (a, b) = (self.a_v / x[0], self.b_per_v);
        out.dx[0] = self.rate(x[0], v);
        Ok(Response { i_a: a * libm::sinh(b * v), di_dv_s: a * b * libm::cosh(b * v), ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let side = |s: char, sign: &str, left: &str| {
            format!("{{rate_{s}}}*(1-exp(-max({sign}$v,0)/{{saturation_{s}}}))*pwr(max({left},0),2)")
        };
        let fall = side('p', "", "$r-({rp0}+{rp1}*$v)");
        let rise = side('n', "-", "({rn0}+{rn1}*$v)-$r");
        let rate = format!("$v>0 ? -{fall} : {rise}");
        Ok(Equations::new(self, "{a}/$r*sinh({b}*$v)").bounded("r", rate))
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (self.r_min_ohm, self.r_max_ohm);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = self.r_max_ohm - self.r_min_ohm;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, Drive, Waveform, drive};
    use super::*;

    #[test]
    fn steps_follow_the_closed_form() {
        for (r0, v, t_end_s) in [(2900.0, 1.0, 2e-6), (2900.0, 0.01, 2e-6), (1700.0, -1.2, 5e-5)] {
            let model = MessarisQuadratic { r_initial_ohm: r0, ..MessarisQuadratic::memtorch() };
            let exact = model.closed_form(r0, v, t_end_s);
            assert!((exact - r0).abs() > 1.0, "{v} V moves nothing");
            let mut bank = Bank::new(model, 1, Key::root(0)).with_tolerance(1e-9);
            let waveform = Waveform::Constant(v);
            let how = Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s: t_end_s / 5.0 };
            let r = drive(&mut bank, &how).unwrap().last()[0];
            assert!((r - exact).abs() < 1e-3, "{r} instead of {exact} at {v} V");
        }
    }

    #[test]
    fn rates_are_those_of_the_code() {
        // As it is written there, with its negative t and A_n.
        let model = MessarisQuadratic::memtorch();
        let (r, v): (f64, f64) = (2500.0, 1.0);
        let code = 600.10 * ((v / -0.02120).exp() - 1.0) * (2699.23 - 672.93 * v - r).powi(2);
        assert!((model.rate(r, v) / code - 1.0).abs() < 1e-12, "{}", model.rate(r, v));
        let (r, v): (f64, f64) = (2000.0, -1.0);
        let code = -34.599 * ((v.abs() / -0.05344).exp() - 1.0) * (r - (649.41 - 1474.32 * v)).powi(2);
        assert!((model.rate(r, v) / code - 1.0).abs() < 1e-12, "{}", model.rate(r, v));
        // Beyond its end nothing moves.
        assert_eq!((model.rate(1900.0, 1.0), model.rate(2500.0, -1.0)), (0.0, 0.0));
    }
}
