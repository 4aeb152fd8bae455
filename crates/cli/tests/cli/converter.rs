//! `neurohm converter`: what a test bench finds of a chip's converters.

use super::*;

fn measured(dir: &Path, more: &[&str]) -> Value {
    let out = run(dir, ["converter", "default", "--json"].iter().chain(more).copied());
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn scalar(record: &Value, name: &str) -> f64 {
    record["scalars"][name]["value"].as_f64().unwrap_or_else(|| panic!("{name} in {record}"))
}

/// A number of the table: the row that begins with `name`.
fn number(record: &Value, name: &str, column: usize) -> f64 {
    let rows = record["tables"][0]["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row[0].as_str().unwrap().starts_with(name)).unwrap();
    row[column].as_f64().unwrap()
}

#[test]
fn calibration_brings_bits_back_and_both_states_are_shown() {
    let dir = folder();
    let spread = "unit_capacitor = 0.05, offset_lsb = 2, gain = 0.01, redundancy = 2";
    let raw = format!("chip.adc.uniform.mismatch={{{spread}}}");
    let calibrated =
        format!("chip.adc.uniform.mismatch={{{spread}, calibration = {{averages = 64, noise_lsb = 0.3}}}}");
    let before = measured(dir.path(), &["--set", &raw]);
    let after = measured(dir.path(), &["--set", &calibrated, "--out", "o"]);
    assert_eq!(
        (scalar(&after, "bits"), scalar(&after, "decisions"), after["chips"].as_f64()),
        (8.0, 10.0, Some(100.0))
    );
    assert!(scalar(&before, "enob") < 7.6 && scalar(&after, "enob") > 7.8, "{before} {after}");
    // Two steps of offset, one in a hundred of gain, over a hundred converters: means of their magnitudes.
    let mean_of_magnitude = (2.0 / std::f64::consts::PI).sqrt();
    assert!((number(&before, "Offset", 2) / (2.0 * mean_of_magnitude) - 1.0).abs() < 0.25, "{before}");
    assert!((number(&before, "Gain", 2) / mean_of_magnitude - 1.0).abs() < 0.25, "{before}");
    for name in ["offset", "gain_error"] {
        assert!(scalar(&after, name) < 0.2 * scalar(&before, name), "{name}: {after}");
    }
    // The table holds both: the same converters before it.
    for name in ["Effective bits", "Integral", "Differential"] {
        assert_eq!(number(&after, name, 3), number(&before, name, 3), "{name}");
    }
    assert_eq!(number(&after, "Effective bits", 5), scalar(&after, "enob"));
    // Curves over the codes 1 to 254, but for those that offset and gain cut off.
    for line in after["series"][0]["lines"].as_array().unwrap() {
        let x: Vec<f64> = line["x"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        assert!(x.len() > 235 && x[0] >= 1.0 && x[x.len() - 1] <= 254.0, "{x:?}");
        assert!(x.windows(2).all(|pair| pair[1] == pair[0] + 1.0), "{x:?}");
    }
    for file in ["report.html", "inl.csv", "dnl.csv", "converters.csv"] {
        assert!(dir.path().join("o").join(file).is_file(), "{file}");
    }
    let words = after["command"].as_str().unwrap();
    let shell = format!("set -- {words}; shift; exec \"$NEUROHM\" \"$@\" --json");
    let again = Command::new("sh")
        .args(["-c", &shell])
        .env("NEUROHM", env!("CARGO_BIN_EXE_neurohm"))
        .output()
        .unwrap();
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["scalars"], &again["id"]), (&after["scalars"], &after["id"]));
}

/// Redundancy helps little against them, and calibration makes more of them: what the caution says are counts alone.
#[test]
fn missing_codes_are_counted_with_and_without_redundancy_and_calibration() {
    let dir = folder();
    // Converters with such codes, and the most in one of them, as the caution says; those before calibration behind.
    let said = |found: &Value| -> Vec<f64> {
        let notes = found["notes"].as_array().unwrap().iter().map(|note| note["text"].as_str().unwrap());
        let note = notes.filter(|text| text.contains("never come")).collect::<Vec<_>>().concat();
        assert!(note.contains("at most") && !note.contains("redundancy"), "{note}");
        note.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
    };
    let with = |more: &str| {
        let setting = format!("chip.adc.uniform.mismatch={{unit_capacitor = 0.05{more}}}");
        let found = measured(dir.path(), &["--set", &setting]);
        (said(&found), found)
    };
    let name = "Codes within the range";
    let (plain, found) = with("");
    assert_eq!(plain[1..], [100.0, number(&found, name, 3)], "{found}");
    let (redundant, found) = with(", redundancy = 2");
    assert_eq!(redundant[1..], [100.0, number(&found, name, 3)], "{found}");
    assert!(redundant[0] > 0.5 * plain[0], "{redundant:?} {plain:?}");
    let (calibrated, found) = with(", redundancy = 2, calibration = {averages = 64, noise_lsb = 0.3}");
    assert_eq!(calibrated[2..], [number(&found, name, 5), redundant[0], redundant[2]], "{found}");
    assert!(calibrated[0] > redundant[0], "{calibrated:?} {redundant:?}");
}

#[test]
fn mid_scale_is_as_bent_as_its_capacitors_say() {
    // Worst of binary weights is mid-scale: sd(DNL) = sqrt(2^N - 1) sigma = 0.32 LSB, of which the mean magnitude is 0.26; other
    // carries make the worst of a converter larger.
    let dir = folder();
    let found = measured(dir.path(), &["--set", "chip.adc.uniform.mismatch={unit_capacitor = 0.02}"]);
    assert!((0.26..0.5).contains(&number(&found, "Differential", 2)), "{found}");
    assert_eq!(scalar(&found, "cut_off"), 0.0);
    assert_eq!(found["tables"][0]["columns"].as_array().unwrap().len(), 4);
}

#[test]
fn wrong_requests_say_what_to_do() {
    let dir = folder();
    for (args, says) in [
        ("default", "mismatch"),
        ("ideal", "each is ideal"),
        ("defaul", "(did you mean \"default\"?)"),
        ("default --set adc.uniform.resolution.bits=4", "chip.adc.uniform.resolution.bits=10"),
        ("default --set chip.adc.uniform.mismatch.unit_capacitor=0.5", "0.2"),
    ] {
        let out = run(dir.path(), ["converter"].into_iter().chain(args.split(' ')));
        let said = text(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.status.code() == Some(2) && said.contains(says), "{args}: {said}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
