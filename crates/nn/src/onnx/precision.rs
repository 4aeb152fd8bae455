//! Where half precision rounds.
//!
//! Everything is computed in `f32` here, and almost everything in onnxruntime's CPU provider: it has no kernels in
//! half precision but those that move elements and a few more, widens what the others read, rounds what they make,
//! and removes a rounding that is followed at once by a widening. What is left of the roundings, measured on
//! onnxruntime 1.32 at its default optimisation, is what [`Halves`] finds: at outputs of the network, before a
//! stretch of operators that do run in half precision, and where the file itself rounds and widens.

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

/// What is known of the halves of a file.
#[derive(Default)]
pub(super) struct Halves<'m> {
    /// Names of values and constants of type float16.
    typed: HashSet<&'m str>,
    /// Those that hold nothing but halves, so that rounding them changes nothing.
    exact: HashSet<&'m str>,
    /// Nodes that read their computed inputs rounded.
    reads: HashSet<usize>,
    /// Nodes whose results are rounded.
    makes: HashSet<usize>,
    /// Batch norms that are folded into the convolution before them while both are still halves.
    folds: HashSet<usize>,
}

impl<'m> Halves<'m> {
    /// Of the nodes in `order`, given the network's inputs.
    pub fn of(graph: &'m proto::Graph, inputs: &[&'m proto::ValueInfo], order: &[usize]) -> Self {
        let mut halves = Self::default();
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
            !NATIVE.contains(&&*node.op_type)
                && node.op_type != "Cast"
                && node.input.iter().any(|n| halves.typed.contains(n.as_str()))
        };
        let up = |i: &usize| {
            let node = &graph.node[*i];
            node.op_type == "Cast" && !node.output.iter().any(|n| halves.typed.contains(n.as_str()))
        };
        let (mut reads, mut makes, mut folds) = (Vec::new(), Vec::new(), Vec::new());
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
            } else if NATIVE.contains(&&*node.op_type) {
                // One alone among widened operators is widened like them.
                let before = node.input.iter().filter_map(computed).filter_map(|n| maker.get(n));
                let alone = before.into_iter().all(|&m| widened(m, &halves))
                    && next().all(|&r| widened(r, &halves))
                    && !node.output.iter().any(|n| wanted.contains(n.as_str()));
                if !alone {
                    reads.push(i);
                    if node.op_type == "LayerNormalization" {
                        makes.push(i);
                    }
                }
            } else if node.op_type == "BatchNormalization" {
                let conv = node.input.first().and_then(computed).filter(|n| {
                    let weight = maker.get(n).and_then(|&m| graph.node[m].input.get(1));
                    maker.get(n).is_some_and(|&m| graph.node[m].op_type == "Conv")
                        && weight.is_some_and(|w| halves.typed.contains(w.as_str()))
                        && readers.get(n).is_some_and(|r| r.len() == 1)
                        && !wanted.contains(n)
                });
                let all = node.input.iter().all(|n| halves.typed.contains(n.as_str()));
                if conv.is_some() && all && !wanted.contains(first) {
                    folds.push(i);
                }
            }
        }
        for i in reads.iter().chain(&makes) {
            halves.exact.extend(graph.node[*i].output.iter().map(String::as_str));
        }
        (halves.reads, halves.makes) = (reads.into_iter().collect(), makes.into_iter().collect());
        halves.folds = folds.into_iter().collect();
        halves
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

    /// Whether a batch norm is folded in halves into the convolution before it.
    pub fn folds(&self, node: usize) -> bool {
        self.folds.contains(&node)
    }
}
