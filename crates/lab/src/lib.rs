//! Experiments on single devices: what a probe station does, with any device that has equations, and with its
//! statistics where an experiment needs no more.
//!
//! Each experiment is a file: its settings, and a `run` that takes a [`Bench`] and returns what was found. Devices of one
//! bench differ by the spread of their description; every one grows from the seed and its number.

mod cells;
mod characterise;
mod csv;
mod cycling;
pub mod datasheet;
mod disturb;
mod figure;
mod moments;
mod pulses;
mod retention;
mod rig;
mod sweep;
mod switching;

pub use cells::{Cells, Keeping, Trains};
pub use characterise::{Characterised, Departure, Protocol, characterise};
pub use cycling::{Approach, Cycling};
pub use disturb::Disturb;
pub use moments::Moments;
pub use pulses::Pulses;
pub use retention::Retention;
pub use rig::{Device, Recording, Rig};
pub use sweep::{Shape, Sweep};
pub use switching::Switching;

use neurohm_circuit::CircuitError;
use neurohm_device::compact::{DriveError, ModelError};
use neurohm_device::{DeviceError, DeviceSpec, Operation};
use neurohm_num::{Cancelled, Key, Watch};
use neurohm_study::experiment::Findings;
use rayon::prelude::*;

/// Why an experiment gave no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A description without what the experiment needs, or with what physics does not allow.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A setting that cannot be.
    #[error("{0}")]
    Setting(String),
    /// A device that cannot be driven on.
    #[error("device {device}: {source}")]
    Drive {
        /// Which device.
        device: usize,
        /// When, at which voltage, from which state, and why.
        source: DriveError,
        /// What it did until then.
        until: Box<Recording>,
    },
    /// A device in its circuit that cannot be driven on.
    #[error("device {device}: {source}")]
    Circuit {
        /// Which device.
        device: usize,
        /// Where, when and why.
        source: Box<CircuitError>,
        /// What it did until then.
        until: Box<Recording>,
    },
    /// An experiment that a device did not go through. What was measured until then is worth keeping.
    #[error("{source}")]
    Stopped {
        /// Why.
        source: Box<LabError>,
        /// What was measured.
        found: Box<Findings>,
    },
    /// A device that has no current.
    #[error("device {device} cannot be read at {v} V: {source}")]
    Model {
        /// Which device.
        device: usize,
        /// The voltage, V.
        v: f64,
        /// Why.
        source: ModelError,
    },
    /// The watch said stop.
    #[error(transparent)]
    Cancelled(Cancelled),
}

/// A device on the bench, and how it is looked at.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// The device.
    pub spec: &'a DeviceSpec,
    /// How many of them.
    pub devices: usize,
    /// From which all randomness grows.
    pub key: Key,
    /// What stands around each.
    pub rig: Rig,
    /// Whom progress is told, and who may stop the work.
    pub watch: &'a dyn Watch,
}

impl Bench<'_> {
    /// The pulses that the description gives.
    ///
    /// # Errors
    /// A description without equations or without `[operation]`.
    pub fn operation(&self) -> Result<&Operation, LabError> {
        self.spec.equations()?;
        self.spec.operation.as_ref().ok_or_else(|| {
            LabError::Setting(format!(
                "device `{}` does not say how it is operated: give voltages and widths as options, or add [operation] \
                 with set, reset and read to its description",
                self.spec.name
            ))
        })
    }

    /// Cautions for what an experiment did outside of the ranges that the description is stated to hold in: `what` (as
    /// "The sweep") drove it with these voltages, V, for these times, s. The rig's temperature counts where the equations
    /// know one.
    ///
    /// # Errors
    /// A description without equations.
    fn keep_within(
        &self,
        what: &str,
        voltages_v: &[f64],
        times_s: &[f64],
        found: &mut Findings,
    ) -> Result<(), LabError> {
        let t_k = self.spec.follows_temperature()?.then_some(self.rig.t_k);
        for sentence in self.spec.valid.left(what, voltages_v, times_s, t_k) {
            found.caution(sentence);
        }
        Ok(())
    }

    /// Does the same to every device, in parallel; results come in the order of the devices.
    ///
    /// # Errors
    /// The first device's that fails.
    pub fn each<T: Send>(
        &self,
        work: impl Fn(Device) -> Result<T, LabError> + Sync,
    ) -> Result<Vec<T>, LabError> {
        let one = |id: usize| {
            let done = work(Device::new(self.spec, id, self.key)?)?;
            self.watch.step(1)?;
            Ok(done)
        };
        (0..self.devices).into_par_iter().map(one).collect()
    }
}

/// A number that must be positive and finite, by the name of its option.
fn positive(name: &str, value: f64) -> Result<f64, LabError> {
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(LabError::Setting(format!("{name} is {value}; it must be positive and finite")))
    }
}
