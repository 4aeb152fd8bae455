//! The tree of keys from which all random numbers grow.

use crate::stream::Stream;

/// What a random number is for. Numbers are explicit and never reused, so a new purpose shifts no old draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[non_exhaustive]
pub enum Purpose {
    /// Fixed differences from device to device.
    DeviceSpread = 1,
    /// Error of one programming, new each time.
    Programming = 2,
    /// Drift exponent of a device.
    DriftExponent = 3,
    /// Relaxation of a device after programming.
    Relaxation = 4,
    /// Read noise slower than a read, a state of the device.
    SlowNoise = 5,
    /// Read noise faster than a read.
    FastNoise = 6,
    /// Noise of the array's outputs.
    OutputNoise = 7,
    /// Noise of the array's inputs.
    InputNoise = 8,
    /// Which cells are stuck, and where.
    Stuck = 9,
    /// Generated data sets.
    Data = 10,
    /// Initial weights.
    Initial = 11,
    /// Order of samples.
    Shuffle = 12,
    /// Augmentation of samples.
    Augment = 13,
    /// Dropout masks.
    Dropout = 14,
    /// How fast a device loses its state by heat.
    ThermalLoss = 16,
    /// When a random jump of a dynamic device happens.
    Jump = 20,
    /// White noise that drives the states of a dynamic device.
    Wiener = 21,
    /// Differences of a dynamic device from cycle to cycle.
    Cycle = 22,
    /// How the steps of pulses differ from device to device.
    PulseSpread = 30,
    /// How one pulse differs from the next, by the number of the pulse in its cell's life.
    PulseStep = 31,
    /// What a read adds to the state that pulses move, drawn anew at each pulse.
    WriteNoise = 32,
    /// Amplitude, speed and occupancy of a device's trap.
    Trap = 33,
    /// How many cycles a device lives.
    Life = 34,
    /// Unit capacitors, offset and gain of a converter.
    Converter = 35,
    /// Noise of the measurements that a calibration averages.
    Calibration = 36,
    /// Where fits start from.
    Start = 40,
    /// Which samples a bootstrap draws again.
    Resample = 41,
}

/// A node in a stateless tree of keys: chip, layer, crossbar, plane. Equal paths give equal keys, and a key
/// tells nothing of its siblings'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// The root of everything that follows from a user's seed.
    pub const fn root(seed: u64) -> Key {
        Key(mix(seed ^ 0x6e65_7572_6f68_6d21))
    }

    /// The child called `name` with number `index`.
    pub const fn child(self, name: &str, index: u64) -> Key {
        // FNV-1a over the name, then two finalisers so that name, index and parent all reach every bit.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let bytes = name.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            i += 1;
        }
        Key(mix(mix(self.0 ^ mix(hash)).wrapping_add(index)))
    }

    /// The stream of random numbers for one purpose and one event (a programming, a read, an epoch).
    pub const fn stream(self, purpose: Purpose, event: u64) -> Stream {
        let key = mix(self.0 ^ mix(purpose as u64));
        Stream::from_parts([key as u32, (key >> 32) as u32], event)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), after its additive constant.
const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn mix_is_splitmix64() {
        // First outputs of SplitMix64 seeded with 1234567, as published with xoshiro (Vigna).
        let mut state = 1_234_567_u64;
        let mut next = || {
            let out = mix(state);
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            out
        };
        assert_eq!([next(), next(), next()], [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn paths_do_not_collide() {
        let root = Key::root(0);
        let mut seen = BTreeSet::new();
        for name in ["chip", "layer", "tile", "plane", ""] {
            for i in 0..1000 {
                let key = root.child(name, i);
                assert!(seen.insert(key.0));
                assert!(seen.insert(key.child("tile", i).0));
                assert!(seen.insert(Key::root(i + 1).child(name, 0).child(name, 7).0));
            }
        }
    }
}
