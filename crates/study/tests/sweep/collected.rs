//! What a record of a sweep says.

use neurohm_num::stats;
use neurohm_study::record::{Cell, Record};
use neurohm_study::sweep::{self, Collection, Plan};

use super::ruler::Files;
use super::{alone, csv, plan, run};

fn collected(more: &str, objectives: &[&str]) -> (Plan<'static>, Collection) {
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(more).unwrap();
    planned.save(dir.path()).unwrap();
    run(&planned, dir.path(), &Files::default()).unwrap();
    let objectives: Vec<String> = objectives.iter().map(|o| o.to_string()).collect();
    let collection = sweep::collect(&planned, dir.path(), &objectives, "neurohm sweep collect x").unwrap();
    (planned, collection)
}

fn points(collection: &Collection) -> (Vec<String>, Vec<Vec<String>>) {
    let file = collection.finding.files.iter().find(|(name, _)| name == "points.csv").unwrap();
    csv(std::str::from_utf8(&file.1).unwrap())
}

const NOISE: &str = "[[axis]]\npath = \"chip.output_noise\"\nvalues = [0.01, 0.02, 0.04]\n";
const OFFSET: &str = "[[axis]]\npath = \"config.offset\"\nvalues = [0.0, 0.5]\n";
const SEEDS: &str = "[[axis]]\npath = \"seed\"\nvalues = [7, 8, 9, 10]\n";

#[test]
fn every_point_is_what_a_run_gives_to_the_bit() {
    let (planned, collection) = collected(&format!("{NOISE}{OFFSET}{SEEDS}"), &[]);
    let (head, rows) = points(&collection);
    assert_eq!(rows.len(), planned.points());
    let at = |name: &str| head.iter().position(|h| h == name).unwrap_or_else(|| panic!("{name} in {head:?}"));
    for row in &rows {
        let set = [
            format!("chip.output_noise={}", row[at("chip.output_noise")]),
            format!("config.offset={}", row[at("config.offset")]),
            format!("seed={}", row[at("seed")]),
        ];
        let record = alone("", &set, &Files::default());
        let error = &record.scalars["error"];
        let [low, high] = error.ci95.unwrap();
        for (name, value) in [("error", error.value), ("error low95", low), ("error high95", high)] {
            assert_eq!(row[at(name)].parse::<f64>().unwrap().to_bits(), value.to_bits(), "{name}");
        }
        assert_eq!(row[at("speed [1/s]")].parse::<f64>().unwrap(), record.scalars["speed"].value);
        assert_eq!(row[at("state")], "done");
    }
}

fn value(record: &Record, name: &str) -> f64 {
    record.scalars[name].value
}

#[test]
fn the_best_point_is_the_best_and_its_description_gives_it_again() {
    let (_, collection) = collected(&format!("{NOISE}{OFFSET}{SEEDS}"), &[]);
    let record = &collection.finding.record;
    let (head, rows) = points(&collection);
    let error = head.iter().position(|h| h == "error").unwrap();
    let least = rows.iter().map(|row| row[error].parse::<f64>().unwrap()).fold(f64::INFINITY, f64::min);
    assert_eq!(
        (record.merit.as_str(), value(record, "error"), value(record, "points")),
        ("error", least, 24.0)
    );
    let best = collection.finding.files.iter().find(|(name, _)| name == "best.toml").unwrap();
    let document = Some((String::from_utf8(best.1.clone()).unwrap(), "best.toml".to_string()));
    let draft = neurohm_study::Draft { document, ..Default::default() };
    let (study, request) = draft.resolve(super::STUDIES, &Files::default()).unwrap();
    let again = neurohm_study::execute(study, &request, &Files::default(), &neurohm_num::Unwatched).unwrap();
    assert_eq!(again.record.scalars["error"].ci95, record.scalars["error"].ci95);
    assert_eq!(value(&again.record, "error"), least);
}

/// Marginals over seeds: the mean of each seed's mean over the other axis, and Student's t over those.
#[test]
fn curves_and_maps_are_means_with_intervals_over_seeds() {
    let (_, collection) = collected(&format!("{NOISE}{OFFSET}{SEEDS}"), &[]);
    let (head, rows) = points(&collection);
    let at = |name: &str| head.iter().position(|h| h == name).unwrap();
    let number = |row: &Vec<String>, name: &str| row[at(name)].parse::<f64>().unwrap();
    let series = &collection.finding.record.series;
    let curve = series.iter().find(|s| s.name == "error-over-output_noise").unwrap();
    assert_eq!(curve.lines[0].x, [0.01, 0.02, 0.04]);
    for (n, noise) in curve.lines[0].x.iter().enumerate() {
        let of_seed = |seed: f64| {
            let of =
                rows.iter().filter(|r| number(r, "chip.output_noise") == *noise && number(r, "seed") == seed);
            stats::mean(&of.map(|r| number(r, "error")).collect::<Vec<_>>())
        };
        let means: Vec<f64> = [7.0, 8.0, 9.0, 10.0].map(of_seed).into();
        let (mean, ends) = stats::mean_ci95(&means);
        let line = &curve.lines[0];
        assert!((line.y[n] - mean).abs() < 1e-15 && (line.low[n] - ends.unwrap().low).abs() < 1e-15);
    }
    let map = &collection.finding.record.maps[0];
    assert_eq!((map.rows, map.cols, map.half.len()), (3, 2, 6));
    // The longer axis runs down. 0.04 + 0.5, but for luck.
    assert!((map.values[5] - 0.54).abs() < 0.002, "{:?}", map.values);
}

#[test]
fn one_axis_without_seeds_has_the_points_own_intervals() {
    let (_, collection) = collected(NOISE, &[]);
    let line = &collection.finding.record.series[0].lines[0];
    let record = alone("", &["chip.output_noise=0.02".into()], &Files::default());
    let error = &record.scalars["error"];
    assert_eq!((line.y[1], Some([line.low[1], line.high[1]])), (error.value, error.ci95));
    assert!(collection.finding.record.maps.is_empty());
}

#[test]
fn what_is_not_a_number_becomes_a_table() {
    let axes = format!(
        "[[axis]]\nname = \"loudness\"\nnames = [\"quiet\", \"loud\"]\npath = \"chip.output_noise\"\nvalues = [0.01, 0.02]\n{SEEDS}"
    );
    let (_, collection) = collected(&axes, &[]);
    let table = collection.finding.record.tables.iter().find(|t| t.name == "error-over-loudness").unwrap();
    assert_eq!(table.rows[1][0], Cell::Text("loud".into()));
    assert!(matches!(table.rows[1][1], Cell::Uncertain { value, .. } if (value - 0.02).abs() < 0.003));
}

#[test]
fn a_random_design_is_told_in_stretches() {
    let axes = "[sweep.design.latin_hypercube]\npoints = 80\n[[axis]]\npath = \"chip.output_noise\"\nfrom = 0.01\nto = 0.09\n[[axis]]\npath = \"config.offset\"\nfrom = 0.0\nto = 1.0\n";
    let (planned, collection) = collected(axes, &[]);
    assert_eq!(planned.points(), 80);
    let curve = collection.finding.record.series.iter().find(|s| s.name == "error-over-offset").unwrap();
    let line = &curve.lines[0];
    assert_eq!(line.x.len(), 8);
    for n in 0..8 {
        // Error = noise + offset: in the middle of a stretch that, and 0.05 more, within what ten points leave open.
        let within = (line.low[n]..=line.high[n]).contains(&(line.x[n] + 0.05));
        assert!(
            (line.y[n] - line.x[n] - 0.05).abs() < 0.05
                && (within || (line.y[n] - line.x[n] - 0.05).abs() < 0.02)
        );
    }
}

#[test]
fn two_objectives_have_a_front() {
    let (_, collection) = collected(&format!("{NOISE}{OFFSET}"), &["error", "speed"]);
    let record = &collection.finding.record;
    // Less noise is less error and more speed: the front is the one point without offset and the least noise.
    let front = record.tables.iter().find(|t| t.name == "front").unwrap();
    assert_eq!(front.rows.len(), 1);
    let drawn = record.series.iter().find(|s| s.name == "front-error-speed").unwrap();
    assert_eq!((drawn.lines[0].x.len(), drawn.lines[1].x.len()), (1, 6));
    assert!(drawn.lines[1].scattered && value(record, "speed") == 100.0);
}

#[test]
fn objectives_that_are_none_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(&format!("{NOISE}[sweep]\nobjectives = [\"eror\"]\n")).unwrap();
    planned.save(dir.path()).unwrap();
    let e = sweep::collect(&planned, dir.path(), &[], "").unwrap_err().to_string();
    assert!(e.contains("no point of the sweep has a result yet; `neurohm sweep run"), "{e}");
    run(&planned, dir.path(), &Files::default()).unwrap();
    let e = sweep::collect(&planned, dir.path(), &[], "").unwrap_err().to_string();
    assert!(
        e.starts_with("s.toml:10:15: sweep.objectives[0]: ") && e.contains("did you mean `error`?"),
        "{e}"
    );
    let e = sweep::collect(&planned, dir.path(), &["size".into()], "").unwrap_err().to_string();
    assert!(e.contains("of size the study does not say which direction is better"), "{e}");
    let found = sweep::collect(&planned, dir.path(), &["speed".into()], "").unwrap();
    assert_eq!(found.finding.record.merit, "speed");
}

#[test]
fn numbers_that_are_none_survive() {
    let axes = format!("[config]\nbreaks = \"by_nothing\"\n{NOISE}");
    let dir = tempfile::tempdir().unwrap();
    let planned = plan(&axes).unwrap();
    planned.save(dir.path()).unwrap();
    run(&planned, dir.path(), &Files::default()).unwrap();
    let e = sweep::collect(&planned, dir.path(), &[], "").unwrap_err().to_string();
    assert_eq!(e, "no point has a finite error: there is no best one");
    let found = sweep::collect(&planned, dir.path(), &["speed".into()], "").unwrap();
    assert_eq!(points(&found).1[0].iter().filter(|cell| *cell == "NaN").count(), 1);
}
