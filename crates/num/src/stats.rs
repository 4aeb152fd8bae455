//! Means and proportions with their 95 % intervals, quantiles.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{Key, Purpose};

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies within, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
    /// Half its width.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// Arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample standard deviation (n - 1 in the denominator); NaN of fewer than two values.
pub fn sd(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let m = mean(values);
    (values.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

/// Mean with its 95 % interval by Student's t distribution (values normal and independent); no interval for
/// fewer than two values, which say nothing of their spread.
pub fn mean_ci95(values: &[f64]) -> (f64, Option<Interval>) {
    let m = mean(values);
    if values.len() < 2 {
        return (m, None);
    }
    let Ok(t) = StudentsT::new(0.0, 1.0, (values.len() - 1) as f64) else { return (m, None) };
    let half = t.inverse_cdf(0.975) * sd(values) / (values.len() as f64).sqrt();
    (m, Some(Interval { low: m - half, high: m + half }))
}

/// 95 % interval of a probability from `successes` among `n` independent trials (Wilson 1927); [0, 1] for no
/// trial. `successes` beyond `n` counts as `n`.
pub fn wilson95(successes: u64, n: u64) -> Interval {
    if n == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    const Z: f64 = 1.959_963_984_540_054;
    let total = n as f64;
    let p = successes.min(n) as f64 / total;
    let denominator = 1.0 + Z * Z / total;
    let centre = (p + Z * Z / (2.0 * total)) / denominator;
    let half = Z / denominator * (p * (1.0 - p) / total + Z * Z / (4.0 * total * total)).sqrt();
    // At the ends the formula is exact but for rounding.
    let low = if successes == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if successes >= n { 1.0 } else { (centre + half).min(1.0) };
    Interval { low, high }
}

/// Resamples of a bootstrap: enough that its ends move by a fraction of the interval only.
const RESAMPLES: u64 = 2000;

/// 95 % interval of a statistic of `n` independent units by the percentile bootstrap (Efron and Tibshirani 1993): the
/// statistic of 2000 draws of `n` units with replacement, between its 2.5 % and 97.5 % quantiles. It is given the numbers
/// of the units drawn, so that what belongs to one unit stays together. No interval for fewer than two units or a
/// statistic that is no number. For small `n` it is narrower than it should be: at 20 units it holds a mean in about 93 %.
pub fn bootstrap95(n: usize, key: Key, statistic: impl Fn(&[usize]) -> f64) -> Option<Interval> {
    if n < 2 {
        return None;
    }
    let mut drawn = vec![0; n];
    let mut values = Vec::with_capacity(RESAMPLES as usize);
    for event in 0..RESAMPLES {
        let stream = key.stream(Purpose::Resample, event);
        for (element, unit) in drawn.iter_mut().enumerate() {
            *unit = ((u64::from(stream.bits(element as u64)) * n as u64) >> 32) as usize;
        }
        values.push(statistic(&drawn));
    }
    Some(Interval { low: quantile(&values, 0.025)?, high: quantile(&values, 0.975)? })
}

/// The `p` quantile, linear between order statistics (type 7 of Hyndman and Fan 1996, NumPy's default). None
/// for no values, a NaN among them, or `p` outside [0, 1].
pub fn quantile(values: &[f64], p: f64) -> Option<f64> {
    if values.is_empty() || !(0.0..=1.0).contains(&p) || values.iter().any(|v| v.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = p * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = position - below as f64;
    Some(if part == 0.0 { sorted[below] } else { sorted[below] * (1.0 - part) + sorted[above] * part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_interval_of_a_textbook_sample() {
        // t(0.975, 9) = 2.262157 (tables); mean 5.5, sd 3.02765 of 1..10.
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        let (m, interval) = mean_ci95(&values);
        let interval = interval.unwrap();
        assert_eq!(m, 5.5);
        assert!((interval.half_width() - 2.262_157_163 * 3.027_650_354 / 10_f64.sqrt()).abs() < 1e-8);
        assert!(interval.contains(5.5) && !interval.contains(8.0));
        assert_eq!(mean_ci95(&[3.0]), (3.0, None));
        assert!(mean_ci95(&[]).0.is_nan());
    }

    #[test]
    fn wilson_interval_of_published_cases() {
        // Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3.
        for (successes, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let i = wilson95(successes, n);
            assert!((i.low - low).abs() < 5e-5 && (i.high - high).abs() < 5e-5, "{i:?}");
        }
        assert_eq!(wilson95(0, 0), Interval { low: 0.0, high: 1.0 });
        assert_eq!(wilson95(20, 20).high, 1.0);
    }

    #[test]
    fn a_bootstrap_of_a_mean_is_student_s_interval_where_there_are_many() {
        let values: Vec<f64> =
            (0..500).map(|n| f64::from(Key::root(4).stream(Purpose::Data, 0).normal(n))).collect();
        let (_, student) = mean_ci95(&values);
        let mean_of = |drawn: &[usize]| mean(&drawn.iter().map(|i| values[*i]).collect::<Vec<_>>());
        let (got, student) = (bootstrap95(500, Key::root(1), mean_of).unwrap(), student.unwrap());
        // Its ends are quantiles of 2000 draws: each within about a twentieth of the half-width.
        for (ours, theirs) in [(got.low, student.low), (got.high, student.high)] {
            assert!((ours - theirs).abs() < 0.15 * student.half_width(), "{got:?} {student:?}");
        }
        assert_eq!(bootstrap95(1, Key::root(1), mean_of), None);
        assert_eq!(bootstrap95(5, Key::root(1), |_| f64::NAN), None);
    }

    #[test]
    fn a_bootstrap_holds_the_truth_as_often_as_it_says() {
        // The standard deviation of 60 normal numbers, 300 times: in 95 % but for the bias of small samples.
        let held = (0..300)
            .filter(|trial| {
                let stream = Key::root(9).stream(Purpose::Data, *trial);
                let values: Vec<f64> = (0..60).map(|n| f64::from(stream.normal(n))).collect();
                let of = |drawn: &[usize]| sd(&drawn.iter().map(|i| values[*i]).collect::<Vec<_>>());
                bootstrap95(60, Key::root(*trial), of).unwrap().contains(1.0)
            })
            .count();
        assert!((262..=295).contains(&held), "{held}");
    }

    #[test]
    fn quantiles_match_numpy() {
        let values = [7.0, 1.0, 3.0, 10.0];
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(quantile(&values, 0.5), Some(5.0));
        assert_eq!(quantile(&values, 0.3), Some(1.0 * (1.0 - 0.8999999999999999) + 3.0 * 0.8999999999999999));
        assert_eq!(quantile(&values, 1.0), Some(10.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[f64::NAN], 0.5), None);
        assert_eq!(quantile(&values, 1.5), None);
    }
}
