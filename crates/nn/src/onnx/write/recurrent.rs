//! Recurrent layers as `LSTM`, `GRU` and `RNN`.

use std::collections::HashMap;

use crate::graph::{Activation, Cell, Graph, Node, Op, Recurrence, ValueId};
use crate::onnx::proto;

use super::{Writer, attribute, float, int, matrix};

/// Dense layers that only the steps of a recurrent layer read, by the value between them: the two are one operator.
pub(super) fn joined(graph: &Graph) -> HashMap<ValueId, &Node> {
    let mut readers = vec![0; graph.values.len()];
    graph.nodes.iter().flat_map(|n| &n.inputs).chain(&graph.outputs).for_each(|&v| readers[v] += 1);
    let maker: HashMap<ValueId, &Node> = graph.nodes.iter().map(|n| (n.output, n)).collect();
    let recurrent = graph.nodes.iter().filter(|n| matches!(n.op, Op::Recurrent(_)));
    recurrent
        .filter_map(|n| maker.get(&n.inputs[0]))
        .filter(|dense| matches!(dense.op, Op::Dense { .. }) && readers[dense.output] == 1)
        .map(|dense| (dense.output, *dense))
        .collect()
}

impl Writer<'_> {
    /// Writes the steps, with the dense layer before them where nothing else reads that, and with the identity otherwise.
    pub(super) fn recurrent(&mut self, node: &Node, r: &Recurrence) -> Result<(), String> {
        let graph = self.graph;
        let (hidden, columns, weight) = matrix(&graph.params[r.weight])?;
        let (input, w, inputs, before) = match self.joined.get(&node.inputs[0]) {
            Some(Node { op: Op::Dense { weight, bias }, inputs: from, .. }) => {
                let (inputs, _, data) = matrix(&graph.params[*weight])?;
                (from[0], turned(data, inputs, columns), inputs, *bias)
            }
            _ => {
                let one = |i: usize| f32::from(u8::from(i / columns == i % columns));
                (node.inputs[0], (0..columns * columns).map(one).collect(), columns, None)
            }
        };
        let name = |what: &str| format!("{}.{what}", node.name);
        let x = self.names[input].clone();
        // Operators of version 17 that put the batch first are not run by every runtime.
        let mut list = vec![self.transpose(&x, &[1, 0, 2])];
        list.push(self.floats(&name("W"), &[1, columns, inputs], &w));
        list.push(self.floats(&name("R"), &[1, columns, hidden], &turned(weight, hidden, columns)));
        let half =
            |id: Option<usize>| id.map_or_else(|| vec![0.0; columns], |id| graph.params[id].data.clone());
        let bias = [half(before), half(r.bias)].concat();
        let mut optional = vec![String::new(); 5];
        if before.is_some() || r.bias.is_some() {
            optional[0] = self.floats(&name("B"), &[1, 2 * columns], &bias);
        }
        for (place, id) in [(2, r.hidden), (3, r.state)] {
            if let Some(id) = id {
                optional[place] =
                    self.every(&x, &name(if place == 2 { "initial_h" } else { "initial_c" }), id);
            }
        }
        if let Some(id) = r.peepholes {
            optional[4] = self.floats(&name("P"), &[1, 3 * hidden], &graph.params[id].data);
        }
        while optional.last().is_some_and(String::is_empty) {
            optional.pop();
        }
        list.extend(optional);
        let mut attributes = vec![int("hidden_size", hidden as i64)];
        let (op, functions) = match r.cell {
            Cell::Simple { activation } => ("RNN", vec![activation]),
            Cell::Lstm { gate, candidate, output, coupled } => {
                if coupled {
                    attributes.push(int("input_forget", 1));
                }
                ("LSTM", vec![gate, candidate, output])
            }
            Cell::Gru { gate, candidate, reset_after } => {
                attributes.push(int("linear_before_reset", reset_after.into()));
                ("GRU", vec![gate, candidate])
            }
        };
        if r.reverse {
            attributes.push(proto::Attribute {
                s: Some(b"reverse".to_vec()),
                ..attribute("direction", proto::KIND_STRING)
            });
        }
        if let Some(clip) = r.clip {
            attributes.push(float("clip", clip));
        }
        attributes.extend(named(&functions)?);
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let [y, last, state] = ["Y", "Y_h", "Y_c"].map(|what| self.unique(&name(what)));
        let outputs: &[&str] = if r.keep_state { &[&y, &last, &state] } else { &[&y] };
        self.add_many(op, &list, attributes, outputs);
        let axes = self.whole(&name("direction"), &[1]);
        let steps = self.add("Squeeze", &[&y, &axes], vec![]);
        let out = self.names[node.output].clone();
        if !r.keep_state {
            self.add_to("Transpose", &[&steps], vec![super::ints("perm", &[1, 0, 2])], &out);
            return Ok(());
        }
        let (steps, state) = (self.transpose(&steps, &[1, 0, 2]), self.transpose(&state, &[1, 0, 2]));
        self.add_to("Concat", &[&steps, &state], vec![int("axis", 1)], &out);
        Ok(())
    }

    /// A state that is the same for every sample: `[1, batch, hidden]` for the batch of `x`.
    fn every(&mut self, x: &str, name: &str, id: usize) -> String {
        let data = &self.graph.params[id].data;
        let one = self.floats(name, &[1, 1, data.len()], data);
        let batch = self.add("Shape", &[x], vec![int("start", 0), int("end", 1)]);
        let ones = self.whole(&format!("{name}.ones"), &[1]);
        let shape = self.add("Concat", &[&ones, &batch, &ones], vec![int("axis", 0)]);
        self.add("Expand", &[&one, &shape], vec![])
    }
}

/// `[rows, columns]` to `[columns, rows]`.
fn turned(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| data[r * columns + c])).collect()
}

/// The attributes that name the activations.
fn named(functions: &[Activation]) -> Result<Vec<proto::Attribute>, String> {
    let (mut names, mut alpha, mut beta) = (Vec::new(), Vec::new(), Vec::new());
    for f in functions {
        names.push(match *f {
            Activation::Sigmoid => "Sigmoid",
            Activation::Tanh => "Tanh",
            Activation::Relu => "Relu",
            Activation::Softsign => "Softsign",
            Activation::Softplus => "Softplus",
            Activation::LeakyRelu { slope } => {
                alpha.push(slope);
                "LeakyRelu"
            }
            Activation::Elu { alpha: a } => {
                alpha.push(a);
                "Elu"
            }
            Activation::HardSigmoid { alpha: a, beta: b } => {
                alpha.push(a);
                beta.push(b);
                "HardSigmoid"
            }
            other => return Err(format!("ONNX has no recurrent layer with {other:?}")),
        });
    }
    let names = names.into_iter().map(|n| n.as_bytes().to_vec()).collect();
    let mut list = vec![proto::Attribute { strings: names, ..attribute("activations", proto::KIND_STRINGS) }];
    for (name, floats) in [("activation_alpha", alpha), ("activation_beta", beta)] {
        if !floats.is_empty() {
            list.push(proto::Attribute { floats, ..attribute(name, proto::KIND_FLOATS) });
        }
    }
    Ok(list)
}
