//! `neurohm crossbar solve`: currents, node voltages and the effective matrix of an array with its wires.

mod approximate;
mod shown;

use std::path::PathBuf;
use std::time::Instant;

use approximate::{ApproximateOptions, Approximated};
use neurohm::array::wires::{
    Effective, Eliminated, LinearCrossbar, Solution, Verified, WireError, Wires, Workspace,
};
use neurohm::num::{Rows, ShapeError, Silent, Watch};
use neurohm::study::{ArrayFile, Arrays};
use serde_json::json;
pub use shown::meaning;

use super::cells::CellOptions;
use super::circuit::{Circuit, CircuitOptions};
use super::memory;
use super::nonlinear;
use crate::commands::carry_out;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm crossbar solve --resistance R.npy --voltages V.npy --word-line-ohm 1 --bit-line-ohm 0.5 --out DIR
  neurohm crossbar solve --conductance G.npy --word-line-ohm 1 --bit-line-ohm 1 --effective --out DIR
  neurohm crossbar solve --conductance G.npy --voltages V.npy --word-line-ohm 1 --bit-line-ohm 1 --cell sinh --nonlinearity 3.0
  neurohm crossbar solve --conductance G.npy --effective --word-line-ohm 1 --bit-line-ohm 1 --compare-approximations

Writes currents.npy (inputs, columns); with --node-voltages word_line_v.npy and bit_line_v.npy (rows,
columns, inputs); with --effective w_eff.npy (columns, rows), of which currents = voltages.T @ w_eff.T; and
solve.json, what is printed. Sources drive the first column's side, grounds lie behind the last row.")]
pub struct Solve {
    #[command(flatten)]
    circuit: CircuitOptions,
    #[command(flatten)]
    cells: CellOptions,
    /// Voltages of the sources, V: a .npy file of (rows, inputs) or (rows,)
    #[arg(long, value_name = "FILE.npy", required_unless_present = "effective")]
    voltages: Option<PathBuf>,
    /// Write the voltages of all nodes too
    #[arg(long, requires = "voltages")]
    node_voltages: bool,
    /// Write the matrix from voltages to currents too, S; alone it needs no voltages
    #[arg(long)]
    effective: bool,
    /// How linear cells are solved: by elimination, once for all inputs; by conjugate gradients, anew for each; or whichever is
    /// expected to be faster, and fits into memory
    #[arg(long, value_name = "METHOD", default_value = "auto")]
    method: Method,
    /// Write into DIR, made if need be [default: named after the cells; with --json: nothing is written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    approximate: ApproximateOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Method {
    Auto,
    Eliminate,
    Iterate,
}

/// What the program takes without any array, bytes, measured.
const PROGRAM_BYTES: u64 = 24 << 20;
/// Most bytes of node voltages that are held at a time; more inputs come in batches.
const BATCH_BYTES: u64 = 512 << 20;

/// An array solved, and how well.
#[derive(Default)]
pub struct Solved {
    /// Currents into the grounds, A, inputs x columns.
    pub currents: Vec<f64>,
    /// The matrix of linear cells.
    pub effective: Option<Effective>,
    /// The part of the currents that wires cost where all sources have the same voltage, by the exact matrix.
    pub lost: Option<f64>,
    pub checks: Checks,
    /// Steps of conjugate gradients over all inputs, and of the input that took most, where they solved it.
    pub iterated: Option<(u64, u32)>,
    /// Of other cells.
    pub newton: Option<NewtonSteps>,
    /// Approximations held against the matrix of linear cells, and which of them stands in its place.
    pub approximated: Approximated,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// How the voltages of non-linear cells were found.
#[derive(Default)]
pub struct NewtonSteps {
    /// Over all inputs.
    pub steps: u64,
    /// Of the input that took most.
    pub most: u32,
    /// Threshold selectors that were on, of the input with most.
    pub switched_on: usize,
}

/// Properties of a solution, worst over the inputs that were checked.
#[derive(Default)]
pub struct Checks {
    pub kcl: Option<f64>,
    pub balance: Option<f64>,
    pub reciprocity: Option<f64>,
    pub inputs: usize,
}

pub fn solve(options: &Solve, terminal: &Terminal) -> Result<(), Failure> {
    let started = Instant::now();
    let circuit = &options.circuit;
    let files = circuit.open(options.voltages.as_deref())?;
    let (rows, columns, inputs) = (files.rows, files.columns, files.inputs);
    let wires = circuit.wires();
    let cells = options.cells.nonlinear(rows)?;
    if cells.is_some() && options.effective {
        return Err(Failure::request(
            "cells that are not linear have no effective matrix: their currents are no W V",
        )
        .help("take --effective out, or give the conductances at one voltage with --cell linear"));
    }
    options.approximate.check(cells.is_some(), options.node_voltages, options.method == Method::Iterate)?;
    let iterable = cells.is_none() && !options.effective && inputs > 0 && !options.approximate.any();
    if options.method == Method::Iterate && !iterable {
        let message =
            "--method iterate finds currents of linear cells for given voltages, and no effective matrix";
        return Err(Failure::request(message).help("give --voltages, and take --effective and --cell out"));
    }
    // Where memory does not suffice for elimination, iteration may do with less.
    let keep = match way_back(options, wires, [rows, columns], inputs) {
        Err(_)
            if iterable && options.method != Method::Eliminate && fits(options, [rows, columns], inputs) =>
        {
            None
        }
        found => Some(found?),
    };
    let name = format!("crossbar-{}", carry_out::stem(&circuit.name().to_string_lossy()));
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let mut arrays = folder.map(Arrays::new);
    let Circuit { g, v } = circuit.read(files)?;
    let crossbar = LinearCrossbar::new(matrix(&g, rows, columns)?, wires)?;
    let progress = Progress::new(terminal);
    let solving = Instant::now();
    let mut nodes = if options.node_voltages { arrays.as_mut() } else { None };
    let voltages = matrix(&v, inputs, rows)?;
    // Where rounding ends conjugate gradients too early, elimination has all digits.
    let iterated = if iterable && iterates(&crossbar, options.method, inputs, keep) {
        iterate(&crossbar, voltages, nodes.as_deref_mut(), options, &progress)?
    } else {
        None
    };
    let mut solved = match &cells {
        None if iterated.is_some() => iterated.unwrap_or_default(),
        None => {
            let keep = match keep {
                Some(keep) => keep,
                None => way_back(options, wires, [rows, columns], inputs)?,
            };
            linear(&crossbar, voltages, keep, nodes, options, &progress)?
        }
        Some(cells) => {
            let batch = batch(options, [rows, columns], inputs);
            nonlinear::solve(&crossbar, cells, voltages, batch, nodes, &progress)?
        }
    };
    solved.lost = solved.effective.as_ref().and_then(|w| shown::lost(&crossbar, w));
    options.approximate.apply(&crossbar, voltages, &mut solved)?;
    solved.notes.extend(super::cut(&crossbar));
    let solve_s = solving.elapsed().as_secs_f64();
    progress.finish();

    let mut files = Vec::new();
    let mut summary = shown::summary(options, &crossbar, inputs, &solved);
    if let Some(mut arrays) = arrays {
        if inputs > 0 {
            arrays.write("currents.npy", &[inputs, columns], &solved.currents)?;
        }
        if let (true, Some(effective)) = (options.effective, &solved.effective) {
            arrays.write("w_eff.npy", &[columns, rows], &effective.w)?;
        }
        summary["solve_s"] = json!(solve_s);
        summary["wall_s"] = json!(started.elapsed().as_secs_f64());
        files = arrays.finish("solve.json", summary.clone())?;
        let shown: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        terminal.tell(&format!("Wrote {}.", shown.join(", ")));
    }
    let wall_s = started.elapsed().as_secs_f64();
    if terminal.json() {
        summary["solve_s"] = json!(solve_s);
        summary["wall_s"] = json!(wall_s);
        summary["files"] = files.iter().map(|file| file.display().to_string()).collect();
        terminal.print_json(&summary)
    } else {
        terminal.print(&shown::shown(&crossbar, inputs, &solved, [solve_s, wall_s], terminal))
    }
}

pub fn matrix(values: &[f64], rows: usize, columns: usize) -> Result<Rows<'_, f64>, Failure> {
    Rows::new(values, rows, columns).map_err(|e: ShapeError| Failure::failed(e.to_string()))
}

/// Bytes at the peak; with `keep` for a way back to the nodes of one input at a time.
pub fn bytes([rows, columns]: [usize; 2], wires: Wires, inputs: usize, keep: bool) -> u64 {
    let (m, n, inputs) = (rows as u64, columns as u64, inputs as u64);
    let cells = m.saturating_mul(n);
    let inside = match (wires.word_ohm > 0.0, wires.bit_ohm > 0.0) {
        (true, true) if keep => LinearCrossbar::bytes(rows, columns, true),
        // Blocks at work on other threads: measured at 256 to 2048 cells a side with up to 4.
        (true, true) => {
            let doublings = u64::from(rayon::current_num_threads().max(1).ilog2());
            LinearCrossbar::bytes(rows, columns, false) / 10 * (10 + 3 * doublings)
        }
        // Closed forms: a dense system of the lines that have no resistance.
        (false, _) => 16 * m.saturating_mul(m) + 16 * cells,
        (true, false) => 16 * n.saturating_mul(n) + 24 * cells,
    };
    let planes = if keep { 32 * cells } else { 0 };
    inside
        .saturating_add(PROGRAM_BYTES + 24 * cells + planes)
        .saturating_add(inputs.saturating_mul(24 * m + 8 * n))
}

/// Whether there is a way back to node voltages: where memory suffices. Without it the currents are the same, and conjugate
/// gradients check them.
fn way_back(options: &Solve, wires: Wires, size: [usize; 2], inputs: usize) -> Result<bool, Failure> {
    let limit = memory::limit(options.circuit.max_memory);
    if bytes(size, wires, inputs, true) <= limit {
        return Ok(true);
    }
    let need = |m: usize, n: usize| bytes([m, n], wires, inputs, options.node_voltages);
    let alone = bytes(size, wires, inputs, false) <= limit;
    let less = if options.node_voltages && alone { "; without --node-voltages this one does" } else { "" };
    memory::check(size, options.circuit.max_memory, need, less)?;
    Ok(false)
}

/// Solves an array of linear cells: by elimination once, for any inputs. With `keep` there is memory for a way back to the nodes.
fn linear(
    crossbar: &LinearCrossbar,
    inputs: Rows<f64>,
    keep: bool,
    nodes: Option<&mut Arrays>,
    options: &Solve,
    watch: &dyn Watch,
) -> Result<Solved, Failure> {
    let workspace = Workspace::default();
    let cells = (crossbar.rows() * crossbar.columns()) as u64;
    // A volt at every source, where nobody gave voltages.
    let ones = vec![1.0; crossbar.rows()];
    let probes = if inputs.rows() > 0 { inputs } else { matrix(&ones, 1, ones.len())? };
    let mut checks = Checks { inputs: inputs.rows(), ..Checks::default() };
    watch.begin("eliminating", Some(cells));
    // Where wires matter little, conjugate gradients check at a small part of what the way back takes.
    let back = nodes.is_some() || (keep && !crossbar.iterates_faster(VERIFY_AT));
    if !back {
        let effective = crossbar.effective(&workspace, watch)?;
        let verified = crossbar.verify(probes, &effective.currents(probes)?, &Silent(watch));
        match verified {
            // Rounding ended them too early: the way back tells.
            Err(WireError::TooStiff | WireError::Residual { .. }) if keep => {
                watch.begin("eliminating", Some(cells))
            }
            found => {
                let mut notes = Vec::new();
                match found {
                    Err(WireError::TooStiff | WireError::Residual { .. }) => {
                        checks.inputs = 0;
                        notes.push(UNCHECKED.to_owned());
                    }
                    found => checks.verified(&found?),
                }
                let currents = effective.currents(inputs)?;
                return Ok(Solved {
                    currents,
                    effective: Some(effective),
                    checks,
                    notes,
                    ..Solved::default()
                });
            }
        }
    }
    let eliminated = crossbar.eliminate(&workspace, watch)?;
    watch.step(0).map_err(WireError::from)?;
    checks.verified(&eliminated.verify(probes, &eliminated.effective().currents(probes)?)?);
    if let Some(arrays) = nodes {
        write_nodes(&eliminated, inputs, arrays, options, &mut checks, watch)?;
    }
    let effective = eliminated.effective().clone();
    let currents = effective.currents(inputs)?;
    Ok(Solved { currents, effective: Some(effective), checks, ..Solved::default() })
}

/// Inputs for which conjugate gradients would still be faster than elimination, if they are to check it: two solutions at a quarter of
/// its time.
const VERIFY_AT: usize = 8;

const UNCHECKED: &str = "Kirchhoff's law was not checked: memory does not suffice for node voltages, and wires matter too \
    little or too much for conjugate gradients. Results are the same without.";

/// Bytes of conjugate gradients for a batch of one input on each thread.
fn iteration_bytes([rows, columns]: [usize; 2], inputs: usize) -> u64 {
    let cells = (rows as u64).saturating_mul(columns as u64);
    let threads = rayon::current_num_threads().min(inputs) as u64;
    // Conductances and factors once; voltages, residuals and directions for each input at work.
    PROGRAM_BYTES.saturating_add(cells.saturating_mul(8 * (7 + 10 * threads)))
}

fn fits(options: &Solve, size: [usize; 2], inputs: usize) -> bool {
    iteration_bytes(size, inputs) <= memory::limit(options.circuit.max_memory)
}

/// Whether conjugate gradients are the method.
fn iterates(crossbar: &LinearCrossbar, method: Method, inputs: usize, keep: Option<bool>) -> bool {
    match method {
        Method::Eliminate => false,
        Method::Iterate => true,
        // Reciprocity takes one solution more.
        Method::Auto => (keep.is_none() && crossbar.can_iterate()) || crossbar.iterates_faster(inputs + 1),
    }
}

/// Largest difference between the two ways through an array that are still a solution.
const RECIPROCAL: f64 = 1e-9;

/// What conjugate gradients could not solve, and what can.
fn ended_early(error: WireError) -> Failure {
    match error {
        WireError::Residual { .. } => Failure::failed(error.to_string()).help(super::ELIMINATE),
        other => other.into(),
    }
}

/// Solves an array of linear cells by conjugate gradients, input by input; none where these end too early and nobody asked for
/// them.
fn iterate(
    crossbar: &LinearCrossbar,
    inputs: Rows<f64>,
    nodes: Option<&mut Arrays>,
    options: &Solve,
    watch: &dyn Watch,
) -> Result<Option<Solved>, Failure> {
    let (rows, columns, sets) = (crossbar.rows(), crossbar.columns(), inputs.rows());
    let shape = [rows, columns, sets];
    watch.begin("solving", Some(sets as u64));
    let asked = options.method == Method::Iterate;
    // The strongest input says whether this is the way, and how exact it is.
    let strongest = strongest(inputs);
    let first = match crossbar.iterate(inputs.slice(strongest, 1), &Silent(watch)) {
        Err(WireError::Residual { .. }) if !asked => return Ok(None),
        found => found.map_err(ended_early)?.0,
    };
    let reciprocity =
        crossbar.iterated_reciprocity(inputs.row(strongest), &first.currents, &Silent(watch))?;
    if reciprocity.is_nan() || reciprocity > RECIPROCAL {
        if !asked {
            return Ok(None);
        }
        let what = "the difference between the currents from sources to grounds and the other way";
        return Err(ended_early(WireError::Residual { what, value: reciprocity, limit: RECIPROCAL }));
    }
    let mut checks = Checks { reciprocity: Some(reciprocity), ..Checks::default() };
    let mut files = match nodes {
        Some(arrays) => {
            vec![arrays.begin("word_line_v.npy", &shape)?, arrays.begin("bit_line_v.npy", &shape)?]
        }
        None => Vec::new(),
    };
    let mut currents = Vec::with_capacity(sets * columns);
    let (mut steps, mut most) = (0, 0);
    let batch = batch(options, [rows, columns], sets).min(rayon::current_num_threads());
    for first in (0..sets).step_by(batch) {
        let count = batch.min(sets - first);
        let (solution, taken) = crossbar.iterate(inputs.slice(first, count), watch).map_err(ended_early)?;
        checks.take(&solution, count);
        for (file, planes) in files.iter_mut().zip([&solution.word_v, &solution.bit_v]) {
            put(file, planes, shape, first)?;
        }
        currents.extend(solution.currents);
        steps += taken.iter().map(|s| u64::from(*s)).sum::<u64>();
        most = taken.into_iter().fold(most, u32::max);
    }
    files.into_iter().try_for_each(ArrayFile::end)?;
    let iterated = Some((steps, most));
    Ok(Some(Solved { currents, checks, iterated, ..Solved::default() }))
}

/// The input with the largest voltages.
fn strongest(inputs: Rows<f64>) -> usize {
    let square = |input: usize| inputs.row(input).iter().map(|v| v * v).sum::<f64>();
    (0..inputs.rows()).max_by(|a, b| square(*a).total_cmp(&square(*b))).unwrap_or(0)
}

impl Checks {
    fn take(&mut self, solution: &Solution, inputs: usize) {
        self.worst(solution.kcl, solution.balance, inputs);
    }

    fn verified(&mut self, found: &Verified) {
        self.worst(found.kcl, found.balance, 0);
        self.reciprocity = Some(found.reciprocity);
    }

    pub fn worst(&mut self, kcl: f64, balance: f64, inputs: usize) {
        let worse = |before: Option<f64>, now: f64| Some(before.map_or(now, |b| b.max(now)));
        self.kcl = worse(self.kcl, kcl);
        self.balance = worse(self.balance, balance);
        self.inputs += inputs;
    }
}

/// Writes the voltages of all nodes, rows x columns x inputs, a batch of inputs at a time.
fn write_nodes(
    eliminated: &Eliminated,
    inputs: Rows<f64>,
    arrays: &mut Arrays,
    options: &Solve,
    checks: &mut Checks,
    watch: &dyn Watch,
) -> Result<(), Failure> {
    let Effective { rows, columns, .. } = *eliminated.effective();
    let sets = inputs.rows();
    let shape = [rows, columns, sets];
    let mut files = [arrays.begin("word_line_v.npy", &shape)?, arrays.begin("bit_line_v.npy", &shape)?];
    let batch = batch(options, [rows, columns], sets);
    watch.begin("node voltages", Some(sets as u64));
    for first in (0..sets).step_by(batch) {
        let count = batch.min(sets - first);
        let solution = eliminated.solve(inputs.slice(first, count))?;
        checks.take(&solution, 0);
        for (file, planes) in files.iter_mut().zip([&solution.word_v, &solution.bit_v]) {
            put(file, planes, [rows, columns, sets], first)?;
        }
        watch.step(count as u64).map_err(WireError::from)?;
    }
    files.into_iter().try_for_each(ArrayFile::end)?;
    Ok(())
}

/// Inputs whose node voltages are held at a time.
fn batch(options: &Solve, size: [usize; 2], sets: usize) -> usize {
    let used = bytes(size, options.circuit.wires(), sets, true);
    let left = memory::limit(options.circuit.max_memory).saturating_sub(used);
    // Voltages lie once in the solution, and about once on the way to it.
    let cells = (size[0] * size[1]) as u64;
    (left.min(BATCH_BYTES) / (32 * cells)).clamp(1, sets.max(1) as u64) as usize
}

/// Puts planes of cells, one an input from `first` on, into an array of rows x columns x inputs.
pub fn put(file: &mut ArrayFile, planes: &[f64], shape: [usize; 3], first: usize) -> Result<(), Failure> {
    let [rows, columns, sets] = shape;
    let cells = rows * columns;
    let count = planes.len() / cells;
    let mut line = vec![0.0; columns * count];
    for row in 0..rows {
        for (input, plane) in planes.chunks_exact(cells).enumerate() {
            for (column, v) in plane[row * columns..(row + 1) * columns].iter().enumerate() {
                line[column * count + input] = *v;
            }
        }
        let at = |column: usize| ((row * columns + column) * sets + first) as u64;
        if count == sets {
            file.put(at(0), &line)?;
        } else {
            for (column, values) in line.chunks_exact(count).enumerate() {
                file.put(at(column), values)?;
            }
        }
    }
    Ok(())
}
