//! Published models in circuits: what a series resistor, a compliance and a capacitor make of them, against closed forms
//! and against an integration that shares nothing with ours but the models' rates.

use neurohm_circuit::{Circuit, CircuitError, Compliance, Node, Options, RelaxationOscillator, Waveform};
use neurohm_device::compact::{Bank, Dynamic, NiobiumThreshold, Vteam};
use neurohm_num::{Cancelled, Key, Unwatched, Watch};

const GROUND: Node = Circuit::GROUND;

/// VTEAM's resistance after `t_s` under `-1 V` behind a limit of `limit_a`.
fn set_behind(limit_a: f64, t_s: f64) -> f64 {
    let mut circuit = Circuit::new();
    let (top, device) = (circuit.node("top"), circuit.node("device"));
    circuit.drive(top, Waveform::constant(-1.0)).unwrap();
    circuit.compliance(top, device, Compliance::symmetric(limit_a, 10.0)).unwrap();
    let bank = Bank::new(Vteam::memtorch(), 1, Key::root(0));
    let cell = circuit.bank(Box::new(bank), &[(device, GROUND)]).unwrap();
    let mut largest = 0.0_f64;
    circuit
        .transient(t_s, &Unwatched, |_, s| largest = largest.max(s.cell_currents_a(cell)[0].abs()))
        .unwrap();
    assert!(largest < limit_a && largest > 0.999 * limit_a, "{largest} A of {limit_a} A");
    let s = circuit.solution();
    s.cell_v(cell, 0) / s.cell_currents_a(cell)[0]
}

#[test]
fn the_compliance_decides_where_a_set_ends() {
    // At the limit I the voltage I R falls with R until it meets the threshold of 0.2 V. With e = I R / 0.2 V - 1 the
    // law of motion is de/dt = -k e^3, k = 10 m/s (950 ohm / 3 nm) I / 0.2 V, so that e = 1 / sqrt(2 k t) in the end.
    for limit_a in [1e-3, 2e-3] {
        let t_s: f64 = 1e-5;
        let found = set_behind(limit_a, t_s);
        // With 0.8 V over it the limiter lets this much through.
        let limit_a = limit_a / f64::hypot(1.0, 10.0 * limit_a / 0.8);
        let k: f64 = 10.0 * 950.0 / 3e-9 * limit_a / 0.2;
        let expected = 0.2 / limit_a * (1.0 + 1.0 / (2.0 * k * t_s).sqrt());
        assert!((found / expected - 1.0).abs() < 5e-5, "{found} ohm behind {limit_a} A, expected {expected}");
    }
}

#[test]
fn a_series_resistor_slows_a_reset_as_the_integral_says() {
    // dR/dt = c (V R / ((R + S) v_off) - 1), c = k_off 950 ohm / 3 nm: the time by Simpson's rule over R.
    let (v, series, v_off, c) = (0.3, 400.0, 0.02, 5e-4 * 950.0 / 3e-9);
    let rate = |r: f64| c * (v * r / ((r + series) * v_off) - 1.0);
    let (from, to, n) = (525.0, 900.0, 1000);
    let h = (to - from) / f64::from(n);
    let t_s: f64 = (0..n)
        .map(|k| {
            let r = from + f64::from(k) * h;
            h / 6.0 * (1.0 / rate(r) + 4.0 / rate(r + h / 2.0) + 1.0 / rate(r + h))
        })
        .sum();
    let mut circuit = Circuit::new();
    let top = circuit.node("top");
    circuit.drive(top, Waveform::constant(v)).unwrap();
    let (device, _) = circuit.series_resistor(top, series).unwrap();
    let bank = Bank::new(Vteam::memtorch(), 1, Key::root(0));
    let cell = circuit.bank(Box::new(bank), &[(device, GROUND)]).unwrap();
    circuit.transient(t_s, &Unwatched, |_, _| {}).unwrap();
    let s = circuit.solution();
    let found = s.cell_v(cell, 0) / s.cell_currents_a(cell)[0];
    assert!((found - to).abs() < 0.1, "{found} ohm instead of {to}");
    // Without the resistor the same way takes two thirds of the time at most.
    assert!((to - from) / (c * (v / v_off - 1.0)) < 0.67 * t_s, "{t_s}");
}

#[test]
fn nbo2_oscillates_with_the_period_of_its_two_equations() {
    let (supply_v, series_ohm, farad) = (1.5, 5e3, 10e-12);
    let dynamic = Dynamic::NiobiumThreshold(NiobiumThreshold::usual());
    // Runge and Kutta's method of fourth order with steps far shorter than the 3 ns of the device's heat.
    let rates = dynamic.rates(Key::root(0)).unwrap();
    let f = |[v, t]: [f64; 2]| {
        let mut dt = [0.0];
        let i = rates.at(&[t], v, 300.0, &mut dt).unwrap();
        [((supply_v - v) / series_ohm - i) / farad, dt[0]]
    };
    let (h, level, t_end_s) = (2e-12, 0.6, 2e-6);
    let (mut y, mut at) = ([0.0, 300.0], Vec::new());
    for n in 0..(t_end_s / h) as u64 {
        let along = |k: [f64; 2], h: f64| [y[0] + h * k[0], y[1] + h * k[1]];
        let a = f(y);
        let b = f(along(a, h / 2.0));
        let c = f(along(b, h / 2.0));
        let d = f(along(c, h));
        let next = [0, 1].map(|j| y[j] + h / 6.0 * (a[j] + 2.0 * b[j] + 2.0 * c[j] + d[j]));
        if y[0] < level && next[0] >= level {
            at.push(h * (n as f64 + (level - y[0]) / (next[0] - y[0])));
        }
        y = next;
    }
    let oscillator = RelaxationOscillator { supply_v, series_ohm, farad };
    let mut circuit = Circuit::new();
    circuit.set_options(Options { relative_tolerance: 1e-6, ..Options::default() }).unwrap();
    let parts = oscillator.build(&mut circuit, dynamic.bank(1, Key::root(0)).unwrap()).unwrap();
    let (mut before, mut ours) = ((0.0, 0.0), Vec::new());
    circuit
        .transient(t_end_s, &Unwatched, |t, s| {
            let v = s.voltage_v(parts.out);
            if before.1 < level && v >= level {
                ours.push(before.0 + (t - before.0) * (level - before.1) / (v - before.1));
            }
            before = (t, v);
        })
        .unwrap();
    assert!(at.len() >= 10 && ours.len() == at.len(), "{} and {} rises", at.len(), ours.len());
    let period = |at: &[f64]| (at[at.len() - 1] - at[1]) / (at.len() - 2) as f64;
    let (exact, found) = (period(&at), period(&ours));
    assert!((found / exact - 1.0).abs() < 5e-4, "{found} s instead of {exact} s");
}

#[test]
fn a_cell_without_an_answer_leaves_its_last_good_state_in_the_error() {
    // Pressed against its stop by a rate (v / v_on)^50 that is beyond all numbers from 1.46 V on.
    let vteam =
        Vteam { v_on_v: -1e-6, alpha_on: 50.0, w_initial_m: 0.0, k_on_m_per_s: -1.0, ..Vteam::memtorch() };
    let mut circuit = Circuit::new();
    let top = circuit.node("top");
    circuit.drive(top, Waveform::samples(&[0.0, 1.0], &[0.0, -3.0]).unwrap()).unwrap();
    circuit.bank(Box::new(Bank::new(vteam, 1, Key::root(0))), &[(top, GROUND)]).unwrap();
    let error = circuit.transient(1.0, &Unwatched, |_, _| {}).unwrap_err();
    let CircuitError::Cell { bank: 0, cell: 0, voltage_v, t_s, good, .. } = &error else { panic!("{error}") };
    assert!((voltage_v + 1.46).abs() < 0.02 && (voltage_v / -3.0 - t_s).abs() < 1e-8, "{error}");
    assert!(good.t_s < *t_s && t_s - good.t_s < 1e-9 && good.x == [0.0], "{error}");
    assert!(error.to_string().contains("its last good state, at 0.48"), "{error}");
    assert_eq!(circuit.time_s(), good.t_s);
}

#[test]
fn a_watch_is_told_what_begins() {
    struct Heard(std::sync::Mutex<Vec<String>>);
    impl Watch for Heard {
        fn step(&self, _: u64) -> Result<(), Cancelled> {
            Ok(())
        }
        fn begin(&self, what: &str, _: Option<u64>) {
            self.0.lock().unwrap().push(what.to_owned());
        }
    }
    let mut circuit = Circuit::new();
    let top = circuit.node("top");
    circuit.drive(top, Waveform::constant(1.0)).unwrap();
    circuit.resistor(top, GROUND, 1.0).unwrap();
    let heard = Heard(std::sync::Mutex::default());
    circuit.transient(1.0, &heard, |_, _| {}).unwrap();
    assert_eq!(*heard.0.lock().unwrap(), ["transient"]);
}
