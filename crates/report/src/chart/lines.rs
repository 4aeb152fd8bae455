//! Lines with the bands of their 95 % intervals.

use neurohm_study::record::{Axis, Line, Series};

use super::{Drawn, Frame, Key, WIDTH};
use crate::number;
use crate::scale::Scale;
use crate::svg::Svg;

/// Colours before they repeat with another dash.
const COLOURS: usize = 6;
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
    let mut drawn = 0;
    let classes: Vec<String> = series.lines.iter().map(|line| class(line, &mut drawn)).collect();
    svg.raw(&format!("<g clip-path=\"url(#{id}-clip)\">"));
    for (line, class) in series.lines.iter().zip(&classes) {
        band(&mut svg, &frame, line, class);
    }
    // What has an interval, such as a mean, lies on top of single devices.
    let all = || series.lines.iter().zip(&classes);
    let behind = all().filter(|(line, _)| line.low.is_empty());
    for (line, class) in behind.chain(all().filter(|(line, _)| !line.low.is_empty())) {
        let points: Vec<Option<[f64; 2]>> =
            line.x.iter().zip(&line.y).map(|(x, y)| frame.point(*x, *y)).collect();
        svg.path(&format!("line {class}"), &runs(&points), false);
        if points.len() <= MARKED && !line.reference {
            for (i, point) in points.iter().enumerate() {
                if let Some(point) = point {
                    svg.circle(&format!("mark {class}"), *point, 3.2, &tip(series, line, i));
                }
            }
        }
    }
    svg.raw("</g>");
    for (line, class) in all() {
        legend.push(Key { class: class.clone(), name: line.name.clone() });
    }
    Drawn { svg: svg.finish(), legend }
}

/// Colour and dash of a line; references are grey and dashed whatever their number.
fn class(line: &Line, drawn: &mut usize) -> String {
    if line.reference {
        return "ref".into();
    }
    let (colour, dash) = (*drawn % COLOURS + 1, *drawn / COLOURS);
    *drawn += 1;
    if dash == 0 { format!("c{colour}") } else { format!("c{colour} d{}", dash.min(2)) }
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
