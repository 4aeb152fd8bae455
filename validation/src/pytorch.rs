//! Beside PyTorch: training and inference of an MLP and a small CNN in float.

use neurohm_nn::graph::{Activation, Op};
use neurohm_nn::train::{Optimiser, Schedule};
use neurohm_nn::{Digital, Executor, Graph, Labelled, Tensor, TrainConfig, Trainer, models};
use neurohm_num::{Key, Rows, Unwatched};
use serde_json::{Value, json};

use crate::agree::{Check, largest_difference};
use crate::chain::{chain, dense, pool, three_by_three};
use crate::peer::tensor;
use crate::record::Outcome;
use crate::turns::Turns;
use crate::{Bench, Case, Result};

/// All cases, in the order in which they run.
pub const CASES: &[Case] = &[
    ("train_mlp", |b| train(b, "mlp", 2560)),
    ("train_cnn", |b| train(b, "cnn", 1280)),
    ("train_resnet32", |b| train(b, "resnet32", 256)),
    ("infer_mlp", |b| infer(b, "mlp", 2560)),
    ("infer_cnn", |b| infer(b, "cnn", 1280)),
    ("infer_resnet32", |b| infer(b, "resnet32", 256)),
];

const BATCH: usize = 128;
const RATE: f32 = 0.05;
const MOMENTUM: f32 = 0.9;
/// Steps on the whole batch whose outcome is compared.
const STEPS: usize = 5;

/// The network of that name with the peer's parameters.
fn network(name: &str, answer: &Value) -> Result<Graph> {
    if name == "resnet32" {
        let mut graph = models::by_name(name, &[32, 32, 3], 10, Key::root(1))?;
        let tensors = answer["tensors"].as_array().ok_or("the peer sent no tensors")?;
        if tensors.len() != graph.params.len() {
            return Err(format!("{} tensors for {} parameters", tensors.len(), graph.params.len()).into());
        }
        for (param, theirs) in graph.params.iter_mut().zip(tensors) {
            let theirs = tensor(theirs)?;
            if theirs.shape != param.shape {
                return Err(
                    format!("a tensor of {:?} for a parameter of {:?}", theirs.shape, param.shape).into()
                );
            }
            *param = theirs;
        }
        return Ok(graph);
    }
    let mut params = Vec::new();
    for layer in answer["layers"].as_array().ok_or("the peer sent no layers")? {
        params.push(tensor(&layer["weight"])?);
        params.push(tensor(&layer["bias"])?);
    }
    let relu = || Op::Activate(Activation::Relu);
    let conv = |at| Op::Conv { weight: at, bias: Some(at + 1), window: three_by_three(), groups: 1 };
    let flat = Op::Reshape { shape: vec![7 * 7 * 32] };
    match name {
        "mlp" => chain(&[784], params, vec![dense(0), relu(), dense(2)]),
        _ => {
            let steps =
                vec![conv(0), relu(), pool(), conv(2), relu(), pool(), flat, dense(4), relu(), dense(6)];
            chain(&[28, 28, 1], params, steps)
        }
    }
}

fn open(bench: &mut Bench, name: &str, samples: usize, train: bool) -> Result<(Graph, Tensor, Vec<u32>)> {
    let settings = json!({"net": name, "samples": samples, "batch": BATCH, "train": train,
                          "momentum": MOMENTUM, "rate": RATE});
    bench.peer.open("network", settings)?;
    let case = bench.peer.ask("case", json!({}))?;
    let labels = tensor(&case["y"])?.data.iter().map(|y| *y as u32).collect();
    let graph = network(name, &bench.peer.ask("parameters", json!({}))?)?;
    Ok((graph, tensor(&case["x"])?, labels))
}

fn config(batch: usize, epochs: usize) -> TrainConfig {
    let optimiser = Optimiser::Sgd { momentum: MOMENTUM, nesterov: false, weight_decay: 0.0 };
    TrainConfig {
        epochs,
        batch,
        optimiser,
        rate: RATE,
        schedule: Schedule::Constant {},
        ..TrainConfig::default()
    }
}

/// An epoch of minibatches of 128. Agreement: the parameters after five steps on one batch of all samples, where the
/// order of samples cannot matter.
fn train(bench: &mut Bench, name: &str, samples: usize) -> Result<Outcome> {
    let (graph, x, labels) = open(bench, name, BATCH, true)?;
    let rows = Rows::new(&x.data, BATCH, x.data.len() / BATCH)?;
    let mut trainer = Trainer::new(graph, config(BATCH, STEPS), Key::root(7))?;
    while !trainer.finished() {
        trainer.epoch(Labelled { x: rows, labels: &labels }, &Digital, &Unwatched)?;
    }
    let theirs = network(name, &bench.peer.ask("whole_batch_steps", json!({"steps": STEPS}))?)?;
    let checks: Vec<Check> = (theirs.params.iter().zip(&trainer.graph().params).enumerate())
        .map(|(i, (a, b))| {
            let check = largest_difference(&a.data, &b.data, 1e-3);
            Check { what: format!("parameter {i} after {STEPS} steps: {}", check.what), ..check }
        })
        .collect();

    let (graph, x, labels) = open(bench, name, samples, true)?;
    let rows = Rows::new(&x.data, samples, x.data.len() / samples)?;
    let mut trainer = Trainer::new(graph, config(BATCH, usize::MAX), Key::root(7))?;
    let Bench { peer, pool, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || {
        pool.install(|| {
            Ok(trainer.epoch(Labelled { x: rows, labels: &labels }, &Digital, &Unwatched).map(|_| ())?)
        })
    })?;
    Ok(Outcome::new(turns, checks).per_call(samples, "samples"))
}

/// All samples, forward, in minibatches of 128.
fn infer(bench: &mut Bench, name: &str, samples: usize) -> Result<Outcome> {
    let (graph, x, _) = open(bench, name, samples, false)?;
    let theirs = tensor(&bench.peer.ask("outputs", json!({}))?["y"])?;
    let executor = Executor::new(&graph)?;
    let ours = executor.run(std::slice::from_ref(&x), &Digital, 0, &Unwatched)?;
    let checks = vec![largest_difference(&theirs.data, &ours[0].data, 1e-4)];
    let batches: Vec<Tensor> = x
        .data
        .chunks(BATCH * (x.data.len() / samples))
        .map(|part| {
            let mut shape = x.shape.clone();
            shape[0] = part.len() / (x.data.len() / samples);
            Tensor { shape, data: part.to_vec() }
        })
        .collect();
    let Bench { peer, pool, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || {
        pool.install(|| {
            for batch in &batches {
                executor.run(std::slice::from_ref(batch), &Digital, 0, &Unwatched)?;
            }
            Ok(())
        })
    })?;
    Ok(Outcome::new(turns, checks).per_call(samples, "samples"))
}
