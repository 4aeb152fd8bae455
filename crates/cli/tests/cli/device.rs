//! Single devices at the command line.

use std::process::Output;

use serde_json::Value;

use super::{SMALL, folder, run, text};

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
        "switching thermochemical_nio --voltages 3 --longest 10ms --shortest 1us",
        "cycle stanford_pku_v1 --cycles 3 --temperature 310K",
        "cycle pcm_mushroom_gst_90nm --cycles 1 --heights 5 --set-width 400ns",
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
fn what_a_scheme_of_programming_does_not_use_is_refused() {
    let dir = folder();
    for (scheme, option) in
        [("single", "--max-pulses=3"), ("single", "--single-branch"), ("open-loop", "--single-branch")]
    {
        let args = ["device", "program", "ecram", "--cells", "10", "--scheme", scheme, option];
        let out = run(dir.path(), args);
        assert_eq!(out.status.code(), Some(2), "{scheme} {option}");
        assert!(text(&out.stderr).contains("has no effect"), "{}", text(&out.stderr));
    }
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
        // Its reads are noisy: of those that passed, some are outside at the last read, and both numbers are there.
        let number = |name: &str| scalars.get(name).map_or(0.0, |s| s["value"].as_f64().unwrap());
        assert!(number("within") < reached && number("strayed") > 0.0, "{scalars:?}");
        assert!(number("within") >= reached - 100.0 * number("strayed") / cells - 1e-9, "{scalars:?}");
        assert!(
            value["notes"].to_string().contains("that reached their target at a verifying read were outside")
        );
        // Levels beyond 10.5 uS a device: no mean pulse leads there.
        assert!(scalars["missed_out_of_reach"]["value"].as_f64().unwrap() > 0.1 * cells, "{scalars:?}");
        assert!(value["notes"].to_string().contains("no stimulus moves the nominal device"));
        assert_ne!(value["command"].as_str().unwrap().contains("--devices-per-cell"), more.is_empty());
    }
}

#[test]
fn what_drives_a_cycle_by_pulses_has_no_effect_on_ramps_and_the_other_way_round() {
    let dir = folder();
    for (asked, names) in [
        ("pcm_mushroom_gst_90nm --ramp 1us", ["--ramp has no effect", "--drive ramps"]),
        ("vteam_memtorch --drive pulses --ramp 1us", ["--ramp has no effect", "--set-width"]),
        ("vteam_memtorch --heights 10", ["--heights has no effect", "--drive pulses"]),
        ("vteam_memtorch --set-width 1us", ["--set-width has no effect", "--drive pulses"]),
        ("pcm_mushroom_gst_90nm --drive ramps --reset-width 1us", ["--reset-width has no effect", "--ramp"]),
    ] {
        let out = run(dir.path(), ["device", "cycle"].into_iter().chain(asked.split(' ')));
        assert_eq!(out.status.code(), Some(2), "{asked}: {}", text(&out.stderr));
        let message = text(&out.stderr);
        assert!(names.iter().all(|name| message.contains(name)), "{asked}: {message}");
    }
    let taken = ["device", "cycle", "vteam_memtorch", "--drive", "pulses", "--heights", "10", "--json"];
    let out = run(dir.path(), taken);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let record: Value = serde_json::from_slice(&out.stdout).unwrap();
    let command = record["command"].as_str().unwrap();
    assert!(command.contains("--drive pulses") && command.contains("--heights 10"), "{command}");
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
