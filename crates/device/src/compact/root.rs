//! A root between two ends.

/// The root of `f` between `a` and `b`, where it is `fa` and `fb` of opposite signs, to a few units of the last place.
/// By inverse quadratic steps where they are safe and halving where not (Chandrupatla 1997): never slower than halving
/// by more than a small factor, whatever `f` is like.
///
/// Values that are not numbers end the search: the result is then where it stood, and whoever uses it sees them there.
pub(super) fn root(mut f: impl FnMut(f64) -> f64, a: (f64, f64), b: (f64, f64)) -> f64 {
    let ((mut a, mut fa), (mut b, mut fb)) = (a, b);
    let mut t = 0.5;
    for _ in 0..200 {
        let x = a + t * (b - a);
        let fx = f(x);
        if fx.is_nan() {
            return x;
        }
        let (c, fc);
        if (fx > 0.0) == (fa > 0.0) {
            (c, fc) = (a, fa);
        } else {
            (c, fc) = (b, fb);
            (b, fb) = (a, fa);
        }
        (a, fa) = (x, fx);
        let (best, value) = if fa.abs() < fb.abs() { (a, fa) } else { (b, fb) };
        let shortest = 2.0 * f64::EPSILON * best.abs() / (b - a).abs();
        if value == 0.0 || shortest.is_nan() || shortest > 0.5 {
            return best;
        }
        let (xi, phi) = ((a - b) / (c - b), (fa - fb) / (fc - fb));
        t = if phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi {
            fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        } else {
            0.5
        };
        t = t.max(shortest).min(1.0 - shortest);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_found_to_the_last_places_and_in_few_steps() {
        let cases: [(fn(f64) -> f64, f64, f64, f64); 4] = [
            (|x| x * x - 2.0, 0.0, 2.0, std::f64::consts::SQRT_2),
            (|x| x.ln(), 1e-6, 1e6, 1.0),
            (|x| x.cbrt() - 0.1, -1.0, 5.0, 1e-3),
            (|x| (40.0 * x).exp() - 1e12, 0.0, 2.0, 12.0 * 10.0_f64.ln() / 40.0),
        ];
        for (f, a, b, exact) in cases {
            let mut calls = 0;
            let x = root(
                |x| {
                    calls += 1;
                    f(x)
                },
                (a, f(a)),
                (b, f(b)),
            );
            assert!((x / exact - 1.0).abs() < 1e-14, "{x} instead of {exact}");
            assert!(calls < 70, "{calls} calls for {exact}");
        }
    }
}
