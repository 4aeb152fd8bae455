//! Values limited to a range that is learned, and rounded to the levels of a converter.

/// Smallest range: training may push one to zero, and no converter divides by that.
const SMALLEST: f32 = 1e-6;

/// The range that a parameter stands for.
pub fn bound(param: &[f32]) -> f32 {
    param.first().map_or(SMALLEST, |b| b.abs().max(SMALLEST))
}

/// Factors from values to codes and back; none where nothing is rounded.
fn codes(bound: f32, levels: u32) -> Option<(f32, f32)> {
    let half = (levels / 2) as f32;
    (levels > 0).then(|| (half / bound, bound / half))
}

/// Limits `x` to `-bound` to `bound` and rounds it to `levels` levels in it; to none if 0.
pub fn apply(x: &mut [f32], bound: f32, levels: u32) {
    match codes(bound, levels) {
        Some((to_codes, to_values)) => rounded(x, bound, to_codes, to_values),
        None => limited(x, bound),
    }
}

/// The gradient `d` of the output becomes that of the input `x`, which passes rounding straight through and stops where values
/// are limited. Returns the gradient of the bound: the sign of what is limited, and of what is rounded the relative error of
/// rounding (S. K. Esser et al., "Learned step size quantization", ICLR 2020, equation 3).
pub fn backward(x: &[f32], d: &mut [f32], bound: f32, levels: u32) -> f64 {
    let (to_codes, to_values) = codes(bound, levels).unwrap_or((0.0, 0.0));
    let mut sum = 0.0;
    // Short sums in f32, closed in f64.
    for (x, d) in x.chunks(1024).zip(d.chunks_mut(1024)) {
        sum += f64::from(step(x, d, bound, to_codes, to_values));
    }
    sum
}

neurohm_num::dispatch! {
    fn limited(x: &mut [f32], bound: f32) {
        x.iter_mut().for_each(|x| *x = x.clamp(-bound, bound));
    }

    fn rounded(x: &mut [f32], bound: f32, to_codes: f32, to_values: f32) {
        x.iter_mut().for_each(|x| *x = (x.clamp(-bound, bound) * to_codes).round_ties_even() * to_values);
    }

    fn step(x: &[f32], d: &mut [f32], bound: f32, to_codes: f32, to_values: f32) -> f32 {
        let mut lanes = [0.0f32; 16];
        for (x, d) in x.chunks(16).zip(d.chunks_mut(16)) {
            for ((x, d), lane) in x.iter().zip(d).zip(&mut lanes) {
                let error = if to_codes > 0.0 { ((x * to_codes).round_ties_even() * to_values - x) / bound } else { 0.0 };
                let inside = x.abs() < bound;
                *lane += *d * if inside { error } else { 1.0f32.copysign(*x) };
                *d = if inside { *d } else { 0.0 };
            }
        }
        lanes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_limited_and_rounded() {
        let mut x = [-3.0, -0.9, -0.1, 0.0, 0.3, 0.76, 2.0];
        apply(&mut x, 1.0, 0);
        assert_eq!(x, [-1.0, -0.9, -0.1, 0.0, 0.3, 0.76, 1.0]);
        apply(&mut x, 1.0, 5);
        assert_eq!(x, [-1.0, -1.0, 0.0, 0.0, 0.5, 1.0, 1.0]);
        assert_eq!((bound(&[-0.5]), bound(&[0.0])), (0.5, 1e-6));
    }

    #[test]
    fn the_gradient_of_the_bound_is_that_of_the_function_where_nothing_is_rounded() {
        let x: Vec<f32> = (0..40).map(|i| (i as f32 - 20.0) * 0.1).collect();
        let weights: Vec<f32> = (0..40).map(|i| (i * 7 % 11) as f32 - 5.0).collect();
        let value = |b: f32| -> f64 {
            let mut y = x.clone();
            apply(&mut y, b, 0);
            y.iter().zip(&weights).map(|(y, w)| f64::from(y * w)).sum()
        };
        let mut d = weights.clone();
        let analytic = backward(&x, &mut d, 1.05, 0);
        let numeric = (value(1.06) - value(1.04)) / 0.02;
        assert!((analytic - numeric).abs() < 1e-3 * numeric.abs().max(1.0), "{analytic} {numeric}");
        for ((x, d), w) in x.iter().zip(&d).zip(&weights) {
            assert_eq!(*d, if x.abs() < 1.05 { *w } else { 0.0 });
        }
        // Scaled together, values, bound and levels give the same gradient; rounding up pulls the bound up.
        let mut d = [1.0];
        assert!((backward(&[0.3], &mut d, 1.0, 5) - 0.2).abs() < 1e-6);
        let mut d = [1.0];
        assert!((backward(&[0.6], &mut d, 2.0, 5) - 0.2).abs() < 1e-6);
    }
}
