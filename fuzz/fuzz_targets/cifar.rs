//! Any bytes as a CIFAR-10 batch: an error, or one label below ten and 3072 pixels in [0, 1] a sample.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurohm_data::{Samples, cifar};

fuzz_target!(|bytes: &[u8]| {
    let mut samples = Samples::default();
    if cifar::read_batch(bytes, &mut samples, Some(8)).is_ok() {
        let labels = samples.y.as_deref().unwrap_or_default();
        assert!(labels.len() == samples.len() && samples.len() <= 8 && labels.iter().all(|&l| l < 10));
        assert!(samples.x.len() == 3072 * labels.len() && samples.x.iter().all(|p| (0.0..=1.0).contains(p)));
    }
});
