//! Shapes: what each node makes of its inputs, and whether a graph hangs together.

use crate::error::NnError;
use crate::graph::{Cell, Graph, Node, Op, ParamId, Recurrence, ValueId, Window};

/// Values of one sample may not exceed this many numbers, so that a hostile file cannot ask for terabytes.
pub const MAX_ELEMENTS: usize = 1 << 30;

impl Op {
    /// The operation's name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Dense { .. } => "Dense",
            Op::Conv { .. } => "Conv",
            Op::BatchNorm { .. } => "BatchNorm",
            Op::Activate(_) => "Activate",
            Op::MaxPool(_) => "MaxPool",
            Op::AvgPool { .. } => "AvgPool",
            Op::Reduce { .. } => "Reduce",
            Op::Binary(_) => "Binary",
            Op::BinaryConst { .. } => "BinaryConst",
            Op::MatMul => "MatMul",
            Op::Concat { .. } => "Concat",
            Op::Pad { .. } => "Pad",
            Op::Reshape { .. } => "Reshape",
            Op::Transpose { .. } => "Transpose",
            Op::Slice { .. } => "Slice",
            Op::Softmax { .. } => "Softmax",
            Op::Embed { .. } => "Embed",
            Op::Select => "Select",
            Op::Range { .. } => "Range",
            Op::Recurrent(r) => match r.cell {
                Cell::Simple { .. } => "RNN",
                Cell::Lstm { .. } => "LSTM",
                Cell::Gru { .. } => "GRU",
            },
        }
    }

    /// The parameters it reads.
    pub fn params(&self) -> Vec<ParamId> {
        match self {
            Op::Dense { weight, bias } | Op::Conv { weight, bias, .. } => {
                std::iter::once(*weight).chain(*bias).collect()
            }
            Op::BatchNorm { gamma, beta, mean, variance, .. } => vec![*gamma, *beta, *mean, *variance],
            Op::BinaryConst { param, .. } | Op::Embed { table: param } | Op::Range { bound: param, .. } => {
                vec![*param]
            }
            Op::Recurrent(r) => std::iter::once(r.weight)
                .chain([r.bias, r.hidden, r.state, r.peepholes].into_iter().flatten())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The same, to be renumbered.
    pub(crate) fn params_mut(&mut self) -> Vec<&mut ParamId> {
        match self {
            Op::Dense { weight, bias } | Op::Conv { weight, bias, .. } => {
                std::iter::once(weight).chain(bias).collect()
            }
            Op::BatchNorm { gamma, beta, mean, variance, .. } => vec![gamma, beta, mean, variance],
            Op::BinaryConst { param, .. } | Op::Embed { table: param } | Op::Range { bound: param, .. } => {
                vec![param]
            }
            Op::Recurrent(Recurrence { weight, bias, hidden, state, peepholes, .. }) => {
                std::iter::once(weight).chain(bias).chain(hidden).chain(state).chain(peepholes).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The matrix that goes onto crossbars, the bias behind it, and how many matrices stand side by side in it.
    pub(crate) fn factor(&self) -> Option<(ParamId, Option<ParamId>, usize)> {
        match *self {
            Op::Dense { weight, bias } => Some((weight, bias, 1)),
            Op::Conv { weight, bias, groups, .. } => Some((weight, bias, groups)),
            Op::Recurrent(r) => Some((r.weight, r.bias, r.cell.groups())),
            _ => None,
        }
    }
}

impl Window {
    /// Output (height, width) over an input of that size; floor division, as ONNX has it by default.
    pub fn output(&self, size: [usize; 2]) -> Result<[usize; 2], String> {
        let mut out = [0; 2];
        for axis in 0..2 {
            let (k, s, d) = (self.kernel[axis], self.stride[axis], self.dilation[axis]);
            if k == 0 || s == 0 || d == 0 {
                return Err(format!("kernel, stride and dilation must be at least 1, got {k}, {s} and {d}"));
            }
            let padded =
                size[axis].checked_add(self.pad[axis]).and_then(|p| p.checked_add(self.pad[axis + 2]));
            let reach = (k - 1).checked_mul(d).and_then(|r| r.checked_add(1));
            let (Some(padded), Some(reach)) = (padded, reach) else {
                return Err("window or padding is too large".into());
            };
            if padded > MAX_ELEMENTS {
                return Err(format!("padding makes the axis {padded} long"));
            }
            if reach > padded {
                return Err(format!(
                    "a window of {k} (dilation {d}) does not fit {} plus padding {} and {}",
                    size[axis],
                    self.pad[axis],
                    self.pad[axis + 2]
                ));
            }
            out[axis] = (padded - reach) / s + 1;
        }
        Ok(out)
    }

    /// A window that touches each pixel once, in place: no im2col needed.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.pad == [0; 4]
    }
}

/// (height, width, channels) of a channels-last value; a signal has height 1.
pub fn spatial(shape: &[usize]) -> Result<[usize; 3], String> {
    match *shape {
        [length, channels] => Ok([1, length, channels]),
        [height, width, channels] => Ok([height, width, channels]),
        _ => Err(format!("needs [length, channels] or [height, width, channels], got {shape:?}")),
    }
}

fn windowed(shape: &[usize], window: &Window, channels: usize) -> Result<Vec<usize>, String> {
    let [height, width, _] = spatial(shape)?;
    if shape.len() == 2 && (window.kernel[0] != 1 || window.pad[0] != 0 || window.pad[2] != 0) {
        return Err("a signal's window must have height 1 and no padding above or below".into());
    }
    let [oh, ow] = window.output([height, width])?;
    Ok(if shape.len() == 2 { vec![ow, channels] } else { vec![oh, ow, channels] })
}

/// The shape that two broadcast to, aligned at the last axis.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| if i + s.len() < rank { 1 } else { s[i + s.len() - rank] };
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(format!("{a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

impl Graph {
    /// The shape that a node makes of its inputs, or what does not fit.
    pub fn output_shape(&self, node: &Node) -> Result<Vec<usize>, String> {
        let inputs: Vec<&[usize]> = node.inputs.iter().map(|&v| self.values[v].shape.as_slice()).collect();
        let arity = |n: usize| {
            if inputs.len() == n { Ok(()) } else { Err(format!("takes {n} inputs, got {}", inputs.len())) }
        };
        if !matches!(node.op, Op::Binary(_) | Op::MatMul | Op::Concat { .. } | Op::Select) {
            arity(1)?;
        }
        let param = |id: ParamId, what: &str, expected: &[usize]| {
            let got = &self.params[id].shape;
            if got == expected { Ok(()) } else { Err(format!("{what} must be {expected:?}, got {got:?}")) }
        };
        let axis_in = |axis: usize, rank: usize| {
            if axis < rank { Ok(()) } else { Err(format!("axis {axis} of a value with {rank} axes")) }
        };
        let matrix = |id: ParamId| match self.params[id].shape[..] {
            [rows, cols] => Ok((rows, cols)),
            ref other => Err(format!("weight must be a matrix, got {other:?}")),
        };
        match &node.op {
            Op::Dense { weight, bias } => {
                let (rows, cols) = matrix(*weight)?;
                let x = inputs[0];
                if x.last() != Some(&rows) {
                    return Err(format!("weight [{rows}, {cols}] does not fit an input of {x:?}"));
                }
                bias.map_or(Ok(()), |b| param(b, "bias", &[cols]))?;
                let mut shape = x.to_vec();
                shape[x.len() - 1] = cols;
                Ok(shape)
            }
            Op::Conv { weight, bias, window, groups } => {
                let (rows, cols) = matrix(*weight)?;
                let channels = spatial(inputs[0])?[2];
                if *groups == 0 || channels % groups != 0 || cols % groups != 0 {
                    return Err(format!(
                        "{groups} groups do not divide {channels} input and {cols} output channels"
                    ));
                }
                let [kh, kw] = window.kernel;
                let need = kh.checked_mul(kw).and_then(|k| k.checked_mul(channels / groups));
                if need != Some(rows) {
                    return Err(format!(
                        "weight [{rows}, {cols}] does not fit a {kh} x {kw} kernel over {channels} channels in {groups} groups"
                    ));
                }
                bias.map_or(Ok(()), |b| param(b, "bias", &[cols]))?;
                windowed(inputs[0], window, cols)
            }
            Op::BatchNorm { gamma, beta, mean, variance, epsilon } => {
                let channels = *inputs[0].last().ok_or("needs at least one axis")?;
                for (id, what) in [(gamma, "gamma"), (beta, "beta"), (mean, "mean"), (variance, "variance")] {
                    param(*id, what, &[channels])?;
                }
                if !(*epsilon >= 0.0 && epsilon.is_finite()) {
                    return Err(format!("epsilon must not be negative, got {epsilon}"));
                }
                Ok(inputs[0].to_vec())
            }
            Op::Activate(_) => Ok(inputs[0].to_vec()),
            Op::Range { bound, levels } => {
                if *levels != 0 && (levels.is_multiple_of(2) || *levels < 3) {
                    return Err(format!("{levels} levels: an odd number from 3 on is needed, or 0"));
                }
                param(*bound, "bound", &[1])?;
                Ok(inputs[0].to_vec())
            }
            Op::MaxPool(window) | Op::AvgPool { window, .. } => {
                windowed(inputs[0], window, spatial(inputs[0])?[2])
            }
            Op::Reduce { axes, keep, .. } => {
                let x = inputs[0];
                axes.iter().try_for_each(|&a| axis_in(a, x.len()))?;
                if axes.iter().any(|&a| x[a] == 0) {
                    return Err(format!("an axis of {x:?} is empty"));
                }
                let kept = |(i, &n): (usize, &usize)| match (axes.contains(&i), keep) {
                    (false, _) => Some(n),
                    (true, true) => Some(1),
                    (true, false) => None,
                };
                Ok(x.iter().enumerate().filter_map(kept).collect())
            }
            Op::Binary(_) => {
                arity(2)?;
                broadcast(inputs[0], inputs[1])
            }
            Op::BinaryConst { param, .. } => broadcast(inputs[0], &self.params[*param].shape),
            Op::MatMul => {
                arity(2)?;
                let (a, b) = (inputs[0], inputs[1]);
                match (a, b) {
                    ([lead @ .., rows, inner], [other @ .., same, cols])
                        if lead == other && inner == same && *inner > 0 =>
                    {
                        Ok(lead.iter().chain([rows, cols]).copied().collect())
                    }
                    _ => Err(format!("matrices {a:?} and {b:?} do not multiply")),
                }
            }
            Op::Concat { axis } => {
                let first = *inputs.first().ok_or("needs at least one input")?;
                axis_in(*axis, first.len())?;
                let mut shape = first.to_vec();
                for other in &inputs[1..] {
                    let same = other.len() == first.len()
                        && (0..first.len()).all(|i| i == *axis || other[i] == first[i]);
                    if !same {
                        return Err(format!("{first:?} and {other:?} differ outside axis {axis}"));
                    }
                    shape[*axis] = shape[*axis].checked_add(other[*axis]).ok_or("the axis is too long")?;
                }
                Ok(shape)
            }
            Op::Pad { before, after, .. } => {
                let x = inputs[0];
                if before.len() != x.len() || after.len() != x.len() {
                    return Err(format!("padding {before:?} and {after:?} for a value of {x:?}"));
                }
                let padded = |i: usize| x[i].checked_add(before[i])?.checked_add(after[i]);
                (0..x.len()).map(|i| padded(i).ok_or_else(|| "padding is too large".to_string())).collect()
            }
            Op::Reshape { shape } => {
                let (from, to) = (elements(inputs[0])?, elements(shape)?);
                if from != to {
                    return Err(format!("{:?} holds {from} values and {shape:?} {to}", inputs[0]));
                }
                Ok(shape.clone())
            }
            Op::Transpose { order } => {
                let x = inputs[0];
                let mut seen = vec![false; x.len()];
                let valid = order.len() == x.len()
                    && order.iter().all(|&a| a < x.len() && !std::mem::replace(&mut seen[a], true));
                if !valid {
                    return Err(format!("{order:?} is no order of the axes of {x:?}"));
                }
                Ok(order.iter().map(|&a| x[a]).collect())
            }
            Op::Slice { start, end, step } => {
                let x = inputs[0];
                if [start, end, step].iter().any(|v| v.len() != x.len()) {
                    return Err(format!("bounds {start:?} .. {end:?} by {step:?} for a value of {x:?}"));
                }
                (0..x.len())
                    .map(|i| {
                        if step[i] == 0 || start[i] > end[i] || end[i] > x[i] {
                            Err(format!("{start:?} .. {end:?} by {step:?} leaves a value of {x:?}"))
                        } else {
                            Ok((end[i] - start[i]).div_ceil(step[i]))
                        }
                    })
                    .collect()
            }
            Op::Softmax { axis, .. } => {
                axis_in(*axis, inputs[0].len())?;
                Ok(inputs[0].to_vec())
            }
            Op::Embed { table } => {
                let (rows, width) = matrix(*table)?;
                // Whole numbers are exact in f32 up to there.
                if rows == 0 || rows > 1 << 24 {
                    return Err(format!("a table of {rows} rows; allowed are 1 to 2^24"));
                }
                Ok(inputs[0].iter().copied().chain([width]).collect())
            }
            Op::Select => {
                arity(3)?;
                broadcast(&broadcast(inputs[0], inputs[1])?, inputs[2])
            }
            Op::Recurrent(r) => {
                let (hidden, columns) = matrix(r.weight)?;
                let gates = r.cell.gates();
                if hidden == 0 || Some(columns) != hidden.checked_mul(gates) {
                    return Err(format!("weight [{hidden}, {columns}] does not hold {gates} gates"));
                }
                let [steps, width] = *inputs[0] else {
                    return Err(format!("needs [steps, {columns}], got {:?}", inputs[0]));
                };
                if steps == 0 || width != columns {
                    return Err(format!("needs [steps, {columns}], got {:?}", inputs[0]));
                }
                let lstm = matches!(r.cell, Cell::Lstm { .. });
                if !lstm && (r.state.is_some() || r.peepholes.is_some() || r.keep_state) {
                    return Err("only an LSTM has a cell state and peepholes".into());
                }
                if r.clip.is_some_and(|c| c.is_nan() || c <= 0.0) {
                    return Err(format!("clip must be positive, got {:?}", r.clip));
                }
                let all = [
                    (r.bias, "bias", columns),
                    (r.hidden, "hidden state", hidden),
                    (r.state, "cell state", hidden),
                    (r.peepholes, "peepholes", 3 * hidden),
                ];
                for (id, what, length) in all {
                    id.map_or(Ok(()), |id| param(id, what, &[length]))?;
                }
                let rows = steps.checked_add(usize::from(r.keep_state)).ok_or("too many steps")?;
                Ok(vec![rows, hidden])
            }
        }
    }

    /// The error that names a node.
    pub(crate) fn node_error(&self, index: usize, detail: impl Into<String>) -> NnError {
        let node = &self.nodes[index];
        NnError::Node { index, node: node.name.clone(), op: node.op.name(), detail: detail.into() }
    }

    /// Sets the shape of every node's output from the inputs' shapes.
    pub fn infer_shapes(&mut self) -> Result<(), NnError> {
        self.check_tables()?;
        for i in 0..self.nodes.len() {
            let shape = self.output_shape(&self.nodes[i]).map_err(|e| self.node_error(i, e))?;
            elements(&shape).map_err(|e| self.node_error(i, e))?;
            let output = self.nodes[i].output;
            self.values[output].shape = shape;
        }
        Ok(())
    }

    /// Checks that ids exist, that nodes stand in an order in which they can run, that every value has one
    /// source, and that every shape is what its node makes. An error names the node and the shapes.
    pub fn validate(&self) -> Result<(), NnError> {
        self.check_tables()?;
        for (i, node) in self.nodes.iter().enumerate() {
            let shape = self.output_shape(node).map_err(|e| self.node_error(i, e))?;
            elements(&shape).map_err(|e| self.node_error(i, e))?;
            let recorded = &self.values[node.output].shape;
            if &shape != recorded {
                return Err(self.node_error(i, format!("makes {shape:?}, but the graph says {recorded:?}")));
            }
        }
        Ok(())
    }

    fn check_tables(&self) -> Result<(), NnError> {
        let malformed = |detail: String| Err(NnError::Malformed(detail));
        for (id, param) in self.params.iter().enumerate() {
            if elements(&param.shape) != Ok(param.data.len()) {
                return malformed(format!(
                    "parameter {id} of shape {:?} holds {} values",
                    param.shape,
                    param.data.len()
                ));
            }
        }
        let known = |v: ValueId| v < self.values.len();
        let mut made = vec![false; self.values.len()];
        for &v in &self.inputs {
            if !known(v) || std::mem::replace(&mut made[v], true) {
                return malformed(format!("input {v} does not exist or is listed twice"));
            }
            if let Err(e) = elements(&self.values[v].shape) {
                return malformed(format!("input \"{}\": {e}", self.values[v].name));
            }
        }
        for (i, node) in self.nodes.iter().enumerate() {
            if let Some(&v) = node.inputs.iter().find(|&&v| !known(v) || !made[v]) {
                return Err(self.node_error(i, format!("reads value {v} before anything makes it")));
            }
            if let Some(p) = node.op.params().into_iter().find(|&p| p >= self.params.len()) {
                return Err(self.node_error(i, format!("reads parameter {p} of {}", self.params.len())));
            }
            if !known(node.output) || std::mem::replace(&mut made[node.output], true) {
                let detail =
                    format!("makes value {}, which does not exist or has a source already", node.output);
                return Err(self.node_error(i, detail));
            }
        }
        match self.outputs.iter().find(|&&v| !known(v) || !made[v]) {
            Some(v) => malformed(format!("output {v} is never made")),
            None => Ok(()),
        }
    }
}

/// Number of values in a shape, or an error where that is beyond any sensible network.
pub fn elements(shape: &[usize]) -> Result<usize, String> {
    shape
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(d))
        .filter(|&n| n <= MAX_ELEMENTS)
        .ok_or_else(|| format!("{shape:?} is more than {MAX_ELEMENTS} values a sample"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_sizes_follow_the_onnx_formula() {
        // floor((in + pads - dilation (k - 1) - 1) / stride + 1), ONNX operator Conv.
        let w = |k, s, d, p| Window { kernel: k, stride: s, dilation: d, pad: p };
        assert_eq!(w([3, 3], [1, 1], [1, 1], [1, 1, 1, 1]).output([32, 32]), Ok([32, 32]));
        assert_eq!(w([3, 3], [2, 2], [1, 1], [0, 0, 1, 1]).output([32, 32]), Ok([16, 16]));
        assert_eq!(w([3, 5], [1, 3], [2, 2], [0, 4, 0, 1]).output([9, 14]), Ok([5, 4]));
        assert!(w([3, 3], [1, 1], [1, 1], [0; 4]).output([2, 9]).is_err());
        assert!(w([3, 3], [0, 1], [1, 1], [0; 4]).output([9, 9]).is_err());
        assert!(w([usize::MAX, 1], [1, 1], [usize::MAX, 1], [0; 4]).output([9, 9]).is_err());
        assert!(w([1, 1], [1, 1], [1, 1], [usize::MAX, 0, 1, 0]).output([9, 9]).is_err());
    }

    #[test]
    fn broadcasting_aligns_the_last_axes() {
        assert_eq!(broadcast(&[4, 1, 3], &[5, 1]), Ok(vec![4, 5, 3]));
        assert_eq!(broadcast(&[3], &[2, 3]), Ok(vec![2, 3]));
        assert!(broadcast(&[2, 3], &[2, 4]).is_err());
    }
}
