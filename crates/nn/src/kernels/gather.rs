//! Gathering patches: the inner loop of every convolution.

use super::conv::Patches;
use std::ops::Range;

impl Patches {
    /// Writes the patches `rows` of the batch `x` over the channels `channels`, in (kh, kw, channel) order.
    pub fn gather(&self, x: &[f32], channels: Range<usize>, rows: Range<usize>, out: &mut [f32]) {
        gather(self, x, channels, rows, out);
    }
}

neurohm_num::dispatch! {
    fn gather(p: &Patches, x: &[f32], channels: Range<usize>, rows: Range<usize>, out: &mut [f32]) {
        let values = p.values(channels.len());
        let mut out = out;
        let mut row = rows.start;
        // Piece by piece of an output row, so that nothing but copies is left for the pixels.
        while row < rows.end {
            let (sample, pixel) = (row / p.per_sample(), row % p.per_sample());
            let (oy, ox) = (pixel / p.out[1], pixel % p.out[1]);
            let count = (p.out[1] - ox).min(rows.end - row);
            let (part, rest) = out.split_at_mut(count * values);
            let image = &x[sample * p.input()..][..p.input()];
            for ky in 0..p.window.kernel[0] {
                kernel_row(p, image, &channels, [oy, ky], ox..ox + count, part);
            }
            out = rest;
            row += count;
        }
    }
}

/// Row `ky` of the kernel for the pixels `pixels` of the output row `oy`.
#[inline(always)]
fn kernel_row(
    p: &Patches,
    image: &[f32],
    channels: &Range<usize>,
    [oy, ky]: [usize; 2],
    pixels: Range<usize>,
    out: &mut [f32],
) {
    let [height, width, all] = p.size;
    let (kw, stride, pad) = (p.window.kernel[1], p.window.stride[1], p.window.pad[1]);
    let (values, run) = (p.values(channels.len()), kw * channels.len());
    let out = &mut out[ky * run..];
    let y = (oy * p.window.stride[0] + ky * p.window.dilation[0]).checked_sub(p.window.pad[0]);
    let Some(y) = y.filter(|&y| y < height) else {
        return (0..pixels.len()).for_each(|i| out[i * values..][..run].fill(0.0));
    };
    let line = &image[y * width * all..(y + 1) * width * all];
    if p.window.dilation[1] != 1 || channels.len() != all {
        // Taps lie apart.
        for (i, ox) in pixels.enumerate() {
            for kx in 0..kw {
                let tap = &mut out[i * values + kx * channels.len()..][..channels.len()];
                let at = (ox * stride + kx * p.window.dilation[1]).checked_sub(pad);
                match at.filter(|&at| at < width) {
                    Some(at) => tap.copy_from_slice(&line[at * all..][channels.clone()]),
                    None => tap.fill(0.0),
                }
            }
        }
        return;
    }
    // Pixels whose taps lie inside the image: `pad <= ox stride` and `ox stride + kw <= width + pad`.
    let low = pad.div_ceil(stride).clamp(pixels.start, pixels.end);
    let high = match (width + pad).checked_sub(kw) {
        Some(last) => (last / stride + 1).clamp(low, pixels.end),
        None => low,
    };
    for ox in (pixels.start..low).chain(high..pixels.end) {
        let taps = &mut out[(ox - pixels.start) * values..][..run];
        let left = pad.saturating_sub(ox * stride).min(kw);
        let right = (width + pad).saturating_sub(ox * stride).clamp(left, kw);
        taps[..left * all].fill(0.0);
        taps[right * all..].fill(0.0);
        if left < right {
            let from = ox * stride + left - pad;
            taps[left * all..right * all].copy_from_slice(&line[from * all..][..(right - left) * all]);
        }
    }
    if low < high {
        let out = &mut out[(low - pixels.start) * values..];
        let line = &line[(low * stride - pad) * all..];
        runs(run, high - low, out, values, line, stride * all);
    }
}

/// Copies `count` runs of `run` values from places `from_step` apart to places `to_step` apart. Runs are short:
/// of known length a copy takes a few instructions, a call takes longer than the copy.
#[inline(always)]
fn runs(run: usize, count: usize, to: &mut [f32], to_step: usize, from: &[f32], from_step: usize) {
    macro_rules! known {
        ($($length:literal)*) => {
            match run {
                $($length => fixed::<$length>(count, to, to_step, from, from_step),)*
                _ => {
                    for i in 0..count {
                        to[i * to_step..][..run].copy_from_slice(&from[i * from_step..][..run]);
                    }
                }
            }
        };
    }
    known!(3 5 9 12 16 24 32 48 64 84 96 168 192)
}

#[inline(always)]
fn fixed<const RUN: usize>(count: usize, to: &mut [f32], to_step: usize, from: &[f32], from_step: usize) {
    for i in 0..count {
        let to: &mut [f32; RUN] = (&mut to[i * to_step..][..RUN]).try_into().expect("of that length");
        let from: &[f32; RUN] = from[i * from_step..][..RUN].try_into().expect("of that length");
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Window;
    use proptest::prelude::*;

    fn patches() -> impl Strategy<Value = (Patches, usize, usize)> {
        let pair = |low: usize, high: usize| [low..=high, low..=high];
        let window = (pair(1, 4), pair(1, 3), pair(1, 2), [0usize..=3, 0..=3, 0..=3, 0..=3]);
        (window, pair(1, 9), 1usize..=3, 1usize..=3, 1usize..=3).prop_filter_map(
            "a window that fits",
            |((kernel, stride, dilation, pad), [height, width], each, groups, batch)| {
                let window = Window { kernel, stride, dilation, pad };
                let out = window.output([height, width]).ok()?;
                Some((Patches { size: [height, width, each * groups], out, window }, groups, batch))
            },
        )
    }

    proptest! {
        /// Scattering is the transpose of gathering: <gather x, y> = <x, scatter y>, for every group and any cut of
        /// the rows. Small whole numbers, so that no sum is rounded.
        #[test]
        fn scattering_is_the_adjoint_of_gathering((p, groups, batch) in patches(), seed: u64, cut in 0.0f64..1.0) {
            let number = |i: usize| {
                let mixed = (i as u64).wrapping_add(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                ((mixed >> 60) as f32) - 7.0
            };
            let x: Vec<f32> = (0..batch * p.input()).map(number).collect();
            let (each, total) = (p.size[2] / groups, batch * p.per_sample());
            let first = (cut * total as f64) as usize;
            let values = p.values(each);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
            for group in 0..groups {
                let channels = group * each..(group + 1) * each;
                for rows in [0..first, first..total] {
                    let y: Vec<f32> = (0..rows.len() * values).map(|i| number(i + 77)).collect();
                    let mut gathered = vec![f32::NAN; y.len()];
                    p.gather(&x, channels.clone(), rows.clone(), &mut gathered);
                    let mut scattered = vec![0.0; x.len()];
                    p.scatter(&y, channels.clone(), rows, &mut scattered);
                    prop_assert_eq!(dot(&gathered, &y), dot(&x, &scattered));
                }
            }
        }
    }
}
