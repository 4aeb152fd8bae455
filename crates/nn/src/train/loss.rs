//! Cross-entropy fused with the softmax before it.

use neurohm_num::simd::math::{exp, ln};

/// Summed loss and number of samples whose largest output is the label's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Sum over samples, nats.
    pub loss: f64,
    /// Correctly classified samples.
    pub correct: u64,
}

neurohm_num::dispatch! {
    /// Cross-entropy of the softmax of one row `z` against a label with `smoothing`; turns `z` into the loss's
    /// gradient, scaled by `scale`, and returns the loss. Against the target `t = (1 - smoothing) [k = label]
    /// + smoothing / classes` the loss is `ln sum e^z - sum t z` and its gradient `softmax(z) - t`.
    pub fn cross_entropy_row(z: &mut [f32], label: usize, smoothing: f32, scale: f32) -> f32 {
        let top = z.iter().fold(f32::NEG_INFINITY, |t, &v| if v > t { v } else { t });
        let share = smoothing / z.len() as f32;
        let (mut sum, mut mean) = (0.0, 0.0);
        for &v in z.iter() {
            sum += exp(v - top);
            mean += v - top;
        }
        let loss = ln(sum) - (1.0 - smoothing) * (z[label] - top) - share * mean;
        let norm = scale / sum;
        for v in z.iter_mut() {
            *v = exp(*v - top) * norm - share * scale;
        }
        z[label] -= (1.0 - smoothing) * scale;
        loss
    }
}

/// Mean cross-entropy's gradient over a batch, in place of its logits; the score in the samples' order.
pub fn cross_entropy(logits: &mut [f32], labels: &[u32], smoothing: f32) -> Score {
    let mut score = Score::default();
    if labels.is_empty() {
        return score;
    }
    let classes = logits.len() / labels.len();
    let scale = 1.0 / labels.len() as f32;
    for (z, &label) in logits.chunks_exact_mut(classes).zip(labels) {
        score.correct += u64::from(crate::metrics::argmax(z) == label as usize);
        score.loss += f64::from(cross_entropy_row(z, label as usize, smoothing, scale));
    }
    score
}
