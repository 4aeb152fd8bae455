//! The mean step of each law in units of weight, once for single precision in lanes and once for double precision.

use std::ops::{Add, Div, Mul, Neg, Sub};

use neurohm_num::simd::math;

/// What the formulas need of a number.
pub(crate) trait Real:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    fn of(value: f64) -> Self;
    fn exp(self) -> Self;
    fn pow(self, exponent: Self) -> Self;
    /// The whole part of a number that is not negative.
    fn whole(self) -> usize;
    fn from_whole(value: usize) -> Self;
    fn at_least(self, low: Self) -> Self;
    fn at_most(self, high: Self) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn exp(self) -> Self {
        math::exp(self)
    }
    #[inline(always)]
    fn pow(self, exponent: Self) -> Self {
        math::pow(self, exponent)
    }
    #[inline(always)]
    fn whole(self) -> usize {
        self as usize
    }
    #[inline(always)]
    fn from_whole(value: usize) -> Self {
        value as f32
    }
    #[inline(always)]
    fn at_least(self, low: Self) -> Self {
        math::max(self, low)
    }
    #[inline(always)]
    fn at_most(self, high: Self) -> Self {
        math::min(self, high)
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn exp(self) -> Self {
        libm::exp(self)
    }
    fn pow(self, exponent: Self) -> Self {
        libm::pow(self, exponent)
    }
    fn whole(self) -> usize {
        self as usize
    }
    fn from_whole(value: usize) -> Self {
        value as f64
    }
    fn at_least(self, low: Self) -> Self {
        self.max(low)
    }
    fn at_most(self, high: Self) -> Self {
        self.min(high)
    }
}

/// D (1 - gamma w / end): `end` is the bound that the pulse leads to.
#[inline(always)]
pub(crate) fn linear<T: Real>(w: T, delta: T, gamma: T, end: T) -> T {
    delta * (T::of(1.0) - gamma * w / end)
}

/// D max(1 - A exp(gamma z), 0), z = 2 a w / (high - low) + b; gamma is negative for pulses down.
#[inline(always)]
pub(crate) fn exponential<T: Real>(
    w: T,
    delta: T,
    low: T,
    high: T,
    [a, b]: [T; 2],
    amplitude: T,
    gamma: T,
) -> T {
    let z = T::of(2.0) * a * w / (high - low) + b;
    delta * (T::of(1.0) - amplitude * (gamma * z).exp()).at_least(T::of(0.0))
}

/// D u^gamma with the distance u to the bound that the pulse leads to, in units of the range.
#[inline(always)]
pub(crate) fn power<T: Real>(w: T, delta: T, low: T, high: T, gamma: T, up: bool) -> T {
    let u = (high - w) / (high - low);
    let u = if up { u } else { T::of(1.0) - u };
    delta * u.at_least(T::of(0.0)).at_most(T::of(1.0)).pow(gamma)
}

/// The value at `x` between 0 and 1 of knots (two at least) on an even grid, linear in between, held at the ends.
#[inline(always)]
pub(crate) fn knots<T: Real>(x: T, values: &[T]) -> T {
    let Some(last) = values.len().checked_sub(1) else { return T::of(0.0) };
    let at = x.at_least(T::of(0.0)).at_most(T::of(1.0)) * T::from_whole(last);
    let i = at.whole().min(last.saturating_sub(1));
    let part = at - T::from_whole(i);
    let (a, b) = (values[i], values[(i + 1).min(last)]);
    a * (T::of(1.0) - part) + b * part
}
