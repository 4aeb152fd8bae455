//! `inference`: a trained network on a chip, from 20 seconds to a year after programming.
//!
//! The network's weighted layers go onto crossbars once; the same devices are then read at each time, so
//! every curve is the life of one chip. Everything else (bias, activations, pooling) stays digital.

use neurohm_array::{ChipSpec, DriftCompensation, SettingError};
use neurohm_data::{Limits, Samples};
use neurohm_device::{Nonidealities, nearest};
use neurohm_nn::exec::{Digital, Executor};
use neurohm_nn::{AnalogNetwork, Graph, Tensor, onnx};
use neurohm_num::{quantity, stats};
use neurohm_study::record::Better;
use neurohm_study::{Inputs, Outcome, Run, Study, StudyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layout::{Adapt, adapt, apply};
use crate::mvm::TIMES;
use crate::networks::{NETWORKS, network};
use crate::views::{self, Point};

/// The study.
pub struct Inference;

/// What `inference` can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InferenceConfig {
    /// An embedded network (`strokes-mlp`, `strokes-cnn`) or the path of an ONNX file.
    pub model: String,
    /// The samples: `strokes`, `mnist:PATH`, `cifar10:PATH`, `npz:FILE`.
    pub data: String,
    /// At most so many test samples are run.
    pub images: usize,
    /// At most so many training samples (test samples where there are no others) are shown to converters that take
    /// their range from data.
    pub calibration: usize,
    /// When the figures of merit are measured, after programming.
    #[serde(with = "quantity::second")]
    #[schemars(with = "String")]
    pub at: f64,
    /// Times after programming in the figures over time.
    #[serde(with = "quantity::vec_second")]
    #[schemars(with = "Vec<String>")]
    pub times: Vec<f64>,
    /// Whether the chip is also run with drift compensation switched the other way, for comparison.
    pub compare_compensation: bool,
    /// How samples become what the network was trained on, where it wants other than values in [0, 1].
    #[serde(default)]
    pub normalise: Option<Normalise>,
}

/// `(x - mean) / sd`, channel by channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// Mean of each channel, or one for all.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, or one for all.
    pub sd: Vec<f32>,
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self {
            model: NETWORKS[0].name.to_string(),
            data: NETWORKS[0].data.to_string(),
            images: 2000,
            calibration: 128,
            at: 86_400.0,
            times: TIMES.to_vec(),
            compare_compensation: true,
            normalise: None,
        }
    }
}

/// What all chips share.
pub struct Shared {
    graph: Graph,
    /// `[samples, ...]` in the model's layout.
    x: Tensor,
    /// What converters are calibrated on, in the model's layout.
    calibration: Tensor,
    labels: Option<Vec<u32>>,
    /// The digital run's first output.
    digital: Tensor,
    /// Network and data, in words.
    about: String,
    notes: Vec<String>,
}

impl Shared {
    /// The network.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }
    /// The test samples.
    pub(crate) fn inputs(&self) -> &Tensor {
        &self.x
    }
    /// How many they are.
    pub(crate) fn samples(&self) -> usize {
        self.x.shape[0]
    }
    /// What converters are calibrated on.
    pub(crate) fn calibration(&self) -> &Tensor {
        &self.calibration
    }
    /// Network and data, in words.
    pub(crate) fn about(&self) -> &str {
        &self.about
    }
}

const ACCURACY: &str = "accuracy";
const OUTPUT_ERROR: &str = "output_error";

impl Study for Inference {
    const NAME: &'static str = "inference";
    const REVISION: u32 = 1;
    type Config = InferenceConfig;
    type Shared = Shared;

    fn title(&self) -> &'static str {
        "Inference"
    }
    fn about(&self) -> &'static str {
        "Does a trained network still work when its weights are devices? Each layer's weights are programmed onto \
         crossbars once; the same devices are read from seconds to a year later, with and without drift \
         compensation, and the network's decisions and outputs are compared with the digital run. Intervals are \
         over chips, on the same test samples."
    }
    fn merit(&self) -> &'static str {
        ACCURACY
    }
    fn merit_of(&self, _config: &InferenceConfig, shared: &Shared) -> &'static str {
        if shared.labels.is_some() { ACCURACY } else { OUTPUT_ERROR }
    }
    /// One point below what ideal devices reach; without labels, an output error of a twentieth.
    fn target(&self, merit: &str, ideal: f64) -> f64 {
        if merit == ACCURACY { ideal - 1.0 } else { (1.25 * ideal).max(0.05) }
    }
    fn uses(&self, _config: &InferenceConfig) -> &'static [&'static str] {
        crate::ALL_SECTIONS
    }
    fn full(&self) -> InferenceConfig {
        let more = [60.0, 600.0, 6.0 * 3_600.0, 7.0 * 86_400.0, 180.0 * 86_400.0];
        let mut times: Vec<f64> = TIMES.into_iter().chain(more).collect();
        times.sort_by(f64::total_cmp);
        InferenceConfig { images: 10_000, calibration: 512, times, ..InferenceConfig::default() }
    }
    fn smoke(&self) -> InferenceConfig {
        let times = vec![20.0, 3_600.0];
        InferenceConfig { images: 12, calibration: 8, at: 3_600.0, times, ..InferenceConfig::default() }
    }
    fn check(&self, c: &InferenceConfig) -> Result<(), SettingError> {
        let wrong = |path: &str, problem: &str| Err(SettingError::value(path, problem));
        if c.images == 0 {
            return wrong("images", "images = 0 leaves nothing to run");
        }
        if c.calibration == 0 {
            return wrong("calibration", "calibration = 0 leaves the converters without a range");
        }
        if let Some(n) = &c.normalise {
            if n.mean.is_empty() || n.mean.len() != n.sd.len() {
                return wrong("normalise", "mean and sd (standard deviation) need one number a channel each");
            }
            if n.sd.iter().any(|s| !(s.is_finite() && *s > 0.0)) || n.mean.iter().any(|m| !m.is_finite()) {
                return wrong("normalise", "means must be finite, and standard deviations positive");
            }
        }
        crate::check_times(c.at, &c.times)
    }
    fn horizon_s(&self, c: &InferenceConfig) -> Option<f64> {
        Some(c.times.iter().copied().fold(c.at, f64::max))
    }
    fn prepares_by_seed(&self) -> bool {
        false
    }
    fn deterministic(&self, _config: &InferenceConfig, chip: &ChipSpec) -> bool {
        chip.nonidealities().is_empty()
    }
    fn work(&self, c: &InferenceConfig, shared: &Shared, chip: &ChipSpec, merit_only: bool) -> u64 {
        let moments = if merit_only { 1 } else { moments(c, chip, false).len() };
        (moments * programs(c, chip, merit_only).len() * shared.x.shape[0]) as u64
    }

    fn prepare(&self, c: &InferenceConfig, inputs: &dyn Inputs, run: &Run<'_>) -> Result<Shared, StudyError> {
        prepare(c, inputs, run)
    }

    fn trial(
        &self,
        c: &InferenceConfig,
        shared: &Shared,
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError> {
        let executor = Executor::new(&shared.graph).map_err(nn)?;
        let mut out = Outcome::default();
        let moments = moments(c, chip, run.merit_only);
        let mut curves = Vec::new();
        for (name, chip, own) in programs(c, chip, run.merit_only) {
            let mut network =
                AnalogNetwork::program(&shared.graph, &chip, run.key.child("network", 0), &run.silent())
                    .map_err(nn)?;
            if chip.needs_calibration() {
                network.calibrate(&shared.graph, std::slice::from_ref(&shared.calibration)).map_err(nn)?;
            }
            let (mut elapsed, mut points) = (0.0, Vec::new());
            for &t in &moments {
                network.advance(t - elapsed).map_err(nn)?;
                elapsed = t;
                network.read().map_err(nn)?;
                if run.merit_only && t < c.at {
                    continue;
                }
                let inputs = std::slice::from_ref(&shared.x);
                let mut outputs = executor.run(inputs, &network, 0, run.watch()).map_err(nn)?;
                let outputs = outputs.swap_remove(0);
                points.push(judge(shared, &outputs, t));
                if own && t == c.at && !run.merit_only {
                    views::maps(&mut out, &shared.graph, &network, c.at).map_err(nn)?;
                    views::layers(&mut out, &network, &chip);
                    if run.chip == 0 {
                        out.files.push(("outputs.npy".to_string(), npy(&outputs)?));
                    }
                }
            }
            if own {
                out.tally = network.tally().named().into_iter().map(|(k, v)| (k.to_string(), v)).collect();
            }
            // Where nothing changes with time, one reading stands for all.
            if let ([_], [only]) = (&moments[..], &points[..]) {
                points = crate::instants(c.at, &c.times, run.merit_only)
                    .into_iter()
                    .map(|t| Point { t, ..*only })
                    .collect();
            }
            curves.push((name, own, points));
        }
        if moments.len() == 1 && c.times.len() > 1 {
            out.info("Nothing on this chip changes with time: it was read once.");
        }
        self.report(c, shared, &curves, run.merit_only, &mut out);
        Ok(out)
    }
}

impl Inference {
    fn report(
        &self,
        c: &InferenceConfig,
        shared: &Shared,
        curves: &[(&'static str, bool, Vec<Point>)],
        merit_only: bool,
        out: &mut Outcome,
    ) {
        let time = |t: f64| quantity::format(t, quantity::Dimension::Second);
        let labelled = shared.labels.is_some();
        let digital = judge(shared, &shared.digital, c.at);
        let limits = |out: &mut Outcome, name: &str, high: f64| {
            out.limits.insert(name.to_string(), [0.0, high]);
        };
        for (name, own, points) in curves {
            for p in points {
                let at = time(p.t);
                let suffix = at.replace(' ', "_");
                if !own {
                    let Some(accuracy) = p.accuracy.filter(|_| c.times.contains(&p.t)) else { continue };
                    let about = format!("test samples classified rightly, {at} after programming, {name}");
                    let name = format!("accuracy_{suffix}_{}", name.replace(' ', "_"));
                    out.measure(&name, accuracy, "%", Some(Better::Higher), about);
                    limits(out, &name, 100.0);
                    continue;
                }
                if let Some(accuracy) = p.accuracy {
                    let about = format!("test samples classified rightly, {at} after programming");
                    if p.t == c.at {
                        out.measure(ACCURACY, accuracy, "%", Some(Better::Higher), about.clone());
                        limits(out, ACCURACY, 100.0);
                    }
                    if c.times.contains(&p.t) && !merit_only {
                        let name = format!("accuracy_{suffix}");
                        out.measure(&name, accuracy, "%", Some(Better::Higher), about);
                        limits(out, &name, 100.0);
                    }
                }
                if p.t == c.at {
                    let about = format!(
                        "||y - y0|| / ||y0|| of all outputs against the digital run, {at} after programming"
                    );
                    out.measure(OUTPUT_ERROR, p.error, "1", Some(Better::Lower), about);
                    limits(out, OUTPUT_ERROR, f64::INFINITY);
                    if let Some(agreement) = p.agreement {
                        let about =
                            format!("test samples with the digital run's decision, {at} after programming");
                        out.measure("agreement", agreement, "%", Some(Better::Higher), about);
                        limits(out, "agreement", 100.0);
                    }
                }
            }
        }
        let samples = shared.x.shape[0];
        if let Some(accuracy) = digital.accuracy {
            out.exact(
                "digital_accuracy",
                accuracy,
                "%",
                "test samples that the digital run classifies rightly",
            );
            let hits = (accuracy / 100.0 * samples as f64).round() as u64;
            let wilson = stats::wilson95(hits, samples as u64);
            out.info(format!(
                "Intervals are over chips, on the same {samples} test samples. That there are only so many leaves the \
                 digital accuracy itself between {:.1} % and {:.1} % (Wilson, 95 %).",
                100.0 * wilson.low,
                100.0 * wilson.high
            ));
        }
        out.exact("samples", samples as f64, "1", "test samples run");
        out.info(shared.about.clone());
        shared.notes.iter().for_each(|n| out.info(n.clone()));
        if c.times.is_empty() || merit_only {
            return;
        }
        views::curves(out, curves, &c.times, digital.accuracy.filter(|_| labelled));
        for s in &out.series {
            let high = if s.y.unit == "%" { 100.0 } else { f64::INFINITY };
            out.limits.insert(s.name.clone(), [0.0, high]);
        }
    }
}

/// The instants at which the chip is read: one alone where nothing on it changes with time.
fn moments(c: &InferenceConfig, chip: &ChipSpec, merit_only: bool) -> Vec<f64> {
    let moves = |path: &str| path.starts_with("device.retention") || path.starts_with("device.noise");
    if chip.nonidealities().iter().any(|n| moves(&n.path)) {
        crate::instants(c.at, &c.times, merit_only)
    } else {
        vec![c.at]
    }
}

/// The chips to program: as described, and with drift compensation switched the other way. Each with its
/// name and whether it is the chip's own.
fn programs(c: &InferenceConfig, chip: &ChipSpec, merit_only: bool) -> Vec<(&'static str, ChipSpec, bool)> {
    let compensated = chip.drift_compensation != DriftCompensation::None {};
    let names = ["drift compensated", "no compensation"];
    let (own, other) = if compensated { (names[0], names[1]) } else { (names[1], names[0]) };
    let mut out = vec![(own, chip.clone(), true)];
    if c.compare_compensation && !merit_only && !chip.nonidealities().is_empty() {
        let switched =
            if compensated { DriftCompensation::None {} } else { DriftCompensation::Global { probes: 32 } };
        out.push((other, ChipSpec { drift_compensation: switched, ..chip.clone() }, false));
    }
    out
}

pub(crate) fn nn(e: neurohm_nn::NnError) -> StudyError {
    match e {
        neurohm_nn::NnError::Cancelled(_) => StudyError::Cancelled,
        e => StudyError::study(e),
    }
}

pub(crate) fn prepare(c: &InferenceConfig, inputs: &dyn Inputs, run: &Run<'_>) -> Result<Shared, StudyError> {
    let limits = Limits { train: Some(c.calibration), test: Some(c.images) };
    // Training samples are welcome, for calibration, but not needed.
    let data = inputs.dataset(&c.data, limits, run.watch());
    let data = data.or_else(|_| inputs.dataset(&c.data, Limits { train: Some(0), ..limits }, run.watch()))?;
    let (mut test, mut train) = (data.test, data.train.filter(|train| !train.is_empty()));
    test.truncate(c.images);
    let (graph, model) = model(c, inputs, &test.shape)?;
    let [input] = graph.inputs[..] else {
        let names: Vec<&str> = graph.inputs.iter().map(|&v| graph.values[v].name.as_str()).collect();
        return Err(StudyError::Invalid(format!(
            "the model {} takes {} inputs ({}); networks with one can be run",
            c.model,
            names.len(),
            names.join(", ")
        )));
    };
    if graph.weighted_layers().is_empty() {
        return Err(StudyError::Invalid(format!("the model {} has no weights to put on a chip", c.model)));
    }
    let wanted = graph.values[input].shape.clone();
    let mut notes = Vec::new();
    if train.is_none() {
        notes.push(
            "Converters that take their range from data were shown test samples: there are no others.".into(),
        );
    }
    if data.name != c.data {
        notes.push(format!("The data are {}.", data.name));
    }
    check_finite(&test, &c.data)?;
    train = train.filter(|train| train.shape == test.shape && train.x.iter().all(|v| v.is_finite()));
    if let Some(n) = &c.normalise {
        normalise(&mut test, n)?;
        train.as_mut().map_or(Ok(()), |train| normalise(train, n))?;
    }
    let how = adapt(&test.shape, &wanted)
        .map_err(|why| StudyError::Invalid(format!("{} does not fit {}: {why}", c.data, c.model)))?;
    let tensor = |x: Vec<f32>| {
        let mut shape = vec![x.len() / wanted.iter().product::<usize>().max(1)];
        shape.extend(&wanted);
        Tensor { shape, data: x }
    };
    let x = tensor(apply(how, &test.x, &test.shape));
    if how != Adapt::AsIs {
        notes.push(format!("Samples of {:?} were reordered to the model's {wanted:?}.", test.shape));
    }
    let shown = train.as_ref().unwrap_or(&test);
    let values = c.calibration.min(shown.len()) * shown.features();
    let calibration = tensor(apply(how, &shown.x[..values], &shown.shape));

    run.begin("running the network digitally", Some(test.len() as u64));
    let executor = Executor::new(&graph).map_err(nn)?;
    let mut digital = executor.run(std::slice::from_ref(&x), &Digital, 0, run.watch()).map_err(nn)?;
    if digital.is_empty() {
        return Err(StudyError::Invalid(format!("the model {} has no output", c.model)));
    }
    let digital = digital.swap_remove(0);
    if let Some(at) = digital.data.iter().position(|v| !v.is_finite()) {
        let sample = at / (digital.data.len() / test.len());
        return Err(StudyError::Invalid(format!(
            "the digital run of {} gives {} for sample {sample} of {}; it cannot serve as a reference",
            c.model, digital.data[at], c.data
        )));
    }
    if digital.data.iter().all(|v| *v == 0.0) {
        return Err(StudyError::Invalid(format!(
            "the digital run of {} gives nothing but zeros on {}; no error relative to it can be told",
            c.model, c.data
        )));
    }
    drop(executor);
    if test.y.is_some() && digital.shape.iter().skip(1).filter(|n| **n != 1).count() > 1 {
        test.y = None;
        notes.push(format!(
            "The model's first output is {:?} a sample, not one score a class: the labels were not used.",
            &digital.shape[1..]
        ));
    }
    check_labels(&test, &digital, c)?;
    let about = format!("{model}, on {} test samples of {}.", test.len(), c.data);
    Ok(Shared { graph, x, calibration, labels: test.y, digital, about, notes })
}

/// The network; open lengths of its input are those of a sample.
fn model(c: &InferenceConfig, inputs: &dyn Inputs, sample: &[usize]) -> Result<(Graph, String), StudyError> {
    let refused = |e: onnx::OnnxError| StudyError::Invalid(format!("the model {}: {e}", c.model));
    let is_path = c.model.contains(['/', '\\']) || c.model.ends_with(".onnx");
    let (imported, about) = match network(&c.model) {
        Some(n) => {
            let none = |name: &str| Err(format!("an embedded network names the file {name}"));
            (onnx::read(n.onnx, &none).map_err(refused)?, format!("The network is {}: {}", n.name, n.about))
        }
        None if is_path => {
            let bytes = inputs.bytes(&c.model)?;
            let beside = |name: &str| inputs.beside(&c.model, name).map_err(|e| e.to_string());
            (onnx::read_for(&bytes, &beside, sample).map_err(refused)?, format!("The network is {}", c.model))
        }
        None => {
            let names: Vec<&str> = NETWORKS.iter().map(|n| n.name).collect();
            let near = nearest(&c.model, names.iter().copied());
            return Err(StudyError::Invalid(format!(
                "there is no network {:?}{}; embedded ones are {}; a path to a model needs a / or ends in .onnx",
                c.model,
                near.map(|n| format!(" (did you mean {n:?}?)")).unwrap_or_default(),
                names.join(", ")
            )));
        }
    };
    let mut graph = imported.graph;
    graph.fold_batch_norm();
    Ok((graph, about))
}

fn check_finite(samples: &Samples, name: &str) -> Result<(), StudyError> {
    match samples.x.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => Err(StudyError::Invalid(format!(
            "value {} of sample {} of {name} is {}; every input must be a finite number",
            at % samples.features(),
            at / samples.features(),
            samples.x[at]
        ))),
    }
}

fn check_labels(test: &Samples, digital: &Tensor, c: &InferenceConfig) -> Result<(), StudyError> {
    let Some(labels) = &test.y else { return Ok(()) };
    let classes = digital.data.len() / test.len();
    let Some(at) = labels.iter().position(|&l| l as usize >= classes) else { return Ok(()) };
    Err(StudyError::Invalid(format!(
        "sample {at} of {} has label {} and the model {} has {classes} outputs; labels must be 0 to {}",
        c.data,
        labels[at],
        c.model,
        classes.saturating_sub(1)
    )))
}

fn normalise(samples: &mut Samples, n: &Normalise) -> Result<(), StudyError> {
    let channels = n.mean.len();
    let (first, last) = (samples.shape.first().copied(), samples.shape.last().copied());
    let features = samples.features();
    // Values between one channel's value and the next, and how many channels there are to go through.
    let step = match (channels, samples.shape.len()) {
        (1, _) => features.max(1),
        (n, _) if last == Some(n) => 1,
        (n, 3) if first == Some(n) => features / n,
        _ => {
            return Err(StudyError::Invalid(format!(
                "normalise has {channels} channels and the samples are {:?}",
                samples.shape
            )));
        }
    };
    for (i, x) in samples.x.iter_mut().enumerate() {
        let channel = (i % features) / step % channels;
        *x = (*x - n.mean[channel]) / n.sd[channel];
    }
    Ok(())
}

/// How near a run's outputs come to labels and to the digital run.
pub(crate) fn judge(shared: &Shared, outputs: &Tensor, t: f64) -> Point {
    let samples = shared.x.shape[0].max(1);
    let (mut difference, mut norm) = (0.0f64, 0.0f64);
    for (a, b) in outputs.data.iter().zip(&shared.digital.data) {
        difference += (f64::from(*a) - f64::from(*b)).powi(2);
        norm += f64::from(*b).powi(2);
    }
    let percent = |hits: usize| 100.0 * hits as f64 / samples as f64;
    let same = |a: &[u32], b: &[u32]| percent(a.iter().zip(b).filter(|(a, b)| a == b).count());
    let decided = decisions(outputs, samples);
    Point {
        t,
        accuracy: shared.labels.as_ref().zip(decided.as_ref()).map(|(l, d)| same(l, d)),
        agreement: decided
            .as_ref()
            .zip(decisions(&shared.digital, samples).as_ref())
            .map(|(d, y)| same(d, y)),
        error: if difference == 0.0 { 0.0 } else { (difference / norm).sqrt() },
    }
}

/// What outputs decide, sample by sample; none of a network that has one output.
fn decisions(outputs: &Tensor, samples: usize) -> Option<Vec<u32>> {
    let width = outputs.data.len() / samples.max(1);
    (width > 1).then(|| outputs.data.chunks_exact(width).map(largest).collect())
}

/// Which decisions are right, sample by sample; where there are no labels, those that are the digital run's. None of a
/// network that has one output.
pub(crate) fn right(shared: &Shared, outputs: &Tensor) -> Option<Vec<bool>> {
    let decided = decisions(outputs, shared.samples())?;
    let wanted = match &shared.labels {
        Some(labels) => labels.clone(),
        None => decisions(&shared.digital, shared.samples())?,
    };
    Some(decided.iter().zip(&wanted).map(|(d, w)| d == w).collect())
}

/// Index of the largest value, the first among equals.
fn largest(row: &[f32]) -> u32 {
    let mut best = 0;
    for (i, v) in row.iter().enumerate() {
        if *v > row[best] {
            best = i;
        }
    }
    best as u32
}

fn npy(t: &Tensor) -> Result<Vec<u8>, StudyError> {
    neurohm_data::npy::write(&t.shape, &t.data).map_err(StudyError::study)
}
