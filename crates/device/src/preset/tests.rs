use super::*;
use crate::compact::{Parameters, published};
use crate::{Deviation, Noise, Nonidealities, Retention, Write};
use insta::assert_snapshot;
use neurohm_num::Key;
use neurohm_num::quantity::{self, Dimension};
use proptest::prelude::*;

#[test]
fn every_preset_parses_and_survives_a_round_trip() {
    for p in presets() {
        let spec = preset(p.name).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(spec.name, p.name);
        assert_eq!(to_toml(&spec), p.toml, "an unchanged preset is printed with its comments");
        for text in [&spec.title, &spec.class, &spec.source, &spec.valid_range] {
            assert!(!text.is_empty(), "{}", p.name);
        }
        let mut changed = spec.clone();
        changed.name.push_str("_mine");
        let printed = to_toml(&changed);
        assert!(printed.starts_with("# "));
        assert_eq!(parse(&printed, "printed").as_ref(), Ok(&changed), "{printed}");
        assert_eq!(parse(&to_toml(&spec.idealised()), "ideal"), Ok(spec.idealised()));
        assert!(spec.idealised().nonidealities().is_empty());
        assert!(spec.cell.is_none() || spec.idealised().unmeasured().is_empty());
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<DeviceSpec>(&json).unwrap(), spec);
    }
}

#[test]
fn what_was_not_measured_is_said() {
    assert_eq!(preset("pcm").unwrap().unmeasured(), ["faults"]);
    assert_eq!(preset("reram_wan2022").unwrap().unmeasured(), ["noise", "faults"]);
    assert_eq!(preset("reram_cmo").unwrap().aspects(), ["write", "retention", "noise"]);
}

fn message(toml: &str) -> String {
    parse(toml, "mine.toml").unwrap_err().to_string()
}

/// The pcm preset with one line replaced.
fn pcm_with(old: &str, new: &str) -> String {
    let toml = PRESETS[0].toml.replace(old, new);
    assert_ne!(toml, PRESETS[0].toml);
    toml
}

#[test]
fn errors_show_the_place_and_the_allowed_names() {
    let mut all = vec![preset("pmc").unwrap_err().to_string(), message("name = \"x")];
    for (old, new) in [
        ("g_max = \"25 uS\"\n\n#", "g_mx = \"25 uS\"\n\n#"),
        ("[retention.power_law]", "[retention.powerlaw]"),
        ("t0 = \"20 s\"", "t0 = 20"),
        ("t0 = \"20 s\"", "t0 = \"20 uS\""),
        ("t0 = \"20 s\"", ""),
        ("t0 = \"20 s\"", "t0 = \"-20 s\""),
        ("g_min = \"0 S\"", "g_min = \"30 uS\""),
        ("factor = 0.0088", "factr = 0.0088"),
        ("offset = 0.0244", "offset = -1e300"),
        ("offset = 0.0244", "offset = inf"),
        ("curve.polynomial = [0.26348, ", "curve.polynomial = [0.26348, \"a\", "),
    ] {
        all.push(message(&pcm_with(old, new)));
    }
    assert_snapshot!("errors", all.join("\n----\n"));
}

#[test]
fn parameters_outside_physics_are_refused() {
    for (name, old, new, field) in [
        ("generic", "stuck_low = 0.001", "stuck_low = 1.5", "faults.stuck_low"),
        ("generic", "stuck_low = 0.001", "stuck_low = 0.9999", "faults"),
        (
            "generic",
            "c2c.independent.sd = \"1 uS\"",
            "c2c.independent.sd = \"-1 uS\"",
            "write.programmed.c2c",
        ),
        ("generic", "amplitude.proportional.ratio", "amplitude.lognormal.sigma", "noise.white.amplitude"),
        ("generic", "g_min = \"1 uS\"", "g_min = \"-1 uS\"", "cell.g_min"),
        ("generic", "g_max = \"100 uS\"", "g_max = \"100 MS\"", "cell.g_max"),
        ("reram_wan2022", "age = \"1 day\"", "age = \"3 days\"", "retention.measured.anchors"),
        ("reram_wan2022", "0.348, ", "inf, ", "retention.measured.anchors[0].spread"),
        ("pcm", "t_read = \"250 ns\"", "t_read = \"0 s\"", "noise.one_over_f.t_read"),
        ("pcm", "t_read = \"250 ns\"", "t_read = \"1e300 s\"", "noise.one_over_f.t_read"),
        ("pcm", "t0 = \"20 s\"", "t0 = \"0 s\"", "retention.power_law.t0"),
        ("pcm", "g_max = \"25 uS\"", "g_max = \"-25 uS\"", "cell.g_max"),
        ("pcm", "offset = 0.0244", "offset = nan", "retention.power_law.nu_mean"),
        ("pcm", "low = 0.049", "low = -1e300", "retention.power_law.nu_mean"),
        ("pcm", "high = 0.1", "high = 1e300", "retention.power_law.nu_mean"),
        ("generic", "nu_mean.constant = 0.01", "nu_mean.constant = -0.01", "retention.power_law.nu_mean"),
        ("generic", "nu_mean.constant = 0.01", "nu_mean.constant = -1e300", "retention.power_law.nu_mean"),
        (
            "generic",
            "nu_spread.constant = 0.005",
            "nu_spread.constant = 1.5",
            "retention.power_law.nu_spread",
        ),
        (
            "generic",
            "c2c.independent.sd = \"1 uS\"",
            "c2c.independent.sd = \"1e300 S\"",
            "write.programmed.c2c",
        ),
        ("generic", "ratio = 0.01", "ratio = 1e300", "noise.white.amplitude"),
    ] {
        let toml = presets().iter().find(|p| p.name == name).unwrap().toml.replace(old, new);
        match parse(&toml, "mine.toml") {
            Err(DeviceError::Setting(error)) => {
                assert_eq!(error.path, field);
                // The line that was changed, or that of the list's element it is in.
                let (line, _) = error.place.expect("a parameter of a file has a place");
                let end = field.rsplit('.').next().unwrap().split('[').next().unwrap();
                let text = toml.lines().nth(line - 1).unwrap();
                assert!(text.contains(end) || text.contains('{'), "{field}: {text}");
            }
            other => panic!("{new}: {other:?}"),
        }
    }
}

#[test]
fn a_first_state_beyond_its_bounds_is_refused_by_name_in_every_model_that_has_one() {
    let mut models = Vec::new();
    for set in published() {
        let dynamic = set.dynamic();
        let Some(first) = dynamic.first_state() else { continue };
        assert_eq!(first.problem(), None, "{}", set.name);
        // Beyond each bound that it has, by what another set of numbers says: the bound itself, times or over 1.5.
        let beyond =
            [Some((first.high.0, 1.5 * first.high.1)), first.low.map(|low| (low.0, low.1 / 1.5 - 1e-30))];
        for (bound, value) in beyond.into_iter().flatten() {
            let mut wrong = toml::Value::try_from(&dynamic).unwrap();
            let mut at = &mut wrong[dynamic.name()];
            let (parts, last) =
                first.name.rsplit_once('.').map_or((None, first.name.as_str()), |(a, b)| (Some(a), b));
            for part in parts.into_iter().flat_map(|p| p.split('.')) {
                at = &mut at[part];
            }
            let number = first.dimension == Dimension::Ratio;
            let text = quantity::format(value, first.dimension);
            at[last] = if number { value.into() } else { text.clone().into() };
            let file =
                toml::Table::from_iter([("name".to_owned(), "mine".into()), ("compact".to_owned(), wrong)]);
            let message = message(&toml::to_string(&file).unwrap());
            // A bound at zero is the parameter's own range as well, and that speaks first.
            let own = value < 0.0
                || value < dynamic.parameters().iter().find(|p| p.name == last).map_or(0.0, |p| p.low);
            let place = format!("compact.{}.{}: {last} is {text}; it must ", dynamic.name(), first.name);
            assert!(message.starts_with("mine.toml:") && message.contains(&place), "{message}\n{place}");
            assert!(own || message.contains(&format!("{bound} = ")), "{message}");
        }
        models.push(dynamic.name());
    }
    models.dedup();
    let all = ["simmons", "team", "vteam", "stanford_pku", "jart_vcm", "messaris", "messaris_quadratic"];
    let all =
        all.into_iter().chain(["pershin_di_ventra", "filament_paths", "pcm_mushroom", "thermochemical"]);
    assert!(all.clone().all(|name| models.contains(&name)), "{models:?}");
}

/// Not by a list of models, but by looking: where unused cells begin is what the parameter says.
#[test]
fn no_parameter_of_a_first_state_is_moved_in_a_description_that_is_accepted() {
    for set in published() {
        let dynamic = set.dynamic();
        for p in dynamic.parameters().into_iter().filter(|p| p.name.contains("_initial")) {
            // The state it sets: the one that follows it within its range.
            let state = |value: f64| {
                let mut moved = dynamic.clone();
                assert!(moved.set_parameter(p.name, value));
                let accepted = moved.validate().and_then(|()| moved.validate_first_state()).is_ok();
                accepted.then(|| moved.bank(1, Key::root(0)).unwrap().state().to_vec())
            };
            let near = p.value.max(1e-3 * p.high.min(1.0));
            for value in [0.0, 0.03, 0.3, 0.9, 1.1, 3.0, 100.0].map(|part| part * near) {
                if let Some(x) = state(value) {
                    assert!(x.contains(&value), "{}: {} = {value:e}, but {x:?}", set.name, p.name);
                }
            }
        }
    }
}

#[test]
fn the_two_fits_of_wan_disagree_as_the_preset_says() {
    let wan = preset("reram_wan2022").unwrap();
    let Some(Retention::Measured { anchors, .. }) = &wan.cell.as_ref().unwrap().retention else {
        panic!("another law")
    };
    let crosssim = |g: f64| 1.053 + 0.2374 * g - 0.01167 * g * g + 0.000_153_6 * g * g * g;
    let here = |g: f64| anchors[0].spread.value(g / 40.0);
    for (g, other, ours) in [(0.0, 1.05, 0.35), (10.0, 2.41, 2.26), (20.0, 2.36, 2.02), (39.26, 1.68, 1.15)] {
        assert!((crosssim(g) - other).abs() < 0.006 && (here(g) - ours).abs() < 0.006, "{g}");
        assert!(
            wan.differences[0].contains(&format!("{other}"))
                && wan.differences[0].contains(&format!("{ours}"))
        );
    }
}

#[test]
fn the_laws_of_a_range_follow_it_and_absolute_ones_do_not() {
    let mut pcm = preset("pcm").unwrap();
    let Some(Write::Programmed { c2c: Some(sd), .. }) = &pcm.cell.as_ref().unwrap().write else {
        panic!("another law")
    };
    // sigma(0.5) = 0.95271 uS at 25 uS, and in proportion at 40 uS.
    assert!((sd.sd_s(12.5e-6, 25e-6) - 0.952_705e-6).abs() < 1e-11);
    assert!((sd.sd_s(20e-6, 40e-6) - 1.524_328e-6).abs() < 1e-11);
    pcm.cell.as_mut().unwrap().g_max_s = 40e-6;
    assert_eq!(parse(&to_toml(&pcm), "").unwrap().cell.as_ref().unwrap().g_max_s, 40e-6);
    let cmo = preset("reram_cmo").unwrap();
    let Some(Noise::OneOverF { amplitude: noise, .. }) = &cmo.cell.as_ref().unwrap().noise else {
        panic!("another law")
    };
    assert!(matches!(noise, Deviation::Absolute { .. }));
    // 0.0277316483 log10(50), and nothing where the logarithm is negative.
    assert!((noise.sd_s(50e-6, 88.2e-6) - 0.047_115_2e-6).abs() < 1e-12);
    assert_eq!((noise.sd_s(1e-6, 88.2e-6), noise.sd_s(0.1e-6, 88.2e-6)), (0.0, 0.0));
}

#[test]
fn ages_beyond_the_measurement_are_said() {
    let wan = preset("reram_wan2022").unwrap();
    assert_eq!(wan.extrapolated(86_400.0), None);
    let pcm = preset("pcm").unwrap();
    let said = [wan.extrapolated(31_536_000.0), wan.extrapolated(0.5), pcm.extrapolated(1.0)];
    assert_snapshot!("extrapolated", said.map(Option::unwrap).join("\n"));
    assert_eq!(preset("ideal").unwrap().extrapolated(1e9), None);
}

#[test]
fn the_schema_names_laws_and_fields() {
    let schema = serde_json::to_string(&schemars::schema_for!(DeviceSpec)).unwrap();
    for name in ["one_over_f", "power_law", "nu_spread", "stuck_at", "fitted_g_max", "g_max"] {
        assert!(schema.contains(&format!("\"{name}\"")), "{name}");
    }
}

proptest! {
    /// Damaged files are refused or read, never a panic.
    #[test]
    fn damaged_presets_do_not_panic(which in 0..PRESETS.len(), at in 0.0..1.0_f64, cut in 0..12_usize, paste in "\\PC{0,8}") {
        let mut text: Vec<char> = PRESETS[which].toml.chars().collect();
        let start = (at * text.len() as f64) as usize;
        let end = (start + cut).min(text.len());
        text.splice(start..end, paste.chars());
        let _ = parse(&text.into_iter().collect::<String>(), "damaged");
    }
}

#[test]
fn slips_of_the_finger_are_understood() {
    for (typed, meant) in [
        ("PCM", "pcm"),
        ("pmc", "pcm"),
        ("reram_wan", "reram_wan2022"),
        ("hermes2", "hermes"),
        ("idael", "ideal"),
    ] {
        let Err(DeviceError::UnknownPreset { nearest, .. }) = preset(typed) else { panic!("{typed}") };
        assert_eq!(nearest.as_deref(), Some(meant), "{typed}");
    }
    let Err(DeviceError::UnknownPreset { nearest, .. }) = preset("transistor") else { panic!() };
    assert_eq!(nearest, None);
}

#[test]
fn equations_alone_make_a_device() {
    let spec = DeviceSpec {
        name: "mine".into(),
        title: "A VTEAM device".into(),
        class: "ReRAM".into(),
        source: "a test".into(),
        differences: Vec::new(),
        valid_range: String::new(),
        valid: Default::default(),
        compact: Some(
            crate::compact::published().iter().find(|p| p.name == "vteam/memtorch").unwrap().dynamic(),
        ),
        spread: [("r_on".to_owned(), crate::compact::ParameterSpread { d2d: 0.1, c2c: 0.0 })].into(),
        operation: None,
        cell: None,
    };
    let text = to_toml(&spec);
    assert_eq!(parse(&text, "mine.toml").as_ref(), Ok(&spec), "{text}");
    assert_eq!(spec.aspects(), ["compact", "spread"]);
    assert_eq!(spec.bank(3, neurohm_num::Key::root(0)).unwrap().len(), 3);
    let error = spec.statistics().unwrap_err().to_string();
    assert!(error.contains("characterise"), "{error}");
    let error = preset("pcm").unwrap().equations().unwrap_err().to_string();
    assert!(error.contains("fit --kind iv"), "{error}");

    let broken = |from: &str, to: &str| {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from} is not in {text}");
        parse(&changed, "mine.toml").unwrap_err().to_string()
    };
    let error = broken("[spread.r_on]", "[spread.r_onn]");
    assert!(error.contains("mine.toml:") && error.contains("did you mean `r_on`?"), "{error}");
    let error = broken("r_off = ", "r_of = ");
    assert!(error.contains("mine.toml:") && error.contains("did you mean `r_off`?"), "{error}");
    let error = broken("[compact.vteam]", "[compact.vteem]");
    assert!(error.contains("did you mean `vteam`?"), "{error}");
    let error = parse("name = \"x\"\n[retention.ideal]\n", "mine.toml").unwrap_err().to_string();
    assert!(error.contains("needs the range of conductance"), "{error}");
}

#[test]
fn numbers_far_from_one_are_written_as_powers_of_ten_and_read_back() {
    let mut spec = preset("ecm_silver").unwrap();
    spec.valid_range = "first\n0.00000001\nlast".into();
    let text = to_toml(&spec);
    assert!(text.contains("ion_mass_kg = 1.79e-25\n") && !text.contains("0.0000000000"), "{text}");
    assert_eq!(parse(&text, "text").unwrap(), spec);
}
