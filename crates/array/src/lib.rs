//! The crossbar: how a matrix becomes conductances, what comes out of a product through converters, noise and
//! drift, and what it costs in events.
//!
//! ```
//! use neurohm_array::{AnalogMatrix, chip_preset};
//! use neurohm_num::{Key, Rows, RowsMut};
//!
//! let weights = [0.5, -1.0, 0.25, 0.75, -0.5, 1.0]; // 3 inputs x 2 outputs
//! let chip = chip_preset("peer")?;
//! let mut matrix = AnalogMatrix::program(Rows::new(&weights, 3, 2)?, &chip, Key::root(1))?;
//! matrix.advance(3600.0)?;
//! matrix.read()?;
//! let mut y = [0.0; 2];
//! let tally = matrix.forward(Rows::new(&[1.0, 0.5, -1.0], 1, 3)?, &mut RowsMut::new(&mut y, 1, 2)?, 0)?;
//! assert!((y[0] - 1.125).abs() < 0.7 && (y[1] + 1.625).abs() < 0.7);
//! assert_eq!((tally.macs, tally.adc_conversions), (6, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A **tile** here is one crossbar of weights, and a weight is a differential pair of devices. Between programming
//! and products the unit of a weight is the full conductance range, that of an input the full read voltage, that of
//! an output one full weight at full voltage.

mod adc;
mod calibrate;
mod cells;
mod chip;
mod compensation;
mod converter;
mod copper;
mod crossbar;
mod error;
mod gemm;
mod kernel;
mod lines;
mod mapping;
mod matrix;
mod mismatch;
mod pass;
mod preset;
mod product;
mod response;
mod tally;
pub mod wires;

pub use adc::Mismatch;
pub use cells::{Cells, Drive};
pub use chip::{ChipSpec, DriftCompensation, Read, ReadNoise};
pub use converter::{
    Adc, BitSerialDac, Dac, InputRange, InputSign, OutputRange, Overflow, Resolution, UniformAdc, UniformDac,
};
pub use copper::{CopperLines, CopperWire};
pub use error::ArrayError;
pub use gemm::{BLOCK, gemm, gemm_wt, gemm_xt};
pub use lines::{Lines, Placement, ResistiveLines};
pub use mapping::{
    Bias, Combine, Digits, FaultMapping, Mapping, Pair, Per, Remap, Scale, Slices, Tile, cuts,
};
pub use matrix::AnalogMatrix;
pub use mismatch::{Bin, Calibration, Linearity, SarConverter, SarSpec};
pub use neurohm_device::overlay::{self, SettingError, SettingProblem};
pub use preset::{ChipLayers, ChipPreset, FindDevice, chip_preset, chip_presets, parse_chip, presets_only};
pub use product::product;
pub use tally::{ENERGY_QUANTUM_J, Tally};
