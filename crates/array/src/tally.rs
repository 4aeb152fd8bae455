//! What an operation did, counted: the cost model of a later part turns it into joules, seconds
//! and square millimetres. Nothing else computes energy.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// Events of analog products, programming and compensation. Every field is an integer, so a sum is the same in any
/// order and on any number of threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Tally {
    /// Multiply-accumulates that the product stands for (samples x inputs x outputs).
    pub macs: u64,
    /// Digital values turned into read voltages.
    pub dac_conversions: u64,
    /// Currents turned into digital values.
    pub adc_conversions: u64,
    /// Devices that were read, each once a product.
    pub cell_reads: u64,
    /// Their dissipation, the sum of `G V^2 t`, in units of [`ENERGY_QUANTUM_J`].
    pub cell_read_energy: u128,
    /// Additions and scalings behind the converters.
    pub digital_adds: u64,
    /// Devices programmed to a target.
    pub cells_programmed: u64,
}

/// Unit of [`Tally::cell_read_energy`]: 1e-24 J, far below one read of one device (some 1e-15 J),
/// so that rounding a batch's energy to it loses nothing.
pub const ENERGY_QUANTUM_J: f64 = 1e-24;

impl Tally {
    /// Dissipation in the cells while they were read, J.
    pub fn cell_read_energy_j(&self) -> f64 {
        self.cell_read_energy as f64 * ENERGY_QUANTUM_J
    }

    /// Adds `energy_j` of a few samples; what is not a finite positive number adds nothing.
    pub(crate) fn add_energy_j(&mut self, energy_j: f64) {
        // A saturating cast: NaN and negative become 0.
        self.cell_read_energy += (energy_j / ENERGY_QUANTUM_J).round() as u128;
    }

    /// The counts by name, in alphabetical order, energy in J.
    pub fn named(&self) -> BTreeMap<&'static str, f64> {
        BTreeMap::from([
            ("macs", self.macs as f64),
            ("dac_conversions", self.dac_conversions as f64),
            ("adc_conversions", self.adc_conversions as f64),
            ("cell_reads", self.cell_reads as f64),
            ("cell_read_energy_j", self.cell_read_energy_j()),
            ("digital_adds", self.digital_adds as f64),
            ("cells_programmed", self.cells_programmed as f64),
        ])
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, o: Self) {
        self.macs += o.macs;
        self.dac_conversions += o.dac_conversions;
        self.adc_conversions += o.adc_conversions;
        self.cell_reads += o.cell_reads;
        self.cell_read_energy += o.cell_read_energy;
        self.digital_adds += o.digital_adds;
        self.cells_programmed += o.cells_programmed;
    }
}

impl Add for Tally {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_sums_to_the_same_bits_in_any_order() {
        let samples: Vec<f64> = (1..2000).map(|i| 1e-12 / (i as f64).powi(2)).collect();
        let add = |order: &mut dyn Iterator<Item = &f64>| {
            order
                .map(|&e| {
                    let mut t = Tally::default();
                    t.add_energy_j(e);
                    t
                })
                .sum::<Tally>()
        };
        let forwards = add(&mut samples.iter());
        assert_eq!(forwards, add(&mut samples.iter().rev()));
        let expected: f64 = samples.iter().sum();
        assert!((forwards.cell_read_energy_j() / expected - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nonsense_adds_nothing() {
        let mut t = Tally::default();
        t.add_energy_j(f64::NAN);
        t.add_energy_j(-1.0);
        assert_eq!(t, Tally::default());
    }
}
