//! Arrays at the command line: cells from a file, wires from options, voltages from a file.

use std::path::{Path, PathBuf};

use neurohm::array::wires::{Ends, WireError, Wires};
use neurohm::data::npy::Npy;
use neurohm::data::{DataError, Values};
use neurohm::num::quantity::{self, Dimension};
use serde_json::{Value, json};

use crate::commands::device::bench;
use crate::failure::Failure;

/// Options of every command on an array.
#[derive(clap::Args)]
#[command(next_help_heading = "Array options")]
pub struct CircuitOptions {
    #[command(flatten)]
    cells: CellFile,
    #[command(flatten)]
    lines: WireOptions,
    /// Refuse arrays that need more memory, such as 4GB [default: what is available]
    #[arg(long, value_name = "BYTES", value_parser = super::memory::bytes, allow_hyphen_values = true)]
    pub max_memory: Option<u64>,
}

/// Options for the lines of an array.
#[derive(clap::Args)]
#[command(next_help_heading = "Line options")]
pub struct WireOptions {
    /// Resistance of a word-line segment, one in front of every cell of a row; 0 for none
    #[arg(long, value_name = "RESISTANCE", value_parser = wire, allow_hyphen_values = true)]
    word_line_ohm: f64,
    /// Resistance of a bit-line segment, one behind every cell of a column; 0 for none
    #[arg(long, value_name = "RESISTANCE", value_parser = wire, allow_hyphen_values = true)]
    bit_line_ohm: f64,
    /// Resistance in series with each source
    #[arg(long, value_name = "RESISTANCE", value_parser = wire, default_value = "0", allow_hyphen_values = true)]
    driver_ohm: f64,
    /// Resistance in series with each ground
    #[arg(long, value_name = "RESISTANCE", value_parser = wire, default_value = "0", allow_hyphen_values = true)]
    sense_ohm: f64,
    /// Where word lines are driven: at the first column, or at both ends
    #[arg(long, value_name = "ENDS", default_value = "one")]
    drivers: EndsName,
    /// Where bit lines are grounded: behind the last row, or at both ends
    #[arg(long, value_name = "ENDS", default_value = "one")]
    grounds: EndsName,
}

/// Where the cells are: one of the two.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct CellFile {
    /// Resistances of the cells, ohm: a .npy file of (rows, columns); inf is an open cell
    #[arg(long, value_name = "FILE.npy")]
    resistance: Option<PathBuf>,
    /// Conductances of the cells, S: a .npy file of (rows, columns); 0 is an open cell
    #[arg(long, value_name = "FILE.npy")]
    conductance: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum EndsName {
    One,
    Both,
}

impl From<EndsName> for Ends {
    fn from(name: EndsName) -> Self {
        match name {
            EndsName::One => Ends::One,
            EndsName::Both => Ends::Both,
        }
    }
}

/// A resistance of a wire: zero, positive or infinite.
fn wire(text: &str) -> Result<f64, String> {
    let ohm = match text.trim().to_ascii_lowercase().as_str() {
        "inf" | "+inf" | "infinity" => f64::INFINITY,
        _ => bench::ohm(text)?,
    };
    if ohm >= 0.0 {
        Ok(ohm)
    } else {
        let shown = quantity::format(ohm, Dimension::Ohm);
        Err(format!("{shown} is negative: give 0 (no resistance), a positive resistance or inf (cut)"))
    }
}

/// Most rows or columns; more are not looked at, not even to say what memory they would take.
const LARGEST: usize = 65536;

/// The files of cells and voltages, opened: shapes are known, values not yet read.
pub struct Files {
    cells: Npy,
    voltages: Option<(PathBuf, Npy)>,
    pub rows: usize,
    pub columns: usize,
    /// 0 without voltages.
    pub inputs: usize,
}

/// What the files hold.
pub struct Circuit {
    /// Conductances of the cells, S, rows x columns.
    pub g: Vec<f64>,
    /// Voltages of the sources, V, inputs x rows.
    pub v: Vec<f64>,
}

impl WireOptions {
    pub fn wires(&self) -> Wires {
        Wires {
            word_ohm: self.word_line_ohm,
            bit_ohm: self.bit_line_ohm,
            driver_ohm: self.driver_ohm,
            sense_ohm: self.sense_ohm,
            drivers: self.drivers.into(),
            grounds: self.grounds.into(),
        }
    }

    /// The same as words of a command.
    pub fn words(&self) -> Vec<String> {
        let ohms = [
            ("--word-line-ohm", self.word_line_ohm, true),
            ("--bit-line-ohm", self.bit_line_ohm, true),
            ("--driver-ohm", self.driver_ohm, self.driver_ohm != 0.0),
            ("--sense-ohm", self.sense_ohm, self.sense_ohm != 0.0),
        ];
        let ohms = ohms.into_iter().filter(|(_, _, given)| *given).map(|(name, r, _)| (name, r.to_string()));
        let ends = [("--drivers", self.drivers), ("--grounds", self.grounds)];
        let ends = ends.into_iter().filter(|(_, ends)| *ends == EndsName::Both);
        let all = ohms.chain(ends.map(|(name, _)| (name, "both".to_owned())));
        all.flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// The request as data, added to another.
    pub fn json(&self) -> [(&'static str, Value); 6] {
        let ohm = |r: f64| if r.is_finite() { json!(r) } else { json!("inf") };
        let ends = |ends: EndsName| json!(if ends == EndsName::Both { "both" } else { "one" });
        [
            ("word_line_ohm", ohm(self.word_line_ohm)),
            ("bit_line_ohm", ohm(self.bit_line_ohm)),
            ("driver_ohm", ohm(self.driver_ohm)),
            ("sense_ohm", ohm(self.sense_ohm)),
            ("drivers", ends(self.drivers)),
            ("grounds", ends(self.grounds)),
        ]
    }
}

impl CircuitOptions {
    /// The file of the cells, and whether it holds conductances.
    fn cell_file(&self) -> (&Path, bool) {
        match (&self.cells.resistance, &self.cells.conductance) {
            (Some(path), _) => (path, false),
            (None, Some(path)) => (path, true),
            // clap asks for one of the two.
            (None, None) => (Path::new(""), false),
        }
    }

    /// The file that gives results their name.
    pub fn name(&self) -> &Path {
        self.cell_file().0
    }

    pub fn wires(&self) -> Wires {
        self.lines.wires()
    }

    /// The request as data.
    pub fn json(&self, voltages: Option<&Path>) -> Value {
        let path = |path: &Path| path.display().to_string();
        let mut request = json!({
            "resistance": self.cells.resistance.as_deref().map(path),
            "conductance": self.cells.conductance.as_deref().map(path),
            "voltages": voltages.map(path),
        });
        for (name, value) in self.lines.json() {
            request[name] = value;
        }
        request
    }

    /// Opens the files and holds their shapes against each other.
    pub fn open(&self, voltages: Option<&Path>) -> Result<Files, Failure> {
        let path = self.name();
        let cells = open(path)?;
        let (rows, columns) = rows_and_columns(path, &cells)?;
        let mut inputs = 0;
        let mut opened = None;
        if let Some(at) = voltages {
            let file = open(at)?;
            inputs = inputs_of(file.shape(), rows).ok_or_else(|| {
                let said = format!("{} has the shape {} and ", path.display(), shape(&[rows, columns]));
                mismatch(&said, rows, "rows", at, file.shape())
            })?;
            opened = Some((at.to_owned(), file));
        }
        Ok(Files { cells, voltages: opened, rows, columns, inputs })
    }

    /// Reads the values.
    pub fn read(&self, files: Files) -> Result<Circuit, Failure> {
        let Files { cells, voltages, rows, columns, inputs } = files;
        let (path, conductances) = self.cell_file();
        let mut g = values(path, cells)?;
        if conductances {
            refuse(
                path,
                &g,
                columns,
                |g| *g >= 0.0 && *g < f64::INFINITY,
                "S",
                |g| {
                    let help =
                        if g.is_nan() { "a NaN may stand for a cell that was not measured" } else { "" };
                    ("conductances are zero (an open cell) or positive and finite", help)
                },
            )?;
        } else {
            // The reciprocal of the smallest numbers is infinite.
            refuse(
                path,
                &g,
                columns,
                |r| *r > 0.0 && 1.0 / r < f64::INFINITY,
                "ohm",
                |r| match r {
                    r if r.is_nan() => ("resistances are positive", "an open cell is inf, not NaN"),
                    0.0 => ("resistances are positive", "a short is a small resistance; an open cell is inf"),
                    r if r > 0.0 => ("that is no resistance: its conductance exceeds the largest number", ""),
                    _ => ("resistances are positive, or inf for an open cell", ""),
                },
            )?;
            g.iter_mut().for_each(|r| *r = 1.0 / *r);
        }
        let v = match voltages {
            Some((path, file)) => {
                let by_line = values(&path, file)?;
                finite(&path, &by_line, inputs)?;
                let mut v = vec![0.0; by_line.len()];
                for line in 0..rows {
                    for input in 0..inputs {
                        v[input * rows + line] = by_line[line * inputs + input];
                    }
                }
                v
            }
            None => Vec::new(),
        };
        Ok(Circuit { g, v })
    }
}

/// The shape of a file that has a number for each cell.
fn rows_and_columns(path: &Path, cells: &Npy) -> Result<(usize, usize), Failure> {
    let &[rows, columns] = cells.shape() else {
        let shape = shape(cells.shape());
        let message = format!("{} is no array of rows and columns: its shape is {shape}", path.display());
        return Err(
            Failure::request(message).help("one row of cells is R[None, :] in numpy, one column R[:, None]")
        );
    };
    if rows == 0 || columns == 0 {
        return Err(Failure::request(format!(
            "{} holds no cell: its shape is {}",
            path.display(),
            shape(cells.shape())
        )));
    }
    if rows > LARGEST || columns > LARGEST {
        return Err(WireError::Size { rows, columns }.into());
    }
    Ok((rows, columns))
}

/// A number for each cell, with rows and columns; `fits` may refuse these before anything is read.
pub fn matrix_file(
    path: &Path,
    fits: impl FnOnce([usize; 2]) -> Result<(), Failure>,
) -> Result<(Vec<f64>, usize, usize), Failure> {
    let file = open(path)?;
    let (rows, columns) = rows_and_columns(path, &file)?;
    fits([rows, columns])?;
    Ok((values(path, file)?, rows, columns))
}

pub fn open(path: &Path) -> Result<Npy, Failure> {
    Npy::open(path).map_err(|e| {
        let unreadable = matches!(e, DataError::Io { .. });
        let failure = Failure::from(e);
        if unreadable { failure } else { failure.help("numpy.save(file, array) writes what is read here") }
    })
}

/// A shape as Python writes it.
pub fn shape(of: &[usize]) -> String {
    let sizes: Vec<String> = of.iter().map(usize::to_string).collect();
    if let [one] = &sizes[..] { format!("({one},)") } else { format!("({})", sizes.join(", ")) }
}

/// Inputs of a file of voltages for so many lines, if it is one.
fn inputs_of(shape: &[usize], lines: usize) -> Option<usize> {
    match *shape {
        [found] if found == lines => Some(1),
        [found, inputs] if found == lines && inputs > 0 => Some(inputs),
        _ => None,
    }
}

/// Voltages of `lines` lines, line by line, from a file, and for how many inputs.
pub fn voltages(path: &Path, lines: usize, what: &str) -> Result<(Vec<f64>, usize), Failure> {
    let file = open(path)?;
    let inputs =
        inputs_of(file.shape(), lines).ok_or_else(|| mismatch("", lines, what, path, file.shape()))?;
    let v = values(path, file)?;
    finite(path, &v, inputs)?;
    Ok((v, inputs))
}

fn finite(path: &Path, v: &[f64], inputs: usize) -> Result<(), Failure> {
    refuse(path, v, inputs, |v| v.is_finite(), "V", |_| ("voltages are finite", ""))
}

/// `said` is what stands before the file's own shape.
fn mismatch(said: &str, lines: usize, what: &str, voltages: &Path, found: &[usize]) -> Failure {
    let has = if said.is_empty() { "has the shape" } else { "the shape" };
    let message = format!(
        "{said}{} {has} {}: voltages are ({what}, inputs) or ({what},), and there are {lines} {what}",
        voltages.display(),
        shape(found)
    );
    let failure = Failure::request(message);
    match *found {
        [same, 0] if same == lines => failure.help("it holds no input: one column an input is needed"),
        [inputs, turned] if turned == lines && inputs != lines => {
            failure.help("it looks transposed: numpy.save(file, V.T) saves one column an input")
        }
        _ => failure,
    }
}

/// The values of a file as numbers.
pub fn values(path: &Path, file: Npy) -> Result<Vec<f64>, Failure> {
    let array = file.read().map_err(|e| Failure::from(e.in_file(path)))?;
    if matches!(array.values, Values::Bool(_)) {
        let message = format!("{} holds values of type bool, which are no quantities", path.display());
        return Err(Failure::request(message).help(
            "numpy.where(mask, high, low) makes numbers of a mask; integers and floats are read as they are",
        ));
    }
    Ok(array.values.into_f64())
}

/// Refuses the first value that is not `good`, with its row and column.
pub fn refuse(
    path: &Path,
    values: &[f64],
    columns: usize,
    good: impl Fn(&f64) -> bool,
    unit: &str,
    why: impl Fn(f64) -> (&'static str, &'static str),
) -> Result<(), Failure> {
    let Some(at) = values.iter().position(|value| !good(value)) else { return Ok(()) };
    let bad = values.iter().filter(|value| !good(value)).count();
    let (rule, help) = why(values[at]);
    let more = match bad {
        1 => String::new(),
        bad => format!(", and {bad} values in all are wrong"),
    };
    let (row, column) = (at / columns, at % columns);
    let message = format!(
        "{}: the value in row {row}, column {column} is {} {unit}{more}; {rule}",
        path.display(),
        // With an exponent where it would be long.
        quantity::format(values[at], Dimension::Ratio)
    );
    let failure = Failure::request(message);
    let failure = if help.is_empty() { failure } else { failure.help(help) };
    Err(failure.help(super::COUNTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wires_are_zero_positive_or_cut() {
        assert_eq!((wire("0"), wire("1 kohm"), wire("2.5")), (Ok(0.0), Ok(1e3), Ok(2.5)));
        assert_eq!(wire("inf"), Ok(f64::INFINITY));
        assert!(wire("-1").unwrap_err().contains("negative") && wire("nan").is_err() && wire("3 V").is_err());
    }

    #[test]
    fn shapes_are_written_as_python_does() {
        assert_eq!((shape(&[3]), shape(&[2, 4]), shape(&[])), ("(3,)".into(), "(2, 4)".into(), "()".into()));
    }
}
