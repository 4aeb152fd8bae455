//! What the statistics say of cells whose conductance is known: mean and standard deviation after a time at a
//! temperature, and of a series of reads. Closed forms and quadrature of the laws that [`CellArray`](crate::CellArray)
//! samples.

use crate::aspect::{Activated, Noise, Retention, climb};
use crate::compact::constants::K_B_EV;
use crate::error::DeviceError;
use crate::one_over_f;
use crate::spec::CellSpec;

/// Mean and standard deviation of each cell's conductance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Means, S.
    pub mean_s: Vec<f64>,
    /// Standard deviations, S.
    pub std_s: Vec<f64>,
}

/// A series of reads at a constant rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reads {
    /// Age of the first read, s.
    pub first_s: f64,
    /// Reads a second, 1/s.
    pub rate_hz: f64,
    /// Number of reads.
    pub count: usize,
}

/// Nodes of the quadrature over a standard normal number: steps of a quarter from -8 to 8. The trapezium rule is exact
/// to rounding for functions as smooth as these.
const NODES: i32 = 32;

fn phi(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Mean and mean square of max(0, mu + sd z).
pub(crate) fn rectified(mu: f64, sd: f64) -> (f64, f64) {
    if sd <= 0.0 {
        let held = mu.max(0.0);
        return (held, held * held);
    }
    let z = mu / sd;
    let density = libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * std::f64::consts::PI);
    let below = phi(z);
    ((mu * below + sd * density).max(0.0), ((mu * mu + sd * sd) * below + mu * sd * density).max(0.0))
}

/// Mean and mean square of exp(-front exp(spread y)), y standard normal.
pub(crate) fn remaining(front: f64, spread: f64) -> (f64, f64) {
    if front <= 0.0 || spread <= 0.0 {
        let left = libm::exp(-front.max(0.0));
        return (left, left * left);
    }
    let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
    for i in -NODES..=NODES {
        let y = f64::from(i) * 0.25;
        let weight = libm::exp(-0.5 * y * y);
        let left = libm::exp(-front * libm::exp(spread * y));
        sum += weight;
        first += weight * left;
        second += weight * left * left;
    }
    (first / sum, second / sum)
}

/// Mean and mean square of exp(-length |mean + spread z|).
fn folded(length: f64, mean: f64, spread: f64) -> (f64, f64) {
    let of = |l: f64| {
        if spread <= 0.0 {
            return libm::exp(-l * mean.abs());
        }
        let half = 0.5 * l * l * spread * spread;
        let (up, down) = (mean / spread - l * spread, -mean / spread - l * spread);
        libm::exp(half - l * mean) * phi(up) + libm::exp(half + l * mean) * phi(down)
    };
    (of(length), of(2.0 * length))
}

impl Activated {
    /// Mean and standard deviation, S, at `age_s` and the constant temperature `t_k` of a cell programmed to `g_s` of a
    /// device with range up to `g_max_s`.
    pub fn moments(&self, g_s: f64, g_max_s: f64, age_s: f64, t_k: f64) -> (f64, f64) {
        let front = |barrier_ev| climb(0.0, barrier_ev, self.attempt_time_s, age_s, t_k);
        let (x, unit) = ((g_s / g_max_s).min(1.0), self.unit_s * g_max_s / self.fitted_g_max_s);
        let passed = front(self.relaxation_energy_ev) / self.reference_ev();
        let spread = unit * libm::sqrt(passed) * self.spread.value(x).max(0.0);
        let (r1, r2) = rectified(g_s + unit * passed * self.shift.value(x), spread);
        let (f1, f2) = self.loss.as_ref().map_or((1.0, 1.0), |loss| {
            remaining(front(loss.barrier_ev(x)) / loss.width_ev, loss.rate_spread)
        });
        let mean = r1 * f1;
        (mean, libm::sqrt((r2 * f2 - mean * mean).max(0.0)))
    }
}

/// Mean and standard deviation of the conductance of cells that were programmed to `initial_s`, S, after `age_s` at the
/// constant temperature `t_k`: of retention alone, without the error of programming (the initial conductances are
/// known) and without read noise. A device whose retention was not measured keeps its conductance. Exponents of
/// power-law drift are taken at the initial conductance.
///
/// # Errors
/// A description that is none, a time or temperature that is none, a conductance that is not finite or negative.
pub fn predict_retention(
    spec: &CellSpec,
    initial_s: &[f64],
    t_k: f64,
    age_s: f64,
) -> Result<Prediction, DeviceError> {
    spec.validate()?;
    if !age_s.is_finite() || age_s < 0.0 {
        return Err(DeviceError::Time { dt_s: age_s });
    }
    if let Some(problem) = crate::limits::temperature(t_k) {
        return Err(problem_of("temperature", problem));
    }
    check(initial_s)?;
    let g_max_s = spec.g_max_s;
    let weights = match &spec.retention {
        Some(Retention::Measured { anchors, .. }) => Retention::weights(anchors, age_s),
        _ => Vec::new(),
    };
    let normal = |mu: f64, sd: f64| {
        let (first, second) = rectified(mu, sd);
        (first, libm::sqrt((second - first * first).max(0.0)))
    };
    let of = |g: f64| match &spec.retention {
        None | Some(Retention::Ideal {}) => (g, 0.0),
        Some(Retention::PowerLaw { t0_s, nu_mean, nu_spread }) => {
            let x = g / g_max_s;
            let length = libm::log((age_s / t0_s).max(1.0));
            let (first, second) = folded(length, nu_mean.value(x), nu_spread.value(x));
            (g * first, g * libm::sqrt((second - first * first).max(0.0)))
        }
        Some(Retention::Logarithmic { from_s, shift_s, shift_per_ln_s, spread_s, spread_per_ln_s }) => {
            let ln = libm::log((age_s / from_s).max(1.0));
            normal(g + shift_s + shift_per_ln_s * ln, spread_s + spread_per_ln_s * ln)
        }
        Some(Retention::Measured { unit_s, fitted_g_max_s, anchors }) => {
            let (x, scale) = (g / g_max_s, unit_s * g_max_s / fitted_g_max_s);
            let (mut shift, mut spread) = (0.0, 0.0);
            for (anchor, weight) in anchors.iter().zip(&weights) {
                shift += weight * anchor.shift.as_ref().map_or(0.0, |c| c.value(x));
                spread += weight * anchor.spread.value(x);
            }
            normal(g + scale * shift, scale * spread.max(0.0))
        }
        Some(Retention::Activated(law)) => law.moments(g, g_max_s, age_s, t_k),
    };
    let (mean_s, std_s) = initial_s.iter().map(|g| of(*g)).unzip();
    Ok(Prediction { mean_s, std_s })
}

/// Mean and expected standard deviation (of a sample, with count - 1) of a series of reads of cells whose conductance is
/// `g_s`, S. 1/f noise has the covariance of [`one_over_f`]: what is slower than the series does not show in it.
/// [`CellArray`](crate::CellArray) walks from read to read by the same pair correlations, which forgets faster over many
/// reads, so a long sampled series scatters more than this. Of telegraph noise, which differs from device to device, it
/// is the root of the devices' mean variance. Noise that would take a conductance below zero is counted in
/// full.
///
/// # Errors
/// A description that is none, a rate or age that is none, fewer than two reads, a conductance that is not finite or
/// negative.
pub fn predict_noise(spec: &CellSpec, g_s: &[f64], reads: &Reads) -> Result<Prediction, DeviceError> {
    spec.validate()?;
    check(g_s)?;
    reads.check()?;
    let of = |g: f64| match &spec.noise {
        None | Some(Noise::Ideal {}) => 0.0,
        Some(Noise::White { amplitude }) => amplitude.sd_s(g, spec.g_max_s),
        Some(Noise::OneOverF { amplitude, .. }) => amplitude.sd_s(g, spec.g_max_s),
        Some(noise @ Noise::Telegraph { amplitude, .. }) => {
            g * amplitude.value(g / spec.g_max_s).max(0.0) * libm::sqrt(reads.telegraph(noise))
        }
    };
    let factor = match &spec.noise {
        Some(Noise::Telegraph { .. }) => 1.0,
        Some(Noise::OneOverF { t_read_s, .. }) => libm::sqrt(reads.variance(*t_read_s)),
        _ => 1.0,
    };
    Ok(Prediction { mean_s: g_s.to_vec(), std_s: g_s.iter().map(|g| factor * of(*g)).collect() })
}

impl Reads {
    fn check(&self) -> Result<(), DeviceError> {
        if !self.first_s.is_finite() || self.first_s < 0.0 {
            return Err(DeviceError::Time { dt_s: self.first_s });
        }
        if !self.rate_hz.is_finite() || self.rate_hz <= 0.0 {
            return Err(problem_of("rate", format!("is {}; give a rate above zero", self.rate_hz)));
        }
        let few = || problem_of("reads", format!("are {}; a scatter needs two", self.count));
        if self.count < 2 { Err(few()) } else { Ok(()) }
    }

    /// Expected sample variance of the series of 1/f noise whose reads take `t_read_s`, in units of the amplitude
    /// squared: the mean variance less the mean covariance of all pairs, in one pass over lags and sums of ages.
    pub fn variance(&self, t_read_s: f64) -> f64 {
        let (n, step) = (self.count, 1.0 / self.rate_hz);
        let b = 4.0 * t_read_s;
        let count = n as f64;
        let ages = |i: usize| self.first_s + i as f64 * step;
        let own: f64 = (0..n).map(|i| one_over_f::variance(ages(i), t_read_s)).sum();
        // C(t1, t2) = ln(t1 + t2 + b) - ln(|t2 - t1| + b); sums of ages come min(m, 2n - 2 - m) + 1 times, lags 2 (n - k).
        let sums: f64 = (0..2 * n - 1)
            .map(|m| {
                let times = (m.min(2 * n - 2 - m) + 1) as f64;
                times * libm::log(2.0 * self.first_s + m as f64 * step + b)
            })
            .sum();
        let lags: f64 = (1..n).map(|k| 2.0 * (n - k) as f64 * libm::log(k as f64 * step + b)).sum();
        let pairs = sums - lags - count * libm::log(b);
        ((own - pairs / count) / (count - 1.0)).max(0.0)
    }
}

impl Reads {
    /// Expected sample variance of telegraph noise of unit amplitude, in the mean over the devices:
    /// E[p (1 - p)] exp(2 sigma^2) times what the series sees of a process whose correlation is exp(-|t2 - t1| / tau).
    fn telegraph(&self, noise: &Noise) -> f64 {
        let Noise::Telegraph { sigma, tau_low_s, tau_high_s, occupancy_low: a, occupancy_high: b, .. } =
            noise
        else {
            return 0.0;
        };
        let filling = 0.5 * (a + b) - (a * a + a * b + b * b) / 3.0;
        let n = self.count as f64;
        let seen = |tau_s: f64| {
            let x = 1.0 / (self.rate_hz * tau_s);
            // sum over k of (n - k) r^k with r = exp(-x); its series where the differences would cancel.
            let sum = if n * x < 1e-3 {
                0.5 * n * (n - 1.0) * (1.0 - x * (n + 1.0) / 3.0)
            } else {
                let (r, rest, tail) = (libm::exp(-x), -libm::expm1(-x), -libm::expm1(-n * x));
                r * (n * rest - tail) / (rest * rest)
            };
            ((n - 1.0 - 2.0 * sum / n) / (n - 1.0)).max(0.0)
        };
        const STEPS: i32 = 64;
        let span = libm::log(tau_high_s / tau_low_s);
        let tau = |i: i32| tau_low_s * libm::exp(span * (f64::from(i) + 0.5) / f64::from(STEPS));
        let seen = (0..STEPS).map(|i| seen(tau(i))).sum::<f64>() / f64::from(STEPS);
        filling * libm::exp(2.0 * sigma * sigma) * seen
    }
}

/// Time to lose a state over a single barrier, s: t_R = t0 exp(E_a / kT) (Arrhenius), with the attempt time t0 in s,
/// the barrier in eV and the temperature in K.
pub fn arrhenius_time_s(attempt_time_s: f64, energy_ev: f64, t_k: f64) -> f64 {
    attempt_time_s * libm::exp(energy_ev / (K_B_EV * t_k))
}

/// How many times longer the same state holds at `cool_k` than at `hot_k`: exp(E_a/k (1/T_cool - 1/T_hot)).
pub fn acceleration(energy_ev: f64, hot_k: f64, cool_k: f64) -> f64 {
    libm::exp(energy_ev / K_B_EV * (1.0 / cool_k - 1.0 / hot_k))
}

/// The first age, s, at which the mean conductance of cells programmed to `g_s` has strayed by `part` of it at the
/// constant temperature `t_k`; None where that is later than `latest_s`. Looks at 20 ages a decade from 1 us on.
///
/// # Errors
/// As [`predict_retention`].
pub fn holding_time_s(
    spec: &CellSpec,
    g_s: f64,
    t_k: f64,
    part: f64,
    latest_s: f64,
) -> Result<Option<f64>, DeviceError> {
    let strayed = |age_s: f64| -> Result<bool, DeviceError> {
        let mean_s = predict_retention(spec, &[g_s], t_k, age_s)?.mean_s[0];
        Ok((mean_s - g_s).abs() >= part * g_s)
    };
    let (mut before, mut age_s) = (0.0, 1e-6);
    loop {
        let at = f64::min(age_s, latest_s);
        if strayed(at)? {
            let (mut low, mut high) = (before, at);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if strayed(middle)? { high = middle } else { low = middle }
            }
            return Ok(Some(high));
        }
        if at >= latest_s {
            return Ok(None);
        }
        (before, age_s) = (at, age_s * 1.122_018_454_301_963_3);
    }
}

fn check(g_s: &[f64]) -> Result<(), DeviceError> {
    match g_s.iter().position(|g| !g.is_finite() || *g < 0.0) {
        Some(index) => {
            let problem = format!("of cell {index} is {} S; it must be finite and not negative", g_s[index]);
            Err(problem_of("conductance", problem))
        }
        None => Ok(()),
    }
}

fn problem_of(field: &str, problem: String) -> DeviceError {
    DeviceError::Parameter { device: String::new(), field: field.to_owned(), problem }
}

#[cfg(test)]
mod tests;
