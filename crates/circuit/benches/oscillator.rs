//! How long circuits take: a hundred periods of a relaxation oscillator, and a sinh rectifier under three periods of a
//! sine.
//!
//! The rectifier is the circuit of `tests/ngspice.rs`, so that its time can be held against `ngspice -b`.

#[path = "../tests/circuit/common/mod.rs"]
mod common;

use common::{Sinh, Switch};
use neurohm_circuit::{Circuit, RelaxationOscillator, Waveform};
use neurohm_num::Unwatched;

fn main() {
    divan::main();
}

#[divan::bench]
fn relaxation_100_periods(bencher: divan::Bencher) {
    let oscillator = RelaxationOscillator { supply_v: 2.0, series_ohm: 100e3, farad: 10e-12 };
    let period_s = oscillator.period_s(1.2, 0.4, 2e3, 10e6).unwrap();
    bencher.bench(|| {
        let mut circuit = Circuit::new();
        oscillator.build(&mut circuit, Box::new(Switch::new(1.2, 0.4, 2e3, 10e6))).unwrap();
        circuit.transient(100.0 * period_s, &Unwatched, |_, _| {}).unwrap()
    });
}

#[divan::bench]
fn sinh_rectifier(bencher: divan::Bencher) {
    bencher.bench(|| {
        let mut circuit = Circuit::new();
        let (top, a, out) = (circuit.node("in"), circuit.node("a"), circuit.node("out"));
        circuit.drive(top, Waveform::sine(1.5, 1e3).unwrap()).unwrap();
        circuit.resistor(top, a, 1e3).unwrap();
        circuit.bank(Box::new(Sinh::new(1, 1e-6, 0.15)), &[(a, out)]).unwrap();
        circuit.capacitor(out, Circuit::GROUND, 20e-9).unwrap();
        circuit.resistor(out, Circuit::GROUND, 20e3).unwrap();
        circuit.transient(3e-3, &Unwatched, |_, _| {}).unwrap()
    });
}
