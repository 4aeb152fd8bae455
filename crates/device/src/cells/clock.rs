//! How far activated retention has come since programming, over steps of temperature.

use crate::aspect::{Activated, climb};

/// Levels at which the front of the loss is kept. Between them it is linear in G / g_max: with barriers that differ by
/// 0.3 eV from end to end the error stays below 1 meV at 300 K.
const LEVELS: usize = 32;

/// The fronts of [`Activated`], eV. A step of time at any temperature takes them on by the same few operations, however
/// many steps there were.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clock {
    pub relaxation_ev: f64,
    loss_ev: [f64; LEVELS],
}

impl Clock {
    /// Lets `dt_s` pass at `t_k`.
    pub(super) fn advance(&mut self, law: &Activated, dt_s: f64, t_k: f64) {
        let attempt_s = law.attempt_time_s;
        self.relaxation_ev = climb(self.relaxation_ev, law.relaxation_energy_ev, attempt_s, dt_s, t_k);
        let Some(loss) = &law.loss else { return };
        for (i, front_ev) in self.loss_ev.iter_mut().enumerate() {
            let barrier_ev = loss.barrier_ev(i as f64 / (LEVELS - 1) as f64);
            *front_ev = climb(*front_ev, barrier_ev, attempt_s, dt_s, t_k);
        }
    }

    /// The front of the loss, times `scale` per eV, at levels `g` `per_s`.
    pub(super) fn loss_fronts(&self, scale: f64, g: &[f32], per_s: f32, out: &mut [f32]) {
        let mut table = [0_f32; LEVELS + 1];
        table.iter_mut().zip(&self.loss_ev).for_each(|(t, f)| *t = (f * scale) as f32);
        table[LEVELS] = table[LEVELS - 1];
        let per_s = per_s * (LEVELS - 1) as f32;
        for (out, g) in out.iter_mut().zip(g) {
            let at = (g * per_s).clamp(0.0, (LEVELS - 1) as f32);
            let i = at as usize;
            let part = at - i as f32;
            *out = table[i] + part * (table[i + 1] - table[i]);
        }
    }
}
