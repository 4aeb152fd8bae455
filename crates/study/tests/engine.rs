//! The engine against a study whose numbers can be worked out by hand.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::Toy;
use neurohm_num::{Cancelled, Key, Purpose, Unwatched, Watch};
use neurohm_study::{AnyStudy, Disk, Draft, Effort, Finding, StudyError, execute, score};

fn draft(set: &[&str]) -> Draft {
    Draft {
        study: Some("toy".into()),
        chip: Some("ideal".into()),
        set: set.iter().map(|s| s.to_string()).collect(),
        ..Draft::default()
    }
}

/// What the toy's chip `i` draws for seed `seed`.
fn draw(seed: u64, chip: u64) -> f64 {
    f64::from(Key::root(seed).child("chip", chip).stream(Purpose::Data, 0).normal(0))
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
    assert_eq!(r.all_off.map(|s| s.value), Some(0.0));
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
    let stopped = execute(study, &request, &Disk, &counter(1));
    assert!(matches!(stopped, Err(StudyError::Cancelled)));
}

/// In one thread, so that a number of steps means a place: a chip is three steps, chips come first, then the chip
/// with all off and two chips of five a cause.
#[test]
fn a_run_that_is_cut_short_keeps_its_finished_chips_and_says_so() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (study, request) = draft(&["chip.output_noise=0.1"]).resolve(STUDIES, &Disk).unwrap();
    let stopped = |stop_at| {
        let watch = Counter { done: 0.into(), total: 0.into(), stop_at };
        pool.install(|| execute(study, &request, &Disk, &watch))
    };
    let said = |f: &Finding| {
        let text = f.record.cut_short.clone().expect("it was cut short");
        assert_eq!(f.record.notes[0].text, text);
        text
    };
    assert!(matches!(stopped(3), Err(StudyError::Cancelled)), "not one chip was finished");

    let part = stopped(11).unwrap();
    assert!(said(&part).starts_with("The run was cut short after 3 of 5 chips"), "{}", said(&part));
    assert_eq!((part.record.chips, part.record.ablation.len()), (3, 0));
    let expected = 0.2 + 0.001 * (0..3).map(|c| draw(1, c)).sum::<f64>() / 3.0;
    assert!((part.record.scalars["error"].value - expected).abs() < 1e-12);
    assert!(part.record.scalars["error"].ci95.is_some());
    // Its description gives the same numbers, as that of any record does.
    let again =
        Draft { document: Some((part.record.description.clone(), "d.toml".into())), ..Draft::default() };
    let (study, again) = again.resolve(STUDIES, &Disk).unwrap();
    let again = execute(study, &again, &Disk, &Unwatched).unwrap();
    assert_eq!((&again.record.scalars, &again.record.id), (&part.record.scalars, &part.record.id));
    assert_eq!(again.record.cut_short, None);

    let chips_alone = stopped(20).unwrap();
    assert!(said(&chips_alone).contains("all of its 5 chips: no non-ideality was switched off"));
    assert_eq!((chips_alone.record.chips, chips_alone.record.ablation.len()), (5, 0));
}

/// The same study twice stands for two: the second is stopped before its first chip is finished, or within.
#[test]
fn a_card_that_is_cut_short_names_what_was_not_run_in_every_row() {
    struct After(AtomicU64);
    impl Watch for After {
        fn step(&self, done: u64) -> Result<(), Cancelled> {
            let left = self.0.load(Ordering::Relaxed);
            self.0.store(left.saturating_sub(done), Ordering::Relaxed);
            if left < done { Err(Cancelled) } else { Ok(()) }
        }
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let twice: &[&dyn AnyStudy] = &[&Toy, &Toy];
    let card = |steps| {
        pool.install(|| score(twice, &draft(&["ablate=false"]), &Disk, &After(AtomicU64::new(steps))))
    };
    // Five chips of three steps on the ideal chip.
    let whole = card(30).unwrap();
    assert!(whole.cut_short().is_none() && whole.findings.iter().all(|f| f.record.cut_short.is_none()));
    let first = card(16).unwrap();
    let text = "The card was cut short with 1 of 2 studies. Not run: Toy.";
    assert_eq!((first.findings.len(), first.cut_short()), (1, Some(text)));
    assert_eq!(first.findings[0].record.cut_short.as_deref(), Some(text));
    assert_eq!(first.findings[0].record.notes[0].text, text);
    let second = card(22).unwrap();
    assert_eq!(second.findings.len(), 2);
    let text = second.cut_short().unwrap().to_string();
    assert!(text.starts_with("Toy: The run was cut short after 2 of 5 chips"), "{text}");
    assert!(second.findings.iter().all(|f| f.record.cut_short.as_deref() == Some(&text)));
    assert!(matches!(card(2), Err(StudyError::Cancelled)));
}

#[test]
fn a_trial_that_fails_is_the_reason_and_not_those_it_stopped() {
    let e = run(&["config.fail_on=3", "chips=40"]).unwrap_err();
    assert_eq!(e.to_string(), "chip 3 broke");
}

#[test]
fn a_description_runs_again_to_the_same_bits_and_id() {
    let first = run(&[
        "chip.output_noise=0.1",
        "config.law.doubled={by = 2.0, twice = false}",
        "seed=18446744073709551615",
    ])
    .unwrap();
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
    // Over a chip that is written out, which itself is no wish for its every section to matter.
    let text = "study = \"toy\"\n[chip]\npreset = \"none\"\ntile.rows = 64\n".to_string();
    let d = Draft { document: Some((text, "t.toml".into())), ..Draft::default() };
    assert!(d.resolve(STUDIES, &Disk).is_ok());
    let d = Draft { set: vec!["chip.tile.rows=32".into()], ..d };
    let e = d.resolve(STUDIES, &Disk).map(|_| ()).unwrap_err().to_string();
    assert!(e.starts_with("--set chip.tile.rows=32: chip.tile: this has no effect"), "{e}");
    let e = run(&["chip.tile.rows=64"]).unwrap_err().to_string();
    assert!(e.contains("--set chip.tile.rows=64") && e.contains("no effect"), "{e}");
}

#[test]
fn settings_that_need_each_other_are_read_together() {
    let config = |set: &[&str]| draft(set).resolve(STUDIES, &Disk).map(|(_, r)| r);
    let both = config(&["config.law.doubled.by=2.0", "config.law.doubled.twice=true"]).unwrap();
    assert_eq!(both.config["law"]["doubled"]["twice"], true);
    let e = config(&["config.steps=4", "config.law.doubled.by=2.0"]).unwrap_err().to_string();
    assert_eq!(e, "--set config.law.doubled.by=2.0: config.law.doubled: missing field `twice`");
    // A value is told with the option that gave it, not with the last one.
    let e = config(&["config.steps=many", "config.luck=0.5"]).unwrap_err().to_string();
    assert!(e.starts_with("--set config.steps=many: config.steps: "), "{e}");
    let e = config(&["config.steps=0", "config.luck=0.5"]).unwrap_err().to_string();
    assert_eq!(e, "--set config.steps=0: config.steps: steps = 0 does nothing");
}

#[test]
fn options_of_a_front_end_are_named_in_its_words() {
    let table: toml::Table = toml::from_str("steps = 'many'").unwrap();
    let d = Draft { config: vec![("--steps many".to_string(), table)], ..draft(&[]) };
    let e = d.resolve(STUDIES, &Disk).map(|_| ()).unwrap_err().to_string();
    assert!(e.starts_with("--steps many: invalid type"), "{e}");
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
    assert_eq!(e, "r.toml:3:1: config.steps: steps = 0 does nothing");
    let e = document("study = \"toy\"\n[config]\nlist = [\n  1,\n  \"a\",\n]");
    assert!(e.starts_with("r.toml:5:3: config.list[1]: invalid type"), "{e}");
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
    let text =
        "study = \"toy\"\nseed = 3\n[config]\nsteps = 7\n[config.law.doubled]\nby = 2.0\ntwice = false"
            .to_string();
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
