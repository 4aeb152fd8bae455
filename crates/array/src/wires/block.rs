//! Blocks of cells as the circuit around them sees them, and how two neighbours become one.
//!
//! A cell owns the wire segment on its left and the one below it. So a block of cells meets its neighbours at nodes of
//! four kinds: on the left (L) the word-line nodes of the cells before it, on the right (R) its own last word-line nodes, at
//! the top (T) its own first bit-line nodes and at the bottom (B) the bit-line nodes of the cells after it. Seen from
//! there it is one symmetric matrix `K`, the currents into the block for voltages at these ports. Ports are ordered L, R,
//! T, B. A block whose cells inject currents has one port more, S: a node at 1 V, whose couplings are those currents.

/// What lies behind the last word-line nodes of a block, or before its first bit-line nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Far {
    /// Other cells: the nodes are ports.
    Through,
    /// Nothing: the line ends here, and its node is inside.
    Open,
    /// Another driver, or another ground, behind a last segment: the port is its far end.
    Ended,
}

/// Size and ports of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub rows: usize,
    pub columns: usize,
    pub right: Far,
    pub top: Far,
    /// Whether cells inject currents.
    pub source: bool,
}

/// Consecutive ports of a child (`from`, `count`) that become ports of its parent from `to` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub from: usize,
    pub count: usize,
    pub to: usize,
}

/// Two neighbours, the left or upper one first, and the block that they become.
#[derive(Clone, Debug)]
pub(super) struct Join {
    pub shape: Shape,
    /// Of each child, its ports that remain, in the order of the parent's.
    pub kept: [Vec<Span>; 2],
    /// Of each child, its first port that it shares with the other.
    pub shared: [usize; 2],
    /// How many ports they share.
    pub count: usize,
    /// The source port of each child and of the parent.
    pub source: Option<([usize; 2], usize)>,
}

impl Shape {
    fn rights(&self) -> usize {
        if self.right == Far::Open { 0 } else { self.rows }
    }

    fn tops(&self) -> usize {
        if self.top == Far::Open { 0 } else { self.columns }
    }

    /// The first port of each kind; L starts at 0.
    pub(super) fn r(&self) -> usize {
        self.rows
    }
    pub(super) fn t(&self) -> usize {
        self.rows + self.rights()
    }
    pub(super) fn b(&self) -> usize {
        self.t() + self.tops()
    }
    pub(super) fn s(&self) -> usize {
        self.b() + self.columns
    }

    /// How many ports it has.
    pub(super) fn ports(&self) -> usize {
        self.s() + usize::from(self.source)
    }

    /// A block of the same size whose lines go on wherever they do in either.
    pub(super) fn wider(self, other: Self) -> Self {
        let far = |a: Far, b: Far| if a == b { a } else { Far::Through };
        Self { right: far(self.right, other.right), top: far(self.top, other.top), ..self }
    }

    /// Its ports among those of `other`, a block of the same size where more lines may go on.
    pub(super) fn within(&self, other: &Self) -> [Span; 5] {
        let span = |from, count, to| Span { from, count, to };
        [
            span(0, self.rows, 0),
            span(other.r(), self.rights(), self.r()),
            span(other.t(), self.tops(), self.t()),
            span(other.b(), self.columns, self.b()),
            span(other.s(), usize::from(self.source), self.s()),
        ]
    }

    /// Whether it is cut into left and right rather than upper and lower half.
    pub(super) fn is_wide(rows: usize, columns: usize) -> bool {
        columns >= rows
    }

    /// Its left and right half, or its upper and lower half, where the first holds `first` columns or rows.
    pub(super) fn halves(&self, wide: bool, first: usize) -> [Self; 2] {
        if wide {
            [
                Self { columns: first, right: Far::Through, ..*self },
                Self { columns: self.columns - first, ..*self },
            ]
        } else {
            [Self { rows: first, ..*self }, Self { rows: self.rows - first, top: Far::Through, ..*self }]
        }
    }
}

impl Join {
    /// Joins `a` and `b`, which lies to its right if `wide`, below it otherwise.
    pub(super) fn new(a: Shape, b: Shape, wide: bool) -> Self {
        let span = |from, count, to| Span { from, count, to };
        let source = a.source;
        let (shape, mut kept, shared, count) = if wide {
            let n = Shape { columns: a.columns + b.columns, right: b.right, ..a };
            let left = vec![span(0, a.rows, 0), span(a.t(), a.tops(), n.t()), span(a.b(), a.columns, n.b())];
            let right = vec![
                span(b.r(), b.rights(), n.r()),
                span(b.t(), b.tops(), n.t() + a.tops()),
                span(b.b(), b.columns, n.b() + a.columns),
            ];
            (n, [left, right], [a.r(), 0], a.rows)
        } else {
            let n = Shape { rows: a.rows + b.rows, ..a };
            let upper =
                vec![span(0, a.rows, 0), span(a.r(), a.rights(), n.r()), span(a.t(), a.tops(), n.t())];
            let lower = vec![
                span(0, b.rows, a.rows),
                span(b.r(), b.rights(), n.r() + a.rights()),
                span(b.b(), b.columns, n.b()),
            ];
            (n, [upper, lower], [a.b(), b.t()], a.columns)
        };
        kept.iter_mut().for_each(|spans| spans.retain(|s| s.count > 0));
        let source = source.then(|| ([a.s(), b.s()], shape.s()));
        Self { shape, kept, shared, count, source }
    }
}

/// A block's matrix: its lower triangle, column by column.
pub(super) struct Block {
    pub shape: Shape,
    pub k: Vec<f64>,
}
