//! Who multiplies: the exact digital product, or crossbars.

use crate::error::NnError;
use neurohm_num::{Rows, RowsMut};

/// Which factor a product is taken with, and which of its rows come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// The weighted layer's node.
    pub node: usize,
    /// Its matrix, one for each group of a convolution, or of a GRU that resets before it multiplies.
    pub group: usize,
    /// Ordinal of the inputs' first row among all that the layer ever sees: sample times rows a sample, plus row. The rows
    /// of one step of a recurrent layer are samples in sequence: step times 2^32, plus sample.
    pub first_row: u64,
}

/// Computes the matrix products of a network's weighted layers.
pub trait Products: Sync {
    /// `y = x W`, with the layer's bias only where [`adds_bias`](Self::adds_bias) says so. `weights` are the graph's (inputs x outputs); a crossbar that holds its own ignores
    /// them. The rows of `x` are samples or patches of them: noise keyed by their ordinals makes results independent
    /// of how a batch is split.
    fn product(&self, of: Factor, weights: Rows, x: Rows, y: &mut RowsMut) -> Result<(), NnError>;

    /// Whether the layer's products are exact, so that the executor may compute them without patches.
    fn exact(&self, _node: usize) -> bool {
        false
    }

    /// Whether the layer's products contain its bias, so that the executor must not add it.
    fn adds_bias(&self, _node: usize) -> bool {
        false
    }
}

/// Exact products in `f32`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Digital;

impl Products for Digital {
    fn product(&self, _of: Factor, weights: Rows, x: Rows, y: &mut RowsMut) -> Result<(), NnError> {
        neurohm_array::gemm(x, weights, y, 0.0);
        Ok(())
    }

    fn exact(&self, _node: usize) -> bool {
        true
    }
}
