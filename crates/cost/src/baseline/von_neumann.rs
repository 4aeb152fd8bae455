//! A processor whose memory is apart.

use super::{Baseline, Data, Work};
use crate::Layer;

/// Weights come from DRAM once a batch; from then on each multiply-accumulate takes a weight and an input from SRAM, of
/// which each serves `macs_per_operand` of them, and each output is written once.
pub(super) fn baseline(data: &Data, work: &Work) -> Baseline {
    let reuse = &data.processor.macs_per_operand;
    let operands = 2.0 * work.macs() / reuse.value;
    let weights = data.weights_from_dram(work);
    let time_s = (work.macs() / data.processor.macs_per_second.value).max(data.dram_s(weights.bytes));
    let (idle_w, wake_j) = data.kept(work.weights());
    Baseline {
        name: "von_neumann",
        title: "Processor with SRAM and DRAM",
        parts: vec![
            data.macs(work.macs()),
            data.in_sram("operands from SRAM", data.bytes(operands), reuse.known),
            data.in_sram("outputs to SRAM", data.bytes(work.sum(Layer::values_out)), reuse.known),
            weights,
            data.ends(work),
        ],
        time_s,
        utilisation: None,
        idle_w,
        wake_j,
        convention: "Weights come from DRAM once a batch and operands from SRAM.",
    }
}
