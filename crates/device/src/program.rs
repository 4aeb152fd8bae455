//! Programming with pulses: one pulse, a train that was worked out beforehand, or read, compare and pulse again.
//!
//! Closed loops after Papandreou et al. (ISCAS 2011): read, error, next pulse, until the error is within a tolerance
//! or the pulses are used up.

use crate::cells::{CellArray, CellPulse};
use crate::error::DeviceError;

/// How cells are brought to their targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme {
    /// The one pulse after which the nominal device is nearest to the target, or none.
    Single,
    /// The train of one stimulus after which the nominal device is nearest to the target, without a read.
    OpenLoop,
    /// Read after each pulse, pulse by the weakest stimulus in the right direction, and by the next stronger one as
    /// long as the direction stays (incremental step pulse programming); a device with one stimulus in each direction
    /// takes that one.
    Incremental,
    /// Read after each pulse, and pulse by the stimulus whose nominal step comes nearest to the error.
    ClosedLoop,
}

/// Programming with pulses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Program {
    /// How.
    pub scheme: Scheme,
    /// Whether pulses in both directions are used. With one, that of the first pulse, an overshoot stays.
    pub double_branch: bool,
    /// Largest error that counts as reached, S.
    pub tolerance_s: f64,
    /// Most pulses a cell gets.
    pub max_pulses: u16,
    /// Time of a read, s, which passes between pulses.
    pub read_s: f64,
}

impl Default for Program {
    /// A closed loop in both directions with 50 pulses at most; the tolerance must be set.
    fn default() -> Self {
        Program {
            scheme: Scheme::ClosedLoop,
            double_branch: true,
            tolerance_s: 0.0,
            max_pulses: 50,
            read_s: 1e-6,
        }
    }
}

/// How programming with pulses ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Conductances as the last verifying read saw them, S.
    pub g_s: Vec<f32>,
    /// Pulses of each cell.
    pub pulses: Vec<u16>,
    /// How many cells took 0, 1, 2, ... pulses.
    pub histogram: Vec<u64>,
    /// Cells that work and did not reach their target.
    pub failed: Vec<usize>,
    /// Cells that are stuck, reached or not.
    pub stuck: Vec<usize>,
    /// Energy of the pulses, sum of V^2 G t with the mean of G before and after, J; none where the description has no
    /// voltage or width of a pulse that was used.
    pub energy_j: Option<f64>,
    /// Time that passed, s: of each round the longest pulse and a read, as all cells are pulsed at once. Pulses of
    /// unknown width count as 0.
    pub time_s: f64,
}

/// The stimuli that raise (0) and lower (1) a nominal device at `g_s`, weakest first, with their steps, S.
fn branches(cells: &CellArray, stimuli: u16, g_s: f64) -> [Vec<(u16, f64)>; 2] {
    let mut both = [Vec::new(), Vec::new()];
    if let Some(nominal) = cells.nominal(g_s) {
        for stimulus in 0..stimuli {
            let step = nominal.step_s(stimulus);
            if step != 0.0 {
                both[usize::from(step < 0.0)].push((stimulus, step));
            }
        }
    }
    both.iter_mut().for_each(|b| b.sort_by(|a, b| a.1.abs().total_cmp(&b.1.abs())));
    both
}

impl CellArray {
    /// The stimuli of trains up and down: numbers 0 and 1, which laws and tables keep for them, where these move a
    /// nominal cell upwards from g_min and downwards from g_max; else the strongest that do, or none.
    ///
    /// # Errors
    /// A device without a law for pulses.
    pub fn train_stimuli(&self) -> Result<[Option<u16>; 2], DeviceError> {
        let stimuli = self.pulse_law()?.stimuli().len() as u16;
        let [g_min_s, g_max_s] = self.range_s();
        let train = |g_s, way: usize| {
            let branch = &branches(self, stimuli, g_s)[way];
            let own = branch.iter().find(|(stimulus, _)| usize::from(*stimulus) == way);
            own.or(branch.last()).map(|(stimulus, _)| *stimulus)
        };
        Ok([train(g_min_s, 0), train(g_max_s, 1)])
    }

    /// How many pulses of a stimulus carry a nominal cell from `from_s` until it hardly moves: at an end
    /// of the range, or by less than a hundredth of its first step. `most` at most.
    ///
    /// # Errors
    /// A device without a law for pulses.
    pub fn pulses_across(&self, stimulus: u16, from_s: f64, most: u32) -> Result<u32, DeviceError> {
        self.pulse_law()?;
        let [low, high] = self.range_s();
        let still = 1e-9 * (high - low);
        let Some(mut nominal) = self.nominal(from_s) else { return Ok(0) };
        let first = nominal.step_s(stimulus).abs();
        for count in 1..=most {
            let before = nominal.g_s();
            nominal.pulse(stimulus);
            let step = (nominal.g_s() - before).abs();
            if step <= still.max(0.01 * first) {
                return Ok(count);
            }
        }
        Ok(most)
    }

    /// Most pulses that a loop should give a cell: twice as many as carry a nominal cell across its range, up or down
    /// by the stimuli of trains, whichever takes more; 50 at least, since a loop corrects what scatters, and
    /// `u16::MAX` at most.
    ///
    /// # Errors
    /// A device without a law for pulses.
    pub fn enough_pulses(&self) -> Result<u16, DeviceError> {
        const LEAST: u16 = 50;
        const ACROSS: u32 = 20_000;
        let mut most = 0;
        for (stimulus, from_s) in self.train_stimuli()?.into_iter().zip(self.range_s()) {
            if let Some(stimulus) = stimulus {
                most = most.max(self.pulses_across(stimulus, from_s, ACROSS)?);
            }
        }
        Ok(u16::try_from(2 * most).unwrap_or(u16::MAX).max(LEAST))
    }

    /// The largest step, S, that a nominal cell cannot avoid: of the weakest stimulus in a direction, where in the
    /// range that moves it the most. Steps that end at an end of the range count as long as they are.
    ///
    /// # Errors
    /// A device without a law for pulses.
    pub fn largest_step_s(&self) -> Result<f64, DeviceError> {
        const PLACES: u32 = 101;
        let stimuli = self.pulse_law()?.stimuli().len() as u16;
        let [low, high] = self.range_s();
        let at = |n: u32| low + (high - low) * f64::from(n) / f64::from(PLACES - 1);
        let weakest = |g_s| branches(self, stimuli, g_s).map(|b| b.first().map_or(0.0, |s| s.1.abs()));
        Ok((0..PLACES).flat_map(|n| weakest(at(n))).fold(0.0, f64::max))
    }
}

/// The train of one stimulus, at most `most` pulses, that brings the nominal device nearest to `target_s`.
fn train(cells: &CellArray, stimuli: u16, from_s: f64, target_s: f64, most: u16) -> (u16, u16) {
    let mut best = (0, 0, (target_s - from_s).abs());
    for stimulus in 0..stimuli {
        let Some(mut nominal) = cells.nominal(from_s) else { break };
        for count in 1..=most {
            let before = nominal.g_s();
            nominal.pulse(stimulus);
            let error = (target_s - nominal.g_s()).abs();
            if error < best.2 {
                best = (stimulus, count, error);
            }
            if nominal.g_s() == before || (nominal.g_s() - target_s) * (before - target_s) < 0.0 {
                break;
            }
        }
    }
    (best.0, best.1)
}

impl Program {
    /// Programs every cell of an array to its target, S, from where it is.
    ///
    /// A read between pulses sees read noise and what was written: cells had no time to drift. Stuck cells take
    /// pulses like others, until those are used up, and are named.
    ///
    /// # Errors
    /// A device without a law for pulses, targets that it cannot reach, or a tolerance, number of pulses or time that
    /// makes no sense.
    pub fn run(&self, cells: &mut CellArray, target_s: &[f32]) -> Result<Outcome, DeviceError> {
        let drives: Vec<_> = cells.pulse_law()?.stimuli().into_iter().map(|s| s.drive).collect();
        let stimuli = drives.len() as u16;
        cells.check_targets(target_s)?;
        let closed = matches!(self.scheme, Scheme::Incremental | Scheme::ClosedLoop);
        let scheme = |problem: String| Err(DeviceError::Scheme { problem });
        if closed && !(self.tolerance_s > 0.0 && self.tolerance_s.is_finite()) {
            return scheme(format!("a tolerance of {} S; give one above zero", self.tolerance_s));
        }
        if self.max_pulses == 0 {
            return scheme("at most 0 pulses; give one at least".to_owned());
        }
        if !self.read_s.is_finite() || self.read_s < 0.0 {
            return scheme(format!("reads of {} s; give a finite time of zero or more", self.read_s));
        }
        let n = cells.len();
        let mut seen = vec![0.0_f32; n];
        let mut pulses = vec![0_u16; n];
        // Direction of a cell's first pulse, and of its last with how often it was repeated.
        let mut first: Vec<Option<usize>> = vec![None; n];
        let mut last = vec![(0_usize, 0_usize); n];
        let (mut energy_j, mut time_s) = (Some(0.0), 0.0);
        cells.advance(self.read_s)?;
        cells.verify_into(&mut seen)?;
        let mut round = 0;
        while round < self.max_pulses {
            let mut ops = Vec::new();
            for i in 0..n {
                let (from, target) = (f64::from(seen[i]), f64::from(target_s[i]));
                let error = target - from;
                if !closed {
                    let most = if self.scheme == Scheme::Single { 1 } else { self.max_pulses };
                    let (stimulus, count) = train(cells, stimuli, from, target, most);
                    if count > 0 {
                        ops.push(CellPulse { cell: i as u32, stimulus, count });
                    }
                    continue;
                }
                let direction = usize::from(error < 0.0);
                let wrong_way = !self.double_branch && first[i].is_some_and(|d| d != direction);
                if error.abs() <= self.tolerance_s || wrong_way {
                    continue;
                }
                let [up, down] = branches(cells, stimuli, from);
                let branch = if direction == 0 { up } else { down };
                let repeats = if last[i].0 == direction && pulses[i] > 0 { last[i].1 + 1 } else { 0 };
                let choice = match self.scheme {
                    Scheme::Incremental => branch.get(repeats.min(branch.len().saturating_sub(1))),
                    _ => branch.iter().min_by(|a, b| (error - a.1).abs().total_cmp(&(error - b.1).abs())),
                };
                let Some((stimulus, _)) = choice else { continue };
                first[i] = first[i].or(Some(direction));
                last[i] = (direction, repeats);
                ops.push(CellPulse { cell: i as u32, stimulus: *stimulus, count: 1 });
            }
            if ops.is_empty() {
                break;
            }
            let before: Vec<f64> = ops.iter().map(|op| cells.written_s(op.cell as usize)).collect();
            cells.pulse(&ops)?;
            let mut longest = 0.0_f64;
            for (op, before) in ops.iter().zip(before) {
                let i = op.cell as usize;
                pulses[i] += op.count;
                let count = f64::from(op.count);
                match drives[usize::from(op.stimulus)] {
                    Some(drive) => {
                        let g = 0.5 * (before + cells.written_s(i));
                        let one = drive.voltage_v * drive.voltage_v * g * drive.width_s;
                        energy_j = energy_j.map(|e: f64| e + count * one);
                        longest = longest.max(count * drive.width_s);
                    }
                    None => energy_j = None,
                }
            }
            cells.advance(longest + self.read_s)?;
            time_s += longest + self.read_s;
            cells.verify_into(&mut seen)?;
            round += 1;
            if !closed {
                break;
            }
        }
        let stuck: Vec<usize> = cells.stuck().collect();
        let mut is_stuck = vec![false; n];
        stuck.iter().for_each(|i| is_stuck[*i] = true);
        let reached = |i: usize| (f64::from(seen[i]) - f64::from(target_s[i])).abs() <= self.tolerance_s;
        let failed = (0..n).filter(|i| !is_stuck[*i] && !reached(*i)).collect();
        let most = pulses.iter().max().map_or(0, |m| usize::from(*m));
        let mut histogram = vec![0; most + 1];
        pulses.iter().for_each(|p| histogram[usize::from(*p)] += 1);
        Ok(Outcome { g_s: seen, pulses, histogram, failed, stuck, energy_j, time_s })
    }
}

#[cfg(test)]
mod tests;
