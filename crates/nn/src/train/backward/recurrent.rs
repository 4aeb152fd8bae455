//! Backward through time (Werbos 1990): the steps of a recurrent layer from the last to the first.

use super::Flow;
use crate::exec::recurrent::{Lengths, kept};
use crate::exec::step;
use crate::graph::{Cell, Graph, Op, Recurrence, Tensor};
use crate::kernels::activation;
use crate::train::tape::{Saved, sequences};
use neurohm_array::gemm_wt;
use neurohm_num::{Rows, RowsMut};
use rayon::prelude::*;

pub fn backward(flow: &mut Flow, graph: &Graph, i: usize, d: Vec<f32>, params: &mut [Tensor]) {
    let node = &graph.nodes[i];
    let (Op::Recurrent(r), Saved::Steps(_)) = (&node.op, &flow.tape.saved[i]) else { return };
    let n = flow.n;
    let lengths = Lengths::of(graph, i, r);
    let Lengths { steps, rows, hidden, columns } = lengths;
    let apart = matches!(r.cell, Cell::Gru { reset_after: true, .. });
    let grouped = r.cell.groups() > 1;
    let mut dx = flow.buffer(n * steps * columns);
    // Gradients of the products, where those are not those of what goes in.
    let mut dq = flow.buffer(if apart { dx.len() } else { 0 });
    let mut before = flow.buffer(n * steps * hidden);
    let mut reset = flow.buffer(if grouped { before.len() } else { 0 });
    let Saved::Steps(keep) = &flow.tape.saved[i] else { return };
    let y = flow.tape.value(node.output, n);
    let part = sequences(n);
    let width = kept(r.cell) * hidden * steps;
    let own = |k: usize, each: usize| k * part * each;
    let tasks = dx
        .par_chunks_mut(part * steps * columns)
        .zip(before.par_chunks_mut(part * steps * hidden))
        .zip(pieces(&mut dq, part * steps * columns, n.div_ceil(part)))
        .zip(pieces(&mut reset, part * steps * hidden, n.div_ceil(part)))
        .enumerate();
    tasks.for_each(|(k, (((dx, before), dq), reset))| {
        let count = dx.len() / (steps * columns);
        let mut walk = Walk {
            graph,
            r,
            lengths,
            count,
            y: &y[own(k, rows * hidden)..][..count * rows * hidden],
            d: &d[own(k, rows * hidden)..][..count * rows * hidden],
            keep: &keep[own(k, width)..][..count * width],
            dx,
            dq,
            before,
            reset,
        };
        walk.run();
    });
    let products = if apart { &dq } else { &dx };
    let view = |data, cols| Rows::new(data, n * steps, cols).expect("a whole buffer");
    let (d_rows, h) = (view(&products[..], columns), view(&before[..], hidden));
    let gradient = &mut params[r.weight].data[..];
    if grouped {
        super::weighted::add_products(h, d_rows.columns(0, 2 * hidden), gradient, columns, 0);
        let d = d_rows.columns(2 * hidden, hidden);
        super::weighted::add_products(view(&reset[..], hidden), d, gradient, columns, 2 * hidden);
    } else {
        super::weighted::add_products(h, d_rows, gradient, columns, 0);
    }
    if let Some(bias) = r.bias {
        super::weighted::add_column_sums(products, &mut params[bias].data);
    }
    if let Some(peepholes) = r.peepholes {
        let sums = &mut params[peepholes].data;
        let initial = r.state.map(|id| &graph.params[id].data[..]);
        peephole_sums(&lengths, r, keep, &dx, initial, sums);
    }
    for buffer in [dq, before, reset, d] {
        flow.recycle(buffer);
    }
    flow.deposit(node.inputs[0], dx);
}

/// Equal parts of a buffer, or as many empty ones where it is empty.
fn pieces(buffer: &mut [f32], part: usize, count: usize) -> Vec<&mut [f32]> {
    if buffer.is_empty() {
        (0..count).map(|_| &mut [][..]).collect()
    } else {
        buffer.chunks_mut(part).collect()
    }
}

/// Sums over samples and steps of what each gate's gradient owes to the cell state that it sees, in double precision.
fn peephole_sums(
    lengths: &Lengths,
    r: &Recurrence,
    keep: &[f32],
    dx: &[f32],
    initial: Option<&[f32]>,
    out: &mut [f32],
) {
    let Lengths { steps, hidden, columns, .. } = *lengths;
    let mut sums = vec![0.0f64; 3 * hidden];
    let state = |s: usize, t: usize| &keep[((s * steps + t) * 5 + 4) * hidden..][..hidden];
    for s in 0..dx.len() / (steps * columns) {
        for t in 0..steps {
            let d = &dx[(s * steps + t) * columns..][..columns];
            let old = lengths.before(t, r.reverse).map(|b| state(s, b)).or(initial);
            for k in 0..hidden {
                let old = old.map_or(0.0, |c| f64::from(c[k]));
                sums[k] += f64::from(d[k]) * old;
                sums[hidden + k] += f64::from(d[hidden + k]) * f64::from(state(s, t)[k]);
                sums[2 * hidden + k] += f64::from(d[2 * hidden + k]) * old;
            }
        }
    }
    out.iter_mut().zip(sums).for_each(|(o, s)| *o += s as f32);
}

/// The backward pass of some samples.
struct Walk<'a> {
    graph: &'a Graph,
    r: &'a Recurrence,
    lengths: Lengths,
    count: usize,
    /// Hidden states, and the gradients of the outputs.
    y: &'a [f32],
    d: &'a [f32],
    keep: &'a [f32],
    /// Gradients of what goes into the gates.
    dx: &'a mut [f32],
    /// Gradients of the products, or nothing.
    dq: &'a mut [f32],
    /// Hidden states before each step.
    before: &'a mut [f32],
    /// The same behind a reset gate, or nothing.
    reset: &'a mut [f32],
}

impl Walk<'_> {
    fn run(&mut self) {
        let Lengths { steps, rows, hidden, columns } = self.lengths;
        let param =
            |id: Option<usize>| id.map_or_else(|| vec![0.0; hidden], |id| self.graph.params[id].data.clone());
        let (first, first_state) = (param(self.r.hidden), param(self.r.state));
        // Gradients of the hidden and cell states from what comes later.
        let mut dh = vec![0.0; self.count * hidden];
        let mut dc = vec![0.0; self.count * hidden];
        let mut spare = vec![0.0; self.count * hidden];
        if self.r.keep_state {
            for (dc, d) in dc.chunks_exact_mut(hidden).zip(self.d.chunks_exact(rows * hidden)) {
                dc.copy_from_slice(&d[steps * hidden..]);
            }
        }
        let weights = step::matrix(&self.graph.params[self.r.weight]);
        for t in self.lengths.order(self.r.reverse).rev() {
            let earlier = self.lengths.before(t, self.r.reverse);
            for s in 0..self.count {
                let h = earlier.map_or(&first[..], |b| &self.y[(s * rows + b) * hidden..][..hidden]);
                self.before[(s * steps + t) * hidden..][..hidden].copy_from_slice(h);
                let dh = &mut dh[s * hidden..][..hidden];
                let d = &self.d[(s * rows + t) * hidden..][..hidden];
                dh.iter_mut().zip(d).for_each(|(a, b)| *a += b);
                let state = match (self.r.cell, earlier) {
                    (Cell::Lstm { .. }, Some(b)) => {
                        &self.keep[((s * steps + b) * 5 + 4) * hidden..][..hidden]
                    }
                    _ => &first_state[..],
                };
                let (dc, spare) = (&mut dc[s * hidden..][..hidden], &mut spare[s * hidden..][..hidden]);
                self.step(s, t, dh, dc, state, spare);
            }
            let product = |d: &[f32], from: usize, cols: usize, out: &mut [f32], beta: f32| {
                let d = Rows::strided(&d[t * columns + from..], self.count, cols, steps * columns);
                let mut out = RowsMut::new(out, self.count, hidden).expect("a whole buffer");
                gemm_wt(d.expect("rows of a step"), weights.columns(from, cols), &mut out, beta);
            };
            match self.r.cell {
                Cell::Gru { reset_after: false, gate, .. } => {
                    product(self.dx, 2 * hidden, hidden, &mut spare, 0.0);
                    for s in 0..self.count {
                        let at = (s * steps + t) * hidden;
                        let r = &self.keep[3 * at + hidden..][..hidden];
                        let (h, d) = (&self.before[at..][..hidden], &spare[s * hidden..][..hidden]);
                        let dr = &mut self.dx[3 * at + hidden..][..hidden];
                        for k in 0..hidden {
                            dr[k] = d[k] * h[k];
                            self.reset[at + k] = r[k] * h[k];
                            dh[s * hidden + k] += d[k] * r[k];
                        }
                        activation::backward(gate, r, dr);
                    }
                    product(self.dx, 0, 2 * hidden, &mut dh, 1.0);
                }
                Cell::Gru { .. } => product(self.dq, 0, columns, &mut dh, 1.0),
                _ => product(self.dx, 0, columns, &mut dh, 0.0),
            }
        }
    }

    /// From the gradient of a step's states to those of its gates. Of a GRU, `dh` becomes the part of the old hidden state
    /// that does not go through a product.
    fn step(
        &mut self,
        s: usize,
        t: usize,
        dh: &mut [f32],
        dc: &mut [f32],
        old_state: &[f32],
        spare: &mut [f32],
    ) {
        let Lengths { steps, rows, hidden, columns } = self.lengths;
        let at = s * steps + t;
        let dx = &mut self.dx[at * columns..][..columns];
        let width = kept(self.r.cell) * hidden;
        let keep = &self.keep[at * width..][..width];
        match self.r.cell {
            Cell::Simple { activation } => {
                dx.copy_from_slice(dh);
                activation::backward(activation, &self.y[(s * rows + t) * hidden..][..hidden], dx);
            }
            Cell::Lstm { gate, candidate, output, coupled } => {
                let [i, o, f, g, c] = std::array::from_fn(|k| &keep[k * hidden..][..hidden]);
                let peepholes = self.r.peepholes.map(|p| &self.graph.params[p].data);
                let (di, rest) = dx.split_at_mut(hidden);
                let (d_o, rest) = rest.split_at_mut(hidden);
                let (df, dg) = rest.split_at_mut(hidden);
                // spare: k(c), then the gradient that reaches c through it.
                spare.copy_from_slice(c);
                activation::apply(output, spare);
                for k in 0..hidden {
                    d_o[k] = dh[k] * spare[k];
                    dg[k] = dh[k] * o[k];
                }
                activation::backward(output, spare, dg);
                activation::backward(gate, o, d_o);
                for k in 0..hidden {
                    dc[k] += dg[k];
                    if let Some(p) = peepholes {
                        dc[k] += d_o[k] * p[hidden + k];
                    }
                    di[k] = dc[k] * g[k];
                    dg[k] = dc[k] * i[k];
                    df[k] = dc[k] * old_state[k];
                    dc[k] *= f[k];
                    if coupled {
                        di[k] -= df[k];
                        df[k] = 0.0;
                    }
                }
                activation::backward(gate, i, di);
                activation::backward(gate, f, df);
                activation::backward(candidate, g, dg);
                if let Some(p) = peepholes {
                    for k in 0..hidden {
                        dc[k] += di[k] * p[k] + df[k] * p[2 * hidden + k];
                    }
                }
            }
            Cell::Gru { gate, candidate, reset_after } => {
                let [z, r, g] = std::array::from_fn(|k| &keep[k * hidden..][..hidden]);
                let h = &self.before[at * hidden..][..hidden];
                let (gates, dg) = dx.split_at_mut(2 * hidden);
                let (dz, dr) = gates.split_at_mut(hidden);
                for k in 0..hidden {
                    dz[k] = dh[k] * (h[k] - g[k]);
                    dg[k] = dh[k] * (1.0 - z[k]);
                    dh[k] *= z[k];
                }
                activation::backward(gate, z, dz);
                activation::backward(candidate, g, dg);
                if reset_after {
                    let m = &keep[3 * hidden..];
                    let dq = &mut self.dq[at * columns..][..columns];
                    for k in 0..hidden {
                        dr[k] = dg[k] * m[k];
                        dq[2 * hidden + k] = dg[k] * r[k];
                    }
                    activation::backward(gate, r, dr);
                    dq[..hidden].copy_from_slice(dz);
                    dq[hidden..2 * hidden].copy_from_slice(dr);
                }
            }
        }
    }
}
