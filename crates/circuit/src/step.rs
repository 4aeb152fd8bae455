//! One step: its solution, its error, and taking it.

use crate::circuit::Circuit;
use crate::element::Part;
use crate::options::Statistics;
use crate::system::{Instant, Trouble, voltage};

/// A solved step that is not taken yet.
pub(crate) struct Step {
    pub h_s: f64,
    pub unknowns: Vec<f64>,
    pub slots: Vec<f64>,
    /// Largest error relative to what is allowed, how much longer a step of error 1 is, and whose error it is.
    pub error: f64,
    pub stretch: f64,
    pub whose: Whose,
    /// Largest change of a slot relative to the error that is allowed.
    pub change: f64,
    /// First jump of a cell after the step's begin (s), and its bank.
    pub jump: Option<(f64, usize)>,
}

/// Whose error is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Slot(usize),
    Unknown(usize),
    Bank(usize),
}

impl Circuit {
    /// Solves a step of `h_s`, sources being read at its end.
    pub(crate) fn attempt(&mut self, h_s: f64, statistics: &mut Statistics) -> Result<Step, Trouble> {
        let mut past = std::mem::take(&mut self.work.past);
        self.history.past(h_s, &mut past);
        self.work.past = past;
        let lead = Some(self.history.lead(h_s));
        let at = Instant { dt_s: h_s, lead, gmin_s: 0.0, anchor: None, fraction: 1.0 };
        let known = self.history.unknown_instants();
        let now = &self.history.unknowns;
        let mut x: Vec<f64> = (0..now[0].len()).map(|k| self.history.predict(now, known, k, h_s)).collect();
        let iterations = match self.newton(&mut x, &at) {
            // The prediction may lie where a cell has no solution; the last good one is nearer to home.
            Err(Trouble::Cell { .. } | Trouble::NotConverged { .. }) if known >= 2 => {
                x.clone_from(&self.history.unknowns[0]);
                self.newton(&mut x, &at)?
            }
            other => other?,
        };
        statistics.iterations += iterations;
        let slots = self.slot_values(&x);
        let mut step = Step {
            h_s,
            unknowns: x,
            slots,
            error: 0.0,
            stretch: f64::INFINITY,
            whose: Whose::Bank(0),
            change: 0.0,
            jump: None,
        };
        self.judge(&mut step);
        for (k, bank) in self.banks.iter().enumerate() {
            if let Some(after) = bank.cells.first_event()
                && step.jump.is_none_or(|(first, _)| after < first)
            {
                step.jump = Some((after, k));
            }
        }
        Ok(step)
    }

    fn judge(&self, step: &mut Step) {
        let (h, history) = (step.h_s, &self.history);
        let o = &self.options;
        let mut scale_v = history.scale_v;
        for v in &step.unknowns[..self.names.len() - 1] {
            scale_v = scale_v.max(v.abs());
        }
        let allowed_v = o.voltage_tolerance_v + o.relative_tolerance * scale_v;
        let allowed_a = |i: f64| o.current_tolerance_a + o.relative_tolerance * history.scale_a.max(i.abs());
        // The worst among errors that go with the square of the step, and with its cube.
        let mut worst = [(0.0, Whose::Bank(0)); 2];
        let mut consider = |error: f64, power: usize, whose: Whose| {
            // What cannot be compared is not good enough.
            let error = if error.is_nan() { f64::INFINITY } else { error };
            if error > worst[power - 2].0 {
                worst[power - 2] = (error, whose);
            }
        };
        let known = history.slot_instants();
        let share = history.share(known, h);
        let power = if known < 3 { 2 } else { 3 };
        for part in &self.parts {
            let (slot, allowed) = match part {
                // The error of the charge, relative to the charge at the allowed voltage.
                Part::Capacitor { slot, .. } => (*slot, allowed_v),
                Part::Inductor { slot, .. } => (*slot, allowed_a(step.slots[*slot])),
                _ => continue,
            };
            let new = step.slots[slot];
            step.change = step.change.max((new - history.slots[0][slot]).abs() / allowed);
            let predicted = history.predict(&history.slots, known, slot, h);
            consider(share * (new - predicted).abs() / allowed, power, Whose::Slot(slot));
        }
        let known = history.unknown_instants();
        let share = history.share(known, h);
        let power = if known < 3 { 2 } else { 3 };
        for k in 0..self.names.len() - 1 {
            let predicted = history.predict(&history.unknowns, known, k, h);
            consider(share * (step.unknowns[k] - predicted).abs() / allowed_v, power, Whose::Unknown(k));
        }
        for (k, bank) in self.banks.iter().enumerate() {
            // Whatever the bank's method is, its order is hardly less than two.
            consider(bank.cells.error(), 2, Whose::Bank(k));
        }
        // Of the two, the one that asks for the shorter step.
        let [square, cube] = worst;
        let (square_stretch, cube_stretch) = (1.0 / square.0.sqrt(), 1.0 / cube.0.cbrt());
        let ((error, whose), stretch) =
            if square_stretch < cube_stretch { (square, square_stretch) } else { (cube, cube_stretch) };
        (step.error, step.whose, step.stretch) = (error, whose, stretch);
    }

    /// Takes a step to `t_s`.
    pub(crate) fn take(&mut self, mut step: Step, t_s: f64) {
        let lead = self.history.lead(step.h_s);
        let rates: Vec<f64> =
            step.slots.iter().zip(&self.work.past).map(|(new, past)| lead * new + past).collect();
        for bank in &mut self.banks {
            bank.current_a.clone_from(&bank.i);
            bank.cells.accept(&bank.v);
        }
        self.note_scales(&step.unknowns);
        self.history.driven.clone_from(&self.work.driven);
        self.history.push(t_s, step.h_s, &step.slots, &mut step.unknowns, &rates);
    }

    /// Voltages of capacitors and currents of inductors.
    pub(crate) fn slot_values(&self, x: &[f64]) -> Vec<f64> {
        let mut slots = vec![0.0; self.history.slots[0].len()];
        let nodes = self.names.len() - 1;
        for part in &self.parts {
            match part {
                Part::Capacitor { a, b, slot, .. } => slots[*slot] = voltage(x, *a) - voltage(x, *b),
                Part::Inductor { slot, branch, .. } => slots[*slot] = x[nodes + branch],
                _ => {}
            }
        }
        slots
    }

    /// Remembers the largest voltage and inductor current.
    pub(crate) fn note_scales(&mut self, x: &[f64]) {
        let nodes = self.names.len() - 1;
        for v in &x[..nodes] {
            self.history.scale_v = self.history.scale_v.max(v.abs());
        }
        for part in &self.parts {
            if let Part::Inductor { branch, .. } = part {
                self.history.scale_a = self.history.scale_a.max(x[nodes + branch].abs());
            }
        }
    }

    /// A name for whose error is the largest.
    pub(crate) fn whose_name(&self, whose: Whose) -> String {
        match whose {
            Whose::Unknown(k) => self.unknown_name(k),
            Whose::Bank(k) => format!("the states of bank {k}"),
            Whose::Slot(slot) => {
                let part = self.parts.iter().find(|part| match part {
                    Part::Capacitor { slot: s, .. } | Part::Inductor { slot: s, .. } => *s == slot,
                    _ => false,
                });
                part.map_or_else(String::new, |part| format!("the {}", part.describe(self)))
            }
        }
    }
}
