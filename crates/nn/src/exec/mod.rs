//! Inference: a graph runs over fixed chunks of a batch, spread over rayon's threads.

mod plan;
mod products;
pub(crate) mod recurrent;
pub(crate) mod step;

pub use products::{Digital, Factor, Products};

use crate::error::NnError;
use crate::graph::{Graph, Tensor};
use neurohm_num::Watch;
use plan::{Layout, Place};
use rayon::prelude::*;
use std::sync::Mutex;
use step::{Chunk, Ready};

/// Values of the largest buffer of a chunk: about what a core's second-level cache holds.
const CHUNK_VALUES: usize = 256 * 1024;

/// A batch is cut into so many parts at least. Not by the number of threads: the tally's energy is rounded part by
/// part, and no bit of a result may depend on threads.
const PARTS: usize = 4;

/// A graph made ready to run many times; keeps its buffers between runs.
pub struct Executor<'g> {
    graph: &'g Graph,
    layout: Layout,
    ready: Vec<Ready>,
    chunk: usize,
    spare: Mutex<Vec<Vec<Vec<f32>>>>,
}

impl<'g> Executor<'g> {
    /// Validates the graph and lays its buffers out.
    pub fn new(graph: &'g Graph) -> Result<Self, NnError> {
        graph.validate()?;
        let layout = Layout::new(graph);
        let ready = graph.nodes.iter().map(|n| step::prepare(graph, n)).collect();
        let largest = layout.slots.iter().max().copied().unwrap_or(0).max(1);
        let chunk = (CHUNK_VALUES / largest).clamp(1, 128);
        Ok(Executor { graph, layout, ready, chunk, spare: Mutex::default() })
    }

    /// Samples that run through the network together at most: fixed by the graph alone. A small batch is cut finer, so
    /// that every thread has its share; no result depends on the cuts.
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// Runs a batch. `inputs` are `[batch, ...]` in the order of the graph's inputs, `first_sample` is the
    /// ordinal of the first sample among all that the network ever sees (it keys the noise of analog
    /// products). `watch` counts samples.
    pub fn run(
        &self,
        inputs: &[Tensor],
        products: &dyn Products,
        first_sample: u64,
        watch: &dyn Watch,
    ) -> Result<Vec<Tensor>, NnError> {
        let views: Vec<(&[usize], &[f32])> = inputs.iter().map(|t| (&t.shape[..], &t.data[..])).collect();
        self.run_views(&views, products, first_sample, watch)
    }

    /// As [`Executor::run`], from borrowed memory: each input as its shape with the batch axis and its values.
    pub fn run_views(
        &self,
        inputs: &[(&[usize], &[f32])],
        products: &dyn Products,
        first_sample: u64,
        watch: &dyn Watch,
    ) -> Result<Vec<Tensor>, NnError> {
        let batch = self.check(inputs)?;
        let size = |v: usize| self.graph.values[v].shape.iter().product::<usize>();
        let mut outputs: Vec<Tensor> = self
            .graph
            .outputs
            .iter()
            .map(|&v| Tensor {
                shape: std::iter::once(batch).chain(self.graph.values[v].shape.iter().copied()).collect(),
                data: vec![0.0; batch * size(v)],
            })
            .collect();
        let at_most = self.chunk.min(batch.div_ceil(PARTS)).max(1);
        let chunks = batch.div_ceil(at_most);
        let mut parts: Vec<Vec<&mut [f32]>> =
            (0..chunks).map(|_| Vec::with_capacity(outputs.len())).collect();
        for (tensor, &v) in outputs.iter_mut().zip(&self.graph.outputs) {
            let mut rest = &mut tensor.data[..];
            for (k, part) in parts.iter_mut().enumerate() {
                let count = at_most.min(batch - k * at_most);
                let (own, tail) = rest.split_at_mut(count * size(v));
                part.push(own);
                rest = tail;
            }
        }
        let results: Vec<Result<(), NnError>> = parts
            .into_par_iter()
            .enumerate()
            .map(|(k, outs)| {
                let first = k * at_most;
                let count = at_most.min(batch - first);
                let slices: Vec<&[f32]> = inputs
                    .iter()
                    .zip(&self.graph.inputs)
                    .map(|((_, data), &v)| &data[first * size(v)..(first + count) * size(v)])
                    .collect();
                let chunk = Chunk { count, first: first_sample + first as u64 };
                self.run_chunk(&slices, outs, products, chunk, watch)?;
                Ok(watch.step(count as u64)?)
            })
            .collect();
        results.into_iter().collect::<Result<(), _>>()?;
        Ok(outputs)
    }

    fn check(&self, inputs: &[(&[usize], &[f32])]) -> Result<usize, NnError> {
        let expected = self.graph.inputs.len();
        if inputs.len() != expected {
            return Err(NnError::Inputs { expected, got: inputs.len() });
        }
        let mut batch = None;
        for ((shape, data), &v) in inputs.iter().zip(&self.graph.inputs) {
            let value = &self.graph.values[v];
            let fits = shape.len() == value.shape.len() + 1
                && shape[1..] == value.shape[..]
                && shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) == Some(data.len())
                && *batch.get_or_insert(shape[0]) == shape[0];
            if !fits {
                let (name, expected) = (value.name.clone(), value.shape.clone());
                return Err(NnError::Input { name, expected, got: shape.to_vec() });
            }
        }
        Ok(batch.unwrap_or(0))
    }

    fn run_chunk(
        &self,
        inputs: &[&[f32]],
        outs: Vec<&mut [f32]>,
        products: &dyn Products,
        chunk: Chunk,
        watch: &dyn Watch,
    ) -> Result<(), NnError> {
        let mut slots = self.lend();
        let result = self.steps(inputs, &mut slots, products, chunk, watch);
        for (out, &v) in outs.into_iter().zip(&self.graph.outputs) {
            let len = out.len();
            match self.layout.places[v] {
                Place::Input(k) => out.copy_from_slice(inputs[k]),
                Place::Slot(s) if result.is_ok() => out.copy_from_slice(&slots[s][..len]),
                _ => {}
            }
        }
        self.give_back(slots);
        result
    }

    fn steps(
        &self,
        inputs: &[&[f32]],
        slots: &mut [Vec<f32>],
        products: &dyn Products,
        chunk: Chunk,
        watch: &dyn Watch,
    ) -> Result<(), NnError> {
        let size = |v: usize| chunk.count * self.graph.values[v].shape.iter().product::<usize>();
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let place = self.layout.places[node.output];
            let renamed = node.inputs.first().is_some_and(|&v| self.layout.places[v] == place);
            if renamed && self.layout.overwrites[i].is_none() {
                continue;
            }
            let Place::Slot(target) = place else { continue };
            // A chunk of a deep network takes seconds; nobody should wait that long to stop it.
            watch.step(0)?;
            let mut out = std::mem::take(&mut slots[target]);
            let views: Vec<&[f32]> = node
                .inputs
                .iter()
                .map(|&v| match self.layout.places[v] {
                    Place::Input(k) => inputs[k],
                    Place::Slot(s) if s != target => &slots[s][..size(v)],
                    _ => &[],
                })
                .collect();
            let (over, len) = (self.layout.overwrites[i], size(node.output));
            let result =
                step::run(self.graph, i, &self.ready[i], products, &views, over, &mut out[..len], chunk);
            slots[target] = out;
            result?;
        }
        Ok(())
    }

    fn lend(&self) -> Vec<Vec<f32>> {
        let spare = self.spare.lock().map(|mut s| s.pop()).unwrap_or_default();
        spare.unwrap_or_else(|| self.layout.slots.iter().map(|&len| vec![0.0; len * self.chunk]).collect())
    }

    fn give_back(&self, slots: Vec<Vec<f32>>) {
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(slots);
        }
    }
}

/// Runs a batch through a graph once; see [`Executor::run`]. Batch norms that should be folded are the
/// caller's to fold ([`Graph::fold_batch_norm`]).
pub fn run(
    graph: &Graph,
    inputs: &[Tensor],
    products: &dyn Products,
    first_sample: u64,
    watch: &dyn Watch,
) -> Result<Vec<Tensor>, NnError> {
    Executor::new(graph)?.run(inputs, products, first_sample, watch)
}
