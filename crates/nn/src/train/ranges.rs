//! Input ranges that are learned: a network gets one in front of every weighted layer.

use neurohm_num::Rows;

use super::tape::Tape;
use crate::error::NnError;
use crate::exec::Digital;
use crate::graph::{Activation, Graph, Node, Op, Tensor, Value, ValueId};

/// Samples that ranges are first found on, at most.
const SAMPLES: usize = 256;

/// Puts an [`Op::Range`] in front of every weighted layer that has none, with `levels` levels (an odd number, or 0 to round
/// nothing). It begins at the largest magnitude that the layer's inputs have on the first samples of `x`, which are rows in the
/// shape of the network's only input. A symmetric clip there, which is how such a range is written to ONNX, becomes one that is
/// learned again. Returns how many there are.
///
/// # Errors
/// Samples that do not fit, an even number of levels.
pub fn learn_ranges(graph: &mut Graph, x: Rows, levels: u32) -> Result<usize, NnError> {
    if levels != 0 && (levels.is_multiple_of(2) || levels < 3) {
        let detail = format!("{levels} levels; allowed are odd numbers from 3 on (zero is a level), or 0");
        return Err(NnError::Setting { name: "inputs.levels", detail });
    }
    let mut sources: Vec<ValueId> =
        graph.weighted_layers().iter().map(|l| graph.nodes[l.node].inputs[0]).collect();
    sources.sort_unstable();
    sources.dedup();
    let largest = magnitudes(graph, x, &sources)?;
    for (source, largest) in sources.iter().zip(largest) {
        let start = if largest > 0.0 { largest } else { 1.0 };
        let maker = graph.nodes.iter().position(|n| n.output == *source);
        match maker.map(|m| (m, &graph.nodes[m].op)) {
            Some((m, Op::Range { bound, .. })) => graph.nodes[m].op = Op::Range { bound: *bound, levels },
            Some((m, &Op::Activate(Activation::Clip { min, max })))
                if max > 0.0 && min == -max && max.is_finite() =>
            {
                let bound = graph.add_param(Tensor { shape: vec![1], data: vec![max] });
                graph.nodes[m].op = Op::Range { bound, levels };
            }
            _ => put(graph, *source, maker.map_or(0, |m| m + 1), start, levels),
        }
    }
    Ok(sources.len())
}

/// Puts a range behind a value, in front of its weighted readers.
fn put(graph: &mut Graph, source: ValueId, at: usize, start: f32, levels: u32) {
    let bound = graph.add_param(Tensor { shape: vec![1], data: vec![start] });
    let unique = |wanted: String, taken: &dyn Fn(&str) -> bool| {
        (0..)
            .map(|k| if k == 0 { wanted.clone() } else { format!("{wanted}{k}") })
            .find(|name| !taken(name))
            .unwrap_or(wanted.clone())
    };
    let wanted = format!("{}.range", graph.values[source].name);
    let name = unique(wanted.clone(), &|name| graph.values.iter().any(|v| v.name == name));
    let node = unique(wanted, &|name| graph.nodes.iter().any(|n| n.name == name));
    let output = graph.values.len();
    graph.values.push(Value { name, shape: graph.values[source].shape.clone() });
    for reader in &mut graph.nodes {
        if reader.op.factor().is_some() && reader.inputs[0] == source {
            reader.inputs[0] = output;
        }
    }
    graph
        .nodes
        .insert(at, Node { name: node, op: Op::Range { bound, levels }, inputs: vec![source], output });
}

/// The largest magnitude of each value in an exact run.
fn magnitudes(graph: &Graph, x: Rows, values: &[ValueId]) -> Result<Vec<f32>, NnError> {
    let [input] = graph.inputs[..] else {
        return Err(NnError::Inputs { expected: graph.inputs.len(), got: 1 });
    };
    let size: usize = graph.values[input].shape.iter().product();
    let n = x.rows().min(SAMPLES);
    if x.cols() != size || n == 0 {
        let detail =
            format!("{n} samples of {} values for an input of {:?}", x.cols(), graph.values[input].shape);
        return Err(NnError::Data(detail));
    }
    // The clone's running statistics follow; the network's stay.
    let (mut graph, mut tape) = (graph.clone(), Tape::forward_only(graph, n));
    for (r, place) in tape.value_mut(input).chunks_exact_mut(size.max(1)).take(n).enumerate() {
        place.copy_from_slice(x.row(r));
    }
    tape.forward(&mut graph, n, 0, &Digital)?;
    let largest = |v: &ValueId| tape.value(*v, n).iter().fold(0.0f32, |m, x| m.max(x.abs()));
    Ok(values.iter().map(largest).collect())
}

#[cfg(test)]
mod tests {
    use neurohm_num::{Key, Purpose, Unwatched};

    use super::*;
    use crate::train::{Labelled, TrainConfig, Trainer};
    use crate::{Executor, models, onnx};

    fn data(n: usize) -> Vec<f32> {
        let mut x = vec![0.0; n * 64];
        Key::root(3).stream(Purpose::Data, 0).fill_normal(0, &mut x);
        x
    }

    fn outputs(graph: &Graph, x: &[f32]) -> Vec<f32> {
        let x = Tensor { shape: vec![x.len() / 64, 8, 8, 1], data: x.to_vec() };
        Executor::new(graph).unwrap().run(&[x], &Digital, 0, &Unwatched).unwrap().swap_remove(0).data
    }

    #[test]
    fn ranges_that_hold_everything_change_nothing_and_survive_their_file() {
        let x = data(64);
        let rows = Rows::new(&x, 64, 64).unwrap();
        let graph = models::by_name("mlp", &[8, 8, 1], 3, Key::root(1)).unwrap();
        let mut ranged = graph.clone();
        // Three dense layers: the second and third read what a ReLU made.
        assert_eq!(learn_ranges(&mut ranged, rows, 0).unwrap(), 3);
        ranged.validate().unwrap();
        assert_eq!(outputs(&ranged, &x), outputs(&graph, &x));
        let mut read = onnx::read(&onnx::write(&ranged).unwrap(), &|_| Err(String::new())).unwrap().graph;
        assert_eq!(outputs(&read, &x), outputs(&ranged, &x));
        // What was read are clips; they become ranges again, of the same size.
        assert_eq!(learn_ranges(&mut read, rows, 0).unwrap(), 3);
        let bounds = |g: &Graph| -> Vec<f32> {
            let bound = |n: &Node| match n.op {
                Op::Range { bound, .. } => Some(g.params[bound].data[0]),
                _ => None,
            };
            g.nodes.iter().filter_map(bound).collect()
        };
        assert_eq!((bounds(&read), read.nodes.len()), (bounds(&ranged), ranged.nodes.len()));
    }

    #[test]
    fn a_value_that_two_layers_read_gets_one_range() {
        let x = data(8);
        let mut graph = models::resnet(&[8, 8, 1], &[4, 8], 1, 3, Key::root(1));
        graph.infer_shapes().unwrap();
        let layers = graph.weighted_layers().len();
        // The second stage's first convolution and its shortcut read the same value.
        assert_eq!(learn_ranges(&mut graph, Rows::new(&x, 8, 64).unwrap(), 255).unwrap(), layers - 1);
        graph.validate().unwrap();
    }

    #[test]
    fn bounds_learn() {
        let x = data(300);
        let labels: Vec<u32> = x.chunks(64).map(|x| u32::from(x[0] + x[1] > 0.0)).collect();
        let mut graph = models::by_name("mlp", &[8, 8, 1], 2, Key::root(1)).unwrap();
        learn_ranges(&mut graph, Rows::new(&x, 300, 64).unwrap(), 7).unwrap();
        let before = graph.clone();
        let config = TrainConfig { epochs: 6, batch: 20, ..TrainConfig::default() };
        let mut trainer = Trainer::new(graph, config, Key::root(2)).unwrap();
        let mut losses = Vec::new();
        while !trainer.finished() {
            let data = Labelled { x: Rows::new(&x, 300, 64).unwrap(), labels: &labels };
            losses.push(trainer.epoch(data, &Digital, &Unwatched).unwrap().loss);
        }
        assert!(losses[5] < 0.7 * losses[0], "{losses:?}");
        // Three bits in a range of four standard deviations are coarse: bounds come in.
        for node in &before.nodes {
            if let Op::Range { bound, .. } = node.op {
                let (was, is) = (before.params[bound].data[0], trainer.graph().params[bound].data[0]);
                assert!(is > 0.0 && is != was, "{}: {was} {is}", node.name);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let x = data(4);
        let mut graph = models::by_name("mlp", &[8, 8, 1], 3, Key::root(1)).unwrap();
        let even = learn_ranges(&mut graph, Rows::new(&x, 4, 64).unwrap(), 4).unwrap_err().to_string();
        assert!(even.contains("odd numbers"), "{even}");
        let narrow = learn_ranges(&mut graph, Rows::new(&x, 8, 32).unwrap(), 3).unwrap_err().to_string();
        assert!(narrow.contains("samples of 32 values"), "{narrow}");
    }
}
