//! Trains the embedded networks again: `cargo run --release -p neurohm-studies --example train_embedded -- DIR`
//! writes them into DIR (`crates/studies/assets` holds what ships). Same machine class, same bytes.

use std::error::Error;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use neurohm_data::{Limits, Source, load};
use neurohm_nn::{Digital, Graph, Labelled, TrainConfig, evaluate, models, onnx, train};
use neurohm_num::{Key, Unwatched};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("name the folder to write to")?);
    let data = load(&Source::STROKES, Limits::default(), &Unwatched)?;
    let learn = data.train.ok_or("strokes have no training samples")?;
    let labels = learn.y.clone().ok_or("strokes have no labels")?;
    let judge_labels = data.test.y.clone().ok_or("strokes have no labels")?;
    let key = Key::root(1);
    let config = TrainConfig::default();
    let networks: [(&str, Graph); 2] = [
        ("strokes-mlp", models::mlp(&learn.shape, &[128, 64], 10, key.child("mlp", 0))),
        ("strokes-cnn", models::cnn(&learn.shape, 10, key.child("cnn", 0))),
    ];
    let mut out = std::io::stdout();
    for (name, mut graph) in networks {
        graph.infer_shapes()?;
        let samples = Labelled { x: learn.rows(), labels: &labels };
        train(&mut graph, samples, &config, key.child("training", 0), &Unwatched, |report, _| {
            let _ = writeln!(out, "{name}: epoch {} loss {:.4}", report.epoch, report.loss);
            ControlFlow::Continue(())
        })?;
        graph.fold_batch_norm();
        let test = Labelled { x: data.test.rows(), labels: &judge_labels };
        let accuracy = evaluate(&graph, test, &Digital, &Unwatched)?;
        graph.name = name.to_string();
        let bytes = onnx::write(&graph)?;
        writeln!(out, "{name}: test accuracy {:.2} %, {} bytes", 100.0 * accuracy, bytes.len())?;
        std::fs::write(dir.join(format!("{name}.onnx")), bytes)?;
    }
    Ok(())
}
