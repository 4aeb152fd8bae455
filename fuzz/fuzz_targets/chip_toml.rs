//! Any text as a chip description: an error that can be shown, or a chip that is written and read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurohm_array::{parse_chip, presets_only};

fuzz_target!(|text: &str| {
    match parse_chip(text, "fuzz.toml", &presets_only) {
        Ok(chip) => {
            let text = chip.to_toml().expect("a checked chip can be written");
            assert_eq!(
                parse_chip(&text, "again.toml", &presets_only).expect("what was written can be read"),
                chip
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
