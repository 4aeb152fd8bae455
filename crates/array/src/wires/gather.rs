//! The cells of a network, laid out in lanes.

use std::ops::Range;

use neurohm_num::Rows;

use super::lanes::{LANES, V};
use super::leaf::Cells;
use super::tree::Net;

/// The cells of up to eight leaves.
pub(super) struct LaneCells {
    g: Vec<V>,
    source: Vec<V>,
    left: Vec<V>,
    bottom: Vec<V>,
    at_right: [bool; LANES],
    at_top: [bool; LANES],
}

impl LaneCells {
    pub(super) fn gather(
        net: &Net,
        rows: &[Range<usize>],
        columns: &[Range<usize>],
        leaves: &[usize],
    ) -> Self {
        let places: Vec<(usize, usize)> = (leaves.iter())
            .map(|leaf| (rows[leaf / columns.len()].start, columns[leaf % columns.len()].start))
            .collect();
        let (height, width) = match leaves.first() {
            Some(leaf) => (rows[leaf / columns.len()].len(), columns[leaf % columns.len()].len()),
            None => (0, 0),
        };
        // Lanes without a leaf hold copies of the first one, so that no lane meets a zero pivot.
        let at = |lane: usize| places[if lane < places.len() { lane } else { 0 }];
        let grid = |values: Rows<f64>| {
            let mut lanes = vec![V::ZERO; height * width];
            for lane in 0..LANES {
                let (r0, c0) = at(lane);
                for (r, lanes) in lanes.chunks_exact_mut(width).enumerate() {
                    let row = &values.row(r0 + r)[c0..c0 + width];
                    lanes.iter_mut().zip(row).for_each(|(v, g)| v.0[lane] = *g);
                }
            }
            lanes
        };
        let mut left = vec![V::all(net.word); width];
        let mut bottom = vec![V::all(net.bit); height];
        let (mut at_right, mut at_top) = ([false; LANES], [false; LANES]);
        for lane in 0..LANES {
            let (r0, c0) = at(lane);
            at_right[lane] = c0 + width == net.g.cols();
            at_top[lane] = r0 == 0;
            if c0 == 0 {
                left[0].0[lane] = net.first_word;
            }
            if r0 + height == net.g.rows() {
                bottom[height - 1].0[lane] = net.last_bit;
            }
        }
        let source = net.source.map(grid).unwrap_or_default();
        Self { g: grid(net.g), source, left, bottom, at_right, at_top }
    }

    pub(super) fn view(&self, net: &Net) -> Cells<'_> {
        let Self { g, source, left, bottom, at_right, at_top } = self;
        let end =
            |there: bool, at: &[bool; LANES], g: f64| V::all(if there { g } else { 0.0 }).or(at, V::ZERO);
        let right_end = end(net.word_ends, at_right, net.first_word);
        let top_end = end(net.bit_ends, at_top, net.last_bit);
        Cells { g, source, left, bottom, at_right: *at_right, at_top: *at_top, right_end, top_end }
    }
}
