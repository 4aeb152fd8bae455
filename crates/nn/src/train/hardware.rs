//! What the hardware that a network is trained for does to its weighted layers.

use crate::exec::{Digital, Products};
use crate::graph::Tensor;

/// Stands between the network and its products while it trains. The forward products are
/// [`Products::product`]'s; gradients pass them straight through, as if they were exact.
pub trait Hardware: Products {
    /// Puts the weights that step `step` works with, forwards and backwards, into `noisy` (noise, quantisation,
    /// drop-connect); false leaves them as they are. The update goes to the clean weights either way. Every weighted node is
    /// asked once at the start of a step.
    fn perturb(&self, _node: usize, _step: u64, _weights: &Tensor, _noisy: &mut [f32]) -> bool {
        false
    }

    /// What a checkpoint must keep of it.
    fn state(&self) -> Vec<f32> {
        Vec::new()
    }

    /// Goes on from a [`state`](Self::state); false where it is not one of this hardware.
    fn resume(&self, state: &[f32]) -> bool {
        state.is_empty()
    }
}

impl Hardware for Digital {}
