//! Biases on devices: what a word line at a constant input adds, and what it takes up.

use neurohm_array::{AnalogMatrix, Bias, ChipSpec, Dac, InputRange, Resolution, UniformDac, presets_only};
use neurohm_num::{Key, Rows, RowsMut};

use crate::common::{chip, normals};

const SIZE: (usize, usize, usize) = (7, 50, 13);

fn fine(mut chip: ChipSpec) -> ChipSpec {
    let range = InputRange::AbsMax {};
    chip.dac = Dac::Uniform(UniformDac { resolution: Resolution::Bits(22), range });
    chip
}

fn held(chip: &ChipSpec, w: &[f32], b: &[f32]) -> AnalogMatrix {
    let (_, inputs, outputs) = SIZE;
    let w = Rows::new(w, inputs, outputs).unwrap();
    let mut matrix = AnalogMatrix::program_with_bias(w, Some(b), chip, Key::root(7)).unwrap();
    matrix.read().unwrap();
    matrix
}

fn forward(matrix: &AnalogMatrix, x: &[f32]) -> (Vec<f32>, neurohm_array::Tally) {
    let (samples, inputs, outputs) = SIZE;
    let mut y = vec![f32::NAN; samples * outputs];
    let x = Rows::new(x, samples, inputs).unwrap();
    let tally = matrix.forward(x, &mut RowsMut::new(&mut y, samples, outputs).unwrap(), 0).unwrap();
    (y, tally)
}

/// `x W + b` in double precision.
fn plain(x: &[f32], w: &[f32], b: &[f32]) -> Vec<f64> {
    let (samples, inputs, outputs) = SIZE;
    let sum = |s: usize, o: usize| {
        let terms = (0..inputs).map(|i| f64::from(x[s * inputs + i]) * f64::from(w[i * outputs + o]));
        terms.sum::<f64>() + f64::from(b[o])
    };
    (0..samples * outputs).map(|e| sum(e / outputs, e % outputs)).collect()
}

fn worst(found: &[f32], expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0.0f64, |m, (f, e)| m.max((f64::from(*f) - e).abs())) / scale
}

#[test]
fn a_line_at_a_constant_input_adds_the_biases_whatever_its_input() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w) = (normals(1, samples * inputs), normals(2, inputs * outputs));
    let b: Vec<f32> = normals(3, outputs).iter().map(|v| 5.0 * v).collect();
    let expected = plain(&x, &w, &b);
    for tile in ["512", "17", "5", "1"] {
        for (per, input) in [("tile", 1.0), ("column", 0.25), ("column", 6.0)] {
            let mut chip = fine(chip(&[("tile.rows", tile), ("tile.columns", tile), ("mapping.per", per)]));
            chip.mapping.bias = Bias::WordLine { input };
            let matrix = held(&chip, &w, &b);
            let (y, tally) = forward(&matrix, &x);
            let error = worst(&y, &expected);
            assert!(error < 4e-6, "tile {tile}, per {per}, input {input}: {error}");
            let size: usize = tile.parse().unwrap();
            let strips = outputs.div_ceil(size);
            assert_eq!(matrix.devices(), 2 * ((inputs + 1) * outputs) as u64);
            assert_eq!(matrix.tiles(), (inputs + 1).div_ceil(size) * strips);
            assert_eq!(tally.dac_conversions, (samples * (inputs + 1) * strips) as u64);
            assert_eq!(tally.macs, (samples * inputs * outputs) as u64);
            // What is asked of devices is held by them.
            let (mut weights, mut biases) = (vec![0.0; inputs * outputs], vec![0.0; outputs]);
            matrix.weights(&mut RowsMut::new(&mut weights, inputs, outputs).unwrap()).unwrap();
            matrix.bias(&mut biases).unwrap();
            let doubles = |v: &[f32]| v.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            assert!(worst(&weights, &doubles(&w)) < 1e-6 && worst(&biases, &doubles(&b)) < 1e-6);
            // From the other side nothing is read of that line.
            let mut back = vec![f32::NAN; samples * inputs];
            let d = normals(4, samples * outputs);
            let rows = Rows::new(&d, samples, outputs).unwrap();
            matrix.transpose(rows, &mut RowsMut::new(&mut back, samples, inputs).unwrap(), 0).unwrap();
            let product = |s: usize, i: usize| {
                let terms =
                    (0..outputs).map(|o| f64::from(d[s * outputs + o]) * f64::from(w[i * outputs + o]));
                terms.sum::<f64>()
            };
            let expected: Vec<f64> = (0..samples * inputs).map(|e| product(e / inputs, e % inputs)).collect();
            assert!(worst(&back, &expected) < 4e-6, "transposed, tile {tile}");
        }
    }
}

#[test]
fn an_exact_chip_adds_what_the_digital_side_would_to_the_bit() {
    let (samples, inputs, outputs) = SIZE;
    let (x, w, b) = (normals(1, samples * inputs), normals(2, inputs * outputs), normals(3, outputs));
    let digital = held(&chip(&[]), &w, &b);
    assert!(!digital.holds_bias() && digital.bias(&mut vec![0.0; outputs]).is_err());
    let (mut y, _) = forward(&digital, &x);
    y.chunks_exact_mut(outputs).for_each(|row| row.iter_mut().zip(&b).for_each(|(y, b)| *y += b));
    let analog = held(&chip(&[("mapping.bias", "word_line")]), &w, &b);
    assert!(analog.holds_bias());
    let (found, tally) = forward(&analog, &x);
    assert_eq!(found, y);
    assert_eq!(tally.dac_conversions, (samples * (inputs + 1)) as u64);
    assert_eq!(analog.devices(), digital.devices() + 2 * outputs as u64);
}

/// Without any input only the line of the biases is driven, and its cells drift like others.
#[test]
fn biases_drift_with_the_cells_that_hold_them() {
    let (samples, inputs, outputs) = SIZE;
    let drift = "{power_law = {t0 = \"1 s\", nu_mean.constant = 0.05, nu_spread.constant = 0.0}}";
    let mut chip = fine(chip(&[("device.retention", drift), ("mapping.bias.word_line.input", "2.0")]));
    let (w, b) = (normals(2, inputs * outputs), normals(3, outputs));
    let factor = 1e4f64.powf(-0.05);
    for (compensation, expected) in [("none", factor), ("global", 1.0)] {
        chip.set("drift_compensation", compensation, &presets_only).unwrap();
        let mut matrix = held(&chip, &w, &b);
        matrix.advance(1e4).unwrap();
        matrix.read().unwrap();
        let (y, _) = forward(&matrix, &vec![0.0; samples * inputs]);
        let expected: Vec<f64> =
            (0..samples * outputs).map(|e| expected * f64::from(b[e % outputs])).collect();
        assert!(worst(&y, &expected) < 1e-4, "{compensation}: {y:?} {expected:?}");
    }
}

#[test]
fn biases_that_cannot_be_are_refused() {
    let refused = |value: &str| {
        ChipSpec::ideal().lay_over(
            neurohm_array::overlay::assignment("mapping.bias.word_line.input", value).unwrap(),
            &presets_only,
        )
    };
    for value in ["0.0", "-1.0"] {
        let said = refused(value).unwrap_err().to_string();
        assert!(said.starts_with("mapping.bias.word_line.input: ") && said.contains("above 0"), "{said}");
    }
    let w = [1.0, 2.0];
    let on = chip(&[("mapping.bias", "word_line")]);
    let program = |b: &[f32]| {
        let found = AnalogMatrix::program_with_bias(Rows::new(&w, 1, 2).unwrap(), Some(b), &on, Key::root(1));
        found.map(|_| ()).map_err(|e| e.to_string())
    };
    assert!(program(&[1.0]).unwrap_err().contains("biases"));
    assert!(program(&[1.0, f32::NAN]).unwrap_err().contains("bias [0, 1] is NaN"));
    assert!(program(&[1.0, 2.0]).is_ok());
}
