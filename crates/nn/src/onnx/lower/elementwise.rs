//! Functions element by element.

use crate::graph::{Activation, Binary, Op};

use super::super::build::{Builder, Val};
use super::super::constant::Constant;
use super::super::error::{Step, mistake, refuse};
use super::{Call, Known, norm};

/// Adds the nodes of an elementwise operator.
pub(super) fn lower(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    if call.folds_halves
        && let Some(joined) = norm::join_halves(b, call)?
    {
        return Ok(joined);
    }
    if call.clips_halves {
        return hard_halves(b, call);
    }
    if let Some(how) = binary_op(call.op) {
        return fold(b, call, how);
    }
    if let Some(f) = activation(call)? {
        let x = call.computed(0)?.clone();
        return b.activate("", f, &x);
    }
    let x = match call.op {
        "PRelu" => return prelu(b, call),
        "Mean" => {
            let sum = fold(b, call, Binary::Add)?;
            return b.with_number("mean", Binary::Div, &sum, call.inputs.len() as f32);
        }
        "Celu" | "Mish" | "Sign" | "Swish" => call.computed(0)?.clone(),
        _ => refuse!("{} of a computed value is not supported", call.op),
    };
    let alpha = call.attributes.float("alpha", 1.0);
    match call.op {
        "Swish" => {
            let scaled =
                if alpha == 1.0 { x.clone() } else { b.with_number("alpha", Binary::Mul, &x, alpha)? };
            let gate = b.activate("gate", Activation::Sigmoid, &scaled)?;
            b.binary("", Binary::Mul, &x, &gate)
        }
        "Mish" => {
            let soft = b.activate("softplus", Activation::Softplus, &x)?;
            let gate = b.activate("tanh", Activation::Tanh, &soft)?;
            b.binary("", Binary::Mul, &x, &gate)
        }
        "Sign" => {
            let above = b.with_number("above", Binary::Greater, &x, 0.0)?;
            let param = b.param(&[], vec![0.0])?;
            let below = Op::BinaryConst { how: Binary::Greater, param, constant_first: true };
            let below = b.keep("below", below, &x)?;
            b.binary("", Binary::Sub, &above, &below)
        }
        // max(0, x) + min(0, alpha (e^(x / alpha) - 1)) = alpha elu(x / alpha)
        _ => {
            let scaled = b.with_number("scaled", Binary::Div, &x, alpha)?;
            let elu = b.activate("elu", Activation::Elu { alpha: 1.0 }, &scaled)?;
            b.with_number("", Binary::Mul, &elu, alpha)
        }
    }
}

/// A hard sigmoid or hard swish by its definition, clipped as a half.
fn hard_halves(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let swish = call.op == "HardSwish";
    let alpha = if swish { 1.0 / 6.0 } else { call.attributes.float("alpha", 0.2) };
    let beta = if swish { 0.5 } else { call.attributes.float("beta", 0.5) };
    let scaled = b.with_number("alpha", Binary::Mul, &x, alpha)?;
    let shifted = b.with_number("beta", Binary::Add, &scaled, beta)?;
    let half = b.rounded(&shifted)?;
    let clip = Activation::Clip { min: 0.0, max: 1.0 };
    if !swish {
        return b.activate("", clip, &half);
    }
    let gate = b.activate("gate", clip, &half)?;
    b.binary("", Binary::Mul, &x, &gate)
}

fn binary_op(op: &str) -> Option<Binary> {
    Some(match op {
        "Add" | "Sum" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        "Pow" => Binary::Pow,
        "Min" => Binary::Min,
        "Max" => Binary::Max,
        _ => return None,
    })
}

fn activation(call: &Call<'_>) -> Step<Option<Activation>> {
    let a = call.attributes;
    Ok(Some(match call.op {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::LeakyRelu { slope: a.float("alpha", 0.01) },
        "Clip" => {
            // Numbers in attributes before version 11, in inputs afterwards.
            let bound = |name: &str, index: usize| -> Step<Option<f32>> {
                call.constant(index)?.map(Constant::float).transpose().map(|x| x.or(a.maybe_float(name)))
            };
            Activation::Clip {
                min: bound("min", 1)?.unwrap_or(f32::NEG_INFINITY),
                max: bound("max", 2)?.unwrap_or(f32::INFINITY),
            }
        }
        "Elu" => Activation::Elu { alpha: a.float("alpha", 1.0) },
        "Selu" => {
            Activation::Selu { alpha: a.float("alpha", 1.673_263_2), gamma: a.float("gamma", 1.050_701) }
        }
        "Sigmoid" => Activation::Sigmoid,
        "Tanh" => Activation::Tanh,
        "Gelu" => Activation::Gelu { tanh: a.text("approximate") == Some("tanh") },
        "HardSigmoid" => Activation::HardSigmoid { alpha: a.float("alpha", 0.2), beta: a.float("beta", 0.5) },
        "HardSwish" => Activation::HardSwish,
        "Softplus" => Activation::Softplus,
        "Softsign" => Activation::Softsign,
        "Erf" => Activation::Erf,
        "Exp" => Activation::Exp,
        "Log" => Activation::Log,
        "Sqrt" => Activation::Sqrt,
        "Reciprocal" => Activation::Reciprocal,
        "Abs" => Activation::Abs,
        "Neg" => Activation::Neg,
        _ => return Ok(None),
    }))
}

/// Two or more values, from the left.
fn fold(b: &mut Builder, call: &Call<'_>, how: Binary) -> Step<Val> {
    let mut operands = call.inputs.iter();
    let Some(Some(first)) = operands.next() else { mistake!("an input is missing") };
    let mut sum = first.clone();
    let last = call.inputs.len() - 1;
    for (i, operand) in operands.enumerate() {
        let Some(operand) = operand else { mistake!("an input is missing") };
        let role = if i + 1 == last { String::new() } else { format!("{}", i + 1) };
        let y = match (&sum, operand) {
            (Known::Computed(x), Known::Computed(y)) => b.binary(&role, how, x, y)?,
            (Known::Computed(x), Known::Constant(c)) => match relu(how, c) {
                true => b.activate(&role, Activation::Relu, x)?,
                false => b.with_constant(&role, how, x, c, false)?,
            },
            (Known::Constant(c), Known::Computed(x)) => match relu(how, c) {
                true => b.activate(&role, Activation::Relu, x)?,
                false => b.with_constant(&role, how, x, c, true)?,
            },
            _ => refuse!("two constants before the first computed value are not supported"),
        };
        sum = Known::Computed(y);
    }
    match sum {
        Known::Computed(v) => Ok(v),
        _ => refuse!("needs a computed value"),
    }
}

/// Whether this is max(x, 0).
fn relu(how: Binary, c: &Constant) -> bool {
    how == Binary::Max && c.data.len() == 1 && c.uniform() == Some(0.0)
}

/// x where positive, slope x elsewhere; the slope broadcasts.
fn prelu(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let slope = call.needed(1)?;
    if let Some(slope) = slope.uniform()
        && call.needed(1)?.shape.len() <= b.rank(&x)
    {
        return b.activate("", Activation::LeakyRelu { slope }, &x);
    }
    let positive = b.activate("positive", Activation::Relu, &x)?;
    let negative = b.with_number("negative", Binary::Min, &x, 0.0)?;
    let scaled = b.with_constant("slope", Binary::Mul, &negative, slope, false)?;
    b.binary("", Binary::Add, &positive, &scaled)
}
