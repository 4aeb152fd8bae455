//! Linear ion drift.

use super::Window;
use super::prelude::*;

parameters! {
    /// Linear ion drift: a doped part of length w = x D moves with the current.
    ///
    /// v = (R_on x + R_off (1 - x)) i, dx/dt = mu R_on / D^2 i f(x), x in \[0, 1\]. Strukov, Snider, Stewart and
    /// Williams 2008 (Nature 453:80). A picture of how a memristor comes about, not a fit of a device: no threshold, and
    /// without a window a hard stop at the ends. Holds for fields far below those of ionic hopping (about 1 MV/cm).
    pub struct LinearIonDrift
    units {
        /// Resistance when all of it is doped, ohm.
        r_on_ohm: "r_on" in Ohm [1e-3, 1e15];
        /// Resistance when nothing is, ohm.
        r_off_ohm: "r_off" in Ohm [1e-3, 1e15];
        /// Length of the device, D, m.
        length_m: "length" in Metre [1e-10, 1e-5];
        /// Mobility of the dopants, m^2/Vs.
        mobility_m2_per_vs: "mobility" in SquareMetrePerVoltSecond [0.0, 1.0];
    }
    pure {
        /// Doped part of a device that was never used.
        x_initial [0.0, 1.0];
    }
    other {
        /// Slows the drift at the ends.
        window: Window;
    }
}

impl LinearIonDrift {
    /// MemTorch's defaults (public code), without its thresholds: R 100 ohm to 16 kohm (the ratio 160 of Strukov's figure), 10 nm,
    /// 1e-14 m^2/Vs.
    pub fn strukov(window: Window) -> Self {
        LinearIonDrift {
            r_on_ohm: 100.0,
            r_off_ohm: 16e3,
            length_m: 10e-9,
            mobility_m2_per_vs: 1e-14,
            x_initial: 0.1,
            window,
        }
    }

    /// The state after the flux `phi` (V s) from `x0`, without a window and before either end: the root of
    /// k phi = (R_on - R_off)/2 (x^2 - x0^2) + R_off (x - x0), k = mu R_on / D^2.
    pub fn after_flux(&self, x0: f64, phi: f64) -> f64 {
        let k = self.mobility_m2_per_vs * self.r_on_ohm / (self.length_m * self.length_m);
        let a = (self.r_on_ohm - self.r_off_ohm) / 2.0;
        let b = self.r_off_ohm;
        let c = -(a * x0 * x0 + b * x0 + k * phi);
        2.0 * c / (-b - libm::sqrt(b * b - 4.0 * a * c))
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range()
            .or_else(|| rising("r_on", "must be below r_off", self.r_on_ohm, self.r_off_ohm))
            .or_else(|| self.window.problem())
    }
}

impl CompactModel for LinearIonDrift {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.x_initial;
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let r = self.r_on_ohm * x[0] + self.r_off_ohm * (1.0 - x[0]);
        let i = v / r;
        let k = self.mobility_m2_per_vs * self.r_on_ohm / (self.length_m * self.length_m);
        out.dx[0] = k * i * self.window.value(x[0], i);
        Ok(Response { i_a: i, di_dv_s: 1.0 / r, ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let i = "($v/({r_on}*$x+{r_off}*(1-$x)))";
        let rate = format!("{{mobility*r_on/(length*length)}}*{i}*{}", self.window.spice("$x", "$v"));
        Ok(Equations::new(self, i).bounded("x", rate))
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

    fn sine(model: LinearIonDrift, t_end_s: f64) -> (f64, f64) {
        let mut bank = Bank::new(model, 1, Key::root(0)).with_tolerance(1e-8);
        let waveform = Waveform::Sine { amplitude_v: 1.0, frequency_hz: 1.0, offset_v: 0.0 };
        let how = Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s: 1e-4 };
        let trace = drive(&mut bank, &how).unwrap();
        (trace.last()[0], *trace.i_a.last().unwrap())
    }

    #[test]
    fn the_state_follows_the_flux() {
        // The reference's values, from a numpy implementation of the closed form.
        let model = LinearIonDrift::strukov(Window::None {});
        for (t, x, i) in [(0.25, 0.218149, 7.9799e-5), (0.5, 0.357467, 0.0), (0.75, 0.218149, -7.9799e-5)] {
            let flux = (1.0 - libm::cos(std::f64::consts::TAU * t)) / std::f64::consts::TAU;
            assert!((model.after_flux(0.1, flux) - x).abs() < 6e-7, "closed form at {t} s");
            let (got, current) = sine(model.clone(), t);
            assert!((got - x).abs() < 1e-6, "{got} at {t} s");
            assert!((current - i).abs() < 1e-9, "{current} at {t} s");
        }
    }

    #[test]
    fn joglekar_holds_at_the_ends_and_biolek_does_not() {
        for (window, leaves) in
            [(Window::Joglekar { p: 2.0 }, false), (Window::Biolek { p: 2.0 }, true), (Window::None {}, true)]
        {
            let mut model = LinearIonDrift::strukov(window);
            model.x_initial = 1.0;
            let mut bank = Bank::new(model, 1, Key::root(0));
            let waveform = Waveform::Constant(-1.0);
            let how = Drive { waveform: &waveform, t_end_s: 0.01, t_k: 300.0, max_step_s: 1e-3 };
            let x = drive(&mut bank, &how).unwrap().last()[0];
            assert_eq!(x < 0.999, leaves, "{x}");
        }
    }
}
