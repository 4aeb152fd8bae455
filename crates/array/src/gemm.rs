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
    m == 1 || n == 1 || count <= 2 || dot || isa() == Isa::Portable
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

/// Outputs that are summed side by side in the reference.
const WIDE: usize = 16;

/// The safe reference: the same sums in the same order as [`fast`].
fn chain(first: usize, count: usize, x: View, w: View, y: &mut RowsMut, beta: f32) {
    let (m, n) = (y.rows(), y.cols());
    if n < WIDE && m > n {
        // Few outputs: sum many samples side by side instead.
        for i in (0..m).step_by(WIDE) {
            let lanes = WIDE.min(m - i);
            for j in 0..n {
                let sums = chains(first, count, w, j, x.transposed(), i, lanes);
                for (lane, &sum) in sums[..lanes].iter().enumerate() {
                    let out = &mut y.row_mut(i + lane)[j];
                    *out = close(sum, *out, beta);
                }
            }
        }
        return;
    }
    for i in 0..m {
        for j in (0..n).step_by(WIDE) {
            let lanes = WIDE.min(n - j);
            let sums = chains(first, count, x.transposed(), i, w, j, lanes);
            for (out, &sum) in y.row_mut(i)[j..j + lanes].iter_mut().zip(&sums) {
                *out = close(sum, *out, beta);
            }
        }
    }
}

/// Block sums of column `i` of `a` with columns `j .. j + lanes` of `b` over rows
/// `first .. first + count`.
#[inline(always)]
fn chains(first: usize, count: usize, a: View, i: usize, b: View, j: usize, lanes: usize) -> [f32; WIDE] {
    let mut sums = [0.0; WIDE];
    for k in first..first + count {
        let factor = a.at(k, i);
        if lanes == WIDE && b.column == 1 {
            let start = k * b.row + j;
            for (sum, &value) in sums.iter_mut().zip(&b.data[start..start + WIDE]) {
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
