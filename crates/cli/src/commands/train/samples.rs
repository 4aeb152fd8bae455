//! What is trained, and on what.

use std::path::Path;

use neurohm::data::{Limits, Samples, Source, load};
use neurohm::nn::{Graph, Labelled, models, onnx};
use neurohm::num::{Key, Purpose, Rows, Watch};
use neurohm::studies::layout::{Adapt, adapt, apply};
use neurohm::study::{Disk, Inputs, hex};

use crate::failure::Failure;

/// A network and its samples, in its own layout.
pub struct Material {
    pub graph: Graph,
    /// The network's name, or of a file its digest.
    pub network: String,
    /// Whether images have their channels first.
    pub channels_first: bool,
    /// How many samples there are.
    pub said: String,
    learn: Set,
    validation: Option<Set>,
    test: Set,
}

struct Set {
    x: Vec<f32>,
    features: usize,
    labels: Vec<u32>,
}

impl Set {
    fn labelled(&self) -> Labelled<'_> {
        let rows = Rows::new(&self.x, self.labels.len(), self.features).expect("whole samples");
        Labelled { x: rows, labels: &self.labels }
    }
}

impl Material {
    pub fn load(
        model: &str,
        lengths: &[(String, usize)],
        data: &str,
        key: Key,
        validation: Option<f64>,
        watch: &dyn Watch,
    ) -> Result<Self, Failure> {
        let source: Source = data.parse()?;
        let dataset = load(&source, Limits::default(), watch)?;
        let classes = dataset.class_count().unwrap_or(0);
        let labelled = |samples: Option<Samples>, what: &str| {
            let failure = || Failure::request(format!("{data} has no {what}, and training needs them"));
            let samples = samples.filter(|samples| !samples.is_empty()).ok_or_else(failure)?;
            let labels = samples.y.clone().ok_or_else(failure)?;
            Ok::<_, Failure>((samples, labels))
        };
        let (learn, learn_labels) = labelled(dataset.train, "training samples with labels")?;
        let (test, test_labels) = labelled(Some(dataset.test), "test samples with labels")?;
        let (graph, network) = if model.ends_with(".onnx") {
            imported(model, &learn.shape, lengths)?
        } else {
            let graph = models::by_name(model, &learn.shape, classes, key.child("model", 0))
                .map_err(|e| Failure::request(e.to_string()).help("a file to train further ends in .onnx"))?;
            (graph, model.to_owned())
        };
        let [input] = graph.inputs[..] else {
            let message = format!("{model} has {} inputs; labelled samples fill one", graph.inputs.len());
            return Err(Failure::request(message));
        };
        let how = adapt(&learn.shape, &graph.values[input].shape)
            .map_err(|text| Failure::request(format!("{model} and {data}: {text}")))?;
        let features = learn.features();
        let set =
            |samples: Samples, labels| Set { x: apply(how, &samples.x, &samples.shape), features, labels };
        let said = format!("{} samples to learn from, {} to test", learn_labels.len(), test_labels.len());
        let (mut learn, test) = (set(learn, learn_labels), set(test, test_labels));
        let validation = validation.map(|part| apart(&mut learn, part, key)).transpose()?;
        let channels_first = how == Adapt::ChannelsFirst;
        Ok(Self { graph, network, channels_first, said, learn, validation, test })
    }

    pub fn learn(&self) -> Labelled<'_> {
        self.learn.labelled()
    }

    pub fn validation(&self) -> Option<Labelled<'_>> {
        self.validation.as_ref().map(Set::labelled)
    }

    pub fn test(&self) -> Labelled<'_> {
        self.test.labelled()
    }
}

/// A network from a file, and what stands for it.
fn imported(path: &str, sample: &[usize], lengths: &[(String, usize)]) -> Result<(Graph, String), Failure> {
    let bytes = Disk.bytes(path)?;
    let beside = |name: &str| Disk.beside(path, name).map_err(|e| e.to_string());
    let read = onnx::read_with(&bytes, &beside, onnx::Open { sample, lengths });
    let graph = read.map_err(|e| Failure::request(format!("the model {path}: {e}")))?.graph;
    let name =
        Path::new(path).file_name().map_or_else(|| path.to_owned(), |n| n.to_string_lossy().into_owned());
    Ok((graph, format!("{name} ({})", hex(&bytes))))
}

/// Takes a part of the samples away, drawn without regard to their order.
fn apart(learn: &mut Set, part: f64, key: Key) -> Result<Set, Failure> {
    let n = learn.labels.len();
    let count = (part * n as f64).round() as usize;
    if count == 0 || count == n {
        let message = format!("--validation {part} of {n} training samples leaves none on one side");
        return Err(Failure::request(message));
    }
    let mut order: Vec<u32> = (0..n as u32).collect();
    key.child("validation", 0).stream(Purpose::Shuffle, 0).shuffle(&mut order);
    let (mut away, mut rest) = (order[..count].to_vec(), order[count..].to_vec());
    away.sort_unstable();
    rest.sort_unstable();
    let features = learn.features;
    let pick = |places: &[u32]| Set {
        x: places.iter().flat_map(|i| &learn.x[*i as usize * features..][..features]).copied().collect(),
        features,
        labels: places.iter().map(|i| learn.labels[*i as usize]).collect(),
    };
    let (held, kept) = (pick(&away), pick(&rest));
    *learn = kept;
    Ok(held)
}
