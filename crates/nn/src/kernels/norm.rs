//! Per-channel arithmetic on channels-last values: scale and shift, bias, batch statistics.

/// Per-channel numbers repeated to a length that fills SIMD registers whatever the channel count.
pub fn repeat(channels: &[f32]) -> Vec<f32> {
    let times = 64usize.div_ceil(channels.len().max(1)).max(1);
    channels.repeat(times)
}

neurohm_num::dispatch! {
    /// `x = x scale + shift` with repeated scales and shifts; negative results become 0 where `relu`.
    pub fn affine_in_place(x: &mut [f32], scale: &[f32], shift: &[f32], relu: bool) {
        for x in x.chunks_mut(scale.len()) {
            for ((x, s), t) in x.iter_mut().zip(scale).zip(shift) {
                let y = *x * s + t;
                *x = if relu && y < 0.0 { 0.0 } else { y };
            }
        }
    }

    /// `y = x scale + shift` with repeated scales and shifts; negative results become 0 where `relu`.
    pub fn affine(x: &[f32], scale: &[f32], shift: &[f32], relu: bool, y: &mut [f32]) {
        for (x, y) in x.chunks(scale.len()).zip(y.chunks_mut(scale.len())) {
            for (((x, y), s), t) in x.iter().zip(y).zip(scale).zip(shift) {
                let v = x * s + t;
                *y = if relu && v < 0.0 { 0.0 } else { v };
            }
        }
    }

    /// Adds a repeated bias.
    pub fn add_bias(y: &mut [f32], bias: &[f32]) {
        for y in y.chunks_mut(bias.len()) {
            y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
    }

    /// Adds the sum over rows of `x` per channel to `sums`; `lanes` is scratch of a repeated length.
    pub fn column_sums(x: &[f32], lanes: &mut [f32], sums: &mut [f64]) {
        // Short f32 sums, closed in f64: exact enough for any batch.
        for block in x.chunks(lanes.len() * 256) {
            lanes.fill(0.0);
            for x in block.chunks(lanes.len()) {
                lanes.iter_mut().zip(x).for_each(|(s, x)| *s += x);
            }
            let channels = sums.len();
            for lane in lanes.chunks_exact(channels) {
                sums.iter_mut().zip(lane).for_each(|(s, v)| *s += f64::from(*v));
            }
        }
    }

    /// Adds the squared distances of `x` from `center` (repeated) per channel to `sums`.
    pub fn column_squares(x: &[f32], center: &[f32], lanes: &mut [f32], sums: &mut [f64]) {
        for block in x.chunks(lanes.len() * 256) {
            lanes.fill(0.0);
            for x in block.chunks(lanes.len()) {
                for ((s, x), c) in lanes.iter_mut().zip(x).zip(center) {
                    *s += (x - c) * (x - c);
                }
            }
            let channels = sums.len();
            for lane in lanes.chunks_exact(channels) {
                sums.iter_mut().zip(lane).for_each(|(s, v)| *s += f64::from(*v));
            }
        }
    }

    /// Adds the sum of `d` and of `d (x - center)` per channel; `lanes` is scratch of twice a repeated length.
    pub fn column_products(d: &[f32], x: &[f32], center: &[f32], lanes: &mut [f32], sum: &mut [f64], product: &mut [f64]) {
        let (plain, scaled) = lanes.split_at_mut(center.len());
        for (d, x) in d.chunks(center.len() * 256).zip(x.chunks(center.len() * 256)) {
            plain.fill(0.0);
            scaled.fill(0.0);
            for (d, x) in d.chunks(center.len()).zip(x.chunks(center.len())) {
                for ((((d, x), c), p), s) in d.iter().zip(x).zip(center).zip(plain.iter_mut()).zip(scaled.iter_mut()) {
                    *p += d;
                    *s += d * (x - c);
                }
            }
            let channels = sum.len();
            for (lane, into) in [(&*plain, &mut *sum), (&*scaled, &mut *product)] {
                for lane in lane.chunks_exact(channels) {
                    into.iter_mut().zip(lane).for_each(|(s, v)| *s += f64::from(*v));
                }
            }
        }
    }

    /// `d = a d + b x + c` with repeated coefficients: a batch norm's gradient.
    pub fn combine(d: &mut [f32], x: &[f32], a: &[f32], b: &[f32], c: &[f32]) {
        for (d, x) in d.chunks_mut(a.len()).zip(x.chunks(a.len())) {
            for ((((d, x), a), b), c) in d.iter_mut().zip(x).zip(a).zip(b).zip(c) {
                *d = *d * a + x * b + c;
            }
        }
    }

    /// `y += x`
    pub fn add(y: &mut [f32], x: &[f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
    }

    /// `y *= factor`
    pub fn scale(y: &mut [f32], factor: f32) {
        y.iter_mut().for_each(|y| *y *= factor);
    }
}

/// Count, mean and summed squared distance from it per channel.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Values per channel.
    pub count: f64,
    /// Their mean.
    pub mean: Vec<f64>,
    /// Sum of squared distances from the mean.
    pub squares: Vec<f64>,
}

impl Moments {
    /// Of the rows of `x`, in two passes: no cancellation however far the mean is from zero.
    pub fn of(x: &[f32], channels: usize) -> Self {
        let count = (x.len() / channels) as f64;
        let mut lanes = repeat(&vec![0.0; channels]);
        let mut mean = vec![0.0; channels];
        column_sums(x, &mut lanes, &mut mean);
        mean.iter_mut().for_each(|m| *m /= count.max(1.0));
        // The rounded centre's offset is taken out again below.
        let center: Vec<f32> = mean.iter().map(|&m| m as f32).collect();
        let mut squares = vec![0.0; channels];
        column_squares(x, &repeat(&center), &mut lanes, &mut squares);
        for ((s, m), c) in squares.iter_mut().zip(&mean).zip(&center) {
            *s = (*s - count * (m - f64::from(*c)).powi(2)).max(0.0);
        }
        Moments { count, mean, squares }
    }

    /// Both together (Chan, Golub and LeVeque 1979, equation 2.1).
    pub fn merge(mut self, other: &Moments) -> Self {
        let total = self.count + other.count;
        if total > 0.0 {
            for c in 0..self.mean.len() {
                let delta = other.mean[c] - self.mean[c];
                self.mean[c] += delta * other.count / total;
                self.squares[c] += other.squares[c] + delta * delta * self.count * other.count / total;
            }
        }
        self.count = total;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_moments_are_those_of_the_whole_even_far_from_zero() {
        let x: Vec<f32> = (0..300).map(|i| 1e4 + ((i * 7919) % 101) as f32 * 0.01).collect();
        let whole = Moments::of(&x, 3);
        let merged = Moments::of(&x[..99], 3).merge(&Moments::of(&x[99..], 3));
        for c in 0..3 {
            let column: Vec<f64> = x.iter().skip(c).step_by(3).map(|&v| f64::from(v)).collect();
            let mean = column.iter().sum::<f64>() / 100.0;
            let squares: f64 = column.iter().map(|v| (v - mean).powi(2)).sum();
            for m in [&whole, &merged] {
                assert!((m.mean[c] - mean).abs() < 1e-3, "{} {mean}", m.mean[c]);
                assert!((m.squares[c] / squares - 1.0).abs() < 1e-3, "{} {squares}", m.squares[c]);
            }
        }
    }
}
