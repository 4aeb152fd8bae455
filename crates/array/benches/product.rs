//! The analog product beside the bare matrix product in one run. `RAYON_NUM_THREADS=1 cargo bench -p neurohm-array`
//! gives the one-thread numbers.

use divan::{Bencher, black_box, counter::ItemsCount};
use neurohm_array::{AnalogMatrix, ChipSpec, chip_preset, gemm, presets_only};
use neurohm_num::{Key, Purpose, Rows, RowsMut};

fn main() {
    divan::main();
}

fn normals(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Key::root(seed).stream(Purpose::Data, 0).fill_normal(0, &mut values);
    values
}

/// What an image of 32 x 32 with 16 channels becomes under a 3 x 3 convolution to 16 channels.
const PATCHES: (usize, usize, usize) = (1024, 144, 16);
const SQUARE: (usize, usize, usize) = (512, 512, 512);

fn chip(settings: &[(&str, &str)]) -> ChipSpec {
    let mut chip = chip_preset("peer").expect("a preset");
    for (path, value) in [("drift_compensation", "none")].iter().chain(settings) {
        chip.set(path, value, &presets_only).expect("a setting");
    }
    chip
}

fn bare(bencher: Bencher, (samples, inputs, outputs): (usize, usize, usize)) {
    let (x, w) = (normals(1, samples * inputs), normals(2, inputs * outputs));
    let mut y = vec![0.0; samples * outputs];
    bencher.counter(ItemsCount::new(samples)).bench_local(|| {
        let x = Rows::new(black_box(&x), samples, inputs).expect("x");
        let w = Rows::new(black_box(&w), inputs, outputs).expect("w");
        gemm(x, w, &mut RowsMut::new(&mut y, samples, outputs).expect("y"), 0.0);
    });
}

fn analog(bencher: Bencher, chip: ChipSpec, (samples, inputs, outputs): (usize, usize, usize)) {
    let (x, w) = (normals(1, samples * inputs), normals(2, inputs * outputs));
    let weights = Rows::new(&w, inputs, outputs).expect("w");
    let mut matrix = AnalogMatrix::program(weights, &chip, Key::root(3)).expect("a matrix");
    matrix.advance(3600.0).expect("time");
    matrix.read().expect("cells");
    let mut y = vec![0.0; samples * outputs];
    bencher.counter(ItemsCount::new(samples)).bench_local(|| {
        let x = Rows::new(black_box(&x), samples, inputs).expect("x");
        matrix.forward(x, &mut RowsMut::new(&mut y, samples, outputs).expect("y"), 0).expect("a product")
    });
}

#[divan::bench(sample_count = 200)]
fn square_bare_gemm(bencher: Bencher) {
    bare(bencher, SQUARE);
}

#[divan::bench(sample_count = 200)]
fn square_converters_only(bencher: Bencher) {
    analog(bencher, chip(&[("output_noise", "0"), ("adc.uniform.overflow", "clip")]), SQUARE);
}

#[divan::bench(sample_count = 200)]
fn square_peer_default(bencher: Bencher) {
    analog(bencher, chip(&[]), SQUARE);
}

#[divan::bench(sample_count = 200)]
fn square_with_read_noise(bencher: Bencher) {
    analog(bencher, chip(&[("read.noise.split.window", "1 ms")]), SQUARE);
}

/// Noise drawn for every sample and wires of 1 ohm a segment, whose effective matrix was solved at the read.
#[divan::bench(sample_count = 200)]
fn square_with_read_noise_and_wires(bencher: Bencher) {
    let wires = "{resistive = {word_segment = \"1 ohm\", bit_segment = \"1 ohm\"}}";
    analog(bencher, chip(&[("read.noise.split.window", "1 ms"), ("wires", wires)]), SQUARE);
}

#[divan::bench(sample_count = 1000)]
fn convolution_bare_gemm(bencher: Bencher) {
    bare(bencher, PATCHES);
}

#[divan::bench(sample_count = 1000)]
fn convolution_peer_default(bencher: Bencher) {
    analog(bencher, chip(&[]), PATCHES);
}

/// 1024 x 1024 pairs on one crossbar: programmed, an hour later read into weights; no compensation reads.
#[divan::bench(sample_count = 50)]
fn program_drift_read_2_21_devices(bencher: Bencher) {
    let chip = chip(&[("tile.rows", "1024"), ("tile.columns", "1024")]);
    let w = normals(4, 1024 * 1024);
    bencher.bench_local(|| {
        let weights = Rows::new(&w, 1024, 1024).expect("w");
        let mut matrix = AnalogMatrix::program(weights, &chip, Key::root(5)).expect("a matrix");
        matrix.advance(3600.0).expect("time");
        matrix.read().expect("cells");
        matrix
    });
}

/// A read of two planes of 256 x 256 devices behind lines of 1 ohm a segment: effective matrices computed anew, or followed from those
/// of an hour before.
#[divan::bench(args = ["0.0", "0.01"], sample_count = 30)]
fn read_behind_lines(bencher: Bencher, tolerance: &str) {
    let n = 256;
    let mut chip = chip_preset("default").expect("a preset");
    let lines = format!(
        "{{resistive = {{word_segment = \"1 ohm\", bit_segment = \"1 ohm\", tolerance = {tolerance}}}}}"
    );
    chip.set("wires", &lines, &presets_only).expect("lines");
    let w = normals(2, n * n);
    let mut matrix =
        AnalogMatrix::program(Rows::new(&w, n, n).expect("w"), &chip, Key::root(3)).expect("a matrix");
    matrix.read().expect("cells");
    matrix.advance(3600.0).expect("time");
    bencher.bench_local(|| matrix.read().expect("cells"));
}
