//! Damaged ONNX files are refused or read, never a panic; a graph that is read is valid. The fuzz target
//! `onnx` holds the same against more.

use neurohm_nn::{models, onnx};
use neurohm_num::Key;
use proptest::prelude::*;

fn files() -> Vec<Vec<u8>> {
    let key = Key::root(1);
    let graphs = [
        models::mlp(&[3, 2], &[4], 2, key),
        models::cnn(&[12, 12, 1], 3, key),
        models::resnet(&[8, 8, 1], &[2, 3], 1, 2, key),
    ];
    graphs.iter().map(|graph| onnx::write(graph).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn damaged_models_are_refused_or_read(
        file in prop::sample::select(files()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = file;
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match onnx::read(&bytes, &|name| Err(format!("no file {name}"))) {
            Ok(imported) => prop_assert!(imported.graph.validate().is_ok()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
