//! Properties of running and training: independence of splits and threads, buffers, errors.

use neurohm_array::{ChipSpec, chip_preset, presets_only};
use neurohm_nn::graph::{Activation, Binary, Graph, Op, Tensor};
use neurohm_nn::models::{self, Builder};
use neurohm_nn::train::{Hardware, Optimiser, train_on};
use neurohm_nn::{
    AnalogNetwork, Digital, Executor, Factor, Labelled, NnError, Products, TrainConfig, Trainer, run, train,
};
use neurohm_num::{Cancelled, Key, Purpose, Rows, RowsMut, Unwatched, Watch};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

fn draw(len: usize, event: u64) -> Vec<f32> {
    let mut out = vec![0.0; len];
    Key::root(2).stream(Purpose::Data, event).fill_normal(0, &mut out);
    out
}

fn images(count: usize) -> Tensor {
    Tensor { shape: vec![count, 12, 12, 2], data: draw(count * 288, 1) }
}

fn small_resnet() -> Graph {
    let mut graph = models::resnet(&[12, 12, 2], &[4, 6], 1, 3, Key::root(1));
    graph.infer_shapes().unwrap();
    graph
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

fn part(x: &Tensor, first: usize, count: usize) -> Tensor {
    let each = x.data.len() / x.shape[0];
    let mut shape = x.shape.clone();
    shape[0] = count;
    Tensor { shape, data: x.data[first * each..(first + count) * each].to_vec() }
}

/// The whole batch, the same in two parts and on one, two and three threads: equal bits.
fn splits_change_nothing(graph: &Graph, products: &dyn Products) {
    let x = images(21);
    let executor = Executor::new(graph).unwrap();
    let whole = executor.run(std::slice::from_ref(&x), products, 100, &Unwatched).unwrap().remove(0);
    let mut parts = Vec::new();
    for (first, count) in [(0, 1), (1, 13), (14, 7)] {
        let y = executor.run(&[part(&x, first, count)], products, 100 + first as u64, &Unwatched).unwrap();
        parts.extend_from_slice(&y[0].data);
    }
    assert_eq!(whole.data, parts);
    for threads in 1..4 {
        let again = pool(threads)
            .install(|| run(graph, std::slice::from_ref(&x), products, 100, &Unwatched).unwrap());
        assert_eq!(again[0], whole, "{threads} threads");
    }
}

#[test]
fn digital_runs_do_not_depend_on_splits_or_threads() {
    splits_change_nothing(&small_resnet(), &Digital);
}

#[test]
fn analog_runs_do_not_depend_on_splits_or_threads() {
    let mut graph = small_resnet();
    graph.fold_batch_norm();
    let chip = chip_preset("default").unwrap();
    let mut network = AnalogNetwork::program(&graph, &chip, Key::root(9), &Unwatched).unwrap();
    if chip.needs_calibration() {
        network.calibrate(&graph, &[images(8)]).unwrap();
    }
    network.advance(3600.0).unwrap();
    network.read().unwrap();
    let before = network.tally().macs;
    splits_change_nothing(&graph, &network);
    // Five times all samples: whole, in parts, and on one to three threads.
    assert_eq!(network.tally().macs - before, 5 * 21 * graph.macs() as u64);
    let layers = graph.weighted_layers();
    let weights: usize = layers.iter().map(|l| l.weights()).sum();
    assert_eq!(network.devices() % weights as u64, 0);
    assert_eq!(network.summary().len(), layers.len());
    let digital = run(&graph, &[images(21)], &Digital, 0, &Unwatched).unwrap();
    let analog = run(&graph, &[images(21)], &network, 0, &Unwatched).unwrap();
    let norm = |v: &[f32]| v.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    let difference: Vec<f32> = analog[0].data.iter().zip(&digital[0].data).map(|(a, d)| a - d).collect();
    let error = norm(&difference) / norm(&digital[0].data);
    assert!(error > 1e-4 && error < 0.5, "relative error {error}");
}

#[test]
fn the_ideal_chip_is_the_digital_run() {
    let mut graph = small_resnet();
    graph.fold_batch_norm();
    let network = AnalogNetwork::program(&graph, &ChipSpec::ideal(), Key::root(9), &Unwatched).unwrap();
    let analog = run(&graph, &[images(5)], &network, 0, &Unwatched).unwrap();
    assert_eq!(analog, run(&graph, &[images(5)], &Digital, 0, &Unwatched).unwrap());
    // Of a network with only some layers on the chip, the others are exact.
    let chip = chip_preset("default").unwrap();
    let none = AnalogNetwork::program_layers(&graph, &chip, Key::root(9), &|_| false, &Unwatched).unwrap();
    assert_eq!(run(&graph, &[images(5)], &none, 0, &Unwatched).unwrap(), analog);
    assert_eq!((none.devices(), none.tiles()), (0, 0));
}

/// Biases on devices: products contain them and the executor adds none.
#[test]
fn biases_on_devices_are_added_once() {
    let mut graph = small_resnet();
    graph.fold_batch_norm();
    // Folded norms of an untrained network shift nothing.
    for layer in graph.weighted_layers() {
        let bias = layer.bias.expect("folding leaves a bias");
        let shape = graph.params[bias].data.len();
        graph.params[bias].data = draw(shape, bias as u64);
    }
    let digital = run(&graph, &[images(5)], &Digital, 0, &Unwatched).unwrap();
    let mut chip = ChipSpec::ideal();
    let mut program = |path: &str, value: &str| {
        chip.set(path, value, &presets_only).unwrap();
        let mut network = AnalogNetwork::program(&graph, &chip, Key::root(9), &Unwatched).unwrap();
        network.read().unwrap();
        (run(&graph, &[images(5)], &network, 0, &Unwatched).unwrap(), network)
    };
    let (plain, before) = program("mapping.bias", "digital");
    let (exact, after) = program("mapping.bias", "word_line");
    assert_eq!((&plain, &exact), (&digital, &digital));
    let biases: usize = graph.weighted_layers().iter().map(|l| l.outputs * l.groups).sum();
    assert_eq!(after.devices(), before.devices() + 2 * biases as u64);
    // No scaling behind the converters is one for the bias.
    assert!(after.tally().digital_adds < before.tally().digital_adds);
    // Through conductances and converters of 22 bits.
    let (analog, _) = program("dac", "{uniform = {resolution.bits = 22, range.abs_max = {}}}");
    let scale = digital[0].data.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    for (a, d) in analog[0].data.iter().zip(&digital[0].data) {
        assert!((a - d).abs() < 1e-5 * scale, "{a} {d}");
    }
}

/// V. Joshi et al. 2020 (Nature Communications 11, 2473): 361 722 weights on 723 444 devices. Weights alone are ten fewer: the
/// biases of the last layer are among them. Batch norms are digital.
#[test]
fn the_residual_network_of_the_review_takes_its_published_number_of_devices() {
    let graph = models::by_name("resnet32", &[32, 32, 3], 10, Key::root(1)).unwrap();
    let mut chip = chip_preset("default").unwrap();
    let mut devices = |bias: &str| {
        chip.set("mapping.bias", bias, &presets_only).unwrap();
        AnalogNetwork::program(&graph, &chip, Key::root(9), &Unwatched).unwrap().devices()
    };
    assert_eq!((devices("digital"), devices("word_line")), (723_424, 723_444));
    // Without any bias there is nothing to put on devices.
    let mut bare = graph.clone();
    for node in &mut bare.nodes {
        if let Op::Dense { bias, .. } | Op::Conv { bias, .. } = &mut node.op {
            *bias = None;
        }
    }
    let said = AnalogNetwork::program(&bare, &chip, Key::root(9), &Unwatched).unwrap_err().to_string();
    assert!(said.contains("mapping.bias") && said.contains("no effect"), "{said}");
}

#[test]
fn a_bad_weight_is_named_with_its_layer() {
    let mut graph = small_resnet();
    let layer = graph.weighted_layers()[2].clone();
    graph.params[layer.weight].data[7] = f32::NAN;
    let chip = chip_preset("default").unwrap();
    let error = AnalogNetwork::program(&graph, &chip, Key::root(9), &Unwatched).unwrap_err().to_string();
    assert!(error.contains(&layer.name) && error.contains("NaN"), "{error}");
}

/// Values that are read long after they were made, shared by reshapes, overwritten and returned more than once.
#[test]
fn reused_buffers_hold_what_they_should() {
    let mut b = Builder::new("reuse", &[4, 3], Key::root(3));
    let x = b.input();
    let doubled = b.add(x, x);
    let kept = b.node("neg", Op::Activate(Activation::Neg), &[doubled]);
    let flat = b.flatten(kept);
    let squared = b.node("mul", Op::Binary(Binary::Mul), &[flat, flat]);
    let root = b.node("sqrt", Op::Activate(Activation::Sqrt), &[squared]);
    let back = b.node("reshape", Op::Reshape { shape: vec![4, 3] }, &[root]);
    let sum = b.node("sub", Op::Binary(Binary::Sub), &[back, kept]);
    let late = b.node("sub", Op::Binary(Binary::Sub), &[doubled, sum]);
    let mut graph = b.finish(late);
    graph.outputs = vec![late, flat, x, late, root];
    let x = Tensor { shape: vec![300, 4, 3], data: draw(3600, 4) };
    let y = run(&graph, std::slice::from_ref(&x), &Digital, 0, &Unwatched).unwrap();
    // late = 2x - (|2x| + 2x) = -|2x|
    let expect = |f: &dyn Fn(f32) -> f32| x.data.iter().map(|&v| f(v)).collect::<Vec<_>>();
    let close = |a: &[f32], b: Vec<f32>| a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(&y[0].data, expect(&|v| -(2.0 * v).abs())));
    assert_eq!(y[1].data, expect(&|v| -2.0 * v));
    assert_eq!((&y[2], &y[3]), (&x, &y[0]));
    assert!(close(&y[4].data, expect(&|v| (2.0 * v).abs())));
    assert_eq!(y[1].shape, [300, 12]);
}

struct StopAfter(AtomicU64);
impl Watch for StopAfter {
    fn step(&self, done: u64) -> Result<(), Cancelled> {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(done), Ordering::Relaxed);
        if left <= done { Err(Cancelled) } else { Ok(()) }
    }
}

#[test]
fn runs_and_training_can_be_cancelled() {
    let graph = small_resnet();
    let stop = || StopAfter(AtomicU64::new(3));
    assert!(matches!(run(&graph, &[images(21)], &Digital, 0, &stop()), Err(NnError::Cancelled(_))));
    let (x, labels) = blobs(64);
    let data = Labelled { x: Rows::new(&x, 64, 8).unwrap(), labels: &labels };
    let mut graph = classifier();
    let before = graph.clone();
    let config = TrainConfig { batch: 32, ..TrainConfig::default() };
    let stopped = train(&mut graph, data, &config, Key::root(1), &stop(), |_, _| ControlFlow::Continue(()));
    assert!(matches!(stopped, Err(NnError::Cancelled(_))));
    assert_ne!(graph, before, "what was learned stays");
}

/// Two clouds of points on a line that is hidden in eight dimensions.
fn blobs(count: usize) -> (Vec<f32>, Vec<u32>) {
    let mut x = draw(count * 8, 5);
    let labels: Vec<u32> = (0..count as u32).map(|i| i % 3).collect();
    for (row, &l) in x.chunks_exact_mut(8).zip(&labels) {
        row.iter_mut()
            .enumerate()
            .for_each(|(k, v)| *v = 0.5 * *v + if k as u32 % 3 == l { 1.5 } else { 0.0 });
    }
    (x, labels)
}

fn classifier() -> Graph {
    let mut b = Builder::new("classifier", &[8], Key::root(6));
    let x = b.dense(b.input(), 16);
    let x = b.norm(x);
    let x = b.relu(x);
    let x = b.dense(x, 3);
    let x = b.node("softmax", Op::Softmax { axis: 0, log: false }, &[x]);
    b.finish(x)
}

#[test]
fn training_gives_the_same_bits_on_any_number_of_threads_and_resumes_to_them() {
    let (x, labels) = blobs(500);
    let data = Labelled { x: Rows::new(&x, 500, 8).unwrap(), labels: &labels };
    for optimiser in [Optimiser::default(), Optimiser::adam()] {
        let config = TrainConfig { epochs: 4, batch: 50, rate: 0.02, optimiser, ..TrainConfig::default() };
        let on = |threads: usize| {
            pool(threads).install(|| {
                let mut graph = classifier();
                let reports = train(&mut graph, data, &config, Key::root(1), &Unwatched, |_, _| {
                    ControlFlow::Continue(())
                });
                (graph, reports.unwrap())
            })
        };
        let (graph, reports) = on(1);
        assert!(reports[3].accuracy > 0.9, "{reports:?}");
        assert_eq!((&graph, &reports), (&on(2).0, &on(3).1));

        let mut first = Trainer::new(classifier(), config.clone(), Key::root(1)).unwrap();
        first.epoch(data, &Digital, &Unwatched).unwrap();
        first.epoch(data, &Digital, &Unwatched).unwrap();
        let state = serde_json::to_string(first.state()).unwrap();
        let mut second = Trainer::new(first.into_graph(), config, Key::root(1)).unwrap();
        second.resume(serde_json::from_str(&state).unwrap()).unwrap();
        while !second.finished() {
            second.epoch(data, &Digital, &Unwatched).unwrap();
        }
        assert_eq!(second.into_graph(), graph);
    }
}

#[test]
fn images_train_to_the_same_bits_on_any_number_of_threads() {
    let x = draw(48 * 288, 8);
    let labels: Vec<u32> = (0..48).map(|i| i % 3).collect();
    let data = Labelled { x: Rows::new(&x, 48, 288).unwrap(), labels: &labels };
    let mut config = TrainConfig { epochs: 2, batch: 20, ..TrainConfig::default() };
    (config.augment.shift, config.augment.flip) = (2, true);
    let on = |threads: usize| {
        pool(threads).install(|| {
            let mut graph = small_resnet();
            train(&mut graph, data, &config, Key::root(1), &Unwatched, |_, _| ControlFlow::Continue(()))
                .unwrap();
            graph
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn training_stops_early_when_asked_and_says_when_it_diverges() {
    let (x, labels) = blobs(64);
    let data = Labelled { x: Rows::new(&x, 64, 8).unwrap(), labels: &labels };
    let mut config = TrainConfig { batch: 16, rate: 0.01, ..TrainConfig::default() };
    let stop = |r: &neurohm_nn::EpochReport, _: &Graph| {
        if r.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let reports = train(&mut classifier(), data, &config, Key::root(1), &Unwatched, stop).unwrap();
    assert_eq!(reports.len(), 3);

    config.rate = 1e30;
    let error = train(&mut classifier(), data, &config, Key::root(1), &Unwatched, stop).unwrap_err();
    assert!(matches!(error, NnError::Diverged { epoch: 1, .. }), "{error}");
    assert!(error.to_string().contains("epoch 1, step"), "{error}");
}

/// Hardware that rounds weights to a grid must train to weights that are not on it.
struct Rounded;
impl Products for Rounded {
    fn product(&self, of: Factor, weights: Rows, x: Rows, y: &mut RowsMut) -> Result<(), NnError> {
        for r in 0..weights.rows() {
            assert!(weights.row(r).iter().all(|w| (w * 8.0).fract() == 0.0));
        }
        Digital.product(of, weights, x, y)
    }
}
impl Hardware for Rounded {
    fn perturb(&self, _node: usize, _step: u64, weights: &Tensor, noisy: &mut [f32]) -> bool {
        noisy.iter_mut().zip(&weights.data).for_each(|(n, w)| *n = (w * 8.0).round() / 8.0);
        true
    }
}

#[test]
fn hardware_in_the_loop_sees_its_own_weights_and_leaves_the_clean_ones() {
    let (x, labels) = blobs(300);
    let data = Labelled { x: Rows::new(&x, 300, 8).unwrap(), labels: &labels };
    let config = TrainConfig { batch: 30, rate: 0.05, ..TrainConfig::default() };
    let mut graph = classifier();
    let go = |_: &_, _: &_| ControlFlow::Continue(());
    let reports = train_on(&mut graph, data, &config, Key::root(1), &Rounded, &Unwatched, go).unwrap();
    assert!(reports.last().unwrap().accuracy > 0.9, "{reports:?}");
    assert!(graph.params[0].data.iter().any(|w| (w * 8.0).fract() != 0.0));
}

#[test]
fn what_does_not_fit_is_named() {
    let graph = classifier();
    let error =
        |x: &Tensor| run(&graph, std::slice::from_ref(x), &Digital, 0, &Unwatched).unwrap_err().to_string();
    let wrong = Tensor { shape: vec![2, 7], data: vec![0.0; 14] };
    assert_eq!(error(&wrong), "input \"input\" takes [batch, 8], got [2, 7]");
    let short = Tensor { shape: vec![2, 8], data: vec![0.0; 15] };
    assert!(error(&short).contains("input \"input\""));
    assert_eq!(
        run(&graph, &[], &Digital, 0, &Unwatched).unwrap_err().to_string(),
        "the network takes 1 input tensors, got 0"
    );
    let none = Tensor { shape: vec![0, 8], data: vec![] };
    assert_eq!(run(&graph, &[none], &Digital, 0, &Unwatched).unwrap()[0].shape, [0, 3]);

    let mut broken = classifier();
    let bias = broken.params.len() - 1;
    broken.params[bias] = Tensor { shape: vec![4], data: vec![0.0; 4] };
    let error = broken.validate().unwrap_err().to_string();
    assert!(error.contains("\"dense3\" (Dense): bias must be [3], got [4]"), "{error}");

    let (x, mut labels) = blobs(9);
    labels[4] = 3;
    let data = |labels| Labelled { x: Rows::new(&x, 9, 8).unwrap(), labels };
    let fit = |labels| {
        let go = |_: &_, _: &_| ControlFlow::Continue(());
        train(&mut classifier(), data(labels), &TrainConfig::default(), Key::root(0), &Unwatched, go)
    };
    assert_eq!(
        fit(&labels).unwrap_err().to_string(),
        "training data: sample 4 has label 3, the network 3 classes"
    );
    assert!(fit(&labels[..5]).unwrap_err().to_string().contains("9 samples with 5 labels"));

    let mut b = Builder::new("bad", &[8], Key::root(0));
    let x = b.dense(b.input(), 3);
    let x = b.node("low", Op::Binary(Binary::Min), &[x, x]);
    let x = b.node("power", Op::Binary(Binary::Pow), &[x, x]);
    let error = Trainer::new(b.finish(x), TrainConfig::default(), Key::root(0)).unwrap_err().to_string();
    assert!(error.contains("\"low1\"") && error.contains("\"power2\""), "{error}");

    let config = TrainConfig { rate: -1.0, ..TrainConfig::default() };
    let error = Trainer::new(classifier(), config, Key::root(0)).unwrap_err().to_string();
    assert_eq!(error, "training setting rate: must be positive, got -1");
    let error = models::by_name("resnet", &[8], 3, Key::root(0)).unwrap_err().to_string();
    assert!(error.ends_with("did you mean \"resnet8\"?"), "{error}");
}
