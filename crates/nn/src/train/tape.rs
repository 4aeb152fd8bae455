//! Forward in training mode: every value that the backward pass needs stays.

use crate::error::NnError;
use crate::exec::Products;
use crate::exec::recurrent::{self, Lengths};
use crate::exec::step::{self, Chunk, Ready};
use crate::graph::{Activation, Binary, Cell, Graph, Node, Op, Reduce, Tensor, ValueId};
use crate::kernels::activation::derivative_needs_input;
use crate::kernels::norm::{self, Moments};
use rayon::prelude::*;

/// How fast running batch statistics follow (PyTorch's default).
const RUNNING: f64 = 0.1;

/// What a node keeps beside its output.
#[derive(Clone, Debug, Default)]
pub enum Saved {
    /// Nothing.
    #[default]
    Nothing,
    /// Which tap of each window was largest.
    Taps(Vec<u32>),
    /// What each step of a recurrent layer came to.
    Steps(Vec<f32>),
    /// Mean and 1 / sqrt(variance + epsilon) per channel.
    Norm(Vec<f32>, Vec<f32>),
}

/// Buffers and bookkeeping of a network in training.
#[derive(Clone, Debug)]
pub struct Tape {
    /// The values' memory; several values may share one buffer.
    pub buffers: Vec<Vec<f32>>,
    /// Which buffer holds each value.
    pub buffer_of: Vec<usize>,
    /// Beside the outputs.
    pub saved: Vec<Saved>,
    /// Which values the loss must be differentiated by.
    pub wants: Vec<bool>,
    /// Nodes that are computed together with the batch norm before them.
    pub fused: Vec<bool>,
    /// Values of a sample.
    pub size: Vec<usize>,
    /// Gradients' spare memory.
    pub spare: Vec<Vec<f32>>,
    /// How much of a batch's statistics goes into the running ones.
    pub follow: f64,
}

/// Samples that one task works on: fixed by the shapes and the batch, never by the number of threads.
pub fn share(batch: usize, per_sample: usize) -> usize {
    batch.div_ceil(16).max((16 * 1024usize).div_ceil(per_sample.max(1))).clamp(1, batch.max(1))
}

/// The same for sequences: few large tasks, since each step is a product of its own.
pub fn sequences(batch: usize) -> usize {
    batch.div_ceil(8).max(1)
}

impl Tape {
    /// For a valid graph and batches of up to `batch`; names everything that has no gradient.
    pub fn new(graph: &Graph, batch: usize) -> Result<Self, NnError> {
        let tape = Self::forward_only(graph, batch);
        let flows = |n: &Node| n.inputs.iter().any(|&v| tape.wants[v]) || matches!(n.op, Op::Recurrent(_));
        let stuck = |n: &&Node| flows(n) && !differentiable(&n.op);
        let say = |n: &Node| format!("node \"{}\" ({:?}) has no gradient here", n.name, n.op);
        let refused: Vec<String> = graph.nodes.iter().filter(stuck).map(say).collect();
        if refused.is_empty() { Ok(tape) } else { Err(NnError::NotTrainable(refused)) }
    }

    /// The same where nobody will ask for gradients.
    pub fn forward_only(graph: &Graph, batch: usize) -> Self {
        let values = graph.values.len();
        let size: Vec<usize> = graph.values.iter().map(|v| v.shape.iter().product()).collect();
        let mut wants = vec![false; values];
        for node in &graph.nodes {
            wants[node.output] = node.inputs.iter().any(|&v| wants[v]) || trains(&node.op);
        }
        let mut readers = vec![0; values];
        graph.nodes.iter().flat_map(|n| &n.inputs).for_each(|&v| readers[v] += 1);
        graph.outputs.iter().for_each(|&v| readers[v] += 1);
        let maker = |v: ValueId| graph.nodes.iter().position(|n| n.output == v);
        let mut tape = Tape {
            buffers: Vec::new(),
            buffer_of: vec![usize::MAX; values],
            saved: vec![Saved::Nothing; graph.nodes.len()],
            wants,
            fused: vec![false; graph.nodes.len()],
            size,
            spare: Vec::new(),
            follow: RUNNING,
        };
        for &v in &graph.inputs {
            tape.add(v, batch);
        }
        for (i, node) in graph.nodes.iter().enumerate() {
            let source = node.inputs[0];
            match node.op {
                Op::Reshape { .. } => tape.buffer_of[node.output] = tape.buffer_of[source],
                Op::Activate(a) if !derivative_needs_input(a) && readers[source] == 1 => {
                    match maker(source) {
                        Some(m) if forgets_output(&graph.nodes[m].op) => {
                            tape.buffer_of[node.output] = tape.buffer_of[source];
                            let norm = matches!(graph.nodes[m].op, Op::BatchNorm { .. });
                            tape.fused[i] = norm && a == Activation::Relu;
                        }
                        _ => tape.add(node.output, batch),
                    }
                }
                _ => tape.add(node.output, batch),
            }
        }
        tape
    }

    fn add(&mut self, v: ValueId, batch: usize) {
        self.buffer_of[v] = self.buffers.len();
        self.buffers.push(vec![0.0; batch * self.size[v]]);
    }

    /// The memory of a value, to fill with a batch.
    pub fn value_mut(&mut self, v: ValueId) -> &mut [f32] {
        &mut self.buffers[self.buffer_of[v]]
    }

    /// The values of a batch of `n`.
    pub fn value(&self, v: ValueId, n: usize) -> &[f32] {
        &self.buffers[self.buffer_of[v]][..n * self.size[v]]
    }

    /// Runs all nodes on the batch of `n` that lies in the inputs' memory, updating running statistics.
    pub fn forward(
        &mut self,
        graph: &mut Graph,
        n: usize,
        first_sample: u64,
        products: &dyn Products,
    ) -> Result<(), NnError> {
        for i in 0..graph.nodes.len() {
            let node = &graph.nodes[i];
            if self.fused[i] || matches!(node.op, Op::Reshape { .. }) {
                continue;
            }
            let target = self.buffer_of[node.output];
            let mut out = std::mem::take(&mut self.buffers[target]);
            let mut saved = std::mem::take(&mut self.saved[i]);
            let relu = graph.nodes.iter().zip(&self.fused).any(|(m, &f)| f && m.inputs[0] == node.output);
            let result = match node.op {
                Op::BatchNorm { .. } => {
                    self.batch_norm(graph, i, n, relu, &mut out, &mut saved);
                    Ok(())
                }
                _ => self.node(graph, i, n, first_sample, products, &mut out, &mut saved),
            };
            self.buffers[target] = out;
            self.saved[i] = saved;
            result?;
        }
        Ok(())
    }

    fn node(
        &self,
        graph: &Graph,
        i: usize,
        n: usize,
        first: u64,
        products: &dyn Products,
        out: &mut [f32],
        saved: &mut Saved,
    ) -> Result<(), NnError> {
        let node = &graph.nodes[i];
        let own = self.size[node.output];
        let in_place = self.buffer_of[node.output] == self.buffer_of[node.inputs[0]];
        let ready = step::prepare(graph, node);
        let mut part = share(n, node.inputs.iter().map(|&v| self.size[v]).max().unwrap_or(0).max(own));
        if matches!(node.op, Op::Dense { .. }) {
            part = part.max(64).min(n);
        }
        let input = |k: usize, at: usize, count: usize| {
            let v = node.inputs[k];
            &self.buffers[self.buffer_of[v]][at * self.size[v]..(at + count) * self.size[v]]
        };
        let out = &mut out[..n * own];
        if let (Op::MaxPool(_), Ready::Pool(patches)) = (&node.op, &ready) {
            let mut taps = match std::mem::take(saved) {
                Saved::Taps(taps) => taps,
                _ => Vec::new(),
            };
            taps.resize(n * own, 0);
            let chunks = out.par_chunks_mut(part * own).zip(taps.par_chunks_mut(part * own));
            chunks.enumerate().for_each(|(k, (out, taps))| {
                patches.max(input(0, k * part, out.len() / own), out, Some(taps));
            });
            *saved = Saved::Taps(taps);
            return Ok(());
        }
        if let Op::Recurrent(r) = &node.op {
            let lengths = Lengths::of(graph, i, r);
            let width = recurrent::kept(r.cell) * lengths.hidden * lengths.steps;
            let mut keep = match std::mem::take(saved) {
                Saved::Steps(keep) => keep,
                _ => Vec::new(),
            };
            keep.resize(n * width, 0.0);
            part = sequences(n);
            // A cell that keeps nothing has as many parts of no length.
            let mut kept: Vec<&mut [f32]> = match width {
                0 => (0..n.div_ceil(part)).map(|_| &mut [][..]).collect(),
                _ => keep.chunks_mut(part * width).collect(),
            };
            let tasks = out.par_chunks_mut(part * own).zip(kept.par_iter_mut()).enumerate();
            let results: Vec<Result<(), NnError>> = tasks
                .map(|(k, (out, keep))| {
                    let (at, count) = (k * part, out.len() / own);
                    let chunk = Chunk { count, first: first + at as u64 };
                    recurrent::run(graph, i, products, input(0, at, count), out, Some(keep), chunk)
                })
                .collect();
            *saved = Saved::Steps(keep);
            return results.into_iter().collect();
        }
        let results: Vec<Result<(), NnError>> = out
            .par_chunks_mut((part * own).max(1))
            .enumerate()
            .map(|(k, out)| {
                let (at, count) = (k * part, out.len() / own.max(1));
                let inputs: Vec<&[f32]> = (0..node.inputs.len())
                    .map(|j| if in_place && j == 0 { &[][..] } else { input(j, at, count) })
                    .collect();
                let chunk = Chunk { count, first: first + at as u64 };
                step::run(graph, i, &ready, products, &inputs, in_place.then_some(0), out, chunk)
            })
            .collect();
        results.into_iter().collect()
    }

    /// Normalises by the batch's own statistics and lets the running ones follow (Ioffe and Szegedy 2015,
    /// algorithms 1 and 2; the running variance is the unbiased one).
    fn batch_norm(
        &self,
        graph: &mut Graph,
        i: usize,
        n: usize,
        relu: bool,
        out: &mut [f32],
        saved: &mut Saved,
    ) {
        let node = &graph.nodes[i];
        let Op::BatchNorm { gamma, beta, mean, variance, epsilon } = node.op else { return };
        let x = self.value(node.inputs[0], n);
        let channels = graph.params[gamma].data.len();
        let own = self.size[node.output];
        let part = share(n, own) * own;
        let parts: Vec<Moments> = x.par_chunks(part.max(1)).map(|x| Moments::of(x, channels)).collect();
        let Some(all) = parts.into_iter().reduce(|a, b| a.merge(&b)) else { return };
        let mut scale = vec![0.0; channels];
        let mut shift = vec![0.0; channels];
        let (mut means, mut inverse) = (vec![0.0; channels], vec![0.0; channels]);
        for c in 0..channels {
            let inv = 1.0 / (all.squares[c] / all.count + f64::from(epsilon)).sqrt();
            let s = inv * f64::from(graph.params[gamma].data[c]);
            (means[c], inverse[c], scale[c]) = (all.mean[c] as f32, inv as f32, s as f32);
            shift[c] = (f64::from(graph.params[beta].data[c]) - all.mean[c] * s) as f32;
            let part = self.follow;
            let follow =
                |old: &mut f32, new: f64| *old = (f64::from(*old) * (1.0 - part) + new * part) as f32;
            follow(&mut graph.params[mean].data[c], all.mean[c]);
            follow(&mut graph.params[variance].data[c], all.squares[c] / (all.count - 1.0).max(1.0));
        }
        let (scale, shift) = (norm::repeat(&scale), norm::repeat(&shift));
        let chunks = out[..n * own].par_chunks_mut(part.max(1)).zip(x.par_chunks(part.max(1)));
        chunks.for_each(|(y, x)| norm::affine(x, &scale, &shift, relu, y));
        *saved = Saved::Norm(means, inverse);
    }
}

/// Whether a node has parameters of its own that train.
pub fn trains(op: &Op) -> bool {
    matches!(
        op,
        Op::Dense { .. }
            | Op::Conv { .. }
            | Op::BatchNorm { .. }
            | Op::Recurrent(_)
            | Op::Embed { .. }
            | Op::Range { .. }
    )
}

/// Whether gradients pass through.
fn differentiable(op: &Op) -> bool {
    let binary = |how: Binary| matches!(how, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div);
    match op {
        Op::Reduce { how, .. } => matches!(how, Reduce::Mean | Reduce::Sum),
        Op::Binary(how) => binary(*how),
        Op::BinaryConst { how, constant_first, .. } => {
            binary(*how) && !(*constant_first && *how == Binary::Div)
        }
        Op::Embed { .. } => false,
        Op::Recurrent(r) => {
            let functions = match r.cell {
                Cell::Simple { activation } => vec![activation],
                Cell::Lstm { gate, candidate, output, .. } => vec![gate, candidate, output],
                Cell::Gru { gate, candidate, .. } => vec![gate, candidate],
            };
            r.clip.is_none() && !functions.into_iter().any(derivative_needs_input)
        }
        _ => true,
    }
}

/// Whether the node's own backward pass can do without its output, so that an activation may overwrite it.
fn forgets_output(op: &Op) -> bool {
    !matches!(op, Op::Activate(_) | Op::Softmax { .. } | Op::Reshape { .. } | Op::Recurrent(_))
}

/// Parameters that training moves, and whether weight decay pulls on them.
pub fn trained(graph: &Graph) -> Vec<Option<bool>> {
    let mut trained = vec![None; graph.params.len()];
    for node in &graph.nodes {
        match node.op {
            Op::Dense { weight, bias } | Op::Conv { weight, bias, .. } => {
                trained[weight] = Some(true);
                bias.into_iter().for_each(|b| trained[b] = Some(false));
            }
            Op::Recurrent(r) => {
                trained[r.weight] = Some(true);
                r.bias.into_iter().chain(r.peepholes).for_each(|p| trained[p] = Some(false));
            }
            Op::Embed { table } => trained[table] = Some(false),
            Op::Range { bound, .. } => trained[bound] = Some(false),
            Op::BatchNorm { gamma, beta, .. } => {
                trained[gamma] = Some(false);
                trained[beta] = Some(false);
            }
            _ => {}
        }
    }
    trained
}

/// Parameter tensors of the gradient, zero.
pub fn zeros_like(graph: &Graph) -> Vec<Tensor> {
    let trained = trained(graph);
    let zero = |(p, t): (&Tensor, Option<bool>)| {
        let data = if t.is_some() { vec![0.0; p.data.len()] } else { Vec::new() };
        Tensor { shape: p.shape.clone(), data }
    };
    graph.params.iter().zip(trained).map(zero).collect()
}
