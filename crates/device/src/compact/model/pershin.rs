//! Pershin and Di Ventra's threshold model.

use super::prelude::*;

parameters! {
    /// Pershin and Di Ventra's threshold model: the resistance is the state.
    ///
    /// i = v/R; dR/dt = f(v) = beta v + (alpha - beta)(|v + Vt| - |v - Vt|)/2, R in \[Ron, Roff\]: the slope is alpha
    /// below the threshold and beta above it. Pershin, La Fontaine and Di Ventra 2009 (Phys. Rev. E 80:021926). A positive
    /// alpha and beta raise the resistance under a positive voltage. A model of behaviour, of no particular material.
    pub struct PershinDiVentra
    units {
        /// Smallest resistance, ohm.
        r_on_ohm: "r_on" in Ohm [1e-3, 1e15];
        /// Largest resistance, ohm.
        r_off_ohm: "r_off" in Ohm [1e-3, 1e15];
        /// Resistance of a device that was never used, ohm.
        r_initial_ohm: "r_initial" in Ohm [1e-3, 1e15];
        /// Threshold, V.
        v_t_v: "v_t" in Volt [0.0, 100.0];
        /// Slope below the threshold, ohm/(V s).
        alpha_ohm_per_vs: "alpha" in OhmPerVoltSecond [-1e20, 1e20];
        /// Slope above the threshold, ohm/(V s).
        beta_ohm_per_vs: "beta" in OhmPerVoltSecond [-1e20, 1e20];
    }
    pure {}
    first { "r_initial" in ["r_on", "r_off"] }
}

impl PershinDiVentra {
    /// 1 and 10 kohm, 1.6 V, alpha = 0 (public code); beta = 1e4 ohm/(V s) is ours (recalled).
    pub fn threshold() -> Self {
        PershinDiVentra {
            r_on_ohm: 1e3,
            r_off_ohm: 1e4,
            r_initial_ohm: 5e3,
            v_t_v: 1.6,
            alpha_ohm_per_vs: 0.0,
            beta_ohm_per_vs: 1e4,
        }
    }

    /// Rate of change of the resistance under `v`, ohm/s.
    pub fn rate(&self, v: f64) -> f64 {
        let (a, b) = (self.alpha_ohm_per_vs, self.beta_ohm_per_vs);
        b * v + 0.5 * (a - b) * ((v + self.v_t_v).abs() - (v - self.v_t_v).abs())
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| rising("r_on", "must be below r_off", self.r_on_ohm, self.r_off_ohm))
    }
}

impl CompactModel for PershinDiVentra {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.r_initial_ohm.clamp(self.r_on_ohm, self.r_off_ohm);
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        out.dx[0] = self.rate(v);
        Ok(Response { i_a: v / x[0], di_dv_s: 1.0 / x[0], ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let rate = "{beta}*$v+({alpha}-{beta})/2*(abs($v+{v_t})-abs($v-{v_t}))";
        Ok(Equations::new(self, "$v/$r").bounded("r", rate))
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (self.r_on_ohm, self.r_off_ohm);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = self.r_off_ohm - self.r_on_ohm;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, Drive, Waveform, drive};
    use super::*;

    #[test]
    fn only_the_voltage_beyond_the_threshold_counts() {
        // A triangle to 2.4 V in 0.5 s and back: beyond 1.6 V for a third of a second, 0.4 V on the mean.
        let mut bank = Bank::new(PershinDiVentra::threshold(), 1, Key::root(0)).with_tolerance(1e-7);
        let waveform = Waveform::Points(vec![(0.0, 0.0), (0.5, 2.4), (1.0, 0.0)]);
        let how = Drive { waveform: &waveform, t_end_s: 1.0, t_k: 300.0, max_step_s: 0.2 };
        let r = drive(&mut bank, &how).unwrap().last()[0];
        assert!((r - (5000.0 + 1e4 * 0.4 / 3.0)).abs() < 0.1, "{r}");
        let m = PershinDiVentra::threshold();
        assert_eq!([1.6, -1.0, 0.0].map(|v| m.rate(v)), [0.0; 3]);
        assert!((m.rate(-2.6) + 1e4).abs() < 1e-9);
    }
}
