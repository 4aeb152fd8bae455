//! Dense kernels of the elimination: products, a Cholesky factor and solves with it, on the `gemm` crate.
//!
//! Large work is cut in fixed places and the parts may run on other threads; where it is cut depends on sizes alone, and
//! every element is computed by one part, so the number of threads changes no bit.

use std::marker::PhantomData;

/// Columns of a Cholesky panel, and the size of the diagonal blocks that are inverted.
const PANEL: usize = 32;
const BASE: usize = 64;

/// Distance of a diagonal block's columns while it is factored: one row more than it has, aligned.
const STRIDE: usize = PANEL + 8;

/// Multiply-adds that are worth a task of their own.
const TASK: usize = 1 << 21;

/// Rows and columns of a product that are not cut further: long sums over smaller tiles would fetch their factors from memory
/// faster than shared caches give them.
const TILE: usize = 256;

/// A borrowed matrix; element `(i, j)` lies `i * down + j * right` values behind the first.
#[derive(Clone, Copy)]
pub(super) struct Mat<'a> {
    at: *const f64,
    rows: usize,
    columns: usize,
    down: usize,
    right: usize,
    life: PhantomData<&'a f64>,
}

/// A borrowed matrix to write, whose columns are contiguous and lie `right` values apart.
pub(super) struct MatMut<'a> {
    at: *mut f64,
    rows: usize,
    columns: usize,
    right: usize,
    life: PhantomData<&'a mut f64>,
}

// SAFETY: a `Mat` is a shared borrow of numbers.
unsafe impl Send for Mat<'_> {}
// SAFETY: as above.
unsafe impl Sync for Mat<'_> {}
// SAFETY: a `MatMut` is the only borrow of its elements; splitting gives parts without a common element.
unsafe impl Send for MatMut<'_> {}

/// Values that a matrix of this shape spans.
fn span(rows: usize, columns: usize, right: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (columns - 1) * right + rows }
}

impl<'a> Mat<'a> {
    /// `rows` by `columns` values of `data`, columns contiguous and `right` values apart.
    ///
    /// # Panics
    /// If `data` is too short.
    pub(super) fn new(data: &'a [f64], rows: usize, columns: usize, right: usize) -> Self {
        assert!(data.len() >= span(rows, columns, right), "a matrix of {rows} x {columns} by {right}");
        Self { at: data.as_ptr(), rows, columns, down: 1, right, life: PhantomData }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Column `j` of a matrix with contiguous columns.
    pub(super) fn column(&self, j: usize) -> &'a [f64] {
        assert!(j < self.columns && self.down == 1, "column {j} of {}", self.columns);
        // SAFETY: the column lies within the borrowed values.
        unsafe { std::slice::from_raw_parts(self.at.add(j * self.right), self.rows) }
    }

    /// Its transpose.
    pub(super) fn t(self) -> Self {
        Self { rows: self.columns, columns: self.rows, down: self.right, right: self.down, ..self }
    }

    /// Rows `first .. first + count`.
    pub(super) fn rows_at(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.rows, "rows {first} and {count} of {}", self.rows);
        self.from(first, 0, count, self.columns)
    }

    /// Columns `first .. first + count`.
    pub(super) fn columns_at(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.columns, "columns {first} and {count} of {}", self.columns);
        self.from(0, first, self.rows, count)
    }

    fn from(self, row: usize, column: usize, rows: usize, columns: usize) -> Self {
        // A part without elements may start one behind the last: it stays where it is.
        let by = if rows == 0 || columns == 0 { 0 } else { row * self.down + column * self.right };
        // SAFETY: the element is one of the matrix, which the caller checked.
        Self { at: unsafe { self.at.add(by) }, rows, columns, ..self }
    }
}

impl<'a> MatMut<'a> {
    /// `rows` by `columns` values of `data`, columns `right` values apart.
    ///
    /// # Panics
    /// If `data` is too short, or columns overlap.
    pub(super) fn new(data: &'a mut [f64], rows: usize, columns: usize, right: usize) -> Self {
        assert!(
            data.len() >= span(rows, columns, right) && rows <= right.max(rows * usize::from(columns < 2))
        );
        Self { at: data.as_mut_ptr(), rows, columns, right, life: PhantomData }
    }

    /// The same matrix, borrowed for a shorter time.
    pub(super) fn reborrow(&mut self) -> MatMut<'_> {
        MatMut { at: self.at, rows: self.rows, columns: self.columns, right: self.right, life: PhantomData }
    }

    /// The same matrix, to read.
    pub(super) fn view(&self) -> Mat<'_> {
        let Self { at, rows, columns, right, .. } = *self;
        Mat { at, rows, columns, down: 1, right, life: PhantomData }
    }

    /// Column `j`.
    pub(super) fn column(&mut self, j: usize) -> &mut [f64] {
        assert!(j < self.columns, "column {j} of {}", self.columns);
        // SAFETY: the column lies within the borrowed values and is borrowed together with the matrix.
        unsafe { std::slice::from_raw_parts_mut(self.at.add(j * self.right), self.rows) }
    }

    /// Rows `..at` and rows `at..`.
    pub(super) fn split_rows(self, at: usize) -> (Self, Self) {
        assert!(at <= self.rows, "row {at} of {}", self.rows);
        let Self { rows, columns, right, .. } = self;
        let by = if at == rows { 0 } else { at };
        // SAFETY: `by` is a row of the matrix; the parts share no element.
        let below = unsafe { self.at.add(by) };
        (
            Self { at: self.at, rows: at, columns, right, life: PhantomData },
            Self { at: below, rows: rows - at, columns, right, life: PhantomData },
        )
    }

    /// Columns `..at` and columns `at..`.
    pub(super) fn split_columns(self, at: usize) -> (Self, Self) {
        assert!(at <= self.columns, "column {at} of {}", self.columns);
        let Self { rows, columns, right, .. } = self;
        let by = if at == columns || rows == 0 { 0 } else { at * right };
        // SAFETY: `by` is the start of a column; the parts share no element.
        let behind = unsafe { self.at.add(by) };
        (
            Self { at: self.at, rows, columns: at, right, life: PhantomData },
            Self { at: behind, rows, columns: columns - at, right, life: PhantomData },
        )
    }
}

/// What a product does with what is there.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum To {
    /// Replaces it.
    Replace,
    /// Adds to it.
    Add,
    /// Subtracts from it.
    Less,
}

/// `c = a b`, or `c -= a b`, on this thread.
fn multiply_here(to: To, a: Mat, b: Mat, c: MatMut) {
    assert_eq!((a.rows, a.columns, b.columns), (c.rows, b.rows, c.columns), "shapes of c = a b");
    if c.rows == 0 || c.columns == 0 {
        return;
    }
    let (before, by) = match to {
        To::Replace => (0.0, 1.0),
        To::Add => (1.0, 1.0),
        To::Less => (1.0, -1.0),
    };
    let apart = |d: usize| d as isize;
    // SAFETY: pointers and distances come from borrowed matrices of these shapes, and `c` overlaps neither of the others.
    unsafe {
        gemm::gemm(
            c.rows,
            c.columns,
            a.columns,
            c.at,
            apart(c.right),
            1,
            to != To::Replace,
            a.at,
            apart(a.right),
            apart(a.down),
            b.at,
            apart(b.right),
            apart(b.down),
            before,
            by,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// `c = a b`, or `c -= a b`.
pub(super) fn multiply(to: To, a: Mat, b: Mat, c: MatMut) {
    let (m, n, work) = (c.rows, c.columns, c.rows * c.columns * a.columns);
    if work < 2 * TASK || m.max(n) <= TILE {
        return multiply_here(to, a, b, c);
    }
    if m >= n {
        let h = (m / 2).next_multiple_of(32);
        let (top, bottom) = c.split_rows(h);
        rayon::join(
            || multiply(to, a.rows_at(0, h), b, top),
            || multiply(to, a.rows_at(h, m - h), b, bottom),
        );
    } else {
        let h = (n / 2).next_multiple_of(32);
        let (left, right) = c.split_columns(h);
        rayon::join(
            || multiply(to, a, b.columns_at(0, h), left),
            || multiply(to, a, b.columns_at(h, n - h), right),
        );
    }
}

/// `c -= x x^T` of the lower triangle of `c`; what lies above is left undefined.
pub(super) fn less_square(x: Mat, c: MatMut) {
    let n = c.rows;
    if n <= BASE {
        return multiply_here(To::Less, x, x.t(), c);
    }
    let h = (n / 2).next_multiple_of(32);
    let (left, right) = c.split_columns(h);
    let ((upper, below), (_, lower)) = (left.split_rows(h), right.split_rows(h));
    let (a, b) = (x.rows_at(0, h), x.rows_at(h, n - h));
    if n * n * x.columns < 4 * TASK {
        less_square(a, upper);
        multiply_here(To::Less, b, a.t(), below);
        less_square(b, lower);
    } else {
        rayon::join(
            || rayon::join(|| less_square(a, upper), || less_square(b, lower)),
            || multiply(To::Less, b, a.t(), below),
        );
    }
}

/// Numbers that [`cholesky`] needs beside a matrix of `n` rows for the inverses of its diagonal blocks.
pub(super) fn inverses(n: usize) -> usize {
    n.div_ceil(PANEL) * PANEL * PANEL
}

/// The Cholesky factor of a symmetric matrix of a circuit, in place: off its diagonal no element is positive, and a node's
/// row, with what it passes to nodes outside, sums to zero. `m` has one row and column more than the matrix: the last row
/// holds the sums to the outside, negative like all other elements. Only the lower triangle is read, and of that not even the
/// diagonal: pivots are sums of what is left in their column, so that nothing cancels whatever the conductances are
/// (Grassmann, Taksar, Heyman, 1985). What lies above the diagonal is left undefined, the last row and column too.
///
/// Halves, not panels: most of the work is in products of large matrices. For the first half the second one is outside.
///
/// `inverse` receives the inverses of the diagonal blocks, [`inverses`] numbers. `spare` holds at least as many numbers as a
/// panel, the number of rows times 32.
///
/// # Errors
/// The row whose pivot is not a positive number.
pub(super) fn cholesky(mut m: MatMut, inverse: &mut [f64], spare: &mut [f64]) -> Result<(), usize> {
    let n = m.rows - 1;
    if n <= PANEL {
        return factor_panel(m, inverse);
    }
    let h = (n / 2).next_multiple_of(PANEL);
    let (first, second) = inverse.split_at_mut(h * PANEL);
    {
        // The sums to the outside take the place of the second half's first row meanwhile.
        let (stash, spare) = spare.split_at_mut(h);
        for (j, stash) in stash.iter_mut().enumerate() {
            let below = &mut m.column(j)[h..];
            let sum = below.iter().sum();
            *stash = std::mem::replace(&mut below[0], sum);
        }
        let (whole, _) = m.reborrow().split_rows(h + 1);
        let (whole, _) = whole.split_columns(h + 1);
        cholesky(whole, first, spare)?;
        for (j, stash) in stash.iter().enumerate() {
            m.column(j)[h] = *stash;
        }
    }
    let (left, right) = m.split_columns(h);
    let ((top, mut below), (_, mut corner)) = (left.split_rows(h), right.split_rows(h));
    Factor { l: top.view(), inverse: first }.right_solve(below.reborrow(), spare);
    less_square(below.view(), corner.reborrow());
    cholesky(corner, second, spare).map_err(|row| h + row)
}

/// [`cholesky`] of a matrix of at most [`PANEL`] rows, and one more.
fn factor_panel(mut m: MatMut, inverse: &mut [f64]) -> Result<(), usize> {
    let n = m.rows - 1;
    let mut block = [0.0; PANEL * STRIDE];
    for (j, copy) in block.chunks_exact_mut(STRIDE).enumerate().take(n) {
        copy[..=n].copy_from_slice(m.column(j));
    }
    let good = factor_block(&mut block, inverse, n);
    if good < n {
        return Err(good);
    }
    for (j, copy) in block.chunks_exact(STRIDE).enumerate().take(n) {
        m.column(j)[..n].copy_from_slice(&copy[..n]);
    }
    Ok(())
}

/// `x = x l^-T` for a diagonal block `l` whose inverse is known.
fn right_solve_block(inverse: &[f64], width: usize, mut x: MatMut, spare: &mut [f64]) {
    let rows = x.rows;
    let copy = &mut spare[..rows * width];
    for (j, copy) in copy.chunks_exact_mut(rows.max(1)).enumerate() {
        copy.copy_from_slice(x.column(j));
    }
    let inverse = Mat::new(inverse, width, width, PANEL);
    multiply_here(To::Replace, Mat::new(copy, rows, width, rows), inverse.t(), x);
}

neurohm_num::dispatch! {
    /// Factor of a block of `n` columns that are [`STRIDE`] apart, in place, and its inverse, zero above. Row `n` holds what
    /// its nodes pass to all others. Returns the first row whose pivot is not a positive number, or `n`.
    fn factor_block(a: &mut [f64], inverse: &mut [f64], n: usize) -> usize {
        for j in 0..n {
            let (left, right) = a.split_at_mut((j + 1) * STRIDE);
            let left = &mut left[j * STRIDE..][..n + 1];
            let mut pivot = 0.0;
            for v in &left[j + 1..] {
                pivot -= v;
            }
            if !(pivot > 0.0 && pivot < f64::INFINITY) {
                return j;
            }
            let root = pivot.sqrt();
            left[j] = root;
            let by = 1.0 / root;
            for v in &mut left[j + 1..] {
                *v *= by;
            }
            for k in j + 1..n {
                let factor = left[k];
                let column = &mut right[(k - j - 1) * STRIDE..][..n + 1];
                for (c, l) in column[k..].iter_mut().zip(&left[k..]) {
                    *c -= factor * l;
                }
            }
        }
        for c in 0..n {
            let inverse = &mut inverse[c * PANEL..][..n];
            inverse.fill(0.0);
            inverse[c] = 1.0;
            for j in c..n {
                let column = &a[j * STRIDE..][..n];
                let x = inverse[j] / column[j];
                inverse[j] = x;
                for (v, l) in inverse[j + 1..].iter_mut().zip(&column[j + 1..]) {
                    *v -= x * l;
                }
            }
        }
        n
    }
}

/// A factor of [`cholesky`].
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    pub l: Mat<'a>,
    pub inverse: &'a [f64],
}

impl Factor<'_> {
    fn block(&self, number: usize, width: usize) -> Mat<'_> {
        Mat::new(&self.inverse[number * PANEL * PANEL..], width, width, PANEL)
    }

    /// `x = x l^-T`: every row of `x` is solved for. `spare` holds at least 32 numbers for each row.
    pub(super) fn right_solve(&self, x: MatMut, spare: &mut [f64]) {
        let (rows, s) = (x.rows, self.l.rows);
        if rows > TILE / 2 && rows * s * s >= 2 * TASK {
            let h = (rows / 2).next_multiple_of(32);
            let (top, bottom) = x.split_rows(h);
            let (spare_top, spare_bottom) = spare.split_at_mut(h * PANEL);
            rayon::join(|| self.right_solve(top, spare_top), || self.right_solve(bottom, spare_bottom));
            return;
        }
        if s <= PANEL {
            return right_solve_block(self.inverse, s, x, spare);
        }
        let h = (s / 2).next_multiple_of(PANEL);
        let (mut left, mut right) = x.split_columns(h);
        Factor { l: self.l.from(0, 0, h, h), inverse: self.inverse }.right_solve(left.reborrow(), spare);
        multiply_here(To::Less, left.view(), self.l.from(h, 0, s - h, h).t(), right.reborrow());
        let inverse = &self.inverse[h * PANEL..];
        Factor { l: self.l.from(h, h, s - h, s - h), inverse }.right_solve(right, spare);
    }

    /// `y = l^-T y` for every column of `y`: the second half of a solve. `spare` holds at least 32 numbers for each column.
    pub(super) fn back_solve(&self, mut y: MatMut, spare: &mut [f64]) {
        let (s, columns) = (self.l.rows, y.columns);
        let mut end = s;
        for first in (0..s).step_by(PANEL).rev() {
            let width = end - first;
            let (rest, mut block) = y.split_rows(first);
            // Only rows of this block: what was solved behind it has been subtracted already.
            let (mut here, _) = block.reborrow().split_rows(width);
            let copy = &mut spare[..width * columns];
            for (j, copy) in copy.chunks_exact_mut(width).enumerate() {
                copy.copy_from_slice(here.column(j));
            }
            let inverse = self.block(first / PANEL, width).t();
            multiply_here(To::Replace, inverse, Mat::new(copy, width, columns, width), here.reborrow());
            let mut above = rest;
            let upper = self.l.from(first, 0, width, first).t();
            multiply_here(To::Less, upper, here.view(), above.reborrow());
            y = above;
            end = first;
        }
    }
}
