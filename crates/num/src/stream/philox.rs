//! Philox4x32-10, one block at a time and sixteen side by side.

const M0: u32 = 0xd251_1f53;
const M1: u32 = 0xcd9e_8d57;
const W0: u32 = 0x9e37_79b9;
const W1: u32 = 0xbb67_ae85;

/// One block of four words from a counter and a key (Salmon et al. 2011).
#[inline]
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
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

/// Blocks `16 group ..` of a stream: word `w` of block `16 group + l` goes to `words[w][l]`.
#[inline(always)]
pub(super) fn group(key: [u32; 2], event: u64, group: u64, words: &mut [[u32; 16]; 4]) {
    let first = group.wrapping_mul(16);
    let start = |parity: u64| {
        let mut low = [0; 8];
        for (i, c) in low.iter_mut().enumerate() {
            *c = first & 0xffff_ffff | (2 * i as u64 + parity);
        }
        [low, [first >> 32; 8], [event & 0xffff_ffff; 8], [event >> 32; 8]]
    };
    let even = rounds(start(0), key);
    let odd = rounds(start(1), key);
    for w in 0..4 {
        for i in 0..8 {
            // Joined first, so that the compiler sees one 64-bit store and no shuffle.
            let both = even[w][i] & 0xffff_ffff | odd[w][i] << 32;
            words[w][2 * i] = both as u32;
            words[w][2 * i + 1] = (both >> 32) as u32;
        }
    }
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
    fn a_group_is_its_blocks() {
        for group_index in [0, 1, 77, (1 << 28) - 1, 1 << 28, (1 << 40) + 3] {
            let (key, event) = ([0xa4093822, 0x299f31d0], 0x0370_7344_1319_8a2e_u64);
            let mut words = [[0; 16]; 4];
            group(key, event, group_index, &mut words);
            for lane in 0..16_u64 {
                let block = group_index * 16 + lane;
                let counter = [block as u32, (block >> 32) as u32, event as u32, (event >> 32) as u32];
                let expected = philox4x32_10(counter, key);
                let found = [0, 1, 2, 3].map(|w| words[w][lane as usize]);
                assert_eq!(found, expected, "block {block}");
            }
        }
    }
}
