//! A Wiener process as a function of time, so that noise depends neither on the steps nor on those rejected.

use neurohm_num::{Key, Purpose};

/// Exponent of the shortest time that is resolved: 2^-50 s, about a femtosecond. Within it the path is straight.
const FINEST: i32 = -50;
/// Exponent of the first stretch of time, from which the path grows by doubling.
const FIRST: i32 = -40;

/// Standard Wiener processes of one cell, W(0) = 0, one a state: `t_s` at any order of calls.
///
/// From 2^-40 s on, each doubling of the time adds an increment; within a stretch the path is halved by Levy's
/// construction (P. Levy 1948; the middle of a bridge over dt has the mean of the ends and the variance dt/4).
pub(super) fn wiener(key: Key, state: usize, t_s: f64) -> f64 {
    let key = key.child("wiener", state as u64);
    // One event per width of stretch, its elements the stretches.
    let normal = |level: i32, element: u64| {
        f64::from(key.stream(Purpose::Wiener, (level + 1024) as u64).normal(element))
    };
    let width = |level: i32| libm::exp2(f64::from(level));
    if t_s.is_nan() || t_s <= 0.0 {
        return 0.0;
    }
    let mut level = FIRST;
    let mut from = (0.0, 0.0);
    let mut to = (width(level), normal(level, 0) * libm::sqrt(width(level)));
    while to.0 < t_s && level < 60 {
        from = to;
        to = (2.0 * from.0, from.1 + normal(level, 1) * libm::sqrt(from.0));
        level += 1;
    }
    let mut dt = to.0 - from.0;
    let mut level = libm::ilogb(dt);
    while level > FINEST {
        let middle = from.0 + dt / 2.0;
        // `middle` is an odd multiple of half the stretch: its number is exact while it has fewer than 53 bits.
        let element = (middle / (dt / 2.0)) as u64;
        let value = (from.1 + to.1) / 2.0 + normal(level - 200, element) * libm::sqrt(dt) / 2.0;
        if t_s < middle {
            to = (middle, value);
        } else {
            from = (middle, value);
        }
        dt /= 2.0;
        level -= 1;
        if from.0 + dt / 2.0 == from.0 {
            break;
        }
    }
    from.1 + (to.1 - from.1) * ((t_s - from.0) / dt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increments_have_the_variance_of_their_length_and_are_uncorrelated() {
        let n = 4000;
        let (mut var, mut cov) = ([0.0; 3], 0.0);
        for cell in 0..n {
            let key = Key::root(5).child("cell", cell);
            let w = |t: f64| wiener(key, 0, t);
            let ends = [0.0, 3e-9, 3.7e-9, 2.0].map(w);
            let steps = [ends[1] - ends[0], ends[2] - ends[1], ends[3] - ends[2]];
            for (v, d) in var.iter_mut().zip(steps) {
                *v += d * d / n as f64;
            }
            cov += steps[0] * steps[1] / n as f64;
        }
        // A variance's relative standard error is sqrt(2 / n), 0.022; four of them.
        for (v, dt) in var.iter().zip([3e-9, 0.7e-9, 2.0]) {
            assert!((v / dt - 1.0).abs() < 0.09, "{v} over {dt}");
        }
        assert!(cov.abs() < 4.0 * (3e-9 * 0.7e-9_f64).sqrt() / (n as f64).sqrt());
    }

    #[test]
    fn the_path_is_continuous() {
        let key = Key::root(6);
        for t in [1e-12, 1.3e-9, 2.0_f64.powi(-20), 0.7] {
            let d = wiener(key, 1, t * (1.0 + 1e-9)) - wiener(key, 1, t * (1.0 - 1e-9));
            assert!(d.abs() < 7.0 * (2e-9 * t).sqrt().max(1e-15_f64.sqrt() * 2e-9 * t / 1e-15), "{d} at {t}");
        }
    }
}
