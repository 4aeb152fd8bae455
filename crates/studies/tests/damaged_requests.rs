//! Damaged requests are refused or resolved, never a panic; what is resolved can be written and resolved again. The
//! fuzz target `request_toml` holds the same against more.

use neurohm_studies::REGISTRY;
use neurohm_study::{Disk, Draft, Effort};
use proptest::prelude::*;

fn draft(text: String) -> Draft {
    Draft { document: Some((text, "damaged.toml".into())), ..Draft::default() }
}

fn whole(which: usize) -> String {
    let study = Some(REGISTRY[which].name().to_string());
    let draft = Draft { study, chip: Some("peer".into()), effort: Effort::Smoke, ..Draft::default() };
    draft.resolve(REGISTRY, &Disk).unwrap().1.description().unwrap()
}

proptest! {
    #[test]
    fn damaged_requests_are_refused_or_resolved(
        which in 0..REGISTRY.len(),
        at in any::<prop::sample::Index>(),
        cut in 0..12_usize,
        // No name of a file, which the disk would be asked for.
        paste in "[^./\\\\\\pC]{0,8}",
    ) {
        let mut text: Vec<char> = whole(which).chars().collect();
        let start = at.index(text.len());
        let end = (start + cut).min(text.len());
        text.splice(start..end, paste.chars());
        match draft(text.into_iter().collect()).resolve(REGISTRY, &Disk) {
            Ok((_, request)) => {
                let written = request.description().unwrap();
                let again = draft(written.clone()).resolve(REGISTRY, &Disk).map(|(_, r)| r.description().unwrap());
                prop_assert_eq!(again.unwrap(), written);
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
