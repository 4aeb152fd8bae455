//! Figures: axes, lines and their thinning, and numbers over several devices.

use neurohm_num::quantity::{self, Dimension};
use neurohm_num::stats::{Interval, mean_ci95};
pub(crate) use neurohm_study::record::Line;
use neurohm_study::record::{Axis, Series};

/// Lines of single devices that a figure shows at most.
pub(crate) const SHOWN: usize = 8;
/// Points of a line beyond which it is thinned for the figure; files hold all.
const POINTS: usize = 1500;

pub(crate) fn linear(label: &str, unit: &str) -> Axis {
    Axis { label: label.into(), unit: unit.into(), log: false }
}

pub(crate) fn logarithmic(label: &str, unit: &str) -> Axis {
    Axis { label: label.into(), unit: unit.into(), log: true }
}

/// What a figure shows of so many values along a line.
pub(crate) fn thinned(values: Vec<f64>) -> Vec<f64> {
    let every = values.len().div_ceil(POINTS).max(1);
    // The last point closes a loop.
    let last = values.len().saturating_sub(1);
    values.into_iter().enumerate().filter(|(n, _)| n % every == 0 || *n == last).map(|(_, v)| v).collect()
}

pub(crate) fn line(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Line {
    Line::new(name, thinned(x), thinned(y))
}

pub(crate) fn dashed(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Line {
    Line { reference: true, ..line(name, x, y) }
}

pub(crate) fn series(name: &str, caption: impl Into<String>, x: Axis, y: Axis, lines: Vec<Line>) -> Series {
    Series { name: name.into(), caption: caption.into(), x, y, lines }
}

/// Mean over devices, with its 95 % interval where there are several that differ by more than rounding.
pub(crate) fn over(values: &[f64]) -> (f64, Option<[f64; 2]>) {
    let (mean, interval) = mean_ci95(values);
    let differ = |i: &Interval| i.half_width() > 1e-12 * mean.abs();
    (mean, interval.filter(differ).map(|i| [i.low, i.high]))
}

/// Mean and interval at each position over the devices' lines.
pub(crate) fn mean_line(name: impl Into<String>, x: Vec<f64>, lines: &[Vec<f64>]) -> Line {
    let at = |n: usize| over(&lines.iter().filter_map(|l| l.get(n).copied()).collect::<Vec<_>>());
    let all: Vec<(f64, Option<[f64; 2]>)> = (0..x.len()).map(at).collect();
    let mut out = line(name, x, all.iter().map(|(mean, _)| *mean).collect());
    if all.iter().any(|(_, interval)| interval.is_some()) {
        let end = |k: usize| thinned(all.iter().map(|(mean, i)| i.map_or(*mean, |i| i[k])).collect());
        (out.low, out.high) = (end(0), end(1));
    }
    out
}

/// A quantity in a sentence, to four digits.
pub(crate) fn said(value: f64, dimension: Dimension) -> String {
    quantity::format(quantity::rounded(value, 4), dimension)
}

/// The name of a line of one device.
pub(crate) fn device_name(id: usize, devices: usize, what: &str) -> String {
    match (devices, what) {
        (1, "") => "device".into(),
        (1, what) => what.into(),
        (_, "") => format!("device {id}"),
        (_, what) => format!("{what}, device {id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_of_long_lines_stays_in_its_place() {
        let n = 4 * POINTS;
        let x: Vec<f64> = (0..n).map(|n| n as f64).collect();
        // Two devices at x - 1 and x + 1: the mean is x wherever it is shown.
        let lines = [-1.0, 1.0].map(|d| x.iter().map(|x| x + d).collect::<Vec<f64>>());
        let mean = mean_line("mean", x.clone(), &lines);
        assert!(mean.x.len() <= POINTS + 1 && mean.x.last() == x.last());
        assert_eq!(mean.y, mean.x);
        assert!(mean.low.len() == mean.x.len() && mean.high.len() == mean.x.len());
        assert!(mean.low.iter().zip(&mean.x).all(|(low, x)| low < x));
    }
}
