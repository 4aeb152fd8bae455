use neurohm_num::{Rows, Unwatched};

use super::*;
use crate::wires::{LinearCrossbar, NonlinearCrossbar, Wires, Workspace};

const ALL_LINES: usize = 10_000;

fn array(rows: usize, columns: usize) -> ReadArray {
    ReadArray {
        rows,
        columns,
        low_s: 1e-4,
        high_s: 1e-6,
        law: CellLaw::passive(Conduction::Linear),
        word_ohm: 2.0,
        bit_ohm: 3.0,
        driver_ohm: 20.0,
        sense_ohm: 50.0,
    }
}

fn read(of: &ReadArray, scheme: Scheme) -> Margin {
    of.read(scheme, 0.5, Background::Low, ALL_LINES, &Unwatched).unwrap()
}

fn near(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * b.abs()
}

/// Without wires the sneak path of a floating array is three resistances in series: R / (n - 1), R / ((m - 1)(n - 1)) and
/// R / (m - 1).
#[test]
fn without_wires_a_floating_array_has_the_sneak_path_of_three_resistances() {
    for (m, n) in [(2, 2), (5, 3), (64, 64), (2048, 1024)] {
        let (word_ohm, bit_ohm, driver_ohm, sense_ohm) = (0.0, 0.0, 0.0, 0.0);
        let of = ReadArray { word_ohm, bit_ohm, driver_ohm, sense_ohm, ..array(m, n) };
        let (r, [m, n]) = (1e4, [m as f64, n as f64]);
        let sneak = 1.0 / (r / (n - 1.0) + r / ((m - 1.0) * (n - 1.0)) + r / (m - 1.0));
        let found = read(&of, Scheme::Floating);
        assert!(near(found.low_a, 0.5 * (1e-4 + sneak), 1e-12), "{found:?}");
        assert!(near(found.high_a, 0.5 * (1e-6 + sneak), 1e-12), "{found:?}");
        assert!(near(found.contrast(), 0.99e-4 / (1e-4 + sneak), 1e-12));
        // Wires that are nearly nothing, by the other way.
        let of = ReadArray { word_ohm: 1e-7, bit_ohm: 1e-7, ..of };
        let wired = read(&of, Scheme::Floating);
        assert!(near(wired.low_a, found.low_a, 1e-4) && near(wired.contrast(), found.contrast(), 1e-4));
    }
}

/// Ladders of modes against Newton's iteration on every node: two ways that share nothing but the circuit.
#[test]
fn modes_and_nodes_give_the_same_currents() {
    for (rows, columns) in [(1, 1), (1, 6), (7, 1), (2, 2), (9, 6), (5, 12)] {
        for scheme in Scheme::ALL {
            for (driver_ohm, sense_ohm) in [(0.0, 0.0), (20.0, 5000.0)] {
                let of = ReadArray { driver_ohm, sense_ohm, ..array(rows, columns) };
                let wires = of.wires();
                for (others, cell) in [(1e-4, 1e-4), (1e-4, 0.0), (1e-6, 1e-4)] {
                    let [modes] = uniform::currents(&of, wires.unwrap(), scheme, 0.5, others, [cell]);
                    let nodes =
                        grouped::current(&of, wires, scheme, 0.5, [others, cell], ALL_LINES, &Unwatched)
                            .unwrap();
                    let most = 1e-10 * (nodes.abs() + 1e-5);
                    assert!(
                        (modes - nodes).abs() <= most,
                        "{rows} x {columns} {scheme:?}: {modes:e} {nodes:e}"
                    );
                }
            }
        }
    }
}

/// The effective matrix of the tree is of the whole array, cell by cell.
#[test]
fn rows_and_products_are_those_of_the_effective_matrix() {
    let of = ReadArray { driver_ohm: 0.0, ..array(24, 17) };
    let wires = Wires { sense_ohm: 50.0, ..Wires::new(2.0, 3.0) };
    let g = vec![1e-4; 24 * 17];
    let solved = LinearCrossbar::new(Rows::new(&g, 24, 17).unwrap(), wires).unwrap();
    let w = solved.effective(&Workspace::default(), &Unwatched).unwrap().w;
    let last = &w[16 * 24..];
    assert!(near(read(&of, Scheme::Row).low_a, 0.5 * last[0], 1e-11));
    let loss = of.product_loss(0.5, 1e-4, ALL_LINES, &Unwatched).unwrap();
    assert!(near(1.0 - loss, last.iter().sum::<f64>() / (24.0 * 1e-4), 1e-11));
}

#[test]
fn cells_with_selectors_read_as_in_the_whole_array() {
    let access = Access::Exponential { scale_a: 1e-9, scale_v: 0.06 };
    let law = CellLaw { conduction: Conduction::Sinh { per_v: 2.0 }, access };
    let of = ReadArray { law, driver_ohm: 0.0, word_ohm: 30.0, bit_ohm: 40.0, ..array(8, 6) };
    let wires = Wires { sense_ohm: 50.0, ..Wires::new(30.0, 40.0) };
    let g = vec![1e-4; 48];
    let whole = NonlinearCrossbar::new(Rows::new(&g, 8, 6).unwrap(), wires, law).unwrap();
    let mut volts = vec![0.0; 8];
    volts[0] = 1.2;
    let found = whole.solve(Rows::new(&volts, 1, 8).unwrap(), &Workspace::default(), &Unwatched).unwrap();
    let ours = of.read(Scheme::Row, 1.2, Background::Low, ALL_LINES, &Unwatched).unwrap();
    assert!(near(ours.low_a, found.currents[5], 1e-9), "{} {}", ours.low_a, found.currents[5]);
    assert_eq!(ours.apart, None);
}

#[test]
fn groups_come_closer_to_the_whole_array_by_their_square() {
    // A law that is linear but for its name takes the way of groups, and modes know the answer.
    let exact = ReadArray { driver_ohm: 0.0, ..array(129, 129) };
    let law = CellLaw::passive(Conduction::Polynomial { second_per_v: 0.0, third_per_v2: 0.0 });
    let of = ReadArray { law, ..exact };
    for scheme in Scheme::ALL {
        let truth = read(&exact, scheme);
        let error = |groups| {
            let found = of.read(scheme, 0.5, Background::Low, groups, &Unwatched).unwrap();
            let apart =
                (found.contrast() - truth.contrast()).abs().max((found.signal() - truth.signal()).abs());
            (apart, found.apart.unwrap())
        };
        let ((coarse, _), (fine, said)) = (error(8), error(16));
        assert!(fine < 0.3 * coarse + 1e-9, "{scheme:?}: {coarse} {fine}");
        assert!(fine <= said && fine < 0.02, "{scheme:?}: {fine}, said {said}");
    }
}

#[test]
fn selectors_push_the_ceiling_up_and_wires_pull_it_down() {
    let top = |law, word_ohm| {
        ceiling(2, 64, 0.0, |n| {
            let of = ReadArray { law, word_ohm, bit_ohm: word_ohm, ..array(n, n) };
            let read = of.read(Scheme::Half, 1.0, Background::Low, 16, &Unwatched)?;
            Ok::<_, WireError>(read.worst() >= 0.1)
        })
        .unwrap()
        .size()
    };
    let access = Access::Exponential { scale_a: 1e-10, scale_v: 0.05 };
    let (bare, chosen) =
        (CellLaw::passive(Conduction::Linear), CellLaw { access, ..CellLaw::passive(Conduction::Linear) });
    assert!(top(bare, 1.0) < top(chosen, 1.0));
    assert!(top(chosen, 1000.0) < top(chosen, 1.0));
}

#[test]
fn a_reference_for_all_data_is_no_easier_than_one_for_each() {
    let of = array(40, 40);
    for scheme in Scheme::ALL {
        let contrast = |b| of.read(scheme, 0.5, b, ALL_LINES, &Unwatched).unwrap().contrast();
        let any = contrast(Background::Any);
        assert!(any <= contrast(Background::Low) + 1e-12, "{scheme:?}");
        assert!(any <= contrast(Background::High) + 1e-12, "{scheme:?}");
    }
}

#[test]
fn the_ceiling_is_the_last_size_that_holds() {
    let find = |top: usize| ceiling(2, 4096, 0.0, |n| Ok::<_, ()>(n <= top)).unwrap();
    assert_eq!((find(1), find(2), find(777)), (Ceiling::None, Ceiling::At(2), Ceiling::At(777)));
    assert_eq!((find(4095), find(4096)), (Ceiling::At(4095), Ceiling::Above(4096)));
}

#[test]
fn what_is_wrong_with_a_reading_is_named() {
    let said =
        |of: ReadArray| of.read(Scheme::Half, 0.5, Background::Low, 8, &Unwatched).unwrap_err().to_string();
    assert!(said(ReadArray { high_s: 1e-3, ..array(4, 4) }).contains("high-resistance state"));
    assert!(said(ReadArray { word_ohm: f64::INFINITY, ..array(4, 4) }).contains("word-line segment"));
    assert!(said(array(0, 4)).contains("0 rows"));
    let access = Access::Threshold { threshold_v: 0.9, hold_a: 1e-7, off_s: 1e-9, on_s: 1e-3 };
    let law = CellLaw { conduction: Conduction::Linear, access };
    assert!(said(ReadArray { law, ..array(4, 4) }).contains("no selector turns on"));
}

/// Currents that ngspice 39 gives for the same circuits: 24 x 24 cells of 10 kohm at 0.2 V between segments of 2 and 3 ohm, and
/// 10 x 10 of them at 1.2 V between segments of 20 and 30 ohm with selectors of `1 nA sinh(V / 60 mV)`, the selected cell at 10 kohm
/// and at 1 Mohm.
#[test]
fn a_peer_reads_the_same_currents() {
    let access = Access::Exponential { scale_a: 1e-9, scale_v: 0.06 };
    let bare = ReadArray { driver_ohm: 0.0, sense_ohm: 0.0, ..array(24, 24) };
    let chosen = ReadArray {
        rows: 10,
        columns: 10,
        word_ohm: 20.0,
        bit_ohm: 30.0,
        law: CellLaw { access, ..bare.law },
        ..bare
    };
    let peer = [
        (
            Scheme::Floating,
            [2.32196212408858e-4, 2.15042142497531e-4],
            [5.48156672215028e-5, 7.44407114389232e-6],
        ),
        (
            Scheme::Grounded,
            [1.73637599901431e-5, 2.47359557133425e-7],
            [4.51381281569484e-5, 7.21354360467143e-7],
        ),
        (Scheme::Half, [2.33982197771945e-4, 2.17088686329346e-4], [8.7052674468484e-5, 4.25285717420787e-5]),
        (
            Scheme::Third,
            [1.69272259577798e-4, 1.52035109976051e-4],
            [5.15585265867638e-5, 4.0732992828633e-6],
        ),
    ];
    for (scheme, linear, selected) in peer {
        for (of, volts, [low, high], most) in [(&bare, 0.2, linear, 1e-11), (&chosen, 1.2, selected, 1e-8)] {
            let found = of.read(scheme, volts, Background::Low, ALL_LINES, &Unwatched).unwrap();
            let said = format!("{scheme:?} at {volts} V: {found:?}, not {low} and {high}");
            assert!(near(found.low_a, low, most) && near(found.high_a, high, most), "{said}");
        }
    }
}

#[test]
fn what_rounding_leaves_is_no_contrast() {
    // Of the cell's own current less arrives than rounding makes of what comes past it.
    let of = ReadArray { driver_ohm: 0.0, sense_ohm: 0.0, ..array(2048, 2048) };
    for background in [Background::Low, Background::Any] {
        let found = of.read(Scheme::Grounded, 0.2, background, 1, &Unwatched).unwrap();
        assert!(found.contrast() == 0.0 && found.signal().abs() < 1e-9, "{found:?}");
    }
}
