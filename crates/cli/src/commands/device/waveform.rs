//! A waveform from a file.

use crate::failure::Failure;

/// The points (s, V) of a CSV with a column of times and one of voltages. A first line of words is a header; of more
/// columns the ones named `time...` and `voltage...` count, without a header the first two.
pub fn read(path: &str, bytes: &[u8]) -> Result<Vec<(f64, f64)>, Failure> {
    let wrong = |line: usize, problem: String| {
        Failure::request(format!("{path}:{line}: {problem}"))
            .help("a waveform is a CSV with two columns, time in s and voltage in V, one point a line")
    };
    let text = std::str::from_utf8(bytes).map_err(|_| wrong(1, "is no text".into()))?;
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut columns = [0, 1];
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
    for (first, (number, line)) in lines.filter(|(_, l)| !l.is_empty() && !l.starts_with('#')).enumerate() {
        let fields: Vec<&str> = line.split([',', ';', '\t']).map(|f| f.trim().trim_matches('"')).collect();
        if first == 0 && fields.iter().all(|f| f.parse::<f64>().is_err()) {
            let find = |word: &str| fields.iter().position(|f| f.to_lowercase().starts_with(word));
            let found = [find("time").or(find("t")), find("voltage").or(find("v"))];
            let [Some(t), Some(v)] = found else {
                let message = format!("needs columns time_s and voltage_v, and has {}", fields.join(", "));
                return Err(wrong(number, message));
            };
            columns = [t, v];
            continue;
        }
        let number_at = |column: usize| {
            let field =
                fields.get(column).ok_or_else(|| wrong(number, format!("has no column {}", column + 1)))?;
            let value = field.parse::<f64>().ok().filter(|v| v.is_finite());
            value
                .ok_or_else(|| wrong(number, format!("column {}: {field:?} is no finite number", column + 1)))
        };
        let point = (number_at(columns[0])?, number_at(columns[1])?);
        if points.last().is_some_and(|last| last.0 > point.0) {
            return Err(wrong(number, format!("the time {} s comes after a later one", point.0)));
        }
        points.push(point);
    }
    if points.len() < 2 {
        return Err(wrong(1, format!("has {} points; a waveform needs two at least", points.len())));
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_with_and_without_a_header() {
        let plain = read("a.csv", b"0,0\n1e-3,1.5\n2e-3,0\n").unwrap();
        assert_eq!(plain, [(0.0, 0.0), (1e-3, 1.5), (2e-3, 0.0)]);
        let named = "\u{feff}# a comment\nvoltage_v;other;time_s\n0;x;0\n1.5;y;1e-3\n";
        assert_eq!(read("a.csv", named.as_bytes()).unwrap(), [(0.0, 0.0), (1e-3, 1.5)]);
    }

    #[test]
    fn mistakes_are_shown_with_line_and_column() {
        let said = |text: &str| read("a.csv", text.as_bytes()).unwrap_err().shown(false, 100).unwrap();
        for (text, words) in [
            ("0,0\n1,x\n", "a.csv:2: column 2: \"x\" is no finite number"),
            ("0,0\n1\n", "a.csv:2: has no column 2"),
            ("1,0\n0,1\n", "a.csv:2: the time 0 s comes after a later one"),
            ("0,0\n", "has 1 points"),
            ("a,b\n0,0\n", "needs columns time_s and voltage_v"),
            ("0,0\n1,NaN\n", "no finite number"),
        ] {
            assert!(said(text).contains(words), "{text:?}: {}", said(text));
        }
    }
}
