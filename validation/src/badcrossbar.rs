//! Beside badcrossbar: currents and node voltages of arrays of every shape, and how long they take.
//!
//! Small arrays are also held against nodal analysis in 50 digits, which tells whose error a difference is, and against
//! ngspice on the netlist that we write.

use neurohm_array::wires::Saved;
use serde_json::{Value, json};

use crate::agree::Check;
use crate::crossbar::{Array, Problem, apart, relative};
use crate::peer::{doubles, read_doubles};
use crate::record::Outcome;
use crate::turns::{Turns, timed};
use crate::{Bench, Case, Result};

/// How far two tools may be apart: currents, of the largest; node voltages, V.
const ALLOWED: f64 = 1e-12;
/// How far we may be from the truth.
const EXACT: f64 = 1e-14;
/// Arrays up to so many cells are held against 50 digits and ngspice.
const SMALL: usize = 512;

const DROWNED: &str = "Wires drown beside cells";

/// All cases, in the order in which they run.
pub const CASES: &[Case] = &[
    ("agree_1x1", |b| agree(b, Problem::new(1, 1))),
    ("agree_1x7", |b| agree(b, Problem::new(1, 7))),
    ("agree_7x1", |b| agree(b, Problem::new(7, 1))),
    ("agree_8x8", |b| agree(b, Problem::new(8, 8))),
    ("agree_32x16", |b| agree(b, Problem::new(32, 16))),
    ("agree_128x128", |b| agree(b, Problem::new(128, 128))),
    ("agree_256x64", |b| agree(b, Problem::new(256, 64))),
    ("agree_open_cells", |b| agree(b, Problem { open: 0.2, ..Problem::new(16, 24) })),
    ("agree_six_decades", |b| agree(b, Problem { ohm: [1e2, 1e8], ..Problem::new(16, 24) })),
    ("agree_signed_voltages", |b| agree(b, Problem { volt: [-0.3, 0.3], ..Problem::new(16, 24) })),
    ("agree_unequal_wires", |b| agree(b, Problem::new(16, 24).wires(5.0, 0.2))),
    ("agree_wires_of_10_mohm", |b| agree(b, Problem::new(16, 24).wires(1e-2, 1e-2))),
    ("agree_wires_of_1_mohm", |b| agree(b, Problem::new(16, 24).wires(1e-3, 1e-3))),
    ("agree_wires_of_1_uohm", |b| agree(b, Problem::new(16, 24).wires(1e-6, 1e-6))),
    ("agree_wires_of_1_nohm", |b| agree(b, Problem::new(16, 24).wires(1e-9, 1e-9))),
    ("agree_wires_of_1_mega_ohm", |b| agree(b, Problem::new(16, 24).wires(1e6, 1e6))),
    ("agree_wires_of_1_giga_ohm", |b| drowned(b, Problem::new(16, 24).wires(1e9, 1e9))),
    ("agree_wires_far_apart", |b| agree(b, Problem::new(16, 24).wires(1e-6, 1e6))),
    ("agree_word_lines_of_zero", |b| agree(b, Problem::new(16, 24).wires(0.0, 1.0))),
    ("agree_bit_lines_of_zero", |b| agree(b, Problem::new(16, 24).wires(1.0, 0.0))),
    ("agree_no_resistance", |b| agree(b, Problem::new(16, 24).wires(0.0, 0.0))),
    ("time_64_1", |b| time(b, 64, 1)),
    ("time_64_100", |b| time(b, 64, 100)),
    ("time_128_1", |b| time(b, 128, 1)),
    ("time_128_100", |b| time(b, 128, 100)),
    ("time_256_1", |b| time(b, 256, 1)),
    ("time_256_100", |b| time(b, 256, 100)),
    ("time_512_1", |b| time(b, 512, 1)),
    ("time_512_100", |b| time(b, 512, 100)),
];

fn open(bench: &mut Bench, array: &Array) -> Result<()> {
    let Problem { rows, columns, inputs, word_ohm, bit_ohm, .. } = array.problem;
    let settings = json!({
        "r": doubles(&[rows, columns], &array.r),
        "v": doubles(&[rows, inputs], &array.v_by_line()),
        "word_ohm": word_ohm,
        "bit_ohm": bit_ohm,
    });
    bench.peer.open("crossbar", settings)
}

/// Currents, word-line and bit-line voltages of an answer.
fn answer(value: &Value) -> Result<[Vec<f64>; 3]> {
    Ok([read_doubles(&value[0])?, read_doubles(&value[1])?, read_doubles(&value[2])?])
}

/// How far an answer is from `truth`: currents, of the largest, and node voltages, V.
fn error(found: [&[f64]; 3], truth: [&[f64]; 3]) -> [f64; 2] {
    let [word, bit] = [1, 2].map(|k| apart(found[k], truth[k]));
    [relative(found[0], truth[0]), if word > bit || word.is_nan() { word } else { bit }]
}

fn agree(bench: &mut Bench, problem: Problem) -> Result<Outcome> {
    let array = Array::new(problem);
    open(bench, &array)?;
    let theirs = answer(&bench.peer.ask("solution", json!({}))?)?;
    let solution = bench.pool.install(|| array.solution())?;
    let ours = [&solution.currents[..], &solution.word_v, &solution.bit_v];
    let theirs = [&theirs[0][..], &theirs[1], &theirs[2]];
    // Name, currents and node voltages, and what is allowed.
    let mut found = vec![("badcrossbar", error(ours, theirs), ALLOWED)];
    if problem.rows * problem.columns <= SMALL {
        let truth = answer(&bench.peer.ask("truth", json!({}))?)?;
        let truth = [&truth[0][..], &truth[1], &truth[2]];
        found.push(("our_error", error(ours, truth), EXACT));
        found.push(("peer_error", error(theirs, truth), ALLOWED));
        let spice = bench.peer.ask("ngspice", json!({"netlist": array.netlist(Saved::Nodes)?}))?;
        if let Ok(lines) = serde_json::from_value::<Vec<Vec<f64>>>(spice) {
            let (n, cells) = (problem.columns, problem.rows * problem.columns);
            let line = lines.first().filter(|l| l.len() == n + 2 * cells).ok_or("ngspice gave too little")?;
            let theirs = [&line[..n], &line[n..n + cells], &line[n + cells..]];
            found.push(("ngspice", error(ours, theirs), ALLOWED));
        }
    }
    let peer_s = bench.peer.time(1)?;
    let (_, ours_s) = timed(|| bench.pool.install(|| array.currents()))?;
    let mut outcome = Outcome::new(Turns::once(peer_s, ours_s), Vec::new());
    for (name, [currents, volts], allowed) in found {
        let what = |what: &str| format!("{name}: {what}");
        outcome.checks.push(Check::within(what("currents, of the largest"), currents, 0.0, allowed));
        outcome.checks.push(Check::within(what("node voltages, V"), volts, 0.0, allowed));
        outcome =
            outcome.detail(&format!("{name}_currents"), currents).detail(&format!("{name}_nodes_v"), volts);
    }
    Ok(outcome.detail("chi", array.difficulty()?))
}

/// A case in which the peer is known to be inexact: we have to be right all the same.
fn drowned(bench: &mut Bench, problem: Problem) -> Result<Outcome> {
    let outcome = agree(bench, problem)?;
    match outcome.checks.iter().find(|c| c.what.starts_with("our_error") && !c.holds()) {
        Some(check) => {
            Err(format!("{} is {:e}, and no finding about the peer", check.what, check.value).into())
        }
        None => Ok(outcome.finding(DROWNED)),
    }
}

/// All output currents of an array as the dossier has it: 1 ohm a segment, cells of 10 uS to 1 mS. Ours finds the whole effective
/// matrix on the way where there are many inputs.
fn time(bench: &mut Bench, side: usize, inputs: usize) -> Result<Outcome> {
    let array = Array::new(Problem { inputs, ..Problem::new(side, side) });
    open(bench, &array)?;
    let theirs = answer(&bench.peer.ask("solution", json!({}))?)?;
    let ours = bench.pool.install(|| array.faster_currents())?;
    let currents = relative(&ours, &theirs[0]);
    let Bench { peer, repeats, pool, .. } = bench;
    let turns = Turns::take(peer, *repeats, || pool.install(|| array.faster_currents()).map(|_| ()))?;
    let checks = vec![Check::within("difference of currents, of the largest", currents, 0.0, ALLOWED)];
    Ok(Outcome::new(turns, checks)
        .per_call(inputs, "inputs")
        .detail("badcrossbar_currents", currents)
        .detail("chi", array.difficulty()?))
}
