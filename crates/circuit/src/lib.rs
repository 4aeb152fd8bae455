//! Circuits of memristors in time: [`Circuit`]s of resistors, capacitors, inductors, sources that can let go, and banks
//! of compact models; their operating point, and a transient whose steps follow the tolerance, land on every corner of
//! a waveform and on every random jump of a cell.
//!
//! ```
//! use neurohm_circuit::{Circuit, Waveform};
//! use neurohm_num::Unwatched;
//!
//! let mut circuit = Circuit::new();
//! let (supply, out) = (circuit.node("supply"), circuit.node("out"));
//! circuit.drive(supply, Waveform::constant(1.0))?;
//! circuit.resistor(supply, out, 1e3)?;
//! circuit.capacitor(out, Circuit::GROUND, 1e-9)?;
//! circuit.transient(1e-6, &Unwatched, |_, _| {})?; // one time constant, from rest
//! let charged = 1.0 - (-1.0f64).exp();
//! assert!((circuit.solution().voltage_v(out) - charged).abs() < 1e-3);
//! # Ok::<(), neurohm_circuit::CircuitError>(())
//! ```

mod circuit;
mod element;
mod error;
mod fixture;
mod history;
mod linear;
mod newton;
mod operating;
mod options;
mod polyline;
mod solution;
mod spice;
mod step;
mod system;
mod topology;
mod transient;
mod waveform;

pub use circuit::{Bank, Circuit, Node};
pub use element::Element;
pub use error::{CircuitError, Good};
pub use fixture::{Compliance, Oscillator, RelaxationOscillator};
pub use options::{Options, Statistics};
pub use solution::Solution;
pub use waveform::{Mark, Pulses, Side, Waveform};
