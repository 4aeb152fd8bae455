//! Where a circuit is in time and where it was: what the formula for rates of change, the predictor and the estimate of
//! errors look back on.
//!
//! The formula is BDF2 with variable steps (Gear 1971; coefficients by differentiating the parabola through three
//! points). At a corner it starts anew with one implicit Euler step that is a thousandth as long as those before: BDF2
//! after a step that short is the trapezoidal rule, with the rate of change after the corner for its first slope. So
//! order 2 is kept across corners, and no slope from before a corner is ever used.

/// The last three accepted instants.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub t_s: f64,
    /// Steps between the instants, the last first, s.
    pub h_s: [f64; 2],
    /// How many instants since the last corner, itself included, are known for slots (up to 4). The corner's own
    /// unknowns are those before it, so of unknowns it is one less.
    pub instants: usize,
    /// Voltages of capacitors (V) and currents of inductors (A), the last first.
    pub slots: [Vec<f64>; 3],
    /// Unknowns, the last first; empty where there is no solution yet.
    pub unknowns: [Vec<f64>; 3],
    /// Largest voltage (V) and inductor current (A) so far.
    pub scale_v: f64,
    pub scale_a: f64,
    /// The step to try next where steps are not cut short, s.
    pub pace_s: Option<f64>,
    /// Rates of change of the slots at the last instant, per s.
    pub rates: Vec<f64>,
    /// Values of sources and injections then, part by part.
    pub driven: Vec<Option<f64>>,
}

impl History {
    pub fn add_slot(&mut self, initial: f64) -> usize {
        for values in &mut self.slots {
            values.push(initial);
        }
        self.rates.push(0.0);
        self.slots[0].len() - 1
    }

    /// Nothing from before the clock tells what comes after it.
    pub fn restart(&mut self) {
        self.instants = 1;
    }

    /// The unknowns have changed their places.
    pub fn forget_unknowns(&mut self) {
        self.unknowns = Default::default();
        self.pace_s = None;
        self.restart();
    }

    /// The factor `a0` of a slot's new value in its rate of change after a step of `h` (1/s).
    pub fn lead(&self, h: f64) -> f64 {
        if self.instants < 2 { 1.0 / h } else { 1.0 / h + 1.0 / (h + self.h_s[0]) }
    }

    /// The rest of every slot's rate of change after a step of `h`.
    pub fn past(&self, h: f64, out: &mut Vec<f64>) {
        let lead = self.lead(h);
        let bend = if self.instants < 2 { 0.0 } else { h / (h + self.h_s[0]) / self.h_s[0] };
        out.clear();
        out.extend(self.slots[0].iter().zip(&self.slots[1]).map(|(now, before)| {
            // The difference first: it stays exact where the step before was very short.
            -lead * now - (now - before) * bend
        }));
    }

    /// Known instants of slots, at most three.
    pub fn slot_instants(&self) -> usize {
        self.instants.min(3)
    }

    /// Known instants of unknowns since the corner, at most three.
    pub fn unknown_instants(&self) -> usize {
        self.instants.saturating_sub(1).min(3)
    }

    /// What the polynomial through `known` earlier values makes of the value `h` later.
    pub fn predict(&self, values: &[Vec<f64>; 3], known: usize, k: usize, h: f64) -> f64 {
        let now = values[0][k];
        if known < 2 {
            return now;
        }
        let slope = (now - values[1][k]) / self.h_s[0];
        if known < 3 {
            return now + h * slope;
        }
        let before = (values[1][k] - values[2][k]) / self.h_s[1];
        now + h * (slope + (h + self.h_s[0]) * (slope - before) / (self.h_s[0] + self.h_s[1]))
    }

    /// The share of the difference between solution and prediction that is the solution's error: with three instants
    /// from the error terms of BDF2 and of the parabola, both of the third derivative; with two, of the second
    /// derivative, it is the implicit Euler step's, far more than the formula makes.
    pub fn share(&self, known: usize, h: f64) -> f64 {
        match known {
            0 | 1 => 0.0,
            2 => 0.5,
            _ => {
                let inverse = 1.0 / self.lead(h);
                inverse / (h + self.h_s[0] + self.h_s[1] + inverse)
            }
        }
    }

    /// Takes a step of `h` to `t_s`; `unknowns` are left with what they replace.
    pub fn push(&mut self, t_s: f64, h: f64, slots: &[f64], unknowns: &mut Vec<f64>, rates: &[f64]) {
        self.h_s = [h, self.h_s[0]];
        self.t_s = t_s;
        self.slots.rotate_right(1);
        self.slots[0].clear();
        self.slots[0].extend_from_slice(slots);
        self.unknowns.rotate_right(1);
        std::mem::swap(&mut self.unknowns[0], unknowns);
        self.rates.clear();
        self.rates.extend_from_slice(rates);
        self.instants = (self.instants + 1).min(4);
    }
}
