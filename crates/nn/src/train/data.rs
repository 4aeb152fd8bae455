//! Batches: shuffled, shifted and mirrored, the same whatever the number of threads.

use super::config::Augment;
use crate::error::NnError;
use crate::graph::Graph;
use neurohm_num::{Key, Purpose, Rows};
use rayon::prelude::*;

/// Samples with their classes.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// One sample a row, in the shape of the network's input.
    pub x: Rows<'a>,
    /// Class of each sample, counting from 0.
    pub labels: &'a [u32],
}

impl Labelled<'_> {
    /// Whether the samples fit the network, with `classes` outputs, and one another.
    pub(crate) fn check(&self, graph: &Graph, classes: usize) -> Result<(), NnError> {
        let bad = |detail: String| Err(NnError::Data(detail));
        let [input] = graph.inputs[..] else {
            return bad(format!("the network has {} inputs, labelled samples fill one", graph.inputs.len()));
        };
        let value = &graph.values[input];
        let size: usize = value.shape.iter().product();
        if self.x.cols() != size {
            return bad(format!("samples of {} values for an input of {:?}", self.x.cols(), value.shape));
        }
        if self.x.rows() != self.labels.len() {
            return bad(format!("{} samples with {} labels", self.x.rows(), self.labels.len()));
        }
        match self.labels.iter().position(|&l| l as usize >= classes) {
            Some(i) => bad(format!("sample {i} has label {}, the network {classes} classes", self.labels[i])),
            None => Ok(()),
        }
    }
}

/// The order in which an epoch sees its samples.
pub fn order(key: Key, epoch: u64, len: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..len as u32).collect();
    key.stream(Purpose::Shuffle, epoch).shuffle(&mut order);
    order
}

/// Copies the samples `picked` into `out`, varied as `augment` says.
pub fn assemble(
    x: Rows,
    picked: &[u32],
    shape: &[usize],
    augment: Augment,
    key: Key,
    epoch: u64,
    out: &mut [f32],
) {
    let stream = key.stream(Purpose::Augment, epoch);
    let varied = augment != Augment::default();
    let size = x.cols().max(1);
    out.par_chunks_mut(size).zip(picked).for_each(|(out, &i)| {
        let row = x.row(i as usize);
        if !varied {
            return out.copy_from_slice(row);
        }
        let draw = |k: u64| stream.bits(u64::from(i) * 4 + k);
        let reach = augment.shift as i64;
        let shift = |bits: u32| i64::from(bits) % (2 * reach + 1) - reach;
        let flip = augment.flip && draw(2) & 1 == 1;
        match *shape {
            [h, w, c] => moved(row, out, [h, w, c], [shift(draw(0)), shift(draw(1))], flip),
            [w, c] => moved(row, out, [1, w, c], [0, shift(draw(1))], flip),
            _ => out.copy_from_slice(row),
        }
    });
}

/// Writes the image `x`, mirrored and then moved down and right; uncovered pixels are 0.
fn moved(x: &[f32], out: &mut [f32], [h, w, c]: [usize; 3], [down, right]: [i64; 2], flip: bool) {
    let inside =
        |i: usize, by: i64, len: usize| usize::try_from(i as i64 - by).ok().filter(|&from| from < len);
    for (i, row) in out.chunks_exact_mut(w * c).enumerate().take(h) {
        let Some(y) = inside(i, down, h) else {
            row.fill(0.0);
            continue;
        };
        for (j, pixel) in row.chunks_exact_mut(c).enumerate() {
            match inside(j, right, w) {
                Some(x_from) => {
                    let from = if flip { w - 1 - x_from } else { x_from };
                    pixel.copy_from_slice(&x[(y * w + from) * c..][..c]);
                }
                None => pixel.fill(0.0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_move_and_mirror_as_drawn() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut out = [9.0; 6];
        moved(&x, &mut out, [2, 3, 1], [1, -1], false);
        assert_eq!(out, [0.0, 0.0, 0.0, 2.0, 3.0, 0.0]);
        moved(&x, &mut out, [2, 3, 1], [0, 1], true);
        assert_eq!(out, [0.0, 3.0, 2.0, 0.0, 6.0, 5.0]);
        moved(&x, &mut out, [2, 3, 1], [5, 0], false);
        assert_eq!(out, [0.0; 6]);
    }

    #[test]
    fn an_epoch_sees_every_sample_once_and_epochs_differ() {
        let key = Key::root(3);
        let (a, b) = (order(key, 0, 1000), order(key, 1, 1000));
        assert_ne!(a, b);
        let mut sorted = a.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &v)| i == v as usize));
    }
}
