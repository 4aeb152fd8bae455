//! Reductions over axes, and softmax.

use super::nest::{self, Nest};
use super::{norm, scratch};
use crate::graph::Reduce;
use neurohm_num::simd::math::{exp, ln};

/// The walk (output, input) in which reduced axes stay in place on the output's side.
pub fn walk(x: &[usize], axes: &[usize], batch: usize) -> Nest<2> {
    let kept: Vec<usize> = (0..x.len()).map(|i| if axes.contains(&i) { 1 } else { x[i] }).collect();
    let to = nest::broadcasting(&kept, x);
    let sizes = [kept.iter().product(), x.iter().product()];
    Nest::batched(x, [&to, &nest::dense(x)], batch, sizes)
}

/// Reduces along a [`walk`]; `count` values become one.
pub fn apply(how: Reduce, walk: &Nest<2>, x: &[f32], out: &mut [f32], count: usize) {
    match how {
        Reduce::Sum | Reduce::Mean => {
            out.fill(0.0);
            nest::add(walk, [0, 0], out, x);
            if how == Reduce::Mean {
                norm::scale(out, 1.0 / count as f32);
            }
        }
        Reduce::Max => {
            out.fill(f32::NEG_INFINITY);
            extreme(walk, out, x, |x, best| x > best);
        }
        Reduce::Min => {
            out.fill(f32::INFINITY);
            extreme(walk, out, x, |x, best| x < best);
        }
    }
}

fn extreme(walk: &Nest<2>, out: &mut [f32], x: &[f32], better: impl Fn(f32, f32) -> bool) {
    walk.rows(|[o, i], len, [so, si]| {
        for k in 0..len {
            let (out, x) = (&mut out[o + k * so], x[i + k * si]);
            if better(x, *out) || x.is_nan() {
                *out = x;
            }
        }
    });
}

/// Softmax, or its logarithm, along the middle axis of `[outer, length, inner]`.
pub fn softmax(x: &mut [f32], length: usize, inner: usize, log: bool) {
    along(x, length, inner, |row| softmax_row(row, log));
}

/// Turns the gradient `d` of a softmax's (or its logarithm's) results `y` into that of its arguments.
pub fn softmax_backward(y: &[f32], d: &mut [f32], length: usize, inner: usize, log: bool) {
    if inner == 1 {
        d.chunks_exact_mut(length)
            .zip(y.chunks_exact(length))
            .for_each(|(d, y)| softmax_row_backward(y, d, log));
        return;
    }
    for (d, y) in d.chunks_exact_mut(length * inner).zip(y.chunks_exact(length * inner)) {
        scratch::with(2 * length, |rows| {
            let (row_d, row_y) = rows.split_at_mut(length);
            for i in 0..inner {
                (0..length).for_each(|k| (row_d[k], row_y[k]) = (d[k * inner + i], y[k * inner + i]));
                softmax_row_backward(row_y, row_d, log);
                (0..length).for_each(|k| d[k * inner + i] = row_d[k]);
            }
        });
    }
}

fn along(x: &mut [f32], length: usize, inner: usize, each: impl Fn(&mut [f32])) {
    if inner == 1 {
        x.chunks_exact_mut(length).for_each(each);
        return;
    }
    for x in x.chunks_exact_mut(length * inner) {
        scratch::with(length, |row| {
            for i in 0..inner {
                (0..length).for_each(|k| row[k] = x[k * inner + i]);
                each(row);
                (0..length).for_each(|k| x[k * inner + i] = row[k]);
            }
        });
    }
}

neurohm_num::dispatch! {
    /// Softmax of one row, or its logarithm, with the largest value taken out first.
    pub fn softmax_row(x: &mut [f32], log: bool) {
        let top = x.iter().fold(f32::NEG_INFINITY, |t, &v| if v > t { v } else { t });
        if log {
            let sum: f32 = x.iter().map(|&v| exp(v - top)).sum();
            let shift = top + ln(sum);
            x.iter_mut().for_each(|v| *v -= shift);
        } else {
            x.iter_mut().for_each(|v| *v = exp(*v - top));
            let sum: f32 = x.iter().sum();
            x.iter_mut().for_each(|v| *v /= sum);
        }
    }

    fn softmax_row_backward(y: &[f32], d: &mut [f32], log: bool) {
        if log {
            let sum: f32 = d.iter().sum();
            d.iter_mut().zip(y).for_each(|(d, y)| *d -= exp(*y) * sum);
        } else {
            let dot: f32 = d.iter().zip(y).map(|(d, y)| d * y).sum();
            d.iter_mut().zip(y).for_each(|(d, y)| *d = y * (*d - dot));
        }
    }
}
