use super::*;
use neurohm_num::{Purpose, Unwatched};

/// 300 pulses up and 300 down of soft bounds, w <- w + s D (1 - s w), in closed form w = s (1 - (1 - s w0)(1 - D)^n),
/// with noise of 0.01 on each value.
fn soft_bounds(noise: f64) -> Train {
    let stream = Key::root(2).stream(Purpose::Data, 0);
    let trace = |sign: f64, from: u64| -> Vec<f64> {
        let value = |n: u64| {
            let w = sign * (1.0 - 2.0 * 0.99_f64.powi(n as i32));
            25e-6 + 20e-6 * (w + noise * f64::from(stream.normal(from + n)))
        };
        (0..300).map(value).collect()
    };
    Train::up_down(trace(1.0, 0), trace(-1.0, 300)).unwrap()
}

fn one(law: &str) -> PulseOptions {
    PulseOptions { laws: vec![law.to_owned()], starts: 60, ..PulseOptions::default() }
}

#[test]
fn soft_bounds_are_found_in_their_closed_form() {
    let fit = fit_pulses(&soft_bounds(0.01), &one("soft_bounds"), &Unwatched).unwrap().remove(0);
    // The noise of 0.01 of w is 0.005 of its range of 2, and a little less of that of the noisy data.
    assert!((0.0045..0.0055).contains(&fit.rms_relative), "{}", fit.rms_relative);
    assert!((0.0040..0.0055).contains(&fit.held_out_relative), "{}", fit.held_out_relative);
    assert!((0.0040..0.0060).contains(&fit.noise_relative), "{}", fit.noise_relative);
    assert!(fit.c2c_relative < 0.002, "{}", fit.c2c_relative);
    let cell = fit.device.statistics().unwrap();
    // D (1 - w) of w in units of 20 uS: step D at the middle, bounds 5 and 45 uS.
    let Some(Pulse::SoftBounds { steps, .. }) = &cell.pulse else { panic!("{:?}", cell.pulse) };
    assert!((cell.g_max_s / 45e-6 - 1.0).abs() < 0.02 && (cell.g_min_s / 5e-6 - 1.0).abs() < 0.2, "{cell:?}");
    let size = steps.means()[0] / (steps.w_max - steps.w_min) * (cell.g_max_s - cell.g_min_s);
    assert!((size / 0.2e-6 - 1.0).abs() < 0.05, "{size}");
    let text = crate::to_toml(&fit.device);
    assert_eq!(crate::parse(&text, "test").unwrap().cell, fit.device.cell, "{text}");
}

#[test]
fn the_law_that_made_the_traces_comes_before_those_that_cannot() {
    let options = PulseOptions { starts: 60, ..PulseOptions::default() };
    let fits = fit_pulses(&soft_bounds(0.01), &options, &Unwatched).unwrap();
    assert_eq!(fits.len(), CANDIDATES.len());
    assert!(fits.windows(2).all(|w| w[0].held_out_relative <= w[1].held_out_relative));
    let error = |law: &str| fits.iter().find(|f| f.law == law).unwrap().held_out_relative;
    assert!(error("soft_bounds") < 0.2 * error("constant_step"), "{}", error("constant_step"));
    assert_eq!(fits.last().unwrap().law, "constant_step");
}

#[test]
fn every_law_predicts_the_mean_trace_that_it_was_fitted_with() {
    // The array of cells has its own code for the laws; both must agree where there is no spread.
    for law in CANDIDATES {
        let fit = fit_pulses(&soft_bounds(0.0), &one(law), &Unwatched).unwrap().remove(0);
        let mut device = fit.device.clone();
        let cell = device.cell.as_mut().unwrap();
        cell.pulse.as_mut().unwrap().scale_c2c(0.0);
        let (low, high) = (cell.g_min_s, cell.g_max_s);
        for (trace, stimulus) in fit.mean.iter().zip([0, 1]) {
            let start = trace[0].clamp(low, high);
            let stimuli = vec![stimulus; trace.len() - 1];
            let got = predict_pulses(&device, start, &stimuli, 2, Key::root(1), &Unwatched).unwrap();
            for (got, mean) in got.mean_s.iter().zip(&trace[1..]) {
                assert!((got - mean).abs() < 2e-4 * 45e-6, "{law} {stimulus}: {got} {mean}");
            }
            assert!(got.std_s.iter().all(|s| *s < 1e-9), "{law}");
        }
    }
}

#[test]
fn a_table_does_what_its_law_does() {
    let fit = fit_pulses(&soft_bounds(0.01), &one("soft_bounds"), &Unwatched).unwrap().remove(0);
    let table = fit.table().unwrap();
    let predict = |device: &DeviceSpec| {
        predict_pulses(device, 10e-6, &[0; 100], 2000, Key::root(1), &Unwatched).unwrap()
    };
    let (a, b) = (predict(&fit.device), predict(&table));
    for (a, b) in a.mean_s.iter().zip(&b.mean_s) {
        assert!((a - b).abs() < 2e-7, "{a} {b}");
    }
}

#[test]
fn spread_of_steps_and_noise_of_reads_are_told_apart() {
    // A walk with steps of sd 0.006 under reads of sd 0.05: the variance of increments over k pulses is
    // 0.005 + 3.6e-5 k.
    let stream = Key::root(6).stream(Purpose::Data, 0);
    let mut w = 0.0_f64;
    let mut trace = |from: u64, sign: f64| -> Vec<f64> {
        let next = |n: u64| {
            w += sign * 0.0008 + 0.006 * f64::from(stream.normal(from + 2 * n));
            w + 0.05 * f64::from(stream.normal(from + 2 * n + 1))
        };
        (0..1000).map(next).collect()
    };
    let (up, down) = (trace(0, 1.0), trace(4000, -1.0));
    let options = PulseOptions { range_s: Some((1e-6, 50e-6)), ..one("constant_step") };
    let train = Train::up_down(up, down).unwrap();
    let (low, high) = train.range();
    let fit = fit_pulses(&train, &options, &Unwatched).unwrap().remove(0);
    assert!((fit.noise_relative * (high - low) / 0.05 - 1.0).abs() < 0.1, "{}", fit.noise_relative);
    assert!((fit.c2c_relative * (high - low) / 0.006 - 1.0).abs() < 0.4, "{}", fit.c2c_relative);
}

#[test]
fn traces_that_are_none_are_refused_by_row() {
    let error = |r: Result<Train, MeasurementError>| r.unwrap_err().to_string();
    let flat = vec![1.0; 20];
    assert!(error(Train::up_down(flat.clone(), flat.clone())).contains("do not change"));
    assert!(error(Train::up_down(vec![1.0; 5], flat.clone())).contains("trace 1 has 5 values"));
    let mut gap = flat.clone();
    gap[3] = f64::NAN;
    assert!(error(Train::up_down(flat.clone(), gap)).contains("row 4 of column `down` is NaN"));
    assert!(error(Train::signed(&flat, &[0.0; 20], None)).contains("polarity of row 1"));
    let rising: Vec<f64> = (0..20).map(f64::from).collect();
    let repeats: Vec<f64> = (0..20).map(|k| f64::from(k / 10)).collect();
    let train = Train::signed(&rising, &flat, Some(&repeats)).unwrap();
    assert_eq!(train.traces().len(), 2);
    let weights = Train::up_down(rising.iter().map(|v| v - 10.0).collect(), flat).unwrap();
    let asked = fit_pulses(&weights, &one("constant_step"), &Unwatched).unwrap_err().to_string();
    assert!(asked.contains("--range"), "{asked}");
    let unknown = fit_pulses(&train, &one("cubic_step"), &Unwatched).unwrap_err().to_string();
    assert!(unknown.contains("cubic_step") && unknown.contains("soft_bounds"), "{unknown}");
}

#[test]
fn a_value_that_was_read_wrongly_is_refused_by_row_and_column_and_an_abrupt_step_is_not() {
    let rising: Vec<f64> = (0..40).map(|k| f64::from(k) / 40.0 + 0.003 * f64::from(k % 3)).collect();
    let falling: Vec<f64> = rising.iter().rev().copied().collect();
    for row in [0, 4, 39] {
        let mut bad = rising.clone();
        bad[row] = -3e9;
        let error = Train::up_down(bad.clone(), falling.clone()).unwrap_err().to_string();
        assert!(error.contains(&format!("row {} of column `up` is -3000000000", row + 1)), "{error}");
        let error = Train::up_down(falling.clone(), bad.clone()).unwrap_err().to_string();
        assert!(error.contains(&format!("row {} of column `down`", row + 1)), "{error}");
        let (both, sign): (Vec<f64>, Vec<f64>) =
            falling.iter().map(|v| (*v, -1.0)).chain(bad.iter().map(|v| (*v, 1.0))).unzip();
        let repeat: Vec<f64> = (0..80).map(|k| f64::from(k / 40)).collect();
        let error = Train::signed(&both, &sign, Some(&repeat)).unwrap_err().to_string();
        assert!(error.contains(&format!("value of row {} is", row + 41)), "{error}");
    }
    // Nearly all of the way in one pulse, wherever that pulse is, and quiet reads before and after it.
    for at in 0..40 {
        let abrupt = |from: f64, to: f64| -> Vec<f64> {
            (0..40).map(|k| if k < at { from } else { to } + 1e-3 * f64::from(k % 3)).collect()
        };
        assert!(Train::up_down(abrupt(1.0, 100.0), abrupt(100.0, 1.0)).is_ok(), "at {at}");
    }
}
