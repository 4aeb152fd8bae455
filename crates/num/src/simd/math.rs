//! Elementary functions of `f32` without branches, tables, fused multiply-adds or calls, so that loops over
//! them vectorise and give the same bits on every instruction set.
//!
//! `ln` and `exp` follow the range reductions and minimax polynomials of the Cephes library (Moshier 1989);
//! their errors, measured against `f64` in the tests, are below 1.1 and 1.5 units in the last place.

#![allow(clippy::inline_always)] // They must dissolve into the caller's vectorised loop.

const LN2_HIGH: f32 = 0.693_359_375;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// Larger of two, the second where either is NaN: one instruction, unlike `f32::max`.
#[inline(always)]
pub fn max(x: f32, y: f32) -> f32 {
    if x > y { x } else { y }
}

/// Smaller of two, the second where either is NaN: one instruction, unlike `f32::min`.
#[inline(always)]
pub fn min(x: f32, y: f32) -> f32 {
    if x < y { x } else { y }
}

/// (e, ln m) of a positive normal number x = m 2^e with m between sqrt(1/2) and sqrt(2).
#[inline(always)]
pub(crate) fn split_ln(x: f32) -> (f32, f32) {
    let (e, f) = split(x);
    let (z, p) = ln_polynomial(f);
    (e, f + (f * z * p - 0.5 * z))
}

#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    let bits = x.to_bits();
    let e = (bits.wrapping_sub(0x3f35_04f3) as i32) >> 23;
    (e as f32, f32::from_bits(bits.wrapping_sub((e << 23) as u32)) - 1.0)
}

/// z = f^2 and p(f) in ln(1 + f) = f - z / 2 + f z p(f). Even and odd powers apart: two short chains of dependent
/// instructions instead of one long one.
#[inline(always)]
fn ln_polynomial(f: f32) -> (f32, f32) {
    let z = f * f;
    let even = 7.037_683_6e-2_f32;
    let even = even * z + 1.167_699_9e-1;
    let even = even * z + 1.424_932_3e-1;
    let even = even * z + 2.000_071_5e-1;
    let even = even * z + 3.333_333_1e-1;
    let odd = -1.151_461e-1_f32;
    let odd = odd * z - 1.242_014_1e-1;
    let odd = odd * z - 1.666_805_8e-1;
    let odd = odd * z - 2.499_999_4e-1;
    (z, even + odd * f)
}

/// Natural logarithm of a positive normal number; smaller ones (and NaN) count as the smallest normal,
/// 1.2e-38, whose logarithm is -87.34.
#[inline(always)]
pub fn ln_positive(x: f32) -> f32 {
    let (e, f) = split(max(x, f32::MIN_POSITIVE));
    let (z, p) = ln_polynomial(f);
    let y = f * z * p + e * LN2_LOW - 0.5 * z;
    (f + y) + e * LN2_HIGH
}

/// Natural logarithm: minus infinity at 0, NaN below, exact limits elsewhere, subnormal numbers included.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let small = x < f32::MIN_POSITIVE;
    let scaled = if small { x * 16_777_216.0 } else { x };
    let shift = if small { -16.635_532 } else { 0.0 };
    let y = ln_positive(scaled) + shift;
    let y = if x > f32::MAX { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x >= 0.0 { y } else { f32::NAN }
}

/// Adding 1.5 2^23 rounds to the nearest integer, which then lies in the low bits.
const ROUND: f32 = 12_582_912.0;

/// (n as shifted float, e^r) with x = n ln 2 + r, for |x| < 2^21.
#[inline(always)]
fn split_exp(x: f32) -> (f32, f32) {
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let z = r * r;
    let odd = 1.987_569_2e-4_f32;
    let odd = odd * z + 8.333_452e-3;
    let odd = odd * z + 1.666_666_5e-1;
    let even = 1.398_2e-3_f32;
    let even = even * z + 4.166_579_6e-2;
    let even = even * z + 5e-1;
    (shifted, (even + odd * r) * z + r + 1.0)
}

/// 2^n for -126 <= n <= 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) << 23) as u32)
}

/// Exponential function: 0 below -104, infinity above 88.73, subnormal results included.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let (shifted, y) = split_exp(max(min(x, 89.0), -105.0));
    // 2^n in two steps, because n reaches past both ends of the exponent.
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    let y = y * power_of_two(half) * power_of_two(n - half);
    if x.is_nan() { x } else { y }
}

/// Exponential function for finite results: as [`exp`] from -87 to 88, held at the ends outside. Faster.
#[inline(always)]
pub fn exp_moderate(x: f32) -> f32 {
    let (shifted, y) = split_exp(max(min(x, 88.0), -87.0));
    // The integer, shifted into the exponent's place and added to that of y.
    f32::from_bits(y.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// `x` to the power `y` for `x >= 0`, through `f64` so that the exponent's size costs no accuracy (one unit in
/// the last place); NaN for negative `x`, 1 for `y = 0`.
#[inline(always)]
pub fn pow(x: f32, y: f32) -> f32 {
    let product = f64::from(y) * ln_f64(f64::from(x));
    let value = exp_f64(product) as f32;
    let value = if x == 0.0 { if y > 0.0 { 0.0 } else { f32::INFINITY } } else { value };
    let value = if x > f32::MAX { if y > 0.0 { f32::INFINITY } else { 0.0 } } else { value };
    let value = if x >= 0.0 && !y.is_nan() { value } else { f32::NAN };
    if y == 0.0 { 1.0 } else { value }
}

/// Logarithm of a positive normal `f64` to 1e-13 or better: atanh series in s = (m - 1) / (m + 1).
#[inline(always)]
fn ln_f64(x: f64) -> f64 {
    let bits = x.to_bits();
    let e = (bits.wrapping_sub(0x3fe6_a09e_667f_3bcd) as i64) >> 52;
    let m = f64::from_bits(bits.wrapping_sub((e << 52) as u64));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let p = 1.0 / 15.0;
    let p = p * z + 1.0 / 13.0;
    let p = p * z + 1.0 / 11.0;
    let p = p * z + 1.0 / 9.0;
    let p = p * z + 1.0 / 7.0;
    let p = p * z + 1.0 / 5.0;
    let p = p * z + 1.0 / 3.0;
    let p = p * z + 1.0;
    2.0 * s * p + (e as i32 as f64) * std::f64::consts::LN_2
}

/// Exponential to 1e-11 or better, saturating far outside the range of `f32`.
#[inline(always)]
fn exp_f64(x: f64) -> f64 {
    let x = if x < 200.0 { x } else { 200.0 };
    let x = if x > -200.0 { x } else { -200.0 };
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 2^52
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * std::f64::consts::LN_2;
    let mut p = 1.0 / 3_628_800.0;
    p = p * r + 1.0 / 362_880.0;
    p = p * r + 1.0 / 40_320.0;
    p = p * r + 1.0 / 5_040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i64;
    p * f64::from_bits(((n + 1023) << 52) as u64)
}

crate::dispatch! {
    /// Replaces every value by its exponential.
    pub fn exp_in_place(values: &mut [f32]) {
        for v in values {
            *v = exp(*v);
        }
    }

    /// Replaces every value by its natural logarithm.
    pub fn ln_in_place(values: &mut [f32]) {
        for v in values {
            *v = ln(*v);
        }
    }

    /// Replaces every value by its `exponent`-th power.
    pub fn pow_in_place(values: &mut [f32], exponent: f32) {
        for v in values {
            *v = pow(*v, exponent);
        }
    }

    /// Replaces every value by its square root (correctly rounded everywhere).
    pub fn sqrt_in_place(values: &mut [f32]) {
        for v in values {
            *v = v.sqrt();
        }
    }
}

#[cfg(test)]
mod tests;
