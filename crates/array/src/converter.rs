//! Converters as they are described in a chip's file: from digital numbers to read voltages and from
//! currents back.
//!
//! Both are mid-tread: an odd number of levels, evenly spaced over `+-range`, zero among them. `bits`
//! gives 2^bits - 1 levels, so that 7 bits are 126 steps and 9 bits 510.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::adc::Mismatch;

/// How fine a converter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Resolution {
    /// 2^bits - 1 levels; 2 to 22 bits.
    Bits(u32),
    /// An odd number of levels, 3 to 4194303.
    Levels(u32),
}

impl Resolution {
    /// Number of levels.
    pub fn levels(self) -> u32 {
        match self {
            Self::Bits(bits) => (1u32.checked_shl(bits).unwrap_or(0)).wrapping_sub(1),
            Self::Levels(levels) => levels,
        }
    }

    /// Largest code: codes run from minus this to plus this.
    pub fn largest_code(self) -> f32 {
        (self.levels() / 2) as f32
    }

    /// The resolution with steps `factor` times as wide, as near as an odd number of levels comes.
    #[must_use]
    pub fn coarser(self, factor: f64) -> Self {
        let half = (f64::from(self.levels() / 2) / factor).round();
        Self::Levels(half.clamp(1.0, f64::from(LARGEST_HALF)) as u32 * 2 + 1)
    }

    fn check(self, path: &str) -> Result<(), SettingError> {
        match self {
            Self::Bits(bits) if !(2..=22).contains(&bits) => Err(SettingError::value(
                format!("{path}.resolution.bits"),
                format!("{bits} bits; allowed are 2 to 22"),
            )),
            Self::Levels(levels) if levels % 2 == 0 || !(3..=2 * LARGEST_HALF + 1).contains(&levels) => {
                Err(SettingError::value(
                    format!("{path}.resolution.levels"),
                    format!("{levels} levels; allowed are odd numbers (zero is a level) from 3 to 4194303"),
                ))
            }
            _ => Ok(()),
        }
    }
}

const LARGEST_HALF: u32 = 2_097_151;

/// The converter in front of the word lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Dac {
    /// No rounding and no clipping: every sample fills the range of read voltages.
    Ideal {},
    /// Evenly spaced levels.
    Uniform(UniformDac),
    /// Digits of a few bits, one after the other.
    BitSerial(BitSerialDac),
}

/// A converter with evenly spaced levels in front of the word lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniformDac {
    /// How many levels.
    pub resolution: Resolution,
    /// Which digital value is the full read voltage.
    pub range: InputRange,
}

/// A converter that presents the magnitude of an input digit by digit, the least significant one first. Each partial product
/// goes through the converter behind the bit lines, with noise of its own; codes are then shifted and added (ISAAC: A. Shafiee et
/// al., ISCA 2016).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BitSerialDac {
    /// How many levels the whole input has, those below zero included.
    pub resolution: Resolution,
    /// Which digital value is the largest whole input.
    pub range: InputRange,
    /// Bits of a digit: its largest value is the full read voltage. One bit needs a switch and no converter.
    #[serde(default = "one")]
    pub digit_bits: u32,
    /// How inputs below zero are presented.
    #[serde(default)]
    pub sign: InputSign,
}

fn one() -> u32 {
    1
}

/// How inputs below zero are presented, digit by digit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputSign {
    /// By voltages of the other sign, as `dac.uniform` does: one read a digit.
    #[default]
    Bipolar,
    /// In a read of their own, whose result is subtracted, for drivers of one polarity: two reads a digit.
    TwoPhases,
}

impl BitSerialDac {
    /// Reads of a product: of every digit one, or one for each sign.
    pub fn reads(&self) -> u32 {
        self.cycles() * self.phases()
    }

    /// Digits of an input.
    pub(crate) fn cycles(&self) -> u32 {
        self.magnitude_bits().div_ceil(self.digit_bits.max(1))
    }

    pub(crate) fn phases(&self) -> u32 {
        match self.sign {
            InputSign::Bipolar => 1,
            InputSign::TwoPhases => 2,
        }
    }

    /// The largest digit.
    pub(crate) fn largest_digit(&self) -> f32 {
        ((1u32 << self.digit_bits.min(22)) - 1) as f32
    }

    fn magnitude_bits(&self) -> u32 {
        u32::BITS - (self.resolution.levels() / 2).leading_zeros()
    }

    /// The same with another resolution; digits are no longer than it.
    #[must_use]
    pub(crate) fn with(&self, resolution: Resolution) -> Self {
        let mut new = Self { resolution, ..self.clone() };
        new.digit_bits = new.digit_bits.min(new.magnitude_bits());
        new
    }

    fn check(&self) -> Result<(), SettingError> {
        self.resolution.check("dac.bit_serial")?;
        let most = self.magnitude_bits();
        if !(1..=most).contains(&self.digit_bits) {
            let says = format!(
                "{} bits; magnitudes of {} levels have {most}, so that allowed are 1 to {most}",
                self.digit_bits,
                self.resolution.levels()
            );
            return Err(SettingError::value("dac.bit_serial.digit_bits", says));
        }
        Ok(())
    }
}

/// Which digital value is the full read voltage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InputRange {
    /// The largest magnitude among the inputs of this crossbar, anew for every sample (the peer's
    /// `ABS_MAX` noise management). The digital side must find that maximum and multiply it back.
    AbsMax {},
    /// A given one for every crossbar; larger inputs are clipped.
    Fixed {
        /// In units of the inputs; above 0.
        bound: f64,
    },
    /// One for each crossbar, from the inputs that calibration shows it.
    Calibrated {
        /// Percentage of input magnitudes inside the range, above 0 to 100.
        percentile: f64,
    },
}

/// The converter behind the bit lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Adc {
    /// No rounding and no clipping.
    Ideal {},
    /// Evenly spaced levels.
    Uniform(UniformAdc),
}

/// A converter with evenly spaced levels behind the bit lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniformAdc {
    /// How many levels.
    pub resolution: Resolution,
    /// Which current is the largest code.
    pub range: OutputRange,
    /// What happens to a sample that drives an output out of range.
    #[serde(default)]
    pub overflow: Overflow,
    /// How converters differ, one from the other; without it all are ideal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<Mismatch>,
}

/// Which current is the largest code. The unit is the current of one weight of full magnitude at the
/// full read voltage: `(g_max - g_min) x read voltage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OutputRange {
    /// A given one for every crossbar.
    Fixed {
        /// In units of one full weight at full read voltage; above 0.
        bound: f64,
    },
    /// One for each crossbar, from the currents that calibration shows it.
    Calibrated {
        /// Percentage of current magnitudes inside the range, above 0 to 100.
        percentile: f64,
    },
}

/// What happens to a sample that drives an output of a crossbar out of the converter's range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Overflow {
    /// The output is clipped.
    Clip {},
    /// The product is repeated with halved read voltages until every output fits or a limit is passed
    /// (the peer's iterative bound management).
    HalveInput {
        /// The last repetition is the first one whose inputs are divided by more than this.
        largest_factor: f64,
        /// Or the first one where a step of the DAC is more than this part of the full input.
        coarsest_step: f64,
    },
}

impl Default for Overflow {
    fn default() -> Self {
        Self::Clip {}
    }
}

impl Dac {
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let path = match self {
            Self::Ideal {} => return Ok(()),
            Self::Uniform(dac) => {
                dac.resolution.check("dac.uniform")?;
                "dac.uniform"
            }
            Self::BitSerial(dac) => {
                dac.check()?;
                "dac.bit_serial"
            }
        };
        match self.range() {
            Some(InputRange::Fixed { bound }) => positive(&format!("{path}.range.fixed.bound"), *bound),
            Some(InputRange::Calibrated { percentile }) => {
                percentage(&format!("{path}.range.calibrated.percentile"), *percentile)
            }
            Some(InputRange::AbsMax {}) | None => Ok(()),
        }
    }

    /// Which digital value is the largest input; `None` for an ideal one.
    pub fn range(&self) -> Option<&InputRange> {
        match self {
            Self::Ideal {} => None,
            Self::Uniform(dac) => Some(&dac.range),
            Self::BitSerial(dac) => Some(&dac.range),
        }
    }

    /// How many levels a whole input has; `None` for an ideal one.
    pub fn resolution(&self) -> Option<Resolution> {
        match self {
            Self::Ideal {} => None,
            Self::Uniform(dac) => Some(dac.resolution),
            Self::BitSerial(dac) => Some(dac.resolution),
        }
    }

    /// How many levels of voltage there are above zero in one read; `None` for an ideal one.
    pub fn largest_drive(&self) -> Option<f32> {
        match self {
            Self::Ideal {} => None,
            Self::Uniform(dac) => Some(dac.resolution.largest_code()),
            Self::BitSerial(dac) => Some(dac.largest_digit()),
        }
    }

    /// Reads that a product takes.
    pub fn reads(&self) -> u32 {
        match self {
            Self::BitSerial(dac) => dac.reads(),
            _ => 1,
        }
    }

    /// Sets the resolution where it has any.
    pub(crate) fn set_resolution(&mut self, resolution: Resolution) {
        match self {
            Self::Ideal {} => {}
            Self::Uniform(dac) => dac.resolution = resolution,
            Self::BitSerial(dac) => *dac = dac.with(resolution),
        }
    }

    /// Whether its range comes from data.
    pub fn needs_calibration(&self) -> bool {
        matches!(self.range(), Some(InputRange::Calibrated { .. }))
    }
}

impl Adc {
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let Self::Uniform(adc) = self else { return Ok(()) };
        adc.resolution.check("adc.uniform")?;
        match adc.range {
            OutputRange::Fixed { bound } => positive("adc.uniform.range.fixed.bound", bound)?,
            OutputRange::Calibrated { percentile } => {
                percentage("adc.uniform.range.calibrated.percentile", percentile)?
            }
        }
        if let Overflow::HalveInput { largest_factor, coarsest_step } = adc.overflow {
            let path = "adc.uniform.overflow.halve_input";
            positive(&format!("{path}.largest_factor"), largest_factor)?;
            positive(&format!("{path}.coarsest_step"), coarsest_step)?;
            if largest_factor > 1e6 {
                return Err(SettingError::value(
                    format!("{path}.largest_factor"),
                    format!(
                        "{largest_factor} would repeat a product more than 20 times; allowed is up to 1e6"
                    ),
                ));
            }
        }
        adc.mismatch.as_ref().map_or(Ok(()), |mismatch| mismatch.check(adc.resolution))
    }

    /// Whether its range comes from data.
    pub fn needs_calibration(&self) -> bool {
        matches!(self, Self::Uniform(UniformAdc { range: OutputRange::Calibrated { .. }, .. }))
    }
}

/// Products are computed in single precision, which ends at 1e38; what is squared on the way must stay inside.
const SMALLEST: f64 = 1e-30;
const LARGEST: f64 = 1e30;

/// Refuses what is not a finite number above zero.
pub(crate) fn positive(path: &str, value: f64) -> Result<(), SettingError> {
    if (SMALLEST..=LARGEST).contains(&value) {
        Ok(())
    } else {
        let value = quantity::format(value, quantity::Dimension::Ratio);
        Err(SettingError::value(path, format!("{value} is not a finite number above 0, from 1e-30 to 1e30")))
    }
}

/// Refuses what is not a finite number from zero.
pub(crate) fn not_negative(path: &str, value: f64) -> Result<(), SettingError> {
    if (0.0..=LARGEST).contains(&value) {
        Ok(())
    } else {
        let value = quantity::format(value, quantity::Dimension::Ratio);
        Err(SettingError::value(path, format!("{value} is not a finite number from 0 to 1e30")))
    }
}

/// Refuses what is not above 0 and at most 100.
pub(crate) fn percentage(path: &str, value: f64) -> Result<(), SettingError> {
    if value > 0.0 && value <= 100.0 {
        Ok(())
    } else {
        Err(SettingError::value(path, format!("{value} is not a percentage above 0, up to 100")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_levels_agree_with_the_peers_steps() {
        // aihwkit writes its defaults as steps of 1/(2^7 - 2) and 1/(2^9 - 2) of the full range.
        assert_eq!((Resolution::Bits(7).levels() - 1, Resolution::Bits(9).levels() - 1), (126, 510));
        assert_eq!(Resolution::Bits(7).largest_code(), 63.0);
        assert_eq!(Resolution::Bits(8).coarser(2.0), Resolution::Levels(127 + 2));
        assert_eq!(Resolution::Bits(2).coarser(1e9), Resolution::Levels(3));
        assert_eq!(Resolution::Bits(8).coarser(1e-9).levels(), 2 * LARGEST_HALF + 1);
    }

    #[test]
    fn impossible_converters_are_refused_by_name() {
        let dac = |resolution| Dac::Uniform(UniformDac { resolution, range: InputRange::AbsMax {} }).check();
        assert!(dac(Resolution::Bits(22)).is_ok() && dac(Resolution::Levels(3)).is_ok());
        for (resolution, word) in
            [(Resolution::Bits(1), "bits"), (Resolution::Bits(40), "bits"), (Resolution::Levels(8), "odd")]
        {
            assert!(dac(resolution).unwrap_err().to_string().contains(word), "{resolution:?}");
        }
    }
}
