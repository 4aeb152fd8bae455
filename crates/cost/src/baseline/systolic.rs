//! A weight-stationary systolic array: weights stay in the units, inputs move along rows, sums along columns.

use super::{Baseline, Data, Part, Work};
use crate::Layer;

/// Blocks of weights that a layer takes, one after the other: `groups ceil(K / rows) ceil(C / columns)`.
pub fn passes(layer: &Layer, rows: u64, columns: u64) -> u64 {
    layer.groups * layer.rows.div_ceil(rows) * layer.columns.div_ceil(columns)
}

/// Cycles of so many passes of `products` inputs each through `rows` x `columns` units. The next block of weights is
/// brought in, a row a cycle, while the one before is used, so a pass takes `max(products, rows)`; the first block must be
/// waited for, and the last sum leaves `rows + columns - 2` cycles after the last input entered.
pub fn cycles(passes: u64, products: u64, rows: u64, columns: u64) -> u64 {
    if passes == 0 {
        return 0;
    }
    let before_last = (passes - 1).saturating_mul(products.max(rows));
    before_last.saturating_add(products).saturating_add(2 * rows + columns - 2)
}

pub(super) fn baseline(data: &Data, work: &Work) -> Baseline {
    let s = &data.systolic;
    let mut total = 0.0;
    let (mut inputs, mut sums) = (0.0, 0.0);
    for layer in work.layers {
        let products = (layer.products as f64 * work.batch).min(1e15) as u64;
        total += cycles(passes(layer, s.rows, s.columns), products, s.rows, s.columns) as f64 / work.batch;
        // Each block of columns reads the inputs anew; each block of rows but the first reads the sums so far.
        let column_blocks = layer.columns.div_ceil(s.columns) as f64;
        inputs += (layer.rows * layer.groups * layer.products) as f64 * column_blocks;
        let row_blocks = layer.rows.div_ceil(s.rows) as f64;
        sums += layer.values_out() as f64 * (2.0 * row_blocks - 1.0);
    }
    let weights = data.weights_from_dram(work);
    let time_s = (total / s.clock.value).max(data.dram_s(weights.bytes));
    let known = data.sram.access.known;
    // Sums are 32 bits wide.
    let sum_bytes = 4.0 * sums;
    let (idle_w, wake_j) = data.kept(work.weights());
    let hop = Part {
        name: "registers between units",
        bytes: 0.0,
        energy_j: work.macs() * s.hop.value,
        known: s.hop.known,
    };
    Baseline {
        name: "systolic",
        title: "Systolic array of int8 multipliers, weights stationary",
        parts: vec![
            data.macs(work.macs()),
            hop,
            data.in_sram("inputs from the buffer", data.bytes(inputs), known),
            data.in_sram("sums in the buffer", sum_bytes, known),
            data.in_sram("weights through the buffer", data.bytes(work.weights()) / work.batch, known),
            weights,
            data.ends(work),
        ],
        time_s,
        utilisation: Some(work.macs() / (total * (s.rows * s.columns) as f64)),
        idle_w,
        wake_j,
        convention: "Weights come from DRAM once a batch; a block of them is used while the next is brought in.",
    }
}
