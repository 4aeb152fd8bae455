//! Nonlinear circuits: properties that must hold whatever the parts are, and closed forms where there are any.

use crate::common;

use common::{Drift, Sinh, Tunnel};
use neurohm_circuit::{Bank, Circuit, Compliance, Element, Node, Waveform};
use neurohm_num::Unwatched;
use proptest::prelude::*;

/// A random connected circuit: every node hangs on an earlier one by a resistor, with more parts across.
struct Random {
    circuit: Circuit,
    nodes: Vec<Node>,
    /// Elements from the first to the second node.
    elements: Vec<(Element, Node, Node)>,
    bank: Bank,
    cells: Vec<(Node, Node)>,
}

fn random(ohms: &[f64], across: &[(usize, usize, f64)], drive_v: f64) -> Random {
    let mut circuit = Circuit::new();
    let mut nodes = vec![Circuit::GROUND];
    let mut elements = Vec::new();
    for (k, &ohm) in ohms.iter().enumerate() {
        let node = circuit.node(&format!("n{k}"));
        let to = nodes[k * 7 % nodes.len()];
        elements.push((circuit.resistor(node, to, ohm).unwrap(), node, to));
        nodes.push(node);
    }
    let mut cells = Vec::new();
    for (k, &(a, b, size)) in across.iter().enumerate() {
        let (a, b) = (nodes[a % nodes.len()], nodes[b % nodes.len()]);
        match k % 4 {
            0 => elements.push((circuit.capacitor(a, b, size * 1e-12).unwrap(), a, b)),
            1 => cells.push((a, b)),
            2 => elements.push((circuit.inductor(a, b, size * 1e-6).unwrap(), a, b)),
            _ => {
                let compliance = Compliance::symmetric(size * 1e-5, 100.0);
                elements.push((circuit.compliance(a, b, compliance).unwrap(), a, b));
            }
        }
    }
    let bank = circuit.bank(Box::new(Sinh::new(cells.len(), 1e-6, 0.2)), &cells).unwrap();
    let last = nodes[nodes.len() - 1];
    let wave = Waveform::sine(drive_v, 1e6).unwrap();
    elements.push((circuit.drive(last, wave).unwrap(), Circuit::GROUND, last));
    let current = Waveform::triangle(1e-4, 2e6).unwrap();
    let (from, to) = (nodes[1], nodes[nodes.len() / 2]);
    elements.push((circuit.inject(from, to, current).unwrap(), from, to));
    Random { circuit, nodes, elements, bank, cells }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn currents_and_powers_sum_to_nothing_at_every_instant(
        ohms in prop::collection::vec(10.0..1e5f64, 2..7),
        across in prop::collection::vec((0..7usize, 0..7usize, 1.0..100.0f64), 0..9),
        drive_v in 0.1..3.0f64,
    ) {
        let Random { mut circuit, nodes, elements, bank, cells } = random(&ohms, &across, drive_v);
        let (mut worst, mut full_a, mut full_w, mut before) = (Vec::new(), 0.0f64, 0.0f64, -1e-12);
        circuit.transient(2e-6, &Unwatched, |t, s| {
            let mut leaving = vec![0.0; nodes.len()];
            let (mut largest, mut power, mut powers) = (0.0f64, 0.0, 0.0);
            let place = |n: Node| nodes.iter().position(|&m| m == n).unwrap();
            let mut flow = |a: Node, b: Node, i: f64, p: f64| {
                leaving[place(a)] += i;
                leaving[place(b)] -= i;
                largest = largest.max(i.abs());
                power += p;
                powers += p.abs();
            };
            for &(element, a, b) in &elements {
                flow(a, b, s.current_a(element), s.power_w(element));
            }
            for (cell, (&(a, b), &i)) in cells.iter().zip(s.cell_currents_a(bank)).enumerate() {
                flow(a, b, i, i * s.cell_v(bank, cell));
            }
            let kirchhoff = leaving.iter().fold(0.0f64, |m, i| m.max(i.abs()));
            full_a = full_a.max(largest);
            full_w = full_w.max(powers);
            // Newton's iteration stops at a ten thousandth of a step's error, 3e-9 V here, which a short step of h turns
            // into a current through the capacitors (300 pF at most) of that times 2 C / h.
            let left_a = 3e-9 * 2.0 * 300e-12 / (t - before);
            before = t;
            worst.push((kirchhoff, power.abs(), left_a, t));
        }).unwrap();
        for (kirchhoff, power, left_a, t) in worst {
            prop_assert!(kirchhoff < 1e-6 * full_a + left_a, "{kirchhoff} A of {full_a} A are left over at {t} s");
            prop_assert!(power < 1e-6 * full_w + 3.0 * left_a, "{power} W of {full_w} W are left over at {t} s");
        }
    }

    #[test]
    fn an_operating_point_solves_sinh_and_resistor(
        drive_v in -5.0..5.0f64, ohm in 1.0..1e7f64, i0_exponent in -14.0..-3.0f64, v0_v in 0.02..0.5f64,
    ) {
        let i0_a = 10f64.powf(i0_exponent);
        let mut circuit = Circuit::new();
        let (top, out) = (circuit.node("top"), circuit.node("out"));
        circuit.drive(top, Waveform::constant(drive_v)).unwrap();
        circuit.resistor(top, out, ohm).unwrap();
        circuit.bank(Box::new(Sinh::new(1, i0_a, v0_v)), &[(out, Circuit::GROUND)]).unwrap();
        circuit.operating_point().unwrap();
        // By bisection: the residual grows with the voltage.
        let (mut low, mut high) = (-5.0, 5.0);
        for _ in 0..200 {
            let v: f64 = 0.5 * (low + high);
            if (v - drive_v) / ohm + i0_a * (v / v0_v).sinh() > 0.0 { high = v } else { low = v }
        }
        prop_assert!((circuit.solution().voltage_v(out) - low).abs() < 1e-7);
    }

    #[test]
    fn an_operating_point_is_found_where_slopes_are_negative(drive_v in 0.0..3.0f64, ohm in 10.0..1e4f64) {
        let diode = Tunnel { peak_a: 1e-3, peak_v: 0.1 };
        let mut circuit = Circuit::new();
        let (top, out) = (circuit.node("top"), circuit.node("out"));
        circuit.drive(top, Waveform::constant(drive_v)).unwrap();
        circuit.resistor(top, out, ohm).unwrap();
        circuit.bank(Box::new(diode.clone()), &[(out, Circuit::GROUND)]).unwrap();
        circuit.operating_point().unwrap();
        // One or three solutions; whichever it is, the currents agree.
        let v = circuit.solution().voltage_v(out);
        let (through, into) = (diode.current_a(v), (drive_v - v) / ohm);
        prop_assert!((through - into).abs() < 1e-6 * (through.abs() + 1e-6), "{through} A and {into} A at {v} V");
    }
}

#[test]
fn energy_of_a_charged_capacitor_ends_in_the_resistor() {
    // Half of what the source gives stays in the capacitor, whatever the resistor.
    for ohm in [10.0, 1e4] {
        let mut circuit = Circuit::new();
        let (top, out) = (circuit.node("top"), circuit.node("out"));
        let source = circuit.drive(top, Waveform::constant(2.0)).unwrap();
        let resistor = circuit.resistor(top, out, ohm).unwrap();
        let capacitor = circuit.capacitor(out, Circuit::GROUND, 1e-9).unwrap();
        let (mut given, mut heat, mut before) = (0.0, 0.0, (0.0, 0.0, 0.0));
        circuit
            .transient(20.0 * ohm * 1e-9, &Unwatched, |t, s| {
                let now = (t, -s.power_w(source), s.power_w(resistor));
                given += 0.5 * (now.0 - before.0) * (now.1 + before.1);
                heat += 0.5 * (now.0 - before.0) * (now.2 + before.2);
                before = now;
            })
            .unwrap();
        let stored = circuit.solution().stored_j(capacitor);
        assert!((stored / 2e-9 - 1.0).abs() < 1e-4, "C V^2 / 2 = 2 nJ, found {stored}");
        assert!((heat / 2e-9 - 1.0).abs() < 1e-3 && (given / 4e-9 - 1.0).abs() < 1e-3, "{heat} {given}");
    }
}

#[test]
fn a_sinh_resistor_discharges_a_capacitor_as_integration_says() {
    // C dv/dt = -i0 sinh(v / v0): tanh(v / 2 v0) = tanh(V / 2 v0) exp(-i0 t / (C v0)).
    let (i0_a, v0_v, farad, start_v) = (1e-6, 0.2, 1e-9, 1.5);
    let mut circuit = Circuit::new();
    let out = circuit.node("out");
    circuit.charged_capacitor(out, Circuit::GROUND, farad, start_v).unwrap();
    circuit.bank(Box::new(Sinh::new(1, i0_a, v0_v)), &[(out, Circuit::GROUND)]).unwrap();
    let mut worst = 0.0f64;
    circuit
        .transient(1e-3, &Unwatched, |t, s| {
            let fraction = (start_v / (2.0 * v0_v)).tanh() * (-i0_a * t / (farad * v0_v)).exp();
            worst = worst.max((s.voltage_v(out) - 2.0 * v0_v * fraction.atanh()).abs());
        })
        .unwrap();
    assert!(worst < 1.5e-3, "{worst}");
}

#[test]
fn a_compliance_limits_the_current_and_takes_the_voltage() {
    let mut circuit = Circuit::new();
    let (top, middle) = (circuit.node("top"), circuit.node("middle"));
    circuit.drive(top, Waveform::triangle(3.0, 1e3).unwrap()).unwrap();
    let compliance = Compliance { limit_a: 1e-4, reverse_limit_a: f64::INFINITY, on_resistance_ohm: 50.0 };
    circuit.compliance(top, middle, compliance).unwrap();
    let device = circuit.resistor(middle, Circuit::GROUND, 1e3).unwrap();
    let (mut highest, mut lowest, mut small) = (0.0f64, 0.0f64, Vec::new());
    circuit
        .transient(1e-3, &Unwatched, |_, s| {
            let i = s.current_a(device);
            highest = highest.max(i);
            lowest = lowest.min(i);
            if (1e-9..3e-5).contains(&i) {
                small.push(s.voltage_v(top) / i);
            }
        })
        .unwrap();
    // 2.9 V over the limiter are 580 times r I: 1 - 1/(2 580^2) of the limit.
    assert!(highest < 1e-4 && highest > 0.99999e-4, "{highest}");
    assert!((lowest + 3.0 / 1050.0).abs() < 1e-9, "no limit this way: {lowest}");
    assert!(small.iter().all(|ohm| (ohm / 1050.0 - 1.0).abs() < 3e-3), "{small:?}");
    assert!(!small.is_empty());
}

#[test]
fn a_drifting_memristor_follows_its_flux() {
    // From M(x) dx = k v dt the loop has a closed form: M0 x - range x^2 / 2 = k flux, with the series resistor in M0.
    let (on_ohm, off_ohm, series_ohm, amplitude_v, hz) = (100.0, 16e3, 500.0, 1.0, 1.0);
    let (range, m0) = (off_ohm - on_ohm, off_ohm + series_ohm);
    // So that the flux of half a period, amplitude / (pi hz), takes the state to 0.9.
    let k = (m0 * 0.9 - 0.5 * range * 0.81) / (amplitude_v / (std::f64::consts::PI * hz));
    let mut circuit = Circuit::new();
    let top = circuit.node("top");
    circuit.drive(top, Waveform::sine(amplitude_v, hz).unwrap()).unwrap();
    let (device, _) = circuit.series_resistor(top, series_ohm).unwrap();
    let drift = Drift::new(on_ohm, off_ohm, k, 1e-4);
    let bank = circuit.bank(Box::new(drift), &[(device, Circuit::GROUND)]).unwrap();
    let (mut states, mut currents) = (0.0f64, 0.0f64);
    let mut largest = 0.0f64;
    let statistics = circuit
        .transient(2.0, &Unwatched, |t, s| {
            let flux =
                amplitude_v / (std::f64::consts::TAU * hz) * (1.0 - (std::f64::consts::TAU * hz * t).cos());
            let x = (m0 - (m0 * m0 - 2.0 * range * k * flux).sqrt()) / range;
            let i = amplitude_v * (std::f64::consts::TAU * hz * t).sin() / (m0 - range * x);
            states = states.max((s.states(bank)[0] - x).abs());
            currents = currents.max((s.cell_currents_a(bank)[0] - i).abs());
            largest = largest.max(i.abs());
        })
        .unwrap();
    assert!(largest > 1.5 * amplitude_v / m0, "a real loop: {largest}");
    assert!(states < 1e-3 && currents < 1e-3 * largest, "{states} {currents} {largest} {statistics:?}");
}

#[test]
fn a_solution_that_ends_in_a_fold_gives_way_to_another() {
    // Found by the property above: at 1.06 mA the rising load line leaves the diode's peak, far from the next solution.
    let diode = Tunnel { peak_a: 1e-3, peak_v: 0.1 };
    let (drive_v, ohm) = (2.595_568_955_693_416_5, 1_966.379_336_923_470_6);
    let mut circuit = Circuit::new();
    let (top, out) = (circuit.node("top"), circuit.node("out"));
    circuit.drive(top, Waveform::constant(drive_v)).unwrap();
    circuit.resistor(top, out, ohm).unwrap();
    circuit.bank(Box::new(diode.clone()), &[(out, Circuit::GROUND)]).unwrap();
    circuit.operating_point().unwrap();
    let v = circuit.solution().voltage_v(out);
    assert!(v > 0.4 && (diode.current_a(v) - (drive_v - v) / ohm).abs() < 1e-9, "{v}");
}
