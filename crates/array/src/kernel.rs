//! The passes over inputs and outputs of a product: what a DAC, the noise and an ADC do to a row.
//!
//! Each is one loop, compiled for every instruction set and chosen at run time; multiplications and
//! additions stay separate, so that all sets give the same bits.

use neurohm_num::{Rows, dispatch};

/// Bits of `f32::INFINITY`: as integers, magnitudes at or above it are infinite or NaN.
pub(crate) const INFINITY_BITS: u32 = 0x7f80_0000;

const ROUND: f32 = 12_582_912.0;

/// The nearest integer, ties to even, for magnitudes up to 2^22, which no code exceeds: adding and subtracting
/// 1.5 x 2^23 leaves no room for a fraction. The baseline x86-64 has no instruction for it.
#[inline(always)]
fn nearest(x: f32) -> f32 {
    (x + ROUND) - ROUND
}

/// `f32::clamp` without its branch for swapped limits; NaN becomes `-limit`.
#[inline(always)]
fn limited(x: f32, limit: f32) -> f32 {
    let x = if x < limit { x } else { limit };
    if x > -limit { x } else { -limit }
}

/// `|x|` as an integer that orders like it.
#[inline(always)]
fn magnitude_bits(x: f32) -> u32 {
    x.to_bits() & 0x7fff_ffff
}

/// The order of a maximum of integers is free, so the compiler may take it in lanes.
#[inline(always)]
fn largest_bits(x: &[f32]) -> u32 {
    x.iter().fold(0, |largest, x| largest.max(magnitude_bits(*x)))
}

#[inline(always)]
fn in_pairs(mut lanes: [f32; 16]) -> f32 {
    let mut width = 8;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// How inputs become read voltages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voltages {
    /// The input at full voltage; `None` takes each sample's largest magnitude.
    pub range: Option<f32>,
    /// The range is multiplied by this: more than 1 lowers the voltages.
    pub reduction: f32,
    /// Largest code; `None` does not round.
    pub largest_code: Option<f32>,
}

impl Voltages {
    /// Whether codes can leave their range: not where the largest input of a sample is the largest code.
    #[inline(always)]
    fn clips(&self) -> bool {
        self.range.is_some() && self.largest_code.is_some()
    }
}

/// The digital value of full voltage and the codes a digital unit, for a sample with this largest magnitude.
#[inline(always)]
fn scaling(voltages: Voltages, largest_bits: u32) -> (f32, f32) {
    let range = voltages.range.unwrap_or(f32::from_bits(largest_bits)) * voltages.reduction;
    let factor = voltages.largest_code.unwrap_or(1.0) / range;
    // A vanishing range has no finite factor; such a sample drives no line.
    if factor < f32::INFINITY { (range, factor) } else { (0.0, 0.0) }
}

dispatch! {
    /// The largest `|x|` as an integer that orders like it: at or above [`INFINITY_BITS`], something in
    /// `x` is no finite number.
    pub(crate) fn largest_magnitude_bits(x: &[f32]) -> u32 {
        largest_bits(x)
    }

    /// What the DACs make of a batch: codes (densely packed) and the digital value of one full voltage for each
    /// sample (0 for a sample without any signal). Adds the squares of the codes of each input to `squares`: the
    /// dissipation in its cells. Returns the largest magnitude bits, as above.
    pub(crate) fn prepare(
        x: Rows<'_>, voltages: Voltages, codes: &mut [f32], full: &mut [f32], squares: &mut [f32]
    ) -> u32 {
        let mut worst = 0;
        let n = x.cols();
        let squares = &mut squares[..n];
        for (r, full) in full[..x.rows()].iter_mut().enumerate() {
            let values = &x.row(r)[..n];
            let codes = &mut codes[r * n..][..n];
            let bits = largest_bits(values);
            worst = worst.max(bits);
            let (range, factor) = scaling(voltages, bits);
            *full = range;
            match voltages.largest_code {
                Some(limit) if voltages.clips() => {
                    drive(values, codes, squares, |x| nearest(limited(x * factor, limit)));
                }
                Some(_) => drive(values, codes, squares, |x| nearest(x * factor)),
                None => drive(values, codes, squares, |x| x * factor),
            }
        }
        worst
    }

    /// Digits of whole codes: the bits from `shift` on under `mask`, with the sign of the code where `sign` is 0, else only of
    /// codes of that sign, as magnitudes. Adds their squares, input by input, to `squares`.
    pub(crate) fn digits(codes: &[f32], shift: u32, mask: u32, sign: i32, out: &mut [f32], squares: &mut [f32]) {
        for (codes, out) in codes.chunks_exact(squares.len().max(1)).zip(out.chunks_exact_mut(squares.len().max(1))) {
            for ((out, square), code) in out.iter_mut().zip(squares.iter_mut()).zip(codes) {
                let whole = *code as i32;
                let digit = ((whole.abs() >> shift) & mask as i32) * whole.signum();
                let digit = if sign == 0 { digit } else { (digit * sign).max(0) };
                *out = digit as f32;
                *square += *out * *out;
            }
        }
    }

    /// `out = a * b`, element by element.
    pub(crate) fn multiply(a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a * b;
        }
    }

    /// `out = factor * x`, added to `out` where `add`.
    pub(crate) fn add_scaled(x: &[f32], factor: f32, add: bool, out: &mut [f32]) {
        scaled(x, factor, add, out);
    }

    /// Currents in place: `v = current * unit + sigma * normal`.
    pub(crate) fn add_noise(currents: &mut [f32], unit: f32, sigma: f32, normals: &[f32]) {
        for (v, z) in currents.iter_mut().zip(normals) {
            *v = *v * unit + sigma * z;
        }
    }

    /// As [`add_noise`] with one variance more for each output: the two Gaussians are independent and
    /// nothing lies between them, so one draw with the summed variance has exactly their law.
    pub(crate) fn add_noise_and_variance(
        currents: &mut [f32], unit: f32, sigma: f32, variances: &[f32], normals: &[f32]
    ) {
        let (fixed, squared) = (sigma * sigma, unit * unit);
        for ((v, s), z) in currents.iter_mut().zip(variances).zip(normals) {
            *v = *v * unit + (s * squared + fixed).sqrt() * z;
        }
    }

    /// Quantises columns `first .. first + count` of rows of `width` in place to integer codes within
    /// `+-limit` and returns the largest `|code|`.
    pub(crate) fn convert(
        values: &mut [f32], width: usize, first: usize, count: usize, codes_per_unit: f32, limit: f32
    ) -> f32 {
        let mut largest = 0;
        for row in values.chunks_exact_mut(width.max(1)) {
            for value in &mut row[first..first + count] {
                *value = nearest(limited(*value * codes_per_unit, limit));
                largest = largest.max(magnitude_bits(*value));
            }
        }
        f32::from_bits(largest)
    }

    /// One row of digital results: `out = factor * gain * code`, added to `out` where `add`.
    pub(crate) fn deliver_row(codes: &[f32], factor: f32, gains: &[f32], add: bool, out: &mut [f32]) {
        deliver(codes, factor, gains, add, out);
    }

    /// All rows of digital results at once, each with its own factor `full[r] * per_code`; `columns` of
    /// rows of `width` go to the same columns of `y`, whose rows are `stride` apart.
    pub(crate) fn deliver_rows(
        codes: &[f32], width: usize, full: &[f32], per_code: f32, gains: &[f32], add: bool,
        y: &mut [f32], stride: usize
    ) {
        for (r, full) in full.iter().enumerate() {
            let row = &codes[r * width..][..gains.len()];
            deliver(row, full * per_code, gains, add, &mut y[r * stride..][..gains.len()]);
        }
    }

    /// Target conductances of one plane: `g_min + max(sign w / scale, 0) (g_max - g_min)`, at most `g_max`.
    pub(crate) fn targets(weights: &[f32], scales: &[f32], sign: f32, g_min: f32, g_max: f32, out: &mut [f32]) {
        for ((out, w), s) in out.iter_mut().zip(weights).zip(scales) {
            let part = sign * w / s;
            let part = if part > 0.0 { part } else { 0.0 };
            let g = g_min + part * (g_max - g_min);
            *out = if g < g_max { g } else { g_max };
        }
    }

    /// Makes a row of conductances the effective weights (`factor` a siemens), or adds it to them where `add`; adds
    /// it to the sums of columns, and returns its own sum.
    pub(crate) fn accumulate(g: &[f32], factor: f32, add: bool, weights: &mut [f32], columns: &mut [f32]) -> f32 {
        scaled(g, factor, add, weights);
        for (c, g) in columns.iter_mut().zip(g) {
            *c += g;
        }
        let mut lanes = [0f32; 16];
        let (blocks, rest) = g.as_chunks::<16>();
        for block in blocks {
            for l in 0..16 {
                lanes[l] += block[l];
            }
        }
        for (l, g) in rest.iter().enumerate() {
            lanes[l] += g;
        }
        in_pairs(lanes)
    }
}

#[inline(always)]
fn drive(values: &[f32], codes: &mut [f32], squares: &mut [f32], code: impl Fn(f32) -> f32) {
    for ((out, square), x) in codes.iter_mut().zip(squares).zip(values) {
        let code = code(*x);
        *out = code;
        *square += code * code;
    }
}

#[inline(always)]
fn scaled(x: &[f32], factor: f32, add: bool, out: &mut [f32]) {
    if add {
        for (out, x) in out.iter_mut().zip(x) {
            *out += factor * x;
        }
    } else {
        for (out, x) in out.iter_mut().zip(x) {
            *out = factor * x;
        }
    }
}

#[inline(always)]
fn deliver(codes: &[f32], factor: f32, gains: &[f32], add: bool, out: &mut [f32]) {
    if add {
        for ((out, c), g) in out.iter_mut().zip(codes).zip(gains) {
            *out += c * factor * g;
        }
    } else {
        for ((out, c), g) in out.iter_mut().zip(codes).zip(gains) {
            *out = c * factor * g;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn codes(x: &[f32], range: Option<f32>, limit: Option<f32>) -> (Vec<f32>, f32, f32) {
        let (mut codes, mut full, mut squares) = (vec![0.0; x.len()], [0.0], vec![0.0; x.len()]);
        let voltages = Voltages { range, reduction: 1.0, largest_code: limit };
        prepare(Rows::new(x, 1, x.len()).unwrap(), voltages, &mut codes, &mut full, &mut squares);
        (codes, full[0], squares.iter().sum())
    }

    proptest! {
        #[test]
        fn codes_are_nearest_integers_within_the_limit(
            x in prop::collection::vec(-3.0f32..3.0, 0..70), half in 1u32..5000) {
            let limit = half as f32;
            let (codes, full, squares) = codes(&x, Some(1.0), Some(limit));
            prop_assert_eq!(full, 1.0);
            for (x, code) in x.iter().zip(&codes) {
                prop_assert_eq!(*code, (x * limit).clamp(-limit, limit).round_ties_even());
            }
            let expected: f64 = codes.iter().map(|c| f64::from(*c).powi(2)).sum();
            prop_assert!((f64::from(squares) - expected).abs() <= 1e-5 * expected);
            let mut same = x.clone();
            let n = same.len();
            let largest = convert(&mut same, n, 0, n, limit, limit);
            prop_assert_eq!(&same, &codes);
            prop_assert_eq!(largest, codes.iter().fold(0.0f32, |m, c| m.max(c.abs())));
        }

        #[test]
        fn the_largest_input_is_the_largest_code(x in prop::collection::vec(-10.0f32..10.0, 1..70)) {
            let largest = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            prop_assume!(largest > 0.0);
            let (codes, full, _) = codes(&x, None, Some(63.0));
            prop_assert_eq!(full, largest);
            prop_assert_eq!(codes.iter().fold(0.0f32, |m, c| m.max(c.abs())), 63.0);
        }
    }

    #[test]
    fn silence_drives_nothing() {
        for x in [vec![0.0; 20], vec![1e-42; 20]] {
            let (codes, full, squares) = codes(&x, None, Some(63.0));
            assert_eq!((codes, full, squares), (vec![0.0; 20], 0.0, 0.0));
        }
    }

    #[test]
    fn anything_not_finite_stands_out() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN] {
            for at in [0, 15, 16, 18] {
                let mut x = vec![1.0f32; 19];
                x[at] = bad;
                assert!(largest_magnitude_bits(&x) >= INFINITY_BITS);
            }
        }
        assert!(largest_magnitude_bits(&[f32::MAX, f32::MIN]) < INFINITY_BITS);
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        use neurohm_num::simd::{self, Isa};
        let x: Vec<f32> = (0..1000).map(|i| ((i * 7919 % 1009) as f32 - 504.0) * 0.003).collect();
        let z: Vec<f32> = x.iter().rev().copied().collect();
        let run = || {
            let mut out = codes(&x, None, Some(63.0)).0;
            add_noise_and_variance(&mut out, 0.01, 0.06, &codes(&z, None, None).0.map_abs(), &z);
            convert(&mut out, 1000, 3, 990, 21.0, 255.0);
            let mut sums = vec![0.0; 1000];
            let sum = accumulate(&x, 0.3, true, &mut out, &mut sums);
            (out.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), sum.to_bits())
        };
        let before = simd::isa();
        let all: Vec<_> = Isa::available()
            .into_iter()
            .map(|isa| {
                simd::force(isa);
                run()
            })
            .collect();
        simd::force(before);
        assert!(all.iter().all(|r| *r == all[0]));
    }

    trait MapAbs {
        fn map_abs(self) -> Vec<f32>;
    }
    impl MapAbs for Vec<f32> {
        fn map_abs(self) -> Vec<f32> {
            self.into_iter().map(f32::abs).collect()
        }
    }
}
