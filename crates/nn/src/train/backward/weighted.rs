//! Backward through dense layers and convolutions.

use super::Flow;
use crate::exec::step;
use crate::graph::{Graph, Op, Tensor, Window};
use crate::kernels::conv::Patches;
use crate::kernels::{norm, scratch};
use crate::train::tape::share;
use neurohm_array::{gemm, gemm_wt, gemm_xt};
use neurohm_num::{Rows, RowsMut};
use rayon::prelude::*;

/// Rows of a product that one task computes.
const ROWS: usize = 64;

pub fn backward(flow: &mut Flow, graph: &Graph, i: usize, d: Vec<f32>, params: &mut [Tensor]) {
    let node = &graph.nodes[i];
    let (weight, bias) = match node.op {
        Op::Dense { weight, bias } | Op::Conv { weight, bias, .. } => (weight, bias),
        _ => return,
    };
    if let Some(bias) = bias {
        add_column_sums(&d, &mut params[bias].data);
    }
    let weights = step::matrix(&graph.params[weight]);
    let gradient = &mut params[weight].data[..];
    match (&node.op, step::patches(graph, node)) {
        (Op::Conv { groups, .. }, Some(patches)) => {
            conv(flow, graph, i, *groups, patches, weights, &d, gradient)
        }
        _ => dense(flow, graph, i, weights, &d, gradient),
    }
    flow.recycle(d);
}

/// In fixed blocks, summed in order.
pub fn add_column_sums(d: &[f32], sums: &mut [f32]) {
    let channels = sums.len();
    let lanes = norm::repeat(&vec![0.0; channels]);
    let block = (super::PIECE / lanes.len()).max(1) * lanes.len();
    let parts: Vec<Vec<f64>> = d
        .par_chunks(block)
        .map(|d| {
            let mut sums = vec![0.0; channels];
            norm::column_sums(d, &mut lanes.clone(), &mut sums);
            sums
        })
        .collect();
    for (c, sum) in sums.iter_mut().enumerate() {
        *sum += parts.iter().map(|p| p[c]).sum::<f64>() as f32;
    }
}

/// A value as a matrix.
pub fn view(data: &[f32], rows: usize, cols: usize) -> Rows<'_> {
    Rows::new(data, rows, cols).expect("a validated value")
}

fn dense(flow: &mut Flow, graph: &Graph, i: usize, weights: Rows, d: &[f32], gradient: &mut [f32]) {
    let source = graph.nodes[i].inputs[0];
    let (inputs, outputs) = (weights.rows(), weights.cols());
    let rows = d.len() / outputs;
    let x = view(flow.tape.value(source, flow.n), rows, inputs);
    let d_rows = view(d, rows, outputs);
    add_products(x, d_rows, gradient, outputs, 0);
    if flow.tape.wants[source] {
        let mut dx = flow.buffer(rows * inputs);
        dx.par_chunks_mut(ROWS * inputs).enumerate().for_each(|(k, part)| {
            let count = part.len() / inputs;
            let mut part = RowsMut::new(part, count, inputs).expect("rows of the input");
            gemm_wt(d_rows.slice(k * ROWS, count), weights, &mut part, 0.0);
        });
        flow.deposit(source, dx);
    }
}

/// Adds `x^T d` to the columns from `first` on of a gradient of `columns`.
pub fn add_products(x: Rows, d: Rows, gradient: &mut [f32], columns: usize, first: usize) {
    // Each task owns some inputs' rows of the gradient: nothing to sum over tasks.
    gradient.par_chunks_mut(2 * ROWS * columns).enumerate().for_each(|(k, part)| {
        let count = part.len() / columns;
        let mut part =
            RowsMut::strided(&mut part[first..], count, d.cols(), columns).expect("rows of the gradient");
        gemm_xt(x.columns(k * 2 * ROWS, count), d, &mut part, 1.0);
    });
}

fn conv(
    flow: &mut Flow,
    graph: &Graph,
    i: usize,
    groups: usize,
    patches: Patches,
    weights: Rows,
    d: &[f32],
    gradient: &mut [f32],
) {
    let source = graph.nodes[i].inputs[0];
    let (n, columns) = (flow.n, weights.cols());
    let own_in = patches.input();
    let own_out = patches.per_sample() * columns;
    let part = share(n, own_in.max(own_out));
    let depthwise = groups > 1 && groups == patches.size[2] && columns == groups;

    let size = gradient.len();
    let mut sums = flow.buffer(n.div_ceil(part) * size);
    let x = flow.tape.value(source, n);
    let tasks = x.par_chunks(part * own_in).zip(d.par_chunks(part * own_out));
    tasks.zip(sums.par_chunks_mut(size)).for_each(|((x, d), sum)| {
        if depthwise {
            sum.fill(0.0);
            patches.depthwise_weights(x, d, sum);
        } else {
            weight_gradient(&patches, groups, columns, x, d, sum);
        }
    });
    sums.chunks_exact(size).for_each(|sum| norm::add(gradient, sum));
    flow.recycle(sums);

    if flow.tape.wants[source] {
        let mut dx = flow.buffer(n * own_in);
        let mirrored = mirrored(&patches, weights, groups);
        dx.par_chunks_mut(part * own_in).zip(d.par_chunks(part * own_out)).for_each(
            |(dx, d)| match &mirrored {
                Some((patches, turned)) if depthwise => patches.depthwise(d, turned, dx),
                Some((patches, turned)) => {
                    let channels = patches.size[2] / groups;
                    let width = turned.len() / patches.values(channels);
                    let turned = view(turned, patches.values(channels), width);
                    let own = width / groups;
                    let rows = dx.len() / width;
                    let mut dx = RowsMut::new(dx, rows, width).expect("a validated value");
                    let product = |g: usize, x: Rows, y: &mut RowsMut, _: usize| {
                        gemm(x, turned.columns(g * own, own), y, 0.0);
                        Ok::<(), std::convert::Infallible>(())
                    };
                    match patches.blocks(d, groups, &mut dx, product, |_| ()) {
                        Ok(()) => {}
                        Err(never) => match never {},
                    }
                }
                None => input_gradient(&patches, groups, weights, d, dx),
            },
        );
        flow.deposit(source, dx);
    }
}

/// `patches^T d` group by group.
fn weight_gradient(patches: &Patches, groups: usize, columns: usize, x: &[f32], d: &[f32], sum: &mut [f32]) {
    let each = patches.size[2] / groups;
    let own = columns / groups;
    let (rows, values) = (d.len() / columns, patches.values(each));
    let direct = patches.window.is_pointwise();
    let block = if direct { 4096 } else { patches.block(each) };
    for first in (0..rows).step_by(block) {
        let count = block.min(rows - first);
        let beta = if first == 0 { 0.0 } else { 1.0 };
        for g in 0..groups {
            let d =
                Rows::strided(&d[first * columns + g * own..], count, own, columns).expect("a block of d");
            let mut sum =
                RowsMut::strided(&mut sum[g * own..], values, own, columns).expect("columns of a group");
            if direct {
                let all = patches.size[2];
                let x = Rows::strided(&x[first * all + g * each..], count, each, all).expect("a block of x");
                gemm_xt(x, d, &mut sum, beta);
            } else {
                scratch::with(count * values, |buffer| {
                    patches.gather(x, g * each..(g + 1) * each, first..first + count, buffer);
                    gemm_xt(view(buffer, count, values), d, &mut sum, beta);
                });
            }
        }
    }
}

/// `d W^T`, scattered back to the pixels that the patches came from.
fn input_gradient(patches: &Patches, groups: usize, weights: Rows, d: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    let columns = weights.cols();
    let (each, own) = (patches.size[2] / groups, columns / groups);
    let (rows, values, block) = (d.len() / columns, patches.values(each), patches.block(each));
    for first in (0..rows).step_by(block) {
        let count = block.min(rows - first);
        for g in 0..groups {
            let d =
                Rows::strided(&d[first * columns + g * own..], count, own, columns).expect("a block of d");
            scratch::with(count * values, |buffer| {
                let mut spread = RowsMut::new(buffer, count, values).expect("a block of patches");
                gemm_wt(d, weights.columns(g * own, own), &mut spread, 0.0);
                patches.scatter(buffer, g * each..(g + 1) * each, first..first + count, dx);
            });
        }
    }
}

/// A convolution with stride 1 runs backwards as a convolution of the outputs' gradient with the kernel turned
/// round: gathering is cheaper than scattering. None where the padding does not allow it.
fn mirrored(patches: &Patches, weights: Rows, groups: usize) -> Option<(Patches, Vec<f32>)> {
    let Window { kernel, stride, dilation, pad } = patches.window;
    if stride != [1, 1] {
        return None;
    }
    let mut turned_pad = [0; 4];
    for k in 0..4 {
        turned_pad[k] = (dilation[k % 2] * (kernel[k % 2] - 1)).checked_sub(pad[k])?;
    }
    let [height, width, channels] = patches.size;
    let columns = weights.cols();
    let (each, own) = (channels / groups, columns / groups);
    let taps = kernel[0] * kernel[1];
    let mut turned = vec![0.0; taps * own * channels];
    for tap in 0..taps {
        for c in 0..each {
            let row = weights.row((taps - 1 - tap) * each + c);
            for (column, &w) in row.iter().enumerate() {
                let (g, o) = (column / own, column % own);
                turned[(tap * own + o) * channels + g * each + c] = w;
            }
        }
    }
    let window = Window { kernel, stride, dilation, pad: turned_pad };
    let size = [patches.out[0], patches.out[1], columns];
    Some((Patches { size, out: [height, width], window }, turned))
}
