//! Networks that are one step behind the other, for cases whose weights come from the peer.

use neurohm_nn::graph::{Node, Op, Value, Window};
use neurohm_nn::{Graph, Tensor};

use crate::Result;

/// A graph that applies `steps` in turn to an input of `shape` (without the batch, channels last).
pub fn chain(shape: &[usize], params: Vec<Tensor>, steps: Vec<Op>) -> Result<Graph> {
    let value = |i: usize| Value {
        name: format!("value{i}"),
        shape: if i == 0 { shape.to_vec() } else { Vec::new() },
    };
    let mut graph = Graph {
        name: "chain".to_owned(),
        values: (0..=steps.len()).map(value).collect(),
        params,
        inputs: vec![0],
        outputs: vec![steps.len()],
        nodes: Vec::new(),
    };
    for (i, op) in steps.into_iter().enumerate() {
        graph.nodes.push(Node { name: format!("step{i}"), op, inputs: vec![i], output: i + 1 });
    }
    graph.infer_shapes()?;
    Ok(graph)
}

/// A dense layer whose weight and bias are parameters `at` and `at + 1`.
pub fn dense(at: usize) -> Op {
    Op::Dense { weight: at, bias: Some(at + 1) }
}

/// A 3x3 window with padding 1.
pub fn three_by_three() -> Window {
    Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad: [1; 4] }
}

/// Largest of every 2x2 square.
pub fn pool() -> Op {
    Op::MaxPool(Window { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0; 4] })
}
