//! What a chip costs: joules, seconds and square millimetres.
//!
//! A [`Technology`] holds the constants of every part, each with source, unit and how well it is known. With the
//! crossbars of a chip (a [`Fabric`]) it turns counted events into a [`Bill`] by component: of a tally that an experiment
//! counted ([`price`]), or of a network whose layers [`map()`] places on the chip.
//!
//! ```
//! use neurohm_array::chip_preset;
//! use neurohm_cost::{Activity, Fabric, Layer, map, technology};
//!
//! let technology = technology("isaac_32nm")?;
//! let fabric = Fabric::new(&chip_preset("default")?, &technology, Activity::default())?;
//! let layers = [Layer::dense("hidden", 784, 256, None), Layer::dense("scores", 256, 10, Some(0))];
//! let mapping = map(&layers, &fabric, &technology, Default::default())?;
//! let bill = mapping.bill(&fabric, &technology);
//! assert!(bill.total().energy_j > 0.0 && mapping.throughput_per_s() > 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod baseline;
pub mod component;
pub mod constant;
mod cost;
mod data;
mod error;
mod events;
mod fabric;
mod floorplan;
mod layer;
pub mod map;
mod preset;
mod program;
pub mod standby;
mod start_up;
mod technology;

pub use baseline::{Baseline, baselines};
pub use constant::{Constant, Known};
pub use cost::{Bill, Component, Cost, Efficiency, Item};
pub use error::CostError;
pub use events::{Events, energy, price};
pub use fabric::{Activity, Fabric, lossless_bits};
pub use floorplan::{Extent, Floorplan, Parts};
pub use layer::{Layer, check, parse_layers};
pub use map::{Mapping, map};
pub use preset::{Stated, TechnologyPreset, parse_technology, technologies, technology};
pub use program::{Programming, program};
pub use start_up::{Calibrating, calibrating};
pub use technology::{Conventions, Extra, Level, Link, Organisation, Periods, Technology, Write};
