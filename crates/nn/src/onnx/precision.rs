//! Where half precision rounds.
//!
//! Everything is computed in `f32` here, and almost everything in onnxruntime's CPU provider: it has no kernels in
//! half precision but those that move elements and a few more, widens what the others read, rounds what they make,
//! and removes a rounding that is followed at once by a widening. What is left of the roundings, measured on
//! onnxruntime 1.32 at its default optimisation, is what [`Halves`] finds: at outputs of the network, before a
//! stretch of operators that do run in half precision, and where the file itself rounds and widens.
//!
//! In operator set 18 it also replaces some operators by their definitions before it looks for kernels, so that a
//! `Relu` is a `Max`, which has one, and a hard sigmoid ends in `Min` and `Max`.

use std::collections::{HashMap, HashSet};

use super::proto::{self, element};

/// Operators that run on halves as they are, wherever a neighbour does as well.
const NATIVE: [&str; 14] = [
    "Clip",
    "Concat",
    "Expand",
    "Flatten",
    "Gather",
    "LayerNormalization",
    "Max",
    "Min",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// The operator set whose definitions onnxruntime puts in place of operators without a kernel for halves.
const DEFINED: i64 = 18;

/// What is known of the halves of a file.
#[derive(Default)]
pub(super) struct Halves<'m> {
    /// Version of the standard operators.
    opset: i64,
    /// Names of values and constants of type float16.
    typed: HashSet<&'m str>,
    /// Those that hold nothing but halves, so that rounding them changes nothing.
    exact: HashSet<&'m str>,
    /// Nodes that read their computed inputs rounded.
    reads: HashSet<usize>,
    /// Nodes whose results are rounded.
    makes: HashSet<usize>,
    /// Batch norms, factors and shifts that are folded into the layer before them while both are still halves.
    folds: HashSet<usize>,
    /// Hard sigmoids and hard swishes whose clip runs on halves.
    clips: HashSet<usize>,
}

impl<'m> Halves<'m> {
    /// Of the nodes in `order`, given the network's inputs and the version of the standard operators.
    pub fn of(graph: &'m proto::Graph, inputs: &[&'m proto::ValueInfo], order: &[usize], opset: i64) -> Self {
        let mut halves = Self { opset, ..Self::default() };
        let half = |kind: i32| kind == element::FLOAT16;
        halves.typed.extend(graph.initializer.iter().filter(|t| half(t.data_type)).map(|t| t.name.as_str()));
        for input in inputs {
            if input.kind.as_ref().and_then(|k| k.tensor.as_ref()).is_some_and(|t| half(t.element)) {
                halves.typed.insert(&input.name);
                halves.exact.insert(&input.name);
            }
        }
        // Names that hang on the network's inputs, and what their value is called where it is first made.
        let mut source: HashMap<&str, &str> = inputs.iter().map(|i| (&*i.name, &*i.name)).collect();
        let mut maker: HashMap<&str, usize> = HashMap::new();
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        for &i in order {
            let node = &graph.node[i];
            let typed = halves.makes_half(node);
            if typed {
                halves.typed.extend(node.output.iter().map(String::as_str));
            }
            let computed = node.input.iter().any(|n| source.contains_key(n.as_str()));
            if !computed || matches!(&*node.op_type, "Shape" | "Size") {
                continue;
            }
            if matches!(&*node.op_type, "Identity" | "Dropout")
                && let (Some(from), Some(to)) = (node.input.first(), node.output.first())
            {
                let Some(&from) = source.get(from.as_str()) else { continue };
                source.insert(to, from);
                if halves.exact.contains(from) {
                    halves.exact.insert(to);
                }
                continue;
            }
            for name in node.input.iter().filter_map(|n| source.get(n.as_str())) {
                readers.entry(name).or_default().push(i);
            }
            for name in node.output.iter().filter(|n| !n.is_empty()) {
                source.insert(name, name);
                maker.insert(name, i);
            }
        }
        if halves.typed.is_empty() {
            return halves;
        }
        let wanted: HashSet<&str> =
            graph.output.iter().filter_map(|o| source.get(&*o.name).copied()).collect();
        let widened = |i: usize, halves: &Self| {
            let node = &graph.node[i];
            !halves.native(&node.op_type)
                && node.op_type != "Cast"
                && node.input.iter().any(|n| halves.typed.contains(n.as_str()))
        };
        // What is put in the place of a hard sigmoid begins widened and ends in halves.
        let ends_widened = |i: usize, halves: &Self| {
            widened(i, halves) && !(opset == DEFINED && graph.node[i].op_type == "HardSigmoid")
        };
        let up = |i: &usize| {
            let node = &graph.node[*i];
            node.op_type == "Cast" && !node.output.iter().any(|n| halves.typed.contains(n.as_str()))
        };
        let (mut reads, mut makes) = (Vec::new(), Vec::new());
        // Operators that would run on halves and are widened.
        let mut lone: HashSet<usize> = HashSet::new();
        // Layers that may take in what follows them, by the last value that they make.
        let mut layers: HashMap<&str, usize> = HashMap::new();
        for &i in order {
            let node = &graph.node[i];
            let Some(first) = node.output.first().map(String::as_str) else { continue };
            if maker.get(first) != Some(&i) || !halves.typed.contains(first) {
                continue;
            }
            let computed = |n: &String| source.get(n.as_str()).copied().filter(|n| halves.typed.contains(n));
            let next = || node.output.iter().filter_map(|n| readers.get(n.as_str())).flatten();
            if node.op_type == "Cast" {
                // A rounding that the file undoes at once is meant; before anything else it is dropped.
                if next().any(up) {
                    makes.push(i);
                }
            } else if halves.native(&node.op_type) {
                // One alone among widened operators is widened like them. Where it takes or makes any number of
                // values, only the first is looked at.
                let many = |ops: &[&str], all: usize| if ops.contains(&&*node.op_type) { 1 } else { all };
                let taken = node.input.iter().take(many(&["Concat", "Max", "Min"], node.input.len()));
                let made = node.output.iter().take(many(&["Split"], node.output.len()));
                let alone = taken
                    .filter_map(computed)
                    .filter_map(|n| maker.get(n))
                    .all(|&m| lone.contains(&m) || ends_widened(m, &halves))
                    && made.filter_map(|n| readers.get(n.as_str())).flatten().all(|&r| widened(r, &halves))
                    && !node.output.iter().any(|n| wanted.contains(n.as_str()));
                if !alone {
                    reads.push(i);
                    if node.op_type == "LayerNormalization" {
                        makes.push(i);
                    }
                } else {
                    lone.insert(i);
                }
            } else {
                let all = node.input.iter().all(|n| n.is_empty() || halves.typed.contains(n.as_str()));
                let layer = node.input.first().and_then(computed).and_then(|n| {
                    let free = readers.get(n).is_some_and(|r| r.len() == 1) && !wanted.contains(n);
                    layers.get(n).copied().filter(|_| free && all)
                });
                match (&*node.op_type, layer) {
                    ("Conv" | "MatMul", _) if all => {
                        layers.insert(first, i);
                    }
                    // Only a constant behind the value.
                    ("Add" | "Mul", Some(layer))
                        if graph.node[layer].op_type == "Conv"
                            && node.input.len() == 2
                            && !source.contains_key(&*node.input[1]) =>
                    {
                        halves.folds.insert(i);
                        layers.insert(first, layer);
                    }
                    ("BatchNormalization", Some(layer)) => {
                        halves.folds.insert(i);
                        if graph.node[layer].op_type == "Conv" {
                            layers.insert(first, layer);
                        }
                    }
                    ("HardSigmoid" | "HardSwish", _) if opset == DEFINED => {
                        halves.clips.insert(i);
                        if node.op_type == "HardSigmoid" {
                            halves.exact.insert(first);
                        }
                    }
                    _ => {}
                }
            }
        }
        for i in reads.iter().chain(&makes) {
            halves.exact.extend(graph.node[*i].output.iter().map(String::as_str));
        }
        (halves.reads, halves.makes) = (reads.into_iter().collect(), makes.into_iter().collect());
        halves
    }

    /// Whether an operator runs on halves.
    fn native(&self, op: &str) -> bool {
        NATIVE.contains(&op) || (op == "Relu" && self.opset == DEFINED)
    }

    fn makes_half(&self, node: &proto::Node) -> bool {
        let attribute = |name: &str| node.attribute.iter().find(|a| a.name == name);
        let input = |i: usize| node.input.get(i).is_some_and(|n| self.typed.contains(n.as_str()));
        let code = i64::from(element::FLOAT16);
        match &*node.op_type {
            "Cast" => attribute("to").is_some_and(|a| a.i == Some(code)),
            "Constant" | "ConstantOfShape" => {
                let tensor = attribute("value").and_then(|a| a.t.as_ref());
                tensor.is_some_and(|t| t.data_type == element::FLOAT16)
            }
            "CastLike" | "Where" => input(1),
            "Shape" | "Size" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => false,
            _ => input(0),
        }
    }

    /// Whether reading this name rounded would change it.
    pub fn unrounded(&self, name: &str) -> bool {
        self.typed.contains(name) && !self.exact.contains(name)
    }

    /// Whether a name is of type float16.
    pub fn half(&self, name: &str) -> bool {
        self.typed.contains(name)
    }

    /// Whether a node reads its computed inputs rounded.
    pub fn reads(&self, node: usize) -> bool {
        self.reads.contains(&node)
    }

    /// Whether a node's results are rounded.
    pub fn makes(&self, node: usize) -> bool {
        self.makes.contains(&node)
    }

    /// Whether a node is folded in halves into the layer before it, if its constants allow.
    pub fn folds(&self, node: usize) -> bool {
        self.folds.contains(&node)
    }

    /// Whether a hard sigmoid or hard swish clips halves.
    pub fn clips(&self, node: usize) -> bool {
        self.clips.contains(&node)
    }
}
