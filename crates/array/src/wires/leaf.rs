//! The smallest blocks: up to sixteen cells a side, eliminated eight blocks at a time, one in each lane.
//!
//! The order of elimination is a [`Plan`], a list of steps over one arena, made once for all leaves of a shape. Walked
//! forwards it gives the leaves' matrices; walked backwards it carries voltages from their ports to every node.
//!
//! Leaves at an edge of the array may share lanes with those inside: a line that ends keeps a port in such a plan, to which
//! nothing is connected, or its far end where that is driven.

use neurohm_num::simd::{Isa, isa};

use super::block::{Far, Join, Shape};
use super::lanes::{LANES, V};

/// Rows and columns of a leaf at most.
pub(super) const SIDE: usize = 16;

/// Rows of a register tile, to a multiple of which couplings are padded.
const PAD: usize = 4;

/// How leaves of one shape are eliminated.
pub(super) struct Plan {
    pub shape: Shape,
    steps: Vec<Step>,
    /// Numbers that a walk forwards needs as its arena.
    arena: usize,
    /// Numbers that a walk forwards leaves for the way back.
    kept: usize,
    /// Numbers that a walk backwards needs as its arena.
    voltages: usize,
}

enum Step {
    Cell(CellStep),
    Merge(Merge),
}

struct CellStep {
    shape: Shape,
    row: usize,
    column: usize,
    /// Place of its matrix, and of its ports' voltages.
    to: usize,
    u: usize,
}

struct Merge {
    join: Join,
    /// Of each port of the parent, the child that it comes from, its number there, and how many ports from it on follow each
    /// other there too; padded to whole tiles.
    origin: Vec<(usize, usize, usize)>,
    /// The children's shapes; places of their matrices and of the parent's.
    children: [Shape; 2],
    from: [usize; 2],
    to: usize,
    /// Place of the couplings and the factor in what is kept.
    kept: usize,
    /// Places of the children's and the parent's ports' voltages.
    u_from: [usize; 2],
    u: usize,
}

/// What the cells of eight leaves are, a leaf in each lane.
pub(super) struct Cells<'a> {
    /// Conductance of each cell, S, row by row.
    pub g: &'a [V],
    /// Current that each cell adds from its word line to its bit line, A; empty where none does.
    pub source: &'a [V],
    /// Conductance of the word-line segment in front of each column, S.
    pub left: &'a [V],
    /// Conductance of the bit-line segment behind each row, S.
    pub bottom: &'a [V],
    /// Which leaves lie at the right edge of the array, and at its upper one.
    pub at_right: [bool; LANES],
    pub at_top: [bool; LANES],
    /// Conductance of the segments behind the last word-line nodes, S, and of those before the first bit-line nodes; zero
    /// where there are none.
    pub right_end: V,
    pub top_end: V,
}

impl Plan {
    pub(super) fn new(shape: Shape) -> Self {
        let mut plan = Self { shape, steps: Vec::new(), arena: 0, kept: 0, voltages: 0 };
        let (p, free) = (shape.ports(), shape.ports().pow(2));
        plan.add(shape, (0, 0), 0, free, 0, p);
        plan
    }

    /// Adds the steps for a block at `place`; its matrix goes to `to` of the arena, its voltages to `u`; what is free
    /// begins at `free` and `u_free`.
    fn add(&mut self, shape: Shape, place: (usize, usize), to: usize, free: usize, u: usize, u_free: usize) {
        self.arena = self.arena.max(free);
        self.voltages = self.voltages.max(u_free);
        let (rows, columns) = (shape.rows, shape.columns);
        if rows * columns == 1 {
            self.steps.push(Step::Cell(CellStep { shape, row: place.0, column: place.1, to, u }));
            return;
        }
        let wide = Shape::is_wide(rows, columns);
        let first = if wide { columns / 2 } else { rows / 2 };
        let children = shape.halves(wide, first);
        let second = if wide { (place.0, place.1 + first) } else { (place.0 + first, place.1) };
        let ports = children.map(|c| c.ports());
        let from = [free, free + ports[0].pow(2)];
        let u_from = [u_free, u_free + ports[0]];
        self.add(children[0], place, from[0], from[1], u_from[0], u_from[1]);
        self.add(children[1], second, from[1], from[1] + ports[1].pow(2), u_from[1], u_from[1] + ports[1]);
        let join = Join::new(children[0], children[1], wide);
        debug_assert_eq!(join.shape, shape);
        let room = Merge::room(&join);
        self.arena = self.arena.max(from[1] + ports[1].pow(2) + room);
        let mut origin = vec![(2, 0, 0); join.shape.ports().next_multiple_of(PAD)];
        for (child, spans) in join.kept.iter().enumerate() {
            for span in spans {
                (0..span.count).for_each(|i| origin[span.to + i] = (child, span.from + i, span.count - i));
            }
        }
        self.steps.push(Step::Merge(Merge { join, origin, children, from, to, kept: self.kept, u_from, u }));
        self.kept += room;
    }

    pub(super) fn arena(&self) -> usize {
        self.arena
    }

    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    pub(super) fn voltages(&self) -> usize {
        self.voltages
    }

    /// Eliminates eight leaves: their matrices stand at the start of `arena` afterwards, column by column, lower triangles.
    /// With `kept`, the couplings and factors stay there for [`Plan::backward`].
    pub(super) fn forward(&self, cells: &Cells, arena: &mut [V], kept: Option<&mut [V]>) {
        #[cfg(target_arch = "x86_64")]
        match isa() {
            // SAFETY: `isa` names only instruction sets that were detected on this machine.
            Isa::Avx512 => return unsafe { forward_avx512(self, cells, arena, kept) },
            Isa::Avx2 if is_x86_feature_detected!("fma") => {
                // SAFETY: as above, and fused multiply-adds were asked for.
                return unsafe { forward_avx2(self, cells, arena, kept) };
            }
            _ => {}
        }
        match isa() {
            Isa::Neon => forward::<true, 2>(self, cells, arena, kept),
            _ => forward::<false, 2>(self, cells, arena, kept),
        }
    }

    /// From the voltages at the leaves' ports, which stand at the start of `u`, to those of every cell's word-line node and
    /// bit-line node, row by row. `kept` is what [`Plan::forward`] left.
    pub(super) fn backward(&self, cells: &Cells, kept: &[V], u: &mut [V], word: &mut [V], bit: &mut [V]) {
        #[cfg(target_arch = "x86_64")]
        match isa() {
            // SAFETY: `isa` names only instruction sets that were detected on this machine.
            Isa::Avx512 => return unsafe { backward_avx512(self, cells, kept, u, word, bit) },
            Isa::Avx2 if is_x86_feature_detected!("fma") => {
                // SAFETY: as above, and fused multiply-adds were asked for.
                return unsafe { backward_avx2(self, cells, kept, u, word, bit) };
            }
            _ => {}
        }
        match isa() {
            Isa::Neon => backward::<true>(self, cells, kept, u, word, bit),
            _ => backward::<false>(self, cells, kept, u, word, bit),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn forward_avx512(plan: &Plan, cells: &Cells, arena: &mut [V], kept: Option<&mut [V]>) {
    forward::<true, 4>(plan, cells, arena, kept);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn forward_avx2(plan: &Plan, cells: &Cells, arena: &mut [V], kept: Option<&mut [V]>) {
    forward::<true, 2>(plan, cells, arena, kept);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn backward_avx512(plan: &Plan, cells: &Cells, kept: &[V], u: &mut [V], word: &mut [V], bit: &mut [V]) {
    backward::<true>(plan, cells, kept, u, word, bit);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn backward_avx2(plan: &Plan, cells: &Cells, kept: &[V], u: &mut [V], word: &mut [V], bit: &mut [V]) {
    backward::<true>(plan, cells, kept, u, word, bit);
}

#[inline(always)]
fn forward<const FUSED: bool, const TILE: usize>(
    plan: &Plan,
    cells: &Cells,
    arena: &mut [V],
    mut kept: Option<&mut [V]>,
) {
    for step in &plan.steps {
        match step {
            Step::Cell(cell) => {
                let p = cell.shape.ports();
                cell_matrix::<FUSED>(cell, plan.shape.columns, cells, &mut arena[cell.to..cell.to + p * p]);
            }
            Step::Merge(merge) => {
                let p = merge.join.shape.ports();
                let [pa, pb] = merge.children.map(|c| c.ports());
                let (low, high) = arena.split_at_mut(merge.from[0]);
                let to = &mut low[merge.to..merge.to + p * p];
                let (a, rest) = high.split_at_mut(pa * pa);
                let (b, spare) = rest.split_at_mut(pb * pb);
                let room = Merge::room(&merge.join);
                let x = match &mut kept {
                    Some(kept) => &mut kept[merge.kept..merge.kept + room],
                    None => &mut spare[..room],
                };
                merge.run::<FUSED, TILE>(a, b, to, x);
            }
        }
    }
}

/// In which lanes the word line and the bit line of a cell end in it.
#[inline(always)]
fn line_ends(step: &CellStep, columns: usize, cells: &Cells) -> [[bool; LANES]; 2] {
    let word = if step.column + 1 == columns { cells.at_right } else { [false; LANES] };
    [word, if step.row == 0 { cells.at_top } else { [false; LANES] }]
}

/// The 4-port of a cell, less the nodes that end inside.
#[inline(always)]
fn cell_matrix<const FUSED: bool>(step: &CellStep, columns: usize, cells: &Cells, to: &mut [V]) {
    let Shape { right, top, source, .. } = step.shape;
    let g = cells.g[step.row * columns + step.column];
    let i = if source { cells.source[step.row * columns + step.column] } else { V::ZERO };
    let (left, bottom) = (cells.left[step.column], cells.bottom[step.row]);
    let p = step.shape.ports();
    let [word_ends, bit_ends] = line_ends(step, columns, cells);
    if !word_ends.contains(&true) && !bit_ends.contains(&true) {
        to.fill(V::ZERO);
        to[0] = left;
        to[1] = left.neg();
        to[p + 1] = left.add(g);
        to[p + 2] = g.neg();
        to[2 * p + 2] = g.add(bottom);
        to[2 * p + 3] = bottom.neg();
        to[3 * p + 3] = bottom;
        if source {
            to[p + 4] = i;
            to[2 * p + 4] = i.neg();
        }
        return;
    }
    // L, the word-line node, its far end, the bit-line node, its far end, B, S.
    let mut k = [[V::ZERO; 7]; 7];
    let mut edge = |a: usize, b: usize, g: V| {
        k[a][a] = k[a][a].add(g);
        k[b][b] = k[b][b].add(g);
        k[a.max(b)][a.min(b)] = g.neg();
    };
    edge(0, 1, left);
    edge(1, 3, g);
    edge(3, 5, bottom);
    if word_ends.contains(&true) {
        edge(1, 2, cells.right_end);
    }
    if bit_ends.contains(&true) {
        edge(3, 4, cells.top_end);
    }
    k[6][1] = i;
    k[6][3] = i.neg();
    let mut gone = [false, false, right == Far::Open, false, top == Far::Open, false, !source];
    for (node, far, ends) in [(1, 2, &word_ends), (3, 4, &bit_ends)] {
        if !ends.contains(&true) {
            gone[far] = true;
            continue;
        }
        gone[node] = true;
        // The sum of what is left in its row, without the current source: nothing cancels.
        let mut pivot = V::ZERO;
        for other in 0..6 {
            if !gone[other] {
                pivot = pivot.sub(k[node.max(other)][node.min(other)]);
            }
        }
        let inverse = pivot.inverse();
        for r in 0..7 {
            let scaled = k[r.max(node)][r.min(node)].mul(inverse).or(ends, V::ZERO);
            for c in 0..=r {
                if !gone[r] && !gone[c] {
                    k[r][c] = k[r][c].less::<FUSED>(scaled, k[c.max(node)][c.min(node)]);
                }
            }
        }
        if ends.contains(&false) {
            // Where the line goes on, the node itself is the port.
            k[far][far] = k[far][far].or(ends, k[node][node]);
            for other in 0..7 {
                if !gone[other] && other != far {
                    let through = k[node.max(other)][node.min(other)];
                    let place = &mut k[far.max(other)][far.min(other)];
                    *place = place.or(ends, through);
                }
            }
        }
    }
    let ports = (0..7).filter(|&n| !gone[n]);
    for (c, column) in ports.clone().enumerate() {
        for (r, row) in ports.clone().enumerate().skip(c) {
            to[c * p + r] = k[row][column];
        }
    }
}

impl Merge {
    /// Numbers for the couplings, a row of `count` each, and behind them the factor.
    fn room(join: &Join) -> usize {
        (join.shape.ports().next_multiple_of(PAD) + join.count + 1) * join.count
    }

    /// `to` = `a` and `b` without the ports that they share; `x` receives the couplings and the factor, whose diagonal is
    /// inverted.
    #[inline(always)]
    fn run<const FUSED: bool, const TILE: usize>(&self, a: &[V], b: &[V], to: &mut [V], x: &mut [V]) {
        let Join { shape, kept, shared, count, source } = &self.join;
        let (p, s) = (shape.ports(), *count);
        let [pa, pb] = self.children.map(|c| c.ports());
        let padded = p.next_multiple_of(PAD);
        let (x, m) = x.split_at_mut(padded * s);
        x[p * s..].fill(V::ZERO);
        for (child, pc, spans, at) in [(a, pa, &kept[0], shared[0]), (b, pb, &kept[1], shared[1])] {
            for span in spans {
                let rows = x[span.to * s..][..span.count * s].chunks_exact_mut(s);
                if span.from < at {
                    for (row, from) in rows.zip(child[span.from * pc..].chunks(pc)) {
                        row.copy_from_slice(&from[at..at + s]);
                    }
                } else {
                    for (i, row) in rows.enumerate() {
                        let from = child[at * pc..].chunks(pc);
                        row.iter_mut().zip(from).for_each(|(x, from)| *x = from[span.from + i]);
                    }
                }
            }
        }
        if let Some((from, to)) = *source {
            for j in 0..s {
                x[to * s + j] = a[(shared[0] + j) * pa + from[0]].add(b[(shared[1] + j) * pb + from[1]]);
            }
        }
        // Columns of the factor are one number longer: what a node passes to the outside.
        let outside = p - usize::from(source.is_some());
        for j in 0..s {
            let column = &mut m[j * (s + 1)..(j + 1) * (s + 1)];
            for i in j + 1..s {
                column[i] =
                    a[(shared[0] + j) * pa + shared[0] + i].add(b[(shared[1] + j) * pb + shared[1] + i]);
            }
            let mut sum = V::ZERO;
            for row in 0..outside {
                sum = sum.add(x[row * s + j]);
            }
            column[s] = sum;
        }
        cholesky::<FUSED>(m, s);
        solve::<FUSED>(x, m, s);
        self.square::<FUSED, TILE>([a, b], x, to);
        if let Some((from, row)) = *source {
            // The source port belongs to both children.
            for (column, &(child, at, _)) in self.origin[..p - 1].iter().enumerate() {
                let (child, pc, from) = if child == 0 { (a, pa, from[0]) } else { (b, pb, from[1]) };
                to[column * p + row] = to[column * p + row].add(child[at * pc + from]);
            }
            let own = a[from[0] * pa + from[0]].add(b[from[1] * pb + from[1]]);
            to[row * p + row] = to[row * p + row].add(own);
        }
    }

    /// `to` = the children's matrices side by side, less `x x^T`; lower triangle, in tiles of registers.
    #[inline(always)]
    fn square<const FUSED: bool, const TILE: usize>(&self, children: [&[V]; 2], x: &[V], to: &mut [V]) {
        let (p, s) = (self.join.shape.ports(), self.join.count);
        let sizes = self.children.map(|c| c.ports());
        let mut tile = [[V::ZERO; TILE]; TILE];
        for j0 in (0..p).step_by(TILE) {
            let mut xj: [&[V]; TILE] = [&[]; TILE];
            for c in 0..TILE {
                xj[c] = &x[(j0 + c) * s..][..s];
            }
            let (child_j, at_j, run_j) = self.origin[j0];
            for i0 in (j0..p).step_by(TILE) {
                let mut xi: [&[V]; TILE] = [&[]; TILE];
                for r in 0..TILE {
                    xi[r] = &x[(i0 + r) * s..][..s];
                }
                let mut sum = [[V::ZERO; TILE]; TILE];
                for t in 0..s {
                    for c in 0..TILE {
                        for r in 0..TILE {
                            sum[c][r] = sum[c][r].less::<FUSED>(xi[r][t], xj[c][t]);
                        }
                    }
                }
                // Through memory once: what is addressed at run time cannot stay in registers meanwhile.
                for c in 0..TILE {
                    for r in 0..TILE {
                        tile[c][r] = sum[c][r];
                    }
                }
                let (child_i, at_i, run_i) = self.origin[i0];
                // What a whole tile writes above the diagonal is never read.
                if run_j >= TILE && run_i >= TILE {
                    if child_i == child_j {
                        let (child, pc) = (children[child_i], sizes[child_i]);
                        for (c, sum) in tile.iter_mut().enumerate() {
                            let from = &child[(at_j + c) * pc + at_i..][..TILE];
                            for (s, k) in sum.iter_mut().zip(from) {
                                *s = k.add(*s);
                            }
                        }
                    }
                    for (c, sum) in tile.iter().enumerate() {
                        to[(j0 + c) * p + i0..][..TILE].copy_from_slice(sum);
                    }
                } else {
                    for (c, sum) in tile.iter().enumerate() {
                        for (r, sum) in sum.iter().enumerate() {
                            let (i, j) = (i0 + r, j0 + c);
                            if j <= i && i < p {
                                let ((child_i, at_i, _), (child_j, at_j, _)) =
                                    (self.origin[i], self.origin[j]);
                                let same = child_i == child_j && child_i < 2;
                                to[j * p + i] = if same {
                                    children[child_i][at_j * sizes[child_i] + at_i].add(*sum)
                                } else {
                                    *sum
                                };
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Cholesky factor of a circuit's matrix, in place, its diagonal inverted. As in [`super::dense::cholesky`] pivots are sums
/// of what is left in their column, whose last number is what the node passes to the outside.
#[inline(always)]
fn cholesky<const FUSED: bool>(m: &mut [V], s: usize) {
    let long = s + 1;
    for j in 0..s {
        let (left, right) = m.split_at_mut((j + 1) * long);
        let left = &mut left[j * long..];
        let mut pivot = V::ZERO;
        for i in j + 1..long {
            pivot = pivot.sub(left[i]);
        }
        let q = pivot.inverse_root();
        left[j] = q;
        for i in j + 1..long {
            left[i] = left[i].mul(q);
        }
        for k in j + 1..s {
            let factor = left[k];
            let column = &mut right[(k - j - 1) * long..][..long];
            for i in k + 1..long {
                column[i] = column[i].less::<FUSED>(factor, left[i]);
            }
        }
    }
}

/// `x = x l^-T`, rows of `x` contiguous.
#[inline(always)]
fn solve<const FUSED: bool>(x: &mut [V], m: &[V], s: usize) {
    let (eights, rest) = x.split_at_mut(x.len() / (2 * PAD * s) * (2 * PAD * s));
    // Loops and no closures: what is not inlined is compiled without the wide instructions.
    for rows in eights.chunks_exact_mut(2 * PAD * s) {
        solve_rows::<FUSED, { 2 * PAD }>(rows, m, s);
    }
    for rows in rest.chunks_exact_mut(PAD * s) {
        solve_rows::<FUSED, PAD>(rows, m, s);
    }
}

/// So many rows side by side, to hide the latency of a chain of multiply-adds.
#[inline(always)]
fn solve_rows<const FUSED: bool, const ROWS: usize>(rows: &mut [V], m: &[V], s: usize) {
    for j in 0..s {
        let mut sum = [V::ZERO; ROWS];
        for (r, sum) in sum.iter_mut().enumerate() {
            *sum = rows[r * s + j];
        }
        for k in 0..j {
            let l = m[k * (s + 1) + j];
            for (r, sum) in sum.iter_mut().enumerate() {
                *sum = sum.less::<FUSED>(rows[r * s + k], l);
            }
        }
        for (r, sum) in sum.iter().enumerate() {
            rows[r * s + j] = sum.mul(m[j * (s + 1) + j]);
        }
    }
}

#[inline(always)]
fn backward<const FUSED: bool>(
    plan: &Plan,
    cells: &Cells,
    kept: &[V],
    u: &mut [V],
    word: &mut [V],
    bit: &mut [V],
) {
    let columns = plan.shape.columns;
    for step in plan.steps.iter().rev() {
        match step {
            Step::Cell(cell) => {
                let place = cell.row * columns + cell.column;
                let ports = &u[cell.u..cell.u + cell.shape.ports()];
                (word[place], bit[place]) = cell_voltages::<FUSED>(cell, columns, cells, ports);
            }
            Step::Merge(merge) => {
                let Join { shape, kept: spans, shared, count, source } = &merge.join;
                let (p, s) = (shape.ports(), *count);
                let padded = p.next_multiple_of(PAD);
                let x = &kept[merge.kept..merge.kept + padded * s];
                let m = &kept[merge.kept + padded * s..][..(s + 1) * s];
                let (parent, children) = u.split_at_mut(merge.u_from[0]);
                let parent = &parent[merge.u..merge.u + p];
                let (a, b) = children.split_at_mut(merge.children[0].ports());
                let mut inside = [V::ZERO; SIDE];
                for (parent, x) in parent.iter().zip(x.chunks_exact(s)) {
                    for (u, x) in inside.iter_mut().zip(x) {
                        *u = u.less::<FUSED>(*parent, *x);
                    }
                }
                for j in (0..s).rev() {
                    let mut sum = inside[j];
                    for i in j + 1..s {
                        sum = sum.less::<FUSED>(m[j * (s + 1) + i], inside[i]);
                    }
                    inside[j] = sum.mul(m[j * (s + 1) + j]);
                }
                for (child, spans, at, number) in [(a, &spans[0], shared[0], 0), (b, &spans[1], shared[1], 1)]
                {
                    for span in spans {
                        child[span.from..][..span.count].copy_from_slice(&parent[span.to..][..span.count]);
                    }
                    child[at..at + s].copy_from_slice(&inside[..s]);
                    if let Some((from, to)) = source {
                        child[from[number]] = parent[*to];
                    }
                }
            }
        }
    }
}

/// Voltages of a cell's word-line node and bit-line node from those of its ports.
#[inline(always)]
fn cell_voltages<const FUSED: bool>(step: &CellStep, columns: usize, cells: &Cells, u: &[V]) -> (V, V) {
    let shape = &step.shape;
    let place = step.row * columns + step.column;
    let g = cells.g[place];
    let (left, bottom) = (cells.left[step.column], cells.bottom[step.row]);
    // Conductance to nodes of known voltage, and the current from there: negated, so that `less` adds it.
    let (mut gw, mut iw) = (left, V::ZERO.less::<FUSED>(left, u[0]));
    let (mut gb, mut ib) = (bottom, V::ZERO.less::<FUSED>(bottom, u[shape.b()]));
    let [word_ends, bit_ends] = line_ends(step, columns, cells);
    // Of the ports behind the nodes, where there are any: the nodes themselves, where lines go on.
    let word_port = if shape.right == Far::Open { V::ZERO } else { u[shape.r()] };
    let bit_port = if shape.top == Far::Open { V::ZERO } else { u[shape.t()] };
    if word_ends.contains(&true) {
        (gw, iw) = (gw.add(cells.right_end), iw.less::<FUSED>(cells.right_end, word_port));
    }
    if bit_ends.contains(&true) {
        (gb, ib) = (gb.add(cells.top_end), ib.less::<FUSED>(cells.top_end, bit_port));
    }
    if shape.source {
        let (i, on) = (cells.source[place], u[shape.s()]);
        (iw, ib) = (iw.less::<FUSED>(i.neg(), on), ib.less::<FUSED>(i, on));
    }
    // Eliminated as on the way forwards: the word-line node first.
    let inverse = gw.add(g).inverse();
    let share = g.mul(inverse);
    let beside = ib.less::<FUSED>(g, word_port).neg().mul(gb.add(g).inverse());
    let both = ib.add(iw.mul(share)).neg().mul(gb.add(gw.mul(share)).inverse());
    let bit = both.or(&word_ends, beside).or(&bit_ends, bit_port);
    let word = iw.less::<FUSED>(g, bit).neg().mul(inverse).or(&word_ends, word_port);
    (word, bit)
}
