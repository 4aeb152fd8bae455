//! What programmed devices say of writing, keeping and reading.

use neurohm_device::{Anchor, Curve, Deviation, Noise, Retention, Write};

use super::probe::Kept;

fn table(levels: &[f64], high: f64, y: impl Fn(usize) -> f64) -> Curve {
    let x = levels.iter().map(|level| level / high).collect();
    Curve::Table { x, y: (0..levels.len()).map(y).collect() }
}

/// Errors of program and verify by level, and how many missed their target.
pub(super) fn write(kept: &[Vec<Kept>], levels: &[f64], high: f64) -> (Write, usize) {
    let missed = kept.iter().flatten().filter(|k| !k.met).count();
    let error = |n: usize| {
        let squares = kept.iter().map(|k| (k[n].reached_s - levels[n]).powi(2));
        (squares.sum::<f64>() / kept.len() as f64).sqrt() / high
    };
    let deviation =
        Deviation::Scaled { unit_s: high, fitted_g_max_s: high, curve: table(levels, high, error) };
    (Write::Programmed { c2c: Some(deviation), d2d: None }, missed)
}

/// Shift and spread of the programmed levels at each age; none where there are no ages.
pub(super) fn retention(kept: &[Vec<Kept>], levels: &[f64], high: f64, ages_s: &[f64]) -> Option<Retention> {
    if ages_s.is_empty() {
        return None;
    }
    let moved = |n: usize, age: usize| -> Vec<f64> {
        kept.iter().map(|k| (k[n].later_s[age] - k[n].reached_s) / high).collect()
    };
    let still =
        (0..levels.len()).all(|n| (0..ages_s.len()).all(|age| moved(n, age).iter().all(|m| m.abs() < 1e-6)));
    if still {
        return Some(Retention::Ideal {});
    }
    let anchors = ages_s
        .iter()
        .enumerate()
        .map(|(age, age_s)| {
            let mean = |n: usize| neurohm_num::stats::mean(&moved(n, age));
            let spread = |n: usize| if kept.len() > 1 { neurohm_num::stats::sd(&moved(n, age)) } else { 0.0 };
            Anchor {
                age_s: *age_s,
                shift: Some(table(levels, high, mean)),
                spread: table(levels, high, spread),
            }
        })
        .collect();
    Some(Retention::Measured { unit_s: high, fitted_g_max_s: high, anchors })
}

/// Noise of the reads by level; below a millionth of the conductance it is rounding.
pub(super) fn noise(kept: &[Vec<Kept>], levels: &[f64], high: f64) -> Noise {
    let ratio = |n: usize| {
        let squares = kept.iter().map(|k| (k[n].noise_s / k[n].reached_s.abs()).powi(2));
        (squares.sum::<f64>() / kept.len() as f64).sqrt()
    };
    if (0..levels.len()).all(|n| ratio(n).is_nan() || ratio(n) < 1e-6) {
        return Noise::Ideal {};
    }
    Noise::White { amplitude: Deviation::Relative { curve: table(levels, high, ratio) } }
}
