//! A waveform from a file.

use neurohm::data::table::{Quantity, Reading, Table, TableError, parse};

use crate::failure::Failure;

/// The points (s, V) of a table with a column of times and one of voltages; without a header the first two columns.
pub fn read(path: &str, bytes: &[u8]) -> Result<Vec<(f64, f64)>, Failure> {
    let wrong = |e: TableError| {
        Failure::request(format!("{path}: {e}"))
            .help("a waveform is a table with two columns, time in s and voltage in V, one point a row")
    };
    let named = |table: &Table| table.has(Quantity::Time) && table.has(Quantity::Voltage);
    let headed = |table: &Table| table.columns().iter().any(|c| !c.name.is_empty());
    let mut table = parse(bytes, &Reading::default()).map_err(wrong)?;
    if !named(&table) && !headed(&table) {
        let reading = Reading::default().with_columns("time,voltage").map_err(wrong)?;
        table = parse(bytes, &reading).map_err(wrong)?;
    }
    let times = table.values(Quantity::Time).map_err(wrong)?;
    let voltages = table.values(Quantity::Voltage).map_err(wrong)?;
    if let Some(row) = times.windows(2).position(|w| w[1] < w[0]) {
        let problem =
            format!("{path}: row {}: the time {} s comes after a later one", row + 2, times[row + 1]);
        return Err(Failure::request(problem));
    }
    Ok(times.into_iter().zip(voltages).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_with_and_without_a_header() {
        let plain = read("a.csv", b"0,0\n1e-3,1.5\n2e-3,0\n").unwrap();
        assert_eq!(plain, [(0.0, 0.0), (1e-3, 1.5), (2e-3, 0.0)]);
        let named = "\u{feff}# a comment\nvoltage_v;other;time_s\n0;7;0\n1.5;7;1e-3\n1;7;2e-3\n";
        assert_eq!(read("a.csv", named.as_bytes()).unwrap(), [(0.0, 0.0), (1e-3, 1.5), (2e-3, 1.0)]);
    }

    #[test]
    fn mistakes_are_shown_with_row_and_column() {
        let said = |text: &str| read("a.csv", text.as_bytes()).unwrap_err().shown(false, 300).unwrap();
        for (text, words) in [
            ("0,0\n1,1\n2,x\n", "row 3"),
            ("0,0\n1,x\n2,0\n", "column 2"),
            ("0,0\n1\n2,0\n", "row 2"),
            ("1,0\n0,1\n2,0\n", "row 2: the time 0 s comes after a later one"),
            ("time,b\n0,0\n1,1\n", "no column is known to be the voltage"),
            ("0,0\n1,NaN\n2,0\n", "column 2"),
        ] {
            assert!(said(text).contains(words), "{text:?}: {}", said(text));
        }
    }
}
