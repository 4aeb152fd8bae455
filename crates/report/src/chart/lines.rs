//! Lines with the bands of their 95 % intervals.

use neurohm_study::record::{Axis, Line, Series};

use super::{Drawn, Frame, Key, WIDTH};
use crate::number;
use crate::scale::Scale;
use crate::svg::Svg;

/// Colours before they repeat with another dash.
const COLOURS: usize = 6;
/// References that are drawn each in a way of its own.
const GREYS: usize = 3;
/// Points beyond which a line stands without marks.
const MARKED: usize = 60;

/// Draws a series. Points that the axes cannot show (not finite, or not positive on a logarithmic axis) leave
/// gaps.
pub(crate) fn lines(series: &Series, id: &str) -> Drawn {
    const HEIGHT: f64 = 300.0;
    let xs = series.lines.iter().flat_map(|line| line.x.iter().copied());
    let ys = series.lines.iter().flat_map(|line| {
        [&line.y, &line.low, &line.high].into_iter().flat_map(|values| values.iter().copied())
    });
    let x = Scale::over(xs, &series.x, false);
    let y = Scale::over(ys, &series.y, true);
    let mut svg = Svg::new(id, WIDTH, HEIGHT, &series.caption, &summary(series));
    let frame = Frame::draw(&mut svg, id, HEIGHT, (x, &series.x), (y, &series.y));

    let mut legend = Vec::new();
    let points: Vec<Vec<Option<[f64; 2]>>> = (series.lines.iter())
        .map(|line| line.x.iter().zip(&line.y).map(|(x, y)| frame.point(*x, *y)).collect())
        .collect();
    let references = series.lines.iter().filter(|line| line.reference).count();
    let mut drawn = Drawing { coloured: 0, references: 0, apart: references <= GREYS };
    let mut classes: Vec<String> = series.lines.iter().map(|line| drawn.class(line)).collect();
    for n in 1..classes.len() {
        if !series.lines[n].reference
            && !series.lines[n].scattered
            && (0..n).any(|before| hides(&points[n], &points[before]))
        {
            classes[n] += " over";
        }
    }
    svg.raw(&format!("<g clip-path=\"url(#{id}-clip)\">"));
    for (line, class) in series.lines.iter().zip(&classes) {
        band(&mut svg, &frame, line, class);
    }
    // What has an interval, such as a mean, lies on top of single devices.
    // Clouds lie below everything.
    let all = || series.lines.iter().zip(&classes).zip(&points);
    let depth = |line: &Line| (!line.scattered, !line.low.is_empty());
    let mut layered: Vec<_> = all().collect();
    layered.sort_by_key(|((line, _), _)| depth(line));
    for ((line, class), points) in layered {
        if line.scattered {
            // Many points: what each of them is stands in the numbers.
            points.iter().flatten().for_each(|point| svg.circle(&format!("dot {class}"), *point, 2.2, ""));
            continue;
        }
        svg.path(&format!("line {class}"), &runs(points), false);
        if points.len() <= MARKED && !line.reference {
            // Where a line lies on another, its marks leave a ring of those below.
            let size = if class.ends_with(" over") { 1.7 } else { 3.2 };
            for (i, point) in points.iter().enumerate() {
                if let Some(point) = point {
                    svg.circle(&format!("mark {class}"), *point, size, &tip(series, line, i));
                }
            }
        }
    }
    svg.raw("</g>");
    for ((line, class), _) in all() {
        let class = if line.scattered { format!("dot {class}") } else { class.clone() };
        legend.push(Key { class, name: line.name.clone() });
    }
    Drawn { svg: svg.finish(), legend }
}

/// What was given to lines so far.
struct Drawing {
    coloured: usize,
    references: usize,
    /// Whether references are few enough to be told apart.
    apart: bool,
}

impl Drawing {
    /// Colour and dash of a line. References are grey, and a few of them drawn in ways of their own; a variant has the colour of the line before
    /// it.
    fn class(&mut self, line: &Line) -> String {
        if line.reference {
            self.references += 1;
            let n = self.references;
            return if n > 1 && self.apart { format!("ref r{n}") } else { "ref".into() };
        }
        let variant = line.variant && self.coloured > 0;
        let n = if variant { self.coloured - 1 } else { self.coloured };
        self.coloured += usize::from(!variant);
        let (colour, dash) = (n % COLOURS + 1, n / COLOURS + usize::from(variant));
        if dash == 0 { format!("c{colour}") } else { format!("c{colour} d{}", dash.min(2)) }
    }
}

/// Whether a line that is drawn over another one leaves little of it: most of their points are within a pixel.
fn hides(over: &[Option<[f64; 2]>], below: &[Option<[f64; 2]>]) -> bool {
    let near = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).abs() < 1.0 && (a[1] - b[1]).abs() < 1.0;
    let shown = below.iter().flatten().count();
    let same = over.iter().zip(below).filter(|(a, b)| matches!((a, b), (Some(a), Some(b)) if near(a, b)));
    shown > 1 && over.len() == below.len() && 4 * same.count() >= 3 * shown
}

fn band(svg: &mut Svg, frame: &Frame, line: &Line, class: &str) {
    let shown = |values: &[f64]| -> Vec<Option<[f64; 2]>> {
        line.x.iter().zip(values).map(|(x, y)| frame.point(*x, *y)).collect()
    };
    let (low, high) = (shown(&line.low), shown(&line.high));
    let both: Vec<Option<[f64; 3]>> =
        low.into_iter().zip(high).map(|(low, high)| Some([low?[0], low?[1], high?[1]])).collect();
    let mut run: Vec<[f64; 3]> = Vec::new();
    for point in both.into_iter().chain([None]) {
        match point {
            Some(point) => run.push(point),
            None => {
                let there = run.iter().map(|[x, _, high]| [*x, *high]);
                let back = run.iter().rev().map(|[x, low, _]| [*x, *low]);
                svg.path(&format!("band {class}"), &[there.chain(back).collect()], true);
                run.clear();
            }
        }
    }
}

/// Stretches without a gap.
fn runs(points: &[Option<[f64; 2]>]) -> Vec<Vec<[f64; 2]>> {
    points.split(Option::is_none).map(|run| run.iter().copied().flatten().collect()).collect()
}

/// `1 h: 0.931 ± 0.004`, for the pointer that rests on a mark.
fn tip(series: &Series, line: &Line, i: usize) -> String {
    let at = place(&series.x, line.x[i]);
    format!("{}, {at}: {}", line.name, value(series, line, i))
}

/// A position on an axis in words.
pub(crate) fn place(axis: &Axis, value: f64) -> String {
    if axis.unit == "s" { number::time(value) } else { number::quantity(value, None, &axis.unit).to_string() }
}

/// A point of a line in words, with its interval.
fn value(series: &Series, line: &Line, i: usize) -> String {
    let ci95 = line.low.get(i).zip(line.high.get(i)).map(|(low, high)| [*low, *high]);
    number::quantity(line.y[i], ci95, &series.y.unit).to_string()
}

/// What a reader who cannot see the figure needs: each line's beginning and end.
fn summary(series: &Series) -> String {
    let line = |line: &Line| -> Option<String> {
        let last = line.x.len().min(line.y.len()).checked_sub(1)?;
        let (from, to) = (place(&series.x, line.x[0]), place(&series.x, line.x[last]));
        let (first, end) = (value(series, line, 0), value(series, line, last));
        Some(format!("{}: {first} at {from}, {end} at {to}.", line.name))
    };
    let lines: Vec<String> = series.lines.iter().filter_map(line).collect();
    format!("{} against {}. {}", series.y.label, series.x.label, lines.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(lines_: Vec<Line>) -> Drawn {
        let (x, y) = (Axis::linear("x", "1"), Axis::linear("y", "1"));
        lines(&Series { name: "s".into(), caption: "c".into(), x, y, lines: lines_ }, "a")
    }

    fn classes(drawn: &Drawn) -> Vec<&str> {
        drawn.legend.iter().map(|key| key.class.as_str()).collect()
    }

    fn line(name: &str, y: [f64; 5]) -> Line {
        Line::new(name, vec![0.0, 1.0, 2.0, 3.0, 4.0], y.into())
    }

    #[test]
    fn a_line_over_another_lets_it_be_seen() {
        let (flat, bent) = ([1.0; 5], [1.0, 1.0, 1.0, 1.0, 9.0]);
        let (up, down) = ([0.0, 2.0, 4.0, 6.0, 9.0], [9.0, 6.0, 4.0, 2.0, 0.0]);
        let drawn = drawn(vec![line("a", flat), line("b", up), line("c", bent), line("d", down)]);
        assert_eq!(classes(&drawn), ["c1", "c2", "c3 over", "c4"]);
        assert!(drawn.svg.contains("line c3 over") && drawn.svg.contains("r=\"1.7\""), "{}", drawn.svg);
    }

    #[test]
    fn a_cloud_has_no_line_and_lies_below() {
        let drawn = drawn(vec![line("front", [1.0, 2.0, 3.0, 4.0, 5.0]), line("all", [5.0; 5]).scattered()]);
        assert_eq!(classes(&drawn), ["c1", "dot c2"]);
        let (dots, marks) = (drawn.svg.find("dot c2").unwrap(), drawn.svg.find("line c1").unwrap());
        assert!(dots < marks && drawn.svg.matches("dot c2").count() == 5 && !drawn.svg.contains("line c2"));
    }

    #[test]
    fn references_are_told_apart_and_variants_keep_a_colour() {
        let at = |y: f64| line("l", [y; 5]);
        let few = drawn(vec![at(1.0).dashed(), at(2.0), at(3.0).variant(), at(4.0).dashed(), at(5.0)]);
        assert_eq!(classes(&few), ["ref", "c1", "c1 d1", "ref r2", "c2"]);
        let many = drawn((0..5).map(|n| at(f64::from(n)).dashed()).collect());
        assert!(classes(&many).iter().all(|class| *class == "ref"));
    }
}
