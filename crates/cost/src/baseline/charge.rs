//! Computing in charge-based memory.

use super::{Baseline, Data, Part, Work};
use crate::Layer;

/// Charge shared between the capacitors of SRAM columns: an 8 x 8-bit product is 64 binary ones; conversion is part of
/// their published efficiency. Weights stay in the cells.
pub(super) fn sram(data: &Data, work: &Work) -> Baseline {
    let c = &data.charge_sram;
    let binary = work.macs() * data.bits.value.powi(2);
    let (idle_w, wake_j) = data.kept(work.weights());
    let compute = Part {
        name: "binary products in the cells",
        bytes: 0.0,
        energy_j: binary * c.binary_mac.value,
        known: c.binary_mac.known,
    };
    Baseline {
        name: "charge_sram",
        title: "Computing in SRAM by shared charge",
        parts: vec![
            compute,
            data.in_sram("inputs", data.bytes(work.sum(|l| l.values_in)), data.sram.access.known),
            data.in_sram("outputs", data.bytes(work.sum(Layer::values_out)), data.sram.access.known),
            data.ends(work),
        ],
        time_s: work.macs() / c.macs_per_second.value,
        utilisation: None,
        idle_w,
        wake_j,
        convention: "All weights are in the cells before the first sample; their leakage is in the standby.",
    }
}

/// Logic on whole rows of DRAM by activating several at once: every bit of a row computes alike. Weights stay, and are
/// refreshed.
pub(super) fn dram(data: &Data, work: &Work) -> Baseline {
    let c = &data.charge_dram;
    // Each bit line computes one product at a time.
    let operations = work.macs() / c.row_bits * c.row_operations_per_mac.value;
    let weight_bits = work.weights() * data.bits.value;
    let known = c.row_operation.known.max(c.row_operations_per_mac.known);
    Baseline {
        name: "charge_dram",
        title: "Logic in DRAM by activating rows together",
        parts: vec![Part {
            name: "operations on rows",
            bytes: 0.0,
            energy_j: operations * c.row_operation.value,
            known,
        }],
        time_s: operations * c.row_operation_time.value / c.banks.value,
        utilisation: None,
        idle_w: weight_bits * c.refresh_per_bit.value / c.refresh_period.value,
        wake_j: data.bytes(work.weights()) * data.dram_byte_j(),
        convention: "Rows are full of products; bringing operands into the same columns is not counted, in its favour.",
    }
}
