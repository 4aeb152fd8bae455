//! Writing into arrays at the command line.

use std::path::Path;

use serde_json::Value;

use super::crossbar::{npy, read};
use super::{files, folder, run, text};

const WIRES: [&str; 4] = ["--word-line-ohm", "1", "--bit-line-ohm", "1"];

fn crossbar(dir: &Path, options: &[&str]) -> Value {
    let args = ["crossbar"].into_iter().chain(options.iter().copied()).chain(WIRES).chain(["--json"]);
    let out = run(dir, args.collect::<Vec<&str>>());
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn refused(dir: &Path, options: &[&str]) -> String {
    let args = ["crossbar"].into_iter().chain(options.iter().copied()).chain(WIRES);
    let out = run(dir, args.collect::<Vec<&str>>());
    assert_eq!(out.status.code(), Some(2), "{}", text(&out.stderr));
    text(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ").replace(" │ ", " ")
}

fn scalar(record: &Value, name: &str) -> f64 {
    record["scalars"][name]["value"].as_f64().unwrap_or(f64::NAN)
}

#[test]
fn a_pattern_is_written_and_its_arrays_say_how() {
    let dir = folder();
    let nan = f64::NAN;
    npy(dir.path(), "P.npy", true, "(2, 3)", &[1.0, 0.0, nan, 1.0, 0.0, nan]);
    let pattern = ["write", "stanford_pku_v1", "--pattern", "P.npy", "--out", "o"];
    let record = crossbar(dir.path(), &pattern);
    assert_eq!(scalar(&record, "reached"), 100.0, "{record}");
    assert!(scalar(&record, "disturbed") < 1e-3 && scalar(&record, "energy") > 0.0);
    assert!((90.0..100.0).contains(&scalar(&record, "delivered")), "{record}");
    let at = |name: &str| read(&dir.path().join("o").join(name));
    let (before, after) = (at("conductance_before_s.npy"), at("conductance_s.npy"));
    let (pulses, delivered) = (at("pulses.npy"), at("delivered_v.npy"));
    assert_eq!(after.0, "(2, 3)");
    // In Fortran order: rows 1, nan, 0 and 0, 1, nan.
    assert_eq!(pulses.1, [1.0, 0.0, 1.0, 1.0, 1.0, 0.0]);
    for (k, set) in [true, false, false, false, true, false].into_iter().enumerate() {
        let ratio = after.1[k] / before.1[k];
        assert!(if set { ratio > 100.0 } else { (ratio - 1.0).abs() < 1e-3 }, "cell {k}: {ratio}");
        assert_eq!(delivered.1[k] > 1.9, set, "cell {k}");
    }
    assert!(files(&dir.path().join("o")).iter().any(|path| path.ends_with("report.html")));
    let command = record["command"].as_str().unwrap();
    assert!(
        command.contains("crossbar write stanford_pku_v1 --pattern P.npy --word-line-ohm 1"),
        "{command}"
    );
}

#[test]
fn targets_are_reached_by_reads_and_pulses() {
    let dir = folder();
    npy(dir.path(), "G.npy", false, "(1, 2)", &[9e-4, 1.2e-3]);
    let options = ["write", "mean_metastable_switch_knowm", "--targets", "G.npy", "--tolerance", "0.03"];
    let pulses = ["--set-width", "100us", "--reset-width", "100us", "--first", "0.3"];
    let record = crossbar(dir.path(), &[&options[..], &pulses[..]].concat());
    assert_eq!(scalar(&record, "reached"), 100.0, "{record}");
    assert!(scalar(&record, "pulses") >= 1.0 && scalar(&record, "error") < 5.0, "{record}");
}

#[test]
fn disturb_says_after_how_many_writes_a_neighbour_has_moved() {
    let dir = folder();
    let base =
        ["disturb", "mean_metastable_switch_knowm", "--rows", "2", "--columns", "3", "--set-width", "10us"];
    let half = crossbar(dir.path(), &[&base[..], &["--decades", "3"]].concat());
    let third = crossbar(dir.path(), &[&base[..], &["--decades", "3", "--bias", "third"]].concat());
    // Without the number none came that far.
    let writes = |record: &Value| match scalar(record, "writes_to_a_tenth") {
        writes if writes.is_nan() => f64::INFINITY,
        writes => writes,
    };
    assert!(writes(&half) > 1.0 && writes(&half) < 1000.0, "{half}");
    // A third of the voltage moves less than a half, and more than nothing.
    assert!(writes(&third) > writes(&half), "{third}");
    // Cells of other lines see what wires leave of nothing.
    assert!(scalar(&half, "change_others") < 1e-2 * scalar(&half, "change_word_line"), "{half}");
}

/// What has no figure says why.
#[test]
fn where_nothing_else_moves_the_record_says_so() {
    let dir = folder();
    npy(dir.path(), "P.npy", false, "(1, 1)", &[1.0]);
    let notes = |record: &Value| record["notes"].to_string();
    let alone = crossbar(dir.path(), &["write", "vteam_memtorch", "--pattern", "P.npy"]);
    assert_eq!(scalar(&alone, "disturbed"), 0.0, "{alone}");
    assert!(notes(&alone).contains("no figure of disturbed cells"), "{alone}");
    // Far below a threshold nothing moves at all.
    let base = ["disturb", "vteam_memtorch", "--rows", "2", "--columns", "2", "--decades", "1"];
    let weak = crossbar(dir.path(), &[&base[..], &["--set", "10mV"]].concat());
    assert_eq!(scalar(&weak, "change"), 0.0, "{weak}");
    assert!(notes(&weak).contains("no figure of disturbed cells"), "{weak}");
}

#[test]
fn what_cannot_be_written_is_said() {
    let dir = folder();
    npy(dir.path(), "P.npy", false, "(1, 2)", &[1.0, 0.5]);
    npy(dir.path(), "N.npy", false, "(1, 1)", &[f64::NAN]);
    npy(dir.path(), "T.npy", false, "(1, 2)", &[1e-3, -1e-3]);
    let device = ["write", "vteam_memtorch"];
    let with = |more: &[&'static str]| refused(dir.path(), &[&device[..], more].concat());
    assert!(with(&["--pattern", "P.npy"]).contains("P.npy holds 0.5 in row 0, column 1"));
    assert!(with(&["--pattern", "N.npy"]).contains("leaves every cell alone"));
    assert!(with(&["--targets", "T.npy"]).contains("holds -0.001 S in row 0, column 1"));
    assert!(with(&[]).contains("--pattern"));
    let pcm = refused(dir.path(), &["write", "pcm", "--pattern", "P.npy"]);
    assert!(pcm.contains("equations"), "{pcm}");
    let volatile = refused(dir.path(), &["disturb", "nbo2_threshold_usual", "--rows", "2", "--columns", "2"]);
    assert!(volatile.contains("has no RESET"), "{volatile}");
    let threshold = ["--selector", "threshold:on-at=0.5V,hold=1uA,off=1nS,on=1mS"];
    let base = ["disturb", "vteam_memtorch", "--rows", "2", "--columns", "2"];
    assert!(refused(dir.path(), &[&base[..], &threshold].concat()).contains("threshold selectors"));
    let far = refused(dir.path(), &[&base[..], &["--cell", "2,0"]].concat());
    assert!(far.contains("no cell in row 2, column 0"), "{far}");
}
