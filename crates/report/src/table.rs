//! Tables with uncertainty: numbers aligned on their points, half-intervals beside them.

use neurohm_study::record::{Cell, Column, Line, Record, Scalar, Series, Table};
use serde::Serialize;

use crate::ReportError;
use crate::number::{self, Shown, quantity};

/// A table as the page shows it.
#[derive(Serialize)]
pub(crate) struct TableView {
    pub caption: String,
    pub heads: Vec<Head>,
    pub rows: Vec<Vec<CellView>>,
}

/// A heading over one column, or over two where half-intervals have their own.
#[derive(Serialize)]
pub(crate) struct Head {
    pub name: String,
    pub unit: String,
    pub span: usize,
    pub numeric: bool,
}

/// One cell of the page's table.
#[derive(Serialize)]
pub(crate) struct CellView {
    pub class: &'static str,
    pub text: String,
}

/// Lays out a table; a column in seconds reads in the units people name, others with prefixes where their units take some.
///
/// # Errors
/// A row with another number of cells than the table has columns.
pub(crate) fn view(table: &Table) -> Result<TableView, ReportError> {
    if let Some((row, cells)) =
        table.rows.iter().enumerate().find(|(_, row)| row.len() != table.columns.len())
    {
        let (name, columns) = (table.name.clone(), table.columns.len());
        return Err(ReportError::TableShape { name, row, cells: cells.len(), columns });
    }
    let mut heads = Vec::new();
    let mut rows: Vec<Vec<CellView>> = table.rows.iter().map(|_| Vec::new()).collect();
    for (i, column) in table.columns.iter().enumerate() {
        let cells: Vec<&Cell> = table.rows.iter().map(|row| &row[i]).collect();
        heads.push(append(column, &cells, &mut rows));
    }
    Ok(TableView { caption: table.caption.clone(), heads, rows })
}

/// Appends one column to every row: its numbers in one unit with its prefix, which the head names, or each with its own.
fn append(column: &Column, cells: &[&Cell], rows: &mut [Vec<CellView>]) -> Head {
    let text = |shown: String| Shown {
        value: shown,
        half: String::new(),
        power: String::new(),
        unit: String::new(),
    };
    let size = |cell: &&Cell| match cell {
        Cell::Text(_) => None,
        Cell::Number(value) => Some(value.abs()),
        Cell::Uncertain { value, ci95: [low, high] } => Some(value.abs().max((high - low) / 2.0)),
    };
    let sizes: Vec<f64> = cells.iter().filter_map(size).collect();
    let shared = number::shared(&sizes, &column.unit);
    let one = |value: f64, ci95: Option<[f64; 2]>| match (&shared, ci95) {
        (Some((divisor, _)), _) => quantity(value / divisor, ci95.map(|ends| ends.map(|v| v / divisor)), "1"),
        (None, None) if column.unit == "s" => text(number::time(value)),
        (None, _) => text(quantity(value, ci95, &column.unit).to_string()),
    };
    let mut shown: Vec<Shown> = cells
        .iter()
        .map(|cell| match cell {
            Cell::Text(words) => text(words.clone()),
            Cell::Number(value) => one(*value, None),
            Cell::Uncertain { value, ci95 } => one(*value, Some(*ci95)),
        })
        .collect();
    let numeric = !sizes.is_empty();
    if numeric && shared.is_some() {
        let mut values: Vec<&mut String> = shown.iter_mut().map(|s| &mut s.value).collect();
        number::align(&mut values);
    }
    let wide = shown.iter().any(|s| !s.half.is_empty() || !s.power.is_empty());
    for (row, s) in rows.iter_mut().zip(shown) {
        row.push(CellView { class: if numeric { "n" } else { "" }, text: s.value });
        if wide {
            let half = if s.half.is_empty() { String::new() } else { format!("± {}", s.half) };
            let text = format!("{half}{}{}", if half.is_empty() { "" } else { " " }, s.power);
            row.push(CellView { class: "half", text: text.trim_end().into() });
        }
    }
    let unit = shared.map(|(_, unit)| unit).filter(|unit| unit != "1").unwrap_or_default();
    Head { name: column.name.clone(), unit, span: 1 + usize::from(wide), numeric }
}

/// The numbers behind a figure, one row a position where the lines share theirs.
pub(crate) fn behind(series: &Series) -> Result<TableView, ReportError> {
    let cell = |line: &Line, i: usize| match (line.low.get(i), line.high.get(i)) {
        (Some(low), Some(high)) => Cell::Uncertain { value: line.y[i], ci95: [*low, *high] },
        _ => Cell::Number(line.y[i]),
    };
    let column = |name: &str, unit: &str| Column { name: name.into(), unit: unit.into() };
    // Clouds of points are too many to read: they stand in the figure's CSV.
    let lines: Vec<&Line> = series.lines.iter().filter(|line| !line.scattered).collect();
    let shared = lines.windows(2).all(|pair| pair[0].x == pair[1].x);
    let points = |line: &Line| line.x.len().min(line.y.len());
    let (mut columns, mut rows) = (Vec::new(), Vec::new());
    if shared && let Some(first) = lines.first() {
        columns.push(column(&series.x.label, &series.x.unit));
        columns.extend(lines.iter().map(|line| column(&line.name, &series.y.unit)));
        let most = lines.iter().map(|line| points(line)).min().unwrap_or(0);
        for i in 0..most {
            let values = lines.iter().map(|line| cell(line, i));
            rows.push([Cell::Number(first.x[i])].into_iter().chain(values).collect());
        }
    } else {
        columns = vec![
            column("line", ""),
            column(&series.x.label, &series.x.unit),
            column(&series.y.label, &series.y.unit),
        ];
        for line in lines {
            rows.extend(
                (0..points(line))
                    .map(|i| vec![Cell::Text(line.name.clone()), Cell::Number(line.x[i]), cell(line, i)]),
            );
        }
    }
    view(&Table { name: series.name.clone(), caption: series.caption.clone(), columns, rows })
}

/// Several records' scalars side by side, if two or more share a study.
pub(crate) fn comparison(records: &[Record]) -> Result<Option<TableView>, ReportError> {
    let shared = |r: &&Record| records.iter().filter(|other| other.study == r.study).count() > 1;
    let compared: Vec<&Record> = records.iter().filter(shared).collect();
    if compared.is_empty() {
        return Ok(None);
    }
    let mut columns: Vec<Column> = ["study", "device", "seed", "chips"]
        .map(|name| Column { name: name.into(), unit: String::new() })
        .into();
    let mut keys: Vec<(&String, &Scalar)> = Vec::new();
    for (key, scalar) in compared.iter().flat_map(|r| &r.scalars) {
        if !keys.iter().any(|(other, _)| *other == key) {
            keys.push((key, scalar));
        }
    }
    // The figures of merit first.
    keys.sort_by_key(|(key, _)| !compared.iter().any(|r| r.merit == **key));
    columns.extend(keys.iter().map(|(_, s)| Column { name: s.about.clone(), unit: s.unit.clone() }));
    let row = |r: &&Record| {
        let mut row = vec![
            Cell::Text(r.title.clone()),
            Cell::Text(r.device.clone()),
            Cell::Text(r.seed.to_string()),
            Cell::Text(r.chips.to_string()),
        ];
        row.extend(keys.iter().map(|(key, _)| match r.scalars.get(*key) {
            None => Cell::Text("–".into()),
            Some(s) if s.bound.is_some() => Cell::Text(crate::number::scalar(s).to_string()),
            Some(s) => match s.ci95 {
                Some(ci95) => Cell::Uncertain { value: s.value, ci95 },
                None => Cell::Number(s.value),
            },
        }));
        row
    };
    let rows = compared.iter().map(row).collect();
    let caption = "The runs beside one another".into();
    view(&Table { name: "comparison".into(), caption, columns, rows }).map(Some)
}
