//! Section 1: the arithmetic of the demand for computing.

use neurohm_lab::LabError;

use crate::claim::{Claim, Rule, review};
use crate::{Entry, Evidence, Setting};

pub(crate) const ENTRY: Entry = Entry {
    figure: "s1",
    title: "The demand for computing against Moore's scaling",
    about: "The section gives three numbers that must agree: a growth of 300,000 times since 2012, a doubling every \
            3.4 months, and 7 times for Moore's scaling over the same period. Two of them give the third.",
    claims: &[
        Claim {
            key: "years",
            claim: "300,000 times by doublings of 3.4 months take the years from 2012 to the analysis (2018)",
            published: review("since 2012; the analysis cited is of 2018"),
            unit: "years",
            rule: Rule::Between(4.5, 6.5),
        },
        Claim {
            key: "moore",
            claim: "Moore's scaling gives 7 times in that time, doubling every two years",
            published: review("a 7-fold improvement over the same period"),
            unit: "1",
            // What rounds to seven.
            rule: Rule::Between(6.5, 7.5),
        },
    ],
    run,
};

fn run(_: &Setting) -> Result<Evidence, LabError> {
    let mut evidence = Evidence::default();
    let months = libm::log2(300_000.0) * 3.4;
    evidence.put("years", months / 12.0, None);
    evidence.put("moore", libm::exp2(months / 24.0), None);
    evidence.info("Arithmetic of published numbers: no chance in it, and no intervals.");
    evidence.info(
        "The three published numbers do not belong to one span: a factor of 7 at a doubling in two years takes 5.6 years, \
         in which a doubling every 3.4 months gives a factor of 900 000.",
    );
    Ok(evidence)
}
