//! Counter-based random streams: every number is a pure function of (key, purpose, event, element).
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2,
//! 3", SC 2011). The counter holds the block (64 bits) and the event (64 bits). Elements lie in groups of 64:
//! word `w` of block `16 g + l` is element `64 g + 16 w + l`, so 16 lanes compute a group without transposing.
//! Normal numbers come in pairs by Box and Muller (1958), from elements 16 apart: the first half of a group
//! holds the pairs of words 0 and 1, the second those of words 2 and 3.

use std::mem::MaybeUninit;

use rand::RngExt;
use rand::rand_core::TryRng;

use crate::dispatch;

mod normal;
mod philox;

use philox::Words;

pub use philox::philox4x32_10;

/// Elements per group.
const GROUP: u64 = 64;

/// The random numbers of one purpose and event, addressed by element.
///
/// A fill equals its element-wise calls for any first element, any splitting into pieces, any instruction set
/// and any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    event: u64,
}

/// What a word of random bits is turned into.
trait Transform: Copy {
    /// What can be done to the words of a batch before they are taken half by half, in a loop of its own.
    #[inline(always)]
    fn prepare(self, _words: &mut [Words]) {}

    /// Turns the prepared words of half a group, 16 and 16, into values.
    fn half(self, first: &[u32; 16], second: &[u32; 16], out: &mut [f32; 32]);
}

#[derive(Clone, Copy)]
struct Normal;

impl Transform for Normal {
    #[inline(always)]
    fn prepare(self, words: &mut [Words]) {
        for [first, _, third, _] in words {
            for words in [first, third] {
                for word in words {
                    *word = normal::radius(*word).to_bits();
                }
            }
        }
    }

    #[inline(always)]
    fn half(self, first: &[u32; 16], second: &[u32; 16], out: &mut [f32; 32]) {
        for lane in 0..16 {
            let (a, b) = normal::turned(f32::from_bits(first[lane]), second[lane]);
            out[lane] = a;
            out[16 + lane] = b;
        }
    }
}

#[derive(Clone, Copy)]
struct Lognormal {
    mu: f32,
    sigma: f32,
}

impl Transform for Lognormal {
    #[inline(always)]
    fn prepare(self, words: &mut [Words]) {
        Normal.prepare(words);
    }

    #[inline(always)]
    fn half(self, first: &[u32; 16], second: &[u32; 16], out: &mut [f32; 32]) {
        Normal.half(first, second, out);
        for v in out {
            *v = crate::simd::math::exp(self.mu + self.sigma * *v);
        }
    }
}

#[derive(Clone, Copy)]
struct Uniform;

impl Transform for Uniform {
    #[inline(always)]
    fn half(self, first: &[u32; 16], second: &[u32; 16], out: &mut [f32; 32]) {
        for lane in 0..16 {
            out[lane] = normal::uniform(first[lane]);
            out[16 + lane] = normal::uniform(second[lane]);
        }
    }
}

/// Groups whose words are drawn before any is transformed. Two plain loops instead of one long one: in either,
/// several groups are under way at once, and none waits for another's chain of dependent instructions.
const BATCH: usize = 8;

/// Writes elements `first ..` through `transform`; a half group that no output needs is not transformed.
#[inline(always)]
fn fill<T: Transform>(stream: Stream, first: u64, out: &mut [f32], transform: T) {
    let mut words = [MaybeUninit::<Words>::uninit(); BATCH];
    let mut piece = [0_f32; 32];
    let mut element = first;
    let mut rest = out;
    while !rest.is_empty() {
        // Elements of the batch's first group that come before `element`.
        let before = (element % GROUP) as usize;
        let count = rest.len().min(BATCH * GROUP as usize - before);
        let words = &mut words[..(before + count).div_ceil(GROUP as usize)];
        let words = philox::groups(stream.key, stream.event, element / GROUP, words);
        transform.prepare(words);
        let (mut now, later) = std::mem::take(&mut rest).split_at_mut(count);
        let halves = words.iter().flat_map(|w| [[&w[0], &w[1]], [&w[2], &w[3]]]);
        let mut offset = before % 32;
        for [a, b] in halves.skip(before / 32) {
            if now.is_empty() {
                break;
            }
            let (part, others) = now.split_at_mut(now.len().min(32 - offset));
            match part.first_chunk_mut::<32>() {
                Some(whole) => transform.half(a, b, whole),
                None => {
                    transform.half(a, b, &mut piece);
                    part.copy_from_slice(&piece[offset..offset + part.len()]);
                }
            }
            now = others;
            offset = 0;
        }
        rest = later;
        element = element.wrapping_add(count as u64);
    }
}

dispatch! {
    fn gather_normal(key: [u32; 2], elements: &[u32], events: &[u32], out: &mut [f32]) {
        for ((element, event), out) in elements.iter().zip(events).zip(out) {
            let block = element / 64 * 16 + element % 16;
            let [a, b, c, d] = philox::one([block, 0, *event, 0], key);
            let word = element / 16 % 4;
            let (radius, angle) = if word < 2 { (a, b) } else { (c, d) };
            let (first, second) = normal::pair(radius, angle);
            *out = if word & 1 == 0 { first } else { second };
        }
    }
    fn fill_normal(stream: Stream, first: u64, out: &mut [f32]) {
        fill(stream, first, out, Normal);
    }
    fn fill_uniform(stream: Stream, first: u64, out: &mut [f32]) {
        fill(stream, first, out, Uniform);
    }
    fn fill_lognormal(stream: Stream, first: u64, out: &mut [f32], mu: f32, sigma: f32) {
        fill(stream, first, out, Lognormal { mu, sigma });
    }
}

impl Stream {
    pub(crate) const fn from_parts(key: [u32; 2], event: u64) -> Stream {
        Stream { key, event }
    }

    /// The same key and purpose at another event.
    pub const fn at(self, event: u64) -> Stream {
        Stream { key: self.key, event }
    }

    /// 32 random bits of element `element`.
    pub fn bits(&self, element: u64) -> u32 {
        self.block(element)[(element / 16 % 4) as usize]
    }

    /// A uniform number in the open interval (0, 1), in steps of 2^-23.
    pub fn uniform(&self, element: u64) -> f32 {
        normal::uniform(self.bits(element))
    }

    /// A standard normal number; the largest possible magnitude is 6.66.
    pub fn normal(&self, element: u64) -> f32 {
        let words = self.block(element);
        let word = (element / 16 % 4) as usize;
        let (a, b) = normal::pair(words[word & 2], words[word | 1]);
        if word & 1 == 0 { a } else { b }
    }

    /// Standard normal numbers of elements `first ..`.
    pub fn fill_normal(&self, first: u64, out: &mut [f32]) {
        fill_normal(*self, first, out);
    }

    /// Uniform numbers in (0, 1) of elements `first ..`.
    pub fn fill_uniform(&self, first: u64, out: &mut [f32]) {
        fill_uniform(*self, first, out);
    }

    /// `exp(mu + sigma z)` of elements `first ..` with their standard normal `z`.
    pub fn fill_lognormal(&self, first: u64, mu: f32, sigma: f32, out: &mut [f32]) {
        fill_lognormal(*self, first, out, mu, sigma);
    }

    /// The normal number of each element at an event of its own: `out[i]` is `at(events[i]).normal(elements[i])`.
    ///
    /// # Panics
    /// Not as many events and outputs as elements.
    pub fn gather_normal(&self, elements: &[u32], events: &[u32], out: &mut [f32]) {
        assert!(elements.len() == events.len() && elements.len() == out.len());
        gather_normal(self.key, elements, events, out);
    }

    /// A sequential generator over this stream's elements 0, 1, 2, ... for `rand`'s distributions.
    pub fn rng(&self) -> StreamRng {
        StreamRng { stream: *self, words: [0; 4], position: 0 }
    }

    /// Puts `items` in a uniformly random order (Fisher and Yates).
    pub fn shuffle<T>(&self, items: &mut [T]) {
        let mut rng = self.rng();
        for i in (1..items.len()).rev() {
            items.swap(i, rng.random_range(0..=i));
        }
    }

    fn block(&self, element: u64) -> [u32; 4] {
        let block = element / GROUP * 16 + element % 16;
        philox4x32_10(
            [block as u32, (block >> 32) as u32, self.event as u32, (self.event >> 32) as u32],
            self.key,
        )
    }
}

/// A sequential view of a [`Stream`], block by block; implements `rand`'s `Rng`.
#[derive(Clone, Debug)]
pub struct StreamRng {
    stream: Stream,
    words: [u32; 4],
    /// Words handed out.
    position: u64,
}

impl TryRng for StreamRng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let (block, word) = (self.position / 4, (self.position % 4) as usize);
        if word == 0 {
            // Block b holds the elements b % 16 of group b / 16.
            self.words = self.stream.block(block / 16 * GROUP + block % 16);
        }
        self.position = self.position.wrapping_add(1);
        Ok(self.words[word])
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let low = self.try_next_u32()?;
        let high = self.try_next_u32()?;
        Ok(u64::from(low) | u64::from(high) << 32)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Self::Error> {
        for piece in dst.chunks_mut(4) {
            let word = self.try_next_u32()?.to_le_bytes();
            piece.copy_from_slice(&word[..piece.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
