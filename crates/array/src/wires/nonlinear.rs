//! Crossbars of non-linear cells and selectors.

use neurohm_num::{Rows, Silent, Watch};
use rayon::prelude::*;

use super::cell::{Access, Branch, CellLaw, Place, STEEPEST};
use super::check;
use super::linear::LinearCrossbar;
use super::newton::{self, Cells, Newton, Point};
use super::{WireError, Wires, Workspace};

/// Inputs that follow one another, each from where the last one ended. By their number alone: the number of threads changes
/// no bit.
const TOGETHER: usize = 16;

/// A crossbar of cells of one law.
#[derive(Clone, Debug)]
pub struct NonlinearCrossbar<'a> {
    crossbar: LinearCrossbar<'a>,
    law: CellLaw,
    /// Rows whose transistors are on; all where it is empty.
    rows_on: Vec<bool>,
}

/// Currents and voltages of a crossbar of non-linear cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NonlinearSolution {
    /// Current into the ground of each bit line, A; inputs x columns.
    pub currents: Vec<f64>,
    /// Voltage of each cell's word-line node, V; inputs x rows x columns.
    pub word_v: Vec<f64>,
    /// Voltage of each cell's bit-line node, V; inputs x rows x columns.
    pub bit_v: Vec<f64>,
    /// Current of each cell from its word line to its bit line, A; inputs x rows x columns.
    pub cells_a: Vec<f64>,
    /// Newton steps of each input.
    pub steps: Vec<u32>,
    /// Selectors that are on, of each input; 0 for other cells.
    pub switched_on: Vec<usize>,
    /// Kirchhoff's current law: the largest sum of currents at a node, as a part of what its conductances would carry at the
    /// largest input.
    pub kcl: f64,
    /// The largest difference between what the cells of a bit line give and what flows out of it, as a part of the
    /// largest current of that input; less what rounding explains.
    pub balance: f64,
    /// Reciprocity of small changes around the solution of one input: what sources send into grounds against what grounds send
    /// into sources, as a part of either. None where the cells' slopes lie too far apart for it, or one is negative.
    pub reciprocity: Option<f64>,
}

impl NonlinearSolution {
    /// Adds the inputs that follow.
    fn append(&mut self, more: Self) {
        self.currents.extend(more.currents);
        self.word_v.extend(more.word_v);
        self.bit_v.extend(more.bit_v);
        self.cells_a.extend(more.cells_a);
        self.steps.extend(more.steps);
        self.switched_on.extend(more.switched_on);
        self.kcl = self.kcl.max(more.kcl);
        self.balance = self.balance.max(more.balance);
        self.reciprocity = self.reciprocity.or(more.reciprocity);
    }
}

impl<'a> NonlinearCrossbar<'a> {
    /// Cells of conductances `g` at low voltage, S, rows x columns, all of one law.
    ///
    /// # Errors
    /// As for [`LinearCrossbar::new`], and parameters of the law that are out of range.
    pub fn new(g: Rows<'a, f64>, wires: Wires, law: CellLaw) -> Result<Self, WireError> {
        law.check()?;
        Ok(Self { crossbar: LinearCrossbar::new(g, wires)?, law, rows_on: Vec::new() })
    }

    /// Turns the transistors of these rows on and of all others off.
    ///
    /// # Errors
    /// Another number of rows, or cells without transistors.
    pub fn select(&mut self, rows_on: &[bool]) -> Result<(), WireError> {
        if !matches!(self.law.access, Access::Transistor { .. }) {
            return Err(WireError::NoGates);
        }
        if rows_on.len() != self.crossbar.rows() {
            let (what, expected, found) = ("rows of gates", self.crossbar.rows(), rows_on.len());
            return Err(WireError::Voltages { what, expected, found });
        }
        self.rows_on = rows_on.to_vec();
        Ok(())
    }

    /// The same crossbar with cells that are linear, at their low-voltage conductance and without selectors.
    pub fn linear(&self) -> LinearCrossbar<'a> {
        self.crossbar
    }

    /// What its cells are.
    pub fn law(&self) -> CellLaw {
        self.law
    }

    /// For each row whether its transistors are on; empty where all are.
    pub(super) fn rows_on(&self) -> &[bool] {
        &self.rows_on
    }

    /// Whether each threshold selector is on for each input: inputs x rows x columns.
    pub(super) fn switches(
        &self,
        inputs: Rows<f64>,
        workspace: &Workspace,
        watch: &dyn Watch,
    ) -> Result<Vec<bool>, WireError> {
        let quiet = Silent(watch);
        let mut newton = Newton::new(&self.crossbar, newton::EXACT, workspace, &quiet);
        let mut cells = StaticCells::new(self);
        let mut at = Point::default();
        let mut on = Vec::with_capacity(inputs.rows() * cells.on.len());
        let all = self.crossbar.rows() + self.crossbar.columns();
        let mut never = Never::default();
        for (number, lines) in self.grounded(inputs).chunks_exact(all).enumerate() {
            never.allow(self.input(&mut newton, &mut cells, lines, number, &mut at))?;
            on.extend_from_slice(&cells.on);
            watch.step(1)?;
        }
        never.end(inputs.rows())?;
        Ok(on)
    }

    /// Solves for voltages of the sources, V, one input a row.
    ///
    /// # Errors
    /// Voltages that do not fit or are not finite, an iteration that does not converge, a solution that breaks Kirchhoff's
    /// law, inputs with which no threshold selector turns on (all of them are named), or the watch. Steps `watch` by one an input.
    pub fn solve(
        &self,
        inputs: Rows<f64>,
        workspace: &Workspace,
        watch: &dyn Watch,
    ) -> Result<NonlinearSolution, WireError> {
        check::inputs("word lines", self.crossbar.rows(), inputs)?;
        let lines = self.grounded(inputs);
        let all = self.crossbar.rows() + self.crossbar.columns();
        let lines = Rows::new(&lines, inputs.rows(), all).map_err(|_| self.crossbar.size())?;
        self.solve_between(lines, workspace, watch)
    }

    /// Voltages of all lines where bit lines are at ground.
    fn grounded(&self, inputs: Rows<f64>) -> Vec<f64> {
        let grounds = vec![0.0; self.crossbar.columns()];
        (0..inputs.rows()).flat_map(|k| inputs.row(k).iter().chain(&grounds).copied()).collect()
    }

    /// Solves for voltages of all lines, V, one input a row: the sources of the word lines, and behind them the voltages at which
    /// bit lines are held instead of at ground.
    ///
    /// # Errors
    /// As for [`Self::solve`].
    pub fn solve_between(
        &self,
        lines: Rows<f64>,
        workspace: &Workspace,
        watch: &dyn Watch,
    ) -> Result<NonlinearSolution, WireError> {
        let sets = lines.rows();
        check::inputs("lines", self.crossbar.rows() + self.crossbar.columns(), lines)?;
        let chunks: Vec<usize> = (0..sets).step_by(TOGETHER).collect();
        let quiet = Silent(watch);
        let parts: Vec<(NonlinearSolution, Never)> = chunks
            .into_par_iter()
            .map(|first| {
                let count = TOGETHER.min(sets - first);
                self.chunk(lines.slice(first, count), first, workspace, watch, &quiet)
            })
            .collect::<Result<_, _>>()?;
        let (mut all, mut never) = (NonlinearSolution::default(), Never::default());
        for (part, without) in parts {
            all.append(part);
            never.append(without);
        }
        never.end(sets)?;
        Ok(all)
    }

    fn chunk(
        &self,
        lines: Rows<f64>,
        first: usize,
        workspace: &Workspace,
        watch: &dyn Watch,
        quiet: &Silent,
    ) -> Result<(NonlinearSolution, Never), WireError> {
        let (mut found, mut never) = (NonlinearSolution::default(), Never::default());
        let mut newton = Newton::new(&self.crossbar, newton::EXACT, workspace, quiet);
        let mut cells = StaticCells::new(self);
        let mut at = Point::default();
        for number in 0..lines.rows() {
            let v = lines.row(number);
            let tried = self.input(&mut newton, &mut cells, v, first + number, &mut at);
            let Some(steps) = never.allow(tried)? else {
                watch.step(1)?;
                continue;
            };
            cells.hold(&at)?;
            let currents = check::out_currents(&self.crossbar, &v[self.crossbar.rows()..], &at);
            let (kcl, balance) = check::kirchhoff_of(&self.crossbar, v, &currents, &at)?;
            found.kcl = found.kcl.max(kcl);
            found.balance = found.balance.max(balance);
            found.currents.extend(currents);
            found.word_v.extend_from_slice(&at.word);
            found.bit_v.extend_from_slice(&at.bit);
            found.cells_a.extend_from_slice(&at.i);
            found.steps.push(steps);
            found.switched_on.push(cells.switched_on());
            watch.step(1)?;
        }
        if first == 0 && never.0.is_none() {
            found.reciprocity = self.reciprocity(&at, workspace, quiet)?;
        }
        Ok((found, never))
    }

    /// Reciprocity of the array of the cells' slopes.
    fn reciprocity(
        &self,
        at: &Point,
        workspace: &Workspace,
        watch: &dyn Watch,
    ) -> Result<Option<f64>, WireError> {
        let (m, n) = (self.crossbar.rows(), self.crossbar.columns());
        let slopes =
            Rows::new(&at.g, m, n).ok().and_then(|g| LinearCrossbar::new(g, self.crossbar.wires()).ok());
        let Some(slopes) = slopes else { return Ok(None) };
        if slopes.can_iterate() {
            let x = check::pattern(m);
            let sources = Rows::new(&x, 1, m).map_err(|_| self.crossbar.size())?;
            match slopes.iterate(sources, watch) {
                Err(WireError::Residual { .. }) => {}
                found => return Ok(Some(slopes.iterated_reciprocity(&x, &found?.0.currents, watch)?)),
            }
        }
        // Slopes of many orders of magnitude, or lines that are hardly resistive: by elimination, like the solution itself.
        match slopes.eliminate(workspace, watch) {
            Err(WireError::Cancelled) => Err(WireError::Cancelled),
            eliminated => Ok(eliminated.ok().map(|found| found.reciprocity())),
        }
    }

    /// One input; of threshold selectors those turn on that a rising voltage would, the most strained first.
    fn input(
        &self,
        newton: &mut Newton,
        cells: &mut StaticCells,
        v: &[f64],
        number: usize,
        at: &mut Point,
    ) -> Result<u32, WireError> {
        let Access::Threshold { threshold_v, hold_a, .. } = self.law.access else {
            return newton.solve(cells, v, at);
        };
        // Selectors are volatile: every input begins with all of them off.
        cells.on.fill(false);
        let mut steps = 0;
        // Each turns on and off at most once.
        for _ in 0..2 * cells.on.len() + 1 {
            steps += newton.solve(cells, v, at)?;
            let across = |k: usize| (at.word[k] - at.bit[k] - cells.inner[k]).abs();
            let strain =
                |k: usize| if cells.on[k] || cells.g[k] == 0.0 { 0.0 } else { across(k) / threshold_v };
            let most = (0..cells.on.len()).map(strain).fold(0.0, f64::max);
            let turn: Vec<usize> = if most > 1.0 {
                (0..cells.on.len()).filter(|&k| strain(k) > 1.0 && strain(k) >= 0.98 * most).collect()
            } else {
                (0..cells.on.len()).filter(|&k| cells.on[k] && at.i[k].abs() < hold_a).collect()
            };
            if turn.is_empty() {
                if cells.switched_on() == 0 && v.iter().any(|v| *v != 0.0) {
                    let k = (0..cells.on.len()).max_by(|a, b| strain(*a).total_cmp(&strain(*b))).unwrap_or(0);
                    let (row, column) = (k / self.crossbar.columns(), k % self.crossbar.columns());
                    return Err(WireError::NeverOn {
                        inputs: vec![number],
                        of: 1,
                        row,
                        column,
                        across_v: across(k),
                        threshold_v,
                    });
                }
                return Ok(steps);
            }
            turn.into_iter().for_each(|k| cells.on[k] = most > 1.0);
        }
        Err(WireError::Oscillates { input: number })
    }
}

/// Inputs with which no selector turns on: all are looked for, so that a message names them.
#[derive(Default)]
struct Never(Option<WireError>);

impl Never {
    /// Keeps such an input in mind; passes other answers on.
    fn allow(&mut self, tried: Result<u32, WireError>) -> Result<Option<u32>, WireError> {
        match tried {
            Err(found @ WireError::NeverOn { .. }) => {
                self.append(Self(Some(found)));
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// Adds those of the inputs that follow.
    fn append(&mut self, more: Self) {
        match (&mut self.0, more.0) {
            (Some(WireError::NeverOn { inputs, .. }), Some(WireError::NeverOn { inputs: more, .. })) => {
                inputs.extend(more);
            }
            (None, more) => self.0 = more,
            _ => {}
        }
    }

    /// The error that names them all, if there are any among so many inputs.
    fn end(self, tried: usize) -> Result<(), WireError> {
        match self.0 {
            Some(WireError::NeverOn { inputs, row, column, across_v, threshold_v, .. }) => {
                Err(WireError::NeverOn { inputs, of: tried, row, column, across_v, threshold_v })
            }
            _ => Ok(()),
        }
    }
}

/// Cells at frozen states.
struct StaticCells<'a> {
    law: CellLaw,
    g: Vec<f64>,
    rows_on: &'a [bool],
    columns: usize,
    on: Vec<bool>,
    /// Voltage across each memristor.
    inner: Vec<f64>,
    /// Voltage of the bit-line node of each cell as its gate sees it.
    seen: Vec<f64>,
}

impl<'a> StaticCells<'a> {
    fn new(of: &'a NonlinearCrossbar) -> Self {
        let g: Vec<f64> =
            (0..of.crossbar.rows()).flat_map(|i| of.crossbar.conductances().row(i).to_vec()).collect();
        let count = g.len();
        Self {
            law: of.law,
            g,
            rows_on: &of.rows_on,
            columns: of.crossbar.columns(),
            on: vec![false; count],
            inner: vec![0.0; count],
            seen: vec![0.0; count],
        }
    }

    /// Whether all cells are where their law holds.
    fn hold(&self, at: &Point) -> Result<(), WireError> {
        for (k, inner) in self.inner.iter().enumerate().filter(|(k, _)| self.g[*k] > 0.0) {
            let exponent = self.law.exponent(at.word[k] - at.bit[k], *inner);
            if exponent > STEEPEST {
                return Err(WireError::TooSteep {
                    row: k / self.columns,
                    column: k % self.columns,
                    exponent,
                });
            }
        }
        Ok(())
    }

    fn switched_on(&self) -> usize {
        self.on.iter().filter(|on| **on).count()
    }
}

impl Cells for StaticCells<'_> {
    fn begin(&mut self, _word: &[f64], bit: &[f64]) {
        if self.law.sees_ground() {
            self.seen.copy_from_slice(bit);
        }
    }

    fn branches(&mut self, word: &[f64], bit: &[f64], i: &mut [f64], g: &mut [f64]) -> Result<(), WireError> {
        let gates = self.law.sees_ground();
        for k in 0..self.g.len() {
            let on =
                if gates { self.rows_on.get(k / self.columns).copied().unwrap_or(true) } else { self.on[k] };
            let place = Place { word_v: word[k], bit_v: bit[k], seen_v: self.seen[k], on };
            let Branch { i: current, g: slope } = self.law.branch(self.g[k], &place, &mut self.inner[k]);
            (i[k], g[k]) = (current, slope);
        }
        Ok(())
    }

    fn lags(&self) -> bool {
        self.law.sees_ground()
    }
}
