//! Inputs digit by digit, against whole numbers in double precision and the law of their noise.

use neurohm_array::{AnalogMatrix, ChipSpec, Tally, presets_only};
use neurohm_num::{Key, Rows, RowsMut};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::common::{chip, normals};

const SIZE: (usize, usize, usize) = (9, 40, 22);

fn serial(bits: u32, digit_bits: u32, sign: &str) -> String {
    format!(
        "{{bit_serial = {{resolution.bits = {bits}, digit_bits = {digit_bits}, sign = \"{sign}\", range.abs_max = {{}}}}}}"
    )
}

fn matrix(chip: &ChipSpec, w: &[f32], inputs: usize, outputs: usize) -> AnalogMatrix {
    let mut matrix =
        AnalogMatrix::program(Rows::new(w, inputs, outputs).unwrap(), chip, Key::root(7)).unwrap();
    matrix.read().unwrap();
    matrix
}

fn forward(matrix: &AnalogMatrix, x: &[f32], first: u64) -> (Vec<f32>, Tally) {
    let (samples, outputs) = (x.len() / matrix.inputs(), matrix.outputs());
    let mut y = vec![f32::NAN; samples * outputs];
    let x = Rows::new(x, samples, matrix.inputs()).unwrap();
    let tally = matrix.forward(x, &mut RowsMut::new(&mut y, samples, outputs).unwrap(), first).unwrap();
    (y, tally)
}

fn worst(found: &[f32], expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0.0f64, |m, (f, e)| m.max((f64::from(*f) - e).abs())) / scale
}

fn doubles(v: &[f32]) -> Vec<f64> {
    v.iter().map(|v| f64::from(*v)).collect()
}

#[test]
fn digits_come_to_what_whole_inputs_give_and_each_read_is_counted() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w, d) =
        (normals(1, samples * inputs), normals(2, inputs * outputs), normals(3, samples * outputs));
    let whole = chip(&[
        ("dac", "{uniform = {resolution.bits = 8, range.abs_max = {}}}"),
        ("tile", "{rows = 13, columns = 9}"),
    ]);
    let back = |matrix: &AnalogMatrix| {
        let mut back = vec![f32::NAN; samples * inputs];
        let rows = Rows::new(&d, samples, outputs).unwrap();
        matrix.transpose(rows, &mut RowsMut::new(&mut back, samples, inputs).unwrap(), 0).unwrap();
        back
    };
    let one = matrix(&whole, &w, inputs, outputs);
    let (y, once) = forward(&one, &x, 0);
    for (digit_bits, digits) in [(1, 7), (2, 4), (3, 3), (7, 1)] {
        for (sign, phases) in [("bipolar", 1), ("two_phases", 2)] {
            let mut chip = whole.clone();
            chip.set("dac", &serial(8, digit_bits, sign), &presets_only).unwrap();
            let matrix = matrix(&chip, &w, inputs, outputs);
            let (found, tally) = forward(&matrix, &x, 0);
            let label = format!("{digit_bits} bits, {sign}");
            assert!(worst(&found, &doubles(&y)) < 1e-6, "{label}: {}", worst(&found, &doubles(&y)));
            let error = worst(&back(&matrix), &doubles(&back(&one)));
            assert!(error < 1e-6, "{label}, transposed: {error}");
            let reads = digits * phases;
            assert_eq!(tally.macs, once.macs);
            assert_eq!(tally.dac_conversions, reads * once.dac_conversions);
            assert_eq!(tally.adc_conversions, reads * once.adc_conversions);
            assert_eq!(tally.cell_reads, reads * once.cell_reads);
            assert_eq!(tally.digital_adds, once.digital_adds + (reads - 1) * once.adc_conversions);
            if reads == 1 {
                assert_eq!((found, tally), (y.clone(), once));
            }
        }
    }
}

/// A converter behind each read, and shifts: by hand from whole digits. Codes of one sign each, or both.
#[test]
fn each_partial_product_is_rounded_before_it_is_shifted() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w) = (normals(4, samples * inputs), normals(5, inputs * outputs));
    let scale = w.iter().fold(0.0f64, |m, w| m.max(f64::from(w.abs())));
    let (range, limit, largest) = (2.0, 15.0, 31i32);
    let round = |current: f64| (current * limit / range).round().clamp(-limit, limit) * range / limit;
    for (digit_bits, sign) in [(1, "bipolar"), (2, "two_phases")] {
        let full_digit = (1 << digit_bits) - 1;
        let by_hand = |s: usize, o: usize| {
            let full = (0..inputs).fold(0.0f64, |m, i| m.max(f64::from(x[s * inputs + i].abs())));
            let code = |i: usize| (f64::from(x[s * inputs + i]) / full * f64::from(largest)).round() as i32;
            let read = |shift: i32, take: &dyn Fn(i32) -> bool| {
                let term = |i: usize| {
                    let digit = (code(i).abs() >> shift) & full_digit;
                    let digit = if take(code(i)) { digit * code(i).signum() } else { 0 };
                    f64::from(digit) / f64::from(full_digit) * f64::from(w[i * outputs + o]) / scale
                };
                round((0..inputs).map(term).sum())
            };
            let places = (0..5i32).step_by(digit_bits);
            let sum: f64 = places
                .map(|shift| {
                    let parts = match sign {
                        "bipolar" => read(shift, &|_| true),
                        _ => read(shift, &|code| code > 0) + read(shift, &|code| code < 0),
                    };
                    f64::from(1 << shift) * parts
                })
                .sum();
            full * scale * sum * f64::from(full_digit) / f64::from(largest)
        };
        let chip = chip(&[
            ("dac", &serial(6, digit_bits as u32, sign)),
            ("adc", "{uniform = {resolution.bits = 5, range.fixed.bound = 2.0}}"),
        ]);
        let (y, _) = forward(&matrix(&chip, &w, inputs, outputs), &x, 0);
        let expected: Vec<f64> = (0..samples * outputs).map(|e| by_hand(e / outputs, e % outputs)).collect();
        assert!(worst(&y, &expected) < 1e-5, "{sign}: {}", worst(&y, &expected));
    }
}

/// Every read has noise of its own, which counts by the place of its digit.
#[test]
fn noise_of_reads_adds_by_the_places_of_their_digits() {
    let (inputs, outputs) = (30, 40);
    let samples = 50;
    let w = normals(6, inputs * outputs);
    let x: Vec<f32> = normals(7, samples * inputs);
    let scale = w.iter().fold(0.0f64, |m, w| m.max(f64::from(w.abs())));
    let norm = |o: usize| (0..inputs).map(|i| (f64::from(w[i * outputs + o]) / scale).powi(2)).sum::<f64>();
    for (noise, sigma) in [("output_noise", 0.3), ("input_noise", 0.05)] {
        for (digit_bits, sign, phases) in [(1, "bipolar", 1.0), (2, "two_phases", 2.0)] {
            let dac = serial(7, digit_bits, sign);
            let still = matrix(&chip(&[("dac", &dac)]), &w, inputs, outputs);
            let noisy = chip(&[("dac", &dac), (noise, &sigma.to_string())]);
            let noisy = matrix(&noisy, &w, inputs, outputs);
            let (quiet, loud) = (forward(&still, &x, 0).0, forward(&noisy, &x, 0).0);
            let full_digit = f64::from((1 << digit_bits) - 1);
            let places = (0..6u32).step_by(digit_bits as usize).map(|shift| 4f64.powi(shift as i32));
            let places: f64 = places.sum::<f64>() * phases * (full_digit / 63.0).powi(2);
            let mut sum = 0.0;
            for s in 0..samples {
                let full = x[s * inputs..][..inputs].iter().fold(0.0f64, |m, v| m.max(f64::from(v.abs())));
                for o in 0..outputs {
                    let each = if noise == "output_noise" { sigma * sigma } else { sigma * sigma * norm(o) };
                    let e = s * outputs + o;
                    let error = f64::from(loud[e] - quiet[e]) / (full * scale);
                    sum += error * error / (each * places);
                }
            }
            // Noise of the inputs is shared by the outputs of a sample, which then count for fewer.
            let n =
                if noise == "output_noise" { samples * outputs } else { samples * inputs.min(outputs) / 2 };
            let law = ChiSquared::new(n as f64).unwrap();
            let sum = sum / (samples * outputs) as f64 * n as f64;
            assert!((1e-6..=1.0 - 1e-6).contains(&law.cdf(sum)), "{noise}, {sign}: {}", sum / n as f64);
        }
    }
}

/// Cells that do not obey Ohm's law see full voltage or none where a digit is a bit: what bends between does not matter.
#[test]
fn bits_do_not_see_the_bend_of_cells() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w) = (normals(4, samples * inputs), normals(5, inputs * outputs));
    let given = |dac: &str, bent: bool| {
        let mut chip = chip(&[("dac", dac), ("output_noise", "1e-9")]);
        if bent {
            chip.set("cells.conduction", "{sinh = {per_v = 10.0}}", &presets_only).unwrap();
        }
        forward(&matrix(&chip, &w, inputs, outputs), &x, 0).0
    };
    let straight = doubles(&given(&serial(8, 1, "bipolar"), false));
    assert!(worst(&given(&serial(8, 1, "bipolar"), true), &straight) < 1e-4);
    let levels = "{uniform = {resolution.bits = 8, range.abs_max = {}}}";
    assert!(worst(&given(levels, true), &straight) > 1e-2);
}

#[test]
fn batches_do_not_matter_and_drift_is_compensated() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w) = (normals(4, samples * inputs), normals(5, inputs * outputs));
    let mut chip = neurohm_array::chip_preset("default").unwrap();
    chip.set("dac", &serial(8, 1, "two_phases"), &presets_only).unwrap();
    let mut matrix = matrix(&chip, &w, inputs, outputs);
    matrix.calibrate(Rows::new(&x, samples, inputs).unwrap()).unwrap();
    matrix.advance(1e6).unwrap();
    matrix.read().unwrap();
    let (whole, _) = forward(&matrix, &x, 5);
    let parts: Vec<f32> =
        x.chunks_exact(inputs).enumerate().flat_map(|(s, x)| forward(&matrix, x, 5 + s as u64).0).collect();
    assert_eq!(whole, parts);
    let product = |s: usize, o: usize| {
        (0..inputs).map(|i| f64::from(x[s * inputs + i]) * f64::from(w[i * outputs + o])).sum::<f64>()
    };
    let (mut dot, mut square) = (0.0, 0.0);
    for (e, y) in whole.iter().enumerate() {
        let exact = product(e / outputs, e % outputs);
        dot += exact * f64::from(*y);
        square += exact * exact;
    }
    // Half would be lost without the factor.
    assert!((dot / square - 1.0).abs() < 0.08, "{}", dot / square);
}

#[test]
fn settings_that_cannot_be_are_refused_by_path() {
    let said = |path: &str, value: &str| {
        let mut chip = chip(&[("dac", &serial(8, 1, "bipolar"))]);
        chip.set(path, value, &presets_only).unwrap_err().to_string()
    };
    for (path, value, of, says) in [
        ("dac.bit_serial.digit_bits", "8", "dac.bit_serial.digit_bits", "allowed are 1 to 7"),
        ("dac.bit_serial.digit_bits", "0", "dac.bit_serial.digit_bits", "allowed are 1 to 7"),
        ("dac.bit_serial.resolution.bits", "1", "dac.bit_serial.resolution.bits", "2 to 22"),
        ("dac.bit_serial.range.fixed.bound", "0.0", "dac.bit_serial.range.fixed.bound", "above 0"),
        (
            "adc",
            "{uniform = {resolution.bits = 8, range.fixed.bound = 1.0, overflow.halve_input = {largest_factor = 8.0, coarsest_step = 0.5}}}",
            "adc.uniform.overflow",
            "bit_serial",
        ),
    ] {
        let said = said(path, value);
        assert!(said.starts_with(&format!("{of}: ")) && said.contains(says), "{said}");
    }
    // Coarser inputs for ablation keep digits that fit.
    use neurohm_device::Nonidealities;
    let mut chip = chip(&[("dac", &serial(8, 4, "bipolar"))]);
    assert!(chip.scale("dac", 64.0));
    assert!(chip.check().is_ok(), "{:?}", chip.dac);
    chip.set_converter_bits(Some(6), None);
    assert_eq!(chip.dac.resolution(), Some(neurohm_array::Resolution::Bits(6)));
}
