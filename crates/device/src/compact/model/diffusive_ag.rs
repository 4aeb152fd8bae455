//! Diffusive silver: a filament that forms under voltage and relaxes without.

use super::prelude::*;

parameters! {
    /// Diffusive silver device: a part f of the filament that voltage holds together, a part r that is left of it and
    /// fades. Wang et al. 2024 (IEEE TCASAI 1:141), equations and parameters from their code (public code).
    ///
    /// df/dt = min(c, mu |v|/(alpha + 1 - s) - (gamma1 + beta) f), dr/dt = beta f - gamma2 r, s = f + r in \[0, 1\];
    /// R = R_on s + R_off (e^((1 - s)/lambda) - 1)/(e^(1/lambda) - 1). A constant voltage forms the filament if it is above
    /// (gamma1 + beta)(1 + alpha)^2/(4 mu (1 + beta/gamma2)), where growth outruns loss at every s (derived here).
    /// At s = 1 growth of f goes on only as r gives way: the sum's growth ends within the last thousandth (ours; the code
    /// switches it off). Random shrinking: with the hazard kappa f^m the part f loses eta of itself; the code draws it
    /// at each of its steps with the same probability.
    ///
    /// Differs from the code, which gives no current for negative voltages: here both polarities conduct alike, as
    /// they form the filament alike. Milliseconds and slower.
    pub struct DiffusiveAg
    units {
        /// Resistance of the whole filament, ohm.
        r_on_ohm: "r_on" in Ohm [1.0, 1e12];
        /// Resistance without filament, ohm.
        r_off_ohm: "r_off" in Ohm [1.0, 1e18];
        /// Loss of the formed part, 1/s.
        gamma1_per_s: "gamma1" in PerSecond [0.0, 1e12];
        /// Fading of the residual part, 1/s.
        gamma2_per_s: "gamma2" in PerSecond [1e-9, 1e12];
        /// Turning of formed into residual part, 1/s.
        beta_per_s: "beta" in PerSecond [0.0, 1e12];
        /// Fastest growth c, 1/s.
        growth_max_per_s: "growth_max" in PerSecond [1e-12, 1e15];
        /// Hazard of shrinking kappa of a whole filament, 1/s.
        kappa_per_s: "kappa" in PerSecond [0.0, 1e12];
    }
    pure {
        /// Growth per voltage, 1/(V s).
        mu_per_v_s [0.0, 1e15];
        /// Keeps the growth of a whole filament finite.
        alpha [1e-6, 1e3];
        /// Part of the filament over which the resistance falls by a factor e.
        lambda [2e-3, 10.0];
        /// Power of f in the hazard.
        m [0.0, 10.0];
        /// Part that a shrink takes.
        eta [0.0, 1.0];
    }
}

/// The part of the filament's end within which growth ends.
const END: f64 = 1e-3;

impl DiffusiveAg {
    /// The parameters of the published code without its randomness (public code).
    pub fn wang() -> Self {
        DiffusiveAg {
            r_on_ohm: 17e3,
            r_off_ohm: 10e9,
            gamma1_per_s: 50.0,
            gamma2_per_s: 0.42,
            beta_per_s: 0.35,
            growth_max_per_s: 1.0,
            kappa_per_s: 0.0,
            mu_per_v_s: 16.0,
            alpha: 0.1,
            lambda: 0.1,
            m: 2.0,
            eta: 0.01,
        }
    }

    /// The same with random shrinking, kappa = 200, m = 2, eta = 0.01 (public code).
    pub fn wang_stochastic() -> Self {
        DiffusiveAg { kappa_per_s: 200.0, ..DiffusiveAg::wang() }
    }

    /// The voltage above which a constant voltage forms the filament, V.
    pub fn threshold_v(&self) -> f64 {
        let whole = 1.0 + self.alpha;
        let residual = 1.0 + self.beta_per_s / self.gamma2_per_s;
        (self.gamma1_per_s + self.beta_per_s) * whole * whole / (4.0 * self.mu_per_v_s * residual)
    }

    /// Resistance at the state `s`, ohm.
    pub fn resistance(&self, s: f64) -> f64 {
        let s = s.clamp(0.0, 1.0);
        self.r_on_ohm * s
            + self.r_off_ohm * libm::expm1((1.0 - s) / self.lambda) / libm::expm1(1.0 / self.lambda)
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| rising("r_on", "must be below r_off", self.r_on_ohm, self.r_off_ohm))
    }
}

impl CompactModel for DiffusiveAg {
    const N: usize = 2;
    const H: usize = 1;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        (x[0], x[1]) = (0.0, 0.0);
    }

    /// The states are the formed and the residual part of the filament.
    fn eval(&self, (): &(), At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let (f, r) = (x[0], x[1]);
        let s = (f + r).clamp(0.0, 1.0);
        let growth = self.mu_per_v_s * v.abs() / (self.alpha + 1.0 - s);
        let formed = (growth - (self.gamma1_per_s + self.beta_per_s) * f).min(self.growth_max_per_s);
        let residual = self.beta_per_s * f - self.gamma2_per_s * r;
        let sum = formed + residual;
        let sum = if sum > 0.0 { sum * ((1.0 - s) / END).min(1.0) } else { sum };
        (out.dx[0], out.dx[1]) = (sum - residual, residual);
        out.hazard[0] = if f > 0.0 { self.kappa_per_s * libm::pow(f, self.m) } else { 0.0 };
        out.di_dv_s = 1.0 / self.resistance(s);
        out.i_a = v * out.di_dv_s;
        Ok(out)
    }

    fn spice(&self, (): &()) -> Result<Equations, &'static str> {
        let s = "min(max($formed+$residual,0),1)";
        let residual = "({beta}*$formed-{gamma2}*$residual)";
        let formed = format!(
            "min({{mu_per_v_s}}*abs($v)/({{alpha}}+1-{s})-({{gamma1}}+{{beta}})*$formed,{{growth_max}})"
        );
        let sum = format!("({formed}+{residual})");
        let rate = format!("min({sum},0)+max({sum},0)*min((1-{s})/{END:e},1)-{residual}");
        let r = format!("({{r_on}}*{s}+{{r_off}}*(exp((1-{s})/{{lambda}})-1)/{{whole}})");
        Ok(Equations::new(self, format!("$v/{r}"))
            .with("whole", libm::expm1(1.0 / self.lambda))
            .bounded("formed", rate)
            .bounded("residual", residual))
    }

    /// Without kappa nothing shrinks by jumps.
    fn chance(&self) -> Option<&'static str> {
        (self.kappa_per_s > 0.0).then_some("when its filament shrinks")
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], low[1], high[0], high[1]) = (0.0, 0.0, 1.0, 1.0);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        (x[0], x[1]) = (1.0, 1.0);
    }

    fn jump(&self, (): &mut (), x: &mut [f64], _: usize, _: u32, _: Key, _: u64) {
        x[0] -= self.eta * x[0];
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, CellBank, Drive, Trace, Waveform, drive};
    use super::*;

    fn run(model: DiffusiveAg, waveform: &Waveform, t_end_s: f64) -> Trace {
        let mut bank = Bank::new(model, 1, Key::root(0));
        drive(&mut bank, &Drive { waveform, t_end_s, t_k: 300.0, max_step_s: t_end_s / 500.0 }).unwrap()
    }

    /// When half of the filament is there, s.
    fn delay_s(v: f64) -> Option<f64> {
        let trace = run(DiffusiveAg::wang(), &Waveform::Constant(v), 200.0);
        let n = trace.x.chunks(2).position(|x| x[0] + x[1] > 0.5)?;
        Some(trace.t_s[n])
    }

    #[test]
    fn it_forms_above_its_threshold_with_a_delay_that_falls_with_the_voltage() {
        let threshold = DiffusiveAg::wang().threshold_v();
        assert!((threshold - 0.5193).abs() < 1e-4, "{threshold}");
        assert_eq!(delay_s(0.98 * threshold), None);
        let delays: Vec<f64> =
            [1.01, 1.05, 1.2, 1.6].iter().map(|u| delay_s(u * threshold).unwrap()).collect();
        assert!(delays.windows(2).all(|d| d[1] < 0.9 * d[0]), "{delays:?}");
        // The fastest growth is one a second.
        assert!(delays[3] > 0.4, "{delays:?}");
    }

    #[test]
    fn what_is_left_fades_with_its_own_time_constant() {
        let pulse = Waveform::pulse(1.0, 3.0);
        let trace = run(DiffusiveAg::wang(), &pulse, 9.0);
        let s = |t: f64| {
            let n = trace.t_s.partition_point(|at| *at < t);
            trace.x[2 * n] + trace.x[2 * n + 1]
        };
        assert!(s(2.999) > 0.99 && s(2.999) <= 1.0 + 1e-5, "{}", s(2.999));
        // f is gone after 20 ms, r falls by e every 1/0.42 = 2.38 s.
        let (from, to) = (trace.t_s.partition_point(|t| *t < 4.0), trace.t_s.len() - 1);
        let tau = (trace.t_s[to] - trace.t_s[from])
            / (trace.state(from, 1).unwrap() / trace.state(to, 1).unwrap()).ln();
        assert!((tau * 0.42 - 1.0).abs() < 1e-3, "{tau}");
        assert!(s(4.0) < 0.6 && s(4.0) > 1e-3, "{}", s(4.0));
    }

    #[test]
    fn the_second_of_two_pulses_finds_more_and_the_less_the_later_it_comes() {
        let facilitation = |pause_s: f64| {
            let (w, p) = (0.3, pause_s);
            let points = vec![(0.0, 1.0), (w, 1.0), (w, 0.0), (w + p, 0.0), (w + p, 1.0), (2.0 * w + p, 1.0)];
            let trace = run(DiffusiveAg::wang(), &Waveform::Points(points), 2.0 * w + p);
            let first = trace.t_s.partition_point(|t| *t < w);
            trace.i_a.last().unwrap() / trace.i_a[first]
        };
        let ratios = [0.1, 1.0, 3.0, 20.0].map(facilitation);
        assert!(ratios.windows(2).all(|r| r[1] < r[0]) && ratios[0] > 1.1, "{ratios:?}");
        assert!((ratios[3] - 1.0).abs() < 0.01, "{ratios:?}");
    }

    #[test]
    fn shrinking_is_as_frequent_as_its_hazard_says() {
        // f = 0.5 at rest in between: kappa f^m = 50 a second; without voltage and loss nothing else moves it.
        let model =
            DiffusiveAg { gamma1_per_s: 0.0, beta_per_s: 0.0, eta: 0.0, ..DiffusiveAg::wang_stochastic() };
        let n = 2000;
        let mut bank = Bank::new(model, n, Key::root(3));
        (0..n).for_each(|c| bank.set_state(c, &[0.5, 0.0]));
        let (v, mut i, mut g) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for _ in 0..40 {
            bank.solve(&v, 300.0, 1e-3, &mut i, &mut g).unwrap();
            bank.accept(&v);
        }
        let none = (0..n).filter(|c| bank.jumps(*c, 0) == 0).count() as f64 / n as f64;
        let p = (-2.0_f64).exp();
        assert!((none - p).abs() < 4.0 * (p * (1.0 - p) / n as f64).sqrt(), "{none} instead of {p}");
    }
}
