//! Draws a line of varying width with a soft edge.

use super::SIDE;

/// A point of the pen's way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    /// Column, pixels; pixel `c` covers `c .. c + 1`.
    pub x_px: f32,
    /// Row, pixels.
    pub y_px: f32,
    /// Half the line's width here, pixels.
    pub radius_px: f32,
    /// Whether the pen was lifted before it came here.
    pub lifted: bool,
}

/// Draws `line` into `image`, [`SIDE`] x [`SIDE`] and black before: 1 within the line, falling to 0 over
/// `2 blur_px` across its edge, by each pixel centre's distance to the nearest segment.
pub(super) fn trace(line: &[Spot], blur_px: f32, image: &mut [f32]) {
    let blur = blur_px.max(0.1);
    for pair in line.windows(2) {
        if !pair[1].lifted {
            segment(pair[0], pair[1], blur, image);
        }
    }
    for value in image.iter_mut() {
        *value = *value * *value * (3.0 - 2.0 * *value);
    }
}

/// Raises each pixel to its linear coverage by one segment.
fn segment(a: Spot, b: Spot, blur: f32, image: &mut [f32]) {
    let reach = a.radius_px.max(b.radius_px) + blur;
    let span = |p: f32, q: f32| {
        let first = (p.min(q) - reach - 0.5).clamp(0.0, SIDE as f32) as usize;
        let last = (p.max(q) + reach + 0.5).clamp(0.0, SIDE as f32) as usize;
        (first, last)
    };
    let ((left, right), (top, bottom)) = (span(a.x_px, b.x_px), span(a.y_px, b.y_px));
    let (dx, dy) = (b.x_px - a.x_px, b.y_px - a.y_px);
    let inverse = 1.0 / (dx * dx + dy * dy).max(1e-12);
    let (swell, scale) = (b.radius_px - a.radius_px, 0.5 / blur);
    for row in top..bottom {
        let py = row as f32 + 0.5 - a.y_px;
        for (column, pixel) in image[row * SIDE + left..row * SIDE + right].iter_mut().enumerate() {
            let px = (left + column) as f32 + 0.5 - a.x_px;
            let t = ((px * dx + py * dy) * inverse).clamp(0.0, 1.0);
            let (ex, ey) = (px - t * dx, py - t * dy);
            let distance = (ex * ex + ey * ey).sqrt();
            let cover = ((a.radius_px + t * swell + blur - distance) * scale).clamp(0.0, 1.0);
            *pixel = pixel.max(cover);
        }
    }
}
