//! The program as a shell sees it: exit codes, what is on which stream, what is on the disk.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

mod converter;
mod cost;
mod crossbar;
mod device;
mod fit;
#[cfg(unix)]
mod interrupt;
mod margin;
mod sweep;
mod train;
mod write;

/// The smallest `mvm` that still is one.
const SMALL: [&str; 9] = [
    "run",
    "mvm",
    "--no-ablation",
    "--set=config.size=16",
    "--set=config.sizes=[16]",
    "--set=config.vectors=8",
    "--set=config.times=[\"20 s\", \"1 day\"]",
    "--set=config.bits=[6]",
    "--chips=2",
];

fn neurohm(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neurohm"));
    command.current_dir(dir).env_remove("NEUROHM_DATA").env_remove("RAYON_NUM_THREADS");
    command
}

fn run<'a>(dir: &Path, args: impl IntoIterator<Item = &'a str>) -> Output {
    neurohm(dir).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Every file below a folder, sorted.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_path_buf()];
    while let Some(at) = waiting.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path)
            } else {
                found.push(path.strip_prefix(dir).unwrap().to_path_buf())
            }
        }
    }
    found.sort();
    found
}

#[test]
fn json_is_one_value_and_results_lie_in_the_folder() {
    let dir = folder();
    let out = run(dir.path(), SMALL.into_iter().chain(["--json", "--out", "here/deep", "--seed", "7"]));
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let value: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&value["study"], &value["seed"]), (&"mvm".into(), &7.into()));
    assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
    let merit = &value["scalars"][value["merit"].as_str().unwrap()];
    let [low, high] = [0, 1].map(|i| merit["ci95"][i].as_f64().unwrap());
    assert!((low..=high).contains(&merit["value"].as_f64().unwrap()) && merit["unit"].is_string());
    let command = value["command"].as_str().unwrap();
    assert!(
        command.starts_with("neurohm run mvm ") && command.contains("--seed 7") && !command.contains("--out")
    );

    let here = dir.path().join("here/deep");
    let names = files(&here);
    for expected in ["report.html", "run.json", "description.toml"] {
        assert!(names.contains(&PathBuf::from(expected)), "{names:?}");
    }
    assert!(names.iter().any(|name| name.extension().is_some_and(|e| e == "csv")), "{names:?}");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(here.join("run.json")).unwrap()).unwrap();
    assert_eq!(kept, value);
}

#[test]
fn json_alone_writes_no_file() {
    let dir = folder();
    let out = run(dir.path(), SMALL.into_iter().chain(["--json"]));
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(files(dir.path()), Vec::<PathBuf>::new());
}

#[test]
fn the_resolved_description_gives_the_same_again_and_threads_change_nothing() {
    let dir = folder();
    let numbers = |out: Output| {
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let mut value: Value = serde_json::from_slice(&out.stdout).unwrap();
        for varying in ["wall_s", "command"] {
            value.as_object_mut().unwrap().remove(varying);
        }
        value
    };
    let one = numbers(run(dir.path(), SMALL.into_iter().chain(["--json", "--threads", "1", "--out", "a"])));
    let two = numbers(run(dir.path(), SMALL.into_iter().chain(["--json", "--threads", "2"])));
    assert_eq!(one, two);
    let again = numbers(run(dir.path(), ["run", "a/description.toml", "--json"]));
    assert_eq!(one, again);
    let environment =
        neurohm(dir.path()).args(SMALL).arg("--json").env("RAYON_NUM_THREADS", "1").output().unwrap();
    assert_eq!(one, numbers(environment));
}

#[test]
fn a_person_reads_a_table_without_colours_in_a_pipe() {
    let dir = folder();
    let out = run(dir.path(), SMALL);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let shown = text(&out.stdout);
    let merit = "relative error of y = x W";
    assert_eq!(shown.matches(merit).count(), 1, "{shown}");
    assert!(shown.contains(" ± ") && shown.contains("ideal") && !shown.contains('\u{1b}'), "{shown}");
    assert!(text(&out.stderr).contains("Wrote mvm/report.html"), "{}", text(&out.stderr));
    assert!(dir.path().join("mvm/report.html").is_file());
    let quiet = run(dir.path(), SMALL.into_iter().chain(["--quiet"]));
    assert_eq!(text(&quiet.stderr), "");
    assert_eq!(quiet.stdout, out.stdout);
}

#[test]
fn a_score_holds_a_row_a_study() {
    let dir = folder();
    let args = ["score", "ideal", "--no-ablation", "--chips", "2", "--json", "--out", "card"];
    let out = run(dir.path(), args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let value: Value = serde_json::from_slice(&out.stdout).unwrap();
    let rows = value["rows"].as_array().unwrap();
    let studies: Vec<&str> = rows.iter().map(|row| row["study"].as_str().unwrap()).collect();
    let applications = ["mvm", "inference", "upkeep", "committee", "wires", "selector"];
    let all = ["datasheet"].into_iter().chain(applications).chain(["price", "margin"]);
    assert_eq!(studies, all.collect::<Vec<_>>());
    for row in rows {
        assert!(row["scalars"][row["merit"].as_str().unwrap()]["value"].is_number(), "{}", row["study"]);
    }
    let sheet = &rows[0]["datasheet"];
    let found = |list: &str, key: &str, name: &str| {
        let all = sheet[list].as_array().unwrap();
        all.iter().find(|one| one[key] == name).unwrap_or_else(|| panic!("{name} in {list}")).clone()
    };
    assert_eq!(found("properties", "name", "levels")["status"], "unbounded");
    assert_eq!(found("properties", "name", "endurance_half")["status"], "not_measured");
    let logic = found("requirements", "property", "endurance_half");
    assert_eq!(
        (&logic["application"], &logic["verdict"]),
        (&"In-memory logic".into(), &"not measured".into())
    );
    let page = std::fs::read_to_string(dir.path().join("card/report.html")).unwrap();
    assert!(page.contains("Report card"));
    // What belongs to a study lies with it.
    let card = dir.path().join("card");
    assert!(card.join("inference/outputs.npy").is_file() && !card.join("outputs.npy").exists());

    let again = run(dir.path(), ["report", "card", "--out", "again"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert_eq!(text(&again.stdout), "again/report.html\n");
    assert_eq!(std::fs::read_to_string(dir.path().join("again/report.html")).unwrap(), page);
}

#[test]
fn a_network_is_trained_written_and_run() {
    let dir = folder();
    let data = "strokes:train=600,test=200,seed=3";
    let args = ["train", "mlp", "--data", data, "--epochs", "2", "-o", "net.onnx", "--json"];
    let out = run(dir.path(), args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let trained: Value = serde_json::from_slice(&out.stdout).unwrap();
    let accuracy = trained["scalars"]["test_accuracy"]["value"].as_f64().unwrap();
    assert!(accuracy > 30.0, "{accuracy} % after two epochs");
    assert!(text(&out.stderr).contains("epoch 2 of 2"), "{}", text(&out.stderr));

    let out =
        run(dir.path(), ["eval", "net.onnx", "--data", data, "--chip", "ideal", "--json", "--out", "e"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let evaluated: Value = serde_json::from_slice(&out.stdout).unwrap();
    // People read every number once, also where its name is given twice.
    let args = ["eval", "net.onnx", "--data", data, "--chip", "ideal", "--quiet", "--out", "q"];
    let shown = run(dir.path(), args);
    let row = "test samples classified rightly, 1 day after programming";
    assert_eq!(text(&shown.stdout).matches(row).count(), 1, "{}", text(&shown.stdout));
    let on_chip = evaluated["scalars"]["accuracy"]["value"].as_f64().unwrap();
    assert!((on_chip - accuracy).abs() < 1e-9, "{on_chip} % on an ideal chip, {accuracy} % digitally");
    let outputs = std::fs::read(dir.path().join("e/outputs.npy")).unwrap();
    assert!(
        outputs.starts_with(b"\x93NUMPY") && String::from_utf8_lossy(&outputs[..80]).contains("(200, 10)")
    );
}

#[test]
fn wrong_requests_leave_nothing_behind() {
    let dir = folder();
    let wrong: [&[&str]; 8] = [
        &["score", "pmc"],
        &["run", "mvmm"],
        &["run", "mvm", "--set", "chip.adcc=1"],
        &["run", "missing.toml"],
        &["eval", "missing.onnx", "--data", "strokes"],
        &["train", "mlp", "--data", "mnist:missing"],
        &["report", "missing"],
        &["run", "mvm", "--threads", "0"],
    ];
    for args in wrong {
        let out = run(dir.path(), args.iter().copied());
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", text(&out.stderr));
        assert!(out.stdout.is_empty() && !out.stderr.is_empty(), "{args:?}");
        assert!(!text(&out.stderr).contains("panicked"), "{args:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{args:?}");
    }
}

#[test]
fn a_number_of_threads_in_the_environment_is_read_or_refused() {
    let dir = folder();
    let with = |threads: &str, more: &[&str]| {
        let args = SMALL.into_iter().chain(["--json"]).chain(more.iter().copied());
        neurohm(dir.path()).args(args).env("RAYON_NUM_THREADS", threads).output().unwrap()
    };
    for wrong in ["abc", "-1", "1.5", "70000"] {
        let out = with(wrong, &[]);
        assert_eq!((out.status.code(), text(&out.stdout)), (Some(2), ""), "{wrong}");
        let said = text(&out.stderr);
        assert!(said.contains(&format!("RAYON_NUM_THREADS is \"{wrong}\"")), "{said}");
    }
    for fine in ["0", "1", ""] {
        assert_eq!(with(fine, &[]).status.code(), Some(0), "{fine:?}");
    }
    // The option goes first, as it does with a number that can be read.
    assert_eq!(with("abc", &["--threads", "1"]).status.code(), Some(0));
}

#[test]
fn a_folder_that_cannot_be_written_is_known_before_the_run() {
    let dir = folder();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for out in ["file", "file/below", "/proc/neurohm"] {
        let begun = Instant::now();
        // Far too much work to be done before the folder is looked at.
        let out = run(dir.path(), ["run", "mvm", "--full", "--chips", "1000", "--out", out]);
        assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
        assert!(text(&out.stderr).contains("cannot write"), "{}", text(&out.stderr));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(files(dir.path()), [PathBuf::from("file")]);
}

#[cfg(unix)]
#[test]
fn nobody_reading_is_no_failure() {
    let dir = folder();
    let script = format!("({} schema; echo \"code $?\" >&2) | head -n 1", env!("CARGO_BIN_EXE_neurohm"));
    let out = Command::new("sh").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    assert_eq!((text(&out.stdout), text(&out.stderr)), ("{\n", "code 0\n"));
}

/// Starts a command, waits until it says `sign` on standard error (or for a second), interrupts it, and waits.
#[test]
fn small_commands_answer_in_both_forms() {
    let dir = folder();
    for args in [&["device", "list"][..], &["device", "show", "reram_cmo"], &["studies"], &["doctor"]] {
        let out = run(dir.path(), args.iter().copied());
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}{}", text(&out.stdout), text(&out.stderr));
        let json = run(dir.path(), args.iter().copied().chain(["--json"]));
        serde_json::from_slice::<Value>(&json.stdout).unwrap();
    }
    for of in ["device", "chip", "technology", "sweep", "mvm", "inference"] {
        let schema: Value = serde_json::from_slice(&run(dir.path(), ["schema", of]).stdout).unwrap();
        assert!(schema["$schema"].is_string() && schema["properties"].is_object(), "{of}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(text(&run(dir.path(), ["completions", shell]).stdout).contains("neurohm"), "{shell}");
    }
}

/// What a person reads who made a mistake.
#[test]
fn mistakes_are_explained() {
    let dir = folder();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file(
        "typo.toml",
        "study = \"mvm\"\nseed = 3\n\n[chip.device]\npreset = \"pcm\"\n\n[config]\nsise = 64\n",
    );
    file("broken.toml", "study = \"mvm\"\n[config\nsize = 64\n");
    file("unit.toml", "study = \"mvm\"\n[config]\nat = \"3 kg\"\n");
    file("device.toml", "name = \"mine\"\n[cell]\ng_min = \"0 S\"\ng_maxx = \"25 uS\"\n");
    file("list.toml", "study = \"mvm\"\n[config]\nsizes = [\n  32,\n  \"a\",\n]\n");
    let cell = "name = \"mine\"\n[cell]\ng_min = \"0 S\"\n";
    file("negative.toml", &format!("{cell}g_max = \"-25 uS\"\n"));
    let drift = |t0: &str, nu: &str| {
        format!(
            "{cell}g_max = \"25 uS\"\n[retention.power_law]\nt0 = \"{t0}\"\nnu_mean = {nu}\nnu_spread.constant = 0.0\n"
        )
    };
    file("at-once.toml", &drift("0 s", "{constant = 0.05}"));
    file("steep.toml", &drift("20 s", "{constant = -1e300}"));
    file("law.toml", &drift("20 s", "{power = {factr = 0.1, exponent = 0.0, high = 1.0}}"));
    file("chip.toml", "study = \"mvm\"\n[chip]\npreset = \"ideal\"\n[chip.read]\nvoltage = \"0.4 V\"\n");
    file("not.onnx", "this is no network");
    file("run.json", "{\"study\": 1}");
    let mistakes: &[&[&str]] = &[
        &["score", "pmc"],
        &["score", "pcm", "--set", "config.size=3"],
        &["run", "mvvm"],
        &["run", "typo.toml"],
        &["run", "broken.toml"],
        &["run", "unit.toml"],
        &["run", "missing.toml"],
        &["run", "mvm", "--device", "device.toml"],
        &["run", "list.toml"],
        &["run", "mvm", "--device", "negative.toml"],
        &["score", "./at-once.toml"],
        &["score", "./steep.toml"],
        &["score", "./law.toml"],
        &["run", "mvm", "--set", "chip.device=./steep.toml"],
        &["run", "chip.toml"],
        &["score", "ideal", "--chip", "ideal", "--set", "chip.drift_compensation=global"],
        &["run", "mvm", "--chip", "ideal", "--set", "chip.adc.uniform.resolution.bits=6", "--seed", "2"],
        &["run", "mvm", "--set", "config.size=0", "--set", "config.vectors=8"],
        &["eval", "not.onnx", "--data", "strokes", "--times", "20parsecs"],
        &["eval", "not.onnx", "--data", "strokes", "--times", "20s,1h", "--at", "1e300s"],
        &["run", "mvm", "--chip", "defualt"],
        &["run", "mvm", "--set", "chip.adc"],
        &["run", "mvm", "--chips", "0"],
        &["eval", "not.onnx", "--data", "strokes"],
        &["eval", "not.onnx", "--data", "minst:here"],
        &["train", "mlp", "--data", "mnist:nowhere"],
        &["train", "mpl", "--data", "strokes"],
        &["report", "run.json"],
    ];
    let mut shown = String::new();
    for args in mistakes {
        let out = run(dir.path(), args.iter().copied());
        let code = out.status.code().unwrap();
        assert!(code == 1 || code == 2, "{args:?}");
        shown += &format!("$ neurohm {}\n{}[exit code {code}]\n\n", args.join(" "), text(&out.stderr));
    }
    insta::assert_snapshot!(shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
}
