use super::*;
use crate::simd::{Isa, force, isa};
use crate::{Key, Purpose};
use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal as Gauss};

const N: usize = 1 << 21;

fn normals(stream: Stream, n: usize) -> Vec<f32> {
    let mut out = vec![0.0; n];
    stream.fill_normal(0, &mut out);
    out
}

fn moment(values: &[f32], k: i32) -> f64 {
    values.iter().map(|v| f64::from(*v).powi(k)).sum::<f64>() / values.len() as f64
}

/// Largest distance of the empirical distribution from `cdf`, times sqrt n (Kolmogorov).
fn kolmogorov(values: &[f32], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted.iter().enumerate().map(|(i, v)| {
        let f = cdf(f64::from(*v));
        (f - i as f64 / n).max((i + 1) as f64 / n - f)
    });
    distance.fold(0.0, f64::max) * n.sqrt()
}

#[test]
fn normals_have_gaussian_moments() {
    let z = normals(Key::root(7).stream(Purpose::Programming, 3), N);
    // Five standard errors of each sample moment: sqrt(var(z^k) / n).
    for (k, expected, variance) in
        [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (6, 15.0, 10_170.0)]
    {
        let error = (moment(&z, k) - expected).abs();
        assert!(error < 5.0 * f64::sqrt(variance / N as f64), "moment {k} off by {error}");
    }
}

#[test]
fn distributions_pass_kolmogorov_and_smirnov() {
    let stream = Key::root(11).stream(Purpose::OutputNoise, 0);
    let gauss = Gauss::new(0.0, 1.0).unwrap();
    // P(K > 1.95) = 0.001.
    let z = normals(stream, 1 << 20);
    assert!(kolmogorov(&z, |x| gauss.cdf(x)) < 1.95);
    let mut u = vec![0.0; 1 << 20];
    stream.fill_uniform(0, &mut u);
    assert!(kolmogorov(&u, |x| x) < 1.95);
    assert!(u.iter().all(|u| *u > 0.0 && *u < 1.0));
    let mut g = vec![0.0; 1 << 20];
    stream.fill_lognormal(0, -1.0, 0.3, &mut g);
    assert!(kolmogorov(&g, |x| gauss.cdf((x.ln() + 1.0) / 0.3)) < 1.95);
}

#[test]
fn tails_are_as_heavy_as_they_should_be() {
    // 2^26 draws: expect 67108864 P(|z| > 4) = 4251, P(|z| > 5) = 38.5.
    let stream = Key::root(5).stream(Purpose::SlowNoise, 9);
    let mut beyond = [0_u32; 2];
    let mut buffer = vec![0.0; 1 << 16];
    for piece in 0..1 << 10 {
        stream.fill_normal(piece << 16, &mut buffer);
        for z in &buffer {
            beyond[0] += u32::from(z.abs() > 4.0);
            beyond[1] += u32::from(z.abs() > 5.0);
        }
    }
    assert!((f64::from(beyond[0]) - 4251.0).abs() < 5.0 * 4251_f64.sqrt(), "{beyond:?}");
    assert!((f64::from(beyond[1]) - 38.5).abs() < 5.0 * 38.5_f64.sqrt(), "{beyond:?}");
    // The extreme words: radius sqrt(2 ln 2^32), split evenly at 45 degrees plus t.
    let (a, b) = normal::pair(0, 1 << 29);
    let radius = f64::from(a).hypot(f64::from(b));
    assert!((radius - (2.0 * 32.0 * std::f64::consts::LN_2).sqrt()).abs() < 1e-5, "{radius}");
    assert!(normal::pair(!0, 0).0.abs() < 1e-3);
    assert!((normal::uniform(0), normal::uniform(!0)) == (0.5 / 8_388_608.0, 1.0 - 0.5 / 8_388_608.0));
}

#[test]
fn pairs_agree_with_double_precision() {
    for i in 0..200_000_u32 {
        let (radius, angle) = (i.wrapping_mul(0x9e37_79b9), i.wrapping_mul(0x85eb_ca6b) ^ 0x1234_5678);
        let (a, b) = normal::pair(radius, angle);
        let r = (-2.0 * ((f64::from(radius >> 1) + 0.5) / 2_147_483_648.0).ln()).sqrt();
        let t = std::f64::consts::FRAC_PI_4 * (1.0 + f64::from((angle << 2) as i32) / 2_147_483_648.0);
        let sign = |bit: u32| if angle >> bit & 1 == 1 { -1.0 } else { 1.0 };
        // Near a radius of 0 the rounding of u to 24 bits shows; elsewhere it is the last place.
        let tolerance = 1e-6 + 1e-7 / r.max(1e-4);
        assert!((f64::from(a) - sign(31) * r * t.cos()).abs() < tolerance, "{radius:x} {angle:x}: {a}");
        assert!((f64::from(b) - sign(30) * r * t.sin()).abs() < tolerance, "{radius:x} {angle:x}: {b}");
    }
}

#[test]
fn streams_are_independent() {
    let root = Key::root(1);
    let base = root.child("tile", 3);
    let first = normals(base.stream(Purpose::Programming, 1), N);
    let others = [
        base.stream(Purpose::Programming, 2),
        base.stream(Purpose::DriftExponent, 1),
        root.child("tile", 4).stream(Purpose::Programming, 1),
        Key::root(2).child("tile", 3).stream(Purpose::Programming, 1),
        base.stream(Purpose::Programming, 1 << 32),
    ];
    let limit = 5.0 / (N as f64).sqrt();
    let correlation = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() / a.len() as f64
    };
    for stream in others {
        let second = normals(stream, N);
        assert!(correlation(&first, &second).abs() < limit);
    }
    // Within a stream: neighbours, the two of a pair, the lanes, the groups.
    for lag in [1, 2, 15, 16, 17, 32, 48, 64, 1024] {
        assert!(correlation(&first[lag..], &first[..N - lag]).abs() < limit * 1.01, "lag {lag}");
        let squares: Vec<f32> = first.iter().map(|z| (z * z - 1.0) / std::f32::consts::SQRT_2).collect();
        assert!(
            correlation(&squares[lag..], &squares[..N - lag]).abs() < limit * 1.01,
            "squares at lag {lag}"
        );
    }
}

#[test]
fn bits_are_philox_blocks() {
    let stream = Stream::from_parts([0xa409_3822, 0x299f_31d0], 0x0370_7344_1319_8a2e);
    // The largest block that an element reaches is 2^62 - 1.
    for block in [0, 8, 0x85a3_08d3, 0x15a3_08d3_243f_6a88, (1_u64 << 62) - 1] {
        let first = block / 16 * 64 + block % 16;
        let words = [0, 16, 32, 48].map(|offset| stream.bits(first + offset));
        let counter = [block as u32, (block >> 32) as u32, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(words, philox4x32_10(counter, stream.key));
    }
}

#[test]
fn the_sequential_view_uses_every_word_once() {
    use rand::Rng;
    let stream = Key::root(9).stream(Purpose::Shuffle, 0);
    let mut rng = stream.rng();
    let mut sequential: Vec<u32> = (0..256).map(|_| rng.next_u32()).collect();
    let mut elements: Vec<u32> = (0..256).map(|e| stream.bits(e)).collect();
    sequential.sort_unstable();
    elements.sort_unstable();
    assert_eq!(sequential, elements);
    let mut bytes = [0; 7];
    stream.rng().fill_bytes(&mut bytes);
    assert_eq!(bytes[..4], stream.bits(0).to_le_bytes());
}

#[test]
fn shuffles_are_uniform() {
    // 24 orders of 4 items, 24000 shuffles: chi squared with 23 degrees, P(> 49.7) = 0.001.
    let mut counts = std::collections::BTreeMap::new();
    for event in 0..24_000 {
        let mut items = [0, 1, 2, 3];
        Key::root(3).stream(Purpose::Shuffle, event).shuffle(&mut items);
        *counts.entry(items).or_insert(0_u32) += 1;
    }
    let chi2: f64 = counts.values().map(|c| (f64::from(*c) - 1000.0).powi(2) / 1000.0).sum();
    assert!(counts.len() == 24 && chi2 < 49.7, "{chi2}");
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let before = isa();
    let stream = Key::root(77).stream(Purpose::FastNoise, 5);
    let run = || {
        let mut out = vec![0.0; 3 * 10_007];
        let (a, rest) = out.split_at_mut(10_007);
        let (b, c) = rest.split_at_mut(10_007);
        stream.fill_normal(13, a);
        stream.fill_uniform(13, b);
        stream.fill_lognormal(13, 0.1, 0.7, c);
        out.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    let results: Vec<_> = Isa::available().into_iter().map(|isa| (isa, force(isa), run())).collect();
    force(before);
    for (isa, forced, bits) in &results {
        assert!(forced, "{isa:?}");
        assert_eq!(*bits, results[0].2, "{isa:?}");
    }
    // The bits themselves are part of what a version promises.
    let digest =
        results[0].2.iter().fold(0_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3));
    assert_eq!(digest, 5_502_941_040_827_179_842, "digest of the draws");
}

proptest! {
    #[test]
    fn fills_are_their_elements(seed: u64, event: u64, first in 0..u64::MAX / 2, len in 0..300_usize, cut in 0..300_usize) {
        let stream = Key::root(seed).stream(Purpose::Data, event);
        let mut whole = vec![0.0; len];
        stream.fill_normal(first, &mut whole);
        let mut parts = vec![0.0; len];
        let (a, b) = parts.split_at_mut(cut.min(len));
        stream.fill_normal(first, a);
        stream.fill_normal(first + a.len() as u64, b);
        let mut uniform = vec![0.0; len];
        stream.fill_uniform(first, &mut uniform);
        for i in 0..len {
            let element = first + i as u64;
            prop_assert_eq!(whole[i].to_bits(), stream.normal(element).to_bits());
            prop_assert_eq!(whole[i].to_bits(), parts[i].to_bits());
            prop_assert_eq!(uniform[i].to_bits(), stream.uniform(element).to_bits());
        }
    }
}

#[test]
fn gathered_numbers_are_those_of_their_events() {
    let before = isa();
    let stream = Key::root(3).stream(Purpose::PulseStep, 0);
    let elements: Vec<u32> = (0..1000).map(|i| i * 7919 % 4001).collect();
    let events: Vec<u32> = (0..1000).map(|i| i * i % 37).collect();
    for isa in Isa::available() {
        force(isa);
        let mut out = vec![0.0; 1000];
        stream.gather_normal(&elements, &events, &mut out);
        for ((element, event), z) in elements.iter().zip(&events).zip(&out) {
            assert_eq!(*z, stream.at(u64::from(*event)).normal(u64::from(*element)), "{isa:?}");
        }
    }
    force(before);
}
