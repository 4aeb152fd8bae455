//! Pulses on 2^20 cells: `cargo bench -p neurohm-device --bench pulses`. One thread unless `RAYON_NUM_THREADS` says
//! more; the time of one cell is a 2^20th of the time shown.

use divan::{Bencher, black_box};
use neurohm_device::{CellArray, CellPulse, preset, presets};
use neurohm_num::Key;

const CELLS: usize = 1 << 20;

fn main() {
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build_global()
            .expect("the first pool of this process");
    }
    divan::main();
}

fn array(name: &str) -> CellArray {
    let spec = preset(name).expect("a preset").cell.expect("statistics");
    let mut cells = CellArray::new(&spec, CELLS, Key::root(1)).expect("a preset is valid");
    cells.reset().expect("a device that is pulsed");
    cells
}

fn pulsed() -> impl Iterator<Item = &'static str> {
    let is_pulsed = |name: &&str| preset(name).is_ok_and(|d| d.cell.is_some_and(|c| c.pulse.is_some()));
    presets().iter().map(|p| p.name).filter(is_pulsed)
}

/// One pulse on every cell at one instant.
#[divan::bench(args = pulsed(), sample_count = 20)]
fn every_cell(bencher: Bencher, name: &str) {
    let mut cells = array(name);
    bencher.bench_local(|| black_box(&mut cells).pulse_all(0, 1));
}

/// The same where cells took different numbers of pulses before.
#[divan::bench(args = ["pcm_accumulate", "reram_es"], sample_count = 10)]
fn every_cell_of_mixed_history(bencher: Bencher, name: &str) {
    let mut cells = array(name);
    let ops: Vec<_> =
        (0..CELLS as u32).step_by(3).map(|cell| CellPulse { cell, stimulus: 0, count: 1 }).collect();
    cells.pulse(&ops).expect("cells of the array");
    bencher.bench_local(|| black_box(&mut cells).pulse_all(0, 1));
}

/// One pulse on every tenth cell, up and down in turn.
#[divan::bench(args = ["pcm_accumulate", "ecram"], sample_count = 10)]
fn every_tenth_cell(bencher: Bencher, name: &str) {
    let mut cells = array(name);
    let op = |cell: u32| CellPulse { cell, stimulus: (cell / 10 % 2) as u16, count: 1 };
    let ops: Vec<_> = (0..CELLS as u32).step_by(10).map(op).collect();
    bencher.bench_local(|| black_box(&mut cells).pulse(black_box(&ops)));
}
