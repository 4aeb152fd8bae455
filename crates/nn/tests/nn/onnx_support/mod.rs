//! What the tests of ONNX share. Cases are as `validation/onnxruntime` makes them: a folder with a model, inputs and onnxruntime's outputs.
#![allow(dead_code)] // Each test uses its own part of this.

pub mod wire;

use std::path::{Path, PathBuf};

use neurohm_data::npy;
use neurohm_nn::onnx::{self, Imported, OnnxError};
use neurohm_nn::{Digital, Graph, Op, Tensor};
use neurohm_num::Unwatched;

/// Largest difference that counts as equal, in max|output|.
pub const ALLOWED: f32 = 1e-4;

/// Networks committed beside these tests.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx")
}

/// All folders below `root` that hold a model, sorted.
pub fn cases(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).unwrap_or_else(|e| panic!("{}: {e}", root.display()));
    let mut found: Vec<PathBuf> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.join("model.onnx").exists()).collect();
    found.sort();
    found
}

/// Reads a case's model, with what lies beside it.
pub fn read(case: &Path) -> Result<Imported, OnnxError> {
    let bytes = std::fs::read(case.join("model.onnx")).unwrap();
    onnx::read(&bytes, &|name| std::fs::read(case.join(name)).map_err(|e| e.to_string()))
}

pub fn run(graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
    neurohm_nn::run(graph, inputs, &Digital, 0, &Unwatched).map_err(|e| e.to_string())
}

fn tensor(path: &Path) -> Option<Tensor> {
    let bytes = std::fs::read(path).ok()?;
    let array = npy::read(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(Tensor { shape: array.shape, data: array.values.into_f32() })
}

fn tensors(case: &Path, batch: usize, kind: char) -> Vec<Tensor> {
    (0..).map_while(|i| tensor(&case.join(format!("b{batch}.{kind}{i}.npy")))).collect()
}

/// Inputs and expected outputs of every batch that a case has.
pub fn batches(case: &Path) -> Vec<(Vec<Tensor>, Vec<Tensor>)> {
    let of = |batch| (tensors(case, batch, 'x'), tensors(case, batch, 'y'));
    [1, 3, 17].map(of).into_iter().filter(|(x, _)| !x.is_empty()).collect()
}

/// Largest difference in max|expected|.
pub fn difference(got: &[Tensor], expected: &[Tensor]) -> Result<f32, String> {
    if got.len() != expected.len() {
        return Err(format!("{} outputs, expected {}", got.len(), expected.len()));
    }
    let mut worst = 0.0f32;
    for (g, e) in got.iter().zip(expected) {
        if g.shape != e.shape {
            return Err(format!("shape {:?}, expected {:?}", g.shape, e.shape));
        }
        let largest = e.data.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
        for (a, b) in g.data.iter().zip(&e.data) {
            let d = (a - b).abs() / largest;
            // NaN is the worst of all.
            worst = if d.is_nan() { f32::INFINITY } else { worst.max(d) };
        }
    }
    Ok(worst)
}

/// As [`difference`], for outputs of type float16: values that lie beside the border between two halves may round to
/// either, so that one element in a hundred (and one in any case) may be off by one step of a half.
pub fn difference_of_halves(got: &[Tensor], expected: &[Tensor]) -> Result<f32, String> {
    let mut tamed = got.to_vec();
    let (mut off, mut all) = (0, 0);
    for (g, e) in tamed.iter_mut().zip(expected) {
        all += e.data.len();
        for (a, &b) in g.data.iter_mut().zip(&e.data) {
            // Ten bits behind the leading one; halves below 2^-14 lie 2^-24 apart.
            let step = 2f32.powi(b.abs().max(2f32.powi(-14)).log2().floor() as i32 - 10);
            if *a != b && (*a - b).abs() <= step {
                (*a, off) = (b, off + 1);
            }
        }
    }
    if off > (all / 100).max(1) {
        return Err(format!("{off} of {all} elements round to the other half"));
    }
    difference(&tamed, expected)
}

/// Number of transpositions in a graph.
pub fn transposes(graph: &Graph) -> usize {
    graph.nodes.iter().filter(|n| matches!(n.op, Op::Transpose { .. })).count()
}

/// Runs a case: as read, with batch norms folded, and written and read again. The worst difference.
pub fn check(case: &Path) -> Result<f32, String> {
    let imported = read(case);
    if case.join("refused").exists() {
        return match imported {
            Err(OnnxError::Refused(_)) => Ok(0.0),
            other => Err(format!("should be refused as unsupported, got {other:?}")),
        };
    }
    let imported = imported.map_err(|e| e.to_string())?;
    let mut folded = imported.graph.clone();
    folded.fold_batch_norm();
    let written = onnx::write(&imported.graph).map_err(|e| format!("writing: {e}"))?;
    // For `validation/onnxruntime/check_written.py`.
    if let (Some(folder), Some(name)) = (std::env::var_os("NEUROHM_ONNX_WRITTEN"), case.file_name()) {
        std::fs::write(Path::new(&folder).join(name).with_extension("onnx"), &written).unwrap();
    }
    let again = onnx::read(&written, &|_| Err("no file".into())).map_err(|e| format!("reading back: {e}"))?;
    let mut worst = 0.0f32;
    let batches = batches(case);
    let difference = if case.join("half").exists() { difference_of_halves } else { difference };
    if batches.is_empty() {
        return Err("no inputs".into());
    }
    for (inputs, expected) in batches {
        for (what, graph) in [("", &imported.graph), ("folded: ", &folded), ("read back: ", &again.graph)] {
            let got = run(graph, &inputs).map_err(|e| format!("{what}{e}"))?;
            let d = difference(&got, &expected).map_err(|e| format!("{what}{e}"))?;
            if d > ALLOWED {
                return Err(format!(
                    "{what}differs by {d:.2e} of max|output| at batch {}",
                    inputs[0].shape[0]
                ));
            }
            worst = worst.max(d);
        }
    }
    Ok(worst)
}
