//! The program as a shell sees it: exit codes, what is on which stream, what is on the disk.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

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
    assert_eq!(studies, ["datasheet", "mvm", "inference"]);
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
fn a_device_of_equations_alone_gets_its_datasheet_and_the_reason_why_no_study_ran() {
    let dir = folder();
    let out = run(dir.path(), ["score", "vteam_memtorch", "--json", "--out", "card"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let value: Value = serde_json::from_slice(&out.stdout).unwrap();
    let rows = value["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    // R_off / R_on of memtorch's set.
    assert!((rows[0]["scalars"]["on_off_ratio"]["value"].as_f64().unwrap() - 20.0).abs() < 0.1);
    let notes = rows[0]["notes"].to_string();
    assert!(notes.contains("No study was run") && notes.contains("neurohm device characterise"), "{notes}");
    let card = dir.path().join("card");
    for name in ["datasheet.csv", "requirements.csv", "description.toml"] {
        assert!(card.join("datasheet").join(name).is_file(), "{name}");
    }
    let shown = run(dir.path(), ["score", "vteam_memtorch", "--out", "card"]);
    let shown = text(&shown.stdout);
    for line in ["On/off ratio", "What applications ask for", "asks for more than 10¹² cycles", "caution:"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[test]
fn a_device_that_is_shown_can_be_scored() {
    let dir = folder();
    let shown = run(dir.path(), ["device", "show", "pcm"]);
    std::fs::write(dir.path().join("mine.toml"), &shown.stdout).unwrap();
    let small = SMALL.into_iter().chain(["--json", "--device"]);
    let scalars = |out: Output| {
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        serde_json::from_slice::<Value>(&out.stdout).unwrap()["scalars"].clone()
    };
    let own = scalars(run(dir.path(), small.clone().chain(["mine.toml"])));
    assert_eq!(own, scalars(run(dir.path(), small.chain(["pcm"]))));
}

#[test]
fn the_command_that_an_experiment_shows_is_that_experiment() {
    for asked in [
        "sweep vteam_memtorch --waveform triangle --amplitude 0.41V --cycles 2 --series-ohm 33 --compliance 7mA --seed 5",
        "sweep tungsten_oxide_chang --frequency 3Hz --samples 300 --read 11mV --no-frequencies",
        "pulse pcm_accumulate --count 7 --devices 50 --seed 3 --devices-per-cell 2",
        "pulse stanford_pku_v1 --count 3 --up-width 70ns --gap 1us",
        "switching stanford_pku_v1 --voltages 3 --longest 1s",
        "cycle stanford_pku_v1 --cycles 3 --temperature 310K",
        "disturb stanford_pku_v1 --read -0.11V --decades 3",
        "retention pcm --devices 20 --time 3h --levels 3",
    ] {
        let dir = folder();
        let record = |words: &[&str], out: &str| -> Value {
            let answer =
                run(dir.path(), ["device"].into_iter().chain(words.iter().copied()).chain(["--out", out]));
            assert!(answer.status.success(), "{asked}: {}", text(&answer.stderr));
            serde_json::from_slice(&std::fs::read(dir.path().join(out).join("run.json")).unwrap()).unwrap()
        };
        let first = record(&asked.split(' ').collect::<Vec<_>>(), "first");
        let command = first["command"].as_str().unwrap();
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[..2], ["neurohm", "device"], "{command}");
        let again = record(&words[2..], "again");
        for what in ["description", "scalars", "series"] {
            assert_eq!(first[what], again[what], "{asked}: {what} by {command}");
        }
    }
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
#[cfg(unix)]
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

#[cfg(unix)]
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

/// Far more chips than a second is enough for, each of them done in a few milliseconds.
#[cfg(unix)]
fn many_with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let small = SMALL.into_iter().filter(|arg| !arg.starts_with("--chips"));
    small.chain(["--chips=100000", "--set=config.size=96"]).chain(more.iter().copied()).collect()
}

#[cfg(unix)]
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

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_epochs_that_were_finished() {
    let dir = folder();
    let data = "strokes:train=600,test=100,seed=3";
    let args = ["train", "mlp", "--data", data, "--epochs", "5000", "-o", "net.onnx"];
    let (out, _) = interrupted(dir.path(), &args, Some(" 2 of 5000"));
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("is kept in net.onnx"), "{}", text(&out.stderr));
    assert_eq!(files(dir.path()), [PathBuf::from("net.onnx")]);
    let shown = run(dir.path(), ["eval", "net.onnx", "--data", data, "--chip", "ideal", "--json"]);
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
}

#[test]
fn small_commands_answer_in_both_forms() {
    let dir = folder();
    for args in [&["device", "list"][..], &["device", "show", "reram_cmo"], &["studies"], &["doctor"]] {
        let out = run(dir.path(), args.iter().copied());
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}{}", text(&out.stdout), text(&out.stderr));
        let json = run(dir.path(), args.iter().copied().chain(["--json"]));
        serde_json::from_slice::<Value>(&json.stdout).unwrap();
    }
    for of in ["device", "chip", "mvm", "inference"] {
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

#[test]
fn cells_that_miss_their_target_are_counted_by_reason() {
    let dir = folder();
    let program = |more: &[&'static str]| -> Value {
        let args = ["device", "program", "pcm_accumulate", "--cells", "50", "--json"];
        let out = run(dir.path(), args.into_iter().chain(more.iter().copied()));
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    };
    for (more, cells) in [(&[][..], 450.0), (&["--levels", "4", "--devices-per-cell", "3"][..], 200.0)] {
        let value = program(more);
        let scalars = value["scalars"].as_object().unwrap();
        let missed: f64 = scalars
            .iter()
            .filter(|(name, _)| name.starts_with("missed_"))
            .map(|(_, scalar)| scalar["value"].as_f64().unwrap())
            .sum();
        let reached = scalars["reached"]["value"].as_f64().unwrap();
        assert!((missed - cells * (1.0 - reached / 100.0)).abs() < 0.5, "{missed} of {cells}, {reached} %");
        // Levels beyond 10.5 uS a device: no mean pulse leads there.
        assert!(scalars["missed_out_of_reach"]["value"].as_f64().unwrap() > 0.1 * cells, "{scalars:?}");
        assert!(value["notes"].to_string().contains("no stimulus moves the nominal device"));
        assert_ne!(value["command"].as_str().unwrap().contains("--devices-per-cell"), more.is_empty());
    }
}

#[test]
fn a_temperature_that_equations_do_not_know_is_refused() {
    let dir = folder();
    for command in ["sweep", "pulse", "switching", "cycle", "disturb", "retention", "characterise", "export"]
    {
        let args = ["device", command, "vteam_memtorch", "--temperature", "400K"];
        let out = run(dir.path(), args.into_iter().chain((command == "export").then_some("--format=spice")));
        assert_eq!(out.status.code(), Some(2), "{command}: {}", text(&out.stderr));
        let message = text(&out.stderr);
        assert!(
            message.contains("--temperature has no effect") && message.contains("stanford_pku"),
            "{message}"
        );
    }
    let known = ["device", "sweep", "stanford_pku_v1", "--temperature", "400K", "--no-frequencies", "--json"];
    let out = run(dir.path(), known);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    // Outside of what is near room temperature.
    assert!(text(&out.stdout).contains("reaches 400 K; the description is stated valid from 290 K to 310 K"));
    let shown = run(dir.path(), ["device", "show", "vteam_memtorch"]);
    assert!(text(&shown.stdout).contains("[valid]\n"), "{}", text(&shown.stdout));
}

#[test]
fn a_drive_that_diverges_leaves_what_was_measured_on_the_disk() {
    let dir = folder();
    let drive =
        "device sweep yakopcic_miao --waveform triangle --amplitude 3kV --frequency 1Hz --no-frequencies";
    let out = run(dir.path(), drive.split(' ').chain(["--out", "loop"]));
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    let message: String = text(&out.stderr).split_whitespace().collect();
    assert!(message.contains("loop/sweep.csv") && message.contains("lastgoodstates"), "{message}");
    let csv = std::fs::read_to_string(dir.path().join("loop/sweep.csv")).unwrap();
    assert!(csv.starts_with("time_s,voltage_v,current_a") && csv.lines().count() > 10, "{csv}");
    assert!(csv.lines().skip(1).all(|l| l.split(',').all(|v| v.parse::<f64>().unwrap().is_finite())));
    // A whole run there is not replaced by one that stopped.
    let whole = "device sweep yakopcic_miao --amplitude 0.5V --frequency 1Hz --no-frequencies --out good";
    assert_eq!(run(dir.path(), whole.split(' ')).status.code(), Some(0));
    let kept = std::fs::read(dir.path().join("good/sweep.csv")).unwrap();
    let out = run(dir.path(), drive.split(' ').chain(["--out", "good"]));
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(std::fs::read(dir.path().join("good/sweep.csv")).unwrap(), kept);
    assert!(dir.path().join("good-cut-short/sweep.csv").is_file());
    // Without a folder nothing is written, and the message says how to keep it.
    let out = run(dir.path(), drive.split(' ').chain(["--json"]));
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("--out DIR") && out.stdout.is_empty());
}
