//! What every study of the registry must hold to.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use neurohm_array::{ChipSpec, chip_preset};
use neurohm_num::{Cancelled, Key, Unwatched, Watch};
use neurohm_studies::REGISTRY;
use neurohm_study::record::{Bound, Cell, Record};
use neurohm_study::{AnyStudy, Disk, Draft, Effort, Request, Run, RunFolder, StudyError, execute};

/// The studies whose smoke runs take a moment. `wires` solves circuits of whole crossbars, and `selector` programs a network for
/// every kind and strength, which takes seconds a run: they have tests of their own.
fn quick() -> impl Iterator<Item = &'static &'static dyn AnyStudy> {
    REGISTRY.iter().filter(|study| !["wires", "selector"].contains(&study.name()))
}

fn smoke(study: &'static dyn AnyStudy, set: &[&str], ablate: bool) -> Request {
    let draft = Draft {
        study: Some(study.name().to_string()),
        effort: Effort::Smoke,
        set: set.iter().map(|s| s.to_string()).collect(),
        ablate: Some(ablate),
        ..Draft::default()
    };
    draft.resolve(REGISTRY, &Disk).unwrap().1
}

fn run(study: &'static dyn AnyStudy, request: &Request) -> Record {
    let mut record = execute(study, request, &Disk, &Unwatched).unwrap().record;
    record.wall_s = 0.0;
    record
}

/// Everything that was found, without what was asked.
fn found(mut r: Record) -> String {
    r.description.clear();
    r.id.clear();
    (r.device, r.device_title, r.device_source) = Default::default();
    r.notes.clear();
    serde_json::to_string(&r).unwrap()
}

#[test]
fn one_thread_and_two_give_the_same_bits() {
    for study in quick() {
        let request = smoke(*study, &[], true);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            serde_json::to_string(&pool.install(|| run(*study, &request))).unwrap()
        };
        assert_eq!(with(1), with(2), "{}", study.name());
    }
}

/// What the others are held to, on crossbars that are solved in a moment.
#[test]
fn wires_give_the_same_bits_on_two_threads_and_announce_their_work() {
    let study = neurohm_study::find(REGISTRY, "wires").unwrap();
    let set = ["chip.tile.rows=16", "chip.tile.columns=8", "chip.device=generic", "chips=1"];
    let request = smoke(study, &set, true);
    let watch = Honest::default();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let finding = pool.install(|| execute(study, &request, &Disk, &watch)).unwrap();
        Record { wall_s: 0.0, ..finding.record }
    };
    let record = with(1);
    assert_eq!(record, with(2));
    watch.settle();
    assert_eq!(watch.overrun.into_inner(), 0);
    // A hundred ohm a segment cost more than three, and none costs nothing.
    let (errors, without) = (&record.series[1].lines[0].y, record.scalars["output_error"].value);
    assert!(without < errors[0] && errors[0] < errors[1], "{without} {errors:?}");
    let map = &record.maps[0];
    assert_eq!((map.rows, map.cols, map.axes.as_ref().unwrap().column_names.len()), (1, 3, 3));
}

/// Chips that give the same number know it no better than one of them does.
#[test]
fn equal_chips_leave_open_what_a_selector_study_cannot_tell() {
    let study = neurohm_study::find(REGISTRY, "selector").unwrap();
    let record = run(study, &smoke(study, &["chip.device=ideal", "chips=2"], false));
    let found = &record.scalars["tolerated_transistor"];
    assert!(found.about.ends_with("(read 20 s after programming, 12 samples)"), "{}", found.about);
    // Twelve samples do not tell a loss of one point from none: all that was asked for is open, as far as it was not lost.
    let asked = &record.tables[0].rows[0];
    let (Cell::Number(least), [low, high]) = (&asked[2], found.ci95.unwrap()) else { panic!("{asked:?}") };
    assert!((low / least - 1.0).abs() < 1e-12 && high > 1.5 * low, "{found:?} {asked:?}");
}

/// Where nothing is lost at the most that was asked for, that is a bound and no measurement, in the units of each row.
#[test]
fn what_was_never_lost_is_more_than_was_asked_for() {
    let study = neurohm_study::find(REGISTRY, "selector").unwrap();
    let set = [
        "chip.device=ideal",
        "chips=2",
        "config.kinds=[\"exponential\"]",
        "config.parts=[0.0001, 0.0002]",
        "config.sinh_per_v=[0.001, 0.01]",
    ];
    let record = run(study, &smoke(study, &set, false));
    let bounded: Vec<_> =
        record.scalars.iter().filter_map(|(name, s)| Some((name.as_str(), s.bound?))).collect();
    let expected = ["exponential", "exponential_bent", "sinh", "sinh_bent", "transistor"]
        .map(|of| format!("tolerated_{of}"));
    let (less, more): (Vec<_>, Vec<_>) = bounded.into_iter().partition(|(name, _)| name.ends_with("_i0"));
    assert_eq!(more, expected.iter().map(|name| (name.as_str(), Bound::More)).collect::<Vec<_>>());
    let currents = ["tolerated_exponential_bent_i0", "tolerated_exponential_i0"];
    assert_eq!(less, currents.map(|name| (name, Bound::Less)));
    assert_eq!(record.scalars["tolerated_sinh"].value, 0.01);
    let said = record.notes.iter().find(|note| note.text.contains("the most that was asked for (")).unwrap();
    assert!(
        said.text.contains("selectors 0.02 % of the read voltage, sinh cells 0.01 1/V)"),
        "{}",
        said.text
    );
}

/// Smoke runs of `selector` have transistors and crooked cells alone.
#[test]
fn every_kind_of_selector_costs_a_network_something() {
    let study = neurohm_study::find(REGISTRY, "selector").unwrap();
    let set = [
        "chips=1",
        "chip.device=generic",
        "config.kinds=[\"exponential\", \"diode\", \"threshold\"]",
        "config.parts=[0.1, 0.9]",
    ];
    let watch = Honest::default();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let finding = pool.install(|| execute(study, &smoke(study, &set, false), &Disk, &watch)).unwrap();
        Record { wall_s: 0.0, ..finding.record }
    };
    let record = with(1);
    assert_eq!(record, with(2));
    watch.settle();
    assert_eq!(watch.overrun.into_inner(), 0);
    assert_eq!((record.tables[0].rows.len(), record.maps.len()), (8, 1));
    let errors = record.series.iter().find(|s| s.name == "output_error_over_part").unwrap();
    let names: Vec<&str> = errors.lines.iter().map(|line| line.name.as_str()).collect();
    let kinds = [
        "transistor",
        "exponential",
        "exponential, predistorted",
        "diode",
        "diode, predistorted",
        "threshold",
    ];
    // Behind them stands the same with ideal devices.
    assert_eq!(names[..kinds.len()], kinds);
    let without = record.scalars["output_error"].value;
    for line in &errors.lines[..kinds.len()] {
        assert!(line.y[1] > line.y[0] && line.y[1] > 1.5 * without, "{}: {without} {:?}", line.name, line.y);
    }
}

/// Another value for every section of a chip.
const CHANGES: [(&str, &str); 11] = [
    ("device", "chip.device=generic"),
    ("tile", "chip.tile.rows=8"),
    ("mapping", "chip.mapping.devices_per_polarity=2"),
    ("wires", "chip.wires={resistive = {word_segment = \"20 ohm\", bit_segment = \"20 ohm\"}}"),
    ("cells", "chip.cells.conduction={sinh = {per_v = 8.0}}"),
    ("dac", "chip.dac={ideal = {}}"),
    ("adc", "chip.adc={ideal = {}}"),
    ("output_noise", "chip.output_noise=0.11"),
    ("input_noise", "chip.input_noise=0.11"),
    ("read", "chip.read.voltage=0.4 V"),
    ("drift_compensation", "chip.drift_compensation={none = {}}"),
];

#[test]
fn a_study_uses_what_it_says_and_nothing_else() {
    let sections: BTreeSet<String> = match serde_json::to_value(chip_preset("default").unwrap()).unwrap() {
        serde_json::Value::Object(map) => map.into_iter().map(|(k, _)| k).collect(),
        other => panic!("a chip is a table, not {other}"),
    };
    let words = ["name", "title", "source", "differences"];
    let known: BTreeSet<String> = CHANGES.iter().map(|c| c.0).chain(words).map(str::to_string).collect();
    assert_eq!(sections, known, "the chip has a section that this test does not change");
    for study in quick() {
        let plain = smoke(*study, &[], false);
        let before = found(run(*study, &plain));
        let uses = study.uses(&plain.config).unwrap();
        for (section, change) in CHANGES {
            // Changed behind the engine's back, which would refuse a section without effect.
            let mut chip: ChipSpec = plain.chip.clone();
            let (path, value) = change.strip_prefix("chip.").unwrap().split_once('=').unwrap();
            chip.set(path, value, &|_| Err(String::new())).unwrap();
            let after = found(run(*study, &Request { chip, ..plain.clone() }));
            assert_eq!(after != before, uses.contains(&section), "{} and {section}", study.name());
        }
    }
}

/// Settings that some chips make idle, each with two values of which at least one is another than the chip's own.
const IDLE: [(&str, [&str; 2]); 6] = [
    ("read.voltage", ["0.2 V", "0.4 V"]),
    ("read.integration_time", ["100 ns", "1 us"]),
    ("read.noise", ["{frozen = {}}", "{split.window = \"1 ms\"}"]),
    ("drift_compensation", ["{none = {}}", "{global.probes = 16}"]),
    ("mapping.per", ["tile", "column"]),
    ("device.cell.g_max", ["25 uS", "50 uS"]),
];

#[test]
fn a_setting_is_refused_where_it_changes_nothing_and_only_there() {
    let study = neurohm_study::find(REGISTRY, "mvm").unwrap();
    let bent =
        "chip.adc.uniform={resolution.bits = 6, range.fixed.bound = 4.0, mismatch.unit_capacitor = 0.1}";
    let chips: [(&str, &[&str]); 7] = [
        ("ideal", &[bent]),
        ("ideal", &[]),
        ("default", &[]),
        ("default", &["chip.device=ideal"]),
        ("ideal", &["chip.adc.uniform={resolution.bits = 6, range.fixed.bound = 4.0}"]),
        ("ideal", &["chip.device=generic", "chip.device.noise={ideal = {}}"]),
        ("ideal", &["chip.output_noise=0.1"]),
    ];
    for (chip, set) in chips {
        let draft = |more: &[&str]| Draft {
            study: Some("mvm".into()),
            effort: Effort::Smoke,
            chip: Some(chip.into()),
            chips: Some(1),
            ablate: Some(false),
            set: set.iter().chain(more).map(|s| s.to_string()).collect(),
            ..Draft::default()
        };
        let (_, plain) = draft(&[]).resolve(REGISTRY, &Disk).unwrap();
        for (path, values) in IDLE {
            let [one, other] = values.map(|value| {
                let mut chip = plain.chip.clone();
                chip.set(path, value, &|_| Err(String::new())).unwrap();
                let mut record = run(study, &Request { chip, ..plain.clone() });
                // Probes are read and counted even where they find nothing.
                if path == "drift_compensation" {
                    record.tally.clear();
                }
                found(record)
            });
            let refusals = values.map(|value| {
                let asked = format!("chip.{path}={value}");
                draft(&[asked.as_str()]).resolve(REGISTRY, &Disk).map(|_| ()).err().map(|e| e.to_string())
            });
            for refusal in refusals {
                assert_eq!(one != other, refusal.is_none(), "{path} on {chip} with {set:?}: {refusal:?}");
                if let Some(text) = refusal {
                    assert!(text.starts_with(&format!("--set chip.{path}=")), "{text}");
                    assert!(text.contains("this has no effect: ") && text.contains("take it out"), "{text}");
                }
            }
        }
    }
}

/// Every setting of converters that differ, with another value.
const CONVERTERS: [(&str, &str); 7] = [
    ("unit_capacitor", "0.2"),
    ("offset_lsb", "1.0"),
    ("gain", "0.05"),
    ("redundancy", "1"),
    ("columns_per_converter", "8"),
    ("calibration", "{averages = 4, noise_lsb = 0.5}"),
    ("calibration", "{averages = 16, noise_lsb = 0.5}"),
];

#[test]
fn converters_that_differ_more_give_worse_products_and_each_of_their_settings_counts() {
    let study = neurohm_study::find(REGISTRY, "mvm").unwrap();
    let run = |more: &[&str]| {
        let adc = "chip.adc.uniform={resolution.bits = 8, range.fixed.bound = 4.0}";
        let set: Vec<String> = [adc].iter().chain(more).map(|s| (*s).to_string()).collect();
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        run(study, &smoke(study, &[&["chip.preset=ideal"], &set[..]].concat(), false))
    };
    let mismatch = |field: &str, value: &str| format!("chip.adc.uniform.mismatch.{field}={value}");
    let error = |record: &Record| record.scalars[&record.merit].value;
    let errors: Vec<f64> =
        ["0.001", "0.05", "0.2"].map(|spread| error(&run(&[&mismatch("unit_capacitor", spread)]))).to_vec();
    let ideal = error(&run(&[]));
    assert!((errors[0] / ideal - 1.0).abs() < 0.02, "{ideal} {errors:?}");
    assert!(errors[1] > 1.2 * errors[0] && errors[2] > 1.5 * errors[1], "{errors:?}");
    let base = mismatch("unit_capacitor", "0.1");
    let mut seen = BTreeSet::from([found(run(&[&base]))]);
    for (field, value) in CONVERTERS {
        assert!(seen.insert(found(run(&[&base, &mismatch(field, value)]))), "{field} = {value}");
    }
}

#[test]
fn settings_of_a_chip_that_need_each_other_are_read_together() {
    let chip = |set: &[&str]| {
        let draft = Draft {
            study: Some("mvm".into()),
            set: set.iter().map(|s| s.to_string()).collect(),
            ..Draft::default()
        };
        draft.resolve(REGISTRY, &Disk).map(|(_, request)| request.chip).map_err(|e| e.to_string())
    };
    // Either alone leaves no range between the two ends; both together do.
    let (low, high) = ("chip.device.cell.g_min=30 uS", "chip.device.cell.g_max=40 uS");
    for set in [[low, high], [high, low]] {
        assert_eq!(chip(&set).unwrap().device.cell.as_ref().unwrap().g_max_s, 40e-6);
    }
    let alone = chip(&[low, "chip.tile.rows=64"]).unwrap_err();
    assert!(alone.starts_with(&format!("--set {low}: chip.device.cell.g_max: ")), "{alone}");
    let one = "chip.adc.uniform.resolution.bits=6";
    let ideal = ["chip.preset=ideal", one];
    assert!(chip(&ideal).unwrap_err().starts_with(&format!("--set {one}: chip.adc.uniform: missing field")));
    let whole = ["chip.preset=ideal", one, "chip.adc.uniform.range.fixed.bound=4.0"];
    assert!(chip(&whole).is_ok(), "{:?}", chip(&whole));
}

#[test]
fn every_study_runs_on_every_device() {
    for study in quick() {
        let presets = neurohm_device::presets().iter();
        for preset in presets.filter(|p| neurohm_device::preset(p.name).unwrap().cell.is_some()) {
            let request = smoke(*study, &[&format!("chip.device={}", preset.name)], true);
            let r = run(*study, &request);
            assert_eq!((r.study.as_str(), r.device.as_str()), (study.name(), preset.name));
            let merit = &r.scalars[&r.merit];
            assert!(merit.ideal.is_some() && merit.ci95.is_some() && r.target.is_some());
            let finite = r.scalars.values().all(|s| s.value.is_finite());
            // Those that are about time or teams have nothing to lay out on two axes.
            let drawn = !r.maps.is_empty() || ["upkeep", "committee"].contains(&study.name());
            assert!(finite && !r.series.is_empty() && !r.tables.is_empty() && drawn, "{}", study.name());
            for s in &r.series {
                let points = s.lines.iter().flat_map(|l| l.x.iter().chain(&l.y).chain(&l.low).chain(&l.high));
                assert!(
                    points.into_iter().all(|v| v.is_finite()),
                    "{} {} {}",
                    study.name(),
                    preset.name,
                    s.name
                );
            }
            let paths: BTreeSet<&str> = r.ablation.iter().map(|a| a.path.as_str()).collect();
            let ablated = paths.contains("adc") && paths.contains("output_noise");
            assert_eq!(ablated, study.ablates(), "{paths:?}");
            // What is written reads back.
            let text = serde_json::to_string(&r).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), r);
        }
    }
}

#[test]
fn a_description_runs_again_to_the_same_record() {
    for study in quick() {
        let first = run(*study, &smoke(*study, &["chip.device=reram_cmo", "chip.output_noise=0.1"], false));
        let draft = Draft {
            document: Some((first.description.clone(), "description.toml".into())),
            ..Draft::default()
        };
        let (again, request) = draft.resolve(REGISTRY, &Disk).unwrap();
        assert_eq!(run(again, &request), first);
    }
}

#[test]
fn the_merit_alone_is_the_same_to_the_bit() {
    for study in quick() {
        let lasts = study.config(Effort::Smoke).unwrap().get("times").is_some();
        let times: &[&str] = if lasts { &["config.times=[\"20 s\", \"1 h\", \"1 day\"]"] } else { &[] };
        let request = smoke(*study, times, false);
        let root = Key::root(1);
        let shared = Run::new(root, 0, &Unwatched);
        let trials = study.prepare(&request.config, &Disk, &shared).unwrap();
        let run = Run::new(root.child("chip", 1), 1, &Unwatched);
        let whole = trials.trial(&request.chip, &run).unwrap();
        let alone = trials.trial(&request.chip, &run.for_merit()).unwrap();
        let merit = trials.merit();
        assert_eq!(
            whole.scalars[merit].value.to_bits(),
            alone.scalars[merit].value.to_bits(),
            "{}",
            study.name()
        );
        assert!(alone.series.is_empty() && alone.maps.is_empty());
    }
}

struct StopAt(AtomicU64);

impl Watch for StopAt {
    fn step(&self, _done: u64) -> Result<(), Cancelled> {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 0 { Err(Cancelled) } else { Ok(()) }
    }
}

#[test]
fn a_cancelled_run_leaves_no_folder_and_says_what_is_missing() {
    for study in quick() {
        let request = smoke(*study, &[], true);
        for after in [0, 1, 7, 40] {
            let tmp = tempfile::tempdir().unwrap();
            let dir = tmp.path().join("run");
            let folder = RunFolder::open(&dir).unwrap();
            let result = execute(*study, &request, &Disk, &StopAt(after.into()));
            match result {
                Err(StudyError::Cancelled) => {}
                // Chips that were finished are kept, and the record says that there are no more.
                Ok(finding) if after > 1 => assert!(finding.record.cut_short.is_some(), "{}", study.name()),
                other => panic!("{} after {after}: {other:?}", study.name()),
            }
            drop(folder);
            assert!(!dir.exists());
        }
    }
}

/// Counts progress against what was announced.
#[derive(Default)]
struct Honest {
    done: AtomicU64,
    total: AtomicU64,
    overrun: AtomicU64,
}

impl Honest {
    fn settle(&self) {
        let (done, total) = (self.done.swap(0, Ordering::Relaxed), self.total.load(Ordering::Relaxed));
        if total > 0 && done != total {
            self.overrun.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Watch for Honest {
    fn step(&self, done: u64) -> Result<(), Cancelled> {
        self.done.fetch_add(done, Ordering::Relaxed);
        Ok(())
    }
    fn begin(&self, _what: &str, total: Option<u64>) {
        self.settle();
        self.total.store(total.unwrap_or(0), Ordering::Relaxed);
    }
}

#[test]
fn progress_ends_where_it_was_announced_to() {
    for study in quick() {
        let watch = Honest::default();
        execute(*study, &smoke(*study, &[], true), &Disk, &watch).unwrap();
        watch.settle();
        assert_eq!(watch.overrun.into_inner(), 0, "{}", study.name());
    }
}

/// A changed default or id must come with a new revision of the study: then, and only then, may this change.
#[test]
fn defaults_and_ids_stay() {
    let list: Vec<String> = REGISTRY
        .iter()
        .map(|study| {
            let draft = Draft {
                study: Some(study.name().to_string()),
                chip: Some("ideal".into()),
                set: vec!["chip.output_noise=0.25".into(), "seed=7".into()],
                ..Draft::default()
            };
            let (_, request) = draft.resolve(REGISTRY, &Disk).unwrap();
            let id = request.id(*study, &serde_json::json!({})).unwrap();
            let configs = [Effort::Quick, Effort::Full].map(|e| study.config(e).unwrap().to_string());
            format!("{} r{} {id}\n{}\n{}", study.name(), study.revision(), configs[0], configs[1])
        })
        .collect();
    let held = include_str!("defaults.txt").trim_end();
    assert_eq!(list.join("\n"), held);
}
