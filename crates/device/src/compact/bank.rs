//! Many cells of one model, stepped implicitly.

use neurohm_num::{Key, Purpose};
use rayon::prelude::*;

use super::wiener::wiener;
use super::{CellBank, CompactModel, MAX_CHANNELS, MAX_STATES, ModelError, Response};

mod step;

use step::{Asked, Pair, Trial, Voltage, solve_step};

pub use step::INNER;

/// Cells from which on all threads share a step: below, handing out costs as much as it saves.
const MANY: usize = 256;

/// Relative tolerance of a step's states: of each state's scale.
const TOLERANCE: f64 = 1e-5;

/// Cells of one model; the [`CellBank`] of any [`CompactModel`].
///
/// States move by TR-BDF2 (Bank et al. 1985; in the form of Hosea and Shampine 1996), which is L-stable and of second
/// order, with a Newton iteration that respects bounds: a state at its bound stays there while its rate points outward
/// and leaves it when the rate turns. Jumps happen when the integral of their hazard reaches a threshold drawn from the
/// unit exponential distribution, so their probability does not depend on the steps. Noise is a Wiener process that is a
/// function of time. All random numbers grow from (key, number of the cell).
#[derive(Clone)]
pub struct Bank<M: CompactModel> {
    model: M,
    key: Key,
    tolerance: f64,
    clock_s: f64,
    /// Length (s) and temperature (K) of the last solved step.
    dt_s: f64,
    t_k: f64,
    solved: bool,
    /// Whether slopes were asked for, and for how many cells, the first ones, along a straight line of the voltage.
    slope: bool,
    straight: usize,
    cells: Vec<Life<M::Cell>>,
    trials: Vec<Trial>,
    /// Accepted states, cell by cell.
    x: Vec<f64>,
}

/// What is known of a cell beside its states.
#[derive(Clone, Debug)]
struct Life<C> {
    cell: C,
    key: Key,
    v: f64,
    begin: Option<Begin>,
    guess: f64,
    cycle: u32,
    fate: [Fate; MAX_CHANNELS],
    w: [f64; MAX_STATES],
}

/// What a cell does where its next step begins: the end of the last one, unless something changed there.
#[derive(Clone, Debug)]
struct Begin {
    t_k: f64,
    at: Response,
}

/// A jump channel's way to its next jump.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    /// Integrated hazard since the last jump.
    passed: f64,
    /// Where the next jump is.
    threshold: f64,
    /// Jumps so far.
    count: u32,
}

impl Fate {
    fn new(key: Key, channel: usize, count: u32) -> Fate {
        let stream = key.stream(Purpose::Jump, u64::from(count));
        let word = |i: u64| f64::from(stream.bits(2 * channel as u64 + i));
        // 64 random bits: rare jumps are resolved down to a probability of 5e-20.
        let u = (word(0) * 4_294_967_296.0 + word(1) + 0.5) / 18_446_744_073_709_551_616.0;
        // Of 1 - u for large u, so that small thresholds keep their digits.
        Fate { passed: 0.0, threshold: -libm::log1p(-u.min(1.0 - 1e-16)), count }
    }
}

/// Solves every cell, where there are many with all threads. Compiled once, and not for every model.
fn each(
    trials: &mut [Trial],
    one: &(dyn Fn(usize, &mut Trial) -> Result<(), ModelError> + Sync),
) -> Result<(), (usize, ModelError)> {
    if trials.len() < MANY {
        return trials.iter_mut().enumerate().try_for_each(|(id, trial)| one(id, trial).map_err(|e| (id, e)));
    }
    let trials = trials.par_iter_mut().enumerate().with_min_len(MANY / 4);
    // Of several cells without an answer always the same one.
    let failed = trials.filter_map(|(id, trial)| one(id, trial).err().map(|e| (id, e)));
    failed.min_by_key(|(id, _)| *id).map_or(Ok(()), Err)
}

impl<M: CompactModel> Bank<M> {
    /// `len` unused cells that grow from `key`.
    pub fn new(model: M, len: usize, key: Key) -> Bank<M> {
        const { assert!(M::N <= MAX_STATES && M::H <= MAX_CHANNELS) };
        let mut x = vec![0.0; len * M::N];
        let mut cells = Vec::with_capacity(len);
        for id in 0..len {
            let own = key.child("cell", id as u64);
            let cell = model.draw(own, id as u64);
            model.initial(&cell, &mut x[id * M::N..(id + 1) * M::N]);
            let mut fate = [Fate::default(); MAX_CHANNELS];
            for (channel, fate) in fate.iter_mut().enumerate().take(M::H) {
                *fate = Fate::new(own, channel, 0);
            }
            cells.push(Life {
                cell,
                key: own,
                v: 0.0,
                begin: None,
                guess: 0.0,
                cycle: 0,
                fate,
                w: [0.0; MAX_STATES],
            });
        }
        let trials = vec![Trial::default(); len];
        let tolerance = TOLERANCE;
        Bank {
            model,
            key,
            tolerance,
            clock_s: 0.0,
            dt_s: 0.0,
            t_k: 0.0,
            solved: false,
            slope: false,
            straight: 0,
            cells,
            trials,
            x,
        }
    }

    /// Another tolerance for the states, relative to their scale; 1e-5 unless told. Between 1e-12 and 1.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: f64) -> Bank<M> {
        self.set_tolerance(tolerance);
        self
    }

    /// Puts a cell into a state; each number is brought within the model's bounds. Numbers that are not finite and
    /// cells that are not there change nothing.
    pub fn set_state(&mut self, cell: usize, x: &[f64]) {
        let Some(life) = self.cells.get_mut(cell) else { return };
        let (mut low, mut high) = ([0.0; MAX_STATES], [0.0; MAX_STATES]);
        self.model.bounds(&life.cell, &mut low[..M::N], &mut high[..M::N]);
        life.begin = None;
        let own = &mut self.x[cell * M::N..(cell + 1) * M::N];
        for (((own, x), low), high) in own.iter_mut().zip(x).zip(low).zip(high) {
            if x.is_finite() {
                *own = x.max(low).min(high);
            }
        }
        self.solved = false;
    }

    /// Solves a step to the voltages `v`, by way of `inner_v` where it bends.
    fn advance(
        &mut self,
        inner_v: Option<&[f64]>,
        v: &[f64],
        t_k: f64,
        dt_s: f64,
        i: &mut [f64],
        g_total: &mut [f64],
    ) -> Result<(), (usize, ModelError)> {
        let slope = !g_total.is_empty();
        // A circuit's iteration asks again for cells whose voltages have settled.
        let again = self.solved
            && inner_v.is_none()
            && self.dt_s.to_bits() == dt_s.to_bits()
            && self.t_k.to_bits() == t_k.to_bits()
            && self.slope == slope;
        let straight = if again { self.straight } else { 0 };
        self.solved = false;
        let end_s = self.clock_s + dt_s;
        let count = self.cells.len().min(v.len()).min(i.len());
        let (model, tolerance) = (&self.model, self.tolerance);
        let (cells, x) = (&self.cells, &self.x);
        let one = |id: usize, trial: &mut Trial| {
            if id < straight && trial.v.to_bits() == v[id].to_bits() {
                return Ok(());
            }
            let life = &cells[id];
            let asked = Asked {
                x: &x[id * M::N..(id + 1) * M::N],
                v: Voltage::new(life.v, inner_v.and_then(|inner| inner.get(id)).copied(), v[id]),
                begin: life.begin.as_ref().filter(|b| b.t_k == t_k).map(|b| &b.at),
                t_k,
                dt_s,
                guess: life.guess,
                tolerance,
                slope,
                w: &life.w,
                to_w: &|state| wiener(life.key, state, end_s),
            };
            *trial = solve_step(&Pair(model, &life.cell), &asked)?;
            Ok(())
        };
        each(&mut self.trials[..count], &one)?;
        for (i, trial) in i.iter_mut().zip(&self.trials[..count]) {
            *i = trial.end.i_a;
        }
        for (g, trial) in g_total.iter_mut().zip(&self.trials[..count]) {
            *g = trial.g;
        }
        (self.dt_s, self.t_k) = (dt_s, t_k);
        (self.slope, self.straight) = (slope, if inner_v.is_none() { count } else { 0 });
        self.solved = true;
        Ok(())
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Time since the bank was made, s: the sum of all accepted steps.
    pub fn clock_s(&self) -> f64 {
        self.clock_s
    }

    /// How often a cell has jumped through a channel; 0 where there is no such cell or channel.
    pub fn jumps(&self, cell: usize, channel: usize) -> u32 {
        self.cells.get(cell).and_then(|c| c.fate.get(channel)).map_or(0, |f| f.count)
    }
}

impl<M: CompactModel> CellBank for Bank<M> {
    fn len(&self) -> usize {
        self.cells.len()
    }

    fn solve(
        &mut self,
        v: &[f64],
        t_k: f64,
        dt_s: f64,
        i: &mut [f64],
        g_total: &mut [f64],
    ) -> Result<(), (usize, ModelError)> {
        self.advance(None, v, t_k, dt_s, i, g_total)
    }

    fn solve_bent(
        &mut self,
        inner_v: &[f64],
        v: &[f64],
        t_k: f64,
        dt_s: f64,
        i: &mut [f64],
    ) -> Result<(), (usize, ModelError)> {
        self.advance(Some(inner_v), v, t_k, dt_s, i, &mut [])
    }

    fn inner(&self, cell: usize) -> Option<(f64, &[f64])> {
        let inner = self.trials.get(cell)?.inner.as_ref().filter(|_| self.solved)?;
        Some((inner.i, &inner.x[..M::N]))
    }

    fn error(&self) -> f64 {
        self.trials.iter().map(|t| t.error).fold(0.0, f64::max)
    }

    fn first_event(&self) -> Option<f64> {
        let mut first: Option<f64> = None;
        for (life, trial) in self.cells.iter().zip(&self.trials) {
            for (fate, hazard) in life.fate.iter().zip(&trial.hazards).take(M::H) {
                let left = fate.threshold - fate.passed;
                let at = hazard.crossing(left, self.dt_s);
                if let Some(at) = at.filter(|at| *at < self.dt_s * (1.0 - 1e-6)) {
                    first = Some(first.map_or(at, |f| f.min(at)));
                }
            }
        }
        first.filter(|_| self.solved)
    }

    fn accept(&mut self, v: &[f64]) {
        if !std::mem::take(&mut self.solved) {
            return;
        }
        self.clock_s += self.dt_s;
        for (id, (life, trial)) in self.cells.iter_mut().zip(&self.trials).enumerate() {
            let Some(v) = v.get(id) else { break };
            // A voltage other than the solved one is another place.
            let same = trial.v.to_bits() == v.to_bits();
            life.v = *v;
            life.guess = trial.guess;
            life.begin = same.then_some(Begin { t_k: self.t_k, at: trial.end });
            if self.dt_s <= 0.0 {
                continue;
            }
            life.w = trial.w;
            let x = &mut self.x[id * M::N..(id + 1) * M::N];
            let mut before = [0.0; MAX_STATES];
            before[..M::N].copy_from_slice(x);
            x.copy_from_slice(&trial.x[..M::N]);
            let mut changed = self.model.accept(
                &mut life.cell,
                &before[..M::N],
                x,
                *v,
                &mut life.cycle,
                life.key,
                id as u64,
            );
            for channel in 0..M::H {
                let fate = &mut life.fate[channel];
                let hazard = &trial.hazards[channel];
                let left = fate.threshold - fate.passed;
                if hazard.reaches(left, self.dt_s) {
                    let nth = fate.count;
                    *fate = Fate::new(life.key, channel, nth.wrapping_add(1));
                    self.model.jump(&mut life.cell, x, channel, nth, life.key, id as u64);
                    changed = true;
                } else {
                    fate.passed += hazard.integral;
                }
            }
            if changed || *x != trial.x[..M::N] {
                life.begin = None;
            }
        }
    }

    fn state(&self) -> &[f64] {
        &self.x
    }

    fn set_state(&mut self, cell: usize, x: &[f64]) {
        Bank::set_state(self, cell, x);
    }

    fn set_tolerance(&mut self, tolerance: f64) {
        self.solved = false;
        self.tolerance = if tolerance.is_nan() { TOLERANCE } else { tolerance.clamp(1e-12, 1.0) };
    }

    fn spice(&self, cell: usize, name: &str, t_k: f64) -> Result<String, String> {
        let Some(life) = self.cells.get(cell) else {
            return Err(format!("there is no cell {cell} of {}", self.cells.len()));
        };
        if let Some(what) = self.model.chance() {
            return Err(format!("chance decides {what}, and SPICE only integrates"));
        }
        let x = &self.x[cell * M::N..(cell + 1) * M::N];
        let mut strength = [0.0; MAX_STATES];
        if self.model.noise(&life.cell, x, 0.0, 0.0, t_k, &mut strength[..M::N]) {
            return Err(
                "noise drives its states, and SPICE only integrates; set its noise to zero".to_owned()
            );
        }
        let equations = self.model.spice(&life.cell)?;
        if equations.names().len() != M::N {
            return Err(format!("{} of its {} states have equations", equations.names().len(), M::N));
        }
        let (mut low, mut high, mut scale) = ([0.0; MAX_STATES], [0.0; MAX_STATES], [1.0; MAX_STATES]);
        self.model.bounds(&life.cell, &mut low[..M::N], &mut high[..M::N]);
        self.model.scale(&life.cell, &mut scale[..M::N]);
        Ok(equations.subcircuit(name, t_k, x, &scale, &low, &high))
    }

    fn snapshot(&self) -> Box<dyn CellBank> {
        Box::new(self.clone())
    }
}

impl<M: CompactModel> std::fmt::Debug for Bank<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bank").field("len", &self.cells.len()).field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
