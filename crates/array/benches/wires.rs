//! Crossbars as circuits: the effective matrix, the way back to all nodes, non-linear cells. One thread unless `RAYON_NUM_THREADS`
//! says otherwise. Conductances are uniform from 10 uS to 1 mS and segments have 1 ohm, where wires dominate.

use divan::{Bencher, black_box};
use neurohm_array::wires::{CellLaw, Conduction, LinearCrossbar, NonlinearCrossbar, Wires, Workspace};
use neurohm_num::{Key, Purpose, Rows, Unwatched};

fn main() {
    // Set before any thread is: one core is what the numbers are quoted for.
    let threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    // A pool that exists already keeps its size, which only happens under another harness.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    divan::main();
}

fn uniform(count: usize, low: f64, high: f64, key: u64) -> Vec<f64> {
    let stream = Key::root(key).stream(Purpose::Data, 0);
    (0..count).map(|i| low + (high - low) * f64::from(stream.uniform(i as u64))).collect()
}

fn cells(n: usize) -> Vec<f64> {
    uniform(n * n, 1e-5, 1e-3, n as u64)
}

#[divan::bench(args = [8, 16, 32, 64, 128, 256, 512, 1024])]
fn effective(bencher: Bencher, n: usize) {
    let (g, workspace) = (cells(n), Workspace::default());
    let crossbar = LinearCrossbar::new(Rows::new(&g, n, n).unwrap(), Wires::new(1.0, 1.0)).unwrap();
    bencher.bench_local(|| black_box(crossbar.effective(&workspace, &Unwatched).unwrap()));
}

#[divan::bench(args = [64, 128, 256, 512])]
fn one_vector_with_all_nodes(bencher: Bencher, n: usize) {
    let (g, v, workspace) = (cells(n), uniform(n, 0.0, 0.3, 7), Workspace::default());
    let crossbar = LinearCrossbar::new(Rows::new(&g, n, n).unwrap(), Wires::new(1.0, 1.0)).unwrap();
    bencher.bench_local(|| {
        let eliminated = crossbar.eliminate(&workspace, &Unwatched).unwrap();
        black_box(eliminated.solve(Rows::new(&v, 1, n).unwrap()).unwrap())
    });
}

/// The same by conjugate gradients.
#[divan::bench(args = [64, 128, 256, 512, 1024])]
fn one_vector_iterated(bencher: Bencher, n: usize) {
    let (g, v) = (cells(n), uniform(n, 0.0, 0.3, 7));
    let crossbar = LinearCrossbar::new(Rows::new(&g, n, n).unwrap(), Wires::new(1.0, 1.0)).unwrap();
    bencher.bench_local(|| black_box(crossbar.iterate(Rows::new(&v, 1, n).unwrap(), &Unwatched).unwrap()));
}

/// `I = G sinh(3 V) / 3`; of 16 vectors the later ones start from the one before.
#[divan::bench(args = [1, 16])]
fn sinh_128(bencher: Bencher, inputs: usize) {
    let n = 128;
    let (g, v, workspace) = (cells(n), uniform(inputs * n, 0.0, 0.3, 7), Workspace::default());
    let law = CellLaw::passive(Conduction::Sinh { per_v: 3.0 });
    let crossbar = NonlinearCrossbar::new(Rows::new(&g, n, n).unwrap(), Wires::new(1.0, 1.0), law).unwrap();
    bencher.bench_local(|| {
        black_box(crossbar.solve(Rows::new(&v, inputs, n).unwrap(), &workspace, &Unwatched).unwrap())
    });
}
