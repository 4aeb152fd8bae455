//! Products behind converters, with and without read noise, dense and convolved; and the float product under them.

use neurohm_array::{AnalogMatrix, ReadNoise, gemm};
use neurohm_device::{Curve, Deviation, Noise};
use neurohm_nn::Tensor;
use neurohm_nn::graph::Op;
use neurohm_nn::{AnalogNetwork, Executor};
use neurohm_num::{Key, Rows, RowsMut, Unwatched};
use rayon::prelude::*;
use serde_json::json;

use super::peer_chip;
use crate::agree::{largest_difference, noisy_products, relative_error};
use crate::chain::{chain, three_by_three};
use crate::peer::{Peer, tensor};
use crate::record::Outcome;
use crate::turns::Turns;
use crate::{Bench, Result};

const SIZE: usize = 512;
/// Runs that the statistics of agreement are taken over.
const RUNS: usize = 16;
/// Normals in a tile's table, all that the peer's CPU noise is drawn from.
const NORMALS: f64 = 32_768.0;
/// The peer's read noise in its hardware-aware training preset: w_noise 0.0175 (Rasch et al. 2023).
pub const READ_NOISE: f64 = 0.0175;

/// The peer adds `w_noise sqrt(sum |w| x^2)` at each output: cells whose variance is `w_noise^2 g g_max`.
fn peer_read_noise(w_noise: f64) -> Noise {
    let curve = Curve::Power { factor: w_noise, exponent: -0.5, high: 1e3 };
    Noise::White { amplitude: Deviation::Relative { curve } }
}

/// Weights, inputs and `RUNS` outputs of the peer's open case.
fn exchange(peer: &mut Peer) -> Result<(Tensor, Tensor, Tensor)> {
    let case = peer.ask("case", json!({}))?;
    let y = tensor(&peer.ask("outputs", json!({"repeats": RUNS}))?["y"])?;
    Ok((tensor(&case["weights"])?, tensor(&case["x"])?, y))
}

/// x W in f32.
fn float_product(x: Rows, w: Rows) -> Result<Vec<f32>> {
    let mut y = vec![0.0; x.rows() * w.cols()];
    gemm(x, w, &mut RowsMut::new(&mut y, x.rows(), w.cols())?, 0.0);
    Ok(y)
}

/// A 512 x 512 layer of ideal devices behind the peer's default converters and output noise; with
/// `read_noise`, cells whose noise is redrawn for every sample.
pub fn linear(bench: &mut Bench, batch: usize, weights: &str, read_noise: Option<f64>) -> Result<Outcome> {
    let settings = json!({"inputs": SIZE, "outputs": SIZE, "batch": batch, "weights": weights,
                          "read_noise": read_noise.unwrap_or(0.0)});
    bench.peer.open("product", settings)?;
    let (w, x, theirs) = exchange(&mut bench.peer)?;
    let (w, x) = (Rows::new(&w.data, SIZE, SIZE)?, Rows::new(&x.data, batch, SIZE)?);
    let exact = float_product(x, w)?;

    let mut chip = peer_chip("ideal", false)?;
    if let Some(sigma) = read_noise {
        chip.device.cell.as_mut().unwrap().noise = Some(peer_read_noise(sigma));
        chip.read.noise = ReadNoise::Split { window_s: 1.0 };
    }
    let mut matrix = AnalogMatrix::program(w, &chip, Key::root(7))?;
    matrix.read()?;
    let mut ours = vec![0.0; RUNS * batch * SIZE];
    for (run, y) in ours.chunks_exact_mut(batch * SIZE).enumerate() {
        matrix.forward(x, &mut RowsMut::new(y, batch, SIZE)?, (run * batch) as u64)?;
    }
    let checks = noisy_products(&theirs.data, &ours, &exact, RUNS, NORMALS);

    let mut y = vec![0.0; batch * SIZE];
    let mut sample = 0;
    let Bench { peer, pool, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || {
        sample += batch as u64;
        pool.install(|| Ok(matrix.forward(x, &mut RowsMut::new(&mut y, batch, SIZE)?, sample).map(|_| ())?))
    })?;
    Ok(Outcome::new(turns, checks)
        .per_call(batch, "samples")
        .detail("relative_error_peer", relative_error(&theirs.data, &exact))
        .detail("relative_error_ours", relative_error(&ours, &exact)))
}

/// torch's float product beside our bare GEMM: the floor under the analog product on either side.
pub fn digital(bench: &mut Bench, batch: usize) -> Result<Outcome> {
    bench.peer.open("digital", json!({"inputs": SIZE, "outputs": SIZE, "batch": batch}))?;
    let case = bench.peer.ask("case", json!({}))?;
    let theirs = tensor(&bench.peer.ask("outputs", json!({"repeats": 1}))?["y"])?;
    let (w, x) = (tensor(&case["weights"])?, tensor(&case["x"])?);
    let (w, x) = (Rows::new(&w.data, SIZE, SIZE)?, Rows::new(&x.data, batch, SIZE)?);
    let ours = float_product(x, w)?;
    let checks = vec![largest_difference(&theirs.data, &ours, 1e-5)];

    let mut y = vec![0.0; batch * SIZE];
    let Bench { peer, pool, repeats, threads, .. } = bench;
    // A serial product for each thread's part of the batch, as the analog product has it.
    let part = batch.div_ceil(*threads);
    let turns = Turns::take(peer, *repeats, || {
        pool.install(|| {
            y.par_chunks_mut(part * SIZE).enumerate().try_for_each(|(i, y)| {
                let rows = y.len() / SIZE;
                gemm(x.slice(i * part, rows), w, &mut RowsMut::new(y, rows, SIZE)?, 0.0);
                Ok(())
            })
        })
    })?;
    Ok(Outcome::new(turns, checks).per_call(batch, "samples"))
}

/// A 3x3 convolution of 16 to 16 channels on 32x32 images, batch 16, default converters.
pub fn convolution(bench: &mut Bench) -> Result<Outcome> {
    let (channels, size, batch) = (16, 32, 16);
    let settings = json!({"inputs": channels, "outputs": channels, "size": size, "batch": batch});
    bench.peer.open("convolution", settings)?;
    let (w, x, theirs) = exchange(&mut bench.peer)?;
    let conv = Op::Conv { weight: 0, bias: None, window: three_by_three(), groups: 1 };
    let graph = chain(&[size, size, channels], vec![w], vec![conv])?;
    let exact =
        Executor::new(&graph)?.run(std::slice::from_ref(&x), &neurohm_nn::exec::Digital, 0, &Unwatched)?;

    let mut network = AnalogNetwork::program(&graph, &peer_chip("ideal", false)?, Key::root(7), &Unwatched)?;
    network.read()?;
    let executor = Executor::new(&graph)?;
    let mut ours = Vec::new();
    for run in 0..RUNS {
        let first = (run * batch) as u64;
        ours.extend_from_slice(&executor.run(std::slice::from_ref(&x), &network, first, &Unwatched)?[0].data);
    }
    let checks = noisy_products(&theirs.data, &ours, &exact[0].data, RUNS, NORMALS);

    let mut sample = 0;
    let Bench { peer, pool, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || {
        sample += batch as u64;
        pool.install(|| {
            Ok(executor.run(std::slice::from_ref(&x), &network, sample, &Unwatched).map(|_| ())?)
        })
    })?;
    Ok(Outcome::new(turns, checks).per_call(batch, "images"))
}
