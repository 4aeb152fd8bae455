//! A cell's laws in the form that the kernels take, and the passes over one piece of an array.

use neurohm_num::{Key, Purpose, Stream};

use super::kernel;
use super::pulses::PulseModel;
use super::telegraph::Telegraph;
use crate::aspect::{Anchor, Endurance, Noise, Retention, StuckAt, Write};
use crate::law::{Amplitude, Argument, BLOCK, Curve, Deviation};
use crate::one_over_f;
use crate::spec::CellSpec;

/// All laws of a cell.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub g_min: f32,
    pub g_max: f32,
    /// The same range as described, S.
    pub range_s: [f64; 2],
    d2d: Option<WriteModel>,
    c2c: Option<WriteModel>,
    retention: RetentionModel,
    pub noise: Option<NoiseModel>,
    telegraph: Option<Telegraph>,
    pub pulse: Option<PulseModel>,
    pub endurance: Option<Endurance>,
    pub stuck: Vec<StuckAt>,
    pub key: Key,
}

#[derive(Clone, Debug)]
struct WriteModel {
    amplitude: Amplitude,
    lognormal: bool,
}

#[derive(Clone, Debug)]
enum RetentionModel {
    None,
    /// Exponents are kept in steps of `nu_step`.
    PowerLaw {
        t0_s: f64,
        nu_mean: Curve,
        nu_spread: Curve,
        nu_step: f32,
    },
    Logarithmic {
        from_s: f64,
        shift: [f64; 2],
        spread: [f64; 2],
    },
    Measured {
        scale: f32,
        anchors: Vec<Anchor>,
    },
}

/// Read noise; without `t_read_s` it is white.
#[derive(Clone, Debug)]
pub(super) struct NoiseModel {
    amplitude: Amplitude,
    pub t_read_s: Option<f64>,
}

/// The instant of an observation and what follows from it alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Snapshot {
    pub age_s: f64,
    pub window_s: Option<f64>,
    /// Standard deviation of the noise that a read sees, in units of the amplitude.
    pub slow_factor: f64,
    /// Standard deviation of the noise that it does not see.
    pub fast_factor: f64,
}

/// Streams of one programming.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProgramStreams {
    pub d2d: Stream,
    pub c2c: Stream,
    pub kept: Stream,
    pub stuck: Stream,
    /// Without errors of programming.
    pub exact: bool,
}

/// One step of the standardised noise: z becomes rho z + sqrt(1 - rho^2) xi.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub stream: Stream,
    correlation: f32,
    innovation: f32,
    /// Time since the observation before, infinite if there was none.
    pub dt_s: f64,
}

impl Walk {
    pub(super) fn new(stream: Stream, correlation: f64, dt_s: f64) -> Walk {
        let innovation = ((1.0 - correlation) * (1.0 + correlation)).sqrt();
        Walk { stream, correlation: correlation as f32, innovation: innovation as f32, dt_s }
    }
}

/// Walks the noise of a block of cells, at most [`BLOCK`], whose first is `first`; leaves its values in `z` too.
fn walk_gaussian(walk: &Walk, first: u64, noise: &mut [i16], z: &mut [f32]) {
    if walk.correlation == 0.0 {
        walk.stream.fill_normal(first, z);
    } else {
        let mut xi = [0_f32; BLOCK];
        let xi = &mut xi[..noise.len()];
        walk.stream.fill_normal(first, xi);
        kernel::mix(walk.correlation, walk.innovation, xi, noise, z);
    }
    kernel::keep(z, noise);
}

/// The noise of a piece: as it was kept, or to be walked on the way.
pub(super) enum Noises<'a> {
    Kept(u64, &'a [i16]),
    Walked(&'a Walk, u64, &'a mut [i16]),
}

impl Noises<'_> {
    /// Standardised noise of the `i`-th block into `z`; false where the device has none.
    fn block(&mut self, model: &Model, i: usize, z: &mut [f32]) -> bool {
        match self {
            Noises::Kept(_, []) => return false,
            Noises::Kept(first, noise) => {
                let noise = &noise[i * BLOCK..][..z.len()];
                match &model.telegraph {
                    Some(trap) => trap.levels(*first + (i * BLOCK) as u64, noise, z),
                    None => kernel::kept(noise, z),
                }
            }
            Noises::Walked(step, first, noise) => {
                let noise = &mut noise[i * BLOCK..][..z.len()];
                model.walk(step, *first + (i * BLOCK) as u64, noise, z);
            }
        }
        true
    }
}

/// Steps in which a cell's drift exponent is kept: 32767 of them reach to seven standard deviations above the mean,
/// wherever that is highest. For the `pcm` preset a step is 1.3e-5, which shifts a conductance by at most 1e-4 of itself
/// in a year. Exponents above 2 are held there; nothing is left of such a cell after an hour.
fn nu_step(mean: &Curve, spread: &Curve) -> f32 {
    let highest = |x: f64| mean.value(x).abs() + 7.0 * spread.value(x).abs();
    let bound = (0..=1000).map(|i| highest(f64::from(i) / 1000.0)).fold(0.0, f64::max);
    (bound.clamp(1e-6, 2.0) / f64::from(i16::MAX)) as f32
}

impl Model {
    /// Walks the noise of a block of cells, at most [`BLOCK`], whose first is `first`; leaves its values in `z` too.
    pub(super) fn walk(&self, step: &Walk, first: u64, noise: &mut [i16], z: &mut [f32]) {
        match &self.telegraph {
            Some(trap) => {
                trap.walk(step, first, noise, z);
                trap.levels(first, noise, z);
            }
            None => walk_gaussian(step, first, noise, z),
        }
    }

    /// Whether cells keep a number for their noise.
    pub(super) fn has_noise(&self) -> bool {
        self.noise.is_some() || self.telegraph.is_some()
    }

    pub(super) fn new(spec: &CellSpec, key: Key) -> Model {
        let write = |d: Option<&Deviation>| {
            d.map(|d| WriteModel {
                amplitude: d.amplitude(spec.g_max_s),
                lognormal: matches!(d, Deviation::Lognormal { .. }),
            })
        };
        let (c2c, d2d) = spec.write.as_ref().map_or((None, None), Write::deviations);
        let retention = match &spec.retention {
            None | Some(Retention::Ideal {}) => RetentionModel::None,
            Some(r) if !r.has_mean() && !r.has_spread() => RetentionModel::None,
            Some(Retention::PowerLaw { t0_s, nu_mean, nu_spread }) => RetentionModel::PowerLaw {
                t0_s: *t0_s,
                nu_mean: nu_mean.clone(),
                nu_spread: nu_spread.clone(),
                nu_step: nu_step(nu_mean, nu_spread),
            },
            Some(Retention::Logarithmic { from_s, shift_s, shift_per_ln_s, spread_s, spread_per_ln_s }) => {
                RetentionModel::Logarithmic {
                    from_s: *from_s,
                    shift: [*shift_s, *shift_per_ln_s],
                    spread: [*spread_s, *spread_per_ln_s],
                }
            }
            Some(Retention::Measured { unit_s, fitted_g_max_s, anchors }) => RetentionModel::Measured {
                scale: (unit_s * spec.g_max_s / fitted_g_max_s) as f32,
                anchors: anchors.clone(),
            },
        };
        let noise = spec.noise.as_ref().and_then(|noise| {
            let t_read_s = match noise {
                Noise::OneOverF { t_read_s, .. } => Some(*t_read_s),
                _ => None,
            };
            Some(NoiseModel { amplitude: noise.amplitude()?.amplitude(spec.g_max_s), t_read_s })
        });
        let stuck = spec.faults.as_ref().map(|f| f.kinds(spec.g_min_s, spec.g_max_s)).unwrap_or_default();
        Model {
            g_min: spec.g_min_s as f32,
            g_max: spec.g_max_s as f32,
            range_s: [spec.g_min_s, spec.g_max_s],
            d2d: write(d2d),
            c2c: write(c2c),
            retention,
            noise,
            telegraph: spec.noise.as_ref().and_then(|noise| Telegraph::new(noise, spec.g_max_s, key)),
            pulse: spec.pulse.as_ref().map(|law| PulseModel::new(law, spec)),
            endurance: spec.endurance.clone().filter(|e| !e.is_ideal()),
            stuck,
            key,
        }
    }

    /// Whether retention keeps a number for each cell.
    pub(super) fn has_kept(&self) -> bool {
        !matches!(self.retention, RetentionModel::None)
    }

    /// What one of the steps is worth in which that number is kept.
    #[cfg(test)]
    pub(super) fn kept_step(&self) -> f32 {
        match self.retention {
            RetentionModel::PowerLaw { nu_step, .. } => nu_step,
            _ => kernel::STEP,
        }
    }

    pub(super) fn kept_purpose(&self) -> Purpose {
        match self.retention {
            RetentionModel::PowerLaw { .. } => Purpose::DriftExponent,
            _ => Purpose::Relaxation,
        }
    }

    /// What an observation at `age_s` through `window_s` sees of the noise.
    pub(super) fn snapshot(&self, age_s: f64, window_s: Option<f64>) -> Snapshot {
        let (slow, fast) = match &self.noise {
            None if self.telegraph.is_some() => (1.0, 0.0),
            None => (0.0, 0.0),
            Some(NoiseModel { t_read_s: None, .. }) => {
                if window_s.is_some() {
                    (0.0, 1.0)
                } else {
                    (1.0, 0.0)
                }
            }
            Some(NoiseModel { t_read_s: Some(t), .. }) => {
                let all = one_over_f::variance(age_s, *t);
                let slow = window_s.map_or(all, |w| one_over_f::variance(age_s, w.max(*t)));
                (slow, (all - slow).max(0.0))
            }
        };
        Snapshot { age_s, window_s, slow_factor: slow.sqrt(), fast_factor: fast.sqrt() }
    }

    /// Programs a piece whose first cell is `first`.
    pub(super) fn program(
        &self,
        s: &ProgramStreams,
        first: u64,
        target: &[f32],
        g: &mut [f32],
        kept: &mut [i16],
    ) {
        let mut z = [0_f32; BLOCK];
        let mut a = [0_f32; BLOCK];
        let mut x = Argument::new();
        let mut kept_blocks = kept.chunks_mut(BLOCK);
        for (i, (target, g)) in target.chunks(BLOCK).zip(g.chunks_mut(BLOCK)).enumerate() {
            let first = first + (i * BLOCK) as u64;
            let n = g.len();
            let (z, a) = (&mut z[..n], &mut a[..n]);
            kernel::clamp(target, self.g_min, self.g_max, g);
            for (write, stream) in [(&self.d2d, s.d2d), (&self.c2c, s.c2c)] {
                let Some(write) = write.as_ref().filter(|_| !s.exact) else { continue };
                stream.fill_normal(first, z);
                if write.lognormal {
                    kernel::multiply_lognormal(write.amplitude.scale, z, g);
                } else {
                    write.amplitude.fill(&mut x, target, a);
                    kernel::add_deviation(write.amplitude.scale, write.amplitude.relative, target, a, z, g);
                }
            }
            kernel::clamp_low(g);
            let kept = kept_blocks.next().unwrap_or_default();
            if self.keeps_random() {
                s.kept.fill_normal(first, z);
            }
            self.keep_anew(&mut x, target, z, kept);
            if !self.stuck.is_empty() {
                s.stuck.fill_uniform(first, z);
                self.stick(z, g);
            }
        }
    }

    /// Whether what retention keeps of a cell takes a random number.
    pub(super) fn keeps_random(&self) -> bool {
        match &self.retention {
            RetentionModel::None => false,
            RetentionModel::PowerLaw { nu_spread, .. } => !nu_spread.is_zero(),
            _ => true,
        }
    }

    /// Whether a cell that is written anew keeps another number than before.
    pub(super) fn keeps_anew(&self) -> bool {
        match &self.retention {
            RetentionModel::None => false,
            RetentionModel::PowerLaw { nu_mean, nu_spread, .. } => {
                !nu_spread.is_zero() || !matches!(nu_mean, Curve::Constant(_))
            }
            _ => true,
        }
    }

    /// What retention keeps of a block of cells, at most [`BLOCK`], that were written with conductances `g`, by their
    /// standard normal numbers `z` (see [`Self::keeps_random`]).
    pub(super) fn keep_anew(&self, x: &mut Argument, g: &[f32], z: &mut [f32], kept: &mut [i16]) {
        match &self.retention {
            RetentionModel::None => {}
            RetentionModel::PowerLaw { nu_mean, nu_spread, nu_step, .. } => {
                let mut a = [0_f32; BLOCK];
                let mut b = [0_f32; BLOCK];
                let (a, b) = (&mut a[..g.len()], &mut b[..g.len()]);
                let x = x.set(g, 1.0 / self.g_max);
                nu_mean.fill(x, a);
                nu_spread.fill(x, b);
                kernel::exponent(*nu_step, a, b, z, kept);
            }
            _ => kernel::keep(z, kept),
        }
    }

    /// Replaces the conductance of stuck cells and marks them by the sign bit. `u` is uniform in (0, 1); each kind
    /// owns the part of it that follows those of the kinds before.
    pub(super) fn stick(&self, u: &[f32], g: &mut [f32]) {
        let mut end: f64 = self.stuck.iter().map(|kind| kind.fraction).sum();
        for kind in self.stuck.iter().rev() {
            kernel::stick(end as f32, -(kind.g_s as f32).abs(), u, g);
            end -= kind.fraction;
        }
    }

    /// Conductances of a piece after retention, without noise; stuck cells keep their mark.
    fn retained(&self, age_s: f64, x: &mut Argument, g: &[f32], kept: &[i16], out: &mut [f32]) {
        match &self.retention {
            RetentionModel::None => out.copy_from_slice(g),
            RetentionModel::PowerLaw { t0_s, nu_step, .. } => {
                let ln = (age_s / t0_s).max(1.0).ln() * f64::from(*nu_step);
                kernel::drift(ln as f32, kept, g, out);
            }
            RetentionModel::Logarithmic { from_s, shift, spread } => {
                let ln = (age_s / from_s).max(1.0).ln();
                let (shift, spread) = (shift[0] + shift[1] * ln, (spread[0] + spread[1] * ln).max(0.0));
                kernel::relax_alike(shift as f32, spread as f32, kept, g, out);
            }
            RetentionModel::Measured { scale, anchors } => {
                let mut shift = [0_f32; BLOCK];
                let mut spread = [0_f32; BLOCK];
                let mut y = [0_f32; BLOCK];
                let n = g.len();
                let x = x.set(g, 1.0 / self.g_max);
                for (anchor, weight) in anchors.iter().zip(Retention::weights(anchors, age_s)) {
                    if weight == 0.0 {
                        continue;
                    }
                    if let Some(curve) = &anchor.shift {
                        curve.fill(x, &mut y[..n]);
                        kernel::add_scaled(weight as f32, &y[..n], &mut shift[..n]);
                    }
                    anchor.spread.fill(x, &mut y[..n]);
                    kernel::add_scaled(weight as f32, &y[..n], &mut spread[..n]);
                }
                kernel::relax(*scale, &shift[..n], &spread[..n], kept, g, out);
            }
        }
    }

    /// What a read sees of a piece, S.
    pub(super) fn conductances(
        &self,
        at: &Snapshot,
        g: &[f32],
        kept: &[i16],
        mut noise: Noises,
        out: &mut [f32],
    ) {
        let mut a = [0_f32; BLOCK];
        let mut z = [0_f32; BLOCK];
        let mut x = Argument::new();
        let mut kept = kept.chunks(BLOCK);
        for (i, (g, out)) in g.chunks(BLOCK).zip(out.chunks_mut(BLOCK)).enumerate() {
            let kept = kept.next().unwrap_or_default();
            let (a, z) = (&mut a[..g.len()], &mut z[..g.len()]);
            let known = noise.block(self, i, z);
            self.retained(at.age_s, &mut x, g, kept, out);
            match &self.noise {
                _ if known && self.telegraph.is_some() => {
                    if let Some(trap) = &self.telegraph {
                        trap.amplitude.fill(&mut x, g, a);
                        kernel::add_noise(1.0, true, a, z, g, out);
                    }
                }
                Some(model) if known && at.slow_factor > 0.0 => {
                    model.amplitude.fill(&mut x, g, a);
                    let scale = (f64::from(model.amplitude.scale) * at.slow_factor) as f32;
                    kernel::add_noise(scale, model.amplitude.relative, a, z, g, out);
                }
                _ => kernel::finish(g, out),
            }
        }
    }

    /// Variance of what a read does not see of a piece, S^2.
    pub(super) fn read_variance(&self, at: &Snapshot, g: &[f32], kept: &[i16], out: &mut [f32]) {
        let Some(model) = &self.noise else { return out.fill(0.0) };
        let mut a = [0_f32; BLOCK];
        let mut x = Argument::new();
        let mut kept = kept.chunks(BLOCK);
        let scale = (f64::from(model.amplitude.scale) * at.fast_factor) as f32;
        for (g, out) in g.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
            let a = &mut a[..g.len()];
            self.retained(at.age_s, &mut x, g, kept.next().unwrap_or_default(), out);
            model.amplitude.fill(&mut x, g, a);
            kernel::noise_variance(scale, model.amplitude.relative, a, g, out);
        }
    }
}
