//! Figures of a sweep: what an objective does along each axis, and over pairs of them.

use std::collections::BTreeMap;

use neurohm_num::stats;

use super::axis::Axis;
use super::collect::column;
use super::design::{At, Design};
use super::gathered::{Gathered, Objective};
use crate::experiment::Findings;
use crate::record::{self, Cell, Line, Map, MapAxes, Series, Table};

/// Stretches that a drawn range is divided into.
const BINS: usize = 8;
/// Draws that a stretch holds at least.
const IN_A_BIN: usize = 5;
/// Most values of an axis of a map.
const SIDE: usize = 64;
/// Most maps of an objective.
const MAPS: usize = 3;
/// Most points of a cloud.
const CLOUD: usize = 1500;

/// What several points come to together.
struct Group {
    value: f64,
    ci95: Option<[f64; 2]>,
}

/// How means over points were given intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// Over seeds: each seed's mean is one number of Student's t.
    Seeds,
    /// Over draws, likewise.
    Draws,
    /// The points' own.
    Points,
}

impl Over {
    fn words(self, others: bool) -> &'static str {
        match (self, others) {
            (Over::Seeds, _) => "Intervals are Student's t over seeds.",
            (Over::Draws, _) => "Intervals are Student's t over the points that were drawn.",
            (Over::Points, true) => {
                "Intervals are the mean of the points' own, which are over chips; points share the draws of their chips, so \
                 a mean of many is no better known."
            }
            (Over::Points, false) => "Intervals are the points' own, over chips.",
        }
    }
}

impl Gathered<'_> {
    fn over(&self) -> Over {
        let description = self.plan.resolver.description();
        let seeds = description.axes.iter().any(|axis| axis.is_seed() && axis.levels() > Some(1));
        match description.options.design {
            Design::Grid {} if seeds => Over::Seeds,
            Design::Grid {} => Over::Points,
            _ => Over::Draws,
        }
    }

    /// The mean of an objective over points, with its interval. Of a grid all of them must be there: a mean over others
    /// would not be compared with those beside it.
    fn group(&self, points: &[usize], objective: Objective) -> Option<Group> {
        let values = points.iter().map(|point| self.value(*point, objective.column));
        let over = self.over();
        let values: Vec<_> = match over {
            Over::Draws => values.zip(points).filter_map(|(v, point)| Some((v?, *point))).collect(),
            _ => values.zip(points).map(|(v, point)| Some((v?, *point))).collect::<Option<_>>()?,
        };
        if values.is_empty() || values.iter().any(|(v, _)| !v.value.is_finite()) {
            return None;
        }
        if over == Over::Points {
            let mean = |of: &dyn Fn(usize) -> Option<f64>| {
                let of: Option<Vec<f64>> = (0..values.len()).map(of).collect();
                of.map(|of| stats::mean(&of))
            };
            let ends = [0, 1].map(|end| mean(&|n| values[n].0.ci95.map(|ci95| ci95[end])));
            let ci95 = if let [Some(low), Some(high)] = ends { Some([low, high]) } else { None };
            return Some(Group { value: mean(&|n| Some(values[n].0.value))?, ci95 });
        }
        let resolver = &self.plan.resolver;
        let seed = resolver.description().axes.iter().position(Axis::is_seed);
        let mut units: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for (v, point) in values {
            let unit = match (over, seed) {
                (Over::Seeds, Some(axis)) => resolver.points.at(point, axis).bits(),
                _ => resolver.points.draw(point) as u64,
            };
            units.entry(unit).or_default().push(v.value);
        }
        let means: Vec<f64> = units.values().map(|values| stats::mean(values)).collect();
        let (value, ends) = stats::mean_ci95(&means);
        Some(Group { value, ci95: ends.map(|ends| [ends.low, ends.high]) })
    }
}

/// A figure, or a table, of the objective along each axis.
pub(crate) fn marginals(all: &Gathered<'_>, objective: Objective, found: &mut Findings) {
    let resolver = &all.plan.resolver;
    let axes = &resolver.description().axes;
    let varied = |axis: &Axis| !axis.is_seed() && axis.levels() != Some(1);
    let several = axes.iter().filter(|axis| varied(axis)).count() > 1;
    let name = &all.columns[objective.column].name;
    for (n, axis) in axes.iter().enumerate().filter(|(_, axis)| varied(axis)) {
        let (mut at, mut groups) = (Vec::new(), Vec::new());
        for (place, points) in along(all, n) {
            let Some(group) = all.group(&points, objective) else { continue };
            at.push(place);
            groups.push(group);
        }
        if groups.is_empty() {
            continue;
        }
        let what = if several { "Mean over all other settings" } else { "Each value" };
        let caption = format!(
            "{}, against {}. {what}. {}",
            capital(all.about(objective.column)),
            axis.label,
            all.over().words(several)
        );
        let name = format!("{name}-over-{}", axis.label);
        let x: Option<Vec<f64>> = at.iter().map(|at| at.number).collect();
        match (axis.unit(), x) {
            (Some(unit), Some(x)) if x.len() > 1 => {
                found.series.push(curve(all, objective, (axis, unit), name, caption, x, &groups));
            }
            _ => {
                let cell = |group: &Group| match group.ci95 {
                    Some(ci95) => Cell::Uncertain { value: group.value, ci95 },
                    None => Cell::Number(group.value),
                };
                let rows =
                    at.iter().zip(&groups).map(|(at, group)| vec![Cell::Text(at.words.clone()), cell(group)]);
                let unit = &all.columns[objective.column].unit;
                let columns = vec![column(&axis.label, ""), column(&all.short(objective.column), unit)];
                found.tables.push(Table { name, caption, columns, rows: rows.collect() });
            }
        }
    }
}

fn curve(
    all: &Gathered<'_>,
    objective: Objective,
    (axis, unit): (&Axis, &str),
    name: String,
    caption: String,
    x: Vec<f64>,
    groups: &[Group],
) -> Series {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|a, b| x[*a].total_cmp(&x[*b]));
    let of = |value: &dyn Fn(usize) -> f64| order.iter().map(|n| value(*n)).collect::<Vec<f64>>();
    let mut line = Line::new(all.short(objective.column), of(&|n| x[n]), of(&|n| groups[n].value));
    if groups.iter().all(|group| group.ci95.is_some()) {
        let end = |n: usize, end: usize| groups[n].ci95.map_or(f64::NAN, |ends| ends[end]);
        (line.low, line.high) = (of(&|n| end(n, 0)), of(&|n| end(n, 1)));
    }
    Series {
        name,
        caption,
        x: record::Axis {
            label: axis.label.clone(),
            unit: if unit.is_empty() { "1" } else { unit }.into(),
            log: axis.is_log(),
        },
        y: record::Axis::linear(all.short(objective.column), &all.columns[objective.column].unit),
        lines: vec![line],
    }
}

/// A place on an axis.
struct Place {
    words: String,
    number: Option<f64>,
}

/// The places on an axis, and the points at each: its values, or stretches of a range of which values were drawn.
fn along(all: &Gathered<'_>, n: usize) -> Vec<(Place, Vec<usize>)> {
    let resolver = &all.plan.resolver;
    let axis = &resolver.description().axes[n];
    let points = 0..resolver.points.len();
    if let Some(levels) = axis.levels() {
        let mut groups: Vec<(Place, Vec<usize>)> = (0..levels as u32)
            .map(|level| {
                let at = At::Level(level);
                (Place { words: axis.shown(at), number: axis.number(at) }, Vec::new())
            })
            .collect();
        for point in points {
            groups[resolver.points.at(point, n).bits() as usize].1.push(point);
        }
        return groups;
    }
    let number = |point: &usize| axis.number(resolver.points.at(*point, n)).unwrap_or(f64::NAN);
    let mut sorted: Vec<usize> = points.filter(|point| all.rows[*point].is_some()).collect();
    sorted.sort_by(|a, b| number(a).total_cmp(&number(b)).then(a.cmp(b)));
    let draws = sorted
        .iter()
        .map(|point| resolver.points.draw(*point))
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    let bins = (draws / IN_A_BIN).clamp(1, BINS);
    let size = sorted.len().div_ceil(bins).max(1);
    let bin = |points: &[usize]| {
        let numbers: Vec<f64> = points.iter().map(number).collect();
        let middle = match axis.is_log() {
            true => stats::mean(&numbers.iter().map(|v| v.ln()).collect::<Vec<_>>()).exp(),
            false => stats::mean(&numbers),
        };
        (Place { words: String::new(), number: Some(middle) }, points.to_vec())
    };
    sorted.chunks(size).map(bin).collect()
}

/// Maps of objectives over pairs of axes, where all their values meet.
pub(crate) fn maps(all: &Gathered<'_>, objectives: &[Objective], found: &mut Findings) {
    let resolver = &all.plan.resolver;
    let description = resolver.description();
    if !matches!(description.options.design, Design::Grid {}) {
        return;
    }
    let fits = |axis: &Axis| !axis.is_seed() && axis.levels().is_some_and(|n| (2..=SIDE).contains(&n));
    let axes: Vec<usize> = (0..description.axes.len()).filter(|n| fits(&description.axes[*n])).collect();
    let others = description.axes.iter().filter(|axis| !axis.is_seed() && axis.levels() != Some(1)).count();
    let pairs = axes.iter().enumerate().flat_map(|(i, a)| axes[i + 1..].iter().map(move |b| (*a, *b)));
    let pairs: Vec<(usize, usize)> = pairs.take(MAPS).collect();
    for objective in objectives {
        for (a, b) in &pairs {
            // The longer one runs down.
            let levels = |n: usize| description.axes[n].levels().unwrap_or(0);
            let (down, across) = if levels(*b) > levels(*a) { (*b, *a) } else { (*a, *b) };
            found.maps.push(map(all, *objective, (down, across), others > 2));
        }
    }
}

fn map(all: &Gathered<'_>, objective: Objective, (down, across): (usize, usize), others: bool) -> Map {
    let resolver = &all.plan.resolver;
    let axes = &resolver.description().axes;
    let names = |axis: &Axis| -> Vec<String> {
        (0..axis.levels().unwrap_or(0) as u32).map(|level| axis.shown(At::Level(level))).collect()
    };
    let (row_names, column_names) = (names(&axes[down]), names(&axes[across]));
    let (rows, cols) = (row_names.len(), column_names.len());
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); rows * cols];
    for point in 0..resolver.points.len() {
        let [row, col] = [down, across].map(|axis| resolver.points.at(point, axis).bits() as usize);
        groups[row * cols + col].push(point);
    }
    let groups: Vec<Option<Group>> = groups.iter().map(|points| all.group(points, objective)).collect();
    let value = |group: &Option<Group>| group.as_ref().map_or(f32::NAN, |group| group.value as f32);
    let half = |group: &Option<Group>| {
        let ends = group.as_ref().and_then(|group| group.ci95);
        ends.map(|[low, high]| (0.5 * (high - low)) as f32)
    };
    let halves: Vec<f32> = groups.iter().filter_map(half).collect();
    let about = all.about(objective.column);
    Map {
        name: format!(
            "{}-over-{}-and-{}",
            all.columns[objective.column].name, axes[down].label, axes[across].label
        ),
        caption: format!(
            "{}, over {} and {}.{} {}",
            capital(about),
            axes[down].label,
            axes[across].label,
            if others { " Mean over all other settings." } else { "" },
            all.over().words(others)
        ),
        rows,
        cols,
        values: groups.iter().map(value).collect(),
        label: all.short(objective.column),
        unit: all.columns[objective.column].unit.clone(),
        diverging: false,
        axes: Some(MapAxes {
            rows: axes[down].label.clone(),
            row_names,
            columns: axes[across].label.clone(),
            column_names,
        }),
        half: if halves.len() == groups.len() { halves } else { Vec::new() },
    }
}

/// Two objectives of all points, and of those that no other beats. `values` holds a row a point, in which the two objectives
/// stand at `places`; `front` are rows.
pub(crate) fn front(
    all: &Gathered<'_>,
    objectives: [Objective; 2],
    values: &[Vec<f64>],
    places: [usize; 2],
    front: &[usize],
) -> Series {
    let axis = |o: Objective| record::Axis::linear(all.short(o.column), &all.columns[o.column].unit);
    let of = |rows: &[usize], n: usize| rows.iter().map(|row| values[*row][places[n]]).collect::<Vec<f64>>();
    let every = values.len().div_ceil(CLOUD).max(1);
    let cloud: Vec<usize> = (0..values.len()).step_by(every).collect();
    let mut best = front.to_vec();
    best.sort_by(|a, b| values[*a][places[0]].total_cmp(&values[*b][places[0]]));
    let shown = if every > 1 {
        format!(" Of {} points every {every}th is shown.", values.len())
    } else {
        String::new()
    };
    let names = objectives.map(|o| all.columns[o.column].name.clone());
    Series {
        name: format!("front-{}-{}", names[0], names[1]),
        caption: format!(
            "{}, against {}. No point beats one of the front in {}.{shown}",
            capital(all.about(objectives[1].column)),
            all.about(objectives[0].column),
            if places[1] == 1 && objectives.len() == values.first().map_or(0, Vec::len) {
                "both"
            } else {
                "all objectives"
            }
        ),
        x: axis(objectives[0]),
        y: axis(objectives[1]),
        lines: vec![
            Line::new("Pareto front", of(&best, 0), of(&best, 1)),
            Line::new("points", of(&cloud, 0), of(&cloud, 1)).scattered(),
        ],
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
