//! Cells that do not obey Ohm's law: a subcircuit of behavioural sources, with a node between memristor and selector.
//!
//! The memristor's current is one behavioural source of the formula in `cell`, its exponential continued by the same straight
//! line, so that the simulator's iteration meets the same curve. Exponential selectors and diodes are such sources too,
//! transistors the simulator's own level 1 without junction currents. A threshold selector has two states and a history
//! that an operating point does not know: each stands as the resistor that it is for an input, as found by us, and the
//! control block changes those that change with the next.

use std::fmt::{self, Write};

use neurohm_num::{Rows, Watch};

use super::super::cell::STEEPEST;
use super::super::nonlinear::NonlinearCrossbar;
use super::super::{Access, CellLaw, Conduction, WireError, Workspace};
use super::{Bit, Contents, Netlist, Saved, Word, resistor};

/// What a simulator is told: its last step, of an iteration that converges quadratically, is this small, and rounding is
/// smaller. Its `gmin`, S, lies across junctions.
const OPTIONS: &str = ".options reltol=1e-9 abstol=1e-15 vntol=1e-12 gmin=1e-20 itl1=1000";

/// Root of a voltage below which a behavioural source has no slope of its root, in V: added to its square.
const NEAR_ZERO: f64 = 1e-30;

impl NonlinearCrossbar<'_> {
    /// The crossbar as a netlist for `ngspice -b`; see `LinearCrossbar::spice` for what it does and writes. Threshold
    /// selectors stand as [`NonlinearCrossbar::solve`] finds them for each input.
    ///
    /// # Errors
    /// As `LinearCrossbar::spice`; for threshold selectors also as [`NonlinearCrossbar::solve`].
    pub fn spice(
        &self,
        inputs: Rows<f64>,
        saved: Saved,
        workspace: &Workspace,
        watch: &dyn Watch,
    ) -> Result<String, WireError> {
        let crossbar = self.linear();
        super::check(&crossbar, inputs)?;
        let switches = match self.law().access {
            Access::Threshold { .. } => self.switches(inputs, workspace, watch)?,
            _ => Vec::new(),
        };
        let mut text = String::with_capacity(2 * crossbar.spice_bytes(inputs.rows(), saved));
        let cells = Law { law: self.law(), rows_on: self.rows_on(), switches };
        // Writing to a string cannot fail.
        let _ = Netlist { crossbar: &crossbar, saved }.write(&mut text, inputs, &cells);
        Ok(text)
    }
}

struct Law<'a> {
    law: CellLaw,
    /// Rows whose transistors are on; all where it is empty.
    rows_on: &'a [bool],
    /// Whether each threshold selector is on: inputs x rows x columns.
    switches: Vec<bool>,
}

/// The argument of an exponential, cut where its straight line begins.
fn cut(x: &str) -> String {
    format!("min({x},{STEEPEST:e})")
}

/// `sinh(x)` and its tangent beyond.
fn sinh(x: &str) -> String {
    let inner = format!("max(min({x},{STEEPEST:e}),-{STEEPEST:e})");
    format!("(sinh({inner})+({x}-{inner})*{:e})", libm::cosh(STEEPEST))
}

/// The memristor of conductance `{g}` from `w` to `to`.
fn memristor(conduction: Conduction, to: &str) -> String {
    let v = format!("V(w,{to})");
    match conduction {
        Conduction::Linear => format!("Rm w {to} {{1/g}}"),
        Conduction::Sinh { per_v } => {
            format!("Bm w {to} I={{g/{per_v:e}}}*{}", sinh(&format!("({per_v:e}*{v})")))
        }
        Conduction::Polynomial { second_per_v, third_per_v2 } => {
            format!("Bm w {to} I={{g}}*{v}*(1+abs({v})*({second_per_v:e}+abs({v})*{third_per_v2:e}))")
        }
        Conduction::PooleFrenkel { per_root_v } => {
            let x = format!("{per_root_v:e}*sqrt(abs({v})+{NEAR_ZERO:e})");
            format!("Bm w {to} I={{g}}*{v}*exp({})", cut(&x))
        }
    }
}

/// What stands between `x` and `b`, as lines.
fn selector(access: Access) -> Option<String> {
    let v = "V(x,b)";
    match access {
        Access::None | Access::Threshold { .. } => None,
        Access::Exponential { scale_a, scale_v } => {
            Some(format!("Bs x b I={scale_a:e}*{}", sinh(&format!("({v}/{scale_v:e})"))))
        }
        Access::Diode { saturation_a, scale_v, leak_s } => {
            let x = format!("({v}/{scale_v:e})");
            let line = format!("({x}-{})*{:e}", cut(&x), libm::exp(STEEPEST));
            Some(format!("Bs x b I={saturation_a:e}*(exp({})-1+{line})+{leak_s:e}*{v}", cut(&x)))
        }
        // Its body at its source, where a body without junctions plays no part.
        Access::Transistor { off_s, .. } => Some(format!("Ms x gate b b access\nRs x b {:e}", 1.0 / off_s)),
    }
}

impl Law<'_> {
    fn gated(&self) -> bool {
        matches!(self.law.access, Access::Transistor { .. })
    }

    /// Whether the switch of the cell in this row and column is on.
    fn on(&self, net: &Netlist, input: usize, [i, j]: [usize; 2]) -> bool {
        let (m, n) = (net.crossbar.rows(), net.crossbar.columns());
        self.switches.get((input * m + i) * n + j).copied().unwrap_or(false)
    }
}

impl Contents for Law<'_> {
    fn before(&self, out: &mut String, net: &Netlist) -> fmt::Result {
        let switch = matches!(self.law.access, Access::Threshold { .. });
        writeln!(out, "* cells: {:?}", self.law.conduction)?;
        match self.law.access {
            Access::None => {}
            Access::Threshold { .. } => writeln!(
                out,
                "* in series: {:?}; T are these selectors, on or off as neurohm finds them for each input",
                self.law.access
            )?,
            access => writeln!(out, "* in series: {access:?}")?,
        }
        if let Access::Transistor { gate_v, threshold_v, beta_a_per_v2, lambda_per_v, .. } = self.law.access {
            writeln!(
                out,
                ".model access nmos level=1 vto={threshold_v:e} kp={beta_a_per_v2:e} lambda={lambda_per_v:e} is=0"
            )?;
            for i in 0..net.crossbar.rows() {
                let on = self.rows_on.get(i).copied().unwrap_or(true);
                writeln!(out, "VG{i} gate{i} 0 {:e}", if on { gate_v } else { 0.0 })?;
            }
        }
        let inner = if self.law.access == Access::None || switch { "b" } else { "x" };
        let gate = if self.gated() { " gate" } else { "" };
        writeln!(out, ".subckt cell w b{gate} params: g=1\n{}", memristor(self.law.conduction, inner))?;
        if let Some(selector) = selector(self.law.access) {
            writeln!(out, "{selector}")?;
        }
        writeln!(out, ".ends cell\n{OPTIONS}")
    }

    fn cell(&self, out: &mut String, net: &Netlist, at: [usize; 2], g: f64) -> fmt::Result {
        let [i, j] = at;
        let (word, bit) = (Word(net, i, j), Bit(net, i, j));
        match self.law.access {
            Access::Threshold { off_s, on_s, .. } => {
                writeln!(out, "XC{i}_{j} {word} x{i}_{j} cell g={g:e}")?;
                let conductance = if self.on(net, 0, at) { on_s } else { off_s };
                resistor(out, format_args!("T{i}_{j}"), format_args!("x{i}_{j}"), bit, 1.0 / conductance)
            }
            Access::Transistor { .. } => writeln!(out, "XC{i}_{j} {word} {bit} gate{i} cell g={g:e}"),
            _ => writeln!(out, "XC{i}_{j} {word} {bit} cell g={g:e}"),
        }
    }

    fn alter(&self, out: &mut String, net: &Netlist, input: usize) -> fmt::Result {
        let Access::Threshold { off_s, on_s, .. } = self.law.access else { return Ok(()) };
        for (i, j, _) in net.cells() {
            let on = self.on(net, input, [i, j]);
            if on != self.on(net, input - 1, [i, j]) {
                writeln!(out, "alter rt{i}_{j} = {:e}", 1.0 / if on { on_s } else { off_s })?;
            }
        }
        Ok(())
    }
}
