//! One cell changes: the effective matrix follows by a rank-one update (Sherman and Morrison, 1950).
//!
//! A conductance beside a cell carries a current, and that current is a source between the cell's two nodes. What such a source
//! does at the terminals, and across the cell itself, takes one leaf to be eliminated again and one product with the couplings of
//! every block above it: time in proportion to the number of cells, where a new elimination takes that to the power of 3/2.

use neurohm_num::Rows;

use super::back::Back;
use super::couple::terminal;
use super::dense::{Factor, Mat, MatMut};
use super::gather::LaneCells;
use super::tree::{Kept, Net, Tree, Workspace};

/// What one ampere from a cell's word-line node to its bit-line node does.
pub(super) struct Influence {
    /// Voltage across the cell for a volt at each terminal, sources before sinks; by reciprocity also the current that the
    /// ampere draws from each.
    pub terminals: Vec<f64>,
    /// Voltage by which the ampere lowers the one across the cell, V/A.
    pub own_ohm: f64,
}

impl Back {
    /// The influence of the cell in this row and column of `net`, the network that was eliminated.
    pub(super) fn influence(&self, net: &Net, row: usize, column: usize, pool: &Workspace) -> Influence {
        let (m, n) = (net.g.rows(), net.g.cols());
        let place = |parts: &[std::ops::Range<usize>], at: usize| {
            parts.iter().position(|p| p.contains(&at)).unwrap_or(0)
        };
        let (r, c) = (place(&self.rows, row), place(&self.columns, column));
        let leaf = r * self.columns.len() + c;
        // The leaf again, with one ampere in this cell.
        let mut source = vec![0.0; m * n];
        source[row * n + column] = 1.0;
        let net = Net { source: Rows::new(&source, m, n).ok(), ..*net };
        let mut shape = self.shapes[leaf];
        shape.source = true;
        let plan = pool.plan(shape);
        let cells = LaneCells::gather(&net, &self.rows, &self.columns, &[leaf]);
        let mut arena = pool.lanes.take(plan.arena());
        plan.forward(&cells.view(&net), &mut arena, None);
        let (p, s) = (shape.ports(), shape.s());
        let ports: Vec<f64> = (0..s).map(|port| arena[port * p + s].0[0]).collect();
        let mut own_ohm = -arena[s * p + s].0[0];
        pool.lanes.give(arena);
        let terminals = match &self.root {
            Tree::Leaf(_) => {
                let mut terminals = vec![0.0; m + n];
                ports.iter().enumerate().for_each(|(port, v)| terminals[terminal(&shape, port)] += v);
                terminals
            }
            Tree::Merge(root) => {
                // A tree holds every leaf.
                let path = root.path(leaf).unwrap_or_default();
                root.rise(&path, ports, true, &mut own_ohm)
            }
        };
        Influence { terminals, own_ohm }
    }
}

impl Kept {
    /// Which child to take, from here to a leaf.
    fn path(&self, leaf: usize) -> Option<Vec<usize>> {
        (0..2).find_map(|number| match &self.children[number] {
            Tree::Leaf(here) => (*here == leaf).then(|| vec![number]),
            Tree::Merge(kept) => kept.path(leaf).map(|mut path| {
                path.insert(0, number);
                path
            }),
        })
    }

    /// From what a leaf's ports see of the ampere to what this block's ports, or at the root the terminals, see.
    fn rise(&self, path: &[usize], leaf: Vec<f64>, root: bool, own_ohm: &mut f64) -> Vec<f64> {
        let Some((&number, below)) = path.split_first() else { return leaf };
        let child = match &self.children[number] {
            Tree::Leaf(_) => leaf,
            Tree::Merge(kept) => kept.rise(below, leaf, false, own_ohm),
        };
        let Self { join, x, l, inverse, .. } = self;
        let s = join.count;
        let mut y = child[join.shared[number]..][..s].to_vec();
        let factor = Factor { l: Mat::new(l, s, s, s + 1), inverse };
        factor.right_solve(MatMut::new(&mut y, 1, s, 1), &mut [0.0; 32]);
        *own_ohm += y.iter().map(|y| y * y).sum::<f64>();
        let shape = &join.shape;
        let count = if root { shape.rows + shape.columns } else { shape.ports() };
        let mut seen = vec![0.0; count];
        for span in &join.kept[number] {
            for i in 0..span.count {
                let to = if root { terminal(shape, span.to + i) } else { span.to + i };
                seen[to] += child[span.from + i];
            }
        }
        for (y, x) in y.iter().zip(x.chunks_exact(count)) {
            seen.iter_mut().zip(x).for_each(|(seen, x)| *seen -= x * y);
        }
        seen
    }
}
