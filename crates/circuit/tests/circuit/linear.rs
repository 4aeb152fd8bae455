//! Linear circuits against their analytic solutions.

use neurohm_circuit::{Circuit, Options, Pulses, Waveform};
use neurohm_num::Unwatched;

const GROUND: neurohm_circuit::Node = Circuit::GROUND;

fn with_tolerance(relative_tolerance: f64) -> Circuit {
    let mut circuit = Circuit::new();
    let tight = Options {
        relative_tolerance,
        voltage_tolerance_v: 1e-3 * relative_tolerance,
        current_tolerance_a: 1e-6 * relative_tolerance,
        max_step_s: Some(1.0),
        ..Options::default()
    };
    circuit.set_options(tight).unwrap();
    circuit
}

/// Largest error against `1 - exp(-t / 1 ms)` over 5 ms, and the steps it took: a capacitor's voltage, or an inductor's
/// current in mA.
fn charging(inductor: bool, tolerance: f64) -> (f64, u64) {
    let mut circuit = with_tolerance(tolerance);
    let (top, out) = (circuit.node("top"), circuit.node("out"));
    circuit.drive(top, Waveform::constant(1.0)).unwrap();
    let resistor = circuit.resistor(top, out, 1e3).unwrap();
    if inductor {
        circuit.inductor(out, GROUND, 1.0).unwrap();
    } else {
        circuit.capacitor(out, GROUND, 1e-6).unwrap();
    }
    let mut worst = 0.0f64;
    let statistics = circuit
        .transient(5e-3, &Unwatched, |t, s| {
            let found = if inductor { 1e3 * s.current_a(resistor) } else { s.voltage_v(out) };
            worst = worst.max((found - (1.0 - (-t / 1e-3).exp())).abs());
        })
        .unwrap();
    (worst, statistics.steps)
}

#[test]
fn errors_of_charging_fall_at_the_methods_order() {
    for inductor in [false, true] {
        let runs: Vec<(f64, u64)> = [1e-4, 1e-6, 1e-8].map(|tolerance| charging(inductor, tolerance)).into();
        for (pair, tolerance) in runs.windows(2).zip([1e-6, 1e-8]) {
            let ((coarse, few), (fine, many)) = (pair[0], pair[1]);
            let order = (coarse / fine).ln() / (many as f64 / few as f64).ln();
            assert!((1.7..2.5).contains(&order), "order {order} at {tolerance}: {runs:?}");
            // No more than if every step erred by what it may, all in one direction.
            assert!(fine < many as f64 * tolerance, "{runs:?}");
        }
    }
}

#[test]
fn a_ladder_divides_as_the_formula_says() {
    // R-2R ladder: every stage halves (Kirchhoff by hand: 2R || 2R = R everywhere).
    let mut circuit = Circuit::new();
    let top = circuit.node("top");
    circuit.drive(top, Waveform::constant(1.6)).unwrap();
    let mut nodes = vec![top];
    for stage in 0..12 {
        let next = circuit.node(&format!("stage {stage}"));
        circuit.resistor(nodes[stage], next, 1e3).unwrap();
        circuit.resistor(next, GROUND, if stage == 11 { 1e3 } else { 2e3 }).unwrap();
        nodes.push(next);
    }
    circuit.operating_point().unwrap();
    for (stage, &node) in nodes.iter().enumerate() {
        let expected = 1.6 * 0.5f64.powi(stage as i32);
        assert!((circuit.solution().voltage_v(node) / expected - 1.0).abs() < 1e-12, "stage {stage}");
    }
}

#[test]
fn an_operating_point_stays_where_it_is() {
    let mut circuit = Circuit::new();
    let (top, out, coil) = (circuit.node("top"), circuit.node("out"), circuit.node("coil"));
    circuit.drive(top, Waveform::constant(3.0)).unwrap();
    circuit.resistor(top, out, 1e3).unwrap();
    circuit.capacitor(out, GROUND, 1e-9).unwrap();
    let inductor = circuit.inductor(out, coil, 1e-3).unwrap();
    circuit.resistor(coil, GROUND, 2e3).unwrap();
    circuit.operating_point().unwrap();
    assert!((circuit.solution().voltage_v(out) - 2.0).abs() < 1e-12);
    assert!((circuit.solution().current_a(inductor) - 1e-3).abs() < 1e-15);
    let mut drift = 0.0f64;
    circuit.transient(1e-3, &Unwatched, |_, s| drift = drift.max((s.voltage_v(out) - 2.0).abs())).unwrap();
    assert!(drift < 1e-9, "{drift}");
}

#[test]
fn an_oscillating_circuit_keeps_its_energy_and_period() {
    // Undamped LC: V cos(w t). BDF2 damps, by as much as the tolerance allows.
    let mut circuit = with_tolerance(1e-8);
    let out = circuit.node("out");
    let capacitor = circuit.charged_capacitor(out, GROUND, 1e-9, 1.0).unwrap();
    let inductor = circuit.inductor(out, GROUND, 1e-3).unwrap();
    let w = 1.0 / (1e-9f64 * 1e-3).sqrt();
    let (mut worst, mut energy) = (0.0f64, 0.0f64);
    circuit
        .transient(3.0 * std::f64::consts::TAU / w, &Unwatched, |t, s| {
            worst = worst.max((s.voltage_v(out) - (w * t).cos()).abs());
            let stored = s.stored_j(capacitor) + s.stored_j(inductor);
            energy = energy.max((stored / 0.5e-9 - 1.0).abs());
        })
        .unwrap();
    assert!(worst < 1e-4 && energy < 1e-4, "{worst} {energy}");
}

#[test]
fn a_pulse_that_lets_go_leaves_the_charge() {
    // Driven to 1 V through a gate, then high impedance: the capacitor keeps what it has, then decays over 1 MOhm.
    let pulse = Pulses {
        low: 0.0,
        high: 1.0,
        delay_s: 1e-6,
        rise_s: 0.0,
        width_s: 20e-6,
        fall_s: 0.0,
        period_s: 1.0,
        count: Some(1),
    };
    let gate = Waveform::pulses(pulse).unwrap();
    let mut circuit = with_tolerance(1e-6);
    let (top, out) = (circuit.node("top"), circuit.node("out"));
    let source = circuit.drive(top, Waveform::constant(1.0).gated(&gate).unwrap()).unwrap();
    circuit.resistor(top, out, 1e3).unwrap();
    circuit.capacitor(out, GROUND, 1e-9).unwrap();
    circuit.resistor(out, GROUND, 1e6).unwrap();
    let (mut worst, mut marks) = (0.0f64, Vec::new());
    circuit
        .transient(1e-3, &Unwatched, |t, s| {
            let level = 1e6 / (1e6 + 1e3);
            let charged = level * (1.0 - (-(t.min(21e-6) - 1e-6).max(0.0) / (level * 1e-6)).exp());
            let exact = if t <= 21e-6 { charged } else { charged * (-(t - 21e-6) / 1e-3).exp() };
            worst = worst.max((s.voltage_v(out) - exact).abs());
            if t == 1e-6 || (t - 21e-6).abs() < 1e-20 {
                marks.push(t);
            }
            if t > 22e-6 {
                assert_eq!(s.current_a(source), 0.0);
            }
        })
        .unwrap();
    assert_eq!(marks.len(), 2, "edges are landed on: {marks:?}");
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn a_function_that_jumps_unannounced_is_followed_all_the_same() {
    let mut circuit = with_tolerance(1e-5);
    let (top, out) = (circuit.node("top"), circuit.node("out"));
    let f = |t: f64| Some(if t < 0.31e-3 { 0.0 } else { 1.0 });
    circuit.drive(top, Waveform::function(f, &[]).unwrap()).unwrap();
    circuit.resistor(top, out, 1e3).unwrap();
    circuit.capacitor(out, GROUND, 1e-7).unwrap();
    let options = Options { max_step_s: Some(1e-5), ..circuit.options().clone() };
    circuit.set_options(options).unwrap();
    let mut worst = 0.0f64;
    circuit
        .transient(1e-3, &Unwatched, |t, s| {
            let exact = if t < 0.31e-3 { 0.0 } else { 1.0 - (-(t - 0.31e-3) / 1e-4).exp() };
            worst = worst.max((s.voltage_v(out) - exact).abs());
        })
        .unwrap();
    assert!(worst < 1e-3, "{worst}");
}

#[test]
fn an_unchanged_matrix_is_not_factored_again() {
    let mut circuit = Circuit::new();
    let (top, out) = (circuit.node("top"), circuit.node("out"));
    circuit.drive(top, Waveform::sine(1.0, 1e3).unwrap()).unwrap();
    circuit.resistor(top, out, 1e3).unwrap();
    circuit.resistor(out, GROUND, 1e3).unwrap();
    let statistics = circuit.transient(1e-3, &Unwatched, |_, _| {}).unwrap();
    assert!(statistics.steps > 50 && statistics.factorisations == 1, "{statistics:?}");
}

#[test]
fn a_transient_in_two_parts_ends_where_one_does() {
    let build = || {
        let mut circuit = Circuit::new();
        let (top, out) = (circuit.node("top"), circuit.node("out"));
        let source = circuit.drive(top, Waveform::constant(1.0)).unwrap();
        circuit.resistor(top, out, 1e3).unwrap();
        circuit.capacitor(out, GROUND, 1e-9).unwrap();
        (circuit, source, out)
    };
    let (mut whole, _, out) = build();
    whole.transient(2e-6, &Unwatched, |_, _| {}).unwrap();
    let (mut parts, source, _) = build();
    parts.transient(0.7e-6, &Unwatched, |_, _| {}).unwrap();
    let snapshot = parts.clone();
    parts.transient(2e-6, &Unwatched, |_, _| {}).unwrap();
    let difference = parts.solution().voltage_v(out) - whole.solution().voltage_v(out);
    assert!(difference.abs() < 1e-4, "{difference}");
    // The clone is still at 0.7 us, and discharges from there under another waveform.
    let mut other = snapshot;
    assert_eq!(other.time_s(), 0.7e-6);
    other.redrive(source, Waveform::constant(0.0)).unwrap();
    other.transient(2e-6, &Unwatched, |_, _| {}).unwrap();
    let exact = (1.0 - (-0.7f64).exp()) * (-1.3f64).exp();
    assert!((other.solution().voltage_v(out) - exact).abs() < 1e-4);
}

#[test]
fn a_capacitor_across_a_jumping_source_takes_its_charge_at_once() {
    // An impulse of current, which no step resolves; the RC behind it has to be right all the same.
    let pulses = Pulses {
        low: 0.0,
        high: 1.0,
        delay_s: 1e-6,
        rise_s: 0.0,
        width_s: 1e-6,
        fall_s: 0.0,
        period_s: 4e-6,
        count: Some(2),
    };
    let mut circuit = with_tolerance(1e-5);
    let (top, out) = (circuit.node("top"), circuit.node("out"));
    circuit.drive(top, Waveform::pulses(pulses).unwrap()).unwrap();
    let across = circuit.capacitor(top, GROUND, 1e-12).unwrap();
    circuit.resistor(top, out, 1e3).unwrap();
    circuit.capacitor(out, GROUND, 1e-9).unwrap();
    // Levels that the exponentials (time constant 1 us) start from at each edge.
    let decay = |t: f64| (-t / 1e-6).exp();
    let (first, second) = (1.0 - decay(1e-6), 1.0 - (1.0 - (1.0 - decay(1e-6)) * decay(3e-6)) * decay(1e-6));
    let mut worst = 0.0f64;
    circuit
        .transient(7e-6, &Unwatched, |t, s| {
            let exact = match t {
                _ if t <= 1e-6 => 0.0,
                _ if t <= 2e-6 => 1.0 - decay(t - 1e-6),
                _ if t <= 5e-6 => first * decay(t - 2e-6),
                _ if t <= 6e-6 => 1.0 - (1.0 - first * decay(3e-6)) * decay(t - 5e-6),
                _ => second * decay(t - 6e-6),
            };
            worst = worst.max((s.voltage_v(out) - exact).abs());
            if t > 1.01e-6 && t < 1.99e-6 {
                assert!((s.stored_j(across) / 0.5e-12 - 1.0).abs() < 1e-9);
            }
        })
        .unwrap();
    assert!(worst < 5e-4, "{worst}");
}
