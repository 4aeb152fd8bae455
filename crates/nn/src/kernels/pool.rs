//! Pooling over sliding windows, channels last.

use super::conv::Patches;

impl Patches {
    /// Calls `tap(output pixel's first value, input pixel's first value, tap number)` for every tap of every
    /// output pixel of one sample that lies inside the image.
    #[inline(always)]
    fn taps(&self, mut tap: impl FnMut(usize, usize, u32)) {
        let [_, width, channels] = self.size;
        let [kh, kw] = self.window.kernel;
        for pixel in 0..self.per_sample() {
            let at = [pixel / self.out[1], pixel % self.out[1]];
            for k in 0..kh * kw {
                if let Some([y, x]) = self.tap(at, [k / kw, k % kw]) {
                    tap(pixel * channels, (y * width + x) * channels, k as u32);
                }
            }
        }
    }

    /// Largest value in each window, padding left out; `taps`, where given, learns which tap it was.
    pub fn max(&self, x: &[f32], y: &mut [f32], taps: Option<&mut [u32]>) {
        max(self, x, y, taps);
    }

    #[inline(always)]
    fn max_body(&self, x: &[f32], y: &mut [f32], mut taps: Option<&mut [u32]>) {
        let channels = self.size[2];
        y.fill(f32::NEG_INFINITY);
        let (out, input) = (self.per_sample() * channels, self.input());
        for (n, (y, x)) in y.chunks_exact_mut(out).zip(x.chunks_exact(input)).enumerate() {
            match taps.as_deref_mut() {
                None => self.taps(|o, i, _| {
                    let (y, x) = (&mut y[o..o + channels], &x[i..i + channels]);
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > *y { x } else { *y });
                }),
                Some(taps) => {
                    let taps = &mut taps[n * out..(n + 1) * out];
                    self.taps(|o, i, k| {
                        let (y, x) = (&mut y[o..o + channels], &x[i..i + channels]);
                        for ((y, &x), t) in y.iter_mut().zip(x).zip(&mut taps[o..o + channels]) {
                            *t = if x > *y { k } else { *t };
                            *y = if x > *y { x } else { *y };
                        }
                    });
                }
            }
        }
    }

    /// Sends `d` back to the taps that were largest; adds to `dx`.
    pub fn max_backward(&self, d: &[f32], taps: &[u32], dx: &mut [f32]) {
        max_backward(self, d, taps, dx);
    }

    #[inline(always)]
    fn max_backward_body(&self, d: &[f32], taps: &[u32], dx: &mut [f32]) {
        let channels = self.size[2];
        let (out, input) = (self.per_sample() * channels, self.input());
        let samples = d.chunks_exact(out).zip(taps.chunks_exact(out)).zip(dx.chunks_exact_mut(input));
        for ((d, taps), dx) in samples {
            self.taps(|o, i, k| {
                let (d, taps) = (&d[o..o + channels], &taps[o..o + channels]);
                for ((dx, &d), &t) in dx[i..i + channels].iter_mut().zip(d).zip(taps) {
                    *dx += if t == k { d } else { 0.0 };
                }
            });
        }
    }

    /// One over the number of values that each output pixel averages.
    fn shares(&self, count_pad: bool) -> Vec<f32> {
        let [kh, kw] = self.window.kernel;
        let mut counts = vec![0u32; self.per_sample()];
        if count_pad {
            counts.fill((kh * kw) as u32);
        } else {
            self.taps(|o, _, _| counts[o / self.size[2]] += 1);
        }
        // A window that lies in the padding alone averages nothing: zero.
        counts.iter().map(|&c| if c == 0 { 0.0 } else { 1.0 / c as f32 }).collect()
    }

    /// Mean of each window.
    pub fn mean(&self, x: &[f32], y: &mut [f32], count_pad: bool) {
        mean(self, x, y, count_pad);
    }

    #[inline(always)]
    fn mean_body(&self, x: &[f32], y: &mut [f32], count_pad: bool) {
        let channels = self.size[2];
        let shares = self.shares(count_pad);
        y.fill(0.0);
        let (out, input) = (self.per_sample() * channels, self.input());
        for (y, x) in y.chunks_exact_mut(out).zip(x.chunks_exact(input)) {
            self.taps(|o, i, _| {
                let (y, x) = (&mut y[o..o + channels], &x[i..i + channels]);
                y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
            });
            for (y, share) in y.chunks_exact_mut(channels).zip(&shares) {
                y.iter_mut().for_each(|y| *y *= share);
            }
        }
    }

    /// Spreads `d` over the windows' values; adds to `dx`.
    pub fn mean_backward(&self, d: &[f32], dx: &mut [f32], count_pad: bool) {
        mean_backward(self, d, dx, count_pad);
    }

    #[inline(always)]
    fn mean_backward_body(&self, d: &[f32], dx: &mut [f32], count_pad: bool) {
        let channels = self.size[2];
        let shares = self.shares(count_pad);
        let (out, input) = (self.per_sample() * channels, self.input());
        for (d, dx) in d.chunks_exact(out).zip(dx.chunks_exact_mut(input)) {
            self.taps(|o, i, _| {
                let share = shares[o / channels];
                let (d, dx) = (&d[o..o + channels], &mut dx[i..i + channels]);
                dx.iter_mut().zip(d).for_each(|(dx, d)| *dx += d * share);
            });
        }
    }
}

neurohm_num::dispatch! {
    fn max(p: &Patches, x: &[f32], y: &mut [f32], taps: Option<&mut [u32]>) {
        p.max_body(x, y, taps)
    }
    fn max_backward(p: &Patches, d: &[f32], taps: &[u32], dx: &mut [f32]) {
        p.max_backward_body(d, taps, dx)
    }
    fn mean(p: &Patches, x: &[f32], y: &mut [f32], count_pad: bool) {
        p.mean_body(x, y, count_pad)
    }
    fn mean_backward(p: &Patches, d: &[f32], dx: &mut [f32], count_pad: bool) {
        p.mean_backward_body(d, dx, count_pad)
    }
}
