//! From weights to conductances: how a matrix is cut into crossbars and scaled to what a device holds.

use std::ops::Range;

use neurohm_num::Rows;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::converter::{percentage, positive};
use crate::kernel;

pub(crate) mod faults;
pub(crate) mod pair;
mod slices;

pub use faults::{FaultMapping, Remap};
pub use pair::Pair;
pub use slices::{Combine, Digits, Slices};

/// Size of one crossbar in weights. A weight is a differential pair of devices, or of `N` devices each, or such a pair for each
/// of its slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tile {
    /// Inputs at most.
    pub rows: u32,
    /// Outputs at most.
    pub columns: u32,
}

/// How weights become conductances: `G+ - G- = w / scale x (g_max - g_min)`, the other device of the
/// pair at `g_min` unless pairs are optimised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Devices in parallel on each side of a pair; their currents are averaged.
    pub devices_per_polarity: u32,
    /// Which weights share one scale.
    pub per: Per,
    /// Which weight is the largest conductance.
    pub scale: Scale,
    /// Where biases of a layer are added.
    #[serde(default, skip_serializing_if = "Bias::is_digital")]
    pub bias: Bias,
    /// Digits of different significance, where a weight has several; without it a weight is one pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<Slices>,
    /// What is done about cells that are stuck.
    #[serde(default, skip_serializing_if = "FaultMapping::is_ignored")]
    pub faults: FaultMapping,
    /// Which two conductances stand for a weight.
    #[serde(default, skip_serializing_if = "Pair::is_one_sided")]
    pub pair: Pair,
}

/// Where biases of a layer are added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Bias {
    /// Behind the converters, exactly.
    Digital {},
    /// In cells on one more word line, which is driven at a constant input through a converter like the others: a cell holds
    /// its bias divided by that input, and takes part in scales, noise, drift and its compensation as weights do.
    WordLine {
        /// The constant, in units of the layer's inputs; above 0. Where it exceeds them, they share the converter's range with
        /// it; where it is small, biases are large weights.
        #[serde(default = "unity")]
        input: f64,
    },
}

fn unity() -> f64 {
    1.0
}

impl Default for Bias {
    fn default() -> Self {
        Self::Digital {}
    }
}

impl Bias {
    fn is_digital(&self) -> bool {
        *self == Self::Digital {}
    }
}

/// Which weights share one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Those of one crossbar.
    Tile,
    /// Those of one column of one crossbar; the digital side multiplies each output by its own.
    Column,
}

/// Which weight is the largest conductance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scale {
    /// The largest magnitude.
    Maximum {},
    /// A percentile of the magnitudes; larger weights are clipped to it.
    Percentile {
        /// In percent, above 0 to 100.
        p: f64,
    },
}

impl Tile {
    pub(crate) fn check(self) -> Result<(), SettingError> {
        for (path, value) in [("tile.rows", self.rows), ("tile.columns", self.columns)] {
            if !(1..=1 << 20).contains(&value) {
                return Err(SettingError::value(path, format!("{value} is not from 1 to 1048576")));
            }
        }
        Ok(())
    }
}

impl Mapping {
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        if !(1..=64).contains(&self.devices_per_polarity) {
            return Err(SettingError::value(
                "mapping.devices_per_polarity",
                format!("{} is not from 1 to 64", self.devices_per_polarity),
            ));
        }
        if let Scale::Percentile { p } = self.scale {
            percentage("mapping.scale.percentile.p", p)?;
        }
        if let Bias::WordLine { input } = self.bias {
            positive("mapping.bias.word_line.input", input)?;
        }
        self.faults.check()?;
        self.pair.check()?;
        let Some(slices) = &self.slices else { return Ok(()) };
        slices.check()?;
        match &self.faults {
            FaultMapping::Remap(_) if slices.combine == Combine::Analog => Err(SettingError::value(
                "mapping.faults",
                "slices that meet in front of one converter (mapping.slices.combine) are not laid around stuck cells; combine \
                 them digitally",
            )),
            FaultMapping::Remap(Remap { rows: true, .. }) if slices.count() > 1 => Err(SettingError::value(
                "mapping.faults.remap.rows",
                "slices of a crossbar share its word lines and would each ask for another order of them; leave it out",
            )),
            _ => Ok(()),
        }
    }

    /// Devices of a weight.
    pub fn devices_per_weight(&self) -> u32 {
        2 * self.devices_per_polarity * self.slices.as_ref().map_or(1, Slices::count) as u32
    }

    /// Conversions of an output of one crossbar: of each slice one where slices are combined behind the converters.
    pub fn conversions_per_output(&self) -> u32 {
        match &self.slices {
            Some(slices) if slices.combine == Combine::Digital => slices.count() as u32,
            _ => 1,
        }
    }
}

impl Mapping {
    /// The scale of each column of the finite weights of one crossbar.
    pub(crate) fn choose_scales(&self, weights: Rows, scales: &mut [f32]) {
        match (self.per, &self.scale) {
            (Per::Tile, scale) => {
                let mut magnitudes: Vec<f32> = match scale {
                    Scale::Maximum {} => (0..weights.rows())
                        .map(|r| f32::from_bits(kernel::largest_magnitude_bits(weights.row(r))))
                        .collect(),
                    Scale::Percentile { .. } => {
                        (0..weights.rows()).flat_map(|r| weights.row(r)).map(|w| w.abs()).collect()
                    }
                };
                scales.fill(scale.of(&mut magnitudes));
            }
            (Per::Column, scale) => {
                let mut magnitudes = vec![0.0; weights.rows()];
                for (column, chosen) in scales.iter_mut().enumerate() {
                    for (r, magnitude) in magnitudes.iter_mut().enumerate() {
                        *magnitude = weights.row(r)[column].abs();
                    }
                    *chosen = scale.of(&mut magnitudes);
                }
            }
        }
    }
}

impl Scale {
    /// The scale of a set of finite weights, handed over as magnitudes (reordered); 1 where all are zero.
    pub(crate) fn of(&self, magnitudes: &mut [f32]) -> f32 {
        let scale = match *self {
            Self::Maximum {} => magnitudes.iter().fold(0.0, |m: f32, &v| m.max(v)),
            Self::Percentile { p } => percentile(magnitudes, p),
        };
        // Mostly zeros can put the percentile at zero: then the largest, not a division by zero.
        let scale = if scale > 0.0 { scale } else { magnitudes.iter().fold(0.0, |m: f32, &v| m.max(v)) };
        if scale > 0.0 { scale } else { 1.0 }
    }
}

/// The smallest value that at least `p` percent of `values` do not exceed; reorders them; 0 for none.
pub(crate) fn percentile(values: &mut [f32], p: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let rank = (p / 100.0 * values.len() as f64).ceil() as usize;
    let index = rank.clamp(1, values.len()) - 1;
    *values.select_nth_unstable_by(index, f32::total_cmp).1
}

/// Cuts `length` into the fewest pieces of at most `limit`, as equal as they come (the longer first).
pub fn cuts(length: usize, limit: usize) -> Vec<Range<usize>> {
    let pieces = length.div_ceil(limit.max(1));
    let mut first = 0;
    (0..pieces)
        .map(|piece| {
            let size = length / pieces + usize::from(piece < length % pieces);
            first += size;
            first - size..first
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cuts_cover_everything_once_and_evenly(length in 0usize..5000, limit in 1usize..600) {
            let cuts = cuts(length, limit);
            prop_assert_eq!(cuts.len(), length.div_ceil(limit));
            let mut next = 0;
            for cut in &cuts {
                prop_assert_eq!(cut.start, next);
                prop_assert!(cut.len() <= limit && cut.len() + 1 >= length / cuts.len());
                next = cut.end;
            }
            prop_assert_eq!(next, length);
        }

        #[test]
        fn percentile_splits_the_values(mut v in prop::collection::vec(0.0f32..1.0, 1..200), p in 0.1f64..100.0) {
            let q = percentile(&mut v, p);
            let within = v.iter().filter(|x| **x <= q).count() as f64;
            let below = v.iter().filter(|x| **x < q).count() as f64;
            prop_assert!(within >= p / 100.0 * v.len() as f64 - 1e-9);
            prop_assert!(below < p / 100.0 * v.len() as f64);
        }
    }

    #[test]
    fn scales_never_vanish() {
        assert_eq!(Scale::Maximum {}.of(&mut [0.0, 0.0]), 1.0);
        assert_eq!(Scale::Percentile { p: 50.0 }.of(&mut [0.0, 0.0, 0.0, 2.0]), 2.0);
        assert_eq!(Scale::Percentile { p: 50.0 }.of(&mut [1.0, 4.0, 3.0, 2.0]), 2.0);
    }
}
