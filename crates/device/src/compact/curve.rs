//! How far two curves lie apart.

/// Largest distance of `points` from the polyline through `curve`, both `(x, y)` in units in which a difference of
/// either counts alike (a period, full scale): where a current jumps, another instant counts as what it is, and not as
/// the whole jump. `curve` rises in x; what lies further than `reach` in x is not looked at, and a point without
/// anything in reach is infinitely far.
pub fn curve_distance(points: &[(f64, f64)], curve: &[(f64, f64)], reach: f64) -> f64 {
    let mut worst = 0.0_f64;
    for &(x, y) in points {
        let from = curve.partition_point(|p| p.0 < x - reach).saturating_sub(1);
        let mut nearest = f64::INFINITY;
        for pair in curve[from..].windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            if x0 > x + reach {
                break;
            }
            let (dx, dy) = (x1 - x0, y1 - y0);
            let along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy).max(f64::MIN_POSITIVE);
            let along = along.clamp(0.0, 1.0);
            nearest = nearest.min((x0 + along * dx - x).hypot(y0 + along * dy - y));
        }
        // A point that is no number is as far as can be.
        worst = worst.max(if nearest.is_nan() || x.is_nan() || y.is_nan() { f64::INFINITY } else { nearest });
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_at_another_time_is_as_far_as_the_times_lie_apart() {
        let step = |at: f64| vec![(0.0, 0.0), (at, 0.0), (at, 1.0), (1.0, 1.0)];
        let points: Vec<_> =
            (0..=1000).map(|k| f64::from(k) / 1000.0).map(|x| (x, f64::from(u8::from(x > 0.5)))).collect();
        // Of the points that have jumped, the one at 0.501 is the farthest from a jump at 0.503.
        assert!((curve_distance(&points, &step(0.503), 0.1) - 0.002).abs() < 1e-12);
        assert!((curve_distance(&[(0.2, 0.4)], &step(0.5), 0.4) - 0.3).abs() < 1e-12);
        assert_eq!(curve_distance(&[(0.2, f64::NAN)], &step(0.5), 0.4), f64::INFINITY);
        assert_eq!(curve_distance(&[(3.0, 1.0)], &step(0.5), 0.4), f64::INFINITY);
    }
}
