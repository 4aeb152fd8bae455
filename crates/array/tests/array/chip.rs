//! Chip files: presets, overlays, settings by path, and what they say when something is wrong.

use neurohm_array::{
    Adc, ChipSpec, Dac, DriftCompensation, OutputRange, Overflow, Resolution, chip_preset, chip_presets,
    parse_chip, presets_only,
};
use neurohm_device::Nonidealities;

fn parse(text: &str) -> Result<ChipSpec, String> {
    parse_chip(text, "my.toml", &presets_only).map_err(|e| e.to_string())
}

#[test]
fn every_preset_is_whole_and_survives_its_own_file() {
    for preset in chip_presets() {
        let chip = chip_preset(preset.name).unwrap();
        chip.check().unwrap();
        assert_eq!(chip.name, preset.name);
        assert!(!chip.source.is_empty() && !chip.title.is_empty());
        assert_eq!(parse(&chip.to_toml().unwrap()).unwrap(), chip);
    }
    let ideal = chip_preset("ideal").unwrap();
    assert!(ideal.is_exact() && ChipSpec::ideal().is_exact());
    assert!(chip_preset("default").unwrap().idealised().is_exact());
}

#[test]
fn the_peer_preset_is_the_peers_default() {
    let peer = chip_preset("peer").unwrap();
    let (Dac::Uniform(dac), Adc::Uniform(adc)) = (&peer.dac, &peer.adc) else { panic!("it converts") };
    assert_eq!((dac.resolution.levels(), adc.resolution.levels()), (127, 511));
    assert_eq!(adc.range, OutputRange::Fixed { bound: 12.0 });
    assert_eq!(adc.overflow, Overflow::HalveInput { largest_factor: 1000.0, coarsest_step: 0.25 });
    assert_eq!((peer.output_noise, peer.input_noise, peer.device.name.as_str()), (0.06, 0.0, "pcm"));
}

#[test]
fn overlays_merge_the_same_choice_and_replace_another() {
    let chip =
        parse("preset = \"peer\"\n[adc.uniform]\nresolution.bits = 6\n[drift_compensation.per_column]\n")
            .unwrap();
    let peer = chip_preset("peer").unwrap();
    let (Adc::Uniform(old), Adc::Uniform(new)) = (&peer.adc, &chip.adc) else { panic!("both convert") };
    assert_eq!((new.resolution, &new.range, &new.overflow), (Resolution::Bits(6), &old.range, &old.overflow));
    assert_eq!(chip.drift_compensation, DriftCompensation::PerColumn { probes: 32 });
    assert_eq!(parse("").unwrap(), chip_preset("default").unwrap());
    // A device's aspects, likewise: another law replaces.
    let chip = parse("device.noise.ideal = {}\ndevice.cell.g_max = \"30 uS\"\n").unwrap();
    assert_eq!((chip.device.cell.as_ref().unwrap().g_max_s, chip.device.name.as_str()), (30e-6, "pcm"));
    assert!(!chip.nonidealities().iter().any(|n| n.path == "device.noise"));
    // A device with a preset of its own starts from that.
    let chip = parse("[device]\npreset = \"reram_cmo\"\nname = \"mine\"\n").unwrap();
    assert_eq!((chip.device.name.as_str(), chip.device.cell.as_ref().unwrap().g_max_s), ("mine", 88.2e-6));
    // A whole device replaces: what it leaves out was not measured.
    let chip = parse("[device]\nname = \"mine\"\ncell.g_min = \"0 S\"\ncell.g_max = \"1 uS\"\n").unwrap();
    assert_eq!(chip.device.unmeasured().len(), 4);
}

#[test]
fn settings_by_path_take_words_numbers_and_quantities() {
    let mut chip = chip_preset("peer").unwrap();
    for (path, value) in [
        ("tile.rows", "128"),
        ("output_noise", "1e-3"),
        ("read.voltage", "0.3 V"),
        ("read.integration_time", "\"50 ns\""),
        ("drift_compensation", "none"),
        ("adc", "ideal"),
        ("dac.uniform.resolution.levels", "33"),
        ("mapping.per", "column"),
        ("device", "hermes"),
        ("device.cell.g_max", "20 uS"),
    ] {
        chip.set(path, value, &presets_only).unwrap_or_else(|e| panic!("{path} = {value}: {e}"));
    }
    assert_eq!((chip.tile.rows, chip.output_noise, chip.read.voltage_v), (128, 1e-3, 0.3));
    assert_eq!((chip.read.integration_time_s, &chip.adc), (5e-8, &Adc::Ideal {}));
    assert_eq!((chip.device.name.as_str(), chip.device.cell.as_ref().unwrap().g_max_s), ("hermes", 20e-6));
    // A device from elsewhere, as the engine finds one in a file.
    let find = |name: &str| {
        if name == "mine.toml" {
            neurohm_device::preset("generic").map_err(|e| e.to_string())
        } else {
            Err(String::new())
        }
    };
    chip.set("device", "mine.toml", &find).unwrap();
    assert_eq!(chip.device.name, "generic");
}

#[test]
fn mistakes_are_named_with_their_place_and_the_nearest_name() {
    for (text, parts) in [
        (
            "outputnoise = 1\n",
            ["my.toml:1:1: outputnoise: unknown setting", "did you mean `output_noise`?", "tile"],
        ),
        ("[tile]\nrow = 3\n", ["my.toml:2:1: tile.row: unknown setting", "did you mean `rows`?", "columns"]),
        ("[adc.unifrom]\n", ["my.toml:1:6: adc.unifrom: unknown choice", "did you mean `uniform`?", "ideal"]),
        (
            "[adc]\nideal = {}\nuniform = {}\n",
            ["my.toml:1:2: adc: choose exactly one", "`ideal` and `uniform`", "allowed"],
        ),
        ("read.voltage = 0.2\n", ["my.toml:1:6: read.voltage", "0.2", "V"]),
        ("read.voltage = \"2 s\"\n", ["my.toml:1:6: read.voltage", "2 s", "V"]),
        ("[tile]\nrows = \"many\"\n", ["my.toml:2:1: tile.rows", "many", "u32"]),
        (
            "[adc.uniform]\nresolution.bits = 40\n",
            ["my.toml:2:12: adc.uniform.resolution.bits", "40 bits", "2 to 22"],
        ),
        ("output_noise = -1\n", ["my.toml:1:1: output_noise", "-1", "finite"]),
        ("output_noise = 1e300\n", ["my.toml:1:1: output_noise: 1e300 is not", "1e30", ""]),
        ("input_noise = nan\n", ["my.toml:1:1: input_noise: NaN is not", "", ""]),
        ("preset = \"pear\"\n", ["my.toml:1:1: preset", "`pear`", "did you mean `peer`?"]),
        ("device = \"pmc\"\n", ["my.toml:1:1: device", "`pmc`", "pcm"]),
        (
            "mapping.per = \"colum\"\n",
            ["my.toml:1:9: mapping.per: unknown choice", "did you mean `column`?", "tile"],
        ),
        ("a = \n", ["my.toml:1:", "", ""]),
        (
            "[device]\nname = \"x\"\ncell.g_min = \"2 uS\"\ncell.g_max = \"1 uS\"\n",
            ["my.toml:4:6: device.cell.g_max", "g_max is 1 uS", "above"],
        ),
    ] {
        let error = parse(text).expect_err(text);
        for part in parts {
            assert!(error.contains(part), "{text:?} gave {error:?}, without {part:?}");
        }
    }
    let mut chip = chip_preset("peer").unwrap();
    let before = chip.clone();
    for (path, value) in
        [("adc.uniform.resolution.bit", "3"), ("", "3"), ("a..b", "3"), ("tile.rows", "0"), ("tile", "3")]
    {
        assert!(chip.set(path, value, &presets_only).is_err(), "{path} = {value}");
        assert_eq!(chip, before);
    }
}

#[test]
fn each_nonideality_can_be_taken_away_kept_alone_and_scaled() {
    let mut chip = chip_preset("default").unwrap();
    chip.set("adc.uniform.mismatch.unit_capacitor", "0.05", &presets_only).unwrap();
    let paths: Vec<String> = chip.nonidealities().into_iter().map(|n| n.path).collect();
    for wanted in [
        "dac",
        "adc",
        "adc.uniform.mismatch",
        "output_noise",
        "device.write",
        "device.noise",
        "device.retention",
    ] {
        assert!(paths.iter().any(|p| p == wanted), "{wanted} in {paths:?}");
    }
    for path in &paths {
        let mut without = chip.clone();
        assert!(without.without(path));
        assert!(!without.nonidealities().iter().any(|n| n.path == *path), "{path}");
        let mut alone = chip.clone();
        assert!(alone.only(path));
        // A part that is left alone may go by the name of its whole.
        let left = alone.nonidealities();
        assert!(
            !left.is_empty() && left.iter().all(|n| path.starts_with(&n.path) || n.path.starts_with(path))
        );
        assert!(chip.clone().scale(path, 2.0) && !chip.clone().scale(path, -1.0), "{path}");
        let mut same = chip.clone();
        same.scale(path, 1.0);
        assert_eq!(same.nonidealities(), chip.nonidealities());
    }
    assert!(!chip.clone().without("wires") && !chip.clone().without("input_noise"));
    let mut none = chip;
    paths.iter().for_each(|path| {
        none.without(path);
    });
    assert!(none.is_exact());
}
