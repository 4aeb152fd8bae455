//! A trained network with its samples, made ready for chips: what every study that runs one shares.

use neurohm_array::{ChipSpec, SettingError};
use neurohm_data::{Limits, Samples};
use neurohm_device::nearest;
use neurohm_nn::exec::{Digital, Executor};
use neurohm_nn::train::recalibrate;
use neurohm_nn::{AnalogNetwork, Graph, Op, Tensor, WeightedLayer, onnx};
use neurohm_num::Key;
use neurohm_study::{Inputs, Run, StudyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layout::{Adapt, adapt, apply};
use crate::networks::{NETWORKS, network};
use crate::views::Point;

/// `(x - mean) / sd`, channel by channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// Mean of each channel, or one for all.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, or one for all.
    pub sd: Vec<f32>,
}

/// What becomes of batch norms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchNorm {
    /// Scales go into the weights before them, shifts into biases: nothing is left to compute.
    #[default]
    Folded,
    /// They stay in the digital side, where their statistics can be taken anew.
    Digital,
}

/// What a study needs of a network and its data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// An embedded network or the path of an ONNX file.
    pub model: &'a str,
    /// The samples.
    pub data: &'a str,
    /// At most so many test samples.
    pub images: usize,
    /// At most so many training samples (test samples where there are no others) to calibrate on.
    pub calibration: usize,
    /// How samples become what the network was trained on.
    pub normalise: Option<&'a Normalise>,
    /// What becomes of batch norms.
    pub batch_norm: BatchNorm,
    /// Layers whose weights stay off the chip.
    pub digital: &'a [String],
    /// Open lengths of the model's input, by name.
    pub lengths: &'a [(String, usize)],
}

impl<'a> Asked<'a> {
    /// A network as it is, wholly on the chip.
    pub fn new(model: &'a str, data: &'a str, images: usize, calibration: usize) -> Self {
        let (normalise, batch_norm, digital, lengths) = (None, BatchNorm::Folded, &[][..], &[][..]);
        Self { model, data, images, calibration, normalise, batch_norm, digital, lengths }
    }
}

/// A network with its samples: what all chips share.
pub struct Material {
    graph: Graph,
    /// Whether each weighted layer goes onto the chip, in running order.
    on_chip: Vec<bool>,
    /// `[samples, ...]` in the model's layout.
    x: Tensor,
    /// What converters and batch norms are calibrated on, in the model's layout.
    calibration: Tensor,
    labels: Option<Vec<u32>>,
    /// The digital run's first output.
    digital: Tensor,
    /// Network and data, in words.
    about: String,
    notes: Vec<String>,
}

/// Ordinals of samples that batch norms are recalibrated on begin here: their noise is not that of test samples.
const RECALIBRATION: u64 = 1 << 48;
/// Samples of a batch of them.
const BATCH: usize = 128;

impl Material {
    /// The network.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }
    /// How many they are.
    pub(crate) fn samples(&self) -> usize {
        self.x.shape[0]
    }
    /// Their classes.
    pub(crate) fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }
    /// The digital run's first output.
    pub(crate) fn digital(&self) -> &Tensor {
        &self.digital
    }
    /// Network and data, in words.
    pub(crate) fn about(&self) -> &str {
        &self.about
    }
    /// What a reader should know of them.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }
    /// The weighted layers that go onto the chip.
    pub(crate) fn layers(&self) -> Vec<WeightedLayer> {
        let all = self.graph.weighted_layers().into_iter();
        all.zip(&self.on_chip).filter(|(_, on)| **on).map(|(layer, _)| layer).collect()
    }

    /// Whether there are batch norms that were not folded.
    pub(crate) fn has_batch_norms(&self) -> bool {
        self.graph.nodes.iter().any(|n| matches!(n.op, Op::BatchNorm { .. }))
    }

    /// Programs the network's layers into the devices of a chip and calibrates converters that take their range from data.
    pub(crate) fn program(
        &self,
        chip: &ChipSpec,
        key: Key,
        run: &Run<'_>,
    ) -> Result<AnalogNetwork, StudyError> {
        let nodes: Vec<usize> = self.layers().iter().map(|layer| layer.node).collect();
        let on_chip = |layer: &WeightedLayer| nodes.contains(&layer.node);
        let programmed = AnalogNetwork::program_layers(&self.graph, chip, key, &on_chip, &run.silent());
        let mut network = programmed.map_err(nn)?;
        if chip.needs_calibration() {
            network.calibrate(&self.graph, std::slice::from_ref(&self.calibration)).map_err(nn)?;
        }
        Ok(network)
    }

    /// Runs the test samples through a network as it was last read.
    pub(crate) fn outputs(&self, network: &AnalogNetwork, run: &Run<'_>) -> Result<Tensor, StudyError> {
        self.outputs_of(&self.graph, network, run)
    }

    /// The same with batch norms whose statistics were taken anew on the chip, on all samples for calibration. What the chip
    /// does for them counts in its tally.
    pub(crate) fn recalibrated(&self, network: &AnalogNetwork, run: &Run<'_>) -> Result<Tensor, StudyError> {
        let mut graph = self.graph.clone();
        recalibrate(&mut graph, &self.calibration, BATCH, network, RECALIBRATION, &run.silent())
            .map_err(nn)?;
        self.outputs_of(&graph, network, run)
    }

    fn outputs_of(
        &self,
        graph: &Graph,
        network: &AnalogNetwork,
        run: &Run<'_>,
    ) -> Result<Tensor, StudyError> {
        let executor = Executor::new(graph).map_err(nn)?;
        let outputs = executor.run(std::slice::from_ref(&self.x), network, 0, run.watch());
        Ok(outputs.map_err(nn)?.swap_remove(0))
    }
}

/// A network without what recalibration takes anew.
pub(crate) fn no_batch_norms(model: &str) -> StudyError {
    StudyError::Invalid(format!(
        "the model {model} has no batch norms to recalibrate; they may have been folded into its weights before it was exported"
    ))
}

/// What is wrong with counts of samples and with normalisation.
pub(crate) fn check(
    images: usize,
    calibration: usize,
    normalise: Option<&Normalise>,
) -> Result<(), SettingError> {
    let wrong = |path: &str, problem: &str| Err(SettingError::value(path, problem));
    if images == 0 {
        return wrong("images", "images = 0 leaves nothing to run");
    }
    if calibration == 0 {
        return wrong("calibration", "calibration = 0 leaves the converters without a range");
    }
    if let Some(n) = normalise {
        if n.mean.is_empty() || n.mean.len() != n.sd.len() {
            return wrong("normalise", "mean and sd (standard deviation) need one number a channel each");
        }
        if n.sd.iter().any(|s| !(s.is_finite() && *s > 0.0)) || n.mean.iter().any(|m| !m.is_finite()) {
            return wrong("normalise", "means must be finite, and standard deviations positive");
        }
    }
    Ok(())
}

pub(crate) fn nn(e: neurohm_nn::NnError) -> StudyError {
    match e {
        neurohm_nn::NnError::Cancelled(_) => StudyError::Cancelled,
        e => StudyError::study(e),
    }
}

/// Reads and checks network and samples, and runs them digitally.
pub(crate) fn prepare(c: Asked, inputs: &dyn Inputs, run: &Run<'_>) -> Result<Material, StudyError> {
    let limits = Limits { train: Some(c.calibration), test: Some(c.images) };
    // Training samples are welcome, for calibration, but not needed.
    let data = inputs.dataset(c.data, limits, run.watch());
    let data = data.or_else(|_| inputs.dataset(c.data, Limits { train: Some(0), ..limits }, run.watch()))?;
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
    let on_chip = on_chip(c, &graph)?;
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
    check_finite(&test, c.data)?;
    train = train.filter(|train| train.shape == test.shape && train.x.iter().all(|v| v.is_finite()));
    if let Some(n) = c.normalise {
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
    if !c.digital.is_empty() {
        notes.push(format!("Kept off the chip, and exact: {}.", c.digital.join(", ")));
    }
    Ok(Material { graph, on_chip, x, calibration, labels: test.y, digital, about, notes })
}

/// The network; open lengths of its input are those of a sample.
fn model(c: Asked, inputs: &dyn Inputs, sample: &[usize]) -> Result<(Graph, String), StudyError> {
    let refused = |e: onnx::OnnxError| StudyError::Invalid(format!("the model {}: {e}", c.model));
    let is_path = c.model.contains(['/', '\\']) || c.model.ends_with(".onnx");
    let (imported, about) = match network(c.model) {
        Some(n) => {
            let none = |name: &str| Err(format!("an embedded network names the file {name}"));
            (onnx::read(n.onnx, &none).map_err(refused)?, format!("The network is {}: {}", n.name, n.about))
        }
        None if is_path => {
            let bytes = inputs.bytes(c.model)?;
            let beside = |name: &str| inputs.beside(c.model, name).map_err(|e| e.to_string());
            let open = onnx::Open { sample, lengths: c.lengths };
            (onnx::read_with(&bytes, &beside, open).map_err(refused)?, format!("The network is {}", c.model))
        }
        None => {
            let names: Vec<&str> = NETWORKS.iter().map(|n| n.name).collect();
            let near = nearest(c.model, names.iter().copied());
            return Err(StudyError::Invalid(format!(
                "there is no network {:?}{}; embedded ones are {}; a path to a model needs a / or ends in .onnx",
                c.model,
                near.map(|n| format!(" (did you mean {n:?}?)")).unwrap_or_default(),
                names.join(", ")
            )));
        }
    };
    let mut graph = imported.graph;
    if c.batch_norm == BatchNorm::Folded {
        graph.fold_batch_norm();
    }
    Ok((graph, about))
}

/// Which weighted layers go onto the chip.
fn on_chip(c: Asked, graph: &Graph) -> Result<Vec<bool>, StudyError> {
    let layers = graph.weighted_layers();
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    if names.is_empty() {
        return Err(StudyError::Invalid(format!("the model {} has no weights to put on a chip", c.model)));
    }
    let unknown: Vec<String> = c
        .digital
        .iter()
        .filter(|wanted| !names.contains(&wanted.as_str()))
        .map(|wanted| match nearest(wanted, names.iter().copied()) {
            Some(near) => format!("{wanted:?} (did you mean {near:?}?)"),
            None => format!("{wanted:?}"),
        })
        .collect();
    if !unknown.is_empty() {
        return Err(StudyError::Invalid(format!(
            "the model {} has no weighted layer {}; its layers are {}",
            c.model,
            unknown.join(", "),
            names.join(", ")
        )));
    }
    let on_chip: Vec<bool> = names.iter().map(|name| !c.digital.iter().any(|d| d == name)).collect();
    if !on_chip.contains(&true) {
        return Err(StudyError::Invalid(format!(
            "all layers of {} are digital: nothing is left for a chip",
            c.model
        )));
    }
    Ok(on_chip)
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

fn check_labels(test: &Samples, digital: &Tensor, c: Asked) -> Result<(), StudyError> {
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
pub(crate) fn judge(material: &Material, outputs: &Tensor, t: f64) -> Point {
    let samples = material.x.shape[0].max(1);
    let (mut difference, mut norm) = (0.0f64, 0.0f64);
    for (a, b) in outputs.data.iter().zip(&material.digital.data) {
        difference += (f64::from(*a) - f64::from(*b)).powi(2);
        norm += f64::from(*b).powi(2);
    }
    let percent = |hits: usize| 100.0 * hits as f64 / samples as f64;
    let same = |a: &[u32], b: &[u32]| percent(a.iter().zip(b).filter(|(a, b)| a == b).count());
    let decided = decisions(outputs, samples);
    Point {
        t,
        accuracy: material.labels.as_ref().zip(decided.as_ref()).map(|(l, d)| same(l, d)),
        agreement: decided
            .as_ref()
            .zip(decisions(&material.digital, samples).as_ref())
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
pub(crate) fn right(material: &Material, outputs: &Tensor) -> Option<Vec<bool>> {
    let decided = decisions(outputs, material.samples())?;
    let wanted = match &material.labels {
        Some(labels) => labels.clone(),
        None => decisions(&material.digital, material.samples())?,
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
