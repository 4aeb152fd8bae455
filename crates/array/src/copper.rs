//! Copper lines of crossbars by their width: the resistance of a cell's piece.

use std::sync::OnceLock;

use neurohm_num::quantity::{self, Dimension};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::converter::{not_negative, positive};
use crate::overlay::{self, Document};

/// A copper line by its cross-section: `R / l = rho / (w^2 a) / (1 - liner)`, with `rho` the resistivity of copper at that
/// width in ohm m, `w` the width in m, `a` the aspect ratio (height over width) and `liner` the part of the
/// cross-section that the liner takes (the wire table of DNN+NeuroSim, read in its public code; widths of 8 to 175 nm).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CopperWire {
    /// Width, m.
    pub width_m: f64,
    /// Height over width.
    pub aspect: f64,
    /// Resistivity, ohm m.
    pub resistivity_ohm_m: f64,
    /// Where it comes from.
    pub source: &'static str,
    /// How well it is known, as the constants of technologies say it: `"public_code"`.
    pub known: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    source: String,
    known: String,
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

/// The table, read at the first call; one that is damaged says so at every call.
fn data() -> Result<&'static Data, SettingError> {
    static DATA: OnceLock<Result<Data, SettingError>> = OnceLock::new();
    let read = || {
        let document = Document::parse(include_str!("../constants/copper.toml"), "constants/copper.toml")?;
        overlay::read(document.table().clone()).map_err(|e| document.locate(e))
    };
    DATA.get_or_init(read).as_ref().map_err(Clone::clone)
}

impl CopperWire {
    fn of(line: &Line, data: &'static Data) -> Self {
        Self {
            width_m: line.width_m,
            aspect: line.aspect,
            resistivity_ohm_m: line.resistivity_ohm_m,
            source: &data.source,
            known: &data.known,
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

    /// Resistance of a piece of `length_m`, ohm, where the liner takes the part `liner` of the cross-section.
    ///
    /// # Errors
    /// A length that is not above zero, a part that is not from 0 to below 1.
    pub fn ohm(&self, length_m: f64, liner: f64) -> Result<f64, SettingError> {
        positive("length", length_m)?;
        not_negative("liner", liner)?;
        if liner >= 1.0 {
            return Err(SettingError::value("liner", format!("{liner} leaves no copper; below 1 is needed")));
        }
        Ok(self.resistivity_ohm_m * length_m / (self.width_m.powi(2) * self.aspect) / (1.0 - liner))
    }
}

/// Copper lines of a crossbar by their geometry, word lines and bit lines alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopperLines {
    /// Width of a line, m: one of the table, from 8 to 175 nm.
    #[serde(rename = "width", with = "quantity::metre")]
    #[schemars(with = "String")]
    pub width_m: f64,
    /// From one line to the next, m: the length of a segment. Without it two widths.
    #[serde(
        rename = "pitch",
        with = "quantity::option_metre",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub pitch_m: Option<f64>,
    /// Part of the cross-section that a liner takes, from 0 to below 1.
    #[serde(default)]
    pub liner: f64,
}

impl CopperLines {
    /// Without a liner, in a pitch of two widths.
    pub fn of_width(width_m: f64) -> Self {
        Self { width_m, pitch_m: None, liner: 0.0 }
    }

    /// From one line to the next, m.
    pub fn pitch_m(&self) -> f64 {
        self.pitch_m.unwrap_or(2.0 * self.width_m)
    }

    /// Resistance of a segment, ohm.
    ///
    /// # Errors
    /// A width that is not in the table, a pitch that is not wider than a line, a liner that leaves no copper.
    pub fn segment_ohm(&self) -> Result<f64, SettingError> {
        let wire = CopperWire::of_width(self.width_m)?;
        let pitch_m = self.pitch_m();
        if pitch_m.is_nan() || pitch_m <= self.width_m {
            let text = |m: f64| quantity::format(m, Dimension::Metre);
            let says = format!("{} leaves no room between lines of {}", text(pitch_m), text(self.width_m));
            return Err(SettingError::value("pitch", says));
        }
        wire.ohm(pitch_m, self.liner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lines_resistance_is_rho_over_its_cross_section() {
        // 32 nm wide, aspect 2, 3.25e-8 ohm m: 3.25e-8 / (32e-9^2 x 2) = 15.869 ohm a micrometre.
        let wire = CopperWire::of_width(32e-9).unwrap();
        assert!((wire.ohm(1e-6, 0.0).unwrap() - 15.869).abs() < 1e-3);
        assert_eq!(wire.known, "public_code");
        // Half of it liner: twice the resistance.
        assert!((wire.ohm(1e-6, 0.5).unwrap() / wire.ohm(1e-6, 0.0).unwrap() - 2.0).abs() < 1e-12);
        let error = CopperWire::of_width(33e-9).unwrap_err().to_string();
        assert!(error.contains("33 nm") && error.contains("32 nm"), "{error}");
        assert_eq!(CopperWire::nearest(33e-9).unwrap(), wire);
        assert_eq!(CopperWire::nearest(1e-9).unwrap().width_m, 8e-9);
        assert!(wire.ohm(1e-6, 1.0).unwrap_err().to_string().contains("no copper"));
    }

    #[test]
    fn a_segment_is_as_long_as_the_pitch() {
        // 40 nm wide, aspect 1.9, 2.97e-8 ohm m, 80 nm long: 0.7816 ohm.
        let ohm = CopperLines::of_width(40e-9).segment_ohm().unwrap();
        assert!((ohm - 2.97e-8 * 80e-9 / (1.9 * 40e-9 * 40e-9)).abs() < 1e-9 && (ohm - 0.7816).abs() < 1e-4);
        let wide = CopperLines { pitch_m: Some(400e-9), liner: 0.2, ..CopperLines::of_width(40e-9) };
        assert!((wide.segment_ohm().unwrap() / ohm - 5.0 / 0.8).abs() < 1e-9);
        let tight = CopperLines { pitch_m: Some(40e-9), ..wide }.segment_ohm().unwrap_err().to_string();
        assert!(tight.contains("pitch") && tight.contains("40 nm"), "{tight}");
    }
}
