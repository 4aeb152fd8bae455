//! Any text as a device description: an error that can be shown, or a device that is written and read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurohm_device::{parse, to_toml};

fuzz_target!(|text: &str| {
    match parse(text, "fuzz.toml") {
        Ok(device) => {
            assert_eq!(parse(&to_toml(&device), "again.toml").expect("what was written can be read"), device)
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
