//! Nested loops over several arrays with strides of their own: broadcasting, transposing, slicing and
//! reducing are all the same walk.

use super::norm;

/// Loops over `dims`, outermost first, that move `N` operands.
#[derive(Clone, Debug)]
pub struct Nest<const N: usize> {
    dims: Vec<usize>,
    strides: Vec<[usize; N]>,
}

/// Strides of a dense row-major array.
pub fn dense(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// Strides of `shape` as it broadcasts to `out`, aligned at the last axis: 0 where it repeats.
pub fn broadcasting(shape: &[usize], out: &[usize]) -> Vec<usize> {
    let skip = out.len() - shape.len();
    let own = dense(shape);
    (0..out.len()).map(|i| if i < skip || shape[i - skip] == 1 { 0 } else { own[i - skip] }).collect()
}

impl<const N: usize> Nest<N> {
    /// Axes of length 1 go and neighbours that every operand walks as one become one.
    pub fn new(dims: &[usize], strides: [&[usize]; N]) -> Self {
        let mut nest = Nest { dims: Vec::new(), strides: Vec::new() };
        for (i, &dim) in dims.iter().enumerate() {
            let own: [usize; N] = std::array::from_fn(|k| strides[k][i]);
            if dim == 1 {
                continue;
            }
            match (nest.dims.last_mut(), nest.strides.last_mut()) {
                (Some(outer), Some(last)) if (0..N).all(|k| last[k] == own[k] * dim) => {
                    *outer *= dim;
                    *last = own;
                }
                _ => {
                    nest.dims.push(dim);
                    nest.strides.push(own);
                }
            }
        }
        if nest.dims.is_empty() {
            nest.dims.push(1);
            nest.strides.push([1; N]);
        }
        nest
    }

    /// The same nest inside a batch of `count`, operand `k` advancing by `strides[k]` from sample to sample.
    pub fn batched(dims: &[usize], strides: [&[usize]; N], count: usize, batch: [usize; N]) -> Self {
        let all: Vec<usize> = std::iter::once(count).chain(dims.iter().copied()).collect();
        let with = |k: usize| -> Vec<usize> {
            std::iter::once(batch[k]).chain(strides[k].iter().copied()).collect()
        };
        let owned: [Vec<usize>; N] = std::array::from_fn(with);
        Self::new(&all, std::array::from_fn(|k| owned[k].as_slice()))
    }

    /// The same walk with its operands rearranged.
    pub fn map<const M: usize>(&self, pick: impl Fn([usize; N]) -> [usize; M]) -> Nest<M> {
        Nest { dims: self.dims.clone(), strides: self.strides.iter().map(|&s| pick(s)).collect() }
    }

    /// Calls `row(offsets, length, strides)` for every innermost loop, in order.
    pub fn rows(&self, mut row: impl FnMut([usize; N], usize, [usize; N])) {
        if self.dims.contains(&0) {
            return;
        }
        let inner = self.dims.len() - 1;
        let mut index = vec![0; inner];
        let mut at = [0; N];
        loop {
            row(at, self.dims[inner], self.strides[inner]);
            let mut axis = inner;
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                index[axis] += 1;
                (0..N).for_each(|k| at[k] += self.strides[axis][k]);
                if index[axis] < self.dims[axis] {
                    break;
                }
                (0..N).for_each(|k| at[k] -= self.strides[axis][k] * self.dims[axis]);
                index[axis] = 0;
            }
        }
    }
}

/// Copies along a nest of (destination, source), whose first values lie at `first`.
pub fn copy(nest: &Nest<2>, first: [usize; 2], out: &mut [f32], x: &[f32]) {
    nest.rows(|[o, i], len, [so, si]| {
        let (o, i) = (o + first[0], i + first[1]);
        match (so, si) {
            (1, 1) => out[o..o + len].copy_from_slice(&x[i..i + len]),
            _ => (0..len).for_each(|k| out[o + k * so] = x[i + k * si]),
        }
    });
}

/// Adds along a nest of (destination, source), whose first values lie at `first`.
pub fn add(nest: &Nest<2>, first: [usize; 2], out: &mut [f32], x: &[f32]) {
    nest.rows(|[o, i], len, [so, si]| {
        let (o, i) = (o + first[0], i + first[1]);
        match (so, si) {
            (1, 1) => norm::add(&mut out[o..o + len], &x[i..i + len]),
            // A sum into one place: in double precision, so that long axes keep their digits.
            (0, _) => out[o] = (0..len).fold(f64::from(out[o]), |s, k| s + f64::from(x[i + k * si])) as f32,
            _ => (0..len).for_each(|k| out[o + k * so] += x[i + k * si]),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_collapse_and_every_index_is_visited_once() {
        let shape = [2, 3, 1, 4];
        assert_eq!(Nest::new(&shape, [&dense(&shape), &dense(&shape)]).dims, [24]);
        // Transposing axes 0 and 1 of [2, 3, 4] against a naive triple loop.
        let x: Vec<f32> = (0..24).map(|v| v as f32).collect();
        let mut y = vec![0.0; 24];
        copy(&Nest::new(&[3, 2, 4], [&dense(&[3, 2, 4]), &[4, 12, 1]]), [0, 0], &mut y, &x);
        for (i, j, k) in (0..3).flat_map(|i| (0..2).flat_map(move |j| (0..4).map(move |k| (i, j, k)))) {
            assert_eq!(y[i * 8 + j * 4 + k], x[j * 12 + i * 4 + k]);
        }
        let mut none = Vec::new();
        copy(&Nest::new(&[0, 4], [&[4, 1], &[4, 1]]), [0, 0], &mut none, &[]);
        let mut one = [0.0];
        copy(&Nest::new(&[], [&[], &[]]), [0, 0], &mut one, &[7.0]);
        assert_eq!(one, [7.0]);
    }
}
