//! Who multiplies: the exact digital product, or crossbars.

use crate::error::NnError;
use neurohm_num::{Rows, RowsMut};

/// Computes the matrix products of a network's weighted layers.
pub trait Products: Sync {
    /// `y = x W`, without bias, for matrix `group` of the weighted layer at `node`.
    ///
    /// `weights` are the graph's (inputs x outputs); a crossbar that holds its own ignores them. The rows of
    /// `x` are samples or patches of them, the first with the ordinal `first_row` among all that the layer
    /// ever sees (sample x rows per sample + row): noise keyed by it makes results independent of how a batch
    /// is split.
    fn product(
        &self,
        node: usize,
        group: usize,
        weights: Rows,
        x: Rows,
        y: &mut RowsMut,
        first_row: u64,
    ) -> Result<(), NnError>;

    /// Whether the layer's products are exact, so that the executor may compute them without patches.
    fn exact(&self, _node: usize) -> bool {
        false
    }
}

/// Exact products in `f32`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Digital;

impl Products for Digital {
    fn product(
        &self,
        _node: usize,
        _group: usize,
        weights: Rows,
        x: Rows,
        y: &mut RowsMut,
        _first_row: u64,
    ) -> Result<(), NnError> {
        neurohm_array::gemm(x, weights, y, 0.0);
        Ok(())
    }

    fn exact(&self, _node: usize) -> bool {
        true
    }
}
