//! Chips whose cells do not obey Ohm's law: products are those of the cells' circuits.

use neurohm_array::wires::{Access, CellLaw, NonlinearCrossbar, Wires, Workspace};
use neurohm_array::{AnalogMatrix, ArrayError, ChipSpec, chip_preset, presets_only};
use neurohm_device::Nonidealities;
use neurohm_num::{Key, Purpose, Rows, RowsMut, Unwatched};

const G_MAX: f64 = 25e-6;
const BOUND: f64 = 1e-4;

/// Laws as chips' files have them, each with the largest number of products that may stand for one.
const LAWS: [(&str, &str, usize); 8] = [
    ("{sinh = {per_v = 8.0}}", "none", 1),
    ("{polynomial = {second_per_v = 1.0, third_per_v2 = 20.0}}", "none", 1),
    ("{poole_frenkel = {per_root_v = 2.0}}", "none", 1),
    ("linear", "{exponential = {i0 = \"50 nA\", v0 = \"25 mV\"}}", 8),
    ("{sinh = {per_v = 5.0}}", "{diode = {i0 = \"1 nA\", v0 = \"30 mV\", leak = \"1 nS\"}}", 8),
    (
        "linear",
        "{transistor = {gate = \"0.7 V\", threshold = \"0.5 V\", gain = \"400 uA\", lambda = 0.05, off = \"1 pS\"}}",
        8,
    ),
    (
        "{sinh = {per_v = 3.0}}",
        "{threshold = {on_at = \"50 mV\", hold = \"0 A\", off = \"10 pS\", on = \"1 mS\"}}",
        24,
    ),
    ("linear", "{threshold = {on_at = \"50 mV\", hold = \"0 A\", off = \"1 nS\", on = \"100 uS\"}}", 64),
];

fn random(key: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Key::root(key).stream(Purpose::Data, 0).fill_uniform(0, &mut values);
    values.iter_mut().for_each(|v| *v = 2.0 * *v - 1.0);
    values
}

/// An ideal chip but for its cells, and what else is set.
fn chip(conduction: &str, access: &str, more: &[(&str, &str)]) -> ChipSpec {
    let mut chip = chip_preset("ideal").unwrap();
    chip.set("cells.conduction", conduction, &presets_only).unwrap();
    chip.set("cells.access", access, &presets_only).unwrap();
    for (path, value) in more {
        chip.set(path, value, &presets_only).unwrap_or_else(|e| panic!("{path}: {e}"));
    }
    chip
}

fn held(chip: &ChipSpec, w: &[f32], rows: usize, columns: usize) -> AnalogMatrix {
    let mut matrix = AnalogMatrix::program(Rows::new(w, rows, columns).unwrap(), chip, Key::root(3)).unwrap();
    matrix.read().unwrap();
    matrix
}

fn forward(matrix: &AnalogMatrix, x: &[f32]) -> Vec<f32> {
    let samples = x.len() / matrix.inputs();
    let mut y = vec![0.0; samples * matrix.outputs()];
    let mut target = RowsMut::new(&mut y, samples, matrix.outputs()).unwrap();
    matrix.forward(Rows::new(x, samples, matrix.inputs()).unwrap(), &mut target, 0).unwrap();
    y
}

/// Currents of a pair of arrays for voltages (inputs x rows), each solved as a circuit with lines of no resistance, inputs
/// below zero in a phase of their own; A.
fn circuit(law: CellLaw, w: &[f32], v: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let largest = w.iter().fold(0.0f32, |t, w| t.max(w.abs()));
    let workspace = Workspace::default();
    let mut sums = vec![0.0; v.len() / rows * columns];
    for side in [1.0f32, -1.0] {
        let g: Vec<f64> = w.iter().map(|w| f64::from((side * w / largest).max(0.0)) * G_MAX).collect();
        let array = NonlinearCrossbar::new(Rows::new(&g, rows, columns).unwrap(), Wires::IDEAL, law).unwrap();
        for phase in [1.0, -1.0] {
            let v: Vec<f64> = v.iter().map(|v| (phase * v).max(0.0)).collect();
            let inputs = Rows::new(&v, v.len() / rows, rows).unwrap();
            let solved = array.solve(inputs, &workspace, &Unwatched).unwrap();
            sums.iter_mut().zip(solved.currents).for_each(|(s, i)| *s += phase * f64::from(side) * i);
        }
    }
    sums
}

#[test]
fn a_product_is_that_of_its_cells_as_circuits() {
    let (rows, columns, samples) = (24, 10, 6);
    let w = random(1, rows * columns);
    let mut x = random(2, samples * rows);
    // Every sample fills the range both ways, so that voltages are what they seem and some selector is on in each phase.
    x.chunks_exact_mut(rows).for_each(|x| (x[0], x[1]) = (1.0, -1.0));
    let largest = w.iter().fold(0.0f32, |t, w| t.max(w.abs()));
    for (conduction, access, most) in LAWS {
        for bits in [None, Some(5), Some(8), Some(12)] {
            let dac =
                bits.map(|b| format!("{{uniform = {{resolution = {{bits = {b}}}, range.abs_max = {{}}}}}}"));
            let more: Vec<(&str, &str)> = dac.iter().map(|dac| ("dac", dac.as_str())).collect();
            let chip = chip(conduction, access, &more);
            let read_v = chip.read.voltage_v;
            // A selector that jumps has no currents between levels.
            let jumps = matches!(chip.cells.access, Access::Threshold { .. });
            if jumps && bits.is_none_or(|bits| bits > 8) {
                let found = AnalogMatrix::program(Rows::new(&w, rows, columns).unwrap(), &chip, Key::root(3));
                let said = found.err().map(|e| e.to_string()).unwrap_or_default();
                assert!(said.contains("each level is taken by itself"), "{access}: {said}");
                continue;
            }
            let matrix = held(&chip, &w, rows, columns);
            let (terms, left) = matrix.expansion().unwrap();
            assert!(terms <= most && left <= BOUND, "{access}: {terms} terms leave {left:.1e}");
            let found = forward(&matrix, &x);
            let steps = bits.map_or(f64::INFINITY, |b| f64::from((1 << (b - 1)) - 1));
            let level = |x: &f32| {
                if steps.is_finite() {
                    (f64::from(*x) * steps).round_ties_even() / steps
                } else {
                    f64::from(*x)
                }
            };
            let v: Vec<f64> = x.iter().map(|x| read_v * level(x)).collect();
            let law = chip.cells.law();
            let wanted = circuit(law, &w, &v, rows, columns);
            let full = law.alone(G_MAX, read_v).current_a;
            for (found, wanted) in found.iter().zip(&wanted) {
                let found = f64::from(*found) / f64::from(largest) * full;
                // Every cell may miss the bound; their sum misses less than the sum of these.
                let apart = (found - wanted).abs() / full;
                assert!(apart < BOUND * (rows as f64).sqrt(), "{conduction} {access} {bits:?}: {apart:.1e}");
            }
        }
    }
}

/// Bisection for the voltage across a memristor of conductance `g` behind a selector `I0 sinh(V / V0)`.
fn behind_exponential(g: f64, v: f64, i0: f64, v0: f64) -> f64 {
    let (mut low, mut high) = (0.0, v);
    for _ in 0..200 {
        let u = 0.5 * (low + high);
        if g * u < i0 * ((v - u) / v0).sinh() { low = u } else { high = u }
    }
    g * low
}

#[test]
fn a_selector_takes_its_part_of_the_voltage() {
    // One input, ten weights: each output is the current of one cell.
    let w: Vec<f32> = (1..=10).map(|k| k as f32 / 10.0).collect();
    let chip = chip(
        "linear",
        "{exponential = {i0 = \"2 nA\", v0 = \"20 mV\"}}",
        &[("dac", "{uniform = {resolution.bits = 4, range.fixed.bound = 1.0}}")],
    );
    let matrix = held(&chip, &w, 1, 10);
    let full = behind_exponential(G_MAX, 0.2, 2e-9, 0.02);
    for level in -7..=7 {
        let x = level as f32 / 7.0;
        for (w, y) in w.iter().zip(forward(&matrix, &[x])) {
            let v = 0.2 * f64::from(x.abs());
            let wanted =
                behind_exponential(f64::from(*w) * G_MAX, v, 2e-9, 0.02) * f64::from(x.signum()) / full;
            assert!((f64::from(y) - wanted).abs() < BOUND, "{w} at {x}: {y} {wanted}");
        }
    }
}

#[test]
fn a_selector_that_cannot_hold_its_current_stays_off() {
    let w = [1.0f32, 0.5, 0.1, 0.02];
    let access = "{threshold = {on_at = \"100 mV\", hold = \"500 nA\", off = \"1 nS\", on = \"100 uS\"}}";
    let chip =
        chip("linear", access, &[("dac", "{uniform = {resolution.bits = 6, range.fixed.bound = 1.0}}")]);
    let matrix = held(&chip, &w, 1, 4);
    let both = |g: f64, selector: f64| g * selector / (g + selector);
    let full = 0.2 * both(G_MAX, 1e-4);
    for level in 0..=31 {
        let x = level as f32 / 31.0;
        for (w, y) in w.iter().zip(forward(&matrix, &[x])) {
            let (g, v) = (f64::from(*w) * G_MAX, 0.2 * f64::from(x));
            let fires = v * g / (g + 1e-9) > 0.1;
            let carried = v * both(g, 1e-4);
            let wanted = if fires && carried >= 500e-9 { carried } else { v * both(g, 1e-9) };
            assert!((f64::from(y) - wanted / full).abs() < BOUND, "{w} at {x}: {y} {}", wanted / full);
        }
    }
}

#[test]
fn selectors_that_never_turn_on_or_let_no_weight_through_are_named() {
    let refused = |access: &str| {
        let mut chip = chip_preset("ideal").unwrap();
        chip.set("cells.access", access, &presets_only).unwrap_err().to_string()
    };
    let said = refused("{threshold = {on_at = \"0.5 V\", hold = \"0 A\", off = \"1 nS\", on = \"1 mS\"}}");
    assert!(
        said.contains("cells.access.threshold.on_at: no selector turns on") && said.contains("500 mV"),
        "{said}"
    );
    let said = refused("{threshold = {on_at = \"50 mV\", hold = \"1 mA\", off = \"1 nS\", on = \"1 mS\"}}");
    assert!(said.contains("no selector stays on") && said.contains("1 mA"), "{said}");
    let said = refused(
        "{transistor = {gate = \"0.4 V\", threshold = \"0.5 V\", gain = \"1 uA\", lambda = 0, off = \"1 pS\"}}",
    );
    assert!(
        said.contains("cells.access.transistor.gate: 400 mV")
            && said.contains("500 mV")
            && !said.contains("rows"),
        "{said}"
    );
    let said = refused("{exponential = {i0 = \"1 nA\"}}");
    assert!(said.contains("v0"), "{said}");
    // Behind resistive lines every input is a solution of its own.
    let mut both = chip("{sinh = {per_v = 3.0}}", "none", &[]);
    let lines = "{resistive = {word_segment = \"1 ohm\", bit_segment = \"1 ohm\"}}";
    let said = both.set("wires", lines, &presets_only).unwrap_err().to_string();
    assert!(said.contains("cells.conduction") && said.contains("wires.resistive"), "{said}");
    // A jump cannot be made even, and even cells need not be.
    let threshold = "{threshold = {on_at = \"50 mV\", hold = \"0 A\", off = \"1 nS\", on = \"1 mS\"}}";
    let said = chip("linear", threshold, &[])
        .set("cells.drive", "predistorted", &presets_only)
        .unwrap_err()
        .to_string();
    assert!(said.contains("cells.drive") && said.contains("jumps"), "{said}");
    let mut idle = chip_preset("default").unwrap();
    idle.set("cells.drive", "predistorted", &presets_only).unwrap();
    assert!(idle.without_effect().iter().any(|(path, _)| *path == "cells.drive"));
}

#[test]
fn small_nonlinearities_vanish_with_their_square() {
    // sinh(a V) / a = V (1 + (a V)^2 / 6 + ...), taken relative to its value at full voltage.
    let (rows, columns) = (30, 7);
    let (w, x) = (random(1, rows * columns), random(2, 4 * rows));
    let linear = forward(&held(&chip_preset("ideal").unwrap(), &w, rows, columns), &x);
    let apart = |per_v: f64| {
        let chip = chip(&format!("{{sinh = {{per_v = {per_v:?}}}}}"), "none", &[]);
        let y = forward(&held(&chip, &w, rows, columns), &x);
        y.iter().zip(&linear).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    };
    let ratio = apart(1.0) / apart(0.5);
    assert!((ratio - 4.0).abs() < 0.05, "{ratio}");
    let ratio = apart(0.5) / apart(0.25);
    assert!((ratio - 4.0).abs() < 0.05, "{ratio}");
}

#[test]
fn cells_are_nonidealities_that_can_be_scaled_and_taken_away() {
    let access = "{exponential = {i0 = \"50 nA\", v0 = \"25 mV\"}}";
    let mut with = chip(
        "{sinh = {per_v = 4.0}}",
        access,
        &[("output_noise", "0.04"), ("dac", "{uniform = {resolution.bits = 8, range.abs_max = {}}}")],
    );
    let mut plain = chip_preset("ideal").unwrap();
    plain.set("output_noise", "0.04", &presets_only).unwrap();
    plain.dac = with.dac.clone();
    let paths: Vec<String> = with.nonidealities().into_iter().map(|n| n.path).collect();
    assert_eq!(paths, ["cells.conduction", "cells.access", "dac", "output_noise"]);
    let (w, x) = (random(1, 60), random(2, 30));
    let before = forward(&held(&with, &w, 10, 6), &x);
    assert!(with.scale("cells.access", 2.0) && with.scale("cells.conduction", 0.5));
    assert_eq!(with.cells.law().access, Access::Exponential { scale_a: 25e-9, scale_v: 0.025 });
    assert_ne!(before, forward(&held(&with, &w, 10, 6), &x));
    assert!(
        with.without("cells.conduction") && with.without("cells.access") && !with.without("cells.access")
    );
    assert_eq!(with, plain);
    // To the bit, where the law of Ohm is written out.
    plain.set("cells.conduction", "linear", &presets_only).unwrap();
    assert_eq!(forward(&held(&with, &w, 10, 6), &x), forward(&held(&plain, &w, 10, 6), &x));
    assert!(with.idealised().is_exact());
}

#[test]
fn predistorted_inputs_make_cells_even_that_have_one_shape() {
    // Where every cell has the same f(v), levels with even f(v) restore the linear product; behind a selector the shapes
    // differ, and only part of the error goes.
    let (rows, columns) = (40, 8);
    let (w, x) = (random(1, rows * columns), random(2, 5 * rows));
    let error = |conduction: &str, access: &str, more: &[(&str, &str)]| {
        let with = chip(conduction, access, more);
        let mut plain = with.clone();
        plain.cells = Default::default();
        let (a, b) = (held(&with, &w, rows, columns), held(&plain, &w, rows, columns));
        let (a, b) = (forward(&a, &x), forward(&b, &x));
        let norm: f32 = b.iter().map(|b| b * b).sum();
        (a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / norm).sqrt()
    };
    let selector = "{exponential = {i0 = \"50 nA\", v0 = \"25 mV\"}}";
    for dac in ["{ideal = {}}", "{uniform = {resolution.bits = 8, range.abs_max = {}}}"] {
        let even = |c: &str, a: &str| error(c, a, &[("dac", dac)]);
        let bent = |c: &str, a: &str| error(c, a, &[("dac", dac), ("cells.drive", "predistorted")]);
        let sinh = "{sinh = {per_v = 8.0}}";
        assert!(
            even(sinh, "none") > 0.05 && bent(sinh, "none") < 1e-5,
            "{} {}",
            even(sinh, "none"),
            bent(sinh, "none")
        );
        let (before, after) = (even("linear", selector), bent("linear", selector));
        assert!(before > 0.2 && after < 0.65 * before && after > 0.02, "{before} {after}");
    }
    // Noise is on voltages: with some, outputs scatter around the same means.
    let noisy =
        chip("{sinh = {per_v = 8.0}}", "none", &[("input_noise", "0.01"), ("cells.drive", "predistorted")]);
    let matrix = held(&noisy, &w, rows, columns);
    let many: Vec<f32> = x[..rows].iter().copied().cycle().take(4000 * rows).collect();
    let y = forward(&matrix, &many);
    let plain = forward(&held(&chip_preset("ideal").unwrap(), &w, rows, columns), &x[..rows]);
    for (column, plain) in plain.iter().enumerate() {
        let mean = y.iter().skip(column).step_by(columns).sum::<f32>() / 4000.0;
        assert!((mean - plain).abs() < 0.02, "{mean} {plain}");
    }
}

#[test]
fn noise_of_reads_follows_the_slope_of_the_current() {
    // One input, one weight, at two voltages: the variance of an output is that of the conductance times (dI/dG)^2.
    let spread = |access: &str, x: f32| {
        let mut chip = chip(
            "linear",
            access,
            &[
                ("device", "generic"),
                ("device.retention", "ideal"),
                ("device.write", "ideal"),
                ("device.faults", "{stuck_low = 0.0, stuck_high = 0.0}"),
                ("read.noise", "{split.window = \"1 ms\"}"),
            ],
        );
        chip.set("dac", "{uniform = {resolution.bits = 6, range.fixed.bound = 1.0}}", &presets_only).unwrap();
        let matrix = held(&chip, &[1.0], 1, 1);
        let y = forward(&matrix, &vec![x; 20_000]);
        let mean = y.iter().sum::<f32>() / y.len() as f32;
        let law = chip.cells.law();
        (f64::from(y.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / y.len() as f32), law, chip)
    };
    let transistor = "{transistor = {gate = \"0.7 V\", threshold = \"0.5 V\", gain = \"200 uA\", lambda = 0, off = \"1 pS\"}}";
    for x in [1.0, 15.0 / 31.0] {
        let (plain, ..) = spread("none", x);
        let (with, law, chip) = spread(transistor, x);
        let device = chip.device.statistics().unwrap();
        let (v, most, least) = (0.2 * f64::from(x), device.g_max_s, device.g_min_s);
        // By differences. Noise is in proportion to the conductance, and both cells of the pair have some.
        let current = |g: f64| law.alone(g, v).current_a;
        let noise = |g: f64| ((current(1.001 * g) - current(0.999 * g)) / 0.002).powi(2);
        let full = |law: CellLaw| law.alone(most, 0.2).current_a - law.alone(least, 0.2).current_a;
        let wanted = (noise(most) + noise(least)) / full(law).powi(2);
        let by_ohm = (most * v).powi(2) + (least * v).powi(2);
        let wanted = wanted / (by_ohm / (0.2 * (most - least)).powi(2));
        let found = with / plain;
        // 20000 samples know a variance to 1 %.
        assert!(plain > 0.0 && (found / wanted - 1.0).abs() < 0.05, "{x}: {found} {wanted}");
    }
}

#[test]
fn cells_that_conduct_one_way_have_no_product_from_the_other_side() {
    let transistor = "{transistor = {gate = \"0.7 V\", threshold = \"0.5 V\", gain = \"200 uA\", lambda = 0, off = \"1 pS\"}}";
    let w = random(1, 12);
    let mut x = [0.0; 3];
    let back = |chip: &ChipSpec, x: &mut [f32]| {
        let d = Rows::new(&[1.0, 0.5, 0.25, 0.0], 1, 4).unwrap();
        held(chip, &w, 3, 4).transpose(d, &mut RowsMut::new(x, 1, 3).unwrap(), 0)
    };
    assert!(matches!(back(&chip("linear", transistor, &[]), &mut x), Err(ArrayError::OneWay)));
    back(&chip("{sinh = {per_v = 8.0}}", "none", &[]), &mut x).unwrap();
    let largest = w.iter().fold(0.0f32, |t, w| t.max(w.abs()));
    let f = |v: f64| (8.0 * 0.2 * v).sinh() / (8.0f64 * 0.2).sinh();
    for (i, x) in x.iter().enumerate() {
        let d = [1.0, 0.5, 0.25, 0.0];
        let wanted: f64 = (0..4).map(|j| f64::from(w[i * 4 + j]) * f(d[j])).sum();
        assert!((f64::from(*x) - wanted).abs() < 1e-5 * f64::from(largest), "{x} {wanted}");
    }
}

#[test]
fn what_is_dissipated_is_current_times_voltage() {
    let chip = chip("{sinh = {per_v = 6.0}}", "{exponential = {i0 = \"50 nA\", v0 = \"25 mV\"}}", &[]);
    let (rows, columns) = (12, 5);
    let w = random(1, rows * columns);
    let mut x = random(2, rows);
    x[0] = 1.0;
    let matrix = held(&chip, &w, rows, columns);
    let mut y = vec![0.0; columns];
    let tally = matrix
        .forward(Rows::new(&x, 1, rows).unwrap(), &mut RowsMut::new(&mut y, 1, columns).unwrap(), 0)
        .unwrap();
    let largest = w.iter().fold(0.0f32, |t, w| t.max(w.abs()));
    let law = chip.cells.law();
    let mut power = 0.0;
    for (i, x) in x.iter().enumerate() {
        let v = 0.2 * f64::from(x.abs());
        for w in &w[i * columns..][..columns] {
            power += v * law.alone(f64::from(w.abs() / largest) * G_MAX, v).current_a;
        }
    }
    let wanted = power * chip.read.integration_time_s;
    assert!(
        (tally.cell_read_energy_j() / wanted - 1.0).abs() < 3e-4,
        "{} {wanted}",
        tally.cell_read_energy_j()
    );
}

#[test]
fn no_bit_depends_on_batches_or_threads() {
    let chip = {
        let mut chip = chip_preset("default").unwrap();
        chip.set("cells.access", "{exponential = {i0 = \"50 nA\", v0 = \"25 mV\"}}", &presets_only).unwrap();
        chip.set("adc", "ideal", &presets_only).unwrap();
        chip.set("tile.rows", "16", &presets_only).unwrap();
        chip
    };
    let (rows, columns, samples) = (40, 9, 50);
    let (w, x) = (random(1, rows * columns), random(2, samples * rows));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| forward(&held(&chip, &w, rows, columns), &x))
    };
    let all = with(1);
    assert_eq!(all, with(2));
    let matrix = held(&chip, &w, rows, columns);
    for first in [0usize, 17, 49] {
        let mut y = vec![0.0; columns];
        let one = Rows::new(&x[first * rows..][..rows], 1, rows).unwrap();
        matrix.forward(one, &mut RowsMut::new(&mut y, 1, columns).unwrap(), first as u64).unwrap();
        assert_eq!(y, all[first * columns..][..columns]);
    }
}
