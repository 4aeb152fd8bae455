//! Ctrl-C: what ends, how soon, and what is kept.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{SMALL, crossbar, files, folder, neurohm, run, text};

fn interrupted(dir: &Path, args: &[&str], sign: Option<&str>) -> (Output, Duration) {
    use std::io::{BufRead, BufReader, Read};
    let mut child = neurohm(dir).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut stdout = child.stdout.take().unwrap();
    // Read beside the other stream: a pipe holds less than a record, and a full one would stop the program.
    let printed = std::thread::spawn(move || {
        let mut printed = Vec::new();
        stdout.read_to_end(&mut printed).unwrap();
        printed
    });
    let mut seen = String::new();
    match sign {
        Some(sign) => {
            while !seen.contains(sign) {
                assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "{seen}");
            }
        }
        None => std::thread::sleep(Duration::from_secs(1)),
    }
    let begun = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    lines.read_to_string(&mut seen).unwrap();
    let mut out = child.wait_with_output().unwrap();
    (out.stdout, out.stderr) = (printed.join().unwrap(), seen.into_bytes());
    (out, begun.elapsed())
}

#[test]
fn an_interrupt_ends_a_run_cleanly() {
    let dir = folder();
    // No chip of this size is finished in a second.
    let args = ["run", "mvm", "--full", "--chips", "1000", "--set=config.size=2048", "--out", "results"];
    let (out, took) = interrupted(dir.path(), &args, None);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("cancelled; nothing was written"), "{}", text(&out.stderr));
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn an_interrupt_ends_the_solution_of_an_array() {
    let dir = folder();
    // Not solved in a second by any build.
    crossbar::npy(dir.path(), "R.npy", false, "(2048, 2048)", &vec![1e4; 2048 * 2048]);
    let args = "crossbar solve --resistance R.npy --effective --word-line-ohm 1 --bit-line-ohm 1 --out o";
    let (out, took) = interrupted(dir.path(), &args.split(' ').collect::<Vec<_>>(), None);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("cancelled; nothing was written"), "{}", text(&out.stderr));
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only what was given is there");
}

#[test]
fn an_interrupt_ends_programming_within_a_second() {
    let dir = folder();
    // Trains of thousands of fine pulses are worked out for each cell.
    let args = ["device", "program", "ecram", "--scheme", "open-loop", "--levels", "4096", "--cells", "2000"];
    let (out, took) = interrupted(dir.path(), &args, None);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("cancelled; nothing was written"), "{}", text(&out.stderr));
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Far more chips than a second is enough for, each of them done in a few milliseconds.
fn many_with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let small = SMALL.into_iter().filter(|arg| !arg.starts_with("--chips"));
    small.chain(["--chips=100000", "--set=config.size=96"]).chain(more.iter().copied()).collect()
}

#[test]
fn an_interrupt_keeps_the_chips_that_were_finished() {
    let dir = folder();
    let (out, _) = interrupted(dir.path(), &many_with(&["--out", "part"]), None);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    let said = text(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("cancelled. The run was cut short after") && said.contains("of 100000"), "{said}");
    assert!(said.contains("what was finished is in part"), "{said}");
    let read = |file: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(dir.path().join(file)).unwrap()).unwrap()
    };
    let part = read("part/run.json");
    let chips = part["chips"].as_u64().unwrap();
    assert!((1..100_000).contains(&chips), "{chips}");
    let note = part["notes"][0]["text"].as_str().unwrap();
    assert!(note.starts_with(&format!("The run was cut short after {chips} of 100000 chips")), "{note}");
    let page = std::fs::read_to_string(dir.path().join("part/report.html")).unwrap();
    assert!(page.contains("The run was cut short after"));
    assert!(!files(dir.path()).iter().any(|f| f.to_string_lossy().contains("unfinished")));

    // What is kept is the record of a run of so many chips: its description gives it again.
    let again = run(dir.path(), ["run", "part/description.toml", "--json"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["scalars"], &again["id"]), (&part["scalars"], &part["id"]));

    // With --json, one value; the exit code and the note say that it is a part.
    let (out, _) = interrupted(dir.path(), &many_with(&["--json"]), None);
    assert_eq!(out.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(value["notes"][0]["text"].as_str().unwrap().contains("cut short"));
}

#[test]
fn an_interrupt_keeps_the_epochs_that_were_finished() {
    let dir = folder();
    let data = "strokes:train=600,test=100,seed=3";
    let args = ["train", "mlp", "--data", data, "--epochs", "5000", "-o", "net.onnx"];
    let (out, _) = interrupted(dir.path(), &args, Some(" 2 of 5000"));
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("is kept in net.onnx"), "{}", text(&out.stderr));
    assert_eq!(files(dir.path()), ["net.onnx", "net.onnx.checkpoint"].map(PathBuf::from));
    assert!(text(&out.stderr).contains("--resume goes on"), "{}", text(&out.stderr));
    let shown = run(dir.path(), ["eval", "net.onnx", "--data", data, "--chip", "ideal", "--json"]);
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
}
