//! Beside ngspice: whole loops of one device under an ideal source, and operating points and writes of crossbars
//! ([`arrays`]), on netlists that we write.
//!
//! In loops both sides are set as coarsely as keeps their current within a thousandth of full scale of a loop that we integrate
//! far more exactly (the crate `circuit` tests that such loops are ngspice's as well); then both are timed. ngspice has
//! been started and has read the netlist: a call is its `tran` alone.

mod arrays;

use std::time::Instant;

use neurohm_device::compact::{Drive, Published, Waveform, curve_distance, drive, published, spice_netlist};
use neurohm_num::Key;
use serde_json::{Value, json};

use crate::agree::Check;
use crate::crossbar::Problem;
use crate::record::Outcome;
use crate::turns::Turns;
use crate::{Bench, Case, Result};

/// All cases, in the order in which they run.
pub const CASES: &[Case] = &[
    ("linear_ion_drift", |b| run(b, "linear_ion_drift/biolek")),
    ("vteam", |b| run(b, "vteam/memtorch")),
    ("yakopcic", |b| run(b, "yakopcic/oblea_sine")),
    ("stanford_pku", |b| run(b, "stanford_pku/v1")),
    ("mean_metastable_switch", |b| run(b, "mean_metastable_switch/knowm")),
    ("nbo2_threshold", |b| run(b, "nbo2_threshold/usual")),
    ("crossbar_8x8", |b| arrays::linear(b, Problem::new(8, 8))),
    ("crossbar_32x16", |b| arrays::linear(b, Problem::new(32, 16))),
    ("crossbar_32x32", |b| arrays::linear(b, Problem::new(32, 32))),
    ("crossbar_64x64", |b| arrays::linear(b, Problem::new(64, 64))),
    ("nonlinear_sinh_4x3", |b| arrays::nonlinear(b, [4, 3], arrays::SINH)),
    ("nonlinear_polynomial_8x8", |b| arrays::nonlinear(b, [8, 8], arrays::POLYNOMIAL)),
    ("nonlinear_poole_frenkel_16x16", |b| arrays::nonlinear(b, [16, 16], arrays::POOLE_FRENKEL)),
    ("nonlinear_exponential_selector_16x16", |b| arrays::nonlinear(b, [16, 16], arrays::EXPONENTIAL)),
    ("nonlinear_diode_8x12", |b| arrays::nonlinear(b, [8, 12], arrays::DIODE)),
    ("nonlinear_threshold_selector_16x16", |b| arrays::nonlinear(b, [16, 16], arrays::THRESHOLD)),
    ("nonlinear_transistor_16x16", |b| arrays::nonlinear(b, [16, 16], arrays::TRANSISTOR)),
    ("written_vteam_4x4", |b| arrays::written(b, 4, 4)),
];

/// Periods of a call.
const PERIODS: f64 = 10.0;
const T_K: f64 = 300.0;
/// How exact both sides are, of full scale and of a period.
const ALLOWED: f64 = 1e-3;
/// ngspice's settings: steps a period, relative tolerance.
const STEPS: [f64; 5] = [60.0, 120.0, 250.0, 500.0, 1000.0];
const RELTOL: [f64; 4] = [1e-3, 1e-4, 1e-5, 1e-6];
/// Ours: steps a period, tolerance of the states.
const OUR_STEPS: [f64; 6] = [70.0, 80.0, 100.0, 125.0, 150.0, 220.0];
const TOLERANCES: [f64; 8] = [3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6];

struct Loop {
    set: &'static Published,
    waveform: Waveform,
    period_s: f64,
}

impl Loop {
    /// Our loop at a tolerance; the longest step is the waveform's own, or `max_step_s` if that is shorter.
    fn ours(&self, tolerance: f64, max_step_s: f64) -> Result<Vec<(f64, f64)>> {
        let mut bank = self.set.dynamic().bank(1, Key::root(0))?;
        bank.set_tolerance(tolerance);
        let t_end_s = PERIODS * self.period_s;
        let how = Drive { waveform: &self.waveform, t_end_s, t_k: T_K, max_step_s };
        let trace = drive(bank.as_mut(), &how)?;
        Ok(trace.t_s.into_iter().zip(trace.i_a).collect())
    }

    /// The distance of a loop from the exact one.
    fn apart(&self, curve: &[(f64, f64)], exact: &[(f64, f64)]) -> f64 {
        let scale = exact.iter().fold(0.0_f64, |m, p| m.max(p.1.abs()));
        let in_units =
            |c: &[(f64, f64)]| -> Vec<_> { c.iter().map(|p| (p.0 / self.period_s, p.1 / scale)).collect() };
        let (curve, exact) = (in_units(curve), in_units(exact));
        curve_distance(&curve, &exact, 0.05).max(curve_distance(&exact, &curve, 0.05))
    }
}

fn run(bench: &mut Bench, name: &str) -> Result<Outcome> {
    let set = published().iter().find(|s| s.name == name).ok_or("no such set")?;
    let period_s = 1.0 / set.behaviour.frequency_hz;
    let waveform = Waveform::Sine {
        amplitude_v: set.behaviour.amplitude_v,
        frequency_hz: set.behaviour.frequency_hz,
        offset_v: 0.0,
    };
    let case = Loop { set, waveform, period_s };
    let exact = case.ours(1e-8, period_s / 4e3)?;

    let how = Drive { waveform: &case.waveform, t_end_s: PERIODS * period_s, t_k: T_K, max_step_s: period_s };
    let netlist = spice_netlist(&set.dynamic(), &how, 0.0)?;
    bench.peer.open("loop", json!({"netlist": netlist, "span_s": PERIODS * period_s}))?;
    // The fastest of its settings that is exact enough; some need no more time than a coarser one.
    let mut best: Option<(f64, f64, f64, f64)> = None;
    for steps in STEPS {
        for reltol in RELTOL {
            bench.peer.ask("settings", json!({"step_s": period_s / steps, "reltol": reltol}))?;
            let Ok(answer) = bench.peer.ask("current", json!({})) else { continue };
            let column = |key: &str| -> Result<Vec<f64>> { Ok(serde_json::from_value(answer[key].clone())?) };
            let theirs: Vec<_> = column("t_s")?.into_iter().zip(column("i_a")?).collect();
            let apart = case.apart(&theirs, &exact);
            if apart < ALLOWED {
                let s = bench.peer.time(1)?.min(bench.peer.time(1)?);
                if best.is_none_or(|b| s < b.0) {
                    best = Some((s, steps, reltol, apart));
                }
            }
        }
    }
    let (_, steps, reltol, their_apart) = best.ok_or("no setting of ngspice is exact enough")?;
    bench.peer.ask("settings", json!({"step_s": period_s / steps, "reltol": reltol}))?;

    // Ours likewise: the fastest that is exact enough.
    let mut found: Option<(f64, f64, f64, f64)> = None;
    for steps in OUR_STEPS {
        for tolerance in TOLERANCES {
            let apart = case.apart(&case.ours(tolerance, period_s / steps)?, &exact);
            if apart < ALLOWED {
                let mut s = f64::INFINITY;
                for _ in 0..5 {
                    let begin = Instant::now();
                    case.ours(tolerance, period_s / steps)?;
                    s = s.min(begin.elapsed().as_secs_f64());
                }
                if found.is_none_or(|b| s < b.0) {
                    found = Some((s, steps, tolerance, apart));
                }
            }
        }
    }
    let (_, our_steps, tolerance, our_apart) = found.ok_or("no setting of ours is exact enough")?;

    let Bench { peer, repeats, .. } = bench;
    let turns = Turns::take(peer, *repeats, || case.ours(tolerance, period_s / our_steps).map(|_| ()))?;
    let checks = vec![
        Check::within("distance of ngspice's loop, of full scale", their_apart, 0.0, ALLOWED),
        Check::within("distance of our loop, of full scale", our_apart, 0.0, ALLOWED),
    ];
    Ok(Outcome::new(turns, checks)
        .per_call(PERIODS as usize, "periods")
        .detail("ngspice_steps_a_period", Value::from(steps))
        .detail("ngspice_reltol", Value::from(reltol))
        .detail("our_steps_a_period", Value::from(our_steps))
        .detail("our_tolerance", Value::from(tolerance)))
}
