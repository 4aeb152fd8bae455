//! Fits of measurements at the command line.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use super::{folder, run, text};

fn fitted(dir: &Path, words: &[&str]) -> Value {
    let out = run(dir, ["device", "fit"].into_iter().chain(words.iter().copied()).chain(["--json"]));
    assert_eq!(out.status.code(), Some(0), "{words:?}: {}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Two cycles of a resistor between 1 and 10 kOhm whose state follows the charge, without times.
fn write_loop(path: &Path) {
    let mut rows = String::from("voltage,current (uA)\n");
    let (mut state, dt) = (0.3_f64, 0.02 / 200.0);
    for k in 0..400 {
        let v = 1.2 * (std::f64::consts::TAU * f64::from(k) / 200.0).sin();
        let i = v / (10e3 - 9e3 * state);
        state = (state + 2e5 * i * dt).clamp(0.0, 1.0);
        writeln!(rows, "{v},{}", 1e6 * i).unwrap();
    }
    std::fs::write(path, rows).unwrap();
}

/// Weights of soft bounds, with a ripple in place of noise.
fn write_trains(path: &Path) {
    let mut rows = String::from("up,down\n");
    for k in 0..80 {
        let w = 1.0 - 2.0 * (-f64::from(k) / 25.0).exp();
        let ripple = 0.01 * (1.7 * f64::from(k)).sin();
        writeln!(rows, "{},{}", w + ripple, ripple - w).unwrap();
    }
    std::fs::write(path, rows).unwrap();
}

#[test]
fn the_command_that_a_fit_shows_is_that_fit() {
    let dir = folder();
    write_loop(&dir.path().join("loop.csv"));
    write_trains(&dir.path().join("trains.csv"));
    for asked in [
        "loop.csv --kind iv --frequency 50Hz --model vteam --series-ohm 12 --name mine",
        "trains.csv --kind pulses --range 1uS,50uS --model soft_bounds --report first",
    ] {
        let first = fitted(dir.path(), &asked.split(' ').collect::<Vec<_>>());
        let command = first["record"]["command"].as_str().unwrap();
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[..3], ["neurohm", "device", "fit"], "{command}");
        let again = fitted(dir.path(), &words[3..]);
        assert_eq!(first["device"], again["device"], "{asked}: {command}");
        for what in ["description", "scalars", "series", "command"] {
            assert_eq!(first["record"][what], again["record"][what], "{asked}: {what} by {command}");
        }
    }
    let shown: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("first/run.json")).unwrap()).unwrap();
    let command = shown["command"].as_str().unwrap();
    assert!(command.contains("--range 1uS,50uS") && !command.contains("--report"), "{command}");
}
