//! Ferroelectric field-effect transistor: domains that switch by nucleation.

use super::prelude::*;
use neurohm_num::Purpose;

parameters! {
    /// FeFET: a gate of ferroelectric domains, each up (+1) or down (-1), and the channel that their polarisation opens.
    ///
    /// Nucleation-limited switching: a domain that the voltage V_fe over the ferroelectric opposes gathers the history
    /// h = integral of dt/tau, tau = tau0 exp((E_a/|V_fe|)^alpha), and has switched with the probability
    /// 1 - exp(-h^beta): its hazard is beta h^(beta - 1)/tau. E_a is normally distributed over the domains. Deng et al. and
    /// Alessandri et al., in the form of the Scalable-FeFET code (boltma). Where that code draws at every time step,
    /// domains switch here when their integrated hazard is due, whatever the steps.
    ///
    /// Two terminals stand for three. The voltage v of the cell is that of gate against channel and, at the same time, the
    /// one across the channel: V_fe = coupling v, and i = G v with the conductance that the channel has at the fixed
    /// read bias of the gate, G = k w ln(1 + e^((V_read - V_th)/w)), V_th = V_mid - window P/2 (P the mean of the domains).
    /// Reads (|v| well below E_a) and writes are right; the current during a write is one that no transistor has, since
    /// its gate carries none. The depolarising field, the surface potential of the channel and leakage are left out.
    ///
    /// The first state is a clock (s), the second the polarisation; one that is set from outside turns domains, the
    /// weakest first. Between two accepted instants a domain's history grows at the rate of the voltage at their end.
    pub struct Fefet
    units {
        /// Attempt time, s.
        tau0_s: "tau0" in Second [1e-15, 1.0];
        /// Mean activation voltage of the domains, V.
        ea_v: "ea" in Volt [1e-3, 1e3];
        /// Its standard deviation from domain to domain, V.
        ea_sd_v: "ea_sd" in Volt [0.0, 1e3];
        /// Threshold of the channel without polarisation, V.
        v_mid_v: "v_mid" in Volt [-100.0, 100.0];
        /// Memory window: thresholds of the two full polarisations apart, V.
        window_v: "window" in Volt [0.0, 100.0];
        /// Gate bias at read, V.
        v_read_v: "v_read" in Volt [-100.0, 100.0];
        /// Width of the channel's onset, V.
        onset_v: "onset" in Volt [1e-3, 10.0];
        /// Conductance of the channel one volt above its threshold, S.
        g_per_volt_s: "g_per_volt" in Siemens [1e-15, 1.0];
    }
    pure {
        /// Exponent of the activation.
        alpha [0.1, 20.0];
        /// Exponent of the history.
        beta [1.0, 20.0];
        /// Part of the cell's voltage that lies over the ferroelectric.
        coupling [1e-3, 1.0];
        /// Number of domains, a whole number.
        domains [1.0, 4096.0];
        /// Part of the domains that point up in a cell that was never used.
        initial_up [0.0, 1.0];
    }
}

/// A domain.
#[derive(Clone, Copy, Debug)]
pub struct Domain {
    up: bool,
    ea_v: f64,
    history: f64,
}

/// The domains of a cell, and when and under which voltage they were last accepted.
#[derive(Clone, Debug)]
pub struct Gate {
    domains: Vec<Domain>,
    clock_s: f64,
    v: f64,
}

impl Gate {
    fn polarisation(&self) -> f64 {
        let up = self.domains.iter().filter(|d| d.up).count() as f64;
        2.0 * up / self.domains.len().max(1) as f64 - 1.0
    }

    /// Turns domains, the weakest first, until the polarisation is nearest to `p`.
    fn turn_to(&mut self, p: f64) {
        let n = self.domains.len() as f64;
        let wanted = libm::round((p + 1.0) / 2.0 * n) as usize;
        let mut order: Vec<usize> = (0..self.domains.len()).collect();
        order.sort_by(|a, b| self.domains[*a].ea_v.total_cmp(&self.domains[*b].ea_v));
        let up = self.domains.iter().filter(|d| d.up).count();
        let (from, turns) = if wanted > up { (false, wanted - up) } else { (true, up - wanted) };
        order.retain(|d| self.domains[*d].up == from);
        for d in order.into_iter().take(turns) {
            self.domains[d].up = !from;
            self.domains[d].history = 0.0;
        }
    }
}

impl Fefet {
    /// The parameters of the Scalable-FeFET code (public code): tau0 = 19 ns, alpha = 3, beta = 2, E_a = 2.3 +- 0.4 V,
    /// 20 domains. The channel's conductance, threshold and window are ours: that code has a whole transistor.
    pub fn scalable() -> Self {
        Fefet {
            tau0_s: 1.9e-8,
            ea_v: 2.3,
            ea_sd_v: 0.4,
            v_mid_v: 0.8,
            window_v: 1.2,
            v_read_v: 0.8,
            onset_v: 0.05,
            g_per_volt_s: 50e-6,
            alpha: 3.0,
            beta: 2.0,
            coupling: 1.0,
            domains: 20.0,
            initial_up: 0.0,
        }
    }

    /// Switching rate 1/tau of a domain, 1/s.
    fn rate(&self, ea_v: f64, v: f64) -> f64 {
        let v_fe = (self.coupling * v).abs();
        if v_fe > 0.0 { libm::exp(-libm::pow(ea_v / v_fe, self.alpha)) / self.tau0_s } else { 0.0 }
    }

    /// Hazard of a domain `dt_s` after the cell was last accepted, 1/s.
    fn hazard(&self, domain: &Domain, v: f64, dt_s: f64) -> f64 {
        if v == 0.0 || domain.up == (v > 0.0) {
            return 0.0;
        }
        let rate = self.rate(domain.ea_v, v);
        self.beta * libm::pow(domain.history + dt_s * rate, self.beta - 1.0) * rate
    }

    /// Conductance of the channel with the polarisation `p`, S.
    pub fn conductance(&self, p: f64) -> f64 {
        let z = (self.v_read_v - self.v_mid_v + self.window_v * p / 2.0) / self.onset_v;
        let soft = if z > 40.0 { z } else { libm::log1p(libm::exp(z)) };
        self.g_per_volt_s * self.onset_v * soft
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        self.out_of_range().or_else(|| {
            let text = format!("is {}; it must be a whole number", self.domains);
            (self.domains.fract() != 0.0).then(|| ("domains".to_owned(), text))
        })
    }
}

impl CompactModel for Fefet {
    const N: usize = 2;
    const H: usize = 1;
    type Cell = Gate;

    fn draw(&self, key: Key, _: u64) -> Gate {
        let stream = key.stream(Purpose::DeviceSpread, 0);
        let n = self.domains as u64;
        // Which ones point up does not depend on their strength: they are drawn independently.
        let up = libm::round(self.initial_up * n as f64) as u64;
        let domain = |d: u64| Domain {
            up: d < up,
            ea_v: (self.ea_v + self.ea_sd_v * f64::from(stream.normal(d))).max(0.05 * self.ea_v),
            history: 0.0,
        };
        Gate { domains: (0..n).map(domain).collect(), clock_s: 0.0, v: 0.0 }
    }

    fn initial(&self, cell: &Gate, x: &mut [f64]) {
        (x[0], x[1]) = (0.0, cell.polarisation());
    }

    fn eval(&self, cell: &Gate, At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let g = self.conductance(x[1]);
        let dt_s = (x[0] - cell.clock_s).max(0.0);
        out.dx[0] = 1.0;
        out.hazard[0] = cell.domains.iter().map(|d| self.hazard(d, v, dt_s)).sum();
        Ok(Response { i_a: g * v, di_dv_s: g, ..out })
    }

    fn bounds(&self, _: &Gate, low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (0.0, f64::INFINITY);
        (low[1], high[1]) = (-1.0, 1.0);
    }

    fn scale(&self, _: &Gate, x: &mut [f64]) {
        (x[0], x[1]) = (1.0, 1.0);
    }

    fn jump(&self, cell: &mut Gate, x: &mut [f64], _: usize, nth: u32, key: Key, _: u64) {
        let v = cell.v;
        let weights: Vec<f64> = cell.domains.iter().map(|d| self.hazard(d, v, 0.0)).collect();
        let total: f64 = weights.iter().sum();
        let mut left = total * f64::from(key.stream(Purpose::Jump, u64::from(nth)).uniform(1 << 20));
        // The last one with a weight catches what rounding leaves over.
        let mut chosen = None;
        for (d, w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            chosen = Some(d);
            left -= w;
            if left < 0.0 {
                break;
            }
        }
        if let Some(domain) = chosen.and_then(|d| cell.domains.get_mut(d)) {
            domain.up = !domain.up;
            domain.history = 0.0;
        }
        x[1] = cell.polarisation();
    }

    fn accept(
        &self,
        cell: &mut Gate,
        before: &[f64],
        x: &mut [f64],
        v: f64,
        _: &mut u32,
        _: Key,
        _: u64,
    ) -> bool {
        if (x[1] - cell.polarisation()).abs() > 1e-9 {
            cell.turn_to(x[1]);
            x[1] = cell.polarisation();
        }
        let dt_s = x[0] - before[0];
        for d in &mut cell.domains {
            if v != 0.0 && d.up != (v > 0.0) {
                d.history += dt_s * self.rate(d.ea_v, v);
            }
        }
        (cell.clock_s, cell.v) = (x[0], v);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, Drive, Waveform, drive};
    use super::*;

    /// Switched part of the domains of `n` cells after each of `pulses` of `v` and `width_s`.
    fn switched(model: &Fefet, n: u64, v: f64, width_s: f64, pulses: usize, steps: u32) -> Vec<f64> {
        let mut parts = vec![0.0; pulses];
        for cell in 0..n {
            let mut bank = Bank::new(model.clone(), 1, Key::root(2).child("test", cell));
            for part in &mut parts {
                let points = vec![(0.0, v), (width_s, v), (width_s, 0.0), (width_s + 1e-9, 0.0)];
                let how = Drive {
                    waveform: &Waveform::Points(points),
                    t_end_s: width_s + 1e-9,
                    t_k: 300.0,
                    max_step_s: width_s / f64::from(steps),
                };
                *part += (drive(&mut bank, &how).unwrap().last()[1] + 1.0) / (2.0 * n as f64);
            }
        }
        parts
    }

    /// 1 - exp(-(t/tau)^beta), averaged over the normal distribution of E_a.
    fn expected(model: &Fefet, v: f64, t: f64) -> f64 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for k in -600..=600 {
            let z = f64::from(k) / 100.0;
            let w = (-z * z / 2.0).exp();
            let tau = model.tau0_s * ((model.ea_v + model.ea_sd_v * z) / v).powf(model.alpha).exp();
            sum += w * (1.0 - (-(t / tau).powf(model.beta)).exp());
            weight += w;
        }
        sum / weight
    }

    #[test]
    fn after_a_constant_pulse_as_many_have_switched_as_nucleation_says() {
        for (sd, v, t) in [(0.0, 2.0, 5e-8), (0.4, 2.0, 5e-8), (0.4, 2.0, 2e-7), (0.4, 3.0, 2e-8)] {
            let model = Fefet { ea_sd_v: sd, ..Fefet::scalable() };
            let p = expected(&model, v, t);
            assert!(p > 0.05 && p < 0.95, "{p}");
            // 2000 domains; four standard errors, however many the steps.
            let bound = 4.0 * (p * (1.0 - p) / 2000.0).sqrt();
            for steps in [1, 20] {
                let got = switched(&model, 100, v, t, 1, steps)[0];
                assert!((got - p).abs() < bound, "{got} instead of {p} with {sd} V, {v} V, {t} s, {steps}");
            }
        }
    }

    #[test]
    fn pulses_accumulate_and_a_single_domain_switches_abruptly() {
        // Ten pulses count as one of ten times the length.
        let model = Fefet { ea_sd_v: 0.0, ..Fefet::scalable() };
        let parts = switched(&model, 100, 2.0, 1e-8, 10, 1);
        for (n, part) in parts.iter().enumerate() {
            let p = expected(&model, 2.0, 1e-8 * (n + 1) as f64);
            assert!((part - p).abs() < 4.0 * (p * (1.0 - p) / 2000.0).sqrt() + 1e-3, "{part} after {n}");
        }
        // A cell of one domain makes its whole way in one pulse, one of 200 makes it in steps.
        let largest = |domains: f64| {
            let model = Fefet { domains, ..Fefet::scalable() };
            let parts = switched(&model, 1, 2.0, 1e-8, 60, 1);
            assert!(*parts.last().unwrap() > 0.5, "{parts:?}");
            parts.windows(2).map(|w| w[1] - w[0]).fold(parts[0], f64::max)
        };
        assert_eq!(largest(1.0), 1.0);
        assert!(largest(200.0) < 0.3, "{}", largest(200.0));
    }

    #[test]
    fn reads_disturb_nothing_and_the_window_is_that_of_the_thresholds() {
        let model = Fefet::scalable();
        let mut bank = Bank::new(model.clone(), 1, Key::root(0));
        bank.set_state(0, &[0.0, 0.4]);
        let waveform = Waveform::Constant(0.1);
        let how = Drive { waveform: &waveform, t_end_s: 1e3, t_k: 300.0, max_step_s: 1e3 };
        let trace = drive(&mut bank, &how).unwrap();
        assert!((trace.last()[1] - 0.4).abs() < 1e-12);
        // V_th = 0.2 and 1.4 V: 0.6 V above, and 0.6 V below the onset.
        assert!((model.conductance(1.0) / 30e-6 - 1.0).abs() < 1e-5);
        assert!((model.conductance(-1.0) / (50e-6 * 0.05 * (-12.0_f64).exp()) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_polarisation_from_outside_turns_the_weakest_domains() {
        let model = Fefet::scalable();
        let mut cell = model.draw(Key::root(4), 0);
        cell.turn_to(-0.3);
        assert!((cell.polarisation() + 0.3).abs() < 1e-12);
        let strongest_up = cell.domains.iter().filter(|d| d.up).map(|d| d.ea_v).fold(0.0, f64::max);
        assert!(cell.domains.iter().filter(|d| !d.up).all(|d| d.ea_v >= strongest_up));
        cell.turn_to(-1.0);
        assert_eq!(cell.polarisation(), -1.0);
    }
}
