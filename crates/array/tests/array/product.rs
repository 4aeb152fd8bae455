//! The analog product against what it must be: the plain product, the textbook quantiser, the law of its noise.

use neurohm_array::{
    Adc, AnalogMatrix, ArrayError, ChipSpec, Dac, InputRange, OutputRange, Overflow, Resolution, UniformAdc,
    UniformDac, chip_preset, presets_only, product,
};
use neurohm_num::{Key, Purpose, Rows, RowsMut};
use statrs::distribution::{ChiSquared, ContinuousCDF};

fn normals(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Key::root(seed).stream(Purpose::Data, 0).fill_normal(0, &mut values);
    values
}

fn plain(x: &[f32], w: &[f32], samples: usize, inputs: usize, outputs: usize) -> Vec<f64> {
    let mut y = vec![0.0; samples * outputs];
    for s in 0..samples {
        for i in 0..inputs {
            for o in 0..outputs {
                y[s * outputs + o] += f64::from(x[s * inputs + i]) * f64::from(w[i * outputs + o]);
            }
        }
    }
    y
}

fn chip(settings: &[(&str, &str)]) -> ChipSpec {
    let mut chip = ChipSpec::ideal();
    for (path, value) in settings {
        chip.set(path, value, &presets_only).unwrap();
    }
    chip
}

fn matrix(w: &[f32], inputs: usize, outputs: usize, chip: &ChipSpec) -> AnalogMatrix {
    let mut matrix =
        AnalogMatrix::program(Rows::new(w, inputs, outputs).unwrap(), chip, Key::root(7)).unwrap();
    matrix.read().unwrap();
    matrix
}

fn forward(matrix: &AnalogMatrix, x: &[f32], first: u64) -> Vec<f32> {
    let samples = x.len() / matrix.inputs();
    let mut y = vec![f32::NAN; samples * matrix.outputs()];
    let x = Rows::new(x, samples, matrix.inputs()).unwrap();
    matrix.forward(x, &mut RowsMut::new(&mut y, samples, matrix.outputs()).unwrap(), first).unwrap();
    y
}

fn transpose(matrix: &AnalogMatrix, d: &[f32], first: u64) -> Vec<f32> {
    let samples = d.len() / matrix.outputs();
    let mut x = vec![f32::NAN; samples * matrix.inputs()];
    let d = Rows::new(d, samples, matrix.outputs()).unwrap();
    matrix.transpose(d, &mut RowsMut::new(&mut x, samples, matrix.inputs()).unwrap(), first).unwrap();
    x
}

fn worst(found: &[f32], expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0.0f64, |m, (f, e)| m.max((f64::from(*f) - e).abs())) / scale
}

/// Whether a sum of `n` squared standard normals could be `sum`: both tails of 1e-6.
fn plausible(sum: f64, n: usize) -> bool {
    let law = ChiSquared::new(n as f64).unwrap();
    (1e-6..=1.0 - 1e-6).contains(&law.cdf(sum))
}

#[test]
fn an_ideal_chip_gives_the_bits_of_the_plain_product() {
    let (samples, inputs, outputs) = (33, 700, 45);
    let (x, w) = (normals(1, samples * inputs), normals(2, inputs * outputs));
    let ideal = matrix(&w, inputs, outputs, &chip_preset("ideal").unwrap());
    let mut expected = vec![0.0; samples * outputs];
    neurohm_array::gemm(
        Rows::new(&x, samples, inputs).unwrap(),
        Rows::new(&w, inputs, outputs).unwrap(),
        &mut RowsMut::new(&mut expected, samples, outputs).unwrap(),
        0.0,
    );
    assert_eq!(forward(&ideal, &x, 0), expected);
    assert!(worst(&expected, &plain(&x, &w, samples, inputs, outputs)) < 1e-6);
    let mut held = vec![0.0; inputs * outputs];
    ideal.weights(&mut RowsMut::new(&mut held, inputs, outputs).unwrap()).unwrap();
    assert_eq!(held, w);
}

/// A chip whose numbers all pass through conductances and converters, of which none can be seen: 22 bits.
fn transparent(tile: &str, per: &str, devices: &str) -> ChipSpec {
    let mut chip = chip(&[
        ("tile.rows", tile),
        ("tile.columns", tile),
        ("mapping.per", per),
        ("mapping.devices_per_polarity", devices),
    ]);
    chip.dac = Dac::Uniform(UniformDac {
        resolution: Resolution::Bits(22),
        range: InputRange::Fixed { bound: 8.0 },
    });
    chip
}

#[test]
fn tiles_scales_and_devices_cancel_where_nothing_else_acts() {
    let (samples, inputs, outputs) = (9, 130, 37);
    let (x, mut w, d) =
        (normals(1, samples * inputs), normals(2, inputs * outputs), normals(3, samples * outputs));
    for i in 0..inputs {
        // Columns of very different size, one of them empty.
        w[i * outputs] *= 1e3;
        w[i * outputs + 5] = 0.0;
    }
    let wt: Vec<f32> = (0..inputs * outputs).map(|e| w[e % inputs * outputs + e / inputs]).collect();
    let (y, back) = (plain(&x, &w, samples, inputs, outputs), plain(&d, &wt, samples, outputs, inputs));
    for tile in ["512", "130", "64", "17", "1"] {
        for per in ["tile", "column"] {
            for devices in ["1", "3"] {
                let chip = transparent(tile, per, devices);
                let matrix = matrix(&w, inputs, outputs, &chip);
                assert_eq!(matrix.devices(), (inputs * outputs * 2) as u64 * devices.parse::<u64>().unwrap());
                let size: usize = tile.parse().unwrap();
                assert_eq!(matrix.tiles(), inputs.div_ceil(size) * outputs.div_ceil(size));
                let error = worst(&forward(&matrix, &x, 0), &y);
                assert!(error < 3e-6, "forward, tile {tile}, per {per}, {devices} devices: {error}");
                let mut wide = chip.clone();
                wide.dac = Dac::Uniform(UniformDac {
                    resolution: Resolution::Bits(22),
                    range: InputRange::AbsMax {},
                });
                let matrix = self::matrix(&w, inputs, outputs, &wide);
                let error = worst(&transpose(&matrix, &d, 0), &back);
                assert!(error < 3e-6, "transposed, tile {tile}, per {per}, {devices} devices: {error}");
            }
        }
    }
}

#[test]
fn the_largest_weight_of_a_percentile_is_clipped() {
    let w = [1.0, 0.5, -0.25, 10.0, -0.5, 0.75, 0.1, -0.2, 0.3, 0.05];
    let chip = chip(&[("mapping.scale", "{ percentile = { p = 90 } }")]);
    let held = {
        let matrix = matrix(&w, 10, 1, &chip);
        let mut held = [0.0; 10];
        matrix.weights(&mut RowsMut::new(&mut held, 10, 1).unwrap()).unwrap();
        held
    };
    for (w, held) in w.iter().zip(held) {
        assert!((held - w.clamp(-1.0, 1.0)).abs() < 1e-6, "{w} became {held}");
    }
}

#[test]
fn quantisation_errors_have_the_variance_of_a_uniform_quantiser() {
    // Outputs: one weight of one, inputs spread evenly, so that each rounding error is uniform over a step.
    let samples = 20_000;
    let mut x = vec![0.0; samples];
    Key::root(1).stream(Purpose::Data, 0).fill_uniform(0, &mut x);
    x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
    for bits in [4u32, 6, 8] {
        let resolution = Resolution::Bits(bits);
        let step = 2.0 / f64::from(resolution.levels() - 1);
        let mut dac = chip(&[]);
        dac.dac = Dac::Uniform(UniformDac { resolution, range: InputRange::Fixed { bound: 1.0 } });
        let mut adc = chip(&[]);
        adc.adc = Adc::Uniform(UniformAdc {
            resolution,
            range: OutputRange::Fixed { bound: 1.0 },
            overflow: Overflow::Clip {},
            mismatch: None,
        });
        // An ideal DAC fills the range with each sample, so the ADC needs a second input that sets the scale.
        for (name, chip, inputs) in [("dac", dac, 1), ("adc", adc, 2)] {
            let w: Vec<f32> = if inputs == 1 { vec![1.0] } else { vec![1.0, 0.0] };
            let x: Vec<f32> = x.iter().flat_map(|x| [*x, 1.0].into_iter().take(inputs)).collect();
            let y = forward(&matrix(&w, inputs, 1, &chip), &x, 0);
            let errors = y.iter().zip(x.iter().step_by(inputs)).map(|(y, x)| f64::from(y - x));
            let variance = errors.map(|e| e * e).sum::<f64>() / samples as f64;
            let expected = step * step / 12.0;
            // The variance of a squared uniform error gives a relative spread of sqrt(0.8 / samples): five of them.
            let tolerance = 5.0 * (0.8 / samples as f64).sqrt();
            assert!(
                (variance / expected - 1.0).abs() < tolerance,
                "{name} {bits}: {variance:e} {expected:e}"
            );
            let levels: std::collections::BTreeSet<u32> = y.iter().map(|y| (y + 0.0).to_bits()).collect();
            assert_eq!(levels.len() as u32, resolution.levels(), "{name} {bits} bits");
        }
    }
}

#[test]
fn output_noise_is_gaussian_of_the_stated_size_on_every_crossbar() {
    let (samples, inputs, outputs, sigma) = (400, 64, 50, 0.06);
    let (x, w) = (normals(1, samples * inputs), normals(2, inputs * outputs));
    // Four strips of inputs: four independent draws an output, each scaled by its strip's largest input and weight.
    let noisy = chip(&[("tile.rows", "16"), ("tile.columns", "20"), ("output_noise", "0.06")]);
    let matrix = matrix(&w, inputs, outputs, &noisy);
    let y = forward(&matrix, &x, 0);
    let clean = plain(&x, &w, samples, inputs, outputs);
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0f32, |m, v| m.max(v.abs()));
    let mut sum = 0.0;
    for s in 0..samples {
        for o in 0..outputs {
            let column = if o < 17 {
                0..17
            } else if o < 34 {
                17..34
            } else {
                34..50
            };
            let variance: f64 = (0..4)
                .map(|strip| {
                    let rows = strip * 16..strip * 16 + 16;
                    let alpha = largest(&mut rows.clone().map(|i| x[s * inputs + i]));
                    let scale = largest(
                        &mut rows
                            .flat_map(|i| column.clone().map(move |o| (i, o)))
                            .map(|(i, o)| w[i * outputs + o]),
                    );
                    (sigma * f64::from(alpha) * f64::from(scale)).powi(2)
                })
                .sum();
            sum += (f64::from(y[s * outputs + o]) - clean[s * outputs + o]).powi(2) / variance;
        }
    }
    assert!(plausible(sum, samples * outputs), "chi-square {sum} of {}", samples * outputs);
}

#[test]
fn read_noise_has_the_exact_variance_at_the_output() {
    let (samples, inputs, outputs) = (300, 40, 30);
    let (x, w) = (normals(1, samples * inputs), normals(2, inputs * outputs));
    let variances: Vec<f32> = normals(3, inputs * outputs).iter().map(|v| v * v * 1e-3).collect();
    let chip = chip(&[("output_noise", "0.02")]);
    let mut y = vec![0.0; samples * outputs];
    product(
        Rows::new(&w, inputs, outputs).unwrap(),
        Some(Rows::new(&variances, inputs, outputs).unwrap()),
        &chip,
        Rows::new(&x, samples, inputs).unwrap(),
        &mut RowsMut::new(&mut y, samples, outputs).unwrap(),
        Key::root(5),
        0,
    )
    .unwrap();
    let clean = plain(&x, &w, samples, inputs, outputs);
    let mut sum = 0.0;
    for s in 0..samples {
        let x = &x[s * inputs..][..inputs];
        let alpha = f64::from(x.iter().fold(0.0f32, |m, v| m.max(v.abs())));
        for o in 0..outputs {
            let cells: f64 =
                (0..inputs).map(|i| f64::from(x[i]).powi(2) * f64::from(variances[i * outputs + o])).sum();
            let variance = cells + (0.02 * alpha).powi(2);
            sum += (f64::from(y[s * outputs + o]) - clean[s * outputs + o]).powi(2) / variance;
        }
    }
    assert!(plausible(sum, samples * outputs), "chi-square {sum} of {}", samples * outputs);
}

#[test]
fn input_noise_acts_like_noise_on_the_inputs() {
    let (samples, inputs, outputs, sigma) = (2000, 32, 4, 0.01);
    let (x, w) = (normals(1, samples * inputs), normals(2, inputs * outputs));
    let matrix = matrix(&w, inputs, outputs, &chip(&[("input_noise", "0.01"), ("tile.columns", "2")]));
    let y = forward(&matrix, &x, 0);
    let clean = plain(&x, &w, samples, inputs, outputs);
    // Outputs of one crossbar share its input noise; take one output of each of the two.
    for o in [0, 3] {
        let norm: f64 = (0..inputs).map(|i| f64::from(w[i * outputs + o]).powi(2)).sum();
        let sum: f64 = (0..samples)
            .map(|s| {
                let alpha = f64::from(x[s * inputs..][..inputs].iter().fold(0.0f32, |m, v| m.max(v.abs())));
                (f64::from(y[s * outputs + o]) - clean[s * outputs + o]).powi(2)
                    / (norm * (sigma * alpha).powi(2))
            })
            .sum();
        assert!(plausible(sum, samples), "output {o}: chi-square {sum}");
    }
}

#[test]
fn bits_depend_neither_on_the_split_of_a_batch_nor_on_threads() {
    let (samples, inputs, outputs) = (700, 96, 70);
    let (x, w, d) =
        (normals(1, samples * inputs), normals(2, inputs * outputs), normals(3, samples * outputs));
    for (name, extra) in [
        ("peer", vec![]),
        ("peer", vec![("tile.rows", "40"), ("tile.columns", "33"), ("adc.uniform.range.fixed.bound", "3")]),
        (
            "peer",
            vec![("input_noise", "0.02"), ("read.noise.split.window", "1 ms"), ("mapping.per", "column")],
        ),
        ("default", vec![("adc.uniform.range", "{ fixed = { bound = 9 } }"), ("tile.rows", "50")]),
    ] {
        let mut chip = chip_preset(name).unwrap();
        for (path, value) in &extra {
            chip.set(path, value, &presets_only).unwrap();
        }
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut matrix = matrix(&w, inputs, outputs, &chip);
                matrix.advance(1e5).unwrap();
                matrix.read().unwrap();
                let mut weights = vec![0.0; inputs * outputs];
                matrix.weights(&mut RowsMut::new(&mut weights, inputs, outputs).unwrap()).unwrap();
                let mut y = vec![0.0; samples * outputs];
                let mut rows = RowsMut::new(&mut y, samples, outputs).unwrap();
                // Its energy is a sum over pieces of the batch, each rounded: the pieces must not follow the threads.
                let tally = matrix.forward(Rows::new(&x, samples, inputs).unwrap(), &mut rows, 100).unwrap();
                (y, transpose(&matrix, &d, 100), weights, [matrix.events(), tally])
            })
        };
        let (y, back, weights, events) = run(1);
        for threads in [2, 16] {
            assert!(
                run(threads) == (y.clone(), back.clone(), weights.clone(), events),
                "{extra:?}, {threads} threads"
            );
        }
        let mut matrix = matrix(&w, inputs, outputs, &chip);
        matrix.advance(1e5).unwrap();
        matrix.read().unwrap();
        for cuts in [vec![0, 1, 2, 20, 700], vec![0, 333, 699, 700]] {
            for part in cuts.windows(2) {
                let (a, b) = (part[0], part[1]);
                let first = 100 + a as u64;
                let part = forward(&matrix, &x[a * inputs..b * inputs], first);
                assert!(part == y[a * outputs..b * outputs], "{extra:?}, samples {a}..{b}");
                let part = transpose(&matrix, &d[a * outputs..b * outputs], first);
                assert!(part == back[a * inputs..b * inputs], "{extra:?}, transposed, samples {a}..{b}");
            }
        }
    }
}

#[test]
fn noise_of_two_samples_or_two_matrices_has_nothing_in_common() {
    let (samples, inputs, outputs) = (64, 8, 64);
    let (w, x) = (vec![0.5; inputs * outputs], vec![1.0; samples * inputs]);
    let chip = chip(&[("output_noise", "0.1"), ("tile.rows", "4")]);
    let centred = |y: Vec<f32>| y.into_iter().map(|v| f64::from(v) - 4.0).collect::<Vec<_>>();
    let one = matrix(&w, inputs, outputs, &chip);
    let mut other =
        AnalogMatrix::program(Rows::new(&w, inputs, outputs).unwrap(), &chip, Key::root(8)).unwrap();
    other.read().unwrap();
    let a = centred(forward(&one, &x, 0));
    for b in
        [centred(forward(&one, &x, 64)), centred(forward(&other, &x, 0)), centred(transposed_like(&one, &x))]
    {
        let dot: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        let (aa, bb): (f64, f64) = (a.iter().map(|a| a * a).sum(), b.iter().map(|b| b * b).sum());
        let correlation = dot / (aa * bb).sqrt();
        assert!(correlation.abs() < 5.0 / (a.len() as f64).sqrt(), "{correlation}");
    }
}

/// The same sums through the other side, with as many outputs.
fn transposed_like(matrix: &AnalogMatrix, x: &[f32]) -> Vec<f32> {
    let (inputs, outputs) = (matrix.inputs(), matrix.outputs());
    let d = vec![1.0; x.len() / inputs * outputs];
    let back = transpose(matrix, &d, 0);
    // 64 inputs of 0.5 sum to 32 on each line; shrink to the scale of the forward sums, line 0 of each again.
    (0..x.len() / inputs * outputs).map(|e| (back[e % back.len()] - 32.0) + 4.0).collect()
}

#[test]
fn halving_the_input_rescues_what_clipping_loses() {
    let (inputs, outputs) = (64, 3);
    let w: Vec<f32> = (0..inputs * outputs).map(|e| if e % outputs == 1 { -1.0 } else { 1.0 }).collect();
    let x = vec![1.0; 2 * inputs];
    let adc = |overflow| {
        let mut chip = chip(&[]);
        chip.adc = Adc::Uniform(UniformAdc {
            resolution: Resolution::Bits(12),
            range: OutputRange::Fixed { bound: 12.0 },
            overflow,
            mismatch: None,
        });
        forward(&matrix(&w, inputs, outputs, &chip), &x, 0)
    };
    let clipped = adc(Overflow::Clip {});
    assert!(clipped.iter().all(|y| y.abs() == 12.0));
    // 64 / 8 is the first reduction that fits into 12, in steps of 12 / 2047 x 8.
    for (largest_factor, expected) in [(1000.0, 64.0), (2.0, 48.0), (1.0, 24.0)] {
        let halved = adc(Overflow::HalveInput { largest_factor, coarsest_step: 1.0 });
        for y in halved {
            assert!((y.abs() - expected).abs() < 0.05, "{largest_factor}: {y}");
        }
    }
}

#[test]
fn calibrated_ranges_hold_the_wanted_part_of_the_data() {
    let (samples, inputs, outputs) = (500, 60, 40);
    let (x, w) = (normals(1, samples * inputs), normals(2, inputs * outputs));
    let mut chip = chip(&[("tile.rows", "30"), ("tile.columns", "20")]);
    chip.dac = Dac::Uniform(UniformDac {
        resolution: Resolution::Bits(12),
        range: InputRange::Calibrated { percentile: 100.0 },
    });
    chip.adc = Adc::Uniform(UniformAdc {
        resolution: Resolution::Bits(12),
        range: OutputRange::Calibrated { percentile: 100.0 },
        overflow: Overflow::Clip {},
        mismatch: None,
    });
    let mut matrix = matrix(&w, inputs, outputs, &chip);
    let rows = Rows::new(&x, samples, inputs).unwrap();
    let mut y = vec![0.0; samples * outputs];
    let refused = matrix.forward(rows, &mut RowsMut::new(&mut y, samples, outputs).unwrap(), 0);
    assert!(matches!(refused, Err(ArrayError::NotCalibrated { converter: "DAC" })), "{refused:?}");
    matrix.calibrate(rows).unwrap();
    let expected = plain(&x, &w, samples, inputs, outputs);
    assert!(worst(&forward(&matrix, &x, 0), &expected) < 3e-3);
    let d = normals(3, samples * outputs);
    matrix.calibrate_transposed(Rows::new(&d, samples, outputs).unwrap()).unwrap();
    let wt: Vec<f32> = (0..inputs * outputs).map(|e| w[e % inputs * outputs + e / inputs]).collect();
    assert!(worst(&transpose(&matrix, &d, 0), &plain(&d, &wt, samples, outputs, inputs)) < 3e-3);
}

#[test]
fn twice_the_input_or_the_weight_is_twice_the_output() {
    let (samples, inputs, outputs) = (20, 50, 30);
    let (x, w) = (normals(1, samples * inputs), normals(2, inputs * outputs));
    let chip = chip_preset("peer").unwrap();
    let y = forward(&matrix(&w, inputs, outputs, &chip), &x, 0);
    let twice = |v: &[f32]| v.iter().map(|v| 2.0 * v).collect::<Vec<_>>();
    assert_eq!(forward(&matrix(&w, inputs, outputs, &chip), &twice(&x), 0), twice(&y));
    assert_eq!(forward(&matrix(&twice(&w), inputs, outputs, &chip), &x, 0), twice(&y));
    let mirrored: Vec<f32> = x.iter().map(|x| -x).collect();
    let zero = vec![0.0; samples * inputs];
    assert!(forward(&matrix(&w, inputs, outputs, &chip), &zero, 0).iter().all(|y| *y == 0.0));
    let quiet = self::chip(&[("tile.rows", "20")]);
    let (a, b) = (
        forward(&matrix(&w, inputs, outputs, &quiet), &x, 0),
        forward(&matrix(&w, inputs, outputs, &quiet), &mirrored, 0),
    );
    assert!(a.iter().zip(&b).all(|(a, b)| *a == -*b));
}

#[test]
fn every_event_is_counted() {
    let (samples, inputs, outputs) = (10, 100, 50);
    let (x, w) = (vec![0.5; samples * inputs], vec![1.0; inputs * outputs]);
    let mut chip = transparent("40", "tile", "2");
    chip.dac = Dac::Ideal {};
    chip.output_noise = 1e-9;
    let matrix = matrix(&w, inputs, outputs, &chip);
    let mut y = vec![0.0; samples * outputs];
    let x = Rows::new(&x, samples, inputs).unwrap();
    let tally = matrix.forward(x, &mut RowsMut::new(&mut y, samples, outputs).unwrap(), 0).unwrap();
    assert_eq!(tally.macs, 50_000);
    // Two strips of outputs convert each input, three strips of inputs each output.
    assert_eq!((tally.dac_conversions, tally.adc_conversions, tally.digital_adds), (2000, 1500, 1000));
    assert_eq!(tally.cell_reads, 200_000);
    assert_eq!(matrix.events().cells_programmed, 20_000);
    // All positive devices at 25 uS see the full 0.2 V for 100 ns, two a weight; the negative ones are at 0 S.
    let expected = samples as f64 * 5000.0 * 2.0 * 25e-6 * 0.04 * 1e-7;
    let found = tally.cell_read_energy_j();
    assert!((found / expected - 1.0).abs() < 1e-5, "{found:e} {expected:e}");
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let w = [1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0];
    let program = |w: &[f32]| {
        AnalogMatrix::program(Rows::new(w, 3, 2).unwrap(), &chip_preset("peer").unwrap(), Key::root(1))
    };
    let error = program(&w).unwrap_err().to_string();
    assert!(error.starts_with("weight [1, 0] is NaN"), "{error}");
    let good = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let mut matrix = program(&good).unwrap();
    let mut fresh =
        AnalogMatrix::program(Rows::new(&good, 3, 2).unwrap(), &chip(&[("output_noise", "1")]), Key::root(1))
            .unwrap();
    let mut y = [0.0; 4];
    let x = [1.0, 2.0, 3.0, 4.0, f32::NEG_INFINITY, 6.0];
    let run = |m: &AnalogMatrix, x: &[f32], cols: usize, y: &mut [f32]| {
        let (rows, out) = (x.len() / cols, y.len() / 2);
        m.forward(Rows::new(x, rows, cols).unwrap(), &mut RowsMut::new(y, out, 2).unwrap(), 0)
            .map_err(|e| e.to_string())
    };
    assert!(run(&fresh, &good, 3, &mut y).unwrap_err().contains("never read"));
    fresh.read().unwrap();
    matrix.read().unwrap();
    for m in [&fresh, &matrix] {
        let error = run(m, &x, 3, &mut y).unwrap_err();
        assert!(error.starts_with("input [1, 1] is -inf"), "{error}");
        assert!(run(m, &good, 2, &mut y).unwrap_err().starts_with("inputs: expected 3"));
        assert!(run(m, &good[..3], 3, &mut y).unwrap_err().starts_with("samples of the output: expected 1"));
    }
    assert!(matrix.advance(-1.0).is_err() && matrix.advance(f64::NAN).is_err());
    assert!(matrix.reprogram(Rows::new(&good, 2, 3).unwrap()).is_err());
}

#[test]
fn empty_matrices_and_batches_are_fine() {
    for name in ["peer", "ideal", "default"] {
        let chip = chip_preset(name).unwrap();
        for (inputs, outputs) in [(0, 3), (3, 0), (0, 0)] {
            let mut matrix =
                AnalogMatrix::program(Rows::new(&[], inputs, outputs).unwrap(), &chip, Key::root(1)).unwrap();
            matrix.read().unwrap();
            let x = vec![1.0; 2 * inputs];
            let mut y = vec![9.0; 2 * outputs];
            let x = Rows::new(&x, 2, inputs).unwrap();
            matrix.calibrate(x).unwrap();
            matrix.forward(x, &mut RowsMut::new(&mut y, 2, outputs).unwrap(), 0).unwrap();
            assert!(y.iter().all(|y| *y == 0.0), "{name} {inputs} x {outputs}");
        }
    }
}
