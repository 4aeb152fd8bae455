//! Several devices in one cell: their conductances add, and counters decide which takes the next pulse.

use crate::cells::{CellArray, CellPulse};
use crate::error::DeviceError;

/// Cells of `n` devices each, in an array of `n` times as many devices: those of cell i are n i to n i + n - 1.
///
/// After Boybat et al. (Nature Communications 9, 2514, 2018): at each programming event a counter for the whole array
/// points to one device of the cell that is programmed, whichever cell that is, and then moves on by a fixed amount,
/// here one. So the devices of a cell wear alike, a cell's steps are those of one device beside n times the range, and
/// the noise of their steps averages.
///
/// In the source there is one such counter, and learning decides which cells are programmed when, and which way; its
/// counters of potentiation and depression choose no device, they make these events rarer. Where pulses come in a fixed
/// order instead, one counter would let devices down. Two additions are ours:
///
/// Pulses up and pulses down have a counter each. With one, and pulses of a cell that go up and down in turn, as when a
/// loop overshoots, the same device of two would take all pulses up and the other all pulses down, whatever the fixed
/// amount. Where all pulses go one way nothing is changed.
///
/// A counter moves on by a few more steps after as many events as there are cells, the fewest with which rounds of the
/// whole array visit every device of every cell equally often. Of 8 cells with 4 devices each, one after the other,
/// every cell would only ever use one. This changes nothing where the number of cells and n have no common divisor.
#[derive(Clone, Debug)]
pub struct MultiCell {
    devices: CellArray,
    n: usize,
    /// The counters of pulses up and of those down.
    counters: [Counter; 2],
    /// By how much more a counter moves on after as many events as there are cells.
    more: usize,
}

/// A selection counter.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    /// Device of a cell that takes the next pulse, below `n`.
    selected: usize,
    /// Events since it moved on by more than one.
    events: usize,
}

/// Greatest common divisor.
fn common(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common(b, a % b) }
}

impl MultiCell {
    /// Groups the devices of an array by `n`; the counters begin at 0.
    ///
    /// # Errors
    /// No device a cell, or a number of devices that is no multiple of `n`.
    pub fn new(devices: CellArray, n: usize) -> Result<MultiCell, DeviceError> {
        if n == 0 || !devices.len().is_multiple_of(n) {
            let problem =
                format!("{} devices do not make cells of {n}; give a multiple of it", devices.len());
            return Err(DeviceError::Scheme { problem });
        }
        // Some number of n in a row has no divisor in common with n.
        let more = (0..n).find(|more| common(devices.len() / n + more, n) == 1).unwrap_or(0);
        Ok(MultiCell { devices, n, counters: Default::default(), more })
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

    /// Devices of a cell.
    pub fn devices_per_cell(&self) -> usize {
        self.n
    }

    /// Where the selection counter of a stimulus stands: the number of the device, within its cell, that takes the next
    /// such pulse.
    pub fn counter(&self, stimulus: u16) -> usize {
        self.counters[self.way(stimulus)].selected
    }

    /// Whether a stimulus counts as one up (0) or down (1): by what it does to a nominal device, at both ends together.
    fn way(&self, stimulus: u16) -> usize {
        let step = |g_s| self.devices.nominal(g_s).map_or(0.0, |nominal| nominal.step_s(stimulus));
        usize::from(self.devices.range_s().map(step).iter().sum::<f64>() < 0.0)
    }

    /// The pulses of the devices that the counters choose for those of cells, and the counters as they are after them.
    fn chosen(&self, ops: &[CellPulse]) -> Result<(Vec<CellPulse>, [Counter; 2]), DeviceError> {
        let mut counters = self.counters;
        let known = self.devices.pulse_law()?.stimuli().len() as u16;
        let ways: Vec<usize> = (0..known).map(|stimulus| self.way(stimulus)).collect();
        let mut single = Vec::new();
        for op in ops {
            if op.cell as usize >= self.len() {
                return Err(DeviceError::Cell { cell: op.cell, len: self.len() });
            }
            // The array refuses a stimulus that it does not know.
            let way = ways.get(usize::from(op.stimulus)).copied().unwrap_or(0);
            let Counter { selected, events } = &mut counters[way];
            for _ in 0..op.count {
                let device = op.cell * self.n as u32 + *selected as u32;
                single.push(CellPulse { cell: device, stimulus: op.stimulus, count: 1 });
                *events = (*events + 1) % self.len();
                let more = if *events == 0 { self.more } else { 0 };
                *selected = (*selected + 1 + more) % self.n;
            }
        }
        Ok((single, counters))
    }

    /// Applies pulses to cells, in the order given: each single pulse of a count goes to the device that the counter of
    /// its direction points to, and moves it on. Returns how many pulses there were.
    ///
    /// # Errors
    /// As [`CellArray::pulse`]; nothing is changed then.
    pub fn pulse(&mut self, ops: &[CellPulse]) -> Result<u64, DeviceError> {
        let (single, counters) = self.chosen(ops)?;
        let pulses = self.devices.pulse(&single)?;
        self.counters = counters;
        Ok(pulses)
    }

    /// The pulses of the devices that take those of cells, which the caller gives to them; the counters move on.
    pub(crate) fn select(&mut self, ops: &[CellPulse]) -> Result<Vec<CellPulse>, DeviceError> {
        let (single, counters) = self.chosen(ops)?;
        self.counters = counters;
        Ok(single)
    }

    /// That there is a target for each cell, between the sums of its devices' ends.
    pub(crate) fn check_targets(&self, target_s: &[f32]) -> Result<(), DeviceError> {
        if target_s.len() != self.len() {
            return Err(DeviceError::Length { expected: self.len(), found: target_s.len() });
        }
        let [low, high] = self.devices.range_s().map(|g| g * self.n as f64);
        let slack = 1e-5 * high;
        let outside = |g: &f32| !(low - slack..=high + slack).contains(&f64::from(*g));
        match target_s.iter().position(outside) {
            Some(index) => {
                let value = target_s[index];
                Err(DeviceError::Target { index, value, g_min_s: low, g_max_s: high })
            }
            None => Ok(()),
        }
    }

    /// Applies one pulse to every cell at once: to the device that the counter of its direction points to, the same in
    /// all of them, and the counter moves on by one: a single event for the array. Returns how many pulses there were.
    ///
    /// # Errors
    /// As [`CellArray::pulse`]; nothing is changed then.
    pub fn pulse_each(&mut self, stimulus: u16) -> Result<u64, DeviceError> {
        let way = self.way(stimulus);
        let pulses = if self.n == 1 {
            self.devices.pulse_all(stimulus, 1)?
        } else {
            let devices = (self.counters[way].selected..self.devices.len()).step_by(self.n);
            let ops: Vec<_> =
                devices.map(|device| CellPulse { cell: device as u32, stimulus, count: 1 }).collect();
            self.devices.pulse(&ops)?
        };
        self.counters[way].selected = (self.counters[way].selected + 1) % self.n;
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
