//! Recurrent layers: step after step, all samples of a chunk at once.

use super::products::{Factor, Products};
use super::step::{Chunk, matrix};
use crate::error::NnError;
use crate::graph::{Activation, Cell, Graph, Op, Recurrence};
use crate::kernels::{activation, scratch};
use neurohm_num::{Rows, RowsMut};

/// Ordinals of a step's rows begin at step times this: samples of one step follow one another, so that any cut of a batch
/// gives each its own.
const STEP: u64 = 1 << 32;

/// Lengths of a recurrent layer.
#[derive(Clone, Copy, Debug)]
pub struct Lengths {
    /// Steps of a sequence.
    pub steps: usize,
    /// Rows of a sample's output.
    pub rows: usize,
    /// Values of a state.
    pub hidden: usize,
    /// Columns of the recurrent matrix.
    pub columns: usize,
}

impl Lengths {
    /// Of the node at `index`, which is recurrent.
    pub fn of(graph: &Graph, index: usize, r: &Recurrence) -> Self {
        let (x, y) = (graph.nodes[index].inputs[0], graph.nodes[index].output);
        Self {
            steps: graph.values[x].shape[0],
            rows: graph.values[y].shape[0],
            hidden: graph.params[r.weight].shape[0],
            columns: graph.params[r.weight].shape[1],
        }
    }

    /// Steps in the order in which they are taken.
    pub fn order(&self, reverse: bool) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let steps = self.steps;
        (0..steps).map(move |k| if reverse { steps - 1 - k } else { k })
    }

    /// The step before `t` where there is one.
    pub fn before(&self, t: usize, reverse: bool) -> Option<usize> {
        if reverse { Some(t + 1).filter(|&t| t < self.steps) } else { t.checked_sub(1) }
    }
}

/// States that a step keeps for the backward pass: what the gates came to and, behind them, the new cell state of an LSTM
/// or, for a reset behind the product, the candidate's product.
pub fn kept(cell: Cell) -> usize {
    match cell {
        Cell::Simple { .. } => 0,
        Cell::Lstm { .. } => 5,
        Cell::Gru { reset_after, .. } => 3 + usize::from(reset_after),
    }
}

/// Runs the node at `index` on the inputs `x`, `[samples, steps, columns]`; `out` is `[samples, rows, hidden]` and `keep`,
/// where it is wanted, `[samples, steps, kept, hidden]`.
pub fn run(
    graph: &Graph,
    index: usize,
    products: &dyn Products,
    x: &[f32],
    out: &mut [f32],
    keep: Option<&mut [f32]>,
    chunk: Chunk,
) -> Result<(), NnError> {
    let Op::Recurrent(r) = &graph.nodes[index].op else { return Ok(()) };
    let n = chunk.count;
    let lengths = Lengths::of(graph, index, r);
    let Lengths { hidden, columns, .. } = lengths;
    let sizes = [n * columns, n * hidden, n * hidden, n * hidden];
    scratch::with(sizes.iter().sum(), |buffer| {
        let (sums, buffer) = buffer.split_at_mut(sizes[0]);
        let (first, buffer) = buffer.split_at_mut(sizes[1]);
        let (reset, state) = buffer.split_at_mut(sizes[2]);
        let fill = |rows: &mut [f32], id: Option<usize>| match id {
            Some(id) => {
                rows.chunks_exact_mut(hidden).for_each(|row| row.copy_from_slice(&graph.params[id].data))
            }
            None => rows.fill(0.0),
        };
        fill(first, r.hidden);
        fill(state, r.state);
        Walk { graph, index, r, lengths, products, chunk, sums, first, reset, state, keep }.run(x, out)
    })
}

struct Walk<'a> {
    graph: &'a Graph,
    index: usize,
    r: &'a Recurrence,
    lengths: Lengths,
    products: &'a dyn Products,
    chunk: Chunk,
    /// Products of a step, then what its gates come to.
    sums: &'a mut [f32],
    /// Hidden states before the first step.
    first: &'a [f32],
    /// Hidden states behind a reset gate.
    reset: &'a mut [f32],
    /// Cell states.
    state: &'a mut [f32],
    keep: Option<&'a mut [f32]>,
}

impl Walk<'_> {
    fn run(&mut self, x: &[f32], out: &mut [f32]) -> Result<(), NnError> {
        let Lengths { steps, rows, hidden, .. } = self.lengths;
        let n = self.chunk.count;
        for t in self.lengths.order(self.r.reverse) {
            let before = self.lengths.before(t, self.r.reverse);
            let h = match before {
                None => Rows::new(self.first, n, hidden),
                Some(t) => Rows::strided(&out[t * hidden..], n, hidden, rows * hidden),
            };
            let h = h.expect("rows of a validated value");
            if self.r.cell.groups() == 1 {
                self.product(0, h, t, false)?;
            } else {
                self.product(0, h, t, false)?;
                self.product(1, h, t, false)?;
                self.reset(x, h, t);
                self.product(2, h, t, true)?;
            }
            for s in 0..n {
                let start = s * rows * hidden;
                let (old, new) = match before {
                    None => (&self.first[s * hidden..][..hidden], &mut out[start + t * hidden..][..hidden]),
                    Some(b) => neighbours(&mut out[start..][..steps * hidden], b, t, hidden),
                };
                self.step(x, s, t, old, new);
            }
        }
        if self.r.keep_state {
            for (row, state) in out.chunks_exact_mut(rows * hidden).zip(self.state.chunks_exact(hidden)) {
                row[steps * hidden..].copy_from_slice(state);
            }
        }
        Ok(())
    }

    /// The product of hidden states, or of what a reset gate left of them, with the matrix `group`, and its bias.
    fn product(&mut self, group: usize, h: Rows, t: usize, reset: bool) -> Result<(), NnError> {
        let Lengths { hidden, columns, .. } = self.lengths;
        let n = self.chunk.count;
        let own = columns / self.r.cell.groups();
        let weights = matrix(&self.graph.params[self.r.weight]).columns(group * own, own);
        let x = if reset { Rows::new(self.reset, n, hidden).expect("a whole buffer") } else { h };
        let mut y =
            RowsMut::strided(&mut self.sums[group * own..], n, own, columns).expect("columns of a group");
        let first_row = (t as u64).wrapping_mul(STEP).wrapping_add(self.chunk.first);
        self.products.product(Factor { node: self.index, group, first_row }, weights, x, &mut y)?;
        if let Some(bias) = self.r.bias.filter(|_| !self.products.adds_bias(self.index)) {
            let bias = &self.graph.params[bias].data[group * own..][..own];
            for row in 0..n {
                add(y.row_mut(row), bias);
            }
        }
        Ok(())
    }

    /// The update and reset gates of a GRU that resets before it multiplies, and the hidden states behind the latter.
    fn reset(&mut self, x: &[f32], h: Rows, t: usize) {
        let Lengths { steps, hidden, columns, .. } = self.lengths;
        let Cell::Gru { gate, .. } = self.r.cell else { return };
        for s in 0..self.chunk.count {
            let q = &mut self.sums[s * columns..][..2 * hidden];
            add(q, &x[(s * steps + t) * columns..][..2 * hidden]);
            squash(gate, self.r.clip, q);
            let scaled = self.reset[s * hidden..][..hidden].iter_mut().zip(h.row(s)).zip(&q[hidden..]);
            scaled.for_each(|((y, h), r)| *y = h * r);
        }
    }

    /// One step of one sample: from the old hidden state to the new one.
    fn step(&mut self, x: &[f32], s: usize, t: usize, old: &[f32], new: &mut [f32]) {
        let Lengths { steps, hidden, columns, .. } = self.lengths;
        let q = &mut self.sums[s * columns..][..columns];
        let x = &x[(s * steps + t) * columns..][..columns];
        let width = kept(self.r.cell) * hidden;
        let mut keep = self.keep.as_deref_mut().map(|k| &mut k[(s * steps + t) * width..][..width]);
        let clip = self.r.clip;
        match self.r.cell {
            Cell::Simple { activation } => {
                add(q, x);
                squash(activation, clip, q);
                new.copy_from_slice(q);
            }
            Cell::Lstm { gate, candidate, output, coupled } => {
                add(q, x);
                let c = &mut self.state[s * hidden..][..hidden];
                let [i, o, f, g] = parts(q, hidden);
                let peepholes = self.r.peepholes.map(|p| &self.graph.params[p].data);
                if let Some(p) = peepholes {
                    add_products(i, &p[..hidden], c);
                    add_products(f, &p[2 * hidden..], c);
                }
                squash(gate, clip, i);
                if coupled {
                    f.iter_mut().zip(&*i).for_each(|(f, i)| *f = 1.0 - i);
                } else {
                    squash(gate, clip, f);
                }
                squash(candidate, clip, g);
                for k in 0..hidden {
                    c[k] = f[k] * c[k] + i[k] * g[k];
                }
                if let Some(p) = peepholes {
                    add_products(o, &p[hidden..2 * hidden], c);
                }
                squash(gate, clip, o);
                // onnxruntime limits what the gates see, not the cell state.
                new.copy_from_slice(c);
                activation::apply(output, new);
                new.iter_mut().zip(&*o).for_each(|(h, o)| *h *= o);
                if let Some(keep) = &mut keep {
                    keep[4 * hidden..].copy_from_slice(c);
                }
            }
            Cell::Gru { gate, candidate, reset_after } => {
                if reset_after {
                    if let Some(keep) = &mut keep {
                        keep[3 * hidden..].copy_from_slice(&q[2 * hidden..]);
                    }
                    add(&mut q[..2 * hidden], x);
                    squash(gate, clip, &mut q[..2 * hidden]);
                    let (gates, g) = q.split_at_mut(2 * hidden);
                    g.iter_mut().zip(&gates[hidden..]).for_each(|(g, r)| *g *= r);
                }
                let (gates, g) = q.split_at_mut(2 * hidden);
                add(g, &x[2 * hidden..]);
                squash(candidate, clip, g);
                for k in 0..hidden {
                    new[k] = (1.0 - gates[k]) * g[k] + gates[k] * old[k];
                }
            }
        }
        if let Some(keep) = keep.filter(|_| width > 0) {
            keep[..columns].copy_from_slice(q);
        }
    }
}

/// Limits what goes into an activation and applies it.
fn squash(f: Activation, clip: Option<f32>, x: &mut [f32]) {
    if let Some(c) = clip {
        activation::apply(Activation::Clip { min: -c, max: c }, x);
    }
    activation::apply(f, x);
}

fn add(y: &mut [f32], x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
}

fn add_products(y: &mut [f32], a: &[f32], b: &[f32]) {
    y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| *y += a * b);
}

/// Four states side by side.
fn parts(q: &mut [f32], hidden: usize) -> [&mut [f32]; 4] {
    let (a, rest) = q.split_at_mut(hidden);
    let (b, rest) = rest.split_at_mut(hidden);
    let (c, d) = rest.split_at_mut(hidden);
    [a, b, c, d]
}

/// The hidden states of step `from`, and those of its neighbour `to`, to be written.
fn neighbours(sample: &mut [f32], from: usize, to: usize, hidden: usize) -> (&[f32], &mut [f32]) {
    let (low, high) = sample.split_at_mut(from.max(to) * hidden);
    if from < to {
        (&low[from * hidden..][..hidden], &mut high[..hidden])
    } else {
        (&high[..hidden], &mut low[to * hidden..][..hidden])
    }
}
