//! Values whose batch is not their first axis in the file: exporters move it behind the steps of a sequence or behind
//! query, key and value, take those apart and bring it back. In memory the batch stays where it is.

use super::super::attributes::Attributes;
use super::super::build::{Builder, Val, wrap};
use super::super::constant::{Constant, Int, transposed};
use super::super::error::{Step, mistake, refuse};
use super::super::proto;
use super::movement::renamed;
use super::{Call, Known, lower, reshape};

/// The value with the batch at file axis `place`; `v` has it in front, the other axes in the file's order.
pub(in super::super) fn known(v: Val, place: usize) -> Known {
    if place == 0 { Known::Computed(v) } else { Known::Moved(v, place) }
}

/// From a file axis to the one that the value has where its batch is in front; 0 is the batch.
fn front(axis: i64, rank: usize, place: usize) -> Step<usize> {
    let axis = wrap(axis, rank)?;
    Ok(match axis.cmp(&place) {
        std::cmp::Ordering::Less => axis + 1,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => axis,
    })
}

/// The same, for an operator that cannot work along the batch.
fn behind(axis: i64, rank: usize, place: usize) -> Step<usize> {
    match front(axis, rank, place)? {
        0 => refuse!("works along the batch axis"),
        axis => Ok(axis),
    }
}

/// Operators that broadcast their inputs against one another.
const BROADCAST: [&str; 16] = [
    "Add",
    "And",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Mean",
    "Min",
    "Mul",
    "Or",
    "Pow",
    "Sub",
    "Sum",
];
/// Operators on each element alone.
const ELEMENTWISE: [&str; 33] = [
    "Abs",
    "Cast",
    "CastLike",
    "Celu",
    "Clip",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "IsNaN",
    "LeakyRelu",
    "Log",
    "Mish",
    "Neg",
    "Not",
    "PRelu",
    "Reciprocal",
    "Relu",
    "Selu",
    "Sigmoid",
    "Sign",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tanh",
    "ThresholdedRelu",
    "Where",
    "Xor",
];

/// Lowers a call that reads a moved value, or moves one; `None` for any other.
pub(super) fn moved(b: &mut Builder, call: &Call<'_>) -> Step<Option<Vec<Known>>> {
    let found = call.inputs.iter().flatten().find_map(|k| match k {
        Known::Moved(v, place) => Some((v.clone(), *place)),
        _ => None,
    });
    if let (None, place @ 1..) = (&found, ahead(b, call)) {
        let rank = call.inputs.iter().flatten().map(|k| rank_of(b, k)).max().unwrap_or(0);
        let inputs = brought(b, &call.inputs, place, rank)?;
        return again(b, call, inputs, place, None).map(Some);
    }
    let (v, place) = match (found, call.inputs.first()) {
        (Some(found), _) => found,
        (None, Some(Some(Known::Computed(v)))) => (v.clone(), 0),
        _ => return Ok(None),
    };
    let rank = b.rank(&v);
    match call.op {
        "Transpose" => return transpose(b, call, v, place).map(Some),
        "Unsqueeze" => {
            if let Some(made) = unsqueeze(b, call, &v, place)? {
                return Ok(Some(made));
            }
        }
        _ => {}
    }
    if place == 0 {
        return Ok(None);
    }
    let axis = |default: i64| behind(call.attributes.int("axis", default), rank, place);
    let mut inputs = call.inputs.clone();
    let made = match call.op {
        "Squeeze" => squeeze(b, call, &v, place)?,
        "Reshape" => reshaped(b, call, &v, place, None)?,
        "Slice" => {
            inputs.resize(inputs.len().max(4), None);
            let count = match (call.constant(1)?, call.attributes.ints("starts")) {
                (Some(c), _) => c.data.len(),
                (None, starts) => starts.unwrap_or_default().len(),
            };
            let axes = call.ints("axes", 3)?.unwrap_or_else(|| (0..count as i64).collect());
            let axes: Vec<Int> =
                axes.iter().map(|&a| Ok(Int::new(front(a, rank, place)? as i64))).collect::<Step<_>>()?;
            inputs[3] = Some(Known::Constant(Constant::vector(axes).into()));
            again(b, call, inputs, place, None)?
        }
        "ReduceL1" | "ReduceL2" | "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceSum"
        | "ReduceSumSquare" => {
            let Some(axes) = call.ints("axes", 1)? else {
                refuse!("reduces over all axes, the batch among them")
            };
            let axes: Vec<usize> = axes.iter().map(|&a| behind(a, rank, place)).collect::<Step<_>>()?;
            let lost = match call.attributes.int("keepdims", 1) {
                0 => (1..=place).filter(|a| axes.contains(a)).count(),
                _ => 0,
            };
            let axes = axes.into_iter().map(|a| Int::new(a as i64)).collect();
            inputs.resize(2, None);
            inputs[1] = Some(Known::Constant(Constant::vector(axes).into()));
            again(b, call, inputs, place - lost, None)?
        }
        // The batch of the indices stays where it is among them.
        "Gather" if matches!(inputs.first(), Some(Some(Known::Constant(_)))) => {
            again(b, call, inputs, place, None)?
        }
        "Gather" => {
            let axis = axis(0)?;
            let rank = call.needed(1)?.shape.len();
            let place = if axis <= place { place + rank - 1 } else { place };
            again(b, call, inputs, place, Some(axis))?
        }
        "Split" => {
            let axis = axis(0)?;
            again(b, call, inputs, place, Some(axis))?
        }
        "Concat" => {
            if call.attributes.maybe_int("axis").is_none() {
                mistake!("axis is missing");
            }
            let axis = axis(0)?;
            let inputs = brought(b, &inputs, place, rank)?;
            again(b, call, inputs, place, Some(axis))?
        }
        "Softmax" | "LogSoftmax" if call.opset >= 13 => {
            let axis = axis(-1)?;
            again(b, call, inputs, place, Some(axis))?
        }
        "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization" => {
            let axis = axis(-1)?;
            if axis <= place {
                refuse!("normalises over the batch");
            }
            again(b, call, inputs, place, Some(axis))?
        }
        "MatMul" => matmul(b, call, place)?,
        op if BROADCAST.contains(&op) || ELEMENTWISE.contains(&op) => {
            let rank = inputs.iter().flatten().map(|k| rank_of(b, k)).max().unwrap_or(rank);
            let inputs = brought(b, &inputs, place, rank)?;
            again(b, call, inputs, place, None)?
        }
        op => refuse!("{op} of a value whose batch is axis {place}, not the first, is not supported"),
    };
    Ok(Some(made))
}

fn rank_of(b: &Builder, known: &Known) -> usize {
    match known {
        Known::Constant(c) => c.shape.len(),
        Known::Computed(v) | Known::Moved(v, _) | Known::Folded(v) => b.rank(v),
        Known::Absent(_) | Known::Broken => 0,
    }
}

/// Inputs that broadcast to `rank` axes, their axis `place` brought to the front.
fn brought(b: &mut Builder, inputs: &[Option<Known>], place: usize, rank: usize) -> Step<Vec<Option<Known>>> {
    let mut one = |known: &Option<Known>| {
        Ok(Some(match known {
            None => return Ok(None),
            Some(Known::Moved(v, p)) if *p == place && b.rank(v) == rank => Known::Computed(v.clone()),
            // Aligned at the end, its batch stands in the same place.
            Some(Known::Computed(v)) if v.merged == 0 && b.rank(v) + place == rank => {
                let shape: Vec<usize> = std::iter::repeat_n(1, place).chain(b.shape(v)).collect();
                Known::Computed(reshape::regroup(b, v, &shape, 0)?)
            }
            // What does not reach the batch's axis from the end is the same before and after.
            Some(Known::Constant(c)) if c.shape.len() + place < rank => Known::Constant(c.clone()),
            Some(Known::Constant(c)) => {
                let mut full = vec![1; rank];
                full[rank - c.shape.len()..].copy_from_slice(&c.shape);
                let order: Vec<usize> =
                    std::iter::once(place).chain((0..rank).filter(|&a| a != place)).collect();
                let (shape, at) = transposed(&full, &order);
                let batch = c.batch.map(|a| a + rank - c.shape.len());
                if batch.is_some_and(|a| a != place) {
                    refuse!("meets a constant with another batch axis");
                }
                let batch = batch.map(|_| 0);
                Known::Constant(Constant { shape, data: c.data.select(at), batch }.into())
            }
            Some(_) => refuse!("values whose batch axes differ do not meet"),
        }))
    };
    inputs.iter().map(&mut one).collect()
}

/// How many axes a constant puts before the batch of the values that it meets.
fn ahead(b: &Builder, call: &Call<'_>) -> usize {
    if !BROADCAST.contains(&call.op) {
        return 0;
    }
    let (mut values, mut constants) = (0, 0);
    for known in call.inputs.iter().flatten() {
        match known {
            Known::Computed(v) => values = values.max(b.rank(v)),
            Known::Constant(c) => constants = constants.max(c.shape.len()),
            _ => return 0,
        }
    }
    if values == 0 { 0 } else { constants.saturating_sub(values) }
}

/// `Transpose` of any value that still has a batch: renames axes, moves nothing.
fn transpose(b: &Builder, call: &Call<'_>, v: Val, place: usize) -> Step<Vec<Known>> {
    let rank = b.rank(&v);
    let order: Vec<usize> = match call.attributes.ints("perm") {
        Some(perm) => perm.iter().map(|&a| wrap(a, rank)).collect::<Step<_>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        mistake!("perm {order:?} is no order of {rank} axes");
    }
    let to = order.iter().position(|&a| a == place).unwrap_or(0);
    let others = order.iter().filter(|&&a| a != place).map(|&a| a - usize::from(a > place) + v.merged);
    let order: Vec<usize> = (0..v.merged).chain(others).collect();
    Ok(vec![known(renamed(&v, &order), to)])
}

/// `Unsqueeze` that moves the batch, or of a value whose batch has moved.
fn unsqueeze(b: &mut Builder, call: &Call<'_>, v: &Val, place: usize) -> Step<Option<Vec<Known>>> {
    let Some(axes) = call.ints("axes", 1)? else { mistake!("axes are missing") };
    let rank = b.rank(v) + axes.len().min(64);
    let new: Vec<usize> = axes.iter().map(|&a| wrap(a, rank)).collect::<Step<_>>()?;
    if place == 0 && !new.contains(&0) {
        return Ok(None);
    }
    let old: Vec<usize> = (0..rank).filter(|a| !new.contains(a)).collect();
    if old.len() + axes.len() != rank {
        mistake!("axes {axes:?} repeat themselves");
    }
    let batch = old[place];
    let mut lengths = b.shape(v).into_iter();
    let mut shape: Vec<usize> = lengths.by_ref().take(v.merged).collect();
    let others = (0..rank).filter(|&a| a != batch);
    shape.extend(others.filter_map(|a| if new.contains(&a) { Some(1) } else { lengths.next() }));
    Ok(Some(vec![known(reshape::regroup(b, v, &shape, v.merged)?, batch)]))
}

fn squeeze(b: &mut Builder, call: &Call<'_>, v: &Val, place: usize) -> Step<Vec<Known>> {
    let rank = b.rank(v);
    let Some(axes) = call.ints("axes", 1)? else { refuse!("drops axes of a value whose batch moved") };
    let gone: Vec<usize> = axes.iter().map(|&a| behind(a, rank, place)).collect::<Step<_>>()?;
    let shape = b.shape(v);
    let length = |a: usize| shape[a - 1 + v.merged];
    if let Some(&a) = gone.iter().find(|&&a| length(a) != 1) {
        mistake!("drops an axis of length {}", length(a));
    }
    let kept = (v.merged..shape.len()).filter(|a| !gone.contains(&(a + 1 - v.merged)));
    let left: Vec<usize> = (0..v.merged).chain(kept).map(|a| shape[a]).collect();
    let before = gone.iter().collect::<std::collections::BTreeSet<_>>();
    let before = before.into_iter().filter(|&&a| a <= place).count();
    Ok(vec![known(reshape::regroup(b, v, &left, v.merged)?, place - before)])
}

/// Lowers a call that reads a value whose batch is innermost in its first axis. Which of the joined axes is the outer one
/// matters only where they come apart.
pub(super) fn folded(b: &mut Builder, call: &Call<'_>) -> Step<Vec<Known>> {
    if let ("Reshape", Some(Some(Known::Folded(v)))) = (call.op, call.inputs.first()) {
        let shape = b.shape(v);
        let lead: usize = shape[..v.merged].iter().product();
        let file = std::iter::once(Int::batches(lead as i64))
            .chain(shape[v.merged..].iter().map(|&n| Int::new(n as i64)))
            .collect();
        let (apart, place) = (Val { merged: 0, ..v.clone() }, v.merged);
        return reshaped(b, call, &apart, place, Some(file));
    }
    if matches!(call.op, "Flatten" | "Transpose" | "Unsqueeze") {
        refuse!("{} of a value whose batch is behind other axes in its first one is not supported", call.op);
    }
    let bare = |k: &Option<Known>| match k {
        Some(Known::Folded(v)) => Ok(Some(Known::Computed(v.clone()))),
        Some(Known::Computed(_) | Known::Moved(..)) => refuse!("values whose batch axes differ do not meet"),
        other => Ok(other.clone()),
    };
    let inputs = call.inputs.iter().map(bare).collect::<Step<Vec<_>>>()?;
    let made = lower(b, &Call { inputs, ..*call })?;
    let back = |k: Known| match k {
        Known::Computed(v) if v.merged > 0 => Ok(Known::Folded(v)),
        Known::Computed(_) | Known::Moved(..) => refuse!("takes the batch apart from what is before it"),
        other => Ok(other),
    };
    made.into_iter().map(back).collect()
}

/// `Reshape` that keeps what stands before the batch apart from it, or joins all of it: axes behind may join the batch or
/// leave it. `file` is the shape in the file where it is not that of the axes and the batch.
fn reshaped(
    b: &mut Builder,
    call: &Call<'_>,
    v: &Val,
    place: usize,
    stated: Option<Vec<Int>>,
) -> Step<Vec<Known>> {
    let shape = b.shape(v);
    let (merged, rest) = shape.split_at(v.merged);
    let (before, behind) = rest.split_at(place);
    let own: usize = merged.iter().product();
    let mut file: Vec<Int> = before.iter().map(|&n| Int::new(n as i64)).collect();
    file.push(Int::batches(own as i64));
    file.extend(behind.iter().map(|&n| Int::new(n as i64)));
    let file = stated.unwrap_or(file);
    let mut target = call.needed(1)?.ints()?.to_vec();
    let listed = target.iter().map(Int::to_string).collect::<Vec<_>>().join(", ");
    if call.attributes.int("allowzero", 0) == 0 {
        for (i, t) in target.iter_mut().enumerate().filter(|(_, t)| **t == Int::new(0)) {
            match file.get(i) {
                Some(n) => *t = *n,
                None => mistake!("copies axis {i} of a value with {} axes", file.len()),
            }
        }
    }
    let sample: usize = shape.iter().product();
    let mut open = (0..target.len()).filter(|&i| target[i] == Int::new(-1));
    if let Some(i) = open.next() {
        if open.next().is_some() {
            mistake!("shape [{listed}] leaves more than one length open");
        }
        let others = target.iter().enumerate().filter(|(k, _)| *k != i);
        // In a file for one batch the others may hold it as a number.
        let stated = others.clone().any(|(_, t)| t.batch != 0) || b.static_batch.is_none();
        let total = if stated {
            Int::batches(sample as i64)
        } else {
            Int::new((sample as i64).saturating_mul(b.static_batch.unwrap_or(1)))
        };
        let product = others.map(|(_, t)| *t).try_fold(Int::new(1), Int::mul);
        match product.and_then(|p| total.div(p)) {
            Some(n) => target[i] = n,
            None => mistake!("shape [{listed}] does not hold the {sample} elements of each sample"),
        }
    }
    // The batch begins where as many elements stand before it as did.
    let lead: usize = before.iter().product();
    let mut product = 1usize;
    let mut found = None;
    for (i, t) in target.iter().enumerate() {
        let rows = match (t.fixed, t.batch, b.static_batch) {
            (0, rows, _) if rows > 0 => Some(rows),
            (n, 0, Some(batch)) if n > 0 && n % batch == 0 => Some(n / batch),
            _ => None,
        };
        if product == lead
            && let Some(rows) = rows
        {
            found = Some((i, rows as usize));
            break;
        }
        match usize::try_from(t.fixed) {
            Ok(n) if n > 0 && t.batch == 0 => product = product.saturating_mul(n),
            _ => break,
        }
    }
    let number = |t: &Int| match usize::try_from(t.fixed) {
        Ok(n) if n > 0 && t.batch == 0 => Ok(n),
        _ => refuse!("shape [{listed}] does not keep the batch in one axis"),
    };
    let joins = target.first().is_some_and(|t| match b.static_batch {
        Some(batch) if t.batch == 0 => Some(t.fixed) == batch.checked_mul(lead as i64),
        _ => *t == Int::batches(lead as i64),
    });
    // As the file has it, but for the batch itself: [before, merged, behind].
    let order: Vec<usize> =
        (v.merged..v.merged + place).chain(0..v.merged).chain(v.merged + place..shape.len()).collect();
    let plain = Val { merged: 0, ..renamed(v, &order) };
    if found.is_none() && joins {
        let mut lengths = vec![lead];
        lengths.extend(target[1..].iter().map(number).collect::<Step<Vec<_>>>()?);
        let y = reshape::regroup(b, &plain, &lengths, 0)?;
        return Ok(vec![Known::Folded(Val { merged: 1, ..y })]);
    }
    let Some((to, rows)) = found else {
        refuse!(
            "shape [{listed}] does not keep the batch, which is axis {place} of its input, apart from what stands before it"
        );
    };
    let before: Vec<usize> = target[..to].iter().map(number).collect::<Step<_>>()?;
    let behind: Vec<usize> = target[to + 1..].iter().map(number).collect::<Step<_>>()?;
    let merged = usize::from(rows != 1);
    let lengths: Vec<usize> =
        before.iter().copied().chain((merged == 1).then_some(rows)).chain(behind.iter().copied()).collect();
    let y = reshape::regroup(b, &plain, &lengths, 0)?;
    let back: Vec<usize> = (to..to + merged).chain(0..to).chain(to + merged..lengths.len()).collect();
    Ok(vec![known(Val { merged, ..renamed(&y, &back) }, to)])
}

/// A product over the last two axes. One of them may be the batch where the other factor is a constant matrix.
fn matmul(b: &mut Builder, call: &Call<'_>, place: usize) -> Step<Vec<Known>> {
    for (k, input) in call.inputs.iter().enumerate() {
        let v = match input {
            Some(Known::Moved(v, p)) if *p == place => v,
            Some(Known::Constant(_)) => continue,
            _ => refuse!("values whose batch axes differ do not meet"),
        };
        let rank = b.rank(v);
        let plain =
            |k: usize| matches!(call.inputs.get(k), Some(Some(Known::Constant(c))) if c.shape.len() == 2);
        // The left one's last axis is summed over, the right one's last but one.
        let summed = if k == 0 { rank - 1 } else { rank.saturating_sub(2) };
        if place == summed || (place + 2 >= rank && !plain(1 - k.min(1))) {
            refuse!("a product along the batch, which is axis {place} of its input, is not supported");
        }
    }
    again(b, call, call.inputs.clone(), place, None)
}

/// The same call with its batch in front, and along another axis where one is given; the batch of what it makes goes to
/// its place.
fn again(
    b: &mut Builder,
    call: &Call<'_>,
    inputs: Vec<Option<Known>>,
    place: usize,
    axis: Option<usize>,
) -> Step<Vec<Known>> {
    let bare = |k: Option<Known>| match k {
        Some(Known::Moved(v, _)) => Some(Known::Computed(v)),
        other => other,
    };
    let inputs = inputs.into_iter().map(bare).collect();
    let mut list = call.attributes.0.to_vec();
    if let Some(axis) = axis {
        list.retain(|a| a.name != "axis");
        list.push(proto::Attribute { name: "axis".into(), i: Some(axis as i64), ..Default::default() });
    }
    let made = lower(b, &Call { inputs, attributes: Attributes(&list), ..*call })?;
    let back = |k: Known| if let Known::Computed(v) = k { known(v, place) } else { k };
    Ok(made.into_iter().map(back).collect())
}
