//! Philox4x32-10, one block at a time and sixteen side by side.

use std::mem::MaybeUninit;

const M0: u32 = 0xd251_1f53;
const M1: u32 = 0xcd9e_8d57;
const W0: u32 = 0x9e37_79b9;
const W1: u32 = 0xbb67_ae85;

/// One block of four words from a counter and a key (Salmon et al. 2011).
#[inline]
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    one(counter, key)
}

/// [`philox4x32_10`] where it must dissolve into the caller's vectorised loop.
#[inline(always)]
pub(super) fn one(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let p0 = u64::from(c0) * u64::from(M0);
        let p1 = u64::from(c2) * u64::from(M1);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(W0);
        k1 = k1.wrapping_add(W1);
    }
    [c0, c1, c2, c3]
}

/// Eight blocks in 64-bit lanes, of which only the low halves count: the widening product then needs no
/// shuffling on any instruction set.
type Lanes = [u64; 8];

#[inline(always)]
fn rounds(mut x: [Lanes; 4], key: [u32; 2]) -> [Lanes; 4] {
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let (a, b) = (u64::from(k0), u64::from(k1));
        let mut y = [[0; 8]; 4];
        for i in 0..8 {
            let p0 = (x[0][i] & 0xffff_ffff) * u64::from(M0);
            let p1 = (x[2][i] & 0xffff_ffff) * u64::from(M1);
            y[0][i] = (p1 >> 32) ^ x[1][i] ^ a;
            y[1][i] = p1;
            y[2][i] = (p0 >> 32) ^ x[3][i] ^ b;
            y[3][i] = p0;
        }
        x = y;
        k0 = k0.wrapping_add(W0);
        k1 = k1.wrapping_add(W1);
    }
    x
}

/// Sixteen blocks: word `w` of block `l` is `[w][l]`.
pub(super) type Words = [[u32; 16]; 4];

/// Blocks `16 first ..` of a stream, sixteen to a group, into memory that needs no zeros before.
pub(super) fn groups(
    key: [u32; 2],
    event: u64,
    first: u64,
    words: &mut [MaybeUninit<Words>],
) -> &mut [Words] {
    fill(key, event, first, words);
    // SAFETY: the same memory, of which every word was written.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len()) }
}

fn fill(key: [u32; 2], event: u64, first: u64, words: &mut [MaybeUninit<Words>]) {
    #[cfg(target_arch = "x86_64")]
    match crate::simd::isa() {
        // SAFETY: `isa` names only instruction sets that were detected on this machine.
        crate::simd::Isa::Avx512 => return unsafe { x86::avx512(key, event, first, words) },
        // SAFETY: as above.
        crate::simd::Isa::Avx2 => return unsafe { x86::avx2(key, event, first, words) },
        _ => {}
    }
    portable(key, event, first, words);
}

fn portable(key: [u32; 2], event: u64, first: u64, words: &mut [MaybeUninit<Words>]) {
    for (i, words) in words.iter_mut().enumerate() {
        let block = first.wrapping_add(i as u64).wrapping_mul(16);
        let start = |parity: u64| {
            let mut low = [0; 8];
            for (i, c) in low.iter_mut().enumerate() {
                *c = block & 0xffff_ffff | (2 * i as u64 + parity);
            }
            [low, [block >> 32; 8], [event & 0xffff_ffff; 8], [event >> 32; 8]]
        };
        let even = rounds(start(0), key);
        let odd = rounds(start(1), key);
        let words = words.write([[0; 16]; 4]);
        for w in 0..4 {
            for i in 0..8 {
                // Joined first, so that the compiler sees one 64-bit store and no shuffle.
                let both = even[w][i] & 0xffff_ffff | odd[w][i] << 32;
                words[w][2 * i] = both as u32;
                words[w][2 * i + 1] = (both >> 32) as u32;
            }
        }
    }
}

/// The same in explicit instructions: left to itself, the compiler loses sight of the empty upper halves and
/// takes the slow full 64-bit products, and shuffles where a blend will do.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::mem::MaybeUninit;

    use super::{M0, M1, W0, W1, Words};

    /// `$name(key, event, first, words)` with `$lanes` blocks of even number and `$lanes` of odd number at once, whose
    /// chains of products hide one another's latency.
    macro_rules! groups {
        ($name:ident, $features:literal, $vector:ty, $lanes:literal, $set1:ident, $load:ident, $store:ident, $or:ident,
         $product:ident, $right:ident, $left:ident, |$a:ident, $b:ident, $c:ident| $xor3:expr,
         |$even:ident, $odd:ident| $blend:expr) => {
            #[target_feature(enable = $features)]
            pub(super) fn $name(key: [u32; 2], event: u64, first: u64, words: &mut [MaybeUninit<Words>]) {
                let set = |value: u64| $set1(value as i64);
                let low = |value: u64| set(value & 0xffff_ffff);
                let xor3 = |$a: $vector, $b: $vector, $c: $vector| $xor3;
                let (m0, m1) = (set(M0.into()), set(M1.into()));
                let mut keys = [[set(0); 2]; 10];
                for (round, keys) in keys.iter_mut().enumerate() {
                    let bump = |key: u32, weyl: u32| key.wrapping_add(weyl.wrapping_mul(round as u32));
                    *keys = [set(bump(key[0], W0).into()), set(bump(key[1], W1).into())];
                }
                let lanes: [u64; $lanes] = std::array::from_fn(|i| 2 * i as u64);
                // SAFETY: an array of as many 64-bit numbers as the vector has.
                let evens = unsafe { $load(lanes.as_ptr().cast()) };
                for (i, words) in words.iter_mut().enumerate() {
                    let group = first.wrapping_add(i as u64).wrapping_mul(16);
                    for part in 0..8 / $lanes {
                        let block = group + (part * 2 * $lanes) as u64;
                        let start = |parity: u64| {
                            [$or(low(block + parity), evens), set(block >> 32), low(event), set(event >> 32)]
                        };
                        let (mut even, mut odd) = (start(0), start(1));
                        for [k0, k1] in keys {
                            for x in [&mut even, &mut odd] {
                                let (p0, p1) = ($product(x[0], m0), $product(x[2], m1));
                                *x = [
                                    xor3($right::<32>(p1), x[1], k0),
                                    p1,
                                    xor3($right::<32>(p0), x[3], k1),
                                    p0,
                                ];
                            }
                        }
                        for (w, ($even, odd)) in even.into_iter().zip(odd).enumerate() {
                            let $odd = $left::<32>(odd);
                            let out = words.as_mut_ptr().cast::<u32>();
                            // SAFETY: word w takes places 16 w .. 16 w + 16 of the 64, this part 2 lanes of them.
                            unsafe { $store(out.add(16 * w + part * 2 * $lanes).cast(), $blend) };
                        }
                    }
                }
            }
        };
    }

    groups!(
        avx512,
        "avx512f",
        __m512i,
        8,
        _mm512_set1_epi64,
        _mm512_loadu_si512,
        _mm512_storeu_si512,
        _mm512_or_si512,
        _mm512_mul_epu32,
        _mm512_srli_epi64,
        _mm512_slli_epi64,
        |a, b, c| _mm512_ternarylogic_epi64::<0x96>(a, b, c),
        |even, odd| _mm512_mask_mov_epi32(even, 0xaaaa, odd)
    );
    groups!(
        avx2,
        "avx2",
        __m256i,
        4,
        _mm256_set1_epi64x,
        _mm256_loadu_si256,
        _mm256_storeu_si256,
        _mm256_or_si256,
        _mm256_mul_epu32,
        _mm256_srli_epi64,
        _mm256_slli_epi64,
        // The upper halves that products leave behind do not count: they are not multiplied again.
        |a, b, c| _mm256_xor_si256(_mm256_xor_si256(b, c), a),
        |even, odd| _mm256_blend_epi32::<0b1010_1010>(even, odd)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_random123() {
        assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox4x32_10([!0; 4], [!0; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox4x32_10([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn groups_are_their_blocks() {
        for group_index in [0, 1, 77, (1 << 28) - 1, 1 << 28, (1 << 40) + 3] {
            let (key, event) = ([0xa4093822, 0x299f31d0], 0x0370_7344_1319_8a2e_u64);
            for lanes in [fill, portable] {
                let mut words = [MaybeUninit::new([[0; 16]; 4]); 3];
                lanes(key, event, group_index, &mut words);
                let words = words.map(|w| {
                    // SAFETY: made of zeros above.
                    unsafe { w.assume_init() }
                });
                for lane in 0..48_u64 {
                    let block = group_index * 16 + lane;
                    let counter = [block as u32, (block >> 32) as u32, event as u32, (event >> 32) as u32];
                    let expected = philox4x32_10(counter, key);
                    let found = [0, 1, 2, 3].map(|w| words[lane as usize / 16][w][lane as usize % 16]);
                    assert_eq!(found, expected, "block {block}");
                }
            }
        }
    }
}
