//! Pulses on an array of cells.

use neurohm_num::Purpose;
use rayon::prelude::*;

use super::CellArray;
use super::epochs::Column;
use super::pieces::{PIECE, cut};
use crate::aspect::Nominal;
use crate::error::DeviceError;
use crate::law::BLOCK;

mod engine;
mod formulas;
mod place;

pub(super) use engine::{PulseModel, Rooms};
pub(super) use place::Place;

use engine::Cells;

/// Pulses for one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellPulse {
    /// Index of the cell.
    pub cell: u32,
    /// Number of the stimulus, see [`Pulse::stimuli`](crate::Pulse::stimuli).
    pub stimulus: u16,
    /// How many pulses, one after the other at one instant.
    pub count: u16,
}

/// In a column of stimuli, a cell that takes no pulse.
pub const NO_PULSE: u16 = u16::MAX;

/// What pulsed cells have beside what all cells have. A column that a law does not need stays empty.
#[derive(Clone, Debug)]
pub(super) struct Pulsed {
    /// Pulses in each cell's life; also the events of its random numbers, so that no splitting of work changes them.
    ordinals: Column<u32>,
    /// Pulses since RESET, or the direction of the last pulse, where the law remembers them; unknown after cells were
    /// written in another way.
    history: Option<Column<u8>>,
    /// The state that pulses move where reads see another, S, the decaying state of a second-order device, or the number
    /// of a cell's present train.
    hidden: Vec<f32>,
    /// Cycles that all cells went through beside pulses and programmings.
    cycles: f64,
}

/// Cycles that some cells went through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wear<'a> {
    cycles: f64,
    same: u32,
    /// Pulses of each cell; none if all had `same`.
    ordinals: &'a [u32],
}

impl<'a> Wear<'a> {
    pub(super) fn part(&self, first: usize, count: usize) -> Wear<'a> {
        let ordinals = if self.ordinals.is_empty() { &[] } else { &self.ordinals[first..first + count] };
        Wear { ordinals, ..*self }
    }

    pub(super) fn at(&self, cell: usize) -> f64 {
        self.cycles + 0.5 * f64::from(*self.ordinals.get(cell).unwrap_or(&self.same))
    }
}

impl Pulsed {
    pub(super) fn new() -> Pulsed {
        Pulsed { ordinals: Column::Same(0), history: None, hidden: Vec::new(), cycles: 0.0 }
    }

    /// Cells were written other than by pulses: what follows from their conductance is found at the next pulse.
    pub(super) fn written(&mut self) {
        self.history = None;
        self.hidden = Vec::new();
    }

    pub(super) fn bytes(&self) -> usize {
        let hidden = if self.hidden.is_empty() { 0 } else { size_of::<f32>() };
        self.ordinals.bytes() + self.history.as_ref().map_or(0, Column::bytes) + hidden
    }

    pub(super) fn wear(&self, programmings: u32) -> Wear<'_> {
        let (same, ordinals) = match &self.ordinals {
            Column::Same(n) => (*n, &[][..]),
            Column::Each(all) => (0, &all[..]),
        };
        Wear { cycles: self.cycles + f64::from(programmings), same, ordinals }
    }
}

impl CellArray {
    /// Puts every cell at a conductance, S, exactly (where faults and wear allow): a start for pulses. Age 0, and a new
    /// drift exponent, as after [`program`](Self::program).
    ///
    /// # Errors
    /// Not one conductance a cell; one that is NaN or outside the device's range.
    pub fn set(&mut self, g_s: &[f32]) -> Result<(), DeviceError> {
        self.check_targets(g_s)?;
        let pieces = self.write_in(PIECE, true);
        pieces.into_par_iter().zip(g_s.par_chunks(PIECE)).for_each(|(piece, g)| piece.write(g));
        Ok(())
    }

    /// Applies pulses to single cells, now, in the order given. Each begins the age of its cell anew.
    ///
    /// The outcome is the same for one call with all pulses as for any splitting of them into calls at the same
    /// instant, and of a count into ones. Pulses of different cells may come in any order. Returns how many pulses
    /// there were; stuck cells count, and do not move. Cells that were never written start at g_min.
    ///
    /// # Errors
    /// A device without a law for pulses, a cell or a stimulus that is not there; nothing is changed then.
    pub fn pulse(&mut self, ops: &[CellPulse]) -> Result<u64, DeviceError> {
        let known = self.known_stimuli()?;
        for op in ops {
            if op.cell as usize >= self.len {
                return Err(DeviceError::Cell { cell: op.cell, len: self.len });
            }
            self.check_stimulus(op.stimulus, known)?;
        }
        if ops.iter().all(|op| op.count == 0) {
            return Ok(0);
        }
        self.begin_pulses()?;
        let mut rooms = Rooms::new();
        let rising = ops.windows(2).all(|w| w[0].cell < w[1].cell);
        if rising {
            ops.chunks(BLOCK).for_each(|window| self.pulse_distinct(window, &mut rooms));
        } else {
            // The first pulses of all cells, then the second ones, ...: cells are independent, and within one the
            // order stays.
            let mut order: Vec<(u32, u32)> = (0..ops.len() as u32).map(|i| (0, i)).collect();
            order.sort_by_key(|(_, i)| ops[*i as usize].cell);
            for i in 1..order.len() {
                let same = ops[order[i].1 as usize].cell == ops[order[i - 1].1 as usize].cell;
                order[i].0 = if same { order[i - 1].0 + 1 } else { 0 };
            }
            order.sort_by_key(|(turn, _)| *turn);
            for turn in order.chunk_by(|a, b| a.0 == b.0) {
                for window in turn.chunks(BLOCK) {
                    let window: Vec<CellPulse> = window.iter().map(|(_, i)| ops[*i as usize]).collect();
                    self.pulse_distinct(&window, &mut rooms);
                }
            }
        }
        Ok(ops.iter().map(|op| u64::from(op.count)).sum())
    }

    /// Applies `count` pulses of one stimulus to every cell, now. Returns how many pulses that were.
    ///
    /// # Errors
    /// A device without a law for pulses, or a stimulus that is not there.
    pub fn pulse_all(&mut self, stimulus: u16, count: u16) -> Result<u64, DeviceError> {
        let known = self.known_stimuli()?;
        self.check_stimulus(stimulus, known)?;
        if count == 0 || self.len == 0 {
            return Ok(0);
        }
        self.begin_pulses()?;
        let decays = self.decays();
        let (len, programmings) = (self.len, self.programmings);
        let Self { model, g, kept, pulsed, epochs, .. } = self;
        let mut columns = (&mut g[..], &mut kept[..], &mut pulsed.hidden[..]);
        let (history_same, mut histories) = match &mut pulsed.history {
            Some(Column::Each(all)) => (0, &mut all[..]),
            Some(Column::Same(n)) => (*n, &mut [][..]),
            None => (0, &mut [][..]),
        };
        let (ordinal_same, mut ordinals) = match &mut pulsed.ordinals {
            Column::Each(all) => (0, &mut all[..]),
            Column::Same(n) => (*n, &mut [][..]),
        };
        let pieces: Vec<_> = (0..len)
            .step_by(PIECE)
            .map(|first| Piece {
                first,
                g: cut(&mut columns.0, PIECE),
                kept: cut(&mut columns.1, PIECE),
                hidden: cut(&mut columns.2, PIECE),
                history: cut(&mut histories, PIECE),
                ordinals: cut(&mut ordinals, PIECE),
                of_cell: epochs.of_cell.part(first, PIECE.min(len - first)),
            })
            .collect();
        let bulk = Bulk {
            stimulus,
            count,
            history_same,
            ordinal_same,
            decays: &decays,
            cycles: pulsed.cycles + f64::from(programmings),
        };
        pieces.into_par_iter().for_each_init(Rooms::new, |rooms, piece| piece.pulse(model, &bulk, rooms));
        if let Some(Column::Same(n)) = &mut pulsed.history {
            *n = model.pulse.as_ref().map_or(*n, |law| law.count_after(*n, stimulus, count));
        }
        if let Column::Same(n) = &mut pulsed.ordinals {
            *n = n.wrapping_add(u32::from(count));
        }
        self.epochs.restart(self.clock_s);
        Ok(len as u64 * u64::from(count))
    }

    /// Applies one pulse to every cell whose stimulus is not [`NO_PULSE`], now: `stimuli` has one number a cell.
    /// Returns how many pulses that were.
    ///
    /// # Errors
    /// A device without a law for pulses, not one stimulus a cell, or one that is not there.
    pub fn pulse_each(&mut self, stimuli: &[u16]) -> Result<u64, DeviceError> {
        let known = self.known_stimuli()?;
        if stimuli.len() != self.len {
            return Err(DeviceError::Length { expected: self.len, found: stimuli.len() });
        }
        for stimulus in stimuli.iter().filter(|s| **s != NO_PULSE) {
            self.check_stimulus(*stimulus, known)?;
        }
        match stimuli.first() {
            Some(first) if stimuli.iter().all(|s| s == first) => {
                return if *first == NO_PULSE { Ok(0) } else { self.pulse_all(*first, 1) };
            }
            None => return Ok(0),
            _ => {}
        }
        self.begin_pulses()?;
        let mut rooms = Rooms::new();
        let mut window = Vec::with_capacity(BLOCK);
        let mut pulses = 0;
        for (i, stimuli) in stimuli.chunks(BLOCK).enumerate() {
            let cells = (i * BLOCK) as u32..;
            let ops = cells.zip(stimuli).filter(|(_, s)| **s != NO_PULSE);
            window.clear();
            window.extend(ops.map(|(cell, s)| CellPulse { cell, stimulus: *s, count: 1 }));
            self.pulse_distinct(&window, &mut rooms);
            pulses += window.len() as u64;
        }
        Ok(pulses)
    }

    /// RESETs every cell, now: stimulus 1 of a law whose second stimulus begins anew (`accumulate`); any other puts
    /// cells at g_min. Returns how many pulses that were.
    ///
    /// # Errors
    /// A device without a law for pulses.
    pub fn reset(&mut self) -> Result<u64, DeviceError> {
        self.known_stimuli()?;
        if self.model.pulse.as_ref().is_some_and(PulseModel::resets) {
            return self.pulse_all(1, 1);
        }
        self.set(&vec![self.model.g_min; self.len])?;
        Ok(0)
    }

    /// Wears every cell by so many cycles of SET and RESET at once, without the pulses; conductances stay, but for
    /// those of cells that fail or that the closing window moves.
    ///
    /// # Errors
    /// A number of cycles that is negative or not finite.
    pub fn cycle(&mut self, cycles: f64) -> Result<(), DeviceError> {
        if !cycles.is_finite() || cycles < 0.0 {
            return Err(DeviceError::Scheme {
                problem: format!("{cycles} cycles of wear: give a finite number of zero or more"),
            });
        }
        self.pulsed.cycles += cycles;
        let wear = self.pulsed.wear(self.programmings);
        let model = &self.model;
        self.g.par_chunks_mut(PIECE).enumerate().for_each(|(i, g)| {
            let first = i * PIECE;
            model.wear_row(first as u64, &wear.part(first, g.len()), g);
        });
        Ok(())
    }

    /// Cycles of SET and RESET that a cell went through: half a cycle for each pulse, one for each programming. None
    /// for a cell that is not there.
    pub fn cycles(&self, cell: usize) -> Option<f64> {
        (cell < self.len).then(|| self.pulsed.wear(self.programmings).at(cell))
    }

    /// Which cells are stuck: faulty from the beginning, or worn out. None before cells were first written.
    pub fn stuck(&self) -> impl Iterator<Item = usize> + '_ {
        self.g.iter().enumerate().filter(|(_, g)| g.is_sign_negative()).map(|(i, _)| i)
    }

    /// Fraction of cells that work.
    pub fn working(&self) -> f64 {
        1.0 - self.stuck().count() as f64 / self.len.max(1) as f64
    }

    fn known_stimuli(&self) -> Result<usize, DeviceError> {
        self.model.pulse.as_ref().map(PulseModel::stimuli).ok_or(DeviceError::NoPulse)
    }

    fn check_stimulus(&self, stimulus: u16, known: usize) -> Result<(), DeviceError> {
        if usize::from(stimulus) < known {
            return Ok(());
        }
        let names = self.model.pulse.as_ref().map(PulseModel::names).unwrap_or_default();
        Err(DeviceError::Stimulus { stimulus, known: names })
    }

    /// Whether anything depends on when a cell was last written.
    fn needs_time(&self) -> bool {
        self.model.has_kept()
            || self.model.noise.as_ref().is_some_and(|n| n.t_read_s.is_some())
            || self.model.pulse.as_ref().is_some_and(|law| law.tau_s().is_some())
    }

    /// Makes the columns that the law needs.
    fn begin_pulses(&mut self) -> Result<(), DeviceError> {
        if self.programmings == 0 {
            self.set(&vec![self.model.g_min; self.len])?;
        }
        self.observed = None;
        let Some(law) = &self.model.pulse else { return Err(DeviceError::NoPulse) };
        if law.remembers() && self.pulsed.history.is_none() {
            let counts: Vec<u8> = self.g.par_iter().map(|g| law.count_at(g.abs())).collect();
            let first = counts.first().copied().unwrap_or(0);
            let same = counts.iter().all(|n| *n == first);
            self.pulsed.history = Some(if same { Column::Same(first) } else { Column::Each(counts) });
        }
        if self.pulsed.hidden.is_empty() {
            if law.tau_s().is_some() {
                self.pulsed.hidden = vec![0.0; self.len];
            } else if law.has_write_noise() {
                self.pulsed.hidden = self.g.iter().map(|g| g.abs()).collect();
            } else if law.has_cycles() {
                // Numbers of trains that no train of the cell had before: there are no more trains than pulses.
                self.pulsed.hidden = match &self.pulsed.ordinals {
                    Column::Same(n) => vec![*n as f32; self.len],
                    Column::Each(all) => all.iter().map(|n| *n as f32).collect(),
                };
            }
        }
        Ok(())
    }

    /// What is left of a hidden state since each epoch; none where no law has one.
    fn decays(&self) -> Vec<f32> {
        let Some(tau_s) = self.model.pulse.as_ref().and_then(PulseModel::tau_s) else { return Vec::new() };
        let decay = |at_s: f64| libm::exp((at_s - self.clock_s) / tau_s) as f32;
        self.epochs.all.iter().map(|e| decay(e.at_s)).collect()
    }

    /// Pulses on cells that are all different, at most [`BLOCK`].
    fn pulse_distinct(&mut self, ops: &[CellPulse], rooms: &mut Rooms) {
        let (needs_time, len, programmings) = (self.needs_time(), self.len, self.programmings);
        let now_s = self.clock_s;
        let Self { model, g, kept, pulsed, epochs, .. } = self;
        let Some(law) = &model.pulse else { return };
        let cycles = pulsed.cycles + f64::from(programmings);
        let ordinals_all = pulsed.ordinals.each(len);
        let mut history_all = pulsed.history.as_mut().map(|h| h.each(len));
        let mut done = [false; BLOCK];
        let mut cells = Vec::with_capacity(ops.len());
        for i in 0..ops.len() {
            if done[i] {
                continue;
            }
            let (stimulus, count) = (ops[i].stimulus, ops[i].count);
            cells.clear();
            for (op, done) in ops.iter().zip(&mut done).skip(i) {
                if op.stimulus == stimulus && op.count == count {
                    *done = true;
                    cells.push(op.cell);
                }
            }
            if count == 0 {
                continue;
            }
            let at = |cell: &u32| *cell as usize;
            let mut ordinals: Vec<u32> = cells.iter().map(|c| ordinals_all[at(c)]).collect();
            let mut g_here: Vec<f32> = cells.iter().map(|c| g[at(c)]).collect();
            let mut kept_here: Vec<i16> = cells.iter().filter_map(|c| kept.get(at(c)).copied()).collect();
            let mut hidden: Vec<f32> =
                cells.iter().filter_map(|c| pulsed.hidden.get(at(c)).copied()).collect();
            let mut history: Vec<u8> =
                history_all.as_ref().map_or(Vec::new(), |all| cells.iter().map(|c| all[at(c)]).collect());
            let mut decay: Vec<f32> = match law.tau_s() {
                Some(tau_s) => cells
                    .iter()
                    .map(|c| epochs.all[epochs.of_cell.get(at(c)) as usize].at_s)
                    .map(|at_s| libm::exp((at_s - now_s) / tau_s) as f32)
                    .collect(),
                None => Vec::new(),
            };
            for _ in 0..count {
                let block = Cells {
                    place: Place::Some { cells: &cells, ordinals: &ordinals },
                    g: &mut g_here,
                    hidden: &mut hidden,
                    history_same: 0,
                    history: &mut history,
                    kept: &mut kept_here,
                    decay: &decay,
                };
                law.pulse(model, stimulus, block, rooms);
                ordinals.iter_mut().for_each(|n| *n = n.wrapping_add(1));
                decay.fill(1.0);
            }
            model.wear_cells(&cells, &Wear { cycles, same: 0, ordinals: &ordinals }, &mut g_here);
            let epoch = needs_time.then(|| epochs.now(now_s, len));
            for (i, cell) in cells.iter().map(at).enumerate() {
                ordinals_all[cell] = ordinals[i];
                g[cell] = g_here[i];
                if let Some(k) = kept.get_mut(cell) {
                    *k = kept_here[i];
                }
                if let Some(h) = pulsed.hidden.get_mut(cell) {
                    *h = hidden[i];
                }
                if let Some(all) = &mut history_all {
                    all[cell] = history[i];
                }
                if let Some(epoch) = epoch {
                    epochs.of_cell.each(len)[cell] = epoch;
                }
            }
        }
    }
}

/// What all pieces of a bulk pulse share.
struct Bulk<'a> {
    stimulus: u16,
    count: u16,
    history_same: u8,
    ordinal_same: u32,
    decays: &'a [f32],
    cycles: f64,
}

/// Consecutive cells of an array that takes pulses everywhere.
struct Piece<'a> {
    first: usize,
    g: &'a mut [f32],
    kept: &'a mut [i16],
    hidden: &'a mut [f32],
    history: &'a mut [u8],
    ordinals: &'a mut [u32],
    of_cell: &'a [u32],
}

impl Piece<'_> {
    fn pulse(mut self, model: &super::model::Model, bulk: &Bulk, rooms: &mut Rooms) {
        let Some(law) = &model.pulse else { return };
        let len = self.g.len();
        let mut decay = if bulk.decays.is_empty() { Vec::new() } else { vec![1.0; BLOCK] };
        for start in (0..len).step_by(BLOCK) {
            let count = BLOCK.min(len - start);
            let first = (self.first + start) as u64;
            let g = cut(&mut self.g, count);
            let (kept, hidden) = (cut(&mut self.kept, count), cut(&mut self.hidden, count));
            let (history, ordinals) = (cut(&mut self.history, count), cut(&mut self.ordinals, count));
            if !decay.is_empty() {
                for (i, d) in decay[..count].iter_mut().enumerate() {
                    *d = bulk.decays[self.of_cell.get(start + i).map_or(0, |e| *e as usize)];
                }
            }
            let mut history_same = bulk.history_same;
            for turn in 0..u32::from(bulk.count) {
                let place = if ordinals.is_empty() {
                    Place::Row { first, ordinal: bulk.ordinal_same.wrapping_add(turn) }
                } else {
                    Place::RowOf { first, ordinals }
                };
                let block = Cells {
                    place,
                    g: &mut *g,
                    hidden: &mut *hidden,
                    history_same,
                    history: &mut *history,
                    kept: &mut *kept,
                    decay: &decay[..count.min(decay.len())],
                };
                law.pulse(model, bulk.stimulus, block, rooms);
                ordinals.iter_mut().for_each(|n| *n = n.wrapping_add(1));
                history_same = law.count_after(history_same, bulk.stimulus, 1);
                decay.fill(1.0);
            }
            let same = bulk.ordinal_same.wrapping_add(u32::from(bulk.count));
            model.wear_row(first, &Wear { cycles: bulk.cycles, same, ordinals }, g);
        }
    }
}

impl super::model::Model {
    /// What wear leaves of consecutive cells: stuck ones, and a narrower range.
    pub(super) fn wear_row(&self, first: u64, wear: &Wear, g: &mut [f32]) {
        let Some(endurance) = &self.endurance else { return };
        let life = self.key.stream(Purpose::Life, 0);
        for (i, g) in g.iter_mut().enumerate() {
            self.wear_one(endurance, f64::from(life.uniform(first + i as u64)), wear.at(i), g);
        }
    }

    /// The same of any cells.
    pub(super) fn wear_cells(&self, cells: &[u32], wear: &Wear, g: &mut [f32]) {
        let Some(endurance) = &self.endurance else { return };
        let life = self.key.stream(Purpose::Life, 0);
        for (i, (cell, g)) in cells.iter().zip(g).enumerate() {
            self.wear_one(endurance, f64::from(life.uniform(u64::from(*cell))), wear.at(i), g);
        }
    }

    fn wear_one(&self, endurance: &crate::aspect::Endurance, u: f64, cycles: f64, g: &mut f32) {
        let Some(onset) = endurance.onset().filter(|_| g.is_sign_positive()) else { return };
        let onset = onset.of_device(u);
        if cycles > onset {
            let [low, high] = endurance.range_s(self.range_s, cycles, onset);
            *g = if low < high { g.clamp(low as f32, high as f32) } else { -(low as f32) };
        }
    }
}

/// What programming with pulses asks of an array.
impl CellArray {
    /// The nominal device of this array's law, at `g_s`.
    pub(crate) fn nominal(&self, g_s: f64) -> Option<Nominal<'_>> {
        let law = self.model.pulse.as_ref()?;
        // Programming asks for one a cell and read: the list of where each count begins is the model's own.
        Some(Nominal::counted(law.law(), self.model.range_s, g_s, law.count_at(g_s as f32).into()))
    }

    pub(crate) fn pulse_law(&self) -> Result<&crate::aspect::Pulse, DeviceError> {
        self.model.pulse.as_ref().map(PulseModel::law).ok_or(DeviceError::NoPulse)
    }

    /// Conductance of a cell as it was written, S, without noise or drift.
    pub(crate) fn written_s(&self, cell: usize) -> f64 {
        let g = f64::from(self.g[cell]);
        if g.is_sign_negative() { -g } else { g }
    }
}

#[cfg(test)]
mod tests;
