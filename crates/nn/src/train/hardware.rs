//! What the hardware that a network is trained for does to its weighted layers.

use crate::exec::{Digital, Products};
use crate::graph::Tensor;

/// Stands between the network and its products while it trains. The forward products are
/// [`Products::product`]'s; gradients pass them straight through, as if they were exact.
pub trait Hardware: Products {
    /// Puts the weights that step `step` works with, forwards and backwards, into `noisy` (noise, quantisation,
    /// drop-connect); false leaves them as they are. The update goes to the clean weights either way.
    fn perturb(&self, _node: usize, _step: u64, _weights: &Tensor, _noisy: &mut [f32]) -> bool {
        false
    }
}

impl Hardware for Digital {}
