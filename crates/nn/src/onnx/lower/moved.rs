//! Values whose batch is not their first axis in the file: exporters move it behind the steps of a sequence or behind
//! query, key and value, take those apart and bring it back. In memory the batch stays where it is.

use super::super::build::{Builder, Val, wrap};
use super::super::constant::{Constant, Int};
use super::super::error::{Step, mistake, refuse};
use super::movement::{join, parts, renamed, take};
use super::{Call, Known, lower, reshape};

/// The value with the batch at file axis `place`; `v` has it in front, the other axes in the file's order.
fn known(v: Val, place: usize) -> Known {
    if place == 0 { Known::Computed(v) } else { Known::Moved(v, place) }
}

/// From a file axis to the one that the value has where its batch is in front.
fn front(axis: i64, rank: usize, place: usize) -> Step<usize> {
    let axis = wrap(axis, rank)?;
    match axis.cmp(&place) {
        std::cmp::Ordering::Less => Ok(axis + 1),
        std::cmp::Ordering::Equal => refuse!("works along the batch axis"),
        std::cmp::Ordering::Greater => Ok(axis),
    }
}

/// Lowers a call that reads a moved value, or moves one; `None` for any other.
pub(super) fn moved(b: &mut Builder, call: &Call<'_>) -> Step<Option<Vec<Known>>> {
    let (v, place) = match call.inputs.first() {
        Some(Some(Known::Computed(v))) if v.merged == 0 => (v.clone(), 0),
        Some(Some(Known::Moved(v, place))) => (v.clone(), *place),
        _ => return Ok(None),
    };
    let rank = b.rank(&v);
    let one = |v: Val, place: usize| Ok(Some(vec![known(v, place)]));
    match call.op {
        "Transpose" => {
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
            let others = order.iter().filter(|&&a| a != place).map(|&a| a - usize::from(a > place));
            one(renamed(&v, &others.collect::<Vec<_>>()), to)
        }
        "Unsqueeze" => {
            let Some(axes) = call.ints("axes", 1)? else { mistake!("axes are missing") };
            let rank = rank + axes.len().min(64);
            let new: Vec<usize> = axes.iter().map(|&a| wrap(a, rank)).collect::<Step<_>>()?;
            if place == 0 && !new.contains(&0) {
                return Ok(None);
            }
            let old: Vec<usize> = (0..rank).filter(|a| !new.contains(a)).collect();
            if old.len() + axes.len() != rank {
                mistake!("axes {axes:?} repeat themselves");
            }
            let batch = old[place];
            let mut lengths = b.shape(&v).into_iter();
            let others = (0..rank).filter(|&a| a != batch);
            let shape: Vec<usize> =
                others.filter_map(|a| if new.contains(&a) { Some(1) } else { lengths.next() }).collect();
            one(reshape::regroup(b, &v, &shape, 0)?, batch)
        }
        _ if place == 0 => Ok(None),
        "Squeeze" => {
            let Some(axes) = call.ints("axes", 1)? else {
                refuse!("drops axes of a value whose batch moved")
            };
            let gone: Vec<usize> = axes.iter().map(|&a| front(a, rank, place)).collect::<Step<_>>()?;
            let shape = b.shape(&v);
            if let Some(&a) = gone.iter().find(|&&a| shape[a - 1] != 1) {
                mistake!("drops an axis of length {}", shape[a - 1]);
            }
            let left: Vec<usize> =
                (0..shape.len()).filter(|a| !gone.contains(&(a + 1))).map(|a| shape[a]).collect();
            let before = gone.iter().collect::<std::collections::BTreeSet<_>>();
            let before = before.into_iter().filter(|&&a| a <= place).count();
            one(reshape::regroup(b, &v, &left, 0)?, place - before)
        }
        "Slice" => {
            let mut inputs = call.inputs.clone();
            inputs.resize(inputs.len().max(4), None);
            let count = match (call.constant(1)?, call.attributes.ints("starts")) {
                (Some(c), _) => c.data.len(),
                (None, starts) => starts.unwrap_or_default().len(),
            };
            let axes = call.ints("axes", 3)?.unwrap_or_else(|| (0..count as i64).collect());
            let axes: Vec<Int> =
                axes.iter().map(|&a| Ok(Int::new(front(a, rank, place)? as i64))).collect::<Step<_>>()?;
            inputs[0] = Some(Known::Computed(v));
            inputs[3] = Some(Known::Constant(Constant::vector(axes).into()));
            again(b, call, inputs, place)
        }
        "ReduceL1" | "ReduceL2" | "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceSum"
        | "ReduceSumSquare" => {
            let Some(axes) = call.ints("axes", 1)? else {
                refuse!("reduces over all axes, the batch among them")
            };
            let axes: Vec<usize> = axes.iter().map(|&a| front(a, rank, place)).collect::<Step<_>>()?;
            let lost = match call.attributes.int("keepdims", 1) {
                0 => (1..=place).filter(|a| axes.contains(a)).count(),
                _ => 0,
            };
            let axes = axes.into_iter().map(|a| Int::new(a as i64)).collect();
            let inputs = vec![Some(Known::Computed(v)), Some(Known::Constant(Constant::vector(axes).into()))];
            again(b, call, inputs, place - lost)
        }
        "Gather" => {
            let axis = front(call.attributes.int("axis", 0), rank, place)? - 1;
            let indices = call.needed(1)?;
            let lost = usize::from(indices.shape.is_empty() && axis < place);
            one(take(b, &v, axis, indices)?, place - lost)
        }
        "Split" => {
            let axis = front(call.attributes.int("axis", 0), rank, place)? - 1;
            Ok(Some(parts(b, call, &v, axis)?.into_iter().map(|v| known(v, place)).collect()))
        }
        "Concat" => {
            let Some(axis) = call.attributes.maybe_int("axis") else { mistake!("axis is missing") };
            let axis = front(axis, rank, place)? - 1;
            let same = |k: &Option<Known>| match k {
                Some(Known::Moved(v, p)) if *p == place && b.rank(v) == rank => Ok(v.clone()),
                _ => refuse!("joins values whose batch axes differ"),
            };
            let values = call.inputs.iter().map(same).collect::<Step<Vec<_>>>()?;
            one(join(b, &values, axis)?, place)
        }
        "Cast" | "Identity" | "Relu" | "LeakyRelu" | "Elu" | "Selu" | "Sigmoid" | "Tanh" | "Gelu"
        | "HardSigmoid" | "HardSwish" | "Softplus" | "Softsign" | "Erf" | "Exp" | "Log" | "Sqrt"
        | "Reciprocal" | "Abs" | "Neg" => {
            let mut inputs = call.inputs.clone();
            inputs[0] = Some(Known::Computed(v));
            again(b, call, inputs, place)
        }
        op => refuse!("{op} of a value whose batch is axis {place}, not the first, is not supported"),
    }
}

/// The same call with its batch in front; the batch of what it makes goes back to its place.
fn again(
    b: &mut Builder,
    call: &Call<'_>,
    inputs: Vec<Option<Known>>,
    place: usize,
) -> Step<Option<Vec<Known>>> {
    let made = lower(b, &Call { inputs, ..*call })?;
    let back = |k: Known| if let Known::Computed(v) = k { known(v, place) } else { k };
    Ok(Some(made.into_iter().map(back).collect()))
}
