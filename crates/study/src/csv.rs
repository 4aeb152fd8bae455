//! Tables and figures as CSV (RFC 4180: quotes doubled, CR LF inside quoted fields only; lines end in LF).

use std::fmt::Write;

use crate::record::{Cell, Series, Table};

/// A field, quoted where it must be. Text that a spreadsheet would run as a formula is left as it is:
/// a result file says what was found and is for programs first.
fn field(out: &mut String, text: &str) {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

fn line<'a>(out: &mut String, fields: impl IntoIterator<Item = std::borrow::Cow<'a, str>>) {
    for (i, f) in fields.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        field(out, &f);
    }
    out.push('\n');
}

fn heading(name: &str, unit: &str) -> String {
    if unit.is_empty() || unit == "1" { name.to_string() } else { format!("{name} [{unit}]") }
}

/// A table. A column that holds any interval becomes three: value, low, high.
pub fn table(t: &Table) -> String {
    let mut out = String::new();
    let uncertain = |c: usize| t.rows.iter().any(|r| matches!(r.get(c), Some(Cell::Uncertain { .. })));
    let wide: Vec<bool> = (0..t.columns.len()).map(uncertain).collect();
    let mut head = Vec::new();
    for (c, column) in t.columns.iter().enumerate() {
        head.push(heading(&column.name, &column.unit).into());
        if wide[c] {
            head.push(heading(&format!("{} low95", column.name), &column.unit).into());
            head.push(heading(&format!("{} high95", column.name), &column.unit).into());
        }
    }
    line(&mut out, head);
    for row in &t.rows {
        let mut fields = Vec::new();
        for (c, cell) in row.iter().enumerate() {
            let (value, ends) = match cell {
                Cell::Number(x) => (x.to_string(), None),
                Cell::Text(s) => (s.clone(), None),
                Cell::Uncertain { value, ci95 } => (value.to_string(), Some(ci95)),
            };
            fields.push(value.into());
            if wide.get(c).copied().unwrap_or(false) {
                fields.push(ends.map(|e| e[0].to_string()).unwrap_or_default().into());
                fields.push(ends.map(|e| e[1].to_string()).unwrap_or_default().into());
            }
        }
        line(&mut out, fields);
    }
    out
}

/// A figure in long form: one row a point, with the line's name first.
pub fn series(s: &Series) -> String {
    let mut out = String::new();
    let y = |suffix: &str| heading(&format!("{}{suffix}", s.y.label), &s.y.unit);
    let head = ["line".to_string(), heading(&s.x.label, &s.x.unit), y(""), y(" low95"), y(" high95")];
    line(&mut out, head.into_iter().map(Into::into));
    for l in &s.lines {
        for (i, (x, v)) in l.x.iter().zip(&l.y).enumerate() {
            let end = |e: &[f64]| e.get(i).map(f64::to_string).unwrap_or_default();
            let mut text = String::new();
            // Writing to a String cannot fail.
            let _ = write!(text, ",{x},{v},{},{}", end(&l.low), end(&l.high));
            field(&mut out, &l.name);
            out.push_str(&text);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Axis, Column, Line};

    #[test]
    fn fields_with_commas_quotes_and_newlines_are_quoted() {
        let t = Table {
            name: "t".into(),
            caption: String::new(),
            columns: vec![
                Column { name: "layer, name".into(), unit: String::new() },
                Column { name: "error".into(), unit: "%".into() },
            ],
            rows: vec![
                vec![Cell::Text("a \"b\"\nc".into()), Cell::Uncertain { value: 0.5, ci95: [0.25, 1.0] }],
                vec![Cell::Text("plain".into()), Cell::Number(1e-30)],
            ],
        };
        let lines = "\"layer, name\",error [%],error low95 [%],error high95 [%]\n\
                     \"a \"\"b\"\"\nc\",0.5,0.25,1\nplain,0.000000000000000000000000000001,,\n";
        assert_eq!(table(&t), lines);
    }

    #[test]
    fn a_figure_has_one_row_a_point() {
        let line = |name: &str, low: Vec<f64>| Line {
            high: low.clone(),
            low,
            ..Line::new(name, vec![1.0, 2.0], vec![3.0, 4.5])
        };
        let s = Series {
            name: "s".into(),
            caption: String::new(),
            x: Axis::linear("time", "s"),
            y: Axis::linear("error", "1"),
            lines: vec![line("a,b", vec![2.0, 4.0]), line("c", vec![])],
        };
        let expected = "line,time [s],error,error low95,error high95\n\"a,b\",1,3,2,2\n\"a,b\",2,4.5,4,4\n\
                        c,1,3,,\nc,2,4.5,,\n";
        assert_eq!(series(&s), expected);
    }
}
