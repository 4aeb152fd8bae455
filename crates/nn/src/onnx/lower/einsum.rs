//! `Einsum` of one or two values: axes are renamed and brought together, what is left is a product.

use std::collections::BTreeMap;

use crate::graph::{Op, Window};

use super::super::build::{Builder, Val};
use super::super::constant::{Constant, transposed};
use super::super::error::{Step, mistake, refuse};
use super::movement::renamed;
use super::{Call, Known, known, linear, reshape};

/// An operand with a letter for each of its axes.
struct Term {
    letters: Vec<char>,
    known: Known,
}

impl Term {
    fn shape(&self, b: &Builder) -> Vec<Option<usize>> {
        match &self.known {
            Known::Computed(v) => {
                std::iter::once(None).chain(b.shape(v)[v.merged..].iter().map(|&n| Some(n))).collect()
            }
            Known::Constant(c) => c.shape.iter().map(|&n| Some(n)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Adds the nodes of an equation.
pub(super) fn einsum(b: &mut Builder, call: &Call<'_>) -> Step<Known> {
    let equation: String =
        call.attributes.text("equation").unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    let Some((left, out)) = equation.split_once("->") else {
        refuse!("the equation \"{equation}\" without -> is not supported")
    };
    let names: Vec<&str> = left.split(',').collect();
    if names.len() != call.inputs.len() {
        mistake!("the equation \"{equation}\" has {} operands, the node {}", names.len(), call.inputs.len());
    }
    let mut terms = Vec::new();
    let mut rest = 0;
    for (index, name) in names.iter().enumerate() {
        let known = match call.inputs[index].clone() {
            Some(known @ Known::Constant(_)) => known,
            _ => {
                let v = call.computed(index)?;
                b.apart(v)?;
                Known::Computed(v.clone())
            }
        };
        let mut term = Term { letters: Vec::new(), known };
        let rank = term.shape(b).len();
        term.letters = spelled(name, rank, &mut rest)?;
        if term.letters.len() != rank {
            mistake!("\"{name}\" of \"{equation}\" for a value with {rank} axes");
        }
        terms.push(term);
    }
    let out = spelled_out(out, rest);
    if (1..out.len()).any(|i| out[..i].contains(&out[i])) {
        refuse!("\"{equation}\" makes a diagonal, which is not supported");
    }
    let mut lengths: BTreeMap<char, usize> = BTreeMap::new();
    let mut batch = None;
    for term in &terms {
        let mut seen = Vec::new();
        for (&letter, length) in term.letters.iter().zip(term.shape(b)) {
            if seen.contains(&letter) {
                refuse!("\"{equation}\" takes a diagonal, which is not supported");
            }
            seen.push(letter);
            match length {
                None if batch.is_none_or(|l| l == letter) => batch = Some(letter),
                None => refuse!("\"{equation}\" mixes the samples of a batch"),
                Some(n) => {
                    if *lengths.entry(letter).or_insert(n) != n {
                        mistake!("\"{equation}\" gives {letter} two lengths");
                    }
                }
            }
        }
    }
    let Some(batch) = batch else { mistake!("needs a computed value") };
    if lengths.contains_key(&batch) || !out.contains(&batch) {
        refuse!("\"{equation}\" mixes the samples of a batch");
    }
    let place = out.iter().position(|&l| l == batch).unwrap_or(0);
    let inner: Vec<char> = out.iter().copied().filter(|&l| l != batch).collect();
    let y = match &terms[..] {
        [Term { letters, known: Known::Computed(v) }] => permuted(v, &letters[1..], &inner)?,
        [a, c] => product(b, &equation, a, c, &inner, &lengths)?,
        _ => refuse!("\"{equation}\" of {} operands is not supported, only of one or two", terms.len()),
    };
    Ok(known(y, place))
}

/// The letters of an operand; `...` becomes numbered ones, counted from the end.
fn spelled(name: &str, rank: usize, rest: &mut usize) -> Step<Vec<char>> {
    let Some((before, after)) = name.split_once("...") else { return Ok(name.chars().collect()) };
    let Some(count) = rank.checked_sub(before.len() + after.len()).filter(|&n| n < 32) else {
        mistake!("\"{name}\" for a value with {rank} axes")
    };
    *rest = count.max(*rest);
    Ok(before.chars().chain((0..count).rev().map(numbered)).chain(after.chars()).collect())
}

fn spelled_out(name: &str, rest: usize) -> Vec<char> {
    match name.split_once("...") {
        None => name.chars().collect(),
        Some((before, after)) => {
            before.chars().chain((0..rest).rev().map(numbered)).chain(after.chars()).collect()
        }
    }
}

/// A letter that no equation has.
fn numbered(i: usize) -> char {
    char::from_u32(0xe000 + i as u32).unwrap_or('?')
}

/// The value with its axes, which have these letters, in another order.
fn permuted(v: &Val, letters: &[char], order: &[char]) -> Step<Val> {
    let places: Option<Vec<usize>> = order.iter().map(|l| letters.iter().position(|m| m == l)).collect();
    match places {
        Some(places) if places.len() == letters.len() => Ok(renamed(v, &places)),
        _ => refuse!("sums over an axis that only one operand has, which is not supported"),
    }
}

/// A product of two operands, one of them computed at least.
fn product(
    b: &mut Builder,
    equation: &str,
    first: &Term,
    second: &Term,
    out: &[char],
    lengths: &BTreeMap<char, usize>,
) -> Step<Val> {
    let (x, other) = match (&first.known, &second.known) {
        (Known::Computed(v), _) => (v, (first, second)),
        (_, Known::Computed(v)) => (v, (second, first)),
        _ => mistake!("needs a computed value"),
    };
    let (left, right) = other;
    let own = &left.letters[1..];
    let theirs: &[char] =
        if let Known::Computed(_) = right.known { &right.letters[1..] } else { &right.letters };
    let kept = |l: &char| out.contains(l);
    let both: Vec<char> = own.iter().copied().filter(|l| theirs.contains(l)).collect();
    let shared: Vec<char> = both.iter().copied().filter(kept).collect();
    let summed: Vec<char> = both.iter().copied().filter(|l| !kept(l)).collect();
    let rows: Vec<char> = own.iter().copied().filter(|l| !both.contains(l)).collect();
    let columns: Vec<char> = theirs.iter().copied().filter(|l| !both.contains(l)).collect();
    if !rows.iter().chain(&columns).all(kept) {
        refuse!("\"{equation}\" sums over an axis that only one operand has, which is not supported");
    }
    let made: Vec<char> = [&shared[..], &rows, &columns].concat();
    if made.len() != out.len() {
        mistake!("\"{equation}\" makes an axis out of nothing");
    }
    let long = |letters: &[char]| letters.iter().map(|l| lengths[l]).collect::<Vec<usize>>();
    let count = |letters: &[char]| long(letters).iter().product::<usize>();
    let y = match &right.known {
        Known::Computed(z) => {
            let x = permuted(x, own, &[&shared[..], &rows, &summed].concat())?;
            let z = permuted(z, theirs, &[&shared[..], &summed, &columns].concat())?;
            let matrices = |rows: usize, columns: usize| [long(&shared), vec![rows, columns]].concat();
            let x = reshape::regroup(b, &x, &matrices(count(&rows), count(&summed)), 0)?;
            let z = reshape::regroup(b, &z, &matrices(count(&summed), count(&columns)), 0)?;
            linear::both_computed(b, &x, &z)?
        }
        Known::Constant(c) => {
            let x = permuted(x, own, &[&rows[..], &shared, &summed].concat())?;
            weighted(b, &x, theirs, c, [&shared, &summed, &rows, &columns], lengths)?
        }
        _ => mistake!("an input is missing"),
    };
    // [shared, rows, columns] apart again, then as the equation wants them.
    let y = match &right.known {
        Known::Computed(_) => reshape::regroup(b, &y, &long(&made), 0)?,
        _ => {
            let y = reshape::regroup(b, &y, &long(&[&rows[..], &shared, &columns].concat()), 0)?;
            permuted(&y, &[&rows[..], &shared, &columns].concat(), &made)?
        }
    };
    permuted(&y, &made, out)
}

/// A product with a constant: one matrix, or one for each place of the shared axes. `[rows, shared * columns]`.
fn weighted(
    b: &mut Builder,
    x: &Val,
    letters: &[char],
    c: &Constant,
    [shared, summed, rows, columns]: [&[char]; 4],
    lengths: &BTreeMap<char, usize>,
) -> Step<Val> {
    let count = |letters: &[char]| letters.iter().map(|l| lengths[l]).product::<usize>();
    let order: Vec<usize> = [summed, shared, columns]
        .concat()
        .iter()
        .filter_map(|l| letters.iter().position(|m| m == l))
        .collect();
    let values = c.floats()?;
    let values: Vec<f32> = transposed(&c.shape, &order).1.map(|i| values[i]).collect();
    let (groups, inputs, outputs) = (count(shared), count(summed), count(columns));
    let x = reshape::regroup(b, x, &[count(rows), groups * inputs], 0)?;
    if groups == 1 {
        return linear::dense(b, &x, &values, inputs, outputs, None);
    }
    let id = b.arrange(&x, &[0, 1])?;
    let weight = b.param(&[inputs, groups * outputs], values)?;
    let window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0; 4] };
    let op = Op::Conv { weight, bias: None, window, groups };
    Ok(Val { id: b.emit("", op, vec![id])?, axes: vec![0, 1], merged: 0 })
}
