//! Backward: each node turns its output's gradient into its inputs' and its parameters'.

use super::tape::{Saved, Tape, share};
use crate::exec::step;
use crate::graph::{Binary, Graph, Op, Tensor, ValueId};
use crate::kernels::nest::{self, Nest};
use crate::kernels::{activation, broadcast, layout, norm, range, reduce};
use neurohm_array::{gemm_wt, gemm_xt};
use neurohm_num::RowsMut;
use rayon::prelude::*;

mod recurrent;
mod weighted;

/// Gradients by value while the backward pass runs.
pub struct Flow<'t> {
    tape: &'t mut Tape,
    grads: Vec<Option<Vec<f32>>>,
    n: usize,
}

impl Flow<'_> {
    /// A buffer of `len` values whose contents are arbitrary.
    fn buffer(&mut self, len: usize) -> Vec<f32> {
        let spare = &mut self.tape.spare;
        let fits = spare.iter().enumerate().filter(|(_, b)| b.capacity() >= len);
        let best = fits.min_by_key(|(_, b)| b.capacity()).map(|(k, _)| k);
        let mut buffer = best.map(|k| spare.swap_remove(k)).unwrap_or_default();
        buffer.resize(len, 0.0);
        buffer
    }

    fn recycle(&mut self, buffer: Vec<f32>) {
        self.tape.spare.push(buffer);
    }

    /// Adds a gradient to what a value has gathered so far.
    fn deposit(&mut self, v: ValueId, gradient: Vec<f32>) {
        if !self.tape.wants[v] {
            return self.recycle(gradient);
        }
        match &mut self.grads[v] {
            Some(sum) => {
                let sums = sum.par_chunks_mut(PIECE).zip(gradient.par_chunks(PIECE));
                sums.for_each(|(sum, g)| norm::add(sum, g));
                self.recycle(gradient);
            }
            slot => *slot = Some(gradient),
        }
    }

    /// Buffers of `x` and a fresh one for its gradient, in step over the shares of samples.
    fn shares(&mut self, v: ValueId) -> (Vec<f32>, usize) {
        let len = self.n * self.tape.size[v];
        (self.buffer(len), self.tape.size[v])
    }
}

/// Values that one task of an element-wise pass works on.
const PIECE: usize = 32 * 1024;

/// Runs the backward pass from the gradient `d` of the value `of`, adding to `params`' gradients.
pub fn run(tape: &mut Tape, graph: &Graph, n: usize, of: ValueId, d: Vec<f32>, params: &mut [Tensor]) {
    let mut flow = Flow { grads: vec![None; graph.values.len()], tape, n };
    flow.deposit(of, d);
    for i in (0..graph.nodes.len()).rev() {
        if let Some(d) = flow.grads[graph.nodes[i].output].take() {
            node(&mut flow, graph, i, d, params);
        }
    }
    let rest: Vec<Vec<f32>> = flow.grads.iter_mut().filter_map(Option::take).collect();
    rest.into_iter().for_each(|g| flow.recycle(g));
}

fn node(flow: &mut Flow, graph: &Graph, i: usize, mut d: Vec<f32>, params: &mut [Tensor]) {
    let (node, n) = (&graph.nodes[i], flow.n);
    let source = node.inputs[0];
    let shape = |v: ValueId| graph.values[v].shape.as_slice();
    let (x_shape, y_shape) = (shape(source), shape(node.output));
    match &node.op {
        Op::Dense { .. } | Op::Conv { .. } => return weighted::backward(flow, graph, i, d, params),
        Op::Recurrent(_) => return recurrent::backward(flow, graph, i, d, params),
        Op::Embed { table } => {
            let width = graph.params[*table].shape[1].max(1);
            let rows = graph.params[*table].shape[0] as f32;
            let gradient = &mut params[*table].data;
            // Samples that share a row add to it one after the other.
            for (&x, d) in flow.tape.value(source, n).iter().zip(d.chunks_exact(width)) {
                let row = if x < 0.0 { x + rows } else { x } as usize;
                norm::add(&mut gradient[row * width..][..width], d);
            }
            return flow.recycle(d);
        }
        Op::Select => return choice(flow, graph, i, d),
        Op::MatMul => return products(flow, graph, i, d),
        Op::BatchNorm { .. } => {
            batch_norm(flow, graph, i, &mut d, params);
            return flow.deposit(source, d);
        }
        Op::Reshape { .. } => return flow.deposit(source, d),
        Op::Activate(a) => {
            if !flow.tape.fused[i] {
                let from = if activation::derivative_needs_input(*a) { source } else { node.output };
                let v = flow.tape.value(from, n);
                let pieces = d.par_chunks_mut(PIECE).zip(v.par_chunks(PIECE));
                pieces.for_each(|(d, v)| activation::backward(*a, v, d));
            }
            return flow.deposit(source, d);
        }
        Op::Range { bound, levels } => {
            let b = range::bound(&graph.params[*bound].data);
            let x = flow.tape.value(source, n);
            let pieces = d.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE));
            let parts: Vec<f64> = pieces.map(|(d, x)| range::backward(x, d, b, *levels)).collect();
            // So scaled, a bound moves as fast as weights do (Esser et al. 2020, section 2.2).
            let half = (levels / 2).max(1) as f64;
            let scale = 1.0 / (flow.tape.size[source].max(1) as f64 * half).sqrt();
            let sign = graph.params[*bound].data[0].signum();
            params[*bound].data[0] += sign * (parts.iter().sum::<f64>() * scale) as f32;
            return flow.deposit(source, d);
        }
        Op::Softmax { axis, log } => {
            let (length, inner) = (x_shape[*axis], x_shape[axis + 1..].iter().product());
            let y = flow.tape.value(node.output, n);
            let part = share(n, y.len() / n) * (y.len() / n);
            let pieces = d.par_chunks_mut(part).zip(y.par_chunks(part));
            pieces.for_each(|(d, y)| reduce::softmax_backward(y, d, length, inner, *log));
            return flow.deposit(source, d);
        }
        Op::Binary(how) => return binary(flow, graph, i, *how, d),
        _ => {}
    }
    // What remains moves values about: every task turns its samples' share of `d` into one of `dx`.
    let mut offset = vec![0; y_shape.len()];
    for &v in &node.inputs {
        let (mut dx, own) = flow.shares(v);
        let each = d.len() / n;
        let part = share(n, each.max(own));
        let taps = match &flow.tape.saved[i] {
            Saved::Taps(taps) => &taps[..],
            _ => &[],
        };
        let patches = step::patches(graph, node);
        let tasks =
            dx.par_chunks_mut((part * own).max(1)).zip(d.par_chunks((part * each).max(1))).enumerate();
        tasks.for_each(|(k, (dx, d))| {
            let count = d.len() / each;
            match (&node.op, &patches) {
                (Op::MaxPool(_), Some(patches)) => {
                    dx.fill(0.0);
                    patches.max_backward(d, &taps[k * part * each..][..d.len()], dx);
                }
                (Op::AvgPool { count_pad, .. }, Some(patches)) => {
                    dx.fill(0.0);
                    patches.mean_backward(d, dx, *count_pad);
                }
                (Op::Reduce { how, axes, .. }, _) => {
                    let back = reduce::walk(x_shape, axes, count).map(|[o, x]| [x, o]);
                    nest::copy(&back, [0, 0], dx, d);
                    if *how == crate::graph::Reduce::Mean {
                        let averaged: usize = axes.iter().map(|&a| x_shape[a]).product();
                        norm::scale(dx, 1.0 / averaged as f32);
                    }
                }
                (Op::BinaryConst { how, param, constant_first }, _) => {
                    let constant = &graph.params[*param];
                    constant_backward(*how, *constant_first, constant, [y_shape, x_shape], count, d, dx);
                }
                (Op::Concat { .. }, _) => {
                    let (walk, first) = layout::place(shape(v), &offset, y_shape, count);
                    nest::copy(&walk.map(|[o, x]| [x, o]), [first[1], first[0]], dx, d);
                }
                (Op::Pad { before, .. }, _) => {
                    let (walk, first) = layout::place(x_shape, before, y_shape, count);
                    nest::copy(&walk.map(|[o, x]| [x, o]), [first[1], first[0]], dx, d);
                }
                (Op::Transpose { order }, _) => {
                    let back = layout::transpose(x_shape, order, count).map(|[o, x]| [x, o]);
                    nest::copy(&back, [0, 0], dx, d);
                }
                (Op::Slice { start, step, .. }, _) => {
                    dx.fill(0.0);
                    let (walk, first) = layout::slice(x_shape, start, y_shape, step, count);
                    nest::copy(&walk.map(|[o, x]| [x, o]), [first[1], first[0]], dx, d);
                }
                _ => dx.fill(0.0),
            }
        });
        if let Op::Concat { axis } = node.op {
            offset[axis] += shape(v)[axis];
        }
        flow.deposit(v, dx);
    }
    flow.recycle(d);
}

/// Gradient of `how(x, c)` or `how(c, x)` by `x`, summed over the axes along which `x` repeats.
fn constant_backward(
    how: Binary,
    constant_first: bool,
    constant: &Tensor,
    [y_shape, x_shape]: [&[usize]; 2],
    count: usize,
    d: &[f32],
    dx: &mut [f32],
) {
    dx.fill(0.0);
    let walk = broadcast::walk([y_shape, x_shape, &constant.shape], count, false);
    walk.rows(|[o, i, j], len, [so, si, sj]| {
        for k in 0..len {
            let c = constant.data[j + k * sj];
            let slope = match how {
                Binary::Mul => c,
                Binary::Div => 1.0 / c,
                Binary::Sub if constant_first => -1.0,
                _ => 1.0,
            };
            dx[i + k * si] += slope * d[o + k * so];
        }
    });
}

/// Of a choice: each side has the gradient where it was chosen.
fn choice(flow: &mut Flow, graph: &Graph, i: usize, d: Vec<f32>) {
    let (node, n) = (&graph.nodes[i], flow.n);
    let shape = |v: ValueId| graph.values[v].shape.as_slice();
    let [c, a, b] = [node.inputs[0], node.inputs[1], node.inputs[2]];
    let walk = broadcast::choice([shape(node.output), shape(c), shape(a), shape(b)], n);
    for (v, first) in [(a, true), (b, false)] {
        if !flow.tape.wants[v] {
            continue;
        }
        let (mut dv, _) = flow.shares(v);
        dv.fill(0.0);
        let condition = flow.tape.value(c, n);
        walk.rows(|[o, h, i, j], len, [so, sh, si, sj]| {
            let (at, step) = if first { (i, si) } else { (j, sj) };
            for k in 0..len {
                if (condition[h + k * sh] != 0.0) == first {
                    dv[at + k * step] += d[o + k * so];
                }
            }
        });
        flow.deposit(v, dv);
    }
    flow.recycle(d);
}

/// Of `y = a b` for each pair of matrices: `da = d b^T`, `db = a^T d`.
fn products(flow: &mut Flow, graph: &Graph, i: usize, d: Vec<f32>) {
    let (node, n) = (&graph.nodes[i], flow.n);
    let [a, b] = [node.inputs[0], node.inputs[1]];
    let (left, out) = (&graph.values[a].shape, &graph.values[node.output].shape);
    let [rows, inner] = [left[left.len() - 2], left[left.len() - 1]];
    let cols = out[out.len() - 1];
    for (v, is_left) in [(a, true), (b, false)] {
        if !flow.tape.wants[v] {
            continue;
        }
        let (mut dv, _) = flow.shares(v);
        let other = flow.tape.value(if is_left { b } else { a }, n);
        let (each, opposite) =
            if is_left { (rows * inner, inner * cols) } else { (inner * cols, rows * inner) };
        let pairs = dv.par_chunks_mut(each).zip(d.par_chunks(rows * cols)).zip(other.par_chunks(opposite));
        pairs.for_each(|((dv, d), other)| {
            let d = weighted::view(d, rows, cols);
            if is_left {
                let mut dv = RowsMut::new(dv, rows, inner).expect("a validated value");
                gemm_wt(d, weighted::view(other, inner, cols), &mut dv, 0.0);
            } else {
                let mut dv = RowsMut::new(dv, inner, cols).expect("a validated value");
                gemm_xt(weighted::view(other, rows, inner), d, &mut dv, 0.0);
            }
        });
        flow.deposit(v, dv);
    }
    flow.recycle(d);
}

fn binary(flow: &mut Flow, graph: &Graph, i: usize, how: Binary, d: Vec<f32>) {
    let (node, n) = (&graph.nodes[i], flow.n);
    let [a, b] = [node.inputs[0], node.inputs[1]];
    let shape = |v: ValueId| graph.values[v].shape.as_slice();
    let plain = |v: ValueId| shape(v) == shape(node.output);
    if matches!(how, Binary::Add | Binary::Sub) && plain(a) && plain(b) {
        let mut other = flow.buffer(d.len());
        let sign = if how == Binary::Sub { -1.0 } else { 1.0 };
        let pieces = other.par_chunks_mut(PIECE).zip(d.par_chunks(PIECE));
        pieces.for_each(|(o, d)| o.iter_mut().zip(d).for_each(|(o, d)| *o = sign * d));
        flow.deposit(a, d);
        return flow.deposit(b, other);
    }
    for (v, left) in [(a, true), (b, false)] {
        if !flow.tape.wants[v] {
            continue;
        }
        let (mut dv, own) = flow.shares(v);
        let each = d.len() / n;
        let part = share(n, each);
        let (xa, xb) = (flow.tape.value(a, n), flow.tape.value(b, n));
        let (na, nb) = (xa.len() / n, xb.len() / n);
        let tasks =
            dv.par_chunks_mut((part * own).max(1)).zip(d.par_chunks((part * each).max(1))).enumerate();
        tasks.for_each(|(k, (dv, d))| {
            let count = d.len() / each;
            let (xa, xb) = (&xa[k * part * na..][..count * na], &xb[k * part * nb..][..count * nb]);
            dv.fill(0.0);
            let walk: Nest<3> = broadcast::walk([shape(node.output), shape(a), shape(b)], count, true);
            walk.rows(|[o, i, j], len, [so, si, sj]| {
                for k in 0..len {
                    let (xa, xb, d) = (xa[i + k * si], xb[j + k * sj], d[o + k * so]);
                    let (to, value) = match (how, left) {
                        (Binary::Mul, true) => (i + k * si, d * xb),
                        (Binary::Mul, false) => (j + k * sj, d * xa),
                        (Binary::Div, true) => (i + k * si, d / xb),
                        (Binary::Div, false) => (j + k * sj, -d * xa / (xb * xb)),
                        (_, true) => (i + k * si, d),
                        (Binary::Sub, false) => (j + k * sj, -d),
                        (_, false) => (j + k * sj, d),
                    };
                    dv[to] += value;
                }
            });
        });
        flow.deposit(v, dv);
    }
    flow.recycle(d);
}

/// `dx = gamma inv (d - mean(d) - xhat mean(d xhat))` (Ioffe and Szegedy 2015, section 3), in place of `d`; the
/// ReLU that may follow is undone on the way.
fn batch_norm(flow: &mut Flow, graph: &Graph, i: usize, d: &mut [f32], params: &mut [Tensor]) {
    let (node, n) = (&graph.nodes[i], flow.n);
    let Op::BatchNorm { gamma, beta, .. } = node.op else { return };
    let Saved::Norm(mean, inverse) = &flow.tape.saved[i] else { return };
    let channels = mean.len();
    let (x, y) = (flow.tape.value(node.inputs[0], n), flow.tape.value(node.output, n));
    let relu = graph.nodes.iter().zip(&flow.tape.fused).any(|(m, &f)| f && m.inputs[0] == node.output);
    let part = share(n, d.len() / n) * (d.len() / n);
    let center = norm::repeat(mean);
    let sums: Vec<(Vec<f64>, Vec<f64>)> = d
        .par_chunks_mut(part)
        .zip(x.par_chunks(part).zip(y.par_chunks(part)))
        .map(|(d, (x, y))| {
            let (mut sum, mut product) = (vec![0.0; channels], vec![0.0; channels]);
            if relu {
                activation::backward(crate::graph::Activation::Relu, y, d);
            }
            norm::column_products(d, x, &center, &mut vec![0.0; 2 * center.len()], &mut sum, &mut product);
            (sum, product)
        })
        .collect();
    let (mut sum, mut product) = (vec![0.0; channels], vec![0.0; channels]);
    for (s, p) in &sums {
        (0..channels).for_each(|c| {
            sum[c] += s[c];
            product[c] += p[c];
        });
    }
    let count = (d.len() / channels) as f64;
    let mut coefficients = [vec![0.0; channels], vec![0.0; channels], vec![0.0; channels]];
    for c in 0..channels {
        let (inv, mean) = (f64::from(inverse[c]), f64::from(mean[c]));
        params[beta].data[c] += sum[c] as f32;
        params[gamma].data[c] += (product[c] * inv) as f32;
        let scale = f64::from(graph.params[gamma].data[c]) * inv;
        let slope = -scale * inv * inv * product[c] / count;
        coefficients[0][c] = scale as f32;
        coefficients[1][c] = slope as f32;
        coefficients[2][c] = (-scale * sum[c] / count - slope * mean) as f32;
    }
    let [a, b, c] = coefficients.map(|c| norm::repeat(&c));
    let pieces = d.par_chunks_mut(part).zip(x.par_chunks(part));
    pieces.for_each(|(d, x)| norm::combine(d, x, &a, &b, &c));
}
