//! What is said about files that are damaged, or use what is not supported: where, what, why, all at once.

use crate::onnx_support::wire::*;
use insta::assert_snapshot;
use neurohm_nn::onnx::{self, OnnxError};

fn no_file(_: &str) -> Result<Vec<u8>, String> {
    Err("no such file".into())
}

fn error(graph: &[Vec<u8>]) -> String {
    onnx::read(&model(graph), &no_file).unwrap_err().to_string()
}

/// The error of a model with one node over an input of the given shape.
fn node_error(dims: &[i64], extra: &[Vec<u8>], node: Vec<u8>) -> String {
    let mut graph = vec![input("x", dims), output("y"), node];
    graph.extend_from_slice(extra);
    error(&graph)
}

#[test]
fn everything_unsupported_is_named_at_once_and_sorted() {
    let graph = [
        input("x", &[-1, 3, 8, 8]),
        floats("w", &[4, 3, 3, 3], &[0.1; 108]),
        node("Conv", "conv", &["x", "w"], &["a"], &[text("auto_pad", "SAME_MIDDLE"), integer("deform", 1)]),
        node("LSTM", "memory", &["a"], &["b"], &[text("direction", "sideways")]),
        node("DequantizeLinear", "", &["b"], &["c"], &[]),
        node("Pad", "border", &["c"], &["d"], &[text("mode", "mirror")]),
        node("Loop", "loop", &["d"], &["e"], &[]),
        // Nothing hangs on this one, so it does not matter.
        node("NonMaxSuppression", "unused", &["x"], &["z"], &[]),
        output("e"),
    ];
    assert_snapshot!(error(&graph), @r#"
    this ONNX model is wrong in one place; mend it or export it again:
      LSTM "memory": W or R is missing
    neurohm cannot take this ONNX model, for 6 reasons:
      Pad "border": mode = "mirror" is not supported, only constant, edge, reflect, wrap
      DequantizeLinear "c": quantised models are not supported; export the float model and let the chip quantise
      Conv "conv": attribute deform is not supported
      Conv "conv": auto_pad = "SAME_MIDDLE" is not supported, only NOTSET, SAME_UPPER, SAME_LOWER, VALID
      Loop "loop": control flow is not supported
      LSTM "memory": direction = "sideways" is not supported, only forward, reverse, bidirectional
    "#);
}

#[test]
fn open_shapes_and_types_of_inputs() {
    assert_snapshot!(node_error(&[-1, 3, -1, 32], &[], node("Relu", "r", &["x"], &["y"], &[])), @r#"
    neurohm cannot take this ONNX model, for one reason:
      input "x": axis 2 (n) has no fixed length; give it one with --shape n=LENGTH, or export the model with a fixed one
    "#);
    assert_snapshot!(node_error(&[], &[], node("Relu", "r", &["x"], &["y"], &[])), @r#"
    neurohm cannot take this ONNX model, for one reason:
      input "x": is a single number, without a batch axis
    "#);
    let open = [input("x", &[-1, 3, -1, -1]), output("y"), node("Relu", "r", &["x"], &["y"], &[])];
    let none = |_: &str| Err(String::new());
    for sample in [[3, 32, 24], [32, 24, 3]] {
        let graph = onnx::read_for(&model(&open), &none, &sample).unwrap().graph;
        assert_eq!(graph.values[graph.inputs[0]].shape, [3, 32, 24], "{sample:?}");
    }
    assert_snapshot!(onnx::read_for(&model(&open), &none, &[32, 32, 4]).unwrap_err().to_string(), @r#"
    neurohm cannot take this ONNX model, for 2 reasons:
      input "x": axis 2 (n) has no fixed length; samples of [32, 32, 4] do not give it one; give it one with --shape n=LENGTH, or export the model with a fixed one
      input "x": axis 3 (n) has no fixed length; samples of [32, 32, 4] do not give it one; give it one with --shape n=LENGTH, or export the model with a fixed one
    "#);
    let two =
        [input("a", &[1, 4]), input("b", &[2, 4]), node("Add", "sum", &["a", "b"], &["y"], &[]), output("y")];
    assert_snapshot!(error(&two), @r#"
    neurohm cannot take this ONNX model, for one reason:
      input "b": its first axis is 2, that of "a" 1: no common batch
    "#);
}

#[test]
fn what_would_mix_the_samples_of_a_batch() {
    let one = |op: &str, dims: &[i64], inputs: &[&str], extra: &[Vec<u8>], attributes: &[Vec<u8>]| {
        node_error(dims, extra, node(op, "step", inputs, &["y"], attributes))
    };
    assert_snapshot!(one("Reshape", &[-1, 4, 6], &["x", "s"], &[longs("s", &[1, -1])], &[]), @r#"
    neurohm cannot take this ONNX model, for one reason:
      Reshape "step": shape [1, -1] has a fixed first length while the batch is open
    "#);
    assert_snapshot!(one("Reshape", &[2, 4, 6], &["x", "s"], &[longs("s", &[3, 16])], &[]), @r#"
    neurohm cannot take this ONNX model, for one reason:
      Reshape "step": shape [3, 16] does not keep the batch of 2 in front
    "#);
    assert_snapshot!(one("Reshape", &[-1, 4, 6], &["x", "s"], &[longs("s", &[-1, 5])], &[]), @r#"
    this ONNX model is wrong in one place; mend it or export it again:
      Reshape "step": shape [-1, 5] does not hold the 24 elements of each sample
    "#);
    assert_snapshot!(one("Softmax", &[-1, 4], &["x"], &[], &[integer("axis", 0)]), @r#"
    neurohm cannot take this ONNX model, for one reason:
      Softmax "step": works along the batch axis
    "#);
    assert_snapshot!(one("ReduceMean", &[-1, 4], &["x"], &[], &[]), @r#"
    neurohm cannot take this ONNX model, for one reason:
      ReduceMean "step": reduces over all axes, the batch among them
    "#);
    assert_snapshot!(one("Add", &[-1, 4], &["x", "c"], &[floats("c", &[2, 4], &[0.0; 8])], &[]), @r#"
    neurohm cannot take this ONNX model, for one reason:
      Add "step": a constant of shape [2, 4] differs from sample to sample
    "#);
    assert_snapshot!(one("MatMul", &[-1, 4], &["x", "x"], &[], &[]), @r#"
    neurohm cannot take this ONNX model, for one reason:
      MatMul "step": a product of computed matrices [batch, [4]] and [batch, [4]] mixes the samples of a batch
    "#);
    assert_snapshot!(one("Squeeze", &[1, 4, 1], &["x"], &[], &[]), @r#"
    neurohm cannot take this ONNX model, for one reason:
      Squeeze "step": drops every axis of length 1, the batch among them
    "#);
}

#[test]
fn shapes_that_disagree() {
    let w = floats("w", &[4, 3, 3, 3], &[0.1; 108]);
    let conv = |inputs: &[&str]| node("Conv", "conv", inputs, &["y"], &[]);
    assert_snapshot!(node_error(&[-1, 2, 8, 8], std::slice::from_ref(&w), conv(&["x", "w"])), @r#"
    this ONNX model is wrong in one place; mend it or export it again:
      Conv "conv": weight "w" of shape [4, 3, 3, 3] in 1 groups takes 3 channels, "x" has 2
    "#);
    assert_snapshot!(node_error(&[-1, 3, 2, 8], std::slice::from_ref(&w), conv(&["x", "w"])), @r#"
    this ONNX model is wrong in one place; mend it or export it again:
      Conv "conv": a window of 3 (dilation 1) does not fit 2 plus padding 0 and 0
    "#);
    let bias = floats("b", &[3], &[0.0; 3]);
    assert_snapshot!(node_error(&[-1, 3, 8, 8], &[w, bias], conv(&["x", "w", "b"])), @r#"
    this ONNX model is wrong in one place; mend it or export it again:
      Conv "conv": bias "b" of shape [3] for 4 channels
    "#);
    let dense = node("Gemm", "fc", &["x", "w"], &["y"], &[]);
    assert_snapshot!(node_error(&[-1, 5], &[floats("w", &[4, 2], &[0.0; 8])], dense), @r#"
    this ONNX model is wrong in one place; mend it or export it again:
      Gemm "fc": a weight of 4 inputs for a value of 5
    "#);
    let bad = floats("w", &[2, 2], &[1.0, f32::NAN, 0.5, 0.0]);
    assert_snapshot!(node_error(&[-1, 2], &[bad], node("MatMul", "fc", &["x", "w"], &["y"], &[])), @r#"
    this ONNX model is wrong in one place; mend it or export it again:
      MatMul "fc": "w" holds NaN (element 1 of shape [2, 2]); export the model from weights that are finite
    "#);
}

#[test]
fn what_is_wrong_behind_what_is_not_supported() {
    let mut bad = vec![0.1; 36];
    bad[7] = f32::INFINITY;
    let graph = [
        input("x", &[-1, 4]),
        output("y"),
        node("Scan", "memory", &["x"], &["a"], &[]),
        floats("k", &[4, 1, 3, 3], &bad),
        node("Conv", "conv", &["a", "k"], &["b"], &[integer("group", 3)]),
        floats("s", &[2], &[1.0; 2]),
        floats("m", &[3], &[1.0; 3]),
        node("BatchNormalization", "norm", &["b", "s", "s", "m", "s"], &["c"], &[]),
        floats("shift", &[1], &[f32::NAN]),
        node("Add", "shifted", &["c", "shift"], &["d"], &[]),
        floats("w", &[4, 2], &[0.1; 8]),
        node("Gemm", "fc", &["d", "w", "m"], &["e"], &[]),
        // Minus infinity hides what must not be seen: that is meant.
        floats("mask", &[1, 2], &[0.0, f32::NEG_INFINITY]),
        node("Add", "masked", &["e", "mask"], &["y"], &[]),
    ];
    assert_snapshot!(error(&graph), @r#"
    this ONNX model is wrong in 5 places; mend it or export it again:
      Conv "conv": "k" holds inf (element 7 of shape [4, 1, 3, 3]); export the model from weights that are finite
      Conv "conv": 3 groups do not divide the 4 filters of weight "k" of shape [4, 1, 3, 3]
      Gemm "fc": bias "m" of shape [3] for 2 outputs
      BatchNormalization "norm": mean "m" of shape [3] for 2 channels
      Add "shifted": "shift" holds NaN (element 0 of shape [1]); export the model from weights that are finite
    neurohm cannot take this ONNX model, for one reason:
      Scan "memory": control flow is not supported
    "#);
}

#[test]
fn files_that_are_damaged() {
    let relu = node("Relu", "r", &["x"], &["y"], &[]);
    assert_snapshot!(onnx::read(&[], &no_file).unwrap_err(), @r"malformed ONNX file: model: it holds no graph");
    assert_snapshot!(onnx::read(b"PK\x03\x04 a zip file", &no_file).unwrap_err(), @r"not a readable ONNX file: the file is cut short or no protobuf");
    let whole = model(&[input("x", &[-1, 4]), output("y"), relu.clone()]);
    assert!(onnx::read(&whole, &no_file).is_ok());
    assert_snapshot!(onnx::read(&whole[..whole.len() - 3], &no_file).unwrap_err(), @r"not a readable ONNX file: the file is cut short or no protobuf");
    assert_snapshot!(error(&[input("x", &[-1, 4]), relu.clone()]), @r"malformed ONNX file: graph: it has no output");
    assert_snapshot!(error(&[output("y"), relu.clone()]), @r#"malformed ONNX file: Relu "r": reads "x", which no input, initialiser or node makes"#);
    assert_snapshot!(error(&[input("x", &[-1, 4]), output("z"), relu.clone()]), @r#"malformed ONNX file: output "z": nothing makes it"#);
    assert_snapshot!(error(&[input("x", &[-1, 4]), output("y"), relu.clone(), relu.clone()]), @r#"malformed ONNX file: Relu "r": makes "y", which has another source already"#);
    let cycle = [
        input("x", &[-1, 4]),
        output("y"),
        node("Add", "one", &["x", "b"], &["a"], &[]),
        node("Relu", "two", &["a"], &["b"], &[]),
        node("Relu", "three", &["b"], &["y"], &[]),
    ];
    assert_snapshot!(error(&cycle), @r#"malformed ONNX file: Add "one": reads "b", which hangs on its own output: a cycle"#);
    let twice = [floats("w", &[1], &[1.0]), floats("w", &[1], &[2.0])];
    assert_snapshot!(node_error(&[-1, 4], &twice, relu), @r#"malformed ONNX file: initialiser "w": the name is used twice"#);
    let old = [bytes(8, int(2, 6)), bytes(7, output("y"))].concat();
    assert_snapshot!(onnx::read(&old, &no_file).unwrap_err(), @r#"
    neurohm cannot take this ONNX model, for one reason:
      opset "6": versions 7 to 25 are supported; export with opset_version=18
    "#);
}

#[test]
fn initialisers_that_are_damaged() {
    let with = |w: Vec<u8>| node_error(&[-1, 2], &[w], node("MatMul", "fc", &["x", "w"], &["y"], &[]));
    assert_snapshot!(with(raw("w", 1, &[2, 3], &[0; 20])), @r#"malformed ONNX file: initialiser "w": shape [2, 3] of float needs 6 values, but the data holds 5"#);
    assert_snapshot!(with(raw("w", 1, &[2, -3], &[0; 20])), @r#"malformed ONNX file: initialiser "w": shape [2, -3] has a negative length"#);
    assert_snapshot!(with(raw("w", 1, &[i64::MAX, i64::MAX], &[0; 4])), @r#"malformed ONNX file: initialiser "w": shape [9223372036854775807, 9223372036854775807] is larger than any memory"#);
    assert_snapshot!(with(raw("w", 8, &[2, 2], &[0; 16])), @r#"
    neurohm cannot take this ONNX model, for one reason:
      initialiser "w": holds string values, which are not supported
    "#);
    assert_snapshot!(with(outside("w", &[2, 2], &[("location", "../../secret")])), @r#"external data of initialiser "w" in "../../secret": must be the relative path of a file beside the model, without "..""#);
    assert_snapshot!(with(outside("w", &[2, 2], &[("location", "w.bin")])), @r#"external data of initialiser "w" in "w.bin": no such file"#);
}

#[test]
fn files_beside_the_model_are_read_within_their_bounds() {
    let graph = |entries: &[(&str, &str)]| {
        model(&[
            input("x", &[-1, 2]),
            output("y"),
            outside("w", &[2, 1], entries),
            node("MatMul", "fc", &["x", "w"], &["y"], &[]),
        ])
    };
    let beside = |name: &str| if name == "w.bin" { Ok(vec![0; 12]) } else { no_file(name) };
    assert!(onnx::read(&graph(&[("location", "w.bin"), ("offset", "4"), ("length", "8")]), &beside).is_ok());
    let outside = graph(&[("location", "w.bin"), ("offset", "8"), ("length", "8")]);
    let error = onnx::read(&outside, &beside).unwrap_err();
    assert!(matches!(error, OnnxError::External { .. }));
    assert_snapshot!(error, @r#"external data of initialiser "w" in "w.bin": 8 bytes from 8 on lie outside the file's 12 bytes"#);
}
