//! Mott threshold switch: a metallic core within an insulating pillar.

use super::prelude::*;
use std::f64::consts::PI;

parameters! {
    /// Mott threshold switch (VO2, NbO2): the radius of the metallic core over that of the pillar, u in (0, 1).
    ///
    /// R = rho_i L/(pi r^2)/(1 + (rho_i/rho_m - 1) u^2); du/dt = (i^2 R - Gamma dT)/(dH/du) with the heat's way out
    /// Gamma = 2 pi L kappa/ln(1/u), dT = T_transition - T_ambient, and the enthalpy dH/du = pi L r^2 (c_p dT
    /// (1 - u^2 + 2 u^2 ln u)/(2 u ln^2 u) + 2 dh u). Pickett, Medeiros-Ribeiro and Williams 2013 (Nat. Mater. 12:114).
    /// Volatile: without a current the core shrinks to nothing, which is u = 1e-4 here. Ambient temperatures below the
    /// transition; polarity does not matter.
    pub struct MottPillar
    units {
        /// Radius of the pillar, m.
        radius_m: "radius" in Metre [1e-10, 1e-3];
        /// Its length, m.
        length_m: "length" in Metre [1e-10, 1e-3];
        /// Temperature of the transition, K.
        t_transition_k: "t_transition" in Kelvin [1.0, 5e3];
    }
    pure {
        /// Resistivity of the insulator, ohm m.
        rho_insulator_ohm_m [1e-9, 1e9];
        /// Resistivity of the metal, ohm m.
        rho_metal_ohm_m [1e-12, 1e6];
        /// Thermal conductivity, W/(m K).
        kappa_w_per_m_k [1e-3, 1e4];
        /// Heat capacity, J/(m^3 K).
        heat_capacity_j_per_m3_k [1.0, 1e9];
        /// Enthalpy of the transition, J/m^3.
        enthalpy_j_per_m3 [0.0, 1e12];
    }
}

/// A core this small is none.
const NONE: f64 = 1e-4;

impl MottPillar {
    /// VO2 (recalled; sizes of the pillar are ours within the usual ones).
    pub fn vo2() -> Self {
        MottPillar {
            radius_m: 36e-9,
            length_m: 50e-9,
            t_transition_k: 340.0,
            rho_insulator_ohm_m: 1e-2,
            rho_metal_ohm_m: 3e-6,
            kappa_w_per_m_k: 3.5,
            heat_capacity_j_per_m3_k: 3.3e6,
            enthalpy_j_per_m3: 2.35e8,
        }
    }

    /// NbO2 (recalled).
    pub fn nbo2() -> Self {
        MottPillar {
            radius_m: 30e-9,
            length_m: 20e-9,
            t_transition_k: 1080.0,
            rho_insulator_ohm_m: 1e-2,
            rho_metal_ohm_m: 3e-4,
            kappa_w_per_m_k: 1.5,
            heat_capacity_j_per_m3_k: 2.6e6,
            enthalpy_j_per_m3: 1.6e8,
        }
    }

    /// Resistance with the core `u`, ohm.
    pub fn resistance(&self, u: f64) -> f64 {
        let bare = self.rho_insulator_ohm_m * self.length_m / (PI * self.radius_m * self.radius_m);
        bare / (1.0 + (self.rho_insulator_ohm_m / self.rho_metal_ohm_m - 1.0) * u * u)
    }

    /// Heat that leaves the core per kelvin, W/K.
    fn loss(&self, u: f64) -> f64 {
        -2.0 * PI * self.length_m * self.kappa_w_per_m_k / libm::log(u)
    }

    /// The voltage under which the core `u` neither grows nor shrinks, V.
    pub fn steady_voltage(&self, u: f64, t_k: f64) -> f64 {
        (self.loss(u) * (self.t_transition_k - t_k).max(0.0) * self.resistance(u)).sqrt()
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| {
            let (metal, insulator) = (self.rho_metal_ohm_m, self.rho_insulator_ohm_m);
            rising("rho_metal_ohm_m", "must be below rho_insulator_ohm_m", metal, insulator)
        })
    }
}

impl CompactModel for MottPillar {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = NONE;
    }

    fn eval(&self, (): &(), At { x, v, t_k }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let u = x[0];
        let (r, log) = (self.resistance(u), libm::log(u));
        let dt = self.t_transition_k - t_k;
        let shape = (1.0 - u * u + 2.0 * u * u * log) / (2.0 * u * log * log);
        // Above its transition the whole pillar is metal: then only the enthalpy counts, and all heat helps.
        let enthalpy = PI
            * self.length_m
            * self.radius_m
            * self.radius_m
            * (self.heat_capacity_j_per_m3_k * dt.max(0.0) * shape + 2.0 * self.enthalpy_j_per_m3 * u);
        out.dx[0] = (v * v / r - self.loss(u) * dt) / enthalpy;
        Ok(Response { i_a: v / r, di_dv_s: 1.0 / r, ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let volume = PI * self.length_m * self.radius_m * self.radius_m;
        let ratio = self.rho_insulator_ohm_m / self.rho_metal_ohm_m;
        let g = "((1+{excess}*$u*$u)/{bare})";
        let shape = "(1-$u*$u+2*$u*$u*ln($u))/(2*$u*ln($u)*ln($u))";
        let dt = "({t_transition}-{t_ambient})";
        let enthalpy = format!("({{heat}}*max({dt},0)*{shape}+{{latent}}*$u)");
        let rate = format!("($v*$v*{g}+{{loss}}*{dt}/ln($u))/{enthalpy}");
        Ok(Equations::new(self, format!("$v*{g}"))
            .with("excess", ratio - 1.0)
            .with("bare", self.resistance(0.0))
            .with("loss", 2.0 * PI * self.length_m * self.kappa_w_per_m_k)
            .with("heat", volume * self.heat_capacity_j_per_m3_k)
            .with("latent", 2.0 * volume * self.enthalpy_j_per_m3)
            .bounded("u", rate))
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (NONE, 1.0 - NONE);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = 0.1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, Drive, Waveform, drive};
    use super::*;

    #[test]
    fn swept_by_current_it_has_a_negative_differential_resistance() {
        for model in [MottPillar::vo2(), MottPillar::nbo2()] {
            let curve: Vec<(f64, f64)> = (1..990)
                .map(|k| {
                    let u = f64::from(k) / 1000.0;
                    let v = model.steady_voltage(u, 300.0);
                    (v, v / model.resistance(u))
                })
                .collect();
            // The current rises all along; the voltage falls from the threshold to the hold voltage and rises again.
            assert!(curve.windows(2).all(|w| w[1].1 > w[0].1));
            let top = curve[..300].iter().map(|p| p.0).fold(0.0, f64::max);
            let hold = curve[300..900].iter().map(|p| p.0).fold(f64::INFINITY, f64::min);
            assert!(hold < 0.75 * top && curve[988].0 > hold, "{hold} V against {top} V");
        }
    }

    #[test]
    fn it_switches_at_the_threshold_and_back_at_the_hold_voltage() {
        for model in [MottPillar::vo2(), MottPillar::nbo2()] {
            let steady = |k: i32| model.steady_voltage(f64::from(k) / 1e4, 300.0);
            let threshold = (1..5000).map(steady).fold(0.0, f64::max);
            let hold = (1000..9990).map(steady).fold(f64::INFINITY, f64::min);
            assert!(hold < 0.8 * threshold, "{hold} V, {threshold} V");
            let mut bank = Bank::new(model.clone(), 1, Key::root(0));
            let mut end = |v: f64| {
                let waveform = Waveform::Constant(v);
                let how = Drive { waveform: &waveform, t_end_s: 1e-5, t_k: 300.0, max_step_s: 1e-5 };
                drive(&mut bank, &how).unwrap().last()[0]
            };
            let off = end(0.98 * threshold);
            let on = end(1.02 * threshold);
            // On as long as the hold voltage is there; no polarity.
            let held = end(-1.05 * hold);
            let lost = end(0.95 * hold);
            assert!(off < 0.2 && on > 0.8 && held > 0.3 && lost < 0.1, "{off} {on} {held} {lost}");
        }
    }

    #[test]
    fn what_it_takes_to_grow_a_core_is_its_enthalpy() {
        // With all losses off (T_ambient = T_transition) the energy to grow from u0 to u is pi L r^2 dh (u^2 - u0^2).
        let model = MottPillar::vo2();
        let mut bank = Bank::new(model.clone(), 1, Key::root(0)).with_tolerance(1e-8);
        bank.set_state(0, &[0.1]);
        let waveform = Waveform::Constant(0.05);
        let how = Drive { waveform: &waveform, t_end_s: 5e-11, t_k: 340.0, max_step_s: 1e-13 };
        let trace = drive(&mut bank, &how).unwrap();
        let energy: f64 = (1..trace.v.len())
            .map(|n| 0.05 * (trace.i_a[n] + trace.i_a[n - 1]) / 2.0 * (trace.t_s[n] - trace.t_s[n - 1]))
            .sum();
        let u = trace.last()[0];
        let exact = PI * 50e-9 * 36e-9 * 36e-9 * 2.35e8 * (u * u - 0.01);
        assert!(u > 0.103 && (energy / exact - 1.0).abs() < 1e-4, "{energy} {exact} at {u}");
    }
}
