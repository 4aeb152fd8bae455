//! Functions of two values with broadcasting.

use super::nest::{self, Nest};
use crate::graph::Binary;
use neurohm_num::simd::math::pow;

/// The walk (result, left, right) over a batch; the right one is the same for all samples unless `batched`.
pub fn walk([out, a, b]: [&[usize]; 3], batch: usize, batched: bool) -> Nest<3> {
    let strides = [nest::dense(out), nest::broadcasting(a, out), nest::broadcasting(b, out)];
    let [so, sa, sb] = [out, a, b].map(|s| s.iter().product());
    Nest::batched(out, [&strides[0], &strides[1], &strides[2]], batch, [so, sa, if batched { sb } else { 0 }])
}

impl Nest<3> {
    /// With left and right exchanged.
    pub fn swapped(&self) -> Self {
        self.map(|[o, a, b]| [o, b, a])
    }
}

/// Applies `how` along a nest of (result, left, right).
pub fn apply(how: Binary, nest: &Nest<3>, out: &mut [f32], a: &[f32], b: &[f32]) {
    nest.rows(|[o, i, j], len, [so, si, sj]| match (so, si, sj) {
        (1, 1, 1) => row(how, &mut out[o..o + len], &a[i..i + len], &b[j..j + len]),
        (1, 1, 0) => right(how, &mut out[o..o + len], &a[i..i + len], b[j]),
        _ => (0..len).for_each(|k| out[o + k * so] = scalar(how, a[i + k * si], b[j + k * sj])),
    });
}

/// The walk (result, condition, chosen, other) over a batch.
pub fn choice([out, c, a, b]: [&[usize]; 4], batch: usize) -> Nest<4> {
    let strides = [
        nest::dense(out),
        nest::broadcasting(c, out),
        nest::broadcasting(a, out),
        nest::broadcasting(b, out),
    ];
    let sizes = [out, c, a, b].map(|s| s.iter().product());
    Nest::batched(out, [&strides[0], &strides[1], &strides[2], &strides[3]], batch, sizes)
}

/// `a` where `c` is not zero, `b` elsewhere.
pub fn choose(nest: &Nest<4>, out: &mut [f32], c: &[f32], a: &[f32], b: &[f32]) {
    nest.rows(|[o, h, i, j], len, [so, sh, si, sj]| {
        for k in 0..len {
            out[o + k * so] = if c[h + k * sh] != 0.0 { a[i + k * si] } else { b[j + k * sj] };
        }
    });
}

/// `a` becomes `how(a, b)`, or `how(b, a)` where `swapped`, for values of equal shape.
pub fn in_place(how: Binary, a: &mut [f32], b: &[f32], swapped: bool) {
    if swapped { assign_right(how, b, a) } else { assign_left(how, a, b) }
}

/// x^y for every sign: negative bases have real powers at whole exponents alone.
#[inline(always)]
fn power(x: f32, y: f32) -> f32 {
    if y == 2.0 {
        return x * x;
    }
    let magnitude = pow(x.abs(), y);
    let half = y * 0.5;
    let odd = y == y.floor() && half != half.floor();
    let value = if odd { -magnitude } else { magnitude };
    let value = if y == y.floor() { value } else { f32::NAN };
    if x < 0.0 { value } else { magnitude }
}

#[inline(always)]
fn scalar(how: Binary, a: f32, b: f32) -> f32 {
    match how {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => power(a, b),
        Binary::Equal => f32::from(u8::from(a == b)),
        Binary::Greater => f32::from(u8::from(a > b)),
        Binary::NotLess => f32::from(u8::from(a >= b)),
        // Not-a-number on either side stays.
        Binary::Min => {
            if a < b || a.is_nan() {
                a
            } else {
                b
            }
        }
        Binary::Max => {
            if a > b || a.is_nan() {
                a
            } else {
                b
            }
        }
    }
}

/// Expands `$body` once per kind with `$f` bound to that kind's function, so that its loop is compiled for it.
macro_rules! by_kind {
    ($how:expr, $f:ident => $body:expr) => {
        by_kind!(@arms $how, $f, $body, Add Sub Mul Div Pow Min Max Equal Greater NotLess)
    };
    (@arms $how:expr, $f:ident, $body:expr, $($kind:ident)*) => {
        match $how {
            $(Binary::$kind => {
                let $f = |a: f32, b: f32| scalar(Binary::$kind, a, b);
                $body
            })*
        }
    };
}

neurohm_num::dispatch! {
    fn row(how: Binary, out: &mut [f32], a: &[f32], b: &[f32]) {
        by_kind!(how, f => out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = f(*a, *b)))
    }
    fn right(how: Binary, out: &mut [f32], a: &[f32], b: f32) {
        by_kind!(how, f => out.iter_mut().zip(a).for_each(|(o, a)| *o = f(*a, b)))
    }
    fn assign_left(how: Binary, a: &mut [f32], b: &[f32]) {
        by_kind!(how, f => a.iter_mut().zip(b).for_each(|(a, b)| *a = f(*a, *b)))
    }
    fn assign_right(how: Binary, a: &[f32], b: &mut [f32]) {
        by_kind!(how, f => b.iter_mut().zip(a).for_each(|(b, a)| *b = f(*a, *b)))
    }
}
