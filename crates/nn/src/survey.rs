//! What a graph consists of: its weighted layers, their size and work; and folding batch norms away.

use crate::graph::{Graph, Node, Op, ParamId, Tensor};

/// A layer whose weights go onto crossbars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedLayer {
    /// Which node of the graph.
    pub node: usize,
    /// The node's name.
    pub name: String,
    /// Inputs of each group's matrix: its word lines.
    pub inputs: usize,
    /// Outputs of each group's matrix: its bit lines.
    pub outputs: usize,
    /// Independent matrices; more than one for grouped and depthwise convolutions, and for a GRU that resets before it
    /// multiplies.
    pub groups: usize,
    /// Products of each matrix per sample: patches of a convolution, leading positions of a dense layer, steps of a
    /// recurrent one.
    pub rows_per_sample: usize,
    /// Which parameter holds the weights, groups side by side along the columns.
    pub weight: ParamId,
    /// Digital bias.
    pub bias: Option<ParamId>,
}

impl WeightedLayer {
    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.inputs * self.outputs * self.groups
    }
    /// Multiply-accumulates per sample.
    pub fn macs(&self) -> usize {
        self.weights() * self.rows_per_sample
    }
}

impl Graph {
    /// The layer that a node is, where it has weights. The graph must be valid.
    pub fn weighted_layer(&self, index: usize) -> Option<WeightedLayer> {
        let node = &self.nodes[index];
        let (weight, bias, groups) = node.op.factor()?;
        let [inputs, columns] = self.params[weight].shape[..] else { return None };
        // A recurrent layer multiplies once a step, and may put out a row more.
        let recurrent = matches!(node.op, Op::Recurrent(_));
        let rows = &self.values[if recurrent { node.inputs[0] } else { node.output }].shape;
        let rows_per_sample = rows[..rows.len() - 1].iter().product();
        let name = node.name.clone();
        let outputs = columns / groups;
        Some(WeightedLayer { node: index, name, inputs, outputs, groups, rows_per_sample, weight, bias })
    }

    /// All layers whose weights go onto crossbars, in running order. The graph must be valid.
    pub fn weighted_layers(&self) -> Vec<WeightedLayer> {
        (0..self.nodes.len()).filter_map(|i| self.weighted_layer(i)).collect()
    }

    /// Multiply-accumulates of the weighted layers per sample.
    pub fn macs(&self) -> usize {
        self.weighted_layers().iter().map(WeightedLayer::macs).sum()
    }

    /// Numbers in all parameters that some node reads, biases and batch-norm statistics included.
    pub fn parameters(&self) -> usize {
        let mut used = vec![false; self.params.len()];
        self.nodes.iter().flat_map(|n| n.op.params()).for_each(|p| used[p] = true);
        self.params.iter().zip(used).filter(|(_, u)| *u).map(|(p, _)| p.data.len()).sum()
    }

    /// Folds every batch normalisation that directly follows a dense layer or convolution into its weights:
    /// `W' = W s`, `b' = (b - mean) s + beta` with `s = gamma / sqrt(variance + epsilon)` per output channel
    /// (Ioffe and Szegedy 2015, section 3.1). Others stay. Returns how many were folded.
    pub fn fold_batch_norm(&mut self) -> usize {
        let mut folded = 0;
        let mut index = 0;
        while index < self.nodes.len() {
            match self.foldable(index) {
                Some(producer) => {
                    self.fold_one(producer, index);
                    folded += 1;
                }
                None => index += 1,
            }
        }
        folded
    }

    /// The weighted node that the batch norm at `index` may be folded into.
    fn foldable(&self, index: usize) -> Option<usize> {
        let node = &self.nodes[index];
        if !matches!(node.op, Op::BatchNorm { .. }) {
            return None;
        }
        let input = *node.inputs.first()?;
        if self.values[input].shape.last() == Some(&0) {
            return None;
        }
        let readers = self.nodes.iter().flat_map(|n| &n.inputs).filter(|&&v| v == input).count();
        if readers != 1 || self.outputs.contains(&input) {
            return None;
        }
        let producer = self.nodes.iter().position(|n| n.output == input)?;
        matches!(self.nodes[producer].op, Op::Dense { .. } | Op::Conv { .. }).then_some(producer)
    }

    fn fold_one(&mut self, producer: usize, norm: usize) {
        let Op::BatchNorm { gamma, beta, mean, variance, epsilon } = self.nodes[norm].op else { return };
        let column = |id: ParamId| &self.params[id].data;
        let scale: Vec<f64> = column(gamma)
            .iter()
            .zip(column(variance))
            .map(|(&g, &v)| f64::from(g) / (f64::from(v) + f64::from(epsilon)).sqrt())
            .collect();
        let (weight, bias) = match self.nodes[producer].op {
            Op::Dense { weight, bias } | Op::Conv { weight, bias, .. } => (weight, bias),
            _ => return,
        };
        let mut w = self.params[weight].clone();
        for row in w.data.chunks_exact_mut(scale.len()) {
            row.iter_mut().zip(&scale).for_each(|(w, s)| *w = (f64::from(*w) * s) as f32);
        }
        let b = (0..scale.len())
            .map(|c| {
                let old = bias.map_or(0.0, |b| f64::from(column(b)[c]));
                ((old - f64::from(column(mean)[c])) * scale[c] + f64::from(column(beta)[c])) as f32
            })
            .collect();
        let shared =
            |id: ParamId| self.nodes.iter().flat_map(|n| n.op.params()).filter(|&p| p == id).count() > 1;
        let b = Tensor { shape: vec![scale.len()], data: b };
        let new_weight = if shared(weight) { self.add_param(w) } else { self.set_param(weight, w) };
        // Another node may read the old bias: the new one always gets a place of its own.
        let new_bias = self.add_param(b);
        let output = self.nodes[norm].output;
        let Node { op, output: old_output, .. } = &mut self.nodes[producer];
        if let Op::Dense { weight, bias } | Op::Conv { weight, bias, .. } = op {
            (*weight, *bias) = (new_weight, Some(new_bias));
        }
        *old_output = output;
        self.nodes.remove(norm);
    }

    /// Stores a parameter and names it.
    pub fn add_param(&mut self, tensor: Tensor) -> ParamId {
        self.params.push(tensor);
        self.params.len() - 1
    }

    fn set_param(&mut self, id: ParamId, tensor: Tensor) -> ParamId {
        self.params[id] = tensor;
        id
    }
}
