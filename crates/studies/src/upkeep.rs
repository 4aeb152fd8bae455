//! `upkeep`: how a network on a chip is kept accurate for years.
//!
//! The same devices, programmed once, are read over time with each of several mitigations side by side: nothing, one factor a
//! crossbar or a column, batch norms whose statistics are taken anew. From what each keeps follows how often the chip would have
//! to be written again, what that costs and how it wears the devices; such a schedule is then run to its end.

use neurohm_array::{ChipSpec, DriftCompensation, SettingError};
use neurohm_cost::{Activity, Fabric, program, technology};
use neurohm_device::Retention;
use neurohm_nn::AnalogNetwork;
use neurohm_num::quantity::{self, Dimension};
use neurohm_study::record::{Axis, Better, Bound, Cell, Column, Line, Series, Table};
use neurohm_study::{Inputs, Outcome, Run, Study, StudyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::material::{self, Asked, BatchNorm, Material, Normalise, nn};
use crate::networks::{NETWORKS, network};
use crate::price::TECHNOLOGY;
use crate::tolerance::{Judged, Tolerated, points, tolerated};

/// The study.
pub struct Upkeep;

/// What `upkeep` can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpkeepConfig {
    /// An embedded network or the path of an ONNX file. Only one with batch norms can be recalibrated.
    pub model: String,
    /// The samples: `strokes`, `mnist:PATH`, `cifar10:PATH`, `folder:PATH`, `npz:FILE`.
    pub data: String,
    /// At most so many test samples are run.
    pub images: usize,
    /// At most so many training samples are shown to converters that take their range from data, and to batch norms.
    pub calibration: usize,
    /// Times after programming at which the chip is read.
    #[serde(with = "quantity::vec_second")]
    #[schemars(with = "Vec<String>")]
    pub times: Vec<f64>,
    /// What is done against drift, each on the same devices.
    pub mitigations: Vec<Mitigation>,
    /// Loss of accuracy that is borne, in points of a percentage below the digital run.
    pub loss: f64,
    /// How long the chip must keep that.
    #[serde(with = "quantity::second")]
    #[schemars(with = "String")]
    pub service: f64,
    /// Temperatures that the chip goes through after programming at room temperature.
    #[serde(default)]
    pub temperature: Vec<Stage>,
    /// How samples become what the network was trained on, where it wants other than values in [0, 1].
    #[serde(default)]
    pub normalise: Option<Normalise>,
}

/// What is done against drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mitigation {
    /// Nothing.
    None,
    /// One factor for each crossbar.
    Global,
    /// One factor for each column.
    PerColumn,
    /// Statistics of batch norms taken anew.
    BatchNorm,
    /// One factor for each crossbar, then batch norms.
    GlobalBatchNorm,
    /// One factor for each column, then batch norms.
    PerColumnBatchNorm,
}

/// A temperature from some time on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Time after programming, s.
    #[serde(rename = "from", with = "quantity::second")]
    #[schemars(with = "String")]
    pub from_s: f64,
    /// Temperature, K.
    #[serde(rename = "at", with = "quantity::kelvin")]
    #[schemars(with = "String")]
    pub t_k: f64,
}

impl Mitigation {
    /// All, in the order of what they take.
    pub const ALL: [Mitigation; 6] = [
        Mitigation::None,
        Mitigation::Global,
        Mitigation::PerColumn,
        Mitigation::BatchNorm,
        Mitigation::GlobalBatchNorm,
        Mitigation::PerColumnBatchNorm,
    ];

    fn words(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Global => "factor a crossbar",
            Self::PerColumn => "factor a column",
            Self::BatchNorm => "batch norms",
            Self::GlobalBatchNorm => "factor a crossbar, batch norms",
            Self::PerColumnBatchNorm => "factor a column, batch norms",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Global => "global",
            Self::PerColumn => "per_column",
            Self::BatchNorm => "batch_norm",
            Self::GlobalBatchNorm => "global_batch_norm",
            Self::PerColumnBatchNorm => "per_column_batch_norm",
        }
    }

    fn recalibrates(self) -> bool {
        matches!(self, Self::BatchNorm | Self::GlobalBatchNorm | Self::PerColumnBatchNorm)
    }

    /// The chip with this compensation, with as many probes as it has itself.
    fn chip(self, chip: &ChipSpec) -> ChipSpec {
        let probes = match chip.drift_compensation.probes() {
            0 => 32,
            n => n as u32,
        };
        let drift_compensation = match self {
            Self::None | Self::BatchNorm => DriftCompensation::None {},
            Self::Global | Self::GlobalBatchNorm => DriftCompensation::Global { probes },
            Self::PerColumn | Self::PerColumnBatchNorm => DriftCompensation::PerColumn { probes },
        };
        ChipSpec { drift_compensation, ..chip.clone() }
    }
}

const YEAR: f64 = 365.0 * 86_400.0;

impl Default for UpkeepConfig {
    fn default() -> Self {
        let model = network("strokes-resnet8").unwrap_or(&NETWORKS[0]);
        Self {
            model: model.name.to_string(),
            data: model.data.to_string(),
            images: 1000,
            calibration: 512,
            times: vec![20.0, 3_600.0, 86_400.0, 30.0 * 86_400.0, YEAR, 10.0 * YEAR],
            mitigations: Mitigation::ALL.to_vec(),
            loss: 1.0,
            service: 10.0 * YEAR,
            temperature: Vec::new(),
            normalise: None,
        }
    }
}

/// What stands for the study.
const KEPT: &str = "kept_for";

impl Study for Upkeep {
    const NAME: &'static str = "upkeep";
    const REVISION: u32 = 1;
    type Config = UpkeepConfig;
    type Shared = Material;

    fn title(&self) -> &'static str {
        "Keeping accuracy"
    }
    fn about(&self) -> &'static str {
        "How long does a network on the chip stay accurate, and what keeps it so? The same devices are read over time with \
         nothing done, with outputs divided by the shrinking of known inputs (one factor a crossbar or a column), and with \
         the statistics of batch norms taken anew on training samples. Where the loss of accuracy passes what is borne, the \
         chip must be written again: how often in its service life, at what energy, and with what wear, and whether the last \
         period of such a schedule still holds."
    }
    fn merit(&self) -> &'static str {
        KEPT
    }
    /// Ten years.
    fn target(&self, _merit: &str, _ideal: f64) -> f64 {
        10.0 * YEAR
    }
    fn uses(&self, _config: &UpkeepConfig) -> &'static [&'static str] {
        COMPENSATED
    }
    fn full(&self) -> UpkeepConfig {
        let more = [600.0, 6.0 * 3_600.0, 7.0 * 86_400.0, 180.0 * 86_400.0, 3.0 * YEAR];
        let mut times: Vec<f64> = UpkeepConfig::default().times.into_iter().chain(more).collect();
        times.sort_by(f64::total_cmp);
        UpkeepConfig { images: 5000, calibration: 1280, times, ..UpkeepConfig::default() }
    }
    fn smoke(&self) -> UpkeepConfig {
        UpkeepConfig { images: 12, calibration: 8, times: vec![20.0, 3_600.0], ..UpkeepConfig::default() }
    }
    fn of_a_card(&self) -> UpkeepConfig {
        let mitigations = vec![Mitigation::None, Mitigation::Global, Mitigation::GlobalBatchNorm];
        let times = vec![20.0, 86_400.0, 10.0 * YEAR];
        UpkeepConfig { images: 100, calibration: 64, times, mitigations, ..UpkeepConfig::default() }
    }
    /// What is asked is one non-ideality and its cures already.
    fn ablates(&self) -> bool {
        false
    }
    fn prepares_by_seed(&self) -> bool {
        false
    }
    fn chips(&self, effort: neurohm_study::Effort) -> usize {
        match effort {
            neurohm_study::Effort::Smoke => 2,
            neurohm_study::Effort::Quick => 3,
            neurohm_study::Effort::Full => 10,
        }
    }
    fn check(&self, c: &UpkeepConfig) -> Result<(), SettingError> {
        let wrong = |path: String, problem: String| Err(SettingError::value(path, problem));
        material::check(c.images, c.calibration, c.normalise.as_ref())?;
        if c.mitigations.is_empty() {
            return wrong("mitigations".into(), "name one at least; \"none\" is one".into());
        }
        if let Some(i) = (1..c.mitigations.len()).find(|&i| c.mitigations[..i].contains(&c.mitigations[i])) {
            return wrong(
                format!("mitigations[{i}]"),
                format!("{:?} stands there twice", c.mitigations[i].key()),
            );
        }
        if c.calibration < 2 && c.mitigations.iter().any(|m| m.recalibrates()) {
            return wrong(
                "calibration".into(),
                "batch norms cannot be recalibrated on fewer than 2 samples".into(),
            );
        }
        if c.times.len() < 2 || c.times[0] <= 0.0 {
            return wrong("times".into(), "two times or more are needed, after programming".into());
        }
        if !(c.loss > 0.0 && c.loss <= 100.0) {
            return wrong("loss".into(), "a loss above 0 and up to 100 points is needed".into());
        }
        for (i, stage) in c.temperature.iter().enumerate() {
            if !(1.0..=2000.0).contains(&stage.t_k) {
                return wrong(
                    format!("temperature[{i}].at"),
                    "a temperature from 1 K to 2000 K is needed".into(),
                );
            }
            if stage.from_s < 0.0 || (i > 0 && stage.from_s <= c.temperature[i - 1].from_s) {
                return wrong(
                    format!("temperature[{i}].from"),
                    "stages begin one after the other, from 0 on".into(),
                );
            }
        }
        crate::check_times(c.service, &c.times)
    }
    fn horizon_s(&self, c: &UpkeepConfig) -> Option<f64> {
        c.times.last().copied()
    }
    fn work(&self, c: &UpkeepConfig, shared: &Material, _chip: &ChipSpec, merit_only: bool) -> u64 {
        let mitigations = mitigations(c, shared).len();
        let schedules = if merit_only { 0 } else { mitigations };
        ((mitigations * c.times.len() + schedules) * shared.samples()) as u64
    }

    fn prepare(&self, c: &UpkeepConfig, inputs: &dyn Inputs, run: &Run<'_>) -> Result<Material, StudyError> {
        let asked = Asked {
            normalise: c.normalise.as_ref(),
            batch_norm: BatchNorm::Digital,
            ..Asked::new(&c.model, &c.data, c.images, c.calibration)
        };
        let material = material::prepare(asked, inputs, run)?;
        if mitigations(c, &material).is_empty() {
            return Err(material::no_batch_norms(&c.model));
        }
        Ok(material)
    }

    fn trial(
        &self,
        c: &UpkeepConfig,
        shared: &Material,
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError> {
        follows_temperature(c, chip)?;
        let digital = Judged::of(shared, shared.digital(), 0.0)?;
        let mut kept = Vec::new();
        for mitigation in mitigations(c, shared) {
            let chip = mitigation.chip(chip);
            let mut network = shared.program(&chip, run.key.child("network", 0), run)?;
            let mut row = vec![digital.clone()];
            let mut clock = 0.0;
            for &t in &c.times {
                age(&mut network, &c.temperature, clock, t)?;
                clock = t;
                row.push(judge(shared, &network, mitigation, t, run)?);
            }
            let found = tolerated(&c.times, &row, c.loss);
            let schedule = match run.merit_only {
                true => None,
                false => Some(schedule(c, shared, &chip, mitigation, &row, run)?),
            };
            kept.push(Kept { mitigation, row, found, schedule });
        }
        let mut out = Outcome::default();
        report(c, shared, &kept, run.merit_only, &mut out);
        if !run.merit_only && chip.device.statistics().is_ok_and(|cell| cell.endurance.is_none()) {
            out.info(format!(
                "The endurance of {} is not known: writings are counted, and wear nothing.",
                chip.device.name
            ));
        }
        Ok(out)
    }
}

/// The chip's sections but for the compensation, which is what is varied.
const COMPENSATED: &[&str] =
    &["device", "tile", "mapping", "wires", "cells", "dac", "adc", "output_noise", "input_noise", "read"];

/// What one mitigation keeps.
struct Kept {
    mitigation: Mitigation,
    /// The digital run, then each time.
    row: Vec<Judged>,
    found: Tolerated,
    schedule: Option<Schedule>,
}

/// Writing the chip again and again.
struct Schedule {
    /// Longest time that was looked at and still holds, or the first.
    period_s: f64,
    /// Writings in the service life, the first among them.
    writings: f64,
    /// Energy of one, J, and its time, s.
    writing: [f64; 2],
    /// Accuracy at the end of the last period, %.
    last: f64,
    /// Devices that work then, %.
    working: f64,
}

/// Those that can be applied to the network.
fn mitigations(c: &UpkeepConfig, material: &Material) -> Vec<Mitigation> {
    let norms = material.has_batch_norms();
    c.mitigations.iter().copied().filter(|m| norms || !m.recalibrates()).collect()
}

fn follows_temperature(c: &UpkeepConfig, chip: &ChipSpec) -> Result<(), StudyError> {
    let retention = chip.device.statistics().map_err(StudyError::study)?;
    // Devices that keep for ever, as the ideal one beside the user's, keep at any temperature.
    let follows = |law: &Retention| law.follows_temperature() || matches!(law, Retention::Ideal {});
    if c.temperature.is_empty() || retention.retention.as_ref().is_none_or(follows) {
        return Ok(());
    }
    Err(StudyError::Invalid(format!(
        "config.temperature has no effect: the retention of the device {} has no activation energy, so nothing in it follows the \
         temperature; `neurohm device fit --kind retention` finds one from bakes, or leave the stages out",
        chip.device.name
    )))
}

/// Lets time pass from `from` to `to` through the stages of temperature.
fn age(network: &mut AnalogNetwork, stages: &[Stage], from: f64, to: f64) -> Result<(), StudyError> {
    let mut clock = from;
    for stage in stages {
        if stage.from_s >= to {
            break;
        }
        if stage.from_s > clock {
            network.advance(stage.from_s - clock).map_err(nn)?;
            clock = stage.from_s;
        }
        network.set_temperature(stage.t_k).map_err(nn)?;
    }
    network.advance(to - clock).map_err(nn)?;
    network.read().map_err(nn)
}

fn judge(
    material: &Material,
    network: &AnalogNetwork,
    mitigation: Mitigation,
    at: f64,
    run: &Run<'_>,
) -> Result<Judged, StudyError> {
    let outputs = match mitigation.recalibrates() {
        true => material.recalibrated(network, run)?,
        false => material.outputs(network, run)?,
    };
    Judged::of(material, &outputs, at)
}

/// Writes the chip again whenever the longest time that still holds has passed, and looks at the end of the last period.
/// Writings between the first and the last wear the devices all at once.
fn schedule(
    c: &UpkeepConfig,
    material: &Material,
    chip: &ChipSpec,
    mitigation: Mitigation,
    row: &[Judged],
    run: &Run<'_>,
) -> Result<Schedule, StudyError> {
    let lost = |j: &Judged| row[0].accuracy - j.accuracy;
    let held = row[1..].iter().take_while(|j| lost(j) <= c.loss).count();
    let period_s = c.times[held.saturating_sub(1)].min(c.service);
    let writings = (c.service / period_s).ceil().max(1.0);
    let mut network = material.program(chip, run.key.child("network", 1), run)?;
    if writings > 1.0 {
        network.wear((writings - 2.0).max(0.0)).map_err(nn)?;
        network.reprogram(material.graph()).map_err(nn)?;
    }
    age(&mut network, &c.temperature, 0.0, period_s)?;
    let last = judge(material, &network, mitigation, period_s, run)?.accuracy;
    let technology = technology(TECHNOLOGY).map_err(StudyError::study)?;
    let fabric = Fabric::new(chip, &technology, Activity::default()).map_err(StudyError::study)?;
    let writing = program(network.devices() as f64, network.tiles() as u64, &fabric, &technology);
    let (writing, working) = ([writing.energy_j, writing.time_s], 100.0 * network.working());
    Ok(Schedule { period_s, writings, writing, last, working })
}

fn report(c: &UpkeepConfig, material: &Material, kept: &[Kept], merit_only: bool, out: &mut Outcome) {
    let time = |t: f64| quantity::format(t, Dimension::Second);
    let (first, last) = (c.times[0], c.times[c.times.len() - 1]);
    // The earliest in the list among equals: it takes least.
    let best = kept.iter().reduce(|a, b| if b.found.strength > a.found.strength { b } else { a });
    let of = |name: &str, k: &Kept, about: String, out: &mut Outcome| {
        out.measure(name, k.found.strength, "s", Some(Better::Higher), about);
        out.resolution.insert(name.into(), k.found.ends);
        out.bounds.extend(k.found.bound().map(|bound| (name.to_string(), bound)));
        out.limits.insert(name.into(), [first, last]);
    };
    if let Some(best) = best {
        let about = format!(
            "time after programming at which the network has lost {} of accuracy against the digital run, with the best of \
             the mitigations",
            points(c.loss)
        );
        of(KEPT, best, about, out);
    }
    if merit_only {
        return;
    }
    for k in kept {
        let words = k.mitigation.words();
        let about = format!("the same, with {words}");
        of(&format!("{KEPT}_{}", k.mitigation.key()), k, about, out);
        for (t, judged) in c.times.iter().zip(&k.row[1..]) {
            let at = time(*t);
            let name = format!("accuracy_{}_{}", at.replace(' ', "_"), k.mitigation.key());
            let about = format!("decisions that are right, {at} after programming, {words}");
            out.measure(&name, judged.accuracy, "%", Some(Better::Higher), about);
            out.limits.insert(name, [0.0, 100.0]);
        }
    }
    let Some(digital) = kept.first().map(|k| k.row[0].accuracy) else { return };
    out.exact("digital_accuracy", digital, "%", "decisions of the digital run that are right");
    out.info(material.about());
    material.notes().iter().for_each(|note| out.info(note.clone()));
    let left_out: Vec<&str> = c
        .mitigations
        .iter()
        .filter(|m| kept.iter().all(|k| k.mitigation != **m))
        .map(|m| m.words())
        .collect();
    if !left_out.is_empty() {
        out.info(format!("The network has no batch norms, so left out: {}.", left_out.join("; ")));
    }
    if kept.iter().any(|k| k.found.bound() == Some(Bound::More)) {
        out.info(format!(
            "Nothing later than {} was looked at: what holds until then may hold longer.",
            time(last)
        ));
    }
    for stage in &c.temperature {
        let kelvin = quantity::format(stage.t_k, Dimension::Kelvin);
        out.info(format!("The chip is at {kelvin} from {} after programming on.", time(stage.from_s)));
    }
    figures(c, kept, digital, out);
    schedules(c, kept, out);
}

fn figures(c: &UpkeepConfig, kept: &[Kept], digital: f64, out: &mut Outcome) {
    let lines = |of: fn(&Judged) -> f64| -> Vec<Line> {
        let line =
            |k: &Kept| Line::new(k.mitigation.words(), c.times.clone(), k.row[1..].iter().map(of).collect());
        kept.iter().map(line).collect()
    };
    let mut accuracy = lines(|j| j.accuracy);
    accuracy.push(Line::new("digital", c.times.clone(), vec![digital; c.times.len()]).dashed());
    let age = || Axis::logarithmic("time since programming", "s");
    out.series.push(Series {
        name: "accuracy_over_time".into(),
        caption: "Decisions of the same devices that are right over time, by what is done against drift."
            .into(),
        x: age(),
        y: Axis::linear("accuracy", "%"),
        lines: accuracy,
    });
    out.limits.insert("accuracy_over_time".into(), [0.0, 100.0]);
    out.series.push(Series {
        name: "output_error_over_time".into(),
        caption: "Distance of the outputs from the digital run, ||y - y0|| / ||y0||.".into(),
        x: age(),
        y: Axis::logarithmic("output error", "1"),
        lines: lines(|j| j.error),
    });
}

fn schedules(c: &UpkeepConfig, kept: &[Kept], out: &mut Outcome) {
    let service = quantity::format(c.service, Dimension::Second);
    let column = |name: &str, unit: &str| Column { name: name.into(), unit: unit.into() };
    let rows = kept.iter().filter_map(|k| k.schedule.as_ref().map(|s| (k, s))).map(|(k, s)| {
        vec![
            Cell::Text(k.mitigation.words().into()),
            Cell::Uncertain { value: k.found.strength, ci95: k.found.ends },
            Cell::Number(s.period_s),
            Cell::Number(s.writings),
            Cell::Number(s.writings * s.writing[0]),
            Cell::Number(s.writings * s.writing[1] / c.service * 100.0),
            Cell::Number(s.last),
            Cell::Number(s.working),
        ]
    });
    out.tables.push(Table {
        name: "schedules".into(),
        caption: format!(
            "Writing the chip again before more than {} are lost, for {service}. The period is the longest of the times looked at \
             that still holds; where not even the first of them does, it is that one, and the accuracy says what is left. Wear is \
             one cycle of each device a writing.",
            points(c.loss)
        ),
        columns: vec![
            column("against drift", ""),
            column("kept for", "s"),
            column("period", "s"),
            column("writings", "1"),
            column("energy of all writings", "J"),
            column("share of time spent writing", "%"),
            column("accuracy at the end of the last period", "%"),
            column("devices that work then", "%"),
        ],
        rows: rows.collect(),
    });
    for s in kept.iter().filter_map(|k| k.schedule.as_ref()).take(1) {
        out.info(format!(
            "Writing the network once takes {} and {} in the technology {TECHNOLOGY}.",
            quantity::format(s.writing[0], Dimension::Joule),
            quantity::format(s.writing[1], Dimension::Second)
        ));
    }
}
