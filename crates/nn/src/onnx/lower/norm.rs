//! Normalisations: batch normalisation as one node, the others in steps.

use half::f16;

use crate::graph::{Activation, Binary, Op, ParamId, Reduce};

use super::super::build::{Builder, Val, wrap};
use super::super::constant::Constant;
use super::super::error::{Step, mistake, refuse};
use super::{Call, reshape};

/// Scale, bias, mean and variance of a batch norm, one number for each channel.
pub(super) fn statistics(call: &Call<'_>, channels: Option<usize>) -> Step<Vec<Vec<f32>>> {
    let channels = channels.or(call.needed(1)?.shape.first().copied()).unwrap_or(1);
    let one = |(i, what): (usize, &str)| {
        let c = call.needed(i + 1)?;
        if c.shape != [channels] {
            mistake!("{what} \"{}\" of shape {:?} for {channels} channels", call.name(i + 1), c.shape);
        }
        c.floats()
    };
    ["scale", "bias", "mean", "variance"].into_iter().enumerate().map(one).collect()
}

/// Normalisation by stored statistics, over the file's axis 1.
pub(super) fn batch(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let channel = b.axis(&x, 1)?;
    let channels = b.shape(&x)[channel];
    let values = statistics(call, Some(channels))?;
    let mut order: Vec<usize> = x.axes.iter().copied().filter(|&a| a != channel).collect();
    order.push(channel);
    // From the file's own order go to plain channels-last.
    let epsilon = call.attributes.float("epsilon", 1e-5);
    if call.folds_halves
        && x.axes == order
        && let Some(Op::Conv { weight, bias, .. } | Op::Dense { weight, bias }) =
            b.maker(&x).map(|n| n.op.clone())
    {
        let bias = fold_halves(b, (weight, bias), &values, epsilon);
        set_bias(b, &x, bias)?;
        return Ok(x);
    }
    let id = b.arrange(&x, &order)?;
    let mut params = Vec::new();
    for v in values {
        params.push(b.param(&[channels], v)?);
    }
    let op =
        Op::BatchNorm { gamma: params[0], beta: params[1], mean: params[2], variance: params[3], epsilon };
    Ok(Val { id: b.emit("", op, vec![id])?, axes: order, merged: x.merged })
}

/// Scales a convolution's weights by a batch norm in half precision, every step rounded as onnxruntime does it
/// before anything is widened; returns the bias.
fn fold_halves(
    b: &mut Builder,
    (weight, bias): (ParamId, Option<ParamId>),
    values: &[Vec<f32>],
    epsilon: f32,
) -> Vec<f32> {
    let half = |x: f32| f16::from_f32(x).to_f32();
    let [gamma, beta, mean, variance] = [0, 1, 2, 3].map(|i| &values[i]);
    let deviation = variance.iter().map(|v| half(half(v + half(epsilon)).sqrt()));
    let scale: Vec<f32> = gamma.iter().zip(deviation).map(|(g, d)| half(g / d)).collect();
    for row in b.graph.params[weight].data.chunks_exact_mut(scale.len()) {
        row.iter_mut().zip(&scale).for_each(|(w, s)| *w = half(*w * s));
    }
    let old = bias.map(|id| &b.graph.params[id].data);
    let shift = |c: usize| match old {
        Some(old) => half(half(half(old[c] - mean[c]) * scale[c]) + beta[c]),
        None => half(beta[c] - half(mean[c] * scale[c])),
    };
    (0..scale.len()).map(shift).collect()
}

/// Gives the layer that makes a value this bias.
fn set_bias(b: &mut Builder, v: &Val, bias: Vec<f32>) -> Step<()> {
    let bias = Some(b.param(&[bias.len()], bias)?);
    if let Some(node) = b.maker_mut(v)
        && let Op::Conv { bias: old, .. } | Op::Dense { bias: old, .. } = &mut node.op
    {
        *old = bias;
    }
    Ok(())
}

/// Joins a constant factor or shift with the weights of the convolution before it in half precision, every step
/// rounded; `None` where onnxruntime leaves the two apart.
pub(super) fn join_halves(b: &mut Builder, call: &Call<'_>) -> Step<Option<Val>> {
    let x = call.computed(0)?.clone();
    let Some(Op::Conv { weight, bias, .. }) = b.maker(&x).map(|n| n.op.clone()) else { return Ok(None) };
    let c = call.needed(1)?;
    let channels = b.graph.params[weight].shape.last().copied().unwrap_or(0);
    let rank = b.rank(&x);
    // One number for each channel, with the batch or without; a single number only where nothing is to broadcast.
    let behind = &c.shape[usize::from(c.shape.len() == rank && c.shape[0] == 1)..];
    let each = behind.len() + 1 == rank && behind[0] == channels && behind[1..].iter().all(|&n| n == 1);
    let factor = call.op == "Mul";
    if x.merged > 0 || x.axes.last() != Some(&0) || !(each || (factor && c.shape.is_empty())) {
        return Ok(None);
    }
    let half = |x: f32| f16::from_f32(x).to_f32();
    let values = c.floats()?;
    let value = |o: usize| values[if each { o } else { 0 }];
    let old = bias.map(|id| b.graph.params[id].data.clone());
    let joined = match (old, factor) {
        (Some(old), true) => Some((0..channels).map(|o| half(old[o] * value(o))).collect()),
        (None, true) => None,
        (Some(old), false) => Some((0..channels).map(|o| half(old[o] + value(o))).collect()),
        (None, false) => Some((0..channels).map(value).collect()),
    };
    if factor {
        for row in b.graph.params[weight].data.chunks_exact_mut(channels) {
            row.iter_mut().enumerate().for_each(|(o, w)| *w = half(*w * value(o)));
        }
    }
    if let Some(bias) = joined {
        set_bias(b, &x, bias)?;
    }
    Ok(Some(x))
}

/// `(x - mean) / sqrt(variance + epsilon)` with the statistics of each sample over some axes.
fn standardise(b: &mut Builder, x: &Val, axes: &[usize], epsilon: f32) -> Step<Val> {
    let places: Vec<usize> = (0..x.axes.len()).filter(|&p| axes.contains(&x.axes[p])).collect();
    let mean = |b: &mut Builder, role: &str, v: &Val| {
        b.keep(role, Op::Reduce { how: Reduce::Mean, axes: places.clone(), keep: true }, v)
    };
    let centre = mean(b, "mean", x)?;
    let centred = b.binary("centred", Binary::Sub, x, &centre)?;
    let square = b.binary("square", Binary::Mul, &centred, &centred)?;
    let variance = mean(b, "variance", &square)?;
    let variance = b.with_number("epsilon", Binary::Add, &variance, epsilon)?;
    let deviation = b.activate("deviation", Activation::Sqrt, &variance)?;
    b.binary("standardised", Binary::Div, &centred, &deviation)
}

/// Scale and shift along some of the file's axes.
fn affine(b: &mut Builder, x: &Val, scale: &Constant, shift: Option<&Constant>) -> Step<Val> {
    match shift {
        None => b.with_constant("", Binary::Mul, x, scale, false),
        Some(shift) => {
            let scaled = b.with_constant("scale", Binary::Mul, x, scale, false)?;
            b.with_constant("", Binary::Add, &scaled, shift, false)
        }
    }
}

/// Normalisation of each sample over the trailing axes.
pub(super) fn layer(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let first = wrap(call.attributes.int("axis", -1), b.rank(&x))?;
    if first == 0 {
        refuse!("normalises over the batch");
    }
    let axes: Vec<usize> = (first - 1 + x.merged..x.axes.len()).collect();
    let y = standardise(b, &x, &axes, call.attributes.float("epsilon", 1e-5))?;
    affine(b, &y, call.needed(1)?, call.constant(2)?)
}

/// `x / sqrt(mean(x^2) + epsilon)` of each sample over the trailing axes (Zhang and Sennrich 2019).
pub(super) fn root_mean_square(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let first = wrap(call.attributes.int("axis", -1), b.rank(&x))?;
    if first == 0 {
        refuse!("normalises over the batch");
    }
    let axes: Vec<usize> = (first - 1 + x.merged..x.axes.len()).collect();
    let places: Vec<usize> = (0..x.axes.len()).filter(|&p| axes.contains(&x.axes[p])).collect();
    let square = b.binary("square", Binary::Mul, &x, &x)?;
    let mean = b.keep("mean", Op::Reduce { how: Reduce::Mean, axes: places, keep: true }, &square)?;
    let mean = b.with_number("epsilon", Binary::Add, &mean, call.attributes.float("epsilon", 1e-5))?;
    let root = b.activate("root", Activation::Sqrt, &mean)?;
    let y = b.binary("normalised", Binary::Div, &x, &root)?;
    affine(b, &y, call.needed(1)?, None)
}

/// A constant of one number a channel, shaped to meet the file's axis 1.
fn per_channel(c: &Constant, rank: usize) -> Constant {
    let mut shape = vec![1; rank - 1];
    shape[0] = c.data.len();
    Constant { shape, ..c.clone() }
}

/// Normalisation of each channel of each sample.
pub(super) fn instance(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    b.apart(&x)?;
    let rank = b.rank(&x);
    if rank < 3 {
        refuse!("needs at least one axis behind the channels");
    }
    let axes: Vec<usize> = (1..x.axes.len()).collect();
    let y = standardise(b, &x, &axes, call.attributes.float("epsilon", 1e-5))?;
    affine(
        b,
        &y,
        &per_channel(call.needed(1)?, rank),
        call.constant(2)?.map(|c| per_channel(c, rank)).as_ref(),
    )
}

/// Normalisation of groups of channels of each sample.
pub(super) fn group(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    b.apart(&x)?;
    let shape = b.shape(&x);
    let groups = usize::try_from(call.attributes.int("num_groups", 1)).unwrap_or(0);
    let Some(&channels) = shape.first() else { refuse!("needs a channel axis") };
    if groups == 0 || channels % groups != 0 {
        refuse!("{groups} groups do not divide {channels} channels");
    }
    let mut split = vec![groups, channels / groups];
    split.extend(&shape[1..]);
    let grouped = reshape::regroup(b, &x, &split, 0)?;
    let axes: Vec<usize> = (1..grouped.axes.len()).collect();
    let y = standardise(b, &grouped, &axes, call.attributes.float("epsilon", 1e-5))?;
    let y = reshape::regroup(b, &y, &shape, 0)?;
    // Up to version 20 there was one scale a group, afterwards one a channel.
    let spread = |c: &Constant| -> Step<Constant> {
        let values = c.floats()?;
        match values.len() {
            n if n == channels => Ok(c.clone()),
            n if n == groups => {
                let data = (0..channels).map(|i| values[i * groups / channels]).collect();
                Ok(Constant::new(vec![channels], super::super::constant::Data::Float(data)))
            }
            n => refuse!("{n} scales for {groups} groups of {channels} channels"),
        }
    };
    let rank = shape.len() + 1;
    let scale = per_channel(&spread(call.needed(1)?)?, rank);
    let shift = per_channel(&spread(call.needed(2)?)?, rank);
    affine(b, &y, &scale, Some(&shift))
}
