//! Hostile files: no panic, no allocation out of proportion, whatever the bytes are.
#![expect(clippy::print_stdout, reason = "tests say what they skip and what they measured")]

use crate::onnx_support::wire::*;
use crate::onnx_support::{cases, fixtures, run};
use neurohm_nn::onnx::{self, OnnxError};
use neurohm_nn::{Graph, Tensor};
use proptest::prelude::*;

/// Most memory that this process ever held, in MB; `None` where the system does not say.
fn peak_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
}

/// All tests of this file run in one process, so each may ask for the sum.
fn assert_small() {
    match peak_mb() {
        Some(mb) => assert!(mb < 700, "held {mb} MB at most"),
        None => println!("skipped: this system does not tell a process's peak memory"),
    }
}

fn no_file(_: &str) -> Result<Vec<u8>, String> {
    Err("no such file".into())
}

/// Reads, and where that succeeds checks and runs.
fn survive(bytes: &[u8]) {
    if let Ok(imported) = onnx::read(bytes, &no_file) {
        let graph = imported.graph;
        graph.validate().unwrap();
        onnx::write(&graph).unwrap();
        let largest = graph.values.iter().map(|v| v.shape.iter().product::<usize>()).max().unwrap_or(0);
        if graph.macs() < 1 << 22 && largest < 1 << 20 {
            let zeros = |&v: &usize| {
                let shape: Vec<usize> = [2].iter().chain(&graph.values[v].shape).copied().collect();
                Tensor { data: vec![0.5; shape.iter().product()], shape }
            };
            let inputs: Vec<Tensor> = graph.inputs.iter().map(zeros).collect();
            // Numbers that name no row of a table of tokens are the caller's.
            if let Err(error) = run(&graph, &inputs) {
                assert!(error.contains("names no row"), "{error}");
            }
        }
    }
}

fn committed() -> Vec<Vec<u8>> {
    cases(&fixtures()).iter().map(|c| std::fs::read(c.join("model.onnx")).unwrap()).collect()
}

#[test]
fn truncated_files_are_refused() {
    for bytes in committed() {
        for keep in (0..bytes.len()).step_by(1 + bytes.len() / 300) {
            // What is left may happen to be whole only if the cut lies between fields of the outermost message.
            survive(&bytes[..keep]);
        }
        assert!(onnx::read(&bytes[..bytes.len() / 2], &no_file).is_err());
    }
    assert_small();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn changed_bytes_do_no_harm(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        structure in any::<bool>(),
    ) {
        let files = committed();
        let mut bytes = file.get(&files).clone();
        let length = bytes.len();
        for (at, value) in changes {
            // Half of the time only near the ends, where structure is denser than weights.
            let at = at.index(length);
            let at = if structure && at % 2 == 0 { at % 600.min(length) } else { at };
            bytes[at] = value;
        }
        survive(&bytes);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes);
    }

    #[test]
    fn any_numbers_in_attributes_do_no_harm(
        op in prop::sample::select(vec!["Conv", "MaxPool", "AveragePool", "Pad", "Slice", "Split", "Transpose",
            "ReduceSum", "Squeeze", "Unsqueeze", "Flatten", "Softmax", "Gather", "DepthToSpace", "SpaceToDepth",
            "ConvTranspose", "Trilu"]),
        values in prop::collection::vec(prop::sample::select(vec![
            0, 1, 2, 3, -1, -2, 7, 1 << 20, 1 << 31, 1 << 40, i64::MAX, i64::MIN, i64::MIN + 1]), 0..9),
        other in prop::collection::vec(prop::sample::select(vec![0, 1, 2, -1, 1 << 31, i64::MAX, i64::MIN]), 0..5),
        one in prop::sample::select(vec![0, 1, 2, -1, 4, 1 << 33, i64::MAX, i64::MIN]),
        opset_inputs in any::<bool>(),
    ) {
        let attributes = [
            ("pads", &values), ("strides", &other), ("dilations", &other), ("kernel_shape", &values[..values.len().min(2)].to_vec()),
            ("axes", &other), ("starts", &values), ("ends", &values), ("split", &values), ("perm", &other),
            ("output_padding", &other),
        ].map(|(name, v)| (name, ints(name, v)));
        let allowed: &[&str] = match op {
            "Conv" => &["pads", "strides", "dilations"],
            "ConvTranspose" => &["pads", "strides", "dilations", "output_padding"],
            "MaxPool" | "AveragePool" => &["pads", "strides", "dilations", "kernel_shape"],
            "Pad" => &["pads"],
            "Slice" => &["starts", "ends", "axes"],
            "Split" => &["split"],
            "Transpose" => &["perm"],
            "ReduceSum" | "Squeeze" | "Unsqueeze" => &["axes"],
            _ => &[],
        };
        let mut list: Vec<Vec<u8>> =
            attributes.iter().filter(|(n, _)| allowed.contains(n)).map(|(_, a)| a.clone()).collect();
        match op {
            "Flatten" | "Softmax" | "Gather" | "Split" => list.push(integer("axis", one)),
            "DepthToSpace" | "SpaceToDepth" => list.push(integer("blocksize", one)),
            "Conv" | "ConvTranspose" => list.push(integer("group", one)),
            "Trilu" => list.push(integer("upper", one & 1)),
            "MaxPool" | "AveragePool" => list.push(integer("ceil_mode", one & 1)),
            _ => {}
        }
        let inputs: &[&str] = match op {
            "Conv" => &["x", "w"],
            "ConvTranspose" => &["x", "v"],
            "Trilu" => &["x", "i"],
            "Gather" => &["x", "i"],
            "Slice" if opset_inputs => &["x", "i", "j", "k", "k"],
            "Pad" | "Squeeze" | "Unsqueeze" | "ReduceSum" | "Split" if opset_inputs => &["x", "i"],
            _ => &["x"],
        };
        survive(&model(&[
            input("x", &[-1, 4, 6, 5]),
            output("y"),
            floats("w", &[2, 2, 3, 3], &[0.1; 36]),
            floats("v", &[4, 2, 3, 3], &[0.1; 72]),
            longs("i", &values),
            longs("j", &values),
            longs("k", &other),
            node(op, "n", inputs, &["y"], &list),
        ]));
        // The same on a constant, which is evaluated.
        survive(&model(&[
            input("x", &[-1, 4]),
            output("z"),
            floats("w", &[2, 2, 3, 3], &[0.1; 36]),
            longs("i", &values),
            longs("j", &values),
            longs("k", &other),
            node(op, "n", &[&["w"], &inputs[1..]].concat(), &["y"], &list),
            node("Flatten", "f", &["y"], &["g"], &[integer("axis", 0)]),
            node("ReduceSum", "r", &["g"], &["s"], &[]),
            node("Add", "a", &["x", "s"], &["z"], &[]),
        ]));
    }
}

/// The reason for refusing a chain of nodes on constants that ends in `c`.
fn bomb(nodes: &[Vec<u8>]) -> String {
    let mut graph = vec![input("x", &[-1, 4]), output("y")];
    graph.extend_from_slice(nodes);
    graph.push(node("ReduceSum", "sum", &["c"], &["s"], &[integer("keepdims", 0)]));
    graph.push(node("Add", "end", &["x", "s"], &["y"], &[]));
    onnx::read(&model(&graph), &no_file).unwrap_err().to_string()
}

#[test]
fn constants_that_unfold_without_end_are_refused() {
    let huge = longs("n", &[1 << 20, 1 << 19]);
    let one = floats("one", &[1, 1], &[1.0]);
    for nodes in [
        vec![huge.clone(), node("ConstantOfShape", "fill", &["n"], &["c"], &[])],
        vec![huge.clone(), one.clone(), node("Expand", "grow", &["one", "n"], &["c"], &[])],
        vec![huge, one.clone(), node("Tile", "grow", &["one", "n"], &["c"], &[])],
        vec![
            raw("a", 7, &[], &0i64.to_le_bytes()),
            raw("b", 7, &[], &(1i64 << 40).to_le_bytes()),
            raw("d", 7, &[], &1i64.to_le_bytes()),
            node("Range", "count", &["a", "b", "d"], &["c"], &[]),
        ],
    ] {
        let error = bomb(&nodes);
        assert!(error.contains("unfolds beyond what the file's size explains"), "{error}");
    }
    // Doubling again and again: each step is small beside the one before.
    let mut doubling = vec![one, node("Identity", "start", &["one"], &["d0"], &[])];
    for i in 0..60 {
        let (from, to) = (format!("d{i}"), if i == 59 { "c".into() } else { format!("d{}", i + 1) });
        doubling.push(node("Concat", &to, &[&from, &from], &[&to], &[integer("axis", 0)]));
    }
    assert!(bomb(&doubling).contains("unfolds beyond"));
    assert_small();
}

#[test]
fn one_constant_read_very_often_is_refused() {
    // A megabyte of weights that fifty thousand layers claim for themselves.
    let mut graph =
        vec![input("x", &[-1, 512]), floats("w", &[512, 512], &vec![0.0; 1 << 18]), output("y50000")];
    graph.push(node("Identity", "first", &["x"], &["y0"], &[]));
    for i in 0..50_000 {
        graph.push(node("MatMul", "", &[&format!("y{i}"), "w"], &[&format!("y{}", i + 1)], &[]));
    }
    let error = onnx::read(&model(&graph), &no_file).unwrap_err().to_string();
    assert!(error.contains("unfolds beyond"), "{}", &error[..200]);
    assert_small();
}

#[test]
fn values_that_grow_without_end_are_refused() {
    let pads = longs("p", &[0, 1 << 30, 0, 1 << 30]);
    let graph = [input("x", &[-1, 4]), output("y"), pads, node("Pad", "p", &["x", "p"], &["y"], &[])];
    let error = onnx::read(&model(&graph), &no_file).unwrap_err().to_string();
    assert!(error.contains("larger than"), "{error}");
    let mut graph = vec![input("x", &[-1, 1 << 20]), output("y20")];
    graph.push(node("Identity", "first", &["x"], &["y0"], &[]));
    for i in 0..20 {
        let (from, to) = (format!("y{i}"), format!("y{}", i + 1));
        graph.push(node("Concat", &to, &[&from, &from], &[&to], &[integer("axis", 1)]));
    }
    let error = onnx::read(&model(&graph), &no_file).unwrap_err().to_string();
    assert!(error.contains("larger than"), "{error}");
    assert_small();
}

#[test]
fn messages_within_messages_and_empty_ones() {
    // A subgraph in an attribute of a node in a subgraph ...: skipped without recursion.
    let mut inner = bytes(7, node("Relu", "r", &["x"], &["y"], &[]));
    for _ in 0..2000 {
        inner = bytes(6, bytes(1, bytes(5, inner)));
    }
    let deep = bytes(1, [bytes(2, "y"), bytes(4, "If"), bytes(5, inner)].concat());
    let error = onnx::read(&model(&[input("x", &[-1, 4]), output("y"), deep]), &no_file).unwrap_err();
    assert!(matches!(error, OnnxError::Refused(_)), "{error}");
    let empty = bytes(1, "").repeat(4 << 20);
    assert!(matches!(onnx::read(&model(&[empty]), &no_file), Err(OnnxError::Decode(_))));
    assert_small();
}

#[test]
fn a_long_chain_is_read_without_recursion_and_in_linear_time() {
    // Backwards in the file, so that it has to be sorted; every name the same, so that names have to be told apart.
    let mut nodes: Vec<Vec<u8>> = (0..40_000)
        .map(|i| node("Relu", "same", &[&format!("v{i}")], &[&format!("v{}", i + 1)], &[]))
        .collect();
    nodes.reverse();
    let mut graph = vec![input("v0", &[-1, 4]), output("v40000")];
    graph.append(&mut nodes);
    let graph: Graph = onnx::read(&model(&graph), &no_file).unwrap().graph;
    assert_eq!(graph.nodes.len(), 40_000);
    assert_eq!(graph.nodes[39_999].name, "same#40000");
}
