//! Same elements, another shape.

use std::collections::BTreeSet;

use crate::graph::Op;

use super::super::build::{Builder, Val, wrap};
use super::super::constant::Int;
use super::super::error::{Step, mistake, refuse};
use super::Call;

/// `Reshape`: finds out where the batch goes, which must be to the front.
pub(super) fn reshape(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let shape = b.shape(&x);
    let mut target = call.needed(1)?.ints()?.to_vec();
    if call.attributes.int("allowzero", 0) == 0 {
        for (i, t) in target.iter_mut().enumerate().filter(|(_, t)| **t == Int::new(0)) {
            *t = match i {
                0 => Int::batches(shape[..x.merged].iter().product::<usize>() as i64),
                _ => match shape.get(x.merged + i - 1) {
                    Some(&n) => Int::new(n as i64),
                    None => mistake!("copies axis {i} of a value with {} axes", b.rank(&x)),
                },
            };
        }
    }
    to(b, &x, &target)
}

/// Reshapes to a shape in which the batch may stand and one length may be -1.
fn to(b: &mut Builder, x: &Val, target: &[Int]) -> Step<Val> {
    let listed = || target.iter().map(Int::to_string).collect::<Vec<_>>().join(", ");
    let elements: usize = b.shape(x).iter().product();
    let Some((&lead, rest)) = target.split_first() else { refuse!("reshapes a batch to a single number") };
    let free = Int::new(-1);
    if rest.iter().any(|t| t.batch != 0) {
        refuse!("shape [{}] moves the batch away from the first axis", listed());
    }
    if lead != free && lead.batch == 0 {
        match b.static_batch {
            Some(batch) if lead.fixed > 0 && lead.fixed % batch == 0 => {}
            Some(batch) => refuse!("shape [{}] does not keep the batch of {batch} in front", listed()),
            None => refuse!("shape [{}] has a fixed first length while the batch is open", listed()),
        }
    }
    let mut shape: Vec<usize> = Vec::new();
    for t in rest {
        match usize::try_from(t.fixed) {
            Ok(n) if n > 0 => shape.push(n),
            _ if *t == free => shape.push(0),
            _ => mistake!("shape [{}] has a length below 1", listed()),
        }
    }
    let holes = shape.iter().filter(|&&n| n == 0).count();
    if holes + usize::from(lead == free) > 1 {
        mistake!("shape [{}] leaves more than one length open", listed());
    }
    let known = shape.iter().filter(|&&n| n != 0).try_fold(1usize, |p, &n| p.checked_mul(n));
    let Some(known) = known.filter(|&k| elements.is_multiple_of(k)) else {
        mistake!("shape [{}] does not hold the {elements} elements of each sample", listed());
    };
    // How many rows each sample takes of the first axis.
    let rows = match (lead, b.static_batch) {
        (lead, _) if lead == free => elements / known,
        (Int { fixed: 0, batch }, _) if batch > 0 => batch as usize,
        (Int { fixed, batch: 0 }, Some(batch)) => (fixed / batch) as usize,
        _ => refuse!("shape [{}] does not keep the batch in front", listed()),
    };
    let left = elements / known;
    if !left.is_multiple_of(rows) || (holes == 0 && left != rows) {
        mistake!("shape [{}] does not hold the {elements} elements of each sample", listed());
    }
    for n in shape.iter_mut().filter(|n| **n == 0) {
        *n = left / rows;
    }
    let merged = usize::from(rows != 1);
    if merged == 1 {
        shape.insert(0, rows);
    }
    regroup(b, x, &shape, merged)
}

/// `Flatten`
pub(super) fn flatten(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let rank = b.rank(&x);
    let axis = call.attributes.int("axis", 1);
    let axis = if axis == rank as i64 { rank } else { wrap(axis, rank)? };
    if axis == 0 {
        refuse!("flattens the batch together with the samples");
    }
    let shape = b.shape(&x);
    let (rows, columns) = shape.split_at(axis - 1 + x.merged);
    let rows: usize = rows.iter().product();
    to(b, &x, &[Int::batches(rows as i64), Int::new(columns.iter().product::<usize>() as i64)])
}

/// `Squeeze`
pub(super) fn squeeze(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let shape = b.shape(&x);
    let axes: BTreeSet<usize> = match call.ints("axes", 1)? {
        Some(axes) => axes.iter().map(|&a| b.axis(&x, a)).collect::<Step<_>>()?,
        None if b.static_batch == Some(1) => refuse!("drops every axis of length 1, the batch among them"),
        None => (x.merged..shape.len()).filter(|&a| shape[a] == 1).collect(),
    };
    if let Some(&a) = axes.iter().find(|&&a| shape[a] != 1) {
        mistake!("drops axis {} of length {}", a + 1 - x.merged, shape[a]);
    }
    let left: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
    regroup(b, &x, &left, x.merged)
}

/// `Unsqueeze`
pub(super) fn unsqueeze(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    let Some(axes) = call.ints("axes", 1)? else { mistake!("axes are missing") };
    if axes.len() > 64 {
        refuse!("adds {} axes", axes.len());
    }
    let rank = b.rank(&x) + axes.len();
    let new: BTreeSet<usize> = axes.iter().map(|&a| wrap(a, rank)).collect::<Step<_>>()?;
    if new.len() != axes.len() {
        mistake!("axes {axes:?} repeat themselves");
    }
    if new.contains(&0) {
        refuse!("puts an axis before the batch");
    }
    let mut old = b.shape(&x).into_iter();
    let mut shape: Vec<usize> = old.by_ref().take(x.merged).collect();
    shape.extend((1..rank).filter_map(|a| if new.contains(&a) { Some(1) } else { old.next() }));
    regroup(b, &x, &shape, x.merged)
}

/// `DepthToSpace` and `SpaceToDepth`
pub(super) fn blocks(b: &mut Builder, call: &Call<'_>) -> Step<Val> {
    let x = call.computed(0)?.clone();
    b.apart(&x)?;
    let [c, h, w] = b.shape(&x)[..] else { refuse!("needs [batch, channels, height, width]") };
    let s = usize::try_from(call.attributes.int("blocksize", 0)).unwrap_or(0);
    let square = s.checked_mul(s).filter(|&q| q > 0);
    let Some(square) = square else { mistake!("blocksize {s} makes no sense") };
    // Split into six parts, rename the axes, put together.
    let (split, order, joined) = if call.op == "SpaceToDepth" {
        if h % s != 0 || w % s != 0 {
            refuse!("blocks of {s} do not divide {h} x {w}");
        }
        (vec![c, h / s, s, w / s, s], [2, 4, 0, 1, 3], [square * c, h / s, w / s])
    } else {
        if c % square != 0 {
            refuse!("blocks of {s} x {s} do not divide {c} channels");
        }
        let d = c / square;
        let joined = [d, h * s, w * s];
        match call.attributes.text("mode") {
            Some("CRD") => (vec![d, s, s, h, w], [0, 3, 1, 4, 2], joined),
            _ => (vec![s, s, d, h, w], [2, 3, 0, 4, 1], joined),
        }
    };
    let parts = regroup(b, &x, &split, 0)?;
    let renamed = super::movement::renamed(&parts, &order);
    regroup(b, &renamed, &joined, 0)
}

/// Reshapes behind the batch to an equal number of elements, moving as little in memory as can be.
///
/// Axes fall into smallest groups of equal product on both sides. A group whose axes lie beside one
/// another in memory is reshaped where it is; only otherwise are they brought together first.
pub(super) fn regroup(b: &mut Builder, x: &Val, to: &[usize], merged: usize) -> Step<Val> {
    let from = b.shape(x);
    let long = |shape: &[usize]| (0..shape.len()).filter(|&a| shape[a] != 1).collect::<Vec<_>>();
    let (old, new) = (long(&from), long(to));
    let mut groups: Vec<(&[usize], &[usize])> = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < old.len() && j < new.len() {
        let (first, start) = (i, j);
        let (mut p, mut q) = (from[old[i]], to[new[j]]);
        while p != q {
            if p < q && i + 1 < old.len() {
                i += 1;
                p = p.saturating_mul(from[old[i]]);
            } else if p > q && j + 1 < new.len() {
                j += 1;
                q = q.saturating_mul(to[new[j]]);
            } else {
                mistake!("shapes {from:?} and {to:?} hold different numbers of elements");
            }
        }
        groups.push((&old[first..=i], &new[start..=j]));
        (i, j) = (i + 1, j + 1);
    }
    if i < old.len() || j < new.len() {
        mistake!("shapes {from:?} and {to:?} hold different numbers of elements");
    }
    // The groups as they follow in memory, if each lies in one piece; else as in the file.
    let memory: Vec<usize> = x.axes.iter().copied().filter(|&a| from[a] != 1).collect();
    let group_of = |axis: &usize| groups.iter().position(|g| g.0.contains(axis)).unwrap_or(0);
    let mut sequence: Vec<usize> = memory.iter().map(group_of).collect();
    sequence.dedup();
    if sequence.len() > groups.len() {
        sequence = (0..groups.len()).collect();
    }
    let wanted: Vec<usize> = sequence.iter().flat_map(|&g| groups[g].0).copied().collect();
    let id = if wanted == memory {
        x.id
    } else {
        let short = (0..from.len()).filter(|&a| from[a] == 1);
        let order: Vec<usize> = short.chain(wanted).collect();
        b.arrange(x, &order)?
    };
    let mut axes: Vec<usize> = sequence.iter().flat_map(|&g| groups[g].1).copied().collect();
    // Axes of length 1 go before their next neighbour in the file, or behind all.
    for axis in (0..to.len()).filter(|&a| to[a] == 1).rev() {
        let place = axes.iter().position(|&a| a == axis + 1).unwrap_or(axes.len());
        axes.insert(place, axis);
    }
    let shape: Vec<usize> = axes.iter().map(|&a| to[a]).collect();
    let id = if b.graph.values[id].shape == shape {
        id
    } else {
        b.emit("reshape", Op::Reshape { shape }, vec![id])?
    };
    Ok(Val { id, axes, merged })
}
