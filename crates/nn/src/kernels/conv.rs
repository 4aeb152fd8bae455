//! Convolutions as matrix products over patches (im2col), channels last.

use crate::graph::Window;
use neurohm_num::{Rows, RowsMut};
use std::ops::Range;

use super::scratch;

/// Values of a block of patches: it should stay in a core's second-level cache together with its product.
const BLOCK: usize = 48 * 1024;

/// The patches of a sliding window over images of one size.
#[derive(Clone, Copy, Debug)]
pub struct Patches {
    /// Height, width and channels of the input.
    pub size: [usize; 3],
    /// Height and width of the output.
    pub out: [usize; 2],
    /// The sliding window.
    pub window: Window,
}

impl Patches {
    /// Patches of one sample.
    pub fn per_sample(&self) -> usize {
        self.out[0] * self.out[1]
    }

    /// Values of one sample's input.
    pub fn input(&self) -> usize {
        self.size.iter().product()
    }

    /// Values of a patch over that many channels.
    pub fn values(&self, channels: usize) -> usize {
        self.window.kernel[0] * self.window.kernel[1] * channels
    }

    /// How many patches are gathered at a time: a whole number of SIMD rows, fixed by the shape alone.
    pub fn block(&self, channels: usize) -> usize {
        (BLOCK / self.values(channels).max(1)).clamp(16, 1024) / 16 * 16
    }

    /// Where tap (`ky`, `kx`) of the output pixel (`oy`, `ox`) lies, unless in the padding.
    pub(super) fn tap(&self, [oy, ox]: [usize; 2], [ky, kx]: [usize; 2]) -> Option<[usize; 2]> {
        let Window { stride, dilation, pad, .. } = self.window;
        let y = (oy * stride[0] + ky * dilation[0]).checked_sub(pad[0])?;
        let x = (ox * stride[1] + kx * dilation[1]).checked_sub(pad[1])?;
        (y < self.size[0] && x < self.size[1]).then_some([y, x])
    }

    /// The adjoint of `gather`: adds patches back to where they came from.
    pub fn scatter(&self, patches: &[f32], channels: Range<usize>, rows: Range<usize>, x: &mut [f32]) {
        scatter(self, patches, channels, rows, x);
    }

    #[inline(always)]
    fn scatter_body(&self, patches: &[f32], channels: Range<usize>, rows: Range<usize>, x: &mut [f32]) {
        let [_, width, all] = self.size;
        let values = self.values(channels.len());
        let [kh, kw] = self.window.kernel;
        for (row, patch) in rows.zip(patches.chunks_exact(values)) {
            let image = &mut x[row / self.per_sample() * self.input()..][..self.input()];
            let pixel = row % self.per_sample();
            let at = [pixel / self.out[1], pixel % self.out[1]];
            for (tap, from) in patch.chunks_exact(channels.len()).enumerate().take(kh * kw) {
                if let Some([y, x]) = self.tap(at, [tap / kw, tap % kw]) {
                    let to = &mut image[(y * width + x) * all..][channels.clone()];
                    to.iter_mut().zip(from).for_each(|(t, f)| *t += f);
                }
            }
        }
    }

    /// Runs `product(group, patches, outputs, first_row)` over blocks of patches of the batch `x`; `y` has
    /// one row per patch and all groups' outputs side by side. `finish(block of y)` follows each block.
    pub fn blocks<E>(
        &self,
        x: &[f32],
        groups: usize,
        y: &mut RowsMut,
        mut product: impl FnMut(usize, Rows, &mut RowsMut, usize) -> Result<(), E>,
        mut finish: impl FnMut(&mut [f32]),
    ) -> Result<(), E> {
        let each = self.size[2] / groups;
        let (total, columns) = (y.rows(), y.cols());
        let own = columns / groups;
        let direct = self.window.is_pointwise();
        let block = if direct { 1024 } else { self.block(each) };
        let values = self.values(each);
        let y = y.data_mut();
        let mut first = 0;
        while first < total {
            let count = block.min(total - first);
            let part = &mut y[first * columns..(first + count) * columns];
            for group in 0..groups {
                let channels = group * each..(group + 1) * each;
                let target = &mut part[group * own..];
                let mut target =
                    RowsMut::strided(target, count, own, columns).expect("a block of the output");
                if direct {
                    let source = &x[first * self.size[2] + channels.start..];
                    let source =
                        Rows::strided(source, count, each, self.size[2]).expect("a block of the input");
                    product(group, source, &mut target, first)?;
                } else {
                    scratch::with(count * values, |patches| {
                        self.gather(x, channels, first..first + count, patches);
                        let patches = Rows::new(patches, count, values).expect("a block of patches");
                        product(group, patches, &mut target, first)
                    })?;
                }
            }
            finish(part);
            first += count;
        }
        Ok(())
    }

    /// A convolution with as many groups as channels and one output each, without patches:
    /// `y[p, c] = sum over taps of x[p + tap, c] w[tap, c]`.
    pub fn depthwise(&self, x: &[f32], w: &[f32], y: &mut [f32]) {
        depthwise(self, x, w, y);
    }

    #[inline(always)]
    fn depthwise_body(&self, x: &[f32], w: &[f32], y: &mut [f32]) {
        let [_, width, channels] = self.size;
        let [kh, kw] = self.window.kernel;
        for (row, y) in y.chunks_exact_mut(channels).enumerate() {
            let image = &x[row / self.per_sample() * self.input()..][..self.input()];
            let pixel = row % self.per_sample();
            let at = [pixel / self.out[1], pixel % self.out[1]];
            y.fill(0.0);
            for tap in 0..kh * kw {
                if let Some([iy, ix]) = self.tap(at, [tap / kw, tap % kw]) {
                    let from = &image[(iy * width + ix) * channels..][..channels];
                    let w = &w[tap * channels..][..channels];
                    y.iter_mut().zip(from.iter().zip(w)).for_each(|(y, (x, w))| *y += x * w);
                }
            }
        }
    }
}

impl Patches {
    /// Adds a depthwise convolution's weight gradient: `dw[tap, c] = sum over p of x[p + tap, c] d[p, c]`.
    pub fn depthwise_weights(&self, x: &[f32], d: &[f32], dw: &mut [f32]) {
        depthwise_weights(self, x, d, dw);
    }

    #[inline(always)]
    fn depthwise_weights_body(&self, x: &[f32], d: &[f32], dw: &mut [f32]) {
        let [_, width, channels] = self.size;
        let [kh, kw] = self.window.kernel;
        for (row, d) in d.chunks_exact(channels).enumerate() {
            let image = &x[row / self.per_sample() * self.input()..][..self.input()];
            let pixel = row % self.per_sample();
            let at = [pixel / self.out[1], pixel % self.out[1]];
            for tap in 0..kh * kw {
                if let Some([iy, ix]) = self.tap(at, [tap / kw, tap % kw]) {
                    let from = &image[(iy * width + ix) * channels..][..channels];
                    let dw = &mut dw[tap * channels..][..channels];
                    dw.iter_mut().zip(from.iter().zip(d)).for_each(|(w, (x, d))| *w += x * d);
                }
            }
        }
    }
}

neurohm_num::dispatch! {
    fn depthwise_weights(p: &Patches, x: &[f32], d: &[f32], dw: &mut [f32]) {
        p.depthwise_weights_body(x, d, dw)
    }
    fn scatter(p: &Patches, patches: &[f32], channels: Range<usize>, rows: Range<usize>, x: &mut [f32]) {
        p.scatter_body(patches, channels, rows, x)
    }
    fn depthwise(p: &Patches, x: &[f32], w: &[f32], y: &mut [f32]) {
        p.depthwise_body(x, w, y)
    }
}
