//! Settings of the mapping within a study: each changes something where it is taken, and is refused elsewhere.

use std::collections::BTreeSet;

use neurohm_num::Unwatched;
use neurohm_studies::REGISTRY;
use neurohm_study::{Disk, Draft, Effort, Request, execute, find};

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

#[test]
fn faults_are_laid_around_where_there_are_any() {
    let said = asked("mvm", &["chip.mapping.faults=remap"]).unwrap_err();
    assert!(
        said.starts_with("--set chip.mapping.faults=") && said.contains("no cell of the device"),
        "{said}"
    );
}

/// Settings of the mapping and of how inputs are presented, each with all that it needs to count.
const CHANGES: [&[&str]; 14] = [
    &["chip.mapping.slices.digits.bits=[2, 2]"],
    &["chip.mapping.slices.digits.bits=[2, 3]"],
    &["chip.mapping.slices.digits.significance=[1.0, 0.25]"],
    &["chip.mapping.slices={digits.bits = [2, 2], combine = \"analog\"}"],
    &["chip.mapping.slices={digits.bits = [2, 2], verify = true}"],
    &["chip.dac={bit_serial = {resolution.bits = 8, range.abs_max = {}}}"],
    &["chip.dac={bit_serial = {resolution.bits = 8, digit_bits = 2, range.abs_max = {}}}"],
    &["chip.dac={bit_serial = {resolution.bits = 8, sign = \"two_phases\", range.abs_max = {}}}"],
    &["chip.mapping.pair.optimised.at=[\"1 day\"]"],
    &["chip.mapping.pair.optimised.at=[\"20 s\", \"1 year\"]"],
    &["chip.device=generic", "chip.device.faults.stuck_low=0.05"],
    &["chip.device=generic", "chip.device.faults.stuck_low=0.05", "chip.mapping.faults=remap"],
    &[
        "chip.device=generic",
        "chip.device.faults.stuck_low=0.05",
        "chip.mapping.faults.remap.spare_columns=4",
    ],
    &["chip.device=generic", "chip.device.faults.stuck_low=0.05", "chip.mapping.faults.remap.rows=true"],
];

#[test]
fn each_setting_of_the_mapping_gives_another_result_under_another_id() {
    let study = find(REGISTRY, "mvm").unwrap();
    let (mut results, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for set in std::iter::once(&[][..]).chain(CHANGES) {
        let request = asked("mvm", set).unwrap();
        let record = execute(study, &request, &Disk, &Unwatched).unwrap().record;
        assert!(results.insert(record.scalars[&record.merit].value.to_bits()), "{set:?}");
        assert!(ids.insert(record.id.clone()), "{set:?}");
        // What a record says is read back to the same chip.
        let draft =
            Draft { document: Some((record.description, "description.toml".into())), ..Draft::default() };
        assert_eq!(draft.resolve(REGISTRY, &Disk).unwrap().1.chip, request.chip);
    }
}
