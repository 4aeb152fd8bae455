//! Figure 1: the landscape, each field with the study that answers for it.

use neurohm_lab::LabError;

use crate::claim::{Claim, Rule, review};
use crate::{Entry, Evidence, Setting};

/// Why a field has no number yet.
const LATER: &str = "no study of this field stands here yet";

pub(crate) const ENTRY: Entry = Entry {
    figure: "1",
    title: "The landscape of memristor-based systems",
    about: "A map, not a measurement: each field is linked to the study that simulates it, and the numbers stand there.",
    claims: &[
        Claim {
            key: "products",
            claim: "Crossbars compute products by the laws of Ohm and Kirchhoff",
            published: review("vector-matrix multiplication in constant time"),
            unit: "1",
            rule: Rule::NotComparable("see the study `mvm` (neurohm run mvm)"),
        },
        Claim {
            key: "deep_learning",
            claim: "Accelerators of deep learning hold weights as conductances",
            published: review("crossbars represent the weights of artificial neural networks"),
            unit: "1",
            rule: Rule::NotComparable("see the study `inference` (neurohm eval)"),
        },
        Claim {
            key: "in_memory",
            claim: "Computing in the memory takes away the von Neumann bottleneck",
            published: review("eliminate the von Neumann bottleneck by computing within the memory"),
            unit: "1",
            rule: Rule::NotComparable("see figure 2 (neurohm paper 2)"),
        },
        Claim {
            key: "spiking",
            claim: "Memristors learn and infer with spikes",
            published: review("hardware platform to implement spike-based learning and inference"),
            unit: "1",
            rule: Rule::NotComparable(LATER),
        },
        Claim {
            key: "neuromorphic",
            claim: "More complex functions come from the devices' own dynamics",
            published: review("might fuel the next wave of higher cognitive systems"),
            unit: "1",
            rule: Rule::NotComparable("a hope, not a measurement"),
        },
    ],
    run: |_: &Setting| -> Result<Evidence, LabError> { Ok(Evidence::default()) },
};
