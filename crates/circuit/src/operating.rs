//! The operating point: every capacitor open, every inductor a wire, every cell in the state it is in.

use crate::circuit::Circuit;
use crate::system::{Instant, Trouble};
use crate::waveform::Side;
use crate::{CircuitError, Solution};

impl Circuit {
    /// Finds the direct-current solution with the sources' values at the circuit's clock, and takes it as the state of
    /// capacitors and inductors. Cells stay as they are. Returns the number of Newton iterations.
    ///
    /// Where Newton's iteration does not converge by itself, conductances to ground are added and taken back decade
    /// by decade, then the sources are raised from zero.
    ///
    /// # Errors
    /// A floating node, an undetermined unknown, a source that is not finite, a cell without a solution, no
    /// convergence. The state is then as before.
    pub fn operating_point(&mut self) -> Result<u64, CircuitError> {
        let t_s = self.history.t_s;
        self.read_sources(t_s, Side::After)?;
        self.check_topology(t_s, true)?;
        let at = Instant { dt_s: 0.0, lead: None, gmin_s: 0.0, fraction: 1.0 };
        let mut x = self.start();
        let iterations = match self.newton(&mut x, &at) {
            Ok(iterations) => iterations,
            Err(first) => {
                let (mut lowered, mut raised) = (vec![0.0; x.len()], vec![0.0; x.len()]);
                let (found, iterations) = if let Ok(n) = self.lower_conductances(&mut lowered, &at) {
                    (lowered, n)
                } else if let Ok(n) = self.raise_sources(&mut raised, &at) {
                    (raised, n)
                } else {
                    return Err(self.give_up(first, t_s, 0.0));
                };
                x = found;
                iterations
            }
        };
        self.settle(x);
        Ok(iterations)
    }

    /// Takes conductances from every node to ground back, decade by decade, from the solution `x` without sources.
    fn lower_conductances(&mut self, x: &mut Vec<f64>, at: &Instant) -> Result<u64, Trouble> {
        let mut iterations = 0;
        for decade in 2..=12 {
            iterations += self.newton(x, &Instant { gmin_s: 10f64.powi(-decade), ..*at })?;
        }
        Ok(iterations + self.newton(x, at)?)
    }

    /// Raises the sources from zero, and the solution `x` with them, in steps that shorten where they fail.
    fn raise_sources(&mut self, x: &mut Vec<f64>, at: &Instant) -> Result<u64, Trouble> {
        let (mut reached, mut step, mut iterations) = (0.0, 0.1, 0);
        while reached < 1.0 {
            let fraction = f64::min(reached + step, 1.0);
            let mut trial = x.clone();
            match self.newton(&mut trial, &Instant { fraction, ..*at }) {
                Ok(n) => {
                    iterations += n;
                    *x = trial;
                    reached = fraction;
                    step *= 1.5;
                }
                Err(trouble) if step < 1e-6 => return Err(trouble),
                Err(_) => step *= 0.25,
            }
        }
        Ok(iterations)
    }

    /// Takes an operating point.
    fn settle(&mut self, x: Vec<f64>) {
        let slots = self.slot_values(&x);
        self.history.rates.fill(0.0);
        self.history.slots[0] = slots;
        for bank in &mut self.banks {
            bank.current_a.clone_from(&bank.i);
            bank.cells.accept(&bank.v);
        }
        self.note_scales(&x);
        self.history.unknowns[0] = x;
        self.history.restart();
    }

    /// The solution at the clock, right after whatever jumps there, with capacitors and inductors as they are. Nothing
    /// is taken but what the first probe sees.
    pub(crate) fn solve_start(&mut self, blink_s: f64) -> Result<(), CircuitError> {
        let t_s = self.history.t_s;
        self.read_sources(t_s, Side::After)?;
        self.check_topology(t_s, false)?;
        let lead = Some(1.0 / blink_s);
        let mut past = std::mem::take(&mut self.work.past);
        past.clear();
        past.extend(self.history.slots[0].iter().map(|now| -now / blink_s));
        self.work.past = past;
        let mut x = self.start();
        self.newton(&mut x, &Instant { dt_s: 0.0, lead, gmin_s: 0.0, fraction: 1.0 })
            .map_err(|trouble| self.give_up(trouble, t_s, 0.0))?;
        let slots = self.slot_values(&x);
        for (k, rate) in self.history.rates.iter_mut().enumerate() {
            *rate = (slots[k] - self.history.slots[0][k]) / blink_s;
        }
        for bank in &mut self.banks {
            bank.current_a.clone_from(&bank.i);
        }
        self.note_scales(&x);
        self.history.unknowns[0] = x;
        Ok(())
    }

    /// Where a first iteration starts.
    fn start(&self) -> Vec<f64> {
        match &self.history.unknowns[0] {
            known if known.len() == self.unknowns() => known.clone(),
            _ => vec![0.0; self.unknowns()],
        }
    }
}

impl Solution<'_> {
    /// Whether there is a solution yet: after an operating point or a transient.
    pub fn exists(&self) -> bool {
        !self.circuit.history.unknowns[0].is_empty() || self.circuit.unknowns() == 0
    }
}
