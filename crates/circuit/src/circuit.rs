//! Nodes, parts and banks: how a circuit is put together.

use neurohm_device::compact::CellBank;

use crate::element::{Element, Limit, Part};
use crate::history::History;
use crate::linear::Matrix;
use crate::newton::{Kind, Space};
use crate::solution::Solution;
use crate::{CircuitError, Options, Waveform};

/// A node of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(pub(crate) usize);

/// A bank of cells in a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bank(pub(crate) usize);

/// Parts between nodes, and their state at the circuit's clock. A transient that fails or is stopped leaves the circuit
/// at its last good instant.
pub struct Circuit {
    pub(crate) names: Vec<String>,
    pub(crate) parts: Vec<Part>,
    pub(crate) banks: Vec<Slot>,
    pub(crate) branches: usize,
    pub(crate) options: Options,
    pub(crate) history: History,
    pub(crate) work: Work,
}

/// A bank and where its cells are.
pub(crate) struct Slot {
    pub cells: Box<dyn CellBank>,
    pub at: Vec<(usize, usize)>,
    /// Voltages, currents and slopes of the last solve; accepted currents.
    pub v: Vec<f64>,
    pub i: Vec<f64>,
    pub g: Vec<f64>,
    pub current_a: Vec<f64>,
}

/// What a solve needs besides the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    pub matrix: Matrix,
    pub residual: Vec<f64>,
    /// Values of sources and injections at the instant that is solved for, part by part.
    pub driven: Vec<Option<f64>>,
    /// Which of them were connected when the topology was last found sound, and whether for direct current.
    pub sound: Option<(Vec<bool>, bool)>,
    /// What each unknown is; empty where that is not known yet.
    pub kinds: Vec<Kind>,
    pub newton: Space,
    /// The part of each slot's rate of change that comes from earlier steps.
    pub past: Vec<f64>,
}

impl Clone for Slot {
    fn clone(&self) -> Self {
        Self {
            cells: self.cells.snapshot(),
            at: self.at.clone(),
            v: self.v.clone(),
            i: self.i.clone(),
            g: self.g.clone(),
            current_a: self.current_a.clone(),
        }
    }
}

/// A clone is a snapshot: it holds the state of every cell and goes on from the same instant.
impl Clone for Circuit {
    fn clone(&self) -> Self {
        Self {
            names: self.names.clone(),
            parts: self.parts.clone(),
            banks: self.banks.clone(),
            branches: self.branches,
            options: self.options.clone(),
            history: self.history.clone(),
            work: self.work.clone(),
        }
    }
}

impl Default for Circuit {
    fn default() -> Self {
        Self::new()
    }
}

impl Circuit {
    /// The node that voltages are counted from.
    pub const GROUND: Node = Node(0);

    /// An empty circuit with default [`Options`], its clock at 0 s.
    pub fn new() -> Self {
        Self {
            names: vec!["ground".into()],
            parts: Vec::new(),
            banks: Vec::new(),
            branches: 0,
            options: Options::default(),
            history: History::default(),
            work: Work::default(),
        }
    }

    /// Solves with other tolerances from now on.
    ///
    /// # Errors
    /// An option out of range.
    pub fn set_options(&mut self, options: Options) -> Result<(), CircuitError> {
        options.check()?;
        self.options = options;
        Ok(())
    }

    /// How it is solved.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A new node; `name` is what errors call it.
    pub fn node(&mut self, name: &str) -> Node {
        self.names.push(name.into());
        self.changed();
        Node(self.names.len() - 1)
    }

    /// A resistor of `ohm` (Ohm).
    ///
    /// # Errors
    /// A resistance that is not positive and finite, a node of another circuit.
    pub fn resistor(&mut self, a: Node, b: Node, ohm: f64) -> Result<Element, CircuitError> {
        self.positive("resistor", (a, b), "resistance (Ohm)", ohm)?;
        Ok(self.part(Part::Resistor { a: a.0, b: b.0, ohm }))
    }

    /// A capacitor of `farad` (F), without charge.
    ///
    /// # Errors
    /// A capacitance that is not positive and finite, a node of another circuit.
    pub fn capacitor(&mut self, a: Node, b: Node, farad: f64) -> Result<Element, CircuitError> {
        self.charged_capacitor(a, b, farad, 0.0)
    }

    /// A capacitor of `farad` (F) that starts with `initial_v` (V) from `a` to `b`.
    ///
    /// # Errors
    /// A capacitance that is not positive and finite, an initial voltage that is not finite, a node of another circuit.
    pub fn charged_capacitor(
        &mut self,
        a: Node,
        b: Node,
        farad: f64,
        initial_v: f64,
    ) -> Result<Element, CircuitError> {
        self.positive("capacitor", (a, b), "capacitance (F)", farad)?;
        self.finite("capacitor", (a, b), "initial voltage (V)", initial_v)?;
        let slot = self.history.add_slot(initial_v);
        Ok(self.part(Part::Capacitor { a: a.0, b: b.0, farad, slot }))
    }

    /// An inductor of `henry` (H) without current.
    ///
    /// # Errors
    /// An inductance that is not positive and finite, a node of another circuit.
    pub fn inductor(&mut self, a: Node, b: Node, henry: f64) -> Result<Element, CircuitError> {
        self.positive("inductor", (a, b), "inductance (H)", henry)?;
        let slot = self.history.add_slot(0.0);
        let branch = self.branch();
        Ok(self.part(Part::Inductor { a: a.0, b: b.0, henry, slot, branch }))
    }

    /// An ideal voltage source (V) from ground to `node`, high impedance where the waveform is `None`.
    ///
    /// # Errors
    /// A node of another circuit, or ground.
    pub fn drive(&mut self, node: Node, wave: Waveform) -> Result<Element, CircuitError> {
        self.known("source", (Self::GROUND, node))?;
        if node == Self::GROUND {
            let part = "source at ground".into();
            return Err(CircuitError::Value {
                part,
                quantity: "node",
                value: 0.0,
                allowed: "a node other than ground",
            });
        }
        let branch = self.branch();
        Ok(self.part(Part::Source { node: node.0, wave, branch }))
    }

    /// A current (A) that is pushed from `from` to `to`; none where the waveform is `None`.
    ///
    /// # Errors
    /// A node of another circuit.
    pub fn inject(&mut self, from: Node, to: Node, wave: Waveform) -> Result<Element, CircuitError> {
        self.known("injection", (from, to))?;
        Ok(self.part(Part::Injection { a: from.0, b: to.0, wave }))
    }

    /// Gives a source or injection another waveform from the circuit's clock on.
    ///
    /// # Errors
    /// An element without a waveform.
    pub fn redrive(&mut self, element: Element, waveform: Waveform) -> Result<(), CircuitError> {
        match self.parts.get_mut(element.0) {
            Some(Part::Source { wave, .. } | Part::Injection { wave, .. }) => *wave = waveform,
            _ => return Err(CircuitError::NotDriven { element: element.0 }),
        }
        self.history.restart();
        Ok(())
    }

    /// Cells of one model, each between a pair of nodes; a cell's current flows from the first to the second.
    ///
    /// # Errors
    /// Another number of pairs than cells, a node of another circuit.
    pub fn bank(&mut self, cells: Box<dyn CellBank>, at: &[(Node, Node)]) -> Result<Bank, CircuitError> {
        let n = cells.len();
        if n != at.len() {
            return Err(CircuitError::Pairs { cells: n, pairs: at.len() });
        }
        for &pair in at {
            self.known("cell", pair)?;
        }
        let zero = vec![0.0; n];
        let at = at.iter().map(|(a, b)| (a.0, b.0)).collect();
        self.banks.push(Slot {
            cells,
            at,
            v: zero.clone(),
            i: zero.clone(),
            g: zero.clone(),
            current_a: zero,
        });
        self.changed();
        Ok(Bank(self.banks.len() - 1))
    }

    /// A bank's cells, in their state at the circuit's clock.
    ///
    /// # Panics
    /// A bank of another circuit.
    pub fn cells(&self, bank: Bank) -> &dyn CellBank {
        &*self.banks[bank.0].cells
    }

    /// Voltages and currents at the circuit's clock.
    pub fn solution(&self) -> Solution<'_> {
        Solution { circuit: self }
    }

    /// The circuit's clock, s.
    pub fn time_s(&self) -> f64 {
        self.history.t_s
    }

    pub(crate) fn limiter(&mut self, a: Node, b: Node, limit: Limit) -> Result<Element, CircuitError> {
        self.positive("limiter", (a, b), "on-resistance (Ohm)", limit.ohm)?;
        for limit_a in [limit.forward_a, limit.reverse_a] {
            if limit_a.is_nan() || limit_a <= 0.0 {
                let part = self.pair("limiter", (a, b));
                let allowed = "a positive current, or an infinite one for no limit";
                return Err(CircuitError::Value { part, quantity: "limit (A)", value: limit_a, allowed });
            }
        }
        Ok(self.part(Part::Limiter { a: a.0, b: b.0, limit }))
    }

    pub(crate) fn name(&self, node: usize) -> &str {
        &self.names[node]
    }

    /// Number of unknowns: voltages of nodes, then currents of branches.
    pub(crate) fn unknowns(&self) -> usize {
        self.names.len() - 1 + self.branches
    }

    pub(crate) fn positive(
        &self,
        kind: &str,
        at: (Node, Node),
        quantity: &'static str,
        value: f64,
    ) -> Result<(), CircuitError> {
        self.known(kind, at)?;
        if value > 0.0 && value.is_finite() {
            return Ok(());
        }
        let part = self.pair(kind, at);
        Err(CircuitError::Value { part, quantity, value, allowed: "a positive finite value" })
    }

    fn finite(
        &self,
        kind: &str,
        at: (Node, Node),
        quantity: &'static str,
        value: f64,
    ) -> Result<(), CircuitError> {
        if value.is_finite() {
            return Ok(());
        }
        Err(CircuitError::Value { part: self.pair(kind, at), quantity, value, allowed: "a finite value" })
    }

    fn pair(&self, kind: &str, (a, b): (Node, Node)) -> String {
        format!("{kind} from {} to {}", self.name(a.0), self.name(b.0))
    }

    fn known(&self, kind: &str, (a, b): (Node, Node)) -> Result<(), CircuitError> {
        match [a, b].iter().find(|n| n.0 >= self.names.len()) {
            Some(node) => {
                let nodes = self.names.len();
                Err(CircuitError::UnknownNode { part: kind.into(), node: node.0, nodes })
            }
            None => Ok(()),
        }
    }

    fn branch(&mut self) -> usize {
        self.branches += 1;
        self.branches - 1
    }

    fn part(&mut self, part: Part) -> Element {
        self.parts.push(part);
        self.changed();
        Element(self.parts.len() - 1)
    }

    /// Another circuit than before: its unknowns have other places, and old solutions tell nothing.
    fn changed(&mut self) {
        self.work.sound = None;
        self.work.kinds.clear();
        self.history.forget_unknowns();
    }
}
