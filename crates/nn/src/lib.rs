//! Networks on crossbars: the layer graph, ONNX in and out, training, analog inference.

pub mod analog;
mod error;
pub mod exec;
pub mod graph;
mod kernels;
pub mod metrics;
pub mod models;
pub mod onnx;
pub mod shape;
mod survey;
pub mod train;

pub use analog::{AnalogLayer, AnalogNetwork, LayerSummary};
pub use error::NnError;
pub use exec::{Digital, Executor, Products, run};
pub use graph::{Graph, Node, Op, Tensor};
pub use survey::WeightedLayer;
pub use train::{EpochReport, Labelled, TrainConfig, Trainer, evaluate, train};
