//! Tables of measurements as instruments and spreadsheets write them: CSV, TSV, packed or not, with or without header.
//!
//! What a column means is taken from what the user says ([`Reading`]), else from its header (`Voltage (V)`, `I [uA]`,
//! `current_a`, `time_s`). What is not known is asked for by name, with the option that says it; nothing is guessed but
//! SI units of plausible size, and that is noted.
//!
//! ```
//! use neurohm_data::table::{Quantity, Reading, parse};
//!
//! let table = parse(b"Voltage (V);I [uA]\n0,1;2,5\n0,2;5,25\n", &Reading::default())?;
//! assert_eq!(table.values(Quantity::Current)?, [2.5e-6, 5.25e-6]);
//! # Ok::<(), neurohm_data::table::TableError>(())
//! ```

mod header;
mod lines;

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use neurohm_num::quantity::Dimension;

use crate::{DataError, unpack};
use lines::Lines;

/// Most numbers in a table: half a gigabyte.
const MAX_CELLS: usize = 1 << 26;
/// Lines that are looked at to learn how a file is written.
const LOOK: usize = 50;

/// What a column measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quantity {
    /// When.
    Time,
    /// Voltage.
    Voltage,
    /// Current.
    Current,
    /// Resistance.
    Resistance,
    /// Conductance.
    Conductance,
    /// Conductance right after programming.
    Initial,
    /// Conductance that was asked for.
    Target,
    /// A weight without unit.
    Weight,
    /// Number of a pulse.
    Pulse,
    /// Direction of a pulse: positive up, negative down.
    Polarity,
    /// What is there after each pulse up.
    Up,
    /// What is there after each pulse down.
    Down,
    /// Temperature.
    Temperature,
    /// Which cell: a number or address.
    Cell,
    /// Which level.
    Level,
    /// Which cycle or repeat.
    Cycle,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Quantity; 16] = [
        Quantity::Time,
        Quantity::Voltage,
        Quantity::Current,
        Quantity::Resistance,
        Quantity::Conductance,
        Quantity::Initial,
        Quantity::Target,
        Quantity::Weight,
        Quantity::Pulse,
        Quantity::Polarity,
        Quantity::Up,
        Quantity::Down,
        Quantity::Temperature,
        Quantity::Cell,
        Quantity::Level,
        Quantity::Cycle,
    ];

    /// Its name, as `--columns` and `--unit` take it.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Time => "time",
            Quantity::Voltage => "voltage",
            Quantity::Current => "current",
            Quantity::Resistance => "resistance",
            Quantity::Conductance => "conductance",
            Quantity::Initial => "initial",
            Quantity::Target => "target",
            Quantity::Weight => "weight",
            Quantity::Pulse => "pulse",
            Quantity::Polarity => "polarity",
            Quantity::Up => "up",
            Quantity::Down => "down",
            Quantity::Temperature => "temperature",
            Quantity::Cell => "cell",
            Quantity::Level => "level",
            Quantity::Cycle => "cycle",
        }
    }

    /// What its unit measures. `Up` and `Down` are conductances if they have a unit, else weights.
    pub fn dimension(self) -> Dimension {
        match self {
            Quantity::Time => Dimension::Second,
            Quantity::Voltage => Dimension::Volt,
            Quantity::Current => Dimension::Ampere,
            Quantity::Resistance => Dimension::Ohm,
            Quantity::Conductance | Quantity::Initial | Quantity::Target | Quantity::Up | Quantity::Down => {
                Dimension::Siemens
            }
            Quantity::Temperature => Dimension::Kelvin,
            Quantity::Weight
            | Quantity::Pulse
            | Quantity::Polarity
            | Quantity::Cell
            | Quantity::Level
            | Quantity::Cycle => Dimension::Ratio,
        }
    }

    /// Largest magnitude that is believed without a unit.
    fn plausible(self) -> f64 {
        match self {
            Quantity::Voltage => 100.0,
            Quantity::Current | Quantity::Conductance | Quantity::Initial | Quantity::Target => 1.0,
            _ => f64::INFINITY,
        }
    }

    fn parse(text: &str) -> Option<Quantity> {
        let text = text.trim().to_lowercase();
        Quantity::ALL.into_iter().find(|q| q.name() == text)
    }
}

/// What the user says of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    columns: Vec<(Place, Quantity)>,
    units: Vec<(String, String)>,
}

/// Where a column is: by number from 0, or by its header.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Number(usize),
    Name(String),
}

impl Reading {
    /// `--columns`: quantities in the order of the columns, `-` for one to be left out (`time,-,voltage`), or
    /// `voltage=V1,current=3` by header or by number from 1.
    ///
    /// # Errors
    /// A name that is none, a quantity twice.
    pub fn with_columns(mut self, text: &str) -> Result<Reading, TableError> {
        for (number, part) in text.split(',').map(str::trim).enumerate() {
            let (name, place) = match part.split_once('=') {
                Some((name, place)) => {
                    let place = place.trim();
                    let number = place.parse::<usize>().ok().filter(|n| *n > 0);
                    (
                        name.trim(),
                        number.map_or_else(|| Place::Name(place.to_owned()), |n| Place::Number(n - 1)),
                    )
                }
                None => (part, Place::Number(number)),
            };
            if name == "-" {
                continue;
            }
            let Some(quantity) = Quantity::parse(name) else {
                return Err(TableError::of(format!(
                    "`{name}` in --columns is no quantity; there are {}, and - for a column to be left out",
                    names(Quantity::ALL.into_iter().map(|q| q.name().to_owned()))
                )));
            };
            if self.columns.iter().any(|(_, q)| *q == quantity) {
                return Err(TableError::of(format!("--columns names {name} twice")));
            }
            self.columns.push((place, quantity));
        }
        Ok(self)
    }

    /// `--unit NAME=UNIT`: the unit of a quantity or of the column with this header.
    ///
    /// # Errors
    /// No `=`, or a unit that the quantity cannot have.
    pub fn with_unit(mut self, text: &str) -> Result<Reading, TableError> {
        let Some((name, unit)) = text.split_once('=') else {
            return Err(TableError::of(format!(
                "`{text}` is no unit of a column: write `--unit current=uA`"
            )));
        };
        let (name, unit) = (name.trim(), unit.trim());
        if let Some(quantity) = Quantity::parse(name) {
            header::unit(unit, quantity.dimension())
                .ok_or_else(|| TableError::of(no_unit(unit, quantity)))?;
        }
        self.units.push((name.to_owned(), unit.to_owned()));
        Ok(self)
    }
}

fn no_unit(unit: &str, quantity: Quantity) -> String {
    let d = quantity.dimension();
    format!("`{unit}` is no unit of {}: write {} such as \"{}\"", quantity.name(), d.what(), d.symbol())
}

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TableError {
    /// Row of data from 1 and line of the file from 1, where it is about one.
    pub row: Option<(u64, u64)>,
    /// Column from 1, where it is about one, and its header.
    pub column: Option<(usize, String)>,
    /// What was found, and what to do.
    pub problem: String,
}

impl TableError {
    fn of(problem: impl Into<String>) -> TableError {
        TableError { row: None, column: None, problem: problem.into() }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((row, line)) = self.row {
            write!(f, "row {row} (line {line}), ")?;
        }
        if let Some((column, name)) = &self.column {
            write!(f, "column {column}")?;
            if !name.is_empty() {
                write!(f, " `{name}`")?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{}", self.problem)
    }
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its header, empty if it has none.
    pub name: String,
    /// What it measures, if known.
    pub quantity: Option<Quantity>,
    /// Its unit, if known.
    pub unit: Option<String>,
    /// Its numbers as they stand in the file.
    pub raw: Vec<f64>,
}

/// Columns of numbers of the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    headed: bool,
    units: Vec<(String, String)>,
    blank: Option<u64>,
}

impl Table {
    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.raw.len())
    }

    /// The first empty line between two rows, from 1: where rows may be missing.
    pub fn blank_line(&self) -> Option<u64> {
        self.blank
    }

    /// Whether there is a column of this.
    pub fn has(&self, quantity: Quantity) -> bool {
        self.columns.iter().any(|c| c.quantity == Some(quantity))
    }

    /// The column of `quantity` in SI units.
    ///
    /// # Errors
    /// No such column, or one whose unit is neither given nor plausibly SI: the error says which option names it.
    pub fn values(&self, quantity: Quantity) -> Result<Vec<f64>, TableError> {
        self.values_noted(quantity).map(|(values, _)| values)
    }

    /// As [`values`](Self::values), with a sentence on what was assumed, if anything was.
    ///
    /// # Errors
    /// As [`values`](Self::values).
    pub fn values_noted(&self, quantity: Quantity) -> Result<(Vec<f64>, Option<String>), TableError> {
        let Some((number, column)) =
            self.columns.iter().enumerate().find(|(_, c)| c.quantity == Some(quantity))
        else {
            return Err(TableError::of(self.missing(quantity)));
        };
        let dimension = quantity.dimension();
        let given = |name: &str| self.units.iter().rev().find(|(n, _)| n == name).map(|(_, u)| u.as_str());
        let unit = given(quantity.name())
            .or_else(|| given(&column.name).filter(|_| !column.name.is_empty()))
            .or(column.unit.as_deref());
        let at = |problem| TableError { row: None, column: Some((number + 1, column.name.clone())), problem };
        if let Some(unit) = unit {
            let scale = header::unit(unit, dimension).ok_or_else(|| at(no_unit(unit, quantity)))?;
            return Ok((column.raw.iter().map(|v| scale.apply(*v)).collect(), None));
        }
        if matches!(quantity, Quantity::Up | Quantity::Down) || dimension == Dimension::Ratio {
            return Ok((column.raw.clone(), None));
        }
        if quantity == Quantity::Temperature {
            // 100 to 260 could be either, and both are temperatures at which devices are measured.
            return Err(at(
                "its temperatures have no unit, and could be in C or K: say `--unit temperature=C` or \
                 `--unit temperature=K`"
                    .to_owned(),
            ));
        }
        let largest = column.raw.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let (name, symbol) = (quantity.name(), dimension.symbol());
        if largest > quantity.plausible() {
            let example = if quantity == Quantity::Current { "uA".to_owned() } else { format!("m{symbol}") };
            return Err(at(format!(
                "the {name} reaches {largest:.4} and has no unit, which as {symbol} is hardly meant: give its unit, \
                 `--unit {name}={example}` for one"
            )));
        }
        let note = format!("The {name} has no unit in the file and was taken to be in {symbol}.");
        Ok((column.raw.clone(), Some(note)))
    }

    /// That there is no column of `quantity`, and how to say which it is.
    fn missing(&self, quantity: Quantity) -> String {
        let few = self.columns.iter().take(8);
        let name = quantity.name();
        if self.headed {
            let found = names(few.map(|c| format!("`{}`", c.name)));
            let more = if self.columns.len() > 8 { " and others" } else { "" };
            let example = self.columns.iter().position(|c| c.quantity.is_none()).unwrap_or(0);
            return format!(
                "no column is known to be the {name}; the file has {found}{more}: say which it is by header or by \
                 number, `--columns {name}={}` for one",
                example + 1
            );
        }
        let first = names(few.map(|c| c.raw.first().map_or_else(String::new, f64::to_string)));
        let example: Vec<_> =
            (0..self.columns.len().min(8)).map(|i| if i == 0 { name } else { "-" }).collect();
        format!(
            "no column is known to be the {name}: the file has {} columns without header (its first row is {first}); \
             name them in order, `--columns {}` for one",
            self.columns.len(),
            example.join(",")
        )
    }
}

fn names(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join(", ")
}

/// Reads a file, unpacking it if it is gzip.
///
/// # Errors
/// A file that cannot be read, or what [`parse`] refuses, with the file's name.
pub fn read(path: &Path, reading: &Reading) -> Result<Table, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    if path.is_dir() {
        return Err(DataError::content(path, "it is a folder, and a file is needed"));
    }
    let packed = file.metadata().map_err(DataError::io(path))?.len();
    from_reader(BufReader::new(file), packed, reading).map_err(|e| DataError::content(path, e.to_string()))
}

/// Reads the bytes of a file, unpacking them if they are gzip.
///
/// # Errors
/// Rows or columns that are none, said with row, line and column.
pub fn parse(bytes: &[u8], reading: &Reading) -> Result<Table, TableError> {
    from_reader(bytes, bytes.len() as u64, reading)
}

fn from_reader(mut reader: impl Read, packed: u64, reading: &Reading) -> Result<Table, TableError> {
    let mut first = [0; 2];
    let mut have = 0;
    while have < 2 {
        match reader.read(&mut first[have..]) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(TableError::of(format!("cannot be read: {e}"))),
        }
    }
    let whole = Cursor::new(first[..have].to_vec()).chain(reader);
    if first == [0x1f, 0x8b] {
        let limit = unpack::limit(packed);
        table(Lines::new(MultiGzDecoder::new(whole).take(limit)), reading)
    } else {
        table(Lines::new(whole), reading)
    }
}

fn table<R: Read>(mut lines: Lines<R>, reading: &Reading) -> Result<Table, TableError> {
    // Look at the first lines to learn how the file is written.
    let mut comment = None;
    let mut look = Vec::new();
    // Empty lines count once a row of numbers lies before and another one behind them.
    let (mut blank, mut waiting) = (None, None);
    while look.len() < LOOK {
        let Some((line, text)) = lines.next()? else { break };
        if text.trim().is_empty() && look.len() > 2 {
            waiting = waiting.or(Some(line));
        } else if blank.is_none() && !text.trim().is_empty() {
            blank = waiting;
        }
        if let Some(rest) = lines::comment(&text) {
            if look.is_empty() {
                comment = Some(rest.to_owned());
            }
        } else if !text.trim().is_empty() {
            look.push((line, text));
        }
    }
    if look.is_empty() {
        return Err(TableError::of("the file holds no data: it is empty, or every line is a comment"));
    }
    let style = lines::style(&look);
    let mut rows = look.into_iter().peekable();
    let split = |text: &str| style.split(text);
    let numeric = |cells: &[String]| {
        let filled = cells.iter().filter(|c| !c.is_empty());
        let good = filled.clone().filter(|c| style.number(c).is_some() || header::measured(c)).count();
        2 * good > filled.count()
    };
    let mut header: Option<Vec<String>> = None;
    if let Some((_, text)) = rows.peek() {
        let cells = split(text);
        if !numeric(&cells) && cells.iter().any(|c| !c.is_empty()) && !cells.iter().all(|c| style.absent(c)) {
            header = Some(cells);
            rows.next();
        }
    }
    // A row of units below the header.
    let mut unit_row = None;
    if let (Some(header), Some((_, text))) = (&header, rows.peek()) {
        let cells = split(text);
        if cells.len() == header.len()
            && !numeric(&cells)
            && cells.iter().all(|c| c.is_empty() || header::any_unit(c))
        {
            unit_row = Some(cells);
            rows.next();
        }
    }
    let Some((line, text)) = rows.peek() else {
        return Err(TableError::of("the file holds a header and no data"));
    };
    let line = *line;
    let mut width = split(text).len();
    // Separators at the end of every line make no column.
    let trailing = width > 1
        && split(text).last().is_some_and(String::is_empty)
        && header.as_ref().is_none_or(|h| h.len() < width || h.last().is_some_and(String::is_empty));
    if trailing {
        width -= 1;
    }
    if header.is_none() {
        header = comment
            .map(|c| split(&c))
            .filter(|cells| cells.len() == width && cells.iter().any(|c| header::parts(c).1.is_some()));
    }
    if width < 2 {
        return Err(TableError {
            row: Some((1, line)),
            column: Some((1, header.and_then(|h| h.into_iter().next()).unwrap_or_default())),
            problem:
                "the file has one column, and at least two are needed: separate them by commas, semicolons, \
                      tabs or spaces"
                    .to_owned(),
        });
    }
    let headed = header.is_some();
    let mut columns: Vec<Column> = header
        .unwrap_or_default()
        .into_iter()
        .chain(std::iter::repeat(String::new()))
        .take(width)
        .map(|name| {
            let (name, quantity, unit) = header::parts(&name);
            Column { name, quantity, unit, raw: Vec::new() }
        })
        .collect();
    for (column, unit) in columns.iter_mut().zip(unit_row.into_iter().flatten()) {
        if !unit.is_empty() {
            column.unit = Some(unit);
        }
    }
    lines::unique(&mut columns);
    for (place, quantity) in &reading.columns {
        let number = match place {
            Place::Number(n) => Some(*n).filter(|n| *n < width),
            Place::Name(name) => columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)),
        };
        let Some(number) = number else {
            let what = match place {
                Place::Number(n) => format!("column {}", n + 1),
                Place::Name(name) => format!("a column `{name}`"),
            };
            let found = names(columns.iter().take(8).map(|c| format!("`{}`", c.name)));
            let found = if headed { format!(": {found}") } else { String::new() };
            return Err(TableError::of(format!(
                "--columns asks for {what} as the {}, and the file has {width} columns{found}",
                quantity.name()
            )));
        };
        columns.iter_mut().filter(|c| c.quantity == Some(*quantity)).for_each(|c| c.quantity = None);
        if columns[number].quantity != Some(*quantity) {
            columns[number].quantity = Some(*quantity);
        }
    }
    let mut filler = lines::Filler::new(&style, columns, trailing);
    let mut count = 0;
    for (line, text) in rows {
        count += 1;
        filler.row(count, line, &text)?;
    }
    while let Some((line, text)) = lines.next()? {
        if text.trim().is_empty() {
            waiting = waiting.or(Some(line));
            continue;
        }
        if lines::comment(&text).is_some() {
            continue;
        }
        blank = blank.or(waiting);
        count += 1;
        if (count as usize).saturating_mul(width) > MAX_CELLS {
            return Err(TableError::of(format!("the file holds more than {MAX_CELLS} numbers: split it")));
        }
        filler.row(count, line, &text)?;
    }
    Ok(Table { columns: filler.end()?, headed, units: reading.units.clone(), blank })
}

#[cfg(test)]
mod tests;
