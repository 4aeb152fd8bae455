//! Spin-transfer-torque memory.

use super::prelude::*;

parameters! {
    /// STT-MRAM: a magnetic tunnel junction that is parallel (0) or antiparallel (1) and jumps between the two.
    ///
    /// R_AP = R_P (1 + TMR0 / (1 + V^2/V_h^2)). A positive current favours the parallel state. Below the critical current
    /// I_c the hazard is that of thermal activation, (1/tau0) e^(-Delta (1 - I/I_c)) (I negative where the current
    /// stabilises), with the energy barrier Delta in units of k T at `t_reference`; above it, 1/tau0 and the precessional
    /// rate 2 / (C + ln(pi^2 Delta/4)) mu_B P / (q m (1 + P^2)) (I - I_c), C being Euler's constant, m the moment of the
    /// free layer. Worledge et al. 2011 (Appl. Phys. Lett. 98:022501), Khvalkovskiy et al. 2013 (J. Phys. D 46:074001).
    /// Pulses of 1 ns and more; the sum of both rates above I_c is ours, so that the hazard has no gap there.
    pub struct SttMram
    units {
        /// Resistance when parallel, ohm.
        r_p_ohm: "r_p" in Ohm [1.0, 1e9];
        /// Voltage that halves the magnetoresistance, V.
        v_h_v: "v_h" in Volt [1e-3, 100.0];
        /// Critical current, A.
        i_c_a: "i_c" in Ampere [1e-12, 1.0];
        /// Attempt time, s.
        tau0_s: "tau0" in Second [1e-15, 1.0];
        /// Temperature of `delta`, K.
        t_reference_k: "t_reference" in Kelvin [1.0, 2e3];
    }
    pure {
        /// Magnetoresistance (R_AP - R_P) / R_P at 0 V.
        tmr0 [0.0, 100.0];
        /// Energy barrier over k T.
        delta [1.0, 1e3];
        /// Polarisation of the current.
        polarisation [0.01, 0.99];
        /// Moment of the free layer, Bohr magnetons.
        moment_bohr_magnetons [1.0, 1e12];
        /// 0 where an unused cell is parallel, 1 where antiparallel.
        initial [0.0, 1.0];
    }
}

impl SttMram {
    /// A junction of 50 nm: R_P = 6 kohm, P = 0.35 and the moment of 0.97 MA/m over 50 nm x 50 nm x 1 nm from ARM's
    /// simulation framework (public code); TMR0 = 0.7 and V_h = 0.5 V from another public port (public code); Delta = 60, I_c = 50 uA and
    /// tau0 = 1 ns are usual sizes (recalled).
    pub fn arm_50nm() -> Self {
        SttMram {
            r_p_ohm: 6e3,
            v_h_v: 0.5,
            i_c_a: 50e-6,
            tau0_s: 1e-9,
            t_reference_k: 300.0,
            tmr0: 0.7,
            delta: 60.0,
            polarisation: 0.35,
            moment_bohr_magnetons: 0.97e6 * 2.5e-24 / BOHR_MAGNETON,
            initial: 0.0,
        }
    }

    /// The hazard of a switch that the current `i` (A) favours, or hinders where it is negative, 1/s.
    pub fn hazard(&self, i: f64, t_k: f64) -> f64 {
        let delta = self.delta * self.t_reference_k / t_k;
        let ratio = i / self.i_c_a;
        if ratio < 1.0 {
            return libm::exp(-delta * (1.0 - ratio)) / self.tau0_s;
        }
        let p = self.polarisation;
        let log = EULER + libm::log(std::f64::consts::PI.powi(2) * delta / 4.0);
        // mu_B / m with the moment in Bohr magnetons.
        let rate = 2.0 / log * p / (Q * self.moment_bohr_magnetons * (1.0 + p * p));
        1.0 / self.tau0_s + rate * (i - self.i_c_a)
    }

    /// Probability that a pulse has not switched a cell, for currents above the critical one:
    /// 1 - exp(-(pi^2 Delta/4) (r - 1) / (r e^(2 alpha gamma mu0 H_k t (r - 1) / (1 + alpha^2)) - 1)), r = I/I_c.
    /// Butler et al. 2012 (IEEE Trans. Magn. 48:4684); `None` at or below the critical current.
    pub fn write_error(&self, ratio: f64, damping: f64, anisotropy_t: f64, t_s: f64) -> Option<f64> {
        const GYROMAGNETIC: f64 = 1.76e11;
        (ratio > 1.0).then(|| {
            let speed = 2.0 * damping * GYROMAGNETIC * anisotropy_t / (1.0 + damping * damping);
            let grown = ratio * libm::exp(speed * t_s * (ratio - 1.0)) - 1.0;
            -libm::expm1(-std::f64::consts::PI.powi(2) * self.delta / 4.0 * (ratio - 1.0) / grown)
        })
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| {
            (self.initial != 0.0 && self.initial != 1.0)
                .then(|| ("initial".to_owned(), format!("is {}; it must be 0 or 1", self.initial)))
        })
    }
}

impl CompactModel for SttMram {
    const N: usize = 1;
    const H: usize = 2;
    type Cell = ();

    fn draw(&self, _: Key, _: u64) {}

    fn initial(&self, (): &(), x: &mut [f64]) {
        x[0] = self.initial;
    }

    fn eval(&self, (): &(), At { x, v, t_k }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let u = v / self.v_h_v;
        let bell = 1.0 + u * u;
        let r = self.r_p_ohm * (1.0 + x[0] * self.tmr0 / bell);
        let dr_dv = -self.r_p_ohm * x[0] * self.tmr0 * 2.0 * u / (self.v_h_v * bell * bell);
        let i = v / r;
        out.dx[0] = 0.0;
        let antiparallel = x[0] > 0.5;
        out.hazard[0] = if antiparallel { 0.0 } else { self.hazard(-i, t_k) };
        out.hazard[1] = if antiparallel { self.hazard(i, t_k) } else { 0.0 };
        Ok(Response { i_a: i, di_dv_s: 1.0 / r - v * dr_dv / (r * r), ..out })
    }

    fn bounds(&self, (): &(), low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (0.0, 1.0);
    }

    fn scale(&self, (): &(), x: &mut [f64]) {
        x[0] = 1.0;
    }

    fn jump(&self, (): &mut (), x: &mut [f64], channel: usize, _: u32, _: Key, _: u64) {
        x[0] = if channel == 0 { 1.0 } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, CellBank};
    use super::*;

    #[test]
    fn switching_probabilities_are_those_of_the_reference() {
        for (delta, ratio, probabilities) in [
            (40.0, 0.8, [0.0033, 0.0330, 0.285]),
            (40.0, 0.9, [0.1674, 0.8398, 1.0]),
            (60.0, 0.9, [0.0245, 0.2195, 0.9162]),
            (60.0, 0.95, [0.3922, 0.9931, 1.0]),
        ] {
            let model = SttMram { delta, ..SttMram::arm_50nm() };
            for (t, p) in [1e-8, 1e-7, 1e-6].into_iter().zip(probabilities) {
                let got = -(-model.hazard(ratio * model.i_c_a, 300.0) * t).exp_m1();
                assert!((got - p).abs() < 6e-5 + 2e-3 * p, "{got} instead of {p}");
            }
        }
        // Mean retention.
        for (delta, tau) in [(40.0, 2.354e8), (50.0, 5.185e12), (60.0, 1.142e17)] {
            let got = 1.0 / SttMram { delta, ..SttMram::arm_50nm() }.hazard(0.0, 300.0);
            assert!((got / tau - 1.0).abs() < 5e-4, "{got}");
        }
    }

    #[test]
    fn a_bank_switches_that_often() {
        // Delta = 40, I/I_c = 0.8, 1 us: 0.285, however many the steps; in the direction that the current favours only.
        let model = SttMram { delta: 40.0, initial: 1.0, ..SttMram::arm_50nm() };
        let i = 0.8 * model.i_c_a;
        // v = i R_AP(v), by iteration.
        let mut v = 0.3;
        for _ in 0..200 {
            v = i * model.r_p_ohm * (1.0 + model.tmr0 / (1.0 + v * v / 0.25));
        }
        let n = 4000;
        for (sign, p) in [(1.0, 0.285), (-1.0, 0.0)] {
            for steps in [1_u32, 10, 100] {
                let mut bank = Bank::new(model.clone(), n, Key::root(1));
                let (v, mut i, mut g) = (vec![sign * v; n], vec![0.0; n], vec![0.0; n]);
                bank.solve(&v, 300.0, 0.0, &mut i, &mut g).unwrap();
                bank.accept(&v);
                for _ in 0..steps {
                    bank.solve(&v, 300.0, 1e-6 / f64::from(steps), &mut i, &mut g).unwrap();
                    bank.accept(&v);
                }
                let switched = (0..n).filter(|c| bank.jumps(*c, 1) > 0).count() as f64 / n as f64;
                assert!(
                    (switched - p).abs() <= 4.0 * (p * (1.0 - p) / n as f64).sqrt(),
                    "{switched} in {steps}"
                );
            }
        }
    }

    #[test]
    fn write_errors_are_those_of_the_reference() {
        let model = SttMram::arm_50nm();
        let error = |t: f64| model.write_error(2.0, 0.01, 0.5, t).unwrap();
        assert!((error(5e-9) / 1.11e-2 - 1.0).abs() < 5e-3, "{}", error(5e-9));
        // Long pulses: by e^(-2 alpha gamma mu0 H_k (r - 1) / (1 + alpha^2)) per unit of time.
        let fall = (error(21e-9) / error(20e-9)).ln() / 1e-9;
        assert!((fall / (-2.0 * 0.01 * 1.76e11 * 0.5 / 1.0001) - 1.0).abs() < 1e-3, "{fall}");
        assert_eq!(model.write_error(1.0, 0.01, 0.5, 1e-9), None);
    }
}
