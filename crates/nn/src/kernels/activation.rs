//! Functions of one value and their derivatives, vectorised.

use crate::graph::Activation;
use neurohm_num::simd::math::{exp, ln};

/// Whether the derivative is computed from the function's argument; otherwise from its result, so that the
/// argument need not be kept.
pub fn derivative_needs_input(a: Activation) -> bool {
    match a {
        Activation::Silu
        | Activation::Gelu { .. }
        | Activation::HardSwish
        | Activation::Softsign
        | Activation::Erf
        | Activation::Log
        | Activation::Abs => true,
        // Where the negative side rises, the result's sign is the argument's.
        Activation::LeakyRelu { slope } => slope <= 0.0,
        Activation::Elu { alpha } => alpha <= 0.0,
        Activation::Selu { alpha, gamma } => alpha <= 0.0 || gamma <= 0.0,
        Activation::HardSigmoid { .. }
        | Activation::Relu
        | Activation::Clip { .. }
        | Activation::Sigmoid
        | Activation::Tanh
        | Activation::Softplus
        | Activation::Exp
        | Activation::Sqrt
        | Activation::Reciprocal
        | Activation::Neg
        | Activation::Half
        | Activation::Trunc => false,
    }
}

neurohm_num::dispatch! {
    /// Replaces every value by its function.
    pub fn apply(a: Activation, x: &mut [f32]) {
        match a {
            Activation::Relu => each(x, |x| if x < 0.0 { 0.0 } else { x }),
            Activation::LeakyRelu { slope } => each(x, |x| if x < 0.0 { slope * x } else { x }),
            Activation::Clip { min, max } => each(x, |x| clip(x, min, max)),
            Activation::Elu { alpha } => each(x, |x| if x < 0.0 { alpha * exp_minus_1(x) } else { x }),
            Activation::Selu { alpha, gamma } => {
                each(x, |x| if x < 0.0 { gamma * alpha * exp_minus_1(x) } else { gamma * x });
            }
            Activation::Sigmoid => each(x, sigmoid),
            Activation::Tanh => each(x, tanh),
            Activation::Silu => each(x, |x| x * sigmoid(x)),
            Activation::Gelu { tanh: false } => each(x, |x| x * normal_cdf(x)),
            Activation::Gelu { tanh: true } => each(x, |x| 0.5 * x * (1.0 + tanh(gelu_inner(x)))),
            Activation::HardSigmoid { alpha, beta } => each(x, |x| clip(alpha * x + beta, 0.0, 1.0)),
            Activation::HardSwish => each(x, |x| x * clip(x / 6.0 + 0.5, 0.0, 1.0)),
            Activation::Softplus => each(x, softplus),
            Activation::Softsign => each(x, |x| x / (1.0 + x.abs())),
            Activation::Erf => each(x, erf),
            Activation::Exp => each(x, exp),
            Activation::Log => each(x, ln),
            Activation::Sqrt => each(x, f32::sqrt),
            Activation::Reciprocal => each(x, |x| 1.0 / x),
            Activation::Abs => each(x, f32::abs),
            Activation::Neg => each(x, |x| -x),
            Activation::Half => each(x, to_half),
            Activation::Trunc => each(x, f32::trunc),
        }
    }

    /// Multiplies `d` by the derivative, from the arguments `v` where [`derivative_needs_input`] says so and from
    /// the results `v` otherwise.
    pub fn backward(a: Activation, v: &[f32], d: &mut [f32]) {
        match a {
            Activation::Relu => both(d, v, |d, y| if y > 0.0 { d } else { 0.0 }),
            Activation::LeakyRelu { slope } => both(d, v, |d, v| if v < 0.0 { slope * d } else { d }),
            Activation::Clip { min, max } => both(d, v, |d, y| if y > min && y < max { d } else { 0.0 }),
            Activation::Elu { alpha } if alpha > 0.0 => {
                both(d, v, |d, y| if y < 0.0 { d * (y + alpha) } else { d });
            }
            Activation::Elu { alpha } => both(d, v, |d, x| if x < 0.0 { d * alpha * exp(x) } else { d }),
            Activation::Selu { alpha, gamma } if alpha > 0.0 && gamma > 0.0 => {
                both(d, v, |d, y| if y < 0.0 { d * (y + gamma * alpha) } else { d * gamma });
            }
            Activation::Selu { alpha, gamma } => {
                both(d, v, |d, x| if x < 0.0 { d * gamma * alpha * exp(x) } else { d * gamma });
            }
            Activation::Sigmoid => both(d, v, |d, y| d * y * (1.0 - y)),
            Activation::Tanh => both(d, v, |d, y| d * (1.0 - y * y)),
            Activation::Silu => both(d, v, |d, x| {
                let s = sigmoid(x);
                d * s * (1.0 + x * (1.0 - s))
            }),
            Activation::Gelu { tanh: false } => {
                both(d, v, |d, x| d * (normal_cdf(x) + x * INV_SQRT_TAU * exp(-0.5 * x * x)));
            }
            Activation::Gelu { tanh: true } => both(d, v, |d, x| {
                let t = tanh(gelu_inner(x));
                let inner = SQRT_2_BY_PI * (1.0 + 3.0 * GELU_CUBIC * x * x);
                d * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner)
            }),
            Activation::HardSigmoid { alpha, .. } => {
                both(d, v, |d, y| if y > 0.0 && y < 1.0 { d * alpha } else { 0.0 });
            }
            Activation::HardSwish => both(d, v, |d, x| {
                let slope = if x > 3.0 { 1.0 } else { x / 3.0 + 0.5 };
                if x < -3.0 { 0.0 } else { d * slope }
            }),
            Activation::Softplus => both(d, v, |d, y| d * -exp_minus_1(-y)),
            Activation::Softsign => both(d, v, |d, x| d / ((1.0 + x.abs()) * (1.0 + x.abs()))),
            Activation::Erf => both(d, v, |d, x| d * 2.0 * FRAC_1_SQRT_PI * exp(-x * x)),
            Activation::Exp => both(d, v, |d, y| d * y),
            Activation::Log => both(d, v, |d, x| d / x),
            Activation::Sqrt => both(d, v, |d, y| d * 0.5 / y),
            Activation::Reciprocal => both(d, v, |d, y| -d * y * y),
            Activation::Abs => both(d, v, |d, x| if x < 0.0 { -d } else if x > 0.0 { d } else { 0.0 }),
            Activation::Neg => both(d, v, |d, _| -d),
            Activation::Half => {}
            Activation::Trunc => d.fill(0.0),
        }
    }
}

/// The nearest half, ties to even, without branches.
#[inline(always)]
fn to_half(x: f32) -> f32 {
    const DROPPED: u32 = 13;
    const SMALLEST_NORMAL: f32 = 6.103_515_6e-5;
    let (bits, size) = (x.to_bits(), x.abs());
    let tie = (1 << (DROPPED - 1)) - 1 + ((bits >> DROPPED) & 1);
    let normal = f32::from_bits(bits.wrapping_add(tie) & !((1 << DROPPED) - 1));
    // Between 1/2 and 1 neighbouring floats lie as far apart as the smallest halves do: 2^-24.
    let small = (size + 0.5 - 0.5).copysign(x);
    let near = if size < SMALLEST_NORMAL { small } else { normal };
    let bounded = if near.abs() >= 65536.0 { f32::INFINITY.copysign(x) } else { near };
    if x.is_nan() { x } else { bounded }
}

const INV_SQRT_TAU: f32 = 0.398_942_3;
const SQRT_2_BY_PI: f32 = 0.797_884_6;
const FRAC_1_SQRT_PI: f32 = 0.564_189_6;
/// The cubic coefficient of the approximation of Hendrycks and Gimpel 2016.
const GELU_CUBIC: f32 = 0.044_715;

#[inline(always)]
fn each(x: &mut [f32], f: impl Fn(f32) -> f32) {
    for x in x {
        *x = f(*x);
    }
}

#[inline(always)]
fn both(d: &mut [f32], v: &[f32], f: impl Fn(f32, f32) -> f32) {
    for (d, v) in d.iter_mut().zip(v) {
        *d = f(*d, *v);
    }
}

/// Limits a number, leaving what is not one as it is.
#[inline(always)]
fn clip(x: f32, min: f32, max: f32) -> f32 {
    let x = if x < min { min } else { x };
    if x > max { max } else { x }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn gelu_inner(x: f32) -> f32 {
    SQRT_2_BY_PI * (x + GELU_CUBIC * x * x * x)
}

/// e^x - 1 without cancellation: its series where |x| < 0.35.
#[inline(always)]
fn exp_minus_1(x: f32) -> f32 {
    let p = 1.0 / 5040.0;
    let p = p * x + 1.0 / 720.0;
    let p = p * x + 1.0 / 120.0;
    let p = p * x + 1.0 / 24.0;
    let p = p * x + 1.0 / 6.0;
    let p = p * x + 0.5;
    let small = x + x * x * p;
    if x.abs() < 0.35 { small } else { exp(x) - 1.0 }
}

/// Through e^(-2|x|) - 1, which neither overflows nor cancels.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let t = exp_minus_1(-2.0 * x.abs());
    (-t / (t + 2.0)).copysign(x)
}

/// max(x, 0) + ln(1 + e^-|x|), with ln(1 + t) from 2 atanh(t / (2 + t)) where t is small.
#[inline(always)]
fn softplus(x: f32) -> f32 {
    let t = exp(-x.abs());
    let s = t / (2.0 + t);
    let z = s * s;
    let small = 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0))));
    let tail = if t < 0.3 { small } else { ln(1.0 + t) };
    if x > 0.0 { x + tail } else { tail }
}

#[inline(always)]
fn normal_cdf(x: f32) -> f32 {
    0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The Maclaurin series below 1, formula 7.1.26 of Abramowitz and Stegun (1964) above: within 2e-7.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let z = x * x;
    let p = -1.0 / 685_440.0;
    let p = p * z + 1.0 / 75_600.0;
    let p = p * z - 1.0 / 9_360.0;
    let p = p * z + 1.0 / 1_320.0;
    let p = p * z - 1.0 / 216.0;
    let p = p * z + 1.0 / 42.0;
    let p = p * z - 0.1;
    let p = p * z + 1.0 / 3.0;
    let small = 2.0 * FRAC_1_SQRT_PI * (x - x * z * p);
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let q = 1.061_405_4;
    let q = q * t - 1.453_152;
    let q = q * t + 1.421_413_7;
    let q = q * t - 0.284_496_74;
    let q = q * t + 0.254_829_6;
    let large = (1.0 - q * t * exp(-z)).copysign(x);
    if x.abs() < 1.0 { small } else { large }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x = -3.7, -1.3, -0.4, -1e-3, 0.2, 0.9, 1.7, 4.1; double precision, from mpmath 1.3 (50 digits).
    #[test]
    fn halves_are_those_of_the_half_crate() {
        // Every half, and floats on, just below and just above every border between two of them.
        let finite = (0..=u16::MAX).map(half::f16::from_bits).filter(|h| !h.is_nan());
        let mut x: Vec<f32> = finite
            .flat_map(|h| {
                let next = half::f16::from_bits(h.to_bits().wrapping_add(1)).to_f32();
                let border =
                    if next.is_finite() { 0.5 * (h.to_f32() + next) } else { 65520f32.copysign(h.to_f32()) };
                [h.to_f32(), border, border.next_down(), border.next_up()]
            })
            .chain([f32::MIN_POSITIVE, f32::from_bits(1), f32::MAX, f32::MIN, 1e-8, -1e-8])
            .filter(|x| !x.is_nan())
            .collect();
        let expected: Vec<u32> = x.iter().map(|&x| half::f16::from_f32(x).to_f32().to_bits()).collect();
        apply(Activation::Half, &mut x);
        assert_eq!(x.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), expected);
        let mut nan = [f32::NAN];
        apply(Activation::Half, &mut nan);
        assert!(nan[0].is_nan());
    }

    #[test]
    fn special_functions_match_their_definitions() {
        let x: [f64; 8] = [-3.7, -1.3, -0.4, -1e-3, 0.2, 0.9, 1.7, 4.1];
        let check = |a: Activation, f: &dyn Fn(f64) -> f64, tolerance: f64| {
            let mut y = x.map(|x| x as f32);
            apply(a, &mut y);
            for (x, y) in x.iter().zip(y) {
                let expected = f(f64::from(*x as f32));
                let error = (f64::from(y) - expected).abs() / expected.abs().max(1e-3);
                assert!(error < tolerance, "{a:?} at {x}: {y}, expected {expected}");
            }
        };
        check(Activation::Tanh, &f64::tanh, 4e-7);
        check(Activation::Sigmoid, &|x| 1.0 / (1.0 + (-x).exp()), 4e-7);
        check(Activation::Softplus, &|x| x.exp().ln_1p(), 4e-7);
        check(Activation::Elu { alpha: 1.0 }, &|x| if x < 0.0 { x.exp_m1() } else { x }, 4e-7);
        check(Activation::Erf, &erf_by_quadrature, 4e-7);
    }

    /// Simpson's rule on the defining integral.
    fn erf_by_quadrature(x: f64) -> f64 {
        let n = 2000;
        let h = x / f64::from(n);
        let f = |i: i32| (-(f64::from(i) * h).powi(2)).exp();
        let sum: f64 = (1..n).map(|i| f(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
        (f(0) + sum + f(n)) * h / 3.0 * 2.0 / std::f64::consts::PI.sqrt()
    }
}
