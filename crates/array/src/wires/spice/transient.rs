//! Arrays of cells with equations of their own: pulses on the lines, and a transient.
//!
//! Cells whose subcircuits have the same equations are instances of one, each with its own parameters and initial states.

use std::fmt::{self, Write};

use neurohm_device::compact::{CellBank, Waveform};
use neurohm_num::Rows;
use neurohm_num::quantity::{self, Dimension};

use super::super::{LinearCrossbar, WireError, Wires};
use super::{Bit, DATA, Netlist, Saved, Word, on_lines};

/// Tolerances of the simulator, as for single devices and circuits.
const OPTIONS: &str = ".options reltol=1e-6 abstol=1e-15 vntol=1e-9";

/// Name of the subcircuit of the first cell, and of all that have the same equations.
const CELL: &str = "cell";

/// Cells with equations in an array, and the voltages of its lines over time.
#[derive(Clone, Copy)]
pub struct Pulsed<'a> {
    /// Rows (word lines) and columns (bit lines).
    pub size: [usize; 2],
    /// Resistances of the lines.
    pub wires: Wires,
    /// The cells in their present states, row by row.
    pub cells: &'a dyn CellBank,
    /// Voltage of each word line's source.
    pub sources: &'a [Waveform],
    /// Voltage of the end of each bit line; grounds where it is empty.
    pub grounds: &'a [Waveform],
    /// When it ends, s.
    pub t_end_s: f64,
    /// Longest step, s.
    pub max_step_s: f64,
    /// Ambient temperature, K.
    pub t_k: f64,
}

/// A cell as the netlist has it.
struct Instance {
    subcircuit: String,
    /// Parameters in which it differs from the subcircuit's own.
    parameters: Vec<String>,
    /// Names of its states, and the sizes by which their voltages are multiplied.
    states: Vec<(String, String)>,
}

impl Pulsed<'_> {
    /// The array as a netlist for `ngspice -b`. A control block makes the transient and writes to `crossbar.data` a line
    /// for each of its times: the time (s), the currents into the ends of the bit lines (A), with [`Saved::Nodes`] the
    /// voltages of all word-line nodes, row by row, and of all bit-line nodes, and the states of all cells, cell by cell,
    /// each in its own unit.
    ///
    /// # Errors
    /// Lines that are no circuit, another number of cells or waveforms than the array has, waveforms and times that are
    /// none, a cell that SPICE cannot say.
    pub fn spice(&self, saved: Saved) -> Result<String, WireError> {
        let [m, n] = self.size;
        // Every cell conducts something: whether a node floats does not depend on how much.
        let some = vec![1.0; m.saturating_mul(n)];
        let size = || WireError::Size { rows: m, columns: n };
        let crossbar = LinearCrossbar::new(Rows::new(&some, m, n).map_err(|_| size())?, self.wires)?;
        super::held(&crossbar)?;
        for (what, expected, found) in [
            ("cells", m * n, self.cells.len()),
            ("word lines", m, self.sources.len()),
            ("bit lines", if self.grounds.is_empty() { 0 } else { n }, self.grounds.len()),
        ] {
            if expected != found {
                return Err(WireError::Voltages { what, expected, found });
            }
        }
        self.check()?;
        let mut definitions = String::new();
        let instances = self.instances(&mut definitions)?;
        let mut text = String::with_capacity(crossbar.spice_bytes(1, saved) + 200 * m * n);
        let net = Netlist { crossbar: &crossbar, saved };
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, &net, &definitions, &instances);
        Ok(text)
    }

    fn check(&self) -> Result<(), WireError> {
        for (line, waves) in [("word", self.sources), ("bit", self.grounds)] {
            for (number, wave) in waves.iter().enumerate() {
                if let Some(problem) = wave.problem() {
                    return Err(WireError::Waveform {
                        what: format!("the waveform of {line} line {number}"),
                        problem,
                    });
                }
            }
        }
        for (what, value) in
            [("the end of the transient", self.t_end_s), ("its longest step", self.max_step_s)]
        {
            if !(value > 0.0 && value < f64::INFINITY) {
                let problem = format!("{value} s; it has to be a positive time");
                return Err(WireError::Waveform { what: what.into(), problem });
            }
        }
        Ok(())
    }

    /// Every cell, and the subcircuits that they take.
    fn instances(&self, definitions: &mut String) -> Result<Vec<Instance>, WireError> {
        let [m, n] = self.size;
        let body = |k: usize, name: &str| {
            let (row, column) = (k / n, k % n);
            self.cells.spice(k, name, self.t_k).map_err(|reason| WireError::NoSpice { row, column, reason })
        };
        let first = body(0, CELL)?;
        definitions.push_str(&first);
        let mut all = Vec::with_capacity(m * n);
        for k in 0..m * n {
            let own = body(k, CELL)?;
            let states = states(&own);
            all.push(match differences(&first, &own) {
                Some(parameters) => Instance { subcircuit: CELL.to_owned(), parameters, states },
                None => {
                    let subcircuit = format!("{CELL}{}_{}", k / n, k % n);
                    definitions.push_str(&body(k, &subcircuit)?);
                    Instance { subcircuit, parameters: Vec::new(), states }
                }
            });
        }
        Ok(all)
    }

    fn write(&self, out: &mut String, net: &Netlist, definitions: &str, cells: &[Instance]) -> fmt::Result {
        let [m, n] = self.size;
        let states = cells.first().map_or(&[][..], |cell| &cell.states);
        let names: Vec<&str> = states.iter().map(|(name, _)| name.as_str()).collect();
        let told = if names.is_empty() {
            String::new()
        } else {
            format!(", then of every cell, row by row, its state ({})", names.join(", "))
        };
        writeln!(
            out,
            "crossbar of {m} word lines and {n} bit lines, written by neurohm\n\
             * Run it with `ngspice -b` and this file's name. It makes a transient of {} and writes a line for each of its\n\
             * times to {DATA}: the time, the currents of bit lines 0 to {}{}{told}.",
            // Sums of pulses end in digits of rounding.
            quantity::format(quantity::rounded(self.t_end_s, 9), Dimension::Second),
            n - 1,
            net.nodes_told(),
        )?;
        net.head(out)?;
        writeln!(out, "* sources")?;
        for (i, wave) in self.sources.iter().enumerate() {
            writeln!(out, "V{i} s{i} 0 {}", wave.spice(self.t_end_s))?;
        }
        net.word_lines(out)?;
        writeln!(out, "* cells: states begin as the parameters NAME_start say\n{definitions}")?;
        for (k, cell) in cells.iter().enumerate() {
            let (i, j) = (k / n, k % n);
            write!(out, "XC{i}_{j} {} {} {}", Word(net, i, j), Bit(net, i, j), cell.subcircuit)?;
            cell.parameters.iter().try_for_each(|parameter| write!(out, "\n+ {parameter}"))?;
            writeln!(out)?;
        }
        net.bit_lines(out, |out, j| match self.grounds.get(j) {
            None => writeln!(out, "VO{j} g{j} 0 0"),
            Some(wave) => writeln!(out, "VO{j} g{j} 0 {}", wave.spice(self.t_end_s)),
        })?;
        let step = self.max_step_s;
        writeln!(
            out,
            "{OPTIONS}\n.control\nset wr_singlescale\nset numdgt=16\ntran {step:e} {:e} 0 {step:e} uic",
            self.t_end_s
        )?;
        let mut listed = vec![net.listed()];
        for (k, cell) in cells.iter().enumerate() {
            let (i, j) = (k / n, k % n);
            for (name, size) in &cell.states {
                writeln!(out, "let state_{name}{i}_{j} = {size}*v(xc{i}_{j}.{name})")?;
                listed.push(format!("state_{name}{i}_{j}"));
            }
        }
        writeln!(out, "wrdata {DATA} {}\nquit\n.endc\n.end", on_lines(&listed))
    }
}

/// Parameters of `own` that are not those of `first`; nothing where the two differ in more than parameters.
fn differences(first: &str, own: &str) -> Option<Vec<String>> {
    let mut differing = Vec::new();
    let (mut a, mut b) = (first.lines(), own.lines());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Some(differing),
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => {
                let parameter = |line: &str| line.strip_prefix("+ ").map(str::to_owned);
                let (a, b) = (parameter(a)?, parameter(b)?);
                if a.split('=').next() != b.split('=').next() {
                    return None;
                }
                differing.push(b);
            }
            _ => return None,
        }
    }
}

/// Names of the states of a subcircuit, and the sizes by which their voltages are multiplied.
fn states(subcircuit: &str) -> Vec<(String, String)> {
    let size = |line: &str| {
        let (name, value) = line.strip_prefix("+ ")?.split_once("_size=")?;
        Some((name.to_owned(), value.to_owned()))
    };
    subcircuit.lines().filter_map(size).collect()
}
