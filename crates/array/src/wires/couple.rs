//! What two neighbours are to each other, and what the last ports are to the array: copies between their matrices.

use super::block::{Block, Join, Shape, Span};

/// Which terminal a port of the whole array is: sources, sinks, and the current source come in this order.
pub(super) fn terminal(whole: &Shape, port: usize) -> usize {
    if port < whole.t() {
        port % whole.rows
    } else if port < whole.s() {
        whole.rows + (port - whole.t()) % whole.columns
    } else {
        whole.rows + whole.columns
    }
}

/// `w -= K` between the sinks and sources that a block has among its ports; `w` is sinks x sources.
pub(super) fn direct(block: &Block, kept: &[Span], whole: &Shape, w: &mut [f64]) {
    let p = block.shape.ports();
    // Sinks come after sources, so this is the lower triangle.
    for sources in kept.iter().filter(|s| s.to < whole.t()) {
        for sinks in kept.iter().filter(|s| (whole.t()..whole.s()).contains(&s.to)) {
            for i in 0..sources.count {
                let row = (sources.to + i) % whole.rows;
                let from = &block.k[(sources.from + i) * p + sinks.from..][..sinks.count];
                for (j, k) in from.iter().enumerate() {
                    let column = (sinks.to + j - whole.t()) % whole.columns;
                    w[column * whole.rows + row] -= k;
                }
            }
        }
    }
}

/// Couplings of the whole array's sources, sinks and current source, rows in this order, to the last shared ports. Both ends of
/// a line stand at the same voltage, so that their couplings add up.
pub(super) fn terminals(a: &Block, b: &Block, join: &Join, rows: usize, x: &mut [f64]) {
    x.fill(0.0);
    for (number, block) in [a, b].into_iter().enumerate() {
        let (p, at) = (block.shape.ports(), join.shared[number]);
        let current = join.source.map(|(from, to)| Span { from: from[number], count: 1, to });
        for span in join.kept[number].iter().copied().chain(current) {
            for i in 0..span.count {
                let (row, from) = (terminal(&join.shape, span.to + i), span.from + i);
                for j in 0..join.count {
                    x[j * rows + row] += block.k[from.min(at + j) * p + from.max(at + j)];
                }
            }
        }
    }
}

/// Couplings of the ports that remain (rows) to those that are shared (columns).
pub(super) fn couple(a: &Block, b: &Block, join: &Join, x: &mut [f64]) {
    let (rows, s) = (join.shape.ports(), join.count);
    for (number, block) in [a, b].into_iter().enumerate() {
        let (p, at) = (block.shape.ports(), join.shared[number]);
        for span in &join.kept[number] {
            if span.from > at {
                for j in 0..s {
                    let from = &block.k[(at + j) * p + span.from..][..span.count];
                    x[j * rows + span.to..][..span.count].copy_from_slice(from);
                }
            } else {
                // Across the grain: in strips of a cache line.
                for j0 in (0..s).step_by(8) {
                    let width = 8.min(s - j0);
                    for i in 0..span.count {
                        let from = &block.k[(span.from + i) * p + at + j0..][..width];
                        for (j, from) in from.iter().enumerate() {
                            x[(j0 + j) * rows + span.to + i] = *from;
                        }
                    }
                }
            }
        }
    }
    if let Some((from, to)) = join.source {
        let [pa, pb] = [a.shape.ports(), b.shape.ports()];
        for j in 0..s {
            x[j * rows + to] =
                a.k[(join.shared[0] + j) * pa + from[0]] + b.k[(join.shared[1] + j) * pb + from[1]];
        }
    }
}

/// `k` = the two blocks' matrices side by side, lower triangle.
pub(super) fn side_by_side(a: &Block, b: &Block, join: &Join, k: &mut [f64]) {
    let p = join.shape.ports();
    let blocks = [a, b];
    // All ports in the parent's order, each span with its child.
    let mut spans: Vec<(usize, Span)> =
        (0..2).flat_map(|number| join.kept[number].iter().map(move |span| (number, *span))).collect();
    spans.sort_unstable_by_key(|(_, span)| span.to);
    for (first, (child, columns)) in spans.iter().enumerate() {
        let (block, pk) = (blocks[*child], blocks[*child].shape.ports());
        for c in 0..columns.count {
            let column = &mut k[(columns.to + c) * p..][..p];
            let from = &block.k[(columns.from + c) * pk..][..pk];
            column[columns.to + c..columns.to + columns.count]
                .copy_from_slice(&from[columns.from + c..columns.from + columns.count]);
            for (other, rows) in &spans[first + 1..] {
                let to = &mut column[rows.to..][..rows.count];
                if other == child {
                    to.copy_from_slice(&from[rows.from..][..rows.count]);
                } else {
                    to.fill(0.0);
                }
            }
            if let Some((from, to)) = join.source {
                k[(columns.to + c) * p + to] = block.k[(columns.from + c) * pk + from[*child]];
            }
        }
    }
    if let Some((_, to)) = join.source {
        k[to * p + to] = 0.0;
    }
}
