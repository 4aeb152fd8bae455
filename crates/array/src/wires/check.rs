//! Whether an answer is one: properties that every solution of a passive circuit has.

use neurohm_num::Rows;

use super::newton::Point;
use super::{Effective, Ends, LinearCrossbar, WireError};

/// Largest sum of currents at a node as a part of what its conductances carry, and largest imbalance of a line as a part of the
/// largest current, that are still a solution.
const LIMIT: f64 = 1e-9;

/// The first node that nothing holds at a voltage. Only a wire of infinite resistance can cut one off; where both kinds
/// of segments are cut nothing is connected at all, and every current is zero.
pub(super) fn floating(crossbar: &LinearCrossbar) -> Result<(), WireError> {
    let w = crossbar.wires();
    let cut = |ohm: f64| ohm == f64::INFINITY;
    let any = [w.word_ohm, w.bit_ohm, w.driver_ohm, w.sense_ohm].into_iter().any(cut);
    if !any || (cut(w.word_ohm) && cut(w.bit_ohm)) {
        return Ok(());
    }
    let (m, n, g) = (crossbar.rows(), crossbar.columns(), crossbar.conductances());
    let nodes = m * n;
    let mut held = vec![false; 2 * nodes];
    let mut next = Vec::new();
    let mut reach = |node: usize, next: &mut Vec<usize>| {
        if !std::mem::replace(&mut held[node], true) {
            next.push(node);
        }
    };
    if !cut(w.word_ohm) && !cut(w.driver_ohm) {
        (0..m).for_each(|i| reach(i * n, &mut next));
    }
    if !cut(w.bit_ohm) && !cut(w.sense_ohm) {
        (0..n).for_each(|j| reach(nodes + (m - 1) * n + j, &mut next));
    }
    while let Some(node) = next.pop() {
        let (is_bit, place) = (node >= nodes, node % nodes);
        let (i, j) = (place / n, place % n);
        if g.row(i)[j] > 0.0 {
            reach(if is_bit { place } else { nodes + place }, &mut next);
        }
        if is_bit && !cut(w.bit_ohm) {
            (i > 0).then(|| reach(node - n, &mut next));
            (i + 1 < m).then(|| reach(node + n, &mut next));
        }
        if !is_bit && !cut(w.word_ohm) {
            (j > 0).then(|| reach(node - 1, &mut next));
            (j + 1 < n).then(|| reach(node + 1, &mut next));
        }
    }
    match held.iter().position(|held| !held) {
        Some(node) => Err(WireError::Floating {
            line: if node < nodes { "word" } else { "bit" },
            row: node % nodes / n,
            column: node % n,
        }),
        None => Ok(()),
    }
}

/// No passive circuit gives a negative current for a positive voltage, nor more than the segments at its ends let pass.
pub(super) fn passive(crossbar: &LinearCrossbar, effective: &Effective) -> Result<(), WireError> {
    let m = crossbar.rows();
    let largest =
        effective.w.iter().fold(0.0, |top: f64, w| if w.is_finite() { top.max(*w) } else { f64::NAN });
    if largest.is_nan() || effective.w.iter().any(|w| !w.is_finite()) {
        let what = "an element of the effective matrix";
        return Err(WireError::Residual { what, value: f64::NAN, limit: LIMIT });
    }
    if let Some(w) = effective.w.iter().find(|w| **w < -LIMIT * largest) {
        let what = "a negative element of the effective matrix, as a part of the largest,";
        return Err(WireError::Residual { what, value: w / largest, limit: LIMIT });
    }
    let w = crossbar.wires();
    let ends = if w.drivers == Ends::Both { 2.0 } else { 1.0 };
    let first = ends / (w.word_ohm + w.driver_ohm);
    let mut from_source = vec![0.0; m];
    for row in effective.w.chunks_exact(m) {
        from_source.iter_mut().zip(row).for_each(|(s, w)| *s += w);
    }
    match from_source.into_iter().find(|s| *s > first * (1.0 + LIMIT)) {
        Some(sum) => {
            let what = "a source's current, as a part of what its first segment lets pass,";
            Err(WireError::Residual { what, value: sum / first, limit: 1.0 })
        }
        None => Ok(()),
    }
}

/// Conductances around the nodes, S: infinite without resistance, 0 at an open end.
pub(super) struct Segments {
    pub first_word: f64,
    pub word: f64,
    pub end_word: f64,
    pub last_bit: f64,
    pub bit: f64,
    pub end_bit: f64,
}

impl Segments {
    pub(super) fn of(crossbar: &LinearCrossbar) -> Self {
        let net = crossbar.net();
        let end = |ends: bool, g: f64| if ends { g } else { 0.0 };
        Self {
            first_word: net.first_word,
            word: net.word,
            end_word: end(net.word_ends, net.first_word),
            last_bit: net.last_bit,
            bit: net.bit,
            end_bit: end(net.bit_ends, net.last_bit),
        }
    }
}

/// Voltages below this have lost digits to the smallest numbers that there are, V: those at the far end of a line that leaks
/// all of its current on the way.
const FAINT_V: f64 = 1e-250;

/// Inputs have a number for each of `expected` lines.
pub(super) fn inputs(what: &'static str, expected: usize, inputs: Rows<f64>) -> Result<(), WireError> {
    if inputs.cols() != expected {
        let found = inputs.cols();
        return Err(WireError::Voltages { what, expected, found });
    }
    for input in 0..inputs.rows() {
        if let Some(line) = inputs.row(input).iter().position(|v| !v.is_finite()) {
            return Err(WireError::Voltage { input, line, value: inputs.row(input)[line] });
        }
    }
    Ok(())
}

/// Kirchhoff's current law at every node of linear cells, and the balance of every bit line, of every input: voltages of all
/// sources and sinks.
pub(super) fn kirchhoff(
    crossbar: &LinearCrossbar,
    lines: Rows<f64>,
    currents: &[f64],
    word: &[f64],
    bit: &[f64],
) -> Result<(f64, f64), WireError> {
    let (m, n) = (crossbar.rows(), crossbar.columns());
    let g: Vec<f64> = (0..m).flat_map(|i| crossbar.conductances().row(i)).copied().collect();
    let (mut kcl, mut balance) = (0.0f64, 0.0f64);
    for input in 0..lines.rows() {
        let plane = input * m * n..(input + 1) * m * n;
        let (word, bit) = (word[plane.clone()].to_vec(), bit[plane].to_vec());
        let i = g.iter().zip(word.iter().zip(&bit)).map(|(g, (w, b))| g * (w - b)).collect();
        let at = Point { word, bit, i, g: g.clone(), scale_v: FAINT_V };
        let (k, b) = kirchhoff_of(crossbar, lines.row(input), &currents[input * n..(input + 1) * n], &at)?;
        (kcl, balance) = (kcl.max(k), balance.max(b));
    }
    Ok((kcl, balance))
}

/// Kirchhoff's current law at every node, and the balance of every bit line, for the voltages of all sources and sinks.
pub(super) fn kirchhoff_of(
    crossbar: &LinearCrossbar,
    terminals: &[f64],
    currents: &[f64],
    at: &Point,
) -> Result<(f64, f64), WireError> {
    let (kcl, balance) = (node_sums(crossbar, terminals, at), line_sums(crossbar, currents, at));
    for (what, value) in [
        ("the largest sum of currents at a node, as a part of what its conductances carry,", kcl),
        ("the largest imbalance of a bit line, as a part of the largest current,", balance),
    ] {
        if value.is_nan() || value > LIMIT {
            return Err(WireError::Residual { what, value, limit: LIMIT });
        }
    }
    Ok((kcl, balance))
}

/// Largest sum of currents at a node as a part of the sum of its conductances times the voltages around it. Lines without
/// resistance are one node, whose currents [`line_sums`] has.
fn node_sums(crossbar: &LinearCrossbar, terminals: &[f64], at: &Point) -> f64 {
    let (m, n) = (crossbar.rows(), crossbar.columns());
    let s = Segments::of(crossbar);
    let (inputs, sinks) = terminals.split_at(m);
    let mut worst = 0.0f64;
    for row in 0..m {
        for column in 0..n {
            let k = row * n + column;
            let (w, b) = (at.word[k], at.bit[k]);
            // Sum of currents into a node, and of their magnitudes if voltages did not cancel.
            let node = |u: f64, cell: f64, others: [(f64, f64); 2]| {
                let mut sum = [cell, cell.abs().max(at.g[k] * (w.abs() + b.abs()).max(at.scale_v))];
                for (g, v) in others {
                    if g != 0.0 {
                        sum[0] += g * (v - u);
                        sum[1] += g * (v.abs() + u.abs()).max(at.scale_v);
                    }
                }
                // Without currents there is no part of them, but what is not a number is told.
                if sum[1] == 0.0 { sum[0].abs() } else { sum[0].abs() / sum[1] }
            };
            let left = if column == 0 { (s.first_word, inputs[row]) } else { (s.word, at.word[k - 1]) };
            let right = if column + 1 == n { (s.end_word, inputs[row]) } else { (s.word, at.word[k + 1]) };
            let above = if row == 0 { (s.end_bit, sinks[column]) } else { (s.bit, at.bit[k - n]) };
            let below = if row + 1 == m { (s.last_bit, sinks[column]) } else { (s.bit, at.bit[k + n]) };
            if s.word.is_finite() {
                worst = larger(worst, node(w, -at.i[k], [left, right]));
            }
            if s.bit.is_finite() {
                worst = larger(worst, node(b, at.i[k], [above, below]));
            }
        }
    }
    worst
}

/// The larger one, or not a number if either is not.
fn larger(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

/// Largest difference between what the cells of a bit line give and its current, as a part of the largest current; less what
/// the rounding of node voltages explains.
fn line_sums(crossbar: &LinearCrossbar, currents: &[f64], at: &Point) -> f64 {
    let n = crossbar.columns();
    let top = currents.iter().fold(0.0f64, |t, i| t.max(i.abs()));
    let (given, rounding) = given(n, at);
    let mut worst = 0.0;
    for ((given, current), rounding) in given.iter().zip(currents).zip(&rounding) {
        let apart = (given - current).abs() - ROUNDING * rounding;
        if top > 0.0 || apart > 0.0 || apart.is_nan() {
            let apart = if apart.is_nan() { apart } else { apart.max(0.0) };
            worst = larger(worst, apart / top.max(f64::MIN_POSITIVE));
        }
    }
    worst
}

/// What the cells of each bit line give together, and the currents in which rounding of node voltages counts.
fn given(n: usize, at: &Point) -> (Vec<f64>, Vec<f64>) {
    let (mut given, mut rounding) = (vec![0.0; n], vec![0.0; n]);
    for (k, i) in at.i.iter().enumerate() {
        given[k % n] += i;
        rounding[k % n] += at.g[k] * (at.word[k].abs() + at.bit[k].abs()).max(at.scale_v);
    }
    (given, rounding)
}

/// Current into the sink of each bit line, A, at the voltages `sinks`: of the two ways to sum it that which rounding harms
/// less.
pub(super) fn out_currents(crossbar: &LinearCrossbar, sinks: &[f64], at: &Point) -> Vec<f64> {
    let (m, n) = (crossbar.rows(), crossbar.columns());
    let s = Segments::of(crossbar);
    let (given, rounding) = given(n, at);
    (0..n)
        .map(|j| {
            let (first, last) = (at.bit[j], at.bit[(m - 1) * n + j]);
            if (s.last_bit + s.end_bit) * at.scale_v < rounding[j] {
                s.last_bit * (last - sinks[j]) + s.end_bit * (first - sinks[j])
            } else {
                given[j]
            }
        })
        .collect()
}

/// Relative error that node voltages may have from rounding alone.
const ROUNDING: f64 = 1e-12;

/// Voltages without a symmetry of an array.
pub(super) fn pattern(lines: usize) -> Vec<f64> {
    (0..lines).map(|k| 1.0 + (k * 7 % 11) as f64 / 11.0).collect()
}

/// Current into each source, at 0 V, A: of the two ways to sum it that which rounding harms less.
pub(super) fn source_currents(crossbar: &LinearCrossbar, word: &[f64], bit: &[f64]) -> Vec<f64> {
    let (m, n, g) = (crossbar.rows(), crossbar.columns(), crossbar.conductances());
    let s = Segments::of(crossbar);
    let largest = word.iter().chain(bit).fold(0.0f64, |t, v| t.max(v.abs()));
    (0..m)
        .map(|i| {
            let (w, b) = (&word[i * n..(i + 1) * n], &bit[i * n..(i + 1) * n]);
            let cells = || g.row(i).iter().zip(w.iter().zip(b));
            let rounding: f64 = cells().map(|(g, (w, b))| g * (w.abs() + b.abs())).sum();
            if (s.first_word + s.end_word) * largest < rounding {
                s.first_word * w[0] + s.end_word * w[n - 1]
            } else {
                cells().map(|(g, (w, b))| g * (b - w)).sum()
            }
        })
        .collect()
}

/// Voltages where one kind of segment is cut, so that nothing flows to ground: bit-line nodes stand at their word line's
/// voltage, or everything at 0 V.
pub(super) fn cut_voltages(crossbar: &LinearCrossbar, sources: &[f64], word: &mut [f64], bit: &mut [f64]) {
    let (n, cut) = (crossbar.columns(), crossbar.wires().word_ohm == f64::INFINITY);
    for (i, v) in sources.iter().enumerate() {
        let v = if cut { 0.0 } else { *v };
        word[i * n..(i + 1) * n].fill(v);
        bit[i * n..(i + 1) * n].fill(v);
    }
}
