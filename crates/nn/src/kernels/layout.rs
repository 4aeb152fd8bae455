//! Moving values without computing: transposing, slicing, padding, joining.

use super::nest::{self, Nest};

/// The walk (output, input) that puts input axis `order[i]` at output axis `i`.
pub fn transpose(x: &[usize], order: &[usize], batch: usize) -> Nest<2> {
    let from = nest::dense(x);
    let dims: Vec<usize> = order.iter().map(|&a| x[a]).collect();
    let strides: Vec<usize> = order.iter().map(|&a| from[a]).collect();
    let each = x.iter().product();
    Nest::batched(&dims, [&nest::dense(&dims), &strides], batch, [each, each])
}

/// The walk (output, input) over a range of each axis, and where its first values lie.
pub fn slice(
    x: &[usize],
    start: &[usize],
    out: &[usize],
    step: &[usize],
    batch: usize,
) -> (Nest<2>, [usize; 2]) {
    let from = nest::dense(x);
    let strides: Vec<usize> = from.iter().zip(step).map(|(f, s)| f * s).collect();
    let offset = from.iter().zip(start).map(|(f, s)| f * s).sum::<usize>();
    let sizes = [out.iter().product(), x.iter().product()];
    (Nest::batched(out, [&nest::dense(out), &strides], batch, sizes), [0, offset])
}

/// The walk (output, input) of a value placed into a larger one, and where its first values lie.
pub fn place(x: &[usize], at: &[usize], out: &[usize], batch: usize) -> (Nest<2>, [usize; 2]) {
    let to = nest::dense(out);
    let offset = to.iter().zip(at).map(|(t, a)| t * a).sum::<usize>();
    let sizes = [out.iter().product(), x.iter().product()];
    (Nest::batched(x, [&to, &nest::dense(x)], batch, sizes), [offset, 0])
}
