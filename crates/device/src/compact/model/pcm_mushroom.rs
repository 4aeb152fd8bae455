//! Phase-change memory: a mushroom cell.

use super::prelude::*;
use neurohm_num::Purpose;

parameters! {
    /// PCM mushroom cell: the thickness u of the amorphous dome over the heater, how far its glass has relaxed, and
    /// whether it is switched on.
    ///
    /// Heat: T = T_ambient + R_th(u) |V I| at the dome's surface, R_th linear in u (heat balance; it settles within
    /// nanoseconds and has no state here). Melting: where the isotherm T = T_m lies outside of the dome, at u_m, the dome
    /// grows to it, du/dt = (u_m - u)/tau_melt. Growth of crystals: du/dt = -v_peak exp(-(T - T_peak)^2/(2 T_width^2))
    /// otherwise, tapered to 0 over the last 20 K below T_m (ours: nothing crystallises at T_m). Sebastian et al. 2017
    /// (Nat. Commun. 8:1115, fig. 2); Marrone et al. 2022 (Sci. Rep. 12, doi 10.1038/s41598-022-09948-6, figs 2-5);
    /// growth velocity after Sebastian, Le Gallo and Krebs 2014 (Nat. Commun. 5:4314). The bell is that of pulses; carried on
    /// to ambient temperature it would crystallise a dome within a minute. Below T_arrhenius growth follows its
    /// activation energy instead (the join is ours), of 2.3 to 2.7 eV for retention of Ge2Sb2Te5 (recalled).
    ///
    /// Current below threshold: V = F u + I R_set with the field F of I = 2 q A N_T (dz/tau0) exp(-E_a/kT)
    /// sinh(q dz F/(2kT)). Ielmini and Zhang 2007 (J. Appl. Phys. 102:054517). On: V/R_set, above V_on another
    /// (|V| - V_on)/R_dyn, so that the cell's voltage stays near V_on. It switches on above E_th u (never below V_hold)
    /// and off below V_hold, within tau_switch; the fraction s of the current that goes the on-way is a state, and
    /// lowers the threshold by exp(-100 s), so that the switching runs away (ours; only the threshold is from the source).
    ///
    /// Drift, collective relaxation: dS/dt = -nu0 exp(-E_s (1 - S)/kT), E_a = E_a0 + alpha (S0 - S); what melts starts
    /// again at S0. Its resistance then grows as (t + t0)^(alpha/E_s). Le Gallo et al. 2018 (Adv. Electron. Mater.
    /// 4:1700627). Projected cell: a liner of `liner` ohm (that of the longest dome) beside the dome carries
    /// F u_max/`liner`; at read this reduces the exponent by G_a/(G_a + G_liner) (Koelmans et al. 2015).
    ///
    /// The Poole current is that at ambient temperature: below threshold a cell heats by a few tens of kelvin, which is
    /// left out. Pulses of some ns and more, ambient temperatures well below crystallisation.
    pub struct PcmMushroom
    units {
        /// Resistance without a dome, ohm.
        r_set_ohm: "r_set" in Ohm [1.0, 1e9];
        /// Resistance beyond the on-voltage, ohm.
        r_dyn_ohm: "r_dyn" in Ohm [1.0, 1e9];
        /// Voltage of the on-state, V.
        v_on_v: "v_on" in Volt [0.01, 100.0];
        /// Voltage below which it switches off, V.
        v_hold_v: "v_hold" in Volt [0.01, 100.0];
        /// Field at which it switches on, V/m.
        e_th_v_per_m: "e_th" in VoltPerMetre [1e5, 1e10];
        /// Time constant of switching on and off, s.
        tau_switch_s: "tau_switch" in Second [1e-15, 1e-3];
        /// Thickest dome, m.
        u_max_m: "u_max" in Metre [1e-9, 1e-6];
        /// Thickness in a cell that was never used, m.
        u_initial_m: "u_initial" in Metre [0.0, 1e-6];
        /// Area of the heater, m^2.
        area_m2: "area" in SquareMetre [1e-20, 1e-8];
        /// Concentration of traps, 1/m^3.
        traps_per_m3: "traps" in PerCubicMetre [1e20, 1e30];
        /// Distance of traps, m.
        dz_m: "dz" in Metre [1e-10, 1e-7];
        /// Time of an attempt to escape from a trap, s.
        tau0_s: "tau0" in Second [1e-18, 1e-6];
        /// Activation energy of the unrelaxed glass, eV.
        ea_ev: "ea" in ElectronVolt [0.0, 2.0];
        /// By how much a fully relaxed glass exceeds it, eV.
        alpha_ev: "alpha" in ElectronVolt [0.0, 10.0];
        /// Barrier of relaxation in a fully relaxed glass, eV.
        es_ev: "es" in ElectronVolt [0.01, 20.0];
        /// Rate of relaxation without a barrier, 1/s.
        nu0_per_s: "nu0" in PerSecond [0.0, 1e18];
        /// Melting temperature, K.
        t_melt_k: "t_melt" in Kelvin [300.0, 5e3];
        /// Temperature of the fastest growth, K.
        t_peak_k: "t_peak" in Kelvin [300.0, 5e3];
        /// Width of the growth's bell, K.
        t_width_k: "t_width" in Kelvin [1.0, 1e3];
        /// Fastest growth, m/s.
        growth_m_per_s: "growth" in MetrePerSecond [0.0, 1e4];
        /// Temperature below which growth follows its activation energy, K.
        t_arrhenius_k: "t_arrhenius" in Kelvin [100.0, 5e3];
        /// Activation energy of growth there, eV.
        growth_ev: "growth_energy" in ElectronVolt [0.0, 10.0];
        /// Time constant of melting, s.
        tau_melt_s: "tau_melt" in Second [1e-12, 1e-3];
        /// Thermal resistance without a dome, K/W.
        r_th_crystal_k_per_w: "r_th_crystal" in KelvinPerWatt [1.0, 1e10];
        /// Thermal resistance at the surface of the thickest dome, K/W.
        r_th_dome_k_per_w: "r_th_dome" in KelvinPerWatt [1.0, 1e10];
    }
    pure {
        /// State of the glass just quenched, 1 being the least relaxed one.
        sigma0 [0.01, 1.0];
        /// Spread of `alpha` from device to device, relative.
        alpha_d2d [0.0, 1.0];
    }
    optional {
        /// Resistance of the liner of a projected cell along the thickest dome, ohm; no liner if absent.
        liner_ohm: "liner" in Ohm;
    }
    first { "u_initial" in [, "u_max"] }
}

/// Over how much voltage switching sets in, V.
const SWITCH_WIDTH_V: f64 = 1e-3;
/// Over how much voltage the on-state bends, V.
const BEND_V: f64 = 0.02;
/// Below the melting temperature growth dies over this, K.
const TAPER_K: f64 = 20.0;

/// A dome thinner than this is none, m.
const TRACE_M: f64 = 5e-10;

/// 1/(1 + e^-z).
fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-z))
}

impl PcmMushroom {
    /// A doped Ge2Sb2Te5 cell of the 90 nm node. The cell voltage of 0.8 V is published; all other sizes are recalled, or
    /// ours (r_set from the review's figure 3, V_hold, R_dyn, E_s, nu0 and S0 so that the plateau before drift ends
    /// within a microsecond of the quench, alpha/E_s = 0.1).
    pub fn gst_90nm() -> Self {
        PcmMushroom {
            r_set_ohm: 1e4,
            r_dyn_ohm: 300.0,
            v_on_v: 0.8,
            v_hold_v: 0.45,
            e_th_v_per_m: 40e6,
            tau_switch_s: 1e-9,
            u_max_m: 45e-9,
            u_initial_m: 0.0,
            area_m2: std::f64::consts::PI * 400e-18,
            traps_per_m3: 1e26,
            dz_m: 5e-9,
            tau0_s: 1e-14,
            ea_ev: 0.3,
            alpha_ev: 0.3,
            es_ev: 3.0,
            nu0_per_s: 1e10,
            t_melt_k: 877.0,
            t_peak_k: 750.0,
            t_width_k: 70.0,
            growth_m_per_s: 1.0,
            t_arrhenius_k: 650.0,
            growth_ev: 2.5,
            tau_melt_s: 1e-9,
            r_th_crystal_k_per_w: 2.5e6,
            r_th_dome_k_per_w: 1.6e6,
            sigma0: 0.9,
            alpha_d2d: 0.0,
            liner_ohm: None,
        }
    }

    /// The same cell with a liner of a fifth of the quenched glass's resistance (ours): reads go through the liner.
    pub fn projected() -> Self {
        PcmMushroom { liner_ohm: Some(500e3), ..PcmMushroom::gst_90nm() }
    }

    /// Velocity at which crystals grow into the dome at `t_k` (K), m/s.
    pub fn growth(&self, t_k: f64) -> f64 {
        let bell = |t: f64| {
            let z = (t - self.t_peak_k) / self.t_width_k;
            self.growth_m_per_s * libm::exp(-z * z / 2.0)
        };
        let cold = self.t_arrhenius_k;
        if t_k < cold {
            return bell(cold) * libm::exp(self.growth_ev / K_B_EV * (1.0 / cold - 1.0 / t_k));
        }
        bell(t_k) * ((self.t_melt_k - t_k) / TAPER_K).clamp(0.0, 1.0)
    }

    /// Drift exponent alpha/E_s of the dome's resistance.
    pub fn drift_exponent(&self) -> f64 {
        self.alpha_ev / self.es_ev
    }

    /// How long after the quench the resistance stays, at `t_k` (K): (kT/(nu0 E_s)) exp(E_s (1 - S0)/kT), s.
    pub fn plateau_s(&self, t_k: f64) -> f64 {
        let kt = K_B_EV * t_k;
        kt / (self.nu0_per_s * self.es_ev) * libm::exp(self.es_ev * (1.0 - self.sigma0) / kt)
    }

    /// Low-field resistance of a dome of `u_m` (m) whose glass is in the state `sigma`, its liner included, ohm.
    pub fn dome_ohm(&self, u_m: f64, sigma: f64, t_k: f64) -> f64 {
        let per_metre = self.amplitude(self.alpha_ev, sigma, t_k) * self.steepness(t_k) + self.liner_s_m();
        u_m / per_metre
    }

    /// 2 q A N_T dz/tau0 exp(-E_a/kT), A.
    fn amplitude(&self, alpha_ev: f64, sigma: f64, t_k: f64) -> f64 {
        let ea = self.ea_ev + alpha_ev * (self.sigma0 - sigma);
        2.0 * Q * self.area_m2 * self.traps_per_m3 * self.dz_m / self.tau0_s * libm::exp(-ea / (K_B_EV * t_k))
    }

    /// q dz/(2kT), m/V.
    fn steepness(&self, t_k: f64) -> f64 {
        self.dz_m / (2.0 * K_B_EV * t_k)
    }

    /// Conductance of the liner times its length, S m.
    fn liner_s_m(&self) -> f64 {
        self.liner_ohm.map_or(0.0, |r| self.u_max_m / r)
    }

    /// Current of the off-state and its derivative by the voltage.
    fn off(&self, alpha_ev: f64, u: f64, sigma: f64, v: f64, t_k: f64) -> (f64, f64) {
        let (i0, k, liner) = (self.amplitude(alpha_ev, sigma, t_k), self.steepness(t_k), self.liner_s_m());
        // With y = k F: a y + b sinh y = V. Convex for V > 0, so Newton falls to the solution from above.
        let a = (u + self.r_set_ohm * liner) / k;
        let b = self.r_set_ohm * i0;
        let target = v.abs();
        let mut y = libm::asinh(target / b).min(target / (a + b));
        for _ in 0..50 {
            let sinh = libm::sinh(y);
            let step = (a * y + b * sinh - target) / (a + b * (1.0 + sinh * sinh).sqrt());
            y -= step;
            // From above every step goes down: one that does not is rounding.
            if step <= 1e-15 * y {
                break;
            }
        }
        let sinh = libm::sinh(y);
        let cosh = (1.0 + sinh * sinh).sqrt();
        let i = i0 * sinh + liner / k * y;
        (i.copysign(v), (i0 * cosh + liner / k) / (a + b * cosh))
    }

    /// Current of the on-state and its derivative by the voltage.
    fn on(&self, v: f64) -> (f64, f64) {
        let soft = |z: f64| if z > 40.0 { z } else { libm::log1p(libm::exp(z)) };
        let (z, z0) = ((v.abs() - self.v_on_v) / BEND_V, -self.v_on_v / BEND_V);
        let i = v.abs() / self.r_set_ohm + (soft(z) - soft(z0)) * BEND_V / self.r_dyn_ohm;
        (i.copysign(v), 1.0 / self.r_set_ohm + logistic(z) / self.r_dyn_ohm)
    }

    /// Temperature at the surface of a dome of `u` (m) under the power `p` (W), K.
    pub fn temperature(&self, u: f64, p: f64, t_k: f64) -> f64 {
        let r = self.r_th_crystal_k_per_w
            - (self.r_th_crystal_k_per_w - self.r_th_dome_k_per_w) * u / self.u_max_m;
        t_k + r * p
    }

    /// Where the melting isotherm lies, m; negative where nothing melts.
    fn isotherm(&self, p: f64, t_k: f64) -> f64 {
        if p <= 0.0 {
            return -self.u_max_m;
        }
        let fall = self.r_th_crystal_k_per_w - self.r_th_dome_k_per_w;
        let part = (self.r_th_crystal_k_per_w - (self.t_melt_k - t_k) / p) / fall;
        self.u_max_m * part.max(-1.0)
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range()
            .or_else(|| rising("v_hold", "must be below v_on", self.v_hold_v, self.v_on_v))
            .or_else(|| rising("t_peak", "must be below t_melt", self.t_peak_k, self.t_melt_k))
            .or_else(|| {
                let (low, high) = (self.r_th_dome_k_per_w, self.r_th_crystal_k_per_w);
                rising("r_th_dome", "must be below r_th_crystal", low, high)
            })
            .or_else(|| {
                let r = self.liner_ohm.filter(|r| !(1.0..=1e15).contains(r))?;
                Some(("liner".to_owned(), format!("is {r} ohm; it must lie between 1 and 1e15 ohm")))
            })
    }
}

impl CompactModel for PcmMushroom {
    const N: usize = 3;
    const H: usize = 0;
    /// The cell's own `alpha`, eV.
    type Cell = f64;

    fn draw(&self, key: Key, _: u64) -> f64 {
        let z = f64::from(key.stream(Purpose::DriftExponent, 0).normal(0));
        (self.alpha_ev * (1.0 + self.alpha_d2d * z)).max(0.0)
    }

    fn initial(&self, _: &f64, x: &mut [f64]) {
        x[0] = self.u_initial_m.min(self.u_max_m);
        (x[1], x[2]) = (self.sigma0, 0.0);
    }

    /// The states are the thickness u (m), the glass S and the fraction s that is on.
    fn eval(&self, alpha: &f64, At { x, v, t_k }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let (u, sigma, s) = (x[0], x[1], x[2]);
        let (off, on) = (self.off(*alpha, u, sigma, v, t_k), self.on(v));
        out.i_a = off.0 + (on.0 - off.0) * s;
        out.di_dv_s = off.1 + (on.1 - off.1) * s;
        let p = (v * out.i_a).abs();
        let t = self.temperature(u, p, t_k);

        let melt = self.isotherm(p, t_k);
        out.dx[0] = if melt > u { (melt - u) / self.tau_melt_s } else { -self.growth(t) };

        // Softened near u = 0, where there is nothing to relax.
        let molten = melt.clamp(0.0, u + TRACE_M) / (u + TRACE_M);
        let kt = K_B_EV * t.min(self.t_melt_k);
        let relaxes = self.nu0_per_s * libm::exp(-self.es_ev * (1.0 - sigma) / kt);
        out.dx[1] = molten * (self.sigma0 - sigma) / self.tau_melt_s - (1.0 - molten) * relaxes;

        let threshold = (self.e_th_v_per_m * u - self.v_hold_v).max(0.0) * libm::exp(-100.0 * s);
        let above = logistic((v.abs() - self.v_hold_v - threshold) / SWITCH_WIDTH_V);
        let below = logistic((self.v_hold_v - v.abs()) / SWITCH_WIDTH_V);
        out.dx[2] = (above * (1.0 - s) - below * s) / self.tau_switch_s;
        Ok(out)
    }

    fn spice(&self, alpha: &f64) -> Result<Equations, &'static str> {
        let amplitude = "({i_scale}*exp(-({ea}+{own_alpha}*({sigma0}-$glass))/({k_b_ev}*{t_ambient})))";
        let steepness = "({dz}/(2*{k_b_ev}*{t_ambient}))";
        // The field times the steepness, as in `off`, with the sign of the voltage.
        let a = format!("(($dome+{{r_set}}*{{liner_s_m}})/{steepness})");
        let b = format!("({{r_set}}*{amplitude})");
        let residual = format!("($v-{a}*$field-{b}*sinh($field))/({a}+{b})");
        let off = format!("({amplitude}*sinh($field)+{{liner_s_m}}/{steepness}*$field)");
        let soft = |z: &str| format!("(max({z},0)+ln(1+exp(-abs({z}))))");
        let bend = format!(
            "({}-{})*{{bend}}/{{r_dyn}}",
            soft("((abs($v)-{v_on})/{bend})"),
            soft("(-{v_on}/{bend})")
        );
        let on = format!("($v/{{r_set}}+($v>=0 ? 1 : -1)*{bend})");
        let i = format!("({off}*(1-$on)+{on}*$on)");
        let t = "({t_ambient}+({r_th_crystal}-{fall}*$dome/{u_max})*$power)";

        let part = "({r_th_crystal}-({t_melt}-{t_ambient})/max($power,1e-30))/{fall}";
        let melt = format!("({{u_max}}*max({part},-1))");
        let bell = |t: &str| {
            format!("{{growth}}*exp(-({t}-{{t_peak}})*({t}-{{t_peak}})/(2*{{t_width}}*{{t_width}}))")
        };
        let grows = format!(
            "({t}<{{t_arrhenius}} ? {}*exp({{growth_energy}}/{{k_b_ev}}*(1/{{t_arrhenius}}-1/{t})) \
             : {}*min(max(({{t_melt}}-{t})/{{taper}},0),1))",
            bell("{t_arrhenius}"),
            bell(t),
        );
        let dome = format!("{melt}>$dome ? ({melt}-$dome)/{{tau_melt}} : -{grows}");

        let molten = format!("(min(max({melt},0),$dome+{{trace}})/($dome+{{trace}}))");
        let relaxes = format!("{{nu0}}*exp(-{{es}}*max(1-$glass,0)/({{k_b_ev}}*min({t},{{t_melt}})))");
        let glass = format!("{molten}*({{sigma0}}-$glass)/{{tau_melt}}-(1-{molten})*{relaxes}");

        let threshold = "max({e_th}*$dome-{v_hold},0)*exp(-100*$on)";
        // An exponent of 200 is nothing at all.
        let logistic = |z: &str| format!("1/(1+exp(min(-({z})/{{switch_width}},200)))");
        let above = logistic(&format!("abs($v)-{{v_hold}}-{threshold}"));
        let below = logistic("{v_hold}-abs($v)");
        let switches = format!("({above}*(1-$on)-{below}*$on)/{{tau_switch}}");
        let i_scale = 2.0 * Q * self.area_m2 * self.traps_per_m3 * self.dz_m / self.tau0_s;
        Ok(Equations::new(self, i.as_str())
            .with("k_b_ev", K_B_EV)
            .with("own_alpha", *alpha)
            .with("i_scale", i_scale)
            .with("liner_s_m", self.liner_s_m())
            .with("fall", self.r_th_crystal_k_per_w - self.r_th_dome_k_per_w)
            .with("bend", BEND_V)
            .with("taper", TAPER_K)
            .with("trace", TRACE_M)
            .with("switch_width", SWITCH_WIDTH_V)
            .bounded("dome", dome)
            .within(self.tau_melt_s)
            // Nothing but its rate keeps the glass from leaving its bounds, as there.
            .free("glass", glass)
            .within(self.tau_melt_s)
            .bounded("on", switches)
            .within(self.tau_switch_s)
            .root("field", residual, -200.0, 200.0)
            .value("power", 1e-4, format!("abs($v*{i})")))
    }

    fn bounds(&self, _: &f64, low: &mut [f64], high: &mut [f64]) {
        // Without a lower bound to the glass: it never gets there, but a step that is far too long would end in the
        // bound and pass for one that is not.
        (low[0], low[1], low[2]) = (0.0, f64::NEG_INFINITY, 0.0);
        (high[0], high[1], high[2]) = (self.u_max_m, 1.0, 1.0);
    }

    fn scale(&self, _: &f64, x: &mut [f64]) {
        (x[0], x[1], x[2]) = (1e-8, 0.1, 1.0);
    }
}

#[cfg(test)]
mod tests;
