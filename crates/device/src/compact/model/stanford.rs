//! Stanford-PKU model of filamentary resistive memory.

use super::prelude::*;

parameters! {
    /// Stanford-PKU model: a gap g between the filament's tip and the electrode, heated by the current.
    ///
    /// I = I0 exp(-g/g0) sinh(V/V0); T = T_ambient + |V I| Rth; gamma = gamma0 - beta (g/1 nm)^3, and no motion while
    /// gamma |V|/tox < Fmin; dg/dt = -v0 exp(-q Ea/kT) sinh(gamma a0 q V/(tox k T)), g in \[gmin, gmax\]. Guan, Yu and
    /// Wong 2012 (IEEE EDL 33:1405); Jiang et al. 2014 (doi 10.4231/D37H1DN48), whose equations are written anew here.
    ///
    /// The published code adds a normal number times dg0 / (1 + exp((Tcrit - T)/Tsmth)) to dg/dt at every step, so that
    /// its spread depends on the step. Here the same amplitude drives a Wiener process, dg = ... + noise /
    /// (1 + exp((Tcrit - T)/Tsmth)) dW, whose spread after a time does not; `noise` is its strength in m after one
    /// second, the published dg0 (in m/s, as its gap is in m and its v0 in m/s) at a step dt being noise = dg0 sqrt(dt).
    /// The noise has no threshold and acts without a voltage too, as in the published code: with it a gap that is left
    /// alone diffuses.
    ///
    /// Holds for HfOx cells of a few nm, pulses of 1 ns and more (the temperature is that of the instant).
    pub struct StanfordPku
    units {
        /// Current scale, A.
        i0_a: "i0" in Ampere [1e-12, 1e3];
        /// Length over which tunnelling dies, m.
        g0_m: "g0" in Metre [1e-12, 1e-7];
        /// Voltage scale of the current, V.
        v0_v: "v0" in Volt [1e-3, 10.0];
        /// Velocity scale, m/s.
        velocity_m_per_s: "velocity" in MetrePerSecond [0.0, 1e12];
        /// Activation energy of the motion, eV.
        ea_ev: "ea" in ElectronVolt [0.0, 10.0];
        /// Hopping distance, m.
        a0_m: "a0" in Metre [1e-12, 1e-8];
        /// Thickness of the oxide, m.
        tox_m: "tox" in Metre [1e-10, 1e-6];
        /// Enhanced field below which nothing moves, V/m.
        f_min_v_per_m: "f_min" in VoltPerMetre [0.0, 1e12];
        /// Smallest gap, m.
        g_min_m: "gap_min" in Metre [0.0, 1e-6];
        /// Largest gap, m.
        g_max_m: "gap_max" in Metre [0.0, 1e-6];
        /// Gap of a cell that was never used, m.
        g_initial_m: "gap_initial" in Metre [0.0, 1e-6];
        /// Thermal resistance, K/W.
        r_th_k_per_w: "r_th" in KelvinPerWatt [0.0, 1e9];
        /// Temperature at which half of the noise is there, K.
        t_crit_k: "t_crit" in Kelvin [0.0, 1e5];
        /// Width of its rise, K.
        t_smooth_k: "t_smooth" in Kelvin [1e-3, 1e5];
        /// Noise of the gap after one second at high temperature, m.
        noise_m: "noise" in Metre [0.0, 1.0];
    }
    pure {
        /// Field enhancement at a closed gap.
        gamma0 [0.0, 1e3];
        /// How it falls with the cube of the gap in nm.
        beta [0.0, 1e3];
    }
    first { "gap_initial" in ["gap_min", "gap_max"] }
}

impl StanfordPku {
    /// The parameters of the published code, version 1.0.0 (public code), without noise (see [`StanfordPku`] on its unit).
    pub fn v1() -> Self {
        StanfordPku {
            i0_a: 1e-3,
            g0_m: 0.25e-9,
            v0_v: 0.25,
            velocity_m_per_s: 10.0,
            ea_ev: 0.6,
            a0_m: 0.25e-9,
            tox_m: 12e-9,
            f_min_v_per_m: 1.4e9,
            g_min_m: 0.2e-9,
            g_max_m: 1.7e-9,
            g_initial_m: 1.7e-9,
            r_th_k_per_w: 2.1e3,
            t_crit_k: 450.0,
            t_smooth_k: 500.0,
            noise_m: 0.0,
            gamma0: 16.0,
            beta: 0.8,
        }
    }

    /// The dynamic model of the published code, version 1.0.0 (public code): its dg0 = 0.02 m/s, and its bound of the time
    /// step, 1 ns, as the step, so that noise = dg0 sqrt(1 ns). Simulators that take shorter steps see less in that code.
    pub fn v1_dynamic() -> Self {
        StanfordPku { noise_m: 0.02 * libm::sqrt(1e-9), ..StanfordPku::v1() }
    }

    /// The alternative set of public code, as in version 2: an oxide of 5 nm, gaps from 0.1 nm; all else as [`v1`](Self::v1).
    pub fn thin() -> Self {
        StanfordPku { tox_m: 5e-9, g_min_m: 0.1e-9, ..StanfordPku::v1() }
    }

    /// The set of Siena (public code): I0, V0, g0, v0 and the barrier, of which the two of growth and rupture, 1.501 and
    /// 1.5 eV, are one here. Field enhancement 16.5 - 1.25 (g/1 nm)^3 and an oxide of 5 nm are recalled, gaps ours.
    pub fn siena() -> Self {
        StanfordPku {
            i0_a: 61.4e-6,
            v0_v: 0.43,
            g0_m: 0.275e-9,
            velocity_m_per_s: 150.0,
            ea_ev: 1.5,
            tox_m: 5e-9,
            f_min_v_per_m: 0.0,
            gamma0: 16.5,
            beta: 1.25,
            ..StanfordPku::v1()
        }
    }

    /// Temperature of the filament, K.
    pub fn temperature(&self, v: f64, i_a: f64, t_k: f64) -> f64 {
        t_k + (v * i_a).abs() * self.r_th_k_per_w
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| rising("gap_min", "must be below gap_max", self.g_min_m, self.g_max_m))
    }
}

impl CompactModel for StanfordPku {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.g_initial_m.clamp(self.g_min_m, self.g_max_m);
    }

    fn eval(&self, (): &(), At { x, v, t_k }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let g = x[0];
        let amplitude = self.i0_a * libm::exp(-g / self.g0_m);
        let i = amplitude * libm::sinh(v / self.v0_v);
        let kt = K_B_EV * self.temperature(v, i, t_k);
        let gap_nm = g * 1e9;
        let gamma = self.gamma0 - self.beta * gap_nm * gap_nm * gap_nm;
        out.dx[0] = if gamma * v.abs() / self.tox_m < self.f_min_v_per_m {
            0.0
        } else {
            let u = gamma * self.a0_m * v / (self.tox_m * kt);
            // exp and sinh in one, so that neither overflows alone.
            let half = libm::exp(u.abs() - self.ea_ev / kt) - libm::exp(-u.abs() - self.ea_ev / kt);
            -self.velocity_m_per_s * half.copysign(u) / 2.0
        };
        Ok(Response { i_a: i, di_dv_s: amplitude / self.v0_v * libm::cosh(v / self.v0_v), ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let i = "{i0}*exp(-$gap/{g0})*sinh($v/{v0})";
        let kt = format!("({{k_b_ev}}*({{t_ambient}}+abs($v*{i})*{{r_th}}))");
        let gamma = "({gamma0}-{beta}*pwr($gap*1e9,3))";
        let u = format!("{gamma}*{{a0}}*$v/({{tox}}*{kt})");
        let rate = format!(
            "{gamma}*abs($v)/{{tox}}<{{f_min}} ? 0 : -{{velocity}}/2*(exp({u}-{{ea}}/{kt})-exp(-{u}-{{ea}}/{kt}))"
        );
        Ok(Equations::new(self, i).with("k_b_ev", K_B_EV).bounded("gap", rate))
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (self.g_min_m, self.g_max_m);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = 1e-9;
    }

    fn noise(&self, (): &(), _: &[f64], v: f64, i_a: f64, t_k: f64, strength: &mut [f64]) -> bool {
        let t = self.temperature(v, i_a, t_k);
        strength[0] = self.noise_m / (1.0 + libm::exp((self.t_crit_k - t) / self.t_smooth_k));
        self.noise_m > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, CellBank, Drive, Waveform, drive};
    use super::*;

    #[test]
    fn resistances_are_those_of_the_reference() {
        let model = StanfordPku::v1();
        let r = |g: f64| 0.1 / model.eval(&(), At { x: &[g], v: 0.1, t_k: 298.0 }, &mut 0.0).unwrap().i_a;
        assert!((r(0.2e-9) - 541.82).abs() < 0.01, "{}", r(0.2e-9));
        assert!((r(1.7e-9) - 218_586.0).abs() < 1.0, "{}", r(1.7e-9));
        assert!((r(1.7e-9) / r(0.2e-9) / 6.0_f64.exp() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn pulses_move_the_gap_as_in_the_reference() {
        // The reference steps by 10 ps with forward Euler, so its last digit may differ.
        for (from, v, to, i) in [
            (0.2e-9, -1.0, 0.2e-9, None),
            (0.2e-9, -1.1, 0.33550e-9, None),
            (0.2e-9, -1.3, 1.03300e-9, Some(-1.45476e-3)),
            (1.7e-9, 1.2, 1.7e-9, None),
            (1.7e-9, 1.5, 1.54986e-9, Some(0.40959e-3)),
            (1.7e-9, 1.8, 0.2e-9, None),
        ] {
            let model = StanfordPku { g_initial_m: from, ..StanfordPku::v1() };
            let mut bank = Bank::new(model, 1, Key::root(0)).with_tolerance(1e-6);
            let waveform = Waveform::Constant(v);
            let how = Drive { waveform: &waveform, t_end_s: 100e-9, t_k: 298.0, max_step_s: 5e-9 };
            let trace = drive(&mut bank, &how).unwrap();
            let got = trace.last()[0];
            assert!((got - to).abs() < 1e-13, "{got:e} instead of {to:e} at {v} V");
            if let Some(i) = i {
                let got = trace.i_a.last().unwrap();
                assert!((got / i - 1.0).abs() < 3e-4, "{got} instead of {i} at {v} V");
            }
        }
    }

    /// Gaps of the dynamic model from 1 nm on, under a voltage of `v` for `t_s` in so many steps.
    fn gaps(v: f64, t_s: f64, steps: u32, n: usize) -> Vec<f64> {
        let model = StanfordPku { g_initial_m: 1e-9, ..StanfordPku::v1_dynamic() };
        let mut bank = Bank::new(model, n, Key::root(3));
        let (v, mut i, mut g) = (vec![v; n], vec![0.0; n], vec![0.0; n]);
        for step in 0..steps {
            if step == 0 {
                bank.solve(&v, 298.0, 0.0, &mut i, &mut g).unwrap();
                bank.accept(&v);
            }
            bank.solve(&v, 298.0, t_s / f64::from(steps), &mut i, &mut g).unwrap();
            bank.accept(&v);
        }
        bank.state().to_vec()
    }

    #[test]
    fn the_noise_does_not_depend_on_the_steps() {
        // Below the least field nothing drifts: the gap is the noise, of variance strength^2 t. Of the published code at
        // steps of 1 ns a gap takes a normal number times 0.02 m/s / (1 + exp((450 K - T)/500 K)) times 1 ns at each.
        let n = 2000;
        for (v, nanoseconds) in [(0.0, 1), (0.0, 10), (0.1, 1), (0.1, 4), (0.1, 16)] {
            let t_s = 1e-9 * f64::from(nanoseconds);
            let i = 1e-3 * libm::exp(-1.0 / 0.25) * libm::sinh(v / 0.25);
            let rise = 1.0 + libm::exp((450.0 - 298.0 - 2.1e3 * v * i) / 500.0);
            let expected = f64::from(nanoseconds) * (0.02 / rise * 1e-9_f64).powi(2);
            let (one, many) = (gaps(v, t_s, 1, n), gaps(v, t_s, 64, n));
            let variance = one.iter().map(|g| (g - 1e-9).powi(2)).sum::<f64>() / n as f64;
            // Four standard errors of a variance, and what the current, which follows the gap, changes of it.
            let allowed = 4.0 * (2.0 / n as f64).sqrt() + 0.01;
            assert!(
                (variance / expected - 1.0).abs() < allowed,
                "{v} V, {nanoseconds} ns: {variance} {expected}"
            );
            for (a, b) in one.iter().zip(many) {
                assert!((a - b).abs() < 2e-3 * expected.sqrt(), "{v} V, {nanoseconds} ns: {a} {b}");
            }
        }
    }
}
