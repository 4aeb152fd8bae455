//! Mean metastable switch.

use super::prelude::*;

parameters! {
    /// Mean metastable switch: the mean of many two-state switches that hop over a barrier.
    ///
    /// dX/dt = ((1 - X) / (1 + e^(-beta (V - Von))) - X (1 - 1/(1 + e^(-beta (V + Voff))))) / tau, beta = q/kT;
    /// G = X/Ron + (1 - X)/Roff; I = phi G V + (1 - phi) alpha_f (e^(beta_f V) - 1) - (1 - phi) alpha_r
    /// (e^(-beta_r V) - 1), phi = 1 being without the Schottky part. Molter and Nugent 2016 (the generalised metastable
    /// switch; parameters from knowm/memristor-models-4-all (public code)). The Schottky part is written with its -1 so that no
    /// current flows without a voltage even where alpha_f and alpha_r differ.
    pub struct MeanMetastableSwitch
    units {
        /// Resistance with all switches on, ohm.
        r_on_ohm: "r_on" in Ohm [1e-3, 1e15];
        /// Resistance with all switches off, ohm.
        r_off_ohm: "r_off" in Ohm [1e-3, 1e15];
        /// Threshold to on, V.
        v_on_v: "v_on" in Volt [0.0, 100.0];
        /// Threshold to off as a positive number, V.
        v_off_v: "v_off" in Volt [0.0, 100.0];
        /// Time constant, s.
        tau_s: "tau" in Second [1e-15, 1e12];
        /// Forward Schottky current, A.
        alpha_f_a: "alpha_f" in Ampere [0.0, 1e3];
        /// Forward inverse voltage, 1/V.
        beta_f_per_v: "beta_f" in PerVolt [0.0, 100.0];
        /// Reverse Schottky current, A.
        alpha_r_a: "alpha_r" in Ampere [0.0, 1e3];
        /// Reverse inverse voltage, 1/V.
        beta_r_per_v: "beta_r" in PerVolt [0.0, 100.0];
    }
    pure {
        /// Part of the current that goes through the switches.
        phi [0.0, 1.0];
        /// Part of the switches that is on in a device that was never used.
        x_initial [0.0, 1.0];
    }
}

impl MeanMetastableSwitch {
    /// 500 and 1500 ohm, 0.27 V, 0.1 ms, without Schottky part (public code).
    pub fn knowm() -> Self {
        MeanMetastableSwitch {
            r_on_ohm: 500.0,
            r_off_ohm: 1500.0,
            v_on_v: 0.27,
            v_off_v: 0.27,
            tau_s: 1e-4,
            alpha_f_a: 8e-4,
            beta_f_per_v: 4.0,
            alpha_r_a: 8e-4,
            beta_r_per_v: 4.0,
            phi: 1.0,
            x_initial: 0.5,
        }
    }

    /// The same with a fifth of the current through a Schottky barrier (public code).
    pub fn knowm_schottky() -> Self {
        MeanMetastableSwitch { phi: 0.8, ..MeanMetastableSwitch::knowm() }
    }

    /// Rates to on and to off at `v` and `t_k`, 1/s.
    pub fn rates(&self, v: f64, t_k: f64) -> (f64, f64) {
        let beta = 1.0 / (K_B_EV * t_k);
        let logistic = |u: f64| 1.0 / (1.0 + libm::exp(-u));
        let (to_on, to_off) = (logistic(beta * (v - self.v_on_v)), logistic(-beta * (v + self.v_off_v)));
        (to_on / self.tau_s, to_off / self.tau_s)
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| rising("r_on", "must be below r_off", self.r_on_ohm, self.r_off_ohm))
    }
}

impl CompactModel for MeanMetastableSwitch {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.x_initial;
    }

    fn eval(&self, (): &(), At { x, v, t_k }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let (to_on, to_off) = self.rates(v, t_k);
        out.dx[0] = (1.0 - x[0]) * to_on - x[0] * to_off;
        let g = x[0] / self.r_on_ohm + (1.0 - x[0]) / self.r_off_ohm;
        let (f, r) = (self.beta_f_per_v, self.beta_r_per_v);
        (out.i_a, out.di_dv_s) = (self.phi * g * v, self.phi * g);
        let rest = 1.0 - self.phi;
        if rest > 0.0 {
            let (forward, reverse) = (libm::expm1(f * v), libm::expm1(-r * v));
            out.i_a += rest * (self.alpha_f_a * forward - self.alpha_r_a * reverse);
            out.di_dv_s +=
                rest * (self.alpha_f_a * f * (forward + 1.0) + self.alpha_r_a * r * (reverse + 1.0));
        }
        Ok(out)
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let i = "{phi}*($x/{r_on}+(1-$x)/{r_off})*$v\
                 +(1-{phi})*({alpha_f}*(exp({beta_f}*$v)-1)-{alpha_r}*(exp(-{beta_r}*$v)-1))";
        let logistic = |u: &str| format!("1/(1+exp(-({u})/({{k_b_ev}}*{{t_ambient}})))");
        let (to_on, to_off) = (logistic("$v-{v_on}"), logistic("-$v-{v_off}"));
        let rate = format!("((1-$x)*{to_on}-$x*{to_off})/{{tau}}");
        Ok(Equations::new(self, i).with("k_b_ev", K_B_EV).free("x", rate))
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
    use super::super::super::{Bank, Drive, Waveform, drive};
    use super::*;

    #[test]
    fn at_constant_voltage_it_relaxes_exponentially() {
        // A linear equation: X = X_end + (X0 - X_end) e^(-(a + b) t).
        let model = MeanMetastableSwitch::knowm();
        for v in [0.3, 0.2, -0.25, 0.0] {
            let (a, b) = model.rates(v, 298.5);
            let end = a / (a + b);
            let t_end_s: f64 = 2e-4;
            let exact = end + (0.5 - end) * (-(a + b) * t_end_s).exp();
            let mut bank = Bank::new(model.clone(), 1, Key::root(0)).with_tolerance(1e-8);
            let waveform = Waveform::Constant(v);
            let how = Drive { waveform: &waveform, t_end_s, t_k: 298.5, max_step_s: 1.0 };
            let x = drive(&mut bank, &how).unwrap().last()[0];
            assert!((x - exact).abs() < 1e-6, "{x} instead of {exact} at {v} V");
        }
        // At its thresholds half of the switches that could hop do so within tau.
        let (a, _) = model.rates(0.27, 298.5);
        assert!((a * 1e-4 - 0.5).abs() < 1e-12);
    }
}
