//! The way back: from the voltages of sources and sinks to those of all nodes.

use std::ops::Range;
use std::sync::OnceLock;

use neurohm_num::Rows;
use rayon::prelude::*;

use super::block::Shape;
use super::couple::terminal;
use super::dense::{self, Factor, Mat, MatMut, To};
use super::gather::LaneCells;
use super::lanes::V;
use super::tree::{Group, Kept, Net, Tree, Workspace};

/// What an elimination left, to be walked back.
pub(super) struct Back {
    pub root: Tree,
    pub groups: Vec<Group>,
    /// Of each leaf.
    pub shapes: Vec<Shape>,
    pub rows: Vec<Range<usize>>,
    pub columns: Vec<Range<usize>>,
}

/// Voltages of each leaf's ports, the sets one after another.
type AtLeaves = [OnceLock<Vec<f64>>];

impl Back {
    /// Voltages of every cell's word-line node and bit-line node for voltages of the terminals, a set in each row: sources and
    /// behind them sinks. `word` and `bit` receive rows x columns numbers a set, V. `net` is the network that was eliminated.
    pub(super) fn voltages(
        &self,
        net: &Net,
        terminals: Rows<f64>,
        pool: &Workspace,
        word: &mut [f64],
        bit: &mut [f64],
    ) {
        let (m, n, sets) = (net.g.rows(), net.g.cols(), terminals.rows());
        let at_leaves: Vec<OnceLock<Vec<f64>>> = vec![OnceLock::new(); self.shapes.len()];
        let shape = match &self.root {
            Tree::Leaf(leaf) => self.shapes[*leaf],
            Tree::Merge(kept) => kept.join.shape,
        };
        let (p, rows) = (shape.ports(), m + n + usize::from(shape.source));
        let mut u = vec![0.0; p * sets];
        let mut known = vec![1.0; rows * sets];
        for set in 0..sets {
            let known = &mut known[set * rows..(set + 1) * rows];
            known[..m + n].copy_from_slice(terminals.row(set));
            for (port, u) in u[set * p..(set + 1) * p].iter_mut().enumerate() {
                *u = known[terminal(&shape, port)];
            }
        }
        match &self.root {
            Tree::Leaf(leaf) => drop(at_leaves[*leaf].set(u)),
            Tree::Merge(kept) => kept.descend(Mat::new(&known, rows, sets, rows), &u, sets, &at_leaves),
        }
        let cells: Vec<LaneCells> = self
            .groups
            .iter()
            .map(|g| LaneCells::gather(net, &self.rows, &self.columns, &g.leaves))
            .collect();
        let planes = word.par_chunks_exact_mut(m * n).zip(bit.par_chunks_exact_mut(m * n));
        planes.enumerate().for_each(|(set, (word, bit))| {
            for (group, cells) in self.groups.iter().zip(&cells) {
                self.leaves(group, &cells.view(net), set, &at_leaves, pool, n, word, bit);
            }
        });
    }

    /// Gives all buffers back.
    pub(super) fn give_back(self, pool: &Workspace) {
        fn give(tree: Tree, pool: &Workspace) {
            if let Tree::Merge(kept) = tree {
                let Kept { x, l, inverse, children, .. } = *kept;
                [x, l, inverse].into_iter().for_each(|b| pool.numbers.give(b));
                children.into_iter().for_each(|child| give(child, pool));
            }
        }
        give(self.root, pool);
        self.groups.into_iter().for_each(|group| pool.lanes.give(group.kept));
    }

    /// One set of voltages in up to eight leaves.
    fn leaves(
        &self,
        group: &Group,
        cells: &super::leaf::Cells,
        set: usize,
        at_leaves: &AtLeaves,
        pool: &Workspace,
        n: usize,
        word: &mut [f64],
        bit: &mut [f64],
    ) {
        let plan = &group.plan;
        let (height, width) = (plan.shape.rows, plan.shape.columns);
        let mut u = pool.lanes.take(plan.voltages());
        let (mut w, mut b) = (pool.lanes.take(height * width), pool.lanes.take(height * width));
        u[..plan.shape.ports()].fill(V::ZERO);
        for (lane, leaf) in group.leaves.iter().enumerate() {
            let Some(ports) = at_leaves[*leaf].get() else { continue };
            let (own, p) = (self.shapes[*leaf], self.shapes[*leaf].ports());
            for span in own.within(&plan.shape) {
                let from = &ports[set * p + span.to..][..span.count];
                u[span.from..].iter_mut().zip(from).for_each(|(u, port)| u.0[lane] = *port);
            }
        }
        plan.backward(cells, &group.kept, &mut u, &mut w, &mut b);
        for (lane, leaf) in group.leaves.iter().enumerate() {
            let (r0, c0) =
                (self.rows[leaf / self.columns.len()].start, self.columns[leaf % self.columns.len()].start);
            for (to, from) in [(&mut *word, &w), (&mut *bit, &b)] {
                for (r, from) in from[..height * width].chunks_exact(width).enumerate() {
                    let to = &mut to[(r0 + r) * n + c0..][..width];
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = from.0[lane]);
                }
            }
        }
        [u, w, b].into_iter().for_each(|b| pool.lanes.give(b));
    }
}

impl Kept {
    /// From the voltages of a block's ports, `u`, to those of its leaves' ports. `known` are the voltages that belong to the
    /// rows of its couplings: the ports', or the sources' at the root.
    fn descend(&self, known: Mat, u: &[f64], sets: usize, out: &AtLeaves) {
        let Self { join, shapes, x, l, inverse, children } = self;
        let (p, s) = (join.shape.ports(), join.count);
        let mut inside = vec![0.0; s * sets];
        let x = Mat::new(x, known.rows(), s, known.rows());
        dense::multiply(To::Less, x.t(), known, MatMut::new(&mut inside, s, sets, s));
        let mut spare = vec![0.0; 32 * sets];
        let factor = Factor { l: Mat::new(l, s, s, s + 1), inverse };
        factor.back_solve(MatMut::new(&mut inside, s, sets, s), &mut spare);
        let voltages = |number: usize| {
            let (pc, at) = (shapes[number].ports(), join.shared[number]);
            let mut child = vec![0.0; pc * sets];
            for (set, child) in child.chunks_exact_mut(pc).enumerate() {
                let parent = &u[set * p..(set + 1) * p];
                for span in &join.kept[number] {
                    child[span.from..][..span.count].copy_from_slice(&parent[span.to..][..span.count]);
                }
                child[at..at + s].copy_from_slice(&inside[set * s..(set + 1) * s]);
                if let Some((from, to)) = join.source {
                    child[from[number]] = parent[to];
                }
            }
            child
        };
        let down = |number: usize| {
            let u = voltages(number);
            match &children[number] {
                Tree::Leaf(leaf) => drop(out[*leaf].set(u)),
                Tree::Merge(kept) => {
                    let pc = shapes[number].ports();
                    kept.descend(Mat::new(&u, pc, sets, pc), &u, sets, out);
                }
            }
        };
        rayon::join(|| down(0), || down(1));
    }
}
