//! The relaxation oscillator against its exact period, and jumps of cells against their instants.

use crate::common;

use common::{Scheduled, Switch};
use neurohm_circuit::{Circuit, CircuitError, Options, RelaxationOscillator, Statistics, Waveform};
use neurohm_num::Unwatched;

const OSCILLATOR: RelaxationOscillator =
    RelaxationOscillator { supply_v: 2.0, series_ohm: 100e3, farad: 10e-12 };
const SWITCH: (f64, f64, f64, f64) = (1.2, 0.4, 2e3, 10e6);

fn exact_period_s() -> f64 {
    OSCILLATOR.period_s(SWITCH.0, SWITCH.1, SWITCH.2, SWITCH.3).unwrap()
}

/// Instants at which the switch goes on, over so many periods.
fn ignitions(tolerance: f64, periods: f64) -> (Vec<f64>, Statistics) {
    let mut circuit = Circuit::new();
    let voltage_tolerance_v = 0.1 * tolerance;
    let options = Options { relative_tolerance: tolerance, voltage_tolerance_v, ..Options::default() };
    circuit.set_options(options).unwrap();
    let (threshold, hold, on, off) = SWITCH;
    let parts = OSCILLATOR.build(&mut circuit, Box::new(Switch::new(threshold, hold, on, off))).unwrap();
    let (mut times, mut was) = (Vec::new(), 0.0);
    let statistics = circuit
        .transient(periods * exact_period_s(), &Unwatched, |t, solution| {
            let on = solution.states(parts.switch)[0];
            if on > was {
                times.push(t);
            }
            was = on;
        })
        .unwrap();
    (times, statistics)
}

fn mean_period_s(times: &[f64]) -> f64 {
    (times[times.len() - 1] - times[0]) / (times.len() - 1) as f64
}

#[test]
fn the_formula_is_the_textbook_one_for_an_ideal_switch() {
    // Off infinite, on zero: the discharge takes no time, and T = R C ln((V - hold) / (V - threshold)).
    let period = OSCILLATOR.period_s(1.2, 0.4, 1e-9, f64::INFINITY).unwrap();
    let textbook = 100e3 * 10e-12 * ((2.0f64 - 0.4) / (2.0 - 1.2)).ln();
    assert!((period / textbook - 1.0).abs() < 1e-9, "{period} and {textbook}");
    assert_eq!(OSCILLATOR.period_s(2.5, 0.4, 2e3, 10e6), None, "the threshold is above the supply");
    assert_eq!(
        OSCILLATOR.period_s(1.2, 0.01, 2e3, 10e6),
        None,
        "the divider holds more than the holding voltage"
    );
}

#[test]
fn a_hundred_periods_are_the_exact_ones() {
    let (times, statistics) = ignitions(Options::default().relative_tolerance, 101.5);
    assert!(times.len() >= 101, "{} ignitions", times.len());
    let (found, exact) = (mean_period_s(&times), exact_period_s());
    assert!((found / exact - 1.0).abs() < 1e-3, "{found} s, exactly {exact} s, {statistics:?}");
    // Jumps are not smeared: a period costs a few dozen steps, not hundreds.
    assert!(statistics.steps < 101 * 150, "{statistics:?}");
}

#[test]
fn the_period_converges_to_the_exact_one() {
    let error = |tolerance: f64| (mean_period_s(&ignitions(tolerance, 5.5).0) / exact_period_s() - 1.0).abs();
    let (coarse, fine) = (error(1e-4), error(1e-7));
    assert!(fine < 1e-4, "{fine}");
    // Errors of a step times the number of steps: (1e-3)^(2/3) = 1/100; half of that is required.
    assert!(coarse > 50.0 * fine, "{coarse} and {fine}");
}

#[test]
fn steps_land_on_jumps() {
    // RC whose resistor changes at instants that no step would meet: exact is a piecewise exponential.
    let (times, ohms) = ([0.31234e-3, 0.5 / 7.0 * 1e-2, 0.9e-3], [1e3, 5e3, 200.0, 1e3]);
    let mut circuit = Circuit::new();
    let out = circuit.node("out");
    circuit.charged_capacitor(out, Circuit::GROUND, 1e-6, 1.0).unwrap();
    let bank = circuit.bank(Box::new(Scheduled::new(&ohms, &times)), &[(out, Circuit::GROUND)]).unwrap();
    let exact = |t: f64| {
        let mut exponent = 0.0;
        for k in 0..4 {
            let begin = if k == 0 { 0.0 } else { times[k - 1] };
            let end = times.get(k).copied().unwrap_or(f64::INFINITY).min(t);
            exponent += (end - begin).max(0.0) / (ohms[k] * 1e-6);
        }
        (-exponent).exp()
    };
    let mut worst = 0.0f64;
    let statistics = circuit
        .transient(1e-3, &Unwatched, |t, s| worst = worst.max((s.voltage_v(out) - exact(t)).abs()))
        .unwrap();
    let jumped = circuit.solution().states(bank);
    assert_eq!(jumped[0], 3.0);
    for (at, planned) in jumped[1..].iter().zip(times) {
        assert!((at / planned - 1.0).abs() < 1e-8, "jumped at {at}, not {planned}");
    }
    assert!(worst < 1e-3, "{worst}, {statistics:?}");
    assert_eq!(statistics.jumps, 3);
}

#[test]
fn a_switch_without_hysteresis_is_told_and_not_looped_over() {
    // On it pulls the node below the voltage at which it goes off again, and there is no capacitor.
    let mut circuit = Circuit::new();
    let (top, out) = (circuit.node("top"), circuit.node("out"));
    circuit.drive(top, Waveform::constant(1.0)).unwrap();
    circuit.resistor(top, out, 1e3).unwrap();
    circuit.bank(Box::new(Switch::new(0.5, 0.4, 10.0, 1e6)), &[(out, Circuit::GROUND)]).unwrap();
    let error = circuit.transient(1.0, &Unwatched, |_, _| {}).unwrap_err();
    assert!(matches!(error, CircuitError::Chatter { bank: 0, .. }), "{error}");
    assert!(error.to_string().contains("no hysteresis"));
}
