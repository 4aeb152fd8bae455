//! A model's inputs: which axis is the batch, and how long the others are.

use std::collections::BTreeSet;

use super::Open;
use super::error::{Fault, Problem, Refusal, unsupported, wrong};
use super::proto::{self, element};

/// An input that can be run.
#[derive(Clone, Debug)]
pub(super) struct Input {
    /// Lengths of the axes behind the batch.
    pub shape: Vec<usize>,
    /// Which axis of the file is the batch.
    pub place: usize,
    /// Whether it holds whole numbers.
    pub whole: bool,
}

/// Operators with steps in front of the batch.
const STEPS_FIRST: [&str; 3] = ["GRU", "LSTM", "RNN"];

/// Reads all inputs; what is wrong is added to `problems`, and such an input is `None`. The second result is the batch
/// that the file is fixed to.
pub(super) fn inputs(
    graph: &proto::Graph,
    inputs: &[&proto::ValueInfo],
    open: Open<'_>,
    problems: &mut Vec<Problem>,
) -> (Vec<Option<Input>>, Option<i64>) {
    let mut used = BTreeSet::new();
    let mut batches: Vec<(Option<i64>, &str)> = Vec::new();
    let mut read = Vec::new();
    for input in inputs {
        let found = one(graph, input, open, &mut used, &mut batches);
        let refuse = |r: Refusal| Problem {
            fault: r.fault,
            node: input.name.clone(),
            op: "input".into(),
            reason: r.reason,
        };
        read.push(found.map_err(|reasons| problems.extend(reasons.into_iter().map(refuse))).ok());
    }
    for (name, _) in open.lengths.iter().filter(|(name, _)| !used.contains(name.as_str())) {
        let known = dimensions(inputs);
        let there = if known.is_empty() { "none".into() } else { known.join(", ") };
        problems.push(Problem {
            fault: Fault::Reader,
            node: name.clone(),
            op: "dimension".into(),
            reason: format!("no input has an open length of that name; there are {there}"),
        });
    }
    let Some(&(batch, first)) = batches.first() else { return (read, None) };
    for &(other, name) in batches.iter().filter(|(other, _)| *other != batch) {
        let text = |b: Option<i64>| b.map_or("an open length".to_string(), |n| n.to_string());
        problems.push(Problem {
            fault: Fault::Reader,
            node: name.into(),
            op: "input".into(),
            reason: format!(
                "its first axis is {}, that of \"{first}\" {}: no common batch",
                text(other),
                text(batch)
            ),
        });
    }
    (read, batch)
}

fn dims(input: &proto::ValueInfo) -> Option<&[proto::Dim]> {
    Some(&input.kind.as_ref()?.tensor.as_ref()?.shape.as_ref()?.dim)
}

/// What a dimension answers to: its name in the file, and its place.
fn names(input: &proto::ValueInfo, axis: usize, dim: &proto::Dim) -> Vec<String> {
    let own = dim.param.iter().filter(|p| !p.is_empty()).cloned();
    own.chain([format!("{}.{axis}", input.name)]).collect()
}

/// The open lengths of all inputs, the batch among them.
fn dimensions(inputs: &[&proto::ValueInfo]) -> Vec<String> {
    let mut all = Vec::new();
    for input in inputs {
        for (axis, dim) in dims(input).unwrap_or_default().iter().enumerate() {
            let name = names(input, axis, dim).swap_remove(0);
            if fixed(dim).is_none() && !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

fn fixed(dim: &proto::Dim) -> Option<usize> {
    dim.value.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0)
}

/// Reads one input; open lengths are those given by name, else those of the sample as it stands or with its channel axis
/// moved to the other end, whichever has the lengths that are fixed.
fn one<'m>(
    graph: &proto::Graph,
    input: &'m proto::ValueInfo,
    open: Open<'_>,
    used: &mut BTreeSet<String>,
    batches: &mut Vec<(Option<i64>, &'m str)>,
) -> Result<Input, Vec<Refusal>> {
    let no = |reason: &str| Err(vec![unsupported(reason)]);
    let Some(tensor) = input.kind.as_ref().and_then(|k| k.tensor.as_ref()) else {
        return no("is no tensor");
    };
    let whole = matches!(
        tensor.element,
        element::INT64 | element::INT32 | element::INT16 | element::INT8 | element::UINT8 | element::UINT16
    );
    if !element::is_float(tensor.element) && !whole {
        return Err(vec![unsupported(format!(
            "holds {} values, only floats and whole numbers are supported",
            element::name(tensor.element)
        ))]);
    }
    let Some(dims) = dims(input) else { return no("has no shape; export the model with one") };
    if dims.is_empty() {
        return no("is a single number, without a batch axis");
    }
    let mut given = vec![None; dims.len()];
    for (axis, dim) in dims.iter().enumerate().filter(|(_, dim)| fixed(dim).is_none()) {
        for name in names(input, axis, dim) {
            if let Some((_, length)) = open.lengths.iter().find(|(n, _)| *n == name) {
                if *length == 0 {
                    return Err(vec![wrong(format!("axis {axis} ({name}) cannot be empty"))]);
                }
                used.insert(name);
                given[axis] = Some(*length);
                break;
            }
        }
    }
    let lengths: Vec<Option<usize>> = dims.iter().zip(&given).map(|(dim, g)| fixed(dim).or(*g)).collect();
    let place = batch_place(graph, input, dims, &lengths, &given);
    batches.push((dims[place].value.filter(|&n| n > 0), &input.name));
    let mut behind: Vec<usize> = (0..dims.len()).collect();
    behind.remove(place);
    let wanted: Vec<Option<usize>> = behind.iter().map(|&a| lengths[a]).collect();
    if let Some(shape) = wanted.iter().copied().collect() {
        return Ok(Input { shape, place, whole });
    }
    let mut moved = [open.sample.to_vec(), open.sample.to_vec(), open.sample.to_vec()];
    if !open.sample.is_empty() {
        moved[1].rotate_right(1);
        moved[2].rotate_left(1);
    }
    let fits = |lengths: &&Vec<usize>| {
        lengths.len() == wanted.len() && wanted.iter().zip(*lengths).all(|(f, n)| f.is_none_or(|f| f == *n))
    };
    if let Some(shape) = moved.iter().find(fits) {
        return Ok(Input { shape: shape.clone(), place, whole });
    }
    let mut reasons = Vec::new();
    for &axis in behind.iter().filter(|&&a| lengths[a].is_none()) {
        let own = dims[axis].param.as_deref().filter(|p| !p.is_empty());
        let name = names(input, axis, &dims[axis]).swap_remove(0);
        let sample = if open.sample.is_empty() {
            String::new()
        } else {
            format!("samples of {:?} do not give it one; ", open.sample)
        };
        reasons.push(unsupported(format!(
            "axis {axis} ({}) has no fixed length; {sample}give it one with --shape {name}=LENGTH, or export the model with a fixed one",
            own.unwrap_or("without a name")
        )));
    }
    Err(reasons)
}

/// Which axis is the batch: the first, unless steps stand before it.
fn batch_place(
    graph: &proto::Graph,
    input: &proto::ValueInfo,
    dims: &[proto::Dim],
    lengths: &[Option<usize>],
    given: &[Option<usize>],
) -> usize {
    if dims.len() < 2 {
        return 0;
    }
    if steps_first(graph, &input.name) && dims.len() == 3 {
        return 1;
    }
    let open: Vec<usize> = (1..dims.len()).filter(|&a| lengths[a].is_none()).collect();
    let named = |a: usize| dims[a].param.as_deref().is_some_and(|p| p.to_ascii_lowercase().contains("batch"));
    match (lengths[0], &open[..]) {
        // Its length was given, so that what is left open is the batch.
        (Some(_), [one]) if given[0].is_some() || named(*one) => *one,
        _ => 0,
    }
}

/// Whether a recurrent layer reads a value whose first axis it takes for its steps.
fn steps_first(graph: &proto::Graph, name: &str) -> bool {
    graph.node.iter().any(|node| {
        let reads = node.input.first().is_some_and(|i| i == name);
        let layout = node.attribute.iter().find(|a| a.name == "layout").and_then(|a| a.i).unwrap_or(0);
        reads && STEPS_FIRST.contains(&&*node.op_type) && layout == 0
    })
}
