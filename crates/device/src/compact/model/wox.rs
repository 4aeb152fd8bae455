//! Tungsten oxide: interface-type switching with decay.

use super::prelude::*;

parameters! {
    /// Tungsten oxide: an area w of the electrode that conducts by tunnelling, the rest by a Schottky barrier.
    ///
    /// i = (1 - w) alpha (1 - e^(-beta v)) + w gamma sinh(delta v); dw/dt = lambda eta1 sinh(eta2 v) - w/tau, w in
    /// \[0, 1\]. Chang et al. 2011 (Appl. Phys. A 102:857), parameters from public code (public code). That code holds the decay
    /// within lambda's bracket; here it is beside it as in the paper, so that w falls by e^(-t/tau) without a voltage.
    pub struct TungstenOxide
    units {
        /// Schottky current, A.
        alpha_a: "alpha" in Ampere [0.0, 1e3];
        /// Its inverse voltage, 1/V.
        beta_per_v: "beta" in PerVolt [0.0, 100.0];
        /// Tunnel current, A.
        gamma_a: "gamma" in Ampere [0.0, 1e3];
        /// Its inverse voltage, 1/V.
        delta_per_v: "delta" in PerVolt [0.0, 100.0];
        /// Rate of growth, 1/s.
        lambda_per_s: "lambda" in PerSecond [0.0, 1e15];
        /// Inverse voltage of the growth, 1/V.
        eta2_per_v: "eta2" in PerVolt [0.0, 100.0];
    }
    pure {
        /// Amplitude of the growth.
        eta1 [0.0, 1e6];
        /// Conducting area of a device that was never used.
        w_initial [0.0, 1.0];
    }
    optional {
        /// Time constant of the decay, s; none if absent.
        tau_s: "tau" in Second;
    }
}

impl TungstenOxide {
    /// alpha = 0.5 uA, beta = 0.5, gamma = 4 uA, delta = 2, lambda = 4.5, eta1 = 0.004, eta2 = 4, tau = 10 s (public code).
    pub fn chang() -> Self {
        TungstenOxide {
            alpha_a: 0.5e-6,
            beta_per_v: 0.5,
            gamma_a: 4e-6,
            delta_per_v: 2.0,
            lambda_per_s: 4.5,
            eta2_per_v: 4.0,
            eta1: 0.004,
            w_initial: 0.1,
            tau_s: Some(10.0),
        }
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| {
            let tau = self.tau_s.filter(|t| !(1e-15..=1e12).contains(t))?;
            Some(("tau".to_owned(), format!("is {tau} s; it must lie between 1e-15 and 1e12 s")))
        })
    }
}

impl CompactModel for TungstenOxide {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.w_initial;
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let w = x[0];
        let (b, d) = (self.beta_per_v, self.delta_per_v);
        out.dx[0] = self.lambda_per_s * self.eta1 * libm::sinh(self.eta2_per_v * v)
            - self.tau_s.map_or(0.0, |t| w / t);
        Ok(Response {
            i_a: -(1.0 - w) * self.alpha_a * libm::expm1(-b * v) + w * self.gamma_a * libm::sinh(d * v),
            di_dv_s: (1.0 - w) * self.alpha_a * b * libm::exp(-b * v)
                + w * self.gamma_a * d * libm::cosh(d * v),
            ..out
        })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let i = "(1-$w)*{alpha}*(1-exp(-{beta}*$v))+$w*{gamma}*sinh({delta}*$v)";
        let decay = self.tau_s.map_or(String::new(), |tau| format!("-$w/{tau:e}"));
        let rate = format!("{{lambda}}*{{eta1}}*sinh({{eta2}}*$v){decay}");
        Ok(Equations::new(self, i).bounded("w", rate))
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
    fn the_state_decays_and_only_with_a_time_constant() {
        for (tau_s, exact) in [(Some(10.0), 0.8 * (-0.7_f64).exp()), (None, 0.8)] {
            let model = TungstenOxide { tau_s, w_initial: 0.8, ..TungstenOxide::chang() };
            let mut bank = Bank::new(model, 1, Key::root(0)).with_tolerance(1e-8);
            let waveform = Waveform::Constant(0.0);
            let how = Drive { waveform: &waveform, t_end_s: 7.0, t_k: 300.0, max_step_s: 1.0 };
            let w = drive(&mut bank, &how).unwrap().last()[0];
            assert!((w - exact).abs() < 1e-6, "{w} instead of {exact}");
        }
    }

    #[test]
    fn under_a_voltage_growth_and_decay_balance() {
        // lambda eta1 tau sinh(eta2 v) = 0.7 where sinh(4 v) = 35 / 9.
        let v = (35.0_f64 / 9.0).asinh() / 4.0;
        let mut bank = Bank::new(TungstenOxide::chang(), 1, Key::root(0));
        let waveform = Waveform::Constant(v);
        let how = Drive { waveform: &waveform, t_end_s: 200.0, t_k: 300.0, max_step_s: 20.0 };
        let w = drive(&mut bank, &how).unwrap().last()[0];
        assert!((w - 0.7).abs() < 1e-5, "{w}");
    }
}
