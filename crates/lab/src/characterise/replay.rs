//! Trains of pulses on cells of a statistical description.

use neurohm_device::{CellArray, CellSpec};
use neurohm_num::{Key, Watch};
use rayon::prelude::*;

use crate::LabError;

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
    fn of(g: &[f32]) -> Moments {
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

/// Gives `cells` cells trains of pulses, each a stimulus and how many, and returns mean and spread of the conductance
/// before the first pulse and after each, train by train. Cells begin at the low end of the range.
///
/// # Errors
/// Statistics without pulses, a stimulus that they have not, cancellation.
pub fn replay(
    cell: &CellSpec,
    cells: usize,
    trains: &[(u16, u32)],
    key: Key,
    watch: &dyn Watch,
) -> Result<Vec<Vec<Moments>>, LabError> {
    let mut array = CellArray::new(cell, cells, key)?;
    array.reset()?;
    watch.begin("pulsing cells", Some(trains.iter().map(|(_, count)| u64::from(*count)).sum()));
    let mut g = vec![0.0; cells];
    let mut now = |array: &CellArray| -> Result<Moments, LabError> {
        array.conductances(&mut g)?;
        Ok(Moments::of(&g))
    };
    let mut last = now(&array)?;
    let mut out = Vec::new();
    for (stimulus, count) in trains {
        let mut train = vec![last];
        for _ in 0..*count {
            array.pulse_all(*stimulus, 1)?;
            last = now(&array)?;
            train.push(last);
            watch.step(1)?;
        }
        out.push(train);
    }
    Ok(out)
}
