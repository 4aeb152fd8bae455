//! What can go wrong with a network.

use neurohm_num::Cancelled;

/// Why a network could not be checked, run or trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// A node cannot work on what it is given.
    #[error("node {index} \"{node}\" ({op}): {detail}")]
    Node {
        /// Position in the graph.
        index: usize,
        /// The node's name.
        node: String,
        /// The kind of operation.
        op: &'static str,
        /// What does not fit, with the shapes.
        detail: String,
    },
    /// The graph's tables disagree with one another.
    #[error("malformed network: {0}")]
    Malformed(String),
    /// A tensor handed to the network has another shape than its input.
    #[error("input \"{name}\" takes [batch, {}], got {got:?}", list(expected))]
    Input {
        /// The input's name.
        name: String,
        /// Its shape without the batch axis.
        expected: Vec<usize>,
        /// What was handed over.
        got: Vec<usize>,
    },
    /// Another number of tensors than the network has inputs.
    #[error("the network takes {expected} input tensors, got {got}")]
    Inputs {
        /// How many it takes.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// The network holds something that has no gradient here, all of them at once.
    #[error("cannot train: {}; train the network elsewhere and import it", .0.join("; "))]
    NotTrainable(Vec<String>),
    /// A checkpoint that cannot be read.
    #[error("not a checkpoint of this version of neurohm: {0}")]
    Checkpoint(String),
    /// A checkpoint of another run, with every setting that differs.
    #[error("the checkpoint belongs to another run: {}", .0.join("; "))]
    AnotherRun(Vec<String>),
    /// The data do not fit the network or one another.
    #[error("training data: {0}")]
    Data(String),
    /// A setting of the chip that makes no sense for this network.
    #[error("chip.{0}")]
    Chip(neurohm_array::SettingError),
    /// A setting that makes no sense.
    #[error("training setting {name}: {detail}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// What is wrong and what is allowed.
        detail: String,
    },
    /// The loss is no longer a number.
    #[error(
        "training diverged: the loss became {loss} in epoch {epoch}, step {step} (learning rate {rate}); lower the learning rate"
    )]
    Diverged {
        /// Counts from 1.
        epoch: usize,
        /// Counts from 1 within the epoch.
        step: usize,
        /// Infinite or not a number.
        loss: f64,
        /// Learning rate of that step.
        rate: f32,
    },
    /// A state that belongs to another network or configuration.
    #[error("cannot resume: {0}")]
    State(String),
    /// No network of that name is built in.
    #[error("no network \"{name}\"; there are {known}{}", nearest(.near))]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// Names that exist.
        known: String,
        /// The most similar of them.
        near: Option<String>,
    },
    /// A layer's crossbars refused.
    #[error("layer \"{layer}\": {source}")]
    Array {
        /// The layer's name.
        layer: String,
        /// Why.
        source: Box<neurohm_array::ArrayError>,
    },
    /// The work was told to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

fn list(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

fn nearest(near: &Option<String>) -> String {
    near.as_ref().map(|n| format!("; did you mean \"{n}\"?")).unwrap_or_default()
}
