use super::*;
use crate::{Conventions, Periods};

fn constant<U: crate::constant::Unit>(value: f64) -> Constant<U> {
    Constant::new(value, Known::Assumed, "test")
}

fn conventions(conversion: Periods) -> Conventions {
    Conventions { operations_per_mac: 2, conversion }
}

fn see(bits: u32) -> Conversion {
    Conversion { bits, column_ohm: 1e5, read_v: 0.5, temperature_k: 300.0 }
}

/// The dossier's table, measured there by evaluating the public model, at 10 and 100 MS/s, 0.5, 1 and 1.28 GS/s.
const TABLE: [(u32, [&str; 5]); 5] = [
    (4, ["0.19 fJ", "0.19 fJ", "0.9 fJ", "2.5 fJ", "3.6 fJ"]),
    (6, ["3.0 fJ", "3.0 fJ", "14 fJ", "40 fJ", "58 fJ"]),
    (8, ["47 fJ", "47 fJ", "0.23 pJ", "0.64 pJ", "0.92 pJ"]),
    (10, ["0.76 pJ", "0.76 pJ", "3.7 pJ", "10 pJ", "15 pJ"]),
    (12, ["12 pJ", "12 pJ", "58 pJ", "164 pJ", "236 pJ"]),
];

#[test]
fn the_survey_gives_every_cell_of_the_dossiers_table() {
    for (bits, row) in TABLE {
        for (rate_hz, text) in [10e6, 100e6, 500e6, 1e9, 1.28e9].into_iter().zip(row) {
            let published_j = quantity::parse(text, quantity::Dimension::Joule).unwrap();
            let (number, unit) = text.split_once(' ').unwrap();
            let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            let last_digit_j = 10f64.powi(-(decimals as i32)) * if unit == "fJ" { 1e-15 } else { 1e-12 };
            let found_j = Survey::fit_j(rate_hz, bits).unwrap();
            // The coefficients are rounded in the dossier as well: a unit of the last digit (47.5 fJ stands there as 47).
            assert!((found_j - published_j).abs() <= last_digit_j, "{bits} {rate_hz:e}: {found_j:e} {text}");
        }
    }
}

#[test]
fn the_surveys_area_is_the_dossiers() {
    let survey = Survey { rate_hz: constant(1.28e9), node_m: constant(32e-9), walden_j: constant(5e-15) };
    let area_um2 = survey.operation(8).unwrap().area_m2 * 1e12;
    assert!((area_um2 - 2.7e3).abs() < 50.0, "{area_um2}");
}

#[test]
fn at_few_bits_waldens_bound_decides_and_at_many_the_survey() {
    let survey = Survey { rate_hz: constant(100e6), node_m: constant(32e-9), walden_j: constant(5e-15) };
    for bits in 2..=14 {
        let energy_j = survey.operation(bits).unwrap().energy_j;
        let fit_j = Survey::fit_j(100e6, bits).unwrap();
        let walden_j = 5e-15 * 2f64.powi(bits as i32);
        assert_eq!(energy_j, fit_j.max(walden_j));
        // The fit quadruples with a bit, Walden's doubles: at 12 bits 12 and 20 pJ, at 13 bits 48 and 41 pJ.
        assert_eq!(energy_j == walden_j, bits <= 12, "{bits}");
    }
}

#[test]
fn isaacs_converter_takes_power_over_rate_and_by_bit_cycles_ten_times_that() {
    let point =
        Point { bits: 8, rate_hz: constant(1.28e9), power_w: constant(2e-3), area_m2: constant(1.2e-9) };
    let by_rate = point.operation(8, &conventions(Periods::Rate)).unwrap();
    assert!((by_rate.energy_j - 1.5625e-12).abs() < 1e-18);
    let by_bits = point.operation(8, &conventions(Periods::BitCycles)).unwrap();
    assert!((by_bits.energy_j / by_rate.energy_j - 10.0).abs() < 1e-12);
    let error = point.operation(9, &conventions(Periods::Rate)).unwrap_err().to_string();
    assert!(error.contains("8 bits") && error.contains("has 9") && error.contains("adc.survey"), "{error}");
    // The list has the same design.
    let listed = Adc::Listed { design: "mnsim_8b".into() };
    assert_eq!(listed.operation(see(8), &conventions(Periods::Rate)).unwrap().energy_j, by_rate.energy_j);
    let unknown = Adc::Listed { design: "mnsim_8".into() }.check().unwrap_err().to_string();
    assert!(unknown.contains("mnsim_8b"), "{unknown}");
}

#[test]
fn the_successive_approximation_follows_the_formula_by_hand() {
    let sar = Sar { node_m: constant(22e-9), n_area_m2: constant(6e-15), p_area_m2: constant(6e-15) };
    // 5 bits, 100 kohm at 0.5 V: (0.538 x 5 + 4.375) uW + 72.3 mW x exp(-2.30 x 5), for 6 ns.
    let expected = ((0.538 * 5.0 + 4.375) * 1e-6 + 72.3e-3 * (-11.5f64).exp()) * 6e-9;
    assert!((sar.operation(see(5)).unwrap().energy_j / expected - 1.0).abs() < 1e-9);
    // The column's term is close to c / R: a tenth of the resistance, about ten times the power.
    let only_column = |ohm: f64| {
        let at = |column_ohm| sar.operation(Conversion { column_ohm, ..see(5) }).unwrap().power_w;
        at(ohm) - at(1e30)
    };
    assert!((only_column(1e4) / only_column(1e5) - 10.0).abs() < 0.1);
    // Warmer by 100 K: 13 % more.
    let warm = sar.operation(Conversion { temperature_k: 400.0, ..see(5) }).unwrap();
    assert!((warm.energy_j / sar.operation(see(5)).unwrap().energy_j - 1.13).abs() < 1e-9);
    let off = Sar { node_m: constant(28e-9), ..sar }.operation(see(5)).unwrap_err().to_string();
    assert!(off.contains("28 nm") && off.contains("22 nm"), "{off}");
}
