//! Settings of the mapping within a study: each changes something where it is taken, and is refused elsewhere.

use neurohm_studies::REGISTRY;
use neurohm_study::{Disk, Draft, Effort, Request};

/// A study's smoke request with these settings, or what is said against it.
fn asked(study: &str, set: &[&str]) -> Result<Request, String> {
    let draft = Draft {
        study: Some(study.into()),
        effort: Effort::Smoke,
        chips: Some(1),
        ablate: Some(false),
        set: set.iter().map(|s| s.to_string()).collect(),
        ..Draft::default()
    };
    draft.resolve(REGISTRY, &Disk).map(|(_, request)| request).map_err(|e| e.to_string())
}

#[test]
fn biases_go_where_there_are_any() {
    let said = asked("mvm", &["chip.mapping.bias=word_line"]).unwrap_err();
    assert!(said.starts_with("--set chip.mapping.bias=") && said.contains("has no biases"), "{said}");
    assert!(asked("inference", &["chip.mapping.bias=word_line"]).is_ok());
}
