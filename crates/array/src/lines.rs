//! The lines of a chip's crossbars as its description has them, and what crossbars hold behind them.

use neurohm_num::{Rows, Unwatched, quantity};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::converter::not_negative;
use crate::copper::CopperLines;
use crate::wires::{Effective, Ends, Followed, LinearCrossbar, Wires, Workspace};
use crate::{ArrayError, SettingError};

/// The lines of a crossbar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Lines {
    /// Without resistance.
    Ideal {},
    /// With resistance: products see the effective matrix of the circuit, cells included as they are at each read.
    Resistive(ResistiveLines),
}

/// Lines with resistance, in a description by their segments or as copper.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Described", into = "Described")]
#[schemars(with = "Described")]
pub struct ResistiveLines {
    /// Of each word-line segment, ohm: one in front of every device.
    pub word_segment_ohm: f64,
    /// Of each bit-line segment, ohm: one behind every device.
    pub bit_segment_ohm: f64,
    /// In series with each driver, ohm.
    pub driver_ohm: f64,
    /// In series with each sense amplifier, ohm.
    pub sense_ohm: f64,
    /// Where word lines are driven.
    pub drivers: Ends,
    /// Where bit lines are sensed.
    pub grounds: Ends,
    /// Where the devices of a weight lie.
    pub devices: Placement,
    /// The copper that the segments are pieces of, where a description says so. Segments count: where others took their place,
    /// this is what they once were, and is not written.
    pub copper: Option<CopperLines>,
    /// Error of products, r.m.s., as a part of their r.m.s. output, up to which effective matrices follow conductances that
    /// change (see [`Followed`]); 0 to compute them anew.
    pub tolerance: f64,
}

/// Lines as a description has them: segments, or copper that they are pieces of.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Described {
    /// Of each word-line segment, ohm: one in front of every device.
    #[serde(rename = "word_segment", with = "quantity::option_ohm", default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    word_segment_ohm: Option<f64>,
    /// Of each bit-line segment, ohm: one behind every device.
    #[serde(rename = "bit_segment", with = "quantity::option_ohm", default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    bit_segment_ohm: Option<f64>,
    /// Both instead: copper lines by their width, of a published table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copper: Option<CopperLines>,
    /// In series with each driver, ohm.
    #[serde(rename = "driver", with = "quantity::ohm", default)]
    #[schemars(with = "String")]
    driver_ohm: f64,
    /// In series with each sense amplifier, ohm.
    #[serde(rename = "sense", with = "quantity::ohm", default)]
    #[schemars(with = "String")]
    sense_ohm: f64,
    /// Where word lines are driven.
    #[serde(default)]
    drivers: Ends,
    /// Where bit lines are sensed.
    #[serde(default)]
    grounds: Ends,
    /// Where the devices of a weight lie.
    #[serde(default)]
    devices: Placement,
    /// Error of products, r.m.s., as a part of their r.m.s. output, up to which effective matrices follow conductances that
    /// drift or fluctuate to first order; past it, and everywhere where it is 0, they are computed anew whenever
    /// conductances are read. With a tolerance, what is read depends on earlier reads within it.
    #[serde(default, skip_serializing_if = "is_zero")]
    tolerance: f64,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// The lines of one crossbar, and its effective matrices as they were last computed exactly, where they may be followed.
#[derive(Clone, Debug)]
pub(crate) struct Behind {
    lines: ResistiveLines,
    followed: Vec<Option<Followed>>,
}

impl TryFrom<Described> for ResistiveLines {
    type Error = String;

    fn try_from(d: Described) -> Result<Self, String> {
        let [word_segment_ohm, bit_segment_ohm] = match (d.copper, d.word_segment_ohm, d.bit_segment_ohm) {
            (None, Some(word), Some(bit)) => [word, bit],
            (Some(copper), None, None) => [copper.segment_ohm().map_err(|e| format!("copper.{e}"))?; 2],
            (None, ..) => {
                return Err(
                    "word_segment and bit_segment are needed, or copper with the width of its lines".into()
                );
            }
            (Some(_), ..) => {
                return Err("copper says what segments are; word_segment and bit_segment do too".into());
            }
        };
        let Described { driver_ohm, sense_ohm, drivers, grounds, devices, copper, tolerance, .. } = d;
        Ok(Self {
            word_segment_ohm,
            bit_segment_ohm,
            driver_ohm,
            sense_ohm,
            drivers,
            grounds,
            devices,
            copper,
            tolerance,
        })
    }
}

impl From<ResistiveLines> for Described {
    fn from(r: ResistiveLines) -> Self {
        let segments = [r.word_segment_ohm, r.bit_segment_ohm];
        let copper = r.copper.filter(|c| c.segment_ohm().is_ok_and(|ohm| segments == [ohm; 2]));
        let [word_segment_ohm, bit_segment_ohm] =
            if copper.is_some() { [None; 2] } else { segments.map(Some) };
        let ResistiveLines { driver_ohm, sense_ohm, drivers, grounds, devices, tolerance, .. } = r;
        Self {
            word_segment_ohm,
            bit_segment_ohm,
            copper,
            driver_ohm,
            sense_ohm,
            drivers,
            grounds,
            devices,
            tolerance,
        }
    }
}

/// Where the devices of a weight lie: its positive, its negative and its parallel ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Each kind in an array of its own, as wide as the tile.
    #[default]
    Separate,
    /// Side by side on one word line, each on its own bit line: the array is as many times as wide.
    Interleaved,
}

impl Default for Lines {
    fn default() -> Self {
        Self::Ideal {}
    }
}

impl Lines {
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let Self::Resistive(r) = self else { return Ok(()) };
        not_negative("wires.resistive.word_segment", r.word_segment_ohm)?;
        not_negative("wires.resistive.bit_segment", r.bit_segment_ohm)?;
        not_negative("wires.resistive.driver", r.driver_ohm)?;
        not_negative("wires.resistive.sense", r.sense_ohm)?;
        not_negative("wires.resistive.tolerance", r.tolerance)?;
        if r.tolerance > 0.0 && !(r.word_segment_ohm > 0.0 && r.bit_segment_ohm > 0.0) {
            let why = "has no effect where segments have no resistance: such lines are solved in closed form";
            return Err(SettingError::value("wires.resistive.tolerance", format!("{} {why}", r.tolerance)));
        }
        if r.tolerance > 0.0 && (r.drivers == Ends::Both || r.grounds == Ends::Both) {
            let why = "has no effect on lines that are connected at both ends: they are always computed anew";
            return Err(SettingError::value("wires.resistive.tolerance", format!("{} {why}", r.tolerance)));
        }
        Ok(())
    }

    /// Its resistances, where there are any.
    pub(crate) fn resistive(&self) -> Option<&ResistiveLines> {
        let Self::Resistive(r) = self else { return None };
        let all = [r.word_segment_ohm, r.bit_segment_ohm, r.driver_ohm, r.sense_ohm];
        all.into_iter().any(|ohm| ohm > 0.0).then_some(r)
    }

    /// These lines with `factor` times the resistance.
    pub(crate) fn scaled(&mut self, factor: f64) {
        if let Self::Resistive(r) = self {
            for ohm in [&mut r.word_segment_ohm, &mut r.bit_segment_ohm, &mut r.driver_ohm, &mut r.sense_ohm]
            {
                *ohm *= factor;
            }
        }
    }
}

impl ResistiveLines {
    fn wires(&self) -> Wires {
        Wires {
            word_ohm: self.word_segment_ohm,
            bit_ohm: self.bit_segment_ohm,
            driver_ohm: self.driver_ohm,
            sense_ohm: self.sense_ohm,
            drivers: self.drivers,
            grounds: self.grounds,
        }
    }
}

impl Behind {
    pub(crate) fn new(lines: &ResistiveLines) -> Self {
        Self { lines: lines.clone(), followed: Vec::new() }
    }

    /// Cells were written: nothing is near to what it was.
    pub(crate) fn forget(&mut self) {
        self.followed.clear();
    }

    /// What planes of conductances (S, rows x columns each) look like from their drivers and sense amplifiers: replaces each
    /// by the effective matrix of its lines, in the same layout.
    pub(crate) fn see(
        &mut self,
        planes: &mut [Vec<f32>],
        rows: usize,
        columns: usize,
    ) -> Result<(), ArrayError> {
        let workspace = Workspace::default();
        let Self { lines, followed } = self;
        match lines.devices {
            Placement::Separate => {
                followed.resize(planes.len(), None);
                let arrays = planes.par_iter_mut().zip(followed);
                arrays.try_for_each(|(plane, followed)| {
                    lines.replace(&mut [plane], rows, columns, followed, &workspace)
                })
            }
            Placement::Interleaved => {
                followed.resize(1, None);
                let mut all: Vec<&mut Vec<f32>> = planes.iter_mut().collect();
                lines.replace(&mut all, rows, columns, &mut followed[0], &workspace)
            }
        }
    }

    /// Bytes of what is remembered.
    pub(crate) fn bytes(&self) -> usize {
        self.followed.iter().flatten().map(Followed::bytes).sum()
    }
}

impl ResistiveLines {
    /// The effective matrix of an array, followed from the last exact one where that is near enough.
    fn effective(
        &self,
        crossbar: &LinearCrossbar,
        followed: &mut Option<Followed>,
        workspace: &Workspace,
    ) -> Result<Effective, ArrayError> {
        if self.tolerance == 0.0 {
            return Ok(crossbar.effective(workspace, &Unwatched)?);
        }
        if let Some(known) = followed
            && let Some((near, _)) = known.follow(crossbar, self.tolerance)?
        {
            return Ok(near);
        }
        let (exact, known) = Followed::new(crossbar, workspace, &Unwatched)?;
        *followed = known;
        Ok(exact)
    }

    /// Solves one array whose bit lines belong to these planes in turn.
    fn replace(
        &self,
        planes: &mut [&mut Vec<f32>],
        rows: usize,
        columns: usize,
        followed: &mut Option<Followed>,
        workspace: &Workspace,
    ) -> Result<(), ArrayError> {
        let width = planes.len() * columns;
        let mut g = vec![0.0; rows * width];
        for (number, plane) in planes.iter().enumerate() {
            for (g, plane) in g.chunks_exact_mut(width).zip(plane.chunks_exact(columns)) {
                for (column, value) in plane.iter().enumerate() {
                    g[column * planes.len() + number] = f64::from(value.max(0.0));
                }
            }
        }
        let crossbar = LinearCrossbar::new(Rows::new(&g, rows, width)?, self.wires())?;
        let effective = self.effective(&crossbar, followed, workspace)?;
        let count = planes.len();
        for (number, plane) in planes.iter_mut().enumerate() {
            for (row, plane) in plane.chunks_exact_mut(columns).enumerate() {
                for (column, value) in plane.iter_mut().enumerate() {
                    *value = effective.w[(column * count + number) * rows + row] as f32;
                }
            }
        }
        Ok(())
    }
}
