//! NbO2 threshold switch.

use super::prelude::*;

parameters! {
    /// NbO2 threshold switch: Poole-Frenkel conduction and its own heat.
    ///
    /// I = V sigma0 e^(-(E_a - B sqrt|V|)/kT), B = sqrt(q/(pi eps d)) (eV per square root of a volt); C_th dT/dt = I V -
    /// (T - T_ambient)/R_th. Slesazeck et al. 2015 (RSC Adv. 5:102318), Gibson et al. 2016 (Appl. Phys. Lett.
    /// 108:023505). Volatile: the conductance is that of the temperature. Negative differential resistance needs no
    /// transition of the material, only that the current grows faster than the heat flows away. Below about 1000 K, where
    /// NbO2 does not change its phase.
    pub struct NiobiumThreshold
    units {
        /// Conductance at infinite temperature, S.
        sigma0_s: "sigma0" in Siemens [1e-12, 1e6];
        /// Activation energy, eV.
        ea_ev: "ea" in ElectronVolt [0.0, 5.0];
        /// Thickness of the film, m.
        thickness_m: "thickness" in Metre [1e-9, 1e-5];
        /// Thermal resistance, K/W.
        r_th_k_per_w: "r_th" in KelvinPerWatt [1.0, 1e10];
        /// Heat capacity, J/K.
        c_th_j_per_k: "c_th" in JoulePerKelvin [1e-20, 1.0];
    }
    pure {
        /// Relative permittivity.
        epsilon_r [1.0, 1e3];
    }
}

impl NiobiumThreshold {
    /// Usual sizes (recalled): 0.25 eV, 30 nm, permittivity 30, 1 MK/W, 3 fJ/K; sigma0 = 50 mS is ours.
    pub fn usual() -> Self {
        NiobiumThreshold {
            sigma0_s: 50e-3,
            ea_ev: 0.25,
            thickness_m: 30e-9,
            r_th_k_per_w: 1e6,
            c_th_j_per_k: 3e-15,
            epsilon_r: 30.0,
        }
    }

    fn barrier_slope(&self) -> f64 {
        libm::sqrt(Q / (std::f64::consts::PI * self.epsilon_r * EPSILON_0 * self.thickness_m))
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range()
    }
}

impl CompactModel for NiobiumThreshold {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = 300.0;
    }

    /// The state is the temperature, K.
    fn eval(&self, (): &(), At { x, v, t_k }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let kt = K_B_EV * x[0];
        let root = libm::sqrt(v.abs());
        // The barrier is gone where the field has lowered it to nothing.
        let barrier = self.ea_ev - self.barrier_slope() * root;
        let g = self.sigma0_s * libm::exp(-barrier.max(0.0) / kt);
        out.dx[0] = (g * v * v - (x[0] - t_k) / self.r_th_k_per_w) / self.c_th_j_per_k;
        let steep = if barrier > 0.0 { self.barrier_slope() * root / (2.0 * kt) } else { 0.0 };
        Ok(Response { i_a: g * v, di_dv_s: g * (1.0 + steep), ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        // The root's slope has no end at 0 V, which Newton's iteration cannot take: a picovolt beside it.
        let g = "{sigma0}*exp(-max({ea}-{barrier_slope}*sqrt(abs($v)+1e-12),0)/({k_b_ev}*$temperature))";
        let rate = format!("({g}*$v*$v-($temperature-{{t_ambient}})/{{r_th}})/{{c_th}}");
        Ok(Equations::new(self, format!("{g}*$v"))
            .with("barrier_slope", self.barrier_slope())
            .with("k_b_ev", K_B_EV)
            .bounded("temperature", rate))
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (1.0, 5e3);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = 300.0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, Drive, Waveform, drive};
    use super::*;

    /// The steady voltage at each temperature: that at which heat and loss balance.
    fn steady(model: &NiobiumThreshold, t: f64) -> (f64, f64) {
        let at = |v: f64| {
            let there = model.eval(&(), At { x: &[t], v, t_k: 300.0 }, &mut 0.0).unwrap();
            (there.dx[0], there.i_a)
        };
        let (mut low, mut high) = (0.0, 10.0);
        for _ in 0..100 {
            let middle = (low + high) / 2.0;
            if at(middle).0 > 0.0 { high = middle } else { low = middle }
        }
        (high, at(high).1)
    }

    #[test]
    fn swept_by_current_it_has_a_negative_differential_resistance() {
        let model = NiobiumThreshold::usual();
        let curve: Vec<_> = (0..500).map(|k| steady(&model, 301.0 + f64::from(k))).collect();
        // The current rises all along, the voltage has a maximum within: the threshold.
        assert!(curve.windows(2).all(|w| w[1].1 > w[0].1));
        let top = (0..500).max_by(|a, b| curve[*a].0.total_cmp(&curve[*b].0)).unwrap();
        assert!(top > 5 && top < 400, "{top}");
        assert!(curve[499].0 < 0.9 * curve[top].0, "{:?} {:?}", curve[top], curve[499]);
    }

    #[test]
    fn it_switches_above_the_threshold_and_forgets() {
        let model = NiobiumThreshold::usual();
        let threshold = (0..500).map(|k| steady(&model, 301.0 + f64::from(k)).0).fold(0.0, f64::max);
        let mut bank = Bank::new(model.clone(), 1, Key::root(0));
        let mut end = |v: f64, t_end_s: f64| {
            let waveform = Waveform::Constant(v);
            let how = Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s: t_end_s };
            drive(&mut bank, &how).unwrap().last()[0]
        };
        let cold = end(0.95 * threshold, 1e-6);
        let hot = end(1.05 * threshold, 1e-6);
        assert!(hot > cold + 100.0, "{cold} K, {hot} K");
        // It cools by e^(-t/(R_th C_th)), 3 ns.
        let exact = 300.0 + (hot - 300.0) * (-2.0_f64).exp();
        let cooled = end(0.0, 6e-9);
        assert!((cooled - exact).abs() < 0.3, "{cooled} instead of {exact}");
    }
}
