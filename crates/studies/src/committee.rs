//! `committee`: several small networks that are averaged, beside one network on as many devices.
//!
//! After D. Joksas et al., "Committee machines - a universal method to deal with non-idealities in memristor-based neural
//! networks", Nature Communications 11, 4273 (2020): perceptrons with one hidden layer are trained from different initial
//! weights, programmed onto different devices, and their class probabilities averaged. A perceptron with `n` times the hidden
//! neurons has exactly as many weights as `n` small ones, so nothing is gained by more devices.

use std::ops::ControlFlow;

use neurohm_array::{ChipSpec, Lines, ResistiveLines, SettingError, Tally};
use neurohm_data::{Limits, Samples};
use neurohm_device::{Curve, Deviation, Faults, Noise, Nonidealities, Write};
use neurohm_nn::exec::{Digital, Executor, Products};
use neurohm_nn::{AnalogNetwork, Graph, Labelled, Tensor, TrainConfig, models, train};
use neurohm_num::quantity;
use neurohm_study::record::{Axis, Better, Cell, Column, Line, Series, Table};
use neurohm_study::{Inputs, Outcome, Run, Study, StudyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::material::nn;

/// The study.
pub struct Committee;

/// What `committee` can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitteeConfig {
    /// The samples, with labels: `strokes`, `mnist:PATH`, `npz:FILE` with training samples.
    pub data: String,
    /// At most so many samples are learnt from.
    pub train: usize,
    /// Times that each is seen.
    pub epochs: usize,
    /// At most so many test samples are run.
    pub images: usize,
    /// At most so many training samples are shown to converters that take their range from data.
    pub calibration: usize,
    /// Networks of the committee.
    pub members: usize,
    /// Hidden neurons of each.
    pub hidden: usize,
    /// When devices are read, after programming.
    #[serde(with = "quantity::second")]
    #[schemars(with = "String")]
    pub at: f64,
    /// Parts of devices that are stuck, half of them at either end of the range.
    pub faults: Vec<f64>,
    /// Spreads of the conductances that are reached, from device to device: standard deviations of ln G.
    pub spread: Vec<f64>,
    /// Telegraph noise: median steps of a device's conductance, over it.
    pub telegraph: Vec<f64>,
    /// Resistances of the segments of word and bit lines.
    #[serde(with = "quantity::vec_ohm")]
    #[schemars(with = "Vec<String>")]
    pub wires: Vec<f64>,
}

impl Default for CommitteeConfig {
    fn default() -> Self {
        Self {
            data: "strokes".into(),
            train: 10_000,
            epochs: 10,
            images: 1000,
            calibration: 128,
            members: 5,
            hidden: 25,
            at: 20.0,
            faults: vec![0.01, 0.05, 0.1, 0.2],
            spread: vec![0.1, 0.3, 0.6, 1.0],
            telegraph: vec![0.1, 0.3, 0.6, 1.0],
            wires: vec![1.0, 3.0, 10.0],
        }
    }
}

/// Trained networks and the samples they are judged on.
pub struct Trained {
    members: Vec<Graph>,
    /// One with as many weights as all of them.
    large: Graph,
    /// `[samples, values]`.
    x: Tensor,
    labels: Vec<u32>,
    calibration: Tensor,
    about: String,
}

/// What is made worse.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cause {
    /// Nothing: the chip as it is.
    Own,
    Faults(f64),
    Spread(f64),
    Telegraph(f64),
    Wires(f64),
}

/// A figure: its name, what is along its axis, and of what unit.
const FIGURES: [(&str, &str, &str); 4] = [
    ("faults", "devices that are stuck", "%"),
    ("spread", "spread from device to device, sd of ln G", "1"),
    ("telegraph", "telegraph noise, step over conductance", "1"),
    ("wires", "resistance of a segment", "ohm"),
];

impl Cause {
    /// All that a configuration asks for, the chip as it is first.
    fn all(c: &CommitteeConfig) -> Vec<Cause> {
        let of =
            |values: &[f64], cause: fn(f64) -> Cause| values.iter().map(|v| cause(*v)).collect::<Vec<_>>();
        let parts = [
            of(&c.faults, Cause::Faults),
            of(&c.spread, Cause::Spread),
            of(&c.telegraph, Cause::Telegraph),
            of(&c.wires, Cause::Wires),
        ];
        std::iter::once(Cause::Own).chain(parts.into_iter().flatten()).collect()
    }

    /// Which figure it belongs to, and where in it.
    fn place(self) -> Option<(usize, f64)> {
        match self {
            Cause::Own => None,
            Cause::Faults(part) => Some((0, 100.0 * part)),
            Cause::Spread(sigma) => Some((1, sigma)),
            Cause::Telegraph(step) => Some((2, step)),
            Cause::Wires(ohm) => Some((3, ohm)),
        }
    }

    /// The chip with it in the place of its own law.
    fn on(self, chip: &ChipSpec) -> ChipSpec {
        let mut chip = chip.clone();
        let cell = chip.device.cell.as_mut();
        match (self, cell) {
            (Cause::Faults(part), Some(cell)) => {
                let (stuck_low, stuck_high) = (0.5 * part, 0.5 * part);
                cell.faults = Some(Faults { stuck_low, stuck_high, stuck_at: Vec::new() });
            }
            (Cause::Spread(sigma), Some(cell)) => {
                let d2d = Some(Deviation::Lognormal { sigma });
                cell.write = Some(Write::Programmed { c2c: None, d2d });
            }
            (Cause::Telegraph(step), Some(cell)) => {
                cell.noise = Some(Noise::Telegraph {
                    amplitude: Curve::Constant(step),
                    sigma: 0.5,
                    tau_low_s: 1e-4,
                    tau_high_s: 1.0,
                    occupancy_low: 0.1,
                    occupancy_high: 0.9,
                });
            }
            (Cause::Wires(ohm), _) => {
                chip.wires = Lines::Resistive(ResistiveLines {
                    word_segment_ohm: ohm,
                    bit_segment_ohm: ohm,
                    ..ResistiveLines::default()
                });
            }
            (_, _) => {}
        }
        chip
    }
}

/// How the networks do under one cause.
#[derive(Clone, Copy, Debug)]
struct Scores {
    /// The committee of different networks, %.
    committee: f64,
    /// A committee of one network, programmed as often, %.
    copies: f64,
    /// One network on as many devices, %.
    large: f64,
    /// A member alone, their mean, %.
    alone: f64,
    /// Mean squared error of the committee's probabilities, and the mean of its members'.
    squares: [f64; 2],
}

/// Averages class probabilities, each `[samples x classes]`: the mean of the members' outputs (Joksas et al. 2020,
/// equation 1). By Jensen's inequality no convex loss of it exceeds the mean of theirs.
pub fn average(members: &[Vec<f32>]) -> Vec<f32> {
    let part = 1.0 / members.len().max(1) as f64;
    let mut sums = vec![0.0f64; members.first().map_or(0, Vec::len)];
    for member in members {
        sums.iter_mut().zip(member).for_each(|(sum, p)| *sum += f64::from(*p));
    }
    sums.into_iter().map(|sum| (sum * part) as f32).collect()
}

/// `sum_c (p_c - [c is the label])^2`, averaged over samples (Brier 1950).
pub fn squared_error(probabilities: &[f32], labels: &[u32]) -> f64 {
    let classes = probabilities.len() / labels.len().max(1);
    let of = |(p, label): (&[f32], &u32)| -> f64 {
        let wanted = |c: usize| f64::from(u8::from(c == *label as usize));
        p.iter().enumerate().map(|(c, p)| (f64::from(*p) - wanted(c)).powi(2)).sum()
    };
    let sum: f64 = probabilities.chunks_exact(classes.max(1)).zip(labels).map(of).sum();
    sum / labels.len().max(1) as f64
}

fn softmax(logits: &[f32], classes: usize) -> Vec<f32> {
    let row = |row: &[f32]| -> Vec<f32> {
        let top = row.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
        let e: Vec<f64> = row.iter().map(|v| libm::exp(f64::from(v - top))).collect();
        let sum: f64 = e.iter().sum();
        e.into_iter().map(|e| (e / sum) as f32).collect()
    };
    logits.chunks_exact(classes.max(1)).flat_map(row).collect()
}

fn accuracy(probabilities: &[f32], labels: &[u32]) -> f64 {
    let classes = probabilities.len() / labels.len().max(1);
    100.0 * neurohm_nn::metrics::correct(probabilities, classes, labels) as f64 / labels.len().max(1) as f64
}

impl Trained {
    fn probabilities(
        &self,
        graph: &Graph,
        products: &dyn Products,
        run: &Run<'_>,
    ) -> Result<Vec<f32>, StudyError> {
        let executor = Executor::new(graph).map_err(nn)?;
        let outputs = executor.run(std::slice::from_ref(&self.x), products, 0, run.watch()).map_err(nn)?;
        let logits = &outputs[0].data;
        Ok(softmax(logits, logits.len() / self.labels.len().max(1)))
    }

    /// One network on devices of its own.
    fn on_chip(
        &self,
        graph: &Graph,
        chip: &ChipSpec,
        (role, number): (&str, u64),
        c: &CommitteeConfig,
        run: &Run<'_>,
    ) -> Result<(Vec<f32>, Tally), StudyError> {
        let key = run.key.child(role, number);
        let mut network = AnalogNetwork::program(graph, chip, key, &run.silent()).map_err(nn)?;
        if chip.needs_calibration() {
            network.calibrate(graph, std::slice::from_ref(&self.calibration)).map_err(nn)?;
        }
        network.advance(c.at).map_err(nn)?;
        network.read().map_err(nn)?;
        Ok((self.probabilities(graph, &network, run)?, network.tally()))
    }

    fn scores(
        &self,
        chip: &ChipSpec,
        c: &CommitteeConfig,
        run: &Run<'_>,
    ) -> Result<(Scores, Tally), StudyError> {
        let mut tally = Tally::default();
        let mut each = |graph: &Graph, role: &'static str, number: usize| {
            let (p, events) = self.on_chip(graph, chip, (role, number as u64), c, run)?;
            tally += events;
            Ok::<_, StudyError>(p)
        };
        let members = self.members.iter().enumerate().map(|(k, graph)| each(graph, "member", k));
        let members = members.collect::<Result<Vec<_>, _>>()?;
        // Copies of the first: its own devices, and others for the rest.
        let mut copies = vec![members[0].clone()];
        for k in 1..self.members.len() {
            copies.push(each(&self.members[0], "copy", k)?);
        }
        let large = each(&self.large, "large", 0)?;
        Ok((self.judge(&members, &copies, &large), tally))
    }

    fn judge(&self, members: &[Vec<f32>], copies: &[Vec<f32>], large: &[f32]) -> Scores {
        let labels = &self.labels;
        let mean =
            |of: &dyn Fn(&[f32]) -> f64| members.iter().map(|p| of(p)).sum::<f64>() / members.len() as f64;
        let together = average(members);
        Scores {
            committee: accuracy(&together, labels),
            copies: accuracy(&average(copies), labels),
            large: accuracy(large, labels),
            alone: mean(&|p| accuracy(p, labels)),
            squares: [squared_error(&together, labels), mean(&|p| squared_error(p, labels))],
        }
    }
}

const ACCURACY: &str = "accuracy";

impl Study for Committee {
    const NAME: &'static str = "committee";
    const REVISION: u32 = 1;
    type Config = CommitteeConfig;
    type Shared = Trained;

    fn title(&self) -> &'static str {
        "Committee machines"
    }
    fn about(&self) -> &'static str {
        "Do several small networks that are averaged bear imperfect devices better than one network on as many of them? \
         Perceptrons with one hidden layer are trained from different initial weights and programmed onto different devices; \
         their class probabilities are averaged. Beside them stand one network whose hidden layer is as many times wider, so \
         that it has exactly as many weights, and copies of a single small network, averaged alike. On the chip as it is, and \
         with stuck devices, spread, telegraph noise or resistive lines in the place of its own."
    }
    fn merit(&self) -> &'static str {
        ACCURACY
    }
    fn target(&self, _merit: &str, ideal: f64) -> f64 {
        ideal - 1.0
    }
    fn uses(&self, _config: &CommitteeConfig) -> &'static [&'static str] {
        crate::ALL_SECTIONS
    }
    fn full(&self) -> CommitteeConfig {
        CommitteeConfig { train: 20_000, epochs: 20, images: 5000, ..CommitteeConfig::default() }
    }
    fn smoke(&self) -> CommitteeConfig {
        CommitteeConfig {
            train: 200,
            epochs: 1,
            images: 12,
            calibration: 8,
            members: 2,
            hidden: 5,
            faults: vec![0.1],
            spread: vec![0.5],
            telegraph: vec![0.5],
            wires: Vec::new(),
            ..CommitteeConfig::default()
        }
    }
    /// The chip as it is, on a few samples.
    fn of_a_card(&self) -> CommitteeConfig {
        let none = Vec::new;
        let (faults, spread, telegraph, wires) = (none(), none(), none(), none());
        CommitteeConfig {
            train: 3000,
            images: 500,
            faults,
            spread,
            telegraph,
            wires,
            ..CommitteeConfig::default()
        }
    }
    fn chips(&self, effort: neurohm_study::Effort) -> usize {
        match effort {
            neurohm_study::Effort::Smoke => 2,
            neurohm_study::Effort::Quick => 3,
            neurohm_study::Effort::Full => 10,
        }
    }
    fn check(&self, c: &CommitteeConfig) -> Result<(), SettingError> {
        let wrong = |path: String, problem: &str| Err(SettingError::value(path, problem));
        for (path, count) in
            [("train", c.train), ("epochs", c.epochs), ("images", c.images), ("calibration", c.calibration)]
        {
            if count == 0 {
                return wrong(path.into(), "one is the least");
            }
        }
        if !(2..=64).contains(&c.members) {
            return wrong("members".into(), "a committee has from 2 to 64 members");
        }
        if !(1..=4096).contains(&c.hidden) {
            return wrong("hidden".into(), "from 1 to 4096 hidden neurons are needed");
        }
        let lists: [(&str, &[f64], [f64; 2], &str); 4] = [
            ("faults", &c.faults, [0.0, 1.0], "a part of all devices lies between 0 and 1"),
            ("spread", &c.spread, [0.0, 5.0], "a standard deviation of ln G lies between 0 and 5"),
            ("telegraph", &c.telegraph, [0.0, 2.0], "a step lies between 0 and 2 times the conductance"),
            ("wires", &c.wires, [1e-6, 1e6], "a resistance from 1 uohm to 1 Mohm is needed"),
        ];
        for (path, values, [low, high], problem) in lists {
            if let Some(i) = values.iter().position(|v| !(low..=high).contains(v)) {
                return wrong(format!("{path}[{i}]"), problem);
            }
            if values.windows(2).any(|w| w[0] >= w[1]) {
                return wrong(path.into(), "values must increase");
            }
        }
        crate::check_times(c.at, &[])
    }
    fn horizon_s(&self, c: &CommitteeConfig) -> Option<f64> {
        Some(c.at)
    }
    fn deterministic(&self, c: &CommitteeConfig, chip: &ChipSpec) -> bool {
        Cause::all(c).len() == 1 && chip.nonidealities().is_empty()
    }
    fn work(&self, c: &CommitteeConfig, shared: &Trained, _chip: &ChipSpec, merit_only: bool) -> u64 {
        let causes = if merit_only { 1 } else { Cause::all(c).len() };
        // Members, copies but for the first, the large one.
        (causes * 2 * c.members * shared.labels.len()) as u64
    }

    fn prepare(
        &self,
        c: &CommitteeConfig,
        inputs: &dyn Inputs,
        run: &Run<'_>,
    ) -> Result<Trained, StudyError> {
        let limits = Limits { train: Some(c.train), test: Some(c.images) };
        let data = inputs.dataset(&c.data, limits, run.watch())?;
        let classes = data.class_count();
        let lacking = |what: &str| {
            StudyError::Invalid(format!("{} has no {what}, and networks are trained here", c.data))
        };
        let (learn, mut test) = (data.train.ok_or_else(|| lacking("training samples"))?, data.test);
        test.truncate(c.images);
        let classes = classes.ok_or_else(|| lacking("labels"))?.max(2);
        let learnt = learn.y.clone().ok_or_else(|| lacking("labels of its training samples"))?;
        let labels = test.y.clone().ok_or_else(|| lacking("labels"))?;
        let features = learn.features();
        let flat = |samples: &Samples, at_most: usize| {
            let count = samples.len().min(at_most);
            Tensor { shape: vec![count, features], data: samples.x[..count * features].to_vec() }
        };
        let config = TrainConfig { epochs: c.epochs, batch: 64, ..TrainConfig::default() };
        let learn_from = Labelled { x: learn.rows(), labels: &learnt };
        let trained = |hidden: usize, role: &str, number: usize| -> Result<Graph, StudyError> {
            let key = run.key.child(role, number as u64);
            let mut graph = models::mlp(&[features], &[hidden], classes, key);
            graph.infer_shapes().map_err(nn)?;
            let onwards = |_: &_, _: &Graph| ControlFlow::Continue(());
            train(&mut graph, learn_from, &config, key, &run.silent(), onwards).map_err(nn)?;
            Ok(graph)
        };
        run.begin("training the committee", None);
        let members =
            (0..c.members).map(|k| trained(c.hidden, "member", k)).collect::<Result<Vec<_>, _>>()?;
        let large = trained(c.hidden * c.members, "large", 0)?;
        let about = format!(
            "{} perceptrons {features}-{}-{classes} beside one {features}-{}-{classes}: {} weights either way. Trained on {} \
             samples of {}, judged on {}.",
            c.members,
            c.hidden,
            c.hidden * c.members,
            (features + classes) * c.hidden * c.members,
            learnt.len(),
            data.name,
            labels.len()
        );
        let (x, calibration) = (flat(&test, usize::MAX), flat(&learn, c.calibration));
        Ok(Trained { members, large, x, labels, calibration, about })
    }

    fn trial(
        &self,
        c: &CommitteeConfig,
        shared: &Trained,
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError> {
        let causes = if run.merit_only { vec![Cause::Own] } else { Cause::all(c) };
        let mut found = Vec::new();
        let mut out = Outcome::default();
        for cause in causes {
            let chip = cause.on(chip);
            chip.check().map_err(StudyError::from)?;
            let (scores, tally) = shared.scores(&chip, c, run)?;
            if cause == Cause::Own {
                out.tally = tally.named().into_iter().map(|(k, v)| (k.to_string(), v)).collect();
            }
            found.push((cause, scores));
        }
        report(shared, &found, run, &mut out)?;
        Ok(out)
    }
}

/// Names of the lines, and what they show.
const LINES: [(&str, fn(&Scores) -> f64); 4] = [
    ("committee", |s| s.committee),
    ("one network, as many devices", |s| s.large),
    ("copies of one network", |s| s.copies),
    ("a member alone", |s| s.alone),
];

fn report(
    shared: &Trained,
    found: &[(Cause, Scores)],
    run: &Run<'_>,
    out: &mut Outcome,
) -> Result<(), StudyError> {
    let Some((_, own)) = found.first() else { return Ok(()) };
    let percent = |out: &mut Outcome, name: &str, value: f64, about: &str| {
        out.measure(name, value, "%", Some(Better::Higher), about);
        out.limits.insert(name.into(), [0.0, 100.0]);
    };
    percent(out, ACCURACY, own.committee, "test samples that the committee classifies rightly");
    percent(out, "large_accuracy", own.large, "the same of one network on as many devices");
    percent(out, "copies_accuracy", own.copies, "the same of copies of one small network, averaged");
    percent(out, "alone_accuracy", own.alone, "the same of a member alone, their mean");
    let about = "points that the committee is ahead of one network on as many devices";
    out.measure("gain", own.committee - own.large, "%", Some(Better::Higher), about);
    let about = "mean squared error of the committee's probabilities";
    out.measure("squared_error", own.squares[0], "1", Some(Better::Lower), about);
    let about = "mean over members of theirs: never less (Jensen's inequality)";
    out.measure("squared_error_alone", own.squares[1], "1", Some(Better::Lower), about);
    if run.merit_only {
        return Ok(());
    }
    let silent = run.silent();
    let still = Run::new(run.key, run.chip, &silent);
    let digital = |graph: &Graph| shared.probabilities(graph, &Digital, &still);
    let members = shared.members.iter().map(digital).collect::<Result<Vec<_>, _>>()?;
    let exact = shared.judge(&members, &members[..1], &digital(&shared.large)?);
    for (name, value, about) in [
        (
            "digital_accuracy",
            exact.committee,
            "test samples that the committee classifies rightly, digitally",
        ),
        ("digital_large_accuracy", exact.large, "the same of one network with as many weights"),
        ("digital_alone_accuracy", exact.alone, "the same of a member alone, their mean"),
    ] {
        out.exact(name, value, "%", about);
    }
    out.info(shared.about.clone());
    out.info("Biases are digital. The copies are committees of the first member.");
    let mut rows = Vec::new();
    for (k, (name, label, unit)) in FIGURES.into_iter().enumerate() {
        let points: Vec<(f64, Scores)> = found
            .iter()
            .filter_map(|(cause, scores)| cause.place().filter(|p| p.0 == k).map(|p| (p.1, *scores)))
            .collect();
        if points.is_empty() {
            continue;
        }
        let x: Vec<f64> = points.iter().map(|p| p.0).collect();
        let line = |(name, of): &(&str, fn(&Scores) -> f64)| {
            Line::new(*name, x.clone(), points.iter().map(|p| of(&p.1)).collect())
        };
        let name = format!("accuracy_over_{name}");
        out.limits.insert(name.clone(), [0.0, 100.0]);
        out.series.push(Series {
            name,
            caption: format!("Test samples classified rightly against: {label}."),
            x: Axis::linear(label, unit),
            y: Axis::linear("accuracy", "%"),
            lines: LINES.iter().map(line).collect(),
        });
        for (strength, scores) in points {
            let with = format!("{label}: {strength} {}", if unit == "1" { "" } else { unit });
            rows.push((with.trim_end().to_string(), scores));
        }
    }
    let own = std::iter::once(("the chip as it is".to_string(), *own));
    let row = |(with, s): (String, Scores)| {
        let numbers = LINES.iter().map(|(_, of)| of(&s)).chain([s.committee - s.large]);
        std::iter::once(Cell::Text(with)).chain(numbers.map(Cell::Number)).collect()
    };
    out.tables.push(Table {
        name: "gains".into(),
        caption: "Accuracy by what is made worse, and the points that the committee is ahead of one network on as many devices."
            .into(),
        columns: std::iter::once(("with", ""))
            .chain(LINES.iter().map(|(name, _)| (*name, "%")))
            .chain([("ahead", "%")])
            .map(|(name, unit)| Column { name: name.into(), unit: unit.into() })
            .collect(),
        rows: own.chain(rows).map(row).collect(),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cross_entropy(p: &[f32], labels: &[u32]) -> f64 {
        let classes = p.len() / labels.len();
        let of = |(p, l): (&[f32], &u32)| -libm::log(f64::from(p[*l as usize]).max(1e-30));
        p.chunks_exact(classes).zip(labels).map(of).sum::<f64>() / labels.len() as f64
    }

    proptest! {
        /// Jensen's inequality, of two convex losses, for any members whatsoever.
        #[test]
        fn an_average_loses_no_more_than_its_members_do(
            logits in prop::collection::vec(prop::collection::vec(-20.0f32..20.0, 7 * 4), 1..9),
            labels in prop::collection::vec(0u32..4, 7),
        ) {
            let members: Vec<Vec<f32>> = logits.iter().map(|l| softmax(l, 4)).collect();
            let together = average(&members);
            for loss in [squared_error as fn(&[f32], &[u32]) -> f64, cross_entropy] {
                let mean = members.iter().map(|p| loss(p, &labels)).sum::<f64>() / members.len() as f64;
                prop_assert!(loss(&together, &labels) <= mean + 1e-5 * (1.0 + mean));
            }
            // And exactly the spread of the members less: the ambiguity decomposition of squared errors (Krogh and Vedelsby 1995).
            let spread: f64 = members
                .iter()
                .flat_map(|p| p.iter().zip(&together).map(|(a, b)| f64::from(a - b).powi(2)))
                .sum::<f64>() / (members.len() * labels.len()) as f64;
            let mean = members.iter().map(|p| squared_error(p, &labels)).sum::<f64>() / members.len() as f64;
            prop_assert!((squared_error(&together, &labels) - (mean - spread)).abs() < 1e-5);
        }

        #[test]
        fn probabilities_sum_to_one(logits in prop::collection::vec(-80.0f32..80.0, 12)) {
            for p in softmax(&logits, 4).chunks(4) {
                prop_assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_wider_network_has_as_many_weights_as_the_committee() {
        let weights = |hidden| {
            let mut g = models::mlp(&[784], &[hidden], 10, neurohm_num::Key::root(1));
            g.infer_shapes().unwrap();
            g.weighted_layers().iter().map(|l| l.weights()).sum::<usize>()
        };
        assert_eq!(5 * weights(25), weights(125));
    }
}
