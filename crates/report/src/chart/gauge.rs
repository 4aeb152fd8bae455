//! The line of a report card on which value, target and ideal stand.

use neurohm_study::record::{Axis, Scalar};

use crate::number;
use crate::scale::Scale;
use crate::svg::Svg;

/// Draws the value with its interval, the target as an upright and the ideal as a diamond on one line; worse is
/// left, better right.
pub(crate) fn gauge(
    merit: &Scalar,
    target: Option<f64>,
    verdict: &str,
    lower_is_better: bool,
    id: &str,
) -> String {
    const WIDTH: f64 = 300.0;
    const MIDDLE: f64 = 13.0;
    let axis = Axis::linear("", &merit.unit);
    let values = [Some(merit.value), merit.ci95.map(|c| c[0]), merit.ci95.map(|c| c[1]), merit.ideal, target];
    let scale = Scale::over(values.into_iter().flatten(), &axis, false);
    let across = |value: f64| {
        let at = scale.place(value).map(|at| if lower_is_better { 1.0 - at } else { at });
        at.map(|at| 12.0 + at * (WIDTH - 24.0))
    };
    let show = |value| number::quantity(value, None, &merit.unit).to_string();
    let mut about = number::quantity(merit.value, merit.ci95, &merit.unit).to_string();
    if let Some(target) = target {
        about += &format!(", target {}", show(target));
    }
    if let Some(ideal) = merit.ideal {
        about += &format!(", ideal {}", show(ideal));
    }
    let mut svg = Svg::new(id, WIDTH, 26.0, &merit.about, &about);
    svg.line("axis", [4.0, MIDDLE], [WIDTH - 4.0, MIDDLE]);
    if let Some(u) = target.and_then(across) {
        svg.line("upright target", [u, 2.0], [u, 24.0]);
    }
    if let Some(u) = merit.ideal.and_then(across) {
        svg.raw(&format!("<path class=\"diamond\" d=\"M{:.1} {MIDDLE}l5-5l5 5l-5 5z\"/>", u - 5.0));
    }
    if let Some([Some(low), Some(high)]) = merit.ci95.map(|ci| ci.map(across)) {
        svg.line(&format!("spread {verdict}"), [low, MIDDLE], [high, MIDDLE]);
    }
    if let Some(u) = across(merit.value) {
        svg.circle(&format!("dot {verdict}"), [u, MIDDLE], 5.5, "");
    }
    svg.finish()
}
