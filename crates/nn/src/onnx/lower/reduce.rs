//! Reductions and softmax.

use crate::graph::{Activation, Binary, Op, Reduce};

use super::super::build::{Builder, Val, wrap};
use super::super::error::{Step, refuse};
use super::{Call, reshape};

/// Mean or maximum over all axes behind the channels, which stay with length 1.
pub(super) fn global_pool(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    b.apart(&x)?;
    if b.rank(&x) < 3 {
        refuse!("needs at least one axis behind the channels");
    }
    let how = if call.op == "GlobalMaxPool" { Reduce::Max } else { Reduce::Mean };
    // Channels last, as convolutions leave them: so the mean runs over rows of memory.
    let axes = (0..x.axes.len()).filter(|&p| x.axes[p] != 0).collect();
    b.keep("", Op::Reduce { how, axes, keep: true }, &x)
}

/// The axes an operator reduces over, behind the batch.
fn axes(b: &Builder, call: &Call<'_>, x: &Val) -> Step<Vec<usize>> {
    match call.ints("axes", 1)? {
        Some(axes) if !axes.is_empty() => axes.iter().map(|&a| b.axis(x, a)).collect(),
        _ if call.attributes.int("noop_with_empty_axes", 0) != 0 => Ok(Vec::new()),
        _ => refuse!("reduces over all axes, the batch among them"),
    }
}

/// `Reduce...`
pub(super) fn reduce(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let axes = axes(b, call, &x)?;
    let (how, before) = match call.op {
        "ReduceMean" => (Reduce::Mean, None),
        "ReduceMax" => (Reduce::Max, None),
        "ReduceMin" => (Reduce::Min, None),
        "ReduceL1" => (Reduce::Sum, Some(false)),
        "ReduceL2" | "ReduceSumSquare" => (Reduce::Sum, Some(true)),
        _ => (Reduce::Sum, None),
    };
    let x = match before {
        None => x,
        Some(false) => b.activate("abs", Activation::Abs, &x)?,
        Some(true) => b.binary("square", Binary::Mul, &x, &x)?,
    };
    if axes.is_empty() {
        return if call.op == "ReduceL2" { b.activate("", Activation::Sqrt, &x) } else { Ok(x) };
    }
    let keep = call.attributes.int("keepdims", 1) != 0;
    let places = (0..x.axes.len()).filter(|&p| axes.contains(&x.axes[p])).collect();
    let role = if call.op == "ReduceL2" { "sum" } else { "" };
    let id = b.emit(role, Op::Reduce { how, axes: places, keep }, vec![x.id])?;
    let y = if keep {
        Val { id, ..x }
    } else {
        // What is left closes ranks.
        let below = |a: usize| (0..a).filter(|r| axes.contains(r)).count();
        let left = x.axes.iter().filter(|a| !axes.contains(a)).map(|&a| a - below(a));
        Val { id, axes: left.collect(), merged: x.merged }
    };
    if call.op == "ReduceL2" { b.activate("", Activation::Sqrt, &y) } else { Ok(y) }
}

/// Softmax and its logarithm; before version 13 over all axes from `axis` on together.
pub(super) fn softmax(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let log = call.op == "LogSoftmax";
    let along = |b: &mut Builder, v: &Val, axis: usize| {
        let place = v.axes.iter().position(|&a| a == axis).ok_or("the axis does not exist")?;
        b.keep("", Op::Softmax { axis: place, log }, v)
    };
    if call.opset >= 13 {
        let axis = b.axis(&x, call.attributes.int("axis", -1))?;
        return along(b, &x, axis);
    }
    let first = wrap(call.attributes.int("axis", 1), b.rank(&x))?;
    if first == 0 {
        refuse!("works along the batch axis");
    }
    let first = first - 1 + x.merged;
    let shape = b.shape(&x);
    let tail: usize = shape[first..].iter().product();
    if let Some(axis) = (first..shape.len()).find(|&a| shape[a] == tail) {
        return along(b, &x, axis);
    }
    let mut flat = shape[..first].to_vec();
    flat.push(tail);
    let y = reshape::regroup(b, &x, &flat, x.merged)?;
    let y = along(b, &y, first)?;
    reshape::regroup(b, &y, &shape, x.merged)
}
