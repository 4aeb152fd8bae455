//! Operators that move elements: transpose, concat, pad, slice, split, gather, expand.

use crate::graph::{Binary, Op};

use super::super::build::{Builder, Val};
use super::super::constant::{Constant, Data, Int};
use super::super::error::{Step, mistake, refuse};
use super::{Call, Known, reshape};

/// The same memory with axis `i` of the result being axis `order[i]`.
pub(super) fn renamed(v: &Val, order: &[usize]) -> Val {
    let mut name = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| name[old] = new);
    Val { axes: v.axes.iter().map(|&a| name[a]).collect(), ..v.clone() }
}

/// `Concat`; constants among the inputs are put beside the computed value next to them.
pub(super) fn concat(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let Some(first) = call
        .inputs
        .iter()
        .flatten()
        .find_map(|k| if let Known::Computed(v) = k { Some(v.clone()) } else { None })
    else {
        refuse!("needs a computed input")
    };
    let Some(axis) = call.attributes.maybe_int("axis") else { mistake!("axis is missing") };
    let along = b.axis(&first, axis)?;
    let file_axis = along + 1 - first.merged;
    let mut values: Vec<Val> = Vec::new();
    let mut waiting: Vec<Constant> = Vec::new();
    for input in &call.inputs {
        match input {
            Some(Known::Computed(v)) => {
                if b.rank(v) != b.rank(&first) || v.merged != first.merged || v.axes.len() != first.axes.len()
                {
                    mistake!("values of different rank");
                }
                let mut v = v.clone();
                for c in waiting.drain(..).rev() {
                    v = beside(b, &v, along, &c, true)?;
                }
                values.push(v);
            }
            Some(Known::Constant(c)) => {
                let c = alike(b, c)?;
                let same = c.shape.len() == b.rank(&first)
                    && (1..c.shape.len())
                        .all(|a| a == file_axis || c.shape[a] == b.shape(&first)[a - 1 + first.merged]);
                if !same {
                    mistake!(
                        "a constant of shape {:?} does not fit beside [batch, {:?}]",
                        c.shape,
                        b.shape(&first)
                    );
                }
                match values.pop() {
                    Some(v) => values.push(beside(b, &v, along, &c, false)?),
                    None => waiting.push(c),
                }
            }
            _ => mistake!("an input is missing"),
        }
    }
    join(b, &values, along)
}

/// A constant that is the same for every sample, for one of them: its first axis, the batch, becomes 1.
fn alike(b: &Builder, c: &Constant) -> Step<Constant> {
    let samples = c.shape.first().copied().unwrap_or(0);
    if c.batch == Some(0) || samples == 1 {
        return Ok(Constant { batch: Some(0), ..c.clone() });
    }
    if b.static_batch != Some(samples as i64) {
        mistake!("a constant of shape {:?} for another batch", c.shape);
    }
    let values = c.floats()?;
    let each = values.len() / samples;
    if values.chunks(each.max(1)).any(|v| *v != values[..each]) {
        refuse!("a constant of shape {:?} differs from sample to sample", c.shape);
    }
    let mut shape = c.shape.clone();
    shape[0] = 1;
    Ok(Constant { shape, data: Data::Float(values[..each].to_vec()), batch: Some(0) })
}

/// A value with a constant before or behind it along an axis: room for it, filled with its number or with zeros to which
/// it is added.
fn beside(b: &mut Builder, v: &Val, axis: usize, c: &Constant, before: bool) -> Step<Val> {
    let file_axis = axis + 1 - v.merged;
    let length = c.shape[file_axis];
    let room = if before { (length, 0) } else { (0, length) };
    if let Some(fill) = c.uniform() {
        return pad_axis(b, v, axis, room, fill);
    }
    let own = b.shape(v)[axis];
    let padded = pad_axis(b, v, axis, room, 0.0)?;
    let mut shape = c.shape.clone();
    shape[file_axis] = length + own;
    let count = b.budget.take(&shape)?;
    let (values, inner) = (c.floats()?, c.shape[file_axis + 1..].iter().product::<usize>());
    let (run, row) = (length * inner, (length + own) * inner);
    let mut data = vec![0.0; count];
    for (part, values) in data.chunks_exact_mut(row.max(1)).zip(values.chunks_exact(run.max(1))) {
        let at = if before { 0 } else { own * inner };
        part[at..at + run].copy_from_slice(values);
    }
    b.with_constant("beside", Binary::Add, &padded, &Constant::new(shape, Data::Float(data)), false)
}

/// Values one behind the other along an axis behind the batch.
pub(super) fn join(b: &mut Builder, values: &[Val], along: usize) -> Step<Val> {
    let [first, more @ ..] = values else { mistake!("needs an input") };
    if more.is_empty() {
        return Ok(first.clone());
    }
    let order = b.meeting_order(values);
    let ids = values.iter().map(|v| b.arrange(v, &order)).collect::<Step<Vec<_>>>()?;
    let place = order.iter().position(|&a| a == along).ok_or("the axis does not exist")?;
    Ok(Val { id: b.emit("", Op::Concat { axis: place }, ids)?, axes: order, merged: first.merged })
}

fn pad_axis(b: &mut Builder, v: &Val, axis: usize, (before, after): (usize, usize), fill: f32) -> Step<Val> {
    let at = |n: usize| v.axes.iter().map(|&a| if a == axis { n } else { 0 }).collect();
    b.keep("pad", Op::Pad { before: at(before), after: at(after), value: fill }, v)
}

/// `Pad`; negative padding cuts.
pub(super) fn pad(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let Some(pads) = call.ints("pads", 1)? else { mistake!("pads are missing") };
    let fill = match call.constant(2)? {
        Some(c) => c.float()?,
        None => call.attributes.float("value", 0.0),
    };
    let axes: Vec<i64> = match call.constant(3)? {
        Some(c) => c.known_ints()?,
        None => (0..b.rank(&x) as i64).collect(),
    };
    if pads.len() != 2 * axes.len() {
        mistake!("{} pads for {} axes", pads.len(), axes.len());
    }
    let shape = b.shape(&x);
    let (mut start, mut end) = (vec![0; shape.len()], shape.clone());
    let (mut before, mut after) = (vec![0; shape.len()], vec![0; shape.len()]);
    for (i, &axis) in axes.iter().enumerate() {
        let (lo, hi) = (pads[i], pads[i + axes.len()]);
        let Some(axis) = b.any_axis(&x, axis)? else {
            if (lo, hi) == (0, 0) {
                continue;
            }
            refuse!("pads the batch axis");
        };
        let length = |p: i64| usize::try_from(p.unsigned_abs()).ok().filter(|&p| p < 1 << 31);
        let (Some(l), Some(h)) = (length(lo), length(hi)) else { refuse!("pads {pads:?} are too large") };
        if lo < 0 {
            start[axis] = l
        } else {
            before[axis] = l
        }
        if hi < 0 {
            end[axis] = shape[axis].saturating_sub(h)
        } else {
            after[axis] = h
        }
        if start[axis] >= end[axis] {
            mistake!("pads {pads:?} cut everything away");
        }
    }
    let mut y = x;
    if end != shape || start.iter().any(|&s| s != 0) {
        y = cut(b, "cut", &y, &start, &end, &vec![1; shape.len()])?;
    }
    if before.iter().chain(&after).all(|&p| p == 0) {
        return Ok(y);
    }
    let mode = call.attributes.text("mode").unwrap_or("constant");
    if mode != "constant" {
        for axis in 0..before.len() {
            if before[axis] + after[axis] > 0 {
                y = pick(b, &y, axis, &mirrored(mode, b.shape(&y)[axis], before[axis], after[axis])?)?;
            }
        }
        return Ok(y);
    }
    let memory = |p: &[usize]| y.axes.iter().map(|&a| p[a]).collect();
    b.keep("", Op::Pad { before: memory(&before), after: memory(&after), value: fill }, &y)
}

/// Which elements of an axis of `n` stand in it once it is padded with its own.
fn mirrored(mode: &str, n: usize, before: usize, after: usize) -> Step<Vec<usize>> {
    let (first, end) = (-(before as i64), (n + after) as i64);
    if mode == "reflect" && before.max(after) >= n {
        mistake!("reflects {before} and {after} elements of an axis of {n}");
    }
    if before.max(after) > n << 8 {
        refuse!("pads an axis of {n} with {before} and {after} elements");
    }
    let (last, n) = (n as i64 - 1, n as i64);
    let at = |i: i64| match mode {
        "edge" => i.clamp(0, last),
        "wrap" => i.rem_euclid(n),
        _ => last - (last - i.abs()).abs(),
    };
    Ok((first..end).map(|i| at(i) as usize).collect())
}

/// Ranges given in the file's order of axes.
pub(super) fn cut(
    b: &mut Builder,
    role: &str,
    v: &Val,
    start: &[usize],
    end: &[usize],
    step: &[usize],
) -> Step<Val> {
    if start.iter().all(|&s| s == 0) && *end == b.shape(v) && step.iter().all(|&s| s == 1) {
        return Ok(v.clone());
    }
    let memory = |p: &[usize]| v.axes.iter().map(|&a| p[a]).collect();
    b.keep(role, Op::Slice { start: memory(start), end: memory(end), step: memory(step) }, v)
}

/// Elements of a value's first axis behind the batch.
pub(super) fn rows(b: &mut Builder, v: &Val, range: std::ops::Range<usize>) -> Step<Val> {
    let (mut start, mut end) = (vec![0; v.axes.len()], b.shape(v));
    (start[0], end[0]) = (range.start, range.end);
    cut(b, "rows", v, &start, &end, &vec![1; v.axes.len()])
}

/// An end that means "to the last": exporters write the largest integer, tf2onnx a thousand million.
const EVERYTHING: i64 = 1_000_000_000;

/// `Slice`
pub(super) fn slice(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let list = |name: &str, index: usize| -> Step<Option<Vec<Int>>> {
        match call.constant(index)? {
            Some(c) => c.ints().map(|v| Some(v.to_vec())),
            None => Ok(call.attributes.ints(name).map(|v| v.iter().map(|&i| Int::new(i)).collect())),
        }
    };
    let (Some(starts), Some(ends)) = (list("starts", 1)?, list("ends", 2)?) else {
        mistake!("starts or ends are missing")
    };
    let count = starts.len();
    let axes = list("axes", 3)?.unwrap_or_else(|| (0..count as i64).map(Int::new).collect());
    let steps = list("", 4)?.unwrap_or_else(|| vec![Int::new(1); count]);
    if [ends.len(), axes.len(), steps.len()] != [count; 3] {
        mistake!("starts, ends, axes and steps differ in length");
    }
    let shape = b.shape(&x);
    let (mut from, mut to, mut by) = (vec![0; shape.len()], shape.clone(), vec![1; shape.len()]);
    let mut back: Vec<(usize, Vec<usize>)> = Vec::new();
    for i in 0..count {
        let step = steps[i].known()?;
        let Some(axis) = b.any_axis(&x, axes[i].known()?)? else {
            let whole = Int::batches(shape[..x.merged].iter().product::<usize>() as i64);
            let reaches = ends[i] == whole
                || (ends[i].batch == 0
                    && (ends[i].fixed >= EVERYTHING || Some(ends[i].fixed) == b.static_batch));
            if starts[i] == Int::new(0) && step == 1 && reaches {
                continue;
            }
            refuse!("takes a part of the batch");
        };
        let n = shape[axis] as i64;
        if step < 0 {
            let bound = |v: i64| (if v < 0 { v.saturating_add(n) } else { v }).clamp(-1, n - 1);
            // -1 as an end means the last element, so what runs to the very front ends far below.
            let (from, to) = (bound(starts[i].known()?), bound(ends[i].known()?));
            let pace = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
            back.push((axis, (to + 1..=from).rev().step_by(pace).map(|at| at as usize).collect::<Vec<_>>()));
            continue;
        }
        if step == 0 {
            mistake!("step 0");
        }
        let bound = |v: i64| (if v < 0 { v.saturating_add(n) } else { v }).clamp(0, n) as usize;
        (from[axis], to[axis]) = (bound(starts[i].known()?), bound(ends[i].known()?));
        by[axis] = step.min(1 << 31) as usize;
        if from[axis] >= to[axis] {
            refuse!("leaves nothing of axis {}", axis + 1 - x.merged);
        }
    }
    let mut y = cut(b, "", &x, &from, &to, &by)?;
    for (axis, at) in back {
        y = pick(b, &y, axis, &at)?;
    }
    Ok(y)
}

/// `Split` into slices.
pub(super) fn split(b: &mut Builder, call: &Call<'_>) -> Step<Vec<Val>> {
    let x = call.computed(0)?.clone();
    let axis = b.axis(&x, call.attributes.int("axis", 0))?;
    parts(b, call, &x, axis)
}

/// The parts of a value along an axis behind the batch.
pub(super) fn parts(b: &mut Builder, call: &Call<'_>, x: &Val, axis: usize) -> Step<Vec<Val>> {
    let shape = b.shape(x);
    let n = shape[axis];
    let parts = call.attributes.parts(call.ints("split", 1)?, n, call.outputs);
    let total = parts.iter().try_fold(0usize, |t, &p| t.checked_add(p));
    if total != Some(n) || parts.contains(&0) || parts.len() < call.outputs {
        mistake!("an axis of {n} cannot be split into {parts:?}");
    }
    let mut at = 0;
    let mut out = Vec::new();
    for (i, size) in parts.iter().take(call.outputs).enumerate() {
        let (mut from, mut to) = (vec![0; shape.len()], shape.clone());
        (from[axis], to[axis]) = (at, at + size);
        at += size;
        out.push(cut(b, &format!("{i}"), x, &from, &to, &vec![1; shape.len()])?);
    }
    Ok(out)
}

/// `Gather` with constant indices, or of a constant table with computed ones.
pub(super) fn gather(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    if let Some(Some(Known::Constant(table))) = call.inputs.first() {
        return embed(b, call, table);
    }
    let x = call.computed(0)?.clone();
    let axis = b.axis(&x, call.attributes.int("axis", 0))?;
    take(b, &x, axis, call.needed(1)?)
}

/// Rows of a table that computed whole numbers name.
fn embed(b: &mut Builder, call: &Call<'_>, table: &Constant) -> Step<Val> {
    let indices = call.computed(1)?.clone();
    let rank = table.shape.len();
    if rank == 0 || call.attributes.int("axis", 0).rem_euclid(rank as i64) != 0 {
        refuse!(
            "looks up along axis {} of a constant, which is supported only for the first",
            call.attributes.int("axis", 0)
        );
    }
    if !b.is_whole(&indices) {
        mistake!("the indices \"{}\" are no whole numbers", call.name(1));
    }
    let (rows, behind) = (table.shape[0], &table.shape[1..]);
    let width = behind.iter().product();
    let values = table.floats()?;
    let order: Vec<usize> = (0..indices.axes.len()).collect();
    let id = b.arrange(&indices, &order)?;
    let table = b.param(&[rows, width], values)?;
    let id = b.emit("", Op::Embed { table }, vec![id])?;
    let y = Val { id, axes: (0..=order.len()).collect(), merged: indices.merged };
    let shape: Vec<usize> = b.shape(&indices).iter().chain(behind).copied().collect();
    reshape::regroup(b, &y, &shape, y.merged)
}

/// The elements of an axis behind the batch that constant indices name.
pub(super) fn take(b: &mut Builder, x: &Val, axis: usize, indices: &Constant) -> Step<Val> {
    let shape = b.shape(x);
    let n = shape[axis] as i64;
    let mut at = Vec::new();
    for i in indices.known_ints()? {
        let i = if i < 0 { i.saturating_add(n) } else { i };
        if !(0..n).contains(&i) {
            mistake!("index {i} of an axis of {n}");
        }
        at.push(i as usize);
    }
    let y = pick(b, x, axis, &at)?;
    match indices.shape[..] {
        [_] => Ok(y),
        [] => {
            let mut left = shape;
            left.remove(axis);
            reshape::regroup(b, &y, &left, y.merged)
        }
        _ => refuse!("indices of shape {:?} are not supported", indices.shape),
    }
}

/// Elements of an axis in any order: one slice for each run of evenly spaced ones, put together.
pub(super) fn pick(b: &mut Builder, v: &Val, axis: usize, at: &[usize]) -> Step<Val> {
    const MOST: usize = 256;
    let shape = b.shape(v);
    let mut parts: Vec<Val> = Vec::new();
    let mut rest = at;
    while let Some(&first) = rest.first() {
        let step = match rest.get(1) {
            Some(&second) if second > first => second - first,
            _ => 1,
        };
        let run = 1 + rest.windows(2).take_while(|w| w[1] == w[0] + step).count();
        let (mut from, mut to, mut by) = (vec![0; shape.len()], shape.clone(), vec![1; shape.len()]);
        (from[axis], to[axis], by[axis]) = (first, first + (run - 1) * step + 1, step);
        if parts.len() == MOST {
            refuse!("takes more than {MOST} separate ranges of an axis");
        }
        let alone = run == at.len();
        parts.push(cut(b, if alone { "" } else { "part" }, v, &from, &to, &by)?);
        rest = &rest[run..];
    }
    match parts.len() {
        0 => refuse!("takes nothing"),
        1 => Ok(parts.swap_remove(0)),
        _ => {
            let place = v.axes.iter().position(|&a| a == axis).ok_or("the axis does not exist")?;
            let ids = parts.iter().map(|p| p.id).collect();
            Ok(Val { id: b.emit("", Op::Concat { axis: place }, ids)?, ..v.clone() })
        }
    }
}

/// `Expand` and `Tile`, as far as they repeat axes of length 1.
pub(super) fn expand(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let target = call.needed(1)?.ints()?;
    let rank = b.rank(&x);
    let shape = b.shape(&x);
    if target.len() > rank || (call.op == "Tile" && target.len() != rank) {
        refuse!("adds axes before the batch");
    }
    let mut full = vec![1; rank];
    for (i, t) in target.iter().enumerate() {
        let axis = rank - target.len() + i;
        if axis == 0 {
            let batch = Int::batches(shape[..x.merged].iter().product::<usize>() as i64);
            let stays = *t == Int::new(1)
                || (call.op == "Expand"
                    && (*t == batch || (t.batch == 0 && Some(t.fixed) == b.static_batch)));
            if !stays {
                refuse!("repeats the batch");
            }
            continue;
        }
        let n = shape[axis - 1 + x.merged];
        let Some(t) = usize::try_from(t.known()?).ok().filter(|&t| t > 0) else {
            refuse!("repeats an axis {t} times")
        };
        full[axis] = match (n, t) {
            (_, 1) => 1,
            (1, t) => t,
            (n, t) if n == t && call.op == "Expand" => 1,
            _ => refuse!("repeats an axis of {n} elements, which is supported only for length 1"),
        };
    }
    if full.iter().all(|&n| n == 1) {
        return Ok(x);
    }
    let count = b.budget.take(&full)?;
    let ones = Constant::new(full, Data::Float(vec![1.0; count]));
    b.with_constant("", Binary::Mul, &x, &ones, false)
}
