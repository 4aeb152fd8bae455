//! What fits of what is kept, read and programmed show: measurement, law, and what is left between them.

use neurohm::device::Write;
use neurohm::device::keep::{
    Condition, FittedNoise, FittedProgramming, FittedRetention, Kept, Level, Programmed, SeriesNoise,
    conditions,
};
use neurohm::num::quantity::{self, Dimension};
use neurohm::num::stats;
use neurohm::study::record::{Axis, Line, Series as Figure};

use super::driven::plain_line;
use crate::failure::Failure;

/// Lines beyond which a figure shows some of them: its caption says so.
const LINES: usize = 6;

fn show(value: f64, dimension: Dimension) -> String {
    quantity::format(quantity::rounded(value, 3), dimension)
}

fn celsius(t_k: f64) -> String {
    format!("{} °C", quantity::rounded(t_k - 273.15, 4))
}

/// Places of at most `most` of `count` things, evenly spread, the first and the last among them.
fn some(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|i| i * (count - 1) / (most - 1).max(1)).collect()
}

/// Measured values with the 95 % intervals of their standard errors.
fn with_error(name: String, x: Vec<f64>, y: Vec<f64>, error: &[f64]) -> Line {
    let end = |sign: f64| y.iter().zip(error).map(|(y, e)| y + sign * 1.96 * e).collect();
    Line { low: end(-1.0), high: end(1.0), ..Line::new(name, x, y) }
}

/// Levels of one condition that lie in a band of conductance, as one: measured shift, its error, and the law's.
fn shift(c: &Condition, band: (f64, f64), law: &dyn Fn(&Condition, &Level) -> f64) -> Option<[f64; 3]> {
    let inside = || c.levels.iter().filter(|l| (band.0..band.1).contains(&l.initial_s));
    let cells: f64 = inside().map(|l| l.count as f64).sum();
    let mean = |of: &dyn Fn(&Level) -> f64| inside().map(|l| l.count as f64 * of(l)).sum::<f64>() / cells;
    let variance: f64 = inside().map(|l| (l.count as f64 * l.mean_error_s).powi(2)).sum();
    (cells > 0.0).then(|| {
        [mean(&|l| l.mean_s - l.initial_s), variance.sqrt() / cells, mean(&|l| law(c, l) - l.initial_s)]
    })
}

/// Mean shifts over time or temperature, and what the law leaves of means and spreads.
pub(super) fn retention(data: &[Kept], fitted: &FittedRetention) -> Result<Vec<Figure>, Failure> {
    let conditions = conditions(data, 24, Some(fitted.g_max_s))?;
    let moments = |c: &Condition, l: &Level| fitted.law.moments(l.initial_s, fitted.g_max_s, c.time_s, c.t_k);
    let levels: Vec<f64> = conditions.iter().flat_map(|c| &c.levels).map(|l| l.initial_s).collect();
    let third = |share: f64| stats::quantile(&levels, share).unwrap_or(0.0);
    let mut edges = vec![0.0, third(1.0 / 3.0), third(2.0 / 3.0), f64::INFINITY];
    edges.dedup();
    let mut temperatures: Vec<Vec<&Condition>> = Vec::new();
    for c in &conditions {
        match temperatures.last_mut() {
            Some(group) if (group[0].t_k - c.t_k).abs() < 0.5 => group.push(c),
            _ => temperatures.push(vec![c]),
        }
    }
    let over_time = temperatures.iter().any(|group| group.len() > 1);
    // One line a band and temperature over time, or a band over temperatures.
    let groups: Vec<Vec<&Condition>> =
        if over_time { temperatures } else { vec![conditions.iter().collect()] };
    let shown = some(groups.len(), LINES / 2);
    let (mut measured, mut of_law) = (Vec::new(), Vec::new());
    for group in shown.iter().map(|n| &groups[*n]) {
        for band in edges.windows(2).map(|e| (e[0], e[1])) {
            let inside: Vec<f64> = levels.iter().copied().filter(|g| (band.0..band.1).contains(g)).collect();
            let mut at = show(stats::mean(&inside), Dimension::Siemens);
            if over_time {
                at = format!("{at}, {}", celsius(group[0].t_k));
            }
            let points: Vec<(f64, [f64; 3])> = group
                .iter()
                .filter_map(|c| {
                    let x = if over_time { c.time_s } else { c.t_k - 273.15 };
                    Some((x, shift(c, band, &|c, l| moments(c, l).0)?))
                })
                .collect();
            if points.is_empty() {
                continue;
            }
            let x: Vec<f64> = points.iter().map(|p| p.0).collect();
            let of = |k: usize| points.iter().map(|p| p.1[k]).collect::<Vec<f64>>();
            of_law.push(plain_line(&format!("law, {at}"), &x, &of(2), true));
            measured.push(with_error(format!("measured, {at}"), x, of(0), &of(1)));
        }
    }
    measured.extend(of_law);
    let left_out = |shown: usize, all: usize, what: &str| {
        if shown < all { format!(" {shown} of {all} {what} are shown.") } else { String::new() }
    };
    let mut figures = vec![Figure {
        name: "shift".into(),
        caption: format!(
            "Mean change since programming of cells about a conductance, with 95 % intervals, and that of the law \
             (dashed).{}",
            if over_time { left_out(shown.len(), groups.len(), "temperatures") } else { String::new() }
        ),
        x: if over_time { Axis::logarithmic("time", "s") } else { Axis::linear("temperature", "°C") },
        y: Axis::linear("mean change", "S"),
        lines: measured,
    }];
    let chosen = some(conditions.len(), LINES);
    type Of = fn(&Level) -> f64;
    let kinds: [(&str, &str, usize, Of, Of); 2] = [
        ("residuals", "mean", 0, |l| l.mean_s, |l| l.mean_error_s),
        ("spread_residuals", "standard deviation", 1, |l| l.sd_s, |l| l.sd_error_s),
    ];
    for (name, what, which, value, error) in kinds {
        let line = |c: &Condition| {
            let x = c.levels.iter().map(|l| l.initial_s).collect();
            let of_law = |l: &Level| if which == 0 { moments(c, l).0 } else { moments(c, l).1 };
            let y = c.levels.iter().map(|l| of_law(l) - value(l)).collect();
            let error: Vec<f64> = c.levels.iter().map(error).collect();
            let time = quantity::format(quantity::rounded(c.time_s, 3), Dimension::Second);
            with_error(format!("{time} at {}", celsius(c.t_k)), x, y, &error)
        };
        figures.push(Figure {
            name: name.into(),
            caption: format!(
                "Law less measurement: {what} of each level, with the 95 % interval of the measured one.{}",
                left_out(chosen.len(), conditions.len(), "conditions")
            ),
            x: Axis::linear("conductance after programming", "S"),
            y: Axis::linear("residual", "S"),
            lines: chosen.iter().map(|n| line(&conditions[*n])).collect(),
        });
    }
    Ok(figures)
}

/// Spectra with their straight lines, and how far they are from these.
pub(super) fn noise(fitted: &FittedNoise) -> Vec<Figure> {
    let mut sorted: Vec<&SeriesNoise> = fitted.series.iter().filter(|s| s.sd_s > 0.0).collect();
    sorted.sort_by(|a, b| a.mean_s.total_cmp(&b.mean_s));
    let chosen: Vec<&SeriesNoise> = some(sorted.len(), LINES / 2).into_iter().map(|n| sorted[n]).collect();
    let (mut spectra, mut straight, mut residuals) = (Vec::new(), Vec::new(), Vec::new());
    for s in &chosen {
        let at = format!("{}, {}", s.name, show(s.mean_s, Dimension::Siemens));
        let f = &s.spectrum.frequency_hz;
        let (f_in, in_band): (Vec<f64>, Vec<f64>) = f
            .iter()
            .filter(|f| (s.band_hz.0..=s.band_hz.1).contains(*f))
            .map(|f| (*f, s.line_s2_per_hz(*f)))
            .unzip();
        straight.push(plain_line(&format!("slope {:.2}, {at}", s.slope), &f_in, &in_band, true));
        residuals.push(plain_line(&at, f, &s.residuals_log10(), false));
        spectra.push(plain_line(&at, f, &s.spectrum.density, false));
    }
    spectra.extend(straight);
    let count = if chosen.len() < sorted.len() {
        format!(" {} of {} series are shown.", chosen.len(), sorted.len())
    } else {
        String::new()
    };
    let band = match &chosen[..] {
        [first, rest @ ..] if rest.iter().all(|s| s.band_hz == first.band_hz) => {
            let [low, high] = [first.band_hz.0, first.band_hz.1].map(|f| show(f, Dimension::Hertz));
            format!(" The line was fitted between {low} and {high}.")
        }
        _ => String::new(),
    };
    vec![
        Figure {
            name: "spectra".into(),
            caption: format!(
                "Power spectral density of the reads, and the straight line fitted to it.{count}"
            ),
            x: Axis::logarithmic("frequency", "Hz"),
            y: Axis::logarithmic("power spectral density", "S²/Hz"),
            lines: spectra,
        },
        Figure {
            name: "residuals".into(),
            caption: format!("Line less measurement: decimal logarithm of the density.{band}"),
            x: Axis::logarithmic("frequency", "Hz"),
            y: Axis::linear("residual of log10", "1"),
            lines: residuals,
        },
    ]
}

/// Errors and their spread over the target, and what the law leaves of them.
pub(super) fn programming(data: &[Programmed], fitted: &FittedProgramming) -> Vec<Figure> {
    let levels = &fitted.levels;
    let of_law = |g_s: f64| match &fitted.write {
        Write::Programmed { c2c, d2d } => {
            let all = [c2c, d2d].into_iter().flatten().map(|d| d.sd_s(g_s, fitted.g_max_s).powi(2));
            all.sum::<f64>().sqrt()
        }
        _ => 0.0,
    };
    let mut errors = vec![Vec::new(); levels.len()];
    for p in data {
        let distance = |n: &usize| (levels[*n].target_s - p.target_s).abs();
        let nearest = (0..levels.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        // Farther off are the levels that have too few programmings for a spread.
        if let Some(n) = nearest.filter(|n| distance(n) <= 0.025 * fitted.g_max_s) {
            errors[n].push(p.reached_s - p.target_s);
        }
    }
    let end = |share: f64| errors.iter().map(|e| stats::quantile(e, share).unwrap_or(0.0)).collect();
    let x: Vec<f64> = levels.iter().map(|l| l.target_s).collect();
    let each = |of: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..levels.len()).map(of).collect() };
    let bias = each(&|n| levels[n].bias_s);
    let law = each(&|n| of_law(x[n]));
    let bound = |sign: f64| law.iter().map(|sd| sign * 1.96 * sd).collect::<Vec<f64>>();
    let x_axis = || Axis::linear("target", "S");
    vec![
        Figure {
            name: "errors".into(),
            caption: "Reached less target: mean of each level and the range that holds 95 % of its programmings; dashed, \
                      where the law has 95 %."
                .into(),
            x: x_axis(),
            y: Axis::linear("error", "S"),
            lines: vec![
                Line { low: end(0.025), high: end(0.975), ..Line::new("measured", x.clone(), bias.clone()) },
                plain_line("law, upper end", &x, &bound(1.0), true),
                plain_line("law, lower end", &x, &bound(-1.0), true),
            ],
        },
        Figure {
            name: "spread".into(),
            caption: "Standard deviation of programming by level, and that of the law (dashed).".into(),
            x: x_axis(),
            y: Axis::linear("standard deviation", "S"),
            lines: vec![
                plain_line("measured", &x, &each(&|n| levels[n].sd_s), false),
                plain_line("law", &x, &law, true),
            ],
        },
        Figure {
            name: "residuals".into(),
            caption: "Law less measurement at each level; the law has no mean error.".into(),
            x: x_axis(),
            y: Axis::linear("residual", "S"),
            lines: vec![
                plain_line("mean", &x, &each(&|n| -bias[n]), false),
                plain_line("standard deviation", &x, &each(&|n| law[n] - levels[n].sd_s), false),
            ],
        },
    ]
}
