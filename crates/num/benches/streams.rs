//! Random numbers and elementary functions per value and instruction set: `cargo bench -p neurohm-num`.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use neurohm_num::simd::{Isa, force, math};
use neurohm_num::{Key, Purpose, Stream};

const VALUES: usize = 4096;

fn main() {
    divan::main();
}

fn bench(bencher: Bencher, isa: Isa, work: impl Fn(&Stream, &mut [f32]) + Sync) {
    force(isa);
    let stream = Key::root(1).stream(Purpose::OutputNoise, 0);
    let mut out = vec![0.5; VALUES];
    bencher.counter(ItemsCount::new(VALUES)).bench_local(|| work(black_box(&stream), black_box(&mut out)));
}

#[divan::bench(args = Isa::available())]
fn normal(bencher: Bencher, isa: Isa) {
    bench(bencher, isa, |s, out| s.fill_normal(0, out));
}

/// Rows of ten, as the last layer of a classifier asks for them.
#[divan::bench(args = Isa::available())]
fn normal_rows_of_10(bencher: Bencher, isa: Isa) {
    bench(bencher, isa, |s, out| {
        for (i, row) in out.chunks_mut(10).enumerate() {
            s.fill_normal(10 * i as u64, row);
        }
    });
}

#[divan::bench(args = Isa::available())]
fn uniform(bencher: Bencher, isa: Isa) {
    bench(bencher, isa, |s, out| s.fill_uniform(0, out));
}

#[divan::bench(args = Isa::available())]
fn lognormal(bencher: Bencher, isa: Isa) {
    bench(bencher, isa, |s, out| s.fill_lognormal(0, 0.0, 0.1, out));
}

#[divan::bench(args = Isa::available())]
fn exp(bencher: Bencher, isa: Isa) {
    bench(bencher, isa, |_, out| {
        out.fill(0.5);
        math::exp_in_place(out);
    });
}

#[divan::bench(args = Isa::available())]
fn ln(bencher: Bencher, isa: Isa) {
    bench(bencher, isa, |_, out| {
        out.fill(0.5);
        math::ln_in_place(out);
    });
}

#[divan::bench(args = Isa::available())]
fn pow(bencher: Bencher, isa: Isa) {
    bench(bencher, isa, |_, out| {
        out.fill(0.5);
        math::pow_in_place(out, 0.65);
    });
}
