//! The elimination of a whole array: a quad-tree of blocks, leaves in lanes, larger ones dense.
//!
//! Two neighbours become one by a Schur complement on the ports that they share. After the last two, only sources and sinks
//! are left, and what lies between them is the effective matrix: `I = W V`. Counted, this takes about 34 n^3 floating-point
//! operations for n x n cells. The order is that of nested dissection (George, 1973), and nothing outlives its merge
//! but where node voltages are asked for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use neurohm_num::{Cancelled, Rows, Watch};
use rayon::prelude::*;

use super::back::Back;
use super::block::{Block, Far, Join, Shape, Span};
use super::couple::{couple, direct, side_by_side, terminals};
use super::dense::{self, Factor, Mat, MatMut, To};
use super::gather::LaneCells;
use super::lanes::{LANES, V};
use super::leaf::{Plan, SIDE};
use super::pool::Pool;

/// Leaves a side whose matrices exist at the same time.
const LEAVES: usize = 8;

/// A network of cells and wire segments, as conductances in siemens.
#[derive(Clone, Copy)]
pub(super) struct Net<'a> {
    /// Of the cells.
    pub g: Rows<'a, f64>,
    /// Currents that cells add from their word line to their bit line, A.
    pub source: Option<Rows<'a, f64>>,
    /// Of the segment between a driver and its first cell, and of those between cells.
    pub first_word: f64,
    pub word: f64,
    /// Of the segment between a last cell and ground, and of those between cells.
    pub last_bit: f64,
    pub bit: f64,
    /// Whether word lines are driven, and bit lines grounded, at their far ends too.
    pub word_ends: bool,
    pub bit_ends: bool,
}

/// Why a network could not be eliminated.
#[derive(Debug)]
pub(super) enum Stop {
    Cancelled,
    /// A pivot among the nodes around these cells is not a positive number.
    Singular {
        row: usize,
        column: usize,
    },
}

impl From<Cancelled> for Stop {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// What an elimination leaves for the way back.
pub(super) enum Tree {
    /// The leaf of this number.
    Leaf(usize),
    Merge(Box<Kept>),
}

pub(super) struct Kept {
    pub join: Join,
    pub shapes: [Shape; 2],
    /// Couplings, ports by shared; at the root, terminals by shared.
    pub x: Vec<f64>,
    pub l: Vec<f64>,
    pub inverse: Vec<f64>,
    pub children: [Tree; 2],
}

/// Leaves that were eliminated together.
pub(super) struct Group {
    pub plan: Arc<Plan>,
    /// Numbers of the leaves in each lane.
    pub leaves: Vec<usize>,
    pub kept: Vec<V>,
}

/// An eliminated network.
pub(super) struct Eliminated {
    /// What a sink (row) takes for a volt at a source (column), S; sinks x sources. Empty where cells add currents.
    pub effective: Vec<f64>,
    /// Where the way back was asked for.
    pub back: Option<Back>,
}

/// The elimination at work.
pub(super) struct Elimination<'a> {
    net: Net<'a>,
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
    keep: bool,
    groups: Mutex<Vec<Group>>,
    watch: &'a dyn Watch,
    pool: &'a Workspace,
}

/// Buffers of eliminations, kept from one to the next.
pub struct Workspace {
    pub(super) numbers: Pool<f64>,
    pub(super) lanes: Pool<V>,
    plans: Mutex<HashMap<Shape, Arc<Plan>>>,
}

impl Workspace {
    pub(super) fn plan(&self, shape: Shape) -> Arc<Plan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.entry(shape).or_insert_with(|| Arc::new(Plan::new(shape))).clone()
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self { numbers: Pool::new(0.0), lanes: Pool::new(V::ZERO), plans: Mutex::default() }
    }
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Workspace")
    }
}

/// A part of the leaves: ranges of leaf rows and leaf columns.
#[derive(Clone)]
struct Region {
    rows: Range<usize>,
    columns: Range<usize>,
}

/// The matrices of the leaves of a region, until they are merged.
struct Leaves {
    region: Region,
    blocks: Vec<Mutex<Option<Block>>>,
}

/// `0..n` in nearly equal parts of at most [`SIDE`].
fn parts(n: usize) -> Vec<Range<usize>> {
    let count = n.div_ceil(SIDE);
    (0..count).map(|i| i * n / count..(i + 1) * n / count).collect()
}

/// Whether a region is cut into left and right, and its parts.
fn cut(rows: &[Range<usize>], columns: &[Range<usize>], region: &Region) -> (bool, Region, Region) {
    let (r, c) = (region.rows.clone(), region.columns.clone());
    let cells =
        |parts: &[Range<usize>], range: &Range<usize>| parts[range.end - 1].end - parts[range.start].start;
    let wide = r.len() == 1 || (c.len() > 1 && Shape::is_wide(cells(rows, &r), cells(columns, &c)));
    // In the middle, but such that whole lanes of leaves lie on both sides.
    let half = |range: &Range<usize>| {
        let n = range.len();
        range.start + if n > LEAVES { (n / 2).next_multiple_of(LEAVES).min(n - 1) } else { n / 2 }
    };
    if wide {
        let at = half(&c);
        let right = Region { rows: r.clone(), columns: at..c.end };
        (true, Region { rows: r, columns: c.start..at }, right)
    } else {
        let at = half(&r);
        let lower = Region { rows: at..r.end, columns: c.clone() };
        (false, Region { rows: r.start..at, columns: c }, lower)
    }
}

/// Bytes of an elimination's buffers at their peak, and of its result; with `keep` also of what the way back needs. Both
/// halves of the two largest merges may be at work together.
pub(super) fn bytes(rows: usize, columns: usize, keep: bool) -> u64 {
    struct Count<'a> {
        rows: &'a [Range<usize>],
        columns: &'a [Range<usize>],
        kept: u64,
    }
    impl Count<'_> {
        /// Numbers of a block's matrix, and at the peak of making it.
        fn block(&mut self, region: &Region, depth: usize) -> (Shape, u64, u64) {
            let cells =
                |parts: &[Range<usize>], r: &Range<usize>| parts[r.end - 1].end - parts[r.start].start;
            let far = |edge: bool| if edge { Far::Open } else { Far::Through };
            let shape = Shape {
                rows: cells(self.rows, &region.rows),
                columns: cells(self.columns, &region.columns),
                right: far(region.columns.end == self.columns.len()),
                top: far(region.rows.start == 0),
                source: false,
            };
            let k = (shape.ports() as u64).pow(2);
            if region.rows.len() * region.columns.len() == 1 {
                // Leaves come eight at a time, with an arena of about three of their matrices.
                self.kept += 30 * (shape.rows * shape.columns) as u64;
                return (shape, k, 4 * k);
            }
            let (wide, a, b) = cut(self.rows, self.columns, region);
            let ((a, ka, peak_a), (b, kb, peak_b)) = (self.block(&a, depth + 1), self.block(&b, depth + 1));
            let join = Join::new(a, b, wide);
            let (s, p) = (join.count as u64, join.shape.ports() as u64);
            let mine = (p + s + 32) * s + 32 * p;
            self.kept += (p + s + 32) * s;
            // At the root only sources and sinks are left.
            let result = if depth == 0 { 0 } else { k };
            let children = if depth < 2 { peak_a + peak_b } else { peak_a.max(ka + peak_b) };
            (shape, k, children.max(ka + kb + mine + result))
        }
    }
    let (r, c) = (parts(rows), parts(columns));
    let mut count = Count { rows: &r, columns: &c, kept: 0 };
    let (_, _, peak) = count.block(&Region { rows: 0..r.len(), columns: 0..c.len() }, 0);
    8 * (peak + (rows * columns) as u64 + if keep { count.kept } else { 0 })
}

impl<'a> Elimination<'a> {
    /// Eliminates all nodes of `net`; with `keep`, such that voltages can be computed afterwards. Steps `watch` by the cells
    /// of each leaf.
    pub(super) fn run(
        net: Net<'a>,
        keep: bool,
        pool: &'a Workspace,
        watch: &'a dyn Watch,
    ) -> Result<Eliminated, Stop> {
        let this = Self {
            net,
            rows: parts(net.g.rows()),
            columns: parts(net.g.cols()),
            keep,
            groups: Mutex::default(),
            watch,
            pool,
        };
        let (rows, columns) = (this.rows.len(), this.columns.len());
        let whole = Region { rows: 0..rows, columns: 0..columns };
        // Inside the pool at once: from outside, every call to it waits for a thread of the pool to wake.
        let (effective, root) =
            if rows * columns > 1 { rayon::scope(|_| this.root(whole)) } else { this.root(whole) }?;
        let shapes: Vec<Shape> = (0..rows * columns).map(|leaf| this.leaf_shape(leaf)).collect();
        let Self { groups, rows, columns, .. } = this;
        let groups = groups.into_inner().unwrap_or_else(PoisonError::into_inner);
        let back = root.map(|root| Back { root, groups, shapes, rows, columns });
        Ok(Eliminated { effective, back })
    }

    fn leaf_shape(&self, leaf: usize) -> Shape {
        let (r, c) = (leaf / self.columns.len(), leaf % self.columns.len());
        let at = |edge: bool, ends: bool| match (edge, ends) {
            (false, _) => Far::Through,
            (true, false) => Far::Open,
            (true, true) => Far::Ended,
        };
        Shape {
            rows: self.rows[r].len(),
            columns: self.columns[c].len(),
            right: at(c + 1 == self.columns.len(), self.net.word_ends),
            top: at(r == 0, self.net.bit_ends),
            source: self.net.source.is_some(),
        }
    }

    /// Two regions, on two threads where there are.
    fn both(
        &self,
        a: Region,
        b: Region,
        leaves: Option<&Leaves>,
    ) -> Result<[(Block, Option<Tree>); 2], Stop> {
        let (a, b) = rayon::join(|| self.build(a, leaves), || self.build(b, leaves));
        Ok([a?, b?])
    }

    fn build(&self, region: Region, leaves: Option<&Leaves>) -> Result<(Block, Option<Tree>), Stop> {
        let made;
        let leaves = match leaves {
            None if region.rows.len() <= LEAVES && region.columns.len() <= LEAVES => {
                made = self.leaves(&region)?;
                Some(&made)
            }
            other => other,
        };
        if let (1, 1, Some(leaves)) = (region.rows.len(), region.columns.len(), leaves) {
            return Ok(self.leaf(&region, leaves));
        }
        let (wide, a, b) = cut(&self.rows, &self.columns, &region);
        let [(a, tree_a), (b, tree_b)] = self.both(a, b, leaves)?;
        let join = Join::new(a.shape, b.shape, wide);
        let (p, s) = (join.shape.ports(), join.count);
        let mut x = self.pool.numbers.take(p * s);
        couple(&a, &b, &join, &mut x);
        let (l, inverse) = self.separator(&a, &b, &join, &region, Mat::new(&x, p, s, p))?;
        let mut spare = self.pool.numbers.take(32 * p);
        let factor = Factor { l: Mat::new(&l, s, s, s + 1), inverse: &inverse };
        factor.right_solve(MatMut::new(&mut x, p, s, p), &mut spare);
        let mut k = self.pool.numbers.take(p * p);
        side_by_side(&a, &b, &join, &mut k);
        let shapes = [a.shape, b.shape];
        [a.k, b.k, spare].into_iter().for_each(|b| self.pool.numbers.give(b));
        dense::less_square(Mat::new(&x, p, s, p), MatMut::new(&mut k, p, p, p));
        let block = Block { shape: join.shape, k };
        let tree = self.kept(join, shapes, [x, l, inverse], [tree_a, tree_b]);
        Ok((block, tree))
    }

    /// What a merge leaves for the way back, where there is one; otherwise its couplings and factor are given back.
    fn kept(
        &self,
        join: Join,
        shapes: [Shape; 2],
        [x, l, inverse]: [Vec<f64>; 3],
        children: [Option<Tree>; 2],
    ) -> Option<Tree> {
        match children {
            [Some(a), Some(b)] => {
                Some(Tree::Merge(Box::new(Kept { join, shapes, x, l, inverse, children: [a, b] })))
            }
            _ => {
                [x, l, inverse].into_iter().for_each(|b| self.pool.numbers.give(b));
                None
            }
        }
    }

    fn leaf(&self, region: &Region, leaves: &Leaves) -> (Block, Option<Tree>) {
        let (r, c) = (region.rows.start, region.columns.start);
        let from = &leaves.region;
        let place = (r - from.rows.start) * from.columns.len() + c - from.columns.start;
        let block = leaves.blocks[place].lock().ok().and_then(|mut b| b.take());
        // Every region is visited once, and its leaves were made before.
        let block = block.unwrap_or_else(|| unreachable!("a leaf is merged once"));
        let tree = self.keep.then(|| Tree::Leaf(r * self.columns.len() + c));
        (block, tree)
    }

    /// The factor of the matrix of the shared ports, its columns one number longer than it, with its inverted blocks. `x` are
    /// the couplings of the ports that remain; row `source` of them belongs to none.
    fn separator(
        &self,
        a: &Block,
        b: &Block,
        join: &Join,
        region: &Region,
        x: Mat,
    ) -> Result<(Vec<f64>, Vec<f64>), Stop> {
        let (s, [pa, pb], at) = (join.count, [a.shape.ports(), b.shape.ports()], join.shared);
        let mut m = self.pool.numbers.take((s + 1) * (s + 1));
        for j in 0..s {
            let (ka, kb) = (&a.k[(at[0] + j) * pa + at[0]..][..s], &b.k[(at[1] + j) * pb + at[1]..][..s]);
            let column = &mut m[j * (s + 1)..(j + 1) * (s + 1)];
            for ((m, ka), kb) in column.iter_mut().zip(ka).zip(kb).skip(j) {
                *m = ka + kb;
            }
            // To the outside. The current source is not a node, and comes last.
            column[s] = x.column(j)[..x.rows() - usize::from(join.shape.source)].iter().sum();
        }
        let mut inverse = self.pool.numbers.take(dense::inverses(s));
        let mut spare = self.pool.numbers.take(32 * (s + 1));
        let done = dense::cholesky(MatMut::new(&mut m, s + 1, s + 1, s + 1), &mut inverse, &mut spare);
        self.pool.numbers.give(spare);
        match done {
            Ok(()) => Ok((m, inverse)),
            Err(node) => {
                let (r, c) = (self.rows[region.rows.start].start, self.columns[region.columns.start].start);
                // The shared nodes run along the cut.
                let wide =
                    a.shape.columns + b.shape.columns == join.shape.columns && a.shape.rows == b.shape.rows;
                Err(if wide {
                    Stop::Singular { row: r + node, column: c + a.shape.columns - 1 }
                } else {
                    Stop::Singular { row: r + a.shape.rows, column: c + node }
                })
            }
        }
    }

    /// Eliminates the leaves of a region.
    fn leaves(&self, region: &Region) -> Result<Leaves, Stop> {
        let columns = self.columns.len();
        let mut by_shape: Vec<(Shape, Vec<usize>)> = Vec::new();
        for r in region.rows.clone() {
            for c in region.columns.clone() {
                let (leaf, shape) = (r * columns + c, self.leaf_shape(r * columns + c));
                match by_shape.iter_mut().find(|(s, _)| *s == shape) {
                    Some((_, leaves)) => leaves.push(leaf),
                    None => by_shape.push((shape, vec![leaf])),
                }
            }
        }
        let mut work = Vec::new();
        // What fills no lanes of its own shares them with leaves of its size.
        let mut left: Vec<(Shape, Vec<usize>)> = Vec::new();
        for (shape, leaves) in by_shape {
            let full = leaves.chunks_exact(LANES);
            let rest = full.remainder();
            work.extend(full.map(|leaves| (shape, leaves.to_vec())));
            match left.iter_mut().find(|(s, _)| (s.rows, s.columns) == (shape.rows, shape.columns)) {
                Some((_, leaves)) => leaves.extend(rest),
                None => left.push((shape, rest.to_vec())),
            }
        }
        for (shape, leaves) in left {
            for leaves in leaves.chunks(LANES) {
                let all = leaves.iter().map(|leaf| self.leaf_shape(*leaf));
                work.push((all.reduce(Shape::wider).unwrap_or(shape), leaves.to_vec()));
            }
        }
        let count = region.rows.len() * region.columns.len();
        let made =
            Leaves { region: region.clone(), blocks: (0..count).map(|_| Default::default()).collect() };
        work.into_par_iter().try_for_each(|(shape, leaves)| self.group(shape, leaves, &made))?;
        Ok(made)
    }

    /// Eliminates up to eight leaves by the plan for a shape.
    fn group(&self, shape: Shape, leaves: Vec<usize>, made: &Leaves) -> Result<(), Stop> {
        let plan = self.pool.plan(shape);
        let cells = LaneCells::gather(&self.net, &self.rows, &self.columns, &leaves);
        let mut arena = self.pool.lanes.take(plan.arena());
        let mut kept = if self.keep { self.pool.lanes.take(plan.kept()) } else { Vec::new() };
        let wide = shape.ports();
        plan.forward(&cells.view(&self.net), &mut arena, self.keep.then_some(&mut kept));
        for (lane, leaf) in leaves.iter().enumerate() {
            let own = self.leaf_shape(*leaf);
            let (p, spans) = (own.ports(), own.within(&shape));
            let mut k = self.pool.numbers.take(p * p);
            for (first, columns) in spans.iter().enumerate() {
                for c in 0..columns.count {
                    let from = &arena[(columns.from + c) * wide..][..wide];
                    let to = &mut k[(columns.to + c) * p..][..p];
                    for rows in &spans[first..] {
                        let to = &mut to[rows.to..][..rows.count];
                        to.iter_mut().zip(&from[rows.from..]).for_each(|(k, v)| *k = v.0[lane]);
                    }
                }
            }
            let (r, c) = (leaf / self.columns.len(), leaf % self.columns.len());
            let place =
                (r - made.region.rows.start) * made.region.columns.len() + c - made.region.columns.start;
            if let Ok(mut slot) = made.blocks[place].lock() {
                *slot = Some(Block { shape: own, k });
            }
        }
        self.pool.lanes.give(arena);
        self.watch.step((leaves.len() * shape.rows * shape.columns) as u64)?;
        if self.keep {
            let group = Group { plan, leaves, kept };
            self.groups.lock().unwrap_or_else(PoisonError::into_inner).push(group);
        }
        Ok(())
    }

    /// The last two blocks, of which only what lies between sources and sinks is computed.
    fn root(&self, whole: Region) -> Result<(Vec<f64>, Option<Tree>), Stop> {
        let (m, n) = (self.net.g.rows(), self.net.g.cols());
        // With current sources nobody asks for it.
        let mut w = vec![0.0; if self.net.source.is_some() { 0 } else { m * n }];
        if whole.rows.len() * whole.columns.len() == 1 {
            let (block, tree) = self.build(whole, None)?;
            let shape = block.shape;
            if shape.source {
                return Ok((w, tree));
            }
            // Sources and sinks, each as they stand.
            let spans = [(0, shape.t()), (shape.t(), shape.s() - shape.t())];
            let spans = spans.map(|(from, count)| Span { from, count, to: from });
            direct(&block, &spans, &shape, &mut w);
            return Ok((w, tree));
        }
        let made;
        let leaves = if whole.rows.len() <= LEAVES && whole.columns.len() <= LEAVES {
            made = self.leaves(&whole)?;
            Some(&made)
        } else {
            None
        };
        let (wide, a, b) = cut(&self.rows, &self.columns, &whole);
        let [(a, tree_a), (b, tree_b)] = self.both(a, b, leaves)?;
        let join = Join::new(a.shape, b.shape, wide);
        let s = join.count;
        let rows = m + n + usize::from(join.shape.source);
        let mut x = self.pool.numbers.take(rows * s);
        terminals(&a, &b, &join, rows, &mut x);
        let (l, inverse) = self.separator(&a, &b, &join, &whole, Mat::new(&x, rows, s, rows))?;
        let mut spare = self.pool.numbers.take(32 * rows);
        let factor = Factor { l: Mat::new(&l, s, s, s + 1), inverse: &inverse };
        factor.right_solve(MatMut::new(&mut x, rows, s, rows), &mut spare);
        if !join.shape.source {
            direct(&a, &join.kept[0], &join.shape, &mut w);
            direct(&b, &join.kept[1], &join.shape, &mut w);
            let all = Mat::new(&x, rows, s, rows);
            // W = -K[B, L], as its transpose.
            let (sources, sinks) = (all.rows_at(0, m), all.rows_at(m, n));
            dense::multiply(To::Add, sources, sinks.t(), MatMut::new(&mut w, m, n, m));
        }
        let shapes = [a.shape, b.shape];
        [a.k, b.k, spare].into_iter().for_each(|b| self.pool.numbers.give(b));
        let tree = self.kept(join, shapes, [x, l, inverse], [tree_a, tree_b]);
        Ok((w, tree))
    }
}
