//! The layer graph: what an imported or home-made network is inside neurohm.
//!
//! Every value carries a leading batch axis that its `shape` leaves out, so any batch runs. Images are
//! channels-last: `[height, width, channels]`, signals `[length, channels]`. A dense layer's weight is
//! `[inputs, outputs]`, a convolution's `[kh * kw * in_channels / groups, out_channels]` with the rows in
//! `(kh, kw, channel)` order: exactly the matrices that go onto crossbars, inputs on word lines.

use serde::{Deserialize, Serialize};

/// A dense array in row-major order. As a network's value, axis 0 is the batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The values, last axis fastest.
    pub data: Vec<f32>,
}

/// Names a value (an edge of the graph).
pub type ValueId = usize;
/// Names a parameter tensor.
pub type ParamId = usize;

/// A value of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// The name it had in the file it came from, or one of ours.
    pub name: String,
    /// Shape without the batch axis.
    pub shape: Vec<usize>,
}

/// A step of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The name it had in the file it came from, or one of ours; unique.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// The values it reads.
    pub inputs: Vec<ValueId>,
    /// The value it makes.
    pub output: ValueId,
}

/// A network: nodes in an order in which they can run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// What to call it.
    pub name: String,
    /// All values, addressed by `ValueId`.
    pub values: Vec<Value>,
    /// Trained tensors, addressed by `ParamId`.
    pub params: Vec<Tensor>,
    /// Steps in topological order.
    pub nodes: Vec<Node>,
    /// Values the caller supplies.
    pub inputs: Vec<ValueId>,
    /// Values the caller wants.
    pub outputs: Vec<ValueId>,
}

/// A sliding window over one or two spatial axes (a signal has `height` 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Kernel (height, width).
    pub kernel: [usize; 2],
    /// Step (height, width).
    pub stride: [usize; 2],
    /// Spacing of the kernel's taps (height, width).
    pub dilation: [usize; 2],
    /// Rows or columns added before and after: `[top, left, bottom, right]`.
    pub pad: [usize; 4],
}

/// A function of one value, element by element.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// x where positive, `slope` x elsewhere
    LeakyRelu {
        /// Slope of the negative side.
        slope: f32,
    },
    /// x limited to a range (ReLU6, hard tanh).
    Clip {
        /// Lowest value.
        min: f32,
        /// Highest value.
        max: f32,
    },
    /// x where positive, alpha (e^x - 1) elsewhere
    Elu {
        /// Height of the negative side.
        alpha: f32,
    },
    /// gamma x where positive, gamma alpha (e^x - 1) elsewhere
    Selu {
        /// Scale of the negative side.
        alpha: f32,
        /// Scale of the whole.
        gamma: f32,
    },
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// x / (1 + e^-x)
    Silu,
    /// x Phi(x), exact or by the tanh approximation
    Gelu {
        /// Whether the tanh approximation is meant.
        tanh: bool,
    },
    /// clip(alpha x + beta, 0, 1)
    HardSigmoid {
        /// Slope.
        alpha: f32,
        /// Offset.
        beta: f32,
    },
    /// x clip(x / 6 + 1/2, 0, 1)
    HardSwish,
    /// ln(1 + e^x)
    Softplus,
    /// x / (1 + |x|)
    Softsign,
    /// Gauss error function.
    Erf,
    /// e^x
    Exp,
    /// ln x
    Log,
    /// Square root.
    Sqrt,
    /// 1/x
    Reciprocal,
    /// |x|
    Abs,
    /// -x
    Neg,
    /// x rounded to half precision (IEEE 754 binary16), ties to even; its gradient passes straight through.
    Half,
    /// x without its fraction; its gradient is zero.
    Trunc,
}

/// A function of two values, with broadcasting over the axes behind the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// a / b
    Div,
    /// a ^ b
    Pow,
    /// The smaller.
    Min,
    /// The larger.
    Max,
    /// 1 where a = b, else 0.
    Equal,
    /// 1 where a > b, else 0.
    Greater,
    /// 1 where a >= b, else 0.
    NotLess,
}

/// How values along axes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reduce {
    /// Arithmetic mean.
    Mean,
    /// Sum.
    Sum,
    /// Largest.
    Max,
    /// Smallest.
    Min,
}

/// What a recurrent layer does at each step of a sequence; `x` is the step's input behind its own matrix and bias, `h`
/// the hidden state before it, `R` the recurrent matrix and `b` its bias. Gates stand side by side in the order given, as
/// ONNX has them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    /// `h' = f(x + h R + b)` (Elman 1990).
    Simple {
        /// f
        activation: Activation,
    },
    /// Gates i, o, f, c: `c' = f c + i g(x_c + ..)`, `h' = o k(c')` (Hochreiter and Schmidhuber 1997, with the forget
    /// gate of Gers et al. 2000).
    Lstm {
        /// Of the three gates.
        gate: Activation,
        /// g, of the candidate.
        candidate: Activation,
        /// k, of the cell state.
        output: Activation,
        /// Whether the forget gate is one minus the input gate.
        coupled: bool,
    },
    /// Gates z, r, h: `h' = (1 - z) g + z h` (Cho et al. 2014).
    Gru {
        /// Of the two gates.
        gate: Activation,
        /// g, of the candidate.
        candidate: Activation,
        /// Whether the reset gate scales the product, `g(x + r (h R + b))`, as in PyTorch and cuDNN; otherwise it scales
        /// what goes in, `g(x + (r h) R + b)`, and the three gates have matrices of their own.
        reset_after: bool,
    },
}

impl Cell {
    /// Gates whose columns stand side by side.
    pub fn gates(&self) -> usize {
        match self {
            Cell::Simple { .. } => 1,
            Cell::Lstm { .. } => 4,
            Cell::Gru { .. } => 3,
        }
    }

    /// Matrices that a step multiplies one after the other, groups of the layer.
    pub fn groups(&self) -> usize {
        if matches!(self, Cell::Gru { reset_after: false, .. }) { 3 } else { 1 }
    }
}

/// The part of a recurrent layer that goes from step to step. The inputs' own matrix is a dense layer before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recurrence {
    /// What a step does.
    pub cell: Cell,
    /// The recurrent matrix `[hidden, gates * hidden]`: goes onto crossbars.
    pub weight: ParamId,
    /// `[gates * hidden]`, added to the product of the hidden state.
    pub bias: Option<ParamId>,
    /// Hidden state before the first step, `[hidden]`; zero where absent.
    pub hidden: Option<ParamId>,
    /// Cell state before the first step, `[hidden]`, of an LSTM; zero where absent.
    pub state: Option<ParamId>,
    /// Weights from the cell state to the gates i, o, f, `[3 * hidden]`, of an LSTM (Gers and Schmidhuber 2000).
    pub peepholes: Option<ParamId>,
    /// What goes into gates and candidate is limited to so much on both sides.
    pub clip: Option<f32>,
    /// Whether the sequence is read from its end.
    pub reverse: bool,
    /// Whether the last cell state, of an LSTM, follows the hidden states as one more row.
    pub keep_state: bool,
}

/// What a node does. Axes count from 0 behind the batch axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// y = x W + b over the last axis: goes onto crossbars.
    Dense {
        /// `[inputs, outputs]`
        weight: ParamId,
        /// `[outputs]`
        bias: Option<ParamId>,
    },
    /// Convolution over the spatial axes, channels last: goes onto crossbars.
    Conv {
        /// `[kh * kw * in_channels / groups, out_channels]`
        weight: ParamId,
        /// `[out_channels]`
        bias: Option<ParamId>,
        /// The sliding window.
        window: Window,
        /// Channel groups.
        groups: usize,
    },
    /// Batch normalisation over the last axis.
    BatchNorm {
        /// Scale, `[channels]`
        gamma: ParamId,
        /// Shift, `[channels]`
        beta: ParamId,
        /// Running mean, `[channels]`
        mean: ParamId,
        /// Running variance, `[channels]`
        variance: ParamId,
        /// Added to the variance.
        epsilon: f32,
    },
    /// Element by element.
    Activate(Activation),
    /// Largest value in each window.
    MaxPool(Window),
    /// Mean of each window.
    AvgPool {
        /// The sliding window.
        window: Window,
        /// Whether padding counts as zeros in the mean.
        count_pad: bool,
    },
    /// Reduction over axes.
    Reduce {
        /// How.
        how: Reduce,
        /// Which axes.
        axes: Vec<usize>,
        /// Whether they stay with length 1.
        keep: bool,
    },
    /// Two values.
    Binary(Binary),
    /// A value with a constant; `shape` of the parameter broadcasts against the value's.
    BinaryConst {
        /// How.
        how: Binary,
        /// The constant.
        param: ParamId,
        /// Whether the constant stands on the left.
        constant_first: bool,
    },
    /// Matrix product of two values over their last two axes, for each index of the axes before (attention): no
    /// weights, so it stays digital.
    MatMul,
    /// Values one behind the other.
    Concat {
        /// Along which axis.
        axis: usize,
    },
    /// Constant padding.
    Pad {
        /// Elements before each axis.
        before: Vec<usize>,
        /// Elements behind each axis.
        after: Vec<usize>,
        /// What they hold.
        value: f32,
    },
    /// Same values, another shape.
    Reshape {
        /// Without the batch axis.
        shape: Vec<usize>,
    },
    /// Axes in another order.
    Transpose {
        /// Output axis `i` is input axis `order[i]`.
        order: Vec<usize>,
    },
    /// A range along each axis.
    Slice {
        /// First element of each axis.
        start: Vec<usize>,
        /// One past the last element, before `step`, of each axis.
        end: Vec<usize>,
        /// Stride of each axis, at least 1.
        step: Vec<usize>,
    },
    /// Softmax, or its logarithm, along an axis.
    Softmax {
        /// Which axis.
        axis: usize,
        /// Whether the logarithm is meant.
        log: bool,
    },
    /// The steps of a recurrent layer: `[steps, gates * hidden]` to the hidden states `[steps, hidden]`. The hidden
    /// state's product goes onto crossbars.
    Recurrent(Recurrence),
    /// Rows of a table by whole numbers, negative ones from its end: `[..]` to `[.., width]`. A memory, not a product: it
    /// stays digital.
    Embed {
        /// `[rows, width]`
        table: ParamId,
    },
    /// Limited to `-bound` to `bound` and rounded to the levels of an input converter in between; both are learned, and gradients
    /// pass rounding straight through.
    Range {
        /// `[1]`; its magnitude counts.
        bound: ParamId,
        /// An odd number; 0 rounds nothing.
        levels: u32,
    },
    /// The second of three values where the first is not zero, the third elsewhere, with broadcasting.
    Select,
}
