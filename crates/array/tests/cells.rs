//! Chips whose cells do not obey Ohm's law: products are those of the cells' circuits.

use neurohm_array::wires::{Access, CellLaw, Conduction, NonlinearCrossbar, Wires, Workspace};
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
    ("linear", "{transistor = {gate = \"0.7 V\", threshold = \"0.5 V\", gain = \"400 uA\", lambda = 0.05, off = \"1 pS\"}}", 8),
    ("{sinh = {per_v = 3.0}}", "{threshold = {on_at = \"50 mV\", hold = \"0 A\", off = \"10 pS\", on = \"1 mS\"}}", 24),
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
        for bits in [None, Some(5), Some(7), Some(12)] {
            let dac = bits.map(|b| format!("{{uniform = {{resolution = {{bits = {b}}}, range.abs_max = {{}}}}}}"));
            let more: Vec<(&str, &str)> = dac.iter().map(|dac| ("dac", dac.as_str())).collect();
            let chip = chip(conduction, access, &more);
            let read_v = chip.read.voltage_v;
            // A selector that jumps has no currents between levels.
            let jumps = matches!(chip.cells.access, Access::Threshold { .. });
            if jumps && bits.is_none_or(|bits| bits > 7) {
                let found = AnalogMatrix::program(Rows::new(&w, rows, columns).unwrap(), &chip, Key::root(3));
                let said = found.err().map(|e| e.to_string()).unwrap_or_default();
                assert!(said.contains("each level by itself"), "{access}: {said}");
                continue;
            }
            let matrix = held(&chip, &w, rows, columns);
            let (terms, left) = matrix.expansion().unwrap();
            assert!(terms <= most && left <= BOUND, "{access}: {terms} terms leave {left:.1e}");
            let found = forward(&matrix, &x);
            let steps = bits.map_or(f64::INFINITY, |b| f64::from((1 << (b - 1)) - 1));
            let level = |x: &f32| if steps.is_finite() { (f64::from(*x) * steps).round_ties_even() / steps } else { f64::from(*x) };
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
