//! The engine against a study whose numbers can be worked out by hand.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::{Toy, draw};
use neurohm_num::{Cancelled, Unwatched, Watch};
use neurohm_study::{AnyStudy, Disk, Draft, Effort, Finding, StudyError, execute};

fn draft(set: &[&str]) -> Draft {
    Draft {
        study: Some("toy".into()),
        chip: Some("ideal".into()),
        set: set.iter().map(|s| s.to_string()).collect(),
        ..Draft::default()
    }
}

const STUDIES: &[&dyn AnyStudy] = &[&Toy];

fn run(set: &[&str]) -> Result<Finding, StudyError> {
    let (study, request) = draft(set).resolve(STUDIES, &Disk)?;
    execute(study, &request, &Disk, &Unwatched)
}

#[test]
fn means_are_over_chips_with_keys_of_their_own() {
    let r = run(&["chip.output_noise=0.01", "seed=9", "ablate=false"]).unwrap().record;
    let expected = 0.02 + 0.001 * (0..5).map(|c| draw(9, c)).sum::<f64>() / 5.0;
    let error = &r.scalars["error"];
    assert!((error.value - expected).abs() < 1e-12);
    let ci = error.ci95.unwrap();
    assert!(ci[0] < expected && expected < ci[1]);
    assert_eq!((r.chips, r.seed, r.tally["draws"]), (5, 9, 5.0));
    assert_eq!((r.merit.as_str(), r.target), ("error", Some(0.05)));
    assert_eq!((r.scalars["steps"].ci95, r.scalars["steps"].ideal), (Some([3.0, 3.0]), None));
    assert_eq!(r.series[0].lines[0].y[0].to_bits(), error.value.to_bits());
}

#[test]
fn ablation_goes_both_ways_and_finds_what_the_worst_would_have_to_become() {
    let r = run(&["chip.output_noise=0.1", "chip.input_noise=0.01", "config.luck=0.0"]).unwrap().record;
    let rows: Vec<_> = r.ablation.iter().map(|a| (a.path.as_str(), a.without.value, a.alone.value)).collect();
    assert_eq!(rows, [("output_noise", 0.01, 0.2), ("input_noise", 0.2, 0.01)]);
    // 0.2 s + 0.01 reaches 0.05 at s = 0.2; the bisection knows s to 1/64.
    let scale = r.ablation[0].required_scale.unwrap();
    assert!(scale <= 0.2 && scale > 0.2 - 1.0 / 64.0, "{scale}");
    assert_eq!(r.ablation[1].required_scale, None);
}

#[test]
fn no_scale_is_invented() {
    let met = run(&["chip.output_noise=0.01", "config.luck=0.0"]).unwrap().record;
    assert!(met.ablation.iter().all(|a| a.required_scale.is_none()));
    let both = run(&["chip.output_noise=0.1", "chip.input_noise=0.2", "config.luck=0.0"]).unwrap().record;
    assert!(both.ablation.iter().all(|a| a.required_scale.is_none()));
    assert!(both.notes.iter().any(|n| n.text.contains("No single non-ideality stands between")));
}

#[test]
fn threads_change_nothing() {
    let in_pool = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut record = pool
            .install(|| run(&["chip.output_noise=0.1", "chip.input_noise=0.01", "chips=20"]))
            .unwrap()
            .record;
        record.wall_s = 0.0;
        serde_json::to_string(&record).unwrap()
    };
    assert_eq!(in_pool(1), in_pool(2));
    assert_eq!(in_pool(1), in_pool(5));
}

struct Counter {
    done: AtomicU64,
    total: AtomicU64,
    stop_at: u64,
}

impl Watch for Counter {
    fn step(&self, done: u64) -> Result<(), Cancelled> {
        let now = self.done.fetch_add(done, Ordering::Relaxed) + done;
        if now >= self.stop_at { Err(Cancelled) } else { Ok(()) }
    }
    fn begin(&self, _what: &str, total: Option<u64>) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total.unwrap_or(0), Ordering::Relaxed);
    }
}

#[test]
fn progress_ends_at_what_was_announced_and_can_be_stopped() {
    let counter = |stop_at| Counter { done: 0.into(), total: 0.into(), stop_at };
    let (study, request) = draft(&["chip.output_noise=0.01"]).resolve(STUDIES, &Disk).unwrap();
    let all = counter(u64::MAX);
    execute(study, &request, &Disk, &all).unwrap();
    assert_eq!(all.done.into_inner(), all.total.into_inner());
    let stopped = execute(study, &request, &Disk, &counter(7));
    assert!(matches!(stopped, Err(StudyError::Cancelled)));
}

#[test]
fn a_trial_that_fails_is_the_reason_and_not_those_it_stopped() {
    let e = run(&["config.fail_on=3", "chips=40"]).unwrap_err();
    assert_eq!(e.to_string(), "chip 3 broke");
}

#[test]
fn a_description_runs_again_to_the_same_bits_and_id() {
    let first =
        run(&["chip.output_noise=0.1", "config.law.doubled.by=2.0", "seed=18446744073709551615"]).unwrap();
    let again =
        Draft { document: Some((first.record.description.clone(), "d.toml".into())), ..Draft::default() };
    let (study, request) = again.resolve(STUDIES, &Disk).unwrap();
    let mut second = execute(study, &request, &Disk, &Unwatched).unwrap().record;
    second.wall_s = first.record.wall_s;
    assert_eq!(second, first.record);
}

#[test]
fn ids_tell_descriptions_apart_and_ignore_words() {
    let id = |set: &[&str]| run(set).unwrap().record.id;
    let plain = id(&[]);
    assert_eq!(plain, id(&["seed=1", "chips=5", "config.steps=3", "chip.title=other words"]));
    let others = [id(&["seed=2"]), id(&["chips=6"]), id(&["config.steps=4"]), id(&["chip.output_noise=0.1"])];
    assert!(others.iter().all(|o| *o != plain));
}

#[test]
fn sections_without_effect_are_refused_with_their_place() {
    let text = "study = \"toy\"\n[chip]\npreset = \"ideal\"\n[chip.tile]\nrows = 64\n".to_string();
    let d = Draft { document: Some((text, "t.toml".into())), ..Draft::default() };
    let e = d.resolve(STUDIES, &Disk).map(|_| ()).unwrap_err();
    assert!(e.is_request());
    let e = e.to_string();
    assert!(e.starts_with("t.toml:4:7: chip.tile: this has no effect in the study `toy`"), "{e}");
    let e = run(&["chip.tile.rows=64"]).unwrap_err().to_string();
    assert!(e.contains("--set chip.tile.rows=64") && e.contains("no effect"), "{e}");
}

#[test]
fn wrong_requests_say_where_and_what_else() {
    let document = |text: &str| {
        let d = Draft { document: Some((text.to_string(), "r.toml".into())), ..Draft::default() };
        d.resolve(STUDIES, &Disk).map(|_| ()).unwrap_err().to_string()
    };
    let e = document("study = \"toyy\"");
    assert_eq!(e, "no study is called \"toyy\" (did you mean \"toy\"?); the studies are toy");
    let e = document("study = \"toy\"\n[config]\nluk = 1.0");
    assert!(e.starts_with("r.toml:3:1: config.luk: unknown setting `luk`; did you mean `luck`?"), "{e}");
    let e = document("study = \"toy\"\n[config]\nsteps = \"many\"");
    assert!(e.starts_with("r.toml:3:1: config.steps: "), "{e}");
    let e = document("study = \"toy\"\nsede = 4");
    assert!(e.starts_with("r.toml:2:1: ") && e.contains("did you mean `seed`?"), "{e}");
    let e = document("study = \"toy\"\nseed = -4");
    assert!(e.starts_with("r.toml:2:1: seed: a whole number"), "{e}");
    let e = document("study = ");
    assert!(e.starts_with("r.toml:1:"), "{e}");
    let e = document("seed = 3");
    assert!(e.contains("names no study"), "{e}");
    let e = document("study = \"toy\"\n[config]\nsteps = 0");
    assert!(e.contains("steps = 0 does nothing"), "{e}");
    let e = document("study = \"toy\"\n[chip]\noutput_nois = 0.1");
    assert!(
        e.starts_with("r.toml:3:1: chip.output_nois: ") && e.contains("did you mean `output_noise`?"),
        "{e}"
    );
    let e = document("study = \"toy\"\n[chip]\npreset = \"idael\"");
    assert!(e.contains("did you mean \"ideal\"?"), "{e}");
    let e = run(&["bits"]).unwrap_err().to_string();
    assert!(e.contains("write key=value"), "{e}");
}

#[test]
fn later_settings_win() {
    let text = "study = \"toy\"\nseed = 3\n[config]\nsteps = 7\n[config.law.doubled]\nby = 2.0".to_string();
    let mut d =
        Draft { document: Some((text, "r.toml".into())), chip: Some("ideal".into()), ..Draft::default() };
    d.effort = Effort::Full;
    let (_, r) = d.resolve(STUDIES, &Disk).unwrap();
    assert_eq!((r.config["steps"].as_u64(), r.config["luck"].as_f64(), r.seed), (Some(7), Some(0.001), 3));
    assert_eq!(r.config["law"]["doubled"]["by"].as_f64(), Some(2.0));
    d.set.push("config.steps=8".into());
    d.seed = Some(4);
    let (_, r) = d.resolve(STUDIES, &Disk).unwrap();
    assert_eq!((r.config["steps"].as_u64(), r.seed), (Some(8), 4));
}
