//! Any bytes as an ONNX model: an error, or a graph that is valid.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let external = |name: &str| match name.len() % 4 {
        0 => Err(format!("no file {name}")),
        n => Ok(vec![n as u8; 64 * n]),
    };
    if let Ok(imported) = neurohm_nn::onnx::read(bytes, &external) {
        imported.graph.validate().expect("an imported graph is valid");
    }
});
