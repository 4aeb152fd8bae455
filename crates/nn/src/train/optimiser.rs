//! Steps of the optimisers, element by element.

use super::config::Optimiser;
use crate::graph::Tensor;
use serde::{Deserialize, Serialize};

/// What an optimiser remembers: running moments of every parameter, empty where a parameter does not train.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Momentum, or first moment.
    pub first: Vec<Vec<f32>>,
    /// Second moment, for Adam.
    pub second: Vec<Vec<f32>>,
}

impl Memory {
    /// Zeros for parameters of these lengths.
    pub fn new(optimiser: Optimiser, lengths: &[usize]) -> Self {
        let zeros = || lengths.iter().map(|&n| vec![0.0; n]).collect::<Vec<_>>();
        let second = if matches!(optimiser, Optimiser::Adam { .. }) { zeros() } else { Vec::new() };
        Memory { first: zeros(), second }
    }

    /// Moves parameter `id` along its gradient in step `step` (counting from 1). `decays` says whether it is a
    /// weight that decay pulls on.
    pub fn step(
        &mut self,
        optimiser: Optimiser,
        id: usize,
        w: &mut Tensor,
        g: &[f32],
        rate: f32,
        step: u64,
        decays: bool,
    ) {
        match optimiser {
            Optimiser::Sgd { momentum, nesterov, weight_decay } => {
                let decay = if decays { weight_decay } else { 0.0 };
                sgd(&mut w.data, g, &mut self.first[id], rate, momentum, nesterov, decay);
            }
            Optimiser::Adam { beta1, beta2, epsilon, weight_decay } => {
                let decay = if decays { weight_decay } else { 0.0 };
                let correct = |beta: f32| 1.0 - f64::from(beta).powf(step as f64);
                let size = (f64::from(rate) / correct(beta1)) as f32;
                let root = (1.0 / correct(beta2).sqrt()) as f32;
                let keep = 1.0 - rate * decay;
                adam(
                    &mut w.data,
                    g,
                    &mut self.first[id],
                    &mut self.second[id],
                    beta1,
                    beta2,
                    epsilon,
                    size,
                    root,
                    keep,
                );
            }
        }
    }
}

neurohm_num::dispatch! {
    fn sgd(w: &mut [f32], g: &[f32], v: &mut [f32], rate: f32, momentum: f32, nesterov: bool, decay: f32) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
            let g = g + decay * *w;
            *v = momentum * *v + g;
            let direction = if nesterov { g + momentum * *v } else { *v };
            *w -= rate * direction;
        }
    }

    fn adam(
        w: &mut [f32], g: &[f32], m: &mut [f32], s: &mut [f32], beta1: f32, beta2: f32, epsilon: f32,
        size: f32, root: f32, keep: f32,
    ) {
        for (((w, g), m), s) in w.iter_mut().zip(g).zip(m).zip(s) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *s = beta2 * *s + (1.0 - beta2) * g * g;
            *w = keep * *w - size * *m / (s.sqrt() * root + epsilon);
        }
    }
}
