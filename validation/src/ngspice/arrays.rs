//! Arrays: operating points of linear and non-linear cells, and a transient of cells with equations.

use neurohm_array::wires::{Access, CellLaw, Conduction, Pulsed, Saved, Wires};
use neurohm_circuit::{Circuit, Node, Options};
use neurohm_device::compact::{CellBank, Waveform, published};
use neurohm_num::{Key, Unwatched};
use serde_json::json;

use crate::agree::Check;
use crate::crossbar::{Array, Problem, apart, relative};
use crate::record::Outcome;
use crate::turns::Turns;
use crate::{Bench, Result};

/// The operating point of an array; a call is ngspice's `op` alone, and our effective matrix and its currents.
pub fn linear(bench: &mut Bench, problem: Problem) -> Result<Outcome> {
    let array = Array::new(problem);
    let line = operating_point(bench, problem, array.netlist(Saved::Nodes)?)?;
    let solution = bench.pool.install(|| array.solution())?;
    let checks = checks(problem, &line, [&solution.currents, &solution.word_v, &solution.bit_v], 1e-11);
    let Bench { peer, repeats, pool, .. } = bench;
    let turns = Turns::take(peer, *repeats, || pool.install(|| array.currents()).map(|_| ()))?;
    Ok(outcome(turns, checks).detail("chi", array.difficulty()?))
}

/// Voltages of both signs that turn selectors on.
const DRIVEN: [f64; 2] = [-0.6, 1.2];

/// The operating point of an array of non-linear cells; a call is ngspice's `op`, and our solution from rest.
pub fn nonlinear(bench: &mut Bench, [rows, columns]: [usize; 2], law: CellLaw) -> Result<Outcome> {
    let problem = Problem { volt: DRIVEN, open: 0.05, ..Problem::new(rows, columns) }.wires(2.0, 1.0);
    let array = Array::new(problem);
    let line = operating_point(bench, problem, array.nonlinear_netlist(law, Saved::Nodes)?)?;
    let solution = bench.pool.install(|| array.nonlinear(law))?;
    let checks = checks(problem, &line, [&solution.currents, &solution.word_v, &solution.bit_v], 1e-9);
    let Bench { peer, repeats, pool, .. } = bench;
    let turns = Turns::take(peer, *repeats, || pool.install(|| array.nonlinear(law)).map(|_| ()))?;
    Ok(outcome(turns, checks)
        .detail("newton_steps", solution.steps[0])
        .detail("switched_on", solution.switched_on[0])
        .detail("chi", array.difficulty()?))
}

/// Memristors of each law alone, and each selector in front of one.
pub const SINH: CellLaw = CellLaw { conduction: Conduction::Sinh { per_v: 3.0 }, access: Access::None };
pub const POLYNOMIAL: CellLaw = CellLaw {
    conduction: Conduction::Polynomial { second_per_v: 0.5, third_per_v2: 2.0 },
    access: Access::None,
};
pub const POOLE_FRENKEL: CellLaw =
    CellLaw { conduction: Conduction::PooleFrenkel { per_root_v: 1.5 }, access: Access::None };
pub const EXPONENTIAL: CellLaw =
    CellLaw { access: Access::Exponential { scale_a: 1e-9, scale_v: 0.06 }, ..SINH };
pub const DIODE: CellLaw =
    CellLaw { access: Access::Diode { saturation_a: 1e-12, scale_v: 0.04, leak_s: 1e-10 }, ..POLYNOMIAL };
pub const THRESHOLD: CellLaw = CellLaw {
    access: Access::Threshold { threshold_v: 0.5, hold_a: 1e-7, off_s: 1e-8, on_s: 1e-3 },
    ..POOLE_FRENKEL
};
pub const TRANSISTOR: CellLaw = CellLaw {
    access: Access::Transistor {
        gate_v: 1.8,
        threshold_v: 0.5,
        beta_a_per_v2: 4e-4,
        lambda_per_v: 0.05,
        off_s: 1e-12,
    },
    ..SINH
};

/// What ngspice writes for the only input.
fn operating_point(bench: &mut Bench, problem: Problem, netlist: String) -> Result<Vec<f64>> {
    bench.peer.open("crossbar", json!({"netlist": netlist}))?;
    let lines: Vec<Vec<f64>> = serde_json::from_value(bench.peer.ask("values", json!({}))?)?;
    let length = problem.columns + 2 * problem.rows * problem.columns;
    Ok(lines.into_iter().next().filter(|l| l.len() == length).ok_or("ngspice gave too little")?)
}

/// Currents and node voltages beside ngspice's.
fn checks(problem: Problem, line: &[f64], [currents, word, bit]: [&[f64]; 3], allowed: f64) -> Vec<Check> {
    let nodes = [word, bit].concat();
    let (theirs, their_nodes) = line.split_at(problem.columns);
    vec![
        Check::within("difference of currents, of the largest", relative(currents, theirs), 0.0, allowed),
        Check::within("difference of node voltages, V", apart(&nodes, their_nodes), 0.0, allowed),
    ]
}

fn outcome(turns: Turns, checks: Vec<Check>) -> Outcome {
    let (currents, nodes) = (checks[0].value, checks[1].value);
    Outcome::new(turns, checks).detail("currents", currents).detail("nodes_v", nodes)
}

/// Length of a pulse, of its edges and of the pause behind it, s.
const PULSE_S: [f64; 3] = [1e-6, 2e-8, 1e-7];
const T_K: f64 = 300.0;

/// A transient of an array of cells with equations, and the circuit that it is on our side.
struct Written {
    wires: Wires,
    rows: usize,
    columns: usize,
    cells: Box<dyn CellBank>,
    sources: Vec<Waveform>,
    t_end_s: f64,
}

impl Written {
    /// Cells of VTEAM in states of their own, under a pulse on one row that sets it, and one on all rows that resets.
    fn new(rows: usize, columns: usize) -> Result<Self> {
        let set = published().iter().find(|s| s.name == "vteam/memtorch").ok_or("no such set")?;
        let mut cells = set.dynamic().bank(rows * columns, Key::root(0))?;
        for k in 0..rows * columns {
            cells.set_state(k, &[3e-9 * (0.3 + 0.05 * (k * 7 % 11) as f64)]);
        }
        let [width_s, edge_s, gap_s] = PULSE_S;
        let period_s = width_s + 2.0 * edge_s + gap_s;
        let train = |row: usize| {
            let pulses = [if row == 1 { -0.3 } else { 0.0 }, 0.03 + 0.01 * row as f64];
            let corners = pulses.iter().enumerate().flat_map(|(number, v)| {
                let at_s = number as f64 * period_s;
                [(0.0, 0.0), (edge_s, *v), (edge_s + width_s, *v), (2.0 * edge_s + width_s, 0.0)]
                    .map(|(t_s, v)| (at_s + t_s, v))
            });
            Waveform::Points(corners.collect())
        };
        let (sources, t_end_s) = ((0..rows).map(train).collect(), 2.0 * period_s);
        Ok(Self { wires: Wires::new(4.0, 2.0), rows, columns, cells, sources, t_end_s })
    }

    fn netlist(&self) -> Result<String> {
        let pulsed = Pulsed {
            size: [self.rows, self.columns],
            wires: self.wires,
            cells: self.cells.as_ref(),
            sources: &self.sources,
            grounds: &[],
            t_end_s: self.t_end_s,
            max_step_s: self.t_end_s / 2e3,
            t_k: T_K,
        };
        Ok(pulsed.spice(Saved::Currents)?)
    }

    /// The same array as nodes, resistors and a bank.
    fn circuit(&self) -> Result<(Circuit, Vec<Node>, neurohm_circuit::Bank)> {
        let (m, n) = (self.rows, self.columns);
        let mut circuit = Circuit::new();
        let cell_nodes: Vec<(Node, Node)> =
            (0..m * n).map(|_| (circuit.node("word"), circuit.node("bit"))).collect();
        let mut last = Vec::new();
        for (i, wave) in self.sources.iter().enumerate() {
            let Waveform::Points(points) = wave else { return Err("sources are made of points".into()) };
            let (times, values): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
            let mut before = circuit.node("source");
            circuit.drive(before, neurohm_circuit::Waveform::samples(&times, &values)?)?;
            for j in 0..n {
                let (word, bit) = cell_nodes[i * n + j];
                circuit.resistor(before, word, self.wires.word_ohm)?;
                before = word;
                let below = if i + 1 < m { cell_nodes[(i + 1) * n + j].1 } else { Circuit::GROUND };
                circuit.resistor(bit, below, self.wires.bit_ohm)?;
                if i + 1 == m {
                    last.push(bit);
                }
            }
        }
        let bank = circuit.bank(self.cells.snapshot(), &cell_nodes)?;
        circuit.set_options(Options {
            relative_tolerance: 1e-6,
            voltage_tolerance_v: 1e-9,
            max_step_s: Some(self.t_end_s / 2e3),
            temperature_k: T_K,
            ..Options::default()
        })?;
        Ok((circuit, last, bank))
    }

    /// Times, the currents of the bit lines, and the states at the end.
    fn ours(&self) -> Result<(Vec<f64>, Vec<Vec<f64>>, Vec<f64>)> {
        let (mut circuit, last, bank) = self.circuit()?;
        let (mut times, mut currents) = (Vec::new(), vec![Vec::new(); last.len()]);
        circuit.transient(self.t_end_s, &Unwatched, |t_s, solution| {
            times.push(t_s);
            for (line, node) in currents.iter_mut().zip(&last) {
                line.push(solution.voltage_v(*node) / self.wires.bit_ohm);
            }
        })?;
        Ok((times, currents, circuit.cells(bank).state().to_vec()))
    }
}

/// A value between samples.
fn between(times: &[f64], values: &[f64], t_s: f64) -> f64 {
    let k = times.partition_point(|t| *t < t_s).clamp(1, times.len() - 1);
    let part = ((t_s - times[k - 1]) / (times[k] - times[k - 1])).clamp(0.0, 1.0);
    values[k - 1] + (values[k] - values[k - 1]) * part
}

/// Pulses on an array of cells with equations and lines with resistance, beside `neurohm-circuit`; a call is ngspice's
/// `tran`, and our transient with the same longest step.
pub fn written(bench: &mut Bench, rows: usize, columns: usize) -> Result<Outcome> {
    let case = Written::new(rows, columns)?;
    let step_s = case.t_end_s / 2e3;
    bench
        .peer
        .open("pulses", json!({"netlist": case.netlist()?, "span_s": case.t_end_s, "step_s": step_s}))?;
    let lines: Vec<Vec<f64>> = serde_json::from_value(bench.peer.ask("values", json!({}))?)?;
    let (times, currents, states) = case.ours()?;
    let last =
        lines.last().filter(|l| l.len() == 1 + columns + rows * columns).ok_or("ngspice gave too little")?;
    let full = currents.iter().flatten().fold(0.0f64, |top, i| top.max(i.abs()));
    let mut off = 0.0f64;
    for line in &lines {
        for (column, ours) in currents.iter().enumerate() {
            off = off.max((between(&times, ours, line[0]) - line[1 + column]).abs() / full);
        }
    }
    let span = 3e-9;
    let states_off = apart(&states, &last[1 + columns..]) / span;
    let moved = apart(&states, case.cells.state()) / span;
    let Bench { peer, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || case.ours().map(|_| ()))?;
    let checks = vec![
        Check::within("difference of currents over time, of full scale", off, 0.0, 1e-3),
        Check::within("difference of states at the end, of their range", states_off, 0.0, 1e-4),
        Check::within("the largest move of a state, of its range", moved, 0.1, 1.0),
    ];
    Ok(Outcome::new(turns, checks)
        .detail("currents", off)
        .detail("states", states_off)
        .detail("moved", moved)
        .detail("our_steps", times.len() - 1)
        .detail("ngspice_steps", lines.len() - 1))
}
