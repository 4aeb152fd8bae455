//! What every memristor does (Chua 2014, Semicond. Sci. Technol. 29:104001), over every set that claims it.

use neurohm_num::Key;

use super::super::{Drive, Trace, Waveform, drive, published};

/// Loops under a sine at `times` the set's frequency: `cycles` of them, of which the last is returned.
fn last_cycle(set: &super::super::Published, times: f64, cycles: u32) -> Trace {
    let frequency_hz = set.behaviour.frequency_hz * times;
    let mut bank = set.dynamic().bank(1, Key::root(0)).unwrap();
    let waveform = Waveform::Sine { amplitude_v: set.behaviour.amplitude_v, frequency_hz, offset_v: 0.0 };
    let period = 1.0 / frequency_hz;
    let how = Drive {
        waveform: &waveform,
        t_end_s: f64::from(cycles) * period,
        t_k: 300.0,
        max_step_s: period / 400.0,
    };
    let mut trace = drive(bank.as_mut(), &how).unwrap_or_else(|e| panic!("{}: {e}", set.name));
    let first = trace.t_s.partition_point(|t| *t < how.t_end_s - period * (1.0 + 1e-9));
    trace.t_s.drain(..first);
    trace.v.drain(..first);
    trace.i_a.drain(..first);
    trace.x.drain(..first * trace.states);
    trace
}

/// Area of the lobes relative to the loop's extent: of the positive and of the negative half, added without sign.
fn lobes(trace: &Trace) -> f64 {
    let mut area = [0.0; 2];
    for n in 1..trace.v.len() {
        let v = (trace.v[n] + trace.v[n - 1]) / 2.0;
        area[usize::from(v < 0.0)] += v * (trace.i_a[n] - trace.i_a[n - 1]);
    }
    let extent = |x: &[f64]| x.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    (area[0].abs() + area[1].abs()) / (extent(&trace.v) * extent(&trace.i_a))
}

#[test]
fn loops_are_pinched_at_the_origin() {
    for set in published().iter().filter(|s| s.behaviour.pinched) {
        let trace = last_cycle(set, 1.0, 2);
        let largest = trace.i_a.iter().fold(0.0_f64, |m, i| m.max(i.abs()));
        let mut zeros = 0;
        for (v, i) in trace.v.iter().zip(&trace.i_a) {
            if v.abs() < 1e-9 * set.behaviour.amplitude_v {
                assert!(i.abs() < 1e-7 * largest, "{}: {i} A at {v} V", set.name);
                zeros += 1;
            }
        }
        assert!(zeros >= 2, "{}: no sample at 0 V", set.name);
    }
}

#[test]
fn lobes_close_as_the_frequency_grows() {
    for set in published() {
        let Some(closed_hz) = set.behaviour.closed_hz else { continue };
        let far = closed_hz / set.behaviour.frequency_hz;
        let [open, smaller, closed] = [1.0, far.sqrt(), far].map(|times| lobes(&last_cycle(set, times, 2)));
        // Messaris's TiOx changes its resistance by a tenth only; rounding makes loops of 1e-6 and less.
        assert!(open > 3e-3, "{}: {open} is no loop", set.name);
        // Between the two the area may have its maximum; beyond it, it falls.
        assert!(closed < smaller, "{}: {closed} after {smaller}", set.name);
        assert!(closed < 0.02 * open, "{}: {closed} after {open}", set.name);
    }
}

#[test]
fn opposite_polarities_switch_in_opposite_directions() {
    for set in published() {
        let Some(positive_sets) = set.behaviour.bipolar else { continue };
        let mut bank = set.dynamic().bank(1, Key::root(0)).unwrap();
        let (mut i, mut g) = ([0.0], [0.0]);
        let read_v = 0.01 * set.behaviour.amplitude_v;
        let mut read = |bank: &mut dyn super::super::CellBank| {
            bank.solve(&[read_v], 300.0, 0.0, &mut i, &mut g).unwrap();
            i[0] / read_v
        };
        let mut seen = Vec::new();
        // A half wave of either sign, the first of which brings the cell where the second can move it.
        for sign in [1.0, -1.0, 1.0, -1.0] {
            let half = 0.5 / set.behaviour.frequency_hz;
            let top = sign * set.behaviour.amplitude_v;
            let waveform = Waveform::Points(vec![(0.0, 0.0), (half / 2.0, top), (half, 0.0)]);
            let how = Drive { waveform: &waveform, t_end_s: half, t_k: 300.0, max_step_s: half / 50.0 };
            let before = read(bank.as_mut());
            drive(bank.as_mut(), &how).unwrap();
            seen.push(read(bank.as_mut()) / before);
        }
        for (n, ratio) in seen.iter().enumerate().skip(1) {
            let rises = (n % 2 == 0) == positive_sets;
            assert!(if rises { *ratio > 1.001 } else { *ratio < 0.999 }, "{}: {seen:?}", set.name);
        }
    }
}

#[test]
fn volatile_sets_forget_and_the_others_keep() {
    let mut wrong = Vec::new();
    for set in published() {
        let behaviour = set.behaviour;
        // Those that neither claim leave the question open.
        if !behaviour.volatile && behaviour.bipolar.is_none() {
            continue;
        }
        let period = 1.0 / behaviour.frequency_hz;
        let rested = |top: f64| {
            let mut bank = set.dynamic().bank(1, Key::root(0)).unwrap();
            let half = period / 2.0;
            let waveform = Waveform::Points(vec![(0.0, 0.0), (half / 2.0, top), (half, 0.0)]);
            let how = Drive { waveform: &waveform, t_end_s: half, t_k: 300.0, max_step_s: half / 50.0 };
            drive(bank.as_mut(), &how).unwrap();
            let waveform = Waveform::Constant(0.0);
            let rest = 1e7 * period;
            let how = Drive { waveform: &waveform, t_end_s: rest, t_k: 300.0, max_step_s: rest };
            drive(bank.as_mut(), &how).unwrap();
            let (mut i, mut g) = ([0.0], [0.0]);
            bank.solve(&[0.01 * behaviour.amplitude_v], 300.0, 0.0, &mut i, &mut g).unwrap();
            i[0]
        };
        // What a half wave of either sign leaves.
        let (up, down) = (rested(behaviour.amplitude_v), rested(-behaviour.amplitude_v));
        let forgot = (up / down - 1.0).abs() < 1e-3;
        if forgot != behaviour.volatile {
            wrong.push(format!("{}: {up} A and {down} A", set.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn conductances_are_the_derivatives_of_currents() {
    for set in published() {
        let mut bank = set.dynamic().bank(1, Key::root(0)).unwrap();
        let mut at = |v: f64| {
            let (mut i, mut g) = ([0.0], [0.0]);
            bank.solve(&[v], 300.0, 0.0, &mut i, &mut g).unwrap();
            (i[0], g[0])
        };
        for part in [-0.9, -0.37, 0.013, 0.5, 0.83] {
            let v = part * set.behaviour.amplitude_v;
            let d = 1e-4 * v.abs();
            let (above, below) = (at(v + d).0, at(v - d).0);
            // What rounding leaves of the difference.
            let rounding = 1e-14 * at(v).0.abs() / d;
            let numeric = (above - below) / (2.0 * d);
            let g = at(v).1;
            assert!((g - numeric).abs() < 1e-4 * g.abs() + rounding, "{}: {g} {numeric} at {v} V", set.name);
        }
    }
}
