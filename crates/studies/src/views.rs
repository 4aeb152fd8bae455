//! Figures, tables and maps of a network on a chip.

use neurohm_array::ChipSpec;
use neurohm_nn::{AnalogNetwork, Graph, NnError};
use neurohm_num::quantity;
use neurohm_study::Outcome;
use neurohm_study::record::{Axis, Cell, Column, Line, Map, Series, Table};

/// How a network does at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Time after programming, s.
    pub t: f64,
    /// Samples classified rightly, %.
    pub accuracy: Option<f64>,
    /// Samples with the digital run's decision, %.
    pub agreement: Option<f64>,
    /// `||y - y0|| / ||y0||` over all outputs.
    pub error: f64,
}

/// Side of the largest block of a weight matrix that is drawn.
const MAP: usize = 64;

/// Accuracy and output error over time, and both as a table. Each curve has a name, whether it is the
/// chip's own, and its points.
pub(crate) fn curves(
    out: &mut Outcome,
    curves: &[(&'static str, bool, Vec<Point>)],
    times: &[f64],
    digital_accuracy: Option<f64>,
) {
    let line = |name: &str, y: Vec<f64>| Line::new(name, times.to_vec(), y);
    let at = |points: &[Point]| -> Vec<Point> {
        points.iter().filter(|p| times.contains(&p.t)).copied().collect()
    };
    let time = Axis::logarithmic("time since programming", "s");
    if let Some(digital) = digital_accuracy {
        let mut lines = Vec::new();
        for (name, _, points) in curves {
            let y: Option<Vec<f64>> = at(points).iter().map(|p| p.accuracy).collect();
            lines.extend(y.map(|y| line(name, y)));
        }
        lines.push(line("digital", vec![digital; times.len()]).dashed());
        out.series.push(Series {
            name: "accuracy_over_time".to_string(),
            caption: "Test accuracy of the same chips against time since their weights were programmed."
                .to_string(),
            x: time.clone(),
            y: Axis::linear("accuracy", "%"),
            lines,
        });
    }
    let lines =
        curves.iter().map(|(name, _, points)| line(name, at(points).iter().map(|p| p.error).collect()));
    out.series.push(Series {
        name: "output_error_over_time".to_string(),
        caption: "Distance of the network's outputs from the digital run, ||y - y0|| / ||y0||.".to_string(),
        x: time,
        y: Axis::logarithmic("output error", "1"),
        lines: lines.collect(),
    });
    out.tables.push(times_table(curves, times, digital_accuracy.is_some()));
}

fn times_table(curves: &[(&'static str, bool, Vec<Point>)], times: &[f64], labelled: bool) -> Table {
    let mut columns = vec![Column { name: "time since programming".to_string(), unit: String::new() }];
    for (name, _, _) in curves {
        if labelled {
            columns.push(Column { name: format!("accuracy, {name}"), unit: "%".to_string() });
        }
        columns.push(Column { name: format!("output error, {name}"), unit: String::new() });
    }
    let row = |&t: &f64| {
        let mut row = vec![Cell::Text(quantity::format(t, quantity::Dimension::Second))];
        for (_, _, points) in curves {
            let Some(p) = points.iter().find(|p| p.t == t) else { continue };
            if labelled {
                row.push(Cell::Number(p.accuracy.unwrap_or(f64::NAN)));
            }
            row.push(Cell::Number(p.error));
        }
        row
    };
    Table {
        name: "times".to_string(),
        caption: "The network on the chip over time.".to_string(),
        columns,
        rows: times.iter().map(row).collect(),
    }
}

/// What each layer takes up on the chip.
pub(crate) fn layers(out: &mut Outcome, network: &AnalogNetwork, chip: &ChipSpec) {
    let column = |name: &str, unit: &str| Column { name: name.to_string(), unit: unit.to_string() };
    let per_tile = f64::from(chip.tile.rows) * f64::from(chip.tile.columns);
    let rows = network.summary().into_iter().map(|s| {
        let l = &s.layer;
        let matrix = match l.groups {
            1 => format!("{} x {}", l.inputs, l.outputs),
            g => format!("{g} of {} x {}", l.inputs, l.outputs),
        };
        vec![
            Cell::Text(l.name.clone()),
            Cell::Text(matrix),
            Cell::Number(l.weights() as f64),
            Cell::Number(s.devices as f64),
            Cell::Number(s.tiles as f64),
            Cell::Number(100.0 * l.weights() as f64 / (per_tile * s.tiles as f64)),
            Cell::Number(l.rows_per_sample as f64),
            Cell::Number(l.macs() as f64),
        ]
    });
    out.tables.push(Table {
        name: "layers".to_string(),
        caption: format!(
            "The network's layers on crossbars of {} x {}: how full they are, and how often each is used for one \
             sample.",
            chip.tile.rows, chip.tile.columns
        ),
        columns: vec![
            column("layer", ""),
            column("inputs x outputs", ""),
            column("weights", ""),
            column("devices", ""),
            column("crossbars", ""),
            column("utilisation", "%"),
            column("products a sample", ""),
            column("multiply-accumulates a sample", ""),
        ],
        rows: rows.collect(),
    });
}

/// Weights of the first layer as wanted, as they are now, and the difference. The block of the matrix with
/// the largest weights in it is drawn, where the matrix is larger than a map.
pub(crate) fn maps(out: &mut Outcome, graph: &Graph, network: &AnalogNetwork, t: f64) -> Result<(), NnError> {
    let Some(layer) = network.layers().first() else { return Ok(()) };
    let wanted = &graph.params[layer.layer().weight];
    let stored = layer.weights()?;
    let [rows, cols] = stored.shape[..] else { return Ok(()) };
    let (height, width) = (rows.min(MAP), cols.min(MAP));
    let first = busiest(&wanted.data, rows, cols, height);
    let largest = wanted.data.iter().fold(f32::MIN_POSITIVE, |m, w| m.max(w.abs()));
    let at = quantity::format(t, quantity::Dimension::Second);
    let name = &layer.layer().name;
    let block = |value: &dyn Fn(usize) -> f32| -> Vec<f32> {
        (first..first + height).flat_map(|r| (0..width).map(move |c| r * cols + c)).map(value).collect()
    };
    let part = match (height, width) == (rows, cols) {
        true => String::new(),
        false => format!(" (inputs {first} to {}, outputs 0 to {})", first + height - 1, width - 1),
    };
    let mut push = |map: &str, caption: String, values: Vec<f32>, label: &str| {
        let (label, unit) = (label.to_string(), "%".to_string());
        let (map, rows, cols) = (map.to_string(), height, width);
        let (axes, half) = (None, Vec::new());
        out.maps.push(Map {
            name: map,
            caption,
            rows,
            cols,
            values,
            label,
            unit,
            diverging: true,
            axes,
            half,
        });
    };
    push(
        "weights_wanted",
        format!("Weights of layer {name}{part} as the network has them."),
        block(&|i| 100.0 * wanted.data[i] / largest),
        "weight, of the largest",
    );
    push(
        "weights_stored",
        format!("The same weights on the chip, {at} after programming."),
        block(&|i| 100.0 * stored.data[i] / largest),
        "weight, of the largest",
    );
    push(
        "weights_error",
        format!("Stored minus wanted, {at} after programming."),
        block(&|i| 100.0 * (stored.data[i] - wanted.data[i]) / largest),
        "error, of the largest weight",
    );
    Ok(())
}

/// First row of the window of `height` rows with the largest sum of squares: image borders have no weights
/// worth looking at.
fn busiest(w: &[f32], rows: usize, cols: usize, height: usize) -> usize {
    let power = |r: usize| w[r * cols..(r + 1) * cols].iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    let powers: Vec<f64> = (0..rows).map(power).collect();
    let sum = |first: usize| powers[first..first + height].iter().sum::<f64>();
    (0..=rows - height).max_by(|a, b| sum(*a).total_cmp(&sum(*b)).then(b.cmp(a))).unwrap_or(0)
}
