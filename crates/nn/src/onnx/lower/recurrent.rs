//! `LSTM`, `GRU` and `RNN`: a dense layer over all steps, then the steps.

use crate::graph::{Activation, Cell, Op, Recurrence};

use super::super::build::{Builder, Val};
use super::super::constant::{Constant, transposed};
use super::super::error::{Step, mistake, refuse};
use super::movement::{join, rows};
use super::{Call, Known, linear, reshape};

/// The constants of a recurrent layer, which fit one another.
pub(super) struct Weights<'a> {
    input: &'a Constant,
    recurrent: &'a Constant,
    bias: Option<&'a Constant>,
    peepholes: Option<&'a Constant>,
    directions: usize,
    inputs: usize,
    hidden: usize,
}

/// Reads a recurrent layer's constants.
pub(super) fn weights<'a>(call: &'a Call<'_>) -> Step<Weights<'a>> {
    let gates = gates(call.op);
    let directions = if call.attributes.text("direction") == Some("bidirectional") { 2 } else { 1 };
    let fixed = |index: usize, what: &str| match call.inputs.get(index).and_then(Option::as_ref) {
        Some(Known::Constant(c)) => Ok(Some(&**c)),
        None => Ok(None),
        Some(_) => refuse!(
            "{what} \"{}\" is computed while the network runs, where only a constant is supported",
            call.name(index)
        ),
    };
    let shaped = |index: usize, what: &str, c: &Constant, shape: &[usize]| {
        if c.shape == shape {
            return Ok(());
        }
        mistake!("{what} \"{}\" of shape {:?}, where {shape:?} is needed", call.name(index), c.shape)
    };
    let (Some(input), Some(recurrent)) = (fixed(1, "W")?, fixed(2, "R")?) else {
        mistake!("W or R is missing")
    };
    let [_, columns, hidden] = recurrent.shape[..] else {
        mistake!("R \"{}\" of shape {:?} has not three axes", call.name(2), recurrent.shape)
    };
    let [_, _, inputs] = input.shape[..] else {
        mistake!("W \"{}\" of shape {:?} has not three axes", call.name(1), input.shape)
    };
    shaped(2, "R", recurrent, &[directions, gates.saturating_mul(hidden), hidden])?;
    shaped(1, "W", input, &[directions, columns, inputs])?;
    if let Some(stated) = call.attributes.maybe_int("hidden_size")
        && usize::try_from(stated) != Ok(hidden)
    {
        mistake!("hidden_size {stated} does not fit R \"{}\" of shape {:?}", call.name(2), recurrent.shape);
    }
    let bias = fixed(3, "B")?;
    bias.map_or(Ok(()), |c| shaped(3, "B", c, &[directions, 2 * columns]))?;
    let peepholes = if call.op == "LSTM" { fixed(7, "P")? } else { None };
    peepholes.map_or(Ok(()), |c| shaped(7, "P", c, &[directions, 3 * hidden]))?;
    Ok(Weights { input, recurrent, bias, peepholes, directions, inputs, hidden })
}

fn gates(op: &str) -> usize {
    match op {
        "LSTM" => 4,
        "GRU" => 3,
        _ => 1,
    }
}

/// Adds the layers of each direction; returns Y, Y_h and Y_c as far as they are wanted.
pub(super) fn recurrent(b: &mut Builder, call: &Call<'_>) -> Step<Vec<Known>> {
    let w = weights(call)?;
    let batch_first = call.attributes.int("layout", 0) != 0;
    let (x, place) = match call.inputs.first().and_then(Option::as_ref) {
        Some(Known::Moved(v, place)) => (v.clone(), *place),
        _ => (call.computed(0)?.clone(), 0),
    };
    if b.rank(&x) != 3 {
        mistake!("takes sequences of vectors, \"{}\" has {} axes", call.name(0), b.rank(&x));
    }
    if place != usize::from(!batch_first) {
        refuse!(
            "its sequence runs along axis {} of \"{}\", which is the batch here; export with batch_first=True, or with the input's second axis open",
            usize::from(batch_first),
            call.name(0)
        );
    }
    b.apart(&x)?;
    let [steps, inputs] = b.shape(&x)[..] else { refuse!("takes sequences of vectors") };
    if inputs != w.inputs {
        mistake!("W \"{}\" of shape {:?} for a value of {inputs}", call.name(1), w.input.shape);
    }
    whole_sequences(call, steps)?;
    let batch_axis = if batch_first { 0 } else { 1 };
    let hidden = initial(b, call, (5, "initial_h"), &w, batch_axis)?;
    let state =
        if call.op == "LSTM" { initial(b, call, (6, "initial_c"), &w, batch_axis)? } else { vec![None; 2] };
    let cells = cells(call, w.directions)?;
    let wanted = |index: usize| call.wanted.get(index).copied().unwrap_or(false);
    let keep_state = wanted(2);
    let scope = b.scope.clone();
    let mut made = Vec::new();
    for d in 0..w.directions {
        let reverse = d == 1 || call.attributes.text("direction") == Some("reverse");
        if w.directions == 2 {
            let role = if reverse { "reverse" } else { "forward" };
            b.scope = (format!("{}/{role}", scope.0), format!("{}/{role}", scope.1));
        }
        let (hidden, state) = (hidden[d].clone(), state[d].clone());
        made.push(direction(b, call, &x, &w, d, cells[d], [hidden, state], reverse, keep_state)?);
    }
    b.scope = scope;
    let mut parts = [const { Vec::new() }; 3];
    for (d, all) in made.iter().enumerate() {
        let last = if d == 1 || call.attributes.text("direction") == Some("reverse") { 0 } else { steps - 1 };
        if wanted(0) {
            let sequence = rows(b, all, 0..steps)?;
            parts[0].push(reshape::regroup(b, &sequence, &[steps, 1, w.hidden], 0)?);
        }
        if wanted(1) {
            parts[1].push(rows(b, all, last..last + 1)?);
        }
        if keep_state {
            parts[2].push(rows(b, all, steps..steps + 1)?);
        }
    }
    let mut outputs = Vec::new();
    for (index, parts) in parts.into_iter().enumerate() {
        outputs.push(if parts.is_empty() {
            Known::Absent("nothing was said to read it")
        } else {
            let (axis, place) = if index == 0 { (1, 2) } else { (0, 1) };
            let joined = join(b, &parts, axis)?;
            if batch_first { Known::Computed(joined) } else { Known::Moved(joined, place) }
        });
    }
    Ok(outputs)
}

/// The dense layer and the steps of one direction; `[steps, hidden]`, with the last cell state behind where it is kept.
fn direction(
    b: &mut Builder,
    call: &Call<'_>,
    x: &Val,
    w: &Weights<'_>,
    d: usize,
    cell: Cell,
    [hidden, state]: [Option<Vec<f32>>; 2],
    reverse: bool,
    keep_state: bool,
) -> Step<Val> {
    let (inputs, size) = (w.inputs, w.hidden);
    let columns = cell.gates() * size;
    let turned = |c: &Constant, rows: usize| -> Step<Vec<f32>> {
        let values = c.floats()?;
        let own = &values[d * columns * rows..][..columns * rows];
        Ok(transposed(&[columns, rows], &[1, 0]).1.map(|i| own[i]).collect())
    };
    let (input, recurrent) = (turned(w.input, inputs)?, turned(w.recurrent, size)?);
    let biases = w.bias.map(Constant::floats).transpose()?;
    let [mut before, mut behind] =
        [0, 1].map(|k| biases.as_ref().map(|v| v[(2 * d + k) * columns..][..columns].to_vec()));
    // A file of ours: the dense layer before was not one of the layer's own.
    let identity = inputs == columns
        && input.iter().enumerate().all(|(i, &v)| v == f32::from(u8::from(i / columns == i % columns)))
        && before.iter().flatten().all(|&v| v == 0.0);
    let z = if identity {
        if behind.iter().flatten().all(|&v| v == 0.0) {
            behind = None;
        }
        x.clone()
    } else {
        // Only where a reset gate stands between do the two biases not add up to one.
        let apart = if matches!(cell, Cell::Gru { reset_after: true, .. }) { 2 * size } else { columns };
        if let (Some(before), Some(behind)) = (&mut before, &mut behind) {
            for (a, c) in before.iter_mut().zip(behind.iter_mut()).take(apart) {
                *a += std::mem::take(c);
            }
        }
        behind = behind.filter(|v| v.iter().any(|&v| v != 0.0));
        let own = b.scope.clone();
        b.scope = (format!("{}/input", own.0), format!("{}/input", own.1));
        let z = linear::dense(b, x, &input, inputs, columns, before)?;
        b.scope = own;
        z
    };
    let id = b.arrange(&z, &[0, 1])?;
    let param =
        |b: &mut Builder, values: Option<Vec<f32>>| values.map(|v| b.param(&[v.len()], v)).transpose();
    let peepholes = match w.peepholes {
        Some(p) => Some(p.floats()?[d * 3 * size..][..3 * size].to_vec()),
        None => None,
    };
    let recurrence = Recurrence {
        cell,
        weight: b.param(&[size, columns], recurrent)?,
        bias: param(b, behind)?,
        hidden: param(b, hidden)?,
        state: param(b, state)?,
        peepholes: param(b, peepholes)?,
        clip: call.attributes.maybe_float("clip"),
        reverse,
        keep_state,
    };
    Ok(Val { id: b.emit("", Op::Recurrent(recurrence), vec![id])?, axes: vec![0, 1], merged: 0 })
}

/// Refuses sequences that end before the others.
fn whole_sequences(call: &Call<'_>, steps: usize) -> Step<()> {
    match call.inputs.get(4).and_then(Option::as_ref) {
        None => Ok(()),
        Some(Known::Constant(c)) => match c.known_ints()?.iter().find(|&&n| n != steps as i64) {
            None => Ok(()),
            Some(n) => refuse!(
                "sequence_lens \"{}\" holds {n}; only whole sequences of {steps} steps are supported",
                call.name(4)
            ),
        },
        Some(_) => refuse!(
            "sequence_lens \"{}\" is computed while the network runs; only whole sequences of {steps} steps are supported",
            call.name(4)
        ),
    }
}

/// The states before the first step, by direction; none where they are zero.
fn initial(
    b: &Builder,
    call: &Call<'_>,
    (index, what): (usize, &str),
    w: &Weights<'_>,
    batch_axis: usize,
) -> Step<Vec<Option<Vec<f32>>>> {
    let name = call.name(index);
    let c = match call.inputs.get(index).and_then(Option::as_ref) {
        None => return Ok(vec![None; w.directions]),
        Some(Known::Constant(c)) => c,
        Some(_) => refuse!(
            "{what} \"{name}\" is computed while the network runs, where only a constant is supported"
        ),
    };
    let samples = c.shape.get(batch_axis).copied().unwrap_or(0);
    let mut shape = vec![w.directions, w.hidden];
    shape.insert(batch_axis, samples);
    let known = samples == 1 || b.static_batch == Some(samples as i64);
    if c.shape != shape || !known {
        mistake!(
            "{what} \"{name}\" of shape {:?} for {} directions of {} states",
            c.shape,
            w.directions,
            w.hidden
        );
    }
    let values = c.floats()?;
    let at = |d: usize, s: usize| {
        let start = if batch_axis == 0 { s * w.directions + d } else { d * samples + s };
        &values[start * w.hidden..][..w.hidden]
    };
    let one = |d: usize| {
        if (1..samples).any(|s| at(d, s) != at(d, 0)) {
            refuse!("{what} \"{name}\" differs from sample to sample, which is not supported");
        }
        Ok(at(d, 0).iter().any(|&v| v != 0.0).then(|| at(d, 0).to_vec()))
    };
    (0..w.directions).map(one).collect()
}

/// What each direction does at a step.
fn cells(call: &Call<'_>, directions: usize) -> Step<Vec<Cell>> {
    let a = call.attributes;
    let each = match call.op {
        "LSTM" => 3,
        "GRU" => 2,
        _ => 1,
    };
    let default: &[&str] = match call.op {
        "LSTM" => &["Sigmoid", "Tanh", "Tanh"],
        "GRU" => &["Sigmoid", "Tanh"],
        _ => &["Tanh"],
    };
    let named: Vec<String> = a.get("activations").map_or_else(Vec::new, |a| {
        a.strings.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect()
    });
    let names: Vec<&str> = match named.len() {
        0 => default.iter().copied().cycle().take(each * directions).collect(),
        n if n == each * directions => named.iter().map(String::as_str).collect(),
        n => mistake!("{n} activations for {directions} directions of {each}"),
    };
    let list = |name: &str| a.get(name).map(|a| a.floats.clone()).unwrap_or_default().into_iter();
    let (mut alpha, mut beta) = (list("activation_alpha"), list("activation_beta"));
    let mut functions = Vec::new();
    for name in names {
        functions.push(match name.to_ascii_lowercase().as_str() {
            "sigmoid" => Activation::Sigmoid,
            "tanh" => Activation::Tanh,
            "relu" => Activation::Relu,
            "softsign" => Activation::Softsign,
            "softplus" => Activation::Softplus,
            "leakyrelu" => Activation::LeakyRelu { slope: alpha.next().unwrap_or(0.01) },
            "elu" => Activation::Elu { alpha: alpha.next().unwrap_or(1.0) },
            "hardsigmoid" => Activation::HardSigmoid {
                alpha: alpha.next().unwrap_or(0.2),
                beta: beta.next().unwrap_or(0.5),
            },
            _ => refuse!(
                "the activation {name} is not supported, only Sigmoid, Tanh, Relu, HardSigmoid, LeakyRelu, Elu, Softsign and Softplus"
            ),
        });
    }
    let cell = |f: &[Activation]| match *f {
        [gate, candidate, output] => {
            let coupled = a.int("input_forget", 0) != 0;
            Cell::Lstm { gate, candidate, output, coupled }
        }
        [gate, candidate] => Cell::Gru { gate, candidate, reset_after: a.int("linear_before_reset", 0) != 0 },
        _ => Cell::Simple { activation: f[0] },
    };
    Ok(functions.chunks(each).map(cell).collect())
}
