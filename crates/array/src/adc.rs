//! The converters behind the bit lines where they are not ideal: every one of them is a draw of its own.
//!
//! A current of `u` steps, from minus to plus the largest code, is the input `u + 2^(bits - 1) + 1/2` of a
//! successive-approximation converter ([`SarConverter`]), whose word less `2^(bits - 1)` is the code: without differences
//! the nearest whole number, as of the ideal converter.

use neurohm_num::Key;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::converter::{Adc, Resolution};
use crate::mismatch::{Calibration, SarConverter, SarSpec};
use crate::{ChipSpec, SettingError};

const PATH: &str = "adc.uniform.mismatch";

/// How the converters of a chip differ, one from the other: drawn once, when the chip is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mismatch {
    /// Relative standard deviation of a unit capacitor: bends the converter's line.
    #[serde(default)]
    pub unit_capacitor: f64,
    /// Standard deviation of the offset, in steps.
    #[serde(default)]
    pub offset_lsb: f64,
    /// Standard deviation of the relative error of the gain.
    #[serde(default)]
    pub gain: f64,
    /// Decisions of a conversion beyond the number of bits, by weights that overlap: gaps between weights, which no
    /// calibration can close, become fewer.
    #[serde(default)]
    pub redundancy: u32,
    /// Neighbouring columns of a crossbar that share one converter.
    #[serde(default = "one")]
    pub columns_per_converter: u32,
    /// Whether each converter measures its own weights and offset when the chip is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

fn one() -> u32 {
    1
}

impl Mismatch {
    pub(crate) fn check(&self, resolution: Resolution) -> Result<(), SettingError> {
        let refused = |field: &str, says: String| Err(SettingError::value(format!("{PATH}.{field}"), says));
        let below = |mut e: SettingError, path: &str| {
            e.path = format!("{path}.{}", e.path);
            e
        };
        self.design(resolution).check().map_err(|e| match e.path.as_str() {
            // What the design calls so is written elsewhere.
            "bits" => {
                let says =
                    format!("converters of {} levels cannot differ; up to 65535 can", resolution.levels());
                SettingError::value(PATH, says)
            }
            "decisions" => SettingError::value(format!("{PATH}.redundancy"), e.message.clone()),
            "unit_mismatch" => SettingError::value(format!("{PATH}.unit_capacitor"), e.message.clone()),
            _ => below(e, PATH),
        })?;
        if [self.unit_capacitor, self.offset_lsb, self.gain] == [0.0; 3] {
            let says = "has no effect: converters without any spread are ideal; leave the table out";
            return Err(SettingError::value(PATH, says));
        }
        if self.redundancy > 0 && self.unit_capacitor == 0.0 {
            return refused("redundancy", "has no effect on capacitors that do not differ".to_owned());
        }
        if self.columns_per_converter == 0 {
            return refused("columns_per_converter", "0; allowed are 1 or more".to_owned());
        }
        if let Some(calibration) = &self.calibration {
            calibration.check().map_err(|e| below(e, &format!("{PATH}.calibration")))?;
        }
        Ok(())
    }

    /// The same with spreads `factor` times as wide.
    pub(crate) fn scaled(&mut self, factor: f64) {
        for spread in [&mut self.unit_capacitor, &mut self.offset_lsb, &mut self.gain] {
            *spread *= factor;
        }
    }

    /// The design that converters of this resolution are draws of.
    pub fn design(&self, resolution: Resolution) -> SarSpec {
        let bits = u32::BITS - resolution.levels().leading_zeros();
        SarSpec {
            bits,
            decisions: bits.saturating_add(self.redundancy),
            unit_mismatch: self.unit_capacitor,
            offset_lsb: self.offset_lsb,
            gain: self.gain,
        }
    }
}

/// Converters, from those of a crossbar on.
#[derive(Clone, Copy)]
pub(crate) struct Behind<'a> {
    all: &'a Converters,
    first_tile: usize,
}

impl Behind<'_> {
    /// Those from the crossbar on that lies `tiles` behind the first.
    pub(crate) fn after(self, tiles: usize) -> Self {
        Self { first_tile: self.first_tile + tiles, ..self }
    }

    /// [`Converters::convert`] of a crossbar that is counted from the first.
    pub(crate) fn convert(self, tile: usize, currents: &mut [f32], flags: bool) -> f32 {
        self.all.convert(self.first_tile + tile, currents, flags)
    }
}

/// The converters behind one side of a set of crossbars.
#[derive(Clone, Debug)]
pub(crate) struct Converters {
    each: Vec<SarConverter>,
    /// The first one of every crossbar.
    first: Vec<usize>,
    columns_per_converter: usize,
    /// The code of no current.
    zero: f64,
    largest: f64,
}

impl Converters {
    /// Draws them for crossbars of so many outputs each; nothing where they are ideal.
    pub(crate) fn draw(
        chip: &ChipSpec,
        outputs: impl Iterator<Item = usize>,
        key: Key,
    ) -> Result<Option<Self>, SettingError> {
        let Adc::Uniform(adc) = &chip.adc else { return Ok(None) };
        let Some(mismatch) = &adc.mismatch else { return Ok(None) };
        let design = mismatch.design(adc.resolution);
        let share = mismatch.columns_per_converter.max(1) as usize;
        let mut all = Self {
            each: Vec::new(),
            first: Vec::new(),
            columns_per_converter: share,
            zero: libm::exp2(f64::from(design.bits) - 1.0),
            largest: f64::from(adc.resolution.largest_code()),
        };
        let nominal = design.nominal();
        for (tile, outputs) in outputs.enumerate() {
            all.first.push(all.each.len());
            let key = key.child("tile", tile as u64);
            for number in 0..outputs.div_ceil(share) {
                let mut converter = SarConverter::of(&design, nominal.clone(), key, number as u64);
                if let Some(how) = &mismatch.calibration {
                    converter.calibrate(how)?;
                }
                all.each.push(converter);
            }
        }
        Ok(Some(all))
    }

    /// As a product sees them.
    pub(crate) fn behind(&self) -> Behind<'_> {
        Behind { all: self, first_tile: 0 }
    }

    /// The converter of output `output` of a crossbar.
    pub(crate) fn of(&self, tile: usize, output: usize) -> &SarConverter {
        &self.each[self.first[tile] + output / self.columns_per_converter]
    }

    /// What the converters of a crossbar make of a row of currents in steps, from its output `first` on. With `flags` a
    /// conversion that ends at an end of its range gives the largest code, which says that it may have left it.
    fn convert(&self, tile: usize, currents: &mut [f32], flags: bool) -> f32 {
        let mut largest = 0.0f32;
        for (output, current) in currents.iter_mut().enumerate() {
            let (word, end) = self.of(tile, output).decide(f64::from(*current) + self.zero + 0.5);
            let code = if flags && end {
                self.largest.copysign(f64::from(*current))
            } else {
                (word - self.zero).clamp(-self.largest, self.largest)
            };
            *current = code as f32;
            largest = largest.max(current.abs());
        }
        largest
    }
}

#[cfg(test)]
mod tests {
    use neurohm_num::{Rows, RowsMut};

    use super::*;
    use crate::{AnalogMatrix, OutputRange, Overflow, Tile, UniformAdc, chip_preset};

    fn chip(bits: u32, mismatch: Mismatch) -> ChipSpec {
        let mut chip = ChipSpec::ideal();
        chip.adc = Adc::Uniform(UniformAdc {
            resolution: Resolution::Bits(bits),
            range: OutputRange::Fixed { bound: 1.0 },
            overflow: Overflow::Clip {},
            mismatch: Some(mismatch),
        });
        chip.check().unwrap();
        chip
    }

    fn spread(unit_capacitor: f64) -> Mismatch {
        Mismatch {
            unit_capacitor,
            offset_lsb: 0.0,
            gain: 0.0,
            redundancy: 0,
            columns_per_converter: 1,
            calibration: None,
        }
    }

    /// Outputs that are the second input; the first fills the range of the read voltages.
    fn matrix(chip: &ChipSpec, outputs: usize, seed: u64) -> AnalogMatrix {
        let mut w = vec![0.0; outputs];
        w.extend(vec![1.0; outputs]);
        let mut matrix =
            AnalogMatrix::program(Rows::new(&w, 2, outputs).unwrap(), chip, Key::root(seed)).unwrap();
        matrix.read().unwrap();
        matrix
    }

    /// Codes, in steps, for currents from end to end, and these currents: each sample is a row.
    fn ramp(matrix: &AnalogMatrix, largest: f64, per_step: usize) -> (Vec<f64>, Vec<f64>) {
        let (outputs, count) = (matrix.outputs(), 2 * largest as usize * per_step);
        let u: Vec<f64> = (0..count).map(|s| (s as f64 + 0.5) / per_step as f64 - largest).collect();
        let x: Vec<f32> = u.iter().flat_map(|u| [1.0, (u / largest) as f32]).collect();
        let mut y = vec![0.0; count * outputs];
        let rows = Rows::new(&x, count, 2).unwrap();
        matrix.forward(rows, &mut RowsMut::new(&mut y, count, outputs).unwrap(), 0).unwrap();
        (y.iter().map(|y| f64::from(*y) * largest).collect(), u)
    }

    #[test]
    fn a_ramp_through_the_product_draws_each_converters_own_curve() {
        let (bits, per_step, outputs) = (6, 64, 5);
        let mismatch = Mismatch { offset_lsb: 0.7, gain: 0.01, ..spread(0.08) };
        let matrix = matrix(&chip(bits, mismatch), outputs, 3);
        let (codes, _) = ramp(&matrix, 31.0, per_step);
        let mut bent = 0;
        for output in 0..outputs {
            let own = matrix.converter(0, output).unwrap();
            let mut width = vec![0.0; 1 << bits];
            for sample in codes.chunks_exact(outputs) {
                width[(sample[output] + 32.0).round() as usize] += 1.0 / per_step as f64;
            }
            let mut expected = vec![0.0; 1 << bits];
            for bin in own.bins() {
                expected[bin.word as usize] += bin.high - bin.low;
            }
            // The ends of the ramp are within the outermost codes.
            for code in 3..61 {
                let off = (width[code] - expected[code]).abs();
                assert!(off <= 2.01 / per_step as f64, "output {output}, code {code}: {off}");
            }
            bent += usize::from(own.linearity().worst_dnl() > 0.2);
        }
        assert!(bent == outputs && matrix.converter(0, 0) != matrix.converter(0, 1));
        assert!(matrix.converter(1, 0).is_none() && matrix.converter(0, outputs).is_none());
    }

    /// Mean square over all converters of how far codes are from currents, in steps.
    fn square(mismatch: Mismatch) -> f64 {
        let (codes, u) = ramp(&matrix(&chip(8, mismatch), 200, 5), 127.0, 4);
        // The outermost steps are cut off.
        let inner: Vec<(&[f64], f64)> =
            codes.chunks_exact(200).zip(u).filter(|(_, u)| u.abs() < 120.0).collect();
        let sum: f64 = inner.iter().flat_map(|(row, u)| row.iter().map(move |c| (c - u).powi(2))).sum();
        sum / (inner.len() * 200) as f64
    }

    #[test]
    fn calibration_leaves_the_errors_of_its_measurements() {
        let sigma = 0.12;
        let raw = Mismatch { redundancy: 2, ..spread(sigma) };
        let how = Calibration { averages: 16, noise_lsb: 0.4 };
        let calibrated = Mismatch { calibration: Some(how), ..raw.clone() };
        // Every second bit is one: a quarter of the variances of the weights, of which each takes its share of the sum that
        // is kept; and an even rounding error. A word is the lower end of its step, so that the best code lies half a step
        // above: the ideal converter's rounding already says so.
        let nominal = raw.design(Resolution::Bits(8)).nominal();
        let shares: f64 = nominal.iter().map(|w| w * (1.0 - w / 256.0)).sum();
        let before = 0.25 * sigma * sigma * shares + 1.0 / 12.0;
        let measured = 0.4f64.powi(2) / 16.0;
        let n = nominal.len() as f64;
        // Of the calibrated word also the mean of its weights' errors, and the offset's.
        let after = (0.25 * n + 0.25 * n + 1.0) * measured + 1.0 / 12.0;
        let found = [square(raw), square(calibrated)];
        assert!((found[0] / before - 1.0).abs() < 0.15, "{} {before}", found[0]);
        assert!((found[1] / after - 1.0).abs() < 0.2, "{} {after}", found[1]);
    }

    #[test]
    fn converters_are_drawn_by_the_seed_and_shared_by_neighbours() {
        let shared = Mismatch { columns_per_converter: 2, ..spread(0.1) };
        let chip = chip(6, shared);
        let one = matrix(&chip, 4, 1);
        assert!(one.converter(0, 0) == one.converter(0, 1) && one.converter(0, 1) != one.converter(0, 2));
        assert!(one.converter(0, 0) == matrix(&chip, 4, 1).converter(0, 0));
        assert!(one.converter(0, 0) != matrix(&chip, 4, 2).converter(0, 0));
        // Each crossbar has its own.
        let narrow = ChipSpec { tile: Tile { rows: 1, columns: 2 }, ..chip };
        let four = matrix(&narrow, 4, 1);
        assert!(four.converter(0, 0) != four.converter(1, 0) && four.converter(0, 0) != four.converter(0, 2));
    }

    #[test]
    fn wider_spreads_make_larger_errors_and_hardly_any_are_ideal() {
        let errors: Vec<f64> = [1e-9, 0.03, 0.1, 0.2].map(|s| square(spread(s))).to_vec();
        // Four samples a step.
        assert!((errors[0] / ((1.0 - 1.0 / 16.0) / 12.0) - 1.0).abs() < 1e-3, "{errors:?}");
        assert!(errors.windows(2).all(|pair| pair[1] > 1.1 * pair[0]), "{errors:?}");
    }

    #[test]
    fn an_overflow_is_seen_by_converters_that_do_not_reach_the_largest_code() {
        // The gain is so low that all ones come late, or so high that they come early: the product is repeated either way.
        let mut chip = chip_preset("peer").unwrap().idealised();
        let adc = |mismatch| {
            Adc::Uniform(UniformAdc {
                resolution: Resolution::Bits(10),
                range: OutputRange::Fixed { bound: 12.0 },
                overflow: Overflow::HalveInput { largest_factor: 1000.0, coarsest_step: 1.0 },
                mismatch,
            })
        };
        let how = Calibration { averages: 100, noise_lsb: 0.01 };
        chip.adc = adc(Some(Mismatch { gain: 0.02, calibration: Some(how), redundancy: 2, ..spread(0.01) }));
        let w = vec![1.0; 64 * 20];
        let mut matrix = AnalogMatrix::program(Rows::new(&w, 64, 20).unwrap(), &chip, Key::root(4)).unwrap();
        matrix.read().unwrap();
        let mut y = vec![0.0; 20];
        let x = vec![1.0; 64];
        matrix.forward(Rows::new(&x, 1, 64).unwrap(), &mut RowsMut::new(&mut y, 1, 20).unwrap(), 0).unwrap();
        // 64 / 8 is the first that fits into 12, in steps of 12 / 511 x 8.
        assert!(y.iter().all(|y| (y - 64.0).abs() < 0.4), "{y:?}");
    }

    #[test]
    fn settings_that_cannot_be_are_refused_by_path() {
        let refused = |mismatch: Mismatch| mismatch.check(Resolution::Bits(8)).unwrap_err().to_string();
        for (mismatch, path, says) in [
            (spread(0.0), "adc.uniform.mismatch: ", "no effect"),
            (spread(0.3), "adc.uniform.mismatch.unit_capacitor: ", "more than 0.2"),
            (
                Mismatch { redundancy: 3, gain: 0.01, ..spread(0.0) },
                "adc.uniform.mismatch.redundancy: ",
                "no effect",
            ),
            (
                Mismatch { redundancy: 9, ..spread(0.1) },
                "adc.uniform.mismatch.redundancy: ",
                "allowed are 8 to 16",
            ),
            (
                Mismatch { offset_lsb: -1.0, ..spread(0.1) },
                "adc.uniform.mismatch.offset_lsb: ",
                "not a finite",
            ),
            (
                Mismatch { columns_per_converter: 0, ..spread(0.1) },
                "adc.uniform.mismatch.columns_per_converter: ",
                "1 or more",
            ),
            (
                Mismatch { calibration: Some(Calibration { averages: 0, noise_lsb: 0.1 }), ..spread(0.1) },
                "adc.uniform.mismatch.calibration.averages: ",
                "1 or more",
            ),
        ] {
            let said = refused(mismatch);
            assert!(said.starts_with(path) && said.contains(says), "{said}");
        }
        let many = spread(0.1).check(Resolution::Bits(20)).unwrap_err().to_string();
        assert!(many.contains("1048575 levels") && many.contains("65535"), "{many}");
    }
}
