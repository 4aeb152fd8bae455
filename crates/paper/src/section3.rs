//! Section 3: sizes that its prose gives.

use neurohm_lab::LabError;

use crate::claim::{Claim, Rule, review};
use crate::{Entry, Evidence, Setting};

pub(crate) const ENTRY: Entry = Entry {
    figure: "s3",
    title: "Deep learning: sizes of the networks",
    about: "Device counts follow from the layers and from two devices a weight; here they are counted.",
    claims: &[Claim {
        key: "devices",
        claim: "A 784-250-10 network with two PCM devices a weight has about 400,000 devices",
        published: review("approx. 400,000 devices"),
        unit: "1",
        rule: Rule::Between(390_000.0, 410_000.0),
    }],
    run,
};

fn run(_: &Setting) -> Result<Evidence, LabError> {
    let layers = [784_u32, 250, 10];
    // A bias is a row of its own.
    let weights: u32 = layers.windows(2).map(|w| (w[0] + 1) * w[1]).sum();
    let mut evidence = Evidence::default();
    evidence.put("devices", f64::from(2 * weights), None);
    evidence.info("A count: no chance in it, and no interval.");
    Ok(evidence)
}
