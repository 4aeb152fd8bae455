use super::*;
use crate::{Deviation, Nonidealities, Write};

#[test]
fn every_preset_parses_and_survives_a_round_trip() {
    for p in presets() {
        let spec = preset(p.name).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(spec.name, p.name);
        assert_eq!(to_toml(&spec), p.toml, "an unchanged preset is printed with its comments");
        for text in [&spec.title, &spec.class, &spec.source, &spec.valid_range] {
            assert!(!text.is_empty(), "{}", p.name);
        }
        let mut changed = spec.clone();
        changed.name.push_str("_mine");
        let printed = to_toml(&changed);
        assert!(printed.starts_with("# "));
        assert_eq!(parse(&printed, "printed").as_ref(), Ok(&changed), "{printed}");
        assert_eq!(parse(&to_toml(&spec.idealised()), "ideal"), Ok(spec.idealised()));
        assert!(spec.idealised().nonidealities().is_empty());
        assert!(spec.idealised().unmeasured().is_empty());
    }
}
