//! Damaged chip files are refused or read, never a panic; what is read can be written and read again. The
//! fuzz target `chip_toml` holds the same against more.

use neurohm_array::{chip_presets, parse_chip, presets_only};
use proptest::prelude::*;

proptest! {
    #[test]
    fn damaged_presets_are_refused_or_read(
        which in 0..chip_presets().len(),
        at in any::<prop::sample::Index>(),
        cut in 0..12_usize,
        paste in "\\PC{0,8}",
    ) {
        let mut text: Vec<char> = chip_presets()[which].toml.chars().collect();
        let start = at.index(text.len());
        let end = (start + cut).min(text.len());
        text.splice(start..end, paste.chars());
        match parse_chip(&text.into_iter().collect::<String>(), "damaged", &presets_only) {
            Ok(chip) => {
                let again = parse_chip(&chip.to_toml().unwrap(), "again", &presets_only);
                prop_assert_eq!(again.unwrap(), chip);
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
