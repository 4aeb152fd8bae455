//! Networks on crossbars: the layer graph, ONNX in and out, training, analog inference.
//!
//! A [`Graph`] is a list of nodes over channels-last values. An [`Executor`] runs it; who multiplies in its
//! weighted layers is a [`Products`]: [`Digital`], or an [`AnalogNetwork`] that holds them on crossbars.
//! [`train()`] moves its parameters.
//!
//! ```
//! use neurohm_array::chip_preset;
//! use neurohm_nn::{AnalogNetwork, Digital, Executor, Tensor, models};
//! use neurohm_num::{Key, Unwatched};
//!
//! let graph = models::by_name("mlp", &[28, 28, 1], 10, Key::root(1))?;
//! let mut network = AnalogNetwork::program(&graph, &chip_preset("peer")?, Key::root(2), &Unwatched)?;
//! network.advance(3600.0)?;
//! network.read()?;
//! let x = [Tensor { shape: vec![1, 28, 28, 1], data: vec![0.5; 784] }];
//! let executor = Executor::new(&graph)?;
//! let exact = executor.run(&x, &Digital, 0, &Unwatched)?;
//! let analog = executor.run(&x, &network, 0, &Unwatched)?;
//! assert_eq!(analog[0].shape, exact[0].shape);
//! assert_ne!(analog[0].data, exact[0].data);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
pub use exec::{Digital, Executor, Factor, Products, run};
pub use graph::{Graph, Node, Op, Tensor};
pub use survey::WeightedLayer;
pub use train::{EpochReport, Labelled, TrainConfig, Trainer, evaluate, train};
