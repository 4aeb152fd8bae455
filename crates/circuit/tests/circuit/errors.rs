//! What is refused, and how it is told.

use crate::common;

use common::{Drift, Sinh};
use neurohm_circuit::{Circuit, CircuitError, Options, Pulses, Waveform};
use neurohm_num::{Cancelled, Unwatched, Watch};

const GROUND: neurohm_circuit::Node = Circuit::GROUND;

#[test]
fn values_outside_of_physics_are_refused_with_their_place() {
    let mut circuit = Circuit::new();
    let (a, b) = (circuit.node("in"), circuit.node("out"));
    let told = |e: CircuitError| e.to_string();
    for ohm in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
        let text = told(circuit.resistor(a, b, ohm).unwrap_err());
        let expected =
            format!("resistor from in to out: resistance (Ohm) is {ohm}; give a positive finite value");
        assert_eq!(text, expected);
    }
    assert!(
        told(circuit.capacitor(a, GROUND, -1e-9).unwrap_err()).starts_with("capacitor from in to ground")
    );
    assert!(told(circuit.inductor(a, GROUND, 0.0).unwrap_err()).contains("inductance (H) is 0"));
    assert!(
        told(circuit.charged_capacitor(a, b, 1.0, f64::NAN).unwrap_err()).contains("initial voltage (V)")
    );
    assert!(told(circuit.drive(GROUND, Waveform::constant(1.0)).unwrap_err()).contains("other than ground"));
    let limit = neurohm_circuit::Compliance::symmetric(-1e-3, 50.0);
    assert!(told(circuit.compliance(a, b, limit).unwrap_err()).contains("limit (A) is -0.001"));
    let pairs = circuit.bank(Box::new(Sinh::new(2, 1e-6, 0.1)), &[(a, b)]).unwrap_err();
    assert_eq!(told(pairs), "1 pairs of nodes for a bank of 2 cells: give one for each");
    let mut other = Circuit::new();
    assert!(matches!(other.resistor(a, GROUND, 1.0), Err(CircuitError::UnknownNode { node: 1, .. })));
    let resistor = circuit.resistor(a, b, 1.0).unwrap();
    assert!(matches!(
        circuit.redrive(resistor, Waveform::constant(0.0)),
        Err(CircuitError::NotDriven { .. })
    ));
    let options = Options { relative_tolerance: 0.0, ..Options::default() };
    assert!(told(circuit.set_options(options).unwrap_err()).contains("`relative_tolerance` is 0"));
}

#[test]
fn waveforms_that_cannot_be_are_refused() {
    let pulses = Pulses {
        low: 0.0,
        high: 1.0,
        delay_s: 0.0,
        rise_s: 1e-9,
        width_s: 1e-6,
        fall_s: 1e-9,
        period_s: 1e-6,
        count: None,
    };
    let text = Waveform::pulses(pulses).unwrap_err().to_string();
    assert!(text.contains("longer than its period of 0.000001 s"), "{text}");
    assert!(Waveform::pulses(Pulses { width_s: f64::NAN, ..pulses }).is_err());
    assert!(Waveform::pulses(Pulses { period_s: 1.0, count: Some(0), ..pulses }).is_err());
    assert!(Waveform::sine(1.0, 0.0).is_err() && Waveform::triangle(f64::NAN, 1.0).is_err());
    assert!(Waveform::samples(&[], &[]).is_err() && Waveform::samples(&[0.0], &[]).is_err());
    let text = Waveform::samples(&[0.0, 2.0, 1.0], &[0.0; 3]).unwrap_err().to_string();
    assert_eq!(text, "samples: point 2 at 1 s comes before point 1 at 2 s; sort by time");
    let sloped = Waveform::pulses(Pulses { period_s: 1.0, ..pulses }).unwrap();
    assert!(Waveform::constant(1.0).gated(&sloped).is_err());
}

#[test]
fn floating_nodes_are_named() {
    let mut circuit = Circuit::new();
    let (a, b, c) = (circuit.node("bit line"), circuit.node("p"), circuit.node("q"));
    circuit.resistor(a, GROUND, 1e3).unwrap();
    circuit.resistor(b, c, 1e3).unwrap();
    circuit.inject(GROUND, b, Waveform::constant(1e-6)).unwrap();
    let text = circuit.transient(1.0, &Unwatched, |_, _| {}).unwrap_err().to_string();
    assert!(text.starts_with("nodes p, q float at 0 s: no path leads to ground"), "{text}");
    // A capacitor ties a node in time, and not for direct current.
    circuit.capacitor(c, GROUND, 1e-9).unwrap();
    circuit.transient(1e-6, &Unwatched, |_, _| {}).unwrap();
    let text = circuit.operating_point().unwrap_err().to_string();
    assert!(text.starts_with("nodes p, q float") && text.contains("no path for direct current"), "{text}");
}

#[test]
fn a_node_that_floats_once_its_source_lets_go_is_told_with_the_time() {
    let mut circuit = Circuit::new();
    let a = circuit.node("a");
    let gate = Waveform::samples(&[0.0, 1e-3, 1e-3], &[1.0, 1.0, 0.0]).unwrap();
    circuit.drive(a, Waveform::constant(1.0).gated(&gate).unwrap()).unwrap();
    circuit.inject(GROUND, a, Waveform::constant(1e-3)).unwrap();
    let error = circuit.transient(2e-3, &Unwatched, |_, _| {}).unwrap_err();
    let CircuitError::Floating { nodes, t_s, .. } = &error else { panic!("{error}") };
    assert!(nodes == &["a"] && *t_s > 1e-3 && *t_s < 1.01e-3, "{error}");
    assert_eq!(circuit.time_s(), 1e-3, "the last good instant");
    assert_eq!(circuit.solution().voltage_v(a), 1.0);
}

#[test]
fn what_nothing_determines_is_named() {
    let mut circuit = Circuit::new();
    let a = circuit.node("a");
    circuit.drive(a, Waveform::constant(1.0)).unwrap();
    circuit.inductor(a, GROUND, 1e-3).unwrap();
    let text = circuit.operating_point().unwrap_err().to_string();
    assert!(text.starts_with("nothing determines the current of the ") && text.contains(" a"), "{text}");
    let mut circuit = Circuit::new();
    let a = circuit.node("a");
    circuit.drive(a, Waveform::constant(1.0)).unwrap();
    circuit.drive(a, Waveform::constant(1.0)).unwrap();
    let text = circuit.operating_point().unwrap_err().to_string();
    assert!(text.starts_with("two voltage sources drive node a at 0 s"), "{text}");
}

#[test]
fn a_source_without_a_number_is_named_with_its_time() {
    let mut circuit = Circuit::new();
    let a = circuit.node("gate");
    let f = |t: f64| Some(if t < 0.5 { 1.0 } else { f64::NAN });
    circuit.drive(a, Waveform::function(f, &[]).unwrap()).unwrap();
    circuit.resistor(a, GROUND, 1.0).unwrap();
    let error = circuit.transient(1.0, &Unwatched, |_, _| {}).unwrap_err();
    let CircuitError::SourceValue { part, value, t_s } = &error else { panic!("{error}") };
    assert!(part == "source at gate" && value.is_nan() && *t_s >= 0.5);
    assert!(circuit.time_s() < 0.5 && circuit.solution().voltage_v(a) == 1.0, "the last good state stays");
}

#[test]
fn a_cell_that_fails_is_named_with_voltage_and_time_and_the_state_stays() {
    let mut circuit = Circuit::new();
    let (top, a, b) = (circuit.node("top"), circuit.node("a"), circuit.node("b"));
    circuit.drive(top, Waveform::samples(&[0.0, 1e-3], &[0.0, 1.0]).unwrap()).unwrap();
    circuit.resistor(top, a, 1.0).unwrap();
    circuit.resistor(top, b, 1.0).unwrap();
    circuit.resistor(b, GROUND, 1.0).unwrap();
    let cells = Sinh { fails_at_v: 0.6, ..Sinh::new(2, 1e-9, 0.2) };
    circuit.bank(Box::new(cells), &[(b, GROUND), (a, GROUND)]).unwrap();
    let error = circuit.transient(1e-3, &Unwatched, |_, _| {}).unwrap_err();
    let CircuitError::Cell { bank: 0, cell: 1, voltage_v, t_s, .. } = &error else { panic!("{error}") };
    assert!((voltage_v - 0.6).abs() < 1e-6 && (t_s - 0.6e-3).abs() < 1e-9, "{error}");
    assert!((circuit.time_s() - 0.6e-3).abs() < 1e-9);
    assert!((circuit.solution().voltage_v(a) - 0.6).abs() < 1e-6, "the last good state stays");
    assert!(error.to_string().starts_with("cell 1 of bank 0 at 0.6"), "{error}");
}

#[test]
fn a_failed_solve_shortens_the_step() {
    let mut circuit = Circuit::new();
    let (top, a) = (circuit.node("top"), circuit.node("a"));
    circuit.drive(top, Waveform::constant(1.0)).unwrap();
    circuit.resistor(top, a, 1.0).unwrap();
    let cells = Sinh { fails_over_s: 3e-3, ..Sinh::new(1, 1e-9, 0.2) };
    circuit.bank(Box::new(cells), &[(a, GROUND)]).unwrap();
    let mut longest = 0.0f64;
    let mut before = 0.0;
    let statistics = circuit
        .transient(1.0, &Unwatched, |t, _| {
            longest = longest.max(t - before);
            before = t;
        })
        .unwrap();
    assert!(statistics.failed > 0 && longest <= 3e-3 * (1.0 + 1e-12), "{longest} {statistics:?}");
}

#[test]
fn ends_in_the_past_and_cancellation() {
    struct After(std::sync::atomic::AtomicU64);
    impl Watch for After {
        fn step(&self, done: u64) -> Result<(), Cancelled> {
            let before = self.0.fetch_add(done, std::sync::atomic::Ordering::Relaxed);
            if before >= 9 { Err(Cancelled) } else { Ok(()) }
        }
    }
    let mut circuit = Circuit::new();
    let a = circuit.node("a");
    circuit.drive(a, Waveform::constant(1.0)).unwrap();
    circuit.resistor(a, GROUND, 1.0).unwrap();
    let error = circuit.transient(1.0, &After(0.into()), |_, _| {}).unwrap_err();
    assert_eq!(error, CircuitError::Cancelled(Cancelled));
    let reached = circuit.time_s();
    assert!(reached > 0.0 && reached < 1.0);
    circuit.transient(1.0, &Unwatched, |_, _| {}).unwrap();
    assert_eq!(circuit.time_s(), 1.0);
    for end in [0.5, f64::NAN, f64::INFINITY] {
        assert!(matches!(circuit.transient(end, &Unwatched, |_, _| {}), Err(CircuitError::End { .. })));
    }
}

#[test]
fn an_empty_circuit_passes_the_time() {
    let mut circuit = Circuit::new();
    circuit.operating_point().unwrap();
    circuit.transient(1.0, &Unwatched, |_, _| {}).unwrap();
    assert_eq!(circuit.time_s(), 1.0);
}

#[test]
fn states_that_no_step_follows_are_told() {
    let mut circuit = Circuit::new();
    let a = circuit.node("a");
    circuit.drive(a, Waveform::constant(1.0)).unwrap();
    circuit.bank(Box::new(Drift::new(100.0, 16e3, 1.0, 1e-300)), &[(a, GROUND)]).unwrap();
    let error = circuit.transient(1.0, &Unwatched, |_, _| {}).unwrap_err();
    assert!(matches!(error, CircuitError::Tolerance { .. }), "{error}");
    assert!(error.to_string().contains("still too long for the states of bank 0"), "{error}");
}

#[test]
fn a_current_that_is_no_number_is_told_with_its_cell() {
    let mut circuit = Circuit::new();
    let a = circuit.node("a");
    circuit.drive(a, Waveform::constant(1.0)).unwrap();
    circuit.bank(Box::new(Sinh::new(2, f64::NAN, 0.1)), &[(a, GROUND), (a, GROUND)]).unwrap();
    let text = circuit.operating_point().unwrap_err().to_string();
    assert!(
        text.starts_with("cell 0 of bank 0 at 0 V, 0 s") && text.contains("the current (A) is NaN"),
        "{text}"
    );
}
