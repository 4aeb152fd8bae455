//! Random words into uniform and normal numbers.

use crate::simd::math::split_ln;

/// Uniform in (0, 1): the middles of 2^23 equal intervals.
#[inline(always)]
pub(super) fn uniform(word: u32) -> f32 {
    ((word >> 9) as i32 as f32 + 0.5) * (1.0 / 8_388_608.0)
}

/// Two independent standard normal numbers (Box and Muller 1958).
///
/// The radius takes 31 bits of one word, so it reaches 6.66. The angle takes the other word: 30 bits place it in
/// a quadrant, two bits choose the quadrant by the signs. Within the quadrant the angle is pi/4 + t, where
/// cos = (cos t - sin t) / sqrt 2 and sin = (cos t + sin t) / sqrt 2 with |t| <= pi/4.
#[inline(always)]
pub(super) fn pair(radius: u32, angle: u32) -> (f32, f32) {
    turned(self::radius(radius), angle)
}

/// The radius of a pair, divided by sqrt 2.
#[inline(always)]
pub(super) fn radius(word: u32) -> f32 {
    let u = ((word >> 1) as i32 as f32 + 0.5) * (1.0 / 2_147_483_648.0);
    // ln u = e ln 2 + ln m; at u = 1 (after rounding) exactly 0. One product with ln 2 is exact enough: the radius
    // errs by 1e-7.
    let (e, ln_m) = split_ln(u);
    (-(e * std::f32::consts::LN_2 + ln_m)).sqrt()
}

/// A pair from its [`radius`] and the word of its angle.
#[inline(always)]
pub(super) fn turned(r: f32, angle: u32) -> (f32, f32) {
    // t = (pi/4) s with s in [-1, 1); the sign of the low 30 bits is that of s.
    let s = ((angle << 2) as i32) as f32 * (1.0 / 2_147_483_648.0);
    let z = s * s;
    // Taylor series of sin(pi s / 4) and cos(pi s / 4); the first terms left out are below 2e-9 and 3e-8.
    let sin = 3.133_616_9e-7_f32;
    let sin = sin * z - 3.657_620_4e-5;
    let sin = sin * z + 2.490_394_6e-3;
    let sin = sin * z - 8.074_551_2e-2;
    let sin = (sin * z + std::f32::consts::FRAC_PI_4) * s;
    let cos = 3.590_860_4e-6_f32;
    let cos = cos * z - 3.259_918_9e-4;
    let cos = cos * z + 1.585_434_4e-2;
    let cos = cos * z - 3.084_251_4e-1;
    let cos = cos * z + 1.0;
    let sign = |value: f32, bit: u32| f32::from_bits(value.to_bits() ^ (angle << bit & 0x8000_0000));
    // The factor 1/sqrt 2 of the angle and the sqrt 2 that `radius` leaves out cancel.
    (sign(r * (cos - sin), 0), sign(r * (cos + sin), 1))
}
