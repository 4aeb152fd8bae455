//! The ends of the range and how they differ; the mean step in between, and how steps scatter.

use neurohm_device::TableBounds;
use neurohm_num::stats;

use super::probe::Cycle;

/// Variance between devices and within them, of values device by device.
struct Parts {
    mean: f64,
    between: f64,
    within: f64,
}

impl Parts {
    /// By analysis of variance with equally many values of each device; `own` is what each value scatters by without any
    /// difference, and is taken off.
    fn of(values: &[Vec<f64>], own: f64) -> Parts {
        let devices = values.len() as f64;
        let each = values.first().map_or(1.0, |v| v.len() as f64);
        let means: Vec<f64> = values.iter().map(|v| stats::mean(v)).collect();
        let mean = stats::mean(&means);
        let squares = values.iter().zip(&means).flat_map(|(v, m)| v.iter().map(move |x| (x - m).powi(2)));
        let scatter = if each > 1.0 { squares.sum::<f64>() / (devices * (each - 1.0)) } else { 0.0 };
        let between = if values.len() > 1 { stats::sd(&means).powi(2) } else { 0.0 };
        // Of single values nobody knows which part is which: it counts as the devices'.
        let taken = if each > 1.0 { scatter } else { own };
        Parts {
            mean,
            between: (between - taken / each).max(0.0).sqrt(),
            within: (scatter - own).max(0.0).sqrt(),
        }
    }
}

/// The ends of the range.
pub(super) struct Ends {
    /// Means of the low and the high end, S.
    pub mean_s: [f64; 2],
    parts: [Parts; 2],
}

impl Ends {
    pub fn of(all: &[Vec<Cycle>]) -> Ends {
        let of = |pick: fn(&Cycle) -> f64| {
            let values: Vec<Vec<f64>> = all.iter().map(|cycles| cycles.iter().map(pick).collect()).collect();
            Parts::of(&values, 0.0)
        };
        let parts = [of(|c| c.low_s[1]), of(|c| c.high_s)];
        Ends { mean_s: [parts[0].mean, parts[1].mean], parts }
    }

    /// How they scatter, in `unit_s`; none if by less than rounding.
    pub fn scatter(&self, unit_s: f64) -> Option<TableBounds> {
        let floor = |sd: f64| if sd / unit_s < 1e-7 { 0.0 } else { sd / unit_s };
        let [low, high] = &self.parts;
        let bounds = TableBounds {
            low_d2d: floor(low.between),
            low_c2c: floor(low.within),
            high_d2d: floor(high.between),
            high_c2c: floor(high.within),
        };
        (bounds != TableBounds::default()).then_some(bounds)
    }
}

/// A step from `from` by `by`, both of the way between the device's own ends.
#[derive(Clone, Copy)]
struct Change {
    from: f64,
    by: f64,
}

/// The mean step over the way between a device's ends, its spread from pulse to pulse, and how trains and devices differ.
pub(super) struct Steps {
    pub mean: Vec<f64>,
    pub spread: Vec<f64>,
    pub d2d: f64,
    pub cycle: f64,
    /// Standard deviation of what is left of a step.
    pub unexplained: f64,
}

impl Steps {
    /// Of the trains up (0) or down (1): least squares of changes on hat functions at even knots. A train's gain
    /// multiplies the mean.
    pub fn of(all: &[Vec<Cycle>], way: usize, knots: usize) -> Steps {
        let grid = Grid { knots };
        let changes = |c: &Cycle| -> Vec<Change> {
            // A device comes from the end of its last train and goes to that of this one.
            let low = c.low_s[way];
            let range = c.high_s - low;
            let y: Vec<f64> = c.trains[way].iter().map(|g| (g - low) / range).collect();
            let fine = y.windows(2).filter(|w| w[0].is_finite() && w[1].is_finite());
            fine.map(|w| Change { from: w[0], by: w[1] - w[0] }).collect()
        };
        let trains: Vec<Vec<Change>> = all.iter().flatten().map(changes).collect();
        let mut gains = vec![1.0; trains.len()];
        let mut mean = Vec::new();
        // Mean and gains in turn; a few rounds settle both, since gains are close to one.
        for _ in 0..4 {
            let weighted = trains
                .iter()
                .zip(&gains)
                .flat_map(|(train, gain)| train.iter().map(move |c| (c.from, *gain, c.by)));
            mean = grid.fit(weighted);
            // Where nothing was measured, a straight line may lead out of the range, which no step does.
            for (knot, mean) in mean.iter_mut().enumerate() {
                let y = knot as f64 / (knots - 1) as f64;
                *mean = mean.clamp(-y, 1.0 - y);
            }
            let of = |train: &Vec<Change>| {
                let products = train.iter().map(|c| (grid.value(&mean, c.from), c.by));
                let (mm, my) = products.fold((0.0, 0.0), |(mm, my), (m, y)| (mm + m * m, my + m * y));
                if mm > 0.0 { (my / mm).max(0.0) } else { 1.0 }
            };
            gains = trains.iter().map(of).collect();
            let centre = stats::mean(&gains);
            if centre > 0.0 {
                gains.iter_mut().for_each(|g| *g /= centre);
            }
        }
        let squares = trains.iter().zip(&gains).flat_map(|(train, gain)| {
            let left = |c: &Change| c.by - gain * grid.value(&mean, c.from);
            train.iter().map(|c| (c.from, 1.0, left(c).powi(2))).collect::<Vec<_>>()
        });
        let variance = grid.fit(squares.clone());
        let (sum, n) = squares.fold((0.0, 0.0), |(sum, n), (_, _, y)| (sum + y, n + 1.0));
        let spread: Vec<f64> = variance.iter().map(|v| v.clamp(0.0, 1.0).sqrt()).collect();
        // A gain of few noisy steps scatters by itself: what residuals explain is taken off.
        let noise = |train: &Vec<Change>| {
            let (mm, noise) = train.iter().fold((0.0, 0.0), |(mm, noise), c| {
                let (m, s) = (grid.value(&mean, c.from), grid.value(&spread, c.from));
                (mm + m * m, noise + (m * s).powi(2))
            });
            if mm > 0.0 { noise / (mm * mm) } else { 0.0 }
        };
        let own = trains.iter().map(noise).sum::<f64>() / trains.len().max(1) as f64;
        let each = all.first().map_or(1, Vec::len).max(1);
        let values: Vec<Vec<f64>> = gains.chunks(each).map(<[f64]>::to_vec).collect();
        let parts = Parts::of(&values, own);
        let floor = |sd: f64| if sd < 1e-6 { 0.0 } else { sd };
        Steps {
            mean,
            spread,
            d2d: floor(parts.between),
            cycle: floor(parts.within),
            unexplained: (sum / f64::max(n, 1.0)).sqrt(),
        }
    }
}

/// Even knots from 0 to 1, linear in between.
struct Grid {
    knots: usize,
}

impl Grid {
    /// The knot below, and how far towards the next.
    fn place(&self, y: f64) -> (usize, f64) {
        let at = y.clamp(0.0, 1.0) * (self.knots - 1) as f64;
        let knot = (at as usize).min(self.knots - 2);
        (knot, at - knot as f64)
    }

    fn value(&self, at_knots: &[f64], y: f64) -> f64 {
        let (knot, part) = self.place(y);
        at_knots[knot] + part * (at_knots[knot + 1] - at_knots[knot])
    }

    /// Values at the knots that fit (place, weight, value / weight) best; where there are no data, as straight as
    /// possible. The normal equations are tridiagonal with a pentadiagonal penalty; the matrix is small and dense.
    fn fit(&self, data: impl Iterator<Item = (f64, f64, f64)>) -> Vec<f64> {
        let n = self.knots;
        let mut m = vec![vec![0.0; n + 1]; n];
        let mut total = 0.0;
        for (g, weight, y) in data {
            let (knot, part) = self.place(g);
            let hats = [(knot, weight * (1.0 - part)), (knot + 1, weight * part)];
            for (i, a) in hats {
                for (j, b) in hats {
                    m[i][j] += a * b;
                }
                m[i][n] += a * y;
            }
            total += weight * weight;
        }
        // Without any data, zero.
        let total = if total > 0.0 { total } else { 1.0 };
        let stiffness = 1e-7 * total / n as f64;
        for k in 1..n - 1 {
            for (i, a) in [(k - 1, 1.0), (k, -2.0), (k + 1, 1.0)] {
                for (j, b) in [(k - 1, 1.0), (k, -2.0), (k + 1, 1.0)] {
                    m[i][j] += stiffness * a * b;
                }
            }
        }
        for (i, row) in m.iter_mut().enumerate() {
            row[i] += 1e-14 * total;
        }
        // Symmetric and positive: elimination needs no pivots.
        for k in 0..n {
            for i in k + 1..n {
                let f = m[i][k] / m[k][k];
                for j in k..=n {
                    let above = m[k][j];
                    m[i][j] -= f * above;
                }
            }
        }
        let mut y = vec![0.0; n];
        for k in (0..n).rev() {
            let rest: f64 = (k + 1..n).map(|j| m[k][j] * y[j]).sum();
            y[k] = (m[k][n] - rest) / m[k][k];
        }
        y
    }
}
