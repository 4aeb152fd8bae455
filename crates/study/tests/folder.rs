//! Run folders: whole or not at all.

mod common;

use std::fs;
use std::path::Path;

use common::Toy;
use neurohm_num::Unwatched;
use neurohm_study::{
    AnyStudy, Disk, Draft, Finding, RunFolder, execute, read_run, record::Record, write_run,
};

fn record() -> Record {
    let draft = Draft { study: Some("toy".into()), chip: Some("ideal".into()), ..Draft::default() };
    let studies: &[&dyn AnyStudy] = &[&Toy];
    let (study, request) = draft.resolve(studies, &Disk).unwrap();
    execute(study, &request, &Disk, &Unwatched).unwrap().record
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_reads_back_to_the_bit() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("a/b");
    let r = record();
    let with_file = Finding { files: vec![("outputs.npy".into(), vec![1, 2])], ..Finding::from(r.clone()) };
    write_run(&dir, &[with_file], Some("<p>")).unwrap();
    assert_eq!(names(&dir), ["description.toml", "line.csv", "outputs.npy", "report.html", "run.json"]);
    assert_eq!(read_run(&dir).unwrap(), std::slice::from_ref(&r));
    let json: serde_json::Value = serde_json::from_slice(&fs::read(dir.join("run.json")).unwrap()).unwrap();
    assert_eq!(json["study"], "toy");
    assert!(json["scalars"]["error"]["value"].is_f64() && json["scalars"]["error"]["ci95"][1].is_f64());
    assert!(json["scalars"]["error"]["unit"].is_string());
    assert!(json["seed"].is_u64() && json["version"].is_string());

    // Several records have a folder each and a list of rows; writing again replaces.
    let mut other = r.clone();
    other.study = "other/one".into();
    write_run(&dir, &[r.clone().into(), other.clone().into()], None).unwrap();
    assert_eq!(read_run(&dir).unwrap(), [r, other]);
    assert_eq!(names(&dir.join("other_one")), ["description.toml", "line.csv"]);
}

#[test]
fn a_file_in_the_way_is_named_and_nothing_is_left() {
    let tmp = tempfile::tempdir().unwrap();
    let file = tmp.path().join("file");
    fs::write(&file, "mine").unwrap();
    let e = RunFolder::open(&file).unwrap_err().to_string();
    assert!(e.contains("it is a file, and a folder is needed"), "{e}");
    let e = RunFolder::open(&file.join("below")).unwrap_err().to_string();
    assert!(e.contains("file, not a folder"), "{e}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");

    let dir = tmp.path().join("run");
    fs::create_dir_all(dir.join("run.json")).unwrap();
    let e = write_run(&dir, &[record().into()], Some("<p>")).unwrap_err().to_string();
    assert!(e.contains("a folder of that name is in the way"), "{e}");
    assert_eq!(names(&dir), ["run.json"]);
}

#[test]
fn a_folder_that_was_never_filled_goes_again() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("new/deeper");
    drop(RunFolder::open(&dir).unwrap());
    assert_eq!(names(tmp.path()), Vec::<String>::new());
    fs::create_dir_all(&dir).unwrap();
    drop(RunFolder::open(&dir).unwrap());
    assert!(dir.is_dir(), "a folder that was there before stays");
}

#[test]
fn broken_records_are_refused() {
    let tmp = tempfile::tempdir().unwrap();
    let file = tmp.path().join("run.json");
    for text in ["", "{", "[]", "{\"rows\": 3}", "{\"study\": \"x\"}"] {
        fs::write(&file, text).unwrap();
        let e = read_run(tmp.path()).unwrap_err().to_string();
        assert!(e.contains("run.json"), "{e}");
    }
    assert!(read_run(&tmp.path().join("absent")).is_err());
}
