//! The circuit in time: steps as long as the tolerance allows, landing on every mark of a waveform and every jump of a
//! cell.

use std::cmp::Ordering;

use neurohm_num::Watch;

use crate::circuit::Circuit;
use crate::element::Part;
use crate::options::Statistics;
use crate::step::{Step, Whose};
use crate::waveform::{Mark, Side};
use crate::{CircuitError, Solution};

/// The first step after a corner, as a share of those before it.
const BLINK: f64 = 1e-3;
/// A step that reaches this share of the way to a jump or mark has landed.
const LANDED: f64 = 1.0 - 1e-9;
/// Safety of the next step's length, and how much it may grow (variable BDF2 is stable up to 1 + sqrt 2; Grigorieff
/// 1983).
const SAFETY: f64 = 0.9;
const GROWTH: f64 = 2.0;
/// Steps grow by this at least or stay, so that the matrix of a linear circuit stays too.
const WORTHWHILE: f64 = 1.2;
/// Jumps within the shortest steps until a bank is said to chatter.
const CHATTER: u32 = 100;

/// Where the next step may not pass.
struct Landing {
    /// The first mark: where sources are read.
    read_s: f64,
    /// The last mark that is too near to the first for a step of its own: the clock afterwards.
    t_s: f64,
    corner: bool,
}

/// How steps have gone since the last corner.
struct Pace {
    /// Shortest and longest step, s.
    floor_s: f64,
    longest_s: f64,
    /// Where nothing cuts steps short, s.
    free_s: f64,
    /// To try now, s.
    next_s: f64,
    /// Whether that is the way to a jump.
    short: bool,
    /// Change of the slots over a first step that was too long, and how often it stayed the same in shorter ones.
    change: f64,
    same: u32,
}

impl Circuit {
    /// Goes on from the circuit's clock to `t_end_s`. The first transient starts from the capacitors' initial voltages,
    /// or from the operating point where [`operating_point`](Self::operating_point) was called before. `probe` is
    /// given the time (s) and the solution at the start and after every step; right after a corner the next probe
    /// comes a fraction of a step later, so that edges are drawn as edges. `watch` is told of the beginning and of every
    /// step.
    ///
    /// A step is implicit (BDF2, anew after corners) and accepted when its estimated error in every node voltage,
    /// capacitor charge and inductor current, and that of the banks' own states, is below tolerance. A jump that a bank
    /// announces within a step shortens it until the step ends there.
    ///
    /// # Errors
    /// An end before the clock; a floating node; a source that is not finite; a cell without a solution or a voltage
    /// that does not settle in the shortest step (a few hundred rounding errors of the time); a bank that jumps without
    /// end; the watch's cancellation. The circuit stays at its last good instant, from where it can go on.
    pub fn transient(
        &mut self,
        t_end_s: f64,
        watch: &dyn Watch,
        mut probe: impl FnMut(f64, &Solution<'_>),
    ) -> Result<Statistics, CircuitError> {
        let begin_s = self.history.t_s;
        let mut statistics = Statistics::default();
        if !t_end_s.is_finite() || t_end_s < begin_s {
            return Err(CircuitError::End { t_end_s, t_s: begin_s });
        }
        if t_end_s == begin_s {
            return Ok(statistics);
        }
        watch.begin("transient", None);
        for part in &self.parts {
            if let Part::Source { wave, .. } = part {
                self.history.scale_v = self.history.scale_v.max(wave.peak());
            }
        }
        let factorisations = self.work.matrix.factorisations();
        let mut pace = self.pace(begin_s, t_end_s);
        if self.history.instants < 2 {
            self.history.restart();
            self.solve_start((pace.free_s * 1e-6).max(pace.floor_s))?;
            pace.next_s = BLINK * pace.free_s;
        }
        probe(begin_s, &self.solution());
        let mut still = 0;
        while self.history.t_s < t_end_s {
            let Some((step, landing)) = self.try_step(t_end_s, &mut pace, &mut statistics)? else { continue };
            let (first, jump, h_s) = (self.history.instants < 2, step.jump, step.h_s);
            let jolt = (first && step.change > 1.0) || (step.error > 1.0);
            let stretch = step.stretch;
            self.take(step, landing.t_s);
            statistics.steps += 1;
            statistics.factorisations = self.work.matrix.factorisations() - factorisations;
            pace.accepted(first, h_s, stretch);
            if landing.corner || jump.is_some() || jolt {
                self.history.restart();
                pace.next_s = BLINK * pace.free_s;
            }
            self.history.pace_s = Some(pace.free_s);
            probe(self.history.t_s, &self.solution());
            watch.step(1)?;
            still = if jump.is_some() && h_s <= 4.0 * pace.floor_s { still + 1 } else { 0 };
            if let Some((_, bank)) = jump {
                statistics.jumps += 1;
                if still >= CHATTER {
                    return Err(CircuitError::Chatter { bank, jumps: still, t_s: self.history.t_s });
                }
            }
        }
        Ok(statistics)
    }

    fn pace(&self, begin_s: f64, t_end_s: f64) -> Pace {
        let floor_s = 256.0 * f64::EPSILON * t_end_s.abs().max(begin_s.abs());
        let span_s = t_end_s - begin_s;
        let longest_s = self.options.max_step_s.unwrap_or(span_s / 50.0).max(floor_s);
        let first_s = self.options.first_step_s.unwrap_or(span_s / 1000.0);
        let free_s = self.history.pace_s.unwrap_or(first_s).clamp(floor_s, longest_s);
        Pace { floor_s, longest_s, free_s, next_s: free_s, short: false, change: 0.0, same: 0 }
    }

    /// Solves the next step; `None` where it has to be a shorter one, which `pace` then knows.
    fn try_step(
        &mut self,
        t_end_s: f64,
        pace: &mut Pace,
        statistics: &mut Statistics,
    ) -> Result<Option<(Step, Landing)>, CircuitError> {
        let now_s = self.history.t_s;
        let first = self.history.instants < 2;
        let mut landing = self.landing(t_end_s, pace.floor_s);
        let room_s = landing.read_s - now_s;
        let mut want_s = pace.next_s.clamp(pace.floor_s, pace.longest_s);
        if first && !pace.short {
            want_s = want_s.min(BLINK * room_s).max(pace.floor_s);
        }
        if want_s < LANDED * room_s {
            // Two steps of half the way rather than a long one and a sliver.
            let cut = !pace.short && want_s > 0.5 * room_s;
            let t_s = now_s + if cut { 0.5 * room_s } else { want_s };
            landing = Landing { read_s: t_s, t_s, corner: false };
            pace.short |= cut;
        } else {
            pace.short = true;
        }
        // The step that the clock really makes.
        let h_s = landing.t_s - now_s;
        let shortest = h_s <= 1.01 * pace.floor_s;
        self.read_sources(landing.read_s, Side::Before)?;
        self.check_topology(landing.read_s, false)?;
        let step = match self.attempt(h_s, statistics) {
            Ok(step) => step,
            Err(trouble) if shortest => return Err(self.give_up(trouble, landing.t_s, h_s)),
            Err(_) => {
                statistics.failed += 1;
                pace.shorten(0.25 * h_s);
                return Ok(None);
            }
        };
        if first && step.change > 1.0 && !shortest && pace.too_much(&step) {
            statistics.rejected += 1;
            return Ok(None);
        }
        if step.error > 1.0 {
            if !shortest {
                statistics.rejected += 1;
                pace.shorten(h_s * (SAFETY * step.stretch).clamp(0.1, 0.9));
                return Ok(None);
            }
            // A voltage that jumps by itself has no shorter step to wait for; states of cells have to be followed, but
            // not through a jump that comes at once, which no step is short enough to precede.
            if let Whose::Bank(_) = step.whose
                && step.jump.is_none()
            {
                let what = self.whose_name(step.whose);
                return Err(CircuitError::Tolerance {
                    what,
                    t_s: landing.t_s,
                    step_s: h_s,
                    error: step.error,
                });
            }
        }
        if let Some((after_s, _)) = step.jump
            && after_s < LANDED * h_s
            && !shortest
        {
            statistics.landings += 1;
            pace.next_s = after_s.max(pace.floor_s);
            pace.short = true;
            return Ok(None);
        }
        Ok(Some((step, landing)))
    }

    /// The next mark of any waveform, or the end.
    fn landing(&self, t_end_s: f64, floor_s: f64) -> Landing {
        let mut landing: Option<Landing> = None;
        let mut from_s = self.history.t_s;
        while let Some(mark) = self.next_mark(from_s)
            && mark.t_s <= t_end_s
        {
            match &mut landing {
                None => landing = Some(Landing { read_s: mark.t_s, t_s: mark.t_s, corner: mark.corner }),
                Some(l) if mark.t_s - l.read_s < floor_s => {
                    l.t_s = mark.t_s;
                    l.corner |= mark.corner;
                }
                Some(_) => break,
            }
            from_s = mark.t_s;
        }
        match landing {
            Some(l) if t_end_s - l.read_s < floor_s => Landing { t_s: t_end_s, ..l },
            Some(l) => l,
            None => Landing { read_s: t_end_s, t_s: t_end_s, corner: false },
        }
    }
}

impl Circuit {
    /// The first mark of all waveforms after `from_s`, a corner if it is one of any.
    fn next_mark(&self, from_s: f64) -> Option<Mark> {
        let marks =
            self.parts.iter().filter_map(|part| part.wave()).filter_map(|wave| wave.next_mark(from_s));
        marks.reduce(|a, b| match a.t_s.total_cmp(&b.t_s) {
            Ordering::Less => a,
            Ordering::Greater => b,
            Ordering::Equal => Mark { t_s: a.t_s, corner: a.corner || b.corner },
        })
    }
}

impl Pace {
    fn shorten(&mut self, to_s: f64) {
        self.next_s = to_s;
        self.short = false;
    }

    /// Whether a first step in which a slot moved this much has to be a shorter one. One that moves as much however
    /// short the step is (a capacitor across a source that jumps) moves at once.
    fn too_much(&mut self, step: &Step) -> bool {
        self.same = if step.change > 0.5 * self.change && self.change > 0.0 { self.same + 1 } else { 0 };
        self.change = step.change;
        if self.same >= 2 {
            return false;
        }
        self.shorten(step.h_s * (0.5 / step.change).clamp(1e-3, 0.25));
        true
    }

    fn accepted(&mut self, first: bool, h_s: f64, stretch: f64) {
        if first {
            // The first step was as long as the slots' speed allowed; the next ones are in proportion to it.
            self.free_s = self.free_s.min(h_s / BLINK).max(self.floor_s);
        } else {
            let growth = (SAFETY * stretch).clamp(0.2, GROWTH);
            let growth = if (1.0..WORTHWHILE).contains(&growth) { 1.0 } else { growth };
            let proposed_s = (h_s * growth).clamp(self.floor_s, self.longest_s);
            self.free_s = if self.short { self.free_s.max(proposed_s) } else { proposed_s };
        }
        self.next_s = self.free_s;
        self.short = false;
        (self.change, self.same) = (0.0, 0);
    }
}
