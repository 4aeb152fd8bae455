//! Netlists that we write, run by ngspice, against our own steppers.
//!
//! Skips by name where ngspice is not installed.

mod common;

use common::ngspice::{difference, distance, ngspice};
use neurohm_circuit::{Circuit, Node, Options, RelaxationOscillator, Waveform};
use neurohm_device::DeviceError;
use neurohm_device::compact::{
    Dynamic, Drive, NiobiumThreshold, Vteam, Waveform as Source, Yakopcic, drive, published, spice_netlist,
};
use neurohm_num::{Key, Unwatched};

const GROUND: Node = Circuit::GROUND;

/// Models whose resistance runs away under the drive of their loop: there a difference of the current at one time says
/// nothing, and the distance of the curves counts, with a period and the full scale as units.
const JUMPS: [&str; 4] = ["team/", "vteam/", "stanford_pku/", "nbo2_threshold/"];
/// Models that have to have a SPICE form.
const SAID: [&str; 11] = [
    "linear_ion_drift",
    "nonlinear_ion_drift",
    "team",
    "vteam",
    "yakopcic",
    "stanford_pku",
    "messaris",
    "mean_metastable_switch",
    "tungsten_oxide",
    "pershin_di_ventra",
    "nbo2_threshold",
];

#[test]
fn every_model_that_spice_can_say_has_the_same_loop_there() {
    for set in published() {
        let dynamic = set.dynamic();
        let frequency_hz = set.behaviour.frequency_hz;
        let waveform = Source::Sine { amplitude_v: set.behaviour.amplitude_v, frequency_hz, offset_v: 0.0 };
        let period_s = 1.0 / frequency_hz;
        let how =
            Drive { waveform: &waveform, t_end_s: 2.0 * period_s, t_k: 300.0, max_step_s: period_s / 2e3 };
        let netlist = match spice_netlist(&dynamic, &how) {
            Ok(netlist) => netlist,
            Err(DeviceError::NoSpice { .. }) => {
                assert!(!SAID.contains(&dynamic.name()), "{} has no SPICE form", set.name);
                continue;
            }
            Err(e) => panic!("{}: {e}", set.name),
        };
        let Some(theirs) = ngspice("loops", &netlist, "sweep.data") else { return };
        let mut bank = dynamic.bank(1, Key::root(0)).unwrap();
        let trace = drive(bank.as_mut(), &how).unwrap();
        let ours: Vec<(f64, f64)> = trace.t_s.iter().copied().zip(trace.i_a.iter().copied()).collect();
        let apart = if JUMPS.iter().any(|j| set.name.starts_with(j)) {
            distance(&theirs, 2, &ours, period_s)
        } else {
            difference(&theirs, 2, &ours)
        };
        assert!(apart < 1e-3, "{}: {apart} of full scale", set.name);
    }
}

fn bank(dynamic: Dynamic) -> Box<dyn neurohm_device::compact::CellBank> {
    dynamic.bank(1, Key::root(0)).unwrap()
}

/// Runs a circuit with us and with ngspice; the largest distance of each cell's current.
fn apart(test: &str, circuit: &mut Circuit, banks: &[neurohm_circuit::Bank], nodes: usize, span_s: f64, period_s: f64) -> Option<Vec<f64>> {
    let step_s = period_s / 2e3;
    let options = Options {
        relative_tolerance: 1e-7,
        voltage_tolerance_v: 1e-8,
        max_step_s: Some(step_s),
        ..Options::default()
    };
    circuit.set_options(options).unwrap();
    let theirs = ngspice(test, &circuit.spice(span_s, step_s).unwrap(), "circuit.data")?;
    let mut ours = vec![Vec::new(); banks.len()];
    circuit
        .transient(span_s, &Unwatched, |t, s| {
            for (ours, bank) in ours.iter_mut().zip(banks) {
                ours.push((t, s.cell_currents_a(*bank)[0]));
            }
        })
        .unwrap();
    Some(ours.iter().enumerate().map(|(k, ours)| distance(&theirs, 1 + nodes + k, ours, period_s)).collect())
}

#[test]
fn a_series_resistor_and_a_capacitor_change_both_loops_alike() {
    let sets = [
        ("vteam", Dynamic::Vteam(Vteam::memtorch()), 0.5, 1e6, 100.0),
        ("yakopcic", Dynamic::Yakopcic(Yakopcic::oblea_sine()), 0.6, 100.0, 100.0),
        ("nbo2", Dynamic::NiobiumThreshold(NiobiumThreshold::usual()), 1.0, 1e6, 2e3),
    ];
    for (name, dynamic, amplitude_v, hz, ohm) in sets {
        let mut circuit = Circuit::new();
        let top = circuit.node("top");
        circuit.drive(top, Waveform::sine(amplitude_v, hz).unwrap()).unwrap();
        let (device, _) = circuit.series_resistor(top, ohm).unwrap();
        // A hundredth of a period.
        circuit.capacitor(device, GROUND, 0.01 / hz / ohm).unwrap();
        let cell = circuit.bank(bank(dynamic), &[(device, GROUND)]).unwrap();
        let Some(apart) = apart("series", &mut circuit, &[cell], 2, 2.0 / hz, 1.0 / hz) else { return };
        eprintln!("{name}: {apart:?}");
        assert!(apart[0] < 1e-3, "{name}: {apart:?} of full scale");
    }
}

#[test]
fn two_devices_in_series_share_the_voltage_alike() {
    for (name, dynamic, amplitude_v, hz) in [
        ("vteam", Dynamic::Vteam(Vteam::memtorch()), 0.7, 1e6),
        ("yakopcic", Dynamic::Yakopcic(Yakopcic::oblea_sine()), 0.9, 100.0),
    ] {
        let mut circuit = Circuit::new();
        let (top, middle) = (circuit.node("top"), circuit.node("middle"));
        circuit.drive(top, Waveform::sine(amplitude_v, hz).unwrap()).unwrap();
        // The second turned round: what sets one resets the other.
        let first = circuit.bank(bank(dynamic.clone()), &[(top, middle)]).unwrap();
        let second = circuit.bank(bank(dynamic), &[(GROUND, middle)]).unwrap();
        let Some(apart) = apart("pair", &mut circuit, &[first, second], 2, 2.0 / hz, 1.0 / hz) else { return };
        eprintln!("{name}: {apart:?}");
        assert!(apart.iter().all(|a| *a < 1e-3), "{name}: {apart:?} of full scale");
    }
}

#[test]
fn a_relaxation_oscillator_of_nbo2_beats_alike() {
    let oscillator = RelaxationOscillator { supply_v: 1.5, series_ohm: 5e3, farad: 10e-12 };
    let mut circuit = Circuit::new();
    let switch = bank(Dynamic::NiobiumThreshold(NiobiumThreshold::usual()));
    let parts = oscillator.build(&mut circuit, switch).unwrap();
    let Some(apart) = apart("oscillator", &mut circuit, &[parts.switch], 2, 1e-6, 1e-6) else { return };
    eprintln!("{apart:?}");
    assert!(apart[0] < 1e-3, "{apart:?} of full scale");
}
