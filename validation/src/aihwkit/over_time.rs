//! What drift does to products and to a network, with global drift compensation, chip by chip.

use neurohm_array::{AnalogMatrix, gemm};
use neurohm_data::{Limits, Source, load};
use neurohm_nn::graph::{Activation, Op};
use neurohm_nn::{AnalogNetwork, Executor};
use neurohm_nn::{Graph, Tensor};
use neurohm_num::stats::mean_ci95;
use neurohm_num::{Key, Rows, RowsMut, Unwatched};
use serde_json::{Value as Json, json};

use super::{PCM_ZERO_S, peer_chip};
use crate::agree::{Check, largest_difference, relative_error, welch};
use crate::chain::{chain, dense};
use crate::peer::{number, table, tensor};
use crate::record::Outcome;
use crate::turns::{Turns, timed};
use crate::{Bench, Result};

/// Instants by the peer's clock, s: 0 is the first read, at the device's own t0 after programming.
const TIMES_S: [f64; 5] = [0.0, 3600.0, 86_400.0, 30.0 * 86_400.0, 365.0 * 86_400.0];
const NAMES: [&str; 5] = ["first read", "1 h", "1 day", "30 days", "1 year"];
/// Programmings of a layer.
const CHIPS: usize = 12;
/// Programmings of the network.
const NETWORK_CHIPS: usize = 8;

/// Mean and 95 % interval over chips at each instant.
fn summary(per_chip: &[Vec<f64>]) -> Json {
    let column = |t: usize| per_chip.iter().map(|row| row[t]).collect::<Vec<_>>();
    let rows = NAMES.iter().enumerate().map(|(t, name)| {
        let (mean, ci) = mean_ci95(&column(t));
        json!({"time": name, "mean": mean, "ci95": ci.map(|ci| [ci.low, ci.high])})
    });
    rows.collect()
}

/// Welch's test at each instant.
fn same_means(what: &str, theirs: &[Vec<f64>], ours: &[Vec<f64>]) -> Vec<Check> {
    let column = |rows: &[Vec<f64>], t: usize| rows.iter().map(|row| row[t]).collect::<Vec<_>>();
    let test =
        |(t, name): (usize, &&str)| welch(format!("{what}, {name}"), &column(theirs, t), &column(ours, t));
    NAMES.iter().enumerate().map(test).collect()
}

/// The factor that products have left of the exact ones: `<y, exact> / <exact, exact>`.
fn gain(y: &[f32], exact: &[f32]) -> f64 {
    let dot = |a: &[f32]| a.iter().zip(exact).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(y) / dot(exact)
}

/// Relative error of a 512 x 512 layer's products with pairs kept on both sides; what the peer's own tiles give,
/// which fold the pair, stands beside it. Without compensation the sides must agree; with it each has its own.
pub fn product(bench: &mut Bench, device: &str, zero_s: f64, compensated: bool) -> Result<Outcome> {
    let (size, batch) = (512, 64);
    let settings = json!({"inputs": size, "outputs": size, "batch": batch, "times_s": TIMES_S, "device": device,
                          "compensated": compensated});
    bench.peer.open("product_over_time", settings)?;
    let case = bench.peer.ask("case", json!({}))?;
    let (w, x) = (tensor(&case["weights"])?, tensor(&case["x"])?);
    let (w, x) = (Rows::new(&w.data, size, size)?, Rows::new(&x.data, batch, size)?);
    let mut exact = vec![0.0; batch * size];
    gemm(x, w, &mut RowsMut::new(&mut exact, batch, size)?, 0.0);

    let chip = peer_chip(device, compensated)?;
    let mut y = vec![0.0; batch * size];
    let mut one_chip = |index: u64| -> Result<(Vec<f64>, Vec<f64>)> {
        let mut matrix = AnalogMatrix::program(w, &chip, Key::root(7).child("chip", index))?;
        let mut age = 0.0;
        let (mut errors, mut gains) = (Vec::new(), Vec::new());
        for (i, time) in TIMES_S.into_iter().enumerate() {
            matrix.advance(zero_s + time - age)?;
            age = zero_s + time;
            matrix.read()?;
            matrix.forward(x, &mut RowsMut::new(&mut y, batch, size)?, (i * batch) as u64)?;
            errors.push(relative_error(&y, &exact));
            gains.push(gain(&y, &exact));
        }
        Ok((errors, gains))
    };
    let chips = (0..CHIPS as u64).map(&mut one_chip).collect::<Result<Vec<_>>>()?;
    let (ours, our_gains): (Vec<_>, Vec<_>) = chips.into_iter().unzip();
    let kept = bench.peer.ask("errors", json!({"chips": CHIPS, "keep_pairs": true}))?;
    let folded = bench.peer.ask("errors", json!({"chips": CHIPS}))?;
    let checks = same_means("relative error, peer - ours", &table(&kept["errors"])?, &ours);

    let mut index = 1000;
    let Bench { peer, pool, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || {
        index += 1;
        pool.install(|| one_chip(index).map(|_| ()))
    })?;
    let mut outcome = Outcome::new(turns, checks)
        .per_call(1, "chips")
        .detail("peer_pairs_kept", summary(&table(&kept["errors"])?))
        .detail("peer_tiles", summary(&table(&folded["errors"])?))
        .detail("ours", summary(&ours))
        .detail("gain_peer", summary(&table(&kept["gains"])?))
        .detail("gain_ours", summary(&our_gains));
    if compensated {
        outcome = outcome.finding("Compensation is pulled towards one");
    }
    Ok(outcome)
}

/// Accuracy on MNIST's 10000 test digits of an MLP 784-64-10 that torch trained, over several programmings.
pub fn network(bench: &mut Bench) -> Result<Outcome> {
    let folder = bench.data.join("mnist");
    let path = folder.canonicalize().map_err(|e| {
        format!(
            "no MNIST at {}: {e}; say where the datasets lie with --data FOLDER or NEUROHM_DATA",
            folder.display()
        )
    })?;
    bench.peer.open("network", json!({"folder": path, "hidden": 64, "epochs": 4}))?;
    let parts = bench.peer.ask("network", json!({}))?;
    let graph = mlp(&parts)?;
    let test = load(&Source::Mnist(path), Limits::test_only(None), &Unwatched)?.test;
    let labels = test.y.clone().ok_or("MNIST has labels")?;
    let x = Tensor { shape: vec![test.len(), 784], data: test.x };
    let executor = Executor::new(&graph)?;
    let score = |logits: &Tensor| {
        let right = logits.data.chunks_exact(10).zip(&labels).filter(|(row, label)| {
            let best = (1..10).fold(0, |b, k| if row[k] > row[b] { k } else { b });
            best as u32 == **label
        });
        right.count() as f64 / labels.len() as f64
    };
    let digital = executor.run(std::slice::from_ref(&x), &neurohm_nn::exec::Digital, 0, &Unwatched)?;
    let theirs_digital = number(&parts["digital"])?;

    let chip = peer_chip("pcm", true)?;
    let (ours, ours_s) = timed(|| {
        bench.pool.install(|| {
            let mut all = Vec::new();
            for index in 0..NETWORK_CHIPS as u64 {
                let key = Key::root(7).child("chip", index);
                let mut network = AnalogNetwork::program(&graph, &chip, key, &Unwatched)?;
                let mut age = 0.0;
                let mut row = Vec::new();
                for time in TIMES_S {
                    network.advance(PCM_ZERO_S + time - age)?;
                    age = PCM_ZERO_S + time;
                    network.read()?;
                    let y = executor.run(std::slice::from_ref(&x), &network, 0, &Unwatched)?;
                    row.push(score(&y[0]));
                }
                all.push(row);
            }
            Ok(all)
        })
    })?;
    let settings = json!({"chips": NETWORK_CHIPS, "times_s": TIMES_S});
    let (theirs, peer_s) = timed(|| table(&bench.peer.ask("accuracies", settings)?["accuracies"]))?;
    let mut checks = same_means("accuracy, peer - ours", &theirs, &ours);
    // One test image on the edge may fall either way in float.
    checks.push(Check::within(
        "digital accuracy, peer - ours",
        theirs_digital - score(&digital[0]),
        -2e-4,
        2e-4,
    ));
    checks.push(largest_difference(&tensor(&parts["logits"])?.data, &digital[0].data[..1000], 1e-4));
    Ok(Outcome::new(Turns::once(peer_s, ours_s), checks)
        .per_call(NETWORK_CHIPS * TIMES_S.len() * labels.len(), "images")
        .detail("digital", theirs_digital)
        .detail("peer", summary(&theirs))
        .detail("ours", summary(&ours)))
}

/// The peer's trained network as our graph.
fn mlp(parts: &Json) -> Result<Graph> {
    let params = ["weight0", "bias0", "weight1", "bias1"].map(|name| tensor(&parts[name]));
    let params = params.into_iter().collect::<Result<Vec<_>>>()?;
    chain(&[784], params, vec![dense(0), Op::Activate(Activation::Relu), dense(2)])
}
