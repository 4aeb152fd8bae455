//! Non-linear cells: their circuits have one solution, so that who satisfies Kirchhoff's law has found it.

use neurohm_num::Unwatched;

use super::{apart, largest, problem, rows, solve};
use crate::wires::{
    Access, CellLaw, Conduction, Ends, LinearCrossbar, NonlinearCrossbar, NonlinearSolution, WireError,
    Wires, Workspace,
};

const SINH: Conduction = Conduction::Sinh { per_v: 3.0 };

/// Cells that are not linear, and what may stand in series with them but threshold selectors, which need not turn on.
const LAWS: [Conduction; 3] = [
    SINH,
    Conduction::Polynomial { second_per_v: 1.0, third_per_v2: 4.0 },
    Conduction::PooleFrenkel { per_root_v: 2.0 },
];
const ACCESS: [Access; 4] = [
    Access::None,
    Access::Exponential { scale_a: 1e-8, scale_v: 0.05 },
    Access::Diode { saturation_a: 1e-11, scale_v: 0.04, leak_s: 1e-10 },
    Access::Transistor {
        gate_v: 1.5,
        threshold_v: 0.4,
        beta_a_per_v2: 3e-4,
        lambda_per_v: 0.02,
        off_s: 1e-12,
    },
];

fn nonlinear(g: &[f64], m: usize, n: usize, wires: Wires, law: CellLaw, v: &[f64]) -> NonlinearSolution {
    let workspace = Workspace::default();
    let crossbar = NonlinearCrossbar::new(rows(g, m, n), wires, law).unwrap();
    let solved = crossbar.solve(rows(v, v.len() / m, m), &workspace, &Unwatched);
    solved.unwrap_or_else(|e| panic!("{m} x {n}, {wires:?}, {law:?}: {e}"))
}

#[test]
fn all_laws_satisfy_kirchhoff_on_all_kinds_of_lines() {
    for (number, (m, n)) in [(1, 1), (1, 6), (5, 1), (12, 17), (20, 18)].into_iter().enumerate() {
        let (g, v) = problem(100 + number as u64, m, n, 2.5);
        for conduction in LAWS {
            for access in ACCESS {
                for (word_ohm, bit_ohm, driver_ohm, sense_ohm) in [
                    (0.0, 0.0, 0.0, 0.0),
                    (3.0, 0.0, 0.0, 40.0),
                    (0.0, 2.0, 100.0, 0.0),
                    (4.0, 2.0, 0.0, 10.0),
                ] {
                    let wires =
                        Wires { driver_ohm, sense_ohm, drivers: Ends::Both, ..Wires::new(word_ohm, bit_ohm) };
                    let found = nonlinear(&g, m, n, wires, CellLaw { conduction, access }, &v);
                    assert!(
                        found.kcl < 1e-11 && found.balance < 1e-11,
                        "{wires:?} {access:?}: {} {}",
                        found.kcl,
                        found.balance
                    );
                }
            }
        }
    }
}

#[test]
fn one_cell_behind_wires_is_a_scalar_equation() {
    // G sinh(a u) / a = (V - u) / R, by bisection.
    for (g, r, v) in [(1e-3, 10.0, 0.3), (1e-3, 2e3, 2.0), (1e-5, 1e6, -3.0), (0.5, 1e3, 8.0)] {
        let found = nonlinear(&[g], 1, 1, Wires::new(0.25 * r, 0.75 * r), CellLaw::passive(SINH), &[v]);
        let (mut low, mut high) = (v.min(0.0), v.max(0.0));
        for _ in 0..200 {
            let u = 0.5 * (low + high);
            if g * (3.0 * u).sinh() / 3.0 > (v - u) / r { high = u } else { low = u }
        }
        let expected = (v - low) / r;
        assert!(
            (found.currents[0] / expected - 1.0).abs() < 1e-12,
            "{g} {r} {v}: {} {expected}",
            found.currents[0]
        );
    }
}

#[test]
fn weak_laws_become_linear() {
    let (m, n) = (12, 9);
    let (g, v) = problem(31, m, n, 2.0);
    let wires = Wires::new(2.0, 3.0);
    let (linear, _) = solve(&g, m, n, wires, &v);
    let same = nonlinear(&g, m, n, wires, CellLaw::passive(Conduction::Linear), &v);
    assert!(apart(&same.currents, &linear.currents) < 1e-14 * largest(&linear.currents));
    for weak in [1e-2, 1e-3] {
        let near = nonlinear(&g, m, n, wires, CellLaw::passive(Conduction::Sinh { per_v: weak }), &v);
        let off = apart(&near.currents, &linear.currents) / largest(&linear.currents);
        // The next term of the series is (a V)^2 / 6.
        assert!(off > 1e-3 * weak * weak && off < weak * weak, "{weak}: {off:e}");
    }
    // Selectors that hinder nothing are wires.
    let law = CellLaw { conduction: SINH, access: Access::Exponential { scale_a: 1e3, scale_v: 1.0 } };
    let (free, bare) =
        (nonlinear(&g, m, n, wires, law, &v), nonlinear(&g, m, n, wires, CellLaw::passive(SINH), &v));
    let off = apart(&free.currents, &bare.currents) / largest(&bare.currents);
    assert!(off > 0.0 && off < 1e-5, "{off:e}");
}

#[test]
fn a_batch_gives_what_its_inputs_give_alone() {
    let (m, n) = (20, 30);
    let (g, _) = problem(8, m, n, 2.0);
    let inputs: Vec<f64> = (0..40).flat_map(|s| problem(s, m, 1, 1.0).1).collect();
    let wires = Wires::new(1.0, 1.0);
    let all = nonlinear(&g, m, n, wires, CellLaw::passive(SINH), &inputs);
    for input in [0, 1, 17, 39] {
        let alone = nonlinear(&g, m, n, wires, CellLaw::passive(SINH), &inputs[input * m..(input + 1) * m]);
        let there = &all.currents[input * n..(input + 1) * n];
        assert!(apart(there, &alone.currents) < 1e-12 * largest(there), "input {input}");
    }
    // Inputs that hardly differ start beside their solutions, and still end in them.
    let near: Vec<f64> =
        (0..8).flat_map(|s| inputs[..m].iter().map(move |v| v * (1.0 + 1e-2 * f64::from(s)))).collect();
    let all = nonlinear(&g, m, n, wires, CellLaw::passive(SINH), &near);
    for input in 1..8 {
        let alone = nonlinear(&g, m, n, wires, CellLaw::passive(SINH), &near[input * m..(input + 1) * m]);
        let there = &all.currents[input * n..(input + 1) * n];
        assert!(apart(there, &alone.currents) < 1e-13 * largest(there), "near input {input}");
    }
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| nonlinear(&g, m, n, wires, CellLaw::passive(SINH), &inputs))
    };
    assert!(run(1) == run(2), "threads");
}

#[test]
fn closed_gates_shut_their_rows_off() {
    let (m, n) = (6, 5);
    let (g, v) = (vec![1e-4; m * n], vec![0.3; m]);
    let access = Access::Transistor {
        gate_v: 2.0,
        threshold_v: 0.5,
        beta_a_per_v2: 1e-3,
        lambda_per_v: 0.0,
        off_s: 1e-13,
    };
    let law = CellLaw { conduction: Conduction::Linear, access };
    let workspace = Workspace::default();
    let mut crossbar = NonlinearCrossbar::new(rows(&g, m, n), Wires::new(1.0, 1.0), law).unwrap();
    let open = crossbar.solve(rows(&v, 1, m), &workspace, &Unwatched).unwrap();
    let mut on = [false; 6];
    on[2] = true;
    crossbar.select(&on).unwrap();
    let one = crossbar.solve(rows(&v, 1, m), &workspace, &Unwatched).unwrap();
    assert!(open.currents[0] > 5.0 * one.currents[0] && one.currents[0] > 0.0);
    for (k, i) in one.cells_a.iter().enumerate() {
        assert!(if k / n == 2 { *i > 1e-5 } else { *i < 1e-12 }, "cell {k}: {i}");
    }
    assert!(crossbar.select(&on[1..]).is_err());
    let passive = NonlinearCrossbar::new(rows(&g, m, n), Wires::IDEAL, CellLaw::passive(SINH));
    assert_eq!(passive.unwrap().select(&on), Err(WireError::NoGates));
}

#[test]
fn threshold_selectors_turn_on_where_a_rising_voltage_strains_them_most() {
    let (m, n) = (4, 4);
    // One row at the full voltage: its cells have all of it, the others nothing.
    let g = vec![1e-4; m * n];
    let access = Access::Threshold { threshold_v: 0.5, hold_a: 1e-6, off_s: 1e-9, on_s: 1e-2 };
    let law = CellLaw { conduction: Conduction::Linear, access };
    let found = nonlinear(&g, m, n, Wires::new(1.0, 1.0), law, &[0.0, 0.8, 0.0, 0.0]);
    assert_eq!(found.switched_on, [n]);
    for (k, i) in found.cells_a.iter().enumerate() {
        assert!(if k / n == 1 { *i > 5e-5 } else { i.abs() < 1e-9 }, "cell {k}: {i}");
    }
    let workspace = Workspace::default();
    let crossbar = NonlinearCrossbar::new(rows(&g, m, n), Wires::new(1.0, 1.0), law).unwrap();
    let never = crossbar.solve(rows(&[0.0, 0.4, 0.0, 0.0], 1, m), &workspace, &Unwatched);
    let access = Access::Threshold { threshold_v: 0.5, hold_a: 1e-3, off_s: 1e-9, on_s: 1e-2 };
    let weak = CellLaw { conduction: Conduction::Linear, access };
    let weak = NonlinearCrossbar::new(rows(&g, m, n), Wires::new(1.0, 1.0), weak).unwrap();
    let swings = weak.solve(rows(&[0.0, 0.8, 0.0, 0.0], 1, m), &workspace, &Unwatched);
    assert_eq!(swings, Err(WireError::Oscillates { input: 0 }));
    match never {
        Err(WireError::NeverOn { inputs, of: 1, row: 1, across_v, .. }) if inputs == [0] => {
            assert!((across_v - 0.4).abs() < 1e-3)
        }
        other => panic!("{other:?}"),
    }
    // Among forty inputs, more than follow one another, every weak one is named; no voltage at all is none.
    let inputs = |weak: &[usize]| -> Vec<f64> {
        let high = |k: usize| match k {
            5 => 0.0,
            k if weak.contains(&k) => 0.4,
            _ => 0.8,
        };
        (0..40).flat_map(|k| [0.0, high(k), 0.0, 0.0]).collect()
    };
    let weak = [2, 17, 39];
    let many = inputs(&weak);
    match crossbar.solve(rows(&many, 40, m), &workspace, &Unwatched) {
        Err(error @ WireError::NeverOn { .. }) => {
            let said = error.counted_from(100).to_string();
            assert!(
                said.contains("3 of 140 inputs (102, 117, 139)") && said.contains("of input 102"),
                "{said}"
            );
            assert!(said.ends_with("or leave these inputs out"), "{said}");
        }
        other => panic!("{other:?}"),
    }
    let switched = crossbar.switches(rows(&many, 40, m), &workspace, &Unwatched);
    assert!(matches!(switched, Err(WireError::NeverOn { inputs, of: 40, .. }) if inputs == weak));
    let found = crossbar.solve(rows(&inputs(&[]), 40, m), &workspace, &Unwatched).unwrap();
    assert_eq!(found.switched_on.iter().filter(|on| **on == n).count(), 39);
}

#[test]
fn large_arrays_are_solved_by_conjugate_gradients_to_the_same_digits() {
    let (m, n) = (96, 120);
    let (g, v) = problem(11, m, n, 2.0);
    let crossbar = LinearCrossbar::new(rows(&g, m, n), Wires::new(0.3, 0.4)).unwrap();
    assert!(crossbar.iterates_faster(1), "the test would test nothing");
    let workspace = Workspace::default();
    let inputs: Vec<f64> = [&v[..], &v.iter().map(|v| 0.9 * v + 0.01).collect::<Vec<_>>()].concat();
    for conduction in [Conduction::Linear, Conduction::Sinh { per_v: 4.0 }] {
        let law = CellLaw::passive(conduction);
        let array = NonlinearCrossbar::new(rows(&g, m, n), crossbar.wires(), law).unwrap();
        let found = array.solve(rows(&inputs, 2, m), &workspace, &Unwatched).unwrap();
        assert!(found.kcl < 1e-13 && found.balance < 1e-11, "{} {}", found.kcl, found.balance);
        assert!(found.steps.iter().all(|s| *s <= 6), "{:?}", found.steps);
        if conduction == Conduction::Linear {
            let eliminated = crossbar.eliminate(&workspace, &Unwatched).unwrap();
            let exact = eliminated.solve(rows(&inputs, 2, m)).unwrap();
            assert!(apart(&found.currents, &exact.currents) < 1e-12 * largest(&exact.currents));
            assert!(apart(&found.word_v, &exact.word_v) < 1e-12 && apart(&found.bit_v, &exact.bit_v) < 1e-12);
        }
    }
}

#[test]
fn a_batch_may_fall_to_zero_and_to_almost_nothing() {
    let (m, n) = (24, 20);
    let (g, v) = problem(7, m, n, 2.0);
    let loud = &v[..m];
    let faint: Vec<f64> = loud.iter().map(|v| v * 1e-9).collect();
    let batch = [loud, &vec![0.0; m], loud, &faint, loud].concat();
    for conduction in LAWS {
        for access in ACCESS {
            for ohm in [0.0, 1.0, 10.0] {
                let law = CellLaw { conduction, access };
                let found = nonlinear(&g, m, n, Wires::new(ohm, ohm), law, &batch);
                let alone = nonlinear(&g, m, n, Wires::new(ohm, ohm), law, &faint);
                let of = |input: usize| &found.currents[input * n..(input + 1) * n];
                assert!(of(1).iter().all(|i| *i == 0.0), "{law:?}, {ohm} ohm: {:?}", of(1));
                assert!(
                    apart(of(3), &alone.currents) < 1e-12 * largest(&alone.currents),
                    "{law:?}, {ohm} ohm"
                );
                assert!(apart(of(0), of(4)) < 1e-13 * largest(of(0)), "{law:?}, {ohm} ohm");
            }
        }
    }
}

#[test]
fn cells_beyond_what_their_law_means_are_refused_by_name() {
    let workspace = Workspace::default();
    let refused = |law: CellLaw, wires: Wires| {
        let g = [1e-6, 1e-5, 1e-5, 1e-5];
        let crossbar = NonlinearCrossbar::new(rows(&g, 2, 2), wires, law).unwrap();
        crossbar.solve(rows(&[0.01, 0.5], 1, 2), &workspace, &Unwatched).map(|found| found.currents)
    };
    for law in [
        CellLaw::passive(Conduction::Sinh { per_v: 200.0 }),
        CellLaw::passive(Conduction::PooleFrenkel { per_root_v: 150.0 }),
    ] {
        match refused(law, Wires::new(0.0, 0.0)) {
            Err(WireError::TooSteep { row: 1, column: 0, exponent }) => assert!(exponent > 80.0),
            other => panic!("{law:?}: {other:?}"),
        }
    }
    // Lines take the voltage that such a cell would need, and then it has a solution: that of a scalar equation.
    let steep = CellLaw::passive(Conduction::Sinh { per_v: 200.0 });
    assert!(refused(steep, Wires::new(100.0, 100.0)).is_ok());
}

#[test]
fn reciprocity_is_found_for_every_kind_of_line() {
    let (m, n) = (9, 12);
    let (g, v) = problem(5, m, n, 2.0);
    for access in [ACCESS[0], ACCESS[2], ACCESS[3]] {
        for wires in
            [Wires::new(0.0, 1.0), Wires::new(1.0, 0.0), Wires::new(1e-6, 1e-6), Wires::new(1.0, 1.0)]
        {
            let found = nonlinear(&g, m, n, wires, CellLaw { conduction: SINH, access }, &v);
            let reciprocity = found.reciprocity.unwrap_or_else(|| panic!("{access:?} {wires:?}"));
            assert!(reciprocity < 1e-9, "{access:?} {wires:?}: {reciprocity:e}");
        }
    }
}

#[test]
fn the_faintest_inputs_are_solved_like_small_ones() {
    let (m, n) = (24, 40);
    let (g, v) = problem(6, m, n, 1.0);
    let at = |scale: f64| {
        let v: Vec<f64> = v.iter().map(|v| v * scale).collect();
        let currents = nonlinear(&g, m, n, Wires::new(1.0, 1.0), CellLaw::passive(SINH), &v).currents;
        currents.iter().map(|i| i / scale).collect::<Vec<f64>>()
    };
    // So small that no cell is bent.
    let small = at(1e-10);
    for scale in [1e-100, 1e-155, 1e-200, 1e-250] {
        let off = apart(&at(scale), &small) / largest(&small);
        assert!(off < 1e-11, "{scale:e}: {off:e}");
    }
}

#[test]
fn steep_cells_in_a_batch_are_solved_like_each_input_alone() {
    let (m, n) = (16, 12);
    let g = vec![1e-5; m * n];
    let law = CellLaw::passive(Conduction::Sinh { per_v: 20.0 });
    let stream = neurohm_num::Key::root(8).stream(neurohm_num::Purpose::Data, 0);
    let v: Vec<f64> = (0..6 * m as u64).map(|k| 6.0 * f64::from(stream.uniform(k)) - 3.0).collect();
    let wires = Wires::new(10.0, 10.0);
    let together = nonlinear(&g, m, n, wires, law, &v);
    for input in 0..6 {
        let alone = nonlinear(&g, m, n, wires, law, &v[input * m..(input + 1) * m]);
        let off = apart(&together.currents[input * n..(input + 1) * n], &alone.currents);
        assert!(off < 1e-12 * largest(&alone.currents), "{input}: {off:e}");
    }
}
