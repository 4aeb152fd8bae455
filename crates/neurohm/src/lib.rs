//! neurohm simulates computers made of memristors: one device description goes unchanged through every
//! application that such devices are proposed for, and comes out with numbers, intervals and reasons.
//!
//! The program `neurohm` (crate `neurohm-cli`) does that from the command line; this crate is the same from
//! Rust. It holds nothing of its own: every part is a crate that can be used alone, and each is re-exported
//! under its short name. Data flows one way through them:
//!
//! [`num`] -> [`device`] -> [`array`](mod@array) -> [`nn`] -> [`studies`] (with [`data`] and the engine [`study`]) ->
//! [`report`].
//!
//! # A device
//!
//! Devices are statistical models with sources; time only passes when you say so.
//!
//! ```
//! use neurohm::device::{CellArray, preset};
//! use neurohm::num::Key;
//!
//! let pcm = preset("pcm")?;
//! let mut cells = CellArray::new(pcm.statistics()?, 10_000, Key::root(1))?;
//! cells.program(&vec![20e-6; 10_000])?;
//! let mut mean = |cells: &mut CellArray| {
//!     let mut g = vec![0.0; 10_000];
//!     cells.observe();
//!     cells.conductances(&mut g);
//!     g.iter().sum::<f32>() / 10_000.0
//! };
//! let fresh = mean(&mut cells);
//! cells.advance(86_400.0)?;
//! assert!(mean(&mut cells) < 0.9 * fresh); // phase-change memory drifts
//! # Ok::<(), neurohm::device::DeviceError>(())
//! ```
//!
//! # A matrix on a chip of them
//!
//! ```
//! use neurohm::array::{AnalogMatrix, ArrayError, ChipSpec};
//! use neurohm::num::{Key, Rows, RowsMut};
//!
//! let (weights, x) = ([0.5, -1.0, 0.25, 0.75, 1.0, -0.5], [1.0, 0.5, -1.0]);
//! // On an ideal chip the product is the exact one; `neurohm::array::chip("default")` is a real one.
//! let chip = ChipSpec::ideal();
//! let mut matrix = AnalogMatrix::program(Rows::new(&weights, 3, 2)?, &chip, Key::root(1))?;
//! matrix.read()?;
//! let mut y = [0.0; 2];
//! matrix.forward(Rows::new(&x, 1, 3)?, &mut RowsMut::new(&mut y, 1, 2)?, 0)?;
//! assert!((y[0] + 0.375).abs() < 1e-5 && (y[1] + 0.125).abs() < 1e-5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A study
//!
//! What the command line runs: chips, intervals, the ideal value and ablation come from the engine.
//!
//! ```
//! use neurohm::num::Unwatched;
//! use neurohm::study::{Disk, Draft, Effort, execute};
//!
//! let draft = Draft {
//!     study: Some("mvm".into()),
//!     device: Some("pcm".into()),
//!     effort: Effort::Smoke, // seconds become milliseconds; leave it out for numbers worth having
//!     ..Draft::default()
//! };
//! let (study, request) = draft.resolve(neurohm::studies::REGISTRY, &Disk)?;
//! let found = execute(study, &request, &Disk, &Unwatched)?;
//! let merit = &found.record.scalars[&found.record.merit];
//! assert!(merit.value > 0.0 && merit.ideal.is_some());
//!
//! // The page that a browser shows: one file, nothing to load.
//! let page = neurohm::report::html(&[found.record], "Products on PCM")?;
//! assert!(page.starts_with("<!doctype html>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use neurohm_array as array;
pub use neurohm_circuit as circuit;
pub use neurohm_cost as cost;
pub use neurohm_data as data;
pub use neurohm_device as device;
pub use neurohm_lab as lab;
pub use neurohm_nn as nn;
pub use neurohm_num as num;
pub use neurohm_paper as paper;
pub use neurohm_report as report;
pub use neurohm_studies as studies;
pub use neurohm_study as study;

/// The version that records carry.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
