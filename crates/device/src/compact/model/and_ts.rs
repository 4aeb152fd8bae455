//! Silver nanodots in HfO2: a fast volatile threshold selector.

use super::prelude::*;

parameters! {
    /// AND-TS, a selector of Ag nanodots in HfO2: it closes beyond a threshold voltage and opens within a hold voltage,
    /// both different by polarity. Ostrovskii et al. 2025 (Neurocomputing 624:129454).
    ///
    /// dX/dt = S(b_S) a_S(X)/tau_S - (1 - S(b_R)) a_R(X)/tau_R, S(b) = 1/(1 + e^-b);
    /// b_S = (V - V_th+)(V - V_th-)/V_S^2, b_R = (V - V_h+)(V - V_h-)/V_R^2;
    /// a_S = (1 - e^(-(aX + d_S)))(1 - X) + (1 - e^(-a(1 - X))) X, a_R = (1 - e^(-aX))(1 - X) +
    /// (1 - e^(-(a(1 - X) + d_R))) X. I = X V/R_on+ for positive voltages, X V/R_on- for negative ones, and a leakage of
    /// I_lk, which in the paper changes its sign at 0 V and here goes through 0 as tanh(V/V_lk) (ours).
    ///
    /// From cycle to cycle the four voltages are normal numbers, new ones each time the filament is gone (X below a
    /// hundredth after more than a half); a hold voltage keeps the sign of its polarity, so that 0 V always opens.
    pub struct AndTs
    units {
        /// Time constant of closing, s.
        tau_s_s: "tau_s" in Second [1e-15, 1e3];
        /// Time constant of opening, s.
        tau_r_s: "tau_r" in Second [1e-15, 1e3];
        /// Voltage scale of closing, V.
        v_s_v: "v_s" in Volt [1e-4, 10.0];
        /// Voltage scale of opening, V.
        v_r_v: "v_r" in Volt [1e-4, 10.0];
        /// Smallest resistance for positive voltages, ohm.
        r_on_positive_ohm: "r_on_positive" in Ohm [1.0, 1e12];
        /// Smallest resistance for negative voltages, ohm.
        r_on_negative_ohm: "r_on_negative" in Ohm [1.0, 1e12];
        /// Leakage, A.
        i_leak_a: "i_leak" in Ampere [0.0, 1e-3];
        /// Voltage above which the leakage is full, V.
        v_leak_v: "v_leak" in Volt [1e-6, 10.0];
        /// Positive threshold, V.
        v_th_positive_v: "v_th_positive" in Volt [0.0, 100.0];
        /// Positive hold voltage, V.
        v_h_positive_v: "v_h_positive" in Volt [0.0, 100.0];
        /// Negative threshold, V.
        v_th_negative_v: "v_th_negative" in Volt [-100.0, 0.0];
        /// Negative hold voltage, V.
        v_h_negative_v: "v_h_negative" in Volt [-100.0, 0.0];
        /// Standard deviation of the positive voltages from cycle to cycle, V.
        sigma_positive_v: "sigma_positive" in Volt [0.0, 10.0];
        /// Standard deviation of the negative ones, V.
        sigma_negative_v: "sigma_negative" in Volt [0.0, 10.0];
    }
    pure {
        /// Kinetic constant.
        a [0.0, 100.0];
        /// Displacement of closing.
        d_s [1e-6, 100.0];
        /// Displacement of opening.
        d_r [1e-6, 100.0];
    }
}

/// Threshold and hold voltages of the present cycle, V.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AndTsCell {
    th: [f64; 2],
    hold: [f64; 2],
    closed: bool,
}

/// 1/(1 + e^-b) without overflow.
fn sigmoid(b: f64) -> f64 {
    if b >= 0.0 { 1.0 / (1.0 + libm::exp(-b)) } else { libm::exp(b) / (1.0 + libm::exp(b)) }
}

impl AndTs {
    /// The reference cycle of the paper, the same every time (published).
    pub fn reference() -> Self {
        AndTs {
            tau_s_s: 1.2e-7,
            tau_r_s: 1.3e-7,
            v_s_v: 0.0099,
            v_r_v: 0.0175,
            r_on_positive_ohm: 806.0,
            r_on_negative_ohm: 1434.0,
            i_leak_a: 1e-12,
            v_leak_v: 1e-3,
            v_th_positive_v: 0.267,
            v_h_positive_v: 0.08,
            v_th_negative_v: -0.119,
            v_h_negative_v: -0.006,
            sigma_positive_v: 0.0,
            sigma_negative_v: 0.0,
            a: 2.0,
            d_s: 0.05,
            d_r: 0.5,
        }
    }

    /// Means and standard deviations of its cycles (published).
    pub fn stochastic() -> Self {
        AndTs {
            v_th_positive_v: 0.294,
            sigma_positive_v: 0.038,
            sigma_negative_v: 0.01,
            ..AndTs::reference()
        }
    }

    fn cycle(&self, key: Key, cycle: u64) -> AndTsCell {
        let stream = key.stream(Purpose::Cycle, cycle);
        let (p, n) = (self.sigma_positive_v, self.sigma_negative_v);
        let far = f64::INFINITY;
        AndTsCell {
            th: [
                truncated(&stream, 0, self.v_th_positive_v, p, 0.0, far),
                truncated(&stream, 1, self.v_th_negative_v, n, -far, 0.0),
            ],
            hold: [
                truncated(&stream, 2, self.v_h_positive_v, p, 0.0, far),
                truncated(&stream, 3, self.v_h_negative_v, n, -far, 0.0),
            ],
            closed: false,
        }
    }

    pub(crate) fn problem(&self) -> Option<(String, String)> {
        let (above, below) = ("must be below v_th_positive", "must be above v_th_negative");
        self.out_of_range()
            .or_else(|| rising("v_h_positive", above, self.v_h_positive_v, self.v_th_positive_v))
            .or_else(|| rising("v_h_negative", below, self.v_th_negative_v, self.v_h_negative_v))
    }
}

impl CompactModel for AndTs {
    const N: usize = 1;
    const H: usize = 0;
    type Cell = AndTsCell;

    fn draw(&self, key: Key, _: u64) -> AndTsCell {
        self.cycle(key, 0)
    }

    fn initial(&self, _: &AndTsCell, x: &mut [f64]) {
        x[0] = 0.0;
    }

    fn eval(&self, cell: &AndTsCell, At { x, v, .. }: At, _: &mut f64) -> Result<Response, ModelError> {
        let mut out = Response::default();
        let x = x[0];
        let gate = |at: [f64; 2], width: f64| sigmoid((v - at[0]) * (v - at[1]) / (width * width));
        let part = |exponent: f64| -libm::expm1(-exponent);
        let (up, down) = (self.a * x, self.a * (1.0 - x));
        let closing = part(up + self.d_s) * (1.0 - x) + part(down) * x;
        let opening = part(up) * (1.0 - x) + part(down + self.d_r) * x;
        out.dx[0] = gate(cell.th, self.v_s_v) * closing / self.tau_s_s
            - (1.0 - gate(cell.hold, self.v_r_v)) * opening / self.tau_r_s;
        let g = x / if v >= 0.0 { self.r_on_positive_ohm } else { self.r_on_negative_ohm };
        let leak = libm::tanh(v / self.v_leak_v);
        out.i_a = g * v + self.i_leak_a * leak;
        out.di_dv_s = g + self.i_leak_a / self.v_leak_v * (1.0 - leak * leak);
        Ok(out)
    }

    fn spice(&self, _: &AndTsCell) -> Result<Equations, &'static str> {
        // Without a spread the voltages of every cycle are the nominal ones. An exponent of 200 shuts a gate for good.
        let gate = |sign: &str, at: &str, width: &str| {
            let b = format!("($v-{{{at}_positive}})*($v-{{{at}_negative}})/({{{width}}}*{{{width}}})");
            format!("1/(1+exp(max(min({sign}{b},200),-200)))")
        };
        let closing = "((1-exp(-({a}*$x+{d_s})))*(1-$x)+(1-exp(-{a}*(1-$x)))*$x)";
        let opening = "((1-exp(-{a}*$x))*(1-$x)+(1-exp(-({a}*(1-$x)+{d_r})))*$x)";
        let rate = format!(
            "{}*{closing}/{{tau_s}}-{}*{opening}/{{tau_r}}",
            gate("-", "v_th", "v_s"),
            gate("", "v_h", "v_r"),
        );
        let i = "$x*$v/($v>=0 ? {r_on_positive} : {r_on_negative})+{i_leak}*tanh($v/{v_leak})";
        Ok(Equations::new(self, i).bounded("x", rate))
    }

    fn chance(&self) -> Option<&'static str> {
        let drawn = self.sigma_positive_v > 0.0 || self.sigma_negative_v > 0.0;
        drawn.then_some("over its thresholds, which are drawn anew in every cycle")
    }

    fn bounds(&self, _: &AndTsCell, low: &mut [f64], high: &mut [f64]) {
        (low[0], high[0]) = (0.0, 1.0);
    }

    fn scale(&self, _: &AndTsCell, x: &mut [f64]) {
        x[0] = 1.0;
    }

    fn accept(
        &self,
        cell: &mut AndTsCell,
        _: &[f64],
        x: &mut [f64],
        _: f64,
        cycle: &mut u32,
        key: Key,
        _: u64,
    ) -> bool {
        if x[0] > 0.5 {
            cell.closed = true;
        } else if cell.closed && x[0] < 0.01 {
            *cycle = cycle.wrapping_add(1);
            *cell = self.cycle(key, u64::from(*cycle));
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Bank, Drive, Trace, Waveform, drive};
    use super::*;

    fn run(bank: &mut Bank<AndTs>, points: Vec<(f64, f64)>, max_step_s: f64) -> Trace {
        let t_end_s = points.last().unwrap().0;
        let waveform = Waveform::Points(points);
        drive(bank, &Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s }).unwrap()
    }

    #[test]
    fn it_closes_and_opens_as_fast_as_published() {
        // 1.5 V for 1 us with edges of 100 ns: X from 0.0 to 0.8 in less than 210 ns, back to 0.0 in less than 240 ns.
        // To one decimal: X reaches 0 itself never, and from 0 itself it takes 246 ns by these equations.
        let mut bank = Bank::new(AndTs::reference(), 1, Key::root(0));
        let points = vec![(0.0, 0.0), (1e-7, 1.5), (1.1e-6, 1.5), (1.2e-6, 0.0), (3e-6, 0.0)];
        let trace = run(&mut bank, points, 1e-9);
        let rises = |x: f64| trace.t_s[trace.x.iter().position(|s| *s > x).unwrap()];
        let set = rises(0.8) - rises(0.05);
        assert!(set < 210e-9 && set > 150e-9, "{set:e}");
        let after = trace.t_s.partition_point(|t| *t < 1.1e-6);
        let falls = |x: f64| trace.t_s[after + trace.x[after..].iter().position(|s| *s < x).unwrap()];
        assert!(trace.x[after] > 0.95, "{}", trace.x[after]);
        let reset = falls(0.05) - falls(0.8);
        assert!(reset < 240e-9 && reset > 150e-9, "{reset:e}");
    }

    #[test]
    fn it_closes_beyond_the_threshold_and_opens_within_the_hold_voltage_of_either_polarity() {
        for (sign, th, hold, r_on) in [(1.0, 0.267, 0.08, 806.0), (-1.0, 0.119, 0.006, 1434.0)] {
            let mut bank = Bank::new(AndTs::reference(), 1, Key::root(0));
            // A slow triangle, 0.4 V in 4 ms.
            let trace = run(&mut bank, vec![(0.0, 0.0), (4e-3, sign * 0.4), (8e-3, 0.0)], 2e-6);
            let top = trace.t_s.partition_point(|t| *t < 4e-3);
            let closes = trace.x.iter().position(|x| *x > 0.5).unwrap();
            let opens = top + trace.x[top..].iter().position(|x| *x < 0.5).unwrap();
            assert!((trace.v[closes].abs() - th).abs() < 2e-3, "{} at {th}", trace.v[closes]);
            // The hold voltage is soft, about V_R wide.
            assert!((trace.v[opens].abs() - hold).abs() < 0.02, "{} at {hold}", trace.v[opens]);
            let r = trace.v[top] / trace.i_a[top];
            assert!((r / r_on - 1.0).abs() < 0.02, "{r}");
        }
    }

    #[test]
    fn thresholds_are_new_in_every_cycle_and_spread_as_published() {
        let mut bank = Bank::new(AndTs::stochastic(), 1, Key::root(5));
        let mut points = vec![(0.0, 0.0)];
        let cycles = 150;
        for k in 0..cycles {
            let t = f64::from(k) * 1e-3;
            points.extend([(t + 4e-4, 0.5), (t + 8e-4, 0.0), (t + 1e-3, 0.0)]);
        }
        let trace = run(&mut bank, points, 1e-6);
        let thresholds: Vec<f64> = (1..trace.x.len())
            .filter(|n| trace.x[*n] > 0.5 && trace.x[n - 1] <= 0.5)
            .map(|n| trace.v[n])
            .collect();
        assert_eq!(thresholds.len(), cycles as usize);
        let (mean, sd) = (neurohm_num::stats::mean(&thresholds), neurohm_num::stats::sd(&thresholds));
        // Four standard errors.
        assert!((mean - 0.294).abs() < 4.0 * 0.038 / 150.0_f64.sqrt(), "{mean}");
        assert!((sd / 0.038 - 1.0).abs() < 4.0 / 300.0_f64.sqrt(), "{sd}");
    }
}
