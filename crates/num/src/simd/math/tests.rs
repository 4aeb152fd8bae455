use super::*;
use crate::simd::{Isa, force, isa};

/// Error of `found` in units in the last place of the single-precision result.
fn ulps(found: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if found == rounded || (found.is_nan() && exact.is_nan()) {
        return 0.0;
    }
    let spacing = f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
    ((f64::from(found) - exact) / spacing).abs()
}

/// Every 97th positive number, from the smallest subnormal to the largest.
fn positives() -> impl Iterator<Item = f32> {
    (1..0x7f80_0000_u32).step_by(97).map(f32::from_bits)
}

#[test]
fn ln_is_accurate() {
    let worst = positives().map(|x| (ulps(ln(x), f64::from(x).ln()), x)).max_by(|a, b| a.0.total_cmp(&b.0));
    assert!(worst.is_some_and(|(error, _)| error < 1.1), "{worst:?}");
    assert_eq!(ln(0.0), f32::NEG_INFINITY);
    assert_eq!(ln(1.0), 0.0);
    assert_eq!(ln(f32::INFINITY), f32::INFINITY);
    assert!(ln(-1.0).is_nan() && ln(f32::NAN).is_nan());
    assert_eq!(ln_positive(0.0), ln(f32::MIN_POSITIVE));
}

#[test]
fn exp_is_accurate() {
    let arguments = || (0..3_000_000).map(|i| -104.0 + 193.0 * (i as f32 / 3_000_000.0));
    let worst = arguments().map(|x| (ulps(exp(x), f64::from(x).exp()), x)).max_by(|a, b| a.0.total_cmp(&b.0));
    assert!(worst.is_some_and(|(error, _)| error < 1.5), "{worst:?}");
    for x in arguments().filter(|x| (-87.0..=88.0).contains(x)) {
        assert_eq!(exp_moderate(x).to_bits(), exp(x).to_bits(), "{x}");
    }
    assert_eq!(
        (exp(0.0), exp(-0.0), exp(f32::NEG_INFINITY), exp(f32::INFINITY)),
        (1.0, 1.0, 0.0, f32::INFINITY)
    );
    assert_eq!((exp(-200.0), exp(1e30)), (0.0, f32::INFINITY));
    assert!(exp(f32::NAN).is_nan());
    assert_eq!((exp_moderate(-1e9), exp_moderate(1e9)), (exp(-87.0), exp(88.0)));
}

#[test]
fn pow_is_accurate() {
    let mut worst = (0.0, 0.0, 0.0);
    for x in positives().step_by(31) {
        for y in [-3.0, -0.65, -0.049, 0.1, 0.5, 1.0, 2.0, 7.3] {
            let error = ulps(pow(x, y), f64::from(x).powf(f64::from(y)));
            if error > worst.0 {
                worst = (error, x, y);
            }
        }
    }
    assert!(worst.0 < 0.51, "{worst:?}");
    assert_eq!((pow(0.0, 2.0), pow(0.0, -1.0), pow(0.0, 0.0), pow(5.0, 0.0)), (0.0, f32::INFINITY, 1.0, 1.0));
    assert_eq!((pow(f32::INFINITY, 2.0), pow(f32::INFINITY, -2.0)), (f32::INFINITY, 0.0));
    assert!(pow(-1.0, 2.0).is_nan() && pow(f32::NAN, 1.0).is_nan() && pow(1.0, f32::NAN).is_nan());
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let before = isa();
    let run = || {
        let values: Vec<f32> =
            (0..1_000_003_u32).map(|i| f32::from_bits(i.wrapping_mul(4_294_967))).collect();
        let mut all = Vec::new();
        for f in [exp_in_place, ln_in_place, sqrt_in_place, |v: &mut [f32]| pow_in_place(v, -0.65)] {
            let mut copy = values.clone();
            f(&mut copy);
            // NaN is NaN, whatever its payload.
            all.extend(copy.iter().map(|v| if v.is_nan() { 0x7fc0_0000 } else { v.to_bits() }));
        }
        all
    };
    let results: Vec<_> = Isa::available().into_iter().map(|isa| (force(isa), run())).collect();
    force(before);
    for (forced, bits) in &results {
        assert!(*forced && *bits == results[0].1);
    }
}
