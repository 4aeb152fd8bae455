//! Comparisons, logic and choices: masks. Truth values are 0 and 1.

use crate::graph::{Activation, Binary, Op};

use super::super::build::{Builder, Val};
use super::super::constant::{Constant, Data};
use super::super::error::{Step, mistake, refuse};
use super::{Call, Known};

/// `Equal`, `Greater` and their like.
pub(super) fn compare(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    // a < b is b > a.
    let (how, turned) = match call.op {
        "Equal" => (Binary::Equal, false),
        "Greater" => (Binary::Greater, false),
        "GreaterOrEqual" => (Binary::NotLess, false),
        "Less" => (Binary::Greater, true),
        _ => (Binary::NotLess, true),
    };
    two(b, call, how, turned)
}

/// A function of two values or of a value and a constant, whose result is a truth value.
fn two(b: &mut Builder, call: &Call<'_>, how: Binary, turned: bool) -> Step<Val> {
    let y = match (call.inputs.first().and_then(Option::as_ref), call.inputs.get(1).and_then(Option::as_ref))
    {
        (Some(Known::Computed(x)), Some(Known::Computed(y))) => {
            let (x, y) = if turned { (y, x) } else { (x, y) };
            b.binary("", how, x, y)?
        }
        (Some(Known::Computed(x)), Some(Known::Constant(c))) => b.with_constant("", how, x, c, turned)?,
        (Some(Known::Constant(c)), Some(Known::Computed(x))) => b.with_constant("", how, x, c, !turned)?,
        _ => mistake!("an input is missing"),
    };
    Ok(b.set_whole(y))
}

/// `And`, `Or`, `Xor`, `Not` and `IsNaN`.
pub(super) fn logic(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    match call.op {
        "And" => two(b, call, Binary::Mul, false),
        "Or" => two(b, call, Binary::Max, false),
        "Xor" => {
            let difference = two(b, call, Binary::Sub, false)?;
            b.activate("odd", Activation::Abs, &difference)
        }
        "Not" => {
            let x = call.computed(0)?.clone();
            not(b, &x)
        }
        // Only what is no number differs from itself.
        _ => {
            let x = call.computed(0)?.clone();
            let same = b.binary("same", Binary::Equal, &x, &x)?;
            let same = b.set_whole(same);
            not(b, &same)
        }
    }
}

/// One minus a truth value.
pub(super) fn not(b: &mut Builder, x: &Val) -> Step<Val> {
    let param = b.param(&[], vec![1.0])?;
    let y = b.keep("not", Op::BinaryConst { how: Binary::Sub, param, constant_first: true }, x)?;
    Ok(b.set_whole(y))
}

/// `Where`
pub(super) fn choose(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let [Some(condition), Some(first), Some(second)] = &call.inputs[..] else {
        mistake!("an input is missing")
    };
    if let Some(soft) = softplus(b, condition, first, second) {
        return Ok(soft);
    }
    match condition {
        Known::Computed(c) => {
            let c = c.clone();
            let (first, second) = (value(b, &c, first, "chosen")?, value(b, &c, second, "other")?);
            let values = [c, first, second];
            if values.iter().any(|v| {
                b.rank(v) != b.rank(&values[0])
                    || v.merged != values[0].merged
                    || v.axes.len() != values[0].axes.len()
            }) {
                refuse!("values of different rank do not line up at the batch axis");
            }
            let order = b.meeting_order(&values);
            let ids = values.iter().map(|v| b.arrange(v, &order)).collect::<Step<Vec<_>>>()?;
            Ok(Val { id: b.emit("", Op::Select, ids)?, axes: order, merged: values[0].merged })
        }
        Known::Constant(c) => fixed(b, c, first, second),
        _ => mistake!("an input is missing"),
    }
}

/// A side of a choice as a value; a constant is added to nothing of the condition.
fn value(b: &mut Builder, condition: &Val, side: &Known, role: &str) -> Step<Val> {
    match side {
        Known::Computed(v) => Ok(v.clone()),
        Known::Constant(c) => {
            let nothing = b.with_number(&format!("{role}/zero"), Binary::Mul, condition, 0.0)?;
            let nothing = b.as_float(&nothing)?;
            b.with_constant(role, Binary::Add, &nothing, c, false)
        }
        _ => mistake!("an input is missing"),
    }
}

/// A choice by a constant, element by element: sums of what each side contributes.
fn fixed(b: &mut Builder, condition: &Constant, first: &Known, second: &Known) -> Step<Val> {
    let Data::Bool(truth) = &condition.data else { mistake!("the condition is no truth value") };
    let mask = |when: bool| {
        let data = truth.iter().map(|&t| f32::from(u8::from(t == when))).collect();
        Constant { shape: condition.shape.clone(), data: Data::Float(data), batch: condition.batch }
    };
    let side = |b: &mut Builder, known: &Known, when: bool| match known {
        Known::Computed(v) => b
            .with_constant(if when { "chosen" } else { "other" }, Binary::Mul, v, &mask(when), false)
            .map(Some),
        _ => Ok(None),
    };
    let (x, y) = (side(b, first, true)?, side(b, second, false)?);
    let fill = |known: &Known, when: bool| -> Step<Constant> {
        let Known::Constant(c) = known else { mistake!("an input is missing") };
        let values = c.floats()?;
        if values.len() != 1 && c.shape != condition.shape {
            refuse!("chooses from a constant of shape {:?} by one of {:?}", c.shape, condition.shape);
        }
        let at = |i: usize| values[if values.len() == 1 { 0 } else { i }];
        let data = truth.iter().enumerate().map(|(i, &t)| if t == when { at(i) } else { 0.0 }).collect();
        Ok(Constant { shape: condition.shape.clone(), data: Data::Float(data), batch: condition.batch })
    };
    match (x, y) {
        (Some(x), Some(y)) => b.binary("", Binary::Add, &x, &y),
        (Some(x), None) => b.with_constant("", Binary::Add, &x, &fill(second, false)?, false),
        (None, Some(y)) => b.with_constant("", Binary::Add, &y, &fill(first, true)?, false),
        (None, None) => mistake!("needs a computed value"),
    }
}

/// PyTorch switches from softplus(x) to x for large x, where in f32 they are the same from 17 on.
fn softplus(b: &Builder, condition: &Known, large: &Known, other: &Known) -> Option<Val> {
    let (Known::Computed(condition), Known::Computed(x), Known::Computed(other)) = (condition, large, other)
    else {
        return None;
    };
    let test = b.maker(condition)?;
    let Op::BinaryConst { how: Binary::Greater | Binary::NotLess, param, constant_first: false } = test.op
    else {
        return None;
    };
    let [number] = b.graph.params[param].data[..] else { return None };
    let made = b.maker(other)?;
    let same = test.inputs == [x.id] && made.inputs == [x.id] && x.axes == other.axes;
    (number >= 17.0 && same && made.op == Op::Activate(Activation::Softplus)).then(|| other.clone())
}
