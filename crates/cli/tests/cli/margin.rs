//! Read margins and voltage maps at the command line.

use serde_json::Value;

use super::crossbar::npy;
use super::{folder, run, text};

fn scalar(record: &Value, name: &str) -> f64 {
    record["scalars"][name]["value"].as_f64().unwrap_or_else(|| panic!("{name} in {record}"))
}

#[test]
fn a_ceiling_without_wires_is_that_of_three_resistances() {
    let dir = folder();
    let args = "crossbar margin --low-ohm 10kohm --high-ohm 1Mohm --word-line-ohm 0 --bit-line-ohm 0 --scheme floating \
                --sizes 4,64 --out o --json";
    let out = run(dir.path(), args.split_whitespace());
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let record: Value = serde_json::from_slice(&out.stdout).unwrap();
    // (1 - 0.01) / (1 + (n - 1)^2 / (2 (n - 1) + 1)) is a tenth at n between 19 and 20.
    assert_eq!(scalar(&record, "readable_floating"), 19.0);
    assert_eq!(scalar(&record, "product"), 64.0);
    let page = std::fs::read_to_string(dir.path().join("o/report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("10\u{a0}kΩ"));
    // What is written is found again.
    let again = run(dir.path(), ["report", "o", "--out", "again"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
}

#[test]
fn wrong_margins_say_what_helps() {
    let dir = folder();
    for (args, says) in [
        ("--device pcm --wire-width 33nm", "175 nm"),
        ("--device pcm --word-line-ohm 1", "--bit-line-ohm"),
        ("--device vteam_memtorch --wire-width 32nm", "characterise"),
        ("--device pcm --low-ohm 1kohm --high-ohm 1Mohm --wire-width 32nm", "cannot be used with"),
        ("--low-ohm 1Mohm --high-ohm 1kohm --wire-width 32nm", "(1 kΩ) is not above --low-ohm (1 MΩ)"),
        (
            "--low-ohm 1kohm --high-ohm 1Mohm --wire-width 32nm --read -1",
            "is -1; it has to be positive and finite",
        ),
        ("--device pcm --wire-width 32nm --cell sinh --nonlinearity 3", "--read"),
        ("--device pcm --wire-width 32nm --limit 120%", "between 0 and 1"),
    ] {
        let out = run(dir.path(), ["crossbar", "margin"].into_iter().chain(args.split(' ')));
        let said = text(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.status.code() == Some(2) && said.contains(says), "{args}: {said}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_map_names_the_worst_cell_and_opens_offline() {
    let dir = folder();
    npy(dir.path(), "R.npy", false, "(2, 3)", &[1e3; 6]);
    npy(dir.path(), "V.npy", false, "(2, 2)", &[0.3, 1.0, -0.2, 0.5]);
    let base = ["crossbar", "map", "--resistance", "R.npy", "--word-line-ohm", "10", "--bit-line-ohm", "5"];
    let out = run(dir.path(), base.into_iter().chain(["--out", "o", "--json"]));
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let record: Value = serde_json::from_slice(&out.stdout).unwrap();
    let maps = record["maps"].as_array().unwrap();
    let values = |k: usize| -> Vec<f64> {
        maps[k]["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let (word, bit, across, lost) = (values(0), values(1), values(2), values(3));
    for k in 0..6 {
        assert!((word[k] - bit[k] - across[k]).abs() < 1e-7);
        assert!((lost[k] - 100.0 * (1.0 - across[k] / 0.2)).abs() < 1e-4);
    }
    // The cell farthest from driver and ground.
    assert!((scalar(&record, "largest_loss") - lost[2]).abs() < 1e-4 && lost.iter().all(|l| *l <= lost[2]));
    assert!(record["scalars"]["largest_loss"]["about"].as_str().unwrap().contains("row 0, column 2"));
    let page = std::fs::read_to_string(dir.path().join("o/report.html")).unwrap();
    assert_eq!(page.matches("data:image/png;base64").count(), 8, "four maps, each with its colours");
    assert!(!page.contains("<script") && !page.contains("src=\"http"));

    let more = ["--voltages", "V.npy", "--input", "2"];
    let out = run(dir.path(), base.into_iter().chain(more));
    assert!(
        out.status.code() == Some(2) && text(&out.stderr).contains("there are 2"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn lines_of_one_kind_without_resistance_are_said_to_have_a_little() {
    let dir = folder();
    let notes = |bit_ohm: &str| {
        let args = "crossbar margin --low-ohm 10kohm --high-ohm 1Mohm --word-line-ohm 2 --sizes 4 --json --bit-line-ohm";
        let out = run(dir.path(), args.split_whitespace().chain([bit_ohm]));
        let record: Value = serde_json::from_slice(&out.stdout).unwrap();
        record["notes"].to_string()
    };
    assert!(notes("0").contains("stands as one of 2\u{a0}µΩ") && !notes("1").contains("stands as"));
}

#[test]
fn a_map_of_open_cells_shows_no_rounding_and_says_that_nothing_flows() {
    let dir = folder();
    npy(dir.path(), "R.npy", false, "(5, 7)", &[f64::INFINITY; 35]);
    let args = "crossbar map --resistance R.npy --word-line-ohm 3 --bit-line-ohm 7 --json";
    let out = run(dir.path(), args.split(' '));
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let record: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(record["notes"].to_string().contains("no current flows"), "{}", record["notes"]);
    let (maps, zero) = (record["maps"].as_array().unwrap(), Value::from(0.0));
    for name in ["bit_line_v", "lost"] {
        let map = maps.iter().find(|map| map["name"] == name).unwrap();
        assert!(map["values"].as_array().unwrap().iter().all(|v| *v == zero), "{map}");
    }
}
