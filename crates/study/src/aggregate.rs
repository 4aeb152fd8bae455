//! From the outcomes of several chips to numbers with uncertainty.
//!
//! Intervals are 95 % Student-t intervals of the mean over chips: `m -+ t(0.975, n-1) s / sqrt(n)`
//! (Student 1908). They say how well the mean over chips is known, not how far chips lie apart. What a number leaves open on
//! each chip alike, such as the samples that all of them are shown, is added in quadrature.

use std::collections::{BTreeMap, BTreeSet};

use neurohm_num::stats;

use crate::error::StudyError;
use crate::outcome::Outcome;
use crate::record::{Bound, Cell, Line, Map, Note, Scalar, Series, Table};

/// Several chips' outcomes as one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    pub scalars: BTreeMap<String, Scalar>,
    /// Names of scalars that do not depend on the chip.
    pub exact: BTreeSet<String>,
    pub series: Vec<Series>,
    pub tables: Vec<Table>,
    pub maps: Vec<Map>,
    pub notes: Vec<Note>,
    pub tally: BTreeMap<String, f64>,
    pub files: Vec<(String, Vec<u8>)>,
}

/// [`interval`], where each chip's number has an interval of its own that chips share the reason of.
fn resolved(values: &[f64], own: &[[f64; 2]], limits: Option<&[f64; 2]>) -> (f64, Option<[f64; 2]>) {
    let (mean, over_chips) = interval(values, limits);
    let wider = |ends: [f64; 2]| {
        let end = |i: usize| {
            let open = values.iter().zip(own).map(|(v, own)| own[i] - v).sum::<f64>() / values.len() as f64;
            (ends[i] - mean).hypot(open)
        };
        let [low, high] = limits.copied().unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
        [(mean - end(0)).max(low).min(mean), (mean + end(1)).min(high).max(mean)]
    };
    (mean, over_chips.map(wider))
}

/// Mean and 95 % interval over chips; no interval from a single chip.
fn interval(values: &[f64], limits: Option<&[f64; 2]>) -> (f64, Option<[f64; 2]>) {
    if values.len() < 2 {
        return (values.first().copied().unwrap_or(f64::NAN), None);
    }
    let (mean, Some(i)) = stats::mean_ci95(values) else { return (values[0], None) };
    // A mean of equal numbers is that number, whatever rounding says.
    let mean = if values.iter().all(|v| v == &values[0]) { values[0] } else { mean };
    let [low, high] = limits.copied().unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
    (mean, Some([i.low.max(low).min(mean), i.high.min(high).max(mean)]))
}

/// One scalar over chips.
pub(crate) fn scalar(name: &str, outcomes: &[Outcome]) -> Result<Scalar, StudyError> {
    let first = outcomes.first().and_then(|o| o.scalars.get(name)).ok_or_else(|| differs(name))?;
    let values = outcomes.iter().map(|o| o.scalars.get(name).map(|m| m.value));
    let values: Vec<f64> = values.collect::<Option<_>>().ok_or_else(|| differs(name))?;
    let limits = outcomes[0].limits.get(name);
    let own: Option<Vec<[f64; 2]>> = outcomes.iter().map(|o| o.resolution.get(name).copied()).collect();
    let (value, ci95) = match own {
        Some(own) => resolved(&values, &own, limits),
        None => interval(&values, limits),
    };
    Ok(Scalar {
        value,
        ci95: if first.exact { Some([value; 2]) } else { ci95 },
        unit: first.unit.to_string(),
        ideal: None,
        about: first.about.clone(),
        better: first.better,
        bound: bound(name, outcomes),
    })
}

/// On which side of the mean the number lies, where some chips gave a bound; of bounds to both sides the mean tells nothing.
fn bound(name: &str, outcomes: &[Outcome]) -> Option<Bound> {
    let mut found = outcomes.iter().filter_map(|o| o.bounds.get(name).copied());
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

fn differs(name: &str) -> StudyError {
    StudyError::Invalid(format!("the study reports {name:?} for some chips only, or in different shapes"))
}

/// Brings the outcomes of several chips together.
pub(crate) fn summarise(mut outcomes: Vec<Outcome>) -> Result<Summary, StudyError> {
    let Some(first) = outcomes.first() else { return Ok(Summary::default()) };
    let mut scalars = BTreeMap::new();
    for name in first.scalars.keys() {
        scalars.insert(name.clone(), scalar(name, &outcomes)?);
    }
    let series = (0..first.series.len()).map(|i| figure(i, &outcomes)).collect::<Result<_, _>>()?;
    let tables = (0..first.tables.len()).map(|i| table(i, &outcomes)).collect::<Result<_, _>>()?;
    let mut notes: Vec<Note> = Vec::new();
    let mut tally = BTreeMap::new();
    for o in &outcomes {
        for n in &o.notes {
            if !notes.contains(n) {
                notes.push(n.clone());
            }
        }
        for (name, count) in &o.tally {
            *tally.entry(name.clone()).or_insert(0.0) += count;
        }
    }
    let maps = (0..first.maps.len()).map(|i| map(i, &outcomes)).collect::<Result<_, _>>()?;
    let exact = first.scalars.iter().filter(|(_, m)| m.exact).map(|(name, _)| name.clone()).collect();
    let first = outcomes.swap_remove(0);
    Ok(Summary { scalars, exact, series, tables, maps, notes, tally, files: first.files })
}

fn figure(index: usize, outcomes: &[Outcome]) -> Result<Series, StudyError> {
    let template = &outcomes[0].series[index];
    let mut lines = Vec::new();
    for (l, line) in template.lines.iter().enumerate() {
        if line.reference {
            lines.push(line.clone());
            continue;
        }
        let across = outcomes.iter().map(|o| o.series.get(index).and_then(|s| s.lines.get(l)));
        let across: Vec<&Line> = across.collect::<Option<_>>().ok_or_else(|| differs(&template.name))?;
        if across.iter().any(|a| a.x != line.x || a.y.len() != line.y.len()) {
            return Err(differs(&template.name));
        }
        let mut merged = Line { y: vec![], low: vec![], high: vec![], ..line.clone() };
        for i in 0..line.y.len() {
            let values: Vec<f64> = across.iter().map(|a| a.y[i]).collect();
            let (mean, ends) = interval(&values, outcomes[0].limits.get(&template.name));
            merged.y.push(mean);
            if let Some([low, high]) = ends {
                merged.low.push(low);
                merged.high.push(high);
            }
        }
        lines.push(merged);
    }
    Ok(Series { lines, ..template.clone() })
}

/// The first chip's, or, of a table of results, means and intervals over chips.
fn map(index: usize, outcomes: &[Outcome]) -> Result<Map, StudyError> {
    let template = &outcomes[0].maps[index];
    if template.axes.is_none() {
        return Ok(template.clone());
    }
    let across: Option<Vec<&Map>> = outcomes.iter().map(|o| o.maps.get(index)).collect();
    let across = across.ok_or_else(|| differs(&template.name))?;
    if across.iter().any(|m| m.axes != template.axes || m.values.len() != template.values.len()) {
        return Err(differs(&template.name));
    }
    let mut merged = Map { half: Vec::new(), ..template.clone() };
    for (i, mean) in merged.values.iter_mut().enumerate() {
        let values: Vec<f64> = across.iter().map(|m| f64::from(m.values[i])).collect();
        let (found, ends) = stats::mean_ci95(&values);
        *mean = found as f32;
        merged.half.extend(ends.map(|ends| ends.half_width() as f32));
    }
    Ok(merged)
}

fn table(index: usize, outcomes: &[Outcome]) -> Result<Table, StudyError> {
    let template = &outcomes[0].tables[index];
    let mut rows = template.rows.clone();
    for (r, row) in rows.iter_mut().enumerate() {
        for (c, cell) in row.iter_mut().enumerate() {
            let limits = outcomes[0].limits.get(&template.name);
            let across = outcomes.iter().map(|o| o.tables.get(index)?.rows.get(r)?.get(c));
            let across: Vec<&Cell> = across.collect::<Option<_>>().ok_or_else(|| differs(&template.name))?;
            let (value, ends) = match *cell {
                Cell::Number(first) => {
                    let number = |cell: &&Cell| if let Cell::Number(x) = **cell { Some(x) } else { None };
                    let values: Option<Vec<f64>> = across.iter().map(number).collect();
                    let values = values.ok_or_else(|| differs(&template.name))?;
                    if values.iter().all(|v| v.to_bits() == first.to_bits()) {
                        continue;
                    }
                    interval(&values, limits)
                }
                // With an interval on each chip, as scalars with a resolution.
                Cell::Uncertain { .. } => {
                    let number = |cell: &&Cell| match **cell {
                        Cell::Uncertain { value, ci95 } => Some((value, ci95)),
                        _ => None,
                    };
                    let both: Option<Vec<_>> = across.iter().map(number).collect();
                    let (values, own): (Vec<f64>, Vec<[f64; 2]>) =
                        both.ok_or_else(|| differs(&template.name))?.into_iter().unzip();
                    resolved(&values, &own, limits)
                }
                _ => continue,
            };
            *cell = match ends {
                Some(ci95) => Cell::Uncertain { value, ci95 },
                None => Cell::Number(value),
            };
        }
    }
    Ok(Table { rows, ..template.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Axis, Better, Column};

    fn outcome(v: f64) -> Outcome {
        let mut o = Outcome::default();
        o.measure("a", v, "%", Some(Better::Higher), "a number");
        o.exact("size", 7.0, "1", "a size");
        let axis = Axis::linear("x", "1");
        let line = |reference, y| Line { reference, ..Line::new("l", vec![0.0], vec![y]) };
        o.series.push(Series {
            name: "s".into(),
            caption: String::new(),
            x: axis.clone(),
            y: axis,
            lines: vec![line(false, v), line(true, 5.0)],
        });
        o.tables.push(Table {
            name: "t".into(),
            caption: String::new(),
            columns: vec![Column { name: "c".into(), unit: String::new() }; 2],
            rows: vec![vec![Cell::Number(3.0), Cell::Number(v)]],
        });
        o.tally.insert("reads".into(), 2.0);
        o.info("the same everywhere");
        o
    }

    // Student's t at 0.975 for two degrees of freedom is 4.302652729911275 (any table);
    // 1, 2, 3 have mean 2, sd 1, so the half width is 4.302652729911275 / sqrt(3) = 2.484137711719546.
    #[test]
    fn intervals_are_students() {
        let s = summarise(vec![outcome(1.0), outcome(2.0), outcome(3.0)]).unwrap();
        let a = &s.scalars["a"];
        let ci = a.ci95.unwrap();
        assert_eq!(a.value, 2.0);
        assert!((ci[1] - 2.0 - 2.484137711719546).abs() < 1e-9, "{ci:?}");
        assert!((2.0 - ci[0] - 2.484137711719546).abs() < 1e-9, "{ci:?}");
        assert_eq!(s.scalars["size"].ci95, Some([7.0, 7.0]));
        assert!(s.exact.contains("size") && !s.exact.contains("a"));
        let lines = &s.series[0].lines;
        assert_eq!((lines[0].y[0], lines[0].low[0], lines[0].high[0]), (2.0, ci[0], ci[1]));
        assert_eq!((lines[1].y[0], lines[1].low.len()), (5.0, 0));
        assert_eq!(s.tables[0].rows[0], vec![Cell::Number(3.0), Cell::Uncertain { value: 2.0, ci95: ci }]);
        assert_eq!((s.tally["reads"], s.notes.len()), (6.0, 1));
    }

    #[test]
    fn intervals_end_at_the_limits_of_what_they_measure() {
        let bounded = |v| {
            let mut o = outcome(v);
            o.limits.insert("a".into(), [0.0, 2.5]);
            o
        };
        let s = summarise(vec![bounded(1.0), bounded(2.0), bounded(2.4)]).unwrap();
        let ci = s.scalars["a"].ci95.unwrap();
        assert!(ci[0] >= 0.0 && ci[1] == 2.5, "{ci:?}");
    }

    #[test]
    fn equal_chips_leave_open_what_each_of_them_does() {
        let open = |v: f64, own: [f64; 2]| {
            let mut o = outcome(v);
            o.limits.insert("a".into(), [0.0, 9.0]);
            o.resolution.insert("a".into(), own);
            o.tables[0].rows[0][1] = Cell::Uncertain { value: v, ci95: own };
            o
        };
        let s = summarise(vec![open(2.0, [1.0, 4.0]), open(2.0, [0.5, 20.0])]).unwrap();
        assert_eq!((s.scalars["a"].value, s.scalars["a"].ci95), (2.0, Some([0.75, 9.0])));
        assert_eq!(s.tables[0].rows[0][1], Cell::Uncertain { value: 2.0, ci95: [0.75, 12.0] });
        // Half a Student interval of 2.484137711719546 (see above), and 1 below and 2 above, in quadrature.
        let own = |v: f64| open(v, [v - 1.0, v + 2.0]);
        let ci = summarise(vec![own(1.0), own(2.0), own(3.0)]).unwrap().scalars["a"].ci95.unwrap();
        let student = 2.484137711719546f64;
        assert!(ci[0] == 0.0 && (ci[1] - 2.0 - (student * student + 4.0).sqrt()).abs() < 1e-9, "{ci:?}");
        assert_eq!(summarise(vec![own(2.0)]).unwrap().scalars["a"].ci95, None);
    }

    #[test]
    fn a_mean_that_a_bound_is_in_is_a_bound() {
        let bounded = |v, bound: Option<Bound>| {
            let mut o = outcome(v);
            o.bounds.extend(bound.map(|bound| ("a".to_string(), bound)));
            o
        };
        let of = |a, b| summarise(vec![bounded(1.0, a), bounded(3.0, b)]).unwrap().scalars["a"].bound;
        assert_eq!(of(None, None), None);
        assert_eq!(of(None, Some(Bound::More)), Some(Bound::More));
        assert_eq!(of(Some(Bound::Less), Some(Bound::Less)), Some(Bound::Less));
        assert_eq!(of(Some(Bound::Less), Some(Bound::More)), None);
    }

    #[test]
    fn one_chip_has_no_interval_and_unequal_chips_are_refused() {
        assert_eq!(summarise(vec![outcome(1.0)]).unwrap().scalars["a"].ci95, None);
        let mut other = outcome(1.0);
        other.series[0].lines[0].y.clear();
        assert!(summarise(vec![outcome(1.0), other]).is_err());
        let mut other = outcome(1.0);
        other.scalars.remove("a");
        assert!(summarise(vec![outcome(1.0), other]).is_err());
    }
}
