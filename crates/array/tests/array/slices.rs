//! Weights in several digits, against digits by whole numbers and products in double precision.

use neurohm_array::{AnalogMatrix, ChipSpec, Combine, Tally, presets_only};
use neurohm_num::{Key, Rows, RowsMut};

use crate::common::{chip, normals};

const SIZE: (usize, usize, usize) = (9, 40, 22);

fn matrix(chip: &ChipSpec, w: &[f32], inputs: usize, outputs: usize) -> AnalogMatrix {
    let mut matrix =
        AnalogMatrix::program(Rows::new(w, inputs, outputs).unwrap(), chip, Key::root(7)).unwrap();
    matrix.read().unwrap();
    matrix
}

fn forward(matrix: &AnalogMatrix, x: &[f32]) -> (Vec<f32>, Tally) {
    let (samples, outputs) = (x.len() / matrix.inputs(), matrix.outputs());
    let mut y = vec![f32::NAN; samples * outputs];
    let x = Rows::new(x, samples, matrix.inputs()).unwrap();
    let tally = matrix.forward(x, &mut RowsMut::new(&mut y, samples, outputs).unwrap(), 0).unwrap();
    (y, tally)
}

fn held(matrix: &AnalogMatrix) -> Vec<f32> {
    let (inputs, outputs) = (matrix.inputs(), matrix.outputs());
    let mut held = vec![0.0; inputs * outputs];
    matrix.weights(&mut RowsMut::new(&mut held, inputs, outputs).unwrap()).unwrap();
    held
}

fn worst(found: &[f32], expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0.0f64, |m, (f, e)| m.max((f64::from(*f) - e).abs())) / scale
}

fn product(x: &[f32], w: &[f64], inputs: usize, outputs: usize) -> Vec<f64> {
    let sum = |s: usize, o: usize| {
        (0..inputs).map(|i| f64::from(x[s * inputs + i]) * w[i * outputs + o]).sum::<f64>()
    };
    (0..x.len() / inputs * outputs).map(|e| sum(e / outputs, e % outputs)).collect()
}

/// Largest magnitude of each column.
fn largest(w: &[f32], outputs: usize) -> Vec<f64> {
    let of = |o: usize| w.iter().skip(o).step_by(outputs).fold(0.0f64, |m, v| m.max(f64::from(v.abs())));
    (0..outputs).map(of).collect()
}

/// The whole number that a weight becomes, and its digits as parts of full ones.
fn digits(w: f64, bits: &[u32]) -> (f64, Vec<f64>) {
    let all: u32 = bits.iter().sum();
    let whole = (w.abs() * f64::from((1u32 << all) - 1)).round() as u32;
    let mut below = all;
    let each = bits.iter().map(|b| {
        below -= b;
        let mask = (1u32 << b) - 1;
        f64::from(whole >> below & mask) / f64::from(mask) * w.signum()
    });
    (f64::from(whole) / f64::from((1u32 << all) - 1) * w.signum(), each.collect())
}

#[test]
fn slices_hold_the_nearest_weight_however_they_are_combined_and_cut() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w, d) =
        (normals(1, samples * inputs), normals(2, inputs * outputs), normals(3, samples * outputs));
    let scales = largest(&w, outputs);
    let nearest: Vec<f64> = (0..w.len())
        .map(|e| scales[e % outputs] * digits(f64::from(w[e]) / scales[e % outputs], &[2, 3, 1]).0)
        .collect();
    let as_they_are: Vec<f64> = w.iter().map(|w| f64::from(*w)).collect();
    for (kind, expected) in
        [("digits.bits = [2, 3, 1]", &nearest), ("digits.significance = [1.0, 0.25, 0.1]", &as_they_are)]
    {
        let y = product(&x, expected, inputs, outputs);
        let across: Vec<f64> = (0..w.len()).map(|e| expected[e % inputs * outputs + e / inputs]).collect();
        let back = product(&d, &across, outputs, inputs);
        for combine in ["digital", "analog"] {
            for verify in [false, true] {
                for (columns, devices) in [("512", "1"), ("5", "2")] {
                    let chip = chip(&[
                        ("mapping.per", "column"),
                        (
                            "mapping.slices",
                            &format!("{{{kind}, combine = \"{combine}\", verify = {verify}}}"),
                        ),
                        ("mapping.devices_per_polarity", devices),
                        ("tile.columns", columns),
                    ]);
                    let label = format!("{kind}, {combine}, verified: {verify}, tiles of {columns}");
                    let matrix = matrix(&chip, &w, inputs, outputs);
                    assert!(worst(&held(&matrix), expected) < 1e-6, "{label}");
                    let (found, tally) = forward(&matrix, &x);
                    assert!(worst(&found, &y) < 3e-6, "{label}: {}", worst(&found, &y));
                    let mut across = vec![f32::NAN; samples * inputs];
                    let rows = Rows::new(&d, samples, outputs).unwrap();
                    matrix
                        .transpose(rows, &mut RowsMut::new(&mut across, samples, inputs).unwrap(), 0)
                        .unwrap();
                    assert!(worst(&across, &back) < 3e-6, "{label}: {}", worst(&across, &back));
                    // What is there and what is done is counted.
                    let (strips, each) = if columns == "5" { (5, 2) } else { (1, 1) };
                    let conversions = if combine == "digital" { 3 } else { 1 };
                    let all = (inputs * outputs) as u64;
                    assert_eq!((matrix.devices(), matrix.tiles()), (all * 2 * 3 * each, strips));
                    let samples = samples as u64;
                    assert_eq!(tally.macs, samples * all);
                    assert_eq!(tally.cell_reads, samples * matrix.devices());
                    assert_eq!(tally.dac_conversions, samples * (inputs * strips) as u64);
                    assert_eq!(tally.adc_conversions, samples * outputs as u64 * conversions);
                    assert_eq!(tally.digital_adds, samples * outputs as u64 * (conversions - 1));
                    // Half as many devices a side take the same current each: slices of any share dissipate in full.
                    assert!(tally.cell_read_energy > 0);
                }
            }
        }
    }
}

/// Each slice is rounded by a converter of its own, or the sum of all by one: by hand from whole digits.
#[test]
fn converters_round_each_slice_or_their_sum() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w) = (normals(4, samples * inputs), normals(5, inputs * outputs));
    let bits = [2, 2];
    let shares = [12.0 / 15.0, 3.0 / 15.0];
    let scales = largest(&w, outputs);
    let (range, limit) = (3.0, 31.0);
    let round = |current: f64| (current * limit / range).round().clamp(-limit, limit) * range / limit;
    let by_hand = |combine: Combine, s: usize, o: usize| {
        let full = (0..inputs).fold(0.0f64, |m, i| m.max(f64::from(x[s * inputs + i].abs())));
        let current = |k: usize| {
            let term = |i: usize| {
                let code = (f64::from(x[s * inputs + i]) / full * 127.0).round() / 127.0;
                code * digits(f64::from(w[i * outputs + o]) / scales[o], &bits).1[k]
            };
            (0..inputs).map(term).sum::<f64>()
        };
        let sum = match combine {
            Combine::Digital => shares[0] * round(current(0)) + shares[1] * round(current(1)),
            Combine::Analog => round(shares[0] * current(0) + shares[1] * current(1)),
        };
        full * scales[o] * sum
    };
    let mut found = Vec::new();
    for (name, combine) in [("digital", Combine::Digital), ("analog", Combine::Analog)] {
        let chip = chip(&[
            ("mapping.per", "column"),
            ("mapping.slices", &format!("{{digits.bits = [2, 2], combine = \"{name}\"}}")),
            ("dac", "{uniform = {resolution.bits = 8, range.abs_max = {}}}"),
            ("adc", "{uniform = {resolution.bits = 6, range.fixed.bound = 3.0}}"),
        ]);
        let matrix = matrix(&chip, &w, inputs, outputs);
        let (y, _) = forward(&matrix, &x);
        let expected: Vec<f64> =
            (0..samples * outputs).map(|e| by_hand(combine, e / outputs, e % outputs)).collect();
        assert!(worst(&y, &expected) < 1e-5, "{combine:?}: {}", worst(&y, &expected));
        found.push(y);
    }
    assert_ne!(found[0], found[1]);
}

/// Errors of writing of one size at every conductance: a slice counts by its significance, and what one that is read back
/// missed is held by the next.
#[test]
fn errors_of_writing_count_by_significance_and_a_verified_slice_passes_its_own_on() {
    let (inputs, outputs) = (200, 60);
    // One weight is the largest; all others leave room for errors of both signs.
    let mut w: Vec<f32> = normals(6, inputs * outputs).iter().map(|v| v.clamp(-2.0, 2.0)).collect();
    w[0] = 2.5;
    let sigma = 0.01;
    let square = |settings: &[(&str, &str)]| {
        let mut chip = chip(&[
            // Far from zero, where errors would be cut off.
            ("device.cell.g_min", "10 uS"),
            ("device.cell.g_max", "35 uS"),
            ("device.write", "{programmed = {c2c = {independent.sd = \"0.25 uS\"}}}"),
        ]);
        settings.iter().for_each(|(path, value)| chip.set(path, value, &presets_only).unwrap());
        let held = held(&matrix(&chip, &w, inputs, outputs));
        let errors = held.iter().zip(&w).map(|(held, w)| (f64::from(held - w) / 2.5).powi(2));
        errors.sum::<f64>() / w.len() as f64
    };
    let pair = square(&[]);
    assert!((pair / (2.0 * sigma * sigma) - 1.0).abs() < 0.05, "{pair:e}");
    let shares = [1.0 / 1.25, 0.25 / 1.25];
    let expected = 2.0 * sigma * sigma * (shares[0] * shares[0] + shares[1] * shares[1]);
    for combine in ["digital", "analog"] {
        let of = |verify: bool| {
            let slices =
                format!("{{digits.significance = [1.0, 0.25], combine = \"{combine}\", verify = {verify}}}");
            square(&[("mapping.slices", &slices)])
        };
        let (blind, verified) = (of(false), of(true));
        assert!((blind / expected - 1.0).abs() < 0.05, "{combine}: {blind:e} {expected:e}");
        let last = 2.0 * sigma * sigma * shares[1] * shares[1];
        assert!((verified / last - 1.0).abs() < 0.05, "{combine}: {verified:e} {last:e}");
    }
}

/// Slices of a crossbar hang on the same word lines, so that noise on these is theirs together: they add to what one pair gives.
#[test]
fn slices_see_the_same_noise_on_their_word_lines() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w) = (normals(4, samples * inputs), normals(5, inputs * outputs));
    let mut noisy =
        chip(&[("input_noise", "0.1"), ("dac", "{uniform = {resolution.bits = 8, range.abs_max = {}}}")]);
    let (one, _) = forward(&matrix(&noisy, &w, inputs, outputs), &x);
    noisy.set("mapping.slices.digits.significance", "[1.0, 0.3]", &presets_only).unwrap();
    let (two, _) = forward(&matrix(&noisy, &w, inputs, outputs), &x);
    let one: Vec<f64> = one.iter().map(|y| f64::from(*y)).collect();
    assert!(worst(&two, &one) < 1e-6, "{}", worst(&two, &one));
}

/// The factor against drift is each slice's own, and splitting a batch changes no bit.
#[test]
fn slices_are_compensated_and_do_not_depend_on_batches() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w) = (normals(4, samples * inputs), normals(5, inputs * outputs));
    let mut chip = neurohm_array::chip_preset("peer").unwrap();
    chip.set("mapping.slices.digits.bits", "[1, 2, 3]", &presets_only).unwrap();
    let mut matrix =
        AnalogMatrix::program(Rows::new(&w, inputs, outputs).unwrap(), &chip, Key::root(1)).unwrap();
    let size = |matrix: &AnalogMatrix| held(matrix).iter().map(|w| f64::from(w.abs())).sum::<f64>();
    matrix.read().unwrap();
    let before = size(&matrix);
    matrix.advance(1e6).unwrap();
    matrix.read().unwrap();
    // Half of it would be lost without.
    assert!((size(&matrix) / before - 1.0).abs() < 0.1, "{}", size(&matrix) / before);
    let (whole, all) = forward(&matrix, &x);
    let mut y = vec![f32::NAN; samples * outputs];
    let mut parts = Tally::default();
    for s in 0..samples {
        let x = Rows::new(&x[s * inputs..][..inputs], 1, inputs).unwrap();
        let mut y = RowsMut::new(&mut y[s * outputs..][..outputs], 1, outputs).unwrap();
        parts += matrix.forward(x, &mut y, s as u64).unwrap();
    }
    assert_eq!(whole, y);
    assert_eq!(
        (all.adc_conversions, all.cell_reads, all.macs),
        (parts.adc_conversions, parts.cell_reads, parts.macs)
    );
}
