//! Devices that switch by heat: SET and RESET have one sign, and what remains shows when the device has cooled.

use neurohm_device::compact::{Dynamic, PcmMushroom};
use neurohm_device::{DeviceSpec, preset};
use neurohm_lab::{Approach, Bench, Cycling, Rig, Switching};
use neurohm_num::{Key, Unwatched};
use neurohm_study::experiment::Findings;
use neurohm_study::record::Line;

const PCM: [&str; 2] = ["pcm_mushroom_gst_90nm", "pcm_mushroom_projected"];
const NIO: &str = "thermochemical_nio";

/// In the rig that the description asks for.
fn bench(spec: &DeviceSpec) -> Bench<'_> {
    let series_ohm = spec.operation.as_ref().unwrap().series_ohm.unwrap_or(0.0);
    let rig = Rig { series_ohm, ..Rig::default() };
    Bench { spec, devices: 1, key: Key::root(1), rig, watch: &Unwatched }
}

/// Three cycles of pulses of so many heights, as the description's operation has them.
fn cycled(name: &str, heights: u32) -> Findings {
    let spec = preset(name).unwrap();
    let operation = spec.operation.as_ref().unwrap();
    let (set, reset) = (operation.set, operation.reset.unwrap());
    let cycling = Cycling {
        cycles: 3,
        set_v: set.voltage_v,
        reset_v: reset.voltage_v,
        approach: Approach::Pulses { set_s: set.width_s, reset_s: reset.width_s },
        looks: heights,
        read_v: operation.read.voltage_v,
    };
    cycling.run(&bench(&spec)).unwrap()
}

fn switched_both_ways(found: &Findings) -> bool {
    found.notes.iter().all(|note| !note.text.contains("did not switch"))
}

fn pcm(spec: &DeviceSpec) -> &PcmMushroom {
    match spec.equations().unwrap() {
        Dynamic::PcmMushroom(model) => model,
        other => panic!("{}", other.name()),
    }
}

/// Voltage of the source, V, at which melting begins in a crystalline cell that is on: there the cell's power
/// P = V (V/R_set + (V - V_on)/R_dyn) heats the heater's surface to T_m, R_th P = T_m - T; the current flows through the
/// resistor in series too.
fn melting_begins_v(model: &PcmMushroom, series_ohm: f64) -> f64 {
    let p = (model.t_melt_k - 300.0) / model.r_th_crystal_k_per_w;
    let (a, b) = (1.0 / model.r_set_ohm + 1.0 / model.r_dyn_ohm, model.v_on_v / model.r_dyn_ohm);
    let v = (b + (b * b + 4.0 * a * p).sqrt()) / (2.0 * a);
    v + series_ohm * p / v
}

#[test]
fn phase_change_cells_switch_both_ways_and_melt_where_their_heat_balance_says() {
    for name in PCM {
        let found = cycled(name, 30);
        assert!(switched_both_ways(&found), "{name}: {:?}", found.notes);
        assert!(found.scalars["on_off_ratio"].value > 10.0, "{name}: {:?}", found.scalars);
        // A dome of some nm is half way of ln G: within two heights of where melting begins.
        let spec = preset(name).unwrap();
        let operation = spec.operation.as_ref().unwrap();
        let begins = melting_begins_v(pcm(&spec), operation.series_ohm.unwrap());
        let reset = found.scalars["reset_voltage"].value;
        let height = operation.reset.unwrap().voltage_v / 30.0;
        assert!(
            reset > begins - 0.5 * height && reset < begins + 2.0 * height,
            "{name}: {reset} V, {begins} V"
        );
        // Nothing crystallises before the dome's threshold, and SET does not reach up to where it melts again.
        let set = found.scalars["set_voltage"].value;
        assert!(set > pcm(&spec).v_on_v && set < begins, "{name}: {set} V");
    }
}

#[test]
fn a_slow_fall_brings_back_what_melted() {
    let spec = preset(PCM[0]).unwrap();
    let operation = spec.operation.as_ref().unwrap();
    let cycling = Cycling {
        cycles: 1,
        set_v: operation.set.voltage_v,
        reset_v: operation.reset.unwrap().voltage_v,
        approach: Approach::Ramps { ramp_s: operation.set.width_s },
        looks: 20,
        read_v: operation.read.voltage_v,
    };
    let found = cycling.run(&bench(&spec)).unwrap();
    assert!(!switched_both_ways(&found));
    assert!((found.scalars["on_off_ratio"].value - 1.0).abs() < 1e-6, "{:?}", found.scalars);
}

#[test]
fn unipolar_oxide_resets_below_its_set() {
    let found = cycled(NIO, 50);
    assert!(switched_both_ways(&found), "{:?}", found.notes);
    let [set, reset] = ["set_voltage", "reset_voltage"].map(|name| found.scalars[name].value);
    assert!(reset < set, "{reset} V, {set} V");
    // Growth needs its threshold.
    let spec = preset(NIO).unwrap();
    let Dynamic::Thermochemical(model) = spec.equations().unwrap() else { panic!() };
    assert!(set > model.v_set_v - 0.1 && set < model.v_set_v + 0.1, "{set} V, {} V", model.v_set_v);
}

/// Switching times: the lines of SET and RESET.
fn switching(spec: &DeviceSpec, voltages_v: &[f64], times_s: [f64; 2], pulses: bool) -> Vec<Line> {
    let switching =
        Switching { voltages_v: voltages_v.to_vec(), times_s, per_decade: 10, decades: 0.0, pulses };
    switching.run(&bench(spec)).unwrap().series.remove(0).lines
}

fn line<'a>(lines: &'a [Line], name: &str) -> &'a Line {
    lines.iter().find(|line| line.name == name).unwrap_or_else(|| panic!("no {name}: {lines:?}"))
}

#[test]
fn a_dome_crystallises_in_the_time_of_its_growth() {
    let spec = preset(PCM[0]).unwrap();
    let model = pcm(&spec);
    let lines = switching(&spec, &[2.5, 3.0, 3.35, 3.6, 5.0, 5.35], [1e-11, 1e-4], true);
    let (set, reset) = (line(&lines, "SET"), line(&lines, "RESET"));
    // What the RESET pulse leaves: the isotherm of T_m under 0.45 mA lies beyond the thickest dome.
    let fastest = model.u_max_m / model.growth_m_per_s;
    let least = set.y.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(least > 0.5 * fastest && least < 10.0 * fastest, "{least} s, {fastest} s");
    // Voltages that melt set nothing. Until the cell is on, its power is V^2/R_set: less melts nothing however short.
    let v = ((model.t_melt_k - 300.0) / model.r_th_crystal_k_per_w * model.r_set_ohm).sqrt();
    let begins = v * (1.0 + 10e3 / model.r_set_ohm);
    assert!(
        set.x.iter().all(|v| *v < 5.0) && reset.x.iter().all(|v| *v > begins),
        "{:?} {:?}",
        set.x,
        reset.x
    );
    // The isotherm is reached within the time constant of melting; growth is far slower.
    assert!(reset.x.len() > 1 && reset.y.iter().all(|t| *t < model.tau_melt_s), "{:?}", reset.y);
}

#[test]
fn what_a_longer_pulse_undoes_is_told() {
    // Behind 10 kohm at 3.42 V some tens of ps melt; the cell turns on, its current falls below what melts, and in the
    // operation's own 50 ns all that was melted crystallises.
    let spec = preset(PCM[0]).unwrap();
    let notes = |voltage_v: f64| {
        let voltages_v = vec![voltage_v];
        let switching =
            Switching { voltages_v, times_s: [1e-12, 1e-6], per_decade: 10, decades: 0.0, pulses: true };
        let found = switching.run(&bench(&spec)).unwrap();
        found.notes.iter().map(|note| note.text.clone()).collect::<Vec<_>>().join(" ")
    };
    assert!(notes(3.424).contains("does not switch although a shorter one does"));
    assert!(!notes(5.35).contains("although a shorter one"));
}

#[test]
fn unipolar_oxide_has_a_time_for_both_ways() {
    let spec = preset(NIO).unwrap();
    let lines = switching(&spec, &[0.6, 0.7, 0.8, 0.9, 1.14, 1.2, 1.3], [1e-13, 1.0], true);
    let (set, reset) = (line(&lines, "SET"), line(&lines, "RESET"));
    for line in [set, reset] {
        assert!(line.x.len() > 2 && line.y.windows(2).all(|t| t[1] < t[0]), "{line:?}");
    }
    assert!(set.x[0] == 1.14 && reset.x[0] == 0.6);
}

#[test]
fn pulses_and_a_constant_voltage_agree_on_a_device_that_keeps() {
    let spec = preset("vteam_memtorch").unwrap();
    let [pulses, constant] =
        [true, false].map(|pulses| switching(&spec, &[0.1, 0.3, 1.0], [1e-13, 1.0], pulses));
    assert_eq!(pulses.len(), 2);
    for (a, b) in pulses.iter().zip(&constant) {
        assert_eq!((&a.name, &a.x), (&b.name, &b.x));
        assert!(a.x.len() > 1);
        for (a, b) in a.y.iter().zip(&b.y) {
            assert!((a / b - 1.0).abs() < 1e-3, "{a} s, {b} s");
        }
    }
}
