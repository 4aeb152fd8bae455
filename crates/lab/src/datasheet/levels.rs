//! How many levels a read tells apart.
//!
//! Two neighbouring levels with normal distributions (mu1, s1) and (mu2, s2) are told apart by the threshold at which
//! both tails are equal, z standard deviations from either mean: z = (mu2 - mu1) / (s1 + s2). A level between two
//! others is misread with probability 2 Q(z), Q(z) = erfc(z / sqrt 2) / 2. Levels are laid from the lowest conductance
//! up, each as close to the one before as 2 Q(z) allows; for a spread s that does not depend on the level there are
//! 1 + floor((g_max - g_min) / (2 z s)).

/// Levels beyond which nobody counts.
pub(super) const MOST: f64 = 65_536.0;

/// What a level's read looks like: mean and standard deviation, S.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub mean_s: f64,
    pub sd_s: f64,
}

/// z with 2 Q(z) = `error_rate`.
pub(super) fn z_of(error_rate: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        let misread = libm::erfc(middle * std::f64::consts::FRAC_1_SQRT_2);
        if misread > error_rate { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Levels that are told apart, with the part of a further one that is left over; [`MOST`] at most. `seen` are levels of
/// rising targets; in between, mean and spread are linear.
pub(super) fn count(seen: &[Seen], z: f64) -> f64 {
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return 0.0 };
    let range = last.mean_s - first.mean_s;
    let mut here = *first;
    let (mut segment, mut levels) = (1, 1.0);
    // A level that misses its place by rounding has it.
    let slack = 1e-9 * range.abs();
    while levels < MOST {
        // The distance left to a level that is told apart from this one; linear within a segment.
        let short = |s: &Seen| z * (s.sd_s + here.sd_s) - (s.mean_s - here.mean_s);
        let Some(end) = (segment..seen.len()).find(|n| short(&seen[*n]) <= slack) else {
            let needed = z * (last.sd_s + here.sd_s);
            let part = if needed > 0.0 { (last.mean_s - here.mean_s) / needed } else { 0.0 };
            return levels + part.clamp(0.0, 1.0 - 1e-9);
        };
        let begin = if end == segment { here } else { seen[end - 1] };
        let (a, b) = (short(&begin), short(&seen[end]));
        let part = if a > b { (a / (a - b)).min(1.0) } else { 1.0 };
        let next = Seen {
            mean_s: begin.mean_s + part * (seen[end].mean_s - begin.mean_s),
            sd_s: begin.sd_s + part * (seen[end].sd_s - begin.sd_s),
        };
        if next.mean_s - here.mean_s <= range / MOST {
            return MOST;
        }
        (here, segment) = (next, end);
        levels += 1.0;
    }
    MOST
}
