//! Correlated 1/f noise since programming.
//!
//! 1/f noise is a superposition of Ornstein-Uhlenbeck processes whose rates `l` are spread as dl / l. Started
//! at programming with nothing accumulated, and read through a window that damps fast rates by exp(-b l / 2),
//! the sum at ages t1 and t2 (windows b1 and b2, b their mean) has the covariance, by Frullani's integral,
//!
//! C(t1, t2) = int_0^inf dl/l exp(-b l) (exp(-l |t2 - t1|) - exp(-l (t1 + t2)))
//!           = ln[(t1 + t2 + b) / (|t2 - t1| + b)].
//!
//! With b = 4 T the variance is ln(1 + t / (2 T)). Nandakumar et al. (ICECS 2019) give ln((t + T) / (2 T)) for
//! a read of time T: the same but for T beside t (4e-9 relative at 20 s), and defined from t = 0 on.
//!
//! A slower window T' > T sees only ln(1 + t / (2 T')); the rest of the variance is faster than T' and averages
//! out, or is drawn afresh, within it.

mod series;

pub use series::Series;

/// Variance of the noise at age `t_s` that a read of window `window_s` sees, in units of the amplitude squared.
pub fn variance(t_s: f64, window_s: f64) -> f64 {
    (t_s / (2.0 * window_s)).ln_1p()
}

/// Correlation of the noise at ages `t1_s` and `t2_s`, seen through windows `window1_s` and `window2_s`. Zero
/// at age 0, where there is no noise.
pub fn correlation(t1_s: f64, window1_s: f64, t2_s: f64, window2_s: f64) -> f64 {
    let b = 2.0 * (window1_s + window2_s);
    let apart = (t2_s - t1_s).abs();
    // (t1 + t2 + b) / (apart + b) = 1 + 2 min(t1, t2) / (apart + b), without cancellation.
    let covariance = (2.0 * t1_s.min(t2_s) / (apart + b)).ln_1p();
    let norm = (variance(t1_s, window1_s) * variance(t2_s, window2_s)).sqrt();
    if norm > 0.0 { (covariance / norm).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests;
