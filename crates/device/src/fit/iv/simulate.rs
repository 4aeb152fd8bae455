//! A model under a measured voltage.

use neurohm_num::Key;

use super::Loop;
use crate::compact::{CellBank, Dynamic};

/// Most halvings of a step that does not converge.
const HALVINGS: u32 = 12;

/// The current at every sample (A, in the data's sign) of a cell that starts unused and follows the measured voltage,
/// which is linear between samples. `steps` of fixed length are taken from one sample to the next: their error is a
/// smooth function of the parameters, which a fit needs, and not controlled, which its end checks.
pub(super) fn simulate(
    model: &Dynamic,
    data: &Loop,
    sign: f64,
    t_k: f64,
    steps: usize,
    out: &mut [f64],
) -> Result<(), String> {
    let mut bank = model.bank(1, Key::root(0)).map_err(|e| e.to_string())?;
    let mut before: Option<(f64, f64)> = None;
    for ((t, v), out) in data.t_s.iter().zip(&data.v).zip(out) {
        let v = sign * v;
        let mut i = [0.0];
        match before {
            None => step(&mut *bank, v, v, 0.0, t_k, 0, &mut i)?,
            Some((t0, v0)) => {
                let dt = (t - t0) / steps as f64;
                let at = |k: usize| v0 + (v - v0) * k as f64 / steps as f64;
                for k in 0..steps {
                    step(&mut *bank, at(k), at(k + 1), dt, t_k, HALVINGS, &mut i)?;
                }
            }
        }
        before = Some((*t, v));
        *out = sign * i[0];
    }
    Ok(())
}

fn step(
    bank: &mut dyn CellBank,
    from: f64,
    to: f64,
    dt: f64,
    t_k: f64,
    halvings: u32,
    i: &mut [f64; 1],
) -> Result<(), String> {
    match bank.solve(&[to], t_k, dt, i, &mut [0.0]) {
        Ok(()) => {
            bank.accept(&[to]);
            Ok(())
        }
        Err((_, e)) if halvings == 0 => Err(e.to_string()),
        Err(_) => {
            let middle = 0.5 * (from + to);
            step(bank, from, middle, 0.5 * dt, t_k, halvings - 1, i)?;
            step(bank, middle, to, 0.5 * dt, t_k, halvings - 1, i)
        }
    }
}
