//! What reading a crossbar takes.

use neurohm_array::{CopperWire, SettingError};
use neurohm_num::quantity::{self, Dimension};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::constant::{Constant, FaradPerMetre, Known, Metre, Ratio, Second, SquareMetre, Watt};
use crate::error::{not_negative, positive};
use crate::preset::Stated;

/// A crossbar, by the law that gives its cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Array {
    /// By a published power.
    Published(PublishedArray),
    /// By Ohm's law: what the cells dissipated, and the charge of the lines.
    Ohmic(OhmicArray),
}

/// A crossbar whose power was published, for its cells together; another size takes as much a cell (PUMA's table goes
/// with the square of the side).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedArray {
    /// Word lines of the published one.
    pub rows: u32,
    /// Bit lines of the published one.
    pub columns: u32,
    /// Power of all of it while it is read.
    #[serde(rename = "power")]
    pub power_w: Constant<Watt>,
    /// How long one read takes.
    #[serde(rename = "time")]
    pub time_s: Constant<Second>,
    /// Area of all of it.
    #[serde(rename = "area")]
    pub area_m2: Constant<SquareMetre>,
}

/// A crossbar whose cells dissipate `G V^2 t` (the tally has the sum over all reads) and whose word lines are charged:
/// `E = C l V^2` for a line of length `l`, capacitance `C` a metre and voltage `V`, once a turn of the inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OhmicArray {
    /// Feature size.
    #[serde(rename = "node")]
    pub node_m: Constant<Metre>,
    /// Width of a cell along the word line, in feature sizes.
    pub cell_width: Constant<Ratio>,
    /// Height of a cell along the bit line, in feature sizes.
    pub cell_height: Constant<Ratio>,
    /// Capacitance of the lines.
    #[serde(rename = "line_capacitance")]
    pub line_f_per_m: Constant<FaradPerMetre>,
    /// How much of the column's time constant it takes to sense.
    pub settle: Constant<Ratio>,
    /// Time of a read beside settling: decoders and switches.
    #[serde(rename = "overhead")]
    pub overhead_s: Constant<Second>,
}

/// What a crossbar is, as far as it is priced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReadCell {
    /// Word lines.
    pub rows: u32,
    /// Mean resistance of a cell, ohm.
    pub cell_ohm: f64,
    /// Integration time that the chip asks for, s.
    pub integration_s: f64,
}

impl OhmicArray {
    /// Capacitance of a bit line of `rows` cells, F.
    pub fn bit_line_f(&self, rows: u32) -> f64 {
        self.line_f_per_m.value * f64::from(rows) * self.cell_height.value * self.node_m.value
    }

    /// Capacitance of a word line of `columns` cells, F.
    pub fn word_line_f(&self, columns: u32) -> f64 {
        self.line_f_per_m.value * f64::from(columns) * self.cell_width.value * self.node_m.value
    }

    /// Time until a column may be sensed, s: `settle C R / (rows / 2)`, half of the cells conducting.
    pub fn settle_s(&self, rows: u32, cell_ohm: f64) -> f64 {
        self.settle.value * self.bit_line_f(rows) * cell_ohm / (f64::from(rows) / 2.0)
    }

    /// Resistance of a cell's piece of word line and of bit line, ohm, of lines like `wire` without liner: what the
    /// crossbar as a circuit takes for its wires.
    ///
    /// # Errors
    /// A cell without width or height.
    pub fn pieces_ohm(&self, wire: &CopperWire) -> Result<(f64, f64), SettingError> {
        let piece = |features: f64| wire.ohm(features * self.node_m.value, 0.0);
        Ok((piece(self.cell_width.value)?, piece(self.cell_height.value)?))
    }

    /// Area of a cell, m2.
    pub fn cell_m2(&self) -> f64 {
        self.cell_width.value * self.cell_height.value * self.node_m.value.powi(2)
    }
}

impl Array {
    /// Resistance of its lines, as wide as the table's nearest to its feature size, for a reader: no bill uses it, a chip's
    /// `wires` may.
    pub(crate) fn tables(&self) -> Result<Vec<Stated>, SettingError> {
        let Self::Ohmic(array) = self else { return Ok(Vec::new()) };
        let wire = CopperWire::nearest(array.node_m.value)?;
        let (word, bit) = array.pieces_ohm(&wire)?;
        let ohm = |ohm: f64| quantity::format(quantity::rounded(ohm, 4), Dimension::Ohm);
        let value = format!(
            "word line {}, bit line {} a cell, {} wide",
            ohm(word),
            ohm(bit),
            quantity::format(wire.width_m, Dimension::Metre)
        );
        let known = Known::from_name(wire.known)?;
        Ok(vec![Stated::new("array.ohmic (its lines; in no bill)", value, known, wire.source)])
    }

    /// Time of one read, s: the published one, or the chip's integration time after settling.
    pub(crate) fn read_s(&self, cell: ReadCell) -> f64 {
        match self {
            Self::Published(array) => array.time_s.value,
            Self::Ohmic(array) => {
                array.overhead_s.value + array.settle_s(cell.rows, cell.cell_ohm) + cell.integration_s
            }
        }
    }

    /// Area of a crossbar, m2.
    pub(crate) fn area_m2(&self, rows: u32, columns: u32) -> f64 {
        let cells = f64::from(rows) * f64::from(columns);
        match self {
            Self::Published(array) => {
                array.area_m2.value / (f64::from(array.rows) * f64::from(array.columns)) * cells
            }
            Self::Ohmic(array) => array.cell_m2() * cells,
        }
    }

    /// How well its least well known constant is known.
    pub fn known(&self) -> Known {
        match self {
            Self::Published(a) => a.power_w.known.max(a.time_s.known).max(a.area_m2.known),
            Self::Ohmic(a) => [
                a.node_m.known,
                a.cell_width.known,
                a.cell_height.known,
                a.line_f_per_m.known,
                a.settle.known,
                a.overhead_s.known,
            ]
            .into_iter()
            .fold(Known::Published, Known::max),
        }
    }

    pub(crate) fn check(&self) -> Result<(), SettingError> {
        match self {
            Self::Published(a) => {
                positive("array.published.power.value", a.power_w.value)?;
                positive("array.published.time.value", a.time_s.value)?;
                positive("array.published.area.value", a.area_m2.value)?;
                for (name, lines) in [("rows", a.rows), ("columns", a.columns)] {
                    if !(1..=1 << 20).contains(&lines) {
                        let path = format!("array.published.{name}");
                        return Err(SettingError::value(path, format!("{lines} is not from 1 to 1048576")));
                    }
                }
                Ok(())
            }
            Self::Ohmic(a) => {
                positive("array.ohmic.node.value", a.node_m.value)?;
                positive("array.ohmic.cell_width.value", a.cell_width.value)?;
                positive("array.ohmic.cell_height.value", a.cell_height.value)?;
                not_negative("array.ohmic.line_capacitance.value", a.line_f_per_m.value)?;
                not_negative("array.ohmic.settle.value", a.settle.value)?;
                not_negative("array.ohmic.overhead.value", a.overhead_s.value)
            }
        }
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
    use crate::technology;

    #[test]
    fn an_ohmic_crossbar_follows_its_formulas_by_hand() {
        let technology = technology("neurosim_like_22nm").unwrap();
        let Array::Ohmic(array) = &technology.array else { panic!("{:?}", technology.array) };
        // 48 squares of 22 nm.
        assert!((array.cell_m2() / (48.0 * 22e-9 * 22e-9) - 1.0).abs() < 1e-12);
        // 128 cells of 12 x 22 nm at 0.2 fF/um: 6.76 fF; 0.2 R C / 64 for 100 kohm.
        assert!((array.bit_line_f(128) - 6.7584e-15).abs() < 1e-21);
        assert!((array.settle_s(128, 1e5) / (0.2 * 6.7584e-15 * 1e5 / 64.0) - 1.0).abs() < 1e-12);
        // Lines 20 nm wide, aspect 2, 41.7 nohm m: 52.1 ohm a micrometre, 88 nm and 264 nm long.
        let (word, bit) = array.pieces_ohm(&CopperWire::of_width(20e-9).unwrap()).unwrap();
        assert!((word - 52.125 * 0.088).abs() < 1e-9 && (bit / word - 3.0).abs() < 1e-12);
        // Such a line is far faster than the read: picoseconds.
        assert!(elmore_s(1e3, bit, array.bit_line_f(1), 128) < 1e-10);
    }

    #[test]
    fn elmores_delay_is_the_sum_over_the_ladder() {
        // Each capacitor sees the resistance that it shares with the source.
        let (driver, r, c, n) = (1e3, 2.0, 1e-16, 64);
        let ladder: f64 = (1..=n).map(|k| (driver + r * f64::from(k)) * c).sum();
        assert!((elmore_s(driver, r, c, n) / ladder - 1.0).abs() < 1e-12);
    }
}
