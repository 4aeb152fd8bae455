//! Many cells of one device, in columns: at most 8 bytes a cell that is programmed, and 32 a cell that is pulsed.

use std::sync::Arc;

use neurohm_num::{Key, Purpose};
use rayon::prelude::*;

use crate::error::DeviceError;
use crate::one_over_f;
use crate::spec::CellSpec;

mod clock;
mod epochs;
mod kernel;
mod model;
mod pieces;
mod pulses;
mod telegraph;

use epochs::{Epochs, runs};
use model::{Model, NoiseModel, Noises, Snapshot};
use pieces::{PIECE, cut, part};
use pulses::Pulsed;

pub use pieces::{Observation, Programming};
pub use pulses::{CellPulse, NO_PULSE};

/// Temperature of an array until it is set, K: 25 C.
pub const ROOM_K: f64 = 298.15;

/// An array of cells that can be programmed, left alone and read.
///
/// Ages count from programming. A published retention law begins at the age at which its conductances were
/// determined (20 s for the `pcm` preset), so "one hour after that first read" is an age of 3620 s.
///
/// What a read sees is the state at the last [`observe`](Self::observe): reading twice without it gives the same
/// values, and time that passed since is not seen.
///
/// Results depend on the description, the key, and the sequence of programmings and observations; not on
/// threads or instruction set. Each cell keeps one noise value, walked from observation to observation by the
/// exact correlation of that pair ([`one_over_f`]). So any two neighbouring observations are right; over several
/// the correlation is the product of the steps, which forgets faster than true 1/f noise does. An extra
/// observation between two others therefore changes later draws, and shortens the memory, but not the spread.
#[derive(Clone, Debug)]
pub struct CellArray {
    model: Model,
    key: Key,
    len: usize,
    /// Programmed conductance, S; the sign bit marks a stuck cell.
    g: Vec<f32>,
    /// Drift exponent or relaxation variable in steps, where the retention law has one.
    kept: Vec<i16>,
    /// Standardised read noise at the last observation in steps of 2^-12, where the device has noise.
    noise: Vec<i16>,
    /// What only pulsed cells have.
    pulsed: Pulsed,
    /// When cells were last written.
    epochs: Epochs,
    clock_s: f64,
    temperature_k: f64,
    programmed_at_s: f64,
    programmings: u32,
    /// Observations since the last programming.
    observations: u32,
    /// The last observation's instant and window, until cells are written again.
    observed: Option<(f64, Option<f64>)>,
    /// Instant of the last observation ever.
    observed_at_s: Option<f64>,
    window_s: Option<f64>,
}

impl CellArray {
    /// `len` cells of a device, at g_min and not yet programmed. All their random numbers grow from `key`.
    ///
    /// # Errors
    /// A parameter that physics does not allow.
    pub fn new(spec: &CellSpec, len: usize, key: Key) -> Result<Self, DeviceError> {
        spec.validate()?;
        let model = Model::new(spec, key);
        let rows = |needed: bool| if needed { len } else { 0 };
        Ok(CellArray {
            key,
            len,
            g: vec![model.g_min; len],
            kept: vec![0; rows(model.has_kept())],
            noise: vec![0; rows(model.has_noise())],
            pulsed: Pulsed::new(),
            epochs: Epochs::new(),
            model,
            clock_s: 0.0,
            temperature_k: ROOM_K,
            programmed_at_s: 0.0,
            programmings: 0,
            observations: 0,
            observed: None,
            observed_at_s: None,
            window_s: None,
        })
    }

    /// Lowest and highest conductance of the device, S.
    pub fn range_s(&self) -> [f64; 2] {
        self.model.range_s
    }

    /// Programs every cell to its target, S, now: age 0, new errors, a new drift exponent.
    ///
    /// # Errors
    /// Not one target a cell; a target that is NaN or outside the device's range (by more than a rounding error).
    pub fn program(&mut self, target_s: &[f32]) -> Result<(), DeviceError> {
        self.check_targets(target_s)?;
        let pieces = self.program_in(PIECE);
        pieces
            .into_par_iter()
            .zip(target_s.par_chunks(PIECE))
            .for_each(|(piece, target)| piece.write(target));
        Ok(())
    }

    pub(crate) fn check_targets(&self, target_s: &[f32]) -> Result<(), DeviceError> {
        if target_s.len() != self.len {
            return Err(DeviceError::Length { expected: self.len, found: target_s.len() });
        }
        let slack = 1e-5 * self.model.g_max;
        let (low, high) = (self.model.g_min - slack, self.model.g_max + slack);
        if !kernel::all_within(target_s, low, high) {
            let index = target_s.iter().position(|g| !(low..=high).contains(g)).unwrap_or(0);
            return Err(DeviceError::Target {
                index,
                value: target_s[index],
                g_min_s: self.model.range_s[0],
                g_max_s: self.model.range_s[1],
            });
        }
        Ok(())
    }

    /// Begins a new programming of every cell, now, in pieces of `piece` cells (the last may be shorter) that can be
    /// written in any order and on any thread. A piece that is never written keeps what it held, at the new age.
    pub fn program_in(&mut self, piece: usize) -> Vec<Programming<'_>> {
        self.write_in(piece, false)
    }

    /// [`program_in`](Self::program_in), exactly or with the device's errors.
    fn write_in(&mut self, piece: usize, exact: bool) -> Vec<Programming<'_>> {
        self.programmings = self.programmings.wrapping_add(1);
        self.observations = 0;
        self.programmed_at_s = self.clock_s;
        self.observed = None;
        self.epochs.restart(self.clock_s);
        self.pulsed.written();
        let wear = self.pulsed.wear(self.programmings);
        let event = u64::from(self.programmings);
        let streams = model::ProgramStreams {
            d2d: self.key.stream(Purpose::DeviceSpread, 0),
            c2c: self.key.stream(Purpose::Programming, event),
            kept: self.key.stream(self.model.kept_purpose(), event),
            stuck: self.key.stream(Purpose::Stuck, 0),
            exact,
        };
        let (model, mut g, mut kept) = (&self.model, &mut self.g[..], &mut self.kept[..]);
        let starts = (0..self.len).step_by(piece.max(1));
        starts
            .map(|first| {
                let (g, kept) = (cut(&mut g, piece.max(1)), cut(&mut kept, piece.max(1)));
                let g_len = g.len();
                Programming { model, streams, first: first as u64, g, kept, wear: wear.part(first, g_len) }
            })
            .collect()
    }

    /// Sets the temperature at which time passes from now on. Retention follows it where its law has an activation
    /// energy ([`Retention::follows_temperature`](crate::Retention::follows_temperature)); no other law does. (The
    /// exponent of phase-change drift is the same at every constant temperature: Le Gallo et al., Adv. Electron. Mater.
    /// 4:1700627, 2018.)
    ///
    /// # Errors
    /// A temperature outside 1 K to 2000 K.
    pub fn set_temperature(&mut self, t_k: f64) -> Result<(), DeviceError> {
        if let Some(problem) = crate::limits::temperature(t_k) {
            let (device, field) = (String::new(), "temperature".to_owned());
            return Err(DeviceError::Parameter { device, field, problem });
        }
        self.temperature_k = t_k;
        Ok(())
    }

    /// The temperature, K.
    pub fn temperature_k(&self) -> f64 {
        self.temperature_k
    }

    /// Lets `dt_s` seconds pass at the temperature that is set.
    ///
    /// # Errors
    /// A time that is negative or not finite.
    pub fn advance(&mut self, dt_s: f64) -> Result<(), DeviceError> {
        if !dt_s.is_finite() || dt_s < 0.0 {
            return Err(DeviceError::Time { dt_s });
        }
        self.clock_s += dt_s;
        if let Some(law) = self.model.activated() {
            for epoch in &mut self.epochs.all {
                epoch.thermal.get_or_insert_default().advance(law, dt_s, self.temperature_k);
            }
        }
        Ok(())
    }

    /// Walks the cells' noise to now. Twice at one instant is once.
    pub fn observe(&mut self) {
        self.observe_in(PIECE).into_par_iter().for_each(Observation::settle);
    }

    /// [`observe`](Self::observe) in pieces of `piece` cells (the last may be shorter) that can be read in any order
    /// and on any thread. Every piece must be read: one that is not keeps the noise of the observation before.
    pub fn observe_in(&mut self, piece: usize) -> Vec<Observation<'_>> {
        let piece = piece.max(1);
        let walks = self.look();
        let (model, epochs) = (&self.model, &self.epochs.all[..]);
        let mut noise = &mut self.noise[..];
        let starts = (0..self.len).step_by(piece);
        starts
            .map(|first| {
                let count = piece.min(self.len - first);
                let (g, kept) = (&self.g[first..first + count], part(&self.kept, first, count));
                let of_cell = self.epochs.of_cell.part(first, count);
                let noise = cut(&mut noise, count);
                Observation { model, epochs, of_cell, first: first as u64, g, kept, noise, walks }
            })
            .collect()
    }

    /// [`observe`](Self::observe) and [`conductances`](Self::conductances) in one pass over the cells.
    ///
    /// # Errors
    /// Not one output a cell.
    pub fn observe_into(&mut self, out: &mut [f32]) -> Result<(), DeviceError> {
        self.check(out)?;
        let pieces = self.observe_in(PIECE);
        pieces.into_par_iter().zip(out.par_chunks_mut(PIECE)).for_each(|(piece, out)| piece.read(out));
        Ok(())
    }

    /// [`observe`](Self::observe), and what a read sees of the state that was written: noise, but no drift or
    /// relaxation. What verifies a pulse, before the cell had time to relax.
    ///
    /// # Errors
    /// Not one output a cell.
    pub fn verify_into(&mut self, out: &mut [f32]) -> Result<(), DeviceError> {
        self.check(out)?;
        self.observe();
        self.for_pieces(out, |first, seen, g, _, out| {
            let noise = Noises::Kept(first as u64, part(&self.noise, first, out.len()));
            self.model.written(seen, g, noise, out);
        });
        Ok(())
    }

    /// Conductances at the last observation as one read sees them, S: without the noise that is faster than the
    /// read window, where one is set.
    ///
    /// # Errors
    /// Not one output a cell.
    pub fn conductances(&self, out: &mut [f32]) -> Result<(), DeviceError> {
        self.check(out)?;
        self.for_pieces(out, |first, seen, g, kept, out| {
            let noise = Noises::Kept(first as u64, part(&self.noise, first, out.len()));
            self.model.conductances(seen, first as u64, g, kept, noise, out);
        });
        Ok(())
    }

    /// Variance of the noise that is faster than the read window, S^2; zero without a window. With the variance
    /// of [`conductances`](Self::conductances) over time it adds up to that of an instantaneous read.
    ///
    /// # Errors
    /// Not one output a cell.
    pub fn read_variance(&self, out: &mut [f32]) -> Result<(), DeviceError> {
        self.check(out)?;
        if !self.has_read_variance() {
            out.fill(0.0);
            return Ok(());
        }
        self.for_pieces(out, |first, seen, g, kept, out| {
            self.model.read_variance(seen, first as u64, g, kept, out);
        });
        Ok(())
    }

    /// Calls `work` with the first of some cells that were written together, how they were last seen, their g and
    /// kept, and their outputs.
    fn for_pieces(
        &self,
        out: &mut [f32],
        work: impl Fn(usize, &Snapshot, &[f32], &[i16], &mut [f32]) + Sync,
    ) {
        out.par_chunks_mut(PIECE).enumerate().for_each(|(i, out)| {
            let of_cell = self.epochs.of_cell.part(i * PIECE, out.len());
            for (run, epoch) in runs(of_cell, out.len()) {
                let (first, count) = (i * PIECE + run.start, run.len());
                let (g, kept) = (part(&self.g, first, count), part(&self.kept, first, count));
                work(first, &self.epochs.all[epoch].seen, g, kept, &mut out[run]);
            }
        });
    }

    /// Sets how long one read (or a batch of products during which slower noise is frozen) lasts. With `None`
    /// one instantaneous read holds all noise: the convention of the published Monte-Carlo models. Takes effect
    /// at the next observation. A window that is not positive and finite means `None`.
    pub fn set_read_window(&mut self, window_s: Option<f64>) {
        self.window_s = window_s.filter(|w| w.is_finite() && *w > 0.0);
    }

    /// Whether some noise is faster than the read window, so that [`read_variance`](Self::read_variance) is not
    /// zero everywhere.
    pub fn has_read_variance(&self) -> bool {
        self.epochs.all.iter().any(|e| e.seen.fast_factor > 0.0)
    }

    /// Seconds since the array came into being.
    pub fn clock_s(&self) -> f64 {
        self.clock_s
    }

    /// Seconds since the last programming.
    pub fn age_s(&self) -> f64 {
        self.clock_s - self.programmed_at_s
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of state a cell.
    pub fn bytes_per_device(&self) -> usize {
        let bytes = |empty: bool, size: usize| if empty { 0 } else { size };
        size_of::<f32>()
            + bytes(self.kept.is_empty(), size_of::<i16>())
            + bytes(self.noise.is_empty(), size_of::<i16>())
            + self.epochs.of_cell.bytes()
            + self.pulsed.bytes()
    }

    fn check(&self, out: &[f32]) -> Result<(), DeviceError> {
        if out.len() == self.len {
            Ok(())
        } else {
            Err(DeviceError::Length { expected: self.len, found: out.len() })
        }
    }

    /// Moves what was seen of every epoch to now, with the walk of the noise there. False if nothing is to be done.
    fn look(&mut self) -> bool {
        let now = (self.clock_s, self.window_s);
        if self.observed == Some(now) || self.programmings == 0 {
            return false;
        }
        self.observations = self.observations.wrapping_add(1);
        let event = u64::from(self.programmings) << 32 | u64::from(self.observations);
        let stream = self.key.stream(Purpose::SlowNoise, event);
        let dt_s = self.observed_at_s.map_or(f64::INFINITY, |before| self.clock_s - before);
        let losses = self.key.stream(Purpose::ThermalLoss, u64::from(self.programmings));
        for epoch in &mut self.epochs.all {
            let (age_s, window_s) = (epoch.seen.age_s, epoch.seen.window_s);
            epoch.seen = self.model.snapshot(self.clock_s - epoch.at_s, self.window_s);
            epoch.seen.thermal = epoch.thermal.as_ref().map(|clock| (Arc::new((**clock).clone()), losses));
            let correlation = match &self.model.noise {
                Some(NoiseModel { t_read_s: Some(t), .. }) => {
                    let window = |w: Option<f64>| w.unwrap_or(*t).max(*t);
                    let b = epoch.seen.age_s;
                    one_over_f::correlation(age_s, window(window_s), b, window(self.window_s))
                }
                _ => 0.0,
            };
            let seen = epoch.seen.slow_factor > 0.0;
            epoch.walk = seen.then(|| model::Walk::new(stream, correlation, dt_s));
        }
        self.observed = Some(now);
        self.observed_at_s = Some(self.clock_s);
        true
    }
}

#[cfg(test)]
mod tests;
