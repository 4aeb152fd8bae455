//! Section 2 in prose: what a crossbar does in one time step.
//!
//! The words are of complexity; a circuit has times. A crossbar of n rows is driven by a step of voltage, its columns
//! have the capacitance of n crosspoints, and the time after which the slowest column is within a thousandth of its end
//! is compared between sizes.

use neurohm_circuit::{Circuit, CircuitError, Options, Waveform};
use neurohm_device::compact::{Dynamic, Vteam};
use neurohm_lab::LabError;
use neurohm_num::{Key, Purpose, Watch, stats};
use rayon::prelude::*;

use crate::claim::{Claim, Rule, review};
use crate::{Effort, Entry, Evidence, Setting, ends};

/// Capacitance of a crosspoint, F: sets the scale of times, and no ratio of them.
const CROSSPOINT_F: f64 = 1e-15;
/// Conductances, S, drawn evenly in between.
const RANGE_S: [f64; 2] = [1e-6, 20e-6];
/// Input resistance of an amplifier that takes a column's current, ohm.
const AMPLIFIER_OHM: f64 = 1e3;
/// Rows of the small and of the large crossbar.
const SIZES: [usize; 2] = [8, 64];

const LATER: &str = "no study of compressed sensing stands here yet";

pub(crate) const ENTRY: Entry = Entry {
    figure: "s2",
    title: "In-memory computing: what takes one time step",
    about: "Times of circuits instead of orders of complexity: how much longer a crossbar with eight times the rows and \
            columns takes to settle, on ideal wires and over draws of its conductances, and how many pulses an update of all its cells takes.",
    claims: &[
        Claim {
            key: "product",
            claim: "A product takes a constant time step: settling of columns that are read as voltages, 64 rows over 8",
            published: review("in constant time step"),
            unit: "1",
            rule: Rule::Between(0.75, 1.33),
        },
        Claim {
            key: "product_current",
            claim: "The same with columns that are read as currents, by amplifiers of 1 kohm",
            published: review("in constant time step"),
            unit: "1",
            rule: Rule::Between(0.75, 1.33),
        },
        Claim {
            key: "compression",
            claim: "Compression of N numbers to N/2 takes O(1): settling with N = 64 over N = 8",
            published: review("O(1)"),
            unit: "1",
            rule: Rule::Between(0.75, 1.33),
        },
        Claim {
            key: "recovery",
            claim: "Recovery by message passing costs O(N) instead of O(MN)",
            published: review("from O(MN) to O(N)"),
            unit: "1",
            rule: Rule::NotComparable(LATER),
        },
        Claim {
            key: "update",
            claim: "An update of all cells in place takes O(1): one pulse on rows and columns moves each of 256 cells as it \
                    moves a lone one (largest difference, of the change)",
            published: review("O(1)"),
            unit: "1",
            rule: Rule::AtMost(1e-3),
        },
    ],
    run,
};

fn failed(source: CircuitError) -> LabError {
    match source {
        CircuitError::Cancelled(cancelled) => LabError::Cancelled(cancelled),
        source => LabError::Circuit { device: 0, source: Box::new(source), until: Box::default() },
    }
}

/// Time until every column is within a thousandth of its end, s.
fn settling_s(
    rows: usize,
    columns: usize,
    amplifier_ohm: Option<f64>,
    key: Key,
    watch: &dyn Watch,
) -> Result<f64, LabError> {
    let stream = key.stream(Purpose::Data, (rows * columns) as u64);
    let mut circuit = Circuit::new();
    // An amplifier sees millivolts: a thousandth of them must be resolved.
    let options = Options { relative_tolerance: 1e-7, voltage_tolerance_v: 1e-9, ..Options::default() };
    circuit.set_options(options).map_err(failed)?;
    let row_nodes: Vec<_> = (0..rows).map(|n| circuit.node(&format!("row {n}"))).collect();
    for (n, node) in row_nodes.iter().enumerate() {
        let part = 0.5 + 0.5 * f64::from(stream.uniform(n as u64));
        circuit.drive(*node, Waveform::constant(0.1 * part)).map_err(failed)?;
    }
    let mut slowest_s = 0.0_f64;
    let mut nodes = Vec::new();
    for column in 0..columns {
        let node = circuit.node(&format!("column {column}"));
        let mut total_s = amplifier_ohm.map_or(0.0, |r| 1.0 / r);
        for (n, row) in row_nodes.iter().enumerate() {
            let part = f64::from(stream.uniform((rows * (column + 1) + n) as u64));
            let g_s = RANGE_S[0] + (RANGE_S[1] - RANGE_S[0]) * part;
            circuit.resistor(*row, node, 1.0 / g_s).map_err(failed)?;
            total_s += g_s;
        }
        if let Some(ohm) = amplifier_ohm {
            circuit.resistor(node, Circuit::GROUND, ohm).map_err(failed)?;
        }
        let farad = CROSSPOINT_F * rows as f64;
        circuit.capacitor(node, Circuit::GROUND, farad).map_err(failed)?;
        slowest_s = slowest_s.max(farad / total_s);
        nodes.push(node);
    }
    // Twenty time constants of the slowest column are its end to two parts in a billion.
    let mut trace: Vec<(f64, Vec<f64>)> = Vec::new();
    let all = |solution: &neurohm_circuit::Solution| nodes.iter().map(|n| solution.voltage_v(*n)).collect();
    circuit
        .transient(20.0 * slowest_s, watch, |t_s, solution| trace.push((t_s, all(solution))))
        .map_err(failed)?;
    let Some((_, end)) = trace.last() else { return Ok(f64::NAN) };
    let away = |v: &[f64]| v.iter().zip(end).map(|(v, e)| ((v - e) / e).abs()).fold(0.0, f64::max);
    // Linear in the logarithm between the samples on both sides.
    let settled = trace.iter().rposition(|(_, v)| away(v) > 1e-3).unwrap_or(0);
    let ((t0, v0), (t1, v1)) = (&trace[settled], &trace[settled + 1]);
    let (a, b) = (libm::log(away(v0)), libm::log(away(v1).max(1e-12)));
    Ok(t0 + (t1 - t0) * (a - libm::log(1e-3)) / (a - b))
}

/// Largest difference between what one pulse on all rows and columns does to a cell of an `n` x `n` crossbar and what the
/// same voltage does to a lone cell, of the latter.
fn update(n: usize, watch: &dyn Watch) -> Result<f64, LabError> {
    let model = Dynamic::Vteam(Vteam::memtorch());
    let (width_s, key) = (1e-9, Key::root(1));
    // Half of the voltage from the row, half from the column: SET is negative in this model. Rows and columns differ in
    // height, so each cell takes its own step.
    let half = |i: usize| -0.15 - 0.1 * i as f64 / n as f64;
    let mut circuit = Circuit::new();
    let [rows, columns] = ["row", "column"]
        .map(|name| (0..n).map(|i| circuit.node(&format!("{name} {i}"))).collect::<Vec<_>>());
    for i in 0..n {
        circuit.drive(rows[i], Waveform::constant(half(i))).map_err(failed)?;
        circuit.drive(columns[i], Waveform::constant(-half(i))).map_err(failed)?;
    }
    let at: Vec<_> = (0..n * n).map(|k| (rows[k / n], columns[k % n])).collect();
    let bank = circuit.bank(model.bank(n * n, key)?, &at).map_err(failed)?;
    circuit.transient(width_s, watch, |_, _| ()).map_err(failed)?;
    let states = circuit.cells(bank).state().to_vec();
    let mut worst = 0.0_f64;
    for (k, state) in states.iter().enumerate() {
        let mut lone = Circuit::new();
        let node = lone.node("cell");
        lone.drive(node, Waveform::constant(half(k / n) + half(k % n))).map_err(failed)?;
        let one = lone.bank(model.bank(1, key)?, &[(node, Circuit::GROUND)]).map_err(failed)?;
        let before = lone.cells(one).state()[0];
        lone.transient(width_s, watch, |_, _| ()).map_err(failed)?;
        let after = lone.cells(one).state()[0];
        worst = worst.max(((state - after) / (after - before)).abs());
    }
    Ok(worst)
}

fn run(setting: &Setting) -> Result<Evidence, LabError> {
    let draws: u64 = if setting.effort == Effort::Quick { 32 } else { 256 };
    setting.watch.begin("section 2", Some(3 * draws));
    let mut evidence = Evidence::default();
    let mut times = |name, narrow: usize, amplifier| -> Result<(), LabError> {
        let one = |draw: u64| -> Result<f64, LabError> {
            let key = Key::root(setting.seed).child("s2", draw);
            let [small, large] = SIZES.map(|n| settling_s(n, n / narrow, amplifier, key, setting.watch));
            let ratio = large? / small?;
            setting.watch.step(1)?;
            Ok(ratio)
        };
        let ratios = (0..draws).into_par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
        let (mean, interval) = stats::mean_ci95(&ratios);
        evidence.put(name, mean, ends(interval));
        Ok(())
    };
    times("product", 1, None)?;
    times("product_current", 1, Some(AMPLIFIER_OHM))?;
    times("compression", 2, None)?;
    evidence.put("update", update(16, setting.watch)?, None);
    evidence.info(format!(
        "Conductances and voltages of a crossbar are drawn: times are means over {draws} draws with their intervals. The \
         update is one of cells with no chance in them: the largest difference of all 256 stands without an interval."
    ));
    Ok(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_num::Unwatched;

    #[test]
    fn a_column_settles_as_its_time_constant_says() {
        // One row, one column: tau = C / (g + 1/R), and ln 1000 of them.
        let key = Key::root(3);
        for (amplifier, g_most) in
            [(None, RANGE_S), (Some(AMPLIFIER_OHM), [1e-3 + RANGE_S[0], 1e-3 + RANGE_S[1]])]
        {
            let t = settling_s(1, 1, amplifier, key, &Unwatched).unwrap();
            let of = |g: f64| CROSSPOINT_F / g * 1e3_f64.ln();
            assert!((of(g_most[1]) * 0.99..=of(g_most[0]) * 1.01).contains(&t), "{t}");
        }
    }
}
