//! Transposed convolutions.

use crate::graph::{Op, Window};

use super::super::build::{Builder, Val};
use super::super::constant::transposed;
use super::super::error::{Step, mistake, refuse};
use super::movement::{cut, renamed};
use super::{Call, linear, reshape};

/// `ConvTranspose`. Where windows do not overlap it is a dense layer whose outputs are laid side by side; otherwise a
/// convolution, kernel turned round, over the input with zeros between its elements.
pub(super) fn conv(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    b.apart(&x)?;
    let w = call.needed(1)?;
    let [channels, own, ref kernel @ ..] = w.shape[..] else {
        mistake!("weight \"{}\" of shape {:?} has no kernel", call.name(1), w.shape)
    };
    let spatial = kernel.len();
    if !(1..=2).contains(&spatial) {
        refuse!("{spatial}-dimensional windows are not supported, only 1 and 2");
    }
    let shape = b.shape(&x);
    let groups = usize::try_from(call.attributes.int("group", 1)).unwrap_or(0);
    if shape.len() != spatial + 1 || shape[0] != channels || groups == 0 || channels % groups != 0 {
        mistake!(
            "weight \"{}\" of shape {:?} in {groups} groups does not fit \"{}\" of [batch, {shape:?}]",
            call.name(1),
            w.shape,
            call.name(0)
        );
    }
    let outputs = own.saturating_mul(groups);
    let bias = match call.constant(2)? {
        Some(c) if c.shape == [outputs] => Some(c.floats()?),
        Some(c) => mistake!("bias \"{}\" of shape {:?} for {outputs} channels", call.name(2), c.shape),
        None => None,
    };
    let list = |name: &str, count: usize, default: usize| -> Step<Vec<usize>> {
        let Some(given) = call.attributes.ints(name) else { return Ok(vec![default; count]) };
        let known: Vec<usize> =
            given.iter().filter_map(|&n| usize::try_from(n).ok()).filter(|&n| n < 1 << 20).collect();
        if known.len() == count {
            Ok(known)
        } else {
            refuse!("{name} {given:?} must be {count} numbers, none negative")
        }
    };
    let (strides, dilations) = (list("strides", spatial, 1)?, list("dilations", spatial, 1)?);
    let (pads, more) = (list("pads", 2 * spatial, 0)?, list("output_padding", spatial, 0)?);
    if strides.iter().chain(&dilations).chain(kernel).any(|&n| n == 0 || n >= 1 << 20) {
        mistake!("strides, dilations and kernels must be at least 1");
    }
    let values = w.floats()?;
    let beside = groups == 1
        && *kernel == strides[..]
        && dilations.iter().all(|&d| d == 1)
        && pads.iter().chain(&more).all(|&p| p == 0);
    if beside {
        // [in, out, kernel...] -> [in, kernel..., out]
        let order: Vec<usize> = std::iter::once(0).chain(2..2 + spatial).chain([1]).collect();
        let values: Vec<f32> = transposed(&w.shape, &order).1.map(|i| values[i]).collect();
        let taps: usize = kernel.iter().product();
        let bias = bias.map(|v| v.iter().copied().cycle().take(taps * outputs).collect());
        // Channels last, as the file might have it.
        let back: Vec<usize> = (1..=spatial).chain([0]).collect();
        let y = linear::dense(b, &renamed(&x, &back), &values, channels, taps * outputs, bias)?;
        let apart: Vec<usize> = shape[1..].iter().chain(kernel).copied().chain([outputs]).collect();
        let y = reshape::regroup(b, &y, &apart, 0)?;
        let order: Vec<usize> =
            std::iter::once(2 * spatial).chain((0..spatial).flat_map(|a| [a, spatial + a])).collect();
        let joined: Vec<usize> =
            std::iter::once(outputs).chain((0..spatial).map(|a| shape[a + 1] * kernel[a])).collect();
        return reshape::regroup(b, &renamed(&y, &order), &joined, 0);
    }
    let mut y = x;
    let mut window = Window { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pad: [0; 4] };
    for a in 0..spatial {
        let (n, stride) = (shape[a + 1], strides[a]);
        if stride > 1 {
            y = spread(b, &y, a + 1, stride)?;
        }
        let axis = a + 2 - spatial;
        (window.kernel[axis], window.dilation[axis]) = (kernel[a], dilations[a]);
        let reach = dilations[a] * (kernel[a] - 1);
        // Zeros behind the last element that spreading has put there already.
        let spare = stride - 1;
        let before = reach as i64 - pads[a] as i64;
        let after = (reach + more[a]) as i64 - (pads[spatial + a] + spare) as i64;
        window.pad[axis] = usize::try_from(before).unwrap_or(0);
        window.pad[axis + 2] = usize::try_from(after).unwrap_or(0);
        if before < 0 || after < 0 {
            let (mut start, mut end) = (vec![0; spatial + 1], b.shape(&y));
            start[a + 1] = usize::try_from(-before).unwrap_or(0);
            end[a + 1] = end[a + 1].saturating_sub(usize::try_from(-after).unwrap_or(0));
            if start[a + 1] >= end[a + 1] {
                mistake!("pads {pads:?} leave nothing of an axis of {n}");
            }
            y = cut(b, "cut", &y, &start, &end, &vec![1; spatial + 1])?;
        }
    }
    // [in, out, kernel...] -> [kernel turned round..., in of a group, out]
    let (each, taps) = (channels / groups, kernel.iter().product::<usize>());
    let mut turned = vec![0.0; taps * each * outputs];
    for (i, value) in values.iter().enumerate() {
        let (tap, rest) = (i % taps, i / taps);
        let (o, c) = (rest % own, rest / own);
        let column = c / each * own + o;
        turned[((taps - 1 - tap) * each + c % each) * outputs + column] = *value;
    }
    let order: Vec<usize> = (1..=spatial).chain([0]).collect();
    let id = b.arrange(&y, &order)?;
    let weight = b.param(&[taps * each, outputs], turned)?;
    let bias = bias.map(|v| b.param(&[outputs], v)).transpose()?;
    Ok(Val { id: b.emit("", Op::Conv { weight, bias, window, groups }, vec![id])?, axes: order, merged: 0 })
}

/// Zeros behind each element of an axis.
fn spread(b: &mut Builder, v: &Val, axis: usize, stride: usize) -> Step<Val> {
    let shape = b.shape(v);
    let mut apart = shape.clone();
    apart.insert(axis + 1, 1);
    let split = reshape::regroup(b, v, &apart, 0)?;
    let after = split.axes.iter().map(|&a| if a == axis + 1 { stride - 1 } else { 0 }).collect();
    let op = Op::Pad { before: vec![0; split.axes.len()], after, value: 0.0 };
    let padded = b.keep("spread", op, &split)?;
    let mut joined = shape;
    joined[axis] *= stride;
    reshape::regroup(b, &padded, &joined, 0)
}
