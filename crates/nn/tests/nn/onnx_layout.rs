//! Layouts: how few transpositions are left, and what the caller sees.

use crate::onnx_support::{fixtures, read, transposes};
use neurohm_nn::onnx::{self, Length, Port};
use neurohm_nn::{Graph, Op};

fn graph(name: &str) -> Graph {
    read(&fixtures().join(name)).unwrap().graph
}

fn count(graph: &Graph, matches: impl Fn(&Op) -> bool) -> usize {
    graph.nodes.iter().filter(|n| matches(&n.op)).count()
}

#[test]
fn a_pytorch_resnet_has_one_transposition_at_its_input() {
    for name in ["torch_resnet8a_dynamo", "torch_resnet8a_script_static1", "torch_resnet8a_script_unfolded"] {
        let graph = graph(name);
        assert_eq!(transposes(&graph), 1, "{name}");
        assert_eq!(graph.nodes[0].op, Op::Transpose { order: vec![1, 2, 0] }, "{name}");
        // The global mean gives the features at once: nothing is left to flatten.
        assert_eq!(count(&graph, |op| matches!(op, Op::Reshape { .. })), 0, "{name}");
        assert_eq!(count(&graph, |op| matches!(op, Op::Conv { .. })), 7, "{name}");
    }
}

#[test]
fn a_channels_last_network_loses_all_its_transpositions() {
    for name in ["keras_resnet8_tf2onnx_static", "keras_resnet8_export", "keras_squeeze_excite_export"] {
        assert_eq!(transposes(&graph(name)), 0, "{name}");
    }
    assert_eq!(transposes(&graph("keras_resnet8_nchw")), 1);
}

#[test]
fn flattening_a_channels_first_image_reorders_the_dense_rows_instead() {
    // One channel in: its axes move without a transposition.
    let lenet = graph("torch_lenet_script");
    assert_eq!(transposes(&lenet), 0);
    assert_eq!(transposes(&graph("keras_flatten_first_export")), 1);
}

#[test]
fn a_channel_shuffle_stays_channels_last() {
    // One transposition at the input and one for each shuffle.
    for name in ["torch_shuffle_dynamo", "torch_shuffle_script_op9"] {
        assert_eq!(transposes(&graph(name)), 3, "{name}");
    }
}

#[test]
fn biases_and_paddings_join_their_layers() {
    let graph = graph("keras_resnet8_export");
    assert_eq!(count(&graph, |op| matches!(op, Op::BinaryConst { .. } | Op::Pad { .. })), 0);
    let dense = graph.nodes.iter().find(|n| matches!(n.op, Op::Dense { .. })).unwrap();
    assert!(matches!(dense.op, Op::Dense { bias: Some(_), .. }));
}

#[test]
fn a_written_network_reads_back_as_the_same_nodes() {
    for name in ["torch_resnet8a_dynamo", "keras_resnet8_export", "torch_lenet_script", "torch_audio_script"]
    {
        let first = graph(name);
        let bytes = onnx::write(&first).unwrap();
        let again = onnx::read(&bytes, &|_| Err("no file".into())).unwrap().graph;
        let ops = |g: &Graph| g.nodes.iter().map(|n| n.op.name()).collect::<Vec<_>>();
        assert_eq!(ops(&again), ops(&first), "{name}");
        let shapes = |g: &Graph| g.nodes.iter().map(|n| g.values[n.output].shape.clone()).collect::<Vec<_>>();
        assert_eq!(shapes(&again), shapes(&first), "{name}");
        // Writing is a function of the graph alone.
        assert_eq!(onnx::write(&first).unwrap(), bytes, "{name}");
    }
}

#[test]
fn ports_tell_the_files_own_shape_and_layout() {
    let port = |name: &str| read(&fixtures().join(name)).unwrap().inputs.swap_remove(0);
    use Length::{Batch, BatchOf, Fixed};
    let torch = port("torch_resnet8a_dynamo");
    assert_eq!(torch.shape, [Batch, Fixed(3), Fixed(32), Fixed(32)]);
    assert!(torch.channels_first());
    let fixed = port("torch_resnet8a_script_static1");
    assert_eq!(fixed.shape, [BatchOf(1), Fixed(3), Fixed(32), Fixed(32)]);
    let gray = port("torch_lenet_script");
    assert!(gray.channels_first(), "{gray:?}");
    let keras = port("keras_resnet8_export");
    assert_eq!(keras.shape, [Batch, Fixed(32), Fixed(32), Fixed(3)]);
    assert!(!keras.channels_first());
    let flat: Port = port("torch_mlp_external");
    assert_eq!(flat.order, [0]);
}
