//! A node's attributes by name.

use super::proto;

/// The attributes of one node; the catalogue has checked their names and kinds.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub &'a [proto::Attribute]);

impl<'a> Attributes<'a> {
    pub fn get(self, name: &str) -> Option<&'a proto::Attribute> {
        self.0.iter().find(|a| a.name == name)
    }

    pub fn int(self, name: &str, default: i64) -> i64 {
        self.maybe_int(name).unwrap_or(default)
    }

    pub fn maybe_int(self, name: &str) -> Option<i64> {
        // An attribute of value zero may have been written without its value.
        self.get(name).map(|a| a.i.unwrap_or(0))
    }

    pub fn float(self, name: &str, default: f32) -> f32 {
        self.maybe_float(name).unwrap_or(default)
    }

    pub fn maybe_float(self, name: &str) -> Option<f32> {
        self.get(name).map(|a| a.f.unwrap_or(0.0))
    }

    pub fn ints(self, name: &str) -> Option<&'a [i64]> {
        self.get(name).map(|a| a.ints.as_slice())
    }

    /// Lengths of what an axis of `n` is split into: as listed, else evenly with the last one shorter.
    pub fn parts(self, listed: Option<Vec<i64>>, n: usize, outputs: usize) -> Vec<usize> {
        if let Some(sizes) = listed {
            return sizes.iter().map(|&s| usize::try_from(s).unwrap_or(usize::MAX)).collect();
        }
        let count = self.int("num_outputs", outputs as i64).clamp(1, 1 << 16) as usize;
        let size = n.div_ceil(count);
        (0..count).map(|i| size.min(n.saturating_sub(i * size))).collect()
    }

    pub fn text(self, name: &str) -> Option<&'a str> {
        self.get(name).map(text)
    }
}

/// The text that an attribute holds; bytes that are no UTF-8 match no allowed text.
pub(super) fn text(attribute: &proto::Attribute) -> &str {
    std::str::from_utf8(attribute.s.as_deref().unwrap_or_default()).unwrap_or("\u{fffd}")
}
