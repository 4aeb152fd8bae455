//! `upkeep`: what follows from devices whose drift is known.

use neurohm_num::Unwatched;
use neurohm_studies::REGISTRY;
use neurohm_study::record::{Bound, Cell, Record};
use neurohm_study::{Disk, Draft, Effort, StudyError, execute};

fn upkeep(set: &[&str]) -> Result<Record, StudyError> {
    let draft = Draft {
        study: Some("upkeep".into()),
        effort: Effort::Smoke,
        set: set.iter().map(|s| s.to_string()).collect(),
        ablate: Some(false),
        ..Draft::default()
    };
    let (study, request) = draft.resolve(REGISTRY, &Disk)?;
    Ok(execute(study, &request, &Disk, &Unwatched)?.record)
}

/// One exponent for all devices: one factor takes the whole of it out.
const COMMON_DRIFT: [&str; 5] = [
    "chip.device=ideal",
    "chip.device.retention.power_law.t0=20 s",
    "chip.device.retention.power_law.nu_mean.polynomial=[0.1]",
    "chip.device.retention.power_law.nu_spread.polynomial=[0.0]",
    "config.model=strokes-mlp",
];

#[test]
fn drift_that_all_devices_share_is_taken_out_by_one_factor() {
    let more = [
        "chip.output_noise=0",
        "chip.adc.ideal={}",
        "config.images=200",
        "config.times=[\"20 s\", \"10 years\"]",
    ];
    let set: Vec<&str> = COMMON_DRIFT.into_iter().chain(more).collect();
    let record = upkeep(&set).unwrap();
    let line = |name: &str| {
        let series = record.series.iter().find(|s| s.name == "output_error_over_time").unwrap();
        series.lines.iter().find(|l| l.name == name).unwrap().y.clone()
    };
    // (10 years / 20 s)^-0.1 = 0.19: four fifths of every layer's products are gone.
    let (nothing, factor) = (line("nothing"), line("factor a crossbar"));
    assert!(nothing[1] > 0.9, "{nothing:?}");
    assert!(factor[1] < 2.0 * factor[0] && factor[1] < 0.02, "{factor:?}");
    assert_eq!(record.scalars["kept_for_global"].bound, Some(Bound::More));
    // Batch norms that are not there are left out, and said.
    assert!(!record.scalars.contains_key("kept_for_batch_norm"));
    assert!(record.notes.iter().any(|n| n.text.starts_with("The network has no batch norms")));
}

#[test]
fn a_chip_that_is_written_often_enough_stays_accurate_until_its_devices_wear_out() {
    let set = |endurance: &'static str| -> Vec<&str> {
        let more = [
            "chip.output_noise=0",
            "chip.adc.ideal={}",
            "config.images=200",
            "config.mitigations=[\"none\"]",
            "config.times=[\"20 s\", \"1 hour\", \"10 years\"]",
            endurance,
        ];
        COMMON_DRIFT.into_iter().chain(more).collect()
    };
    let schedule = |endurance: &'static str| {
        let record = upkeep(&set(endurance)).unwrap();
        let row = record.tables.iter().find(|t| t.name == "schedules").unwrap().rows[0].clone();
        row.iter()
            .map(|c| match c {
                Cell::Number(v) | Cell::Uncertain { value: v, .. } => *v,
                Cell::Text(_) => f64::NAN,
            })
            .collect::<Vec<f64>>()
    };
    // The perceptron bears the uniform shrinking of an hour, not that of ten years.
    let lasting =
        schedule("chip.device.endurance.sudden={ g = \"0 S\", onset = { p0 = 1e12, shape = 2.0 } }");
    let writings = (10.0 * 365.0 * 86_400.0 / lasting[2]).ceil();
    assert!(lasting[2] < 1e8 && lasting[3] == writings, "{lasting:?}");
    assert!(lasting[6] > 90.0 && lasting[7] == 100.0, "{lasting:?}");
    // Devices that bear a hundredth of these cycles are gone in the last period.
    let worn = schedule("chip.device.endurance.sudden={ g = \"0 S\", onset = { p0 = 100.0, shape = 2.0 } }");
    assert!(worn[7] < 1.0 && worn[6] < 50.0, "{worn:?}");
}

#[test]
fn temperature_is_asked_of_devices_that_follow_it_alone() {
    let stage = "config.temperature=[{ from = \"1 min\", at = \"85 C\" }]";
    let error = upkeep(&["chip.device=pcm", stage]).unwrap_err().to_string();
    assert!(error.contains("has no effect") && error.contains("device fit --kind retention"), "{error}");
    let at = |set: &[&str]| {
        let record = upkeep(set).unwrap();
        record.series.iter().find(|s| s.name == "output_error_over_time").unwrap().lines[0].y.clone()
    };
    let activated = "chip.device.retention.activated={ attempt_time = \"1e-12 s\", t_ref = \"1 s\", temperature_ref = \"300 K\", \
                     relaxation_energy = \"0.1 eV\", unit = \"1 uS\", fitted_g_max = \"25 uS\", shift.polynomial = [-0.1], \
                     spread.polynomial = [0.2], loss = { energy = \"1.6 eV\", width = \"0.05 eV\", rate_spread = 0.3 } }";
    let hot = "config.temperature=[{ from = \"1 min\", at = \"250 C\" }]";
    let (cool, hot) = (at(&["chip.device=ideal", activated]), at(&["chip.device=ideal", activated, hot]));
    // The first read comes before the stage, the second after it.
    assert!(cool[0] == hot[0] && hot[1] > 1.1 * cool[1], "{cool:?} {hot:?}");
}

#[test]
fn what_makes_no_sense_is_told_by_path() {
    for (set, said) in [
        ("config.mitigations=[]", "mitigations"),
        ("config.mitigations=[\"none\", \"none\"]", "stands there twice"),
        ("config.mitigations=[\"prayer\"]", "prayer"),
        ("config.times=[\"1 h\"]", "two times or more"),
        ("config.loss=0.0", "config.loss"),
        (
            "config.temperature=[{ from = \"1 h\", at = \"300 K\" }, { from = \"1 h\", at = \"400 K\" }]",
            "one after the other",
        ),
        ("config.temperature=[{ from = \"1 h\", at = \"9000 K\" }]", "temperature[0].at"),
        ("chip.drift_compensation.none={}", "drift_compensation"),
    ] {
        let error = upkeep(&[set]).unwrap_err().to_string();
        assert!(error.contains(said), "{set}: {error}");
    }
}
