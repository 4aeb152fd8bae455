//! Against an independent nodal analysis by Gaussian elimination, and against what every passive circuit does.

use neurohm_num::{Key, Purpose, Rows, Unwatched};

use super::{Approximation, Eliminated, Ends, LinearCrossbar, Solution, WireError, Wires, Workspace};

/// Node voltages and currents by dense nodal analysis. Nodes that a wire without resistance joins are one node. Elimination
/// adds positive numbers alone (a star becomes a mesh, node by node), so that every element has all its digits whatever
/// the conductances are.
struct Reference {
    currents: Vec<f64>,
    word: Vec<f64>,
    bit: Vec<f64>,
}

fn reference(g: &[f64], m: usize, n: usize, wires: Wires, v: &[f64]) -> Reference {
    // Nodes: sources, sinks, and from then on those to be eliminated.
    let mut count = m + n;
    let mut fresh = || {
        count += 1;
        count - 1
    };
    let mut word: Vec<Vec<usize>> = Vec::new();
    for i in 0..m {
        word.push(if wires.word_ohm > 0.0 {
            (0..n).map(|_| fresh()).collect()
        } else {
            vec![if wires.driver_ohm > 0.0 { fresh() } else { i }; n]
        });
    }
    let mut bit = vec![Vec::new(); m];
    for j in 0..n {
        let line = if wires.bit_ohm > 0.0 {
            (0..m).map(|_| fresh()).collect()
        } else {
            vec![if wires.sense_ohm > 0.0 { fresh() } else { m + j }; m]
        };
        bit.iter_mut().zip(line).for_each(|(row, node)| row.push(node));
    }
    let mut k = vec![0.0; count * count];
    let mut edge = |x: usize, y: usize, g: f64| {
        if x != y {
            k[x * count + y] += g;
            k[y * count + x] += g;
        }
    };
    for i in 0..m {
        for j in 0..n {
            edge(word[i][j], bit[i][j], g[i * n + j]);
            if wires.word_ohm > 0.0 && j > 0 {
                edge(word[i][j - 1], word[i][j], 1.0 / wires.word_ohm);
            }
            if wires.bit_ohm > 0.0 && i > 0 {
                edge(bit[i - 1][j], bit[i][j], 1.0 / wires.bit_ohm);
            }
        }
        if wires.word_ohm + wires.driver_ohm > 0.0 {
            let g = 1.0 / (wires.word_ohm + wires.driver_ohm);
            edge(i, word[i][0], g);
            if wires.drivers == Ends::Both {
                edge(i, word[i][n - 1], g);
            }
        }
    }
    for j in 0..n {
        if wires.bit_ohm + wires.sense_ohm > 0.0 {
            let g = 1.0 / (wires.bit_ohm + wires.sense_ohm);
            edge(m + j, bit[m - 1][j], g);
            if wires.grounds == Ends::Both {
                edge(m + j, bit[0][j], g);
            }
        }
    }
    for node in (m + n..count).rev() {
        let pivot: f64 = (0..node).map(|o| k[node * count + o]).sum();
        for a in 0..node {
            let part = k[node * count + a] / pivot;
            if part > 0.0 {
                for b in (0..node).filter(|b| *b != a) {
                    k[a * count + b] += part * k[node * count + b];
                }
            }
        }
    }
    let mut volts = vec![0.0; count];
    volts[..m].copy_from_slice(v);
    for node in m + n..count {
        let pivot: f64 = (0..node).map(|o| k[node * count + o]).sum();
        volts[node] = (0..node).map(|o| k[node * count + o] / pivot * volts[o]).sum();
    }
    let currents = (0..n).map(|j| (0..m).map(|i| k[(m + j) * count + i] * v[i]).sum()).collect();
    let all = |nodes: &[Vec<usize>]| nodes.iter().flatten().map(|at| volts[*at]).collect();
    Reference { currents, word: all(&word), bit: all(&bit) }
}

/// Conductances over `decades` from 1 uS up, a tenth of them open, and voltages of both signs.
fn problem(seed: u64, m: usize, n: usize, decades: f64) -> (Vec<f64>, Vec<f64>) {
    let stream = Key::root(seed).stream(Purpose::Data, 0);
    let uniform = |element: usize| f64::from(stream.uniform(element as u64));
    let cell =
        |e: usize| if uniform(2 * e) < 0.1 { 0.0 } else { 1e-6 * 10f64.powf(decades * uniform(2 * e + 1)) };
    ((0..m * n).map(cell).collect(), (0..m).map(|i| uniform(1_000_000 + i) - 0.4).collect())
}

fn rows(data: &[f64], rows: usize, cols: usize) -> Rows<'_, f64> {
    Rows::new(data, rows, cols).unwrap()
}

fn solve(g: &[f64], m: usize, n: usize, wires: Wires, v: &[f64]) -> (Solution, f64) {
    let workspace = Workspace::default();
    let crossbar = LinearCrossbar::new(rows(g, m, n), wires).unwrap();
    let eliminated: Eliminated = crossbar.eliminate(&workspace, &Unwatched).unwrap();
    let alone = crossbar.effective(&workspace, &Unwatched).unwrap();
    assert_eq!(&alone, eliminated.effective(), "with and without a way back");
    let solution = eliminated.solve(rows(v, 1, m)).unwrap_or_else(|e| panic!("{m} x {n}, {wires:?}: {e}"));
    (solution, eliminated.reciprocity())
}

mod nonlinear;
mod spice;

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |t, v| t.max(v.abs()))
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |t, (a, b)| t.max((a - b).abs()))
}

const SHAPES: [(usize, usize); 10] =
    [(1, 1), (1, 7), (7, 1), (2, 2), (5, 4), (12, 17), (17, 12), (3, 33), (20, 2), (16, 16)];

#[test]
fn all_kinds_of_lines_agree_with_nodal_analysis() {
    let (mut worst, mut worst_v) = (0.0f64, 0.0f64);
    for (number, (m, n)) in SHAPES.into_iter().enumerate() {
        let (g, v) = problem(number as u64, m, n, 3.0);
        for word_ohm in [0.0, 2.5] {
            for bit_ohm in [0.0, 0.7] {
                for (driver_ohm, sense_ohm) in [(0.0, 0.0), (50.0, 0.0), (0.0, 20.0), (30.0, 10.0)] {
                    for drivers in [Ends::One, Ends::Both] {
                        for grounds in [Ends::One, Ends::Both] {
                            let wires = Wires { word_ohm, bit_ohm, driver_ohm, sense_ohm, drivers, grounds };
                            let expected = reference(&g, m, n, wires, &v);
                            let (found, reciprocity) = solve(&g, m, n, wires, &v);
                            let top = largest(&expected.currents).max(f64::MIN_POSITIVE);
                            let off = apart(&found.currents, &expected.currents) / top;
                            assert!(off < 1e-12, "{m} x {n}, {wires:?}: {off:e}");
                            let off_v =
                                apart(&found.word_v, &expected.word).max(apart(&found.bit_v, &expected.bit));
                            assert!(off_v < 1e-12, "{m} x {n}, {wires:?}: voltages by {off_v:e}");
                            assert!(found.kcl < 1e-13 && found.balance < 1e-12, "{wires:?}: {found:?}");
                            assert!(reciprocity < 1e-11, "{m} x {n} {wires:?}: {reciprocity:e}");
                            (worst, worst_v) = (worst.max(off), worst_v.max(off_v));
                        }
                    }
                }
            }
        }
    }
    // Not hollow: rounding shows.
    assert!(worst > 0.0 && worst_v > 0.0);
}

#[test]
fn small_and_large_wire_resistances_stay_exact() {
    for (m, n) in [(5, 4), (12, 17), (1, 9), (9, 1)] {
        for decades in [1.0, 6.0] {
            let (g, v) = problem(77, m, n, decades);
            for ohm in [1e-12, 1e-9, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9] {
                for wires in [Wires::new(ohm, ohm), Wires::new(ohm, 1.0), Wires::new(1.0, ohm)] {
                    let expected = reference(&g, m, n, wires, &v);
                    let (found, _) = solve(&g, m, n, wires, &v);
                    let off = apart(&found.currents, &expected.currents) / largest(&expected.currents);
                    assert!(off < 1e-12, "{m} x {n}, {wires:?}, {decades} decades: {off:e}");
                }
            }
        }
    }
}

#[test]
fn lines_that_leak_all_their_current_on_the_way_are_solved() {
    // At the far end of such word lines voltages are smaller than any number.
    for (m, n, g, ohm) in [(3, 70, 1e-4, 1e9), (2, 90, 1e-3, 1e8), (9, 40, 1e-4, 1e12)] {
        let (g, v) = (vec![g; m * n], vec![0.2; m]);
        for wires in [
            Wires::new(ohm, 1.0),
            Wires { drivers: Ends::Both, ..Wires::new(ohm, 1.0) },
            Wires { driver_ohm: ohm, sense_ohm: 10.0, ..Wires::new(ohm, 1.0) },
        ] {
            let expected = reference(&g, m, n, wires, &v);
            let (found, reciprocity) = solve(&g, m, n, wires, &v);
            let off = apart(&found.currents, &expected.currents) / largest(&expected.currents);
            assert!(off < 1e-12 && reciprocity < 1e-9, "{m} x {n}, {wires:?}: {off:e}, {reciprocity:e}");
            let workspace = Workspace::default();
            let crossbar = LinearCrossbar::new(rows(&g, m, n), wires).unwrap();
            let eliminated = crossbar.eliminate(&workspace, &Unwatched).unwrap();
            let currents = eliminated.effective().currents(rows(&v, 1, m)).unwrap();
            let found = eliminated.verify(rows(&v, 1, m), &currents).unwrap();
            assert!(found.kcl < 1e-12 && found.balance < 1e-11, "{found:?}");
        }
    }
}

#[test]
fn uniform_arrays_lose_to_first_order_what_is_said() {
    let (n, g) = (100, vec![1e-7; 10_000]);
    let both = Wires { drivers: Ends::Both, grounds: Ends::Both, ..Wires::new(1.0, 1.0) };
    for wires in [
        Wires::new(1.0, 1.0),
        Wires { drivers: Ends::Both, ..Wires::new(1.0, 1.0) },
        both,
        Wires { driver_ohm: 100.0, sense_ohm: 100.0, ..Wires::new(1.0, 1.0) },
        Wires { driver_ohm: 100.0, sense_ohm: 100.0, ..both },
        Wires { sense_ohm: 300.0, ..Wires::new(0.0, 0.0) },
    ] {
        let crossbar = LinearCrossbar::new(rows(&g, n, n), wires).unwrap();
        let w = crossbar.effective(&Workspace::default(), &Unwatched).unwrap().w;
        let lost = 1.0 - w.iter().sum::<f64>() / g.iter().sum::<f64>();
        let said = crossbar.first_loss();
        assert!((said / lost - 1.0).abs() < 0.05, "{wires:?}: {said:e} for {lost:e}");
    }
}

#[test]
fn wires_of_vanishing_resistance_approach_the_closed_form() {
    let (m, n) = (20, 30);
    let (g, v) = problem(5, m, n, 2.0);
    let (ideal, _) = solve(&g, m, n, Wires::IDEAL, &v);
    let sums: Vec<f64> = (0..n).map(|j| (0..m).map(|i| g[i * n + j] * v[i]).sum()).collect();
    assert!(apart(&ideal.currents, &sums) / largest(&sums) < 1e-15);
    for ohm in [1e-6, 1e-9, 1e-12] {
        let (near, _) = solve(&g, m, n, Wires::new(ohm, ohm), &v);
        let off = apart(&near.currents, &sums) / largest(&sums);
        assert!(off < 1e-11 + 1e3 * ohm, "{ohm}: {off:e}");
        let (words, _) = solve(&g, m, n, Wires::new(ohm, 3.0), &v);
        let (closed, _) = solve(&g, m, n, Wires::new(0.0, 3.0), &v);
        let off = apart(&words.currents, &closed.currents) / largest(&closed.currents);
        assert!(off < 1e-11 + 1e3 * ohm, "{ohm}: {off:e}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for (m, n) in [(128, 128), (100, 77), (40, 300)] {
        let (g, v) = problem(9, m, n, 2.0);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| solve(&g, m, n, Wires::new(1.0, 2.0), &v))
        };
        assert!(run(1) == run(2) && run(1) == run(3), "{m} x {n}");
        let flat = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let wires = Wires { driver_ohm: 10.0, ..Wires::new(0.0, 2.0) };
            pool.install(|| solve(&g, m, n, wires, &v))
        };
        assert!(flat(1) == flat(2), "{m} x {n}, points");
    }
}

#[test]
fn a_larger_conductance_never_takes_current_from_its_source() {
    // Rayleigh's monotonicity law: the power of a passive circuit grows with each of its conductances.
    let (m, n) = (9, 14);
    let (mut g, v) = problem(3, m, n, 2.0);
    let power = |g: &[f64]| {
        let (s, _) = solve(g, m, n, Wires::new(5.0, 3.0), &v);
        (0..m).map(|i| v[i] * (v[i] - s.word_v[i * n]) / 5.0).sum::<f64>()
    };
    let mut before = power(&g);
    for cell in [0, 13, 60, 125] {
        g[cell] += 1e-4;
        let after = power(&g);
        assert!(after > before, "cell {cell}: {before} {after}");
        before = after;
    }
}

#[test]
fn cut_wires_carry_nothing_and_floating_nodes_are_named() {
    let g = [1e-4, 2e-4, 0.0, 3e-4];
    let open =
        |word_ohm, bit_ohm| LinearCrossbar::new(rows(&g, 2, 2), Wires::new(word_ohm, bit_ohm)).map(|_| ());
    let inf = f64::INFINITY;
    assert_eq!(open(inf, 1.0), Err(WireError::Floating { line: "word", row: 1, column: 0 }));
    assert_eq!(open(1.0, inf), Err(WireError::Floating { line: "bit", row: 1, column: 0 }));
    assert_eq!(open(inf, inf), Ok(()));
    assert_eq!(open(1.0, 1.0), Ok(()));
    let full = [1e-4, 2e-4, 1e-4, 3e-4];
    let (cut, _) = solve(&full, 2, 2, Wires::new(1.0, inf), &[0.5, -0.25]);
    assert_eq!((cut.currents, cut.bit_v), (vec![0.0; 2], vec![0.5, 0.5, -0.25, -0.25]));
    let (cut, _) = solve(&full, 2, 2, Wires::new(inf, 0.0), &[0.5, -0.25]);
    assert_eq!((cut.currents, cut.word_v), (vec![0.0; 2], vec![0.0; 4]));
    // Behind a sense amplifier that takes nothing, bit lines connect word lines: currents flow, but none out.
    let (high, _) = solve(&full, 2, 2, Wires { sense_ohm: inf, ..Wires::new(1.0, 1.0) }, &[0.5, -0.25]);
    assert!(largest(&high.currents) < 1e-18 && high.bit_v[0] < 0.5 && high.bit_v[0] > 0.0);
}

#[test]
fn nonsense_is_refused_with_its_place() {
    let crossbar = |g: &[f64], wires| LinearCrossbar::new(rows(g, 1, g.len()), wires).map(|_| ());
    let bad = crossbar(&[1e-3, -1e-3], Wires::IDEAL);
    assert_eq!(bad, Err(WireError::Conductance { row: 0, column: 1, value: -1e-3 }));
    assert!(matches!(crossbar(&[f64::NAN], Wires::IDEAL), Err(WireError::Conductance { .. })));
    assert!(matches!(crossbar(&[f64::INFINITY], Wires::IDEAL), Err(WireError::Conductance { .. })));
    assert!(matches!(crossbar(&[1.0], Wires::new(-1.0, 0.0)), Err(WireError::Resistance { .. })));
    assert!(matches!(crossbar(&[1.0], Wires::new(0.0, f64::NAN)), Err(WireError::Resistance { .. })));
    assert!(matches!(crossbar(&[], Wires::IDEAL), Err(WireError::Size { .. })));
    let workspace = Workspace::default();
    let g = [1e-3, 1e-4];
    let eliminated = LinearCrossbar::new(rows(&g, 1, 2), Wires::new(1.0, 1.0)).unwrap();
    let eliminated = eliminated.eliminate(&workspace, &Unwatched).unwrap();
    assert!(matches!(eliminated.solve(rows(&[1.0, 2.0], 1, 2)), Err(WireError::Voltages { .. })));
    let nan = eliminated.solve(rows(&[0.1, f64::INFINITY], 2, 1));
    assert_eq!(nan, Err(WireError::Voltage { input: 1, line: 0, value: f64::INFINITY }));
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (m, n) = (18, 21);
    let (g, v) = problem(55, m, n, 2.0);
    let (_, y) = problem(56, n, 1, 1.0);
    for wires in [
        Wires::new(3.0, 2.0),
        Wires { driver_ohm: 40.0, grounds: Ends::Both, ..Wires::new(0.0, 2.0) },
        Wires { sense_ohm: 15.0, ..Wires::new(2.0, 0.0) },
    ] {
        let workspace = Workspace::default();
        let merit = |g: &[f64]| {
            let crossbar = LinearCrossbar::new(rows(g, m, n), wires).unwrap();
            let w = crossbar.effective(&workspace, &Unwatched).unwrap();
            w.currents(rows(&v, 1, m)).unwrap().iter().zip(&y).map(|(i, y)| i * y).sum::<f64>()
        };
        let crossbar = LinearCrossbar::new(rows(&g, m, n), wires).unwrap();
        let found = crossbar.eliminate(&workspace, &Unwatched).unwrap().gradient(&v, &y).unwrap();
        let top = largest(&found);
        for cell in [0, 7, 100, 200, m * n - 1] {
            let mut changed = g.clone();
            let by = 1e-4 * g[cell].max(1e-6);
            changed[cell] += by;
            let difference = (merit(&changed) - merit(&g)) / by;
            assert!(
                (found[cell] - difference).abs() < 1e-3 * top,
                "{wires:?} {cell}: {} {difference}",
                found[cell]
            );
        }
    }
}

#[test]
fn approximations_are_good_where_wires_matter_little_and_wrong_where_they_dominate() {
    let (m, n) = (32, 32);
    let (g, _) = problem(3, m, n, 1.0);
    let workspace = Workspace::default();
    let error = |ohm: f64, by| {
        let crossbar = LinearCrossbar::new(rows(&g, m, n), Wires::new(ohm, ohm)).unwrap();
        (crossbar.difficulty(), crossbar.error_of(by, &workspace, &Unwatched).unwrap())
    };
    for by in Approximation::ALL {
        let (chi, weak) = error(0.01, by);
        assert!(chi < 1e-3 && weak.rms < chi, "{by:?}: {weak:?} at {chi}");
        let (chi, strong) = error(1e3, by);
        assert!(chi > 5.0 && strong.rms > 0.05, "{by:?}: {strong:?} at {chi}");
        let ends = LinearCrossbar::new(rows(&g, m, n), Wires { drivers: Ends::Both, ..Wires::new(1.0, 1.0) });
        assert!(ends.unwrap().approximate(by).is_err());
    }
    // To first order the mean lines have what a uniform array loses.
    let uniform = vec![1e-6; m * n];
    let crossbar = LinearCrossbar::new(rows(&uniform, m, n), Wires::new(1.0, 1.0)).unwrap();
    let chi = crossbar.difficulty();
    let error = crossbar.error_of(Approximation::MeanLines, &workspace, &Unwatched).unwrap();
    let plain = crossbar.error_of(Approximation::NoWires, &workspace, &Unwatched).unwrap();
    assert!((plain.sum / (chi / 3.0) - 1.0).abs() < 0.1, "{} and chi / 3 = {}", plain.sum, chi / 3.0);
    assert!(error.sum.abs() < 0.1 * plain.sum, "{error:?} {plain:?}");
    // A single cell is its own path.
    let one = LinearCrossbar::new(rows(&[1e-3], 1, 1), Wires::new(100.0, 50.0)).unwrap();
    assert!(one.error_of(Approximation::OwnPath, &workspace, &Unwatched).unwrap().rms < 1e-15);
}

#[test]
fn a_changed_cell_updates_the_matrix_as_a_new_elimination_would() {
    for (m, n) in [(1, 1), (5, 4), (16, 16), (40, 33), (70, 150)] {
        let (g, _) = problem(70, m, n, 2.0);
        for wires in [
            Wires::new(2.0, 1.0),
            Wires { drivers: Ends::Both, grounds: Ends::Both, driver_ohm: 30.0, ..Wires::new(1.0, 4.0) },
            Wires { driver_ohm: 9.0, ..Wires::new(0.0, 1.0) },
        ] {
            let workspace = Workspace::default();
            let crossbar = LinearCrossbar::new(rows(&g, m, n), wires).unwrap();
            let eliminated = crossbar.eliminate(&workspace, &Unwatched).unwrap();
            for (cell, to) in
                [(0, 1e-3), (m * n - 1, 0.0), (m * n / 2, 5e-5), (n - 1, 2e-4), ((m - 1) * n, 1e-2)]
            {
                let mut changed = g.clone();
                changed[cell] = to;
                let new = LinearCrossbar::new(rows(&changed, m, n), wires).unwrap();
                let expected = new.effective(&workspace, &Unwatched).unwrap();
                let found = eliminated.changed(cell / n, cell % n, to).unwrap();
                let off = apart(&found.w, &expected.w);
                assert!(
                    off < 1e-13 * largest(&expected.w).max(1e-4),
                    "{m} x {n} {wires:?} cell {cell}: {off:e}"
                );
            }
            assert!(matches!(eliminated.changed(m, 0, 1.0), Err(WireError::NoCell { .. })));
            assert!(matches!(eliminated.changed(0, 0, -1.0), Err(WireError::Conductance { .. })));
        }
    }
}

#[test]
fn conjugate_gradients_agree_with_nodal_analysis() {
    for (k, (m, n)) in [(1, 1), (1, 7), (9, 1), (8, 8), (13, 6), (17, 24)].into_iter().enumerate() {
        for (r, decades) in [(1e-2, 2.0), (1.0, 2.0), (30.0, 2.0), (1e4, 2.0), (1.0, 5.0)] {
            let ends = [Ends::One, Ends::Both][k % 2];
            let wires = Wires {
                driver_ohm: 3.0 * k as f64,
                sense_ohm: r,
                drivers: ends,
                grounds: ends,
                ..Wires::new(r, 0.7 * r)
            };
            let (g, v) = problem(k as u64, m, n, decades);
            let expected = reference(&g, m, n, wires, &v);
            let crossbar = LinearCrossbar::new(rows(&g, m, n), wires).unwrap();
            assert!(crossbar.can_iterate());
            let (found, steps) = crossbar.iterate(rows(&v, 1, m), &Unwatched).unwrap();
            let what = format!("{m} x {n}, {r} ohm, {decades} decades, {steps:?} steps");
            assert!(
                apart(&found.currents, &expected.currents) <= 1e-11 * largest(&expected.currents),
                "{what}"
            );
            let volts = largest(&v);
            assert!(apart(&found.word_v, &expected.word) < 1e-11 * volts, "{what}");
            assert!(apart(&found.bit_v, &expected.bit) < 1e-11 * volts, "{what}");
            let reciprocity = crossbar.iterated_reciprocity(&v, &found.currents, &Unwatched).unwrap();
            assert!(reciprocity < 1e-9, "{what}: {reciprocity:e}");
        }
    }
}

#[test]
fn conjugate_gradients_say_what_they_cannot_solve() {
    let (g, v) = problem(5, 4, 4, 2.0);
    for wires in [Wires::new(0.0, 1.0), Wires::new(1e-9, 1.0)] {
        let crossbar = LinearCrossbar::new(rows(&g, 4, 4), wires).unwrap();
        assert!(!crossbar.can_iterate());
        assert_eq!(crossbar.iterate(rows(&v, 1, 4), &Unwatched).unwrap_err(), WireError::TooStiff);
    }
}

#[test]
fn conjugate_gradients_keep_their_digits_on_hardly_resistive_and_sparse_arrays() {
    let workspace = Workspace::default();
    let n = 64;
    let (sparse, v) = problem(21, n, n, 3.0);
    let sparse: Vec<f64> =
        sparse.iter().enumerate().map(|(k, g)| if k % 7 == 0 { *g } else { 0.0 }).collect();
    for (g, wires) in [
        (vec![1e-6; n * n], Wires::new(1e-3, 1e-3)),
        (vec![2e-6; n * n], Wires::new(2e-3, 2e-3)),
        (vec![1e-6; n * n], Wires { driver_ohm: 1000.0, ..Wires::new(1e-2, 1e-3) }),
        (sparse.clone(), Wires::new(0.1, 0.02)),
        (sparse, Wires { driver_ohm: 100.0, sense_ohm: 10.0, ..Wires::new(0.5, 0.5) }),
    ] {
        let crossbar = LinearCrossbar::new(rows(&g, n, n), wires).unwrap();
        assert!(crossbar.can_iterate(), "{wires:?}");
        let exact = crossbar.effective(&workspace, &Unwatched).unwrap().currents(rows(&v, 1, n)).unwrap();
        let (found, _) = crossbar.iterate(rows(&v, 1, n), &Unwatched).unwrap();
        assert!(apart(&found.currents, &exact) <= 1e-12 * largest(&exact), "{wires:?}");
        let reciprocity = crossbar.iterated_reciprocity(&v, &found.currents, &Unwatched).unwrap();
        assert!(reciprocity < 1e-9, "{wires:?}: {reciprocity:e}");
    }
    // Lines that are all but cut off at their ends are left to elimination.
    let g = vec![1e-4; n * n];
    for (driver_ohm, sense_ohm) in [(1e12, 1e12), (1e9, 0.0), (0.0, 1e9)] {
        let wires = Wires { driver_ohm, sense_ohm, ..Wires::new(1.0, 1.0) };
        assert!(!LinearCrossbar::new(rows(&g, n, n), wires).unwrap().can_iterate());
    }
}
