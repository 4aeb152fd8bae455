//! Trains of pulses on cells of a statistical description.

use neurohm_device::{CellArray, CellSpec};
use neurohm_num::{Key, Watch, stats};

use super::probe::Cycle;
use crate::LabError;
use crate::moments::Moments;

/// Gives `cells` cells trains of pulses, each a stimulus and how many, and returns mean and spread of the conductance
/// before the first pulse and after each, train by train. Cells begin at the low end of the range.
///
/// # Errors
/// Statistics without pulses, a stimulus that they have not, cancellation.
pub(super) fn replay(
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

/// How far cells of a description depart from the devices that it was made of, when both are given the same trains.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Departure {
    /// Largest difference of the means beyond four standard errors, of the range.
    pub mean: f64,
    /// Whether that was in the train down.
    pub down: bool,
    /// After which pulse of it.
    pub pulse: usize,
}

/// Cells that a description is held against its devices with.
const CELLS: usize = 20_000;

impl Departure {
    /// Plays the devices' trains to cells.
    pub(super) fn of(
        all: &[Vec<Cycle>],
        cell: &CellSpec,
        key: Key,
        watch: &dyn Watch,
    ) -> Result<Departure, LabError> {
        let Some(first) = all.first().and_then(|cycles| cycles.first()) else {
            return Ok(Departure::default());
        };
        let count = [0, 1].map(|way: usize| first.trains[way].len() as u32 - 1);
        let trains = [(2, 1), (3, 1), (0, count[0]), (2, 1), (1, count[1])];
        let cells = replay(cell, CELLS, &trains, key, watch)?;
        let range = cell.g_max_s - cell.g_min_s;
        let mut worst = Departure::default();
        for (way, cells) in [(0, &cells[2]), (1, &cells[4])] {
            for (pulse, cells) in cells.iter().enumerate() {
                let devices: Vec<f64> = all.iter().flatten().map(|cycle| cycle.trains[way][pulse]).collect();
                // Cycles of a device are alike: only devices count.
                let error = stats::sd(&devices) / (all.len() as f64).sqrt();
                let error = if error.is_finite() { error } else { 0.0 };
                let mean = ((cells.mean_s - stats::mean(&devices)).abs() - 4.0 * error) / range;
                if mean > worst.mean {
                    worst = Departure { mean, down: way == 1, pulse };
                }
            }
        }
        Ok(worst)
    }
}
