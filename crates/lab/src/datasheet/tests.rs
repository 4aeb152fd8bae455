use super::levels::{MOST, Seen, count, z_of};
use super::*;
use neurohm_device::nonlinearity::label;
use neurohm_device::{
    CellSpec, Deviation, Endurance, Noise, Onset, Pulse, Retention, Write, preset, presets,
};
use neurohm_num::{Purpose, Unwatched};

/// A device with these statistics.
fn device(cell: CellSpec) -> DeviceSpec {
    DeviceSpec { cell: Some(cell), compact: None, operation: None, ..preset("pcm").unwrap() }
}

fn bare(low_s: f64, high_s: f64) -> CellSpec {
    CellSpec { write: None, retention: None, noise: None, faults: None, ..CellSpec::ideal(low_s, high_s) }
}

fn sheet(spec: &DeviceSpec) -> Datasheet {
    datasheet(spec, Depth::QUICK, Key::root(1), &Unwatched).unwrap()
}

fn value(sheet: &Datasheet, name: &str) -> f64 {
    let p = sheet.property(name).unwrap();
    p.value.unwrap_or_else(|| panic!("{name}: {:?} {}", p.status, p.how))
}

fn status(sheet: &Datasheet, name: &str) -> Status {
    sheet.property(name).unwrap().status
}

#[test]
fn z_is_the_quantile_of_the_normal_distribution() {
    // Tables of the normal distribution: two-sided 5 %, 1 % and 0.1 %.
    for (rate, z) in [(0.05, 1.959_964), (0.01, 2.575_829), (0.001, 3.290_527)] {
        assert!((z_of(rate) - z).abs() < 1e-6, "{}", z_of(rate));
    }
}

#[test]
fn levels_of_one_spread_are_as_many_as_fit() {
    // Range over 2 z s: 24 / (2 x 3 x 0.5) = 8 spacings, nine levels.
    let line = |sd: f64, n: usize| -> Vec<Seen> {
        (0..n).map(|k| Seen { mean_s: 24.0 * k as f64 / (n - 1) as f64, sd_s: sd }).collect()
    };
    for points in [2, 7, 33] {
        assert!((count(&line(0.5, points), 3.0) - 9.0).abs() < 1e-9);
        assert!((count(&line(0.4, points), 3.0) - 11.0).abs() < 1e-9);
        // 24 / 7.2 = 3 1/3 spacings.
        assert!((count(&line(1.2, points), 3.0) - (4.0 + 1.0 / 3.0)).abs() < 1e-9);
    }
    assert_eq!(count(&line(0.0, 33), 3.0), MOST);
    assert!(count(&line(100.0, 33), 3.0) < 2.0);
    assert_eq!(count(&[], 3.0), 0.0);
}

#[test]
fn levels_of_a_proportional_spread_grow_geometrically() {
    // s = c mu: mu_2 - mu_1 = z c (mu_1 + mu_2), so neighbours are (1 + zc) / (1 - zc) apart.
    let (c, z, low, high) = (0.02, 3.0, 1.0_f64, 20.0_f64);
    let seen: Vec<Seen> = (0..=4000)
        .map(|k| low + (high - low) * f64::from(k) / 4000.0)
        .map(|g| Seen { mean_s: g, sd_s: c * g })
        .collect();
    let expected = 1.0 + (high / low).ln() / ((1.0 + z * c) / (1.0 - z * c)).ln();
    assert_eq!(count(&seen, z).floor(), expected.floor());
    assert!((count(&seen, z) - expected).abs() < 0.1);
}

#[test]
fn more_spread_never_means_more_levels() {
    for case in 0..200 {
        let stream = Key::root(7).stream(Purpose::Start, case);
        let number = |n: u64| f64::from(stream.uniform(n));
        // Any rising means; a spread that grows with the mean.
        let (offset, slope) = (0.02 + 0.1 * number(0), 0.01 * number(1));
        let mut mean_s = 0.0;
        let means: Vec<f64> = (0..20)
            .map(|n| {
                mean_s += number(2 + n);
                mean_s
            })
            .collect();
        let levels = |factor: f64| {
            let seen = |m: &f64| Seen { mean_s: *m, sd_s: factor * (offset + slope * m) };
            count(&means.iter().map(seen).collect::<Vec<_>>(), 3.3)
        };
        let counts = [1.0, 1.3, 2.0, 8.0].map(levels);
        assert!(counts.windows(2).all(|w| w[1] <= w[0]), "{case}: {counts:?}");
        // Neighbours mu and mu' with mu' - mu = z (s + s') fit, so as many closed-form steps lie in the range.
        let z = 3.3;
        let step = |m: f64| (m * (1.0 + z * slope) + 2.0 * z * offset) / (1.0 - z * slope);
        let laid = std::iter::successors(Some(means[0]), |m| Some(step(*m)).filter(|m| *m <= means[19]));
        assert!((levels(1.0).floor() - laid.count() as f64).abs() < 1e-9, "{case}");
    }
}

#[test]
fn trains_that_meet_nowhere_are_not_compared() {
    use super::trains::{asymmetry, judge, step_at};
    let (low, high): (Vec<f64>, Vec<f64>) =
        ((0..9).map(f64::from).collect(), (20..29).rev().map(f64::from).collect());
    let of = |a: &[f64], b: &[f64]| asymmetry([0.0, 28.0], |g| step_at(a, g), |g| step_at(b, g));
    assert_eq!(of(&low, &high), None);
    // Straight up by ones and down by twos: a third everywhere.
    let up: Vec<f64> = (0..=28).map(f64::from).collect();
    let down: Vec<f64> = (0..=14).rev().map(|n| 2.0 * f64::from(n)).collect();
    assert!((of(&up, &down).unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(judge(&up).map(|t| (t.pulses, t.label)), Some((26, Some(0.0))));
    assert_eq!(judge(&[1.0, 1.0, 1.0]), None);
    assert_eq!(judge(&[1.0, 9.0, 9.0]).map(|t| (t.pulses, t.label)), Some((1, None)));
}

#[test]
fn a_device_of_constant_spread_has_the_levels_of_the_closed_form() {
    // Error 0.3 uS and noise 0.4 uS make 0.5 uS: 1 + floor(50 / (2 x 3.2905 x 0.5)) = 16.
    let independent = |sd_s: f64| Deviation::Independent { sd_s };
    let cell = CellSpec {
        write: Some(Write::Programmed { c2c: Some(independent(0.3e-6)), d2d: None }),
        noise: Some(Noise::White { amplitude: independent(0.4e-6) }),
        ..bare(50e-6, 100e-6)
    };
    let sheet = sheet(&device(cell));
    assert!((value(&sheet, "levels") - 16.0).abs() <= 1.0, "{}", value(&sheet, "levels"));
    assert!((value(&sheet, "write_error") - 0.6).abs() < 0.04);
    assert!((value(&sheet, "read_noise") - 100.0 * 0.4 / 75.0).abs() < 0.04);
    assert!((value(&sheet, "on_off_ratio") - 2.0).abs() < 0.01);
    // Nobody said how it keeps: no more than that many after a day.
    assert_eq!(status(&sheet, "levels"), Status::Value);
    assert_eq!(status(&sheet, "levels_aged"), Status::AtMost);
    assert_eq!(status(&sheet, "retention"), Status::NotMeasured);
}

#[test]
fn an_absent_aspect_is_not_measured_and_an_ideal_one_unbounded() {
    let nothing = sheet(&device(bare(1e-6, 1e-4)));
    for name in ["levels", "write_error", "on_spread", "retention", "read_noise", "endurance_half", "yield"] {
        assert_eq!(status(&nothing, name), Status::NotMeasured, "{name}");
    }
    for p in &nothing.properties {
        assert_eq!(p.status == Status::NotMeasured, p.value.is_none(), "{}", p.name);
        assert!(!p.how.is_empty(), "{}", p.name);
    }
    assert!((value(&nothing, "on_off_ratio") - 100.0).abs() < 1e-9);
    let ideal = sheet(&device(CellSpec::ideal(0.0, 1e-4)));
    for name in ["levels", "levels_aged", "retention", "on_off_ratio"] {
        assert_eq!(status(&ideal, name), Status::Unbounded, "{name}");
    }
    assert_eq!(value(&ideal, "yield"), 100.0);
}

/// The law of a preset, with other numbers in it.
fn law(toml: &str) -> Pulse {
    let head = "name = \"d\"\n[cell]\ng_min = \"50 uS\"\ng_max = \"100 uS\"\n";
    let spec = neurohm_device::parse(&format!("{head}{toml}"), "test").unwrap();
    spec.cell.and_then(|c| c.pulse).unwrap()
}

fn pulsed(toml: &str) -> Datasheet {
    sheet(&device(CellSpec { pulse: Some(law(toml)), ..bare(50e-6, 100e-6) }))
}

#[test]
fn constant_steps_are_straight_and_as_asymmetric_as_their_sizes_say() {
    // 2 / 0.01 = 200 steps of 0.01 (1 + 0.2) up and 0.01 (1 - 0.2) down.
    let steps = "w_min = -1.0\nw_max = 1.0\nstep = 0.01\nup_down = 0.2\nc2c = 0.3\n";
    let sheet = pulsed(&format!("[pulse.constant_step.steps]\n{steps}"));
    assert!(value(&sheet, "nonlinearity_up") < 1e-6 && value(&sheet, "nonlinearity_down") < 1e-6);
    let [up, down] = law(&format!("[pulse.constant_step.steps]\n{steps}")).steps().unwrap().means();
    assert!((value(&sheet, "asymmetry") - (up - down) / (up + down)).abs() < 1e-9);
    assert!((value(&sheet, "pulses_up") - (1.8 / up).ceil()).abs() <= 1.0);
    assert!((value(&sheet, "pulses_down") - (1.8 / down).ceil()).abs() <= 1.0);
    assert!((value(&sheet, "step_spread") - 30.0).abs() < 3.0, "{}", value(&sheet, "step_spread"));
}

#[test]
fn pulses_with_voltage_and_width_have_energy_and_time() {
    // 0.01 of 2 a step: 180 pulses cover nine tenths of 50 uS, at 72.5 uS in the mean; V^2 G t of 1.2 V and 100 ns.
    let steps = "w_min = -1.0\nw_max = 1.0\nstep = 0.01\nup = { voltage = \"1.2 V\", width = \"100 ns\" }\n";
    let sheet = pulsed(&format!("[pulse.constant_step.steps]\n{steps}"));
    assert!((value(&sheet, "set_time") / 18e-6 - 1.0).abs() < 0.01, "{}", value(&sheet, "set_time"));
    let joule = 180.0 * 1.44 * 100e-9 * 72.5e-6;
    assert!((value(&sheet, "set_energy") / joule - 1.0).abs() < 0.01, "{}", value(&sheet, "set_energy"));
    // Nobody said how the pulses down look.
    assert_eq!(status(&sheet, "reset_energy"), Status::NotMeasured);
}

#[test]
fn soft_bounds_bend_as_their_exponential_says() {
    // w -> 1 by 1 - w = 2 (1 - D)^n: nine tenths take n = ln 10 / D pulses, so A / P_max = 1 / ln 10. The sizes of the
    // steps are D (1 - w) and D (1 + w): |w| is the asymmetry, 0.45 in the mean over |w| < 0.9.
    let toml = "[pulse.soft_bounds.steps]\nw_min = -1.0\nw_max = 1.0\nstep = 0.002\n";
    let sheet = pulsed(toml);
    let expected = label(1.0 / 10.0_f64.ln());
    for name in ["nonlinearity_up", "nonlinearity_down"] {
        assert!((value(&sheet, name) - expected).abs() < 0.02, "{} {expected}", value(&sheet, name));
    }
    assert!((value(&sheet, "asymmetry") - 0.45).abs() < 0.01, "{}", value(&sheet, "asymmetry"));
    assert!((value(&sheet, "pulses_up") - 10.0_f64.ln() / 0.002).abs() < 3.0);
}

#[test]
fn wear_follows_the_weibull_distribution() {
    let onset = || Onset::at(1e6, Some(2.0));
    let cell = |law: Endurance| device(CellSpec { endurance: Some(law), ..bare(1e-6, 1e-4) });
    let sudden = sheet(&cell(Endurance::Sudden { onset: onset(), g_s: 1e-5 }));
    // F(x) = 1 - exp(-(x / 1e6)^2): 1 % at 1e6 sqrt(-ln 0.99), half at 1e6 sqrt(ln 2).
    assert!((value(&sudden, "endurance_first") / (1e6 * (-(0.99_f64.ln())).sqrt()) - 1.0).abs() < 1e-9);
    assert!((value(&sudden, "endurance_half") / (1e6 * 2.0_f64.ln().sqrt()) - 1.0).abs() < 1e-9);
    // Only the upper end falls, by a decade of resistance a decade of cycles, so it has halved with the window at
    // x = 1e-4 / (1e-6 + 0.99e-4 / 2) onsets.
    let slow = sheet(&cell(Endurance::Gradual { onset: onset(), slope_on: 1.0, slope_off: 0.0 }));
    let factor = 1e-4 / (1e-6 + 0.5 * 0.99e-4);
    let expected = factor * 1e6 * 2.0_f64.ln().sqrt();
    assert!((value(&slow, "endurance_half") / expected - 1.0).abs() < 1e-6);
    assert_eq!(status(&sheet(&cell(Endurance::Ideal {})), "endurance_half"), Status::Unbounded);
}

#[test]
fn retention_of_a_logarithmic_law_is_its_closed_form() {
    // All levels shift by 1 uS a factor e: a tenth of 50 uS takes e^5 seconds.
    let law = Retention::Logarithmic {
        from_s: 1.0,
        shift_s: 0.0,
        shift_per_ln_s: 1e-6,
        spread_s: 0.0,
        spread_per_ln_s: 0.0,
    };
    let sheet = sheet(&device(CellSpec { retention: Some(law), ..bare(50e-6, 100e-6) }));
    assert!(
        (value(&sheet, "retention") / 5.0_f64.exp() - 1.0).abs() < 1e-3,
        "{}",
        value(&sheet, "retention")
    );
    assert_eq!(status(&sheet, "retention_85c"), Status::NotMeasured);
}

#[test]
fn vteam_switches_in_the_time_and_with_the_energy_of_its_formula() {
    // RESET of memtorch's set: w from 0 to 3 nm at k_off (v / v_off - 1), R from 50 to 1000 ohm linear in w.
    let spec = preset("vteam_memtorch").unwrap();
    let pulse = spec.operation.as_ref().unwrap().reset.unwrap();
    let sheet = sheet(&spec);
    // A pulse that ends before 3 nm stops on the way.
    let velocity = 5e-4 * (pulse.voltage_v / 0.02 - 1.0);
    let end = 50.0 + 950.0 * (velocity * pulse.width_s / 3e-9).min(1.0);
    let full = 3e-9 / velocity;
    let half = full * ((50.0 * end).sqrt() - 50.0) / 950.0;
    assert!(
        (value(&sheet, "reset_time") / half - 1.0).abs() < 0.01,
        "{} {half}",
        value(&sheet, "reset_time")
    );
    // While R rises from 50 ohm to its end: V^2 T ln(end / 50) / 950; then V^2 / end.
    let v2 = pulse.voltage_v * pulse.voltage_v;
    let joule = v2 * (full * (end / 50.0).ln() / 950.0 + (pulse.width_s - full).max(0.0) / end);
    assert!((value(&sheet, "reset_energy") / joule - 1.0).abs() < 0.01, "{}", value(&sheet, "reset_energy"));
    assert!((value(&sheet, "on_off_ratio") - 20.0).abs() < 0.1);
    // Its equations have no relaxation, and nobody measured any.
    assert_eq!(status(&sheet, "retention"), Status::NotMeasured);
    assert_eq!(status(&sheet, "on_spread"), Status::NotMeasured);
}

#[test]
fn what_switches_by_heat_is_timed_when_it_has_cooled_and_baked_as_it_was_written_cold() {
    use neurohm_device::compact::Dynamic;
    let spec = preset("pcm_mushroom_gst_90nm").unwrap();
    let Dynamic::PcmMushroom(model) = spec.equations().unwrap() else { panic!() };
    let sheet = sheet(&spec);
    // Crystals grow through the thickest dome in u_max / v_growth at best; the threshold's switching takes picoseconds.
    let fastest = model.u_max_m / model.growth_m_per_s;
    let set = value(&sheet, "set_time");
    assert!(set > 0.5 * fastest && set < 10.0 * fastest, "{set} s, {fastest} s");
    // Its glass crystallises in far more than a second at 85 °C; written there, the SET pulse itself would melt.
    assert!(value(&sheet, "retention_85c") > 1e3, "{}", value(&sheet, "retention_85c"));
}

#[test]
fn linear_ion_drift_is_symmetric() {
    // dw / dt is proportional to i, with either sign: a pulse down undoes a pulse up.
    let sheet = sheet(&preset("linear_ion_drift_strukov").unwrap());
    assert!(value(&sheet, "asymmetry") < 0.01, "{}", value(&sheet, "asymmetry"));
    // Nothing in it is random: no noise limits its levels, and that is the reason given. Of one whose parameters are drawn
    // anew in every cycle, they can be found.
    assert_eq!(status(&sheet, "on_spread"), Status::NotMeasured);
    let how = |sheet: &Datasheet, name: &str| {
        sheet.properties.iter().find(|p| p.name == name).map(|p| p.how.clone()).unwrap()
    };
    for name in ["levels", "levels_aged"] {
        assert_eq!(status(&sheet, name), Status::NotMeasured);
        assert!(how(&sheet, name).starts_with("Nothing scatters in its equations"), "{}", how(&sheet, name));
    }
}

#[test]
fn every_preset_has_a_datasheet() {
    let quick = Depth { arrays: 2, cells: 32, devices: 1 };
    for p in presets() {
        let spec = preset(p.name).unwrap();
        let sheet = datasheet(&spec, quick, Key::root(1), &Unwatched);
        let sheet = sheet.unwrap_or_else(|e| panic!("{}: {e}", p.name));
        assert!(sheet.is_whole(), "{}", p.name);
        // Of a few sets the operation's pulse does nothing, as their rows say; its energy is known all the same.
        let known = |r: &&Property| !matches!(r.status, Status::NotMeasured | Status::None);
        assert!(sheet.properties.iter().filter(known).count() >= 1, "{}: {:?}", p.name, sheet.properties);
        if spec.cell.is_some() && p.name != "pcm_exp" {
            assert!(status(&sheet, "on_off_ratio") != Status::NotMeasured, "{}", p.name);
        }
        for row in &sheet.properties {
            let number = matches!(row.status, Status::Value | Status::AtLeast | Status::AtMost);
            assert_eq!(number, row.value.is_some(), "{} {}", p.name, row.name);
            assert!(!row.how.is_empty(), "{} {}", p.name, row.name);
            if let (Some(value), Some([low, high])) = (row.value, row.ci95) {
                assert!(low <= value && value <= high, "{} {}: {value}", p.name, row.name);
            }
            let usable = row.value.is_none_or(|v| v.is_finite() && v >= 0.0);
            assert!(usable, "{} {}: {:?}", p.name, row.name, row.value);
        }
    }
}

#[test]
fn a_datasheet_is_the_same_on_any_number_of_threads() {
    let spec = preset("pcm").unwrap();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| sheet(&spec))
    };
    assert_eq!(on(1), on(2));
}
