//! Random telegraph noise of many cells: a two-state Markov process each, walked exactly from one observation to the
//! next.

use neurohm_num::simd::math;
use neurohm_num::{Key, Purpose, Stream, dispatch};

use super::model::Walk;
use crate::aspect::Noise;
use crate::law::{Amplitude, BLOCK, Deviation};

/// The traps of an array's cells.
#[derive(Clone, Debug)]
pub(super) struct Telegraph {
    /// Median of the relative step between the levels.
    pub amplitude: Amplitude,
    sigma: f32,
    /// ln(tau) at its shortest, and how far it reaches from there.
    ln_tau: [f32; 2],
    occupancy: [f32; 2],
    step: Stream,
    time: Stream,
    filling: Stream,
}

impl Telegraph {
    /// None for another noise, or one without amplitude.
    pub(super) fn new(noise: &Noise, g_max_s: f64, key: Key) -> Option<Telegraph> {
        let Noise::Telegraph { amplitude, sigma, tau_low_s, tau_high_s, occupancy_low, occupancy_high } =
            noise
        else {
            return None;
        };
        let amplitude = Deviation::Relative { curve: amplitude.clone() };
        let stream = |event| key.stream(Purpose::Trap, event);
        (!amplitude.is_zero()).then(|| Telegraph {
            amplitude: amplitude.amplitude(g_max_s),
            sigma: *sigma as f32,
            ln_tau: [libm::log(*tau_low_s) as f32, libm::log(tau_high_s / tau_low_s) as f32],
            occupancy: [*occupancy_low as f32, (occupancy_high - occupancy_low) as f32],
            step: stream(0),
            time: stream(1),
            filling: stream(2),
        })
    }

    /// Moves the traps of a block of cells from one observation to the next; `z` is room for as many numbers.
    pub(super) fn walk(&self, walk: &Walk, first: u64, filled: &mut [i16], z: &mut [f32]) {
        let mut rooms = [[0_f32; BLOCK]; 2];
        let [tau, p] = &mut rooms;
        let (tau, p) = (&mut tau[..filled.len()], &mut p[..filled.len()]);
        self.time.fill_uniform(first, tau);
        self.filling.fill_uniform(first, p);
        walk.stream.fill_uniform(first, z);
        let never_seen = !walk.dt_s.is_finite();
        let dt_s = if never_seen { 0.0 } else { walk.dt_s };
        turn(self.ln_tau, self.occupancy, dt_s as f32, never_seen, tau, p, z, filled);
    }

    /// (p - s) times each device's own factor, of a block of cells.
    pub(super) fn levels(&self, first: u64, filled: &[i16], z: &mut [f32]) {
        let mut rooms = [[0_f32; BLOCK]; 2];
        let [p, ln] = &mut rooms;
        let (p, ln) = (&mut p[..filled.len()], &mut ln[..filled.len()]);
        self.filling.fill_uniform(first, p);
        if self.sigma > 0.0 {
            self.step.fill_normal(first, ln);
        }
        levels(self.occupancy, self.sigma, p, ln, filled, z);
    }
}

dispatch! {
    /// A trap turns with the probability (1 - exp(-dt / tau)) times the equilibrium one of its other state.
    fn turn(
        ln_tau: [f32; 2],
        occupancy: [f32; 2],
        dt_s: f32,
        never_seen: bool,
        tau: &[f32],
        p: &[f32],
        u: &[f32],
        filled: &mut [i16],
    ) {
        for (((filled, tau), p), u) in filled.iter_mut().zip(tau).zip(p).zip(u) {
            let p = occupancy[0] + occupancy[1] * p;
            let x = math::min(dt_s * math::exp(-(ln_tau[0] + ln_tau[1] * tau)), 80.0);
            // 1 - exp(-x); the series where the difference would cancel.
            let small = x * (1.0 - x * (0.5 - x * (1.0 / 6.0)));
            let large = 1.0 - math::exp_moderate(-x);
            let forgets = if x < 0.01 { small } else { large };
            let other = if *filled == 1 { 1.0 - p } else { p };
            let turned = *u < forgets * other;
            let walked = if turned { 1 - *filled } else { *filled };
            let begun = i16::from(*u < p);
            *filled = if never_seen { begun } else { walked };
        }
    }

    fn levels(occupancy: [f32; 2], sigma: f32, p: &[f32], ln: &[f32], filled: &[i16], z: &mut [f32]) {
        for (((z, p), ln), filled) in z.iter_mut().zip(p).zip(ln).zip(filled) {
            let p = occupancy[0] + occupancy[1] * p;
            *z = (p - f32::from(*filled)) * math::exp_moderate(sigma * ln);
        }
    }
}
