//! One node on one chunk of a batch.

use super::products::{Factor, Products};
use super::recurrent;
use crate::error::NnError;
use crate::graph::{Graph, Node, Op, Tensor, ValueId};
use crate::kernels::conv::Patches;
use crate::kernels::nest;
use crate::kernels::{activation, broadcast, layout, norm, range, reduce};
use crate::shape::spatial;
use neurohm_array::gemm;
use neurohm_num::{Rows, RowsMut};

/// What a node needs beyond the graph, prepared once.
#[derive(Clone, Debug)]
pub enum Ready {
    /// Bias, repeated; leading rows a sample.
    Dense(Option<Vec<f32>>),
    /// Bias, repeated, and the geometry.
    Conv(Option<Vec<f32>>, Patches),
    /// Scale and shift, repeated.
    Affine(Vec<f32>, Vec<f32>),
    /// The geometry.
    Pool(Patches),
    /// Nothing.
    Plain,
}

/// The patches of a windowed node.
pub fn patches(graph: &Graph, node: &Node) -> Option<Patches> {
    let window = match node.op {
        Op::Conv { window, .. } | Op::MaxPool(window) | Op::AvgPool { window, .. } => window,
        _ => return None,
    };
    let size = spatial(&graph.values[node.inputs[0]].shape).ok()?;
    let out = spatial(&graph.values[node.output].shape).ok()?;
    Some(Patches { size, out: [out[0], out[1]], window })
}

/// Scale and shift per channel that a batch norm's statistics amount to.
pub fn affine_of(graph: &Graph, op: &Op) -> Option<(Vec<f32>, Vec<f32>)> {
    let Op::BatchNorm { gamma, beta, mean, variance, epsilon } = *op else { return None };
    let p = |id: usize| graph.params[id].data.iter().map(|&v| f64::from(v));
    let scale: Vec<f64> =
        p(gamma).zip(p(variance)).map(|(g, v)| g / (v + f64::from(epsilon)).sqrt()).collect();
    let shift = p(beta).zip(p(mean)).zip(&scale).map(|((b, m), s)| (b - m * s) as f32).collect();
    Some((scale.iter().map(|&s| s as f32).collect(), shift))
}

/// Prepares a node of a valid graph.
pub fn prepare(graph: &Graph, node: &Node) -> Ready {
    let bias = |id: Option<usize>| id.map(|b| norm::repeat(&graph.params[b].data));
    match (&node.op, patches(graph, node)) {
        (Op::Dense { bias: b, .. }, _) => Ready::Dense(bias(*b)),
        (Op::Conv { bias: b, .. }, Some(patches)) => Ready::Conv(bias(*b), patches),
        (Op::MaxPool(_) | Op::AvgPool { .. }, Some(patches)) => Ready::Pool(patches),
        (op @ Op::BatchNorm { .. }, _) => match affine_of(graph, op) {
            Some((scale, shift)) => Ready::Affine(norm::repeat(&scale), norm::repeat(&shift)),
            None => Ready::Plain,
        },
        _ => Ready::Plain,
    }
}

/// A weight as a matrix.
pub fn matrix(weight: &Tensor) -> Rows<'_> {
    let (rows, cols) = (weight.shape[0], weight.shape[1]);
    Rows::new(&weight.data, rows, cols).expect("a validated weight")
}

/// Which samples a step works on.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// How many.
    pub count: usize,
    /// The first one's ordinal.
    pub first: u64,
}

/// Runs the node at `index`: reads `inputs` and fills `out`. Where it overwrites input `over`, that input's
/// values are in `out` already and its entry in `inputs` is empty.
pub fn run(
    graph: &Graph,
    index: usize,
    ready: &Ready,
    products: &dyn Products,
    inputs: &[&[f32]],
    over: Option<usize>,
    out: &mut [f32],
    chunk: Chunk,
) -> Result<(), NnError> {
    let node = &graph.nodes[index];
    let n = chunk.count;
    let shape = |v: ValueId| graph.values[v].shape.as_slice();
    let (x_shape, y_shape) = (node.inputs.first().map_or(&[][..], |&v| shape(v)), shape(node.output));
    let x = inputs.first().copied().unwrap_or_default();
    if out.is_empty() {
        return Ok(());
    }
    let own = |out: &mut [f32]| {
        if over.is_none() {
            out.copy_from_slice(x);
        }
    };
    match (&node.op, ready) {
        (Op::Dense { weight, .. }, Ready::Dense(bias)) => {
            let weights = matrix(&graph.params[*weight]);
            let rows = out.len() / weights.cols();
            let x = Rows::new(x, rows, weights.rows()).expect("a validated input");
            let mut y = RowsMut::new(out, rows, weights.cols()).expect("a validated output");
            let first = chunk.first.wrapping_mul((rows / n) as u64);
            products.product(Factor { node: index, group: 0, first_row: first }, weights, x, &mut y)?;
            if let Some(bias) = bias.as_ref().filter(|_| !products.adds_bias(index)) {
                norm::add_bias(out, bias);
            }
        }
        (Op::Conv { weight, groups, .. }, Ready::Conv(bias, patches)) => {
            let weights = matrix(&graph.params[*weight]);
            let bias = bias.as_ref().filter(|_| !products.adds_bias(index));
            let finish = |y: &mut [f32]| {
                if let Some(bias) = bias {
                    norm::add_bias(y, bias);
                }
            };
            let channels = patches.size[2];
            if *groups > 1 && *groups == channels && weights.cols() == channels && products.exact(index) {
                patches.depthwise(x, weights.data(), out);
                finish(out);
                return Ok(());
            }
            let rows = n * patches.per_sample();
            let mut y = RowsMut::new(out, rows, weights.cols()).expect("a validated output");
            let first = chunk.first.wrapping_mul(patches.per_sample() as u64);
            let own = weights.cols() / groups;
            let product = |group: usize, x: Rows, y: &mut RowsMut, row: usize| {
                let weights = weights.columns(group * own, own);
                let first_row = first.wrapping_add(row as u64);
                products.product(Factor { node: index, group, first_row }, weights, x, y)
            };
            patches.blocks(x, *groups, &mut y, product, finish)?;
        }
        (Op::BatchNorm { .. }, Ready::Affine(scale, shift)) => match over {
            Some(_) => norm::affine_in_place(out, scale, shift, false),
            None => norm::affine(x, scale, shift, false, out),
        },
        (Op::MaxPool(_), Ready::Pool(patches)) => patches.max(x, out, None),
        (Op::AvgPool { count_pad, .. }, Ready::Pool(patches)) => patches.mean(x, out, *count_pad),
        (Op::Activate(a), _) => {
            own(out);
            activation::apply(*a, out);
        }
        (Op::Range { bound, levels }, _) => {
            own(out);
            range::apply(out, range::bound(&graph.params[*bound].data), *levels);
        }
        (Op::Reduce { how, axes, .. }, _) => {
            let count = axes.iter().map(|&a| x_shape[a]).product();
            reduce::apply(*how, &reduce::walk(x_shape, axes, n), x, out, count);
        }
        (Op::Binary(how), _) => match over {
            Some(k) => broadcast::in_place(*how, out, inputs[1 - k], k == 1),
            None => {
                let shapes = [y_shape, x_shape, shape(node.inputs[1])];
                broadcast::apply(*how, &broadcast::walk(shapes, n, true), out, x, inputs[1]);
            }
        },
        (Op::BinaryConst { how, param, constant_first }, _) => {
            let constant = &graph.params[*param];
            let nest = broadcast::walk([y_shape, x_shape, &constant.shape], n, false);
            if *constant_first {
                broadcast::apply(*how, &nest.swapped(), out, &constant.data, x);
            } else {
                broadcast::apply(*how, &nest, out, x, &constant.data);
            }
        }
        (Op::MatMul, _) => {
            let (inner, cols) = (x_shape[x_shape.len() - 1], y_shape[y_shape.len() - 1]);
            let rows = x_shape[x_shape.len() - 2];
            let pairs = x.chunks_exact(rows * inner).zip(inputs[1].chunks_exact(inner * cols));
            for ((a, b), y) in pairs.zip(out.chunks_exact_mut(rows * cols)) {
                let (a, b) = (Rows::new(a, rows, inner), Rows::new(b, inner, cols));
                let mut y = RowsMut::new(y, rows, cols).expect("a validated output");
                gemm(a.expect("a validated input"), b.expect("a validated input"), &mut y, 0.0);
            }
        }
        (Op::Concat { axis }, _) => {
            let mut at = vec![0; y_shape.len()];
            for (&v, x) in node.inputs.iter().zip(inputs) {
                let (nest, first) = layout::place(shape(v), &at, y_shape, n);
                nest::copy(&nest, first, out, x);
                at[*axis] += shape(v)[*axis];
            }
        }
        (Op::Pad { before, value, .. }, _) => {
            out.fill(*value);
            let (nest, first) = layout::place(x_shape, before, y_shape, n);
            nest::copy(&nest, first, out, x);
        }
        (Op::Transpose { order }, _) => nest::copy(&layout::transpose(x_shape, order, n), [0, 0], out, x),
        (Op::Slice { start, step, .. }, _) => {
            let (nest, first) = layout::slice(x_shape, start, y_shape, step, n);
            nest::copy(&nest, first, out, x);
        }
        (Op::Softmax { axis, log }, _) => {
            own(out);
            reduce::softmax(out, x_shape[*axis], x_shape[axis + 1..].iter().product(), *log);
        }
        (Op::Reshape { .. }, _) => own(out),
        (Op::Embed { table }, _) => {
            let table = matrix(&graph.params[*table]);
            let rows = table.rows() as f32;
            for (&wanted, y) in x.iter().zip(out.chunks_exact_mut(table.cols().max(1))) {
                let row = if wanted < 0.0 { wanted + rows } else { wanted };
                if !(row >= 0.0 && row < rows && row.fract() == 0.0) {
                    let detail = format!("the input {wanted} names no row of a table of {rows}");
                    return Err(graph.node_error(index, detail));
                }
                y.copy_from_slice(table.row(row as usize));
            }
        }
        (Op::Select, _) => {
            let shapes = [y_shape, x_shape, shape(node.inputs[1]), shape(node.inputs[2])];
            broadcast::choose(&broadcast::choice(shapes, n), out, x, inputs[1], inputs[2]);
        }
        (Op::Recurrent(_), _) => recurrent::run(graph, index, products, x, out, None, chunk)?,
        (op, _) => return Err(graph.node_error(index, format!("{} was not prepared", op.name()))),
    }
    Ok(())
}
