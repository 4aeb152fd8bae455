//! Interface-type memory: a Schottky barrier that trapped charge moves.

use super::prelude::*;

parameters! {
    /// Interface-type memory: charge trapped beside a Schottky contact lowers its barrier over the whole electrode.
    ///
    /// Phi = Phi_0 - dPhi Q with the trapped part Q in \[0, 1\] and dPhi = q n0 h d/(eps0 eps_r): a sheet of the thickness h
    /// and the trap density n0, a distance d from the metal. I = A A* T^2 exp(-q Phi/kT) (exp(q V_j/(n kT)) - 1), behind a
    /// series resistance rho_s/A: V = V_j + I rho_s/A. dQ/dt = (1 - Q)(e^(gamma |V|) - 1)/tau_set for V > 0,
    /// -Q (e^(gamma |V|) - 1)/tau_reset for V < 0, and always -Q/tau_decay. Mikheev et al. 2014 (Nat. Commun. 5:3990) for the
    /// barrier and its charge; times that fall exponentially with the voltage as in the CTM code (wolf5996), whose further
    /// factor F_ref/F (a fit to the traps' density) is left out. The - 1, without which charge would move at 0 V, and the
    /// series resistance are ours.
    ///
    /// Every current is proportional to the electrode's area: what tells it from a filament. Thermionic emission: barriers
    /// of several kT; the image force is left out.
    pub struct SchottkyInterface
    units {
        /// Area of the electrode, m^2.
        area_m2: "area" in SquareMetre [1e-18, 1e-4];
        /// Barrier without trapped charge, eV.
        phi0_ev: "phi0" in ElectronVolt [0.05, 5.0];
        /// Density of the traps, 1/m^3.
        traps_per_m3: "traps" in PerCubicMetre [0.0, 1e30];
        /// Thickness of the sheet of traps, m.
        sheet_m: "sheet" in Metre [1e-11, 1e-6];
        /// Its distance from the metal, m.
        distance_m: "distance" in Metre [0.0, 1e-6];
        /// Series resistance of a square micrometre, ohm.
        series_1um2_ohm: "series_1um2" in Ohm [1e-6, 1e15];
        /// Inverse voltage of the trapping, 1/V.
        gamma_per_v: "gamma" in PerVolt [0.0, 100.0];
        /// Time constant of trapping, s.
        tau_set_s: "tau_set" in Second [1e-15, 1e30];
        /// Time constant of release, s.
        tau_reset_s: "tau_reset" in Second [1e-15, 1e30];
        /// Time constant of the decay without a voltage, s.
        tau_decay_s: "tau_decay" in Second [1e-15, 1e30];
    }
    pure {
        /// Relative permittivity.
        epsilon_r [1.0, 1e5];
        /// Richardson constant, A/(m^2 K^2).
        richardson [1.0, 1e8];
        /// Ideality of the contact.
        ideality [1.0, 100.0];
        /// Trapped part in a cell that was never used.
        q_initial [0.0, 1.0];
    }
}

impl SchottkyInterface {
    /// An oxide contact of 100 um^2 (ours throughout: a barrier of 0.8 eV, lowered by 0.2 eV, switched by 1.5 V within
    /// milliseconds, forgotten within an hour).
    pub fn oxide() -> Self {
        SchottkyInterface {
            area_m2: 1e-10,
            phi0_ev: 0.8,
            traps_per_m3: 1.77e26,
            sheet_m: 1e-9,
            distance_m: 2e-9,
            series_1um2_ohm: 1e8,
            gamma_per_v: 8.0,
            tau_set_s: 10.0,
            tau_reset_s: 10.0,
            tau_decay_s: 3600.0,
            epsilon_r: 32.0,
            richardson: 1.2e6,
            ideality: 3.0,
            q_initial: 0.0,
        }
    }

    /// By how much full trapping lowers the barrier, q n0 h d/(eps0 eps_r), eV.
    pub fn barrier_shift_ev(&self) -> f64 {
        Q * self.traps_per_m3 * self.sheet_m * self.distance_m / (EPSILON_0 * self.epsilon_r)
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| {
            let (shift, phi) = (self.barrier_shift_ev(), self.phi0_ev);
            (shift >= phi).then(|| {
                (
                    "traps".to_owned(),
                    format!("lower the barrier of {phi} eV by {shift} eV: nothing is left of it"),
                )
            })
        })
    }
}

impl CompactModel for SchottkyInterface {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.q_initial;
    }

    /// The state is the trapped part Q.
    fn eval(&self, (): &(), At { x, v, t_k }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let kt = K_B_EV * t_k;
        let phi = self.phi0_ev - self.barrier_shift_ev() * x[0];
        let saturation = self.area_m2 * self.richardson * t_k * t_k * libm::exp(-phi / kt);
        // a y + b (e^y - 1) = V with y = V_j/(n kT): convex, so Newton falls to the solution from above.
        let a = self.ideality * kt;
        let b = saturation * self.series_1um2_ohm * 1e-12 / self.area_m2;
        let mut y = if v > 0.0 { libm::log1p(v / b).min(v / a) } else { 0.0 };
        for _ in 0..50 {
            let step = (a * y + b * libm::expm1(y) - v) / (a + b * libm::exp(y));
            y -= step;
            if step.abs() <= 1e-15 * y.abs() {
                break;
            }
        }
        let drive = libm::expm1(self.gamma_per_v * v.abs());
        let switched =
            if v > 0.0 { (1.0 - x[0]) * drive / self.tau_set_s } else { -x[0] * drive / self.tau_reset_s };
        out.dx[0] = switched - x[0] / self.tau_decay_s;
        Ok(Response {
            i_a: saturation * libm::expm1(y),
            di_dv_s: saturation * libm::exp(y) / (a + b * libm::exp(y)),
            ..out
        })
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        // The contact's voltage over n kT solves the equation of `eval`.
        let saturation =
            "({scale}*{t_ambient}*{t_ambient}*exp(-({phi0}-{shift}*$trapped)/({k_b_ev}*{t_ambient})))";
        let residual = format!(
            "($v-{saturation}*{{series}}*(exp($junction)-1))/({{ideality}}*{{k_b_ev}}*{{t_ambient}})-$junction"
        );
        let drive = "(exp({gamma}*abs($v))-1)";
        let rate = format!(
            "($v>0 ? (1-$trapped)*{drive}/{{tau_set}} : -$trapped*{drive}/{{tau_reset}})-$trapped/{{tau_decay}}"
        );
        Ok(Equations::new(self, format!("{saturation}*(exp($junction)-1)"))
            .with("k_b_ev", K_B_EV)
            .with("scale", self.area_m2 * self.richardson)
            .with("shift", self.barrier_shift_ev())
            .with("series", self.series_1um2_ohm * 1e-12 / self.area_m2)
            .bounded("trapped", rate)
            .root("junction", residual, -1e6, 200.0))
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
    use super::super::super::{Bank, CellBank, Drive, Waveform, drive};
    use super::*;

    fn run(bank: &mut Bank<SchottkyInterface>, v: f64, t_end_s: f64) -> f64 {
        let waveform = Waveform::Constant(v);
        let how = Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s: t_end_s };
        drive(bank, &how).unwrap().last()[0]
    }

    #[test]
    fn the_conductance_when_on_is_proportional_to_the_area() {
        // What tells an interface from a filament.
        let on = |area_m2: f64| {
            let model = SchottkyInterface { area_m2, ..SchottkyInterface::oxide() };
            let mut bank = Bank::new(model, 1, Key::root(0));
            run(&mut bank, 1.5, 1e-3);
            let (mut i, mut g) = ([0.0], [0.0]);
            bank.solve(&[0.3], 300.0, 0.0, &mut i, &mut g).unwrap();
            i[0] / 0.3
        };
        let reference = on(1e-12);
        for area in [1e-11, 1e-10, 1e-9] {
            assert!((on(area) / reference / (area / 1e-12) - 1.0).abs() < 1e-9, "{area}");
        }
    }

    #[test]
    fn what_is_trapped_decays_exponentially() {
        let mut bank =
            Bank::new(SchottkyInterface { q_initial: 0.7, ..SchottkyInterface::oxide() }, 1, Key::root(0))
                .with_tolerance(1e-7);
        let q = run(&mut bank, 0.0, 7200.0);
        assert!((q / (0.7 * (-2.0_f64).exp()) - 1.0).abs() < 1e-4, "{q}");
    }

    #[test]
    fn trapping_takes_its_time_constant_at_every_voltage() {
        let model = SchottkyInterface { tau_decay_s: 1e30, ..SchottkyInterface::oxide() };
        for v in [0.5_f64, 1.0, 1.5] {
            let tau = 10.0 / ((8.0 * v).exp() - 1.0);
            let mut bank = Bank::new(model.clone(), 1, Key::root(0)).with_tolerance(1e-7);
            let q = run(&mut bank, v, tau);
            assert!((q - (1.0 - (-1.0_f64).exp())).abs() < 1e-5, "{q} at {v} V");
            let q = run(&mut bank, -v, tau) / q;
            assert!((q - (-1.0_f64).exp()).abs() < 1e-5, "{q} at {v} V");
        }
    }

    #[test]
    fn the_current_solves_the_diode_behind_its_resistance() {
        let model = SchottkyInterface::oxide();
        assert!((model.barrier_shift_ev() - 0.2).abs() < 1e-3);
        for q in [0.0, 1.0] {
            for v in [-2.0_f64, -0.1, 0.01, 0.4, 2.0] {
                let at = |v: f64| model.eval(&(), At { x: &[q], v, t_k: 300.0 }, &mut 0.0).unwrap();
                let i = at(v).i_a;
                let saturation =
                    1e-10 * 1.2e6 * 9e4 * (-(0.8 - model.barrier_shift_ev() * q) / (K_B_EV * 300.0)).exp();
                let junction = v - i * 1e6;
                let exact = saturation * (junction / (3.0 * K_B_EV * 300.0)).exp_m1();
                assert!((i - exact).abs() <= 1e-6 * exact.abs(), "{i} {exact} at {v} V");
                let slope = (at(v + 1e-6).i_a - at(v - 1e-6).i_a) / 2e-6;
                assert!((at(v).di_dv_s - slope).abs() < 1e-4 * slope.abs().max(1e-15), "{slope} at {v} V");
            }
        }
    }
}
