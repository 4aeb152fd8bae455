//! Thermochemical memory: a filament that its own heat dissolves.

use super::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

parameters! {
    /// Thermochemical (unipolar) memory, NiO-like: the radius r of a metallic filament.
    ///
    /// R_f = rho L/(pi r^2), beside a leakage R_off. RESET: dr/dt = -A exp(-E_A/kT), T the filament's temperature; see
    /// [`Heating`]. SET: dr/dt = +B exp(-E_B/kT) while |V| is above the threshold V_set and the current below the
    /// compliance I_c; growth ends as the current reaches I_c, B (1 - |I|/I_c). Russo, Ielmini et al. 2009 (IEEE TED
    /// 56:186 and 193); Ielmini et al. 2011. Both happen at either polarity: RESET at a voltage that hardly depends on the
    /// filament, so that its current goes as 1/R_on; SET above it, with a compliance.
    ///
    /// Metallic filaments (the low-resistance state); the high-resistance state is a plain leakage, and its regrowth as
    /// hot as a filament would be. The smooth onset of
    /// growth over 10 mV around V_set and the linear way into the compliance are ours.
    pub struct Thermochemical
    units {
        /// rho L/(pi r^2) of a filament of 1 nm radius, ohm.
        r_1nm_ohm: "r_1nm" in Ohm [1e-3, 1e12];
        /// Resistance without a filament, ohm.
        r_off_ohm: "r_off" in Ohm [1.0, 1e15];
        /// Largest radius, m.
        r_max_m: "radius_max" in Metre [1e-10, 1e-5];
        /// Radius in a cell that was never used, m.
        r_initial_m: "radius_initial" in Metre [0.0, 1e-5];
        /// Velocity scale of dissolution, A, m/s.
        dissolution_m_per_s: "dissolution" in MetrePerSecond [0.0, 1e15];
        /// Its activation energy, eV.
        ea_ev: "ea" in ElectronVolt [0.0, 10.0];
        /// Velocity scale of growth, B, m/s.
        growth_m_per_s: "growth" in MetrePerSecond [0.0, 1e15];
        /// Its activation energy, eV.
        eb_ev: "eb" in ElectronVolt [0.0, 10.0];
        /// Threshold of growth, V.
        v_set_v: "v_set" in Volt [1e-3, 100.0];
        /// Compliance of growth, A.
        i_c_a: "i_c" in Ampere [1e-12, 10.0];
    }
    pure {}
    other {
        /// How hot the filament is.
        heating: Heating;
    }
    first { "radius_initial" in [, "radius_max"] }
}

/// How hot a filament is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Heating {
    /// T = T_ambient + R_th V^2/R_f.
    Lumped {
        /// Thermal resistance, K/W.
        #[serde(rename = "r_th", with = "quantity::kelvin_per_watt")]
        #[schemars(with = "String")]
        r_th_k_per_w: f64,
    },
    /// T^2 = T_ambient^2 + efficiency V^2/(4 L0), L0 = 2.44e-8 W ohm/K^2: Kohlrausch's bound for a wire between cold ends
    /// that conducts its heat by the electrons that carry its current. Efficiency 1 is the bound, less stands for heat that
    /// goes sideways.
    Kohlrausch {
        /// Part of the bound's heating, above 0 and at most 1.
        efficiency: f64,
    },
}

/// Lorenz number, W ohm/K^2.
const LORENZ: f64 = 2.44e-8;
/// Over how much voltage growth sets in, V.
const ONSET_V: f64 = 0.01;

impl Thermochemical {
    /// A NiO-like cell: barriers within the recalled 1.0 to 1.4 eV, RESET near 0.5 V and 700 K; all else is ours.
    pub fn nio() -> Self {
        Thermochemical {
            r_1nm_ohm: 4e3,
            r_off_ohm: 1e6,
            r_max_m: 20e-9,
            r_initial_m: 0.0,
            dissolution_m_per_s: 1e5,
            ea_ev: 1.3,
            growth_m_per_s: 1e8,
            eb_ev: 1.3,
            v_set_v: 1.2,
            i_c_a: 5e-3,
            heating: Heating::Kohlrausch { efficiency: 0.06 },
        }
    }

    /// Temperature of a filament under `v` (V) that carries `i_f` (A), K.
    pub fn temperature(&self, v: f64, i_f: f64, t_k: f64) -> f64 {
        match self.heating {
            Heating::Lumped { r_th_k_per_w } => t_k + r_th_k_per_w * (v * i_f).abs(),
            Heating::Kohlrausch { efficiency } => (t_k * t_k + efficiency * v * v / (4.0 * LORENZ)).sqrt(),
        }
    }

    /// Conductance of a filament of the radius `r` (m), S.
    fn filament(&self, r: f64) -> f64 {
        let nm = r * 1e9;
        nm * nm / self.r_1nm_ohm
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| {
            let (key, value, low, high) = match self.heating {
                Heating::Lumped { r_th_k_per_w } => ("heating.lumped.r_th", r_th_k_per_w, 0.0, 1e12),
                Heating::Kohlrausch { efficiency } => {
                    ("heating.kohlrausch.efficiency", efficiency, 1e-6, 1.0)
                }
            };
            (!(low..=high).contains(&value))
                .then(|| (key.to_owned(), format!("is {value}; it must lie between {low} and {high}")))
        })
    }
}

impl CompactModel for Thermochemical {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.r_initial_m.min(self.r_max_m);
    }

    fn eval(&self, (): &(), At { x, v, t_k }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let filament = self.filament(x[0]);
        let g = filament + 1.0 / self.r_off_ohm;
        let kt = K_B_EV * self.temperature(v, filament * v, t_k);
        let onset = 1.0 / (1.0 + libm::exp((self.v_set_v - v.abs()) / ONSET_V));
        let room = (1.0 - (g * v).abs() / self.i_c_a).max(0.0);
        out.dx[0] = self.growth_m_per_s * libm::exp(-self.eb_ev / kt) * onset * room
            - self.dissolution_m_per_s * libm::exp(-self.ea_ev / kt);
        Ok(Response { i_a: g * v, di_dv_s: g, ..out })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let filament = "($radius*$radius*1e18/{r_1nm})";
        let g = format!("({filament}+1/{{r_off}})");
        let (t, heating) = match self.heating {
            Heating::Lumped { r_th_k_per_w } => {
                (format!("({{t_ambient}}+{{heating}}*$v*$v*{filament})"), r_th_k_per_w)
            }
            Heating::Kohlrausch { efficiency } => {
                ("sqrt({t_ambient}*{t_ambient}+{heating}*$v*$v)".to_owned(), efficiency / (4.0 * LORENZ))
            }
        };
        let hop = |barrier: &str| format!("exp(-{{{barrier}}}/({{k_b_ev}}*{t}))");
        // An exponent of 200 is no growth at all.
        let onset = "1/(1+exp(min(({v_set}-abs($v))/{onset},200)))";
        let room = format!("max(1-abs({g}*$v)/{{i_c}},0)");
        let rate = format!("{{growth}}*{}*{onset}*{room}-{{dissolution}}*{}", hop("eb"), hop("ea"));
        Ok(Equations::new(self, format!("{g}*$v"))
            .with("k_b_ev", K_B_EV)
            .with("onset", ONSET_V)
            .with("heating", heating)
            .bounded("radius", rate))
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (0.0, self.r_max_m);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = 1e-9;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, Drive, Trace, Waveform, drive};
    use super::*;

    fn ramp(model: &Thermochemical, top_v: f64) -> Trace {
        let mut bank = Bank::new(model.clone(), 1, Key::root(0));
        let waveform = Waveform::Points(vec![(0.0, 0.0), (1.0, top_v)]);
        let how = Drive { waveform: &waveform, t_end_s: 1.0, t_k: 300.0, max_step_s: 1e-3 };
        drive(&mut bank, &how).unwrap()
    }

    fn r_on(model: &Thermochemical, r_m: f64) -> f64 {
        1.0 / model.filament(r_m)
    }

    #[test]
    fn temperatures_are_those_of_kohlrausch() {
        let model =
            Thermochemical { heating: Heating::Kohlrausch { efficiency: 1.0 }, ..Thermochemical::nio() };
        for (v, t) in [(0.5, 1628.0), (0.2, 707.0), (-0.2, 707.0)] {
            let got = model.temperature(v, 0.0, 300.0);
            assert!((got - t).abs() < 1.0, "{got} instead of {t}");
        }
    }

    #[test]
    fn both_polarities_set_and_reset_and_set_needs_more_voltage() {
        for sign in [1.0, -1.0] {
            let off = Thermochemical::nio();
            let set = ramp(&off, sign * 1.5);
            let n = (0..set.v.len()).find(|n| set.i_a[*n].abs() > 1e-3).unwrap();
            let v_set = set.v[n].abs();
            let r_m = set.last()[0];
            assert!(r_on(&off, r_m) < 1e3, "{r_m}");
            // The compliance ends the growth.
            assert!(set.i_a.last().unwrap().abs() <= off.i_c_a, "{:?}", set.i_a.last());
            let on = Thermochemical { r_initial_m: r_m, ..off.clone() };
            let reset = ramp(&on, sign * 1.0);
            let top = (0..reset.v.len()).max_by(|a, b| reset.i_a[*a].abs().total_cmp(&reset.i_a[*b].abs()));
            let v_reset = reset.v[top.unwrap()].abs();
            assert!(v_reset > 0.4 && v_reset < 0.9 * v_set, "{v_reset} V, {v_set} V");
            // Off again: all that is left is the leakage.
            assert_eq!(reset.last()[0], 0.0);
        }
    }

    #[test]
    fn the_reset_current_goes_as_the_inverse_of_the_resistance() {
        // Two decades of R_on: I_reset R_on is the reset voltage, which changes with the logarithm of the radius only.
        let products: Vec<f64> = [1e-9, 2e-9, 5e-9, 10e-9]
            .map(|r_initial_m| {
                let model = Thermochemical { r_initial_m, ..Thermochemical::nio() };
                let peak = ramp(&model, 1.0).i_a.into_iter().fold(0.0, f64::max);
                peak * r_on(&model, r_initial_m)
            })
            .to_vec();
        let (low, high) = products.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), p| (l.min(*p), h.max(*p)));
        assert!(low > 0.4 && high < 1.0 && high / low < 1.15, "{products:?}");
    }

    #[test]
    fn without_a_voltage_it_dissolves_at_the_rate_of_its_barrier() {
        let model = Thermochemical { r_initial_m: 3e-9, ..Thermochemical::nio() };
        let mut bank = Bank::new(model, 1, Key::root(0));
        let waveform = Waveform::Constant(0.0);
        let how = Drive { waveform: &waveform, t_end_s: 100.0, t_k: 400.0, max_step_s: 100.0 };
        let r = drive(&mut bank, &how).unwrap().last()[0];
        let exact = 3e-9 - 100.0 * 1e5 * (-1.3 / (K_B_EV * 400.0)).exp();
        assert!(exact < 2.9e-9 && (r - exact).abs() < 1e-15, "{r} instead of {exact}");
    }
}
