//! Netlists of arrays, run by ngspice, beside our own solutions. Skips where ngspice is not installed.

use std::process::Command;

use neurohm_device::compact::{Drive, Waveform, drive, published};
use neurohm_num::{Key, Unwatched};

use super::{apart, largest, problem, rows};
use crate::wires::{
    Access, CellLaw, Conduction, NonlinearCrossbar, Pulsed, Saved, WireError, Wires, Workspace,
};

/// Rows of numbers that ngspice writes for a netlist, without the first number of each.
fn ngspice(test: &str, netlist: &str) -> Option<Vec<Vec<f64>>> {
    let folder = std::env::temp_dir().join(format!("neurohm-array-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("array.cir"), netlist).unwrap();
    let run = Command::new("ngspice").args(["-b", "array.cir"]).current_dir(&folder).output();
    let lines = run.ok().map(|output| {
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let data = std::fs::read_to_string(folder.join("crossbar.data"));
        let data = data.unwrap_or_else(|e| panic!("{e}: {said}\n{netlist}"));
        let numbers = |line: &str| line.split_whitespace().map(|x| x.parse().unwrap()).collect::<Vec<f64>>();
        data.lines().map(numbers).collect()
    });
    std::fs::remove_dir_all(&folder).unwrap();
    lines
}

const CONDUCTION: [Conduction; 4] = [
    Conduction::Linear,
    Conduction::Sinh { per_v: 3.0 },
    Conduction::Polynomial { second_per_v: 0.5, third_per_v2: 2.0 },
    Conduction::PooleFrenkel { per_root_v: 1.5 },
];

const ACCESS: [Access; 5] = [
    Access::None,
    Access::Exponential { scale_a: 1e-9, scale_v: 0.06 },
    Access::Diode { saturation_a: 1e-12, scale_v: 0.04, leak_s: 1e-10 },
    Access::Threshold { threshold_v: 0.4, hold_a: 1e-7, off_s: 1e-8, on_s: 1e-3 },
    Access::Transistor {
        gate_v: 1.8,
        threshold_v: 0.5,
        beta_a_per_v2: 4e-4,
        lambda_per_v: 0.05,
        off_s: 1e-12,
    },
];

#[test]
fn every_law_and_selector_has_the_same_operating_point_in_ngspice() {
    let (m, n) = (4, 3);
    let (g, _) = problem(3, m, n, 1.5);
    // Both signs, so that currents flow out of bit lines too.
    let v = [1.1, -0.7, 0.9, 1.2, -0.2, 1.0, 0.8, -1.1];
    let wires = Wires { driver_ohm: 20.0, sense_ohm: 10.0, ..Wires::new(3.0, 2.0) };
    let workspace = Workspace::default();
    for access in ACCESS {
        for conduction in CONDUCTION {
            let law = CellLaw { conduction, access };
            let mut crossbar = NonlinearCrossbar::new(rows(&g, m, n), wires, law).unwrap();
            if matches!(access, Access::Transistor { .. }) {
                crossbar.select(&[true, true, false, true]).unwrap();
            }
            let inputs = rows(&v, 2, m);
            let ours = crossbar.solve(inputs, &workspace, &Unwatched).unwrap();
            let netlist = crossbar.spice(inputs, Saved::Nodes, &workspace, &Unwatched).unwrap();
            let Some(theirs) = ngspice("laws", &netlist) else { return };
            assert_eq!(theirs.len(), 2, "{law:?}");
            for (input, line) in theirs.iter().enumerate() {
                let currents = &ours.currents[input * n..(input + 1) * n];
                let cells = input * m * n..(input + 1) * m * n;
                let off = apart(currents, &line[1..=n]) / largest(currents);
                let word = apart(&ours.word_v[cells.clone()], &line[1 + n..1 + n + m * n]);
                let bit = apart(&ours.bit_v[cells], &line[1 + n + m * n..]);
                assert!(off < 1e-12 && word < 1e-13 && bit < 1e-13, "{law:?}: {off:e} {word:e} {bit:e}");
            }
        }
    }
}

#[test]
fn cells_with_equations_under_ideal_lines_do_what_each_does_alone() {
    let dynamic = published().iter().find(|set| set.name == "vteam/memtorch").unwrap().dynamic();
    let (m, n, t_end_s, t_k) = (2, 2, 3e-6, 300.0);
    let mut bank = dynamic.bank(m * n, Key::root(1)).unwrap();
    let span = 3e-9;
    for k in 0..m * n {
        bank.set_state(k, &[span * (0.8 - 0.2 * k as f64)]);
    }
    let ramp = |v: f64| Waveform::Points(vec![(0.0, 0.0), (0.5e-6, v), (2e-6, v), (2.5e-6, 0.0)]);
    let (sources, grounds) = ([ramp(-0.21), ramp(0.03)], [ramp(0.0), ramp(-0.003)]);
    let pulsed = Pulsed {
        size: [m, n],
        wires: Wires::IDEAL,
        cells: bank.as_ref(),
        sources: &sources,
        grounds: &grounds,
        t_end_s,
        max_step_s: t_end_s / 1e3,
        t_k,
    };
    let netlist = pulsed.spice(Saved::Currents).unwrap();
    // One subcircuit, and its first state for every cell but the first.
    assert_eq!(
        (netlist.matches(".subckt").count(), netlist.matches("w_start=").count()),
        (1, 4),
        "{netlist}"
    );
    let Some(theirs) = ngspice("pulses", &netlist) else { return };
    let last = theirs.last().unwrap();
    assert!((last[0] - t_end_s).abs() < 1e-12 && last.len() == 1 + n + m * n, "{last:?}");
    for k in 0..m * n {
        let mut alone = dynamic.bank(1, Key::root(1)).unwrap();
        alone.set_state(0, &[span * (0.8 - 0.2 * k as f64)]);
        let (up, down) = ([-0.21, 0.03][k / n], [0.0, -0.003][k % n]);
        let waveform = ramp(up - down);
        let how = Drive { waveform: &waveform, t_end_s, t_k, max_step_s: t_end_s / 1e3 };
        let trace = drive(alone.as_mut(), &how).unwrap();
        let (ours, theirs) = (trace.last()[0], last[1 + n + k]);
        assert!((ours - theirs).abs() < 1e-4 * span, "cell {k}: {ours} and {theirs}");
        // All of them moved, and none to its end.
        let begun = span * (0.8 - 0.2 * k as f64);
        assert!(
            (ours - begun).abs() > 0.1 * span && ours > 0.1 * span && ours < 0.9 * span,
            "cell {k}: {ours}"
        );
    }
}

#[test]
fn what_a_simulator_cannot_be_told_is_refused_with_its_place() {
    let random = published().iter().find(|set| set.name.starts_with("stt_mram/")).unwrap().dynamic();
    let bank = random.bank(2, Key::root(1)).unwrap();
    let flat = [Waveform::Constant(0.1)];
    let pulsed = Pulsed {
        size: [1, 2],
        wires: Wires::new(1.0, 1.0),
        cells: bank.as_ref(),
        sources: &flat,
        grounds: &[],
        t_end_s: 1e-6,
        max_step_s: 1e-8,
        t_k: 300.0,
    };
    let refused = |pulsed: Pulsed| pulsed.spice(Saved::Nodes).unwrap_err().to_string();
    assert!(refused(pulsed).starts_with("the cell in row 0, column 0 has no SPICE form: chance decides"));
    let holes = [Waveform::Points(vec![(0.0, 1.0), (1e-6, f64::NAN)])];
    assert!(refused(Pulsed { sources: &holes, ..pulsed }).contains("waveform of word line 0"));
    assert!(refused(Pulsed { t_end_s: 0.0, ..pulsed }).contains("end of the transient"));
    assert!(refused(Pulsed { grounds: &flat, ..pulsed }).contains("1 voltages for 2 bit lines"));
    let cut = Wires { word_ohm: f64::INFINITY, bit_ohm: f64::INFINITY, ..Wires::IDEAL };
    assert!(matches!(Pulsed { wires: cut, ..pulsed }.spice(Saved::Nodes), Err(WireError::Floating { .. })));
}
