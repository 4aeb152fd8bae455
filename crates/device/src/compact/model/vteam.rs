//! VTEAM: drift above a threshold of voltage.

use super::prelude::*;
use super::window::Taper;
use super::{Mixture, above, above_spice};

parameters! {
    /// VTEAM: the state moves once the voltage passes a threshold.
    ///
    /// dw/dt = k_off (v/v_off - 1)^alpha_off f_off(w) for v > v_off > 0, k_on (v/v_on - 1)^alpha_on f_on(w) for
    /// v < v_on < 0, nothing between; v = R(w) i with R from R_on at w_on to R_off at w_off. Kvatinsky et al. 2015 (IEEE
    /// TCAS-II 62:786), equations as in Biolek et al. 2021 (IEEE Access 9:30242, eqs 1-5). Holds where a fit holds: the
    /// power law has no physics beyond the voltages it was fitted at.
    pub struct Vteam
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
        /// Threshold toward off, V.
        v_off_v: "v_off" in Volt [1e-6, 1e3];
        /// Threshold toward on, negative, V.
        v_on_v: "v_on" in Volt [-1e3, -1e-6];
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

impl Vteam {
    /// MemTorch's defaults (public code): 50 ohm to 1 kohm over 3 nm.
    pub fn memtorch() -> Self {
        Vteam {
            r_on_ohm: 50.0,
            r_off_ohm: 1e3,
            w_on_m: 0.0,
            w_off_m: 3e-9,
            w_initial_m: 1.5e-9,
            k_off_m_per_s: 5e-4,
            k_on_m_per_s: -10.0,
            v_off_v: 0.02,
            v_on_v: -0.2,
            alpha_off: 1.0,
            alpha_on: 3.0,
            resistance: Mixture::Linear,
            taper: None,
        }
    }

    /// Velocity of the state `w` (m) under `v` (V), m/s.
    pub fn velocity(&self, w: f64, v: f64) -> f64 {
        let (off, on) = self.taper.as_ref().map_or((1.0, 1.0), |t| (t.off(w), t.on(w)));
        above(self.k_off_m_per_s * off, v, self.v_off_v, self.alpha_off)
            + above(self.k_on_m_per_s * on, v, self.v_on_v, self.alpha_on)
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range()
            .or_else(|| rising("r_on", "must be below r_off", self.r_on_ohm, self.r_off_ohm))
            .or_else(|| rising("w_on", "must be below w_off", self.w_on_m, self.w_off_m))
            .or_else(|| self.taper.as_ref().and_then(Taper::problem))
    }
}

impl CompactModel for Vteam {
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
        out.dx[0] = self.velocity(x[0], v);
        Ok(Response { i_a: v / r, di_dv_s: 1.0 / r, ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let r = self.resistance.spice("{w_on}", "{w_off}");
        let (off, on) = Taper::spice(self.taper.as_ref());
        let u = "$v".to_owned();
        let rate = format!(
            "{off}*{}+{on}*{}",
            above_spice("{k_off}", &u, "{v_off}", "{alpha_off}"),
            above_spice("{k_on}", &u, "{v_on}", "{alpha_on}"),
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
    fn velocities_are_those_of_the_reference() {
        let model = Vteam::memtorch();
        for (v, velocity) in
            [(0.1, 2.0e-3), (0.5, 1.2e-2), (1.0, 2.45e-2), (-0.3, -1.25), (-0.5, -33.75), (-1.0, -640.0)]
        {
            let got = model.velocity(1e-9, v);
            assert!((got / velocity - 1.0).abs() < 1e-12, "{got} at {v} V");
        }
        for v in [-0.2, -0.19, 0.0, 0.019, 0.02] {
            assert_eq!(model.velocity(1e-9, v), 0.0);
        }
    }

    #[test]
    fn switching_times_are_those_of_the_reference() {
        // A full reset and set over 3 nm.
        for (v, time) in [(0.1, 1.5e-6), (0.5, 250e-9), (1.0, 122.449e-9), (-0.3, 2.4e-9), (-1.0, 4.6875e-12)]
        {
            let model = Vteam { w_initial_m: if v > 0.0 { 0.0 } else { 3e-9 }, ..Vteam::memtorch() };
            let mut bank = Bank::new(model, 1, Key::root(0));
            let waveform = Waveform::Constant(v);
            let how = Drive { waveform: &waveform, t_end_s: 2.0 * time, t_k: 300.0, max_step_s: time / 3.0 };
            let trace = drive(&mut bank, &how).unwrap();
            let end = if v > 0.0 { 3e-9 } else { 0.0 };
            assert_eq!(trace.last()[0], end);
            // The last sample on the way gives the velocity, and that the time.
            let n = (0..trace.t_s.len()).rev().find(|n| trace.state(*n, 0) != Some(end)).unwrap();
            let way = (trace.state(n, 0).unwrap() - trace.state(0, 0).unwrap()).abs();
            let got = trace.t_s[n] * 3e-9 / way;
            assert!((got / time - 1.0).abs() < 1e-5, "{got} s at {v} V");
        }
    }
}
