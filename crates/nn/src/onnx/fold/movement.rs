//! Constants whose elements move: reshape, transpose, slice, concat and their like.

use super::super::build::wrap;
use super::super::constant::{Constant, Data, Int, strides, transposed, walk};
use super::super::error::{Step, mistake, refuse};
use super::{Fold, concrete};

/// Operators that move elements; `None` for any other.
pub(super) fn evaluate(f: &mut Fold<'_, '_>) -> Step<Option<Vec<Constant>>> {
    if matches!(f.op, "Concat") {
        return concat(f).map(|c| Some(vec![c]));
    }
    if !matches!(
        f.op,
        "Reshape"
            | "Flatten"
            | "Squeeze"
            | "Unsqueeze"
            | "Transpose"
            | "Slice"
            | "Split"
            | "Gather"
            | "GatherND"
            | "Expand"
            | "Tile"
            | "Trilu"
    ) {
        return Ok(None);
    }
    let x = f.input(0)?;
    if x.batch.is_some() && matches!(f.op, "Reshape" | "Flatten" | "GatherND" | "Tile") {
        refuse!("{} of a constant for each sample is not supported", f.op);
    }
    f.budget.take(&x.shape)?;
    let shaped = |shape: Vec<usize>| Constant { shape, ..Constant::clone(&x) };
    let rank = x.shape.len();
    let one = match f.op {
        "Reshape" => shaped(reshape(f, &x)?),
        "Flatten" => {
            let axis = f.attributes.int("axis", 1);
            let axis = if axis == rank as i64 { rank } else { wrap(axis, rank)? };
            shaped(vec![x.shape[..axis].iter().product(), x.shape[axis..].iter().product()])
        }
        "Squeeze" => {
            let axes: Vec<usize> = match f.ints("axes", 1)? {
                Some(axes) => axes.iter().map(|&a| wrap(a, rank)).collect::<Step<_>>()?,
                None => (0..rank).filter(|&a| x.shape[a] == 1 && x.batch != Some(a)).collect(),
            };
            if axes.iter().any(|&a| x.shape[a] != 1) {
                mistake!("drops axes {axes:?} of shape {:?}", x.shape);
            }
            if x.batch.is_some_and(|a| axes.contains(&a)) {
                refuse!("drops the batch axis");
            }
            let batch = x.batch.map(|place| place - (0..place).filter(|a| axes.contains(a)).count());
            let left = (0..rank).filter(|a| !axes.contains(a)).map(|a| x.shape[a]).collect();
            Constant { batch, ..shaped(left) }
        }
        "Unsqueeze" => {
            let Some(axes) = f.ints("axes", 1)? else { mistake!("axes are missing") };
            if axes.len() > 64 {
                refuse!("adds {} axes", axes.len());
            }
            let rank = rank + axes.len();
            let axes: Vec<usize> = axes.iter().map(|&a| wrap(a, rank)).collect::<Step<_>>()?;
            let mut old = x.shape.iter();
            let shape: Vec<usize> = (0..rank)
                .map(|a| if axes.contains(&a) { 1 } else { old.next().copied().unwrap_or(1) })
                .collect();
            if old.next().is_some() {
                mistake!("axes repeat themselves");
            }
            let batch = x.batch.and_then(|place| (0..rank).filter(|a| !axes.contains(a)).nth(place));
            Constant { batch, ..shaped(shape) }
        }
        "Transpose" => {
            let order: Vec<usize> = match f.attributes.ints("perm") {
                Some(perm) => perm.iter().map(|&a| wrap(a, rank)).collect::<Step<_>>()?,
                None => (0..rank).rev().collect(),
            };
            let mut sorted = order.clone();
            sorted.sort_unstable();
            if !sorted.into_iter().eq(0..rank) {
                mistake!("perm {order:?} is no order of {rank} axes");
            }
            let (shape, at) = transposed(&x.shape, &order);
            let batch = x.batch.and_then(|place| order.iter().position(|&a| a == place));
            Constant { batch, ..Constant::new(shape, x.data.select(at)) }
        }
        "Slice" => slice(f, &x)?,
        "Split" => return split(f, &x).map(Some),
        "Gather" => gather(f, &x)?,
        "GatherND" => gather_slices(f, &x)?,
        "Expand" => expand(f, &x)?,
        "Trilu" => triangle(f, &x)?,
        _ => tile(f, &x)?,
    };
    Ok(Some(vec![one]))
}

fn reshape(f: &Fold<'_, '_>, x: &Constant) -> Step<Vec<usize>> {
    let target = f.input(1)?.known_ints()?;
    let keep_zero = f.attributes.int("allowzero", 0) != 0;
    let mut open = None;
    let mut shape = Vec::new();
    for (i, &n) in target.iter().enumerate() {
        shape.push(match (n, usize::try_from(n)) {
            (0, _) if !keep_zero => match x.shape.get(i) {
                Some(&n) => n,
                None => mistake!("copies axis {i} of shape {:?}", x.shape),
            },
            (_, Ok(n)) => n,
            (-1, _) if open.is_none() => {
                open = Some(i);
                1
            }
            _ => mistake!("shape {target:?} makes no sense"),
        });
    }
    let count = x.data.len();
    let product = shape.iter().try_fold(1usize, |p, &n| p.checked_mul(n));
    match (product, open) {
        (Some(p), Some(i)) if p > 0 && count.is_multiple_of(p) => shape[i] = count / p,
        (Some(p), None) if p == count => {}
        _ => mistake!("shape {target:?} does not hold {count} elements"),
    }
    Ok(shape)
}

fn slice(f: &Fold<'_, '_>, x: &Constant) -> Step<Constant> {
    let (Some(starts), Some(ends)) = (f.ints("starts", 1)?, f.ints("ends", 2)?) else {
        mistake!("starts or ends are missing")
    };
    let count = starts.len();
    let axes = f.ints("axes", 3)?.unwrap_or_else(|| (0..count as i64).collect());
    let steps = f.ints("", 4)?.unwrap_or_else(|| vec![1; count]);
    if [ends.len(), axes.len(), steps.len()] != [count; 3] {
        mistake!("starts, ends, axes and steps differ in length");
    }
    let mut shape = x.shape.clone();
    let own = strides(&x.shape);
    let mut by: Vec<isize> = own.iter().map(|&s| s as isize).collect();
    let mut offset = 0isize;
    for i in 0..count {
        let axis = wrap(axes[i], shape.len())?;
        if x.batch == Some(axis) {
            refuse!("takes a part of the batch");
        }
        let n = x.shape[axis] as i64;
        let (step, back) = (steps[i], steps[i] < 0);
        if step == 0 {
            mistake!("step 0");
        }
        let bound = |v: i64| {
            let v = if v < 0 { v.saturating_add(n) } else { v };
            if back { v.clamp(-1, n - 1) } else { v.clamp(0, n) }
        };
        let (start, end) = (bound(starts[i]), bound(ends[i]));
        let span = if back { start - end } else { end - start };
        let pace = i64::try_from(step.unsigned_abs()).unwrap_or(i64::MAX);
        shape[axis] = if span > 0 { ((span - 1) / pace + 1) as usize } else { 0 };
        if shape[axis] > 0 {
            offset += start as isize * own[axis] as isize;
            // With one element the pace does not matter and may be out of all proportion.
            by[axis] = if shape[axis] == 1 { 0 } else { step as isize * own[axis] as isize };
        }
    }
    if shape.contains(&0) {
        return Ok(Constant::new(shape, x.data.select(std::iter::empty())));
    }
    let at = walk(&shape, &by, offset);
    let data = x.data.select(at);
    Ok(Constant { shape, data, batch: x.batch })
}

/// `GatherND`: each row of the indices names a place along the leading axes.
fn gather_slices(f: &mut Fold<'_, '_>, x: &Constant) -> Step<Constant> {
    let indices = f.input(1)?;
    let (Some((&depth, lead)), 0) = (indices.shape.split_last(), f.attributes.int("batch_dims", 0)) else {
        refuse!("batch_dims other than 0 or indices without axes are not supported")
    };
    if depth == 0 || depth > x.shape.len() {
        mistake!("indices of {depth} numbers for shape {:?}", x.shape);
    }
    let shape: Vec<usize> = lead.iter().chain(&x.shape[depth..]).copied().collect();
    f.budget.take(&shape)?;
    let size: usize = x.shape[depth..].iter().product();
    let mut starts = Vec::new();
    for row in indices.known_ints()?.chunks_exact(depth) {
        let mut at = 0;
        for (&i, &n) in row.iter().zip(&x.shape) {
            let index = if i < 0 { i.saturating_add(n as i64) } else { i };
            let Some(index) = usize::try_from(index).ok().filter(|&i| i < n) else {
                mistake!("index {i} of an axis of {n}")
            };
            at = at * n + index;
        }
        starts.push(at * size);
    }
    let data = x.data.select(starts.iter().flat_map(|&s| s..s + size));
    Ok(Constant::new(shape, data))
}

fn split(f: &mut Fold<'_, '_>, x: &Constant) -> Step<Vec<Constant>> {
    let axis = wrap(f.attributes.int("axis", 0), x.shape.len())?;
    if x.batch == Some(axis) {
        refuse!("takes a part of the batch");
    }
    let n = x.shape[axis];
    let sizes = f.attributes.parts(f.ints("split", 1)?, n, f.outputs);
    if sizes.iter().try_fold(0usize, |t, &s| t.checked_add(s)) != Some(n) {
        mistake!("an axis of {n} cannot be split into {sizes:?}");
    }
    let by: Vec<isize> = strides(&x.shape).iter().map(|&s| s as isize).collect();
    let mut start = 0;
    let mut parts = Vec::new();
    for size in sizes {
        let mut shape = x.shape.clone();
        shape[axis] = size;
        let at = walk(&shape, &by, start * by[axis]);
        parts.push(Constant { shape, data: x.data.select(at), batch: x.batch });
        start += size as isize;
    }
    Ok(parts)
}

fn gather(f: &mut Fold<'_, '_>, x: &Constant) -> Step<Constant> {
    let axis = wrap(f.attributes.int("axis", 0), x.shape.len())?;
    let indices = f.input(1)?;
    if x.batch == Some(axis) || (x.batch.is_some() && indices.batch.is_some()) {
        refuse!("takes a part of the batch");
    }
    let n = x.shape[axis] as i64;
    let mut at = Vec::new();
    for i in indices.known_ints()? {
        let i = if i < 0 { i.saturating_add(n) } else { i };
        if !(0..n).contains(&i) {
            mistake!("index {i} of an axis of {n}");
        }
        at.push(i as usize);
    }
    let (before, after) = (&x.shape[..axis], &x.shape[axis + 1..]);
    let shape: Vec<usize> = before.iter().chain(&indices.shape).chain(after).copied().collect();
    f.budget.take(&shape)?;
    let inner: usize = after.iter().product();
    let outer: usize = before.iter().product();
    let n = n as usize;
    let at = &at;
    let positions = (0..outer)
        .flat_map(|o| at.iter().flat_map(move |&i| (0..inner).map(move |k| (o * n + i) * inner + k)));
    let own = x.batch.map(|place| if place < axis { place } else { place + indices.shape.len() - 1 });
    let batch = own.or(indices.batch.map(|place| place + axis));
    Ok(Constant { batch, ..Constant::new(shape, x.data.select(positions)) })
}

/// The upper or lower triangle of matrices, zero elsewhere.
fn triangle(f: &Fold<'_, '_>, x: &Constant) -> Step<Constant> {
    let [.., rows, columns] = x.shape[..] else { mistake!("needs matrices, got shape {:?}", x.shape) };
    let diagonal = match f.optional(1) {
        Some(c) => c.known_ints()?.first().copied().unwrap_or(0),
        None => 0,
    };
    let upper = f.attributes.int("upper", 1) != 0;
    let inside = |i: usize| {
        let (row, column) = (i / columns % rows, i % columns);
        let offset = (column as i64 - row as i64).cmp(&diagonal);
        if upper { offset.is_ge() } else { offset.is_le() }
    };
    let mut y = x.clone();
    match &mut y.data {
        Data::Float(v) => v.iter_mut().enumerate().filter(|(i, _)| !inside(*i)).for_each(|(_, v)| *v = 0.0),
        Data::Int(v) => {
            v.iter_mut().enumerate().filter(|(i, _)| !inside(*i)).for_each(|(_, v)| *v = Int::new(0))
        }
        Data::Bool(v) => v.iter_mut().enumerate().filter(|(i, _)| !inside(*i)).for_each(|(_, v)| *v = false),
    }
    Ok(y)
}

fn expand(f: &mut Fold<'_, '_>, x: &Constant) -> Step<Constant> {
    let target = f.input(1)?;
    let (target, expanded) = concrete(target.ints()?)?;
    let rank = target.len().max(x.shape.len());
    let pad = |s: &[usize]| -> Vec<usize> {
        std::iter::repeat_n(1, rank - s.len()).chain(s.iter().copied()).collect()
    };
    let own = x.batch.map(|a| a + rank - x.shape.len());
    let batch = own.or(expanded.map(|a| a + rank - target.len()));
    let (from, to) = (pad(&x.shape), pad(&target));
    let mut shape = Vec::new();
    for (&a, &b) in from.iter().zip(&to) {
        if a != b && a != 1 && b != 1 {
            refuse!("shape {:?} does not expand to {target:?}", x.shape);
        }
        shape.push(if a == 1 { b } else { a });
    }
    if batch.is_some_and(|a| shape[a] != 1) {
        refuse!("a constant of shape {:?} differs from sample to sample", x.shape);
    }
    f.budget.take(&shape)?;
    let own = strides(&from);
    let by: Vec<isize> = (0..rank).map(|a| if from[a] == 1 { 0 } else { own[a] as isize }).collect();
    let data = x.data.select(walk(&shape, &by, 0));
    Ok(Constant { shape, data, batch })
}

fn tile(f: &mut Fold<'_, '_>, x: &Constant) -> Step<Constant> {
    let repeats = f.input(1)?;
    let mut repeats = repeats.ints()?.to_vec();
    let batch = repeats.iter().position(|r| *r == Int::batches(1)).filter(|&a| x.shape.get(a) == Some(&1));
    if let Some(axis) = batch {
        repeats[axis] = Int::new(1);
    }
    if repeats.len() != x.shape.len() {
        refuse!("{} repeats for {} axes", repeats.len(), x.shape.len());
    }
    let mut shape = Vec::new();
    for (&n, r) in x.shape.iter().zip(&repeats) {
        match usize::try_from(r.known()?).ok().and_then(|r| r.checked_mul(n)) {
            Some(n) => shape.push(n),
            None => refuse!("repeats an axis of {n} {r} times"),
        }
    }
    f.budget.take(&shape)?;
    let (to, own) = (strides(&shape), strides(&x.shape));
    let count = shape.iter().product::<usize>();
    let position = |i: usize| (0..shape.len()).map(|a| i / to[a] % shape[a] % x.shape[a] * own[a]).sum();
    let data = x.data.select((0..count).map(position));
    Ok(Constant { shape, data, batch })
}

fn concat(f: &mut Fold<'_, '_>) -> Step<Constant> {
    let parts = (0..f.inputs.len()).map(|i| f.input(i)).collect::<Step<Vec<_>>>()?;
    let Some(first) = parts.first() else { refuse!("needs an input") };
    let Some(axis) = f.attributes.maybe_int("axis") else { mistake!("axis is missing") };
    let axis = wrap(axis, first.shape.len())?;
    let fits = |c: &Constant| {
        c.shape.len() == first.shape.len()
            && (0..c.shape.len()).all(|a| a == axis || c.shape[a] == first.shape[a])
    };
    if parts.iter().any(|c| !fits(c)) || parts.iter().any(|c| c.batch != first.batch) {
        mistake!("shapes {:?} do not fit one another", parts.iter().map(|c| &c.shape).collect::<Vec<_>>());
    }
    if first.batch == Some(axis) {
        refuse!("works along the batch axis");
    }
    let mut shape = first.shape.clone();
    shape[axis] = parts.iter().try_fold(0usize, |n, c| n.checked_add(c.shape[axis])).unwrap_or(usize::MAX);
    f.budget.take(&shape)?;
    let outer: usize = shape[..axis].iter().product();
    // Chunk o of the result is chunk o of every part in turn.
    let chunk = |c: &Constant, o: usize| {
        let size: usize = c.shape[axis..].iter().product();
        o * size..(o + 1) * size
    };
    let mut data = parts.iter().fold(Data::Int(Vec::new()), |data, c| match (&data, &c.data) {
        (Data::Int(_), Data::Float(_)) => Data::Float(Vec::new()),
        (Data::Int(_), Data::Bool(_)) => Data::Bool(Vec::new()),
        _ => data,
    });
    for o in 0..outer {
        for c in &parts {
            match (&mut data, &c.data) {
                (Data::Float(to), Data::Float(from)) => to.extend_from_slice(&from[chunk(c, o)]),
                (Data::Int(to), Data::Int(from)) => to.extend_from_slice(&from[chunk(c, o)]),
                (Data::Bool(to), Data::Bool(from)) => to.extend_from_slice(&from[chunk(c, o)]),
                _ => refuse!("parts of different types"),
            }
        }
    }
    Ok(Constant { shape, data, batch: first.batch })
}
