//! Non-linear cells: Newton's iteration on all node voltages.
//!
//! At given voltages every cell is a conductance with a current source beside it, and that network is linear: it is eliminated
//! by the tree, or solved by conjugate gradients where that is faster. The step to its solution is the Newton step. The circuit
//! of cells whose currents grow with their voltages has one solution, the minimum of a convex function (the co-content,
//! Millar 1951), whose slope along a step is the sum of currents into the nodes times how they move: a step that overshoots is shortened until that slope is small, so that
//! the iteration converges from anywhere.

use neurohm_num::{Rows, Watch};

use super::back::Back;
use super::check::Segments;
use super::iterate::{Start, System};
use super::linear::{LinearCrossbar, Way};
use super::{WireError, Wires, Workspace};

/// Newton steps at most.
const STEPS: u32 = 100;

/// Error of the voltages that is small enough, as a part of the largest input: all digits.
pub(super) const EXACT: f64 = 1e-15;

/// Largest input, as a part of the one before, below which a solution starts at rest.
const FADED: f64 = 1e-3;

/// Steps that are that small need no shortening: their slopes are rounding.
const SMALL: f64 = 1e-6;

/// Cells between the nodes of a crossbar.
pub(super) trait Cells {
    /// What does not follow the voltages within a step, such as the overdrive of a transistor, at these.
    fn begin(&mut self, word: &[f64], bit: &[f64]);

    /// Current from word line to bit line of every cell, and how it follows the voltage between them.
    fn branches(&mut self, word: &[f64], bit: &[f64], i: &mut [f64], g: &mut [f64]) -> Result<(), WireError>;

    /// Whether something is left to [`Cells::begin`], so that steps shrink by a factor and not quadratically.
    fn lags(&self) -> bool;
}

/// Node voltages of a crossbar of non-linear cells, and how its cells look there.
#[derive(Clone, Debug, Default)]
pub(super) struct Point {
    pub word: Vec<f64>,
    pub bit: Vec<f64>,
    pub i: Vec<f64>,
    pub g: Vec<f64>,
    /// Voltage to which the others are exact: the largest input, or 0 where each has all its digits.
    pub scale_v: f64,
}

/// The iteration, with what it keeps from one input to the next.
pub(super) struct Newton<'a> {
    rows: usize,
    columns: usize,
    wires: Wires,
    segments: Segments,
    /// Error of the voltages that is small enough, as a part of the largest input.
    enough: f64,
    /// Newton steps at most.
    pub(super) patience: u32,
    workspace: &'a Workspace,
    watch: &'a dyn Watch,
    /// The last linearised network: conductances and added currents.
    g: Vec<f64>,
    source: Vec<f64>,
    solver: Option<Solver>,
}

/// How linearised networks are solved.
enum Solver {
    /// By elimination, for every network anew.
    Eliminated(Way),
    /// By conjugate gradients, which start where the cells were linearised.
    Iterated(Box<System>),
}

/// Part of an error that conjugate gradients leave in a step: small beside what the step itself leaves, until the last ones.
const LEFT: f64 = 1e-4;

impl<'a> Newton<'a> {
    pub(super) fn new(
        crossbar: &LinearCrossbar,
        enough: f64,
        workspace: &'a Workspace,
        watch: &'a dyn Watch,
    ) -> Self {
        let (rows, columns) = (crossbar.rows(), crossbar.columns());
        let (g, source) = (vec![0.0; rows * columns], vec![0.0; rows * columns]);
        let (wires, segments) = (crossbar.wires(), Segments::of(crossbar));
        Self {
            rows,
            columns,
            wires,
            segments,
            enough,
            patience: STEPS,
            workspace,
            watch,
            g,
            source,
            solver: None,
        }
    }

    /// Solves for the voltages of all sources and sinks. Starts where the last solution of this iteration would be if cells stayed
    /// as they were linearised there; where that leads nowhere, as with steep cells and another sign, or there is none, at
    /// rest. Returns the number of steps.
    pub(super) fn solve(
        &mut self,
        cells: &mut dyn Cells,
        terminals: &[f64],
        at: &mut Point,
    ) -> Result<u32, WireError> {
        // Who has less patience shortens a step instead.
        let warm = self.solver.is_some() && self.patience == STEPS;
        match self.attempt(cells, terminals, at) {
            Err(WireError::NotConverged { steps, .. }) if warm => {
                at.bit.clear();
                self.attempt(cells, terminals, at).map(|more| steps + more)
            }
            found => found,
        }
    }

    fn attempt(
        &mut self,
        cells: &mut dyn Cells,
        terminals: &[f64],
        at: &mut Point,
    ) -> Result<u32, WireError> {
        let count = self.rows * self.columns;
        let top = terminals.iter().fold(f64::MIN_POSITIVE, |t, v| t.max(v.abs()));
        at.i.resize(count, 0.0);
        at.g.resize(count, 0.0);
        // Far below the last input its voltages are no start: their rounding is not small beside this one's.
        let near = top >= FADED * at.scale_v;
        at.scale_v = top;
        if near && self.solver.is_some() && at.bit.len() == count {
            (at.word, at.bit) = self.linear(terminals, &at.bit)?;
        } else {
            (at.word, at.bit) = (vec![0.0; count], vec![0.0; count]);
        }
        let mut before = f64::INFINITY;
        for step in 1..=self.patience {
            self.watch.step(0)?;
            cells.begin(&at.word, &at.bit);
            cells.branches(&at.word, &at.bit, &mut at.i, &mut at.g)?;
            let slope = |g: f64| if g.is_finite() { g.max(0.0) } else { f64::MAX.sqrt() };
            for (k, ((i, g), (w, b))) in at.i.iter().zip(&at.g).zip(at.word.iter().zip(&at.bit)).enumerate() {
                self.g[k] = slope(*g);
                self.source[k] = i - self.g[k] * (w - b);
            }
            self.factor()?;
            let (word, bit) = self.linear(terminals, &at.bit)?;
            let moved = largest_step(at, &word, &bit) / top;
            let whole = if moved < SMALL { 1.0 } else { self.length(cells, terminals, at, &word, &bit)? };
            for (to, from) in [(&mut at.word, &word), (&mut at.bit, &bit)] {
                to.iter_mut().zip(from).for_each(|(u, v)| *u += whole * (v - *u));
            }
            // A first step tells nothing of the next, however small it is: it may start near the solution.
            let ratio = if before < f64::INFINITY { moved / before } else { 1.0 };
            // What the next step would be.
            let next = if cells.lags() {
                moved * ratio / (1.0 - ratio.min(0.99))
            } else {
                let inexact = matches!(self.solver, Some(Solver::Iterated(_)));
                moved * (ratio * ratio).max(if inexact { LEFT } else { 0.0 })
            };
            if whole == 1.0 && (moved <= self.enough || (ratio < 0.5 && moved < 1e-3 && next <= self.enough))
            {
                cells.branches(&at.word, &at.bit, &mut at.i, &mut at.g)?;
                return Ok(step);
            }
            // Where rounding ends the descent.
            if whole == 1.0 && moved < 1e-11 && ratio > 0.5 && before < f64::INFINITY {
                cells.branches(&at.word, &at.bit, &mut at.i, &mut at.g)?;
                return Ok(step);
            }
            before = moved;
        }
        Err(WireError::NotConverged { steps: self.patience, left: before })
    }

    /// Makes the network of the cells as they are linearised now solvable.
    fn factor(&mut self) -> Result<(), WireError> {
        let mut system = None;
        match self.solver.take() {
            Some(Solver::Eliminated(Way::Tree(back))) => Back::give_back(back, self.workspace),
            Some(Solver::Iterated(kept)) => system = Some(kept),
            _ => {}
        }
        let crossbar = self.crossbar()?;
        let solver = if crossbar.iterates_faster(1) {
            let mut system = system.unwrap_or_else(|| Box::new(System::new(&crossbar)));
            system.factor(crossbar.conductances());
            Solver::Iterated(system)
        } else {
            Solver::Eliminated(crossbar.way(true, self.workspace, self.watch)?.1)
        };
        self.solver = Some(solver);
        Ok(())
    }

    fn crossbar(&self) -> Result<LinearCrossbar<'_>, WireError> {
        let size = |_| WireError::Size { rows: self.rows, columns: self.columns };
        let rows = |values| Rows::new(values, self.rows, self.columns).map_err(size);
        Ok(LinearCrossbar::linearised(rows(&self.g)?, rows(&self.source)?, self.wires))
    }

    /// Voltages of the network as it was linearised last; `near` are voltages of its bit lines that are not far from them.
    fn linear(&self, terminals: &[f64], near: &[f64]) -> Result<(Vec<f64>, Vec<f64>), WireError> {
        match &self.solver {
            Some(Solver::Eliminated(way)) => Ok(self.crossbar()?.nodes(way, self.workspace, terminals, 1)),
            Some(Solver::Iterated(system)) => {
                let start = Start { added: Some(&self.source), bit: Some(near), left: LEFT };
                let (word, bit, _) = system.solve(terminals, &start, self.watch)?;
                Ok((word, bit))
            }
            None => Ok((vec![0.0; self.g.len()], vec![0.0; self.g.len()])),
        }
    }

    /// How much of the step to `word`, `bit` to take: all of it unless the slope of the co-content turns, else where it has
    /// fallen to a tenth.
    fn length(
        &self,
        cells: &mut dyn Cells,
        terminals: &[f64],
        at: &Point,
        word: &[f64],
        bit: &[f64],
    ) -> Result<f64, WireError> {
        let (constant, linear) = self.wire_slope(terminals, at, word, bit);
        let count = at.word.len();
        let (mut w, mut b) = (vec![0.0; count], vec![0.0; count]);
        let (mut i, mut g) = (vec![0.0; count], vec![0.0; count]);
        let cell_slope = |i: &[f64]| -> f64 {
            let dv = |k: usize| (word[k] - at.word[k]) - (bit[k] - at.bit[k]);
            i.iter().enumerate().map(|(k, i)| i * dv(k)).sum()
        };
        let start = constant + cell_slope(&at.i);
        // Not downhill: rounding, or a part of the cells that waits for the next step.
        if start.is_nan() || start >= 0.0 {
            return Ok(1.0);
        }
        let (mut low, mut high) = ((0.0, start), None);
        let mut length = 1.0;
        for _ in 0..60 {
            for (to, (from, target)) in [(&mut w, (&at.word, word)), (&mut b, (&at.bit, bit))] {
                for (u, (a, z)) in to.iter_mut().zip(from.iter().zip(target)) {
                    *u = a + length * (z - a);
                }
            }
            cells.branches(&w, &b, &mut i, &mut g)?;
            let slope = constant + length * linear + cell_slope(&i);
            if slope.abs() <= 0.1 * start.abs() || (length == 1.0 && slope < 0.0) {
                return Ok(length);
            }
            if slope < 0.0 {
                low = (length, slope);
            } else {
                high = Some((length, slope));
            }
            let Some(high) = high else { return Ok(length) };
            // A secant that leaves some of either side.
            let secant = if high.1.is_finite() { low.1 / (low.1 - high.1) } else { 0.5 };
            length = low.0 + (high.0 - low.0) * secant.clamp(0.05, 0.95);
        }
        Ok(length)
    }

    /// Slope of the wires' part of the co-content along the step, at its start and per length.
    fn wire_slope(&self, terminals: &[f64], at: &Point, word: &[f64], bit: &[f64]) -> (f64, f64) {
        let (m, n, s) = (self.rows, self.columns, &self.segments);
        let (inputs, sinks) = terminals.split_at(m);
        let (mut constant, mut linear) = (0.0, 0.0);
        let mut add = |g: f64, before: f64, moved: f64| {
            if g.is_finite() {
                constant += g * before * moved;
                linear += g * moved * moved;
            }
        };
        for i in 0..m {
            for j in 0..n {
                let k = i * n + j;
                let dw = word[k] - at.word[k];
                let db = bit[k] - at.bit[k];
                if j == 0 {
                    add(s.first_word, at.word[k] - inputs[i], dw);
                } else {
                    add(s.word, at.word[k] - at.word[k - 1], dw - (word[k - 1] - at.word[k - 1]));
                }
                if j + 1 == n && s.end_word > 0.0 {
                    add(s.end_word, at.word[k] - inputs[i], dw);
                }
                if i == 0 {
                    add(s.end_bit, at.bit[k] - sinks[j], db);
                } else {
                    add(s.bit, at.bit[k] - at.bit[k - n], db - (bit[k - n] - at.bit[k - n]));
                }
                if i + 1 == m {
                    add(s.last_bit, at.bit[k] - sinks[j], db);
                }
            }
        }
        (constant, linear)
    }
}

fn largest_step(at: &Point, word: &[f64], bit: &[f64]) -> f64 {
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).fold(0.0f64, |t, (a, b)| t.max((a - b).abs()));
    apart(&at.word, word).max(apart(&at.bit, bit))
}
