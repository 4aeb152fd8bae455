//! Values known while reading: weights, and the arithmetic on shapes in which the batch is a symbol.

use std::cmp::Ordering;

use super::error::{Step, refuse};

/// A whole number, `fixed + batch * N` for a batch of N samples (N at least 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Int {
    pub fixed: i64,
    pub batch: i64,
}

impl Int {
    pub const fn new(fixed: i64) -> Self {
        Self { fixed, batch: 0 }
    }

    /// `count` times the batch.
    pub const fn batches(count: i64) -> Self {
        Self { fixed: 0, batch: count }
    }

    /// The number, where it does not hang on the batch.
    pub fn known(self) -> Step<i64> {
        if self.batch == 0 {
            Ok(self.fixed)
        } else {
            refuse!("needs the number {self}, which hangs on the batch")
        }
    }

    /// Applies one of the checked operations of `i64` where both parts allow it.
    pub fn add(self, b: Self) -> Option<Self> {
        Some(Self { fixed: self.fixed.checked_add(b.fixed)?, batch: self.batch.checked_add(b.batch)? })
    }

    pub fn sub(self, b: Self) -> Option<Self> {
        Some(Self { fixed: self.fixed.checked_sub(b.fixed)?, batch: self.batch.checked_sub(b.batch)? })
    }

    pub fn mul(self, b: Self) -> Option<Self> {
        if self.batch != 0 && b.batch != 0 {
            return None;
        }
        let cross = self.fixed.checked_mul(b.batch)?.checked_add(self.batch.checked_mul(b.fixed)?)?;
        Some(Self { fixed: self.fixed.checked_mul(b.fixed)?, batch: cross })
    }

    /// Quotient, where it is the same whole expression for every batch; truncates like ONNX integers do.
    pub fn div(self, b: Self) -> Option<Self> {
        match (self.batch, b.batch) {
            (0, 0) => self.fixed.checked_div(b.fixed).map(Self::new),
            (n, 0) if n.checked_rem(b.fixed)? == 0 && self.fixed % b.fixed == 0 => {
                Some(Self { fixed: self.fixed.checked_div(b.fixed)?, batch: n.checked_div(b.fixed)? })
            }
            (n, d) if self.fixed == 0 && b.fixed == 0 && n.checked_rem(d)? == 0 => {
                n.checked_div(d).map(Self::new)
            }
            _ => None,
        }
    }

    /// Order, where it is the same for every batch of at least one.
    pub fn compare(self, b: Self) -> Option<Ordering> {
        let d = self.sub(b)?;
        let at_one = d.fixed.checked_add(d.batch)?;
        match d.batch.signum() {
            0 => Some(d.fixed.cmp(&0)),
            1 if at_one > 0 => Some(Ordering::Greater),
            -1 if at_one < 0 => Some(Ordering::Less),
            _ => None,
        }
    }
}

impl std::fmt::Display for Int {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.fixed, self.batch) {
            (fixed, 0) => write!(f, "{fixed}"),
            (0, 1) => write!(f, "batch"),
            (0, n) => write!(f, "{n} x batch"),
            (fixed, n) => write!(f, "{n} x batch + {fixed}"),
        }
    }
}

/// The elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Float(Vec<f32>),
    Int(Vec<Int>),
    Bool(Vec<bool>),
}

impl Data {
    pub fn len(&self) -> usize {
        match self {
            Data::Float(v) => v.len(),
            Data::Int(v) => v.len(),
            Data::Bool(v) => v.len(),
        }
    }

    /// The elements at `index`, all of which must exist.
    pub fn select(&self, index: impl Iterator<Item = usize>) -> Self {
        match self {
            Data::Float(v) => Data::Float(index.map(|i| v[i]).collect()),
            Data::Int(v) => Data::Int(index.map(|i| v[i]).collect()),
            Data::Bool(v) => Data::Bool(index.map(|i| v[i]).collect()),
        }
    }
}

/// A tensor that is known while reading.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub shape: Vec<usize>,
    pub data: Data,
    /// This axis has length 1 here and stands for the batch: every sample holds the same.
    pub batch: Option<usize>,
}

impl Constant {
    pub fn new(shape: Vec<usize>, data: Data) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), data.len());
        Self { shape, data, batch: None }
    }

    pub fn vector(ints: Vec<Int>) -> Self {
        Self::new(vec![ints.len()], Data::Int(ints))
    }

    pub fn scalar(int: Int) -> Self {
        Self::new(Vec::new(), Data::Int(vec![int]))
    }

    /// Its elements as floats; whole numbers that hang on the batch are refused.
    pub fn floats(&self) -> Step<Vec<f32>> {
        match &self.data {
            Data::Float(v) => Ok(v.clone()),
            Data::Int(v) => v.iter().map(|i| Ok(i.known()? as f32)).collect(),
            Data::Bool(v) => Ok(v.iter().map(|&b| f32::from(u8::from(b))).collect()),
        }
    }

    /// Its elements as whole numbers in which the batch may stand.
    pub fn ints(&self) -> Step<&[Int]> {
        match &self.data {
            Data::Int(v) => Ok(v),
            _ => refuse!("expects whole numbers, got floats"),
        }
    }

    /// Its elements as plain whole numbers.
    pub fn known_ints(&self) -> Step<Vec<i64>> {
        self.ints()?.iter().map(|i| i.known()).collect()
    }

    /// The only element as a float.
    pub fn float(&self) -> Step<f32> {
        match self.floats()?[..] {
            [x] => Ok(x),
            ref v => refuse!("expects one number, got {}", v.len()),
        }
    }

    /// The value of every element, if all are the same.
    pub fn uniform(&self) -> Option<f32> {
        let values = self.floats().ok()?;
        let first = *values.first()?;
        values.iter().all(|v| v.to_bits() == first.to_bits()).then_some(first)
    }
}

/// Most axes of any tensor.
pub(super) const MAX_RANK: usize = 32;

/// How many elements may still be made while reading: constants that unfold without end are an attack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(pub usize);

impl Budget {
    /// Takes the elements of a shape.
    pub fn take(&mut self, shape: &[usize]) -> Step<usize> {
        if shape.len() > MAX_RANK {
            refuse!("a constant of {} axes", shape.len());
        }
        let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        match count.filter(|&n| n <= self.0) {
            Some(n) => {
                self.0 -= n;
                Ok(n)
            }
            None => refuse!("a constant of shape {shape:?} unfolds beyond what the file's size explains"),
        }
    }
}

/// Distance between neighbours along each axis of a row-major tensor.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut out = vec![1; shape.len()];
    for i in (0..shape.len().saturating_sub(1)).rev() {
        out[i] = out[i + 1] * shape[i + 1].max(1);
    }
    out
}

/// Positions in memory, in row-major order over `shape`, of elements `stride` apart from `offset` on.
pub(super) fn walk(shape: &[usize], stride: &[isize], offset: isize) -> impl Iterator<Item = usize> + use<> {
    let count: usize = shape.iter().product();
    let (shape, stride) = (shape.to_vec(), stride.to_vec());
    let mut index = vec![0usize; shape.len()];
    let mut at = offset;
    (0..count).map(move |_| {
        let here = at as usize;
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += stride[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= stride[axis] * shape[axis] as isize;
            index[axis] = 0;
        }
        here
    })
}

/// Positions in a tensor of shape `from` of the elements of its transpose with `order`.
pub(super) fn transposed(
    from: &[usize],
    order: &[usize],
) -> (Vec<usize>, impl Iterator<Item = usize> + use<>) {
    let stride = strides(from);
    let shape: Vec<usize> = order.iter().map(|&a| from[a]).collect();
    let by: Vec<isize> = order.iter().map(|&a| stride[a] as isize).collect();
    let positions = walk(&shape, &by, 0);
    (shape, positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_goes_through_shape_arithmetic() {
        let n = Int::batches(1);
        let c = Int::new;
        assert_eq!(n.mul(c(64)).and_then(|x| x.mul(c(8))), Some(Int::batches(512)));
        assert_eq!(Int::batches(512).div(c(64)), Some(Int::batches(8)));
        assert_eq!(Int::batches(512).div(n), Some(c(512)));
        assert_eq!(Int::batches(5).div(c(2)), None);
        assert_eq!(n.mul(n), None);
        assert_eq!(n.div(c(0)), None);
        assert_eq!(c(-7).div(c(2)), Some(c(-3)));
        assert_eq!(c(i64::MIN).div(c(-1)), None);
        assert_eq!(c(i64::MAX).add(c(1)), None);
        assert_eq!(n.compare(c(-1)), Some(Ordering::Greater));
        assert_eq!(n.compare(c(0)), Some(Ordering::Greater));
        assert_eq!(n.compare(c(1)), None);
        assert_eq!(c(0).compare(n), Some(Ordering::Less));
    }

    #[test]
    fn transposes_walk_memory_by_stride() {
        let (shape, at) = transposed(&[2, 3], &[1, 0]);
        assert_eq!((shape, at.collect::<Vec<_>>()), (vec![3, 2], vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(walk(&[2, 2], &[-1, 0], 1).collect::<Vec<_>>(), [1, 1, 0, 0]);
        assert_eq!(walk(&[], &[], 7).collect::<Vec<_>>(), [7]);
        assert_eq!(walk(&[0, 3], &[3, 1], 0).count(), 0);
    }
}
