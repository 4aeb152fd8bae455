//! Programming, drifting and reading 2^21 devices: `cargo bench -p neurohm-device`. One thread unless
//! `RAYON_NUM_THREADS` says more.

use divan::{Bencher, black_box};
use neurohm_device::{CellArray, preset, presets};
use neurohm_num::Key;
use neurohm_num::simd::{Isa, force};

const CELLS: usize = 1 << 21;

fn main() {
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        // One thread is the number that is compared with others'.
        rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build_global()
            .expect("the first pool of this process");
    }
    divan::main();
}

fn array(name: &str) -> (CellArray, Vec<f32>, Vec<f32>) {
    let spec = preset(name).expect("a preset").cell.unwrap();
    let (low, high) = (spec.g_min_s as f32, spec.g_max_s as f32);
    let target = (0..CELLS).map(|i| low + (high - low) * (i % 1000) as f32 / 1000.0).collect();
    let cells = CellArray::new(&spec, CELLS, Key::root(1)).expect("a preset is valid");
    (cells, target, vec![1.0; CELLS])
}

fn cycle(cells: &mut CellArray, target: &[f32], out: &mut [f32]) {
    cells.program(target).expect("targets in range");
    cells.advance(3620.0).expect("a positive time");
    cells.observe_into(out).expect("as many outputs as cells");
}

/// Program, one hour of drift, read.
#[divan::bench(args = presets().iter().map(|p| p.name).filter(|name| preset(name).is_ok_and(|p| p.cell.is_some())), sample_count = 20)]
fn program_drift_read(bencher: Bencher, name: &str) {
    let (mut cells, target, mut out) = array(name);
    cycle(&mut cells, &target, &mut out);
    bencher.bench_local(|| cycle(black_box(&mut cells), black_box(&target), black_box(&mut out)));
}

#[divan::bench(args = Isa::available(), sample_count = 20)]
fn program_drift_read_pcm_on(bencher: Bencher, isa: Isa) {
    force(isa);
    program_drift_read(bencher, "pcm");
}

#[divan::bench(sample_count = 20)]
fn program_pcm(bencher: Bencher) {
    let (mut cells, target, _) = array("pcm");
    bencher.bench_local(|| cells.program(black_box(&target)));
}

#[divan::bench(sample_count = 20)]
fn conductances_pcm(bencher: Bencher) {
    let (mut cells, target, mut out) = array("pcm");
    cycle(&mut cells, &target, &mut out);
    bencher.bench_local(|| black_box(&cells).conductances(black_box(&mut out)));
}
