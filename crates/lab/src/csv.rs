//! Samples as CSV: a header of names that carry their units, and numbers that read back to the bit.

use std::fmt::Write;

/// A table of numbers under construction.
pub(crate) struct Csv {
    text: String,
}

impl Csv {
    /// With these columns.
    pub(crate) fn new(columns: &[String]) -> Csv {
        Csv { text: columns.join(",") + "\n" }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, values: impl IntoIterator<Item = f64>) {
        for (n, value) in values.into_iter().enumerate() {
            // Debug writes the shortest text that reads back, with an exponent where it is far from one. Writing to a
            // String cannot fail.
            let separator = if n == 0 { "" } else { "," };
            let _ = if value == value.trunc() && value.abs() < 1e15 {
                write!(self.text, "{separator}{value}")
            } else {
                write!(self.text, "{separator}{value:?}")
            };
        }
        self.text.push('\n');
    }

    /// The file.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }
}

/// Plain names as columns.
pub(crate) fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        let values = [0.0, -1.5, 1e-12, 1.0 / 3.0, 1e300, 7.0, f64::MIN_POSITIVE];
        let mut csv = Csv::new(&columns(&["a", "b", "c", "d", "e", "f", "g"]));
        csv.row(values);
        let text = String::from_utf8(csv.bytes()).unwrap();
        let (head, row) = text.trim_end().split_once('\n').unwrap();
        assert_eq!(head, "a,b,c,d,e,f,g");
        let back: Vec<f64> = row.split(',').map(|t| t.parse().unwrap()).collect();
        assert_eq!(back, values);
        assert!(row.len() < 100, "{row}");
    }
}
