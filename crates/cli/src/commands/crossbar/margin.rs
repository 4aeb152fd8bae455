//! `neurohm crossbar margin`: up to which size cells of an array can be read, and its products be trusted.

mod record;

use std::path::PathBuf;
use std::time::Instant;

use neurohm::array::CopperLines;
use neurohm::array::wires::{Background, Ceiling, Margin as Read, ReadArray, Scheme, ceiling};
use neurohm::device::DeviceSpec;
use neurohm::num::Watch;
use neurohm::num::quantity::{self, Dimension};
use neurohm::report::number::quantity as written;
use neurohm::study::record::Record;
use neurohm::study::{Disk, Finding, named_device};

use super::cells::CellOptions;
use crate::args::quoted;
use crate::commands::carry_out;
use crate::commands::device::bench;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm crossbar margin --device reram_cmo --wire-width 32nm
  neurohm crossbar margin --low-ohm 100kohm --high-ohm 10Mohm --word-line-ohm 1 --bit-line-ohm 1 --scheme half,third
  neurohm crossbar margin --low-ohm 100kohm --high-ohm 10Mohm --wire-width 20nm --read 1.2V \\
      --selector exponential:i0=100pA,v0=50mV

The farthest cell is read among cells of low resistance. Contrast is (I_low - I_high) / I_low, signal is I_low - I_high
as a part of what the cell alone gives; the smaller one is the margin. Schemes are floating, grounded, half (V/2),
third (V/3) and row (a whole word line at once).")]
pub struct Margin {
    /// Device: a preset or the path of a description; its range of conductances are the two states
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["low_ohm", "high_ohm"], required_unless_present = "low_ohm")]
    device: Option<String>,
    /// Resistance of a cell in its state of low resistance, such as 10kohm
    #[arg(long, value_name = "RESISTANCE", value_parser = bench::ohm, requires = "high_ohm", allow_hyphen_values = true)]
    low_ohm: Option<f64>,
    /// Resistance of a cell in its state of high resistance, such as 1Mohm; inf for an open cell
    #[arg(long, value_name = "RESISTANCE", value_parser = high, requires = "low_ohm", allow_hyphen_values = true)]
    high_ohm: Option<f64>,
    #[command(flatten)]
    lines: Lines,
    #[command(flatten)]
    cells: CellOptions,
    /// Schemes to read with [default: all]
    #[arg(long, value_name = "SCHEMES", value_delimiter = ',')]
    scheme: Vec<SchemeName>,
    /// Voltage of the selected word line; cells that are not linear need it [default: 0.2 V]
    #[arg(long, value_name = "VOLTAGE", value_parser = bench::volt, allow_hyphen_values = true)]
    read: Option<f64>,
    /// State of all other cells; any: unknown, with one reference for all
    #[arg(long, value_name = "STATE", default_value = "low")]
    data: Data,
    /// Contrast and signal that a reading needs at least, a part or a percentage
    #[arg(long, value_name = "PART", default_value = "10%", value_parser = part, allow_hyphen_values = true)]
    limit: f64,
    /// Loss of the last bit line that a product of all word lines may have at most, all cells at low resistance
    #[arg(long, value_name = "PART", default_value = "10%", value_parser = part, allow_hyphen_values = true)]
    product_loss: f64,
    /// Sizes to show, cells on a side; ceilings are looked for up to the largest
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=16384),
        default_value = "4,8,16,32,64,128,256,512,1024,2048,4096")]
    sizes: Vec<u32>,
    /// Groups of unselected lines on a side, where cells are not linear
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=128))]
    groups: u32,
    /// Write report.html, run.json and CSV files into DIR [default: named after the request; with --json: nothing is
    /// written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What lines are.
#[derive(clap::Args)]
#[command(next_help_heading = "Line options")]
struct Lines {
    /// Width of copper lines of a published table, such as 32nm: a segment is two widths long
    #[arg(long, value_name = "WIDTH", value_parser = metre, conflicts_with_all = ["word_line_ohm", "bit_line_ohm"],
        required_unless_present = "word_line_ohm")]
    wire_width: Option<f64>,
    /// Resistance of a word-line segment, one in front of every cell of a row; 0 for none
    #[arg(long, value_name = "RESISTANCE", value_parser = bench::ohm, requires = "bit_line_ohm", allow_hyphen_values = true)]
    word_line_ohm: Option<f64>,
    /// Resistance of a bit-line segment, one behind every cell of a column; 0 for none
    #[arg(long, value_name = "RESISTANCE", value_parser = bench::ohm, requires = "word_line_ohm", allow_hyphen_values = true)]
    bit_line_ohm: Option<f64>,
    /// Resistance in series with what holds a line at a voltage
    #[arg(long, value_name = "RESISTANCE", value_parser = bench::ohm, default_value = "0", allow_hyphen_values = true)]
    driver_ohm: f64,
    /// Resistance of a sense amplifier
    #[arg(long, value_name = "RESISTANCE", value_parser = bench::ohm, default_value = "0", allow_hyphen_values = true)]
    sense_ohm: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SchemeName {
    Floating,
    Grounded,
    Half,
    Third,
    Row,
}

impl From<SchemeName> for Scheme {
    fn from(name: SchemeName) -> Self {
        match name {
            SchemeName::Floating => Scheme::Floating,
            SchemeName::Grounded => Scheme::Grounded,
            SchemeName::Half => Scheme::Half,
            SchemeName::Third => Scheme::Third,
            SchemeName::Row => Scheme::Row,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Data {
    Low,
    High,
    Any,
}

impl From<Data> for Background {
    fn from(data: Data) -> Self {
        match data {
            Data::Low => Background::Low,
            Data::High => Background::High,
            Data::Any => Background::Any,
        }
    }
}

fn metre(text: &str) -> Result<f64, String> {
    quantity::parse(text, Dimension::Metre).map_err(|e| e.to_string())
}

/// A resistance that may be infinite.
fn high(text: &str) -> Result<f64, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "inf" | "+inf" | "infinity" => Ok(f64::INFINITY),
        _ => bench::ohm(text),
    }
}

/// Above 0 and below 1, or in per cent.
fn part(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.trim().strip_suffix('%') {
        Some(number) => (number.trim(), 0.01),
        None => (text.trim(), 1.0),
    };
    let value = number.parse::<f64>().map_err(|_| format!("{text} is neither a part nor a percentage"))?;
    let value = value * unit;
    if value > 0.0 && value < 1.0 { Ok(value) } else { Err(format!("{text} is not between 0 and 1 (100 %)")) }
}

/// What was asked for, with nothing left open.
struct Asked {
    device: Option<DeviceSpec>,
    /// Of one cell; sizes are laid over.
    array: ReadArray,
    schemes: Vec<Scheme>,
    volts: f64,
    sizes: Vec<usize>,
}

/// What was found.
#[derive(Default)]
struct Found {
    /// For each scheme a margin a size.
    margins: Vec<Vec<Read>>,
    /// The part of its current that the last bit line of a product loses, at each size.
    losses: Vec<f64>,
    ceilings: Vec<Ceiling>,
    product: Option<Ceiling>,
}

impl Margin {
    /// The request, with nothing left open.
    fn asked(&self, device: Option<DeviceSpec>) -> Result<Asked, Failure> {
        let (low_s, high_s) = match (&device, self.low_ohm, self.high_ohm) {
            (Some(device), ..) => {
                let cell = device.statistics()?;
                (cell.g_max_s, cell.g_min_s)
            }
            (None, Some(low), Some(high)) => {
                let ohm = |r: f64| written(r, None, "Ω").to_string();
                if low <= 0.0 || !low.is_finite() {
                    let message = format!("--low-ohm is {}; it has to be positive and finite", ohm(low));
                    return Err(Failure::request(message));
                }
                if high <= low {
                    let message = format!("--high-ohm ({}) is not above --low-ohm ({})", ohm(high), ohm(low));
                    return Err(Failure::request(message)
                        .help("the state of low resistance is the one that conducts more"));
                }
                (1.0 / low, 1.0 / high)
            }
            // clap asks for either.
            _ => return Err(Failure::request("neither --device nor --low-ohm and --high-ohm are given")),
        };
        let [word_ohm, bit_ohm] =
            match (self.lines.wire_width, self.lines.word_line_ohm, self.lines.bit_line_ohm) {
                (Some(width), ..) => [CopperLines::of_width(width).segment_ohm()?; 2],
                (None, word, bit) => [word.unwrap_or(0.0), bit.unwrap_or(0.0)],
            };
        let law = self.cells.law()?;
        let array = ReadArray {
            rows: 1,
            columns: 1,
            low_s,
            high_s,
            law,
            word_ohm,
            bit_ohm,
            driver_ohm: self.lines.driver_ohm,
            sense_ohm: self.lines.sense_ohm,
        };
        let volts = match self.read {
            Some(volts) => volts,
            None if array.is_linear() => 0.2,
            None => {
                return Err(Failure::request("cells that are not linear need --read VOLTAGE")
                    .help("what they conduct depends on it: for instance --read 1V"));
            }
        };
        let mut sizes: Vec<usize> = self.sizes.iter().map(|n| *n as usize).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let all = || Scheme::ALL.to_vec();
        let schemes =
            if self.scheme.is_empty() { all() } else { self.scheme.iter().map(|s| (*s).into()).collect() };
        Ok(Asked { device, array, schemes, volts, sizes })
    }

    fn find(&self, asked: &Asked, watch: &dyn Watch) -> Result<Found, Failure> {
        let at = |n: usize| ReadArray { rows: n, columns: n, ..asked.array };
        let (data, groups) = (self.data.into(), self.groups as usize);
        let read = |scheme, n: usize| at(n).read(scheme, asked.volts, data, groups, watch);
        let loss = |n: usize| at(n).product_loss(asked.volts, asked.array.low_s, groups, watch);
        let (sizes, mut found) = (&asked.sizes, Found::default());
        let steps = (asked.schemes.len() + 1) as u64;
        watch.begin("sizes", Some(sizes.len() as u64 * steps));
        for scheme in &asked.schemes {
            let mut margins = Vec::with_capacity(sizes.len());
            for n in sizes {
                margins.push(read(*scheme, *n)?);
                watch.step(1).map_err(neurohm::array::wires::WireError::from)?;
            }
            found.margins.push(margins);
        }
        for n in sizes {
            found.losses.push(loss(*n)?);
            watch.step(1).map_err(neurohm::array::wires::WireError::from)?;
        }
        watch.begin("ceilings", Some(steps));
        let most = sizes.last().copied().unwrap_or(1);
        let fine = if asked.array.is_linear() { 0.0 } else { 0.01 };
        for scheme in &asked.schemes {
            found
                .ceilings
                .push(ceiling(1, most, fine, |n| read(*scheme, n).map(|m| m.worst() >= self.limit))?);
            watch.step(1).map_err(neurohm::array::wires::WireError::from)?;
        }
        found.product = Some(ceiling(1, most, fine, |n| loss(n).map(|loss| loss <= self.product_loss))?);
        Ok(found)
    }
}

const ABOUT: &str = "The farthest cell of a square array is read in both of its states, past sneak paths through all other \
    cells and through wires with resistance. Contrast is what sneak paths leave of the difference between the two \
    currents, as a part of that at low resistance; signal is what wires leave of it, as a part of what the cell alone would give. \
    The margin is the smaller one. Beside that, what the last bit line loses where all word lines are driven at once, as \
    an analog product does.";

/// What the farthest cell of arrays of a device gives, between lines of 32 nm: a row of its report card.
pub fn array_size(device: &DeviceSpec, watch: &dyn Watch) -> Result<Finding, Failure> {
    use clap::{Args, FromArgMatches};
    let started = Instant::now();
    let words = ["margin", "--device", &device.name, "--wire-width", "32nm"];
    let wrong = |e: clap::Error| Failure::failed(e.to_string());
    let given =
        Margin::augment_args(clap::Command::new("margin")).try_get_matches_from(words).map_err(wrong)?;
    let options = Margin::from_arg_matches(&given).map_err(wrong)?;
    let asked = options.asked(Some(device.clone()))?;
    let found = options.find(&asked, watch)?;
    let command = quoted(["neurohm", "crossbar"].into_iter().chain(words));
    let mut record =
        Record { title: "Array size".into(), command, ..record::record(&options, &asked, &found) };
    record.wall_s = started.elapsed().as_secs_f64();
    Ok(Finding { record, files: Vec::new() })
}

pub fn margin(options: &Margin, terminal: &Terminal) -> Result<(), Failure> {
    let started = Instant::now();
    let device = options.device.as_deref().map(|name| named_device(name, &Disk)).transpose()?;
    let asked = options.asked(device)?;
    let name = match &options.device {
        Some(device) => format!("margin-{}", carry_out::stem(device)),
        None => "margin".to_owned(),
    };
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let progress = Progress::new(terminal);
    let found = options.find(&asked, &progress)?;
    progress.finish();
    let mut record = record::record(options, &asked, &found);
    record.wall_s = started.elapsed().as_secs_f64();
    let title = format!("{}: {}", record.title, record.device_title);
    let page = neurohm::report::html(std::slice::from_ref(&record), &title)?;
    if let Some(folder) = folder {
        let report = folder.path().join("report.html");
        let finding = Finding { record: record.clone(), files: Vec::new() };
        let others = folder.write(&[finding], Some(&page))?.len().saturating_sub(1);
        terminal.tell(&format!("Wrote {} and {others} more files beside it.", report.display()));
    }
    if terminal.json() {
        terminal.print_json(&record)
    } else {
        terminal.print(&record::shown(options, &asked, &found, &record, terminal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_numbers_and_percentages() {
        assert_eq!((part("0.1"), part("10 %"), part("5%")), (Ok(0.1), Ok(0.1), Ok(0.05)));
        for wrong in ["0", "1", "100%", "-1%", "ten", "nan"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
        assert_eq!((high("inf"), high("1Mohm")), (Ok(f64::INFINITY), Ok(1e6)));
    }
}
