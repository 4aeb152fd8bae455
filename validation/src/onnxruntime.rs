//! Beside onnxruntime: the same ONNX files in float, time and agreement.

use neurohm_nn::exec::{Digital, Executor};
use neurohm_num::Unwatched;
use serde_json::json;

use crate::agree::largest_difference;
use crate::peer::{bytes, tensor};
use crate::record::Outcome;
use crate::turns::Turns;
use crate::{Bench, Case, Result};

/// All cases, in the order in which they run.
pub const CASES: &[Case] = &[
    ("mlp_b64", |b| network(b, "mlp", 64)),
    ("cnn_b64", |b| network(b, "cnn", 64)),
    ("resnet20_b1", |b| network(b, "resnet20", 1)),
    ("resnet20_b64", |b| network(b, "resnet20", 64)),
    ("depthwise_b64", |b| network(b, "depthwise", 64)),
];

/// A network that the peer's script builds, as bytes, on the inputs that it draws.
fn network(bench: &mut Bench, name: &str, batch: usize) -> Result<Outcome> {
    bench.peer.open("network", json!({"name": name, "batch": batch}))?;
    let case = bench.peer.ask("case", json!({}))?;
    let theirs = tensor(&bench.peer.ask("outputs", json!({}))?["y"])?;
    let (model, x) = (bytes(&case["model"])?, tensor(&case["x"])?);
    let mut graph =
        neurohm_nn::onnx::read(&model, &|name| Err(format!("{name}: the model stands alone")))?.graph;
    graph.fold_batch_norm();
    let executor = Executor::new(&graph)?;
    let run = || executor.run(std::slice::from_ref(&x), &Digital, 0, &Unwatched);
    let ours = run()?;
    // 1e-4 of max|output| is what the project promises; float sums in another order stay far below.
    let checks = vec![largest_difference(&theirs.data, &ours[0].data, 1e-4)];
    let Bench { peer, pool, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || pool.install(|| Ok(run().map(|_| ())?)))?;
    Ok(Outcome::new(turns, checks).per_call(batch, "samples"))
}
