//! Voltages and currents of a circuit at one instant.

use crate::circuit::{Bank, Circuit, Node};
use crate::element::{Element, Part};
use crate::system::voltage;

/// A circuit's solution at its clock. Before any operating point or transient all voltages are zero.
///
/// Methods panic when given a node, element or bank of another circuit with more of them.
#[derive(Clone, Copy)]
pub struct Solution<'a> {
    pub(crate) circuit: &'a Circuit,
}

impl<'a> Solution<'a> {
    /// Whether there is a solution yet: after an operating point or a transient.
    pub fn exists(&self) -> bool {
        !self.circuit.history.unknowns[0].is_empty() || self.circuit.unknowns() == 0
    }

    /// Voltage of a node against ground, V.
    pub fn voltage_v(&self, node: Node) -> f64 {
        match &self.circuit.history.unknowns[0] {
            x if x.is_empty() => 0.0,
            x => voltage(x, node.0),
        }
    }

    /// Voltage across an element from its first node to its second, V; of a source, of its node against ground.
    pub fn across_v(&self, element: Element) -> f64 {
        let part = &self.circuit.parts[element.0];
        let (a, b) = part.nodes();
        let v = self.voltage_v(Node(a)) - self.voltage_v(Node(b));
        if matches!(part, Part::Source { .. }) { -v } else { v }
    }

    /// Current through an element from its first node to its second, A; of a source, into its node.
    pub fn current_a(&self, element: Element) -> f64 {
        let circuit = self.circuit;
        let v = || self.across_v(element);
        match &circuit.parts[element.0] {
            Part::Resistor { ohm, .. } => v() / ohm,
            Part::Limiter { limit, .. } => limit.at(v()).0,
            Part::Capacitor { farad, slot, .. } => farad * circuit.history.rates[*slot],
            Part::Inductor { branch, .. } | Part::Source { branch, .. } => {
                let k = circuit.names.len() - 1 + branch;
                circuit.history.unknowns[0].get(k).copied().unwrap_or(0.0)
            }
            Part::Injection { .. } => circuit.history.driven.get(element.0).copied().flatten().unwrap_or(0.0),
        }
    }

    /// Power that an element takes up, W: negative where it delivers.
    pub fn power_w(&self, element: Element) -> f64 {
        let power = self.across_v(element) * self.current_a(element);
        if matches!(self.circuit.parts[element.0], Part::Source { .. }) { -power } else { power }
    }

    /// Energy that a capacitor or inductor holds, J; zero of other elements.
    pub fn stored_j(&self, element: Element) -> f64 {
        match &self.circuit.parts[element.0] {
            Part::Capacitor { farad, slot, .. } => 0.5 * farad * self.circuit.history.slots[0][*slot].powi(2),
            Part::Inductor { henry, slot, .. } => 0.5 * henry * self.circuit.history.slots[0][*slot].powi(2),
            _ => 0.0,
        }
    }

    /// Currents of a bank's cells from their first nodes to their second, A.
    pub fn cell_currents_a(&self, bank: Bank) -> &'a [f64] {
        &self.circuit.banks[bank.0].current_a
    }

    /// Voltage across a cell of a bank, V.
    pub fn cell_v(&self, bank: Bank, cell: usize) -> f64 {
        let (a, b) = self.circuit.banks[bank.0].at[cell];
        self.voltage_v(Node(a)) - self.voltage_v(Node(b))
    }

    /// States of a bank's cells, cell by cell.
    pub fn states(&self, bank: Bank) -> &'a [f64] {
        self.circuit.banks[bank.0].cells.state()
    }
}
