//! When two noisy simulators agree: measured quantities beside the band that chance allows.
//!
//! Nothing here knows which tool is right. A band is `expected +- 5 standard errors` of the quantity under the
//! assumption that both sides draw from one law, so a case of two thousand checks still fails by chance
//! less than once in a thousand runs.

use serde::Serialize;

/// Half width of every band, in standard errors.
const SIGMAS: f64 = 5.0;

/// One measured quantity and where it must lie.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was measured.
    pub what: String,
    /// Its value.
    pub value: f64,
    /// Lowest value that agrees.
    pub low: f64,
    /// Highest value that agrees.
    pub high: f64,
}

impl Check {
    /// `value` must lie within `low..=high`.
    pub fn within(what: impl Into<String>, value: f64, low: f64, high: f64) -> Self {
        Self { what: what.into(), value, low, high }
    }

    /// `value` must lie within five standard errors of `expected`.
    pub fn near(what: impl Into<String>, value: f64, expected: f64, standard_error: f64) -> Self {
        Self::within(what, value, expected - SIGMAS * standard_error, expected + SIGMAS * standard_error)
    }

    /// Distance to the nearer limit as part of the way from the middle: 0 at the limit, 1 in the middle. A band
    /// from 0 is one of magnitudes, whose best is 0.
    pub fn room(&self) -> f64 {
        let low = if self.low == 0.0 { -self.high } else { self.low };
        2.0 * (self.value - low).min(self.high - self.value) / (self.high - low)
    }

    /// Whether it lies there. A value that is not a number does not.
    pub fn holds(&self) -> bool {
        self.value >= self.low && self.value <= self.high
    }
}

/// Mean and pooled variance over repeats of the same noisy products.
struct Repeats {
    mean: Vec<f64>,
    variance: f64,
}

/// `y` holds `repeats` runs of the same values one behind the other.
fn over_repeats(y: &[f32], repeats: usize) -> Repeats {
    let n = y.len() / repeats;
    let mut mean = vec![0.0; n];
    for run in y.chunks_exact(n) {
        for (m, v) in mean.iter_mut().zip(run) {
            *m += f64::from(*v) / repeats as f64;
        }
    }
    let mut square = 0.0;
    for run in y.chunks_exact(n) {
        square += run.iter().zip(&mean).map(|(v, m)| (f64::from(*v) - m).powi(2)).sum::<f64>();
    }
    Repeats { mean, variance: square / (n * (repeats - 1)) as f64 }
}

/// Relative error ||y - exact|| / ||exact|| over all runs in `y`.
pub fn relative_error(y: &[f32], exact: &[f32]) -> f64 {
    let mut error = 0.0;
    for run in y.chunks_exact(exact.len()) {
        error += run.iter().zip(exact).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    }
    let norm: f64 = exact.iter().map(|b| f64::from(*b).powi(2)).sum();
    (error / (norm * (y.len() / exact.len()) as f64)).sqrt()
}

/// Compares repeated noisy products of two simulators on the same weights and inputs.
///
/// * The variance of one value over repeats, pooled over all values, has the same size: its ratio is 1 within
///   `sqrt(2 (1/f_a + 1/f_b))`, f the degrees of freedom.
/// * What remains after averaging over repeats, the systematic part (rounding, clipping, bound management), is the
///   same value by value: the squared differences of the means, over what noise alone would leave, average to 1.
/// * The mean difference over all values is 0.
///
/// `table` is how many distinct normals the peer has: it draws from a table of so many, whose own mean and
/// variance are a sample's (validation/aihwkit/README.md), and the bands allow for that. Infinity for none.
pub fn noisy_products(peer: &[f32], ours: &[f32], exact: &[f32], repeats: usize, table: f64) -> Vec<Check> {
    let n = exact.len();
    let (a, b) = (over_repeats(peer, repeats), over_repeats(ours, repeats));
    let (values, freedom, draws) = (n as f64, (n * (repeats - 1)) as f64, (n * repeats) as f64);
    let left = (a.variance + b.variance) / repeats as f64;
    let chi2: f64 = a.mean.iter().zip(&b.mean).map(|(x, y)| (x - y).powi(2)).sum::<f64>() / left;
    let bias = a.mean.iter().zip(&b.mean).map(|(x, y)| x - y).sum::<f64>() / values / b.variance.sqrt();
    let error = relative_error(peer, exact) / relative_error(ours, exact);
    vec![
        Check::near(
            "noise variance, peer / ours",
            a.variance / b.variance,
            1.0,
            (4.0 / freedom + 2.0 / table).sqrt(),
        ),
        Check::near("systematic difference, chi2 / n", chi2 / values, 1.0, (2.0 / values).sqrt()),
        Check::near("mean difference / sd of the noise", bias, 0.0, (2.0 / draws + 1.0 / table).sqrt()),
        Check::near("relative error, peer / ours", error, 1.0, (1.0 / draws + 0.5 / table).sqrt()),
    ]
}

/// Size, mean, variance and fourth central moment of a sample.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// How many values.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// Their variance.
    pub variance: f64,
    /// Their fourth central moment.
    pub fourth: f64,
}

impl Moments {
    /// Of values.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let central = |p: i32| values.iter().map(|v| (v - mean).powi(p)).sum::<f64>() / count;
        Self { count, mean, variance: central(2), fourth: central(4) }
    }

    /// Squared standard error of the standard deviation, for any distribution: (m4 - v^2) / (4 v n).
    fn spread_error2(&self) -> f64 {
        (self.fourth - self.variance.powi(2)).max(0.0) / (4.0 * self.variance.max(1e-300) * self.count)
    }
}

/// How far apart two samples' means and standard deviations are, in standard errors of the difference.
pub fn apart(a: Moments, b: Moments) -> (f64, f64) {
    let mean = (a.mean - b.mean) / (a.variance / a.count + b.variance / b.count).sqrt();
    let sd = (a.variance.sqrt() - b.variance.sqrt()) / (a.spread_error2() + b.spread_error2()).sqrt();
    // Two samples without any spread and equal means are not apart.
    (if mean.is_nan() { 0.0 } else { mean }, if sd.is_nan() { 0.0 } else { sd })
}

/// Means of two small samples (one value a chip) must differ by no more than Welch's t allows at 99.9 %.
pub fn welch(what: impl Into<String>, a: &[f64], b: &[f64]) -> Check {
    let (ma, mb) = (Moments::of(a), Moments::of(b));
    let (va, vb) = (ma.variance / (ma.count - 1.0), mb.variance / (mb.count - 1.0));
    let freedom = (va + vb).powi(2) / (va.powi(2) / (ma.count - 1.0) + vb.powi(2) / (mb.count - 1.0));
    let limit = student_999(freedom) * (va + vb).sqrt();
    Check::within(what, ma.mean - mb.mean, -limit, limit)
}

/// Two-sided 99.9 % point of Student's t.
fn student_999(freedom: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    StudentsT::new(0.0, 1.0, freedom.max(1.0)).map_or(f64::NAN, |t| t.inverse_cdf(0.9995))
}

/// Values that no noise should tell apart: the largest difference over the largest magnitude.
pub fn largest_difference(peer: &[f32], ours: &[f32], allowed: f64) -> Check {
    let scale = peer.iter().fold(0.0f64, |m, v| m.max(f64::from(v.abs()))).max(f64::MIN_POSITIVE);
    // NaN, or a value too few, must not pass as a small difference.
    let worst = if peer.len() == ours.len() {
        peer.iter().zip(ours).fold(0.0f64, |worst, (a, b)| {
            let d = (f64::from(*a) - f64::from(*b)).abs();
            if d.is_nan() || worst.is_nan() { f64::NAN } else { d.max(worst) }
        })
    } else {
        f64::NAN
    };
    Check::within("largest difference / largest value", worst / scale, 0.0, allowed)
}

#[cfg(test)]
mod tests {
    use neurohm_num::{Key, Purpose};

    use super::*;

    fn noisy(exact: &[f32], sigma: f32, seed: u64, repeats: usize) -> Vec<f32> {
        let mut noise = vec![0.0; exact.len() * repeats];
        Key::root(seed).stream(Purpose::OutputNoise, 0).fill_normal(0, &mut noise);
        noise.iter().enumerate().map(|(i, z)| exact[i % exact.len()] + sigma * z).collect()
    }

    #[test]
    fn one_law_agrees_and_two_do_not() {
        let mut exact = vec![0.0; 4096];
        Key::root(1).stream(Purpose::Data, 0).fill_normal(0, &mut exact);
        let repeats = 16;
        let peer = noisy(&exact, 0.1, 2, repeats);
        let same = noisy_products(&peer, &noisy(&exact, 0.1, 3, repeats), &exact, repeats, f64::INFINITY);
        assert!(same.iter().all(Check::holds), "{same:?}");
        let louder = noisy_products(&peer, &noisy(&exact, 0.105, 3, repeats), &exact, repeats, f64::INFINITY);
        assert!(!louder[0].holds(), "{louder:?}");
        // A hidden rounding of a quarter of the noise is found although the noise is larger.
        let rounded: Vec<f32> = exact.iter().map(|v| (v / 0.1).round() * 0.1).collect();
        let coarse = noisy_products(&peer, &noisy(&rounded, 0.1, 3, repeats), &exact, repeats, f64::INFINITY);
        assert!(!coarse[1].holds(), "{coarse:?}");
    }

    #[test]
    fn moments_find_a_spread_of_one_percent() {
        let mut z = vec![0.0f32; 400_000];
        Key::root(4).stream(Purpose::Data, 0).fill_normal(0, &mut z);
        let of = |part: &[f32], scale: f64| {
            Moments::of(&part.iter().map(|v| f64::from(*v) * scale).collect::<Vec<_>>())
        };
        let (mean, sd) = apart(of(&z[..200_000], 1.0), of(&z[200_000..], 1.0));
        assert!(mean.abs() < 5.0 && sd.abs() < 5.0, "{mean} {sd}");
        let (_, sd) = apart(of(&z[..200_000], 1.01), of(&z[200_000..], 1.0));
        assert!(sd > 4.0, "{sd}");
    }

    #[test]
    fn student_matches_published_points() {
        // Student's t, two-sided 99.9 %: 4 degrees 8.610, 10 degrees 4.587 (any table).
        assert!((student_999(4.0) - 8.610).abs() < 2e-3);
        assert!((student_999(10.0) - 4.587).abs() < 2e-3);
    }

    #[test]
    fn not_a_number_never_agrees() {
        assert!(!largest_difference(&[1.0, 2.0], &[1.0, f32::NAN], 1e-4).holds());
        assert!(!largest_difference(&[1.0, 2.0], &[1.0], 1e-4).holds());
        assert!(largest_difference(&[1.0, 2.0], &[1.0, 2.0001], 1e-4).holds());
    }
}
