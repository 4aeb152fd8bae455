//! `neurohm cost`: what a network costs on a chip, beside other machines.

use super::*;

const LAYERS: &str = "name,rows,columns,products\nfirst,27,16,64\nsecond,144,32,16\nscores,128,10,1\n";

#[test]
fn a_network_is_priced_and_its_parts_sum_to_the_whole() {
    let dir = folder();
    let out = run(dir.path(), ["cost", "resnet8", "--json", "--out", "c"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let record: Value = serde_json::from_slice(&out.stdout).unwrap();
    let energy = record["scalars"]["energy"]["value"].as_f64().unwrap();
    let table = |name: &str| {
        let all = record["tables"].as_array().unwrap();
        all.iter().find(|t| t["name"] == name).unwrap()["rows"].as_array().unwrap().clone()
    };
    let bill = table("bill");
    let (whole, parts) = bill.split_last().unwrap();
    let sum: f64 = parts.iter().map(|row| row[1].as_f64().unwrap()).sum();
    assert!((sum / energy - 1.0).abs() < 1e-9 && (whole[1].as_f64().unwrap() / energy - 1.0).abs() < 1e-12);
    // Multiply-accumulates of the network itself: 12.5 million.
    assert_eq!(record["tally"]["macs"], 12_501_632.0);
    let machines: Vec<_> = table("baselines").iter().map(|row| row[0].as_str().unwrap().to_owned()).collect();
    assert_eq!(machines.len(), 5, "{machines:?}");
    // Every constant says where it comes from.
    assert!(table("constants").iter().all(|row| !row[3].as_str().unwrap().is_empty()));
    for file in [
        "report.html",
        "bill.csv",
        "layers.csv",
        "baselines.csv",
        "constants.csv",
        "standby.csv",
        "placement.csv",
    ] {
        assert!(dir.path().join("c").join(file).is_file(), "{file}");
    }
    let command = record["command"].as_str().unwrap();
    let words = command.split(' ').skip(1).chain(["--json"]);
    let again: Value = serde_json::from_slice(&run(dir.path(), words).stdout).unwrap();
    assert_eq!(again["scalars"], record["scalars"]);
}

#[test]
fn an_onnx_file_gives_the_layers_of_the_network_it_holds() {
    let dir = folder();
    let model =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../nn/tests/fixtures/onnx/torch_resnet8a_dynamo/model.onnx");
    let out =
        run(dir.path(), ["cost", model, "--json", "--chip", "pcm", "--technology", "neurosim_like_22nm"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let record: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(record["scalars"]["tops_per_watt"]["value"].as_f64().unwrap() > 0.0);
    assert_eq!(record["device"], "pcm");
}

/// What a person reads.
#[test]
fn a_table_of_layers_is_priced_in_words() {
    let dir = folder();
    std::fs::write(dir.path().join("layers.csv"), LAYERS).unwrap();
    let args = ["cost", "--layers", "layers.csv", "--quiet", "--no-duplicates"];
    let out = run(dir.path(), args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(text(&out.stderr), "");
    insta::assert_snapshot!(text(&out.stdout).lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    // A zero is a number on the page and here: memristors keep their weights at 0 W.
    let page = std::fs::read_to_string(dir.path().join("cost-layers-isaac_32nm/report.html")).unwrap();
    assert!(text(&out.stdout).contains(" 0\u{a0}W ") && text(&out.stdout).contains(" 0\u{a0}s "));
    assert!(page.contains(">0\u{a0}s</td>") && !page.contains(">–</td>"));
    // A negative area is told by us, not by the parser of options.
    let negative = run(dir.path(), ["cost", "mlp", "--area", "-5mm2"]);
    assert!(text(&negative.stderr).contains("-5mm2 is no area: give one above zero"));
    let listed = run(dir.path(), ["cost", "--technologies"]);
    assert!(text(&listed.stdout).contains("isaac_32nm") && text(&listed.stdout).contains("puma_32nm"));
}

#[test]
fn wrong_requests_say_what_to_do() {
    let dir = folder();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file("zero.csv", "name,rows,columns\nfirst,27,16\nsecond,0,4\n");
    file("words.csv", "name,rows,columns\nfirst,many,16\n");
    file("mine.toml", "preset = \"isaac_32nm\"\n[adc.point]\npowr = \"3 mW\"\n");
    for (args, words) in [
        ("cost resnet9", &["did you mean `resnet8`?", "strokes-mlp"][..]),
        ("cost", &["<NETWORK>"]),
        ("cost --layers zero.csv", &["layer 1 `second`", "rows is 0"]),
        ("cost --layers words.csv", &["words.csv", "line 2", "`many`"]),
        ("cost missing.onnx", &["cannot read missing.onnx"]),
        ("cost mlp --technology isac_32nm", &["did you mean `isaac_32nm`?"]),
        ("cost mlp --technology ./mine.toml", &["adc.point.powr", "did you mean `power`?", "mine.toml:3"]),
        ("cost mlp --chip peer", &["8 bits", "adc.survey"]),
        ("cost mlp --device vteam_memtorch", &["characterise"]),
        ("cost mlp --set adc=1", &["technology.", "chip."]),
        ("cost mlp --set technology.organisation.tiles=0", &["organisation.tiles", "0 is not from 1"]),
        ("cost mlp --area 20mm2", &["20 mm2", "allow more area"]),
        ("cost mlp --area 20", &["no unit"]),
    ] {
        let out = run(dir.path(), args.split(' '));
        assert_eq!(out.status.code(), Some(2), "{args}: {}", text(&out.stderr));
        let shown = text(&out.stderr).replace("\n  │ ", " ").replace("\n        ", " ");
        assert!(words.iter().all(|word| shown.contains(word)), "{args}: {shown}");
    }
    assert_eq!(files(dir.path()).len(), 3, "nothing is left behind");
}

#[test]
fn a_network_beyond_the_chip_is_run_in_rounds_and_says_so() {
    let dir = folder();
    let args = "cost mlp --json --set technology.organisation.tiles=1 --set technology.organisation.cores_per_tile=1 \
                --set chip.tile.rows=64 --set chip.tile.columns=32";
    let out = run(dir.path(), args.split_whitespace());
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let record: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(record["scalars"]["reload_energy"]["value"].as_f64().unwrap() > 0.0);
    assert!(record["notes"].to_string().contains("exceeds the chip"));
    let batch: Value =
        serde_json::from_slice(&run(dir.path(), args.split_whitespace().chain(["--batch", "1000"])).stdout)
            .unwrap();
    let energy = |r: &Value| r["scalars"]["energy"]["value"].as_f64().unwrap();
    assert!(energy(&batch) < energy(&record) / 10.0);
}

#[test]
fn redundant_decisions_and_calibration_are_items_of_their_own() {
    let dir = folder();
    let priced = |more: &[&str]| -> Value {
        let out = run(dir.path(), ["cost", "mlp", "--json"].iter().chain(more).copied());
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let how = "chip.adc.uniform.mismatch={unit_capacitor = 0.05, redundancy = 2, calibration = {averages = 4, noise_lsb = 0.3}}";
    let (plain, with) = (priced(&[]), priced(&["--set", how]));
    let row = |record: &Value, name: &str| -> Option<f64> {
        let tables = record["tables"].as_array().unwrap();
        let bill = tables.iter().find(|t| t["name"] == "bill").unwrap()["rows"].as_array().unwrap();
        bill.iter().find(|row| row[0] == name).map(|row| row[1].as_f64().unwrap())
    };
    // ISAAC's rate counts conversions of 8 decisions.
    let extra = row(&with, "redundant decisions of ADCs").unwrap();
    assert!((extra / row(&plain, "ADCs").unwrap() - 0.25).abs() < 1e-9);
    assert_eq!(row(&plain, "redundant decisions of ADCs"), None);
    let scalar = |record: &Value, name: &str| record["scalars"][name]["value"].as_f64();
    let more = scalar(&with, "energy").unwrap() - scalar(&plain, "energy").unwrap();
    assert!((more / extra - 1.0).abs() < 1e-6, "{more} {extra}");
    assert!(
        scalar(&with, "calibration_energy").unwrap() > 0.0 && scalar(&plain, "calibration_energy").is_none()
    );
    // Waking up costs the calibration: rare samples of a chip that is off draw that much more.
    let last = |record: &Value| {
        let line = record["series"][0]["lines"][0].clone();
        let end = |key: &str| line[key].as_array().unwrap().last().unwrap().as_f64().unwrap();
        end("x") * end("y")
    };
    let wakes = last(&with) - last(&plain) - more;
    assert!((wakes / scalar(&with, "calibration_energy").unwrap() - 1.0).abs() < 1e-6, "{wakes}");
    assert!(with["notes"].to_string().contains("44 measurements"));
}
