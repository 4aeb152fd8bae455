//! The operators that are read, and which attributes each may carry. Checked for every node before any
//! is looked at closely, so that one error names all that is unsupported.

use super::attributes::text;
use super::proto;

/// Oldest and newest version of the ONNX operator set whose meaning this reader knows.
pub(super) const OPSETS: std::ops::RangeInclusive<i64> = 7..=25;

/// What an attribute may hold.
enum Rule {
    /// Anything: the operator's reader looks at it, or it changes nothing here.
    Any,
    /// One of these whole numbers.
    Int(&'static [i64]),
    /// One of these words.
    Text(&'static [&'static str]),
}
use Rule::{Any, Int, Text};

type Allowed = &'static [(&'static str, Rule)];

const PADDING: Rule = Text(&["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]);
const DIRECTION: Rule = Text(&["forward", "reverse", "bidirectional"]);
const REDUCE: Allowed = &[("axes", Any), ("keepdims", Any), ("noop_with_empty_axes", Any)];

/// The attributes an operator may carry; `None` for an operator that is not supported.
fn allowed(op: &str) -> Option<Allowed> {
    Some(match op {
        "Abs" | "Add" | "And" | "Ceil" | "Div" | "Equal" | "Erf" | "Exp" | "Expand" | "Floor"
        | "GlobalAveragePool" | "GlobalMaxPool" | "Greater" | "GreaterOrEqual" | "HardSwish" | "Identity"
        | "IsNaN" | "Less" | "LessOrEqual" | "Log" | "MatMul" | "Max" | "Mean" | "Min" | "Mish" | "Mul"
        | "Neg" | "Not" | "Or" | "PRelu" | "Pow" | "Range" | "Reciprocal" | "Relu" | "Round" | "Sigmoid"
        | "Sign" | "Cos" | "Sin" | "Size" | "Softplus" | "Softsign" | "Sqrt" | "Sub" | "Sum" | "Tanh"
        | "Tile" | "Where" | "Xor" => &[],
        "AveragePool" => &[
            ("auto_pad", PADDING),
            ("ceil_mode", Any),
            ("count_include_pad", Any),
            ("dilations", Any),
            ("kernel_shape", Any),
            ("pads", Any),
            ("strides", Any),
        ],
        "BatchNormalization" => {
            &[("epsilon", Any), ("momentum", Any), ("spatial", Int(&[1])), ("training_mode", Int(&[0]))]
        }
        "Cast" => &[("to", Any), ("saturate", Any), ("round_mode", Any)],
        "CastLike" => &[("saturate", Any), ("round_mode", Any)],
        "Celu" | "Elu" | "LeakyRelu" => &[("alpha", Any)],
        "Clip" => &[("min", Any), ("max", Any)],
        "Concat" => &[("axis", Any)],
        "Constant" => &[
            ("value", Any),
            ("value_float", Any),
            ("value_floats", Any),
            ("value_int", Any),
            ("value_ints", Any),
        ],
        "ConstantOfShape" => &[("value", Any)],
        "Conv" => &[
            ("auto_pad", PADDING),
            ("dilations", Any),
            ("group", Any),
            ("kernel_shape", Any),
            ("pads", Any),
            ("strides", Any),
        ],
        "ConvTranspose" => &[
            ("auto_pad", Text(&["NOTSET", "VALID"])),
            ("dilations", Any),
            ("group", Any),
            ("kernel_shape", Any),
            ("output_padding", Any),
            ("pads", Any),
            ("strides", Any),
        ],
        "DepthToSpace" => &[("blocksize", Any), ("mode", Text(&["DCR", "CRD"]))],
        "Dropout" => &[("ratio", Any), ("seed", Any), ("is_test", Int(&[1]))],
        "Einsum" => &[("equation", Any)],
        "Flatten" => &[("axis", Any)],
        "Gather" => &[("axis", Any)],
        "GatherND" => &[("batch_dims", Any)],
        "Gelu" => &[("approximate", Text(&["none", "tanh"]))],
        "Gemm" => &[("alpha", Any), ("beta", Any), ("transA", Int(&[0])), ("transB", Any)],
        "GroupNormalization" => &[("epsilon", Any), ("num_groups", Any), ("stash_type", Any)],
        "HardSigmoid" => &[("alpha", Any), ("beta", Any)],
        "GRU" => &[
            ("activation_alpha", Any),
            ("activation_beta", Any),
            ("activations", Any),
            ("clip", Any),
            ("direction", DIRECTION),
            ("hidden_size", Any),
            ("layout", Int(&[0, 1])),
            ("linear_before_reset", Int(&[0, 1])),
        ],
        "LSTM" => &[
            ("activation_alpha", Any),
            ("activation_beta", Any),
            ("activations", Any),
            ("clip", Any),
            ("direction", DIRECTION),
            ("hidden_size", Any),
            ("input_forget", Int(&[0, 1])),
            ("layout", Int(&[0, 1])),
        ],
        "RNN" => &[
            ("activation_alpha", Any),
            ("activation_beta", Any),
            ("activations", Any),
            ("clip", Any),
            ("direction", DIRECTION),
            ("hidden_size", Any),
            ("layout", Int(&[0, 1])),
        ],
        "InstanceNormalization" => &[("epsilon", Any)],
        "LayerNormalization" => &[("axis", Any), ("epsilon", Any), ("stash_type", Any)],
        "LogSoftmax" | "Softmax" => &[("axis", Any)],
        "MaxPool" => &[
            ("auto_pad", PADDING),
            ("ceil_mode", Any),
            ("dilations", Any),
            ("kernel_shape", Any),
            ("pads", Any),
            ("storage_order", Any),
            ("strides", Any),
        ],
        "Mod" => &[("fmod", Any)],
        "Pad" => &[("mode", Text(&["constant", "edge", "reflect", "wrap"])), ("pads", Any), ("value", Any)],
        "ReduceL1" | "ReduceL2" | "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceProd" | "ReduceSum"
        | "ReduceSumSquare" => REDUCE,
        "RMSNormalization" | "SimplifiedLayerNormalization" => {
            &[("axis", Any), ("epsilon", Any), ("stash_type", Any)]
        }
        "Reshape" => &[("allowzero", Any)],
        "Resize" => &[
            ("coordinate_transformation_mode", Any),
            ("cubic_coeff_a", Any),
            ("exclude_outside", Int(&[0])),
            ("extrapolation_value", Any),
            ("keep_aspect_ratio_policy", Text(&["stretch"])),
            ("antialias", Int(&[0])),
            ("mode", Text(&["nearest", "linear"])),
            ("nearest_mode", Any),
        ],
        "Upsample" => &[("mode", Text(&["nearest", "linear"])), ("scales", Any)],
        "Selu" => &[("alpha", Any), ("gamma", Any)],
        "Shape" => &[("start", Any), ("end", Any)],
        "Slice" => &[("axes", Any), ("ends", Any), ("starts", Any)],
        "SpaceToDepth" => &[("blocksize", Any)],
        "Split" => &[("axis", Any), ("num_outputs", Any), ("split", Any)],
        "Squeeze" | "Unsqueeze" => &[("axes", Any)],
        "Swish" => &[("alpha", Any)],
        "Transpose" => &[("perm", Any)],
        "Trilu" => &[("upper", Any)],
        _ => return None,
    })
}

/// Everything about a node's operator and attributes that is not supported.
pub(super) fn check(node: &proto::Node) -> Vec<String> {
    if !matches!(node.domain.as_str(), "" | "ai.onnx") {
        return vec![format!("operators of domain \"{}\" are not supported", node.domain)];
    }
    let Some(allowed) = allowed(&node.op_type) else {
        return vec![why(&node.op_type).to_string()];
    };
    let attribute = |a: &proto::Attribute| {
        let Some((_, rule)) = allowed.iter().find(|(name, _)| *name == a.name) else {
            return Some(format!("attribute {} is not supported", a.name));
        };
        match rule {
            Any => None,
            Int(values) => {
                let value = a.i.unwrap_or(0);
                (!values.contains(&value)).then(|| format!("{} = {value} is not supported", a.name))
            }
            Text(words) => {
                let word = text(a);
                (!words.contains(&word))
                    .then(|| format!("{} = \"{word}\" is not supported, only {}", a.name, words.join(", ")))
            }
        }
    };
    node.attribute.iter().filter_map(attribute).collect()
}

fn why(op: &str) -> &'static str {
    match op {
        "QuantizeLinear"
        | "DequantizeLinear"
        | "DynamicQuantizeLinear"
        | "QLinearConv"
        | "QLinearMatMul"
        | "ConvInteger"
        | "MatMulInteger" => {
            "quantised models are not supported; export the float model and let the chip quantise"
        }
        "If" | "Loop" | "Scan" => "control flow is not supported",
        _ => "operator not supported",
    }
}
