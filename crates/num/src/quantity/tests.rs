use super::*;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[test]
fn decimal_prefixes_are_exact() {
    for (text, d, value) in [
        ("100 ns", Dimension::Second, 1e-7),
        ("100ns", Dimension::Second, 1e-7),
        ("0.1us", Dimension::Second, 1e-7),
        ("1e2 ns", Dimension::Second, 1e-7),
        ("1_000 \u{b5}s", Dimension::Second, 1e-3),
        ("25 uS", Dimension::Siemens, 2.5e-5),
        ("10 kohm", Dimension::Ohm, 1e4),
        ("2.2 M\u{3a9}", Dimension::Ohm, 2.2e6),
        ("5 m", Dimension::Metre, 5.0),
        ("40 nm", Dimension::Metre, 4e-8),
        ("0.5 mm2", Dimension::SquareMetre, 5e-7),
        ("1.5 h", Dimension::Second, 5_400.0),
        ("2 days", Dimension::Second, 172_800.0),
        ("1 year", Dimension::Second, 31_536_000.0),
        ("3 min", Dimension::Second, 180.0),
        ("1 month", Dimension::Second, 2_592_000.0),
        ("-55 C", Dimension::Kelvin, 218.15),
        ("300K", Dimension::Kelvin, 300.0),
        ("5 %", Dimension::Ratio, 0.05),
        ("0.05", Dimension::Ratio, 0.05),
        ("-0.5 V", Dimension::Volt, -0.5),
        ("1e-3 V", Dimension::Volt, 1e-3),
        (".5 fF", Dimension::Farad, 5e-16),
        ("40 um/s", Dimension::MetrePerSecond, 4e-5),
        ("1.4 GV/m", Dimension::VoltPerMetre, 1.4e9),
        ("0.5 1/V", Dimension::PerVolt, 0.5),
        ("18 meV", Dimension::ElectronVolt, 0.018),
        ("1e-14 m2/Vs", Dimension::SquareMetrePerVoltSecond, 1e-14),
        ("20.1 nohm m", Dimension::OhmMetre, 20.1e-9),
        ("0.2 nF/m", Dimension::FaradPerMetre, 2e-10),
        ("1650 um2", Dimension::SquareMetre, 1.65e-9),
    ] {
        assert_eq!(parse(text, d), Ok(value), "{text}");
    }
    // Multiplying by 1e-9 misses 414 of these; shifting the exponent misses none.
    for n in 1..1000 {
        assert_eq!(parse(&format!("{n} ns"), Dimension::Second), Ok(format!("{n}e-9").parse().unwrap()));
    }
}

#[test]
fn refusals_say_what_to_write() {
    let message = |text: &str, d| parse(text, d).unwrap_err().to_string();
    assert_eq!(message("25", Dimension::Siemens), "`25` has no unit: write a conductance such as \"25 uS\"");
    assert_eq!(
        message("10 kohm", Dimension::Siemens),
        "`10 kohm` is a resistance, but a conductance is expected here, such as \"25 uS\""
    );
    assert_eq!(
        message("10 ms", Dimension::Siemens),
        "`10 ms` is a time, but a conductance is expected here, such as \"25 uS\""
    );
    assert_eq!(
        message("10 parsec", Dimension::Metre),
        "`parsec` in `10 parsec` is not a unit of a length: write it such as \"40 nm\""
    );
    for text in ["", "uS", "fast", "nan s", "1e999 s", "inf s", "--1 s", "1e99999999999 s", "+ s", "1e5e5 s"]
    {
        assert!(parse(text, Dimension::Second).is_err(), "{text}");
    }
}

#[test]
fn formats_are_what_people_write() {
    // Never three hundred zeros.
    let far = [Dimension::Ratio, Dimension::Second, Dimension::Kelvin].map(|d| format(-1e300, d));
    assert_eq!(far, ["-1e300", "-1e300 s", "-1e300 K"]);
    assert_eq!([1e-7, 0.25, 1e9].map(|v| format(v, Dimension::Ratio)), ["1e-7", "0.25", "1000000000"]);
    for (value, d, text) in [
        (2.5e-5, Dimension::Siemens, "25 uS"),
        (1e-7, Dimension::Second, "100 ns"),
        (20.0, Dimension::Second, "20 s"),
        (3_600.0, Dimension::Second, "1 h"),
        (172_800.0, Dimension::Second, "2 days"),
        (31_536_000.0, Dimension::Second, "1 year"),
        (90.0, Dimension::Second, "90 s"),
        (1234.5, Dimension::Second, "1234.5 s"),
        (1e4, Dimension::Ohm, "10 kohm"),
        (-0.5, Dimension::Volt, "-500 mV"),
        (300.0, Dimension::Kelvin, "300 K"),
        (0.0, Dimension::Siemens, "0 S"),
        (0.25, Dimension::Ratio, "0.25"),
        (1e-30, Dimension::Farad, "1e-30 F"),
    ] {
        assert_eq!(format(value, d), text);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pulse {
    #[serde(with = "crate::quantity::second")]
    width_s: f64,
    #[serde(with = "crate::quantity::ratio")]
    duty: f64,
    #[serde(default, with = "crate::quantity::option_volt", skip_serializing_if = "Option::is_none")]
    amplitude_v: Option<f64>,
    #[serde(with = "crate::quantity::vec_siemens")]
    levels_s: Vec<f64>,
}

#[test]
fn fields_hold_text_with_units() {
    let text = "width_s = \"100 ns\"\nduty = 0.5\namplitude_v = \"1.5 V\"\nlevels_s = [\"1 uS\", \"2 uS\"]\n";
    let pulse = Pulse { width_s: 1e-7, duty: 0.5, amplitude_v: Some(1.5), levels_s: vec![1e-6, 2e-6] };
    assert_eq!(toml::from_str::<Pulse>(text).as_ref(), Ok(&pulse));
    assert_eq!(toml::to_string(&pulse).unwrap(), text);
    let json = serde_json::to_string(&pulse).unwrap();
    assert_eq!(serde_json::from_str::<Pulse>(&json).unwrap(), pulse);
    let none = toml::from_str::<Pulse>("width_s = \"1 s\"\nduty = \"50 %\"\nlevels_s = []").unwrap();
    assert_eq!((none.amplitude_v, none.duty), (None, 0.5));
    let error = toml::from_str::<Pulse>("width_s = 100\nduty = 1\nlevels_s = []").unwrap_err().to_string();
    assert!(
        error.contains("`100` has no unit: write a time such as \"50 ns\"") && error.contains("line 1"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn format_round_trips(bits: u64, which in 0..Dimension::ALL.len()) {
        let (value, d) = (f64::from_bits(bits), Dimension::ALL[which]);
        if value.is_finite() {
            prop_assert_eq!(parse(&format(value, d), d).map(f64::to_bits), Ok(value.to_bits()));
        }
    }

    #[test]
    fn usual_sizes_round_trip(mantissa in 1..100_000_i64, exponent in -18..12_i32, which in 0..Dimension::ALL.len()) {
        let (value, d) = (format!("{mantissa}e{exponent}").parse::<f64>().unwrap(), Dimension::ALL[which]);
        prop_assert_eq!(parse(&format(value, d), d), Ok(value));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,24}", which in 0..Dimension::ALL.len()) {
        let _ = parse(&text, Dimension::ALL[which]);
    }
}
