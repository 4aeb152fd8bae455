//! Every deterministic model under its own sine, integrated by us and by diffsol's BDF at 1e-9.
//!
//! Both are told the equations alone. States that stop at a bound are events to diffsol: it integrates to the bound, the
//! state is held while its rate points outward, and goes on from there. The distance of two curves counts time as well,
//! with a period for its unit: where a state runs away within less than a millionth of a period, the instant is compared
//! and not the value.

use std::io::Write;

use diffsol::{NalgebraLU, NalgebraMat, OdeBuilder, OdeSolverMethod, OdeSolverStopReason};
use neurohm_device::compact::{Drive, Published, Rates, Waveform, curve_distance, drive, published};
use neurohm_num::Key;

type Solver = NalgebraLU<f64>;

const T_K: f64 = 300.0;
/// How closely states agree, of their scale.
const ALLOWED: f64 = 1e-5;
/// Tolerance of diffsol.
const REFERENCE: f64 = 1e-9;
/// A state may come so far beyond its bound until that is an event: one that starts on it is not beyond.
const BEYOND: f64 = 1e-10;
/// Rates end at this many scales a period: a millionth of what is compared, and diffsol's shortest step can follow.
const FASTEST: f64 = 1e7;

/// Equations in units of a period and of the states' scales.
struct Scaled {
    rates: Rates,
    waveform: Waveform,
    period_s: f64,
}

impl Scaled {
    fn n(&self) -> usize {
        self.rates.initial.len()
    }

    fn bounds(&self, j: usize) -> (f64, f64) {
        (self.rates.low[j] / self.rates.scale[j], self.rates.high[j] / self.rates.scale[j])
    }

    /// Rates at the states within their bounds; those of `held` states are as if they were free.
    fn at(&self, y: &[f64], t: f64) -> Vec<f64> {
        let r = &self.rates;
        let x: Vec<f64> = (0..self.n()).map(|j| (y[j] * r.scale[j]).clamp(r.low[j], r.high[j])).collect();
        let mut dx = vec![0.0; self.n()];
        r.at(&x, self.waveform.before(t * self.period_s), T_K, &mut dx).unwrap();
        (0..self.n()).map(|j| (dx[j] * self.period_s / r.scale[j]).clamp(-FASTEST, FASTEST)).collect()
    }

    /// A point `(time, states)` for every step, and some within each.
    fn integrate(&self, t_end: f64) -> Vec<(f64, Vec<f64>)> {
        let n = self.n();
        let mut y: Vec<f64> = (0..n).map(|j| self.rates.initial[j] / self.rates.scale[j]).collect();
        let mut out = vec![(0.0, y.clone())];
        let mut t = 0.0;
        for _ in 0..10_000 {
            // A state on its bound with a rate outward stays.
            let rate = self.at(&y, t);
            let held: Vec<f64> = (0..n)
                .map(|j| {
                    let (low, high) = self.bounds(j);
                    if y[j] <= low && rate[j] < 0.0 {
                        -1.0
                    } else if y[j] >= high && rate[j] > 0.0 {
                        1.0
                    } else {
                        0.0
                    }
                })
                .collect();
            let moving = |y: &[f64], t: f64| -> Vec<f64> {
                self.at(y, t).iter().zip(&held).map(|(d, h)| if *h == 0.0 { *d } else { 0.0 }).collect()
            };
            let from = y.clone();
            let mut problem = OdeBuilder::<NalgebraMat<f64>>::new()
                .t0(t)
                .h0(1e-8)
                .rtol(REFERENCE)
                .atol(vec![REFERENCE; n])
                .rhs_implicit(
                    |y, _, t, dy| dy.copy_from_slice(&moving(y, t)),
                    |y, _, t, v, jv| {
                        let largest = v.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
                        let d = 1e-7 / largest;
                        let moved: Vec<f64> = y.iter().zip(v).map(|(y, v)| y + d * v).collect();
                        let (a, b) = (moving(y, t), moving(&moved, t));
                        for j in 0..n {
                            jv[j] = (b[j] - a[j]) / d;
                        }
                    },
                )
                .init(|_, _, y0| y0.copy_from_slice(&from), n)
                .root(
                    |y, _, t, g| {
                        let rate = self.at(y, t);
                        for j in 0..n {
                            let (low, high) = self.bounds(j);
                            g[j] = if held[j] == 0.0 {
                                (y[j] - low + BEYOND).min(high - y[j] + BEYOND)
                            } else {
                                held[j] * rate[j]
                            };
                        }
                    },
                    n,
                )
                .build()
                .unwrap();
            // With a Jacobian from before, that of a runaway makes Newton's corrections vanish long after it, and a
            // state that should move again stands still within the tolerance (seen in Messaris's TaOx).
            problem.ode_options.update_jacobian_after_steps = 1;
            problem.ode_options.update_rhs_jacobian_after_steps = 1;
            let mut solver = problem.bdf::<Solver>().unwrap();
            solver.set_stop_time(t_end).unwrap();
            let event = loop {
                let before = solver.state().t;
                let reason = solver.step().unwrap();
                let (until, event) = match reason {
                    OdeSolverStopReason::RootFound(at, which) => (at, Some(which)),
                    _ => (solver.state().t, None),
                };
                for k in 1..=8 {
                    let at = before + (until - before) * f64::from(k) / 8.0;
                    let y = solver.interpolate(at).unwrap();
                    out.push((at, (0..n).map(|j| y[j]).collect()));
                }
                if event.is_some() || matches!(reason, OdeSolverStopReason::TstopReached) {
                    break event;
                }
            };
            let Some((last_t, last_y)) = out.last_mut() else { unreachable!() };
            let Some(which) = event else { return out };
            if held[which] == 0.0 {
                let (low, high) = self.bounds(which);
                last_y[which] = if last_y[which] - low < high - last_y[which] { low } else { high };
            }
            t = *last_t;
            y.clone_from(last_y);
            if t >= t_end * (1.0 - 1e-12) {
                return out;
            }
        }
        panic!("too many events");
    }
}

/// Largest distance of our states from diffsol's over a period, of their scale.
fn apart(set: &Published) -> Option<f64> {
    let dynamic = set.dynamic();
    let rates = dynamic.rates(Key::root(0)).unwrap();
    if !rates.deterministic || rates.initial.is_empty() {
        return None;
    }
    let period_s = 1.0 / set.behaviour.frequency_hz;
    let waveform = Waveform::Sine {
        amplitude_v: set.behaviour.amplitude_v,
        frequency_hz: set.behaviour.frequency_hz,
        offset_v: 0.0,
    };
    let mut bank = dynamic.bank(1, Key::root(0)).unwrap();
    bank.set_tolerance(1e-8);
    // Over a step our voltage is straight: a 4000th of a period keeps that to 3e-7.
    let how = Drive { waveform: &waveform, t_end_s: period_s, t_k: T_K, max_step_s: period_s / 4e3 };
    let trace = drive(bank.as_mut(), &how).unwrap();
    let scaled = Scaled { rates, waveform, period_s };
    let reference = scaled.integrate(1.0);
    let worst = (0..scaled.n()).map(|j| {
        let ours: Vec<_> = (0..trace.t_s.len())
            .map(|k| (trace.t_s[k] / period_s, trace.x[k * trace.states + j] / scaled.rates.scale[j]))
            .collect();
        let theirs: Vec<_> = reference.iter().map(|(t, y)| (*t, y[j])).collect();
        curve_distance(&ours, &theirs, 1e-3)
    });
    Some(worst.fold(0.0, f64::max))
}

#[test]
fn every_deterministic_model_follows_diffsol() {
    let mut said = String::new();
    let mut bad = false;
    for set in published() {
        // Draws its thresholds anew at every cycle: no differential equation.
        if set.name == "and_ts/stochastic" {
            continue;
        }
        let Some(apart) = apart(set) else { continue };
        bad |= apart.is_nan() || apart > ALLOWED;
        said += &format!("{}: {apart:.1e}\n", set.name);
    }
    let _ = writeln!(std::io::stderr(), "{said}");
    assert!(!bad, "{said}");
}
