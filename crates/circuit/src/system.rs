//! Kirchhoff's equations: residuals and their derivatives at one instant (modified nodal analysis; Ho, Ruehli, Brennan
//! 1975). Unknowns are node voltages, then currents of sources and inductors.

use neurohm_device::compact::ModelError;

use crate::CircuitError;
use crate::circuit::Circuit;
use crate::element::Part;
use crate::error::Good;
use crate::waveform::Side;

/// How time enters the equations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant<'a> {
    /// Time since the last accepted instant, s; zero leaves the cells' states alone.
    pub dt_s: f64,
    /// The factor of new values in rates of change, 1/s; `None` is direct current.
    pub lead: Option<f64>,
    /// A conductance from every node to ground besides, S; or to the voltages of `anchor`.
    pub gmin_s: f64,
    pub anchor: Option<&'a [f64]>,
    /// What sources and injections are multiplied with.
    pub fraction: f64,
}

/// Why there is no solution at an instant; a shorter step may have one.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    Cell { bank: usize, cell: usize, voltage_v: f64, source: ModelError },
    Singular { unknown: usize },
    NotConverged { unknown: usize, at: Vec<f64> },
}

/// Voltage of a node.
pub(crate) fn voltage(x: &[f64], node: usize) -> f64 {
    if node == 0 { 0.0 } else { x[node - 1] }
}

impl Circuit {
    /// Reads every source and injection.
    ///
    /// # Errors
    /// A value that is not finite.
    pub(crate) fn read_sources(&mut self, t_s: f64, side: Side) -> Result<(), CircuitError> {
        self.work.driven.clear();
        for part in &self.parts {
            let value = part.wave().and_then(|w| w.at(t_s, side));
            if let Some(value) = value
                && !value.is_finite()
            {
                return Err(CircuitError::SourceValue { part: part.describe(self), value, t_s });
            }
            self.work.driven.push(value);
            if let (Some(v), Part::Source { .. }) = (value, part) {
                self.history.scale_v = self.history.scale_v.max(v.abs());
            }
        }
        Ok(())
    }

    /// Currents that leave every node, and what branch equations lack, at `x`; with derivatives.
    pub(crate) fn assemble(&mut self, x: &[f64], at: &Instant) -> Result<(), Trouble> {
        let n = self.unknowns();
        let nodes = self.names.len() - 1;
        let work = &mut self.work;
        work.matrix.clear(n);
        work.residual.clear();
        work.residual.resize(n, 0.0);
        let mut equations = Equations { matrix: &mut work.matrix, residual: &mut work.residual };
        for k in 0..if at.gmin_s > 0.0 { nodes } else { 0 } {
            equations.residual[k] += at.gmin_s * (x[k] - at.anchor.map_or(0.0, |a| a[k]));
            equations.matrix.add(k, k, at.gmin_s);
        }
        for (part, driven) in self.parts.iter().zip(&work.driven) {
            let (a, b) = part.nodes();
            let v = voltage(x, a) - voltage(x, b);
            match part {
                Part::Resistor { ohm, .. } => equations.current(a, b, v / ohm, 1.0 / ohm),
                Part::Limiter { limit, .. } => {
                    let (i, g) = limit.at(v);
                    equations.current(a, b, i, g);
                }
                Part::Capacitor { farad, slot, .. } => {
                    if let Some(lead) = at.lead {
                        equations.current(a, b, farad * (lead * v + work.past[*slot]), farad * lead);
                    }
                }
                Part::Inductor { henry, slot, branch, .. } => {
                    let k = nodes + branch;
                    equations.branch(a, b, k, x[k]);
                    let (rate, lead) = at.lead.map_or((0.0, 0.0), |l| (l * x[k] + work.past[*slot], l));
                    equations.residual[k] = v - henry * rate;
                    equations.voltage(k, a, 1.0);
                    equations.voltage(k, b, -1.0);
                    equations.matrix.add(k, k, -henry * lead);
                }
                Part::Source { branch, .. } => {
                    let k = nodes + branch;
                    equations.branch(a, b, k, x[k]);
                    if let Some(value) = driven {
                        equations.residual[k] = -v - at.fraction * value;
                        equations.voltage(k, b, 1.0);
                    } else {
                        equations.residual[k] = x[k];
                        equations.matrix.add(k, k, 1.0);
                    }
                }
                Part::Injection { .. } => equations.current(a, b, at.fraction * driven.unwrap_or(0.0), 0.0),
            }
        }
        for (bank, slot) in self.banks.iter_mut().enumerate() {
            for (v, &(a, b)) in slot.v.iter_mut().zip(&slot.at) {
                *v = voltage(x, a) - voltage(x, b);
            }
            let trouble = |cell: usize, v: &[f64], source| {
                // A bank that names a cell it has not is believed in the rest.
                Trouble::Cell { bank, cell, voltage_v: v.get(cell).copied().unwrap_or(f64::NAN), source }
            };
            slot.cells
                .solve(&slot.v, self.options.temperature_k, at.dt_s, &mut slot.i, &mut slot.g)
                .map_err(|(cell, source)| trouble(cell, &slot.v, source))?;
            for (cell, &(a, b)) in slot.at.iter().enumerate() {
                let (i, g) = (slot.i[cell], slot.g[cell]);
                if !(i.is_finite() && g.is_finite()) {
                    let (what, value) =
                        if i.is_finite() { ("the slope (S)", g) } else { ("the current (A)", i) };
                    let source = ModelError::NotFinite { what, value, v: slot.v[cell], x: Vec::new() };
                    return Err(trouble(cell, &slot.v, source));
                }
                equations.current(a, b, i, g);
            }
        }
        Ok(())
    }

    /// A name for an unknown.
    pub(crate) fn unknown_name(&self, unknown: usize) -> String {
        let nodes = self.names.len() - 1;
        if unknown < nodes {
            return format!("the voltage of node {}", self.name(unknown + 1));
        }
        let part = self.parts.iter().find(|part| match part {
            Part::Source { branch, .. } | Part::Inductor { branch, .. } => nodes + branch == unknown,
            _ => false,
        });
        part.map_or_else(String::new, |part| format!("the current of the {}", part.describe(self)))
    }

    /// An error for a trouble that no shorter step gets around.
    pub(crate) fn give_up(&self, trouble: Trouble, t_s: f64, step_s: f64) -> CircuitError {
        match trouble {
            Trouble::Cell { bank, cell, voltage_v, source } => {
                let cells = &self.banks[bank].cells;
                let states = cells.state();
                // Banks whose cells have one number of states each; others keep theirs to themselves.
                let each = states.len() / cells.len().max(1);
                let x = states.get(cell * each..(cell + 1) * each).unwrap_or_default().to_vec();
                let good = Box::new(Good { t_s: self.history.t_s, x });
                CircuitError::Cell { bank, cell, voltage_v, t_s, step_s, good, source }
            }
            Trouble::Singular { unknown } => {
                CircuitError::Singular { unknown: self.unknown_name(unknown), t_s }
            }
            Trouble::NotConverged { unknown, at } => {
                let voltages_v = self.names.iter().skip(1).cloned().zip(at).collect();
                let unknown = self.unknown_name(unknown);
                CircuitError::NotConverged { unknown, t_s, step_s, voltages_v }
            }
        }
    }
}

/// The equations while they are put together.
struct Equations<'a> {
    matrix: &'a mut crate::linear::Matrix,
    residual: &'a mut [f64],
}

impl Equations<'_> {
    /// A current `i` from `a` to `b` with slope `g` in the voltage between them.
    fn current(&mut self, a: usize, b: usize, i: f64, g: f64) {
        for (node, other, sign) in [(a, b, 1.0), (b, a, -1.0)] {
            if node == 0 {
                continue;
            }
            self.residual[node - 1] += sign * i;
            if g != 0.0 {
                self.matrix.add(node - 1, node - 1, g);
                self.voltage(node - 1, other, -g);
            }
        }
    }

    /// The current `i` from `a` to `b` that is unknown `k`.
    fn branch(&mut self, a: usize, b: usize, k: usize, i: f64) {
        for (node, sign) in [(a, 1.0), (b, -1.0)] {
            if node > 0 {
                self.residual[node - 1] += sign * i;
                self.matrix.add(node - 1, k, sign);
            }
        }
    }

    /// A node's voltage in an equation.
    fn voltage(&mut self, row: usize, node: usize, factor: f64) {
        if node > 0 {
            self.matrix.add(row, node - 1, factor);
        }
    }
}
