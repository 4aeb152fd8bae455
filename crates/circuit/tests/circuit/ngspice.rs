//! Against ngspice: the same small circuits, written down twice.
//!
//! Skips by name where ngspice is not installed.

use crate::common;

use common::Sinh;
use common::ngspice::{difference, ngspice};
use neurohm_circuit::{Circuit, Options, Pulses, Waveform};
use neurohm_num::Unwatched;

const GROUND: neurohm_circuit::Node = Circuit::GROUND;

/// Tolerances, and differences that they have to keep to: the default's, and one that tells our errors from theirs.
const CHECKS: [(f64, f64); 2] = [(1e-5, 1e-3), (1e-7, 1e-4)];

fn options(relative_tolerance: f64) -> Options {
    Options { relative_tolerance, voltage_tolerance_v: 0.1 * relative_tolerance, ..Options::default() }
}

#[test]
fn a_sinh_rectifier_under_a_sine() {
    let netlist = "sinh resistor and capacitor
V1 in 0 SIN(0 1.5 1k)
R1 in a 1k
B1 a out I=1u*sinh(V(a,out)/0.15)
C1 out 0 20n
R2 out 0 20k
.options reltol=1e-6 abstol=1e-15 vntol=1e-9 method=gear
.control
tran 0.5u 3m 0 0.5u uic
wrdata out.data v(out) i(v1)
quit
.endc
.end
";
    let Some(theirs) = ngspice("a_sinh_rectifier_under_a_sine", netlist, "out.data") else { return };
    for (tolerance, allowed) in CHECKS {
        let mut circuit = Circuit::new();
        circuit.set_options(options(tolerance)).unwrap();
        let (top, a, out) = (circuit.node("in"), circuit.node("a"), circuit.node("out"));
        let source = circuit.drive(top, Waveform::sine(1.5, 1e3).unwrap()).unwrap();
        circuit.resistor(top, a, 1e3).unwrap();
        circuit.bank(Box::new(Sinh::new(1, 1e-6, 0.15)), &[(a, out)]).unwrap();
        circuit.capacitor(out, GROUND, 20e-9).unwrap();
        circuit.resistor(out, GROUND, 20e3).unwrap();
        let (mut voltage, mut current) = (Vec::new(), Vec::new());
        let statistics = circuit
            .transient(3e-3, &Unwatched, |t, s| {
                voltage.push((t, s.voltage_v(out)));
                current.push((t, -s.current_a(source)));
            })
            .unwrap();
        let (v, i) = (difference(&theirs, 1, &voltage), difference(&theirs, 2, &current));
        assert!(v < allowed && i < allowed, "voltage {v}, current {i} of full scale, {statistics:?}");
    }
}

#[test]
fn a_resonant_circuit_under_pulses() {
    let netlist = "RLC under pulses
V1 in 0 PULSE(0 1 1u 10n 10n 3u 10u)
R1 in a 50
L1 a b 10u
C1 b 0 1n
R2 b 0 1k
.options reltol=1e-6 abstol=1e-15 vntol=1e-9
.control
tran 2n 20u 0 2n uic
wrdata out.data v(b)
quit
.endc
.end
";
    let Some(theirs) = ngspice("a_resonant_circuit_under_pulses", netlist, "out.data") else { return };
    for (tolerance, allowed) in CHECKS {
        let mut circuit = Circuit::new();
        circuit.set_options(options(tolerance)).unwrap();
        let (top, a, b) = (circuit.node("in"), circuit.node("a"), circuit.node("b"));
        let pulses = Pulses {
            low: 0.0,
            high: 1.0,
            delay_s: 1e-6,
            rise_s: 10e-9,
            width_s: 3e-6,
            fall_s: 10e-9,
            period_s: 10e-6,
            count: None,
        };
        circuit.drive(top, Waveform::pulses(pulses).unwrap()).unwrap();
        circuit.resistor(top, a, 50.0).unwrap();
        circuit.inductor(a, b, 10e-6).unwrap();
        circuit.capacitor(b, GROUND, 1e-9).unwrap();
        circuit.resistor(b, GROUND, 1e3).unwrap();
        let mut ours = Vec::new();
        let statistics = circuit.transient(20e-6, &Unwatched, |t, s| ours.push((t, s.voltage_v(b)))).unwrap();
        let v = difference(&theirs, 1, &ours);
        assert!(v < allowed, "{v} of full scale, {statistics:?}");
    }
}
