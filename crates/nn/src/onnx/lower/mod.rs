//! From ONNX operators on computed values to nodes of the layer graph.

mod choice;
mod einsum;
mod elementwise;
mod linear;
mod moved;
mod movement;
mod norm;
mod recurrent;
mod reduce;
mod reshape;
mod resize;
mod transposed;
mod window;

use std::rc::Rc;

use crate::graph::{Activation, Binary};

pub(super) use moved::known;

use super::attributes::Attributes;
use super::build::{Builder, Val};
use super::constant::{Constant, Data};
use super::error::{Step, mistake, refuse};
use super::proto::{self, element};

/// What is known of a name in the file.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// The same for every batch.
    Constant(Rc<Constant>),
    /// Computed from the network's inputs.
    Computed(Val),
    /// The same with the batch at this axis of the file's, not at the first.
    Moved(Val, usize),
    /// The same with the batch innermost in the file's first axis, behind the merged axes: as steps before samples are
    /// when they are flattened together.
    Folded(Val),
    /// Something that this reader does not make, and why: it matters only where it is read.
    Absent(&'static str),
    /// Hangs on something that could not be read and has been reported.
    Broken,
}

/// A node with what it reads.
pub(super) struct Call<'a> {
    pub op: &'a str,
    pub attributes: Attributes<'a>,
    /// What the file calls the inputs.
    pub names: &'a [String],
    pub inputs: Vec<Option<Known>>,
    pub outputs: usize,
    /// Which of them something reads.
    pub wanted: &'a [bool],
    pub opset: i64,
    /// Whether a node is folded into the layer before it while both are still in half precision.
    pub folds_halves: bool,
    /// Whether a hard sigmoid or hard swish clips halves.
    pub clips_halves: bool,
}

impl<'a> Call<'a> {
    /// Of a node whose values do not matter.
    pub fn blind(node: &'a proto::Node, inputs: Vec<Option<Known>>, opset: i64) -> Self {
        let (attributes, outputs) = (Attributes(&node.attribute), node.output.len());
        // Where a constant is not known either there is nothing to say.
        let known = inputs.iter().skip(1).all(|k| matches!(k, None | Some(Known::Constant(_))));
        let op = if known { &*node.op_type } else { "" };
        let names = &node.input;
        let (folds_halves, clips_halves, wanted) = (false, false, &[][..]);
        Self { op, attributes, names, inputs, outputs, wanted, opset, folds_halves, clips_halves }
    }

    /// What the file calls an input.
    pub fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    /// An input that is computed.
    pub fn computed(&self, index: usize) -> Step<&Val> {
        match self.inputs.get(index).and_then(Option::as_ref) {
            Some(Known::Computed(v)) => Ok(v),
            Some(Known::Moved(_, place)) => {
                refuse!(
                    "input {index} has its batch at axis {place}, not at the first, which is not supported"
                )
            }
            Some(Known::Folded(_)) => {
                refuse!(
                    "input {index} has its batch behind other axes in its first one, which is not supported"
                )
            }
            Some(_) => refuse!("input {index} is a constant, where only a computed value is supported"),
            None => mistake!("input {index} is missing"),
        }
    }

    /// An input that must be constant, where it is there.
    pub fn constant(&self, index: usize) -> Step<Option<&Constant>> {
        match self.inputs.get(index).and_then(Option::as_ref) {
            Some(Known::Constant(c)) => Ok(Some(c)),
            Some(_) => refuse!(
                "input {index} is computed while the network runs, where only a constant is supported"
            ),
            None => Ok(None),
        }
    }

    /// An input that must be there and constant.
    pub fn needed(&self, index: usize) -> Step<&Constant> {
        match self.constant(index)? {
            Some(c) => Ok(c),
            None => mistake!("input {index} is missing"),
        }
    }

    /// Whole numbers that stand in an attribute up to some version, in an input afterwards.
    pub fn ints(&self, attribute: &str, index: usize) -> Step<Option<Vec<i64>>> {
        match self.constant(index)? {
            Some(c) => c.known_ints().map(Some),
            None => Ok(self.attributes.ints(attribute).map(<[i64]>::to_vec)),
        }
    }
}

/// What a node's constants say of one another, for one whose values could not be read.
pub(super) fn alone(call: &Call<'_>) -> Step<()> {
    match call.op {
        "Conv" => window::weights(call).map(drop),
        "Gemm" => linear::weights(call).map(drop),
        "LSTM" | "GRU" | "RNN" => recurrent::weights(call).map(drop),
        "BatchNormalization" => norm::statistics(call, None).map(drop),
        _ => Ok(()),
    }
}

/// Adds the nodes for a call of which at least one input is computed; returns its outputs.
pub(super) fn lower(b: &mut Builder, call: &Call<'_>) -> Step<Vec<Known>> {
    if matches!(call.op, "LSTM" | "GRU" | "RNN") {
        return recurrent::recurrent(b, call);
    }
    if call.inputs.iter().flatten().any(|k| matches!(k, Known::Folded(_))) {
        return moved::folded(b, call);
    }
    if let Some(made) = moved::moved(b, call)? {
        return Ok(made);
    }
    let one = |v: Val| vec![Known::Computed(v)];
    Ok(match call.op {
        "Identity" => one(call.computed(0)?.clone()),
        "Dropout" => dropout(call)?,
        "Cast" | "CastLike" => one(cast(b, call)?),
        "Gemm" => one(linear::gemm(b, call)?),
        "MatMul" => one(linear::matmul(b, call)?),
        "Conv" => one(window::conv(b, call)?),
        "MaxPool" => {
            vec![
                Known::Computed(window::pool(b, call)?),
                Known::Absent("indices of maxima are not supported"),
            ]
        }
        "AveragePool" => one(window::pool(b, call)?),
        "GlobalAveragePool" | "GlobalMaxPool" => one(reduce::global_pool(b, call)?),
        "BatchNormalization" => one(norm::batch(b, call)?),
        "LayerNormalization" => one(norm::layer(b, call)?),
        "InstanceNormalization" => one(norm::instance(b, call)?),
        "GroupNormalization" => one(norm::group(b, call)?),
        "ReduceL1" | "ReduceL2" | "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceSum"
        | "ReduceSumSquare" => one(reduce::reduce(b, call)?),
        "Softmax" | "LogSoftmax" => one(reduce::softmax(b, call)?),
        "Reshape" => one(reshape::reshape(b, call)?),
        "Flatten" => one(reshape::flatten(b, call)?),
        "Squeeze" => one(reshape::squeeze(b, call)?),
        "Unsqueeze" => one(reshape::unsqueeze(b, call)?),
        "DepthToSpace" | "SpaceToDepth" => one(reshape::blocks(b, call)?),
        "Resize" | "Upsample" => one(resize::resize(b, call)?),
        "Concat" => one(movement::concat(b, call)?),
        "Pad" => one(movement::pad(b, call)?),
        "Slice" => one(movement::slice(b, call)?),
        "Split" => movement::split(b, call)?.into_iter().map(Known::Computed).collect(),
        "Gather" => one(movement::gather(b, call)?),
        "Expand" | "Tile" => one(movement::expand(b, call)?),
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => one(choice::compare(b, call)?),
        "And" | "IsNaN" | "Not" | "Or" | "Xor" => one(choice::logic(b, call)?),
        "Where" => one(choice::choose(b, call)?),
        "Einsum" => vec![einsum::einsum(b, call)?],
        "ConvTranspose" => one(transposed::conv(b, call)?),
        "RMSNormalization" | "SimplifiedLayerNormalization" => one(norm::root_mean_square(b, call)?),
        _ => one(elementwise::lower(b, call)?),
    })
}

fn dropout(call: &Call<'_>) -> Step<Vec<Known>> {
    if let Some(training) = call.constant(2)?
        && training.float()? != 0.0
    {
        refuse!("training mode is not supported; export the model for inference");
    }
    Ok(vec![
        Known::Computed(call.computed(0)?.clone()),
        Known::Absent("the mask of a Dropout is not supported"),
    ])
}

/// Every float type is f32 here; whole numbers and truth values are as well, and known for what they are.
fn cast(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let code = match (call.op, call.inputs.get(1)) {
        ("Cast", _) => i32::try_from(call.attributes.int("to", element::FLOAT.into())).unwrap_or(0),
        (_, Some(Some(Known::Computed(like)))) if b.is_whole(like) => element::INT64,
        (_, Some(Some(Known::Constant(c)))) => match c.data {
            Data::Float(_) => element::FLOAT,
            Data::Int(_) => element::INT64,
            Data::Bool(_) => element::BOOL,
        },
        _ => element::FLOAT,
    };
    match code {
        code if element::is_float(code) => b.as_float(&x),
        element::BOOL => {
            let zero = b.with_number("zero", Binary::Equal, &x, 0.0)?;
            let zero = b.set_whole(zero);
            choice::not(b, &zero)
        }
        element::INT64 | element::INT32 => {
            if b.is_whole(&x) {
                return Ok(x);
            }
            let whole = b.activate("whole", Activation::Trunc, &x)?;
            Ok(b.set_whole(whole))
        }
        code => refuse!("casting a computed value to {} is not supported", element::name(code)),
    }
}
