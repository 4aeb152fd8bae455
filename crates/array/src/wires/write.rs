//! Writing: what stands on the lines while cells are written, and cells brought to their targets by pulses through the lines.
//!
//! A cell is written by the voltage between its two lines. All cells of its lines see a part of it; how large a part is what
//! a bias scheme decides.

use neurohm_device::Drive;
use neurohm_num::{Silent, Watch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dynamic::{DynamicCrossbar, Passed};
use super::{Access, WireError};

/// Voltages of the lines that are not chosen while cells between chosen lines get the voltage `V`: `V` on the word line, 0 on the
/// bit line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// `V / 2` on all others: cells of a chosen line see `V / 2`, all others nothing.
    #[default]
    Half,
    /// `V / 3` on other word lines, `2 V / 3` on other bit lines: every cell that is not chosen sees `V / 3`, in one
    /// direction or the other.
    Third,
    /// 0 on all others: cells of other word lines see nothing, and all cells of the chosen word line see `V`. It
    /// writes whole word lines.
    Grounded,
}

/// Which cells get their pulses at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Together {
    /// One after the other.
    Cell,
    /// Those of a word line.
    #[default]
    Row,
    /// Those of a bit line.
    Column,
}

/// A line whose cells are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A word line, from 0.
    Word(usize),
    /// A bit line, from 0.
    Bit(usize),
}

impl Bias {
    /// Voltages of all lines, V, those of the word lines and behind them those of the bit lines, that put the voltages `wanted`
    /// across cells of one line, one for each line that crosses it, and hold back those for which there is none. All of
    /// one sign.
    pub fn lines(self, (rows, columns): (usize, usize), line: Line, wanted: &[Option<f64>]) -> Vec<f64> {
        let most =
            wanted.iter().flatten().fold(0.0f64, |most, v| if v.abs() > most.abs() { *v } else { most });
        let (word, bit) = match self {
            Self::Half => (0.5 * most, 0.5 * most),
            Self::Third => (most / 3.0, 2.0 * most / 3.0),
            Self::Grounded => (0.0, 0.0),
        };
        let mut lines = vec![word; rows];
        lines.resize(rows + columns, bit);
        let wanted = wanted.iter().enumerate().filter_map(|(k, v)| Some((k, (*v)?)));
        match line {
            Line::Word(row) => {
                lines[row] = most;
                wanted.for_each(|(column, v)| lines[rows + column] = most - v);
            }
            Line::Bit(column) => {
                lines[rows + column] = 0.0;
                wanted.for_each(|(row, v)| lines[row] = v);
            }
        }
        lines
    }
}

/// How cells are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Writing {
    /// What stands on the other lines.
    pub bias: Bias,
    /// What is written at once.
    pub together: Together,
    /// The pulse that raises a conductance.
    pub set: Drive,
    /// The pulse that lowers it.
    pub reset: Drive,
    /// Time at 0 V on all lines after each pulse, s.
    pub rest_s: f64,
}

/// A loop of reads through the lines and pulses, each of which is stronger than the one before as long as the direction stays
/// (incremental step pulse programming).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verify {
    /// Voltage of the chosen word line in a read, V; all other lines are at 0 V. Reads do not move devices.
    pub read_v: f64,
    /// Largest error that counts as reached, as a part of the target.
    pub tolerance: f64,
    /// Voltage of the first pulse in a direction, as a part of that of [`Writing`].
    pub first: f64,
    /// What is added to that part from pulse to pulse.
    pub increment: f64,
    /// The largest part.
    pub largest: f64,
    /// Most pulses a cell gets.
    pub max_pulses: u32,
}

/// What writing did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// Pulses of each cell.
    pub pulses: Vec<u32>,
    /// Voltage across each cell's device when its first pulse began, V; 0 where there was none.
    pub delivered_v: Vec<f64>,
    /// That voltage without resistance of lines and selectors, V.
    pub wanted_v: Vec<f64>,
    /// Conductance of each device as its own write left it, S; of the others as they were.
    pub left_s: Vec<f64>,
    /// Cells that no read saw within the tolerance.
    pub missed: Vec<usize>,
    /// Reads of lines.
    pub reads: u64,
    /// Cells that were written before the watch said stop; none where all were.
    pub stopped_after: Option<usize>,
    /// Time and energy of pulses and rests.
    pub passed: Passed,
}

/// What very many writes of one cell do to the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disturbed {
    /// Writes so far.
    pub writes: f64,
    /// Largest relative difference of a conductance from that of an array at rest, among the other cells of the word line.
    pub word: f64,
    /// Among the other cells of the bit line.
    pub bit: f64,
    /// Among all other cells.
    pub others: f64,
}

impl Written {
    /// How these cells of a group stand, now that their own write is over.
    fn note(
        &mut self,
        array: &mut DynamicCrossbar,
        group: &Group,
        places: impl Iterator<Item = usize>,
        read_v: f64,
    ) -> Result<(), WireError> {
        let (n, now) = (array.columns(), array.conductances(read_v)?);
        for cell in places.map(|place| group.cell(n, place)) {
            self.left_s[cell] = now[cell];
        }
        Ok(())
    }
}

/// Cells of one line that are written together.
struct Group {
    line: Line,
    /// Places along the line.
    places: Vec<usize>,
}

impl Group {
    fn cell(&self, columns: usize, place: usize) -> usize {
        match self.line {
            Line::Word(row) => row * columns + place,
            Line::Bit(column) => place * columns + column,
        }
    }
}

/// Which way a conductance is to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

impl Writing {
    /// One pulse for each cell that is to be set (true) or reset (false), without a read. `read_v` is the voltage at which
    /// conductances are told. Steps `watch` by one a group of cells; where it says stop, what was written until then is
    /// returned.
    ///
    /// # Errors
    /// As for [`DynamicCrossbar::hold`]; another number of cells than the array has.
    pub fn pattern(
        &self,
        array: &mut DynamicCrossbar,
        pattern: &[Option<bool>],
        read_v: f64,
        watch: &dyn Watch,
    ) -> Result<Written, WireError> {
        let chosen: Vec<bool> = pattern.iter().map(|p| p.is_some()).collect();
        self.each(array, &chosen, read_v, watch, &mut |array, group, written| {
            for (way, up) in [(Way::Up, true), (Way::Down, false)] {
                let n = array.columns();
                let to = |place: &usize| pattern[group.cell(n, *place)] == Some(up);
                let pulses: Vec<(usize, f64)> =
                    group.places.iter().copied().filter(|p| to(p)).map(|p| (p, 1.0)).collect();
                self.pulse(array, group, way, &pulses, written, watch)?;
                written.note(array, group, pulses.iter().map(|p| p.0), read_v)?;
            }
            Ok(())
        })
    }

    /// Brings cells to conductances, S, by reads and pulses; those whose target is not a number are left alone. A read sees
    /// the cell through its lines, so that what they take is made up for as far as the device goes.
    ///
    /// # Errors
    /// As for [`Self::pattern`].
    pub fn verified(
        &self,
        array: &mut DynamicCrossbar,
        targets_s: &[f64],
        verify: &Verify,
        watch: &dyn Watch,
    ) -> Result<Written, WireError> {
        let chosen: Vec<bool> = targets_s.iter().map(|t| !t.is_nan()).collect();
        self.each(array, &chosen, verify.read_v, watch, &mut |array, group, written| {
            self.reach(array, group, targets_s, verify, written, watch)
        })
    }

    /// Writes one cell by one pulse again and again, up to `10^decades` times, and looks `per_decade` times a decade at the
    /// others, beside those of an array that rests for as long: what devices do by themselves is no disturb. Pulses follow
    /// one another without a pause: what devices would recover between them is left out. Steps
    /// `watch` by one a look.
    ///
    /// # Errors
    /// As for [`Self::pattern`]; a cell that there is not.
    pub fn disturb(
        &self,
        array: &mut DynamicCrossbar,
        (row, column): (usize, usize),
        set: bool,
        (decades, per_decade): (u32, u32),
        read_v: f64,
        watch: &dyn Watch,
    ) -> Result<Vec<Disturbed>, WireError> {
        let (m, n) = (array.rows(), array.columns());
        if row >= m || column >= n {
            return Err(WireError::NoCell { row, column, rows: m, columns: n });
        }
        let drive = if set { self.set } else { self.reset };
        let mut wanted = vec![None; n];
        wanted[column] = Some(drive.voltage_v);
        let lines = self.bias.lines((m, n), Line::Word(row), &wanted);
        array.gate(&(0..m).map(|i| i == row).collect::<Vec<_>>())?;
        let mut resting = array.copy();
        let looks = decades * per_decade;
        watch.begin("writing again and again", Some(u64::from(looks) + 1));
        let quiet = Silent(watch);
        let mut done = 0.0;
        let mut seen = Vec::new();
        for look in 0..=looks {
            let writes = libm::pow(10.0, f64::from(look) / f64::from(per_decade));
            let t_s = (writes - done) * drive.width_s;
            array.hold(&lines, t_s, &quiet)?;
            resting.hold(&vec![0.0; m + n], t_s, &quiet)?;
            done = writes;
            let (after, before) = (array.conductances(read_v)?, resting.conductances(read_v)?);
            let mut now = Disturbed { writes, word: 0.0, bit: 0.0, others: 0.0 };
            for (k, (after, before)) in after.iter().zip(&before).enumerate() {
                let most = match (k / n == row, k % n == column) {
                    (true, true) => continue,
                    (true, false) => &mut now.word,
                    (false, true) => &mut now.bit,
                    (false, false) => &mut now.others,
                };
                *most = most.max((after / before - 1.0).abs());
            }
            seen.push(now);
            watch.step(1)?;
        }
        Ok(seen)
    }

    fn each(
        &self,
        array: &mut DynamicCrossbar,
        chosen: &[bool],
        read_v: f64,
        watch: &dyn Watch,
        write: &mut dyn FnMut(&mut DynamicCrossbar, &Group, &mut Written) -> Result<(), WireError>,
    ) -> Result<Written, WireError> {
        let (m, n) = (array.rows(), array.columns());
        if chosen.len() != m * n {
            let (what, expected, found) = ("cells to write", m * n, chosen.len());
            return Err(WireError::Cells { what, expected, found });
        }
        let groups = self.groups((m, n), chosen);
        let mut written = Written {
            pulses: vec![0; m * n],
            delivered_v: vec![0.0; m * n],
            wanted_v: vec![0.0; m * n],
            left_s: array.conductances(read_v)?,
            ..Written::default()
        };
        watch.begin("writing", Some(groups.len() as u64));
        let mut done = 0;
        for group in &groups {
            let outcome = write(array, group, &mut written);
            if outcome.is_err() {
                // Of a group that was broken off, how its cells stand now.
                written.note(array, group, group.places.iter().copied(), read_v)?;
            }
            match outcome.and_then(|()| Ok(watch.step(1)?)) {
                Ok(()) => done += group.places.len(),
                Err(WireError::Cancelled) => {
                    written.stopped_after = Some(done);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    fn groups(&self, (m, n): (usize, usize), chosen: &[bool]) -> Vec<Group> {
        let row = |i: usize| (0..n).filter(move |j| chosen[i * n + j]);
        let all: Vec<Group> = match self.together {
            Together::Cell => (0..m)
                .flat_map(|i| row(i).map(move |j| Group { line: Line::Word(i), places: vec![j] }))
                .collect(),
            Together::Row => {
                (0..m).map(|i| Group { line: Line::Word(i), places: row(i).collect() }).collect()
            }
            Together::Column => (0..n)
                .map(|j| Group { line: Line::Bit(j), places: (0..m).filter(|i| chosen[i * n + j]).collect() })
                .collect(),
        };
        all.into_iter().filter(|group| !group.places.is_empty()).collect()
    }

    /// One pulse for these places of a group, each its part of the pulse's voltage.
    fn pulse(
        &self,
        array: &mut DynamicCrossbar,
        group: &Group,
        way: Way,
        pulses: &[(usize, f64)],
        written: &mut Written,
        watch: &dyn Watch,
    ) -> Result<(), WireError> {
        if pulses.is_empty() {
            return Ok(());
        }
        let (m, n) = (array.rows(), array.columns());
        let drive = if way == Way::Up { self.set } else { self.reset };
        let mut wanted = vec![None; if matches!(group.line, Line::Word(_)) { n } else { m }];
        pulses.iter().for_each(|(place, part)| wanted[*place] = Some(part * drive.voltage_v));
        let lines = self.bias.lines((m, n), group.line, &wanted);
        let gates: Vec<bool> = (0..m)
            .map(|i| match group.line {
                Line::Word(row) => row == i,
                Line::Bit(_) => wanted[i].is_some(),
            })
            .collect();
        array.gate(&gates)?;
        let quiet = Silent(watch);
        written.passed.add(array.hold(&lines, drive.width_s, &quiet)?);
        for (place, part) in pulses {
            let cell = group.cell(n, *place);
            if written.pulses[cell] == 0 {
                written.delivered_v[cell] = array.started_v()[cell];
                written.wanted_v[cell] = part * drive.voltage_v;
            }
            written.pulses[cell] += 1;
        }
        if self.rest_s > 0.0 {
            written.passed.add(array.hold(&vec![0.0; m + n], self.rest_s, &quiet)?);
        }
        Ok(())
    }

    /// The loop for one group.
    fn reach(
        &self,
        array: &mut DynamicCrossbar,
        group: &Group,
        targets_s: &[f64],
        verify: &Verify,
        written: &mut Written,
        watch: &dyn Watch,
    ) -> Result<(), WireError> {
        let n = array.columns();
        /// A cell on its way: its place, the direction of its last pulse and that pulse's part of the voltage.
        struct Pending {
            place: usize,
            last: Option<(Way, f64)>,
        }
        let mut pending: Vec<Pending> =
            group.places.iter().map(|place| Pending { place: *place, last: None }).collect();
        for round in 0..=verify.max_pulses {
            let seen =
                self.see(array, group, &pending.iter().map(|p| p.place).collect::<Vec<_>>(), verify, watch)?;
            written.reads += if matches!(group.line, Line::Word(_)) { 1 } else { pending.len() as u64 };
            let (mut ways, mut done) = (Vec::new(), Vec::new());
            let mut left = Vec::new();
            for (mut cell, g) in pending.into_iter().zip(seen) {
                let error = targets_s[group.cell(n, cell.place)] - g;
                if error.abs() <= verify.tolerance * targets_s[group.cell(n, cell.place)] {
                    done.push(cell.place);
                    continue;
                }
                let way = if error > 0.0 { Way::Up } else { Way::Down };
                let part = match cell.last {
                    Some((last, part)) if last == way => (part + verify.increment).min(verify.largest),
                    _ => verify.first,
                };
                cell.last = Some((way, part));
                ways.push((way, (cell.place, part)));
                left.push(cell);
            }
            pending = left;
            if round == verify.max_pulses {
                done.extend(pending.iter().map(|p| p.place));
            }
            written.note(array, group, done.into_iter(), verify.read_v)?;
            if pending.is_empty() || round == verify.max_pulses {
                break;
            }
            for way in [Way::Up, Way::Down] {
                let pulses: Vec<(usize, f64)> = ways.iter().filter(|w| w.0 == way).map(|w| w.1).collect();
                self.pulse(array, group, way, &pulses, written, watch)?;
            }
        }
        written.missed.extend(pending.iter().map(|p| group.cell(n, p.place)));
        Ok(())
    }

    /// Conductances of these places as reads of word lines see them.
    fn see(
        &self,
        array: &mut DynamicCrossbar,
        group: &Group,
        places: &[usize],
        verify: &Verify,
        watch: &dyn Watch,
    ) -> Result<Vec<f64>, WireError> {
        match group.line {
            Line::Word(row) => {
                let seen = array.read_row(row, verify.read_v, watch)?;
                Ok(places.iter().map(|column| seen[*column]).collect())
            }
            Line::Bit(column) => {
                places.iter().map(|row| Ok(array.read_row(*row, verify.read_v, watch)?[column])).collect()
            }
        }
    }
}

impl DynamicCrossbar<'_> {
    /// Conductances of the cells of a word line, S, as their bit lines' currents tell them: `read_v` V on that line, 0 V on all
    /// others. Nothing moves.
    ///
    /// # Errors
    /// As for [`Self::read`]; a row that there is not.
    pub fn read_row(&mut self, row: usize, read_v: f64, watch: &dyn Watch) -> Result<Vec<f64>, WireError> {
        let (m, n) = (self.rows(), self.columns());
        if row >= m {
            return Err(WireError::NoCell { row, column: 0, rows: m, columns: n });
        }
        let mut lines = vec![0.0; m + n];
        lines[row] = read_v;
        self.gate(&(0..m).map(|i| i == row).collect::<Vec<_>>())?;
        Ok(self.read(&lines, watch)?.currents.into_iter().map(|i| i / read_v).collect())
    }

    /// Turns on the transistors of these rows alone, where there are transistors.
    fn gate(&mut self, rows_on: &[bool]) -> Result<(), WireError> {
        if matches!(self.access(), Access::Transistor { .. }) { self.select(rows_on) } else { Ok(()) }
    }
}
