use super::*;
use crate::aspect::{Activated, Noise, Retention, Write};
use crate::{CellArray, CellSpec, Curve, Deviation, DeviceSpec, ThermalLoss};
use neurohm_num::{Key, Purpose};

fn law() -> Activated {
    let x = vec![0.05, 0.35, 0.65, 0.95];
    Activated {
        attempt_time_s: 1e-13,
        t_ref_s: 5000.0,
        temperature_ref_k: 453.15,
        relaxation_energy_ev: 0.9,
        unit_s: 1e-6,
        fitted_g_max_s: 100e-6,
        shift: Curve::Table { x: x.clone(), y: vec![3.0, 4.0, 1.0, -2.0] },
        spread: Curve::Table { x, y: vec![4.0, 6.0, 5.0, 2.0] },
        loss: Some(ThermalLoss {
            energy_ev: 1.6,
            energy_slope_ev: 0.1,
            energy_bend_ev: 0.0,
            width_ev: 0.08,
            rate_spread: 1.0,
        }),
        known_from_s: None,
        known_to_s: None,
        coldest_k: None,
        hottest_k: None,
    }
}

fn sampled(law: &Activated, conditions: &[(f64, f64)], cells: usize) -> Vec<Kept> {
    let mut spec = CellSpec::ideal(0.0, 100e-6);
    spec.retention = Some(Retention::Activated(Box::new(law.clone())));
    let mut out = Vec::new();
    for (i, (celsius, time_s)) in conditions.iter().enumerate() {
        let mut array = CellArray::new(&spec, cells, Key::root(11 + i as u64)).unwrap();
        let initial: Vec<f32> = (0..cells).map(|i| (5.0 + 90.0 * i as f32 / cells as f32) * 1e-6).collect();
        array.program(&initial).unwrap();
        array.set_temperature(celsius + 273.15).unwrap();
        array.advance(*time_s).unwrap();
        let mut later = vec![0.0; cells];
        array.observe_into(&mut later).unwrap();
        out.extend(initial.iter().zip(&later).map(|(a, b)| Kept {
            initial_s: f64::from(*a),
            later_s: f64::from(*b),
            time_s: *time_s,
            t_k: celsius + 273.15,
        }));
    }
    out
}

fn options() -> RetentionOptions {
    RetentionOptions { g_max_s: Some(100e-6), points: 4, ..RetentionOptions::default() }
}

#[test]
fn a_fit_finds_the_barriers_that_cells_were_sampled_with() {
    let truth = law();
    let data = sampled(&truth, &[(100.0, 5000.0), (180.0, 5000.0), (220.0, 5000.0), (260.0, 5000.0)], 8000);
    let fitted = fit_retention(&data, &options()).unwrap();
    let at = |name: &str| fitted.parameters.iter().find(|e| e.name == name).unwrap();
    for (name, value, off) in [
        ("relaxation_energy", 0.9, 0.05),
        ("loss.energy", 1.6, 0.03),
        ("loss.width", 0.08, 0.02),
        ("loss.rate_spread", 1.0, 0.15),
    ] {
        assert!((at(name).value - value).abs() < off, "{:?}", at(name));
    }
    assert!(at("loss.energy").interval95.unwrap().half_width() < 0.05);
    assert!(fitted.notes[0].starts_with("attempt_time is held at 100 fs"), "{:?}", fitted.notes);
    // Held out: between and below the temperatures fitted, and ten times longer.
    let out = sampled(&truth, &[(140.0, 5000.0), (240.0, 5000.0), (60.0, 5e4)], 8000);
    for e in fitted.held_out(&out).unwrap() {
        assert!(e.mean_s[0] < 2.0 * e.mean_s[1] + 0.2e-6, "{e:?}");
        assert!(e.sd_s[0] < 2.0 * e.sd_s[1] + 0.2e-6, "{e:?}");
    }
}

#[test]
fn relaxation_at_one_temperature_needs_no_loss_and_goes_on() {
    let truth = Activated {
        loss: None,
        relaxation_energy_ev: 0.62,
        t_ref_s: 1.0,
        temperature_ref_k: 298.15,
        ..law()
    };
    let times = [0.01, 0.1, 1.0, 10.0, 1000.0].map(|t| (25.0, t));
    let fitted = fit_retention(&sampled(&truth, &times, 6000), &options()).unwrap();
    assert!(fitted.law.loss.is_none());
    assert!((fitted.parameters[0].value - 0.62).abs() < 0.03, "{:?}", fitted.parameters);
    let e = &fitted.held_out(&sampled(&truth, &[(25.0, 1e5)], 6000)).unwrap()[0];
    assert!(e.mean_s[0] < 2.0 * e.mean_s[1] && e.sd_s[0] < 2.0 * e.sd_s[1] + 0.1e-6, "{e:?}");
}

/// Times and temperatures together tell barriers from the attempt time.
#[test]
fn times_and_temperatures_together_give_the_attempt_time() {
    let conditions = [
        (25.0, 1.0),
        (25.0, 1e5),
        (100.0, 5.0),
        (100.0, 5e4),
        (180.0, 500.0),
        (220.0, 50.0),
        (240.0, 5000.0),
    ];
    let truth = law();
    let fitted = fit_retention(&sampled(&truth, &conditions, 6000), &options()).unwrap();
    let at = |name: &str| fitted.parameters.iter().find(|e| e.name == name).unwrap();
    let attempt = at("attempt_time");
    assert!((attempt.value / 1e-13).ln().abs() < 3.0, "{attempt:?}");
    assert!((at("loss.energy").value - 1.6).abs() < 0.12, "{:?}", fitted.parameters);
    // A month at 85 C, and an hour at 260 C.
    for e in fitted.held_out(&sampled(&truth, &[(85.0, 2.6e6), (260.0, 3600.0)], 6000)).unwrap() {
        assert!(e.mean_s[0] < 2.0 * e.mean_s[1] + 0.3e-6 && e.sd_s[0] < 2.0 * e.sd_s[1] + 0.3e-6, "{e:?}");
    }
}

#[test]
fn one_condition_determines_no_law_of_time() {
    let data = sampled(&law(), &[(180.0, 5000.0)], 2000);
    let text = fit_retention(&data, &options()).unwrap_err().to_string();
    assert!(text.starts_with("the data do not determine relaxation_energy"), "{text}");
    assert!(fit_retention(&data[..12], &options()).unwrap_err().to_string().contains("12 measurements"));
    let mut wrong = data;
    wrong[7].later_s = f64::NAN;
    assert!(fit_retention(&wrong, &options()).unwrap_err().to_string().contains("measurement 7 is"));
}

#[test]
fn rows_are_paired_by_cell_and_temperature() {
    let row = |cell, time_s, g_s, t_k| Reading { cell, time_s, g_s, t_k };
    let rows = [
        row(1, 0.0, 1e-6, 373.15),
        row(2, 0.0, 2e-6, 373.15),
        row(1, 0.0, 5e-6, 453.15),
        row(2, 10.0, 2.5e-6, 373.15),
        row(1, 20.0, 4e-6, 453.15),
    ];
    let pairs = kept(&rows).unwrap();
    assert_eq!(pairs[0], Kept { initial_s: 2e-6, later_s: 2.5e-6, time_s: 10.0, t_k: 373.15 });
    assert_eq!(pairs[1], Kept { initial_s: 5e-6, later_s: 4e-6, time_s: 20.0, t_k: 453.15 });
    let text = kept(&[row(3, 1.0, 1e-6, 373.15)]).unwrap_err().to_string();
    assert_eq!(text, "cell 3 at 100 C has no row at time 0: its conductance after programming is not known");
}

#[test]
fn an_activated_device_survives_its_file_and_says_where_it_was_measured() {
    let mut cell = CellSpec::ideal(0.0, 100e-6);
    let known =
        Activated { known_to_s: Some(7200.0), coldest_k: Some(373.15), hottest_k: Some(533.15), ..law() };
    cell.retention = Some(Retention::Activated(Box::new(known)));
    let mut device: DeviceSpec = crate::preset("ideal").unwrap();
    device.cell = Some(cell);
    let text = crate::to_toml(&device);
    assert!(text.contains("[retention.activated.loss]") && text.contains("energy = \"1.6 eV\""), "{text}");
    assert_eq!(crate::parse(&text, "file").unwrap(), device);
    let note = device.extrapolated_at(3600.0, 573.15).unwrap();
    assert!(note.contains("measured from 100 C to 260 C; at 300 C"), "{note}");
    assert!(device.extrapolated_at(3600.0, 453.15).is_none());
    let bad = text.replace("energy = \"1.6 eV\"", "energy = \"160 eV\"");
    let text = crate::parse(&bad, "file").and_then(|d| d.validate()).unwrap_err().to_string();
    assert!(text.contains("retention.activated.loss.energy"), "{text}");
}

#[test]
fn ablation_takes_activated_retention_apart() {
    use crate::Nonidealities;
    let mut device: DeviceSpec = crate::preset("ideal").unwrap();
    let mut cell = CellSpec::ideal(0.0, 100e-6);
    cell.retention = Some(Retention::Activated(Box::new(law())));
    device.cell = Some(cell);
    let bake = |device: &DeviceSpec| {
        let cell = device.cell.as_ref().unwrap();
        let p = crate::predict::predict_retention(cell, &[50e-6], 533.15, 5000.0).unwrap();
        (p.mean_s[0], p.std_s[0])
    };
    let mut still = device.clone();
    assert!(still.without("device.retention.mean"));
    assert!(bake(&device).0 < 40e-6 && (bake(&still).0 - 50e-6).abs() < 1e-6, "{:?}", bake(&still));
    let mut alike = device.clone();
    assert!(alike.without("device.retention.spread"));
    assert!(bake(&device).1 > 5e-6 && bake(&alike).1 < 1e-10, "{:?}", bake(&alike));
    assert!(device.without("device.retention"));
    assert_eq!(bake(&device), (50e-6, 0.0));
}

fn normals(n: usize, event: u64) -> Vec<f64> {
    let mut z = vec![0.0; n];
    Key::root(4).stream(Purpose::Wiener, event).fill_normal(0, &mut z);
    z.into_iter().map(f64::from).collect()
}

const RATE: NoiseOptions = NoiseOptions { rate_hz: 400.0, first_s: 1.0, g_max_s: None, band_hz: None };

/// White noise of variance s^2 has the one-sided density 2 s^2 / rate everywhere (Parseval).
#[test]
fn the_spectrum_of_white_noise_is_flat_at_its_variance() {
    let s = welch(&normals(1 << 16, 1), 400.0, 1 << 10);
    let mean = neurohm_num::stats::mean(&s.density);
    assert!((mean / (2.0 / 400.0) - 1.0).abs() < 0.02, "{mean}");
    let tone: Vec<f64> =
        (0..1 << 14).map(|i| (2.0 * std::f64::consts::PI * 50.0 * f64::from(i) / 400.0).sin()).collect();
    let s = welch(&tone, 400.0, 1 << 10);
    let peak = (0..s.density.len()).max_by(|a, b| s.density[*a].total_cmp(&s.density[*b])).unwrap();
    assert!((s.frequency_hz[peak] - 50.0).abs() < 0.2);
    let power: f64 = s.density.iter().sum::<f64>() * s.frequency_hz[0];
    assert!((power - 0.5).abs() < 0.01, "{power}");
}

#[test]
fn white_reads_give_white_noise_by_level() {
    let series: Vec<Series> = [20e-6, 100e-6]
        .iter()
        .enumerate()
        .map(|(i, g)| {
            let sd = 0.01 * g + 0.1e-6;
            let g_s = normals(20_000, i as u64 + 5).iter().map(|z| g + sd * z).collect();
            Series { name: format!("{i}"), g_s }
        })
        .collect();
    let fitted = fit_noise(&series, &RATE).unwrap();
    let Noise::White { amplitude } = &fitted.noise else { panic!("{:?}", fitted.noise) };
    for (g, sd) in [(20e-6, 0.3e-6), (100e-6, 1.1e-6)] {
        assert!((amplitude.sd_s(g, fitted.g_max_s) / sd - 1.0).abs() < 0.03);
    }
    assert!(fitted.series.iter().all(|s| s.telegraph.is_none() && s.slope.abs() < 0.2));
}

/// A sum of first-order processes, four a decade, has the spectrum 1/f between their corners.
#[test]
fn slow_reads_give_one_over_f_noise_with_the_measured_scatter() {
    let n = 1 << 16;
    let mut g = vec![50e-6; n];
    for i in 0..24 {
        let rate = 1e-3 * 10_f64.powf(f64::from(i) / 4.0);
        let rho = (-rate / 400.0 * 2.0 * std::f64::consts::PI).exp();
        let mut y = 0.0;
        for (g, z) in g.iter_mut().zip(normals(n, 100 + i as u64)) {
            y = rho * y + (1.0 - rho * rho).sqrt() * z;
            *g += 0.1e-6 * y;
        }
    }
    let series = [Series { name: "a".to_owned(), g_s: g }];
    let fitted = fit_noise(&series, &RATE).unwrap();
    assert!((fitted.series[0].slope + 1.0).abs() < 0.1, "{:?}", fitted.series);
    assert!(matches!(fitted.noise, Noise::OneOverF { .. }));
    let mut spec = CellSpec::ideal(0.0, fitted.g_max_s);
    spec.noise = Some(fitted.noise.clone());
    let reads = crate::predict::Reads { first_s: 1.0, rate_hz: 400.0, count: n };
    let p = crate::predict::predict_noise(&spec, &[fitted.series[0].mean_s], &reads).unwrap();
    assert!((p.std_s[0] / fitted.series[0].sd_s - 1.0).abs() < 1e-6);
}

#[test]
fn two_states_are_seen_with_their_dwell_times() {
    let mut up = false;
    let u = normals(40_000, 9);
    let g_s = normals(40_000, 10)
        .iter()
        .zip(&u)
        .map(|(z, u)| {
            // One jump up in 44 reads, one down in 15.
            up = if up { *u < 1.5 } else { *u > 2.0 };
            50e-6 + if up { 5e-6 } else { 0.0 } + 0.5e-6 * z
        })
        .collect();
    let fitted = fit_noise(&[Series { name: "rtn".to_owned(), g_s }], &RATE).unwrap();
    let t = fitted.series[0].telegraph.unwrap();
    assert!((t.high_s - 55e-6).abs() < 0.2e-6 && (t.low_s - 50e-6).abs() < 0.2e-6, "{t:?}");
    assert!((t.dwell_s[0] * 400.0 / 43.96 - 1.0).abs() < 0.15, "{t:?}");
    assert!((t.dwell_s[1] * 400.0 / 14.97 - 1.0).abs() < 0.15, "{t:?}");
    assert!(fitted.notes.iter().any(|n| n.contains("telegraph noise")));
}

#[test]
fn noise_without_scatter_or_rate_is_refused() {
    let flat = [Series { name: "a".to_owned(), g_s: vec![1e-6; 100] }];
    assert!(fit_noise(&flat, &RATE).unwrap_err().to_string().contains("do not determine noise"));
    let short = [Series { name: "a".to_owned(), g_s: vec![1e-6; 10] }];
    assert!(fit_noise(&short, &RATE).unwrap_err().to_string().contains("`a` has 10 reads"));
    let still = NoiseOptions { rate_hz: 0.0, ..RATE };
    assert!(fit_noise(&flat, &still).unwrap_err().to_string().contains("give the rate"));
}

#[test]
fn devices_are_told_from_cycles_where_cells_repeat() {
    let (cells, repeats) = (2000, 4);
    let (device, cycle) = (normals(cells, 20), normals(cells * repeats * 2, 21));
    let mut data = Vec::new();
    for (level, target_s) in [20e-6, 80e-6].into_iter().enumerate() {
        for c in 0..cells {
            for r in 0..repeats {
                let z = cycle[(level * cells + c) * repeats + r];
                let reached_s = target_s + 0.01 * target_s * device[c] + 1e-6 * z;
                data.push(Programmed { cell: Some(c as u64), target_s, reached_s });
            }
        }
    }
    let fitted = fit_programming(&data, Some(100e-6)).unwrap();
    let Write::Programmed { c2c: Some(c2c), d2d: Some(d2d) } = &fitted.write else { panic!() };
    let sd = |d: &Deviation, g: f64| d.sd_s(g, 100e-6);
    assert!((sd(c2c, 20e-6) / 1e-6 - 1.0).abs() < 0.03 && (sd(c2c, 80e-6) / 1e-6 - 1.0).abs() < 0.03);
    assert!((sd(d2d, 80e-6) / 0.8e-6 - 1.0).abs() < 0.06, "{}", sd(d2d, 80e-6));
    assert!((sd(d2d, 20e-6) / 0.2e-6 - 1.0).abs() < 0.5, "{}", sd(d2d, 20e-6));
    let once: Vec<Programmed> =
        data.iter().step_by(repeats).map(|p| Programmed { cell: None, ..*p }).collect();
    let fitted = fit_programming(&once, None).unwrap();
    assert!(matches!(&fitted.write, Write::Programmed { c2c: Some(_), d2d: None }));
    assert!(fitted.notes[0].contains("no cell was programmed twice"));
    assert!(fit_programming(&once[..5], None).unwrap_err().to_string().contains("5 programmings"));
}
