//! The charts: lines with bands, bars of an ablation, maps, floor plans, and the gauge of a report card. Each gives one SVG
//! that is drawn in classes (the style sheet colours them) and scales with its column.
//!
//! Our own and not a plotting crate's because the page needs three things together: colours that follow the
//! reader's light, dark or paper setting, ticks at the times people name on a logarithmic axis, and titles
//! that a screen reader and a resting pointer can read.

mod bars;
mod gauge;
mod lines;
mod map;
mod plan;

pub(crate) use bars::{bars, zero};
pub(crate) use gauge::gauge;
pub(crate) use lines::lines;
pub(crate) use map::map;
pub(crate) use plan::plan;

use neurohm_study::record::Axis;

use crate::scale::{MARGIN, NUDGE, Scale, Tick};
use crate::svg::{Anchor, Svg, width};

/// Natural width of a figure: two stand side by side on a desk, one fills a phone with text still legible.
const WIDTH: f64 = 460.0;
/// Size of tick labels.
const SMALL: f64 = 12.0;

/// A finished drawing and the key to its colours.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub svg: String,
    pub legend: Vec<Key>,
}

/// An entry of a legend.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Key {
    /// Class of the swatch.
    pub class: String,
    pub name: String,
}

/// The plotting area and its axes.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Scale,
    y: Scale,
}

impl Frame {
    /// Draws axes, grid and labels for two scales into a figure of the given height.
    fn draw(
        svg: &mut Svg,
        id: &str,
        height: f64,
        (x, x_axis): (Scale, &Axis),
        (y, y_axis): (Scale, &Axis),
    ) -> Frame {
        let (top, bottom) = (30.0, height - 42.0);
        let y_ticks = y.ticks(&y_axis.unit, bottom - top, SMALL, false);
        let labels = y_ticks.iter().filter_map(|tick| tick.label.as_deref());
        let left = labels.map(|label| width(label, SMALL)).fold(18.0, f64::max) + 12.0;
        let right = WIDTH - MARGIN;
        let frame = Frame { left, right, top, bottom, x, y };
        for Tick { at, label } in &y_ticks {
            let (Some(v), Some(label)) = (frame.down(*at), label) else { continue };
            svg.line("grid", [left, v], [right, v]);
            svg.text("tick", [left - 7.0, v + 4.0], Anchor::End, label);
        }
        svg.line("axis", [left, bottom], [right, bottom]);
        frame.x_ticks(svg, x_axis);
        svg.text("label", [0.0, 14.0], Anchor::Start, &axis_label(y_axis, &y));
        svg.text("label", [right, height - 4.0], Anchor::End, &axis_label(x_axis, &x));
        svg.raw(&format!(
            "<clipPath id=\"{id}-clip\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/></clipPath>",
            left - 5.0,
            top - 5.0,
            right - left + 10.0,
            bottom - top + 10.0
        ));
        frame
    }

    fn x_ticks(&self, svg: &mut Svg, axis: &Axis) {
        let mut first = true;
        for Tick { at, label } in self.x.ticks(&axis.unit, self.right - self.left, SMALL, true) {
            let Some(u) = self.across(at) else { continue };
            svg.line("axis", [u, self.bottom], [u, self.bottom + if label.is_some() { 5.0 } else { 3.0 }]);
            if let Some(label) = label {
                let half = 0.5 * width(&label, SMALL);
                let nudged = if first { u - NUDGE } else { u };
                svg.text(
                    "tick",
                    [nudged.clamp(half, WIDTH - half), self.bottom + 18.0],
                    Anchor::Middle,
                    &label,
                );
                first = false;
            }
        }
    }

    fn across(&self, value: f64) -> Option<f64> {
        self.x.place(value).map(|at| self.left + at * (self.right - self.left))
    }

    fn down(&self, value: f64) -> Option<f64> {
        self.y.place(value).map(|at| self.bottom - at * (self.bottom - self.top))
    }

    fn point(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        Some([self.across(x)?, self.down(y)?])
    }
}

/// The name of an axis, with the unit of its labels where they do not show it themselves.
fn axis_label(axis: &Axis, scale: &Scale) -> String {
    let label = capitalised(&axis.label);
    match axis.unit.as_str() {
        "" | "1" if scale.reading(&axis.unit).0 == 1.0 => label,
        "s" if axis.log => label,
        unit => format!("{label} ({})", scale.reading(unit).1),
    }
}

/// With a capital where it begins with a word: a function or a symbol (`ln R`) stays as it is.
fn capitalised(label: &str) -> String {
    let word = label.split(' ').next().unwrap_or_default().trim_end_matches([',', ';', ':']);
    let mut letters = label.chars();
    match letters.next() {
        Some(first) if word.len() > 2 && word.chars().all(|c| c.is_alphabetic() || c == '-') => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => label.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_begin_with_a_capital_unless_they_are_formulas() {
        for (label, shown) in [
            ("programming current", "Programming current"),
            ("on-resistance", "On-resistance"),
            ("ln(−ln(1 − F))", "ln(−ln(1 − F))"),
            ("energy, writing included", "Energy, writing included"),
            ("ln R", "ln R"),
            ("", ""),
        ] {
            assert_eq!(capitalised(label), shown);
        }
    }

    #[test]
    fn a_label_has_the_unit_of_its_ticks() {
        let axis = Axis::linear("current", "A");
        let scale = Scale::over([0.0, 8e-4].into_iter(), &axis, false);
        assert_eq!(axis_label(&axis, &scale), "Current (µA)");
        // Where no prefix belongs, a power of ten.
        let axis = Axis::linear("lost", "%");
        let scale = Scale::over([0.0, 4e-9].into_iter(), &axis, false);
        assert_eq!(axis_label(&axis, &scale), "Lost (10⁻⁹ %)");
    }
}
