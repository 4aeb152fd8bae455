//! Banks for tests: a switch with two states and two thresholds, a sinh resistor, a resistor that jumps at set times, a tunnel
//! diode, and linear ion drift.
#![allow(dead_code, reason = "every test file takes what it needs")]

pub mod ngspice;

use neurohm_device::compact::{CellBank, ModelError};

/// Off below `threshold_v`, on until the voltage falls to `hold_v`.
#[derive(Clone)]
pub struct Switch {
    pub threshold_v: f64,
    pub hold_v: f64,
    pub on_ohm: f64,
    pub off_ohm: f64,
    pub on: [f64; 1],
    before_v: f64,
    jump_s: Option<f64>,
}

impl Switch {
    pub fn new(threshold_v: f64, hold_v: f64, on_ohm: f64, off_ohm: f64) -> Self {
        Self { threshold_v, hold_v, on_ohm, off_ohm, on: [0.0], before_v: 0.0, jump_s: None }
    }
}

impl CellBank for Switch {
    fn len(&self) -> usize {
        1
    }

    fn solve(
        &mut self,
        v: &[f64],
        _t_k: f64,
        dt_s: f64,
        i: &mut [f64],
        g: &mut [f64],
    ) -> Result<(), (usize, ModelError)> {
        let on = self.on[0] > 0.5;
        g[0] = 1.0 / if on { self.on_ohm } else { self.off_ohm };
        i[0] = g[0] * v[0];
        // Where a straight line between the two voltages meets the threshold.
        let edge = if on { self.hold_v } else { self.threshold_v };
        let beyond = if on { v[0] <= edge } else { v[0] >= edge };
        let share = (edge - self.before_v) / (v[0] - self.before_v);
        self.jump_s =
            (beyond && dt_s > 0.0).then(|| dt_s * if (0.0..=1.0).contains(&share) { share } else { 0.0 });
        Ok(())
    }

    fn error(&self) -> f64 {
        0.0
    }

    fn first_event(&self) -> Option<f64> {
        self.jump_s
    }

    fn accept(&mut self, v: &[f64]) {
        if self.jump_s.take().is_some() {
            self.on[0] = 1.0 - self.on[0];
        }
        self.before_v = v[0];
    }

    fn state(&self) -> &[f64] {
        &self.on
    }

    fn snapshot(&self) -> Box<dyn CellBank> {
        Box::new(self.clone())
    }
}

/// `i = i0 sinh(v / v0)` in every cell; refuses voltages above `fails_at_v`, and steps longer than `fails_over_s`.
#[derive(Clone)]
pub struct Sinh {
    pub cells: usize,
    pub i0_a: f64,
    pub v0_v: f64,
    pub fails_at_v: f64,
    pub fails_over_s: f64,
}

impl Sinh {
    pub fn new(cells: usize, i0_a: f64, v0_v: f64) -> Self {
        Self { cells, i0_a, v0_v, fails_at_v: f64::INFINITY, fails_over_s: f64::INFINITY }
    }
}

impl CellBank for Sinh {
    fn len(&self) -> usize {
        self.cells
    }

    fn solve(
        &mut self,
        v: &[f64],
        _t_k: f64,
        dt_s: f64,
        i: &mut [f64],
        g: &mut [f64],
    ) -> Result<(), (usize, ModelError)> {
        for (cell, &v) in v.iter().enumerate() {
            if v > self.fails_at_v {
                return Err((cell, ModelError::NoSolution { what: "the test's equation", v, x: vec![] }));
            }
            if dt_s > self.fails_over_s {
                return Err((cell, ModelError::Step { dt_s, v, x: vec![] }));
            }
            i[cell] = self.i0_a * (v / self.v0_v).sinh();
            g[cell] = self.i0_a / self.v0_v * (v / self.v0_v).cosh();
        }
        Ok(())
    }

    fn error(&self) -> f64 {
        0.0
    }

    fn accept(&mut self, _v: &[f64]) {}

    fn state(&self) -> &[f64] {
        &[]
    }

    fn snapshot(&self) -> Box<dyn CellBank> {
        Box::new(self.clone())
    }
}

/// A resistor that becomes another one at set instants, as a random jump would; it remembers when it jumped.
#[derive(Clone)]
pub struct Scheduled {
    pub ohms: Vec<f64>,
    pub times_s: Vec<f64>,
    pub clock_s: f64,
    /// `[number of jumps, clock at each of them]`.
    pub jumped: Vec<f64>,
    dt_s: f64,
}

impl Scheduled {
    pub fn new(ohms: &[f64], times_s: &[f64]) -> Self {
        assert_eq!(ohms.len(), times_s.len() + 1);
        Self { ohms: ohms.into(), times_s: times_s.into(), clock_s: 0.0, jumped: vec![0.0], dt_s: 0.0 }
    }

    fn next_s(&self) -> f64 {
        self.times_s.get(self.jumped.len() - 1).copied().unwrap_or(f64::INFINITY)
    }
}

impl CellBank for Scheduled {
    fn len(&self) -> usize {
        1
    }

    fn solve(
        &mut self,
        v: &[f64],
        _t_k: f64,
        dt_s: f64,
        i: &mut [f64],
        g: &mut [f64],
    ) -> Result<(), (usize, ModelError)> {
        g[0] = 1.0 / self.ohms[self.jumped.len() - 1];
        i[0] = g[0] * v[0];
        self.dt_s = dt_s;
        Ok(())
    }

    fn error(&self) -> f64 {
        0.0
    }

    fn first_event(&self) -> Option<f64> {
        let after_s = self.next_s() - self.clock_s;
        (after_s <= self.dt_s).then_some(after_s)
    }

    fn accept(&mut self, _v: &[f64]) {
        let jumps = self.first_event().is_some();
        self.clock_s += self.dt_s;
        if jumps {
            self.jumped.push(self.clock_s);
            self.jumped[0] += 1.0;
        }
    }

    fn state(&self) -> &[f64] {
        &self.jumped
    }

    fn snapshot(&self) -> Box<dyn CellBank> {
        Box::new(self.clone())
    }
}

/// A tunnel diode (peak of `peak_a` at `peak_v`; Esaki's curve as in Sze, Physics of Semiconductor Devices, eq. 8.23,
/// tunnel and diffusion current): its slope is negative in between.
#[derive(Clone)]
pub struct Tunnel {
    pub peak_a: f64,
    pub peak_v: f64,
}

impl Tunnel {
    pub fn current_a(&self, v: f64) -> f64 {
        self.peak_a * (v / self.peak_v) * (1.0 - v / self.peak_v).exp() + 1e-12 * ((v / 0.026).exp() - 1.0)
    }
}

impl CellBank for Tunnel {
    fn len(&self) -> usize {
        1
    }

    fn solve(
        &mut self,
        v: &[f64],
        _t_k: f64,
        _dt_s: f64,
        i: &mut [f64],
        g: &mut [f64],
    ) -> Result<(), (usize, ModelError)> {
        i[0] = self.current_a(v[0]);
        let u = v[0] / self.peak_v;
        g[0] = self.peak_a / self.peak_v * (1.0 - u) * (1.0 - u).exp() + 1e-12 / 0.026 * (v[0] / 0.026).exp();
        Ok(())
    }

    fn error(&self) -> f64 {
        0.0
    }

    fn accept(&mut self, _v: &[f64]) {}

    fn state(&self) -> &[f64] {
        &[]
    }

    fn snapshot(&self) -> Box<dyn CellBank> {
        Box::new(self.clone())
    }
}

/// Linear ion drift (Strukov, Snider, Stewart, Williams, Nature 453, 2008) without a window: resistance
/// `off_ohm - (off_ohm - on_ohm) x`, `dx/dt = per_coulomb i`; by the implicit trapezoidal rule.
#[derive(Clone)]
pub struct Drift {
    pub on_ohm: f64,
    pub off_ohm: f64,
    pub per_coulomb: f64,
    pub tolerance: f64,
    /// State, and current at the last accepted instant.
    pub x: [f64; 1],
    i_a: f64,
    /// State and current of the last solved step, and how far it is from a straight line.
    next: (f64, f64, f64),
}

impl Drift {
    pub fn new(on_ohm: f64, off_ohm: f64, per_coulomb: f64, tolerance: f64) -> Self {
        Self { on_ohm, off_ohm, per_coulomb, tolerance, x: [0.0], i_a: 0.0, next: (0.0, 0.0, 0.0) }
    }
}

impl CellBank for Drift {
    fn len(&self) -> usize {
        1
    }

    fn solve(
        &mut self,
        v: &[f64],
        _t_k: f64,
        dt_s: f64,
        i: &mut [f64],
        g: &mut [f64],
    ) -> Result<(), (usize, ModelError)> {
        let range = self.off_ohm - self.on_ohm;
        let half = 0.5 * dt_s * self.per_coulomb;
        let mut x = self.x[0] + 2.0 * half * self.i_a;
        for _ in 0..20 {
            let ohm = self.off_ohm - range * x;
            let residual = x - self.x[0] - half * (self.i_a + v[0] / ohm);
            x -= residual / (1.0 - half * v[0] * range / (ohm * ohm));
        }
        let ohm = self.off_ohm - range * x;
        // Without a window nothing holds the state at zero; rounding may go below.
        if !(-0.01..=1.0).contains(&x) {
            return Err((0, ModelError::Step { dt_s, v: v[0], x: vec![x] }));
        }
        i[0] = v[0] / ohm;
        g[0] = 1.0 / ohm / (1.0 - half * v[0] * range / (ohm * ohm));
        self.next = (x, i[0], x - self.x[0] - 2.0 * half * self.i_a);
        Ok(())
    }

    fn error(&self) -> f64 {
        self.next.2.abs() / self.tolerance
    }

    fn accept(&mut self, _v: &[f64]) {
        self.x[0] = self.next.0;
        self.i_a = self.next.1;
    }

    fn state(&self) -> &[f64] {
        &self.x
    }

    fn snapshot(&self) -> Box<dyn CellBank> {
        Box::new(self.clone())
    }
}
