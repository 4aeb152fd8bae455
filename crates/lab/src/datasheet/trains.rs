//! What trains of equal pulses say: how many carry a device over its range, how they bend, how up and down differ.

use neurohm_device::nonlinearity;

/// Part of what a train can reach that it is judged over: laws whose steps vanish at the end never arrive.
const COVERED: f64 = 0.9;
/// Conductances at which steps up and down are compared.
const POINTS: u32 = 91;

/// A train, cut where it has covered [`COVERED`] of its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Train {
    /// Pulses to there.
    pub pulses: u32,
    /// Size of the nonlinearity label; none of a train of fewer than three pulses, which has no curve.
    pub label: Option<f64>,
}

/// Judges the conductances after 0, 1, ... pulses; none of a train that goes nowhere.
pub(super) fn judge(trace: &[f64]) -> Option<Train> {
    let (first, last) = (*trace.first()?, *trace.last()?);
    let way = last - first;
    if !way.is_finite() || way.abs() <= 1e-9 * first.abs().max(last.abs()) {
        return None;
    }
    let pulses = trace.iter().position(|g| (g - first) / way >= COVERED)?;
    let label = (pulses >= 3).then(|| nonlinearity::label_of(&trace[..=pulses])).flatten().map(f64::abs);
    // What rounding bends is straight.
    let label = label.map(|l| if l < 1e-9 { 0.0 } else { l });
    Some(Train { pulses: pulses as u32, label })
}

/// Mean over the middle nine tenths of `range` of | up - down | / (up + down), where `up` and `down` are the sizes of
/// the steps at a conductance: 0 for a symmetric device, 1 for one that only goes one way. Steps of the wrong sign
/// count as none; where one of them is not known, nothing is compared. None of a range of which less than half is known.
pub(super) fn asymmetry(
    range: [f64; 2],
    up: impl Fn(f64) -> Option<f64>,
    down: impl Fn(f64) -> Option<f64>,
) -> Option<f64> {
    let [low, high] = range;
    let at = |n: u32| low + (high - low) * (0.05 + 0.9 * f64::from(n) / f64::from(POINTS - 1));
    let one = |g: f64| {
        let (up, down) = (up(g)?.max(0.0), down(g)?.max(0.0));
        (up + down > 0.0).then(|| (up - down).abs() / (up + down))
    };
    let all: Vec<f64> = (0..POINTS).filter_map(|n| one(at(n))).collect();
    (2 * all.len() >= POINTS as usize).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// The size of the step that a train takes at conductance `g`: linear between the middles of its steps, none where it
/// never was.
pub(super) fn step_at(trace: &[f64], g: f64) -> Option<f64> {
    let middle = |w: &[f64]| 0.5 * (w[0] + w[1]);
    let between = |a: f64, b: f64| (a.min(b)..=a.max(b)).contains(&g);
    if let Some(w) = trace.windows(3).find(|w| between(middle(&w[..2]), middle(&w[1..]))) {
        let (a, b) = (middle(&w[..2]), middle(&w[1..]));
        let (da, db) = ((w[1] - w[0]).abs(), (w[2] - w[1]).abs());
        return Some(if a == b { da } else { da + (db - da) * (g - a) / (b - a) });
    }
    // Before the first step's middle and after the last one's, within the step itself.
    trace.windows(2).find(|w| between(w[0], w[1])).map(|w| (w[1] - w[0]).abs())
}
