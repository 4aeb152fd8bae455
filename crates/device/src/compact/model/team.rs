//! TEAM: drift above a threshold of current.

use super::prelude::*;
use super::window::Taper;
use super::{Mixture, above, above_spice};

parameters! {
    /// TEAM: the state moves once the current passes a threshold.
    ///
    /// dw/dt = k_off (i/i_off - 1)^alpha_off f_off(w) for i > i_off > 0, k_on (i/i_on - 1)^alpha_on f_on(w) for
    /// i < i_on < 0, nothing between; v = R(w) i with R from R_on at w_on to R_off at w_off. Kvatinsky, Friedman, Kolodny
    /// and Weiser 2013 (IEEE TCAS-I 60:211). A fit, as its successor VTEAM.
    pub struct Team
    units {
        /// Resistance at w_on, ohm.
        r_on_ohm: "r_on" in Ohm [1e-3, 1e15];
        /// Resistance at w_off, ohm.
        r_off_ohm: "r_off" in Ohm [1e-3, 1e15];
        /// State when on, m.
        w_on_m: "w_on" in Metre [-1e-6, 1e-3];
        /// State when off, m.
        w_off_m: "w_off" in Metre [-1e-6, 1e-3];
        /// State of a device that was never used, m.
        w_initial_m: "w_initial" in Metre [-1e-6, 1e-3];
        /// Velocity scale toward off, m/s.
        k_off_m_per_s: "k_off" in MetrePerSecond [0.0, 1e9];
        /// Velocity scale toward on, negative, m/s.
        k_on_m_per_s: "k_on" in MetrePerSecond [-1e9, 0.0];
        /// Threshold toward off, A.
        i_off_a: "i_off" in Ampere [1e-15, 1.0];
        /// Threshold toward on, negative, A.
        i_on_a: "i_on" in Ampere [-1.0, -1e-15];
    }
    pure {
        /// Exponent toward off.
        alpha_off [0.1, 50.0];
        /// Exponent toward on.
        alpha_on [0.1, 50.0];
    }
    other {
        /// How the resistance lies in between.
        resistance: Mixture;
        /// Slows the drift near the ends; without it the state runs into hard stops.
        taper: Option<Taper>;
    }
    first { "w_initial" in ["w_on", "w_off"] }
}

impl Team {
    /// The fit to Pickett's device in figures 10 and 12 of the paper (published): k_off = 1.46e-9 nm/s,
    /// k_on = -4.68e-13 nm/s, alpha 10, 115 and 8.9 uA, 50 ohm to 1 kohm; the gap of 1.2 to 1.8 nm is that of Pickett's
    /// parameters.
    pub fn pickett() -> Self {
        Team {
            r_on_ohm: 50.0,
            r_off_ohm: 1e3,
            w_on_m: 1.2e-9,
            w_off_m: 1.8e-9,
            w_initial_m: 1.5e-9,
            k_off_m_per_s: 1.46e-18,
            k_on_m_per_s: -4.68e-22,
            i_off_a: 115e-6,
            i_on_a: -8.9e-6,
            alpha_off: 10.0,
            alpha_on: 10.0,
            resistance: Mixture::Linear,
            taper: None,
        }
    }

    /// MemTorch's motion (public code), k = 8e-13 m/s with alpha 3 either way, over its 3 nm and 50 ohm to 1 kohm, at the
    /// thresholds of Pickett's fit (published).
    pub fn memtorch() -> Self {
        Team {
            w_on_m: 0.0,
            w_off_m: 3e-9,
            w_initial_m: 1.5e-9,
            k_off_m_per_s: 8e-13,
            k_on_m_per_s: -8e-13,
            alpha_off: 3.0,
            alpha_on: 3.0,
            ..Team::pickett()
        }
    }

    /// Velocity of the state `w` (m) under `i` (A), m/s.
    pub fn velocity(&self, w: f64, i: f64) -> f64 {
        let (off, on) = self.taper.as_ref().map_or((1.0, 1.0), |t| (t.off(w), t.on(w)));
        above(self.k_off_m_per_s * off, i, self.i_off_a, self.alpha_off)
            + above(self.k_on_m_per_s * on, i, self.i_on_a, self.alpha_on)
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range()
            .or_else(|| rising("r_on", "must be below r_off", self.r_on_ohm, self.r_off_ohm))
            .or_else(|| rising("w_on", "must be below w_off", self.w_on_m, self.w_off_m))
            .or_else(|| self.taper.as_ref().and_then(Taper::problem))
    }
}

impl CompactModel for Team {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.w_initial_m.clamp(self.w_on_m, self.w_off_m);
    }

    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let s = (x[0] - self.w_on_m) / (self.w_off_m - self.w_on_m);
        let r = self.resistance.resistance(self.r_on_ohm, self.r_off_ohm, s);
        out.dx[0] = self.velocity(x[0], v / r);
        Ok(Response { i_a: v / r, di_dv_s: 1.0 / r, ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let r = self.resistance.spice("{w_on}", "{w_off}");
        let (off, on) = Taper::spice(self.taper.as_ref());
        let u = format!("($v/{r})");
        let rate = format!(
            "{off}*{}+{on}*{}",
            above_spice("{k_off}", &u, "{i_off}", "{alpha_off}"),
            above_spice("{k_on}", &u, "{i_on}", "{alpha_on}"),
        );
        Ok(Equations::new(self, format!("$v/{r}")).bounded("w", rate))
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (self.w_on_m, self.w_off_m);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = self.w_off_m - self.w_on_m;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, Drive, Waveform, drive};
    use super::*;

    #[test]
    fn a_linear_law_at_constant_voltage_follows_its_closed_form() {
        // alpha = 1 and a linear resistance have a closed form: with y = R(w), dy/dt = c (V / (i_off y) - 1),
        // t = -(y - y0) / c - u / c ln((u - y) / (u - y0)), u = V / i_off, c = k dR/dw.
        let model = Team { alpha_off: 1.0, k_off_m_per_s: 1e-6, w_initial_m: 1.2e-9, ..Team::pickett() };
        let (v, c, y0) = (0.2_f64, 1e-6 * 950.0 / 0.6e-9, 50.0_f64);
        let u = v / 115e-6;
        let time = |y: f64| -(y - y0) / c - u / c * ((u - y) / (u - y0)).ln();
        let mut bank = Bank::new(model, 1, Key::root(0)).with_tolerance(1e-8);
        let waveform = Waveform::Constant(v);
        let t_end_s = time(700.0);
        let how = Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s: t_end_s / 10.0 };
        let trace = drive(&mut bank, &how).unwrap();
        let r = v / trace.i_a.last().unwrap();
        assert!((r - 700.0).abs() < 0.01, "{r}");
    }

    #[test]
    fn below_the_thresholds_nothing_moves() {
        let model = Team::pickett();
        assert_eq!([115e-6, 0.0, -8.9e-6].map(|i| model.velocity(1.5e-9, i)), [0.0; 3]);
        // Twice the threshold: (2 - 1)^10 = 1, so the velocity is k.
        assert_eq!(model.velocity(1.5e-9, 230e-6), 1.46e-18);
        assert_eq!(model.velocity(1.5e-9, -17.8e-6), -4.68e-22);
    }
}
