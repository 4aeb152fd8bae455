//! Mean and spread over very many cells.

use rayon::prelude::*;

/// Mean and standard deviation of the conductance over cells, S.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean, S.
    pub mean_s: f64,
    /// Standard deviation, S.
    pub sd_s: f64,
}

/// Cells whose sums are made as one, whatever the number of threads.
const PART: usize = 1 << 14;

impl Moments {
    /// Of conductances, S.
    pub(crate) fn of(g: &[f32]) -> Moments {
        let sums = |centre: f64| -> [f64; 2] {
            let part = |part: &[f32]| {
                part.iter().fold([0.0; 2], |[a, b], g| {
                    let d = f64::from(*g) - centre;
                    [a + d, b + d * d]
                })
            };
            let parts: Vec<[f64; 2]> = g.par_chunks(PART).map(part).collect();
            parts.iter().fold([0.0; 2], |[a, b], p| [a + p[0], b + p[1]])
        };
        let n = g.len() as f64;
        let centre = f64::from(g.first().copied().unwrap_or(0.0));
        let [first, second] = sums(centre);
        let variance = (second - first * first / n) / (n - 1.0).max(1.0);
        Moments { mean_s: centre + first / n, sd_s: variance.max(0.0).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_numbers() {
        let g: Vec<f32> = (0..100_000).map(|n| n as f32).collect();
        let Moments { mean_s: mean, sd_s: sd } = Moments::of(&g);
        let n = 1e5_f64;
        assert!((mean - 49_999.5).abs() < 1e-6);
        // Variance of 0, 1, ..., n - 1 with n - 1 in the denominator: n (n + 1) / 12.
        assert!((sd / (n * (n + 1.0) / 12.0).sqrt() - 1.0).abs() < 1e-12);
    }
}
