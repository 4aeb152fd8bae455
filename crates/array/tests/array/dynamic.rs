//! Arrays of devices in time, held against the general circuit solver, which knows nothing of arrays.

use neurohm_array::wires::{
    Access, Bias, CellLaw, Conduction, DynamicCrossbar, Line, NonlinearCrossbar, Together, Verify, Wires,
    Workspace, Writing,
};
use neurohm_circuit::{Circuit, Options, Waveform};
use neurohm_device::compact::CellBank;
use neurohm_device::{Drive, Operation, preset};
use neurohm_num::{Key, Rows, Unwatched};

/// The array as a circuit of resistors and the same bank, driven by constant sources.
fn as_circuit(
    bank: Box<dyn CellBank>,
    (m, n): (usize, usize),
    wires: Wires,
    lines: &[f64],
    tolerance: f64,
) -> (Circuit, neurohm_circuit::Bank) {
    let mut circuit = Circuit::new();
    let options = Options { relative_tolerance: tolerance, temperature_k: 300.0, ..Options::default() };
    circuit.set_options(options).unwrap();
    let mut at = Vec::new();
    let word: Vec<Vec<_>> =
        (0..m).map(|i| (0..n).map(|j| circuit.node(&format!("w{i}_{j}"))).collect()).collect();
    let bit: Vec<Vec<_>> =
        (0..m).map(|i| (0..n).map(|j| circuit.node(&format!("b{i}_{j}"))).collect()).collect();
    for i in 0..m {
        let source = circuit.node(&format!("s{i}"));
        circuit.drive(source, Waveform::constant(lines[i])).unwrap();
        circuit.resistor(source, word[i][0], wires.word_ohm + wires.driver_ohm).unwrap();
        for j in 0..n {
            at.push((word[i][j], bit[i][j]));
            if j + 1 < n {
                circuit.resistor(word[i][j], word[i][j + 1], wires.word_ohm).unwrap();
            }
            if i + 1 < m {
                circuit.resistor(bit[i][j], bit[i + 1][j], wires.bit_ohm).unwrap();
            }
        }
    }
    for j in 0..n {
        let sink = circuit.node(&format!("g{j}"));
        circuit.drive(sink, Waveform::constant(lines[m + j])).unwrap();
        circuit.resistor(bit[m - 1][j], sink, wires.bit_ohm + wires.sense_ohm).unwrap();
    }
    let bank = circuit.bank(bank, &at).unwrap();
    (circuit, bank)
}

/// Largest difference of states as a part of how far the most moving one went.
fn apart(a: &[f64], b: &[f64], before: &[f64]) -> f64 {
    let most = |x: &[f64], y: &[f64]| x.iter().zip(y).fold(0.0f64, |t, (x, y)| t.max((x - y).abs()));
    most(a, b) / most(a, before)
}

#[test]
fn devices_move_as_in_the_general_circuit_solver() {
    let (m, n) = (3, 2);
    let wires = Wires { driver_ohm: 3.0, sense_ohm: 2.0, ..Wires::new(20.0, 10.0) };
    // Preset, voltage of the chosen word line, time.
    for (name, v, t_s) in [
        ("vteam_memtorch", 0.3, 3e-7),
        ("team_pickett", 1.0, 1e-3),
        ("yakopcic_miao", 1.0, 1e-9),
        ("mean_metastable_switch_knowm", 0.5, 1e-4),
        ("jart_vcm_v1b", -1.0, 1e-5),
    ] {
        let device = preset(name).unwrap();
        let lines = [0.5 * v, v, 0.5 * v, 0.0, 0.5 * v];
        let bank = device.bank(m * n, Key::root(3)).unwrap();
        let (mut circuit, cells) = as_circuit(bank.snapshot(), (m, n), wires, &lines, 1e-7);
        circuit.operating_point().unwrap();
        let before = circuit.cells(cells).state().to_vec();
        circuit.transient(t_s, &Unwatched, |_, _| {}).unwrap();
        let workspace = Workspace::default();
        let mut array = DynamicCrossbar::new(bank, (m, n), wires, Access::None, 300.0, &workspace).unwrap();
        array.hold(&lines, t_s, &Unwatched).unwrap();
        let found = apart(circuit.cells(cells).state(), array.states(), &before);
        assert!(found < 3e-3, "{name}: {found}");
    }
}

/// A bank of devices all set or reset by contacts of their own.
fn prepared<'a>(
    name: &str,
    (m, n): (usize, usize),
    wires: Wires,
    access: Access,
    set: bool,
    workspace: &'a Workspace,
) -> (DynamicCrossbar<'a>, Operation) {
    let device = preset(name).unwrap();
    let bank = device.bank(m * n, Key::root(3)).unwrap();
    let operation = device.operation.clone().unwrap();
    let mut array = DynamicCrossbar::new(bank, (m, n), wires, access, 300.0, workspace).unwrap();
    let drive = if set { operation.set } else { operation.reset.unwrap() };
    for _ in 0..4 {
        array.hold_each(&vec![drive.voltage_v; m * n], drive.width_s, &Unwatched).unwrap();
    }
    (array, operation)
}

fn writing(operation: &Operation, bias: Bias, together: Together) -> Writing {
    Writing { bias, together, set: operation.set, reset: operation.reset.unwrap(), rest_s: 0.0 }
}

#[test]
fn biases_put_their_parts_on_cells_that_are_not_chosen() {
    let (m, n) = (4, 3);
    for (bias, word_part, bit_part, other_part) in [
        (Bias::Half, 0.5, 0.5, 0.0),
        (Bias::Third, 1.0 / 3.0, 1.0 / 3.0, -1.0 / 3.0),
        (Bias::Grounded, 1.0, 0.0, 0.0),
    ] {
        for v in [2.0, -1.5] {
            let lines = bias.lines((m, n), Line::Word(1), &[None, Some(v), None]);
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let part = match (i == 1, j == 1) {
                    (true, true) => 1.0,
                    (true, false) => word_part,
                    (false, true) => bit_part,
                    (false, false) => other_part,
                };
                assert!((lines[i] - lines[m + j] - part * v).abs() < 1e-15, "{bias:?} at {i}, {j}");
            }
        }
        // Several cells of a bit line, each by a voltage of its own.
        let lines = bias.lines((m, n), Line::Bit(2), &[Some(1.0), None, Some(0.8), None]);
        assert_eq!((lines[0] - lines[m + 2], lines[2] - lines[m + 2]), (1.0, 0.8));
    }
}

#[test]
fn a_pattern_is_written_and_the_rest_stays() {
    let workspace = Workspace::default();
    let pattern: Vec<Option<bool>> = (0..12).map(|k| (k % 5 != 4).then_some(k % 3 == 0)).collect();
    let mut energies = Vec::new();
    for together in [Together::Cell, Together::Row, Together::Column] {
        let (mut array, operation) =
            prepared("stanford_pku_v1", (4, 3), Wires::new(1.0, 1.0), Access::None, false, &workspace);
        let read_v = operation.read.voltage_v;
        let before = array.conductances(read_v).unwrap();
        let written = writing(&operation, Bias::Half, together)
            .pattern(&mut array, &pattern, read_v, &Unwatched)
            .unwrap();
        let after = array.conductances(read_v).unwrap();
        for (k, to) in pattern.iter().enumerate() {
            let ratio = after[k] / before[k];
            match to {
                Some(true) => assert!(ratio > 100.0, "{together:?}: cell {k} was not set: {ratio}"),
                _ => assert!((ratio - 1.0).abs() < 1e-3, "{together:?}: cell {k} moved: {ratio}"),
            }
            assert_eq!(written.pulses[k], u32::from(to.is_some()));
            // Wires only take.
            assert!(written.delivered_v[k].abs() <= written.wanted_v[k].abs());
            assert_eq!(written.wanted_v[k], to.map_or(0.0, |up| if up { 2.0 } else { -2.0 }));
        }
        // One pulse after the other, one for each direction of a line, or that of all lines the other way.
        let pulses = match together {
            Together::Cell => 10.0,
            Together::Row => 7.0,
            Together::Column => 3.0,
        };
        assert!((written.passed.t_s - pulses * operation.set.width_s).abs() < 1e-15, "{together:?}");
        energies.push(written.passed.energy_j);
    }
    // What is held back for less long costs less.
    assert!(energies[0] > energies[1] && energies[1] > energies[2] && energies[2] > 0.0, "{energies:?}");
}

#[test]
fn half_selected_cells_move_as_devices_alone_under_their_part_of_the_voltage() {
    let workspace = Workspace::default();
    let (row, column) = (1, 2);
    for (bias, part) in [(Bias::Half, 0.5), (Bias::Third, 1.0 / 3.0)] {
        let (mut array, operation) =
            prepared("team_pickett", (3, 4), Wires::IDEAL, Access::None, false, &workspace);
        let (mut alone, _) = prepared("team_pickett", (1, 2), Wires::IDEAL, Access::None, false, &workspace);
        let read_v = operation.read.voltage_v;
        let first = alone.conductances(read_v).unwrap()[0];
        let seen = writing(&operation, bias, Together::Cell)
            .disturb(&mut array, (row, column), true, (2, 1), read_v, &Unwatched)
            .unwrap();
        assert_eq!(seen.iter().map(|s| s.writes).collect::<Vec<_>>(), [1.0, 10.0, 100.0]);
        let mut done = 0.0;
        for now in seen {
            let t_s = (now.writes - done) * operation.set.width_s;
            done = now.writes;
            let v = part * operation.set.voltage_v;
            alone.hold_each(&[v, -v], t_s, &Unwatched).unwrap();
            let change = |g: f64| (g / first - 1.0).abs();
            let g = alone.conductances(read_v).unwrap();
            let expected = change(g[0]);
            assert!((now.word - expected).abs() <= 1e-3 * expected + 1e-12, "{bias:?}: {now:?}, {expected}");
            assert!((now.bit - expected).abs() <= 1e-3 * expected + 1e-12, "{bias:?}: {now:?}, {expected}");
            let others = if bias == Bias::Half { 0.0 } else { change(g[1]) };
            assert!((now.others - others).abs() <= 1e-3 * others + 1e-12, "{bias:?}: {now:?}, {others}");
        }
    }
}

#[test]
fn a_loop_reaches_conductances_through_the_wires() {
    let workspace = Workspace::default();
    let (m, n) = (3, 3);
    let (mut array, operation) = prepared(
        "mean_metastable_switch_knowm",
        (m, n),
        Wires::new(4.0, 4.0),
        Access::None,
        false,
        &workspace,
    );
    let read_v = operation.read.voltage_v;
    let low = array.conductances(read_v).unwrap()[0];
    let (_, high) = {
        let (mut on, _) =
            prepared("mean_metastable_switch_knowm", (1, 1), Wires::IDEAL, Access::None, true, &workspace);
        (0, on.conductances(read_v).unwrap()[0])
    };
    let mut targets: Vec<f64> = (0..m * n).map(|k| low + (high - low) * (0.2 + 0.07 * k as f64)).collect();
    targets[4] = f64::NAN;
    let verify =
        Verify { read_v, tolerance: 0.05, first: 0.3, increment: 0.05, largest: 1.5, max_pulses: 60 };
    let how = Writing {
        set: Drive { width_s: 1e-4, ..operation.set },
        ..writing(&operation, Bias::Half, Together::Row)
    };
    let how = Writing { reset: Drive { width_s: 1e-4, ..how.reset }, ..how };
    let written = how.verified(&mut array, &targets, &verify, &Unwatched).unwrap();
    let after = array.conductances(read_v).unwrap();
    assert_eq!(written.missed, Vec::<usize>::new());
    for row in 0..m {
        for (column, seen) in array.read_row(row, read_v, &Unwatched).unwrap().into_iter().enumerate() {
            let k = row * n + column;
            // Later rows may have moved it since.
            let moved = (after[k] - written.left_s[k]).abs();
            if targets[k].is_finite() {
                assert!(
                    (seen - targets[k]).abs() < verify.tolerance * targets[k] + moved,
                    "{k}: {seen} for {}",
                    targets[k]
                );
                // The device itself makes up for what its lines take.
                assert!(after[k] > seen, "{k}");
            } else {
                assert_eq!(written.pulses[k], 0);
            }
        }
    }
}

#[test]
fn transistors_shield_other_rows() {
    let workspace = Workspace::default();
    let transistor = Access::Transistor {
        gate_v: 3.0,
        threshold_v: 0.5,
        beta_a_per_v2: 1e-3,
        lambda_per_v: 0.02,
        off_s: 1e-12,
    };
    let disturbed = |access| {
        let (mut array, operation) =
            prepared("team_pickett", (3, 3), Wires::new(1.0, 1.0), access, false, &workspace);
        let how = writing(&operation, Bias::Half, Together::Cell);
        let seen =
            how.disturb(&mut array, (0, 1), true, (0, 1), operation.read.voltage_v, &Unwatched).unwrap();
        seen[0]
    };
    let (with, without) = (disturbed(transistor), disturbed(Access::None));
    assert!(without.bit > 1e-2, "{without:?}");
    assert!(with.bit < 1e-6 && with.others < 1e-6, "{with:?}");
    // The chosen row's other cells are on all the same.
    assert!(with.word > 0.1 * without.word, "{with:?}");
}

#[test]
fn devices_that_are_ohmic_when_they_stand_still_are_read_as_a_static_crossbar() {
    let workspace = Workspace::default();
    let (m, n) = (4, 3);
    for access in [
        Access::None,
        Access::Exponential { scale_a: 1e-6, scale_v: 0.05 },
        Access::Diode { saturation_a: 1e-7, scale_v: 0.03, leak_s: 1e-7 },
        Access::Transistor {
            gate_v: 2.0,
            threshold_v: 0.4,
            beta_a_per_v2: 5e-4,
            lambda_per_v: 0.05,
            off_s: 1e-10,
        },
    ] {
        let wires = Wires { driver_ohm: 5.0, ..Wires::new(3.0, 2.0) };
        let (mut array, _) = prepared("vteam_memtorch", (m, n), wires, access, true, &workspace);
        // Some of them to other states.
        let v: Vec<f64> = (0..m * n).map(|k| 0.02 * k as f64).collect();
        array.hold_each(&v, 1e-7, &Unwatched).unwrap();
        let lines = [0.3, -0.1, 0.2, 0.05, 0.0, 0.1, -0.05];
        let seen = array.read(&lines, &Unwatched).unwrap();
        let g = array.conductances(0.01).unwrap();
        assert!(g.iter().fold(0.0f64, |t, g| t.max(*g)) > 1.5 * g.iter().fold(1.0f64, |t, g| t.min(*g)));
        let g = Rows::new(&g, m, n).unwrap();
        let law = CellLaw { conduction: Conduction::Linear, access };
        let still = NonlinearCrossbar::new(g, wires, law).unwrap();
        let expected =
            still.solve_between(Rows::new(&lines, 1, m + n).unwrap(), &workspace, &Unwatched).unwrap();
        let top = expected.currents.iter().fold(0.0f64, |t, i| t.max(i.abs()));
        for (a, b) in seen.currents.iter().zip(&expected.currents) {
            assert!((a - b).abs() < 1e-9 * top, "{access:?}: {a} and {b}");
        }
        for (a, b) in seen.word_v.iter().chain(&seen.bit_v).zip(expected.word_v.iter().chain(&expected.bit_v))
        {
            assert!((a - b).abs() < 1e-9, "{access:?}: {a} V and {b} V");
        }
    }
}

#[test]
fn what_time_has_no_place_for_is_said() {
    let workspace = Workspace::default();
    let bank = |count| preset("vteam_memtorch").unwrap().bank(count, Key::root(1)).unwrap();
    let new = |count, wires, access| {
        let array = DynamicCrossbar::new(bank(count), (2, 2), wires, access, 300.0, &workspace);
        array.err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert!(new(3, Wires::IDEAL, Access::None).contains("3 devices for the cells of 2 rows and 2 columns"));
    assert!(new(4, Wires::new(f64::INFINITY, 1.0), Access::None).contains("finite resistances"));
    let threshold = Access::Threshold { threshold_v: 0.5, hold_a: 1e-6, off_s: 1e-8, on_s: 1e-3 };
    assert!(new(4, Wires::IDEAL, threshold).contains("threshold selectors"));
    let mut array =
        DynamicCrossbar::new(bank(4), (2, 2), Wires::new(1.0, 1.0), Access::None, 300.0, &workspace).unwrap();
    assert!(array.read(&[0.1; 3], &Unwatched).unwrap_err().to_string().contains("3 voltages for 4 lines"));
    assert!(array.hold(&[f64::NAN, 0.0, 0.0, 0.0], 1e-9, &Unwatched).is_err());
    assert!(array.select(&[true, false]).is_err());
    assert!(array.read_row(2, 0.1, &Unwatched).unwrap_err().to_string().contains("no cell in row 2"));
}

#[test]
fn what_switches_faster_than_any_step_ends_where_it_would() {
    // At 1 V TEAM's rate is (1 mA / 8.9 uA)^10 times its scale: no step of time is short enough to follow that.
    let workspace = Workspace::default();
    let (mut array, operation) =
        prepared("team_pickett", (2, 2), Wires::new(1.0, 1.0), Access::None, false, &workspace);
    let (mut on, _) = prepared("team_pickett", (1, 1), Wires::IDEAL, Access::None, true, &workspace);
    let lines = Bias::Third.lines((2, 2), Line::Word(0), &[Some(operation.set.voltage_v), None]);
    let passed = array.hold(&lines, operation.set.width_s, &Unwatched).unwrap();
    assert!((passed.t_s - operation.set.width_s).abs() <= 1e-12 * passed.t_s);
    let (g, on) = (array.conductances(0.01).unwrap(), on.conductances(0.01).unwrap()[0]);
    assert!((g[0] / on - 1.0).abs() < 1e-3, "{g:?}, {on}");
}

#[test]
fn what_devices_do_by_themselves_is_no_disturb() {
    // A device that moves at 0 V, and a write of next to nothing.
    let workspace = Workspace::default();
    let (mut array, operation) =
        prepared("stanford_pku_v1_dynamic", (2, 2), Wires::new(1.0, 1.0), Access::None, false, &workspace);
    let read_v = operation.read.voltage_v;
    let how = writing(&operation, Bias::Half, Together::Cell);
    let how = Writing { set: Drive { voltage_v: 1e-6, ..how.set }, ..how };
    let before = array.conductances(read_v).unwrap();
    let seen = how.disturb(&mut array, (0, 0), true, (1, 1), read_v, &Unwatched).unwrap();
    let after = array.conductances(read_v).unwrap();
    let drift = before.iter().zip(&after).fold(0.0f64, |t, (b, a)| t.max((a / b - 1.0).abs()));
    for now in seen {
        let most = now.word.max(now.bit).max(now.others);
        assert!(most < 1e-3 && most < 0.1 * drift.max(1e-2), "{now:?} with a drift of {drift}");
    }
}

#[test]
fn cells_that_are_set_feel_the_reset_of_others_on_their_line() {
    // VTEAM moves above 20 mV, and is written by 300 mV.
    let workspace = Workspace::default();
    let (mut array, operation) =
        prepared("vteam_memtorch", (1, 5), Wires::IDEAL, Access::None, false, &workspace);
    let read_v = operation.read.voltage_v;
    let pattern = [Some(true), Some(false), Some(true), Some(true), Some(false)];
    let how = writing(&operation, Bias::Half, Together::Row);
    let written = how.pattern(&mut array, &pattern, read_v, &Unwatched).unwrap();
    let after = array.conductances(read_v).unwrap();
    assert!(after[0] < 0.5 * written.left_s[0], "{} after {}", after[0], written.left_s[0]);
    assert_eq!(after[1], written.left_s[1], "nothing comes after the reset");
}
