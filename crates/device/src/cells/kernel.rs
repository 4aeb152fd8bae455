//! Passes over a block of cells, compiled for every instruction set.

use neurohm_num::dispatch;
use neurohm_num::simd::math::{exp, exp_moderate, max, min};

/// Standard normal numbers are kept in steps of this: rounding adds 5e-9 to their variance, and what lies beyond 8
/// standard deviations, one number in 10^15, is held there.
pub(super) const STEP: f32 = 1.0 / 4096.0;

/// Adding 1.5 2^23 rounds to the nearest integer, which then lies in the low bits.
const ROUND: f32 = 12_582_912.0;

/// The nearest 16-bit integer, as the low bits of a shifted float.
#[inline(always)]
fn nearest(x: f32) -> f32 {
    max(min(x, 32_767.0), -32_767.0) + ROUND
}

dispatch! {
    /// Whether every value lies in [low, high]; false for NaN.
    pub(super) fn all_within(values: &[f32], low: f32, high: f32) -> bool {
        let mut outside = 0_u32;
        for v in values {
            outside |= u32::from(!(*v >= low && *v <= high));
        }
        outside == 0
    }

    pub(super) fn clamp(values: &[f32], low: f32, high: f32, out: &mut [f32]) {
        for (out, v) in out.iter_mut().zip(values) {
            *out = min(max(*v, low), high);
        }
    }

    pub(super) fn clamp_low(values: &mut [f32]) {
        for v in values {
            *v = max(*v, 0.0);
        }
    }

    /// g += scale max(a, 0) z, times the target if `relative`.
    pub(super) fn add_deviation(scale: f32, relative: bool, target: &[f32], a: &[f32], z: &[f32], g: &mut [f32]) {
        for (((g, t), a), z) in g.iter_mut().zip(target).zip(a).zip(z) {
            let unit = if relative { *t } else { 1.0 };
            *g += scale * unit * max(*a, 0.0) * z;
        }
    }

    /// g *= exp(sigma z).
    pub(super) fn multiply_lognormal(sigma: f32, z: &[f32], g: &mut [f32]) {
        for (g, z) in g.iter_mut().zip(z) {
            *g *= exp(sigma * z);
        }
    }

    /// g = value where u < end.
    pub(super) fn stick(end: f32, value: f32, u: &[f32], g: &mut [f32]) {
        for (u, g) in u.iter().zip(g) {
            let kept = *g;
            *g = if *u < end { value } else { kept };
        }
    }

    /// nu = |mean + spread z|, in units of `step`.
    pub(super) fn exponent(step: f32, mean: &[f32], spread: &[f32], z: &[f32], nu: &mut [i16]) {
        let per_step = 1.0 / step;
        for (((nu, m), s), z) in nu.iter_mut().zip(mean).zip(spread).zip(z) {
            *nu = nearest((m + s * z).abs() * per_step).to_bits() as i16;
        }
    }

    /// g (t / t0)^-nu with `ln` = ln(t / t0) times the step of nu; a mark on g stays.
    pub(super) fn drift(ln: f32, nu: &[i16], g: &[f32], out: &mut [f32]) {
        for ((out, nu), g) in out.iter_mut().zip(nu).zip(g) {
            *out = g * exp_moderate(-(f32::from(*nu) * ln));
        }
    }

    /// g + shift + spread z.
    pub(super) fn relax_alike(shift: f32, spread: f32, z: &[i16], g: &[f32], out: &mut [f32]) {
        let spread = spread * STEP;
        for ((out, z), g) in out.iter_mut().zip(z).zip(g) {
            *out = max(g.abs() + (shift + spread * f32::from(*z)), 0.0);
        }
    }

    /// g + scale (shift + max(spread, 0) z).
    pub(super) fn relax(scale: f32, shift: &[f32], spread: &[f32], z: &[i16], g: &[f32], out: &mut [f32]) {
        for ((((out, m), s), z), g) in out.iter_mut().zip(shift).zip(spread).zip(z).zip(g) {
            let z = f32::from(*z) * STEP;
            *out = max(g.abs() + scale * (m + max(*s, 0.0) * z), 0.0);
        }
    }

    /// g times what thermal loss leaves of it, exp(-(front / width) exp(rate_spread y)): `front` is in units of the
    /// width.
    pub(super) fn lose(rate_spread: f32, front: &[f32], y: &[f32], out: &mut [f32]) {
        for ((out, front), y) in out.iter_mut().zip(front).zip(y) {
            *out *= exp(-(front * exp_moderate(rate_spread * y)));
        }
    }

    /// shift *= by, spread *= wide.
    pub(super) fn stretch(by: f32, wide: f32, shift: &mut [f32], spread: &mut [f32]) {
        for (shift, spread) in shift.iter_mut().zip(spread) {
            *shift *= by;
            *spread *= wide;
        }
    }

    /// The smaller of each value's magnitude and `high`.
    pub(super) fn at_most(high: f32, values: &[f32], out: &mut [f32]) {
        for (out, v) in out.iter_mut().zip(values) {
            *out = min(v.abs(), high);
        }
    }

    /// y += weight x.
    pub(super) fn add_scaled(weight: f32, x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += weight * x;
        }
    }

    /// Keeps standard normal numbers, and takes them to what was kept.
    pub(super) fn keep(z: &mut [f32], kept: &mut [i16]) {
        for (kept, z) in kept.iter_mut().zip(z) {
            let code = nearest(*z * (1.0 / STEP));
            *kept = code.to_bits() as i16;
            *z = (code - ROUND) * STEP;
        }
    }

    /// Standard normal numbers as they were kept.
    pub(super) fn kept(kept: &[i16], z: &mut [f32]) {
        for (z, kept) in z.iter_mut().zip(kept) {
            *z = f32::from(*kept) * STEP;
        }
    }

    /// z = rho z + innovation xi, of the kept z.
    pub(super) fn mix(rho: f32, innovation: f32, xi: &[f32], kept: &[i16], z: &mut [f32]) {
        let rho = rho * STEP;
        for ((z, kept), xi) in z.iter_mut().zip(kept).zip(xi) {
            *z = rho * f32::from(*kept) + innovation * xi;
        }
    }

    /// out += scale max(a, 0) z, times out if `relative`; then not below 0, and stuck cells as they are.
    pub(super) fn add_noise(scale: f32, relative: bool, a: &[f32], z: &[f32], g: &[f32], out: &mut [f32]) {
        for (((out, a), z), g) in out.iter_mut().zip(a).zip(z).zip(g) {
            let unit = if relative { *out } else { 1.0 };
            let noisy = max(*out + scale * unit * max(*a, 0.0) * z, 0.0);
            *out = if g.is_sign_negative() { -*g } else { noisy };
        }
    }

    /// Not below 0, and stuck cells as they are.
    pub(super) fn finish(g: &[f32], out: &mut [f32]) {
        for (out, g) in out.iter_mut().zip(g) {
            *out = if g.is_sign_negative() { -*g } else { max(*out, 0.0) };
        }
    }

    /// (scale max(a, 0))^2, times out^2 if `relative`; 0 for stuck cells.
    pub(super) fn noise_variance(scale: f32, relative: bool, a: &[f32], g: &[f32], out: &mut [f32]) {
        for ((out, a), g) in out.iter_mut().zip(a).zip(g) {
            let unit = if relative { *out } else { 1.0 };
            let sd = scale * unit * max(*a, 0.0);
            *out = if g.is_sign_negative() { 0.0 } else { sd * sd };
        }
    }
}
