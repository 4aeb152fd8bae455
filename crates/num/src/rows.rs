//! Borrowed row-major matrices whose rows may be apart, so that NumPy and PyTorch memory fits.

/// A borrowed matrix of `rows` by `cols`; row `r` starts at `data[r * stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T = f32> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    stride: usize,
}

/// A borrowed mutable matrix of `rows` by `cols`; row `r` starts at `data[r * stride]`.
#[derive(Debug)]
pub struct RowsMut<'a, T = f32> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
    stride: usize,
}

/// The buffer is too short for the shape that was claimed, or rows would overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rows} x {cols} values with {stride} from row to row do not fit a buffer of {len}")]
pub struct ShapeError {
    /// Rows asked for.
    pub rows: usize,
    /// Columns asked for.
    pub cols: usize,
    /// Distance from one row to the next.
    pub stride: usize,
    /// Values in the buffer.
    pub len: usize,
}

fn check(len: usize, rows: usize, cols: usize, stride: usize) -> Result<(), ShapeError> {
    let error = ShapeError { rows, cols, stride, len };
    let last = match rows {
        0 => 0,
        n => (n - 1).checked_mul(stride).and_then(|s| s.checked_add(cols)).ok_or(error)?,
    };
    if last > len || (rows > 1 && stride < cols) { Err(error) } else { Ok(()) }
}

impl<'a, T> Rows<'a, T> {
    /// A dense matrix over `data`, which must hold at least `rows * cols` values.
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Result<Self, ShapeError> {
        Self::strided(data, rows, cols, cols)
    }

    /// A matrix whose rows are `stride` values apart.
    pub fn strided(data: &'a [T], rows: usize, cols: usize, stride: usize) -> Result<Self, ShapeError> {
        check(data.len(), rows, cols, stride)?;
        Ok(Self { data, rows, cols, stride })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }
    /// Values from one row's start to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }
    /// The values of row `r`.
    pub fn row(&self, r: usize) -> &'a [T] {
        &self.data[r * self.stride..r * self.stride + self.cols]
    }
    /// The underlying buffer, from the first row's start.
    pub fn data(&self) -> &'a [T] {
        self.data
    }
    /// Rows `first .. first + count`.
    pub fn slice(&self, first: usize, count: usize) -> Rows<'a, T> {
        assert!(first + count <= self.rows, "rows {first}..{} of {}", first + count, self.rows);
        let data = if count == 0 { &self.data[..0] } else { &self.data[first * self.stride..] };
        Rows { data, rows: count, cols: self.cols, stride: self.stride }
    }
    /// Columns `first .. first + count` of every row.
    pub fn columns(&self, first: usize, count: usize) -> Rows<'a, T> {
        assert!(first + count <= self.cols, "columns {first}..{} of {}", first + count, self.cols);
        let data = if self.rows == 0 { self.data } else { &self.data[first..] };
        Rows { data, rows: self.rows, cols: count, stride: self.stride }
    }
}

impl<'a, T> RowsMut<'a, T> {
    /// A dense matrix over `data`, which must hold at least `rows * cols` values.
    pub fn new(data: &'a mut [T], rows: usize, cols: usize) -> Result<Self, ShapeError> {
        Self::strided(data, rows, cols, cols)
    }

    /// A matrix whose rows are `stride` values apart.
    pub fn strided(data: &'a mut [T], rows: usize, cols: usize, stride: usize) -> Result<Self, ShapeError> {
        check(data.len(), rows, cols, stride)?;
        Ok(Self { data, rows, cols, stride })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }
    /// Values from one row's start to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }
    /// The values of row `r`.
    pub fn row(&self, r: usize) -> &[T] {
        &self.data[r * self.stride..r * self.stride + self.cols]
    }
    /// The values of row `r`, to write.
    pub fn row_mut(&mut self, r: usize) -> &mut [T] {
        &mut self.data[r * self.stride..r * self.stride + self.cols]
    }
    /// The underlying buffer, from the first row's start.
    pub fn data_mut(&mut self) -> &mut [T] {
        self.data
    }
    /// The same matrix, read only.
    pub fn view(&self) -> Rows<'_, T> {
        Rows { data: self.data, rows: self.rows, cols: self.cols, stride: self.stride }
    }
    /// The same matrix, borrowed for a shorter time.
    pub fn reborrow(&mut self) -> RowsMut<'_, T> {
        RowsMut { data: self.data, rows: self.rows, cols: self.cols, stride: self.stride }
    }
    /// Splits into rows `..at` and `at..`, for threads that each own a part.
    pub fn split_at(self, at: usize) -> (RowsMut<'a, T>, RowsMut<'a, T>) {
        assert!(at <= self.rows, "row {at} of {}", self.rows);
        let cut = if at == self.rows { self.data.len() } else { at * self.stride };
        let (a, b) = self.data.split_at_mut(cut);
        (
            RowsMut { data: a, rows: at, cols: self.cols, stride: self.stride },
            RowsMut { data: b, rows: self.rows - at, cols: self.cols, stride: self.stride },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_views_show_their_part_of_the_buffer() {
        let data: Vec<i32> = (0..12).collect();
        let m = Rows::strided(&data, 3, 2, 4).unwrap();
        assert_eq!((m.row(0), m.row(2)), (&[0, 1][..], &[8, 9][..]));
        assert_eq!(m.slice(1, 2).row(1), &[8, 9]);
        assert_eq!(m.columns(1, 1).row(1), &[5]);
        assert!(Rows::strided(&data, 4, 2, 4).is_err());
        assert!(Rows::strided(&data, 3, 4, 2).is_err());
        assert!(Rows::<i32>::strided(&data, usize::MAX, 2, usize::MAX).is_err());
    }

    #[test]
    fn splitting_keeps_every_row_once() {
        let mut data: Vec<i32> = (0..12).collect();
        let (mut a, b) = RowsMut::new(&mut data, 4, 3).unwrap().split_at(1);
        a.row_mut(0)[2] = 99;
        assert_eq!((a.rows(), b.rows(), b.row(2)), (1, 3, &[9, 10, 11][..]));
        assert_eq!(data[2], 99);
    }
}
