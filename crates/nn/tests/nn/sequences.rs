//! Networks of sequences, transformers and depthwise convolutions on crossbars.

use neurohm_array::{ChipSpec, chip_preset};
use neurohm_nn::graph::{Activation, Binary, Cell, Op, Reduce, Tensor, Window};
use neurohm_nn::models::{self, Builder};
use neurohm_nn::train::{Aware, AwareConfig, Disturbance, Outputs, train_on};
use neurohm_nn::{
    AnalogNetwork, Digital, Executor, Graph, Labelled, Products, TrainConfig, Trainer, onnx, run,
};
use neurohm_num::{Key, Purpose, Rows, Unwatched};
use std::ops::ControlFlow;

const GRU_BEFORE: Cell =
    Cell::Gru { gate: Activation::Sigmoid, candidate: Activation::Tanh, reset_after: false };

fn draw(len: usize, event: u64) -> Vec<f32> {
    let mut out = vec![0.0; len];
    Key::root(2).stream(Purpose::Data, event).fill_normal(0, &mut out);
    out
}

fn samples(graph: &Graph, count: usize) -> Tensor {
    let shape: Vec<usize> = [count].iter().chain(&graph.values[graph.inputs[0]].shape).copied().collect();
    Tensor { data: draw(shape.iter().product(), 1), shape }
}

/// A recurrent network with biases and states that are not zero.
fn recurrent(cell: Cell) -> Graph {
    let mut graph = models::recurrent("recurrent", &[7, 5], cell, 6, 3, Key::root(4));
    for (k, p) in graph.params.iter_mut().enumerate().filter(|(_, p)| p.shape.len() == 1) {
        p.data = draw(p.data.len(), 50 + k as u64);
    }
    let hidden = graph.add_param(Tensor { shape: vec![6], data: draw(6, 60) });
    for node in &mut graph.nodes {
        if let Op::Recurrent(r) = &mut node.op {
            (r.hidden, r.reverse) = (Some(hidden), true);
        }
    }
    graph.infer_shapes().unwrap();
    graph
}

/// A transformer block: normalisation, two heads, residuals, a perceptron.
fn transformer() -> Graph {
    let (steps, width, heads) = (6, 8, 2);
    let mut b = Builder::new("transformer", &[steps, width], Key::root(5));
    let norm = |b: &mut Builder, x| {
        let mean = |b: &mut Builder, x| {
            b.node("mean", Op::Reduce { how: Reduce::Mean, axes: vec![1], keep: true }, &[x])
        };
        let m = mean(b, x);
        let c = b.node("centred", Op::Binary(Binary::Sub), &[x, m]);
        let s = b.node("square", Op::Binary(Binary::Mul), &[c, c]);
        let v = mean(b, s);
        let v = b.constant(v, Binary::Add, Tensor { shape: vec![], data: vec![1e-5] }, false);
        let d = b.node("deviation", Op::Activate(Activation::Sqrt), &[v]);
        b.node("norm", Op::Binary(Binary::Div), &[c, d])
    };
    let x = b.input();
    let n = norm(&mut b, x);
    let head = |b: &mut Builder, order: Vec<usize>| {
        let y = b.dense(n, width);
        let y = b.node("apart", Op::Reshape { shape: vec![steps, heads, width / heads] }, &[y]);
        b.node("heads", Op::Transpose { order }, &[y])
    };
    let (q, k, v) = (head(&mut b, vec![1, 0, 2]), head(&mut b, vec![1, 2, 0]), head(&mut b, vec![1, 0, 2]));
    let a = b.node("scores", Op::MatMul, &[q, k]);
    let a = b.node("softmax", Op::Softmax { axis: 2, log: false }, &[a]);
    let y = b.node("attended", Op::MatMul, &[a, v]);
    let y = b.node("back", Op::Transpose { order: vec![1, 0, 2] }, &[y]);
    let y = b.node("joined", Op::Reshape { shape: vec![steps, width] }, &[y]);
    let y = b.dense(y, width);
    let x = b.add(x, y);
    let n = norm(&mut b, x);
    let y = b.dense(n, 16);
    let y = b.node("gelu", Op::Activate(Activation::Gelu { tanh: false }), &[y]);
    let y = b.dense(y, width);
    let x = b.add(x, y);
    let x = b.node("pooled", Op::Reduce { how: Reduce::Mean, axes: vec![0], keep: false }, &[x]);
    let x = b.dense(x, 3);
    let mut graph = b.finish(x);
    graph.infer_shapes().unwrap();
    graph
}

/// Depthwise and grouped convolutions.
fn depthwise() -> Graph {
    let window = |k: usize, s: usize, p: usize| Window {
        kernel: [k; 2],
        stride: [s; 2],
        dilation: [1; 2],
        pad: [p; 4],
    };
    let mut b = Builder::new("depthwise", &[9, 9, 4], Key::root(6));
    let mut x = b.input();
    x = b.conv_with(x, 4, window(3, 2, 1), 4, true);
    x = b.relu(x);
    x = b.conv_with(x, 6, window(1, 1, 0), 2, true);
    x = b.relu(x);
    x = b.conv_with(x, 6, window(3, 1, 1), 6, false);
    x = b.global_mean(x);
    x = b.dense(x, 3);
    let mut graph = b.finish(x);
    graph.infer_shapes().unwrap();
    graph
}

fn networks() -> Vec<(&'static str, Graph)> {
    vec![
        ("lstm", recurrent(models::LSTM)),
        ("gru", recurrent(models::GRU)),
        ("gru that resets before", recurrent(GRU_BEFORE)),
        ("rnn", recurrent(Cell::Simple { activation: Activation::Tanh })),
        ("transformer", transformer()),
        ("depthwise", depthwise()),
    ]
}

fn part(x: &Tensor, first: usize, count: usize) -> Tensor {
    let each = x.data.len() / x.shape[0];
    let mut shape = x.shape.clone();
    shape[0] = count;
    Tensor { shape, data: x.data[first * each..(first + count) * each].to_vec() }
}

#[test]
fn the_ideal_chip_is_the_digital_run() {
    for (name, graph) in networks() {
        let x = [samples(&graph, 9)];
        let network = AnalogNetwork::program(&graph, &ChipSpec::ideal(), Key::root(9), &Unwatched).unwrap();
        assert_eq!(network.layers().len(), graph.weighted_layers().len());
        let analog = run(&graph, &x, &network, 0, &Unwatched).unwrap();
        let digital = run(&graph, &x, &Digital, 0, &Unwatched).unwrap();
        if name == "depthwise" {
            // Depthwise layers are summed without patches where products are exact: another order of the same sums.
            for (a, d) in analog[0].data.iter().zip(&digital[0].data) {
                assert!((a - d).abs() < 1e-6 * (1.0 + d.abs()), "{a} {d}");
            }
        } else {
            assert_eq!(analog, digital, "{name}");
        }
        assert_eq!(network.tally().macs, 9 * graph.macs() as u64, "{name}");
    }
}

#[test]
fn a_chip_gives_every_sample_its_own_noise_however_a_batch_is_cut() {
    for (preset, (name, graph)) in
        ["default", "peer"].into_iter().flat_map(|p| networks().into_iter().map(move |n| (p, n)))
    {
        let x = samples(&graph, 13);
        let chip = chip_preset(preset).unwrap();
        let mut network = AnalogNetwork::program(&graph, &chip, Key::root(9), &Unwatched).unwrap();
        if chip.needs_calibration() {
            network.calibrate(&graph, &[samples(&graph, 8)]).unwrap();
        }
        network.advance(3600.0).unwrap();
        network.read().unwrap();
        let executor = Executor::new(&graph).unwrap();
        let whole = executor.run(std::slice::from_ref(&x), &network, 100, &Unwatched).unwrap().remove(0);
        let mut parts = Vec::new();
        for (first, count) in [(0, 1), (1, 8), (9, 4)] {
            let y =
                executor.run(&[part(&x, first, count)], &network, 100 + first as u64, &Unwatched).unwrap();
            parts.extend_from_slice(&y[0].data);
        }
        assert_eq!(whole.data, parts, "{name}");
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let again =
                pool.install(|| run(&graph, std::slice::from_ref(&x), &network, 100, &Unwatched).unwrap());
            assert_eq!(again[0], whole, "{name}, {threads} threads");
        }
        // The noise is there, differs from sample to sample, and is no wreck of the result.
        let same = [Tensor {
            shape: vec![4].into_iter().chain(x.shape[1..].iter().copied()).collect(),
            data: part(&x, 0, 1).data.repeat(4),
        }];
        let noisy = run(&graph, &same, &network, 0, &Unwatched).unwrap().remove(0);
        assert_ne!(noisy.data[..3], noisy.data[3..6], "{name}");
        let digital = run(&graph, std::slice::from_ref(&x), &Digital, 0, &Unwatched).unwrap().remove(0);
        let norm = |v: &[f32]| v.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let difference: Vec<f32> = whole.data.iter().zip(&digital.data).map(|(a, d)| a - d).collect();
        let error = norm(&difference) / norm(&digital.data);
        assert!(error > 1e-4 && error < 0.6, "{name}: relative error {error}");
    }
}

/// Every step multiplies once, with rows that no other step and no other sample has.
#[test]
fn steps_have_ordinals_of_their_own() {
    struct Rowed(std::sync::Mutex<std::collections::BTreeSet<(usize, usize, u64)>>);
    impl Products for Rowed {
        fn product(
            &self,
            of: neurohm_nn::Factor,
            weights: Rows,
            x: Rows,
            y: &mut neurohm_num::RowsMut,
        ) -> Result<(), neurohm_nn::NnError> {
            let mut seen = self.0.lock().unwrap();
            for r in 0..x.rows() as u64 {
                assert!(seen.insert((of.node, of.group, of.first_row + r)), "{of:?} comes twice");
            }
            drop(seen);
            Digital.product(of, weights, x, y)
        }
    }
    let graph = recurrent(GRU_BEFORE);
    let rowed = Rowed(Default::default());
    run(&graph, &[samples(&graph, 40)], &rowed, 7, &Unwatched).unwrap();
    let products: usize = graph.weighted_layers().iter().map(|l| l.groups * l.rows_per_sample * 40).sum();
    assert_eq!(rowed.0.into_inner().unwrap().len(), products);
}

/// Sequences of three kinds: which of three features leads early, with noise.
fn sequences(count: usize) -> (Vec<f32>, Vec<u32>) {
    let mut x = draw(count * 35, 5);
    let labels: Vec<u32> = (0..count as u32).map(|i| i % 3).collect();
    for (sample, &l) in x.chunks_exact_mut(35).zip(&labels) {
        sample.iter_mut().for_each(|v| *v *= 0.4);
        sample[l as usize] += 2.0;
    }
    (x, labels)
}

#[test]
fn recurrent_networks_learn_with_disturbed_weights_to_the_same_bits_on_any_number_of_threads() {
    let (x, labels) = sequences(240);
    let data = Labelled { x: Rows::new(&x, 240, 35).unwrap(), labels: &labels };
    let config = TrainConfig { epochs: 12, batch: 24, rate: 0.1, ..TrainConfig::default() };
    for cell in [models::LSTM, models::GRU, GRU_BEFORE] {
        let start = models::recurrent("recurrent", &[7, 5], cell, 12, 3, Key::root(4));
        let on = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let weights = vec![Disturbance::Gaussian { relative: 0.05 }];
                let outputs = Outputs { levels: 255, noise: 0.01 };
                let aware = Aware::new(&start, AwareConfig { weights, outputs }, Key::root(7)).unwrap();
                let mut graph = start.clone();
                let go = |_: &_, _: &_| ControlFlow::Continue(());
                let reports =
                    train_on(&mut graph, data, &config, Key::root(1), &aware, &Unwatched, go).unwrap();
                (graph, reports)
            })
        };
        let (graph, reports) = on(1);
        let last = reports.last().unwrap();
        assert!(last.accuracy > 0.95, "{cell:?}: {reports:?}");
        assert_eq!(on(3).0, graph);
    }
}

#[test]
fn what_has_no_gradient_is_named() {
    let mut graph = recurrent(models::LSTM);
    for node in &mut graph.nodes {
        if let Op::Recurrent(r) = &mut node.op {
            r.clip = Some(1.0);
        }
    }
    let error = Trainer::new(graph, TrainConfig::default(), Key::root(1)).unwrap_err().to_string();
    assert!(error.contains("\"steps2\"") || error.contains("\"steps1\""), "{error}");
}

#[test]
fn tokens_that_are_not_there_are_errors() {
    let mut b = Builder::new("tokens", &[4], Key::root(1));
    let table = b.tensor(Tensor { shape: vec![5, 2], data: draw(10, 3) });
    let x = b.node("words", Op::Embed { table }, &[b.input()]);
    let graph = b.finish(x);
    let input = |data: [f32; 4]| [Tensor { shape: vec![1, 4], data: data.to_vec() }];
    let y = run(&graph, &input([4.0, 0.0, -1.0, 2.0]), &Digital, 0, &Unwatched).unwrap().remove(0);
    assert_eq!(y.shape, [1, 4, 2]);
    assert_eq!(y.data[..2], y.data[4..6]);
    assert_eq!(y.data[..2], graph.params[table].data[8..]);
    for bad in [5.0, -6.0, 0.5, f32::NAN] {
        let error =
            run(&graph, &input([0.0, bad, 0.0, 0.0]), &Digital, 0, &Unwatched).unwrap_err().to_string();
        assert!(error.contains("\"words0\"") && error.contains("table of 5"), "{error}");
    }
}

#[test]
fn built_in_sequences_are_written_and_read_as_they_are() {
    for name in ["lstm", "gru"] {
        let graph = models::by_name(name, &[12, 9, 1], 4, Key::root(3)).unwrap();
        let read = onnx::read(&onnx::write(&graph).unwrap(), &|_| Err(String::new())).unwrap().graph;
        let sizes = |g: &Graph| {
            g.weighted_layers().iter().map(|l| (l.inputs, l.outputs, l.rows_per_sample)).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&read), sizes(&graph));
        let x = [samples(&graph, 5)];
        let (a, b) = (
            run(&graph, &x, &Digital, 0, &Unwatched).unwrap(),
            run(&read, &x, &Digital, 0, &Unwatched).unwrap(),
        );
        assert_eq!(a[0].data, b[0].data, "{name}");
    }
}
