//! What cells of the study are: kinds of selectors, and cells that are crooked themselves, at every strength.

use libm::{expm1, sinh};
use neurohm_array::wires::{Access, Conduction};
use neurohm_array::{Cells, ChipSpec, Drive};
use neurohm_study::StudyError;
use neurohm_study::record::Cell;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SelectorConfig;

/// A kind of selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectorKind {
    /// Bidirectional, its current an exponential of its voltage.
    Exponential,
    /// A diode without leakage.
    Diode,
    /// A volatile switch; a millionth of the cells' largest conductance when off, a thousand of them when on.
    Threshold,
}

/// A row of results: cells of one kind, ever further from Ohm's law.
pub(super) struct Family {
    /// Short name, of scalars.
    pub key: &'static str,
    /// Name in figures.
    pub name: &'static str,
    pub series: InSeries,
    pub drive: Drive,
}

/// What is in series with the cells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InSeries {
    Transistor,
    Selector(SelectorKind),
    /// Nothing: cells are crooked themselves.
    Nothing,
}

pub(super) const TRANSISTOR: Family =
    Family { key: "transistor", name: "transistor", series: InSeries::Transistor, drive: Drive::Even };

/// Whether the chip's inputs are few levels, with nothing in between.
pub(super) fn has_levels(chip: &ChipSpec) -> bool {
    chip.dac.largest_drive().is_some_and(|levels| levels <= 127.0) && chip.input_noise == 0.0
}

pub(super) fn families(c: &SelectorConfig, chip: &ChipSpec) -> Vec<Family> {
    let series = |key, name, kind, drive| Family { key, name, series: InSeries::Selector(kind), drive };
    let mut all = vec![TRANSISTOR];
    for kind in &c.kinds {
        match kind {
            SelectorKind::Exponential => all.extend([
                series("exponential", "exponential", *kind, Drive::Even),
                series("exponential_bent", "exponential, predistorted", *kind, Drive::Predistorted),
            ]),
            SelectorKind::Diode => all.extend([
                series("diode", "diode", *kind, Drive::Even),
                series("diode_bent", "diode, predistorted", *kind, Drive::Predistorted),
            ]),
            SelectorKind::Threshold if has_levels(chip) => {
                all.push(series("threshold", "threshold", *kind, Drive::Even));
            }
            SelectorKind::Threshold => {}
        }
    }
    if !c.sinh_per_v.is_empty() {
        let sinh = |key, name, drive| Family { key, name, series: InSeries::Nothing, drive };
        all.push(sinh("sinh", "sinh", Drive::Even));
        all.push(sinh("sinh_bent", "sinh, predistorted", Drive::Predistorted));
    }
    all
}

pub(super) fn strengths<'a>(c: &'a SelectorConfig, family: &Family) -> &'a [f64] {
    if family.series == InSeries::Nothing { &c.sinh_per_v } else { &c.parts }
}

/// The largest conductance of the chip's devices, S.
pub(super) fn full_s(chip: &ChipSpec) -> Result<f64, StudyError> {
    Ok(chip.device.statistics().map_err(StudyError::study)?.g_max_s)
}

/// Cells of a family: of selectors the part of the read voltage across that of a full cell, of crooked cells `a` in 1/V.
pub(super) fn cells(
    c: &SelectorConfig,
    family: &Family,
    strength: f64,
    chip: &ChipSpec,
) -> Result<Cells, StudyError> {
    let (full_s, read_v) = (full_s(chip)?, chip.read.voltage_v);
    let across_v = strength * read_v;
    // What a full cell then carries.
    let current_a = full_s * (read_v - across_v);
    let (conduction, access) = match family.series {
        InSeries::Nothing => (Conduction::Sinh { per_v: strength }, Access::None),
        InSeries::Transistor => {
            let over_v = c.overdrive * read_v;
            let threshold_v = 0.5;
            let beta_a_per_v2 = current_a / (across_v * (over_v - 0.5 * across_v));
            let (gate_v, off_s) = (threshold_v + over_v, 1e-9 * full_s);
            let access = Access::Transistor { gate_v, threshold_v, beta_a_per_v2, lambda_per_v: 0.0, off_s };
            (Conduction::Linear, access)
        }
        InSeries::Selector(kind) => {
            let in_slopes = across_v / c.slope;
            let access = match kind {
                SelectorKind::Exponential => {
                    Access::Exponential { scale_a: current_a / sinh(in_slopes), scale_v: c.slope }
                }
                SelectorKind::Diode => Access::Diode {
                    saturation_a: current_a / expm1(in_slopes),
                    scale_v: c.slope,
                    leak_s: 0.0,
                },
                SelectorKind::Threshold => Access::Threshold {
                    threshold_v: across_v,
                    hold_a: 0.0,
                    off_s: 1e-6 * full_s,
                    on_s: 1e3 * full_s,
                },
            };
            (Conduction::Linear, access)
        }
    };
    Ok(Cells { conduction, access, drive: family.drive })
}

/// A line of a table: what a family's cells are at the ends of what was asked for.
pub(super) fn asked(c: &SelectorConfig, family: &Family, chip: &ChipSpec) -> Result<Vec<Cell>, StudyError> {
    let strengths = strengths(c, family);
    let full_s = full_s(chip)?;
    let at = |strength: f64| -> Result<(&str, f64, &str), StudyError> {
        let Cells { conduction, access, .. } = cells(c, family, strength, chip)?;
        Ok(match (access, conduction) {
            (Access::Exponential { scale_a, .. }, _) => ("I0", scale_a, "A"),
            (Access::Diode { saturation_a, .. }, _) => ("saturation current", saturation_a, "A"),
            (Access::Threshold { threshold_v, .. }, _) => ("turn-on voltage", threshold_v, "V"),
            (_, Conduction::Sinh { per_v }) => ("a", per_v, "1/V"),
            // Across it lies this part of the voltage, and across the cell the rest.
            _ => ("resistance at the full read voltage", strength / (1.0 - strength) / full_s, "ohm"),
        })
    };
    let ((what, from, unit), (_, to, _)) = (at(strengths[0])?, at(strengths[strengths.len() - 1])?);
    let text = |text: &str| Cell::Text(text.to_string());
    Ok(vec![text(family.name), text(what), Cell::Number(from), Cell::Number(to), text(unit)])
}
