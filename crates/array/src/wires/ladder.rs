//! Lines without resistance between cells: closed forms, of which every term is positive, so that nothing cancels.
//!
//! Word lines are points here, at a fixed voltage or behind a driver's resistance; bit lines are chains, or points too. A chain
//! is a ladder, and from its end it looks like one conductance in series with segments: Norton's theorem cell by cell. With
//! drivers of a resistance, word lines see each other through all columns, and their voltages are a dense system of as many
//! unknowns as there are rows. Resistance on word lines alone is the transposed case ([`super::transposed`]).

use neurohm_num::Rows;
use rayon::prelude::*;

use super::dense::{self, Factor, Mat, MatMut};

/// Columns whose admittances are summed by one task.
const CHUNK: usize = 16;

/// What bit lines are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lines {
    /// Points at the voltage of their terminal.
    Fixed,
    /// Points behind this conductance to their terminal, S.
    Point(f64),
    /// Chains: conductance of the segments between cells, of the last one to the terminal, and of a first one to a terminal
    /// at the far end, 0 without, S.
    Chain { segment: f64, last: f64, first: f64 },
}

/// A network whose word lines are points.
#[derive(Clone, Copy)]
pub(super) struct Ladders<'a> {
    /// Conductances of the cells, S.
    pub g: Rows<'a, f64>,
    /// Currents that cells add from their word line to their bit line, A.
    pub source: Option<Rows<'a, f64>>,
    /// Conductance between each word line and its source, S; infinite where the line stands at its voltage.
    pub driver: f64,
    pub bits: Lines,
}

/// A chain seen from the cell at each place: the conductances to all that lies before and behind it.
struct Chain<'a> {
    g: &'a [f64],
    before: Vec<f64>,
    behind: Vec<f64>,
    segment: f64,
}

fn series(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * (b / (a + b)) }
}

impl<'a> Chain<'a> {
    fn new(g: &'a [f64], segment: f64, last: f64, first: f64) -> Self {
        let n = g.len();
        let (mut before, mut behind) = (vec![first; n], vec![last; n]);
        for i in 1..n {
            before[i] = series(segment, before[i - 1] + g[i - 1]);
        }
        for i in (0..n - 1).rev() {
            behind[i] = series(segment, behind[i + 1] + g[i + 1]);
        }
        Self { g, before, behind, segment }
    }

    /// Voltages for currents into its nodes, everything else at 0 V.
    fn solve(&self, currents: &[f64], b: &mut [f64]) {
        let n = self.g.len();
        // Norton's current of all before a node, then of all at and before it.
        let mut norton = 0.0;
        for i in 0..n {
            norton += currents[i];
            b[i] = norton;
            norton *= self.segment / (self.before[i] + self.g[i] + self.segment);
        }
        for i in (0..n).rev() {
            let here = self.before[i] + self.g[i];
            b[i] = if i + 1 == n {
                b[i] / (here + self.behind[i])
            } else {
                (b[i] + self.segment * b[i + 1]) / (here + self.segment)
            };
        }
    }

    /// Row `k` of the inverse of its matrix: voltages for one ampere at `k`.
    fn response(&self, k: usize, z: &mut [f64]) {
        let n = self.g.len();
        z[k] = 1.0 / (self.before[k] + self.g[k] + self.behind[k]);
        for i in (0..k).rev() {
            z[i] = z[i + 1] * (self.segment / (self.before[i] + self.g[i] + self.segment));
        }
        for i in k + 1..n {
            z[i] = z[i - 1] * (self.segment / (self.behind[i] + self.g[i] + self.segment));
        }
    }
}

impl Ladders<'_> {
    fn column(&self, j: usize) -> Vec<f64> {
        (0..self.g.rows()).map(|i| self.g.row(i)[j]).collect()
    }

    /// Currents that the cells of a column add.
    fn added(&self, j: usize) -> Vec<f64> {
        (0..self.g.rows()).map(|i| self.source.map_or(0.0, |s| s.row(i)[j])).collect()
    }

    /// Voltages of a column's nodes for those of its word lines and its terminal, and for currents that are added to them.
    fn bit(&self, g: &[f64], word: &[f64], added: &[f64], terminal: f64, b: &mut [f64]) {
        match self.bits {
            Lines::Fixed => b.fill(terminal),
            Lines::Point(sense) => {
                let mut g_sum = 0.0;
                let mut i_sum = 0.0;
                for ((g, w), i) in g.iter().zip(word).zip(added) {
                    g_sum += g;
                    i_sum += g * w + i;
                }
                let total = g_sum + sense;
                b.fill(if total > 0.0 { (i_sum + sense * terminal) / total } else { 0.0 });
            }
            Lines::Chain { segment, last, first } => {
                let mut currents: Vec<f64> =
                    g.iter().zip(word).zip(added).map(|((g, w), i)| g * w + i).collect();
                if let Some(end) = currents.last_mut() {
                    *end += last * terminal;
                }
                currents[0] += first * terminal;
                Chain::new(g, segment, last, first).solve(&currents, b);
            }
        }
    }

    /// What one column's terminal takes for a volt at each word line, S.
    fn taken(&self, g: &[f64]) -> Vec<f64> {
        match self.bits {
            Lines::Fixed => g.to_vec(),
            Lines::Point(sense) => {
                let total: f64 = g.iter().sum::<f64>() + sense;
                g.iter().map(|g| if *g > 0.0 { g * (sense / total) } else { 0.0 }).collect()
            }
            Lines::Chain { segment, last, first } => {
                let chain = Chain::new(g, segment, last, first);
                let (mut currents, mut b) = (vec![0.0; g.len()], vec![0.0; g.len()]);
                currents[g.len() - 1] += last;
                currents[0] += first;
                chain.solve(&currents, &mut b);
                b.iter().zip(g).map(|(b, g)| b * g).collect()
            }
        }
    }

    /// Subtracts from `s` what one column lets pass between word lines, lower triangle without its diagonal.
    fn admit(&self, g: &[f64], s: &mut [f64]) {
        let (m, long) = (g.len(), g.len() + 1);
        let mut z = vec![0.0; m];
        let chain = match self.bits {
            Lines::Fixed => return,
            Lines::Point(sense) => {
                let total: f64 = g.iter().sum::<f64>() + sense;
                z.fill(if total > 0.0 { 1.0 / total } else { 0.0 });
                None
            }
            Lines::Chain { segment, last, first } => Some(Chain::new(g, segment, last, first)),
        };
        for k in 0..m {
            if g[k] == 0.0 {
                continue;
            }
            if let Some(chain) = &chain {
                chain.response(k, &mut z);
            }
            for i in k + 1..m {
                s[k * long + i] -= g[k] * z[i] * g[i];
            }
        }
    }

    /// What each sink takes for a volt at each source, S, sinks x sources; and what solves for word lines behind drivers.
    ///
    /// # Errors
    /// The row of a word line that nothing holds.
    pub(super) fn effective(&self) -> Result<(Vec<f64>, Option<WordLines>), usize> {
        let (m, n) = (self.g.rows(), self.g.cols());
        let mut taken = vec![0.0; m * n];
        taken.par_chunks_exact_mut(m).enumerate().for_each(|(j, row)| {
            row.copy_from_slice(&self.taken(&self.column(j)));
        });
        if self.driver == f64::INFINITY {
            return Ok((taken, None));
        }
        // What word lines pass to each other, as a lower triangle; its last row is what they pass to their drivers and to
        // the sinks.
        let long = m + 1;
        let mut s = vec![0.0; long * long];
        // In chunks of columns that are added in their order: the number of threads changes no bit.
        let parts: Vec<usize> = (0..n.div_ceil(CHUNK)).collect();
        for some in parts.chunks(8) {
            let sums: Vec<Vec<f64>> = some
                .par_iter()
                .map(|part| {
                    let mut s = vec![0.0; long * long];
                    for j in part * CHUNK..((part + 1) * CHUNK).min(n) {
                        self.admit(&self.column(j), &mut s);
                        for (i, taken) in taken[j * m..(j + 1) * m].iter().enumerate() {
                            s[i * long + m] -= taken;
                        }
                    }
                    s
                })
                .collect();
            for part in sums {
                s.iter_mut().zip(part).for_each(|(s, p)| *s += p);
            }
        }
        for i in 0..m {
            s[i * long + m] -= self.driver;
        }
        let mut inverse = vec![0.0; dense::inverses(m)];
        let mut spare = vec![0.0; 32 * long];
        dense::cholesky(MatMut::new(&mut s, long, long, long), &mut inverse, &mut spare)?;
        let lines = WordLines { l: s, inverse };
        // W = O S^-1 g, with the rows of O as columns of its transpose: one solve for each sink.
        let mut w = taken;
        lines.solve(&mut w, n);
        w.iter_mut().for_each(|w| *w *= self.driver);
        Ok((w, Some(lines)))
    }

    /// Voltages of word lines and of all bit-line nodes (rows x columns each) for voltages of sources and sinks.
    pub(super) fn voltages(
        &self,
        lines: Option<&WordLines>,
        terminals: &[f64],
        word: &mut [f64],
        bit: &mut [f64],
    ) {
        let (m, n) = (self.g.rows(), self.g.cols());
        let (sources, sinks) = terminals.split_at(m);
        let mut w = sources.to_vec();
        if let Some(lines) = lines {
            w.iter_mut().for_each(|w| *w *= self.driver);
            // What bit lines send back while word lines are at 0 V.
            let (at_zero, mut b) = (vec![0.0; m], vec![0.0; m]);
            for (j, sink) in sinks.iter().enumerate() {
                let (g, added) = (self.column(j), self.added(j));
                self.bit(&g, &at_zero, &added, *sink, &mut b);
                for (((w, g), b), i) in w.iter_mut().zip(&g).zip(&b).zip(&added) {
                    *w += g * b - i;
                }
            }
            lines.solve(&mut w, 1);
        }
        for (row, w) in word.chunks_exact_mut(n).zip(&w) {
            row.fill(*w);
        }
        let mut b = vec![0.0; m];
        for (j, sink) in sinks.iter().enumerate() {
            self.bit(&self.column(j), &w, &self.added(j), *sink, &mut b);
            b.iter().enumerate().for_each(|(i, b)| bit[i * n + j] = *b);
        }
    }
}

/// The factor of the system of word lines behind drivers.
pub(super) struct WordLines {
    l: Vec<f64>,
    inverse: Vec<f64>,
}

impl WordLines {
    /// Solves for every one of `sets` right-hand sides, one after another in `x`.
    fn solve(&self, x: &mut [f64], sets: usize) {
        let m = x.len() / sets.max(1);
        let factor = Factor { l: Mat::new(&self.l, m, m, m + 1), inverse: &self.inverse };
        let mut spare = vec![0.0; 32 * m.max(sets)];
        // Rows for the first half, columns for the second: the same numbers, transposed.
        let mut rows = vec![0.0; m * sets];
        for (set, x) in x.chunks_exact(m).enumerate() {
            x.iter().enumerate().for_each(|(i, x)| rows[i * sets + set] = *x);
        }
        factor.right_solve(MatMut::new(&mut rows, sets, m, sets), &mut spare);
        for (set, x) in x.chunks_exact_mut(m).enumerate() {
            x.iter_mut().enumerate().for_each(|(i, x)| *x = rows[i * sets + set]);
        }
        factor.back_solve(MatMut::new(x, m, sets, m), &mut spare);
    }
}
