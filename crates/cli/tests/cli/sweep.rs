//! Sweeps as a shell sees them: equal to single runs to the bit, and there after whatever happens.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{files, folder, neurohm, run, text};

/// The smallest `mvm` over converter bits, two settings that move together, and seeds.
const SWEEP: &str = "study = \"mvm\"\nchips = 2\n\n[config]\nsize = 16\nsizes = [16]\nvectors = 8\ntimes = [\"20 s\", \"1 day\"]\nbits = [6]\n
[[axis]]\npath = \"chip.adc.uniform.resolution.bits\"\nvalues = [4, 6, 8]\n
[[axis]]\nname = \"crossbar\"\ntogether = [\n  { path = \"chip.tile.rows\", values = [8, 16] },\n  { path = \"chip.tile.columns\", values = [8, 16] },\n]\n
[[axis]]\npath = \"seed\"\nfrom = 1\nto = 3\n";

fn done(out: Output) -> String {
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout).to_string()
}

fn json(out: Output) -> Value {
    serde_json::from_str(&done(out)).unwrap()
}

fn words(dir: &Path, words: &str) -> Output {
    run(dir, words.split(' '))
}

fn planned(dir: &Path, sweep: &str) {
    std::fs::write(dir.join("s.toml"), sweep).unwrap();
    done(words(dir, "sweep plan s.toml -o s"));
}

/// Rows of a CSV whose fields hold no commas, by column.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_string));
    let head: Vec<String> = lines.next().unwrap().collect();
    lines.map(|row| head.iter().cloned().zip(row).collect()).collect()
}

/// The points' table without what a clock said.
fn points(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut rows = rows(path);
    rows.iter_mut().for_each(|row| drop(row.remove("wall [s]")));
    rows
}

#[test]
fn points_are_what_runs_give_to_the_bit_on_any_number_of_threads() {
    let dir = folder();
    planned(dir.path(), SWEEP);
    let status = json(words(dir.path(), "sweep run s --json --threads 1"));
    assert_eq!((&status["points"], &status["done"], &status["open"]), (&18.into(), &18.into(), &0.into()));
    done(words(dir.path(), "sweep collect s -o one"));
    std::fs::remove_dir_all(dir.path().join("s/results")).unwrap();
    done(words(dir.path(), "sweep run s --threads 2"));
    done(words(dir.path(), "sweep collect s -o two"));
    let one = points(&dir.path().join("one/points.csv"));
    assert_eq!(one, points(&dir.path().join("two/points.csv")));
    assert_eq!(one.len(), 18);

    let base = SWEEP.split("[[axis]]").next().unwrap();
    std::fs::write(dir.path().join("base.toml"), base).unwrap();
    for row in one.iter().step_by(7) {
        let axes = ["chip.adc.uniform.resolution.bits", "chip.tile.rows", "chip.tile.columns", "seed"];
        let set: Vec<String> = axes.iter().map(|axis| format!("--set={axis}={}", row[*axis])).collect();
        let args = ["run", "base.toml", "--json", "--no-ablation"];
        let alone = json(run(dir.path(), args.into_iter().chain(set.iter().map(String::as_str))));
        let error = &alone["scalars"]["error"];
        for (column, value) in [
            ("error", &error["value"]),
            ("error low95", &error["ci95"][0]),
            ("error high95", &error["ci95"][1]),
        ] {
            let swept: f64 = row[column].parse().unwrap();
            assert_eq!(swept.to_bits(), value.as_f64().unwrap().to_bits(), "{column} of {set:?}");
        }
        assert_eq!(alone["id"], row["id"]);
    }
}

#[test]
fn a_sweep_is_collected_into_a_record_that_says_what_matters() {
    let dir = folder();
    planned(dir.path(), SWEEP);
    let early = words(dir.path(), "sweep collect s -o early");
    assert_eq!(early.status.code(), Some(2), "{}", text(&early.stderr));
    assert!(!dir.path().join("early").exists());
    done(words(dir.path(), "sweep work s --chunk 4"));
    let part = words(dir.path(), "sweep collect s -o part");
    assert_eq!(part.status.code(), Some(1));
    assert!(text(&part.stderr).contains("17 of 18 points have no result yet"), "{}", text(&part.stderr));
    assert!(dir.path().join("part/report.html").is_file());

    let shown = done(words(dir.path(), "sweep run s"));
    assert!(shown.contains("done") && shown.contains("18"), "{shown}");
    let record = json(words(
        dir.path(),
        "sweep collect s -o out --json --objective error --objective error_transposed",
    ));
    let names: Vec<String> = files(&dir.path().join("out")).iter().map(|f| f.display().to_string()).collect();
    for name in
        ["best.toml", "points.csv", "report.html", "run.json", "description.toml", "best.csv", "front.csv"]
    {
        assert!(names.contains(&name.to_string()), "{name} in {names:?}");
    }
    let rows = rows(&dir.path().join("out/points.csv"));
    let least = rows.iter().map(|row| row["error"].parse::<f64>().unwrap()).fold(f64::INFINITY, f64::min);
    assert_eq!(record["scalars"]["error"]["value"].as_f64().unwrap(), least);
    let best = json(words(dir.path(), "run out/best.toml --json"));
    assert_eq!(best["scalars"]["error"]["ci95"], record["scalars"]["error"]["ci95"]);
    let series: Vec<&str> =
        record["series"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(series.contains(&"error-over-adc.uniform.resolution.bits"), "{series:?}");
    assert!(series.contains(&"front-error-error_transposed"), "{series:?}");
    assert_eq!(record["maps"][0]["axes"]["row_names"], serde_json::json!(["4", "6", "8"]));
    // The page is made from the record alone.
    done(words(dir.path(), "report out -o again"));
    let page = |of: &str| std::fs::read_to_string(dir.path().join(of).join("report.html")).unwrap();
    assert_eq!(page("out"), page("again"));
    // A plan that is there is not made twice, and never replaced.
    assert!(text(&words(dir.path(), "sweep plan s.toml -o s").stderr).contains("holds this plan already"));
    std::fs::write(dir.path().join("t.toml"), SWEEP.replace("to = 3", "to = 4")).unwrap();
    let other = words(dir.path(), "sweep plan t.toml -o s");
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("a plan never changes"), "{}", text(&other.stderr));
}

fn begun(dir: &Path) -> Child {
    let child = neurohm(dir).args(["sweep", "run", "s"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
    child.unwrap()
}

fn results(dir: &Path) -> usize {
    let folder = std::fs::read_dir(dir.join("s/results"));
    folder.map_or(0, |entries| {
        entries.filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|e| e == "jsonl")).count()
    })
}

/// Points that take a while, in chunks of two: there is a middle of a chunk to be killed in.
fn slow() -> String {
    SWEEP
        .replace("size = 16\nsizes = [16]", "size = 200\nsizes = [200]")
        .replace("study =", "sweep.chunk = 2\nstudy =")
}

#[test]
fn a_sweep_that_was_killed_goes_on_to_the_same_bits() {
    let [whole, killed] = [(); 2].map(|()| folder());
    for dir in [&whole, &killed] {
        planned(dir.path(), &slow());
    }
    done(words(whole.path(), "sweep run s"));
    let mut kills = 0;
    while kills < 3 {
        let before = results(killed.path());
        let mut child = begun(killed.path());
        let since = Instant::now();
        while results(killed.path()) < before + 2 && since.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Somewhere within the next chunk.
        std::thread::sleep(Duration::from_millis(5 * kills));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    let status = json(words(killed.path(), "sweep status s --json"));
    assert_eq!(status["damaged"], serde_json::json!([]));
    done(words(killed.path(), "sweep run s"));
    for dir in [&whole, &killed] {
        done(words(dir.path(), "sweep collect s -o out"));
    }
    let [a, b] = [&whole, &killed].map(|dir| points(&dir.path().join("out/points.csv")));
    assert_eq!(a, b);
}

#[test]
fn two_runs_at_once_and_one_that_is_killed_give_every_point_once() {
    let [alone, both] = [(); 2].map(|()| folder());
    for dir in [&alone, &both] {
        planned(dir.path(), &slow());
    }
    done(words(alone.path(), "sweep run s"));
    let mut children = [(); 3].map(|()| begun(both.path()));
    let since = Instant::now();
    while results(both.path()) < 2 && since.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    children[0].kill().unwrap();
    for child in &mut children {
        child.wait().unwrap();
    }
    for dir in [&alone, &both] {
        done(words(dir.path(), "sweep collect s -o out"));
    }
    let [a, b] = [&alone, &both].map(|dir| points(&dir.path().join("out/points.csv")));
    assert_eq!(a, b);
    assert_eq!(results(both.path()), 9);
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_chunks_that_were_finished() {
    let dir = folder();
    // Far more points than a second is enough for.
    planned(dir.path(), &slow().replace("to = 3", "to = 3000").replace("sweep.chunk = 2", "sweep.chunk = 1"));
    let mut child = neurohm(dir.path());
    let child =
        child.args(["sweep", "run", "s"]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    while results(dir.path()) < 2 && since.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(1), ""), "{}", text(&out.stderr));
    let said = text(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    let kept = results(dir.path());
    assert!(
        said.contains(&format!("{kept} of 18000 points are kept in s; the same command goes on")),
        "{said}"
    );
    let status = json(words(dir.path(), "sweep status s --json"));
    assert_eq!(status["done"], kept);
    assert!(!files(dir.path()).iter().any(|f| f.to_string_lossy().contains("unfinished")));
}

#[test]
fn mistakes_in_sweeps_are_explained() {
    let dir = folder();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let base = SWEEP.split("[[axis]]").next().unwrap();
    let axis = |path: &str, values: &str| format!("{base}[[axis]]\npath = \"{path}\"\nvalues = {values}\n");
    file("none.toml", base);
    file("path.toml", &axis("chip.adc.uniform.resolution.bitz", "[4, 6]"));
    file("config.toml", &axis("config.sise", "[4, 6]"));
    file("value.toml", &axis("chip.drift_compensation", "[\"none\", \"globl\"]"));
    file("unit.toml", &axis("chip.read.voltage", "[\"0.2 V\", \"3 s\"]"));
    file(
        "range.toml",
        &axis("config.at", "[\"1 day\"]").replace("values = [\"1 day\"]", "from = \"1 h\"\nto = \"1 day\""),
    );
    let idle = axis("chip.drift_compensation", "[\"none\", \"global\"]");
    let idle = idle.replace("chips = 2", "chips = 2\nchip.preset = \"ideal\"");
    file("idle.toml", &format!("{idle}[[axis]]\npath = \"chip.output_noise\"\nvalues = [0.0, 0.01]\n"));
    file("good.toml", SWEEP);
    done(words(dir.path(), "sweep plan good.toml"));
    let mut shown = String::new();
    for args in [
        "sweep plan none.toml",
        "sweep plan path.toml",
        "sweep plan config.toml",
        "sweep plan value.toml",
        "sweep plan unit.toml",
        "sweep plan range.toml",
        "sweep plan idle.toml",
        "sweep plan missing.toml",
        "sweep run missing",
        "sweep work good --chunk 18",
        "sweep collect good",
        "sweep run good --engine slurmm",
    ] {
        let out = words(dir.path(), args);
        let code = out.status.code().unwrap();
        assert!(code == 1 || code == 2, "{args}");
        shown += &format!("$ neurohm {args}\n{}[exit code {code}]\n\n", text(&out.stderr));
    }
    insta::assert_snapshot!(shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
}

/// Files of more than a block are refused in mid-write, as a full disk does.
#[cfg(unix)]
#[test]
fn results_that_cannot_be_written_are_told_and_the_rest_is_kept() {
    let dir = folder();
    planned(dir.path(), SWEEP);
    done(words(dir.path(), "sweep work s --chunk 0"));
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {} sweep run s", env!("CARGO_BIN_EXE_neurohm"));
    let out =
        std::process::Command::new("sh").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    let said = text(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    let said = said.replace(" │", "");
    assert!(said.contains("cannot write s/results/") && said.contains("nothing was left behind"), "{said}");
    assert!(said.contains("1 of 18 points are kept in s; the same command goes on from there"), "{said}");
    assert_eq!(std::fs::read_dir(dir.path().join("s/results")).unwrap().count(), 1);
    assert_eq!(json(words(dir.path(), "sweep run s --json"))["done"], 18);
}
