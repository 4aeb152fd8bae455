//! Netlists that we write, run by ngspice, against our own steppers.
//!
//! Skips by name where ngspice is not installed.

use crate::common;

use common::ngspice::{difference, distance, ngspice};
use neurohm_circuit::{Circuit, Compliance, Node, Options, RelaxationOscillator, Waveform};
use neurohm_device::DeviceError;
use neurohm_device::compact::{
    Drive, Dynamic, JartVcm, NiobiumThreshold, SchottkyInterface, SttMram, Vteam, Waveform as Source,
    Yakopcic, drive, published, spice_netlist,
};
use neurohm_num::{Key, Unwatched};

const GROUND: Node = Circuit::GROUND;

/// Models whose resistance runs away under the drive of their loop: there a difference of the current at one time says
/// nothing, and the distance of the curves counts, with a period and the full scale as units.
const JUMPS: [&str; 8] = [
    "team/",
    "vteam/",
    "stanford_pku/",
    "nbo2_threshold/",
    "mott_pillar/",
    "diffusive_ag/",
    "jart_vcm/",
    "simmons/",
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
        let netlist = match spice_netlist(&dynamic, &how, 0.0) {
            Ok(netlist) => netlist,
            Err(DeviceError::NoSpice { .. }) => {
                let chance = dynamic.holds_chance(2.0 * set.behaviour.amplitude_v).unwrap();
                assert!(chance, "{} has no SPICE form", set.name);
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

/// Runs a circuit of two nodes with us and with ngspice from its clock on; the largest distance of each cell's current.
fn apart(
    test: &str,
    circuit: &mut Circuit,
    banks: &[neurohm_circuit::Bank],
    span_s: f64,
    period_s: f64,
) -> Option<Vec<f64>> {
    let begin_s = circuit.time_s();
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
        .transient(begin_s + span_s, &Unwatched, |t, s| {
            for (ours, bank) in ours.iter_mut().zip(banks) {
                ours.push((t - begin_s, s.cell_currents_a(*bank)[0]));
            }
        })
        .unwrap();
    Some(ours.iter().enumerate().map(|(k, ours)| distance(&theirs, 3 + k, ours, period_s)).collect())
}

#[test]
fn a_series_resistor_and_a_capacitor_change_both_loops_alike() {
    let sets = [
        ("vteam", Dynamic::Vteam(Vteam::memtorch()), 0.5, 1e6, 100.0),
        ("yakopcic", Dynamic::Yakopcic(Yakopcic::oblea_sine()), 0.6, 100.0, 100.0),
        ("nbo2", Dynamic::NiobiumThreshold(NiobiumThreshold::usual()), 1.0, 1e6, 2e3),
        // Models with inner nodes.
        ("schottky", Dynamic::SchottkyInterface(SchottkyInterface::oxide()), 1.5, 100.0, 1e5),
        ("jart", Dynamic::JartVcm(JartVcm::v1b()), 1.5, 1e3, 100.0),
    ];
    for (name, dynamic, amplitude_v, hz, ohm) in sets {
        let mut circuit = Circuit::new();
        let top = circuit.node("top");
        circuit.drive(top, Waveform::sine(amplitude_v, hz).unwrap()).unwrap();
        let (device, _) = circuit.series_resistor(top, ohm).unwrap();
        // A hundredth of a period.
        circuit.capacitor(device, GROUND, 0.01 / hz / ohm).unwrap();
        let cell = circuit.bank(bank(dynamic), &[(device, GROUND)]).unwrap();
        let Some(apart) = apart("series", &mut circuit, &[cell], 2.0 / hz, 1.0 / hz) else { return };
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
        let Some(apart) = apart("pair", &mut circuit, &[first, second], 2.0 / hz, 1.0 / hz) else { return };
        assert!(apart.iter().all(|a| *a < 1e-3), "{name}: {apart:?} of full scale");
    }
}

#[test]
fn a_relaxation_oscillator_of_nbo2_beats_alike() {
    let oscillator = RelaxationOscillator { supply_v: 1.5, series_ohm: 5e3, farad: 10e-12 };
    let mut circuit = Circuit::new();
    let switch = bank(Dynamic::NiobiumThreshold(NiobiumThreshold::usual()));
    let parts = oscillator.build(&mut circuit, switch).unwrap();
    let Some(apart) = apart("oscillator", &mut circuit, &[parts.switch], 1e-6, 1e-7) else { return };
    assert!(apart[0] < 1e-3, "{apart:?} of full scale");
    // It does oscillate: the capacitor's voltage is lower now and again.
    let begin_s = circuit.time_s();
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    circuit
        .transient(begin_s + 1e-6, &Unwatched, |_, s| {
            low = low.min(s.voltage_v(parts.out));
            high = high.max(s.voltage_v(parts.out));
        })
        .unwrap();
    assert!(low < 0.6 * high, "{low} V to {high} V");
}

#[test]
fn a_circuit_goes_on_in_spice_from_where_it_stands() {
    // A triangle and a compliance, and the export in the middle of the second rise.
    let hz = 1e6;
    let mut circuit = Circuit::new();
    let (top, device) = (circuit.node("top"), circuit.node("device"));
    circuit.drive(top, Waveform::triangle(0.6, hz).unwrap()).unwrap();
    circuit
        .compliance(top, device, Compliance { limit_a: 1e-3, reverse_limit_a: 3e-3, on_resistance_ohm: 20.0 })
        .unwrap();
    let cell = circuit.bank(bank(Dynamic::Vteam(Vteam::memtorch())), &[(device, GROUND)]).unwrap();
    circuit.transient(1.1 / hz, &Unwatched, |_, _| {}).unwrap();
    let Some(apart) = apart("goes_on", &mut circuit, &[cell], 2.0 / hz, 1.0 / hz) else { return };
    assert!(apart[0] < 1e-3, "{apart:?} of full scale");
}

#[test]
fn pulses_with_jumps_move_a_device_alike() {
    // The first moves its state, the second finds the voltage of its contact anew at every jump.
    let sets = [
        ("vteam", Dynamic::Vteam(Vteam::memtorch()), 1.0, 1e-6),
        ("schottky", Dynamic::SchottkyInterface(SchottkyInterface::oxide()), 5.0, 1e-2),
    ];
    for (name, dynamic, volt, second) in sets {
        let points = [(0.0, 0.0), (0.1, 0.0), (0.1, 0.3), (0.6, 0.3), (0.6, -0.21), (1.0, -0.21), (1.0, 0.0)];
        let waveform = Source::Points(points.iter().map(|(t, v)| (t * second, v * volt)).collect());
        let how = Drive { waveform: &waveform, t_end_s: 1.2 * second, t_k: 300.0, max_step_s: 1e-3 * second };
        let netlist = spice_netlist(&dynamic, &how, 0.0).unwrap();
        let Some(theirs) = ngspice("pulses", &netlist, "sweep.data") else { return };
        let trace = drive(bank(dynamic).as_mut(), &how).unwrap();
        let ours: Vec<(f64, f64)> = trace.t_s.iter().copied().zip(trace.i_a.iter().copied()).collect();
        let apart = distance(&theirs, 2, &ours, second);
        assert!(apart < 1e-3, "{name}: {apart} of full scale");
    }
}

#[test]
fn what_spice_cannot_say_is_told_with_its_reason() {
    let mut circuit = Circuit::new();
    let top = circuit.node("top");
    let source = circuit.drive(top, Waveform::function(|_| None, &[]).unwrap()).unwrap();
    circuit.resistor(top, GROUND, 1.0).unwrap();
    let text = circuit.spice(1.0, 1e-3).unwrap_err().to_string();
    assert!(text.starts_with("source at top has no SPICE form: a function of time"), "{text}");
    circuit.redrive(source, Waveform::constant(1.0)).unwrap();
    circuit.bank(bank(Dynamic::SttMram(SttMram::arm_50nm())), &[(top, GROUND)]).unwrap();
    let text = circuit.spice(1.0, 1e-3).unwrap_err().to_string();
    assert_eq!(
        text,
        "cell 0 of bank 0 has no SPICE form: chance decides when its states jump, and SPICE only integrates"
    );
    assert!(circuit.spice(0.0, 1e-3).is_err());
}
