//! A network's layers as shapes: all that the mapper asks.

use neurohm::cost::{Layer, parse_layers};
use neurohm::nn::{Graph, models, onnx};
use neurohm::num::Key;
use neurohm::studies::{NETWORKS, shapes};
use neurohm::study::{Disk, Inputs};

use crate::failure::Failure;

/// Classes of the networks that are not trained.
const CLASSES: usize = 10;

/// Name and layers of what the options ask for.
pub fn layers(
    network: Option<&str>,
    table: Option<&str>,
    lengths: &[(String, usize)],
) -> Result<(String, Vec<Layer>), Failure> {
    if let Some(path) = table {
        let text = String::from_utf8(Disk.bytes(path)?)
            .map_err(|_| Failure::request(format!("{path} is not text, and a table of layers is CSV")))?;
        let layers = parse_layers(&text).map_err(|e| Failure::request(format!("{path}: {e}")))?;
        return Ok((path.to_owned(), layers));
    }
    let name = network.unwrap_or_default();
    let mut graph = graph(name, lengths)?;
    graph.fold_batch_norm();
    let layers = shapes(&graph);
    if layers.is_empty() {
        return Err(Failure::request(format!(
            "{name} has no layer with weights, so there is nothing to place"
        )));
    }
    Ok((name.to_owned(), layers))
}

fn graph(name: &str, lengths: &[(String, usize)]) -> Result<Graph, Failure> {
    let refused = |e: onnx::OnnxError| Failure::request(format!("the model {name}: {e}"));
    if let Some(embedded) = NETWORKS.iter().find(|n| n.name == name) {
        let none = |file: &str| Err(format!("an embedded network names the file {file}"));
        return Ok(onnx::read(embedded.onnx, &none).map_err(refused)?.graph);
    }
    if name.contains(['/', '\\']) || name.ends_with(".onnx") {
        let bytes = Disk.bytes(name)?;
        let beside = |file: &str| Disk.beside(name, file).map_err(|e| e.to_string());
        let open = onnx::Open { sample: &[], lengths };
        return Ok(onnx::read_with(&bytes, &beside, open).map_err(refused)?.graph);
    }
    if !lengths.is_empty() {
        return Err(Failure::request(format!("--shape has no effect on {name}, which is no ONNX file")));
    }
    // Images as in the sets that these were made for: MNIST, and CIFAR-10 for the residual one.
    let shape: &[usize] = if name.starts_with("resnet") { &[32, 32, 3] } else { &[28, 28, 1] };
    models::by_name(name, shape, CLASSES, Key::root(1)).map_err(|_| {
        let known = NETWORKS.iter().map(|n| n.name).chain(models::NAMES).collect::<Vec<_>>();
        let failure = Failure::request(format!("there is no network {name:?}"));
        let failure = match neurohm::device::nearest(name, known.iter().copied()) {
            Some(nearest) => failure.help(format!("did you mean `{nearest}`?")),
            None => failure,
        };
        failure.help(format!("there are {}; a path to a model needs a / or ends in .onnx", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_residual_network_has_the_layers_and_paths_of_its_paper() {
        let (_, layers) = layers(Some("resnet8"), None, &[]).unwrap();
        // One convolution, three blocks of two, two projections and the class scores.
        assert_eq!(layers.len(), 10);
        assert_eq!((layers[0].rows, layers[0].columns, layers[0].products), (27, 16, 1024));
        assert!(layers[0].after.is_empty());
        // The first layer of the second block reads the sum of a block and its input: two layers.
        let second = layers.iter().find(|l| l.columns == 32).unwrap();
        assert_eq!((second.rows, second.products, second.after.len()), (144, 256, 2));
        let last = layers.last().unwrap();
        assert_eq!((last.rows, last.columns, last.values_in), (64, 10, 64));
    }
}
