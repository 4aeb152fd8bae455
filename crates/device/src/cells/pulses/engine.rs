//! A pulse law in the form that the kernels take.

use neurohm_num::Purpose;

use super::formulas::{self, Scale, Scatter, Set};
use super::place::Place;
use crate::aspect::{Pulse, PulseTable, Steps, nominal};
use crate::cells::model::Model;
use crate::law::{Argument, BLOCK};
use crate::spec::CellSpec;

/// A pulse law, ready for blocks of cells.
#[derive(Clone, Debug)]
pub(in crate::cells) struct PulseModel {
    law: Pulse,
    scale: Scale,
    range: [f32; 2],
    middle: f32,
    set: Option<Set>,
    /// Conductances from which on a cell counts as one that took so many pulses since RESET.
    starts: Vec<f32>,
    /// Knots of the mean and of the spread of each stimulus.
    tables: Vec<[Vec<f32>; 2]>,
}

/// Directions of a cell's last pulse; 0 is none.
const UP: u8 = 1;
const DOWN: u8 = 2;
/// From here on the numbers of trains begin anew: larger ones have no successor among the floating-point numbers.
const MOST_TRAINS: f32 = 16_777_215.0;

/// Room for intermediate values of a block; made once for many.
pub(in crate::cells) struct Rooms {
    w: [f32; BLOCK],
    xi: [f32; BLOCK],
    z: [f32; BLOCK],
    delta: [f32; BLOCK],
    other: [f32; BLOCK],
    low: [f32; BLOCK],
    high: [f32; BLOCK],
    own: [f32; BLOCK],
    step: [f32; BLOCK],
    numbers: [u32; BLOCK],
    x: Argument,
}

/// A block of cells, at most [`BLOCK`], that take one pulse each. Columns that a law does not need are empty.
pub(super) struct Cells<'a> {
    pub place: Place<'a>,
    pub g: &'a mut [f32],
    pub hidden: &'a mut [f32],
    /// Pulses since RESET of all cells, or of each.
    pub history_same: u8,
    pub history: &'a mut [u8],
    pub kept: &'a mut [i16],
    /// What is left of the hidden state since each cell's last pulse.
    pub decay: &'a [f32],
}

/// Events of [`Purpose::PulseSpread`]: which of its numbers a device draws.
mod draw {
    pub const GAIN: u32 = 0;
    pub const UP_DOWN: u32 = 1;
    pub const W_MAX: u32 = 2;
    pub const W_MIN: u32 = 3;
    /// gamma of pulses up, and the next for pulses down.
    pub const GAMMA: u32 = 4;
    pub const REFERENCE: u32 = 6;
    /// The ends of a table's range.
    pub const LOW: u32 = 7;
    pub const HIGH: u32 = 8;
    /// The gain of a table's first stimulus; the others follow.
    pub const TABLE: u32 = 16;
}

impl Rooms {
    pub(in crate::cells) fn new() -> Box<Rooms> {
        let f = [0.0; BLOCK];
        Box::new(Rooms {
            w: f,
            xi: f,
            z: f,
            delta: f,
            other: f,
            low: f,
            high: f,
            own: f,
            step: f,
            numbers: [0; BLOCK],
            x: Argument::new(),
        })
    }
}

impl PulseModel {
    pub(in crate::cells) fn new(law: &Pulse, spec: &CellSpec) -> PulseModel {
        let (low, high) = (spec.g_min_s, spec.g_max_s);
        let [w_min, w_max] = law.steps().map_or([0.0, 1.0], |s| [s.w_min, s.w_max]);
        let k = (high - low) / (w_max - w_min);
        let scale = Scale { g0: low as f32, w0: w_min as f32, k: k as f32, per_k: (1.0 / k) as f32 };
        let f32s = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<_>>();
        let (set, starts) = match law {
            Pulse::Accumulate(a) => {
                let set = Set {
                    per_memory: (1.0 / a.memory) as f32,
                    mean: [a.m_mean, a.c_mean_s, a.a_mean_s].map(|v| v as f32),
                    sd: [a.m_sd, a.c_sd_s, a.a_sd_s].map(|v| v as f32),
                    low: a.g_low_s as f32,
                    high: high as f32,
                };
                (Some(set), f32s(&nominal::starts(law, high)))
            }
            _ => (None, Vec::new()),
        };
        let tables = match law {
            Pulse::Table(t) => t.stimuli.iter().map(|s| [f32s(&s.mean), f32s(&s.spread)]).collect(),
            Pulse::PiecewiseStep { up, down, .. } => vec![[f32s(up), f32s(down)]],
            _ => Vec::new(),
        };
        let (range, middle) = ([low as f32, high as f32], nominal::middle(law) as f32);
        PulseModel { law: law.clone(), scale, range, middle, set, starts, tables }
    }

    pub(super) fn law(&self) -> &Pulse {
        &self.law
    }

    /// Number of stimuli.
    pub(super) fn stimuli(&self) -> usize {
        match &self.law {
            Pulse::Table(t) => t.stimuli.len(),
            Pulse::SecondOrder(_) => 3,
            _ => 2,
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.law.stimuli().into_iter().map(|s| s.name).collect()
    }

    /// Whether stimulus 1 begins anew.
    pub(super) fn resets(&self) -> bool {
        self.law.resets()
    }

    /// Whether a cell's pulses since RESET count, or the direction of its last one.
    pub(super) fn remembers(&self) -> bool {
        self.set.is_some() || self.has_cycles()
    }

    /// Whether trains of pulses are numbered.
    pub(super) fn has_cycles(&self) -> bool {
        matches!(&self.law, Pulse::Table(t) if t.has_cycles())
    }

    /// In a table, the direction of a stimulus as a cell remembers it.
    fn direction(&self, stimulus: u16) -> u8 {
        match &self.law {
            Pulse::Table(t) if t.stimuli.get(usize::from(stimulus)).is_some_and(|s| s.raises()) => UP,
            _ => DOWN,
        }
    }

    /// Pulses since RESET that bring the mean cell to a conductance, S.
    pub(super) fn count_at(&self, g_s: f32) -> u8 {
        self.starts.partition_point(|start| g_s >= *start).saturating_sub(1).min(255) as u8
    }

    /// Pulses since RESET, after `count` of `stimulus`.
    pub(super) fn count_after(&self, before: u8, stimulus: u16, count: u16) -> u8 {
        if self.has_cycles() {
            self.direction(stimulus)
        } else if stimulus == 1 {
            0
        } else {
            before.saturating_add(count.min(255) as u8)
        }
    }

    /// Decay time of the hidden state, where there is one, s.
    pub(super) fn tau_s(&self) -> Option<f64> {
        match &self.law {
            Pulse::SecondOrder(law) => Some(law.tau_s),
            _ => None,
        }
    }

    pub(super) fn has_write_noise(&self) -> bool {
        self.law.steps().is_some_and(|s| s.write_noise != 0.0)
    }

    /// One pulse of each cell of a block.
    pub(super) fn pulse(&self, model: &Model, stimulus: u16, mut cells: Cells, rooms: &mut Rooms) {
        let n = cells.g.len();
        let steps = model.key.stream(Purpose::PulseStep, 0);
        match (&self.law, &self.set) {
            (Pulse::Accumulate(a), Some(set)) => {
                let xi = &mut rooms.xi[..n];
                cells.place.by_pulse(steps, &mut rooms.numbers, xi);
                if stimulus == 1 {
                    let (mean, sd) = (a.reset_g_s as f32, a.reset_sd_s as f32);
                    formulas::reset(mean, sd, set.low, set.high, xi, cells.g);
                    cells.history.fill(0);
                } else if cells.history.is_empty() {
                    let memory = formulas::memory(set, cells.history_same.saturating_add(1));
                    formulas::set_alike(set, memory, xi, cells.g);
                } else {
                    formulas::set_each(set, cells.history, xi, cells.g);
                }
            }
            (Pulse::Table(t), _) => self.tabulated(model, t, stimulus, &mut cells, rooms),
            (law, _) => {
                if let Some(s) = law.steps() {
                    self.step(model, s, stimulus, &mut cells, rooms);
                }
            }
        }
        if model.keeps_anew() && !cells.kept.is_empty() {
            let z = &mut rooms.z[..n];
            if model.keeps_random() {
                let stream = model.key.child("pulse", 0).stream(model.kept_purpose(), 0);
                cells.place.by_pulse(stream, &mut rooms.numbers, z);
            }
            model.keep_anew(&mut rooms.x, cells.g, z, cells.kept);
        }
    }

    /// A step of a table.
    fn tabulated(&self, model: &Model, t: &PulseTable, stimulus: u16, cells: &mut Cells, rooms: &mut Rooms) {
        let (Some(row), Some([mean, spread])) =
            (t.stimuli.get(usize::from(stimulus)), self.tables.get(usize::from(stimulus)))
        else {
            return;
        };
        let n = cells.g.len();
        let place = cells.place;
        let Rooms { w, xi, z, step, other, low, high, own, numbers, .. } = rooms;
        let (xi, z, step, sd) = (&mut xi[..n], &mut z[..n], &mut step[..n], &mut other[..n]);
        let (y, low, high, own) = (&mut w[..n], &mut low[..n], &mut high[..n], &mut own[..n]);
        let up = row.raises();
        let cycles = t.has_cycles();
        if cycles {
            let direction = self.direction(stimulus);
            let same = cells.history_same;
            for (i, train) in cells.hidden.iter_mut().enumerate() {
                let last = cells.history.get(i).copied().unwrap_or(same);
                if last != direction {
                    *train = if *train >= MOST_TRAINS { 0.0 } else { *train + 1.0 };
                }
            }
            cells.history.fill(direction);
        }
        let of_device = model.key.stream(Purpose::PulseSpread, 0);
        let of_train = |kind: u64| model.key.child("train", kind).stream(Purpose::Cycle, 0);
        low.fill(self.range[0]);
        high.fill(self.range[1]);
        if let Some(b) = &t.bounds {
            let ends = [
                (b.low_d2d, b.low_c2c, draw::LOW, up, &mut *low),
                (b.high_d2d, b.high_c2c, draw::HIGH, !up, &mut *high),
            ];
            for (d2d, c2c, event, before, end) in ends {
                if d2d != 0.0 {
                    place.by_cell(of_device, event, numbers, z);
                    formulas::scatter((d2d * t.unit_s) as f32, z, end);
                }
                if c2c != 0.0 {
                    // The end that this train comes from is that of the last one.
                    let by = if before { -1.0 } else { 0.0 };
                    place.by_train(of_train(u64::from(event)), cells.hidden, by, numbers, z);
                    formulas::scatter((c2c * t.unit_s) as f32, z, end);
                }
            }
            formulas::apart(self.range, low, high);
        }
        formulas::places(low, high, cells.g, y);
        formulas::over(mean, y, step);
        if spread.is_empty() {
            sd.fill(0.0);
            xi.fill(0.0);
        } else {
            formulas::over(spread, y, sd);
            place.by_pulse(model.key.stream(Purpose::PulseStep, 0), numbers, xi);
        }
        own.fill(1.0);
        if row.d2d != 0.0 {
            place.by_cell(of_device, draw::TABLE + u32::from(stimulus), numbers, z);
            formulas::scatter(row.d2d as f32, z, own);
        }
        if row.cycle != 0.0 {
            let kind = u64::from(draw::TABLE) + u64::from(stimulus);
            place.by_train(of_train(kind), cells.hidden, 0.0, numbers, z);
            formulas::scatter(row.cycle as f32, z, own);
        }
        let unit = t.unit_s as f32 / (self.range[1] - self.range[0]);
        formulas::add_step(unit, low, high, own, step, sd, xi, cells.g);
    }

    /// D of each cell in one direction.
    fn deltas(
        &self,
        model: &Model,
        s: &Steps,
        is_up: bool,
        place: &Place,
        room: [&mut [f32]; 2],
        numbers: &mut [u32],
        out: &mut [f32],
    ) {
        let [gain, r] = room;
        let bias = if is_up { s.up_down.min(0.0) } else { -s.up_down.max(0.0) };
        if s.d2d.step == 0.0 && s.d2d.up_down == 0.0 {
            return out.fill((s.step * (1.0 + bias).abs()) as f32);
        }
        let spread = model.key.stream(Purpose::PulseSpread, 0);
        for (sd, event, z) in [(s.d2d.step, draw::GAIN, &mut *gain), (s.d2d.up_down, draw::UP_DOWN, &mut *r)]
        {
            if sd == 0.0 {
                z.fill(0.0);
            } else {
                place.by_cell(spread, event, numbers, z);
            }
        }
        let sd = [s.d2d.step as f32, if is_up { s.d2d.up_down } else { -s.d2d.up_down } as f32];
        formulas::deltas(s.step as f32, bias as f32, sd, s.d2d.lognormal, gain, r, out);
    }

    /// A step of the laws in units of weight.
    fn step(&self, model: &Model, s: &Steps, stimulus: u16, cells: &mut Cells, rooms: &mut Rooms) {
        let n = cells.g.len();
        let place = cells.place;
        let spread = model.key.stream(Purpose::PulseSpread, 0);
        let Rooms { w, xi, z, delta, other, low, high, own, step, numbers, .. } = rooms;
        let (w, xi, z, delta, other) =
            (&mut w[..n], &mut xi[..n], &mut z[..n], &mut delta[..n], &mut other[..n]);
        let (low, high, own, step) = (&mut low[..n], &mut high[..n], &mut own[..n], &mut step[..n]);
        if let (Pulse::SecondOrder(law), 2) = (&self.law, stimulus) {
            return formulas::facilitate(0.0, law.prime as f32, cells.decay, cells.hidden, step);
        }
        let is_up = stimulus == 0;
        let has_own_state = self.has_write_noise();
        formulas::weights(self.scale, if has_own_state { cells.hidden } else { cells.g }, w);
        self.deltas(model, s, is_up, &place, [&mut *z, &mut *xi], numbers, delta);
        for (mean, sd, event, bound) in
            [(s.w_max, s.d2d.w_max, draw::W_MAX, &mut *high), (s.w_min, s.d2d.w_min, draw::W_MIN, &mut *low)]
        {
            if sd == 0.0 {
                bound.fill(mean as f32);
            } else {
                place.by_cell(spread, event, numbers, bound);
                formulas::bounds(mean as f32, sd as f32, bound);
            }
        }
        let either = |[up, down]: [f64; 2]| if is_up { up } else { down } as f32;
        let mut own_gamma = |mean: f32, sd: f64, numbers: &mut [u32]| {
            if sd == 0.0 {
                own.fill(mean);
            } else {
                place.by_cell(spread, draw::GAMMA + u32::from(!is_up), numbers, own);
                formulas::drawn(mean, sd as f32, own);
            }
        };
        let mut scatter = Scatter {
            c2c: s.c2c as f32,
            additive: false,
            offset: 0.0,
            slope: 0.0,
            shape: s.shape as f32,
            middle: self.middle,
            sign: if is_up { 1.0 } else { -1.0 },
        };
        match &self.law {
            Pulse::LinearStep { gamma_up, gamma_down, gamma_d2d, additive, .. } => {
                scatter.additive = *additive;
                own_gamma(either([*gamma_up, *gamma_down]), *gamma_d2d, numbers);
                formulas::linear(own, either([s.w_max, s.w_min]), w, delta, step);
            }
            Pulse::SoftBounds { additive, .. } => {
                scatter.additive = *additive;
                formulas::soft(if is_up { high } else { low }, w, delta, step);
            }
            Pulse::SecondOrder(law) => {
                formulas::soft(if is_up { high } else { low }, w, delta, step);
                let (f, rise) = (law.facilitation as f32, law.rise as f32);
                formulas::mix(scatter.shape, scatter.middle, delta, step);
                scatter.shape = 1.0;
                formulas::facilitate(f, rise, cells.decay, cells.hidden, step);
            }
            Pulse::SoftBoundsReference { reference, reference_d2d, symmetric, additive, .. } => {
                scatter.additive = *additive;
                if *reference_d2d == 0.0 {
                    own.fill(*reference as f32);
                } else {
                    place.by_cell(spread, draw::REFERENCE, numbers, own);
                    formulas::drawn(*reference as f32, *reference_d2d as f32, own);
                }
                if *symmetric {
                    self.deltas(model, s, !is_up, &place, [&mut *z, &mut *xi], numbers, other);
                    let (up, down) = if is_up { (&*delta, &*other) } else { (&*other, &*delta) };
                    formulas::add_symmetry(up, down, low, high, own);
                }
                formulas::shift(1.0, own, w);
                formulas::soft(if is_up { high } else { low }, w, delta, step);
                for v in [&mut *w, &mut *low, &mut *high] {
                    formulas::shift(-1.0, own, v);
                }
            }
            Pulse::ExpStep {
                a_up, a_down, gamma_up, gamma_down, a, b, noise_offset, noise_slope, ..
            } => {
                (scatter.offset, scatter.slope) = (*noise_offset as f32, *noise_slope as f32);
                let (amplitude, gamma) = (either([*a_up, *a_down]), either([*gamma_up, -gamma_down]));
                formulas::exponential([*a as f32, *b as f32], amplitude, gamma, low, high, w, delta, step);
            }
            Pulse::PowStep { gamma_up, gamma_down, gamma_d2d, .. } => {
                let mean = either([*gamma_up, *gamma_down]);
                own_gamma(mean, gamma_d2d * f64::from(mean), numbers);
                formulas::power(is_up, own, low, high, w, delta, step);
            }
            Pulse::PiecewiseStep { .. } => {
                if let Some([up, down]) = self.tables.first() {
                    formulas::piecewise(if is_up { up } else { down }, low, high, w, delta, step);
                }
            }
            Pulse::ConstantStep { .. } | Pulse::Accumulate(_) | Pulse::Table(_) => {
                step.copy_from_slice(delta)
            }
        }
        if scatter.shape != 1.0 {
            formulas::mix(scatter.shape, scatter.middle, delta, step);
        }
        if s.c2c == 0.0 {
            xi.fill(0.0);
        } else {
            place.by_pulse(model.key.stream(Purpose::PulseStep, 0), numbers, xi);
        }
        if has_own_state {
            formulas::advance(self.scale, scatter, xi, w, delta, step, low, high, cells.hidden);
            place.by_pulse(model.key.stream(Purpose::WriteNoise, 0), numbers, z);
            let sd = (s.write_noise * s.step) as f32 * self.scale.k;
            formulas::show(sd, cells.hidden, z, cells.g);
        } else {
            // The mark of a stuck cell stays because `show` keeps it.
            own.iter_mut().zip(&*cells.g).for_each(|(own, g)| *own = g.abs());
            formulas::advance(self.scale, scatter, xi, w, delta, step, low, high, own);
            formulas::show(0.0, own, xi, cells.g);
        }
    }
}
