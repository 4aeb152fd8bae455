//! Section 4: what its prose says of spiking systems in numbers.

use neurohm_lab::LabError;

use crate::claim::{Claim, Rule, review};
use crate::{Entry, Evidence, Setting};

pub(crate) const ENTRY: Entry = Entry {
    figure: "s4.1",
    title: "Spiking systems: sizes and energies that the prose gives",
    about: "Entries of the list that wait for the studies that can answer them; none of them has a number of ours yet.",
    claims: &[
        Claim {
            key: "ceiling",
            claim: "Crossbars of more than 2048 x 2048 devices cannot be operated reliably, for wires and sneak paths",
            published: review("more than 2048x2048 devices cannot be fabricated and operated reliably"),
            unit: "1",
            rule: Rule::NotComparable("no study of wires and sneak paths stands here yet"),
        },
        Claim {
            key: "energy_ratio",
            claim: "A multiplication costs 3 to 4 times an addition (C_m/C_a), so sparse spikes win",
            published: review("C_m/C_a of 3 to 4"),
            unit: "1",
            rule: Rule::NotComparable("the energies that we know are recalled, not read: nothing to claim"),
        },
    ],
    run: |_: &Setting| -> Result<Evidence, LabError> { Ok(Evidence::default()) },
};
