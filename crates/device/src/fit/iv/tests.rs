use super::*;
use crate::compact::{
    Bank, CompactModel, Drive, MeanMetastableSwitch, PershinDiVentra, Vteam, Waveform, drive,
};
use neurohm_num::Unwatched;

/// A loop of a model under a sine, by the adaptive driver, with noise of `noise` times the largest current.
fn measured<M: CompactModel>(model: M, amplitude_v: f64, cycles: usize, noise: f64) -> Loop {
    let frequency_hz = 10.0;
    let waveform = Waveform::Sine { amplitude_v, frequency_hz, offset_v: 0.0 };
    let t_end_s = cycles as f64 / frequency_hz;
    let mut bank = Bank::new(model, 1, Key::root(0)).with_tolerance(1e-7);
    let trace =
        drive(&mut bank, &Drive { waveform: &waveform, t_end_s, t_k: 300.0, max_step_s: 2e-4 }).unwrap();
    let n = 120 * cycles;
    let largest = trace.i_a.iter().fold(0.0_f64, |m, i| m.max(i.abs()));
    let stream = Key::root(8).stream(neurohm_num::Purpose::Data, 0);
    let (mut t, mut v, mut i) = (Vec::new(), Vec::new(), Vec::new());
    for k in 0..n {
        let at = t_end_s * k as f64 / n as f64;
        let next = trace.t_s.partition_point(|t| *t < at).max(1);
        let part = (at - trace.t_s[next - 1]) / (trace.t_s[next] - trace.t_s[next - 1]).max(1e-300);
        let current = trace.i_a[next - 1] + (trace.i_a[next] - trace.i_a[next - 1]) * part.clamp(0.0, 1.0);
        t.push(at);
        v.push(waveform.before(at));
        i.push(current + noise * largest * f64::from(stream.normal(k as u64)));
    }
    Loop::new(Some(t), v, i, None, 0.0).unwrap()
}

fn vteam() -> Vteam {
    Vteam {
        r_on_ohm: 2e3,
        r_off_ohm: 2e4,
        w_initial_m: 0.9e-9,
        k_off_m_per_s: 2e-7,
        k_on_m_per_s: -3e-7,
        v_off_v: 0.25,
        v_on_v: -0.3,
        alpha_off: 1.5,
        alpha_on: 2.0,
        ..Vteam::memtorch()
    }
}

fn quick(models: &[&str]) -> IvOptions {
    let models = models.iter().map(|m| (*m).to_owned()).collect();
    IvOptions { models, starts: 80, refined: 2, ..IvOptions::default() }
}

#[test]
fn the_parameters_that_made_a_loop_are_found_within_their_intervals() {
    let truth = vteam();
    let data = measured(truth.clone(), 0.8, 3, 1e-3);
    assert_eq!(data.cycles, 3);
    let fit = fit_loop(&data, &quick(&["vteam"]), &Unwatched).unwrap().remove(0);
    assert!(
        !fit.reversed && fit.rms_relative < 2e-3 && fit.held_out_a < 3e-3 * data.full_scale_a(),
        "{fit:?}"
    );
    // The description holds where there were data: a sine of 0.8 V and 10 Hz with 120 samples a period.
    let valid = fit.device.valid;
    let [low, high] = valid.voltage_v.unwrap();
    assert!((low + 0.8).abs() < 1e-3 && (high - 0.8).abs() < 1e-3, "{valid:?}");
    let [shortest, longest] = valid.time_s.unwrap();
    assert!((longest / 0.1 - 1.0).abs() < 1e-3 && (shortest * 1200.0 - 1.0).abs() < 1e-3, "{valid:?}");
    assert_eq!(valid.temperature_k, Some([300.0; 2]));
    let truth = Dynamic::Vteam(truth).parameters();
    let mut known = 0;
    for (found, truth) in fit.parameters.iter().zip(&truth) {
        let Some(interval) = found.interval95 else { continue };
        known += 1;
        // Six standard errors or so: the measured voltage is interpolated between 120 samples a cycle.
        let reach = 3.0 * interval.half_width() + 0.03 * truth.value.abs();
        assert!((found.value - truth.value).abs() < reach, "{found:?} {truth:?}");
    }
    assert!(known >= 5, "{:#?}", fit.parameters);
    let text = crate::to_toml(&fit.device);
    assert!(text.contains("[compact.vteam]"), "{text}");
}

#[test]
fn a_loop_that_never_switches_leaves_the_switching_open() {
    let data = measured(Vteam { v_off_v: 5.0, v_on_v: -5.0, ..vteam() }, 0.2, 2, 1e-3);
    let fit = fit_loop(&data, &quick(&["vteam"]), &Unwatched).unwrap().remove(0);
    assert!(fit.rms_relative < 3e-3, "{}", fit.rms_relative);
    for name in ["k_off", "k_on", "alpha_off", "alpha_on"] {
        let p = fit.parameters.iter().find(|p| p.name == name).unwrap();
        assert!(
            p.held.as_deref().is_some_and(|why| why.contains("determined") || why.contains("bound")),
            "{p:?}"
        );
        assert!(fit.device.differences.iter().any(|d| d.starts_with(name)), "{:?}", fit.device.differences);
    }
    assert!(!fit.undetermined.is_empty());
}

#[test]
fn the_model_that_made_the_data_comes_first_in_either_polarity() {
    let made =
        MeanMetastableSwitch { r_on_ohm: 5e3, r_off_ohm: 5e4, tau_s: 5e-3, ..MeanMetastableSwitch::knowm() };
    let mut data = measured(made, 0.5, 3, 2e-3);
    let first = |data: &Loop| {
        let fits = fit_loop(data, &quick(&["vteam", "mean_metastable_switch"]), &Unwatched).unwrap();
        assert!(fits[0].held_out_a <= fits[1].held_out_a);
        (fits[0].model, fits[0].reversed, fits[0].rms_relative)
    };
    let (model, reversed, error) = first(&data);
    assert_eq!((model, reversed), ("mean_metastable_switch", false));
    assert!(error < 3e-3, "{error}");
    data.v.iter_mut().chain(&mut data.i_a).for_each(|x| *x = -*x);
    let (model, reversed, error) = first(&data);
    assert_eq!((model, reversed), ("mean_metastable_switch", true));
    assert!(error < 3e-3, "{error}");
}

#[test]
fn a_record_without_times_needs_the_frequency_and_a_series_resistor_is_taken_off() {
    let n = 200;
    let phase = |k: usize| std::f64::consts::TAU * 2.0 * k as f64 / n as f64;
    let v: Vec<f64> = (0..n).map(|k| phase(k).sin()).collect();
    let i: Vec<f64> = (0..n).map(|k| v[k] * (1.0 - 0.1 * phase(k).cos()) / 3e3).collect();
    let asked = Loop::new(None, v.clone(), i.clone(), None, 0.0).unwrap_err().to_string();
    assert!(asked.contains("--frequency"), "{asked}");
    let data = Loop::new(None, v.clone(), i.clone(), Some(50.0), 1e3).unwrap();
    assert_eq!(data.cycles, 2);
    assert!((data.t_s[1] - 2.0 / 50.0 / 200.0).abs() < 1e-15);
    assert!((0..n).all(|k| (data.v[k] - (v[k] - 1e3 * i[k])).abs() < 1e-12));
    let refused =
        |time, v: Vec<f64>, i: Vec<f64>| Loop::new(time, v, i, Some(1.0), 0.0).unwrap_err().to_string();
    assert!(refused(None, v[..10].to_vec(), i[..10].to_vec()).contains("too few"));
    let mut gap = v.clone();
    gap[6] = f64::NAN;
    assert!(refused(None, gap, i.clone()).contains("the voltage of row 7 is NaN"));
    let mut back: Vec<f64> = (0..n).map(|k| k as f64).collect();
    back[4] = 1.0;
    assert!(refused(Some(back), v.clone(), i.clone()).contains("the time of row 5 is 1 s after 3 s"));
    assert!(refused(None, vec![1.0; n], i.clone()).contains("may be the same throughout"));
    let data = Loop::new(None, v, i, Some(1.0), 0.0).unwrap();
    let unknown = fit_loop(&data, &quick(&["vteem"]), &Unwatched).unwrap_err().to_string();
    assert!(unknown.contains("did you mean `vteam`?"), "{unknown}");
}

#[test]
fn a_resistor_has_no_loop_to_fit_and_a_gap_in_the_times_is_told() {
    let n = 200;
    let phase = |k: usize| std::f64::consts::TAU * k as f64 / n as f64;
    let v: Vec<f64> = (0..n).map(|k| libm::sin(phase(k))).collect();
    let ohmic = v.iter().map(|v| v / 1e3).collect();
    let error = Loop::new(None, v.clone(), ohmic, Some(10.0), 0.0).unwrap_err().to_string();
    assert!(error.contains("the current is a function of the voltage"), "{error}");
    let looped: Vec<f64> = (0..n).map(|k| v[k] * (1.0 - 0.3 * libm::cos(phase(k))) / 1e3).collect();
    let t: Vec<f64> = (0..n).map(|k| 5e-4 * k as f64 + if k > 60 { 0.02 } else { 0.0 }).collect();
    let data = Loop::new(Some(t), v, looped, None, 0.0).unwrap();
    assert!(
        data.notes.iter().any(|note| note.contains("Between rows 61 and 62 lie 20.5 ms")),
        "{:?}",
        data.notes
    );
}

#[test]
fn a_fit_whose_first_state_ends_outside_of_fitted_bounds_writes_where_the_cell_began() {
    // A cell that begins at its lower resistance: the fit moves that bound and the first state apart from each other.
    let made = PershinDiVentra { r_initial_ohm: 1e3, ..PershinDiVentra::threshold() };
    let data = measured(made, 2.5, 2, 1e-3);
    let plan = plan::Plan::new(plan::variants("pershin_di_ventra").remove(0), &data, 1.0);
    let names: Vec<&str> = plan.variables.iter().map(|v| v.name.as_str()).collect();
    assert!(["r_on", "r_initial"].iter().all(|n| names.contains(n)), "{names:?}");
    // Such an end of a search is simulated as if it began at the bound, and written so.
    let outside: Vec<f64> =
        plan.variables.iter().map(|v| if v.name == "r_initial" { 0.3 * 1e3 } else { v.start }).collect();
    let mut dynamic = plan.with(&outside).unwrap();
    let mut before = vec![0.0; data.v.len()];
    simulate(&dynamic, &data, 1.0, 300.0, 1, &mut before).unwrap();
    assert!(dynamic.validate_first_state().is_err());
    assert!(dynamic.settle_first_state() && !dynamic.clone().settle_first_state());
    let mut after = vec![0.0; data.v.len()];
    simulate(&dynamic, &data, 1.0, 300.0, 1, &mut after).unwrap();
    assert_eq!(before, after);
    let fit = fit_loop(&data, &quick(&["pershin_di_ventra"]), &Unwatched).unwrap().remove(0);
    assert!(crate::parse(&crate::to_toml(&fit.device), "written").is_ok());
    let of = |name: &str| fit.parameters.iter().find(|p| p.name == name).unwrap().value;
    assert!((of("r_on")..=of("r_off")).contains(&of("r_initial")), "{:?}", fit.parameters);
}
