//! Experiments on cells that are known by their statistics: what an array tester does, with thousands or millions of
//! cells at once.

mod keeping;
mod trains;

pub use keeping::Keeping;
pub use trains::Trains;

use neurohm_device::{CellSpec, DeviceSpec};
use neurohm_num::{Key, Watch};
use neurohm_study::record::Line;

use crate::{LabError, Moments, figure};

/// Cells on the tester.
#[derive(Clone, Copy)]
pub struct Cells<'a> {
    /// The device.
    pub spec: &'a DeviceSpec,
    /// How many cells.
    pub count: usize,
    /// From which all randomness grows.
    pub key: Key,
    /// Ambient temperature, K, where it was asked for.
    pub t_k: Option<f64>,
    /// Whom progress is told, and who may stop the work.
    pub watch: &'a dyn Watch,
}

impl Cells<'_> {
    /// The statistics, without the noise of reads: what cells are, not what one look at them sees.
    fn quiet(&self) -> Result<CellSpec, LabError> {
        if self.count == 0 {
            return Err(LabError::Setting("there are no cells: give one at least".into()));
        }
        Ok(CellSpec { noise: None, ..self.spec.statistics()?.clone() })
    }
}

/// A mean with the standard deviation of its cells as a band.
fn band(name: impl Into<String>, x: &[f64], moments: &[Moments]) -> Line {
    let of = |f: fn(&Moments) -> f64| moments.iter().map(f).collect::<Vec<f64>>();
    let spread = moments.iter().any(|m| m.sd_s > 0.0);
    let mut line = figure::line(name, x.to_vec(), of(|m| m.mean_s));
    if spread {
        line.low = figure::thinned(of(|m| m.mean_s - m.sd_s));
        line.high = figure::thinned(of(|m| m.mean_s + m.sd_s));
    }
    line
}

#[cfg(test)]
mod tests;
