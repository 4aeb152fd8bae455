//! What reading one node at a time cannot see: chains of reshapes, biases that stand apart, a transposition
//! before a dense layer that its weights can swallow.

use crate::graph::{Activation, Binary, Graph, Op, ParamId, Tensor, ValueId};

use super::constant::transposed;

/// How often the passes run at most; each sees the whole graph, so that two or three usually do.
const ROUNDS: usize = 6;

/// Simplifies a graph without changing what it computes.
pub(super) fn tidy(mut graph: Graph) -> Graph {
    for _ in 0..ROUNDS {
        let passes = [chains, flattened_rows, biases, gates, paddings];
        let changed = passes.map(|pass| {
            let changed = pass(&mut graph);
            graph = prune(std::mem::take(&mut graph));
            changed
        });
        if !changed.contains(&true) {
            break;
        }
    }
    prune(graph)
}

/// Who makes and who reads each value.
struct Edges {
    maker: Vec<Option<usize>>,
    uses: Vec<usize>,
}

impl Edges {
    fn of(graph: &Graph) -> Self {
        let mut edges = Self { maker: vec![None; graph.values.len()], uses: vec![0; graph.values.len()] };
        for (i, node) in graph.nodes.iter().enumerate() {
            edges.maker[node.output] = Some(i);
            node.inputs.iter().for_each(|&v| edges.uses[v] += 1);
        }
        graph.outputs.iter().for_each(|&v| edges.uses[v] += 1);
        edges
    }

    /// The node that makes a value which nothing else reads.
    fn sole_maker(&self, v: ValueId) -> Option<usize> {
        self.maker[v].filter(|_| self.uses[v] == 1)
    }
}

/// Values to be replaced, applied in one sweep at the end.
struct Aliases(Vec<ValueId>);

impl Aliases {
    fn of(graph: &Graph) -> Self {
        Self((0..graph.values.len()).collect())
    }

    /// `to` stands before `from`, so that it is final when it is looked up.
    fn set(&mut self, from: ValueId, to: ValueId) {
        self.0[from] = self.0[to];
    }

    fn apply(&self, graph: &mut Graph) {
        let inputs = graph.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut());
        graph.outputs.iter_mut().chain(inputs).for_each(|v| *v = self.0[*v]);
    }
}

/// Transpose after transpose, reshape after reshape, and those that do nothing.
fn chains(graph: &mut Graph) -> bool {
    let edges = Edges::of(graph);
    let mut aliases = Aliases::of(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        graph.nodes[i].inputs.iter_mut().for_each(|v| *v = aliases.0[*v]);
        let [input] = graph.nodes[i].inputs[..] else { continue };
        let output = graph.nodes[i].output;
        let before = edges.maker[input];
        let source = before.map(|b| (graph.nodes[b].op.clone(), graph.nodes[b].inputs[0]));
        match (&graph.nodes[i].op, source) {
            (Op::Transpose { order }, Some((Op::Transpose { order: first }, from))) => {
                let order = order.iter().map(|&a| first[a]).collect();
                graph.nodes[i].op = Op::Transpose { order };
                graph.nodes[i].inputs = vec![from];
                changed = true;
            }
            (Op::Reshape { .. }, Some((Op::Reshape { .. }, from))) => {
                graph.nodes[i].inputs = vec![from];
                changed = true;
            }
            (Op::Reshape { shape }, Some((Op::Reduce { how, axes, keep: true }, from)))
                if edges.uses[input] == 1 =>
            {
                let kept = graph.values[from].shape.iter().enumerate().filter(|(a, _)| !axes.contains(a));
                if kept.map(|(_, &n)| n).eq(shape.iter().copied()) {
                    graph.nodes[i].op = Op::Reduce { how, axes, keep: false };
                    graph.nodes[i].inputs = vec![from];
                    changed = true;
                }
            }
            _ => {}
        }
        let from = graph.nodes[i].inputs[0];
        let idle = match &graph.nodes[i].op {
            Op::Transpose { order } => order.is_sorted(),
            Op::Reshape { shape } => *shape == graph.values[from].shape,
            _ => false,
        };
        if idle {
            aliases.set(output, from);
            changed = true;
        }
    }
    aliases.apply(graph);
    changed
}

/// A transposition, flattened and fed to a dense layer, becomes another order of that layer's rows.
fn flattened_rows(graph: &mut Graph) -> bool {
    let edges = Edges::of(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let Op::Dense { weight, .. } = graph.nodes[i].op else { continue };
        // Back through what works on each feature by itself.
        let mut features: Vec<ParamId> = vec![weight];
        let mut at = graph.nodes[i].inputs[0];
        let reshape = loop {
            let Some(before) = edges.sole_maker(at) else { break None };
            match &graph.nodes[before].op {
                Op::Activate(_) => {}
                Op::BatchNorm { .. } => features.extend(graph.nodes[before].op.params()),
                Op::Reshape { shape } if shape.len() == 1 => break Some(before),
                _ => break None,
            }
            at = graph.nodes[before].inputs[0];
        };
        let Some(reshape) = reshape else { continue };
        let Some(turn) = edges.sole_maker(graph.nodes[reshape].inputs[0]) else { continue };
        let Op::Transpose { order } = &graph.nodes[turn].op else { continue };
        let from = graph.nodes[turn].inputs[0];
        let positions: Vec<usize> = transposed(&graph.values[from].shape, order).1.collect();
        for param in features {
            let Tensor { data, .. } = &mut graph.params[param];
            let columns = data.len() / positions.len();
            let mut rows = vec![0.0; data.len()];
            for (old, &new) in positions.iter().enumerate() {
                rows[new * columns..][..columns].copy_from_slice(&data[old * columns..][..columns]);
            }
            *data = rows;
        }
        graph.nodes[reshape].inputs = vec![from];
        changed = true;
    }
    changed
}

/// A constant added to what a dense layer or convolution makes joins its bias.
fn biases(graph: &mut Graph) -> bool {
    let mut edges = Edges::of(graph);
    let mut aliases = Aliases::of(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let Op::BinaryConst { how: how @ (Binary::Add | Binary::Sub), param, constant_first } =
            graph.nodes[i].op
        else {
            continue;
        };
        let (input, output) = (aliases.0[graph.nodes[i].inputs[0]], graph.nodes[i].output);
        let Some(layer) = edges.sole_maker(input) else { continue };
        let (Op::Dense { weight, bias } | Op::Conv { weight, bias, .. }) = graph.nodes[layer].op else {
            continue;
        };
        let outputs = graph.params[weight].shape[1];
        let Tensor { shape, data } = &graph.params[param];
        let fits = shape.len() <= graph.values[input].shape.len()
            && shape.iter().rev().skip(1).all(|&n| n == 1)
            && (data.len() == 1 || data.len() == outputs);
        if !fits || (how == Binary::Sub && constant_first) {
            continue;
        }
        let sign = if how == Binary::Sub { -1.0 } else { 1.0 };
        let old = bias.map(|b| graph.params[b].data.clone());
        let sum = (0..outputs).map(|o| {
            let shift = sign * data[if data.len() == 1 { 0 } else { o }];
            old.as_ref().map_or(shift, |b| b[o] + shift)
        });
        let sum = Tensor { shape: vec![outputs], data: sum.collect() };
        graph.params.push(sum);
        let joined = Some(graph.params.len() - 1);
        match &mut graph.nodes[layer].op {
            Op::Dense { bias, .. } | Op::Conv { bias, .. } => *bias = joined,
            _ => {}
        }
        // Whatever reads the sum reads the layer; the sum's node is left without a reader.
        aliases.set(output, input);
        edges.uses[input] = edges.uses[output];
        changed = true;
    }
    aliases.apply(graph);
    changed
}

/// x sigmoid(x) is SiLU, x hard_sigmoid(x) hard swish.
fn gates(graph: &mut Graph) -> bool {
    let edges = Edges::of(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let (Op::Binary(Binary::Mul), [a, b]) = (&graph.nodes[i].op, &graph.nodes[i].inputs[..]) else {
            continue;
        };
        let gated = |x: ValueId, gate: ValueId| {
            let node = &graph.nodes[edges.sole_maker(gate)?];
            match node.op {
                Op::Activate(Activation::Sigmoid) if node.inputs[0] == x => Some((x, Activation::Silu)),
                Op::Activate(Activation::HardSigmoid { alpha, beta })
                    if node.inputs[0] == x && (alpha - 1.0 / 6.0).abs() < 1e-6 && beta == 0.5 =>
                {
                    Some((x, Activation::HardSwish))
                }
                _ => None,
            }
        };
        if let Some((x, f)) = gated(*a, *b).or_else(|| gated(*b, *a)) {
            graph.nodes[i].op = Op::Activate(f);
            graph.nodes[i].inputs = vec![x];
            changed = true;
        }
    }
    changed
}

/// Zeros padded before a convolution are the convolution's own padding.
fn paddings(graph: &mut Graph) -> bool {
    let edges = Edges::of(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        if !matches!(graph.nodes[i].op, Op::Conv { .. }) {
            continue;
        }
        let Some(pad) = edges.sole_maker(graph.nodes[i].inputs[0]) else { continue };
        let Op::Pad { before, after, value } = &graph.nodes[pad].op else { continue };
        let channels = before.len() - 1;
        if *value != 0.0 || before[channels] != 0 || after[channels] != 0 {
            continue;
        }
        let more = match channels {
            1 => [0, before[0], 0, after[0]],
            _ => [before[0], before[1], after[0], after[1]],
        };
        let source = graph.nodes[pad].inputs[0];
        if let Op::Conv { window, .. } = &mut graph.nodes[i].op {
            window.pad.iter_mut().zip(more).for_each(|(p, m)| *p += m);
        }
        graph.nodes[i].inputs = vec![source];
        changed = true;
    }
    changed
}

/// Drops nodes, values and parameters that no output hangs on.
fn prune(graph: Graph) -> Graph {
    let Graph { name, values, params, nodes, inputs, outputs } = graph;
    let mut value = vec![false; values.len()];
    let mut param = vec![false; params.len()];
    let mut node = vec![false; nodes.len()];
    inputs.iter().chain(&outputs).for_each(|&v| value[v] = true);
    for (i, n) in nodes.iter().enumerate().rev() {
        if value[n.output] {
            node[i] = true;
            n.inputs.iter().for_each(|&v| value[v] = true);
            n.op.params().into_iter().for_each(|p| param[p] = true);
        }
    }
    // New numbers of what stays.
    let renumber = |keep: &[bool]| -> Vec<usize> {
        keep.iter()
            .scan(0, |next, &k| {
                let id = *next;
                *next += usize::from(k);
                Some(id)
            })
            .collect()
    };
    let (new_value, new_param) = (renumber(&value), renumber(&param));
    let kept = |keep: Vec<bool>| move |i: usize| keep[i];
    let (keep_value, keep_param, keep_node) = (kept(value), kept(param), kept(node));
    let values = values.into_iter().enumerate().filter(|(i, _)| keep_value(*i)).map(|(_, v)| v).collect();
    let params = params.into_iter().enumerate().filter(|(i, _)| keep_param(*i)).map(|(_, p)| p).collect();
    let nodes = nodes.into_iter().enumerate().filter(|(i, _)| keep_node(*i)).map(|(_, mut n)| {
        n.inputs.iter_mut().for_each(|v| *v = new_value[*v]);
        n.output = new_value[n.output];
        n.op.params_mut().into_iter().for_each(|p| *p = new_param[*p]);
        n
    });
    let ids = |list: Vec<ValueId>| list.into_iter().map(|v| new_value[v]).collect();
    Graph { name, values, params, nodes: nodes.collect(), inputs: ids(inputs), outputs: ids(outputs) }
}
