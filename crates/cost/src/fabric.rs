//! The crossbars of a chip, as far as they are priced.

use neurohm_array::{Adc, Bias, ChipSpec, Dac, InputSign, Resolution, UniformAdc};
use serde::Serialize;

use crate::component::{Conversion, Operation};
use crate::{CostError, Layer, Technology};

/// What a network's inputs and weights are like, where only its shapes are known. Printed with results that use it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Activity {
    /// Mean square of the inputs, in units of the largest.
    pub mean_square_input: f64,
    /// Mean magnitude of the weights, in units of the largest.
    pub mean_weight: f64,
    /// Bits of inputs, where the chip's DAC is ideal.
    pub input_bits: u32,
    /// Bits of outputs, where the chip's ADC is ideal and the technology's has any number.
    pub output_bits: u32,
}

impl Default for Activity {
    /// Inputs and magnitudes of weights evenly spread from zero to the largest, 8 bits.
    fn default() -> Self {
        Self { mean_square_input: 1.0 / 3.0, mean_weight: 0.5, input_bits: 8, output_bits: 8 }
    }
}

/// The crossbars of a chip of some technology.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fabric {
    /// Word lines of a crossbar.
    pub rows: u32,
    /// Weights of a row.
    pub columns: u32,
    /// Columns of weights beyond these, which take the place of faulty ones.
    pub spare_columns: u32,
    /// Bit lines that a weight takes: the two sides of a pair, times the devices of a side, times the slices.
    pub lines_per_weight: u32,
    /// Conversions of each output of a crossbar: one for each slice of weights, where slices are added behind converters.
    pub conversions_per_output: u32,
    /// Whether biases take a word line.
    pub bias_line: bool,
    /// Bits of an input.
    pub input_bits: u32,
    /// Bits of a conversion.
    pub output_bits: u32,
    /// Decisions of a conversion beyond its bits.
    pub redundancy: u32,
    /// Measurements by which a converter calibrates itself: of the weight of each decision and of the offset, each as often as it
    /// is averaged. 0 for one that does not.
    pub measurements: u64,
    /// Converters behind a crossbar that differ, by the chip's `columns_per_converter`; 0 where all are alike.
    pub converters: u64,
    /// Reads of a product that the chip's description has, digit by digit: its tally counts each.
    pub reads: u32,
    /// Turns in which the bits of a read come where the technology's DAC has fewer: `ceil(bits / DAC bits)`.
    pub turns: u32,
    /// Mean square of the voltages of a read, in units of the largest.
    pub mean_square_drive: f64,
    /// Read voltage, V.
    pub read_v: f64,
    /// Mean conductance of a cell, S.
    pub cell_s: f64,
    /// Integration time of a read, s.
    pub integration_s: f64,
    /// Time of one read of a crossbar, s.
    pub read_s: f64,
    /// One turn of a word line.
    #[serde(skip)]
    pub dac: Operation,
    /// One conversion of a bit line, redundant decisions included.
    #[serde(skip)]
    pub conversion: Operation,
    /// Part of its energy and time that these take.
    pub redundant: f64,
    /// Converters of the technology that a crossbar has to itself; below one where crossbars share one.
    pub adcs: f64,
    /// What inputs and weights are like.
    pub activity: Activity,
}

/// Temperature at which converters are priced, K: that of the fits.
const TEMPERATURE_K: f64 = 300.0;

impl Fabric {
    /// The crossbars of `chip`, priced in `technology`.
    ///
    /// # Errors
    /// A device without statistics; converters of the chip and of the technology that do not go together.
    pub fn new(chip: &ChipSpec, technology: &Technology, activity: Activity) -> Result<Self, CostError> {
        chip.check()?;
        technology.check()?;
        let device =
            chip.device.statistics().map_err(|e| CostError::mismatch("chip.device", e.to_string()))?;
        let input_bits = chip.dac.resolution().map_or(activity.input_bits, bits);
        // Of a read: all bits of an input, or those of a digit; digits are evenly spread.
        let reads = chip.dac.reads();
        let (read_bits, mean_square_drive) = match &chip.dac {
            Dac::BitSerial(dac) => {
                let most = 2f64.powi(dac.digit_bits as i32) - 1.0;
                let signs = if dac.sign == InputSign::TwoPhases { 0.5 } else { 1.0 };
                (dac.digit_bits, signs * (2.0 * most + 1.0) / (6.0 * most))
            }
            _ => (input_bits, activity.mean_square_input),
        };
        let output_bits = match &chip.adc {
            Adc::Ideal {} => technology.adc.own_bits()?.unwrap_or(activity.output_bits),
            Adc::Uniform(adc) => bits(adc.resolution),
        };
        // One side of a pair holds the weight, the other the lowest conductance.
        let range_s = device.g_max_s - device.g_min_s;
        let cell_s = device.g_min_s + range_s * activity.mean_weight / 2.0;
        if cell_s.is_nan() || cell_s <= 0.0 {
            return Err(CostError::mismatch(
                "chip.device",
                "its cells conduct nothing, so no read can be priced",
            ));
        }
        let rows = chip.tile.rows;
        let dac = technology.dac.point()?;
        let mut conversion = technology.adc.operation(
            Conversion {
                bits: output_bits,
                column_ohm: 1.0 / (cell_s * f64::from(rows)),
                read_v: chip.read.voltage_v,
                temperature_k: TEMPERATURE_K,
            },
            &technology.convention,
        )?;
        let (redundancy, measurements, converters) = match &chip.adc {
            Adc::Uniform(UniformAdc { mismatch: Some(m), .. }) => {
                let averages = m.calibration.as_ref().map_or(0, |c| u64::from(c.averages));
                // Neighbouring columns of a slice share one.
                let of_slice = chip.tile.columns.div_ceil(m.columns_per_converter.max(1));
                let converters = u64::from(of_slice) * u64::from(chip.mapping.conversions_per_output());
                (m.redundancy, averages * u64::from(output_bits + m.redundancy + 1), converters)
            }
            _ => (0, 0, 0),
        };
        // A decision more takes as long as the others, at the same power; overlapping weights sum to the same capacitance, so
        // that the area is the same.
        let periods = technology.adc.decision_periods(output_bits, &technology.convention);
        let stretch = 1.0 + f64::from(redundancy) / periods;
        conversion.energy_j *= stretch;
        conversion.time_s *= stretch;
        let lines_per_weight = chip.mapping.devices_per_weight();
        let conversions_per_output = chip.mapping.conversions_per_output();
        let organisation = &technology.organisation;
        let read_s = technology.array.read_s(crate::component::ReadCell {
            rows,
            cell_ohm: 1.0 / cell_s,
            integration_s: chip.read.integration_time_s,
        });
        Ok(Self {
            rows,
            columns: chip.tile.columns,
            spare_columns: chip.spare_columns(),
            lines_per_weight,
            conversions_per_output,
            bias_line: matches!(chip.mapping.bias, Bias::WordLine { .. }),
            input_bits,
            output_bits,
            redundancy,
            measurements,
            converters,
            reads,
            turns: read_bits.div_ceil(dac.bits).max(1),
            mean_square_drive,
            dac: dac.operation(),
            read_v: chip.read.voltage_v,
            cell_s,
            integration_s: chip.read.integration_time_s,
            read_s,
            conversion,
            redundant: 1.0 - 1.0 / stretch,
            adcs: f64::from(organisation.adcs_per_core) / f64::from(organisation.crossbars_per_core),
            activity,
        })
    }

    /// Word lines that each matrix of a layer takes.
    pub fn word_lines(&self, layer: &Layer) -> u64 {
        layer.rows + u64::from(self.bias_line && layer.bias)
    }

    /// Cells that a layer takes, spare ones of its crossbars included.
    pub fn cells_of(&self, layer: &Layer) -> u64 {
        let spare = layer.columns.div_ceil(u64::from(self.columns)) * u64::from(self.spare_columns);
        let columns = layer.columns.saturating_add(spare);
        let lines = self.word_lines(layer).saturating_mul(columns).saturating_mul(layer.groups);
        lines.saturating_mul(u64::from(self.lines_per_weight))
    }

    /// Bit lines of a crossbar.
    pub fn bit_lines(&self) -> u64 {
        (u64::from(self.columns) + u64::from(self.spare_columns)) * u64::from(self.lines_per_weight)
    }

    /// Cells of a crossbar.
    pub fn cells(&self) -> u64 {
        u64::from(self.rows) * self.bit_lines()
    }

    /// Time that the converters of a crossbar need for one turn of `columns` weights, s.
    pub fn scan_s(&self, columns: u64) -> f64 {
        let conversions = columns as f64 * f64::from(self.conversions_per_output);
        (conversions / self.adcs).ceil() * self.conversion.time_s
    }

    /// Time from one turn to the next, s: reads and conversions overlap, so the slower of both.
    pub fn turn_s(&self, columns: u64) -> f64 {
        self.read_s.max(self.scan_s(columns))
    }

    /// Conversions that make one value: those of every digit of an input and of every slice of a weight.
    pub fn conversions_per_value(&self) -> f64 {
        f64::from(self.reads) * f64::from(self.conversions_per_output)
    }

    /// Energy of the cells' reads, J, where only their number is known: `G (V x)^2 t` on average.
    pub fn cell_read_j(&self) -> f64 {
        self.cell_s * self.read_v.powi(2) * self.mean_square_drive * self.integration_s
    }
}

/// Bits that so many levels take.
fn bits(resolution: Resolution) -> u32 {
    match resolution {
        Resolution::Bits(bits) => bits,
        Resolution::Levels(levels) => levels.max(2).next_power_of_two().trailing_zeros(),
    }
}

/// Bits of a converter that loses nothing of a sum over `rows` products of `weight_bits` and `input_bits`:
/// `ceil(log2(rows (2^w - 1) (2^d - 1) + 1))`.
pub fn lossless_bits(rows: u32, weight_bits: u32, input_bits: u32) -> u32 {
    let largest = |bits: u32| (1u128 << bits.min(40)) - 1;
    let values = u128::from(rows) * largest(weight_bits) * largest(input_bits) + 1;
    values.next_power_of_two().trailing_zeros()
}
