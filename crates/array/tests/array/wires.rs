//! Chips whose lines have resistance: the product is that of the circuit.

use neurohm_array::wires::{LinearCrossbar, Wires, Workspace};
use neurohm_array::{AnalogMatrix, ChipSpec, Lines, chip_preset, parse_chip, presets_only};
use neurohm_device::Nonidealities;
use neurohm_num::{Key, Purpose, Rows, RowsMut, Unwatched};

fn random(key: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Key::root(key).stream(Purpose::Data, 0).fill_uniform(0, &mut values);
    values.iter_mut().for_each(|v| *v = 2.0 * *v - 1.0);
    values
}

/// An ideal chip but for its lines.
fn chip(lines: &str) -> ChipSpec {
    let mut chip = chip_preset("ideal").unwrap();
    chip.set("wires", lines, &presets_only).unwrap();
    chip
}

fn product(chip: &ChipSpec, w: &[f32], x: &[f32], rows: usize, columns: usize, transposed: bool) -> Vec<f32> {
    let mut matrix = AnalogMatrix::program(Rows::new(w, rows, columns).unwrap(), chip, Key::root(3)).unwrap();
    matrix.read().unwrap();
    let (into, out) = if transposed { (columns, rows) } else { (rows, columns) };
    let samples = x.len() / into;
    let mut y = vec![0.0; samples * out];
    let (x, mut target) = (Rows::new(x, samples, into).unwrap(), RowsMut::new(&mut y, samples, out).unwrap());
    if transposed { matrix.transpose(x, &mut target, 0) } else { matrix.forward(x, &mut target, 0) }.unwrap();
    y
}

/// By the circuit of each polarity, or of both side by side.
fn expected(w: &[f32], x: &[f32], rows: usize, columns: usize, wires: Wires, interleaved: bool) -> Vec<f64> {
    let largest = w.iter().fold(0.0f32, |t, w| t.max(w.abs()));
    let g_max = 25e-6;
    let side = |sign: f32| move |w: &f32| f64::from((sign * w / largest).max(0.0)) * g_max;
    let workspace = Workspace::default();
    let effective = |g: &[f64], width: usize| {
        let crossbar = LinearCrossbar::new(Rows::new(g, rows, width).unwrap(), wires).unwrap();
        crossbar.effective(&workspace, &Unwatched).unwrap().w
    };
    let (plus, minus): (Vec<f64>, Vec<f64>) =
        (w.iter().map(side(1.0)).collect(), w.iter().map(side(-1.0)).collect());
    let (mut p, mut m) = (Vec::new(), Vec::new());
    if interleaved {
        let pairs: Vec<f64> = plus.iter().zip(&minus).flat_map(|(p, m)| [*p, *m]).collect();
        for (k, line) in effective(&pairs, 2 * columns).chunks_exact(rows).enumerate() {
            if k % 2 == 0 { p.extend_from_slice(line) } else { m.extend_from_slice(line) }
        }
    } else {
        (p, m) = (effective(&plus, columns), effective(&minus, columns));
    }
    let unit = f64::from(largest) / g_max;
    x.chunks_exact(rows)
        .flat_map(|x| {
            let (p, m) = (&p, &m);
            (0..columns).map(move |j| {
                (0..rows).map(|i| f64::from(x[i]) * (p[j * rows + i] - m[j * rows + i]) * unit).sum::<f64>()
            })
        })
        .collect()
}

#[test]
fn a_product_through_lines_is_that_of_their_circuit() {
    let (rows, columns) = (40, 24);
    let (w, x) = (random(1, rows * columns), random(2, 3 * rows));
    let ideal = product(&chip_preset("ideal").unwrap(), &w, &x, rows, columns, false);
    let wires = Wires { driver_ohm: 30.0, ..Wires::new(15.0, 5.0) };
    for (devices, interleaved) in [("separate", false), ("interleaved", true)] {
        let lines = format!(
            "{{resistive = {{word_segment = \"15 ohm\", bit_segment = \"5 ohm\", driver = \"30 ohm\", devices = \"{devices}\"}}}}"
        );
        let found = product(&chip(&lines), &w, &x, rows, columns, false);
        let wanted = expected(&w, &x, rows, columns, wires, interleaved);
        let top = wanted.iter().fold(0.0f64, |t, y| t.max(y.abs()));
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!((f64::from(*found) - wanted).abs() < 3e-6 * top, "{devices}: {found} {wanted}");
        }
        let lost = found.iter().zip(&ideal).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(f64::from(lost) > 0.01 * top, "lines must show: {lost} of {top}");
    }
}

#[test]
fn the_transposed_product_is_the_transpose_by_reciprocity() {
    let (rows, columns) = (20, 30);
    let w = random(5, rows * columns);
    let chip = chip("{resistive = {word_segment = \"20 ohm\", bit_segment = \"20 ohm\"}}");
    let unit = |n: usize| (0..n * n).map(|k| if k / n == k % n { 1.0 } else { 0.0 }).collect::<Vec<f32>>();
    let forward = product(&chip, &w, &unit(rows), rows, columns, false);
    let backward = product(&chip, &w, &unit(columns), rows, columns, true);
    for i in 0..rows {
        for j in 0..columns {
            assert!((forward[i * columns + j] - backward[j * rows + i]).abs() < 1e-6);
        }
    }
}

#[test]
fn lines_are_a_nonideality_that_can_be_scaled_and_taken_away() {
    let mut with = chip("{resistive = {word_segment = \"1 ohm\", bit_segment = \"2 ohm\"}}");
    assert_eq!(with.nonidealities().iter().map(|n| n.path.as_str()).collect::<Vec<_>>(), ["wires"]);
    assert!(!with.is_exact() && with.scale("wires", 3.0));
    assert_eq!(with, chip("{resistive = {word_segment = \"3 ohm\", bit_segment = \"6 ohm\"}}"));
    assert!(with.without("wires") && with.is_exact());
    let none = chip("{resistive = {word_segment = \"0 ohm\", bit_segment = \"0 ohm\"}}");
    assert!(none.is_exact());
    let bad = chip_preset("ideal").unwrap().set("wires.resistive.word_segment", "-1 ohm", &presets_only);
    assert!(bad.is_err());
}

#[test]
fn noise_of_single_reads_shrinks_with_the_weights_behind_lines() {
    // Variance of the output over many samples, with and without lines, of cells whose noise is white.
    let (rows, columns, samples) = (16, 16, 4000);
    let w: Vec<f32> = random(7, rows * columns).iter().map(|w| 0.5 + 0.5 * w).collect();
    let x = vec![1.0f32; samples * rows];
    let spread = |lines: Option<&str>| {
        let mut chip = chip_preset("ideal").unwrap();
        chip.set("device", "generic", &presets_only).unwrap();
        chip.set("device.retention", "ideal", &presets_only).unwrap();
        chip.set("read.noise", "{split.window = \"1 ms\"}", &presets_only).unwrap();
        if let Some(lines) = lines {
            chip.set("wires", lines, &presets_only).unwrap();
        }
        let y = product(&chip, &w, &x, rows, columns, false);
        let mean = |j: usize| y.iter().skip(j).step_by(columns).sum::<f32>() / samples as f32;
        let var = |j: usize| {
            let m = mean(j);
            y.iter().skip(j).step_by(columns).map(|v| (v - m).powi(2)).sum::<f32>() / samples as f32
        };
        ((0..columns).map(mean).sum::<f32>(), (0..columns).map(var).sum::<f32>())
    };
    let (mean, variance) = spread(None);
    let lines = "{resistive = {word_segment = \"200 ohm\", bit_segment = \"200 ohm\"}}";
    let (less, smaller) = spread(Some(lines));
    assert!(variance > 0.0 && less < 0.95 * mean, "{mean} {less}");
    let (by_weight, by_noise) = ((less / mean).powi(2), smaller / variance);
    assert!((by_noise / by_weight - 1.0).abs() < 0.15, "{by_noise} {by_weight}");
}

/// Outputs after one day, of a chip that was read at 20 s too.
fn after_a_day(tolerance: &str) -> Vec<f32> {
    let (rows, columns) = (96, 64);
    let mut chip = chip_preset("default").unwrap();
    let lines = format!(
        "{{resistive = {{word_segment = \"5 ohm\", bit_segment = \"5 ohm\", tolerance = {tolerance}}}}}"
    );
    for (path, value) in
        [("wires", lines.as_str()), ("dac", "ideal"), ("adc", "ideal"), ("output_noise", "0")]
    {
        chip.set(path, value, &presets_only).unwrap();
    }
    let (w, x) = (random(1, rows * columns), random(2, 8 * rows));
    let mut matrix =
        AnalogMatrix::program(Rows::new(&w, rows, columns).unwrap(), &chip, Key::root(3)).unwrap();
    let mut y = vec![0.0; 8 * columns];
    for dt_s in [20.0, 86400.0] {
        matrix.advance(dt_s).unwrap();
        matrix.read().unwrap();
    }
    let (x, mut target) = (Rows::new(&x, 8, rows).unwrap(), RowsMut::new(&mut y, 8, columns).unwrap());
    matrix.forward(x, &mut target, 0).unwrap();
    y
}

#[test]
fn drifted_matrices_are_followed_within_the_tolerance_and_computed_anew_past_it() {
    let rms = |y: &[f32]| (y.iter().map(|y| f64::from(*y).powi(2)).sum::<f64>() / y.len() as f64).sqrt();
    let exact = after_a_day("0.0");
    let error = |tolerance: &str| {
        let apart: Vec<f32> = after_a_day(tolerance).iter().zip(&exact).map(|(a, b)| a - b).collect();
        rms(&apart) / rms(&exact)
    };
    let followed = error("0.02");
    assert!(followed > 1e-7 && followed < 0.02, "{followed:.1e}");
    assert_eq!(error("1e-7"), 0.0);
}

#[test]
fn lines_of_copper_are_segments_of_their_width_and_pitch() {
    // 40 nm wide, aspect 1.9, 29.7 nohm m: 0.7816 ohm for 80 nm of it.
    let by = |lines: &str| chip_preset("ideal").unwrap().set("wires", lines, &presets_only);
    let set = |lines: &str| {
        let mut chip = chip_preset("ideal").unwrap();
        chip.set("wires", lines, &presets_only).map(|()| chip)
    };
    let copper = set("{resistive = {copper = {width = \"40 nm\"}}}").unwrap();
    let Lines::Resistive(lines) = &copper.wires else { panic!("{:?}", copper.wires) };
    let ohm = 29.7e-9 * 80e-9 / (1.9 * 40e-9 * 40e-9);
    assert!((lines.word_segment_ohm - ohm).abs() < 1e-9 && lines.bit_segment_ohm == lines.word_segment_ohm);
    // What is written is copper, until segments are something else; then they are written, and both read the same.
    let again = |chip: &ChipSpec| {
        let text = chip.to_toml().unwrap();
        (parse_chip(&text, "again.toml", &presets_only).unwrap(), text)
    };
    let (read, text) = again(&copper);
    assert!(read.wires == copper.wires && text.contains("40 nm") && !text.contains("segment"), "{text}");
    let mut wider = copper.clone();
    wider.set("wires.resistive.copper.pitch", "160 nm", &presets_only).unwrap();
    let Lines::Resistive(lines) = &wider.wires else { panic!("{:?}", wider.wires) };
    assert!((lines.word_segment_ohm - 2.0 * ohm).abs() < 1e-9);
    let mut scaled = copper.clone();
    assert!(scaled.scale("wires", 3.0));
    let (read, text) = again(&scaled);
    assert!(text.contains("word_segment") && !text.contains("copper"), "{text}");
    let Lines::Resistive(lines) = &read.wires else { panic!("{:?}", read.wires) };
    assert!((lines.bit_segment_ohm - 3.0 * ohm).abs() < 1e-9);
    for (lines, words) in [
        ("{resistive = {copper = {width = \"41 nm\"}}}", &["41 nm", "40 nm"][..]),
        ("{resistive = {copper = {width = \"40 nm\", pitch = \"20 nm\"}}}", &["pitch", "20 nm"]),
        (
            "{resistive = {copper = {width = \"40 nm\"}, word_segment = \"1 ohm\"}}",
            &["word_segment", "copper"],
        ),
        ("{resistive = {word_segment = \"1 ohm\"}}", &["bit_segment", "copper"]),
    ] {
        let said = by(lines).unwrap_err().to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}
