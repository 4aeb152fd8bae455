//! Batch norms whose statistics are taken anew on the hardware that the network runs on.

use neurohm_num::Watch;

use super::tape::Tape;
use crate::error::NnError;
use crate::exec::Products;
use crate::graph::{Graph, Op, Tensor};

/// Takes the running mean and variance of every batch norm anew from `samples` (`[samples, ...]`, in the shape of the network's
/// only input), which pass in batches of `batch` through the products as they are now: what drifted weights, noise and
/// converters do to the mean and spread of each channel is taken out again, scale and shift stay. Within a batch each norm
/// uses that batch's own statistics; over batches these are averaged. The adaptive update of batch norms of V. Joshi et al.,
/// Nature Communications 11, 2473 (2020), which averages exponentially.
///
/// The first sample has ordinal `first_sample`. `watch` counts samples. Returns the number of batch norms; those that were folded
/// into weights are none.
///
/// # Errors
/// A batch of less than 2, samples of another shape, what the products report.
pub fn recalibrate(
    graph: &mut Graph,
    samples: &Tensor,
    batch: usize,
    products: &dyn Products,
    first_sample: u64,
    watch: &dyn Watch,
) -> Result<usize, NnError> {
    graph.validate()?;
    let norms = graph.nodes.iter().filter(|n| matches!(n.op, Op::BatchNorm { .. })).count();
    let [input] = graph.inputs[..] else {
        return Err(NnError::Inputs { expected: graph.inputs.len(), got: 1 });
    };
    let value = &graph.values[input];
    let size: usize = value.shape.iter().product();
    let count = samples.shape.first().copied().unwrap_or(0);
    if samples.shape.get(1..) != Some(&value.shape[..]) || samples.data.len() != count * size {
        let (name, expected) = (value.name.clone(), value.shape.clone());
        return Err(NnError::Input { name, expected, got: samples.shape.clone() });
    }
    if batch.min(count) < 2 {
        let detail = format!("{} samples have no variance; give 2 at least", batch.min(count));
        return Err(NnError::Setting { name: "batch", detail });
    }
    if norms == 0 {
        return Ok(0);
    }
    let batch = batch.min(count);
    let mut tape = Tape::forward_only(graph, batch);
    // Samples that do not fill a last batch are left out: a batch of few has statistics of its own.
    for (k, part) in samples.data.chunks_exact(batch * size).enumerate() {
        tape.follow = 1.0 / (k + 1) as f64;
        tape.value_mut(input)[..part.len()].copy_from_slice(part);
        tape.forward(graph, batch, first_sample + (k * batch) as u64, products)?;
        watch.step(batch as u64)?;
    }
    Ok(norms)
}

#[cfg(test)]
mod tests {
    use neurohm_array::{ChipSpec, chip_preset};
    use neurohm_num::{Key, Purpose, Rows, RowsMut, Unwatched};

    use super::*;
    use crate::exec::{Digital, Executor, Factor};
    use crate::models;

    /// A small network with batch norms and samples for it.
    fn case(samples: usize) -> (Graph, Tensor) {
        let mut graph = models::by_name("cnn", &[12, 12, 1], 4, Key::root(1)).unwrap();
        let mut x = Tensor { shape: vec![samples, 12, 12, 1], data: vec![0.0; samples * 144] };
        Key::root(2).stream(Purpose::Data, 0).fill_normal(0, &mut x.data);
        // Statistics that fit.
        recalibrate(&mut graph, &x, 64, &Digital, 0, &Unwatched).unwrap();
        (graph, x)
    }

    /// Products that have shrunk, each layer's by another factor.
    struct Shrunk;

    impl Products for Shrunk {
        fn product(&self, of: Factor, weights: Rows, x: Rows, y: &mut RowsMut) -> Result<(), NnError> {
            Digital.product(of, weights, x, y)?;
            let factor = 1.0 / (2 + of.node % 3) as f32;
            y.data_mut().iter_mut().for_each(|y| *y *= factor);
            Ok(())
        }
    }

    fn outputs(graph: &Graph, x: &Tensor, products: &dyn Products) -> Vec<f32> {
        let executor = Executor::new(graph).unwrap();
        executor.run(std::slice::from_ref(x), products, 0, &Unwatched).unwrap().swap_remove(0).data
    }

    fn distance(a: &[f32], b: &[f32]) -> f64 {
        let square = |v: f32| f64::from(v).powi(2);
        let away: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
        (away / b.iter().map(|b| square(*b)).sum::<f64>()).sqrt()
    }

    #[test]
    fn a_common_shrinking_in_front_of_a_norm_is_taken_out_to_rounding() {
        let (graph, x) = case(128);
        // The convolutions of this network stand in front of norms; its two dense layers do not and keep their weights.
        struct Convolutions<'a>(&'a Graph);
        impl Products for Convolutions<'_> {
            fn product(&self, of: Factor, w: Rows, x: Rows, y: &mut RowsMut) -> Result<(), NnError> {
                match self.0.nodes[of.node].op {
                    Op::Conv { .. } => Shrunk.product(of, w, x, y),
                    _ => Digital.product(of, w, x, y),
                }
            }
        }
        let wanted = outputs(&graph, &x, &Digital);
        let shrunk = Convolutions(&graph);
        assert!(distance(&outputs(&graph, &x, &shrunk), &wanted) > 0.2);
        let mut mended = graph.clone();
        assert_eq!(recalibrate(&mut mended, &x, 64, &shrunk, 0, &Unwatched).unwrap(), 2);
        let left = distance(&outputs(&mended, &x, &Convolutions(&mended)), &wanted);
        // What is left is the epsilon under the root, which does not shrink along.
        assert!(left < 1e-3, "{left}");
    }

    #[test]
    fn statistics_of_one_batch_are_those_of_its_values() {
        let (mut graph, x) = case(64);
        recalibrate(&mut graph, &x, 64, &Digital, 0, &Unwatched).unwrap();
        let norm = graph.nodes.iter().position(|n| matches!(n.op, Op::BatchNorm { .. })).unwrap();
        let Op::BatchNorm { mean, variance, .. } = graph.nodes[norm].op else { unreachable!() };
        let mut cut = graph.clone();
        cut.outputs = vec![graph.nodes[norm].inputs[0]];
        cut.nodes.truncate(norm);
        let y = outputs(&cut, &x, &Digital);
        let channels = graph.params[mean].data.len();
        for c in 0..channels {
            let column: Vec<f64> = y.iter().skip(c).step_by(channels).map(|v| f64::from(*v)).collect();
            let m = neurohm_num::stats::mean(&column);
            let v = neurohm_num::stats::sd(&column).powi(2);
            assert!((f64::from(graph.params[mean].data[c]) - m).abs() < 1e-4 * v.sqrt(), "{c}");
            assert!((f64::from(graph.params[variance].data[c]) / v - 1.0).abs() < 1e-4, "{c}");
        }
    }

    #[test]
    fn drifted_devices_are_mended_and_the_rest_stays() {
        let (graph, x) = case(256);
        let chip = ChipSpec {
            drift_compensation: neurohm_array::DriftCompensation::None {},
            ..chip_preset("peer").unwrap()
        };
        // The convolutions stand in front of norms; what the dense layers behind them lose, no norm can mend.
        let convolution = |l: &crate::WeightedLayer| matches!(graph.nodes[l.node].op, Op::Conv { .. });
        let key = Key::root(3);
        let mut network =
            crate::AnalogNetwork::program_layers(&graph, &chip, key, &convolution, &Unwatched).unwrap();
        network.advance(3.15e7).unwrap();
        network.read().unwrap();
        let wanted = outputs(&graph, &x, &Digital);
        let before = distance(&outputs(&graph, &x, &network), &wanted);
        let mut mended = graph.clone();
        recalibrate(&mut mended, &x, 64, &network, 1000, &Unwatched).unwrap();
        let after = distance(&outputs(&mended, &x, &network), &wanted);
        assert!(after < 0.6 * before, "{before} {after}");
        for (id, (a, b)) in graph.params.iter().zip(&mended.params).enumerate() {
            let statistics = graph.nodes.iter().any(
                |n| matches!(n.op, Op::BatchNorm { mean, variance, .. } if id == mean || id == variance),
            );
            assert_eq!(a == b, !statistics, "parameter {id}");
        }
    }

    #[test]
    fn threads_change_no_bit_and_bad_samples_are_told() {
        let (graph, x) = case(130);
        let on = |threads: usize| {
            let mut graph = graph.clone();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| recalibrate(&mut graph, &x, 64, &Shrunk, 0, &Unwatched)).unwrap();
            graph
        };
        assert_eq!(on(1), on(3));
        let fails = |x: &Tensor, batch: usize| {
            recalibrate(&mut graph.clone(), x, batch, &Digital, 0, &Unwatched).unwrap_err().to_string()
        };
        assert!(fails(&x, 1).contains("1 samples have no variance"));
        let flat = Tensor { shape: vec![130, 144], data: x.data.clone() };
        assert!(fails(&flat, 64).contains("takes [batch, 12, 12, 1]"), "{}", fails(&flat, 64));
    }
}
