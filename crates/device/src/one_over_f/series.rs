//! One long series of reads of one device: the sum itself, not the one value that an array keeps of each cell.

use neurohm_num::{Key, Purpose, Stream};

/// Rates per factor e. The spectrum of a sum of that many Lorentzians ripples by less than 1e-3.
const PER_E_FOLD: f64 = 2.0;

/// Reads of one device at a fixed rate: a sum of Ornstein-Uhlenbeck processes with rates of even logarithms, each
/// walked exactly from read to read, with the covariance of this module's formula. In units of the amplitude.
///
/// An array of cells keeps one value for each cell and walks it from read to read, which is right for any pair of
/// neighbouring reads and forgets too fast over many; this series has the 1/f spectrum over all of its decades.
#[derive(Clone, Debug)]
pub struct Series {
    stream: Stream,
    /// Of each process: its value, its decay over a step, the standard deviation of what it gains.
    processes: Vec<[f64; 3]>,
    /// Standard deviation of what forgets within a step.
    white: f64,
    at: u64,
    normals: Vec<f32>,
}

impl Series {
    /// Reads `dt_s` apart, the first at age `age_s`, through a window `window_s`; random numbers grow from `key`.
    /// Processes that are slower than a thousandth of the age and of `reads` steps are one constant: they are left
    /// out, as the spectrum does not show them.
    pub fn new(age_s: f64, dt_s: f64, window_s: f64, reads: usize, key: Key) -> Series {
        let b = 4.0 * window_s;
        let slowest = libm::log(1e-3 / (age_s + dt_s * reads as f64).max(dt_s));
        let fastest = libm::log(20.0 / b).max(slowest + 1.0);
        let count = (((fastest - slowest) * PER_E_FOLD).ceil() as usize).clamp(1, 1000);
        let step = (fastest - slowest) / count as f64;
        let stream = key.stream(Purpose::SlowNoise, 0);
        let (mut processes, mut white) = (Vec::new(), 0.0);
        for k in 0..count {
            let rate = libm::exp(slowest + (k as f64 + 0.5) * step);
            let variance = step * libm::exp(-b * rate);
            if rate * dt_s > 20.0 {
                white += variance;
                continue;
            }
            // Begun at nothing when the device was programmed.
            let begun = variance * -libm::expm1(-2.0 * rate * age_s);
            let gain = (variance * -libm::expm1(-2.0 * rate * dt_s)).sqrt();
            let z = f64::from(stream.normal(processes.len() as u64));
            processes.push([begun.sqrt() * z, libm::exp(-rate * dt_s), gain]);
        }
        let normals = vec![0.0; processes.len() + 1];
        Series { stream, processes, white: white.sqrt(), at: 0, normals }
    }
}

impl Iterator for Series {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.at += 1;
        self.stream.at(self.at).fill_normal(0, &mut self.normals);
        let sum: f64 = self.processes.iter().map(|[value, ..]| value).sum();
        let mut sum = sum;
        if let Some(z) = self.normals.last() {
            sum += self.white * f64::from(*z);
        }
        for ([value, decay, gain], z) in self.processes.iter_mut().zip(&self.normals) {
            *value = *decay * *value + *gain * f64::from(*z);
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{correlation, variance};
    use super::*;

    /// Power at frequency `f` (cycles a step) of a Hann-windowed series: the definition, by direct summation.
    fn power(x: &[f64], f: f64) -> f64 {
        let n = x.len() as f64;
        let (mut re, mut im) = (0.0, 0.0);
        for (i, x) in x.iter().enumerate() {
            let t = i as f64;
            let hann = 0.5 - 0.5 * (std::f64::consts::TAU * t / n).cos();
            let (s, c) = (std::f64::consts::TAU * f * t).sin_cos();
            re += hann * x * c;
            im += hann * x * s;
        }
        re * re + im * im
    }

    #[test]
    fn the_spectrum_falls_as_one_over_f_over_decades() {
        // 32 devices, 2^14 reads, 400 a second as the measured series of the dossier; from 0.1 to 20 Hz.
        let (n, rate) = (1 << 14, 400.0);
        let frequencies: Vec<f64> = (0..12).map(|i| 0.1 * 200_f64.powf(f64::from(i) / 11.0)).collect();
        let mut spectrum = vec![0.0; frequencies.len()];
        for device in 0..32 {
            let key = Key::root(4).child("device", device);
            let x: Vec<f64> = Series::new(1e4, 1.0 / rate, 1e-6, n, key).take(n).collect();
            let mean = x.iter().sum::<f64>() / n as f64;
            let x: Vec<f64> = x.iter().map(|v| v - mean).collect();
            for (s, f) in spectrum.iter_mut().zip(&frequencies) {
                *s += power(&x, f / rate);
            }
        }
        let (xs, ys): (Vec<f64>, Vec<f64>) =
            frequencies.iter().zip(&spectrum).map(|(f, s)| (f.ln(), s.ln())).unzip();
        let n = xs.len() as f64;
        let (mx, my) = (xs.iter().sum::<f64>() / n, ys.iter().sum::<f64>() / n);
        let slope = xs.iter().zip(&ys).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>()
            / xs.iter().map(|x| (x - mx).powi(2)).sum::<f64>();
        assert!((slope + 1.0).abs() < 0.1, "{slope}");
    }

    #[test]
    fn the_series_has_the_covariance_of_the_formula() {
        let (t0, dt, window, paths) = (20.0, 5.0, 250e-9, 4000);
        let mut sums = [0.0; 3];
        for path in 0..paths {
            let x: Vec<f64> =
                Series::new(t0, dt, window, 8, Key::root(9).child("path", path)).take(8).collect();
            for (sum, product) in sums.iter_mut().zip([x[0] * x[0], x[7] * x[7], x[0] * x[7]]) {
                *sum += product / paths as f64;
            }
        }
        let last = t0 + 7.0 * dt;
        let (v0, v7) = (variance(t0, window), variance(last, window));
        let covariance = correlation(t0, window, last, window) * (v0 * v7).sqrt();
        // Five standard errors of a variance, and of a covariance.
        let error = 5.0 * (2.0 / paths as f64).sqrt();
        assert!(
            (sums[0] / v0 - 1.0).abs() < error && (sums[1] / v7 - 1.0).abs() < error,
            "{sums:?} {v0} {v7}"
        );
        assert!((sums[2] - covariance).abs() < error * (v0 * v7).sqrt(), "{sums:?} {covariance}");
    }
}
