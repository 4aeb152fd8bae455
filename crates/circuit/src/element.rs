//! Two-terminal parts and their laws.

use crate::Waveform;
use crate::circuit::Circuit;

/// A part of a circuit other than a bank of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Element(pub(crate) usize);

/// Currents flow from `a` to `b` through a part; zero is ground. `slot` numbers what is integrated in time, `branch`
/// the currents that are unknowns.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Resistor { a: usize, b: usize, ohm: f64 },
    Capacitor { a: usize, b: usize, farad: f64, slot: usize },
    Inductor { a: usize, b: usize, henry: f64, slot: usize, branch: usize },
    Source { node: usize, wave: Waveform, branch: usize },
    Injection { a: usize, b: usize, wave: Waveform },
    Limiter { a: usize, b: usize, limit: Limit },
}

impl Part {
    /// Its terminals. A source's current flows from ground into its node.
    pub fn nodes(&self) -> (usize, usize) {
        match *self {
            Self::Resistor { a, b, .. }
            | Self::Capacitor { a, b, .. }
            | Self::Inductor { a, b, .. }
            | Self::Injection { a, b, .. }
            | Self::Limiter { a, b, .. } => (a, b),
            Self::Source { node, .. } => (0, node),
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Resistor { .. } => "resistor",
            Self::Capacitor { .. } => "capacitor",
            Self::Inductor { .. } => "inductor",
            Self::Source { .. } => "source",
            Self::Injection { .. } => "injection",
            Self::Limiter { .. } => "limiter",
        }
    }

    pub fn wave(&self) -> Option<&Waveform> {
        match self {
            Self::Source { wave, .. } | Self::Injection { wave, .. } => Some(wave),
            _ => None,
        }
    }

    /// Its kind and nodes, for messages.
    pub fn describe(&self, circuit: &Circuit) -> String {
        let (a, b) = self.nodes();
        match self {
            Self::Source { .. } => format!("source at {}", circuit.name(b)),
            _ => format!("{} from {} to {}", self.kind(), circuit.name(a), circuit.name(b)),
        }
    }
}

/// A smooth current limiter: `i = v / r / sqrt(1 + (v / (r I))^2)`, with the limit `I` of the current's direction.
/// It is a resistor `r` for small currents and reaches 0.99995 `I` at `v = 100 r I`; value and slope are continuous at
/// zero, and the slope never vanishes. (Our own choice of a saturating curve: the transistor of a 1T1R cell or an
/// analyser's compliance, without their dynamics.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit {
    pub ohm: f64,
    pub forward_a: f64,
    pub reverse_a: f64,
}

impl Limit {
    /// Current (A) and slope (S) at the voltage `v` (V) across it.
    pub fn at(&self, v: f64) -> (f64, f64) {
        let limit_a = if v < 0.0 { self.reverse_a } else { self.forward_a };
        let share = (v / (self.ohm * limit_a)).abs();
        // Beyond that the one is lost to rounding, and the square might overflow.
        let root = if share < 1e9 { (1.0 + share * share).sqrt() } else { share };
        (v / self.ohm / root, 1.0 / (self.ohm * root * root * root))
    }
}
