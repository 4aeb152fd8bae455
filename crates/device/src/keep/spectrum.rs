//! The power spectral density of a series, by Welch's method.

/// One-sided power spectral density.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spectrum {
    /// Frequencies, Hz; zero and the highest are left out.
    pub frequency_hz: Vec<f64>,
    /// Density, in the series' unit squared a hertz.
    pub density: Vec<f64>,
    /// Segments that were averaged.
    pub segments: usize,
}

/// Welch's estimate (IEEE Trans. Audio Electroacoust. 15:70, 1967): segments of `length` (rounded down to a power of
/// two) that overlap by half, each less its mean, under Hann's window; the mean of their periodograms.
pub fn welch(series: &[f64], rate_hz: f64, length: usize) -> Spectrum {
    let length = length.min(series.len());
    if length < 8 {
        return Spectrum::default();
    }
    let n = 1 << length.ilog2();
    let window: Vec<f64> =
        (0..n).map(|i| 0.5 - 0.5 * libm::cos(2.0 * std::f64::consts::PI * i as f64 / n as f64)).collect();
    let power: f64 = window.iter().map(|w| w * w).sum();
    let mut sum = vec![0.0; n / 2];
    let mut segments = 0;
    let (mut re, mut im) = (vec![0.0; n], vec![0.0; n]);
    for start in (0..=series.len() - n).step_by(n / 2) {
        let piece = &series[start..start + n];
        let mean = piece.iter().sum::<f64>() / n as f64;
        for i in 0..n {
            re[i] = (piece[i] - mean) * window[i];
            im[i] = 0.0;
        }
        transform(&mut re, &mut im);
        for (k, s) in sum.iter_mut().enumerate() {
            *s += re[k] * re[k] + im[k] * im[k];
        }
        segments += 1;
    }
    let scale = 2.0 / (rate_hz * power * segments as f64);
    Spectrum {
        frequency_hz: (1..n / 2).map(|k| k as f64 * rate_hz / n as f64).collect(),
        density: sum[1..].iter().map(|s| s * scale).collect(),
        segments,
    }
}

/// Fourier transform in place of a power of two of numbers: decimation in time.
fn transform(re: &mut [f64], im: &mut [f64]) {
    let n = re.len();
    let bits = n.trailing_zeros();
    for i in 0..n {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if i < j {
            re.swap(i, j);
            im.swap(i, j);
        }
    }
    let mut half = 1;
    while half < n {
        for k in 0..half {
            let angle = -std::f64::consts::PI * k as f64 / half as f64;
            let (c, s) = (libm::cos(angle), libm::sin(angle));
            for i in (k..n).step_by(2 * half) {
                let j = i + half;
                let (x, y) = (re[j] * c - im[j] * s, re[j] * s + im[j] * c);
                (re[j], im[j]) = (re[i] - x, im[i] - y);
                (re[i], im[i]) = (re[i] + x, im[i] + y);
            }
        }
        half *= 2;
    }
}
