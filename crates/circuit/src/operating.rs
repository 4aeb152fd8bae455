//! The operating point: every capacitor open, every inductor a wire, every cell in the state it is in.

use crate::CircuitError;
use crate::circuit::Circuit;
use crate::system::{Instant, Trouble};
use crate::waveform::Side;

impl Circuit {
    /// Finds the direct-current solution with the sources' values at the circuit's clock, and takes it as the state of
    /// capacitors and inductors. Cells stay as they are. Returns the number of Newton iterations.
    ///
    /// Where Newton's iteration does not converge by itself, conductances to ground are added and taken back decade
    /// by decade, then the sources are raised from zero, then the voltages are let fall from zero as in time. Where there
    /// are several solutions, one is found.
    ///
    /// # Errors
    /// A floating node, an undetermined unknown, a source that is not finite, a cell without a solution, no
    /// convergence. The state is then as before.
    pub fn operating_point(&mut self) -> Result<u64, CircuitError> {
        let t_s = self.history.t_s;
        self.read_sources(t_s, Side::After)?;
        self.check_topology(t_s, true)?;
        let at = Instant { dt_s: 0.0, lead: None, gmin_s: 0.0, anchor: None, fraction: 1.0 };
        let mut x = self.start();
        let iterations = match self.newton(&mut x, &at) {
            Ok(iterations) => iterations,
            Err(first) => {
                let [mut lowered, mut raised, mut fallen] =
                    [const { Vec::new() }; 3].map(|mut v: Vec<f64>| {
                        v.resize(x.len(), 0.0);
                        v
                    });
                let (found, iterations) = if let Ok(n) = self.lower_conductances(&mut lowered, &at) {
                    (lowered, n)
                } else if let Ok(n) = self.raise_sources(&mut raised, &at) {
                    (raised, n)
                } else if let Ok(n) = self.let_fall(&mut fallen, &at) {
                    (fallen, n)
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

    /// Lets every voltage move on a leash from `x` (pseudo-transient continuation; Kelley and Keyes 1998): as with
    /// equal capacitors at every node, a circuit whose solution ends in a fold when sources rise jumps to another one.
    fn let_fall(&mut self, x: &mut Vec<f64>, at: &Instant) -> Result<u64, Trouble> {
        const STAGES: u32 = 1000;
        let (mut gmin_s, mut iterations) = (1e-2, 0);
        for _ in 0..STAGES {
            let mut trial = x.clone();
            match self.newton(&mut trial, &Instant { gmin_s, anchor: Some(x), ..*at }) {
                Ok(n) => {
                    iterations += n;
                    *x = trial;
                    gmin_s *= 0.5;
                }
                Err(trouble) if gmin_s > 1e9 => return Err(trouble),
                Err(_) => gmin_s *= 8.0,
            }
            if gmin_s < 1e-12 {
                break;
            }
        }
        Ok(iterations + self.newton(x, at)?)
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
        self.history.driven.clone_from(&self.work.driven);
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
        self.newton(&mut x, &Instant { dt_s: 0.0, lead, gmin_s: 0.0, anchor: None, fraction: 1.0 })
            .map_err(|trouble| self.give_up(trouble, t_s, 0.0))?;
        let slots = self.slot_values(&x);
        for (k, rate) in self.history.rates.iter_mut().enumerate() {
            *rate = (slots[k] - self.history.slots[0][k]) / blink_s;
        }
        for bank in &mut self.banks {
            bank.current_a.clone_from(&bank.i);
        }
        self.note_scales(&x);
        self.history.driven.clone_from(&self.work.driven);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compliance, Waveform};

    /// Limiters in a bridge: nonlinear, and its solution is known to be one.
    fn bridge() -> Circuit {
        let mut circuit = Circuit::new();
        let nodes = ["top", "left", "right"].map(|name| circuit.node(name));
        circuit.drive(nodes[0], Waveform::constant(5.0)).unwrap();
        for (k, limit_a) in [1e-3, 2e-3].into_iter().enumerate() {
            let side = nodes[1 + k];
            circuit.compliance(nodes[0], side, Compliance::symmetric(limit_a, 10.0)).unwrap();
            circuit.resistor(side, Circuit::GROUND, 1e3).unwrap();
        }
        circuit.compliance(nodes[1], nodes[2], Compliance::symmetric(0.3e-3, 100.0)).unwrap();
        circuit
    }

    #[test]
    fn ways_around_find_what_the_straight_way_finds() {
        let mut circuit = bridge();
        circuit.operating_point().unwrap();
        let straight = circuit.history.unknowns[0].clone();
        // By hand: 2 mA into the right 1 kOhm, of which 0.3 mA come over from there to the left.
        assert!((straight[1] - 1.3).abs() < 1e-3 && (straight[2] - 1.7).abs() < 1e-3, "{straight:?}");
        let at = Instant { dt_s: 0.0, lead: None, gmin_s: 0.0, anchor: None, fraction: 1.0 };
        for way in [Circuit::lower_conductances, Circuit::raise_sources, Circuit::let_fall] {
            let mut found = vec![0.0; straight.len()];
            let iterations = way(&mut circuit, &mut found, &at).unwrap();
            assert!(iterations > 5, "a way of several stages: {iterations}");
            for (found, straight) in found.iter().zip(&straight) {
                assert!((found - straight).abs() < 1e-8 * 5.0, "{found} and {straight}");
            }
        }
    }
}
