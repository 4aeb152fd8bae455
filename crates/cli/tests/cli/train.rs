//! Training: what is kept, what goes on, and what a network learns for a chip.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{folder, neurohm, run, text};

const DATA: &str = "strokes:train=600,test=200,seed=3";

fn trained(dir: &Path, args: &str) -> Output {
    run(dir, ["train"].into_iter().chain(args.split(' ')).chain(["--data", DATA]))
}

fn json(out: &Output) -> Value {
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_same_bits() {
    let dir = folder();
    let how = "--epochs 6 --weight-noise 0.1 --output-levels 255 --clip 2.5 --validation 0.2";
    json(&trained(dir.path(), &format!("mlp {how} -o whole.onnx --json")));
    assert!(
        !dir.path().join("whole.onnx.checkpoint").exists(),
        "a run that ended leaves nothing to go on with"
    );

    let kept = dir.path().join("cut.onnx.checkpoint");
    let args = format!("train mlp {how} -o cut.onnx --data {DATA}");
    let mut child = neurohm(dir.path()).args(args.split(' ')).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !kept.exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // On a very fast machine it may have come to its end before the signal did.
    if kept.exists() {
        let out = trained(dir.path(), &format!("mlp {how} -o cut.onnx --resume --json --seed 2"));
        assert_eq!(out.status.code(), Some(2));
        assert!(text(&out.stderr).contains("seed was 1, now 2"), "{}", text(&out.stderr));
        let epochs =
            json(&trained(dir.path(), &format!("mlp {how} -o cut.onnx --resume --json")))["epochs"].clone();
        assert_eq!(epochs.as_array().unwrap().len(), 6);
    }
    let bytes = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert!(bytes("whole.onnx") == bytes("cut.onnx"));
}

#[test]
fn a_network_learns_to_survive_noise_on_its_weights() {
    let dir = folder();
    json(&trained(dir.path(), "mlp --epochs 8 --rate 0.05 -o plain.onnx --json"));
    // Both learn as long again, one of them with noise.
    let further = "plain.onnx --epochs 8 --rate 0.05 --clip 2.5 --seed 2";
    json(&trained(dir.path(), &format!("{further} -o longer.onnx --json")));
    json(&trained(dir.path(), &format!("{further} --weight-noise 0.15 -o aware.onnx --json")));
    let accuracy = |model: &str| {
        let args =
            ["eval", model, "--data", DATA, "--chip", "pcm", "--times", "1year", "--chips", "6", "--json"];
        json(&run(dir.path(), args))["scalars"]["accuracy"]["value"].as_f64().unwrap()
    };
    let (longer, aware) = (accuracy("longer.onnx"), accuracy("aware.onnx"));
    assert!(aware > longer, "{longer} % without noise, {aware} % with it");
}

#[test]
fn the_noise_of_a_chip_is_measured_on_its_devices() {
    let dir = folder();
    let value = json(&trained(
        dir.path(),
        "mlp --epochs 1 --weight-noise chip --chip pcm --age 1day -o a.onnx --json",
    ));
    assert_eq!(value["settings"]["chip"], "pcm");
    let worse = json(&trained(dir.path(), "mlp --epochs 1 --weight-noise 3 -o b.onnx --json"));
    let loss = |v: &Value| v["epochs"][0]["loss"].as_f64().unwrap();
    assert!(loss(&value) < loss(&worse), "{} and {}", loss(&value), loss(&worse));
}

#[test]
fn training_ends_where_validation_sees_no_better_epoch() {
    let dir = folder();
    // At this rate nothing more is learned.
    let args = "mlp --epochs 50 --rate 1e-9 --validation 0.25 --patience 3 -o a.onnx --json";
    let value = json(&trained(dir.path(), args));
    let epochs = value["epochs"].as_array().unwrap().len();
    assert!(epochs < 50, "{epochs}");
    let seen = value["validation_accuracy"].as_array().unwrap();
    let best = seen.iter().map(|v| v.as_f64().unwrap()).fold(0.0, f64::max);
    let first = seen.iter().position(|v| v.as_f64().unwrap() == best).unwrap();
    assert_eq!((epochs, value["epoch"].as_u64().unwrap() as usize), (first + 4, first + 1));
}

#[test]
fn weights_of_three_values_are_what_is_written_and_the_curves_become_a_page() {
    let dir = folder();
    let args = "mlp --epochs 3 --weights ternary --report curves -o mlp.onnx --json";
    let value = json(&trained(dir.path(), args));
    assert!(value["scalars"]["test_accuracy"]["value"].as_f64().unwrap() > 50.0, "{value}");
    let bytes = std::fs::read(dir.path().join("mlp.onnx")).unwrap();
    let graph = ::neurohm::nn::onnx::read(&bytes, &|_| Err(String::new())).unwrap().graph;
    for layer in graph.weighted_layers() {
        let mut values: Vec<u32> = graph.params[layer.weight].data.iter().map(|w| w.to_bits()).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 3, "{}", layer.name);
    }
    let page = std::fs::read_to_string(dir.path().join("curves/report.html")).unwrap();
    assert!(page.contains("Learning rate of the last step of each epoch"));
    let loss = std::fs::read_to_string(dir.path().join("curves/loss.csv")).unwrap();
    assert_eq!(loss.lines().filter(|l| l.starts_with("training,")).count(), 3, "{loss}");
}

#[test]
fn learned_input_ranges_are_written_as_clips() {
    let dir = folder();
    json(&trained(dir.path(), "mlp --epochs 2 --input-levels 255 -o mlp.onnx --json"));
    let bytes = std::fs::read(dir.path().join("mlp.onnx")).unwrap();
    let graph = ::neurohm::nn::onnx::read(&bytes, &|_| Err(String::new())).unwrap().graph;
    use ::neurohm::nn::graph::{Activation, Op};
    let clip =
        |op: &Op| matches!(op, Op::Activate(Activation::Clip { min, max }) if *min == -max && *max > 0.0);
    assert_eq!(graph.nodes.iter().filter(|n| clip(&n.op)).count(), 3);
    // Further training takes the clips up again.
    json(&trained(dir.path(), "mlp.onnx --epochs 1 --input-ranges -o more.onnx --json"));
}

#[test]
fn mistakes_in_training_are_told() {
    let dir = folder();
    json(&trained(dir.path(), "mlp --epochs 1 -o mlp.onnx --json"));
    std::fs::write(dir.path().join("bad.onnx.checkpoint"), b"neurohmC nonsense").unwrap();
    for (args, part) in [
        ("mlp --resume -o none.onnx", "--resume goes on from"),
        ("mlp --resume -o bad.onnx", "not a checkpoint of this version"),
        ("mlp.onnx -o mlp.onnx", "would be written over"),
        ("mlq", "mlp"),
        ("mlp --weight-noise much", "give a number such as 0.05, or chip"),
        ("mlp --weight-noise 0.1 --chip pcm", "have no effect"),
        ("mlp --weight-levels 4", "odd numbers"),
        ("mlp --weights quaternary", "ternary"),
        ("mlp --output-levels 0", "odd numbers"),
        ("mlp --input-levels 8", "odd numbers"),
        ("mlp --clip 0", "clip"),
        ("mlp --validation 1e-6", "leaves none on one side"),
        ("mlp --patience 3", "--validation"),
        ("mlp --weight-noise chip --age parsecs", "--age parsecs"),
    ] {
        let out = trained(dir.path(), args);
        assert_eq!(out.status.code(), Some(2), "{args}: {}", text(&out.stderr));
        let said = text(&out.stderr).split_whitespace().filter(|w| *w != "│").collect::<Vec<_>>().join(" ");
        assert!(said.contains(part), "{args}: {said}");
    }
}
