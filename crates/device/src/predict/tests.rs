use super::*;
use crate::{CellArray, Curve, Deviation, ThermalLoss, preset};
use neurohm_num::Key;

pub(crate) fn law() -> Activated {
    Activated {
        attempt_time_s: 1e-13,
        t_ref_s: 5000.0,
        temperature_ref_k: 453.15,
        relaxation_energy_ev: 1.04,
        unit_s: 1e-6,
        fitted_g_max_s: 240e-6,
        shift: Curve::Table { x: vec![0.0, 0.2, 0.5, 1.0], y: vec![4.0, 16.0, 5.0, -3.0] },
        spread: Curve::Table { x: vec![0.0, 0.2, 1.0], y: vec![15.0, 26.0, 4.0] },
        loss: Some(ThermalLoss {
            energy_ev: 1.63,
            energy_slope_ev: 0.0,
            energy_bend_ev: 0.125,
            width_ev: 0.062,
            rate_spread: 1.34,
        }),
        known_from_s: Some(4000.0),
        known_to_s: Some(7200.0),
        coldest_k: Some(373.15),
        hottest_k: Some(533.15),
    }
}

fn device() -> CellSpec {
    let mut spec = CellSpec::ideal(0.0, 240e-6);
    spec.retention = Some(Retention::Activated(Box::new(law())));
    spec
}

fn sampled(spec: &CellSpec, g_s: f64, steps: &[(f64, f64)]) -> (f64, f64) {
    const CELLS: usize = 1 << 17;
    let mut cells = CellArray::new(spec, CELLS, Key::root(5)).unwrap();
    cells.program(&vec![g_s as f32; CELLS]).unwrap();
    for (t_k, dt_s) in steps {
        cells.set_temperature(*t_k).unwrap();
        cells.advance(*dt_s).unwrap();
    }
    cells.observe();
    let mut out = vec![0.0; CELLS];
    cells.conductances(&mut out).unwrap();
    let out: Vec<f64> = out.into_iter().map(f64::from).collect();
    (neurohm_num::stats::mean(&out), neurohm_num::stats::sd(&out))
}

/// Within five standard errors of the mean; the standard deviation within 2 %.
fn agree(spec: &CellSpec, g_s: f64, t_k: f64, age_s: f64) {
    let p = predict_retention(spec, &[g_s], t_k, age_s).unwrap();
    let (mean, sd) = sampled(spec, g_s, &[(t_k, age_s)]);
    let error = 5.0 * p.std_s[0] / f64::from(1 << 17).sqrt() + 1e-5 * g_s;
    assert!((mean - p.mean_s[0]).abs() < error, "{g_s} {t_k} {age_s}: {mean} {:?}", p.mean_s);
    assert!((sd / p.std_s[0] - 1.0).abs() < 0.02, "{g_s} {t_k} {age_s}: {sd} {:?}", p.std_s);
}

#[test]
fn predictions_are_the_moments_of_what_an_array_samples() {
    for g_s in [8e-6, 60e-6, 150e-6, 235e-6] {
        for (t_k, age_s) in [(298.15, 1e5), (373.15, 7164.0), (453.15, 5261.0), (533.15, 5199.0)] {
            agree(&device(), g_s, t_k, age_s);
        }
    }
    for name in ["pcm", "reram_cmo", "reram_wan2022"] {
        let mut spec = preset(name).unwrap().cell.unwrap();
        (spec.write, spec.noise, spec.faults) = (None, None, None);
        for part in [0.3, 0.9] {
            agree(&spec, part * spec.g_max_s, 298.15, 1e5);
        }
    }
}

#[test]
fn temperature_steps_of_one_temperature_are_one_step() {
    let spec = device();
    let once = sampled(&spec, 150e-6, &[(493.15, 6000.0)]);
    let steps = sampled(&spec, 150e-6, &[(493.15, 1.0), (493.15, 999.0), (493.15, 5000.0)]);
    assert!((once.0 - steps.0).abs() < 1e-6 * once.0 && (once.1 - steps.1).abs() < 1e-6 * once.1);
    // Cooling takes nothing back, and a second at room temperature after a bake changes nothing.
    let cooled = sampled(&spec, 150e-6, &[(493.15, 6000.0), (298.15, 1.0)]);
    assert!((once.0 - cooled.0).abs() < 1e-5 * once.0, "{once:?} {cooled:?}");
    // An hour at 220 C after a year at room temperature does what it does alone.
    let aged = sampled(&spec, 150e-6, &[(298.15, 3.15e7), (493.15, 3600.0)]);
    let alone = sampled(&spec, 150e-6, &[(493.15, 3600.0)]);
    assert!((aged.0 - alone.0).abs() < 1e-3 * alone.0, "{aged:?} {alone:?}");
}

/// The closed form of the isothermal front against its differential equation, integrated in small steps of Euler's rule.
#[test]
fn the_front_solves_its_differential_equation() {
    let (attempt, barrier, t_k) = (1e-13, 1.04, 453.15);
    let kt = K_B_EV * t_k;
    let mut front = 0.0;
    let steps = 200_000;
    let dt = 5000.0 / f64::from(steps);
    for _ in 0..steps {
        front += dt * kt / attempt * libm::exp(-(barrier + front) / kt);
    }
    let closed = climb(0.0, barrier, attempt, 5000.0, t_k);
    assert!((front / closed - 1.0).abs() < 1e-3, "{front} {closed}");
}

#[test]
fn a_state_holds_e_a_over_k_longer_in_the_cold() {
    // kT = 0.0257 eV at 298.15 K to 4 digits, so 1.2 eV is 46.7 kT.
    let t = arrhenius_time_s(1e-13, 1.2, 298.15);
    assert!((libm::log(t / 1e-13) - 1.2 / 0.025_692_58).abs() < 1e-3);
    let ratio = arrhenius_time_s(1e-13, 1.2, 358.15) / arrhenius_time_s(1e-13, 1.2, 533.15);
    assert!((acceleration(1.2, 533.15, 358.15) / ratio - 1.0).abs() < 1e-12);
}

#[test]
fn the_time_a_mean_holds_is_where_its_prediction_says() {
    let spec = device();
    let t = holding_time_s(&spec, 200e-6, 493.15, 0.05, 1e9).unwrap().unwrap();
    let mean = predict_retention(&spec, &[200e-6], 493.15, t).unwrap().mean_s[0];
    assert!((mean / 200e-6 - 0.95).abs() < 1e-6, "{t} {mean}");
    assert_eq!(holding_time_s(&spec, 200e-6, 298.15, 0.5, 1e5).unwrap(), None);
    assert!(holding_time_s(&spec, 200e-6, 298.15, 0.05, 1e15).unwrap().is_none_or(|cold| cold > 1e3 * t));
}

/// The sum over lags against the double sum over all pairs.
#[test]
fn the_scatter_of_a_series_is_that_of_all_pairs() {
    let reads = Reads { first_s: 3.0, rate_hz: 400.0, count: 300 };
    let t_read = 1e-4;
    let age = |i: usize| 3.0 + i as f64 / 400.0;
    let covariance = |i: usize, j: usize| {
        let (a, b) = (age(i), age(j));
        one_over_f::correlation(a, t_read, b, t_read)
            * (one_over_f::variance(a, t_read) * one_over_f::variance(b, t_read)).sqrt()
    };
    let own: f64 = (0..300).map(|i| covariance(i, i)).sum();
    let all: f64 = (0..300).flat_map(|i| (0..300).map(move |j| (i, j))).map(|(i, j)| covariance(i, j)).sum();
    let expected = (own - all / 300.0) / 299.0;
    assert!((reads.variance(t_read) / expected - 1.0).abs() < 1e-9);
}

#[test]
fn noise_of_two_reads_is_half_the_square_of_their_difference() {
    let mut spec = CellSpec::ideal(0.0, 100e-6);
    let amplitude = Deviation::Independent { sd_s: 1e-6 };
    spec.noise = Some(Noise::OneOverF { t_read_s: 1e-3, amplitude });
    let reads = Reads { first_s: 10.0, rate_hz: 2.0, count: 2 };
    let std = predict_noise(&spec, &[50e-6], &reads).unwrap().std_s[0];
    const CELLS: usize = 1 << 16;
    let mut cells = CellArray::new(&spec, CELLS, Key::root(6)).unwrap();
    cells.program(&vec![50e-6; CELLS]).unwrap();
    let mut read = |dt| {
        cells.advance(dt).unwrap();
        let mut out = vec![0.0; CELLS];
        cells.observe_into(&mut out).unwrap();
        out
    };
    let (a, b) = (read(10.0), read(0.5));
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2) / 2.0).sum();
    let sampled = (squares / CELLS as f64).sqrt();
    assert!((sampled / std - 1.0).abs() < 0.02, "{sampled} {std}");
}

/// Ten reads of many devices with traps of which some are slower and some faster than the series.
#[test]
fn telegraph_noise_scatters_a_series_as_an_array_does() {
    let mut spec = CellSpec::ideal(0.0, 100e-6);
    spec.noise = Some(Noise::Telegraph {
        amplitude: Curve::Constant(0.05),
        sigma: 0.4,
        tau_low_s: 1e-3,
        tau_high_s: 10.0,
        occupancy_low: 0.2,
        occupancy_high: 0.9,
    });
    const CELLS: usize = 1 << 15;
    let mut cells = CellArray::new(&spec, CELLS, Key::root(8)).unwrap();
    cells.program(&vec![50e-6; CELLS]).unwrap();
    let mut series = vec![Vec::new(); CELLS];
    for _ in 0..10 {
        cells.advance(0.05).unwrap();
        let mut out = vec![0.0; CELLS];
        cells.observe_into(&mut out).unwrap();
        series.iter_mut().zip(&out).for_each(|(s, g)| s.push(f64::from(*g)));
    }
    let variance = |s: &Vec<f64>| neurohm_num::stats::sd(s).powi(2);
    let sampled = (series.iter().map(variance).sum::<f64>() / CELLS as f64).sqrt();
    let reads = Reads { first_s: 0.05, rate_hz: 20.0, count: 10 };
    let std = predict_noise(&spec, &[50e-6], &reads).unwrap().std_s[0];
    assert!((sampled / std - 1.0).abs() < 0.02, "{sampled} {std}");
}

#[test]
fn what_cannot_be_predicted_is_refused_by_name() {
    let spec = device();
    let text = |r: Result<Prediction, DeviceError>| r.unwrap_err().to_string();
    assert!(text(predict_retention(&spec, &[1e-6], -3.0, 1.0)).contains("temperature is -3 K"));
    assert!(text(predict_retention(&spec, &[1e-6, -1e-6], 300.0, 1.0)).contains("conductance of cell 1"));
    assert!(text(predict_retention(&spec, &[1e-6], 300.0, f64::NAN)).contains("time cannot advance"));
    let reads = Reads { first_s: 0.0, rate_hz: 0.0, count: 5 };
    assert!(text(predict_noise(&spec, &[1e-6], &reads)).contains("rate is 0"));
}
