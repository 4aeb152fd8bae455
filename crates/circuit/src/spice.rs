//! A circuit as a netlist for ngspice.

use std::fmt::Write as _;

use neurohm_device::compact::spice_points;

use crate::circuit::Circuit;
use crate::element::Part;
use crate::waveform::Side;
use crate::{CircuitError, Waveform};

/// Width of a jump in a written waveform, relative to the transient: SPICE's sources are continuous.
const EDGE: f64 = 1e-7;
/// Most corners of one written waveform.
const CORNERS: usize = 1_000_000;

impl Circuit {
    /// The circuit as a netlist for `ngspice -b`, from its clock on for `span_s` (s) with steps of at most `step_s` (s):
    /// cells and charges begin as they are. A control block writes to `circuit.data`, after the time since the clock,
    /// the voltages of all nodes but ground (V) and the currents of all cells (A), each in the order in which they were
    /// made.
    ///
    /// # Errors
    /// A span or step that is not positive; a cell, a function of time or a source that lets go, none of which SPICE
    /// can say.
    pub fn spice(&self, span_s: f64, step_s: f64) -> Result<String, CircuitError> {
        for (option, value) in [("span_s", span_s), ("step_s", step_s)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(CircuitError::Option { option, value, allowed: "a positive time" });
            }
        }
        let mut text = "circuit written by neurohm; run it with `ngspice -b`\n".to_owned();
        let node = |n: usize| if n == 0 { "0".to_owned() } else { format!("n{n}") };
        for (n, name) in self.names.iter().enumerate().skip(1) {
            let _ = writeln!(text, "* n{n}: {name}");
        }
        for (k, part) in self.parts.iter().enumerate() {
            let (a, b) = part.nodes();
            let (a, b) = (node(a), node(b));
            let _ = match part {
                Part::Resistor { ohm, .. } => writeln!(text, "R{k} {a} {b} {ohm:e}"),
                Part::Capacitor { farad, slot, .. } => {
                    writeln!(text, "C{k} {a} {b} {farad:e} ic={:e}", self.history.slots[0][*slot])
                }
                Part::Inductor { henry, slot, .. } => {
                    writeln!(text, "L{k} {a} {b} {henry:e} ic={:e}", self.history.slots[0][*slot])
                }
                Part::Source { wave, .. } => {
                    writeln!(text, "V{k} {b} 0 {}", self.wave_spice(part, wave, span_s)?)
                }
                Part::Injection { wave, .. } => {
                    writeln!(text, "I{k} {a} {b} {}", self.wave_spice(part, wave, span_s)?)
                }
                Part::Limiter { limit, .. } => {
                    let ohm = limit.ohm;
                    // The share of the limit's voltage; a side without a limit has none.
                    let (f, r) = (1.0 / (ohm * limit.forward_a), 1.0 / (ohm * limit.reverse_a));
                    writeln!(
                        text,
                        "B{k} {a} {b} I=V({a},{b})/{ohm:e}/sqrt(1+pwr(abs(V({a},{b})*(V({a},{b})<0 ? {r:e} : \
                         {f:e})),2))"
                    )
                }
            };
        }
        let mut cells = String::new();
        for (b, bank) in self.banks.iter().enumerate() {
            for (c, (from, to)) in bank.at.iter().enumerate() {
                let name = format!("cell_{b}_{c}");
                text += &bank.cells.spice(c, &name, self.options.temperature_k).map_err(|reason| {
                    CircuitError::NoSpice { part: format!("cell {c} of bank {b}"), reason }
                })?;
                let (from, to) = (node(*from), node(*to));
                let _ = writeln!(text, "V{name} {from} {name} 0\nX{name} {name} {to} {name}");
                let _ = write!(cells, " i(V{name})");
            }
        }
        let nodes: String = (1..self.names.len()).map(|n| format!(" v(n{n})")).collect();
        let _ = writeln!(
            text,
            ".options reltol=1e-6 abstol=1e-15 vntol=1e-9\n.control\ntran {step_s:e} {span_s:e} 0 {step_s:e} \
             uic\nwrdata circuit.data{nodes}{cells}\nquit\n.endc\n.end"
        );
        Ok(text)
    }

    fn wave_spice(&self, part: &Part, wave: &Waveform, span_s: f64) -> Result<String, CircuitError> {
        let now_s = self.history.t_s;
        let cannot =
            |reason: &str| CircuitError::NoSpice { part: part.describe(self), reason: reason.into() };
        if let Some((offset, amplitude, hz, delay_s)) = wave.as_sine() {
            let late_s = delay_s - now_s;
            let turns = (-late_s * hz).max(0.0).fract();
            return Ok(format!(
                "SIN({offset:e} {amplitude:e} {hz:e} {:e} 0 {:e})",
                late_s.max(0.0),
                360.0 * turns
            ));
        }
        if !wave.is_line() {
            return Err(cannot("a function of time or a switched source has no SPICE form"));
        }
        let value = |t_s: f64, side: Side| wave.at(t_s, side).unwrap_or(0.0);
        let mut points = vec![(0.0, value(now_s, Side::After))];
        let mut t_s = now_s;
        while let Some(mark) = wave.next_mark(t_s)
            && t_s < now_s + span_s
        {
            t_s = mark.t_s;
            let (before, after) = (value(t_s, Side::Before), value(t_s, Side::After));
            points.push((t_s - now_s, before));
            if after != before {
                points.push((t_s - now_s, after));
            }
            if points.len() > CORNERS {
                return Err(cannot("it has more than a million corners in this time"));
            }
        }
        Ok(spice_points(&points, EDGE * span_s))
    }
}
