//! Programming with pulses: one pulse, a train that was worked out beforehand, or read, compare and pulse again.
//!
//! Closed loops after Papandreou et al. (ISCAS 2011): read, error, next pulse, until the error is within a tolerance
//! or the pulses are used up.

use neurohm_num::{Unwatched, Watch};
use rayon::prelude::*;

use crate::cells::{CellArray, CellPulse};
use crate::error::DeviceError;
use crate::multi::MultiCell;

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

/// Why a cell that works did not reach its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Miss {
    /// Where it stands, no stimulus moves a nominal cell towards the target: the target is beyond what the mean pulse
    /// reaches from there, and the loop gave up with pulses left.
    OutOfReach,
    /// Pulses in one direction only were allowed, and it had passed its target.
    Overshot,
    /// It took all of its pulses, and the last one (on each of its devices) did not move it at all: it stands at an end of
    /// its own range.
    AtItsEnd,
    /// It took all of its pulses and went past the tolerated band in both directions: its steps leap over the band.
    Leaping,
    /// It took all of its pulses, all in one direction: they were too few.
    OutOfPulses,
    /// It took the pulses that the nominal device would need, and nobody looked.
    Unverified,
}

impl Miss {
    /// Every reason.
    pub const ALL: [Miss; 6] = [
        Miss::OutOfReach,
        Miss::Overshot,
        Miss::AtItsEnd,
        Miss::Leaping,
        Miss::OutOfPulses,
        Miss::Unverified,
    ];

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Miss::OutOfReach => "out_of_reach",
            Miss::Overshot => "overshot",
            Miss::AtItsEnd => "at_its_end",
            Miss::Leaping => "leaping",
            Miss::OutOfPulses => "out_of_pulses",
            Miss::Unverified => "unverified",
        }
    }

    /// What it means, after "cells that missed: ".
    pub fn words(self) -> &'static str {
        match self {
            Miss::OutOfReach => "stand where no stimulus moves the nominal device towards the target",
            Miss::Overshot => "went past the target, and only one direction was allowed",
            Miss::AtItsEnd => "took all pulses and stand at an end of their own range",
            Miss::Leaping => "took all pulses and leapt over the tolerated band to and fro",
            Miss::OutOfPulses => "took all pulses on the way to the target",
            Miss::Unverified => "took what the nominal device would need, without a read",
        }
    }
}

/// How programming with pulses ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Conductances as a last verifying read of all cells saw them, S.
    pub g_s: Vec<f32>,
    /// Pulses of each cell.
    pub pulses: Vec<u16>,
    /// How many cells took 0, 1, 2, ... pulses.
    pub histogram: Vec<u64>,
    /// Cells that work and did not reach their target: no read of a loop saw them within the tolerance. One that a read did
    /// see there takes no more pulses, and counts as reached whatever later reads see.
    pub failed: Vec<usize>,
    /// Why, for each of them.
    pub misses: Vec<Miss>,
    /// How many cells, stuck ones among them, a verifying read saw within the tolerance: of a loop any of its reads, without
    /// one the last.
    pub reached: usize,
    /// How many cells, stuck ones among them, the last read saw within the tolerance: what remained of those reached, and
    /// what came there without a read of the loop seeing it.
    pub within: usize,
    /// The cells that were reached, and that the last read saw outside of the tolerance: cells moved or reads scatter.
    pub strayed: Vec<usize>,
    /// Cells that are stuck, reached or not; of cells of several devices those whose devices all are.
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

impl CellArray {
    /// The conductances, S, between which the mean pulses of its stimuli carry a nominal cell: from g_min up by the
    /// stimulus that moves it the most at each place, and down from g_max.
    ///
    /// # Errors
    /// A device without a law for pulses.
    pub fn reach_s(&self) -> Result<[f64; 2], DeviceError> {
        const MOST: u32 = 20_000;
        let stimuli = self.pulse_law()?.stimuli().len() as u16;
        let [low, high] = self.range_s();
        let end = |from_s: f64, way: usize| {
            let mut at_s = from_s;
            for _ in 0..MOST {
                let Some((_, step)) = branches(self, stimuli, at_s)[way].last().copied() else { break };
                let next_s = (at_s + step).clamp(low, high);
                if (next_s - at_s).abs() <= 1e-9 * (high - low) {
                    break;
                }
                at_s = next_s;
            }
            at_s
        };
        Ok([end(high, 1), end(low, 0)])
    }
}

/// What programming needs of cells, of one device each or of several.
trait Pulsed {
    fn devices(&self) -> &CellArray;
    fn devices_mut(&mut self) -> &mut CellArray;
    /// Devices of a cell.
    fn each(&self) -> usize;
    fn verify_into(&mut self, out: &mut [f32]) -> Result<(), DeviceError>;
    /// The pulses of devices that are chosen for those of cells; which device is next moves on.
    fn choose(&mut self, ops: &[CellPulse]) -> Result<Vec<CellPulse>, DeviceError>;

    fn cells(&self) -> usize {
        self.devices().len() / self.each()
    }

    /// Conductance of a cell as it was written, S.
    fn written_s(&self, cell: usize) -> f64 {
        let first = cell * self.each();
        (first..first + self.each()).map(|device| self.devices().written_s(device)).sum()
    }
}

impl Pulsed for CellArray {
    fn devices(&self) -> &CellArray {
        self
    }

    fn devices_mut(&mut self) -> &mut CellArray {
        self
    }

    fn each(&self) -> usize {
        1
    }

    fn verify_into(&mut self, out: &mut [f32]) -> Result<(), DeviceError> {
        CellArray::verify_into(self, out)
    }

    fn choose(&mut self, ops: &[CellPulse]) -> Result<Vec<CellPulse>, DeviceError> {
        Ok(ops.to_vec())
    }
}

impl Pulsed for MultiCell {
    fn devices(&self) -> &CellArray {
        MultiCell::devices(self)
    }

    fn devices_mut(&mut self) -> &mut CellArray {
        MultiCell::devices_mut(self)
    }

    fn each(&self) -> usize {
        self.devices_per_cell()
    }

    fn verify_into(&mut self, out: &mut [f32]) -> Result<(), DeviceError> {
        MultiCell::verify_into(self, out)
    }

    fn choose(&mut self, ops: &[CellPulse]) -> Result<Vec<CellPulse>, DeviceError> {
        self.select(ops)
    }
}

/// What the loop knows of cells: the nominal device, how many of them a cell has, and its stimuli.
struct Known<'a> {
    cells: &'a CellArray,
    each: usize,
    stimuli: u16,
}

/// The train of one stimulus, at most `most` pulses, that brings a cell of nominal devices, alike at the begin and pulsed
/// in turn, nearest to `target_s`.
fn train(known: &Known, from_s: f64, target_s: f64, most: u16) -> (u16, u16) {
    let Known { cells, each, stimuli } = *known;
    let mut best = (0, 0, (target_s - from_s).abs());
    for stimulus in 0..stimuli {
        // A part of the devices has taken one pulse more than the others.
        let Some(mut ahead) = cells.nominal(from_s / each as f64) else { break };
        let mut behind = ahead.clone();
        let mut before = from_s;
        for count in 1..=most {
            let part = (usize::from(count) - 1) % each + 1;
            if part == 1 {
                behind = ahead.clone();
                ahead.pulse(stimulus);
            }
            let g_s = part as f64 * ahead.g_s() + (each - part) as f64 * behind.g_s();
            let error = (target_s - g_s).abs();
            if error < best.2 {
                best = (stimulus, count, error);
            }
            if g_s == before || (g_s - target_s) * (before - target_s) < 0.0 {
                break;
            }
            before = g_s;
        }
    }
    (best.0, best.1)
}

/// Cells whose next pulse is chosen between two looks at the watch.
const WATCHED: usize = 64;

/// A cell on its way.
#[derive(Clone, Copy, Default)]
struct Way {
    pulses: u16,
    /// Direction of its first pulse, and of its last with how often that was repeated.
    first: Option<usize>,
    last: (usize, usize),
    /// Whether pulses of both directions were given.
    both: bool,
    /// Pulses since one moved it.
    still: usize,
    /// Whether a read saw it within the tolerance: it takes no more pulses.
    passed: bool,
    /// Whether a round gave it no pulse, or nobody looks what its pulses did.
    ended: bool,
    /// Why it takes no more pulses, though none did.
    given_up: Option<Miss>,
}

impl Way {
    fn why(&self, closed: bool, most: u16, each: usize) -> Miss {
        match self.given_up {
            _ if !closed => Miss::Unverified,
            Some(miss) => miss,
            None if self.pulses >= most && self.still >= each => Miss::AtItsEnd,
            None if self.both => Miss::Leaping,
            None => Miss::OutOfPulses,
        }
    }
}

impl Program {
    /// Programs every cell of an array to its target, S, from where it is.
    ///
    /// A read between pulses sees read noise and what was written: cells had no time to drift. Each cell has a loop of its
    /// own, which ends with the first read within the tolerance, where no stimulus helps, or with its pulses; what other
    /// cells still need does not matter to it. Stuck cells take pulses like others, and are named.
    ///
    /// # Errors
    /// A device without a law for pulses, targets that it cannot reach, or a tolerance, number of pulses or time that
    /// makes no sense.
    pub fn run(&self, cells: &mut CellArray, target_s: &[f32]) -> Result<Outcome, DeviceError> {
        cells.check_targets(target_s)?;
        self.bring(cells, target_s, &Unwatched)
    }

    /// The same with cells of several devices: reads see the sum of their conductances, and the selection counters
    /// say which of them takes a pulse. The nominal step is that of a device whose fellows stand where it does.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_multi(&self, cells: &mut MultiCell, target_s: &[f32]) -> Result<Outcome, DeviceError> {
        self.run_multi_watched(cells, target_s, &Unwatched)
    }

    /// [`run_multi`](Self::run_multi) that somebody watches: a step is a cell that takes no more pulses.
    ///
    /// # Errors
    /// As [`run`](Self::run); cancellation, which leaves cells on their way.
    pub fn run_multi_watched(
        &self,
        cells: &mut MultiCell,
        target_s: &[f32],
        watch: &dyn Watch,
    ) -> Result<Outcome, DeviceError> {
        cells.check_targets(target_s)?;
        self.bring(cells, target_s, watch)
    }

    fn check(&self) -> Result<(), DeviceError> {
        let scheme = |problem: String| Err(DeviceError::Scheme { problem });
        if self.looks() && !(self.tolerance_s > 0.0 && self.tolerance_s.is_finite()) {
            return scheme(format!("a tolerance of {} S; give one above zero", self.tolerance_s));
        }
        if self.max_pulses == 0 {
            return scheme("at most 0 pulses; give one at least".to_owned());
        }
        if !self.read_s.is_finite() || self.read_s < 0.0 {
            return scheme(format!("reads of {} s; give a finite time of zero or more", self.read_s));
        }
        Ok(())
    }

    /// Whether a read follows each pulse.
    fn looks(&self) -> bool {
        matches!(self.scheme, Scheme::Incremental | Scheme::ClosedLoop)
    }

    /// The next pulses of a cell at `from_s`, if it takes any.
    fn next(&self, known: &Known, way: &mut Way, from_s: f64, target_s: f64) -> Option<(u16, u16)> {
        let error = target_s - from_s;
        if !self.looks() {
            let most = if self.scheme == Scheme::Single { 1 } else { self.max_pulses };
            let (stimulus, count) = train(known, from_s, target_s, most);
            return (count > 0).then_some((stimulus, count));
        }
        let direction = usize::from(error < 0.0);
        way.passed |= way.given_up.is_none() && error.abs() <= self.tolerance_s;
        if way.passed || way.given_up.is_some() {
            return None;
        }
        if !self.double_branch && way.first.is_some_and(|d| d != direction) {
            way.given_up = Some(Miss::Overshot);
            return None;
        }
        let [up, down] = branches(known.cells, known.stimuli, from_s / known.each as f64);
        let branch = if direction == 0 { up } else { down };
        let repeats = if way.last.0 == direction && way.pulses > 0 { way.last.1 + 1 } else { 0 };
        let choice = match self.scheme {
            Scheme::Incremental => branch.get(repeats.min(branch.len().saturating_sub(1))),
            _ => branch.iter().min_by(|a, b| (error - a.1).abs().total_cmp(&(error - b.1).abs())),
        };
        let Some((stimulus, _)) = choice else {
            way.given_up = Some(Miss::OutOfReach);
            return None;
        };
        way.both |= way.first.is_some_and(|d| d != direction);
        way.first = way.first.or(Some(direction));
        way.last = (direction, repeats);
        Some((*stimulus, 1))
    }

    fn bring(
        &self,
        cells: &mut impl Pulsed,
        target_s: &[f32],
        watch: &dyn Watch,
    ) -> Result<Outcome, DeviceError> {
        let drives: Vec<_> = cells.devices().pulse_law()?.stimuli().into_iter().map(|s| s.drive).collect();
        self.check()?;
        let n = cells.cells();
        watch.begin("programming", Some(n as u64));
        let step = |done: u64| watch.step(done).map_err(DeviceError::Cancelled);
        let mut open = n as u64;
        let mut seen = vec![0.0_f32; n];
        let mut ways = vec![Way::default(); n];
        let (mut energy_j, mut time_s) = (Some(0.0), 0.0);
        cells.devices_mut().advance(self.read_s)?;
        cells.verify_into(&mut seen)?;
        let rounds = if self.looks() { self.max_pulses } else { 1 };
        for _ in 0..rounds {
            let known = Known { cells: cells.devices(), each: cells.each(), stimuli: drives.len() as u16 };
            // Each cell's next pulse follows from what it shows alone.
            let parts: Vec<_> = ways
                .par_chunks_mut(WATCHED)
                .zip(seen.par_chunks(WATCHED).zip(target_s.par_chunks(WATCHED)))
                .enumerate()
                .map(|(part, (ways, (seen, target_s)))| {
                    let (mut ops, mut ended) = (Vec::new(), 0);
                    for (n, (way, (seen, target))) in
                        ways.iter_mut().zip(seen.iter().zip(target_s)).enumerate()
                    {
                        let next = self.next(&known, way, f64::from(*seen), f64::from(*target));
                        let cell = (part * WATCHED + n) as u32;
                        ops.extend(next.map(|(stimulus, count)| CellPulse { cell, stimulus, count }));
                        let ends = next.is_none() || !self.looks();
                        ended += u64::from(ends && !way.ended);
                        way.ended |= ends;
                    }
                    step(ended).map(|()| (ops, ended))
                })
                .collect::<Result<_, DeviceError>>()?;
            open -= parts.iter().map(|(_, ended)| ended).sum::<u64>();
            let ops: Vec<CellPulse> = parts.into_iter().flat_map(|(ops, _)| ops).collect();
            if ops.is_empty() {
                break;
            }
            let chosen = cells.choose(&ops)?;
            let of_devices = |cells: &CellArray| -> Vec<f64> {
                chosen.iter().map(|op| cells.written_s(op.cell as usize)).collect()
            };
            let of_cells: Vec<f64> = ops.iter().map(|op| cells.written_s(op.cell as usize)).collect();
            let before = of_devices(cells.devices());
            cells.devices_mut().pulse(&chosen)?;
            let after = of_devices(cells.devices());
            for (op, ends) in chosen.iter().zip(before.iter().zip(after)) {
                energy_j = energy_j.zip(drives[usize::from(op.stimulus)]).map(|(energy_j, drive)| {
                    let one = drive.voltage_v * drive.voltage_v * (0.5 * (ends.0 + ends.1)) * drive.width_s;
                    energy_j + f64::from(op.count) * one
                });
            }
            let mut longest = 0.0_f64;
            for (op, before) in ops.iter().zip(of_cells) {
                let way = &mut ways[op.cell as usize];
                way.pulses += op.count;
                let moved = cells.written_s(op.cell as usize) != before;
                way.still = if moved { 0 } else { way.still + usize::from(op.count) };
                let width_s = drives[usize::from(op.stimulus)].map_or(0.0, |drive| drive.width_s);
                longest = longest.max(f64::from(op.count) * width_s);
            }
            cells.devices_mut().advance(longest + self.read_s)?;
            time_s += longest + self.read_s;
            cells.verify_into(&mut seen)?;
        }
        step(open)?;
        let mut stuck_devices = vec![0; n];
        cells.devices().stuck().for_each(|device| stuck_devices[device / cells.each()] += 1);
        let is_stuck = |i: &usize| stuck_devices[*i] == cells.each();
        // What nobody looked at is judged by the last read.
        let within = |i: usize| (f64::from(seen[i]) - f64::from(target_s[i])).abs() <= self.tolerance_s;
        let reached = |i: usize| ways[i].passed || (ways[i].given_up.is_none() && within(i));
        let failed: Vec<usize> = (0..n).filter(|i| !is_stuck(i) && !reached(*i)).collect();
        let misses =
            failed.iter().map(|i| ways[*i].why(self.looks(), self.max_pulses, cells.each())).collect();
        let pulses: Vec<u16> = ways.iter().map(|way| way.pulses).collect();
        let mut histogram = vec![0; pulses.iter().max().map_or(0, |m| usize::from(*m)) + 1];
        pulses.iter().for_each(|p| histogram[usize::from(*p)] += 1);
        let stuck = (0..n).filter(is_stuck).collect();
        let strayed = (0..n).filter(|i| reached(*i) && !within(*i)).collect();
        let [reached, within] =
            [(0..n).filter(|i| reached(*i)).count(), (0..n).filter(|i| within(*i)).count()];
        Ok(Outcome {
            g_s: seen,
            pulses,
            histogram,
            failed,
            misses,
            reached,
            within,
            strayed,
            stuck,
            energy_j,
            time_s,
        })
    }
}

#[cfg(test)]
mod tests;
