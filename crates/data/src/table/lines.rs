//! Lines, separators, cells.

use std::io::Read;

use super::header;
use super::{Column, TableError};

/// Longest line.
const MAX_LINE: usize = 1 << 26;

/// Lines of text: UTF-8, or Latin-1 where a line is not.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    at: usize,
    line: u64,
    done: bool,
}

impl<R: Read> Lines<R> {
    pub fn new(reader: R) -> Self {
        Lines { reader, buffer: Vec::new(), at: 0, line: 0, done: false }
    }

    /// The next line and its number from 1.
    pub fn next(&mut self) -> Result<Option<(u64, String)>, TableError> {
        let mut searched = self.at;
        let end = loop {
            let found = self.buffer[searched..].iter().position(|b| *b == b'\n' || *b == b'\r');
            if let Some(found) = found {
                break searched + found;
            }
            searched = self.buffer.len();
            if self.done {
                if self.at == self.buffer.len() {
                    return Ok(None);
                }
                break self.buffer.len();
            }
            if searched - self.at > MAX_LINE {
                return Err(self.fault(format!("the line is longer than {MAX_LINE} bytes: this is no table")));
            }
            searched -= self.at;
            self.buffer.drain(..self.at);
            self.at = 0;
            self.fill()?;
        };
        let bytes = &self.buffer[self.at..end];
        self.line += 1;
        let bytes = if self.line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        if bytes.contains(&0) {
            let wide = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
            let what =
                if wide { "the file is UTF-16: save it as UTF-8" } else { "the file is binary, no text" };
            return Err(self.fault(what.to_owned()));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|b| *b as char).collect(),
        };
        // Past the end of the line, of two bytes on Windows.
        let mut next = (end + 1).min(self.buffer.len());
        if self.buffer.get(end) == Some(&b'\r') {
            if next == self.buffer.len() && !self.done {
                self.fill()?;
            }
            if self.buffer.get(next) == Some(&b'\n') {
                next += 1;
            }
        }
        self.at = next;
        Ok(Some((self.line, text)))
    }

    fn fill(&mut self) -> Result<(), TableError> {
        let mut piece = [0; 1 << 14];
        loop {
            match self.reader.read(&mut piece) {
                Ok(0) => self.done = true,
                Ok(n) => self.buffer.extend_from_slice(&piece[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.fault(format!("cannot be read further: {e}"))),
            }
            return Ok(());
        }
    }

    fn fault(&self, problem: String) -> TableError {
        TableError::of(format!("line {}: {problem}", self.line.max(1)))
    }
}

/// What follows the sign of a comment, if the line is one.
pub(super) fn comment(text: &str) -> Option<&str> {
    let text = text.trim_start();
    ["#", "%", "//"].iter().find_map(|sign| text.strip_prefix(sign)).map(str::trim)
}

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Between cells; None is white space.
    separator: Option<char>,
    /// Whether a comma is a decimal point.
    comma: bool,
}

impl Style {
    pub fn split(&self, text: &str) -> Vec<String> {
        let Some(separator) = self.separator else {
            return text.split_whitespace().map(unquoted).collect();
        };
        let mut out = vec![String::new()];
        let mut quoted = false;
        for c in text.chars() {
            if c == '"' {
                quoted = !quoted;
            }
            match out.last_mut() {
                Some(cell) if c != separator || quoted => cell.push(c),
                _ => out.push(String::new()),
            }
        }
        out.iter().map(|cell| unquoted(cell)).collect()
    }

    pub fn number(&self, cell: &str) -> Option<f64> {
        let cell = cell.trim();
        if self.comma && cell.contains(',') {
            if cell.contains('.') || cell.matches(',').count() > 1 {
                return None;
            }
            return finite(&cell.replace(',', "."));
        }
        finite(cell)
    }

    /// Whether a cell says that there is no value.
    pub fn absent(&self, cell: &str) -> bool {
        matches!(
            cell.trim().to_lowercase().as_str(),
            "" | "nan"
                | "na"
                | "n/a"
                | "null"
                | "none"
                | "-"
                | "--"
                | "inf"
                | "-inf"
                | "+inf"
                | "#n/a"
                | "infinity"
        )
    }
}

/// A decimal number; names of no number are none.
fn finite(cell: &str) -> Option<f64> {
    let digits = cell.bytes().any(|b| b.is_ascii_digit());
    if !digits {
        return None;
    }
    cell.replace(['\u{2212}'], "-").parse().ok().filter(|v: &f64| v.is_finite())
}

fn unquoted(cell: &str) -> String {
    cell.trim().trim_matches('"').trim().to_owned()
}

/// The style under which most cells of the first lines are numbers, and all lines are alike.
pub(super) fn style(look: &[(u64, String)]) -> Style {
    let mut best = (f64::NEG_INFINITY, Style { separator: Some(','), comma: false });
    for separator in [Some('\t'), Some(';'), Some(','), None] {
        for comma in [false, true] {
            if comma && separator == Some(',') {
                continue;
            }
            let style = Style { separator, comma };
            // The first line may be a header; it counts only where it is alone.
            let lines = if look.len() > 1 { &look[1..] } else { look };
            let (mut cells, mut numbers, mut alike) = (0_usize, 0_usize, 0_usize);
            let width = lines.first().map_or(0, |(_, text)| style.split(text).len());
            for (_, text) in lines {
                let row = style.split(text);
                alike += usize::from(row.len() == width);
                cells += row.len();
                numbers += row.iter().filter(|c| style.number(c).is_some() || header::measured(c)).count();
            }
            if width < 2 {
                continue;
            }
            let score = numbers as f64 / cells.max(1) as f64 + 0.2 * alike as f64 / lines.len().max(1) as f64;
            if score > best.0 + 1e-9 {
                best = (score, style);
            }
        }
    }
    best.1
}

/// Of several columns of one quantity only a lone one is recognised: otherwise the user has to say which.
pub(super) fn unique(columns: &mut [Column]) {
    let mut seen = [0_usize; super::Quantity::ALL.len()];
    let place = |q| super::Quantity::ALL.iter().position(|other| *other == q).unwrap_or(0);
    for quantity in columns.iter().filter_map(|c| c.quantity) {
        seen[place(quantity)] += 1;
    }
    for column in columns {
        if column.quantity.is_some_and(|q| seen[place(q)] > 1) {
            column.quantity = None;
        }
    }
}

/// Takes rows into columns.
pub(super) struct Filler<'a> {
    style: &'a Style,
    columns: Vec<Column>,
    /// Units within cells, column by column, as the first row has them.
    within: Vec<Option<String>>,
    trailing: bool,
    /// A number whose comma could only be decimal was seen, and one whose comma could also divide thousands.
    decimal: bool,
    doubtful: Option<(u64, u64, usize)>,
}

impl<'a> Filler<'a> {
    pub fn new(style: &'a Style, columns: Vec<Column>, trailing: bool) -> Self {
        let within = vec![None; columns.len()];
        Filler { style, columns, within, trailing, decimal: false, doubtful: None }
    }

    pub fn row(&mut self, row: u64, line: u64, text: &str) -> Result<(), TableError> {
        let mut cells = self.style.split(text);
        if self.trailing
            && cells.len() == self.columns.len() + 1
            && cells.last().is_some_and(String::is_empty)
        {
            cells.pop();
        }
        if cells.len() != self.columns.len() {
            return Err(TableError {
                row: Some((row, line)),
                column: None,
                problem: format!(
                    "it has {} cells where the first row has {}: the file is ragged, or cut short here",
                    cells.len(),
                    self.columns.len()
                ),
            });
        }
        for (number, cell) in cells.iter().enumerate() {
            let value = self.cell(row, line, number, cell)?;
            self.columns[number].raw.push(value);
        }
        Ok(())
    }

    fn cell(&mut self, row: u64, line: u64, number: usize, cell: &str) -> Result<f64, TableError> {
        let column = &self.columns[number];
        let at = |problem| TableError {
            row: Some((row, line)),
            column: Some((number + 1, column.name.clone())),
            problem,
        };
        if let Some(value) = self.style.number(cell) {
            if let Some(unit) = self.within[number].as_ref().filter(|_| row > 1) {
                return Err(at(format!("`{cell}` has no unit, and the rows above have {unit}")));
            }
            if self.style.comma
                && let Some((whole, part)) = cell.split_once(',')
            {
                let whole = whole.trim_start_matches(['-', '+']);
                let thousands = part.len() == 3 && !whole.is_empty() && whole.len() <= 3 && whole != "0";
                if thousands {
                    self.doubtful = self.doubtful.or(Some((row, line, number)));
                } else {
                    self.decimal = true;
                }
            }
            return Ok(value);
        }
        if cell.is_empty() {
            return Err(at("the cell is empty; fill the gap or drop the row".to_owned()));
        }
        if self.style.absent(cell) {
            return Err(at(format!("`{cell}` is no measurement; drop the row")));
        }
        if let Some((value, unit)) = header::split_unit(cell)
            && header::any_unit(unit)
            && let Some(value) = self.style.number(value)
        {
            let first = &self.within[number];
            if row == 1 {
                if let Some(other) = column.unit.as_ref().filter(|other| *other != unit) {
                    return Err(at(format!(
                        "`{cell}` is in {unit}, and the header says {other}: units are mixed"
                    )));
                }
                self.within[number] = Some(unit.to_owned());
                self.columns[number].unit = Some(unit.to_owned());
            } else if first.as_deref() != Some(unit) {
                let above = first.as_deref().map_or("no unit".to_owned(), str::to_owned);
                return Err(at(format!(
                    "`{cell}` is in {unit}, and the rows above have {above}: units are mixed"
                )));
            }
            return Ok(value);
        }
        let shown: String = cell.chars().take(40).collect();
        Err(at(format!("`{shown}` is no number")))
    }

    pub fn end(self) -> Result<Vec<Column>, TableError> {
        if let (Some((row, line, number)), false) = (self.doubtful, self.decimal) {
            return Err(TableError {
                row: Some((row, line)),
                column: Some((number + 1, self.columns[number].name.clone())),
                problem: "its comma could mark thousands or decimals: write numbers with a decimal point"
                    .to_owned(),
            });
        }
        Ok(self.columns)
    }
}
