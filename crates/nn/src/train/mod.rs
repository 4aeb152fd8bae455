//! Training: explicit forward and backward passes, deterministic to the bit for any number of threads.
//!
//! Work is cut into shares that depend on shapes and batch alone, and partial sums are added in order.

mod aware;
mod backward;
mod checkpoint;
mod config;
mod data;
#[cfg(test)]
mod gradients;
mod hardware;
mod loss;
mod optimiser;
mod ranges;
mod recalibrate;
mod tape;

pub use aware::{Aware, AwareConfig, Disturbance, Outputs};
pub use checkpoint::Checkpoint;
pub use config::{Augment, Optimiser, Schedule, TrainConfig};
pub use data::Labelled;
pub use hardware::Hardware;
pub use optimiser::Memory;
pub use ranges::learn_ranges;
pub use recalibrate::recalibrate;

use crate::error::NnError;
use crate::exec::{Digital, Executor, Products};
use crate::graph::{Graph, Op, ValueId};
use crate::metrics;
use neurohm_num::{Key, Watch};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use tape::Tape;

/// What an epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Counts from 1.
    pub epoch: usize,
    /// Of so many.
    pub epochs: usize,
    /// Optimiser steps in this epoch.
    pub steps: usize,
    /// Mean loss of the samples as they were seen, nats.
    pub loss: f64,
    /// Share of them that were classified correctly as they were seen.
    pub accuracy: f64,
    /// Learning rate of the last step.
    pub rate: f32,
}

/// What a training run needs beside the network, its configuration and key to go on to the same bits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Finished epochs.
    pub epoch: usize,
    /// Optimiser steps taken.
    pub step: u64,
    /// What the optimiser remembers.
    pub memory: Memory,
    /// What the hardware keeps from step to step.
    pub hardware: Vec<f32>,
}

/// A training run, epoch by epoch.
#[derive(Clone, Debug)]
pub struct Trainer {
    graph: Graph,
    config: TrainConfig,
    key: Key,
    state: State,
    tape: Option<Tape>,
    trained: Vec<Option<bool>>,
    logits: ValueId,
}

impl Trainer {
    /// Checks that the network can be trained: one input, class scores (or their softmax) as first output,
    /// gradients everywhere. `key` grows shuffles and augmentation.
    pub fn new(graph: Graph, config: TrainConfig, key: Key) -> Result<Self, NnError> {
        config.check()?;
        graph.validate()?;
        let output =
            *graph.outputs.first().ok_or_else(|| NnError::Malformed("the network has no output".into()))?;
        let maker = graph.nodes.iter().find(|n| n.output == output);
        let logits = match maker.map(|n| (&n.op, n.inputs[0])) {
            // Cross-entropy brings its own softmax.
            Some((Op::Softmax { axis, .. }, from)) if axis + 1 == graph.values[output].shape.len() => from,
            _ => output,
        };
        if config.augment != Augment::default() {
            let shape = &graph.values[graph.inputs[0]].shape;
            if crate::shape::spatial(shape).is_err() {
                let detail = format!("shifts and flips need images or signals, the network takes {shape:?}");
                return Err(NnError::Setting { name: "augment", detail });
            }
        }
        Tape::new(&graph, 0)?;
        let trained = tape::trained(&graph);
        let lengths: Vec<usize> = graph
            .params
            .iter()
            .zip(&trained)
            .map(|(p, t)| if t.is_some() { p.data.len() } else { 0 })
            .collect();
        let state = State { memory: Memory::new(config.optimiser, &lengths), ..State::default() };
        Ok(Trainer { graph, config, key, state, tape: None, trained, logits })
    }

    /// The network as it stands.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The network, trained so far.
    pub fn into_graph(self) -> Graph {
        self.graph
    }

    /// What a checkpoint holds beside the network.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Goes on from a checkpoint of the same network and configuration.
    pub fn resume(&mut self, state: State) -> Result<(), NnError> {
        let lengths = |m: &[Vec<f32>]| m.iter().map(Vec::len).collect::<Vec<_>>();
        let own = &self.state.memory;
        let fits = lengths(&own.first) == lengths(&state.memory.first)
            && lengths(&own.second) == lengths(&state.memory.second);
        if !fits {
            return Err(NnError::State("the checkpoint belongs to another network or optimiser".into()));
        }
        if state.epoch > self.config.epochs {
            let detail = format!("the checkpoint has {} epochs, the run {}", state.epoch, self.config.epochs);
            return Err(NnError::State(detail));
        }
        self.state = state;
        Ok(())
    }

    /// Whether all epochs are done.
    pub fn finished(&self) -> bool {
        self.state.epoch >= self.config.epochs
    }

    /// Trains one epoch. `watch` counts samples.
    pub fn epoch(
        &mut self,
        data: Labelled,
        hardware: &dyn Hardware,
        watch: &dyn Watch,
    ) -> Result<EpochReport, NnError> {
        // From within the pool: a thread outside of it sleeps and is woken around every one of a step's hundreds of
        // parallel passes.
        rayon::scope(|_| self.epoch_in_pool(data, hardware, watch))
    }

    fn epoch_in_pool(
        &mut self,
        data: Labelled,
        hardware: &dyn Hardware,
        watch: &dyn Watch,
    ) -> Result<EpochReport, NnError> {
        let classes: usize = self.graph.values[self.logits].shape.iter().product();
        data.check(&self.graph, classes)?;
        let len = data.labels.len();
        if len == 0 {
            return Err(NnError::Data("there are no samples".into()));
        }
        if !hardware.resume(&self.state.hardware) {
            return Err(NnError::State("the checkpoint belongs to other hardware".into()));
        }
        let batch = self.config.batch.min(len);
        let steps = len / batch;
        let epoch = self.state.epoch;
        let order = data::order(self.key, epoch as u64, len);
        let total = (self.config.epochs * steps) as u64;
        let shape = self.graph.values[self.graph.inputs[0]].shape.clone();
        let mut tape = match self.tape.take() {
            Some(tape) => tape,
            None => Tape::new(&self.graph, batch)?,
        };
        let mut gradients = tape::zeros_like(&self.graph);
        let mut report = EpochReport {
            epoch: epoch + 1,
            epochs: self.config.epochs,
            steps,
            loss: 0.0,
            accuracy: 0.0,
            rate: 0.0,
        };
        let mut labels = vec![0; batch];
        watch.begin(&format!("epoch {} of {}", epoch + 1, self.config.epochs), Some((steps * batch) as u64));
        for (k, picked) in order.chunks_exact(batch).enumerate() {
            let input = tape.value_mut(self.graph.inputs[0]);
            data::assemble(data.x, picked, &shape, self.config.augment, self.key, epoch as u64, input);
            labels.iter_mut().zip(picked).for_each(|(l, &i)| *l = data.labels[i as usize]);
            let rate = self.config.schedule.rate(self.config.rate, self.state.step, total);
            let score = self.gradient(&mut tape, &labels, hardware, &mut gradients)?;
            let loss = score.loss / batch as f64;
            if !loss.is_finite() {
                return Err(NnError::Diverged { epoch: epoch + 1, step: k + 1, loss, rate });
            }
            report.loss += score.loss;
            report.accuracy += score.correct as f64;
            report.rate = rate;
            self.update(&gradients, rate);
            watch.step(batch as u64)?;
        }
        let seen = (steps * batch) as f64;
        report.loss /= seen;
        report.accuracy /= seen;
        self.state.epoch += 1;
        self.state.hardware = hardware.state();
        self.tape = Some(tape);
        Ok(report)
    }

    /// Loss and gradient of the batch that lies in the tape's input.
    fn gradient(
        &mut self,
        tape: &mut Tape,
        labels: &[u32],
        hardware: &dyn Hardware,
        gradients: &mut [crate::graph::Tensor],
    ) -> Result<loss::Score, NnError> {
        let n = labels.len();
        let clean = self.perturb(hardware);
        let result = tape.forward(&mut self.graph, n, self.state.step * n as u64, hardware).map(|()| {
            let mut d = tape.spare.pop().unwrap_or_default();
            d.clear();
            d.extend_from_slice(tape.value(self.logits, n));
            let score = loss::cross_entropy(&mut d, labels, self.config.label_smoothing);
            gradients.iter_mut().for_each(|g| g.data.fill(0.0));
            if score.loss.is_finite() {
                backward::run(tape, &self.graph, n, self.logits, d, gradients);
            }
            score
        });
        for (id, weights) in clean {
            self.graph.params[id].data = weights;
        }
        result
    }

    /// Puts the hardware's weights in the place of the clean ones, which it returns.
    fn perturb(&mut self, hardware: &dyn Hardware) -> Vec<(usize, Vec<f32>)> {
        let mut clean = Vec::new();
        for (i, node) in self.graph.nodes.iter().enumerate() {
            if let Some((weight, ..)) = node.op.factor() {
                let mut noisy = self.graph.params[weight].data.clone();
                if hardware.perturb(i, self.state.step, &self.graph.params[weight], &mut noisy) {
                    clean.push((weight, std::mem::replace(&mut self.graph.params[weight].data, noisy)));
                }
            }
        }
        // A weight that two nodes share was perturbed twice: the first saved copy is the clean one.
        clean.reverse();
        clean
    }

    fn update(&mut self, gradients: &[crate::graph::Tensor], rate: f32) {
        self.state.step += 1;
        for (id, decays) in self.trained.iter().enumerate() {
            if let Some(decays) = *decays {
                let (w, g) = (&mut self.graph.params[id], &gradients[id].data);
                self.state.memory.step(self.config.optimiser, id, w, g, rate, self.state.step, decays);
                if let (true, Some(sigmas)) = (decays, self.config.clip) {
                    clip(&mut w.data, sigmas);
                }
            }
        }
    }
}

/// Keeps weights within so many standard deviations of zero; the deviation is the one about their mean.
fn clip(w: &mut [f32], sigmas: f32) {
    let n = w.len().max(1) as f64;
    let mean = w.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = w.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    let bound = sigmas * variance.sqrt() as f32;
    // Weights that are no numbers are told of by the loss.
    if bound.is_finite() {
        w.iter_mut().for_each(|w| *w = w.clamp(-bound, bound));
    }
}

/// Trains a network digitally. After every epoch `on_epoch` sees its report and the network as it stands;
/// breaking ends the run early. The network keeps what it learned when an error ends the run.
pub fn train(
    graph: &mut Graph,
    data: Labelled,
    config: &TrainConfig,
    key: Key,
    watch: &dyn Watch,
    on_epoch: impl FnMut(&EpochReport, &Graph) -> ControlFlow<()>,
) -> Result<Vec<EpochReport>, NnError> {
    train_on(graph, data, config, key, &Digital, watch, on_epoch)
}

/// As [`train`], for hardware that disturbs weights or products.
pub fn train_on(
    graph: &mut Graph,
    data: Labelled,
    config: &TrainConfig,
    key: Key,
    hardware: &dyn Hardware,
    watch: &dyn Watch,
    mut on_epoch: impl FnMut(&EpochReport, &Graph) -> ControlFlow<()>,
) -> Result<Vec<EpochReport>, NnError> {
    let mut trainer = Trainer::new(graph.clone(), config.clone(), key)?;
    let mut reports = Vec::new();
    let mut result = Ok(());
    while !trainer.finished() {
        match trainer.epoch(data, hardware, watch) {
            Ok(report) => {
                reports.push(report);
                if on_epoch(&report, trainer.graph()).is_break() {
                    break;
                }
            }
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    *graph = trainer.into_graph();
    result.map(|()| reports)
}

/// Share of `data` whose largest first output is the label's.
pub fn evaluate(
    graph: &Graph,
    data: Labelled,
    products: &dyn Products,
    watch: &dyn Watch,
) -> Result<f64, NnError> {
    let executor = Executor::new(graph)?;
    let output =
        *graph.outputs.first().ok_or_else(|| NnError::Malformed("the network has no output".into()))?;
    let classes: usize = graph.values[output].shape.iter().product();
    data.check(graph, classes)?;
    let mut correct = 0;
    let mut packed = Vec::new();
    let mut shape = vec![0];
    shape.extend_from_slice(&graph.values[graph.inputs[0]].shape);
    // Large parts, so that every thread has work, but not the whole data set's outputs at once.
    let part = 64 * executor.chunk();
    for first in (0..data.labels.len()).step_by(part) {
        let labels = &data.labels[first..data.labels.len().min(first + part)];
        packed.clear();
        (0..labels.len()).for_each(|i| packed.extend_from_slice(data.x.row(first + i)));
        shape[0] = labels.len();
        let outputs = executor.run_views(&[(&shape, &packed)], products, first as u64, watch)?;
        correct += metrics::correct(&outputs[0].data, classes, labels);
    }
    Ok(correct as f64 / data.labels.len() as f64)
}
