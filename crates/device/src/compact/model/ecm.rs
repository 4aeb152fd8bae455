//! Electrochemical metallisation: a metal filament that grows through an insulator.

use std::f64::consts::PI;

use super::prelude::*;

parameters! {
    /// Electrochemical metallisation (ECM, CBRAM): metal ions leave the active electrode, cross the gap x and build a
    /// filament that grows from the other electrode; positive voltages grow it. After Menzel et al. 2013 (PCCP 15:6945).
    ///
    /// One ionic current density J crosses three steps in series, V_gap = eta_fil + eta_ac + eta_hop (each as a positive
    /// number for the direction of the current):
    /// - reduction at the filament, J = j0_et (e^(alpha z q eta/kT) - e^(-(1 - alpha) z q eta/kT));
    /// - oxidation at the active electrode, the same with alpha and 1 - alpha exchanged, on `area_ratio` times the area;
    /// - hopping in between, J = j0_hop sinh(a z q eta/(2 x kT)).
    ///
    /// Under negative voltages alpha and 1 - alpha change places: the filament dissolves. dx/dt = -M J/(z q rho).
    /// Electrons tunnel, I_t = (3 C s/(2 x)) (q/h)^2 e^(-4 pi x s/h) A V_gap with s = sqrt(2 m_eff W_0), or leak through
    /// `r_leak` (ours: an empty cell would carry nothing at all). I = J A + I_t + leak and V = V_gap + I (R_series +
    /// rho_fil (L - x)/A), A = pi r^2; solved as one equation in eta_fil, in which the voltage rises monotonously.
    ///
    /// Before it grows the filament needs a nucleus, state 1. Nuclei form as random events with the hazard
    /// 1/t_nuc = (1/t0) e^(-dG/kT) e^((N_c + alpha) z q V_gap/kT): waiting for a critical cluster is a Poisson process, so
    /// t_nuc is the mean of an exponential distribution and not a fixed delay. A filament that is dissolved to the end
    /// has lost its nucleus.
    ///
    /// The filament's own dissolution without voltage is not part of it. Up to a few volts, while the filament is a
    /// cylinder and the temperature that of the surroundings.
    pub struct Ecm
    units {
        /// Height of the tunnel barrier, eV.
        w0_ev: "w0" in ElectronVolt [0.01, 20.0];
        /// Hopping distance, m.
        a_m: "a" in Metre [1e-12, 1e-8];
        /// Thickness of the insulator L, the largest gap, m.
        thickness_m: "thickness" in Metre [1e-10, 1e-5];
        /// Smallest gap, m.
        gap_min_m: "gap_min" in Metre [1e-12, 1e-8];
        /// Radius of the filament, m.
        r_fil_m: "r_fil" in Metre [1e-10, 1e-5];
        /// Resistance of electrodes and leads, ohm.
        r_series_ohm: "r_series" in Ohm [0.0, 1e9];
        /// Leakage beside the gap, ohm.
        r_leak_ohm: "r_leak" in Ohm [1.0, 1e18];
        /// Prefactor of the nucleation time, s.
        t0_s: "t0" in Second [1e-18, 1.0];
        /// Activation energy of the nucleation, eV.
        nucleation_ev: "nucleation_energy" in ElectronVolt [0.0, 5.0];
    }
    pure {
        /// Mass of an ion, kg.
        ion_mass_kg [1e-27, 1e-23];
        /// Density of the filament, kg/m^3.
        density_kg_per_m3 [1.0, 1e6];
        /// Charge of an ion, elementary charges.
        z [1.0, 4.0];
        /// Charge-transfer coefficient of the reduction.
        alpha [0.01, 0.99];
        /// Exchange current density of the electron transfer, A/m^2.
        j0_et_a_per_m2 [1e-12, 1e15];
        /// Current density scale of the hopping, A/m^2.
        j0_hop_a_per_m2 [1e-12, 1e20];
        /// Area of the active electrode's interface over the filament's.
        area_ratio [1.0, 1e12];
        /// Effective mass of the tunnelling electrons, electron masses.
        m_eff [1e-3, 100.0];
        /// Factor C of the tunnel current.
        c [1e-6, 1e6];
        /// Resistivity of the filament, ohm m.
        rho_fil_ohm_m [0.0, 1.0];
        /// Atoms of the critical nucleus.
        n_c [0.0, 100.0];
    }
}

/// The overpotential (in kT/zq) that drives `j` exchange currents: e^(c y) - e^(-(1 - c) y) = j.
fn overpotential(c: f64, j: f64) -> f64 {
    let f = |y: f64| libm::exp(c * y) - libm::exp(-(1.0 - c) * y) - j;
    // e^(c y) = 1 + j is never too little, and where j is small the slope at 0 is 1.
    let high = libm::log1p(j) / c;
    if j <= 0.0 { 0.0 } else { root(f, (0.0, -j), (high, f(high).max(f64::MIN_POSITIVE))) }
}

/// Derivative of the exchange currents by the overpotential.
fn exchange_slope(c: f64, y: f64) -> f64 {
    c * libm::exp(c * y) + (1.0 - c) * libm::exp(-(1.0 - c) * y)
}

/// Below this a voltage is answered by proportion, V.
const SMALL_V: f64 = 1e-9;

impl Ecm {
    /// Silver (recalled): M = 1.79e-25 kg, z = 1, 10.49e3 kg/m^3, m_eff = 0.84, W_0 = 4 eV, alpha = 0.3, j0_et =
    /// 3.2e5 A/m^2, a = 0.25 nm, j0_hop = 1.1e11 A/m^2, L = 20 nm, r = 2 nm, C = 2.7, N_c = 3, t0 = 20 ns, dG = 0.8 eV,
    /// 17 nohm m. The smallest gap, the series resistance and the leakage are ours.
    pub fn silver() -> Self {
        Ecm {
            w0_ev: 4.0,
            a_m: 0.25e-9,
            thickness_m: 20e-9,
            gap_min_m: 0.1e-9,
            r_fil_m: 2e-9,
            r_series_ohm: 100.0,
            r_leak_ohm: 1e10,
            t0_s: 2e-8,
            nucleation_ev: 0.8,
            ion_mass_kg: 1.79e-25,
            density_kg_per_m3: 10.49e3,
            z: 1.0,
            alpha: 0.3,
            j0_et_a_per_m2: 3.2e5,
            j0_hop_a_per_m2: 1.1e11,
            area_ratio: 1.0,
            m_eff: 0.84,
            c: 2.7,
            rho_fil_ohm_m: 1.7e-8,
            n_c: 3.0,
        }
    }

    fn area(&self) -> f64 {
        PI * self.r_fil_m * self.r_fil_m
    }

    /// Conductance of the gap for electrons, S.
    pub fn gap_conductance(&self, x: f64) -> f64 {
        let s = (2.0 * self.m_eff * ELECTRON_MASS * self.w0_ev * Q).sqrt();
        let quantum = (Q / PLANCK) * (Q / PLANCK);
        let decay = libm::exp(-4.0 * PI * x * s / PLANCK);
        self.c * 1.5 * s / x * quantum * decay * self.area() + 1.0 / self.r_leak_ohm
    }

    /// Rate at which nuclei form under the voltage `v` across the gap, 1/s.
    pub fn nucleation_rate(&self, v: f64, t_k: f64) -> f64 {
        let exponent = ((self.n_c + self.alpha) * self.z * v - self.nucleation_ev) / (K_B_EV * t_k);
        // No faster than is anyhow at once.
        if v > 0.0 { libm::exp(exponent.min(60.0)) / self.t0_s } else { 0.0 }
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range()
            .or_else(|| rising("gap_min", "must be below thickness", self.gap_min_m, self.thickness_m))
    }
}

impl CompactModel for Ecm {
    const N: usize = 2;
    const H: usize = 1;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        (x[0], x[1]) = (self.thickness_m, 0.0);
    }

    /// The states are the gap (m) and whether there is a nucleus (0 or 1).
    fn eval(&self, (): &(), At { x, v, t_k }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let (gap, nucleus) = (x[0], x[1] > 0.5);
        let (area, g) = (self.area(), self.gap_conductance(gap));
        let r = self.r_series_ohm + self.rho_fil_ohm_m * (self.thickness_m - gap).max(0.0) / area;
        if !nucleus {
            out.di_dv_s = g / (1.0 + g * r);
            out.i_a = out.di_dv_s * v;
            out.hazard[0] = self.nucleation_rate(v / (1.0 + g * r), t_k);
            return Ok(out);
        }
        let unit = K_B_EV * t_k / self.z;
        let drive = v.abs().max(SMALL_V);
        let c = if v >= 0.0 { self.alpha } else { 1.0 - self.alpha };
        let hops = 2.0 * gap / self.a_m;
        // Current densities and voltages at a filament's overpotential of y kT/zq.
        let at = |y: f64| {
            let j = libm::exp(c * y) - libm::exp(-(1.0 - c) * y);
            let y_ac = overpotential(1.0 - c, j / self.area_ratio);
            let density = j * self.j0_et_a_per_m2;
            let v_gap = unit * (y + y_ac + hops * libm::asinh(density / self.j0_hop_a_per_m2));
            (density, y_ac, v_gap, density * area + g * v_gap)
        };
        let rest = |y: f64| {
            let (_, _, v_gap, i) = at(y);
            v_gap + i * r - drive
        };
        let high = (drive / unit).min(600.0);
        let at_high = rest(high);
        let none = || ModelError::NoSolution { what: "the ions' current", v, x: x.to_vec() };
        if at_high.is_nan() || at_high < 0.0 {
            return Err(none());
        }
        let y = root(rest, (0.0, -drive), (high, at_high));
        let (density, y_ac, v_gap, i) = at(y);
        let dj = exchange_slope(c, y);
        let hop = density / self.j0_hop_a_per_m2;
        let dv_gap = unit
            * (1.0
                + dj / self.area_ratio / exchange_slope(1.0 - c, y_ac)
                + hops * dj * self.j0_et_a_per_m2 / self.j0_hop_a_per_m2 / (1.0 + hop * hop).sqrt());
        let di = dj * self.j0_et_a_per_m2 * area + g * dv_gap;
        out.di_dv_s = di / (dv_gap + r * di);
        if v.abs() < SMALL_V {
            out.i_a = out.di_dv_s * v;
            return Ok(out);
        }
        out.i_a = i.copysign(v);
        let speed = self.ion_mass_kg / (self.z * Q * self.density_kg_per_m3) * density;
        out.dx[0] = -speed.copysign(v);
        if v_gap.is_finite() { Ok(out) } else { Err(none()) }
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (self.gap_min_m, self.thickness_m);
        (low[1], high[1]) = (0.0, 1.0);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        // The length over which tunnelling dies.
        (x[0], x[1]) = (1e-10, 1.0);
    }

    fn jump(&self, (): &mut (), x: &mut [f64], _: usize, _: u32, _: Key, _: u64) {
        x[1] = 1.0;
    }

    fn accept(&self, (): &mut (), _: &[f64], x: &mut [f64], v: f64, _: &mut u32, _: Key, _: u64) -> bool {
        if v < 0.0 && x[0] >= self.thickness_m {
            x[1] = 0.0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, CellBank, Drive, Waveform, drive};
    use super::*;

    const T_K: f64 = 298.0;

    /// How long a nucleated filament grows until it nearly touches, s.
    fn growth_s(model: &Ecm, v: f64) -> f64 {
        let mut bank = Bank::new(model.clone(), 1, Key::root(0));
        bank.set_state(0, &[model.thickness_m, 1.0]);
        // By the speed at half of the way.
        let half = model.eval(&(), At { x: &[1e-8, 1.0], v, t_k: T_K }, &mut 0.0).unwrap().dx[0];
        let t_end_s = -3.0 * model.thickness_m / half;
        let waveform = Waveform::Constant(v);
        let how = Drive { waveform: &waveform, t_end_s, t_k: T_K, max_step_s: t_end_s / 500.0 };
        let trace = drive(&mut bank, &how).unwrap();
        let end = (0..trace.t_s.len()).find(|n| trace.x[2 * n] < 0.5e-9).unwrap();
        trace.t_s[end]
    }

    /// Volts for a decade of the time to set (nucleation and growth) between two voltages.
    fn volts_per_decade(model: &Ecm, low: f64, high: f64) -> f64 {
        let time = |v: f64| 1.0 / model.nucleation_rate(v, T_K) + growth_s(model, v);
        (high - low) / (time(low) / time(high)).log10()
    }

    #[test]
    fn the_time_to_set_has_three_regimes_with_the_slopes_of_nucleation_and_electron_transfer() {
        let decade = K_B_EV * T_K * 10.0_f64.ln();
        let model = Ecm::silver();
        let nucleation = volts_per_decade(&model, 0.05, 0.08);
        assert!((nucleation / (decade / 3.3) - 1.0).abs() < 0.01, "{nucleation}");
        // A large active electrode: the filament's interface alone.
        let wide = Ecm { area_ratio: 1e8, ..Ecm::silver() };
        let transfer = volts_per_decade(&wide, 0.30, 0.42);
        assert!((transfer / (decade / 0.3) - 1.0).abs() < 0.04, "{transfer}");
        // Two equal interfaces in series: their voltages add, 1/alpha + 1/(1 - alpha).
        let both = volts_per_decade(&model, 0.40, 0.55);
        assert!((both / (decade / 0.3 + decade / 0.7) - 1.0).abs() < 0.04, "{both}");
        // Hopping at the end: each decade costs several times as much.
        let hopping = volts_per_decade(&model, 4.0, 6.0);
        assert!(hopping > 4.0 * both, "{hopping}");
    }

    #[test]
    fn the_current_satisfies_each_step_of_its_path() {
        let m = Ecm::silver();
        for v in [-1.0, -0.2, 0.02, 0.3, 1.5, 5.0] {
            for x in [0.2e-9, 1e-9, 20e-9] {
                let there = m.eval(&(), At { x: &[x, 1.0], v, t_k: T_K }, &mut 0.0).unwrap();
                let density = there.dx[0].abs() * Q * m.density_kg_per_m3 / m.ion_mass_kg;
                let r = m.r_series_ohm + m.rho_fil_ohm_m * (m.thickness_m - x) / m.area();
                let v_gap = (v - there.i_a * r).abs();
                let unit = K_B_EV * T_K;
                let c = if v > 0.0 { m.alpha } else { 1.0 - m.alpha };
                // Interfaces by halving, each by its own equation.
                let eta = |c: f64| {
                    let (mut low, mut high) = (0.0, 400.0);
                    for _ in 0..100 {
                        let y: f64 = (low + high) / 2.0;
                        let j = (c * y).exp() - (-(1.0 - c) * y).exp();
                        if j * m.j0_et_a_per_m2 < density { low = y } else { high = y }
                    }
                    low * unit
                };
                let hop = 2.0 * x * unit / m.a_m * (density / m.j0_hop_a_per_m2).asinh();
                let sum = eta(c) + eta(1.0 - c) + hop;
                assert!((sum / v_gap - 1.0).abs() < 1e-8, "{sum} V of {v_gap} V at {x}");
                let electrons = (there.i_a.abs() - density * m.area()) / v_gap;
                assert!((electrons / m.gap_conductance(x) - 1.0).abs() < 1e-5, "{electrons:e}");
                let d = 1e-5 * v.abs();
                let i = |v: f64| m.eval(&(), At { x: &[x, 1.0], v, t_k: T_K }, &mut 0.0).unwrap().i_a;
                let slope = (i(v + d) - i(v - d)) / (2.0 * d);
                assert!((there.di_dv_s / slope - 1.0).abs() < 1e-5, "{} {slope} at {v} V", there.di_dv_s);
            }
        }
    }

    /// Resistance after `hold_s` under a source of 1 V that gives at most `i_cc`.
    fn limited(i_cc: f64, hold_s: f64) -> f64 {
        let mut bank = Bank::new(Ecm::silver(), 1, Key::root(0));
        bank.set_state(0, &[20e-9, 1.0]);
        let (mut i, mut g) = ([0.0], [0.0]);
        let (mut dt, mut held) = (1e-10, 0.0);
        while held < hold_s {
            let mut current =
                |bank: &mut Bank<Ecm>, v: f64| bank.solve(&[v], T_K, dt, &mut i, &mut g).map(|()| i[0]);
            let (mut low, mut high) = (0.0, 1.0);
            let limits = !current(&mut bank, high).is_ok_and(|i| i <= i_cc);
            for _ in 0..if limits { 24 } else { 0 } {
                let v = (low + high) / 2.0;
                if current(&mut bank, v).is_ok_and(|i| i <= i_cc) { low = v } else { high = v }
            }
            let v = if limits { low } else { 1.0 };
            let fine = current(&mut bank, v).is_ok() && bank.error() <= 1.0;
            if fine {
                bank.accept(&[v]);
                held += if limits { dt } else { 0.0 };
                dt = (1.6 * dt).min((hold_s - held).max(1e-12));
            } else {
                dt *= 0.5;
            }
        }
        bank.solve(&[1e-3], T_K, 0.0, &mut i, &mut g).unwrap();
        1e-3 / i[0]
    }

    #[test]
    fn the_resistance_follows_the_current_limit_over_three_decades() {
        let limits = [1e-8, 1e-7, 1e-6, 1e-5];
        let products = limits.map(|i| limited(i, 1e-6) * i);
        // About the voltage at which growth takes longer than the pulse, whatever the current.
        assert!(products.iter().all(|p| *p > 0.03 && *p < 0.3), "{products:?}");
        let slope = (products[3] / products[0]).ln() / (limits[3] / limits[0]).ln();
        assert!(slope.abs() < 0.05, "R ~ I^(-1 + {slope}), {products:?}");
    }

    #[test]
    fn the_on_state_does_not_know_the_area_of_the_electrode() {
        // What tells a filament from an interface: a hundred times the electrode, the same conductance.
        let on = |area_ratio: f64| {
            let model = Ecm { area_ratio, ..Ecm::silver() };
            model.eval(&(), At { x: &[0.3e-9, 1.0], v: 0.1, t_k: T_K }, &mut 0.0).unwrap().i_a
        };
        assert!((on(1e4) / on(100.0) - 1.0).abs() < 1e-4, "{} {}", on(1e4), on(100.0));
        // It grows faster, though.
        let speed = |area_ratio: f64| {
            let model = Ecm { area_ratio, ..Ecm::silver() };
            model.eval(&(), At { x: &[10e-9, 1.0], v: 0.4, t_k: T_K }, &mut 0.0).unwrap().dx[0]
        };
        assert!(speed(100.0) / speed(1.0) > 1.5);
    }

    #[test]
    fn nuclei_come_at_random_and_go_with_the_filament() {
        let (n, v) = (2000, 0.1);
        let model = Ecm::silver();
        let mean = 1.0 / model.nucleation_rate(v, T_K);
        let mut bank = Bank::new(model, n, Key::root(1));
        let (volts, mut i, mut g) = (vec![v; n], vec![0.0; n], vec![0.0; n]);
        for _ in 0..2 {
            bank.solve(&volts, T_K, mean / 2.0, &mut i, &mut g).unwrap();
            bank.accept(&volts);
        }
        // The first half step starts at 0 V and rises: between half a mean and one have passed.
        let part = (0..n).filter(|c| bank.jumps(*c, 0) > 0).count() as f64 / n as f64;
        assert!(part > 1.0 - (-0.5_f64).exp() - 0.045 && part < 1.0 - (-1.0_f64).exp() + 0.045, "{part}");
        let mut bank = Bank::new(Ecm::silver(), 1, Key::root(2));
        let waveform =
            Waveform::Points(vec![(0.0, 0.0), (1e-3, 0.6), (2e-3, 0.0), (3e-3, -0.6), (4e-3, 0.0)]);
        let how = Drive { waveform: &waveform, t_end_s: 4e-3, t_k: T_K, max_step_s: 1e-5 };
        let trace = drive(&mut bank, &how).unwrap();
        assert!(trace.x.chunks(2).any(|x| x[0] < 0.2e-9 && x[1] == 1.0));
        assert_eq!(trace.last(), &[20e-9, 0.0]);
    }
}
