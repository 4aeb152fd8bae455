//! Networks: files that other programs wrote, training against PyTorch, hostile input.
//!
//! One program: linking one a file took longer than the tests.

mod damaged_models;
mod mnist;
mod onnx_cases;
mod onnx_hostile;
mod onnx_layout;
mod onnx_messages;
mod onnx_sequences;
mod onnx_support;
mod running;
mod sequences;
mod torch_operations;
mod torch_training;
