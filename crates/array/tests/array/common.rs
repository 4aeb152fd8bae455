//! What several of these tests begin with.

use neurohm_array::{ChipSpec, presets_only};
use neurohm_num::{Key, Purpose};

/// Standard normal numbers, others for each seed.
pub fn normals(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Key::root(seed).stream(Purpose::Data, 0).fill_normal(0, &mut values);
    values
}

/// The ideal chip with some settings laid over it.
pub fn chip(settings: &[(&str, &str)]) -> ChipSpec {
    let mut chip = ChipSpec::ideal();
    for (path, value) in settings {
        chip.set(path, value, &presets_only).unwrap();
    }
    chip
}
