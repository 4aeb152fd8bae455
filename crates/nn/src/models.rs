//! Networks that the project trains itself.

use crate::error::NnError;
use crate::graph::{
    Activation, Binary, Cell, Graph, Node, Op, ParamId, Recurrence, Reduce, Tensor, Value, ValueId, Window,
};
use neurohm_num::{Key, Purpose};

/// Names that [`by_name`] knows.
pub const NAMES: [&str; 6] = ["mlp", "cnn", "resnet8", "resnet32", "lstm", "gru"];

/// A network for samples of `shape` and that many classes; weights grow from `key`.
pub fn by_name(name: &str, shape: &[usize], classes: usize, key: Key) -> Result<Graph, NnError> {
    let mut graph = match name {
        "mlp" => mlp(shape, &[256, 128], classes, key),
        "cnn" => cnn(shape, classes, key),
        "resnet8" => resnet(shape, &[16, 32, 64], 1, classes, key),
        // The widths of V. Joshi et al. 2020, for 361 722 parameters that go onto devices with three channels and ten classes.
        "resnet32" => resnet(shape, &[16, 28, 56], 5, classes, key),
        "lstm" => recurrent("lstm", shape, LSTM, 128, classes, key),
        "gru" => recurrent("gru", shape, GRU, 128, classes, key),
        _ => {
            let near = NAMES.iter().copied().min_by_key(|known| distance(known, name));
            let near = near.filter(|known| distance(known, name) <= 2).map(str::to_string);
            return Err(NnError::UnknownModel { name: name.into(), known: NAMES.join(", "), near });
        }
    };
    graph.infer_shapes()?;
    Ok(graph)
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A perceptron: flattened input, hidden layers with ReLU, class scores.
pub fn mlp(shape: &[usize], hidden: &[usize], classes: usize, key: Key) -> Graph {
    let mut b = Builder::new("mlp", shape, key);
    let mut x = b.flatten(b.input());
    for &width in hidden {
        x = b.dense(x, width);
        x = b.relu(x);
    }
    let scores = b.dense(x, classes);
    b.finish(scores)
}

/// Two 3x3 convolutions of 16 and 32 channels with batch norm, ReLU and 2x2 pooling, a dense layer of 64 and the
/// class scores: after LeNet-5 (LeCun et al. 1998) with what has since become usual.
pub fn cnn(shape: &[usize], classes: usize, key: Key) -> Graph {
    let mut b = Builder::new("cnn", shape, key);
    let mut x = b.input();
    for channels in [16, 32] {
        x = b.conv(x, channels, 3, 1);
        x = b.norm(x);
        x = b.relu(x);
        x = b.max_pool(x);
    }
    x = b.flatten(x);
    x = b.dense(x, 64);
    x = b.relu(x);
    let scores = b.dense(x, classes);
    b.finish(scores)
}

/// A residual network for small images (He et al. 2016, section 4.2), with projection shortcuts (option B): a
/// 3x3 convolution, then for each width `blocks` blocks of two 3x3 convolutions, halving the image at every
/// width but the first, global mean, class scores. `6 blocks + 2` layers for three widths.
pub fn resnet(shape: &[usize], widths: &[usize], blocks: usize, classes: usize, key: Key) -> Graph {
    let depth = 2 * blocks * widths.len() + 2;
    let mut b = Builder::new(&format!("resnet{depth}"), shape, key);
    let mut x = b.input();
    x = b.conv(x, widths.first().copied().unwrap_or(16), 3, 1);
    x = b.norm(x);
    x = b.relu(x);
    let mut before = widths.first().copied().unwrap_or(16);
    for (stage, &width) in widths.iter().enumerate() {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let mut y = b.conv(x, width, 3, stride);
            y = b.norm(y);
            y = b.relu(y);
            y = b.conv(y, width, 3, 1);
            y = b.norm(y);
            if stride != 1 || before != width {
                x = b.conv(x, width, 1, stride);
                x = b.norm(x);
            }
            x = b.add(y, x);
            x = b.relu(x);
            before = width;
        }
    }
    x = b.global_mean(x);
    let scores = b.dense(x, classes);
    b.finish(scores)
}

/// The usual LSTM.
pub const LSTM: Cell = Cell::Lstm {
    gate: Activation::Sigmoid,
    candidate: Activation::Tanh,
    output: Activation::Tanh,
    coupled: false,
};
/// The usual GRU, with the reset gate behind the product.
pub const GRU: Cell = Cell::Gru { gate: Activation::Sigmoid, candidate: Activation::Tanh, reset_after: true };

/// A recurrent layer over a sequence and class scores from its last hidden state. The rows of an image are the steps, or
/// the samples of a signal.
pub fn recurrent(name: &str, shape: &[usize], cell: Cell, hidden: usize, classes: usize, key: Key) -> Graph {
    let mut b = Builder::new(name, shape, key);
    let steps = shape.first().copied().unwrap_or(1);
    let features = shape.iter().skip(1).product();
    let mut x = b.input();
    if shape.len() != 2 {
        x = b.node("rows", Op::Reshape { shape: vec![steps, features] }, &[x]);
    }
    let x = b.recurrent(x, cell, hidden);
    let last = Op::Slice { start: vec![steps.max(1) - 1, 0], end: vec![steps, hidden], step: vec![1, 1] };
    let x = b.node("last", last, &[x]);
    let x = b.flatten(x);
    let scores = b.dense(x, classes);
    b.finish(scores)
}

/// Builds a graph node by node. Weights are drawn as He et al. 2015 (equation 10): normal with variance
/// 2 / inputs; shapes are inferred at the end.
#[derive(Clone, Debug)]
pub struct Builder {
    graph: Graph,
    key: Key,
    channels: Vec<usize>,
    layers: u64,
}

impl Builder {
    /// A network that takes samples of `shape`.
    pub fn new(name: &str, shape: &[usize], key: Key) -> Self {
        let value = Value { name: "input".into(), shape: shape.to_vec() };
        let graph = Graph { name: name.into(), values: vec![value], inputs: vec![0], ..Graph::default() };
        Builder { graph, key, channels: vec![shape.last().copied().unwrap_or(1)], layers: 0 }
    }

    /// The network's input.
    pub fn input(&self) -> ValueId {
        0
    }

    /// Ends with `output` as the network's only output.
    pub fn finish(mut self, output: ValueId) -> Graph {
        self.graph.outputs = vec![output];
        self.graph.values[output].name = "output".into();
        self.graph
    }

    /// Appends a node; its shape follows from its inputs where they fit.
    pub fn node(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> ValueId {
        let output = self.graph.values.len();
        let name = format!("{name}{}", self.graph.nodes.len());
        let node = Node { name: name.clone(), op, inputs: inputs.to_vec(), output };
        let shape = self.graph.output_shape(&node).unwrap_or_default();
        self.channels.push(shape.last().copied().unwrap_or(0));
        self.graph.values.push(Value { name, shape });
        self.graph.nodes.push(node);
        output
    }

    /// Stores a tensor for a node to read.
    pub fn tensor(&mut self, tensor: Tensor) -> ParamId {
        self.graph.add_param(tensor)
    }

    fn param(&mut self, shape: &[usize], value: f32) -> usize {
        self.graph.add_param(Tensor { shape: shape.to_vec(), data: vec![value; shape.iter().product()] })
    }

    fn weight(&mut self, rows: usize, columns: usize) -> usize {
        self.weight_of(rows, columns, (2.0 / rows.max(1) as f32).sqrt())
    }

    fn weight_of(&mut self, rows: usize, columns: usize, deviation: f32) -> usize {
        let mut data = vec![0.0; rows * columns];
        self.key.child("layer", self.layers).stream(Purpose::Initial, 0).fill_normal(0, &mut data);
        self.layers += 1;
        data.iter_mut().for_each(|w| *w *= deviation);
        self.graph.add_param(Tensor { shape: vec![rows, columns], data })
    }

    /// A dense layer over the last axis.
    pub fn dense(&mut self, x: ValueId, outputs: usize) -> ValueId {
        let weight = self.weight(self.channels[x], outputs);
        let bias = Some(self.param(&[outputs], 0.0));
        self.node("dense", Op::Dense { weight, bias }, &[x])
    }

    /// A square convolution that keeps the image's size at stride 1, without bias.
    pub fn conv(&mut self, x: ValueId, channels: usize, kernel: usize, stride: usize) -> ValueId {
        self.conv_with(x, channels, square(kernel, stride, kernel / 2), 1, false)
    }

    /// Any convolution. `groups` must divide the channels on both sides.
    pub fn conv_with(
        &mut self,
        x: ValueId,
        channels: usize,
        window: Window,
        groups: usize,
        bias: bool,
    ) -> ValueId {
        let [kh, kw] = window.kernel;
        let weight = self.weight(kh * kw * self.channels[x] / groups.max(1), channels);
        let bias = bias.then(|| self.param(&[channels], 0.0));
        self.node("conv", Op::Conv { weight, bias, window, groups }, &[x])
    }

    /// A recurrent layer over `[steps, features]`: the inputs' dense layer and the steps. Weights are normal with variance
    /// 1 / inputs; an LSTM's forget gate begins with a bias of 1 (Jozefowicz et al. 2015, section 3.2).
    pub fn recurrent(&mut self, x: ValueId, cell: Cell, hidden: usize) -> ValueId {
        let columns = cell.gates() * hidden;
        let rows = self.channels[x];
        let weight = self.weight_of(rows, columns, (1.0 / rows.max(1) as f32).sqrt());
        let bias = self.param(&[columns], 0.0);
        if matches!(cell, Cell::Lstm { .. }) {
            self.graph.params[bias].data[2 * hidden..3 * hidden].fill(1.0);
        }
        let z = self.node("input", Op::Dense { weight, bias: Some(bias) }, &[x]);
        let weight = self.weight_of(hidden, columns, (1.0 / hidden.max(1) as f32).sqrt());
        let apart = matches!(cell, Cell::Gru { reset_after: true, .. });
        let recurrence = Recurrence {
            cell,
            weight,
            // Elsewhere it would be the input's bias again.
            bias: apart.then(|| self.param(&[columns], 0.0)),
            hidden: None,
            state: None,
            peepholes: None,
            clip: None,
            reverse: false,
            keep_state: false,
        };
        self.node("steps", Op::Recurrent(recurrence), &[z])
    }

    /// A function of a value and a constant.
    pub fn constant(&mut self, x: ValueId, how: Binary, constant: Tensor, constant_first: bool) -> ValueId {
        let param = self.graph.add_param(constant);
        self.node("constant", Op::BinaryConst { how, param, constant_first }, &[x])
    }

    /// Batch normalisation that starts as the identity on normalised values.
    pub fn norm(&mut self, x: ValueId) -> ValueId {
        let c = [self.channels[x]];
        let [gamma, beta, mean, variance] = [1.0, 0.0, 0.0, 1.0].map(|v| self.param(&c, v));
        self.node("norm", Op::BatchNorm { gamma, beta, mean, variance, epsilon: 1e-5 }, &[x])
    }

    /// max(x, 0)
    pub fn relu(&mut self, x: ValueId) -> ValueId {
        self.node("relu", Op::Activate(Activation::Relu), &[x])
    }

    /// Largest of every 2x2 square.
    pub fn max_pool(&mut self, x: ValueId) -> ValueId {
        self.node("pool", Op::MaxPool(square(2, 2, 0)), &[x])
    }

    /// Mean over both image axes.
    pub fn global_mean(&mut self, x: ValueId) -> ValueId {
        self.node("mean", Op::Reduce { how: Reduce::Mean, axes: vec![0, 1], keep: false }, &[x])
    }

    /// Sum of two values.
    pub fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.node("add", Op::Binary(Binary::Add), &[a, b])
    }

    /// One axis instead of all.
    pub fn flatten(&mut self, x: ValueId) -> ValueId {
        let size = self.graph.values[x].shape.iter().product();
        self.node("flatten", Op::Reshape { shape: vec![size] }, &[x])
    }
}

fn square(kernel: usize, stride: usize, pad: usize) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1; 2], pad: [pad; 4] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_residual_network_of_the_review_has_its_published_size() {
        // V. Joshi et al. 2020: 361 722 synaptic weights on 723 444 devices, the ten biases of the last layer among them.
        let graph = by_name("resnet32", &[32, 32, 3], 10, Key::root(1)).unwrap();
        let layers = graph.weighted_layers();
        assert_eq!(layers.iter().map(|l| l.weights()).sum::<usize>() + 10, 361_722);
        // 31 convolutions along the way, two of shortcuts, and the dense layer.
        assert_eq!(layers.len(), 34);
    }
}
