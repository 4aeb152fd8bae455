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

pub(crate) fn line(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Line {
    let every = x.len().div_ceil(POINTS).max(1);
    // The last point closes a loop.
    let keep = |v: Vec<f64>| {
        let last = v.len().saturating_sub(1);
        v.into_iter().enumerate().filter(|(n, _)| n % every == 0 || *n == last).map(|(_, v)| v).collect()
    };
    Line { name: name.into(), x: keep(x), y: keep(y), low: Vec::new(), high: Vec::new(), reference: false }
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
    let mut out = line(name, x, Vec::new());
    for n in 0..out.x.len() {
        let values: Vec<f64> = lines.iter().filter_map(|l| l.get(n).copied()).collect();
        let (mean, interval) = over(&values);
        out.y.push(mean);
        if let Some([low, high]) = interval {
            out.low.push(low);
            out.high.push(high);
        }
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
