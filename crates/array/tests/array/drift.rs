//! Ageing crossbars: drift, its compensation, reprogramming, memory.

use neurohm_array::{AnalogMatrix, ChipSpec, chip_preset, parse_chip, presets_only};
use neurohm_device::{Curve, Noise, Retention, Write};
use neurohm_num::{Key, Purpose, Rows, RowsMut};

fn normals(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Key::root(seed).stream(Purpose::Data, 0).fill_normal(0, &mut values);
    values
}

fn held(matrix: &AnalogMatrix) -> Vec<f32> {
    let mut w = vec![0.0; matrix.inputs() * matrix.outputs()];
    matrix.weights(&mut RowsMut::new(&mut w, matrix.inputs(), matrix.outputs()).unwrap()).unwrap();
    w
}

fn relative_error(found: &[f32], expected: &[f32]) -> f64 {
    let square = |v: f64| v * v;
    let error: f64 = found.iter().zip(expected).map(|(f, e)| square(f64::from(f - e))).sum();
    (error / expected.iter().map(|e| square(f64::from(*e))).sum::<f64>()).sqrt()
}

/// Every cell drifts with the same exponent and does nothing else.
fn common_drift(compensation: &str) -> ChipSpec {
    let mut chip = chip_preset("peer").unwrap();
    chip.set("drift_compensation", compensation, &presets_only).unwrap();
    chip.output_noise = 0.0;
    chip.device.cell.as_mut().unwrap().write = Some(Write::Ideal {});
    chip.device.cell.as_mut().unwrap().noise = Some(Noise::Ideal {});
    let Some(Retention::PowerLaw { t0_s, .. }) = chip.device.cell.as_ref().unwrap().retention.clone() else {
        panic!("PCM drifts by a power law")
    };
    let constant = Curve::Constant;
    chip.device.cell.as_mut().unwrap().retention =
        Some(Retention::PowerLaw { t0_s, nu_mean: constant(0.06), nu_spread: constant(0.0) });
    chip
}

#[test]
fn drift_that_all_cells_share_is_undone_to_the_converters_resolution() {
    let (inputs, outputs) = (300, 80);
    let w = normals(1, inputs * outputs);
    let year_s = 3.15e7;
    for (compensation, limit) in
        [("{ global = { probes = 32 } }", 2e-3), ("{ per_column = { probes = 64 } }", 5e-3)]
    {
        let chip = common_drift(compensation);
        let mut matrix =
            AnalogMatrix::program(Rows::new(&w, inputs, outputs).unwrap(), &chip, Key::root(2)).unwrap();
        matrix.advance(20.0).unwrap();
        matrix.read().unwrap();
        assert!(relative_error(&held(&matrix), &w) < limit);
        matrix.advance(year_s).unwrap();
        matrix.read().unwrap();
        let error = relative_error(&held(&matrix), &w);
        assert!(error < limit, "{compensation}: {error}");
    }
    let mut bare =
        AnalogMatrix::program(Rows::new(&w, inputs, outputs).unwrap(), &common_drift("none"), Key::root(2))
            .unwrap();
    bare.advance(year_s).unwrap();
    bare.read().unwrap();
    let expected = 1.0 - (year_s / 20.0).powf(-0.06);
    assert!((relative_error(&held(&bare), &w) - expected).abs() < 1e-4);
}

#[test]
fn the_estimate_has_no_bias_even_where_noise_is_as_large_as_the_signal() {
    // Output noise of half a full weight against columns whose probe answers have a spread of about 0.6.
    let (inputs, outputs) = (64, 64);
    let w: Vec<f32> = normals(1, inputs * outputs).iter().map(|v| v * 0.1).collect();
    let mut chip = common_drift("{ global = { probes = 256 } }");
    chip.output_noise = 0.5;
    let w0 = Rows::new(&w, inputs, outputs).unwrap();
    let mut shrink = Vec::new();
    for seed in 0..40 {
        let mut matrix = AnalogMatrix::program(w0, &chip, Key::root(seed)).unwrap();
        matrix.advance(3.15e7).unwrap();
        matrix.read().unwrap();
        let dot: f64 = held(&matrix).iter().zip(&w).map(|(a, b)| f64::from(a * b)).sum();
        shrink.push(dot / w.iter().map(|b| f64::from(b * b)).sum::<f64>());
    }
    let (mean, interval) = neurohm_num::stats::mean_ci95(&shrink);
    let interval = interval.unwrap();
    assert!(interval.low <= 1.0 && 1.0 <= interval.high || (mean - 1.0).abs() < 2e-3, "{mean} {interval:?}");
}

#[test]
fn compensation_is_read_through_the_chip_and_counted() {
    let w = normals(1, 60 * 40);
    let program = |compensation: &str| {
        let mut chip = chip_preset("peer").unwrap();
        chip.set("drift_compensation", compensation, &presets_only).unwrap();
        AnalogMatrix::program(Rows::new(&w, 60, 40).unwrap(), &chip, Key::root(2)).unwrap()
    };
    let (mut with, mut without) = (program("{ global = { probes = 16 } }"), program("none"));
    // Two reads of 16 probes right after programming; one more at every later read. Repetitions come on top.
    assert!(with.events().adc_conversions >= 2 * 16 * 40 && without.events().adc_conversions == 0);
    let before = with.events();
    for matrix in [&mut with, &mut without] {
        matrix.advance(1e6).unwrap();
        matrix.read().unwrap();
    }
    let after = with.events();
    assert!(after.dac_conversions - before.dac_conversions >= 16 * 60);
    assert!(after.cell_read_energy > before.cell_read_energy && without.events().cell_read_energy == 0);
    let size = |m: &AnalogMatrix| held(m).iter().map(|v| f64::from(v.abs())).sum::<f64>();
    let ratio = size(&without) / size(&with);
    assert!((0.4..0.7).contains(&ratio), "a million seconds of PCM drift leave about half: {ratio}");
}

#[test]
fn columns_that_hold_nothing_do_not_blow_up() {
    let (inputs, outputs) = (50, 12);
    let mut w = normals(1, inputs * outputs);
    (0..inputs).for_each(|i| w[i * outputs + 3] = 0.0);
    for (preset, empty) in [("peer", false), ("peer", true), ("default", false)] {
        let mut chip = chip_preset(preset).unwrap();
        chip.set("drift_compensation", "per_column", &presets_only).unwrap();
        let w = if empty { vec![0.0; w.len()] } else { w.clone() };
        let mut matrix =
            AnalogMatrix::program(Rows::new(&w, inputs, outputs).unwrap(), &chip, Key::root(2)).unwrap();
        matrix.advance(3.15e7).unwrap();
        matrix.read().unwrap();
        let largest = held(&matrix).iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(largest < 6.0, "{preset}: {largest}");
    }
}

#[test]
fn a_chip_read_twice_at_one_instant_shows_the_same_weights() {
    let w = normals(1, 40 * 30);
    let mut chip = chip_preset("peer").unwrap();
    chip.set("drift_compensation", "none", &presets_only).unwrap();
    let mut matrix = AnalogMatrix::program(Rows::new(&w, 40, 30).unwrap(), &chip, Key::root(2)).unwrap();
    matrix.advance(100.0).unwrap();
    matrix.read().unwrap();
    let first = held(&matrix);
    matrix.read().unwrap();
    assert_eq!(held(&matrix), first);
    let age = relative_error(&first, &w);
    // The published PCM model: programming and read noise leave an error of some tens of percent of Gaussian weights.
    assert!((0.05..0.5).contains(&age), "{age}");
    matrix.reprogram(Rows::new(&w, 40, 30).unwrap()).unwrap();
    matrix.read().unwrap();
    assert!(relative_error(&held(&matrix), &w) < age && held(&matrix) != first);
}

#[test]
fn more_devices_average_their_errors() {
    let w = normals(1, 100 * 100);
    let error = |devices: &str| {
        let mut chip = chip_preset("peer").unwrap();
        chip.set("mapping.devices_per_polarity", devices, &presets_only).unwrap();
        chip.set("drift_compensation", "none", &presets_only).unwrap();
        let mut matrix =
            AnalogMatrix::program(Rows::new(&w, 100, 100).unwrap(), &chip, Key::root(2)).unwrap();
        matrix.read().unwrap();
        relative_error(&held(&matrix), &w)
    };
    let ratio = error("1") / error("4");
    // Independent errors halve; the clipping at zero conductance leaves a bias that does not.
    assert!((1.7..2.05).contains(&ratio), "{ratio}");
}

#[test]
fn a_device_takes_less_than_sixteen_bytes_with_all_that_follows_from_it() {
    let w = normals(1, 256 * 256);
    for preset in ["peer", "default"] {
        let chip = chip_preset(preset).unwrap();
        let mut matrix =
            AnalogMatrix::program(Rows::new(&w, 256, 256).unwrap(), &chip, Key::root(2)).unwrap();
        matrix.advance(20.0).unwrap();
        matrix.read().unwrap();
        let each = matrix.bytes() as f64 / matrix.devices() as f64;
        let limit = if preset == "peer" { 10.5 } else { 12.5 };
        assert!(each <= limit, "{preset}: {each}");
    }
}

#[test]
fn fast_and_frozen_noise_add_up_to_that_of_one_read() {
    // Without a window all noise is in the frozen draw; with one, part of it is redrawn at the output.
    let (inputs, outputs, samples) = (100, 100, 200);
    let w = vec![0.5; inputs * outputs];
    let x = vec![1.0; samples * inputs];
    let spread = |noise: &str| {
        let text = format!("preset = \"ideal\"\ndevice = \"pcm\"\n[read]\nnoise.{noise}\n");
        let mut chip = parse_chip(&text, "test", &presets_only).unwrap();
        chip.device.cell.as_mut().unwrap().write = Some(Write::Ideal {});
        chip.device.cell.as_mut().unwrap().retention = Some(Retention::Ideal {});
        let mut matrix =
            AnalogMatrix::program(Rows::new(&w, inputs, outputs).unwrap(), &chip, Key::root(2)).unwrap();
        matrix.advance(1e4).unwrap();
        matrix.read().unwrap();
        let mut y = vec![0.0; samples * outputs];
        matrix
            .forward(
                Rows::new(&x, samples, inputs).unwrap(),
                &mut RowsMut::new(&mut y, samples, outputs).unwrap(),
                0,
            )
            .unwrap();
        let mean = y.iter().map(|y| f64::from(*y)).sum::<f64>() / y.len() as f64;
        let all = y.iter().map(|y| (f64::from(*y) - mean).powi(2)).sum::<f64>() / y.len() as f64;
        let mut within = 0.0;
        for o in 0..outputs {
            let column: Vec<f64> = (0..samples).map(|s| f64::from(y[s * outputs + o])).collect();
            let mean = column.iter().sum::<f64>() / samples as f64;
            within += column.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / (samples * outputs) as f64;
        }
        (all, within)
    };
    let (frozen, moving) = spread("frozen = {}");
    assert!(moving < 1e-9 * frozen);
    let (all, moving) = spread("split.window = \"1 s\"");
    // ln(1 + t/2T) of T = 250 ns and of 1 s: the fast part of the variance.
    let (total, slow) = ((1e4f64 / 5e-7).ln_1p(), (1e4f64 / 2.0).ln_1p());
    let part = moving / all;
    assert!((part - (1.0 - slow / total)).abs() < 0.12, "{part}");
    assert!((all / frozen - 1.0).abs() < 0.6, "{all} {frozen}");
}
