//! Networks on crossbars: the layer graph, ONNX in and out, training, analog inference.

pub mod graph;
