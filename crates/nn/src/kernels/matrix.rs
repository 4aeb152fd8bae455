//! Matrix products.

use neurohm_num::{Rows, RowsMut};

pub fn gemm(x: Rows, w: Rows, y: &mut RowsMut, beta: f32) {
    strided(x, (x.stride(), 1), w, (w.stride(), 1), [x.rows(), x.cols(), w.cols()], y, beta);
}
pub fn gemm_wt(d: Rows, w: Rows, y: &mut RowsMut, beta: f32) {
    strided(d, (d.stride(), 1), w, (1, w.stride()), [d.rows(), d.cols(), w.rows()], y, beta);
}
pub fn gemm_xt(x: Rows, d: Rows, y: &mut RowsMut, beta: f32) {
    strided(x, (1, x.stride()), d, (d.stride(), 1), [x.cols(), x.rows(), d.cols()], y, beta);
}
fn strided(a: Rows, (a_row, a_col): (usize, usize), b: Rows, (b_row, b_col): (usize, usize), [m, k, n]: [usize; 3], y: &mut RowsMut, beta: f32) {
    assert_eq!((y.rows(), y.cols()), (m, n), "product of {m} x {k} and {k} x {n}");
    if m == 0 || n == 0 {
        return;
    }
    let stride = y.stride() as isize;
    // SAFETY: every element addressed lies in its buffer.
    unsafe {
        gemm::gemm(m, n, k, y.data_mut().as_mut_ptr(), 1, stride, beta != 0.0, a.data().as_ptr(), a_col as isize, a_row as isize, b.data().as_ptr(), b_col as isize, b_row as isize, beta, 1.0, false, false, false, gemm::Parallelism::None);
    }
}
