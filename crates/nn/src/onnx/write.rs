//! A layer graph becomes an ONNX file (operator set 17) that onnxruntime runs with the same result.

mod recurrent;

use std::collections::{HashMap, HashSet};

use prost::Message;

use crate::error::NnError;
use crate::graph::{Activation, Binary, Graph, Node, Op, Reduce, Tensor, ValueId, Window};

use super::build::Names;
use super::proto::{self, element};

/// Makes an ONNX file of a graph. Inputs and outputs keep the graph's layout, with an open batch in front.
///
/// # Errors
/// The graph's own, where it does not [`validate`](Graph::validate).
pub fn write(graph: &Graph) -> Result<Vec<u8>, NnError> {
    graph.validate()?;
    let joined = recurrent::joined(graph);
    let (file, names, taken) = (proto::Graph::default(), Vec::new(), Names::default());
    let mut w = Writer { graph, file, names, taken, joined, indices: HashMap::new() };
    w.names = graph.values.iter().map(|v| w.unique(&v.name)).collect();
    w.file.name = if graph.name.is_empty() { "network".into() } else { graph.name.clone() };
    // What names rows of a table is handed over as whole numbers; others read them as floats.
    let looked_up =
        |v: &ValueId| graph.nodes.iter().any(|n| matches!(n.op, Op::Embed { .. }) && n.inputs[0] == *v);
    for &v in &graph.inputs {
        let name = w.names[v].clone();
        let mut info = w.info(&name, v);
        if looked_up(&v) {
            if let Some(tensor) = info.kind.as_mut().and_then(|k| k.tensor.as_mut()) {
                tensor.element = element::INT64;
            }
            w.indices.insert(v, name.clone());
            let others =
                graph.nodes.iter().any(|n| !matches!(n.op, Op::Embed { .. }) && n.inputs.contains(&v));
            if others || graph.outputs.contains(&v) {
                w.names[v] = w.add("Cast", &[&name], vec![int("to", element::FLOAT.into())]);
            }
        }
        w.file.input.push(info);
    }
    for (i, node) in
        graph.nodes.iter().enumerate().filter(|(_, n)| !w.joined.contains_key(&n.output)).collect::<Vec<_>>()
    {
        w.node(node).map_err(|detail| graph.node_error(i, detail))?;
    }
    let mut listed: HashSet<ValueId> = graph.inputs.iter().copied().collect();
    for &v in &graph.outputs {
        let mut name = w.names[v].clone();
        // An output must have a node of its own.
        if !listed.insert(v) {
            name = w.add("Identity", &[&name], vec![]);
        }
        let info = w.info(&name, v);
        w.file.output.push(info);
    }
    let model = proto::Model {
        ir_version: 8,
        producer_name: "neurohm".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(w.file),
        opset_import: vec![proto::Opset { domain: String::new(), version: 17 }],
    };
    Ok(model.encode_to_vec())
}

struct Writer<'a> {
    graph: &'a Graph,
    file: proto::Graph,
    /// The file's name of each value.
    names: Vec<String>,
    taken: Names,
    /// Dense layers that are written with the recurrent layer behind them, by what they make.
    joined: HashMap<ValueId, &'a Node>,
    /// What inputs of whole numbers are called.
    indices: HashMap<ValueId, String>,
}

fn attribute(name: &str, kind: i32) -> proto::Attribute {
    proto::Attribute { name: name.into(), kind, ..Default::default() }
}
fn int(name: &str, value: i64) -> proto::Attribute {
    proto::Attribute { i: Some(value), ..attribute(name, proto::KIND_INT) }
}
fn float(name: &str, value: f32) -> proto::Attribute {
    proto::Attribute { f: Some(value), ..attribute(name, proto::KIND_FLOAT) }
}
fn ints(name: &str, values: &[usize]) -> proto::Attribute {
    proto::Attribute { ints: signed(values), ..attribute(name, proto::KIND_INTS) }
}
fn signed(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&v| v as i64).collect()
}

impl Writer<'_> {
    fn unique(&mut self, name: &str) -> String {
        self.taken.unique(if name.is_empty() { "value" } else { name }, '_')
    }

    fn info(&self, name: &str, v: ValueId) -> proto::ValueInfo {
        let fixed = |&n: &usize| proto::Dim { value: Some(n as i64), param: None };
        let mut dim = vec![proto::Dim { value: None, param: Some("batch".into()) }];
        dim.extend(self.graph.values[v].shape.iter().map(fixed));
        let tensor = proto::TensorType { element: element::FLOAT, shape: Some(proto::Shape { dim }) };
        proto::ValueInfo { name: name.into(), kind: Some(proto::Type { tensor: Some(tensor) }) }
    }

    /// A constant; returns its name.
    fn floats(&mut self, name: &str, shape: &[usize], data: &[f32]) -> String {
        let raw = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initialiser(name, element::FLOAT, shape, raw)
    }

    fn whole(&mut self, name: &str, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initialiser(name, element::INT64, &[values.len()], raw)
    }

    fn initialiser(&mut self, name: &str, data_type: i32, shape: &[usize], raw: Vec<u8>) -> String {
        let name = self.unique(name);
        self.file.initializer.push(proto::Tensor {
            name: name.clone(),
            dims: signed(shape),
            data_type,
            raw_data: Some(raw),
            ..Default::default()
        });
        name
    }

    fn param(&mut self, name: &str, id: usize) -> String {
        let Tensor { shape, data } = &self.graph.params[id];
        self.floats(name, shape, data)
    }

    /// A node with an output of its own name; returns that.
    fn add(&mut self, op: &str, inputs: &[&str], attributes: Vec<proto::Attribute>) -> String {
        let output = self.unique(&format!("{}/{op}", inputs.first().unwrap_or(&"")));
        self.add_to(op, inputs, attributes, &output);
        output
    }

    fn add_to(&mut self, op: &str, inputs: &[&str], attributes: Vec<proto::Attribute>, output: &str) {
        self.add_many(op, inputs, attributes, &[output]);
    }

    fn add_many(&mut self, op: &str, inputs: &[&str], attribute: Vec<proto::Attribute>, outputs: &[&str]) {
        self.file.node.push(proto::Node {
            op_type: op.into(),
            name: format!("{op}:{}", outputs.first().unwrap_or(&"")),
            input: inputs.iter().map(|&i| i.into()).collect(),
            output: outputs.iter().map(|&o| o.into()).collect(),
            attribute,
            domain: String::new(),
        });
    }

    fn transpose(&mut self, x: &str, order: &[usize]) -> String {
        self.add("Transpose", &[x], vec![ints("perm", order)])
    }

    /// Runs an operator that wants its channels on axis 1 on a channels-last value of `rank` axes, the batch
    /// not counted.
    fn channels_first(
        &mut self,
        rank: usize,
        op: &str,
        mut inputs: Vec<String>,
        attributes: Vec<proto::Attribute>,
        output: &str,
    ) {
        if rank < 2 {
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            return self.add_to(op, &inputs, attributes, output);
        }
        let to: Vec<usize> = [0, rank].into_iter().chain(1..rank).collect();
        let back: Vec<usize> = std::iter::once(0).chain(2..=rank).chain([1]).collect();
        inputs[0] = self.transpose(&inputs[0], &to);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let y = self.add(op, &inputs, attributes);
        self.add_to("Transpose", &[&y], vec![ints("perm", &back)], output);
    }

    fn node(&mut self, node: &Node) -> Result<(), String> {
        let graph = self.graph;
        let inputs: Vec<String> = node.inputs.iter().map(|&v| self.names[v].clone()).collect();
        let x = inputs.first().cloned().unwrap_or_default();
        let output = self.names[node.output].clone();
        let out = output.as_str();
        let shape = &graph.values[node.inputs[0]].shape;
        let rank = shape.len();
        match &node.op {
            Op::Dense { weight, bias } => {
                let weight = self.param(&format!("{}.weight", node.name), *weight);
                let bias = bias.map(|b| self.param(&format!("{}.bias", node.name), b));
                match bias {
                    Some(bias) if rank == 1 => self.add_to("Gemm", &[&x, &weight, &bias], vec![], out),
                    Some(bias) => {
                        let product = self.add("MatMul", &[&x, &weight], vec![]);
                        self.add_to("Add", &[&product, &bias], vec![], out);
                    }
                    None => self.add_to("MatMul", &[&x, &weight], vec![], out),
                }
            }
            Op::Conv { weight, bias, window, groups } => {
                let spatial = rank - 1;
                let (rows, columns, data) = matrix(&graph.params[*weight])?;
                let [kh, kw] = window.kernel;
                let channels = rows / (kh * kw);
                // [kernel..., in, out] -> [out, in, kernel...]
                let mut turned = Vec::with_capacity(data.len());
                for o in 0..columns {
                    for c in 0..channels {
                        turned.extend((0..kh * kw).map(|k| data[(k * channels + c) * columns + o]));
                    }
                }
                let kernel = if spatial == 1 { vec![kw] } else { vec![kh, kw] };
                let shape: Vec<usize> = [columns, channels].into_iter().chain(kernel).collect();
                let mut inputs = vec![x, self.floats(&format!("{}.weight", node.name), &shape, &turned)];
                inputs.extend(bias.map(|b| self.param(&format!("{}.bias", node.name), b)));
                let mut attributes = window_attributes(window, spatial, true);
                attributes.push(int("group", *groups as i64));
                self.channels_first(rank, "Conv", inputs, attributes, out);
            }
            Op::BatchNorm { gamma, beta, mean, variance, epsilon } => {
                let mut inputs = vec![x];
                for (what, id) in [("gamma", gamma), ("beta", beta), ("mean", mean), ("variance", variance)] {
                    inputs.push(self.param(&format!("{}.{what}", node.name), *id));
                }
                self.channels_first(
                    rank,
                    "BatchNormalization",
                    inputs,
                    vec![float("epsilon", *epsilon)],
                    out,
                );
            }
            Op::Activate(f) => self.activate(*f, &x, out),
            // The levels are a converter's matter.
            Op::Range { bound, .. } => {
                let max = crate::kernels::range::bound(&graph.params[*bound].data);
                self.activate(Activation::Clip { min: -max, max }, &x, out)
            }
            Op::MaxPool(window) => {
                self.channels_first(rank, "MaxPool", vec![x], window_attributes(window, rank - 1, true), out);
            }
            Op::AvgPool { window, count_pad } => {
                if window.dilation != [1, 1] {
                    return Err("a dilated average pool needs a newer operator set than the file's 17".into());
                }
                let mut attributes = window_attributes(window, rank - 1, false);
                attributes.push(int("count_include_pad", (*count_pad).into()));
                self.channels_first(rank, "AveragePool", vec![x], attributes, out);
            }
            Op::Reduce { how, axes, keep } => {
                let axes: Vec<usize> = axes.iter().map(|a| a + 1).collect();
                let keep = int("keepdims", (*keep).into());
                match how {
                    Reduce::Sum => {
                        let axes = self.whole(&format!("{}.axes", node.name), &signed(&axes));
                        self.add_to("ReduceSum", &[&x, &axes], vec![keep], out);
                    }
                    Reduce::Mean => self.add_to("ReduceMean", &[&x], vec![ints("axes", &axes), keep], out),
                    Reduce::Max => self.add_to("ReduceMax", &[&x], vec![ints("axes", &axes), keep], out),
                    Reduce::Min => self.add_to("ReduceMin", &[&x], vec![ints("axes", &axes), keep], out),
                }
            }
            Op::Binary(how) => {
                let full = graph.values[node.output].shape.len();
                let mut operands = Vec::new();
                for (name, &v) in inputs.iter().zip(&node.inputs) {
                    operands.push(self.lifted(name, graph.values[v].shape.len(), full));
                }
                self.binary(*how, &[&operands[0], &operands[1]], out);
            }
            Op::BinaryConst { how, param, constant_first } => {
                let full = graph.values[node.output].shape.len();
                let x = self.lifted(&x, rank, full);
                let c = self.param(&format!("{}.constant", node.name), *param);
                let operands = if *constant_first { [&*c, &x] } else { [&*x, &c] };
                self.binary(*how, &operands, out);
            }
            Op::MatMul => self.add_to("MatMul", &[&inputs[0], &inputs[1]], vec![], out),
            Op::Concat { axis } => {
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                self.add_to("Concat", &inputs, vec![int("axis", *axis as i64 + 1)], out);
            }
            Op::Pad { before, after, value } => {
                let pads: Vec<usize> = [0].iter().chain(before).chain(&[0]).chain(after).copied().collect();
                let pads = self.whole(&format!("{}.pads", node.name), &signed(&pads));
                let value = self.floats(&format!("{}.value", node.name), &[], &[*value]);
                self.add_to("Pad", &[&x, &pads, &value], vec![], out);
            }
            Op::Reshape { shape } => {
                // A zero copies the batch.
                let target: Vec<usize> = std::iter::once(0).chain(shape.iter().copied()).collect();
                let target = self.whole(&format!("{}.shape", node.name), &signed(&target));
                self.add_to("Reshape", &[&x, &target], vec![], out);
            }
            Op::Transpose { order } => {
                let order: Vec<usize> = std::iter::once(0).chain(order.iter().map(|a| a + 1)).collect();
                self.add_to("Transpose", &[&x], vec![ints("perm", &order)], out);
            }
            Op::Slice { start, end, step } => {
                let axes: Vec<usize> = (1..=rank).collect();
                let mut list =
                    |what: &str, v: &[usize]| self.whole(&format!("{}.{what}", node.name), &signed(v));
                let (start, end) = (list("start", start), list("end", end));
                let (axes, step) = (list("axes", &axes), list("step", step));
                self.add_to("Slice", &[&x, &start, &end, &axes, &step], vec![], out);
            }
            Op::Softmax { axis, log } => {
                let op = if *log { "LogSoftmax" } else { "Softmax" };
                self.add_to(op, &[&x], vec![int("axis", *axis as i64 + 1)], out);
            }
            Op::Recurrent(r) => self.recurrent(node, r)?,
            Op::Embed { table } => {
                let table = self.param(&format!("{}.table", node.name), *table);
                let index = match self.indices.get(&node.inputs[0]) {
                    Some(name) => name.clone(),
                    None => self.add("Cast", &[&x], vec![int("to", element::INT64.into())]),
                };
                self.add_to("Gather", &[&table, &index], vec![int("axis", 0)], out);
            }
            Op::Select => {
                let full = graph.values[node.output].shape.len();
                let mut operands = Vec::new();
                for (name, &v) in inputs.iter().zip(&node.inputs) {
                    operands.push(self.lifted(name, graph.values[v].shape.len(), full));
                }
                let condition = self.add("Cast", &[&operands[0]], vec![int("to", element::BOOL.into())]);
                self.add_to("Where", &[&condition, &operands[1], &operands[2]], vec![], out);
            }
        }
        Ok(())
    }

    /// A function of two values; what a comparison says becomes 0 or 1.
    fn binary(&mut self, how: Binary, operands: &[&str], out: &str) {
        let op = binary(how);
        if !matches!(how, Binary::Equal | Binary::Greater | Binary::NotLess) {
            return self.add_to(op, operands, vec![], out);
        }
        let truth = self.add(op, operands, vec![]);
        self.add_to("Cast", &[&truth], vec![int("to", element::FLOAT.into())], out);
    }

    /// Axes of length 1 behind the batch, so that values of different rank meet.
    fn lifted(&mut self, x: &str, rank: usize, full: usize) -> String {
        if rank == full {
            return x.into();
        }
        let axes: Vec<i64> = (1..=(full - rank) as i64).collect();
        let axes = self.whole(&format!("{x}.axes"), &axes);
        self.add("Unsqueeze", &[x, &axes], vec![])
    }

    fn number(&mut self, x: &str, op: &str, value: f32) -> String {
        let c = self.floats(&format!("{x}.number"), &[], &[value]);
        self.add(op, &[x, &c], vec![])
    }

    fn activate(&mut self, f: Activation, x: &str, out: &str) {
        let (op, attributes) = match f {
            Activation::Relu => ("Relu", vec![]),
            Activation::LeakyRelu { slope } => ("LeakyRelu", vec![float("alpha", slope)]),
            Activation::Elu { alpha } => ("Elu", vec![float("alpha", alpha)]),
            Activation::Selu { alpha, gamma } => ("Selu", vec![float("alpha", alpha), float("gamma", gamma)]),
            Activation::Sigmoid => ("Sigmoid", vec![]),
            Activation::Tanh => ("Tanh", vec![]),
            Activation::HardSigmoid { alpha, beta } => {
                ("HardSigmoid", vec![float("alpha", alpha), float("beta", beta)])
            }
            Activation::HardSwish => ("HardSwish", vec![]),
            Activation::Softplus => ("Softplus", vec![]),
            Activation::Softsign => ("Softsign", vec![]),
            Activation::Erf => ("Erf", vec![]),
            Activation::Exp => ("Exp", vec![]),
            Activation::Log => ("Log", vec![]),
            Activation::Sqrt => ("Sqrt", vec![]),
            Activation::Reciprocal => ("Reciprocal", vec![]),
            Activation::Abs => ("Abs", vec![]),
            Activation::Neg => ("Neg", vec![]),
            Activation::Clip { min, max } => {
                let mut bound = |what: &str, v: f32| {
                    if v.is_finite() {
                        self.floats(&format!("{out}.{what}"), &[], &[v])
                    } else {
                        String::new()
                    }
                };
                let (min, max) = (bound("min", min), bound("max", max));
                return self.add_to("Clip", &[x, &min, &max], vec![], out);
            }
            Activation::Half => {
                let half = self.add("Cast", &[x], vec![int("to", element::FLOAT16.into())]);
                return self.add_to("Cast", &[&half], vec![int("to", element::FLOAT.into())], out);
            }
            Activation::Trunc => {
                let whole = self.add("Cast", &[x], vec![int("to", element::INT64.into())]);
                return self.add_to("Cast", &[&whole], vec![int("to", element::FLOAT.into())], out);
            }
            Activation::Silu => {
                let gate = self.add("Sigmoid", &[x], vec![]);
                return self.add_to("Mul", &[x, &gate], vec![], out);
            }
            // x (1 + erf(x / sqrt 2)) / 2, or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) for erf: Hendrycks
            // and Gimpel, "Gaussian error linear units", 2016. The operator itself is younger than version 17.
            Activation::Gelu { tanh } => {
                let curve = if tanh {
                    let square = self.add("Mul", &[x, x], vec![]);
                    let scaled = self.number(&square, "Mul", 0.044_715);
                    let factor = self.number(&scaled, "Add", 1.0);
                    let inner = self.add("Mul", &[x, &factor], vec![]);
                    let inner = self.number(&inner, "Mul", (2.0 / std::f32::consts::PI).sqrt());
                    self.add("Tanh", &[&inner], vec![])
                } else {
                    let inner = self.number(x, "Mul", std::f32::consts::FRAC_1_SQRT_2);
                    self.add("Erf", &[&inner], vec![])
                };
                let one = self.number(&curve, "Add", 1.0);
                let half = self.number(x, "Mul", 0.5);
                return self.add_to("Mul", &[&half, &one], vec![], out);
            }
        };
        self.add_to(op, &[x], attributes, out);
    }
}

fn binary(how: Binary) -> &'static str {
    match how {
        Binary::Add => "Add",
        Binary::Sub => "Sub",
        Binary::Mul => "Mul",
        Binary::Div => "Div",
        Binary::Pow => "Pow",
        Binary::Min => "Min",
        Binary::Max => "Max",
        Binary::Equal => "Equal",
        Binary::Greater => "Greater",
        Binary::NotLess => "GreaterOrEqual",
    }
}

/// A weight's rows, columns and values.
fn matrix(tensor: &Tensor) -> Result<(usize, usize, &[f32]), String> {
    match tensor.shape[..] {
        [rows, columns] => Ok((rows, columns, &tensor.data)),
        ref other => Err(format!("weight of shape {other:?} is no matrix")),
    }
}

fn window_attributes(w: &Window, spatial: usize, dilated: bool) -> Vec<proto::Attribute> {
    let first = 2 - spatial;
    let mut attributes = vec![
        ints("kernel_shape", &w.kernel[first..]),
        ints("strides", &w.stride[first..]),
        ints("pads", &[&w.pad[first..2], &w.pad[2 + first..]].concat()),
    ];
    if dilated {
        attributes.push(ints("dilations", &w.dilation[first..]));
    }
    attributes
}
