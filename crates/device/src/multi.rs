//! Several devices in one cell: their conductances add, and a counter decides which takes the next pulse.

use crate::cells::{CellArray, CellPulse};
use crate::error::DeviceError;

/// Cells of `n` devices each, in an array of `n` times as many devices: those of cell i are n i to n i + n - 1.
///
/// One counter for the whole array, as in Boybat et al. (Nature Communications 9, 2514, 2018, recalled): each pulse
/// goes to the device that it points to, and it moves on by one after each pulse, whichever cell that was for. So the
/// devices of a cell wear alike, a cell's steps are those of one device beside n times the range, and the noise of
/// their steps averages.
#[derive(Clone, Debug)]
pub struct MultiCell {
    devices: CellArray,
    n: usize,
    counter: u64,
}

impl MultiCell {
    /// Groups the devices of an array by `n`; the counter begins at 0.
    ///
    /// # Errors
    /// No device a cell, or a number of devices that is no multiple of `n`.
    pub fn new(devices: CellArray, n: usize) -> Result<MultiCell, DeviceError> {
        if n == 0 || !devices.len().is_multiple_of(n) {
            let problem =
                format!("{} devices do not make cells of {n}; give a multiple of it", devices.len());
            return Err(DeviceError::Scheme { problem });
        }
        Ok(MultiCell { devices, n, counter: 0 })
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.devices.len() / self.n
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// The devices.
    pub fn devices(&self) -> &CellArray {
        &self.devices
    }

    /// The devices, to program, age and observe them.
    pub fn devices_mut(&mut self) -> &mut CellArray {
        &mut self.devices
    }

    /// Where the selection counter stands.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Applies pulses to cells, in the order given: each single pulse of a count goes to the device that the counter
    /// points to, and moves it on. Returns how many pulses there were.
    ///
    /// # Errors
    /// As [`CellArray::pulse`]; nothing is changed then.
    pub fn pulse(&mut self, ops: &[CellPulse]) -> Result<u64, DeviceError> {
        let mut counter = self.counter;
        let mut single = Vec::new();
        for op in ops {
            if op.cell as usize >= self.len() {
                return Err(DeviceError::Cell { cell: op.cell, len: self.len() });
            }
            for _ in 0..op.count {
                let device = op.cell * self.n as u32 + (counter % self.n as u64) as u32;
                single.push(CellPulse { cell: device, stimulus: op.stimulus, count: 1 });
                counter += 1;
            }
        }
        let pulses = self.devices.pulse(&single)?;
        self.counter = counter;
        Ok(pulses)
    }

    /// Applies one pulse to every cell at once: to the device that the counter points to, the same in all of them, and
    /// the counter moves on by one. (Given one cell after the other, by [`pulse`](Self::pulse), an array of a multiple
    /// of n cells would meet the same device of a cell each time.) Returns how many pulses there were.
    ///
    /// # Errors
    /// As [`CellArray::pulse`]; nothing is changed then.
    pub fn pulse_each(&mut self, stimulus: u16) -> Result<u64, DeviceError> {
        let pulses = if self.n == 1 {
            self.devices.pulse_all(stimulus, 1)?
        } else {
            let own = (self.counter % self.n as u64) as usize;
            let devices = (own..self.devices.len()).step_by(self.n);
            let ops: Vec<_> =
                devices.map(|device| CellPulse { cell: device as u32, stimulus, count: 1 }).collect();
            self.devices.pulse(&ops)?
        };
        self.counter += 1;
        Ok(pulses)
    }

    /// Conductances of the cells as a verifying read sees them, S: the sums over their devices, which had no time to
    /// drift.
    ///
    /// # Errors
    /// Not one output a cell.
    pub fn verify_into(&mut self, out: &mut [f32]) -> Result<(), DeviceError> {
        if self.n == 1 {
            return self.devices.verify_into(out);
        }
        if out.len() != self.len() {
            return Err(DeviceError::Length { expected: self.len(), found: out.len() });
        }
        let mut g = vec![0.0; self.devices.len()];
        self.devices.verify_into(&mut g)?;
        for (out, g) in out.iter_mut().zip(g.chunks(self.n)) {
            *out = g.iter().sum();
        }
        Ok(())
    }

    /// Conductances of the cells at the last observation, S: the sums over their devices.
    ///
    /// # Errors
    /// Not one output a cell.
    pub fn conductances(&self, out: &mut [f32]) -> Result<(), DeviceError> {
        if out.len() != self.len() {
            return Err(DeviceError::Length { expected: self.len(), found: out.len() });
        }
        let mut g = vec![0.0; self.devices.len()];
        self.devices.conductances(&mut g)?;
        for (out, g) in out.iter_mut().zip(g.chunks(self.n)) {
            *out = g.iter().sum();
        }
        Ok(())
    }
}
