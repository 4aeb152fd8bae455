//! Bringing samples into the shape that a model takes.
//!
//! Datasets are channels-last. A model may take `[28, 28, 1]`, `[1, 28, 28]`, `[28, 28]` or 784 values; what
//! can be reached by moving the channel axis, by axes of length 1 or by flattening is reached, and anything
//! ambiguous is refused.

/// How a sample becomes a model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapt {
    /// The values in their order; shapes differ in axes of length 1 or by flattening at most.
    AsIs,
    /// `[height, width, channels]` becomes `[channels, height, width]`.
    ChannelsFirst,
    /// `[channels, height, width]` becomes `[height, width, channels]`.
    ChannelsLast,
}

/// How samples of shape `sample` become inputs of shape `wanted`, or why they cannot.
///
/// # Errors
/// Shapes of which neither is the other with the channel axis moved, in words.
pub fn adapt(sample: &[usize], wanted: &[usize]) -> Result<Adapt, String> {
    let without_ones = |s: &[usize]| -> Vec<usize> { s.iter().copied().filter(|&n| n != 1).collect() };
    if sample == wanted || without_ones(sample) == without_ones(wanted) {
        return Ok(Adapt::AsIs);
    }
    let (have, need): (usize, usize) = (sample.iter().product(), wanted.iter().product());
    if have != need {
        return Err(format!(
            "the samples are {sample:?} ({have} values) and the model takes {wanted:?} ({need} values)"
        ));
    }
    if let (&[h, w, c], &[c2, h2, w2]) = (sample, wanted) {
        if (h, w, c) == (h2, w2, c2) {
            return Ok(Adapt::ChannelsFirst);
        }
        // The other way round the first axis is the channels'.
        if (h, w, c) == (w2, c2, h2) {
            return Ok(Adapt::ChannelsLast);
        }
    }
    match (sample, without_ones(sample).len(), without_ones(wanted).len()) {
        // One long vector: unambiguous for grey images. Colour images could be flattened either way.
        (_, 0..=2, 1) => Ok(Adapt::AsIs),
        ([_], _, _) => Ok(Adapt::AsIs),
        (_, _, 1) => Err(format!(
            "the model takes {need} values in a row and the samples are {sample:?}: whether channels come first or \
             last cannot be told; store them flattened, in the model's order, in an npz file"
        )),
        _ => Err(format!(
            "the samples are {sample:?} and the model takes {wanted:?}: neither is the other with the channel axis \
             moved"
        )),
    }
}

/// Applies an adaptation to whole samples. `x` holds samples of shape `sample`.
pub fn apply(how: Adapt, x: &[f32], sample: &[usize]) -> Vec<f32> {
    match (how, sample) {
        (Adapt::ChannelsFirst, &[h, w, c]) => {
            let mut out = Vec::with_capacity(x.len());
            for image in x.chunks_exact(h * w * c) {
                for channel in 0..c {
                    out.extend((0..h * w).map(|p| image[p * c + channel]));
                }
            }
            out
        }
        (Adapt::ChannelsLast, &[c, h, w]) => {
            let mut out = Vec::with_capacity(x.len());
            for image in x.chunks_exact(h * w * c) {
                for p in 0..h * w {
                    out.extend((0..c).map(|channel| image[channel * h * w + p]));
                }
            }
            out
        }
        _ => x.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unambiguous_is_adapted() {
        assert_eq!(adapt(&[28, 28, 1], &[28, 28, 1]), Ok(Adapt::AsIs));
        assert_eq!(adapt(&[28, 28, 1], &[1, 28, 28]), Ok(Adapt::AsIs));
        assert_eq!(adapt(&[28, 28, 1], &[784]), Ok(Adapt::AsIs));
        assert_eq!(adapt(&[28, 28], &[28, 28, 1]), Ok(Adapt::AsIs));
        assert_eq!(adapt(&[32, 32, 3], &[3, 32, 32]), Ok(Adapt::ChannelsFirst));
        assert_eq!(adapt(&[3072], &[3, 32, 32]), Ok(Adapt::AsIs));
        assert!(adapt(&[32, 32, 3], &[3072]).unwrap_err().contains("channels come first"));
        assert!(adapt(&[32, 32, 3], &[28, 28, 1]).unwrap_err().contains("3072 values"));
        assert_eq!(adapt(&[3, 32, 32], &[32, 32, 3]), Ok(Adapt::ChannelsLast));
        assert!(adapt(&[3, 16, 32], &[16, 3, 32]).is_err());
    }

    #[test]
    fn channels_move_to_the_front() {
        // Two pixels of three channels.
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(apply(Adapt::ChannelsFirst, &x, &[1, 2, 3]), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(apply(Adapt::AsIs, &x, &[1, 2, 3]), x);
        let first = apply(Adapt::ChannelsFirst, &x, &[1, 2, 3]);
        assert_eq!(apply(Adapt::ChannelsLast, &first, &[3, 1, 2]), x);
    }
}
