//! One cell under an ideal voltage source: the smallest circuit there is.

use neurohm_num::quantity::{self, Dimension};
use neurohm_num::{Cancelled, Unwatched, Watch};

use super::{CellBank, INNER, ModelError, Waveform};

/// How a cell is driven.
#[derive(Clone, Debug, PartialEq)]
pub struct Drive<'a> {
    /// The source.
    pub waveform: &'a Waveform,
    /// When to stop, s.
    pub t_end_s: f64,
    /// Ambient temperature, K.
    pub t_k: f64,
    /// Longest step, s: also how close the samples lie. The waveform may ask for shorter ones.
    pub max_step_s: f64,
}

/// What a driven cell did, sample by sample: one a step, two where the voltage bends within it; a jump of the voltage has
/// two samples at its time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Times, s.
    pub t_s: Vec<f64>,
    /// Voltages, V.
    pub v: Vec<f64>,
    /// Currents, A.
    pub i_a: Vec<f64>,
    /// States, sample by sample.
    pub x: Vec<f64>,
    /// States per sample.
    pub states: usize,
    /// Steps that were too long and tried again.
    pub rejected: usize,
}

impl Trace {
    /// State `j` of sample `n`.
    pub fn state(&self, n: usize, j: usize) -> Option<f64> {
        if j < self.states { self.x.get(n * self.states + j).copied() } else { None }
    }

    /// The last states.
    pub fn last(&self) -> &[f64] {
        &self.x[self.x.len() - self.states.min(self.x.len())..]
    }

    fn push(&mut self, t_s: f64, v: f64, i_a: f64, x: &[f64]) {
        self.t_s.push(t_s);
        self.v.push(v);
        self.i_a.push(i_a);
        self.x.extend_from_slice(x);
    }
}

/// Why a cell could not be driven to the end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// Not exactly one cell.
    #[error("a drive takes one cell, the bank has {0}")]
    Cells(usize),
    /// A waveform or setting that is none.
    #[error("this cannot be driven: {0}")]
    Setting(String),
    /// The model has no answer however short the step.
    #[error("at {} and {}: {source}; the last good states are {x:?}", second(*t_s), volt(*v))]
    Model {
        /// When, s.
        t_s: f64,
        /// The voltage there, V.
        v: f64,
        /// The last accepted states.
        x: Vec<f64>,
        /// What went wrong.
        source: ModelError,
    },
    /// The watch said stop.
    #[error(transparent)]
    Cancelled(Cancelled),
    /// More steps than anyone waits for.
    #[error("{steps} steps reach only {}: the states change too fast, or the longest step is too short", second(*t_s))]
    Steps {
        /// Steps made.
        steps: usize,
        /// Time reached, s.
        t_s: f64,
    },
}

fn second(t_s: f64) -> String {
    quantity::format(quantity::rounded(t_s, 6), Dimension::Second)
}

fn volt(v: f64) -> String {
    quantity::format(quantity::rounded(v, 6), Dimension::Volt)
}

/// How closely straight lines between samples follow a waveform that bends, as a part of its amplitude. The steps
/// themselves follow the bend.
const SAMPLED: f64 = 1e-3;
/// Most steps of one drive.
const STEPS: usize = 20_000_000;
/// Steps between two looks at who watches.
const LOOK: usize = 1024;
/// Shortest step relative to the whole drive.
const SHORTEST: f64 = 1e-15;

/// Drives the only cell of `bank` from its present states, with steps as long as its errors allow, landing on the
/// corners of the waveform and on random jumps.
///
/// # Errors
/// More or fewer cells than one, a waveform that is none, a model without an answer.
pub fn drive(bank: &mut dyn CellBank, how: &Drive) -> Result<Trace, DriveError> {
    drive_watched(bank, how, &Unwatched)
}

/// [`drive`], watched from outside.
///
/// # Errors
/// As [`drive`], and the watch's cancellation; the bank then stands where it was stopped.
pub fn drive_watched(bank: &mut dyn CellBank, how: &Drive, watch: &dyn Watch) -> Result<Trace, DriveError> {
    let mut trace = Trace::default();
    drive_into(bank, how, watch, &mut trace)?;
    Ok(trace)
}

/// [`drive_watched`] into `trace`, which begins anew and, where the drive fails, ends with the last good sample.
///
/// # Errors
/// As [`drive_watched`].
pub fn drive_into(
    bank: &mut dyn CellBank,
    how: &Drive,
    watch: &dyn Watch,
    trace: &mut Trace,
) -> Result<(), DriveError> {
    *trace = Trace { states: bank.state().len(), ..Trace::default() };
    if bank.len() != 1 {
        return Err(DriveError::Cells(bank.len()));
    }
    if let Some(problem) = how.waveform.problem() {
        return Err(DriveError::Setting(problem));
    }
    for (what, value) in [("end", how.t_end_s), ("longest step", how.max_step_s), ("temperature", how.t_k)] {
        if value.is_nan() || value <= 0.0 || (what != "longest step" && value.is_infinite()) {
            return Err(DriveError::Setting(format!("its {what} is {value}")));
        }
    }
    let mut i = [0.0];
    let failed = |t_s: f64, v: f64, bank: &dyn CellBank, source| DriveError::Model {
        t_s,
        v,
        x: bank.state().to_vec(),
        source,
    };
    let longest = how.max_step_s.min(how.waveform.longest_step_s(SAMPLED)).min(how.t_end_s);
    let needed = how.t_end_s / longest;
    if needed > STEPS as f64 {
        return Err(DriveError::Setting(format!(
            "it takes {needed:.0} steps at least, of {longest:e} s at most, and no more than {STEPS} are kept: drive it \
             for a shorter time, or with fewer periods"
        )));
    }
    let shortest = how.t_end_s * SHORTEST;
    let mut t = 0.0;
    let mut v = how.waveform.after(t);
    // A step of `h_s` to `v`, along the waveform's bend where it has one: the time and voltage between.
    let mut bend = None;
    let solve =
        |bank: &mut dyn CellBank, from_s: f64, h_s: f64, v: f64, i: &mut [f64; 1], bend: &mut Option<_>| {
            if !how.waveform.bends() {
                return bank.solve(&[v], how.t_k, h_s, i, &mut []);
            }
            let inner_s = from_s + INNER * h_s;
            let inner_v = how.waveform.before(inner_s);
            *bend = Some((inner_s, inner_v));
            bank.solve_bent(&[inner_v], &[v], how.t_k, h_s, i)
        };
    let operating = |bank: &mut dyn CellBank, t: f64, v: f64, i: &mut [f64; 1]| {
        bank.solve(&[v], how.t_k, 0.0, i, &mut []).map_err(|(_, e)| failed(t, v, bank, e))?;
        bank.accept(&[v]);
        Ok(())
    };
    operating(bank, t, v, &mut i)?;
    trace.push(t, v, i[0], bank.state());
    let mut wish = longest * 1e-3;
    for step in 0..STEPS {
        if step % LOOK == 0 {
            watch.step(0).map_err(DriveError::Cancelled)?;
        }
        let stop = how.waveform.next_break(t).map_or(how.t_end_s, |b| b.min(how.t_end_s));
        let mut h = wish.min(longest).max(shortest);
        // A rest that is almost nothing is better taken along, or shared.
        let lands = t + h >= stop - 1e-3 * h;
        if lands {
            h = stop - t;
        } else if t + 2.0 * h > stop {
            h = (stop - t) / 2.0;
        }
        let mut t_new = if lands { stop } else { t + h };
        let mut v_new = how.waveform.before(t_new);
        let mut solved = solve(bank, t, h, v_new, &mut i, &mut bend);
        let error = if solved.is_ok() { bank.error() } else { f64::INFINITY };
        if error > 1.0 && h > shortest {
            trace.rejected += 1;
            wish = h * if error.is_finite() { (0.9 * libm::cbrt(1.0 / error)).clamp(0.1, 0.7) } else { 0.1 };
            continue;
        }
        let event = if solved.is_ok() { bank.first_event() } else { None };
        if let Some(at) = event.filter(|at| *at >= shortest) {
            t_new = t + at;
            v_new = how.waveform.before(t_new);
            solved = solve(bank, t, at, v_new, &mut i, &mut bend);
            // The way to the jump is a step like others: where it has no answer, a shorter one may.
            if solved.is_err() && at > shortest {
                trace.rejected += 1;
                wish = 0.1 * at;
                continue;
            }
        }
        solved.map_err(|(_, e)| failed(t_new, v_new, bank, e))?;
        if let Some((inner_s, inner_v)) = bend
            && let Some((i_a, x)) = bank.inner(0)
        {
            trace.push(inner_s, inner_v, i_a, x);
        }
        bank.accept(&[v_new]);
        (t, v) = (t_new, v_new);
        trace.push(t, v, i[0], bank.state());
        // 0.9 cbrt(1 / error) within 0.2 to 5; far below the tolerance there is nothing to compute.
        wish = h * if error < 5e-3 { 5.0 } else { (0.9 * libm::cbrt(1.0 / error)).clamp(0.2, 5.0) };
        if t >= how.t_end_s {
            return Ok(());
        }
        let after = how.waveform.after(t);
        if after != v {
            v = after;
            operating(bank, t, v, &mut i)?;
            trace.push(t, v, i[0], bank.state());
            wish = wish.min(longest * 1e-3);
        }
    }
    Err(DriveError::Steps { steps: STEPS, t_s: t })
}

#[cfg(test)]
mod tests {
    use super::super::{Bank, Vteam};
    use super::*;
    use neurohm_num::Key;

    fn run(waveform: Waveform, t_end_s: f64, cells: usize) -> Result<Trace, DriveError> {
        let mut bank = Bank::new(Vteam::memtorch(), cells, Key::root(0));
        drive(&mut bank, &Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s: t_end_s })
    }

    #[test]
    fn it_lands_on_edges_and_samples_both_sides() {
        let trace = run(Waveform::pulse(0.1, 1e-7), 3e-7, 1).unwrap();
        let edge: Vec<_> = (0..trace.t_s.len()).filter(|n| trace.t_s[*n] == 1e-7).collect();
        assert_eq!(edge.iter().map(|n| trace.v[*n]).collect::<Vec<_>>(), [0.1, 0.0]);
        assert_eq!(*trace.t_s.last().unwrap(), 3e-7);
        // 2e-3 m/s for 0.1 us from 1.5 nm, and not a moment longer.
        assert!((trace.last()[0] - 1.7e-9).abs() < 1e-16, "{}", trace.last()[0]);
    }

    #[test]
    fn what_cannot_be_driven_is_said() {
        assert_eq!(run(Waveform::Constant(0.1), 1e-6, 2), Err(DriveError::Cells(2)));
        for (waveform, t_end_s) in [
            (Waveform::Constant(f64::NAN), 1e-6),
            (Waveform::Points(Vec::new()), 1e-6),
            (Waveform::Points(vec![(1.0, 0.0), (0.0, 0.0)]), 1e-6),
            (Waveform::Constant(0.1), 0.0),
            (Waveform::Sine { amplitude_v: 1.0, frequency_hz: 0.0, offset_v: 0.0 }, 1e-6),
        ] {
            let error = run(waveform, t_end_s, 1).unwrap_err();
            assert!(matches!(error, DriveError::Setting(_)), "{error}");
        }
        // sinh(b v) of a published set is infinite there: the last good state comes with the error.
        let mut bank = Bank::new(super::super::Yakopcic::miao(), 1, Key::root(0));
        let waveform = Waveform::Constant(3e3);
        let how = Drive { waveform: &waveform, t_end_s: 1.0, t_k: 300.0, max_step_s: 1.0 };
        match drive(&mut bank, &how) {
            Err(DriveError::Model { x, v, .. }) => assert_eq!((x, v), (vec![0.11], 3e3)),
            other => panic!("{other:?}"),
        }
        // On a ramp towards it, the trace up to there is kept, and ends in the state that the error names.
        let mut bank = Bank::new(super::super::Yakopcic::miao(), 1, Key::root(0));
        let waveform = Waveform::Points(vec![(0.0, 0.0), (1.0, 3e3)]);
        let mut trace = Trace::default();
        let error = drive_into(&mut bank, &Drive { waveform: &waveform, ..how }, &Unwatched, &mut trace);
        let Err(DriveError::Model { t_s, x, .. }) = error else { panic!("{error:?}") };
        assert!(trace.t_s.len() > 2 && trace.t_s.windows(2).all(|t| t[0] <= t[1]), "{:?}", trace.t_s);
        assert!(*trace.t_s.last().unwrap() < t_s && trace.last() == x, "{t_s} {x:?}");
        assert!(trace.i_a.iter().chain(&trace.x).all(|v| v.is_finite()));
    }
}
