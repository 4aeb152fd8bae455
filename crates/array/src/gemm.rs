//! The one dense matrix product of the project, on the `gemm` crate.
//!
//! Every output is a defined number: the inner dimension is cut into equal blocks of at most
//! [`BLOCK`] terms, each block is a chain of fused multiply-adds in ascending order from zero, and
//! the block sums are added in order. So a row's bits do not depend on how many rows come with it,
//! on the number of threads, nor on the instruction set, as long as it has a fused multiply-add.
//! The shapes for which the crate would take another path (one row, one column, dot products) run
//! through [`chain`], the safe reference that the fast path is tested against bit for bit; so does
//! everything where num's instruction set is `Portable`.
//!
//! Serial on purpose: two halves of a batch with a private serial product each are as fast as a
//! parallel product and keep small ones cheap.

use gemm::Parallelism;
use neurohm_num::simd::{Isa, isa};
use neurohm_num::{Rows, RowsMut};

/// Longest chain of multiply-adds before a partial sum is closed. The crate's own blocking never
/// cuts a shorter one, on any cache size.
pub const BLOCK: usize = 512;

/// A matrix element `(i, j)` lies at `i * row + j * column`.
#[derive(Clone, Copy)]
struct View<'a> {
    data: &'a [f32],
    row: usize,
    column: usize,
}

impl<'a> View<'a> {
    fn new(rows: Rows<'a>) -> Self {
        Self { data: rows.data(), row: rows.stride(), column: 1 }
    }

    fn transposed(self) -> Self {
        Self { data: self.data, row: self.column, column: self.row }
    }

    fn at(&self, i: usize, j: usize) -> f32 {
        self.data[i * self.row + j * self.column]
    }
}

/// `y = x w + beta y`: `x` is samples x inputs, `w` inputs x outputs, `y` samples x outputs.
/// `beta = 0` overwrites `y`, whatever it holds.
///
/// # Panics
/// If the shapes disagree.
pub fn gemm(x: Rows, w: Rows, y: &mut RowsMut, beta: f32) {
    assert_eq!((x.rows(), x.cols(), w.cols()), (y.rows(), w.rows(), y.cols()), "shapes of y = x w");
    multiply(x.cols(), View::new(x), View::new(w), y, beta);
}

/// `y = x w^T + beta y`: `x` is samples x outputs, `w` inputs x outputs, `y` samples x inputs.
///
/// # Panics
/// If the shapes disagree.
pub fn gemm_wt(x: Rows, w: Rows, y: &mut RowsMut, beta: f32) {
    assert_eq!((x.rows(), x.cols(), w.rows()), (y.rows(), w.cols(), y.cols()), "shapes of y = x w^T");
    multiply(x.cols(), View::new(x), View::new(w).transposed(), y, beta);
}

/// `y = x^T d + beta y`: `x` is samples x inputs, `d` samples x outputs, `y` inputs x outputs.
///
/// # Panics
/// If the shapes disagree.
pub fn gemm_xt(x: Rows, d: Rows, y: &mut RowsMut, beta: f32) {
    assert_eq!((x.cols(), x.rows(), d.cols()), (y.rows(), d.rows(), y.cols()), "shapes of y = x^T d");
    multiply(x.rows(), View::new(x).transposed(), View::new(d), y, beta);
}

fn multiply(inner: usize, x: View, w: View, y: &mut RowsMut, beta: f32) {
    if y.rows() == 0 || y.cols() == 0 {
        return;
    }
    let blocks = inner.div_ceil(BLOCK).max(1);
    let length = inner.div_ceil(blocks);
    for block in 0..blocks {
        let first = (block * length).min(inner);
        let count = length.min(inner - first);
        let beta = if block == 0 { beta } else { 1.0 };
        if takes_other_path(count, x, w, y) {
            chain(first, count, x, w, y, beta);
        } else {
            fast(first, count, x, w, y, beta);
        }
    }
}

/// Whether the crate would sum this block in another order than one chain.
fn takes_other_path(count: usize, x: View, w: View, y: &RowsMut) -> bool {
    let (m, n) = (y.rows(), y.cols());
    let dot = w.row == 1 && x.column == 1 && m * n <= 256;
    m == 1 || n == 1 || count <= 2 || dot || !has_fma()
}

/// Whether the instruction set in use multiplies and adds with one rounding.
fn has_fma() -> bool {
    match isa() {
        Isa::Portable => false,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => is_x86_feature_detected!("fma"),
        _ => true,
    }
}

fn fast(first: usize, count: usize, x: View, w: View, y: &mut RowsMut, beta: f32) {
    let (m, n, stride) = (y.rows(), y.cols(), y.stride());
    let x_tail = &x.data[first * x.column..];
    let w_tail = &w.data[first * w.row..];
    let (last_x, last_w) =
        ((m - 1) * x.row + (count - 1) * x.column, (count - 1) * w.row + (n - 1) * w.column);
    assert!(last_x < x_tail.len() && last_w < w_tail.len(), "a view reaches past its buffer");
    let out = y.data_mut();
    assert!((m - 1) * stride + n <= out.len(), "a view reaches past its buffer");
    // SAFETY: all three matrices lie inside their slices: the last element of each was just
    // checked, strides are not negative, and `out` is borrowed mutably, so nothing aliases it.
    unsafe {
        gemm::gemm(
            m,
            n,
            count,
            out.as_mut_ptr(),
            1,
            stride as isize,
            beta != 0.0,
            x_tail.as_ptr(),
            x.column as isize,
            x.row as isize,
            w_tail.as_ptr(),
            w.column as isize,
            w.row as isize,
            beta,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Sums one block of terms with the safe reference, compiled for what the machine has; portably, each fused
/// multiply-add is a call, slow but with the same bits.
fn chain(first: usize, count: usize, x: View, w: View, y: &mut RowsMut, beta: f32) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl")]
        fn avx512(first: usize, count: usize, x: View, w: View, y: &mut RowsMut, beta: f32) {
            chain_here(first, count, x, w, y, beta);
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2(first: usize, count: usize, x: View, w: View, y: &mut RowsMut, beta: f32) {
            chain_here(first, count, x, w, y, beta);
        }
        match isa() {
            // SAFETY: `isa` names only instruction sets that were detected on this machine.
            Isa::Avx512 => return unsafe { avx512(first, count, x, w, y, beta) },
            // SAFETY: as above, and `has_fma` was detected too.
            Isa::Avx2 if has_fma() => return unsafe { avx2(first, count, x, w, y, beta) },
            _ => {}
        }
    }
    chain_here(first, count, x, w, y, beta);
}

/// The safe reference: the same sums in the same order as [`fast`].
#[inline(always)]
fn chain_here(first: usize, count: usize, x: View, w: View, y: &mut RowsMut, beta: f32) {
    let (m, n) = (y.rows(), y.cols());
    if n < NARROW && m > n {
        // Few outputs: sum many samples side by side instead.
        for i in (0..m).step_by(NARROW) {
            let lanes = NARROW.min(m - i);
            for j in 0..n {
                let sums = sums::<NARROW>(first, count, w, j, x.transposed(), i, lanes);
                for (lane, &sum) in sums[..lanes].iter().enumerate() {
                    let out = &mut y.row_mut(i + lane)[j];
                    *out = close(sum, *out, beta);
                }
            }
        }
        return;
    }
    for i in 0..m {
        let out = y.row_mut(i);
        let mut j = 0;
        while j + WIDE <= n {
            let sums = sums::<WIDE>(first, count, x.transposed(), i, w, j, WIDE);
            out[j..j + WIDE].iter_mut().zip(&sums).for_each(|(out, &sum)| *out = close(sum, *out, beta));
            j += WIDE;
        }
        while j < n {
            let lanes = NARROW.min(n - j);
            let sums = sums::<NARROW>(first, count, x.transposed(), i, w, j, lanes);
            out[j..j + lanes].iter_mut().zip(&sums).for_each(|(out, &sum)| *out = close(sum, *out, beta));
            j += lanes;
        }
    }
}

/// Outputs that are summed side by side.
const WIDE: usize = 128;
const NARROW: usize = 16;

/// Sums over rows `first .. first + count` of column `i` of `a` times columns `j .. j + lanes` of `b`.
#[inline(always)]
fn sums<const W: usize>(
    first: usize,
    count: usize,
    a: View,
    i: usize,
    b: View,
    j: usize,
    lanes: usize,
) -> [f32; W] {
    let mut sums = [0.0; W];
    for k in first..first + count {
        let factor = a.at(k, i);
        if lanes == W && b.column == 1 {
            let start = k * b.row + j;
            for (sum, &value) in sums.iter_mut().zip(&b.data[start..start + W]) {
                *sum = factor.mul_add(value, *sum);
            }
        } else {
            for (lane, sum) in sums[..lanes].iter_mut().enumerate() {
                *sum = factor.mul_add(b.at(k, j + lane), *sum);
            }
        }
    }
    sums
}

#[inline(always)]
fn close(sum: f32, out: f32, beta: f32) -> f32 {
    if beta == 0.0 { sum } else { sum + beta * out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_num::simd::force;
    use neurohm_num::{Key, Purpose};

    fn normals(seed: u64, len: usize) -> Vec<f32> {
        let mut values = vec![0.0; len];
        Key::root(seed).stream(Purpose::Data, 0).fill_normal(0, &mut values);
        values
    }

    fn matrix(data: &[f32], rows: usize, cols: usize) -> Rows<'_> {
        Rows::new(data, rows, cols).unwrap()
    }

    /// The definition, written as plainly as it can be.
    fn defined(
        x: &dyn Fn(usize, usize) -> f32,
        w: &dyn Fn(usize, usize) -> f32,
        k: usize,
        i: usize,
        j: usize,
        start: Option<f32>,
    ) -> f32 {
        let blocks = k.div_ceil(BLOCK).max(1);
        let length = k.div_ceil(blocks);
        let mut total = start;
        for b in 0..blocks {
            let sum = (b * length..((b + 1) * length).min(k)).fold(0.0, |s, t| x(i, t).mul_add(w(t, j), s));
            total = Some(total.map_or(sum, |total| sum + total));
        }
        total.unwrap()
    }

    const SHAPES: [(usize, usize, usize); 16] = [
        (1, 1, 1),
        (1, 7, 5),
        (5, 7, 1),
        (1, 600, 300),
        (2, 3, 2),
        (3, 2, 40),
        (17, 33, 16),
        (64, 513, 20),
        (65, 512, 65),
        (40, 1025, 33),
        (4, 1, 9),
        (9, 100, 3),
        (300, 70, 1),
        (2, 64, 100),
        (7, 1537, 7),
        (130, 20, 130),
    ];

    #[test]
    fn every_shape_and_form_has_the_defined_bits() {
        for (m, k, n) in SHAPES {
            let (x, w, before) = (normals(1, m * k), normals(2, k * n), normals(3, m * n));
            let (xt, wt): (Vec<f32>, Vec<f32>) = (
                (0..k * m).map(|e| x[e % m * k + e / m]).collect(),
                (0..n * k).map(|e| w[e % k * n + e / k]).collect(),
            );
            let (at_x, at_w) = (|i: usize, t: usize| x[i * k + t], |t: usize, j: usize| w[t * n + j]);
            for beta in [0.0, 1.0] {
                let start = |e: usize| (beta == 1.0).then(|| before[e]);
                let expected: Vec<u32> =
                    (0..m * n).map(|e| defined(&at_x, &at_w, k, e / n, e % n, start(e)).to_bits()).collect();
                let run = |form: &dyn Fn(&mut RowsMut)| {
                    let mut y = before.clone();
                    form(&mut RowsMut::new(&mut y, m, n).unwrap());
                    y.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
                };
                // Other tests may run meanwhile: the instruction set changes no result, as this one shows.
                for isa in Isa::available() {
                    assert!(force(isa));
                    let found = run(&|y| gemm(matrix(&x, m, k), matrix(&w, k, n), y, beta));
                    assert!(found == expected, "{m} {k} {n} {isa:?}");
                }
                assert!(
                    run(&|y| gemm_wt(matrix(&x, m, k), matrix(&wt, n, k), y, beta)) == expected,
                    "wt {m} {k} {n}"
                );
                assert!(
                    run(&|y| gemm_xt(matrix(&xt, k, m), matrix(&w, k, n), y, beta)) == expected,
                    "xt {m} {k} {n}"
                );
            }
        }
    }

    #[test]
    fn strides_and_overwriting_are_kept_apart() {
        let (m, k, n) = (5, 20, 18);
        let (x, w) = (normals(1, m * 30), normals(2, k * 40));
        let (xs, ws) = (Rows::strided(&x, m, k, 30).unwrap(), Rows::strided(&w, k, n, 40).unwrap());
        let mut y = vec![f32::NAN; m * 25];
        gemm(xs, ws, &mut RowsMut::strided(&mut y, m, n, 25).unwrap(), 0.0);
        for i in 0..m {
            assert!(y[i * 25..][..n].iter().all(|v| v.is_finite()), "beta = 0 must not read what was there");
            assert!(
                i == m - 1 || y[i * 25 + n..(i + 1) * 25].iter().all(|v| v.is_nan()),
                "gaps between rows stay"
            );
        }
    }

    #[test]
    fn an_empty_sum_is_zero() {
        let mut y = [1.0; 6];
        gemm(matrix(&[], 2, 0), matrix(&[], 0, 3), &mut RowsMut::new(&mut y, 2, 3).unwrap(), 0.0);
        assert_eq!(y, [0.0; 6]);
    }
}
