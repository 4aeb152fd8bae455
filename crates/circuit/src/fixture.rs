//! What a measurement puts around a device: a series resistor, a current compliance; and the relaxation oscillator.

use neurohm_device::compact::CellBank;

use crate::circuit::{Bank, Circuit, Node};
use crate::element::{Element, Limit};
use crate::{CircuitError, Waveform};

/// A current compliance as a circuit element: `i = v / r / sqrt(1 + (v / (r I))^2)`, a resistor for small currents and
/// 0.99995 of the limit at a hundred times `r I` across it. It stands for the transistor of a 1T1R cell or for an
/// ideal analyser's limit, so the device sees what the limiter leaves of the voltage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compliance {
    /// Largest current from the first node to the second, A; infinite for no limit.
    pub limit_a: f64,
    /// Largest current the other way, A; infinite for no limit.
    pub reverse_limit_a: f64,
    /// Resistance at small currents, Ohm.
    pub on_resistance_ohm: f64,
}

impl Compliance {
    /// One limit for both directions.
    pub fn symmetric(limit_a: f64, on_resistance_ohm: f64) -> Self {
        Self { limit_a, reverse_limit_a: limit_a, on_resistance_ohm }
    }
}

impl Circuit {
    /// A current limiter from `a` to `b`.
    ///
    /// # Errors
    /// A limit or on-resistance that is not positive, a node of another circuit.
    pub fn compliance(&mut self, a: Node, b: Node, c: Compliance) -> Result<Element, CircuitError> {
        let limit = Limit { ohm: c.on_resistance_ohm, forward_a: c.limit_a, reverse_a: c.reverse_limit_a };
        self.limiter(a, b, limit)
    }

    /// A resistor of `ohm` (Ohm) from `from` to a new node, where the device goes.
    ///
    /// # Errors
    /// A resistance that is not positive and finite, a node of another circuit.
    pub fn series_resistor(&mut self, from: Node, ohm: f64) -> Result<(Node, Element), CircuitError> {
        self.positive("series resistor", (from, from), "resistance (Ohm)", ohm)?;
        let behind = format!("{} behind {ohm} Ohm", self.name(from.0));
        let node = self.node(&behind);
        Ok((node, self.resistor(from, node, ohm)?))
    }
}

/// A supply that charges a capacitor through a resistor, and a threshold switch across the capacitor (Pearson and
/// Anson 1921, with a volatile memristor for the neon lamp).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RelaxationOscillator {
    /// Supply, V.
    pub supply_v: f64,
    /// From the supply to the switch, Ohm.
    pub series_ohm: f64,
    /// Across the switch, F.
    pub farad: f64,
}

/// The parts of an oscillator in a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oscillator {
    /// The supply's source.
    pub supply: Element,
    /// The node of capacitor and switch.
    pub out: Node,
    /// The series resistor.
    pub resistor: Element,
    /// The capacitor.
    pub capacitor: Element,
    /// The switch.
    pub switch: Bank,
}

impl RelaxationOscillator {
    /// Builds it around `switch`, a bank of one cell, the capacitor empty.
    ///
    /// # Errors
    /// A resistance or capacitance that is not positive, a supply that is not finite (at its first use), a bank of
    /// other than one cell.
    pub fn build(
        &self,
        circuit: &mut Circuit,
        switch: Box<dyn CellBank>,
    ) -> Result<Oscillator, CircuitError> {
        let top = circuit.node("supply");
        let out = circuit.node("out");
        let supply = circuit.drive(top, Waveform::constant(self.supply_v))?;
        let resistor = circuit.resistor(top, out, self.series_ohm)?;
        let capacitor = circuit.capacitor(out, Circuit::GROUND, self.farad)?;
        let switch = circuit.bank(switch, &[(out, Circuit::GROUND)])?;
        Ok(Oscillator { supply, out, resistor, capacitor, switch })
    }

    /// The period (s) with a switch of `off_ohm` that goes to `on_ohm` at once when its voltage rises to
    /// `threshold_v`, and back when it falls to `hold_v`: the times of two exponential ways between the two voltages,
    /// each towards the divider's voltage with the time constant `(R || R_switch) C`. `None` where it does not
    /// oscillate, since one of the two is never reached.
    pub fn period_s(&self, threshold_v: f64, hold_v: f64, on_ohm: f64, off_ohm: f64) -> Option<f64> {
        let way = |switch_ohm: f64, from_v: f64, to_v: f64| {
            let share = switch_ohm / (switch_ohm + self.series_ohm);
            let share = if switch_ohm.is_infinite() { 1.0 } else { share };
            let ratio = (share * self.supply_v - from_v) / (share * self.supply_v - to_v);
            (ratio > 1.0 && ratio.is_finite()).then(|| share * self.series_ohm * self.farad * ratio.ln())
        };
        Some(way(off_ohm, hold_v, threshold_v)? + way(on_ohm, threshold_v, hold_v)?)
    }
}
