//! Lines of a crossbar: resistance of a cell's piece, and how long a line takes.

use std::sync::OnceLock;

use neurohm_array::SettingError;
use neurohm_num::quantity::{self, Dimension};
use serde::Deserialize;

use crate::Known;
use crate::data::once;
use crate::error::{not_negative, positive};

/// A line by its cross-section: `R / l = rho / (w^2 a) / (1 - barrier)`, with `rho` the resistivity of copper at that
/// width in ohm m, `w` the width in m, `a` the aspect ratio (height over width) and `barrier` the part of the
/// cross-section that the liner takes (DNN+NeuroSim's wire table; widths of 8 to 175 nm).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wire {
    /// Width, m.
    pub width_m: f64,
    /// Height over width.
    pub aspect: f64,
    /// Resistivity, ohm m.
    pub resistivity_ohm_m: f64,
    /// How well that is known.
    pub known: Known,
    /// Where it comes from.
    pub source: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    known: Known,
    source: String,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "width", with = "quantity::metre")]
    width_m: f64,
    aspect: f64,
    #[serde(rename = "resistivity", with = "quantity::ohm_metre")]
    resistivity_ohm_m: f64,
}

fn data() -> Result<&'static Data, SettingError> {
    static DATA: OnceLock<Result<Data, SettingError>> = OnceLock::new();
    once(&DATA, include_str!("../../constants/wire.toml"), "constants/wire.toml")
}

impl Wire {
    fn of(line: &Line, data: &'static Data) -> Self {
        Self {
            width_m: line.width_m,
            aspect: line.aspect,
            resistivity_ohm_m: line.resistivity_ohm_m,
            known: data.known,
            source: &data.source,
        }
    }

    /// The line of the table whose width is nearest, as a ratio.
    ///
    /// # Errors
    /// None but a damaged table.
    pub fn nearest(width_m: f64) -> Result<Self, SettingError> {
        let data = data()?;
        let off = |line: &&Line| libm::log(line.width_m / width_m).abs();
        let nearest = data.lines.iter().min_by(|a, b| off(a).total_cmp(&off(b)));
        nearest
            .map(|line| Self::of(line, data))
            .ok_or_else(|| SettingError::value("width", "the table is empty"))
    }

    /// The line of that width in the table.
    ///
    /// # Errors
    /// A width that is not in the table, with those that are.
    pub fn of_width(width_m: f64) -> Result<Self, SettingError> {
        let data = data()?;
        let text = |m: f64| quantity::format(m, Dimension::Metre);
        let line = data.lines.iter().find(|l| (l.width_m / width_m - 1.0).abs() < 1e-6).ok_or_else(|| {
            let mut error =
                SettingError::value("width", format!("no line is {} wide in the table", text(width_m)));
            error.allowed = data.lines.iter().map(|l| text(l.width_m)).collect();
            error
        })?;
        Ok(Self::of(line, data))
    }

    /// Resistance of a piece of `length_m`, ohm, where the liner takes the part `barrier` of the cross-section.
    ///
    /// # Errors
    /// A length that is not above zero, a part that is not from 0 to below 1.
    pub fn ohm(&self, length_m: f64, barrier: f64) -> Result<f64, SettingError> {
        positive("length", length_m)?;
        not_negative("barrier", barrier)?;
        if barrier >= 1.0 {
            return Err(SettingError::value(
                "barrier",
                format!("{barrier} leaves no copper; below 1 is needed"),
            ));
        }
        Ok(self.resistivity_ohm_m * length_m / (self.width_m.powi(2) * self.aspect) / (1.0 - barrier))
    }
}

/// Elmore's delay of a line of `cells` pieces of `cell_ohm` and `cell_f`, driven through `driver_ohm`, s:
/// `R_d C N + r C N (N + 1) / 2` (Elmore 1948).
pub fn elmore_s(driver_ohm: f64, cell_ohm: f64, cell_f: f64, cells: u32) -> f64 {
    let n = f64::from(cells);
    driver_ohm * cell_f * n + cell_ohm * cell_f * n * (n + 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lines_resistance_is_rho_over_its_cross_section() {
        // 32 nm wide, aspect 2, 3.25e-8 ohm m: 3.25e-8 / (32e-9^2 x 2) = 15.869 ohm a micrometre.
        let wire = Wire::of_width(32e-9).unwrap();
        assert!((wire.ohm(1e-6, 0.0).unwrap() - 15.869).abs() < 1e-3);
        // Half of it liner: twice the resistance.
        assert!((wire.ohm(1e-6, 0.5).unwrap() / wire.ohm(1e-6, 0.0).unwrap() - 2.0).abs() < 1e-12);
        let error = Wire::of_width(33e-9).unwrap_err().to_string();
        assert!(error.contains("33 nm") && error.contains("32 nm"), "{error}");
        assert_eq!(Wire::nearest(33e-9).unwrap(), wire);
        assert_eq!(Wire::nearest(1e-9).unwrap().width_m, 8e-9);
        assert!(wire.ohm(1e-6, 1.0).unwrap_err().to_string().contains("no copper"));
    }

    #[test]
    fn elmores_delay_is_the_sum_over_the_ladder() {
        // Each capacitor sees the resistance that it shares with the source.
        let (driver, r, c, n) = (1e3, 2.0, 1e-16, 64);
        let ladder: f64 = (1..=n).map(|k| (driver + r * f64::from(k)) * c).sum();
        assert!((elmore_s(driver, r, c, n) / ladder - 1.0).abs() < 1e-12);
    }
}
