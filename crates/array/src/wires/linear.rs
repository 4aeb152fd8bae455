//! Linear cells: the effective matrix, and every current and voltage of any inputs.

use neurohm_num::{Rows, Watch};

use super::back::Back;
use super::check;
use super::dense::{self, Mat, MatMut, To};
use super::ladder::{Ladders, Lines, WordLines};
use super::tree::{Elimination, Net, Stop};
use super::{Ends, WireError, Wires, Workspace};

/// A crossbar of linear cells.
#[derive(Clone, Copy, Debug)]
pub struct LinearCrossbar<'a> {
    g: Rows<'a, f64>,
    /// Currents that cells add from their word line to their bit line, A: those of cells that were linearised.
    source: Option<Rows<'a, f64>>,
    wires: Wires,
}

/// What a crossbar does from its sources to its grounds: `I = W V`.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// Current into the ground of each bit line (row) for a volt at the source of each word line (column), S.
    pub w: Vec<f64>,
    /// Word lines.
    pub rows: usize,
    /// Bit lines.
    pub columns: usize,
}

/// Currents and voltages of a crossbar for a number of inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// Current into the ground of each bit line, A; inputs x columns.
    pub currents: Vec<f64>,
    /// Voltage of each cell's word-line node, V; inputs x rows x columns.
    pub word_v: Vec<f64>,
    /// Voltage of each cell's bit-line node, V; inputs x rows x columns.
    pub bit_v: Vec<f64>,
    /// Kirchhoff's current law: the largest sum of currents at a node, as a part of what its conductances would carry at the
    /// voltages around it.
    pub kcl: f64,
    /// The largest difference between what the cells of a bit line give and what flows out of it, as a part of the
    /// largest current of that input; less what rounding explains.
    pub balance: f64,
}

/// A crossbar that was eliminated once, for any inputs.
pub struct Eliminated<'a> {
    crossbar: LinearCrossbar<'a>,
    effective: Effective,
    way: Way,
    workspace: &'a Workspace,
}

pub(super) enum Way {
    Tree(Back),
    /// Word lines without resistance.
    Words(Option<WordLines>),
    /// Bit lines without resistance: the turned conductances.
    Bits(Vec<f64>, Option<WordLines>),
    /// Nothing conducts.
    Cut,
}

impl Effective {
    /// Currents into the grounds, A (inputs x columns), for voltages of the sources, V, one input a row.
    ///
    /// # Errors
    /// Another number of voltages than word lines.
    pub fn currents(&self, inputs: Rows<f64>) -> Result<Vec<f64>, WireError> {
        agree("word lines", self.rows, inputs.cols())?;
        let (m, n, sets) = (self.rows, self.columns, inputs.rows());
        let mut currents = vec![0.0; n * sets];
        // Everything is a transpose of columns: currents (n x sets) = W (n x m) V (m x sets).
        let v = Mat::new(inputs.data(), m, sets, inputs.stride());
        let w = Mat::new(&self.w, m, n, m).t();
        dense::multiply(To::Replace, w, v, MatMut::new(&mut currents, n, sets, n));
        Ok(currents)
    }
}

fn agree(what: &'static str, expected: usize, found: usize) -> Result<(), WireError> {
    if expected == found { Ok(()) } else { Err(WireError::Voltages { what, expected, found }) }
}

impl<'a> LinearCrossbar<'a> {
    /// Cells of conductances `g`, S, rows (word lines) x columns (bit lines), 0 for an open cell.
    ///
    /// # Errors
    /// Conductances or resistances that are negative or not numbers, with their place; a node that floats.
    pub fn new(g: Rows<'a, f64>, wires: Wires) -> Result<Self, WireError> {
        let (rows, columns) = (g.rows(), g.cols());
        if !(1..=65536).contains(&rows) || !(1..=65536).contains(&columns) {
            return Err(WireError::Size { rows, columns });
        }
        for row in 0..rows {
            if let Some(column) = g.row(row).iter().position(|g| !(*g >= 0.0 && *g < f64::INFINITY)) {
                return Err(WireError::Conductance { row, column, value: g.row(row)[column] });
            }
        }
        wires.check()?;
        let this = Self { g, source: None, wires };
        check::floating(&this)?;
        Ok(this)
    }

    /// Cells that were linearised: conductances, and the currents that they add. Checked by its caller.
    pub(super) fn linearised(g: Rows<'a, f64>, source: Rows<'a, f64>, wires: Wires) -> Self {
        Self { g, source: Some(source), wires }
    }

    /// Word lines.
    pub fn rows(&self) -> usize {
        self.g.rows()
    }

    /// Bit lines.
    pub fn columns(&self) -> usize {
        self.g.cols()
    }

    /// Conductances of the cells, S.
    pub fn conductances(&self) -> Rows<'a, f64> {
        self.g
    }

    /// Its lines.
    pub fn wires(&self) -> Wires {
        self.wires
    }

    /// How much wires matter: `chi = G (r_word columns^2 + r_bit rows^2)` with the mean conductance `G` of the cells; above
    /// about 1 no approximation holds.
    pub fn difficulty(&self) -> f64 {
        let (m, n) = (self.rows() as f64, self.columns() as f64);
        self.mean() * (self.wires.word_ohm * n * n + self.wires.bit_ohm * m * m)
    }

    /// The part of its currents that an array of many equal cells, of the mean conductance `G`, loses to lines and to what stands
    /// at their ends, to first order: of a line of `n` segments of `r` behind `R`, `G n (r n / 3 + R)`; connected at both
    /// ends, `G n (r n / 12 + R / 2)`.
    pub fn first_loss(&self) -> f64 {
        let line = |ends: Ends, ohm: f64, end_ohm: f64, n: usize| match (ends, n as f64) {
            (Ends::One, n) => n * (ohm * n / 3.0 + end_ohm),
            (Ends::Both, n) => n * (ohm * n / 12.0 + end_ohm / 2.0),
        };
        let Wires { word_ohm, bit_ohm, driver_ohm, sense_ohm, drivers, grounds } = self.wires;
        self.mean()
            * (line(drivers, word_ohm, driver_ohm, self.columns())
                + line(grounds, bit_ohm, sense_ohm, self.rows()))
    }

    /// Mean conductance of the cells, S.
    fn mean(&self) -> f64 {
        let sum: f64 = (0..self.rows()).map(|i| self.g.row(i).iter().sum::<f64>()).sum();
        sum / (self.rows() * self.columns()) as f64
    }

    /// Bytes that an elimination needs at its peak, matrices of the caller apart; with `keep`, for [`Self::eliminate`], else for
    /// [`Self::effective`].
    pub fn bytes(rows: usize, columns: usize, keep: bool) -> u64 {
        super::tree::bytes(rows, columns, keep)
    }

    /// The network as the tree sees it.
    pub(super) fn net(&self) -> Net<'a> {
        let Wires { word_ohm, bit_ohm, driver_ohm, sense_ohm, drivers, grounds } = self.wires;
        Net {
            g: self.g,
            source: self.source,
            first_word: 1.0 / (word_ohm + driver_ohm),
            word: 1.0 / word_ohm,
            last_bit: 1.0 / (bit_ohm + sense_ohm),
            bit: 1.0 / bit_ohm,
            word_ends: drivers == Ends::Both,
            bit_ends: grounds == Ends::Both,
        }
    }

    /// The network with word lines that are points.
    fn ladders(&self) -> Ladders<'a> {
        let Wires { bit_ohm, driver_ohm, sense_ohm, drivers, grounds, .. } = self.wires;
        let both = |ends| if ends == Ends::Both { 2.0 } else { 1.0 };
        let bits = if bit_ohm > 0.0 {
            let last = 1.0 / (bit_ohm + sense_ohm);
            let first = if grounds == Ends::Both { last } else { 0.0 };
            Lines::Chain { segment: 1.0 / bit_ohm, last, first }
        } else if sense_ohm > 0.0 {
            Lines::Point(both(grounds) / sense_ohm)
        } else {
            Lines::Fixed
        };
        Ladders { g: self.g, source: self.source, driver: both(drivers) / driver_ohm, bits }
    }

    /// Numbers of the cells turned such that bit lines are word lines: the last column's become the first row, from its ground
    /// on.
    fn turned(&self, values: Rows<f64>) -> Vec<f64> {
        let (m, n) = (self.rows(), self.columns());
        let mut turned = vec![0.0; m * n];
        for i in 0..m {
            for (j, value) in values.row(i).iter().enumerate() {
                turned[(n - 1 - j) * m + m - 1 - i] = *value;
            }
        }
        turned
    }

    /// Whether segments of one kind are cut, so that no current can flow from a source to a ground.
    fn is_cut(&self) -> bool {
        self.wires.word_ohm == f64::INFINITY || self.wires.bit_ohm == f64::INFINITY
    }

    /// The effective matrix alone: less memory than [`Self::eliminate`], and no way to node voltages.
    ///
    /// # Errors
    /// A circuit that is singular in floating point, a matrix that no passive circuit has, or the watch.
    pub fn effective(&self, workspace: &Workspace, watch: &dyn Watch) -> Result<Effective, WireError> {
        let (w, _) = self.way(false, workspace, watch)?;
        let effective = Effective { w, rows: self.rows(), columns: self.columns() };
        check::passive(self, &effective)?;
        Ok(effective)
    }

    /// Eliminates all nodes, such that currents and voltages follow for any inputs.
    ///
    /// # Errors
    /// As for [`Self::effective`].
    pub fn eliminate(
        &self,
        workspace: &'a Workspace,
        watch: &dyn Watch,
    ) -> Result<Eliminated<'a>, WireError> {
        let (w, way) = self.way(true, workspace, watch)?;
        let effective = Effective { w, rows: self.rows(), columns: self.columns() };
        check::passive(self, &effective)?;
        Ok(Eliminated { crossbar: *self, effective, way, workspace })
    }

    /// The effective matrix (not of cells that add currents) and, with `keep`, the way back to the nodes.
    pub(super) fn way(
        &self,
        keep: bool,
        workspace: &Workspace,
        watch: &dyn Watch,
    ) -> Result<(Vec<f64>, Way), WireError> {
        if self.is_cut() {
            return Ok((vec![0.0; self.rows() * self.columns()], Way::Cut));
        }
        let points = |crossbar: LinearCrossbar| {
            crossbar.ladders().effective().map_err(|row| WireError::Singular { row, column: 0 })
        };
        if self.wires.word_ohm == 0.0 {
            let (w, lines) = points(*self)?;
            return Ok((w, Way::Words(lines)));
        }
        if self.wires.bit_ohm == 0.0 {
            let turned = self.turned(self.g);
            let g = Rows::new(&turned, self.columns(), self.rows()).map_err(|_| self.size())?;
            let (w, lines) = points(LinearCrossbar { g, source: None, wires: self.wires.transposed() })?;
            return Ok((self.turned_back(w), Way::Bits(turned, lines)));
        }
        let done = Elimination::run(self.net(), keep, workspace, watch).map_err(stop)?;
        Ok((done.effective, done.back.map_or(Way::Cut, Way::Tree)))
    }

    pub(super) fn size(&self) -> WireError {
        WireError::Size { rows: self.rows(), columns: self.columns() }
    }

    /// From the matrix of the turned array to that of this one. By reciprocity it is its transpose.
    fn turned_back(&self, w: Vec<f64>) -> Vec<f64> {
        let (m, n) = (self.rows(), self.columns());
        let mut back = vec![0.0; m * n];
        for j in 0..n {
            for i in 0..m {
                back[j * m + i] = w[(m - 1 - i) * n + n - 1 - j];
            }
        }
        back
    }

    /// Voltages of all nodes, word lines and bit lines, for voltages of sources and sinks.
    pub(super) fn nodes(
        &self,
        way: &Way,
        workspace: &Workspace,
        terminals: &[f64],
        sets: usize,
    ) -> (Vec<f64>, Vec<f64>) {
        let (m, n) = (self.rows(), self.columns());
        let (mut word, mut bit) = (vec![0.0; sets * m * n], vec![0.0; sets * m * n]);
        let each = || terminals.chunks_exact(m + n).enumerate();
        let plane = |set: usize| set * m * n..(set + 1) * m * n;
        match way {
            Way::Tree(back) => {
                if let Ok(terminals) = Rows::new(terminals, sets, m + n) {
                    back.voltages(&self.net(), terminals, workspace, &mut word, &mut bit);
                }
            }
            Way::Words(lines) => {
                for (set, t) in each() {
                    let ladders = self.ladders();
                    ladders.voltages(lines.as_ref(), t, &mut word[plane(set)], &mut bit[plane(set)]);
                }
            }
            Way::Bits(turned, lines) => {
                // What flows from word to bit line here flows from bit to word line there.
                let added: Option<Vec<f64>> =
                    self.source.map(|s| self.turned(s).iter().map(|i| -i).collect());
                let rows = |values| Rows::new(values, n, m).ok();
                let Some(g) = rows(turned) else { return (word, bit) };
                let source = added.as_deref().and_then(rows);
                let crossbar = LinearCrossbar { g, source, wires: self.wires.transposed() };
                let (mut w, mut b) = (vec![0.0; m * n], vec![0.0; m * n]);
                for (set, t) in each() {
                    let turned: Vec<f64> = t[m..].iter().rev().chain(t[..m].iter().rev()).copied().collect();
                    crossbar.ladders().voltages(lines.as_ref(), &turned, &mut w, &mut b);
                    for i in 0..m {
                        for j in 0..n {
                            let (to, from) = (set * m * n + i * n + j, (n - 1 - j) * m + m - 1 - i);
                            (word[to], bit[to]) = (b[from], w[from]);
                        }
                    }
                }
            }
            Way::Cut => {
                for (set, t) in each() {
                    check::cut_voltages(self, &t[..m], &mut word[plane(set)], &mut bit[plane(set)]);
                }
            }
        }
        (word, bit)
    }
}

fn stop(stop: Stop) -> WireError {
    match stop {
        Stop::Cancelled => WireError::Cancelled,
        Stop::Singular { row, column } => WireError::Singular { row, column },
    }
}

impl Eliminated<'_> {
    /// The effective matrix.
    pub fn effective(&self) -> &Effective {
        &self.effective
    }

    pub(super) fn crossbar(&self) -> LinearCrossbar<'_> {
        self.crossbar
    }

    /// Voltages of all word-line nodes and bit-line nodes for those of all sources and sinks.
    pub(super) fn voltages(&self, terminals: &[f64]) -> (Vec<f64>, Vec<f64>) {
        self.crossbar.nodes(&self.way, self.workspace, terminals, 1)
    }

    /// Currents and voltages for voltages of the sources, V, one input a row. Bit lines are at 0 V.
    ///
    /// # Errors
    /// Another number of voltages than word lines, one that is not finite, or a solution that breaks Kirchhoff's law by
    /// more than rounding explains.
    pub fn solve(&self, inputs: Rows<f64>) -> Result<Solution, WireError> {
        let (m, n, sets) = (self.crossbar.rows(), self.crossbar.columns(), inputs.rows());
        check::inputs("word lines", m, inputs)?;
        let mut terminals = vec![0.0; sets * (m + n)];
        for (input, terminals) in terminals.chunks_exact_mut(m + n).enumerate() {
            terminals[..m].copy_from_slice(inputs.row(input));
        }
        let (word_v, bit_v) = self.crossbar.nodes(&self.way, self.workspace, &terminals, sets);
        let currents = self.effective.currents(inputs)?;
        let lines = Rows::new(&terminals, sets, m + n).map_err(|_| self.crossbar.size())?;
        let (kcl, balance) = check::kirchhoff(&self.crossbar, lines, &currents, &word_v, &bit_v)?;
        Ok(Solution { currents, word_v, bit_v, kcl, balance })
    }

    /// The effective matrix after the cell in this row and column has got the conductance `g`, S: a rank-one update, much
    /// cheaper than eliminating again. Lines without resistance are solved anew.
    ///
    /// # Errors
    /// A cell that there is not, a conductance that is negative or not finite, a matrix that no passive circuit has.
    pub fn changed(&self, row: usize, column: usize, g: f64) -> Result<Effective, WireError> {
        let (m, n) = (self.crossbar.rows(), self.crossbar.columns());
        if row >= m || column >= n {
            return Err(WireError::NoCell { row, column, rows: m, columns: n });
        }
        if !(0.0..f64::INFINITY).contains(&g) {
            return Err(WireError::Conductance { row, column, value: g });
        }
        let mut effective = self.effective.clone();
        let before = self.crossbar.g.row(row)[column];
        match &self.way {
            Way::Tree(back) => {
                let seen = back.influence(&self.crossbar.net(), row, column, self.workspace);
                let more = g - before;
                let by = more / (1.0 + more * seen.own_ohm);
                let (sources, sinks) = seen.terminals.split_at(m);
                for (line, sink) in effective.w.chunks_exact_mut(m).zip(sinks) {
                    line.iter_mut().zip(sources).for_each(|(w, source)| *w -= by * sink * source);
                }
            }
            Way::Cut => {}
            Way::Words(_) | Way::Bits(..) => {
                let mut all: Vec<f64> = (0..m).flat_map(|i| self.crossbar.g.row(i)).copied().collect();
                all[row * n + column] = g;
                let rows = Rows::new(&all, m, n).map_err(|_| self.crossbar.size())?;
                let crossbar = LinearCrossbar::new(rows, self.crossbar.wires)?;
                return crossbar.effective(self.workspace, &neurohm_num::Unwatched);
            }
        }
        check::passive(&self.crossbar, &effective)?;
        Ok(effective)
    }

    /// How the sum of the grounds' currents, each times its factor of `outputs`, follows every cell's conductance for voltages
    /// `inputs` of the sources: its derivatives, A/S, rows x columns. Each is the voltage across the cell times the
    /// voltage that the factors, applied to the grounds, cause across it (the adjoint network of Director and Rohrer, 1969).
    ///
    /// # Errors
    /// Another number of voltages than word lines, or of factors than bit lines.
    pub fn gradient(&self, inputs: &[f64], outputs: &[f64]) -> Result<Vec<f64>, WireError> {
        let (m, n) = (self.crossbar.rows(), self.crossbar.columns());
        agree("word lines", m, inputs.len())?;
        agree("bit lines", n, outputs.len())?;
        let mut terminals = vec![0.0; 2 * (m + n)];
        terminals[..m].copy_from_slice(inputs);
        terminals[2 * m + n..].copy_from_slice(outputs);
        let (word, bit) = self.crossbar.nodes(&self.way, self.workspace, &terminals, 2);
        let across = |k: usize| word[k] - bit[k];
        Ok((0..m * n).map(|k| -across(k) * across(m * n + k)).collect())
    }

    /// Reciprocity: a current into a ground per volt at a source is a current into that source per volt at that ground. Drives
    /// sources with one pattern and grounds with another, and returns the difference of the two sums as a part of
    /// either.
    pub fn reciprocity(&self) -> f64 {
        let (m, n) = (self.crossbar.rows(), self.crossbar.columns());
        let (x, y) = (check::pattern(m), check::pattern(n));
        let mut terminals = vec![0.0; m + n];
        terminals[m..].copy_from_slice(&y);
        let (word, bit) = self.voltages(&terminals);
        let back = check::source_currents(&self.crossbar, &word, &bit);
        let backward: f64 = back.iter().zip(&x).map(|(i, x)| i * x).sum();
        let forward: f64 = (0..n)
            .map(|j| {
                y[j] * self.effective.w[j * m..(j + 1) * m].iter().zip(&x).map(|(w, x)| w * x).sum::<f64>()
            })
            .sum();
        if forward == 0.0 { backward.abs() } else { (backward / forward - 1.0).abs() }
    }
}
