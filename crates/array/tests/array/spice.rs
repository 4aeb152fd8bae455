//! Netlists of crossbars: what ngspice makes of them is what we do, where it is installed.

use std::process::Command;

use neurohm_array::wires::{Ends, LinearCrossbar, Saved, WireError, Wires, Workspace};
use neurohm_num::{Key, Purpose, Rows, Unwatched};

/// Runs a netlist; the lines of numbers that it wrote, without ngspice's own number. `None` where ngspice is not installed.
fn ngspice(test: &str, netlist: &str) -> Option<Vec<Vec<f64>>> {
    let folder = std::env::temp_dir().join(format!("neurohm-array-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("crossbar.cir"), netlist).unwrap();
    let run = Command::new("ngspice").args(["-b", "crossbar.cir"]).current_dir(&folder).output();
    let rows = run.ok().map(|output| {
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!said.to_lowercase().contains("singular") && !said.contains("rror"), "{said}");
        let text = std::fs::read_to_string(folder.join("crossbar.data"));
        let text = text.unwrap_or_else(|e| panic!("{e}: {said}"));
        let number = |x: &str| x.parse::<f64>().unwrap();
        text.lines().map(|line| line.split_whitespace().skip(1).map(number).collect()).collect()
    });
    std::fs::remove_dir_all(&folder).unwrap();
    if rows.is_none() {
        skipped(test);
    }
    rows
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(test: &str) {
    eprintln!("skipped: {test}: ngspice is not installed");
}

/// Conductances over `decades` from 1 uS up, a tenth of them open, and voltages of both signs.
fn problem(seed: u64, m: usize, n: usize, inputs: usize, decades: f64) -> (Vec<f64>, Vec<f64>) {
    let stream = Key::root(seed).stream(Purpose::Data, 0);
    let uniform = |element: usize| f64::from(stream.uniform(element as u64));
    let cell =
        |e: usize| if uniform(2 * e) < 0.1 { 0.0 } else { 1e-6 * 10f64.powf(decades * uniform(2 * e + 1)) };
    ((0..m * n).map(cell).collect(), (0..m * inputs).map(|i| uniform(1_000_000 + i) - 0.4).collect())
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |t, v| t.max(v.abs()))
}

/// Largest difference of ngspice from us: of currents as a part of the largest, of node voltages in V.
fn distance(name: &str, m: usize, n: usize, wires: Wires, decades: f64) -> Option<(f64, f64)> {
    let (g, v) = problem(7, m, n, 2, decades);
    let inputs = Rows::new(&v, 2, m).unwrap();
    let crossbar = LinearCrossbar::new(Rows::new(&g, m, n).unwrap(), wires).unwrap();
    let workspace = Workspace::default();
    let solution = crossbar.eliminate(&workspace, &Unwatched).unwrap().solve(inputs).unwrap();
    let found = ngspice(name, &crossbar.spice(inputs, Saved::Nodes).unwrap())?;
    assert_eq!(found.len(), 2, "a line an input");
    let (mut currents, mut voltages) = (0.0f64, 0.0f64);
    for (input, line) in found.iter().enumerate() {
        assert_eq!(line.len(), n + 2 * m * n);
        let cells = input * m * n..(input + 1) * m * n;
        let ours = &solution.currents[input * n..(input + 1) * n];
        let nodes = solution.word_v[cells.clone()].iter().chain(&solution.bit_v[cells]);
        let worst = |pairs: &mut dyn Iterator<Item = (&f64, &f64)>| {
            pairs.fold(0.0f64, |t, (a, b)| t.max((a - b).abs()))
        };
        currents = currents.max(worst(&mut ours.iter().zip(line)) / largest(ours));
        voltages = voltages.max(worst(&mut nodes.zip(&line[n..])));
    }
    Some((currents, voltages))
}

#[test]
fn ngspice_gives_the_same_for_every_kind_of_line() {
    let resistances = [(2.0, 1.0), (0.0, 1.0), (2.0, 0.0), (0.0, 0.0)];
    for (m, n) in [(1, 1), (1, 7), (7, 1), (8, 8), (12, 5)] {
        for (word_ohm, bit_ohm) in resistances {
            for (driver_ohm, sense_ohm) in [(0.0, 0.0), (50.0, 20.0)] {
                for ends in [Ends::One, Ends::Both] {
                    let wires =
                        Wires { word_ohm, bit_ohm, driver_ohm, sense_ohm, drivers: ends, grounds: ends };
                    let Some((currents, voltages)) = distance("kinds", m, n, wires, 3.0) else { return };
                    assert!(
                        currents < 1e-9 && voltages < 1e-9,
                        "{m} x {n}, {wires:?}: {currents:e} of the largest, {voltages:e} V"
                    );
                }
            }
        }
    }
}

#[test]
fn ngspice_gives_the_same_at_extremes() {
    for (name, wires, decades) in [
        ("thin", Wires::new(1e-6, 1e-6), 3.0),
        ("thick", Wires::new(1e6, 1e6), 3.0),
        ("apart", Wires::new(1e-3, 1e3), 6.0),
    ] {
        let Some((currents, voltages)) = distance(name, 16, 24, wires, decades) else { return };
        assert!(
            currents < 1e-9 && voltages < 1e-9,
            "{name}: {currents:e} of the largest current, {voltages:e} V"
        );
    }
}

#[test]
fn what_does_not_conduct_is_left_out() {
    let g = [1e-3, 1e-3, 0.0, 1e-3, 1e-3, 1e-3];
    let array = Rows::new(&g, 2, 3).unwrap();
    let of = |wires| {
        let crossbar = LinearCrossbar::new(array, wires).unwrap();
        crossbar.spice(Rows::new(&[0.3, -0.1], 1, 2).unwrap(), Saved::Nodes).unwrap()
    };
    let open = of(Wires::new(3.0, 1.0));
    assert!(!open.contains("RC0_2 ") && open.contains("RC1_2 ") && open.contains("RB1_2 "), "{open}");
    let cut = of(Wires { sense_ohm: f64::INFINITY, ..Wires::new(3.0, 1.0) });
    assert!(cut.contains("RB1_2 ") && !cut.contains("RB2_2 ") && !cut.contains("RS2 "), "{cut}");
    let Some(found) = ngspice("cut", &cut) else { return };
    assert!(found[0][..3].iter().all(|i| i.abs() < 1e-12), "no way to ground: {found:?}");
}

#[test]
fn a_netlist_is_the_same_every_time_and_says_what_it_is() {
    let g = [1e-3, 0.0, 5e-4, 2e-4];
    let crossbar = LinearCrossbar::new(Rows::new(&g, 2, 2).unwrap(), Wires::new(10.0, 5.0)).unwrap();
    let v = [0.2, 0.1, -0.3, 0.4];
    let text = |saved| crossbar.spice(Rows::new(&v, 2, 2).unwrap(), saved).unwrap();
    assert_eq!(text(Saved::Nodes), text(Saved::Nodes));
    assert_eq!(
        text(Saved::Currents),
        "crossbar of 2 word lines and 2 bit lines, written by neurohm\n\
         * Run it with `ngspice -b` and this file's name. It writes a line for each of 2 inputs to crossbar.data:\n\
         * a number of ngspice's own, the currents of bit lines 0 to 1.\n\
         * Nodes: s0 source of word line 0; w0_1 and b0_1 word-line and bit-line node of the cell in row 0,\n\
         * column 1; g1 ground of bit line 1, behind which VO1 measures its current.\n\
         * Word lines: 10 ohm a segment, 0 ohm a driver, driven at column 0.\n\
         * Bit lines: 5 ohm a segment, 0 ohm a sense amplifier, grounded at row 1.\n\
         * sources, with the voltages of input 0\n\
         V0 s0 0 2e-1\nV1 s1 0 1e-1\n\
         * word lines: drivers D and segments W\n\
         RW0_0 s0 w0_0 1e1\nRW0_1 w0_0 w0_1 1e1\nRW1_0 s1 w1_0 1e1\nRW1_1 w1_0 w1_1 1e1\n\
         * cells\n\
         RC0_0 w0_0 b0_0 1e3\nRC1_0 w1_0 b1_0 2e3\nRC1_1 w1_1 b1_1 5e3\n\
         * bit lines: segments B, sense resistances S, and what measures their currents\n\
         RB1_0 b0_0 b1_0 5e0\nRB2_0 g0 b1_0 5e0\nVO0 g0 0 0\nRB1_1 b0_1 b1_1 5e0\nRB2_1 g1 b1_1 5e0\nVO1 g1 0 0\n\
         .control\nset wr_singlescale\nset numdgt=16\nop\nwrdata crossbar.data i(vo0) i(vo1)\nset appendwrite\n\
         alter v0 = -3e-1\nalter v1 = 4e-1\nop\nwrdata crossbar.data i(vo0) i(vo1)\nquit\n.endc\n.end\n"
    );
}

#[test]
fn a_netlist_of_nonsense_is_refused() {
    let g = [1e-3, 0.0, 5e-4, 2e-4];
    let array = Rows::new(&g, 2, 2).unwrap();
    let crossbar = LinearCrossbar::new(array, Wires::new(10.0, 5.0)).unwrap();
    let of = |v: &[f64], inputs, cols| crossbar.spice(Rows::new(v, inputs, cols).unwrap(), Saved::Currents);
    let three = WireError::Voltages { what: "word lines", expected: 2, found: 3 };
    assert_eq!(of(&[0.0; 3], 1, 3), Err(three));
    assert_eq!(of(&[], 0, 2), Err(WireError::Voltages { what: "word lines", expected: 2, found: 0 }));
    let infinite = WireError::Voltage { input: 1, line: 0, value: f64::INFINITY };
    assert_eq!(of(&[0.0, 0.0, f64::INFINITY, 0.0], 2, 2), Err(infinite));
    let cut = Wires::new(f64::INFINITY, f64::INFINITY);
    let cut = LinearCrossbar::new(array, cut).unwrap();
    let floating = WireError::Floating { line: "word", row: 0, column: 0 };
    assert_eq!(cut.spice(Rows::new(&[0.0; 2], 1, 2).unwrap(), Saved::Currents), Err(floating));
}
