//! One memristor and the statistics of many: [descriptions](DeviceSpec) with their sources, and [arrays of
//! cells](CellArray) that are programmed, age and are read.
//!
//! ```
//! use neurohm_device::{CellArray, preset};
//! use neurohm_num::Key;
//!
//! let pcm = preset("pcm")?;
//! let mut cells = CellArray::new(pcm.statistics()?, 1000, Key::root(1))?;
//! cells.program(&vec![12.5e-6; 1000])?;
//! cells.advance(3600.0)?; // An hour after programming, not after the first read.
//! cells.observe();
//! let mut g = vec![0.0; 1000];
//! cells.conductances(&mut g);
//! let mean = g.iter().sum::<f32>() / 1000.0;
//! assert!((9.5e-6..9.9e-6).contains(&mean));
//! # Ok::<(), neurohm_device::DeviceError>(())
//! ```

mod aspect;
mod cells;
pub mod compact;
mod error;
pub mod fit;
pub mod keep;
mod law;
mod limits;
pub mod multi;
mod nonideality;
pub mod nonlinearity;
pub mod one_over_f;
mod operation;
pub mod overlay;
pub mod predict;
mod preset;
pub mod program;
mod spec;
mod valid;

pub use aspect::{
    Accumulate, Activated, Anchor, Drive, Endurance, Faults, Noise, Nominal, Onset, Pulse, PulseTable,
    Retention, SecondOrder, StepSpread, Steps, Stimulus, StuckAt, TableBounds, TableStimulus, ThermalLoss,
    Write,
};
pub use cells::{CellArray, CellPulse, NO_PULSE, Observation, Programming, ROOM_K};
pub use error::{DeviceError, nearest};
pub use law::{Curve, Deviation};
pub use nonideality::{Nonidealities, Nonideality};
pub use operation::Operation;
pub use overlay::{SettingError, SettingProblem};
pub use preset::{Preset, parse, preset, presets, to_toml};
pub use spec::{CellSpec, DeviceSpec};
pub use valid::{NEAR_ROOM_K, Valid};
