//! Crossbars at the command line.

use std::path::Path;

use serde_json::Value;

use super::{files, folder, neurohm, run, text};

const WIRES: [&str; 4] = ["--word-line-ohm", "10", "--bit-line-ohm", "5"];

/// An npy file as numpy writes it, of 64-bit floats; in Fortran order the first index is the fastest.
pub fn npy(dir: &Path, name: &str, fortran: bool, shape: &str, values: &[f64]) {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '<f8', 'fortran_order': {order}, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    std::fs::write(dir.join(name), bytes).unwrap();
}

/// Shape, as it is written, and values.
pub fn read(path: &Path) -> (String, Vec<f64>) {
    let bytes = std::fs::read(path).unwrap();
    let header = String::from_utf8_lossy(&bytes[10..128]).into_owned();
    assert!(header.contains("'<f8'") && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once("'shape': ").unwrap().1.split_once(", }").unwrap().0.to_owned();
    (shape, bytes[128..].chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect())
}

/// 2 x 3 cells, one of them open, and two inputs.
fn array(dir: &Path) {
    npy(dir, "R.npy", false, "(2, 3)", &[1e3, f64::INFINITY, 2e3, 5e3, 1e4, 1e5]);
    npy(dir, "V.npy", false, "(2, 2)", &[0.3, 1.0, -0.2, 0.0]);
}

fn solve<'a>(dir: &Path, options: &[&'a str]) -> Value {
    let args = ["crossbar", "solve", "--json"].into_iter().chain(WIRES).chain(options.iter().copied());
    let out = run(dir, args.collect::<Vec<&'a str>>());
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn arrays_are_solved_and_written_as_numpy_reads_them() {
    let dir = folder();
    array(dir.path());
    let base = ["--resistance", "R.npy", "--voltages", "V.npy", "--out", "o"];
    let value = solve(dir.path(), &[&base[..], &["--node-voltages", "--effective"]].concat());
    let [currents, word, bit, w] = ["currents", "word_line_v", "bit_line_v", "w_eff"]
        .map(|n| read(&dir.path().join(format!("o/{n}.npy"))));
    assert_eq!((currents.0.as_str(), w.0.as_str()), ("(2, 3)", "(3, 2)"));
    assert_eq!((word.0.as_str(), bit.0.as_str()), ("(2, 3, 2)", "(2, 3, 2)"));
    // Ohm's law in the last segment of each bit line, and in the first of a word line; the matrix does the same.
    for input in 0..2 {
        for column in 0..3 {
            let i = currents.1[input * 3 + column];
            assert!((i - bit.1[(3 + column) * 2 + input] / 5.0).abs() < 1e-16);
            let v = [[0.3, -0.2], [1.0, 0.0]][input];
            assert!((i - w.1[column * 2] * v[0] - w.1[column * 2 + 1] * v[1]).abs() < 1e-16);
        }
    }
    let flows = (0.3 - word.1[0]) / 10.0;
    let cells = (word.1[0] - bit.1[0]) / 1e3 + (word.1[4] - bit.1[4]) / 2e3;
    assert!((flows - cells).abs() < 1e-14, "{flows} into word line 0 and {cells} out of it");

    assert_eq!((&value["rows"], &value["columns"], &value["inputs"]), (&2.into(), &3.into(), &2.into()));
    for property in ["kcl", "balance", "reciprocity"] {
        assert!(value[property].as_f64().unwrap() < 1e-12, "{property}: {value}");
    }
    let kept: Value =
        serde_json::from_str(&std::fs::read_to_string(dir.path().join("o/solve.json")).unwrap()).unwrap();
    assert_eq!((&kept["difficulty"], &kept["request"]), (&value["difficulty"], &value["request"]));
    assert_eq!(value["files"].as_array().unwrap().len(), 5);
}

#[test]
fn order_type_and_conductances_change_nothing() {
    let dir = folder();
    array(dir.path());
    let g: Vec<f64> = [1e3, f64::INFINITY, 2e3, 5e3, 1e4, 1e5].iter().map(|r| 1.0 / r).collect();
    npy(dir.path(), "G.npy", false, "(2, 3)", &g);
    npy(dir.path(), "F.npy", true, "(2, 3)", &[1e3, 5e3, f64::INFINITY, 1e4, 2e3, 1e5]);
    let currents = |options: &[&str]| {
        solve(dir.path(), &[options, &["--voltages", "V.npy", "--out", "o"]].concat());
        read(&dir.path().join("o/currents.npy"))
    };
    let plain = currents(&["--resistance", "R.npy"]);
    assert_eq!(currents(&["--resistance", "F.npy"]), plain);
    assert_eq!(currents(&["--conductance", "G.npy"]), plain);
    assert_eq!(currents(&["--resistance", "R.npy", "--node-voltages"]), plain, "with a way to the nodes");
    assert_eq!(currents(&["--resistance", "R.npy", "--threads", "1"]), plain);
    assert_ne!(currents(&["--resistance", "R.npy", "--sense-ohm", "1 kohm"]), plain);
    assert_ne!(currents(&["--resistance", "R.npy", "--drivers", "both"]), plain);
    assert_ne!(currents(&["--resistance", "R.npy", "--grounds", "both"]), plain);
}

#[test]
fn inputs_in_batches_are_inputs_at_once() {
    let dir = folder();
    let (m, n, p) = (40usize, 30usize, 50usize);
    let r: Vec<f64> = (0..m * n).map(|k| 1e3 + (k * 7919 % 10007) as f64).collect();
    let v: Vec<f64> = (0..m * p).map(|k| (k * 31 % 101) as f64 / 101.0).collect();
    npy(dir.path(), "R.npy", false, "(40, 30)", &r);
    npy(dir.path(), "V.npy", false, "(40, 50)", &v);
    let base = ["--resistance", "R.npy", "--voltages", "V.npy", "--node-voltages"];
    let whole = solve(dir.path(), &[&base[..], &["--out", "whole"]].concat());
    // What a refusal says is needed is enough; what two inputs more take is 77 kB.
    let args = [&["crossbar", "solve", "--max-memory", "1kB"], &base[..], &WIRES].concat();
    let said = text(&run(dir.path(), args).stderr).replace(['│', '\n'], " ");
    let need: Vec<&str> = said.split("needs ").nth(1).unwrap().split_whitespace().collect();
    let unit = if need[1] == "MB" { 1e6 } else { 1e3 };
    let tight = format!("{}", need[0].parse::<f64>().unwrap() * unit + 100e3);
    let parts = solve(dir.path(), &[&base[..], &["--out", "parts", "--max-memory", &tight]].concat());
    assert_eq!((&whole["checked_inputs"], &parts["checked_inputs"]), (&50.into(), &50.into()));
    for name in ["word_line_v.npy", "bit_line_v.npy"] {
        let [a, b] = ["whole", "parts"].map(|at| read(&dir.path().join(at).join(name)));
        assert_eq!(a.0, b.0);
        let apart = a.1.iter().zip(&b.1).fold(0.0f64, |t, (a, b)| t.max((a - b).abs()));
        assert!(apart < 1e-14 && b.1.iter().all(|v| *v != 0.0), "{name}: {apart}");
    }
}

#[test]
fn a_folder_keeps_what_is_not_ours_and_loses_what_is_old() {
    let dir = folder();
    array(dir.path());
    std::fs::create_dir(dir.path().join("o")).unwrap();
    std::fs::write(dir.path().join("o/mine.npy"), "kept").unwrap();
    let base = ["--resistance", "R.npy", "--voltages", "V.npy", "--out", "o"];
    solve(dir.path(), &[&base[..], &["--node-voltages"]].concat());
    solve(dir.path(), &base);
    let names = files(&dir.path().join("o"));
    let names: Vec<&str> = names.iter().map(|n| n.to_str().unwrap()).collect();
    assert_eq!(names, ["currents.npy", "mine.npy", "solve.json"]);
    let out = run(dir.path(), [&["crossbar", "solve"], &base[..4], &WIRES, &["--quiet"]].concat());
    assert_eq!(text(&out.stderr), "");
    assert!(text(&out.stdout).contains("difficulty chi") && text(&out.stdout).contains("Kirchhoff"));
    assert!(dir.path().join("crossbar-R/currents.npy").is_file(), "named after the cells");
    let before = files(dir.path());
    solve(dir.path(), &base[..4]);
    assert_eq!(files(dir.path()), before, "--json alone writes nothing");
}

/// Nothing of a failed run is in its folder, and what is there is not taken for its own.
#[test]
fn a_failure_says_that_older_results_are_not_its_own() {
    let dir = folder();
    array(dir.path());
    let base = ["--resistance", "R.npy", "--voltages", "V.npy", "--out", "o"];
    solve(dir.path(), &base);
    let before = std::fs::read(dir.path().join("o/currents.npy")).unwrap();
    npy(dir.path(), "B.npy", false, "(1, 2)", &[5e-320, 1e4]);
    let failed = |out: &str| {
        let options = ["crossbar", "solve", "--resistance", "B.npy", "--effective", "--out", out];
        let out = run(dir.path(), [&options[..], &WIRES].concat());
        assert_eq!(out.status.code(), Some(2), "{}", text(&out.stderr));
        text(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ").replace(" │ ", " ")
    };
    let said = failed("o");
    // Written with an exponent, not with 320 digits.
    assert!(said.contains("the value in row 0, column 0 is 5e-320 ohm; that is no resistance"), "{said}");
    assert!(said.contains("o/solve.json and what it lists are of an earlier run"), "{said}");
    assert_eq!(std::fs::read(dir.path().join("o/currents.npy")).unwrap(), before);
    assert!(!failed("new").contains("earlier run"));
}

/// All inputs with which no selector turns on are named, with a way to leave them out.
#[test]
fn inputs_that_turn_no_selector_on_are_named() {
    let dir = folder();
    npy(dir.path(), "G.npy", false, "(1, 2)", &[1e-4, 1e-4]);
    npy(dir.path(), "V.npy", false, "(1, 5)", &[0.8, 0.1, 0.8, 0.2, 0.8]);
    let selector = ["--selector", "threshold:on-at=0.5V,hold=1uA,off=1nS,on=1mS", "--json"];
    let options = ["crossbar", "solve", "--conductance", "G.npy", "--voltages", "V.npy"];
    let out = run(dir.path(), [&options[..], &selector, &WIRES].concat());
    assert_eq!(out.status.code(), Some(2), "{}", text(&out.stderr));
    let said = text(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ").replace(" │ ", " ");
    assert!(said.contains("no selector turns on with 2 of 5 inputs (1, 3)"), "{said}");
    assert!(said.contains("numpy.delete(V, [1, 3], axis=1)"), "{said}");
}

#[test]
fn the_matrix_alone_needs_no_voltages() {
    let dir = folder();
    array(dir.path());
    let value = solve(dir.path(), &["--resistance", "R.npy", "--effective", "--out", "o"]);
    assert_eq!(value["inputs"], 0);
    for check in ["kcl", "balance", "reciprocity"] {
        assert!(value[check].as_f64().unwrap() < 1e-12, "{check}: {}", value[check]);
    }
    assert_eq!(files(&dir.path().join("o")).len(), 2);
}

#[test]
fn an_exported_array_solves_to_the_same_in_ngspice() {
    let dir = folder();
    array(dir.path());
    let linear = ["--resistance", "R.npy", "--voltages", "V.npy"];
    let gated = "transistor:gate=1.5V,threshold=0.4V,gain=400uA,lambda=0.05,off=1pS";
    let sinh =
        [&linear[..], &["--cell", "sinh", "--nonlinearity", "3", "--selector", gated, "--rows-on", "0"]]
            .concat();
    for base in [&linear[..], &sinh] {
        solve(dir.path(), &[base, &["--out", "o"]].concat());
        let args = [&["crossbar", "export"], base, &WIRES, &["-o", "array.cir"]].concat();
        let out = run(dir.path(), args);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let printed = run(dir.path(), [&["crossbar", "export"], base, &WIRES].concat());
        assert_eq!(std::fs::read(dir.path().join("array.cir")).unwrap(), printed.stdout);
        let Some(lines) = ngspice(dir.path()) else { return };
        let found: Vec<f64> = lines.iter().flat_map(|line| &line[1..]).copied().collect();
        let (_, ours) = read(&dir.path().join("o/currents.npy"));
        assert_eq!(found.len(), ours.len());
        let largest = ours.iter().fold(0.0f64, |t, i| t.max(i.abs()));
        for (a, b) in found.iter().zip(&ours) {
            assert!((a - b).abs() < 1e-9 * largest, "{a} by ngspice, {b}");
        }
    }
}

/// What ngspice writes for `array.cir`; `None` where it is not installed.
fn ngspice(dir: &Path) -> Option<Vec<Vec<f64>>> {
    std::process::Command::new("ngspice").args(["-b", "array.cir"]).current_dir(dir).output().ok()?;
    let data = std::fs::read_to_string(dir.join("crossbar.data")).unwrap();
    Some(data.lines().map(|l| l.split_whitespace().map(|x| x.parse().unwrap()).collect()).collect())
}

#[test]
fn an_array_of_devices_is_written_with_its_pulses() {
    let dir = folder();
    // A pulse below every threshold, then one that switches row 1; states as given.
    npy(dir.path(), "P.npy", false, "(2, 2)", &[0.01, 0.0, 0.01, 0.03]);
    npy(dir.path(), "X.npy", false, "(2, 2)", &[1e-9, 1.2e-9, 1.4e-9, 1.6e-9]);
    let device = ["--device", "vteam_memtorch", "--states", "X.npy", "--voltages", "P.npy"];
    let pulses = ["--pulse-width", "1us", "--gap", "0.1us", "-o", "array.cir"];
    let out = run(dir.path(), [&["crossbar", "export"], &device[..], &WIRES, &pulses].concat());
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let told = std::fs::read_to_string(dir.path().join("array.cir")).unwrap();
    assert!(told.contains("makes a transient of 2.24 us and"), "{}", &told[..400]);
    let Some(lines) = ngspice(dir.path()) else { return };
    let (first, last) = (&lines[0], lines.last().unwrap());
    assert_eq!((first.len(), last.len()), (1 + 2 + 4, 1 + 2 + 4));
    assert!((last[0] - 2.24e-6).abs() < 1e-12, "{}", last[0]);
    let moved = |k: usize| last[3 + k] - first[3 + k];
    assert!(moved(0).abs() < 1e-15 && moved(1).abs() < 1e-15, "row 0: {last:?}");
    assert!(moved(2) > 1e-11 && moved(3) > 1e-11, "row 1: {last:?}");
}

/// What a person reads who gave the wrong array.
#[test]
fn mistakes_with_arrays_are_explained() {
    let dir = folder();
    array(dir.path());
    let put = |name: &str, shape: &str, values: &[f64]| npy(dir.path(), name, false, shape, values);
    put("wide.npy", "(3, 5)", &[0.1; 15]);
    put("turned.npy", "(5, 2)", &[0.1; 10]);
    put("hole.npy", "(2,)", &[0.1, f64::NAN]);
    put("bad.npy", "(2, 2)", &[1e3, -5.0, f64::NAN, 0.0]);
    put("short.npy", "(1, 2)", &[1e3, 0.0]);
    put("flat.npy", "(4,)", &[1e3; 4]);
    put("none.npy", "(2, 0)", &[]);
    put("huge.npy", "(30000, 20000)", &[]);
    put("absurd.npy", "(1000000000, 1000000000)", &[]);
    let cut = std::fs::read(dir.path().join("R.npy")).unwrap();
    std::fs::write(dir.path().join("cut.npy"), &cut[..150]).unwrap();
    std::fs::write(dir.path().join("text.npy"), "1000 2000\n3000 4000\n").unwrap();
    let fixture =
        |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/tests/fixtures").join(name);
    for name in ["objects.npy", "fields.npy"] {
        std::fs::copy(fixture(name), dir.path().join(name)).unwrap();
    }
    let mistakes: &[&str] = &[
        "solve --resistance R.npy --voltages wide.npy",
        "solve --resistance R.npy --voltages turned.npy",
        "solve --resistance R.npy --voltages hole.npy",
        "solve --resistance R.npy --voltages none.npy",
        "solve --resistance R.npy",
        "solve --resistance R.npy --effective --node-voltages",
        "solve --resistance R.npy --conductance R.npy --effective",
        "solve --resistance bad.npy --effective",
        "solve --resistance short.npy --effective",
        "solve --conductance bad.npy --effective",
        "solve --resistance flat.npy --effective",
        "solve --resistance none.npy --effective",
        "solve --resistance cut.npy --effective",
        "solve --resistance text.npy --effective",
        "solve --resistance objects.npy --effective",
        "solve --resistance fields.npy --effective",
        "solve --resistance missing.npy --effective",
        "solve --resistance huge.npy --effective --max-memory 4GB",
        "solve --resistance absurd.npy --effective",
        "solve --resistance R.npy --voltages V.npy --max-memory 1kB",
        "solve --resistance R.npy --voltages V.npy --max-memory lots",
        "solve --resistance R.npy --effective --word-line-ohm 1 --bit-line-ohm inf",
        "export --resistance R.npy --voltages wide.npy",
        "export --voltages V.npy",
        "export --resistance R.npy --voltages V.npy --pulse-width 1us",
        "export --device vteam_memtorch --resistance R.npy --voltages V.npy",
        "export --device vteam_memtorch --size 2 --voltages V.npy",
        "export --device vteam_memtorch --size 3x3 --voltages V.npy",
        "export --device vteam_memtorch --size 2x3 --voltages V.npy --cell sinh --nonlinearity 3",
        "export --device vteam_memtorch --size 2x3 --voltages V.npy --bit-line-voltages wide.npy",
        "export --device vteam_memtorch --states flat.npy --voltages V.npy",
        "export --device vteam_memtorch --states V.npy --voltages V.npy",
        "export --device pcm --size 2x3 --voltages V.npy",
        "export --device stt_mram_arm_50nm --size 2x3 --voltages V.npy --pulse-width 1ns",
    ];
    let mut shown = String::new();
    for line in mistakes {
        let wires = if line.contains("-line-ohm") { &[][..] } else { &WIRES };
        let args = ["crossbar"].into_iter().chain(line.split(' ')).chain(wires.iter().copied());
        let out = run(dir.path(), args.chain(["--quiet"]));
        assert_eq!(text(&out.stdout), "", "{line}");
        let code = out.status.code().unwrap();
        shown += &format!("$ neurohm crossbar {line}\n{}[exit code {code}]\n\n", text(&out.stderr));
    }
    let negative = neurohm(dir.path())
        .args(["crossbar", "solve", "--resistance", "R.npy", "--effective", "--word-line-ohm", "-1"])
        .args(["--bit-line-ohm", "1"])
        .output()
        .unwrap();
    shown += text(&negative.stderr);
    insta::assert_snapshot!(shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    assert!(!dir.path().join("crossbar-R").exists(), "what fails leaves no folder");
}

#[test]
fn both_methods_find_the_same_and_say_which_they_are() {
    let dir = folder();
    let n = 64;
    let v: Vec<f64> = (0..n).map(|k| f64::from(k % 7) / 7.0 - 0.4).collect();
    npy(dir.path(), "R.npy", false, "(64, 64)", &vec![1e6; (n * n) as usize]);
    npy(dir.path(), "V.npy", false, "(64,)", &v);
    let solved = |method: &'static str, wires: &'static str, driver: &'static str| {
        let args =
            ["crossbar", "solve", "--json", "--resistance", "R.npy", "--voltages", "V.npy", "--out", method]
                .into_iter()
                .chain(["--word-line-ohm", wires, "--bit-line-ohm", wires, "--driver-ohm", driver])
                .chain(["--method", method]);
        let out = run(dir.path(), args.collect::<Vec<&str>>());
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let value: Value = serde_json::from_slice(&out.stdout).unwrap();
        (value["method"].as_str().unwrap().to_owned(), read(&dir.path().join(method).join("currents.npy")).1)
    };
    for (wires, driver, expected) in [("0.001", "0", "conjugate_gradients"), ("1", "1e12", "elimination")] {
        let (method, found) = solved("auto", wires, driver);
        let (_, exact) = solved("eliminate", wires, driver);
        let top = exact.iter().fold(0.0f64, |t, i| t.max(i.abs()));
        assert_eq!(method, expected, "{wires} ohm, {driver} ohm");
        for (a, b) in found.iter().zip(&exact) {
            assert!((a - b).abs() <= 1e-12 * top, "{wires} ohm: {a} and {b}");
        }
    }
}

/// 32 x 24 cells over two decades, and an input.
fn many(dir: &Path) -> (Vec<f64>, Vec<f64>) {
    let r: Vec<f64> = (0..32 * 24).map(|k| 1e4 * 10f64.powf((k * 7919 % 10007) as f64 / 5000.0)).collect();
    let v: Vec<f64> = (0..32).map(|k| f64::from(k % 7) / 7.0 - 0.4).collect();
    npy(dir, "R.npy", false, "(32, 24)", &r);
    npy(dir, "V.npy", false, "(32,)", &v);
    (r, v)
}

#[test]
fn approximations_are_written_by_name_with_their_error() {
    let dir = folder();
    let (r, v) = many(dir.path());
    let base = ["--resistance", "R.npy", "--voltages", "V.npy", "--effective"];
    let with =
        |out: &str, more: &[&str]| solve(dir.path(), &[&base[..], &["--out", out], more].concat()).to_owned();
    let exact = with("exact", &["--compare-approximations"]);
    let w = |at: &str| read(&dir.path().join(at).join("w_eff.npy")).1;
    let currents = |at: &str| read(&dir.path().join(at).join("currents.npy")).1;
    assert_eq!((&exact["method"], &exact["approximation"]), (&"elimination".into(), &Value::Null));
    let plain = with("plain", &[]);
    assert!(
        plain["approximations"].is_null()
            && w("plain") == w("exact")
            && currents("plain") == currents("exact")
    );
    let all = exact["approximations"].as_array().unwrap();
    let true_w = w("exact");
    for (name, found) in ["no_wires", "own_path", "mean_lines"].into_iter().zip(all) {
        let value = with(name, &["--approximate", name]);
        assert_eq!((&value["method"], &value["approximation"]), (&"approximation".into(), &name.into()));
        assert_eq!((&value["approximations"][0], value["lost"].as_f64()), (found, exact["lost"].as_f64()));
        // The errors are those of what was written, and currents are its.
        let near = w(name);
        let sum =
            |of: &dyn Fn(f64, f64) -> f64| near.iter().zip(&true_w).map(|(a, b)| of(*a, *b)).sum::<f64>();
        let top = true_w.iter().fold(0.0f64, |t, w| t.max(*w));
        let largest = near.iter().zip(&true_w).fold(0.0f64, |t, (a, b)| t.max((a - b).abs())) / top;
        let rms = (sum(&|a, b| (a - b).powi(2)) / sum(&|_, b| b * b)).sqrt();
        let more = sum(&|a, _| a) / sum(&|_, b| b) - 1.0;
        for (key, value) in [("rms", rms), ("largest", largest), ("sum", more)] {
            let said = found[key].as_f64().unwrap();
            assert!((said / value - 1.0).abs() < 1e-9 && value.abs() > 1e-4, "{name} {key}: {said} {value}");
        }
        for (column, i) in currents(name).iter().enumerate() {
            let product: f64 = (0..32).map(|row| near[column * 32 + row] * v[row]).sum();
            assert!((i - product).abs() < 1e-18, "{name}");
        }
    }
    // Each cell alone with its own path: 10 ohm a word-line segment, 5 ohm a bit-line one.
    let [row, column] = [3, 5];
    let alone = 1.0 / (r[row * 24 + column] + 10.0 * (column + 1) as f64 + 5.0 * (32 - row) as f64);
    assert!((w("own_path")[column * 32 + row] / alone - 1.0).abs() < 1e-12);
    let said = run(
        dir.path(),
        [&["crossbar", "solve"], &base[..4], &WIRES, &["--approximate", "own_path", "-q"]].concat(),
    );
    assert!(text(&said.stdout).contains("those of the approximation own_path"), "{}", text(&said.stdout));
}

#[test]
fn what_approximations_cannot_do_is_refused() {
    let dir = folder();
    many(dir.path());
    for (more, says) in [
        ("--approximate own_path --node-voltages", "no node voltages"),
        ("--approximate own_path --drivers both", "connected at both ends"),
        ("--compare-approximations --cell sinh --nonlinearity 3", "not linear"),
        ("--compare-approximations --method iterate", "take --method out"),
        ("--approximate perfect", "no_wires, own_path, mean_lines"),
    ] {
        let base = ["crossbar", "solve", "--resistance", "R.npy", "--voltages", "V.npy"];
        let out = run(dir.path(), base.into_iter().chain(WIRES).chain(more.split(' ')));
        let said = text(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.status.code() == Some(2) && said.contains(says), "{more}: {said}");
    }
}

#[test]
fn lines_of_extreme_resistance_are_told_in_few_digits_and_cut_ones_by_name() {
    let dir = folder();
    many(dir.path());
    let said = |wires: &[&str]| {
        let base = ["crossbar", "solve", "-q", "--resistance", "R.npy", "--voltages", "V.npy"];
        let out = run(dir.path(), base.iter().chain(wires).copied());
        format!("{}{}", text(&out.stdout), text(&out.stderr))
    };
    let huge = said(&["--word-line-ohm", "1e250", "--bit-line-ohm", "1e250"]);
    assert!(huge.contains("× 10²⁴") && huge.lines().all(|line| line.len() < 160), "{huge}");
    let both = said(&["--word-line-ohm", "inf", "--bit-line-ohm", "inf"]);
    assert!(both.contains("every cell floats, from row 0, column 0 on") && both.contains("No current flows"));
    assert!(read(&dir.path().join("crossbar-R/currents.npy")).1.iter().all(|i| *i == 0.0));
    let one = said(&["--word-line-ohm", "1", "--bit-line-ohm", "inf"]);
    assert!(one.contains("The segments of all bit lines are cut") && !one.contains("floats"), "{one}");
    let stiff = said(&["--word-line-ohm", "0", "--bit-line-ohm", "1", "--method", "iterate"]);
    assert!(stiff.contains("--method eliminate keeps all digits"), "{stiff}");
}

#[test]
fn masks_are_no_resistances_and_whole_numbers_are() {
    let dir = folder();
    let put = |name: &str, kind: &str, bytes: &[u8]| {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (2, 2), }}");
        let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        file.extend(format!("{header:<117}\n").as_bytes());
        file.extend(bytes);
        std::fs::write(dir.path().join(name), file).unwrap();
    };
    put("mask.npy", "|b1", &[1, 1, 1, 1]);
    put("whole.npy", "<i2", &[232, 3, 208, 7, 232, 3, 136, 19]);
    let base =
        |name: &'static str| ["crossbar", "solve", "-q", "--effective", "--resistance", name, "--out", "o"];
    let out = run(dir.path(), base("mask.npy").into_iter().chain(WIRES));
    assert!(out.status.code() == Some(2) && text(&out.stderr).contains("type bool"), "{}", text(&out.stderr));
    let out =
        run(dir.path(), base("whole.npy").into_iter().chain(["--word-line-ohm", "0", "--bit-line-ohm", "0"]));
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(read(&dir.path().join("o/w_eff.npy")).1, [1e-3, 1e-3, 5e-4, 2e-4]);
}
