//! A crossbar as a netlist for ngspice, so that another simulator can be asked the same.

use std::fmt::{self, Write};

use neurohm_num::Rows;

use super::{Ends, LinearCrossbar, WireError};

mod law;
mod transient;

pub use transient::Pulsed;

/// What a netlist's control block writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Saved {
    /// The current into the ground of each bit line.
    #[default]
    Currents,
    /// After these the voltage of every cell's word-line node, row by row, and of every cell's bit-line node.
    Nodes,
}

/// File that a netlist's control block writes to.
const DATA: &str = "crossbar.data";

/// Parts on one line of a netlist's list of what it writes.
const LIST: usize = 8;

impl LinearCrossbar<'_> {
    /// The crossbar as a netlist for `ngspice -b`, for voltages of the sources, V, one input a row. A control block finds the
    /// operating point of each input and writes a line of numbers for it to `crossbar.data`; the first number of a line is
    /// ngspice's own and repeats some other, the rest are what `saved` says.
    ///
    /// Lines without resistance are one node, cells and segments that do not conduct are left out. Rows, columns and inputs count
    /// from 0.
    ///
    /// # Errors
    /// Another number of voltages than word lines or none, one that is not finite, and lines that are all cut: nothing
    /// holds their nodes at a voltage.
    pub fn spice(&self, inputs: Rows<f64>, saved: Saved) -> Result<String, WireError> {
        check(self, inputs)?;
        let mut text = String::with_capacity(self.spice_bytes(inputs.rows(), saved));
        // Writing to a string cannot fail.
        let _ = Netlist { crossbar: self, saved }.write(&mut text, inputs, &Ohmic);
        Ok(text)
    }

    /// About how long a netlist is, bytes.
    pub fn spice_bytes(&self, inputs: usize, saved: Saved) -> usize {
        let (m, n) = (self.rows(), self.columns());
        let listed = n + if saved == Saved::Nodes { 2 * m * n } else { 0 };
        (100 * m * n).saturating_add(50 * (m + n)).saturating_add(inputs.saturating_mul(30 * m + 16 * listed))
    }
}

fn check(crossbar: &LinearCrossbar, inputs: Rows<f64>) -> Result<(), WireError> {
    if inputs.cols() != crossbar.rows() || inputs.rows() == 0 {
        let found = if inputs.rows() == 0 { 0 } else { inputs.cols() };
        return Err(WireError::Voltages { what: "word lines", expected: crossbar.rows(), found });
    }
    for input in 0..inputs.rows() {
        if let Some(line) = inputs.row(input).iter().position(|v| !v.is_finite()) {
            return Err(WireError::Voltage { input, line, value: inputs.row(input)[line] });
        }
    }
    held(crossbar)
}

/// Lines that are all cut leave nodes that nothing holds at a voltage.
fn held(crossbar: &LinearCrossbar) -> Result<(), WireError> {
    let wires = crossbar.wires();
    if wires.word_ohm == f64::INFINITY && wires.bit_ohm == f64::INFINITY {
        return Err(WireError::Floating { line: "word", row: 0, column: 0 });
    }
    Ok(())
}

/// Cells of a netlist whose operating points are asked for.
trait Contents {
    /// What stands before the cells, and what they are, in comments.
    fn before(&self, out: &mut String, net: &Netlist) -> fmt::Result;

    /// The cell of conductance `g` (S, above 0) in row `i` and column `j`.
    fn cell(&self, out: &mut String, net: &Netlist, at: [usize; 2], g: f64) -> fmt::Result;

    /// Commands that make the cells those of input `input`, from the second on.
    fn alter(&self, out: &mut String, net: &Netlist, input: usize) -> fmt::Result;
}

/// Resistors.
struct Ohmic;

impl Contents for Ohmic {
    fn before(&self, out: &mut String, _net: &Netlist) -> fmt::Result {
        writeln!(out, "* cells")
    }

    fn cell(&self, out: &mut String, net: &Netlist, [i, j]: [usize; 2], g: f64) -> fmt::Result {
        resistor(out, format_args!("C{i}_{j}"), Word(net, i, j), Bit(net, i, j), 1.0 / g)
    }

    fn alter(&self, _out: &mut String, _net: &Netlist, _input: usize) -> fmt::Result {
        Ok(())
    }
}

/// Names of nodes: `s0` is the source of word line 0, `w0_1` the word-line node of its cell in column 1, `b0_1` that cell's
/// bit-line node, `g1` where the current of bit line 1 is measured. A line without segments is `w0` or `b1`.
struct Netlist<'a> {
    crossbar: &'a LinearCrossbar<'a>,
    saved: Saved,
}

/// A node by its place, written as its name.
struct Word<'a>(&'a Netlist<'a>, usize, usize);
struct Bit<'a>(&'a Netlist<'a>, usize, usize);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Word(net, i, j) = self;
        let wires = net.crossbar.wires();
        match () {
            () if wires.word_ohm > 0.0 => write!(f, "w{i}_{j}"),
            () if wires.driver_ohm > 0.0 => write!(f, "w{i}"),
            () => write!(f, "s{i}"),
        }
    }
}

impl fmt::Display for Bit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bit(net, i, j) = self;
        let wires = net.crossbar.wires();
        match () {
            () if wires.bit_ohm > 0.0 => write!(f, "b{i}_{j}"),
            () if wires.sense_ohm > 0.0 => write!(f, "b{j}"),
            () => write!(f, "g{j}"),
        }
    }
}

/// A resistor, unless no current flows through it.
fn resistor(
    out: &mut String,
    name: fmt::Arguments,
    a: impl fmt::Display,
    b: impl fmt::Display,
    ohm: f64,
) -> fmt::Result {
    if ohm < f64::INFINITY { writeln!(out, "R{name} {a} {b} {ohm:e}") } else { Ok(()) }
}

impl Netlist<'_> {
    fn write(&self, out: &mut String, inputs: Rows<f64>, contents: &dyn Contents) -> fmt::Result {
        let n = self.crossbar.columns();
        writeln!(
            out,
            "crossbar of {} word lines and {n} bit lines, written by neurohm\n\
             * Run it with `ngspice -b` and this file's name. It writes a line for each of {} inputs to {DATA}:\n\
             * a number of ngspice's own, the currents of bit lines 0 to {}{}.",
            self.crossbar.rows(),
            inputs.rows(),
            n - 1,
            self.nodes_told(),
        )?;
        self.head(out)?;
        writeln!(out, "* sources, with the voltages of input 0")?;
        for (i, v) in inputs.row(0).iter().enumerate() {
            writeln!(out, "V{i} s{i} 0 {v:e}")?;
        }
        self.word_lines(out)?;
        contents.before(out, self)?;
        self.cells().try_for_each(|(i, j, g)| contents.cell(out, self, [i, j], g))?;
        self.bit_lines(out, |out, j| writeln!(out, "VO{j} g{j} 0 0"))?;
        self.control(out, inputs, contents)
    }

    /// Row, column and conductance of the cells that conduct.
    fn cells(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let g = self.crossbar.conductances();
        let all = (0..self.crossbar.rows())
            .flat_map(move |i| g.row(i).iter().enumerate().map(move |(j, g)| (i, j, *g)));
        all.filter(|(_, _, g)| *g > 0.0)
    }

    fn nodes_told(&self) -> &'static str {
        if self.saved == Saved::Nodes {
            ", then the voltages of all word-line nodes, row by row, and of all bit-line nodes"
        } else {
            ""
        }
    }

    fn word_lines(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "* word lines: drivers D and segments W")?;
        (0..self.crossbar.rows()).try_for_each(|i| self.word_line(out, i))
    }

    /// `end` writes what stands at the end of a bit line.
    fn bit_lines(&self, out: &mut String, end: impl Fn(&mut String, usize) -> fmt::Result) -> fmt::Result {
        writeln!(out, "* bit lines: segments B, sense resistances S, and what measures their currents")?;
        (0..self.crossbar.columns()).try_for_each(|j| {
            self.bit_line(out, j)?;
            end(out, j)
        })
    }

    /// Nodes and lines, in comments.
    fn head(&self, out: &mut String) -> fmt::Result {
        let (m, w) = (self.crossbar.rows(), self.crossbar.wires());
        let ends =
            |ends: Ends, one: &str| if ends == Ends::Both { "both ends".into() } else { one.to_owned() };
        writeln!(
            out,
            "* Nodes: s0 source of word line 0; w0_1 and b0_1 word-line and bit-line node of the cell in row 0,\n\
             * column 1; g1 ground of bit line 1, behind which VO1 measures its current.\n\
             * Word lines: {} ohm a segment, {} ohm a driver, driven at {}.\n\
             * Bit lines: {} ohm a segment, {} ohm a sense amplifier, grounded at {}.",
            w.word_ohm,
            w.driver_ohm,
            ends(w.drivers, "column 0"),
            w.bit_ohm,
            w.sense_ohm,
            ends(w.grounds, &format!("row {}", m - 1)),
        )
    }

    fn word_line(&self, out: &mut String, i: usize) -> fmt::Result {
        let (n, w) = (self.crossbar.columns(), self.crossbar.wires());
        let both = w.drivers == Ends::Both;
        if w.word_ohm == 0.0 {
            if w.driver_ohm > 0.0 {
                resistor(out, format_args!("D{i}"), format_args!("s{i}"), Word(self, i, 0), w.driver_ohm)?;
                if both {
                    let (s, name) = (format_args!("s{i}"), format_args!("DF{i}"));
                    resistor(out, name, s, Word(self, i, 0), w.driver_ohm)?;
                }
            }
            return Ok(());
        }
        self.end(out, ["D", "W"], format_args!("s{i}"), "d", i, [0, 0], w.driver_ohm, w.word_ohm)?;
        for j in 1..n {
            let name = format_args!("W{i}_{j}");
            resistor(out, name, Word(self, i, j - 1), Word(self, i, j), w.word_ohm)?;
        }
        if both {
            self.end(out, ["DF", "W"], format_args!("s{i}"), "df", i, [n, n - 1], w.driver_ohm, w.word_ohm)?;
        }
        Ok(())
    }

    fn bit_line(&self, out: &mut String, j: usize) -> fmt::Result {
        let (m, w) = (self.crossbar.rows(), self.crossbar.wires());
        let both = w.grounds == Ends::Both;
        if w.bit_ohm == 0.0 {
            if w.sense_ohm > 0.0 {
                resistor(out, format_args!("S{j}"), Bit(self, 0, j), format_args!("g{j}"), w.sense_ohm)?;
                if both {
                    let (g, name) = (format_args!("g{j}"), format_args!("SF{j}"));
                    resistor(out, name, Bit(self, 0, j), g, w.sense_ohm)?;
                }
            }
        } else {
            if both {
                self.end(out, ["SF", "B"], format_args!("g{j}"), "ef", j, [0, 0], w.sense_ohm, w.bit_ohm)?;
            }
            for i in 1..m {
                let name = format_args!("B{i}_{j}");
                resistor(out, name, Bit(self, i - 1, j), Bit(self, i, j), w.bit_ohm)?;
            }
            self.end(out, ["S", "B"], format_args!("g{j}"), "e", j, [m, m - 1], w.sense_ohm, w.bit_ohm)?;
        }
        Ok(())
    }

    /// The resistance at the end of line `line` and the segment behind it: the `segment`th, at the cell `cell` of the line.
    fn end(
        &self,
        out: &mut String,
        [terminal, kind]: [&str; 2],
        at: fmt::Arguments,
        between: &str,
        line: usize,
        [segment, cell]: [usize; 2],
        terminal_ohm: f64,
        segment_ohm: f64,
    ) -> fmt::Result {
        let word = kind == "W";
        let (row, column) = if word { (line, segment) } else { (segment, line) };
        let node = if word { Word(self, line, cell).to_string() } else { Bit(self, cell, line).to_string() };
        let name = format_args!("{kind}{row}_{column}");
        if terminal_ohm == 0.0 {
            return resistor(out, name, at, node, segment_ohm);
        }
        // Where either is cut, no current flows and nothing holds the node in between.
        if terminal_ohm < f64::INFINITY && segment_ohm < f64::INFINITY {
            let between = format_args!("{between}{line}");
            resistor(out, format_args!("{terminal}{line}"), at, between, terminal_ohm)?;
            resistor(out, name, between, node, segment_ohm)?;
        }
        Ok(())
    }

    /// What is written: currents, then node voltages, a few on a line.
    fn listed(&self) -> String {
        let (m, n) = (self.crossbar.rows(), self.crossbar.columns());
        let mut listed: Vec<String> = (0..n).map(|j| format!("i(vo{j})")).collect();
        if self.saved == Saved::Nodes {
            let cells = || (0..m).flat_map(|i| (0..n).map(move |j| (i, j)));
            listed.extend(cells().map(|(i, j)| format!("v({})", Word(self, i, j))));
            listed.extend(cells().map(|(i, j)| format!("v({})", Bit(self, i, j))));
        }
        on_lines(&listed)
    }

    fn control(&self, out: &mut String, inputs: Rows<f64>, contents: &dyn Contents) -> fmt::Result {
        let listed = self.listed();
        writeln!(out, ".control\nset wr_singlescale\nset numdgt=16")?;
        for input in 0..inputs.rows() {
            if input > 0 {
                for (i, v) in inputs.row(input).iter().enumerate() {
                    writeln!(out, "alter v{i} = {v:e}")?;
                }
                contents.alter(out, self, input)?;
            }
            writeln!(out, "op\nwrdata {DATA} {listed}")?;
            if input == 0 {
                writeln!(out, "set appendwrite")?;
            }
        }
        writeln!(out, "quit\n.endc\n.end")
    }
}

fn on_lines(listed: &[String]) -> String {
    let lines: Vec<String> = listed.chunks(LIST).map(|line| line.join(" ")).collect();
    lines.join("\n+ ")
}
