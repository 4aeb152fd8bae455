//! Every backward pass against central differences of its forward pass.

use super::tape::{self, Tape};
use super::{backward, loss};
use crate::exec::Digital;
use crate::graph::{Activation, Binary, Cell, Graph, Op, Recurrence, Reduce, Tensor, ValueId, Window};
use crate::models::Builder;
use neurohm_num::{Key, Purpose};

const BATCH: usize = 5;

fn draw(len: usize, event: u64) -> Vec<f32> {
    let mut out = vec![0.0; len];
    Key::root(11).stream(Purpose::Data, event).fill_normal(0, &mut out);
    out
}

/// A network whose first layer makes a value of `shape` out of six inputs, so that the gradient of its weights
/// goes through whatever `build` puts behind it.
fn network(shape: &[usize], build: impl FnOnce(&mut Builder, ValueId) -> ValueId) -> Graph {
    let mut b = Builder::new("test", &[6], Key::root(5));
    let x = b.dense(b.input(), shape.iter().product());
    let x = b.node("shape", Op::Reshape { shape: shape.to_vec() }, &[x]);
    let y = build(&mut b, x);
    let mut graph = b.finish(y);
    graph.infer_shapes().unwrap();
    // Biases, batch norms and constants that do nothing would hide mistakes.
    for (id, p) in graph.params.iter_mut().enumerate() {
        if p.shape.len() == 1 {
            let noise = draw(p.data.len(), 100 + id as u64);
            p.data.iter_mut().zip(noise).for_each(|(v, n)| *v += 0.3 * n.abs());
        }
    }
    graph
}

/// `sum r y` over a batch, in double precision, and its gradient by the parameters.
fn functional(graph: &Graph, gradient: bool) -> (f64, Vec<Tensor>) {
    let mut graph = graph.clone();
    let mut tape = Tape::new(&graph, BATCH).unwrap();
    let x = draw(6 * BATCH, 1);
    tape.value_mut(0).copy_from_slice(&x);
    tape.forward(&mut graph, BATCH, 0, &Digital).unwrap();
    let y = tape.value(graph.outputs[0], BATCH).to_vec();
    let r = draw(y.len(), 2);
    let value = y.iter().zip(&r).map(|(&y, &r)| f64::from(y) * f64::from(r)).sum();
    let mut gradients = tape::zeros_like(&graph);
    if gradient {
        backward::run(&mut tape, &graph, BATCH, graph.outputs[0], r, &mut gradients);
    }
    (value, gradients)
}

/// Compares every parameter's gradient with the fourth-order central difference of step `h`, to `tolerance` of
/// the tensor's largest.
fn check(name: &str, graph: &Graph, h: f32, tolerance: f64) {
    let (_, analytic) = functional(graph, true);
    for (id, decays) in tape::trained(graph).iter().enumerate() {
        if decays.is_none() {
            continue;
        }
        let analytic = &analytic[id].data;
        // Up to forty numbers of each tensor, spread over it.
        let picked: Vec<usize> = (0..analytic.len()).step_by(analytic.len().div_ceil(40) | 1).collect();
        let numeric: Vec<f64> = picked
            .iter()
            .map(|&k| {
                let at = |delta: f32| {
                    let mut moved = graph.clone();
                    moved.params[id].data[k] += delta;
                    functional(&moved, false).0
                };
                (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * f64::from(h))
            })
            .collect();
        let scale = numeric.iter().fold(0.0f64, |s, v| s.max(v.abs()));
        assert!(scale > 1e-3, "{name}: parameter {id} has no effect");
        for (&k, n) in picked.iter().zip(&numeric) {
            let a = f64::from(analytic[k]);
            assert!(
                (a - n).abs() <= tolerance * scale,
                "{name}: parameter {id} [{k}]: analytic {a}, numeric {n}, largest {scale}"
            );
        }
    }
}

/// Linear and smooth operations.
fn smooth(name: &str, shape: &[usize], build: impl FnOnce(&mut Builder, ValueId) -> ValueId) {
    check(name, &network(shape, build), 0.03, 3e-4);
}

/// Operations with kinks: steps that stay on one side of them.
fn kinked(name: &str, shape: &[usize], build: impl FnOnce(&mut Builder, ValueId) -> ValueId) {
    check(name, &network(shape, build), 1e-3, 2e-3);
}

fn window(kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2], pad: [usize; 4]) -> Window {
    Window { kernel, stride, dilation, pad }
}

#[test]
fn convolutions() {
    let cases = [
        ("3x3", window([3, 3], [1, 1], [1, 1], [1, 1, 1, 1]), 1, 3),
        ("strided, uneven padding", window([3, 2], [2, 1], [1, 1], [0, 1, 1, 0]), 1, 3),
        ("dilated", window([2, 2], [1, 1], [2, 3], [1, 2, 0, 3]), 1, 2),
        ("grouped", window([3, 3], [1, 1], [1, 1], [1, 1, 1, 1]), 2, 6),
        ("grouped and strided", window([3, 3], [2, 2], [1, 1], [1, 1, 1, 1]), 2, 4),
        ("depthwise", window([3, 3], [1, 1], [1, 1], [1, 1, 1, 1]), 4, 4),
        ("depthwise and strided", window([3, 3], [2, 2], [1, 1], [1, 1, 1, 1]), 4, 4),
        ("1x1", window([1, 1], [1, 1], [1, 1], [0; 4]), 1, 3),
        ("1x1 grouped", window([1, 1], [1, 1], [1, 1], [0; 4]), 2, 6),
        ("1x1 strided", window([1, 1], [2, 2], [1, 1], [0; 4]), 1, 3),
        ("padding beyond the kernel", window([2, 2], [1, 1], [1, 1], [3, 3, 3, 3]), 1, 2),
    ];
    for (name, window, groups, outputs) in cases {
        smooth(name, &[5, 6, 4], |b, x| b.conv_with(x, outputs, window, groups, true));
    }
    let signal = window([1, 3], [1, 2], [1, 1], [0, 1, 0, 1]);
    smooth("signal", &[9, 4], |b, x| b.conv_with(x, 3, signal, 1, true));
}

#[test]
fn dense_layers() {
    smooth("dense", &[7], |b, x| b.dense(x, 4));
    smooth("dense over the last axis", &[3, 7], |b, x| b.dense(x, 4));
}

#[test]
fn batch_norms() {
    smooth("image", &[3, 4, 5], |b, x| b.norm(x));
    smooth("vector", &[7], |b, x| {
        // A bias right before a batch norm would have no effect.
        let x = b.node("tanh", Op::Activate(Activation::Tanh), &[x]);
        b.norm(x)
    });
    kinked("with ReLU", &[2, 3, 4], |b, x| {
        let x = b.norm(x);
        b.relu(x)
    });
}

#[test]
fn activations() {
    let smooth_ones = [
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Silu,
        Activation::Gelu { tanh: false },
        Activation::Gelu { tanh: true },
        Activation::Softplus,
        Activation::Erf,
        Activation::Neg,
    ];
    for a in smooth_ones {
        check(&format!("{a:?}"), &network(&[11], |b, x| b.node("a", Op::Activate(a), &[x])), 0.02, 5e-4);
    }
    let kinked_ones = [
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.1 },
        Activation::LeakyRelu { slope: -0.3 },
        Activation::Clip { min: -0.5, max: 0.8 },
        Activation::Elu { alpha: 1.3 },
        Activation::Elu { alpha: -0.4 },
        Activation::Selu { alpha: 1.673_263_2, gamma: 1.050_701 },
        Activation::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Activation::HardSwish,
        Activation::Softsign,
        Activation::Abs,
    ];
    for a in kinked_ones {
        kinked(&format!("{a:?}"), &[11], |b, x| b.node("a", Op::Activate(a), &[x]));
    }
    // Those that need positive arguments, behind e^x.
    for a in [Activation::Exp, Activation::Log, Activation::Sqrt, Activation::Reciprocal] {
        let build = |b: &mut Builder, x| {
            let x = b.node("squash", Op::Activate(Activation::Tanh), &[x]);
            let x = b.node("exp", Op::Activate(Activation::Exp), &[x]);
            b.node("a", Op::Activate(a), &[x])
        };
        check(&format!("{a:?}"), &network(&[7], build), 0.02, 5e-4);
    }
}

#[test]
fn pools_and_reductions() {
    let overlapping = window([3, 2], [2, 1], [1, 1], [1, 0, 0, 1]);
    kinked("max", &[5, 6, 3], |b, x| b.node("pool", Op::MaxPool(overlapping), &[x]));
    for count_pad in [false, true] {
        let op = Op::AvgPool { window: overlapping, count_pad };
        smooth("average", &[5, 6, 3], |b, x| b.node("pool", op, &[x]));
    }
    for (how, axes, keep) in
        [(Reduce::Mean, vec![0, 1], false), (Reduce::Sum, vec![1], true), (Reduce::Mean, vec![2], true)]
    {
        smooth("reduce", &[3, 4, 5], |b, x| b.node("reduce", Op::Reduce { how, axes, keep }, &[x]));
    }
}

#[test]
fn functions_of_two() {
    for how in [Binary::Add, Binary::Sub, Binary::Mul] {
        let name = format!("{how:?}");
        smooth(&name, &[3, 4, 2], |b, x| {
            let y = b.conv(x, 2, 1, 1);
            b.node("b", Op::Binary(how), &[x, y])
        });
        smooth(&format!("{name} broadcast"), &[3, 4, 2], |b, x| {
            let m = b.node("m", Op::Reduce { how: Reduce::Mean, axes: vec![0, 1], keep: true }, &[x]);
            let y = b.node("b", Op::Binary(how), &[x, m]);
            b.node("b", Op::Binary(how), &[m, y])
        });
        if how != Binary::Sub {
            smooth(&format!("{name} with itself"), &[7], |b, x| b.node("b", Op::Binary(how), &[x, x]));
        }
    }
    let quotient = |b: &mut Builder, x| {
        let s = b.node("s", Op::Activate(Activation::Sigmoid), &[x]);
        let e = b.node("e", Op::Activate(Activation::Exp), &[s]);
        b.node("b", Op::Binary(Binary::Div), &[x, e])
    };
    check("Div", &network(&[7], quotient), 0.02, 5e-4);
    for (how, constant_first) in [
        (Binary::Add, false),
        (Binary::Sub, true),
        (Binary::Sub, false),
        (Binary::Mul, true),
        (Binary::Div, false),
    ] {
        smooth("constant", &[4, 1, 3], |b, x| {
            let data = (1..=6).map(|v| v as f32 * 0.7).collect();
            b.constant(x, how, Tensor { shape: vec![2, 3], data }, constant_first)
        });
    }
}

#[test]
fn movements() {
    smooth("concat", &[3, 4, 2], |b, x| {
        let y = b.conv(x, 3, 1, 1);
        b.node("c", Op::Concat { axis: 2 }, &[x, y, x])
    });
    let pad = Op::Pad { before: vec![1, 0, 2], after: vec![0, 2, 1], value: 0.7 };
    smooth("pad", &[3, 4, 2], |b, x| b.node("p", pad, &[x]));
    smooth("transpose", &[3, 4, 2], |b, x| b.node("t", Op::Transpose { order: vec![2, 0, 1] }, &[x]));
    let slice = Op::Slice { start: vec![1, 0, 1], end: vec![3, 4, 2], step: vec![1, 3, 1] };
    smooth("slice", &[3, 4, 2], |b, x| b.node("s", slice, &[x]));
    smooth("reshape between two readers", &[3, 4, 2], |b, x| {
        let flat = b.flatten(x);
        let y = b.dense(flat, 24);
        let y = b.node("r", Op::Reshape { shape: vec![3, 4, 2] }, &[y]);
        b.add(x, y)
    });
}

#[test]
fn softmaxes_and_cross_entropy() {
    for (axis, log) in [(0, false), (0, true), (1, false), (1, true)] {
        smooth("softmax", &[4, 3], |b, x| b.node("s", Op::Softmax { axis, log }, &[x]));
    }
    // The loss's own gradient.
    let z: Vec<f32> = draw(12, 7);
    let labels = [2, 0, 3];
    for smoothing in [0.0, 0.1] {
        let mut d = z.clone();
        loss::cross_entropy(&mut d, &labels, smoothing);
        for k in 0..12 {
            let at = |h: f32| {
                let mut z = z.clone();
                z[k] += h;
                loss::cross_entropy(&mut z, &labels, smoothing).loss / 3.0
            };
            let h = 0.05;
            let numeric = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * f64::from(h));
            assert!((numeric - f64::from(d[k])).abs() < 3e-6, "{k}: {} {numeric}", d[k]);
        }
    }
}

#[test]
fn residual_block() {
    kinked("residual", &[4, 4, 2], |b, x| {
        let y = b.conv(x, 3, 3, 2);
        let y = b.norm(y);
        let y = b.relu(y);
        let y = b.conv(y, 3, 3, 1);
        let y = b.norm(y);
        let s = b.conv(x, 3, 1, 2);
        let s = b.norm(s);
        let y = b.add(y, s);
        let y = b.relu(y);
        b.global_mean(y)
    });
}

/// Adds a recurrent layer with all that it may have.
fn steps(b: &mut Builder, x: ValueId, cell: Cell, reverse: bool, full: bool) -> ValueId {
    let (hidden, lstm) = (3, matches!(cell, Cell::Lstm { .. }));
    let columns = cell.gates() * hidden;
    let z = b.dense(x, columns);
    let mut tensor = |shape: &[usize], event: u64| {
        let data = draw(shape.iter().product(), event).iter().map(|v| 0.6 * v).collect();
        b.tensor(Tensor { shape: shape.to_vec(), data })
    };
    let recurrence = Recurrence {
        cell,
        weight: tensor(&[hidden, columns], 31),
        bias: full.then(|| tensor(&[columns], 32)),
        hidden: full.then(|| tensor(&[hidden], 33)),
        state: (full && lstm).then(|| tensor(&[hidden], 34)),
        peepholes: (full && lstm).then(|| tensor(&[3 * hidden], 35)),
        clip: None,
        reverse,
        keep_state: full && lstm,
    };
    b.node("steps", Op::Recurrent(recurrence), &[z])
}

#[test]
fn recurrent_layers() {
    let (gate, candidate, output) = (Activation::Sigmoid, Activation::Tanh, Activation::Tanh);
    let cells = [
        Cell::Simple { activation: Activation::Tanh },
        Cell::Lstm { gate, candidate, output, coupled: false },
        Cell::Lstm { gate, candidate: Activation::Softplus, output: Activation::Sigmoid, coupled: true },
        Cell::Gru { gate, candidate, reset_after: true },
        Cell::Gru { gate, candidate, reset_after: false },
    ];
    for cell in cells {
        for (reverse, full) in [(false, true), (true, true), (true, false)] {
            smooth(&format!("{cell:?} {reverse} {full}"), &[4, 2], |b, x| steps(b, x, cell, reverse, full));
        }
    }
}

#[test]
fn products_of_two_values() {
    smooth("MatMul", &[2, 3, 4], |b, x| {
        let y = b.dense(x, 5);
        let y = b.node("turned", Op::Transpose { order: vec![0, 2, 1] }, &[y]);
        let x = b.node("front", Op::Transpose { order: vec![0, 1, 2] }, &[x]);
        let z = b.node("up", Op::Transpose { order: vec![0, 2, 1] }, &[x]);
        let a = b.node("a", Op::MatMul, &[y, x]);
        b.node("b", Op::MatMul, &[a, z])
    });
}
