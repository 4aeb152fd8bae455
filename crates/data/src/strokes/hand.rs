//! The hand that writes: how a sample of a style differs from the style.
//!
//! The spreads below set how hard the digits are to tell apart; they are standard deviations of normal
//! draws, cut at three of them.

use neurohm_num::Stream;

use super::SIDE;
use super::glyphs::{Point, Style};
use super::pen::Spot;

/// Of a control point, in digit heights.
const POINT: f32 = 0.035;
/// Of the coefficients of the quadratic warp over the digit's square [-1/2, 1/2]^2.
const WARP: f32 = 0.17;
/// Of the width over the height.
const ASPECT: f32 = 0.17;
/// Of the horizontal shear, and its mean: most people lean right.
const SLANT: (f32, f32) = (0.18, 0.22);
/// Of the tangent of half the rotation angle: about 8 degrees.
const HALF_TURN: f32 = 0.065;
/// Of the size relative to [`INK_SIDE`].
const SIZE: f32 = 0.06;
/// Of the place of the centre of mass, pixels.
const SHIFT_PX: f32 = 0.7;
/// Of the logarithm-like variation of the pen's radius, and the mean radius in pixels.
const RADIUS: (f32, f32) = (0.26, 1.18);
/// Of the pressure along the line, relative to the radius.
const PRESSURE: f32 = 0.16;

/// The ink's longer side before jitter, pixels, as in MNIST.
const INK_SIDE: f32 = 20.0;
/// Segments between two control points.
const STEPS: usize = 5;
/// Places along the line where the pressure is drawn.
const PRESSES: usize = 6;

/// Normal numbers that one sample may take; a test holds the most that a style needs.
const NORMALS: usize = 128;
/// First element of the grain's normal numbers in the sample's stream, after those of the hand.
pub(super) const GRAIN: u64 = 256;

/// What the pen is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    /// Half the width of the soft edge, pixels.
    pub blur_px: f32,
    /// How dark the line is; above 1 the inside saturates.
    pub ink: f32,
    /// Standard deviation of the ink from pixel to pixel.
    pub grain: f32,
}

/// The random numbers of one sample, in a fixed order.
pub(super) struct Hand {
    uniform: [f32; 8],
    normal: [f32; NORMALS],
    drawn: usize,
}

impl Hand {
    pub(super) fn new(stream: Stream) -> Self {
        let mut hand = Self { uniform: [0.0; 8], normal: [0.0; NORMALS], drawn: 0 };
        stream.fill_uniform(0, &mut hand.uniform);
        stream.fill_normal(64, &mut hand.normal);
        hand
    }

    fn normal(&mut self) -> f32 {
        let value = self.normal[self.drawn % NORMALS];
        self.drawn += 1;
        value.clamp(-3.0, 3.0)
    }

    /// Writes a digit in one of its styles: the pen's way on the 28 x 28 pixels, and the pen.
    pub(super) fn write(&mut self, styles: &[Style]) -> (Vec<Spot>, Pen) {
        let style = pick(styles, self.uniform[0]);
        let strokes = self.jitter(style);
        let bend = self.bend();
        let mut line = Vec::with_capacity(96);
        for stroke in &strokes {
            smooth(stroke, |point, lifted| {
                let [x_px, y_px] = bend(point);
                line.push(Spot { x_px, y_px, radius_px: 0.0, lifted });
            });
        }
        self.press(&mut line);
        self.place(&mut line);
        let [_, blur, ink, grain, ..] = self.uniform;
        (line, Pen { blur_px: 0.45 + 0.45 * blur, ink: 0.92 + 0.2 * ink, grain: 0.02 + 0.08 * grain })
    }

    /// Moves every control point; points that coincide in the style stay joined.
    fn jitter(&mut self, style: &Style) -> Vec<Vec<Point>> {
        let mut joints: Vec<(Point, Point)> = Vec::with_capacity(32);
        let mut strokes = Vec::with_capacity(style.strokes.len());
        for stroke in style.strokes {
            let mut moved = Vec::with_capacity(stroke.len());
            for &point in *stroke {
                let known = joints.iter().find(|(from, _)| *from == point).map(|&(_, to)| to);
                let to = known.unwrap_or_else(|| point.map(|v| v + POINT * self.normal()));
                joints.push((point, to));
                moved.push(to);
            }
            strokes.push(moved);
        }
        strokes
    }

    /// The smooth deformation of the whole digit: a quadratic warp, then width, slant and rotation.
    fn bend(&mut self) -> impl Fn(Point) -> Point + use<> {
        let warp: [f32; 6] = std::array::from_fn(|_| WARP * self.normal());
        let width = 1.0 + ASPECT * self.normal();
        let slant = SLANT.0 * self.normal() + SLANT.1;
        // Rotation by an angle of which `t` is the tangent of the half.
        let t = HALF_TURN * self.normal();
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        move |[x, y]| {
            let (x, y) = (x - 0.5, y - 0.5);
            let u = x + warp[0] * x * x + warp[1] * x * y + warp[2] * y * y;
            let v = y + warp[3] * x * x + warp[4] * x * y + warp[5] * y * y;
            let u = width * u - slant * v;
            [cos * u - sin * v, sin * u + cos * v]
        }
    }

    /// The pen's radius along the line: its own width, and the pressure between a few places.
    fn press(&mut self, line: &mut [Spot]) {
        let thickness = RADIUS.0 * self.normal();
        // Positive, and skewed as an exponential is.
        let radius = RADIUS.1 * (1.0 + thickness + 0.5 * thickness * thickness);
        let pressure: [f32; PRESSES] = std::array::from_fn(|_| 1.0 + PRESSURE * self.normal());
        let last = line.len().saturating_sub(1).max(1) as f32;
        for (i, spot) in line.iter_mut().enumerate() {
            let along = i as f32 / last * (PRESSES - 1) as f32;
            let knot = (along as usize).min(PRESSES - 2);
            let between = along - knot as f32;
            spot.radius_px = radius * (pressure[knot] * (1.0 - between) + pressure[knot + 1] * between);
        }
    }

    /// Scales the line to the size that MNIST's digits have, and puts its centre of mass into the middle.
    fn place(&mut self, line: &mut [Spot]) {
        let size = INK_SIDE * (1.0 + SIZE * self.normal());
        let shift: Point = std::array::from_fn(|_| SHIFT_PX * self.normal());
        let (mut low, mut high, mut pen) = ([f32::MAX; 2], [f32::MIN; 2], 0.0f32);
        for spot in line.iter() {
            for (axis, v) in [spot.x_px, spot.y_px].into_iter().enumerate() {
                low[axis] = low[axis].min(v);
                high[axis] = high[axis].max(v);
            }
            pen = pen.max(spot.radius_px);
        }
        let extent = (high[0] - low[0]).max(high[1] - low[1]).max(0.1);
        let scale = (size - 2.0 * pen).max(8.0) / extent;
        let (mut mass, mut centre) = (0.0, [0.0; 2]);
        for pair in line.windows(2).filter(|pair| !pair[1].lifted) {
            let (dx, dy) = (pair[1].x_px - pair[0].x_px, pair[1].y_px - pair[0].y_px);
            let ink = (dx * dx + dy * dy).sqrt() * (pair[0].radius_px + pair[1].radius_px) + 1e-6;
            mass += ink;
            centre[0] += ink * 0.5 * (pair[0].x_px + pair[1].x_px);
            centre[1] += ink * 0.5 * (pair[0].y_px + pair[1].y_px);
        }
        let middle = 0.5 * SIDE as f32;
        for spot in line.iter_mut() {
            spot.x_px = middle + shift[0] + scale * (spot.x_px - centre[0] / mass);
            spot.y_px = middle + shift[1] + scale * (spot.y_px - centre[1] / mass);
        }
    }
}

/// The style whose share of the weights `u` in (0, 1) falls into.
fn pick(styles: &[Style], u: f32) -> &Style {
    let total: f32 = styles.iter().map(|s| s.weight).sum();
    let mut left = u * total;
    for style in styles {
        left -= style.weight;
        if left <= 0.0 {
            return style;
        }
    }
    &styles[styles.len() - 1]
}

/// Walks the smooth curve through `points` (Catmull and Rom, 1974) and tells each place, and whether the
/// pen was lifted before it.
fn smooth(points: &[Point], mut visit: impl FnMut(Point, bool)) {
    let at = |i: isize| -> Point {
        let last = points.len() as isize - 1;
        let end =
            |edge: usize, inner: usize| std::array::from_fn(|k| 2.0 * points[edge][k] - points[inner][k]);
        match i {
            -1 => end(0, 1),
            i if i > last => end(last as usize, last as usize - 1),
            i => points[i as usize],
        }
    };
    if let Some(&first) = points.first() {
        visit(first, true);
    }
    for span in 0..points.len().saturating_sub(1) as isize {
        let [a, b, c, d] = [at(span - 1), at(span), at(span + 1), at(span + 2)];
        for step in 1..=STEPS {
            let t = step as f32 / STEPS as f32;
            let place = std::array::from_fn(|k| {
                let (linear, square) = (c[k] - a[k], 2.0 * a[k] - 5.0 * b[k] + 4.0 * c[k] - d[k]);
                let cube = 3.0 * (b[k] - c[k]) + d[k] - a[k];
                b[k] + 0.5 * t * (linear + t * (square + t * cube))
            });
            visit(place, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::glyphs::DIGITS;
    use super::*;

    #[test]
    fn no_style_takes_more_numbers_than_are_drawn() {
        let stream = neurohm_num::Key::root(1).stream(neurohm_num::Purpose::Data, 0);
        for styles in DIGITS {
            for style in styles {
                let mut hand = Hand::new(stream);
                hand.write(std::slice::from_ref(style));
                assert!(hand.drawn <= NORMALS, "{}", hand.drawn);
            }
            let total: f32 = styles.iter().map(|s| s.weight).sum();
            assert!((total - 1.0).abs() < 1e-6, "{total}");
        }
    }

    #[test]
    fn the_curve_passes_through_its_points() {
        let points = [[0.0, 0.0], [0.3, 0.7], [0.9, 0.2], [0.4, 0.4]];
        let mut seen = Vec::new();
        smooth(&points, |p, _| seen.push(p));
        for (i, p) in points.iter().enumerate() {
            let s = seen[i * STEPS];
            assert!((s[0] - p[0]).abs() < 1e-6 && (s[1] - p[1]).abs() < 1e-6, "{s:?} {p:?}");
        }
        // Through points on a line it is that line.
        smooth(&[[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]], |p, _| assert!((p[0] - p[1]).abs() < 1e-6));
    }
}
