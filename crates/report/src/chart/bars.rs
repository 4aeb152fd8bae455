//! What each non-ideality costs, seen from both sides: how far its absence lifts the whole device ("all but
//! this", a bar from the full value), and how far it alone pulls a chip without any of them down ("only this", a
//! bar from the value with all off). One side hides what the other shows, so both are drawn.

use neurohm_study::record::{Ablation, Axis, Scalar};

use super::{Drawn, Frame, Key, SMALL, WIDTH};
use crate::number;
use crate::scale::{MARGIN, Scale};
use crate::svg::{Anchor, Svg, width, wrap};

/// Height of a bar, and of a line of words.
const BAR: f64 = 11.0;
const WORDS: f64 = 16.0;

/// Draws the ablation of a figure of merit, in the order given.
pub(crate) fn bars(
    merit: &Scalar,
    all_off: Option<&Scalar>,
    target: Option<f64>,
    ablation: &[&Ablation],
    id: &str,
) -> Drawn {
    let zero = zero(merit, all_off);
    let axis = Axis::linear(&merit.about, &merit.unit);
    let ends = |scalar: &Scalar| [Some(scalar.value), scalar.ci95.map(|c| c[0]), scalar.ci95.map(|c| c[1])];
    let values = ablation.iter().flat_map(|a| [ends(&a.without), ends(&a.alone)].into_iter().flatten());
    let values = values.chain(ends(merit)).chain([zero.map(|(_, v)| v), target]).flatten();
    let x = Scale::over(values, &axis, true);

    let (left, right, top) = (8.0, WIDTH - MARGIN, 34.0);
    let titles: Vec<Vec<String>> =
        ablation.iter().map(|a| wrap(&a.about, right - left, SMALL + 1.0)).collect();
    let row = |title: &Vec<String>| title.len() as f64 * WORDS + 2.0 * BAR + 18.0;
    let bottom = top + titles.iter().map(row).sum::<f64>();
    let height = bottom + 44.0;
    let mut svg =
        Svg::new(id, WIDTH, height, "What each non-ideality costs", &summary(merit, zero, ablation));
    let frame = Frame { left, right, top, bottom, x, y: x };

    svg.line("axis", [left, bottom], [right, bottom]);
    frame.x_ticks(&mut svg, &axis);
    svg.text("label", [right, height - 4.0], Anchor::End, &super::axis_label(&axis, &x));
    let mut legend = vec![
        Key { class: "block c1".into(), name: "all but this".into() },
        Key { class: "block c2".into(), name: "only this".into() },
    ];
    legend.extend(uprights(&mut svg, &frame, merit, zero, target));

    let mut y = top;
    for (a, title) in ablation.iter().zip(&titles) {
        for line in title {
            y += WORDS;
            svg.text("name", [left, y - 3.0], Anchor::Start, line);
        }
        bar(&mut svg, &frame, ("bar c1", "All but this", a), (merit.value, &a.without), y + 3.0);
        bar(
            &mut svg,
            &frame,
            ("bar c2", "Only this", a),
            (zero.map_or(merit.value, |(_, value)| value), &a.alone),
            y + BAR + 5.0,
        );
        y += 2.0 * BAR + 18.0;
    }
    Drawn { svg: svg.finish(), legend }
}

/// Where "only this" starts, by name: the chip with all off. Records of old hold no such value; there it is the
/// ideal device.
pub(crate) fn zero(merit: &Scalar, all_off: Option<&Scalar>) -> Option<(&'static str, f64)> {
    all_off.map(|off| ("all off", off.value)).or(merit.ideal.map(|ideal| ("ideal device", ideal)))
}

/// The values that the bars start from, and the target, named above them; where names would collide the name
/// goes to the legend.
fn uprights(
    svg: &mut Svg,
    frame: &Frame,
    merit: &Scalar,
    zero: Option<(&'static str, f64)>,
    target: Option<f64>,
) -> Vec<Key> {
    let mut marks = vec![("full", "all on", merit.value)];
    marks.extend(zero.map(|(name, v)| ("ideal", name, v)));
    marks.extend(target.map(|v| ("target", "target", v)));
    let mut taken: Vec<[f64; 2]> = Vec::new();
    let mut unnamed = Vec::new();
    for (class, name, value) in marks {
        let Some(u) = frame.across(value) else { continue };
        svg.line(&format!("upright {class}"), [u, frame.top - 8.0], [u, frame.bottom]);
        let half = 0.5 * width(name, SMALL);
        let u = u.clamp(half, WIDTH - half);
        if taken.iter().all(|[l, r]| u + half < l - 6.0 || u - half > r + 6.0) {
            svg.text("tick", [u, frame.top - 14.0], Anchor::Middle, name);
            taken.push([u - half, u + half]);
        } else {
            unnamed.push(Key { class: format!("rule {class}"), name: name.into() });
        }
    }
    unnamed
}

/// One bar from `from` to the scalar, with the scalar's interval as a whisker.
fn bar(
    svg: &mut Svg,
    frame: &Frame,
    (class, what, a): (&str, &str, &Ablation),
    (from, to): (f64, &Scalar),
    y: f64,
) {
    let (Some(start), Some(end)) = (frame.across(from), frame.across(to.value)) else { return };
    let tip = format!("{what} ({}): {}", a.path, number::quantity(to.value, to.ci95, &to.unit));
    // A bar of no length still shows that it was looked at.
    let end_seen = if (end - start).abs() < 2.0 { start + 2.0 } else { end };
    svg.rect(class, [start, y], [end_seen, y + BAR], &tip);
    if let Some([Some(low), Some(high)]) = to.ci95.map(|ends| ends.map(|end| frame.across(end))) {
        let middle = y + BAR / 2.0;
        svg.line("whisker", [low, middle], [high, middle]);
        svg.line("whisker", [low, middle - 3.0], [low, middle + 3.0]);
        svg.line("whisker", [high, middle - 3.0], [high, middle + 3.0]);
    }
}

fn summary(merit: &Scalar, zero: Option<(&'static str, f64)>, ablation: &[&Ablation]) -> String {
    let show = |s: &Scalar| number::quantity(s.value, s.ci95, &s.unit).to_string();
    let mut text = format!("{}: {} with everything on", merit.about, show(merit));
    if let Some((name, value)) = zero {
        text += &format!(", {} with {name}", number::quantity(value, None, &merit.unit));
    }
    for a in ablation {
        text += &format!("; {}: {} without it, {} with it alone", a.about, show(&a.without), show(&a.alone));
    }
    text + "."
}
