//! Weights in digits of different significance, each on devices of its own.
//!
//! With `r` a weight over its scale, from -1 to 1, slice `k` holds `v_k`, from -1 to 1 too, and
//!
//! ```text
//! r = sum_k s_k v_k,    sum_k s_k = 1
//! ```
//!
//! Digits of `b_k` bits, `B` together, are those of the whole number nearest to `|r| (2^B - 1)`, so that
//! `s_k = (2^b_k - 1) 2^(bits below) / (2^B - 1)` (ISAAC: A. Shafiee et al., ISCA 2016, whose weights of 16 bits take eight
//! cells of 2). With given significances each slice but the last has steps just fine enough that what is left fits into the
//! slices below it, and the last holds the rest as it is (significances of several devices of a synapse: I. Boybat et al.,
//! Nature Communications 9, 2514, 2018; S. Ambrogio et al., Nature 558, 60, 2018; both recalled).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SettingError;

/// Most slices, and most bits of all of them together: single precision holds no more.
const MOST: usize = 16;
const MOST_BITS: u32 = 22;

/// A weight as digits of different significance, most significant first, each in a pair (or pairs in parallel) of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slices {
    /// What each slice holds.
    pub digits: Digits,
    /// Where slices become one number.
    #[serde(default)]
    pub combine: Combine,
    /// Whether a slice is written to what those before it, as they were read back, have left of the weight: what they missed
    /// is then the next one's to hold. Digits may have another sign than the weight, and are rounded to the nearest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
}

/// What each slice holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Digits {
    /// So many bits of the magnitude, 1 to 22 together.
    Bits(Vec<u32>),
    /// What a full pair of each slice counts, relative to one another, never rising: two or more. The last slice is analog, those
    /// before it are digits with as few levels as leave it the rest.
    Significance(Vec<f64>),
}

/// Where slices become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// Behind the converters: each slice has columns and conversions of its own, which are shifted and added. The unit of a
    /// converter's range is then the current of one full pair.
    #[default]
    Digital,
    /// In front of one converter, which sees the sum of their currents, each scaled by its significance.
    Analog,
}

impl Slices {
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let refused = |field: &str, says: String| {
            let path = if field.is_empty() { String::new() } else { format!(".{field}") };
            Err(SettingError::value(format!("mapping.slices{path}"), says))
        };
        let count = match &self.digits {
            Digits::Bits(bits) => {
                if bits.is_empty() || bits.len() > MOST {
                    return refused("digits.bits", format!("{} slices; allowed are 1 to {MOST}", bits.len()));
                }
                if let Some(wrong) = bits.iter().find(|b| !(1..=MOST_BITS).contains(*b)) {
                    let says = format!("a slice of {wrong} bits; allowed are 1 to {MOST_BITS}");
                    return refused("digits.bits", says);
                }
                let all: u32 = bits.iter().sum();
                if all > MOST_BITS {
                    return refused(
                        "digits.bits",
                        format!("{all} bits together; allowed are up to {MOST_BITS}"),
                    );
                }
                bits.len()
            }
            Digits::Significance(each) => {
                if !(2..=MOST).contains(&each.len()) {
                    let says = format!("{} slices; allowed are 2 to {MOST}", each.len());
                    return refused("digits.significance", says);
                }
                if let Some(wrong) = each.iter().find(|s| !(1e-6..=1e6).contains(*s)) {
                    return refused(
                        "digits.significance",
                        format!("{wrong} is not a number from 1e-6 to 1e6"),
                    );
                }
                if let Some(pair) = each.windows(2).find(|pair| pair[1] > pair[0]) {
                    let says =
                        format!("{} comes behind {}; the most significant slice is first", pair[1], pair[0]);
                    return refused("digits.significance", says);
                }
                each.len()
            }
        };
        if count == 1 && self.combine == Combine::Analog {
            return refused("combine", "has no effect on a single slice".to_owned());
        }
        if count == 1 && self.verify {
            return refused("verify", "has no effect: no slice comes behind the only one".to_owned());
        }
        Ok(())
    }

    /// How many.
    pub fn count(&self) -> usize {
        match &self.digits {
            Digits::Bits(bits) => bits.len(),
            Digits::Significance(each) => each.len(),
        }
    }

    /// What each is worth, the sum being 1.
    pub(crate) fn shares(&self) -> Vec<f64> {
        match &self.digits {
            Digits::Bits(bits) => {
                let all = two_to(bits.iter().sum()) - 1.0;
                let below = |k: usize| two_to(bits[k + 1..].iter().sum());
                bits.iter().enumerate().map(|(k, b)| (two_to(*b) - 1.0) * below(k) / all).collect()
            }
            Digits::Significance(each) => {
                let sum: f64 = each.iter().sum();
                each.iter().map(|s| s / sum).collect()
            }
        }
    }

    /// Steps from zero to a full pair of slice `k`; `None` where it is analog.
    fn steps(&self, k: usize) -> Option<f64> {
        match &self.digits {
            Digits::Bits(bits) => Some(two_to(bits[k]) - 1.0),
            Digits::Significance(each) => {
                let below: f64 = each[k + 1..].iter().sum();
                (below > 0.0).then(|| (each[k] / below - 1e-9).ceil())
            }
        }
    }

    /// Weights over their scales, in place, as the digits can hold them.
    pub(crate) fn round(&self, rest: &mut [f64]) {
        let all = match &self.digits {
            Digits::Bits(bits) if !self.verify => Some(two_to(bits.iter().sum()) - 1.0),
            _ => None,
        };
        for r in rest {
            *r = r.clamp(-1.0, 1.0);
            if let Some(all) = all {
                *r = (*r * all).round() / all;
            }
        }
    }

    /// What slice `k` is to hold of what the slices before it left.
    pub(crate) fn digits(&self, k: usize, rest: &[f64]) -> Vec<f64> {
        let (share, steps) = (self.shares()[k], self.steps(k));
        let last = k + 1 == self.count();
        let digit = |r: &f64| {
            let part = (r / share).clamp(-1.0, 1.0);
            match steps {
                None => part,
                // Slices below hold what is left, which has the same sign unless they are read back.
                Some(steps) if !self.verify && !last => {
                    (part * steps + 1e-6_f64.copysign(part)).trunc() / steps
                }
                Some(steps) => (part * steps).round() / steps,
            }
        };
        rest.iter().map(digit).collect()
    }
}

fn two_to(bits: u32) -> f64 {
    libm::exp2(f64::from(bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slices(digits: Digits, verify: bool) -> Slices {
        Slices { digits, combine: Combine::Digital, verify }
    }

    /// What is held after all slices, each being exact.
    fn held(slices: &Slices, r: f64) -> (f64, Vec<f64>) {
        let mut rest = vec![r];
        slices.round(&mut rest);
        let (mut sum, mut digits) = (0.0, Vec::new());
        for (k, share) in slices.shares().into_iter().enumerate() {
            let digit = slices.digits(k, &rest)[0];
            rest[0] -= share * digit;
            sum += share * digit;
            digits.push(digit);
        }
        (sum, digits)
    }

    proptest! {
        /// Digits by whole numbers: shifts and masks.
        #[test]
        fn bits_are_those_of_the_nearest_whole_number(
            r in -1.2f64..1.2, bits in prop::collection::vec(1u32..6, 1..5), verify in any::<bool>()
        ) {
            prop_assume!(!(verify && bits.len() == 1));
            let all: u32 = bits.iter().sum();
            let largest = (1u64 << all) - 1;
            let whole = (r.abs().min(1.0) * largest as f64).round() as u64;
            let expected = whole as f64 / largest as f64 * r.signum();
            let (sum, digits) = held(&slices(Digits::Bits(bits.clone()), verify), r);
            prop_assert!((sum - expected).abs() < 1e-12 + if verify { 0.5 / largest as f64 } else { 0.0 }, "{sum} {expected}");
            if !verify {
                let mut below = all;
                for (b, digit) in bits.iter().zip(digits) {
                    below -= b;
                    let mask = (1u64 << b) - 1;
                    let by_hand = (whole >> below & mask) as f64 / mask as f64 * r.signum();
                    prop_assert!((digit - by_hand).abs() < 1e-12, "{digit} {by_hand}");
                }
            }
        }

        #[test]
        fn an_analog_slice_holds_all_that_is_left(
            r in -1.0f64..1.0, falls in prop::collection::vec(1.0f64..9.0, 1..5), verify in any::<bool>()
        ) {
            let mut each = vec![1.0];
            falls.iter().for_each(|f| each.push(each[each.len() - 1] / f));
            let (sum, digits) = held(&slices(Digits::Significance(each), verify), r);
            prop_assert!((sum - r).abs() < 1e-6, "{sum}");
            prop_assert!(digits.iter().all(|d| d.abs() <= 1.0));
        }
    }

    #[test]
    fn shares_follow_their_places() {
        let of = |digits: Digits| slices(digits, false).shares();
        assert_eq!(of(Digits::Bits(vec![2, 2, 2])), [48.0 / 63.0, 12.0 / 63.0, 3.0 / 63.0]);
        assert_eq!(of(Digits::Bits(vec![1, 3])), [8.0 / 15.0, 7.0 / 15.0]);
        assert_eq!(of(Digits::Significance(vec![3.0, 1.0])), [0.75, 0.25]);
        assert_eq!(slices(Digits::Significance(vec![1.0, 0.25, 0.0625]), false).steps(0), Some(4.0));
    }

    #[test]
    fn slices_that_cannot_be_are_refused_by_path() {
        let said = |slices: Slices| slices.check().unwrap_err().to_string();
        let bits = |b: &[u32]| slices(Digits::Bits(b.to_vec()), false);
        let significance = |s: &[f64]| slices(Digits::Significance(s.to_vec()), false);
        for (wrong, path, says) in [
            (bits(&[]), "digits.bits", "0 slices"),
            (bits(&[2, 0]), "digits.bits", "0 bits"),
            (bits(&[12, 12]), "digits.bits", "24 bits together"),
            (bits(&[u32::MAX, u32::MAX]), "digits.bits", "allowed are 1 to 22"),
            (significance(&[1.0]), "digits.significance", "1 slices"),
            (significance(&[1.0, 2.0]), "digits.significance", "2 comes behind 1"),
            (significance(&[1.0, -0.5]), "digits.significance", "-0.5"),
            (significance(&[1.0, f64::NAN]), "digits.significance", "NaN"),
            (Slices { combine: Combine::Analog, ..bits(&[4]) }, "combine", "no effect"),
            (Slices { verify: true, ..bits(&[4]) }, "verify", "no effect"),
        ] {
            let said = said(wrong);
            assert!(said.starts_with(&format!("mapping.slices.{path}: ")) && said.contains(says), "{said}");
        }
        assert!(bits(&[2; 8]).check().is_ok() && significance(&[1.0, 1.0]).check().is_ok());
    }
}
