//! Passes over a block of pulsed cells, compiled for every instruction set.

use neurohm_num::dispatch;
use neurohm_num::simd::math::{exp, exp_moderate, max, min};

use crate::law::step;

/// What turns steps into conductances: G = g0 + (w - w0) k.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub g0: f32,
    pub w0: f32,
    /// S per unit of weight.
    pub k: f32,
    pub per_k: f32,
}

/// How a step scatters, and how much of the law's shape it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scatter {
    pub c2c: f32,
    pub additive: bool,
    pub offset: f32,
    pub slope: f32,
    pub shape: f32,
    /// The law's step at mid-range, in units of D.
    pub middle: f32,
    /// 1 for up, -1 for down.
    pub sign: f32,
}

/// Parameters of a SET pulse of an accumulating cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Set {
    pub per_memory: f32,
    pub mean: [f32; 3],
    pub sd: [f32; 3],
    pub low: f32,
    pub high: f32,
}

#[inline(always)]
fn set(p: &Set, memory: f32, xi: f32, old: f32) -> f32 {
    let mean = p.mean[0] * old + p.mean[1] + p.mean[2] * memory;
    let sd = max(p.sd[0] * old + p.sd[1] + p.sd[2] * memory, 0.0);
    let new = min(max(old + mean + sd * xi, p.low), p.high);
    if old.is_sign_negative() { old } else { new }
}

dispatch! {
    /// Weights of cells in a state, of which a mark on G does not count.
    pub(super) fn weights(s: Scale, state: &[f32], w: &mut [f32]) {
        for (w, g) in w.iter_mut().zip(state) {
            *w = s.w0 + (g.abs() - s.g0) * s.per_k;
        }
    }

    /// D = mean |bias + gain + r|, with the gain's and the asymmetry's numbers.
    pub(super) fn deltas(mean: f32, bias: f32, sd: [f32; 2], lognormal: bool, gain: &[f32], r: &[f32], d: &mut [f32]) {
        for ((d, gain), r) in d.iter_mut().zip(gain).zip(r) {
            let gain = if lognormal { exp(sd[0] * gain) } else { 1.0 + sd[0] * gain };
            *d = mean * (bias + gain + sd[1] * r).abs();
        }
    }

    /// mean |1 + sd z|.
    pub(super) fn bounds(mean: f32, sd: f32, z: &mut [f32]) {
        for z in z {
            *z = mean * (1.0 + sd * *z).abs();
        }
    }

    /// mean + sd z.
    pub(super) fn drawn(mean: f32, sd: f32, z: &mut [f32]) {
        for z in z {
            *z = mean + sd * *z;
        }
    }

    /// Adds each device's symmetry point (D+ - D-) / (D+ / b_max - D- / b_min), as far as there is one.
    pub(super) fn add_symmetry(up: &[f32], down: &[f32], low: &[f32], high: &[f32], reference: &mut [f32]) {
        for ((((r, u), d), l), h) in reference.iter_mut().zip(up).zip(down).zip(low).zip(high) {
            let slope = u / h - d / l;
            let point = (u - d) / slope;
            *r += if slope > 0.0 { point } else { 0.0 };
        }
    }

    /// Bounds and weights counted from another zero.
    pub(super) fn shift(sign: f32, by: &[f32], values: &mut [f32]) {
        for (v, by) in values.iter_mut().zip(by) {
            *v += sign * by;
        }
    }

    pub(super) fn linear(gamma: &[f32], end: f32, w: &[f32], d: &[f32], out: &mut [f32]) {
        for (((out, gamma), w), d) in out.iter_mut().zip(gamma).zip(w).zip(d) {
            *out = step::linear(*w, *d, gamma.abs(), end);
        }
    }

    pub(super) fn soft(ends: &[f32], w: &[f32], d: &[f32], out: &mut [f32]) {
        for (((out, end), w), d) in out.iter_mut().zip(ends).zip(w).zip(d) {
            *out = step::linear(*w, *d, 1.0, *end);
        }
    }

    pub(super) fn exponential(
        ab: [f32; 2],
        amplitude: f32,
        gamma: f32,
        low: &[f32],
        high: &[f32],
        w: &[f32],
        d: &[f32],
        out: &mut [f32],
    ) {
        for ((((out, low), high), w), d) in out.iter_mut().zip(low).zip(high).zip(w).zip(d) {
            *out = step::exponential(*w, *d, *low, *high, ab, amplitude, gamma);
        }
    }

    pub(super) fn power(
        up: bool,
        gamma: &[f32],
        low: &[f32],
        high: &[f32],
        w: &[f32],
        d: &[f32],
        out: &mut [f32],
    ) {
        for (((((out, gamma), low), high), w), d) in out.iter_mut().zip(gamma).zip(low).zip(high).zip(w).zip(d) {
            *out = step::power(*w, *d, *low, *high, max(*gamma, 0.0), up);
        }
    }

    /// D y(w) with knots between the bounds.
    pub(super) fn piecewise(knots: &[f32], low: &[f32], high: &[f32], w: &[f32], d: &[f32], out: &mut [f32]) {
        for ((((out, low), high), w), d) in out.iter_mut().zip(low).zip(high).zip(w).zip(d) {
            *out = d * step::knots((w - low) / (high - low), knots);
        }
    }

    /// Adds sd z.
    pub(super) fn scatter(sd: f32, z: &[f32], out: &mut [f32]) {
        for (out, z) in out.iter_mut().zip(z) {
            *out += sd * z;
        }
    }

    /// Ends of the range of each device, brought apart by a hundredth of the common one where they meet.
    pub(super) fn apart(range: [f32; 2], low: &mut [f32], high: &mut [f32]) {
        let least = 0.01 * (range[1] - range[0]);
        for (low, high) in low.iter_mut().zip(high) {
            *low = max(*low, 0.0);
            *high = max(*high, *low + least);
        }
    }

    /// Where each cell stands between its ends, 0 to 1.
    pub(super) fn places(low: &[f32], high: &[f32], g: &[f32], out: &mut [f32]) {
        for (((out, g), low), high) in out.iter_mut().zip(g).zip(low).zip(high) {
            *out = (g.abs() - low) / (high - low);
        }
    }

    /// y with knots from 0 to 1.
    pub(super) fn over(knots: &[f32], x: &[f32], out: &mut [f32]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = step::knots(*x, knots);
        }
    }

    /// step (1 + facilitation h), of h that decayed since the last pulse and then rises.
    pub(super) fn facilitate(facilitation: f32, rise: f32, decay: &[f32], h: &mut [f32], step: &mut [f32]) {
        for ((h, decay), step) in h.iter_mut().zip(decay).zip(step) {
            let left = *h * decay;
            *step *= 1.0 + facilitation * left;
            *h = left + rise;
        }
    }

    /// Mixes the law's step with that of mid-range.
    pub(super) fn mix(shape: f32, middle: f32, d: &[f32], step: &mut [f32]) {
        for (step, d) in step.iter_mut().zip(d) {
            *step = shape * *step + (1.0 - shape) * middle * d;
        }
    }

    /// The state after a step of weight: held between the bounds.
    pub(super) fn advance(
        s: Scale,
        n: Scatter,
        xi: &[f32],
        w: &[f32],
        d: &[f32],
        step: &[f32],
        low: &[f32],
        high: &[f32],
        state: &mut [f32],
    ) {
        let cells = state.iter_mut().zip(xi).zip(w).zip(d).zip(step).zip(low).zip(high);
        for ((((((state, xi), w), d), step), low), high) in cells {
            let of_step = step.abs() + n.offset + n.slope * w.abs();
            let sd = n.c2c * if n.additive { *d } else { of_step };
            let moved = *state + s.k * (n.sign * (step + sd * xi));
            let (low, high) = (s.g0 + (low - s.w0) * s.k, s.g0 + (high - s.w0) * s.k);
            *state = min(max(moved, low), high);
        }
    }

    /// What reads see of a state, with write noise; stuck cells stay.
    pub(super) fn show(sd: f32, state: &[f32], z: &[f32], g: &mut [f32]) {
        for ((g, state), z) in g.iter_mut().zip(state).zip(z) {
            let seen = max(state + sd * z, 0.0);
            *g = if g.is_sign_negative() { *g } else { seen };
        }
    }

    /// G plus the step of a table with its gain, held within the device's range; stuck cells stay. `unit` is of the
    /// common range.
    pub(super) fn add_step(unit: f32, low: &[f32], high: &[f32], gain: &[f32], mean: &[f32], sd: &[f32], xi: &[f32], g: &mut [f32]) {
        for ((((((g, gain), mean), sd), xi), low), high) in g.iter_mut().zip(gain).zip(mean).zip(sd).zip(xi).zip(low).zip(high) {
            let moved = *g + unit * (high - low) * (max(*gain, 0.0) * mean + sd * xi);
            *g = if g.is_sign_negative() { *g } else { min(max(moved, *low), *high) };
        }
    }

    /// A SET pulse of cells that all took as many before; `memory` is their P.
    pub(super) fn set_alike(p: &Set, memory: f32, xi: &[f32], g: &mut [f32]) {
        for (g, xi) in g.iter_mut().zip(xi) {
            *g = set(p, memory, *xi, *g);
        }
    }

    /// A SET pulse of cells that took `counts` before, which count on.
    pub(super) fn set_each(p: &Set, counts: &mut [u8], xi: &[f32], g: &mut [f32]) {
        for ((g, xi), n) in g.iter_mut().zip(xi).zip(counts) {
            *n = n.saturating_add(1);
            *g = set(p, exp_moderate(-(f32::from(*n) * p.per_memory)), *xi, *g);
        }
    }

    /// A RESET to mean + sd xi; stuck cells stay.
    pub(super) fn reset(mean: f32, sd: f32, low: f32, high: f32, xi: &[f32], g: &mut [f32]) {
        for (g, xi) in g.iter_mut().zip(xi) {
            let new = min(max(mean + sd * xi, low), high);
            *g = if g.is_sign_negative() { *g } else { new };
        }
    }
}

/// P of the pulse that makes `count` since RESET, as [`set_each`] computes it.
pub(super) fn memory(p: &Set, count: u8) -> f32 {
    exp_moderate(-(f32::from(count) * p.per_memory))
}
