//! Reading cells of an array through its wires and past its sneak paths, against the size of the array.
//!
//! All cells of an array but one are in one state, which is the worst data of a passive array where that state is the one of low
//! resistance: by Rayleigh's law of monotonicity no other data gives a floating array more sneak current. The selected cell is
//! the farthest one: in the last column from the drivers, in the first row from the grounds. Of all cells of 8 x 8 it has the
//! smallest margin, or, where wires as resistive as a hundredth of a cell meet half selection, its neighbour by a 500th of that
//! (every cell tried in ngspice). What it gives in its two states is the read margin ([`Margin`]).
//!
//! Two ways lead there, and both solve Kirchhoff's equations of every node or say how far they are from that:
//! - linear cells: one array of equal cells falls into ladders, one a mode of its bit lines, and the selected row, column and cell
//!   are corrections of rank one (`uniform`). Exact, in a time that grows with the number of rows alone;
//! - any other cells: Newton's iteration on an array whose unselected lines are gathered in groups of neighbours, which is exact
//!   where each group is one line, and of second order in the size of a group (`grouped`). [`Margin::apart`] is how far
//!   half as many groups were from the result.

use neurohm_num::Watch;

use super::cell::{CellLaw, Conduction, Place, not_negative, positive};
use super::{Access, WireError};

mod grouped;
#[cfg(test)]
mod tests;
mod uniform;

/// What lines are held at while a cell, or a row of them, is read with a voltage `V` on its word line and ground behind the
/// sense amplifier of its bit line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// One cell; all other lines are left open.
    Floating,
    /// One cell; all other lines at ground.
    Grounded,
    /// One cell; all other lines at `V / 2`.
    Half,
    /// One cell; other word lines at `V / 3`, other bit lines at `2 V / 3`.
    Third,
    /// A whole word line at once: other word lines at ground, every bit line with a sense amplifier of its own.
    Row,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Floating, Self::Grounded, Self::Half, Self::Third, Self::Row];

    /// As options and tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floating => "floating",
            Self::Grounded => "grounded",
            Self::Half => "half",
            Self::Third => "third",
            Self::Row => "row",
        }
    }

    /// What it does, in words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Floating => "one cell, other lines floating",
            Self::Grounded => "one cell, other lines at ground",
            Self::Half => "one cell, other lines at V/2",
            Self::Third => "one cell, other lines at V/3 and 2V/3",
            Self::Row => "a whole word line at once, others at ground",
        }
    }

    /// Voltages of the other word lines and of the other bit lines as parts of the read voltage; `None` where they float.
    fn others(self) -> Option<[f64; 2]> {
        match self {
            Self::Floating => None,
            Self::Grounded | Self::Row => Some([0.0, 0.0]),
            Self::Half => Some([0.5, 0.5]),
            Self::Third => Some([1.0 / 3.0, 2.0 / 3.0]),
        }
    }
}

/// The state of all cells but the selected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// Low resistance.
    Low,
    /// High resistance.
    High,
    /// Either: the smaller current of the low-resistance state is held against the larger one of the high-resistance state. What
    /// a sense amplifier with one reference for all data sees.
    Any,
}

/// An array of which cells are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadArray {
    /// Word lines.
    pub rows: usize,
    /// Bit lines.
    pub columns: usize,
    /// Conductance of a cell in its state of low resistance, at low voltage, S.
    pub low_s: f64,
    /// Of one in its state of high resistance, S; 0 for none.
    pub high_s: f64,
    /// How currents follow voltages, and what is in series with each cell. Transistors of the selected row alone are on.
    pub law: CellLaw,
    /// Resistance of a word-line segment, one in front of every cell, ohm.
    pub word_ohm: f64,
    /// Resistance of a bit-line segment, one behind every cell, ohm.
    pub bit_ohm: f64,
    /// In series with everything that holds a line at a voltage, ohm.
    pub driver_ohm: f64,
    /// Of the sense amplifier of a bit line, ohm.
    pub sense_ohm: f64,
}

/// A part of what a cell alone gives that is rounding: currents are found to about 1e-15 of what flows in the lines.
const NOTHING: f64 = 1e-9;

/// What a selected cell gives in its two states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// Current into the sense amplifier with the selected cell at low resistance, A.
    pub low_a: f64,
    /// With the selected cell at high resistance, A.
    pub high_a: f64,
    /// Difference of both with this cell alone, without wires and neighbours, A.
    pub alone_a: f64,
    /// Where neighbours stand between groups: what half as many groups would have changed, the larger of both parts.
    pub apart: Option<f64>,
}

impl Margin {
    /// Difference of the two currents as a part of that at low resistance: what sneak paths leave. Negative where the states are
    /// taken for one another, 0 where wires leave no more than rounding does.
    pub fn contrast(&self) -> f64 {
        if self.signal().abs() < NOTHING { 0.0 } else { (self.low_a - self.high_a) / self.low_a }
    }

    /// Difference of the two currents as a part of what the cell alone would give: what wires leave.
    pub fn signal(&self) -> f64 {
        (self.low_a - self.high_a) / self.alone_a
    }

    /// The smaller one of contrast and signal: what a limit is held against.
    pub fn worst(&self) -> f64 {
        self.contrast().min(self.signal())
    }
}

impl ReadArray {
    fn check(&self, volts: f64) -> Result<(), WireError> {
        let size = WireError::Size { rows: self.rows, columns: self.columns };
        if !(1..=65536).contains(&self.rows) || !(1..=65536).contains(&self.columns) {
            return Err(size);
        }
        self.law.check()?;
        let (low, high) = (self.low_s, self.high_s);
        positive("the conductance of the low-resistance state, in S,", low)?;
        let (what, range) = (
            "the conductance of the high-resistance state, in S,",
            "zero, or positive and smaller than that of the low-resistance state",
        );
        if !(0.0..low).contains(&high) {
            return Err(WireError::Parameter { what, value: high, range });
        }
        for (what, ohm) in [
            ("the resistance of a word-line segment, in ohm,", self.word_ohm),
            ("the resistance of a bit-line segment, in ohm,", self.bit_ohm),
            ("the resistance of a driver, in ohm,", self.driver_ohm),
            ("the resistance of a sense amplifier, in ohm,", self.sense_ohm),
        ] {
            not_negative(what, ohm)?;
        }
        positive("the read voltage, in V,", volts)
    }

    /// Whether cells obey Ohm's law and have nothing in series, so that results are exact.
    pub fn is_linear(&self) -> bool {
        self.law == CellLaw::passive(Conduction::Linear)
    }

    /// What stands for lines without resistance where the other kind has some, ohm: a millionth of the other's. Without any
    /// resistance, and where both have some, nothing stands for them.
    pub fn stand_in_ohm(&self) -> Option<f64> {
        match (self.word_ohm, self.bit_ohm) {
            (0.0, ohm) | (ohm, 0.0) if ohm > 0.0 => Some(1e-6 * ohm),
            _ => None,
        }
    }

    /// Without wire resistance lines are nodes, and a few groups are all there is.
    fn wires(&self) -> Option<[f64; 2]> {
        let or = |ohm: f64| if ohm > 0.0 { ohm } else { self.stand_in_ohm().unwrap_or(0.0) };
        let ohms = [or(self.word_ohm), or(self.bit_ohm)];
        (ohms != [0.0; 2]).then_some(ohms)
    }

    /// The read margin of the farthest cell. Unselected lines of cells that are not linear stand in `groups` groups on a side
    /// at most.
    ///
    /// # Errors
    /// Parameters out of range, an iteration that does not converge, a threshold selector of the selected cell that does not turn
    /// on, or the watch.
    pub fn read(
        &self,
        scheme: Scheme,
        volts: f64,
        background: Background,
        groups: usize,
        watch: &dyn Watch,
    ) -> Result<Margin, WireError> {
        self.check(volts)?;
        let backgrounds: &[f64] = match background {
            Background::Low => &[self.low_s],
            Background::High => &[self.high_s],
            Background::Any => &[self.low_s, self.high_s],
        };
        let alone_a = self.alone(self.low_s, volts)? - self.alone(self.high_s, volts)?;
        let currents = |groups: usize| -> Result<[f64; 2], WireError> {
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for others_s in backgrounds {
                watch.step(0)?;
                let found = self.currents(scheme, volts, *others_s, groups, watch)?;
                (low, high) = (low.min(found[0]), high.max(found[1]));
            }
            Ok([low, high])
        };
        let margin = |[low_a, high_a]: [f64; 2], apart| Margin { low_a, high_a, alone_a, apart };
        let found = margin(currents(groups)?, None);
        if !self.is_grouped(groups) {
            return Ok(found);
        }
        let rough = margin(currents(groups / 2)?, None);
        let apart = (rough.contrast() - found.contrast()).abs().max((rough.signal() - found.signal()).abs());
        Ok(Margin { apart: Some(apart), ..found })
    }

    /// Whether neighbours share a group, so that a result is no solution of the whole array.
    fn is_grouped(&self, groups: usize) -> bool {
        !self.is_linear() && self.wires().is_some() && self.rows.max(self.columns) > groups.max(2) + 1
    }

    /// Currents into the sense amplifier, A, of a selected cell at low and at high resistance among others of `others_s`.
    fn currents(
        &self,
        scheme: Scheme,
        volts: f64,
        others_s: f64,
        groups: usize,
        watch: &dyn Watch,
    ) -> Result<[f64; 2], WireError> {
        let cells = [self.low_s, self.high_s];
        match self.wires() {
            // An array of open cells has no modes; the selected one is alone in it.
            Some(wires) if self.is_linear() && others_s > 0.0 => {
                Ok(uniform::currents(self, wires, scheme, volts, others_s, cells))
            }
            wires => {
                let one =
                    |cell_s| grouped::current(self, wires, scheme, volts, [others_s, cell_s], groups, watch);
                Ok([one(cells[0])?, one(cells[1])?])
            }
        }
    }

    /// The part of the last bit line's current that wires take, with every word line at `volts` and every cell at `cell_s`: of
    /// all bit lines the one that loses most.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn product_loss(
        &self,
        volts: f64,
        cell_s: f64,
        groups: usize,
        watch: &dyn Watch,
    ) -> Result<f64, WireError> {
        self.check(volts)?;
        positive("the conductance of the cells of a product, in S,", cell_s)?;
        let ideal = self.rows as f64 * self.cell(cell_s, volts, 0.0);
        let found = match self.wires() {
            Some(wires) if self.is_linear() => uniform::product(self, wires, volts, cell_s),
            wires => grouped::product(self, wires, volts, cell_s, groups, watch)?,
        };
        Ok(1.0 - found / ideal)
    }

    /// Current of one cell between two voltages, its transistor and selector on.
    fn cell(&self, cell_s: f64, word_v: f64, bit_v: f64) -> f64 {
        let place = Place { word_v, bit_v, seen_v: bit_v, on: true };
        self.law.branch(cell_s, &place, &mut 0.0).i
    }

    /// Current of a cell alone between driver and sense amplifier.
    fn alone(&self, cell_s: f64, volts: f64) -> Result<f64, WireError> {
        let [driver, sense] = [self.driver_ohm, self.sense_ohm];
        let checked = |i: f64| match self.law.too_steep(cell_s, volts - i * (driver + sense)) {
            Some(exponent) => Err(WireError::TooSteep { row: 0, column: 0, exponent }),
            None => Ok(i),
        };
        if driver + sense == 0.0 {
            return checked(0.0).map(|_| self.cell(cell_s, volts, 0.0));
        }
        // The current that the resistors let pass at it less that of the cell falls with the current.
        let (mut low, mut high) = (0.0, volts / (driver + sense));
        for _ in 0..200 {
            let i = 0.5 * (low + high);
            if self.cell(cell_s, volts - i * driver, i * sense) > i { low = i } else { high = i }
        }
        checked(0.5 * (low + high))
    }

    /// Whether a threshold selector decides what a cell conducts.
    fn has_switches(&self) -> bool {
        matches!(self.law.access, Access::Threshold { .. })
    }
}

/// The largest size at which something still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// Not even at the smallest size.
    None,
    /// Up to this size, and not at the next one that was tried.
    At(usize),
    /// At every size that was tried, the largest one included.
    Above(usize),
}

impl Ceiling {
    /// The size, 0 where there is none.
    pub fn size(self) -> usize {
        match self {
            Self::None => 0,
            Self::At(size) | Self::Above(size) => size,
        }
    }
}

/// The largest of the sizes from `least` to `most` at which `holds`, if that is so up to some size and no further. Tries sizes until
/// those that hold and those that do not are neighbours, or within a part `fine` of one another.
///
/// # Errors
/// Those of `holds`.
pub fn ceiling<E>(
    least: usize,
    most: usize,
    fine: f64,
    mut holds: impl FnMut(usize) -> Result<bool, E>,
) -> Result<Ceiling, E> {
    if !holds(least)? {
        return Ok(Ceiling::None);
    }
    let (mut good, mut bad) = (least, least);
    // Doubling first: small arrays are cheap.
    while bad == good {
        if good == most {
            return Ok(Ceiling::Above(most));
        }
        let next = (2 * good).min(most);
        if holds(next)? {
            (good, bad) = (next, next);
        } else {
            bad = next;
        }
    }
    while bad - good > 1 && (bad - good) as f64 > fine * good as f64 {
        let middle = good + (bad - good) / 2;
        if holds(middle)? { good = middle } else { bad = middle }
    }
    Ok(Ceiling::At(good))
}
