//! Handwritten-like digits, drawn from parametric strokes: 28 x 28 grey images in the manner of MNIST,
//! for where no dataset is at hand.
//!
//! Each digit has several styles of writing (a seven with a bar, a two with a loop, an open four), each a
//! few smooth strokes. A sample picks a style and then varies everything: control points, a smooth warp of
//! the whole digit, slant, rotation, width, size, place, the pen's width, its pressure along the stroke,
//! blur and grain. As in MNIST, the ink fills 20 x 20 pixels and its centre of mass lies in the middle.
//!
//! How hard the set is, is set by the jitter in `strokes/hand.rs`: chosen so that a linear classifier reaches about
//! 90-95 % and a small multilayer perceptron 98-99 %, as on MNIST. It is easier than MNIST in one respect:
//! nobody mislabelled anything.
//!
//! A sample depends on (seed, part, its ordinal) alone. Nothing here calls a function of the system's
//! mathematical library, whose last bits differ from machine to machine.

mod glyphs;
mod hand;
mod pen;

use std::ops::Range;

use neurohm_num::{Key, Purpose, Watch};
use rayon::prelude::*;

use crate::mnist::Part;
use crate::{DataError, Samples};

/// Pixels along each side of an image.
pub const SIDE: usize = 28;

const CHUNK: usize = 64;

/// Draws the samples with the given ordinals, shape `[28, 28, 1]`. Each block of ten ordinals holds every
/// digit once, in random order.
pub fn generate(
    seed: u64,
    part: Part,
    ordinals: Range<u64>,
    watch: &dyn Watch,
) -> Result<Samples, DataError> {
    let key = Key::root(seed).child(
        "strokes",
        match part {
            Part::Train => 0,
            Part::Test => 1,
        },
    );
    let count = ordinals.end.saturating_sub(ordinals.start) as usize;
    watch.begin("drawing digits", Some(count as u64));
    let mut x = vec![0.0; count * SIDE * SIDE];
    let y: Vec<u32> = ordinals.clone().map(|ordinal| digit(key, ordinal)).collect();
    x.par_chunks_mut(CHUNK * SIDE * SIDE).zip(y.par_chunks(CHUNK)).enumerate().try_for_each(
        |(chunk, (x, y))| {
            let first = ordinals.start + (chunk * CHUNK) as u64;
            for ((image, &digit), ordinal) in x.chunks_exact_mut(SIDE * SIDE).zip(y).zip(first..) {
                draw(key, ordinal, digit, image);
            }
            watch.step(y.len() as u64)
        },
    )?;
    Ok(Samples { x, shape: vec![SIDE, SIDE, 1], y: Some(y) })
}

/// The digit that sample `ordinal` shows.
fn digit(key: Key, ordinal: u64) -> u32 {
    let mut block: [u32; 10] = std::array::from_fn(|d| d as u32);
    key.stream(Purpose::Shuffle, ordinal / 10).shuffle(&mut block);
    block[(ordinal % 10) as usize]
}

fn draw(key: Key, ordinal: u64, digit: u32, image: &mut [f32]) {
    let stream = key.stream(Purpose::Data, ordinal);
    let mut hand = hand::Hand::new(stream);
    let (line, pen) = hand.write(glyphs::DIGITS[digit as usize]);
    pen::trace(&line, pen.blur_px, image);
    // The paper's grain shows in the ink only.
    let mut grain = [0.0; SIDE * SIDE];
    stream.fill_normal(hand::GRAIN, &mut grain);
    for (pixel, grain) in image.iter_mut().zip(&grain) {
        let ink = (*pixel * (pen.ink + pen.grain * grain)).clamp(0.0, 1.0);
        // As many grey levels as an 8-bit image file has; the cast rounds down.
        *pixel = f32::from((ink * 255.0 + 0.5) as u8) / 255.0;
    }
}
