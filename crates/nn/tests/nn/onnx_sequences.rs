//! Reading sequences: open lengths, batches behind steps, and what recurrent layers are refused for.

use crate::onnx_support::run;
use crate::onnx_support::wire::*;
use insta::assert_snapshot;
use neurohm_nn::Tensor;
use neurohm_nn::onnx::{self, Imported, Length, OnnxError, Open};

fn no_file(_: &str) -> Result<Vec<u8>, String> {
    Err("no such file".into())
}

fn read(graph: &[Vec<u8>], lengths: &[(&str, usize)]) -> Result<Imported, OnnxError> {
    let lengths: Vec<(String, usize)> = lengths.iter().map(|(n, l)| (n.to_string(), *l)).collect();
    onnx::read_with(&model(graph), &no_file, Open { sample: &[], lengths: &lengths })
}

fn error(graph: &[Vec<u8>], lengths: &[(&str, usize)]) -> String {
    read(graph, lengths).unwrap_err().to_string()
}

/// The mean over time of a signal of three channels.
fn means() -> Vec<Vec<u8>> {
    vec![
        named_input("x", &[("batch", -1), ("time", -1), ("", 3), ("", -1)]),
        named_input("z", &[("batch", -1), ("time", -1)]),
        output("y"),
        output("m"),
        node("ReduceMean", "mean", &["x"], &["y"], &[ints("axes", &[1, 3])]),
        node("ReduceMean", "other", &["z"], &["m"], &[ints("axes", &[1])]),
    ]
}

#[test]
fn open_lengths_are_named_and_given_by_name() {
    assert_snapshot!(error(&means(), &[]), @r#"
    neurohm cannot take this ONNX model, for 3 reasons:
      input "x": axis 1 (time) has no fixed length; give it one with --shape time=LENGTH, or export the model with a fixed one
      input "x": axis 3 (without a name) has no fixed length; give it one with --shape x.3=LENGTH, or export the model with a fixed one
      input "z": axis 1 (time) has no fixed length; give it one with --shape time=LENGTH, or export the model with a fixed one
    "#);
    assert_snapshot!(error(&means(), &[("time", 5), ("x.3", 2), ("Zeit", 4)]), @r#"
    neurohm cannot take this ONNX model, for one reason:
      dimension "Zeit": no input has an open length of that name; there are batch, time, x.3
    "#);
    assert!(error(&means(), &[("time", 0), ("x.3", 2)]).contains("axis 1 (time) cannot be empty"));
    let read = read(&means(), &[("time", 5), ("x.3", 2)]).unwrap();
    let shapes: Vec<_> = read.graph.inputs.iter().map(|&v| read.graph.values[v].shape.clone()).collect();
    assert_eq!(shapes, [vec![5, 3, 2], vec![5]]);
    assert!(read.inputs.iter().all(|p| p.batch_axis == 0));
}

#[test]
fn steps_may_stand_before_the_batch() {
    // What is left open once the first length is given is the batch.
    let graph = [
        named_input("x", &[("time", -1), ("n", -1), ("", 3)]),
        output("y"),
        floats("c", &[4, 1, 3], &(0..12).map(|v| v as f32).collect::<Vec<_>>()),
        node("Add", "sum", &["x", "c"], &["a"], &[]),
        floats("w", &[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
        node("MatMul", "fc", &["a", "w"], &["y"], &[]),
    ];
    let read = read(&graph, &[("time", 4)]).unwrap();
    let (input, output) = (&read.inputs[0], &read.outputs[0]);
    assert_eq!((input.batch_axis, output.batch_axis), (1, 1));
    assert_eq!(input.shape, [Length::Batch, Length::Fixed(4), Length::Fixed(3)]);
    // Two samples of four steps: x + c, then the sums of features 0 and 2, and 1 and 2.
    let x = Tensor { shape: vec![2, 4, 3], data: (0..24).map(|v| v as f32 * 10.0).collect() };
    let y = run(&read.graph, std::slice::from_ref(&x)).unwrap().remove(0);
    let at = |s: usize, t: usize, f: usize| x.data[(s * 4 + t) * 3 + f] + (t * 3 + f) as f32;
    let expected: Vec<f32> = (0..8)
        .flat_map(|i| {
            let (s, t) = (i / 4, i % 4);
            [at(s, t, 0) + at(s, t, 2), at(s, t, 1) + at(s, t, 2)]
        })
        .collect();
    assert_eq!(y.data, expected);
}

/// An LSTM of two states over three features, behind a transposition, with these inputs and attributes.
fn lstm(inputs: &[&str], extra: &[Vec<u8>], attributes: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut graph = vec![
        input("x", &[-1, 5, 3]),
        output("h"),
        floats("w", &[1, 8, 3], &[0.1; 24]),
        floats("r", &[1, 8, 2], &[0.1; 16]),
        node("Relu", "samples", &["x"], &["u"], &[]),
        node("Transpose", "steps", &["x"], &["t"], &[ints("perm", &[1, 0, 2])]),
        node("LSTM", "memory", inputs, &["", "h"], attributes),
    ];
    graph.extend_from_slice(extra);
    graph
}

#[test]
fn recurrent_layers_say_what_they_lack() {
    let graph = |inputs: &[&str], extra: &[Vec<u8>], attributes: &[Vec<u8>]| lstm(inputs, extra, attributes);
    let one = |inputs: &[&str], extra: &[Vec<u8>], attributes: &[Vec<u8>]| {
        let text = error(&graph(inputs, extra, attributes), &[]);
        text.lines().skip(1).map(str::trim).collect::<Vec<_>>().join("\n")
    };
    let plain = read(&graph(&["t", "w", "r"], &[], &[]), &[]).unwrap();
    assert_eq!(plain.graph.weighted_layers().len(), 2);
    assert_snapshot!(one(&["u", "w", "r"], &[], &[]), @r#"LSTM "memory": its sequence runs along axis 0 of "u", which is the batch here; export with batch_first=True, or with the input's second axis open"#);
    assert_snapshot!(one(&["t", "w", "r", "b"], &[floats("b", &[1, 8], &[0.0; 8])], &[]), @r#"LSTM "memory": B "b" of shape [1, 8], where [1, 16] is needed"#);
    assert_snapshot!(one(&["t", "w", "t"], &[], &[]), @r#"LSTM "memory": R "t" is computed while the network runs, where only a constant is supported"#);
    let lens = raw("l", 6, &[3], &[5, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0]);
    assert_snapshot!(one(&["t", "w", "r", "", "l"], &[lens], &[]), @r#"LSTM "memory": sequence_lens "l" holds 2; only whole sequences of 5 steps are supported"#);
    assert_snapshot!(one(&["t", "w", "r", "", "", "t"], &[], &[]), @r#"LSTM "memory": initial_h "t" is computed while the network runs, where only a constant is supported"#);
    assert_snapshot!(one(&["t", "w", "r", "", "", "s"], &[floats("s", &[1, 1, 3], &[0.0; 3])], &[]), @r#"LSTM "memory": initial_h "s" of shape [1, 1, 3] for 1 directions of 2 states"#);
    assert_snapshot!(one(&["t", "w", "r"], &[], &[texts("activations", &["Sigmoid", "ScaledTanh", "Tanh"])]), @r#"LSTM "memory": the activation ScaledTanh is not supported, only Sigmoid, Tanh, Relu, HardSigmoid, LeakyRelu, Elu, Softsign and Softplus"#);
    assert_snapshot!(one(&["t", "w", "r"], &[], &[text("direction", "bidirectional")]), @r#"LSTM "memory": R "r" of shape [1, 8, 2], where [2, 8, 2] is needed"#);
    assert_snapshot!(one(&["t", "w", "r"], &[], &[integer("hidden_size", 3)]), @r#"LSTM "memory": hidden_size 3 does not fit R "r" of shape [1, 8, 2]"#);
    let bad = floats("bad", &[1, 8, 2], &[f32::INFINITY; 16]);
    assert_snapshot!(one(&["t", "w", "bad"], &[bad], &[]), @r#"LSTM "memory": "bad" holds inf (element 0 of shape [1, 8, 2]); export the model from weights that are finite"#);
}

/// onnxruntime runs layout 0 only, so layout 1 is held against it: the same numbers with the axes where that puts them.
#[test]
fn both_layouts_say_the_same() {
    let number = |i: usize| ((i * 37 + 11) % 23) as f32 / 23.0 - 0.5;
    let draw = |n: usize, from: usize| (from..from + n).map(number).collect::<Vec<f32>>();
    let state = draw(4, 7);
    let network = |batch_first: bool| {
        let mut graph = vec![
            input("x", &[-1, 5, 3]),
            floats("w", &[2, 8, 3], &draw(48, 0)),
            floats("r", &[2, 8, 2], &draw(32, 50)),
            floats("b", &[2, 16], &draw(32, 90)),
            output("y"),
            output("h"),
            output("c"),
        ];
        let mut attributes = vec![text("direction", "bidirectional")];
        if batch_first {
            graph.push(floats("s", &[1, 2, 2], &state));
            attributes.push(integer("layout", 1));
            graph.push(node(
                "LSTM",
                "memory",
                &["x", "w", "r", "b", "", "s", "s"],
                &["y", "h", "c"],
                &attributes,
            ));
        } else {
            graph.push(floats("s", &[2, 1, 2], &state));
            graph.push(node("Transpose", "t", &["x"], &["t"], &[ints("perm", &[1, 0, 2])]));
            graph.push(node(
                "LSTM",
                "memory",
                &["t", "w", "r", "b", "", "s", "s"],
                &["a", "d", "e"],
                &attributes,
            ));
            graph.push(node("Transpose", "ty", &["a"], &["y"], &[ints("perm", &[2, 0, 1, 3])]));
            graph.push(node("Transpose", "th", &["d"], &["h"], &[ints("perm", &[1, 0, 2])]));
            graph.push(node("Transpose", "tc", &["e"], &["c"], &[ints("perm", &[1, 0, 2])]));
        }
        read(&graph, &[]).unwrap().graph
    };
    let x = [Tensor { shape: vec![3, 5, 3], data: draw(45, 200) }];
    let (first, second) = (run(&network(true), &x).unwrap(), run(&network(false), &x).unwrap());
    assert_eq!(first, second);
    assert_eq!([&first[0].shape[..], &first[2].shape], [&[3, 5, 2, 2][..], &[3, 2, 2]]);
}

#[test]
fn what_transformers_are_refused_for_is_named_at_once() {
    let graph = [
        input("x", &[-1, 4, 6]),
        output("y"),
        node("Einsum", "mixed", &["x", "x"], &["a"], &[text("equation", "bij,bkj->ik")]),
        node("Einsum", "diagonal", &["x"], &["b"], &[text("equation", "bii->bi")]),
        node("Einsum", "short", &["x"], &["c"], &[text("equation", "bi->bi")]),
        floats("table", &[9, 2], &[0.5; 18]),
        node("Gather", "words", &["table", "x"], &["d"], &[]),
        node("Attention", "fused", &["x", "x", "x"], &["e"], &[]),
        floats("k", &[5, 2, 3], &[0.5; 30]),
        node("ConvTranspose", "up", &["x", "k"], &["f"], &[]),
        node("Concat", "all", &["a", "b", "c", "d", "e", "f"], &["y"], &[integer("axis", 1)]),
    ];
    assert_snapshot!(error(&graph, &[]), @r#"
    this ONNX model is wrong in 3 places; mend it or export it again:
      Einsum "short": "bi" of "bi->bi" for a value with 3 axes
      ConvTranspose "up": weight "k" of shape [5, 2, 3] in 1 groups does not fit "x" of [batch, [4, 6]]
      Gather "words": the indices "x" are no whole numbers
    neurohm cannot take this ONNX model, for 3 reasons:
      Einsum "diagonal": "bii->bi" takes a diagonal, which is not supported
      Attention "fused": operator not supported
      Einsum "mixed": "bij,bkj->ik" mixes the samples of a batch
    "#);
}
