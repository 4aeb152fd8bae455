//! Running and training on one thread. `cargo bench -p neurohm-nn`.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use neurohm_array::chip_preset;
use neurohm_nn::graph::{Graph, Tensor};
use neurohm_nn::models::{self, Builder};
use neurohm_nn::train::{Aware, AwareConfig, Disturbance, Hardware, Outputs};
use neurohm_nn::{AnalogNetwork, Digital, Executor, Labelled, Products, TrainConfig, Trainer};
use neurohm_num::{Key, Purpose, Rows, Unwatched};

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the first pool");
    divan::main();
}

fn draw(len: usize) -> Vec<f32> {
    let mut out = vec![0.0; len];
    Key::root(2).stream(Purpose::Data, 0).fill_uniform(0, &mut out);
    out
}

/// The convolution of the peers' benchmark: 3x3, 16 to 16 channels, 32x32 images, batch 16.
fn convolution() -> Graph {
    let mut b = Builder::new("conv", &[32, 32, 16], Key::root(1));
    let y = b.conv(b.input(), 16, 3, 1);
    b.finish(y)
}

fn forward(bencher: Bencher, graph: &Graph, batch: usize, products: &dyn Products) {
    let executor = Executor::new(graph).expect("a valid graph");
    let shape: Vec<usize> = std::iter::once(batch).chain(graph.values[0].shape.iter().copied()).collect();
    let x = [Tensor { data: draw(shape.iter().product()), shape }];
    bencher
        .counter(ItemsCount::new(batch))
        .bench_local(|| executor.run(black_box(&x), products, 0, &Unwatched).expect("a run"));
}

#[divan::bench]
fn convolution_digital(bencher: Bencher) {
    forward(bencher, &convolution(), 16, &Digital);
}

#[divan::bench(args = ["peer", "default"])]
fn convolution_analog(bencher: Bencher, chip: &str) {
    let graph = convolution();
    let chip = chip_preset(chip).expect("a preset");
    let mut network = AnalogNetwork::program(&graph, &chip, Key::root(1), &Unwatched).expect("programmed");
    network.read().expect("read");
    if chip.needs_calibration() {
        let x = Tensor { shape: vec![2, 32, 32, 16], data: draw(2 * 32 * 32 * 16) };
        network.calibrate(&graph, &[x]).expect("calibrated");
    }
    forward(bencher, &graph, 16, &network);
}

#[divan::bench(args = ["mlp", "cnn", "resnet8"])]
fn inference(bencher: Bencher, name: &str) {
    let mut graph = model(name);
    graph.fold_batch_norm();
    forward(bencher, &graph, 256, &Digital);
}

/// The built-in network for MNIST's or CIFAR-10's images.
fn model(name: &str) -> Graph {
    let shape = if name.starts_with("resnet") { [32, 32, 3] } else { [28, 28, 1] };
    models::by_name(name, &shape, 10, Key::root(1)).expect("a built-in network")
}

fn train(bencher: Bencher, name: &str, samples: usize, hardware: &dyn Hardware) {
    let graph = model(name);
    let size: usize = graph.values[0].shape.iter().product();
    let (x, labels) = (draw(samples * size), (0..samples as u32).map(|i| i % 10).collect::<Vec<_>>());
    let data = Labelled { x: Rows::new(&x, samples, size).expect("samples"), labels: &labels };
    let config = TrainConfig { epochs: usize::MAX, rate: 1e-4, ..TrainConfig::default() };
    let mut trainer = Trainer::new(graph, config, Key::root(3)).expect("trainable");
    bencher
        .counter(ItemsCount::new(samples))
        .bench_local(|| trainer.epoch(data, hardware, &Unwatched).expect("an epoch"));
}

#[divan::bench(args = ["mlp", "cnn", "resnet8"], sample_count = 10)]
fn training(bencher: Bencher, name: &str) {
    train(bencher, name, 512, &Digital);
}

/// A step of 128 images, digital and for hardware: noise on weights, and rounded and noisy outputs on top of it.
#[divan::bench(args = ["digital", "weight_noise", "weight_noise_outputs"], sample_count = 8)]
fn resnet32_step(bencher: Bencher, how: &str) {
    let weights = vec![Disturbance::Gaussian { relative: 0.05 }];
    let outputs = match how {
        "weight_noise_outputs" => Outputs { levels: 255, noise: 0.01 },
        _ => Outputs::default(),
    };
    let aware =
        Aware::new(&model("resnet32"), AwareConfig { weights, outputs }, Key::root(4)).expect("settings");
    let hardware: &dyn Hardware = if how == "digital" { &Digital } else { &aware };
    train(bencher, "resnet32", 128, hardware);
}
