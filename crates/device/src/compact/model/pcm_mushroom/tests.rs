//! What a mushroom cell does under current pulses, reads and waiting.

use super::super::super::{Bank, CellBank, Drive, Waveform, drive};
use super::*;

const LOAD_OHM: f64 = 10e3;

/// One step of a cell behind a load to the source's voltage `source_v`: its own voltage by bracketing, then accepted.
/// Whether the cell has an answer; as in a circuit, a shorter step may have one.
fn try_step(bank: &mut Bank<PcmMushroom>, source_v: f64, dt_s: f64) -> bool {
    let (mut i, mut g) = ([0.0], [0.0]);
    let mut rest =
        |v: f64| bank.solve(&[v], 300.0, dt_s, &mut i, &mut g).ok().map(|()| v + LOAD_OHM * i[0] - source_v);
    let (mut low, mut high) = (0.0, source_v.max(1e-9));
    let (Some(mut below), Some(mut above)) = (rest(low), rest(high)) else { return false };
    let mut v = high;
    for n in 0..100 {
        // Every third time the middle, against creeping ends.
        v = if n % 3 == 2 { (low + high) / 2.0 } else { high - above * (high - low) / (above - below) };
        let Some(r) = rest(v) else { return false };
        if r.abs() < 1e-7 || high - low < 1e-9 {
            break;
        }
        if r > 0.0 { (high, above) = (v, r) } else { (low, below) = (v, r) }
    }
    bank.accept(&[v]);
    true
}

fn step(bank: &mut Bank<PcmMushroom>, from_v: f64, to_v: f64, dt_s: f64) {
    if !try_step(bank, to_v, dt_s) {
        assert!(dt_s > 1e-15, "no step from {from_v} to {to_v} V, states {:?}", bank.state());
        step(bank, from_v, (from_v + to_v) / 2.0, dt_s / 2.0);
        step(bank, (from_v + to_v) / 2.0, to_v, dt_s / 2.0);
    }
}

/// A trapezoid that drives about `i_a` through the load once the cell is on: the source is i R + 0.85 V.
fn pulse(bank: &mut Bank<PcmMushroom>, i_a: f64, width_s: f64) {
    let top = i_a * LOAD_OHM + 0.85;
    let corners =
        [(0.0, top, 4e-9, 40), (top, top, width_s, 50), (top, 0.0, 4e-9, 40), (0.0, 0.0, 20e-9, 20)];
    for (from, to, time_s, steps) in corners {
        let at = |k: i32| from + (to - from) * f64::from(k) / f64::from(steps);
        for k in 0..steps {
            step(bank, at(k), at(k + 1), time_s / f64::from(steps));
        }
    }
}

/// Resistance at 0.1 V, ohm.
fn read(bank: &mut Bank<PcmMushroom>) -> f64 {
    let (mut i, mut g) = ([0.0], [0.0]);
    bank.solve(&[0.1], 300.0, 0.0, &mut i, &mut g).unwrap();
    0.1 / i[0]
}

fn cell(model: PcmMushroom, u_m: f64) -> Bank<PcmMushroom> {
    let mut bank = Bank::new(model, 1, Key::root(0));
    let sigma0 = bank.model().sigma0;
    bank.set_state(0, &[u_m, sigma0, 0.0]);
    bank
}

#[test]
fn from_the_crystalline_state_resistance_is_flat_until_melting_and_then_rises() {
    let curve: Vec<(f64, f64)> = (10..=80)
        .map(|k| {
            let i_a = f64::from(k) * 10e-6;
            let mut bank = cell(PcmMushroom::gst_90nm(), 0.0);
            pulse(&mut bank, i_a, 50e-9);
            (i_a, read(&mut bank))
        })
        .collect();
    // Melting sets in at P = (T_m - T_ambient)/R_th = 231 uW, 0.83 V or so: below 270 uA nothing happens.
    for (i, r) in curve.iter().filter(|p| p.0 < 260e-6) {
        assert!((r / 1e4 - 1.0).abs() < 1e-6, "{r} ohm after {i} A");
    }
    let onset = curve.iter().find(|p| p.1 > 2e4).unwrap().0;
    assert!((260e-6..320e-6).contains(&onset), "{onset}");
    for w in curve.windows(2) {
        // Once the dome is at its thickest, how far the glass relaxed on the edge makes a small difference.
        assert!(w[1].1 > w[0].1 * 0.99, "{w:?}");
    }
    // The review's axis: up to 1e6 to 1e7 ohm within 800 uA.
    let last = curve.last().unwrap().1;
    assert!((1e6..1e7).contains(&last), "{last}");
    // No jump at the onset either: in steps of 1 uA the dome grows by parts of a nanometre.
    let mut before = 1e4;
    for k in -30..=30 {
        let mut bank = cell(PcmMushroom::gst_90nm(), 0.0);
        pulse(&mut bank, onset + f64::from(k) * 1e-6, 50e-9);
        let r = read(&mut bank);
        assert!(r < before + 8e4, "{before} to {r} ohm at {k}");
        before = r;
    }
}

#[test]
fn from_the_amorphous_state_the_curve_is_a_u() {
    let mut reset = cell(PcmMushroom::gst_90nm(), 0.0);
    pulse(&mut reset, 450e-6, 50e-9);
    let start = read(&mut reset);
    let curve: Vec<f64> = (6..=50)
        .map(|k| {
            let mut bank = reset.clone();
            pulse(&mut bank, f64::from(k) * 10e-6, 100e-9);
            read(&mut bank)
        })
        .collect();
    assert!(curve[0] > 0.5 * start, "{curve:?} from {start}");
    let bottom = (0..curve.len()).min_by(|a, b| curve[*a].total_cmp(&curve[*b])).unwrap();
    assert!(bottom > 3 && bottom < curve.len() - 8, "{bottom} of {curve:?}");
    assert!(curve[bottom] < 2e4 && curve[curve.len() - 1] > 1e6, "{curve:?}");
}

#[test]
fn partial_set_pulses_accumulate() {
    let mut bank = cell(PcmMushroom::gst_90nm(), 0.0);
    pulse(&mut bank, 450e-6, 50e-9);
    // The first warm pulses anneal the glass just quenched, which raises the resistance; crystals only lower it.
    pulse(&mut bank, 250e-6, 10e-9);
    pulse(&mut bank, 250e-6, 10e-9);
    let mut series = vec![read(&mut bank)];
    for _ in 0..6 {
        pulse(&mut bank, 250e-6, 10e-9);
        series.push(read(&mut bank));
    }
    // Every pulse lowers the resistance, in several steps, down to that of a cell without a dome.
    let steps = series.iter().position(|r| *r < 1.1e4).unwrap();
    assert!(steps >= 4, "{series:?}");
    assert!(series[..=steps].windows(2).all(|w| w[1] < 0.99 * w[0]), "{series:?}");
}

/// Resistance of the dome `t_s` after the quench at `t_k`, by waiting without voltage.
fn waited(model: &PcmMushroom, t_s: f64, t_k: f64) -> f64 {
    let mut bank = cell(model.clone(), 40e-9).with_tolerance(1e-7);
    let waveform = Waveform::Constant(0.0);
    let how = Drive { waveform: &waveform, t_end_s: t_s, t_k, max_step_s: t_s };
    let sigma = drive(&mut bank, &how).unwrap().last()[1];
    model.dome_ohm(40e-9, sigma, t_k)
}

#[test]
fn drift_follows_the_published_power_law_with_its_exponent() {
    for (nu, conductances) in [
        (0.05, [0.9535, 0.8498, 0.7574, 0.6800, 0.5063]),
        (0.1, [0.9092, 0.7222, 0.5737, 0.4624, 0.2563]),
        (0.005, [0.9953, 0.9839, 0.9726, 0.9622, 0.9342]),
    ] {
        let model = PcmMushroom { alpha_ev: 3.0 * nu, ..PcmMushroom::gst_90nm() };
        assert!((model.drift_exponent() - nu).abs() < 1e-15);
        let start = waited(&model, 38.6, 300.0);
        for (t, g) in [1e2, 1e3, 1e4, 86400.0, 3.15e7].into_iter().zip(conductances) {
            let got = start / waited(&model, t, 300.0);
            assert!((got - g).abs() < 2e-4, "{got} instead of {g} at {t} s");
        }
    }
    // The same slope at another temperature, drift and read alike.
    let model = PcmMushroom::gst_90nm();
    let slope = |t_k| (waited(&model, 1e4, t_k) / waited(&model, 1e2, t_k)).ln() / 100.0_f64.ln();
    assert!((slope(300.0) - 0.1).abs() < 1e-4 && (slope(340.0) - 0.1).abs() < 1e-4);
}

#[test]
fn just_after_the_quench_resistance_stays() {
    let model = PcmMushroom::gst_90nm();
    let t0 = model.plateau_s(300.0);
    let fresh = model.dome_ohm(40e-9, model.sigma0, 300.0);
    // R = R(0) (1 + t/t0)^nu.
    for part in [0.01, 1.0, 100.0] {
        let got = waited(&model, part * t0, 300.0) / fresh;
        assert!((got - (1.0_f64 + part).powf(0.1)).abs() < 1e-4, "{got} at {part} t0");
    }
}

#[test]
fn a_liner_reduces_drift_by_its_share_of_the_conductance() {
    let (plain, lined) = (PcmMushroom::gst_90nm(), PcmMushroom::projected());
    // A slope over a short time, since the share changes with the drift.
    let slope = |m: &PcmMushroom| (waited(m, 110.0, 300.0) / waited(m, 100.0, 300.0)).ln() / 1.1_f64.ln();
    let g_a = 1.0 / waited(&plain, 105.0, 300.0);
    let g = 1.0 / waited(&lined, 105.0, 300.0);
    let expected = slope(&plain) * g_a / g;
    assert!(g > 3.0 * g_a);
    assert!((slope(&lined) / expected - 1.0).abs() < 2e-3, "{} {expected}", slope(&lined));
    // Above threshold the liner makes no difference.
    let on = |m: &PcmMushroom| {
        m.eval(&0.3, At { x: &[40e-9, 0.9, 1.0], v: 1.0, t_k: 300.0 }, &mut 0.0).unwrap().i_a
    };
    assert_eq!(on(&plain), on(&lined));
}

#[test]
fn below_threshold_the_logarithm_of_the_current_is_linear_in_the_field() {
    let model = PcmMushroom { r_set_ohm: 1.0, ..PcmMushroom::gst_90nm() };
    let slope = 5e-9 / (2.0 * K_B_EV * 300.0);
    for u in [20e-9, 40e-9] {
        let i = |field: f64| model.off(0.3, u, 0.9, field * u, 300.0).0;
        for field in [25e6, 30e6, 35e6] {
            // d ln sinh(z)/dz = coth z.
            let got = (i(1.001 * field) / i(0.999 * field)).ln() / (0.002 * field);
            assert!((got * (slope * field).tanh() / slope - 1.0).abs() < 1e-3, "{got} at {field}");
        }
        // Ohmic below, and the resistance is proportional to the thickness.
        let r = 1e-3 / model.off(0.3, u, 0.9, 1e-3, 300.0).0;
        assert!((r / model.dome_ohm(u, 0.9, 300.0) - 1.0).abs() < 1e-3, "{r}");
    }
}

#[test]
fn the_derivative_by_the_voltage_is_that_of_the_current() {
    for model in [PcmMushroom::gst_90nm(), PcmMushroom::projected()] {
        for x in [[0.0, 0.9, 0.0], [1e-10, 0.8, 0.3], [30e-9, 0.7, 0.0], [45e-9, 0.9, 1.0]] {
            for v in [-1.2, -0.3, 0.05, 0.79, 1.4] {
                let i = |v: f64| model.eval(&0.3, At { x: &x, v, t_k: 300.0 }, &mut 0.0).unwrap();
                let numeric = (i(v + 1e-5).i_a - i(v - 1e-5).i_a) / 2e-5;
                let got = i(v).di_dv_s;
                assert!((got / numeric - 1.0).abs() < 1e-5, "{got} {numeric} at {v} V, {x:?}");
            }
        }
    }
}

#[test]
fn it_switches_on_at_the_threshold_field_and_off_below_the_hold_voltage() {
    let model = PcmMushroom::gst_90nm();
    for u in [20e-9, 30e-9] {
        let mut bank = cell(model.clone(), u);
        // A ramp of 2 V in 2 us; the dome changes only once it is on.
        let waveform = Waveform::Points(vec![(0.0, 0.0), (2e-6, 2.0)]);
        let how = Drive { waveform: &waveform, t_end_s: 2e-6, t_k: 300.0, max_step_s: 1e-9 };
        let trace = drive(&mut bank, &how).unwrap();
        let n = (0..trace.v.len()).find(|n| trace.i_a[*n] > 50e-6).unwrap();
        assert!((trace.v[n] / (40e6 * u) - 1.0).abs() < 0.02, "{} V for {u} m", trace.v[n]);
    }
    let mut bank = cell(model, 20e-9);
    bank.set_state(0, &[20e-9, 0.9, 1.0]);
    for (v, on) in [(0.5, true), (0.4, false)] {
        let waveform = Waveform::Constant(v);
        let how = Drive { waveform: &waveform, t_end_s: 50e-9, t_k: 300.0, max_step_s: 1e-9 };
        let s = drive(&mut bank, &how).unwrap().last()[2];
        assert_eq!(s > 0.5, on, "{s} at {v} V");
    }
}

#[test]
fn a_dome_lasts_ten_years_at_85_c_and_microseconds_at_400_c() {
    let model = PcmMushroom::gst_90nm();
    let years = 365.25 * 86_400.0;
    // Nothing but growth moves it: thickness left = thickness - velocity x time.
    let left = |t_k: f64, t_s: f64| {
        let mut bank = cell(model.clone(), model.u_max_m);
        let waveform = Waveform::Constant(0.0);
        drive(&mut bank, &Drive { waveform: &waveform, t_end_s: t_s, t_k, max_step_s: t_s / 10.0 })
            .unwrap()
            .last()[0]
    };
    let at_85 = left(358.15, 10.0 * years);
    assert!((at_85 - (45e-9 - 10.0 * years * model.growth(358.15))).abs() < 1e-12, "{at_85}");
    assert!(at_85 > 20e-9, "{at_85}");
    assert!(left(673.15, 1e-6) < 1e-12);
    // Retention times of two temperatures tell the activation energy.
    let (hot, cool) = (423.15, 383.15);
    let energy = K_B_EV * (model.growth(hot) / model.growth(cool)).ln() / (1.0 / cool - 1.0 / hot);
    assert!((energy - 2.5).abs() < 1e-9, "{energy}");
    // The two laws meet.
    let join = model.growth(model.t_arrhenius_k);
    assert!((model.growth(model.t_arrhenius_k - 1e-9) / join - 1.0).abs() < 1e-6);
}
