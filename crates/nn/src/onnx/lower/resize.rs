//! Resampling along axes: `Resize` and `Upsample`, nearest or linear.

use crate::graph::Binary;

use super::super::build::{Builder, Val};
use super::super::constant::{Constant, Data};
use super::super::error::{Step, refuse};
use super::movement::pick;
use super::{Call, reshape};

/// `Resize`, and `Upsample` as it was before version 10.
pub(super) fn resize(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let linear = match call.attributes.text("mode").unwrap_or("nearest") {
        "nearest" => false,
        "linear" => true,
        other => refuse!("mode = \"{other}\" is not supported, only nearest, linear"),
    };
    // In version 10 and for Upsample the scales follow the value, later a region does.
    let old = call.op == "Upsample" || call.opset < 11;
    let scales = match call.constant(if old { 1 } else { 2 })? {
        Some(c) if c.data.len() > 0 => Some(c.floats()?),
        _ => call.attributes.get("scales").map(|a| a.floats.clone()),
    };
    let sizes = if old { None } else { call.constant(3)?.filter(|c| c.data.len() > 0) };
    let given = scales.as_ref().map_or_else(|| sizes.map_or(0, |c| c.data.len()), Vec::len);
    if given != b.rank(&x) {
        refuse!("gives {given} lengths for a value with {} axes", b.rank(&x));
    }
    let mut y = x;
    for place in 0..given {
        let whole = |c: &Constant| -> Step<_> { Ok(c.ints()?[place]) };
        let Some(axis) = b.any_axis(&y, place as i64)? else {
            let stays = match (&scales, sizes) {
                (Some(s), _) => s[place] == 1.0,
                (None, Some(c)) => {
                    let n = whole(c)?;
                    n.fixed == 0 || Some(n.fixed) == b.static_batch
                }
                _ => false,
            };
            if !stays {
                refuse!("resizes the batch axis");
            }
            continue;
        };
        let from = b.shape(&y)[axis];
        let (to, scale) = match (&scales, sizes) {
            (Some(s), _) => (f64::from(s[place]) * from as f64, f64::from(s[place])),
            (None, Some(c)) => {
                let n = whole(c)?.known()? as f64;
                (n, n / from as f64)
            }
            _ => refuse!("neither scales nor sizes are constant"),
        };
        if !(1.0..65536.0).contains(&to) {
            refuse!("makes {to} elements of an axis of {from}");
        }
        let to = to.floor() as usize;
        if to == from && scale == 1.0 {
            continue;
        }
        let at = positions(call, old, from, to, scale)?;
        y = if linear { blend(b, &y, axis, &at)? } else { nearest(b, call, old, &y, axis, &at)? };
    }
    Ok(y)
}

/// Where each new element of an axis lies among the old ones.
fn positions(call: &Call<'_>, old: bool, from: usize, to: usize, scale: f64) -> Step<Vec<f64>> {
    let default = if old { "asymmetric" } else { "half_pixel" };
    let how = call.attributes.text("coordinate_transformation_mode").unwrap_or(default);
    let at: fn(f64, [f64; 3]) -> f64 = match how {
        "asymmetric" => |i, [scale, ..]| i / scale,
        "half_pixel" => |i, [scale, ..]| (i + 0.5) / scale - 0.5,
        "pytorch_half_pixel" => |i, [scale, _, to]| if to > 1.0 { (i + 0.5) / scale - 0.5 } else { 0.0 },
        "align_corners" => |i, [_, from, to]| if to > 1.0 { i * (from - 1.0) / (to - 1.0) } else { 0.0 },
        other => refuse!("coordinate_transformation_mode = \"{other}\" is not supported"),
    };
    Ok((0..to).map(|i| at(i as f64, [scale, from as f64, to as f64])).collect())
}

fn nearest(b: &mut Builder, call: &Call<'_>, old: bool, x: &Val, axis: usize, at: &[f64]) -> Step<Val> {
    let default = if old { "floor" } else { "round_prefer_floor" };
    let round: fn(f64) -> f64 = match call.attributes.text("nearest_mode").unwrap_or(default) {
        "floor" => f64::floor,
        "ceil" => f64::ceil,
        "round_prefer_floor" => |x| (x - 0.5).ceil(),
        "round_prefer_ceil" => |x| (x + 0.5).floor(),
        other => refuse!("nearest_mode = \"{other}\" is not supported"),
    };
    let from = b.shape(x)[axis];
    let at: Vec<usize> = at.iter().map(|&p| round(p).clamp(0.0, (from - 1) as f64) as usize).collect();
    let times = at.len() / from;
    if times > 1 && at.iter().enumerate().all(|(i, &p)| p == i / times) {
        return repeat(b, x, axis, times);
    }
    pick(b, x, axis, &at)
}

/// Every element of an axis several times in a row.
fn repeat(b: &mut Builder, x: &Val, axis: usize, times: usize) -> Step<Val> {
    let shape = b.shape(x);
    let mut apart = shape.clone();
    apart.insert(axis + 1, 1);
    let split = reshape::regroup(b, x, &apart, x.merged)?;
    let mut ones = vec![1; b.rank(&split)];
    let place = axis + 2 - x.merged;
    ones[place] = times;
    let ones = Constant::new(ones, Data::Float(vec![1.0; times]));
    let wide = b.with_constant("repeated", Binary::Mul, &split, &ones, false)?;
    let mut joined = shape;
    joined[axis] *= times;
    reshape::regroup(b, &wide, &joined, x.merged)
}

/// Each new element from its two old neighbours.
fn blend(b: &mut Builder, x: &Val, axis: usize, at: &[f64]) -> Step<Val> {
    let last = (b.shape(x)[axis] - 1) as f64;
    let inside: Vec<f64> = at.iter().map(|p| p.clamp(0.0, last)).collect();
    let side = |b: &mut Builder, role: &str, upper: bool| {
        let index: Vec<usize> =
            inside.iter().map(|p| (p.floor() + f64::from(u8::from(upper))).min(last) as usize).collect();
        let weight = inside.iter().map(|p| if upper { p.fract() } else { 1.0 - p.fract() } as f32).collect();
        let part = pick(b, x, axis, &index)?;
        let mut shape = vec![1; b.rank(&part)];
        shape[axis + 1 - x.merged] = at.len();
        b.with_constant(role, Binary::Mul, &part, &Constant::new(shape, Data::Float(weight)), false)
    };
    let (low, high) = (side(b, "below", false)?, side(b, "above", true)?);
    b.binary("blended", Binary::Add, &low, &high)
}
