use super::*;
use neurohm_num::{Key, Purpose};

const T_READ: f64 = 250e-9;

/// Rates of a fine logarithmic grid, with their weights `d ln(l) exp(-b l)`.
fn rates(per_e_fold: usize, b: f64) -> Vec<(f64, f64)> {
    let (low, high) = (1e-13_f64.ln(), (20.0 / b).ln());
    let count = ((high - low) * per_e_fold as f64) as usize;
    let step = (high - low) / count as f64;
    (0..count)
        .map(|k| (low + (k as f64 + 0.5) * step).exp())
        .map(|rate| (rate, step * (-b * rate).exp()))
        .collect()
}

#[test]
fn the_closed_form_is_the_integral() {
    for (t1, t2) in
        [(20.0, 20.0), (20.0, 56.0), (20.0, 3620.0), (3620.0, 3656.0), (1.0, 3e7), (1e-6, 2e-6), (1e-7, 1.0)]
    {
        let integral: f64 = rates(200, 4.0 * T_READ)
            .iter()
            .map(|(l, w)| w * ((-l * (t2 - t1)).exp() - (-l * (t1 + t2)).exp()))
            .sum();
        let closed =
            correlation(t1, T_READ, t2, T_READ) * (variance(t1, T_READ) * variance(t2, T_READ)).sqrt();
        assert!((integral - closed).abs() < 2e-4 * closed, "{t1} {t2}: {integral} {closed}");
    }
}

#[test]
fn the_variance_is_the_published_one() {
    for (t, published) in [(20.0, 4.1838_f64), (3620.0, 4.7648), (3.15e7, 5.637)] {
        assert!((variance(t, T_READ).sqrt() - published).abs() < 1e-3, "{t}");
        let formula = ((t + T_READ) / (2.0 * T_READ)).ln();
        assert!((variance(t, T_READ) - formula).abs() < 2e-8, "{t}");
    }
    assert_eq!(variance(0.0, T_READ), 0.0);
}

/// A direct simulation: every rate an Ornstein-Uhlenbeck process that starts at zero and is advanced exactly.
#[test]
fn correlations_match_a_sum_of_ornstein_uhlenbeck_processes() {
    let ages = [20.0, 56.0, 3620.0, 1e6];
    let rates = rates(3, 4.0 * T_READ);
    let paths = 20_000;
    let mut sums = vec![[0.0; 4]; paths];
    let mut xi = vec![0.0_f32; ages.len() * rates.len()];
    for (p, sums) in sums.iter_mut().enumerate() {
        Key::root(1).stream(Purpose::SlowNoise, p as u64).fill_normal(0, &mut xi);
        for (k, (rate, weight)) in rates.iter().enumerate() {
            let (mut x, mut now) = (0.0, 0.0);
            for (i, age) in ages.iter().enumerate() {
                let decay = (-rate * (age - now)).exp();
                // Stationary variance 1; expm1 keeps the slow rates' small steps.
                let step = (-(-2.0 * rate * (age - now)).exp_m1()).sqrt();
                x = decay * x + step * f64::from(xi[k * ages.len() + i]);
                now = *age;
                sums[i] += weight.sqrt() * x;
            }
        }
    }
    for i in 0..4 {
        for j in 0..=i {
            let covariance = sums.iter().map(|s| s[i] * s[j]).sum::<f64>() / paths as f64;
            let norm = (variance(ages[i], T_READ) * variance(ages[j], T_READ)).sqrt();
            let expected = correlation(ages[j], T_READ, ages[i], T_READ);
            // Five standard errors of a sample covariance.
            let tolerance = 5.0 * ((1.0 + expected * expected) / paths as f64).sqrt();
            let found = covariance / norm;
            assert!((found - expected).abs() < tolerance, "{} {}: {found} {expected}", ages[j], ages[i]);
        }
    }
}

#[test]
fn correlations_behave_at_the_ends() {
    assert_eq!(correlation(20.0, T_READ, 20.0, T_READ), 1.0);
    assert_eq!(correlation(0.0, T_READ, 20.0, T_READ), 0.0);
    // The same instant through a slower window: less of the same process.
    let through = correlation(20.0, T_READ, 20.0, 1e-3);
    assert!(through > 0.7 && through < 1.0, "{through}");
    // Later reads forget, slowly.
    let later = [21.0, 60.0, 3600.0, 1e6, 1e9].map(|t| correlation(20.0, T_READ, t, T_READ));
    assert!(later.windows(2).all(|w| w[0] > w[1]) && later[4] > 0.0, "{later:?}");
}
