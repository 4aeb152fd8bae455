//! Nonlinear ion drift.

use super::Window;
use super::prelude::*;

parameters! {
    /// Nonlinear ion drift: a tunnel current in parallel with a rectifier, and a drift with an odd power of the voltage.
    ///
    /// i = w^n beta sinh(alpha v) + chi (exp(gamma v) - 1), dw/dt = a f(w) v^m, w in \[0, 1\]. Lehtonen and Laiho 2010
    /// (CNNA), after Yang et al. 2008 (Nat. Nanotechnol. 3:429). Fitted to TiO2 between -1.5 and 1.5 V.
    pub struct NonlinearIonDrift
    units {
        /// Amplitude of the tunnel current, A.
        beta_a: "beta" in Ampere [0.0, 1e3];
        /// Its inverse voltage, 1/V.
        alpha_per_v: "alpha" in PerVolt [0.0, 100.0];
        /// Saturation current of the rectifier, A.
        chi_a: "chi" in Ampere [0.0, 1e3];
        /// Its inverse voltage, 1/V.
        gamma_per_v: "gamma" in PerVolt [0.0, 100.0];
    }
    pure {
        /// Exponent of the state in the current.
        n [0.0, 100.0];
        /// Drift at 1 V, per second: its unit is 1/(s V^m).
        a [0.0, 1e15];
        /// Exponent of the voltage, an odd integer.
        m [1.0, 51.0];
        /// State of a device that was never used.
        w_initial [0.0, 1.0];
    }
    other {
        /// Slows the drift at the ends.
        window: Window;
    }
}

impl NonlinearIonDrift {
    /// The numbers of the Technion's Verilog-A report (public code) (alpha = 2, gamma = 4 1/V, n = 14, m = 13, a = 4) with the
    /// currents of Yang 2008 (beta = 0.9 uA, chi = 0.01 uA), which are recalled and not read (recalled).
    pub fn technion(window: Window) -> Self {
        NonlinearIonDrift {
            beta_a: 0.9e-6,
            alpha_per_v: 2.0,
            chi_a: 0.01e-6,
            gamma_per_v: 4.0,
            n: 14.0,
            a: 4.0,
            m: 13.0,
            w_initial: 0.5,
            window,
        }
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        let odd = self.m.rem_euclid(2.0) == 1.0;
        self.out_of_range()
            .or_else(|| (!odd).then(|| ("m".to_owned(), format!("is {}; it must be an odd integer", self.m))))
            .or_else(|| self.window.problem())
    }
}

impl CompactModel for NonlinearIonDrift {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.w_initial;
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let tunnel = libm::pow(x[0].max(0.0), self.n) * self.beta_a;
        let (av, gv) = (self.alpha_per_v * v, self.gamma_per_v * v);
        out.dx[0] = self.a * self.window.value(x[0], v) * libm::pow(v, self.m);
        Ok(Response {
            i_a: tunnel * libm::sinh(av) + self.chi_a * libm::expm1(gv),
            di_dv_s: tunnel * self.alpha_per_v * libm::cosh(av)
                + self.chi_a * self.gamma_per_v * libm::exp(gv),
            ..out
        })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let i = "pwr($w,{n})*{beta}*sinh({alpha}*$v)+{chi}*(exp({gamma}*$v)-1)";
        // `pwr` keeps the sign, as an odd power does.
        let rate = format!("{{a}}*{}*pwr($v,{{m}})", self.window.spice("$w", "$v"));
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
    fn without_a_window_the_state_is_the_integral_of_the_voltage_to_the_m() {
        let mut model = NonlinearIonDrift::technion(Window::None {});
        model.w_initial = 0.1;
        let mut bank = Bank::new(model, 1, Key::root(0)).with_tolerance(1e-9);
        // A ramp to 1.1 V in 0.5 s: a T V^(m + 1) / ((m + 1) V).
        let waveform = Waveform::Points(vec![(0.0, 0.0), (0.5, 1.1)]);
        let how = Drive { waveform: &waveform, t_end_s: 0.5, t_k: 300.0, max_step_s: 0.1 };
        let x = drive(&mut bank, &how).unwrap().last()[0];
        let exact = 0.1 + 4.0 * 0.5 * 1.1_f64.powi(13) / 14.0;
        assert!((x - exact).abs() < 1e-6, "{x} instead of {exact}");
    }
}
