//! Single inputs by conjugate gradients: for few inputs of an array whose wires matter little, much less work than the effective
//! matrix, and memory of a few numbers a cell.
//!
//! With `A_w` and `A_b` the tridiagonal matrices of all word lines and all bit lines, cells included in their diagonals, word
//! lines are eliminated line by line: `S b = (A_b - G A_w^-1 G) b = G A_w^-1 s + t` for currents `s` and `t` that sources and
//! sinks drive into their lines. `S` is positive definite, and `A_b`, which is solved line by line too, is its preconditioner:
//! the eigenvalues of `A_b^-1 S` lie between 0 and 1, the smallest of the order of `1 / (1 + chi)` (see
//! [`LinearCrossbar::difficulty`]), so that steps grow with the square root of `chi`.

use neurohm_num::{Rows, Watch};
use rayon::prelude::*;

use super::check::{self, Segments};
use super::linear::{LinearCrossbar, Solution};
use super::newton::Point;
use super::{WireError, Wires, Workspace};

/// Error of bit-line voltages that is small enough, as a part of the largest in a first approximation.
const ENOUGH: f64 = 1e-14;

/// Steps without a smaller residual after which rounding has ended the descent.
const STALLED: u32 = 12;
/// Voltages below this are solved for in other units, V: their squares lose digits.
const FAINT: f64 = 1e-100;

/// Rows of word lines that are solved side by side, so that one's divisions wait for none of another's.
const SIDE_BY_SIDE: usize = 8;

/// Conductance of a segment over that of a cell above which the difference of neighbouring voltages has no digits left, and
/// that of a cell over that of a segment above which the difference of the voltages across a cell has few.
const STIFFEST: f64 = 1e9;
const TIGHTEST: f64 = 1e4;

/// Nanoseconds of a step for a cell, and of elimination with a way back for a cell and a line of the longer side: measured, and
/// only their ratio counts.
const STEP_NS: f64 = 9.0;
const ELIMINATION_NS: f64 = 2.2;

impl LinearCrossbar<'_> {
    /// Whether [`Self::iterate`] can solve this array to all digits: both kinds of lines have resistance, and none so little,
    /// beside its cells, that voltages of neighbours agree in most digits.
    pub fn can_iterate(&self) -> bool {
        let Wires { word_ohm, bit_ohm, driver_ohm, sense_ohm, .. } = self.wires();
        let positive = (0..self.rows()).flat_map(|i| self.conductances().row(i)).filter(|g| **g > 0.0);
        let (least, most) =
            positive.fold((f64::INFINITY, 0.0f64), |(least, most), g| (least.min(*g), most.max(*g)));
        let fine = |ohm: f64| ohm > 0.0 && 1.0 / ohm <= STIFFEST * least && most * ohm <= TIGHTEST;
        // What stands at the ends of lines against all their cells together.
        let held = |ohm: f64, cells: usize| ohm * most * cells as f64 <= TIGHTEST;
        [word_ohm, bit_ohm].into_iter().all(fine)
            && held(driver_ohm, self.columns())
            && held(sense_ohm, self.rows())
    }

    /// Whether conjugate gradients come as near as a part of 1e-4: of lines that nearly have no resistance only the cells together
    /// count.
    pub(super) fn can_iterate_roughly(&self) -> bool {
        let Wires { word_ohm, bit_ohm, .. } = self.wires();
        let (m, n) = (self.rows(), self.columns());
        let mean = (0..m).flat_map(|i| self.conductances().row(i)).sum::<f64>() / (m * n) as f64;
        [word_ohm, bit_ohm].into_iter().all(|ohm| ohm > 0.0 && 1.0 / ohm <= STIFFEST * mean)
    }

    /// Whether [`Self::iterate`] for so many inputs is expected to take less time than elimination.
    pub fn iterates_faster(&self, inputs: usize) -> bool {
        let (chi, longer) = (self.whole_difficulty(), self.rows().max(self.columns()) as f64);
        // Measured from chi = 0.001 to 1000.
        let steps = 4.0 + 1.7 * chi.sqrt();
        self.can_iterate() && STEP_NS * steps * (inputs as f64) < ELIMINATION_NS * longer
    }

    /// The difficulty with what stands at the ends of the lines.
    fn whole_difficulty(&self) -> f64 {
        let (m, n) = (self.rows(), self.columns());
        let mean = (0..m).flat_map(|i| self.conductances().row(i)).sum::<f64>() / (m * n) as f64;
        let Wires { driver_ohm, sense_ohm, .. } = self.wires();
        self.difficulty() + mean * (driver_ohm * n as f64 + sense_ohm * m as f64)
    }

    /// Currents into the grounds, A (inputs x columns), for voltages of the sources, V, one input a row: by elimination or by
    /// conjugate gradients, whichever is expected to be faster.
    ///
    /// # Errors
    /// As for [`Self::effective`] and [`Self::iterate`].
    pub fn currents(
        &self,
        inputs: Rows<f64>,
        workspace: &Workspace,
        watch: &dyn Watch,
    ) -> Result<Vec<f64>, WireError> {
        if self.iterates_faster(inputs.rows()) {
            match self.iterate(inputs, watch) {
                // What rounding ended too early has all its digits by elimination.
                Err(WireError::Residual { .. }) => {}
                found => return Ok(found?.0.currents),
            }
        }
        self.effective(workspace, watch)?.currents(inputs)
    }

    /// Currents and voltages for voltages of the sources, V, one input a row, by conjugate gradients, and the number of steps
    /// of each input. Steps `watch` by one an input.
    ///
    /// # Errors
    /// Lines without resistance, or too little of it beside the cells ([`Self::can_iterate`]); another number of voltages than
    /// word lines, one that is not finite; a solution that breaks Kirchhoff's law; or the watch.
    pub fn iterate(&self, inputs: Rows<f64>, watch: &dyn Watch) -> Result<(Solution, Vec<u32>), WireError> {
        check::inputs("word lines", self.rows(), inputs)?;
        let zeros = vec![0.0; self.columns()];
        let lines: Vec<Vec<f64>> = (0..inputs.rows()).map(|k| [inputs.row(k), &zeros[..]].concat()).collect();
        self.iterate_between(&lines, watch)
    }

    /// The same for voltages of all sources and sinks.
    fn iterate_between(
        &self,
        lines: &[Vec<f64>],
        watch: &dyn Watch,
    ) -> Result<(Solution, Vec<u32>), WireError> {
        if !self.can_iterate() {
            return Err(WireError::TooStiff);
        }
        let cells = self.rows() * self.columns();
        let mut system = System::new(self);
        system.factor(self.conductances());
        let parts: Vec<(Point, Vec<f64>, f64, f64, u32)> = lines
            .par_iter()
            .map(|lines| {
                let (word, bit, steps) = system.solve(lines, &Start::default(), watch)?;
                let g = &system.g;
                let i = g.iter().zip(word.iter().zip(&bit)).map(|(g, (w, b))| g * (w - b)).collect();
                let scale_v = lines.iter().fold(0.0f64, |t, v| t.max(v.abs()));
                let at = Point { word, bit, i, g: g.clone(), scale_v };
                let currents = check::out_currents(self, &lines[self.rows()..], &at);
                let (kcl, balance) = check::kirchhoff_of(self, lines, &currents, &at)?;
                watch.step(1)?;
                Ok((at, currents, kcl, balance, steps))
            })
            .collect::<Result<_, WireError>>()?;
        let mut solution = Solution {
            currents: Vec::with_capacity(lines.len() * self.columns()),
            word_v: Vec::with_capacity(lines.len() * cells),
            bit_v: Vec::with_capacity(lines.len() * cells),
            kcl: 0.0,
            balance: 0.0,
        };
        let mut all = Vec::new();
        for (at, currents, kcl, balance, steps) in parts {
            solution.currents.extend(currents);
            solution.word_v.extend(at.word);
            solution.bit_v.extend(at.bit);
            solution.kcl = solution.kcl.max(kcl);
            solution.balance = solution.balance.max(balance);
            all.push(steps);
        }
        Ok((solution, all))
    }

    /// Reciprocity of what [`Self::iterate`] found for one input: drives the grounds with a pattern, and returns the difference
    /// between what that sends into the sources, weighted with the input, and what the input sent into the grounds, weighted
    /// with the pattern, as a part of either.
    ///
    /// # Errors
    /// As for [`Self::iterate`].
    pub fn iterated_reciprocity(
        &self,
        input: &[f64],
        currents: &[f64],
        watch: &dyn Watch,
    ) -> Result<f64, WireError> {
        let pattern = check::pattern(self.columns());
        let lines = [vec![0.0; self.rows()], pattern.clone()].concat();
        if !self.can_iterate() {
            return Err(WireError::TooStiff);
        }
        let mut system = System::new(self);
        system.factor(self.conductances());
        let (word, bit, _) = system.solve(&lines, &Start::default(), watch)?;
        let sources = check::source_currents(self, &word, &bit);
        let backward: f64 = sources.iter().zip(input).map(|(i, v)| i * v).sum();
        let forward: f64 = currents.iter().zip(&pattern).map(|(i, y)| i * y).sum();
        Ok(if forward == 0.0 { backward.abs() } else { (backward / forward - 1.0).abs() })
    }
}

/// Lines of one kind as tridiagonal matrices, factored. Pivots are sums of conductances.
struct Tridiagonals {
    segment: f64,
    /// Segment over pivot, and one over pivot, of every node.
    carried: Vec<f64>,
    inverse: Vec<f64>,
}

pub(super) struct System {
    rows: usize,
    columns: usize,
    g: Vec<f64>,
    segments: Segments,
    word: Tridiagonals,
    bit: Tridiagonals,
    chi: f64,
}

/// What a solution starts from, and how far it goes.
#[derive(Default)]
pub(super) struct Start<'a> {
    /// Currents that cells add from their word line to their bit line, A.
    pub added: Option<&'a [f64]>,
    /// Voltages of bit-line nodes that are near to the solution, V.
    pub bit: Option<&'a [f64]>,
    /// Part of the first residual that may be left; 0 for all digits.
    pub left: f64,
}

impl System {
    /// For lines of this array. Its cells are for [`Self::factor`].
    pub(super) fn new(crossbar: &LinearCrossbar) -> Self {
        let (m, n) = (crossbar.rows(), crossbar.columns());
        let segments = Segments::of(crossbar);
        let lines = |segment| Tridiagonals { segment, carried: vec![0.0; m * n], inverse: vec![0.0; m * n] };
        let (word, bit) = (lines(segments.word), lines(segments.bit));
        Self { rows: m, columns: n, g: vec![0.0; m * n], segments, word, bit, chi: 0.0 }
    }

    /// Factors all lines for cells of these conductances.
    pub(super) fn factor(&mut self, cells: Rows<f64>) {
        let Self { rows, columns, g, segments, word, bit, .. } = self;
        let (m, n) = (*rows, *columns);
        for (i, g) in g.chunks_exact_mut(n).enumerate() {
            g.copy_from_slice(cells.row(i));
        }
        for i in 0..m {
            // What leaks from a node, those before it eliminated.
            let mut leak = 0.0;
            for j in 0..n {
                let k = i * n + j;
                let held = if j == 0 { segments.first_word } else { 0.0 };
                let end = if j + 1 == n { segments.end_word } else { 0.0 };
                let before = if j == 0 { 0.0 } else { leak * word.carried[k - 1] };
                leak = g[k] + held + end + before;
                word.put(k, leak, j + 1 < n);
            }
        }
        let mut leak = vec![0.0; n];
        for i in 0..m {
            for (j, leak) in leak.iter_mut().enumerate() {
                let k = i * n + j;
                let held = if i + 1 == m { segments.last_bit } else { 0.0 };
                let end = if i == 0 { segments.end_bit } else { 0.0 };
                let before = if i == 0 { 0.0 } else { *leak * bit.carried[k - n] };
                *leak = g[k] + held + end + before;
                bit.put(k, *leak, i + 1 < m);
            }
        }
        let mean = g.iter().sum::<f64>() / (m * n) as f64;
        let line = |own: f64, others: usize, end: f64| {
            (others * others) as f64 / own + others as f64 * (1.0 / end - 1.0 / own).max(0.0)
        };
        self.chi =
            mean * (line(segments.word, n, segments.first_word) + line(segments.bit, m, segments.last_bit));
    }

    /// `x` becomes `A_w^-1 x`.
    fn solve_word(&self, x: &mut [f64]) {
        let (n, Tridiagonals { segment, carried, inverse }) = (self.columns, &self.word);
        for (block, x) in x.chunks_mut(SIDE_BY_SIDE * n).enumerate() {
            let from = block * SIDE_BY_SIDE * n;
            let (carried, inverse) = (&carried[from..], &inverse[from..]);
            if x.len() == SIDE_BY_SIDE * n {
                let at: [usize; SIDE_BY_SIDE] = std::array::from_fn(|lane| lane * n);
                let mut last = at.map(|at| x[at]);
                for j in 1..n {
                    for (last, at) in last.iter_mut().zip(at) {
                        *last = x[at + j] + carried[at + j - 1] * *last;
                        x[at + j] = *last;
                    }
                }
                last = [0.0; SIDE_BY_SIDE];
                for j in (0..n).rev() {
                    for (last, at) in last.iter_mut().zip(at) {
                        *last = (x[at + j] + segment * *last) * inverse[at + j];
                        x[at + j] = *last;
                    }
                }
            } else {
                for (line, x) in x.chunks_mut(n).enumerate() {
                    let at = line * n;
                    for j in 1..n {
                        x[j] += carried[at + j - 1] * x[j - 1];
                    }
                    let mut last = 0.0;
                    for j in (0..n).rev() {
                        last = (x[j] + segment * last) * inverse[at + j];
                        x[j] = last;
                    }
                }
            }
        }
    }

    /// `x` becomes `A_b^-1 x`.
    fn solve_bit(&self, x: &mut [f64]) {
        let (n, Tridiagonals { segment, carried, inverse }) = (self.columns, &self.bit);
        for i in 1..self.rows {
            let (above, here) = x[(i - 1) * n..(i + 1) * n].split_at_mut(n);
            for ((x, above), c) in here.iter_mut().zip(above).zip(&carried[(i - 1) * n..]) {
                *x += c * *above;
            }
        }
        let last = self.rows - 1;
        x[last * n..].iter_mut().zip(&inverse[last * n..]).for_each(|(x, inverse)| *x *= inverse);
        for i in (0..last).rev() {
            let (here, below) = x[i * n..(i + 2) * n].split_at_mut(n);
            for ((x, below), inverse) in here.iter_mut().zip(below).zip(&inverse[i * n..]) {
                *x = (*x + segment * *below) * inverse;
            }
        }
    }

    /// `y = A_b x - G A_w^-1 G x`; `inside` is scratch.
    fn apply(&self, x: &[f64], inside: &mut [f64], y: &mut [f64]) {
        let (m, n, s) = (self.rows, self.columns, &self.segments);
        inside.iter_mut().zip(&self.g).zip(x).for_each(|((i, g), x)| *i = g * x);
        self.solve_word(inside);
        for i in 0..m {
            let at = i * n..(i + 1) * n;
            let held = if i + 1 == m { s.last_bit } else { 0.0 } + if i == 0 { s.end_bit } else { 0.0 };
            let row = x[at.clone()].iter().zip(&inside[at.clone()]).zip(&self.g[at.clone()]);
            for (y, ((x, inside), g)) in y[at.clone()].iter_mut().zip(row) {
                *y = g * (x - inside) + held * x;
            }
            for next in [i.checked_sub(1), (i + 1 < m).then_some(i + 1)].into_iter().flatten() {
                let others = &x[next * n..(next + 1) * n];
                for ((y, x), other) in y[at.clone()].iter_mut().zip(&x[at.clone()]).zip(others) {
                    *y += s.bit * (x - other);
                }
            }
        }
    }

    /// Voltages of all word-line nodes and bit-line nodes for voltages of all sources and sinks, and the number of steps.
    pub(super) fn solve(
        &self,
        lines: &[f64],
        start: &Start,
        watch: &dyn Watch,
    ) -> Result<(Vec<f64>, Vec<f64>, u32), WireError> {
        let (m, n, s) = (self.rows, self.columns, &self.segments);
        let (sources, sinks) = lines.split_at(m);
        let count = m * n;
        // What sources drive into the ends of word lines, and sinks into those of bit lines.
        let mut driven = vec![0.0; count];
        for (i, v) in sources.iter().enumerate() {
            driven[i * n] += s.first_word * v;
            driven[(i + 1) * n - 1] += s.end_word * v;
        }
        if let Some(added) = start.added {
            driven.iter_mut().zip(added).for_each(|(d, i)| *d -= i);
        }
        let mut word = driven.clone();
        self.solve_word(&mut word);
        let mut r: Vec<f64> = self.g.iter().zip(&word).map(|(g, w)| g * w).collect();
        for (j, v) in sinks.iter().enumerate() {
            r[(m - 1) * n + j] += s.last_bit * v;
            r[j] += s.end_bit * v;
        }
        if let Some(added) = start.added {
            r.iter_mut().zip(added).for_each(|(r, i)| *r += i);
        }
        let dot = |a: &[f64], b: &[f64]| -> f64 {
            // In rows, so that rounding stays small.
            a.chunks(n).zip(b.chunks(n)).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>()).sum()
        };
        let (mut inside, mut q) = (vec![0.0; count], vec![0.0; count]);
        let mut b = vec![0.0; count];
        let mut z = r.clone();
        self.solve_bit(&mut z);
        // Bit lines may stand far below their sources; what flows out of them needs their digits.
        let mut scale = z.iter().fold(0.0f64, |t, z| t.max(z.abs()));
        let mut enough = ENOUGH * scale;
        if let Some(near) = start.bit {
            b.copy_from_slice(near);
            self.apply(&b, &mut inside, &mut q);
            r.iter_mut().zip(&q).for_each(|(r, q)| *r -= q);
            z.copy_from_slice(&r);
            self.solve_bit(&mut z);
            let first = z.iter().fold(0.0f64, |t, z| t.max(z.abs()));
            enough = enough.max(start.left * first);
        }
        // Squares of the faintest voltages are zero: those are solved for as volts.
        let unit = if scale > 0.0 && scale < FAINT { (1.0 / scale).min(1.0 / FAINT.powi(3)) } else { 1.0 };
        [&mut r, &mut z].into_iter().flatten().for_each(|v| *v *= unit);
        (scale, enough) = (scale * unit, enough * unit);
        let mut p = z.clone();
        let mut rz = dot(&r, &z);
        let (mut least, mut since, mut steps) = (f64::INFINITY, 0, 0);
        let most = 200 + 40 * (1.0 + self.chi).sqrt().min(1e5) as u32;
        while rz > 0.0 && steps < most {
            watch.step(0)?;
            let largest = z.iter().fold(0.0f64, |t, z| t.max(z.abs()));
            if largest * (1.0 + self.chi).sqrt() <= enough {
                break;
            }
            since = if largest < 0.7 * least { 0 } else { since + 1 };
            least = least.min(largest);
            // Far down, and no longer on the way: rounding.
            if since > STALLED && least < 1e-11 * scale {
                break;
            }
            self.apply(&p, &mut inside, &mut q);
            let alpha = rz / dot(&p, &q);
            b.iter_mut().zip(&p).for_each(|(b, p)| *b += alpha / unit * p);
            r.iter_mut().zip(&q).for_each(|(r, q)| *r -= alpha * q);
            z.copy_from_slice(&r);
            self.solve_bit(&mut z);
            let next = dot(&r, &z);
            let beta = next / rz;
            rz = next;
            p.iter_mut().zip(&z).for_each(|(p, z)| *p = z + beta * *p);
            steps += 1;
        }
        for (word, (driven, (g, b))) in word.iter_mut().zip(driven.iter().zip(self.g.iter().zip(&b))) {
            *word = driven + g * b;
        }
        self.solve_word(&mut word);
        Ok((word, b, steps))
    }
}

impl Tridiagonals {
    /// Node `k` leaks this much, and has a segment to the next one or none.
    fn put(&mut self, k: usize, leak: f64, next: bool) {
        let segment = if next { self.segment } else { 0.0 };
        let pivot = leak + segment;
        self.inverse[k] = 1.0 / pivot;
        self.carried[k] = segment / pivot;
    }
}
