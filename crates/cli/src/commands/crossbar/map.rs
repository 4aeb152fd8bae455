//! `neurohm crossbar map`: voltages on every node of an array, as pictures.

use std::path::PathBuf;
use std::time::Instant;

use neurohm::array::wires::{Ends, LinearCrossbar, WireError, Workspace};
use neurohm::num::{Rows, Watch};
use neurohm::report::number::quantity as written;
use neurohm::study::Finding;
use neurohm::study::experiment::{Findings, plain};
use neurohm::study::record::{Better, Map as Picture, Record};

use super::{again, toml};
use serde_json::{Value, json};

use super::cells::CellOptions;
use super::circuit::{Circuit, CircuitOptions};
use super::{memory, solve};
use crate::commands::carry_out;
use crate::commands::device::bench;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::summary;
use crate::terminal::Terminal;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  neurohm crossbar map --conductance G.npy --word-line-ohm 1 --bit-line-ohm 1 --out DIR
  neurohm crossbar map --resistance R.npy --voltages V.npy --input 3 --word-line-ohm 1 --bit-line-ohm 0.5

Writes report.html: word-line voltages, bit-line voltages, the voltage across every cell and what of its source's voltage
a cell loses. Numbers of every node come from `neurohm crossbar solve --node-voltages`.")]
pub struct Map {
    #[command(flatten)]
    circuit: CircuitOptions,
    #[command(flatten)]
    cells: CellOptions,
    /// Voltages of the sources, V: a .npy file of (rows, inputs) or (rows,) [default: all the same, --read]
    #[arg(long, value_name = "FILE.npy", conflicts_with = "read")]
    voltages: Option<PathBuf>,
    /// Which of the inputs, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0, requires = "voltages")]
    input: usize,
    /// Voltage of every source
    #[arg(long, value_name = "VOLTAGE", value_parser = bench::volt, default_value = "0.2V", allow_hyphen_values = true)]
    read: f64,
    /// Write report.html and run.json into DIR [default: named after the cells; with --json: nothing is written]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Cells on a side up to which run.json holds the pictures' values.
const KEPT: usize = 512;
/// Part of the largest source below which a voltage, or a loss, is rounding alone.
const ROUNDING: f64 = 1e-12;
/// Pixels on a side of a picture.
const PIXELS: usize = 1024;

const ABOUT: &str = "The array as a circuit, with all of its wires. Sources drive the first column's side, and grounds lie \
    behind the last row, unless options say otherwise. Without wires every word line would be at its source's voltage, every \
    bit line at ground, and each cell would have its source's voltage across it.";

/// Voltages of all nodes, and how well they are known.
struct Nodes {
    word_v: Vec<f64>,
    bit_v: Vec<f64>,
    currents: Vec<f64>,
    kcl: f64,
    balance: f64,
    reciprocity: Option<f64>,
}

pub fn map(options: &Map, terminal: &Terminal) -> Result<(), Failure> {
    let started = Instant::now();
    let circuit = &options.circuit;
    let files = circuit.open(options.voltages.as_deref())?;
    let size = [files.rows, files.columns];
    let [rows, columns] = size;
    let cells = options.cells.nonlinear(rows)?;
    if options.voltages.is_some() && options.input >= files.inputs {
        let message = format!("--input asks for input {}, and there are {}", options.input, files.inputs);
        return Err(Failure::request(message).help(super::COUNTED));
    }
    // Pictures come beside the solution: four of 4 bytes a cell.
    let bytes = |m: usize, n: usize| solve::bytes([m, n], circuit.wires(), 1, true) + 40 * (m * n) as u64;
    memory::check(size, circuit.max_memory, bytes, "")?;
    let name = format!("map-{}", carry_out::stem(&circuit.name().to_string_lossy()));
    let folder = carry_out::folder(options.out.as_deref(), &name, terminal)?;
    let Circuit { g, v } = circuit.read(files)?;
    let sources = match &options.voltages {
        Some(_) => v[options.input * rows..(options.input + 1) * rows].to_vec(),
        None => vec![options.read; rows],
    };
    let progress = Progress::new(terminal);
    let crossbar = LinearCrossbar::new(solve::matrix(&g, rows, columns)?, circuit.wires())?;
    let inputs = solve::matrix(&sources, 1, rows)?;
    let workspace = Workspace::default();
    let nodes = match &cells {
        None => linear(&crossbar, inputs, &workspace, &progress)?,
        Some(cells) => {
            progress.begin("solving", Some(1));
            let found = cells.crossbar(&crossbar)?.solve(inputs, &workspace, &progress)?;
            Nodes {
                word_v: found.word_v,
                bit_v: found.bit_v,
                currents: found.currents,
                kcl: found.kcl,
                balance: found.balance,
                reciprocity: found.reciprocity,
            }
        }
    };
    progress.finish();
    let mut record = record(options, &crossbar, &sources, &nodes, cells.is_none());
    record.wall_s = started.elapsed().as_secs_f64();
    let page = neurohm::report::html(std::slice::from_ref(&record), &record.device_title)?;
    if rows.max(columns) > KEPT {
        record.maps.clear();
    }
    if let Some(folder) = folder {
        let report = folder.path().join("report.html");
        let finding = Finding { record: record.clone(), files: Vec::new() };
        folder.write(&[finding], Some(&page))?;
        terminal.tell(&format!("Wrote {} and run.json beside it.", report.display()));
    }
    if terminal.json() {
        terminal.print_json(&record)
    } else {
        terminal.print(&summary::record(terminal, &record))
    }
}

fn linear(
    crossbar: &LinearCrossbar,
    inputs: Rows<f64>,
    workspace: &Workspace,
    watch: &dyn Watch,
) -> Result<Nodes, WireError> {
    watch.begin("eliminating", Some((crossbar.rows() * crossbar.columns()) as u64));
    let iterated = match crossbar.iterates_faster(1).then(|| crossbar.iterate(inputs, watch)) {
        // What rounding ended too early has all its digits by elimination.
        None | Some(Err(WireError::Residual { .. })) => None,
        Some(found) => Some(found?.0),
    };
    let (found, reciprocity) = match iterated {
        Some(found) => {
            let reciprocity = crossbar.iterated_reciprocity(inputs.row(0), &found.currents, watch)?;
            (found, reciprocity)
        }
        None => {
            let eliminated = crossbar.eliminate(workspace, watch)?;
            (eliminated.solve(inputs)?, eliminated.reciprocity())
        }
    };
    Ok(Nodes {
        word_v: found.word_v,
        bit_v: found.bit_v,
        currents: found.currents,
        kcl: found.kcl,
        balance: found.balance,
        reciprocity: Some(reciprocity),
    })
}

impl Map {
    /// The request as data.
    fn request(&self, sources: &[f64]) -> Value {
        let mut request = self.circuit.json(self.voltages.as_deref());
        request["cells"] = self.cells.json();
        match self.voltages {
            Some(_) => request["input"] = json!(self.input),
            None => request["read_v"] = json!(sources.first()),
        }
        request
    }
}

/// The cell that a number is worst of.
struct Worst {
    row: usize,
    column: usize,
    across_v: f64,
    source_v: f64,
    lost: f64,
}

fn record(options: &Map, crossbar: &LinearCrossbar, sources: &[f64], nodes: &Nodes, linear: bool) -> Record {
    let (rows, columns) = (crossbar.rows(), crossbar.columns());
    let across: Vec<f64> = nodes.word_v.iter().zip(&nodes.bit_v).map(|(w, b)| w - b).collect();
    let top = sources.iter().fold(0.0f64, |top, v| top.max(v.abs()));
    let exact = |v: f64, of: f64| if v.abs() < ROUNDING * of { 0.0 } else { v };
    let lost: Vec<f64> = if top > 0.0 {
        // Of the largest voltage: rows at 0 V have none to lose, and may gain some.
        let lacks = |(k, across): (usize, &f64)| {
            let source = sources[k / columns];
            exact((source - across) / top * if source < 0.0 { -1.0 } else { 1.0 }, 1.0)
        };
        across.iter().enumerate().map(lacks).collect()
    } else {
        Vec::new()
    };
    let worst =
        lost.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).map(|(k, lost)| Worst {
            row: k / columns,
            column: k % columns,
            across_v: across[k],
            source_v: sources[k / columns],
            lost: *lost,
        });
    let mut found = Findings::default();
    let merit = numbers(crossbar, sources, nodes, &lost, worst.as_ref(), linear, &mut found);
    let signed = sources.iter().any(|v| *v < 0.0);
    let mean = if rows.max(columns) > PIXELS {
        format!(
            " A pixel is the mean of up to {} x {} cells.",
            rows.div_ceil(PIXELS),
            columns.div_ceil(PIXELS)
        )
    } else {
        String::new()
    };
    let picture =
        |name: &str, caption: String, label: &str, unit: &str, values: &[f64], diverging: bool| Picture {
            name: name.into(),
            caption: caption + &mean,
            rows,
            cols: columns,
            values: values.iter().map(|v| exact(*v, if unit == "V" { top } else { 100.0 }) as f32).collect(),
            label: label.into(),
            unit: unit.into(),
            diverging,
            axes: None,
            half: Vec::new(),
        };
    let wires = crossbar.wires();
    let both =
        |at: &str, ends: Ends| if ends == Ends::Both { "at both ends".to_owned() } else { at.to_owned() };
    let ends = (
        both("in front of column 0", wires.drivers),
        both(&format!("behind row {}", rows - 1), wires.grounds),
    );
    let percents: Vec<f64> = lost.iter().map(|l| 100.0 * l).collect();
    let mut maps = vec![
        picture(
            "word_line_v",
            format!("Voltage of every word-line node: drivers stand {}.", ends.0),
            "word line",
            "V",
            &nodes.word_v,
            signed,
        ),
        picture(
            "bit_line_v",
            format!("Voltage of every bit-line node: grounds lie {}.", ends.1),
            "bit line",
            "V",
            &nodes.bit_v,
            signed,
        ),
        picture("across_v", "Voltage across every cell.".into(), "across the cell", "V", &across, signed),
    ];
    if let Some(w) = &worst {
        let caption = format!(
            "What a cell lacks of its source's voltage, as a part of the largest source; most, {}, in row {}, column {}.",
            written(100.0 * w.lost, None, "%"),
            w.row,
            w.column
        );
        let against = percents.iter().any(|p| *p < -1e-9);
        maps.push(picture("lost", caption, "lost", "%", &percents, against));
    }
    let title = format!("Crossbar of {rows} x {columns} cells");
    Record {
        device_title: format!("{title}: voltages through its wires"),
        description: toml(options.request(sources)),
        maps,
        ..plain("map", &title, ABOUT, merit, &again(), 1, found)
    }
}

/// The numbers of a map, and the name of the one that stands for it.
fn numbers(
    crossbar: &LinearCrossbar,
    sources: &[f64],
    nodes: &Nodes,
    lost: &[f64],
    worst: Option<&Worst>,
    linear: bool,
    found: &mut Findings,
) -> &'static str {
    if let Some(w) = worst {
        let about =
            format!("Largest loss, of the largest source: the cell in row {}, column {}", w.row, w.column);
        found.scalar("largest_loss", 100.0 * w.lost, None, "%", Some(Better::Lower), about);
        let about = format!("Voltage across that cell, its source at {}", written(w.source_v, None, "V"));
        found.number("across_worst", w.across_v, "V", about);
        let mean = lost.iter().map(|l| l.abs()).sum::<f64>() / lost.len() as f64;
        let about = "Mean loss of a cell, its magnitude";
        found.scalar("mean_loss", 100.0 * mean, None, "%", Some(Better::Lower), about);
    }
    if linear {
        let g = crossbar.conductances();
        let mut ideal = vec![0.0; crossbar.columns()];
        for (i, v) in sources.iter().enumerate() {
            ideal.iter_mut().zip(g.row(i)).for_each(|(sum, g)| *sum += g * v);
        }
        let square = |x: f64| x * x;
        let apart: f64 = ideal.iter().zip(&nodes.currents).map(|(a, b)| square(a - b)).sum();
        let whole: f64 = ideal.iter().map(|a| square(*a)).sum();
        if whole > 0.0 {
            let about = "Error of the bit lines' currents against no wires, r.m.s.";
            found.scalar(
                "current_error",
                100.0 * (apart / whole).sqrt(),
                None,
                "%",
                Some(Better::Lower),
                about,
            );
        }
        let about = format!("Difficulty chi: {}", solve::meaning(crossbar, linear));
        found.number("chi", crossbar.difficulty(), "1", about);
    }
    found.number(
        "kcl",
        nodes.kcl,
        "1",
        "Largest sum of currents at a node, as a part of what its conductances carry",
    );
    found.number(
        "balance",
        nodes.balance,
        "1",
        "What a bit line's cells give less its current, as a part of the largest",
    );
    if let Some(reciprocity) = nodes.reciprocity {
        found.number(
            "reciprocity",
            reciprocity,
            "1",
            "Currents from sources to grounds, and the other way: their difference",
        );
    }
    let g = crossbar.conductances();
    if (0..crossbar.rows()).all(|row| g.row(row).iter().all(|g| *g == 0.0)) {
        found.caution(
            "All cells are open: no current flows, word lines are at their sources' voltages and bit lines at ground.",
        );
    } else if let Some(cut) = super::cut(crossbar) {
        found.caution(cut);
    }
    found.info("Rows and columns count from 0.");
    let wires = crossbar.wires();
    found.info(format!(
        "A word-line segment has {}, a bit-line segment {}, a driver {}, a sense amplifier {}.",
        written(wires.word_ohm, None, "Ω"),
        written(wires.bit_ohm, None, "Ω"),
        written(wires.driver_ohm, None, "Ω"),
        written(wires.sense_ohm, None, "Ω")
    ));
    if crossbar.rows().max(crossbar.columns()) > KEPT {
        found.info(format!(
            "run.json holds the values of maps up to {KEPT} cells on a side; `neurohm crossbar solve --node-voltages` \
             writes them all."
        ));
    }
    if worst.is_some() { "largest_loss" } else { "kcl" }
}
