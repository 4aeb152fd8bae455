//! ONNX files in and out.
//!
//! [`read`] turns the bytes of a model, as PyTorch, TensorFlow and Keras export it, into a [`Graph`]:
//! shape arithmetic is evaluated with the batch as a symbol, so that a model that was exported for one batch
//! runs with any; images become channels-last inside with as few transpositions as can be; everything that is
//! not supported is named in one error. [`write`](write()) makes a file of a graph.
//!
//! The operators follow the specification at <https://onnx.ai/onnx/operators/>, versions 7 to 25.

mod attributes;
mod build;
mod catalogue;
mod constant;
mod error;
mod fold;
mod import;
mod inputs;
mod lower;
mod order;
mod precision;
mod proto;
mod scan;
mod tensor;
mod tidy;
mod write;

use prost::Message;

use crate::graph::Graph;

pub use error::{Fault, OnnxError, Problem};
pub use write::write;

/// Length of an axis of a model's input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// The batch, open in the file.
    Batch,
    /// The batch, fixed in the file to this number; any other runs as well.
    BatchOf(usize),
    /// The same for every batch.
    Fixed(usize),
}

/// An input or output of a model, as the file has it and as [`Graph`] takes or gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its shape, the batch first.
    pub shape: Vec<Length>,
    /// In which order the first layer reads the axes behind the batch: `[1, 2, 0]` for an input that is
    /// channels-first, the axes as they stand otherwise.
    pub order: Vec<usize>,
    /// Which axis of the file is the batch: 0 but where the steps of a sequence stand before it. [`Graph`] has the batch in
    /// front in any case.
    pub batch_axis: usize,
}

impl Port {
    /// Whether an image `[height, width, channels]` must have its channels moved to the front for this input.
    pub fn channels_first(&self) -> bool {
        matches!(self.order[..], [1, 2, 0] | [1, 0])
    }
}

/// A model that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The network; its inputs and outputs have the file's own shape and layout.
    pub graph: Graph,
    /// Its inputs.
    pub inputs: Vec<Port>,
    /// Its outputs.
    pub outputs: Vec<Port>,
    /// The program that wrote the file, and its version.
    pub producer: String,
}

/// Reads an ONNX model. `external` fetches, by its relative path, a file that lies beside the model and holds
/// weights; paths that leave the model's folder are refused before it is asked.
///
/// # Errors
/// [`OnnxError::Refused`] lists all that is wrong with the model and every operator, attribute and open shape that is
/// not supported;
/// the other errors say where the file is damaged. No input makes it panic, and it allocates a small multiple of
/// the file's size and of what `external` returns.
pub fn read(bytes: &[u8], external: &dyn Fn(&str) -> Result<Vec<u8>, String>) -> Result<Imported, OnnxError> {
    read_for(bytes, external, &[])
}

/// What closes the open lengths of a model's inputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open<'a> {
    /// The shape of one sample that will be run, channels first or last; empty where none is known.
    pub sample: &'a [usize],
    /// Lengths by the dimension's name in the file, or by `INPUT.AXIS` where it has none (axis 0 is the first, the batch
    /// mostly). They go before `sample`'s. Where the first axis is given one and another stays open, that is the batch.
    pub lengths: &'a [(String, usize)],
}

/// As [`read`], where open lengths of an input (height and width, say) become those of `sample`.
///
/// # Errors
/// As there.
pub fn read_for(
    bytes: &[u8],
    external: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    sample: &[usize],
) -> Result<Imported, OnnxError> {
    read_with(bytes, external, Open { sample, lengths: &[] })
}

/// As [`read`], for a model with lengths that are open.
///
/// # Errors
/// As there; every length that stays open is named, and every one that is given and not there.
pub fn read_with(
    bytes: &[u8],
    external: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    open: Open<'_>,
) -> Result<Imported, OnnxError> {
    scan::check(bytes)?;
    let model = proto::Model::decode(bytes).map_err(|e| OnnxError::Decode(e.to_string()))?;
    let read = import::read(&model, bytes.len(), external, open)?;
    let producer = format!("{} {}", model.producer_name, model.producer_version).trim().to_string();
    Ok(Imported { graph: read.graph, inputs: read.inputs, outputs: read.outputs, producer })
}
