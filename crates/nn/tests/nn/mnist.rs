//! The built-in networks on real digits: the `mlp` as it is trained by default, the `cnn` shortened. Full runs of both
//! are recorded by `validation/training`.
#![expect(clippy::print_stdout, reason = "tests say what they skip")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use neurohm_data::{Limits, Source, load};
use neurohm_nn::{Digital, Labelled, TrainConfig, evaluate, models, train};
use neurohm_num::{Key, Unwatched};

/// MNIST in `$NEUROHM_DATA` or beside the repository.
fn mnist() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("NEUROHM_DATA").map_or(beside, PathBuf::from).join("mnist");
    folder.is_dir().then_some(folder)
}

/// Trains on the first `samples` digits and returns the test accuracy.
fn trained(name: &str, samples: usize, epochs: usize, tests: usize) -> Option<f64> {
    let Some(folder) = mnist() else {
        println!("skipped: no mnist in $NEUROHM_DATA or ../shared/data");
        return None;
    };
    let limits = Limits { train: Some(samples), test: Some(tests) };
    let data = load(&Source::Mnist(folder), limits, &Unwatched).unwrap();
    let (fit, test) = (data.train.unwrap(), data.test);
    let mut graph = models::by_name(name, &fit.shape, 10, Key::root(1)).unwrap();
    let config = TrainConfig { epochs, ..TrainConfig::default() };
    let labelled = Labelled { x: fit.rows(), labels: fit.y.as_deref().unwrap() };
    train(&mut graph, labelled, &config, Key::root(1), &Unwatched, |_, _| ControlFlow::Continue(())).unwrap();
    let test = Labelled { x: test.rows(), labels: test.y.as_deref().unwrap() };
    Some(evaluate(&graph, test, &Digital, &Unwatched).unwrap())
}

#[test]
fn a_perceptron_learns_digits() {
    // All of MNIST, for the default number of epochs: ten to twenty seconds of CPU time.
    let epochs = TrainConfig::default().epochs;
    if let Some(accuracy) = trained("mlp", 60_000, epochs, 10_000) {
        assert!(accuracy >= 0.98, "{accuracy}");
    }
}

#[test]
fn a_convolutional_network_learns_digits() {
    if let Some(accuracy) = trained("cnn", 8192, 2, 1000) {
        assert!(accuracy > 0.93, "{accuracy}");
    }
}

#[test]
fn a_recurrent_network_learns_digits_from_their_rows() {
    if let Some(accuracy) = trained("lstm", 4096, 3, 1000) {
        println!("{accuracy}");
        assert!(accuracy > 0.8, "{accuracy}");
    }
}
