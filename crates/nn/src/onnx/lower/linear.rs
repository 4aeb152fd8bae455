//! Matrix products with constant weights.

use crate::graph::{Binary, Op};

use super::super::build::{Builder, Val};
use super::super::constant::{Constant, transposed};
use super::super::error::{Step, mistake, refuse};
use super::{Call, Known};

/// The constants of a `Gemm`, which fit one another: the weight, its inputs and outputs, the bias if that is constant.
pub(super) fn weights<'a>(call: &'a Call<'_>) -> Step<(&'a Constant, [usize; 2], Option<Vec<f32>>)> {
    let weight = call.needed(1)?;
    let [rows, cols] = weight.shape[..] else {
        mistake!("weight \"{}\" of shape {:?} is no matrix", call.name(1), weight.shape)
    };
    let turned = call.attributes.int("transB", 0) != 0;
    let (inputs, outputs) = if turned { (cols, rows) } else { (rows, cols) };
    let bias = match call.inputs.get(2) {
        Some(Some(Known::Constant(c))) => Some(bias(call, c, outputs)?),
        _ => None,
    };
    Ok((weight, [inputs, outputs], bias))
}

/// `y = alpha A B + beta C`, B constant and perhaps transposed.
pub(super) fn gemm(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    if b.rank(&x) != 2 {
        mistake!("Gemm takes a matrix, got {} axes", b.rank(&x));
    }
    let (weight, [inputs, outputs], fixed) = weights(call)?;
    let (alpha, beta) = (call.attributes.float("alpha", 1.0), call.attributes.float("beta", 1.0));
    let mut values = weight.floats()?;
    if call.attributes.int("transB", 0) != 0 {
        values = transposed(&weight.shape, &[1, 0]).1.map(|i| values[i]).collect();
    }
    if alpha != 1.0 {
        values.iter_mut().for_each(|w| *w *= alpha);
    }
    match call.inputs.get(2).and_then(Option::as_ref) {
        None => dense(b, &x, &values, inputs, outputs, None),
        Some(Known::Constant(_)) => dense(b, &x, &values, inputs, outputs, fixed),
        Some(_) => {
            let product = dense(b, &x, &values, inputs, outputs, None)?;
            let c = call.computed(2)?.clone();
            let c = if beta == 1.0 { c } else { b.with_number("beta", Binary::Mul, &c, beta)? };
            b.binary("add", Binary::Add, &product, &c)
        }
    }
}

/// A bias of one number an output from what broadcasts to that.
fn bias(call: &Call<'_>, c: &Constant, outputs: usize) -> Step<Vec<f32>> {
    let (values, beta) = (c.floats()?, call.attributes.float("beta", 1.0));
    let rows = &c.shape[..c.shape.len().saturating_sub(1)];
    if rows.iter().any(|&n| n != 1) || (values.len() != 1 && values.len() != outputs) {
        mistake!("bias \"{}\" of shape {:?} for {outputs} outputs", call.name(2), c.shape);
    }
    let scaled = |i: usize| beta * values[if values.len() == 1 { 0 } else { i }];
    Ok((0..outputs).map(scaled).collect())
}

/// `A B` where one is constant.
pub(super) fn matmul(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    match (call.inputs.first().and_then(Option::as_ref), call.inputs.get(1).and_then(Option::as_ref)) {
        (Some(Known::Computed(x)), Some(Known::Constant(w))) => {
            let lead = w.shape.len().saturating_sub(2);
            if w.shape.is_empty() || w.shape[..lead].iter().any(|&n| n != 1) || w.shape.len() > b.rank(x) {
                refuse!(
                    "a weight of shape {:?} for a value with {} axes is not supported",
                    w.shape,
                    b.rank(x)
                );
            }
            let rows = if lead == 0 && w.shape.len() == 1 { w.shape[0] } else { w.shape[lead] };
            let cols = if w.shape.len() == 1 { 1 } else { w.shape[lead + 1] };
            let y = dense(b, x, &w.floats()?, rows, cols, None)?;
            if w.shape.len() > 1 {
                return Ok(y);
            }
            // A vector on the right takes the last axis away.
            let shape = b.shape(&y);
            super::reshape::regroup(b, &y, &shape[..shape.len() - 1], y.merged)
        }
        (Some(Known::Constant(w)), Some(Known::Computed(x))) => {
            let [rows, cols] = w.shape[..] else {
                refuse!("a constant of shape {:?} on the left is not supported", w.shape)
            };
            if b.rank(x) < 3 {
                refuse!("a constant on the left would mix the samples of a batch");
            }
            // W x along the last axis but one: the same product with these two axes renamed, W transposed.
            let last = x.axes.len() - 1;
            let swap = |v: &Val| Val {
                axes: v
                    .axes
                    .iter()
                    .map(|&a| {
                        if a + 1 == last {
                            last
                        } else if a == last {
                            last - 1
                        } else {
                            a
                        }
                    })
                    .collect(),
                ..v.clone()
            };
            let values = w.floats()?;
            let values: Vec<f32> = transposed(&[rows, cols], &[1, 0]).1.map(|i| values[i]).collect();
            let y = dense(b, &swap(x), &values, cols, rows, None)?;
            Ok(swap(&y))
        }
        (Some(Known::Computed(x)), Some(Known::Computed(y))) => both_computed(b, x, y),
        _ => mistake!("an input is missing"),
    }
}

/// The product of two values of every sample, as in attention.
pub(super) fn both_computed(b: &mut Builder, x: &Val, y: &Val) -> Step<Val> {
    let (left, right) = (b.shape(x), b.shape(y));
    if b.rank(x) < 3 || b.rank(y) < 3 {
        refuse!(
            "a product of computed matrices [batch, {left:?}] and [batch, {right:?}] mixes the samples of a batch"
        );
    }
    let lead = left.len().wrapping_sub(2);
    if left.len() != right.len() || x.merged != y.merged || left[..lead] != right[..lead] {
        refuse!(
            "computed matrices of shape {left:?} and {right:?}, whose leading axes differ, are not supported"
        );
    }
    if left[lead + 1] != right[lead] {
        mistake!("matrices of shape {left:?} and {right:?} do not multiply");
    }
    let order: Vec<usize> = (0..left.len()).collect();
    let ids = vec![b.arrange(x, &order)?, b.arrange(y, &order)?];
    Ok(Val { id: b.emit("", Op::MatMul, ids)?, axes: order, merged: x.merged })
}

/// A dense layer over the file's last axis.
pub(super) fn dense(
    b: &mut Builder,
    x: &Val,
    weight: &[f32],
    inputs: usize,
    outputs: usize,
    bias: Option<Vec<f32>>,
) -> Step<Val> {
    let Some(last) = (x.axes.len() - x.merged).checked_sub(1).map(|a| a + x.merged) else {
        refuse!("the value has no axis behind the batch");
    };
    let mut order: Vec<usize> = x.axes.iter().copied().filter(|&a| a != last).collect();
    order.push(last);
    if b.shape(x)[last] != inputs {
        mistake!("a weight of {inputs} inputs for a value of {}", b.shape(x)[last]);
    }
    let id = b.arrange(x, &order)?;
    let weight = b.param(&[inputs, outputs], weight.to_vec())?;
    let bias = bias.map(|v| b.param(&[outputs], v)).transpose()?;
    Ok(Val { id: b.emit("", Op::Dense { weight, bias }, vec![id])?, axes: order, merged: x.merged })
}
