//! What is kept, whatever happens.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use neurohm_num::{Cancelled, Unwatched, Watch};
use neurohm_study::StudyError;
use neurohm_study::sweep::{self, Done, Job, Local, State, Status};

use super::ruler::Files;
use super::{plan, run};

const AXES: &str = "[[axis]]\npath = \"chip.output_noise\"\nvalues = [0.01, 0.02]\n[[axis]]\npath = \"seed\"\nfrom = 1\nto = 5\n";

/// Names and contents of the results, without what a clock said.
fn results(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir.join("results")).unwrap().map(|e| e.unwrap().path());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| {
            let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
            for varying in ["wall_s", "digest", "bytes"] {
                value.as_object_mut().unwrap().remove(varying);
            }
            value.to_string()
        });
        (path.file_name().unwrap().to_string_lossy().into_owned(), lines.collect::<Vec<_>>().join("\n"))
    };
    entries.map(read).collect()
}

#[test]
fn chunks_are_done_once_and_again_to_the_same_bits() {
    let [a, b] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let planned = plan(&format!("{AXES}[sweep]\nchunk = 3\n")).unwrap();
    let files = Files::default();
    for dir in [&a, &b] {
        planned.save(dir.path()).unwrap();
    }
    let status = run(&planned, a.path(), &files).unwrap();
    assert_eq!((status.count(State::Done), status.chunks_done, status.chunks), (10, 4, 4));
    // One by one, in another order, some of them twice.
    let job = Job::new(&planned, b.path(), &files, false).unwrap();
    for chunk in [3, 1, 1, 0, 2, 3] {
        let before = job.chunk(chunk, &Unwatched).unwrap();
        let points = if chunk == 3 { 1 } else { 3 };
        assert_eq!((before.points, before.failed), (points, 0));
    }
    assert_eq!(results(a.path()), results(b.path()));
    assert_eq!(job.chunk(2, &Unwatched).unwrap(), Done { points: 3, failed: 0, before: true });
    let e = job.chunk(4, &Unwatched).unwrap_err().to_string();
    assert_eq!(e, "there is no chunk 4: the plan has 4, from 0 to 3");
}

#[test]
fn two_runs_at_once_give_every_point_once() {
    let [a, b] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let planned = plan(AXES).unwrap();
    planned.save(a.path()).unwrap();
    planned.save(b.path()).unwrap();
    run(&planned, b.path(), &Files::default()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let own = plan(AXES).unwrap();
                run(&own, a.path(), &Files::default()).unwrap();
            });
        }
    });
    assert_eq!(results(a.path()), results(b.path()));
    assert_eq!(results(a.path()).len(), 10, "nothing else lies there");
}

/// Stops after so many points.
struct After(AtomicU64);

impl Watch for After {
    fn step(&self, done: u64) -> Result<(), Cancelled> {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(done), Ordering::Relaxed);
        if left == 0 { Err(Cancelled) } else { Ok(()) }
    }
}

#[test]
fn an_interrupt_keeps_what_was_finished_and_going_on_needs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(AXES).unwrap();
    planned.save(dir.path()).unwrap();
    let files = Files::default();
    let job = Job::new(&planned, dir.path(), &files, false).unwrap();
    let stopped = sweep::run(&Local, &job, &After(AtomicU64::new(4)));
    assert!(matches!(stopped, Err(StudyError::Cancelled)));
    let status = Status::of(&planned, dir.path()).unwrap();
    let kept = status.count(State::Done);
    assert!((1..10).contains(&kept), "{kept}");
    let before = results(dir.path());
    assert_eq!(run(&planned, dir.path(), &files).unwrap().count(State::Done), 10);
    let after = results(dir.path());
    assert!(before.iter().all(|(name, text)| after[name] == *text));
}

#[test]
fn damaged_and_foreign_files_are_told_and_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(AXES).unwrap();
    planned.save(dir.path()).unwrap();
    run(&planned, dir.path(), &Files::default()).unwrap();
    let whole = results(dir.path());
    let names: Vec<PathBuf> = whole.keys().map(|name| dir.path().join("results").join(name)).collect();
    let text = fs::read_to_string(&names[0]).unwrap();
    fs::write(&names[0], &text[..text.len() - 9]).unwrap();
    fs::write(&names[1], "").unwrap();
    fs::copy(&names[3], &names[2]).unwrap();
    fs::write(dir.path().join("results/notes.txt"), "mine").unwrap();
    fs::write(dir.path().join("results/0123456789abcdef.jsonl"), "{}\n").unwrap();
    let status = Status::of(&planned, dir.path()).unwrap();
    assert_eq!((status.count(State::Done), status.count(State::Open)), (7, 3));
    let said: Vec<&str> = status.damaged.iter().map(|(_, problem)| problem.as_str()).collect();
    for part in ["bytes", "ends within its first line", "it is the result of chunk"] {
        assert!(said.iter().any(|said| said.contains(part)), "{said:?}");
    }
    assert_eq!(status.foreign.len(), 2);
    // A byte within, which the first line does not tell of: whoever uses the numbers finds it.
    let text = fs::read_to_string(&names[4]).unwrap();
    let digit = text.rfind("\"v\":").unwrap() + 5;
    let other = if &text[digit..=digit] == "1" { "2" } else { "1" };
    fs::write(&names[4], format!("{}{other}{}", &text[..digit], &text[digit + 1..])).unwrap();
    let collected = sweep::collect(&planned, dir.path(), &[], "").unwrap();
    assert_eq!((collected.open, collected.damaged.len()), (4, 4));
    assert!(
        collected.finding.record.cut_short.as_ref().unwrap().starts_with("4 of 10 points have no result yet")
    );

    assert_eq!(run(&planned, dir.path(), &Files::default()).unwrap().count(State::Done), 10);
    fs::remove_file(dir.path().join("results/0123456789abcdef.jsonl")).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("results/notes.txt")).unwrap(), "mine");
    fs::remove_file(dir.path().join("results/notes.txt")).unwrap();
    assert_eq!(results(dir.path()), whole);
}

#[test]
fn a_point_that_fails_does_not_stop_the_others() {
    let breaking = |how: &str| format!("[config]\nbreaks = \"{how}\"\n{AXES}");
    for (how, reason) in [("by_error", "the ruler broke"), ("by_panic", "\"the ruler burst\"")] {
        let dir = tempfile::tempdir().unwrap();
        let planned = plan(&breaking(how)).unwrap();
        planned.save(dir.path()).unwrap();
        let status = run(&planned, dir.path(), &Files::default()).unwrap();
        assert_eq!((status.count(State::Done), status.count(State::Failed)), (5, 5));
        assert!(status.failed.iter().all(|failed| failed.point >= 5 && failed.reason.contains(reason)));
        let collected = sweep::collect(&planned, dir.path(), &[], "").unwrap();
        assert_eq!((collected.open, collected.failed), (0, 5));
        let record = collected.finding.record;
        assert!(
            record.notes.iter().any(|note| note.text.starts_with("5 of 10 points failed")),
            "{:?}",
            record.notes
        );
        assert!(record.tables.iter().any(|table| table.name == "failed" && table.rows.len() == 5));
    }
}

#[test]
fn what_points_share_is_prepared_once_and_a_missing_file_fails_the_run() {
    let shared = format!("[config]\nfile = \"scale\"\n{AXES}");
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(&shared).unwrap();
    planned.save(dir.path()).unwrap();
    let e = run(&planned, dir.path(), &Files::default()).unwrap_err();
    assert_eq!(e.to_string(), "cannot read scale: no such file");
    assert_eq!(Status::of(&planned, dir.path()).unwrap().count(State::Open), 10);
    let files = Files::of([("scale", "3.0")]);
    run(&planned, dir.path(), &files).unwrap();
    assert_eq!(files.reads("scale"), 1);

    // Two of them, one of which is missing: its points fail, and are tried again where that is asked.
    let two = format!(
        "{AXES}[[axis]]\npath = \"config.file\"\nvalues = [\"scale\", \"other\"]\n[sweep]\nchunk = 4\n"
    );
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(&two).unwrap();
    assert_eq!(planned.preparations(), 2);
    planned.save(dir.path()).unwrap();
    let files = Files::of([("scale", "3.0")]);
    let status = run(&planned, dir.path(), &files).unwrap();
    assert_eq!((status.count(State::Done), status.count(State::Failed), files.reads("scale")), (10, 10, 1));
    let files = Files::of([("scale", "3.0"), ("other", "4.0")]);
    assert_eq!(run(&planned, dir.path(), &files).unwrap().count(State::Failed), 10);
    let job = Job::new(&planned, dir.path(), &files, true).unwrap();
    let status = sweep::run(&Local, &job, &Unwatched).unwrap();
    assert_eq!((status.count(State::Done), status.count(State::Failed), files.reads("other")), (20, 0, 1));
}

#[test]
fn results_from_a_file_that_changed_are_not_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(&format!("[config]\nfile = \"scale\"\n{AXES}")).unwrap();
    planned.save(dir.path()).unwrap();
    for (chunk, scale) in [(0, "3.0"), (1, "4.0")] {
        let files = Files::of([("scale", scale)]);
        Job::new(&planned, dir.path(), &files, false).unwrap().chunk(chunk, &Unwatched).unwrap();
    }
    let e = sweep::collect(&planned, dir.path(), &[], "").unwrap_err().to_string();
    assert!(e.starts_with("scale changed while the sweep ran") && e.contains("take the results away"), "{e}");
}

/// A folder in the place of a result refuses what a full disk would: nothing is left behind, and the rest stays.
#[test]
fn a_result_that_cannot_be_written_ends_the_run_and_keeps_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(AXES).unwrap();
    planned.save(dir.path()).unwrap();
    run(&planned, dir.path(), &Files::default()).unwrap();
    let name = results(dir.path()).into_keys().next().unwrap();
    let path = dir.path().join("results").join(&name);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let e = run(&planned, dir.path(), &Files::default()).unwrap_err();
    assert!(!e.is_request() && e.to_string().contains("a folder of that name is in the way"), "{e}");
    assert_eq!(Status::of(&planned, dir.path()).unwrap().count(State::Done), 9);
    assert_eq!(fs::read_dir(dir.path().join("results")).unwrap().count(), 10);
}
