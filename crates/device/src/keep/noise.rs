//! Fit of read noise to series of reads: scatter by level, spectrum, telegraph noise.

use neurohm_num::stats::{self, Interval};

use super::{KeepError, Spectrum, hertz, rms, seconds, siemens, welch};
use crate::aspect::Noise;
use crate::law::{Curve, Deviation};
use crate::predict::Reads;

/// One cell, read again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Which cell, as the user calls it.
    pub name: String,
    /// Its conductances, S.
    pub g_s: Vec<f64>,
}

/// How to fit noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseOptions {
    /// Reads a second, 1/s.
    pub rate_hz: f64,
    /// Age of the first read, s; a second where nothing is known.
    pub first_s: f64,
    /// Largest conductance of the device, S; without it the highest mean.
    pub g_max_s: Option<f64>,
    /// Between which frequencies the slope is taken, Hz; from four lines of the spectrum's lowest to a tenth of half the
    /// rate where not given.
    pub band_hz: Option<(f64, f64)>,
}

/// What one series says.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesNoise {
    /// Which cell.
    pub name: String,
    /// Mean conductance, S.
    pub mean_s: f64,
    /// Standard deviation, S.
    pub sd_s: f64,
    /// Slope of the logarithm of the power spectral density over that of the frequency: -1 is 1/f noise, 0 is white.
    pub slope: f64,
    /// Its 95 % interval, from the scatter about the straight line.
    pub slope_interval95: Interval,
    /// Density at 1 Hz along that line, S^2/Hz.
    pub at_1_hz_s2_per_hz: f64,
    /// Between which frequencies the line was fitted, Hz.
    pub band_hz: (f64, f64),
    /// The spectrum, S^2/Hz: geometric means over tenths of a decade.
    pub spectrum: Spectrum,
    /// Levels of telegraph noise (S) and the share of time in the upper one, where the reads have two states.
    pub telegraph: Option<Telegraph>,
    /// Variance of half the differences of neighbouring reads over the variance: 1 for white noise.
    pub jitter: f64,
}

impl SeriesNoise {
    /// Density along the fitted straight line, S^2/Hz.
    pub fn line_s2_per_hz(&self, frequency_hz: f64) -> f64 {
        self.at_1_hz_s2_per_hz * libm::pow(frequency_hz, self.slope)
    }

    /// Decimal logarithm of the line over the spectrum, at the spectrum's frequencies.
    pub fn residuals_log10(&self) -> Vec<f64> {
        let points = self.spectrum.frequency_hz.iter().zip(&self.spectrum.density);
        points.map(|(f, d)| libm::log10(self.line_s2_per_hz(*f) / d)).collect()
    }
}

/// Two states of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Telegraph {
    /// Lower state, S.
    pub low_s: f64,
    /// Upper state, S.
    pub high_s: f64,
    /// Share of the reads in the upper state.
    pub upper: f64,
    /// Mean time in the lower and in the upper state, s.
    pub dwell_s: [f64; 2],
}

/// Noise as fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedNoise {
    /// The aspect.
    pub noise: Noise,
    /// Largest conductance it is scaled by, S.
    pub g_max_s: f64,
    /// What each series says, in the order given.
    pub series: Vec<SeriesNoise>,
    /// What was chosen, and what it leaves out.
    pub notes: Vec<String>,
}

/// Fewest reads of a series.
const FEWEST: usize = 64;
/// Slopes flatter than this are white noise.
const WHITE: f64 = -0.4;

/// Fits an amplitude over the conductance: white noise where spectra are flat (median slope above -0.4), else 1/f noise,
/// whose time of a read is chosen so that neighbouring reads differ as measured (in the median of the series) and whose
/// amplitude so that a series of as many reads at the same rate scatters as measured ([`Reads::variance`]). Steeper or
/// flatter spectra than 1/f keep their scatter over the measured duration, and are wrong over others: the slopes say by
/// how much.
///
/// # Errors
/// No series, one with fewer than 64 reads or numbers that are none, a rate that is none, no scatter at all.
pub fn fit_noise(series: &[Series], options: &NoiseOptions) -> Result<FittedNoise, KeepError> {
    let rate = options.rate_hz;
    if !rate.is_finite() || rate <= 0.0 || !options.first_s.is_finite() || options.first_s < 0.0 {
        let why = format!("{rate} reads a second from {} s on; give the rate of the reads", options.first_s);
        return Err(KeepError::Value(why));
    }
    if series.is_empty() {
        return Err(KeepError::Few("no series of reads".to_owned()));
    }
    let each = series.iter().map(|s| one(s, options)).collect::<Result<Vec<_>, _>>()?;
    let highest = each.iter().map(|s| s.mean_s).fold(0.0, f64::max);
    let g_max_s = options.g_max_s.unwrap_or(highest);
    if !(g_max_s.is_finite() && g_max_s > 0.0) {
        return Err(KeepError::Value(format!("the largest conductance is {g_max_s} S")));
    }
    if each.iter().all(|s| s.sd_s == 0.0) {
        let why = "no series scatters at all; the reads may be rounded to fewer digits than the noise has"
            .to_owned();
        return Err(KeepError::Undetermined { what: "noise", why });
    }
    let mut notes = Vec::new();
    let median = |of: fn(&SeriesNoise) -> f64| {
        let all: Vec<f64> = each.iter().map(of).collect();
        stats::quantile(&all, 0.5).unwrap_or(0.0)
    };
    let slope = median(|s| s.slope);
    let white = slope > WHITE;
    let t_read_s = read_time(median(|s| s.jitter), series, options);
    // Standard deviation of a series of unit amplitude.
    let unit = |count: usize| {
        let reads = Reads { first_s: options.first_s, rate_hz: rate, count };
        if white { 1.0 } else { libm::sqrt(reads.variance(t_read_s)) }
    };
    let mut levels: Vec<(f64, f64)> = each
        .iter()
        .zip(series)
        .map(|(s, reads)| (s.mean_s / g_max_s, s.sd_s / unit(reads.g_s.len())))
        .collect();
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let curve = merged(&levels, g_max_s / 100.0);
    let amplitude = Deviation::Scaled { unit_s: g_max_s / 100.0, fitted_g_max_s: g_max_s, curve };
    let noise = if white {
        notes.push(format!("spectra are flat (median slope {slope:.2}): noise is taken as white"));
        Noise::White { amplitude }
    } else {
        notes.push(format!(
            "spectra fall with the frequency (median slope {slope:.2}): noise is taken as 1/f with a read of {}",
            seconds(t_read_s)
        ));
        Noise::OneOverF { t_read_s, amplitude }
    };
    for s in each.iter().filter(|_| !white) {
        let i = s.slope_interval95;
        if !(-1.4..=-0.6).contains(&s.slope) {
            notes.push(format!(
                "the spectrum of `{}` at {} has slope {:.2} ({:.2} to {:.2}) from {} to {}, which is not 1/f: its \
                 scatter holds for the measured duration alone",
                s.name, siemens(s.mean_s), s.slope, i.low, i.high, hertz(s.band_hz.0), hertz(s.band_hz.1)
            ));
        }
    }
    for (s, t) in each.iter().filter_map(|s| Some((s, s.telegraph?))) {
        notes.push(format!(
            "`{}` jumps between {} and {} (telegraph noise, {:.0} % of the time in the upper state, {} and {} a stay); \
             its scatter is in the amplitude, its two states are not in the law",
            s.name, siemens(t.low_s), siemens(t.high_s), 100.0 * t.upper, seconds(t.dwell_s[0]), seconds(t.dwell_s[1])
        ));
    }
    if series.len() < 20 {
        notes.push(format!(
            "{} cells say little of how the noise differs from cell to cell at one level",
            series.len()
        ));
    }
    Ok(FittedNoise { noise, g_max_s, series: each, notes })
}

/// Levels closer than 1 / 40 of the range become one, with the root of their mean variance.
fn merged(levels: &[(f64, f64)], unit_s: f64) -> Curve {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < levels.len() {
        let end = levels[i..].iter().position(|l| l.0 > levels[i].0 + 0.025).map_or(levels.len(), |n| i + n);
        let group = &levels[i..end];
        x.push(group.iter().map(|l| l.0).sum::<f64>() / group.len() as f64);
        y.push(rms(group.iter().map(|l| l.1)) / unit_s);
        i = end;
    }
    Curve::Table { x, y }
}

/// The time of a read with which 1/f noise has the ratio of the scatter of neighbours to that of the series.
fn read_time(jitter: f64, series: &[Series], options: &NoiseOptions) -> f64 {
    let count = series.iter().map(|s| s.g_s.len()).min().unwrap_or(2);
    let reads = Reads { first_s: options.first_s, rate_hz: options.rate_hz, count };
    let step = 1.0 / options.rate_hz;
    // Half the mean square of neighbours' differences: ln((step + b) / b) but for a term of 1 / age.
    let ratio = |t: f64| libm::log1p(step / (4.0 * t)) / reads.variance(t);
    let (mut low, mut high) = (libm::log(1e-9 * step), libm::log(step));
    if jitter <= ratio(step) {
        return step;
    }
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if ratio(libm::exp(middle)) > jitter { low = middle } else { high = middle }
    }
    libm::exp(0.5 * (low + high)).max(1e-12)
}

fn one(series: &Series, options: &NoiseOptions) -> Result<SeriesNoise, KeepError> {
    let (name, g) = (&series.name, &series.g_s);
    if g.len() < FEWEST {
        return Err(KeepError::Few(format!(
            "`{name}` has {} reads; a spectrum needs {FEWEST} and more",
            g.len()
        )));
    }
    if let Some(i) = g.iter().position(|v| !v.is_finite()) {
        return Err(KeepError::Value(format!("read {i} of `{name}` is {}", g[i])));
    }
    let (mean_s, sd_s) = (stats::mean(g), stats::sd(g));
    // What rounding leaves of reads that are all alike is no noise.
    let sd_s = if sd_s > 1e-12 * mean_s.abs() { sd_s } else { 0.0 };
    let length = (g.len() / 8).max(32);
    let spectrum = welch(g, options.rate_hz, length);
    let lowest = spectrum.frequency_hz.first().copied().unwrap_or(0.0);
    let (low, high) = options.band_hz.unwrap_or((4.0 * lowest, 0.05 * options.rate_hz));
    let lines = spectrum.frequency_hz.iter().zip(&spectrum.density).filter(|(_, d)| **d > 0.0);
    let logs = |(f, d): (&f64, &f64)| (libm::log10(*f), libm::log10(*d));
    // Octaves weigh alike, not lines, of which most are in the last octave.
    let (x, y): (Vec<f64>, Vec<f64>) =
        lines.clone().filter(|(f, _)| (low..=high).contains(*f)).map(logs).unzip();
    let (x, y) = thinned(&x, &y);
    let (all_x, all_y): (Vec<f64>, Vec<f64>) = lines.map(logs).unzip();
    let (all_x, all_y) = thinned(&all_x, &all_y);
    let power = |v: Vec<f64>| v.into_iter().map(|v| libm::pow(10.0, v)).collect();
    let (slope, offset, error) = line(&x, &y);
    let t = 2.0 + 8.0 / (x.len() as f64 - 2.0).max(1.0);
    let half = t * error;
    let differences = g.windows(2).map(|w| w[1] - w[0]);
    let jitter = if sd_s > 0.0 { 0.5 * rms(differences).powi(2) / (sd_s * sd_s) } else { 1.0 };
    Ok(SeriesNoise {
        name: name.clone(),
        mean_s,
        sd_s,
        slope,
        slope_interval95: Interval { low: slope - half, high: slope + half },
        at_1_hz_s2_per_hz: libm::pow(10.0, offset),
        band_hz: (low, high),
        spectrum: Spectrum { frequency_hz: power(all_x), density: power(all_y), segments: spectrum.segments },
        telegraph: telegraph(g, sd_s, 1.0 / options.rate_hz),
        jitter,
    })
}

/// Means over tenths of a decade.
fn thinned(x: &[f64], y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut at, mut of) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < x.len() {
        let end = x[i..].iter().position(|v| *v > x[i] + 0.1).map_or(x.len(), |n| i + n);
        let n = (end - i) as f64;
        at.push(x[i..end].iter().sum::<f64>() / n);
        of.push(y[i..end].iter().sum::<f64>() / n);
        i = end;
    }
    (at, of)
}

/// Slope, offset and standard error of the slope of the straight line through points.
fn line(x: &[f64], y: &[f64]) -> (f64, f64, f64) {
    let n = x.len() as f64;
    if x.len() < 3 {
        return (0.0, stats::mean(y), f64::INFINITY);
    }
    let (mx, my) = (stats::mean(x), stats::mean(y));
    let sxx: f64 = x.iter().map(|x| (x - mx) * (x - mx)).sum();
    let sxy: f64 = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum();
    let slope = sxy / sxx;
    let rest: f64 = x.iter().zip(y).map(|(x, y)| (y - my - slope * (x - mx)).powi(2)).sum();
    (slope, my - slope * mx, libm::sqrt(rest / (n - 2.0) / sxx))
}

/// Two states, if the reads have two: the threshold that splits them with the least scatter within (Otsu 1979) leaves
/// under 15 % of the variance (a single normal distribution keeps 36 %), both states hold 2 % of the reads, and stays
/// last for more than two reads on average.
fn telegraph(g: &[f64], sd_s: f64, step_s: f64) -> Option<Telegraph> {
    if sd_s <= 0.0 {
        return None;
    }
    let mut sorted = g.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let total: f64 = sorted.iter().sum();
    let (mut sum, mut best) = (0.0, (0.0, 0));
    for (i, v) in sorted.iter().enumerate().take(sorted.len() - 1) {
        sum += v;
        let (low, high) = (i as f64 + 1.0, n - i as f64 - 1.0);
        let apart = sum / low - (total - sum) / high;
        let between = low * high / (n * n) * apart * apart;
        if between > best.0 {
            best = (between, i);
        }
    }
    let (between, i) = best;
    let low = (i + 1) as f64 / n;
    if between < 0.85 * sd_s * sd_s || !(0.02..=0.98).contains(&low) {
        return None;
    }
    let threshold = 0.5 * (sorted[i] + sorted[i + 1]);
    let jumps = g.windows(2).filter(|w| (w[0] > threshold) != (w[1] > threshold)).count();
    if jumps < 2 || g.len() < 3 * jumps {
        return None;
    }
    let stays = (jumps as f64 + 1.0) / 2.0;
    let (below, above) = (&sorted[..=i], &sorted[i + 1..]);
    Some(Telegraph {
        low_s: stats::mean(below),
        high_s: stats::mean(above),
        upper: 1.0 - low,
        dwell_s: [below.len() as f64 * step_s / stays, above.len() as f64 * step_s / stays],
    })
}
