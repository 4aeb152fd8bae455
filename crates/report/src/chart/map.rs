//! A matrix as a map: its pixels are one PNG inside an SVG frame with a colour bar.

use std::fmt::Write;

use neurohm_study::record::{Axis, Map, MapAxes};

use super::{Drawn, SMALL, WIDTH, axis_label};
use crate::ReportError;
use crate::colour;
use crate::number;
use crate::scale::{MARGIN, Scale};
use crate::svg::{Anchor, Svg, width};

/// Pixels of a side beyond which neighbours are averaged: more than any screen shows in this column.
const MOST: usize = 1024;

/// Rows beyond which a table of results has no numbers in its cells.
const WRITTEN: usize = 16;
/// Height of a table of results without numbers.
const TALL: f64 = 320.0;

/// Draws a map as crossbars are drawn: word lines, the rows, run across, row 0 at the top; columns count from the left. Values
/// that are not finite stay empty.
///
/// # Errors
/// Where `values` does not hold rows x cols numbers.
pub(crate) fn map(map: &Map, id: &str) -> Result<Drawn, ReportError> {
    if map.rows.checked_mul(map.cols) != Some(map.values.len()) || map.values.is_empty() {
        let (rows, cols, values) = (map.rows, map.cols, map.values.len());
        return Err(ReportError::MapShape { name: map.name.clone(), rows, cols, values });
    }
    if let Some(axes) = &map.axes {
        return grid(map, axes, id);
    }
    let range = range(map);
    let (across, down) = (map.cols.min(MOST), map.rows.min(MOST));
    let pixels = pixels(map, (across, down), &range);

    // Square cells where that gives a figure, bands of at least a third of the other side where it does not.
    let (left, most) = (24.0, WIDTH - 74.0 - 24.0);
    let [wide, tall] =
        [map.cols as f64, map.rows as f64].map(|n| (n / map.rows.max(map.cols) as f64).max(1.0 / 3.0));
    let (shown_width, shown_height) = (most * wide, most * tall);
    let right = left + shown_width;
    let (top, bottom) = (28.0, 28.0 + shown_height);
    let ends = [range.low, range.high].map(|v| number::quantity(f64::from(v), None, &map.unit));
    let [low, high] = &ends;
    let about = format!("{} rows by {} columns; {} from {low} to {high}.", map.rows, map.cols, map.label);
    let mut svg = Svg::new(id, WIDTH, bottom + 28.0, &map.caption, &about);
    picture(&mut svg, &pixels, (across, down), [left, top], [shown_width, shown_height])?;
    svg.rect("frame", [left, top], [right, bottom], "");

    svg.text("tick", [left, bottom + 17.0], Anchor::Start, "0");
    svg.text("tick", [right, bottom + 17.0], Anchor::End, &(map.cols - 1).to_string());
    svg.text("tick", [0.5 * (left + right), bottom + 17.0], Anchor::Middle, "column");
    // Upwards along the left side.
    for (y, anchor, words) in [
        (top, "end", "0".to_owned()),
        (0.5 * (top + bottom), "middle", "row".to_owned()),
        (bottom, "start", (map.rows - 1).to_string()),
    ] {
        svg.raw(&format!(
            "<text class=\"tick\" transform=\"translate({:.1} {y:.1}) rotate(-90)\" text-anchor=\"{anchor}\">{words}</text>",
            left - 8.0
        ));
    }

    key(&mut svg, map, &range, right, [top, bottom])?;
    if range.clipped {
        svg.text("tick", [WIDTH, bottom + 17.0], Anchor::End, "ends are clipped");
    }
    Ok(Drawn { svg: svg.finish(), legend: Vec::new() })
}

/// The bar of colours to the right of a picture, with ticks and the label of what the values are.
fn key(
    svg: &mut Svg,
    map: &Map,
    range: &Range,
    right: f64,
    [top, bottom]: [f64; 2],
) -> Result<(), ReportError> {
    let (axis, shown_height) = (Axis::linear(&map.label, &map.unit), bottom - top);
    bar(svg, map.diverging, [right + 16.0, top], [14.0, shown_height])?;
    svg.rect("frame", [right + 16.0, top], [right + 30.0, bottom], "");
    let plain = Axis { unit: "-".into(), ..axis.clone() };
    let base = range.base();
    let shown = [range.low, range.high].map(|v| f64::from(v) - base.map_or(0.0, |base| base.0));
    let scale = Scale::over(shown.into_iter(), &plain, false);
    let label = match base {
        None => axis_label(&axis, &scale),
        Some((at, digit)) => {
            let said = number::quantity(at, Some([at - 3.0 * digit, at + 3.0 * digit]), &map.unit);
            let less = number::Shown { half: String::new(), ..said };
            axis_label(&Axis::linear(format!("{} less {less}", map.label), &map.unit), &scale)
        }
    };
    svg.text("label", [WIDTH.min(right + 30.0 + width(&label, SMALL)), 14.0], Anchor::End, &label);
    for tick in scale.ticks(&axis.unit, shown_height, SMALL, false) {
        if let (Some(at), Some(label)) = (scale.place(tick.at), &tick.label) {
            svg.text("tick", [right + 35.0, bottom - at * shown_height + 4.0], Anchor::Start, label);
        }
    }
    Ok(())
}

/// A map that is a table of results: names along its sides, and each cell's value in it.
fn grid(map: &Map, axes: &MapAxes, id: &str) -> Result<Drawn, ReportError> {
    if (axes.row_names.len(), axes.column_names.len()) != (map.rows, map.cols) {
        let (rows, cols, values) = (axes.row_names.len(), axes.column_names.len(), map.values.len());
        return Err(ReportError::MapShape { name: map.name.clone(), rows, cols, values });
    }
    // Nothing is clipped: each cell is a result.
    let shown = map.values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = shown.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let range = if low < high { Range { low, high, clipped: false } } else { range(map) };
    let names = axes.row_names.iter().map(|name| width(name, SMALL)).fold(0.0, f64::max);
    let (left, top) = (names + 12.0, 34.0);
    let said = |value: f32, half: Option<&f32>| {
        let ci95 = half.map(|half| [value - half, value + half].map(f64::from));
        number::quantity(f64::from(value), ci95, "1")
    };
    let half_of = |said: &number::Shown| match said.half.as_str() {
        "" => String::new(),
        half => format!("± {half}"),
    };
    // Numbers are written into cells that have room for them; else colours have a key.
    let widest = map.values.iter().enumerate().map(|(i, value)| {
        let said = said(*value, map.half.get(i));
        width(&said.value, SMALL).max(width(&half_of(&said), SMALL))
    });
    let room = (WIDTH - MARGIN - left) / map.cols as f64;
    let written = map.rows <= WRITTEN && room > widest.fold(0.0, f64::max) + 4.0;
    let right = WIDTH - if written { MARGIN } else { 74.0 };
    let cell = if written { 42.0 } else { (TALL / map.rows as f64).clamp(6.0, 42.0) };
    let (shown_width, shown_height) = (right - left, cell * map.rows as f64);
    let bottom = top + shown_height;
    let ends = [range.low, range.high].map(|v| number::quantity(f64::from(v), None, &map.unit));
    let [low, high] = &ends;
    let about = format!("{} by {}; {} from {low} to {high}.", axes.rows, axes.columns, map.label);
    let mut svg = Svg::new(id, WIDTH, bottom + 42.0, &map.caption, &about);
    let drawn = pixels(map, (map.cols, map.rows), &range);
    picture(&mut svg, &drawn, (map.cols, map.rows), [left, top], [shown_width, shown_height])?;
    svg.rect("frame", [left, top], [right, bottom], "");
    let cell_width = shown_width / map.cols as f64;
    for (i, value) in map.values.iter().enumerate().filter(|(_, value)| written && value.is_finite()) {
        let (row, col) = (i / map.cols, i % map.cols);
        let said = said(*value, map.half.get(i));
        let [x, y] = [left + (col as f64 + 0.5) * cell_width, top + (row as f64 + 0.5) * cell];
        // Black or white, whichever stands out: by the cell's luma (ITU-R BT.601).
        let [r, g, b] = [0, 1, 2].map(|c| f64::from(drawn[4 * i + c]));
        let class = if 0.299 * r + 0.587 * g + 0.114 * b > 140.0 { "on-light" } else { "on-dark" };
        let up = if said.half.is_empty() { -4.0 } else { 2.0 };
        svg.text(&format!("cell {class}"), [x, y - up], Anchor::Middle, &said.value);
        if !said.half.is_empty() {
            svg.text(&format!("half {class}"), [x, y + 12.0], Anchor::Middle, &half_of(&said));
        }
    }
    // Names that would touch the one before are left out.
    let every = (15.0 / cell).ceil().max(1.0) as usize;
    for (row, name) in axes.row_names.iter().enumerate().step_by(every) {
        svg.text("tick", [left - 7.0, top + (row as f64 + 0.5) * cell + 4.0], Anchor::End, name);
    }
    let mut end = f64::NEG_INFINITY;
    for (col, name) in axes.column_names.iter().enumerate() {
        let (x, half) = (left + (col as f64 + 0.5) * cell_width, 0.5 * width(name, SMALL));
        if x - half > end + 4.0 {
            svg.text("tick", [x, bottom + 18.0], Anchor::Middle, name);
            end = x + half;
        }
    }
    let unit = if map.unit == "1" { String::new() } else { format!(" ({})", map.unit) };
    if written {
        svg.text("label", [right, 14.0], Anchor::End, &format!("{}{unit}", super::capitalised(&map.label)));
    } else {
        key(&mut svg, map, &range, right, [top, bottom])?;
    }
    svg.text("label", [0.0, 14.0], Anchor::Start, &super::capitalised(&axes.rows));
    svg.text("label", [right, bottom + 38.0], Anchor::End, &super::capitalised(&axes.columns));
    Ok(Drawn { svg: svg.finish(), legend: Vec::new() })
}

/// The values that the ends of the colours stand for, and whether anything lies beyond.
struct Range {
    low: f32,
    high: f32,
    clipped: bool,
}

impl Range {
    /// Where the range is small beside its values, a round number below it, from which ticks count, and the size of its last
    /// digit: labels of values would differ in digits that there is no room for.
    fn base(&self) -> Option<(f64, f64)> {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        let (span, size) = (high - low, low.abs().max(high.abs()));
        let digit = 10f64.powf(span.log10().floor() - 1.0);
        (span < NARROW * size).then(|| ((low / digit).floor() * digit, digit))
    }
}

/// Part of its largest value below which a range is narrow.
const NARROW: f64 = 2e-3;
/// Part of a value by which two of them differ that are the same but for their rounding to single precision.
const SAME: f32 = 4.0 * f32::EPSILON;

/// The range of the values: without the outermost thousandth at either end where those few would leave the rest
/// without contrast, around zero where zero is the middle.
fn range(map: &Map) -> Range {
    let mut sorted: Vec<f32> = map.values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else {
        return Range { low: 0.0, high: 1.0, clipped: false };
    };
    let cut = sorted.len().div_ceil(1000).min(sorted.len() / 2);
    let (inner_low, inner_high) = (sorted[cut], sorted[sorted.len() - 1 - cut]);
    let (mut low, mut high) = (least, most);
    if high - low > 2.0 * (inner_high - inner_low) && inner_high > inner_low {
        (low, high) = (inner_low, inner_high);
    }
    if map.diverging {
        high = high.abs().max(low.abs());
        low = -high;
    }
    if high - low <= SAME * high.abs().max(low.abs()) {
        let pad = if low == 0.0 { 0.5 } else { 0.05 * low.abs() };
        (low, high) = (low - pad, high + pad);
    }
    Range { low, high, clipped: least < low || most > high }
}

/// RGBA pixels, `across` x `down`, each the mean of the cells it covers; transparent where none is finite.
fn pixels(map: &Map, (across, down): (usize, usize), range: &Range) -> Vec<u8> {
    let (wide, tall) = (map.cols, map.rows);
    let colours = if map.diverging { colour::diverging() } else { colour::sequential() };
    let mut out = Vec::with_capacity(across * down * 4);
    for v in 0..down {
        for u in 0..across {
            let (mut sum, mut count) = (0.0, 0u32);
            for cell_v in v * tall / down..(v + 1) * tall / down {
                for cell_u in u * wide / across..(u + 1) * wide / across {
                    let cell = map.values[cell_v * wide + cell_u];
                    if cell.is_finite() {
                        sum += f64::from(cell);
                        count += 1;
                    }
                }
            }
            if count == 0 {
                out.extend([0, 0, 0, 0]);
                continue;
            }
            let (low, high) = (f64::from(range.low), f64::from(range.high));
            let at = (sum / f64::from(count) - low) / (high - low);
            let [r, g, b] = colours[(at.clamp(0.0, 1.0) * (colour::STEPS - 1) as f64).round() as usize];
            out.extend([r, g, b, 255]);
        }
    }
    out
}

/// The colours from low (below) to high (above).
fn bar(svg: &mut Svg, diverging: bool, at: [f64; 2], size: [f64; 2]) -> Result<(), ReportError> {
    let colours = if diverging { colour::diverging() } else { colour::sequential() };
    let pixels: Vec<u8> = colours.into_iter().rev().flat_map(|[r, g, b]| [r, g, b, 255]).collect();
    picture(svg, &pixels, (1, colour::STEPS), at, size)
}

/// Places RGBA pixels as a PNG data URI, stretched to a size.
fn picture(
    svg: &mut Svg,
    pixels: &[u8],
    (across, down): (usize, usize),
    [x, y]: [f64; 2],
    [w, h]: [f64; 2],
) -> Result<(), ReportError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, across as u32, down as u32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    svg.raw(&format!(
        "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" preserveAspectRatio=\"none\" \
         style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
        base64(&file)
    ));
    Ok(())
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, b| word << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            let _ = write!(out, "{}", if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 4648, section 10.
    #[test]
    fn base64_matches_its_standard() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    fn sample(rows: usize, cols: usize, values: Vec<f32>, diverging: bool) -> Map {
        let (name, caption, label, unit) = ("m".into(), "c".into(), "v".into(), "1".into());
        Map { name, caption, rows, cols, values, label, unit, diverging, axes: None, half: Vec::new() }
    }

    #[test]
    fn zero_is_the_middle_of_diverging_colours_and_holes_stay_empty() {
        let m = sample(1, 3, vec![-1.0, f32::NAN, 3.0], true);
        let r = range(&m);
        assert_eq!((r.low, r.high), (-3.0, 3.0));
        let p = pixels(&m, (3, 1), &r);
        assert_eq!(p[7], 0);
        assert_eq!(p[3], 255);
        assert_eq!(p[8..11], colour::diverging()[colour::STEPS - 1]);
    }

    #[test]
    fn rows_run_across_and_the_first_is_at_the_top() {
        // Three rows of one cell each, below one another.
        let m = sample(3, 1, vec![0.0, 0.5, 1.0], false);
        let p = pixels(&m, (1, 3), &range(&m));
        assert_eq!(p[..3], colour::sequential()[0]);
        assert_eq!(p[8..11], colour::sequential()[colour::STEPS - 1]);
        let svg = map(&m, "m").unwrap().svg;
        let of = |name: &str| {
            let image = svg.split("<image ").nth(1).unwrap();
            let at = image.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
            image[at..].split('"').next().unwrap().parse::<f64>().unwrap()
        };
        assert!((of("height") / of("width") - 3.0).abs() < 0.01, "{svg}");
        // Counted downwards: text that runs upwards ends at the upper corner.
        assert!(
            svg.contains("text-anchor=\"end\">0</text>") && svg.contains("text-anchor=\"start\">2</text>")
        );
        assert!(svg.contains(">row</text>") && svg.contains(">column</text>"));
    }

    #[test]
    fn a_table_of_results_has_its_numbers_written_in() {
        let words = |all: [&str; 2]| all.map(str::to_string).to_vec();
        let mut m = sample(2, 2, vec![98.0, 97.0, 60.0, 12.0], false);
        let (rows, columns) = ("crossbar".to_string(), "segment".to_string());
        let (row_names, column_names) = (words(["64", "128"]), words(["1 ohm", "10 ohm"]));
        m.axes = Some(MapAxes { rows, row_names, columns, column_names });
        m.half = vec![0.5, 0.5, 3.0, 4.0];
        let svg = map(&m, "m").unwrap().svg;
        for said in [">98.0<", "± 0.5", ">12<", ">10 ohm<", ">128<", "Segment"] {
            assert!(svg.contains(said), "{said}: {svg}");
        }
        m.axes.as_mut().unwrap().row_names.pop();
        assert!(map(&m, "m").is_err());
    }

    #[test]
    fn a_map_of_another_shape_is_refused() {
        assert!(map(&sample(2, 2, vec![0.0; 3], false), "m").is_err());
        assert!(map(&sample(0, 0, vec![], false), "m").is_err());
        assert!(map(&sample(usize::MAX, 2, vec![0.0; 3], false), "m").is_err());
    }

    fn ticks(svg: &str) -> Vec<String> {
        let texts = svg.split("<text class=\"tick\"").skip(1);
        let inner = |t: &str| t.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned();
        let bar = |t: &&str| t.split('>').next().unwrap().contains("\"start\"");
        // The first stands below the picture.
        texts.filter(bar).map(inner).skip(1).collect()
    }

    #[test]
    fn ticks_of_narrow_and_of_tiny_ranges_are_short_and_differ() {
        let drawn = |values: [f32; 4], unit: &str| {
            let sample = Map { unit: unit.into(), ..sample(2, 2, values.into(), false) };
            map(&sample, "a").unwrap().svg
        };
        for (values, unit, label) in [
            ([0.2, 0.199_999, 0.199_998_5, 0.199_997], "V", "less 199.99849"),
            ([1e-9, 2e-9, 3e-9, 0.0], "%", "(10⁻⁹ %)"),
            ([1e-9, 2e-9, 3e-9, 0.0], "1", "(10⁻⁹)"),
            ([1000.1, 1000.2, 1000.3, 1000.4], "Ω", "less 1.000"),
        ] {
            let svg = drawn(values, unit);
            let ticks = ticks(&svg);
            let mut apart = ticks.clone();
            apart.dedup();
            assert!(apart == ticks && ticks.len() > 2, "{ticks:?}");
            assert!(ticks.iter().all(|t| width(t, SMALL) < 39.0), "{ticks:?}");
            assert!(svg.contains(label), "{label}: {svg}");
        }
        // A single value but for its rounding is one colour, in the middle.
        let svg = drawn([0.2, 0.2, 0.2, f32::from_bits(0.2f32.to_bits() + 1)], "V");
        assert!(!svg.contains("less") && ticks(&svg).len() > 2, "{svg}");
    }
}
