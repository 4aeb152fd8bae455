//! Eight numbers that are treated alike: small blocks are eliminated eight at a time, one in each lane.

/// Lanes of a [`V`].
pub(super) const LANES: usize = 8;

/// A number in each lane.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct V(pub [f64; LANES]);

impl V {
    pub(super) const ZERO: V = V([0.0; LANES]);

    #[inline(always)]
    pub(super) fn all(value: f64) -> V {
        V([value; LANES])
    }

    #[inline(always)]
    fn with(self, other: V, f: impl Fn(f64, f64) -> f64) -> V {
        let mut r = V::ZERO;
        for l in 0..LANES {
            r.0[l] = f(self.0[l], other.0[l]);
        }
        r
    }

    #[inline(always)]
    pub(super) fn add(self, other: V) -> V {
        self.with(other, |a, b| a + b)
    }

    #[inline(always)]
    pub(super) fn sub(self, other: V) -> V {
        self.with(other, |a, b| a - b)
    }

    #[inline(always)]
    pub(super) fn mul(self, other: V) -> V {
        self.with(other, |a, b| a * b)
    }

    #[inline(always)]
    pub(super) fn neg(self) -> V {
        self.with(self, |a, _| -a)
    }

    /// `self - a b`, fused where `FUSED` says that the processor can.
    #[inline(always)]
    pub(super) fn less<const FUSED: bool>(self, a: V, b: V) -> V {
        let mut r = V::ZERO;
        for l in 0..LANES {
            r.0[l] = if FUSED { (-a.0[l]).mul_add(b.0[l], self.0[l]) } else { self.0[l] - a.0[l] * b.0[l] };
        }
        r
    }

    /// `self` in the lanes that are chosen, `other` in the rest.
    #[inline(always)]
    pub(super) fn or(self, chosen: &[bool; LANES], other: V) -> V {
        let mut r = other;
        for l in 0..LANES {
            if chosen[l] {
                r.0[l] = self.0[l];
            }
        }
        r
    }

    #[inline(always)]
    pub(super) fn inverse(self) -> V {
        self.with(self, |a, _| 1.0 / a)
    }

    #[inline(always)]
    pub(super) fn inverse_root(self) -> V {
        self.with(self, |a, _| 1.0 / a.sqrt())
    }
}
