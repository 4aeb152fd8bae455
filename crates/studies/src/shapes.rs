//! A network's layers as shapes: all that a mapper asks.

use std::collections::BTreeSet;

use neurohm_cost::Layer;
use neurohm_nn::Graph;

/// Layers with weights, each with those whose values reach it through layers without. Batch norms should be folded
/// before: what is left of them stays digital.
pub fn shapes(graph: &Graph) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut reached: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); graph.values.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        let before: BTreeSet<usize> =
            node.inputs.iter().flat_map(|&value| reached[value].iter().copied()).collect();
        let Some(found) = graph.weighted_layer(index) else {
            reached[node.output] = before;
            continue;
        };
        reached[node.output] = BTreeSet::from([layers.len()]);
        let values_in: usize =
            node.inputs.iter().map(|&v| graph.values[v].shape.iter().product::<usize>()).sum();
        layers.push(Layer {
            name: found.name,
            rows: found.inputs as u64,
            columns: found.outputs as u64,
            groups: found.groups as u64,
            products: found.rows_per_sample as u64,
            values_in: values_in as u64,
            after: before.into_iter().collect(),
            bias: found.bias.is_some(),
        });
    }
    layers
}
