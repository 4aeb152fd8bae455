//! Stable ids of descriptions.
//!
//! Hashing a whole description would give a new id as soon as a setting is added to the program. So what
//! equals its default is pruned first: a new setting, at its default, leaves ids alone. A default that
//! changes its meaning must therefore come with a new revision of the study; a snapshot test holds them.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// What of `value` differs from `default`; `None` if nothing does. A key that only the default has
/// becomes null, so that "switched off" and "left alone" stay apart.
pub fn pruned(value: &Value, default: &Value) -> Option<Value> {
    if value == default {
        return None;
    }
    let (Value::Object(v), Value::Object(d)) = (value, default) else { return Some(value.clone()) };
    let mut out = Map::new();
    for (key, here) in v {
        match d.get(key) {
            Some(there) => {
                if let Some(rest) = pruned(here, there) {
                    out.insert(key.clone(), rest);
                }
            }
            // Absent and null are the same setting: not set.
            None if here.is_null() => {}
            None => {
                out.insert(key.clone(), here.clone());
            }
        }
    }
    for (key, there) in d {
        if !v.contains_key(key) && !there.is_null() {
            out.insert(key.clone(), Value::Null);
        }
    }
    if out.is_empty() { None } else { Some(Value::Object(out)) }
}

/// The first 16 hexadecimal digits of the SHA-256 of `value` with sorted keys and no spaces.
pub fn digest(value: &Value) -> String {
    hex(value.to_string().as_bytes())
}

/// The first 16 hexadecimal digits of the SHA-256 of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_new_setting_at_its_default_changes_nothing() {
        let old = pruned(&json!({"a": 1, "t": {"x": 2}}), &json!({"a": 0, "t": {"x": 2}}));
        let new = pruned(
            &json!({"a": 1, "t": {"x": 2, "new": 5}, "z": null}),
            &json!({"a": 0, "t": {"x": 2, "new": 5}, "z": null}),
        );
        assert_eq!(old, Some(json!({"a": 1})));
        assert_eq!(old, new);
    }

    #[test]
    fn switching_off_is_not_leaving_alone() {
        let default = json!({"adc": {"bits": 8}, "x": 1});
        assert_eq!(pruned(&json!({"x": 1}), &default), Some(json!({"adc": null})));
        assert_eq!(pruned(&json!({"x": 1, "adc": null}), &default), Some(json!({"adc": null})));
        assert_eq!(pruned(&default, &default), None);
        let tagged = pruned(&json!({"law": {"b": {}}}), &json!({"law": {"a": {"k": 1}}}));
        assert_eq!(tagged, Some(json!({"law": {"a": null, "b": {}}})));
    }

    // SHA-256 of "abc" (FIPS 180-2, appendix B.1) begins ba7816bf8f01cfea.
    #[test]
    fn digests_are_sha256() {
        assert_eq!(hex(b"abc"), "ba7816bf8f01cfea");
        assert_eq!(digest(&json!({"b": 1, "a": 2})), hex(b"{\"a\":2,\"b\":1}"));
    }
}
