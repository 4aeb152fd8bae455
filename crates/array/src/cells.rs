//! The cells of a chip's crossbars as its description has them: how their current follows their voltage, what is in series
//! with them, and the read voltages that the levels of a DAC stand for.

use neurohm_device::CellSpec;
use neurohm_num::quantity::{self, Dimension};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::wires::{Access, CellLaw, Conduction, WireError};

/// The cells of a crossbar. What a device's description calls conductance is that at low voltage, without what is in
/// series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cells {
    /// How a memristor's current follows its voltage.
    #[serde(default)]
    pub conduction: Conduction,
    /// What is in series with a memristor, on the side of its bit line; the gates of transistors are on.
    #[serde(default)]
    pub access: Access,
    /// The read voltages of the inputs.
    #[serde(default)]
    pub drive: Drive,
}

/// The read voltages that inputs stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// In proportion to the inputs.
    #[default]
    Even,
    /// Such that the current of a cell of the largest conductance is in proportion to the input: levels lie closer where
    /// the cells are steep.
    Predistorted,
}

impl Cells {
    /// The law of each cell.
    pub fn law(&self) -> CellLaw {
        CellLaw { conduction: self.conduction, access: self.access }
    }

    /// Whether currents are in proportion to voltages and conductances.
    pub fn are_linear(&self) -> bool {
        self.conducts_linearly() && self.access == Access::None
    }

    /// Whether the memristors obey Ohm's law.
    pub(crate) fn conducts_linearly(&self) -> bool {
        match self.conduction {
            Conduction::Linear => true,
            Conduction::Polynomial { second_per_v, third_per_v2 } => {
                second_per_v == 0.0 && third_per_v2 == 0.0
            }
            Conduction::PooleFrenkel { per_root_v } => per_root_v == 0.0,
            Conduction::Sinh { .. } => false,
        }
    }

    /// Whether a cell does the same from its bit line as from its word line.
    pub(crate) fn both_ways(&self) -> bool {
        !matches!(self.access, Access::Diode { .. } | Access::Transistor { .. })
    }

    /// Checks every number, for cells of a device at a read voltage.
    pub(crate) fn check(&self, read_v: f64, device: Option<&CellSpec>) -> Result<(), SettingError> {
        let at = |path: &'static str| {
            move |e: WireError| match e {
                // Its gates are on wherever a chip reads; the settings have names.
                WireError::NoGateOpens { gate_v, threshold_v } => SettingError::value(
                    "cells.access.transistor.gate",
                    format!(
                        "{} does not turn the transistors on, whose threshold is {}; raise it above cells.access.transistor.threshold",
                        quantity::format(gate_v, Dimension::Volt),
                        quantity::format(threshold_v, Dimension::Volt)
                    ),
                ),
                _ => SettingError::value(path, e.to_string()),
            }
        };
        CellLaw::passive(self.conduction).check().map_err(at("cells.conduction"))?;
        CellLaw { access: self.access, ..CellLaw::default() }.check().map_err(at("cells.access"))?;
        if let (Access::Threshold { .. }, Drive::Predistorted) = (self.access, self.drive) {
            let message = "the current of a threshold selector jumps, so no read voltages make it even";
            return Err(SettingError::value("cells.drive", message));
        }
        let Some(device) = device.filter(|_| !self.are_linear()) else { return Ok(()) };
        let volt = |v: f64| quantity::format(v, Dimension::Volt);
        if let Some(exponent) =
            [device.g_max_s, device.g_min_s].into_iter().find_map(|g| self.law().too_steep(g, read_v))
        {
            return Err(SettingError::value(
                "cells",
                format!(
                    "at the read voltage of {} the exponent of the cells' law is {exponent:.0}; beyond 80, currents 1e34 times \
                     those at low voltage, no law of a cell holds: lower read.voltage or the non-linearity",
                    volt(read_v)
                ),
            ));
        }
        let [most, least] = [device.g_max_s, device.g_min_s].map(|g| self.law().alone(g, read_v).current_a);
        if let Access::Threshold { threshold_v, hold_a, off_s, .. } = self.access {
            let off = CellLaw {
                access: Access::Threshold { threshold_v: f64::MAX, hold_a, off_s, on_s: off_s },
                ..self.law()
            };
            let off_a = off.alone(device.g_max_s, read_v).current_a;
            let across_v = off_a / off_s;
            if across_v <= threshold_v {
                return Err(SettingError::value(
                    "cells.access.threshold.on_at",
                    format!(
                        "no selector turns on: at the read voltage of {} that of a cell of the largest conductance has {} \
                         across it, and its threshold is {}; raise read.voltage or lower the threshold",
                        volt(read_v),
                        volt(across_v),
                        volt(threshold_v)
                    ),
                ));
            }
            if most <= off_a {
                let hold = quantity::format(hold_a, Dimension::Ampere);
                return Err(SettingError::value(
                    "cells.access.threshold.hold",
                    format!(
                        "no selector stays on: at the read voltage of {} not even a cell of the largest conductance carries \
                         the holding current of {hold}",
                        volt(read_v)
                    ),
                ));
            }
        }
        if most - least <= 1e-6 * most {
            let message = format!(
                "what is in series with the cells lets the same current through for the largest and the smallest \
                 conductance at the read voltage of {}: no weight can be told from another",
                volt(read_v)
            );
            return Err(SettingError::value("cells.access", message));
        }
        Ok(())
    }

    /// `factor` times the departure from Ohm's law.
    pub(crate) fn scale_conduction(&mut self, factor: f64) {
        match &mut self.conduction {
            Conduction::Sinh { per_v } => *per_v *= factor,
            Conduction::Polynomial { second_per_v, third_per_v2 } => {
                *second_per_v *= factor;
                *third_per_v2 *= factor;
            }
            Conduction::PooleFrenkel { per_root_v } => *per_root_v *= factor,
            Conduction::Linear => {}
        }
    }

    /// `factor` times the resistance of what is in series where it conducts; thresholds and slopes stay.
    pub(crate) fn scale_access(&mut self, factor: f64) {
        match &mut self.access {
            Access::Exponential { scale_a, .. } => *scale_a /= factor,
            Access::Diode { saturation_a, leak_s, .. } => {
                *saturation_a /= factor;
                *leak_s /= factor;
            }
            Access::Threshold { on_s, .. } => *on_s /= factor,
            Access::Transistor { beta_a_per_v2, .. } => *beta_a_per_v2 /= factor,
            Access::None => {}
        }
    }
}
